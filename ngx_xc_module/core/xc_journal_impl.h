/*
 * What the journal's parts share (xc_journal_file.c, _head.c, _scan.c,
 * _sign.c, _repair.c, _rotate.c, _batch.c, xc_journal.c).  No other unit
 * includes this.
 *
 * Legal states of the directory, as the holder of the lock may find it:
 *
 *   audit.log is tip's inode, of tip's size      the usual
 *     larger            a writer died between its write and the tip
 *     smaller           power loss, or truncated by hand
 *   audit.log is missing, or empty and another   rotated, or deleted
 *   audit.log has lines and is another           refused
 *   tip is FAILED                                its file is given up
 *   no valid block                               the head is new or lost
 */

#ifndef XC_JOURNAL_IMPL_H
#define XC_JOURNAL_IMPL_H

#include "xc_journal.h"
#include "xc_tlog.h"

#include <sys/stat.h>

#define XC_JOURNAL_LOG          "audit.log"
#define XC_JOURNAL_HEAD         "audit.head"
#define XC_JOURNAL_CHECKPOINT   "audit.checkpoint"
#define XC_JOURNAL_CHECKPOINTS  "audit.checkpoints"

#define XC_JOURNAL_BLOCK_SIZE   4096
#define XC_JOURNAL_NAME_MAX     128     /* of a file set aside, NUL included */
#define XC_JOURNAL_NOTES_MAX    8

typedef enum {
    XC_JOURNAL_REOPEN = 1,
    XC_JOURNAL_TORN_TAIL,
    XC_JOURNAL_SYNC_FAILED,
    XC_JOURNAL_WRITE_FAILED,
    XC_JOURNAL_LOG_DELETED,
    XC_JOURNAL_LOG_TRUNCATED,
    XC_JOURNAL_POWER_LOSS,
    XC_JOURNAL_HEAD_LOST,
    XC_JOURNAL_CAUSES
} xc_journal_cause_t;

/*
 * A record that the journal owes the log.  It stands in the tip until the
 * append that writes it, so that neither a crash nor a full disk loses it.
 */
typedef struct {
    uint32_t  cause;
    uint64_t  from, to;             /* seqs, to excluded; equal: none */
    uint64_t  bytes;                /* set aside; of the previous file */
    char      file[XC_JOURNAL_NAME_MAX];    /* set aside; may be empty */
} xc_journal_note_t;

typedef struct {
    xc_journal_head_t  head;
    uint32_t           n_notes;
    xc_journal_note_t  notes[XC_JOURNAL_NOTES_MAX];
} xc_journal_block_t;

typedef enum {
    XC_JOURNAL_HEAD_KNOWN,
    XC_JOURNAL_HEAD_FRESH,          /* never written */
    XC_JOURNAL_HEAD_GONE            /* no block is valid */
} xc_journal_found_t;

/* One hold of the lock. */
typedef struct {
    xc_journal_t         *journal;
    xc_journal_report_t  *report;
    xc_journal_found_t    found;
    xc_journal_block_t    tip;      /* as it shall be, once stored */
    xc_journal_block_t    durable;
    bool                  durable_ok;
} xc_journal_op_t;

/* A place in the chain: behind the line before, size bytes into the file. */
typedef struct {
    uint64_t  size;
    uint64_t  seq;                  /* of the next line */
    uint64_t  first_seq;
    uint64_t  lines;                /* followed */
    uint8_t   leaf[XC_SHA256_SIZE];
    int64_t   last_us;
    bool      any;                  /* the next line may be any record */

    /* Of the lines before seq.  Where any line may come, its own frontier
     * says them; lost: it did not. */
    xc_merkle_t  tree;
    bool         lost;

    uint64_t  mark;                 /* a size of the tree, 0 for none */
    bool      marked;               /* it was passed, with this root */
    uint8_t   root[XC_SHA256_SIZE];
} xc_journal_cursor_t;

/* The last signed checkpoint that the directory has; size 0: none. */
typedef struct {
    uint64_t  size;
    uint8_t   root[XC_SHA256_SIZE];
} xc_journal_signed_t;

typedef struct {
    uint64_t  seq;
    uint8_t   prev[XC_SHA256_SIZE];
    int64_t   time_us;
    xc_str_t  node;
} xc_journal_prefix_t;

