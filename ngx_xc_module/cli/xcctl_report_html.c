#include "xcctl_report.h"

#include "../core/xc_buf.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_HTML_DAYS     62      /* columns; more days: months */
#define XCCTL_HTML_BARS     15
#define XCCTL_HTML_HEIGHT   220     /* of the columns, with the names below */
#define XCCTL_HTML_BASE     196

/* One label in both languages. */
typedef struct {
    const char  *zh, *en;
} xcctl_label_t;


static const char  xcctl_html_head[] =
    "<!DOCTYPE html>\n<html lang=\"zh-CN\">\n<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,"
    "initial-scale=1\">\n"
    "<title>协查审计报告 Audit report</title>\n<style>\n"
    "body{font:15px/1.5 system-ui,'Noto Sans CJK SC',sans-serif;"
    "margin:2rem auto;max-width:920px;padding:0 1rem;color:#1c2733;"
    "background:#fff}\n"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\n"
    "small,.en{color:#5b6b7b;font-weight:normal}\n"
    "dl{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}\n"
    "dl div{border:1px solid #d6dee6;border-radius:6px;padding:.4rem .9rem}\n"
    "dt{font-size:.8rem;color:#5b6b7b}dd{margin:0;font-size:1.3rem}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.25rem .6rem;vertical-align:top;"
    "border-bottom:1px solid #e4eaf0;overflow-wrap:anywhere}\n"
    "th{font-size:.85rem;color:#5b6b7b}.n{text-align:right;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}"
    "th.n{white-space:normal;overflow-wrap:break-word}"
    ".w{min-width:3.9rem}\n"
    "svg{width:100%;display:block}"
    "svg text{font-size:12px;fill:#5b6b7b}\n"
    ".d{font-size:12px;padding-right:1.5rem}.d svg{overflow:visible}\n"
    ".h{display:grid;grid-template-columns:minmax(0,15rem) "
    "minmax(5rem,auto) 1fr;gap:.3rem .7rem;align-items:center;font-size:.85rem}"
    ".h span{overflow-wrap:anywhere}.h .n{color:#5b6b7b}\n"
    "@media(max-width:600px){body{margin:1rem auto}"
    ".h{grid-template-columns:1fr auto}.h svg{grid-column:1/-1}"
    ".o{display:none}th,td{padding:.25rem .3rem}td{font-size:.85rem}}\n"
    ".a{fill:#2f7d6d}.r{fill:#c4553b}.b{fill:#4a76a8}"
    ".g{stroke:#e4eaf0}\n"
    ".k{display:inline-block;width:.8em;height:.8em;border-radius:2px;"
    "margin:0 .3em 0 1em}.k:first-child{margin-left:0}\n"
    "</style>\n</head>\n<body>\n";

static const char  xcctl_html_none[] = "<p class=\"en\">无 none</p>";


/* Text of a record: its escapes stay as they are. */
static void
xcctl_html_text(const char *text)
{
    char      mem[6 * XCCTL_REPLIES_TEXT];
    xc_buf_t  out;

    xc_buf_init(&out, mem, sizeof(mem));
    xc_buf_html(&out, (xc_str_t) { text, XC_MIN(strlen(text),
                                                XCCTL_REPLIES_TEXT) });
    fwrite(out.data, 1, out.len, stdout);
}


static void
xcctl_html_title(xcctl_label_t label)
{
    printf("<h2>%s <span class=\"en\">%s</span></h2>\n", label.zh, label.en);
}


static void
xcctl_html_figure(xcctl_label_t label, uint64_t n)
{
    printf("<div><dt>%s %s</dt><dd>%" PRIu64 "</dd></div>\n", label.zh,
           label.en, n);
}


/* An even round number at or above n, for the axis. */
static uint64_t
xcctl_html_round(uint64_t n)
{
    uint64_t  step = 2;

    while (step * 5 < n && step < UINT64_MAX / 100) {
        step *= 10;
    }

    return XC_MAX((n + step - 1) / step, (uint64_t) 1) * step;
}


