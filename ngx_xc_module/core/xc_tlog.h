/*
 * What the log shows an outsider: checkpoints (C2SP tlog-checkpoint) and
 * proofs that a line is in it (C2SP tlog-proof).
 *
 * Inputs are borrowed.  Everything is thread-safe after xc_crypto_init().
 */

#ifndef XC_TLOG_H
#define XC_TLOG_H

#include "xc_merkle.h"
#include "xc_note.h"

/* A log's tree at one moment. */
typedef struct {
    xc_str_t  origin;       /* the log's name */
    uint64_t  size;         /* leaves */
    uint8_t   root[XC_SHA256_SIZE];
    xc_str_t  extension;    /* further lines, each with its LF; mostly none */
} xc_checkpoint_t;

/* Bytes of a signed checkpoint of ours at most. */
#define XC_CHECKPOINT_MAX   (XC_NOTE_NAME_MAX + 67 + XC_NOTE_SIGNATURE_MAX)

/*
 * A name that a log of ours may have: a URL without its scheme, so no "://",
 * no space, no '+'; UTF-8, no controls, 1 to XC_NOTE_NAME_MAX bytes.  Other
 * people's origins are any line.
 */
bool xc_tlog_origin_ok(xc_str_t origin);

/* The text, before any signature. */
void xc_checkpoint_write(xc_buf_t *b, const xc_checkpoint_t *checkpoint);

/* The other way.  XC_EINPUT: *error says what is wrong. */
xc_rc_t xc_checkpoint_read(xc_str_t text, const char **error,
    xc_checkpoint_t *out) XC_WUR;

/* Writes the signed checkpoint.  XC_EINPUT: the key's name is not the origin,
 * an extension line is empty, or as xc_note_sign(), whose errors these are. */
xc_rc_t xc_checkpoint_sign(xc_buf_t *b, const xc_checkpoint_t *checkpoint,
    const xc_note_key_t *key) XC_WUR;

/* Verifies and reads a signed checkpoint.  Returns and *error as
 * xc_note_open(); XC_DENIED also where its origin is not the key's name. */
xc_rc_t xc_checkpoint_open(xc_arena_t *arena, xc_str_t note,
    const xc_note_key_t *key, const char **error, xc_checkpoint_t *out)
    XC_WUR;

/* A proof that can be carried about alone. */
typedef struct {
    xc_str_t          extra;        /* opaque bytes, vouched for by nobody */
    uint64_t          index;
    size_t            n;            /* hashes in path */
    xc_merkle_path_t  path;
    xc_str_t          checkpoint;   /* the signed note */
} xc_tlog_proof_t;

#define XC_TLOG_PROOF_MAX   (XC_NOTE_MAX + 65536)   /* bytes that are read */

/* No line for an empty extra. */
void xc_tlog_proof_write(xc_buf_t *b, const xc_tlog_proof_t *proof);

/*
 * Reads a proof; of the checkpoint only that there is one.  extra comes to lie
 * in the arena.  XC_EINPUT; XC_ELIMIT: over XC_TLOG_PROOF_MAX, *error says why.
 * XC_ENOMEM.
 */
xc_rc_t xc_tlog_proof_read(xc_arena_t *arena, xc_str_t text,
    const char **error, xc_tlog_proof_t *out) XC_WUR;

/*
 * XC_OK: the log that signs with this key holds the leaf at proof->index;
 * *out is the checkpoint that says so.  XC_DENIED: not shown.  Else as
 * xc_checkpoint_open(), and XC_EINPUT where index or path don't fit the size.
 */
xc_rc_t xc_tlog_proof_check(xc_arena_t *arena, const xc_tlog_proof_t *proof,
    const xc_note_key_t *key, const uint8_t leaf[XC_SHA256_SIZE],
    const char **error, xc_checkpoint_t *out) XC_WUR;

#endif
