/*
 * A policy: whatever the file holds, it loads whole or with a fault; what has
 * loaded answers.  0x1e stands between the policy and the files that it may
 * name, "1" to "3".
 */

#include "fuzz.h"


#define SEPARATOR   0x1e
#define FILES_MAX   3

typedef struct {
    xc_str_t  content[FILES_MAX];
    size_t    n;
} fuzz_files_t;

static const char  body[] =
    "{\"request_no\":\"沪市监协查〔2026〕1182号\",\"purpose\":\"product_recall\","
    "\"subjects\":[{\"type\":\"merchant\",\"id\":\"91310000MA1FL0000N\"}],"
    "\"approval\":\"沪市监协特〔2026〕7号\",\"fields\":[\"merchant.name\","
    "\"buyer.phone\"]}";

static const char  query[] =
    "fields=merchant.name&request_no=%E6%B2%AA%E3%80%942026%E3%80%951%E5%8F%B7"
    "&purpose=product_recall";


static void
check_fields(const xc_policy_t *policy)
{
    size_t  i;

    for (i = 0; i < policy->n_fields; i++) {
        FUZZ_CHECK(xc_policy_field(policy, policy->fields[i].id)
                   == &policy->fields[i]);
        FUZZ_CHECK(policy->fields[i].group < policy->n_groups);
    }
}


static void
check_grants(const xc_agency_t *agency)
{
    size_t                    i;
    const xc_agency_grant_t  *held;

    for (i = 0; i < agency->n_grants; i++) {
        held = &agency->grants[i];
        FUZZ_CHECK(held->grant->sweep || held->not_after_s != INT64_MAX);
        FUZZ_CHECK((held->grant->levels >> agency->level & 1) == 1);
        FUZZ_CHECK(!held->grant->sweep
                   || (agency->level >= XC_LEVEL_PROVINCE
                       && (agency->level == XC_LEVEL_NATIONAL
                           || held->authority_no.len != 0)));
    }
}


static void
check_credential(const xc_policy_t *policy, const xc_agency_t *agency,
    const xc_credential_t *credential)
{
    FUZZ_CHECK(credential->agency == agency);
    FUZZ_CHECK(!xc_policy_behalf_ok(credential, agency));

    if (credential->scheme == XC_SCHEME_HTTPSIG) {
        FUZZ_CHECK(xc_policy_keyid(policy, credential->keyid) == credential);
        FUZZ_CHECK(credential->key != NULL && credential->alg != XC_ALG_NONE);
    }
}


static void
check_agencies(const xc_policy_t *policy)
{
    size_t              i, j;
    const xc_agency_t  *agency;

    for (i = 0; i < policy->n_agencies; i++) {
        agency = &policy->agencies[i];
        FUZZ_CHECK(xc_policy_agency(policy, agency->id) == agency
                   && agency->index == i && agency->rate != NULL);
        FUZZ_CHECK(agency->level == XC_LEVEL_NATIONAL
                   || agency->parent.len != 0);

        check_grants(agency);

        for (j = 0; j < agency->n_credentials; j++) {
            check_credential(policy, agency, &agency->credentials[j]);
        }
    }
}


/* DOMAIN.md row 8: for the case at hand, and for a time. */
static void
check_approvals(const xc_policy_t *policy)
{
    size_t                i, j;
    const xc_approval_t  *approval;

    for (i = 0; i < policy->n_approvals; i++) {
        approval = &policy->approvals[i];
        FUZZ_CHECK(xc_policy_approval(policy, approval->no) == approval);
        FUZZ_CHECK(approval->n_fields != 0 && approval->by.len != 0
                   && approval->agency.len != 0
                   && approval->not_after_s != INT64_MAX
                   && approval->not_before_s < approval->not_after_s);
        FUZZ_CHECK(approval->case_no.data != NULL
                   || approval->request_no.data != NULL
                   || approval->n_subjects != 0);

        for (j = 0; j < approval->n_fields; j++) {
            FUZZ_CHECK(xc_approval_covers(approval, approval->fields[j]));
        }
    }
}


/* What a request needs to be decided, or nothing at all. */
static void
check_operation(const xc_policy_t *policy, const xc_operation_t *operation)
{
    if (operation->kind == XC_OPERATION_RESULT) {
        FUZZ_CHECK(operation->input == XC_INPUT_NONE
                   && operation->capture_request >= 0
                   && policy->needs_token_key);
        return;
    }

    FUZZ_CHECK(operation->input != XC_INPUT_NONE);
    FUZZ_CHECK(operation->map[XC_MEMBER_FIELDS].len != 0
               && operation->map[XC_MEMBER_REQUEST_NO].len != 0
               && operation->map[XC_MEMBER_PURPOSE].len != 0);
    FUZZ_CHECK(operation->capture_subject < 0
               || operation->subject_type != NULL);
}


