/*
 * Tokens: what their header, their claims and their time have to be, what they
 * have to stand beside, and the credentials of the policy that name issuers.
 * Calls of xc_key_verify() are counted: whatever else is wrong with a token,
 * its signature is not looked at.
 */

#include "policy_load.h"
#include "xc_b64.h"
#include "xc_jws.h"
#include "xc_jwt.h"


#define NOW     SAMPLE_NOW_S        /* 1795305600; the leeway is 20 s */
#define ISS     "'iss':'https://issuer.example/a b'"
#define AUD     "'aud':'https://platform.example'"
#define EXP     "'exp':1795305900"
#define GOOD    ISS "," AUD "," EXP
#define KID     "'alg':'EdDSA','kid':'k1'"
#define ONCE    "'iss':'310115-2026a'," AUD ",'exp':1795305700"
#define X50     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X128    X50 X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum {
    BESIDE = 1,                     /* a signature was verified before */
    CERT = 2,                       /* the certificate that x5t() hashes */
    OTHER_CERT = 4,
    STRANGER = 8,                   /* that signature is another agency's */
    UNCHECKED = 16                  /* that certificate has no known chain */
};

typedef struct {
    const char  *name;
    const char  *header, *claims;   /* between braces, ' for " */
    unsigned     flags;
    int          key;               /* that signs: 1 to 3; 0 is 1 */
    xc_reason_t  reason;            /* XC_REASON_NONE: passes */
    const char  *detail;            /* part of it */
} case_t;

static xc_heap_t         setup_heap;
static const xc_key_t   *keys[4];
static char              xs[4][44];     /* their public halves, as in a JWK */
static load_t            loaded;
static xc_certificate_t  certificates[2];
static char              bound[80];     /* a claim cnf that fits the first */
static size_t            verifications;

xc_rc_t __real_xc_key_verify(const xc_key_t *key, xc_str_t data,
    xc_str_t signature);
xc_rc_t __wrap_xc_key_verify(const xc_key_t *key, xc_str_t data,
    xc_str_t signature);


xc_rc_t
__wrap_xc_key_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    verifications++;

    return __real_xc_key_verify(key, data, signature);
}


/* --- the policy ---------------------------------------------------------- */

/* Behind the county's signature key: more of its credentials. */
static xc_str_t
with_credentials(char *mem, const char *credentials)
{
    static char  text[3072];

    (void) snprintf(text, sizeof(text), "'198.51.100.7']}, %s]},", credentials);

    return edit(mem, "'198.51.100.7']}]},", text);
}


static bool
set_up_keys(void)
{
    size_t       i;
    uint8_t      raw[32];
    xc_buf_t     out;
    xc_str_t     private_text, public_text;
    const char  *error;

    for (i = 1; i < XC_COUNT(keys); i++) {
        if (xc_key_generate(&setup_heap.arena, XC_ALG_ED25519, &private_text,
                            &public_text) != XC_OK
            || xc_key_private(&setup_heap.arena, XC_ALG_ED25519, private_text,
                              &error, &keys[i]) != XC_OK
            || xc_key_public_raw(keys[i], raw) != XC_OK)
        {
            return false;
        }

        xc_buf_init(&out, xs[i], sizeof(xs[i]));
        xc_b64_encode(XC_B64_URL, &out, raw, sizeof(raw));
        xs[i][out.len] = '\0';
    }

    return true;
}


/* An issuer of two keys, and one of a single key whose tokens pass once and
 * whose name is that of a signature key. */
static bool
set_up_policy(void)
{
    static char  mem[TEXT_MAX], text[2048];

    (void) snprintf(text, sizeof(text),
        "{'type': 'jwt', 'iss': 'https://issuer.example/a b',"
        " 'aud': 'https://platform.example', 'alg': 'EdDSA', 'jwks': {'keys':"
        " [{'kty': 'OKP', 'crv': 'Ed25519', 'kid': 'k1', 'x': '%s'},"
        " {'kty': 'OKP', 'crv': 'Ed25519', 'kid': 'k2', 'x': '%s'}]}},"
        " {'type': 'jwt', 'iss': '310115-2026a', 'jti': true,"
        " 'aud': 'https://platform.example', 'alg': 'Ed25519', 'jwks': {'keys':"
        " [{'kty': 'OKP', 'crv': 'Ed25519', 'kid': 'k3', 'x': '%s'}]}}",
        xs[1], xs[2], xs[3]);

    load_text(&loaded, with_credentials(mem, text));
    if (loaded.rc != XC_OK) {
        show(&loaded);
    }

    return loaded.rc == XC_OK;
}


static bool
set_up(void)
{
    xc_buf_t  out;

    xc_heap_init(&setup_heap, 0);

    if (xc_crypto_init() != XC_OK || !set_up_keys() || !set_up_policy()) {
        return false;
    }

    certificates[0] = (xc_certificate_t) { true, { 1, 2, 3 }, { 4 },
                                           XC_STR("CN=a"), false };
    certificates[1] = certificates[0];
    certificates[1].sha256[31] = 1;

    xc_buf_init(&out, bound, sizeof(bound) - 1);
    xc_buf_z(&out, ",'cnf':{'x5t#S256':'");
    xc_b64_encode(XC_B64_URL, &out, certificates[0].sha256, XC_SHA256_SIZE);
    xc_buf_z(&out, "'}");

    return true;
}


/* --- tokens -------------------------------------------------------------- */

