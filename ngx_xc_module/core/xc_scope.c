#include "xc_scope_tell.h"


/* A reason is a bit of xc_scope_case_t.faults. */
typedef char xc_scope_faults_fit[XC_REASON_COUNT <= 64 ? 1 : -1];


/* Groups that an agency has for requests about subjects. */
static uint64_t
xc_scope_plain(const xc_agency_t *agency, int64_t now_s)
{
    size_t                    i;
    uint64_t                  groups = agency->groups;
    const xc_agency_grant_t  *held;

    for (i = 0; i < agency->n_grants; i++) {
        held = &agency->grants[i];

        if (!held->grant->sweep && now_s < held->not_after_s) {
            groups |= held->grant->groups;
        }
    }

    return groups;
}


/*
 * Groups that it may sweep (DOMAIN.md row 4): SAMR, and provinces by SAMR's
 * authorisation, which the grant names.  Whatever a policy grants, nobody below
 * may.
 */
static uint64_t
xc_scope_swept(const xc_agency_t *agency, int64_t now_s, xc_sweep_t *why)
{
    size_t                    i;
    uint64_t                  groups = 0;
    const xc_agency_grant_t  *held;

    *why = XC_SWEEP_NO_GRANT;

    for (i = 0; i < agency->n_grants; i++) {
        held = &agency->grants[i];

        if (!held->grant->sweep || now_s >= held->not_after_s
            || agency->level < XC_LEVEL_PROVINCE)
        {
            continue;
        }

        if (agency->level == XC_LEVEL_PROVINCE && held->authority_no.len == 0) {
            *why = XC_SWEEP_NO_AUTHORITY;
            continue;
        }

        groups |= held->grant->groups;
    }

    if (groups != 0) {
        *why = XC_SWEEP_ALLOWED;
    }

    return groups;
}


static void
xc_scope_groups(xc_scope_case_t *c)
{
    uint64_t    swept;
    xc_sweep_t  why;

    c->own = xc_scope_plain(c->agency, c->now_s);
    c->plain = c->own;

    if (c->request->sweep) {
        c->swept = xc_scope_swept(c->agency, c->now_s, &c->sweep);
    }

    if (c->via == NULL) {
        return;
    }

    c->plain &= xc_scope_plain(c->via, c->now_s);

    if (c->request->sweep) {
        swept = xc_scope_swept(c->via, c->now_s, &why);
        c->swept &= swept;

        if (c->sweep == XC_SWEEP_ALLOWED && swept == 0) {
            c->sweep = XC_SWEEP_NOT_VIA;
        }
    }
}


/* Of a group, as DOMAIN.md rows 4 and 6 have it; NONE: granted. */
static xc_reason_t
xc_scope_decide_group(const xc_scope_case_t *c, unsigned group)
{
    bool  plain = (c->plain & 1ull << group) != 0;

    if (!c->request->sweep || c->sweep != XC_SWEEP_ALLOWED) {
        return plain ? XC_REASON_NONE : XC_REASON_FIELD_NOT_GRANTED;
    }

    if ((c->swept & 1ull << group) != 0) {
        return XC_REASON_NONE;
    }

    return plain ? XC_REASON_SWEEP_NOT_AUTHORIZED : XC_REASON_FIELD_NOT_GRANTED;
}


/* By the rules of DOMAIN.md rows 4 and 6 to 8; NONE: granted, if the sweep
 * is. */
static xc_reason_t
xc_scope_decide_alone(const xc_scope_case_t *c, const xc_field_t *field)
{
    xc_reason_t  reason;

    if (field == NULL) {
        return XC_REASON_FIELD_UNKNOWN;
    }

    reason = xc_scope_decide_group(c, field->group);

    if (reason != XC_REASON_NONE || field->standard
        || c->agency->level == XC_LEVEL_NATIONAL)
    {
        return reason;
    }

    if (!c->approval) {
        return XC_REASON_APPROVAL_REQUIRED;
    }

    return c->fit == XC_APPROVAL_HOLDS
           && xc_approval_covers(c->request->approval_rule, field)
           ? XC_REASON_NONE : XC_REASON_APPROVAL_INVALID;
}


