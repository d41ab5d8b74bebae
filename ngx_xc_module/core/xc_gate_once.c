#include "xc_gate_impl.h"

#include "xc_revoke.h"


/* The longest window fits the map's. */
typedef char xc_gate_window_fits[XC_POLICY_AGE_MAX + XC_POLICY_SKEW_MAX
                                 <= XC_MAP_WINDOW_MAX ? 1 : -1];


int64_t
xc_gate_birth_skew_s(const xc_gate_conf_t *conf)
{
    return XC_MAX(conf->policy->max_skew_s, conf->birth_skew_s);
}


static xc_rc_t
xc_gate_birth(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate)
{
    size_t   i;
    int64_t  birth_s, skew_s = xc_gate_birth_skew_s(conf);

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


xc_rc_t
xc_gate_seen(const xc_gate_conf_t *conf, int64_t now_s, xc_gate_t *gate,
    xc_gate_keys_t keys)
{
    size_t            i;
    xc_rc_t           rc;
    const xc_auth_t  *auth = &gate->auth;

    for (i = 0; i < auth->n_once; i++) {
        rc = xc_nonce_key(conf->map, auth->once[i].keyid, auth->once[i].value,
                          keys[i]);
        if (rc == XC_OK) {
            rc = xc_nonce_seen(conf->map, keys[i], now_s);
        }

        if (rc == XC_DENIED) {
            return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED,
                                XC_STR_NONE, XC_STR_NONE);
        }

        if (rc != XC_OK) {
            return xc_gate_result(gate, rc);
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
xc_gate_return(const xc_gate_conf_t *conf, const xc_auth_t *auth, size_t max,
    int64_t now_s)
{
    size_t              i, n;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n && i < max; i++) {
        xc_rate_return(conf->places[who[i]->index], who[i]->rate, now_s);
    }
}


/* Every gate on this map would know it, and every later load's. */
static int64_t
xc_gate_kept_s(const xc_map_t *map, const xc_once_t *once)
{
    return !once->windowed ? once->expires_s
           : XC_MAX(once->expires_s,
                    xc_map_window_kept_s(map, once->created_s));
}


xc_rc_t
xc_gate_limit(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_agency_t *who, xc_limit_t limit, int64_t wait_us,
    xc_gate_t *gate)
{
    bool         via = who == gate->auth.via;
    xc_reason_t  reason = limit == XC_LIMIT_PER_DAY
                          ? XC_REASON_QUOTA_EXCEEDED : XC_REASON_RATE_EXCEEDED;

    gate->retry_after_s = (wait_us + 999999) / 1000000;
    gate->limited.limit = limit;
    gate->limited.agency = who;
    xc_rate_state(conf->places[who->index], who->rate, clock->boot_us,
                  xc_map_clock_s(conf->map, clock->now_s),
                  &gate->limited.state);

    if (via && limit == XC_LIMIT_PER_DAY) {
        return xc_gate_deny(gate, reason,
                            XC_STR("the intermediary's quota is spent"),
                            XC_STR("代提交方的当日配额已用尽"));
    }

    if (via) {
        return xc_gate_deny(gate, reason,
                            XC_STR("the intermediary's rate is exceeded"),
                            XC_STR("代提交方的请求过于频繁"));
    }

    if (limit == XC_LIMIT_REFUSALS) {
        return xc_gate_deny(gate, reason,
                            XC_STR("too many requests have been refused"),
                            XC_STR("被拒绝的请求过多"));
    }

    return xc_gate_deny(gate, reason, XC_STR_NONE, XC_STR_NONE);
}


/* All pay, or none does. */
static xc_rc_t
xc_gate_rate(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    int64_t now_s, xc_gate_t *gate)
{
    size_t              i, n;
    xc_rc_t             rc = XC_OK;
    int64_t             wait_us = 0;
    xc_limit_t          limit = XC_LIMIT_NONE;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n; i++) {
        rc = xc_rate_take(conf->places[who[i]->index], who[i]->rate,
                          clock->boot_us, now_s, &limit, &wait_us);
        if (rc != XC_OK) {
            break;
        }
    }

    if (rc == XC_OK) {
        return XC_OK;
    }

    xc_gate_return(conf, &gate->auth, i, now_s);

    return rc == XC_DENIED
           ? xc_gate_limit(conf, clock, who[i], limit, wait_us, gate)
           : xc_gate_result(gate, rc);
}


/* Is the store sure to know a signature of before the window grew? */
static bool
xc_gate_remembered(const xc_gate_conf_t *conf, int64_t now_s,
    const xc_auth_t *auth)
{
    size_t  i;

    for (i = 0; i < auth->n_once; i++) {
        if (auth->once[i].windowed
            && now_s > xc_map_window_last_s(conf->map, auth->once[i].created_s))
        {
            return false;
        }
    }

    return true;
}


/* The body may have taken as long as the client liked. */
static xc_rc_t
xc_gate_still_valid(const xc_gate_conf_t *conf, int64_t now_s, xc_gate_t *gate)
{
    size_t            i;
    const xc_auth_t  *auth = &gate->auth;

    if (now_s > auth->expires_s) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_STALE,
                            XC_STR("the body took too long"),
                            XC_STR("正文传输时间过长"));
    }

    if (!xc_gate_remembered(conf, now_s, auth)) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_STALE,
                            XC_STR("created lies too far back: the window has "
                                   "grown since, for later signatures"),
                            XC_STR("签名时间过早：有效时间窗口此后才放宽"));
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