/* A token of both texts, each { } around it and ' for ". */
static xc_str_t
make_token(char *mem, size_t size, const char *header, const char *claims,
    int key)
{
    char          json[12000], braced[12000];
    size_t        i, len;
    uint8_t       signature[XC_SIGNATURE_MAX];
    xc_buf_t      out;
    xc_str_t      text;
    const char   *parts[2] = { header, claims };

    xc_buf_init(&out, mem, size);

    for (i = 0; i < 2; i++) {
        (void) snprintf(braced, sizeof(braced), parts[i][0] == '!' ? "%s"
                        : "{%s}", parts[i] + (parts[i][0] == '!'));
        text = sample_json(json, sizeof(json), braced);
        xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) text.data, text.len);
        xc_buf_z(&out, i == 0 ? "." : "");
    }

    if (xc_key_sign(keys[key == 0 ? 1 : key], xc_buf_view(&out), signature,
                    &len) != XC_OK)
    {
        printf("Bail out! no signature\n");
        exit(2);
    }

    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, signature, len);

    return xc_buf_view(&out);
}


typedef struct {
    xc_heap_t        heap;
    xc_header_t      lines[3];
    xc_msg_t         msg;
    xc_auth_input_t  in;
    xc_auth_t        auth;
    xc_rc_t          rc;
    xc_reason_t      reason;
    xc_str_t         detail;
    size_t           verifications;
} ask_t;


static xc_rc_t
stand_beside(ask_t *a, unsigned flags)
{
    const xc_credential_t  *other;

    if ((flags & (BESIDE | STRANGER)) == 0) {
        return XC_OK;
    }

    other = xc_policy_keyid(loaded.policy, (flags & BESIDE) != 0
                                           ? XC_STR("310115-2026a")
                                           : XC_STR("310000-2026"));

    return xc_auth_add(&a->auth, other, &a->reason, &a->detail);
}


/* One Authorization line (guarded); freed by the caller. */
static void
ask_init(ask_t *a, xc_str_t authorization, unsigned flags)
{
    *a = (ask_t) { .auth = { .expires_s = INT64_MAX } };
    xc_heap_init(&a->heap, 0);

    a->lines[0] = (xc_header_t) { XC_STR("Host"), XC_STR("platform.example") };
    a->lines[1] = (xc_header_t) { XC_STR("AUTHORIZATION"),
                                  xt_guard(authorization) };
    a->msg = (xc_msg_t) { .headers = a->lines, .n_headers = 2 };

    if ((flags & (CERT | OTHER_CERT)) != 0) {
        a->msg.certificate = &certificates[(flags & OTHER_CERT) != 0];
    }

    certificates[0].verified = (flags & UNCHECKED) == 0;

    a->in = (xc_auth_input_t) { loaded.policy, &a->msg,
                                XC_STR("platform.example"), NOW,
                                &a->heap.arena };
}


static void
ask_verify(ask_t *a, unsigned flags)
{
    size_t  before = verifications;

    a->rc = stand_beside(a, flags);
    if (a->rc == XC_OK) {
        a->rc = xc_jwt_scheme.verify(&a->in, &a->auth, &a->reason,
                                     &a->detail);
    }

    a->verifications = verifications - before;
}


static void
ask_free(ask_t *a)
{
    xt_unguard(a->lines[1].value);
    xc_heap_free(&a->heap);
}


static bool
detail_has(const ask_t *a, const char *part)
{
    char  text[512];

    (void) snprintf(text, sizeof(text), XC_STR_FMT, XC_STR_ARG(a->detail));

    return part == NULL || strstr(text, part) != NULL;
}


static void
check(const char *name, const ask_t *a, xc_reason_t reason, const char *detail,
    size_t n_verifications)
{
    bool  ok;

    ok = a->rc == (reason == XC_REASON_NONE ? XC_OK : XC_DENIED)
         && a->reason == reason
         && (reason == XC_REASON_NONE || detail_has(a, detail))
         && a->verifications == n_verifications;

    if (!xt_ok(ok, "%s", name)) {
        printf("# rc %d, reason %d, verified %zu times: " XC_STR_FMT "\n",
               a->rc, a->reason, a->verifications, XC_STR_ARG(a->detail));
    }
}


/* Is the hash of the token in the evidence? */
static bool
has_hash(const ask_t *a, xc_str_t token)
{
    uint8_t  hash[XC_SHA256_SIZE];

    return a->auth.evidence.token_sha256 != NULL
           && xc_hash(XC_HASH_SHA256, token.data, token.len, hash) == XC_OK
           && memcmp(hash, a->auth.evidence.token_sha256, sizeof(hash)) == 0;
}


static xc_str_t
bearer(char *mem, size_t size, xc_str_t token)
{
    int  n = snprintf(mem, size, "Bearer " XC_STR_FMT, XC_STR_ARG(token));

    return (xc_str_t) { mem, (size_t) n };
}


static void
run_case(const case_t *c)
{
    char      mem[16384], line[16384], claims[8192];
    ask_t     a;
    bool      last;
    xc_str_t  token;

    /* @ stands for the claim that binds to the first certificate */
    (void) snprintf(claims, sizeof(claims), "%s%s", c->claims,
                    strchr(c->claims, '@') == NULL ? "" : bound);
    if (strchr(claims, '@') != NULL) {
        memmove(strchr(claims, '@'), strchr(claims, '@') + 1,
                strlen(strchr(claims, '@')));
    }

    token = make_token(mem, sizeof(mem), c->header, claims, c->key);

    ask_init(&a, bearer(line, sizeof(line), token), c->flags);
    ask_verify(&a, c->flags);

    last = c->detail != NULL && strstr(c->detail, "not verify") != NULL;

    check(c->name, &a, c->reason, c->detail,
          c->reason == XC_REASON_NONE || last
          || c->reason == XC_REASON_CREDENTIAL_CONFLICT);

    if (!has_hash(&a, token)) {
        xt_ok(false, "%s: the hash of the token", c->name);
    }

    ask_free(&a);
}


#define BAD     XC_REASON_TOKEN_INVALID

