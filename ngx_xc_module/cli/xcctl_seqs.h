/* A set of seqs: those that wait for something. */

#ifndef XCCTL_SEQS_H
#define XCCTL_SEQS_H

#include "../core/xc_base.h"

/* Open addressing, at most half full.  Zeroed, it is empty; free(slots). */
typedef struct {
    uint64_t  *slots;           /* seq + 1; 0: free */
    size_t     size;            /* a power of two */
    size_t     used;
    uint64_t   odd;             /* random: a log can't aim at one slot */
} xcctl_seqs_t;

/* False: out of memory, or no random bytes. */
bool xcctl_seqs_add(xcctl_seqs_t *seqs, uint64_t seq) XC_WUR;
void xcctl_seqs_remove(xcctl_seqs_t *seqs, uint64_t seq);

/* Sorts them into the first slots, each seq + 1, and returns their number; of
 * no use as a set after that. */
size_t xcctl_seqs_sort(xcctl_seqs_t *seqs);

#endif
