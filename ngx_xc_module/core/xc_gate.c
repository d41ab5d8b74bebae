#include "xc_gate_impl.h"

#include "xc_revoke.h"


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


/* Has a later load withdrawn a credential?  Workers of an earlier one go on
 * serving what was begun with them, and what comes over old connections. */
static xc_rc_t
xc_gate_standing(const xc_gate_conf_t *conf, xc_gate_t *gate)
{
    size_t            i;
    const xc_auth_t  *auth = &gate->auth;

    for (i = 0; i < auth->n_credentials; i++) {
        if (!xc_revoke_stands(conf->map, auth->credentials[i]->identity,
                              conf->generation))
        {
            return xc_gate_deny(gate, XC_REASON_CREDENTIAL_UNKNOWN,
                                XC_STR("the credential has been withdrawn"),
                                XC_STR("凭证已被撤销"));
        }
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
xc_gate_birth(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate)
{
    size_t   i;
    int64_t  birth_s, skew_s = conf->policy->max_skew_s;

    birth_s = xc_map_birth_s(conf->map);

    for (i = 0; birth_s != INT64_MIN && i < gate->auth.n_once; i++) {
        if (gate->auth.once[i].created_s > birth_s + skew_s) {
            continue;
        }

        gate->retry_after_s = XC_MAX(birth_s + skew_s + 1 - clock->now_s, 1);

        return xc_gate_deny(gate, XC_REASON_STARTING, XC_STR_NONE,
                            XC_STR_NONE);
    }

    return XC_OK;
}


typedef uint8_t  xc_gate_keys_t[XC_AUTH_ONCE_MAX][XC_NONCE_KEY_SIZE];


/* The keys of what may pass once, and has it passed? */
static xc_rc_t
xc_gate_seen(const xc_gate_conf_t *conf, int64_t now_s, const xc_auth_t *auth,
    xc_gate_keys_t keys)
{
    size_t   i;
    xc_rc_t  rc;

    for (i = 0; i < auth->n_once; i++) {
        rc = xc_nonce_key(conf->map, auth->once[i].keyid, auth->once[i].value,
                          keys[i]);
        if (rc == XC_OK) {
            rc = xc_nonce_seen(conf->map, keys[i], now_s);
        }

        if (rc != XC_OK) {
            return rc;
        }
    }

    return XC_OK;
}


/* Are there places for all whom the request counts against? */
static bool
xc_gate_has_places(const xc_gate_conf_t *conf, const xc_auth_t *auth)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n; i++) {
        if (conf->places[who[i]->index] == NULL) {
            return false;
        }
    }

    return true;
}


/* What the first max of them have paid. */
static void
xc_gate_return(const xc_gate_conf_t *conf, const xc_auth_t *auth, size_t max)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n && i < max; i++) {
        xc_rate_return(conf->places[who[i]->index], who[i]->rate);
    }
}


static void
xc_gate_refused(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_auth_t *auth)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n; i++) {
        xc_rate_refused(conf->places[who[i]->index], who[i]->rate,
                        clock->boot_us);
    }
}


static xc_rc_t
xc_gate_burn(const xc_gate_conf_t *conf, const xc_gate_keys_t keys,
    int64_t now_s, xc_gate_t *gate)
{
    size_t              i;
    xc_rc_t             rc = XC_OK;
    const xc_policy_t  *policy = conf->policy;

    for (i = 0; i < gate->auth.n_once && rc == XC_OK; i++) {
        rc = xc_nonce_burn(conf->map, keys[i], gate->auth.once[i].expires_s,
                           now_s);
    }

    if (rc == XC_OK) {
        gate->nonce_burned = gate->auth.n_once != 0;
        return XC_OK;
    }

    /* Another worker was faster, or nothing was free: not their cost. */
    xc_gate_return(conf, &gate->auth, XC_AUTH_AGENCIES_MAX);

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


/* All pay, or none does. */
static xc_rc_t
xc_gate_rate(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate)
{
    size_t              i, n;
    xc_rc_t             rc = XC_OK;
    int64_t             retry_us = 0;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n; i++) {
        rc = xc_rate_take(conf->places[who[i]->index], who[i]->rate,
                          clock->boot_us, &retry_us);
        if (rc != XC_OK) {
            break;
        }
    }

    if (rc == XC_OK) {
        return XC_OK;
    }

    xc_gate_return(conf, &gate->auth, i);

    if (rc != XC_DENIED) {
        return xc_gate_result(gate, rc);
    }

    gate->retry_after_s = (retry_us + 999999) / 1000000;

    if (who[i] == gate->auth.via) {
        return xc_gate_deny(gate, XC_REASON_RATE_EXCEEDED,
                            XC_STR("the intermediary's rate is exceeded"),
                            XC_STR("代提交方的请求过于频繁"));
    }

    return xc_gate_deny(gate, XC_REASON_RATE_EXCEEDED, XC_STR_NONE,
                        XC_STR_NONE);
}


/* The body may have taken as long as the client liked. */
static xc_rc_t
xc_gate_still_valid(int64_t now_s, xc_gate_t *gate)
{
    size_t            i;
    const xc_auth_t  *auth = &gate->auth;

    if (now_s > auth->expires_s) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_STALE,
                            XC_STR("the body took too long"),
                            XC_STR("正文传输时间过长"));
    }

    for (i = 0; i < auth->n_credentials; i++) {
        if (now_s >= auth->credentials[i]->not_after_s) {
            return xc_gate_deny(gate, XC_REASON_CREDENTIAL_EXPIRED,
                                XC_STR("the credential expired before the "
                                       "body came"),
                                XC_STR("凭证在正文到达前已过期"));
        }
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
    xc_rc_t           rc;
    xc_gate_keys_t    keys;
    const xc_auth_t  *auth = &gate->auth;

    if (!xc_gate_has_places(conf, auth)) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_clock(conf, clock, gate, &now_s);
    if (rc == XC_OK) {
        rc = xc_gate_birth(conf, clock, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_still_valid(now_s, gate);
    if (rc == XC_OK) {
        rc = xc_gate_standing(conf, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_seen(conf, now_s, auth, keys);
    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc == XC_OK) {
        rc = xc_gate_rate(conf, clock, gate);
    }

    if (rc != XC_OK) {
        return xc_gate_result(gate, rc);
    }

    return xc_gate_burn(conf, keys, now_s, gate);
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
                             gate->auth.via, &gate->request, &gate->verdict);
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
        xc_gate_refused(conf, clock, &gate->auth);
    }

    return rc;
}
