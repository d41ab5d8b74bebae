/* Limits: the rate by a slow model, the day by the calendar, debts, races. */

#include "xt.h"
#include "xc_problem.h"
#include "xc_rate.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DAY         20779           /* 2026-11-22 */
#define MIDNIGHT    (DAY * 86400ll - 8 * 3600)      /* its, in Shanghai */
#define BOOT        ((int64_t) 5000000)
#define YEARS       ((int64_t) 1 << 50)     /* 35 of them, in microseconds */


static xc_map_agency_t  agency;

static const xc_rate_t  ten = {
    .interval_us = 100000, .burst = 20, .requests = 10, .per_s = 1,
    .refusals_interval_us = 1000000, .refusals_burst = 2,
};


static void
fresh(void)
{
    memset(&agency, 0, sizeof(agency));
}


static uint64_t
used(void)
{
    return atomic_load(&agency.day) & (((uint64_t) 1 << XC_MAP_DAY_SHIFT) - 1);
}


/* How many pass at once; at most max. */
static int
pass(const xc_rate_t *rate, int64_t boot_us, int64_t now_s, int max)
{
    int         n;
    int64_t     wait;
    xc_limit_t  limit;

    for (n = 0; n < max; n++) {
        if (xc_rate_take(&agency, rate, boot_us, now_s, &limit, &wait)
            != XC_OK)
        {
            break;
        }
    }

    return n;
}


/* Refused for that limit, for so long; and nothing is taken. */
static void
spent(const char *name, const xc_rate_t *rate, int64_t boot_us, int64_t now_s,
    xc_limit_t limit, int64_t wait_us)
{
    int64_t          wait = -1;
    xc_limit_t       got = XC_LIMIT_NONE;
    xc_map_agency_t  before = agency;

    xt_ok(xc_rate_take(&agency, rate, boot_us, now_s, &got, &wait)
          == XC_DENIED && got == limit && wait == wait_us
          && memcmp(&before, &agency, sizeof(agency)) == 0,
          "%s: limit %d, %lld us", name, got, (long long) wait);
}


/* The obvious model: tokens that drip back one an interval, whole ones count.
 * Scaled by the interval so that it stays in integers. */
typedef struct {
    int64_t  level, last;
} model_t;


static bool
model_take(model_t *m, const xc_rate_t *r, int64_t now, int64_t *wait)
{
    int64_t  cap = (int64_t) (r->burst + 1) * r->interval_us;

    m->level = XC_MIN(cap, m->level + (now - m->last));
    m->last = now;

    if (m->level >= r->interval_us) {
        m->level -= r->interval_us;
        return true;
    }

    *wait = r->interval_us - m->level;

    return false;
}


static void
test_model(void)
{
    int         bad;
    size_t      k;
    int64_t     now, wait, want, units;
    xc_rc_t     rc;
    model_t     m;
    unsigned    i, seed = 7;
    xc_limit_t  limit;

    static const xc_rate_t  rates[] = {
        { .interval_us = 100000, .burst = 0 },
        { .interval_us = 100000, .burst = 20 },
        { .interval_us = 333333, .burst = 3 },
        { .interval_us = 1, .burst = 1000 },
        { .interval_us = 60000000, .burst = 1 },
    };

    for (k = 0; k < XC_COUNT(rates); k++) {
        fresh();
        now = BOOT;
        m = (model_t) { INT64_MAX / 4, now };
        bad = 0;

        for (i = 0; i < 20000; i++) {
            seed = seed * 1103515245 + 12345;
            now += (int64_t) (seed >> 8) % (2 * rates[k].interval_us);
            if (i % 1000 == 0) {
                now += 50 * rates[k].interval_us;
            }

            wait = want = 0;
            rc = xc_rate_take(&agency, &rates[k], now, MIDNIGHT, &limit,
                              &wait);
            bad += (rc == XC_OK) != model_take(&m, &rates[k], now, &want);
            bad += wait != want;

            /* now and then one costs more than it brought */
            units = rc == XC_OK && seed % 8 == 0 ? seed >> 20 & 7 : 0;
            xc_rate_debit(&agency, &rates[k], (uint64_t) units, now,
                          MIDNIGHT);
            m.level -= units * rates[k].interval_us;
        }

        xt_ok(bad == 0, "rate %zu: 20000 steps as the slow model has them", k);
    }
}


