/* A body: read and decided, and a check of it says the same. */

#include "fuzz.h"


static const xc_operation_t *
operation(const xc_policy_t *policy, xc_operation_kind_t kind)
{
    size_t  i;

    for (i = 0; i < policy->n_operations; i++) {
        if (policy->operations[i].kind == kind) {
            return &policy->operations[i];
        }
    }

    FUZZ_CHECK(false);

    return NULL;
}


/* Where memory is short, which of the two reads meets it is chance. */
static void
check_same(xc_rc_t rc, const xc_verdict_t *verdict, xc_rc_t check_rc,
    const xc_verdict_t *check_verdict)
{
    if (rc == XC_ENOMEM || check_rc == XC_ENOMEM) {
        return;
    }

    FUZZ_CHECK(rc == check_rc && verdict->reason == check_verdict->reason);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t             rc, check_rc;
    xc_str_t            body = { (const char *) data, size };
    xc_heap_t           heap;
    xc_request_t        request, check;
    xc_verdict_t        verdict, check_verdict;
    const xc_policy_t  *policy = fuzz_policy();

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_scope_read_body(&heap.arena, policy,
                            operation(policy, XC_OPERATION_SUBMIT), body,
                            XC_STR(""), &request, &verdict);
    check_rc = xc_scope_read_body(&heap.arena, policy,
                                  operation(policy, XC_OPERATION_CHECK), body,
                                  XC_STR(""), &check, &check_verdict);
    check_same(rc, &verdict, check_rc, &check_verdict);

    fuzz_decide(&heap.arena, policy, rc, &request, &verdict);

    xc_heap_free(&heap);

    return 0;
}
