/* The page for people: English with Chinese labels, no script. */

#include "xc_status_write.h"


/* AA contrast in both schemes.  On a phone a row is a heading and, below it, a
 * grid of its numbers, under which the columns' names are one, too. */
static const char  xc_status_css[] =
    ":root{color-scheme:light dark;--line:#c8cdd3;--soft:#f3f5f7;"
        "--ink:#1b1f24;--dim:#4a5560;--bar:#2563a8;--good:#14602f;"
        "--bad:#a1160c}"
    "@media(prefers-color-scheme:dark){:root{--line:#3a424b;--soft:#1d2329;"
        "--ink:#e6e9ec;--dim:#a9b4bf;--bar:#86b8ff;--good:#7fd79b;"
        "--bad:#ff9d94}body{background:#12161a}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:64rem;padding:1rem 1rem 3rem;"
        "color:var(--ink);font:.95rem/1.55 system-ui,-apple-system,"
        "\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif;"
        "overflow-wrap:anywhere}"
    "h1{font-size:1.4rem;margin:.2rem 0}"
    "h2{font-size:1.1rem;margin:1.6rem 0 .5rem;padding-bottom:.2rem;"
        "border-bottom:1px solid var(--line)}"
    "p{margin:.3rem 0}.dim,small{color:var(--dim)}"
    "small{display:block;font-size:.82rem}"
    ".good{color:var(--good);font-weight:600}"
    ".bad{color:var(--bad);font-weight:600}"
    ".box{overflow-x:auto}"
    "table{width:100%;border-collapse:collapse;margin:.4rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;"
        "border:1px solid var(--line)}"
    "thead th{background:var(--soft)}th[scope=row]{font-weight:400}"
    ".n td,.n thead th+th{text-align:right;"
        "font-variant-numeric:tabular-nums;white-space:nowrap}"
    ".k th{width:17rem;background:var(--soft)}"
    "code{font:.92em ui-monospace,SFMono-Regular,Consolas,monospace}"
    ".h{display:grid;grid-template-columns:repeat(auto-fit,minmax(19rem,1fr));"
        "gap:1rem}"
    "figure{margin:0}svg{display:block;width:100%;height:auto;"
        "background:var(--soft)}rect{fill:var(--bar)}"
    "@media(max-width:40rem){.k th{width:45%}"
        "th,td{padding:.25rem .3rem;font-size:.88rem}"
        ".g tr{display:grid;grid-template-columns:repeat(4,minmax(0,1fr))}"
        ".d tr{grid-template-columns:repeat(3,minmax(0,1fr))}"
        ".g th[scope=row]{grid-column:1/-1;background:var(--soft)}"
        ".g thead th,.n thead th+th{font-size:.78rem;"
            "padding:.25rem .15rem;white-space:normal}"
        ".e th,.e td{min-width:4.6rem}"
        ".n thead th:first-child{grid-column:1/-1}"
        ".h{grid-template-columns:1fr}}";


xc_str_t
xc_status_style(void)
{
    return XC_STR(xc_status_css);
}


static void
xc_sh_key(xc_buf_t *out, const char *en, const char *zh)
{
    xc_buf_z(out, "<tr><th scope=\"row\">");
    xc_status_label(out, en, zh);
    xc_buf_z(out, "</th><td>");
}


static void
xc_sh_column(xc_buf_t *out, const char *en, const char *zh)
{
    xc_buf_z(out, "<th scope=\"col\">");
    xc_status_label(out, en, zh);
    xc_buf_z(out, "</th>");
}


static void
xc_sh_end(xc_buf_t *out)
{
    xc_buf_z(out, "</td></tr>\n");
}


static void
xc_sh_cell(xc_buf_t *out, uint64_t n)
{
    xc_buf_z(out, "<td>");
    xc_buf_u64(out, n);
    xc_buf_z(out, "</td>");
}


static void
xc_sh_mark(xc_buf_t *out, bool good, const char *text)
{
    xc_buf_z(out, good ? "<span class=\"good\">" : "<span class=\"bad\">");
    xc_buf_z(out, text);
    xc_buf_z(out, "</span>");
}


/* Seconds as a person says them. */
static void
xc_sh_span(xc_buf_t *out, int64_t s)
{
    uint64_t  n = s < 0 ? 0 - (uint64_t) s : (uint64_t) s;

    if (n >= 2 * 86400) {
        xc_buf_u64(out, n / 86400);
        xc_buf_z(out, " d");

    } else if (n >= 2 * 3600) {
        xc_buf_u64(out, n / 3600);
        xc_buf_z(out, " h");

    } else if (n >= 120) {
        xc_buf_u64(out, n / 60);
        xc_buf_z(out, " min");

    } else {
        xc_buf_u64(out, n);
        xc_buf_z(out, " s");
    }
}


