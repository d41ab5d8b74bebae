/* The page's histograms, as bars. */

#include "xc_status_write.h"

#define XC_SH_BAR   48                  /* height of the highest */
#define XC_SH_WIDE  20                  /* a bar and its gap */


void
xc_status_label(xc_buf_t *out, const char *en, const char *zh)
{
    xc_buf_z(out, en);
    xc_buf_z(out, " <small lang=\"zh-CN\">");
    xc_buf_z(out, zh);
    xc_buf_z(out, "</small>");
}


void
xc_status_section(xc_buf_t *out, const char *en, const char *zh)
{
    xc_buf_z(out, "<h2>");
    xc_buf_z(out, en);
    xc_buf_z(out, " <span lang=\"zh-CN\">");
    xc_buf_z(out, zh);
    xc_buf_z(out, "</span></h2>\n");
}


/* Microseconds as a person says them. */
static void
xc_sh_time(xc_buf_t *out, uint64_t us)
{
    if (us >= 1000000) {
        xc_status_seconds(out, us / 1000 * 1000);
        xc_buf_z(out, " s");

    } else if (us >= 1000) {
        xc_status_seconds(out, us / 10 * 10000);
        xc_buf_z(out, " ms");

    } else {
        xc_buf_u64(out, us);
        xc_buf_z(out, " µs");
    }
}


/* The bound under which that many of a hundred lie; of what is above all
 * bounds, the last. */
static void
xc_sh_percentile(xc_buf_t *out, xc_histogram_kind_t kind,
    const xc_status_histogram_t *h, uint64_t percent)
{
    size_t    i;
    uint64_t  all = h->upto[h->n];

    for (i = 0; i < h->n && h->upto[i] * 100 < all * percent; i++) {
        /* void */
    }

    xc_buf_z(out, i == h->n ? "&gt; " : "&le; ");
    i = XC_MIN(i, h->n - 1);

    if (xc_status_is_time(kind)) {
        xc_sh_time(out, h->bounds[i]);

    } else {
        xc_buf_u64(out, h->bounds[i]);
    }
}


static void
xc_sh_number(xc_buf_t *out, const char *name, uint64_t n)
{
    xc_buf_z(out, name);
    xc_buf_u64(out, n);
    xc_buf_char(out, '"');
}


static void
xc_sh_bars(xc_buf_t *out, const xc_status_histogram_t *h)
{
    size_t    i;
    uint64_t  n, height, most = 1;

    for (i = 0; i <= h->n; i++) {
        most = XC_MAX(most, h->upto[i] - (i == 0 ? 0 : h->upto[i - 1]));
    }

    for (i = 0; i <= h->n; i++) {
        n = h->upto[i] - (i == 0 ? 0 : h->upto[i - 1]);

        if (n == 0) {
            continue;
        }

        height = XC_MAX(n * XC_SH_BAR / most, 1);
        xc_sh_number(out, "<rect x=\"", i * XC_SH_WIDE + 2);
        xc_sh_number(out, " y=\"", XC_SH_BAR - height);
        xc_sh_number(out, " width=\"", XC_SH_WIDE - 4);
        xc_sh_number(out, " height=\"", height);
        xc_buf_z(out, "/>");
    }
}


static void
xc_sh_chart(xc_buf_t *out, xc_histogram_kind_t kind,
    const xc_status_histogram_t *h)
{
    xc_sh_number(out, "<svg aria-hidden=\"true\" viewBox=\"0 0 300 ",
                 XC_SH_BAR);
    xc_buf_char(out, '>');
    xc_sh_bars(out, h);
    xc_buf_z(out, "</svg>\n<p class=\"dim\">Bars up to ");

    if (xc_status_is_time(kind)) {
        xc_sh_time(out, h->bounds[0]);
        xc_buf_z(out, " … ");
        xc_sh_time(out, h->bounds[h->n - 1]);

    } else {
        xc_buf_u64(out, h->bounds[0]);
        xc_buf_z(out, " … ");
        xc_buf_u64(out, h->bounds[h->n - 1]);
    }

    xc_buf_z(out, ", and above</p>\n");
}


bool
xc_status_charts(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    xc_histogram_kind_t    kind = (xc_histogram_kind_t) row;
    xc_status_histogram_t  h;

    static const struct {
        const char  *en, *zh;
    } names[XC_HISTOGRAM_COUNT] = {
        [XC_HISTOGRAM_DECISION] = { "To the decision", "到作出决定" },
        [XC_HISTOGRAM_ANSWER] = { "To the end of the answer", "到应答结束" },
        [XC_HISTOGRAM_COMMIT] = { "Writing a batch to the log",
                                  "日志批次落盘" },
        [XC_HISTOGRAM_BATCH] = { "Records in a batch", "每批记录数" }
    };

    if (!s->map) {
        return false;
    }

    if (row == 0) {
        xc_status_section(out, "Latency", "时延");
        xc_buf_z(out, "<div class=\"h\">\n");
    }

    xc_status_histogram(s, kind, &h);

    xc_buf_z(out, "<figure><figcaption>");
    xc_status_label(out, names[kind].en, names[kind].zh);
    xc_buf_u64(out, h.upto[h.n]);

    if (h.upto[h.n] != 0) {
        xc_buf_z(out, " in all; half ");
        xc_sh_percentile(out, kind, &h, 50);
        xc_buf_z(out, ", 99 % ");
        xc_sh_percentile(out, kind, &h, 99);
    }

    xc_buf_z(out, "</figcaption>\n");
    xc_sh_chart(out, kind, &h);
    xc_buf_z(out, "</figure>\n");

    if (row + 1 < XC_HISTOGRAM_COUNT) {
        return true;
    }

    xc_buf_z(out, "</div>\n");

    return false;
}
