/*
 * Who asks: the interface behind which every credential scheme stands, and
 * the rule that combines them.  Works on the header lines alone.
 */

#ifndef XC_AUTH_H
#define XC_AUTH_H

#include "xc_digest.h"
#include "xc_msg.h"
#include "xc_sigbase.h"

/* The evidence that a signature leaves for the record (RFC 9421). */
typedef struct {
    xc_str_t  label;
    xc_str_t  signature_input;      /* the field as it came, joined */
    xc_str_t  signature;

    /* once verified: components that no other member of the record gives */
    const xc_covered_t  *covered;
    size_t               n_covered;
} xc_auth_evidence_t;

/* A target longer than this is cut in the record's uri. */
#define XC_AUTH_URI_MAX     1024

typedef struct {
    const xc_credential_t  *credential;
    const xc_agency_t      *agency;
    int64_t                 created_s;
    int64_t                 expires_s;      /* INT64_MAX: none */
    xc_str_t                once;           /* the nonce; without one, the hash
                                               of the signature base: what the
                                               replay store burns */
    bool                    digest_covered;
    xc_auth_evidence_t      evidence;       /* set also where verification fails,
                                               as far as parsing came */
} xc_auth_t;

typedef struct {
    const xc_policy_t  *policy;
    const xc_msg_t     *msg;
    xc_str_t            authority;  /* of xc_msg_check() */
    int64_t             now_s;
    xc_arena_t         *arena;
} xc_auth_input_t;

/*
 * A scheme.  presented: does the request carry such a credential at all?
 * verify: XC_OK fills auth; XC_DENIED sets reason and detail (and what
 * evidence there is); XC_ENOMEM, XC_EINTERNAL.
 */
typedef struct {
    xc_scheme_t  scheme;
    bool       (*presented)(const xc_msg_t *msg);
    xc_rc_t    (*verify)(const xc_auth_input_t *in, xc_auth_t *auth,
                         xc_reason_t *reason, xc_str_t *detail);
} xc_auth_scheme_t;

extern const xc_auth_scheme_t  xc_sig_scheme;       /* xc_sig.c */

/* Alternatives of the directive xc_credentials, each a set of schemes that
 * must all be presented (bits 1 << XC_SCHEME_…). */
typedef struct {
    unsigned  alternatives[4];
    size_t    n;
} xc_auth_accept_t;

/*
 * Of the schemes that accept names, each one presented must verify, all must
 * name one agency, and one alternative must be presented whole.  Then the
 * credential's validity and its sources.  Reasons: credential-missing,
 * credential-unknown, credential-expired, credential-conflict, signature-*,
 * source-not-allowed.  XC_OK, XC_DENIED, XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_auth_verify(const xc_auth_input_t *in,
    const xc_auth_accept_t *accept, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail) XC_WUR;

#endif
