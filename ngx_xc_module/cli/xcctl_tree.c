#include "xcctl_tree.h"

#include "xcctl.h"

#include "../core/xc_ascii.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>


static void xcctl_trouble(xcctl_trouble_t *trouble, uint64_t size,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


static void
xcctl_trouble(xcctl_trouble_t *trouble, uint64_t size, const char *fmt, ...)
{
    va_list  args;

    if (trouble->n++ != 0) {
        return;
    }

    trouble->size = size;

    va_start(args, fmt);
    (void) vsnprintf(trouble->text, sizeof(trouble->text), fmt, args);
    va_end(args);
}


static void
xcctl_tree_nearest(xcctl_tree_t *tree)
{
    size_t  i;

    tree->next = UINT64_MAX;

    for (i = 0; i < tree->n_sources; i++) {
        if (tree->sources[i].open) {
            tree->next = XC_MIN(tree->next,
                                tree->sources[i].ckpt.checkpoint.size);
        }
    }
}


/* All checkpoints are of one log. */
static bool
xcctl_tree_origin(xcctl_tree_t *tree, xcctl_ckpt_t *ckpt)
{
    xc_str_t  origin = ckpt->checkpoint.origin;

    if (tree->origin[0] == '\0') {
        (void) snprintf(tree->origin, sizeof(tree->origin), XC_STR_FMT,
                        XC_STR_ARG(origin));
    }

    ckpt->error = "it is of another origin than those before it";

    return xc_str_eq(origin, xc_str_z(tree->origin));
}


/* To the source's next checkpoint; what is none is passed over. */
static xc_rc_t
xcctl_tree_advance(xcctl_tree_t *tree, xcctl_source_t *source)
{
    xc_rc_t        rc;
    xcctl_ckpt_t  *ckpt = &source->ckpt;

    source->last = source->open ? ckpt->checkpoint.size : source->last;
    source->open = false;

    for ( ;; ) {
        rc = xcctl_ckpt_next(ckpt);

        if (rc == XC_DENIED) {
            return XC_OK;
        }

        if (rc == XC_ELIMIT) {
            printf("%s: note %" PRIu64 " is not whole: a write was cut "
                   "short\n", ckpt->path, ckpt->note);
            return XC_OK;
        }

        if (rc == XC_EINPUT || (rc == XC_OK && !xcctl_tree_origin(tree, ckpt)))
        {
            xcctl_trouble(&tree->broken, 0, "%s: note %" PRIu64 " is not a "
                          "checkpoint of this log: %s", ckpt->path, ckpt->note,
                          ckpt->error);
            continue;
        }

        if (rc != XC_OK) {
            return rc;
        }

        if (ckpt->checkpoint.size >= source->last) {
            source->open = true;
            return XC_OK;
        }

        xcctl_trouble(&tree->broken, 0, "%s: note %" PRIu64 " is of %" PRIu64
                      " records, behind one of %" PRIu64 ": the log was set "
                      "back, or the notes are out of order", ckpt->path,
                      ckpt->note, ckpt->checkpoint.size, source->last);
    }
}


static void
xcctl_tree_differs(xcctl_tree_t *tree, const xcctl_source_t *source)
{
    bool                 trusted = source->trusted, agreed;
    uint64_t             size = source->ckpt.checkpoint.size, from;
    const xcctl_ckpt_t  *ckpt = &source->ckpt;

    /* What stands beside the log can be made anew by whoever holds the key:
     * it says nothing about a checkpoint that left the host. */
    agreed = tree->agreed[trusted] || (!trusted && tree->agreed[true]);
    from = trusted || !tree->agreed[true] ? tree->agreed_size[trusted]
           : XC_MAX(tree->agreed_size[0], tree->agreed_size[1]);

    if (size == 0) {
        xcctl_trouble(&tree->differs[trusted], size, "%s: note %" PRIu64
                      ": the root of the empty tree is another", ckpt->path,
                      ckpt->note);
        return;
    }

    xcctl_trouble(&tree->differs[trusted], size, "%s: note %" PRIu64 ": a "
                  "checkpoint of %" PRIu64 " records, and the log's are "
                  "others: changed within seq %" PRIu64 " to %" PRIu64 "%s",
                  ckpt->path, ckpt->note, size, agreed ? from : 0, size - 1,
                  agreed ? ", behind the last checkpoint that agrees"
                         : "; no checkpoint before it agrees");
}


/* Every checkpoint of exactly the tree's size. */
static xc_rc_t
xcctl_tree_check(xcctl_tree_t *tree)
{
    size_t           i;
    xc_rc_t          rc;
    uint8_t          root[XC_SHA256_SIZE];
    xcctl_source_t  *source;

    rc = xc_merkle_root(&tree->tree, root);

    for (i = 0; rc == XC_OK && i < tree->n_sources; i++) {
        source = &tree->sources[i];

        while (rc == XC_OK && source->open
               && source->ckpt.checkpoint.size == tree->tree.size)
        {
            tree->checked++;
            tree->checked_size = tree->tree.size;

            if (memcmp(root, source->ckpt.checkpoint.root, sizeof(root)) == 0)
            {
                tree->agreed[source->trusted] = true;
                tree->agreed_size[source->trusted] = tree->tree.size;

            } else {
                xcctl_tree_differs(tree, source);
            }

            rc = xcctl_tree_advance(tree, source);
        }
    }

    xcctl_tree_nearest(tree);

    return rc;
}


/* Those below size can't be checked any more. */
static xc_rc_t
xcctl_tree_pass(xcctl_tree_t *tree, uint64_t size, uint64_t *count)
{
    size_t           i;
    xc_rc_t          rc = XC_OK;
    xcctl_source_t  *source;

    for (i = 0; rc == XC_OK && i < tree->n_sources; i++) {
        source = &tree->sources[i];

        while (rc == XC_OK && source->open
               && source->ckpt.checkpoint.size < size)
        {
            (*count)++;
            tree->missed += source->trusted;
            rc = xcctl_tree_advance(tree, source);
        }
    }

    xcctl_tree_nearest(tree);

    return rc;
}


xc_rc_t
xcctl_tree_begin(xcctl_tree_t *tree, xcctl_source_t *sources, size_t n)
{
    size_t   i;
    xc_rc_t  rc = XC_OK;

    tree->sources = sources;
    tree->n_sources = n;

    for (i = 0; rc == XC_OK && i < n; i++) {
        rc = xcctl_tree_advance(tree, &sources[i]);
    }

    xcctl_tree_nearest(tree);

    return rc;
}


/* At a hash in quotes; *p comes to stand behind it. */
static bool
xcctl_tree_hash(const char **p, const char *end, uint8_t *out)
{
    if (end - *p < 2 * XC_SHA256_SIZE + 2 || **p != '"'
        || !xc_hex_decode(out, XC_SHA256_SIZE,
                          (xc_str_t) { *p + 1, 2 * XC_SHA256_SIZE }))
    {
        return false;
    }

    *p += 2 * XC_SHA256_SIZE + 2;

    return true;
}


bool
xcctl_tree_frontier(xcctl_record_t *record, xc_merkle_t *out)
{
    char                   error[160];
    unsigned               i, n;
    const char            *p, *end;
    xcctl_scan_t           scan;
    const xcctl_member_t  *member, *hashes;

    /* it is always the last member, and what it ends with is rare */
    if (record->line.len < 3
        || memcmp(record->line.data + record->line.len - 3, "]}}", 3) != 0
        || !xcctl_record_scan(record, error, sizeof(error)))
    {
        return false;
    }

    member = &record->scan.member[record->scan.n - 1];

    if (!xc_str_eq(member->key, XC_STR("frontier")) || member->type != '{'
        || !xcctl_scan(member->value, &scan)
        || !xcctl_scan_u64(&scan, XC_STR("size"), &out->size))
    {
        return false;
    }

    hashes = xcctl_scan_find(&scan, XC_STR("hashes"));
    if (hashes == NULL || hashes->type != '[') {
        return false;
    }

    p = hashes->value.data + 1;
    end = p + hashes->value.len - 2;
    n = xc_merkle_count(out->size);

    for (i = 0; i < n; i++) {
        if (i != 0 && (p == end || *p++ != ',')) {
            return false;
        }

        if (!xcctl_tree_hash(&p, end, out->hashes[i])) {
            return false;
        }
    }

    return p == end;
}


/* Have both the same lines, as far as whole subtrees of both tell?  Of one size
 * that is all of them; else it tells of the first *leaves. */
static bool
xcctl_tree_agree(const xc_merkle_t *a, const xc_merkle_t *b, uint64_t *leaves)
{
    unsigned  bit = 64, n = 0;

    while (bit-- != 0 && ((a->size ^ b->size) >> bit & 1) == 0) {
        n += a->size >> bit & 1;
    }

    *leaves = bit < 63 ? a->size >> (bit + 1) << (bit + 1)
              : bit == 63 ? 0 : a->size;

    return memcmp(a->hashes, b->hashes, n * XC_SHA256_SIZE) == 0;
}


/* Of lines before some that are gone a checkpoint says nothing, unless they
 * fill a subtree of which the hash is told. */
static void
xcctl_tree_unconfirmed(const xcctl_tree_t *tree, const xcctl_record_t *record,
    uint64_t leaves)
{
    leaves = XC_MAX(leaves, tree->agreed_size[false]);
    leaves = XC_MAX(leaves, tree->agreed_size[true]);

    if (tree->begun && tree->n_sources != 0 && leaves < tree->tree.size
        && tree->tree.size < record->seq)
    {
        printf("%s:%" PRIu64 ": seq %" PRIu64 " to %" PRIu64 ", before lines "
               "that are gone, are confirmed by no checkpoint\n",
               record->where.file, record->where.line, leaves,
               tree->tree.size - 1);
    }
}


/* A record that tells the tree before it. */
static xc_rc_t
xcctl_tree_told(xcctl_tree_t *tree, xcctl_record_t *record, bool recover)
{
    bool         whole = tree->known && tree->tree.size == record->seq;
    xc_rc_t      rc;
    uint64_t     leaves, *count = tree->begun ? &tree->unchecked
                                              : &tree->before;
    xc_merkle_t  told;

    if (!xcctl_tree_frontier(record, &told)) {

        /* The gate's own records that begin a file or give up lines have one:
         * without it whatever follows would escape the checkpoints. */
        if (tree->n_sources != 0
            && (recover || (!tree->begun && record->seq != 0)))
        {
            xcctl_trouble(&tree->frontier, record->seq, "%s:%" PRIu64 ": has "
                          "no frontier, which the gate writes there",
                          record->where.file, record->where.line);
        }

        return XC_OK;
    }

    if (told.size != record->seq
        || !xcctl_tree_agree(&told, &tree->tree, &leaves))
    {
        xcctl_trouble(&tree->frontier, record->seq, "%s:%" PRIu64 ": the "
                      "frontier is not that of the lines before it",
                      record->where.file, record->where.line);
        return XC_OK;
    }

    if (whole) {
        return XC_OK;
    }

    xcctl_tree_unconfirmed(tree, record, leaves);

    /* A checkpoint covers synced lines only: they can't have been unsure.  One
     * that stands behind a gap does not fill it. */
    if (recover && tree->begun && tree->next <= record->seq) {
        xcctl_trouble(&tree->given_up, record->seq, "%s:%" PRIu64 ": gives up "
                      "lines from seq %" PRIu64 " on, which a checkpoint of "
                      "%" PRIu64 " records covers", record->where.file,
                      record->where.line, tree->tree.size, tree->next);
    }

    /* Behind a gap also one of just this size: it would agree with what the
     * record says of lines that nobody has seen. */
    rc = xcctl_tree_pass(tree, told.size + tree->begun, count);
    tree->start = tree->begun ? tree->start : told.size;
    tree->tree = told;
    tree->known = true;

    return rc;
}


xc_rc_t
xcctl_tree_record(xcctl_tree_t *tree, xcctl_record_t *record,
    const uint8_t leaf[XC_SHA256_SIZE], bool recover)
{
    xc_rc_t  rc;

    if (!tree->begun) {
        tree->known = record->seq == 0;
        tree->tree.size = 0;
        tree->start = record->seq;
    }

    rc = xcctl_tree_told(tree, record, recover);

    tree->begun = true;
    tree->end = XC_MAX(tree->end, record->seq + 1);
    tree->known = tree->known && tree->tree.size == record->seq;

    if (rc != XC_OK || !tree->known) {
        return rc;
    }

    if (tree->next <= record->seq) {
        rc = xcctl_tree_check(tree);
    }

    if (rc == XC_OK) {
        rc = xc_merkle_append(&tree->tree, leaf);
    }

    if (rc == XC_OK && tree->next <= tree->tree.size) {
        rc = xcctl_tree_check(tree);
    }

    return rc;
}


/*
 * A rotation signs for exactly the file that it ends.  Where no checkpoint is
 * of just the files' end, it may have been cut off and named like a rotated
 * one; nor may audit.log itself end before a checkpoint.  What left the host
 * was expected of these files.
 */
static bool
xcctl_tree_follows(const xcctl_tree_t *tree, const xcctl_source_t *source)
{
    return tree->rotated && !source->trusted && tree->end != 0
           && tree->checked_size == tree->end;
}


/* What is left in the sources lies behind the log's end. */
static xc_rc_t
xcctl_tree_rest(xcctl_tree_t *tree)
{
    size_t           i;
    xc_rc_t          rc = XC_OK;
    uint64_t         size;
    xcctl_source_t  *source;

    for (i = 0; rc == XC_OK && i < tree->n_sources; i++) {
        source = &tree->sources[i];

        while (rc == XC_OK && source->open) {
            size = source->ckpt.checkpoint.size;

            if (xcctl_tree_follows(tree, source)) {
                tree->later++;
                tree->later_size = XC_MAX(tree->later_size, size);

            } else {
                xcctl_trouble(&tree->behind, tree->end, "%s: note %" PRIu64
                              ": a checkpoint of %" PRIu64 " records, and the "
                              "log ends before seq %" PRIu64 ": cut off, "
                              "rolled back, or later files were not given",
                              source->ckpt.path, source->ckpt.note, size,
                              tree->end);
            }

            rc = xcctl_tree_advance(tree, source);
        }
    }

    return rc;
}


/* What a broken chain explains is told, but is no fault of its own. */
static uint64_t
xcctl_tree_tell(const xcctl_trouble_t *trouble, uint64_t first_fault)
{
    bool  explained = trouble->size >= first_fault;

    if (trouble->n == 0) {
        return 0;
    }

    printf("%s%s\n", trouble->text, explained
           ? " (as follows from the broken chain)" : "");

    if (trouble->n > 1) {
        printf("  and %" PRIu64 " more like it\n", trouble->n - 1);
    }

    return !explained;
}


static void
xcctl_tree_summary(const xcctl_tree_t *tree)
{
    size_t    i;
    uint64_t  agreed = tree->checked - tree->differs[0].n - tree->differs[1].n;
    bool      keys = true;

    for (i = 0; i < tree->n_sources; i++) {
        keys = keys && tree->sources[i].ckpt.keys->n != 0;
    }

    if (tree->n_sources == 0) {
        puts("no checkpoints beside the first file: a chain made anew would "
             "not be found");
        return;
    }

    printf("checkpoints: %" PRIu64 " agree", agreed);

    if (tree->before != 0) {
        printf(", %" PRIu64 " lie before the first file", tree->before);
    }

    if (tree->unchecked != 0) {
        printf(", %" PRIu64 " could not be checked", tree->unchecked);
    }

    if (tree->later != 0) {
        printf(", %" PRIu64 " lie behind the last file", tree->later);
    }

    puts(keys ? "" : "; signatures were not checked (no --key)");

    if (tree->start != 0 && tree->checked == 0) {
        puts("the first file's frontier is confirmed by no checkpoint");
    }

    if (tree->later != 0) {
        printf("given: seq %" PRIu64 " to %" PRIu64 "; signed for, but not "
               "given: seq %" PRIu64 " to %" PRIu64 "\n", tree->start,
               tree->end - 1, tree->end, tree->later_size - 1);
    }
}


uint64_t
xcctl_tree_end(xcctl_tree_t *tree, uint64_t first_fault, xc_rc_t *rc)
{
    uint64_t  faults = 0;

    *rc = XC_OK;

    if (!tree->begun) {
        tree->known = true;
    }

    if (tree->known && tree->next <= tree->tree.size) {
        *rc = xcctl_tree_check(tree);
    }

    if (*rc == XC_OK) {
        *rc = xcctl_tree_pass(tree, tree->end + 1, &tree->unchecked);
    }

    if (*rc == XC_OK) {
        *rc = xcctl_tree_rest(tree);
    }

    if (*rc != XC_OK) {
        return 0;
    }

    /* Of what was expected nothing is there but what the first file says. */
    if (tree->start != 0 && tree->agreed[true]
        && tree->agreed_size[true] == tree->start)
    {
        tree->missed++;
    }

    xcctl_tree_summary(tree);

    faults += xcctl_tree_tell(&tree->broken, UINT64_MAX);
    faults += xcctl_tree_tell(&tree->frontier, first_fault);
    faults += xcctl_tree_tell(&tree->given_up, UINT64_MAX);
    faults += xcctl_tree_tell(&tree->differs[0], first_fault);
    faults += xcctl_tree_tell(&tree->differs[1], first_fault);
    faults += xcctl_tree_tell(&tree->behind, UINT64_MAX);

    /* Where no fault explains it, somebody has seen to it. */
    if (faults == 0 && first_fault == UINT64_MAX && tree->unchecked != 0) {
        printf("%" PRIu64 " checkpoints can't be held against the lines that "
               "they cover\n", tree->unchecked);
        faults++;
    }

    return faults;
}
