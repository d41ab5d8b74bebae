#include "xc_sig_check.h"


/* The signatures of a message that are looked at, in the order of arrival. */
typedef struct {
    xc_sig_t   list[XC_SIG_MAX_LABELS];
    size_t     n;
    size_t     scans;                   /* of all of them */
    xc_str_t   unknown;                 /* a keyid that is not registered */
    bool       anonymous;               /* a signature has no keyid */
} xc_sigs_t;


static bool
xc_sig_presented(const xc_msg_t *msg)
{
    return xc_msg_header(msg, XC_STR("signature-input"), NULL) != NULL
           || xc_msg_header(msg, XC_STR("signature"), NULL) != NULL;
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


/* Takes the label in where its key is registered. */
static xc_rc_t
xc_sig_take_label(xc_sig_t *sig, const xc_sfv_member_t *label,
    const xc_sfv_list_t *values, xc_sigs_t *sigs)
{
    bool                    found;
    xc_rc_t                 rc;
    xc_sfv_bare_t           keyid;
    const xc_credential_t  *credential;

    sig->input = &label->item;

    rc = xc_sig_param(sig, "keyid", XC_SFV_STRING, &found, &keyid);
    if (rc != XC_OK) {
        return rc;
    }

    if (!found) {
        sigs->anonymous = true;
        return XC_OK;
    }

    credential = xc_policy_keyid(sig->in->policy, keyid.text);

    if (credential == NULL) {
        sigs->unknown = keyid.text;
        return XC_OK;
    }

    if (sigs->n != 0 && sigs->list[0].credential->agency != credential->agency)
    {
        return xc_sig_deny(sig, XC_REASON_CREDENTIAL_CONFLICT,
                           XC_STR("two signatures name different agencies"));
    }

    sigs->list[sigs->n++] = (xc_sig_t) {
        .in = sig->in,
        .credential = credential,
        .label = label->key,
        .input = &label->item,
        .scans = &sigs->scans,
        .value = xc_sfv_member(values, label->key)->bare.text
    };

    return XC_OK;
}


/* All that bear the policy's tag and a registered key; others are a proxy's,
 * say. */
static xc_rc_t
xc_sig_choose(xc_sig_t *sig, const xc_sfv_list_t *inputs,
    const xc_sfv_list_t *values, xc_sigs_t *sigs)
{
    size_t   i, tagged = 0;
    xc_rc_t  rc;

    for (i = 0; i < inputs->n; i++) {
        if (!xc_sig_is_tagged(sig->in->policy, &inputs->members[i].item)) {
            continue;
        }

        tagged++;

        rc = xc_sig_take_label(sig, &inputs->members[i], values, sigs);
        if (rc != XC_OK) {
            return rc;
        }
    }

    if (sigs->n != 0) {
        return XC_OK;
    }

    if (tagged == 0) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE, "tag",
                                 "is missing or another");
    }

    if (sigs->anonymous) {
        return xc_sig_deny_about(sig, XC_REASON_SIGNATURE_INCOMPLETE, "keyid",
                                 "is missing");
    }

    return xc_sig_deny(sig, XC_REASON_CREDENTIAL_UNKNOWN,
                       xc_arena_printf(sig->in->arena, "the keyid \""
                                       XC_STR_FMT "\" is not registered",
                                       XC_SIG_SHOWN(sigs->unknown)));
}


/* Parses both fields and finds the signatures that count. */
static xc_rc_t
xc_sig_find(xc_sig_t *sig, xc_auth_evidence_t *evidence, xc_sigs_t *sigs)
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

    return rc == XC_OK ? xc_sig_choose(sig, &inputs, &values, sigs) : rc;
}


/*
 * One nonce stands for one signature: else whoever strips one of two could
 * send the request again under the other.
 */
static xc_rc_t
xc_sig_check_once(xc_sigs_t *sigs, size_t i)
{
    size_t     j;
    xc_sig_t  *sig = &sigs->list[i], *other;

    for (j = 0; j < i; j++) {
        other = &sigs->list[j];

        if (other->credential == sig->credential
            && xc_str_eq(other->nonce, sig->nonce))
        {
            return xc_sig_deny(sig, XC_REASON_SIGNATURE_INVALID,
                               XC_STR("two signatures of one key have the same"
                                      " nonce"));
        }
    }

    return XC_OK;
}


