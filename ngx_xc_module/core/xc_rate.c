#include "xc_rate.h"

/* Asia/Shanghai is UTC+8. */
#define XC_RATE_DAY_S           86400
#define XC_RATE_SHANGHAI_S      28800

/* xc_map_agency_t.day: the day's number above, the units used below. */
#define XC_RATE_USED_BITS       XC_MAP_DAY_SHIFT
#define XC_RATE_USED_MAX        (((uint64_t) 1 << XC_RATE_USED_BITS) - 1)
#define XC_RATE_DAY_MAX         (((int64_t) 1 << 24) - 1)

/* As long a store's word is good: that of one whose data was deleted, too. */
#define XC_RATE_KNOWN_US        1000000


xc_str_t
xc_limit_name(xc_limit_t limit)
{
    static const xc_str_t  names[XC_LIMIT_COUNT] = {
        [XC_LIMIT_RATE] = { "rate", 4 },
        [XC_LIMIT_PER_DAY] = { "per_day", 7 },
        [XC_LIMIT_REFUSALS] = { "refusals", 8 }
    };

    return limit < XC_LIMIT_COUNT ? names[limit] : XC_STR_NONE;
}


int64_t
xc_rate_reach_us(int64_t interval_us, uint64_t burst)
{
    int64_t  reach;

    if (__builtin_mul_overflow(interval_us, burst, &reach)) {
        return XC_RATE_REACH_MAX;
    }

    return XC_MIN(reach, XC_RATE_REACH_MAX);
}


int64_t
xc_rate_day(int64_t now_s)
{
    int64_t  day;

    if (now_s < 0) {
        return 0;
    }

    day = now_s / XC_RATE_DAY_S
          + (now_s % XC_RATE_DAY_S + XC_RATE_SHANGHAI_S) / XC_RATE_DAY_S;

    return XC_MIN(day, XC_RATE_DAY_MAX);
}


int64_t
xc_rate_day_left_s(int64_t now_s)
{
    int64_t  gone;

    gone = (now_s % XC_RATE_DAY_S + XC_RATE_DAY_S + XC_RATE_SHANGHAI_S)
           % XC_RATE_DAY_S;

    return XC_RATE_DAY_S - gone;
}


uint64_t
xc_rate_cost(const xc_rate_t *rate, size_t subjects, size_t fields)
{
    uint64_t  by_subject, by_field, sum;

    if (__builtin_mul_overflow(rate->cost_subject, subjects, &by_subject)
        || __builtin_mul_overflow(rate->cost_field, fields, &by_field)
        || __builtin_add_overflow(by_subject, by_field, &sum))
    {
        return UINT64_MAX;
    }

    return sum;
}


/* How long until a limit lets the next one through; 0: it does now. */
static int64_t
xc_rate_wait(int64_t tat_us, int64_t reach_us, int64_t now_us)
{
    if (tat_us <= now_us || tat_us - now_us <= reach_us) {
        return 0;
    }

    return tat_us - now_us - reach_us;
}


/* The word as it counts on that day: a day gone by is forgotten, one to come
 * is not, so that a clock that steps back brings no fresh quota. */
static uint64_t
xc_rate_today(uint64_t word, int64_t day)
{
    uint64_t  begun = (uint64_t) day << XC_RATE_USED_BITS;

    return XC_MAX(word, begun);
}


static uint64_t
xc_rate_used(uint64_t word)
{
    return word & XC_RATE_USED_MAX;
}


static uint64_t
xc_rate_use(uint64_t word, uint64_t units)
{
    return word + XC_MIN(units, XC_RATE_USED_MAX - xc_rate_used(word));
}


/* Until the midnight in Shanghai that ends the word's day. */
static int64_t
xc_rate_reset_s(uint64_t word, int64_t day, int64_t now_s)
{
    return xc_rate_day_left_s(now_s)
           + ((int64_t) (word >> XC_RATE_USED_BITS) - day) * XC_RATE_DAY_S;
}


/* The same, in microseconds, until a spent quota is one no more; 0: it is
 * not. */
static int64_t
xc_rate_day_wait(uint64_t word, const xc_rate_t *rate, int64_t day,
    int64_t now_s)
{
    if (rate->per_day == 0 || xc_rate_used(word) < rate->per_day) {
        return 0;
    }

    return xc_rate_reset_s(word, day, now_s) * 1000000;
}


static int64_t
xc_rate_refusals_wait(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us)
{
    return xc_rate_wait(atomic_load(&agency->refusals_tat_us),
                        xc_rate_reach_us(rate->refusals_interval_us,
                                         rate->refusals_burst), boot_us);
}


