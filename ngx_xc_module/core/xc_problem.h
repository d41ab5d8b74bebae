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

#define XC_PROBLEM_REALM        "xc"

/* Want-Content-Digest (RFC 9530 4): either will do. */
#define XC_PROBLEM_WANT_DIGEST  "sha-256=10, sha-512=5"

/*
 * WWW-Authenticate (RFC 9110 11.6.1) for one accepted scheme.  None is
 * registered for certificates, which the TLS handshake asks for; but a 401 needs
 * a challenge, and a reader a word.
 */
void xc_problem_challenge(xc_buf_t *out, xc_scheme_t scheme,
    xc_reason_t reason);

/*
 * Accept-Signature (RFC 9421 5.1): what a signature of this message has to
 * cover, and its parameters but the keyid, which is the client's to know.
 * nonce: a fresh one, which the client may use once.
 */
void xc_problem_accept_signature(xc_buf_t *out, const xc_policy_t *policy,
    const xc_msg_t *msg, xc_str_t nonce);

#endif
