/* Approvals: which hold for a request, from the policy and as tokens; each
 * fault of a token; that a signature is looked at last, once, or not at all. */

#define _GNU_SOURCE         /* memmem */

#include "xt.h"
#include "scope_ask.h"
#include "xc_approval_token.h"
#include "xc_b64.h"
#include "xc_jws.h"
#include "xc_revoke.h"

#include <unistd.h>

#define NOW         SAMPLE_NOW_S
#define NUMBER      "沪市监协特〔2026〕7号"
#define CASE        "沪市监案〔2026〕310号"
#define AUTHORITY   "platform.example"

typedef enum {
    KEY_PROVINCE,           /* "p1", Ed25519, of 310000 */
    KEY_P256,
    KEY_P384,
    KEY_RSA_PSS,
    KEY_RSA_V15,
    KEY_SM2,
    KEY_SECRET,             /* "hmac", of 310000 */
    KEY_COUNTY,             /* of 310115 */
    KEY_ENDED,
    KEY_EARLY,
    KEY_MTLS,
    KEY_HUB,                /* of 310000, to ask for others */
    KEY_COUNT
} key_id_t;

static const struct {
    const char  *keyid, *jose;
    xc_alg_t     alg;
} keys[KEY_COUNT] = {
    [KEY_PROVINCE] = { "p1", "EdDSA", XC_ALG_ED25519 },
    [KEY_P256] = { "p256", "ES256", XC_ALG_ECDSA_P256 },
    [KEY_P384] = { "p384", "ES384", XC_ALG_ECDSA_P384 },
    [KEY_RSA_PSS] = { "pss", "PS512", XC_ALG_RSA_PSS_SHA512 },
    [KEY_RSA_V15] = { "v15", "RS256", XC_ALG_RSA_V15_SHA256 },
    [KEY_SM2] = { "sm2", "sm2-sm3", XC_ALG_SM2_SM3 },
    [KEY_SECRET] = { "hmac", "HS256", XC_ALG_HMAC_SHA256 },
    [KEY_COUNTY] = { "county", "EdDSA", XC_ALG_ED25519 },
    [KEY_ENDED] = { "ended", "EdDSA", XC_ALG_ED25519 },
    [KEY_EARLY] = { "early", "EdDSA", XC_ALG_ED25519 },
    [KEY_MTLS] = { "mtls", "EdDSA", XC_ALG_ED25519 },
    [KEY_HUB] = { "hub", "EdDSA", XC_ALG_ED25519 },
};

static xc_policy_t       mine;          /* the sample with other keys */
static xc_credential_t   credentials[KEY_COUNT];
static const xc_key_t   *signers[KEY_COUNT];
static unsigned          verified;

xc_rc_t __real_xc_key_verify(const xc_key_t *key, xc_str_t data,
    xc_str_t signature);
xc_rc_t __wrap_xc_key_verify(const xc_key_t *key, xc_str_t data,
    xc_str_t signature);


xc_rc_t
__wrap_xc_key_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    verified++;

    return __real_xc_key_verify(key, data, signature);
}


static void
make_key(xc_arena_t *arena, key_id_t id)
{
    xc_rc_t      rc;
    xc_str_t     private, public;
    const char  *error = "";

    if (id == KEY_SECRET) {
        rc = xc_key_secret(arena, keys[id].alg,
                           XC_STR("0123456789abcdef0123456789abcdef"), &error,
                           &credentials[id].key);
        signers[id] = credentials[id].key;

    } else {
        rc = xc_key_generate(arena, keys[id].alg, &private, &public);
        if (rc == XC_OK) {
            rc = xc_key_private(arena, keys[id].alg, private, &error,
                                &signers[id]);
        }

        if (rc == XC_OK) {
            rc = xc_key_public(arena, keys[id].alg, public, &error,
                               &credentials[id].key);
        }
    }

    if (rc != XC_OK) {
        printf("Bail out! key %s: %s\n", keys[id].keyid, error);
        exit(2);
    }
}


