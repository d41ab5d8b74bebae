/*
 * Signature-Input and the components that it names: whatever passes verifies
 * once more from what a record keeps of it.
 *
 * The input is one octet of flags, the target, Signature-Input, and header
 * lines "name: value", each ended by LF.  Signature is made here: by the
 * sample policy's HMAC key for the labels of its keyid, of zeros for others.
 */

#include "fuzz.h"
#include "fuzz_lines.h"
#include "xc_auth.h"
#include "xc_b64.h"
#include "xc_sig.h"


#define LINES_MAX   32
#define KEYID       "310000-2026"
#define AUTHORITY   "platform.example"

enum {
    FLAG_TLS = 1,
    FLAG_BODY = 2,
    FLAG_METHOD = 4,
    FLAG_NONCE = 8,
    FLAG_TAG = 16
};

typedef struct {
    xc_heap_t               heap;
    xc_header_t             lines[LINES_MAX + 2];
    xc_msg_t                msg;
    xc_str_t                input;      /* Signature-Input */
    const xc_credential_t  *credential;
    xc_policy_t             policy;
    xc_auth_t               auth;
} request_t;


static bool
is_ours(const xc_sfv_item_t *input)
{
    const xc_sfv_bare_t  *keyid = xc_sfv_param(input, XC_STR("keyid"));

    return input->bare.type == XC_SFV_INNER_LIST && keyid != NULL
           && keyid->type == XC_SFV_STRING
           && xc_str_eq(keyid->text, XC_STR(KEYID));
}


static void
sign_label(request_t *r, const xc_sfv_item_t *input, xc_buf_t *out)
{
    size_t    len = 32;
    uint8_t   mac[XC_SIGNATURE_MAX] = { 0 };
    xc_str_t  base;

    if (is_ours(input)
        && xc_sig_base(&r->heap.arena, &r->msg, XC_STR(AUTHORITY), input,
                       &base, NULL) == XC_OK)
    {
        FUZZ_CHECK(xc_key_sign(r->credential->key, base, mac, &len) == XC_OK);
    }

    xc_buf_char(out, ':');
    xc_b64_encode(XC_B64_STD, out, mac, len);
    xc_buf_char(out, ':');
}


/* Signature, for the first few labels; more than the gate looks at. */
static xc_str_t
sign(request_t *r)
{
    size_t         i, room = 8192 + r->input.len;
    char          *mem;
    xc_buf_t       out;
    xc_sfv_list_t  dict;

    mem = xc_arena_alloc(&r->heap.arena, room);

    if (mem == NULL
        || xc_sfv_parse_dict(&r->heap.arena, r->input, &dict) != XC_OK)
    {
        return XC_STR("a=::");
    }

    xc_buf_init(&out, mem, room);

    for (i = 0; i < dict.n && i < 8; i++) {
        xc_buf_z(&out, i == 0 ? "" : ", ");
        xc_buf_str(&out, dict.members[i].key);
        xc_buf_char(&out, '=');
        sign_label(r, &dict.members[i].item, &out);
    }

    FUZZ_CHECK(!out.overflow);

    return xc_buf_view(&out);
}


static void
read_request(request_t *r, const uint8_t *data, size_t size)
{
    xc_str_t  rest = { (const char *) data + 1, size - 1 };

    r->msg = (xc_msg_t) { .headers = r->lines, .content_length = -1 };
    r->msg.method = (data[0] & FLAG_METHOD) != 0 ? XC_STR("GET")
                                                 : XC_STR("POST");
    r->msg.tls = (data[0] & FLAG_TLS) != 0;
    r->msg.body = (data[0] & FLAG_BODY) != 0;
    r->msg.client = (xc_address_t) { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };

    xc_msg_set_target(&r->msg, next_line(&rest));
    r->input = next_line(&rest);

    while (rest.len != 0 && r->msg.n_headers < LINES_MAX) {
        r->lines[r->msg.n_headers++] = split(next_line(&rest));
    }

    r->lines[r->msg.n_headers++] = (xc_header_t) { XC_STR("signature-input"),
                                                   r->input };
    r->lines[r->msg.n_headers] = (xc_header_t) { XC_STR("signature"),
                                                 sign(r) };
    r->msg.n_headers++;
}


