#include "xcctl_tally.h"

#include "../core/xc_hash.h"

#include <stdlib.h>


/* The text as a polynomial over the integers modulo 2^61 - 1, at a random
 * point: an agency may choose the names of fields that it is refused. */
static size_t
xcctl_tally_slot(const xcctl_tally_t *tally, xc_str_t key)
{
    size_t    i;
    uint64_t  hash = key.len, prime = (UINT64_C(1) << 61) - 1;

    for (i = 0; i < key.len; i++) {
        hash = (uint64_t) (((unsigned __int128) hash * tally->point
                            + (unsigned char) key.data[i]) % prime);
    }

    i = (size_t) hash & (tally->size - 1);

    while (tally->slots[i].key != NULL
           && (tally->slots[i].len != key.len
               || memcmp(tally->slots[i].key, key.data, key.len) != 0))
    {
        i = (i + 1) & (tally->size - 1);
    }

    return i;
}


static bool
xcctl_tally_grow(xcctl_tally_t *tally)
{
    size_t          i;
    xcctl_count_t  *old;
    xcctl_tally_t   more = { .size = tally->size == 0 ? 64 : 2 * tally->size,
                             .point = tally->point };

    if (more.point == 0) {
        if (xc_random(&more.point, sizeof(more.point)) != XC_OK) {
            return false;
        }
        more.point = more.point >> 3 | 2;
    }

    more.slots = calloc(more.size, sizeof(xcctl_count_t));
    if (more.slots == NULL) {
        return false;
    }

    for (i = 0; i < tally->size; i++) {
        old = &tally->slots[i];

        if (old->key != NULL) {
            more.slots[xcctl_tally_slot(&more, (xc_str_t) { old->key,
                                                            old->len })]
                = *old;
            more.used++;
        }
    }

    free(tally->slots);
    *tally = more;

    return true;
}


xcctl_count_t *
xcctl_tally_at(xcctl_tally_t *tally, xc_str_t key)
{
    xcctl_count_t  *count;

    if (2 * tally->used >= tally->size && !xcctl_tally_grow(tally)) {
        return NULL;
    }

    count = &tally->slots[xcctl_tally_slot(tally, key)];

    if (count->key == NULL) {
        count->key = malloc(key.len + 1);
        if (count->key == NULL) {
            return NULL;
        }

        if (key.len != 0) {
            memcpy(count->key, key.data, key.len);
        }

        count->key[key.len] = '\0';
        count->len = key.len;
        tally->used++;
    }

    return count;
}


xcctl_count_t *
xcctl_tally_find(const xcctl_tally_t *tally, xc_str_t key)
{
    xcctl_count_t  *count;

    if (tally->used == 0) {
        return NULL;
    }

    count = &tally->slots[xcctl_tally_slot(tally, key)];

    return count->key != NULL ? count : NULL;
}


/* What probed past it moves up. */
void
xcctl_tally_remove(xcctl_tally_t *tally, xcctl_count_t *count)
{
    size_t         i = (size_t) (count - tally->slots);
    xcctl_count_t  moved;

    free(count->key);
    *count = (xcctl_count_t) { .key = NULL };
    tally->used--;

    for (i = (i + 1) & (tally->size - 1); tally->slots[i].key != NULL;
         i = (i + 1) & (tally->size - 1))
    {
        moved = tally->slots[i];
        tally->slots[i] = (xcctl_count_t) { .key = NULL };
        tally->slots[xcctl_tally_slot(tally, (xc_str_t) { moved.key,
                                                          moved.len })]
            = moved;
    }
}


static int
xcctl_tally_by_key(const void *a, const void *b)
{
    const xcctl_count_t  *x = a, *y = b;

    return strcmp(x->key, y->key);
}


static int
xcctl_tally_by_sum(const void *a, const void *b)
{
    size_t                i;
    uint64_t              m = 0, n = 0;
    const xcctl_count_t  *x = a, *y = b;

    for (i = 0; i < XCCTL_TALLY_COUNTS; i++) {
        m += x->n[i];
        n += y->n[i];
    }

    return m != n ? (m < n) - (m > n) : strcmp(x->key, y->key);
}


void
xcctl_tally_sort(xcctl_tally_t *tally, bool by_key)
{
    size_t  i, n;

    for (i = n = 0; i < tally->size; i++) {
        if (tally->slots[i].key != NULL) {
            tally->slots[n++] = tally->slots[i];
        }
    }

    for (i = n; i < tally->size; i++) {
        tally->slots[i] = (xcctl_count_t) { .key = NULL };
    }

    if (n != 0) {
        qsort(tally->slots, n, sizeof(xcctl_count_t),
              by_key ? xcctl_tally_by_key : xcctl_tally_by_sum);
    }
}


void
xcctl_tally_free(xcctl_tally_t *tally)
{
    size_t  i;

    for (i = 0; i < tally->size; i++) {
        free(tally->slots[i].key);
    }

    free(tally->slots);
    *tally = (xcctl_tally_t) { .slots = NULL };
}
