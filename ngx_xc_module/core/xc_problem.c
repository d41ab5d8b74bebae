#include "xc_problem.h"

#include "xc_time.h"

#define XC_PROBLEM_END  "}\n"


static void
xc_problem_member(xc_buf_t *out, const char *name, xc_str_t value)
{
    xc_buf_char(out, ',');
    xc_buf_json(out, xc_str_z(name));
    xc_buf_char(out, ':');
    xc_buf_json(out, value);
}


/* CONTRACT.md section 4: always there, so that no client tests for it. */
static void
xc_problem_text(xc_buf_t *out, const char *name, xc_str_t value,
    xc_str_t otherwise)
{
    xc_problem_member(out, name, value.len != 0 ? value : otherwise);
}


static void
xc_problem_authenticated(xc_buf_t *out, const xc_gate_t *gate,
    const xc_reason_info_t *info)
{
    xc_buf_t  before;

    xc_problem_member(out, "basis", info->basis == XC_BASIS_LAW
                                    ? XC_STR("law") : XC_STR("platform"));
    xc_problem_member(out, "remedy_zh", info->remedy_zh);

    /* Not all of it was decided. */
    if (gate->verdict.reason == XC_REASON_INTERNAL_ERROR) {
        return;
    }

    before = *out;
    (void) xc_scope_write_refused(out, ",\"fields\":", &gate->request);

    if (out->overflow || out->cap - out->len < sizeof(XC_PROBLEM_END) - 1) {
        *out = before;
    }
}


xc_rc_t
xc_problem_write(xc_buf_t *out, const xc_gate_t *gate, xc_str_t id,
    int64_t now_s)
{
    const xc_reason_info_t  *info = xc_reason_info(gate->verdict.reason);

    xc_buf_z(out, "{\"type\":\"urn:xc:");
    xc_buf_str(out, info->code);
    xc_buf_char(out, '"');
    xc_problem_member(out, "title", info->title);
    xc_problem_member(out, "title_zh", info->title_zh);
    xc_buf_z(out, ",\"status\":");
    xc_buf_u64(out, info->status);

    xc_problem_text(out, "detail", gate->verdict.detail, info->title);
    xc_problem_text(out, "detail_zh", gate->verdict.detail_zh, info->title_zh);

    xc_buf_z(out, ",\"instance\":\"urn:xc:request:");
    xc_buf_str(out, id);
    xc_buf_char(out, '"');
    xc_problem_member(out, "contact", XC_STR(XC_PROBLEM_CONTACT));

    if (gate->verdict.reason == XC_REASON_SIGNATURE_STALE) {
        xc_buf_z(out, ",\"server_time\":\"");
        xc_time_format_s(out, now_s);
        xc_buf_char(out, '"');
    }

    if (info->status == 503) {
        xc_problem_member(out, "retry", XC_STR("new nonce"));
    }

    if (gate->authenticated) {
        xc_problem_authenticated(out, gate, info);
    }

    xc_buf_z(out, XC_PROBLEM_END);

    return out->overflow ? XC_ELIMIT : XC_OK;
}


/* RFC 6750 3: why only where a token came. */
static void
xc_problem_bearer(xc_buf_t *out, xc_reason_t reason)
{
    xc_buf_z(out, "Bearer realm=\"" XC_PROBLEM_REALM "\"");

    if (reason == XC_REASON_TOKEN_INVALID) {
        xc_buf_z(out, ", error=\"invalid_token\"");
    }
}


void
xc_problem_challenge(xc_buf_t *out, xc_scheme_t scheme, xc_reason_t reason)
{
    switch (scheme) {

    case XC_SCHEME_JWT:
        xc_problem_bearer(out, reason);
        break;

    case XC_SCHEME_MTLS:
        xc_buf_z(out, "mTLS realm=\"" XC_PROBLEM_REALM "\"");
        break;

    default:
        xc_buf_z(out, "Signature realm=\"" XC_PROBLEM_REALM "\"");
    }
}


