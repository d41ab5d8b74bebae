/* The value of a JSON number; private to xc_json*.c. */

#ifndef XC_JSON_NUMBER_H
#define XC_JSON_NUMBER_H

#include "xc_json_node.h"

/*
 * Makes the node the number that text is by RFC 8259 section 6, which the
 * caller has seen to; real: it has a point or an exponent.  False where an
 * int64_t, or a double, can't hold it; what is too small becomes 0.  O(n).
 */
bool xc_json_number(xc_str_t text, bool real, xc_json_t *node) XC_WUR;

#endif
