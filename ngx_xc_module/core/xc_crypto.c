#include "xc_crypto_impl.h"

#include "xc_der.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#define XC_ED25519_SIG_SIZE     64
#define XC_CRYPTO_MD_MAX        64


const xc_alg_known_t  xc_alg_known[XC_ALG_ALL] = {
    [XC_ALG_NONE] = {
        { "", 0 }, NULL, NULL, NULL, 0, NULL, { 0 }
    },
    [XC_ALG_ED25519] = {
        { "ed25519", 7 }, "ED25519", NULL, NULL, 0, "not an Ed25519 key",
        { XC_KEYTEXT_ED25519, { "EdDSA", "Ed25519" }, 0 }
    },
    [XC_ALG_HMAC_SHA256] = {
        { "hmac-sha256", 11 }, NULL, NULL, NULL, 0, NULL, { 0 }
    },
    [XC_ALG_ECDSA_P256] = {
        { "ecdsa-p256-sha256", 17 }, "EC", "prime256v1", "SHA2-256", 32,
        "not a P-256 key", { XC_KEYTEXT_P256, { "ES256" }, 0 }
    },
    [XC_ALG_ECDSA_P384] = {
        { "ecdsa-p384-sha384", 17 }, "EC", "secp384r1", "SHA2-384", 48,
        "not a P-384 key", { XC_KEYTEXT_P384, { "ES384" }, 0 }
    },
    [XC_ALG_RSA_PSS_SHA512] = {
        { "rsa-pss-sha512", 14 }, "RSA", NULL, "SHA2-512", 0,
        "not an RSA key", { XC_KEYTEXT_RSA, { "PS512" }, 64 }
    },
    [XC_ALG_RSA_V15_SHA256] = {
        { "rsa-v1_5-sha256", 15 }, "RSA", NULL, "SHA2-256", 0,
        "not an RSA key", { XC_KEYTEXT_RSA, { "RS256" }, 0 }
    },
    [XC_ALG_SM2_SM3] = {
        { "sm2-sm3", 7 }, "SM2", "SM2", "SM3", 32, "not an SM2 key",
        { XC_KEYTEXT_SM2, { NULL }, 0 }
    },
    [XC_ALG_PS256] = {
        { "PS256", 5 }, "RSA", NULL, "SHA2-256", 0, "not an RSA key",
        { XC_KEYTEXT_RSA, { "PS256" }, 32 }
    }
};

/* Written by xc_crypto_init() only; for the life of the process. */
static EVP_MD  *xc_crypto_mds[XC_ALG_ALL];


xc_rc_t
xc_crypto_init(void)
{
    size_t   i;
    xc_rc_t  rc = xc_hash_init();

    ERR_set_mark();

    for (i = 0; i < XC_ALG_ALL; i++) {
        if (xc_alg_known[i].md == NULL || xc_crypto_mds[i] != NULL) {
            continue;
        }

        xc_crypto_mds[i] = EVP_MD_fetch(NULL, xc_alg_known[i].md, NULL);

        /* Some distributions leave the Chinese algorithms out: then there are
         * no keys of them, as xc_crypto_key.c sees. */
        if (xc_crypto_mds[i] == NULL && i != XC_ALG_SM2_SM3) {
            rc = XC_EINTERNAL;
        }
    }

    ERR_pop_to_mark();

    return rc;
}


xc_alg_t
xc_alg_by_name(xc_str_t name)
{
    size_t  i;

    for (i = 1; i < XC_ALG_COUNT; i++) {
        if (xc_str_eq(name, xc_alg_known[i].name)) {
            return (xc_alg_t) i;
        }
    }

    return XC_ALG_NONE;
}