/* What each limit waits for, at that arrival time; true: for something. */
static bool
xc_rate_spent(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t tat_us, int64_t boot_us, int64_t now_s,
    int64_t waits[XC_LIMIT_COUNT])
{
    int64_t  day = xc_rate_day(now_s);

    waits[XC_LIMIT_NONE] = 0;
    waits[XC_LIMIT_RATE] = xc_rate_wait(tat_us,
                                        xc_rate_reach_us(rate->interval_us,
                                                         rate->burst),
                                        boot_us);
    waits[XC_LIMIT_PER_DAY] = xc_rate_day_wait(
                          xc_rate_today(atomic_load(&agency->day), day), rate,
                          day, now_s);
    waits[XC_LIMIT_REFUSALS] = xc_rate_refusals_wait(agency, rate, boot_us);

    return (waits[XC_LIMIT_RATE] | waits[XC_LIMIT_PER_DAY]
            | waits[XC_LIMIT_REFUSALS]) != 0;
}


static xc_rc_t
xc_rate_deny(const int64_t waits[XC_LIMIT_COUNT], xc_limit_t *limit,
    int64_t *retry_after_us)
{
    xc_limit_t  i, longest = XC_LIMIT_RATE;

    for (i = XC_LIMIT_RATE; i < XC_LIMIT_COUNT; i++) {
        longest = waits[i] > waits[longest] ? i : longest;
    }

    *limit = longest;
    *retry_after_us = waits[longest];

    return XC_DENIED;
}


/*
 * One unit of the day.  The unit of the rate is taken already, and given back
 * where others have spent the day meanwhile: nobody who comes between is kept
 * out for it, since the day is spent for them too.
 */
static xc_rc_t
xc_rate_take_day(xc_map_agency_t *agency, const xc_rate_t *rate, int64_t now_s,
    int64_t *wait)
{
    int64_t   day = xc_rate_day(now_s);
    uint64_t  word, today;

    word = atomic_load(&agency->day);

    do {
        today = xc_rate_today(word, day);
        *wait = xc_rate_day_wait(today, rate, day, now_s);

        if (*wait > 0) {
            (void) atomic_fetch_sub(&agency->tat_us, rate->interval_us);
            return XC_DENIED;
        }

    } while (!atomic_compare_exchange_weak(&agency->day, &word,
                                           xc_rate_use(today, 1)));

    return XC_OK;
}


xc_rc_t
xc_rate_take(xc_map_agency_t *agency, const xc_rate_t *rate, int64_t boot_us,
    int64_t now_s, xc_limit_t *limit, int64_t *retry_after_us)
{
    int64_t  waits[XC_LIMIT_COUNT], tat = atomic_load(&agency->tat_us);

    do {
        if (xc_rate_spent(agency, rate, tat, boot_us, now_s, waits)) {
            return xc_rate_deny(waits, limit, retry_after_us);
        }

    } while (!atomic_compare_exchange_weak(&agency->tat_us, &tat,
                                           XC_MAX(tat, boot_us)
                                           + rate->interval_us));

    if (xc_rate_take_day(agency, rate, now_s, &waits[XC_LIMIT_PER_DAY])
        != XC_OK)
    {
        return xc_rate_deny(waits, limit, retry_after_us);
    }

    return XC_OK;
}


/*
 * Called at once after the take: later it would give back what has run off by
 * itself.  A day that has ended meanwhile keeps its unit.
 */
void
xc_rate_return(xc_map_agency_t *agency, const xc_rate_t *rate, int64_t now_s)
{
    uint64_t  word, day = (uint64_t) xc_rate_day(now_s);

    (void) atomic_fetch_sub(&agency->tat_us, rate->interval_us);

    word = atomic_load(&agency->day);

    while (word >> XC_RATE_USED_BITS == day && xc_rate_used(word) > 0
           && !atomic_compare_exchange_weak(&agency->day, &word, word - 1))
    {
        /* void */
    }
}


void
xc_rate_debit(xc_map_agency_t *agency, const xc_rate_t *rate, uint64_t units,
    int64_t boot_us, int64_t now_s)
{
    int64_t   tat, next, last, owed, day = xc_rate_day(now_s);
    uint64_t  word;

    if (units == 0) {
        return;
    }

    owed = xc_rate_reach_us(rate->interval_us, units);
    last = boot_us + XC_RATE_REACH_MAX;
    tat = atomic_load(&agency->tat_us);

    do {
        next = XC_MIN(XC_MAX(tat, boot_us), last) + owed;
        next = XC_MAX(tat, XC_MIN(next, last));

    } while (!atomic_compare_exchange_weak(&agency->tat_us, &tat, next));

    word = atomic_load(&agency->day);

    while (!atomic_compare_exchange_weak(&agency->day, &word,
                                xc_rate_use(xc_rate_today(word, day), units)))
    {
        /* void */
    }
}


