/* The policy: what loads, every fault and refusal by its path, look-ups, and
 * the files that a policy names. */

#include "xt.h"
#include "sample_policy.h"
#include "xc_crypto.h"
#include "xc_files.h"
#include "xc_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define TEXT_MAX    (sizeof(sample_policy) + 4096)

typedef struct {
    xc_heap_t            heap;
    xc_rc_t              rc;
    xc_policy_faults_t   faults;
    const xc_policy_t   *policy;
} load_t;

static xc_policy_files_t  files;


static void
load_text(load_t *load, xc_str_t text)
{
    xc_str_t  in = xt_guard(text);

    xc_heap_init(&load->heap, 0);
    load->policy = NULL;
    load->rc = xc_policy_load(&load->heap.arena, in,
                              files.read == NULL ? NULL : &files,
                              SAMPLE_NOW_S, &load->faults, &load->policy);

    /* the policy borrows nothing of its text */
    xt_unguard(in);
}


/* The sample with the first occurrence of find replaced; ' for " in all. */
static xc_str_t
edit(char *mem, const char *find, const char *with)
{
    char         text[TEXT_MAX];
    const char  *at = strstr(sample_policy, find);

    if (at == NULL) {
        printf("# the sample has no %s\n", find);
        exit(2);
    }

    (void) snprintf(text, sizeof(text), "%.*s%s%s",
                    (int) (at - sample_policy), sample_policy, with,
                    at + strlen(find));

    return sample_json(mem, TEXT_MAX, text);
}


static bool
has(const load_t *load, bool warning, const char *path, const char *message)
{
    size_t                    i;
    char                      text[1200];
    const xc_policy_fault_t  *fault;

    for (i = 0; i < load->faults.n; i++) {
        fault = &load->faults.list[i];
        (void) snprintf(text, sizeof(text), XC_STR_FMT,
                        XC_STR_ARG(fault->message));

        if (fault->warning == warning
            && xc_str_eq(fault->path, xc_str_z(path))
            && strstr(text, message) != NULL)
        {
            return true;
        }
    }

    return false;
}


static void
show(const load_t *load)
{
    size_t                    i;
    const xc_policy_fault_t  *fault;

    for (i = 0; i < load->faults.n; i++) {
        fault = &load->faults.list[i];
        printf("# %s " XC_STR_FMT ": " XC_STR_FMT "\n",
               fault->warning ? "warning" : "fault", XC_STR_ARG(fault->path),
               XC_STR_ARG(fault->message));
    }
}


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
          && county->rate->refusals_burst == 20, "a rate");
    xt_ok(province->rate == county->rate, "the default rate");
    xt_ok(national->rate->interval_us == 10000 && national->rate->burst == 0
          && national->rate->refusals_interval_us == 1000000
          && national->rate->refusals_burst == 0, "a rate's defaults");

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
    xc_str_t               subject = XC_STR("x"), path;
    const xc_operation_t  *op = NULL;

    path = xt_guard(XC_STR("/xc/v1/merchants/91310000MA1FL0000N"));

    xt_ok(xc_policy_operation(p, XC_STR("GET"), path, &op, &subject) == XC_OK
          && op == &p->operations[1], "the second operation");
    xt_is(subject, XC_STR("91310000MA1FL0000N"), "its subject");
    xt_ok(xc_policy_operation(p, XC_STR("HEAD"), path, &op, NULL) == XC_OK,
          "a caller without interest in the subject");

    op = NULL;
    xt_ok(xc_policy_operation(p, XC_STR("POST"), path, &op, &subject)
          == XC_DENIED && op == NULL, "another method");
    xt_ok(xc_policy_operation(p, XC_STR("get"), path, &op, &subject)
          == XC_DENIED, "methods have their case");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests\n"),
                              &op, &subject) == XC_DENIED,
          "a newline behind the path");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests/"),
                              &op, &subject) == XC_DENIED, "a longer path");
    xt_ok(xc_policy_operation(p, XC_STR("POST"), XC_STR("/xc/v1/requests"),
                              &op, &subject) == XC_OK && subject.len == 0,
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

    xt_ok(load.faults.faults == 0 && load.faults.warnings == 2
          && has(&load, true, "agencies[1].credentials[0].alg",
                 "310000-2026 itself")
          && has(&load, true, "agencies[1].credentials[0].secret", "{\"file\""),
          "with its two warnings");

    test_sample_parts(load.policy);
    test_sample_agencies(load.policy);
    test_sources(load.policy);
    test_operation(load.policy);

    xc_heap_free(&load.heap);
}


