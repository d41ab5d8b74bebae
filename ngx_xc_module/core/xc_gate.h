/*
 * The pipeline (CONTRACT.md section 3, order of checks): every stage in its
 * order, from the header lines to the verdict.  Pure but for the map it is
 * given; it neither waits nor writes records.
 */

#ifndef XC_GATE_H
#define XC_GATE_H

#include "xc_auth.h"
#include "xc_fleet.h"
#include "xc_nonce.h"
#include "xc_rate.h"
#include "xc_scope.h"

/* Octets of Content-Digest; over it digest-mismatch.  An admitted request's
 * record holds the field as it came, unknown algorithms included. */
#define XC_GATE_DIGEST_MAX  1024

typedef struct {
    const xc_policy_t  *policy;
    xc_map_agency_t   **places;         /* by xc_agency_t.index; entries may be
                                           NULL: such an agency is refused */
    xc_map_t           *map;
    xc_auth_accept_t    accept;
    uint64_t            body_max;       /* bytes */
    uint64_t            generation;     /* of the load: xc_map_next_generation() */
    int64_t             observe_until_s;    /* before it what `observe` lets go on
                                           goes on; INT64_MIN: enforce,
                                           INT64_MAX: without an end */
    int64_t             birth_skew_s;   /* the longest max_skew of the node's
                                           policies: whoever burned a nonce
                                           before a birth may have gone by it */
    bool                fleet;          /* limits and nonces are shared:
                                           xc_gate_ask(), xc_gate_told() */
    const xc_mac_t     *token_key;      /* of tickets (xc_ticket.h); NULL: none */
} xc_gate_conf_t;

typedef struct {
    int64_t  now_s;                     /* CLOCK_REALTIME */
    int64_t  boot_us;                   /* CLOCK_BOOTTIME */
} xc_gate_clock_t;

/* Of rate-exceeded and quota-exceeded: what was spent, and what is left. */
typedef struct {
    xc_limit_t             limit;       /* XC_LIMIT_NONE: it was not that */
    const xc_agency_t     *agency;      /* the one that asks, or its
                                           intermediary */
    xc_rate_state_t        state;
} xc_gate_limited_t;

/* What the stages found, in their order; later ones read earlier ones. */
typedef struct {
    xc_str_t               authority;   /* normalised; empty until known */
    xc_auth_t              auth;        /* evidence also of what failed */
    bool                   authenticated;
    const xc_operation_t  *operation;
    xc_captures_t          captures;            /* lie within msg->path */
    xc_str_t               content_digest;      /* the field as it came */
    bool                   nonce_burned;
    xc_request_t           request;
    xc_verdict_t           verdict;
    bool                   observing;   /* decided while `observe` held */
    bool                   observed;    /* the verdict is a refusal, recorded as
                                           such, and the request goes on all the
                                           same (CONTRACT.md section 1, xc); only
                                           fields not refused are granted */
    xc_gate_limited_t      limited;
    xc_verdict_t           asked;       /* of what was asked, while the store is; */
    xc_rc_t                asked_rc;    /* its result */
    xc_str_t               ref;         /* of a result: node:seq of its submit */
    int64_t                retry_after_s;       /* 0: none to name */
} xc_gate_t;

/*
 * Everything that the header lines can tell: transport, authority, path,
 * reserved headers, credential, operation, announced length, type.
 *
 * XC_OK: go on to xc_gate_decide(), after reading the body if msg->body.
 * XC_DENIED: gate->verdict.  XC_ENOMEM, XC_EINTERNAL: the verdict is
 * internal-error.  Whatever is not XC_OK is a refusal.
 */
xc_rc_t xc_gate_headers(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    const xc_gate_clock_t *clock, xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/*
 * Everything else: length and digest of the body as it came, birth rule,
 * replay, rate, nonce, JSON or query, scope.  gate: of an XC_OK above.  body
 * outlives gate.  Returns as above; XC_OK is the only admission, and with
 * gate->observed one of a request whose verdict is a refusal.
 *
 * The verdict, and what it costs, is the same in `observe` as it would be
 * without, but that a rate-exceeded request which goes on burns its nonce.
 */
xc_rc_t xc_gate_decide(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_str_t body, const xc_gate_clock_t *clock, xc_arena_t *arena,
    xc_gate_t *gate) XC_WUR;

/*
 * The same in two steps, where a fleet shares limits and nonces: everything
 * that needs no store, then, with its answer, the rest.  The order of checks
 * stays: what the store refuses comes before what the scope refused.
 *
 * ask: XC_OK, and the store is to be asked, whatever the scope's verdict is;
 * ask borrows gate.  XC_DENIED and others: a refusal that needs no store.
 * told: answer NULL where the store gave none in time (fleet-unavailable);
 * returns as xc_gate_decide().
 */
xc_rc_t xc_gate_ask(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_str_t body, const xc_gate_clock_t *clock, xc_arena_t *arena,
    xc_gate_t *gate, xc_fleet_ask_t *ask) XC_WUR;
xc_rc_t xc_gate_told(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, const xc_fleet_answer_t *answer) XC_WUR;

/*
 * Appends the value of XC-Request (xc_ticket.h) for the answer to a submit that
 * goes on.  id, record: of its record; conf->token_key is not NULL.  XC_ENOMEM,
 * XC_EINTERNAL; XC_ELIMIT not with room for XC_TICKET_MAX.
 */
xc_rc_t xc_gate_ticket(const xc_gate_conf_t *conf, const xc_gate_t *gate,
    xc_str_t id, xc_str_t record, int64_t now_s, xc_arena_t *arena,
    xc_buf_t *out) XC_WUR;

/* Would it, or that of the submit that a check is like, fit its header?
 * XC_DENIED, the verdict told: no, and then the submit does not go on.  XC_OK
 * also where there is none. */
xc_rc_t xc_gate_ticket_fits(const xc_gate_conf_t *conf, int64_t now_s,
    xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/* The verdict on a body over conf->body_max, for an adapter that does not
 * gather one to hand it over. */
void xc_gate_too_large(const xc_gate_conf_t *conf, xc_arena_t *arena,
    xc_gate_t *gate);

#endif
