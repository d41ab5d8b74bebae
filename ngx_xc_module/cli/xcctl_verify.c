#include "xcctl_audit.h"

#include "xcctl.h"
#include "xcctl_chain.h"
#include "xcctl_open.h"
#include "xcctl_options.h"
#include "xcctl_record.h"
#include "xcctl_signed.h"
#include "xcctl_strict.h"
#include "xcctl_tree.h"
#include "xcctl_watch.h"

#include "../core/xc_journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define XCCTL_VERIFY_KEYS       16
#define XCCTL_VERIFY_EXPECT     64
#define XCCTL_VERIFY_SUBJECTS   4096
#define XCCTL_VERIFY_BESIDE     2       /* checkpoint files beside the log */


typedef struct {
    xc_heap_t       heap;           /* of the whole run */
    bool            strict;
    bool            wants_policy;
    xcctl_keys_t    keys;

    xcctl_chain_t   chain;
    xcctl_tree_t    tree;
    xcctl_watch_t   watch;
    xcctl_signed_t  signatures;
    xcctl_record_t  record;         /* at hand */
    uint64_t        records;
    char            node[65];

    xcctl_source_t  sources[XCCTL_VERIFY_BESIDE + XCCTL_VERIFY_EXPECT];
    size_t          n_sources;
} xcctl_verify_t;

typedef struct {
    const char  *keys[XCCTL_VERIFY_KEYS];
    const char  *expect[XCCTL_VERIFY_EXPECT];
    const char  *policies[XCCTL_SIGNED_POLICIES];
    const char  *subjects[XCCTL_VERIFY_SUBJECTS];
    size_t       n_keys, n_expect, n_policies, n_subjects;
    bool         strict;
    char       **files;
    int          n_files;
} xcctl_verify_args_t;


static void
xcctl_verify_node(xcctl_verify_t *v)
{
    xc_str_t  node = v->record.node;

    if (v->node[0] == '\0') {
        snprintf(v->node, sizeof(v->node), XC_STR_FMT, XC_STR_ARG(node));

    } else if (!xc_str_eq(node, xc_str_z(v->node))) {
        xcctl_chain_fault(&v->chain, v->record.where, "node \"" XC_STR_FMT
                          "\" in the log of \"%s\"", XC_STR_ARG(node),
                          v->node);
    }
}


static void
xcctl_verify_recover(const xcctl_record_t *record, xcctl_line_t *line)
{
    xc_str_t               cause;
    const xcctl_member_t  *member;

    if (!xcctl_record_event(record, "recover")) {
        return;
    }

    member = xcctl_scan_find(&record->scan, XC_STR("cause"));
    cause = member == NULL ? XC_STR("no cause") : member->value;

    printf("%s:%" PRIu64 ": recover (" XC_STR_FMT ")", record->where.file,
           record->where.line, XC_STR_ARG(cause));

    line->excuses = xcctl_record_gives_up(record, &line->from, &line->to);

    if (line->excuses && line->from != record->seq) {
        printf(": seq %" PRIu64 " to %" PRIu64 " may be lost", line->from,
               line->to);
    }

    putchar('\n');
}


static void
xcctl_verify_first(xcctl_verify_t *v)
{
    const xcctl_record_t  *record = &v->record;
    static const uint8_t   zeros[XC_SHA256_SIZE];

    if (v->chain.begun) {
        return;
    }

    if (record->seq != 0) {
        printf("%s:%" PRIu64 ": begins at seq %" PRIu64 ": what stood before "
               "it was not given\n", record->where.file, record->where.line,
               record->seq);

    } else if (memcmp(record->prev, zeros, sizeof(zeros)) != 0) {
        xcctl_chain_fault(&v->chain, record->where, "altered: prev of seq 0"
                          " is not 64 zeros");
    }
}


/* What holds of a record by itself. */
static xc_rc_t
xcctl_verify_alone(xcctl_verify_t *v)
{
    char     error[160];
    xc_rc_t  rc = XC_OK;

    if (v->strict && !xcctl_strict(&v->record, error, sizeof(error))) {
        xcctl_chain_fault(&v->chain, v->record.where, "%s", error);
    }

    if (v->wants_policy) {
        rc = xcctl_signed_record(&v->signatures, &v->record);
    }

    return rc == XC_OK ? xcctl_watch_record(&v->watch, &v->record) : rc;
}


