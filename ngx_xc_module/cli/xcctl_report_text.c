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

    for (i = 0; i < XCCTL_REPLIES_SLOW && i < slowest->n; i++) {
        slow = &slowest->slow[i];
        xcctl_report_duration(duration, slow->ms);
        printf("  %16s  %-14s %s  %s\n", duration, slow->record,
               slow->agency, slow->request_no);
    }
}


static void
xcctl_text_times(const char *title, const xcctl_times_t *times)
{
    char  p50[40], p90[40], max[40];

    xcctl_report_duration(p50, times->p50_ms);
    xcctl_report_duration(p90, times->p90_ms);
    xcctl_report_duration(max, times->max_ms);

    printf("  %-24s %zu", title, times->n);

    if (times->n != 0) {
        printf(", median %s, 90 %% within %s, longest %s", p50, p90, max);
    }

    putchar('\n');
}


static void
xcctl_text_group(const xcctl_reply_group_t *group)
{
    char  interim[40], p50[40], p90[40], max[40];

    xcctl_report_short(interim, group->interim.n, group->interim.p50_ms);
    xcctl_report_short(p50, group->final.n, group->final.p50_ms);
    xcctl_report_short(p90, group->final.n, group->final.p90_ms);
    xcctl_report_short(max, group->final.n, group->final.max_ms);

    printf("  %-18s %8" PRIu64 " %7" PRIu64 " %8zu %9s %7zu %9s %9s %9s\n",
           group->name, group->submits, group->failed, group->interim.n,
           interim, group->final.n, p50, p90, max);
}


static void
xcctl_text_groups(const char *title, const xcctl_reply_groups_t *groups)
{
    size_t  i;

    printf("\n%-20s %8s %7s %8s %9s %7s %9s %9s %9s\n", title, "submits",
           "failed", "interim", "median", "final", "median", "90 %",
           "longest");

    for (i = 0; i < groups->n && i < XCCTL_REPORT_TOP; i++) {
        xcctl_text_group(&groups->list[i]);
    }

    if (i < groups->n) {
        printf("  and %zu more\n", groups->n - i);
    }
}


static void
xcctl_text_age(const char *name, const xcctl_reply_group_t *group)
{
    size_t  i;

    printf("  %-28s %8" PRIu64, name, group->waiting);

    for (i = 0; i < XCCTL_REPLIES_AGES; i++) {
        printf(" %8" PRIu64, group->ages[i]);
    }

    putchar('\n');
}


/* Who waits for nothing has no row. */
static void
xcctl_text_ages(const xcctl_reply_groups_t *groups)
{
    size_t  i, rows = 0, more = 0;

    for (i = 0; i < groups->n; i++) {
        if (groups->list[i].waiting == 0) {
            continue;
        }

        if (rows < XCCTL_REPORT_TOP) {
            xcctl_text_age(groups->list[i].name, &groups->list[i]);
            rows++;

        } else {
            more++;
        }
    }

    if (more != 0) {
        printf("  and %zu more\n", more);
    }
}


static void
xcctl_text_waiting(const xcctl_replies_t *r)
{
    char                    age[40];
    size_t                  i;
    const xcctl_request_t  *submit;

    printf("\n%-30s %8s", "without final reply, by age", "all");

    for (i = 0; i < XCCTL_REPLIES_AGES; i++) {
        printf(" %8s", xcctl_replies_buckets[i + 1]);
    }

    putchar('\n');
    xcctl_text_age("all", &r->all);
    xcctl_text_ages(&r->levels);
    xcctl_text_ages(&r->agencies);

    if (r->n_oldest != 0) {
        puts("\noldest without final reply (age, record, id, agency, last "
             "reply)");
    }

    for (i = 0; i < r->n_oldest; i++) {
        submit = r->oldest[i];
        xcctl_report_duration(age, xcctl_replies_ms(submit->time_us,
                                                    r->now_us));
        printf("  %16s  %s:%" PRIu64 "  %s  %s  %s\n", age, submit->node,
               submit->seq, submit->id, submit->agency,
               xcctl_replies_words[submit->last]);
    }
}


