#define _GNU_SOURCE             /* F_OFD_SETLKW */

#include "xc_journal_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * A block, little-endian.  The check sum covers [12, length); what follows
 * length is zero.
 *
 *     0  magic             72  last_us
 *     8  check sum         80  leaf (32)
 *    12  length           112  node (64)
 *    16  version          176  boot_id (36)
 *    20  state            212  number of frontier hashes
 *    24  reserved         216  number of notes
 *    32  dev, ino, size,  220  reserved
 *        seq, first_seq   224  frontier (32 each), then notes (160 each)
 */
#define XC_HEAD_MAGIC       "xc-head\n"
#define XC_HEAD_VERSION     2
#define XC_HEAD_SUM         4
#define XC_HEAD_FIXED       224
#define XC_HEAD_NOTE        160
#define XC_HEAD_SIZE        (2 * XC_JOURNAL_BLOCK_SIZE)

_Static_assert(XC_HEAD_FIXED + XC_MERKLE_LEVELS * XC_SHA256_SIZE
               + XC_JOURNAL_NOTES_MAX * XC_HEAD_NOTE <= XC_JOURNAL_BLOCK_SIZE,
               "a block holds all");
_Static_assert(4 + 4 + 3 * 8 + XC_JOURNAL_NAME_MAX == XC_HEAD_NOTE,
               "a note's size");


/* Four bytes of SHA-256: where the processor has it, a CRC-32 in C takes five
 * times as long, and each append checks two blocks and makes one. */
static xc_rc_t
xc_journal_check_sum(const uint8_t *block, size_t length,
    uint8_t out[XC_HEAD_SUM])
{
    xc_rc_t  rc;
    uint8_t  hash[XC_SHA256_SIZE];

    rc = xc_hash(XC_HASH_SHA256, block + 12, length - 12, hash);
    if (rc == XC_OK) {
        memcpy(out, hash, XC_HEAD_SUM);
    }

    return rc;
}


static uint8_t *
xc_journal_put(uint8_t *p, uint64_t n, size_t width)
{
    size_t  i;

    for (i = 0; i < width; i++) {
        *p++ = (uint8_t) (n >> 8 * i);
    }

    return p;
}


static uint64_t
xc_journal_get(const uint8_t *p, size_t width)
{
    size_t    i;
    uint64_t  n = 0;

    for (i = 0; i < width; i++) {
        n |= (uint64_t) p[i] << 8 * i;
    }

    return n;
}


static uint8_t *
xc_journal_put_bytes(uint8_t *p, const void *src, size_t n)
{
    memcpy(p, src, n);

    return p + n;
}


static uint8_t *
xc_journal_put_note(uint8_t *p, const xc_journal_note_t *note)
{
    p = xc_journal_put(p, note->cause, 4);
    p = xc_journal_put(p, 0, 4);
    p = xc_journal_put(p, note->from, 8);
    p = xc_journal_put(p, note->to, 8);
    p = xc_journal_put(p, note->bytes, 8);

    return xc_journal_put_bytes(p, note->file, XC_JOURNAL_NAME_MAX);
}


xc_rc_t
xc_journal_head_encode(const xc_journal_block_t *block, uint8_t *out)
{
    uint8_t                  *p;
    uint32_t                  i;
    const xc_journal_head_t  *h = &block->head;
    unsigned                  n_frontier = xc_merkle_count(h->seq);

    memset(out, 0, XC_JOURNAL_BLOCK_SIZE);

    p = xc_journal_put(out + 16, XC_HEAD_VERSION, 4);
    (void) xc_journal_put(p, h->state, 4);

    p = xc_journal_put(out + 32, h->dev, 8);
    p = xc_journal_put(p, h->ino, 8);
    p = xc_journal_put(p, h->size, 8);
    p = xc_journal_put(p, h->seq, 8);
    p = xc_journal_put(p, h->first_seq, 8);
    p = xc_journal_put(p, (uint64_t) h->last_us, 8);
    p = xc_journal_put_bytes(p, h->leaf, sizeof(h->leaf));
    p = xc_journal_put_bytes(p, h->node, sizeof(h->node));
    p = xc_journal_put_bytes(p, h->boot_id, sizeof(h->boot_id));
    p = xc_journal_put(p, n_frontier, 4);
    p = xc_journal_put(p, block->n_notes, 8);
    p = xc_journal_put_bytes(p, h->tree.hashes, n_frontier * XC_SHA256_SIZE);

    for (i = 0; i < block->n_notes; i++) {
        p = xc_journal_put_note(p, &block->notes[i]);
    }

    (void) xc_journal_put_bytes(out, XC_HEAD_MAGIC, 8);
    (void) xc_journal_put(out + 12, (uint64_t) (p - out), 4);

    return xc_journal_check_sum(out, (size_t) (p - out), out + 8);
}


