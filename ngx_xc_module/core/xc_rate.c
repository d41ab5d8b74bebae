#include "xc_rate.h"

/* Longest reach of a burst: larger products are as good as no limit, and a
 * time plus this can't overflow. */
#define XC_RATE_REACH_MAX       ((int64_t) 1 << 60)


static int64_t
xc_rate_reach(int64_t interval_us, uint64_t burst)
{
    int64_t  reach;

    if (__builtin_mul_overflow(interval_us, burst, &reach)) {
        return XC_RATE_REACH_MAX;
    }

    return XC_MIN(reach, XC_RATE_REACH_MAX);
}


/* How long until a limit lets the next one through; 0: it does now. */
static int64_t
xc_rate_wait(int64_t tat_us, int64_t reach_us, int64_t now_us)
{
    return tat_us - now_us > reach_us ? tat_us - now_us - reach_us : 0;
}


xc_rc_t
xc_rate_take(xc_map_agency_t *agency, const xc_rate_t *rate, int64_t now_us,
    int64_t *retry_after_us)
{
    int64_t  tat, wait, refusals, reach;

    reach = xc_rate_reach(rate->interval_us, rate->burst);

    refusals = xc_rate_wait(atomic_load(&agency->refusals_tat_us),
                            xc_rate_reach(rate->refusals_interval_us,
                                          rate->refusals_burst), now_us);
    tat = atomic_load(&agency->tat_us);

    do {
        wait = xc_rate_wait(tat, reach, now_us);

        if (wait > 0 || refusals > 0) {
            *retry_after_us = XC_MAX(wait, refusals);
            return XC_DENIED;
        }

    } while (!atomic_compare_exchange_weak(&agency->tat_us, &tat,
                                           XC_MAX(tat, now_us)
                                           + rate->interval_us));

    return XC_OK;
}


/* Called at once after the take: later it would give back what has run off
 * by itself. */
void
xc_rate_return(xc_map_agency_t *agency, const xc_rate_t *rate)
{
    (void) atomic_fetch_sub(&agency->tat_us, rate->interval_us);
}


/*
 * Never deeper in debt than one: requests that were under way together when
 * the budget ran out lock an agency out for one interval, not for each.
 */
void
xc_rate_refused(xc_map_agency_t *agency, const xc_rate_t *rate, int64_t now_us)
{
    int64_t  tat, next, last;

    last = now_us + rate->refusals_interval_us
           + xc_rate_reach(rate->refusals_interval_us, rate->refusals_burst);
    tat = atomic_load(&agency->refusals_tat_us);

    do {
        next = XC_MAX(tat, now_us) + rate->refusals_interval_us;
        next = XC_MAX(tat, XC_MIN(next, last));

    } while (!atomic_compare_exchange_weak(&agency->refusals_tat_us, &tat,
                                           next));
}
