#include "xcctl_replay_request.h"

#include "xcctl.h"
#include "xcctl_ask.h"

#include "../core/xc_approval.h"

#include <stdlib.h>

#define XCCTL_REPLAY_DEPTH  32
#define XCCTL_REPLAY_NAME   96      /* node:seq */
#define XCCTL_REPLAY_KEY    1280    /* that, and an approval's number */


xc_str_t
xcctl_replayed_field(const xcctl_replayed_t *one, xc_str_t field)
{
    size_t            i;
    const xc_json_t  *list, *element;

    list = xc_json_member(one->root, XC_STR("refused"));

    for (i = 0; (element = xc_json_element(list, i)) != NULL; i++) {
        if (xc_str_eq(xcctl_replay_string(element, "field"), field)) {
            return xcctl_replay_string(element, "reason");
        }
    }

    return XC_STR_NONE;
}


xc_str_t
xcctl_replayed_now(const xcctl_replayed_t *one, xc_str_t field)
{
    size_t               i;
    const xc_request_t  *request = &one->ask.request;

    for (i = 0; i < request->n_fields; i++) {
        if (xc_str_eq(request->fields[i].name, field)
            && request->fields[i].refused != XC_REASON_NONE)
        {
            return xc_reason_info(request->fields[i].refused)->code;
        }
    }

    return XC_STR_NONE;
}


/* The same policy with subject types that take any id: the log holds MACs. */
static xc_rc_t
xcctl_replay_lenient(xcctl_replay_policy_t *policy)
{
    size_t              i;
    xc_rc_t             rc;
    xc_arena_t         *arena = &policy->file.heap.arena;
    xc_policy_t        *lenient = &policy->lenient;
    xc_subject_type_t  *types;

    *lenient = *policy->file.policy;
    lenient->limits.depth = XCCTL_REPLAY_DEPTH;

    types = xc_arena_array(arena, lenient->n_subject_types + 1,
                           sizeof(xc_subject_type_t));
    rc = types == NULL ? XC_ENOMEM
         : xc_index_init(&lenient->subject_type_index, arena,
                         lenient->n_subject_types + 1);

    for (i = 0; i < lenient->n_subject_types && rc == XC_OK; i++) {
        types[i] = (xc_subject_type_t) { lenient->subject_types[i].id, false,
                                         NULL };
        rc = xc_index_add(&lenient->subject_type_index, types[i].id,
                          &types[i]);
    }

    lenient->subject_types = types;
    policy->lenient_file = policy->file;
    policy->lenient_file.policy = lenient;

    return rc;
}


bool
xcctl_replay_open(xcctl_replay_policy_t *policy, const char *path)
{
    if (!xcctl_policy_open(&policy->file, path)) {
        return false;
    }

    if (xcctl_replay_lenient(policy) != XC_OK) {
        (void) xcctl_fail("out of memory");
        return false;
    }

    return true;
}


void
xcctl_replay_close(xcctl_replay_policy_t *policy)
{
    xcctl_policy_close(&policy->file);
    xcctl_tally_free(&policy->numbered);
}


/* "node:seq number" */
static xc_str_t
xcctl_replay_key(xc_buf_t *b, xc_str_t record, xc_str_t approval)
{
    xc_buf_str(b, record);
    xc_buf_char(b, ' ');
    xc_buf_str(b, approval);

    return xc_buf_view(b);
}


xc_rc_t
xcctl_replay_numbered(xcctl_replay_policy_t *policy,
    const xcctl_record_t *record, const xcctl_replayed_t *one)
{
    char      mem[XCCTL_REPLAY_KEY], name[XCCTL_REPLAY_NAME];
    xc_buf_t  b, id;
    xc_str_t  approval = xcctl_replay_string(one->root, "approval"), key;

    if (approval.data == NULL
        || xc_json_member(one->root, XC_STR("approval_token")) != NULL
        || xc_json_member(one->root, XC_STR("ref")) != NULL)
    {
        return XC_OK;
    }

    xc_buf_init(&id, name, sizeof(name));
    xc_buf_str(&id, record->node);
    xc_buf_char(&id, ':');
    xc_buf_u64(&id, record->seq);

    xc_buf_init(&b, mem, sizeof(mem));
    key = xcctl_replay_key(&b, xc_buf_view(&id), approval);

    /* one too long for that is not known, as if its log were not given */
    return id.overflow || b.overflow
           || xcctl_tally_at(&policy->numbered, key) != NULL
           ? XC_OK : XC_ENOMEM;
}


