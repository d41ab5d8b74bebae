/* A policy: whatever the file holds, it loads whole or with a fault; what has
 * loaded answers. */

#include "fuzz.h"


static void
look_up(const xc_policy_t *policy)
{
    size_t                  i, j;
    xc_rc_t                 rc;
    xc_str_t                subject;
    const xc_agency_t      *agency;
    const xc_operation_t   *operation;
    const xc_credential_t  *credential;
    const xc_str_t          path = XC_STR("/xc/v1/merchants/"
                                          "91310000MA1FL0000N");

    FUZZ_CHECK(policy->n_authorities != 0 && policy->n_operations != 0
               && policy->n_fields != 0 && policy->n_purposes != 0
               && policy->id.len != 0 && policy->version.len != 0);

    for (i = 0; i < policy->n_fields; i++) {
        FUZZ_CHECK(xc_policy_field(policy, policy->fields[i].id)
                   == &policy->fields[i]);
        FUZZ_CHECK(policy->fields[i].group < policy->n_groups);
    }

    for (i = 0; i < policy->n_agencies; i++) {
        agency = &policy->agencies[i];
        FUZZ_CHECK(xc_policy_agency(policy, agency->id) == agency
                   && agency->index == i && agency->rate != NULL);
        FUZZ_CHECK(agency->level == XC_LEVEL_NATIONAL
                   || agency->parent.len != 0);

        for (j = 0; j < agency->n_credentials; j++) {
            credential = &agency->credentials[j];
            FUZZ_CHECK(xc_policy_keyid(policy, credential->keyid)
                       == credential);
            FUZZ_CHECK(credential->key != NULL
                       && credential->agency == agency
                       && credential->alg != XC_ALG_NONE);
        }
    }

    for (i = 0; i < policy->operations[0].n_methods; i++) {
        rc = xc_policy_operation(policy, policy->operations[0].methods[i],
                                 path, &operation, &subject);
        FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
        FUZZ_CHECK(rc != XC_OK || subject.len <= path.len);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              i;
    xc_rc_t             rc;
    xc_heap_t           heap;
    xc_policy_faults_t  faults;
    const xc_policy_t  *policy = NULL;

    FUZZ_CHECK(xc_crypto_init() == XC_OK);
    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_policy_load(&heap.arena, (xc_str_t) { (const char *) data, size },
                        NULL, SAMPLE_NOW_S, &faults, &policy);

    FUZZ_CHECK(faults.n <= XC_POLICY_FAULTS_MAX);

    for (i = 0; i < faults.n; i++) {
        FUZZ_CHECK(xc_ascii_is_utf8(faults.list[i].path)
                   && faults.list[i].message.len != 0);
    }

    if (rc == XC_OK) {
        FUZZ_CHECK(faults.faults == 0);
        look_up(policy);

    } else {
        FUZZ_CHECK(policy == NULL);
        FUZZ_CHECK(rc != XC_EINPUT || faults.faults != 0);
        FUZZ_CHECK(rc != XC_EINTERNAL);
    }

    xc_heap_free(&heap);

    return 0;
}