/* What is more than none is seen. */
static double
xcctl_html_part(uint64_t n, uint64_t top, double length)
{
    double  part = (double) n * length / (double) (top == 0 ? 1 : top);

    return n == 0 ? 0 : XC_MAX(part, length / 250);
}


/* Its numbers stand in the padding before the chart. */
static void
xcctl_html_axis(uint64_t top)
{
    int     i;
    double  y;

    for (i = 0; i <= 2; i++) {
        y = XCCTL_HTML_BASE - i * (XCCTL_HTML_BASE - 10) / 2;
        printf("<line class=\"g\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" "
               "y2=\"%.1f\"/><text x=\"-6\" y=\"%.1f\" "
               "text-anchor=\"end\">%" PRIu64 "</text>\n", y, y, y + 4,
               top * (unsigned) i / 2);
    }
}


/* x and width are percentages, that text keeps its size on a small screen. */
static void
xcctl_html_column(const xcctl_count_t *count, uint64_t top, double x,
    double width)
{
    double  admitted = xcctl_html_part(count->n[0], top, XCCTL_HTML_BASE - 10);
    double  refused = xcctl_html_part(count->n[1], top, XCCTL_HTML_BASE - 10);

    printf("<g><title>%s: %" PRIu64 " / %" PRIu64 "</title>"
           "<rect class=\"a\" x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" "
           "height=\"%.1f\"/><rect class=\"r\" x=\"%.2f%%\" y=\"%.1f\" "
           "width=\"%.2f%%\" height=\"%.1f\"/></g>\n", count->key,
           count->n[0], count->n[1], x, XCCTL_HTML_BASE - admitted, width,
           admitted, x, XCCTL_HTML_BASE - admitted - refused, width, refused);
}


static void
xcctl_html_columns(const xcctl_tally_t *periods, uint64_t top)
{
    size_t                i, every = periods->used / 12 + 1;
    double                step, width;
    const xcctl_count_t  *count;

    step = 100.0 / (double) XC_MAX(periods->used, (size_t) 1);
    width = XC_MIN(step * 0.8, 6.0);

    for (i = 0; i < periods->used; i++) {
        count = &periods->slots[i];
        xcctl_html_column(count, top, (double) i * step + (step - width) / 2,
                          width);

        /* of the names a small screen has room for every third */

        if (i % every == 0) {
            printf("<text%s x=\"%.2f%%\" y=\"%d\" "
                   "text-anchor=\"middle\">%s</text>\n",
                   i / every % 3 == 0 ? "" : " class=\"o\"",
                   ((double) i + 0.5) * step, XCCTL_HTML_BASE + 18,
                   count->key + (count->len == 10 ? 5 : 0));
        }
    }
}


static void
xcctl_html_days(const xcctl_report_t *report)
{
    size_t         i;
    uint64_t       top = 1;
    xcctl_tally_t  periods = xcctl_report_periods(report, XCCTL_HTML_DAYS);
    bool           months = periods.used != 0 && periods.slots[0].len == 7;

    xcctl_html_title(months
        ? (xcctl_label_t) { "每月请求", "Requests a month (Asia/Shanghai)" }
        : (xcctl_label_t) { "每日请求", "Requests a day (Asia/Shanghai)" });

    if (periods.used == 0) {
        puts(xcctl_html_none);
        xcctl_tally_free(&periods);
        return;
    }

    puts("<p><span class=\"k\" style=\"background:#2f7d6d\"></span>准许 "
         "admitted<span class=\"k\" style=\"background:#c4553b\"></span>拒绝 "
         "refused</p>");

    for (i = 0; i < periods.used; i++) {
        top = XC_MAX(top, periods.slots[i].n[0] + periods.slots[i].n[1]);
    }

    top = xcctl_html_round(top);

    printf("<div class=\"d\" style=\"padding-left:%dch\"><svg height=\"%d\" "
           "role=\"img\" aria-label=\"准许与拒绝 admitted and refused\">\n",
           snprintf(NULL, 0, "%" PRIu64, top) + 1, XCCTL_HTML_HEIGHT);
    xcctl_html_axis(top);
    xcctl_html_columns(&periods, top);
    puts("</svg></div>");
    xcctl_tally_free(&periods);
}


