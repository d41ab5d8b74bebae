#include "xc_status_write.h"

#include "xc_b64.h"
#include "xc_hash.h"

#define XC_STATUS_DAY_S     86400


const int64_t  xc_status_days_s[XC_STATUS_DAYS_COUNT] = {
    [XC_STATUS_DAY_1] = XC_STATUS_DAY_S,
    [XC_STATUS_DAYS_7] = 7 * XC_STATUS_DAY_S,
    [XC_STATUS_DAYS_30] = 30 * XC_STATUS_DAY_S,
    [XC_STATUS_DAYS_90] = 90 * XC_STATUS_DAY_S
};

const xc_str_t  xc_status_days[XC_STATUS_DAYS_COUNT] = {
    [XC_STATUS_ENDED] = { "expired", 7 },
    [XC_STATUS_DAY_1] = { "1", 1 },
    [XC_STATUS_DAYS_7] = { "7", 1 },
    [XC_STATUS_DAYS_30] = { "30", 2 },
    [XC_STATUS_DAYS_90] = { "90", 2 },
    [XC_STATUS_LATER] = { "more", 4 },
    [XC_STATUS_ENDLESS] = { "none", 4 }
};


xc_str_t
xc_status_who(unsigned who)
{
    return who == XC_COUNT_NOBODY ? XC_STR("none")
                                  : xc_level_name((xc_level_t) (who - 1));
}


void
xc_status_seconds(xc_buf_t *out, uint64_t us)
{
    char      digits[6];
    size_t    n;
    uint64_t  rest = us % 1000000;

    xc_buf_u64(out, us / 1000000);

    if (rest == 0) {
        return;
    }

    for (n = sizeof(digits); n != 0; n--, rest /= 10) {
        digits[n - 1] = (char) ('0' + rest % 10);
    }

    for (n = sizeof(digits); digits[n - 1] == '0'; n--) {
        /* void */
    }

    xc_buf_char(out, '.');
    xc_buf_bytes(out, digits, n);
}


void
xc_status_histogram(const xc_status_t *s, xc_histogram_kind_t kind,
    xc_status_histogram_t *h)
{
    size_t           i;
    uint64_t         upto = 0;
    const uint64_t  *slots;

    slots = &s->counters[XC_COUNT_HISTOGRAM + kind * XC_HISTOGRAM_SLOTS];
    h->bounds = xc_count_bounds(kind, &h->n);

    for (i = 0; i <= h->n; i++) {
        upto += slots[i];
        h->upto[i] = upto;
    }

    h->sum = slots[XC_HISTOGRAM_SLOTS - 1];
}


uint64_t
xc_status_registered(const xc_status_t *s)
{
    size_t    i;
    uint64_t  n = 0;

    for (i = 0; i < XC_STATUS_DAYS_COUNT; i++) {
        n += s->credentials[i];
    }

    return n;
}


bool
xc_status_write(const xc_status_t *status, xc_status_format_t format,
    xc_status_at_t *at, xc_buf_t *out)
{
    size_t                    n;
    const xc_status_part_pt  *parts;

    switch (format) {

    case XC_STATUS_PROMETHEUS:
        parts = xc_status_prom_parts;
        n = xc_status_prom_n;
        break;

    case XC_STATUS_HTML:
        parts = xc_status_html_parts;
        n = xc_status_html_n;
        break;

    default:
        parts = xc_status_json_parts;
        n = xc_status_json_n;
    }

    while (at->part < n) {
        if (out->overflow || out->cap - out->len < XC_STATUS_PIECE_MAX) {
            return true;
        }

        if (parts[at->part](status, at->row, out)) {
            at->row++;
            continue;
        }

        at->part++;
        at->row = 0;
    }

    return false;
}


xc_str_t
xc_status_media_type(xc_status_format_t format)
{
    switch (format) {

    case XC_STATUS_PROMETHEUS:
        return XC_STR("text/plain; version=0.0.4; charset=utf-8");

    case XC_STATUS_HTML:
        return XC_STR("text/html; charset=utf-8");

    default:
        return XC_STR("application/json");
    }
}


xc_rc_t
xc_status_csp(xc_buf_t *out)
{
    uint8_t   hash[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_str_t  style = xc_status_style();

    rc = xc_hash(XC_HASH_SHA256, style.data, style.len, hash);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_z(out, "default-src 'none'; style-src 'sha256-");
    xc_b64_encode(XC_B64_STD, out, hash, sizeof(hash));
    xc_buf_z(out, "'; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'");

    return out->overflow ? XC_EINTERNAL : XC_OK;
}
