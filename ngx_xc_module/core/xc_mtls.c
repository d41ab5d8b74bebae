#include "xc_auth.h"

#include "xc_ascii.h"


static bool
xc_mtls_presented(const xc_msg_t *msg)
{
    return msg->certificate != NULL;
}


static const xc_credential_t *
xc_mtls_by_hash(const xc_policy_t *policy, xc_cert_match_t match,
    const uint8_t hash[XC_SHA256_SIZE])
{
    char  hex[2 * XC_SHA256_SIZE];

    xc_hex_encode(hex, hash, XC_SHA256_SIZE);

    return xc_policy_cert(policy, match, (xc_str_t) { hex, sizeof(hex) });
}


/*
 * Of the credentials that name this certificate the one that names it most
 * exactly.  What is looked up is public, as is who is registered by it, so
 * these comparisons need not be constant in time.
 */
static xc_rc_t
xc_mtls_find(const xc_policy_t *policy, const xc_certificate_t *certificate,
    const xc_credential_t **out, xc_reason_t *reason, xc_str_t *detail)
{
    size_t                  i;
    const xc_credential_t  *found = NULL, *by[XC_CERT_COUNT] = { NULL };

    by[0] = xc_mtls_by_hash(policy, XC_CERT_SHA256, certificate->sha256);
    by[1] = xc_mtls_by_hash(policy, XC_CERT_SPKI_SHA256,
                            certificate->spki_sha256);

    if (certificate->subject.len != 0) {
        by[2] = xc_policy_cert(policy, XC_CERT_SUBJECT, certificate->subject);
    }

    for (i = 0; i < XC_CERT_COUNT; i++) {
        if (by[i] == NULL) {
            continue;
        }

        if (found == NULL) {
            found = by[i];

        } else if (found->agency != by[i]->agency) {
            *reason = XC_REASON_CREDENTIAL_CONFLICT;
            *detail = XC_STR("the client's certificate is registered for "
                             "different agencies");
            return XC_DENIED;
        }
    }

    if (found == NULL) {
        *reason = XC_REASON_CREDENTIAL_UNKNOWN;
        *detail = XC_STR("the client's certificate is not registered");
        return XC_DENIED;
    }

    *out = found;

    return XC_OK;
}


static xc_rc_t
xc_mtls_verify(const xc_auth_input_t *in, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail)
{
    xc_rc_t                  rc;
    const xc_credential_t   *credential = NULL;
    const xc_certificate_t  *certificate = in->msg->certificate;

    auth->evidence.certificate = certificate;

    /* Anybody can write any name into a certificate; and whoever registers a
     * key or a hash still counts on the CA to end what it has issued. */
    if (!certificate->verified) {
        *reason = XC_REASON_CREDENTIAL_UNKNOWN;
        *detail = certificate->resumed
                  ? XC_STR("the client's certificate can't be verified in a "
                           "resumed TLS session: begin a new one")
                  : XC_STR("the client's certificate does not lead to a CA "
                           "that this server trusts");
        return XC_DENIED;
    }

    rc = xc_mtls_find(in->policy, certificate, &credential, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    /* Nothing that may pass once: who holds the key holds the connection. */
    return xc_auth_add(auth, credential, reason, detail);
}


const xc_auth_scheme_t  xc_mtls_scheme = {
    XC_SCHEME_MTLS,
    xc_mtls_presented,
    xc_mtls_verify
};