static bool
xc_sh_top(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_buf_z(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                  "<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, "
                  "initial-scale=1\">\n"
                  "<meta http-equiv=\"refresh\" content=\"5\">\n<title>");
    xc_buf_html(out, s->node);
    xc_buf_z(out, " - gate status</title>\n<style>");
    xc_buf_str(out, xc_status_style());
    xc_buf_z(out, "</style>\n</head>\n<body>\n<header>\n<h1>Gate status "
                  "<span lang=\"zh-CN\">网关状态</span></h1>\n<p>Node "
                  "<span lang=\"zh-CN\">节点</span> <code>");
    xc_buf_html(out, s->node);
    xc_buf_z(out, "</code>, ngx_xc " XC_VERSION ", worker ");
    xc_buf_u64(out, s->worker);
    xc_buf_z(out, "</p>\n<p class=\"dim\">Reloads every 5 seconds "
                  "<span lang=\"zh-CN\">每 5 秒刷新</span></p>\n</header>\n"
                  "<main>\n");

    return false;
}


static void
xc_sh_log(const xc_status_t *s, xc_buf_t *out)
{
    xc_sh_key(out, "Audit log", "审计日志");
    xc_sh_mark(out, s->writable, s->writable ? "writable"
                                             : "can't be written");
    xc_sh_end(out);

    xc_sh_key(out, "Waiting for it", "等待写入");
    xc_buf_u64(out, s->waiting);
    xc_buf_z(out, " requests, ");
    xc_buf_u64(out, s->queued);
    xc_buf_z(out, " records (this worker)");
    xc_sh_end(out);

    if (s->head) {
        xc_sh_key(out, "Records", "记录数");
        xc_buf_u64(out, s->records);
        xc_buf_z(out, ", audit.log ");
        xc_buf_u64(out, s->bytes);
        xc_buf_z(out, " bytes");
        xc_sh_end(out);

        xc_sh_key(out, "Last leaf", "最新叶哈希");
        xc_buf_z(out, "<code>");
        xc_buf_hex(out, s->leaf, XC_SHA256_SIZE);
        xc_buf_z(out, "</code>");
        xc_sh_end(out);
    }

    xc_sh_key(out, "Checkpoint", "签名检查点");

    if (s->checkpoint) {
        xc_buf_u64(out, s->checkpoint_size);
        xc_buf_z(out, " records, ");
        xc_sh_span(out, s->checkpoint_age_s);
        xc_buf_z(out, " ago");

    } else {
        xc_sh_mark(out, !s->signing, "none");
    }

    xc_sh_end(out);
}


static void
xc_sh_store(const xc_status_t *s, xc_buf_t *out)
{
    const uint64_t  *c = s->counters;

    if (!s->map) {
        return;
    }

    xc_sh_key(out, "Replay store", "防重放存储");
    xc_sh_mark(out, s->nonces_used * 5 < s->nonces_promised * 4,
               s->nonces_used * 5 < s->nonces_promised * 4 ? "ok" : "filling");
    xc_buf_z(out, ", ");
    xc_buf_u64(out, s->nonces_used);
    xc_buf_z(out, " of ");
    xc_buf_u64(out, s->nonces_promised);
    xc_sh_end(out);

    xc_sh_key(out, "Failed writes", "写入失败");
    xc_sh_mark(out, c[XC_COUNT_AUDIT_FAILURES] == 0,
               c[XC_COUNT_AUDIT_FAILURES] == 0 ? "none" : "yes: ");

    if (c[XC_COUNT_AUDIT_FAILURES] != 0) {
        xc_buf_u64(out, c[XC_COUNT_AUDIT_FAILURES]);
    }

    xc_sh_end(out);
}


static void
xc_sh_channel(const xc_status_t *s, xc_buf_t *out)
{
    xc_sh_key(out, "Observing gates", "观察模式");
    xc_sh_mark(out, s->observe_gates == 0,
               s->observe_gates == 0 ? "none" : "on: ");

    if (s->observe_gates != 0) {
        xc_buf_u64(out, s->observe_gates);

        if (s->observe_s != INT64_MAX) {
            xc_buf_z(out, ", the first ends in ");
            xc_sh_span(out, s->observe_s);
        }
    }

    xc_sh_end(out);

    if (s->intake) {
        xc_sh_key(out, "Intake document", "接收方式公示");
        xc_sh_mark(out, s->intake_s >= 0,
                   s->intake_s >= 0 ? "valid" : "expired");
        xc_buf_z(out, s->intake_s >= 0 ? ", for another " : " for ");
        xc_sh_span(out, s->intake_s);
        xc_sh_end(out);
    }

    if (s->fleet) {
        xc_sh_key(out, "Fleet's store", "集群共享存储");
        xc_sh_mark(out, s->fleet_connected,
                   s->fleet_connected ? "connected" : "not connected");
        xc_buf_z(out, ", ");
        xc_buf_u64(out, s->counters[XC_COUNT_FLEET_ANSWERS]);
        xc_buf_z(out, " answers, ");
        xc_buf_u64(out, s->counters[XC_COUNT_FLEET_FAILURES]);
        xc_buf_z(out, " failures");
        xc_sh_end(out);
    }
}


