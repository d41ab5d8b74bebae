/* The scope: what a body is read as, and each refusal of one. */

#define _GNU_SOURCE         /* memmem */

#include "xt.h"
#include "scope_ask.h"


static void
test_whole_body(void)
{
    char           mem[TEXT_MAX];
    asked_t        a;
    xc_request_t  *r = &a.request;

    ask_body(&a, sample_json(mem, sizeof(mem), full), XC_STR(""));
    expect(&a, NULL, NULL, "a request of every member");

    xt_is(r->request_no, XC_STR("沪市监协查〔2026〕1182号"), "request_no");
    xt_is(r->purpose_rule->id, XC_STR("case_investigation"), "purpose");
    xt_is(r->case_no, XC_STR("沪市监案〔2026〕310号"), "case_no");
    xt_is(r->legal_basis, XC_STR("办法 第三十四条"), "legal_basis");
    xt_is(r->category, XC_STR("食品"), "category");
    xt_is(r->region, XC_STR("310115"), "region, below another object");
    xt_is(r->approval, XC_STR("沪市监协特〔2026〕7号"), "approval");
    xt_ok(r->n_officers == 2, "officers");
    xt_is(r->officers[1], XC_STR("31000000018"), "the second officer");
    xt_ok(r->n_subjects == 2, "subjects, the same one once");
    xt_is(r->subjects[1].id, XC_STR("A-000001"), "the other subject");
    xt_is(r->subjects[1].type->id, XC_STR("order"), "its type");
    xt_ok(r->fields_present && r->n_fields == 3, "fields, the same one once");
    xt_ok(r->fields[1].field == xc_policy_field(policy, XC_STR("goods.title"))
          && r->fields[2].field == NULL, "known and unknown");
    xt_is(r->fields[2].name, XC_STR("no.such"), "as asked");
    xt_ok(r->window.present && r->sweep, "window, and a sweep by category");
    xt_is(r->window.to, XC_STR("2026-11-01"), "as given");
    done(&a);
}