static const case_t  cases[] = {

    /* --- as it should be --- */
    { "beside a signature", KID, GOOD, BESIDE, 0, XC_REASON_NONE, NULL },
    { "bound, alone", KID, GOOD "@", CERT, 0, XC_REASON_NONE, NULL },
    { "bound to a certificate without a known chain", KID, GOOD "@",
      CERT | UNCHECKED, 0, XC_REASON_NONE, NULL },
    { "bound, beside", KID, GOOD "@", CERT | BESIDE, 0, XC_REASON_NONE, NULL },
    { "the second key", "'alg':'EdDSA','kid':'k2'", GOOD, BESIDE, 2,
      XC_REASON_NONE, NULL },
    { "the algorithm's newer name", "'alg':'Ed25519','kid':'k1'", GOOD, BESIDE,
      0, XC_REASON_NONE, NULL },
    { "typ JWT", KID ",'typ':'JWT'", GOOD, BESIDE, 0, XC_REASON_NONE, NULL },
    { "typ jwt", KID ",'typ':'jwt'", GOOD, BESIDE, 0, XC_REASON_NONE, NULL },
    { "typ at+jwt", KID ",'typ':'at+jwt'", GOOD, BESIDE, 0, XC_REASON_NONE,
      NULL },
    { "typ application/at+JWT", KID ",'typ':'Application/at+JWT'", GOOD,
      BESIDE, 0, XC_REASON_NONE, NULL },
    { "header and claims that are not known", KID ",'x':{'y':[1,null]}",
      GOOD ",'scope':['a'],'sub':null,'jti':7", BESIDE, 0, XC_REASON_NONE,
      NULL },
    { "several audiences", KID,
      ISS ",'aud':['a','https://platform.example','b']," EXP, BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "a single key needs no kid", "'alg':'EdDSA'",
      ONCE ",'iat':1795305600,'jti':'j'", BESIDE, 3, XC_REASON_NONE, NULL },

    /* --- header --- */
    { "alg none", "'alg':'none','kid':'k1'", GOOD, BESIDE, 0, BAD, "alg is" },
    { "alg None", "'alg':'None','kid':'k1'", GOOD, BESIDE, 0, BAD, "alg is" },
    { "alg HS256", "'alg':'HS256','kid':'k1'", GOOD, BESIDE, 0, BAD,
      "alg is" },
    { "another alg", "'alg':'RS256','kid':'k1'", GOOD, BESIDE, 0, BAD,
      "alg is" },
    { "alg in lower case", "'alg':'eddsa','kid':'k1'", GOOD, BESIDE, 0, BAD,
      "alg is" },
    { "the name of RFC 9421", "'alg':'ed25519','kid':'k1'", GOOD, BESIDE, 0,
      BAD, "alg is" },
    { "no alg", "'kid':'k1'", GOOD, BESIDE, 0, BAD, "alg is" },
    { "alg not a string", "'alg':1,'kid':'k1'", GOOD, BESIDE, 0, BAD,
      "alg is" },
    { "crit", KID ",'crit':['exp']", GOOD, BESIDE, 0, BAD, "crit is" },
    { "crit, empty", KID ",'crit':null", GOOD, BESIDE, 0, BAD, "crit is" },
    { "b64", KID ",'b64':true", GOOD, BESIDE, 0, BAD, "b64 is" },
    { "jku", KID ",'jku':'https://x.example'", GOOD, BESIDE, 0, BAD,
      "jku is" },
    { "jwk", KID ",'jwk':{'kty':'OKP'}", GOOD, BESIDE, 0, BAD, "jwk is" },
    { "x5u", KID ",'x5u':'https://x.example'", GOOD, BESIDE, 0, BAD,
      "x5u is" },
    { "x5c", KID ",'x5c':['MA==']", GOOD, BESIDE, 0, BAD, "x5c is" },
    { "typ of another kind", KID ",'typ':'logout+jwt'", GOOD, BESIDE, 0, BAD,
      "typ is" },
    { "typ of nothing", KID ",'typ':'application/'", GOOD, BESIDE, 0, BAD,
      "typ is" },
    { "typ not a string", KID ",'typ':null", GOOD, BESIDE, 0, BAD, "typ is" },
    { "no kid", "'alg':'EdDSA'", GOOD, BESIDE, 0, BAD, "kid names" },
    { "an unknown kid", "'alg':'EdDSA','kid':'k3'", GOOD, BESIDE, 3, BAD,
      "kid names" },
    { "an unknown kid, of one key", "'alg':'EdDSA','kid':'k1'",
      ONCE ",'iat':1795305600,'jti':'j'", BESIDE, 3, BAD, "kid names" },
    { "a kid that is a path", "'alg':'EdDSA','kid':'../../etc/passwd'", GOOD,
      BESIDE, 0, BAD, "kid names" },
    { "kid not a string", "'alg':'EdDSA','kid':1", GOOD, BESIDE, 0, BAD,
      "kid names" },
    { "kid null, of one key", "'alg':'EdDSA','kid':null",
      ONCE ",'iat':1795305600,'jti':'j'", BESIDE, 3, BAD, "kid names" },
    { "a member twice", KID ",'kid':'k1'", GOOD, BESIDE, 0, BAD,
      "strict JSON" },
    { "a member twice, escaped", KID ",'\\u006bid':'k1'", GOOD, BESIDE, 0, BAD,
      "strict JSON" },
    { "a header that is an array", "![]", GOOD, BESIDE, 0, BAD,
      "strict JSON" },
    { "an empty header", "!", GOOD, BESIDE, 0, BAD, "strict JSON" },
    { "a deep header", KID ",'x':[[[[[[[1]]]]]]]", GOOD, BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "too deep a header", KID ",'x':[[[[[[[[1]]]]]]]]", GOOD, BESIDE, 0, BAD,
      "strict JSON" },

    /* --- who and for whom --- */
    { "an unknown issuer", KID,
      "'iss':'https://issuer.example'," AUD "," EXP, BESIDE, 0,
      XC_REASON_CREDENTIAL_UNKNOWN, "issuer" },
    { "no issuer", KID, AUD "," EXP, BESIDE, 0, BAD, "iss is" },
    { "iss not a string", KID, "'iss':['https://issuer.example']," AUD "," EXP,
      BESIDE, 0, BAD, "iss is" },
    { "another issuer's key", KID, GOOD, BESIDE, 3, BAD, "not verify" },
    { "the issuer's other key", KID, GOOD, BESIDE, 2, BAD, "not verify" },
    { "another agency's signature", KID, GOOD, STRANGER, 0,
      XC_REASON_CREDENTIAL_CONFLICT, NULL },
    { "no aud", KID, ISS "," EXP, BESIDE, 0, BAD, "aud does" },
    { "another aud", KID, ISS ",'aud':'https://platform.exampl'," EXP, BESIDE,
      0, BAD, "aud does" },
    { "aud begins so", KID, ISS ",'aud':'https://platform.example/'," EXP,
      BESIDE, 0, BAD, "aud does" },
    { "no audience at all", KID, ISS ",'aud':[]," EXP, BESIDE, 0, BAD,
      "aud does" },
    { "an audience that is not a string", KID,
      ISS ",'aud':['https://platform.example',1]," EXP, BESIDE, 0, BAD,
      "aud does" },
    { "aud an object", KID, ISS ",'aud':{'https://platform.example':1}," EXP,
      BESIDE, 0, BAD, "aud does" },
    { "a claim twice", KID, GOOD "," EXP, BESIDE, 0, BAD, "strict JSON" },
    { "a claim twice, escaped", KID, GOOD ",'\\u0065xp':1", BESIDE, 0, BAD,
      "strict JSON" },
    { "a NUL in a claim", KID, GOOD ",'a':'\\u0000'", BESIDE, 0, BAD,
      "strict JSON" },
    { "claims that are a string", KID, "!'x'", BESIDE, 0, BAD,
      "strict JSON" },

    /* --- time --- */
    { "no exp", KID, ISS "," AUD, BESIDE, 0, BAD, "exp is missing" },
    { "exp in a string", KID, ISS "," AUD ",'exp':'1795305900'", BESIDE, 0,
      BAD, "exp is not" },
    { "exp null", KID, ISS "," AUD ",'exp':null", BESIDE, 0, BAD,
      "exp is not" },
    { "exp negative", KID, ISS "," AUD ",'exp':-1", BESIDE, 0, BAD,
      "exp is not" },
    { "exp negative, with a fraction", KID, ISS "," AUD ",'exp':-0.5", BESIDE,
      0, BAD, "exp is not" },
    { "exp beyond all years", KID, ISS "," AUD ",'exp':253402300800", BESIDE,
      0, BAD, "exp is not" },
    { "exp beyond all numbers", KID, ISS "," AUD ",'exp':9223372036854775807",
      BESIDE, 0, BAD, "exp is not" },
    { "exp huge", KID, ISS "," AUD ",'exp':1e300", BESIDE, 0, BAD,
      "exp is not" },
    { "exp within the leeway", KID, ISS "," AUD ",'exp':1795305581", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "exp past the leeway", KID, ISS "," AUD ",'exp':1795305580", BESIDE, 0,
      BAD, "has expired" },
    { "a fraction of exp", KID, ISS "," AUD ",'exp':1795305581.9", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "a fraction of exp adds nothing", KID, ISS "," AUD
      ",'exp':1795305580.9", BESIDE, 0, BAD, "has expired" },
    { "nbf within the leeway", KID, GOOD ",'nbf':1795305620", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "nbf too early", KID, GOOD ",'nbf':1795305621", BESIDE, 0, BAD,
      "not valid yet" },
    { "a fraction of nbf", KID, GOOD ",'nbf':1795305620.9", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "nbf no number", KID, GOOD ",'nbf':false", BESIDE, 0, BAD,
      "nbf is not" },
    { "iat within the leeway", KID, GOOD ",'iat':1795305620", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "iat in the future", KID, GOOD ",'iat':1795305621", BESIDE, 0, BAD,
      "issued in the future" },
    { "iat no number", KID, GOOD ",'iat':{}", BESIDE, 0, BAD, "iat is not" },
    { "a day since iat", KID, ISS "," AUD
      ",'iat':1795219500,'exp':1795305900", BESIDE, 0, XC_REASON_NONE, NULL },
    { "over a day since iat", KID, ISS "," AUD
      ",'iat':1795219499,'exp':1795305900", BESIDE, 0, BAD, "24 hours" },
    { "a day to go", KID, ISS "," AUD ",'exp':1795392000", BESIDE, 0,
      XC_REASON_NONE, NULL },
    { "over a day to go", KID, ISS "," AUD ",'exp':1795392001", BESIDE, 0, BAD,
      "24 hours" },

    /* --- whose it is --- */
    { "alone, not bound", KID, GOOD, 0, 0, BAD, "stands alone" },
    { "alone, not bound, a certificate", KID, GOOD, CERT, 0, BAD,
      "stands alone" },
    { "no certificate", KID, GOOD "@", 0, 0, BAD, "none was presented" },
    { "no certificate, beside", KID, GOOD "@", BESIDE, 0, BAD,
      "none was presented" },
    { "another certificate", KID, GOOD "@", OTHER_CERT, 0, BAD,
      "another certificate" },
    { "another certificate, beside", KID, GOOD "@", OTHER_CERT | BESIDE, 0,
      BAD, "another certificate" },
    { "cnf null", KID, GOOD ",'cnf':null", CERT | BESIDE, 0, BAD,
      "cnf holds" },
    { "cnf of another kind", KID, GOOD ",'cnf':{'jkt':'x'}", CERT | BESIDE, 0,
      BAD, "cnf holds" },
    { "cnf empty", KID, GOOD ",'cnf':{'x5t#S256':''}", CERT | BESIDE, 0, BAD,
      "cnf holds" },
    { "cnf not base64url", KID, GOOD ",'cnf':{'x5t#S256':"
      "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='}", CERT | BESIDE, 0, BAD,
      "cnf holds" },

    /* --- once --- */
    { "no jti", "'alg':'EdDSA'", ONCE ",'iat':1795305600", BESIDE, 3, BAD,
      "jti is" },
    { "an empty jti", "'alg':'EdDSA'", ONCE ",'iat':1795305600,'jti':''",
      BESIDE, 3, BAD, "jti is" },
    { "a number as jti", "'alg':'EdDSA'", ONCE ",'iat':1795305600,'jti':1",
      BESIDE, 3, BAD, "jti is" },
    { "a long jti", "'alg':'EdDSA'", ONCE ",'iat':1795305600,'jti':'" X128 "'",
      BESIDE, 3, XC_REASON_NONE, NULL },
    { "too long a jti", "'alg':'EdDSA'", ONCE ",'iat':1795305600,'jti':'"
      X128 "x'", BESIDE, 3, BAD, "jti is" },
    { "a jti without iat", "'alg':'EdDSA'", ONCE ",'jti':'j'", BESIDE, 3, BAD,
      "iat is missing" },
    { "a jti for max_age", "'alg':'EdDSA'",
      ONCE ",'iat':1795305500,'jti':'j'", BESIDE, 3, XC_REASON_NONE, NULL },
    { "a jti for longer", "'alg':'EdDSA'", ONCE ",'iat':1795305499,'jti':'j'",
      BESIDE, 3, BAD, "lasts over 200 seconds" },
};


