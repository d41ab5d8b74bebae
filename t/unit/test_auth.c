/* What surrounds a scheme: alternatives, validity, sources. */

#include "xt_sig.h"


static void
test_accept(void)
{
    xc_str_t          detail;
    xc_auth_t         auth;
    request_t         r;
    sig_case_t        c = { .input = "sig=" GOOD };
    xc_reason_t       reason;
    xc_auth_accept_t  accept = { { 0 }, 0 };

    request_init(&r, &c);

    xt_ok(xc_auth_verify(&r.in, &accept, &auth, &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_MISSING, "nothing is accepted");
    accept.n = 1;
    xt_ok(xc_auth_verify(&r.in, &accept, &auth, &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_MISSING, "an empty alternative");
    accept.alternatives[0] = 1u << XC_SCHEME_HTTPSIG | 1u << XC_SCHEME_COUNT;
    xt_ok(xc_auth_verify(&r.in, &accept, &auth, &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_MISSING, "half an alternative");
    accept.alternatives[1] = 1u << XC_SCHEME_HTTPSIG;
    accept.n = 2;
    xt_ok(xc_auth_verify(&r.in, &accept, &auth, &reason, &detail) == XC_OK,
          "the other alternative");

    r.msg.n_headers = 5;
    xt_ok(xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail)
          == XC_DENIED && reason == XC_REASON_CREDENTIAL_MISSING,
          "no signature headers");
    r.lines[5].name = XC_STR("Authorization");
    r.msg.n_headers = 6;
    xt_ok(xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail)
          == XC_DENIED && reason == XC_REASON_CREDENTIAL_MISSING,
          "another scheme's header");

    r.msg.n_headers = 7;
    request_free(&r);
}


static xc_reason_t
verify_with(const xc_credential_t *changed, unsigned last_octet)
{
    xc_rc_t          rc;
    xc_str_t         detail;
    xc_auth_t        auth;
    request_t        r;
    sig_case_t       c = { .input = "sig=" GOOD };
    xc_reason_t      reason = XC_REASON_NONE;
    xc_credential_t  saved = credentials[0];

    credentials[0] = *changed;

    request_init(&r, &c);
    r.msg.client.address[10] = r.msg.client.address[11] = 0xff;
    r.msg.client.address[15] = (uint8_t) last_octet;

    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    if (rc != XC_OK && auth.agency != NULL) {
        reason = XC_REASON_INTERNAL_ERROR;
    }

    request_free(&r);
    credentials[0] = saved;

    return reason;
}


static void
test_credential(void)
{
    xc_cidr_t        source = { .bits = 127 };
    xc_credential_t  c = credentials[0];

    c.not_before_s = NOW;
    xt_ok(verify_with(&c, 1) == XC_REASON_NONE, "valid from now on");
    c.not_before_s = NOW + 1;
    xt_ok(verify_with(&c, 1) == XC_REASON_CREDENTIAL_EXPIRED, "not valid yet");

    c.not_before_s = INT64_MIN;
    c.not_after_s = NOW + 1;
    xt_ok(verify_with(&c, 1) == XC_REASON_NONE, "valid for a second");
    c.not_after_s = NOW;
    xt_ok(verify_with(&c, 1) == XC_REASON_CREDENTIAL_EXPIRED, "no more");

    source.address[10] = source.address[11] = 0xff;
    c.not_after_s = INT64_MAX;
    c.sources = &source;
    c.n_sources = 1;
    xt_ok(verify_with(&c, 1) == XC_REASON_NONE, "from its source");
    xt_ok(verify_with(&c, 2) == XC_REASON_SOURCE_NOT_ALLOWED,
          "from elsewhere");
    c.not_after_s = NOW;
    xt_ok(verify_with(&c, 2) == XC_REASON_CREDENTIAL_EXPIRED,
          "validity goes before the source");
}


/* What schemes add up to. */
static void
test_add(void)
{
    size_t              i;
    xc_str_t            detail = XC_STR_NONE;
    xc_auth_t           auth = { .n_once = 0 };
    xc_once_t           once = { .created_s = NOW };
    xc_reason_t         reason = XC_REASON_NONE;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    xt_ok(!xc_auth_is_signed(&auth), "nothing is signed by nobody");

    for (i = 0; i < XC_AUTH_CREDENTIALS_MAX; i++) {
        if (xc_auth_add(&auth, &credentials[i % 2], &reason, &detail)
            != XC_OK)
        {
            break;
        }
    }

    xt_ok(i == XC_AUTH_CREDENTIALS_MAX && auth.n_credentials == i
          && auth.credential == &credentials[0]
          && auth.agency == &agencies[0], "all credentials of one agency");
    xt_ok(xc_auth_add(&auth, &credentials[0], &reason, &detail)
          == XC_EINTERNAL && reason == XC_REASON_NONE, "one too many");
    xt_ok(xc_auth_is_signed(&auth), "signed");

    auth.n_credentials = 1;
    xt_ok(xc_auth_add(&auth, &credentials[2], &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_CONFLICT && detail.len != 0
          && auth.n_credentials == 1 && auth.agency == &agencies[0],
          "another agency's is a conflict");

    for (i = 0; i < XC_AUTH_ONCE_MAX; i++) {
        if (xc_auth_once(&auth, &once) != XC_OK) {
            break;
        }
    }

    xt_ok(i == XC_AUTH_ONCE_MAX && auth.n_once == i
          && xc_auth_once(&auth, &once) == XC_EINTERNAL,
          "what may pass once, and one too many");

    xt_ok(xc_auth_agencies(&auth, who) == 1 && who[0] == &agencies[0],
          "an agency that asks for itself");
    auth.via = &agencies[1];
    xt_ok(xc_auth_agencies(&auth, who) == 2 && who[0] == &agencies[1]
          && who[1] == &agencies[0], "and one that another asks for");
}


int
main(void)
{
    if (!set_up()) {
        return 2;
    }

    test_accept();
    test_credential();
    test_add();

    xc_heap_free(&setup_heap);

    return xt_done();
}