/*
 * Never deeper in debt than one: requests that were under way together when
 * the budget ran out lock an agency out for one interval, not for each.
 */
void
xc_rate_refused(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us)
{
    int64_t  tat, next, last;

    last = boot_us + rate->refusals_interval_us
           + xc_rate_reach_us(rate->refusals_interval_us,
                              rate->refusals_burst);
    tat = atomic_load(&agency->refusals_tat_us);

    do {
        next = XC_MIN(XC_MAX(tat, boot_us), last) + rate->refusals_interval_us;
        next = XC_MAX(tat, XC_MIN(next, last));

    } while (!atomic_compare_exchange_weak(&agency->refusals_tat_us, &tat,
                                           next));
}


/* How many may come at once. */
static uint64_t
xc_rate_left(int64_t tat_us, const xc_rate_t *rate, int64_t boot_us)
{
    int64_t  reach, ahead;

    reach = xc_rate_reach_us(rate->interval_us, rate->burst);
    ahead = tat_us <= boot_us ? 0 : tat_us - boot_us;

    if (ahead > reach) {
        return 0;
    }

    return (uint64_t) ((reach - ahead) / XC_MAX(rate->interval_us, 1)) + 1;
}


void
xc_rate_state(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us, int64_t now_s, xc_rate_state_t *state)
{
    int64_t   tat, day = xc_rate_day(now_s);
    uint64_t  word, used;

    tat = atomic_load(&agency->tat_us);
    word = xc_rate_today(atomic_load(&agency->day), day);
    used = xc_rate_used(word);

    *state = (xc_rate_state_t) {
        .rate_left = xc_rate_left(tat, rate, boot_us),
        .rate_wait_us = xc_rate_wait(tat, xc_rate_reach_us(rate->interval_us,
                                                           rate->burst),
                                     boot_us),
        .rate_full_us = tat <= boot_us ? 0 : tat - boot_us,
        .day_used = used,
        .day_left = rate->per_day == 0 ? UINT64_MAX
                    : used < rate->per_day ? rate->per_day - used : 0,
        .day_reset_s = xc_rate_reset_s(word, day, now_s),
        .refusals_wait_us = xc_rate_refusals_wait(agency, rate, boot_us),
    };
}


static int64_t
xc_rate_from_now(int64_t tat_us, int64_t boot_us)
{
    return boot_us + XC_MIN(XC_MAX(tat_us, 0), XC_RATE_REACH_MAX);
}


xc_rc_t
xc_rate_known(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us, int64_t now_s, xc_limit_t *limit,
    int64_t *retry_after_us)
{
    int64_t  waits[XC_LIMIT_COUNT];
    int64_t  learned_us = atomic_load(&agency->learned_us);

    if (learned_us == 0 || boot_us - learned_us >= XC_RATE_KNOWN_US) {
        return XC_OK;
    }

    return xc_rate_spent(agency, rate, atomic_load(&agency->tat_us), boot_us,
                         now_s, waits)
           ? xc_rate_deny(waits, limit, retry_after_us) : XC_OK;
}


/* Answers may come in another order than they were given: off by what was
 * under way, and put right by the next. */
void
xc_rate_learn(xc_map_agency_t *agency, int64_t tat_us, int64_t refusals_tat_us,
    int64_t day, uint64_t day_used, int64_t boot_us)
{
    uint64_t  word, begun;

    atomic_store(&agency->tat_us, xc_rate_from_now(tat_us, boot_us));
    atomic_store(&agency->refusals_tat_us,
                 xc_rate_from_now(refusals_tat_us, boot_us));

    atomic_store(&agency->learned_us, boot_us);

    begun = (uint64_t) XC_MIN(XC_MAX(day, 0), XC_RATE_DAY_MAX)
            << XC_RATE_USED_BITS;
    word = atomic_load(&agency->day);

    while (word >> XC_RATE_USED_BITS <= begun >> XC_RATE_USED_BITS
           && !atomic_compare_exchange_weak(&agency->day, &word,
                                            xc_rate_use(begun, day_used)))
    {
        /* void */
    }
}