static void
xcctl_text_faults(const xcctl_replies_t *r)
{
    size_t  i;

    for (i = 0; i < XCCTL_REPLIES_FAULTS; i++) {
        if (r->faults[i] != 0) {
            printf("told apart: %" PRIu64 " %s\n", r->faults[i],
                   xcctl_report_faults[i].en);
        }
    }

    for (i = 0; i < r->unknown.used; i++) {
        if (i == XCCTL_REPORT_TOP) {
            printf("told apart: %zu more such words\n", r->unknown.used - i);
            break;
        }

        printf("told apart: %" PRIu64 " replies \"%s\", which is none, not "
               "counted\n", r->unknown.slots[i].n[0],
               r->unknown.slots[i].key);
    }

    if (r->untracked != 0) {
        printf("told apart: %" PRIu64 " requests, neither GET nor HEAD, of "
               "operations for which no reply was ever recorded\n",
               r->untracked);
    }
}


static void
xcctl_text_replies(const xcctl_replies_t *r)
{
    char    now[40];
    size_t  i;

    xcctl_report_time(now, r->now_us);
    printf("\nreplies to submits, as of %s\n", now);
    printf("  %-24s %" PRIu64 ", final reply %zu (no-data %" PRIu64
           ", declined %" PRIu64 "), waiting %" PRIu64 ", failed %" PRIu64
           "\n", "submits", r->all.submits, r->all.final.n, r->all.no_data,
           r->all.declined, r->all.waiting, r->all.failed);

    if (r->all.submits != 0) {
        xcctl_text_times("to the first interim", &r->all.interim);
        xcctl_text_times("to the final reply", &r->all.final);
    }

    for (i = 0; r->all.final.n != 0 && i < XCCTL_REPLIES_BUCKETS; i++) {
        printf("    %-36s %12" PRIu64 "\n", xcctl_replies_buckets[i],
               r->buckets[i]);
    }

    if (r->all.submits != 0) {
        xcctl_text_groups("level", &r->levels);
        xcctl_text_groups("agency", &r->agencies);
    }

    if (r->all.waiting != 0) {
        xcctl_text_waiting(r);
    }

    xcctl_text_faults(r);
}


void
xcctl_report_text(const xcctl_report_t *report)
{
    char    first[40], last[40];
    size_t  i;

    xcctl_report_time(first, report->first_us);
    xcctl_report_time(last, report->last_us);

    fputs(report->nodes.used > 1 ? "nodes" : "node", stdout);

    for (i = 0; i < report->nodes.used; i++) {
        printf("%s %s", i == 0 ? "" : ",", report->nodes.slots[i].key);
    }

    printf("%s %s to %s\n", report->nodes.used != 0 ? "," : "", first, last);
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
    xcctl_text_replies(&report->replies);
    xcctl_text_slow("slowest final replies", &report->replies.slowest);
    xcctl_text_slow("slowest answers", &report->replies.answers);
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

    for (i = 0; i < XCCTL_REPLIES_SLOW && i < slowest->n; i++) {
        slow = &slowest->slow[i];
        printf("%s{\"record\":\"%s\",\"ms\":%" PRIu64 ",\"agency\":\"%s\","
               "\"request_no\":\"%s\"}", i == 0 ? "" : ",", slow->record,
               slow->ms, slow->agency, slow->request_no);
    }

    putchar(']');
}


/* Times without a reply are null. */
static void
xcctl_json_times(const char *name, const xcctl_times_t *times)
{
    if (times->n == 0) {
        printf("\"%s\":{\"count\":0,\"p50_ms\":null,\"p90_ms\":null,"
               "\"max_ms\":null}", name);
        return;
    }

    printf("\"%s\":{\"count\":%zu,\"p50_ms\":%" PRIu64 ",\"p90_ms\":%" PRIu64
           ",\"max_ms\":%" PRIu64 "}", name, times->n, times->p50_ms,
           times->p90_ms, times->max_ms);
}


