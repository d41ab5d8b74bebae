/* Content-Digest, RFC 9530: sha-256 and sha-512. */

#ifndef XC_DIGEST_H
#define XC_DIGEST_H

#include "xc_crypto.h"
#include "xc_sfv.h"

typedef struct {
    bool     has[2];                        /* by xc_hash_alg_t */
    uint8_t  value[2][XC_HASH_MAX];
} xc_digest_t;

/*
 * Parses the joined field.  Algorithms other than sha-256 and sha-512 are
 * ignored, but at least one of the two must be there.  XC_EINPUT: grammar, a
 * value of another type or length, a repeated key, none of ours.  XC_ENOMEM.
 */
xc_rc_t xc_digest_parse(xc_arena_t *arena, xc_str_t field, xc_digest_t *out)
    XC_WUR;

/* XC_OK: each one present equals the hash of body (compared in constant
 * time); XC_DENIED; XC_EINTERNAL. */
xc_rc_t xc_digest_check(const xc_digest_t *digest, xc_str_t body) XC_WUR;

#endif
