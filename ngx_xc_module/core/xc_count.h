/*
 * What the node counts, in the counters of its map: relaxed and lock-free,
 * shared by all its processes, since the map was made.  Indices keep their
 * meaning: a map of before has zeros where it knew none.
 */

#ifndef XC_COUNT_H
#define XC_COUNT_H

#include "xc_map.h"
#include "xc_policy.h"
#include "xc_reason.h"

/* Who asks: nobody yet (before authentication), or 1 + its level. */
#define XC_COUNT_WHO        (1 + XC_LEVEL_COUNT)
#define XC_COUNT_NOBODY     0

/* A histogram's counters: its buckets, what is above all bounds, the sum. */
#define XC_HISTOGRAM_BOUNDS 14
#define XC_HISTOGRAM_SLOTS  16

typedef enum {
    XC_HISTOGRAM_DECISION,      /* microseconds, from a request's begin */
    XC_HISTOGRAM_ANSWER,        /* likewise, of what went on */
    XC_HISTOGRAM_COMMIT,        /* microseconds, of writing and syncing */
    XC_HISTOGRAM_BATCH,         /* records */
    XC_HISTOGRAM_COUNT
} xc_histogram_kind_t;

#define XC_COUNT_REASONS    48          /* room for as many, 0 included */

/* Indices of the map's counters. */
enum {
    XC_COUNT_REASON = 0,                /* refusals: + xc_reason_t */
    XC_COUNT_ADMITTED = 128,            /* decided allow */
    XC_COUNT_OUTCOMES,
    XC_COUNT_LINES,                     /* of the log, by workers */
    XC_COUNT_BATCHES,
    XC_COUNT_AUDIT_FAILURES,            /* batches not made durable */
    XC_COUNT_SUMMARISED,                /* refusals over the backlog */
    XC_COUNT_INTAKE,
    XC_COUNT_OBSERVED,                  /* decided deny, and let go on */
    XC_COUNT_FLEET_ANSWERS,             /* of the fleet's store, in time */
    XC_COUNT_FLEET_FAILURES,            /* asked in vain */
    XC_COUNT_ADMITTED_BY = 144,         /* + xc_level_t */
    XC_COUNT_OBSERVED_BY = 148,         /* + xc_level_t */
    XC_COUNT_HISTOGRAM = 160,           /* + kind * XC_HISTOGRAM_SLOTS */
    XC_COUNT_REFUSED_BY = 256,          /* + who * XC_COUNT_REASONS + reason */
    XC_COUNT_END = XC_COUNT_REFUSED_BY + XC_COUNT_WHO * XC_COUNT_REASONS
};

/* Where the counter of refusals by who and reason lies. */
static inline unsigned
xc_count_refused_by(unsigned who, xc_reason_t reason)
{
    return XC_COUNT_REFUSED_BY + who * XC_COUNT_REASONS + (unsigned) reason;
}

/* A refusal: in all, and by who. */
void xc_count_refused(xc_map_t *map, unsigned who, xc_reason_t reason);

/* A request that goes on; observed: though it was decided deny. */
void xc_count_gone_on(xc_map_t *map, xc_level_t level, bool observed);

/* Adds one value, microseconds or records; a negative one is 0. */
void xc_count_value(xc_map_t *map, xc_histogram_kind_t kind, int64_t value);

/* The kind's upper bounds, each included, ascending; *n of them. */
const uint32_t *xc_count_bounds(xc_histogram_kind_t kind, size_t *n);

#endif
