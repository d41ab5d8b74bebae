#define _GNU_SOURCE             /* memmem() */

#include "xc_tlog.h"

#include "xc_ascii.h"
#include "xc_b64.h"

#define XC_TLOG_B64_HASH    44      /* SHA-256 in base64, characters */


static const xc_str_t  xc_tlog_proof_version = { "c2sp.org/tlog-proof@v1",
                                                 22 };


static xc_rc_t
xc_tlog_fault(const char **error, xc_rc_t rc, const char *what)
{
    *error = what;

    return rc;
}


/* Takes prefix off the start of s. */
static bool
xc_tlog_skip(xc_str_t *s, xc_str_t prefix)
{
    if (s->len < prefix.len || memcmp(s->data, prefix.data, prefix.len) != 0) {
        return false;
    }

    s->data += prefix.len;
    s->len -= prefix.len;

    return true;
}


/* ASCII decimal, one spelling a number. */
static bool
xc_tlog_decimal(xc_str_t s, uint64_t *out)
{
    if (s.len > 1 && s.data[0] == '0') {
        return false;
    }

    return xc_ascii_u64(s, UINT64_MAX, out);
}


static bool
xc_tlog_hash(xc_str_t s, uint8_t out[XC_SHA256_SIZE])
{
    size_t   n;
    uint8_t  bytes[XC_B64_DECODED_MAX(XC_TLOG_B64_HASH)];

    if (s.len != XC_TLOG_B64_HASH
        || xc_b64_decode(XC_B64_STD, s, bytes, &n) != XC_OK
        || n != XC_SHA256_SIZE)
    {
        return false;
    }

    memcpy(out, bytes, XC_SHA256_SIZE);

    return true;
}


bool
xc_tlog_origin_ok(xc_str_t origin)
{
    return origin.len <= XC_NOTE_NAME_MAX
           && xc_note_name_ok(origin)
           && xc_ascii_no_controls(origin)
           && memmem(origin.data, origin.len, "://", 3) == NULL;
}


void
xc_checkpoint_write(xc_buf_t *b, const xc_checkpoint_t *checkpoint)
{
    xc_buf_str(b, checkpoint->origin);
    xc_buf_char(b, '\n');
    xc_buf_u64(b, checkpoint->size);
    xc_buf_char(b, '\n');
    xc_b64_encode(XC_B64_STD, b, checkpoint->root, XC_SHA256_SIZE);
    xc_buf_char(b, '\n');
    xc_buf_str(b, checkpoint->extension);
}


/* Whole lines, none of them empty. */
static bool
xc_checkpoint_extension_ok(xc_str_t rest)
{
    xc_str_t  line;

    while (xc_note_next_line(&rest, &line)) {
        if (line.len == 0) {
            return false;
        }
    }

    return rest.len == 0;
}


xc_rc_t
xc_checkpoint_read(xc_str_t text, const char **error, xc_checkpoint_t *out)
{
    xc_str_t         line;
    xc_checkpoint_t  read;

    if (!xc_note_next_line(&text, &read.origin) || read.origin.len == 0) {
        return xc_tlog_fault(error, XC_EINPUT,
                             "the first line is not an origin");
    }

    if (!xc_note_next_line(&text, &line)
        || !xc_tlog_decimal(line, &read.size))
    {
        return xc_tlog_fault(error, XC_EINPUT,
                             "the second line is not a size");
    }

    if (!xc_note_next_line(&text, &line) || !xc_tlog_hash(line, read.root)) {
        return xc_tlog_fault(error, XC_EINPUT,
                             "the third line is not base64 of a SHA-256");
    }

    if (!xc_checkpoint_extension_ok(text)) {
        return xc_tlog_fault(error, XC_EINPUT,
                             "an empty or unfinished extension line");
    }

    read.extension = text;
    *out = read;

    return XC_OK;
}


xc_rc_t
xc_checkpoint_sign(xc_buf_t *b, const xc_checkpoint_t *checkpoint,
    const xc_note_key_t *key)
{
    size_t  start = b->len;

    /* CONTRACT.md section 5: signer name = origin */
    if (!xc_str_eq(checkpoint->origin, key->name)
        || !xc_checkpoint_extension_ok(checkpoint->extension))
    {
        return XC_EINPUT;
    }

    xc_checkpoint_write(b, checkpoint);

    return xc_note_sign(b, start, key);
}


xc_rc_t
xc_checkpoint_open(xc_arena_t *arena, xc_str_t note, const xc_note_key_t *key,
    const char **error, xc_checkpoint_t *out)
{
    xc_rc_t          rc;
    xc_str_t         text;
    xc_checkpoint_t  read;

    rc = xc_note_open(arena, note, key, error, &text);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_checkpoint_read(text, error, &read);
    if (rc != XC_OK) {
        return rc;
    }

    if (!xc_str_eq(read.origin, key->name)) {
        return xc_tlog_fault(error, XC_DENIED,
                             "the origin is not the key's name");
    }

    *out = read;

    return XC_OK;
}