/* A result's record has the number alone, whatever its submit brought. */
static bool
xcctl_replay_known(const xcctl_replay_policy_t *policy, const xc_json_t *root)
{
    char      mem[XCCTL_REPLAY_KEY];
    xc_buf_t  b;
    xc_str_t  approval = xcctl_replay_string(root, "approval"), key;
    xc_str_t  ref = xcctl_replay_string(root, "ref");

    if (xc_json_member(root, XC_STR("approval_token")) != NULL) {
        return false;
    }

    if (ref.data == NULL || approval.data == NULL) {
        return true;
    }

    xc_buf_init(&b, mem, sizeof(mem));
    key = xcctl_replay_key(&b, ref, approval);

    return !b.overflow && xcctl_tally_find(&policy->numbered, key) != NULL;
}


xc_rc_t
xcctl_replay_deny(xcctl_replayed_t *out, xc_reason_t reason)
{
    out->ask.verdict = (xc_verdict_t) { reason, XC_STR(""), XC_STR("") };

    return XC_DENIED;
}


xc_rc_t
xcctl_replay_cannot(xcctl_replayed_t *out, const char *why)
{
    out->unknown = xc_str_z(why);

    return XC_EINPUT;
}


/* Officers are in the log only where the gate had a key for them. */
static bool
xcctl_replay_officers(const xcctl_replayed_t *out)
{
    const xc_json_t     *subject;
    const xc_purpose_t  *purpose;

    purpose = xc_policy_purpose(out->ask.file->policy,
                                xcctl_replay_string(out->root, "purpose"));
    subject = xc_json_element(xc_json_member(out->root, XC_STR("subjects")),
                              0);

    return purpose == NULL
           || (purpose->requires & 1u << XC_MEMBER_OFFICERS) == 0
           || xc_json_member(out->root, XC_STR("officers")) != NULL
           || xc_json_member(subject, XC_STR("id")) != NULL;
}


static int
xcctl_replay_by_address(const void *a, const void *b)
{
    uintptr_t  x = (uintptr_t) *(const xc_field_t *const *) a;
    uintptr_t  y = (uintptr_t) *(const xc_field_t *const *) b;

    return (x > y) - (x < y);
}


/* The best that a token can have said: it is not in the log. */
static const xc_approval_t *
xcctl_replay_token(const xcctl_ask_t *ask)
{
    size_t               i;
    xc_approval_t       *out;
    const xc_request_t  *request = &ask->request;

    out = xc_arena_array(ask->arena, 1, sizeof(xc_approval_t));
    if (out != NULL) {
        out->fields = xc_arena_array(ask->arena, request->n_fields + 1,
                                     sizeof(xc_field_t *));
    }

    if (out == NULL || out->fields == NULL) {
        return NULL;
    }

    out->no = request->approval;
    out->by = xc_approval_by(ask->agency);
    out->agency = ask->agency->id;
    out->not_before_s = INT64_MIN;
    out->not_after_s = INT64_MAX;

    for (i = 0; i < request->n_fields; i++) {
        if (request->fields[i].field != NULL) {
            out->fields[out->n_fields++] = request->fields[i].field;
        }
    }

    qsort(out->fields, out->n_fields, sizeof(xc_field_t *),
          xcctl_replay_by_address);

    return out;
}


/* The approval named, without the subjects that it is for; sure: nothing of it
 * is left open. */
