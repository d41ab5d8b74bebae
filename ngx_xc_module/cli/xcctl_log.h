/* Log files, line by line, in constant memory. */

#ifndef XCCTL_LOG_H
#define XCCTL_LOG_H

#include "xcctl_open.h"

/* Where a line stands, for messages. */
typedef struct {
    const char  *file;
    uint64_t     line;          /* from 1 */
} xcctl_where_t;

typedef enum {
    XCCTL_LOG_LINE,
    XCCTL_LOG_LONG,             /* text is only its start */
    XCCTL_LOG_TORN              /* the file ends within it */
} xcctl_log_kind_t;

/*
 * Takes a line, LF apart; text is valid during the call only.  Whatever is
 * not XC_OK ends the reading.
 */
typedef xc_rc_t (*xcctl_log_fn)(void *ctx, xcctl_log_kind_t kind,
    xcctl_where_t where, xc_str_t text);

/* What fn returned, or xcctl_open(); XC_EIO: errno tells; XC_ENOMEM. */
xc_rc_t xcctl_log_read(const char *path, xcctl_open_t kind, xcctl_log_fn fn,
    void *ctx) XC_WUR;

/*
 * The files in turn.  What ends it is said on stderr, with the exit status 2
 * of a file that can't be read; else XCCTL_OK.  XC_DENIED of fn, which must
 * have spoken itself, is XCCTL_FAIL.
 */
int xcctl_log_files(char **files, int n, xcctl_log_fn fn, void *ctx) XC_WUR;

#endif
