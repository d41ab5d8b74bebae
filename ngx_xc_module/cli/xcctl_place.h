/* Where a loader's path lies in the text of a policy. */

#ifndef XCCTL_PLACE_H
#define XCCTL_PLACE_H

#include "../core/xc_base.h"

typedef struct {
    size_t  line, column;       /* of the member's name, or of the element; in
                                   octets, from 1 */
} xcctl_place_t;

/*
 * text: strict JSON.  path: as faults name it, "agencies[17].name",
 * "fields[\"merchant.uscc\"].zh".  What the text lacks is found at what is
 * above it.  False: not even that; *out untouched.  Linear.
 */
bool xcctl_place(xc_str_t text, xc_str_t path, xcctl_place_t *out) XC_WUR;

#endif
