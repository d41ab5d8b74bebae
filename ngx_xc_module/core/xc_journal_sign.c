#define _GNU_SOURCE             /* memmem() */

#include "xc_journal_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define XC_JOURNAL_CHECKPOINT_NEW   "audit.checkpoint.new"

/* The line that ends each checkpoint in audit.checkpoints, and the end of the
 * line before. */
#define XC_JOURNAL_SEPARATOR        "\n--\n"
#define XC_JOURNAL_SEPARATOR_SIZE   4

static const char  xc_journal_unsigned[] = "no checkpoint is signed until it "
                                           "can be";
static const char  xc_journal_unread[] = "the log can't be held to it until "
                                         "it can be";


/*
 * Both files.  A checkpoint is kept first and published afterwards, so that
 * kept is behind only where somebody took audit.checkpoints away, and latest
 * is behind where a writer died between the two.
 */
typedef struct {
    xc_journal_signed_t  kept;          /* the last whole one */
    xc_journal_signed_t  latest;        /* audit.checkpoint */
    uint64_t             size;          /* of audit.checkpoints */
    uint64_t             end;           /* behind its last separator */
    char                 note[XC_JOURNAL_CHECKPOINT_MAX];   /* kept's */
    size_t               len;
} xc_journal_files_t;

typedef unsigned long long  xc_journal_llu_t;   /* for messages */


/* XC_EINPUT: not a checkpoint; *error says why.  The signature is not looked
 * at: the log's key may have been another one then. */
static xc_rc_t
xc_journal_read_signed(xc_str_t note, const char **error,
    xc_checkpoint_t *out)
{
    const char  *blank;

    blank = memmem(note.data, note.len, "\n\n", 2);

    if (blank == NULL || blank + 2 == note.data + note.len
        || note.data[note.len - 1] != '\n')
    {
        *error = "not a signed note";
        return XC_EINPUT;
    }

    note.len = (size_t) (blank - note.data) + 1;

    return xc_checkpoint_read(note, error, out);
}


static xc_rc_t
xc_journal_take_signed(xc_journal_op_t *op, const char *file, xc_str_t note,
    xc_journal_signed_t *out)
{
    xc_rc_t                   rc;
    const char               *error;
    xc_checkpoint_t           checkpoint;
    const xc_journal_conf_t  *conf = &op->journal->conf;

    rc = xc_journal_read_signed(note, &error, &checkpoint);
    if (rc != XC_OK) {
        xc_journal_say(op->report, false, "the last checkpoint in %s/%s is "
                       "none (%s): put the file right, or move it away",
                       conf->dir, file, error);
        return rc;
    }

    if (conf->origin.len != 0 && !xc_str_eq(checkpoint.origin, conf->origin)) {
        xc_journal_say(op->report, false, "%s/%s is of the log \"" XC_STR_FMT
                       "\", not \"" XC_STR_FMT "\": use that origin, or a new "
                       "directory with the new one", conf->dir, file,
                       XC_STR_ARG(checkpoint.origin),
                       XC_STR_ARG(conf->origin));
        return XC_EINPUT;
    }

    out->size = checkpoint.size;
    memcpy(out->root, checkpoint.root, XC_SHA256_SIZE);

    return XC_OK;
}


/* Behind the last whole checkpoint: a crash leaves a torn one, or NULs. */
static int
xc_journal_find_end(int fd, uint64_t size, uint64_t *end)
{
    char      buf[4096];
    size_t    i, n;
    uint64_t  to, from;

    *end = 0;

    for (to = size; to >= XC_JOURNAL_SEPARATOR_SIZE;
         to = from + XC_JOURNAL_SEPARATOR_SIZE - 1)
    {
        from = to > sizeof(buf) ? to - sizeof(buf) : 0;
        n = (size_t) (to - from);

        if (xc_journal_pread(fd, buf, n, from) != (ssize_t) n) {
            return -1;
        }

        for (i = n; i >= XC_JOURNAL_SEPARATOR_SIZE; i--) {
            if (memcmp(buf + i - XC_JOURNAL_SEPARATOR_SIZE,
                       XC_JOURNAL_SEPARATOR, XC_JOURNAL_SEPARATOR_SIZE) == 0)
            {
                *end = from + i;
                return 0;
            }
        }

        if (from == 0) {
            break;
        }
    }

    return 0;
}


