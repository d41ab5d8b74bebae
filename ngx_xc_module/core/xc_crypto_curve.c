#include "xc_crypto_impl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#define XC_SM2_HALF     32


/* Edwards25519: RFC 8032 5.1 */
static const uint8_t  xc_ed25519_p[XC_ED25519_KEY_SIZE] = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xed
};

static const uint8_t  xc_ed25519_d[XC_ED25519_KEY_SIZE] = {
    0x52, 0x03, 0x6c, 0xee, 0x2b, 0x6f, 0xfe, 0x73,
    0x8c, 0xc7, 0x40, 0x79, 0x77, 0x79, 0xe8, 0x98,
    0x00, 0x70, 0x0a, 0x4d, 0x41, 0x41, 0xd8, 0xab,
    0x75, 0xeb, 0x4d, 0xca, 0x13, 0x59, 0x78, 0xa3
};


static bool
xc_crypto_coordinate(const EVP_PKEY *pkey, const char *name, uint8_t *dst,
    size_t size)
{
    bool     ok;
    BIGNUM  *n = NULL;

    ok = EVP_PKEY_get_bn_param(pkey, name, &n) == 1
         && BN_bn2binpad(n, dst, (int) size) == (int) size;

    BN_free(n);

    return ok;
}


bool
xc_crypto_point(const EVP_PKEY *pkey, size_t half, uint8_t *point)
{
    point[0] = 0x04;

    return xc_crypto_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &point[1],
                                half)
           && xc_crypto_coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y,
                                   &point[1 + half], half);
}


bool
xc_crypto_sm2_z(const EVP_PKEY *pkey, xc_str_t id, uint8_t z[XC_SHA256_SIZE])
{
    bool         ok;
    uint8_t      head[2], point[1 + 2 * XC_SM2_HALF];
    EVP_MD_CTX  *ctx;

    /* GB/T 32918.5 2: the curve's a, b and base point */
    static const uint8_t  curve[4 * XC_SM2_HALF] = {
        0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
        0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34,
        0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,
        0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92,
        0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
        0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19,
        0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
        0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1,
        0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
        0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c,
        0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,
        0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40,
        0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0
    };

    head[0] = (uint8_t) (id.len * 8 >> 8);
    head[1] = (uint8_t) (id.len * 8);

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL && xc_crypto_point(pkey, XC_SM2_HALF, point)
         && EVP_DigestInit_ex2(ctx, xc_crypto_md(XC_ALG_SM2_SM3), NULL) == 1
         && EVP_DigestUpdate(ctx, head, sizeof(head)) == 1
         && EVP_DigestUpdate(ctx, id.data, id.len) == 1
         && EVP_DigestUpdate(ctx, curve, sizeof(curve)) == 1
         && EVP_DigestUpdate(ctx, &point[1], sizeof(point) - 1) == 1
         && EVP_DigestFinal_ex(ctx, z, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


/* x^2 = (y^2 - 1) / (d y^2 + 1) must be a square, which it is when numerator
 * times denominator is one: RFC 8032 5.1.3 */
int
xc_crypto_has_point(const uint8_t raw[XC_ED25519_KEY_SIZE])
{
    int       rc = -1;
    BIGNUM   *p, *d, *y, *u, *v;
    BN_CTX   *ctx;
    uint8_t   bytes[XC_ED25519_KEY_SIZE];

    memcpy(bytes, raw, sizeof(bytes));
    bytes[31] &= 0x7f;              /* without the sign of x */

    ctx = BN_CTX_new();
    if (ctx == NULL) {
        return -1;
    }

    BN_CTX_start(ctx);
    p = BN_CTX_get(ctx);
    d = BN_CTX_get(ctx);
    y = BN_CTX_get(ctx);
    u = BN_CTX_get(ctx);
    v = BN_CTX_get(ctx);

    if (v != NULL && BN_bin2bn(xc_ed25519_p, sizeof(xc_ed25519_p), p) != NULL
        && BN_bin2bn(xc_ed25519_d, sizeof(xc_ed25519_d), d) != NULL
        && BN_lebin2bn(bytes, sizeof(bytes), y) != NULL)
    {
        if (BN_cmp(y, p) >= 0) {
            rc = 0;

        } else if (BN_mod_sqr(y, y, p, ctx) == 1
                   && BN_mod_mul(v, y, d, p, ctx) == 1
                   && BN_add_word(v, 1) == 1
                   && BN_sub(u, y, BN_value_one()) == 1
                   && BN_mod_mul(u, u, v, p, ctx) == 1)
        {
            rc = BN_kronecker(u, p, ctx);
            rc = rc == -2 ? -1 : rc == 1;
        }
    }

    BN_CTX_end(ctx);
    BN_CTX_free(ctx);

    return rc;
}
