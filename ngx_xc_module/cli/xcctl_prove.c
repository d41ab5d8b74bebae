#include "xcctl_audit.h"

#include "xcctl.h"
#include "xcctl_open.h"
#include "xcctl_options.h"
#include "xcctl_tree.h"

#include "../core/xc_ascii.h"
#include "../core/xc_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define XCCTL_PROVE_KEYS    16


typedef struct {
    uint64_t            seq;
    xc_heap_t           heap;
    xcctl_keys_t        keys;

    /* The latest checkpoint: the root of its size must come out. */
    char               *note;
    size_t              note_len;
    uint64_t            size;
    uint8_t             root[XC_SHA256_SIZE];

    bool                begun, found;
    uint64_t            next;       /* seq of the next line */
    uint8_t             leaf[XC_SHA256_SIZE];
    xc_merkle_prover_t  prover;
    xcctl_record_t      record;
} xcctl_prove_t;


static xc_rc_t
xcctl_prove_broken(xcctl_where_t where, const char *what)
{
    (void) xcctl_fail("%s:%" PRIu64 ": %s; \"xcctl audit verify\" tells more",
                      where.file, where.line, what);

    return XC_DENIED;
}


static xc_rc_t
xcctl_prove_begin(xcctl_prove_t *prove)
{
    xc_rc_t          rc;
    xc_merkle_t      start = { .size = 0 };
    xcctl_record_t  *record = &prove->record;

    if (record->seq != 0 && (!xcctl_tree_frontier(record, &start)
                             || start.size != record->seq))
    {
        return xcctl_prove_broken(record->where, "no frontier: give the log "
                                  "from its beginning");
    }

    rc = xc_merkle_prove_begin(&prove->prover, &start, prove->seq);

    if (rc == XC_EINPUT) {
        return xcctl_prove_broken(record->where, "begins behind that seq");
    }

    prove->begun = true;
    prove->next = record->seq;

    return rc;
}


static xc_rc_t
xcctl_prove_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    char            error[160];
    xc_rc_t         rc = XC_OK;
    uint8_t         leaf[XC_SHA256_SIZE];
    xcctl_prove_t  *prove = ctx;

    if (prove->begun && prove->next >= prove->size) {
        return XC_OK;
    }

    if (kind != XCCTL_LOG_LINE
        || !xcctl_record_read(&prove->record, where, text, error,
                              sizeof(error)))
    {
        return xcctl_prove_broken(where, "not a record");
    }

    if (!prove->begun) {
        rc = xcctl_prove_begin(prove);
    }

    if (rc == XC_OK && prove->record.seq != prove->next) {
        return xcctl_prove_broken(where, "out of order");
    }

    if (rc == XC_OK) {
        rc = xc_hash_leaf(text.data, text.len, leaf);
    }

    if (rc == XC_OK && prove->next == prove->seq) {
        memcpy(prove->leaf, leaf, sizeof(leaf));
        prove->found = true;
    }

    prove->next++;

    return rc == XC_OK ? xc_merkle_prove_leaf(&prove->prover, leaf) : rc;
}


/* The largest of audit.checkpoints, or where there is none audit.checkpoint. */
static xc_rc_t
xcctl_prove_latest(xcctl_prove_t *prove, const char *path)
{
    xc_rc_t       rc;
    xcctl_ckpt_t  ckpt;

    rc = path == NULL ? XC_ENOMEM
                      : xcctl_ckpt_open(&ckpt, path, &prove->keys);
    if (path == NULL || rc == XC_EINPUT) {
        return rc;
    }

    while (rc == XC_OK || rc == XC_EINPUT) {
        rc = xcctl_ckpt_next(&ckpt);

        if (rc == XC_OK && ckpt.checkpoint.size > prove->seq
            && ckpt.checkpoint.size >= prove->size)
        {
            memcpy(prove->note, ckpt.text.data, ckpt.text.len);
            prove->note_len = ckpt.text.len;
            prove->size = ckpt.checkpoint.size;
            memcpy(prove->root, ckpt.checkpoint.root, sizeof(prove->root));
        }
    }

    xcctl_ckpt_close(&ckpt);

    return rc == XC_DENIED || rc == XC_ELIMIT ? XC_OK : rc;
}


static int
xcctl_prove_checkpoint(xcctl_prove_t *prove, const char *file)
{
    size_t                    i;
    xc_rc_t                   rc;
    static const char *const  names[] = { "audit.checkpoints",
                                          "audit.checkpoint" };

    for (i = 0; i < XC_COUNT(names); i++) {
        rc = xcctl_prove_latest(prove, xcctl_ckpt_beside(&prove->heap.arena,
                                                         file, names[i]));

        if (rc != XC_OK && !(rc == XC_EIO && errno == ENOENT)) {
            (void) xcctl_fail("can't read %s beside %s: %s", names[i], file,
                              xcctl_open_error(rc));
            return XCCTL_USAGE;
        }
    }

    if (prove->size == 0) {
        return xcctl_fail("no checkpoint beside %s covers seq %" PRIu64 " yet",
                          file, prove->seq);
    }

    return XCCTL_OK;
}


