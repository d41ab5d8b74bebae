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

    /* of the other schemes */
    const xc_certificate_t  *certificate;   /* NULL: not asked for */
    const uint8_t           *token_sha256;  /* of the token as it came; NULL:
                                               none */
} xc_auth_evidence_t;

/* What may pass once: the replay store burns it. */
typedef struct {
    xc_str_t  keyid;                /* of the credential */
    xc_str_t  value;                /* the nonce, or the hash of the signature
                                       base; a token's jti */
    int64_t   created_s;            /* not after the store's birth: starting */
    int64_t   expires_s;            /* to be kept through this second */
    bool      windowed;             /* a signature's: and for the map's window
                                       (xc_map_window_raise()) */
} xc_once_t;

#define XC_AUTH_SIGNATURES_MAX  4   /* looked at in one message */
#define XC_AUTH_CREDENTIALS_MAX (XC_AUTH_SIGNATURES_MAX + 2)
#define XC_AUTH_ONCE_MAX        (XC_AUTH_SIGNATURES_MAX + 1)

/* A target longer than this is cut in the record's uri. */
#define XC_AUTH_URI_MAX     1024

typedef struct {
    /* Every one that was presented and verified, the one that proves most
     * first: signatures, the certificate, the token. */
    const xc_credential_t  *credentials[XC_AUTH_CREDENTIALS_MAX];
    size_t                  n_credentials;

    const xc_credential_t  *credential;     /* the first of them */
    const xc_agency_t      *agency;         /* that asks */
    const xc_agency_t      *via;            /* the intermediary that speaks for
                                               it; NULL: none */

    xc_once_t               once[XC_AUTH_ONCE_MAX];
    size_t                  n_once;         /* 0: the connection alone vouches
                                               (mtls), nothing to replay */
    int64_t                 expires_s;      /* the earliest; INT64_MAX: none */
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
 * verify: XC_OK has added its credentials to auth, and what may pass once, and
 * has lowered auth->expires_s; XC_DENIED sets reason and detail (and what
 * evidence there is); XC_ENOMEM, XC_EINTERNAL.  Earlier schemes' results stand
 * in auth.
 */
typedef struct {
    xc_scheme_t  scheme;
    bool       (*presented)(const xc_msg_t *msg);   /* without any allocation */
    xc_rc_t    (*verify)(const xc_auth_input_t *in, xc_auth_t *auth,
                         xc_reason_t *reason, xc_str_t *detail);
} xc_auth_scheme_t;

extern const xc_auth_scheme_t  xc_sig_scheme;       /* xc_sig.c */
extern const xc_auth_scheme_t  xc_mtls_scheme;      /* xc_mtls.c */
extern const xc_auth_scheme_t  xc_jwt_scheme;       /* xc_jwt.c */

/*
 * For schemes: one more verified credential.  XC_DENIED (credential-conflict):
 * those before are of another agency.
 */
xc_rc_t xc_auth_add(xc_auth_t *auth, const xc_credential_t *credential,
    xc_reason_t *reason, xc_str_t *detail) XC_WUR;

/* For schemes: something that may pass once.  XC_EINTERNAL: too many. */
xc_rc_t xc_auth_once(xc_auth_t *auth, const xc_once_t *once) XC_WUR;

#define XC_AUTH_AGENCIES_MAX    2

/* The agencies that a verified request counts against, one or two: the
 * intermediary, who may be the busier one, before the agency that asks. */
size_t xc_auth_agencies(const xc_auth_t *auth,
    const xc_agency_t *out[XC_AUTH_AGENCIES_MAX]);

/* Is a signature among the verified credentials?  It covers the body. */
bool xc_auth_is_signed(const xc_auth_t *auth);

/* Alternatives of the directive xc_credentials, each a set of schemes that
 * must all be presented (bits 1 << XC_SCHEME_…). */
typedef struct {
    unsigned  alternatives[4];
    size_t    n;
} xc_auth_accept_t;

/*
 * Of the schemes that accept names, each one presented must verify, all must
 * name one agency, and one alternative must be presented whole.  Then the
 * validity and the sources of each, and for whom an intermediary asks: that
 * agency is auth->agency then, the credentials' is auth->via.  Reasons:
 * credential-missing, credential-unknown, credential-expired,
 * credential-conflict, signature-*, token-invalid, source-not-allowed,
 * behalf-not-allowed.  XC_OK, XC_DENIED, XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_auth_verify(const xc_auth_input_t *in,
    const xc_auth_accept_t *accept, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail) XC_WUR;

#endif
