#include "xc_sig_check.h"

#include "xc_buf.h"
#include "xc_time.h"


xc_rc_t
xc_sig_deny(xc_sig_t *sig, xc_reason_t reason, xc_str_t detail)
{
    sig->reason = reason;
    sig->detail = detail;

    return XC_DENIED;
}


xc_rc_t
xc_sig_deny_about(xc_sig_t *sig, xc_reason_t reason, const char *subject,
    const char *what)
{
    return xc_sig_deny(sig, reason,
                       xc_arena_printf(sig->in->arena, "%s %s", subject, what));
}


xc_rc_t
xc_sig_param(xc_sig_t *sig, const char *name, xc_sfv_type_t type, bool *found,
    xc_sfv_bare_t *out)
{
    const xc_sfv_bare_t  *param;

    param = xc_sfv_param(sig->input, xc_str_z(name));

    *found = param != NULL;
    if (param == NULL) {
        return XC_OK;
    }

    if (param->type != type) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INVALID, name,
                                 type == XC_SFV_INTEGER
                                 ? "is not an integer" : "is not a string");
    }

    *out = *param;

    return XC_OK;
}


static xc_rc_t
xc_sig_check_nonce(xc_sig_t *sig)
{
    bool           found;
    xc_rc_t        rc;
    xc_sfv_bare_t  nonce;

    rc = xc_sig_param(sig, "nonce", XC_SFV_STRING, &found, &nonce);
    if (rc != XC_OK) {
        return rc;
    }

    if (!found && !sig->in->policy->nonce_required) {
        return XC_OK;
    }

    if (!found || nonce.text.len == 0) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE, "nonce",
                                 "is missing");
    }

    if (nonce.text.len > XC_SIG_NONCE_MAX) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INVALID, "nonce",
                                 "is over 128 bytes");
    }

    sig->nonce = nonce.text;

    return XC_OK;
}


/* The algorithm is the credential's; a signature may only repeat it. */
static xc_rc_t
xc_sig_check_alg(xc_sig_t *sig)
{
    bool           found;
    xc_rc_t        rc;
    xc_sfv_bare_t  alg;

    rc = xc_sig_param(sig, "alg", XC_SFV_STRING, &found, &alg);
    if (rc != XC_OK) {
        return rc;
    }

    if (found && !xc_str_eq(alg.text, xc_alg_name(sig->credential->alg))) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INVALID, "alg",
                                 "is not the credential's algorithm");
    }

    return XC_OK;
}


static xc_rc_t
xc_sig_check_created(xc_sig_t *sig)
{
    bool           found;
    xc_rc_t        rc;
    xc_sfv_bare_t  created;

    rc = xc_sig_param(sig, "created", XC_SFV_INTEGER, &found, &created);
    if (rc != XC_OK) {
        return rc;
    }

    if (!found) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE,
                                 "created", "is missing");
    }

    sig->created_s = created.number;

    return XC_OK;
}


static xc_rc_t
xc_sig_check_components(xc_sig_t *sig)
{
    size_t       i;
    xc_str_t     name;
    const char  *fault;

    if (sig->input->n_items > XC_SIGBASE_MAX) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           xc_arena_printf(sig->in->arena,
                                           "over %d components are covered",
                                           XC_SIGBASE_MAX));
    }

    for (i = 0; i < sig->input->n_items; i++) {
        fault = xc_sigbase_fault(sig->input, i);

        if (fault != NULL) {
            name = sig->input->items[i].bare.text;
            return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                               xc_arena_printf(sig->in->arena,
                                               "the component \"" XC_STR_FMT
                                               "\" %s", XC_SIG_SHOWN(name),
                                               fault));
        }
    }

    *sig->scans += xc_sigbase_scans(sig->in->msg, sig->input);

    if (*sig->scans > XC_SIGBASE_SCANS_MAX) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           xc_arena_printf(sig->in->arena, "components with "
                                           "parameters read over %d octets",
                                           XC_SIGBASE_SCANS_MAX));
    }

    return XC_OK;
}


