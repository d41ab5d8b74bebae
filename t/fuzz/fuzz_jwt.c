/*
 * A token against a policy, and a JWK.
 *
 * The first octet says what the rest is: a key (its bits say for which
 * algorithm), or the value of Authorization with what stands beside it.  The
 * corpus holds a token of the policy's only issuer; nobody who lacks the key
 * can make another, so what passes is this one.
 */

#include "fuzz.h"
#include "xc_jwt.h"


#define CERTIFICATE "0123456789abcdef0123456789abcdef"

/* The public key of RFC 9421 B.1.4, the audience and issuer of the corpus. */
#define ISSUER      "{'type': 'jwt', 'iss': 'https://issuer.example',"        \
                    " 'aud': 'https://platform.example', 'alg': 'EdDSA',"     \
                    " 'jti': true, 'jwks': {'keys': [{'kty': 'OKP',"          \
                    " 'crv': 'Ed25519', 'kid': 'k1', 'x':"                    \
                    " 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs'}]}}"

enum {
    FLAG_TOKEN = 1,
    FLAG_CERTIFICATE = 2,
    FLAG_BESIDE = 4
};


static const xc_policy_t *
issuer_policy(void)
{
    static char                text[sizeof(sample_policy) + sizeof(ISSUER)];
    static char                mem[sizeof(text)];
    static xc_heap_t           heap;
    static const char         *end = "'198.51.100.7']}";
    static xc_policy_faults_t  faults;
    static const xc_policy_t  *policy;
    const char                *at;

    if (policy != NULL) {
        return policy;
    }

    at = strstr(sample_policy, end);
    FUZZ_CHECK(at != NULL);
    at += strlen(end);

    (void) snprintf(text, sizeof(text), "%.*s,%s%s",
                    (int) (at - sample_policy), sample_policy, ISSUER, at);

    xc_heap_init(&heap, 0);
    FUZZ_CHECK(xc_crypto_init() == XC_OK);
    FUZZ_CHECK(xc_policy_load(&heap.arena,
                              sample_json(mem, sizeof(mem), text), NULL,
                              SAMPLE_NOW_S, &faults, &policy) == XC_OK);

    return policy;
}


static void
check_passed(const xc_auth_input_t *in, const xc_auth_t *auth, size_t n)
{
    FUZZ_CHECK(auth->n_credentials == n + 1
               && auth->credentials[n]->scheme == XC_SCHEME_JWT);
    FUZZ_CHECK(auth->n_once == 1
               && auth->once[0].created_s == SAMPLE_NOW_S
               && auth->once[0].expires_s >= SAMPLE_NOW_S
               && auth->expires_s == auth->once[0].expires_s);
    FUZZ_CHECK(in->msg->certificate != NULL
               && auth->evidence.certificate == in->msg->certificate);
}


static void
try_token(xc_arena_t *arena, unsigned flags, xc_str_t value)
{
    bool                presented;
    xc_rc_t             rc;
    xc_msg_t            msg = { .tls = true };
    xc_str_t            detail = XC_STR("");
    xc_auth_t           auth = { .expires_s = INT64_MAX };
    xc_header_t         line = { XC_STR("authorization"), value };
    xc_reason_t         reason = XC_REASON_NONE;
    xc_auth_input_t     in = { issuer_policy(), &msg, XC_STR(""),
                               SAMPLE_NOW_S, arena };
    xc_certificate_t    certificate = { .verified = true };

    memcpy(certificate.sha256, CERTIFICATE, XC_SHA256_SIZE);

    msg.headers = &line;
    msg.n_headers = 1;
    msg.certificate = (flags & FLAG_CERTIFICATE) != 0 ? &certificate : NULL;

    if ((flags & FLAG_BESIDE) != 0) {
        FUZZ_CHECK(xc_auth_add(&auth, xc_policy_keyid(in.policy,
                                                 XC_STR("310115-2026a")),
                               &reason, &detail) == XC_OK);
    }

    presented = xc_jwt_scheme.presented(&msg);
    rc = xc_jwt_scheme.verify(&in, &auth, &reason, &detail);

    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
    FUZZ_CHECK((rc == XC_OK) == (reason == XC_REASON_NONE));
    FUZZ_CHECK(presented || rc == XC_DENIED);
    FUZZ_CHECK(xc_ascii_is_utf8(detail) && xc_ascii_no_controls(detail));

    if (rc == XC_OK) {
        check_passed(&in, &auth, (flags & FLAG_BESIDE) != 0);
    }
}


static void
try_key(xc_arena_t *arena, unsigned flags, xc_str_t text)
{
    xc_rc_t           rc;
    const char       *error = NULL;
    const xc_key_t   *key = NULL;
    const xc_json_t  *jwk;

    static const xc_alg_t  algs[] = {
        XC_ALG_ED25519, XC_ALG_ECDSA_P256, XC_ALG_ECDSA_P384, XC_ALG_PS256,
        XC_ALG_RSA_V15_SHA256, XC_ALG_RSA_PSS_SHA512, XC_ALG_SM2_SM3
    };

    if (xc_json_parse(arena, text, 8, NULL, &jwk) != XC_OK) {
        return;
    }

    rc = xc_key_jwk(arena, algs[(flags >> 1) % XC_COUNT(algs)], jwk, &error,
                    &key);

    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT || rc == XC_ELIMIT);
    FUZZ_CHECK((rc == XC_OK) == (key != NULL));
    FUZZ_CHECK(rc == XC_OK || error != NULL);

    if (rc == XC_OK) {
        FUZZ_CHECK(xc_key_verify(key, text, text) == XC_DENIED);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_str_t   rest;
    xc_heap_t  heap;

    if (size == 0) {
        return 0;
    }

    FUZZ_CHECK(xc_crypto_init() == XC_OK);

    rest = (xc_str_t) { (const char *) data + 1, size - 1 };
    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    if ((data[0] & FLAG_TOKEN) != 0) {
        try_token(&heap.arena, data[0], rest);

    } else {
        try_key(&heap.arena, data[0], rest);
    }

    xc_heap_free(&heap);

    return 0;
}