static xc_rc_t
xcctl_replay_approval(xcctl_replayed_t *out, bool *sure)
{
    xc_approval_t        *copy;
    xcctl_ask_t          *ask = &out->ask;
    xc_request_t         *request = &ask->request;
    const xc_approval_t  *rule = NULL;

    *sure = out->numbered;

    if (*sure) {
        if (request->approval.data != NULL) {
            rule = xc_policy_approval(ask->file->policy, request->approval);
        }

        request->approval_rule = rule;
        *sure = rule == NULL || rule->n_subjects == 0;

        if (*sure) {
            return XC_OK;
        }

        copy = xc_arena_alloc(ask->arena, sizeof(xc_approval_t));
        if (copy != NULL) {
            *copy = *rule;
            copy->n_subjects = 0;
        }

        rule = copy;

    } else {
        rule = xcctl_replay_token(ask);
    }

    request->approval_rule = rule;

    return rule == NULL ? XC_ENOMEM : XC_OK;
}


static const char *
xcctl_replay_open_why(const xcctl_replayed_t *out)
{
    if (out->numbered) {
        return "its approval is for subjects, whose ids the log does not hold";
    }

    return out->ask.operation->kind == XC_OPERATION_RESULT
           ? "its submit's approval came as a token, or that submit is in no "
             "log before it"
           : "its approval came as a token";
}


/* Once as if what the log leaves open of an approval held, once as if not:
 * only where that is the same does it tell anything. */
static xc_rc_t
xcctl_replay_scope(xcctl_replayed_t *out, xc_rc_t read)
{
    bool           sure, same;
    size_t         i;
    xc_rc_t        rc;
    xc_asked_t    *then;
    xcctl_ask_t   *ask = &out->ask;
    xc_reason_t    reason;
    xc_verdict_t   verdict = ask->verdict;

    rc = xcctl_replay_approval(out, &sure);
    if (rc == XC_OK) {
        rc = xcctl_ask_decide(ask, read);
    }

    if (sure || (rc != XC_OK && rc != XC_DENIED)) {
        return rc;
    }

    then = xc_arena_array(ask->arena, ask->request.n_fields + 1,
                          sizeof(xc_asked_t));
    if (then == NULL) {
        return XC_ENOMEM;
    }

    memcpy(then, ask->request.fields,
           ask->request.n_fields * sizeof(xc_asked_t));
    reason = ask->verdict.reason;
    ask->request.approval_rule = NULL;
    ask->verdict = verdict;

    rc = xcctl_ask_decide(ask, read);
    if (rc != XC_OK && rc != XC_DENIED) {
        return rc;
    }

    same = reason == ask->verdict.reason;

    /* a refusal that was none is one, whatever else it lists */
    if (same && out->allowed && rc == XC_DENIED) {
        ask->request.fields = then;
        return rc;
    }

    for (i = 0; i < ask->request.n_fields; i++) {
        same &= then[i].refused == ask->request.fields[i].refused;
    }

    return same ? rc : xcctl_replay_cannot(out, xcctl_replay_open_why(out));
}


/* Had the gate come so far as to decide? */
static xc_rc_t
xcctl_replay_decided(xcctl_replayed_t *out)
{
    size_t                    i;
    static const xc_reason_t  reasons[] = {
        XC_REASON_PURPOSE_NOT_ALLOWED, XC_REASON_FIELD_UNKNOWN,
        XC_REASON_FIELD_NOT_GRANTED, XC_REASON_APPROVAL_REQUIRED,
        XC_REASON_APPROVAL_INVALID, XC_REASON_SWEEP_NOT_AUTHORIZED,
        XC_REASON_SUBJECT_REQUIRED
    };

    for (i = 0; !out->allowed && i < XC_COUNT(reasons); i++) {
        if (xc_str_eq(out->reason, xc_reason_info(reasons[i])->code)) {
            break;
        }
    }

    if (i == XC_COUNT(reasons)) {
        out->unknown = xc_arena_printf(out->ask.arena, "refused as "
                                       XC_STR_FMT " before its fields were "
                                       "decided", XC_STR_ARG(out->reason));
        return XC_EINPUT;
    }

    if (xc_json_member(out->root, XC_STR("cut")) != NULL) {
        return xcctl_replay_cannot(out, "members are cut from its record");
    }

    if (xc_json_member(out->root, XC_STR("fields")) == NULL) {
        return xcctl_replay_cannot(out, "its record names no fields");
    }

    return XC_OK;
}


