/* What the unit tests share: TAP, inputs that end at a guard page, and a loop
 * that lets every n-th allocation fail. */

#ifndef XT_H
#define XT_H

#include "../../ngx_xc_module/cli/xc_heap.h"

/* Prints "ok N - name" or "not ok N - name"; returns ok. */
bool xt_ok(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Equal as bytes; shows both where not. */
bool xt_is(xc_str_t got, xc_str_t want, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints the plan; the program's exit status. */
int xt_done(void);

/* A copy of in whose last byte lies just before an unreadable page, so that
 * reading one byte too far is a crash.  Freed by xt_unguard(). */
xc_str_t xt_guard(xc_str_t in);
void xt_unguard(xc_str_t guarded);

/*
 * Calls fn(arena, data) with the first allocation failing, then the second,
 * and so on until fn no longer meets the failure.  fn returns its rc, which
 * has to be XC_ENOMEM in all rounds but the last (then XC_OK).  One TAP line.
 */
void xt_oom(const char *name, xc_rc_t (*fn)(xc_arena_t *arena, void *data),
    void *data);

#endif
