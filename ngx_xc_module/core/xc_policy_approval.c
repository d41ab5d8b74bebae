/* Approvals that the policy holds (DOMAIN.md row 8). */

#include "xc_policy_load.h"


#define XC_LOAD_APPROVAL_FIELDS     1024
#define XC_LOAD_APPROVAL_SUBJECTS   1024

enum {
    XC_APPROVAL_NO,
    XC_APPROVAL_BY,
    XC_APPROVAL_AGENCY,
    XC_APPROVAL_FIELDS,
    XC_APPROVAL_CASE_NO,
    XC_APPROVAL_REQUEST_NO,
    XC_APPROVAL_SUBJECTS,
    XC_APPROVAL_NOT_BEFORE,
    XC_APPROVAL_NOT_AFTER,
    XC_APPROVAL_COUNT
};


/* A string of a request that keeps the limit and has the form that the
 * policy asks of requests: another could never be named by one. */
static xc_str_t
xc_load_asked(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_pattern_t *pattern)
{
    xc_rc_t   rc;
    xc_str_t  text = xc_load_text(load, at, node,
                                  (size_t) load->policy->limits.string);

    if (text.data == NULL || pattern == NULL) {
        return text;
    }

    rc = xc_pattern_match(pattern, text, NULL);

    if (rc == XC_DENIED) {
        xc_load_fault(load, at, XC_STR_FMT " does not have the form that "
                      "patterns or subject_types ask for",
                      XC_STR_ARG(xc_load_quote(load, text)));

    } else if (rc != XC_OK) {
        xc_load_fail(load, rc);
    }

    return text;
}


/* Sorted by address, for the decision's look-up. */
static void
xc_load_approval_enter(xc_load_t *load, const xc_at_t *at,
    const xc_field_t *field, xc_approval_t *approval)
{
    size_t  i = approval->n_fields;

    while (i != 0 && approval->fields[i - 1] > field) {
        i--;
    }

    if (i != 0 && approval->fields[i - 1] == field) {
        xc_load_fault(load, at, "the field " XC_STR_FMT " is named twice",
                      XC_STR_ARG(field->id));
        return;
    }

    memmove(&approval->fields[i + 1], &approval->fields[i],
            (approval->n_fields - i) * sizeof(xc_field_t *));
    approval->fields[i] = field;
    approval->n_fields++;
}


static void
xc_load_approval_field(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_approval_t *approval)
{
    xc_str_t           id;
    const xc_field_t  *field;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return;
    }

    id = xc_json_string(node);
    field = xc_policy_field(load->policy, id);

    if (field == NULL) {
        if (load->policy->field_index.slots != NULL) {
            xc_load_fault(load, at, "no field " XC_STR_FMT " in fields",
                          XC_STR_ARG(xc_load_quote(load, id)));
        }

        return;
    }

    if (field->standard) {
        xc_load_warn(load, at, XC_STR_FMT " is a standard field, which needs "
                     "no approval", XC_STR_ARG(field->id));
    }

    xc_load_approval_enter(load, at, field, approval);
}


static void
xc_load_approval_fields(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_approval_t *approval)
{
    size_t  i, n = xc_json_size(node);

    if (node == NULL) {
        return;
    }

    if (n == 0 || n > XC_LOAD_APPROVAL_FIELDS) {
        xc_load_fault(load, at, "must name 1 to %d fields, found %zu",
                      XC_LOAD_APPROVAL_FIELDS, n);
        return;
    }

    approval->fields = xc_load_array(load, n, sizeof(xc_field_t *));

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_approval_field(load, XC_AT_I(at, i), xc_json_element(node, i),
                               approval);
    }
}


static const xc_subject_type_t *
xc_load_approval_type(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node)
{
    const xc_subject_type_t  *type;

    type = xc_policy_subject_type(load->policy, xc_json_string(node));

    if (node != NULL && type == NULL) {
        xc_load_fault(load, at, "no subject type " XC_STR_FMT " in "
                      "subject_types",
                      XC_STR_ARG(xc_load_quote(load, xc_json_string(node))));
    }

    return type;
}


