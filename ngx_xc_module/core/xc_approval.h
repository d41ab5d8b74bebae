/*
 * Does a province's consent hold for a request (DOMAIN.md row 8, CONTRACT.md
 * section 2)?  Pure.
 */

#ifndef XC_APPROVAL_H
#define XC_APPROVAL_H

#include "xc_scope.h"

typedef enum {
    XC_APPROVAL_HOLDS,
    XC_APPROVAL_UNKNOWN,            /* no such number */
    XC_APPROVAL_OTHER_AGENCY,       /* given to another */
    XC_APPROVAL_OTHER_PROVINCE,     /* not by the one that stands above */
    XC_APPROVAL_EARLY,
    XC_APPROVAL_ENDED,
    XC_APPROVAL_OTHER_CASE,
    XC_APPROVAL_OTHER_REQUEST,
    XC_APPROVAL_OTHER_SUBJECT,      /* names subjects, and not all of these */
    XC_APPROVAL_COUNT
} xc_approval_fit_t;

/* The id of the agency whose consent this one needs: its province-level agency;
 * of a province itself, and of the national one where it names an approval. */
xc_str_t xc_approval_by(const xc_agency_t *agency);

/*
 * All but the fields: the first fault in the order above.  approval may be
 * NULL: unknown.  Whose it is comes first, so that nobody is told more of
 * another's.  Linear in the subjects of both.
 */
xc_approval_fit_t xc_approval_fit(const xc_approval_t *approval,
    const xc_agency_t *agency, const xc_request_t *request, int64_t now_s);

/* Is it among the approval's fields?  O(log n). */
bool xc_approval_covers(const xc_approval_t *approval, const xc_field_t *field);

#endif
