/*
 * The node's shared state, one preallocated mapped file ("xc.map" in the
 * state directory): nonces, limits, revocations, counters.  Old and new
 * workers, both masters of a binary upgrade and the next start share it.
 *
 * Mutexes are robust and process-shared, one a stripe; a holder's death leaves
 * a stripe that the next one takes as it is, since every slot is written so
 * that half a write refuses rather than admits.
 */

#ifndef XC_MAP_H
#define XC_MAP_H

#include "xc_base.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define XC_MAP_AGENCIES         16384

/* Credentials, agencies and approvals that stand: some 100,000 of the load in
 * effect and as many of the next one, with places to spare (DESIGN.md section
 * 5). */
#define XC_MAP_STANDING         218453
#define XC_MAP_STRIPES          64
#define XC_MAP_COUNTERS         512     /* one page: none moves what follows */
#define XC_MAP_REPLAY_MIN       1000
#define XC_MAP_REPLAY_MAX       10000000

/* Four times the promised number of nonces, in buckets of 32, so that a
 * bucket overflows before the promise is spent with odds under 1e-6. */
#define XC_MAP_BUCKET           32
#define XC_MAP_SPARE            4

/* xc_map_agency_t.day: the day's number << this | the units used. */
#define XC_MAP_DAY_SHIFT        40

typedef struct {
    uint8_t   key[16];          /* all zero: never used */
    int64_t   expires_s;
} xc_map_nonce_t;

typedef struct {
    char             id[64];        /* agency, zero-padded; [0] 0: free */
    _Atomic int64_t  tat_us;        /* theoretical arrival time of the rate */
    _Atomic int64_t  refusals_tat_us;
    _Atomic uint64_t generation;    /* of the load that last named it */
    _Atomic uint64_t admitted, refused, limited;
    _Atomic uint64_t day;           /* xc_rate.h: day << 40 | units used; 0 in
                                       maps of before it was there */
    _Atomic int64_t  learned_us;    /* xc_rate_learn(), by CLOCK_BOOTTIME */
    uint8_t          reserved[8];
} xc_map_agency_t;

/* A credential, an agency or an approval that stands (xc_revoke.h). */
typedef struct {
    _Atomic uint64_t stamp;
    uint8_t          identity[16];
} xc_map_standing_t;

/*
 * How long nonces are kept (xc_map_window_raise()).  Zero in a map that knows
 * of no policy yet.
 */
typedef struct {
    _Atomic int64_t   seconds;
    _Atomic uint64_t  before;       /* mark << 16 | seconds: signatures created
                                       up to the mark were kept so long only */
} xc_map_window_t;

#define XC_MAP_WINDOW_MAX   65535

typedef struct xc_map_header_s xc_map_header_t;     /* xc_map_impl.h */

typedef struct {
    int                fd;
    size_t             size;        /* bytes mapped */
    uint64_t           replay;
    uint64_t           n_buckets;
    xc_map_header_t   *header;
    pthread_mutex_t   *stripes;     /* XC_MAP_STRIPES, for nonces */
    xc_map_nonce_t    *nonces;      /* n_buckets * XC_MAP_BUCKET */
    xc_map_agency_t   *agencies;    /* XC_MAP_AGENCIES */
    pthread_mutex_t   *agencies_lock;
    xc_map_standing_t *standing;    /* XC_MAP_STANDING */
    _Atomic uint64_t  *published;   /* the latest generation listed there */
    xc_map_window_t   *window;
    _Atomic uint64_t  *counters;    /* XC_MAP_COUNTERS */
} xc_map_t;

typedef enum {
    XC_MAP_KEPT,                /* as another process left it */
    XC_MAP_FIRST,               /* there was no log yet: no birth rule */
    XC_MAP_BORN                 /* lost, damaged, of another boot, of another
                                   size: signatures of before are refused */
} xc_map_origin_t;

typedef struct {
    const char  *path;
    uint64_t     replay;        /* requests of one signature window */
    const char  *boot_id;       /* 36 characters */
    int64_t      now_s;         /* the birth of a new map */
    bool         log_exists;    /* audit.head or audit.log: nonces may have been
                                   burned that a new map would not know */
    bool         create;        /* false: open what is there, else XC_EIO */
    uid_t        uid;           /* owner of a new file; (uid_t) -1: leave */
    gid_t        gid;
} xc_map_conf_t;