/* --- the line ------------------------------------------------------------ */

static void
check_line(const char *name, const char *fmt, xc_reason_t reason,
    const char *detail)
{
    char      mem[2048], line[4096];
    int       n;
    ask_t     a;
    xc_str_t  token;

    token = make_token(mem, sizeof(mem), KID, GOOD, 1);
    n = snprintf(line, sizeof(line), fmt, XC_STR_ARG(token));

    ask_init(&a, (xc_str_t) { line, (size_t) n }, BESIDE);

    xt_ok(xc_jwt_scheme.presented(&a.msg), "%s: presented", name);
    ask_verify(&a, BESIDE);
    check(name, &a, reason, detail, reason == XC_REASON_NONE);

    ask_free(&a);
}


static void
test_line(void)
{
    check_line("a proper line", "Bearer %.*s", XC_REASON_NONE, NULL);
    check_line("of another case", "bEARER   %.*s", XC_REASON_NONE, NULL);
    check_line("no token", "Bearer", BAD, "no token");
    check_line("no space", "Bearer\"%.*s\"", BAD, "base64url");
    check_line("a tab", "Bearer\t%.*s", BAD, "base64url");
    check_line("two tokens", "Bearer %.*s, Bearer x", BAD, "base64url");
    check_line("padding", "Bearer %.*s=", BAD, "base64url");
    check_line("a part more", "Bearer %.*s.", BAD, "base64url");
    check_line("a part more in front", "Bearer .%.*s", BAD, "strict JSON");
    check_line("a sign that is no base64url", "Bearer %.*s+", BAD,
               "base64url");
    check_line("bits left over", "Bearer %.*sB", BAD, "base64url");
    check_line("no dot", "Bearer abc", BAD, "three parts");
    check_line("one dot", "Bearer YWJj.YWJj", BAD, "three parts");
    check_line("dots alone", "Bearer ..", BAD, "strict JSON");
    check_line("text behind a NUL", "Bearer a%%c%.*s", BAD, "base64url");
}


