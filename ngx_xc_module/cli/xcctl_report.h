/* What audit report counts, and the three ways to show it. */

#ifndef XCCTL_REPORT_H
#define XCCTL_REPORT_H

#include "xcctl_record.h"
#include "xcctl_replies.h"
#include "xcctl_tally.h"

/* In counters: admitted, refused; of fields and reasons the first only. */
enum {
    XCCTL_ADMITTED,
    XCCTL_REFUSED
};

typedef struct {
    uint64_t         records, skipped, admitted, refused, summarised;
    uint64_t         observed;      /* of the admitted: refusals that observe
                                       let go on */
    int64_t          first_us, last_us;     /* of records; 0 without any */

    xcctl_tally_t    nodes;
    xcctl_tally_t    days;          /* Asia/Shanghai */
    xcctl_tally_t    agencies;
    xcctl_tally_t    intermediaries;    /* that asked for an agency */
    xcctl_tally_t    reasons;
    xcctl_tally_t    fields;        /* refused ones */

    xcctl_replies_t  replies;
} xcctl_report_t;

/* Of what does not fit: the member's name in JSON, and in words. */
typedef struct {
    const char  *json, *en, *zh;
} xcctl_fault_text_t;

extern const xcctl_fault_text_t  xcctl_report_faults[XCCTL_REPLIES_FAULTS];

/* "3 d 04:05:06", "00:00:01.234" */
void xcctl_report_duration(char out[40], uint64_t ms);

/* "850 ms", "14.0 s", "12.5 min", "7.5 h", "3.2 d"; "-" for none of n. */
void xcctl_report_short(char out[40], uint64_t n, uint64_t ms);

/* "2026-11-22T10:20:30.123456Z"; of 0, which is no time, "". */
void xcctl_report_time(char out[40], int64_t us);

/* Days, or months where there are too many days for a chart; to be freed.  An
 * empty one when memory is short. */
xcctl_tally_t xcctl_report_periods(const xcctl_report_t *report, size_t most);

void xcctl_report_text(const xcctl_report_t *report);
void xcctl_report_json(const xcctl_report_t *report);
void xcctl_report_html(const xcctl_report_t *report);

#endif