static void
set_up_keys(xc_arena_t *arena)
{
    size_t            i;
    xc_credential_t  *credential;

    static const xc_behalf_t  others = { .level = XC_LEVEL_COUNTY };

    mine = *policy;

    if (xc_index_init(&mine.keyid_index, arena, KEY_COUNT) != XC_OK) {
        exit(2);
    }

    for (i = 0; i < KEY_COUNT; i++) {
        credential = &credentials[i];
        *credential = (xc_credential_t) {
            .scheme = i == KEY_MTLS ? XC_SCHEME_MTLS : XC_SCHEME_HTTPSIG,
            .keyid = xc_str_z(keys[i].keyid), .alg = keys[i].alg,
            .not_before_s = i == KEY_EARLY ? NOW + 1 : NOW,
            .not_after_s = i == KEY_ENDED ? NOW : NOW + 1,
            .agency = xc_policy_agency(policy, i == KEY_COUNTY
                                               ? XC_STR("310115")
                                               : XC_STR("310000")),
            .behalf = i == KEY_HUB ? &others : NULL,
            .identity = { (uint8_t) i, 1 }
        };
        make_key(arena, (key_id_t) i);

        if (xc_index_add(&mine.keyid_index, credential->keyid, credential)
            != XC_OK)
        {
            exit(2);
        }
    }
}


/* ' for ", with a part replaced; find NULL: as it is. */
static xc_str_t
edit(char *mem, size_t n, const char *text, const char *find, const char *with)
{
    char         whole[TEXT_MAX];
    const char  *at = find == NULL ? NULL : strstr(text, find);

    if (find != NULL && at == NULL) {
        printf("Bail out! no %s in %s\n", find, text);
        exit(2);
    }

    (void) snprintf(whole, sizeof(whole), "%.*s%s%s",
                    at == NULL ? (int) strlen(text) : (int) (at - text), text,
                    at == NULL ? "" : with,
                    at == NULL ? "" : at + strlen(find));

    return sample_json(mem, n, whole);
}


static const char  claims_text[] =
    "{'iss': '310000', 'sub': '310115', 'aud': '" AUTHORITY "',"
    " 'iat': 1795302000, 'exp': 1795305601, 'no': '" NUMBER "', 'fields':"
    " ['buyer.phone', 'no.such', 'merchant.bank_account', 'buyer.phone'],"
    " 'case_no': '" CASE "'}";


/* Into mem; signed by that key, whatever the header says. */
static xc_str_t
token_of(char *mem, size_t n, xc_str_t header, xc_str_t claims,
    const xc_key_t *key)
{
    size_t    len;
    uint8_t   signature[XC_SIGNATURE_MAX];
    xc_buf_t  out;

    xc_buf_init(&out, mem, n);
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) header.data, header.len);
    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) claims.data, claims.len);

    if (xc_key_sign(key, xc_buf_view(&out), signature, &len) != XC_OK) {
        exit(2);
    }

    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, signature, len);

    return xc_buf_view(&out);
}


static xc_approval_in_t
in_of(xc_arena_t *arena)
{
    return (xc_approval_in_t) {
        .arena = arena, .policy = &mine, .now_s = NOW,
        .agency = xc_policy_agency(&mine, XC_STR("310115")),
        .authority = XC_STR(AUTHORITY)
    };
}


#define HEADER(alg, kid)                                                      \
    "{'alg': '" alg "', 'kid': '" kid "', 'typ': 'xc-approval+jwt'}"
#define PLAIN   HEADER("EdDSA", "p1")

/* { name, header (NULL: the plain one), in the claims this, by that, key that
 *   signs, public-key operations, part of the fault or NULL } */