static void
test_rate(void)
{
    int  n;

    fresh();
    xt_ok(pass(&ten, 1000, 0, 50) == 21, "burst + 1 at once");
    spent("then one interval", &ten, 1000, 0, XC_LIMIT_RATE, 100000);
    spent("one microsecond early", &ten, 100999, 0, XC_LIMIT_RATE, 1);
    xt_ok(pass(&ten, 101000, 0, 50) == 1, "on time");

    xc_rate_return(&agency, &ten, 0);
    xt_ok(pass(&ten, 101000, 0, 50) == 1, "what was given back is there, once");

    fresh();
    for (n = 0; n < 50 && pass(&ten, 1000, 0, 1) == 1; n++) {
        xc_rate_refused(&agency, &ten, 1000);
    }
    xt_ok(n == 3, "the refusals budget ends it sooner");
    spent("and is what is named", &ten, 1000, 0, XC_LIMIT_REFUSALS, 1000000);

    for (n = 0; n < 50; n++) {
        xc_rate_refused(&agency, &ten, 1000);
    }
    spent("never for longer than one interval", &ten, 1000999, 0,
          XC_LIMIT_REFUSALS, 1);
    xt_ok(pass(&ten, 1001000, 0, 1) == 1, "then it is over");
}


/* The calendar's midnights, by another way to reckon them. */
static void
test_day(void)
{
    int      bad = 0;
    int64_t  i, t, left;

    xt_ok(xc_rate_day(MIDNIGHT) == DAY && xc_rate_day(MIDNIGHT - 1) == DAY - 1
          && xc_rate_day_left_s(MIDNIGHT) == 86400
          && xc_rate_day_left_s(MIDNIGHT - 1) == 1,
          "a day begins at 16:00 UTC");

    for (i = 0; i < 100000; i++) {
        t = i * 40009;
        left = xc_rate_day_left_s(t);
        bad += left < 1 || left > 86400 || (t + left) % 86400 != 57600
               || xc_rate_day(t + left) != xc_rate_day(t) + 1
               || xc_rate_day(t + left - 1) != xc_rate_day(t);
    }
    xt_ok(bad == 0, "each day ends where it says");

    bad = 0;
    for (i = 0; i < 63; i++) {
        t = (int64_t) ((uint64_t) 1 << i);
        bad += xc_rate_day(t) < 0 || xc_rate_day(t) >= 1 << 24
               || xc_rate_day_left_s(t) < 1 || xc_rate_day_left_s(t) > 86400
               || xc_rate_day(-t) != 0 || xc_rate_day_left_s(-t) < 1
               || xc_rate_day_left_s(-t) > 86400;
    }
    xt_ok(bad == 0 && xc_rate_day(INT64_MAX) < 1 << 24
          && xc_rate_day_left_s(INT64_MAX) > 0
          && xc_rate_day(INT64_MIN) == 0 && xc_rate_day_left_s(INT64_MIN) > 0,
          "times of all sizes have a day");
}


static void
test_quota(void)
{
    xc_rate_t  five = ten;

    five.per_day = 5;
    fresh();
    xt_ok(pass(&five, BOOT, MIDNIGHT - 10, 50) == 5 && used() == 5,
          "a quota of five");
    spent("until midnight", &five, BOOT, MIDNIGHT - 10, XC_LIMIT_PER_DAY,
          10000000);
    spent("to the second", &five, BOOT, MIDNIGHT - 1, XC_LIMIT_PER_DAY,
          1000000);
    xt_ok(pass(&five, BOOT, MIDNIGHT, 50) == 5, "then there are five again");
    spent("a clock that steps back brings none", &five, BOOT, MIDNIGHT - 10,
          XC_LIMIT_PER_DAY, (86400 + 10) * 1000000ll);

    xc_rate_return(&agency, &five, MIDNIGHT);
    xt_ok(used() == 4 && pass(&five, BOOT, MIDNIGHT, 50) == 1,
          "one given back");
    xc_rate_return(&agency, &five, MIDNIGHT - 1);
    xt_ok(used() == 5, "not for a day that is over");

    five.per_day = 3;
    spent("lowered below what was used", &five, BOOT, MIDNIGHT,
          XC_LIMIT_PER_DAY, 86400 * 1000000ll);
    five.per_day = 7;
    xt_ok(pass(&five, BOOT, MIDNIGHT, 50) == 2, "raised: what is left");
    five.per_day = 0;
    xt_ok(pass(&five, BOOT, MIDNIGHT, 2) == 2 && used() == 9,
          "without a quota it is counted too");

    fresh();
    xc_rate_return(&agency, &five, 0);
    xt_ok(used() == 0, "there is nothing to give back of nothing");

    /* the rate is what takes longer where the debt reaches past midnight */
    five.per_day = 5;
    five.interval_us = 60000000;
    fresh();
    xc_rate_debit(&agency, &five, 25, BOOT, MIDNIGHT - 10);
    spent("the longest wait is named", &five, BOOT, MIDNIGHT - 10,
          XC_LIMIT_RATE, 5 * 60000000ll);
    spent("whichever it is", &five, BOOT, MIDNIGHT - 600, XC_LIMIT_PER_DAY,
          600 * 1000000ll);
}


