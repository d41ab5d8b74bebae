#include "xc_crypto_impl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#define XC_SECRET_MIN           32
#define XC_SECRET_MAX           1024

/* GM/T 0009 10, where nothing else is agreed upon */
#define XC_SM2_ID               "1234567812345678"


static xc_rc_t
xc_key_fault(const char **error, const char *what)
{
    *error = what;

    return XC_EINPUT;
}


static void
xc_key_free(void *data)
{
    xc_key_t  *key = data;

    EVP_PKEY_CTX_free(key->verify);
    EVP_PKEY_free(key->pkey);
}


/* A key with nothing in it yet, whose contents the arena frees. */
static xc_rc_t
xc_key_new(xc_arena_t *arena, xc_alg_t alg, bool can_sign, xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    key = xc_arena_array(arena, 1, sizeof(xc_key_t));
    if (key == NULL) {
        return XC_ENOMEM;
    }

    key->alg = alg;
    key->can_sign = can_sign;

    rc = xc_arena_defer(arena, xc_key_free, key);
    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}


static xc_rc_t
xc_key_set_z(xc_arena_t *arena, xc_key_t *key, xc_str_t id)
{
    uint8_t  *z;

    z = xc_arena_alloc(arena, XC_SHA256_SIZE);
    if (z == NULL) {
        return XC_ENOMEM;
    }

    if (!xc_crypto_sm2_z(key->pkey, id, z)) {
        return XC_EINTERNAL;
    }

    key->z = z;

    return XC_OK;
}


/* What verifying needs, beside pkey. */
static xc_rc_t
xc_key_prepare(xc_arena_t *arena, xc_key_t *key, const char **error)
{
    if (key->alg == XC_ALG_ED25519) {
        return XC_OK;
    }

    /* of a private key bound to RSASSA-PSS with other parameters */
    key->verify = xc_crypto_context(key->alg, key->pkey, false);
    if (key->verify == NULL) {
        return xc_key_fault(error, "a key that the algorithm can't use");
    }

    return key->alg == XC_ALG_SM2_SM3
           ? xc_key_set_z(arena, key, XC_STR(XC_SM2_ID)) : XC_OK;
}


static EVP_PKEY *
xc_key_from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY      *pkey = NULL;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void) EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    }

    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


/* The library checks that the point lies on the curve. */
static EVP_PKEY *
xc_key_from_point(const xc_alg_known_t *known, xc_keytext_t *text)
{
    OSSL_PARAM  params[3] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *) known->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                          text->point, text->point_len),
        OSSL_PARAM_construct_end()
    };

    return xc_key_from_params(known->type, params);
}


static EVP_PKEY *
xc_key_from_rsa(xc_keytext_t *text)
{
    BIGNUM      *n;
    uint8_t      native[XC_RSA_BITS_MAX / 8];
    OSSL_PARAM   params[3] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, text->n_len),
        OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &text->e),
        OSSL_PARAM_construct_end()
    };
    bool         ok;

    n = BN_bin2bn(text->n, (int) text->n_len, NULL);
    ok = n != NULL && BN_bn2nativepad(n, native, (int) text->n_len) > 0;
    BN_free(n);

    return ok ? xc_key_from_params("RSA", params) : NULL;
}


static xc_rc_t
xc_key_build_ed25519(xc_key_t *key, const xc_keytext_t *text,
    const char **error)
{
    int  has_point = xc_crypto_has_point(text->point);

    if (has_point == 0) {
        return xc_key_fault(error, "no point of Ed25519");
    }

    key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL,
                                               text->point, text->point_len);

    return has_point == 1 && key->pkey != NULL ? XC_OK : XC_EINTERNAL;
}


static xc_rc_t
xc_key_build(xc_key_t *key, xc_keytext_t *text, const char **error)
{
    const xc_alg_known_t  *known = &xc_alg_known[key->alg];

    if (known->group != NULL) {
        key->pkey = xc_key_from_point(known, text);

        return key->pkey != NULL ? XC_OK
               : xc_key_fault(error, "a point that is not on the curve");
    }

    if (known->want.kind == XC_KEYTEXT_ED25519) {
        return xc_key_build_ed25519(key, text, error);
    }

    key->pkey = xc_key_from_rsa(text);

    return key->pkey != NULL ? XC_OK : XC_EINTERNAL;
}


static xc_rc_t
xc_key_from_text(xc_arena_t *arena, xc_alg_t alg, xc_keytext_t *text,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    rc = xc_key_new(arena, alg, false, &key);
    if (rc != XC_OK) {
        return rc;
    }

    ERR_set_mark();

    rc = xc_key_build(key, text, error);
    if (rc == XC_OK) {
        rc = xc_key_prepare(arena, key, error);
    }

    ERR_pop_to_mark();

    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}


/* Is there such an algorithm, with a public and a private key? */
static xc_rc_t
xc_key_check_alg(xc_alg_t alg, const char *what, const char **error)
{
    const xc_alg_known_t  *known = &xc_alg_known[alg];

    if (known->type == NULL) {
        return xc_key_fault(error, what);
    }

    if (known->md != NULL && xc_crypto_md(alg) == NULL) {
        return xc_key_fault(error, "the crypto library that is installed"
                                   " lacks the algorithm");
    }

    return XC_OK;
}


