#include "xc_record_impl.h"


typedef struct {
    char         text[24];              /* `,"name":` */
    size_t       len;
    bool         cuttable;              /* a refusal may leave it out */

    /* Writes the value; false, nothing written: the member is absent. */
    bool       (*write)(xc_buf_t *out, const xc_record_decision_t *in);
} xc_record_member_t;


static bool
xc_record_id(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->id);
}


static bool
xc_record_client(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->msg->client_text);
}


static bool
xc_record_tls(xc_buf_t *out, const xc_record_decision_t *in)
{
    if (in->tls.len == 0) {
        xc_buf_z(out, "null");
        return true;
    }

    return xc_record_string(out, in->tls);
}


static bool
xc_record_method(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->msg->method);
}


static bool
xc_record_host(xc_buf_t *out, const xc_record_decision_t *in)
{
    const xc_header_t  *host;

    if (in->gate->authority.data != NULL) {
        return xc_record_string(out, in->gate->authority);
    }

    host = xc_msg_header(in->msg, XC_STR("host"), NULL);

    return host != NULL && xc_record_string(out, host->value);
}


static bool
xc_record_member_uri(xc_buf_t *out, const xc_record_decision_t *in)
{
    char      mem[XC_RECORD_URI_MAX];
    xc_buf_t  uri;

    xc_buf_init(&uri, mem, sizeof(mem));
    xc_record_uri(&uri, in->policy, in->msg, in->gate);

    return xc_record_string(out, xc_buf_view(&uri));
}


static bool
xc_record_operation(xc_buf_t *out, const xc_record_decision_t *in)
{
    return in->gate->operation != NULL
           && xc_record_string(out, in->gate->operation->id);
}


static bool
xc_record_agency(xc_buf_t *out, const xc_record_decision_t *in)
{
    return in->gate->authenticated
           && xc_record_string(out, in->gate->auth.agency->id);
}


static bool
xc_record_level(xc_buf_t *out, const xc_record_decision_t *in)
{
    return in->gate->authenticated
           && xc_record_string(out,
                               xc_level_name(in->gate->auth.agency->level));
}


static bool
xc_record_content_digest(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->gate->content_digest);
}


static bool
xc_record_signature_input(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->gate->auth.evidence.signature_input);
}


static bool
xc_record_signature(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->gate->auth.evidence.signature);
}


static bool
xc_record_covered(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t                     i;
    const xc_auth_evidence_t  *evidence = &in->gate->auth.evidence;

    if (evidence->n_covered == 0) {
        return false;
    }

    for (i = 0; i < evidence->n_covered; i++) {
        xc_buf_char(out, i == 0 ? '{' : ',');
        xc_buf_json(out, evidence->covered[i].component);
        xc_buf_char(out, ':');
        xc_buf_json(out, evidence->covered[i].value);
    }

    xc_buf_char(out, '}');

    return true;
}


static bool
xc_record_decided(xc_buf_t *out, const xc_record_decision_t *in)
{
    xc_buf_z(out, in->gate->verdict.reason == XC_REASON_NONE ? "\"allow\""
                                                              : "\"deny\"");
    return true;
}


static bool
xc_record_reason(xc_buf_t *out, const xc_record_decision_t *in)
{
    xc_reason_t  reason = in->gate->verdict.reason;

    return reason != XC_REASON_NONE
           && xc_record_string(out, xc_reason_info(reason)->code);
}


/* Which limit, and whose: the agency's, or its intermediary's. */
static bool
xc_record_limit(xc_buf_t *out, const xc_record_decision_t *in)
{
    xc_reason_t               reason = in->gate->verdict.reason;
    const xc_gate_limited_t  *limited = &in->gate->limited;

    if (limited->limit == XC_LIMIT_NONE
        || (reason != XC_REASON_RATE_EXCEEDED
            && reason != XC_REASON_QUOTA_EXCEEDED))
    {
        return false;
    }

    xc_buf_z(out, "{\"agency\":");
    xc_buf_json(out, limited->agency->id);
    xc_buf_z(out, ",\"name\":");
    xc_buf_json(out, xc_limit_name(limited->limit));
    xc_buf_char(out, '}');

    return true;
}


static bool
xc_record_refused(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_scope_write_refused(out, "", &in->gate->request);
}


static bool
xc_record_mode(xc_buf_t *out, const xc_record_decision_t *in)
{
    xc_buf_z(out, in->gate->observed
                  || (in->gate->observing
                      && in->gate->verdict.reason == XC_REASON_NONE)
                  ? "\"observe\"" : "\"enforce\"");

    return true;
}


static bool
xc_record_policy(xc_buf_t *out, const xc_record_decision_t *in)
{
    xc_buf_z(out, "{\"id\":");
    xc_buf_json(out, in->policy->id);
    xc_buf_z(out, ",\"version\":");
    xc_buf_json(out, in->policy->version);
    xc_buf_char(out, '}');

    return true;
}


/* Of a result: the submit that it comes from. */
static bool
xc_record_ref(xc_buf_t *out, const xc_record_decision_t *in)
{
    return xc_record_string(out, in->gate->ref);
}


#define XC_RECORD_MEMBER(name, cuttable, write)                               \
    { ",\"" name "\":", sizeof(",\"" name "\":") - 1, cuttable, write }

