#include "xc_gate_impl.h"

#include "xc_revoke.h"


/*
 * The store decides at once what xc_gate_pay() does in steps, and what the
 * decision costs as well: so what is asked is decided before, and kept.
 *
 * What passes is burned on this node too.  A node that joins a fleet, or leaves
 * it, thus knows what it has let through itself.
 */


static void
xc_gate_ask_fill(const xc_gate_conf_t *conf, const xc_gate_t *gate, xc_rc_t rc,
    xc_fleet_ask_t *ask)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    *ask = (xc_fleet_ask_t) {
        .auth = &gate->auth,
        .max_skew_s = xc_gate_birth_skew_s(conf),
        .refusal = rc != XC_OK || gate->verdict.reason != XC_REASON_NONE,
        .observe = gate->observing
                   && gate->operation->kind != XC_OPERATION_CHECK
    };

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n && rc == XC_OK; i++) {
        ask->cost[i] = xc_gate_cost(gate, who[i]);
    }
}


/* Who is over a limit costs the gate no more than on one node. */
static xc_rc_t
xc_gate_known(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    int64_t now_s, xc_gate_t *gate)
{
    size_t              i, n;
    int64_t             wait_us;
    xc_limit_t          limit;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n; i++) {
        if (xc_rate_known(conf->places[who[i]->index], who[i]->rate,
                          clock->boot_us, now_s, &limit, &wait_us)
            != XC_OK)
        {
            return xc_gate_limit(conf, clock, who[i], limit, wait_us, gate);
        }
    }

    return XC_OK;
}


xc_rc_t
xc_gate_ask(const xc_gate_conf_t *conf, const xc_msg_t *msg, xc_str_t body,
    const xc_gate_clock_t *clock, xc_arena_t *arena, xc_gate_t *gate,
    xc_fleet_ask_t *ask)
{
    int64_t         now_s = 0;
    xc_rc_t         rc;
    xc_gate_keys_t  keys;

    if (!gate->authenticated || gate->operation == NULL || !conf->fleet) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_body(conf, msg, body, arena, gate);
    if (rc == XC_OK) {
        rc = xc_gate_ready(conf, clock, gate, &now_s);
    }

    if (rc == XC_OK) {
        rc = xc_gate_seen(conf, now_s, gate, keys);
    }

    if (rc == XC_OK && !gate->observing) {
        rc = xc_gate_known(conf, clock, now_s, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    /* Whatever comes of it: what fails for want of memory costs as much as any
     * refusal, since a body can make it fail. */
    rc = xc_gate_what(conf, msg, body, now_s, arena, gate);

    xc_gate_ask_fill(conf, gate, rc, ask);

    gate->asked_rc = rc;
    gate->asked = gate->verdict;
    gate->observed = false;
    gate->verdict = (xc_verdict_t) { .reason = XC_REASON_NONE };

    return XC_OK;
}


/* A clock that is wrong is the operator's to mend, and no signature's fault. */
static xc_rc_t
xc_gate_stale(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_fleet_answer_t *answer, xc_gate_t *gate)
{
    int64_t  ahead_s = answer->now_s - clock->now_s;

    if (ahead_s > conf->policy->max_skew_s
        || ahead_s < -conf->policy->max_skew_s)
    {
        return xc_gate_deny(gate, XC_REASON_FLEET_UNAVAILABLE,
                            XC_STR("the clocks of the platform's hosts differ"),
                            XC_STR("平台各主机时钟不一致"));
    }

    return xc_gate_deny(gate, XC_REASON_SIGNATURE_STALE, XC_STR_NONE,
                        XC_STR_NONE);
}


static void
xc_gate_learn(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_gate_t *gate, const xc_fleet_answer_t *answer)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n; i++) {
        xc_rate_learn(conf->places[who[i]->index],
                      answer->agencies[i].tat_us,
                      answer->agencies[i].refusals_us,
                      xc_rate_day(answer->now_s),
                      answer->agencies[i].day_used, clock->boot_us);
    }
}


static xc_rc_t
xc_gate_answer(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_fleet_answer_t *answer, xc_gate_t *gate)
{
    size_t              n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    switch (answer->verdict) {

    case XC_FLEET_PASS:
        xc_gate_learn(conf, clock, gate, answer);
        return XC_OK;

    case XC_FLEET_REPLAYED:
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED, XC_STR_NONE,
                            XC_STR_NONE);

    case XC_FLEET_LIMITED:
        if (answer->who >= n) {
            break;
        }

        xc_gate_learn(conf, clock, gate, answer);

        return xc_gate_limit(conf, clock, who[answer->who], answer->limit,
                             answer->wait_us, gate);

    case XC_FLEET_STARTING:
        gate->retry_after_s = (answer->wait_us + 999999) / 1000000;
        return xc_gate_deny(gate, XC_REASON_STARTING, XC_STR_NONE,
                            XC_STR_NONE);

    case XC_FLEET_STALE:
        return xc_gate_stale(conf, clock, answer, gate);

    default:
        break;
    }

    return xc_gate_result(gate, XC_EINTERNAL);
}


/* Nothing that was asked is told of: an answer that costs nothing would be a
 * way to try fields. */
static xc_rc_t
xc_gate_untold(xc_gate_t *gate, xc_rc_t rc)
{
    gate->request = (xc_request_t) { .whole = false };

    return rc;
}


/* A reload may have withdrawn what was found to stand before the store was
 * asked. */
static xc_rc_t
xc_gate_stands_still(const xc_gate_conf_t *conf, xc_gate_t *gate)
{
    const xc_approval_t    *rule = gate->request.approval_rule;
    const xc_credential_t  *key = gate->request.approval_key;

    if (key != NULL
        && !xc_revoke_stands(conf->map, key->identity, conf->generation))
    {
        return xc_gate_deny(gate, XC_REASON_APPROVAL_INVALID,
                            XC_STR("the key of the approval has been "
                                   "withdrawn"),
                            XC_STR("特别批准所用密钥已被撤销"));
    }

    /* without a key it is the policy's */
    if (key == NULL && rule != NULL
        && !xc_revoke_stands(conf->map, rule->identity, conf->generation))
    {
        return xc_gate_deny(gate, XC_REASON_APPROVAL_INVALID,
                            XC_STR("the approval has been withdrawn"),
                            XC_STR("特别批准已被撤销"));
    }

    return xc_gate_standing(conf, gate);
}


xc_rc_t
xc_gate_told(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, const xc_fleet_answer_t *answer)
{
    int64_t         now_s;
    xc_rc_t         rc;
    xc_verdict_t    limit;
    xc_gate_keys_t  keys;

    rc = answer == NULL
         ? xc_gate_deny(gate, XC_REASON_FLEET_UNAVAILABLE, XC_STR_NONE,
                        XC_STR_NONE)
         : xc_gate_answer(conf, clock, answer, gate);

    if (rc != XC_OK && !xc_gate_passes(gate, rc)) {
        return xc_gate_untold(gate, rc);
    }

    limit = gate->verdict;
    now_s = xc_map_clock_s(conf->map, clock->now_s);

    rc = xc_gate_stands_still(conf, gate);
    if (rc == XC_OK) {
        rc = xc_gate_seen(conf, now_s, gate, keys);
    }

    if (rc == XC_OK) {
        rc = xc_gate_burn(conf, keys, now_s, false, gate);
    }

    if (rc != XC_OK) {
        return xc_gate_untold(gate, rc);
    }

    gate->verdict = gate->asked;

    return xc_gate_end(gate, &limit, gate->asked_rc);
}