static const struct {
    const char  *name, *header, *find, *with;
    key_id_t     key;
    unsigned     operations;
    const char  *fault;
} tokens[] = {
    { "a good one", NULL, NULL, NULL, KEY_PROVINCE, 1, NULL },
    { "ES256", HEADER("ES256", "p256"), NULL, NULL, KEY_P256, 1, NULL },
    { "ES384", HEADER("ES384", "p384"), NULL, NULL, KEY_P384, 1, NULL },
    { "PS512", HEADER("PS512", "pss"), NULL, NULL, KEY_RSA_PSS, 1, NULL },
    { "RS256", HEADER("RS256", "v15"), NULL, NULL, KEY_RSA_V15, 1, NULL },
    { "SM2", HEADER("sm2-sm3", "sm2"), NULL, NULL, KEY_SM2, 1, NULL },
    { "Ed25519 by its other name", HEADER("Ed25519", "p1"), NULL, NULL,
      KEY_PROVINCE, 1, NULL },
    { "another's signature", NULL, NULL, NULL, KEY_COUNTY, 1,
      "signature does not verify" },

    { "none", HEADER("none", "p1"), NULL, NULL, KEY_PROVINCE, 0, "alg is" },
    { "another algorithm", HEADER("ES256", "p1"), NULL, NULL, KEY_PROVINCE, 0,
      "alg is" },
    { "no algorithm", "{'kid': 'p1', 'typ': 'xc-approval+jwt'}", NULL, NULL,
      KEY_PROVINCE, 0, "alg is" },
    { "a shared secret", HEADER("HS256", "hmac"), NULL, NULL, KEY_SECRET, 0,
      "shared secret" },
    { "a public key as a secret", HEADER("HS256", "p1"), NULL, NULL,
      KEY_SECRET, 0, "alg is" },
    { "no such key", HEADER("EdDSA", "p2"), NULL, NULL, KEY_PROVINCE, 0,
      "no registered key" },
    { "no kid", "{'alg': 'EdDSA', 'typ': 'xc-approval+jwt'}", NULL, NULL,
      KEY_PROVINCE, 0, "no registered key" },
    { "a credential of another scheme", HEADER("EdDSA", "mtls"), NULL, NULL,
      KEY_MTLS, 0, "no registered key" },
    { "an intermediary's key", HEADER("EdDSA", "hub"), NULL, NULL, KEY_HUB, 0,
      "an intermediary's key" },
    { "a key that has ended", HEADER("EdDSA", "ended"), NULL, NULL, KEY_ENDED,
      0, "outside its validity" },
    { "a key that has not begun", HEADER("EdDSA", "early"), NULL, NULL,
      KEY_EARLY, 0, "outside its validity" },
    { "another type", "{'alg': 'EdDSA', 'kid': 'p1', 'typ': 'JWT'}", NULL,
      NULL, KEY_PROVINCE, 0, "typ is not" },
    { "no type", "{'alg': 'EdDSA', 'kid': 'p1'}", NULL, NULL, KEY_PROVINCE, 0,
      "typ is not" },
    { "crit", "{'alg': 'EdDSA', 'kid': 'p1', 'typ': 'xc-approval+jwt',"
      " 'crit': ['x'], 'x': 1}", NULL, NULL, KEY_PROVINCE, 0, "holds more" },
    { "jwk", "{'alg': 'EdDSA', 'kid': 'p1', 'typ': 'xc-approval+jwt',"
      " 'jwk': {}}", NULL, NULL, KEY_PROVINCE, 0, "holds more" },
    { "a header with a member twice", "{'alg': 'EdDSA', 'kid': 'p1', 'kid':"
      " 'p1', 'typ': 'xc-approval+jwt'}", NULL, NULL, KEY_PROVINCE, 0,
      "strict JSON" },

    { "a claim that is not known", NULL, "'no':", "'uses': 1, 'no':",
      KEY_PROVINCE, 0, "a claim that approvals" },
    { "claims that are no object", NULL, claims_text, "[]", KEY_PROVINCE, 0,
      "strict JSON" },
    { "a claim twice", NULL, "'no':", "'sub': '310115', 'no':", KEY_PROVINCE,
      0, "strict JSON" },
    { "the county's own key", HEADER("EdDSA", "county"), "'iss': '310000'",
      "'iss': '310115'", KEY_COUNTY, 0, "own province" },
    { "the county's key for its province", HEADER("EdDSA", "county"), NULL,
      NULL, KEY_COUNTY, 0, "iss is not" },
    { "another issuer", NULL, "'iss': '310000'", "'iss': '440000'",
      KEY_PROVINCE, 0, "iss is not" },
    { "no issuer", NULL, "'iss': '310000', ", "", KEY_PROVINCE, 0,
      "iss is not" },
    { "an issuer that is a number", NULL, "'310000'", "310000", KEY_PROVINCE,
      0, "iss is not" },
    { "another agency", NULL, "'sub': '310115'", "'sub': '310104'",
      KEY_PROVINCE, 0, "sub is not" },
    { "no agency", NULL, "'sub': '310115', ", "", KEY_PROVINCE, 0,
      "sub is not" },
    { "another platform", NULL, AUTHORITY, "other.example", KEY_PROVINCE, 0,
      "aud does not" },
    { "no platform", NULL, "'aud': '" AUTHORITY "',", "", KEY_PROVINCE, 0,
      "aud does not" },
    { "several platforms", NULL, "'" AUTHORITY "'",
      "['other.example', 'Platform.Example']", KEY_PROVINCE, 1, NULL },
    { "platforms and a number", NULL, "'" AUTHORITY "'",
      "['" AUTHORITY "', 1]", KEY_PROVINCE, 0, "aud does not" },
    { "another authority of this platform", NULL, AUTHORITY,
      "xc.example:8443", KEY_PROVINCE, 0, "aud does not" },

    { "on its end", NULL, "1795305601", "1795305600", KEY_PROVINCE, 0,
      "has expired" },
    { "no end", NULL, "'exp': 1795305601, ", "", KEY_PROVINCE, 0,
      "missing or not a NumericDate" },
    { "an end in words", NULL, "1795305601", "'2027-01-01'", KEY_PROVINCE, 0,
      "missing or not a NumericDate" },
    { "not issued at any time", NULL, "'iat': 1795302000, ", "", KEY_PROVINCE,
      0, "missing or not a NumericDate" },
    { "a bad beginning", NULL, "'no':", "'nbf': -1, 'no':", KEY_PROVINCE, 0,
      "missing or not a NumericDate" },
    { "begun just now", NULL, "'no':", "'nbf': 1795305620, 'no':",
      KEY_PROVINCE, 1, NULL },
    { "not begun", NULL, "'no':", "'nbf': 1795305621, 'no':", KEY_PROVINCE, 0,
      "not in force" },
    { "issued in the future", NULL, "'iat': 1795302000, 'exp': 1795305601",
      "'iat': 1795305621, 'exp': 1795305700", KEY_PROVINCE, 0,
      "not in force" },
    { "366 days", NULL, "'exp': 1795305601", "'exp': 1826924400",
      KEY_PROVINCE, 1, NULL },
    { "a second more", NULL, "'exp': 1795305601", "'exp': 1826924401",
      KEY_PROVINCE, 0, "over 366 days" },

    { "no number", NULL, "'no': '" NUMBER "', ", "", KEY_PROVINCE, 0,
      "no is missing" },
    { "an empty number", NULL, NUMBER, "", KEY_PROVINCE, 0, "no is missing" },
    { "a long number", NULL, NUMBER, "0123456789012345678901234567890123456789"
      "012345678901234567890123456789012345678901234567890123456",
      KEY_PROVINCE, 0, "no is missing" },
    { "a number with a line feed", NULL, NUMBER, "7\\n", KEY_PROVINCE, 0,
      "no is missing" },
    { "another number than the request's", NULL, "7号", "8号", KEY_PROVINCE, 0,
      "another number than approval" },
    { "no fields", NULL, "['buyer.phone', 'no.such', 'merchant.bank_account',"
      " 'buyer.phone']", "[]", KEY_PROVINCE, 0, "fields is not a list" },
    { "fields that are a string", NULL, "['buyer.phone', 'no.such',"
      " 'merchant.bank_account', 'buyer.phone']", "'buyer.phone'",
      KEY_PROVINCE, 0, "fields is not a list" },
    { "a field that is none", NULL, "'no.such'", "null", KEY_PROVINCE, 0,
      "something else than strings" },
    { "for no case", NULL, ", 'case_no': '" CASE "'", "", KEY_PROVINCE, 0,
      "names none of" },
    { "for an empty case", NULL, CASE, "", KEY_PROVINCE, 0,
      "case_no or request_no is empty" },
    { "for a case that is null", NULL, "'" CASE "'", "null", KEY_PROVINCE, 0,
      "case_no or request_no is empty" },
    { "for a subject", NULL, "'case_no': '" CASE "'", "'subjects': [{'type':"
      " 'merchant', 'id': '" USCC "'}]", KEY_PROVINCE, 1, NULL },
    { "for no subject", NULL, "'case_no': '" CASE "'", "'subjects': []",
      KEY_PROVINCE, 0, "subjects is not a list" },
    { "for a subject with more", NULL, "'case_no': '" CASE "'", "'subjects':"
      " [{'type': 'merchant', 'id': '" USCC "', 'x': 1}]", KEY_PROVINCE, 0,
      "subjects is not a list" },
    { "for a subject without an id", NULL, "'case_no': '" CASE "'",
      "'subjects': [{'type': 'merchant', 'id': ''}]", KEY_PROVINCE, 0,
      "subjects is not a list" },
};


