/* Each reason of the scope's step: provoked from end to end, with every
 * allocation failing in its turn, and with octets that no text holds. */

#define _GNU_SOURCE         /* memmem */

#include "policy_full.h"
#include "xc_approval_token.h"
#include "xc_crypto.h"


#define BODY_MAX    2048

#define NO          "'request_no': '沪市监协查〔2026〕1182号'"
#define WHY         "'purpose': 'product_recall'"
#define WHO         "'subjects': [{'type': 'merchant', 'id':"                 \
                    " '91310000MA1FL0000N'}]"
#define ASK(fields, more)                                                     \
    "{" NO ", " WHY ", 'fields': [" fields "], " more "}"

#define OF(reason)  (1ull << XC_REASON_ ## reason)

typedef struct {
    const char   *agency, *via, *body;
    xc_reason_t   reason;
    size_t        refused;          /* fields */
} row_t;

static const row_t  rows[] = {
    { "310115", NULL, "{" NO, XC_REASON_BODY_INVALID, 0 },
    { "310115", NULL, "[]", XC_REASON_BODY_INVALID, 0 },
    { "310115", NULL, "{'a': [[[[[[7]]]]]]}", XC_REASON_BODY_INVALID, 0 },
    { "310115", NULL, ASK("'merchant.name'", WHO ", 'x': 1"),
      XC_REASON_REQUEST_INVALID, 0 },
    { "310115", NULL, ASK("'merchant.name'", WHO ", 'Purpose': 'x'"),
      XC_REASON_REQUEST_INVALID, 0 },
    { "310115", NULL, ASK("'1','2','3','4','5','6','7','8','9'", WHO),
      XC_REASON_REQUEST_INVALID, 0 },
    { "310115", NULL, ASK("'merchant.name'", "'subjects': [{'type': 'order',"
      " 'id': '1'}]"), XC_REASON_REQUEST_INVALID, 0 },
    { "310115", NULL, ASK("", WHO), XC_REASON_FIELD_LIST_MISSING, 0 },
    { "310115", NULL, "{" NO ", 'purpose': 'x', 'fields': ['merchant.name'], "
      WHO "}", XC_REASON_PURPOSE_NOT_ALLOWED, 0 },
    { "310115", NULL, ASK("'no.such', 'merchant.name', 'n\\u043e.such'", WHO),
      XC_REASON_FIELD_UNKNOWN, 2 },
    { "310115", NULL, ASK("'goods.title', 'merchant.name'", WHO),
      XC_REASON_FIELD_NOT_GRANTED, 1 },
    { "000000", "310115", ASK("'goods.title', 'merchant.name'", WHO),
      XC_REASON_FIELD_NOT_GRANTED, 1 },
    { "310115", NULL, ASK("'buyer.phone', 'merchant.bank_account'", WHO),
      XC_REASON_APPROVAL_REQUIRED, 2 },
    { "310115", NULL, ASK("'buyer.phone'", WHO ", 'approval': '7'"),
      XC_REASON_APPROVAL_INVALID, 1 },
    { "310115", NULL, ASK("'buyer.phone'", WHO ", 'approval':"
      " '沪市监协特〔2026〕7号', 'case_no': '1'"), XC_REASON_APPROVAL_INVALID, 1 },
    { "310000", NULL, ASK("'merchant.bank_account'", WHO ", 'approval':"
      " '沪市监协特〔2026〕8号'"), XC_REASON_APPROVAL_INVALID, 1 },
    { "310115", NULL, ASK("'buyer.phone'", WHO ", 'token': 'a.b'"),
      XC_REASON_APPROVAL_INVALID, 1 },
    { "310115", NULL, ASK("'buyer.phone'", WHO ", 'token': 'e30.e30.AA'"),
      XC_REASON_APPROVAL_INVALID, 1 },
    { "310115", NULL, ASK("'merchant.name'", WHO ", 'category': 'x'"),
      XC_REASON_SWEEP_NOT_AUTHORIZED, 1 },
    { "310000", NULL, ASK("'merchant.name', 'goods.title'", "'category': 'x'"),
      XC_REASON_SWEEP_NOT_AUTHORIZED, 1 },
    { "310000", "310115", ASK("'merchant.name'", "'category': 'x'"),
      XC_REASON_SWEEP_NOT_AUTHORIZED, 1 },
    { "310115", NULL, ASK("'merchant.name'", "'subjects': []"),
      XC_REASON_SUBJECT_REQUIRED, 0 },

    /* what is allowed, by each way there is */
    { "310115", NULL, ASK("'merchant.name'", WHO), XC_REASON_NONE, 0 },
    { "310115", NULL, ASK("'buyer.phone'", WHO ", 'approval':"
      " '沪市监协特〔2026〕7号', 'case_no': '沪市监案〔2026〕310号'"),
      XC_REASON_NONE, 0 },
    { "310000", NULL, ASK("'goods.title'", "'category': 'x'"), XC_REASON_NONE,
      0 },
    { "000000", "310000", ASK("'goods.title'", "'category': 'x'"),
      XC_REASON_NONE, 0 },
    { "000000", "310115", ASK("'buyer.phone'", WHO), XC_REASON_NONE, 0 },
};

static const uint64_t  stage = OF(BODY_INVALID) | OF(REQUEST_INVALID)
                               | OF(FIELD_LIST_MISSING)
                               | OF(PURPOSE_NOT_ALLOWED) | OF(FIELD_UNKNOWN)
                               | OF(FIELD_NOT_GRANTED) | OF(APPROVAL_REQUIRED)
                               | OF(APPROVAL_INVALID)
                               | OF(SWEEP_NOT_AUTHORIZED)
                               | OF(SUBJECT_REQUIRED);

