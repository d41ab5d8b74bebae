/* A record of the audit log as it stands in its line (CONTRACT.md 5). */

#ifndef XCCTL_RECORD_H
#define XCCTL_RECORD_H

#include "xcctl_log.h"
#include "xcctl_scan.h"
#include "../core/xc_hash.h"

typedef struct {
    xcctl_where_t  where;
    xc_str_t       line;
    uint64_t       seq;
    uint8_t        prev[XC_SHA256_SIZE];
    int64_t        time_us;
    xc_str_t       node, event;
    bool           scanned;         /* scan is of this line */
    xcctl_scan_t   scan;

    char           date[10];        /* of the record before, and its start */
    int64_t        date_us;
} xcctl_record_t;

/*
 * Reads a line; record is zeroed before the first and reused.  Borrows from
 * line.  False: error, of room size, says what is wrong.
 *
 * Of decisions and outcomes, of which a log is made, only the beginning, the
 * end and the characters (UTF-8, no controls) are looked at, for half the
 * price of hashing them; all others are scanned, too.
 */
bool xcctl_record_read(xcctl_record_t *record, xcctl_where_t where,
    xc_str_t line, char *error, size_t size) XC_WUR;

/* Scans it where that has not been done. */
bool xcctl_record_scan(xcctl_record_t *record, char *error, size_t size)
    XC_WUR;

static inline bool
xcctl_record_event(const xcctl_record_t *record, const char *event)
{
    return xc_str_eq(record->event, xc_str_z(event));
}

/* A decision that let the request through: *allowed, or observed only.  From
 * the place that the gate writes these members in. */
bool xcctl_record_admitted(const xcctl_record_t *record, bool *allowed);

/* The decision that an outcome belongs to. */
bool xcctl_record_decision(xcctl_record_t *record, uint64_t *seq);

/*
 * The seqs, both included, that a scanned recover record gives up: its range
 * `unsure` or `lost`.  Without one half a record may stand before it, which
 * never had a seq: *from then is the record's own, *to one less.
 */
bool xcctl_record_gives_up(const xcctl_record_t *record, uint64_t *from,
    uint64_t *to);

#endif
