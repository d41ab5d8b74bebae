/* A request put to a policy without a gate: by the functions that the gate
 * decides with. */

#ifndef XCCTL_ASK_H
#define XCCTL_ASK_H

#include "xcctl_rule.h"

/* What xcctl_ask_target() is told. */
typedef struct {
    xc_str_t  method, url;      /* a URL, or its path and query */
    bool      has_body;
} xcctl_target_t;

/*
 * Reads ask->body (or query: data NULL for none) for ask->operation.  XC_OK,
 * XC_DENIED with ask->verdict, XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xcctl_ask_read(xcctl_ask_t *ask, xc_str_t query, xc_str_t subject)
    XC_WUR;

/* Finds the approval that the request names.  XC_ENOMEM, XC_EINTERNAL. */
xc_rc_t xcctl_ask_resolve(xcctl_ask_t *ask) XC_WUR;

/* Are the fields decided, where reading returned that?  Behind a purpose, too,
 * as in the gate. */
bool xcctl_ask_readable(const xcctl_ask_t *ask, xc_rc_t read);

/* Decides ask->request, of which reading returned that; returns as
 * xcctl_ask_read() does. */
xc_rc_t xcctl_ask_decide(xcctl_ask_t *ask, xc_rc_t read) XC_WUR;

/* Where a request goes whose URL is not told: the policy's first authority. */
xc_str_t xcctl_ask_authority(const xcctl_ask_t *ask);

/*
 * By method and URL: transport, authority, path, operation, then as above.
 * XC_EINPUT: the operation is a result, which its ticket decides.
 */
xc_rc_t xcctl_ask_target(xcctl_ask_t *ask, const xcctl_target_t *target)
    XC_WUR;

/* May the intermediary ask for the agency?  Else the verdict says no. */
bool xcctl_ask_behalf(xcctl_ask_t *ask) XC_WUR;

#endif