xc_alg_t
xc_alg_by_jose(xc_str_t name)
{
    size_t  i;

    static const struct {
        xc_str_t  name;
        xc_alg_t  alg;
    } jose[] = {
        { { "EdDSA", 5 }, XC_ALG_ED25519 },     /* RFC 8037 3.1 */
        { { "Ed25519", 7 }, XC_ALG_ED25519 },   /* RFC 9864 2.2 */
        { { "ES256", 5 }, XC_ALG_ECDSA_P256 },
        { { "ES384", 5 }, XC_ALG_ECDSA_P384 },
        { { "PS256", 5 }, XC_ALG_PS256 },
        { { "RS256", 5 }, XC_ALG_RSA_V15_SHA256 }
    };

    for (i = 0; i < XC_COUNT(jose); i++) {
        if (xc_str_eq(name, jose[i].name)) {
            return jose[i].alg;
        }
    }

    return XC_ALG_NONE;
}


xc_str_t
xc_alg_name(xc_alg_t alg)
{
    return xc_alg_known[alg].name;
}


bool
xc_alg_is_symmetric(xc_alg_t alg)
{
    return alg == XC_ALG_HMAC_SHA256;
}


const EVP_MD *
xc_crypto_md(xc_alg_t alg)
{
    return xc_crypto_mds[alg];
}


/* RFC 9421 3.3.1: MGF1 with the same hash and a salt of its size. */
EVP_PKEY_CTX *
xc_crypto_context(xc_alg_t alg, EVP_PKEY *pkey, bool sign)
{
    int            salt = (int) xc_alg_known[alg].want.pss_salt;
    char          *md = (char *) xc_alg_known[alg].md;
    OSSL_PARAM     params[5], *p = params;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL) {
        return NULL;
    }

    if (xc_alg_known[alg].half == 0) {
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                                md, 0);
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                                salt != 0 ? (char *) "pss"
                                                          : (char *) "pkcs1",
                                                0);
        if (salt != 0) {
            *p++ = OSSL_PARAM_construct_utf8_string(
                       OSSL_SIGNATURE_PARAM_MGF1_DIGEST, md, 0);
            *p++ = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
                                            &salt);
        }
    }

    *p = OSSL_PARAM_construct_end();

    if ((sign ? EVP_PKEY_sign_init_ex(ctx, params)
              : EVP_PKEY_verify_init_ex(ctx, params)) != 1)
    {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* What is signed; of SM2, Z and the data: GB/T 32918.2 6.1 */
static bool
xc_crypto_digest(const xc_key_t *key, xc_str_t data,
    uint8_t digest[XC_CRYPTO_MD_MAX], unsigned *len)
{
    bool         ok;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestInit_ex2(ctx, xc_crypto_mds[key->alg], NULL) == 1
         && (key->z == NULL
             || EVP_DigestUpdate(ctx, key->z, XC_SHA256_SIZE) == 1)
         && EVP_DigestUpdate(ctx, data.data, data.len) == 1
         && EVP_DigestFinal_ex(ctx, digest, len) == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


static xc_rc_t
xc_hmac_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t  rc;
    uint8_t  mac[XC_SHA256_SIZE];

    if (signature.len != sizeof(mac)) {
        return XC_DENIED;
    }

    rc = xc_mac_compute(key->mac, data, mac);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_equal_ct(mac, signature.data, sizeof(mac)) ? XC_OK : XC_DENIED;
}


static xc_rc_t
xc_ed25519_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t      rc = XC_EINTERNAL;
    EVP_MD_CTX  *ctx;

    if (signature.len != XC_ED25519_SIG_SIZE) {
        return XC_DENIED;
    }

    ctx = EVP_MD_CTX_new();

    if (ctx != NULL
        && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey,
                                   NULL) == 1)
    {
        rc = EVP_DigestVerify(ctx, (const uint8_t *) signature.data,
                              signature.len, (const uint8_t *) data.data,
                              data.len) == 1
             ? XC_OK : XC_DENIED;
    }

    EVP_MD_CTX_free(ctx);

    return rc;
}


/* Bytes of every signature by the key. */
static size_t
xc_crypto_sig_size(const xc_key_t *key)
{
    size_t  half = xc_alg_known[key->alg].half;

    return half != 0 ? 2 * half : (size_t) EVP_PKEY_get_size(key->pkey);
}