static const char  many_fields[] =
    "'fields': {'a b': 1, 'c': {'group': 'g', 'zh': '', 'en': 7,"
    " 'standard': 'yes', 'more': 1}},\n 'x': {";

/* { replace this, by this, path of the fault, part of its message } */
static const struct {
    const char  *find, *with, *path, *message;
} faults[] = {
    /* the file as a whole */
    { "'version': '2026-11-22',", "", "version", "required" },
    { "'policy': 'cn-samr-2025'", "'policy': 7", "policy",
      "must be a string, found" },
    { "cn-samr-2025", "cn samr", "policy", "is not an id" },
    { "'transport'", "'transprot'", "transprot", "did you mean transport?" },
    { "'transport'", "'zzzzzzzz'", "zzzzzzzz", "unknown member; known: policy" },
    { "'transport': 'tls'", "'transport': 'tcp'", "transport",
      "\"tcp\" is unknown; write one of tls, any" },
    { "'version'", "'policy': 'x', 'version'", "", "not strict JSON: line 1" },
    { "'version'", "'approvals': [], 'version'", "approvals",
      "is not supported by this version" },
    { "'version'", "'include': ['a'], 'version'", "include",
      "is not supported by this version" },

    /* authorities, signature, limits */
    { "['Platform.example', 'xc.example:8443', '[2001:DB8::1]']", "[]",
      "authorities", "1 to 256 hosts" },
    { "'Platform.example'", "'platform.example/x'", "authorities[0]",
      "is not host" },
    { "'Platform.example'", "'platform..example'", "authorities[0]", "not host" },
    { "'Platform.example'", "'*'", "authorities[0]", "is not host" },
    { "'Platform.example'", "':80'", "authorities[0]", "is not host" },
    { "'Platform.example'", "''", "authorities[0]", "1 to 259 bytes" },
    { "'Platform.example'", "'XC.example:8443'", "authorities[1]", "twice" },
    { "xc.example:8443", "xc.example:0", "authorities[1]", "is not host" },
    { "xc.example:8443", "xc.example:65536", "authorities[1]", "is not host" },
    { "xc.example:8443", "xc.example:", "authorities[1]", "is not host" },
    { "xc.example:8443", "2001:db8::1", "authorities[1]", "is not host" },
    { "[2001:DB8::1]", "[2001:DB8::g]", "authorities[2]", "is not host" },
    { "[2001:DB8::1]", "[2001:DB8::1", "authorities[2]", "is not host" },
    { "[2001:DB8::1]", "[]", "authorities[2]", "is not host" },
    { "'max_age': 200", "'max_age': 0", "signature.max_age", "1 to 3600" },
    { "'max_age': 200", "'max_age': 3601", "signature.max_age", "1 to 3600" },
    { "'max_age': 200", "'max_age': 1.5", "signature.max_age", "whole number" },
    { "'max_skew': 20", "'max_skew': 301", "signature.max_skew", "0 to 300" },
    { "'max_skew': 20", "'max_skew': -1", "signature.max_skew", "0 to 300" },
    { "'nonce': 'required'", "'nonce': 'no'", "signature.nonce", "unknown" },
    { "'tag': 'xc'", "'tag': '协查'", "signature.tag", "ASCII" },
    { "'fields': 8", "'fields': 257", "limits.fields", "1 to 256 (a record" },
    { "'fields': 8", "'fields': 0", "limits.fields", "1 to 256" },
    { "'fields': 8", "'fields': 9223372036854775807", "limits.fields", "256" },
    { "'subjects': 3", "'subjects': 101", "limits.subjects", "1 to 100" },
    { "'string': 96", "'string': 513", "limits.string", "1 to 512" },
    { "'depth': 6", "'depth': 65", "limits.depth", "1 to 64" },
    { "'window_days': 366", "'window_days': 3661", "limits.window_days",
      "3660" },
    { "'officers': 2", "'officers': 33", "limits.officers", "1 to 32" },
    { "'depth': 6", "'result_days': 90", "limits.result_days",
      "result_days is not supported by this version" },

    /* dictionary */
    { "'purposes': {'case_investigation': {'requires': ['case_no']},",
      "'purposes': {}, 'x': {", "purposes", "at least one" },
    { "['case_no']", "['case_nr']", "purposes.case_investigation.requires[0]",
      "is not a member" },
    { "['case_no']", "[7]", "purposes.case_investigation.requires[0]",
      "must be a string" },
    { "['case_no']", "['approval_token']",
      "purposes.case_investigation.requires[0]", "not supported" },
    { "'urgent': true", "'urgent': 1", "purposes.accident_handling.urgent",
      "must be true or false, found" },
    { "'product_recall': {}", "'product recall': {}",
      "purposes[\"product recall\"]", "is not an id" },
    { "'product_recall': {}", "'product_recall': []",
      "purposes.product_recall", "must be an object, found array" },
    { "'fields': {\n", many_fields, "fields[\"a b\"]", "is not an id" },
    { "'fields': {\n", many_fields, "fields[\"a b\"]", "must be an object" },
    { "'fields': {\n", many_fields, "fields.c.zh", "1 to 256 bytes" },
    { "'fields': {\n", many_fields, "fields.c.en", "must be a string" },
    { "'fields': {\n", many_fields, "fields.c.standard", "true or false" },
    { "'fields': {\n", many_fields, "fields.c.more",
      "unknown member; known: group, zh, en, standard" },
    { "'fields': {\n", "'fields': {}, 'y': {", "fields", "at least one" },
    { "'en': 'Code',\n     'standard'", "'en': 'Code',\n     'standrad'",
      "fields[\"merchant.uscc\"].standrad", "did you mean standard?" },
    { "'en': 'Code',\n     'standard'", "'en': 'Code',\n     'standrad'",
      "fields[\"merchant.uscc\"].standard", "required, but not given" },
    { "'check': 'uscc'", "'check': 'luhn'", "subject_types.merchant.check",
      "write one of uscc" },
    { "[0-9A-Za-z-]{6,64}", "[0-9", "subject_types.order.pattern",
      "not a usable pattern" },
    { "'patterns': {'request_no'", "'patterns': {'region'", "patterns.region",
      "unknown member" },
    { "'patterns': {'request_no':\n", "'patterns': {'case_no': 1, 'approval':\n",
      "patterns.case_no", "must be a string" },

    /* operations */
    { "'id': 'submit'", "'id': 'merchant'", "operations[1].id", "twice" },
    { "'kind': 'submit'", "'kind': 'result'", "operations[0].kind",
      "\"result\" is not supported by this version" },
    { "'kind': 'submit'", "'kind': 'check'", "operations[0].kind",
      "\"check\" is not supported by this version" },
    { "'kind': 'submit'", "'kind': 'send'", "operations[0].kind",
      "write one of submit, query" },
    { "['POST']", "['Post']", "operations[0].methods[0]", "capital letters" },
    { "['POST']", "['PO ST']", "operations[0].methods[0]", "capital letters" },
    { "['POST']", "[]", "operations[0].methods", "at least one" },
    { "'/xc/v1/requests'", "'/xc/(v1'", "operations[0].path",
      "not a usable pattern" },
    { "'/xc/v1/requests'", "'/xc/(?<request>[0-9]+)'", "operations[0].path",
      "result, which is not supported by this version" },
    { "'/xc/v1/requests'", "'/xc/(?<id>[0-9]+)'", "operations[0].path",
      "means nothing" },
    { "'/xc/v1/requests'", "'/xc/(?<subject>[0-9]+)'",
      "operations[0].subject_type", "required" },
    { "(?<subject>[0-9A-Z]{18})", "[0-9A-Z]{18}",
      "operations[1].subject_type", "only with a path" },
    { "'subject_type': 'merchant'", "'subject_type': 'shop'",
      "operations[1].subject_type", "no subject type \"shop\"" },
    { "'request_no': '/request_no',", "", "operations[0].body.request_no",
      "required" },
    { "'fields': 'fields',", "", "operations[1].query.fields", "required" },
    { "'/case_no'", "'case_no'", "operations[0].body.case_no",
      "not a JSON Pointer" },
    { "'/case_no'", "'/a~2'", "operations[0].body.case_no",
      "not a JSON Pointer" },
    { "'/case_no'", "''", "operations[0].body.case_no", "1 to 256 bytes" },
    { "'/case_no'", "'/purpose'", "operations[0]", "same member" },
    { "'/case_no'", "'/caseNO'", "operations[0]", NULL },
    { "'/case_no'", "'/purpose/x'", "operations[0]", "same member" },
    { "'/case_no'", "'/PUR-POSE'", "operations[0]", "same member" },
    { "'/note'", "'/where'", "operations[0]", "same member" },
    { "'/note'", "'/subjects/0'", "operations[0]", "same member" },
    { "'pass': ['/note'", "'pass': [1", "operations[0].pass[0]", "a string" },
    { "'approval': '/approval'", "'approval_token': '/t'",
      "operations[0].body.approval_token", "approval_token is not supported" },
    { "'fields': '/fields'", "'like': 'submit', 'fields': '/fields'",
      "operations[0].body.like", "like is not supported by this version" },
    { "'category': '/category'", "'kategory': '/category'",
      "operations[0].body.kategory", "unknown member" },
    { "'case_no': 'case_no'", "'case_no': 'case no'",
      "operations[1].query.case_no", "not a query name" },
    { "'case_no': 'case_no'", "'officers': 'o'",
      "operations[1].query.officers", "can't stand in a query" },
    { "'case_no': 'case_no'", "'subjects': 'o'",
      "operations[1].query.subjects", "can't stand in a query" },
    { "'case_no': 'case_no'", "'window': 'o'",
      "operations[1].query.window", "can't stand in a query" },
    { "['lang']", "['Case-No']", "operations[1]", "differ only in case" },
    { "'pass': ['lang']", "'body': {}", "operations[1]", "both a body and" },
    { "'query': {'fields': 'fields', 'request_no': 'request_no',\n"
      "      'purpose': 'purpose', 'case_no': 'case_no'}, ", "",
      "operations[1]", "needs a body or a query" },

    /* grants and rates */
    { "'groups': ['goods']", "'groups': ['good']", "grants.above.groups[0]",
      "no field has the group \"good\"" },
    { "'groups': ['goods']", "'groups': []", "grants.above.groups",
      "at least one" },
    { "'levels': ['national']", "'levels': ['town']",
      "grants.above.levels[0]", "county, city, province, national" },
    { "'levels': ['national']", "'levels': []", "grants.above.levels",
      "at least one" },
    { "'above': {", "'above': {'sweep': true, ", "grants.above.sweep",
      "sweep is not supported by this version" },
    { "'10r/s'", "'0r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'1000001r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'10r/h'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'10'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'-1r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "10", "rates.default.rate", "must be a string" },
    { "'30r/m'", "'r/m'", "rates.default.refusals", "must be a rate" },
    { "'burst': 20", "'burst': -1", "rates.default.burst", "0 to 1000000" },
    { "'burst': 20", "'per_day': 20", "rates.default.per_day",
      "per_day is not supported by this version" },
    { "'burst': 20", "'cost': {}", "rates.default.cost",
      "cost is not supported by this version" },

    /* agencies */
    { "'id': '310000'", "'id': '310115'", "agencies[1].id",
      "is that of agencies[0]" },
    { "'id': '310115'", "'id': ''", "agencies[0].id", "is not an id" },
    { "'level': 'county'", "'level': 'township'", "agencies[0].level",
      "county, city, province, national" },
    { "'region': '310115'", "'region': '31011'", "agencies[0].region",
      "six digits" },
    { "'region': '310115'", "'region': 'XPCC'", "agencies[0].parent",
      "required" },
    { "'region': '310115'", "'region': '310115', 'parent': '000000'",
      "agencies[0].parent", "000000 is not of the level province" },
    { "'region': '310000'", "'region': '310000', 'parent': '310115'",
      "agencies[1].parent", "its own parent" },
    { "'region': '000000'", "'region': '000000', 'parent': '310115'",
      "agencies[2].parent", "nobody stands above" },
    { "'grants': ['standard']", "'grants': ['standrad']",
      "agencies[0].grants[0]", "no grant \"standrad\"" },
    { "'grants': ['standard']", "'grants': ['above']",
      "agencies[0].grants[0]", "not for the level county" },
    { "'grants': ['standard']", "'grants': [{'grant': 'above'}]",
      "agencies[0].grants[0]", "as an object is not supported by this" },
    { "'rate': 'default'", "'rate': 'slow'", "agencies[0].rate",
      "no rate \"slow\"" },
    { "'rates': {'default'", "'rates': {'other'", "agencies[1].rate",
      "not given, and rates has no \"default\"" },

    /* credentials */
    { "'type': 'httpsig'", "'type': 'mtls', 'spki_sha256': 'a'",
      "agencies[0].credentials[0].type", "\"mtls\" is not supported by this" },
    { "'type': 'httpsig'", "'type': 'jwt'",
      "agencies[0].credentials[0].type", "\"jwt\" is not supported by this" },
    { "'type': 'httpsig'", "'type': 'basic'",
      "agencies[0].credentials[0].type", "write one of httpsig" },
    { "'type': 'httpsig', ", "", "agencies[0].credentials[0].type",
      "required" },
    { "'keyid': '310000-2026'", "'keyid': '310115-2026a'",
      "agencies[1].credentials[0].keyid",
      "is that of agencies[0].credentials[0]" },
    { "'alg': 'ed25519'", "'alg': 'sm2-sm3'",
      "agencies[0].credentials[0].alg", "\"sm2-sm3\" is not supported by" },
    { "'alg': 'ed25519'", "'alg': 'ecdsa-p256-sha256'",
      "agencies[0].credentials[0].alg", "is not supported by this version" },
    { "'alg': 'ed25519'", "'alg': 'ecdsa-p384-sha384'",
      "agencies[0].credentials[0].alg", "is not supported by this version" },
    { "'alg': 'ed25519'", "'alg': 'rsa-pss-sha512'",
      "agencies[0].credentials[0].alg", "is not supported by this version" },
    { "'alg': 'ed25519'", "'alg': 'rsa-v1_5-sha256'",
      "agencies[0].credentials[0].alg", "is not supported by this version" },
    { "'alg': 'ed25519'", "'alg': 'none'",
      "agencies[0].credentials[0].alg", "write one of ed25519, hmac-sha256" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'sm2_id': '1'",
      "agencies[0].credentials[0].sm2_id", "sm2_id is not supported by this" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': ['1']",
      "agencies[0].credentials[0].on_behalf_of", "is not supported by this" },
    { SAMPLE_PUBLIC, "AAAA", "agencies[0].credentials[0].public_key",
      "Ed25519" },
    { "'public_key'", "'secret'", "agencies[0].credentials[0].secret",
      "does not belong to the algorithm ed25519" },
    { "'public_key'", "'secret'", "agencies[0].credentials[0].public_key",
      "required by the algorithm ed25519" },
    { "'secret'", "'public_key'", "agencies[1].credentials[0].secret",
      "required by the algorithm hmac-sha256" },
    { SAMPLE_SECRET, "c2Vj!", "agencies[1].credentials[0].secret",
      "not base64" },
    { SAMPLE_SECRET, "c2Vj", "agencies[1].credentials[0].secret", "" },
    { "'secret': '" SAMPLE_SECRET "'", "'secret': {'file': 'x'}",
      "agencies[1].credentials[0].secret", "no files can be read here" },
    { "'secret': '" SAMPLE_SECRET "'", "'secret': {'path': 'x'}",
      "agencies[1].credentials[0].secret.path", "unknown member; known: file" },
    { "'secret': '" SAMPLE_SECRET "'", "'secret': {}",
      "agencies[1].credentials[0].secret.file", "required" },
    { "'2026-01-01T00:00:00Z'", "'2026-01-01'",
      "agencies[0].credentials[0].not_before", "is not a time" },
    { "'2026-01-01T00:00:00Z'", "'2027-01-01T00:00:00+08:00'",
      "agencies[0].credentials[0].not_after", "later than" },
    { "'203.0.113.0/24'", "'203.0.113.0/33'",
      "agencies[0].credentials[0].sources[0]", "is not an address" },
    { "'203.0.113.0/24'", "'203.0.113.1/24'",
      "agencies[0].credentials[0].sources[0]", "bits set" },
    { "'203.0.113.0/24'", "'203.0.113.0/'",
      "agencies[0].credentials[0].sources[0]", "is not an address" },
    { "'203.0.113.0/24'", "'example.org'",
      "agencies[0].credentials[0].sources[0]", "is not an address" },
    { "'2001:db8::/33'", "'2001:db8::/129'",
      "agencies[0].credentials[0].sources[1]", "is not an address" },
    { "['203.0.113.0/24', '2001:db8::/33',\n         '198.51.100.7']", "[]",
      "agencies[0].credentials[0].sources", "leave it out" },
};


static void
test_faults(void)
{
    char    mem[TEXT_MAX];
    size_t  i;
    load_t  load;
    bool    ok;

    for (i = 0; i < XC_COUNT(faults); i++) {
        load_text(&load, edit(mem, faults[i].find, faults[i].with));

        if (faults[i].message == NULL) {
            ok = load.rc == XC_OK && load.policy != NULL;

        } else {
            ok = load.rc == XC_EINPUT && load.policy == NULL
                 && has(&load, false, faults[i].path, faults[i].message);
        }

        if (!xt_ok(ok, "%s: %s", faults[i].path,
                   faults[i].message == NULL ? "loads" : faults[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


static const struct {
    const char  *find, *with, *path, *message;
} warnings[] = {
    { "'nonce': 'required'", "'nonce': 'optional'", "signature.nonce",
      "replayed" },
    { "2027-01-01T00:00:00+08:00", "2026-11-21T23:59:59Z",
      "agencies[0].credentials[0].not_after",
      "310115-2026a expired at 2026-11-21T23:59:59Z" },
    { "2027-01-01T00:00:00+08:00", "2026-11-22T00:00:00Z",
      "agencies[0].credentials[0].not_after", "expired at" },
    { "2027-01-01T00:00:00+08:00", "2026-12-22T00:00:00Z",
      "agencies[0].credentials[0].not_after", "expires within 30 days" },
    { "2027-01-01T00:00:00+08:00", "2026-12-22T00:00:01Z", NULL, NULL },
    { "'region': '310115'", "'region': 'XPCC', 'parent': 'xpcc'", NULL, NULL },
    { "'region': '310115'", "'region': '310115', 'parent': '310000'", NULL,
      NULL },
    { "'203.0.113.0/24'", "'0.0.0.0/0', '::/0', '::ffff:1.2.3.0/120'", NULL,
      NULL },
};


static void
test_warnings(void)
{
    char    mem[TEXT_MAX];
    size_t  i;
    load_t  load;

    for (i = 0; i < XC_COUNT(warnings); i++) {
        load_text(&load, edit(mem, warnings[i].find, warnings[i].with));

        if (!xt_ok(load.rc == XC_OK
                   && load.faults.warnings == (warnings[i].path == NULL ? 2 : 3)
                   && (warnings[i].path == NULL
                       || has(&load, true, warnings[i].path,
                              warnings[i].message)),
                   "%s loads", warnings[i].with))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
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
              && p->limits.window_days == 366 && p->limits.officers == 8,
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
            bad += load.rc == XC_OK
                   && strcmp(values[j], "7") != 0;
            xc_heap_free(&load.heap);
        }
    }

    xt_ok(bad == 0, "any value in any place");

    for (i = 0; i < n; i += 7) {
        load_text(&load, sample_json(mem, i, sample_policy));
        bad += load.rc != XC_EINPUT;
        xc_heap_free(&load.heap);
    }

    xt_ok(bad == 0, "a file cut anywhere");
}


static void
test_many_faults(void)
{
    char    mem[TEXT_MAX];
    char    text[TEXT_MAX] = "'case_no'";
    size_t  i;
    load_t  load;

    for (i = 0; i < 100; i++) {
        (void) snprintf(text + strlen(text), 16, ", 'x%zu'", i);
    }

    load_text(&load, edit(mem, "'case_no'", text));
    xt_ok(load.rc == XC_EINPUT && load.faults.faults == 100
          && load.faults.n == XC_POLICY_FAULTS_MAX, "all counted, 64 told");
    xc_heap_free(&load.heap);
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


static xc_rc_t
load_bad(xc_arena_t *arena, void *data)
{
    xc_str_t             *text = data;
    const xc_policy_t    *policy = NULL;
    xc_policy_faults_t    found;
    xc_rc_t               rc;

    rc = xc_policy_load(arena, *text, NULL, SAMPLE_NOW_S, &found, &policy);

    return rc == XC_EINPUT ? XC_OK : rc;
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    xc_str_t  text;

    text = sample_json(mem, sizeof(mem), sample_policy);
    xt_oom("loading", load_sample, &text);

    text = edit(mem, "'fields': {\n", many_fields);
    xt_oom("loading what has faults", load_bad, &text);
}


static void
write_file(const char *dir, const char *name, mode_t mode, const char *text)
{
    char   path[256];
    FILE  *out;

    (void) snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");

    if (out == NULL || fputs(text, out) < 0 || fclose(out) != 0
        || chmod(path, mode) != 0)
    {
        perror(path);
        exit(2);
    }
}


static void
test_file_read(xc_str_t dir)
{
    xc_heap_t    heap;
    xc_str_t     got = XC_STR_NONE, full;
    const char  *error = "";

    xc_heap_init(&heap, 0);

    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("secret"), true, &got, &error)
          == XC_OK, "a secret of its owner and group");
    xt_is(got, XC_STR(SAMPLE_SECRET "\n"), "its content");

    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("open"), true, &got, &error)
          == XC_EIO && strstr(error, "/open: others can reach it") != NULL,
          "a secret that others can read");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("open"), false, &got, &error)
          == XC_OK, "no secret");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("none"), false, &got, &error)
          == XC_EIO && strstr(error, "/none: No such file") != NULL, "no file");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("."), false, &got, &error)
          == XC_EIO && strstr(error, "not a regular file") != NULL,
          "a folder");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR("fifo"), false, &got, &error)
          == XC_EIO && strstr(error, "not a regular file") != NULL,
          "a FIFO, without waiting");
    xt_ok(xc_file_read(&heap.arena, dir, XC_STR(""), false, &got, &error)
          == XC_EIO && xc_file_read(&heap.arena, dir, XC_STR("a\0b"), false,
                                    &got, &error) == XC_EIO, "no name");
    xt_ok(xc_file_read(&heap.arena, XC_STR("/nowhere"),
                       xc_arena_printf(&heap.arena, "%s/open", dir.data), false,
                       &got, &error) == XC_OK, "an absolute name");

    full = xc_arena_printf(&heap.arena, "%s/large", dir.data);
    write_file(dir.data, "large", 0600, "");
    xt_ok(truncate(full.data, XC_FILES_MAX + 1) == 0
          && xc_file_read(&heap.arena, dir, XC_STR("large"), false, &got,
                          &error) == XC_EIO
          && strstr(error, "larger than 64 MiB") != NULL, "too large");

    xt_is(xc_file_dir(XC_STR("policy.json")), XC_STR(""), "no folder");
    xt_is(xc_file_dir(XC_STR("/policy.json")), XC_STR("/"), "the root");
    xt_is(xc_file_dir(XC_STR("a/b//c")), XC_STR("a/b"), "a folder");

    xc_heap_free(&heap);
}


