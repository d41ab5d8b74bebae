/*
 * A province's consent that travels with the request (CONTRACT.md section 2):
 * `approval_token`, a JWS in its compact form (RFC 7515), signed by the key of
 * one of the province's registered httpsig credentials.
 *
 * The header is {"alg", "kid", "typ": "xc-approval+jwt"}, kid the credential's
 * keyid, which is no intermediary's (`on_behalf_of`).  The claims are iss (the
 * province), sub (the agency that may use it), aud (this platform's authority,
 * one or several), iat, exp and, if wanted, nbf; no, its number; fields; and at
 * least one of case_no, request_no and subjects.  Both are closed: what is not
 * understood might narrow the consent.
 */

#ifndef XC_APPROVAL_TOKEN_H
#define XC_APPROVAL_TOKEN_H

#include "xc_approval.h"
#include "xc_map.h"

#define XC_APPROVAL_LIFETIME_MAX_S  (366 * 86400)   /* from iat to exp */

typedef struct {
    xc_arena_t         *arena;
    const xc_policy_t  *policy;
    const xc_agency_t  *agency;         /* that asks */
    xc_str_t            authority;      /* that it asks at, normalised */
    const xc_map_t     *map;            /* of what is withdrawn; NULL: nothing
                                           is */
    uint64_t            generation;     /* of the load, as for the map */
    int64_t             now_s;
} xc_approval_in_t;

/*
 * Finds what request->approval and request->approval_token name: sets
 * approval_rule, or token_fault with token_fault_zh, and of a good token
 * approval, its number.  Whether it holds for the request is
 * xc_scope_decide()'s to say.
 *
 * XC_OK also where nothing is found; XC_ENOMEM, XC_EINTERNAL.  At most one
 * public-key operation, and that after every other check.
 */
xc_rc_t xc_approval_resolve(const xc_approval_in_t *in, xc_request_t *request)
    XC_WUR;

#endif
