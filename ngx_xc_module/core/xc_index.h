/*
 * A read-only hash index from string to pointer, built once at load.
 * Open addressing at most half full: a lookup is O(1) and takes under 0.1 us.
 * Keys are the policy's own, so the hash needs no secret; a lookup with a
 * hostile key costs one probe sequence of the policy's making.
 */

#ifndef XC_INDEX_H
#define XC_INDEX_H

#include "xc_arena.h"

typedef struct {
    xc_str_t     key;
    const void  *value;
} xc_index_slot_t;

typedef struct {
    xc_index_slot_t  *slots;
    size_t            mask;     /* number of slots, a power of two, less 1 */
    size_t            used;
} xc_index_t;

/* Room for max keys, borrowed from the caller for the index's life. */
xc_rc_t xc_index_init(xc_index_t *index, xc_arena_t *arena, size_t max) XC_WUR;

/* XC_DENIED: the key stands already (and keeps its value).  XC_ELIMIT: more
 * keys than room. */
xc_rc_t xc_index_add(xc_index_t *index, xc_str_t key, const void *value) XC_WUR;

/* NULL when absent.  An index zeroed and never initialised holds nothing. */
const void *xc_index_find(const xc_index_t *index, xc_str_t key);

#endif