static void
test_tokens(void)
{
    char              mem[3][TEXT_MAX];
    bool              ok;
    size_t            i;
    xc_rc_t           rc;
    xc_heap_t         heap;
    xc_request_t      request;
    xc_approval_in_t  in;

    for (i = 0; i < XC_COUNT(tokens); i++) {
        xc_heap_init(&heap, 0);
        in = in_of(&heap.arena);
        request = (xc_request_t) {
            .approval = XC_STR(NUMBER),
            .approval_token = token_of(
                mem[0], TEXT_MAX,
                edit(mem[1], TEXT_MAX, tokens[i].header == NULL
                                       ? PLAIN : tokens[i].header, NULL, ""),
                edit(mem[2], TEXT_MAX, claims_text, tokens[i].find,
                     tokens[i].with), signers[tokens[i].key])
        };

        verified = 0;
        rc = xc_approval_resolve(&in, &request);

        if (tokens[i].fault == NULL) {
            ok = request.token_fault == NULL && request.approval_rule != NULL
                 && xc_str_eq(request.approval_rule->no, XC_STR(NUMBER));

        } else {
            ok = request.token_fault != NULL && request.approval_rule == NULL
                 && strstr(request.token_fault, tokens[i].fault) != NULL
                 && request.token_fault_zh[0] != '\0';
        }

        if (!xt_ok(rc == XC_OK && ok && verified == tokens[i].operations,
                   "a token: %s", tokens[i].name))
        {
            printf("# rc %d, %u operations: %s\n", (int) rc, verified,
                   request.token_fault == NULL ? "it holds"
                                               : request.token_fault);
        }

        xc_heap_free(&heap);
    }
}


