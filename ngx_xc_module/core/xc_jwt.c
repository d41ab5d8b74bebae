#include "xc_jwt.h"

#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_jws.h"


/* The hash of a certificate in base64url. */
#define XC_JWT_X5T_LENGTH   43

/* The one token of a request. */
typedef struct {
    const xc_auth_input_t  *in;
    bool                    alone;      /* nothing else has been verified */
    xc_str_t                token;
    xc_jws_t                jws;
    const xc_credential_t  *credential;
    const xc_key_t         *key;
    int64_t                 exp_s, iat_s;
    bool                    has_iat;
    xc_str_t                jti;        /* empty: may come again */
    bool                    bound;      /* to the certificate */
    xc_reason_t             reason;     /* set where a check denies */
    xc_str_t                detail;
} xc_jwt_t;


static xc_rc_t
xc_jwt_deny(xc_jwt_t *jwt, xc_str_t detail)
{
    jwt->reason = XC_REASON_TOKEN_INVALID;
    jwt->detail = detail;

    return XC_DENIED;
}


static xc_rc_t
xc_jwt_deny_about(xc_jwt_t *jwt, const char *name, const char *what)
{
    return xc_jwt_deny(jwt, xc_arena_printf(jwt->in->arena, "%s %s", name,
                                            what));
}


/* RFC 9110 11.1: a scheme is a token, its case is of no account. */
static bool
xc_jwt_is_bearer(xc_str_t value)
{
    const size_t  n = sizeof("Bearer") - 1;

    return value.len >= n
           && xc_ascii_ieq((xc_str_t) { value.data, n }, XC_STR("Bearer"))
           && (value.len == n || !xc_ascii_is_tchar(value.data[n]));
}


/* Of two lines this one may read the first and the back end the other, so that
 * they are refused whatever their schemes. */
static bool
xc_jwt_presented(const xc_msg_t *msg)
{
    size_t              n;
    const xc_header_t  *line;

    line = xc_msg_header(msg, XC_STR("authorization"), &n);

    return line != NULL && (n > 1 || xc_jwt_is_bearer(line->value));
}


/* RFC 6750 2.1: "Bearer" 1*SP b64token */
static xc_rc_t
xc_jwt_read_line(xc_jwt_t *jwt)
{
    size_t              n;
    xc_str_t            rest;
    const xc_header_t  *line;

    line = xc_msg_header(jwt->in->msg, XC_STR("authorization"), &n);

    if (line == NULL || n != 1 || !xc_jwt_is_bearer(line->value)) {
        return xc_jwt_deny(jwt, XC_STR("not exactly one Authorization line"));
    }

    rest = (xc_str_t) { line->value.data + 6, line->value.len - 6 };

    while (rest.len != 0 && rest.data[0] == ' ') {
        rest.data++;
        rest.len--;
    }

    if (rest.len == 0) {
        return xc_jwt_deny(jwt, XC_STR("no token stands behind Bearer"));
    }

    if (rest.len > XC_JWS_MAX) {
        return xc_jwt_deny(jwt, XC_STR("the token is over 8192 bytes"));
    }

    jwt->token = rest;

    return XC_OK;
}