/* The checkpoint that ends, with its separator, at files->end. */
static int
xc_journal_read_kept(int fd, xc_journal_files_t *files)
{
    char         buf[XC_JOURNAL_CHECKPOINT_MAX + 2 * XC_JOURNAL_SEPARATOR_SIZE];
    size_t       n;
    const char  *p, *end;

    n = (size_t) XC_MIN(files->end, sizeof(buf));

    if (xc_journal_pread(fd, buf, n, files->end - n) != (ssize_t) n) {
        return -1;
    }

    /* The first LF of the separator is the checkpoint's own. */
    end = buf + n - XC_JOURNAL_SEPARATOR_SIZE + 1;

    for (p = end; p > buf; p--) {
        if (p - buf >= XC_JOURNAL_SEPARATOR_SIZE
            && memcmp(p - XC_JOURNAL_SEPARATOR_SIZE, XC_JOURNAL_SEPARATOR,
                      XC_JOURNAL_SEPARATOR_SIZE) == 0)
        {
            break;
        }
    }

    /* One that is too long for any of ours is cut, and not taken for one. */
    files->len = XC_MIN((size_t) (end - p), sizeof(files->note));
    memcpy(files->note, p, files->len);

    return 0;
}


static xc_rc_t
xc_journal_kept(xc_journal_op_t *op, int fd, xc_journal_files_t *files)
{
    struct stat  st;

    if (fstat(fd, &st) != 0
        || xc_journal_find_end(fd, (uint64_t) st.st_size, &files->end) != 0
        || (files->end != 0 && xc_journal_read_kept(fd, files) != 0))
    {
        return xc_journal_eio(op->journal, op->report, "read",
                              XC_JOURNAL_CHECKPOINTS, xc_journal_unread);
    }

    files->size = (uint64_t) st.st_size;

    if (files->end == 0) {
        return XC_OK;
    }

    return xc_journal_take_signed(op, XC_JOURNAL_CHECKPOINTS,
                                  (xc_str_t) { files->note, files->len },
                                  &files->kept);
}


static xc_rc_t
xc_journal_latest(xc_journal_op_t *op, xc_journal_files_t *files)
{
    char                 note[XC_JOURNAL_CHECKPOINT_MAX];
    size_t               len;
    xc_rc_t              rc;
    xc_journal_report_t  quiet, *report = op->report;

    rc = xc_journal_read_checkpoint(op->journal, note, &len);

    if (rc == XC_EIO) {
        return xc_journal_eio(op->journal, report, "read",
                              XC_JOURNAL_CHECKPOINT, xc_journal_unread);
    }

    if (rc == XC_DENIED) {
        return XC_OK;
    }

    /* What audit.checkpoints has makes up for a damaged one. */
    if (files->kept.size != 0) {
        memset(&quiet, 0, sizeof(quiet));
        op->report = &quiet;
    }

    len = rc == XC_OK ? len : 0;
    rc = xc_journal_take_signed(op, XC_JOURNAL_CHECKPOINT,
                                (xc_str_t) { note, len }, &files->latest);
    op->report = report;

    return files->kept.size != 0 ? XC_OK : rc;
}


xc_rc_t
xc_journal_another_tree(xc_journal_op_t *op, const xc_journal_signed_t *last)
{
    xc_journal_say(op->report, true, "%s/" XC_JOURNAL_LOG " is not the log "
                   "that the checkpoint of size %llu was signed for: put the "
                   "right one back and take " XC_JOURNAL_HEAD " away, or "
                   "begin anew in another directory with another origin",
                   op->journal->conf.dir, (xc_journal_llu_t) last->size);

    return XC_EINPUT;
}


static xc_rc_t
xc_journal_read_files(xc_journal_op_t *op, int fd, xc_journal_files_t *files,
    xc_journal_signed_t *last)
{
    xc_rc_t  rc;

    memset(files, 0, sizeof(xc_journal_files_t));

    rc = fd == -1 ? XC_OK : xc_journal_kept(op, fd, files);
    rc = rc == XC_OK ? xc_journal_latest(op, files) : rc;

    if (rc != XC_OK) {
        return rc;
    }

    *last = files->latest.size > files->kept.size ? files->latest
                                                  : files->kept;

    if (files->latest.size == files->kept.size
        && memcmp(files->latest.root, files->kept.root, XC_SHA256_SIZE) != 0)
    {
        return xc_journal_another_tree(op, last);
    }

    return XC_OK;
}


xc_rc_t
xc_journal_last_signed(xc_journal_op_t *op, xc_journal_signed_t *out)
{
    int                  fd;
    xc_rc_t              rc;
    xc_journal_files_t   files;
    xc_journal_signed_t  last;

    fd = openat(op->journal->dir_fd, XC_JOURNAL_CHECKPOINTS,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd == -1 && errno != ENOENT) {
        return xc_journal_eio(op->journal, op->report, "open",
                              XC_JOURNAL_CHECKPOINTS, xc_journal_unread);
    }

    rc = xc_journal_read_files(op, fd, &files, &last);

    if (fd != -1) {
        close(fd);
    }

    if (rc == XC_OK) {
        *out = last;
    }

    return rc;
}


