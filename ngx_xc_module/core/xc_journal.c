#define _GNU_SOURCE             /* O_DIRECTORY */

#include "xc_journal_impl.h"

#include "xc_ascii.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>


/* Takes back what a failed write left behind. */
static void
xc_journal_undo(xc_journal_op_t *op, const xc_journal_block_t *before)
{
    xc_journal_t  *journal = op->journal;

    op->tip = *before;

    if (ftruncate(journal->log_fd, (off_t) op->tip.head.size) == 0) {
        return;
    }

    (void) xc_journal_eio(journal, op->report, "truncate", XC_JOURNAL_LOG,
                          "the file is given up");

    if (xc_journal_mark_failed(op, XC_JOURNAL_WRITE_FAILED) != XC_OK) {
        journal->failed = true;
    }
}


/* Steps 4 and 5. */
static xc_rc_t
xc_journal_put(xc_journal_op_t *op, const xc_journal_batch_t *batch)
{
    xc_rc_t             rc;
    xc_journal_t       *journal = op->journal;
    xc_journal_head_t  *tip = &op->tip.head;
    xc_journal_block_t  before = op->tip;

    if (batch->out.len == 0) {
        return XC_OK;
    }

    /* Whoever removed the head since it was locked let somebody else lock
     * another, and write at the same place. */
    if (!xc_journal_head_stands(journal)) {
        errno = ESTALE;
        return xc_journal_eio(journal, op->report, "lock", XC_JOURNAL_HEAD,
                              "it was removed or replaced meanwhile");
    }

    if (xc_journal_pwrite(journal->log_fd, batch->out.data, batch->out.len,
                          tip->size)
        != 0)
    {
        rc = xc_journal_eio(journal, op->report, "write", XC_JOURNAL_LOG,
                            "requests are refused until it can be");
        xc_journal_undo(op, &before);
        return rc;
    }

    tip->size += batch->out.len;
    tip->seq = batch->seq;
    tip->last_us = batch->now_us;
    tip->tree = batch->tree;
    memcpy(tip->leaf, batch->leaf, XC_SHA256_SIZE);
    op->tip.n_notes = 0;

    rc = xc_journal_store_tip(op);
    if (rc != XC_OK) {
        xc_journal_undo(op, &before);
    }

    return rc;
}


/* Step 6, the lock not held; step 8 where it fails. */
static xc_rc_t
xc_journal_sync(xc_journal_op_t *op)
{
    xc_journal_t  *journal = op->journal;

    if (fdatasync(journal->log_fd) == 0) {
        return XC_OK;
    }

    (void) xc_journal_eio(journal, op->report, "fdatasync", XC_JOURNAL_LOG,
                          "what was written last may be lost; the file is "
                          "given up, the next record begins a new one");

    /* The kernel has dropped the pages' dirty marks: asking again would lie,
     * here and in every process.  Where the head can't say so either, prepare
     * tries again before anything else. */
    journal->failed = true;

    if (xc_journal_lock(op, journal, op->report) == XC_OK) {
        (void) !xc_journal_mark_failed(op, XC_JOURNAL_SYNC_FAILED);
        xc_journal_unlock(op);
    }

    return XC_DENIED;
}


static xc_rc_t
xc_journal_check_entries(const xc_journal_entry_t *entries, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (entries[i].members.len > XC_JOURNAL_LINE_MAX) {
            return XC_ELIMIT;
        }

        /* One record, one line: whoever made the members has a fault. */
        if (!xc_ascii_no_controls(entries[i].members)
            || entries[i].members.len == 0)
        {
            return XC_EINTERNAL;
        }
    }

    return XC_OK;
}


size_t
xc_journal_scratch(const xc_journal_entry_t *entries, size_t n)
{
    size_t  i, size;

    size = XC_JOURNAL_LINE_MAX + XC_JOURNAL_NOTES_MAX * XC_JOURNAL_NOTE_LINE;

    for (i = 0; i < n; i++) {
        size += XC_SHA256_SIZE + XC_JOURNAL_PREFIX_MAX
                + entries[i].members.len;
    }

    return size;
}


