/* The policy: what loads, look-ups, any input at all, the country's size. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


static void
test_sample_parts(const xc_policy_t *p)
{
    xt_is(p->id, XC_STR("cn-samr-2025"), "id");
    xt_is(p->version, XC_STR("2026-11-22"), "version");
    xt_ok(p->tls_required && p->nonce_required, "transport and nonce");
    xt_ok(p->max_age_s == 200 && p->max_skew_s == 20, "window");
    xt_is(p->tag, XC_STR("xc"), "tag");
    xt_ok(p->n_authorities == 3, "three authorities");
    xt_is(p->authorities[0].host, XC_STR("platform.example"), "lower case");
    xt_ok(p->authorities[0].port == 0 && p->authorities[1].port == 8443
          && p->authorities[2].port == 0, "ports");
    xt_is(p->authorities[1].host, XC_STR("xc.example"), "host and port");
    xt_is(p->authorities[2].host, XC_STR("[2001:db8::1]"), "IPv6");
    xt_ok(p->limits.fields == 8 && p->limits.subjects == 3
          && p->limits.string == 96 && p->limits.depth == 6
          && p->limits.window_days == 366 && p->limits.officers == 2,
          "limits");
    xt_ok(xc_policy_purpose(p, XC_STR("case_investigation"))->requires
          == 1u << XC_MEMBER_CASE_NO, "what a purpose requires");
    xt_ok(xc_policy_purpose(p, XC_STR("accident_handling"))->urgent
          && !xc_policy_purpose(p, XC_STR("product_recall"))->urgent, "urgent");
    xt_ok(xc_policy_purpose(p, XC_STR("spying")) == NULL, "another purpose");
    xt_ok(p->n_groups == 3 && p->n_fields == 5, "groups and fields");
    xt_is(p->groups[xc_policy_field(p, XC_STR("goods.title"))->group],
          XC_STR("goods"), "a field's group");
    xt_is(xc_policy_field(p, XC_STR("merchant.name"))->zh, XC_STR("名称"),
          "a field's title");
    xt_ok(!xc_policy_field(p, XC_STR("buyer.phone"))->standard
          && xc_policy_field(p, XC_STR("merchant.name"))->standard,
          "standard or not");
    xt_ok(xc_policy_subject_type(p, XC_STR("merchant"))->check_uscc
          && xc_policy_subject_type(p, XC_STR("order"))->pattern != NULL,
          "subject types");
    xt_ok(p->patterns[XC_MEMBER_REQUEST_NO] != NULL
          && p->patterns[XC_MEMBER_CASE_NO] == NULL, "patterns");
    xt_ok(p->operations[0].input == XC_INPUT_BODY
          && p->operations[1].input == XC_INPUT_QUERY
          && p->operations[0].capture_subject == -1
          && p->operations[1].capture_subject == 0, "operations");
    xt_is(p->operations[0].map[XC_MEMBER_REGION], XC_STR("/where/region"),
          "a mapped pointer");
    xt_ok(p->operations[1].map[XC_MEMBER_REGION].data == NULL, "an unmapped");
}


static void
test_sample_agencies(const xc_policy_t *p)
{
    const xc_agency_t      *county, *province, *national;
    const xc_credential_t  *key, *secret;

    county = xc_policy_agency(p, XC_STR("310115"));
    province = xc_policy_agency(p, XC_STR("310000"));
    national = xc_policy_agency(p, XC_STR("000000"));

    xt_is(county->parent, XC_STR("310000"), "a county's province");
    xt_is(province->parent, XC_STR("310000"), "a province's own");
    xt_ok(national->parent.data == NULL, "nobody above");
    xt_ok(county->level == XC_LEVEL_COUNTY && national->index == 2, "level");
    xt_ok(county->groups == 5 && national->groups == 7, "groups granted");
    xt_ok(county->rate->interval_us == 100000 && county->rate->burst == 20
          && county->rate->refusals_interval_us == 2000000
          && county->rate->refusals_burst == 20
          && county->rate->requests == 10 && county->rate->per_s == 1,
          "a rate");
    xt_ok(province->rate == county->rate, "the default rate");
    xt_ok(national->rate->interval_us == 10000 && national->rate->burst == 0
          && national->rate->refusals_interval_us == 1000000
          && national->rate->refusals_burst == 0
          && national->rate->per_day == 0 && national->rate->cost_subject == 0
          && national->rate->cost_field == 0, "a rate's defaults");

    key = xc_policy_keyid(p, XC_STR("310115-2026a"));
    secret = xc_policy_keyid(p, XC_STR("310000-2026"));

    xt_ok(key->agency == county && secret->agency == province
          && key->alg == XC_ALG_ED25519 && secret->alg == XC_ALG_HMAC_SHA256
          && key->key != NULL && secret->key != NULL
          && p->n_credentials == 2, "credentials");
    xt_ok(key->not_before_s == 1767225600 && key->not_after_s == 1798732800
          && secret->not_before_s == INT64_MIN
          && secret->not_after_s == INT64_MAX, "validity");
    xt_ok(xc_policy_keyid(p, XC_STR("310115-2026")) == NULL
          && xc_policy_keyid(p, XC_STR("")) == NULL, "no other key");
}


static void
test_sources(const xc_policy_t *p)
{
    size_t                  i;
    xc_address_t            address;
    const xc_credential_t  *key, *any;

    static const struct {
        uint8_t  address[16];
        bool     ok;
    } cases[] = {
        { { [10] = 255, 255, 203, 0, 113, 0 }, true },
        { { [10] = 255, 255, 203, 0, 113, 255 }, true },
        { { [10] = 255, 255, 203, 0, 114, 0 }, false },
        { { [10] = 255, 255, 198, 51, 100, 7 }, true },
        { { [10] = 255, 255, 198, 51, 100, 6 }, false },
        { { 0x20, 0x01, 0x0d, 0xb8, 0x7f, [15] = 9 }, true },
        { { 0x20, 0x01, 0x0d, 0xb8, 0x80, [15] = 9 }, false },
        { { [12] = 203, 0, 113, 5 }, false },
    };

    key = xc_policy_keyid(p, XC_STR("310115-2026a"));
    any = xc_policy_keyid(p, XC_STR("310000-2026"));

    for (i = 0; i < XC_COUNT(cases); i++) {
        memcpy(address.address, cases[i].address, 16);
        xt_ok(xc_policy_source_ok(key, &address) == cases[i].ok,
              "source %zu", i);
        xt_ok(xc_policy_source_ok(any, &address), "any source %zu", i);
    }
}


static void
test_operation(const xc_policy_t *p)
{
    xc_str_t               path;
    xc_captures_t          found = { XC_STR("x"), XC_STR("x") };
    const xc_operation_t  *op = NULL;

    path = xt_guard(XC_STR("/xc/v1/merchants/91310000MA1FL0000N"));

    xt_ok(xc_policy_operation(p, XC_STR("GET"), path, &op, &found) == XC_OK
          && op == &p->operations[1], "the second operation");
    xt_is(found.subject, XC_STR("91310000MA1FL0000N"), "its subject");
    xt_ok(found.request.len == 0, "and no request");

    op = NULL;
    xt_ok(xc_policy_operation(p, XC_STR("POST"), path, &op, &found)
          == XC_DENIED && op == NULL, "another method");
    xt_ok(xc_policy_operation(p, XC_STR("get"), path, &op, &found)
          == XC_DENIED, "methods have their case");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests\n"),
                              &op, &found) == XC_DENIED,
          "a newline behind the path");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests/"),
                              &op, &found) == XC_DENIED, "a longer path");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests"),
                              &op, &found) == XC_OK && found.subject.len == 0,
          "no subject in the path");

    xt_unguard(path);
}


static void
test_sample(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, sample_json(mem, sizeof(mem), sample_policy));

    if (!xt_ok(load.rc == XC_OK, "the sample loads")) {
        show(&load);
        exit(1);
    }

    xt_ok(load.faults.faults == 0 && load.faults.warnings == 3
          && has(&load, true, "agencies[1].credentials[0].alg",
                 "310000-2026 itself")
          && has(&load, true, "agencies[1].credentials[0].secret", "{\"file\"")
          && has(&load, true, "agencies[2].credentials", "can't make a"),
          "with its three warnings");

    test_sample_parts(load.policy);
    test_sample_agencies(load.policy);
    test_sources(load.policy);
    test_operation(load.policy);

    xc_heap_free(&load.heap);
}


/* A result and a check, which stands before what it is like; what ends. */
static void
test_kinds(void)
{
    char                   mem[TEXT_MAX];
    load_t                 load;
    xc_captures_t          found;
    const xc_agency_t     *agency;
    const xc_policy_t     *p;
    const xc_operation_t  *op = NULL, *like;

    load_text(&load, edit(mem, "'operations': [\n", "'operations': [\n"
        "{'id': 'check', 'kind': 'check', 'methods': ['POST'], 'path':"
        " '/xc/v1/check', 'body': {'like': 'submit'}}, {'id': 'result', 'kind':"
        " 'result', 'methods': ['GET'], 'path':"
        " '/xc/v1/requests/(?<request>[0-9a-f]{32})'},"));
    p = load.policy;

    if (!xt_ok(load.rc == XC_OK && p->n_operations == 4, "all four kinds")) {
        show(&load);
        exit(1);
    }

    like = &p->operations[2];
    xt_ok(p->operations[0].kind == XC_OPERATION_CHECK
          && p->operations[0].input == XC_INPUT_BODY
          && memcmp(p->operations[0].map, like->map, sizeof(like->map)) == 0
          && p->operations[0].n_pass == 3
          && p->operations[0].pass == like->pass, "a check is like its submit");
    xt_ok(p->needs_token_key && p->operations[1].kind == XC_OPERATION_RESULT
          && p->operations[1].input == XC_INPUT_NONE
          && p->operations[1].n_pass == 0, "a result needs the token's key");
    xt_ok(xc_policy_operation(p, XC_STR("GET"), XC_STR("/xc/v1/requests/"
                              "0123456789abcdef0123456789abcdef"), &op, &found)
          == XC_OK && op == &p->operations[1] && found.subject.len == 0,
          "the result's path");
    xt_is(found.request, XC_STR("0123456789abcdef0123456789abcdef"),
          "and its request");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'grants': ['standard', 'above']",
                          "'grants': ['above', {'grant': 'standard',"
                          " 'not_after': '2027-01-01T00:00:00Z'}]"));
    agency = load.rc != XC_OK ? NULL
             : xc_policy_agency(load.policy, XC_STR("000000"));
    xt_ok(agency != NULL && agency->groups == 2 && agency->n_grants == 1
          && agency->grants[0].grant->groups == 5
          && !agency->grants[0].grant->sweep
          && agency->grants[0].not_after_s == 1798761600,
          "a grant that ends stands apart");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'depth': 6", "'result_days': 30"));
    xt_ok(load.rc == XC_OK && load.policy->limits.result_days == 30,
          "days of a result");
    xc_heap_free(&load.heap);
}