/*
 * Opens, checks and maps; makes a new file (posix_fallocate, 0600) where it is
 * missing, damaged, of another boot or format.  XC_ELIMIT: replay differs and
 * another process has the map open (restart to change it).  XC_EIO: errno.
 * *error (static) says what could not be done.  The process holds a shared
 * lock on the file as long as it is open.  Blocks shortly.
 */
xc_rc_t xc_map_open(xc_map_t *map, const xc_map_conf_t *conf,
    xc_map_origin_t *origin, const char **error) XC_WUR;
void xc_map_close(xc_map_t *map);

/* Seconds since 1970 up to which a signature's created is refused: birth;
 * INT64_MIN where the birth rule does not apply. */
int64_t xc_map_birth_s(const xc_map_t *map);

/*
 * With which fleet nonces are shared from now on; 0: none.  A node that leaves
 * one does not know what others burn there: it is born anew.  Only masters call
 * this, at load.
 */
void xc_map_fleet(xc_map_t *map, uint64_t fleet, int64_t now_s);

/* The highest time that any process of this node has seen, after taking now_s
 * into account: what was evicted as expired stays stale when the clock steps
 * back. */
int64_t xc_map_clock_s(xc_map_t *map, int64_t now_s);

/* One of max events a second of the node, counted among all processes: false
 * when this second's are used up.  Lock-free. */
bool xc_map_budget(xc_map_t *map, int64_t now_s, uint32_t max);

/*
 * A policy is about to be served that accepts signatures for window_s
 * (max_age + max_skew): from now on all processes keep nonces for the largest
 * of these, whichever gate burns them, over the map's life.  Nonces burned
 * before may be forgotten when the window ends that they were burned under:
 * what was created by then keeps that one (xc_map_window_last_s()).  False: no
 * lock, or over XC_MAP_WINDOW_MAX; then the policy must not be served.  Only
 * masters call this, at load, before any worker of that load runs.
 */
bool xc_map_window_raise(xc_map_t *map, int64_t window_s, int64_t now_s)
    XC_WUR;

/* Through which second a nonce of a signature created then is to be kept; and
 * through which one burned before the window grew is sure to be known:
 * INT64_MAX where none was. */
int64_t xc_map_window_kept_s(const xc_map_t *map, int64_t created_s);
int64_t xc_map_window_last_s(const xc_map_t *map, int64_t created_s);

/* A number that grows with every call over the map's life: one for each load of
 * the configuration, however many policies that names. */
uint64_t xc_map_next_generation(xc_map_t *map);

/* For the units that own a part of the map.  Lock: also where its holder died;
 * false where it can't be had, then nothing may be admitted. */
bool xc_map_mutex_lock(pthread_mutex_t *mutex) XC_WUR;
void xc_map_mutex_unlock(pthread_mutex_t *mutex);

/* 32 random octets, of this map alone. */
const uint8_t *xc_map_secret(const xc_map_t *map);

/*
 * Is the slot taken?  A nonce holds its slot through the second expires_s,
 * and a slot never used has expires_s 0.
 */
static inline bool
xc_map_nonce_holds(const xc_map_nonce_t *slot, int64_t now_s)
{
    return __atomic_load_n(&slot->expires_s, __ATOMIC_RELAXED) >= now_s;
}

/*
 * The place of an agency, made where it has none.  Only masters call this, at
 * load; it takes the map's lock itself.  NULL: all places are taken by
 * agencies of this or the last generation (idle ones of older loads are
 * reused: at rest by now_us, and with nothing used on `day` (xc_rate_day()) or
 * later).
 */
xc_map_agency_t *xc_map_agency(xc_map_t *map, xc_str_t id, uint64_t generation,
    int64_t now_us, int64_t day);

/* The same without making one; NULL when absent.  For workers at start. */
xc_map_agency_t *xc_map_agency_find(const xc_map_t *map, xc_str_t id);

/* Relaxed counters; what they mean by index: xc_count.h. */
static inline void
xc_map_count(xc_map_t *map, unsigned counter)
{
    atomic_fetch_add_explicit(&map->counters[counter % XC_MAP_COUNTERS], 1,
                              memory_order_relaxed);
}

/* Nonces in use (not expired) now, of all slots: counted up to replay=100000,
 * over that estimated from 12,500 buckets.  For status; some 1 ms. */
uint64_t xc_map_nonces_used(const xc_map_t *map, int64_t now_s);

#endif