/* { body, code or NULL, part of the detail } */
static const struct {
    const char  *body, *reason, *detail;
} bodies[] = {
    { "{" BASE "}", NULL, NULL },
    { "{" BASE ", " WHO "}", NULL, NULL },
    { "{" BASE ", 'subjects': [], 'officers': []}", NULL, NULL },
    { "{" BASE ", 'where': {}}", NULL, NULL },
    { "{" BASE ", 'note': 'line\\nbreak'}", NULL, NULL },

    /* not strict JSON */
    { "", "body-invalid", "line 1, column" },
    { "{" BASE, "body-invalid", "line 1, column" },
    { "{" BASE "}}", "body-invalid", "line 1, column" },
    { "{\n" BASE "\n,,}", "body-invalid", "line 3, column" },
    { "[]", "body-invalid", "must be an object, found array" },
    { "'x'", "body-invalid", "must be an object, found string" },
    { "{" BASE ", " WHY "}", "body-invalid", "line 1" },
    { "{" BASE ", 'p\\u0075rpose': 'x'}", "body-invalid", "line 1" },
    { "{" BASE ", 'note': '\\u0000'}", "body-invalid", "line 1" },
    { "{" BASE ", 'note': '\xff'}", "body-invalid", "line 1" },
    { "{" BASE ", 'note': '\xed\xa0\x80'}", "body-invalid", "line 1" },
    { "{" BASE ", 'note': [[[[[[7]]]]]]}", "body-invalid", "limit depth of 6" },
    { "{" BASE ", 'note': [[[[[7]]]]]}", NULL, NULL },
    { "\xef\xbb\xbf{" BASE "}", "body-invalid", "line 1" },

    /* closed */
    { "{" BASE ", 'x': 1}", "request-invalid", "x: this operation takes no" },
    { "{" BASE ", '/note': 1}", "request-invalid", "/note: this operation" },
    { "{" BASE ", '': 1}", "request-invalid", "takes no such member" },
    { "{" BASE ", 'where': {'x': 1}}", "request-invalid",
      "where: this operation takes no member \"x\"" },
    { "{" BASE ", 'where/hint': 1}", "request-invalid", "where/hint: this" },
    { "{" BASE ", 'where': []}", "request-invalid",
      "where: must be an object, found array" },
    { "{" BASE ", 'where': null}", "request-invalid", "must be an object" },
    { "{" BASE ", 'a~1b~0c': 1}", "request-invalid", "takes no such member" },
    { "{" BASE ", 'Purpose': 'x'}", "request-invalid", "Purpose: another" },
    { "{" BASE ", 'note': {'a_b': 1, 'AB': 2}}", "request-invalid",
      "AB: another member" },
    { "{" BASE ", 'note': [{'a-b': 1, 'a_B': 2}]}", "request-invalid",
      "a_B: another member" },

    /* types */
    { "{" BASE ", 'case_no': null}", "request-invalid",
      "case_no: must be a string, found null" },
    { "{" BASE ", 'case_no': 7}", "request-invalid", "case_no: must be a str" },
    { "{" BASE ", 'case_no': ''}", "request-invalid", "must not be empty" },
    { "{" BASE ", 'case_no': 'a\\nb'}", "request-invalid",
      "case_no: holds a control" },
    { "{" BASE ", 'case_no': 'a\\u007f'}", "request-invalid", "a control" },
    { "{" BASE ", 'case_no': 'a\\u0085'}", "request-invalid", "a control" },
    { "{" BASE ", 'case_no': 'a\\u00a0b'}", NULL, NULL },
    { "{" BASE ", 'subjects': {}}", "request-invalid", "subjects: must be an" },
    { "{" BASE ", 'subjects': ['x']}", "request-invalid",
      "subjects[0]: must be an object" },
    { "{" BASE ", 'subjects': [{'type': 'order'}]}", "request-invalid",
      "subjects[0].id: not given" },
    { "{" BASE ", 'subjects': [{'type': 'order', 'id': 7}]}",
      "request-invalid", "subjects[0].id: must be a string" },
    { "{" BASE ", 'subjects': [{'type': 'order', 'id': '123456\\t'}]}",
      "request-invalid", "subjects[0].id: holds a control" },
    { "{" BASE ", 'subjects': [{'type': 'order', 'id': '123456', 'x': 1}]}",
      "request-invalid", "subjects[0]: has other members than type, id" },
    { "{" BASE ", 'officers': [{'certificate': '1', 'name': 'x'}]}",
      "request-invalid", "officers[0]: has other members than certificate" },
    { "{" BASE ", 'officers': ['1']}", "request-invalid", "officers[0]" },
    { "{" BASE ", 'officers': [{'certificate': ''}]}", "request-invalid",
      "officers[0].certificate: must not be empty" },
    { "{" BASE ", 'window': []}", "request-invalid", "window: must be an obj" },
    { "{" BASE ", 'window': {'from': '2026-10-01'}}", "request-invalid",
      "window.to: not given" },
    { "{" BASE ", 'window': {'from': '2026-10-01', 'to': '2026-10-01',"
      " 'zone': 'x'}}", "request-invalid", "other members than from, to" },
    { "{" NO ", " WHY ", 'fields': 'merchant.name'}", "request-invalid",
      "fields: must be an array" },
    { "{" NO ", " WHY ", 'fields': null}", "request-invalid", "an array" },
    { "{" NO ", " WHY ", 'fields': [['x']]}", "request-invalid",
      "fields[0]: must be a string, found array" },
    { "{" NO ", " WHY ", 'fields': ['x', '']}", "request-invalid",
      "fields[1]: must not be empty" },
    { "{" NO ", " WHY ", 'fields': ['a\\u0000']}", "body-invalid", "" },
    { "{" NO ", " WHY ", 'fields': ['merchant.name\\n']}", "request-invalid",
      "fields[0]: holds a control" },

    /* purpose */
    { "{" NO ", " WHAT "}", "purpose-not-allowed", "purpose: not given" },
    { "{" NO ", 'purpose': 'spying', " WHAT "}", "purpose-not-allowed",
      "\"spying\" is not a purpose" },
    { "{" NO ", 'purpose': 'product_recalls', 'fields': []}",
      "purpose-not-allowed", "product_recalls" },
    { "{'purpose': 'spying'}", "purpose-not-allowed", "spying" },
    { "{'purpose': 7}", "request-invalid", "purpose: must be a string" },
    { "{" NO ", 'purpose': 'case_investigation', " WHAT "}", "request-invalid",
      "case_no: required by the purpose case_investigation" },
    { "{" NO ", 'purpose': 'thorough', " WHAT ", " WHO ", 'window': {'from':"
      " '2026-10-01', 'to': '2026-10-01'}}", "request-invalid",
      "officers: required by the purpose thorough" },
    { "{" NO ", 'purpose': 'thorough', " WHAT ", 'officers': [{'certificate':"
      " '1'}], 'subjects': [], 'window': {'from': '2026-10-01', 'to':"
      " '2026-10-01'}}", "request-invalid", "subjects: required by" },
    { "{" NO ", 'purpose': 'thorough', " WHAT ", 'officers': [{'certificate':"
      " '1'}], " WHO "}", "request-invalid", "window: required by" },
    { "{" NO ", 'purpose': 'thorough', " WHAT ", 'officers': [{'certificate':"
      " '1'}], " WHO ", 'window': {'from': '2026-10-01', 'to': '2026-10-01'}}",
      NULL, NULL },

    /* patterns, limits */
    { "{" WHY ", " WHAT "}", "request-invalid", "request_no: not given" },
    { "{'request_no': '1182', " WHY ", " WHAT "}", "request-invalid",
      "request_no: \"1182\" does not have the form" },
    { "{'request_no': '沪市监协查〔2026〕1182号x', " WHY ", " WHAT "}",
      "request-invalid", "does not have the form" },
    { "{" BASE ", 'case_no': '"
      "123456789012345678901234567890123456789012345678901234567890"
      "123456789012345678901234567890123456'}", NULL, NULL },
    { "{" BASE ", 'case_no': '"
      "123456789012345678901234567890123456789012345678901234567890"
      "1234567890123456789012345678901234567'}", "request-invalid",
      "case_no: 97 bytes of UTF-8, over the limit string of 96" },
    { "{" BASE ", 'officers': [{'certificate': '1'}, {'certificate': '2'},"
      " {'certificate': '3'}]}", "request-invalid",
      "officers: 3 given, over the limit officers of 2" },
    { "{" NO ", " WHY ", 'fields': ['1','2','3','4','5','6','7','8']}", NULL,
      NULL },
    { "{" NO ", " WHY ", 'fields': ['1','2','3','4','5','6','7','8','8']}",
      "request-invalid", "fields: 9 given, over the limit fields of 8" },
    { "{" NO ", " WHY ", 'fields': ['"
      "1234567890123456789012345678901234567890123456789012345678901234']}",
      NULL, NULL },
    { "{" NO ", " WHY ", 'fields': ['x', '"
      "12345678901234567890123456789012345678901234567890123456789012345']}",
      "request-invalid", "fields[1]: 65 bytes, over the limit of 64" },

    /* subjects */
    { "{" BASE ", 'subjects': [{'type': 'shop', 'id': '1'}]}",
      "request-invalid", "subjects[0].type: \"shop\" is not a type" },
    { "{" BASE ", 'subjects': [{'type': 'merchant', 'id':"
      " '91310000MA1FL0000M'}]}", "request-invalid",
      "subjects[0].id: not a unified social credit code" },
    { "{" BASE ", 'subjects': [{'type': 'live_room', 'id': '房间 7'},"
      " {'type': 'order', 'id': '12345'}]}", "request-invalid",
      "subjects[1].id: does not have the form of the subject type order" },
    { "{" BASE ", 'subjects': [{'type': 'live_room', 'id': '1'}, {'type':"
      " 'live_room', 'id': '2'}, {'type': 'live_room', 'id': '3'}, {'type':"
      " 'live_room', 'id': '3'}]}", "request-invalid",
      "subjects: 4 given, over the limit subjects of 3" },

    /* window */
    { "{" BASE ", 'window': {'from': '2026-10-01', 'to': '2026-9-30'}}",
      "request-invalid", "window.to: not a date" },
    { "{" BASE ", 'window': {'from': '2026-02-29', 'to': '2026-10-30'}}",
      "request-invalid", "window.from: not a date" },
    { "{" BASE ", 'window': {'from': '2026-10-02', 'to': '2026-10-01'}}",
      "request-invalid", "window: ends before it begins" },
    { "{" BASE ", 'window': {'from': '2026-01-01', 'to': '2027-01-01'}}", NULL,
      NULL },
    { "{" BASE ", 'window': {'from': '2026-01-01', 'to': '2027-01-02'}}",
      "request-invalid", "window: 367 days, over the limit window_days" },

    /* fields */
    { "{" NO ", " WHY "}", "field-list-missing", "fields: names no field" },
    { "{" NO ", " WHY ", 'fields': []}", "field-list-missing", "fields" },
    { "{" NO ", " WHY ", 'fields': [], 'window': {'from': '2', 'to': '1'}}",
      "request-invalid", "window.from" },
};


