#include "xcctl_seqs.h"

#include "../core/xc_hash.h"

#include <stdlib.h>


/* Multiply-shift hashing: by the highest bits. */
static size_t
xcctl_seqs_slot(const xcctl_seqs_t *seqs, uint64_t seq)
{
    size_t  i;

    i = (size_t) ((unsigned __int128) (seq * seqs->odd) * seqs->size >> 64);

    while (seqs->slots[i] != 0 && seqs->slots[i] != seq + 1) {
        i = (i + 1) & (seqs->size - 1);
    }

    return i;
}


static bool
xcctl_seqs_grow(xcctl_seqs_t *seqs)
{
    size_t        i;
    xcctl_seqs_t  more = { .size = seqs->size == 0 ? 1024 : 2 * seqs->size,
                           .odd = seqs->odd };

    if (more.odd == 0) {
        if (xc_random(&more.odd, sizeof(more.odd)) != XC_OK) {
            return false;
        }
        more.odd |= 1;
    }

    more.slots = calloc(more.size, sizeof(uint64_t));
    if (more.slots == NULL) {
        return false;
    }

    for (i = 0; i < seqs->size; i++) {
        if (seqs->slots[i] != 0) {
            more.slots[xcctl_seqs_slot(&more, seqs->slots[i] - 1)]
                = seqs->slots[i];
            more.used++;
        }
    }

    free(seqs->slots);
    *seqs = more;

    return true;
}


bool
xcctl_seqs_add(xcctl_seqs_t *seqs, uint64_t seq)
{
    size_t  i;

    if (2 * seqs->used >= seqs->size && !xcctl_seqs_grow(seqs)) {
        return false;
    }

    i = xcctl_seqs_slot(seqs, seq);

    if (seqs->slots[i] == 0) {
        seqs->slots[i] = seq + 1;
        seqs->used++;
    }

    return true;
}


/* Takes one out, and moves up what probed past it. */
void
xcctl_seqs_remove(xcctl_seqs_t *seqs, uint64_t seq)
{
    size_t    i;
    uint64_t  moved;

    if (seqs->used == 0) {
        return;
    }

    i = xcctl_seqs_slot(seqs, seq);

    if (seqs->slots[i] == 0) {
        return;
    }

    seqs->slots[i] = 0;
    seqs->used--;

    for (i = (i + 1) & (seqs->size - 1); seqs->slots[i] != 0;
         i = (i + 1) & (seqs->size - 1))
    {
        moved = seqs->slots[i];
        seqs->slots[i] = 0;
        seqs->slots[xcctl_seqs_slot(seqs, moved - 1)] = moved;
    }
}


static int
xcctl_seqs_compare(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


size_t
xcctl_seqs_sort(xcctl_seqs_t *seqs)
{
    size_t  i, n;

    for (i = n = 0; i < seqs->size; i++) {
        if (seqs->slots[i] != 0) {
            seqs->slots[n++] = seqs->slots[i];
        }
    }

    if (n != 0) {
        qsort(seqs->slots, n, sizeof(uint64_t), xcctl_seqs_compare);
    }

    return n;
}
