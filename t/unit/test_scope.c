/* The scope: what a query is read as, each refusal of one, and what is decided
 * about a request that was read. */

#define _GNU_SOURCE         /* memmem */

#include "xt.h"
#include "scope_ask.h"


/* Percent-encoded: 沪市监协查〔2026〕1182号 */
#define Q_NO    "request_no=%E6%B2%AA%e5%b8%82%E7%9B%91%E5%8D%8F%E6%9F%A5"    \
                "%E3%80%942026%E3%80%951182%E5%8F%B7"
#define Q_WHY   "purpose=product_recall"
#define Q_WHAT  "fields=merchant.name,merchant.uscc"
#define Q_BASE  Q_NO "&" Q_WHY "&" Q_WHAT

static const struct {
    const char  *query, *reason, *detail;
} queries[] = {
    { Q_BASE, NULL, NULL },
    { Q_BASE "&case_no=a=b", NULL, NULL },
    { Q_BASE "&case_no=%61%2B%3B%26", NULL, NULL },
    { Q_BASE "&lang=%00%ff", NULL, NULL },
    { Q_BASE "&lang=", NULL, NULL },
    { Q_NO "&" Q_WHY "&fields=merchant.name%2Cmerchant.uscc", NULL, NULL },
    { Q_BASE "&", "request-invalid", "name=value" },
    { "&" Q_BASE, "request-invalid", "name=value" },
    { Q_WHY "&&" Q_NO "&" Q_WHAT, "request-invalid", "name=value" },
    { Q_BASE "&case_no", "request-invalid", "case_no: the query must be" },
    { Q_BASE "&=1", "request-invalid", "name=value" },
    { Q_BASE "&" Q_WHY, "request-invalid", "purpose: stands twice" },
    { Q_BASE "&lang=a&lang=a", "request-invalid", "lang: stands twice" },
    { Q_BASE "&Purpose=x", "request-invalid", "Purpose: this operation" },
    { Q_BASE "&category=x", "request-invalid", "category: this operation" },
    { Q_BASE "&c%61se_no=x", "request-invalid", "c%61se_no: this operation" },
    { Q_BASE "&%6Cang=x", "request-invalid", "%6Cang: this operation" },
    { Q_BASE "&case_no=a+b", "request-invalid", "case_no: must write all" },
    { Q_BASE "&case_no=a;b", "request-invalid", "case_no: must write all" },
    { Q_BASE "&case_no=a b", "request-invalid", "case_no: must write all" },
    { Q_BASE "&case_no=\xe6\xb2\xaa", "request-invalid", "must write all" },
    { Q_BASE "&case_no=a%", "request-invalid", "case_no: must write all" },
    { Q_BASE "&case_no=a%4", "request-invalid", "case_no: must write all" },
    { Q_BASE "&case_no=a%4g", "request-invalid", "case_no: must write all" },
    { Q_BASE "&lang=a+b", "request-invalid", "lang: must write all" },
    { Q_BASE "&case_no=%ff", "request-invalid", "case_no: not UTF-8" },
    { Q_BASE "&case_no=%C0%80", "request-invalid", "case_no: not UTF-8" },
    { Q_BASE "&\xc3\x28=1", "request-invalid", "query: this operation takes" },
    { Q_BASE "&case_no=%00", "request-invalid", "case_no: holds a control" },
    { Q_BASE "&case_no=a%0A", "request-invalid", "case_no: holds a control" },
    { Q_BASE "&case_no=%c2%85", "request-invalid", "a control" },
    { Q_BASE "&case_no=", "request-invalid", "case_no: must not be empty" },
    { Q_NO "&" Q_WHY "&fields=a,,b", "request-invalid",
      "fields[1]: must not be empty" },
    { Q_NO "&" Q_WHY "&fields=,", "request-invalid", "fields[0]: must not" },
    { Q_NO "&" Q_WHY "&fields=1,2,3,4,5,6,7,8,9", "request-invalid",
      "fields: 9 given, over the limit fields of 8" },
    { Q_NO "&" Q_WHY "&fields=", "field-list-missing", "names no field" },
    { Q_NO "&" Q_WHY, "field-list-missing", "names no field" },
    { Q_NO "&" Q_WHAT, "purpose-not-allowed", "purpose: not given" },
    { "", "purpose-not-allowed", "purpose: not given" },
    { Q_WHY "&" Q_WHAT, "request-invalid", "request_no: not given" },
    { Q_WHAT "&" Q_WHY "&request_no=1", "request-invalid",
      "request_no: \"1\" does not have the form" },
    { Q_NO "&purpose=case_investigation&" Q_WHAT, "request-invalid",
      "case_no: required by the purpose" },
};


