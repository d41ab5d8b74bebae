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

/*
 * RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11) of a
 * 429: what is due to the agency that has spent it, and what is left.  `rate`
 * by the policy's own numbers; its r is never over q, though a burst may be: it
 * is what the next window is sure to hold.  `per_day` where there is a quota,
 * `refusals` where that is what was spent.  No member tells whose they are.
 * limited: limit is not XC_LIMIT_NONE.
 */
#define XC_PROBLEM_RATELIMIT_MAX    256

void xc_problem_ratelimit_policy(xc_buf_t *out,
    const xc_gate_limited_t *limited);
void xc_problem_ratelimit(xc_buf_t *out, const xc_gate_limited_t *limited);

#endif
