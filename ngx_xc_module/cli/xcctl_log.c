#include "xcctl_log.h"

#include "xcctl.h"

#include "../core/xc_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Small enough for the second-level cache, far above the longest line. */
#define XCCTL_LOG_BUFFER    (4 * (XC_JOURNAL_LINE_MAX + 1))


typedef struct {
    xcctl_log_fn    fn;
    void           *ctx;
    xcctl_where_t   where;
    char           *buf;
    size_t          len;        /* octets in buf */
    bool            skipping;   /* the rest of a line that is too long */
} xcctl_log_t;


static xc_rc_t
xcctl_log_hand(xcctl_log_t *log, xcctl_log_kind_t kind, const char *data,
    size_t len)
{
    if (log->skipping) {
        log->skipping = kind == XCCTL_LOG_LONG;
        return XC_OK;
    }

    if (kind == XCCTL_LOG_LINE && len > XC_JOURNAL_LINE_MAX) {
        kind = XCCTL_LOG_LONG;

    } else {
        log->skipping = kind == XCCTL_LOG_LONG;
    }

    log->where.line++;

    return log->fn(log->ctx, kind, log->where, (xc_str_t) { data, len });
}


/* Hands on the whole lines in the buffer and keeps the rest. */
static xc_rc_t
xcctl_log_lines(xcctl_log_t *log)
{
    size_t       used = 0, len;
    xc_rc_t      rc = XC_OK;
    const char  *end;

    while (rc == XC_OK) {
        end = memchr(log->buf + used, '\n', log->len - used);
        if (end == NULL) {
            break;
        }

        len = (size_t) (end - log->buf) - used;
        rc = xcctl_log_hand(log, XCCTL_LOG_LINE, log->buf + used, len);
        used += len + 1;
    }

    log->len -= used;
    memmove(log->buf, log->buf + used, log->len);

    if (rc == XC_OK && log->len > XC_JOURNAL_LINE_MAX) {
        rc = xcctl_log_hand(log, XCCTL_LOG_LONG, log->buf, log->len);
        log->len = 0;
    }

    return rc;
}


static xc_rc_t
xcctl_log_stream(xcctl_log_t *log, int fd)
{
    ssize_t  n;
    xc_rc_t  rc;

    for ( ;; ) {
        n = read(fd, log->buf + log->len, XCCTL_LOG_BUFFER - log->len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            break;
        }

        log->len += (size_t) n;

        rc = xcctl_log_lines(log);
        if (rc != XC_OK) {
            return rc;
        }
    }

    if (n < 0) {
        return XC_EIO;
    }

    return log->len == 0
           ? XC_OK
           : xcctl_log_hand(log, XCCTL_LOG_TORN, log->buf, log->len);
}


xc_rc_t
xcctl_log_read(const char *path, xcctl_open_t kind, xcctl_log_fn fn, void *ctx)
{
    int          fd, error;
    xc_rc_t      rc;
    xcctl_log_t  log = { .fn = fn, .ctx = ctx, .where = { path, 0 } };

    rc = xcctl_open(path, kind, &fd);
    if (rc != XC_OK) {
        return rc;
    }

    log.buf = malloc(XCCTL_LOG_BUFFER);
    rc = log.buf == NULL ? XC_ENOMEM : xcctl_log_stream(&log, fd);

    error = errno;
    free(log.buf);
    close(fd);
    errno = error;

    return rc;
}


int
xcctl_log_files(char **files, int n, xcctl_log_fn fn, void *ctx)
{
    int      i;
    xc_rc_t  rc;

    for (i = 0; i < n; i++) {
        rc = xcctl_log_read(files[i], XCCTL_OPEN_NAMED, fn, ctx);

        if (rc == XC_DENIED) {
            return XCCTL_FAIL;
        }

        if (rc != XC_OK) {
            (void) xcctl_fail("can't read %s: %s", files[i],
                              xcctl_open_error(rc));
            return XCCTL_USAGE;
        }
    }

    return XCCTL_OK;
}