/* xc_journal_file.c: files, and what is said of them */

void xc_journal_say(xc_journal_report_t *report, bool alert,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "<what> <dir>/<file>: <errno>; <then>".  XC_EIO. */
xc_rc_t xc_journal_eio(const xc_journal_t *journal,
    xc_journal_report_t *report, const char *what, const char *file,
    const char *then);

xc_rc_t xc_journal_refuse_network(int dir_fd, const char *dir,
    xc_journal_report_t *report) XC_WUR;

/* The bytes read, less than n only at the end of the file; -1: errno. */
ssize_t xc_journal_pread(int fd, void *buf, size_t n, uint64_t at);

/* One write, whole or failed: -1 and errno (ENOSPC for a short one). */
int xc_journal_pwrite(int fd, const void *buf, size_t n, uint64_t at);

/* Gives the file its owner, where that is not so yet.  0, -1. */
int xc_journal_own(const xc_journal_t *journal, int fd);

bool xc_journal_is(const struct stat *st, uint64_t dev, uint64_t ino);

/* The name within the directory that this inode has.  XC_DENIED: none. */
xc_rc_t xc_journal_find(const xc_journal_t *journal, uint64_t dev,
    uint64_t ino, char name[256]) XC_WUR;

/* Copies [from, to) of fd to a new file audit.torn-<time>, synced. */
xc_rc_t xc_journal_set_aside(xc_journal_op_t *op, int fd, uint64_t from,
    uint64_t to, xc_journal_note_t *note) XC_WUR;

/* Renames audit.log to audit.failed-<time>. */
xc_rc_t xc_journal_give_up(xc_journal_op_t *op, xc_journal_note_t *note)
    XC_WUR;

/* xc_journal_head.c: the head, its lock, its two blocks */

xc_rc_t xc_journal_head_open(xc_journal_t *journal,
    xc_journal_report_t *report) XC_WUR;
xc_rc_t xc_journal_head_decode(const uint8_t *p, xc_journal_block_t *out)
    XC_WUR;
xc_rc_t xc_journal_head_encode(const xc_journal_block_t *block, uint8_t *p)
    XC_WUR;

/* Two locks on the head.  Who holds the checkpoints' never waits for the
 * chain's, so that appends go on while a checkpoint is synced. */
typedef enum {
    XC_JOURNAL_LOCK_CHAIN,
    XC_JOURNAL_LOCK_CHECKPOINTS
} xc_journal_lock_t;

/* 0, or -1 and errno. */
int xc_journal_flock(const xc_journal_t *journal, xc_journal_lock_t lock,
    bool take);

/* Is what we hold the lock on still what others will lock? */
bool xc_journal_head_stands(const xc_journal_t *journal);

/* Takes the chain's lock and reads both blocks.  XC_OK: held, unlock it; else
 * not. */
xc_rc_t xc_journal_lock(xc_journal_op_t *op, xc_journal_t *journal,
    xc_journal_report_t *report) XC_WUR;
void xc_journal_unlock(xc_journal_op_t *op);

xc_rc_t xc_journal_store_tip(xc_journal_op_t *op) XC_WUR;
xc_rc_t xc_journal_store_durable(xc_journal_op_t *op) XC_WUR;
xc_rc_t xc_journal_sync_head(xc_journal_op_t *op) XC_WUR;

/* Both blocks read without the lock, for those who only look. */
xc_rc_t xc_journal_peek(xc_journal_op_t *op) XC_WUR;

/* The tip was written since the running kernel started. */
bool xc_journal_same_boot(const xc_journal_op_t *op);

/* xc_journal_scan.c: lines */

bool xc_journal_parse(xc_str_t line, xc_journal_prefix_t *out);

/*
 * Follows the chain from the cursor to limit, to the end of the file or to
 * the first line that does not chain.  XC_EINPUT: the first line of any is
 * another node's.
 */
xc_rc_t xc_journal_scan(xc_journal_op_t *op, int fd, uint64_t limit,
    xc_journal_cursor_t *cursor) XC_WUR;

/* Does a whole record stand anywhere behind from?  Then what stands at from is
 * no torn tail.  XC_OK: none; XC_DENIED: one does. */
xc_rc_t xc_journal_scan_rest(xc_journal_op_t *op, int fd, uint64_t from)
    XC_WUR;

/* xc_journal_sign.c: signed checkpoints, and what they hold the log to */

/* XC_EIO; XC_EINPUT: another origin's, or none that can be read. */
xc_rc_t xc_journal_last_signed(xc_journal_op_t *op, xc_journal_signed_t *out)
    XC_WUR;

/*
 * No tip may go on where a checkpoint that was signed, and may have left the
 * host, says otherwise: two trees of one origin are what a forger's would look
 * like.  XC_EINPUT: the tip ends before it, or has another root.  XC_EIO.
 */
xc_rc_t xc_journal_check_signed(xc_journal_op_t *op,
    const xc_journal_signed_t *last) XC_WUR;

/* Says so.  XC_EINPUT. */
xc_rc_t xc_journal_another_tree(xc_journal_op_t *op,
    const xc_journal_signed_t *last) XC_WUR;

/*
 * Signs a checkpoint of what this head says, all of which is synced, unless a
 * newer one stands or there is no key.  Takes the checkpoints' lock; the
 * chain's may be held.  XC_EIO, XC_EINPUT as above, XC_EINTERNAL.
 */
xc_rc_t xc_journal_sign(xc_journal_op_t *op, const xc_journal_head_t *head)
    XC_WUR;

/* xc_journal_repair.c: head and log that disagree */

/* Fails for audit.log, as errno says: XC_EIO. */
xc_rc_t xc_journal_log_error(xc_journal_op_t *op, const char *what);

void xc_journal_add_note(xc_journal_op_t *op, const xc_journal_note_t *note);
void xc_journal_set_node(xc_journal_op_t *op);

/* The range of what was written, but is not known to be on stable storage. */
void xc_journal_unsynced(const xc_journal_op_t *op, xc_journal_note_t *note);

/* Brings the tip and the file that it names to one size.  first: this process
 * has not looked at the file yet. */
xc_rc_t xc_journal_settle(xc_journal_op_t *op, int fd, uint64_t size,
    bool first) XC_WUR;

/* Makes the head from the log alone. */
xc_rc_t xc_journal_adopt(xc_journal_op_t *op, int fd, const struct stat *st)
    XC_WUR;

/* Marks the tip FAILED where it still is the file that failed. */
xc_rc_t xc_journal_mark_failed(xc_journal_op_t *op, xc_journal_cause_t cause)
    XC_WUR;

/* xc_journal_rotate.c: which file is the log, and the next one */

/*
 * Steps 2, 3 and 8, the lock held: afterwards log_fd is audit.log, its inode
 * and size are the tip's.  create: also where no log has been begun yet; else
 * XC_DENIED then.
 */
xc_rc_t xc_journal_prepare(xc_journal_op_t *op, bool create) XC_WUR;

/* xc_journal_batch.c: the lines of one append */

/* `","time":"…","node":"…",` at most. */
#define XC_JOURNAL_STAMP_MAX    128

/* The journal's own line at most, the description apart. */
#define XC_JOURNAL_NOTE_LINE    (1536 + XC_JOURNAL_FRONTIER_TEXT)

/* `,"frontier":{"size":…,"hashes":[…]}` */
#define XC_JOURNAL_FRONTIER_TEXT                                              \
    (64 + XC_MERKLE_LEVELS * (2 * XC_SHA256_SIZE + 3))

typedef struct {
    const xc_journal_op_t  *op;
    xc_buf_t                out;
    int64_t                 now_us;
    uint64_t                seq;            /* of the next line */
    uint8_t                 leaf[XC_SHA256_SIZE];   /* of the last one */
    xc_merkle_t             tree;           /* before the next line */
    size_t                  start;          /* of the line that is open */
    xc_str_t                stamp;          /* time and node, one for all */
} xc_journal_batch_t;

/*
 * The records that the tip owes, then the entries, whose leaf hashes go to
 * leaves: apart until they stand in the log.  XC_ELIMIT, XC_EINTERNAL.
 */
xc_rc_t xc_journal_assemble(xc_journal_batch_t *batch,
    const xc_journal_entry_t *entries, size_t n, uint8_t *leaves) XC_WUR;

#endif