/* The members, without their braces. */
static void
xcctl_json_group(const xcctl_reply_group_t *group)
{
    size_t  i;

    printf("\"submits\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"waiting\":%"
           PRIu64 ",\"waiting_by_age\":{", group->submits, group->failed,
           group->waiting);

    for (i = 0; i < XCCTL_REPLIES_AGES; i++) {
        printf("%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
               xcctl_replies_bucket_keys[i + 1], group->ages[i]);
    }

    printf("},\"no_data\":%" PRIu64 ",\"declined\":%" PRIu64 ",",
           group->no_data, group->declined);
    xcctl_json_times("interim", &group->interim);
    putchar(',');
    xcctl_json_times("final", &group->final);
}


static void
xcctl_json_groups(const char *name, const char *key,
    const xcctl_reply_groups_t *groups)
{
    size_t  i;

    printf("\"%s\":[", name);

    for (i = 0; i < groups->n; i++) {
        printf("%s{\"%s\":\"%s\",", i == 0 ? "" : ",", key,
               groups->list[i].name);
        xcctl_json_group(&groups->list[i]);
        putchar('}');
    }

    fputs("],", stdout);
}


static void
xcctl_json_oldest(const xcctl_replies_t *r)
{
    char                    time[40];
    size_t                  i;
    const xcctl_request_t  *submit;

    fputs("\"oldest_waiting\":[", stdout);

    for (i = 0; i < r->n_oldest; i++) {
        submit = r->oldest[i];
        xcctl_report_time(time, submit->time_us);
        printf("%s{\"record\":\"%s:%" PRIu64 "\",\"id\":\"%s\",\"agency\":"
               "\"%s\",\"level\":\"%s\",\"time\":\"%s\",\"age_ms\":%" PRIu64
               ",\"reply\":", i == 0 ? "" : ",", submit->node, submit->seq,
               submit->id, submit->agency, submit->level, time,
               xcctl_replies_ms(submit->time_us, r->now_us));

        if (submit->last == XCCTL_REPLY_NONE) {
            fputs("null}", stdout);

        } else {
            printf("\"%s\"}", xcctl_replies_words[submit->last]);
        }
    }

    fputs("],", stdout);
}


static void
xcctl_json_replies(const xcctl_replies_t *r)
{
    char    now[40];
    size_t  i;

    xcctl_report_time(now, r->now_us);
    printf("\"replies\":{\"as_of\":\"%s\",\"all\":{", now);
    xcctl_json_group(&r->all);
    fputs("},\"final_by_time\":{", stdout);

    for (i = 0; i < XCCTL_REPLIES_BUCKETS; i++) {
        printf("%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
               xcctl_replies_bucket_keys[i], r->buckets[i]);
    }

    fputs("},", stdout);
    xcctl_json_groups("levels", "level", &r->levels);
    xcctl_json_groups("agencies", "agency", &r->agencies);
    xcctl_json_oldest(r);
    xcctl_json_slow("slowest", &r->slowest);
    fputs(",\"told_apart\":{", stdout);

    for (i = 0; i < XCCTL_REPLIES_FAULTS; i++) {
        printf("\"%s\":%" PRIu64 ",", xcctl_report_faults[i].json,
               r->faults[i]);
    }

    xcctl_json_counts("unknown_replies", "reply", &r->unknown, false);
    printf("\"untracked\":%" PRIu64 "}},", r->untracked);
}


void
xcctl_report_json(const xcctl_report_t *report)
{
    char  first[40], last[40];

    xcctl_report_time(first, report->first_us);
    xcctl_report_time(last, report->last_us);

    putchar('{');
    xcctl_json_counts("nodes", "node", &report->nodes, false);
    printf("\"first\":\"%s\",\"last\":\"%s\",\"records\":%" PRIu64
           ",\"admitted\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"summarised\":%" PRIu64 ",\"observed\":%" PRIu64 ",", first, last,
           report->records, report->admitted, report->refused,
           report->summarised, report->observed);

    xcctl_json_counts("days", "day", &report->days, true);
    xcctl_json_counts("agencies", "agency", &report->agencies, true);
    xcctl_json_counts("intermediaries", "via", &report->intermediaries, true);
    xcctl_json_counts("reasons", "reason", &report->reasons, false);
    xcctl_json_counts("refused_fields", "field", &report->fields, false);

    xcctl_json_replies(&report->replies);
    xcctl_json_slow("slowest_answers", &report->replies.answers);
    puts("}");
}