static void
test_queries(void)
{
    size_t   i;
    asked_t  a;

    for (i = 0; i < XC_COUNT(queries); i++) {
        ask_query(&a, xc_str_z(queries[i].query), XC_STR(USCC));
        expect(&a, queries[i].reason, queries[i].detail, queries[i].query);
        done(&a);
    }

    ask_query(&a, XC_STR(Q_BASE "&case_no=%61%2B"), XC_STR(USCC));
    xt_is(a.request.request_no, XC_STR("沪市监协查〔2026〕1182号"),
          "a decoded value");
    xt_is(a.request.case_no, XC_STR("a+"), "and another");
    xt_ok(a.request.n_fields == 2 && a.request.fields_present
          && a.request.fields[1].field->standard, "the fields");
    xt_ok(a.request.n_subjects == 1 && !a.request.sweep
          && a.request.subjects[0].type->check_uscc, "the path's subject");
    xt_is(a.request.subjects[0].id, XC_STR(USCC), "and its id");
    done(&a);

    ask_query(&a, XC_STR(Q_BASE), XC_STR("91310000MA1FL0000M"));
    expect(&a, "request-invalid", "path.subject: not a unified social credit",
           "a wrong subject in the path");
    done(&a);
}


/* A body where the operation maps a query, and the reverse, is closed. */
static void
test_other_input(void)
{
    char          mem[TEXT_MAX];
    xc_heap_t     heap;
    xc_request_t  request;
    xc_verdict_t  verdict;

    xc_heap_init(&heap, 0);

    xt_ok(xc_scope_read_body(&heap.arena, policy, &policy->operations[1],
                             sample_json(mem, sizeof(mem), "{'fields': []}"),
                             XC_STR(""), &request, &verdict) == XC_DENIED
          && verdict.reason == XC_REASON_REQUEST_INVALID,
          "a body for an operation by query");
    xt_ok(xc_scope_read_query(&heap.arena, policy, &policy->operations[0],
                              XC_STR("/purpose=x"), XC_STR(""), &request,
                              &verdict) == XC_DENIED
          && verdict.reason == XC_REASON_REQUEST_INVALID,
          "a query for an operation by body");

    xc_heap_free(&heap);
}


#define ASK(fields, more)                                                     \
    "{" NO ", " WHY ", 'fields': [" fields "]" more "}"