/* What is optional, left out. */
static const char  smallest[] =
    "{'policy': 'p', 'version': '1', 'authorities': ['a'], 'purposes': {'x':"
    " {}}, 'fields': {'f': {'group': 'g', 'zh': '中', 'en': 'e', 'standard':"
    " true}}, 'operations': [{'id': 'q', 'kind': 'query', 'methods': ['GET'],"
    " 'path': '/', 'query': {'fields': 'f', 'request_no': 'r', 'purpose':"
    " 'p'}}], 'grants': {}, 'rates': {}, 'agencies': []}";


static void
test_smallest(void)
{
    char                mem[TEXT_MAX];
    load_t              load;
    const xc_policy_t  *p;

    load_text(&load, sample_json(mem, sizeof(mem), smallest));
    p = load.policy;

    if (xt_ok(load.rc == XC_OK && load.faults.n == 0, "the smallest policy")) {
        xt_ok(p->tls_required && p->nonce_required && p->max_age_s == 300
              && p->max_skew_s == 30 && p->tag.len == 0
              && p->limits.fields == 64 && p->limits.subjects == 50
              && p->limits.string == 256 && p->limits.depth == 8
              && p->limits.window_days == 366 && p->limits.officers == 8
              && p->limits.result_days == 90 && !p->needs_token_key,
              "has the contract's defaults");
        xt_ok(xc_policy_subject_type(p, XC_STR("merchant")) == NULL
              && xc_policy_agency(p, XC_STR("1")) == NULL, "and nothing else");
    }

    xc_heap_free(&load.heap);
}


