#define _GNU_SOURCE             /* memmem() */

#include "xcctl_signed.h"

#include "../core/xc_sig.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_SIGNED_DEPTH      32
#define XCCTL_SIGNED_HEADERS    (XC_SIGBASE_MAX + 1)


static const xc_str_t  xcctl_signed_mask = { "{subject}", 9 };


/* What comes of a record.  A better one of another policy wins. */
typedef enum {
    XCCTL_SIGNED_VERIFIED = XCCTL_SIGNED_REASONS,
    XCCTL_SIGNED_FAILED,
    XCCTL_SIGNED_NOBODY         /* nobody was authenticated */
} xcctl_signed_result_t;

/* A record and what it says of the request. */
typedef struct {
    xc_arena_t             *arena;
    const xcctl_signed_t   *set;
    const xc_json_t        *root;
    xc_str_t                keyid;
    const xc_credential_t  *credential;
    bool                    redacted;
    xc_sfv_item_t           input;
    xc_str_t                value;
    xc_str_t                host;
    xc_header_t             headers[XCCTL_SIGNED_HEADERS];
    xc_msg_t                msg;
    const char             *why;        /* where it fails */
} xcctl_signed_try_t;


static xc_str_t
xcctl_signed_text(const xc_json_t *object, const char *key)
{
    const xc_json_t  *member = xc_json_member(object, xc_str_z(key));

    return member == NULL ? XC_STR_NONE : xc_json_string(member);
}


/* The headers that the record holds: its digest and what it kept apart. */
static bool
xcctl_signed_headers(xcctl_signed_try_t *try)
{
    size_t                 n = 0;
    xc_str_t               digest;
    const xc_json_t       *covered;
    const xc_json_iter_t  *it;

    digest = xcctl_signed_text(try->root, "content_digest");

    if (digest.data != NULL) {
        try->headers[n++] = (xc_header_t) { XC_STR("content-digest"), digest };
    }

    covered = xc_json_member(try->root, XC_STR("covered"));
    it = covered == NULL ? NULL : xc_json_first(covered);

    for ( /* void */ ; it != NULL; it = xc_json_next(covered, it)) {
        if (n == XCCTL_SIGNED_HEADERS) {
            return false;
        }

        try->headers[n++] = (xc_header_t) {
            xc_json_iter_key(it), xc_json_string(xc_json_iter_value(it))
        };
    }

    try->msg.headers = try->headers;
    try->msg.n_headers = n;
    try->msg.body = digest.data != NULL;

    return true;
}


/* The target as it came: with the subject in its place, and the query whole
 * where the record had to cut the uri. */
static xc_rc_t
xcctl_signed_target(xcctl_signed_try_t *try, xc_str_t uri, const char *subject)
{
    xc_str_t            path = uri, target = uri;
    const char         *mask;
    const xc_header_t  *query;

    query = xc_msg_header(&try->msg, XC_STR("@query"), NULL);

    if (query != NULL) {
        path.len = (size_t) ((const char *) memchr(uri.data, '?', uri.len)
                             - uri.data);
        target = xc_arena_printf(try->arena, XC_STR_FMT XC_STR_FMT,
                                 XC_STR_ARG(path), XC_STR_ARG(query->value));
    }

    if (subject != NULL) {
        mask = memmem(target.data, target.len, xcctl_signed_mask.data,
                      xcctl_signed_mask.len);
        path = (xc_str_t) { target.data, (size_t) (mask - target.data) };
        target.data += path.len + xcctl_signed_mask.len;
        target.len -= path.len + xcctl_signed_mask.len;
        target = xc_arena_printf(try->arena, XC_STR_FMT "%s" XC_STR_FMT,
                                 XC_STR_ARG(path), subject,
                                 XC_STR_ARG(target));
    }

    if (target.len == 0) {
        return XC_ENOMEM;
    }

    xc_msg_set_target(&try->msg, target);

    return XC_OK;
}