static const char *
resolve(xc_arena_t *arena, xc_approval_in_t in, xc_str_t approval,
    xc_str_t token, xc_request_t *out)
{
    in.arena = arena;
    *out = (xc_request_t) { .approval = approval, .approval_token = token };
    verified = 0;

    return xc_approval_resolve(&in, out) != XC_OK ? "failed"
           : out->token_fault != NULL ? out->token_fault : "";
}


static xc_str_t
plain_token(char *mem)
{
    char  header[256], claims[TEXT_MAX];

    return token_of(mem, TEXT_MAX, edit(header, sizeof(header), PLAIN, NULL,
                                        ""),
                    edit(claims, sizeof(claims), claims_text, NULL, ""),
                    signers[KEY_PROVINCE]);
}


static void
test_around(void)
{
    char              mem[3 * TEXT_MAX];
    size_t            i, bad = 0;
    xc_str_t          token;
    xc_heap_t         heap;
    xc_request_t      request;
    xc_approval_in_t  in;

    xc_heap_init(&heap, 0);
    in = in_of(NULL);
    token = plain_token(mem);

    xt_is(xc_str_z(resolve(&heap.arena, in, XC_STR_NONE, token, &request)),
          XC_STR(""), "a token without a number beside it");
    xt_is(request.approval, XC_STR(NUMBER), "gives the request its number");
    xt_ok(request.approval_rule->n_fields == 2, "a field stands once, and"
          " only one that is known");

    in.authority = XC_STR("platform.example:8443");
    xt_is(xc_str_z(resolve(&heap.arena, in, XC_STR_NONE, token, &request)),
          XC_STR(""), "another port of an authority that names none");

    in.authority = XC_STR("platform.example.org");
    xt_ok(strstr(resolve(&heap.arena, in, XC_STR_NONE, token, &request),
                 "aud") != NULL, "another host that begins so");

    in = in_of(NULL);
    in.agency = xc_policy_agency(&mine, XC_STR("310000"));
    xt_ok(strstr(resolve(&heap.arena, in, XC_STR_NONE, token, &request), "sub")
          != NULL, "a token in another's hands");

    /* every octet counts */
    in = in_of(NULL);

    for (i = 0; i < token.len; i++) {
        mem[i] ^= 1;
        bad += *resolve(&heap.arena, in, XC_STR_NONE, token, &request) == '\0';
        mem[i] ^= 1;
    }

    xt_ok(bad == 0, "each octet of a token changed");

    for (i = 0, bad = 0; i < token.len; i++) {
        bad += *resolve(&heap.arena, in, XC_STR_NONE,
                        (xc_str_t) { mem, i }, &request) == '\0';
    }

    xt_ok(bad == 0, "a token cut anywhere");

    memset(mem, 'A', sizeof(mem));
    xt_ok(strstr(resolve(&heap.arena, in, XC_STR_NONE,
                         (xc_str_t) { mem, XC_JWS_MAX + 1 }, &request),
                 "over 8192 bytes") != NULL && verified == 0, "a long token");

    xt_is(xc_str_z(resolve(&heap.arena, in, XC_STR("no"), XC_STR_NONE,
                           &request)), XC_STR(""), "a number alone");
    xt_ok(request.approval_rule == NULL, "that the policy does not have");

    xc_heap_free(&heap);
}


