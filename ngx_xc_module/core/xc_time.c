#include "xc_time.h"

#include "xc_ascii.h"

#define XC_TIME_DAY_S   86400
#define XC_TIME_MAX_S   253402300799        /* 9999-12-31T23:59:59Z */


typedef struct {
    int64_t   year;
    unsigned  month, day, hour, minute, second;
} xc_time_civil_t;


/* Days from 0000-03-01: a year that begins in March has its leap day last,
 * and its months' lengths follow a straight line. */
static int64_t
xc_time_days_from_march(int64_t year, unsigned month, unsigned day)
{
    unsigned  m;

    m = (month + 9) % 12;
    year -= month <= 2;

    return 365 * year + year / 4 - year / 100 + year / 400
           + (153 * m + 2) / 5 + day - 1;
}


static int64_t
xc_time_days(int64_t year, unsigned month, unsigned day)
{
    return xc_time_days_from_march(year, month, day)
           - xc_time_days_from_march(1970, 1, 1);
}


static unsigned
xc_time_days_in_month(unsigned year, unsigned month)
{
    static const uint8_t  days[] = { 31, 28, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31 };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


/* A number of exactly digits digits at in.data + at, within the bounds. */
static bool
xc_time_field(xc_str_t in, size_t at, size_t digits, unsigned min,
    unsigned max, unsigned *out)
{
    uint64_t  n;

    if (in.len < at + digits
        || !xc_ascii_u64((xc_str_t) { in.data + at, digits }, max, &n)
        || n < min)
    {
        return false;
    }

    *out = (unsigned) n;

    return true;
}


/* RFC 3339 5.6: full-date, at the start of in */
static bool
xc_time_date(xc_str_t in, int64_t *days)
{
    unsigned  year, month, day;

    if (!xc_time_field(in, 0, 4, 1970, 9999, &year)
        || !xc_time_field(in, 5, 2, 1, 12, &month)
        || !xc_time_field(in, 8, 2, 1, 31, &day)
        || in.data[4] != '-' || in.data[7] != '-'
        || day > xc_time_days_in_month(year, month))
    {
        return false;
    }

    *days = xc_time_days(year, month, day);

    return true;
}


/* RFC 3339 5.6: time-offset, the whole of in */
static bool
xc_time_offset(xc_str_t in, int64_t *offset_s)
{
    unsigned  hour, minute;

    if (in.len == 1 && (in.data[0] == 'Z' || in.data[0] == 'z')) {
        *offset_s = 0;
        return true;
    }

    if (in.len != 6 || (in.data[0] != '+' && in.data[0] != '-')
        || in.data[3] != ':'
        || !xc_time_field(in, 1, 2, 0, 23, &hour)
        || !xc_time_field(in, 4, 2, 0, 59, &minute))
    {
        return false;
    }

    *offset_s = hour * 3600 + minute * 60;
    if (in.data[0] == '-') {
        *offset_s = -*offset_s;
    }

    return true;
}


/* Length of time-secfrac at the start of in; 0 when there is none or it has
 * no digit (then the dot is left over, which no offset begins with). */
static size_t
xc_time_fraction_len(xc_str_t in)
{
    size_t  n;

    if (in.len < 2 || in.data[0] != '.') {
        return 0;
    }

    for (n = 1; n < in.len && xc_ascii_is_digit(in.data[n]); n++) { /* void */ }

    return n > 1 ? n : 0;
}


xc_rc_t
xc_time_parse(xc_str_t in, int64_t *out_s)
{
    size_t    n;
    int64_t   days, offset_s, t;
    unsigned  hour, minute, second;
    xc_str_t  rest;

    if (!xc_time_date(in, &days)
        || !xc_time_field(in, 11, 2, 0, 23, &hour)
        || !xc_time_field(in, 14, 2, 0, 59, &minute)
        || !xc_time_field(in, 17, 2, 0, 59, &second)
        || (in.data[10] != 'T' && in.data[10] != 't')
        || in.data[13] != ':' || in.data[16] != ':')
    {
        return XC_EINPUT;
    }

    rest = (xc_str_t) { in.data + 19, in.len - 19 };
    n = xc_time_fraction_len(rest);
    rest.data += n;
    rest.len -= n;

    if (!xc_time_offset(rest, &offset_s)) {
        return XC_EINPUT;
    }

    t = days * XC_TIME_DAY_S + hour * 3600 + minute * 60 + second - offset_s;

    /* The offset may lead out of the years that the text stays within. */
    if (t < 0 || t > XC_TIME_MAX_S) {
        return XC_EINPUT;
    }

    *out_s = t;

    return XC_OK;
}


xc_rc_t
xc_time_parse_date(xc_str_t in, int64_t *out_days)
{
    return in.len == 10 && xc_time_date(in, out_days) ? XC_OK : XC_EINPUT;
}


/* The inverse of xc_time_days(). */
static xc_time_civil_t
xc_time_civil(int64_t t_s)
{
    int64_t          day_s, days, era_day, year;
    unsigned         month;
    xc_time_civil_t  c;

    /* A clock before 1970 is broken, but what it yields stays a date. */
    t_s = XC_MAX(t_s, 0);
    t_s = XC_MIN(t_s, XC_TIME_MAX_S);

    day_s = t_s % XC_TIME_DAY_S;
    days = t_s / XC_TIME_DAY_S + xc_time_days_from_march(1970, 1, 1);

    /* The estimate is never too small, and at most one too large. */
    year = (days * 400 + 591) / 146097;
    era_day = days - xc_time_days_from_march(year, 3, 1);

    if (era_day < 0) {
        year--;
        era_day = days - xc_time_days_from_march(year, 3, 1);
    }

    month = (unsigned) (5 * era_day + 2) / 153;

    c.day = (unsigned) era_day - (153 * month + 2) / 5 + 1;
    c.month = (month + 2) % 12 + 1;
    c.year = year + (c.month <= 2);
    c.hour = (unsigned) (day_s / 3600);
    c.minute = (unsigned) (day_s / 60 % 60);
    c.second = (unsigned) (day_s % 60);

    return c;
}


static void
xc_time_digits(xc_buf_t *out, uint64_t n, size_t width)
{
    char    digits[8];
    size_t  i;

    for (i = width; i-- > 0; n /= 10) {
        digits[i] = (char) ('0' + n % 10);
    }

    xc_buf_bytes(out, digits, width);
}


/* "2026-11-22T10:20:30", or without what stands between the digits */
static void
xc_time_format(xc_buf_t *out, int64_t t_s, const char *dash,
    const char *colon)
{
    xc_time_civil_t  c = xc_time_civil(t_s);

    xc_time_digits(out, (uint64_t) c.year, 4);
    xc_buf_z(out, dash);
    xc_time_digits(out, c.month, 2);
    xc_buf_z(out, dash);
    xc_time_digits(out, c.day, 2);
    xc_buf_char(out, 'T');
    xc_time_digits(out, c.hour, 2);
    xc_buf_z(out, colon);
    xc_time_digits(out, c.minute, 2);
    xc_buf_z(out, colon);
    xc_time_digits(out, c.second, 2);
}


void
xc_time_format_us(xc_buf_t *out, int64_t t_us)
{
    t_us = XC_MAX(t_us, 0);

    xc_time_format(out, t_us / 1000000, "-", ":");
    xc_buf_char(out, '.');
    xc_time_digits(out, (uint64_t) t_us % 1000000, 6);
    xc_buf_char(out, 'Z');
}


void
xc_time_format_s(xc_buf_t *out, int64_t t_s)
{
    xc_time_format(out, t_s, "-", ":");
    xc_buf_char(out, 'Z');
}


void
xc_time_format_name(xc_buf_t *out, int64_t t_s)
{
    xc_time_format(out, t_s, "", "");
    xc_buf_char(out, 'Z');
}