static xc_rc_t
xc_journal_check_conf(const xc_journal_conf_t *conf,
    xc_journal_report_t *report)
{
    xc_note_key_t  key;

    if (!xc_ascii_is_id(conf->node)) {
        xc_journal_say(report, false, "the node's name is not an id");
        return XC_EINPUT;
    }

    if (conf->origin.len != 0 && !xc_tlog_origin_ok(conf->origin)) {
        xc_journal_say(report, false, "the origin is not a log's name");
        return XC_EINPUT;
    }

    if (conf->key != NULL
        && xc_note_key_make(conf->origin, conf->key, &key) != XC_OK)
    {
        xc_journal_say(report, false, "the key is no Ed25519 key, or has no "
                       "origin");
        return XC_EINPUT;
    }

    if (conf->boot_id.len != 0
        && conf->boot_id.len != XC_JOURNAL_BOOT_ID_SIZE)
    {
        xc_journal_say(report, false, "the boot id is none");
        return XC_EINPUT;
    }

    return XC_OK;
}


xc_rc_t
xc_journal_open(xc_journal_t *journal, const xc_journal_conf_t *conf,
    xc_journal_report_t *report)
{
    xc_rc_t          rc;
    xc_journal_t     j = { .conf = *conf, .dir_fd = -1, .head_fd = -1,
                           .log_fd = -1 };
    xc_journal_op_t  op;

    memset(report, 0, sizeof(xc_journal_report_t));

    rc = xc_journal_check_conf(conf, report);
    if (rc != XC_OK) {
        return rc;
    }

    j.dir_fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (j.dir_fd == -1) {
        return xc_journal_eio(&j, report, "open", ".",
                              "the log can't be opened");
    }

    rc = xc_journal_refuse_network(j.dir_fd, conf->dir, report);
    rc = rc == XC_OK ? xc_journal_head_open(&j, report) : rc;
    rc = rc == XC_OK ? xc_journal_lock(&op, &j, report) : rc;

    if (rc != XC_OK) {
        xc_journal_close(&j);
        return rc;
    }

    xc_journal_unlock(&op);
    *journal = j;

    return XC_OK;
}


