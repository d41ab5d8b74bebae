/*
 * Records and problems of arbitrary strings: each is one line of JSON with
 * the members that it has to have.
 *
 * The input is one octet of flags and the strings, each ended by 0xfe, which
 * UTF-8 has no use for.
 */

#include "fuzz.h"
#include "xc_problem.h"
#include "xc_record.h"


#define ID  "0123456789abcdef0123456789abcdef"

enum {
    FLAG_ALLOW = 1,
    FLAG_AUTHENTICATED = 2,
    FLAG_OPERATION = 4,
    FLAG_SHORT = 8
};

static char  room[XC_RECORD_MAX];
static char  text[XC_RECORD_MAX + 2];


/* In turn, data NULL behind the last.  A NUL would be an escape that the
 * reader refuses, so it is read as another control. */
static xc_str_t
next_string(xc_arena_t *arena, xc_str_t *rest)
{
    char        *mem;
    size_t       i;
    xc_str_t     s = *rest;
    const char  *end;

    if (rest->len == 0) {
        return XC_STR_NONE;
    }

    end = memchr(s.data, 0xfe, s.len);
    s.len = end == NULL ? s.len : (size_t) (end - s.data);
    rest->data += s.len + (end != NULL);
    rest->len -= s.len + (end != NULL);

    mem = xc_arena_alloc(arena, s.len);
    FUZZ_CHECK(mem != NULL);

    for (i = 0; i < s.len; i++) {
        mem[i] = s.data[i] == '\0' ? '\1' : s.data[i];
    }

    return (xc_str_t) { mem, s.len };
}


/* Reads it back; braced: it has braces and an LF at its end. */
static const xc_json_t *
read_back(xc_arena_t *arena, const xc_buf_t *line, bool braced)
{
    xc_buf_t          out;
    xc_str_t          whole = xc_buf_view(line);
    const xc_json_t  *root = NULL;

    FUZZ_CHECK(!line->overflow && line->len <= line->cap);

    whole.len -= braced;
    FUZZ_CHECK(xc_ascii_no_controls(whole) && xc_ascii_is_utf8(whole));

    xc_buf_init(&out, text, sizeof(text));
    xc_buf_z(&out, braced ? "" : "{");
    xc_buf_str(&out, whole);
    xc_buf_z(&out, braced ? "" : "}");
    FUZZ_CHECK(xc_json_parse(arena, xc_buf_view(&out), 8, NULL, &root)
               == XC_OK);

    return root;
}


static void
is(const xc_json_t *root, const char *name, const char *value)
{
    const xc_json_t  *member = xc_json_member(root, xc_str_z(name));

    FUZZ_CHECK(member != NULL
               && xc_str_eq(xc_json_string(member), xc_str_z(value)));
}


static void
check_decision(xc_arena_t *arena, const xc_record_decision_t *in, size_t cap)
{
    bool              allow;
    xc_rc_t           rc;
    xc_buf_t          out;
    const xc_json_t  *root;

    allow = in->gate->verdict.reason == XC_REASON_NONE;
    xc_buf_init(&out, room, cap);
    rc = xc_record_decision(&out, in);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ELIMIT);

    /* what can't be left out takes a few hundred bytes */
    FUZZ_CHECK(rc == XC_OK || allow || cap < 1024
               || in->msg->client_text.len + in->tls.len > cap / 32);

    if (rc != XC_OK) {
        return;
    }

    root = read_back(arena, &out, false);
    is(root, "event", "decision");
    is(root, "id", ID);
    is(root, "decision", allow ? "allow" : "deny");
    is(root, "mode", "enforce");
    FUZZ_CHECK((xc_json_member(root, XC_STR("reason")) == NULL) == allow);
    FUZZ_CHECK(!allow || xc_json_member(root, XC_STR("cut")) == NULL);
    FUZZ_CHECK((xc_json_member(root, XC_STR("agency")) != NULL)
               == in->gate->authenticated);
}


static void
check_uri(const xc_record_decision_t *in)
{
    char      mem[XC_RECORD_URI_MAX];
    xc_buf_t  out;

    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_uri(&out, in->policy, in->msg, in->gate);
    FUZZ_CHECK(!out.overflow && xc_ascii_no_controls(xc_buf_view(&out))
               && xc_ascii_is_utf8(xc_buf_view(&out)));
}


