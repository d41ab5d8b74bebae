#include "xcctl_report.h"

#include "xcctl.h"
#include "xcctl_audit.h"
#include "xcctl_options.h"

#include "../core/xc_ascii.h"
#include "../core/xc_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define XCCTL_HOUR_MS   UINT64_C(3600000)


/* An admitted request whose outcome, or final reply, is not known yet. */
typedef struct {
    int64_t       time_us;
    uint64_t      seq;
    char          agency[XCCTL_REPORT_TEXT];
    char          request_no[XCCTL_REPORT_TEXT];
    char          ref[XCCTL_REPORT_TEXT];
    bool          waits;        /* received, and a final reply is due */
} xcctl_request_t;

typedef struct {
    xcctl_report_t    report;
    xcctl_record_t    record;
    xcctl_tally_t     open;         /* by id; n[0]: index in requests, from 1 */
    xcctl_request_t  *requests;
    size_t            n_requests, room;
    size_t            spare;        /* of those given back, from 1; linked by
                                       seq; 0: none */
} xcctl_reporter_t;

const uint64_t  xcctl_report_bounds_ms[XCCTL_REPORT_BUCKETS - 1] = {
    XCCTL_HOUR_MS, 24 * XCCTL_HOUR_MS, 72 * XCCTL_HOUR_MS,
    168 * XCCTL_HOUR_MS, 360 * XCCTL_HOUR_MS
};

const char *const  xcctl_report_bucket_names[XCCTL_REPORT_BUCKETS] = {
    "< 1 h", "< 1 d", "< 3 d", "< 7 d", "< 15 d", ">= 15 d"
};


static xc_str_t
xcctl_report_member(const xcctl_scan_t *scan, const char *name)
{
    const xcctl_member_t  *member = xcctl_scan_find(scan, xc_str_z(name));

    return member != NULL && member->type == '"' ? member->value
                                                 : XC_STR_NONE;
}