static void
test_bodies(void)
{
    char     mem[TEXT_MAX];
    size_t   i;
    asked_t  a;

    for (i = 0; i < XC_COUNT(bodies); i++) {
        ask_body(&a, sample_json(mem, sizeof(mem), bodies[i].body),
                 XC_STR(""));
        expect(&a, bodies[i].reason, bodies[i].detail, bodies[i].body);
        done(&a);
    }
}


static void
test_body_edges(void)
{
    char     mem[TEXT_MAX], text[TEXT_MAX];
    size_t   i;
    asked_t  a;

    ask_body(&a, XC_STR("{\"a\":1\0}"), XC_STR(""));
    expect(&a, "body-invalid", "line 1", "a NUL behind a number");
    done(&a);

    /* what was read stands for the record, though the request is refused */
    ask_body(&a, sample_json(mem, sizeof(mem), "{'x': 1, " BASE "}"),
             XC_STR(""));
    expect(&a, "request-invalid", "x: ", "an unmapped member comes first");
    xt_is(a.request.request_no, XC_STR("沪市监协查〔2026〕1182号"),
          "the request_no is kept");
    xt_ok(!a.request.whole, "and the request is not whole");
    done(&a);

    /* the end of a long text falls between characters */
    memset(text, 'x', 62);
    (void) snprintf(text + 62, 64, "〔〔〔");
    (void) snprintf(mem, sizeof(mem), "{\"%.100s\": 1}", text);
    ask_body(&a, xc_str_z(mem), XC_STR(""));
    (void) snprintf(text + 62, 64, "...: this operation takes no such member");
    xt_is(a.verdict.detail, xc_str_z(text), "a long name is cut");
    done(&a);

    /* no id, no part of the body in a detail: details reach logs */
    ask_body(&a, sample_json(mem, sizeof(mem), "{" BASE ", 'subjects': [{"
                             "'type': 'merchant', 'id': 'SECRET'}]}"),
             XC_STR(""));
    xt_ok(a.rc == XC_DENIED && !contains(a.verdict.detail, "SECRET"),
          "no id in a detail");
    done(&a);

    ask_body(&a, sample_json(mem, sizeof(mem), "{'note': 'SECRET' 'x'}"),
             XC_STR(""));
    xt_ok(a.rc == XC_DENIED && !contains(a.verdict.detail, "x'")
          && !contains(a.verdict.detail, "near"), "no body in a detail");
    done(&a);

    /* every prefix of a whole request */
    (void) sample_json(mem, sizeof(mem), full);

    for (i = 0; i < strlen(full); i++) {
        ask_body(&a, (xc_str_t) { mem, i }, XC_STR(""));
        if (a.verdict.reason != XC_REASON_BODY_INVALID) {
            break;
        }
        done(&a);
    }

    xt_ok(i == strlen(full), "a body cut anywhere");
}