/*
 * A sweep that may not be made grants no field, since `observe` lets it go on
 * (DOMAIN.md row 4).  What is wrong with the field besides is told first.
 */
static xc_reason_t
xc_scope_decide_field(const xc_scope_case_t *c, const xc_field_t *field)
{
    xc_reason_t  reason = xc_scope_decide_alone(c, field);

    if (reason == XC_REASON_NONE && c->request->sweep
        && c->sweep != XC_SWEEP_ALLOWED)
    {
        return XC_REASON_SWEEP_NOT_AUTHORIZED;
    }

    return reason;
}


static void
xc_scope_fault(xc_scope_case_t *c, xc_reason_t reason)
{
    if (reason != XC_REASON_NONE) {
        c->faults |= 1ull << reason;
    }
}


static void
xc_scope_decide_fields(xc_scope_case_t *c)
{
    size_t       i;
    xc_asked_t  *asked;

    for (i = 0; i < c->request->n_fields; i++) {
        asked = &c->request->fields[i];
        asked->refused = xc_scope_decide_field(c, asked->field);
        asked->remedy_zh = XC_STR("");
        xc_scope_fault(c, asked->refused);
    }
}


static void
xc_scope_decide_rest(xc_scope_case_t *c)
{
    const xc_request_t  *request = c->request;

    /* An operation that is observed goes on behind this. */
    if (request->purpose_rule == NULL) {
        xc_scope_fault(c, XC_REASON_PURPOSE_NOT_ALLOWED);
    }

    /* Needed or not, one that is named must hold. */
    if (c->approval && c->fit != XC_APPROVAL_HOLDS) {
        xc_scope_fault(c, XC_REASON_APPROVAL_INVALID);
    }

    if (!request->sweep) {
        xc_scope_fault(c, request->n_subjects == 0
                          ? XC_REASON_SUBJECT_REQUIRED : XC_REASON_NONE);

    } else if (c->sweep != XC_SWEEP_ALLOWED) {
        xc_scope_fault(c, XC_REASON_SWEEP_NOT_AUTHORIZED);
    }
}


/* A token that does not hold leaves no rule. */
static void
xc_scope_approval(xc_scope_case_t *c)
{
    xc_request_t  *request = c->request;

    c->approval = request->approval.data != NULL
                  || request->approval_token.data != NULL;

    c->fit = request->token_fault != NULL
             ? XC_APPROVAL_UNKNOWN
             : xc_approval_fit(request->approval_rule, c->agency, request,
                               c->now_s);

    request->approval_holds = (c->fit == XC_APPROVAL_HOLDS);
}


/* "within the fields step in this table's order" (CONTRACT.md section 4) */
static xc_reason_t
xc_scope_first(uint64_t faults)
{
    int  reason;

    for (reason = 1; reason < XC_REASON_COUNT; reason++) {
        if ((faults & 1ull << reason) != 0) {
            return (xc_reason_t) reason;
        }
    }

    return XC_REASON_NONE;
}


xc_rc_t
xc_scope_decide(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_agency_t *agency, const xc_agency_t *via, int64_t now_s,
    xc_request_t *request, xc_verdict_t *verdict)
{
    xc_rc_t          rc;
    xc_verdict_t     found = { XC_REASON_NONE, XC_STR(""), XC_STR("") };
    xc_scope_case_t  c = { .arena = arena, .policy = policy, .agency = agency,
                           .via = via, .request = request, .now_s = now_s };

    xc_scope_groups(&c);
    xc_scope_approval(&c);
    xc_scope_decide_fields(&c);
    xc_scope_decide_rest(&c);

    found.reason = xc_scope_first(c.faults);

    if (found.reason != XC_REASON_NONE) {
        rc = xc_scope_tell(&c, &found);
        if (rc == XC_OK) {
            rc = xc_scope_remedy(&c);
        }

        if (rc != XC_OK) {
            return rc;
        }
    }

    *verdict = found;

    return found.reason == XC_REASON_NONE ? XC_OK : XC_DENIED;
}
