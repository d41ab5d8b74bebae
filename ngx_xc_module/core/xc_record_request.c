/* The members of a decision record that say what was asked. */

#include "xc_record_impl.h"

#include "xc_ascii.h"

/* A type, a NUL and an id, which the policy's limit on strings bounds. */
#define XC_RECORD_MAC_MAX       2048


#define XC_RECORD_REQUEST_STRING(member)                                      \
    bool                                                                      \
    xc_record_##member(xc_buf_t *out, const xc_record_decision_t *in)         \
    {                                                                         \
        return xc_record_string(out, in->gate->request.member);               \
    }

XC_RECORD_REQUEST_STRING(request_no)
XC_RECORD_REQUEST_STRING(purpose)
XC_RECORD_REQUEST_STRING(case_no)
XC_RECORD_REQUEST_STRING(legal_basis)
XC_RECORD_REQUEST_STRING(approval)
XC_RECORD_REQUEST_STRING(category)
XC_RECORD_REQUEST_STRING(region)


/* What matches the token that the platform keeps; it may be longer than a
 * record. */
bool
xc_record_approval_token(xc_buf_t *out, const xc_record_decision_t *in)
{
    uint8_t   hash[XC_SHA256_SIZE];
    xc_str_t  token = in->gate->request.approval_token;

    if (token.data == NULL) {
        return false;
    }

    if (xc_hash(XC_HASH_SHA256, token.data, token.len, hash) != XC_OK) {
        out->overflow = true;
        return false;
    }

    xc_buf_char(out, '"');
    xc_buf_hex(out, hash, sizeof(hash));
    xc_buf_char(out, '"');

    return true;
}


bool
xc_record_fields(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t               i;
    const xc_request_t  *request = &in->gate->request;

    if (request->n_fields == 0) {
        return false;
    }

    for (i = 0; i < request->n_fields; i++) {
        xc_buf_char(out, i == 0 ? '[' : ',');
        xc_buf_json(out, request->fields[i].name);
    }

    xc_buf_char(out, ']');

    return true;
}


xc_rc_t
xc_record_mac(const xc_mac_t *key, xc_str_t type, xc_str_t id,
    char out[XC_RECORD_ID_SIZE])
{
    char      mem[XC_RECORD_MAC_MAX];
    uint8_t   mac[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_buf_t  text;

    xc_buf_init(&text, mem, sizeof(mem));
    xc_buf_str(&text, type);
    xc_buf_char(&text, '\0');
    xc_buf_str(&text, id);

    if (text.overflow) {
        return XC_EINTERNAL;
    }

    rc = xc_mac_compute(key, xc_buf_view(&text), mac);
    if (rc == XC_OK) {
        xc_hex_encode(out, mac, sizeof(mac));
    }

    return rc;
}


/* What can't be computed makes the record unusable: nothing is admitted whose
 * subjects the log does not name. */
static void
xc_record_keyed(xc_buf_t *out, const xc_record_decision_t *in, xc_str_t type,
    xc_str_t id)
{
    char  hex[XC_RECORD_ID_SIZE];

    if (xc_record_mac(in->subject_key, type, id, hex) != XC_OK) {
        out->overflow = true;
        return;
    }

    xc_buf_char(out, '"');
    xc_buf_bytes(out, hex, sizeof(hex));
    xc_buf_char(out, '"');
}


bool
xc_record_officers(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t               i;
    const xc_request_t  *request = &in->gate->request;

    if (request->n_officers == 0 || in->subject_key == NULL) {
        return false;
    }

    for (i = 0; i < request->n_officers; i++) {
        xc_buf_char(out, i == 0 ? '[' : ',');
        xc_record_keyed(out, in, XC_STR("officer"), request->officers[i]);
    }

    xc_buf_char(out, ']');

    return true;
}


bool
xc_record_subjects(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t               i;
    const xc_request_t  *request = &in->gate->request;
    const xc_subject_t  *subject;

    if (request->n_subjects == 0) {
        return false;
    }

    for (i = 0; i < request->n_subjects; i++) {
        subject = &request->subjects[i];

        xc_buf_z(out, i == 0 ? "[{\"type\":" : ",{\"type\":");
        xc_buf_json(out, subject->type->id);

        if (in->subject_key != NULL) {
            xc_buf_z(out, ",\"id\":");
            xc_record_keyed(out, in, subject->type->id, subject->id);
        }

        xc_buf_char(out, '}');
    }

    xc_buf_char(out, ']');

    return true;
}


bool
xc_record_window(xc_buf_t *out, const xc_record_decision_t *in)
{
    const xc_window_t  *window = &in->gate->request.window;

    if (!window->present) {
        return false;
    }

    xc_buf_z(out, "{\"from\":");
    xc_buf_json(out, window->from);
    xc_buf_z(out, ",\"to\":");
    xc_buf_json(out, window->to);
    xc_buf_char(out, '}');

    return true;
}


bool
xc_record_sweep(xc_buf_t *out, const xc_record_decision_t *in)
{
    if (!in->gate->request.sweep) {
        return false;
    }

    xc_buf_z(out, "true");

    return true;
}


bool
xc_record_urgent(xc_buf_t *out, const xc_record_decision_t *in)
{
    const xc_purpose_t  *purpose = in->gate->request.purpose_rule;

    if (purpose == NULL || !purpose->urgent) {
        return false;
    }

    xc_buf_z(out, "true");

    return true;
}
