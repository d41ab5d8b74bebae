#include "xc_count.h"

_Static_assert(XC_REASON_COUNT <= XC_COUNT_REASONS, "room for every reason");
_Static_assert(XC_COUNT_OBSERVED_BY + XC_LEVEL_COUNT <= XC_COUNT_HISTOGRAM,
               "room for every level");
_Static_assert(XC_COUNT_HISTOGRAM + XC_HISTOGRAM_COUNT * XC_HISTOGRAM_SLOTS
               <= XC_COUNT_REFUSED_BY, "room for every histogram");
_Static_assert(XC_COUNT_END <= XC_MAP_COUNTERS, "room in the map");


/* As many as a batch of the adapter has at most end the last row. */
static const uint32_t
    xc_count_all_bounds[XC_HISTOGRAM_COUNT][XC_HISTOGRAM_BOUNDS] = {
    [XC_HISTOGRAM_DECISION] = {
        500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
        1000000, 2500000, 5000000, 10000000
    },
    [XC_HISTOGRAM_ANSWER] = {
        500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
        1000000, 2500000, 5000000, 10000000
    },
    [XC_HISTOGRAM_COMMIT] = {
        50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
        250000, 500000, 1000000
    },
    [XC_HISTOGRAM_BATCH] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512 }
};


static void
xc_count_add(xc_map_t *map, unsigned counter, uint64_t n)
{
    atomic_fetch_add_explicit(&map->counters[counter], n,
                              memory_order_relaxed);
}


void
xc_count_refused(xc_map_t *map, unsigned who, xc_reason_t reason)
{
    xc_count_add(map, XC_COUNT_REASON + reason, 1);
    xc_count_add(map, xc_count_refused_by(who, reason), 1);
}


void
xc_count_gone_on(xc_map_t *map, xc_level_t level, bool observed)
{
    xc_count_add(map, observed ? XC_COUNT_OBSERVED : XC_COUNT_ADMITTED, 1);
    xc_count_add(map, (observed ? XC_COUNT_OBSERVED_BY : XC_COUNT_ADMITTED_BY)
                      + level, 1);
}


void
xc_count_value(xc_map_t *map, xc_histogram_kind_t kind, int64_t value)
{
    size_t           i, n;
    unsigned         at = XC_COUNT_HISTOGRAM + kind * XC_HISTOGRAM_SLOTS;
    const uint32_t  *bounds = xc_count_bounds(kind, &n);

    value = XC_MAX(value, 0);

    for (i = 0; i < n && value > (int64_t) bounds[i]; i++) {
        /* void */
    }

    xc_count_add(map, at + (unsigned) i, 1);
    xc_count_add(map, at + XC_HISTOGRAM_SLOTS - 1, (uint64_t) value);
}


const uint32_t *
xc_count_bounds(xc_histogram_kind_t kind, size_t *n)
{
    size_t  len = XC_HISTOGRAM_BOUNDS;

    while (xc_count_all_bounds[kind][len - 1] == 0) {
        len--;
    }

    *n = len;

    return xc_count_all_bounds[kind];
}
