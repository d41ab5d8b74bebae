#define _GNU_SOURCE             /* strerror_r() of GNU */

#include "xc_journal_impl.h"

#include "xc_time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Files of one second that are told apart by a number behind the time. */
#define XC_JOURNAL_NAMES_MAX    10000


void
xc_journal_say(xc_journal_report_t *report, bool alert, const char *fmt, ...)
{
    char    *p;
    size_t   used;
    va_list  args;

    used = strlen(report->text);

    if (used != 0 && used + 2 < sizeof(report->text)) {
        memcpy(report->text + used, "; ", 3);
        used += 2;
    }

    va_start(args, fmt);
    (void) vsnprintf(report->text + used, sizeof(report->text) - used, fmt,
                     args);
    va_end(args);

    /* Names of files may hold anything; an error log's line may not. */
    for (p = report->text; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    report->alert = report->alert || alert;
}


xc_rc_t
xc_journal_eio(const xc_journal_t *journal, xc_journal_report_t *report,
    const char *what, const char *file, const char *then)
{
    int   err = errno;
    char  buf[64];

    xc_journal_say(report, false, "%s %s/%s: %s; %s", what, journal->conf.dir,
                   file, strerror_r(err, buf, sizeof(buf)), then);
    errno = err;

    return XC_EIO;
}


xc_rc_t
xc_journal_refuse_network(int dir_fd, const char *dir,
    xc_journal_report_t *report)
{
    size_t         i;
    struct statfs  fs;

    /* f_type, statfs(2).  Behind FUSE anything may stand. */
    static const struct {
        uint32_t     type;
        const char  *name;
    } network[] = {
        { 0x00006969, "NFS" }, { 0x0000517b, "SMB" }, { 0xff534d42, "CIFS" },
        { 0xfe534d42, "SMB2" }, { 0x01021997, "9P" }, { 0x5346414f, "AFS" },
        { 0x6b414653, "AFS" }, { 0x73757245, "Coda" }, { 0x00c36400, "Ceph" },
        { 0x65735546, "FUSE" }
    };

    if (fstatfs(dir_fd, &fs) != 0) {
        xc_journal_say(report, false, "fstatfs %s: error %d", dir, errno);
        return XC_EIO;
    }

    for (i = 0; i < XC_COUNT(network); i++) {
        if ((uint32_t) fs.f_type == network[i].type) {
            xc_journal_say(report, false, "%s is on a %s file system, which "
                           "promises neither locks nor stable storage; put "
                           "it on a local disk", dir, network[i].name);
            errno = EOPNOTSUPP;
            return XC_EIO;
        }
    }

    return XC_OK;
}


ssize_t
xc_journal_pread(int fd, void *buf, size_t n, uint64_t at)
{
    size_t   used;
    ssize_t  got;

    for (used = 0; used < n; used += (size_t) got) {
        got = pread(fd, (char *) buf + used, n - used, (off_t) (at + used));

        if (got < 0 && errno == EINTR) {
            got = 0;
            continue;
        }

        if (got < 0) {
            return -1;
        }

        if (got == 0) {
            break;
        }
    }

    return (ssize_t) used;
}


int
xc_journal_pwrite(int fd, const void *buf, size_t n, uint64_t at)
{
    ssize_t  put;

    do {
        put = pwrite(fd, buf, n, (off_t) at);
    } while (put < 0 && errno == EINTR);

    if (put >= 0 && (size_t) put != n) {
        errno = ENOSPC;
        return -1;
    }

    return put < 0 ? -1 : 0;
}


int
xc_journal_own(const xc_journal_t *journal, int fd)
{
    struct stat                st;
    const xc_journal_conf_t  *conf = &journal->conf;

    if (conf->uid == (uid_t) -1) {
        return 0;
    }

    if (fstat(fd, &st) != 0) {
        return -1;
    }

    if (st.st_uid == conf->uid && st.st_gid == conf->gid) {
        return 0;
    }

    /* A second name may be in a place that is not the worker's. */
    if (st.st_nlink > 1) {
        errno = EMLINK;
        return -1;
    }

    return fchown(fd, conf->uid, conf->gid);
}


bool
xc_journal_is(const struct stat *st, uint64_t dev, uint64_t ino)
{
    return (uint64_t) st->st_dev == dev && (uint64_t) st->st_ino == ino;
}


static DIR *
xc_journal_opendir(const xc_journal_t *journal)
{
    int   fd;
    DIR  *dir;

    /* Not dir_fd itself: the place within it is shared by its duplicates. */
    fd = openat(journal->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return NULL;
    }

    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
    }

    return dir;
}