xc_rc_t
xc_journal_open_reader(xc_journal_t *journal, const xc_journal_conf_t *conf)
{
    xc_journal_t  j = { .conf = *conf, .log_fd = -1 };

    j.dir_fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    j.head_fd = j.dir_fd == -1
                ? -1 : openat(j.dir_fd, XC_JOURNAL_HEAD,
                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (j.head_fd == -1) {
        xc_journal_close(&j);
        return XC_EIO;
    }

    *journal = j;

    return XC_OK;
}


static void
xc_journal_close_fd(int *fd)
{
    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}


void
xc_journal_close(xc_journal_t *journal)
{
    xc_journal_close_fd(&journal->log_fd);
    xc_journal_close_fd(&journal->head_fd);
    xc_journal_close_fd(&journal->dir_fd);
}


/* A file begins with a record of the journal's, but the very first: also where
 * the note went with a damaged tip. */
static void
xc_journal_owe_first(xc_journal_op_t *op)
{
    const xc_journal_head_t  *tip = &op->tip.head;
    xc_journal_note_t         note = { .cause = XC_JOURNAL_REOPEN,
                                       .from = tip->seq, .to = tip->seq };

    if (tip->size == 0 && tip->seq != 0 && op->tip.n_notes == 0) {
        xc_journal_add_note(op, &note);
    }
}


/* Steps 1 to 5. */
static xc_rc_t
xc_journal_write(xc_journal_op_t *op, xc_journal_entry_t *entries, size_t n,
    void *scratch, size_t scratch_size)
{
    size_t               i;
    xc_rc_t              rc;
    uint8_t             *leaves = scratch;
    uint64_t             seq;
    xc_journal_conf_t   *conf = &op->journal->conf;
    xc_journal_batch_t   batch = { .op = op };

    rc = xc_journal_prepare(op, true);
    if (rc != XC_OK) {
        return rc;
    }

    xc_journal_owe_first(op);
    batch.now_us = conf->now_us(conf->ctx);
    batch.seq = op->tip.head.seq;
    batch.tree = op->tip.head.tree;
    memcpy(batch.leaf, op->tip.head.leaf, XC_SHA256_SIZE);
    xc_buf_init(&batch.out, (char *) scratch + n * XC_SHA256_SIZE,
                scratch_size - n * XC_SHA256_SIZE);

    rc = xc_journal_assemble(&batch, entries, n, leaves);
    rc = rc == XC_OK ? xc_journal_put(op, &batch) : rc;

    if (rc != XC_OK) {
        return rc;
    }

    seq = batch.seq - n;

    for (i = 0; i < n; i++) {
        entries[i].seq = seq + i;
        memcpy(entries[i].leaf, leaves + i * XC_SHA256_SIZE, XC_SHA256_SIZE);
    }

    return XC_OK;
}


xc_rc_t
xc_journal_append(xc_journal_t *journal, xc_journal_entry_t *entries, size_t n,
    void *scratch, size_t scratch_size, xc_journal_report_t *report)
{
    xc_rc_t          rc;
    xc_journal_op_t  op;

    memset(report, 0, sizeof(xc_journal_report_t));

    rc = xc_journal_check_entries(entries, n);
    if (rc != XC_OK) {
        return rc;
    }

    if (scratch_size < xc_journal_scratch(entries, n)) {
        return XC_ELIMIT;
    }

    rc = xc_journal_lock(&op, journal, report);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_journal_write(&op, entries, n, scratch, scratch_size);
    xc_journal_unlock(&op);

    return rc == XC_OK && journal->conf.sync ? xc_journal_sync(&op) : rc;
}


static bool
xc_journal_covered(const xc_journal_op_t *op, const xc_journal_head_t *by)
{
    return op->durable_ok && op->durable.head.dev == by->dev
           && op->durable.head.ino == by->ino
           && op->durable.head.size >= by->size;
}


/* Is what was the tip before it was synced still to be made durable?  No newer
 * one stands, no other file is the log, this one has not failed since. */
static bool
xc_journal_stands(const xc_journal_op_t *op, const xc_journal_head_t *synced)
{
    const xc_journal_head_t  *tip = &op->tip.head;

    return op->found == XC_JOURNAL_HEAD_KNOWN
           && tip->state != XC_JOURNAL_FAILED
           && tip->dev == synced->dev && tip->ino == synced->ino
           && tip->size >= synced->size && !xc_journal_covered(op, synced);
}


static xc_rc_t
xc_journal_advance(xc_journal_op_t *op, const xc_journal_block_t *synced)
{
    xc_rc_t  rc;

    rc = xc_journal_lock(op, op->journal, op->report);
    if (rc != XC_OK) {
        return rc;
    }

    if (!xc_journal_stands(op, &synced->head)) {
        xc_journal_unlock(op);
        return XC_OK;
    }

    op->durable = *synced;
    rc = xc_journal_store_durable(op);
    xc_journal_unlock(op);

    return rc == XC_OK ? xc_journal_sync_head(op) : rc;
}


/* Another process may have met the error that our fdatasync then did not: what
 * it has declared FAILED is not signed. */
static xc_rc_t
xc_journal_still_good(xc_journal_op_t *op, const xc_journal_head_t *synced)
{
    bool     stands;
    xc_rc_t  rc;

    rc = xc_journal_lock(op, op->journal, op->report);
    if (rc != XC_OK) {
        return rc;
    }

    stands = xc_journal_stands(op, synced);
    xc_journal_unlock(op);

    return stands ? XC_OK : XC_DENIED;
}


xc_rc_t
xc_journal_checkpoint(xc_journal_t *journal, xc_journal_report_t *report)
{
    xc_rc_t             rc;
    xc_journal_op_t     op;
    xc_journal_block_t  synced;

    memset(report, 0, sizeof(xc_journal_report_t));

    rc = xc_journal_lock(&op, journal, report);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_journal_prepare(&op, false);
    xc_journal_unlock(&op);

    if (rc != XC_OK) {
        return rc == XC_DENIED ? XC_OK : rc;
    }

    if (xc_journal_covered(&op, &op.tip.head)) {
        return XC_OK;
    }

    synced = op.tip;

    rc = xc_journal_sync(&op);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_journal_still_good(&op, &synced.head);
    if (rc != XC_OK) {
        return rc == XC_DENIED ? XC_OK : rc;
    }

    rc = xc_journal_sign(&op, &synced.head);

    return rc == XC_OK ? xc_journal_advance(&op, &synced) : rc;
}


/* The lock is not taken: a status page must not wait for a writer's disk.  A
 * block read while it is written fails its check sum, and is read again. */
xc_rc_t
xc_journal_read_head(xc_journal_t *journal, xc_journal_head_t *out)
{
    int                  tries = 3;
    xc_rc_t              rc;
    xc_journal_op_t      op = { .journal = journal };
    xc_journal_report_t  report;

    memset(&report, 0, sizeof(report));
    op.report = &report;

    do {
        rc = xc_journal_peek(&op);
    } while (rc == XC_OK && op.found == XC_JOURNAL_HEAD_GONE && --tries != 0);

    if (rc == XC_OK && op.found == XC_JOURNAL_HEAD_GONE) {
        rc = XC_EINPUT;
    }

    if (rc == XC_OK) {
        *out = op.tip.head;
    }

    return rc;
}
