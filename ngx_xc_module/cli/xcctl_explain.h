/* policy explain: what is shown, in two forms. */

#ifndef XCCTL_EXPLAIN_H
#define XCCTL_EXPLAIN_H

#include "xcctl_rule.h"

/* What an agency may ask of a field without more than the field itself. */
typedef enum {
    XCCTL_FIELD_STANDARD,
    XCCTL_FIELD_APPROVAL,           /* with one; of the national agency never */
    XCCTL_FIELD_SWEEP,              /* in sweeps alone */
    XCCTL_FIELD_NONE
} xcctl_field_t;

xcctl_field_t xcctl_explain_field(const xcctl_ask_t *ask,
    const xc_field_t *field);

/* May it make sweeps at that time? */
bool xcctl_explain_sweeps(const xcctl_ask_t *ask);

/* An approval given to it that has not ended, nor is another province's. */
bool xcctl_explain_holds(const xcctl_ask_t *ask,
    const xc_approval_t *approval);

/* At that time a credential of whoever signs, which may ask for the agency, is
 * within its validity. */
bool xcctl_explain_signs(const xcctl_ask_t *ask);

/* xcctl_explain_agency.c: without a request. */
void xcctl_explain_agency_text(const xcctl_ask_t *ask);
void xcctl_explain_agency_json(const xcctl_ask_t *ask);

/* xcctl_explain_request.c: with one, decided. */
void xcctl_explain_request_text(const xcctl_ask_t *ask);
void xcctl_explain_request_json(const xcctl_ask_t *ask);

#endif