static const xc_policy_t  *policy;

typedef struct {
    const row_t   *row;
    xc_str_t       body;
    xc_request_t   request;
    xc_verdict_t   verdict;
} run_t;


/* The scope's step as the gate has it. */
static xc_rc_t
run(xc_arena_t *arena, run_t *r)
{
    xc_rc_t              rc;
    const char          *via = r->row->via;
    xc_approval_in_t     in = { .arena = arena, .policy = policy,
                                .authority = XC_STR("platform.example"),
                                .now_s = SAMPLE_NOW_S };

    in.agency = xc_policy_agency(policy, xc_str_z(r->row->agency));

    rc = xc_scope_read_body(arena, policy, &policy->operations[0], r->body,
                            XC_STR(""), &r->request, &r->verdict);
    if (rc == XC_OK) {
        rc = xc_approval_resolve(&in, &r->request);
    }

    if (rc == XC_OK) {
        rc = xc_scope_decide(arena, policy, in.agency,
                             via == NULL ? NULL
                             : xc_policy_agency(policy, xc_str_z(via)),
                             SAMPLE_NOW_S, &r->request, &r->verdict);
    }

    return rc;
}


/* For xt_oom(): the row's verdict, or none at all. */
static xc_rc_t
run_row(xc_arena_t *arena, void *data)
{
    run_t    *r = data;
    xc_rc_t   rc;

    rc = run(arena, r);

    if (rc == XC_OK || rc == XC_DENIED) {
        return r->verdict.reason == r->row->reason
               && (rc == XC_OK) == (r->row->reason == XC_REASON_NONE)
               ? XC_OK : XC_EINTERNAL;
    }

    return rc;
}


/* The list that answers and records hold: strict JSON, an entry a field. */
static bool
refused_ok(xc_arena_t *arena, const run_t *r)
{
    char              mem[8192];
    bool              any;
    xc_buf_t          out;
    const xc_json_t  *list = NULL;

    xc_buf_init(&out, mem, sizeof(mem));
    any = xc_scope_write_refused(&out, "", &r->request);

    if (!any) {
        return r->row->refused == 0 && out.len == 0;
    }

    return !out.overflow
           && xc_json_parse(arena, xc_buf_view(&out), 2, NULL, &list) == XC_OK
           && xc_json_size(list) == r->row->refused;
}


static void
test_rows(void)
{
    char      mem[BODY_MAX];
    run_t     r;
    size_t    i;
    uint64_t  seen = 0;
    xc_rc_t   rc;
    xc_heap_t heap;

    for (i = 0; i < XC_COUNT(rows); i++) {
        r = (run_t) { .row = &rows[i] };
        r.body = xt_guard(sample_json(mem, sizeof(mem), rows[i].body));

        xc_heap_init(&heap, 0);
        rc = run(&heap.arena, &r);

        if (!xt_ok(rc == (rows[i].reason == XC_REASON_NONE ? XC_OK : XC_DENIED)
                   && r.verdict.reason == rows[i].reason
                   && (rc == XC_OK
                       || (r.verdict.detail.len != 0
                           && r.verdict.detail_zh.len != 0))
                   && refused_ok(&heap.arena, &r),
                   XC_STR_FMT ": %s",
                   XC_STR_ARG(xc_reason_info(rows[i].reason)->code),
                   rows[i].body))
        {
            printf("# " XC_STR_FMT ": " XC_STR_FMT "\n",
                   XC_STR_ARG(xc_reason_info(r.verdict.reason)->code),
                   XC_STR_ARG(r.verdict.detail));
        }

        seen |= rows[i].reason == XC_REASON_NONE ? 0
                                                 : 1ull << rows[i].reason;
        xc_heap_free(&heap);

        xt_oom(rows[i].body, run_row, &r);
        xt_unguard(r.body);
    }

    xt_ok(seen == stage, "every reason of the step, and no other");
}


/* Neither octet stands in any JSON text, wherever it is put. */
static void
test_octets(void)
{
    char       mem[BODY_MAX];
    bool       ok = true;
    run_t      r;
    size_t     i, j;
    xc_str_t   text;
    xc_heap_t  heap;

    static const char  octets[] = { '\0', '\xff' };

    for (i = 0; i < XC_COUNT(rows) && ok; i++) {
        text = sample_json(mem, sizeof(mem), rows[i].body);

        for (j = 0; j < 2 * text.len && ok; j++) {
            r = (run_t) { .row = &rows[i] };
            r.body = xt_guard(text);
            ((char *) (uintptr_t) r.body.data)[j / 2] = octets[j % 2];

            xc_heap_init(&heap, 0);
            ok = run(&heap.arena, &r) == XC_DENIED
                 && r.verdict.reason == XC_REASON_BODY_INVALID
                 && r.request.n_fields == 0;
            xc_heap_free(&heap);
            xt_unguard(r.body);
        }
    }

    xt_ok(ok, "NUL or FF in place of any octet");
}


int
main(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    make_sample();

    if (xc_crypto_init() != XC_OK) {
        printf("Bail out! no cryptography\n");
        return 2;
    }

    load_text(&load, edit_of(mem, sample, "'approval': '/approval'},",
                             "'approval': '/approval', 'approval_token':"
                             " '/token'},"));
    policy = load.policy;

    if (policy == NULL) {
        show(&load);
        printf("Bail out! the policy does not load\n");
        return 2;
    }

    test_rows();
    test_octets();

    xc_heap_free(&load.heap);

    return xt_done();
}
