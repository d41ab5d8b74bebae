/* What audit report counts, and the three ways to show it. */

#ifndef XCCTL_REPORT_H
#define XCCTL_REPORT_H

#include "xcctl_record.h"
#include "xcctl_tally.h"

#define XCCTL_REPORT_SLOW       10
#define XCCTL_REPORT_TEXT       96      /* octets of a text in a slow one */
#define XCCTL_REPORT_BUCKETS    6

/* In counters: admitted, refused; of fields and reasons the first only. */
enum {
    XCCTL_ADMITTED,
    XCCTL_REFUSED
};

/* The slowest of something; texts as they stand in the records, escapes and
 * all, so that they fit into JSON. */
typedef struct {
    uint64_t  seq;
    uint64_t  ms;
    char      agency[XCCTL_REPORT_TEXT];
    char      request_no[XCCTL_REPORT_TEXT];
} xcctl_slow_t;

typedef struct {
    uint64_t      n;
    xcctl_slow_t  slow[XCCTL_REPORT_SLOW];  /* the slowest first */
} xcctl_slowest_t;

typedef struct {
    uint64_t         records, skipped, admitted, refused, summarised;
    uint64_t         observed;      /* of the admitted: refusals that observe
                                       let go on */
    char             first[32], last[32];   /* times of records */
    char             node[65];

    xcctl_tally_t    days;          /* Asia/Shanghai */
    xcctl_tally_t    agencies;
    xcctl_tally_t    intermediaries;    /* that asked for an agency */
    xcctl_tally_t    reasons;
    xcctl_tally_t    fields;        /* refused ones */

    xcctl_slowest_t  answers;       /* by `ms` of their outcome */
    xcctl_slowest_t  replies;       /* from submit to the final reply */
    uint64_t        *final_ms;      /* sorted */
    size_t           n_final, room;
    uint64_t         buckets[XCCTL_REPORT_BUCKETS];
    uint64_t         waiting;       /* received, without a final reply */
} xcctl_report_t;

/* Upper bounds of the buckets, the last has none; and how they are called. */
extern const uint64_t     xcctl_report_bounds_ms[XCCTL_REPORT_BUCKETS - 1];
extern const char *const  xcctl_report_bucket_names[XCCTL_REPORT_BUCKETS];

/* "3 d 04:05:06", "00:00:01.234" */
void xcctl_report_duration(char out[40], uint64_t ms);

/* The value below which a share of the final replies lies, in percent; 0
 * without any. */
uint64_t xcctl_report_percentile(const xcctl_report_t *report, unsigned p);

/* Days, or months where there are too many days for a chart; to be freed.  An
 * empty one when memory is short. */
xcctl_tally_t xcctl_report_periods(const xcctl_report_t *report, size_t most);

void xcctl_report_text(const xcctl_report_t *report);
void xcctl_report_json(const xcctl_report_t *report);
void xcctl_report_html(const xcctl_report_t *report);

#endif
