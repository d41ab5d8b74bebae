#include "xcctl_report.h"

#include "xcctl.h"
#include "xcctl_audit.h"
#include "xcctl_options.h"

#include "../core/xc_ascii.h"
#include "../core/xc_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


typedef struct {
    xcctl_report_t  report;
    xcctl_record_t  record;
} xcctl_reporter_t;


const xcctl_fault_text_t  xcctl_report_faults[XCCTL_REPLIES_FAULTS] = {
    [XCCTL_REPLIES_ORPHANS] = {
        "reply_without_request", "replies whose request is in no file given",
        "所给文件中没有其请求的答复" },
    [XCCTL_REPLIES_ELSEWHERE] = {
        "submit_not_given", "submits in no file given, though results name "
        "them", "查收结果所指、但不在所给文件中的提交" },
    [XCCTL_REPLIES_AGAIN] = {
        "final_again", "final replies fetched again after the first",
        "首次之后再次取得的最终答复" },
    [XCCTL_REPLIES_DIFFER] = {
        "final_differs", "submits whose final replies differ",
        "先后最终答复不一致的提交" },
    [XCCTL_REPLIES_BROKEN] = {
        "final_broken_off", "final replies not handed over whole, and not "
        "counted", "未完整送达、不予计入的最终答复" },
    [XCCTL_REPLIES_BACKWARDS] = {
        "before_submit", "submits with a reply dated before them, counted as "
        "at once", "答复时间早于提交、按即时计的提交" },
    [XCCTL_REPLIES_STRANGE] = {
        "other_id", "outcomes with another id than their decision, not "
        "counted", "编号与决定不符、不予计入的结果" },
    [XCCTL_REPLIES_TWICE] = {
        "given_twice", "records given twice, for replies counted once",
        "重复给出、答复只计一次的记录" }
};


static xc_str_t
xcctl_report_member(const xcctl_scan_t *scan, const char *name)
{
    const xcctl_member_t  *member = xcctl_scan_find(scan, xc_str_z(name));

    return member != NULL && member->type == '"' ? member->value
                                                 : XC_STR_NONE;
}


static bool
xcctl_report_count(xcctl_tally_t *tally, xc_str_t key, size_t which,
    uint64_t n)
{
    xcctl_count_t  *count = xcctl_tally_at(tally, key);

    if (count != NULL) {
        count->n[which] += n;
    }

    return count != NULL;
}


static bool
xcctl_report_refused(xcctl_reporter_t *r)
{
    xc_str_t               rest, reason;
    xcctl_scan_t           field;
    xcctl_member_t         element;
    xcctl_report_t        *report = &r->report;
    const xcctl_member_t  *list;

    report->refused++;

    reason = xcctl_report_member(&r->record.scan, "reason");
    if (reason.data != NULL
        && !xcctl_report_count(&report->reasons, reason, 0, 1))
    {
        return false;
    }

    list = xcctl_scan_find(&r->record.scan, XC_STR("refused"));
    rest = list != NULL && list->type == '[' ? list->value : XC_STR("[]");

    while (xcctl_scan_next(&rest, &element)) {
        if (element.type == '{' && xcctl_scan(element.value, &field)
            && !xcctl_report_count(&report->fields,
                                   xcctl_report_member(&field, "field"), 0, 1))
        {
            return false;
        }
    }

    return true;
}


static bool
xcctl_report_decision(xcctl_reporter_t *r)
{
    char           day[40];
    bool           allowed, admitted;
    size_t         which;
    xc_buf_t       out;
    xc_str_t       agency, via;
    xcctl_scan_t  *scan = &r->record.scan;

    admitted = xcctl_record_admitted(&r->record, &allowed);
    agency = xcctl_report_member(scan, "agency");
    via = xcctl_report_member(scan, "via");
    which = admitted ? XCCTL_ADMITTED : XCCTL_REFUSED;

    xc_buf_init(&out, day, sizeof(day));
    xc_time_format_us(&out, r->record.time_us
                            + XC_TIME_SHANGHAI_S * INT64_C(1000000));

    if (!xcctl_report_count(&r->report.days, (xc_str_t) { day, 10 }, which, 1)
        || !xcctl_report_count(&r->report.agencies, agency.data != NULL
                               ? agency : XC_STR("-"), which, 1)
        || (via.data != NULL
            && !xcctl_report_count(&r->report.intermediaries, via, which, 1)))
    {
        return false;
    }

    if (!allowed && !xcctl_report_refused(r)) {
        return false;
    }

    r->report.refused -= !allowed && admitted;
    r->report.admitted += admitted;
    r->report.observed += !allowed && admitted;

    return !admitted
           || xcctl_replies_decision(&r->report.replies, &r->record);
}


static bool
xcctl_report_summary(xcctl_reporter_t *r)
{
    uint64_t  n;
    xc_str_t  reason = xcctl_report_member(&r->record.scan, "reason");

    if (reason.data == NULL
        || !xcctl_scan_u64(&r->record.scan, XC_STR("count"), &n))
    {
        return true;
    }

    r->report.summarised += n;

    return xcctl_report_count(&r->report.reasons, reason, 0, n);
}


/* Of several files the records need not come in the order of time. */
static bool
xcctl_report_times(xcctl_reporter_t *r)
{
    int64_t          us = r->record.time_us;
    xcctl_report_t  *report = &r->report;

    if (report->records++ == 0) {
        report->first_us = us;
        report->last_us = us;
    }

    report->first_us = XC_MIN(report->first_us, us);
    report->last_us = XC_MAX(report->last_us, us);

    return xcctl_report_count(&report->nodes, r->record.node, 0, 1);
}