/* XC_OK: head has this root where it is of that size. */
static xc_rc_t
xc_journal_same_tree(xc_journal_op_t *op, const xc_journal_head_t *head,
    const xc_journal_signed_t *last)
{
    xc_rc_t  rc;
    uint8_t  root[XC_SHA256_SIZE];

    if (head->seq != last->size) {
        return XC_OK;
    }

    rc = xc_merkle_root(&head->tree, root);

    if (rc == XC_OK && memcmp(root, last->root, sizeof(root)) != 0) {
        return xc_journal_another_tree(op, last);
    }

    return rc;
}


xc_rc_t
xc_journal_check_signed(xc_journal_op_t *op, const xc_journal_signed_t *last)
{
    xc_rc_t                   rc;
    const xc_journal_head_t  *tip = &op->tip.head;

    if (last->size == 0) {
        return XC_OK;
    }

    if (tip->seq < last->size) {
        xc_journal_say(op->report, true, "neither head nor log in %s reaches "
                       "the last checkpoint: %llu records, but %llu were "
                       "signed for: put the right " XC_JOURNAL_LOG " back and "
                       "take " XC_JOURNAL_HEAD " away, or begin anew in "
                       "another directory with another origin",
                       op->journal->conf.dir, (xc_journal_llu_t) tip->seq,
                       (xc_journal_llu_t) last->size);
        return XC_EINPUT;
    }

    rc = xc_journal_same_tree(op, tip, last);

    if (rc == XC_OK && op->durable_ok) {
        rc = xc_journal_same_tree(op, &op->durable.head, last);
    }

    return rc;
}


/*
 * Keeps the checkpoint: it is on stable storage before anybody is shown it.
 * Pages that a failed fdatasync left clean are made dirty again by the next
 * try, since what it wrote is cut.
 */
static xc_rc_t
xc_journal_keep(xc_journal_op_t *op, int fd, const xc_journal_files_t *files,
    const xc_buf_t *note)
{
    if (files->end < files->size) {
        xc_journal_say(op->report, false, "%llu bytes of a torn checkpoint "
                       "cut off %s/" XC_JOURNAL_CHECKPOINTS,
                       (xc_journal_llu_t) (files->size - files->end),
                       op->journal->conf.dir);

        if (ftruncate(fd, (off_t) files->end) != 0) {
            return xc_journal_eio(op->journal, op->report, "truncate",
                                  XC_JOURNAL_CHECKPOINTS, xc_journal_unsigned);
        }
    }

    if (xc_journal_pwrite(fd, note->data, note->len, files->end) != 0
        || fdatasync(fd) != 0
        || (files->end == 0 && fsync(op->journal->dir_fd) != 0))
    {
        (void) xc_journal_eio(op->journal, op->report, "write",
                              XC_JOURNAL_CHECKPOINTS, xc_journal_unsigned);
        (void) !ftruncate(fd, (off_t) files->end);
        return XC_EIO;
    }

    return XC_OK;
}


static int
xc_journal_write_new(xc_journal_op_t *op, const char *note, size_t len)
{
    int  fd, rc, err;

    /* One that stands may be a second name of another file, or a FIFO. */
    (void) unlinkat(op->journal->dir_fd, XC_JOURNAL_CHECKPOINT_NEW, 0);

    fd = openat(op->journal->dir_fd, XC_JOURNAL_CHECKPOINT_NEW,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd == -1) {
        return -1;
    }

    rc = xc_journal_own(op->journal, fd) == 0
         && xc_journal_pwrite(fd, note, len, 0) == 0
         && fsync(fd) == 0 ? 0 : -1;
    err = errno;
    close(fd);
    errno = err;

    return rc;
}


/* The directory is not synced: after a power loss an older audit.checkpoint
 * may be back, and is replaced by what audit.checkpoints has. */
static xc_rc_t
xc_journal_publish(xc_journal_op_t *op, const char *note, size_t len)
{
    int  dir_fd = op->journal->dir_fd;

    if (xc_journal_write_new(op, note, len) != 0
        || renameat(dir_fd, XC_JOURNAL_CHECKPOINT_NEW, dir_fd,
                    XC_JOURNAL_CHECKPOINT) != 0)
    {
        return xc_journal_eio(op->journal, op->report, "write",
                              XC_JOURNAL_CHECKPOINT, xc_journal_unsigned);
    }

    return XC_OK;
}


