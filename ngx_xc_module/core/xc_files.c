#include "xc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


static xc_rc_t
xc_file_fail(xc_arena_t *arena, const char *path, const char *why,
    const char **error)
{
    xc_str_t  text;

    text = xc_arena_printf(arena, "%s: %s", path, why);
    if (text.len == 0) {
        return XC_ENOMEM;
    }

    *error = text.data;

    return XC_EIO;
}


/* NULL: fit to be read. */
static const char *
xc_file_unfit(const struct stat *st, bool secret)
{
    if (!S_ISREG(st->st_mode)) {
        return "not a regular file";
    }

    if (st->st_size > XC_FILES_MAX) {
        return "larger than 64 MiB";
    }

    if (secret && (st->st_mode & 0007) != 0) {
        return "others can reach it: chmod o-rwx";
    }

    return NULL;
}


static xc_rc_t
xc_file_fill(xc_arena_t *arena, int fd, size_t size, xc_str_t *content)
{
    char    *p;
    size_t   len;
    ssize_t  n;

    p = xc_arena_alloc(arena, size + 1);
    if (p == NULL) {
        return XC_ENOMEM;
    }

    for (len = 0; len < size; len += (size_t) n) {
        n = read(fd, p + len, size - len);

        if (n == 0) {
            break;
        }

        if (n < 0 && errno == EINTR) {
            n = 0;

        } else if (n < 0) {
            return XC_EIO;
        }
    }

    p[len] = '\0';
    *content = (xc_str_t) { p, len };

    return XC_OK;
}


static xc_rc_t
xc_file_load(xc_arena_t *arena, int fd, const char *path, bool secret,
    xc_str_t *content, const char **error)
{
    xc_rc_t      rc;
    const char  *why;
    struct stat  st;

    if (fstat(fd, &st) != 0) {
        return xc_file_fail(arena, path, strerror(errno), error);
    }

    why = xc_file_unfit(&st, secret);
    if (why != NULL) {
        return xc_file_fail(arena, path, why, error);
    }

    rc = xc_file_fill(arena, fd, (size_t) st.st_size, content);

    return rc == XC_EIO ? xc_file_fail(arena, path, strerror(errno), error)
                        : rc;
}


xc_rc_t
xc_file_read(xc_arena_t *arena, xc_str_t dir, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    int       fd;
    xc_rc_t   rc;
    xc_str_t  full;

    if (path.len == 0 || memchr(path.data, '\0', path.len) != NULL) {
        *error = "not a file name";
        return XC_EIO;
    }

    if (path.data[0] == '/' || dir.len == 0) {
        dir = XC_STR("");
    }

    full = xc_arena_printf(arena, XC_STR_FMT "%s" XC_STR_FMT, XC_STR_ARG(dir),
                           dir.len == 0 ? "" : "/", XC_STR_ARG(path));
    if (full.len == 0) {
        return XC_ENOMEM;
    }

    /* O_NONBLOCK: a FIFO must not hold the start until somebody writes */
    fd = open(full.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return xc_file_fail(arena, full.data, strerror(errno), error);
    }

    rc = xc_file_load(arena, fd, full.data, secret, content, error);

    (void) close(fd);

    return rc;
}


xc_str_t
xc_file_dir(xc_str_t path)
{
    while (path.len != 0 && path.data[path.len - 1] != '/') {
        path.len--;
    }

    while (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    return path;
}


static xc_rc_t
xc_files_read(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    const xc_str_t  *dir = ctx;

    return xc_file_read(arena, *dir, path, secret, content, error);
}


xc_policy_files_t
xc_files_of(xc_str_t *dir)
{
    return (xc_policy_files_t) { xc_files_read, dir };
}


static xc_rc_t
xc_file_write(int fd, xc_str_t content, uid_t uid, gid_t gid)
{
    ssize_t  n;

    for ( /* void */ ; content.len != 0; content.len -= (size_t) n) {
        n = write(fd, content.data, content.len);

        if (n < 0 && errno == EINTR) {
            n = 0;

        } else if (n < 0) {
            return XC_EIO;
        }

        content.data += n;
    }

    if (uid != (uid_t) -1 && fchown(fd, uid, gid) != 0) {
        return XC_EIO;
    }

    return fsync(fd) == 0 ? XC_OK : XC_EIO;
}


/* Closes, and leaves errno alone. */
static void
xc_file_close(int fd)
{
    int  saved = errno;

    (void) close(fd);
    errno = saved;
}


xc_rc_t
xc_folder_make(const char *path, uid_t uid, gid_t gid)
{
    int      fd;
    xc_rc_t  rc;

    if (mkdir(path, 0750) != 0) {
        return errno == EEXIST ? XC_OK : XC_EIO;
    }

    if (uid == (uid_t) -1) {
        return XC_OK;
    }

    /* whoever owns the parent may have put a link in its place by now */
    rc = xc_folder_open(path, &fd);
    if (rc != XC_OK) {
        return rc;
    }

    rc = fchown(fd, uid, gid) == 0 ? XC_OK : XC_EIO;
    xc_file_close(fd);

    return rc;
}


xc_rc_t
xc_folder_open(const char *path, int *fd)
{
    int  n;

    n = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (n < 0) {
        return XC_EIO;
    }

    *fd = n;

    return XC_OK;
}


xc_rc_t
xc_file_keep(int dir_fd, const char *name, xc_str_t content, uid_t uid,
    gid_t gid)
{
    int          fd, n, saved;
    char         temporary[NAME_MAX + 1];
    xc_rc_t      rc;
    struct stat  st;

    n = snprintf(temporary, sizeof(temporary), ".%s.%ld", name,
                 (long) getpid());
    if (n < 0 || (size_t) n >= sizeof(temporary)) {
        return XC_ELIMIT;
    }

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(st.st_mode))
    {
        return XC_OK;
    }

    (void) unlinkat(dir_fd, temporary, 0);

    fd = openat(dir_fd, temporary,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        return XC_EIO;
    }

    rc = xc_file_write(fd, content, uid, gid);
    xc_file_close(fd);

    if (rc == XC_OK && renameat(dir_fd, temporary, dir_fd, name) != 0) {
        rc = XC_EIO;
    }

    if (rc != XC_OK) {
        saved = errno;
        (void) unlinkat(dir_fd, temporary, 0);
        errno = saved;
    }

    return rc;
}
