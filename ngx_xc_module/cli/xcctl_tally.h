/* Counters by a text. */

#ifndef XCCTL_TALLY_H
#define XCCTL_TALLY_H

#include "../core/xc_base.h"

#define XCCTL_TALLY_COUNTS  3

typedef struct {
    char      *key;             /* NUL-terminated */
    size_t     len;
    uint64_t   n[XCCTL_TALLY_COUNTS];
} xcctl_count_t;

/* Zeroed, it is empty. */
typedef struct {
    xcctl_count_t  *slots;      /* a hash table, or sorted */
    size_t          size, used;
    uint64_t        point;          /* random: nobody can aim at one slot */
} xcctl_tally_t;

/* Makes the counter where there is none; NULL: no memory, or no random
 * bytes. */
xcctl_count_t *xcctl_tally_at(xcctl_tally_t *tally, xc_str_t key) XC_WUR;

/* NULL: there is none. */
xcctl_count_t *xcctl_tally_find(const xcctl_tally_t *tally, xc_str_t key);

/* Takes a counter out. */
void xcctl_tally_remove(xcctl_tally_t *tally, xcctl_count_t *count);

/* Into the first slots, used of them: the highest sum first, or by key.  Of no
 * use as a table after that. */
void xcctl_tally_sort(xcctl_tally_t *tally, bool by_key);

void xcctl_tally_free(xcctl_tally_t *tally);

#endif