/* A name, its numbers, and their bar. */
static void
xcctl_html_bar(const xcctl_count_t *count, uint64_t top, bool both)
{
    double  first = xcctl_html_part(count->n[0], top, 100);
    double  second = xcctl_html_part(count->n[1], top, 100);

    fputs("<span>", stdout);
    xcctl_html_text(count->key);
    printf("</span><span class=\"n\">%" PRIu64, count->n[0]);

    if (both) {
        printf(" / %" PRIu64, count->n[1]);
    }

    printf("</span><svg height=\"16\" aria-hidden=\"true\"><rect "
           "class=\"%s\" x=\"0\" y=\"0\" width=\"%.3f%%\" "
           "height=\"16\"/><rect class=\"r\" x=\"%.3f%%\" y=\"0\" "
           "width=\"%.3f%%\" height=\"16\"/></svg>\n", both ? "a" : "b",
           first, first, second);
}


/* Bars from left to right, one a row; n[1] behind n[0] where both. */
static void
xcctl_html_bars(xcctl_label_t label, const xcctl_tally_t *tally, bool both)
{
    size_t    i, n = XC_MIN(tally->used, (size_t) XCCTL_HTML_BARS);
    uint64_t  top = 1;

    xcctl_html_title(label);

    if (n == 0) {
        puts(xcctl_html_none);
        return;
    }

    for (i = 0; i < n; i++) {
        top = XC_MAX(top, tally->slots[i].n[0] + tally->slots[i].n[1]);
    }

    puts("<div class=\"h\">");

    for (i = 0; i < n; i++) {
        xcctl_html_bar(&tally->slots[i], top, both);
    }

    puts("</div>");

    if (n < tally->used) {
        printf("<p class=\"en\">另有 %zu 项 and %zu more</p>\n",
               tally->used - n, tally->used - n);
    }
}


/* n: of so many; "-" without any.  wide: left out on a small screen. */
static void
xcctl_html_time(size_t n, uint64_t ms, bool wide)
{
    char  text[40];

    xcctl_report_short(text, n, ms);
    printf("<td class=\"n%s\">%s</td>", wide ? " o" : "", text);
}


static void
xcctl_html_times_row(const char *name, const xcctl_reply_group_t *group)
{
    fputs("<tr><td class=\"w\">", stdout);
    xcctl_html_text(name);
    printf("</td><td class=\"n\">%" PRIu64 "</td><td class=\"n o\">%" PRIu64
           "</td>", group->submits, group->failed);
    xcctl_html_time(group->interim.n, group->interim.p50_ms, true);
    printf("<td class=\"n\">%zu</td>", group->final.n);
    xcctl_html_time(group->final.n, group->final.p50_ms, false);
    xcctl_html_time(group->final.n, group->final.p90_ms, true);
    xcctl_html_time(group->final.n, group->final.max_ms, false);
    puts("</tr>");
}


static void
xcctl_html_waiting_row(const char *name, const xcctl_reply_group_t *group)
{
    size_t  i;

    fputs("<tr><td class=\"w\">", stdout);
    xcctl_html_text(name);
    printf("</td><td class=\"n\">%" PRIu64 "</td>", group->waiting);

    for (i = 0; i < XCCTL_REPLIES_AGES; i++) {
        printf("<td class=\"n\">%" PRIu64 "</td>", group->ages[i]);
    }

    puts("</tr>");
}


/* The rows of all levels, and of the first agencies. */
static void
xcctl_html_rows(const xcctl_replies_t *r, bool waiting)
{
    size_t                       i, k, n;
    const xcctl_reply_group_t   *group;
    const xcctl_reply_groups_t  *groups[] = { &r->levels, &r->agencies };

    for (k = 0; k < XC_COUNT(groups); k++) {
        for (i = 0, n = 0; i < groups[k]->n && n < XCCTL_HTML_BARS; i++) {
            group = &groups[k]->list[i];

            if (!waiting) {
                xcctl_html_times_row(group->name, group);
                n++;

            } else if (group->waiting != 0) {
                xcctl_html_waiting_row(group->name, group);
                n++;
            }
        }
    }
}


