/* Dates and times: reading, writing, the calendar against libc's. */

#include "xt.h"
#include "xc_time.h"

#include <stdio.h>
#include <time.h>


static xc_rc_t
parse(const char *text, int64_t *out)
{
    xc_rc_t   rc;
    xc_str_t  in = xt_guard(xc_str_z(text));

    rc = xc_time_parse(in, out);
    xt_unguard(in);

    return rc;
}


static void
test_parse(void)
{
    size_t   i;
    int64_t  t;

    static const struct {
        const char  *in;
        int64_t      t;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-22T10:20:30Z", 1795342830 },
        { "2026-11-22T18:20:30+08:00", 1795342830 },
        { "2026-11-22T05:50:30-04:30", 1795342830 },
        { "2026-11-22T10:20:30.999999999999Z", 1795342830 },
        { "2026-11-22t10:20:30z", 1795342830 },
        { "2026-11-22T10:20:30-00:00", 1795342830 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "9999-12-31T23:59:59Z", 253402300799 },
    };

    static const char *const  bad[] = {
        "", "2026-11-22", "2026-11-22T10:20:30", "2026-11-22T10:20Z",
        "2026-11-22 10:20:30Z", "2026-11-22T10:20:30Z ",
        "2026-11-22T10:20:30Z\n", " 2026-11-22T10:20:30Z",
        "2026-11-22T10:20:60Z", "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z", "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "2026-11-22T10:20:30.Z", "2026-11-22T10:20:30.1",
        "2026-11-22T10:20:30,1Z", "2026-11-22T10:20:30+0800",
        "2026-11-22T10:20:30+08", "2026-11-22T10:20:30+24:00",
        "2026-11-22T10:20:30+08:60", "2026-11-22T10:20:30Z+08:00",
        "2026/11/22T10:20:30Z", "2026-11-22T10-20-30Z",
        "+026-11-22T10:20:30Z", "2026-1a-22T10:20:30Z",
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        t = -1;
        xt_ok(parse(cases[i].in, &t) == XC_OK && t == cases[i].t, "%s",
              cases[i].in);
    }

    for (i = 0; i < XC_COUNT(bad); i++) {
        t = 7;
        xt_ok(parse(bad[i], &t) == XC_EINPUT && t == 7, "refused %zu", i);
    }
}


static void
test_date(void)
{
    int64_t  days = 7;

    xt_ok(xc_time_parse_date(XC_STR("1970-01-01"), &days) == XC_OK
          && days == 0, "the first day");
    xt_ok(xc_time_parse_date(XC_STR("2026-10-01"), &days) == XC_OK
          && days == 20727, "2026-10-01");

    days = 7;
    xt_ok(xc_time_parse_date(XC_STR("2026-10-01\n"), &days) == XC_EINPUT
          && xc_time_parse_date(XC_STR("2026-10-1"), &days) == XC_EINPUT
          && xc_time_parse_date(XC_STR("2026-10-32"), &days) == XC_EINPUT
          && xc_time_parse_date(XC_STR("2026-10-01T00:00:00Z"), &days)
             == XC_EINPUT
          && days == 7, "dates that are none");
}


/* Every day of 8,000 years, and back. */
static void
test_calendar(void)
{
    int        bad = 0;
    char       mine[32], libc[32];
    time_t     t;
    int64_t    back;
    xc_buf_t   b;
    struct tm  tm;

    for (t = 0; t < 253402300799; t += 86400 * 3 + 3607) {
        gmtime_r(&t, &tm);
        snprintf(libc, sizeof(libc), "%04u-%02u-%02uT%02u:%02u:%02uZ",
                 (unsigned) (tm.tm_year + 1900) % 10000,
                 (unsigned) (tm.tm_mon + 1) % 100, (unsigned) tm.tm_mday % 100,
                 (unsigned) tm.tm_hour % 100, (unsigned) tm.tm_min % 100,
                 (unsigned) tm.tm_sec % 100);

        xc_buf_init(&b, mine, sizeof(mine));
        xc_time_format_s(&b, t);

        bad += !xc_str_eq(xc_buf_view(&b), xc_str_z(libc))
               || xc_time_parse(xc_buf_view(&b), &back) != XC_OK || back != t;
    }

    xt_ok(bad == 0, "1970 to 9999 as libc has it, and back");
}


static void
test_format(void)
{
    char      mem[32];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_us(&b, 1795342830123456);
    xt_is(xc_buf_view(&b), XC_STR("2026-11-22T10:20:30.123456Z"),
          "microseconds");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_us(&b, 1795342830000007);
    xt_is(xc_buf_view(&b), XC_STR("2026-11-22T10:20:30.000007Z"),
          "microseconds with leading zeros");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_name(&b, 1795342830);
    xt_is(xc_buf_view(&b), XC_STR("20261122T102030Z"), "a name");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_us(&b, -1);
    xt_is(xc_buf_view(&b), XC_STR("1970-01-01T00:00:00.000000Z"),
          "a clock before 1970");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_s(&b, INT64_MAX);
    xt_is(xc_buf_view(&b), XC_STR("9999-12-31T23:59:59Z"),
          "a clock beyond 9999");
}


int
main(void)
{
    test_parse();
    test_date();
    test_calendar();
    test_format();

    return xt_done();
}
