#include "xc_map.h"


#define XC_MAP_WINDOW_BITS      16

/* The mark while a change is under way; one that is found under the lock was
 * left by a master that died. */
#define XC_MAP_WINDOW_OPEN      (INT64_MAX >> XC_MAP_WINDOW_BITS)


static uint64_t
xc_map_window_pack(int64_t mark_s, int64_t seconds)
{
    return (uint64_t) mark_s << XC_MAP_WINDOW_BITS | (uint64_t) seconds;
}


static int64_t
xc_map_window_mark(uint64_t before)
{
    return (int64_t) (before >> XC_MAP_WINDOW_BITS);
}


static int64_t
xc_map_window_seconds(uint64_t before)
{
    return (int64_t) (before & XC_MAP_WINDOW_MAX);
}


/*
 * Which window nonces of before a change are kept for: that of before an
 * earlier one where what was created under it may still be accepted.
 */
static int64_t
xc_map_window_old(const xc_map_t *map, int64_t seen_s, int64_t now_s)
{
    uint64_t  before = atomic_load(&map->window->before);

    if (before == 0 || now_s > xc_map_window_mark(before) + seen_s) {
        return seen_s;
    }

    return XC_MIN(xc_map_window_seconds(before), seen_s);
}


/*
 * The mark is taken behind the new window: who still reads the old one does so
 * before, and burns nothing created later than the skew, which is part of the
 * window, from then.
 */
static void
xc_map_window_grow(xc_map_t *map, int64_t seen_s, int64_t window_s,
    int64_t now_s)
{
    int64_t           old_s;
    xc_map_window_t  *window = map->window;

    if (seen_s == 0) {
        atomic_store(&window->seconds, window_s);
        return;
    }

    old_s = xc_map_window_old(map, seen_s, xc_map_clock_s(map, now_s));

    atomic_store(&window->before,
                 xc_map_window_pack(XC_MAP_WINDOW_OPEN, old_s));
    atomic_store(&window->seconds, window_s);
}


static void
xc_map_window_close(xc_map_t *map, int64_t seen_s, int64_t now_s)
{
    uint64_t  before = atomic_load(&map->window->before);

    if (xc_map_window_mark(before) == XC_MAP_WINDOW_OPEN) {
        before = xc_map_window_pack(xc_map_clock_s(map, now_s) + seen_s,
                                    xc_map_window_seconds(before));
        atomic_store(&map->window->before, before);
    }
}


bool
xc_map_window_raise(xc_map_t *map, int64_t window_s, int64_t now_s)
{
    int64_t  seen_s;

    if (window_s <= 0 || window_s > XC_MAP_WINDOW_MAX
        || !xc_map_mutex_lock(map->agencies_lock))
    {
        return false;
    }

    seen_s = atomic_load(&map->window->seconds);

    if (seen_s < window_s) {
        xc_map_window_grow(map, seen_s, window_s, now_s);
    }

    xc_map_window_close(map, seen_s, now_s);
    xc_map_mutex_unlock(map->agencies_lock);

    return true;
}


int64_t
xc_map_window_kept_s(const xc_map_t *map, int64_t created_s)
{
    return created_s + atomic_load(&map->window->seconds);
}


int64_t
xc_map_window_last_s(const xc_map_t *map, int64_t created_s)
{
    uint64_t  before = atomic_load(&map->window->before);

    return created_s > xc_map_window_mark(before)
           ? INT64_MAX : created_s + xc_map_window_seconds(before);
}
