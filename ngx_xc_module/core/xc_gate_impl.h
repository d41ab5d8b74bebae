/*
 * What the gate's parts share (xc_gate_body.c, xc_gate.c).  No other unit
 * includes this.
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

#endif
