#include "xc_journal_impl.h"

#include <errno.h>
#include <unistd.h>


typedef unsigned long long  xc_journal_llu_t;   /* for messages */


/* Lines are given up, or half a record is left where no seq was spent. */
static bool
xc_journal_is_loss(const xc_journal_note_t *note)
{
    return note->cause >= XC_JOURNAL_SYNC_FAILED
           && note->cause <= XC_JOURNAL_LOG_TRUNCATED;
}


static void
xc_journal_widen(xc_journal_note_t *note, const xc_journal_note_t *by)
{
    if (by->from == by->to) {
        return;
    }

    note->from = note->from == note->to ? by->from
                                        : XC_MIN(note->from, by->from);
    note->to = XC_MAX(note->to, by->to);
}


/*
 * A record excuses what is missing right before it, so that of several the
 * first one names all that the others give up.
 */
static void
xc_journal_add_loss(xc_journal_op_t *op, const xc_journal_note_t *note)
{
    size_t              n;
    xc_journal_note_t  *notes = op->tip.notes;

    n = XC_MIN(op->tip.n_notes, XC_JOURNAL_NOTES_MAX - 1);
    memmove(notes + 1, notes, n * sizeof(xc_journal_note_t));
    notes[0] = *note;
    op->tip.n_notes = (uint32_t) n + 1;

    if (n != 0 && xc_journal_is_loss(&notes[1])) {
        xc_journal_widen(&notes[0], &notes[1]);
    }
}


void
xc_journal_add_note(xc_journal_op_t *op, const xc_journal_note_t *note)
{
    xc_journal_note_t  *last;

    if (xc_journal_is_loss(note)) {
        xc_journal_add_loss(op, note);
        return;
    }

    if (op->tip.n_notes < XC_JOURNAL_NOTES_MAX) {
        op->tip.notes[op->tip.n_notes++] = *note;
        return;
    }

    /* So many repairs without one append between them: the last one's record
     * speaks for the rest, and names the widest range. */
    last = &op->tip.notes[XC_JOURNAL_NOTES_MAX - 1];
    last->bytes += note->bytes;
    xc_journal_widen(last, note);
}


static bool
xc_journal_durable_here(const xc_journal_op_t *op)
{
    return op->durable_ok && op->durable.head.dev == op->tip.head.dev
           && op->durable.head.ino == op->tip.head.ino;
}


/* What was written, but is not known to be on stable storage. */
void
xc_journal_unsynced(const xc_journal_op_t *op, xc_journal_note_t *note)
{
    note->from = xc_journal_durable_here(op) ? op->durable.head.seq
                                             : op->tip.head.first_seq;
    note->to = op->tip.head.seq;
}


xc_rc_t
xc_journal_mark_failed(xc_journal_op_t *op, xc_journal_cause_t cause)
{
    xc_rc_t             rc;
    xc_journal_t       *journal = op->journal;
    xc_journal_note_t   note = { .cause = cause };
    xc_journal_head_t  *tip = &op->tip.head;

    if (op->found != XC_JOURNAL_HEAD_KNOWN || tip->state == XC_JOURNAL_FAILED
        || tip->dev != journal->log_dev || tip->ino != journal->log_ino)
    {
        journal->failed = false;
        return XC_OK;
    }

    tip->state = XC_JOURNAL_FAILED;
    xc_journal_unsynced(op, &note);
    note.bytes = tip->size;
    xc_journal_add_note(op, &note);

    rc = xc_journal_store_tip(op);
    if (rc == XC_OK) {
        journal->failed = false;
    }

    return rc;
}


xc_rc_t
xc_journal_log_error(xc_journal_op_t *op, const char *what)
{
    return xc_journal_eio(op->journal, op->report, what, XC_JOURNAL_LOG,
                          "requests are refused until it can be");
}


void
xc_journal_set_node(xc_journal_op_t *op)
{
    const xc_str_t  *node = &op->journal->conf.node;

    memset(op->tip.head.node, 0, sizeof(op->tip.head.node));
    memcpy(op->tip.head.node, node->data, node->len);
}


/*
 * Stores what the repair made of the tip, then cuts what has been set aside.
 * In this order a crash between the two only sets the same bytes aside again.
 */
