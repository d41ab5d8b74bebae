/* What the three forms of the status share; private to xc_status*.c. */

#ifndef XC_STATUS_WRITE_H
#define XC_STATUS_WRITE_H

#include "xc_status.h"

/*
 * Writes a row, at most XC_STATUS_PIECE_MAX bytes, and tells whether there is
 * another.  Row 0 is asked for even where there is none to write.
 */
typedef bool (*xc_status_part_pt)(const xc_status_t *s, size_t row,
    xc_buf_t *out);

extern const xc_status_part_pt  xc_status_json_parts[];
extern const size_t             xc_status_json_n;
extern const xc_status_part_pt  xc_status_prom_parts[];
extern const size_t             xc_status_prom_n;
extern const xc_status_part_pt  xc_status_html_parts[];
extern const size_t             xc_status_html_n;

/* "none", "county", …: of 0 to XC_COUNT_WHO - 1. */
xc_str_t xc_status_who(unsigned who);

/* "expired", "1", …: how the classes are written. */
extern const xc_str_t  xc_status_days[XC_STATUS_DAYS_COUNT];

/* Microseconds as seconds, without zeros at the end. */
void xc_status_seconds(xc_buf_t *out, uint64_t us);

/* A histogram as it is told: counts up to each bound, then all. */
typedef struct {
    const uint32_t  *bounds;
    size_t           n;
    uint64_t         upto[XC_HISTOGRAM_BOUNDS + 1];     /* n + 1 of them */
    uint64_t         sum;
} xc_status_histogram_t;

void xc_status_histogram(const xc_status_t *s, xc_histogram_kind_t kind,
    xc_status_histogram_t *h);

/* Is it counted in microseconds? */
static inline bool
xc_status_is_time(xc_histogram_kind_t kind)
{
    return kind != XC_HISTOGRAM_BATCH;
}

uint64_t xc_status_registered(const xc_status_t *s);

/* The page: English with the Chinese below it, or, of a heading, behind it. */
void xc_status_label(xc_buf_t *out, const char *en, const char *zh);
void xc_status_section(xc_buf_t *out, const char *en, const char *zh);

/* Its part of the histograms. */
bool xc_status_charts(const xc_status_t *s, size_t row, xc_buf_t *out);

/* The page's style sheet: the text between <style> and </style>. */
xc_str_t xc_status_style(void);

#endif
