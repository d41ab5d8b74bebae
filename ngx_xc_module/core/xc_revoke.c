#include "xc_revoke.h"


/*
 * Values of stamp.  A place is taken by storing identity between MOVING and
 * the stamp of its generation, so that a reader who sees one stamp before and
 * behind has read one identity: stamps of a place only grow, but for MOVING.
 */
#define XC_REVOKE_FREE          0
#define XC_REVOKE_MOVING        1
#define XC_REVOKE_STAMP(n)      ((n) + 1)


static size_t
xc_revoke_start(const uint8_t identity[XC_CREDENTIAL_IDENTITY])
{
    uint64_t  n;

    memcpy(&n, identity, sizeof(n));

    return (size_t) (n % XC_MAP_STANDING);
}


/* Lists were written by masters alone, who hold the lock. */
static void
xc_revoke_take(xc_map_standing_t *place,
    const uint8_t identity[XC_CREDENTIAL_IDENTITY], uint64_t generation)
{
    atomic_store(&place->stamp, XC_REVOKE_MOVING);
    atomic_thread_fence(memory_order_seq_cst);
    memcpy(place->identity, identity, XC_CREDENTIAL_IDENTITY);
    atomic_store(&place->stamp, XC_REVOKE_STAMP(generation));
}


/*
 * The place of identity, or else the first whose stamp is older than what
 * anybody admits, or NULL.  Places are never freed, so a way ends at the first
 * free one.  One that a dead master was moving is older than all.
 */
static xc_map_standing_t *
xc_revoke_walk(const xc_map_t *map,
    const uint8_t identity[XC_CREDENTIAL_IDENTITY], uint64_t admitted)
{
    size_t              i, at = xc_revoke_start(identity);
    uint64_t            stamp;
    xc_map_standing_t  *place, *spare = NULL;

    for (i = 0; i < XC_MAP_STANDING; i++) {
        place = &map->standing[(at + i) % XC_MAP_STANDING];
        stamp = atomic_load(&place->stamp);

        if (stamp == XC_REVOKE_FREE) {
            return spare != NULL ? spare : place;
        }

        if (stamp != XC_REVOKE_MOVING
            && memcmp(place->identity, identity, XC_CREDENTIAL_IDENTITY) == 0)
        {
            return place;
        }

        if (spare == NULL && stamp < XC_REVOKE_STAMP(admitted)) {
            spare = place;
        }
    }

    return spare;
}


bool
xc_revoke_list(xc_map_t *map, const uint8_t identity[XC_CREDENTIAL_IDENTITY],
    uint64_t generation)
{
    xc_map_standing_t  *place;

    if (!xc_map_mutex_lock(map->agencies_lock)) {
        return false;
    }

    place = xc_revoke_walk(map, identity, atomic_load(map->published));

    if (place != NULL
        && memcmp(place->identity, identity, XC_CREDENTIAL_IDENTITY) == 0
        && atomic_load(&place->stamp) > XC_REVOKE_MOVING)
    {
        /* Another master may have listed it for a later load. */
        if (atomic_load(&place->stamp) < XC_REVOKE_STAMP(generation)) {
            atomic_store(&place->stamp, XC_REVOKE_STAMP(generation));
        }

    } else if (place != NULL) {
        xc_revoke_take(place, identity, generation);
    }

    xc_map_mutex_unlock(map->agencies_lock);

    return place != NULL;
}


void
xc_revoke_publish(xc_map_t *map, uint64_t generation)
{
    uint64_t  seen = atomic_load(map->published);

    while (seen < generation
           && !atomic_compare_exchange_weak(map->published, &seen, generation))
    {
        /* void */
    }
}


bool
xc_revoke_stands(const xc_map_t *map,
    const uint8_t identity[XC_CREDENTIAL_IDENTITY], uint64_t generation)
{
    bool                      same;
    size_t                    i, at;
    uint64_t                  stamp, published = atomic_load(map->published);
    const xc_map_standing_t  *place;

    if (generation >= published) {
        return true;
    }

    at = xc_revoke_start(identity);

    for (i = 0; i < XC_MAP_STANDING; i++) {
        place = &map->standing[(at + i) % XC_MAP_STANDING];
        stamp = atomic_load(&place->stamp);

        if (stamp == XC_REVOKE_FREE) {
            return false;
        }

        if (stamp < XC_REVOKE_STAMP(published)) {
            continue;
        }

        same = memcmp(place->identity, identity, XC_CREDENTIAL_IDENTITY) == 0;
        atomic_thread_fence(memory_order_seq_cst);

        if (same && atomic_load(&place->stamp) == stamp) {
            return true;
        }

        /* It changed while it was read: once more. */
        i -= same;
    }

    return false;
}