static void
xcctl_html_oldest(const xcctl_replies_t *r)
{
    char                    age[40];
    size_t                  i;
    const xcctl_request_t  *submit;

    xcctl_html_title((xcctl_label_t) { "等待最久的提交",
                                       "Oldest without a final reply" });
    puts("<table><tr><th class=\"n\">已等待 age</th><th>记录 record</th>"
         "<th>编号 id</th><th>部门 agency</th><th class=\"o\">最近答复 last "
         "reply</th></tr>");

    for (i = 0; i < r->n_oldest; i++) {
        submit = r->oldest[i];
        xcctl_report_short(age, 1, xcctl_replies_ms(submit->time_us,
                                                    r->now_us));
        printf("<tr><td class=\"n\">%s</td><td class=\"w\">", age);
        xcctl_html_text(submit->node);
        printf(":%" PRIu64 "</td><td>", submit->seq);
        xcctl_html_text(submit->id);
        fputs("</td><td class=\"w\">", stdout);
        xcctl_html_text(submit->agency);
        printf("</td><td class=\"o\">%s</td></tr>\n",
               xcctl_replies_words[submit->last]);
    }

    puts("</table>");
}


static void
xcctl_html_waiting(const xcctl_replies_t *r)
{
    size_t  i;

    xcctl_html_title((xcctl_label_t) { "尚无最终答复的提交（按已等待时间）",
                                       "Without a final reply, by age" });
    fputs("<table><tr><td></td><th class=\"n\">合计 all</th>", stdout);

    for (i = 0; i < XCCTL_REPLIES_AGES; i++) {
        fputs("<th class=\"n\">", stdout);
        xcctl_html_text(xcctl_replies_buckets[i + 1]);
        fputs("</th>", stdout);
    }

    puts("</tr>");
    xcctl_html_waiting_row("合计 all", &r->all);
    xcctl_html_rows(r, true);
    puts("</table>");
    xcctl_html_oldest(r);
}


static void
xcctl_html_faults(const xcctl_replies_t *r)
{
    size_t    i;
    uint64_t  unknown = 0;

    for (i = 0; i < r->unknown.used; i++) {
        unknown += r->unknown.slots[i].n[0];
    }

    puts("<ul class=\"en\">");

    for (i = 0; i < XCCTL_REPLIES_FAULTS; i++) {
        if (r->faults[i] != 0) {
            printf("<li>%s %s: %" PRIu64 "</li>\n", xcctl_report_faults[i].zh,
                   xcctl_report_faults[i].en, r->faults[i]);
        }
    }

    if (unknown != 0) {
        printf("<li>不认识、不予计入的答复 unknown replies, not counted: %"
               PRIu64 "</li>\n", unknown);
    }

    if (r->untracked != 0) {
        printf("<li>从未有答复记录的操作的请求 requests of operations for "
               "which no reply was ever recorded: %" PRIu64 "</li>\n",
               r->untracked);
    }

    puts("</ul>");
}


static void
xcctl_html_replies(const xcctl_replies_t *r)
{
    size_t         i;
    xcctl_count_t  slots[XCCTL_REPLIES_BUCKETS] = { { .key = NULL } };
    xcctl_tally_t  buckets = { .slots = slots, .size = XCCTL_REPLIES_BUCKETS,
                               .used = XCCTL_REPLIES_BUCKETS };

    for (i = 0; i < XCCTL_REPLIES_BUCKETS; i++) {
        slots[i].key = (char *) xcctl_replies_buckets[i];
        slots[i].n[0] = r->buckets[i];
    }

    xcctl_html_bars((xcctl_label_t) { "从提交到最终答复的用时",
                                      "From submit to the final reply" },
                    &buckets, false);

    printf("<p>提交 submits %" PRIu64 " · 最终答复 final reply %zu（无数据 "
           "no-data %" PRIu64 "，拒绝办理 declined %" PRIu64
           "）· 等待 waiting %" PRIu64 " · 出错 failed %" PRIu64 "</p>\n",
           r->all.submits, r->all.final.n, r->all.no_data, r->all.declined,
           r->all.waiting, r->all.failed);

    if (r->all.submits != 0) {
        puts("<table><tr><td></td><th class=\"n\">提交 submits</th>"
             "<th class=\"n o\">出错 failed</th><th class=\"n o\">首次答复"
             "<br>interim, median</th><th class=\"n\">最终 final</th>"
             "<th class=\"n\">中位 median</th><th class=\"n o\">90 %</th>"
             "<th class=\"n\">最长 longest</th></tr>");
        xcctl_html_times_row("合计 all", &r->all);
        xcctl_html_rows(r, false);
        puts("</table>");
    }

    if (r->all.waiting != 0) {
        xcctl_html_waiting(r);
    }

    xcctl_html_faults(r);
}


