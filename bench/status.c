/*
 * What counting costs a request, and how long a slice of the status of 3,243
 * agencies takes to write.  ./xc bench status builds and runs it:
 *
 *     bench_status [ROUNDS]
 *
 * CPU time of one thread, the least of the rounds, since nothing makes a loop
 * faster than it is.  Besides the counting, a request reads one clock that it
 * would not read else: a refusal at its decision, what goes on at the answer's
 * end (that of its decision is its batch's).
 */

#include "xc_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS        15
#define BENCH_REQUESTS      200000
#define BENCH_AGENCIES      3243
#define BENCH_SLICE         65536
#define BENCH_COUNT_NS      50
#define BENCH_SLICE_US      2000

static _Atomic uint64_t  counters[XC_MAP_COUNTERS];
static xc_map_t          map = { .counters = counters };
static xc_status_t       status;


static int64_t
clock_ns(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
went_on(int64_t us)
{
    xc_count_gone_on(&map, XC_LEVEL_COUNTY, false);
    xc_count_value(&map, XC_HISTOGRAM_DECISION, us);
    xc_count_value(&map, XC_HISTOGRAM_ANSWER, 4 * us);
}


static void
refused(int64_t us)
{
    xc_count_refused(&map, XC_COUNT_NOBODY, XC_REASON_CREDENTIAL_MISSING);
    xc_count_value(&map, XC_HISTOGRAM_DECISION, us);
}


static void
one_clock(int64_t us)
{
    volatile int64_t  sink;

    (void) us;
    sink = clock_ns(CLOCK_BOOTTIME);
    (void) sink;
}


static double
count_ns(void (*what)(int64_t us), unsigned rounds)
{
    int64_t   began;
    double    ns, least = 1e9;
    unsigned  i, k;

    for (i = 0; i < rounds; i++) {
        began = clock_ns(CLOCK_THREAD_CPUTIME_ID);

        for (k = 0; k < BENCH_REQUESTS; k++) {
            what((int64_t) (k & 4095));
        }

        ns = (double) (clock_ns(CLOCK_THREAD_CPUTIME_ID) - began)
             / BENCH_REQUESTS;
        least = XC_MIN(least, ns);
    }

    return least;
}


static void
agency(void *ctx, size_t i, xc_status_agency_t *out)
{
    static const xc_rate_t  rate = {
        .interval_us = 100000, .burst = 20, .refusals_interval_us = 1000000,
        .refusals_burst = 20, .per_day = 20000
    };
    static xc_map_agency_t  places[BENCH_AGENCIES];

    (void) ctx;

    *out = (xc_status_agency_t) {
        .policy = XC_STR("cn-samr-2025"), .id = XC_STR("310115"),
        .name = XC_STR("上海市浦东新区市场监督管理局"), .admitted = 1234567,
        .refused = 12345, .limited = 1234
    };

    xc_rate_state(&places[i], &rate, 1000000 + (int64_t) i, 1795305600,
                  &out->state);
}


/* The longest slice and all of them, microseconds. */
static void
form(const char *name, xc_status_format_t format, unsigned rounds)
{
    bool            more;
    double          us, longest, least = 1e9;
    size_t          bytes = 0;
    int64_t         began;
    unsigned        i, slices = 0;
    xc_buf_t        out;
    xc_status_at_t  at;

    static char  mem[BENCH_SLICE];

    for (i = 0; i < rounds; i++) {
        at = (xc_status_at_t) { 0 };
        longest = 0;
        slices = 0;
        bytes = 0;

        do {
            began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
            xc_buf_init(&out, mem, sizeof(mem));
            more = xc_status_write(&status, format, &at, &out);
            us = (double) (clock_ns(CLOCK_THREAD_CPUTIME_ID) - began) / 1000;

            longest = XC_MAX(longest, us);
            bytes += out.len;
            slices++;
        } while (more);

        least = XC_MIN(least, longest);
    }

    printf("%-12s %8zu bytes in %3u slices, the longest %6.0f us  (target "
           "%d: %s)\n", name, bytes, slices, least, BENCH_SLICE_US,
           least <= BENCH_SLICE_US ? "met" : "missed");
}


int
main(int argc, char **argv)
{
    double    on, no, one;
    unsigned  rounds = argc > 1 ? (unsigned) atoi(argv[1]) : BENCH_ROUNDS;

    rounds = XC_MAX(rounds, 1u);
    on = count_ns(went_on, rounds);
    no = count_ns(refused, rounds);
    one = count_ns(one_clock, rounds);

    printf("counting a request that goes on: %.0f ns, a refusal: %.0f ns, and "
           "a clock: %.0f ns  (target %d together: %s)\n", on, no, one,
           BENCH_COUNT_NS,
           XC_MAX(on, no) + one <= BENCH_COUNT_NS ? "met" : "missed");

    status.map = status.head = status.agencies = true;
    status.n_agencies = BENCH_AGENCIES;
    status.agency = agency;
    status.node = XC_STR("n1");

    form("json", XC_STATUS_JSON, rounds);
    form("prometheus", XC_STATUS_PROMETHEUS, rounds);
    form("html", XC_STATUS_HTML, rounds);

    return 0;
}
