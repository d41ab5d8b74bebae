/*
 * What the parts of a decision record share (xc_record_auth.c, xc_record.c).
 * No other unit includes this.
 */

#ifndef XC_RECORD_IMPL_H
#define XC_RECORD_IMPL_H

#include "xc_record.h"

/* Members that say who asked, and their evidence but the signature's.  Each
 * writes its value; false, nothing written: the member is absent. */
bool xc_record_credential(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_via(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_certificate(xc_buf_t *out, const xc_record_decision_t *in);
bool xc_record_token(xc_buf_t *out, const xc_record_decision_t *in);

#endif
