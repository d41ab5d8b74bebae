/* What the node counts and tells: bounds of histograms, the three forms in
 * slices of any size, what is escaped. */

#include "xt.h"
#include "xc_status.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define AGENCIES    3000


static xc_status_t  status;


/* The names are none that a policy may have: what is written must not rely on
 * that. */
static void
agency(void *ctx, size_t i, xc_status_agency_t *out)
{
    (void) ctx;

    *out = (xc_status_agency_t) {
        .id = XC_STR("<i>\"\\\n&'"), .name = XC_STR("市场监督管理局<b>"),
        .level = XC_LEVEL_CITY,
        .admitted = i, .refused = 7,
        .state = { .day_left = i % 2 == 0 ? UINT64_MAX : i },
    };
}


/* The whole in slices of that size; the caller frees. */
static char *
written(xc_status_format_t format, size_t slice, size_t *len, size_t *slices)
{
    bool            more = true;
    char           *text = malloc(16 * 1024 * 1024);
    char           *mem = malloc(slice);
    xc_buf_t        out;
    xc_status_at_t  at = { 0 };

    *len = *slices = 0;

    while (more) {
        xc_buf_init(&out, mem, slice);
        more = xc_status_write(&status, format, &at, &out);

        if (out.overflow || out.len == 0
            || (more && slice - out.len >= XC_STATUS_PIECE_MAX))
        {
            xt_ok(false, "a slice of %zu: overflow %d, %zu bytes", slice,
                  out.overflow, out.len);
            break;
        }

        memcpy(text + *len, mem, out.len);
        *len += out.len;
        (*slices)++;
    }

    free(mem);
    text[*len] = '\0';

    return text;
}


static size_t
count(const char *text, const char *piece)
{
    size_t  n = 0;

    while ((text = strstr(text, piece)) != NULL) {
        n++;
        text += strlen(piece);
    }

    return n;
}


static void
slices(void)
{
    char                *whole, *cut;
    size_t               i, len, n, cut_len, cut_n;
    xc_status_format_t   format;
    static const size_t  sizes[] = { XC_STATUS_PIECE_MAX, 20000, 65536 };

    for (format = 0; format < XC_STATUS_FORMATS; format++) {
        whole = written(format, 16 * 1024 * 1024, &len, &n);
        xt_ok(n == 1, "form %d in one piece", format);

        for (i = 0; i < XC_COUNT(sizes); i++) {
            cut = written(format, sizes[i], &cut_len, &cut_n);
            xt_ok(cut_len == len && memcmp(cut, whole, len) == 0 && cut_n > 4,
                  "the same in %zu slices of %zu", cut_n, sizes[i]);
            free(cut);
        }

        free(whole);
    }
}


static void
escapes(void)
{
    char    *text;
    size_t   len, n;

    text = written(XC_STATUS_PROMETHEUS, 65536, &len, &n);
    xt_ok(count(text, "\nxc_agency_admitted_total{agency=\"<i>\\\"\\\\\\n&'\","
                      "level=\"city\"} ") == AGENCIES,
          "labels are escaped");
    xt_ok(count(text, "\nxc_agency_day_left_units{") == AGENCIES / 2,
          "no quota, nothing left of it");
    xt_ok(strstr(text, "{node=\"n\\\\1\",") != NULL, "the node's name, too");
    free(text);

    text = written(XC_STATUS_HTML, 65536, &len, &n);
    xt_ok(count(text, "&lt;i&gt;&quot;\\\n&amp;&#39;") == AGENCIES
          && strstr(text, "<i>") == NULL && strstr(text, "<b>") == NULL,
          "markup is text");
    free(text);

    text = written(XC_STATUS_JSON, 65536, &len, &n);
    xt_ok(count(text, "{\"agency\":\"<i>\\\"\\\\\\n&'\",") == AGENCIES,
          "JSON strings are escaped");
    xt_ok(count(text, ",\"day_left\":null,") == AGENCIES / 2, "null");
    free(text);
}


