/* The sample with what the smaller tests can do without. */

#ifndef POLICY_FULL_H
#define POLICY_FULL_H

#include "policy_load.h"


/* The sample with an approval of each kind, and a province that may sweep. */
static const char  approvals[] =
    "'credentials': []}],\n"
    " 'approvals': [\n"
    "   {'no': '沪市监协特〔2026〕7号', 'by': '310000', 'agency': '310115',\n"
    "    'fields': ['merchant.bank_account', 'buyer.phone'],\n"
    "    'case_no': '沪市监案〔2026〕310号',\n"
    "    'not_after': '2027-01-31T00:00:00Z'},\n"
    "   {'no': '沪市监协特〔2026〕8号', 'by': '310000', 'agency': '310000',\n"
    "    'fields': ['buyer.phone'],\n"
    "    'request_no': '沪市监协查〔2026〕1182号',\n"
    "    'subjects': [{'type': 'merchant', 'id': '91310000MA1FL0000N'},\n"
    "      {'type': 'order', 'id': 'A-000001'}],\n"
    "    'not_before': '2026-11-01T00:00:00+08:00',\n"
    "    'not_after': '2027-02-28T00:00:00Z'}]}\n";

static char  sample[TEXT_MAX];


static inline void
make_sample(void)
{
    const char  *sweep = "'above': {", *grants = "'grants': ['standard'],"
                                                 " 'credentials'";
    const char  *at, *end;
    char        *p = sample;

    at = strstr(sample_policy, sweep);
    p += sprintf(p, "%.*s'sweep': {'sweep': true, 'groups': ['goods'],"
                 " 'levels': ['province', 'national']},\n   ",
                 (int) (at - sample_policy), sample_policy);

    end = strstr(at, grants);
    p += sprintf(p, "%.*s'grants': ['standard', {'grant': 'sweep',"
                 " 'authority_no': '国市监网授〔2026〕3号',"
                 " 'not_after': '2027-03-01T00:00:00Z'}], 'credentials'",
                 (int) (end - at), at);

    at = end + strlen(grants);
    end = strstr(at, "'above'], 'credentials': []}]}");
    (void) sprintf(p, "%.*s'above', 'sweep'], %s", (int) (end - at), at,
                   approvals);
}

#endif
