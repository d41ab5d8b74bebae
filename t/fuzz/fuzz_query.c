/* A query: read and decided. */

#include "fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t             rc;
    xc_heap_t           heap;
    xc_request_t        request;
    xc_verdict_t        verdict;
    const xc_policy_t  *policy = fuzz_policy();

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_scope_read_query(&heap.arena, policy, &policy->operations[1],
                             (xc_str_t) { (const char *) data, size },
                             XC_STR("91310000MA1FL0000N"), &request, &verdict);
    fuzz_decide(&heap.arena, policy, rc, &request, &verdict);

    xc_heap_free(&heap);

    return 0;
}
