/*
 * What the parts of a decision record share (xc_record_auth.c,
 * xc_record_request.c, xc_record.c).  No other unit includes this.
 */

#ifndef XC_RECORD_IMPL_H
#define XC_RECORD_IMPL_H

#include "xc_record.h"

static inline bool
xc_record_string(xc_buf_t *out, xc_str_t s)
{
    if (s.data == NULL) {
        return false;
    }

    xc_buf_json(out, s);

    return true;
}

/* Members that say who asked, and their evidence but the signature's.  Each
 * writes its value; false, nothing written: the member is absent. */
bool xc_record_credential(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_via(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_certificate(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_token(xc_buf_t *out, const xc_record_decision_t *in);

/* The same of what was asked. */
bool xc_record_request_no(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_purpose(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_urgent(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_case_no(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_legal_basis(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_officers(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_fields(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_approval(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_approval_token(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_subjects(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_window(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_category(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_region(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_sweep(xc_buf_t *out, const xc_record_decision_t *in);

#endif
