#include "xc_map.h"


static size_t
xc_map_agency_start(xc_str_t id)
{
    size_t    i;
    uint64_t  h = 0xcbf29ce484222325u;

    for (i = 0; i < id.len; i++) {
        h = (h ^ (uint8_t) id.data[i]) * 0x100000001b3u;
    }

    return (size_t) ((h ^ h >> 32) % XC_MAP_AGENCIES);
}


static bool
xc_map_agency_is(const xc_map_agency_t *agency, xc_str_t id)
{
    return memcmp(agency->id, id.data, id.len) == 0
           && (id.len == sizeof(agency->id) || agency->id[id.len] == '\0');
}


/*
 * The place that holds id, or else the first free one on its way, or NULL
 * where none is.  Places are never freed, only given to another, so a way has
 * no holes and ends at the first free place.
 */
static xc_map_agency_t *
xc_map_agency_walk(const xc_map_t *map, xc_str_t id)
{
    size_t            i, at = xc_map_agency_start(id);
    xc_map_agency_t  *agency;

    for (i = 0; i < XC_MAP_AGENCIES; i++) {
        agency = &map->agencies[(at + i) % XC_MAP_AGENCIES];

        if (agency->id[0] == '\0' || xc_map_agency_is(agency, id)) {
            return agency;
        }
    }

    return NULL;
}


/* Only when no place is free: of the agencies that neither this load nor the
 * last names, one whose limits are at rest, so that nothing is forgiven. */
static xc_map_agency_t *
xc_map_agency_idle(const xc_map_t *map, xc_str_t id, uint64_t generation,
    int64_t now_us, int64_t day)
{
    size_t            i, at = xc_map_agency_start(id);
    uint64_t          begun = (uint64_t) day << XC_MAP_DAY_SHIFT;
    xc_map_agency_t  *agency;

    for (i = 0; i < XC_MAP_AGENCIES; i++) {
        agency = &map->agencies[(at + i) % XC_MAP_AGENCIES];

        if (atomic_load(&agency->generation) + 1 < generation
            && atomic_load(&agency->tat_us) <= now_us
            && atomic_load(&agency->refusals_tat_us) <= now_us
            && atomic_load(&agency->day) <= begun)
        {
            return agency;
        }
    }

    return NULL;
}


/* The generation comes last: a maker that dies here leaves a place that a
 * later load may take. */
static void
xc_map_agency_settle(xc_map_agency_t *agency, xc_str_t id)
{
    atomic_store(&agency->generation, 0);
    atomic_store(&agency->tat_us, 0);
    atomic_store(&agency->refusals_tat_us, 0);
    atomic_store(&agency->admitted, 0);
    atomic_store(&agency->refused, 0);
    atomic_store(&agency->limited, 0);
    atomic_store(&agency->day, 0);
    atomic_store(&agency->learned_us, 0);
    memset(agency->reserved, 0, sizeof(agency->reserved));

    memset(agency->id + 1, 0, sizeof(agency->id) - 1);
    memcpy(agency->id, id.data, id.len);
}


static xc_map_agency_t *
xc_map_agency_take(xc_map_t *map, xc_str_t id, uint64_t generation,
    int64_t now_us, int64_t day)
{
    xc_map_agency_t  *agency;

    agency = xc_map_agency_walk(map, id);

    if (agency == NULL) {
        agency = xc_map_agency_idle(map, id, generation, now_us, day);
    }

    if (agency == NULL) {
        return NULL;
    }

    if (!xc_map_agency_is(agency, id)) {
        xc_map_agency_settle(agency, id);
    }

    if (atomic_load(&agency->generation) < generation) {
        atomic_store(&agency->generation, generation);
    }

    return agency;
}


xc_map_agency_t *
xc_map_agency(xc_map_t *map, xc_str_t id, uint64_t generation, int64_t now_us,
    int64_t day)
{
    xc_map_agency_t  *agency;

    if (id.len == 0 || id.len > sizeof(agency->id) || id.data[0] == '\0'
        || !xc_map_mutex_lock(map->agencies_lock))
    {
        return NULL;
    }

    agency = xc_map_agency_take(map, id, generation, now_us, day);
    xc_map_mutex_unlock(map->agencies_lock);

    return agency;
}


xc_map_agency_t *
xc_map_agency_find(const xc_map_t *map, xc_str_t id)
{
    xc_map_agency_t  *agency;

    if (id.len == 0 || id.len > sizeof(agency->id) || id.data[0] == '\0'
        || !xc_map_mutex_lock(map->agencies_lock))
    {
        return NULL;
    }

    agency = xc_map_agency_walk(map, id);
    if (agency != NULL && agency->id[0] == '\0') {
        agency = NULL;
    }

    xc_map_mutex_unlock(map->agencies_lock);

    return agency;
}
