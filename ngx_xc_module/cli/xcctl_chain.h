/*
 * The chain of an audit log, followed line by line: what is altered, missing,
 * doubled or out of order, and where.  Constant memory, but for the faults
 * kept and the decisions that wait for their outcome.
 */

#ifndef XCCTL_CHAIN_H
#define XCCTL_CHAIN_H

#include "xcctl_log.h"
#include "../core/xc_hash.h"

#define XCCTL_CHAIN_FAULTS  1000    /* whose text is kept */
#define XCCTL_CHAIN_RUNS    65536   /* of further ones, for what excuses them;
                                       still more are only counted */

/* A line of the log, its form already checked. */
typedef struct {
    xcctl_where_t  where;
    uint64_t       seq;
    uint8_t        prev[XC_SHA256_SIZE];
    uint8_t        leaf[XC_SHA256_SIZE];
    bool           excuses;     /* a recover record that names a range in which
                                   lines may be missing: both included */
    uint64_t       from, to;
} xcctl_line_t;

/* Behind a line: what the next one has to say. */
typedef struct {
    uint64_t       seq;
    bool           known;       /* else any prev will do */
    uint8_t        leaf[XC_SHA256_SIZE];
    xcctl_where_t  where;       /* the line that it stands behind */
} xcctl_place_t;

/* What a recover record may excuse. */
typedef enum {
    XCCTL_LOSS_NONE,
    XCCTL_LOSS_LINES,           /* missing, or unreadable */
    XCCTL_LOSS_TORN             /* the end of a file, and no line of it */
} xcctl_loss_t;

typedef struct {
    uint64_t      seq;          /* expected where it was met */
    xcctl_loss_t  loss;
    char          text[400];
} xcctl_fault_t;

/* Faults without their text. */
typedef struct {
    uint64_t      seq;
    xcctl_loss_t  loss;
    uint64_t      faults;
} xcctl_run_t;

typedef struct {
    bool            begun;
    xcctl_place_t   main;       /* where the chain stands */

    /*
     * A line that did not fit, until the next one tells what it was: if that
     * fits main, the line does not belong; if it fits behind the line, the
     * fault lies before it.
     */
    bool            pending;
    bool            garbled;    /* it was no record at all, and is reported */
    xcctl_line_t    odd;
    xcctl_place_t   behind;

    bool            island;     /* main lies behind lines that are missing */

    bool            displaced;  /* a line that came one too early */
    xcctl_place_t   early;

    size_t          faults;     /* all; may exceed what is kept */
    size_t          kept;
    xcctl_fault_t   fault[XCCTL_CHAIN_FAULTS];
    size_t          runs;
    xcctl_run_t     run[XCCTL_CHAIN_RUNS];
    size_t          beyond;     /* in no run: nothing excuses them */
} xcctl_chain_t;

/* chain: zeroed at first. */
void xcctl_chain_line(xcctl_chain_t *chain, const xcctl_line_t *line);

/* A line that is no record. */
void xcctl_chain_garbled(xcctl_chain_t *chain, xcctl_where_t where,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* A file ends within a line, after so many octets. */
void xcctl_chain_torn(xcctl_chain_t *chain, xcctl_where_t where,
    size_t octets);

/* Something is wrong with a line that keeps its place. */
void xcctl_chain_fault(xcctl_chain_t *chain, xcctl_where_t where,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* No line follows. */
void xcctl_chain_end(xcctl_chain_t *chain);

#endif