static xc_rc_t
xc_sig_check_complete(xc_sig_t *sig)
{
    char      mem[192];
    size_t    i, n;
    xc_buf_t  missing;
    xc_str_t  required[XC_SIGBASE_REQUIRED_MAX];

    n = xc_sigbase_required(sig->in->msg, required);
    xc_buf_init(&missing, mem, sizeof(mem));

    for (i = 0; i < n; i++) {
        if (!xc_sigbase_covers(sig->input, sig->input->n_items, required[i])) {
            xc_buf_char(&missing, ' ');
            xc_buf_str(&missing, required[i]);
        }
    }

    if (missing.len == 0) {
        return XC_OK;
    }

    return xc_sig_deny(sig, XC_REASON_SIGNATURE_INCOMPLETE,
                       xc_arena_printf(sig->in->arena, "not covered:"
                                       XC_STR_FMT,
                                       XC_STR_ARG(xc_buf_view(&missing))));
}


static xc_rc_t
xc_sig_deny_stale(xc_sig_t *sig, const char *what)
{
    char      mem[32];
    xc_buf_t  now;

    xc_buf_init(&now, mem, sizeof(mem));
    xc_time_format_s(&now, sig->in->now_s);

    return xc_sig_deny(sig, XC_REASON_SIGNATURE_STALE,
                       xc_arena_printf(sig->in->arena, "%s; the server's time"
                                       " is " XC_STR_FMT, what,
                                       XC_STR_ARG(xc_buf_view(&now))));
}


/* No sum overflows: a structured field's integer has at most 15 digits. */
static xc_rc_t
xc_sig_check_time(xc_sig_t *sig)
{
    bool                found;
    int64_t             now_s = sig->in->now_s;
    xc_rc_t             rc;
    xc_sfv_bare_t       expires;
    const xc_policy_t  *policy = sig->in->policy;

    rc = xc_sig_param(sig, "expires", XC_SFV_INTEGER, &found, &expires);
    if (rc != XC_OK) {
        return rc;
    }

    if (sig->created_s > now_s + policy->max_skew_s) {
        return xc_sig_deny_stale(sig, "created lies in the future");
    }

    if (sig->created_s + policy->max_age_s < now_s) {
        return xc_sig_deny_stale(sig, "created lies too far back");
    }

    if (found && expires.number < now_s) {
        return xc_sig_deny_stale(sig, "expires has passed");
    }

    sig->expires_s = found ? expires.number : INT64_MAX;

    return XC_OK;
}


xc_rc_t
xc_sig_check(xc_sig_t *sig)
{
    size_t   i;
    xc_rc_t  rc;

    static xc_rc_t (*const  checks[])(xc_sig_t *) = {
        xc_sig_check_created,
        xc_sig_check_nonce,
        xc_sig_check_alg,
        xc_sig_check_components,
        xc_sig_check_complete,
        xc_sig_check_time
    };

    for (i = 0; i < XC_COUNT(checks); i++) {
        rc = checks[i](sig);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return XC_OK;
}


/*
 * Where the policy lets a nonce be left out, the signature base stands for it:
 * unlike the signature it has one spelling, so that no copy counts as new.
 */
static xc_rc_t
xc_sig_name_once(xc_sig_t *sig)
{
    uint8_t  *hash;
    xc_rc_t   rc;

    hash = xc_arena_alloc(sig->in->arena, XC_SHA256_SIZE);
    if (hash == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_hash(XC_HASH_SHA256, sig->base.data, sig->base.len, hash);
    if (rc == XC_OK) {
        sig->nonce = (xc_str_t) { (char *) hash, XC_SHA256_SIZE };
    }

    return rc;
}


xc_rc_t
xc_sig_make_base(xc_sig_t *sig)
{
    xc_rc_t                 rc;
    xc_str_t                component;
    const xc_auth_input_t  *in = sig->in;

    rc = xc_sig_base(in->arena, in->msg, in->authority, sig->input,
                     &sig->base, &component);

    if (rc == XC_DENIED) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           xc_arena_printf(in->arena, "the request has no"
                                           " usable component \"" XC_STR_FMT
                                           "\"", XC_SIG_SHOWN(component)));
    }

    return rc != XC_OK || sig->nonce.len != 0 ? rc : xc_sig_name_once(sig);
}


xc_rc_t
xc_sig_check_value(xc_sig_t *sig)
{
    xc_rc_t  rc;

    rc = xc_key_verify(sig->credential->key, sig->base, sig->value);

    return rc != XC_DENIED ? rc
           : xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                         XC_STR("the signature does not verify"));
}