/* Whatever JSON stands there, loading ends with a fault, not with a crash. */
static void
test_any_json(void)
{
    char      mem[TEXT_MAX], text[2 * TEXT_MAX];
    size_t    i, j, bad = 0, n = strlen(sample_policy);
    load_t    load;

    static const char *const  values[] = {
        "null", "true", "7", "7.5", "''", "'x'", "[]", "[null]", "[[]]", "{}",
        "{'x': null}", "[{}]", "{'type': 7}", "-1", "1e400",
    };

    static const char *const  documents[] = {
        "", "null", "[]", "7", "'x'", "{", "{}x", "\xef\xbb\xbf{}", "{}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };

    for (i = 0; i < XC_COUNT(documents); i++) {
        load_text(&load, sample_json(mem, sizeof(mem), documents[i]));
        bad += load.rc != XC_EINPUT || load.faults.faults == 0;
        xc_heap_free(&load.heap);
    }

    xt_ok(bad == 0, "a document of another kind is a fault");

    /* another value in each place where a member's value begins */
    for (i = 0; i < n; i++) {
        if (sample_policy[i] != ':' || sample_policy[i + 1] != ' ') {
            continue;
        }

        for (j = 0; j < XC_COUNT(values); j++) {
            (void) snprintf(text, sizeof(text), "%.*s %s, 'z': %s",
                            (int) i + 1, sample_policy, values[j],
                            sample_policy + i + 1);
            load_text(&load, sample_json(mem, sizeof(mem), text));
            bad += load.rc == XC_OK ? load.policy == NULL
                                    : load.rc != XC_EINPUT
                                      || load.faults.faults == 0;
            xc_heap_free(&load.heap);
        }
    }

    xt_ok(bad == 0, "any value in any place");
    bad = 0;

    for (i = 0; i + 2 < n; i += 7) {
        load_text(&load, sample_json(mem, i, sample_policy));
        bad += load.rc != XC_EINPUT;
        xc_heap_free(&load.heap);
    }

    xt_ok(bad == 0, "a file cut anywhere");
}


static xc_rc_t
load_sample(xc_arena_t *arena, void *data)
{
    xc_str_t             *text = data;
    const xc_policy_t    *policy = NULL;
    xc_policy_faults_t    found;
    xc_rc_t               rc;

    rc = xc_policy_load(arena, *text, NULL, SAMPLE_NOW_S, &found, &policy);

    return rc != XC_OK && policy != NULL ? XC_EINTERNAL : rc;
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    xc_str_t  text;

    text = sample_json(mem, sizeof(mem), sample_policy);
    xt_oom("loading", load_sample, &text);
}


static void
test_uscc(void)
{
    size_t    i;
    xc_str_t  code;

    static const struct {
        const char  *code;
        bool         ok;
    } cases[] = {
        { "91310000MA1FL0000N", true }, { "91152201078377449P", true },
        { "121200004013590816", true }, { "91340600MA2PBM9HXD", true },
        { "91310000MA1FL0000M", false }, { "91310000MA1FL0001N", false },
        { "91310000ma1fl0000n", false }, { "91310000MA1FL0000", false },
        { "91310000MA1FL0000NN", false }, { "", false },
        { "91310000MAIFL0000N", false }, { "9131000\xc3\x97MA1FL000", false },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        code = xt_guard(xc_str_z(cases[i].code));
        xt_ok(xc_uscc_ok(code) == cases[i].ok, "code %s", cases[i].code);
        xt_unguard(code);
    }

    xt_ok(!xc_uscc_ok((xc_str_t) { "91310000MA1FL0000\0", 18 }), "a NUL");
}


static void
test_names(void)
{
    size_t  i, empty = 0;

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        empty += xc_member_name((xc_member_t) i).len == 0;
    }

    for (i = 0; i < XC_LEVEL_COUNT; i++) {
        empty += xc_level_name((xc_level_t) i).len == 0;
    }

    xt_ok(empty == 0 && xc_scheme_name(XC_SCHEME_HTTPSIG).len == 7
          && xc_member_name(XC_MEMBER_COUNT).len == 0
          && xc_level_name(XC_LEVEL_COUNT).len == 0, "every name");
}


