#include "xc_sig.h"

#include "xc_buf.h"
#include "xc_time.h"


/* At most 64 bytes of a client's text, for a "%.*s" in a detail. */
#define XC_SIG_SHOWN(s)  (int) XC_MIN((s).len, (size_t) 64), (s).data

/* The one signature of a message that is examined. */
typedef struct {
    const xc_auth_input_t  *in;
    const xc_credential_t  *credential;
    xc_str_t                label;
    const xc_sfv_item_t    *input;      /* components with their parameters */
    xc_str_t                value;
    int64_t                 created_s, expires_s;
    xc_str_t                nonce;
    xc_str_t                unknown;    /* a keyid that is not registered */
    xc_reason_t             reason;     /* set where a check denies */
    xc_str_t                detail;
} xc_sig_t;


static bool
xc_sig_presented(const xc_msg_t *msg)
{
    return xc_msg_header(msg, XC_STR("signature-input"), NULL) != NULL
           || xc_msg_header(msg, XC_STR("signature"), NULL) != NULL;
}


static xc_rc_t
xc_sig_deny(xc_sig_t *sig, xc_reason_t reason, xc_str_t detail)
{
    sig->reason = reason;
    sig->detail = detail;

    return XC_DENIED;
}


static xc_rc_t
xc_sig_deny_about(xc_sig_t *sig, xc_reason_t reason, const char *subject,
    const char *what)
{
    return xc_sig_deny(sig, reason,
                       xc_arena_printf(sig->in->arena, "%s %s", subject, what));
}


/* An absent parameter leaves out alone and *found false. */
static xc_rc_t
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

    return XC_OK;
}


static xc_rc_t
xc_sig_check_complete(xc_sig_t *sig)
{
    char      mem[128];
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


/*
 * Where the policy lets a nonce be left out, the signature base stands for it:
 * unlike the signature it has one spelling, so that no copy counts as new.
 */
static xc_rc_t
xc_sig_once(xc_sig_t *sig, xc_str_t base)
{
    uint8_t  *hash;
    xc_rc_t   rc;

    hash = xc_arena_alloc(sig->in->arena, XC_SHA256_SIZE);
    if (hash == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_hash(XC_HASH_SHA256, base.data, base.len, hash);
    if (rc == XC_OK) {
        sig->nonce = (xc_str_t) { (char *) hash, XC_SHA256_SIZE };
    }

    return rc;
}


static xc_rc_t
xc_sig_check_value(xc_sig_t *sig)
{
    xc_rc_t                 rc;
    xc_str_t                base, component;
    const xc_auth_input_t  *in = sig->in;

    rc = xc_sig_base(in->arena, in->msg, in->authority, sig->input, &base,
                     &component);

    if (rc == XC_DENIED) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           xc_arena_printf(in->arena, "the request has no"
                                           " usable component \"" XC_STR_FMT
                                           "\"", XC_SIG_SHOWN(component)));
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_key_verify(sig->credential->key, base, sig->value);

    if (rc == XC_DENIED) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           XC_STR("the signature does not verify"));
    }

    return rc != XC_OK || sig->nonce.len != 0 ? rc : xc_sig_once(sig, base);
}


static xc_rc_t
xc_sig_check(xc_sig_t *sig)
{
    size_t   i;
    xc_rc_t  rc;

    /* What is cheap comes first: the last one costs a public-key operation. */
    static xc_rc_t (*const  checks[])(xc_sig_t *) = {
        xc_sig_check_created,
        xc_sig_check_nonce,
        xc_sig_check_alg,
        xc_sig_check_components,
        xc_sig_check_complete,
        xc_sig_check_time,
        xc_sig_check_value
    };

    for (i = 0; i < XC_COUNT(checks); i++) {
        rc = checks[i](sig);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return XC_OK;
}


/* One of the two fields, joined and within its limit. */
static xc_rc_t
xc_sig_read_field(xc_sig_t *sig, const char *name, size_t max, xc_str_t *out)
{
    xc_rc_t   rc;
    xc_str_t  text;

    rc = xc_msg_joined(sig->in->msg, sig->in->arena, xc_str_z(name), &text);

    if (rc == XC_DENIED) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INVALID, name,
                                 "is missing");
    }

    if (rc != XC_OK) {
        return rc;
    }

    if (text.len > max) {
        return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                           xc_arena_printf(sig->in->arena,
                                           "%s is over %zu bytes", name, max));
    }

    *out = text;

    return XC_OK;
}