void
xc_tlog_proof_write(xc_buf_t *b, const xc_tlog_proof_t *proof)
{
    size_t  i;

    xc_buf_str(b, xc_tlog_proof_version);

    if (proof->extra.len != 0) {
        xc_buf_z(b, "\nextra ");
        xc_b64_encode(XC_B64_STD, b, (const uint8_t *) proof->extra.data,
                      proof->extra.len);
    }

    xc_buf_z(b, "\nindex ");
    xc_buf_u64(b, proof->index);
    xc_buf_char(b, '\n');

    for (i = 0; i < proof->n; i++) {
        xc_b64_encode(XC_B64_STD, b, proof->path[i], XC_SHA256_SIZE);
        xc_buf_char(b, '\n');
    }

    xc_buf_char(b, '\n');
    xc_buf_str(b, proof->checkpoint);
}


static xc_rc_t
xc_tlog_proof_extra(xc_arena_t *arena, xc_str_t text, const char **error,
    xc_str_t *out)
{
    size_t    n;
    uint8_t  *bytes;

    bytes = xc_arena_alloc(arena, XC_B64_DECODED_MAX(text.len));
    if (bytes == NULL) {
        return XC_ENOMEM;
    }

    if (xc_b64_decode(XC_B64_STD, text, bytes, &n) != XC_OK) {
        return xc_tlog_fault(error, XC_EINPUT, "extra is not base64");
    }

    *out = (xc_str_t) { (const char *) bytes, n };

    return XC_OK;
}


/* The lines up to the empty one. */
static xc_rc_t
xc_tlog_proof_path(xc_str_t *text, const char **error, xc_tlog_proof_t *proof)
{
    xc_str_t  line;

    for (proof->n = 0; xc_note_next_line(text, &line); proof->n++) {
        if (line.len == 0) {
            return XC_OK;
        }

        if (proof->n == XC_MERKLE_LEVELS
            || !xc_tlog_hash(line, proof->path[proof->n]))
        {
            return xc_tlog_fault(error, XC_EINPUT,
                                 "the path is not 64 hashes at most");
        }
    }

    return xc_tlog_fault(error, XC_EINPUT, "the path has no end");
}


/* The lines above the path. */
static xc_rc_t
xc_tlog_proof_head(xc_arena_t *arena, xc_str_t *text, const char **error,
    xc_tlog_proof_t *proof)
{
    xc_rc_t   rc;
    xc_str_t  line;

    proof->extra = XC_STR("");

    if (!xc_note_next_line(text, &line)
        || !xc_str_eq(line, xc_tlog_proof_version))
    {
        return xc_tlog_fault(error, XC_EINPUT,
                             "the first line is not c2sp.org/tlog-proof@v1");
    }

    if (xc_tlog_skip(text, XC_STR("extra "))
        && xc_note_next_line(text, &line))
    {
        rc = xc_tlog_proof_extra(arena, line, error, &proof->extra);
        if (rc != XC_OK) {
            return rc;
        }
    }

    if (!xc_note_next_line(text, &line)
        || !xc_tlog_skip(&line, XC_STR("index "))
        || !xc_tlog_decimal(line, &proof->index))
    {
        return xc_tlog_fault(error, XC_EINPUT, "no line with the index");
    }

    return XC_OK;
}


xc_rc_t
xc_tlog_proof_read(xc_arena_t *arena, xc_str_t text, const char **error,
    xc_tlog_proof_t *out)
{
    xc_rc_t          rc;
    xc_tlog_proof_t  proof;

    if (text.len > XC_TLOG_PROOF_MAX) {
        return xc_tlog_fault(error, XC_ELIMIT, "longer than 320 KiB");
    }

    rc = xc_tlog_proof_head(arena, &text, error, &proof);

    if (rc == XC_OK) {
        rc = xc_tlog_proof_path(&text, error, &proof);
    }

    if (rc != XC_OK) {
        return rc;
    }

    if (text.len == 0) {
        return xc_tlog_fault(error, XC_EINPUT, "no checkpoint");
    }

    proof.checkpoint = text;
    *out = proof;

    return XC_OK;
}


xc_rc_t
xc_tlog_proof_check(xc_arena_t *arena, const xc_tlog_proof_t *proof,
    const xc_note_key_t *key, const uint8_t leaf[XC_SHA256_SIZE],
    const char **error, xc_checkpoint_t *out)
{
    xc_rc_t          rc;
    xc_checkpoint_t  checkpoint;

    rc = xc_checkpoint_open(arena, proof->checkpoint, key, error, &checkpoint);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_merkle_verify_inclusion(leaf, proof->index, checkpoint.size,
                                    proof->path, proof->n, checkpoint.root);
    if (rc == XC_EINPUT) {
        return xc_tlog_fault(error, rc,
                             "index and path don't fit the tree's size");
    }

    if (rc != XC_OK) {
        return xc_tlog_fault(error, rc, "the path does not lead to the root");
    }

    *out = checkpoint;

    return XC_OK;
}
