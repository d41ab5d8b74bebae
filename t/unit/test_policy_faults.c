/* The policy: every fault by its path. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"

#include <stdio.h>


#define KEY     "agencies[0].credentials[0].public_key"

#define ALG_KEY "'alg': 'ed25519',\n       'public_key': '" SAMPLE_PUBLIC "'"

/* The key of GB/T 32918.5 Annex A, and a point beside the curve */
#define SM2_KEY                                                               \
    "BAn53zEeVCGhUN19Fh5LxcZyF5+tGDP8B2uwj/NW81AgzOpJDO"                      \
    "JndaUtxupxjMGqYArtBfvzXghKZjL2By2prRM="
#define SM2_OFF                                                               \
    "BAn53zEeVCGhUN19Fh5LxcZyF5+tGDP8B2uwj/NW81AgzOpJDO"                      \
    "JndaUtxupxjMGqYArtBfvzXghKZjL2By2prRI="

#define BEHALF  "agencies[0].credentials[0].on_behalf_of"

#define OPERATIONS  "'operations': [\n"
#define RESULT                                                                \
    "{'id': 'result', 'kind': 'result', 'methods': ['GET'], 'path':"          \
    " '/xc/v1/requests/(?<request>[0-9a-f]{32})'"
#define CHECK                                                                 \
    "{'id': 'check', 'kind': 'check', 'methods': ['POST'], 'path':"           \
    " '/xc/v1/check', "

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
    { "'transport'", "'zzzzzzzz'", "zzzzzzzz",
      "unknown member; known: policy" },
    { "'transport': 'tls'", "'transport': 'tcp'", "transport",
      "\"tcp\" is unknown; write one of tls, any" },
    { "'version'", "'policy': 'x', 'version'", "", "not strict JSON: line 1" },
    { "'version'", "'approvals': {}, 'version'", "approvals",
      "must be an array, found object" },
    { "'version'", "'approvals': [], 'version'", "approvals", NULL },
    { "'version'", "'include': 'a', 'version'", "include",
      "must be an array, found string" },
    { "'version'", "'include': ['a'], 'version'", "include[0]",
      "no files can be read here" },

    /* authorities, signature, limits */
    { "['Platform.example', 'xc.example:8443', '[2001:DB8::1]']", "[]",
      "authorities", "1 to 256 hosts" },
    { "'Platform.example'", "'platform.example/x'", "authorities[0]",
      "is not host" },
    { "'Platform.example'", "'platform..example'", "authorities[0]",
      "not host" },
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
    { "'depth': 6", "'result_days': 3661", "limits.result_days",
      "1 to 3660 days" },
    { "'depth': 6", "'result_days': 0", "limits.result_days", "1 to 3660" },
    { "'depth': 6", "'result_days': 3660", "limits.result_days", NULL },

    /* dictionary */
    { "'purposes': {'case_investigation': {'requires': ['case_no']},",
      "'purposes': {}, 'x': {", "purposes", "at least one" },
    { "['case_no']", "['case_nr']", "purposes.case_investigation.requires[0]",
      "is not a member" },
    { "['case_no']", "[7]", "purposes.case_investigation.requires[0]",
      "must be a string" },
    { "['case_no']", "['approval_token']",
      "purposes.case_investigation.requires[0]", NULL },
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
    { "'patterns': {'request_no':\n",
      "'patterns': {'case_no': 1, 'approval':\n",
      "patterns.case_no", "must be a string" },

    /* operations */
    { "'id': 'submit'", "'id': 'merchant'", "operations[1].id", "twice" },
    { "'kind': 'submit'", "'kind': 'result'", "operations[0].path",
      "must capture the id of the submit's record" },
    { "'kind': 'submit'", "'kind': 'result'", "operations[0].body",
      "has no place in the kind result" },
    { "'kind': 'submit'", "'kind': 'result'", "operations[0].pass",
      "leave it out" },
    { "'kind': 'query'", "'kind': 'result'", "operations[1].query",
      "has no place in the kind result" },
    { "'kind': 'query'", "'kind': 'result'", "operations[1].subject_type",
      "has no place in the kind result" },
    { "'kind': 'query'", "'kind': 'result'", "operations[1].path",
      "\"subject\" means nothing here; the path may capture \"request\"" },
    { "'kind': 'submit'", "'kind': 'check'", "operations[0].kind", NULL },
    { "'kind': 'submit'", "'kind': 'send'", "operations[0].kind",
      "write one of submit, query, result, check" },
    { OPERATIONS, OPERATIONS RESULT "},", "operations[0]", NULL },
    { OPERATIONS, OPERATIONS RESULT ", 'body': {}},", "operations[0].body",
      "has no place in the kind result" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'submit'}},",
      "operations[0]", NULL },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'check'}},",
      "operations[0].body.like", "is itself like another" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'merchant'}},",
      "operations[0].body.like", "\"merchant\" has no body" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'sbmit'}},",
      "operations[0].body.like", "no operation \"sbmit\" in operations" },
    { OPERATIONS, OPERATIONS RESULT "}," CHECK "'body': {'like': 'result'}},",
      "operations[1].body.like", "\"result\" has no body" },
    { "'kind': 'submit', 'methods': ['POST'],\n    'path': '/xc/v1/requests'",
      "'kind': 'sbmit', 'methods': ['POST'],\n    'path': '/xc/('",
      "operations[0].path", "not a usable pattern" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 7}},",
      "operations[0].body.like", "must be a string" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'submit', 'fields':"
      " '/f'}},", "operations[0].body.fields", "unknown member; known: like" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'submit'}, 'pass':"
      " ['/x']},", "operations[0].pass", "comes from the operation" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'like': 'submit'}, 'query':"
      " {'fields': 'f'}},", "operations[0]", "both a body and" },
    { OPERATIONS, OPERATIONS CHECK "'body': {'fields': '/f', 'purpose':"
      " '/p'}},", "operations[0].body.request_no", "required" },
    { OPERATIONS, OPERATIONS CHECK "'pass': []},", "operations[0]",
      "needs a body or a query" },
    { "['POST']", "['Post']", "operations[0].methods[0]", "capital letters" },
    { "['POST']", "['PO ST']", "operations[0].methods[0]", "capital letters" },
    { "['POST']", "[]", "operations[0].methods", "at least one" },
    { "'/xc/v1/requests'", "'/xc/(v1'", "operations[0].path",
      "not a usable pattern" },
    { "'/xc/v1/requests'", "'/xc/(?<request>[0-9]+)'", "operations[0].path",
      "belongs to the kind result" },
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
      "operations[0].body.approval_token", NULL },
    { "'fields': '/fields'", "'like': 'submit', 'fields': '/fields'",
      "operations[0].body.like", "only with the kind check" },
    { "'case_no': 'case_no'", "'like': 'submit'", "operations[1].query.like",
      "unknown member" },
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
    { "'case_no': 'case_no'", "'approval_token': 'o'",
      "operations[1].query.approval_token", "logs hold queries" },
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
    { "'above': {", "'above': {'sweep': 1, ", "grants.above.sweep",
      "true or false" },
    { "'above': {", "'above': {'sweep': true, ", "grants.above", NULL },
    { "'standard': {", "'standard': {'sweep': true, ",
      "grants.standard.groups[0]", "goods only, found \"identity\"" },
    { "'standard': {", "'standard': {'sweep': true, ",
      "grants.standard.levels[0]", "province and national only" },
    { "'standard': {", "'standard': {'sweep': true, ",
      "grants.standard.levels[1]", "province and national only" },
    { "'standard': {", "'standard': {'sweep': true, ",
      "agencies[1].grants[0]", "\"authority_no\": \"its number\"" },
    { "'10r/s'", "'0r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'1000001r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'10r/h'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'10'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "'-1r/s'", "rates.default.rate", "must be a rate" },
    { "'10r/s'", "10", "rates.default.rate", "must be a string" },
    { "'30r/m'", "'r/m'", "rates.default.refusals", "must be a rate" },
    { "'burst': 20", "'burst': -1", "rates.default.burst", "0 to 1000000" },
    { "'burst': 20", "'per_day': 0", "rates.default.per_day",
      "1 to 1000000000" },
    { "'burst': 20", "'per_day': 1000000001", "rates.default.per_day",
      "1 to 1000000000" },
    { "'burst': 20", "'per_day': '20'", "rates.default.per_day",
      "must be a whole number" },
    { "'burst': 20", "'cost': 1", "rates.default.cost", "must be an object" },
    { "'burst': 20", "'cost': {'fields': 1}", "rates.default.cost.fields",
      "unknown member; did you mean field? known: subject, field" },
    { "'burst': 20", "'cost': {'field': -1}", "rates.default.cost.field",
      "0 to 10000" },
    { "'burst': 20", "'cost': {'subject': 10001}",
      "rates.default.cost.subject", "0 to 10000" },
    { "'burst': 20", "'cost': {'subject': true}",
      "rates.default.cost.subject", "must be a whole number" },

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
      "agencies[0].grants[0].grant", "not for the level county" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standrad'}]",
      "agencies[0].grants[0].grant", "no grant \"standrad\"" },
    { "'grants': ['standard']", "'grants': [{}]",
      "agencies[0].grants[0].grant", "required, but not given" },
    { "'grants': ['standard']", "'grants': [7]", "agencies[0].grants[0]",
      "must be a string or an object" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'until':"
      " '2027-01-01T00:00:00Z'}]", "agencies[0].grants[0].until",
      "unknown member; known: grant, authority_no, not_after" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'not_after':"
      " 'soon'}]", "agencies[0].grants[0].not_after", "is not a time" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard',"
      " 'authority_no': 'x'}]", "agencies[0].grants[0].authority_no",
      "the grant standard is for none" },
    { "'grants': ['standard']", "'grants': ['standard', {'grant': 'standard',"
      " 'not_after': '2027-01-01T00:00:00Z'}]", "agencies[0].grants[1]",
      "is named twice" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'not_after':"
      " '2027-01-01T00:00:00Z'}, 'standard']", "agencies[0].grants[1]",
      "is named twice" },
    { "'rate': 'default'", "'rate': 'slow'", "agencies[0].rate",
      "no rate \"slow\"" },
    { "'rates': {'default'", "'rates': {'other'", "agencies[1].rate",
      "not given, and rates has no \"default\"" },

    /* credentials */
    { "'type': 'httpsig'", "'type': 'jwt'",
      "agencies[0].credentials[0].iss", "required" },
    { "'type': 'httpsig'", "'type': 'basic'",
      "agencies[0].credentials[0].type", "write one of httpsig" },
    { "'type': 'httpsig', ", "", "agencies[0].credentials[0].type",
      "required" },
    { "'keyid': '310000-2026'", "'keyid': '310115-2026a'",
      "agencies[1].credentials[0].keyid",
      "is that of agencies[0].credentials[0]" },
    { "'alg': 'ed25519'", "'alg': 'sm2-sm3'", KEY, "not an SM2 key" },
    { "'alg': 'ed25519'", "'alg': 'ecdsa-p256-sha256'", KEY,
      "not a P-256 key" },
    { "'alg': 'ed25519'", "'alg': 'ecdsa-p384-sha384'", KEY,
      "not a P-384 key" },
    { "'alg': 'ed25519'", "'alg': 'rsa-pss-sha512'", KEY, "not an RSA key" },
    { "'alg': 'ed25519'", "'alg': 'rsa-v1_5-sha256'", KEY, "not an RSA key" },
    { "'alg': 'ed25519'", "'alg': 'PS256'", "agencies[0].credentials[0].alg",
      "write one of ed25519" },
    { ALG_KEY, "'alg': 'sm2-sm3', 'public_key': '" SM2_OFF "'", KEY,
      "a point that is not on the curve" },
    { ALG_KEY, "'alg': 'sm2-sm3', 'public_key': '" SM2_KEY "',"
      " 'sm2_id': ''", "agencies[0].credentials[0].sm2_id", "1 to 128" },
    { ALG_KEY, "'alg': 'sm2-sm3', 'public_key': '" SM2_KEY "',"
      " 'sm2_id': 7", "agencies[0].credentials[0].sm2_id",
      "must be a string" },
    { ALG_KEY, "'alg': 'ecdsa-p256-sha256', 'public_key': '" SM2_KEY "'", KEY,
      "a point that is not on the curve" },
    { "'alg': 'ed25519'", "'alg': 'none'",
      "agencies[0].credentials[0].alg", "write one of ed25519, hmac-sha256" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'sm2_id': '1'",
      "agencies[0].credentials[0].sm2_id", "belongs to the algorithm" },

    /* intermediaries */
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': ['000000', '1']",
      BEHALF "[1]", "no agency \"1\" in agencies" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': ['310115']",
      BEHALF "[0]", "\"310115\" is the agency of the credential itself" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': ['000000',"
      " '310000', '000000']", BEHALF "[2]", "000000 is named twice" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': [7]",
      BEHALF "[0]", "must be a string" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': []",
      BEHALF, "must name 1 to 4096 agencies, found 0" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': 'city'",
      BEHALF, "must be an array" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {}",
      BEHALF ".level", "required" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'town'}", BEHALF ".level", "write one of county" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'city', 'region': '31'}", BEHALF ".region", "unknown member" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'city', 'region_prefix': '31-'}", BEHALF ".region_prefix",
      "0 to 6 digits or letters" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'city', 'region_prefix': '3101150'}", BEHALF ".region_prefix", "6" },
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


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    xc_str_t  text;

    text = edit(mem, "'fields': {\n", many_fields);
    xt_oom("loading what has faults", load_bad, &text);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_faults();
    test_many_faults();
    test_memory();

    return xt_done();
}
