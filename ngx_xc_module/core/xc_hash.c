/* SHA256_*(), deprecated in OpenSSL 3.0: see xc_sha256(). */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "xc_hash.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#define XC_MAC_BLOCK_SIZE   64      /* of SHA-256: RFC 2104 2 */


/* Written by xc_hash_init() only; for the life of the process. */
static EVP_MD  *xc_hash_md[2];


struct xc_hash_s {
    xc_hash_alg_t   alg;

    union {
        SHA256_CTX  sha256;
        SHA512_CTX  sha512;
    } ctx;
};

/* SHA-256 fed with the padded key, ready to be copied, so that a MAC costs no
 * set-up. */
struct xc_mac_s {
    SHA256_CTX  inner, outer;
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


/*
 * Not through EVP, which takes 0.1 us more for each hash of a few hundred bytes
 * (0.06 even with a context kept for reuse) and 0.2 for a MAC: a request has up
 * to seven.  These allocate nothing and can't fail.
 */
static void
xc_sha256(const void *data, size_t len, uint8_t out[XC_SHA256_SIZE])
{
    SHA256_CTX  ctx;

    (void) SHA256_Init(&ctx);
    (void) SHA256_Update(&ctx, data, len);
    (void) SHA256_Final(out, &ctx);
}


xc_rc_t
xc_hash(xc_hash_alg_t alg, const void *data, size_t len, uint8_t *out)
{
    int  ok;

    if (xc_hash_md[alg] == NULL) {
        return XC_EINTERNAL;
    }

    if (alg == XC_HASH_SHA256) {
        xc_sha256(data, len, out);
        return XC_OK;
    }

    ERR_set_mark();
    ok = EVP_Digest(data, len, out, NULL, xc_hash_md[alg], NULL);
    ERR_pop_to_mark();

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash_new(xc_arena_t *arena, xc_hash_alg_t alg, xc_hash_t **out)
{
    xc_hash_t  *hash;

    if (xc_hash_md[alg] == NULL) {
        return XC_EINTERNAL;
    }

    hash = xc_arena_alloc(arena, sizeof(xc_hash_t));
    if (hash == NULL) {
        return XC_ENOMEM;
    }

    hash->alg = alg;

    if (alg == XC_HASH_SHA256) {
        (void) SHA256_Init(&hash->ctx.sha256);

    } else {
        (void) SHA512_Init(&hash->ctx.sha512);
    }

    *out = hash;

    return XC_OK;
}


xc_rc_t
xc_hash_update(xc_hash_t *hash, const void *data, size_t len)
{
    int  ok;

    ok = hash->alg == XC_HASH_SHA256
         ? SHA256_Update(&hash->ctx.sha256, data, len)
         : SHA512_Update(&hash->ctx.sha512, data, len);

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash_final(xc_hash_t *hash, uint8_t *out)
{
    int  ok;

    ok = hash->alg == XC_HASH_SHA256
         ? SHA256_Final(out, &hash->ctx.sha256)
         : SHA512_Final(out, &hash->ctx.sha512);

    return ok == 1 ? XC_OK : XC_EINTERNAL;
}


xc_rc_t
xc_hash_leaf(const void *data, size_t len, uint8_t out[XC_SHA256_SIZE])
{
    SHA256_CTX  ctx;

    (void) SHA256_Init(&ctx);
    (void) SHA256_Update(&ctx, "", 1);          /* the octet 0x00 */
    (void) SHA256_Update(&ctx, data, len);
    (void) SHA256_Final(out, &ctx);

    return XC_OK;
}


static void
xc_mac_free(void *data)
{
    OPENSSL_cleanse(data, sizeof(xc_mac_t));
}


/* SHA-256 fed with the key, padded with zeros, XORed with pad: RFC 2104 2 */
static void
xc_mac_half(const uint8_t block[XC_MAC_BLOCK_SIZE], uint8_t pad,
    SHA256_CTX *half)
{
    size_t   i;
    uint8_t  padded[XC_MAC_BLOCK_SIZE];

    for (i = 0; i < sizeof(padded); i++) {
        padded[i] = block[i] ^ pad;
    }

    (void) SHA256_Init(half);
    (void) SHA256_Update(half, padded, sizeof(padded));
    OPENSSL_cleanse(padded, sizeof(padded));
}


static void
xc_mac_prepare(xc_mac_t *mac, xc_str_t key)
{
    uint8_t  block[XC_MAC_BLOCK_SIZE] = { 0 };

    if (key.len > sizeof(block)) {
        xc_sha256(key.data, key.len, block);

    } else {
        memcpy(block, key.data, key.len);
    }

    xc_mac_half(block, 0x36, &mac->inner);
    xc_mac_half(block, 0x5c, &mac->outer);
    OPENSSL_cleanse(block, sizeof(block));
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
        xc_mac_prepare(mac, key);
        *out = mac;
    }

    return rc;
}


xc_rc_t
xc_mac_compute(const xc_mac_t *mac, xc_str_t data, uint8_t out[XC_SHA256_SIZE])
{
    uint8_t     hash[XC_SHA256_SIZE];
    SHA256_CTX  ctx;

    ctx = mac->inner;
    (void) SHA256_Update(&ctx, data.data, data.len);
    (void) SHA256_Final(hash, &ctx);

    ctx = mac->outer;
    (void) SHA256_Update(&ctx, hash, sizeof(hash));
    (void) SHA256_Final(out, &ctx);

    return XC_OK;
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
