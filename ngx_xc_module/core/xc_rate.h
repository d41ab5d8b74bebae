/*
 * Limits per agency (CONTRACT.md section 2, rates), in units: one for the
 * request, more for what it costs.  By the second the generic cell rate
 * algorithm over one 64-bit time, by the day a count; compare-and-swap, no
 * lock.
 *
 * boot_us is CLOCK_BOOTTIME in microseconds: it never steps, and a map of
 * another boot is never used.  now_s is xc_map_clock_s(), which never steps
 * back: a day that has ended does not begin again.
 */

#ifndef XC_RATE_H
#define XC_RATE_H

#include "xc_map.h"
#include "xc_policy.h"

typedef enum {
    XC_LIMIT_NONE,
    XC_LIMIT_RATE,
    XC_LIMIT_PER_DAY,
    XC_LIMIT_REFUSALS,
    XC_LIMIT_COUNT
} xc_limit_t;

/* The member of the policy: "rate", "per_day", "refusals". */
xc_str_t xc_limit_name(xc_limit_t limit);

/* Longest reach of a burst in microseconds: larger products are as good as no
 * limit, and a time plus this can't overflow. */
#define XC_RATE_REACH_MAX       ((int64_t) 1 << 60)

/* interval * burst, at most that: how far the arrival time may run ahead. */
int64_t xc_rate_reach_us(int64_t interval_us, uint64_t burst);

/* Days since 1970 in Asia/Shanghai, which has had no summer time since 1991;
 * and seconds until the next one. */
int64_t xc_rate_day(int64_t now_s);
int64_t xc_rate_day_left_s(int64_t now_s);

/* What a request costs beyond the one unit that it spends by coming. */
uint64_t xc_rate_cost(const xc_rate_t *rate, size_t subjects, size_t fields);

/*
 * Takes one unit from rate and quota, if neither they nor the refusals budget
 * are spent.  XC_OK; XC_DENIED: *limit is the one that takes longest to come
 * back, *retry_after_us (> 0) until then; nothing taken.  At most burst + 1
 * pass at once.  Some 50 ns.
 */
xc_rc_t xc_rate_take(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us, int64_t now_s, xc_limit_t *limit,
    int64_t *retry_after_us) XC_WUR;

/* Gives that unit back: the request turned out to be a replay after all. */
void xc_rate_return(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t now_s);

/* Spends units more of rate and quota, though it may put the agency into debt:
 * behind admission, when the cost is known (xc_rate_cost()). */
void xc_rate_debit(xc_map_agency_t *agency, const xc_rate_t *rate,
    uint64_t units, int64_t boot_us, int64_t now_s);

/* Spends one of the refusals budget. */
void xc_rate_refused(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us);

/* What is left, for answers and status; reads only. */
typedef struct {
    uint64_t  rate_left;        /* units that may come at once */
    int64_t   rate_wait_us;     /* until one may come; 0: now */
    int64_t   rate_full_us;     /* until the whole burst may come again */
    uint64_t  day_used;         /* units; today's, whether there is a quota */
    uint64_t  day_left;         /* UINT64_MAX: no quota */
    int64_t   day_reset_s;      /* until midnight in Shanghai */
    int64_t   refusals_wait_us;
} xc_rate_state_t;

void xc_rate_state(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us, int64_t now_s, xc_rate_state_t *state);

/*
 * Is a limit spent by what the store has said within the last second?  Until it
 * has come back the store would say no more than that: it need not be asked,
 * nor a body read for it.  XC_OK: not known; XC_DENIED as xc_rate_take().
 */
xc_rc_t xc_rate_known(const xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t boot_us, int64_t now_s, xc_limit_t *limit,
    int64_t *retry_after_us) XC_WUR;

/*
 * What a fleet's store says of an agency (xc_fleet.h) becomes what this node
 * knows of it, for status and answers: tat and refusals relative to now.
 */
void xc_rate_learn(xc_map_agency_t *agency, int64_t tat_us,
    int64_t refusals_tat_us, int64_t day, uint64_t day_used, int64_t boot_us);

#endif