static void
test_presented(void)
{
    ask_t  a;

    ask_init(&a, XC_STR("Basic eDp5"), 0);
    xt_ok(!xc_jwt_scheme.presented(&a.msg), "another scheme is not presented");
    a.lines[2] = a.lines[1];
    a.msg.n_headers = 3;
    xt_ok(xc_jwt_scheme.presented(&a.msg), "two lines are, of any scheme");
    ask_verify(&a, BESIDE);
    check("two lines", &a, BAD, "exactly one", 0);
    xt_ok(a.auth.evidence.token_sha256 == NULL, "two lines: no hash");
    ask_free(&a);

    ask_init(&a, XC_STR("Bearers eDp5"), 0);
    xt_ok(!xc_jwt_scheme.presented(&a.msg), "a longer scheme is another");
    a.msg.n_headers = 1;
    xt_ok(!xc_jwt_scheme.presented(&a.msg), "no line");
    ask_free(&a);

    ask_init(&a, XC_STR("Beare"), 0);
    xt_ok(!xc_jwt_scheme.presented(&a.msg), "a shorter scheme is another");
    ask_free(&a);
}


/* A token of exactly so many octets, its claims filled up. */
static xc_str_t
token_of(char *mem, size_t size, size_t want)
{
    char      claims[10000], fill[8000];
    size_t    n;
    xc_str_t  token = XC_STR_NONE;

    for (n = want / 4 * 3 - 400; n < sizeof(fill) - 1; n++) {
        memset(fill, 'x', n);
        fill[n] = '\0';
        (void) snprintf(claims, sizeof(claims), GOOD ",'x':'%s'", fill);

        token = make_token(mem, size, KID, claims, 1);
        if (token.len >= want) {
            break;
        }
    }

    return token;
}


