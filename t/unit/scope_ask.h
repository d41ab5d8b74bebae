/* How the tests of the scope ask, by body and by query. */

#ifndef SCOPE_ASK_H
#define SCOPE_ASK_H

#include "xt.h"
#include "sample_policy.h"
#include "xc_ascii.h"
#include "xc_crypto.h"
#include "xc_scope.h"

#include <stdio.h>
#include <stdlib.h>


#define USCC        "91310000MA1FL0000N"
#define TEXT_MAX    8192

static const xc_policy_t  *policy;

typedef struct {
    xc_heap_t     heap;
    xc_str_t      guarded;
    xc_rc_t       rc;
    xc_request_t  request;
    xc_verdict_t  verdict;
} asked_t;


static inline void
ask_body(asked_t *asked, xc_str_t body, xc_str_t subject)
{
    xc_heap_init(&asked->heap, 0);
    asked->guarded = xt_guard(body);
    asked->rc = xc_scope_read_body(&asked->heap.arena, policy,
                                   &policy->operations[0], asked->guarded,
                                   subject, &asked->request, &asked->verdict);
}


static inline void
ask_query(asked_t *asked, xc_str_t query, xc_str_t subject)
{
    xc_heap_init(&asked->heap, 0);
    asked->guarded = xt_guard(query);
    asked->rc = xc_scope_read_query(&asked->heap.arena, policy,
                                    &policy->operations[1], asked->guarded,
                                    subject, &asked->request, &asked->verdict);
}


static inline void
done(asked_t *asked)
{
    xt_unguard(asked->guarded);
    xc_heap_free(&asked->heap);
}


static inline bool
contains(xc_str_t text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}


/* reason NULL: it is read; else the refusal's code and a part of its detail. */
static inline void
expect(const asked_t *asked, const char *reason, const char *detail,
    const char *name)
{
    bool  ok;

    if (reason == NULL) {
        ok = asked->rc == XC_OK && asked->verdict.reason == XC_REASON_NONE
             && asked->request.whole;

    } else {
        ok = asked->rc == XC_DENIED
             && xc_str_eq(xc_reason_info(asked->verdict.reason)->code,
                          xc_str_z(reason))
             && contains(asked->verdict.detail, detail)
             && asked->verdict.detail_zh.len != 0
             && xc_ascii_is_utf8(asked->verdict.detail_zh);
    }

    if (!xt_ok(ok, "%.*s", (int) strcspn(name, "\n"), name)) {
        printf("# rc %d " XC_STR_FMT ": " XC_STR_FMT " / " XC_STR_FMT "\n",
               (int) asked->rc,
               XC_STR_ARG(xc_reason_info(asked->verdict.reason)->code),
               XC_STR_ARG(asked->verdict.detail),
               XC_STR_ARG(asked->verdict.detail_zh));
    }
}


#define NO      "'request_no': '沪市监协查〔2026〕1182号'"
#define WHY     "'purpose': 'product_recall'"
#define WHO     "'subjects': [{'type': 'merchant', 'id': '" USCC "'}]"
#define WHAT    "'fields': ['merchant.name', 'merchant.uscc']"
#define BASE    NO ", " WHY ", " WHAT

static const char  full[] =
    "{" NO ", 'purpose': 'case_investigation', 'case_no':"
    " '沪市监案〔2026〕310号', 'legal_basis': '办法 第三十四条', 'officers':"
    " [{'certificate': '31000000017'}, {'certificate': '31000000018'}],"
    " 'subjects': [{'type': 'merchant', 'id': '" USCC "'}, {'id': '" USCC "',"
    " 'type': 'merchant'}, {'type': 'order', 'id': 'A-000001'}], 'window':"
    " {'from': '2026-10-01', 'to': '2026-11-01'}, 'category': '食品',"
    " 'where': {'region': '310115', 'hint': [1, {'x': null}]}, 'fields':"
    " ['merchant.name', 'goods.title', 'merchant.name', 'no.such'],"
    " 'approval': '沪市监协特〔2026〕7号', 'note': {'any': ['thing', 7]},"
    " 'a/b~c': '\\u0001'}";


/* The sample, loaded into the heap. */
static inline void
scope_setup(xc_heap_t *heap)
{
    char                mem[sizeof(sample_policy)];
    xc_policy_faults_t  faults;

    xc_heap_init(heap, 0);

    if (xc_crypto_init() != XC_OK
        || xc_policy_load(&heap->arena,
                          sample_json(mem, sizeof(mem), sample_policy), NULL,
                          SAMPLE_NOW_S, &faults, &policy) != XC_OK)
    {
        printf("Bail out! the sample policy does not load\n");
        exit(2);
    }
}

#endif