static void
xc_journal_get_note(const uint8_t *p, xc_journal_note_t *note)
{
    note->cause = (uint32_t) xc_journal_get(p, 4);
    note->from = xc_journal_get(p + 8, 8);
    note->to = xc_journal_get(p + 16, 8);
    note->bytes = xc_journal_get(p + 24, 8);
    memcpy(note->file, p + 32, XC_JOURNAL_NAME_MAX);
    note->file[XC_JOURNAL_NAME_MAX - 1] = '\0';
}


static void
xc_journal_get_head(const uint8_t *p, xc_journal_head_t *h)
{
    h->state = (uint32_t) xc_journal_get(p + 20, 4);
    h->dev = xc_journal_get(p + 32, 8);
    h->ino = xc_journal_get(p + 40, 8);
    h->size = xc_journal_get(p + 48, 8);
    h->seq = xc_journal_get(p + 56, 8);
    h->first_seq = xc_journal_get(p + 64, 8);
    h->last_us = (int64_t) xc_journal_get(p + 72, 8);
    memcpy(h->leaf, p + 80, sizeof(h->leaf));
    memcpy(h->node, p + 112, sizeof(h->node));
    memcpy(h->boot_id, p + 176, sizeof(h->boot_id));
    h->tree.size = h->seq;
    memcpy(h->tree.hashes, p + XC_HEAD_FIXED,
           xc_merkle_count(h->seq) * XC_SHA256_SIZE);
}


/* XC_DENIED: torn or never written; XC_EINPUT: another version's, whose sum
 * may be another; XC_EINTERNAL. */
xc_rc_t
xc_journal_head_decode(const uint8_t *p, xc_journal_block_t *out)
{
    size_t    length, i, at;
    xc_rc_t   rc;
    uint8_t   sum[XC_HEAD_SUM];
    uint64_t  n_frontier, n_notes;

    if (memcmp(p, XC_HEAD_MAGIC, 8) != 0) {
        return XC_DENIED;
    }

    if (xc_journal_get(p + 16, 4) != XC_HEAD_VERSION) {
        return XC_EINPUT;
    }

    length = xc_journal_get(p + 12, 4);
    if (length < XC_HEAD_FIXED || length > XC_JOURNAL_BLOCK_SIZE) {
        return XC_DENIED;
    }

    rc = xc_journal_check_sum(p, length, sum);
    if (rc != XC_OK) {
        return rc;
    }

    if (memcmp(p + 8, sum, sizeof(sum)) != 0) {
        return XC_DENIED;
    }

    n_frontier = xc_journal_get(p + 212, 4);
    n_notes = xc_journal_get(p + 216, 4);

    if (n_frontier != xc_merkle_count(xc_journal_get(p + 56, 8))
        || n_notes > XC_JOURNAL_NOTES_MAX
        || length != XC_HEAD_FIXED + n_frontier * XC_SHA256_SIZE
                     + n_notes * XC_HEAD_NOTE)
    {
        return XC_DENIED;
    }

    memset(out, 0, sizeof(xc_journal_block_t));
    xc_journal_get_head(p, &out->head);
    out->n_notes = (uint32_t) n_notes;

    for (i = 0; i < n_notes; i++) {
        at = XC_HEAD_FIXED + n_frontier * XC_SHA256_SIZE + i * XC_HEAD_NOTE;
        xc_journal_get_note(p + at, &out->notes[i]);
    }

    return XC_OK;
}


static bool
xc_journal_is_zero(const uint8_t *p, size_t n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}


static xc_rc_t
xc_journal_check_node(xc_journal_op_t *op)
{
    xc_str_t                  node;
    const xc_journal_conf_t  *conf = &op->journal->conf;
    const xc_journal_head_t  *h = &op->tip.head;

    node = (xc_str_t) { h->node, strnlen(h->node, sizeof(h->node)) };

    if (!xc_str_eq(node, conf->node)) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_HEAD " is node "
                       "\"" XC_STR_FMT "\"'s, not \"" XC_STR_FMT "\"'s: give "
                       "each node a state directory of its own", conf->dir,
                       XC_STR_ARG(node), XC_STR_ARG(conf->node));
        return XC_EINPUT;
    }

    return XC_OK;
}