static void
test_sizes(void)
{
    char         mem[16384], line[16384];
    ask_t        a;
    size_t       i;
    xc_str_t     token;
    static char  header[1600], fill[1600];

    for (i = 0; i < 2; i++) {
        token = token_of(mem, sizeof(mem), XC_JWS_MAX - 1 + 2 * i);
        ask_init(&a, bearer(line, sizeof(line), token), BESIDE);
        ask_verify(&a, BESIDE);

        xt_ok((token.len > XC_JWS_MAX) == (i == 1), "a token of %zu",
              token.len);
        check(i == 0 ? "a long token" : "too long a token", &a,
              i == 0 ? XC_REASON_NONE : BAD, "over 8192 bytes", i == 0);
        xt_ok((a.auth.evidence.token_sha256 == NULL) == (i == 1),
              "the hash of what was read");
        ask_free(&a);
    }

    memset(fill, 'x', sizeof(fill));

    /* encoded they are a third more */
    for (i = 0; i < 2; i++) {
        (void) snprintf(header, sizeof(header), KID ",'x':'%.*s'",
                        (int) (1536 + i - strlen("{" KID ",'x':''}")), fill);
        token = make_token(mem, sizeof(mem), header, GOOD, 1);
        ask_init(&a, bearer(line, sizeof(line), token), BESIDE);
        ask_verify(&a, BESIDE);
        check(i == 0 ? "a long header" : "too long a header", &a,
              i == 0 ? XC_REASON_NONE : BAD, "too long", i == 0);
        ask_free(&a);
    }
}


/* Any octet of a token that is another, any end that is missing. */
static void
test_mutations(void)
{
    char      mem[2048], line[2048];
    ask_t     a;
    size_t    i, passed = 0;
    xc_str_t  token, text;

    token = make_token(mem, sizeof(mem), KID, GOOD, 1);

    for (i = 0; i < 2 * token.len; i++) {
        text = bearer(line, sizeof(line), token);

        if (i < token.len) {
            line[7 + i] ^= 1;

        } else {
            text.len = 7 + i - token.len;
        }

        ask_init(&a, text, BESIDE);
        ask_verify(&a, BESIDE);
        passed += a.rc != XC_DENIED
                  || (a.reason != BAD
                      && a.reason != XC_REASON_CREDENTIAL_UNKNOWN);
        ask_free(&a);
    }

    xt_ok(passed == 0, "%zu tokens with a fault are refused", 2 * token.len);
}


/* --- what a token leaves ------------------------------------------------- */

static void
test_result(void)
{
    char                    mem[2048], line[2048];
    ask_t                   a;
    const xc_credential_t  *issuer;

    issuer = xc_policy_issuer(loaded.policy,
                              XC_STR("https://issuer.example/a b"));

    ask_init(&a, bearer(line, sizeof(line),
                        make_token(mem, sizeof(mem), KID, GOOD, 1)), BESIDE);
    a.auth.expires_s = NOW + 1000;
    ask_verify(&a, BESIDE);

    xt_ok(a.rc == XC_OK && a.auth.n_credentials == 2
          && a.auth.credentials[1] == issuer
          && xc_str_eq(a.auth.agency->id, XC_STR("310115")), "who it was");
    xt_ok(a.auth.n_once == 0, "a token may come again");
    xt_ok(a.auth.expires_s == NOW + 319, "until exp and the leeway");
    xt_ok(a.auth.evidence.certificate == NULL, "no certificate was asked for");
    ask_free(&a);

    ask_init(&a, bearer(line, sizeof(line),
                        make_token(mem, sizeof(mem), KID, GOOD, 1)), BESIDE);
    a.auth.expires_s = NOW + 5;
    ask_verify(&a, BESIDE);
    xt_ok(a.auth.expires_s == NOW + 5, "what ends before ends before");
    ask_free(&a);
}


static void
test_once(void)
{
    char       mem[2048], line[2048];
    ask_t      a;
    uint8_t    hash[XC_SHA256_SIZE];
    xc_str_t   value;

    ask_init(&a, bearer(line, sizeof(line),
                        make_token(mem, sizeof(mem), "'alg':'EdDSA'",
                                   ONCE ",'iat':1795305500.7,'jti':'j-1'", 3)),
             BESIDE);
    ask_verify(&a, BESIDE);

    value = a.auth.once[0].value;

    xt_ok(a.rc == XC_OK && a.auth.n_once == 1
          && xc_str_eq(a.auth.once[0].keyid, XC_STR("310115-2026a"))
          && a.auth.once[0].created_s == 1795305500
          && a.auth.once[0].expires_s == NOW + 100 + XC_POLICY_SKEW_MAX
          && !a.auth.once[0].windowed && a.auth.expires_s == NOW + 119,
          "a token once, known for longer than any policy admits it");
    xt_ok(value.len == 4 + XC_SHA256_SIZE && memcmp(value.data, "\0jti", 4) == 0
          && xc_hash(XC_HASH_SHA256, "j-1", 3, hash) == XC_OK
          && memcmp(value.data + 4, hash, sizeof(hash)) == 0,
          "under a name that no nonce has");
    ask_free(&a);
}


/* Through xc_auth_verify(), as the gate asks. */
static void
test_accepted(void)
{
    char       mem[2048], line[2048], claims[512];
    ask_t      a;
    xc_auth_t  auth;

    static const xc_auth_accept_t  jwt = { { 1u << XC_SCHEME_JWT }, 1 };
    static const xc_auth_accept_t  httpsig = {
        { 1u << XC_SCHEME_HTTPSIG }, 1
    };
    static const xc_auth_accept_t  both = {
        { 1u << XC_SCHEME_HTTPSIG | 1u << XC_SCHEME_JWT }, 1
    };

    (void) snprintf(claims, sizeof(claims), GOOD "%s", bound);

    ask_init(&a, bearer(line, sizeof(line),
                        make_token(mem, sizeof(mem), KID, claims, 1)), CERT);
    a.msg.client = (xc_address_t) { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };

    xt_ok(xc_auth_verify(&a.in, &jwt, &auth, &a.reason, &a.detail) == XC_OK
          && auth.credential->scheme == XC_SCHEME_JWT
          && auth.evidence.certificate == &certificates[0],
          "a bound token alone");
    xt_ok(xc_auth_verify(&a.in, &httpsig, &auth, &a.reason, &a.detail)
          == XC_DENIED && a.reason == XC_REASON_CREDENTIAL_MISSING,
          "not where signatures alone are accepted");
    xt_ok(xc_auth_verify(&a.in, &both, &auth, &a.reason, &a.detail)
          == XC_DENIED && a.reason == XC_REASON_CREDENTIAL_MISSING,
          "not where it takes a signature too");

    a.msg.certificate = NULL;
    xt_ok(xc_auth_verify(&a.in, &jwt, &auth, &a.reason, &a.detail)
          == XC_DENIED && a.reason == BAD && auth.agency == NULL
          && auth.evidence.token_sha256 != NULL,
          "a refusal leaves the hash and no agency");
    ask_free(&a);
}