static xc_rc_t
xc_jwt_hash(xc_jwt_t *jwt, xc_auth_evidence_t *evidence)
{
    xc_rc_t   rc;
    uint8_t  *hash;

    hash = xc_arena_alloc(jwt->in->arena, XC_SHA256_SIZE);
    if (hash == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_hash(XC_HASH_SHA256, jwt->token.data, jwt->token.len, hash);
    if (rc == XC_OK) {
        evidence->token_sha256 = hash;
    }

    return rc;
}


static xc_rc_t
xc_jwt_parse(xc_jwt_t *jwt)
{
    xc_rc_t      rc;
    const char  *error = "not a token";

    rc = xc_jws_parse(jwt->in->arena, jwt->token, &error, &jwt->jws);

    return rc == XC_EINPUT ? xc_jwt_deny(jwt, xc_str_z(error)) : rc;
}


/*
 * RFC 7515 4.1.11: an extension that is not understood, which here is any;
 * RFC 7797: a payload that is signed as it is.  The others bring the key or say
 * where it lies: a token that asks to be verified by its own means.
 */
static xc_rc_t
xc_jwt_check_members(xc_jwt_t *jwt)
{
    size_t  i;

    static const char *const  refused[] = {
        "crit", "b64", "jku", "jwk", "x5u", "x5c"
    };

    for (i = 0; i < XC_COUNT(refused); i++) {
        if (xc_json_member(jwt->jws.header, xc_str_z(refused[i])) != NULL) {
            return xc_jwt_deny_about(jwt, refused[i],
                                     "is not accepted in a token's header");
        }
    }

    return XC_OK;
}


/* RFC 7519 5.1, RFC 9068 2.1; RFC 7515 4.1.9: "application/" may be left out.
 * What another kind of token says is not meant for this place (RFC 8725 3.11).
 */
static xc_rc_t
xc_jwt_check_typ(xc_jwt_t *jwt)
{
    xc_str_t      typ;
    const size_t  n = sizeof("application/") - 1;

    if (xc_json_member(jwt->jws.header, XC_STR("typ")) == NULL) {
        return XC_OK;
    }

    typ = xc_jws_string(jwt->jws.header, XC_STR("typ"));

    if (typ.len > n && xc_ascii_ieq((xc_str_t) { typ.data, n },
                                    XC_STR("application/")))
    {
        typ.data += n;
        typ.len -= n;
    }

    if (xc_ascii_ieq(typ, XC_STR("JWT")) || xc_ascii_ieq(typ, XC_STR("at+jwt")))
    {
        return XC_OK;
    }

    return xc_jwt_deny_about(jwt, "typ", "is neither JWT nor at+jwt");
}


static xc_rc_t
xc_jwt_check_issuer(xc_jwt_t *jwt)
{
    xc_str_t  iss = xc_jws_string(jwt->jws.claims, XC_STR("iss"));

    if (iss.data == NULL) {
        return xc_jwt_deny_about(jwt, "iss", "is missing or not a string");
    }

    jwt->credential = xc_policy_issuer(jwt->in->policy, iss);

    if (jwt->credential == NULL) {
        jwt->reason = XC_REASON_CREDENTIAL_UNKNOWN;
        jwt->detail = XC_STR("the token's issuer is not registered");
        return XC_DENIED;
    }

    return XC_OK;
}


/* The algorithm is the credential's; "none" and MACs are nobody's. */
static xc_rc_t
xc_jwt_check_alg(xc_jwt_t *jwt)
{
    xc_alg_t  alg;

    alg = xc_alg_by_jose(xc_jws_string(jwt->jws.header, XC_STR("alg")));

    if (alg == XC_ALG_NONE || alg != jwt->credential->alg) {
        return xc_jwt_deny_about(jwt, "alg",
                                 "is not the credential's algorithm");
    }

    return XC_OK;
}


static xc_rc_t
xc_jwt_choose_key(xc_jwt_t *jwt)
{
    size_t                  i;
    xc_str_t                kid;
    const xc_credential_t  *credential = jwt->credential;

    kid = xc_jws_string(jwt->jws.header, XC_STR("kid"));

    if (xc_json_member(jwt->jws.header, XC_STR("kid")) == NULL
        && credential->n_jwks == 1)
    {
        jwt->key = credential->jwks[0].key;
        return XC_OK;
    }

    for (i = 0; kid.data != NULL && i < credential->n_jwks; i++) {
        if (xc_str_eq(credential->jwks[i].kid, kid)) {
            jwt->key = credential->jwks[i].key;
            return XC_OK;
        }
    }

    return xc_jwt_deny_about(jwt, "kid", "names none of the issuer's keys");
}


static bool
xc_jwt_is_ours(const void *ctx, xc_str_t name)
{
    const xc_credential_t  *credential = ctx;

    return xc_str_eq(name, credential->aud);
}


static xc_rc_t
xc_jwt_check_audience(xc_jwt_t *jwt)
{
    bool  found;

    found = xc_jws_audience(jwt->jws.claims, xc_jwt_is_ours, jwt->credential);

    return found ? XC_OK : xc_jwt_deny_about(jwt, "aud",
                                             "does not name this platform");
}


/* An absent claim leaves out alone and *found false. */
static xc_rc_t
xc_jwt_read_date(xc_jwt_t *jwt, const char *name, bool *found, int64_t *out)
{
    const xc_json_t  *node = xc_json_member(jwt->jws.claims, xc_str_z(name));

    *found = node != NULL;

    if (node != NULL && !xc_jws_date(node, out)) {
        return xc_jwt_deny_about(jwt, name, "is not a NumericDate");
    }

    return XC_OK;
}


/* RFC 7519 4.1.5, 4.1.6: not used before, not issued in the future. */
static xc_rc_t
xc_jwt_check_begin(xc_jwt_t *jwt)
{
    bool     found;
    int64_t  nbf_s, latest_s;
    xc_rc_t  rc;

    latest_s = jwt->in->now_s + jwt->in->policy->max_skew_s;

    rc = xc_jwt_read_date(jwt, "nbf", &found, &nbf_s);
    if (rc != XC_OK) {
        return rc;
    }

    if (found && nbf_s > latest_s) {
        return xc_jwt_deny(jwt, XC_STR("the token is not valid yet"));
    }

    rc = xc_jwt_read_date(jwt, "iat", &jwt->has_iat, &jwt->iat_s);
    if (rc != XC_OK) {
        return rc;
    }

    if (jwt->has_iat && jwt->iat_s > latest_s) {
        return xc_jwt_deny(jwt, XC_STR("the token was issued in the future"));
    }

    return XC_OK;
}


/* RFC 7519 4.1.4: on exp it is over. */
static xc_rc_t
xc_jwt_check_end(xc_jwt_t *jwt)
{
    bool     found;
    int64_t  now_s = jwt->in->now_s;
    xc_rc_t  rc;

    rc = xc_jwt_read_date(jwt, "exp", &found, &jwt->exp_s);
    if (rc != XC_OK) {
        return rc;
    }

    if (!found) {
        return xc_jwt_deny_about(jwt, "exp", "is missing");
    }

    if (now_s >= jwt->exp_s + jwt->in->policy->max_skew_s) {
        return xc_jwt_deny(jwt, XC_STR("the token has expired"));
    }

    if (jwt->exp_s - (jwt->has_iat ? jwt->iat_s : now_s)
        > XC_JWT_LIFETIME_MAX_S)
    {
        return xc_jwt_deny(jwt, XC_STR("the token lasts over 24 hours"));
    }

    return XC_OK;
}


/*
 * RFC 8705 3.1.  The handshake proves that the client holds the certificate's
 * key; whose it is the token says, hence no chain is asked for.  A cnf of
 * another kind binds the token to what is not looked at here.
 */
static xc_rc_t
xc_jwt_check_binding(xc_jwt_t *jwt)
{
    size_t                   n;
    uint8_t                  hash[XC_B64_DECODED_MAX(XC_JWT_X5T_LENGTH)];
    xc_str_t                 x5t;
    const xc_json_t         *cnf;
    const xc_certificate_t  *certificate = jwt->in->msg->certificate;

    cnf = xc_json_member(jwt->jws.claims, XC_STR("cnf"));
    if (cnf == NULL) {
        return !jwt->alone ? XC_OK
               : xc_jwt_deny(jwt, XC_STR("the token is not bound to a"
                                         " certificate and stands alone"));
    }

    x5t = xc_jws_string(cnf, XC_STR("x5t#S256"));

    if (x5t.len != XC_JWT_X5T_LENGTH
        || xc_b64_decode(XC_B64_URL, x5t, hash, &n) != XC_OK)
    {
        return xc_jwt_deny_about(jwt, "cnf", "holds no x5t#S256");
    }

    if (certificate == NULL) {
        return xc_jwt_deny(jwt, XC_STR("the token is bound to a certificate,"
                                       " and none was presented"));
    }

    if (!xc_equal_ct(hash, certificate->sha256, XC_SHA256_SIZE)) {
        return xc_jwt_deny(jwt, XC_STR("the token is bound to another"
                                       " certificate"));
    }

    jwt->bound = true;

    return XC_OK;
}


/* One that lasts keeps its place in a store that all agencies share: for no
 * longer, then, than a signature's nonce may. */
static xc_rc_t
xc_jwt_check_jti(xc_jwt_t *jwt)
{
    int64_t  max_s = jwt->in->policy->max_age_s;

    if (!jwt->credential->jti) {
        return XC_OK;
    }

    jwt->jti = xc_jws_string(jwt->jws.claims, XC_STR("jti"));

    if (jwt->jti.len == 0 || jwt->jti.len > XC_JWT_JTI_MAX) {
        return xc_jwt_deny_about(jwt, "jti", "is not a string of 1 to 128"
                                 " bytes, which this issuer needs");
    }

    if (!jwt->has_iat) {
        return xc_jwt_deny_about(jwt, "iat", "is missing, which a token for"
                                 " one use needs");
    }

    if (jwt->exp_s - jwt->iat_s > max_s) {
        return xc_jwt_deny(jwt, xc_arena_printf(jwt->in->arena,
                                                "a token for one use lasts"
                                                " over %lld seconds from iat"
                                                " to exp", (long long) max_s));
    }

    return XC_OK;
}


static xc_rc_t
xc_jwt_check_signature(xc_jwt_t *jwt)
{
    xc_rc_t  rc;

    rc = xc_key_verify(jwt->key, jwt->jws.content, jwt->jws.signature);

    if (rc == XC_DENIED) {
        return xc_jwt_deny(jwt, XC_STR("the token's signature does not"
                                       " verify"));
    }

    return rc;
}


static xc_rc_t
xc_jwt_examine(xc_jwt_t *jwt, xc_auth_evidence_t *evidence)
{
    size_t   i;
    xc_rc_t  rc;

    /* What is cheap comes first: the last one costs a public-key operation. */
    static xc_rc_t (*const  checks[])(xc_jwt_t *) = {
        xc_jwt_parse,
        xc_jwt_check_members,
        xc_jwt_check_typ,
        xc_jwt_check_issuer,
        xc_jwt_check_alg,
        xc_jwt_choose_key,
        xc_jwt_check_audience,
        xc_jwt_check_begin,
        xc_jwt_check_end,
        xc_jwt_check_binding,
        xc_jwt_check_jti,
        xc_jwt_check_signature
    };

    rc = xc_jwt_read_line(jwt);

    if (rc == XC_OK) {
        rc = xc_jwt_hash(jwt, evidence);
    }

    for (i = 0; i < XC_COUNT(checks) && rc == XC_OK; i++) {
        rc = checks[i](jwt);
    }

    if (jwt->bound) {
        evidence->certificate = jwt->in->msg->certificate;
    }

    return rc;
}


/*
 * An issuer may be spelled like another agency's keyid, whose signatures share
 * the store.  Their nonces are strings without a NUL, their hashes of another
 * length than this.  It is kept for as long as any policy could accept it:
 * another gate's, or the next load's.
 */
static xc_rc_t
xc_jwt_once(const xc_jwt_t *jwt, xc_auth_t *auth)
{
    char      *value;
    xc_rc_t    rc;
    xc_once_t  once;

    static const char  label[] = { '\0', 'j', 't', 'i' };

    value = xc_arena_alloc(jwt->in->arena, sizeof(label) + XC_SHA256_SIZE);
    if (value == NULL) {
        return XC_ENOMEM;
    }

    memcpy(value, label, sizeof(label));

    rc = xc_hash(XC_HASH_SHA256, jwt->jti.data, jwt->jti.len,
                 (uint8_t *) value + sizeof(label));
    if (rc != XC_OK) {
        return rc;
    }

    once = (xc_once_t) {
        jwt->credential->keyid,
        { value, sizeof(label) + XC_SHA256_SIZE },
        jwt->iat_s,
        jwt->exp_s + XC_POLICY_SKEW_MAX,
        false
    };

    return xc_auth_once(auth, &once);
}


static xc_rc_t
xc_jwt_verify(const xc_auth_input_t *in, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail)
{
    int64_t   last_s;
    xc_rc_t   rc;
    xc_jwt_t  jwt = { .in = in, .alone = auth->n_credentials == 0 };

    rc = xc_jwt_examine(&jwt, &auth->evidence);

    if (rc == XC_DENIED) {
        *reason = jwt.reason;
        *detail = jwt.detail;
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_auth_add(auth, jwt.credential, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    last_s = jwt.exp_s + in->policy->max_skew_s - 1;
    auth->expires_s = XC_MIN(auth->expires_s, last_s);

    return jwt.jti.len == 0 ? XC_OK : xc_jwt_once(&jwt, auth);
}


const xc_auth_scheme_t  xc_jwt_scheme = {
    XC_SCHEME_JWT,
    xc_jwt_presented,
    xc_jwt_verify
};