/* A worker of an older load, under a newer one that dropped the key. */
static void
test_withdrawn(void)
{
    char              mem[TEXT_MAX], path[] = "/tmp/xc_test_approval.XXXXXX";
    int               fd;
    xc_map_t          map;
    uint64_t          first, second;
    xc_str_t          token;
    xc_heap_t         heap;
    const char       *error = "";
    xc_map_conf_t     conf = {
        .path = path, .replay = XC_MAP_REPLAY_MIN, .now_s = NOW,
        .boot_id = "01234567-89ab-cdef-0123-456789abcdef", .create = true,
        .uid = (uid_t) -1, .gid = (gid_t) -1
    };
    xc_request_t      request;
    xc_map_origin_t   origin;
    xc_approval_in_t  in = in_of(NULL);

    fd = mkstemp(path);
    (void) close(fd);
    (void) unlink(path);
    xc_heap_init(&heap, 0);

    if (xc_map_open(&map, &conf, &origin, &error) != XC_OK) {
        printf("Bail out! %s\n", error);
        exit(2);
    }

    (void) unlink(path);
    token = plain_token(mem);
    first = xc_map_next_generation(&map);
    xc_revoke_publish(&map, first);
    in.map = &map;
    in.generation = first;

    xt_ok(*resolve(&heap.arena, in, XC_STR_NONE, token, &request) == '\0',
          "the load of today");

    second = xc_map_next_generation(&map);
    xc_revoke_publish(&map, second);

    xt_ok(strstr(resolve(&heap.arena, in, XC_STR_NONE, token, &request),
                 "withdrawn") != NULL && verified == 0,
          "a key that a later load has dropped");

    xc_map_close(&map);
    xc_heap_free(&heap);
}


static const xc_field_t  *rule_fields[2];


/* For 310115, from its province, for the case of `asked` and buyer.phone. */
static xc_approval_t
rule_of(void)
{
    rule_fields[0] = xc_policy_field(policy, XC_STR("buyer.phone"));

    return (xc_approval_t) {
        .no = XC_STR(NUMBER), .by = XC_STR("310000"),
        .agency = XC_STR("310115"), .fields = rule_fields, .n_fields = 1,
        .case_no = XC_STR(CASE), .not_before_s = NOW, .not_after_s = NOW + 1
    };
}


static void
fits(const char *name, xc_approval_t *rule, const char *agency,
    const xc_request_t *request, xc_approval_fit_t want)
{
    xc_approval_fit_t  got;

    got = xc_approval_fit(rule, xc_policy_agency(policy, xc_str_z(agency)),
                          request, NOW);

    xt_ok(got == want, "an approval %s", name);
    *rule = rule_of();
}