static xc_rc_t
xc_sig_parse_field(xc_sig_t *sig, const char *name, xc_str_t text,
    xc_sfv_list_t *out)
{
    xc_rc_t      rc;
    const char  *fault = NULL;

    rc = xc_sfv_parse_dict(sig->in->arena, text, out);

    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        fault = "is not a dictionary of structured fields";

    } else if (rc != XC_OK) {
        return rc;

    } else if (out->repeated) {
        fault = "names a label twice";

    } else if (out->n == 0) {
        fault = "is empty";

    } else if (out->n > XC_SIG_MAX_LABELS) {
        fault = "holds over 4 labels";
    }

    if (fault == NULL) {
        return XC_OK;
    }

    return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INVALID, name, fault);
}


/* RFC 9421 4.1, 4.2: each label stands in both fields, with an inner list in
 * the one and bytes in the other. */
static xc_rc_t
xc_sig_match_labels(xc_sig_t *sig, const xc_sfv_list_t *inputs,
    const xc_sfv_list_t *values)
{
    size_t                i;
    const xc_sfv_item_t  *value;

    for (i = 0; i < inputs->n; i++) {
        value = xc_sfv_member(values, inputs->members[i].key);

        if (value == NULL || value->bare.type != XC_SFV_BYTES
            || value->n_params != 0
            || inputs->members[i].item.bare.type != XC_SFV_INNER_LIST)
        {
            break;
        }
    }

    if (i == inputs->n && inputs->n == values->n) {
        return XC_OK;
    }

    return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                       XC_STR("Signature-Input and Signature do not hold the"
                              " same labels with a list and bytes each"));
}


/* Has the label the tag that the policy asks for? */
static bool
xc_sig_is_tagged(const xc_policy_t *policy, const xc_sfv_item_t *input)
{
    const xc_sfv_bare_t  *tag;

    if (policy->tag.len == 0) {
        return true;
    }

    tag = xc_sfv_param(input, XC_STR("tag"));

    return tag != NULL && tag->type == XC_SFV_STRING
           && xc_str_eq(tag->text, policy->tag);
}


/*
 * Takes the label over where its key is registered.  A second registered one
 * is refused: only one nonce is burned for a request, so that whoever strips
 * the first signature could send the request again under the second.
 */
static xc_rc_t
xc_sig_take_label(xc_sig_t *sig, const xc_sfv_member_t *label)
{
    bool                    found;
    xc_rc_t                 rc;
    xc_sig_t                other = *sig;
    xc_sfv_bare_t           keyid;
    const xc_credential_t  *credential;

    other.input = &label->item;
    other.label = label->key;

    rc = xc_sig_param(&other, "keyid", XC_SFV_STRING, &found, &keyid);
    if (rc != XC_OK) {
        return xc_sig_deny(sig, other.reason, other.detail);
    }

    if (!found) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE, "keyid",
                                 "is missing");
    }

    credential = xc_policy_keyid(sig->in->policy, keyid.text);

    if (credential == NULL) {
        sig->unknown = keyid.text;
        return XC_OK;
    }

    if (sig->credential == NULL) {
        other.credential = credential;
        *sig = other;
        return XC_OK;
    }

    if (sig->credential->agency != credential->agency) {
        return xc_sig_deny(sig, XC_REASON_CREDENTIAL_CONFLICT,
                           XC_STR("two signatures name different agencies"));
    }

    return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                       XC_STR("more than one signature by a registered key"));
}