/* What becomes of a request of which not everything could be burned. */
static xc_rc_t
xc_gate_unburned(const xc_gate_conf_t *conf, xc_gate_t *gate, xc_rc_t rc)
{
    /* An observed one over a limit: that came first. */
    if (gate->verdict.reason != XC_REASON_NONE
        && (rc == XC_DENIED || rc == XC_ELIMIT))
    {
        return XC_DENIED;
    }

    if (rc == XC_DENIED) {
        return xc_gate_deny(gate, XC_REASON_SIGNATURE_REPLAYED, XC_STR_NONE,
                            XC_STR_NONE);
    }

    if (rc == XC_ELIMIT) {
        gate->retry_after_s = conf->policy->max_age_s;
        return xc_gate_deny(gate, XC_REASON_REPLAY_STORE_FULL, XC_STR_NONE,
                            XC_STR_NONE);
    }

    return xc_gate_result(gate, rc);
}


xc_rc_t
xc_gate_burn(const xc_gate_conf_t *conf, const xc_gate_keys_t keys,
    int64_t now_s, bool paid, xc_gate_t *gate)
{
    size_t   i;
    xc_rc_t  rc = XC_OK;

    for (i = 0; i < gate->auth.n_once && rc == XC_OK; i++) {
        rc = xc_nonce_burn(conf->map, keys[i],
                           xc_gate_kept_s(conf->map, &gate->auth.once[i]),
                           now_s);
    }

    if (rc == XC_OK) {
        gate->nonce_burned = gate->auth.n_once != 0;
        return xc_gate_still_valid(conf, xc_map_clock_s(conf->map, now_s),
                                   gate);
    }

    /* Another worker was faster, or nothing was free: not their cost. */
    if (paid) {
        xc_gate_return(conf, &gate->auth, XC_AUTH_AGENCIES_MAX, now_s);
    }

    return xc_gate_unburned(conf, gate, rc);
}


/*
 * Nonce seen before? → rate → nonce burned.  A 429 burns no nonce, a replay
 * spends no rate.  What goes on over a limit is not debited, and burns one:
 * else it could come again and again.
 */
xc_rc_t
xc_gate_pay(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    int64_t now_s, xc_gate_t *gate)
{
    xc_rc_t         rc;
    xc_gate_keys_t  keys;

    rc = xc_gate_seen(conf, now_s, gate, keys);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_gate_rate(conf, clock, now_s, gate);

    if (rc != XC_OK && !xc_gate_passes(gate, rc)) {
        return rc;
    }

    return xc_gate_burn(conf, keys, now_s, rc == XC_OK, gate);
}


xc_rc_t
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


xc_rc_t
xc_gate_standing(const xc_gate_conf_t *conf, xc_gate_t *gate)
{
    size_t              i, n;
    const xc_auth_t    *auth = &gate->auth;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    for (i = 0; i < auth->n_credentials; i++) {
        if (!xc_revoke_stands(conf->map, auth->credentials[i]->identity,
                              conf->generation))
        {
            return xc_gate_deny(gate, XC_REASON_CREDENTIAL_UNKNOWN,
                                XC_STR("the credential has been withdrawn"),
                                XC_STR("凭证已被撤销"));
        }
    }

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n; i++) {
        if (!xc_revoke_stands(conf->map, who[i]->identity, conf->generation)) {
            return xc_gate_deny(gate, XC_REASON_CREDENTIAL_UNKNOWN,
                                XC_STR("the agency has been withdrawn, or "
                                       "registered anew"),
                                XC_STR("机关已被撤销或重新登记"));
        }
    }

    return XC_OK;
}


xc_rc_t
xc_gate_ready(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    xc_gate_t *gate, int64_t *now_s)
{
    xc_rc_t  rc;

    if (!xc_gate_has_places(conf, &gate->auth)) {
        return xc_gate_result(gate, XC_EINTERNAL);
    }

    rc = xc_gate_clock(conf, clock, gate, now_s);
    if (rc == XC_OK) {
        rc = xc_gate_birth(conf, clock, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    /* By the latest time seen: a clock that steps back reopens nothing. */
    gate->observing = *now_s < conf->observe_until_s;

    rc = xc_gate_still_valid(conf, *now_s, gate);

    return rc == XC_OK ? xc_gate_standing(conf, gate) : rc;
}


uint64_t
xc_gate_cost(const xc_gate_t *gate, const xc_agency_t *agency)
{
    return gate->operation->kind == XC_OPERATION_CHECK ? 0
           : xc_rate_cost(agency->rate, gate->request.n_subjects,
                          gate->request.n_fields);
}


/* A refusal, observed or not, spends the refusals budget; what goes on pays
 * for what it gets. */
void
xc_gate_spend(const xc_gate_conf_t *conf, const xc_gate_clock_t *clock,
    const xc_gate_t *gate, xc_rc_t rc)
{
    size_t              i, n;
    int64_t             now_s = xc_map_clock_s(conf->map, clock->now_s);
    xc_map_agency_t    *place;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&gate->auth, who);

    for (i = 0; i < n; i++) {
        place = conf->places[who[i]->index];

        if (rc != XC_OK || gate->observed) {
            xc_rate_refused(place, who[i]->rate, clock->boot_us);
        }

        if (rc == XC_OK) {
            xc_rate_debit(place, who[i]->rate, xc_gate_cost(gate, who[i]),
                          clock->boot_us, now_s);
        }
    }
}