static void
test_fit(void)
{
    xc_approval_t          rule = rule_of();
    xc_subject_t           subjects[2];
    xc_request_t           request;
    xc_approval_subject_t  listed[2];

    subjects[0] = (xc_subject_t) { &policy->subject_types[0], XC_STR(USCC) };
    subjects[1] = (xc_subject_t) { &policy->subject_types[1],
                                   XC_STR("A-000001") };
    listed[0] = (xc_approval_subject_t) { subjects[0].type, subjects[0].id };
    listed[1] = (xc_approval_subject_t) { subjects[1].type, subjects[0].id };

    request = (xc_request_t) { .case_no = XC_STR(CASE),
                               .request_no = XC_STR("一"),
                               .subjects = subjects, .n_subjects = 1 };

    fits("that holds", &rule, "310115", &request, XC_APPROVAL_HOLDS);

    rule.case_no = XC_STR_NONE;
    rule.request_no = XC_STR("一");
    fits("for the request", &rule, "310115", &request, XC_APPROVAL_HOLDS);

    rule.request_no = XC_STR("二");
    fits("for another", &rule, "310115", &request, XC_APPROVAL_OTHER_REQUEST);

    rule.case_no = XC_STR("案");
    fits("for another case", &rule, "310115", &request,
         XC_APPROVAL_OTHER_CASE);

    request.case_no = XC_STR_NONE;
    fits("for a case, and none is named", &rule, "310115", &request,
         XC_APPROVAL_OTHER_CASE);
    request.case_no = XC_STR(CASE);

    rule.not_after_s = NOW;
    fits("on its end", &rule, "310115", &request, XC_APPROVAL_ENDED);

    rule.not_before_s = NOW + 1;
    fits("before its beginning", &rule, "310115", &request,
         XC_APPROVAL_EARLY);

    rule.by = XC_STR("440000");
    fits("by another province", &rule, "310115", &request,
         XC_APPROVAL_OTHER_PROVINCE);

    rule.by = XC_STR("000000");
    fits("by SAMR", &rule, "310115", &request, XC_APPROVAL_OTHER_PROVINCE);

    rule.by = XC_STR("310115");
    fits("by oneself", &rule, "310115", &request, XC_APPROVAL_OTHER_PROVINCE);

    rule.agency = XC_STR("310000");
    fits("of a province for itself", &rule, "310000", &request,
         XC_APPROVAL_HOLDS);

    rule.not_after_s = 0;
    fits("given to another tells no more", &rule, "310000", &request,
         XC_APPROVAL_OTHER_AGENCY);

    rule.subjects = listed;
    rule.n_subjects = 1;
    fits("for the subject", &rule, "310115", &request, XC_APPROVAL_HOLDS);

    rule.subjects = &listed[1];
    rule.n_subjects = 1;
    fits("for one of that id and another type", &rule, "310115", &request,
         XC_APPROVAL_OTHER_SUBJECT);

    request.n_subjects = 2;
    rule.subjects = listed;
    rule.n_subjects = 2;
    fits("for one of two", &rule, "310115", &request,
         XC_APPROVAL_OTHER_SUBJECT);

    request.n_subjects = 0;
    rule.subjects = listed;
    rule.n_subjects = 2;
    fits("for subjects where none is named", &rule, "310115", &request,
         XC_APPROVAL_OTHER_SUBJECT);

    request.n_subjects = 1;
    request.sweep = true;
    rule.subjects = listed;
    rule.n_subjects = 1;
    fits("for a subject, in a sweep", &rule, "310115", &request,
         XC_APPROVAL_OTHER_SUBJECT);

    fits("for the case, in a sweep", &rule, "310115", &request,
         XC_APPROVAL_HOLDS);

    xt_ok(xc_approval_fit(NULL, xc_policy_agency(policy, XC_STR("310115")),
                          &request, NOW) == XC_APPROVAL_UNKNOWN, "none");
}


static void
test_covers(void)
{
    size_t             i, j, n, bad = 0;
    xc_approval_t      rule = { .n_fields = 0 };
    const xc_field_t  *some[8];

    /* each subset of the sample's five */
    for (i = 0; i < 32; i++) {
        for (j = 0, n = 0; j < policy->n_fields; j++) {
            if ((i & 1u << j) != 0) {
                some[n++] = &policy->fields[j];
            }
        }

        rule.fields = some;
        rule.n_fields = n;

        for (j = 0; j < policy->n_fields; j++) {
            bad += xc_approval_covers(&rule, &policy->fields[j])
                   != ((i & 1u << j) != 0);
        }
    }

    xt_ok(bad == 0 && policy->n_fields == 5, "every set of fields");
}


static xc_rc_t
read_token(xc_arena_t *arena, void *data)
{
    xc_request_t      request = { .approval_token = *(xc_str_t *) data };
    xc_approval_in_t  in = in_of(arena);

    return xc_approval_resolve(&in, &request);
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX], header[256], claims[TEXT_MAX];
    xc_str_t  token;

    token = token_of(mem, sizeof(mem), edit(header, sizeof(header), PLAIN,
                                            NULL, ""),
                     edit(claims, sizeof(claims), claims_text, "'case_no':",
                          "'subjects': [{'type': 'merchant', 'id': 'x'}],"
                          " 'case_no':"), signers[KEY_PROVINCE]);
    xt_oom("a token", read_token, &token);
}


int
main(void)
{
    xc_heap_t  heap;

    scope_setup(&heap);
    set_up_keys(&heap.arena);

    test_fit();
    test_covers();
    test_tokens();
    test_around();
    test_withdrawn();
    test_memory();

    xc_heap_free(&heap);

    return xt_done();
}
