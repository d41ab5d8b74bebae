/*
 * The body of a refusal, application/problem+json (RFC 9457), and the header
 * values that go with it (CONTRACT.md section 4).  Pure.
 */

#ifndef XC_PROBLEM_H
#define XC_PROBLEM_H

#include "xc_gate.h"

/* Room for any problem but a refusal of hundreds of fields, whose list is
 * then left out. */
#define XC_PROBLEM_MAX      65536

#define XC_PROBLEM_CONTACT  "/.well-known/xc-intake"

/*
 * Writes the problem; the refused fields, the basis and the remedy only for
 * who is authenticated.  id: of the record.  now_s: told where the signature
 * was stale.  XC_OK; XC_ELIMIT.
 */
xc_rc_t xc_problem_write(xc_buf_t *out, const xc_gate_t *gate, xc_str_t id,
    int64_t now_s) XC_WUR;

/* Accept-Signature (RFC 9421 5.1): what a signature of this message has to
 * cover. */
void xc_problem_accept_signature(xc_buf_t *out, const xc_policy_t *policy,
    const xc_msg_t *msg);

#endif
