/*
 * The words of a refusal: what is refused, and what to ask of whom; private to
 * xc_scope*.c.
 */

#ifndef XC_SCOPE_TELL_H
#define XC_SCOPE_TELL_H

#include "xc_approval.h"

/* Why a sweep is refused. */
typedef enum {
    XC_SWEEP_ALLOWED,
    XC_SWEEP_NO_GRANT,              /* or none that still stands */
    XC_SWEEP_NO_AUTHORITY,          /* a province's, without SAMR's number */
    XC_SWEEP_NOT_VIA                /* the intermediary has none */
} xc_sweep_t;

/* A request, while it is decided. */
typedef struct {
    xc_arena_t         *arena;
    const xc_policy_t  *policy;
    const xc_agency_t  *agency, *via;
    xc_request_t       *request;
    int64_t             now_s;

    uint64_t            own;        /* groups of the agency, sweeps apart */
    uint64_t            plain;      /* those that the intermediary has too */
    uint64_t            swept;      /* of both, for sweeps */
    xc_sweep_t          sweep;      /* where request->sweep */
    xc_approval_fit_t   fit;
    bool                approval;   /* one is named */
    uint64_t            faults;     /* bits 1 << reason */
} xc_scope_case_t;

/* The texts of verdict->reason, which is one of c->faults; XC_ENOMEM. */
xc_rc_t xc_scope_tell(const xc_scope_case_t *c, xc_verdict_t *verdict) XC_WUR;

/* Each refused field's remedy; XC_ENOMEM. */
xc_rc_t xc_scope_remedy(const xc_scope_case_t *c) XC_WUR;

#endif