static bool
xc_sh_health(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_status_section(out, "Health", "运行状况");
    xc_buf_z(out, "<table class=\"k\"><tbody>\n");
    xc_sh_log(s, out);
    xc_sh_store(s, out);
    xc_sh_channel(s, out);
    xc_buf_z(out, "</tbody></table>\n");

    return false;
}


/* counter: the first of XC_LEVEL_COUNT. */
static void
xc_sh_levels(const xc_status_t *s, const char *en, const char *zh,
    unsigned counter, xc_buf_t *out)
{
    uint64_t    sum = 0;
    xc_level_t  level;

    xc_buf_z(out, "<tr><th scope=\"row\">");
    xc_status_label(out, en, zh);
    xc_buf_z(out, "</th><td></td>");

    for (level = 0; level < XC_LEVEL_COUNT; level++) {
        xc_sh_cell(out, s->counters[counter + level]);
        sum += s->counters[counter + level];
    }

    xc_sh_cell(out, sum);
    xc_buf_z(out, "</tr>\n");
}


static bool
xc_sh_decisions(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    if (!s->map) {
        return false;
    }

    xc_status_section(out, "Decisions", "核验结果");
    xc_buf_z(out, "<section class=\"box\" tabindex=\"0\" "
                  "aria-label=\"Decisions\"><table class=\"n g d\"><thead>"
                  "<tr>");
    xc_sh_column(out, "Decision", "结果");
    xc_sh_column(out, "Nobody yet", "未认证");
    xc_sh_column(out, "County", "县级");
    xc_sh_column(out, "City", "市级");
    xc_sh_column(out, "Province", "省级");
    xc_sh_column(out, "National", "总局");
    xc_sh_column(out, "All", "合计");
    xc_buf_z(out, "</tr></thead>\n<tbody>\n");

    xc_sh_levels(s, "Admitted", "准予", XC_COUNT_ADMITTED_BY, out);
    xc_sh_levels(s, "Observed, let go on", "观察放行", XC_COUNT_OBSERVED_BY,
                 out);

    return false;
}


/* Only what there was. */
static bool
xc_sh_refused(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    uint64_t                 n, sum = 0;
    unsigned                 who;
    xc_reason_t              reason = (xc_reason_t) (row + 1);
    const xc_reason_info_t  *info = xc_reason_info(reason);

    if (!s->map) {
        return false;
    }

    if (s->counters[XC_COUNT_REASON + reason] != 0) {
        xc_buf_z(out, "<tr><th scope=\"row\"><code>");
        xc_buf_html(out, info->code);
        xc_buf_z(out, "</code> <small lang=\"zh-CN\">");
        xc_buf_html(out, info->title_zh);
        xc_buf_z(out, "</small></th>");

        for (who = 0; who < XC_COUNT_WHO; who++) {
            n = s->counters[xc_count_refused_by(who, reason)];
            xc_sh_cell(out, n);
            sum += n;
        }

        xc_sh_cell(out, sum);
        xc_buf_z(out, "</tr>\n");
    }

    if (reason + 1 < XC_REASON_COUNT) {
        return true;
    }

    xc_buf_z(out, "</tbody></table></section>\n");

    return false;
}