static void
test_debt(void)
{
    xc_rate_t        rate = ten;
    xc_rate_state_t  state;

    rate.cost_subject = 3;
    rate.cost_field = 2;
    xt_ok(xc_rate_cost(&rate, 0, 0) == 0 && xc_rate_cost(&rate, 2, 5) == 16
          && xc_rate_cost(&ten, 100, 256) == 0, "costs");

    rate.per_day = 20;
    fresh();
    xt_ok(pass(&rate, BOOT, MIDNIGHT, 1) == 1, "one passes");
    xc_rate_debit(&agency, &rate, 0, BOOT, MIDNIGHT);
    xt_ok(used() == 1, "a debit of nothing");
    xc_rate_debit(&agency, &rate, 30, BOOT, MIDNIGHT);
    xc_rate_state(&agency, &rate, BOOT, MIDNIGHT, &state);
    xt_ok(state.rate_left == 0 && state.day_used == 31 && state.day_left == 0
          && state.rate_wait_us == 11 * 100000
          && state.rate_full_us == 31 * 100000
          && state.day_reset_s == 86400 && state.refusals_wait_us == 0,
          "below zero");

    rate.per_day = 0;
    spent("the debt is worked off", &rate, BOOT, MIDNIGHT, XC_LIMIT_RATE,
          11 * 100000);
    xt_ok(pass(&rate, BOOT + 11 * 100000, MIDNIGHT, 9) == 1, "unit by unit");
    xc_rate_state(&agency, &rate, BOOT, MIDNIGHT - 1, &state);
    xt_ok(state.day_left == UINT64_MAX && state.day_reset_s == 86401,
          "no quota, and a day still to come");
    xc_rate_state(&agency, &rate, BOOT, MIDNIGHT + 86400, &state);
    xt_ok(state.day_used == 0, "a day that is over");
}


/* The state says how many pass, and until when. */
static void
test_state(void)
{
    int              bad = 0, n, max;
    unsigned         i, seed = 3;
    int64_t          now = BOOT, day = MIDNIGHT;
    xc_rate_t        rate = ten;
    xc_map_agency_t  kept;
    xc_rate_state_t  state;

    rate.per_day = 40;
    fresh();

    for (i = 0; i < 2000; i++) {
        seed = seed * 1103515245 + 12345;
        now += (seed >> 8) % 1000000;
        day += (seed >> 8) % 5000;
        xc_rate_debit(&agency, &rate, seed >> 16 & 7, now, day);
        if (seed % 7 == 0) {
            xc_rate_refused(&agency, &rate, now);
        }

        xc_rate_state(&agency, &rate, now, day, &state);
        max = (int) XC_MIN(state.rate_left, state.day_left);
        max = state.refusals_wait_us > 0 ? 0 : max;
        kept = agency;
        n = pass(&rate, now, day, 100);
        bad += n != max;
        agency = kept;

        if (state.rate_left == 0 && state.refusals_wait_us == 0
            && state.day_left > 0)
        {
            bad += pass(&rate, now + state.rate_wait_us - 1, day, 1) != 0;
            bad += pass(&rate, now + state.rate_wait_us, day, 1) != 1;
        }

        agency = kept;
    }

    xt_ok(bad == 0, "what is left passes, and no more");
}


