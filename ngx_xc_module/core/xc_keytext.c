#include "xc_keytext.h"

#include "xc_b64.h"
#include "xc_json.h"

#define XC_KEYTEXT_PREFIX_SIZE  12
#define XC_KEYTEXT_DER_SIZE     (XC_KEYTEXT_PREFIX_SIZE + XC_ED25519_KEY_SIZE)


static xc_rc_t
xc_keytext_fault(const char **error, const char *what)
{
    *error = what;

    return XC_EINPUT;
}


/*
 * Points whose order divides 8 (RFC 8032 5.1): under such a "key" anybody can
 * make signatures, so that one proves nothing about who signed.  OpenSSL takes
 * them.  The sign bit is left out; the last two are spelled beyond the prime.
 */
static bool
xc_keytext_is_small_order(const uint8_t raw[XC_ED25519_KEY_SIZE])
{
    size_t   i;
    uint8_t  y[XC_ED25519_KEY_SIZE];

    static const uint8_t  points[][XC_ED25519_KEY_SIZE] = {
        { 0x00 },
        { 0x01 },
        { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0,
          0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
          0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
          0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
        { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
          0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
          0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
          0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
        { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f }
    };

    memcpy(y, raw, sizeof(y));
    y[31] &= 0x7f;

    for (i = 0; i < XC_COUNT(points); i++) {
        if (memcmp(y, points[i], sizeof(y)) == 0) {
            return true;
        }
    }

    return false;
}


static bool
xc_keytext_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static xc_str_t
xc_keytext_trim(xc_str_t text)
{
    while (text.len != 0 && xc_keytext_is_space(text.data[0])) {
        text.data++;
        text.len--;
    }

    while (text.len != 0 && xc_keytext_is_space(text.data[text.len - 1])) {
        text.len--;
    }

    return text;
}


static xc_str_t
xc_keytext_member(const xc_json_t *jwk, xc_str_t name)
{
    const xc_json_t  *member = xc_json_member(jwk, name);

    return member == NULL ? XC_STR_NONE : xc_json_string(member);
}


/* RFC 7517, RFC 8037 2 */
static xc_rc_t
xc_keytext_from_jwk(xc_arena_t *arena, xc_str_t text, const char **error,
    uint8_t *raw)
{
    size_t            n;
    uint8_t           bytes[XC_B64_DECODED_MAX(43)];
    xc_rc_t           rc;
    xc_str_t          x;
    const xc_json_t  *jwk;

    rc = xc_json_parse(arena, text, 8, NULL, &jwk);
    if (rc != XC_OK) {
        return rc == XC_ENOMEM ? rc : xc_keytext_fault(error, "not a JWK");
    }

    if (xc_json_member(jwk, XC_STR("d")) != NULL) {
        return xc_keytext_fault(error, "a private key, not a public one");
    }

    x = xc_keytext_member(jwk, XC_STR("x"));

    if (!xc_str_eq(xc_keytext_member(jwk, XC_STR("kty")), XC_STR("OKP"))
        || !xc_str_eq(xc_keytext_member(jwk, XC_STR("crv")), XC_STR("Ed25519"))
        || x.len != 43
        || xc_b64_decode(XC_B64_URL, x, bytes, &n) != XC_OK)
    {
        return xc_keytext_fault(error, "not an Ed25519 key");
    }

    memcpy(raw, bytes, XC_ED25519_KEY_SIZE);

    return XC_OK;
}


/* 32 bytes in base64, of either alphabet, padded or not. */
static xc_rc_t
xc_keytext_from_base64(xc_str_t text, const char **error, uint8_t *raw)
{
    size_t   i, n;
    char     url[43];
    uint8_t  bytes[XC_B64_DECODED_MAX(sizeof(url))];

    if (text.len == sizeof(url) + 1 && text.data[sizeof(url)] == '=') {
        text.len--;
    }

    if (text.len != sizeof(url)) {
        return xc_keytext_fault(error, "not an Ed25519 key");
    }

    for (i = 0; i < sizeof(url); i++) {
        url[i] = text.data[i] == '+' ? '-'
                 : text.data[i] == '/' ? '_' : text.data[i];
    }

    if (xc_b64_decode(XC_B64_URL, (xc_str_t) { url, sizeof(url) }, bytes, &n)
        != XC_OK)
    {
        return xc_keytext_fault(error, "not an Ed25519 key");
    }

    memcpy(raw, bytes, XC_ED25519_KEY_SIZE);

    return XC_OK;
}


/* The text between the lines that begin and end a public key: RFC 7468 3 */
static bool
xc_keytext_unwrap(xc_str_t text, xc_str_t *body)
{
    static const char  begin[] = "-----BEGIN PUBLIC KEY-----";
    static const char  end[] = "-----END PUBLIC KEY-----";

    const size_t       head = sizeof(begin) - 1, tail = sizeof(end) - 1;

    if (text.len < head + tail || memcmp(text.data, begin, head) != 0
        || memcmp(text.data + text.len - tail, end, tail) != 0)
    {
        return false;
    }

    *body = (xc_str_t) { text.data + head, text.len - head - tail };

    return true;
}


/*
 * The SubjectPublicKeyInfo of an Ed25519 key has one DER form, as its
 * algorithm takes no parameters (RFC 8410 3).  So there is nothing to decode,
 * which with a general reader takes some 300 us a key.
 */
static xc_rc_t
xc_keytext_from_pem(xc_str_t text, const char **error, uint8_t *raw)
{
    char      packed[60];
    size_t    i, n, len;
    uint8_t   der[XC_B64_DECODED_MAX(sizeof(packed))];
    xc_str_t  body;

    static const uint8_t  prefix[XC_KEYTEXT_PREFIX_SIZE] = {
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
    };

    if (!xc_keytext_unwrap(text, &body)) {
        return xc_keytext_fault(error, "not one public key in PEM");
    }

    for (i = 0, n = 0; i < body.len && n <= sizeof(packed); i++) {
        if (xc_keytext_is_space(body.data[i])) {
            continue;
        }

        if (n < sizeof(packed)) {
            packed[n] = body.data[i];
        }

        n++;
    }

    if (n != sizeof(packed)
        || xc_b64_decode(XC_B64_STD, (xc_str_t) { packed, n }, der, &len)
           != XC_OK
        || len != XC_KEYTEXT_DER_SIZE
        || memcmp(der, prefix, sizeof(prefix)) != 0)
    {
        return xc_keytext_fault(error, "not an Ed25519 key");
    }

    memcpy(raw, der + sizeof(prefix), XC_ED25519_KEY_SIZE);

    return XC_OK;
}


xc_rc_t
xc_keytext_ed25519(xc_arena_t *arena, xc_str_t text, const char **error,
    uint8_t out[XC_ED25519_KEY_SIZE])
{
    xc_rc_t  rc;
    uint8_t  raw[XC_ED25519_KEY_SIZE];

    text = xc_keytext_trim(text);

    if (text.len > XC_KEYTEXT_MAX) {
        return xc_keytext_fault(error, "longer than 16 KiB");
    }

    if (text.len != 0 && text.data[0] == '{') {
        rc = xc_keytext_from_jwk(arena, text, error, raw);

    } else if (text.len > 5 && memcmp(text.data, "-----", 5) == 0) {
        rc = xc_keytext_from_pem(text, error, raw);

    } else {
        rc = xc_keytext_from_base64(text, error, raw);
    }

    if (rc != XC_OK) {
        return rc;
    }

    if (xc_keytext_is_small_order(raw)) {
        return xc_keytext_fault(error, "an Ed25519 point of small order,"
                                       " under which anybody can sign");
    }

    memcpy(out, raw, sizeof(raw));

    return XC_OK;
}
