/*
 * The head of the map: xc_map.c makes and checks it, xc_map_node.c is what the
 * node's processes tell each other there.  No other unit includes this.
 */

#ifndef XC_MAP_IMPL_H
#define XC_MAP_IMPL_H

#include "xc_map.h"

#define XC_MAP_SECRET_SIZE      32

/*
 * Everything above `check` is written once, by the maker; `check` last, so
 * that a file whose making was cut short is a damaged one.
 */
struct xc_map_header_s {
    char              magic[8];
    uint32_t          format;
    uint32_t          mutex_size;       /* of the C library that made it */
    uint64_t          size;
    uint64_t          replay;
    uint64_t          n_buckets;
    int64_t           birth_s;
    char              boot_id[40];      /* zero-padded */
    uint8_t           secret[XC_MAP_SECRET_SIZE];
    uint64_t          check;

    _Atomic int64_t   clock_s;
    _Atomic uint64_t  budget;           /* second << 24 | used */
    _Atomic uint64_t  generation;
    pthread_mutex_t   agencies_lock;
    _Atomic uint64_t  published;

    /* Zero in maps of before they were there. */
    xc_map_window_t   window;
    _Atomic uint64_t  fleet;            /* whose store knows more nonces */
    _Atomic int64_t   left_s;           /* when the node last left a fleet */
};

#endif
