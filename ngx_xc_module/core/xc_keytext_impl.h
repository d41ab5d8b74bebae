/* How texts of keys are read; private to xc_keytext*.c. */

#ifndef XC_KEYTEXT_IMPL_H
#define XC_KEYTEXT_IMPL_H

#include "xc_keytext.h"

/* An OID of PKCS #1 (RFC 8017 appendix C) but for its last octet. */
#define XC_KEYTEXT_PKCS1_HEAD   "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"

/* What is known of a kind of key. */
typedef struct {
    const char  *stranger;          /* "not a P-256 key" */
    xc_str_t     algorithm;         /* the content of its AlgorithmIdentifier */
    size_t       size;              /* of a coordinate, bytes; of RSA 0 */
    const char  *kty, *crv;         /* of its JWK; NULL: none */
} xc_keytext_known_t;

extern const xc_keytext_known_t  xc_keytext_known[];

/* XC_EINPUT with what is wrong; with "not a P-256 key". */
xc_rc_t xc_keytext_fault(const char **error, const char *what) XC_WUR;
xc_rc_t xc_keytext_stranger(const xc_keytext_want_t *want, const char **error)
    XC_WUR;

/* A raw point: an Ed25519 key, or an uncompressed point (SEC 1 2.3.3). */
xc_rc_t xc_keytext_set_point(const xc_keytext_want_t *want,
    const uint8_t *bytes, size_t len, const char **error, xc_keytext_t *out)
    XC_WUR;

/* Big-endian numbers without leading zeros. */
xc_rc_t xc_keytext_set_rsa(xc_str_t n, xc_str_t e, const char **error,
    xc_keytext_t *out) XC_WUR;

/* xc_keytext_der.c: RSAPublicKey, SubjectPublicKeyInfo. */
xc_rc_t xc_keytext_pkcs1(const xc_keytext_want_t *want, xc_str_t der,
    const char **error, xc_keytext_t *out) XC_WUR;
xc_rc_t xc_keytext_spki(const xc_keytext_want_t *want, xc_str_t der,
    const char **error, xc_keytext_t *out) XC_WUR;

#endif