/* What there is not is not told, and nothing of it reads memory. */
static void
nothing(void)
{
    char                *text;
    size_t               len, n;
    xc_status_t          kept = status;
    xc_status_format_t   format;

    memset(&status, 0, sizeof(status));

    for (format = 0; format < XC_STATUS_FORMATS; format++) {
        text = written(format, 65536, &len, &n);
        xt_ok(n == 1 && len > 100 && strstr(text, "gency_") == NULL,
              "form %d of an empty node", format);
        free(text);
    }

    status.agencies = true;
    text = written(XC_STATUS_JSON, 65536, &len, &n);
    xt_ok(strstr(text, "\"agencies\":[]") != NULL, "no agencies: none");
    free(text);

    status = kept;
}


static void
counts(void)
{
    char              *text;
    size_t             i, len, n;
    xc_map_t           map = { 0 };
    _Atomic uint64_t  *counters = calloc(XC_MAP_COUNTERS, sizeof(*counters));

    static const int64_t  values[] = {
        -5, 0, 500, 501, 1000, 10000000, 10000001, INT64_C(3600000000)
    };

    map.counters = counters;

    for (i = 0; i < XC_COUNT(values); i++) {
        xc_count_value(&map, XC_HISTOGRAM_DECISION, values[i]);
    }

    xc_count_value(&map, XC_HISTOGRAM_BATCH, 512);
    xc_count_value(&map, XC_HISTOGRAM_BATCH, 513);
    xc_count_refused(&map, XC_COUNT_NOBODY, XC_REASON_CREDENTIAL_MISSING);
    xc_count_refused(&map, 1 + XC_LEVEL_NATIONAL, XC_REASON_COUNT - 1);
    xc_count_gone_on(&map, XC_LEVEL_NATIONAL, false);
    xc_count_gone_on(&map, XC_LEVEL_COUNTY, true);

    status.agencies = false;

    for (i = 0; i < XC_MAP_COUNTERS; i++) {
        status.counters[i] = counters[i];
    }

    text = written(XC_STATUS_PROMETHEUS, 65536, &len, &n);

#define HAS(line)  xt_ok(strstr(text, "\n" line "\n") != NULL, "%s", line)
    HAS("xc_decision_duration_seconds_bucket{le=\"0.0005\"} 3");
    HAS("xc_decision_duration_seconds_bucket{le=\"0.001\"} 5");
    HAS("xc_decision_duration_seconds_bucket{le=\"5\"} 5");
    HAS("xc_decision_duration_seconds_bucket{le=\"10\"} 6");
    HAS("xc_decision_duration_seconds_bucket{le=\"+Inf\"} 8");
    HAS("xc_decision_duration_seconds_sum 3620.002002");
    HAS("xc_decision_duration_seconds_count 8");
    HAS("xc_audit_commit_duration_seconds_bucket{le=\"0.00005\"} 0");
    HAS("xc_audit_commit_duration_seconds_sum 0");
    HAS("xc_audit_batch_records_bucket{le=\"512\"} 1");
    HAS("xc_audit_batch_records_bucket{le=\"+Inf\"} 2");
    HAS("xc_audit_batch_records_sum 1025");
    HAS("xc_refused_total{reason=\"credential-missing\",status=\"401\","
        "level=\"none\"} 1");
    HAS("xc_refused_total{reason=\"client-gone\",status=\"499\","
        "level=\"national\"} 1");
    HAS("xc_admitted_total{level=\"national\"} 1");
    HAS("xc_admitted_total{level=\"county\"} 0");
    HAS("xc_observed_total{level=\"county\"} 1");

    free(text);
    free(counters);
}


int
main(void)
{
    status.node = XC_STR("n\\1");
    status.map = status.head = status.checkpoint = status.intake = true;
    status.fleet = status.agencies = true;
    status.observe_gates = 1;
    status.observe_s = INT64_MAX;
    status.intake_s = -3;
    status.n_agencies = AGENCIES;
    status.agency = agency;

    slices();
    escapes();
    nothing();
    counts();

    return xt_done();
}