static int
xcctl_signed_fail(xcctl_signed_try_t *try, const char *why)
{
    try->why = why;

    return XCCTL_SIGNED_FAILED;
}


/* The label of the record's key, in both fields. */
static xc_rc_t
xcctl_signed_label(xcctl_signed_try_t *try, int *result)
{
    size_t                i;
    xc_rc_t               rc;
    xc_str_t              input, value;
    xc_sfv_list_t         inputs, values;
    const xc_sfv_item_t  *bytes;
    const xc_sfv_bare_t  *keyid;

    input = xcctl_signed_text(try->root, "signature_input");
    value = xcctl_signed_text(try->root, "signature");

    if (input.data == NULL || value.data == NULL) {
        *result = XCCTL_SIGNED_ABSENT;
        return XC_DENIED;
    }

    rc = xc_sfv_parse_dict(try->arena, input, &inputs);
    if (rc == XC_OK) {
        rc = xc_sfv_parse_dict(try->arena, value, &values);
    }

    if (rc == XC_ENOMEM || rc == XC_EINTERNAL) {
        return rc;
    }

    for (i = 0; rc == XC_OK && i < inputs.n; i++) {
        keyid = xc_sfv_param(&inputs.members[i].item, XC_STR("keyid"));
        bytes = xc_sfv_member(&values, inputs.members[i].key);

        if (keyid != NULL && keyid->type == XC_SFV_STRING
            && xc_str_eq(keyid->text, try->keyid) && bytes != NULL
            && bytes->bare.type == XC_SFV_BYTES
            && inputs.members[i].item.bare.type == XC_SFV_INNER_LIST)
        {
            try->input = inputs.members[i].item;
            try->value = bytes->bare.text;
            return XC_OK;
        }
    }

    *result = xcctl_signed_fail(try, "no signature by the key that the record "
                                "names");

    return XC_DENIED;
}


static bool
xcctl_signed_complete(const xcctl_signed_try_t *try)
{
    size_t    i, n;
    xc_str_t  required[XC_SIGBASE_REQUIRED_MAX];

    n = xc_sigbase_required(&try->msg, required);

    for (i = 0; i < n; i++) {
        if (!xc_sigbase_covers(&try->input, try->input.n_items, required[i])) {
            return false;
        }
    }

    return true;
}


