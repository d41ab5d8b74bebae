#include "xc_approval.h"


xc_str_t
xc_approval_by(const xc_agency_t *agency)
{
    return agency->level < XC_LEVEL_PROVINCE ? agency->parent : agency->id;
}


/* data NULL: the approval names none, which matches all. */
static bool
xc_approval_is(xc_str_t named, xc_str_t asked)
{
    return named.data == NULL
           || (asked.data != NULL && xc_str_eq(named, asked));
}


static bool
xc_approval_has_subject(const xc_approval_t *approval,
    const xc_subject_t *subject)
{
    size_t  i;

    for (i = 0; i < approval->n_subjects; i++) {
        if (approval->subjects[i].type == subject->type
            && xc_str_eq(approval->subjects[i].id, subject->id))
        {
            return true;
        }
    }

    return false;
}


/* A sweep reaches beyond any subjects, also beyond those that it names. */
static bool
xc_approval_has_subjects(const xc_approval_t *approval,
    const xc_request_t *request)
{
    size_t  i;

    if (approval->n_subjects == 0) {
        return true;
    }

    for (i = 0; i < request->n_subjects; i++) {
        if (!xc_approval_has_subject(approval, &request->subjects[i])) {
            return false;
        }
    }

    return request->n_subjects != 0 && !request->sweep;
}


xc_approval_fit_t
xc_approval_fit(const xc_approval_t *approval, const xc_agency_t *agency,
    const xc_request_t *request, int64_t now_s)
{
    if (approval == NULL) {
        return XC_APPROVAL_UNKNOWN;
    }

    if (!xc_str_eq(approval->agency, agency->id)) {
        return XC_APPROVAL_OTHER_AGENCY;
    }

    if (!xc_str_eq(approval->by, xc_approval_by(agency))) {
        return XC_APPROVAL_OTHER_PROVINCE;
    }

    if (now_s < approval->not_before_s) {
        return XC_APPROVAL_EARLY;
    }

    if (now_s >= approval->not_after_s) {
        return XC_APPROVAL_ENDED;
    }

    if (!xc_approval_is(approval->case_no, request->case_no)) {
        return XC_APPROVAL_OTHER_CASE;
    }

    if (!xc_approval_is(approval->request_no, request->request_no)) {
        return XC_APPROVAL_OTHER_REQUEST;
    }

    return xc_approval_has_subjects(approval, request)
           ? XC_APPROVAL_HOLDS : XC_APPROVAL_OTHER_SUBJECT;
}


bool
xc_approval_covers(const xc_approval_t *approval, const xc_field_t *field)
{
    size_t  from = 0, to = approval->n_fields, at;

    while (from < to) {
        at = from + (to - from) / 2;

        if (approval->fields[at] == field) {
            return true;
        }

        if (approval->fields[at] < field) {
            from = at + 1;

        } else {
            to = at;
        }
    }

    return false;
}
