#include "xc_policy_load.h"

#include "xc_ascii.h"


#define XC_LOAD_ISSUER_MAX      256     /* bytes; of an audience too */
#define XC_LOAD_KID_MAX         256
#define XC_LOAD_JWKS_MAX        64      /* keys of one set */

enum {
    XC_JWT_TYPE,
    XC_JWT_ISS,
    XC_JWT_AUD,
    XC_JWT_ALG,
    XC_JWT_JWKS,
    XC_JWT_JTI,
    XC_JWT_NOT_BEFORE,
    XC_JWT_NOT_AFTER,
    XC_JWT_SOURCES,
    XC_JWT_COUNT
};


/* Printable ASCII, as $xc_credential holds it. */
static xc_str_t
xc_load_issuer(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t    i;
    xc_str_t  iss = xc_load_text(load, at, node, XC_LOAD_ISSUER_MAX);

    for (i = 0; i < iss.len; i++) {
        if ((unsigned char) iss.data[i] > 0x7e) {
            xc_load_fault(load, at, "must be printable ASCII");
            return XC_STR_NONE;
        }
    }

    return iss;
}


static xc_alg_t
xc_load_jose_alg(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_alg_t  alg;

    if (node == NULL) {
        return XC_ALG_NONE;
    }

    alg = xc_alg_by_jose(xc_json_string(node));

    if (alg == XC_ALG_NONE) {
        xc_load_fault(load, at, XC_STR_FMT " is not one of \"EdDSA\", "
                      "\"Ed25519\", \"ES256\", \"ES384\", \"PS256\", "
                      "\"RS256\"",
                      XC_STR_ARG(xc_load_quote(load, xc_json_string(node))));
    }

    return alg;
}


static void
xc_load_jwk(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_credential_t *credential, xc_index_t *kids, xc_jwk_t *out)
{
    xc_rc_t           rc;
    const char       *error = "not a key";
    const xc_at_t    *at_kid = XC_AT(at, "kid");
    const xc_json_t  *kid;

    if (!xc_load_is(load, at, node, XC_LOAD_OBJECT)) {
        return;
    }

    kid = xc_json_member(node, XC_STR("kid"));

    if (kid == NULL) {
        xc_load_fault(load, at_kid, "required: a token names its key by it");

    } else if (xc_load_is(load, at_kid, kid, XC_LOAD_STRING)) {
        out->kid = xc_load_text(load, at_kid, kid, XC_LOAD_KID_MAX);
    }

    if (out->kid.data != NULL && !xc_load_enter(load, kids, out->kid, out)) {
        xc_load_fault(load, at_kid, XC_STR_FMT " stands in the set already",
                      XC_STR_ARG(xc_load_quote(load, out->kid)));
    }

    if (credential->alg != XC_ALG_NONE) {
        rc = xc_key_jwk(load->arena, credential->alg, node, &error, &out->key);
        xc_load_key_rc(load, at, rc, error);
    }
}


static void
xc_load_jwk_list(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    size_t      i, n = xc_json_size(node);
    xc_jwk_t   *list;
    xc_index_t  kids = { NULL, 0, 0 };

    if (n == 0 || n > XC_LOAD_JWKS_MAX) {
        xc_load_fault(load, at, "must hold 1 to %d keys, found %zu",
                      XC_LOAD_JWKS_MAX, n);
        return;
    }

    list = xc_load_array(load, n, sizeof(xc_jwk_t));
    xc_load_index(load, &kids, n);
    credential->jwks = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_jwk(load, XC_AT_I(at, i), xc_json_element(node, i),
                    credential, &kids, &list[i]);
        credential->n_jwks++;
    }
}


/* RFC 7517 5 */
static void
xc_load_jwk_set(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    const xc_json_t  *keys;

    static const xc_load_member_t  members[] = {
        XC_MEMBER("keys", XC_LOAD_ARRAY | XC_LOAD_REQUIRED)
    };

    if (xc_load_object(load, at, node, members, 1, &keys) && keys != NULL) {
        xc_load_jwk_list(load, XC_AT(at, "keys"), keys, credential);
    }
}


static void
xc_load_jwks_file(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    xc_rc_t           rc;
    xc_str_t          text;
    xc_json_error_t   error = { 0, 0, "" };
    const xc_json_t  *set;

    text = xc_load_material(load, at, node, false);
    if (text.data == NULL) {
        return;
    }

    rc = xc_json_parse(load->arena, text, XC_LOAD_JWKS_DEPTH, &error, &set);

    if (rc == XC_OK) {
        xc_load_jwk_set(load, at, set, credential);

    } else if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(load, XC_AT(at, "file"), "not strict JSON: line %u, "
                      "column %u: %s", error.line, error.column,
                      error.message);

    } else {
        xc_load_fail(load, rc);
    }
}


static void
xc_load_jwks(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    if (node == NULL) {
        return;
    }

    if (xc_json_member(node, XC_STR("file")) != NULL) {
        xc_load_jwks_file(load, at, node, credential);

    } else {
        xc_load_jwk_set(load, at, node, credential);
    }
}


void
xc_load_jwt(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    const xc_json_t  *v[XC_JWT_COUNT];

    static const xc_load_member_t  members[XC_JWT_COUNT] = {
        XC_MEMBER("type", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("iss", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("aud", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("alg", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("jwks", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("jti", XC_LOAD_BOOL),
        XC_MEMBER("not_before", XC_LOAD_STRING),
        XC_MEMBER("not_after", XC_LOAD_STRING),
        XC_MEMBER("sources", XC_LOAD_ARRAY)
    };

    if (!xc_load_object(load, at, node, members, XC_JWT_COUNT, v)) {
        return;
    }

    credential->scheme = XC_SCHEME_JWT;
    credential->keyid = xc_load_issuer(load, XC_AT(at, "iss"), v[XC_JWT_ISS]);
    credential->aud = xc_load_text(load, XC_AT(at, "aud"), v[XC_JWT_AUD],
                                   XC_LOAD_ISSUER_MAX);
    credential->alg = xc_load_jose_alg(load, XC_AT(at, "alg"), v[XC_JWT_ALG]);
    credential->jti = xc_load_bool(v[XC_JWT_JTI], false);

    xc_load_jwks(load, XC_AT(at, "jwks"), v[XC_JWT_JWKS], credential);
    xc_load_validity(load, at, v[XC_JWT_NOT_BEFORE], v[XC_JWT_NOT_AFTER],
                     credential);
    xc_load_sources(load, XC_AT(at, "sources"), v[XC_JWT_SOURCES],
                    credential);
}
