/*
 * What is known of the fields that are structured (RFC 9651): their types, by
 * which RFC 9421's parameters sf and key write a value anew.
 */

#ifndef XC_SFV_FIELD_H
#define XC_SFV_FIELD_H

#include "xc_sfv.h"

typedef enum {
    XC_SFV_FIELD_UNKNOWN,
    XC_SFV_FIELD_ITEM,
    XC_SFV_FIELD_LIST,
    XC_SFV_FIELD_DICT
} xc_sfv_field_t;

/* A value beyond these is not read anew: a signature may ask for one field many
 * times, before anybody is known. */
#define XC_SFV_FIELD_MAX         2048   /* bytes */
#define XC_SFV_FIELD_SEPARATORS  64     /* commas and semicolons */

/* name: in lower case.  Of the fields that IANA lists as structured and that
 * requests carry. */
xc_sfv_field_t xc_sfv_field_type(xc_str_t name);

/*
 * The value of a field of that type, parsed and serialised (RFC 9421 2.1.1);
 * in the arena.  XC_DENIED: it is not of that type, the type is unknown, or it
 * is over the limits above.  XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_sfv_field_strict(xc_arena_t *arena, xc_sfv_field_t type,
    xc_str_t value, xc_str_t *out) XC_WUR;

/* The member of a dictionary, serialised without its key (RFC 9421 2.1.2).
 * XC_DENIED: not a dictionary, or no such member. */
xc_rc_t xc_sfv_field_member(xc_arena_t *arena, xc_str_t value, xc_str_t key,
    xc_str_t *out) XC_WUR;

#endif
