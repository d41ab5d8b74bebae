/*
 * Regular expressions of the policy, over PCRE2: UTF, JIT, anchored at both
 * ends, "$" never before a final newline, with match limits.  No other unit
 * includes pcre2.h.
 */

#ifndef XC_PATTERN_H
#define XC_PATTERN_H

#include "xc_arena.h"

/* Backtracking steps and depth after which a match refuses. */
#define XC_PATTERN_MATCH_LIMIT  100000
#define XC_PATTERN_DEPTH_LIMIT  1000
#define XC_PATTERN_MAX_CAPTURES 8

typedef struct xc_pattern_s xc_pattern_t;

/*
 * XC_EINPUT: *error names the fault and its offset, in the arena.  The
 * pattern lives as long as the arena.  Sources over 4 KiB are refused.
 */
xc_rc_t xc_pattern_compile(xc_arena_t *arena, xc_str_t source,
    const char **error, const xc_pattern_t **out) XC_WUR;

/*
 * Named groups in the order of their numbers; unnamed capturing groups count
 * nothing here.  n: how many.  xc_pattern_name(p, i): i from 0.
 */
size_t xc_pattern_names(const xc_pattern_t *pattern);
xc_str_t xc_pattern_name(const xc_pattern_t *pattern, size_t i);

/*
 * XC_OK: the whole subject matches; captures[i] (may be NULL) is what the
 * i-th named group holds, empty where it took no part.  XC_DENIED: no match,
 * a subject that is not UTF-8, or a limit hit.  XC_ENOMEM, XC_EINTERNAL.
 * Thread-safe; one allocation a call.
 */
xc_rc_t xc_pattern_match(const xc_pattern_t *pattern, xc_str_t subject,
    xc_str_t captures[XC_PATTERN_MAX_CAPTURES]) XC_WUR;

#endif