/* Nothing overflows; what is spent stays spent. */
static void
test_extremes(void)
{
    int              bad = 0;
    size_t           i, k;
    int64_t          wait, boot;
    xc_limit_t       limit;
    xc_rate_state_t  state;

    static const int64_t   boots[] = { 0, 1, BOOT, YEARS };
    static const xc_rate_t  rates[] = {
        { .interval_us = 60000000, .burst = 0, .per_day = 1,
          .refusals_interval_us = 60000000, .cost_subject = XC_POLICY_COST_MAX,
          .cost_field = XC_POLICY_COST_MAX },
        { .interval_us = 60000000, .burst = 1000000,
          .refusals_interval_us = 60000000, .refusals_burst = 1000000,
          .per_day = XC_POLICY_PER_DAY_MAX, .cost_field = UINT64_MAX },
        { .interval_us = 60000000, .burst = UINT64_MAX,
          .refusals_interval_us = 60000000, .refusals_burst = UINT64_MAX },
        { .interval_us = 1, .burst = 0, .refusals_interval_us = 1,
          .cost_subject = UINT64_MAX, .cost_field = 1 },
    };

    xt_ok(xc_rate_cost(&rates[0], 100, 256) == 356 * XC_POLICY_COST_MAX
          && xc_rate_cost(&rates[1], 1, 2) == UINT64_MAX
          && xc_rate_cost(&rates[3], 1, 1) == UINT64_MAX
          && xc_rate_reach_us(60000000, UINT64_MAX) == XC_RATE_REACH_MAX
          && xc_rate_reach_us(60000000, 1000000) == 60000000000000,
          "products are bounded");

    for (k = 0; k < XC_COUNT(rates); k++) {
        for (i = 0; i < XC_COUNT(boots); i++) {
            boot = boots[i];
            fresh();
            bad += xc_rate_take(&agency, &rates[k], boot, MIDNIGHT, &limit,
                                &wait) != XC_OK;
            xc_rate_debit(&agency, &rates[k],
                          xc_rate_cost(&rates[k], 100, 256), boot, MIDNIGHT);
            xc_rate_debit(&agency, &rates[k], UINT64_MAX, boot, MIDNIGHT);
            xc_rate_debit(&agency, &rates[k], UINT64_MAX, boot, MIDNIGHT);
            xc_rate_refused(&agency, &rates[k], boot);
            xc_rate_state(&agency, &rates[k], boot, MIDNIGHT, &state);
            bad += state.rate_full_us != XC_RATE_REACH_MAX
                   || state.day_used != ((uint64_t) 1 << 40) - 1
                   || xc_rate_day(MIDNIGHT)
                      != (int64_t) (atomic_load(&agency.day) >> 40);
            bad += rates[k].burst != UINT64_MAX
                   && (state.rate_wait_us <= 0
                       || xc_rate_take(&agency, &rates[k], boot, MIDNIGHT,
                                       &limit, &wait) != XC_DENIED
                       || wait <= 0);
        }
    }
    xt_ok(bad == 0, "debts of any size, at any age of the machine");

    /* what a damaged map may hold */
    for (i = 0; i < XC_COUNT(boots); i++) {
        for (k = 0; k < 4; k++) {
            fresh();
            atomic_store(&agency.tat_us, k & 1 ? INT64_MAX : INT64_MIN);
            atomic_store(&agency.refusals_tat_us, k & 2 ? INT64_MAX
                                                        : INT64_MIN);
            atomic_store(&agency.day, UINT64_MAX);
            xc_rate_debit(&agency, &rates[1], 5, boots[i], MIDNIGHT);
            xc_rate_refused(&agency, &rates[1], boots[i]);
            xc_rate_state(&agency, &rates[1], boots[i], MIDNIGHT, &state);
            bad += pass(&rates[1], boots[i], MIDNIGHT, 1) != 0;
        }
    }
    xt_ok(bad == 0, "a place full of ones admits nobody");
}


