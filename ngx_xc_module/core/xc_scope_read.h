/*
 * How a request is read; private to xc_scope_*.c.
 *
 * A body and a query are collected into the same shape, then checked by the
 * same rules.  The first fault makes the verdict; collecting goes on behind
 * it, so that the record names as much of the request as could be read.
 */

#ifndef XC_SCOPE_READ_H
#define XC_SCOPE_READ_H

#include "xc_scope.h"

/* Of a client's text in a detail, bytes. */
#define XC_SCOPE_QUOTE_MAX  64

typedef struct {
    xc_str_t  type, id;
} xc_scope_subject_t;

/* What was given, before the policy's limits: a count over its limit leaves
 * its list empty. */
typedef struct {
    xc_arena_t            *arena;
    const xc_policy_t     *policy;
    const xc_operation_t  *operation;
    xc_request_t          *out;
    xc_verdict_t          *verdict;
    xc_rc_t                rc;      /* XC_OK until memory or a library fails */
    size_t                 refused; /* faults so far */
    size_t                 given_fields, given_subjects, given_officers;
    xc_str_t              *fields;
    xc_scope_subject_t    *subjects;
} xc_scope_t;

/* Where in the request: "subjects[3].id" is { "subjects", 3, "id" }. */
typedef struct {
    xc_str_t     name;              /* empty: the request as a whole */
    int64_t      i;                 /* -1: no element */
    const char  *sub;               /* NULL: no member of it */
} xc_scope_at_t;

/* Three arguments for "%.*s%s": a client's text, cut where it is long. */
#define XC_SCOPE_TEXT(s)                                                      \
    (int) xc_ascii_cut((s), XC_SCOPE_QUOTE_MAX).len, (s).data,                \
    (s).len > XC_SCOPE_QUOTE_MAX ? "..." : ""

/* Prepares *s, *out and *verdict. */
void xc_scope_begin(xc_scope_t *s, xc_arena_t *arena,
    const xc_policy_t *policy, const xc_operation_t *operation,
    xc_request_t *out, xc_verdict_t *verdict);

/* Makes the verdict unless one stands.  Both formats take the same arguments
 * in the same order. */
void xc_scope_refuse(xc_scope_t *s, xc_reason_t reason, xc_scope_at_t at,
    const char *en, const char *zh, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));

/* A verdict's texts, both languages; XC_ENOMEM. */
xc_rc_t xc_scope_detail(xc_arena_t *arena, xc_verdict_t *verdict,
    xc_scope_at_t at, const char *en, const char *zh, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6))) XC_WUR;

/* A member by the name that the client knows: the pointer without its first
 * "/", or the query name. */
xc_scope_at_t xc_scope_at(const xc_scope_t *s, xc_member_t member);

/* Not empty, no control character (C0, DEL, C1); a fault where not. */
bool xc_scope_text_ok(xc_scope_t *s, xc_scope_at_t at, xc_str_t text);

/* Where a plain string is kept; NULL for a member that is none. */
xc_str_t *xc_scope_slot(xc_request_t *out, xc_member_t member);

/* Keeps and checks a member that is a plain string. */
void xc_scope_take(xc_scope_t *s, xc_member_t member, xc_str_t text);

/* n zeroed elements; NULL where memory is short (remembered). */
void *xc_scope_array(xc_scope_t *s, size_t n, size_t size);

/*
 * xc_scope_check.c.  When all is collected: purpose, patterns, limits,
 * subjects, window, fields (CONTRACT.md section 3's order of checks).  What
 * xc_scope_read_*() returns.
 */
xc_rc_t xc_scope_check(xc_scope_t *s, xc_str_t path_subject) XC_WUR;

#endif