/* The note and its separator's line; *len: of the note alone. */
static xc_rc_t
xc_journal_make_note(xc_journal_op_t *op, const xc_journal_head_t *head,
    xc_buf_t *out, size_t *len)
{
    xc_rc_t                   rc;
    xc_note_key_t             key;
    xc_checkpoint_t           checkpoint;
    const xc_journal_conf_t  *conf = &op->journal->conf;

    checkpoint = (xc_checkpoint_t) { .origin = conf->origin,
                                     .size = head->seq };

    rc = xc_note_key_make(conf->origin, conf->key, &key);
    rc = rc == XC_OK ? xc_merkle_root(&head->tree, checkpoint.root) : rc;
    rc = rc == XC_OK ? xc_checkpoint_sign(out, &checkpoint, &key) : rc;

    *len = out->len;
    xc_buf_z(out, &XC_JOURNAL_SEPARATOR[1]);

    if (rc != XC_OK || out->overflow) {
        xc_journal_say(op->report, true, "the checkpoint of size %llu could "
                       "not be signed", (xc_journal_llu_t) head->seq);
        return XC_EINTERNAL;
    }

    return XC_OK;
}


static xc_rc_t
xc_journal_sign_next(xc_journal_op_t *op, int fd,
    const xc_journal_head_t *head)
{
    char                 mem[XC_JOURNAL_CHECKPOINT_MAX];
    size_t               len;
    xc_rc_t              rc;
    xc_buf_t             note;
    xc_journal_files_t   files;
    xc_journal_signed_t  last;

    rc = xc_journal_read_files(op, fd, &files, &last);
    rc = rc == XC_OK ? xc_journal_same_tree(op, head, &last) : rc;

    if (rc != XC_OK) {
        return rc;
    }

    if (head->seq > last.size) {
        xc_buf_init(&note, mem, sizeof(mem));

        rc = xc_journal_make_note(op, head, &note, &len);
        rc = rc == XC_OK ? xc_journal_keep(op, fd, &files, &note) : rc;

        return rc == XC_OK ? xc_journal_publish(op, mem, len) : rc;
    }

    if (files.kept.size > files.latest.size) {

        /* Whoever kept it may have died before it was synced.  Where that
         * fails it is cut, to be written again: see xc_journal_keep(). */
        if (fdatasync(fd) != 0) {
            (void) xc_journal_eio(op->journal, op->report, "fdatasync",
                                  XC_JOURNAL_CHECKPOINTS, xc_journal_unsigned);
            (void) !ftruncate(fd, (off_t) (files.end - files.len
                                           - XC_JOURNAL_SEPARATOR_SIZE + 1));
            return XC_EIO;
        }

        return xc_journal_publish(op, files.note, files.len);
    }

    return XC_OK;
}


static xc_rc_t
xc_journal_sign_locked(xc_journal_op_t *op, const xc_journal_head_t *head)
{
    int      fd;
    xc_rc_t  rc;

    fd = openat(op->journal->dir_fd, XC_JOURNAL_CHECKPOINTS,
                O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd == -1) {
        return xc_journal_eio(op->journal, op->report, "open",
                              XC_JOURNAL_CHECKPOINTS, xc_journal_unsigned);
    }

    if (xc_journal_own(op->journal, fd) == 0) {
        rc = xc_journal_sign_next(op, fd, head);

    } else {
        rc = xc_journal_eio(op->journal, op->report, "chown",
                            XC_JOURNAL_CHECKPOINTS, xc_journal_unsigned);
    }

    close(fd);

    return rc;
}


xc_rc_t
xc_journal_sign(xc_journal_op_t *op, const xc_journal_head_t *head)
{
    xc_rc_t        rc;
    xc_journal_t  *journal = op->journal;

    if (journal->conf.key == NULL || head->seq == 0) {
        return XC_OK;
    }

    if (xc_journal_flock(journal, XC_JOURNAL_LOCK_CHECKPOINTS, true) != 0) {
        return xc_journal_eio(journal, op->report, "lock", XC_JOURNAL_HEAD,
                              xc_journal_unsigned);
    }

    if (xc_journal_head_stands(journal)) {
        rc = xc_journal_sign_locked(op, head);

    } else {
        errno = ESTALE;
        rc = xc_journal_eio(journal, op->report, "lock", XC_JOURNAL_HEAD,
                            xc_journal_unsigned);
    }

    (void) xc_journal_flock(journal, XC_JOURNAL_LOCK_CHECKPOINTS, false);

    return rc;
}


xc_rc_t
xc_journal_read_checkpoint(const xc_journal_t *journal, char *buf, size_t *len)
{
    int          fd, err;
    ssize_t      n;
    struct stat  st;

    fd = openat(journal->dir_fd, XC_JOURNAL_CHECKPOINT,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd == -1) {
        return errno == ENOENT ? XC_DENIED : XC_EIO;
    }

    n = fstat(fd, &st) != 0
        ? -1 : xc_journal_pread(fd, buf, XC_JOURNAL_CHECKPOINT_MAX, 0);
    err = errno;
    close(fd);
    errno = err;

    if (n < 0) {
        return XC_EIO;
    }

    if (st.st_size > XC_JOURNAL_CHECKPOINT_MAX) {
        return XC_EINPUT;
    }

    *len = (size_t) n;

    return XC_OK;
}
