/* What the fuzz targets share: the sample policy with all that a request can
 * meet, loaded once, what has to hold of a decision, and a way to stop. */

#ifndef FUZZ_H
#define FUZZ_H

#include "../unit/sample_policy.h"
#include "xc_approval_token.h"
#include "xc_ascii.h"
#include "xc_heap.h"

#include <stdio.h>
#include <stdlib.h>


/* Of one input, in the arena: who passes it is refused like who gets no
 * memory. */
#define FUZZ_ARENA_MAX  (64 * 1024 * 1024)

#define FUZZ_CHECK(what)                                                      \
    do {                                                                      \
        if (!(what)) {                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #what);\
            abort();                                                          \
        }                                                                     \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* The sample, and: a province that may sweep and whose key signs approvals, an
 * intermediary that may ask for two agencies, SAMR sweeping, two approvals, and
 * the kinds of operations that a request comes back to. */
static const char *const  fuzz_edits[][2] = {
    { "'approval': '/approval'},",
      "'approval': '/approval', 'approval_token': '/approval_token'}," },
    { "'pass': ['lang']}],",
      "'pass': ['lang']},"
      " {'id': 'result', 'kind': 'result', 'methods': ['GET'],"
      " 'path': '/xc/v1/requests/(?<request>[0-9a-f]{32})'},"
      " {'id': 'check', 'kind': 'check', 'methods': ['POST'],"
      " 'path': '/xc/v1/check', 'body': {'like': 'submit'}}]," },
    { "'above': {",
      "'sweep': {'sweep': true, 'groups': ['goods'], 'levels': ['province',"
      " 'national']}, 'above': {" },
    { "'grants': ['standard'], 'credentials': [\n      {'type': 'httpsig',"
      " 'keyid': '310000-2026',",
      "'grants': ['standard', {'grant': 'sweep', 'authority_no':"
      " '国市监网授〔2026〕3号', 'not_after': '2027-03-01T00:00:00Z'}],"
      " 'credentials': [{'type': 'httpsig', 'keyid': 'seal', 'alg': 'ed25519',"
      " 'public_key': '" SAMPLE_PUBLIC "'},"
      " {'type': 'httpsig', 'keyid': '310000-2026'," },
    { "'grants': ['standard', 'above'], 'credentials': []}]}",
      "'grants': ['standard', 'above', 'sweep'], 'credentials': []},"
      " {'id': 'smart', 'name': '代办平台', 'level': 'national', 'region':"
      " '000000', 'grants': ['standard'], 'credentials': [{'type': 'httpsig',"
      " 'keyid': 'smart', 'alg': 'hmac-sha256', 'secret':"
      " 'cm9idXN0cm9idXN0cm9idXN0cm9idXN0cm9idXN0cm9idXN0', 'on_behalf_of':"
      " ['310115', '310000']}]}],"
      " 'approvals': ["
      "{'no': '沪市监协特〔2026〕7号', 'by': '310000', 'agency': '310115',"
      " 'fields': ['merchant.bank_account', 'buyer.phone'],"
      " 'case_no': '沪市监案〔2026〕310号',"
      " 'not_after': '2027-01-31T00:00:00Z'},"
      " {'no': '沪市监协特〔2026〕8号', 'by': '310000', 'agency': '310000',"
      " 'fields': ['buyer.phone'],"
      " 'subjects': [{'type': 'merchant', 'id': '91310000MA1FL0000N'},"
      " {'type': 'order', 'id': 'A-000001'}],"
      " 'not_after': '2027-02-28T00:00:00Z'}]}" }
};


/* The text of the policy above, in one buffer for all. */
static inline xc_str_t
fuzz_policy_text(void)
{
    static char  text[2 * sizeof(sample_policy)], mem[sizeof(text)];
    size_t       i, rest;
    char        *at;

    strcpy(text, sample_policy);

    for (i = 0; i < sizeof(fuzz_edits) / sizeof(fuzz_edits[0]); i++) {
        at = strstr(text, fuzz_edits[i][0]);
        FUZZ_CHECK(at != NULL);

        rest = strlen(at + strlen(fuzz_edits[i][0])) + 1;
        FUZZ_CHECK(strlen(text) + strlen(fuzz_edits[i][1]) < sizeof(text));

        memmove(at + strlen(fuzz_edits[i][1]), at + strlen(fuzz_edits[i][0]),
                rest);
        memcpy(at, fuzz_edits[i][1], strlen(fuzz_edits[i][1]));
    }

    return sample_json(mem, sizeof(mem), text);
}


static inline const xc_policy_t *
fuzz_policy(void)
{
    static xc_heap_t           heap;
    static xc_policy_faults_t  faults;
    static const xc_policy_t  *policy;

    if (policy == NULL) {
        xc_heap_init(&heap, 0);
        FUZZ_CHECK(xc_crypto_init() == XC_OK);
        FUZZ_CHECK(xc_policy_load(&heap.arena, fuzz_policy_text(), NULL,
                                  SAMPLE_NOW_S, &faults, &policy)
                   == XC_OK);
    }

    return policy;
}


/* A text for people: whatever a client sent, it is UTF-8. */
static inline void
fuzz_check_verdict(xc_rc_t rc, const xc_verdict_t *verdict)
{
    if (rc == XC_OK) {
        FUZZ_CHECK(verdict->reason == XC_REASON_NONE);

    } else if (rc == XC_DENIED) {
        FUZZ_CHECK(verdict->reason > XC_REASON_NONE
                   && verdict->reason < XC_REASON_COUNT);
        FUZZ_CHECK(xc_ascii_is_utf8(verdict->detail));
        FUZZ_CHECK(xc_ascii_is_utf8(verdict->detail_zh));
    }
}


static inline void
fuzz_check_text(xc_str_t text, size_t max)
{
    if (text.data != NULL) {
        FUZZ_CHECK(text.len != 0 && text.len <= max);
        FUZZ_CHECK(xc_ascii_is_utf8(text) && xc_ascii_no_controls(text));
    }
}


/* By the policy of this file: DOMAIN.md row 4. */
static inline bool
fuzz_may_sweep(const xc_agency_t *agency)
{
    return xc_str_eq(agency->id, XC_STR("310000"))
           || xc_str_eq(agency->id, XC_STR("000000"));
}


/* A field that is not standard needs a consent that names it (row 8). */
static inline bool
fuzz_is_consented(const xc_agency_t *agency, const xc_request_t *request,
    const xc_field_t *field)
{
    size_t                i;
    const xc_approval_t  *rule = request->approval_rule;

    if (field->standard || agency->level == XC_LEVEL_NATIONAL) {
        return true;
    }

    if (rule == NULL || !xc_str_eq(rule->agency, agency->id)
        || !xc_str_eq(rule->by, XC_STR("310000"))
        || rule->not_after_s <= SAMPLE_NOW_S)
    {
        return false;
    }

    for (i = 0; i < rule->n_fields; i++) {
        if (rule->fields[i] == field) {
            return true;
        }
    }

    return false;
}


/* What has to hold of a consent that was counted. */
static inline void
fuzz_check_consent(const xc_request_t *request)
{
    size_t                i, j;
    const xc_approval_t  *rule = request->approval_rule;

    FUZZ_CHECK(rule != NULL && request->token_fault == NULL
               && xc_str_eq(rule->no, request->approval));
    FUZZ_CHECK((request->approval_key != NULL)
               == (request->approval_token.data != NULL));
    FUZZ_CHECK(rule->case_no.data == NULL
               || xc_str_eq(rule->case_no, request->case_no));
    FUZZ_CHECK(rule->request_no.data == NULL
               || xc_str_eq(rule->request_no, request->request_no));

    for (i = 0; rule->n_subjects != 0 && i < request->n_subjects; i++) {
        for (j = 0; j < rule->n_subjects; j++) {
            if (rule->subjects[j].type == request->subjects[i].type
                && xc_str_eq(rule->subjects[j].id, request->subjects[i].id))
            {
                break;
            }
        }

        FUZZ_CHECK(j < rule->n_subjects);
    }
}


static inline void
fuzz_check_fields(const xc_policy_t *policy, const xc_agency_t *agency,
    const xc_agency_t *via, const xc_request_t *request)
{
    bool               granted;
    size_t             i, j;
    const xc_field_t  *field;

    for (i = 0; i < request->n_fields; i++) {
        field = request->fields[i].field;
        FUZZ_CHECK(field != NULL
                   && request->fields[i].refused == XC_REASON_NONE
                   && xc_str_eq(field->id, request->fields[i].name)
                   && fuzz_is_consented(agency, request, field));

        granted = request->sweep
                  ? xc_str_eq(policy->groups[field->group], XC_STR("goods"))
                  : (agency->groups >> field->group & 1) == 1
                    && (via == NULL || (via->groups >> field->group & 1) == 1);
        FUZZ_CHECK(granted);

        for (j = 0; j < i; j++) {
            FUZZ_CHECK(request->fields[j].field != field);
        }
    }
}


/* What has to hold of whatever the rules let an agency have. */
static inline void
fuzz_check_allowed(const xc_policy_t *policy, const xc_agency_t *agency,
    const xc_agency_t *via, const xc_request_t *request)
{
    size_t  i;
    size_t  max = (size_t) policy->limits.string;

    FUZZ_CHECK(request->whole && request->n_fields != 0
               && request->n_fields <= policy->limits.fields
               && request->n_subjects <= policy->limits.subjects
               && request->n_officers <= policy->limits.officers
               && request->purpose_rule != NULL
               && request->request_no.len != 0);

    FUZZ_CHECK(request->sweep
               == (request->category.data != NULL
                   || request->region.data != NULL
                   || (request->window.present && request->n_subjects == 0)));
    FUZZ_CHECK(request->sweep ? fuzz_may_sweep(agency)
                                && (via == NULL || fuzz_may_sweep(via))
                              : request->n_subjects != 0);

    fuzz_check_text(request->request_no, max);
    fuzz_check_text(request->case_no, max);
    fuzz_check_text(request->legal_basis, max);
    fuzz_check_text(request->category, max);
    fuzz_check_text(request->region, max);
    fuzz_check_text(request->approval, max);

    fuzz_check_fields(policy, agency, via, request);

    if (request->approval.data != NULL
        || request->approval_token.data != NULL)
    {
        fuzz_check_consent(request);
    }

    for (i = 0; i < request->n_subjects; i++) {
        fuzz_check_text(request->subjects[i].id, max);
        FUZZ_CHECK(!request->subjects[i].type->check_uscc
                   || xc_uscc_ok(request->subjects[i].id));
    }
}


/* For one agency, by itself or through an intermediary. */
static inline void
fuzz_decide_for(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_agency_t *agency, const xc_agency_t *via, xc_request_t *request,
    xc_verdict_t *verdict)
{
    xc_rc_t           rc;
    xc_str_t          approval = request->approval;
    xc_approval_in_t  in = { .arena = arena, .policy = policy,
                             .agency = agency,
                             .authority = XC_STR("platform.example"),
                             .now_s = SAMPLE_NOW_S };

    rc = xc_approval_resolve(&in, request);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ENOMEM);

    if (rc == XC_OK) {
        rc = xc_scope_decide(arena, policy, agency, via, SAMPLE_NOW_S, request,
                             verdict);
        fuzz_check_verdict(rc, verdict);
        FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED || rc == XC_ENOMEM);
    }

    if (rc == XC_OK) {
        fuzz_check_allowed(policy, agency, via, request);
    }

    /* a token's number stands there now */
    request->approval = approval;
}


/* Reads were done; decides for each agency of the policy, and for each by the
 * intermediary, whatever the credential allows. */
static inline void
fuzz_decide(xc_arena_t *arena, const xc_policy_t *policy, xc_rc_t rc,
    xc_request_t *request, xc_verdict_t *verdict)
{
    size_t              i;
    const xc_agency_t  *via = xc_policy_agency(policy, XC_STR("smart"));

    fuzz_check_verdict(rc, verdict);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED || rc == XC_ENOMEM);

    for (i = 0; rc == XC_OK && i < policy->n_agencies; i++) {
        fuzz_decide_for(arena, policy, &policy->agencies[i], NULL, request,
                        verdict);
        fuzz_decide_for(arena, policy, &policy->agencies[i], via, request,
                        verdict);
    }
}

#endif
