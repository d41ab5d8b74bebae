/*
 * Public keys as people write them down: PEM, JWK, base64.  Beneath
 * xc_crypto.h, which callers use; apart from it, because no crypto library is
 * needed.  What is decoded is a point of the right length or numbers in
 * bounds; whether the point lies on its curve is not known here.
 */

#ifndef XC_KEYTEXT_H
#define XC_KEYTEXT_H

#include "xc_arena.h"
#include "xc_json.h"

#define XC_KEYTEXT_MAX          16384       /* bytes of a key's text */
#define XC_ED25519_KEY_SIZE     32
#define XC_KEYTEXT_POINT_MAX    97          /* 04, x and y of P-384 */
#define XC_RSA_BITS_MIN         2048
#define XC_RSA_BITS_MAX         4096
#define XC_RSA_EXPONENT_MIN     65537       /* FIPS 186-5 5.4 */

typedef enum {
    XC_KEYTEXT_ED25519,
    XC_KEYTEXT_P256,
    XC_KEYTEXT_P384,
    XC_KEYTEXT_SM2,
    XC_KEYTEXT_RSA
} xc_keytext_kind_t;

/* What the algorithm that the key is for asks of its text. */
typedef struct {
    xc_keytext_kind_t  kind;
    const char        *jose[2];     /* a JWK's "alg" may be one of these */
    unsigned           pss_salt;    /* of RSASSA-PSS, bytes, and of its hash;
                                       0: keys bound to PSS are refused */
} xc_keytext_want_t;

typedef struct {
    uint8_t   point[XC_KEYTEXT_POINT_MAX];      /* Ed25519: 32 bytes; else 04,
                                                   x, y */
    size_t    point_len;
    uint8_t   n[XC_RSA_BITS_MAX / 8];           /* RSA, big-endian */
    size_t    n_len;
    uint64_t  e;
} xc_keytext_t;

/*
 * The key in a text: PEM of a SubjectPublicKeyInfo (RFC 5280, 8410, 5480,
 * 4055) or, of RSA, PKCS #1; a JWK; base64, of either alphabet, padded or not,
 * of the raw bytes or of a SubjectPublicKeyInfo.  White space around it is
 * dropped.  XC_EINPUT: *error says what is wrong: another kind of key, a
 * private one, numbers out of bounds, an Ed25519 point of small order.
 * XC_ENOMEM.  A JWK is parsed in the arena.  Thread-safe; about 1 us, a JWK
 * more.
 */
xc_rc_t xc_keytext_read(xc_arena_t *arena, const xc_keytext_want_t *want,
    xc_str_t text, const char **error, xc_keytext_t *out) XC_WUR;

/* A JWK (RFC 7517, RFC 7518 6, RFC 8037 2) that is parsed already. */
xc_rc_t xc_keytext_jwk(const xc_keytext_want_t *want, const xc_json_t *jwk,
    const char **error, xc_keytext_t *out) XC_WUR;

#endif