static void
test_named_files(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit(mem, "'secret': '" SAMPLE_SECRET "'",
                          "'secret': {'file': 'secret'}"));
    xt_ok(load.rc == XC_OK && load.faults.warnings == 1, "a secret in a file");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'secret': '" SAMPLE_SECRET "'",
                          "'secret': {'file': 'open'}"));
    xt_ok(load.rc == XC_EINPUT
          && has(&load, false, "agencies[1].credentials[0].secret",
                 "others can reach it"), "one that others can read");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'public_key': '" SAMPLE_PUBLIC "'",
                          "'public_key': {'file': 'public'}"));
    xt_ok(load.rc == XC_OK, "a public key in a file");
    xc_heap_free(&load.heap);

    load_text(&load, edit(mem, "'public_key': '" SAMPLE_PUBLIC "'",
                          "'public_key': {'file': 'none'}"));
    xt_ok(load.rc == XC_EINPUT
          && has(&load, false, "agencies[0].credentials[0].public_key",
                 "No such file"), "a key that is not there");
    xc_heap_free(&load.heap);
}


static void
test_files(void)
{
    char       template[] = "/tmp/xc-test-policy-XXXXXX", path[256];
    size_t     i;
    xc_str_t   dir;

    static const char *const  names[] = { "secret", "open", "public", "fifo",
                                          "large" };

    if (mkdtemp(template) == NULL) {
        perror("mkdtemp");
        exit(2);
    }

    dir = xc_str_z(template);
    files = xc_files_of(&dir);

    write_file(template, "secret", 0640, SAMPLE_SECRET "\n");
    write_file(template, "open", 0644, SAMPLE_SECRET "\n");
    write_file(template, "public", 0644,
               "-----BEGIN PUBLIC KEY-----\n"
               "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
               "-----END PUBLIC KEY-----\n");
    (void) snprintf(path, sizeof(path), "%s/fifo", template);

    if (mkfifo(path, 0600) != 0) {
        perror(path);
        exit(2);
    }

    test_file_read(dir);
    test_named_files();

    for (i = 0; i < XC_COUNT(names); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", template, names[i]);
        (void) unlink(path);
    }

    (void) rmdir(template);
    files = (xc_policy_files_t) { NULL, NULL };
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
    test_faults();
    test_warnings();
    test_smallest();
    test_any_json();
    test_many_faults();
    test_memory();
    test_files();
    test_uscc();
    test_names();
    test_size();

    return xt_done();
}