static xc_rc_t
xc_journal_settle_tip(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t  rc;

    rc = xc_journal_store_tip(op);

    if (rc == XC_OK && size > op->tip.head.size
        && ftruncate(fd, (off_t) op->tip.head.size) != 0)
    {
        return xc_journal_log_error(op, "truncate");
    }

    return rc;
}


static void
xc_journal_set_tip(xc_journal_op_t *op, const xc_journal_cursor_t *cursor)
{
    xc_journal_head_t  *tip = &op->tip.head;

    tip->size = cursor->size;
    tip->seq = cursor->seq;
    tip->last_us = cursor->last_us;
    tip->tree = cursor->tree;
    memcpy(tip->leaf, cursor->leaf, XC_SHA256_SIZE);
}


static xc_journal_cursor_t
xc_journal_cursor(const xc_journal_head_t *h)
{
    xc_journal_cursor_t  c = { .size = h->size, .seq = h->seq,
                               .first_seq = h->first_seq,
                               .last_us = h->last_us,
                               .tree = h->tree };

    memcpy(c.leaf, h->leaf, XC_SHA256_SIZE);

    return c;
}


/* Larger than the tip: whole lines are those of a writer that died before it
 * could say so; the rest is set aside. */
static xc_rc_t
xc_journal_grown(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t              rc;
    xc_journal_note_t    note = { .cause = XC_JOURNAL_TORN_TAIL };
    xc_journal_cursor_t  cursor = xc_journal_cursor(&op->tip.head);

    rc = xc_journal_scan(op, fd, size, &cursor);
    if (rc != XC_OK) {
        return rc;
    }

    xc_journal_set_tip(op, &cursor);

    if (cursor.size < size) {
        rc = xc_journal_set_aside(op, fd, cursor.size, size, &note);
        if (rc != XC_OK) {
            return rc;
        }

        xc_journal_add_note(op, &note);
    }

    return xc_journal_settle_tip(op, fd, size);
}


/* What was owed when durable was stored is owed again where its records, the
 * first ones behind it, are gone with the rest. */
static void
xc_journal_owe_again(xc_journal_op_t *op, uint64_t seq)
{
    uint64_t            i, n = op->tip.n_notes;
    xc_journal_note_t   notes[XC_JOURNAL_NOTES_MAX];

    memcpy(notes, op->tip.notes, n * sizeof(xc_journal_note_t));
    op->tip.n_notes = 0;

    for (i = seq - op->durable.head.seq; i < op->durable.n_notes; i++) {
        op->tip.notes[op->tip.n_notes++] = op->durable.notes[i];
    }

    for (i = 0; i < n; i++) {
        xc_journal_add_note(op, &notes[i]);
    }
}


/* Lines behind durable are gone or damaged, as a power loss leaves them: the
 * log is what chains. */
static xc_rc_t
xc_journal_roll_back(xc_journal_op_t *op, int fd, uint64_t size,
    const xc_journal_cursor_t *cursor)
{
    xc_rc_t            rc;
    xc_journal_note_t  note = { .cause = XC_JOURNAL_POWER_LOSS };

    note.from = cursor->seq;
    note.to = XC_MAX(cursor->seq, op->tip.head.seq);

    if (cursor->size < size) {
        rc = xc_journal_set_aside(op, fd, cursor->size, size, &note);
        if (rc != XC_OK) {
            return rc;
        }
    }

    xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " ends before its "
                   "head does, as after a power loss: %llu unsynced records "
                   "from seq %llu on are lost", op->journal->conf.dir,
                   (xc_journal_llu_t) (note.to - note.from),
                   (xc_journal_llu_t) note.from);
    xc_journal_set_tip(op, cursor);
    xc_journal_owe_again(op, cursor->seq);
    xc_journal_add_note(op, &note);

    return xc_journal_settle_tip(op, fd, size);
}


/*
 * Reads a file from its first line.  A torn end stays behind the cursor;
 * anything else that does not chain is refused, with the line's number.
 */
static xc_rc_t
xc_journal_scan_whole(xc_journal_op_t *op, int fd, uint64_t size,
    uint64_t mark, xc_journal_cursor_t *cursor)
{
    xc_rc_t  rc;

    memset(cursor, 0, sizeof(xc_journal_cursor_t));
    cursor->any = true;
    cursor->mark = mark;

    rc = xc_journal_scan(op, fd, size, cursor);
    if (rc != XC_OK || cursor->size == size) {
        return rc;
    }

    rc = xc_journal_scan_rest(op, fd, cursor->size);

    if (rc == XC_DENIED) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " line %llu "
                       "does not follow the line before it, and records "
                       "follow: nothing is cut; requests are refused until "
                       "you move the file out of the directory",
                       op->journal->conf.dir,
                       (xc_journal_llu_t) cursor->lines + 1);
        errno = EINVAL;
        return XC_EIO;
    }

    return rc;
}


