/*
 * The audit log's file protocol (DESIGN.md section 5): one chain a node,
 * written by many processes, durable before xc_journal_append() returns.
 *
 * Everything here blocks and is called from a thread (workers) or where
 * blocking is no harm (master, tool).  One xc_journal_t serves one thread at a
 * time; any number of processes and threads may each have their own on the
 * same directory.
 */

#ifndef XC_JOURNAL_H
#define XC_JOURNAL_H

#include "xc_buf.h"
#include "xc_crypto.h"
#include "xc_merkle.h"

#include <sys/types.h>

#define XC_JOURNAL_LINE_MAX     65536   /* bytes of a line, LF apart */

/* What the journal itself writes in front of an entry's members: seq, prev,
 * time, node, braces, LF. */
#define XC_JOURNAL_PREFIX_MAX   256

/* audit.checkpoint: one signed note. */
#define XC_JOURNAL_CHECKPOINT_MAX   1024

#define XC_JOURNAL_BOOT_ID_SIZE 36

typedef struct {
    const char   *dir;          /* the state directory, NUL-terminated */
    xc_str_t      node;         /* an id, 64 bytes at most */
    bool          sync;         /* false: written is enough */
    uid_t         uid;          /* owner of files made; (uid_t) -1: leave */
    gid_t         gid;

    /*
     * Checkpoints (C2SP tlog-checkpoint) of the log of that name, as
     * xc_tlog_origin_ok() allows, are signed with the key, an Ed25519 private
     * one.  NULL: none are written, and the origin may be empty; the tree is
     * kept all the same, so that a key may come later.
     */
    xc_str_t         origin;
    const xc_key_t  *key;

    /*
     * Of the running kernel (/proc/sys/kernel/random/boot_id), 36 characters:
     * tells a power loss from a truncation.  Empty: what was never synced and
     * is missing passes for a power loss.
     */
    xc_str_t      boot_id;

    /* Members that describe the node (version, sync, gates), as JSON text
     * without braces; they go into the journal's own records. */
    xc_str_t      describe;

    int64_t     (*now_us)(void *ctx);   /* wall clock, for `time` */
    void         *ctx;
} xc_journal_conf_t;

/* One line to be.  The caller owns all memory. */
typedef struct {
    xc_str_t   members;         /* `"event":"decision",…`, no braces, no LF */
    uint64_t   seq;             /* out */
    uint8_t    leaf[XC_SHA256_SIZE];    /* out: SHA-256(0x00 || line) */
} xc_journal_entry_t;

/* What happened, for the error log; text is empty when nothing did. */
typedef struct {
    bool   alert;               /* else an error */
    char   text[512];           /* one line, printable, NUL-terminated */
} xc_journal_report_t;

typedef struct xc_journal_head_s {
    uint64_t  dev, ino;         /* of audit.log */
    uint64_t  size;             /* bytes */
    uint64_t  seq;              /* of the next line */
    uint64_t  first_seq;        /* of the file's first line */
    uint8_t   leaf[XC_SHA256_SIZE];     /* of the last line; zeros for none */
    int64_t   last_us;          /* time of the last line */
    uint32_t  state;            /* 0, or XC_JOURNAL_FAILED */
    char      node[64];         /* zero-padded */
    char      boot_id[XC_JOURNAL_BOOT_ID_SIZE];     /* zeros for none */

    xc_merkle_t  tree;          /* of lines 0 to seq - 1 */
} xc_journal_head_t;

#define XC_JOURNAL_FAILED   1       /* fdatasync failed: never append to it */

typedef struct {
    xc_journal_conf_t  conf;
    int                dir_fd, head_fd, log_fd;     /* -1: not open */
    uint64_t           log_dev, log_ino;            /* of log_fd */
    bool               failed;      /* fdatasync of log_fd failed, and the head
                                       does not say so yet */
    bool               checked;     /* the head against the last checkpoint */
    uint64_t           seen;        /* the highest seq of a tip so far */
} xc_journal_t;

/* The bytes of scratch memory that an append of these entries needs. */
size_t xc_journal_scratch(const xc_journal_entry_t *entries, size_t n);

/*
 * Opens the directory and the head, which it makes where there is none; reads
 * nothing else.  Refused: a network file system, another node's head, an
 * origin that is none.  The strings and the key of conf are borrowed for the
 * journal's life.
 * XC_OK, XC_EIO, XC_EINPUT (another node, not a head), report set.
 */
xc_rc_t xc_journal_open(xc_journal_t *journal, const xc_journal_conf_t *conf,
    xc_journal_report_t *report) XC_WUR;
void xc_journal_close(xc_journal_t *journal);

/*
 * Opens what is there for xc_journal_read_head() and
 * xc_journal_read_checkpoint() alone: makes nothing, takes no lock and so never
 * waits for a writer.  XC_EIO: errno.
 */
xc_rc_t xc_journal_open_reader(xc_journal_t *journal,
    const xc_journal_conf_t *conf) XC_WUR;

/*
 * Appends n entries as one write, after following a rotation or repairing what
 * a crash left (which may add records of its own in front), and syncs.  The
 * first record of a file, whoever made it, and each of the journal's own get
 * `frontier` {"size": its seq, "hashes": [hex, ...]} as their last member.
 *
 * XC_OK      on stable storage (conf.sync) or written; seq and leaf are set
 * XC_DENIED  written, but fdatasync failed: may be lost, the file is given up;
 *            the next append begins a new one with a recover record
 * XC_EIO, XC_EINTERNAL  nothing of it stands in the log, no seq is spent
 * XC_EINPUT  so too, until somebody mends it: another node's log; neither head
 *            nor log reaches the last checkpoint; another origin's checkpoint
 * XC_ELIMIT  a line would pass XC_JOURNAL_LINE_MAX, or scratch is too small:
 *            nothing is written
 *
 * report may be set on XC_OK too (a recovery).
 */
xc_rc_t xc_journal_append(xc_journal_t *journal, xc_journal_entry_t *entries,
    size_t n, void *scratch, size_t scratch_size, xc_journal_report_t *report)
    XC_WUR;

/*
 * Step 7: syncs, signs a checkpoint of what is synced by now (audit.checkpoint,
 * audit.checkpoints) and makes `durable` say so.  Cheap when nothing is new.
 * Also follows a rotation, so that an idle process keeps no old file; the
 * rotation itself, here or in an append, signs one of exactly the old files'
 * size.  Results as of xc_journal_append(); what was appended stands whatever
 * this returns.
 */
xc_rc_t xc_journal_checkpoint(xc_journal_t *journal,
    xc_journal_report_t *report) XC_WUR;

/* A copy of the head as it stands (tip, or durable where tip is torn), for
 * status.  XC_EIO, XC_EINPUT. */
xc_rc_t xc_journal_read_head(xc_journal_t *journal, xc_journal_head_t *out)
    XC_WUR;

/*
 * The latest signed checkpoint, as it stands in audit.checkpoint; buf holds
 * XC_JOURNAL_CHECKPOINT_MAX bytes.  Takes no lock.  XC_DENIED: none yet;
 * XC_EIO, XC_EINPUT (longer than any checkpoint).
 */
xc_rc_t xc_journal_read_checkpoint(const xc_journal_t *journal, char *buf,
    size_t *len) XC_WUR;

/*
 * A line's own claim: the seq and prev that it begins with.  False where it
 * does not begin as a record does.  For reading logs.
 */
bool xc_journal_line_prefix(xc_str_t line, uint64_t *seq,
    uint8_t prev[XC_SHA256_SIZE]);

#endif
