#include "xcctl_once.h"

#include <stdlib.h>


static xcctl_use_t *
xcctl_once_slot(const xcctl_uses_t *uses, const uint64_t key[2])
{
    size_t  i = (size_t) key[0] & (uses->size - 1);

    while (uses->slots[i].used && (uses->slots[i].key[0] != key[0]
                                   || uses->slots[i].key[1] != key[1]))
    {
        i = (i + 1) & (uses->size - 1);
    }

    return &uses->slots[i];
}


static bool
xcctl_once_grow(xcctl_uses_t *uses)
{
    size_t        i;
    xcctl_uses_t  more = { .size = uses->size == 0 ? 1024 : 2 * uses->size,
                           .used = uses->used };

    more.slots = calloc(more.size, sizeof(xcctl_use_t));
    if (more.slots == NULL) {
        return false;
    }

    for (i = 0; i < uses->size; i++) {
        if (uses->slots[i].used) {
            *xcctl_once_slot(&more, uses->slots[i].key) = uses->slots[i];
        }
    }

    free(uses->slots);
    *uses = more;

    return true;
}


/* Makes room for one more. */
static bool
xcctl_once_room(xcctl_once_t *once)
{
    if (once->young.used == XCCTL_ONCE_MAX) {
        once->forgotten += once->old.used;
        free(once->old.slots);
        once->old = once->young;
        once->young = (xcctl_uses_t) { .slots = NULL };
    }

    return 2 * once->young.used < once->young.size
           || xcctl_once_grow(&once->young);
}


static xc_rc_t
xcctl_once_key(xcctl_once_t *once, xc_heap_t *heap, xc_str_t base,
    uint64_t key[2])
{
    xc_rc_t  rc = XC_OK;
    uint8_t  octets[XC_SHA256_SIZE];

    if (once->mac == NULL) {
        rc = xc_random(octets, sizeof(octets));
        if (rc == XC_OK) {
            rc = xc_mac_new(&heap->arena,
                            (xc_str_t) { (char *) octets, sizeof(octets) },
                            &once->mac);
        }
    }

    if (rc == XC_OK) {
        rc = xc_mac_compute(once->mac, base, octets);
    }

    if (rc == XC_OK) {
        memcpy(key, octets, 2 * sizeof(uint64_t));
    }

    return rc;
}


xc_rc_t
xcctl_once_use(xcctl_once_t *once, xc_heap_t *heap, xc_str_t base,
    uint64_t seq, uint64_t *first)
{
    xc_rc_t       rc;
    uint64_t      key[2];
    xcctl_use_t  *use;

    rc = xcctl_once_key(once, heap, base, key);
    if (rc != XC_OK) {
        return rc;
    }

    if (!xcctl_once_room(once)) {
        return XC_ENOMEM;
    }

    if (once->old.size != 0) {
        use = xcctl_once_slot(&once->old, key);

        if (use->used) {
            *first = use->seq;
            return XC_OK;
        }
    }

    use = xcctl_once_slot(&once->young, key);

    if (!use->used) {
        *use = (xcctl_use_t) { { key[0], key[1] }, seq, true };
        once->young.used++;
    }

    *first = use->seq;

    return XC_OK;
}


void
xcctl_once_free(xcctl_once_t *once)
{
    free(once->young.slots);
    free(once->old.slots);
    *once = (xcctl_once_t) { .mac = NULL };
}
