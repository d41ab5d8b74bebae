#include "xc_gate_impl.h"

#include "xc_ascii.h"


xc_rc_t
xc_gate_deny(xc_gate_t *gate, xc_reason_t reason, xc_str_t detail,
    xc_str_t detail_zh)
{
    gate->verdict = (xc_verdict_t) { reason, detail, detail_zh };

    return XC_DENIED;
}


xc_rc_t
xc_gate_result(xc_gate_t *gate, xc_rc_t rc)
{
    if (rc == XC_OK
        || (rc == XC_DENIED && gate->verdict.reason != XC_REASON_NONE))
    {
        return rc;
    }

    gate->verdict = (xc_verdict_t) { XC_REASON_INTERNAL_ERROR, XC_STR_NONE,
                                     XC_STR_NONE };

    return rc == XC_DENIED ? XC_EINTERNAL : rc;
}


/* RFC 9110 8.3: application/json, at most with charset=utf-8. */
static bool
xc_gate_type_ok(xc_str_t type)
{
    size_t    i;
    xc_str_t  parameter;

    for (i = 0; i < type.len && type.data[i] != ';'; i++) { /* void */ }

    parameter = (xc_str_t) { type.data + i, type.len - i };
    type.len = i;

    if (!xc_ascii_ieq(xc_ascii_trim(type), XC_STR("application/json"))) {
        return false;
    }

    if (parameter.len == 0) {
        return true;
    }

    parameter = xc_ascii_trim((xc_str_t) { parameter.data + 1,
                                           parameter.len - 1 });

    return xc_ascii_ieq(parameter, XC_STR("charset=utf-8"))
           || xc_ascii_ieq(parameter, XC_STR("charset=\"utf-8\""));
}


void
xc_gate_too_large(const xc_gate_conf_t *conf, xc_arena_t *arena,
    xc_gate_t *gate)
{
    unsigned long long  max = conf->body_max;

    gate->verdict = (xc_verdict_t) {
        XC_REASON_BODY_TOO_LARGE,
        xc_arena_printf(arena, "the limit is %llu octets", max),
        xc_arena_printf(arena, "上限为 %llu 字节", max)
    };
}


static xc_rc_t
xc_gate_length(const xc_gate_conf_t *conf, uint64_t length, xc_arena_t *arena,
    xc_gate_t *gate)
{
    if (length <= conf->body_max) {
        return XC_OK;
    }

    xc_gate_too_large(conf, arena, gate);

    return XC_DENIED;
}


static xc_rc_t
xc_gate_type(const xc_msg_t *msg, bool needed, xc_gate_t *gate)
{
    size_t              n;
    const xc_header_t  *type, *encoding;

    type = xc_msg_header(msg, XC_STR("content-type"), &n);

    if (type == NULL ? needed : n != 1 || !xc_gate_type_ok(type->value)) {
        return xc_gate_deny(gate, XC_REASON_MEDIA_TYPE_UNSUPPORTED,
                            XC_STR("Content-Type: application/json is needed, "
                                   "with charset=utf-8 or nothing"),
                            XC_STR("须为 Content-Type: application/json，"
                                   "可带 charset=utf-8"));
    }

    encoding = xc_msg_header(msg, XC_STR("content-encoding"), &n);
    if (encoding != NULL
        && (n != 1 || !xc_ascii_ieq(encoding->value, XC_STR("identity"))))
    {
        return xc_gate_deny(gate, XC_REASON_MEDIA_TYPE_UNSUPPORTED,
                            XC_STR("Content-Encoding is not accepted"),
                            XC_STR("不接受 Content-Encoding"));
    }

    return XC_OK;
}


/* Length, then type: of an operation that takes a body. */
static xc_rc_t
xc_gate_body_headers(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t  rc;

    if (!msg->body) {
        return xc_gate_deny(gate, XC_REASON_BODY_MISSING, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (msg->content_length > 0) {
        rc = xc_gate_length(conf, (uint64_t) msg->content_length, arena, gate);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return xc_gate_type(msg, true, gate);
}


/* The back end must not get a query or a body that nobody here reads. */
xc_rc_t
xc_gate_input(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_arena_t *arena, xc_gate_t *gate)
{
    xc_input_t  input = gate->operation->input;

    if (gate->operation->kind != XC_OPERATION_RESULT
        && xc_msg_header(msg, XC_STR("xc-request"), NULL) != NULL)
    {
        return xc_gate_deny(gate, XC_REASON_REQUEST_INVALID,
                            XC_STR("XC-Request belongs to an operation that "
                                   "asks for a result"),
                            XC_STR("XC-Request 仅用于领取协查结果的操作"));
    }

    if (input != XC_INPUT_QUERY && msg->has_query) {
        return xc_gate_deny(gate, XC_REASON_REQUEST_INVALID,
                            XC_STR("this operation takes no query string"),
                            XC_STR("此项操作不接受查询串"));
    }

    if (input == XC_INPUT_BODY) {
        return xc_gate_body_headers(conf, msg, arena, gate);
    }

    if (msg->body) {
        return xc_gate_deny(gate, XC_REASON_REQUEST_INVALID,
                            XC_STR("this operation takes no body"),
                            XC_STR("此项操作不接受请求正文"));
    }

    /* Passed on without being signed, so nothing but the one value. */
    return xc_gate_type(msg, false, gate);
}


static xc_rc_t
xc_gate_digest(const xc_msg_t *msg, xc_str_t body, xc_arena_t *arena,
    xc_gate_t *gate)
{
    xc_rc_t      rc;
    xc_digest_t  digest;

    if (gate->content_digest.data == NULL) {
        /* A signature would have been incomplete without; where there is none,
         * the connection vouches for the body. */
        return xc_gate_result(gate, msg->body && xc_auth_is_signed(&gate->auth)
                                    ? XC_EINTERNAL : XC_OK);
    }

    if (gate->content_digest.len > XC_GATE_DIGEST_MAX) {
        return xc_gate_deny(gate, XC_REASON_DIGEST_MISMATCH,
                   xc_arena_printf(arena, "Content-Digest is over %d octets",
                                   XC_GATE_DIGEST_MAX),
                   xc_arena_printf(arena, "Content-Digest 超过 %d 字节",
                                   XC_GATE_DIGEST_MAX));
    }

    rc = xc_digest_parse(arena, gate->content_digest, &digest);

    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        return xc_gate_deny(gate, XC_REASON_DIGEST_MISMATCH,
                            XC_STR("Content-Digest is not sha-256 or sha-512 "
                                   "as RFC 9530 writes it"),
                            XC_STR("Content-Digest 不是 RFC 9530 规定的 "
                                   "sha-256 或 sha-512"));
    }

    if (rc == XC_OK) {
        rc = xc_digest_check(&digest, body);
    }

    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_DIGEST_MISMATCH, XC_STR_NONE,
                            XC_STR_NONE);
    }

    return xc_gate_result(gate, rc);
}


xc_rc_t
xc_gate_body(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t  rc;

    /* What was not announced is neither signed nor read by anybody here. */
    if (!msg->body && body.len != 0) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    if (msg->body && body.len == 0) {
        return xc_gate_deny(gate, XC_REASON_BODY_MISSING, XC_STR_NONE,
                            XC_STR_NONE);
    }

    rc = xc_gate_length(conf, body.len, arena, gate);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_gate_digest(msg, body, arena, gate);
}
