#include "xc_index.h"


/* FNV-1a, 64 bits */
static uint64_t
xc_index_hash(xc_str_t key)
{
    size_t    i;
    uint64_t  h = 0xcbf29ce484222325u;

    for (i = 0; i < key.len; i++) {
        h = (h ^ (unsigned char) key.data[i]) * 0x100000001b3u;
    }

    return h ^ h >> 32;
}


static xc_index_slot_t *
xc_index_slot(const xc_index_t *index, xc_str_t key)
{
    size_t            i;
    xc_index_slot_t  *slot;

    for (i = xc_index_hash(key); /* void */; i++) {
        slot = &index->slots[i & index->mask];

        if (slot->value == NULL || xc_str_eq(slot->key, key)) {
            return slot;
        }
    }
}


xc_rc_t
xc_index_init(xc_index_t *index, xc_arena_t *arena, size_t max)
{
    size_t            n;
    xc_index_slot_t  *slots;

    for (n = 8; n / 2 < max; n *= 2) { /* void */ }

    slots = xc_arena_array(arena, n, sizeof(xc_index_slot_t));
    if (slots == NULL) {
        return XC_ENOMEM;
    }

    *index = (xc_index_t) { slots, n - 1, 0 };

    return XC_OK;
}


xc_rc_t
xc_index_add(xc_index_t *index, xc_str_t key, const void *value)
{
    xc_index_slot_t  *slot;

    if (index->slots == NULL || index->used > index->mask / 2) {
        return XC_ELIMIT;
    }

    slot = xc_index_slot(index, key);
    if (slot->value != NULL) {
        return XC_DENIED;
    }

    *slot = (xc_index_slot_t) { key, value };
    index->used++;

    return XC_OK;
}


const void *
xc_index_find(const xc_index_t *index, xc_str_t key)
{
    return index->slots == NULL ? NULL : xc_index_slot(index, key)->value;
}
