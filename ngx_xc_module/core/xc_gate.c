#include "xc_gate.h"

#include "xc_ascii.h"


static xc_rc_t
xc_gate_deny(xc_gate_t *gate, xc_reason_t reason, xc_str_t detail,
    xc_str_t detail_zh)
{
    gate->verdict = (xc_verdict_t) { reason, detail, detail_zh };

    return XC_DENIED;
}


/*
 * A stage's own result: what is neither OK nor DENIED refuses too, as does a
 * denial without a reason, which a record would take for an admission.
 */
static xc_rc_t
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


/*
 * A clock that steps back far makes signatures fresh again whose nonces have
 * been evicted; one within the allowed skew is read as the later time.
 */
static xc_rc_t
xc_gate_clock(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, int64_t *now_s)
{
    *now_s = xc_map_clock_s(conf->map, clock->now_s);

    if (*now_s - clock->now_s > conf->policy->max_skew_s) {
        gate->retry_after_s = *now_s - clock->now_s;
        return xc_gate_deny(gate, XC_REASON_STARTING,
                            XC_STR("the platform's clock has stepped back"),
                            XC_STR("平台时钟发生回拨"));
    }

    return XC_OK;
}


static xc_rc_t
xc_gate_credential(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t          rc;
    xc_auth_input_t  in;

    in = (xc_auth_input_t) { conf->policy, msg, gate->authority, now_s, arena };

    rc = xc_auth_verify(&in, &conf->accept, &gate->auth, &gate->verdict.reason,
                        &gate->verdict.detail);

    gate->authenticated = (rc == XC_OK);

    return xc_gate_result(gate, rc);
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
static xc_rc_t
xc_gate_input(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_arena_t *arena, xc_gate_t *gate)
{
    xc_input_t  input = gate->operation->input;

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


xc_rc_t
xc_gate_headers(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    const xc_gate_clock_t *clock, xc_arena_t *arena, xc_gate_t *gate)
{
    int64_t  now_s;
    xc_rc_t  rc;

    *gate = (xc_gate_t) { .operation = NULL };

    rc = xc_msg_joined(msg, arena, XC_STR("content-digest"),
                       &gate->content_digest);
    if (rc != XC_OK && rc != XC_DENIED) {
        return xc_gate_result(gate, rc);
    }

    rc = xc_msg_check(msg, conf->policy, arena, &gate->authority,
                      &gate->verdict.reason, &gate->verdict.detail);
    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    rc = xc_gate_clock(conf, clock, gate, &now_s);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_credential(conf, msg, now_s, arena, gate);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_policy_operation(conf->policy, msg->method, msg->path,
                             &gate->operation, &gate->path_subject);
    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_OPERATION_UNKNOWN, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    return xc_gate_input(conf, msg, arena, gate);
}


static xc_rc_t
xc_gate_digest(const xc_msg_t *msg, xc_str_t body, xc_arena_t *arena,
    xc_gate_t *gate)
{
    xc_rc_t      rc;
    xc_digest_t  digest;

    if (gate->content_digest.data == NULL) {
        /* With a body the signature would have been incomplete. */
        return xc_gate_result(gate, msg->body ? XC_EINTERNAL : XC_OK);
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


static xc_rc_t
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


static xc_rc_t
xc_gate_birth(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate)
{
    int64_t  birth_s, skew_s = conf->policy->max_skew_s;

    birth_s = xc_map_birth_s(conf->map);

    if (birth_s == INT64_MIN || gate->auth.created_s > birth_s + skew_s) {
        return XC_OK;
    }

    gate->retry_after_s = XC_MAX(birth_s + skew_s + 1 - clock->now_s, 1);

    return xc_gate_deny(gate, XC_REASON_STARTING, XC_STR_NONE, XC_STR_NONE);
}


static xc_rc_t
xc_gate_burn(const xc_gate_conf_t *conf, const uint8_t *key, int64_t now_s,
    xc_gate_t *gate)
{
    xc_rc_t             rc;
    const xc_policy_t  *policy = conf->policy;

    rc = xc_nonce_burn(conf->map, key,
                       gate->auth.created_s + policy->max_age_s
                       + policy->max_skew_s, now_s);
    if (rc == XC_OK) {
        gate->nonce_burned = true;
        return XC_OK;
    }

    /* Another worker was faster, or nothing was free: not this agency's cost */
    xc_rate_return(conf->places[gate->auth.agency->index],
                   gate->auth.agency->rate);

    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc == XC_ELIMIT) {
        gate->retry_after_s = policy->max_age_s;
        return xc_gate_deny(gate, XC_REASON_REPLAY_STORE_FULL, XC_STR_NONE,
                            XC_STR_NONE);
    }

    return xc_gate_result(gate, rc);
}


static xc_rc_t
xc_gate_rate(const xc_gate_clock_t *clock, xc_map_agency_t *place,
    xc_gate_t *gate)
{
    xc_rc_t  rc;
    int64_t  retry_us = 0;

    rc = xc_rate_take(place, gate->auth.agency->rate, clock->boot_us,
                      &retry_us);
    if (rc == XC_DENIED) {
        gate->retry_after_s = (retry_us + 999999) / 1000000;
        return xc_gate_deny(gate, XC_REASON_RATE_EXCEEDED, XC_STR_NONE,
                            XC_STR_NONE);
    }

    return xc_gate_result(gate, rc);
}


/* The body may have taken as long as the client liked. */
static xc_rc_t
xc_gate_still_valid(const xc_gate_conf_t *conf, int64_t now_s,
    xc_gate_t *gate)
{
    const xc_auth_t  *auth = &gate->auth;

    if (now_s > auth->created_s + conf->policy->max_age_s
                + conf->policy->max_skew_s
        || now_s > auth->expires_s)
    {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_STALE,
                            XC_STR("the body took too long"),
                            XC_STR("正文传输时间过长"));
    }

    if (now_s >= auth->credential->not_after_s) {
        return xc_gate_deny(gate, XC_REASON_CREDENTIAL_EXPIRED,
                            XC_STR("the credential expired before the body "
                                   "came"),
                            XC_STR("凭证在正文到达前已过期"));
    }

    return XC_OK;
}


/* Nonce seen before? → rate → nonce burned.  A 429 burns no nonce, a replay
 * spends no rate. */
static xc_rc_t
xc_gate_once(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate)
{
    int64_t           now_s;
    uint8_t           key[XC_NONCE_KEY_SIZE];
    xc_rc_t           rc;
    const xc_auth_t  *auth = &gate->auth;
    xc_map_agency_t  *place = conf->places[auth->agency->index];

    if (place == NULL) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_clock(conf, clock, gate, &now_s);
    if (rc == XC_OK) {
        rc = xc_gate_birth(conf, clock, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_still_valid(conf, now_s, gate);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_nonce_key(conf->map, auth->credential->keyid, auth->once, key);
    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    rc = xc_nonce_seen(conf->map, key, now_s);
    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc == XC_OK) {
        rc = xc_gate_rate(clock, place, gate);
    }

    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    return xc_gate_burn(conf, key, now_s, gate);
}


static xc_rc_t
xc_gate_scope(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t  rc;

    if (gate->operation->input == XC_INPUT_BODY) {
        rc = xc_scope_read_body(arena, conf->policy, gate->operation, body,
                                gate->path_subject, &gate->request,
                                &gate->verdict);

    } else {
        rc = xc_scope_read_query(arena, conf->policy, gate->operation,
                                 msg->query, gate->path_subject,
                                 &gate->request, &gate->verdict);
    }

    if (rc == XC_OK) {
        rc = xc_scope_decide(arena, conf->policy, gate->auth.agency,
                             &gate->request, &gate->verdict);
    }

    /* A verdict that names a reason is a refusal, whatever was returned. */
    if (rc == XC_OK && gate->verdict.reason != XC_REASON_NONE) {
        rc = XC_DENIED;
    }

    return xc_gate_result(gate, rc);
}


xc_rc_t
xc_gate_decide(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    const xc_gate_clock_t *clock, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t  rc;

    if (!gate->authenticated || gate->operation == NULL) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_body(conf, msg, body, arena, gate);
    if (rc == XC_OK) {
        rc = xc_gate_once(conf, clock, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_scope(conf, msg, body, arena, gate);
    if (rc != XC_OK) {
        xc_rate_refused(conf->places[gate->auth.agency->index],
                        gate->auth.agency->rate, clock->boot_us);
    }

    return rc;
}