static bool
is_looked_at(const request_t *r, const xc_sfv_item_t *input)
{
    const xc_sfv_bare_t  *tag = xc_sfv_param(input, XC_STR("tag"));

    return is_ours(input)
           && (r->policy.tag.len == 0
               || (tag != NULL && tag->type == XC_SFV_STRING
                   && xc_str_eq(tag->text, r->policy.tag)));
}


/* From the members of a record, and nothing else. */
static void
check_provable(request_t *r)
{
    size_t             i, proved = 0;
    xc_str_t           base;
    xc_msg_t           record = r->msg;
    xc_header_t        members[3];
    xc_sfv_list_t      inputs, values;
    xc_sigbase_from_t  from = { &record, XC_STR(AUTHORITY),
                                r->auth.evidence.covered,
                                r->auth.evidence.n_covered };

    record.headers = members;
    record.n_headers = 2;
    members[0] = (xc_header_t) { XC_STR("signature-input"),
                                 r->auth.evidence.signature_input };
    members[1] = (xc_header_t) { XC_STR("signature"),
                                 r->auth.evidence.signature };
    members[2].name = XC_STR("content-digest");
    record.n_headers += xc_msg_joined(&r->msg, &r->heap.arena,
                                      members[2].name, &members[2].value)
                        == XC_OK;

    FUZZ_CHECK(xc_sfv_parse_dict(&r->heap.arena, members[0].value, &inputs)
               == XC_OK);
    FUZZ_CHECK(xc_sfv_parse_dict(&r->heap.arena, members[1].value, &values)
               == XC_OK);

    for (i = 0; i < inputs.n; i++) {
        if (!is_looked_at(r, &inputs.members[i].item)) {
            continue;
        }

        FUZZ_CHECK(xc_sig_base_from(&r->heap.arena, &from,
                                    &inputs.members[i].item, &base, NULL)
                   == XC_OK);
        FUZZ_CHECK(xc_key_verify(r->credential->key, base,
                                 xc_sfv_member(&values, inputs.members[i].key)
                                     ->bare.text) == XC_OK);
        proved++;
    }

    FUZZ_CHECK(proved == r->auth.n_once);
}


static void
check_passed(request_t *r)
{
    size_t            i, j;
    const xc_auth_t  *auth = &r->auth;

    FUZZ_CHECK(auth->n_credentials == 1 && auth->credential == r->credential);
    FUZZ_CHECK(auth->n_once != 0 && auth->n_once <= XC_SIG_MAX_LABELS);

    for (i = 0; i < auth->n_once; i++) {
        FUZZ_CHECK(auth->once[i].value.len != 0
                   && auth->once[i].value.len <= XC_SIG_NONCE_MAX
                   && auth->expires_s <= auth->once[i].expires_s);

        for (j = 0; j < i; j++) {
            FUZZ_CHECK(!xc_str_eq(auth->once[i].value, auth->once[j].value));
        }
    }

    for (i = 0; i < auth->evidence.n_covered; i++) {
        FUZZ_CHECK(xc_ascii_is_utf8(auth->evidence.covered[i].value)
                   && xc_ascii_is_utf8(auth->evidence.covered[i].component));
    }

    check_provable(r);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t            rc;
    xc_str_t           detail = XC_STR("");
    request_t          r;
    xc_reason_t        reason = XC_REASON_NONE;
    xc_auth_input_t    in;

    static const xc_auth_accept_t  accept = {
        { 1u << XC_SCHEME_HTTPSIG }, 1
    };

    if (size == 0) {
        return 0;
    }

    r.policy = *fuzz_policy();
    r.policy.nonce_required = (data[0] & FLAG_NONCE) != 0;
    r.policy.tag = (data[0] & FLAG_TAG) != 0 ? r.policy.tag : XC_STR_NONE;
    r.credential = xc_policy_keyid(&r.policy, XC_STR(KEYID));
    FUZZ_CHECK(r.credential != NULL);

    xc_heap_init(&r.heap, FUZZ_ARENA_MAX);
    read_request(&r, data, size);

    in = (xc_auth_input_t) { &r.policy, &r.msg, XC_STR(AUTHORITY),
                             SAMPLE_NOW_S, &r.heap.arena };

    rc = xc_auth_verify(&in, &accept, &r.auth, &reason, &detail);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
    FUZZ_CHECK((rc == XC_OK) == (reason == XC_REASON_NONE));
    FUZZ_CHECK(xc_ascii_is_utf8(detail));

    if (rc == XC_OK) {
        check_passed(&r);
    }

    xc_heap_free(&r.heap);

    return 0;
}
