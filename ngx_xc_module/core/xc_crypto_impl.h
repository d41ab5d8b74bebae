/* A key's inside; private to xc_crypto*.c. */

#ifndef XC_CRYPTO_IMPL_H
#define XC_CRYPTO_IMPL_H

#include "xc_crypto.h"
#include "xc_keytext.h"

#include <openssl/evp.h>

struct xc_key_s {
    xc_alg_t         alg;
    bool             can_sign;
    EVP_PKEY        *pkey;          /* NULL in a secret */
    EVP_PKEY_CTX    *verify;        /* ready; a signature takes a copy of it.
                                       NULL: Ed25519, a secret */
    const xc_mac_t  *mac;           /* of a secret; the arena frees it */
    const uint8_t   *z;             /* of SM2: what its data is preceded by */
};

/* What is known of an algorithm. */
typedef struct {
    xc_str_t           name;
    const char        *type, *group;        /* as OpenSSL calls them */
    const char        *md;                  /* NULL: it hashes by itself */
    size_t             half;                /* bytes of r and of s; 0: RSA */
    const char        *stranger;            /* a private key of another kind */
    xc_keytext_want_t  want;                /* of a public key's text */
} xc_alg_known_t;

#define XC_ALG_ALL          (XC_ALG_PS256 + 1)

extern const xc_alg_known_t  xc_alg_known[XC_ALG_ALL];

/* The algorithm's hash, fetched once; NULL: none, or not in this library. */
const EVP_MD *xc_crypto_md(xc_alg_t alg);

/* A context of the key that is set up to sign or to verify; NULL: it can't. */
EVP_PKEY_CTX *xc_crypto_context(xc_alg_t alg, EVP_PKEY *pkey, bool sign);

/* The coordinates of a public key on a curve, 1 + 2 * half bytes. */
bool xc_crypto_point(const EVP_PKEY *pkey, size_t half, uint8_t *point);

/*
 * Z = SM3(bits of id, id, a, b, x_G, y_G, x, y): GB/T 32918.2 5.5.  It depends
 * on the key alone, so that no signature has to wait for it.
 */
bool xc_crypto_sm2_z(const EVP_PKEY *pkey, xc_str_t id,
    uint8_t z[XC_SHA256_SIZE]);

/*
 * Does Edwards25519 have a point of that y?  For half of all it has none, and
 * a key of such a one never verifies anything: the library does not look when
 * it takes the key.  1; 0; -1: memory is short.  Some 15 us.
 */
int xc_crypto_has_point(const uint8_t raw[XC_ED25519_KEY_SIZE]);

#endif
