#include "xc_auth.h"


static const xc_auth_scheme_t *const  xc_auth_schemes[] = {
    &xc_sig_scheme
};


/* The accepted schemes that the request carries, as bits. */
static unsigned
xc_auth_presented(const xc_msg_t *msg, const xc_auth_accept_t *accept)
{
    size_t    i;
    unsigned  accepted = 0, presented = 0, bit;

    for (i = 0; i < accept->n; i++) {
        accepted |= accept->alternatives[i];
    }

    for (i = 0; i < XC_COUNT(xc_auth_schemes); i++) {
        bit = 1u << xc_auth_schemes[i]->scheme;

        if ((accepted & bit) != 0 && xc_auth_schemes[i]->presented(msg)) {
            presented |= bit;
        }
    }

    return presented;
}


static bool
xc_auth_suffices(const xc_auth_accept_t *accept, unsigned presented)
{
    size_t  i;

    for (i = 0; i < accept->n; i++) {
        /* An alternative without a scheme would admit everybody. */
        if (accept->alternatives[i] != 0
            && (accept->alternatives[i] & ~presented) == 0)
        {
            return true;
        }
    }

    return false;
}


/* Every presented scheme, none left out; the first one's result stands. */
static xc_rc_t
xc_auth_verify_all(const xc_auth_input_t *in, unsigned presented,
    xc_auth_t *auth, xc_reason_t *reason, xc_str_t *detail)
{
    size_t     i;
    xc_rc_t    rc;
    xc_auth_t  other, *result;

    for (i = 0; i < XC_COUNT(xc_auth_schemes); i++) {
        if ((presented & 1u << xc_auth_schemes[i]->scheme) == 0) {
            continue;
        }

        other = (xc_auth_t) { .credential = NULL };
        result = auth->credential == NULL ? auth : &other;

        rc = xc_auth_schemes[i]->verify(in, result, reason, detail);
        if (rc != XC_OK) {
            return rc;
        }

        if (result->agency != auth->agency) {
            *reason = XC_REASON_CREDENTIAL_CONFLICT;
            *detail = XC_STR("the credentials name different agencies");
            return XC_DENIED;
        }
    }

    return auth->credential != NULL ? XC_OK : XC_EINTERNAL;
}


static xc_rc_t
xc_auth_check_credential(const xc_auth_input_t *in,
    const xc_credential_t *credential, xc_reason_t *reason, xc_str_t *detail)
{
    if (in->now_s < credential->not_before_s) {
        *reason = XC_REASON_CREDENTIAL_EXPIRED;
        *detail = XC_STR("the credential is not valid yet");
        return XC_DENIED;
    }

    if (in->now_s >= credential->not_after_s) {
        *reason = XC_REASON_CREDENTIAL_EXPIRED;
        *detail = XC_STR("the credential is no longer valid");
        return XC_DENIED;
    }

    if (!xc_policy_source_ok(credential, &in->msg->client)) {
        *reason = XC_REASON_SOURCE_NOT_ALLOWED;
        *detail = XC_STR("the credential is not registered for this address");
        return XC_DENIED;
    }

    return XC_OK;
}


xc_rc_t
xc_auth_verify(const xc_auth_input_t *in, const xc_auth_accept_t *accept,
    xc_auth_t *auth, xc_reason_t *reason, xc_str_t *detail)
{
    xc_rc_t    rc;
    unsigned   presented;
    xc_auth_t  result = { .credential = NULL };

    /* A failure leaves the evidence and nothing else: no agency without a
     * verified credential. */
    *auth = result;

    presented = xc_auth_presented(in->msg, accept);

    if (!xc_auth_suffices(accept, presented)) {
        *reason = XC_REASON_CREDENTIAL_MISSING;
        *detail = XC_STR("no accepted kind of credential was presented whole");
        return XC_DENIED;
    }

    rc = xc_auth_verify_all(in, presented, &result, reason, detail);
    auth->evidence = result.evidence;

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_auth_check_credential(in, result.credential, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    *auth = result;

    return XC_OK;
}
