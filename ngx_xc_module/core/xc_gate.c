#include "xc_gate_impl.h"

#include "xc_approval_token.h"


static xc_rc_t
xc_gate_credential(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t          rc;
    xc_auth_input_t  in;

    in = (xc_auth_input_t) { conf->policy, msg, gate->authority, now_s, arena };

    rc = xc_auth_verify(&in, &conf->accept, &gate->auth, &gate->verdict.reason,
                        &gate->verdict.detail);

    /* Nobody is authenticated, so that no remedy is told: but an intermediary
     * who sends the wrong field needs to know what to send. */
    if (gate->verdict.reason == XC_REASON_BEHALF_NOT_ALLOWED) {
        gate->verdict.detail_zh =
            xc_reason_info(XC_REASON_BEHALF_NOT_ALLOWED)->remedy_zh;
    }

    if (rc == XC_OK) {
        rc = xc_gate_standing(conf, gate);
    }

    gate->authenticated = (rc == XC_OK);

    return xc_gate_result(gate, rc);
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
                             &gate->operation, &gate->captures);
    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_OPERATION_UNKNOWN, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    return xc_gate_input(conf, msg, arena, gate);
}


/* What `observe` records and lets go on (CONTRACT.md section 1, xc): with what
 * was read whole. */
static bool
xc_gate_observable(const xc_gate_t *gate)
{
    switch (gate->verdict.reason) {

    case XC_REASON_RATE_EXCEEDED:
    case XC_REASON_QUOTA_EXCEEDED:
        return true;

    case XC_REASON_PURPOSE_NOT_ALLOWED:
    case XC_REASON_FIELD_UNKNOWN:
    case XC_REASON_FIELD_NOT_GRANTED:
    case XC_REASON_APPROVAL_REQUIRED:
    case XC_REASON_APPROVAL_INVALID:
    case XC_REASON_SWEEP_NOT_AUTHORIZED:
    case XC_REASON_SUBJECT_REQUIRED:
        return gate->request.whole;

    default:
        return false;
    }
}


bool
xc_gate_passes(const xc_gate_t *gate, xc_rc_t rc)
{
    return rc == XC_DENIED && gate->observing
           && gate->operation->kind != XC_OPERATION_CHECK
           && xc_gate_observable(gate);
}


xc_rc_t
xc_gate_approval(const xc_gate_conf_t *conf, int64_t now_s, xc_arena_t *arena,
    xc_gate_t *gate)
{
    xc_approval_in_t  in;

    in = (xc_approval_in_t) {
        arena, conf->policy, gate->auth.agency, gate->authority, conf->map,
        conf->generation, now_s
    };

    return xc_approval_resolve(&in, &gate->request);
}


/* Was a request read whole that is refused for its purpose alone? */
static bool
xc_gate_purpose_only(const xc_gate_t *gate, xc_rc_t rc)
{
    return rc == XC_DENIED && gate->request.whole
           && gate->verdict.reason == XC_REASON_PURPOSE_NOT_ALLOWED;
}


/* What is asked: in the body, in the query, or by the ticket of a submit. */
static xc_rc_t
xc_gate_read(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t  rc, found;

    if (gate->operation->kind == XC_OPERATION_RESULT) {
        return xc_gate_result_read(conf, msg, now_s, arena, gate);
    }

    if (gate->operation->input == XC_INPUT_BODY) {
        rc = xc_scope_read_body(arena, conf->policy, gate->operation, body,
                                gate->captures.subject, &gate->request,
                                &gate->verdict);

    } else {
        rc = xc_scope_read_query(arena, conf->policy, gate->operation,
                                 msg->query, gate->captures.subject,
                                 &gate->request, &gate->verdict);
    }

    if (rc == XC_OK || xc_gate_purpose_only(gate, rc)) {
        found = xc_gate_approval(conf, now_s, arena, gate);
        rc = found == XC_OK ? rc : found;
    }

    return rc;
}


static xc_rc_t
xc_gate_scope(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t       rc, decided;
    xc_verdict_t  found = { XC_REASON_NONE, XC_STR_NONE, XC_STR_NONE };

    rc = xc_gate_read(conf, msg, body, now_s, arena, gate);

    /* Fields are decided behind a purpose, too, in every mode: their faults are
     * told with it, and where it is only observed they limit what is granted.
     * What the reader says of the purpose is more to the point. */
    if (rc == XC_OK || xc_gate_purpose_only(gate, rc)) {
        decided = xc_scope_decide(arena, conf->policy, gate->auth.agency,
                                  gate->auth.via, now_s, &gate->request,
                                  &found);

        if (rc == XC_OK) {
            gate->verdict = found;
        }

        rc = decided == XC_OK ? rc : decided;
    }

    /* A verdict that names a reason is a refusal, whatever was returned. */
    if (rc == XC_OK && gate->verdict.reason != XC_REASON_NONE) {
        rc = XC_DENIED;
    }

    return xc_gate_result(gate, rc);
}


/*
 * The verdict stays the first refusal, and one that can't be observed ends what
 * was let go on under it, so that `observe` never lets pass what `enforce`
 * would refuse for something else as well.
 */
xc_rc_t
xc_gate_what(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t       rc;
    xc_verdict_t  scope;

    rc = xc_gate_scope(conf, msg, body, now_s, arena, gate);
    rc = xc_gate_passes(gate, rc) ? XC_OK : rc;
    xc_gate_result_forget(gate);

    if (rc != XC_OK) {
        return rc;
    }

    scope = gate->verdict;
    rc = xc_gate_ticket_fits(conf, now_s, arena, gate);

    return xc_gate_end(gate, &scope, rc);
}


xc_rc_t
xc_gate_end(xc_gate_t *gate, const xc_verdict_t *first, xc_rc_t rc)
{
    if (first->reason != XC_REASON_NONE && (rc == XC_OK || rc == XC_DENIED)) {
        gate->verdict = *first;
    }

    gate->observed = rc == XC_OK && gate->verdict.reason != XC_REASON_NONE;

    return rc;
}


xc_rc_t
xc_gate_decide(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    const xc_gate_clock_t *clock, xc_arena_t *arena, xc_gate_t *gate)
{
    int64_t       now_s = 0;
    xc_rc_t       rc;
    xc_verdict_t  limit;

    if (!gate->authenticated || gate->operation == NULL || conf->fleet) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_body(conf, msg, body, arena, gate);
    if (rc == XC_OK) {
        rc = xc_gate_ready(conf, clock, gate, &now_s);
    }

    if (rc == XC_OK) {
        rc = xc_gate_pay(conf, clock, now_s, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    limit = gate->verdict;
    gate->verdict.reason = XC_REASON_NONE;

    rc = xc_gate_what(conf, msg, body, xc_map_clock_s(conf->map, now_s), arena,
                      gate);
    rc = xc_gate_end(gate, &limit, rc);

    /* What came over a limit is free, as a 429 is. */
    if (limit.reason == XC_REASON_NONE) {
        xc_gate_spend(conf, clock, gate, rc);
    }

    return rc;
}
