/* Opening what a listing or the command line names as a file. */

#ifndef XCCTL_OPEN_H
#define XCCTL_OPEN_H

#include "../core/xc_base.h"

typedef enum {
    XCCTL_OPEN_NAMED,           /* what was opened for the caller, as /dev/stdin
                                   and /dev/fd/N are, may be anything */
    XCCTL_OPEN_FILE,            /* a regular file, or a link to one */
    XCCTL_OPEN_LISTED           /* a regular file */
} xcctl_open_t;

/* Does not wait for a pipe's writer.  XC_EIO: errno tells; XC_EINPUT: no
 * regular file. */
xc_rc_t xcctl_open(const char *path, xcctl_open_t kind, int *fd) XC_WUR;

/* What kept a file from being read, for messages. */
const char *xcctl_open_error(xc_rc_t rc);

#endif
