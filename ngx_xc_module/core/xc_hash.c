#include "xc_hash.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define XC_MAC_BLOCK_SIZE   64      /* of SHA-256: RFC 2104 2 */


/* Written by xc_hash_init() only; for the life of the process. */
static EVP_MD  *xc_hash_md[2];


struct xc_hash_s {
    EVP_MD_CTX  *ctx;
};

/* SHA-256 fed with the padded key, ready to be copied, so that a MAC costs no
 * set-up. */
struct xc_mac_s {
    EVP_MD_CTX  *inner, *outer;
};


xc_rc_t
xc_hash_init(void)
{
    if (xc_hash_md[XC_HASH_SHA512] != NULL) {
        return XC_OK;
    }

    ERR_set_mark();

    if (xc_hash_md[XC_HASH_SHA256] == NULL) {
        xc_hash_md[XC_HASH_SHA256] = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    }

    if (xc_hash_md[XC_HASH_SHA256] != NULL) {
        xc_hash_md[XC_HASH_SHA512] = EVP_MD_fetch(NULL, "SHA2-512", NULL);
    }

    ERR_pop_to_mark();

    return xc_hash_md[XC_HASH_SHA512] != NULL ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash(xc_hash_alg_t alg, const void *data, size_t len, uint8_t *out)
{
    int  ok;

    if (xc_hash_md[alg] == NULL) {
        return XC_EINTERNAL;
    }

    ERR_set_mark();
    ok = EVP_Digest(data, len, out, NULL, xc_hash_md[alg], NULL);
    ERR_pop_to_mark();

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


static EVP_MD_CTX *
xc_hash_begin(xc_hash_alg_t alg)
{
    EVP_MD_CTX  *ctx;

    if (xc_hash_md[alg] == NULL) {
        return NULL;
    }

    ctx = EVP_MD_CTX_new();

    if (ctx != NULL && EVP_DigestInit_ex2(ctx, xc_hash_md[alg], NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


static void
xc_hash_free(void *data)
{
    EVP_MD_CTX_free(data);
}


xc_rc_t
xc_hash_new(xc_arena_t *arena, xc_hash_alg_t alg, xc_hash_t **out)
{
    xc_rc_t     rc;
    xc_hash_t  *hash;

    hash = xc_arena_alloc(arena, sizeof(xc_hash_t));
    if (hash == NULL) {
        return XC_ENOMEM;
    }

    ERR_set_mark();
    hash->ctx = xc_hash_begin(alg);
    ERR_pop_to_mark();

    if (hash->ctx == NULL) {
        return XC_EINTERNAL;
    }

    rc = xc_arena_defer(arena, xc_hash_free, hash->ctx);
    if (rc == XC_OK) {
        *out = hash;
    }

    return rc;
}


xc_rc_t
xc_hash_update(xc_hash_t *hash, const void *data, size_t len)
{
    int  ok;

    ERR_set_mark();
    ok = EVP_DigestUpdate(hash->ctx, data, len);
    ERR_pop_to_mark();

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash_final(xc_hash_t *hash, uint8_t *out)
{
    int  ok;

    ERR_set_mark();
    ok = EVP_DigestFinal_ex(hash->ctx, out, NULL);
    ERR_pop_to_mark();

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash_leaf(const void *data, size_t len, uint8_t out[XC_SHA256_SIZE])
{
    int          ok;
    EVP_MD_CTX  *ctx;

    ERR_set_mark();

    ctx = xc_hash_begin(XC_HASH_SHA256);
    ok = ctx != NULL
         && EVP_DigestUpdate(ctx, "", 1) == 1       /* the octet 0x00 */
         && EVP_DigestUpdate(ctx, data, len) == 1
         && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);

    ERR_pop_to_mark();

    return ok ? XC_OK : XC_EINTERNAL;
}


static void
xc_mac_free(void *data)
{
    xc_mac_t  *mac = data;

    EVP_MD_CTX_free(mac->inner);
    EVP_MD_CTX_free(mac->outer);
}


/* SHA-256 fed with the key, padded with zeros, XORed with pad: RFC 2104 2 */
static EVP_MD_CTX *
xc_mac_half(const uint8_t block[XC_MAC_BLOCK_SIZE], uint8_t pad)
{
    size_t       i;
    uint8_t      padded[XC_MAC_BLOCK_SIZE];
    EVP_MD_CTX  *ctx;

    for (i = 0; i < sizeof(padded); i++) {
        padded[i] = block[i] ^ pad;
    }

    ctx = xc_hash_begin(XC_HASH_SHA256);

    if (ctx != NULL && EVP_DigestUpdate(ctx, padded, sizeof(padded)) != 1) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }

    OPENSSL_cleanse(padded, sizeof(padded));

    return ctx;
}


static xc_rc_t
xc_mac_prepare(xc_mac_t *mac, xc_str_t key)
{
    xc_rc_t  rc = XC_OK;
    uint8_t  block[XC_MAC_BLOCK_SIZE] = { 0 };

    if (key.len > sizeof(block)) {
        rc = xc_hash(XC_HASH_SHA256, key.data, key.len, block);

    } else {
        memcpy(block, key.data, key.len);
    }

    if (rc == XC_OK) {
        ERR_set_mark();
        mac->inner = xc_mac_half(block, 0x36);
        mac->outer = xc_mac_half(block, 0x5c);
        ERR_pop_to_mark();

        rc = mac->inner != NULL && mac->outer != NULL ? XC_OK : XC_EINTERNAL;
    }

    OPENSSL_cleanse(block, sizeof(block));

    return rc;
}


xc_rc_t
xc_mac_new(xc_arena_t *arena, xc_str_t key, const xc_mac_t **out)
{
    xc_rc_t    rc;
    xc_mac_t  *mac;

    mac = xc_arena_array(arena, 1, sizeof(xc_mac_t));
    if (mac == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_arena_defer(arena, xc_mac_free, mac);

    if (rc == XC_OK) {
        rc = xc_mac_prepare(mac, key);
    }

    if (rc == XC_OK) {
        *out = mac;
    }

    return rc;
}


xc_rc_t
xc_mac_compute(const xc_mac_t *mac, xc_str_t data, uint8_t out[XC_SHA256_SIZE])
{
    bool         ok;
    uint8_t      hash[XC_SHA256_SIZE];
    EVP_MD_CTX  *ctx;

    ERR_set_mark();

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_MD_CTX_copy_ex(ctx, mac->inner) == 1
         && EVP_DigestUpdate(ctx, data.data, data.len) == 1
         && EVP_DigestFinal_ex(ctx, hash, NULL) == 1
         && EVP_MD_CTX_copy_ex(ctx, mac->outer) == 1
         && EVP_DigestUpdate(ctx, hash, sizeof(hash)) == 1
         && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    ERR_pop_to_mark();

    return ok ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_random(void *buf, size_t len)
{
    int  ok;

    if (len > INT_MAX) {
        return XC_EINTERNAL;
    }

    ERR_set_mark();
    ok = RAND_bytes(buf, (int) len);
    ERR_pop_to_mark();

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


bool
xc_equal_ct(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