static int
xcctl_prove_print(const xcctl_prove_t *prove)
{
    char             *mem;
    size_t            cap = XC_TLOG_PROOF_MAX;
    xc_buf_t          out;
    xc_tlog_proof_t   proof = { .extra = XC_STR(""), .index = prove->seq };

    if (!prove->found || prove->next < prove->size) {
        return xcctl_fail("the log ends at seq %" PRIu64 ", before the "
                          "checkpoint of %" PRIu64 " records", prove->next,
                          prove->size);
    }

    proof.checkpoint = (xc_str_t) { prove->note, prove->note_len };

    if (xc_merkle_prove_end(&prove->prover, proof.path, &proof.n) != XC_OK
        || xc_merkle_verify_inclusion(prove->leaf, prove->seq, prove->size,
                                      proof.path, proof.n, prove->root)
           != XC_OK)
    {
        return xcctl_fail("the log's lines are not those that the checkpoint "
                          "of %" PRIu64 " records covers", prove->size);
    }

    mem = malloc(cap);
    if (mem == NULL) {
        return xcctl_fail("out of memory");
    }

    xc_buf_init(&out, mem, cap);
    xc_tlog_proof_write(&out, &proof);
    fwrite(mem, 1, out.len, stdout);
    free(mem);

    return out.overflow ? xcctl_fail("the proof is too long") : XCCTL_OK;
}


static int
xcctl_prove_run(xcctl_prove_t *prove, char **files, int n)
{
    int  status;

    status = xcctl_prove_checkpoint(prove, files[0]);

    if (status == XCCTL_OK) {
        status = xcctl_log_files(files, n, xcctl_prove_line, prove);
    }

    return status == XCCTL_OK ? xcctl_prove_print(prove) : status;
}


int
xcctl_audit_prove(int argc, char **argv)
{
    int             at, status = XCCTL_USAGE;
    const char     *vkeys[XCCTL_PROVE_KEYS];
    xcctl_prove_t  *prove;
    xcctl_option_t  options[] = {
        { "--key", false, vkeys, XCCTL_PROVE_KEYS, 0 },
    };

    at = xcctl_options(argc, argv, options, XC_COUNT(options));
    if (at < 0) {
        return XCCTL_USAGE;
    }

    prove = calloc(1, sizeof(xcctl_prove_t));
    if (prove == NULL) {
        return xcctl_fail("out of memory");
    }

    xc_heap_init(&prove->heap, 0);
    prove->note = malloc(XC_NOTE_MAX);

    if (argc - at < 2
        || !xc_ascii_u64(xc_str_z(argv[argc - 1]), UINT64_MAX - 1,
                         &prove->seq))
    {
        (void) xcctl_usage("audit prove FILE... SEQ");

    } else if (prove->note == NULL) {
        (void) xcctl_fail("out of memory");

    } else if (xcctl_ckpt_keys(&prove->heap.arena, (char *const *) vkeys,
                               options[0].n, &prove->keys)
               == XC_OK)
    {
        status = xcctl_prove_run(prove, argv + at, argc - at - 1);
    }

    free(prove->note);
    xc_heap_free(&prove->heap);
    free(prove);

    return status;
}


/* The line as it is, with or without its LF; from standard input for "-". */
static xc_rc_t
xcctl_check_line(xc_heap_t *heap, const char *path, xc_str_t *line)
{
    xc_rc_t  rc;

    rc = xcctl_read_file(heap, strcmp(path, "-") == 0 ? "/dev/stdin" : path,
                         line);

    if (rc == XC_OK && line->len != 0 && line->data[line->len - 1] == '\n') {
        line->len--;
    }

    return rc;
}


static int
xcctl_check_proof(xc_heap_t *heap, xc_str_t text, xc_str_t line,
    const xc_note_key_t *key)
{
    xc_rc_t          rc;
    uint8_t          leaf[XC_SHA256_SIZE];
    const char      *error = "";
    xc_checkpoint_t  checkpoint;
    xc_tlog_proof_t  proof;

    rc = xc_hash_leaf(line.data, line.len, leaf);

    if (rc == XC_OK) {
        rc = xc_tlog_proof_read(&heap->arena, text, &error, &proof);
    }

    if (rc == XC_OK) {
        rc = xc_tlog_proof_check(&heap->arena, &proof, key, leaf, &error,
                                 &checkpoint);
    }

    if (rc == XC_ENOMEM || rc == XC_EINTERNAL) {
        (void) xcctl_fail("out of memory, or the crypto library failed");
        return XCCTL_USAGE;
    }

    if (rc != XC_OK) {
        return xcctl_fail("not proved: %s", error);
    }

    printf("proved: the line is seq %" PRIu64 " of " XC_STR_FMT ", by its "
           "checkpoint of %" PRIu64 " records\n", proof.index,
           XC_STR_ARG(checkpoint.origin), checkpoint.size);

    return XCCTL_OK;
}


int
xcctl_audit_check(int argc, char **argv)
{
    int            status = XCCTL_USAGE;
    xc_str_t       proof, line;
    xc_heap_t      heap;
    xcctl_keys_t   keys;

    if (argc != 4) {
        return xcctl_usage("audit check PROOF LINE VKEY");
    }

    xc_heap_init(&heap, 0);

    if (xcctl_ckpt_keys(&heap.arena, argv + 3, 1, &keys) != XC_OK) {
        status = XCCTL_USAGE;

    } else if (xcctl_read_file(&heap, argv[1], &proof) != XC_OK) {
        (void) xcctl_fail("can't read %s: %s", argv[1], strerror(errno));

    } else if (xcctl_check_line(&heap, argv[2], &line) != XC_OK) {
        (void) xcctl_fail("can't read %s: %s", argv[2], strerror(errno));

    } else {
        status = xcctl_check_proof(&heap, proof, line, keys.keys);
    }

    xc_heap_free(&heap);

    return status;
}
