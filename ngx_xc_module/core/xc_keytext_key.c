#include "xc_keytext_impl.h"

#define XC_KEYTEXT_EC_OID       "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"


const xc_keytext_known_t  xc_keytext_known[] = {
    [XC_KEYTEXT_ED25519] = {
        "not an Ed25519 key", { "\x06\x03\x2b\x65\x70", 5 }, 32,
        "OKP", "Ed25519"
    },
    [XC_KEYTEXT_P256] = {
        "not a P-256 key", { XC_KEYTEXT_EC_OID
        "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 19 }, 32, "EC", "P-256"
    },
    [XC_KEYTEXT_P384] = {
        "not a P-384 key", { XC_KEYTEXT_EC_OID
        "\x06\x05\x2b\x81\x04\x00\x22", 16 }, 48, "EC", "P-384"
    },
    [XC_KEYTEXT_SM2] = {
        "not an SM2 key", { XC_KEYTEXT_EC_OID
        "\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d", 19 }, 32, NULL, NULL
    },
    [XC_KEYTEXT_RSA] = {
        "not an RSA key", { XC_KEYTEXT_PKCS1_HEAD "\x01\x05\x00", 13 }, 0,
        "RSA", NULL
    }
};


xc_rc_t
xc_keytext_fault(const char **error, const char *what)
{
    *error = what;

    return XC_EINPUT;
}


xc_rc_t
xc_keytext_stranger(const xc_keytext_want_t *want, const char **error)
{
    return xc_keytext_fault(error, xc_keytext_known[want->kind].stranger);
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


xc_rc_t
xc_keytext_set_point(const xc_keytext_want_t *want, const uint8_t *bytes,
    size_t len, const char **error, xc_keytext_t *out)
{
    size_t  size = xc_keytext_known[want->kind].size;

    if (want->kind == XC_KEYTEXT_ED25519) {
        if (len != size) {
            return xc_keytext_stranger(want, error);
        }

        if (xc_keytext_is_small_order(bytes)) {
            return xc_keytext_fault(error, "an Ed25519 point of small order,"
                                           " under which anybody can sign");
        }

    } else if (len == 1 + size && (bytes[0] == 0x02 || bytes[0] == 0x03)) {
        return xc_keytext_fault(error, "a compressed point; write it"
                                       " uncompressed");

    } else if (len != 1 + 2 * size || bytes[0] != 0x04) {
        return xc_keytext_stranger(want, error);
    }

    memcpy(out->point, bytes, len);
    out->point_len = len;

    return XC_OK;
}


static size_t
xc_keytext_bits(xc_str_t number)
{
    size_t   bits;
    uint8_t  top;

    if (number.len == 0) {
        return 0;
    }

    bits = number.len * 8;

    for (top = (uint8_t) number.data[0]; (top & 0x80) == 0 && bits != 0;
         top = (uint8_t) (top << 1))
    {
        bits--;
    }

    return bits;
}


xc_rc_t
xc_keytext_set_rsa(xc_str_t n, xc_str_t e, const char **error,
    xc_keytext_t *out)
{
    size_t    i, bits = xc_keytext_bits(n);
    uint64_t  exponent = 0;

    if (bits < XC_RSA_BITS_MIN || bits > XC_RSA_BITS_MAX) {
        return xc_keytext_fault(error, "an RSA key not of 2048 to 4096 bits");
    }

    for (i = 0; i < e.len && e.len <= sizeof(exponent); i++) {
        exponent = exponent << 8 | (uint8_t) e.data[i];
    }

    if (exponent < XC_RSA_EXPONENT_MIN || exponent % 2 == 0) {
        return xc_keytext_fault(error, "an RSA exponent that is even, under"
                                       " 65537 or over 64 bits");
    }

    if (n.data[n.len - 1] % 2 == 0) {
        return xc_keytext_fault(error, "an RSA modulus that is even");
    }

    memcpy(out->n, n.data, n.len);
    out->n_len = n.len;
    out->e = exponent;

    return XC_OK;
}