/* RSA, and with r and s, of which the library checks the bounds. */
static xc_rc_t
xc_digest_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    size_t          half = xc_alg_known[key->alg].half;
    size_t          size = signature.len;
    uint8_t         digest[XC_CRYPTO_MD_MAX], der[XC_DER_SIG_MAX];
    xc_rc_t         rc;
    unsigned        len;
    const uint8_t  *sig = (const uint8_t *) signature.data;
    EVP_PKEY_CTX   *ctx;

    if (size != xc_crypto_sig_size(key)) {
        return XC_DENIED;
    }

    if (half != 0) {
        size = xc_der_sig_write(der, sig, half);
        sig = der;
    }

    if (!xc_crypto_digest(key, data, digest, &len)) {
        return XC_EINTERNAL;
    }

    /* 0.1 us, where a new one takes 2, of RSA 4. */
    ctx = EVP_PKEY_CTX_dup(key->verify);
    if (ctx == NULL) {
        return XC_EINTERNAL;
    }

    rc = EVP_PKEY_verify(ctx, sig, size, digest, len) == 1 ? XC_OK : XC_DENIED;
    EVP_PKEY_CTX_free(ctx);

    return rc;
}


xc_rc_t
xc_key_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t  rc;

    ERR_set_mark();

    rc = key->mac != NULL ? xc_hmac_verify(key, data, signature)
         : key->verify == NULL ? xc_ed25519_verify(key, data, signature)
         : xc_digest_verify(key, data, signature);

    ERR_pop_to_mark();

    return rc;
}


static xc_rc_t
xc_ed25519_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig, size_t *len)
{
    bool         ok;
    size_t       n = XC_SIGNATURE_MAX;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL)
            == 1
         && EVP_DigestSign(ctx, sig, &n, (const uint8_t *) data.data, data.len)
            == 1;

    EVP_MD_CTX_free(ctx);

    if (!ok) {
        return XC_EINTERNAL;
    }

    *len = n;

    return XC_OK;
}


static xc_rc_t
xc_digest_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig, size_t *len)
{
    bool           ok;
    size_t         half = xc_alg_known[key->alg].half, n = XC_SIGNATURE_MAX;
    uint8_t        digest[XC_CRYPTO_MD_MAX], out[XC_SIGNATURE_MAX];
    unsigned       digest_len;
    EVP_PKEY_CTX  *ctx;

    ctx = xc_crypto_context(key->alg, key->pkey, true);

    ok = ctx != NULL && xc_crypto_digest(key, data, digest, &digest_len)
         && EVP_PKEY_sign(ctx, out, &n, digest, digest_len) == 1;

    EVP_PKEY_CTX_free(ctx);

    if (!ok) {
        return XC_EINTERNAL;
    }

    if (half == 0) {
        memcpy(sig, out, n);

    } else if (!xc_der_sig_read((xc_str_t) { (char *) out, n }, sig, half)) {
        return XC_EINTERNAL;
    }

    *len = xc_crypto_sig_size(key);

    return XC_OK;
}


xc_rc_t
xc_key_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig, size_t *len)
{
    xc_rc_t  rc;

    if (!key->can_sign) {
        return XC_EINPUT;
    }

    if (key->mac != NULL) {
        rc = xc_mac_compute(key->mac, data, sig);
        if (rc == XC_OK) {
            *len = XC_SHA256_SIZE;
        }

        return rc;
    }

    ERR_set_mark();
    rc = key->verify == NULL ? xc_ed25519_sign(key, data, sig, len)
                             : xc_digest_sign(key, data, sig, len);
    ERR_pop_to_mark();

    return rc;
}


xc_rc_t
xc_key_public_raw(const xc_key_t *key, uint8_t out[32])
{
    int      ok;
    size_t   n = XC_ED25519_KEY_SIZE;
    uint8_t  raw[XC_ED25519_KEY_SIZE];

    if (key->alg != XC_ALG_ED25519) {
        return XC_EINPUT;
    }

    ERR_set_mark();
    ok = EVP_PKEY_get_raw_public_key(key->pkey, raw, &n);
    ERR_pop_to_mark();

    if (ok != 1 || n != sizeof(raw)) {
        return XC_EINTERNAL;
    }

    memcpy(out, raw, sizeof(raw));

    return XC_OK;
}
