#define _GNU_SOURCE             /* O_NOFOLLOW */

#include "xc_journal_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A name may pass to another file between two calls, but not for ever. */
#define XC_JOURNAL_TRIES    5


typedef unsigned long long  xc_journal_llu_t;   /* for messages */


static void
xc_journal_note_file(xc_journal_note_t *note, const char *name)
{
    memset(note->file, 0, sizeof(note->file));
    memcpy(note->file, name, strnlen(name, sizeof(note->file) - 1));
}


static void
xc_journal_take(xc_journal_t *journal, int fd, const struct stat *st)
{
    if (journal->log_fd != -1) {
        close(journal->log_fd);
    }

    journal->log_fd = fd;
    journal->log_dev = st->st_dev;
    journal->log_ino = st->st_ino;
    journal->failed = false;
}


static bool
xc_journal_holds_tip(const xc_journal_op_t *op)
{
    return op->journal->log_fd != -1
           && op->journal->log_dev == op->tip.head.dev
           && op->journal->log_ino == op->tip.head.ino;
}


/* Root can write what is not the worker's; the workers then can't. */
static xc_rc_t
xc_journal_check_owner(xc_journal_op_t *op, const struct stat *st)
{
    const xc_journal_conf_t  *conf = &op->journal->conf;

    if (conf->uid == (uid_t) -1 || st->st_uid == conf->uid) {
        return XC_OK;
    }

    xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " belongs to user "
                   "%d, not to the worker user %d: run chown %d %s/"
                   XC_JOURNAL_LOG, conf->dir, (int) st->st_uid,
                   (int) conf->uid, (int) conf->uid, conf->dir);
    errno = EACCES;

    return XC_EIO;
}


/* XC_DENIED: there is none. */
static xc_rc_t
xc_journal_stat_log(xc_journal_op_t *op, struct stat *st)
{
    if (fstatat(op->journal->dir_fd, XC_JOURNAL_LOG, st, AT_SYMLINK_NOFOLLOW)
        != 0)
    {
        return errno == ENOENT ? XC_DENIED : xc_journal_log_error(op, "stat");
    }

    if (!S_ISREG(st->st_mode)) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " is not a "
                       "regular file; move it away", op->journal->conf.dir);
        errno = EINVAL;
        return XC_EIO;
    }

    return xc_journal_check_owner(op, st);
}


static int
xc_journal_open_log(xc_journal_t *journal, int flags, struct stat *st)
{
    int  fd, err;

    fd = openat(journal->dir_fd, XC_JOURNAL_LOG,
                O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

    if (fd != -1 && fstat(fd, st) != 0) {
        err = errno;
        close(fd);
        errno = err;
        fd = -1;
    }

    return fd;
}


static xc_rc_t
xc_journal_stranger(xc_journal_op_t *op)
{
    xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " has lines, but is "
                   "not the file that this node wrote (a copy, or another's): "
                   "requests are refused until you move it away and put back "
                   "the right one; if this is it, restored, take "
                   XC_JOURNAL_HEAD " away", op->journal->conf.dir);
    errno = EEXIST;

    return XC_EIO;
}


/* Opens an empty audit.log, which it makes where there is none. */
static xc_rc_t
xc_journal_open_empty(xc_journal_op_t *op, int *fd, struct stat *st)
{
    int            tries;
    xc_journal_t  *journal = op->journal;

    for (tries = 0; tries < XC_JOURNAL_TRIES; tries++) {
        *fd = xc_journal_open_log(journal, 0, st);

        if (*fd == -1 && errno == ENOENT) {
            *fd = xc_journal_open_log(journal, O_CREAT | O_EXCL, st);

            if (*fd != -1 && xc_journal_own(journal, *fd) != 0) {
                close(*fd);
                return xc_journal_log_error(op, "chown");
            }
        }

        if (*fd != -1 || (errno != ENOENT && errno != EEXIST)) {
            break;
        }
    }

    if (*fd == -1) {
        return xc_journal_log_error(op, "open");
    }

    if (!S_ISREG(st->st_mode) || st->st_size != 0) {
        close(*fd);
        return xc_journal_stranger(op);
    }

    return XC_OK;
}


/*
 * Goes on in an empty file.  All of it is on stable storage before the first
 * line: else a power loss could bring back a head that takes the new file for
 * a stranger's.  tip before durable: one of them is always whole.
 */