/* { agency, body, code or NULL, part of the detail, each field's code } */
static const struct {
    const char  *agency, *body, *reason, *detail, *fields;
} decisions[] = {
    { "310115", ASK("'merchant.name'", ", " WHO), NULL, NULL, "-" },
    { "310115", ASK("'merchant.name', 'no.such', 'no.other'", ", " WHO),
      "field-unknown", "\"no.such\" is not in the dictionary; 2 of 3",
      "- field-unknown field-unknown" },
    { "310115", ASK("'goods.title'", ", " WHO), "field-not-granted",
      "\"goods.title\" is not granted", "field-not-granted" },
    { "310115", ASK("'buyer.phone', 'goods.title', 'x'", ", " WHO),
      "field-unknown", "\"x\"",
      "approval-required field-not-granted field-unknown" },
    { "310115", ASK("'buyer.phone', 'goods.title'", ", " WHO),
      "field-not-granted", "2 of 2", "approval-required field-not-granted" },
    { "310115", ASK("'merchant.name', 'buyer.phone'", ", " WHO),
      "approval-required", "\"buyer.phone\" is not a standard field",
      "- approval-required" },
    { "310000", ASK("'merchant.bank_account'", ", " WHO), "approval-required",
      "merchant.bank_account", "approval-required" },
    { "310115", ASK("'buyer.phone'", ", 'approval': '7号', " WHO),
      "approval-invalid", "\"7号\" is not an approval", "approval-invalid" },
    { "310115", ASK("'merchant.name'", ", 'approval': '7号', " WHO),
      "approval-invalid", "approval: ", "-" },
    { "000000", ASK("'merchant.name'", ", 'approval': '7号', " WHO),
      "approval-invalid", "approval: ", "-" },
    { "000000", ASK("'buyer.phone', 'goods.title'", ", " WHO), NULL, NULL,
      "- -" },
    { "310115", ASK("'merchant.name'", ""), "subject-required",
      "names no subject", "-" },
    { "310115", ASK("'merchant.name'", ", 'window': {'from': '2026-10-01',"
      " 'to': '2026-10-02'}"), "sweep-not-authorized", "sweep",
      "sweep-not-authorized" },
    { "310115", ASK("'merchant.name'", ", 'window': {'from': '2026-10-01',"
      " 'to': '2026-10-02'}, " WHO), NULL, NULL, "-" },
    { "310115", ASK("'merchant.name'", ", 'category': '食品', " WHO),
      "sweep-not-authorized", "sweep", "sweep-not-authorized" },
    { "000000", ASK("'goods.title'", ", 'where': {'region': '310000'}"),
      "sweep-not-authorized", "sweep", "sweep-not-authorized" },
    { "310115", ASK("'buyer.phone'", ""), "approval-required", "buyer.phone",
      "approval-required" },
    { "310115", ASK("'buyer.phone'", ", 'approval': '7', 'category': 'x'"),
      "approval-invalid", "\"7\"", "approval-invalid" },
};


static void
each_code(const xc_request_t *request, char *out, size_t n)
{
    size_t       i, len = 0;
    xc_reason_t  reason;

    for (i = 0; i < request->n_fields; i++) {
        reason = request->fields[i].refused;
        len += (size_t) snprintf(out + len, n - len, "%s" XC_STR_FMT,
                                 i == 0 ? "" : " ",
                                 XC_STR_ARG(reason == XC_REASON_NONE
                                            ? XC_STR("-")
                                            : xc_reason_info(reason)->code));
    }
}


static void
test_decisions(void)
{
    char               mem[TEXT_MAX], codes[256];
    size_t             i;
    asked_t            a;
    const xc_agency_t *agency;

    for (i = 0; i < XC_COUNT(decisions); i++) {
        agency = xc_policy_agency(policy, xc_str_z(decisions[i].agency));
        ask_body(&a, sample_json(mem, sizeof(mem), decisions[i].body),
                 XC_STR(""));
        expect(&a, NULL, NULL, "is read");

        a.rc = xc_scope_decide(&a.heap.arena, policy, agency, NULL,
                               SAMPLE_NOW_S, &a.request, &a.verdict);
        expect(&a, decisions[i].reason, decisions[i].detail,
               decisions[i].body);
        each_code(&a.request, codes, sizeof(codes));
        xt_is(xc_str_z(codes), xc_str_z(decisions[i].fields), "each field");
        done(&a);
    }

    /* observe passes on a request whose purpose was refused */
    ask_body(&a, sample_json(mem, sizeof(mem), "{" NO ", 'purpose': 'spying', "
                             WHAT ", " WHO "}"), XC_STR(""));
    a.rc = xc_scope_decide(&a.heap.arena, policy,
                           xc_policy_agency(policy, XC_STR("310115")), NULL,
                           SAMPLE_NOW_S, &a.request, &a.verdict);
    expect(&a, "purpose-not-allowed", "\"spying\"", "the purpose again");
    done(&a);
}


/* Agencies that a policy's loader would not make, too: what stands in the
 * core holds whatever was loaded. */
enum { COUNTY, CITY, BARE, LATE, PROVINCE, NATIONAL, NO_SWEEP, IDENTITY,
       AGENCIES };

static xc_agency_t        sweepers[AGENCIES];
static xc_grant_t         swept[2];
static xc_agency_grant_t  held[AGENCIES][1];


