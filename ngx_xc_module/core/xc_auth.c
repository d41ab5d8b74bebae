#include "xc_auth.h"

#include "xc_ascii.h"


static const xc_auth_scheme_t *const  xc_auth_schemes[] = {
    &xc_sig_scheme,
    &xc_mtls_scheme,
    &xc_jwt_scheme
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


xc_rc_t
xc_auth_add(xc_auth_t *auth, const xc_credential_t *credential,
    xc_reason_t *reason, xc_str_t *detail)
{
    if (auth->n_credentials == XC_AUTH_CREDENTIALS_MAX) {
        return XC_EINTERNAL;
    }

    if (auth->credential == NULL) {
        auth->credential = credential;
        auth->agency = credential->agency;

    } else if (auth->agency != credential->agency) {
        *reason = XC_REASON_CREDENTIAL_CONFLICT;
        *detail = XC_STR("the credentials name different agencies");
        return XC_DENIED;
    }

    auth->credentials[auth->n_credentials++] = credential;

    return XC_OK;
}


xc_rc_t
xc_auth_once(xc_auth_t *auth, const xc_once_t *once)
{
    if (auth->n_once == XC_AUTH_ONCE_MAX) {
        return XC_EINTERNAL;
    }

    auth->once[auth->n_once++] = *once;

    return XC_OK;
}


size_t
xc_auth_agencies(const xc_auth_t *auth,
    const xc_agency_t *out[XC_AUTH_AGENCIES_MAX])
{
    size_t  n = 0;

    if (auth->via != NULL) {
        out[n++] = auth->via;
    }

    out[n++] = auth->agency;

    return n;
}


bool
xc_auth_is_signed(const xc_auth_t *auth)
{
    size_t  i;

    for (i = 0; i < auth->n_credentials; i++) {
        if (auth->credentials[i]->scheme == XC_SCHEME_HTTPSIG) {
            return true;
        }
    }

    return false;
}


/* Every presented scheme, none left out. */
static xc_rc_t
xc_auth_verify_all(const xc_auth_input_t *in, unsigned presented,
    xc_auth_t *auth, xc_reason_t *reason, xc_str_t *detail)
{
    size_t   i, n;
    xc_rc_t  rc;

    for (i = 0; i < XC_COUNT(xc_auth_schemes); i++) {
        if ((presented & 1u << xc_auth_schemes[i]->scheme) == 0) {
            continue;
        }

        n = auth->n_credentials;

        rc = xc_auth_schemes[i]->verify(in, auth, reason, detail);
        if (rc != XC_OK) {
            return rc;
        }

        /* A scheme that says yes without saying who. */
        if (auth->n_credentials == n) {
            return XC_EINTERNAL;
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


static xc_rc_t
xc_auth_check_all(const xc_auth_input_t *in, const xc_auth_t *auth,
    xc_reason_t *reason, xc_str_t *detail)
{
    size_t   i;
    xc_rc_t  rc = XC_OK;

    for (i = 0; i < auth->n_credentials && rc == XC_OK; i++) {
        rc = xc_auth_check_credential(in, auth->credentials[i], reason,
                                      detail);
    }

    return rc;
}


/* The agency that XC-On-Behalf-Of names; NULL: *detail says why none. */
static const xc_agency_t *
xc_auth_behalf_agency(const xc_auth_input_t *in, xc_str_t *detail)
{
    size_t              n;
    const xc_agency_t  *agency;
    const xc_header_t  *line;

    line = xc_msg_header(in->msg, XC_STR("xc-on-behalf-of"), &n);

    if (n != 1) {
        *detail = XC_STR("XC-On-Behalf-Of stands in more than one line");
        return NULL;
    }

    if (!xc_ascii_is_id(line->value)) {
        *detail = XC_STR("XC-On-Behalf-Of holds no agency's id");
        return NULL;
    }

    agency = xc_policy_agency(in->policy, line->value);

    if (agency == NULL) {
        *detail = xc_arena_printf(in->arena, "the agency \"" XC_STR_FMT
                                  "\" is not registered",
                                  XC_STR_ARG(line->value));
    }

    return agency;
}


/* May every signature's credential ask for the agency? */
static bool
xc_auth_behalf_ok(const xc_auth_t *auth, const xc_agency_t *agency)
{
    size_t                  i;
    const xc_credential_t  *one;

    for (i = 0; i < auth->n_credentials; i++) {
        one = auth->credentials[i];

        if (one->scheme == XC_SCHEME_HTTPSIG
            && !xc_policy_behalf_ok(one, agency))
        {
            return false;
        }
    }

    return true;
}


static bool
xc_auth_is_intermediary(const xc_auth_t *auth)
{
    size_t  i;

    for (i = 0; i < auth->n_credentials; i++) {
        if (auth->credentials[i]->behalf != NULL) {
            return true;
        }
    }

    return false;
}


/*
 * Who speaks for others says for whom, in a field that its signatures cover
 * (xc_sigbase_required()); nobody else may name another (DOMAIN.md row 2).
 */
static xc_rc_t
xc_auth_behalf(const xc_auth_input_t *in, xc_auth_t *auth, xc_str_t *detail)
{
    bool                named, speaks = xc_auth_is_intermediary(auth);
    const xc_agency_t  *agency;

    named = xc_msg_header(in->msg, XC_STR("xc-on-behalf-of"), NULL) != NULL;

    if (!named && !speaks) {
        return XC_OK;
    }

    if (!named) {
        *detail = XC_STR("the credential is an intermediary's: send "
                         "XC-On-Behalf-Of with the id of the agency that "
                         "asks, and cover it by the signature");
        return XC_DENIED;
    }

    if (!speaks) {
        *detail = XC_STR("the credential asks for its own agency alone: leave "
                         "XC-On-Behalf-Of out");
        return XC_DENIED;
    }

    agency = xc_auth_behalf_agency(in, detail);
    if (agency == NULL) {
        return XC_DENIED;
    }

    if (!xc_auth_behalf_ok(auth, agency)) {
        *detail = xc_arena_printf(in->arena, "the credential may not ask for "
                                  "the agency \"" XC_STR_FMT "\"",
                                  XC_STR_ARG(agency->id));
        return XC_DENIED;
    }

    auth->via = auth->agency;
    auth->agency = agency;

    return XC_OK;
}


xc_rc_t
xc_auth_verify(const xc_auth_input_t *in, const xc_auth_accept_t *accept,
    xc_auth_t *auth, xc_reason_t *reason, xc_str_t *detail)
{
    xc_rc_t    rc;
    unsigned   presented;
    xc_auth_t  result = { .expires_s = INT64_MAX };

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

    if (rc == XC_OK) {
        rc = xc_auth_check_all(in, &result, reason, detail);
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_auth_behalf(in, &result, detail);
    if (rc != XC_OK) {
        *reason = XC_REASON_BEHALF_NOT_ALLOWED;
        return rc;
    }

    *auth = result;

    return XC_OK;
}