static xc_rc_t
xc_journal_new_file(xc_journal_op_t *op)
{
    int                   fd = -1;
    xc_rc_t               rc;
    struct stat           st;
    xc_journal_head_t    *tip = &op->tip.head;
    xc_journal_signed_t   last;

    /* Before anything is made: what is refused leaves no trace. */
    rc = xc_journal_last_signed(op, &last);
    rc = rc == XC_OK ? xc_journal_check_signed(op, &last) : rc;
    rc = rc == XC_OK ? xc_journal_open_empty(op, &fd, &st) : rc;

    if (rc != XC_OK) {
        return rc;
    }

    if (fsync(fd) != 0 || fsync(op->journal->dir_fd) != 0) {
        close(fd);
        return xc_journal_log_error(op, "fsync");
    }

    tip->dev = st.st_dev;
    tip->ino = st.st_ino;
    tip->size = 0;
    tip->first_seq = tip->seq;
    tip->state = 0;
    xc_journal_set_node(op);
    op->durable = op->tip;

    rc = xc_journal_store_tip(op);
    rc = rc == XC_OK ? xc_journal_sync_head(op) : rc;
    rc = rc == XC_OK ? xc_journal_store_durable(op) : rc;
    rc = rc == XC_OK ? xc_journal_sync_head(op) : rc;

    if (rc != XC_OK) {
        close(fd);
        return rc;
    }

    xc_journal_take(op->journal, fd, &st);
    op->found = XC_JOURNAL_HEAD_KNOWN;

    return XC_OK;
}


static xc_rc_t
xc_journal_begin(xc_journal_op_t *op, bool create, bool exists,
    const struct stat *named)
{
    int                fd;
    xc_rc_t            rc;
    struct stat        st;
    xc_journal_note_t  note = { .cause = XC_JOURNAL_HEAD_LOST };

    if (!exists || named->st_size == 0) {
        if (!create) {
            return XC_DENIED;
        }

        if (op->found == XC_JOURNAL_HEAD_GONE) {
            xc_journal_say(op->report, true, "%s/" XC_JOURNAL_HEAD " was lost, "
                           "and there is no " XC_JOURNAL_LOG " to make it "
                           "from: a new chain begins at seq 0",
                           op->journal->conf.dir);
            xc_journal_add_note(op, &note);
        }

        return xc_journal_new_file(op);
    }

    fd = xc_journal_open_log(op->journal, 0, &st);
    if (fd == -1) {
        return xc_journal_log_error(op, "open");
    }

    rc = xc_journal_adopt(op, fd, &st);

    if (rc != XC_OK) {
        close(fd);
        return rc;
    }

    xc_journal_take(op->journal, fd, &st);

    return XC_OK;
}


/* Step 8: the file is never appended to again, whatever its name is now. */
static xc_rc_t
xc_journal_replace_failed(xc_journal_op_t *op, bool exists,
    const struct stat *named)
{
    char                name[256];
    xc_rc_t             rc;
    xc_journal_note_t  *note, none = { .cause = 0 };
    xc_journal_head_t  *tip = &op->tip.head;

    note = op->tip.n_notes != 0 ? &op->tip.notes[0] : &none;

    if (exists && xc_journal_is(named, tip->dev, tip->ino)) {
        rc = xc_journal_give_up(op, note);

    } else {
        rc = xc_journal_find(op->journal, tip->dev, tip->ino, name);

        if (rc == XC_OK) {
            xc_journal_note_file(note, name);

        } else if (rc == XC_EIO) {
            rc = xc_journal_log_error(op, "find the renamed");
        }
    }

    if (rc == XC_EIO) {
        return rc;
    }

    xc_journal_say(op->report, false, "a write to %s/" XC_JOURNAL_LOG " had "
                   "failed: it is now %s, and a new one goes on at seq %llu",
                   op->journal->conf.dir,
                   note->file[0] == '\0' ? "gone" : note->file,
                   (xc_journal_llu_t) tip->seq);

    return xc_journal_new_file(op);
}