/* 3,200 agencies of 31 credentials each: the size of the country. */
static void
test_size(void)
{
    enum { AGENCIES = 3200, EACH = 31 };

    size_t            i, j, n, cap = 24u << 20;
    char             *text = malloc(cap);
    load_t            load;
    clock_t           t;
    const char       *list = strstr(sample_policy, "'agencies': [");
    char              name[32];
    char             *p = text;

    if (text == NULL) {
        exit(2);
    }

    p += snprintf(p, cap, "%.*s'agencies': [", (int) (list - sample_policy),
                  sample_policy);

    for (i = 0; i < AGENCIES; i++) {
        p += sprintf(p, "%s{'id': 'a%zu', 'name': '局', 'level': 'county',"
                     " 'region': '310115', 'grants': ['standard'],"
                     " 'credentials': [", i == 0 ? "" : ",", i);
        for (j = 0; j < EACH; j++) {
            p += sprintf(p, "%s{'type': 'httpsig', 'keyid': 'a%zu-%zu', 'alg':"
                         " 'ed25519', 'public_key': '" SAMPLE_PUBLIC "'}",
                         j == 0 ? "" : ",", i, j);
        }
        p += sprintf(p, "]}");
    }

    p += sprintf(p, "]}");
    n = (size_t) (p - text);
    (void) sample_json(text, n + 1, text);

    t = clock();
    load_text(&load, (xc_str_t) { text, n });
    t = clock() - t;

    printf("# %d credentials in %.2f s of CPU\n", AGENCIES * EACH,
           (double) t / CLOCKS_PER_SEC);

    if (xt_ok(load.rc == XC_OK
              && load.policy->n_credentials == AGENCIES * EACH,
              "the size of the country"))
    {
        for (i = 0, j = 0; i < AGENCIES; i++) {
            (void) snprintf(name, sizeof(name), "a%zu-%zu", i, i % EACH);
            j += xc_policy_keyid(load.policy, xc_str_z(name))
                 == &load.policy->agencies[i].credentials[i % EACH];
        }

        xt_ok(j == AGENCIES, "each key is found");
    }

    xc_heap_free(&load.heap);
    free(text);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_sample();
    test_kinds();
    test_smallest();
    test_any_json();
    test_memory();
    test_uscc();
    test_names();
    test_size();

    return xt_done();
}