xc_rc_t
xc_key_public(xc_arena_t *arena, xc_alg_t alg, xc_str_t text,
    const char **error, const xc_key_t **out)
{
    xc_rc_t       rc;
    xc_keytext_t  parts;

    rc = xc_key_check_alg(alg, "the algorithm has no public key", error);
    if (rc == XC_OK) {
        rc = xc_keytext_read(arena, &xc_alg_known[alg].want, text, error,
                             &parts);
    }

    return rc != XC_OK ? rc
           : xc_key_from_text(arena, alg, &parts, error, out);
}


xc_rc_t
xc_key_jwk(xc_arena_t *arena, xc_alg_t alg, const xc_json_t *jwk,
    const char **error, const xc_key_t **out)
{
    xc_rc_t       rc;
    xc_keytext_t  parts;

    rc = xc_key_check_alg(alg, "the algorithm has no public key", error);
    if (rc == XC_OK) {
        rc = xc_keytext_jwk(&xc_alg_known[alg].want, jwk, error, &parts);
    }

    return rc != XC_OK ? rc
           : xc_key_from_text(arena, alg, &parts, error, out);
}


xc_rc_t
xc_key_sm2_id(xc_arena_t *arena, const xc_key_t *key, xc_str_t id,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *other;

    if (key->alg != XC_ALG_SM2_SM3) {
        return xc_key_fault(error, "belongs to sm2-sm3 alone");
    }

    if (id.len == 0 || id.len > XC_SM2_ID_MAX) {
        return xc_key_fault(error, "not 1 to 128 bytes");
    }

    rc = xc_key_new(arena, key->alg, key->can_sign, &other);
    if (rc != XC_OK) {
        return rc;
    }

    if (EVP_PKEY_up_ref(key->pkey) != 1) {
        return XC_EINTERNAL;
    }

    other->pkey = key->pkey;

    ERR_set_mark();
    other->verify = EVP_PKEY_CTX_dup(key->verify);
    rc = other->verify == NULL ? XC_EINTERNAL : xc_key_set_z(arena, other, id);
    ERR_pop_to_mark();

    if (rc == XC_OK) {
        *out = other;
    }

    return rc;
}


xc_rc_t
xc_key_secret(xc_arena_t *arena, xc_alg_t alg, xc_str_t bytes,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    if (alg != XC_ALG_HMAC_SHA256) {
        return xc_key_fault(error, "the algorithm takes no shared secret");
    }

    if (bytes.len < XC_SECRET_MIN || bytes.len > XC_SECRET_MAX) {
        return xc_key_fault(error, "not 32 to 1024 bytes");
    }

    rc = xc_key_new(arena, alg, true, &key);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_mac_new(arena, bytes, &key->mac);
    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}


/* OpenSSL would else ask at the terminal. */
static int
xc_key_no_password(char *buf, int size, int rwflag, void *data)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) data;

    return -1;
}


static EVP_PKEY *
xc_key_read_private(xc_str_t pem)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, xc_key_no_password, NULL);
    BIO_free(bio);

    return pkey;
}


static xc_rc_t
xc_key_check_rsa(const EVP_PKEY *pkey, const char **error)
{
    int      bits = EVP_PKEY_get_bits(pkey);
    bool     small;
    BIGNUM  *e = NULL;

    if (bits < XC_RSA_BITS_MIN || bits > XC_RSA_BITS_MAX) {
        return xc_key_fault(error, "an RSA key not of 2048 to 4096 bits");
    }

    small = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1
            || BN_num_bits(e) <= 16 || BN_num_bits(e) > 64;
    BN_free(e);

    return small ? xc_key_fault(error, "an RSA exponent under 65537 or over 64"
                                       " bits")
                 : XC_OK;
}


/* The file has a private key of some kind: is it of this one? */
static xc_rc_t
xc_key_check_private(xc_alg_t alg, const EVP_PKEY *pkey, const char **error)
{
    char                   group[32];
    bool                   known_type;
    const xc_alg_known_t  *known = &xc_alg_known[alg];

    known_type = EVP_PKEY_is_a(pkey, known->type) == 1
                 || (known->want.pss_salt != 0
                     && EVP_PKEY_is_a(pkey, "RSA-PSS") == 1);

    if (!known_type
        || (known->group != NULL
            && (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1
                || strcmp(group, known->group) != 0)))
    {
        return xc_key_fault(error, known->stranger);
    }

    return known->want.kind == XC_KEYTEXT_RSA ? xc_key_check_rsa(pkey, error)
                                              : XC_OK;
}


static xc_rc_t
xc_key_load_private(xc_arena_t *arena, xc_key_t *key, xc_str_t pem,
    const char **error)
{
    xc_rc_t  rc;

    key->pkey = xc_key_read_private(pem);
    if (key->pkey == NULL) {
        return xc_key_fault(error, "not an unencrypted private key in PEM");
    }

    rc = xc_key_check_private(key->alg, key->pkey, error);

    return rc != XC_OK ? rc : xc_key_prepare(arena, key, error);
}


xc_rc_t
xc_key_private(xc_arena_t *arena, xc_alg_t alg, xc_str_t pem,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    rc = xc_key_check_alg(alg, "the algorithm has no private key", error);
    if (rc != XC_OK) {
        return rc;
    }

    if (pem.len == 0 || pem.len > XC_KEYTEXT_MAX) {
        return xc_key_fault(error, "not 1 byte to 16 KiB of PEM");
    }

    rc = xc_key_new(arena, alg, true, &key);
    if (rc != XC_OK) {
        return rc;
    }

    ERR_set_mark();
    rc = xc_key_load_private(arena, key, pem, error);
    ERR_pop_to_mark();

    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}