/* No power loss explains it: somebody cut it.  seq, prev and the tree go on
 * from what the head knows, and the record names what is missing. */
static xc_rc_t
xc_journal_truncated(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t              rc;
    xc_journal_note_t    note = { .cause = XC_JOURNAL_LOG_TRUNCATED };
    xc_journal_head_t   *tip = &op->tip.head;
    xc_journal_cursor_t  cursor;

    rc = xc_journal_scan_whole(op, fd, size, 0, &cursor);
    if (rc != XC_OK) {
        return rc;
    }

    if (cursor.size < size) {
        rc = xc_journal_set_aside(op, fd, cursor.size, size, &note);
        if (rc != XC_OK) {
            return rc;
        }
    }

    note.from = cursor.any ? tip->first_seq : cursor.seq;
    note.to = XC_MAX(note.from, tip->seq);
    xc_journal_say(op->report, true, "%s/" XC_JOURNAL_LOG " was truncated: "
                   "%llu records from seq %llu on are missing",
                   op->journal->conf.dir,
                   (xc_journal_llu_t) (note.to - note.from),
                   (xc_journal_llu_t) note.from);

    tip->size = cursor.size;

    if (cursor.any) {
        tip->first_seq = tip->seq;
    }

    xc_journal_add_note(op, &note);

    if (fdatasync(fd) != 0) {
        return xc_journal_log_error(op, "fdatasync");
    }

    /* Before the tip: no durable may be left that lies behind what is written
     * from here on, and so within some line of it. */
    op->durable = op->tip;
    rc = xc_journal_store_durable(op);

    return rc == XC_OK ? xc_journal_settle_tip(op, fd, size) : rc;
}


/*
 * Could a power loss have left the file so?  Only in an earlier boot, only
 * lines that were never synced, hence none that a checkpoint covers: else a
 * seq that is spent, and signed for, would be given twice.
 * XC_DENIED: it could not.  XC_OK: the cursor is where the lines end.
 */
static xc_rc_t
xc_journal_power_loss(xc_journal_op_t *op, int fd, uint64_t size,
    xc_journal_cursor_t *cursor)
{
    xc_rc_t              rc;
    xc_journal_signed_t  last;

    if (!xc_journal_durable_here(op) || size < op->durable.head.size
        || xc_journal_same_boot(op))
    {
        return XC_DENIED;
    }

    *cursor = xc_journal_cursor(&op->durable.head);

    rc = xc_journal_scan(op, fd, size, cursor);
    rc = rc == XC_OK ? xc_journal_last_signed(op, &last) : rc;

    return rc == XC_OK && cursor->seq < last.size ? XC_DENIED : rc;
}


static xc_rc_t
xc_journal_shrunk(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t              rc;
    xc_journal_cursor_t  cursor;

    rc = xc_journal_power_loss(op, fd, size, &cursor);

    if (rc == XC_DENIED) {
        return xc_journal_truncated(op, fd, size);
    }

    return rc == XC_OK ? xc_journal_roll_back(op, fd, size, &cursor) : rc;
}


/*
 * A process's first look at the file: do the lines that were never synced
 * still say what the tip knows?  A file system may keep the size, and lose the
 * bytes.  XC_DENIED: it was repaired.
 */