static void
test_many(void)
{
    size_t    i, cap = 400000;
    char     *text = malloc(cap), *p = text;
    asked_t   a;

    if (text == NULL) {
        exit(2);
    }

    p += sprintf(p, "{\"fields\": [");

    for (i = 0; i < 10000; i++) {
        p += sprintf(p, "%s\"field.%zu\"", i == 0 ? "" : ",", i);
    }

    p += sprintf(p, "], \"purpose\": \"product_recall\", \"request_no\":"
                 " \"沪市监协查〔2026〕1182号\"}");

    ask_body(&a, (xc_str_t) { text, (size_t) (p - text) }, XC_STR(""));
    expect(&a, "request-invalid",
           "fields: 10000 given, over the limit fields of 8", "10,000 fields");
    done(&a);

    memset(text, '[', 100000);
    ask_body(&a, (xc_str_t) { text, 100000 }, XC_STR(""));
    expect(&a, "body-invalid", "limit depth of 6", "100,000 levels");
    done(&a);

    free(text);
}


/* A refusal for the purpose may be passed by observe, if all else holds. */
static void
test_whole(void)
{
    char     mem[TEXT_MAX];
    size_t   i;
    asked_t  a;

    static const struct {
        const char  *body;
        bool         whole;
    } cases[] = {
        { "{" NO ", 'purpose': 'spying', " WHAT "}", true },
        { "{" NO ", " WHAT "}", true },
        { "{" NO ", 'purpose': 'spying'}", false },
        { "{'purpose': 'spying', " WHAT "}", false },
        { "{" NO ", 'purpose': 'spying', " WHAT ", 'window': {'from': '2',"
          " 'to': '1'}}", false },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        ask_body(&a, sample_json(mem, sizeof(mem), cases[i].body), XC_STR(""));
        xt_ok(a.rc == XC_DENIED
              && a.verdict.reason == XC_REASON_PURPOSE_NOT_ALLOWED
              && a.request.whole == cases[i].whole
              && (!cases[i].whole || a.request.n_fields == 2),
              "purpose refused, whole %d", cases[i].whole);
        done(&a);
    }
}


int
main(void)
{
    xc_heap_t  heap;

    scope_setup(&heap);

    test_whole_body();
    test_bodies();
    test_body_edges();
    test_many();
    test_whole();

    xc_heap_free(&heap);

    return xt_done();
}