static void
xcctl_html_slow(xcctl_label_t label, const xcctl_slowest_t *slowest)
{
    char                 duration[40];
    size_t               i;
    const xcctl_slow_t  *slow;

    if (slowest->n == 0) {
        return;
    }

    xcctl_html_title(label);
    puts("<table><tr><th class=\"n\">用时 time</th><th>记录 record</th>"
         "<th>部门 agency</th><th>文号 request no.</th></tr>");

    for (i = 0; i < XCCTL_REPLIES_SLOW && i < slowest->n; i++) {
        slow = &slowest->slow[i];
        xcctl_report_duration(duration, slow->ms);
        printf("<tr><td class=\"n\">%s</td><td class=\"w\">%s</td><td "
               "class=\"w\">", duration, slow->record);
        xcctl_html_text(slow->agency);
        fputs("</td><td>", stdout);
        xcctl_html_text(slow->request_no);
        puts("</td></tr>");
    }

    puts("</table>");
}


void
xcctl_report_html(const xcctl_report_t *report)
{
    char    first[40], last[40];
    size_t  i;

    xcctl_report_time(first, report->first_us);
    xcctl_report_time(last, report->last_us);

    fputs(xcctl_html_head, stdout);

    fputs("<h1>协查审计报告 <span class=\"en\">Audit report</span></h1>\n"
          "<p><small>", stdout);

    for (i = 0; i < report->nodes.used; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        xcctl_html_text(report->nodes.slots[i].key);
    }

    printf(" · %s – %s</small></p>\n<dl>\n", first, last);
    xcctl_html_figure((xcctl_label_t) { "记录", "records" }, report->records);
    xcctl_html_figure((xcctl_label_t) { "准许", "admitted" },
                      report->admitted);

    if (report->observed != 0) {
        xcctl_html_figure((xcctl_label_t) { "其中试行放行的拒绝",
                                            "of them observed refusals" },
                          report->observed);
    }

    xcctl_html_figure((xcctl_label_t) { "拒绝", "refused" }, report->refused);
    xcctl_html_figure((xcctl_label_t) { "汇总的拒绝", "refusals summarised" },
                      report->summarised);
    puts("</dl>");

    xcctl_html_days(report);
    xcctl_html_bars((xcctl_label_t) { "按部门（准许 / 拒绝）",
                                      "By agency (admitted / refused)" },
                    &report->agencies, true);

    if (report->intermediaries.used != 0) {
        xcctl_html_bars((xcctl_label_t) { "按代提交方（准许 / 拒绝）",
                                          "By intermediary (admitted / "
                                          "refused)" },
                        &report->intermediaries, true);
    }

    xcctl_html_bars((xcctl_label_t) { "拒绝原因", "Reasons for refusal" },
                    &report->reasons, false);
    xcctl_html_bars((xcctl_label_t) { "被拒绝的字段", "Refused fields" },
                    &report->fields, false);
    xcctl_html_replies(&report->replies);
    xcctl_html_slow((xcctl_label_t) { "最慢的最终答复",
                                      "Slowest final replies" },
                    &report->replies.slowest);
    xcctl_html_slow((xcctl_label_t) { "最慢的应答", "Slowest answers" },
                    &report->replies.answers);
    puts("</body>\n</html>");
}
