#include "xc_record_impl.h"


bool
xc_record_credential(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t                  start;
    const xc_credential_t  *credential = in->gate->auth.credential;

    if (!in->gate->authenticated) {
        return false;
    }

    xc_buf_char(out, '"');
    xc_buf_str(out, xc_scheme_name(credential->scheme));

    /* A keyid is an id, a certificate's subject may need escapes: the colon
     * takes the place of the quote that they begin with. */
    start = out->len;
    xc_buf_json(out, credential->keyid);

    if (!out->overflow) {
        out->data[start] = ':';
    }

    return true;
}


bool
xc_record_via(xc_buf_t *out, const xc_record_decision_t *in)
{
    if (!in->gate->authenticated || in->gate->auth.via == NULL) {
        return false;
    }

    xc_buf_json(out, in->gate->auth.via->id);

    return true;
}


static bool
xc_record_hash(xc_buf_t *out, const uint8_t *hash)
{
    if (hash == NULL) {
        return false;
    }

    xc_buf_char(out, '"');
    xc_buf_hex(out, hash, XC_SHA256_SIZE);
    xc_buf_char(out, '"');

    return true;
}


bool
xc_record_certificate(xc_buf_t *out, const xc_record_decision_t *in)
{
    const xc_certificate_t  *one = in->gate->auth.evidence.certificate;

    return xc_record_hash(out, one == NULL ? NULL : one->sha256);
}


bool
xc_record_token(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_hash(out, in->gate->auth.evidence.token_sha256);
}