static void
xcctl_report_copy(char out[XCCTL_REPORT_TEXT], xc_str_t text)
{
    /* not within an escape, which a cut would break */
    if (text.len >= XCCTL_REPORT_TEXT
        && memchr(text.data, '\\', XCCTL_REPORT_TEXT) != NULL)
    {
        text.len = 0;
    }

    text = xc_ascii_cut(text, XCCTL_REPORT_TEXT - 1);
    (void) snprintf(out, XCCTL_REPORT_TEXT, XC_STR_FMT, XC_STR_ARG(text));
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


static void
xcctl_report_slow(xcctl_slowest_t *slowest, uint64_t ms, uint64_t seq,
    const xcctl_request_t *request)
{
    size_t        i, n = XC_MIN(slowest->n, (uint64_t) XCCTL_REPORT_SLOW);
    xcctl_slow_t  slow = { .seq = seq, .ms = ms };

    slowest->n++;

    for (i = n; i > 0 && slowest->slow[i - 1].ms < ms; i--) {
        if (i < XCCTL_REPORT_SLOW) {
            slowest->slow[i] = slowest->slow[i - 1];
        }
    }

    if (i < XCCTL_REPORT_SLOW) {
        memcpy(slow.agency, request->agency, sizeof(slow.agency));
        memcpy(slow.request_no, request->request_no, sizeof(slow.request_no));
        slowest->slow[i] = slow;
    }
}


static xcctl_request_t *
xcctl_report_new(xcctl_reporter_t *r, xcctl_count_t *slot)
{
    void    *more;
    size_t   room;

    if (slot->n[0] == 0 && r->spare != 0) {
        slot->n[0] = r->spare;
        r->spare = (size_t) r->requests[r->spare - 1].seq;
    }

    if (slot->n[0] == 0 && r->n_requests == r->room) {
        room = r->room == 0 ? 256 : 2 * r->room;
        more = realloc(r->requests, room * sizeof(xcctl_request_t));
        if (more == NULL) {
            return NULL;
        }

        r->requests = more;
        r->room = room;
    }

    if (slot->n[0] == 0) {
        slot->n[0] = ++r->n_requests;
    }

    return &r->requests[slot->n[0] - 1];
}


static void
xcctl_report_drop(xcctl_reporter_t *r, xc_str_t id)
{
    size_t          i;
    xcctl_count_t  *slot = xcctl_tally_find(&r->open, id);

    if (slot != NULL) {
        i = (size_t) slot->n[0];
        r->requests[i - 1].seq = r->spare;
        r->spare = i;
        xcctl_tally_remove(&r->open, slot);
    }
}


static xcctl_request_t *
xcctl_report_find(const xcctl_reporter_t *r, xc_str_t id)
{
    xcctl_count_t  *slot = xcctl_tally_find(&r->open, id);

    return slot != NULL ? &r->requests[slot->n[0] - 1] : NULL;
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
    char              day[40];
    bool              allowed, admitted;
    size_t            which;
    xc_buf_t          out;
    xc_str_t          agency, via, id;
    xcctl_scan_t     *scan = &r->record.scan;
    xcctl_count_t    *slot;
    xcctl_request_t  *request;

    admitted = xcctl_record_admitted(&r->record, &allowed);
    agency = xcctl_report_member(scan, "agency");
    via = xcctl_report_member(scan, "via");
    id = xcctl_report_member(scan, "id");
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

    if (!admitted || id.data == NULL) {
        return true;
    }

    slot = xcctl_tally_at(&r->open, id);
    request = slot == NULL ? NULL : xcctl_report_new(r, slot);
    if (request == NULL) {
        return false;
    }

    request->waits = false;
    request->time_us = r->record.time_us;
    request->seq = r->record.seq;
    xcctl_report_copy(request->agency, agency);
    xcctl_report_copy(request->request_no,
                      xcctl_report_member(scan, "request_no"));
    xcctl_report_copy(request->ref, xcctl_report_member(scan, "ref"));

    return true;
}


static bool
xcctl_report_final(xcctl_reporter_t *r, const xcctl_request_t *submit)
{
    void            *more;
    size_t           i, room;
    int64_t          us = r->record.time_us - submit->time_us;
    uint64_t         ms = us > 0 ? (uint64_t) us / 1000 : 0;
    xcctl_report_t  *report = &r->report;

    if (report->n_final == report->room) {
        room = report->room == 0 ? 256 : 2 * report->room;
        more = realloc(report->final_ms, room * sizeof(uint64_t));
        if (more == NULL) {
            return false;
        }

        report->final_ms = more;
        report->room = room;
    }

    report->final_ms[report->n_final++] = ms;

    for (i = 0; i < XCCTL_REPORT_BUCKETS - 1; i++) {
        if (ms < xcctl_report_bounds_ms[i]) {
            break;
        }
    }

    report->buckets[i]++;
    xcctl_report_slow(&report->replies, ms, submit->seq, submit);

    return true;
}


/*
 * The final reply comes with the submit's own outcome, or with that of a later
 * request whose record names the submit by `ref`.
 */
static bool
xcctl_report_outcome(xcctl_reporter_t *r)
{
    bool              ok = true, final, waits;
    char              ref[XCCTL_REPORT_TEXT];
    uint64_t          ms;
    xc_str_t          id, reply;
    xcctl_request_t  *request, *submit;

    id = xcctl_report_member(&r->record.scan, "id");
    reply = xcctl_report_member(&r->record.scan, "reply");
    request = id.data == NULL ? NULL : xcctl_report_find(r, id);

    if (request == NULL) {
        return true;
    }

    if (xcctl_scan_u64(&r->record.scan, XC_STR("ms"), &ms)) {
        xcctl_report_slow(&r->report.answers, ms, request->seq, request);
    }

    final = xc_str_eq(reply, XC_STR("final"))
            || xc_str_eq(reply, XC_STR("no-data"))
            || xc_str_eq(reply, XC_STR("declined"));
    waits = !final && reply.data != NULL && request->ref[0] == '\0';
    memcpy(ref, request->ref, sizeof(ref));

    submit = ref[0] == '\0' ? request : xcctl_report_find(r, xc_str_z(ref));

    if (final && submit != NULL) {
        ok = xcctl_report_final(r, submit);
        xcctl_report_drop(r, xc_str_z(ref));
    }

    request->waits = waits;

    if (!waits) {
        xcctl_report_drop(r, id);
    }

    return ok;
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


static void
xcctl_report_times(xcctl_reporter_t *r)
{
    xc_str_t         time = r->record.scan.member[2].value;
    xcctl_report_t  *report = &r->report;

    if (report->records++ == 0) {
        (void) snprintf(report->first, sizeof(report->first), XC_STR_FMT,
                        XC_STR_ARG(time));
        (void) snprintf(report->node, sizeof(report->node), XC_STR_FMT,
                        XC_STR_ARG(r->record.node));
    }

    (void) snprintf(report->last, sizeof(report->last), XC_STR_FMT,
                    XC_STR_ARG(time));
}


static xc_rc_t
xcctl_report_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    bool               ok = true;
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

    xcctl_report_times(r);

    if (xcctl_record_event(&r->record, "decision")) {
        ok = xcctl_report_decision(r);

    } else if (xcctl_record_event(&r->record, "outcome")) {
        ok = xcctl_report_outcome(r);

    } else if (xcctl_record_event(&r->record, "summary")) {
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


uint64_t
xcctl_report_percentile(const xcctl_report_t *report, unsigned p)
{
    return report->n_final == 0
           ? 0 : report->final_ms[(report->n_final - 1) * p / 100];
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


static int
xcctl_report_compare(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


static void
xcctl_report_finish(xcctl_reporter_t *r)
{
    size_t           i;
    xcctl_report_t  *report = &r->report;

    for (i = 0; i < r->open.size; i++) {
        if (r->open.slots[i].key != NULL) {
            report->waiting
                += r->requests[r->open.slots[i].n[0] - 1].waits;
        }
    }

    xcctl_tally_sort(&report->days, true);
    xcctl_tally_sort(&report->agencies, false);
    xcctl_tally_sort(&report->intermediaries, false);
    xcctl_tally_sort(&report->reasons, false);
    xcctl_tally_sort(&report->fields, false);

    if (report->n_final != 0) {
        qsort(report->final_ms, report->n_final, sizeof(uint64_t),
              xcctl_report_compare);
    }
}


static void
xcctl_report_free(xcctl_reporter_t *r)
{
    xcctl_tally_free(&r->open);
    xcctl_tally_free(&r->report.days);
    xcctl_tally_free(&r->report.agencies);
    xcctl_tally_free(&r->report.intermediaries);
    xcctl_tally_free(&r->report.reasons);
    xcctl_tally_free(&r->report.fields);
    free(r->report.final_ms);
    free(r->requests);
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

    if (status == XCCTL_OK) {
        xcctl_report_finish(r);

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