static void
xc_problem_parameter(xc_buf_t *out, const char *name, xc_str_t value)
{
    xc_sfv_bare_t  string = { XC_SFV_STRING, 0, value };

    xc_buf_char(out, ';');
    xc_buf_z(out, name);
    xc_buf_char(out, '=');
    xc_sfv_write_bare(out, &string);
}


void
xc_problem_accept_signature(xc_buf_t *out, const xc_policy_t *policy,
    const xc_msg_t *msg, xc_str_t nonce)
{
    size_t         i, n;
    xc_str_t       required[XC_SIGBASE_REQUIRED_MAX];
    xc_sfv_bare_t  name = { .type = XC_SFV_STRING };

    n = xc_sigbase_required(msg, required);
    xc_buf_z(out, "sig=(");

    for (i = 0; i < n; i++) {
        xc_buf_z(out, i == 0 ? "" : " ");
        name.text = required[i];
        xc_sfv_write_bare(out, &name);
    }

    xc_buf_z(out, ");created");

    if (policy->nonce_required) {
        xc_problem_parameter(out, "nonce", nonce);
    }

    if (policy->tag.len != 0) {
        xc_problem_parameter(out, "tag", policy->tag);
    }
}


typedef struct {
    uint64_t  q;                    /* units, in */
    uint64_t  w;                    /* so many seconds */
} xc_problem_quota_t;


/* Of a budget that the policy's reader kept as an interval alone. */
static xc_problem_quota_t
xc_problem_quota(int64_t interval_us)
{
    uint64_t  interval = (uint64_t) XC_MAX(interval_us, 1);

    return interval <= 1000000
           ? (xc_problem_quota_t) { 1000000 / interval, 1 }
           : (xc_problem_quota_t) { XC_MAX(60000000 / interval, 1), 60 };
}


static void
xc_problem_limit(xc_buf_t *out, xc_limit_t limit, const char *first,
    uint64_t n, const char *second, uint64_t m)
{
    xc_sfv_bare_t  name = { XC_SFV_STRING, 0, xc_limit_name(limit) };

    xc_sfv_write_bare(out, &name);
    xc_buf_z(out, first);
    xc_buf_u64(out, n);
    xc_buf_z(out, second);
    xc_buf_u64(out, m);
}


void
xc_problem_ratelimit_policy(xc_buf_t *out, const xc_gate_limited_t *limited)
{
    const xc_rate_t     *rate = limited->agency->rate;
    xc_problem_quota_t   quota;

    xc_problem_limit(out, XC_LIMIT_RATE, ";q=", rate->requests, ";w=",
                     (uint64_t) rate->per_s);

    if (rate->per_day != 0) {
        xc_buf_z(out, ", ");
        xc_problem_limit(out, XC_LIMIT_PER_DAY, ";q=", rate->per_day, ";w=",
                         86400);
    }

    if (limited->state.refusals_wait_us > 0) {
        quota = xc_problem_quota(rate->refusals_interval_us);
        xc_buf_z(out, ", ");
        xc_problem_limit(out, XC_LIMIT_REFUSALS, ";q=", quota.q, ";w=",
                         quota.w);
    }
}


static uint64_t
xc_problem_seconds(int64_t us)
{
    return (uint64_t) (us / 1000000 + (us % 1000000 > 0));
}


void
xc_problem_ratelimit(xc_buf_t *out, const xc_gate_limited_t *limited)
{
    const xc_rate_t        *rate = limited->agency->rate;
    const xc_rate_state_t  *state = &limited->state;

    xc_problem_limit(out, XC_LIMIT_RATE, ";r=",
                     XC_MIN(state->rate_left, rate->requests), ";t=",
                     xc_problem_seconds(state->rate_left == 0
                                        ? state->rate_wait_us
                                        : state->rate_full_us));

    if (rate->per_day != 0) {
        xc_buf_z(out, ", ");
        xc_problem_limit(out, XC_LIMIT_PER_DAY, ";r=", state->day_left, ";t=",
                         (uint64_t) state->day_reset_s);
    }

    if (state->refusals_wait_us > 0) {
        xc_buf_z(out, ", ");
        xc_problem_limit(out, XC_LIMIT_REFUSALS, ";r=", 0, ";t=",
                         xc_problem_seconds(state->refusals_wait_us));
    }
}