static void
test_learn(void)
{
    xc_rate_t        rate = ten;
    xc_rate_state_t  state;

    rate.per_day = 50;
    fresh();
    xc_rate_learn(&agency, 2300000, -5, DAY, 12, BOOT);
    xc_rate_state(&agency, &rate, BOOT, MIDNIGHT, &state);
    xt_ok(state.rate_full_us == 2300000 && state.rate_wait_us == 300000
          && state.day_used == 12 && state.day_left == 38
          && state.refusals_wait_us == 0, "what the store says");

    xc_rate_learn(&agency, -1, 3000000, DAY - 1, 49, BOOT);
    xc_rate_state(&agency, &rate, BOOT, MIDNIGHT, &state);
    xt_ok(state.rate_left == 21 && state.day_used == 12
          && state.refusals_wait_us == 1000000, "but not of a day gone by");

    xc_rate_learn(&agency, INT64_MAX, INT64_MAX, INT64_MAX, UINT64_MAX, YEARS);
    xt_ok(pass(&rate, YEARS, MIDNIGHT, 1) == 0, "nor does it overflow");
}


/* What the store has said within the last second refuses; all else is asked. */
static void
test_known(void)
{
    int              bad = 0;
    size_t           i;
    int64_t          wait;
    xc_rc_t          rc;
    xc_rate_t        rate = ten;
    xc_limit_t       limit;
    xc_map_agency_t  before;

    static const struct {
        const char  *name;
        int64_t      tat, refusals;
        uint64_t     used, per_day;
        int64_t      later_us, later_s;
        xc_limit_t   limit;
        int64_t      wait_us;
    } cases[] = {
        { "nothing is spent", -1, -1, 0, 0, 0, 0, XC_LIMIT_NONE, 0 },
        { "the burst's last", 2000000, -1, 0, 0, 0, 0, XC_LIMIT_NONE, 0 },
        { "one over it", 2000001, -1, 0, 0, 0, 0, XC_LIMIT_RATE, 1 },
        { "the rate", 2300000, -1, 0, 0, 0, 0, XC_LIMIT_RATE, 300000 },
        { "until it comes back", 2300000, -1, 0, 0, 299999, 0, XC_LIMIT_RATE,
          1 },
        { "it has", 2300000, -1, 0, 0, 300000, 0, XC_LIMIT_NONE, 0 },
        { "the refusals' last", -1, 2000000, 0, 0, 0, 0, XC_LIMIT_NONE, 0 },
        { "the refusals", -1, 2500000, 0, 0, 100000, 0, XC_LIMIT_REFUSALS,
          400000 },
        { "the day's last", -1, -1, 49, 50, 0, 0, XC_LIMIT_NONE, 0 },
        { "the day", -1, -1, 50, 50, 0, 86390, XC_LIMIT_PER_DAY, 10000000 },
        { "the next day", -1, -1, 50, 50, 0, 86400, XC_LIMIT_NONE, 0 },
        { "no quota", -1, -1, 50, 0, 0, 0, XC_LIMIT_NONE, 0 },
        { "the longest", 9000000, 9000001, 0, 0, 0, 0, XC_LIMIT_REFUSALS,
          7000001 },
        { "of all", 2300000, 2500000, 50, 50, 0, 0, XC_LIMIT_PER_DAY,
          86400000000 },
        { "still", 9000000, -1, 50, 0, 999999, 0, XC_LIMIT_RATE, 6000001 },
        { "a second ago", 9000000, 9000000, 50, 50, 1000000, 0, XC_LIMIT_NONE,
          0 },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        fresh();
        rate.per_day = cases[i].per_day;
        xc_rate_learn(&agency, cases[i].tat, cases[i].refusals, DAY,
                      cases[i].used, BOOT);
        before = agency;
        limit = XC_LIMIT_NONE;
        wait = 0;
        rc = xc_rate_known(&agency, &rate, BOOT + cases[i].later_us,
                           MIDNIGHT + cases[i].later_s, &limit, &wait);
        xt_ok(rc == (cases[i].limit == XC_LIMIT_NONE ? XC_OK : XC_DENIED)
              && limit == cases[i].limit && wait == cases[i].wait_us,
              "known, %s: limit %d, %lld us", cases[i].name, limit,
              (long long) wait);
        bad += memcmp(&before, &agency, sizeof(agency)) != 0;
    }

    xt_ok(bad == 0, "nothing is taken for it");
}