static xc_rc_t
verify_once(xc_arena_t *arena, void *data)
{
    ask_t      *a = data;
    xc_auth_t   auth = { .expires_s = INT64_MAX };

    a->in.arena = arena;

    return xc_jwt_scheme.verify(&a->in, &auth, &a->reason, &a->detail);
}


static void
test_memory(void)
{
    char   mem[2048], line[2048], claims[512];
    ask_t  a;

    (void) snprintf(claims, sizeof(claims),
                    ONCE ",'iat':1795305500,'jti':'j'%s", bound);

    ask_init(&a, bearer(line, sizeof(line),
                        make_token(mem, sizeof(mem), "'alg':'EdDSA'", claims,
                                   3)), CERT);
    xt_oom("a token", verify_once, &a);
    ask_free(&a);
}


/* --- the policy's faults ------------------------------------------------- */

#define HEAD    "{'type': 'jwt', 'iss': 'i', 'aud': 'a', 'alg': 'EdDSA', "
#define KEY(k)  "{'kty': 'OKP', 'crv': 'Ed25519', 'kid': '" k "', 'x': '"     \
                X_1 "'}"
#define X_1     "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define AT      "agencies[0].credentials[1]"
#define REST    "'not_after': '2026-12-01T00:00:00Z', 'sources':"             \
                " ['203.0.113.0/24']}"

typedef struct {
    const char  *credential, *path, *message;
} fault_t;

static const fault_t  wrong[] = {
    { "{'type': 'jwt', 'aud': 'a', 'alg': 'EdDSA', 'jwks': {'keys': ["
      KEY("k") "]}}", AT ".iss", "required" },
    { HEAD "'jwks': {'keys': [" KEY("k") "]}, 'keyid': 'x'}", AT ".keyid",
      "unknown" },
    { "{'type': 'jwt', 'iss': 'ü', 'aud': 'a', 'alg': 'EdDSA', 'jwks':"
      " {'keys': [" KEY("k") "]}}", AT ".iss", "printable ASCII" },
    { "{'type': 'jwt', 'iss': '', 'aud': 'a', 'alg': 'EdDSA', 'jwks':"
      " {'keys': [" KEY("k") "]}}", AT ".iss", "1 to 256 bytes" },
    { "{'type': 'jwt', 'iss': 'i', 'alg': 'EdDSA', 'jwks': {'keys': ["
      KEY("k") "]}}", AT ".aud", "required" },
    { "{'type': 'jwt', 'iss': 'i', 'aud': 'a', 'jwks': {'keys': [" KEY("k")
      "]}}", AT ".alg", "required" },
    { "{'type': 'jwt', 'iss': 'i', 'aud': 'a', 'alg': 'HS256', 'jwks':"
      " {'keys': [" KEY("k") "]}}", AT ".alg", "is not one of" },
    { "{'type': 'jwt', 'iss': 'i', 'aud': 'a', 'alg': 'none', 'jwks':"
      " {'keys': [" KEY("k") "]}}", AT ".alg", "is not one of" },
    { HEAD "'jti': 1, 'jwks': {'keys': [" KEY("k") "]}}", AT ".jti",
      "true or false" },
    { "{'type': 'jwt', 'iss': 'i', 'aud': 'a', 'alg': 'EdDSA'}", AT ".jwks",
      "required" },
    { HEAD "'jwks': 'x'}", AT ".jwks", "an object" },
    { HEAD "'jwks': {}}", AT ".jwks.keys", "required" },
    { HEAD "'jwks': {'keys': {}}}", AT ".jwks.keys", "an array" },
    { HEAD "'jwks': {'keys': []}}", AT ".jwks.keys", "1 to 64 keys" },
    { HEAD "'jwks': {'keys': [" KEY("k") "], 'more': 1}}", AT ".jwks.more",
      "unknown" },
    { HEAD "'jwks': {'keys': [" KEY("k") "], 'file': 'x'}}", AT ".jwks.keys",
      "unknown" },
    { HEAD "'jwks': {'keys': [1]}}", AT ".jwks.keys[0]", "an object" },
    { HEAD "'jwks': {'keys': [{'kty': 'OKP', 'crv': 'Ed25519', 'x': '" X_1
      "'}]}}", AT ".jwks.keys[0].kid", "required" },
    { HEAD "'jwks': {'keys': [{'kid': 1, 'kty': 'OKP', 'crv': 'Ed25519',"
      " 'x': '" X_1 "'}]}}", AT ".jwks.keys[0].kid", "a string" },
    { HEAD "'jwks': {'keys': [" KEY("a") ", " KEY("b") ", " KEY("a") "]}}",
      AT ".jwks.keys[2].kid", "stands in the set already" },
    { HEAD "'jwks': {'keys': [" KEY("a") ", {'kid': 'b', 'kty': 'OKP', 'crv':"
      " 'X25519', 'x': '" X_1 "'}]}}", AT ".jwks.keys[1]", "Ed25519" },
    { HEAD "'jwks': {'keys': [{'kid': 'b', 'kty': 'oct', 'k': '" X_1 "'}]}}",
      AT ".jwks.keys[0]", "private" },
    { HEAD "'jwks': {'keys': [{'kid': 'b', 'kty': 'EC', 'crv': 'P-256', 'x':"
      " '" X_1 "', 'y': '" X_1 "'}]}}", AT ".jwks.keys[0]", "Ed25519" },
    { HEAD "'jwks': {'keys': [{'kid': 'b', 'kty': 'OKP', 'crv': 'Ed25519',"
      " 'x': '" X_1 "', 'd': '" X_1 "'}]}}", AT ".jwks.keys[0]", "private" },
    { HEAD "'jwks': {'keys': [{'kid': 'b', 'kty': 'OKP', 'crv': 'Ed25519',"
      " 'x': '" X_1 "', 'use': 'enc'}]}}", AT ".jwks.keys[0]", "use" },
    { HEAD "'jwks': {'keys': [{'kid': 'b', 'kty': 'OKP', 'crv': 'Ed25519',"
      " 'x': '" X_1 "', 'alg': 'ES256'}]}}", AT ".jwks.keys[0]", "alg" },
    { HEAD "'jwks': {'keys': [" KEY("k") "]}}, " HEAD "'jwks': {'keys': ["
      KEY("k") "]}}", "agencies[0].credentials[2].iss",
      "is that of agencies[0].credentials[1]" },
    { HEAD "'jwks': {'file': 'absent'}}", AT ".jwks", "no such file" },
    { HEAD "'jwks': {'file': 'broken'}}", AT ".jwks.file",
      "line 1, column" },
    { HEAD "'jwks': {'file': 'list'}}", AT ".jwks", "an object" },
    { HEAD "'jwks': {'file': 'twice'}}", AT ".jwks.keys[1].kid",
      "stands in the set already" },
};


