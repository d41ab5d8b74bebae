/*
 * Limits per agency: the generic cell rate algorithm over one 64-bit time a
 * limit, compare-and-swap, no lock.  Time is CLOCK_BOOTTIME in microseconds:
 * it never steps, and a map of another boot is never used.
 */

#ifndef XC_RATE_H
#define XC_RATE_H

#include "xc_map.h"
#include "xc_policy.h"

/*
 * Takes one request from the agency's rate, if the refusals budget is not
 * spent either.  XC_OK; XC_DENIED: *retry_after_us (> 0) until the next may
 * come, nothing taken.  At most burst + 1 pass at once.
 */
xc_rc_t xc_rate_take(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t now_us, int64_t *retry_after_us) XC_WUR;

/* Gives one back: the request turned out to be a replay after all. */
void xc_rate_return(xc_map_agency_t *agency, const xc_rate_t *rate);

/* Spends one of the refusals budget. */
void xc_rate_refused(xc_map_agency_t *agency, const xc_rate_t *rate,
    int64_t now_us);

#endif
