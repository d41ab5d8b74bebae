/*
 * Structured Field Values for HTTP, RFC 9651 (all of RFC 8941, Date, Display
 * String).  Strict: whatever the grammar does not allow is XC_EINPUT.
 *
 * Parsed values lie in the caller's arena and borrow from the input, which
 * must outlive them.  Cost is linear, but for the search of duplicate keys in
 * a list of at most XC_SFV_MAX_MEMBERS.  Thread-safe.
 */

#ifndef XC_SFV_H
#define XC_SFV_H

#include "xc_sfv_bare.h"

/* Over any of these the parsers return XC_ELIMIT. */
#define XC_SFV_MAX_MEMBERS  1024    /* of a dictionary, list or inner list */
#define XC_SFV_MAX_PARAMS   256     /* of one item */

typedef struct {
    xc_str_t       name;
    xc_sfv_bare_t  value;
} xc_sfv_param_t;

typedef struct xc_sfv_item_s xc_sfv_item_t;

struct xc_sfv_item_s {
    xc_sfv_bare_t    bare;          /* type INNER_LIST: see items */
    xc_sfv_item_t   *items;         /* of an inner list */
    size_t           n_items;
    xc_sfv_param_t  *params;        /* a repeated name keeps its first place
                                       and its last value: RFC 9651 4.2.3.2 */
    size_t           n_params;
};

typedef struct {
    xc_str_t         key;           /* of a dictionary's member, else empty */
    xc_sfv_item_t    item;
} xc_sfv_member_t;

typedef struct {
    xc_sfv_member_t *members;       /* a repeated key keeps its first place
                                       and its last value: RFC 9651 4.2.2 */
    size_t           n;
    bool             repeated;      /* a key stood more than once */
} xc_sfv_list_t;

/* in: the field's lines joined with ", ".  Empty is an empty list.
 * XC_EINPUT, XC_ELIMIT, XC_ENOMEM. */
xc_rc_t xc_sfv_parse_dict(xc_arena_t *arena, xc_str_t in, xc_sfv_list_t *out)
    XC_WUR;
xc_rc_t xc_sfv_parse_list(xc_arena_t *arena, xc_str_t in, xc_sfv_list_t *out)
    XC_WUR;
xc_rc_t xc_sfv_parse_item(xc_arena_t *arena, xc_str_t in, xc_sfv_item_t *out)
    XC_WUR;

/* NULL when absent. */
const xc_sfv_item_t *xc_sfv_member(const xc_sfv_list_t *dict, xc_str_t key);
const xc_sfv_bare_t *xc_sfv_param(const xc_sfv_item_t *item, xc_str_t name);

/*
 * Serialisation, RFC 9651 4.1: of an item or inner list with its parameters,
 * of a whole list or dictionary; of a bare item alone: xc_sfv_write_bare().
 * What the grammar can't say sets out->overflow.
 */
void xc_sfv_write_item(xc_buf_t *out, const xc_sfv_item_t *item);
void xc_sfv_write_list(xc_buf_t *out, const xc_sfv_list_t *list);
void xc_sfv_write_dict(xc_buf_t *out, const xc_sfv_list_t *dict);

#endif
