/*
 * xcctl audit verify, whole, over a log and checkpoints of anybody's making.
 * The input is one octet of flags, the log, 0x1e, a checkpoint's text.
 *
 * Mutations chain the log again and mostly keep it whole, or they would all
 * end at the first broken line.  What the tool calls whole is judged again by
 * the few lines below.
 */

#define _GNU_SOURCE             /* memfd_create(), memmem() */

#include "fuzz_note.h"
#include "xcctl_audit.h"
#include "xcctl.h"

#include "xc_b64.h"
#include "xc_journal.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_MAX   4096

enum {
    FLAG_STRICT = 1,
    FLAG_EXPECT = 2,            /* the checkpoint is one that left the host */
    FLAG_SIGN = 4,              /* it is signed first, and the key is given */
    FLAG_CHAIN = 8              /* the mutator chains the lines */
};

static uint8_t  leaves[LINES_MAX][XC_SHA256_SIZE];

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
    unsigned seed);


/* A file without a name. */
static int
file_of(xc_str_t text, char path[64])
{
    int  fd = memfd_create("xc", MFD_CLOEXEC);

    FUZZ_CHECK(fd >= 0 && write(fd, text.data, text.len)
                          == (ssize_t) text.len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);

    return fd;
}


/* MTH of RFC 6962 2.1 by its definition. */
static void
mth(size_t from, size_t n, uint8_t *out)
{
    size_t   k;
    uint8_t  both[1 + 2 * XC_SHA256_SIZE] = { 1 };

    if (n == 1) {
        memcpy(out, leaves[from], XC_SHA256_SIZE);
        return;
    }

    if (n == 0) {
        FUZZ_CHECK(xc_hash(XC_HASH_SHA256, "", 0, out) == XC_OK);
        return;
    }

    for (k = 1; 2 * k < n; k *= 2) { /* void */ }

    mth(from, k, both + 1);
    mth(from + k, n - k, both + 1 + XC_SHA256_SIZE);
    FUZZ_CHECK(xc_hash(XC_HASH_SHA256, both, sizeof(both), out) == XC_OK);
}


/* The log as it was called whole: each line says what stood before it, unless
 * it says itself that something is missing.  The number of leaves, 0 where they
 * are not all there. */
static size_t
check_whole(xc_str_t log)
{
    bool      gaps = false;
    size_t    n = 0;
    uint8_t   prev[XC_SHA256_SIZE];
    xc_str_t  line;
    uint64_t  seq, next = 0;

    for ( /* void */ ; xc_note_next_line(&log, &line); n++) {
        FUZZ_CHECK(xc_journal_line_prefix(line, &seq, prev));
        gaps = gaps || n == LINES_MAX || (n == 0 && seq != 0)
               || memmem(line.data, line.len, "\"recover\"", 9) != NULL;

        if (!gaps && n != 0) {
            FUZZ_CHECK(seq == next && memcmp(prev, leaves[n - 1],
                                             XC_SHA256_SIZE) == 0);
        }

        if (!gaps) {
            FUZZ_CHECK(xc_hash_leaf(line.data, line.len, leaves[n]) == XC_OK);
        }

        next = seq + 1;
    }

    FUZZ_CHECK(log.len == 0);

    return gaps ? 0 : n;
}


/* A checkpoint that was expected, and agreed: it has the root of the lines. */
static void
check_root(xc_str_t text, size_t n)
{
    uint8_t          root[XC_SHA256_SIZE];
    const char      *error;
    xc_checkpoint_t  checkpoint;

    if (n != 0 && xc_checkpoint_read(text, &error, &checkpoint) == XC_OK
        && checkpoint.size <= n)
    {
        mth(0, checkpoint.size, root);
        FUZZ_CHECK(memcmp(root, checkpoint.root, XC_SHA256_SIZE) == 0);
    }
}