static xc_rc_t
xcctl_verify_record(xcctl_verify_t *v)
{
    xc_rc_t          rc;
    xcctl_line_t     line;
    xcctl_record_t  *record = &v->record;

    rc = xc_hash_leaf(record->line.data, record->line.len, line.leaf);
    if (rc != XC_OK) {
        return rc;
    }

    line.where = record->where;
    line.seq = record->seq;
    line.excuses = false;
    memcpy(line.prev, record->prev, sizeof(line.prev));

    xcctl_verify_first(v);
    xcctl_verify_recover(record, &line);
    xcctl_chain_line(&v->chain, &line);
    xcctl_verify_node(v);
    v->records++;

    rc = xcctl_tree_record(&v->tree, record, line.leaf, line.excuses);

    return rc == XC_OK ? xcctl_verify_alone(v) : rc;
}


static xc_rc_t
xcctl_verify_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    char             error[160];
    xcctl_verify_t  *v = ctx;

    if (kind == XCCTL_LOG_LONG) {
        xcctl_chain_garbled(&v->chain, where, "longer than %d octets",
                            XC_JOURNAL_LINE_MAX);
        return XC_OK;
    }

    if (kind == XCCTL_LOG_TORN) {
        xcctl_chain_torn(&v->chain, where, text.len);
        return XC_OK;
    }

    if (!xcctl_record_read(&v->record, where, text, error, sizeof(error))) {
        xcctl_chain_garbled(&v->chain, where, "%s", error);
        return XC_OK;
    }

    return xcctl_verify_record(v);
}


static uint64_t
xcctl_verify_first_fault(const xcctl_chain_t *chain)
{
    size_t    i;
    uint64_t  seq = UINT64_MAX;

    for (i = 0; i < chain->kept; i++) {
        seq = XC_MIN(seq, chain->fault[i].seq);
    }

    for (i = 0; i < chain->runs; i++) {
        seq = XC_MIN(seq, chain->run[i].seq);
    }

    return seq;
}


static int
xcctl_verify_conclude(xcctl_verify_t *v)
{
    size_t                i;
    xc_rc_t               rc;
    uint64_t              faults;
    const xcctl_chain_t  *chain = &v->chain;

    xcctl_chain_end(&v->chain);
    xcctl_watch_end(&v->watch);

    if (v->wants_policy) {
        xcctl_signed_end(&v->signatures);
    }

    faults = xcctl_tree_end(&v->tree, xcctl_verify_first_fault(chain), &rc);

    if (rc != XC_OK) {
        (void) xcctl_fail("can't read the checkpoints: %s",
                          rc == XC_EIO ? strerror(errno) : "out of memory");
        return XCCTL_USAGE;
    }

    for (i = 0; i < chain->kept; i++) {
        puts(chain->fault[i].text);
    }

    if (chain->faults > chain->kept) {
        printf("%zu more faults\n", chain->faults - chain->kept);
    }

    if (chain->beyond != 0) {
        printf("%zu of them are more than a recover record can excuse\n",
               chain->beyond);
    }

    faults += chain->faults + v->signatures.failed;

    if (faults != 0) {
        printf("audit: %" PRIu64 " records, %" PRIu64 " faults\n", v->records,
               faults);
        return XCCTL_FAIL;
    }

    if (v->tree.missed != 0) {
        (void) xcctl_fail("%" PRIu64 " checkpoints of --expect could not be "
                          "checked: give the log from its beginning",
                          v->tree.missed);
        return XCCTL_USAGE;
    }

    printf("audit: %" PRIu64 " records, chain whole%s\n", v->records,
           v->tree.later != 0 ? " as far as it was given" : "");

    return XCCTL_OK;
}


/* Whoever rotates puts something behind "audit.log".  Of any other name a file
 * passes for the last that there is. */
static bool
xcctl_verify_rotated(const char *path)
{
    const char  *name = strrchr(path, '/');

    name = name == NULL ? path : name + 1;

    return strncmp(name, "audit.log", 9) == 0
           && (name[9] == '.' || name[9] == '-') && name[10] != '\0';
}


static bool
xcctl_verify_open(xcctl_verify_t *v, const char *path, bool trusted)
{
    xc_rc_t          rc;
    xcctl_source_t  *source = &v->sources[v->n_sources];

    rc = path == NULL ? XC_ENOMEM
                      : xcctl_ckpt_open(&source->ckpt, path, &v->keys);

    if (rc == XC_OK) {
        source->trusted = trusted;
        v->n_sources++;
        return true;
    }

    if (rc == XC_EIO && errno == ENOENT && !trusted) {
        xcctl_ckpt_close(&source->ckpt);
        return true;
    }

    (void) xcctl_fail("can't read %s: %s", path == NULL ? "" : path,
                      xcctl_open_error(rc));

    return false;
}


/* The checkpoints are opened before the log is read, so that none of them is
 * ahead of it while both are being written. */