/* A node's own figures are no word of the store, and a later word counts. */
static void
test_word(void)
{
    int64_t     wait;
    xc_rate_t   rate = ten;
    xc_limit_t  limit;

    rate.per_day = 50;
    fresh();
    xc_rate_debit(&agency, &rate, 1000, 1, MIDNIGHT);
    xt_ok(xc_rate_known(&agency, &rate, 1, MIDNIGHT, &limit, &wait)
          == XC_OK, "known: not by what a node has counted itself");

    xc_rate_learn(&agency, 9000000, -1, DAY, 50, BOOT);
    xt_ok(xc_rate_known(&agency, &rate, BOOT, MIDNIGHT, &limit, &wait)
          == XC_DENIED, "known: by the store");
    xc_rate_learn(&agency, 9000000, -1, DAY, 7, BOOT + 900000);
    xt_ok(xc_rate_known(&agency, &rate, BOOT + 1800000, MIDNIGHT, &limit,
                        &wait) == XC_DENIED && limit == XC_LIMIT_RATE,
          "known: for a second from its latest word");
    xc_rate_learn(&agency, -1, -1, DAY, 7, BOOT + 1800000);
    xt_ok(xc_rate_known(&agency, &rate, BOOT + 1800000, MIDNIGHT, &limit,
                        &wait) == XC_OK,
          "known: a store that has forgotten lets go on");
}


#define TAKERS  4


typedef struct {
    const xc_rate_t   *rate;
    int64_t            boot_us, now_s;
    _Atomic unsigned  *ready;
    uint64_t           passed;
} taker_t;


static void *
take_all(void *data)
{
    int         n;
    int64_t     wait;
    taker_t    *taker = data;
    xc_limit_t  limit;

    atomic_fetch_add(taker->ready, 1);
    while (atomic_load(taker->ready) < TAKERS) {
        /* void */
    }

    for (n = 0; n < 100000; n++) {
        if (xc_rate_take(&agency, taker->rate, taker->boot_us, taker->now_s,
                         &limit, &wait) == XC_OK)
        {
            taker->passed++;

            if (n % 5 == 0) {
                xc_rate_return(&agency, taker->rate, taker->now_s);
                taker->passed--;
            }
        }
    }

    return NULL;
}


/* Whoever comes first: the sum let through is the budget, to the unit. */
static void
race(const char *name, const xc_rate_t *rate, uint64_t want)
{
    int               k;
    taker_t           takers[TAKERS];
    uint64_t          sum = 0;
    pthread_t         threads[TAKERS];
    _Atomic unsigned  ready = 0;

    fresh();

    for (k = 0; k < TAKERS; k++) {
        takers[k] = (taker_t) { rate, BOOT, MIDNIGHT, &ready, 0 };
        if (pthread_create(&threads[k], NULL, take_all, &takers[k]) != 0) {
            abort();
        }
    }

    for (k = 0; k < TAKERS; k++) {
        (void) pthread_join(threads[k], NULL);
        sum += takers[k].passed;
    }

    xt_ok(sum == want && used() == want
          && atomic_load(&agency.tat_us)
             == BOOT + (int64_t) want * rate->interval_us,
          "%s: %d threads, %llu let through", name, TAKERS,
          (unsigned long long) sum);
}


static void
test_race(void)
{
    xc_rate_t  rate = ten;

    rate.burst = 30000;
    race("the rate", &rate, 30001);
    rate.per_day = 20000;
    race("the quota", &rate, 20000);
    rate.per_day = 30001;
    race("both", &rate, 30001);
}


/* Processes that share a map, while time goes on. */
static void
test_processes(void)
{
    int               k, bad = 0, status;
    pid_t             pids[TAKERS];
    int64_t           now, wait;
    uint64_t          sum;
    xc_rate_t         rate = { .interval_us = 1000, .burst = 50 };
    xc_limit_t        limit;
    xc_map_agency_t  *shared;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        abort();
    }

    for (k = 0; k < TAKERS; k++) {
        pids[k] = fork();
        if (pids[k] == 0) {
            for (now = 1000; now <= 1000000; now += 50) {
                if (xc_rate_take(shared, &rate, now, 0, &limit, &wait)
                    == XC_OK)
                {
                    atomic_fetch_add(&shared->admitted, 1);
                }
            }
            _exit(0);
        }
    }

    for (k = 0; k < TAKERS; k++) {
        bad += pids[k] < 0 || waitpid(pids[k], &status, 0) != pids[k]
               || status != 0;
    }

    /* Whatever the takers' order: from a common start to a common end at
     * least one of them asks every 50 us, so none of the allowance is lost,
     * and the last time stamp bounds it. */
    sum = atomic_load(&shared->admitted);
    xt_ok(bad == 0 && sum == 51 + 999
          && (atomic_load(&shared->day)
              & (((uint64_t) 1 << XC_MAP_DAY_SHIFT) - 1)) == sum,
          "%d processes: %llu let through, the sum is exact", TAKERS,
          (unsigned long long) sum);
    (void) munmap(shared, sizeof(*shared));
}


