/*
 * Reads the JSON that requests carry: bodies, tokens, tickets.  The same
 * language as xc_json_parse()'s, in one pass and without a foreign library;
 * t/fuzz/fuzz_json.c holds the two against each other.
 */

#ifndef XC_JSON_READ_H
#define XC_JSON_READ_H

#include "xc_json.h"

/* What max_depth is cut to: the reader calls itself for what is nested. */
#define XC_JSON_READ_DEPTH_MAX  1024

/*
 * As xc_json_parse(), and refuses what that does, but: the first fault in the
 * text is the one told, be it the depth or another; text is borrowed for the
 * tree's life, since strings without escapes stay in it; no message quotes it.
 *
 * XC_EINPUT (err set), XC_ELIMIT (depth; err set), XC_ENOMEM.
 * O(n), but O(n log n) in the members of one object.
 */
xc_rc_t xc_json_read(xc_arena_t *arena, xc_str_t text, unsigned max_depth,
    xc_json_error_t *err, const xc_json_t **root) XC_WUR;

#endif
