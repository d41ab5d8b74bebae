/*
 * What the gate's parts share (xc_gate_body.c, xc_gate_ticket.c,
 * xc_gate_once.c, xc_gate_fleet.c, xc_gate.c).  No other unit includes this.
 */

#ifndef XC_GATE_IMPL_H
#define XC_GATE_IMPL_H

#include "xc_gate.h"

/* Sets the verdict; XC_DENIED. */
xc_rc_t xc_gate_deny(xc_gate_t *gate, xc_reason_t reason, xc_str_t detail,
    xc_str_t detail_zh);

/*
 * A stage's own result: what is neither OK nor DENIED refuses too, as does a
 * denial without a reason, which a record would take for an admission.
 */
xc_rc_t xc_gate_result(xc_gate_t *gate, xc_rc_t rc) XC_WUR;

/* The input that the operation takes, as far as header lines announce it. */
xc_rc_t xc_gate_input(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/* The body as it came: is it the one that was announced and digested? */
xc_rc_t xc_gate_body(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_str_t body, xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/* xc_gate_once.c.  The latest time seen: a clock that steps back far makes
 * signatures fresh again whose nonces have been forgotten, and is refused; one
 * within the allowed skew is read as the later time. */
xc_rc_t xc_gate_clock(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, int64_t *now_s) XC_WUR;

int64_t xc_gate_birth_skew_s(const xc_gate_conf_t *conf);

/* Has a later load withdrawn a credential, or an agency?  Workers of an earlier
 * one go on serving what was begun, and what comes over old connections. */
xc_rc_t xc_gate_standing(const xc_gate_conf_t *conf, xc_gate_t *gate) XC_WUR;

/* May it be decided now?  *now_s: the latest time seen.  Sets observing. */
xc_rc_t xc_gate_ready(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, int64_t *now_s) XC_WUR;

/* And only this once?  XC_OK with a verdict: it is over a limit, which is only
 * observed. */
xc_rc_t xc_gate_pay(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    int64_t now_s, xc_gate_t *gate) XC_WUR;

typedef uint8_t  xc_gate_keys_t[XC_AUTH_ONCE_MAX][XC_NONCE_KEY_SIZE];

/* The keys of what may pass once; XC_DENIED (the verdict told): it has passed
 * here. */
xc_rc_t xc_gate_seen(const xc_gate_conf_t *conf, int64_t now_s,
    xc_gate_t *gate, xc_gate_keys_t keys) XC_WUR;

/* Burns them, and looks again whether they are still valid: others may have
 * gone on to a later second meanwhile and forgotten them.  paid: the units were
 * taken from this node's limits, and go back where nothing is burned. */
xc_rc_t xc_gate_burn(const xc_gate_conf_t *conf, const xc_gate_keys_t keys,
    int64_t now_s, bool paid, xc_gate_t *gate) XC_WUR;

/* Over a limit of who, one of the request's agencies: sets limited and the
 * verdict; XC_DENIED. */
xc_rc_t xc_gate_limit(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_agency_t *who, xc_limit_t limit, int64_t wait_us,
    xc_gate_t *gate);

/* What the decision costs those that the request counts against, beyond the
 * unit that they have paid. */
void xc_gate_spend(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_gate_t *gate, xc_rc_t rc);

/* Units beyond one that what was asked costs an agency; a check, which gets
 * nothing, costs none. */
uint64_t xc_gate_cost(const xc_gate_t *gate, const xc_agency_t *agency);

/* xc_gate.c.  Everything behind the limits: what is asked, and may it?  XC_OK
 * also with a verdict that is only observed. */
xc_rc_t xc_gate_what(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_str_t body, int64_t now_s, xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/* The result of all: what was found over a limit, and observed, stays the
 * verdict. */
xc_rc_t xc_gate_end(xc_gate_t *gate, const xc_verdict_t *limit, xc_rc_t rc)
    XC_WUR;

/* May a stage's refusal be passed?  A check asks for the answer
 * itself. */
bool xc_gate_passes(const xc_gate_t *gate, xc_rc_t rc) XC_WUR;

/* Which approval the request names. */
xc_rc_t xc_gate_approval(const xc_gate_conf_t *conf, int64_t now_s,
    xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/*
 * xc_gate_ticket.c.  What a result asks for: its ticket makes gate->request,
 * approval included, to be decided again; and gate->ref.  XC_DENIED:
 * request-not-yours.
 */
xc_rc_t xc_gate_result_read(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate) XC_WUR;

/* Behind the decision: a result's subjects are stand-ins, none for a record. */
void xc_gate_result_forget(xc_gate_t *gate);

#endif