xc_rc_t
xc_journal_peek(xc_journal_op_t *op)
{
    xc_rc_t        tip, durable;
    uint8_t        p[XC_HEAD_SIZE];
    xc_journal_t  *journal = op->journal;

    if (xc_journal_pread(journal->head_fd, p, sizeof(p), 0)
        != (ssize_t) sizeof(p))
    {
        return xc_journal_eio(journal, op->report, "read", XC_JOURNAL_HEAD,
                              "requests are refused until it can be");
    }

    tip = xc_journal_head_decode(p, &op->tip);
    durable = xc_journal_head_decode(p + XC_JOURNAL_BLOCK_SIZE, &op->durable);
    op->durable_ok = durable == XC_OK;
    op->found = XC_JOURNAL_HEAD_KNOWN;

    if (tip == XC_EINPUT || durable == XC_EINPUT) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_HEAD " was written "
                       "by another version of this module, whose format this "
                       "one does not know", journal->conf.dir);
        return XC_EINPUT;
    }

    if (tip == XC_EINTERNAL || durable == XC_EINTERNAL) {
        return XC_EINTERNAL;
    }

    if (tip != XC_OK && durable != XC_OK) {
        op->found = xc_journal_is_zero(p, sizeof(p)) ? XC_JOURNAL_HEAD_FRESH
                                                     : XC_JOURNAL_HEAD_GONE;
        memset(&op->tip, 0, sizeof(op->tip));
        return XC_OK;
    }

    /* After a power loss the tip may be the older of the two: only durable
     * is known to have reached the disk. */
    if (tip != XC_OK
        || (durable == XC_OK && op->durable.head.seq > op->tip.head.seq))
    {
        op->tip = op->durable;
    }

    return xc_journal_check_node(op);
}


static xc_rc_t
xc_journal_store(xc_journal_op_t *op, const xc_journal_block_t *block,
    uint64_t at)
{
    xc_rc_t        rc;
    uint8_t        p[XC_JOURNAL_BLOCK_SIZE];
    xc_journal_t  *journal = op->journal;

    rc = xc_journal_head_encode(block, p);
    if (rc != XC_OK) {
        return rc;
    }

    if (xc_journal_pwrite(journal->head_fd, p, sizeof(p), at) != 0) {
        return xc_journal_eio(journal, op->report, "write", XC_JOURNAL_HEAD,
                              "requests are refused until it can be");
    }

    return XC_OK;
}


bool
xc_journal_same_boot(const xc_journal_op_t *op)
{
    xc_str_t                  now = op->journal->conf.boot_id;
    const xc_journal_head_t  *tip = &op->tip.head;

    return now.len == sizeof(tip->boot_id)
           && memcmp(now.data, tip->boot_id, sizeof(tip->boot_id)) == 0;
}


xc_rc_t
xc_journal_store_tip(xc_journal_op_t *op)
{
    xc_str_t            now = op->journal->conf.boot_id;
    xc_journal_head_t  *tip = &op->tip.head;

    memset(tip->boot_id, 0, sizeof(tip->boot_id));

    if (now.len == sizeof(tip->boot_id)) {
        memcpy(tip->boot_id, now.data, now.len);
    }

    return xc_journal_store(op, &op->tip, 0);
}


xc_rc_t
xc_journal_store_durable(xc_journal_op_t *op)
{
    xc_rc_t  rc;

    rc = xc_journal_store(op, &op->durable, XC_JOURNAL_BLOCK_SIZE);
    op->durable_ok = rc == XC_OK;

    return rc;
}


xc_rc_t
xc_journal_sync_head(xc_journal_op_t *op)
{
    if (fdatasync(op->journal->head_fd) != 0) {
        return xc_journal_eio(op->journal, op->report, "fdatasync",
                              XC_JOURNAL_HEAD,
                              "requests are refused until it can be");
    }

    return XC_OK;
}


/* A lock is a byte of the head. */
int
xc_journal_flock(const xc_journal_t *journal, xc_journal_lock_t lock,
    bool take)
{
    int           rc;
    struct flock  byte;

    memset(&byte, 0, sizeof(byte));
    byte.l_type = take ? F_WRLCK : F_UNLCK;
    byte.l_whence = SEEK_SET;
    byte.l_start = lock;
    byte.l_len = 1;

    do {
        rc = fcntl(journal->head_fd, F_OFD_SETLKW, &byte);
    } while (rc != 0 && errno == EINTR);

    return rc;
}