static bool
xcctl_verify_sources(xcctl_verify_t *v, const xcctl_verify_args_t *args)
{
    size_t                    i;
    xc_rc_t                   rc;
    static const char *const  beside[XCCTL_VERIFY_BESIDE] = {
        "audit.checkpoints", "audit.checkpoint"
    };

    for (i = 0; i < XC_COUNT(beside); i++) {
        if (!xcctl_verify_open(v, xcctl_ckpt_beside(&v->heap.arena,
                                                    args->files[0], beside[i]),
                               false))
        {
            return false;
        }
    }

    for (i = 0; i < args->n_expect; i++) {
        if (!xcctl_verify_open(v, args->expect[i], true)) {
            return false;
        }
    }

    rc = xcctl_tree_begin(&v->tree, v->sources, v->n_sources);

    if (rc != XC_OK) {
        (void) xcctl_fail("can't read the checkpoints: %s",
                          rc == XC_EIO ? strerror(errno) : "out of memory");
        return false;
    }

    /* A note that says nothing must not pass for one that agrees. */
    for (i = 0; i < v->n_sources; i++) {
        if (v->sources[i].trusted && !v->sources[i].open
            && v->tree.broken.n == 0)
        {
            (void) xcctl_fail("%s: no whole checkpoint in it: a signed note "
                              "ends with a line feed",
                              v->sources[i].ckpt.path);
            return false;
        }
    }

    return true;
}


static bool
xcctl_verify_prepare(xcctl_verify_t *v, const xcctl_verify_args_t *args)
{
    size_t  i;

    v->strict = args->strict;
    v->wants_policy = args->n_policies != 0;
    v->signatures.subjects = (char *const *) args->subjects;
    v->signatures.n_subjects = args->n_subjects;
    v->tree.rotated = xcctl_verify_rotated(args->files[args->n_files - 1]);

    for (i = 0; i < args->n_policies; i++) {
        if (!xcctl_signed_policy(&v->signatures, args->policies[i])) {
            return false;
        }
    }

    return xcctl_ckpt_keys(&v->heap.arena, (char *const *) args->keys,
                           args->n_keys, &v->keys) == XC_OK
           && xcctl_verify_sources(v, args);
}


static int
xcctl_verify_run(const xcctl_verify_args_t *args)
{
    int              status = XCCTL_USAGE;
    size_t           i;
    xcctl_verify_t  *v;

    v = calloc(1, sizeof(xcctl_verify_t));
    if (v == NULL) {
        (void) xcctl_fail("out of memory");
        return XCCTL_USAGE;
    }

    xc_heap_init(&v->heap, 0);

    if (xcctl_verify_prepare(v, args)) {
        status = xcctl_log_files(args->files, args->n_files,
                                 xcctl_verify_line, v);
        if (status == XCCTL_OK) {
            status = xcctl_verify_conclude(v);
        }
    }

    for (i = 0; i < XC_COUNT(v->sources); i++) {
        if (v->sources[i].ckpt.path != NULL) {
            xcctl_ckpt_close(&v->sources[i].ckpt);
        }
    }

    xcctl_signed_free(&v->signatures);
    xcctl_watch_free(&v->watch);
    xc_heap_free(&v->heap);
    free(v);

    return status;
}


int
xcctl_audit_verify(int argc, char **argv)
{
    int                   at, status;
    xcctl_verify_args_t  *args;

    args = calloc(1, sizeof(xcctl_verify_args_t));
    if (args == NULL) {
        (void) xcctl_fail("out of memory");
        return XCCTL_USAGE;
    }

    xcctl_option_t  options[] = {
        { "--key", false, args->keys, XC_COUNT(args->keys), 0 },
        { "--expect", false, args->expect, XC_COUNT(args->expect), 0 },
        { "--policy", false, args->policies, XC_COUNT(args->policies), 0 },
        { "--subject", false, args->subjects, XC_COUNT(args->subjects), 0 },
        { "--strict", true, NULL, 1, 0 },
    };

    at = xcctl_options(argc, argv, options, XC_COUNT(options));

    args->n_keys = options[0].n;
    args->n_expect = options[1].n;
    args->n_policies = options[2].n;
    args->n_subjects = options[3].n;
    args->strict = options[4].n != 0;
    args->files = argv + at;
    args->n_files = argc - at;

    if (at < 0) {
        status = XCCTL_USAGE;

    } else if (args->n_files == 0) {
        status = xcctl_usage("audit verify: name the files, oldest first");

    } else if (args->n_subjects != 0 && args->n_policies == 0) {
        status = xcctl_usage("audit verify: --subject goes with --policy");

    } else {
        status = xcctl_verify_run(args);
    }

    free(args);

    return status;
}
