#include "xcctl_report.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_REPORT_TOP    20      /* rows of a table of text */


static void
xcctl_text_counts(const char *title, const xcctl_tally_t *tally, bool refused)
{
    size_t                i;
    const xcctl_count_t  *count;

    printf("\n%-40s %12s%s\n", title, refused ? "admitted" : "count",
           refused ? "      refused" : "");

    for (i = 0; i < tally->used && i < XCCTL_REPORT_TOP; i++) {
        count = &tally->slots[i];
        printf("  %-38s %12" PRIu64, count->key, count->n[0]);

        if (refused) {
            printf(" %12" PRIu64, count->n[1]);
        }

        putchar('\n');
    }

    if (i < tally->used) {
        printf("  and %zu more\n", tally->used - i);
    }
}


static void
xcctl_text_slow(const char *title, const xcctl_slowest_t *slowest)
{
    char                 duration[40];
    size_t               i;
    const xcctl_slow_t  *slow;

    if (slowest->n == 0) {
        return;
    }

    printf("\n%s\n", title);

    for (i = 0; i < XCCTL_REPORT_SLOW && i < slowest->n; i++) {
        slow = &slowest->slow[i];
        xcctl_report_duration(duration, slow->ms);
        printf("  %16s  seq %-10" PRIu64 " %s  %s\n", duration, slow->seq,
               slow->agency, slow->request_no);
    }
}


static void
xcctl_text_replies(const xcctl_report_t *report)
{
    char      duration[40];
    size_t    i;
    unsigned  p;

    printf("\nfrom submit to the final reply: %zu answered, %" PRIu64
           " received and waiting\n", report->n_final, report->waiting);

    if (report->n_final == 0) {
        return;
    }

    for (p = 50; p <= 100; p += p == 50 ? 40 : 10) {
        xcctl_report_duration(duration, xcctl_report_percentile(report, p));
        printf("  %u %% within %s\n", p, duration);
    }

    for (i = 0; i < XCCTL_REPORT_BUCKETS; i++) {
        printf("  %-38s %12" PRIu64 "\n", xcctl_report_bucket_names[i],
               report->buckets[i]);
    }
}


void
xcctl_report_text(const xcctl_report_t *report)
{
    printf("node %s, %s to %s\n", report->node, report->first, report->last);
    printf("records %" PRIu64 ", requests admitted %" PRIu64 ", refused %"
           PRIu64 ", refusals summarised %" PRIu64 "\n", report->records,
           report->admitted, report->refused, report->summarised);

    if (report->observed != 0) {
        printf("of those admitted %" PRIu64 " were refusals that observe let "
               "go on\n", report->observed);
    }

    xcctl_text_counts("day (Asia/Shanghai)", &report->days, true);
    xcctl_text_counts("agency", &report->agencies, true);

    if (report->intermediaries.used != 0) {
        xcctl_text_counts("intermediary", &report->intermediaries, true);
    }

    xcctl_text_counts("reason", &report->reasons, false);
    xcctl_text_counts("refused field", &report->fields, false);
    xcctl_text_replies(report);
    xcctl_text_slow("slowest final replies", &report->replies);
    xcctl_text_slow("slowest answers", &report->answers);
}


/* Keys are texts of the records, escapes and all. */
static void
xcctl_json_counts(const char *name, const char *key,
    const xcctl_tally_t *tally, bool refused)
{
    size_t                i;
    const xcctl_count_t  *count;

    printf("\"%s\":[", name);

    for (i = 0; i < tally->used; i++) {
        count = &tally->slots[i];
        printf("%s{\"%s\":\"%s\",", i == 0 ? "" : ",", key, count->key);

        if (refused) {
            printf("\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64 "}",
                   count->n[0], count->n[1]);
        } else {
            printf("\"count\":%" PRIu64 "}", count->n[0]);
        }
    }

    fputs("],", stdout);
}


static void
xcctl_json_slow(const char *name, const xcctl_slowest_t *slowest)
{
    size_t               i;
    const xcctl_slow_t  *slow;

    printf("\"%s\":[", name);

    for (i = 0; i < XCCTL_REPORT_SLOW && i < slowest->n; i++) {
        slow = &slowest->slow[i];
        printf("%s{\"seq\":%" PRIu64 ",\"ms\":%" PRIu64 ",\"agency\":\"%s\","
               "\"request_no\":\"%s\"}", i == 0 ? "" : ",", slow->seq,
               slow->ms, slow->agency, slow->request_no);
    }

    putchar(']');
}


void
xcctl_report_json(const xcctl_report_t *report)
{
    printf("{\"node\":\"%s\",\"first\":\"%s\",\"last\":\"%s\",\"records\":%"
           PRIu64 ",\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"summarised\":%" PRIu64 ",\"observed\":%" PRIu64 ",",
           report->node, report->first, report->last, report->records,
           report->admitted, report->refused, report->summarised,
           report->observed);

    xcctl_json_counts("days", "day", &report->days, true);
    xcctl_json_counts("agencies", "agency", &report->agencies, true);
    xcctl_json_counts("intermediaries", "via", &report->intermediaries, true);
    xcctl_json_counts("reasons", "reason", &report->reasons, false);
    xcctl_json_counts("refused_fields", "field", &report->fields, false);

    printf("\"final_replies\":{\"count\":%zu,\"waiting\":%" PRIu64
           ",\"p50_ms\":%" PRIu64 ",\"p90_ms\":%" PRIu64 ",\"max_ms\":%" PRIu64
           ",", report->n_final, report->waiting,
           xcctl_report_percentile(report, 50),
           xcctl_report_percentile(report, 90),
           xcctl_report_percentile(report, 100));
    xcctl_json_slow("slowest", &report->replies);
    fputs("},", stdout);
    xcctl_json_slow("slowest_answers", &report->answers);
    puts("}");
}