static xc_rc_t
xc_journal_deleted(xc_journal_op_t *op)
{
    xc_journal_note_t         note = { .cause = XC_JOURNAL_LOG_DELETED };
    const xc_journal_head_t  *tip = &op->tip.head;

    note.from = tip->first_seq;
    note.to = tip->seq;

    if (tip->seq != 0) {
        xc_journal_add_note(op, &note);
    }

    xc_journal_say(op->report, true, "%s/" XC_JOURNAL_LOG " was deleted with "
                   "%llu records from seq %llu on; a new one goes on at seq "
                   "%llu", op->journal->conf.dir,
                   (xc_journal_llu_t) (note.to - note.from),
                   (xc_journal_llu_t) note.from, (xc_journal_llu_t) note.to);

    return xc_journal_new_file(op);
}


/*
 * Inode numbers are used again: does the file begin as the tip's file does?
 * doubt: the answer where it begins with no record at all.
 */
static bool
xc_journal_is_ours(const xc_journal_op_t *op, int fd, bool doubt)
{
    char                  buf[XC_JOURNAL_PREFIX_MAX];
    ssize_t               n;
    xc_journal_prefix_t   p;

    n = xc_journal_pread(fd, buf, sizeof(buf), 0);

    if (n <= 0) {
        return n == 0;
    }

    if (!xc_journal_parse((xc_str_t) { buf, (size_t) n }, &p)) {
        return doubt;
    }

    return p.seq == op->tip.head.first_seq
           && xc_str_eq(p.node, op->journal->conf.node);
}


/* The file that the tip names, by our own descriptor or by any name within
 * the directory.  XC_DENIED: it is deleted. */
