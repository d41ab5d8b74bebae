/* What the node's processes tell each other in the head of their map. */

#include "xc_map_impl.h"

#define XC_MAP_SAMPLE           12500   /* buckets: 9.6 MB, some 1 ms */


const uint8_t *
xc_map_secret(const xc_map_t *map)
{
    return map->header->secret;
}


int64_t
xc_map_birth_s(const xc_map_t *map)
{
    int64_t  left_s = atomic_load(&map->header->left_s);

    return left_s == 0 ? map->header->birth_s
                       : XC_MAX(map->header->birth_s, left_s);
}


/* The time first: who reads in between still refuses. */
void
xc_map_fleet(xc_map_t *map, uint64_t fleet, int64_t now_s)
{
    uint64_t  before = atomic_load(&map->header->fleet);

    if (before != 0 && before != fleet) {
        atomic_store(&map->header->left_s, xc_map_clock_s(map, now_s));
    }

    atomic_store(&map->header->fleet, fleet);
}


int64_t
xc_map_clock_s(xc_map_t *map, int64_t now_s)
{
    int64_t  seen = atomic_load(&map->header->clock_s);

    while (seen < now_s) {
        if (atomic_compare_exchange_weak(&map->header->clock_s, &seen, now_s)) {
            return now_s;
        }
    }

    return seen;
}


uint64_t
xc_map_next_generation(xc_map_t *map)
{
    return atomic_fetch_add(&map->header->generation, 1) + 1;
}


/* Without locks: a figure for people, off by what happens meanwhile.  Keys are
 * hashes, so that some of the buckets speak for all. */
uint64_t
xc_map_nonces_used(const xc_map_t *map, int64_t now_s)
{
    size_t                 slot;
    uint64_t               i, used = 0;
    uint64_t               n = XC_MIN(map->n_buckets, XC_MAP_SAMPLE);
    const xc_map_nonce_t  *bucket;

    for (i = 0; i < n; i++) {
        bucket = &map->nonces[map->n_buckets * i / n * XC_MAP_BUCKET];

        for (slot = 0; slot < XC_MAP_BUCKET; slot++) {
            used += xc_map_nonce_holds(&bucket[slot], now_s);
        }
    }

    return used * map->n_buckets / n;
}


bool
xc_map_budget(xc_map_t *map, int64_t now_s, uint32_t max)
{
    uint64_t  seen, next, second = (uint64_t) now_s << 24;

    seen = atomic_load(&map->header->budget);

    do {
        next = (seen & ~(uint64_t) 0xffffff) == second ? seen + 1 : second + 1;

        if ((next & 0xffffff) > max) {
            return false;
        }

    } while (!atomic_compare_exchange_weak(&map->header->budget, &seen, next));

    return true;
}