static void
make_sweepers(void)
{
    size_t    i;
    unsigned  goods, identity;

    goods = xc_policy_field(policy, XC_STR("goods.title"))->group;
    identity = xc_policy_field(policy, XC_STR("merchant.name"))->group;
    swept[0] = (xc_grant_t) { .groups = 1ull << goods, .sweep = true };
    swept[1] = (xc_grant_t) { .groups = 1ull << identity, .sweep = true };

    for (i = 0; i < AGENCIES; i++) {
        held[i][0] = (xc_agency_grant_t) {
            &swept[i == IDENTITY], i == BARE ? XC_STR("") : XC_STR("3号"),
            i == LATE ? SAMPLE_NOW_S : SAMPLE_NOW_S + 1
        };
        sweepers[i] = (xc_agency_t) {
            .id = XC_STR("310000"), .parent = XC_STR("310000"),
            .level = i == COUNTY ? XC_LEVEL_COUNTY
                     : i == CITY ? XC_LEVEL_CITY
                     : i == NATIONAL ? XC_LEVEL_NATIONAL : XC_LEVEL_PROVINCE,
            .groups = 1ull << identity, .grants = held[i],
            .n_grants = i == NO_SWEEP ? 0 : 1
        };
    }
}


#define BY_WINDOW   ", 'window': {'from': '2026-10-01', 'to': '2026-10-02'}"
#define BY_CATEGORY ", 'category': '食品'"

static const struct {
    int          agency, via;           /* -1: none */
    const char  *body, *reason, *detail, *fields;
} sweeps[] = {
    { PROVINCE, -1, ASK("'goods.title'", BY_WINDOW), NULL, NULL, "-" },
    { PROVINCE, -1, ASK("'goods.title'", BY_CATEGORY), NULL, NULL, "-" },
    { PROVINCE, -1, ASK("'goods.title'", ", 'where': {'region': '330000'}"),
      NULL, NULL, "-" },
    { NATIONAL, -1, ASK("'goods.title'", BY_WINDOW), NULL, NULL, "-" },
    { PROVINCE, NATIONAL, ASK("'goods.title'", BY_WINDOW), NULL, NULL, "-" },

    /* dressed up with a subject it is still one */
    { COUNTY, -1, ASK("'merchant.name'", BY_CATEGORY ", " WHO),
      "sweep-not-authorized", "no authorisation", "sweep-not-authorized" },
    { PROVINCE, -1, ASK("'merchant.name'", BY_CATEGORY ", " WHO),
      "sweep-not-authorized", "\"merchant.name\" may be asked about named",
      "sweep-not-authorized" },
    { PROVINCE, -1, ASK("'merchant.name'", BY_WINDOW ", 'subjects': []"),
      "sweep-not-authorized", "merchant.name", "sweep-not-authorized" },
    { PROVINCE, -1, ASK("'merchant.name'", BY_WINDOW ", " WHO), NULL, NULL,
      "-" },

    /* a grant for sweeps is for nothing else */
    { PROVINCE, -1, ASK("'goods.title'", ", " WHO), "field-not-granted",
      "goods.title", "field-not-granted" },

    { COUNTY, -1, ASK("'merchant.name'", BY_WINDOW), "sweep-not-authorized",
      "this agency has no authorisation", "sweep-not-authorized" },
    { CITY, -1, ASK("'goods.title'", BY_WINDOW), "field-not-granted",
      "1 of 1 fields refused; also: sweep-not-authorized",
      "field-not-granted" },
    { BARE, -1, ASK("'merchant.name'", BY_WINDOW), "sweep-not-authorized",
      "no authorisation by SAMR is registered", "sweep-not-authorized" },
    { LATE, -1, ASK("'merchant.name'", BY_WINDOW), "sweep-not-authorized",
      "this agency has no authorisation", "sweep-not-authorized" },
    { NO_SWEEP, -1, ASK("'merchant.name'", BY_WINDOW), "sweep-not-authorized",
      "this agency has no authorisation", "sweep-not-authorized" },
    { NO_SWEEP, PROVINCE, ASK("'merchant.name'", BY_WINDOW),
      "sweep-not-authorized", "this agency has no authorisation",
      "sweep-not-authorized" },
    { PROVINCE, NO_SWEEP, ASK("'merchant.name'", BY_WINDOW),
      "sweep-not-authorized", "but not the intermediary",
      "sweep-not-authorized" },
    { PROVINCE, BARE, ASK("'merchant.name'", BY_WINDOW),
      "sweep-not-authorized", "but not the intermediary",
      "sweep-not-authorized" },
    { PROVINCE, IDENTITY, ASK("'goods.title', 'merchant.name'", BY_WINDOW),
      "field-not-granted", "2 of 2 fields refused; also: sweep-not-auth",
      "field-not-granted sweep-not-authorized" },
    { PROVINCE, -1, ASK("'goods.title', 'buyer.phone', 'x', 'merchant.name',"
      " 'merchant.bank_account'", BY_WINDOW), "field-unknown",
      "4 of 5 fields refused; also: field-not-granted, sweep-not-authorized",
      "- field-not-granted field-unknown sweep-not-authorized"
      " sweep-not-authorized" },
    { NO_SWEEP, -1, ASK("'merchant.bank_account'", BY_WINDOW
      ", 'approval': '7'"), "approval-invalid",
      "1 of 1 fields refused; also: sweep-not-authorized",
      "approval-invalid" },
    { NATIONAL, -1, ASK("'merchant.bank_account'", ", " WHO), NULL, NULL,
      "-" },
};