static xc_rc_t
read_file(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    size_t       i;
    char        *mem;
    const char  *text;

    static const char *const  known[][2] = {
        { "good", " {'keys':\n [" KEY("a") ",\n" KEY("b") "]}\n" },
        { "broken", "{'keys': [" },
        { "list", "[" KEY("a") "]" },
        { "twice", "{'keys': [" KEY("a") "," KEY("a") "]}" },
    };

    (void) ctx;

    for (i = 0; i < XC_COUNT(known); i++) {
        text = known[i][1];

        if (xc_str_eq(path, xc_str_z(known[i][0])) && !secret) {
            mem = xc_arena_alloc(arena, strlen(text) + 1);
            if (mem == NULL) {
                return XC_ENOMEM;
            }

            *content = sample_json(mem, strlen(text) + 1, text);
            return XC_OK;
        }
    }

    *error = "no such file";

    return XC_EIO;
}


static void
test_faults(void)
{
    size_t       i;
    load_t       load;
    static char  mem[TEXT_MAX];

    for (i = 0; i < XC_COUNT(wrong); i++) {
        load_text(&load, with_credentials(mem, wrong[i].credential));

        if (!xt_ok(load.rc == XC_EINPUT
                   && has(&load, false, wrong[i].path, wrong[i].message),
                   "fault %zu: %s: %s", i, wrong[i].path, wrong[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


static xc_rc_t
load_again(xc_arena_t *arena, void *data)
{
    xc_str_t           *text = data;
    xc_policy_faults_t  faults;
    const xc_policy_t  *policy;

    return xc_policy_load(arena, *text, &files, SAMPLE_NOW_S, &faults,
                          &policy);
}


/* In the file, and where the file's name stood. */
static void
test_copy(const xc_policy_t *policy)
{
    load_t       load;
    xc_str_t     end;
    static char  mem[TEXT_MAX];

    load_text(&load, with_credentials(mem, HEAD "'jwks': {'keys': [" KEY("a")
                                      ", " KEY("b") "]}, " REST));

    xt_ok(load.rc == XC_OK
          && xc_str_eq(load.policy->copy, policy->copy),
          "the copy holds the set as if it stood there");

    end = (xc_str_t) { memchr(policy->copy.data, '\n', policy->copy.len), 1 };
    xt_ok(end.data == policy->copy.data + policy->copy.len - 1,
          "on its one line");

    xc_heap_free(&load.heap);
}


static void
test_file(void)
{
    load_t                  load;
    xc_str_t                text;
    static char             mem[TEXT_MAX];
    const xc_credential_t  *credential;

    text = with_credentials(mem, HEAD "'jwks': {'file': 'good'}, " REST);

    load_text(&load, text);
    if (!xt_ok(load.rc == XC_OK, "a set in a file")) {
        show(&load);
        return;
    }

    credential = xc_policy_issuer(load.policy, XC_STR("i"));

    xt_ok(credential != NULL && credential->n_jwks == 2 && !credential->jti
          && xc_str_eq(credential->jwks[1].kid, XC_STR("b"))
          && credential->n_sources == 1
          && credential->not_after_s == 1796083200, "what it is");
    xt_ok(has(&load, true, AT ".not_after", "within 30 days"),
          "its end is warned of");

    test_copy(load.policy);
    xt_oom("a policy with a set in a file", load_again, &text);

    xc_heap_free(&load.heap);
}


int
main(void)
{
    size_t  i;

    files.read = read_file;

    if (!set_up()) {
        return 2;
    }

    for (i = 0; i < XC_COUNT(cases); i++) {
        run_case(&cases[i]);
    }

    test_line();
    test_presented();
    test_sizes();
    test_mutations();
    test_result();
    test_once();
    test_accepted();
    test_memory();
    test_faults();
    test_file();

    xc_heap_free(&loaded.heap);
    xc_heap_free(&setup_heap);

    return xt_done();
}
