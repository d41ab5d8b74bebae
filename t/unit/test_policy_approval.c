/* The policy: approvals and sweeps, what is read of them and every fault. */

#include "xt.h"
#include "policy_full.h"
#include "xc_crypto.h"

#include <stdio.h>


static void
test_grants(const xc_policy_t *p)
{
    const xc_agency_t  *county, *province, *national;

    county = xc_policy_agency(p, XC_STR("310115"));
    province = xc_policy_agency(p, XC_STR("310000"));
    national = xc_policy_agency(p, XC_STR("000000"));

    xt_ok(county->groups == 5 && county->n_grants == 0, "a plain grant");
    xt_ok(province->groups == 5 && province->n_grants == 1
          && province->grants[0].grant->sweep
          && province->grants[0].not_after_s == 1803859200,
          "a province's grant for sweeps, apart from the others");
    xt_is(province->grants[0].authority_no, XC_STR("国市监网授〔2026〕3号"),
          "with the authorisation");
    xt_ok(national->groups == 7 && national->n_grants == 1
          && national->grants[0].grant == province->grants[0].grant
          && national->grants[0].authority_no.len == 0
          && national->grants[0].not_after_s == INT64_MAX,
          "SAMR's by name");
}


static void
test_approvals(const xc_policy_t *p)
{
    const xc_approval_t  *one, *two;

    one = xc_policy_approval(p, XC_STR("沪市监协特〔2026〕7号"));
    two = xc_policy_approval(p, XC_STR("沪市监协特〔2026〕8号"));

    if (!xt_ok(p->n_approvals == 2 && one == &p->approvals[0]
               && two == &p->approvals[1], "both by their numbers"))
    {
        exit(1);
    }

    xt_ok(xc_policy_approval(p, XC_STR("沪市监协特〔2026〕9号")) == NULL,
          "no other");
    xt_is(one->no, XC_STR("沪市监协特〔2026〕7号"), "number");
    xt_is(one->by, XC_STR("310000"), "by whom");
    xt_is(one->agency, XC_STR("310115"), "for whom");
    xt_is(one->case_no, XC_STR("沪市监案〔2026〕310号"), "case");
    xt_ok(one->request_no.data == NULL && one->subjects == NULL
          && one->n_subjects == 0, "what is not named");
    xt_ok(one->n_fields == 2 && one->fields[0] < one->fields[1]
          && one->fields[0] == xc_policy_field(p,
                                               XC_STR("merchant.bank_account"))
          && one->fields[1] == xc_policy_field(p, XC_STR("buyer.phone")),
          "fields in their order");
    xt_ok(one->not_before_s == INT64_MIN && one->not_after_s == 1801353600,
          "until when");
    xt_is(two->request_no, XC_STR("沪市监协查〔2026〕1182号"), "request");
    xt_ok(two->case_no.data == NULL && two->n_subjects == 2
          && two->subjects[0].type
             == xc_policy_subject_type(p, XC_STR("merchant"))
          && two->subjects[1].type == xc_policy_subject_type(p,
                                                             XC_STR("order")),
          "subjects by type");
    xt_is(two->subjects[1].id, XC_STR("A-000001"), "and id");
    xt_ok(two->not_before_s == 1793462400 && two->not_after_s == 1803772800,
          "from and until");
}


static void
test_sample(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, sample_json(mem, sizeof(mem), sample));

    if (!xt_ok(load.rc == XC_OK && load.faults.warnings == 3,
               "the sample with approvals loads"))
    {
        show(&load);
        exit(1);
    }

    test_grants(load.policy);
    test_approvals(load.policy);
    xc_heap_free(&load.heap);
}


#define MANY    "'fields': ['merchant.bank_account', 'buyer.phone']"

