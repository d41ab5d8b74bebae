/*
 * What a reader of a log wants to know besides its being whole: stretches
 * without a record, changes of mode and policy, decisions without outcome,
 * refusals that observe let pass.  None of it is a fault.
 */

#ifndef XCCTL_WATCH_H
#define XCCTL_WATCH_H

#include "xc_heap.h"
#include "xcctl_record.h"
#include "xcctl_seqs.h"

#define XCCTL_WATCH_HEARTBEAT_S     600

typedef struct xcctl_gate_s xcctl_gate_t;

typedef struct {
    xc_heap_t       heap;           /* of the gates at hand */
    xcctl_gate_t   *gates;
    bool            told;           /* gates have been told once */

    bool            begun, stopped; /* by the record before */
    int64_t         time_us;        /* of the record before */
    uint64_t        heartbeat_s;

    xcctl_seqs_t    open;           /* admitted, without outcome */
    uint64_t        observed, observed_first, observed_last;
} xcctl_watch_t;

/* watch: zeroed.  XC_ENOMEM. */
xc_rc_t xcctl_watch_record(xcctl_watch_t *watch, xcctl_record_t *record)
    XC_WUR;

void xcctl_watch_end(xcctl_watch_t *watch);
void xcctl_watch_free(xcctl_watch_t *watch);

#endif
