/*
 * What the gate's parts share (xc_gate_body.c, xc_gate_ticket.c,
 * xc_gate_once.c, xc_gate.c).  No other unit includes this.
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

/* Has a later load withdrawn a credential, or an agency?  Workers of an earlier
 * one go on serving what was begun, and what comes over old connections. */
xc_rc_t xc_gate_standing(const xc_gate_conf_t *conf, xc_gate_t *gate) XC_WUR;

/* May it be decided now, and only this once?  XC_OK with a verdict: it is over
 * its rate, which is only observed. */
xc_rc_t xc_gate_once(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate) XC_WUR;

/* A refusal behind that, which costs those that the request counts against. */
void xc_gate_refused(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_auth_t *auth);

/* xc_gate.c.  May a stage's refusal be passed?  A check asks for the answer
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