static void
test_sweeps(void)
{
    char     mem[TEXT_MAX], codes[256];
    size_t   i;
    asked_t  a;

    make_sweepers();

    for (i = 0; i < XC_COUNT(sweeps); i++) {
        ask_body(&a, sample_json(mem, sizeof(mem), sweeps[i].body),
                 XC_STR(""));
        a.rc = xc_scope_decide(&a.heap.arena, policy,
                               &sweepers[sweeps[i].agency],
                               sweeps[i].via < 0 ? NULL
                                                 : &sweepers[sweeps[i].via],
                               SAMPLE_NOW_S, &a.request, &a.verdict);
        expect(&a, sweeps[i].reason, sweeps[i].detail, sweeps[i].body);
        each_code(&a.request, codes, sizeof(codes));
        xt_is(xc_str_z(codes), xc_str_z(sweeps[i].fields), "each field");
        done(&a);
    }
}


/* What looks like a field's name is not the field. */
static void
test_lookalikes(void)
{
    char      mem[TEXT_MAX], body[TEXT_MAX];
    size_t    i;
    asked_t   a;

    static const struct {
        const char  *name;
        bool         ascii;
    } names[] = {
        { "merch\\u0430nt.name", false },         /* Cyrillic */
        { "merchant.n\xd0\xb0me", false },
        { "merchant\\uff0ename", false },         /* full width */
        { "merchant.\\uff4eame", false },
        { "merchant.name\\u0301", false },        /* a combining accent */
        { "merchant.n\\u00e5me", false },
        { "merchant.name\\u200b", false },        /* no width at all */
        { "\\ufeffmerchant.name", false },
        { "merchant.name ", true },
        { "Merchant.name", true },
        { "merchant_name", true },
    };

    for (i = 0; i < XC_COUNT(names); i++) {
        (void) snprintf(body, sizeof(body), ASK("'%s'", ", " WHO),
                        names[i].name);
        ask_body(&a, sample_json(mem, sizeof(mem), body), XC_STR(""));
        a.rc = xc_scope_decide(&a.heap.arena, policy,
                               xc_policy_agency(policy, XC_STR("310115")),
                               NULL, SAMPLE_NOW_S, &a.request, &a.verdict);
        expect(&a, "field-unknown", "is not in the dictionary",
               names[i].name);
        xt_ok(a.request.fields[0].refused == XC_REASON_FIELD_UNKNOWN
              && contains(a.request.fields[0].remedy_zh, "ASCII")
                 != names[i].ascii, "its remedy");
        done(&a);
    }
}