/* Refused for something that stands before subjects, a result without any has
 * the same reason as one of some; allowed, it would not be. */
static bool
xcctl_replay_nobody(const xcctl_replayed_t *out)
{
    return out->ask.operation->kind == XC_OPERATION_RESULT && !out->allowed
           && !out->ask.request.sweep;
}


static xc_rc_t
xcctl_replay_put(xcctl_replayed_t *out, size_t line_len)
{
    xc_rc_t  rc;

    rc = xcctl_replay_headers(out);

    if (rc == XC_OK && !xcctl_replay_officers(out)) {
        rc = xcctl_replay_cannot(out, "its purpose asks for officers, whom the "
                                 "log does not hold");
    }

    if (rc == XC_OK) {
        rc = xcctl_replay_request(out, line_len);

        if (xcctl_ask_readable(&out->ask, rc)) {
            rc = xcctl_replay_scope(out, rc);
        }

        if (rc == XC_OK && xcctl_replay_nobody(out)) {
            rc = xcctl_replay_cannot(out, "whether a refused result is of "
                                     "subjects stands in no record of it");
        }
    }

    return rc;
}


static void
xcctl_replay_compare(xcctl_replayed_t *out)
{
    bool              same, now = out->ask.verdict.reason == XC_REASON_NONE;
    size_t            i;
    xc_str_t          field;
    const xc_json_t  *list, *one;

    if (out->allowed != now) {
        out->change = now ? XCCTL_REPLAY_ALLOWS : XCCTL_REPLAY_DENIES;
        return;
    }

    same = now || xc_str_eq(out->reason,
                            xc_reason_info(out->ask.verdict.reason)->code);
    list = xc_json_member(out->root, XC_STR("fields"));

    for (i = 0; (one = xc_json_element(list, i)) != NULL; i++) {
        field = xc_json_string(one);
        same &= xc_str_eq(xcctl_replayed_field(out, field),
                          xcctl_replayed_now(out, field));
    }

    out->change = same ? XCCTL_REPLAY_SAME : XCCTL_REPLAY_OTHERWISE;
}


xc_rc_t
xcctl_replay_decide(const xcctl_replay_policy_t *policy, xc_arena_t *arena,
    xc_str_t line, int64_t at_s, xcctl_replayed_t *out)
{
    xc_rc_t           rc;
    const xc_json_t  *root;

    rc = xc_json_parse(arena, line, XCCTL_REPLAY_DEPTH, NULL, &root);
    if (rc != XC_OK) {
        return rc == XC_ELIMIT ? XC_EINPUT : rc;
    }

    *out = (xcctl_replayed_t) {
        .root = root, .agency = xcctl_replay_string(root, "agency"),
        .operation = xcctl_replay_string(root, "operation"),
        .reason = xcctl_replay_string(root, "reason"),
        .allowed = xc_str_eq(xcctl_replay_string(root, "decision"),
                             XC_STR("allow")),
        .ask = { .file = &policy->lenient_file, .arena = arena,
                 .at_s = at_s },
        .numbered = xcctl_replay_known(policy, root),
        .change = XCCTL_REPLAY_UNKNOWN
    };

    rc = xcctl_replay_decided(out);
    if (rc == XC_OK) {
        rc = xcctl_replay_put(out, line.len);
        out->subjects = out->ask.request.n_subjects != 0
                        && out->ask.operation != NULL
                        && out->ask.operation->kind != XC_OPERATION_RESULT;
    }

    if (rc == XC_OK || rc == XC_DENIED) {
        xcctl_replay_compare(out);
        return XC_OK;
    }

    return rc == XC_EINPUT ? XC_OK : rc;
}