/* The one label of a registered key; others are a proxy's, say. */
static xc_rc_t
xc_sig_choose(xc_sig_t *sig, const xc_sfv_list_t *inputs,
    const xc_sfv_list_t *values)
{
    size_t   i, tagged = 0;
    xc_rc_t  rc;

    for (i = 0; i < inputs->n; i++) {
        if (!xc_sig_is_tagged(sig->in->policy, &inputs->members[i].item)) {
            continue;
        }

        tagged++;

        rc = xc_sig_take_label(sig, &inputs->members[i]);
        if (rc != XC_OK) {
            return rc;
        }
    }

    if (tagged == 0) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE, "tag",
                                 "is missing or another");
    }

    if (sig->credential == NULL) {
        return xc_sig_deny(sig, XC_REASON_CREDENTIAL_UNKNOWN,
                           xc_arena_printf(sig->in->arena, "the keyid \""
                                           XC_STR_FMT "\" is not registered",
                                           XC_SIG_SHOWN(sig->unknown)));
    }

    sig->value = xc_sfv_member(values, sig->label)->bare.text;

    return XC_OK;
}


/* What the record needs besides its other members to verify the signature
 * once more.  A signature over more than a line holds could not be proved. */
static xc_rc_t
xc_sig_keep_covered(xc_sig_t *sig, xc_auth_evidence_t *evidence)
{
    xc_rc_t          rc;
    const xc_msg_t  *msg = sig->in->msg;

    rc = xc_sigbase_covered(sig->in->arena, msg, sig->input,
                            msg->target.len > XC_AUTH_URI_MAX
                                              - (sizeof("{subject}") - 1),
                            &evidence->covered, &evidence->n_covered);
    if (rc != XC_ELIMIT) {
        return rc;
    }

    return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                       xc_arena_printf(sig->in->arena, "covered fields are "
                                       "over %d bytes",
                                       XC_SIGBASE_COVERED_MAX));
}


static xc_rc_t
xc_sig_examine(xc_sig_t *sig, xc_auth_evidence_t *evidence)
{
    xc_rc_t        rc;
    xc_sfv_list_t  inputs, values;

    rc = xc_sig_read_field(sig, "Signature-Input", XC_SIG_INPUT_MAX,
                           &evidence->signature_input);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_sig_read_field(sig, "Signature", XC_SIG_SIGNATURE_MAX,
                           &evidence->signature);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_sig_parse_field(sig, "Signature-Input", evidence->signature_input,
                            &inputs);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_sig_parse_field(sig, "Signature", evidence->signature, &values);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_sig_match_labels(sig, &inputs, &values);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_sig_choose(sig, &inputs, &values);
    if (rc != XC_OK) {
        return rc;
    }

    evidence->label = sig->label;

    rc = xc_sig_check(sig);

    return rc != XC_OK ? rc : xc_sig_keep_covered(sig, evidence);
}


static xc_rc_t
xc_sig_verify(const xc_auth_input_t *in, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail)
{
    xc_rc_t   rc;
    xc_sig_t  sig = { .in = in };

    rc = xc_sig_examine(&sig, &auth->evidence);

    if (rc == XC_DENIED) {
        *reason = sig.reason;
        *detail = sig.detail;
    }

    if (rc != XC_OK) {
        return rc;
    }

    auth->credential = sig.credential;
    auth->agency = sig.credential->agency;
    auth->created_s = sig.created_s;
    auth->expires_s = sig.expires_s;
    auth->once = sig.nonce;
    auth->digest_covered = xc_sigbase_covers(sig.input, sig.input->n_items,
                                         XC_STR("content-digest"));

    return XC_OK;
}


const xc_auth_scheme_t  xc_sig_scheme = {
    XC_SCHEME_HTTPSIG,
    xc_sig_presented,
    xc_sig_verify
};