/* The header fields of a 429, which a structured-field parser must take. */
static void
fields(const xc_rate_t *rate, const xc_rate_state_t *state,
    const char *policy, const char *left)
{
    char               mem[2][XC_PROBLEM_RATELIMIT_MAX];
    xc_buf_t           out[2];
    xc_heap_t          heap;
    xc_agency_t        who = { .id = XC_STR("310115"), .rate = rate };
    xc_sfv_list_t      list[2];
    xc_gate_limited_t  limited = { XC_LIMIT_RATE, &who, *state };

    xc_heap_init(&heap, 0);
    xc_buf_init(&out[0], mem[0], sizeof(mem[0]));
    xc_buf_init(&out[1], mem[1], sizeof(mem[1]));
    xc_problem_ratelimit_policy(&out[0], &limited);
    xc_problem_ratelimit(&out[1], &limited);

    xt_is(xc_buf_view(&out[0]), xc_str_z(policy), "RateLimit-Policy");
    xt_is(xc_buf_view(&out[1]), xc_str_z(left), "RateLimit");
    xt_ok(xc_sfv_parse_list(&heap.arena, xc_buf_view(&out[0]), &list[0])
          == XC_OK
          && xc_sfv_parse_list(&heap.arena, xc_buf_view(&out[1]), &list[1])
             == XC_OK && list[0].n == list[1].n, "are lists alike");
    xc_heap_free(&heap);
}


static void
test_fields(void)
{
    xc_rate_t        rate = ten;
    xc_rate_state_t  state = { .rate_wait_us = 1000001, .day_reset_s = 77 };

    fields(&rate, &state, "\"rate\";q=10;w=1", "\"rate\";r=0;t=2");
    rate.per_day = 20000;
    state.rate_left = 21;
    state.rate_full_us = 0;
    fields(&rate, &state, "\"rate\";q=10;w=1, \"per_day\";q=20000;w=86400",
           "\"rate\";r=10;t=0, \"per_day\";r=0;t=77");
    state.rate_left = 3;
    state.rate_full_us = 1000000;
    state.day_left = 812;
    state.refusals_wait_us = 1;
    fields(&rate, &state, "\"rate\";q=10;w=1, \"per_day\";q=20000;w=86400, "
           "\"refusals\";q=1;w=1", "\"rate\";r=3;t=1, \"per_day\";r=812;t=77, "
           "\"refusals\";r=0;t=1");
    rate.refusals_interval_us = 60000000 / 7;
    rate.per_day = 0;
    rate.requests = 1000000;
    rate.per_s = 60;
    state.rate_left = 0;
    state.rate_wait_us = INT64_MAX;
    state.refusals_wait_us = INT64_MAX;
    fields(&rate, &state, "\"rate\";q=1000000;w=60, \"refusals\";q=7;w=60",
           "\"rate\";r=0;t=9223372036855, \"refusals\";r=0;t=9223372036855");
}


int
main(void)
{
    xt_is(xc_limit_name(XC_LIMIT_RATE), XC_STR("rate"), "a name");
    xt_is(xc_limit_name(XC_LIMIT_PER_DAY), XC_STR("per_day"), "a name");
    xt_is(xc_limit_name(XC_LIMIT_REFUSALS), XC_STR("refusals"), "a name");

    test_model();
    test_rate();
    test_day();
    test_quota();
    test_debt();
    test_state();
    test_extremes();
    test_learn();
    test_known();
    test_word();
    test_race();
    test_processes();
    test_fields();

    return xt_done();
}
