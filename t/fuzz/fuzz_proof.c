/*
 * Proofs that a line is in the log (C2SP tlog-proof).  The input: one octet of
 * flags, eight of the tree's size (little-endian), the proof; behind a 0x1e
 * that stands in it, the checkpoint's text, which the key signs first.
 *
 * honest: the checkpoint is made here, of that size and of the root that the
 * path leads to, computed as RFC 9162 2.1.3.2 says: then the check has to come
 * out as that algorithm does.
 */

#include "fuzz_note.h"

#define HEAD    9

enum {
    FLAG_HONEST = 1,
    FLAG_SIGN = 2
};


static void
node_hash(const uint8_t *left, const uint8_t *right, uint8_t *out)
{
    uint8_t  both[1 + 2 * XC_SHA256_SIZE] = { 1 };

    memcpy(both + 1, left, XC_SHA256_SIZE);
    memcpy(both + 1 + XC_SHA256_SIZE, right, XC_SHA256_SIZE);
    FUZZ_CHECK(xc_hash(XC_HASH_SHA256, both, sizeof(both), out) == XC_OK);
}


/* False: index, path and size don't fit. */
static bool
walk(const uint8_t *leaf, uint64_t size, const xc_tlog_proof_t *proof,
    uint8_t *root)
{
    size_t    i;
    uint64_t  fn = proof->index, sn = size - 1;

    memcpy(root, leaf, XC_SHA256_SIZE);

    if (fn >= size) {
        return false;
    }

    for (i = 0; i < proof->n; i++) {
        if (sn == 0) {
            return false;
        }

        if ((fn & 1) == 1 || fn == sn) {
            node_hash(proof->path[i], root, root);

            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }

        } else {
            node_hash(root, proof->path[i], root);
        }

        fn >>= 1;
        sn >>= 1;
    }

    return sn == 0;
}


static xc_str_t
checkpoint_of(xc_arena_t *arena, uint64_t size, const uint8_t *root)
{
    char             *mem;
    xc_buf_t          b;
    xc_checkpoint_t   checkpoint = { XC_STR(FUZZ_ORIGIN), size, { 0 },
                                     XC_STR_NONE };

    mem = xc_arena_alloc(arena, XC_CHECKPOINT_MAX);
    FUZZ_CHECK(mem != NULL);
    memcpy(checkpoint.root, root, XC_SHA256_SIZE);
    xc_buf_init(&b, mem, XC_CHECKPOINT_MAX);
    FUZZ_CHECK(xc_checkpoint_sign(&b, &checkpoint, fuzz_signer()) == XC_OK);

    return xc_buf_view(&b);
}


/* A proof that was read is written as it stood, but for an empty extra. */
static void
check_again(xc_arena_t *arena, const xc_tlog_proof_t *proof, size_t len)
{
    char             *mem;
    size_t            i;
    xc_buf_t          b;
    const char       *error;
    xc_tlog_proof_t   again;

    mem = xc_arena_alloc(arena, len + 1);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&b, mem, len + 1);
    xc_tlog_proof_write(&b, proof);
    FUZZ_CHECK(!b.overflow);
    FUZZ_CHECK(xc_tlog_proof_read(arena, xc_buf_view(&b), &error, &again)
               == XC_OK);
    FUZZ_CHECK(again.index == proof->index && again.n == proof->n
               && xc_str_eq(again.extra, proof->extra)
               && xc_str_eq(again.checkpoint, proof->checkpoint));

    for (i = 0; i < proof->n; i++) {
        FUZZ_CHECK(memcmp(again.path[i], proof->path[i], XC_SHA256_SIZE)
                   == 0);
    }
}


static void
check_proof(xc_arena_t *arena, xc_tlog_proof_t *proof, unsigned flags,
    uint64_t size)
{
    bool             fits, honest = (flags & FLAG_HONEST) != 0 && size != 0;
    uint8_t          leaf[XC_SHA256_SIZE], root[XC_SHA256_SIZE];
    xc_rc_t          rc;
    const char      *error = NULL;
    xc_checkpoint_t  checkpoint = { .size = size };

    FUZZ_CHECK(xc_hash_leaf("line", 4, leaf) == XC_OK);

    fits = honest && walk(leaf, size, proof, root);

    if (honest) {
        proof->checkpoint = checkpoint_of(arena, size, root);
    }

    rc = xc_tlog_proof_check(arena, proof, fuzz_signer(), leaf, &error,
                             &checkpoint);
    FUZZ_CHECK(rc == XC_OK || error != NULL);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED || rc == XC_EINPUT
               || rc == XC_ELIMIT);
    FUZZ_CHECK(!honest || (rc == XC_OK) == fits);

    if (rc == XC_OK) {
        FUZZ_CHECK(walk(leaf, checkpoint.size, proof, root)
                   && memcmp(root, checkpoint.root, XC_SHA256_SIZE) == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               i;
    xc_rc_t           rc;
    uint64_t          leaves = 0;
    xc_str_t          rest, text, note;
    xc_heap_t         heap;
    const char       *error = NULL;
    xc_tlog_proof_t   proof;

    if (size < HEAD) {
        return 0;
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    for (i = 0; i < 8; i++) {
        leaves |= (uint64_t) data[1 + i] << 8 * i;
    }

    rest = (xc_str_t) { (const char *) data + HEAD, size - HEAD };
    text = (data[0] & FLAG_SIGN) != 0 ? fuzz_part(&rest) : rest;

    rc = xc_tlog_proof_read(&heap.arena, text, &error, &proof);
    FUZZ_CHECK(rc == XC_OK || (error != NULL && rc == XC_EINPUT));

    if (rc == XC_OK) {
        FUZZ_CHECK(proof.n <= XC_MERKLE_LEVELS);
        check_again(&heap.arena, &proof, text.len);

        if ((data[0] & FLAG_SIGN) != 0) {
            note = fuzz_signed(&heap.arena, rest);
            proof.checkpoint = note.data == NULL ? rest : note;
        }

        check_proof(&heap.arena, &proof, data[0], leaves);
    }

    xc_heap_free(&heap);

    return 0;
}
