/*
 * Strict JSON (RFC 8259, I-JSON's rule on duplicates) and JSON Pointer (RFC
 * 6901).  xc_json_parse() is jansson, for policies and documents; requests are
 * read by xc_json_read.h.  No other unit includes jansson's header.
 *
 * Nodes are in the arena that the reader was given.  Reading them is
 * thread-safe as long as nobody frees the arena.
 */

#ifndef XC_JSON_H
#define XC_JSON_H

#include "xc_arena.h"

typedef struct xc_json_s xc_json_t;     /* defined in xc_json_node.h */

typedef enum {
    XC_JSON_NULL,
    XC_JSON_BOOL,
    XC_JSON_INT,
    XC_JSON_REAL,
    XC_JSON_STRING,
    XC_JSON_ARRAY,
    XC_JSON_OBJECT
} xc_json_type_t;

typedef struct {
    unsigned     line;          /* from 1; 0 when unknown */
    unsigned     column;        /* bytes, from 1 */
    const char  *message;       /* in the arena or static, NUL-terminated */
} xc_json_error_t;

/*
 * Parses text whole.  Refused: bytes that are not UTF-8, a NUL octet anywhere
 * (jansson swallows one after a number), \u0000, duplicate members in any
 * escaping, nesting deeper than max_depth (arrays and objects counted), text
 * behind the value, a byte order mark.  The depth is found before anything is
 * allocated.  err may be NULL.
 *
 * XC_EINPUT (err set), XC_ELIMIT (depth; err set), XC_ENOMEM.
 * Nothing of text is kept; strings are NUL-terminated.  Linear in text.len;
 * jansson allocates up to some 40 times that while it parses.  What it held is
 * wiped, by way of its global allocator: not from two threads at once.
 */
xc_rc_t xc_json_parse(xc_arena_t *arena, xc_str_t text, unsigned max_depth,
    xc_json_error_t *err, const xc_json_t **root) XC_WUR;

xc_json_type_t xc_json_type(const xc_json_t *node);

/* "object", "string", ... */
const char *xc_json_type_name(const xc_json_t *node);

/* Of a node of that type; another type, or NULL, yields an empty string, 0,
 * false. */
xc_str_t xc_json_string(const xc_json_t *node);
int64_t xc_json_int(const xc_json_t *node);
double xc_json_real(const xc_json_t *node);
bool xc_json_bool(const xc_json_t *node);

/* Members of an object, elements of an array, else 0, as of NULL. */
size_t xc_json_size(const xc_json_t *node);

/* NULL when absent, or where the first is NULL or not of that type. */
const xc_json_t *xc_json_member(const xc_json_t *object, xc_str_t key);
const xc_json_t *xc_json_element(const xc_json_t *array, size_t i);

/* Iteration in the document's order:
 *     for (it = xc_json_first(o); it != NULL; it = xc_json_next(o, it)) */
typedef xc_json_t xc_json_iter_t;
const xc_json_iter_t *xc_json_first(const xc_json_t *object);
const xc_json_iter_t *xc_json_next(const xc_json_t *object,
    const xc_json_iter_t *it);
xc_str_t xc_json_iter_key(const xc_json_iter_t *it);
const xc_json_t *xc_json_iter_value(const xc_json_iter_t *it);

/* RFC 6901: is this a pointer at all (empty, or begins with "/", "~" only
 * before 0 or 1)? */
bool xc_json_pointer_ok(xc_str_t pointer);

/* The node that the pointer names, NULL when there is none.  Array indices
 * without leading zeros; "-" names nothing. */
const xc_json_t *xc_json_pointer(const xc_json_t *root, xc_str_t pointer);

/* Minified text with the members in their order; for policies and documents,
 * not for the request path.  NUL-terminated, in the arena.  XC_ENOMEM. */
xc_rc_t xc_json_dump(xc_arena_t *arena, const xc_json_t *root, xc_str_t *out)
    XC_WUR;

#endif
