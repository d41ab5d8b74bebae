/*
 * Hashes, MACs, randomness, over OpenSSL 3.  The library's error queue is left
 * as it was found.  Everything is thread-safe after xc_crypto_init().
 */

#ifndef XC_HASH_H
#define XC_HASH_H

#include "xc_arena.h"

#define XC_SHA256_SIZE      32
#define XC_SHA512_SIZE      64
#define XC_HASH_MAX         64

/* xc_crypto_init() calls it. */
xc_rc_t xc_hash_init(void) XC_WUR;

typedef enum {
    XC_HASH_SHA256,
    XC_HASH_SHA512
} xc_hash_alg_t;

/* One shot: out holds XC_SHA256_SIZE or XC_SHA512_SIZE bytes.  XC_EINTERNAL. */
xc_rc_t xc_hash(xc_hash_alg_t alg, const void *data, size_t len, uint8_t *out)
    XC_WUR;

/* In pieces.  The context lives in the arena; final may be called once. */
typedef struct xc_hash_s xc_hash_t;
xc_rc_t xc_hash_new(xc_arena_t *arena, xc_hash_alg_t alg, xc_hash_t **out)
    XC_WUR;
xc_rc_t xc_hash_update(xc_hash_t *hash, const void *data, size_t len) XC_WUR;
xc_rc_t xc_hash_final(xc_hash_t *hash, uint8_t *out) XC_WUR;

/* The leaf hash of RFC 6962 2.1: SHA-256(0x00 || data). */
xc_rc_t xc_hash_leaf(const void *data, size_t len, uint8_t out[XC_SHA256_SIZE])
    XC_WUR;

/*
 * HMAC-SHA256 (RFC 2104) under a key of any length, set up once: a MAC of a
 * short text then takes about 0.1 us.  The key lives as long as the arena.
 * XC_ENOMEM, XC_EINTERNAL.
 */
typedef struct xc_mac_s xc_mac_t;
xc_rc_t xc_mac_new(xc_arena_t *arena, xc_str_t key, const xc_mac_t **out)
    XC_WUR;
xc_rc_t xc_mac_compute(const xc_mac_t *mac, xc_str_t data,
    uint8_t out[XC_SHA256_SIZE]) XC_WUR;

xc_rc_t xc_random(void *buf, size_t len) XC_WUR;

/* Constant time in n. */
bool xc_equal_ct(const void *a, const void *b, size_t n);

#endif
