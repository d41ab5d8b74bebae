/* Texts on standard output. */

#ifndef XCCTL_EMIT_H
#define XCCTL_EMIT_H

#include "../core/xc_base.h"

/* A JSON string literal. */
void xcctl_emit_json(xc_str_t s);

/* "name": and a literal behind a comma unless it is the first of an object. */
void xcctl_emit_member(const char *name, xc_str_t value, bool first);

/* For people: as within a JSON string but for quotes, so that nothing of a log
 * or a request moves a cursor. */
void xcctl_emit_text(xc_str_t s);

/* An instant, "2026-11-22T10:20:30Z". */
void xcctl_emit_time(int64_t t_s);

#endif
