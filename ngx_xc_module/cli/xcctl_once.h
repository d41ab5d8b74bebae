/*
 * Which signature was used where: of the last ones, in bounded memory.  There
 * are two tables; when the younger is full, the older is forgotten.
 */

#ifndef XCCTL_ONCE_H
#define XCCTL_ONCE_H

#include "xc_heap.h"
#include "../core/xc_hash.h"

#define XCCTL_ONCE_MAX  (1 << 21)   /* in a table, of 32 octets, half full */

typedef struct {
    uint64_t  key[2];           /* of a MAC */
    uint64_t  seq;
    bool      used;
} xcctl_use_t;

typedef struct {
    xcctl_use_t  *slots;
    size_t        size, used;   /* size: a power of two, or 0 */
} xcctl_uses_t;

/* Zeroed, it is empty. */
typedef struct {
    const xc_mac_t  *mac;       /* of a random key: nobody can aim at a slot */
    xcctl_uses_t     young, old;
    uint64_t         forgotten;
} xcctl_once_t;

/* heap: lives as long as once.  The seq that used the base first, or seq
 * itself.  XC_ENOMEM, XC_EINTERNAL. */
xc_rc_t xcctl_once_use(xcctl_once_t *once, xc_heap_t *heap, xc_str_t base,
    uint64_t seq, uint64_t *first) XC_WUR;

void xcctl_once_free(xcctl_once_t *once);

#endif
