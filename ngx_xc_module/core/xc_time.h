/* Dates and times.  Pure and thread-safe; the clock is the caller's. */

#ifndef XC_TIME_H
#define XC_TIME_H

#include "xc_buf.h"

/* China Standard Time, UTC+8, without daylight saving since 1991. */
#define XC_TIME_SHANGHAI_S  (8 * 3600)

/*
 * RFC 3339 date-time ("2026-01-01T00:00:00Z", "...+08:00", fraction allowed
 * and dropped) to seconds since the epoch.  Years 1970 to 9999, real calendar
 * days, second 60 refused.  XC_EINPUT.
 */
xc_rc_t xc_time_parse(xc_str_t in, int64_t *out_s) XC_WUR;

/* "2026-10-01" to days since 1970-01-01.  XC_EINPUT. */
xc_rc_t xc_time_parse_date(xc_str_t in, int64_t *out_days) XC_WUR;

/* "2026-11-22T10:20:30.123456Z" */
void xc_time_format_us(xc_buf_t *out, int64_t t_us);

/* "2026-11-22T10:20:30Z" */
void xc_time_format_s(xc_buf_t *out, int64_t t_s);

/* "20261122T102030Z", for names of files */
void xc_time_format_name(xc_buf_t *out, int64_t t_s);

#endif
