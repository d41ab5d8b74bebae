#define _GNU_SOURCE             /* O_NOFOLLOW */

#include "xcctl_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>


/* A pipe there has its writer already, or was waited for on purpose. */
static bool
xcctl_open_device(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}


static xc_rc_t
xcctl_open_check(int fd)
{
    struct stat  st;

    if (fstat(fd, &st) != 0) {
        return XC_EIO;
    }

    return S_ISREG(st.st_mode) ? XC_OK : XC_EINPUT;
}


/* XC_EINPUT also for what can't be opened at all: a socket, a link. */
static xc_rc_t
xcctl_open_failed(xcctl_open_t kind)
{
    return errno == ENXIO || (errno == ELOOP && kind == XCCTL_OPEN_LISTED)
           ? XC_EINPUT : XC_EIO;
}


xc_rc_t
xcctl_open(const char *path, xcctl_open_t kind, int *fd)
{
    int      flags = O_RDONLY | O_CLOEXEC;
    bool     any = kind == XCCTL_OPEN_NAMED && xcctl_open_device(path);
    xc_rc_t  rc;

    if (!any) {
        flags |= O_NONBLOCK | O_NOCTTY;
    }

    if (kind == XCCTL_OPEN_LISTED) {
        flags |= O_NOFOLLOW;
    }

    *fd = open(path, flags);
    if (*fd == -1) {
        return xcctl_open_failed(kind);
    }

    rc = any ? XC_OK : xcctl_open_check(*fd);

    if (rc != XC_OK) {
        close(*fd);
        *fd = -1;
    }

    return rc;
}


const char *
xcctl_open_error(xc_rc_t rc)
{
    switch (rc) {

    case XC_EIO:
        return strerror(errno);

    case XC_EINPUT:
        return "not a regular file";

    case XC_ENOMEM:
        return "out of memory";

    default:
        return "the hash library failed";
    }
}