static xc_rc_t
xc_journal_open_old(xc_journal_op_t *op, int *fd, struct stat *st)
{
    char           name[256];
    xc_rc_t        rc;
    xc_journal_t  *journal = op->journal;

    if (xc_journal_holds_tip(op)) {
        *fd = journal->log_fd;

        if (fstat(*fd, st) != 0) {
            return xc_journal_log_error(op, "stat the renamed");
        }

        return st->st_nlink != 0 ? XC_OK : XC_DENIED;
    }

    rc = xc_journal_find(journal, op->tip.head.dev, op->tip.head.ino, name);

    if (rc == XC_OK) {
        *fd = openat(journal->dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

        if (*fd == -1) {
            return xc_journal_log_error(op, "open the renamed");
        }

        if (fstat(*fd, st) != 0) {
            close(*fd);
            return xc_journal_log_error(op, "stat the renamed");
        }

        if (!xc_journal_is_ours(op, *fd, false)) {
            close(*fd);
            return XC_DENIED;
        }
    }

    return rc == XC_EIO ? xc_journal_log_error(op, "find the renamed") : rc;
}


/* Told at once: another descriptor, and a later fdatasync of this one, would
 * call the lost records safe. */
static xc_rc_t
xc_journal_old_failed(xc_journal_op_t *op, int fd)
{
    char                name[256];
    xc_journal_note_t   note = { .cause = XC_JOURNAL_SYNC_FAILED };
    xc_journal_head_t  *tip = &op->tip.head;

    xc_journal_say(op->report, false, "fdatasync of the renamed %s/"
                   XC_JOURNAL_LOG " failed: its last records may be lost",
                   op->journal->conf.dir);

    op->journal->failed = fd == op->journal->log_fd;
    note.bytes = tip->size;
    xc_journal_unsynced(op, &note);

    if (xc_journal_find(op->journal, tip->dev, tip->ino, name) == XC_OK) {
        xc_journal_note_file(&note, name);
    }

    tip->state = XC_JOURNAL_FAILED;
    xc_journal_add_note(op, &note);

    return xc_journal_store_tip(op);
}


/* Makes sure that the old file's lines are on stable storage, for the last
 * time, and signed for; says how it ended. */
static xc_rc_t
xc_journal_close_old(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t                   rc;
    xc_journal_note_t         note = { .cause = XC_JOURNAL_REOPEN };
    const xc_journal_head_t  *tip = &op->tip.head;

    rc = xc_journal_settle(op, fd, size, fd != op->journal->log_fd);
    if (rc != XC_OK) {
        return rc;
    }

    if (fdatasync(fd) != 0) {
        return xc_journal_old_failed(op, fd);
    }

    if (tip->seq == 0) {
        return XC_OK;
    }

    note.bytes = tip->size;
    note.to = note.from = tip->seq;

    /* The new file can be verified alone: against one of just its frontier's
     * size. */
    rc = xc_journal_sign(op, tip);
    if (rc == XC_OK) {
        xc_journal_add_note(op, &note);
    }

    return rc;
}


static xc_rc_t
xc_journal_rotate(xc_journal_op_t *op, bool exists, const struct stat *named)
{
    int          fd = -1;
    xc_rc_t      rc;
    struct stat  st;

    if (exists && named->st_size != 0) {
        return xc_journal_stranger(op);
    }

    rc = xc_journal_open_old(op, &fd, &st);
    if (rc != XC_OK) {
        return rc == XC_DENIED ? xc_journal_deleted(op) : rc;
    }

    rc = xc_journal_close_old(op, fd, (uint64_t) st.st_size);

    if (fd != op->journal->log_fd) {
        close(fd);
    }

    return rc == XC_OK ? xc_journal_new_file(op) : rc;
}


/* audit.log was the tip's inode a moment ago.  XC_DENIED: it no longer is. */
static xc_rc_t
xc_journal_first_look(xc_journal_op_t *op)
{
    int          fd;
    xc_rc_t      rc;
    struct stat  st;

    fd = xc_journal_open_log(op->journal, 0, &st);
    if (fd == -1) {
        return errno == ENOENT ? XC_DENIED : xc_journal_log_error(op, "open");
    }

    if (!xc_journal_is(&st, op->tip.head.dev, op->tip.head.ino)) {
        close(fd);
        return XC_DENIED;
    }

    rc = xc_journal_is_ours(op, fd, true)
         ? xc_journal_settle(op, fd, (uint64_t) st.st_size, true)
         : xc_journal_stranger(op);

    if (rc != XC_OK) {
        close(fd);
        return rc;
    }

    xc_journal_take(op->journal, fd, &st);

    return XC_OK;
}


static xc_rc_t
xc_journal_prepare_once(xc_journal_op_t *op, bool create, bool *again)
{
    bool         exists;
    xc_rc_t      rc;
    struct stat  st;

    rc = xc_journal_stat_log(op, &st);
    if (rc != XC_OK && rc != XC_DENIED) {
        return rc;
    }

    exists = rc == XC_OK;

    if (op->found != XC_JOURNAL_HEAD_KNOWN) {
        return xc_journal_begin(op, create, exists, &st);
    }

    if (op->tip.head.state == XC_JOURNAL_FAILED) {
        return xc_journal_replace_failed(op, exists, &st);
    }

    if (!exists || !xc_journal_is(&st, op->tip.head.dev, op->tip.head.ino)) {
        return xc_journal_rotate(op, exists, &st);
    }

    if (!xc_journal_holds_tip(op)) {
        rc = xc_journal_first_look(op);
        *again = rc == XC_DENIED;
        return rc;
    }

    return xc_journal_settle(op, op->journal->log_fd, (uint64_t) st.st_size,
                             false);
}


/* A process's first look, and whenever the head is another or goes back: the
 * whole directory may have been put back to an earlier day. */
static xc_rc_t
xc_journal_prepare_signed(xc_journal_op_t *op)
{
    xc_rc_t               rc;
    xc_journal_t         *journal = op->journal;
    xc_journal_signed_t   last;

    if (!journal->checked || op->tip.head.seq < journal->seen) {
        journal->checked = false;

        rc = xc_journal_last_signed(op, &last);
        rc = rc == XC_OK ? xc_journal_check_signed(op, &last) : rc;

        if (rc != XC_OK) {
            return rc;
        }

        journal->checked = true;
    }

    journal->seen = op->tip.head.seq;

    return XC_OK;
}


xc_rc_t
xc_journal_prepare(xc_journal_op_t *op, bool create)
{
    int      tries;
    bool     again;
    xc_rc_t  rc;

    if (op->journal->failed) {
        rc = xc_journal_mark_failed(op, XC_JOURNAL_SYNC_FAILED);
        if (rc != XC_OK) {
            return rc;
        }
    }

    for (tries = 0; tries < XC_JOURNAL_TRIES; tries++) {
        again = false;
        rc = xc_journal_prepare_once(op, create, &again);

        if (!again) {
            return rc == XC_OK ? xc_journal_prepare_signed(op) : rc;
        }
    }

    errno = EAGAIN;

    return xc_journal_log_error(op, "open");
}