static const xc_record_member_t  xc_record_members[] = {
    XC_RECORD_MEMBER("id", false, xc_record_id),
    XC_RECORD_MEMBER("client", false, xc_record_client),
    XC_RECORD_MEMBER("tls", false, xc_record_tls),
    XC_RECORD_MEMBER("method", true, xc_record_method),
    XC_RECORD_MEMBER("host", true, xc_record_host),
    XC_RECORD_MEMBER("uri", true, xc_record_member_uri),
    XC_RECORD_MEMBER("operation", false, xc_record_operation),
    XC_RECORD_MEMBER("agency", false, xc_record_agency),
    XC_RECORD_MEMBER("level", false, xc_record_level),
    XC_RECORD_MEMBER("credential", false, xc_record_credential),
    XC_RECORD_MEMBER("via", false, xc_record_via),
    XC_RECORD_MEMBER("request_no", true, xc_record_request_no),
    XC_RECORD_MEMBER("purpose", true, xc_record_purpose),
    XC_RECORD_MEMBER("urgent", false, xc_record_urgent),
    XC_RECORD_MEMBER("case_no", true, xc_record_case_no),
    XC_RECORD_MEMBER("legal_basis", true, xc_record_legal_basis),
    XC_RECORD_MEMBER("officers", true, xc_record_officers),
    XC_RECORD_MEMBER("fields", true, xc_record_fields),
    XC_RECORD_MEMBER("approval", true, xc_record_approval),
    XC_RECORD_MEMBER("approval_token", false, xc_record_approval_token),
    XC_RECORD_MEMBER("subjects", true, xc_record_subjects),
    XC_RECORD_MEMBER("window", true, xc_record_window),
    XC_RECORD_MEMBER("category", true, xc_record_category),
    XC_RECORD_MEMBER("region", true, xc_record_region),
    XC_RECORD_MEMBER("sweep", false, xc_record_sweep),
    XC_RECORD_MEMBER("content_digest", true, xc_record_content_digest),
    XC_RECORD_MEMBER("signature_input", true, xc_record_signature_input),
    XC_RECORD_MEMBER("signature", true, xc_record_signature),
    XC_RECORD_MEMBER("certificate", false, xc_record_certificate),
    XC_RECORD_MEMBER("token", false, xc_record_token),
    XC_RECORD_MEMBER("covered", true, xc_record_covered),
    XC_RECORD_MEMBER("decision", false, xc_record_decided),
    XC_RECORD_MEMBER("reason", false, xc_record_reason),
    XC_RECORD_MEMBER("limit", false, xc_record_limit),
    XC_RECORD_MEMBER("refused", true, xc_record_refused),
    XC_RECORD_MEMBER("mode", false, xc_record_mode),
    XC_RECORD_MEMBER("policy", false, xc_record_policy),
    XC_RECORD_MEMBER("ref", false, xc_record_ref),
};

typedef char xc_record_mask_fits[XC_COUNT(xc_record_members) <= 64 ? 1 : -1];


static void
xc_record_cut(xc_buf_t *out, uint64_t cut)
{
    bool    any = false;
    size_t  i;

    for (i = 0; i < XC_COUNT(xc_record_members); i++) {
        if (cut & (uint64_t) 1 << i) {
            xc_buf_z(out, any ? "," : ",\"cut\":[");
            xc_buf_bytes(out, xc_record_members[i].text + 1,
                         xc_record_members[i].len - 2);
            any = true;
        }
    }

    if (any) {
        xc_buf_char(out, ']');
    }
}


/* A member's name and value; nothing where it is absent. */
static void
xc_record_write_member(xc_buf_t *out, const xc_record_decision_t *in,
    const xc_record_member_t *member)
{
    size_t  start = out->len;

    /* all of it, if it fits: a copy of fixed size takes no call */
    if (out->cap - out->len >= sizeof(member->text)) {
        memcpy(out->data + out->len, member->text, sizeof(member->text));
        out->len += member->len;

    } else {
        xc_buf_bytes(out, member->text, member->len);
    }

    if (!member->write(out, in)) {
        out->len = start;
    }
}


static void
xc_record_write(xc_buf_t *out, const xc_record_decision_t *in, uint64_t cut)
{
    size_t  i;

    xc_buf_z(out, "\"event\":\"decision\"");

    for (i = 0; i < XC_COUNT(xc_record_members); i++) {
        if ((cut & (uint64_t) 1 << i) == 0) {
            xc_record_write_member(out, in, &xc_record_members[i]);
        }
    }

    xc_record_cut(out, cut);
}


/*
 * The longest of the members that may be left out and have not been, by
 * writing each alone into memory that holds nothing by now;
 * XC_COUNT(xc_record_members): there is none.
 */
static size_t
xc_record_longest(const xc_buf_t *start, const xc_record_decision_t *in,
    uint64_t cut)
{
    size_t    i, size, most = 0, longest = XC_COUNT(xc_record_members);
    xc_buf_t  out;

    for (i = 0; i < XC_COUNT(xc_record_members); i++) {
        if (!xc_record_members[i].cuttable || (cut & (uint64_t) 1 << i) != 0) {
            continue;
        }

        out = *start;
        xc_record_write_member(&out, in, &xc_record_members[i]);
        size = out.overflow ? SIZE_MAX : out.len - start->len;

        if (size > most) {
            most = size;
            longest = i;
        }
    }

    return longest;
}


xc_rc_t
xc_record_decision(xc_buf_t *out, const xc_record_decision_t *in)
{
    size_t    longest;
    uint64_t  cut = 0;
    xc_buf_t  start = *out;

    for ( ;; ) {
        *out = start;
        xc_record_write(out, in, cut);

        if (!out->overflow) {
            return XC_OK;
        }

        longest = in->gate->verdict.reason == XC_REASON_NONE
                  || in->gate->observed
                  ? XC_COUNT(xc_record_members)
                  : xc_record_longest(&start, in, cut);

        if (longest == XC_COUNT(xc_record_members)) {
            return XC_ELIMIT;
        }

        cut |= (uint64_t) 1 << longest;
    }
}
