#include "xc_crypto_impl.h"

#include "xc_b64.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define XC_MAKE_RSA_BITS        3072
#define XC_MAKE_SECRET_SIZE     32
#define XC_MAKE_TEXT_MAX        1024        /* base64 of a public key */


static xc_rc_t
xc_make_base64(xc_arena_t *arena, const uint8_t *bytes, size_t n,
    xc_str_t *out)
{
    char      mem[XC_MAKE_TEXT_MAX];
    xc_rc_t   rc;
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_b64_encode(XC_B64_STD, &b, bytes, n);

    rc = b.overflow ? XC_EINTERNAL : xc_arena_dup(arena, xc_buf_view(&b), out);
    OPENSSL_cleanse(mem, sizeof(mem));

    return rc;
}


static xc_rc_t
xc_make_pem(xc_arena_t *arena, EVP_PKEY *pkey, xc_str_t *out)
{
    BIO      *bio;
    char     *data;
    long      n;
    xc_rc_t   rc = XC_EINTERNAL;

    bio = BIO_new(BIO_s_secmem());

    if (bio != NULL
        && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
           == 1)
    {
        n = BIO_get_mem_data(bio, &data);
        rc = xc_arena_dup(arena, (xc_str_t) { data, (size_t) n }, out);
    }

    BIO_free(bio);

    return rc;
}


static xc_rc_t
xc_make_spki(xc_arena_t *arena, EVP_PKEY *pkey, xc_str_t *out)
{
    int       n;
    xc_rc_t   rc;
    uint8_t  *der = NULL;

    n = i2d_PUBKEY(pkey, &der);
    if (n <= 0) {
        return XC_EINTERNAL;
    }

    rc = xc_make_base64(arena, der, (size_t) n, out);
    OPENSSL_free(der);

    return rc;
}


/* The raw bytes where there is such a form. */
static xc_rc_t
xc_make_public(xc_arena_t *arena, xc_alg_t alg, EVP_PKEY *pkey, xc_str_t *out)
{
    size_t   half = xc_alg_known[alg].half, n = XC_KEYTEXT_POINT_MAX;
    uint8_t  point[XC_KEYTEXT_POINT_MAX];

    if (half != 0) {
        return xc_crypto_point(pkey, half, point)
               ? xc_make_base64(arena, point, 1 + 2 * half, out)
               : XC_EINTERNAL;
    }

    if (alg != XC_ALG_ED25519) {
        return xc_make_spki(arena, pkey, out);
    }

    return EVP_PKEY_get_raw_public_key(pkey, point, &n) == 1
           ? xc_make_base64(arena, point, n, out) : XC_EINTERNAL;
}


static EVP_PKEY *
xc_make_pkey(xc_alg_t alg)
{
    const char  *type = xc_alg_known[alg].type;

    if (xc_alg_known[alg].want.kind == XC_KEYTEXT_RSA) {
        return EVP_PKEY_Q_keygen(NULL, NULL, type, (size_t) XC_MAKE_RSA_BITS);
    }

    return strcmp(type, "EC") == 0
           ? EVP_PKEY_Q_keygen(NULL, NULL, type, xc_alg_known[alg].group)
           : EVP_PKEY_Q_keygen(NULL, NULL, type);
}


static xc_rc_t
xc_make_pair(xc_arena_t *arena, xc_alg_t alg, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t    rc;
    xc_str_t   pem, half = XC_STR_NONE;
    EVP_PKEY  *pkey;

    pkey = xc_make_pkey(alg);
    if (pkey == NULL) {
        return XC_EINTERNAL;
    }

    rc = xc_make_pem(arena, pkey, &pem);
    if (rc == XC_OK) {
        rc = xc_make_public(arena, alg, pkey, &half);
    }

    EVP_PKEY_free(pkey);

    if (rc == XC_OK) {
        *private_text = pem;
        *public_text = half;
    }

    return rc;
}


static xc_rc_t
xc_make_secret(xc_arena_t *arena, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t  rc;
    uint8_t  secret[XC_MAKE_SECRET_SIZE];

    rc = xc_random(secret, sizeof(secret));

    if (rc == XC_OK) {
        rc = xc_make_base64(arena, secret, sizeof(secret), private_text);
    }

    if (rc == XC_OK) {
        *public_text = XC_STR("");
    }

    OPENSSL_cleanse(secret, sizeof(secret));

    return rc;
}


xc_rc_t
xc_key_generate(xc_arena_t *arena, xc_alg_t alg, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t  rc;

    if (alg != XC_ALG_HMAC_SHA256 && xc_alg_known[alg].type == NULL) {
        return XC_EINPUT;
    }

    ERR_set_mark();

    rc = alg == XC_ALG_HMAC_SHA256
         ? xc_make_secret(arena, private_text, public_text)
         : xc_make_pair(arena, alg, private_text, public_text);

    ERR_pop_to_mark();

    return rc;
}
