/*
 * What an approval token consents to, read from its claims: number, fields, and
 * the case, request or subjects at hand.
 */

#ifndef XC_APPROVAL_CLAIMS_H
#define XC_APPROVAL_CLAIMS_H

#include "xc_approval.h"
#include "xc_json.h"

typedef struct {
    const char  *en, *zh;           /* static */
} xc_approval_fault_t;

/*
 * Sets these members of rule and leaves the others.  A field or type of
 * subject that this platform does not have is none of a request's.  XC_DENIED:
 * *fault says what is wrong; XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_approval_claims_read(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_json_t *claims, xc_approval_t *rule, xc_approval_fault_t *fault)
    XC_WUR;

#endif
