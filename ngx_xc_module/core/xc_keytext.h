/*
 * Public keys as people write them down: PEM, JWK, base64.  Beneath
 * xc_crypto.h, which callers use; apart from it, because no crypto library is
 * needed.
 */

#ifndef XC_KEYTEXT_H
#define XC_KEYTEXT_H

#include "xc_arena.h"

#define XC_KEYTEXT_MAX          16384       /* bytes of a key's text */
#define XC_ED25519_KEY_SIZE     32

/*
 * An Ed25519 public key: SubjectPublicKeyInfo in PEM (RFC 8410), a JWK of type
 * OKP (RFC 8037), or base64 of the 32 bytes, of either alphabet, padded or
 * not; white space around it is dropped.  XC_EINPUT: *error says what is wrong:
 * another kind of key, a private one, a point of small order.  XC_ENOMEM.
 * A JWK is parsed in the arena.  Thread-safe; about 1 us, a JWK more.
 */
xc_rc_t xc_keytext_ed25519(xc_arena_t *arena, xc_str_t text,
    const char **error, uint8_t out[XC_ED25519_KEY_SIZE]) XC_WUR;

#endif
