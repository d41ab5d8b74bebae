#include "xc_keytext_impl.h"

#include "xc_b64.h"

#define XC_KEYTEXT_NUMBER_MAX   2048        /* bytes; told its length */


static xc_str_t
xc_keytext_member(const xc_json_t *jwk, xc_str_t name)
{
    const xc_json_t  *member = xc_json_member(jwk, name);

    return member == NULL ? XC_STR_NONE : xc_json_string(member);
}


/* Base64url without padding (RFC 7518 2).  dst has room for max bytes and 2
 * more; false where the member is none such. */
static bool
xc_keytext_octets(const xc_json_t *jwk, xc_str_t name, uint8_t *dst,
    size_t max, xc_str_t *out)
{
    size_t    len;
    xc_str_t  text = xc_keytext_member(jwk, name);

    if (text.len == 0 || XC_B64_DECODED_MAX(text.len) > max + 2
        || xc_b64_decode(XC_B64_URL, text, dst, &len) != XC_OK)
    {
        return false;
    }

    *out = (xc_str_t) { (const char *) dst, len };

    return true;
}


/* RFC 7518 6.2.1, RFC 8037 2: coordinates of their full length */
static xc_rc_t
xc_keytext_jwk_point(const xc_keytext_want_t *want, const xc_json_t *jwk,
    const char **error, xc_keytext_t *out)
{
    size_t    size = xc_keytext_known[want->kind].size;
    uint8_t   point[XC_KEYTEXT_POINT_MAX + 2] = { 0x04 };
    xc_str_t  x, y;

    if (!xc_keytext_octets(jwk, XC_STR("x"), &point[1], size, &x)
        || x.len != size)
    {
        return xc_keytext_stranger(want, error);
    }

    if (want->kind == XC_KEYTEXT_ED25519) {
        return xc_keytext_set_point(want, &point[1], size, error, out);
    }

    if (!xc_keytext_octets(jwk, XC_STR("y"), &point[1 + size], size, &y)
        || y.len != size)
    {
        return xc_keytext_stranger(want, error);
    }

    return xc_keytext_set_point(want, point, 1 + 2 * size, error, out);
}


/* RFC 7518 6.3.1 */
static xc_rc_t
xc_keytext_jwk_rsa(const xc_keytext_want_t *want, const xc_json_t *jwk,
    const char **error, xc_keytext_t *out)
{
    uint8_t   n[XC_KEYTEXT_NUMBER_MAX + 2], e[sizeof(out->e) + 2];
    xc_str_t  number, exponent;

    if (!xc_keytext_octets(jwk, XC_STR("n"), n, XC_KEYTEXT_NUMBER_MAX, &number)
        || !xc_keytext_octets(jwk, XC_STR("e"), e, sizeof(out->e), &exponent))
    {
        return xc_keytext_stranger(want, error);
    }

    /* RFC 7518 2, Base64urlUInt: the fewest octets */
    if (number.data[0] == 0 || exponent.data[0] == 0) {
        return xc_keytext_fault(error, "an RSA number that begins with a zero"
                                       " octet");
    }

    return xc_keytext_set_rsa(number, exponent, error, out);
}


static bool
xc_keytext_jwk_verifies(const xc_json_t *jwk)
{
    size_t            i;
    const xc_json_t  *ops = xc_json_member(jwk, XC_STR("key_ops"));

    if (ops == NULL) {
        return true;
    }

    for (i = 0; i < xc_json_size(ops); i++) {
        if (xc_str_eq(xc_json_string(xc_json_element(ops, i)),
                      XC_STR("verify")))
        {
            return true;
        }
    }

    return false;
}


/* RFC 7517 4.2 to 4.4: what a key says of its own use binds. */
static bool
xc_keytext_jwk_agrees(const xc_keytext_want_t *want, const xc_json_t *jwk)
{
    size_t    i;
    xc_str_t  alg = xc_keytext_member(jwk, XC_STR("alg"));

    if (xc_json_member(jwk, XC_STR("use")) != NULL
        && !xc_str_eq(xc_keytext_member(jwk, XC_STR("use")), XC_STR("sig")))
    {
        return false;
    }

    if (xc_json_member(jwk, XC_STR("alg")) == NULL) {
        return xc_keytext_jwk_verifies(jwk);
    }

    for (i = 0; i < XC_COUNT(want->jose) && want->jose[i] != NULL; i++) {
        if (xc_str_eq(alg, xc_str_z(want->jose[i]))) {
            return xc_keytext_jwk_verifies(jwk);
        }
    }

    return false;
}


static bool
xc_keytext_jwk_is_private(const xc_json_t *jwk)
{
    size_t                 i;
    static const xc_str_t  secrets[] = {        /* RFC 7518 6 */
        { "d", 1 }, { "p", 1 }, { "q", 1 }, { "dp", 2 }, { "dq", 2 },
        { "qi", 2 }, { "oth", 3 }, { "k", 1 }
    };

    for (i = 0; i < XC_COUNT(secrets); i++) {
        if (xc_json_member(jwk, secrets[i]) != NULL) {
            return true;
        }
    }

    return false;
}


xc_rc_t
xc_keytext_jwk(const xc_keytext_want_t *want, const xc_json_t *jwk,
    const char **error, xc_keytext_t *out)
{
    const char  *kty = xc_keytext_known[want->kind].kty;
    const char  *crv = xc_keytext_known[want->kind].crv;

    if (xc_json_type(jwk) != XC_JSON_OBJECT) {
        return xc_keytext_fault(error, "not a JWK");
    }

    if (xc_keytext_jwk_is_private(jwk)) {
        return xc_keytext_fault(error, "a private key, not a public one");
    }

    if (kty == NULL
        || !xc_str_eq(xc_keytext_member(jwk, XC_STR("kty")), xc_str_z(kty))
        || (crv != NULL
            && !xc_str_eq(xc_keytext_member(jwk, XC_STR("crv")),
                          xc_str_z(crv))))
    {
        return xc_keytext_stranger(want, error);
    }

    if (!xc_keytext_jwk_agrees(want, jwk)) {
        return xc_keytext_fault(error, "a JWK whose \"alg\", \"use\" or"
                                       " \"key_ops\" is for something else");
    }

    return want->kind == XC_KEYTEXT_RSA
           ? xc_keytext_jwk_rsa(want, jwk, error, out)
           : xc_keytext_jwk_point(want, jwk, error, out);
}