static int
verify(unsigned flags, const char *log, const char *expect)
{
    int    argc = 0;
    char   vkey[XC_NOTE_VKEY_MAX + 1];
    char  *argv[8];

    xc_buf_t  b;

    argv[argc++] = (char *) "verify";

    if ((flags & FLAG_STRICT) != 0) {
        argv[argc++] = (char *) "--strict";
    }

    if ((flags & FLAG_EXPECT) != 0) {
        argv[argc++] = (char *) "--expect";
        argv[argc++] = (char *) expect;
    }

    if ((flags & FLAG_SIGN) != 0) {
        xc_buf_init(&b, vkey, sizeof(vkey) - 1);
        xc_note_key_write(&b, fuzz_signer());
        vkey[b.len] = '\0';
        argv[argc++] = (char *) "--key";
        argv[argc++] = vkey;
    }

    argv[argc++] = (char *) log;
    argv[argc] = NULL;

    return xcctl_audit_verify(argc, argv);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int          status, log_fd, note_fd;
    char         log_path[64], note_path[64];
    size_t       n;
    xc_str_t     rest, log, text;
    xc_heap_t    heap;
    static bool  quiet;

    if (size == 0) {
        return 0;
    }

    if (!quiet) {
        quiet = true;
        FUZZ_CHECK(freopen("/dev/null", "w", stdout) != NULL);
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);
    (void) fuzz_signer();

    rest = (xc_str_t) { (const char *) data + 1, size - 1 };
    log = fuzz_part(&rest);
    text = rest;

    if ((data[0] & FLAG_SIGN) != 0) {
        text = fuzz_signed(&heap.arena, rest);
        text = text.data == NULL ? rest : text;
    }

    log_fd = file_of(log, log_path);
    note_fd = file_of(text, note_path);
    status = verify(data[0], log_path, note_path);
    close(log_fd);
    close(note_fd);

    FUZZ_CHECK(status == XCCTL_OK || status == XCCTL_FAIL
               || status == XCCTL_USAGE);

    if (status == XCCTL_OK) {
        n = check_whole(log);

        if ((data[0] & FLAG_EXPECT) != 0 && (data[0] & FLAG_SIGN) != 0) {
            check_root(rest, n);
        }
    }

    xc_heap_free(&heap);

    return 0;
}


/* Writes what each line has to say of the one before, in the room that stands
 * there for it: a seq of another length is left. */
static void
chain(char *log, size_t len)
{
    char      *hash, text[32];
    bool       first = true;
    size_t     n, digits;
    uint8_t    prev[XC_SHA256_SIZE], leaf[XC_SHA256_SIZE] = { 0 };
    xc_str_t   rest = { log, len }, line;
    uint64_t   seq, next = 0;

    while (xc_note_next_line(&rest, &line)) {
        if (!xc_journal_line_prefix(line, &seq, prev)) {
            first = true;
            continue;
        }

        digits = (size_t) snprintf(text, sizeof(text), "%llu",
                                   (unsigned long long) (first ? seq : next));
        n = strcspn(line.data + 7, ",");

        if (digits == n) {
            memcpy((char *) line.data + 7, text, n);
            seq = first ? seq : next;
        }

        hash = memmem(line.data, line.len, "\"prev\":\"", 8);

        if (!first && hash != NULL) {
            xc_hex_encode(hash + 8, leaf, sizeof(leaf));
        }

        FUZZ_CHECK(xc_hash_leaf(line.data, line.len, leaf) == XC_OK);
        next = seq + 1;
        first = false;
    }
}


/* Puts the root of the first lines, so many as the checkpoint says, into it. */
static void
agree(char *text, size_t len, xc_str_t log)
{
    char             mem[48];
    char            *at;
    size_t           n;
    uint8_t          root[XC_SHA256_SIZE];
    xc_buf_t         b;
    xc_str_t         line;
    const char      *error;
    xc_checkpoint_t  checkpoint;

    if (xc_checkpoint_read((xc_str_t) { text, len }, &error, &checkpoint)
        != XC_OK)
    {
        return;
    }

    for (n = 0; n < LINES_MAX && xc_note_next_line(&log, &line); n++) {
        FUZZ_CHECK(xc_hash_leaf(line.data, line.len, leaves[n]) == XC_OK);
    }

    if (checkpoint.size > n) {
        return;
    }

    mth(0, checkpoint.size, root);
    xc_buf_init(&b, mem, sizeof(mem));
    xc_b64_encode(XC_B64_STD, &b, root, sizeof(root));

    at = memchr(text + checkpoint.origin.len + 1, '\n',
                len - checkpoint.origin.len - 1);
    memcpy(at + 1, mem, b.len);
}


size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size_t     len;
    uint8_t   *end;

    size = LLVMFuzzerMutate(data, size, max);

    /* one in four is left as it is */
    if (size == 0 || (data[0] & FLAG_CHAIN) == 0 || seed % 4 == 0) {
        return size;
    }

    end = memchr(data + 1, 0x1e, size - 1);
    len = end == NULL ? size - 1 : (size_t) (end - data) - 1;
    chain((char *) data + 1, len);

    if (end != NULL && seed % 8 != 1) {
        agree((char *) end + 1, size - len - 2,
              (xc_str_t) { (char *) data + 1, len });
    }

    return size;
}