static void
xc_load_approval_subject(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_approval_subject_t *list, size_t *n)
{
    size_t                  i;
    const xc_json_t        *v[2];
    xc_approval_subject_t   one;

    static const xc_load_member_t  members[] = {
        XC_MEMBER("type", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("id", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    one.type = xc_load_approval_type(load, XC_AT(at, "type"), v[0]);
    one.id = xc_load_asked(load, XC_AT(at, "id"), v[1],
                           one.type == NULL ? NULL : one.type->pattern);

    if (one.type == NULL || one.id.data == NULL) {
        return;
    }

    if (one.type->check_uscc && !xc_uscc_ok(one.id)) {
        xc_load_fault(load, XC_AT(at, "id"), XC_STR_FMT " is not a unified "
                      "social credit code: 18 characters, the last a check",
                      XC_STR_ARG(xc_load_quote(load, one.id)));
    }

    for (i = 0; i < *n; i++) {
        if (list[i].type == one.type && xc_str_eq(list[i].id, one.id)) {
            xc_load_fault(load, at, "the subject is named twice");
        }
    }

    list[(*n)++] = one;
}


static void
xc_load_approval_subjects(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_approval_t *approval)
{
    size_t                  i, n = xc_json_size(node);
    xc_approval_subject_t  *list;

    if (node == NULL) {
        return;
    }

    if (n == 0 || n > XC_LOAD_APPROVAL_SUBJECTS) {
        xc_load_fault(load, at, "must name 1 to %d subjects, found %zu; leave "
                      "it out where none is meant", XC_LOAD_APPROVAL_SUBJECTS,
                      n);
        return;
    }

    list = xc_load_array(load, n, sizeof(xc_approval_subject_t));
    approval->subjects = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_approval_subject(load, XC_AT_I(at, i),
                                 xc_json_element(node, i), list,
                                 &approval->n_subjects);
    }
}


/*
 * An approval comes from the requester's province-level agency (CONTRACT.md
 * section 2); that of a province is the province itself, and xc_load_parent()
 * has written it so.
 */
static void
xc_load_approval_by(xc_load_t *load, const xc_at_t *at,
    const xc_agency_t *agency, xc_str_t id)
{
    const xc_agency_t  *by = xc_policy_agency(load->policy, id);

    if (by != NULL && by->level != XC_LEVEL_PROVINCE) {
        xc_load_fault(load, at, "the agency " XC_STR_FMT " is not of the level "
                      "province", XC_STR_ARG(id));
        return;
    }

    if (agency != NULL && agency->parent.data != NULL
        && !xc_str_eq(agency->parent, id))
    {
        xc_load_fault(load, at, "an approval for " XC_STR_FMT " comes from its "
                      "province-level agency, " XC_STR_FMT ", not from "
                      XC_STR_FMT, XC_STR_ARG(agency->id),
                      XC_STR_ARG(agency->parent), XC_STR_ARG(id));
    }
}


static void
xc_load_approval_parties(xc_load_t *load, const xc_at_t *at,
    const xc_json_t **v, xc_approval_t *approval)
{
    const xc_agency_t  *agency = NULL;

    approval->by = xc_load_id(load, XC_AT(at, "by"), v[XC_APPROVAL_BY]);
    approval->agency = xc_load_id(load, XC_AT(at, "agency"),
                                  v[XC_APPROVAL_AGENCY]);

    if (approval->agency.data != NULL) {
        agency = xc_policy_agency(load->policy, approval->agency);
    }

    if (approval->agency.data != NULL && agency == NULL
        && load->policy->agency_index.slots != NULL)
    {
        xc_load_fault(load, XC_AT(at, "agency"), "no agency " XC_STR_FMT
                      " in agencies", XC_STR_ARG(approval->agency));
    }

    if (agency != NULL && agency->level == XC_LEVEL_NATIONAL) {
        xc_load_warn(load, XC_AT(at, "agency"), XC_STR_FMT " is of the level "
                     "national and needs no approval",
                     XC_STR_ARG(agency->id));
    }

    if (approval->by.data != NULL) {
        xc_load_approval_by(load, XC_AT(at, "by"), agency, approval->by);
    }
}


/* For what it was given, and for how long. */
static void
xc_load_approval_bounds(xc_load_t *load, const xc_at_t *at,
    const xc_json_t **v, xc_approval_t *approval)
{
    xc_load_span_t              span;
    const xc_pattern_t *const  *patterns = load->policy->patterns;

    if (v[XC_APPROVAL_CASE_NO] == NULL && v[XC_APPROVAL_REQUEST_NO] == NULL
        && v[XC_APPROVAL_SUBJECTS] == NULL)
    {
        xc_load_fault(load, at, "must name at least one of case_no, "
                      "request_no and subjects: an approval is for the case at "
                      "hand");
    }

    approval->case_no = xc_load_asked(load, XC_AT(at, "case_no"),
                                      v[XC_APPROVAL_CASE_NO],
                                      patterns[XC_MEMBER_CASE_NO]);
    approval->request_no = xc_load_asked(load, XC_AT(at, "request_no"),
                                         v[XC_APPROVAL_REQUEST_NO],
                                         patterns[XC_MEMBER_REQUEST_NO]);
    xc_load_approval_subjects(load, XC_AT(at, "subjects"),
                              v[XC_APPROVAL_SUBJECTS], approval);

    span = xc_load_span(load, at, v[XC_APPROVAL_NOT_BEFORE],
                        v[XC_APPROVAL_NOT_AFTER], "the approval",
                        approval->no);
    approval->not_before_s = span.not_before_s;
    approval->not_after_s = span.not_after_s;
}


static void
xc_load_approval(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_approval_t *approval)
{
    const xc_json_t  *v[XC_APPROVAL_COUNT];

    static const xc_load_member_t  members[XC_APPROVAL_COUNT] = {
        XC_MEMBER("no", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("by", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("agency", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("fields", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("case_no", XC_LOAD_STRING),
        XC_MEMBER("request_no", XC_LOAD_STRING),
        XC_MEMBER("subjects", XC_LOAD_ARRAY),
        XC_MEMBER("not_before", XC_LOAD_STRING),
        XC_MEMBER("not_after", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    if (!xc_load_object(load, at, node, members, XC_APPROVAL_COUNT, v)) {
        return;
    }

    approval->no = xc_load_asked(load, XC_AT(at, "no"), v[XC_APPROVAL_NO],
                                 load->policy->patterns[XC_MEMBER_APPROVAL]);
    xc_load_approval_parties(load, at, v, approval);
    xc_load_approval_fields(load, XC_AT(at, "fields"), v[XC_APPROVAL_FIELDS],
                            approval);
    xc_load_approval_bounds(load, at, v, approval);
    xc_load_approval_identity(load, node, approval);
}


void
xc_load_approvals(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t                i, n = xc_json_size(node);
    xc_policy_t          *policy = load->policy;
    xc_approval_t        *list;
    const xc_approval_t  *other;

    if (node == NULL) {
        return;
    }

    list = xc_load_array(load, n, sizeof(xc_approval_t));
    xc_load_index(load, &policy->approval_index, n);
    policy->approvals = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_approval(load, XC_AT_I(at, i), xc_json_element(node, i),
                         &list[i]);
        policy->n_approvals++;

        if (list[i].no.data != NULL
            && !xc_load_enter(load, &policy->approval_index, list[i].no,
                              &list[i]))
        {
            other = xc_policy_approval(policy, list[i].no);
            xc_load_fault(load, XC_AT(XC_AT_I(at, i), "no"), "the number "
                          XC_STR_FMT " is that of approvals[%zu]",
                          XC_STR_ARG(list[i].no), (size_t) (other - list));
        }
    }
}
