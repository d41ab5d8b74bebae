/*
 * Signature keys, over OpenSSL 3; with xc_hash.h, which this includes, the
 * only units that take its headers.  The library's error queue is left as it
 * was found.  Everything is thread-safe after xc_crypto_init().
 */

#ifndef XC_CRYPTO_H
#define XC_CRYPTO_H

#include "xc_hash.h"
#include "xc_json.h"

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
    XC_ALG_ECDSA_P256,                  /* "ecdsa-p256-sha256": r || s, 64 */
    XC_ALG_ECDSA_P384,                  /* "ecdsa-p384-sha384": r || s, 96 */
    XC_ALG_RSA_PSS_SHA512,              /* "rsa-pss-sha512": salt of 64 */
    XC_ALG_RSA_V15_SHA256,              /* "rsa-v1_5-sha256" */
    XC_ALG_SM2_SM3,                     /* "sm2-sm3": GB/T 32918, r || s, 64 */
    XC_ALG_COUNT,                       /* of those with such a name */
    XC_ALG_PS256 = XC_ALG_COUNT         /* JOSE's alone: PSS, salt of 32 */
} xc_alg_t;

xc_alg_t xc_alg_by_name(xc_str_t name);     /* XC_ALG_NONE when unknown */

/* JOSE's names (RFC 7518, RFC 8037, RFC 9864) of signatures: EdDSA, Ed25519,
 * ES256, ES384, PS256, RS256; of all else, "none" and HS* too, XC_ALG_NONE. */
xc_alg_t xc_alg_by_jose(xc_str_t name);

xc_str_t xc_alg_name(xc_alg_t alg);         /* of XC_ALG_PS256 "PS256" */
bool xc_alg_is_symmetric(xc_alg_t alg);

typedef struct xc_key_s xc_key_t;           /* pinned to its algorithm */

/*
 * A public key: PEM (SubjectPublicKeyInfo, PKCS #1), JWK (RFC 7517, 7518,
 * 8037) or base64 of the raw bytes (the point, uncompressed where it has two
 * coordinates) or of a SubjectPublicKeyInfo.  XC_EINPUT: *error says what is
 * wrong ("not an Ed25519 key").  The key lives as long as the arena.
 */
xc_rc_t xc_key_public(xc_arena_t *arena, xc_alg_t alg, xc_str_t text,
    const char **error, const xc_key_t **out) XC_WUR;

/* The same of a JWK that is parsed already, one of a set say.  Its "alg",
 * "use" and "key_ops" must not contradict; its "kid" is not looked at. */
xc_rc_t xc_key_jwk(xc_arena_t *arena, xc_alg_t alg, const xc_json_t *jwk,
    const char **error, const xc_key_t **out) XC_WUR;

/*
 * An SM2 key, public or private, under another distinguishing identifier than
 * the usual 1234567812345678: 1 to XC_SM2_ID_MAX bytes.
 */
#define XC_SM2_ID_MAX       128
xc_rc_t xc_key_sm2_id(xc_arena_t *arena, const xc_key_t *key, xc_str_t id,
    const char **error, const xc_key_t **out) XC_WUR;

/* A shared secret: 32 to 1024 bytes as they are. */
xc_rc_t xc_key_secret(xc_arena_t *arena, xc_alg_t alg, xc_str_t bytes,
    const char **error, const xc_key_t **out) XC_WUR;

/* A private key in PEM (PKCS #8, PKCS #1, SEC 1), for the tool and for
 * checkpoints. */
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
 * the public half as the policy takes it (base64 of the raw bytes, of RSA of
 * its SubjectPublicKeyInfo; empty for a secret).  RSA is of 3,072 bits.
 */
xc_rc_t xc_key_generate(xc_arena_t *arena, xc_alg_t alg, xc_str_t *private_text,
    xc_str_t *public_text) XC_WUR;

#endif