/* Each step for all signatures before the next: no public-key operation for a
 * message that fails a cheaper check.  *failed: the one that denies. */
static xc_rc_t
xc_sig_check_all(xc_sigs_t *sigs, xc_sig_t **failed)
{
    size_t   i, step;
    xc_rc_t  rc = XC_OK;

    static xc_rc_t (*const  steps[])(xc_sig_t *) = {
        xc_sig_check,
        xc_sig_make_base,
        xc_sig_check_value
    };

    for (step = 0; step < XC_COUNT(steps); step++) {
        for (i = 0; i < sigs->n; i++) {
            *failed = &sigs->list[i];

            rc = steps[step](&sigs->list[i]);

            if (rc == XC_OK && steps[step] == xc_sig_make_base) {
                rc = xc_sig_check_once(sigs, i);
            }

            if (rc != XC_OK) {
                return rc;
            }
        }
    }

    return XC_OK;
}


/* What the record needs besides its other members to verify the signatures
 * once more.  Over more than a line holds they could not be proved. */
static xc_rc_t
xc_sig_keep_covered(xc_sig_t *sig, const xc_sigs_t *sigs,
    xc_auth_evidence_t *evidence)
{
    size_t                i;
    xc_rc_t               rc;
    const xc_msg_t       *msg = sig->in->msg;
    const xc_sfv_item_t  *inputs[XC_SIG_MAX_LABELS];

    for (i = 0; i < sigs->n; i++) {
        inputs[i] = sigs->list[i].input;
    }

    rc = xc_sigbase_covered(sig->in->arena, msg, inputs, sigs->n,
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


/* sig takes the reason where nothing is admitted. */
static xc_rc_t
xc_sig_examine(xc_sig_t *sig, xc_auth_evidence_t *evidence, xc_sigs_t *sigs)
{
    xc_rc_t    rc;
    xc_sig_t  *failed = sig;

    rc = xc_sig_find(sig, evidence, sigs);
    if (rc != XC_OK) {
        return rc;
    }

    evidence->label = sigs->list[0].label;

    rc = xc_sig_check_all(sigs, &failed);

    if (rc == XC_DENIED) {
        return xc_sig_deny(sig, failed->reason, failed->detail);
    }

    return rc == XC_OK ? xc_sig_keep_covered(sig, sigs, evidence) : rc;
}


/* A credential that signed twice is one, with two things that pass once. */
static bool
xc_sig_is_added(const xc_auth_t *auth, const xc_credential_t *credential)
{
    size_t  i;

    for (i = 0; i < auth->n_credentials; i++) {
        if (auth->credentials[i] == credential) {
            return true;
        }
    }

    return false;
}


static xc_rc_t
xc_sig_admit(const xc_sig_t *sig, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail)
{
    xc_rc_t             rc;
    xc_once_t           once;
    const xc_policy_t  *policy = sig->in->policy;

    if (!xc_sig_is_added(auth, sig->credential)) {
        rc = xc_auth_add(auth, sig->credential, reason, detail);
        if (rc != XC_OK) {
            return rc;
        }
    }

    once = (xc_once_t) {
        sig->credential->keyid, sig->nonce, sig->created_s,
        sig->created_s + policy->max_age_s + policy->max_skew_s,
        true
    };

    auth->expires_s = XC_MIN(auth->expires_s, sig->expires_s);
    auth->expires_s = XC_MIN(auth->expires_s, once.expires_s);

    return xc_auth_once(auth, &once);
}


static xc_rc_t
xc_sig_verify(const xc_auth_input_t *in, xc_auth_t *auth, xc_reason_t *reason,
    xc_str_t *detail)
{
    size_t     i;
    xc_rc_t    rc;
    xc_sig_t   sig = { .in = in };
    xc_sigs_t  sigs = { .n = 0 };

    rc = xc_sig_examine(&sig, &auth->evidence, &sigs);

    if (rc == XC_DENIED) {
        *reason = sig.reason;
        *detail = sig.detail;
    }

    for (i = 0; rc == XC_OK && i < sigs.n; i++) {
        rc = xc_sig_admit(&sigs.list[i], auth, reason, detail);
    }

    return rc;
}


const xc_auth_scheme_t  xc_sig_scheme = {
    XC_SCHEME_HTTPSIG,
    xc_sig_presented,
    xc_sig_verify
};
