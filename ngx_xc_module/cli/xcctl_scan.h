/*
 * A strict reader of one JSON object (RFC 8259) that allocates nothing: the
 * whole text is checked, only the top level's members are handed out.  For
 * logs, where a tree for every line would cost more than hashing it.
 */

#ifndef XCCTL_SCAN_H
#define XCCTL_SCAN_H

#include "../core/xc_base.h"

#define XCCTL_SCAN_MEMBERS  96      /* of the top level; more: an error */
#define XCCTL_SCAN_DEPTH    32
#define XCCTL_SCAN_NAMES    512     /* of nested objects, open at a time */

typedef struct {
    xc_str_t  key;              /* between the quotes, escapes as they are */
    xc_str_t  value;            /* of a string between the quotes, else all */
    char      type;             /* '"', '{', '[', '0', 't', 'f', 'n' */
} xcctl_member_t;

typedef struct {
    xcctl_member_t  member[XCCTL_SCAN_MEMBERS];     /* in their order */
    size_t          n;
    const char     *error;      /* static */
    size_t          at;         /* octet of the error, from 1 */
} xcctl_scan_t;

/*
 * False: error and at are set.  Refused too: bytes that are not UTF-8, a name
 * that stands twice in an object in the same spelling.  Some 700 MB/s.
 */
bool xcctl_scan(xc_str_t text, xcctl_scan_t *out) XC_WUR;

/* NULL: there is none. */
const xcctl_member_t *xcctl_scan_find(const xcctl_scan_t *scan, xc_str_t key);

/* Is there such a member, a string of exactly this text? */
bool xcctl_scan_is(const xcctl_scan_t *scan, xc_str_t key, xc_str_t value);

/*
 * The elements of an array: rest begins as the value of a member that was
 * scanned, and comes to stand behind the element; out has no key.  False: there
 * is none left.
 */
bool xcctl_scan_next(xc_str_t *rest, xcctl_member_t *out);

/* A member that is an unsigned integer. */
bool xcctl_scan_u64(const xcctl_scan_t *scan, xc_str_t key, uint64_t *out);

#endif
