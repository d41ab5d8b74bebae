/*
 * What a node tells of itself (CONTRACT.md section 1, xc_status): counters and
 * health, in three forms.  Pure: the adapter gathers, this writes.
 *
 * The kinds of labels are fixed: reasons, levels, classes of days, buckets.
 * Nothing that a client sends is told; agencies only where they are asked for,
 * by the names that the policy gives them.
 */

#ifndef XC_STATUS_H
#define XC_STATUS_H

#include "xc_buf.h"
#include "xc_count.h"
#include "xc_rate.h"

/* A slice has room for this at least; no piece is larger, if no string of the
 * policy is over XC_STATUS_TEXT_MAX. */
#define XC_STATUS_PIECE_MAX     16384
#define XC_STATUS_TEXT_MAX      512

typedef enum {
    XC_STATUS_JSON,
    XC_STATUS_PROMETHEUS,       /* text exposition format 0.0.4 */
    XC_STATUS_HTML,
    XC_STATUS_FORMATS
} xc_status_format_t;

/* Credentials by how long they last yet. */
typedef enum {
    XC_STATUS_ENDED,
    XC_STATUS_DAY_1,            /* at most that many days */
    XC_STATUS_DAYS_7,
    XC_STATUS_DAYS_30,
    XC_STATUS_DAYS_90,
    XC_STATUS_LATER,
    XC_STATUS_ENDLESS,
    XC_STATUS_DAYS_COUNT
} xc_status_days_t;

/* The last second of a class, counted from now; 0 for those without. */
extern const int64_t  xc_status_days_s[XC_STATUS_DAYS_COUNT];

/* A credential that ends soon. */
typedef struct {
    xc_str_t         agency, scheme, keyid;
    int64_t          days;
} xc_status_ending_t;

typedef struct {
    xc_str_t         id, name;
    xc_level_t       level;
    uint64_t         admitted, refused, limited;
    xc_rate_state_t  state;
} xc_status_agency_t;

/* Strings are borrowed. */
typedef struct {
    xc_str_t   node;
    uint64_t   worker;          /* what answers, and that alone knows the next
                                   three */
    bool       writable;        /* the last attempt to write the log */
    uint64_t   waiting;         /* requests, for the log */
    uint64_t   queued;          /* records not yet written */

    bool       head;            /* the log's is known */
    uint64_t   records, bytes;
    uint8_t    leaf[XC_SHA256_SIZE];

    bool       signing;         /* there is a key: there must be a checkpoint */
    bool       checkpoint;      /* there is one */
    uint64_t   checkpoint_size; /* records */
    int64_t    checkpoint_age_s;

    bool       map;             /* the next four are known */
    uint64_t   counters[XC_MAP_COUNTERS];
    uint64_t   nonces_used, nonces_slots, nonces_promised;

    uint64_t   credentials[XC_STATUS_DAYS_COUNT];
    const xc_status_ending_t *ending;
    size_t     n_ending;

    bool       intake;          /* there is a document */
    int64_t    intake_s;        /* until the first expires; past: negative */

    uint64_t   observe_gates;
    int64_t    observe_s;       /* until the first ends; INT64_MAX: never */

    bool       fleet;
    bool       fleet_connected; /* this worker is */
    uint64_t   fleet_waiting;   /* requests of this worker */

    bool       agencies;        /* are asked for */
    size_t     n_agencies;
    void     (*agency)(void *ctx, size_t i, xc_status_agency_t *out);
    void      *ctx;
} xc_status_t;

/* Where the writing is; zeros: at the beginning. */
typedef struct {
    size_t     part, row;
} xc_status_at_t;

/*
 * Appends as much as out has room for, in whole pieces; true: there is more,
 * for another slice.  A slice holds XC_STATUS_PIECE_MAX bytes at least; one
 * that overflows is a fault.  Some 0.5 ms for 64 KiB.
 */
bool xc_status_write(const xc_status_t *status, xc_status_format_t format,
    xc_status_at_t *at, xc_buf_t *out) XC_WUR;

xc_str_t xc_status_media_type(xc_status_format_t format);

/* A Content-Security-Policy under which the page is whole: its one style sheet
 * by hash, nothing else.  XC_EINTERNAL. */
xc_rc_t xc_status_csp(xc_buf_t *out) XC_WUR;

#endif
