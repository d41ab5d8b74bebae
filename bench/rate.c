/*
 * What the limits of one node cost a request: xc_rate_take(), and
 * xc_rate_debit() of what it costs.  ./xc bench limits builds and runs it:
 *
 *     bench_rate FILE [ROUNDS]
 *
 * FILE is a state file, made and removed.  Wall clock, since two processes of
 * one agency wait for each other's cache line; each round is paired with one of
 * the same loop without limits, whose time is taken off.  One process, then two
 * that share the map: of two agencies, then of one.  The figures are medians of
 * the rounds.  It ends with 1 where a request was refused.
 */

#define _GNU_SOURCE             /* sched_setaffinity() */

#include "xc_rate.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BENCH_ROUNDS        15
#define BENCH_ROUNDS_MAX    201
#define BENCH_REQUESTS      200000      /* of a process in a round */
#define BENCH_TARGET_US     0.3
#define BENCH_AGENCIES      2
#define BENCH_NOW_S         1795305600
#define BENCH_LINE          64

typedef struct {
    const char  *name;
    unsigned     processes;
    bool         shared;            /* of one agency */
} bench_case_t;

static const bench_case_t  cases[] = {
    { "one process", 1, true },
    { "two processes, an agency each", 2, false },
    { "two processes, one agency", 2, true },
};

static const xc_rate_t  rate = {
    .interval_us = 1, .burst = 1u << 30, .refusals_interval_us = 1000000,
    .refusals_burst = 20, .per_day = (uint64_t) 1 << 39, .cost_subject = 1,
    .cost_field = 1,
};

static xc_map_agency_t  *agencies[BENCH_AGENCIES];
static xc_map_t          map;

/* In the map, so that both see them: of requests let through, and of when to
 * begin. */
static _Atomic uint64_t  *passed, *ready;


static void
bail_out(const char *what)
{
    fprintf(stderr, "bench_rate: %s\n", what);
    exit(2);
}


static int64_t
now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


/* Time goes on by 7 us a request, as in a gate under load. */
static void
ask(xc_map_agency_t *agency, bool limits)
{
    int64_t            i, boot_us = 1, wait;
    uint64_t           n = 0;
    xc_limit_t         limit;
    volatile uint64_t  cost = 0;

    for (i = 0; i < BENCH_REQUESTS; i++) {
        boot_us += 7;

        if (!limits) {
            cost = xc_rate_cost(&rate, 1, (size_t) i & 7);
            n++;
            continue;
        }

        if (xc_rate_take(agency, &rate, boot_us, BENCH_NOW_S, &limit, &wait)
            == XC_OK)
        {
            cost = xc_rate_cost(&rate, 1, (size_t) i & 7);
            xc_rate_debit(agency, &rate, cost, boot_us, BENCH_NOW_S);
            n++;
        }
    }

    atomic_fetch_add(passed, n);
}


/* A CPU each, where there are two: what is shared then moves between them. */
static void
pin(unsigned process)
{
    cpu_set_t  all, one;
    unsigned   cpu, n = 0;

    CPU_ZERO(&one);

    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        return;
    }

    for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &all) && n++ == process) {
            CPU_SET(cpu, &one);
            (void) sched_setaffinity(0, sizeof(one), &one);
            return;
        }
    }
}


static void
child(const bench_case_t *c, unsigned process, bool limits, int fd)
{
    int64_t  ns;

    pin(process);
    atomic_fetch_add(ready, 1);

    while (atomic_load(ready) < c->processes) {
        /* void */
    }

    ns = now_ns();
    ask(agencies[c->shared ? 0 : process], limits);
    ns = now_ns() - ns;

    _exit(write(fd, &ns, sizeof(ns)) != sizeof(ns));
}


/* Microseconds of a request, the slower process's. */
static double
run(const bench_case_t *c, bool limits)
{
    int       fds[2], status;
    pid_t     pid;
    int64_t   ns, most = 0;
    unsigned  i;

    if (pipe(fds) != 0) {
        bail_out("no pipe");
    }

    atomic_store(ready, 0);

    for (i = 0; i < BENCH_AGENCIES; i++) {
        atomic_store(&agencies[i]->tat_us, 0);
        atomic_store(&agencies[i]->day, 0);
    }

    for (i = 0; i < c->processes; i++) {
        pid = fork();
        if (pid == -1) {
            bail_out("no process");
        }

        if (pid == 0) {
            child(c, i, limits, fds[1]);
        }
    }

    for (i = 0; i < c->processes; i++) {
        if (read(fds[0], &ns, sizeof(ns)) != sizeof(ns)
            || wait(&status) == -1 || status != 0)
        {
            bail_out("a process failed");
        }

        most = XC_MAX(most, ns);
    }

    (void) close(fds[0]);
    (void) close(fds[1]);

    return (double) most / 1000 / BENCH_REQUESTS;
}


static int
compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


static void
setup(const char *file)
{
    unsigned          i;
    const char       *error = "";
    xc_map_conf_t     conf = {
        .path = file, .replay = XC_MAP_REPLAY_MIN,
        .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
        .now_s = BENCH_NOW_S, .create = true, .uid = (uid_t) -1,
        .gid = (gid_t) -1,
    };
    xc_map_origin_t   origin;
    const xc_str_t    ids[BENCH_AGENCIES] = { XC_STR("310115"),
                                              XC_STR("310104") };

    if (xc_map_open(&map, &conf, &origin, &error) != XC_OK) {
        bail_out(error);
    }

    (void) unlink(file);

    for (i = 0; i < BENCH_AGENCIES; i++) {
        agencies[i] = xc_map_agency(&map, ids[i], 1, 0, 0);
        if (agencies[i] == NULL) {
            bail_out("no place for an agency");
        }
    }

    passed = &map.counters[0];
    ready = &map.counters[BENCH_LINE / sizeof(map.counters[0])];
}


int
main(int argc, char **argv)
{
    size_t    i, r, rounds = BENCH_ROUNDS;
    double    us[BENCH_ROUNDS_MAX], empty, median;
    uint64_t  want = 0;

    if (argc > 2) {
        rounds = strtoul(argv[2], NULL, 10);
    }

    if (argc < 2 || rounds == 0 || rounds > BENCH_ROUNDS_MAX) {
        bail_out("usage: bench_rate FILE [ROUNDS]");
    }

    setup(argv[1]);
    printf("take and debit, %zu rounds of %d requests a process:\n", rounds,
           BENCH_REQUESTS);

    for (i = 0; i < XC_COUNT(cases); i++) {
        for (r = 0; r < rounds; r++) {
            empty = run(&cases[i], false);
            us[r] = run(&cases[i], true) - empty;
            want += 2 * (uint64_t) cases[i].processes * BENCH_REQUESTS;
        }

        qsort(us, rounds, sizeof(us[0]), compare);
        median = us[rounds / 2];
        printf("  %-30s %.3f us (%.3f to %.3f); at most %.1f: %s\n",
               cases[i].name, median, us[0], us[rounds - 1], BENCH_TARGET_US,
               median <= BENCH_TARGET_US ? "met" : "not met");
    }

    if (atomic_load(passed) != want) {
        printf("  %llu requests were refused\n",
               (unsigned long long) (want - atomic_load(passed)));
        return 1;
    }

    return 0;
}
