/* What the fuzz targets share: the sample policy, loaded once, and a way to
 * stop. */

#ifndef FUZZ_H
#define FUZZ_H

#include "../unit/sample_policy.h"
#include "xc_ascii.h"
#include "xc_heap.h"
#include "xc_scope.h"

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


static inline const xc_policy_t *
fuzz_policy(void)
{
    static char                mem[sizeof(sample_policy)];
    static xc_heap_t           heap;
    static xc_policy_faults_t  faults;
    static const xc_policy_t  *policy;

    if (policy == NULL) {
        xc_heap_init(&heap, 0);
        FUZZ_CHECK(xc_crypto_init() == XC_OK);
        FUZZ_CHECK(xc_policy_load(&heap.arena,
                                  sample_json(mem, sizeof(mem), sample_policy),
                                  NULL, SAMPLE_NOW_S, &faults, &policy)
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


/* What has to hold of whatever the rules let an agency have. */
static inline void
fuzz_check_allowed(const xc_policy_t *policy, const xc_agency_t *agency,
    const xc_request_t *request)
{
    size_t             i, j;
    size_t             max = (size_t) policy->limits.string;
    const xc_field_t  *field;

    FUZZ_CHECK(request->whole && request->n_fields != 0
               && request->n_fields <= policy->limits.fields
               && request->n_subjects != 0
               && request->n_subjects <= policy->limits.subjects
               && request->n_officers <= policy->limits.officers
               && !request->sweep && request->purpose_rule != NULL
               && request->approval.data == NULL
               && request->category.data == NULL
               && request->region.data == NULL
               && request->request_no.len != 0);

    fuzz_check_text(request->request_no, max);
    fuzz_check_text(request->case_no, max);
    fuzz_check_text(request->legal_basis, max);

    for (i = 0; i < request->n_fields; i++) {
        field = request->fields[i].field;
        FUZZ_CHECK(field != NULL
                   && request->fields[i].refused == XC_REASON_NONE
                   && xc_str_eq(field->id, request->fields[i].name)
                   && (agency->groups >> field->group & 1) == 1
                   && (field->standard
                       || agency->level == XC_LEVEL_NATIONAL));

        for (j = 0; j < i; j++) {
            FUZZ_CHECK(request->fields[j].field != field);
        }
    }

    for (i = 0; i < request->n_subjects; i++) {
        fuzz_check_text(request->subjects[i].id, max);
        FUZZ_CHECK(!request->subjects[i].type->check_uscc
                   || xc_uscc_ok(request->subjects[i].id));
    }
}


/* Reads were done; decides for each agency of the policy. */
static inline void
fuzz_decide(xc_arena_t *arena, const xc_policy_t *policy, xc_rc_t rc,
    xc_request_t *request, xc_verdict_t *verdict)
{
    size_t  i;

    fuzz_check_verdict(rc, verdict);

    for (i = 0; rc == XC_OK && i < policy->n_agencies; i++) {
        rc = xc_scope_decide(arena, policy, &policy->agencies[i], NULL,
                             request, verdict);
        fuzz_check_verdict(rc, verdict);

        if (rc == XC_OK) {
            fuzz_check_allowed(policy, &policy->agencies[i], request);
        }

        rc = rc == XC_DENIED ? XC_OK : rc;
    }
}

#endif
