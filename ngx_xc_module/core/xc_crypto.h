/*
 * Signature keys, over OpenSSL 3; with xc_hash.h, which this includes, the
 * only units that take its headers.  The library's error queue is left as it
 * was found.  Everything is thread-safe after xc_crypto_init().
 */

#ifndef XC_CRYPTO_H
#define XC_CRYPTO_H

#include "xc_hash.h"

#define XC_SIGNATURE_MAX    1024        /* of any algorithm here, bytes */

/* Fetches the algorithms once a process, before any fork.  Idempotent, not
 * thread-safe.  XC_EINTERNAL. */
xc_rc_t xc_crypto_init(void) XC_WUR;

/* Signature algorithms by their RFC 9421 names (section 6.2.2).  Later ones
 * are appended. */
typedef enum {
    XC_ALG_NONE,
    XC_ALG_ED25519,                     /* "ed25519": RFC 8032, 64 bytes */
    XC_ALG_HMAC_SHA256,                 /* "hmac-sha256": 32 bytes */
    XC_ALG_COUNT
} xc_alg_t;

xc_alg_t xc_alg_by_name(xc_str_t name);     /* XC_ALG_NONE when unknown */
xc_str_t xc_alg_name(xc_alg_t alg);
bool xc_alg_is_symmetric(xc_alg_t alg);

typedef struct xc_key_s xc_key_t;           /* pinned to its algorithm */

/*
 * A public key: PEM (SubjectPublicKeyInfo), JWK (RFC 8037) or base64 of the
 * raw bytes.  XC_EINPUT: *error says what is wrong ("not an Ed25519 key").
 * The key lives as long as the arena.
 */
xc_rc_t xc_key_public(xc_arena_t *arena, xc_alg_t alg, xc_str_t text,
    const char **error, const xc_key_t **out) XC_WUR;

/* A shared secret: 32 to 1024 bytes as they are. */
xc_rc_t xc_key_secret(xc_arena_t *arena, xc_alg_t alg, xc_str_t bytes,
    const char **error, const xc_key_t **out) XC_WUR;

/* A private key in PEM (PKCS #8), for the tool and for checkpoints. */
xc_rc_t xc_key_private(xc_arena_t *arena, xc_alg_t alg, xc_str_t pem,
    const char **error, const xc_key_t **out) XC_WUR;

/* XC_OK; XC_DENIED: it does not verify (also of a wrong length);
 * XC_EINTERNAL.  MACs are compared in constant time. */
xc_rc_t xc_key_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
    XC_WUR;

/* sig holds XC_SIGNATURE_MAX bytes.  XC_EINPUT: a public key. */
xc_rc_t xc_key_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig,
    size_t *len) XC_WUR;

/* The 32 bytes of the public half of an Ed25519 key, public or private
 * (RFC 8032 5.1.5).  XC_EINPUT: another kind of key.  XC_EINTERNAL. */
xc_rc_t xc_key_public_raw(const xc_key_t *key, uint8_t out[32]) XC_WUR;

/*
 * A fresh key: PEM of the private key (or base64 of the 32-byte secret) and
 * the public half as the policy takes it (base64 raw; empty for a secret).
 */
xc_rc_t xc_key_generate(xc_arena_t *arena, xc_alg_t alg, xc_str_t *private_text,
    xc_str_t *public_text) XC_WUR;

#endif
