/*
 * A request's lines: checked, and its signature verified.
 *
 * The input is one octet of flags, the target, and header lines "name: value",
 * each ended by LF.  The corpus holds requests signed with the keys of the
 * policy, one of them an intermediary's.  Nobody who lacks the keys can make
 * another, so what passes is one of these in all that is covered.
 */

#include "fuzz.h"
#include "fuzz_lines.h"
#include "xc_auth.h"
#include "xc_sigbase.h"


#define LINES_MAX   64
#define SUBMIT      "/xc/v1/requests"
#define MERCHANT    "/xc/v1/merchants/91310000MA1FL0000N?fields=merchant.name" \
                    "&request_no=%E6%B2%AA%E3%80%942026%E3%80%951%E5%8F%B7"   \
                    "&purpose=product_recall"
#define DIGEST      "sha-256=:jEiutNSeLgK1qmraBnKcvvAur5kTMUg15pWlWSnwsQc=:"
#define NONCE       "n-1"

enum {
    FLAG_TLS = 1,
    FLAG_BODY = 2,
    FLAG_METHOD = 4
};


/* The value of the only line of that name. */
static xc_str_t
only(const xc_msg_t *msg, const char *name)
{
    size_t    i, n = 0;
    xc_str_t  value = XC_STR_NONE;

    for (i = 0; i < msg->n_headers; i++) {
        if (xc_ascii_ieq(msg->headers[i].name, xc_str_z(name))) {
            value = msg->headers[i].value;
            n++;
        }
    }

    FUZZ_CHECK(n == 1);

    return value;
}


/* The intermediary's request in the corpus is for one agency. */
static void
check_agency(const xc_msg_t *msg, const xc_auth_t *auth)
{
    if (auth->via == NULL) {
        FUZZ_CHECK(auth->credential->agency == auth->agency);
        FUZZ_CHECK(xc_msg_header(msg, XC_STR("xc-on-behalf-of"), NULL)
                   == NULL);
        return;
    }

    FUZZ_CHECK(auth->credential->agency == auth->via
               && xc_policy_behalf_ok(auth->credential, auth->agency));
    FUZZ_CHECK(xc_str_eq(auth->agency->id, XC_STR("310115"))
               && xc_str_eq(only(msg, "xc-on-behalf-of"), auth->agency->id));
}


static void
check_passed(const xc_msg_t *msg, const xc_auth_t *auth, xc_str_t authority)
{
    FUZZ_CHECK(msg->tls);
    FUZZ_CHECK(xc_str_eq(authority, XC_STR("platform.example")));
    FUZZ_CHECK(auth->once[0].created_s == SAMPLE_NOW_S);
    FUZZ_CHECK(xc_str_eq(auth->once[0].value, XC_STR(NONCE)));
    FUZZ_CHECK(auth->evidence.signature.len != 0);
    check_agency(msg, auth);

    if (xc_str_eq(msg->method, XC_STR("GET"))) {
        FUZZ_CHECK(!msg->body && xc_str_eq(msg->target, XC_STR(MERCHANT)));
        return;
    }

    FUZZ_CHECK(xc_str_eq(msg->target, XC_STR(SUBMIT)));
    FUZZ_CHECK(xc_str_eq(only(msg, "content-type"),
                         XC_STR("application/json")));
    FUZZ_CHECK(xc_str_eq(only(msg, "content-digest"), XC_STR(DIGEST)));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t              rc;
    xc_msg_t             msg = { .content_length = -1 };
    xc_str_t             rest, line, authority = XC_STR_NONE, detail;
    xc_auth_t            auth;
    xc_heap_t            heap;
    xc_header_t          lines[LINES_MAX];
    xc_reason_t          reason = XC_REASON_NONE;
    xc_auth_input_t      in;
    const xc_policy_t   *policy = fuzz_policy();

    static const xc_auth_accept_t  accept = {
        { 1u << XC_SCHEME_HTTPSIG }, 1
    };

    if (size == 0) {
        return 0;
    }

    rest = (xc_str_t) { (const char *) data + 1, size - 1 };
    detail = XC_STR("");

    msg.method = (data[0] & FLAG_METHOD) != 0 ? XC_STR("GET") : XC_STR("POST");
    msg.tls = (data[0] & FLAG_TLS) != 0;
    msg.body = (data[0] & FLAG_BODY) != 0;
    msg.client = (xc_address_t) { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };
    msg.headers = lines;

    xc_msg_set_target(&msg, next_line(&rest));

    while (rest.len != 0 && msg.n_headers < LINES_MAX) {
        line = next_line(&rest);
        lines[msg.n_headers++] = split(line);
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_msg_check(&msg, policy, &heap.arena, &authority, &reason, &detail);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
    FUZZ_CHECK((rc == XC_OK) == (reason == XC_REASON_NONE));

    in = (xc_auth_input_t) { policy, &msg, authority, SAMPLE_NOW_S,
                             &heap.arena };

    /* the gate would end here; the verifier has to bear it all the same */
    if (rc != XC_OK) {
        in.authority = XC_STR("other.example");
        reason = XC_REASON_NONE;
    }

    rc = xc_auth_verify(&in, &accept, &auth, &reason, &detail);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
    FUZZ_CHECK((rc == XC_OK) == (reason == XC_REASON_NONE));
    FUZZ_CHECK((rc == XC_OK) == (auth.agency != NULL));

    if (rc == XC_OK) {
        check_passed(&msg, &auth, in.authority);
    }

    xc_heap_free(&heap);

    return 0;
}
