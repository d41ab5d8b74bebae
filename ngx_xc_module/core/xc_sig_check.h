/*
 * One signature of a message: its parameters, its components, its value.  For
 * xc_sig.c alone, which finds the signatures that are looked at.
 */

#ifndef XC_SIG_CHECK_H
#define XC_SIG_CHECK_H

#include "xc_sig.h"

/* At most 64 bytes of a client's text, for a "%.*s" in a detail. */
#define XC_SIG_SHOWN(s)  (int) XC_MIN((s).len, (size_t) 64), (s).data

typedef struct {
    const xc_auth_input_t  *in;
    const xc_credential_t  *credential;
    xc_str_t                label;
    const xc_sfv_item_t    *input;      /* components with their parameters */
    size_t                 *scans;      /* xc_sigbase_scans() of all of the
                                           message that were checked so far */
    xc_str_t                value;
    int64_t                 created_s, expires_s;
    xc_str_t                nonce;      /* or what stands for it */
    xc_str_t                base;
    xc_reason_t             reason;     /* set where a check denies */
    xc_str_t                detail;
} xc_sig_t;

/* Both return XC_DENIED. */
xc_rc_t xc_sig_deny(xc_sig_t *sig, xc_reason_t reason, xc_str_t detail);
xc_rc_t xc_sig_deny_about(xc_sig_t *sig, xc_reason_t reason,
    const char *subject, const char *what);

/* A parameter of the signature.  An absent one leaves out alone and *found
 * false.  XC_DENIED: it is of another type. */
xc_rc_t xc_sig_param(xc_sig_t *sig, const char *name, xc_sfv_type_t type,
    bool *found, xc_sfv_bare_t *out) XC_WUR;

/*
 * The three steps, the cheap ones first: parameters and components against the
 * policy; the base, and with it sig->nonce; the one public-key operation.
 * XC_DENIED, XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_sig_check(xc_sig_t *sig) XC_WUR;
xc_rc_t xc_sig_make_base(xc_sig_t *sig) XC_WUR;
xc_rc_t xc_sig_check_value(xc_sig_t *sig) XC_WUR;

#endif