static bool
xc_sh_credentials(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t  i;

    static const struct {
        const char  *en, *zh;
    } columns[XC_STATUS_DAYS_COUNT] = {
        [XC_STATUS_ENDED] = { "Expired", "已过期" },
        [XC_STATUS_DAY_1] = { "1 day", "1 天内" },
        [XC_STATUS_DAYS_7] = { "7 days", "7 天内" },
        [XC_STATUS_DAYS_30] = { "30 days", "30 天内" },
        [XC_STATUS_DAYS_90] = { "90 days", "90 天内" },
        [XC_STATUS_LATER] = { "Later", "更久" },
        [XC_STATUS_ENDLESS] = { "No end", "长期" }
    };

    (void) row;

    xc_status_section(out, "Credentials by days to expiry", "凭证有效期");
    xc_buf_z(out, "<section class=\"box\" tabindex=\"0\" "
                  "aria-label=\"Credentials\"><table class=\"g\"><thead>"
                  "<tr>");

    for (i = 0; i < XC_STATUS_DAYS_COUNT; i++) {
        xc_sh_column(out, columns[i].en, columns[i].zh);
    }

    xc_buf_z(out, "</tr></thead>\n<tbody><tr>");

    for (i = 0; i < XC_STATUS_DAYS_COUNT; i++) {
        xc_sh_cell(out, s->credentials[i]);
    }

    xc_buf_z(out, "</tr></tbody></table></section>\n");

    if (s->n_ending != 0) {
        xc_buf_z(out, "<section class=\"box\" tabindex=\"0\" "
                      "aria-label=\"Ending soon\"><table class=\"e\">"
                      "<thead><tr>");
        xc_sh_column(out, "Agency", "机关");
        xc_sh_column(out, "Credential", "凭证");
        xc_sh_column(out, "Days left", "剩余天数");
        xc_buf_z(out, "</tr></thead>\n<tbody>\n");
    }

    return false;
}


static bool
xc_sh_ending(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    const xc_status_ending_t  *e = &s->ending[row];

    if (s->n_ending == 0) {
        return false;
    }

    xc_buf_z(out, "<tr><td><code>");
    xc_buf_html(out, e->agency);
    xc_buf_z(out, "</code></td><td><code>");
    xc_buf_html(out, e->scheme);
    xc_buf_char(out, ':');
    xc_buf_html(out, e->keyid);
    xc_buf_z(out, "</code></td><td>");
    xc_buf_i64(out, e->days);
    xc_sh_end(out);

    if (row + 1 < s->n_ending) {
        return true;
    }

    xc_buf_z(out, "</tbody></table></section>\n");

    return false;
}


static void
xc_sh_agency(const xc_status_agency_t *a, xc_buf_t *out)
{
    xc_buf_z(out, "<tr><th scope=\"row\"><code>");
    xc_buf_html(out, a->id);
    xc_buf_z(out, "</code> <small lang=\"zh-CN\">");
    xc_buf_html(out, a->name);
    xc_buf_z(out, "</small></th><td>");
    xc_buf_str(out, xc_level_name(a->level));
    xc_buf_z(out, "</td>");
    xc_sh_cell(out, a->admitted);
    xc_sh_cell(out, a->refused);
    xc_sh_cell(out, a->limited);
    xc_sh_cell(out, a->state.day_used);

    if (a->state.day_left == UINT64_MAX) {
        xc_buf_z(out, "<td>no quota</td>");

    } else {
        xc_sh_cell(out, a->state.day_left);
    }

    xc_sh_cell(out, a->state.rate_left);
    xc_buf_z(out, "</tr>\n");
}


static bool
xc_sh_agencies(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    xc_status_agency_t  agency;

    if (!s->agencies || s->n_agencies == 0) {
        return false;
    }

    if (row == 0) {
        xc_status_section(out, "Agencies", "机关");
        xc_buf_z(out, "<section class=\"box\" tabindex=\"0\" "
                      "aria-label=\"Agencies\"><table class=\"n g\">"
                      "<thead><tr>");
        xc_sh_column(out, "Agency", "机关");
        xc_sh_column(out, "Level", "层级");
        xc_sh_column(out, "Admitted", "准予");
        xc_sh_column(out, "Refused", "拒绝");
        xc_sh_column(out, "Limited", "限流");
        xc_sh_column(out, "Used today", "今日已用");
        xc_sh_column(out, "Left today", "今日剩余");
        xc_sh_column(out, "At once", "即时可用");
        xc_buf_z(out, "</tr></thead>\n<tbody>\n");
    }

    s->agency(s->ctx, row, &agency);
    xc_sh_agency(&agency, out);

    if (row + 1 < s->n_agencies) {
        return true;
    }

    xc_buf_z(out, "</tbody></table></section>\n");

    return false;
}


static bool
xc_sh_foot(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) s;
    (void) row;

    xc_buf_z(out, "</main>\n</body>\n</html>\n");

    return false;
}


const xc_status_part_pt  xc_status_html_parts[] = {
    xc_sh_top,
    xc_sh_health,
    xc_sh_decisions,
    xc_sh_refused,
    xc_status_charts,
    xc_sh_credentials,
    xc_sh_ending,
    xc_sh_agencies,
    xc_sh_foot
};

const size_t  xc_status_html_n = XC_COUNT(xc_status_html_parts);
