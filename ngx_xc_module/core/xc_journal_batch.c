#include "xc_journal_impl.h"

#include "xc_time.h"


static xc_str_t
xc_journal_stamp(const xc_journal_batch_t *batch,
    char mem[XC_JOURNAL_STAMP_MAX])
{
    xc_buf_t  out;

    xc_buf_init(&out, mem, XC_JOURNAL_STAMP_MAX);
    xc_buf_z(&out, "\",\"time\":\"");
    xc_time_format_us(&out, batch->now_us);
    xc_buf_z(&out, "\",\"node\":\"");
    xc_buf_str(&out, batch->op->journal->conf.node);
    xc_buf_z(&out, "\",");

    return xc_buf_view(&out);
}


static void
xc_journal_line_open(xc_journal_batch_t *batch)
{
    xc_buf_t  *out = &batch->out;

    batch->start = out->len;

    xc_buf_z(out, "{\"seq\":");
    xc_buf_u64(out, batch->seq);
    xc_buf_z(out, ",\"prev\":\"");
    xc_buf_hex(out, batch->leaf, XC_SHA256_SIZE);
    xc_buf_str(out, batch->stamp);
}


/* The octet 0x00 that a leaf begins with (RFC 6962 2.1) stands for a moment
 * where the line before ends: hashed in one piece with it, a line costs less. */
static xc_rc_t
xc_journal_line_hash(xc_journal_batch_t *batch, size_t len)
{
    char     *line = batch->out.data + batch->start;
    xc_rc_t   rc;

    if (batch->start == 0) {
        return xc_hash_leaf(line, len, batch->leaf);
    }

    line[-1] = '\0';
    rc = xc_hash(XC_HASH_SHA256, line - 1, len + 1, batch->leaf);
    line[-1] = '\n';

    return rc;
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

    rc = xc_journal_line_hash(batch, len);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_merkle_append(&batch->tree, batch->leaf);
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

        if (note->bytes != 0) {
            xc_buf_z(out, ",\"bytes\":");
            xc_buf_u64(out, note->bytes);
        }

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


/*
 * The tree before this line: what a reader needs to go on from here without
 * the lines before.  Always the last member, where the scan looks for it.
 */
static void
xc_journal_write_frontier(xc_journal_batch_t *batch)
{
    unsigned            i, n;
    xc_buf_t           *out = &batch->out;
    const xc_merkle_t  *tree = &batch->tree;

    xc_buf_z(out, ",\"frontier\":{\"size\":");
    xc_buf_u64(out, tree->size);
    xc_buf_z(out, ",\"hashes\":[");

    for (i = 0, n = xc_merkle_count(tree->size); i < n; i++) {
        xc_buf_z(out, i == 0 ? "\"" : ",\"");
        xc_buf_hex(out, tree->hashes[i], XC_SHA256_SIZE);
        xc_buf_char(out, '"');
    }

    xc_buf_z(out, "]}");
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

    if (out->len - batch->start + describe.len + XC_JOURNAL_FRONTIER_TEXT
        > XC_JOURNAL_LINE_MAX)
    {
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

        xc_journal_write_frontier(batch);

        rc = xc_journal_line_end(batch);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return XC_OK;
}


/* Does the next line begin the log's very first file?  Every later one begins
 * with a note. */
static bool
xc_journal_is_first(const xc_journal_batch_t *batch)
{
    return batch->seq == 0 && batch->op->tip.head.size == 0;
}


xc_rc_t
xc_journal_assemble(xc_journal_batch_t *batch,
    const xc_journal_entry_t *entries, size_t n, uint8_t *leaves)
{
    char     stamp[XC_JOURNAL_STAMP_MAX];
    size_t   i;
    xc_rc_t  rc;

    batch->stamp = xc_journal_stamp(batch, stamp);

    rc = xc_journal_assemble_notes(batch);
    if (rc != XC_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        xc_journal_line_open(batch);
        xc_buf_str(&batch->out, entries[i].members);

        if (xc_journal_is_first(batch)) {
            xc_journal_write_frontier(batch);
        }

        rc = xc_journal_line_end(batch);
        if (rc != XC_OK) {
            return rc;
        }

        memcpy(leaves + i * XC_SHA256_SIZE, batch->leaf, XC_SHA256_SIZE);
    }

    batch->stamp = XC_STR_NONE;

    return XC_OK;
}