static void
check_paths(const xc_policy_t *policy, const xc_operation_t *of)
{
    size_t                 i, j;
    xc_rc_t                rc;
    xc_captures_t          captures;
    const xc_operation_t  *operation;

    static const xc_str_t  paths[] = {
        { "/xc/v1/merchants/91310000MA1FL0000N", 35 },
        { "/xc/v1/requests/0123456789abcdef0123456789abcdef", 48 },
        { "/xc/v1/check", 12 }
    };

    for (i = 0; i < of->n_methods; i++) {
        for (j = 0; j < XC_COUNT(paths); j++) {
            rc = xc_policy_operation(policy, of->methods[i], paths[j],
                                     &operation, &captures);
            FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
            FUZZ_CHECK(rc != XC_OK
                       || captures.subject.len + captures.request.len
                          <= 2 * paths[j].len);
        }
    }
}


/* A request decides the same whoever wrote the policy: without a crash. */
static void
decide(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation)
{
    size_t            i;
    xc_rc_t           rc;
    xc_str_t          subject = XC_STR("");
    xc_request_t      request;
    xc_verdict_t      verdict;
    xc_approval_in_t  in = { .arena = arena, .policy = policy,
                             .authority = XC_STR("platform.example"),
                             .now_s = SAMPLE_NOW_S };

    if (operation->subject_type != NULL) {
        subject = XC_STR("91310000MA1FL0000N");
    }

    rc = operation->input == XC_INPUT_BODY
         ? xc_scope_read_body(arena, policy, operation, XC_STR(body), subject,
                              &request, &verdict)
         : xc_scope_read_query(arena, policy, operation, XC_STR(query),
                               subject, &request, &verdict);
    fuzz_check_verdict(rc, &verdict);

    for (i = 0; rc == XC_OK && i < XC_MIN(policy->n_agencies, 4); i++) {
        in.agency = &policy->agencies[i];
        rc = xc_approval_resolve(&in, &request);

        if (rc == XC_OK) {
            rc = xc_scope_decide(arena, policy, in.agency, NULL, SAMPLE_NOW_S,
                                 &request, &verdict);
        }

        fuzz_check_verdict(rc, &verdict);
        rc = rc == XC_DENIED ? XC_OK : rc;
    }
}


static void
check_loaded(xc_arena_t *arena, const xc_policy_t *policy)
{
    size_t            i;
    xc_rc_t           rc;
    const xc_json_t  *copy;

    FUZZ_CHECK(policy->n_authorities != 0 && policy->n_operations != 0
               && policy->n_fields != 0 && policy->n_purposes != 0
               && policy->id.len != 0 && policy->version.len != 0);

    check_fields(policy);
    check_agencies(policy);
    check_approvals(policy);

    for (i = 0; i < policy->n_operations; i++) {
        check_operation(policy, &policy->operations[i]);
        check_paths(policy, &policy->operations[i]);

        if (policy->operations[i].kind != XC_OPERATION_RESULT) {
            decide(arena, policy, &policy->operations[i]);
        }
    }

    rc = xc_json_parse(arena, policy->copy, XC_POLICY_LIMIT_DEPTH, NULL, &copy);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ENOMEM);
}


static xc_rc_t
read_file(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    size_t               i;
    const fuzz_files_t  *files = ctx;

    (void) secret;
    *error = "no such file";

    if (path.len != 1 || path.data[0] <= '0') {
        return XC_EIO;
    }

    i = (size_t) (path.data[0] - '1');

    return i < files->n ? xc_arena_dup(arena, files->content[i], content)
                        : XC_EIO;
}


/* The policy's text; what stands behind it are files. */
static xc_str_t
split(xc_str_t text, fuzz_files_t *files)
{
    xc_str_t     part, first = XC_STR_NONE;
    const char  *end;

    for (files->n = 0; /* void */ ; /* void */ ) {
        end = text.len == 0 ? NULL : memchr(text.data, SEPARATOR, text.len);
        part = (xc_str_t) { text.data, end == NULL ? text.len
                                       : (size_t) (end - text.data) };

        if (first.data == NULL) {
            first = part;

        } else {
            files->content[files->n++] = part;
        }

        if (end == NULL || files->n == FILES_MAX) {
            return first;
        }

        text.data += part.len + 1;
        text.len -= part.len + 1;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              i;
    xc_rc_t             rc;
    xc_str_t            text;
    xc_heap_t           heap;
    fuzz_files_t        stored;
    xc_policy_files_t   files = { read_file, &stored };
    xc_policy_faults_t  faults;
    const xc_policy_t  *policy = NULL;

    FUZZ_CHECK(xc_crypto_init() == XC_OK);
    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    text = split((xc_str_t) { (const char *) data, size }, &stored);
    rc = xc_policy_load(&heap.arena, text, &files, SAMPLE_NOW_S, &faults,
                        &policy);

    FUZZ_CHECK(faults.n <= XC_POLICY_FAULTS_MAX);

    for (i = 0; i < faults.n; i++) {
        FUZZ_CHECK(xc_ascii_is_utf8(faults.list[i].path)
                   && faults.list[i].message.len != 0);
    }

    if (rc == XC_OK) {
        FUZZ_CHECK(faults.faults == 0);
        check_loaded(&heap.arena, policy);

    } else {
        FUZZ_CHECK(policy == NULL);
        FUZZ_CHECK(rc != XC_EINPUT || faults.faults != 0);
        FUZZ_CHECK(rc != XC_EINTERNAL);
    }

    xc_heap_free(&heap);

    return 0;
}