/* { replace this, by this, path of the fault, part of its message } */
static const struct {
    const char  *find, *with, *path, *message;
} faults[] = {
    { "'by': '310000', 'agency': '310115'", "'agency': '310115'",
      "approvals[0].by", "required" },
    { "'agency': '310115',", "", "approvals[0].agency", "required" },
    { MANY ",", "", "approvals[0].fields", "required" },
    { "    'not_after': '2027-01-31T00:00:00Z'", "'until': 'x'",
      "approvals[0].not_after", "required" },
    { "    'not_after': '2027-01-31T00:00:00Z'", "'until': 'x'",
      "approvals[0].until", "unknown member; known: no, by" },
    { "{'no': '沪市监协特〔2026〕7号', ", "{", "approvals[0].no", "required" },
    { "沪市监协特〔2026〕7号", "", "approvals[0].no", "1 to 96 bytes" },
    { "〕8号', 'by'", "〕7号', 'by'", "approvals[1].no",
      "沪市监协特〔2026〕7号 is that of approvals[0]" },
    { "'patterns': {", "'patterns': {'approval': '[0-9]+',",
      "approvals[0].no", "does not have the form" },
    { "'patterns': {", "'patterns': {'approval': '[0-9]+',",
      "approvals[1].no", "does not have the form" },
    { "'patterns': {", "'patterns': {'case_no': '[0-9]+',",
      "approvals[0].case_no", "does not have the form" },
    { "沪市监协查〔2026〕1182号", "协查1182", "approvals[1].request_no",
      "does not have the form" },
    { "'by': '310000', 'agency': '310115'", "'by': '320000', 'agency':"
      " '310115'", "approvals[0].by", "310000, not from 320000" },
    { "'by': '310000', 'agency': '310000'", "'by': '320000', 'agency':"
      " '310000'", "approvals[1].by", "310000, not from 320000" },
    { "'by': '310000', 'agency': '310115'", "'by': '310115', 'agency':"
      " '310115'", "approvals[0].by", "310115 is not of the level province" },
    { "'by': '310000', 'agency': '310115'", "'by': '000000', 'agency':"
      " '310115'", "approvals[0].by", "000000 is not of the level province" },
    { "'by': '310000', 'agency': '310115'", "'by': 'a b', 'agency': '310115'",
      "approvals[0].by", "is not an id" },
    { "'agency': '310115'", "'agency': '310116'", "approvals[0].agency",
      "no agency 310116 in agencies" },
    { MANY, "'fields': []", "approvals[0].fields", "1 to 1024 fields" },
    { MANY, "'fields': ['buyer.phone', 7]", "approvals[0].fields[1]",
      "must be a string" },
    { MANY, "'fields': ['buyer.phone', 'buyer.fax']", "approvals[0].fields[1]",
      "no field \"buyer.fax\" in fields" },
    { MANY, "'fields': ['buyer.phone', 'merchant.bank_account',"
      " 'buyer.phone']", "approvals[0].fields[2]",
      "buyer.phone is named twice" },
    { "    'case_no': '沪市监案〔2026〕310号',", "", "approvals[0]",
      "at least one of case_no, request_no and subjects" },
    { "'case_no': '沪市监案〔2026〕310号'", "'subjects': []",
      "approvals[0].subjects", "1 to 1024 subjects, found 0" },
    { "'case_no': '沪市监案〔2026〕310号'", "'subjects': ['x']",
      "approvals[0].subjects[0]", "must be an object" },
    { "'type': 'order'", "'type': 'shop'", "approvals[1].subjects[1].type",
      "no subject type \"shop\"" },
    { "'type': 'order', ", "", "approvals[1].subjects[1].type", "required" },
    { "'type': 'order', ", "'type': 'order', 'kind': 1,",
      "approvals[1].subjects[1].kind", "unknown member; known: type, id" },
    { "'A-000001'", "'A-1'", "approvals[1].subjects[1].id",
      "does not have the form" },
    { "'A-000001'", "''", "approvals[1].subjects[1].id", "1 to 96" },
    { "MA1FL0000N'},\n", "MA1FL0000M'},\n", "approvals[1].subjects[0].id",
      "not a unified social credit code" },
    { "{'type': 'order', 'id': 'A-000001'}", "{'type': 'merchant', 'id':"
      " '91310000MA1FL0000N'}", "approvals[1].subjects[1]", "named twice" },
    { "'2026-11-01T00:00:00+08:00'", "'2026-11-01'",
      "approvals[1].not_before", "is not a time" },
    { "'2026-11-01T00:00:00+08:00'", "'2027-02-28T00:00:00Z'",
      "approvals[1].not_after", "must be later than not_before" },

    /* sweeps */
    { "'authority_no': '国市监网授〔2026〕3号', ", "",
      "agencies[1].grants[1].authority_no", "by SAMR's authorisation; write" },
    { "'authority_no': '国市监网授〔2026〕3号'", "'authority_no': ''",
      "agencies[1].grants[1].authority_no", "1 to 256 bytes" },
    { "'grants': ['standard'],\n", "'grants': ['sweep'],\n",
      "agencies[0].grants[0]", "sweep is not for the level county" },
    { "'sweep': true, 'groups': ['goods']", "'sweep': true, 'groups':"
      " ['goods', 'identity']", "grants.sweep.groups[1]", "goods only" },
    { "'province', 'national']},\n   'above'", "'city', 'national']},\n"
      "   'above'", "grants.sweep.levels[0]", "province and national only" },
};


