/* The replay store: a nonce is burned at most once while its signature could
 * still be accepted. */

#ifndef XC_NONCE_H
#define XC_NONCE_H

#include "xc_map.h"

#define XC_NONCE_KEY_SIZE   16

/*
 * Of credential and nonce, keyed by the map's own secret so that nobody can aim
 * at a bucket.  The two are printable ASCII, some 2 KiB at most; over 4 KiB
 * together XC_EINTERNAL, as where hashing fails.
 */
xc_rc_t xc_nonce_key(const xc_map_t *map, xc_str_t keyid, xc_str_t nonce,
    uint8_t key[XC_NONCE_KEY_SIZE]) XC_WUR;

/* Was it burned?  XC_OK: no; XC_DENIED: yes; XC_EINTERNAL.  Changes nothing. */
xc_rc_t xc_nonce_seen(xc_map_t *map, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t now_s) XC_WUR;

/*
 * Burns it until expires_s (of a signature xc_map_window_kept_s() or later),
 * atomically among all processes: of two equal calls one gets XC_OK, the other
 * XC_DENIED.  XC_ELIMIT: no place is free; nothing that has not expired is ever
 * evicted.  XC_EINPUT: expires_s has passed by now (a body that took that
 * long): such a nonce could not be kept, so its signature is stale.
 * XC_EINTERNAL.  now_s: xc_map_clock_s().  One lock, one scan of 32 slots.
 */
xc_rc_t xc_nonce_burn(xc_map_t *map, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t expires_s, int64_t now_s) XC_WUR;

#endif