xc_rc_t
xc_journal_find(const xc_journal_t *journal, uint64_t dev, uint64_t ino,
    char name[256])
{
    DIR            *dir;
    xc_rc_t         rc;
    struct stat     st;
    struct dirent  *entry;

    dir = xc_journal_opendir(journal);
    if (dir == NULL) {
        return XC_EIO;
    }

    rc = XC_DENIED;

    for ( ;; ) {
        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {
            rc = errno == 0 ? rc : XC_EIO;
            break;
        }

        if (entry->d_ino == ino
            && fstatat(journal->dir_fd, entry->d_name, &st,
                       AT_SYMLINK_NOFOLLOW) == 0
            && xc_journal_is(&st, dev, ino))
        {
            memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
            rc = XC_OK;
            break;
        }
    }

    closedir(dir);

    return rc;
}


/* "audit.torn-20261122T102030Z", "…-2" and so on */
static void
xc_journal_name(char name[XC_JOURNAL_NAME_MAX], const char *prefix,
    int64_t now_us, unsigned n)
{
    xc_buf_t  b;

    xc_buf_init(&b, name, XC_JOURNAL_NAME_MAX - 1);
    xc_buf_z(&b, prefix);
    xc_time_format_name(&b, now_us / 1000000);

    if (n > 1) {
        xc_buf_char(&b, '-');
        xc_buf_u64(&b, n);
    }

    name[b.len] = '\0';
}


static int64_t
xc_journal_now(const xc_journal_op_t *op)
{
    return op->journal->conf.now_us(op->journal->conf.ctx);
}


static int
xc_journal_create_aside(xc_journal_op_t *op, char name[XC_JOURNAL_NAME_MAX])
{
    int       fd;
    unsigned  n;
    int64_t   now_us = xc_journal_now(op);

    for (n = 1; n <= XC_JOURNAL_NAMES_MAX; n++) {
        xc_journal_name(name, "audit.torn-", now_us, n);

        fd = openat(op->journal->dir_fd, name,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd != -1 || errno != EEXIST) {
            return fd;
        }
    }

    return -1;
}


static int
xc_journal_copy(int in, uint64_t from, uint64_t to, int out)
{
    char      buf[16384];
    ssize_t   n;
    uint64_t  at;

    for (at = from; at < to; at += (uint64_t) n) {
        n = xc_journal_pread(in, buf, XC_MIN(to - at, sizeof(buf)), at);

        if (n < 0 || xc_journal_pwrite(out, buf, (size_t) n, at - from) != 0) {
            return -1;
        }

        if (n == 0) {
            break;
        }
    }

    return fsync(out);
}


xc_rc_t
xc_journal_set_aside(xc_journal_op_t *op, int fd, uint64_t from, uint64_t to,
    xc_journal_note_t *note)
{
    int            out, rc;
    char           name[XC_JOURNAL_NAME_MAX];
    xc_journal_t  *journal = op->journal;

    static const char  then[] = "the torn end of audit.log can't be set aside:"
                                " requests are refused until it can";

    out = xc_journal_create_aside(op, name);
    if (out == -1) {
        return xc_journal_eio(journal, op->report, "create", name, then);
    }

    rc = xc_journal_own(journal, out);

    if (rc == 0) {
        rc = xc_journal_copy(fd, from, to, out);
    }

    if (rc == 0) {
        rc = fsync(journal->dir_fd);
    }

    if (rc != 0) {
        (void) xc_journal_eio(journal, op->report, "write", name, then);
        (void) unlinkat(journal->dir_fd, name, 0);
        close(out);
        return XC_EIO;
    }

    close(out);

    note->bytes = to - from;
    memcpy(note->file, name, sizeof(name));
    xc_journal_say(op->report, false, "%llu bytes of the log set aside in "
                   "%s/%s", (unsigned long long) note->bytes,
                   journal->conf.dir, name);

    return XC_OK;
}


xc_rc_t
xc_journal_give_up(xc_journal_op_t *op, xc_journal_note_t *note)
{
    int           dir_fd = op->journal->dir_fd;
    char          name[XC_JOURNAL_NAME_MAX];
    unsigned      n;
    int64_t       now_us = xc_journal_now(op);
    struct stat   st;

    /* Only the lock's holder makes such names: looking first is enough. */
    for (n = 1; n <= XC_JOURNAL_NAMES_MAX; n++) {
        xc_journal_name(name, "audit.failed-", now_us, n);

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            break;
        }
    }

    if (n > XC_JOURNAL_NAMES_MAX
        || renameat(dir_fd, XC_JOURNAL_LOG, dir_fd, name) != 0
        || fsync(dir_fd) != 0)
    {
        return xc_journal_eio(op->journal, op->report, "rename to", name,
                              "the log can't be begun anew: requests are "
                              "refused until it can");
    }

    memcpy(note->file, name, sizeof(name));

    return XC_OK;
}