/* Under the lock, so that two that start at once do not both make it. */
static xc_rc_t
xc_journal_head_init(xc_journal_t *journal, xc_journal_report_t *report)
{
    int          err;
    struct stat  st;

    if (fstat(journal->head_fd, &st) != 0) {
        return xc_journal_eio(journal, report, "stat", XC_JOURNAL_HEAD,
                              "the log can't be opened");
    }

    if (!S_ISREG(st.st_mode) || st.st_size > XC_HEAD_SIZE) {
        xc_journal_say(report, false, "%s/" XC_JOURNAL_HEAD " is not the head "
                       "of an audit log; move it away", journal->conf.dir);
        return XC_EINPUT;
    }

    if (st.st_size == XC_HEAD_SIZE) {
        return XC_OK;
    }

    /* Every later write finds its blocks: a full disk can't stop the head. */
    err = posix_fallocate(journal->head_fd, 0, XC_HEAD_SIZE);

    if (err != 0) {
        errno = err;

    } else if (xc_journal_own(journal, journal->head_fd) == 0
               && fsync(journal->head_fd) == 0
               && fsync(journal->dir_fd) == 0)
    {
        return XC_OK;
    }

    return xc_journal_eio(journal, report, "make", XC_JOURNAL_HEAD,
                          "the log can't be opened");
}


xc_rc_t
xc_journal_head_open(xc_journal_t *journal, xc_journal_report_t *report)
{
    xc_rc_t  rc;

    journal->head_fd = openat(journal->dir_fd, XC_JOURNAL_HEAD,
                              O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (journal->head_fd == -1
        || xc_journal_flock(journal, XC_JOURNAL_LOCK_CHAIN, true) != 0)
    {
        return xc_journal_eio(journal, report, "open", XC_JOURNAL_HEAD,
                              "the log can't be opened");
    }

    rc = xc_journal_head_init(journal, report);
    (void) xc_journal_flock(journal, XC_JOURNAL_LOCK_CHAIN, false);

    return rc;
}


bool
xc_journal_head_stands(const xc_journal_t *journal)
{
    struct stat  named, held;

    return fstatat(journal->dir_fd, XC_JOURNAL_HEAD, &named,
                   AT_SYMLINK_NOFOLLOW) == 0
           && fstat(journal->head_fd, &held) == 0
           && xc_journal_is(&named, held.st_dev, held.st_ino);
}


static xc_rc_t
xc_journal_head_reopen(xc_journal_t *journal, xc_journal_report_t *report)
{
    if (journal->head_fd != -1) {
        xc_journal_say(report, true, "%s/" XC_JOURNAL_HEAD " was removed or "
                       "replaced while in use; opened again",
                       journal->conf.dir);
        close(journal->head_fd);
        journal->head_fd = -1;
    }

    journal->checked = false;

    return xc_journal_head_open(journal, report);
}


xc_rc_t
xc_journal_lock(xc_journal_op_t *op, xc_journal_t *journal,
    xc_journal_report_t *report)
{
    int      tries;
    xc_rc_t  rc;

    op->journal = journal;
    op->report = report;

    for (tries = 0; tries < 3; tries++) {
        if (journal->head_fd != -1) {
            if (xc_journal_flock(journal, XC_JOURNAL_LOCK_CHAIN, true) != 0) {
                return xc_journal_eio(journal, report, "lock", XC_JOURNAL_HEAD,
                                      "requests are refused until it can be");
            }

            if (xc_journal_head_stands(journal)) {
                rc = xc_journal_peek(op);
                if (rc != XC_OK) {
                    xc_journal_unlock(op);
                }

                return rc;
            }
        }

        rc = xc_journal_head_reopen(journal, report);
        if (rc != XC_OK) {
            return rc;
        }
    }

    errno = EAGAIN;

    return xc_journal_eio(journal, report, "lock", XC_JOURNAL_HEAD,
                          "it is replaced again and again");
}


void
xc_journal_unlock(xc_journal_op_t *op)
{
    if (op->journal->head_fd != -1) {
        (void) xc_journal_flock(op->journal, XC_JOURNAL_LOCK_CHAIN, false);
    }
}