/* Each refused field says what to ask of whom. */
static void
test_remedies(void)
{
    char               mem[TEXT_MAX];
    asked_t            a;
    xc_approval_t      rule;
    const xc_agency_t *county = xc_policy_agency(policy, XC_STR("310115"));

    ask_body(&a, sample_json(mem, sizeof(mem),
                             ASK("'buyer.phone', 'no.such', 'merchant.name',"
                                 " 'merchant.bank_account'", ", " WHO)),
             XC_STR(""));
    a.rc = xc_scope_decide(&a.heap.arena, policy, county, NULL, SAMPLE_NOW_S,
                           &a.request, &a.verdict);
    expect(&a, "field-unknown", "3 of 4 fields refused; also: "
           "approval-required", "three faults");
    xt_ok(contains(a.verdict.detail_zh, "另有：approval-required"),
          "the others in Chinese");
    xt_ok(contains(a.request.fields[0].remedy_zh,
                   "上海市市场监督管理局 (310000)"), "whose consent is needed");
    xt_ok(a.request.fields[1].remedy_zh.len == 0
          && a.request.fields[2].remedy_zh.len == 0,
          "nothing beyond the reason's own");
    xt_ok(a.request.fields[3].remedy_zh.data
          == a.request.fields[0].remedy_zh.data, "one text for all alike");

    /* as observe may ask: decided again, with an approval for another field */
    rule = (xc_approval_t) {
        .no = XC_STR("7"), .by = XC_STR("310000"), .agency = county->id,
        .fields = &a.request.fields[0].field, .n_fields = 1,
        .not_after_s = INT64_MAX
    };
    a.request.approval = rule.no;
    a.request.approval_rule = &rule;
    a.rc = xc_scope_decide(&a.heap.arena, policy, county, NULL, SAMPLE_NOW_S,
                           &a.request, &a.verdict);
    xt_ok(a.request.fields[0].refused == XC_REASON_NONE
          && a.request.fields[0].remedy_zh.len == 0, "the one that is covered");
    xt_ok(a.request.fields[3].refused == XC_REASON_APPROVAL_INVALID
          && contains(a.request.fields[3].remedy_zh, "补充同意"),
          "the one that is not");

    a.request.approval_rule = NULL;
    a.request.token_fault = "the token has expired";
    a.request.token_fault_zh = "令牌已过有效期";
    a.request.fields[1].name = XC_STR("merchant.name");
    a.request.fields[1].field = a.request.fields[2].field;
    a.rc = xc_scope_decide(&a.heap.arena, policy, county, NULL, SAMPLE_NOW_S,
                           &a.request, &a.verdict);
    expect(&a, "approval-invalid", "approval_token: the token has expired; "
           "2 of 4 fields refused", "a token's fault");
    xt_ok(contains(a.request.fields[0].remedy_zh, "令牌已过有效期；请由"),
          "and its remedy");
    done(&a);
}


static xc_rc_t
read_and_decide(xc_arena_t *arena, void *data)
{
    xc_rc_t       rc;
    xc_str_t     *body = data;
    xc_request_t  request;
    xc_verdict_t  verdict;

    rc = xc_scope_read_body(arena, policy, &policy->operations[0], *body,
                            XC_STR(""), &request, &verdict);

    if (rc == XC_OK) {
        rc = xc_scope_decide(arena, policy,
                             xc_policy_agency(policy, XC_STR("310115")), NULL,
                             SAMPLE_NOW_S, &request, &verdict);
    }

    return rc == XC_DENIED ? XC_OK : rc == XC_OK ? XC_EINTERNAL : rc;
}


static xc_rc_t
read_query(xc_arena_t *arena, void *data)
{
    xc_str_t     *query = data;
    xc_request_t  request;
    xc_verdict_t  verdict;

    return xc_scope_read_query(arena, policy, &policy->operations[1], *query,
                               XC_STR(USCC), &request, &verdict);
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    xc_str_t  text;

    text = sample_json(mem, sizeof(mem), full);
    xt_oom("a body, its fields refused", read_and_decide, &text);

    text = sample_json(mem, sizeof(mem), "{'x': 1}");
    xt_oom("a body refused", read_and_decide, &text);

    text = XC_STR(Q_BASE);
    xt_oom("a query", read_query, &text);
}


int
main(void)
{
    xc_heap_t  heap;

    scope_setup(&heap);

    test_queries();
    test_other_input();
    test_decisions();
    test_sweeps();
    test_lookalikes();
    test_remedies();
    test_memory();

    xc_heap_free(&heap);

    return xt_done();
}
