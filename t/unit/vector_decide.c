/*
 * What the core decides: a question is a policy, which stays, or a request
 * under it.
 *
 *     policy JSON                     "ok", or its first fault
 *     ask AGENCY VIA SECONDS BODY     the reason or "-", then each field's
 */

#include "vector_ask.h"
#include "xc_approval_token.h"

static xc_heap_t           kept;
static const xc_policy_t  *policy;


static void
answer_policy(xc_str_t text)
{
    xc_rc_t             rc;
    xc_policy_faults_t  faults = { .n = 0 };

    xc_heap_free(&kept);
    xc_heap_init(&kept, 0);

    rc = xc_policy_load(&kept.arena, text, NULL, 0, &faults, &policy);

    if (rc == XC_OK) {
        printf("ok\n");
        return;
    }

    policy = NULL;
    printf("fault %d " XC_STR_FMT ": " XC_STR_FMT "\n", (int) rc,
           XC_STR_ARG(faults.n == 0 ? XC_STR("") : faults.list[0].path),
           XC_STR_ARG(faults.n == 0 ? XC_STR("") : faults.list[0].message));
}


static xc_str_t
code(xc_reason_t reason)
{
    return reason == XC_REASON_NONE ? XC_STR("-")
                                    : xc_reason_info(reason)->code;
}


/* A verdict that contradicts what was returned must not pass for one. */
static void
print_decision(xc_rc_t rc, const xc_request_t *request,
    const xc_verdict_t *verdict)
{
    size_t  i;

    if ((rc == XC_OK) != (verdict->reason == XC_REASON_NONE)
        || (rc != XC_OK && rc != XC_DENIED))
    {
        printf("failed %d\n", (int) rc);
        return;
    }

    printf(XC_STR_FMT, XC_STR_ARG(code(verdict->reason)));

    for (i = 0; i < request->n_fields; i++) {
        printf(" " XC_STR_FMT, XC_STR_ARG(code(request->fields[i].refused)));
    }

    printf("\n");
}


/* args: agency, intermediary or empty, seconds, body */
static xc_rc_t
decide(const xc_str_t args[MAX_ARGS], xc_request_t *request,
    xc_verdict_t *verdict)
{
    xc_rc_t             rc;
    uint64_t            now_s = 0;
    xc_approval_in_t    in;
    const xc_agency_t  *agency, *via;

    agency = policy == NULL ? NULL : xc_policy_agency(policy, args[0]);
    via = args[1].len == 0 || policy == NULL
          ? NULL : xc_policy_agency(policy, args[1]);

    if (agency == NULL || (via == NULL) != (args[1].len == 0)
        || !xc_ascii_u64(args[2], UINT32_MAX, &now_s))
    {
        return XC_EINPUT;
    }

    rc = xc_scope_read_body(&heap.arena, policy, &policy->operations[0],
                            args[3], XC_STR(""), request, verdict);
    if (rc != XC_OK) {
        return rc;
    }

    in = (xc_approval_in_t) { .arena = &heap.arena, .policy = policy,
                              .agency = agency, .now_s = (int64_t) now_s };

    rc = xc_approval_resolve(&in, request);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_scope_decide(&heap.arena, policy, agency, via, (int64_t) now_s,
                           request, verdict);
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    xc_rc_t       rc;
    xc_request_t  request = { .n_fields = 0 };
    xc_verdict_t  verdict = { .reason = XC_REASON_NONE };

    if (strcmp(word, "policy") == 0) {
        answer_policy(args[0]);

    } else if (strcmp(word, "ask") == 0) {
        rc = decide(args, &request, &verdict);
        print_decision(rc, &request, &verdict);

    } else {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }
}


int
main(void)
{
    int  rc;

    xc_heap_init(&kept, 0);
    rc = ask_all(answer);
    xc_heap_free(&kept);

    return rc;
}