static xc_rc_t
xc_journal_recheck(xc_journal_op_t *op, int fd, uint64_t size)
{
    xc_rc_t              rc;
    xc_journal_head_t   *tip = &op->tip.head;
    xc_journal_cursor_t  cursor;

    if (!xc_journal_durable_here(op) || op->durable.head.size >= tip->size) {
        return XC_OK;
    }

    cursor = xc_journal_cursor(&op->durable.head);

    rc = xc_journal_scan(op, fd, tip->size, &cursor);

    if (rc != XC_OK
        || (cursor.seq == tip->seq
            && memcmp(cursor.leaf, tip->leaf, XC_SHA256_SIZE) == 0))
    {
        return rc;
    }

    if (cursor.size < tip->size) {
        rc = xc_journal_power_loss(op, fd, tip->size, &cursor);

        if (rc == XC_OK) {
            rc = xc_journal_roll_back(op, fd, size, &cursor);
            return rc == XC_OK ? XC_DENIED : rc;
        }

        if (rc != XC_DENIED) {
            return rc;
        }
    }

    /* What a power loss does not do, such as whole lines of the same length
     * that are not those that were written. */
    xc_journal_say(op->report, true, "%s/" XC_JOURNAL_LOG " was altered "
                   "between seq %llu and %llu: requests are refused until "
                   "you move the file out of the directory",
                   op->journal->conf.dir,
                   (xc_journal_llu_t) op->durable.head.seq,
                   (xc_journal_llu_t) tip->seq - 1);
    errno = EINVAL;

    return XC_EIO;
}


/* The log alone must reach what was signed, and say the same. */
static xc_rc_t
xc_journal_scan_signed(xc_journal_op_t *op, int fd, uint64_t size,
    xc_journal_cursor_t *cursor)
{
    xc_rc_t              rc;
    xc_journal_signed_t  last;
    xc_journal_head_t   *tip = &op->tip.head;

    rc = xc_journal_last_signed(op, &last);
    rc = rc == XC_OK ? xc_journal_scan_whole(op, fd, size, last.size, cursor)
                     : rc;
    if (rc != XC_OK) {
        return rc;
    }

    if (cursor->lost) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_HEAD " was lost, "
                       "and the first record of " XC_JOURNAL_LOG " does not "
                       "say the frontier of the records before it: put the "
                       "head back, or move both out of the directory",
                       op->journal->conf.dir);
        return XC_EINPUT;
    }

    tip->seq = cursor->seq;
    tip->tree = cursor->tree;

    if (cursor->marked
        && memcmp(cursor->root, last.root, XC_SHA256_SIZE) != 0)
    {
        return xc_journal_another_tree(op, &last);
    }

    return xc_journal_check_signed(op, &last);
}


/* No block is valid: what the log itself says is all there is. */
xc_rc_t
xc_journal_adopt(xc_journal_op_t *op, int fd, const struct stat *st)
{
    xc_rc_t              rc;
    uint64_t             size = (uint64_t) st->st_size;
    xc_journal_note_t    note = { .cause = XC_JOURNAL_HEAD_LOST };
    xc_journal_head_t   *tip = &op->tip.head;
    xc_journal_cursor_t  cursor;

    rc = xc_journal_scan_signed(op, fd, size, &cursor);
    if (rc != XC_OK) {
        return rc;
    }

    if (cursor.size < size) {
        rc = xc_journal_set_aside(op, fd, cursor.size, size, &note);
        if (rc != XC_OK) {
            return rc;
        }
    }

    xc_journal_set_tip(op, &cursor);
    tip->first_seq = cursor.first_seq;
    tip->dev = st->st_dev;
    tip->ino = st->st_ino;
    xc_journal_set_node(op);
    xc_journal_add_note(op, &note);
    xc_journal_say(op->report, true, "%s/" XC_JOURNAL_HEAD " was lost; made "
                   "again from the %llu records of " XC_JOURNAL_LOG,
                   op->journal->conf.dir, (xc_journal_llu_t) cursor.lines);

    rc = xc_journal_settle_tip(op, fd, size);

    if (rc == XC_OK && fdatasync(fd) != 0) {
        return xc_journal_log_error(op, "fdatasync");
    }

    op->durable = op->tip;
    rc = rc == XC_OK ? xc_journal_store_durable(op) : rc;
    rc = rc == XC_OK ? xc_journal_sync_head(op) : rc;

    if (rc == XC_OK) {
        op->found = XC_JOURNAL_HEAD_KNOWN;
    }

    return rc;
}


/* Brings the tip and the file that it names to one size. */
xc_rc_t
xc_journal_settle(xc_journal_op_t *op, int fd, uint64_t size, bool first)
{
    xc_rc_t  rc;

    if (size < op->tip.head.size) {
        return xc_journal_shrunk(op, fd, size);
    }

    rc = first ? xc_journal_recheck(op, fd, size) : XC_OK;
    if (rc != XC_OK) {
        return rc == XC_DENIED ? XC_OK : rc;
    }

    return size > op->tip.head.size ? xc_journal_grown(op, fd, size) : XC_OK;
}
