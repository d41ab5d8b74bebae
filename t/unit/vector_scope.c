/* What the readers of the core make of JSON: a body, a part of one that is
 * forwarded unread, a policy. */

#include "vector_ask.h"
#include "sample_policy.h"
#include "xc_buf.h"
#include "xc_scope.h"


#define MARK    "'MARK'"
#define BODY    "{'request_no': '沪市监协查〔2026〕1182号', 'purpose':"         \
                " 'product_recall', 'subjects': [{'type': 'merchant', 'id':"  \
                " '91310000MA1FL0000N'}], 'fields': ['merchant.name'],"       \
                " 'note': " MARK "}"

static xc_heap_t           policy_heap;
static const xc_policy_t  *policy;


static void
print_verdict(xc_rc_t rc, const xc_verdict_t *verdict)
{
    if (rc == XC_OK) {
        printf("ok\n");
        return;
    }

    printf("refused\t" XC_STR_FMT "\t" XC_STR_FMT "\n",
           XC_STR_ARG(rc == XC_DENIED
                      ? xc_reason_info(verdict->reason)->code
                      : XC_STR("internal-error")),
           XC_STR_ARG(verdict->detail));
}


static void
answer_body(xc_str_t text)
{
    xc_rc_t       rc;
    xc_request_t  request;
    xc_verdict_t  verdict;

    rc = xc_scope_read_body(&heap.arena, policy, &policy->operations[0], text,
                            XC_STR(""), &request, &verdict);
    print_verdict(rc, &verdict);
}


/* The text where a good body has a member that is passed. */
static void
answer_member(xc_str_t text)
{
    char         mem[sizeof(BODY)], *whole;
    xc_str_t     before, guarded;
    xc_buf_t     out;
    const char  *mark;

    (void) sample_json(mem, sizeof(mem), BODY);
    mem[sizeof(BODY) - 1] = '\0';
    mark = strstr(mem, "\"MARK\"");
    before = (xc_str_t) { mem, (size_t) (mark - mem) };

    whole = malloc(sizeof(BODY) + text.len);
    if (whole == NULL) {
        exit(2);
    }

    xc_buf_init(&out, whole, sizeof(BODY) + text.len);
    xc_buf_str(&out, before);
    xc_buf_str(&out, text);
    xc_buf_z(&out, mark + sizeof(MARK) - 1);

    guarded = xt_guard(xc_buf_view(&out));
    free(whole);
    answer_body(guarded);
    xt_unguard(guarded);
}


/* The first fault. */
static void
answer_policy(xc_str_t text)
{
    xc_rc_t             rc;
    xc_policy_faults_t  faults;
    const xc_policy_t  *loaded;

    rc = xc_policy_load(&heap.arena, text, NULL, SAMPLE_NOW_S, &faults,
                        &loaded);

    if (rc == XC_OK || faults.n == 0) {
        printf("%s\n", rc == XC_OK ? "ok" : "refused");
        return;
    }

    printf("refused\t" XC_STR_FMT "\t" XC_STR_FMT "\n",
           XC_STR_ARG(faults.list[0].path),
           XC_STR_ARG(faults.list[0].message));
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    if (strcmp(word, "body") == 0) {
        answer_body(args[0]);

    } else if (strcmp(word, "member") == 0) {
        answer_member(args[0]);

    } else if (strcmp(word, "policy") == 0) {
        answer_policy(args[0]);

    } else {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }
}


int
main(void)
{
    char                mem[sizeof(sample_policy)];
    xc_policy_faults_t  faults;

    xc_heap_init(&policy_heap, 0);

    if (xc_crypto_init() != XC_OK
        || xc_policy_load(&policy_heap.arena,
                          sample_json(mem, sizeof(mem), sample_policy), NULL,
                          SAMPLE_NOW_S, &faults, &policy) != XC_OK)
    {
        fprintf(stderr, "the sample policy does not load\n");
        return 2;
    }

    return ask_all(answer);
}