static void
test_faults(void)
{
    char    mem[TEXT_MAX];
    size_t  i;
    load_t  load;

    for (i = 0; i < XC_COUNT(faults); i++) {
        load_text(&load, edit_of(mem, sample, faults[i].find,
                                 faults[i].with));

        if (!xt_ok(load.rc == XC_EINPUT
                   && has(&load, false, faults[i].path, faults[i].message),
                   "%s: %s", faults[i].path, faults[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


static const struct {
    const char  *find, *with, *path, *message;
} warnings[] = {
    { "'not_after': '2027-01-31T00:00:00Z'", "'not_after':"
      " '2026-11-22T00:00:00Z'", "approvals[0].not_after",
      "the approval 沪市监协特〔2026〕7号 expired at" },
    { "'not_after': '2027-01-31T00:00:00Z'", "'not_after':"
      " '2026-12-22T00:00:00Z'", "approvals[0].not_after",
      "expires within 30 days" },
    { "'not_after': '2027-03-01T00:00:00Z'", "'not_after':"
      " '2026-11-01T00:00:00Z'", "agencies[1].grants[1].not_after",
      "the grant sweep expired at" },
    { "['buyer.phone'],\n    'request_no'", "['buyer.phone', 'merchant.name'],"
      "\n    'request_no'", "approvals[1].fields[1]",
      "merchant.name is a standard field" },
    { "'by': '310000', 'agency': '310115'", "'by': '310000', 'agency':"
      " '000000'", "approvals[0].agency", "needs no approval" },
    { "      'approval': '/approval'},", "      'approval_token': '/a'},",
      "approvals", "no operation maps approval" },
    { "'groups': ['identity', 'transaction']", "'groups': ['transaction']",
      "approvals[0].fields[0]", "310115 holds no grant for the group identity"
    },
};


static void
test_warnings(void)
{
    char    mem[TEXT_MAX];
    size_t  i;
    load_t  load;

    for (i = 0; i < XC_COUNT(warnings); i++) {
        load_text(&load, edit_of(mem, sample, warnings[i].find,
                                 warnings[i].with));

        if (!xt_ok(load.rc == XC_OK && load.faults.warnings == 4
                   && has(&load, true, warnings[i].path, warnings[i].message),
                   "%s: %s", warnings[i].path, warnings[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


/* An agency whose province is not listed is approved for by its name. */
static void
test_unlisted(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit_of(mem, sample, "'region': '310115',",
                             "'region': '310115', 'parent': 'XPCC',"));
    xt_ok(load.rc == XC_EINPUT && has(&load, false, "approvals[0].by", "XPCC"),
          "a parent of its own approves, not the province of the code");
    xc_heap_free(&load.heap);

    load_text(&load, edit_of(mem, sample, "'region': '310000'",
                             "'region': '320000'"));
    xt_ok(load.rc == XC_OK, "the province's own region does not matter");
    xc_heap_free(&load.heap);
}


/* Whatever is edited in the one makes it another, and leaves the other. */
static void
test_identity(void)
{
    char            mem[TEXT_MAX];
    size_t          i;
    load_t          load, edited;
    const uint8_t  *was, *is;

    static const char *const  edits[][2] = {
        { "〔2026〕7号", "〔2026〕6号" },
        { MANY, "'fields': ['merchant.bank_account']" },
        { "'case_no': '沪市监案〔2026〕310号'",
          "'case_no': '沪市监案〔2026〕311号'" },
        { "'not_after': '2027-01-31T00:00:00Z'",
          "'not_after': '2027-01-30T00:00:00Z'" }
    };

    load_text(&load, sample_json(mem, sizeof(mem), sample));
    was = load.policy->approvals[0].identity;

    for (i = 0; i < XC_COUNT(edits); i++) {
        load_text(&edited, edit_of(mem, sample, edits[i][0], edits[i][1]));

        if (!xt_ok(edited.rc == XC_OK, "%s: loads", edits[i][1])) {
            show(&edited);
            exit(1);
        }

        is = edited.policy->approvals[0].identity;
        xt_ok(memcmp(was, is, XC_CREDENTIAL_IDENTITY) != 0,
              "%s: another approval", edits[i][1]);
        xt_ok(memcmp(load.policy->approvals[1].identity,
                     edited.policy->approvals[1].identity,
                     XC_CREDENTIAL_IDENTITY) == 0, "%s: not the other",
              edits[i][1]);
        xc_heap_free(&edited.heap);
    }

    xt_ok(memcmp(was, load.policy->approvals[1].identity,
                 XC_CREDENTIAL_IDENTITY) != 0, "two are two");
    xc_heap_free(&load.heap);
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    xc_str_t  text;

    text = sample_json(mem, sizeof(mem), sample);
    xt_oom("loading approvals", load_bad, &text);

    text = edit_of(mem, sample, MANY, "'fields': ['x']");
    xt_oom("loading approvals with a fault", load_bad, &text);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    make_sample();
    test_sample();
    test_faults();
    test_warnings();
    test_unlisted();
    test_identity();
    test_memory();

    return xt_done();
}