static void
check_problem(xc_arena_t *arena, const xc_gate_t *gate)
{
    xc_rc_t           rc;
    xc_buf_t          out;
    const xc_json_t  *root;

    xc_buf_init(&out, room, sizeof(room));
    rc = xc_problem_write(&out, gate, XC_STR(ID), SAMPLE_NOW_S);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ELIMIT);
    FUZZ_CHECK(rc == XC_OK || gate->verdict.detail.len > sizeof(room) / 16);

    if (rc == XC_OK) {
        root = read_back(arena, &out, true);
        is(root, "instance", "urn:xc:request:" ID);
        FUZZ_CHECK((xc_json_member(root, XC_STR("remedy_zh")) != NULL)
                   == gate->authenticated);
    }
}


static void
check_outcome(xc_arena_t *arena, xc_str_t reply, xc_str_t upstream)
{
    xc_buf_t             out;
    const xc_json_t     *root;
    xc_record_outcome_t  in = { .id = XC_STR(ID), .status = 200,
                                .reply = reply, .upstream = upstream };

    xc_buf_init(&out, room, XC_RECORD_OUTCOME_MAX);
    xc_record_outcome(&out, &in);
    xc_record_outcome_seq(&out, INT64_MAX);
    root = read_back(arena, &out, false);
    is(root, "event", "outcome");
    is(root, "id", ID);
}


static void
check_all(xc_arena_t *arena, unsigned flags, xc_str_t rest)
{
    size_t                 i;
    xc_msg_t               msg = { .origin_form = true };
    xc_gate_t              gate = { .operation = NULL };
    xc_header_t            host = { XC_STR("Host"), XC_STR("h") };
    xc_asked_t             fields[3] = { { .field = NULL } };
    const xc_policy_t     *policy = fuzz_policy();
    xc_record_decision_t   in = { .id = XC_STR(ID), .msg = &msg,
                                  .policy = policy, .gate = &gate };
    xc_str_t              *slots[] = {
        &msg.method, &gate.authority, &gate.request.request_no,
        &gate.request.purpose, &gate.request.case_no,
        &gate.request.legal_basis, &gate.request.category,
        &gate.request.region, &gate.request.approval, &gate.content_digest,
        &gate.auth.evidence.signature_input, &gate.auth.evidence.signature,
        &gate.request.window.from, &gate.request.window.to,
        &fields[0].name, &fields[1].name, &fields[2].name, &host.value,
        &msg.client_text, &in.tls, &gate.verdict.detail
    };

    /* the target first: it is what a fuzzer should play with most */
    xc_msg_set_target(&msg, next_string(arena, &rest));

    for (i = 0; i < XC_COUNT(slots); i++) {
        *slots[i] = next_string(arena, &rest);
    }

    for (i = 0; i < XC_COUNT(fields); i++) {
        fields[i].refused = i == 1 ? XC_REASON_NONE : XC_REASON_FIELD_UNKNOWN;
    }

    msg.headers = &host;
    msg.n_headers = 1;
    gate.request.fields = fields;
    gate.request.n_fields = rest.len % 4;
    gate.request.window.present = gate.request.window.to.data != NULL;
    gate.verdict.reason = (flags & FLAG_ALLOW) != 0 ? XC_REASON_NONE
                                                    : XC_REASON_FIELD_UNKNOWN;

    if ((flags & FLAG_AUTHENTICATED) != 0) {
        gate.authenticated = true;
        gate.auth.agency = &policy->agencies[0];
        gate.auth.credential = &policy->agencies[0].credentials[0];
    }

    if ((flags & FLAG_OPERATION) != 0
        && xc_policy_operation(policy, XC_STR("GET"), msg.path,
                               &gate.operation, &gate.captures) == XC_OK)
    {
        FUZZ_CHECK(gate.operation != NULL);
    }

    check_decision(arena, &in, (flags & FLAG_SHORT) != 0 ? 1024
                                                         : XC_RECORD_MAX);
    check_uri(&in);
    check_problem(arena, &gate);
    check_outcome(arena, msg.method, gate.authority);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_heap_t  heap;

    if (size != 0) {
        xc_heap_init(&heap, 0);
        check_all(&heap.arena, data[0],
                  (xc_str_t) { (const char *) data + 1, size - 1 });
        xc_heap_free(&heap);
    }

    return 0;
}
