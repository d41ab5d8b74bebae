/* One parameter of a query string, as RFC 9421 2.2.8 has it signed. */

#ifndef XC_QUERY_PARAM_H
#define XC_QUERY_PARAM_H

#include "xc_arena.h"

/*
 * The value of the parameter whose name, decoded and encoded again, is name;
 * decoded and encoded again itself, in the arena, printable ASCII.  XC_DENIED:
 * there is none, or several (2.2.8: then the whole query has to be signed), or
 * its name or value is not UTF-8.  XC_ENOMEM.
 */
xc_rc_t xc_query_param(xc_arena_t *arena, xc_str_t query, xc_str_t name,
    xc_str_t *out) XC_WUR;

#endif