static xc_rc_t
xcctl_report_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    bool               ok;
    char               error[160];
    xcctl_reporter_t  *r = ctx;

    if (kind != XCCTL_LOG_LINE
        || !xcctl_record_read(&r->record, where, text, error, sizeof(error))
        || !xcctl_record_scan(&r->record, error, sizeof(error)))
    {
        (void) xcctl_fail("%s:%" PRIu64 ": not a record, passed over",
                          where.file, where.line);
        r->report.skipped++;
        return XC_OK;
    }

    ok = xcctl_report_times(r);

    if (ok && xcctl_record_event(&r->record, "decision")) {
        ok = xcctl_report_decision(r);

    } else if (ok && xcctl_record_event(&r->record, "outcome")) {
        ok = xcctl_replies_outcome(&r->report.replies, &r->record);

    } else if (ok && xcctl_record_event(&r->record, "summary")) {
        ok = xcctl_report_summary(r);
    }

    return ok ? XC_OK : XC_ENOMEM;
}


void
xcctl_report_duration(char out[40], uint64_t ms)
{
    uint64_t  s = ms / 1000;

    if (s >= 86400) {
        (void) snprintf(out, 40, "%" PRIu64 " d %02u:%02u:%02u", s / 86400,
                        (unsigned) (s % 86400 / 3600),
                        (unsigned) (s % 3600 / 60), (unsigned) (s % 60));
        return;
    }

    (void) snprintf(out, 40, "%02u:%02u:%02u.%03u", (unsigned) (s / 3600),
                    (unsigned) (s % 3600 / 60), (unsigned) (s % 60),
                    (unsigned) (ms % 1000));
}


void
xcctl_report_short(char out[40], uint64_t n, uint64_t ms)
{
    if (n == 0) {
        (void) snprintf(out, 40, "-");

    } else if (ms < 1000) {
        (void) snprintf(out, 40, "%" PRIu64 " ms", ms);

    } else if (ms < 60 * 1000) {
        (void) snprintf(out, 40, "%.1f s", (double) ms / 1000);

    } else if (ms < 3600 * 1000) {
        (void) snprintf(out, 40, "%.1f min", (double) ms / 60e3);

    } else if (ms < 24 * 3600 * 1000) {
        (void) snprintf(out, 40, "%.1f h", (double) ms / 3600e3);

    } else {
        (void) snprintf(out, 40, "%.1f d", (double) ms / 86400e3);
    }
}


void
xcctl_report_time(char out[40], int64_t us)
{
    xc_buf_t  buf;

    xc_buf_init(&buf, out, 40);

    if (us != 0) {
        xc_time_format_us(&buf, us);
    }

    out[buf.len] = '\0';
}


xcctl_tally_t
xcctl_report_periods(const xcctl_report_t *report, size_t most)
{
    size_t                i, len = report->days.used > most ? 7 : 10;
    xcctl_tally_t         out = { .slots = NULL };
    const xcctl_count_t  *day;

    for (i = 0; i < report->days.used; i++) {
        day = &report->days.slots[i];

        if (!xcctl_report_count(&out, (xc_str_t) { day->key, len }, 0,
                                day->n[0])
            || !xcctl_report_count(&out, (xc_str_t) { day->key, len }, 1,
                                   day->n[1]))
        {
            break;
        }
    }

    xcctl_tally_sort(&out, true);

    return out;
}


/* False: no memory. */
static bool
xcctl_report_finish(xcctl_report_t *report)
{
    xcctl_tally_sort(&report->nodes, true);
    xcctl_tally_sort(&report->days, true);
    xcctl_tally_sort(&report->agencies, false);
    xcctl_tally_sort(&report->intermediaries, false);
    xcctl_tally_sort(&report->reasons, false);
    xcctl_tally_sort(&report->fields, false);

    return xcctl_replies_finish(&report->replies, report->last_us);
}


static void
xcctl_report_free(xcctl_reporter_t *r)
{
    xcctl_tally_free(&r->report.nodes);
    xcctl_tally_free(&r->report.days);
    xcctl_tally_free(&r->report.agencies);
    xcctl_tally_free(&r->report.intermediaries);
    xcctl_tally_free(&r->report.reasons);
    xcctl_tally_free(&r->report.fields);
    xcctl_replies_free(&r->report.replies);
    free(r);
}


int
xcctl_audit_report(int argc, char **argv)
{
    int                at, status;
    xcctl_reporter_t  *r;
    xcctl_option_t     options[] = {
        { "--json", true, NULL, 1, 0 },
        { "--html", true, NULL, 1, 0 },
    };

    at = xcctl_options(argc, argv, options, XC_COUNT(options));
    if (at < 0) {
        return XCCTL_USAGE;
    }

    if (argc == at || options[0].n + options[1].n > 1) {
        return xcctl_usage("audit report [--json|--html] FILE...");
    }

    r = calloc(1, sizeof(xcctl_reporter_t));
    if (r == NULL) {
        return xcctl_fail("out of memory");
    }

    status = xcctl_log_files(argv + at, argc - at, xcctl_report_line, r);

    if (status == XCCTL_OK && !xcctl_report_finish(&r->report)) {
        (void) xcctl_fail("out of memory");
        status = XCCTL_USAGE;
    }

    if (status == XCCTL_OK) {
        if (options[0].n != 0) {
            xcctl_report_json(&r->report);

        } else if (options[1].n != 0) {
            xcctl_report_html(&r->report);

        } else {
            xcctl_report_text(&r->report);
        }

        status = r->report.skipped != 0 ? XCCTL_FAIL : XCCTL_OK;
    }

    xcctl_report_free(r);

    return status;
}