static xc_rc_t
xcctl_signed_value(xcctl_signed_try_t *try, int *result)
{
    bool      symmetric = xc_alg_is_symmetric(try->credential->alg);
    xc_rc_t   rc;
    xc_str_t  base, component;

    if (!xcctl_signed_complete(try)) {
        *result = xcctl_signed_fail(try, "the signature does not cover what "
                                    "it has to");
        return XC_OK;
    }

    rc = xc_sig_base(try->arena, &try->msg, try->host, &try->input, &base,
                     &component);

    if (rc == XC_DENIED) {
        *result = XCCTL_SIGNED_COMPONENT;
        return XC_OK;
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = symmetric && try->redacted
         ? XC_OK : xc_key_verify(try->credential->key, base, try->value);

    if (rc == XC_DENIED) {
        *result = xcctl_signed_fail(try, "the signature does not verify");
        return XC_OK;
    }

    *result = symmetric ? (int) XCCTL_SIGNED_SYMMETRIC
                        : (int) XCCTL_SIGNED_VERIFIED;

    return rc;
}


/* A target that no operation has is recorded as far as the policy names it. */
static bool
xcctl_signed_unread(xc_str_t uri)
{
    return memmem(uri.data, uri.len, "{unknown}", 9) != NULL
           || memmem(uri.data, uri.len, "{unread}", 8) != NULL;
}


/* With each subject in the masked place; the text itself may stand there. */
static xc_rc_t
xcctl_signed_targets(xcctl_signed_try_t *try, int *result)
{
    size_t    i;
    xc_rc_t   rc;
    xc_str_t  uri;

    uri = xcctl_signed_text(try->root, "uri");
    try->msg.method = xcctl_signed_text(try->root, "method");
    try->host = xcctl_signed_text(try->root, "host");

    if (uri.len == 0 || try->msg.method.len == 0 || try->host.len == 0
        || !xcctl_signed_headers(try)
        || (xc_msg_header(&try->msg, XC_STR("@query"), NULL) != NULL
            && memchr(uri.data, '?', uri.len) == NULL))
    {
        *result = XCCTL_SIGNED_ABSENT;
        return XC_OK;
    }

    rc = xcctl_signed_target(try, uri, NULL);
    if (rc == XC_OK) {
        rc = xcctl_signed_value(try, result);
    }

    if (rc == XC_OK && *result == XCCTL_SIGNED_FAILED
        && xcctl_signed_unread(uri))
    {
        *result = XCCTL_SIGNED_ABSENT;
    }

    if (rc != XC_OK || *result != XCCTL_SIGNED_FAILED
        || memmem(uri.data, uri.len, xcctl_signed_mask.data,
                  xcctl_signed_mask.len) == NULL)
    {
        return rc;
    }

    *result = try->set->n_subjects == 0 ? XCCTL_SIGNED_MASKED
                                        : XCCTL_SIGNED_SUBJECT;

    for (i = 0; i < try->set->n_subjects; i++) {
        int  with = XCCTL_SIGNED_FAILED;

        rc = xcctl_signed_target(try, uri, try->set->subjects[i]);
        if (rc == XC_OK) {
            rc = xcctl_signed_value(try, &with);
        }

        if (rc != XC_OK || with != XCCTL_SIGNED_FAILED) {
            *result = with;
            return rc;
        }
    }

    return XC_OK;
}


static xc_rc_t
xcctl_signed_one(xcctl_signed_try_t *try, const xc_policy_t *policy,
    int *result)
{
    xc_rc_t   rc;
    xc_str_t  agency = xcctl_signed_text(try->root, "agency");

    try->credential = xc_policy_keyid(policy, try->keyid);

    if (try->credential == NULL) {
        *result = XCCTL_SIGNED_UNKNOWN;
        return XC_OK;
    }

    if (!xc_str_eq(try->credential->agency->id, agency)) {
        *result = xcctl_signed_fail(try, "the key is another agency's in the "
                                    "policy");
        return XC_OK;
    }

    rc = xcctl_signed_label(try, result);

    return rc == XC_DENIED ? XC_OK
           : rc == XC_OK ? xcctl_signed_targets(try, result) : rc;
}


/* Verified by one policy is verified; else what the last one that knows the
 * key says. */
static xc_rc_t
xcctl_signed_any(xcctl_signed_try_t *try, int *result)
{
    int      one;
    size_t   i;
    xc_rc_t  rc;

    *result = XCCTL_SIGNED_UNKNOWN;

    for (i = 0; i < try->set->n_policies; i++) {
        try->redacted = try->set->redacted[i];
        one = XCCTL_SIGNED_UNKNOWN;

        rc = xcctl_signed_one(try, try->set->policies[i], &one);
        if (rc != XC_OK) {
            return rc;
        }

        if (one != XCCTL_SIGNED_UNKNOWN) {
            *result = one;
        }

        if (one == XCCTL_SIGNED_VERIFIED) {
            break;
        }
    }

    return XC_OK;
}


static xc_rc_t
xcctl_signed_examine(xcctl_signed_try_t *try, const xcctl_record_t *record,
    int *result)
{
    xc_rc_t            rc;
    xc_str_t           credential;
    const xc_json_t   *tls;
    static const char  scheme[] = "httpsig:";

    rc = xc_json_parse(try->arena, record->line, XCCTL_SIGNED_DEPTH, NULL,
                       &try->root);
    if (rc != XC_OK) {
        *result = XCCTL_SIGNED_ABSENT;
        return rc == XC_ENOMEM ? rc : XC_OK;
    }

    if (xc_json_member(try->root, XC_STR("agency")) == NULL) {
        *result = XCCTL_SIGNED_NOBODY;

        if (xc_str_eq(xcctl_signed_text(try->root, "decision"),
                      XC_STR("allow")))
        {
            *result = XCCTL_SIGNED_FAILED;
            try->why = "admits somebody and names no agency";
        }

        return XC_OK;
    }

    credential = xcctl_signed_text(try->root, "credential");

    if (credential.len < sizeof(scheme)
        || memcmp(credential.data, scheme, sizeof(scheme) - 1) != 0)
    {
        *result = XCCTL_SIGNED_OTHER;
        return XC_OK;
    }

    try->keyid = (xc_str_t) { credential.data + sizeof(scheme) - 1,
                              credential.len - sizeof(scheme) + 1 };
    tls = xc_json_member(try->root, XC_STR("tls"));
    try->msg.tls = tls != NULL && xc_json_type(tls) == XC_JSON_STRING;

    return xcctl_signed_any(try, result);
}


xc_rc_t
xcctl_signed_record(xcctl_signed_t *set, const xcctl_record_t *record)
{
    int                 result = XCCTL_SIGNED_ABSENT;
    xc_rc_t             rc;
    xcctl_signed_try_t  try = { .arena = &set->record.arena, .set = set };

    if (!xcctl_record_event(record, "decision")) {
        return XC_OK;
    }

    rc = xcctl_signed_examine(&try, record, &result);
    xc_heap_free(&set->record);

    if (rc != XC_OK) {
        return rc;
    }

    if (result == XCCTL_SIGNED_VERIFIED) {
        set->verified++;

    } else if (result == XCCTL_SIGNED_FAILED) {
        set->failed++;
        printf("%s:%" PRIu64 ": seq %" PRIu64 ": %s\n", record->where.file,
               record->where.line, record->seq, try.why);

    } else if (result != XCCTL_SIGNED_NOBODY) {
        xcctl_ranges_add(&set->unprovable[result], record->seq);
    }

    return XC_OK;
}


void
xcctl_signed_end(const xcctl_signed_t *set)
{
    size_t                    i;
    uint64_t                  unprovable = 0;
    static const char *const  reasons[XCCTL_SIGNED_REASONS] = {
        [XCCTL_SIGNED_SYMMETRIC] = "HMAC, whose secret the platform has too",
        [XCCTL_SIGNED_OTHER] = "the credential is no signature over the "
                               "request",
        [XCCTL_SIGNED_ABSENT] = "the record lacks a part of the evidence",
        [XCCTL_SIGNED_UNKNOWN] = "no policy given has the key",
        [XCCTL_SIGNED_MASKED] = "the path held a subject: give it by "
                                "--subject",
        [XCCTL_SIGNED_SUBJECT] = "the path held a subject, and none given "
                                 "fits",
        [XCCTL_SIGNED_COMPONENT] = "it covers what the record does not hold",
    };

    for (i = 0; i < XCCTL_SIGNED_REASONS; i++) {
        unprovable += set->unprovable[i].n;
    }

    printf("signatures: %" PRIu64 " verified, %" PRIu64 " failed, %" PRIu64
           " can't be proved\n", set->verified, set->failed, unprovable);

    for (i = 0; i < XCCTL_SIGNED_REASONS; i++) {
        if (set->unprovable[i].n != 0) {
            printf("  %s: seq ", reasons[i]);
            xcctl_ranges_print(&set->unprovable[i]);
            putchar('\n');
        }
    }
}


void
xcctl_signed_free(xcctl_signed_t *set)
{
    if (set->n_policies != 0 || set->heap.arena.ctx != NULL) {
        xc_heap_free(&set->record);
        xc_heap_free(&set->heap);
    }
}
