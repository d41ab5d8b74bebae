/*
 * A policy for the unit tests: every part of CONTRACT.md section 2 that loads
 * in this version.  Written with ' for ", which sample_json() puts right.
 */

#ifndef SAMPLE_POLICY_H
#define SAMPLE_POLICY_H

#include "xc_arena.h"

/* 2026-11-22T00:00:00Z */
#define SAMPLE_NOW_S    1795305600

/* The public key of RFC 9421 B.1.4 */
#define SAMPLE_PUBLIC   "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="

/* 36 bytes */
#define SAMPLE_SECRET   "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

static const char  sample_policy[] =
    "{'policy': 'cn-samr-2025', 'version': '2026-11-22', 'transport': 'tls',\n"
    " 'authorities': ['Platform.example', 'xc.example:8443',"
    " '[2001:DB8::1]'],\n"
    " 'signature': {'max_age': 200, 'max_skew': 20, 'nonce': 'required',\n"
    "   'tag': 'xc'},\n"
    " 'limits': {'fields': 8, 'subjects': 3, 'string': 96, 'depth': 6,\n"
    "   'window_days': 366, 'officers': 2},\n"
    " 'purposes': {'case_investigation': {'requires': ['case_no']},\n"
    "   'accident_handling': {'urgent': true}, 'product_recall': {},\n"
    "   'thorough': {'requires': ['officers', 'subjects', 'window']}},\n"
    " 'fields': {\n"
    "   'merchant.name': {'group': 'identity', 'zh': '名称', 'en': 'Name',\n"
    "     'standard': true},\n"
    "   'merchant.uscc': {'group': 'identity', 'zh': '代码', 'en': 'Code',\n"
    "     'standard': true},\n"
    "   'merchant.bank_account': {'group': 'identity', 'zh': '账户',\n"
    "     'en': 'Account', 'standard': false},\n"
    "   'goods.title': {'group': 'goods', 'zh': '商品', 'en': 'Title',\n"
    "     'standard': true},\n"
    "   'buyer.phone': {'group': 'transaction', 'zh': '电话', 'en': 'Phone',\n"
    "     'standard': false}},\n"
    " 'subject_types': {'merchant': {'check': 'uscc'},\n"
    "   'order': {'pattern': '[0-9A-Za-z-]{6,64}'}, 'live_room': {}},\n"
    " 'operations': [\n"
    "   {'id': 'submit', 'kind': 'submit', 'methods': ['POST'],\n"
    "    'path': '/xc/v1/requests',\n"
    "    'body': {'fields': '/fields', 'request_no': '/request_no',\n"
    "      'purpose': '/purpose', 'case_no': '/case_no',\n"
    "      'legal_basis': '/legal_basis', 'officers': '/officers',\n"
    "      'subjects': '/subjects', 'window': '/window',\n"
    "      'category': '/category', 'region': '/where/region',\n"
    "      'approval': '/approval'},\n"
    "    'pass': ['/note', '/where/hint', '/a~1b~0c']},\n"
    "   {'id': 'merchant', 'kind': 'query', 'methods': ['GET', 'HEAD'],\n"
    "    'path': '/xc/v1/merchants/(?<subject>[0-9A-Z]{18})',\n"
    "    'subject_type': 'merchant',\n"
    "    'query': {'fields': 'fields', 'request_no': 'request_no',\n"
    "      'purpose': 'purpose', 'case_no': 'case_no'}, 'pass': ['lang']}],\n"
    " 'patterns': {'request_no':\n"
    "   '\\\\p{Han}[^\\\\p{C}]{0,40}〔20[0-9]{2}〕[0-9]{1,6}号'},\n"
    " 'grants': {'standard': {'groups': ['identity', 'transaction'],\n"
    "     'levels': ['county', 'city', 'province', 'national']},\n"
    "   'above': {'groups': ['goods'], 'levels': ['national']}},\n"
    " 'rates': {'default': {'rate': '10r/s', 'burst': 20,\n"
    "     'refusals': '30r/m'}, 'national': {'rate': '100r/s'}},\n"
    " 'agencies': [\n"
    "   {'id': '310115', 'name': '上海市浦东新区市场监督管理局',\n"
    "    'level': 'county', 'region': '310115', 'grants': ['standard'],\n"
    "    'rate': 'default', 'credentials': [\n"
    "      {'type': 'httpsig', 'keyid': '310115-2026a', 'alg': 'ed25519',\n"
    "       'public_key': '" SAMPLE_PUBLIC "',\n"
    "       'not_before': '2026-01-01T00:00:00Z',\n"
    "       'not_after': '2027-01-01T00:00:00+08:00',\n"
    "       'sources': ['203.0.113.0/24', '2001:db8::/33',\n"
    "         '198.51.100.7']}]},\n"
    "   {'id': '310000', 'name': '上海市市场监督管理局', 'level': 'province',\n"
    "    'region': '310000', 'grants': ['standard'], 'credentials': [\n"
    "      {'type': 'httpsig', 'keyid': '310000-2026',\n"
    "       'alg': 'hmac-sha256', 'secret': '" SAMPLE_SECRET "'}]},\n"
    "   {'id': '000000', 'name': '国家市场监督管理总局',\n"
    "    'level': 'national', 'region': '000000', 'rate': 'national',\n"
    "    'grants': ['standard', 'above'], 'credentials': []}]}\n";


/* ' becomes " in a copy; n bytes. */
static inline xc_str_t
sample_json(char *mem, size_t n, const char *text)
{
    size_t  i;

    for (i = 0; text[i] != '\0' && i < n; i++) {
        mem[i] = text[i] == '\'' ? '"' : text[i];
    }

    return (xc_str_t) { mem, i };
}

#endif
