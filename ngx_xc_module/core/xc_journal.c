#define _GNU_SOURCE             /* O_DIRECTORY */

#include "xc_journal_impl.h"

#include "xc_ascii.h"
#include "xc_time.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A note's line at most, the description apart. */
#define XC_JOURNAL_NOTE_LINE    1536


/* The lines of one append, as they are assembled. */
typedef struct {
    const xc_journal_op_t  *op;
    xc_buf_t                out;
    int64_t                 now_us;
    uint64_t                seq;            /* of the next line */
    uint8_t                 leaf[XC_SHA256_SIZE];   /* of the last one */
    size_t                  start;          /* of the line that is open */
} xc_journal_batch_t;


static void
xc_journal_line_open(xc_journal_batch_t *batch)
{
    xc_buf_t  *out = &batch->out;

    batch->start = out->len;

    xc_buf_z(out, "{\"seq\":");
    xc_buf_u64(out, batch->seq);
    xc_buf_z(out, ",\"prev\":\"");
    xc_buf_hex(out, batch->leaf, XC_SHA256_SIZE);
    xc_buf_z(out, "\",\"time\":\"");
    xc_time_format_us(out, batch->now_us);
    xc_buf_z(out, "\",\"node\":\"");
    xc_buf_str(out, batch->op->journal->conf.node);
    xc_buf_z(out, "\",");
}


static xc_rc_t
xc_journal_line_end(xc_journal_batch_t *batch)
{
    size_t     len;
    xc_rc_t    rc;
    xc_buf_t  *out = &batch->out;

    xc_buf_char(out, '}');
    len = out->len - batch->start;

    if (out->overflow || len > XC_JOURNAL_LINE_MAX) {
        return XC_ELIMIT;
    }

    rc = xc_hash_leaf(out->data + batch->start, len, batch->leaf);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_char(out, '\n');
    batch->seq++;

    return out->overflow ? XC_ELIMIT : XC_OK;
}


static void
xc_journal_write_range(xc_buf_t *out, const xc_journal_note_t *note)
{
    if (note->from == note->to) {
        return;
    }

    xc_buf_z(out, note->cause == XC_JOURNAL_POWER_LOSS ? ",\"lost\":"
                                                       : ",\"unsure\":");
    xc_buf_z(out, "{\"from\":");
    xc_buf_u64(out, note->from);
    xc_buf_z(out, ",\"to\":");
    xc_buf_u64(out, note->to - 1);
    xc_buf_char(out, '}');
}


static void
xc_journal_write_note(xc_buf_t *out, const xc_journal_note_t *note)
{
    static const char *const  causes[XC_JOURNAL_CAUSES] = {
        [XC_JOURNAL_TORN_TAIL] = "torn-tail",
        [XC_JOURNAL_SYNC_FAILED] = "sync-failed",
        [XC_JOURNAL_WRITE_FAILED] = "write-failed",
        [XC_JOURNAL_LOG_DELETED] = "log-deleted",
        [XC_JOURNAL_LOG_TRUNCATED] = "log-truncated",
        [XC_JOURNAL_POWER_LOSS] = "power-loss",
        [XC_JOURNAL_HEAD_LOST] = "head-lost"
    };

    if (note->cause == XC_JOURNAL_REOPEN) {
        xc_buf_z(out, "\"event\":\"reopen\",\"previous\":{\"seq_end\":");
        xc_buf_u64(out, note->to - 1);
        xc_buf_z(out, ",\"bytes\":");
        xc_buf_u64(out, note->bytes);
        xc_buf_char(out, '}');
        return;
    }

    xc_buf_z(out, "\"event\":\"recover\",\"cause\":\"");
    xc_buf_z(out, note->cause < XC_JOURNAL_CAUSES
                  && causes[note->cause] != NULL
                  ? causes[note->cause] : "unknown");
    xc_buf_char(out, '"');

    if (note->file[0] != '\0') {
        xc_buf_z(out, ",\"set_aside\":");
        xc_buf_json(out, xc_str_z(note->file));
        xc_buf_z(out, ",\"bytes\":");
        xc_buf_u64(out, note->bytes);
    }

    xc_journal_write_range(out, note);
}


/* What the node is, in the last of the journal's own records only; where it
 * would make the line too long, that is said instead. */
static void
xc_journal_write_describe(xc_journal_batch_t *batch)
{
    xc_buf_t  *out = &batch->out;
    xc_str_t   describe = batch->op->journal->conf.describe;

    if (describe.len == 0) {
        return;
    }

    if (out->len - batch->start + describe.len + 2 > XC_JOURNAL_LINE_MAX) {
        xc_buf_z(out, ",\"cut\":[\"describe\"]");
        return;
    }

    xc_buf_char(out, ',');
    xc_buf_str(out, describe);
}


static xc_rc_t
xc_journal_assemble_notes(xc_journal_batch_t *batch)
{
    size_t                     i;
    xc_rc_t                    rc;
    const xc_journal_block_t  *tip = &batch->op->tip;

    for (i = 0; i < tip->n_notes; i++) {
        xc_journal_line_open(batch);
        xc_journal_write_note(&batch->out, &tip->notes[i]);

        if (i + 1 == tip->n_notes) {
            xc_journal_write_describe(batch);
        }

        rc = xc_journal_line_end(batch);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return XC_OK;
}


/* leaves: of the entries, kept apart until they stand in the log. */
static xc_rc_t
xc_journal_assemble(xc_journal_batch_t *batch,
    const xc_journal_entry_t *entries, size_t n, uint8_t *leaves)
{
    size_t   i;
    xc_rc_t  rc;

    rc = xc_journal_assemble_notes(batch);
    if (rc != XC_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        xc_journal_line_open(batch);
        xc_buf_str(&batch->out, entries[i].members);

        rc = xc_journal_line_end(batch);
        if (rc != XC_OK) {
            return rc;
        }

        memcpy(leaves + i * XC_SHA256_SIZE, batch->leaf, XC_SHA256_SIZE);
    }

    return XC_OK;
}


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


xc_rc_t
xc_journal_open(xc_journal_t *journal, const xc_journal_conf_t *conf,
    xc_journal_report_t *report)
{
    xc_rc_t          rc;
    xc_journal_t     j = { .conf = *conf, .dir_fd = -1, .head_fd = -1,
                           .log_fd = -1 };
    xc_journal_op_t  op;

    memset(report, 0, sizeof(xc_journal_report_t));

    if (!xc_ascii_is_id(conf->node)) {
        xc_journal_say(report, false, "the node's name is not an id");
        return XC_EINPUT;
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

    batch.now_us = conf->now_us(conf->ctx);
    batch.seq = op->tip.head.seq;
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


/* Writes durable for what was the tip before it was synced, unless a newer one
 * stands, another file is the log, or this one has failed since. */
static xc_rc_t
xc_journal_advance(xc_journal_op_t *op, const xc_journal_block_t *synced)
{
    xc_rc_t                   rc;
    const xc_journal_head_t  *tip = &op->tip.head;

    rc = xc_journal_lock(op, op->journal, op->report);
    if (rc != XC_OK) {
        return rc;
    }

    if (op->found != XC_JOURNAL_HEAD_KNOWN || tip->state == XC_JOURNAL_FAILED
        || tip->dev != synced->head.dev || tip->ino != synced->head.ino
        || tip->size < synced->head.size
        || xc_journal_covered(op, &synced->head))
    {
        xc_journal_unlock(op);
        return XC_OK;
    }

    op->durable = *synced;
    rc = xc_journal_store_durable(op);
    xc_journal_unlock(op);

    return rc == XC_OK ? xc_journal_sync_head(op) : rc;
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
