#include "xcctl_prune.h"

#include "xcctl.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


/* One file as it is read. */
typedef struct {
    xcctl_file_t    file;
    bool            first_only;
    bool            begun, whole;
    bool            has_tree;
    char            node[65];
    uint64_t        next;
    uint8_t         leaf[XC_SHA256_SIZE];
    xc_merkle_t     tree;
    xcctl_record_t  record;
} xcctl_pass_t;


static void
xcctl_pass_begin(xcctl_pass_t *pass)
{
    uint64_t         from, to;
    xcctl_record_t  *record = &pass->record;

    pass->begun = true;
    pass->next = record->seq;
    pass->file.first_us = record->time_us;
    pass->file.first_seq = record->seq;
    pass->file.has_frontier = xcctl_tree_frontier(record,
                                                  &pass->file.frontier)
                              && pass->file.frontier.size == record->seq;
    memcpy(pass->file.prev, record->prev, XC_SHA256_SIZE);
    pass->file.gives_up = xcctl_record_event(record, "recover")
                          && xcctl_record_gives_up(record, &from, &to)
                          && to + 1 == record->seq
                          ? from : UINT64_MAX;
    (void) snprintf(pass->node, sizeof(pass->node), XC_STR_FMT,
                    XC_STR_ARG(record->node));

    pass->tree = pass->file.frontier;
    pass->has_tree = pass->file.has_frontier || record->seq == 0;
    pass->tree.size = record->seq;
}


static xc_rc_t
xcctl_pass_record(xcctl_pass_t *pass)
{
    xc_rc_t          rc;
    xc_str_t         line = pass->record.line;
    xcctl_record_t  *record = &pass->record;

    if (record->seq != pass->next
        || (record->seq != pass->file.first_seq
            && memcmp(record->prev, pass->leaf, XC_SHA256_SIZE) != 0))
    {
        return XC_DENIED;
    }

    rc = xc_hash_leaf(line.data, line.len, pass->leaf);

    if (rc == XC_OK && pass->has_tree) {
        rc = xc_merkle_append(&pass->tree, pass->leaf);
    }

    pass->next = record->seq + 1;
    pass->file.last_seq = record->seq;
    pass->file.newest_us = XC_MAX(pass->file.newest_us, record->time_us);

    return rc;
}


static xc_rc_t
xcctl_pass_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    char           error[160];
    xc_rc_t        rc;
    xcctl_pass_t  *pass = ctx;

    pass->whole = kind == XCCTL_LOG_LINE
                  && xcctl_record_read(&pass->record, where, text, error,
                                       sizeof(error));

    if (!pass->whole) {
        return XC_DENIED;
    }

    if (!pass->begun) {
        xcctl_pass_begin(pass);
    }

    if (pass->first_only) {
        return XC_DENIED;
    }

    rc = xcctl_pass_record(pass);
    pass->whole = rc == XC_OK;

    return rc;
}


static bool
xcctl_files_path(const xcctl_files_t *files, const char *name, char *out,
    size_t size)
{
    int  n = snprintf(out, size, "%s/%s", files->dir, name);

    return n > 0 && (size_t) n < size;
}


/* XC_DENIED: it does not begin as a log does. */
static xc_rc_t
xcctl_files_begin(xcctl_files_t *files, const char *name, xcctl_open_t kind,
    xcctl_file_t *out)
{
    char           path[4096];
    xc_rc_t        rc;
    xcctl_pass_t  *pass = calloc(1, sizeof(xcctl_pass_t));

    if (pass == NULL || !xcctl_files_path(files, name, path, sizeof(path))) {
        free(pass);
        return XC_ENOMEM;
    }

    pass->first_only = true;
    rc = xcctl_log_read(path, kind, xcctl_pass_line, pass);

    if (rc == XC_DENIED && pass->begun) {
        rc = XC_OK;
        *out = pass->file;

        if (files->node[0] == '\0') {
            memcpy(files->node, pass->node, sizeof(files->node));

        } else if (strcmp(files->node, pass->node) != 0) {
            rc = XC_DENIED;
        }

    } else if (rc == XC_OK) {
        rc = XC_DENIED;
    }

    free(pass);

    return rc;
}


/* A rotated file, or one that was given up. */
static bool
xcctl_files_is_log(const char *name)
{
    return (strncmp(name, "audit.log", 9) == 0 && name[9] != '\0')
           || strncmp(name, "audit.failed-", 13) == 0;
}


static int
xcctl_files_compare(const void *a, const void *b)
{
    const xcctl_file_t  *x = a, *y = b;

    return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}


static bool
xcctl_files_add(xcctl_files_t *files, const char *name)
{
    xc_rc_t        rc;
    xcctl_file_t  *file = &files->files[files->n];

    if (files->n == XCCTL_PRUNE_FILES) {
        (void) xcctl_fail("over %d files in %s", XCCTL_PRUNE_FILES,
                          files->dir);
        return false;
    }

    rc = xcctl_files_begin(files, name, XCCTL_OPEN_LISTED, file);

    if (rc == XC_EINPUT) {
        printf("%s: not a regular file, left alone\n", name);
        return true;
    }

    if (rc == XC_DENIED) {
        printf("%s: not a log file of this node, left alone\n", name);
        return true;
    }

    if (rc == XC_OK) {
        file->name = strdup(name);
    }

    if (rc != XC_OK || file->name == NULL) {
        (void) xcctl_fail("can't read %s/%s: %s", files->dir, name,
                          strerror(errno));
        return false;
    }

    files->n++;

    return true;
}


bool
xcctl_files_list(xcctl_files_t *files, const char *dir)
{
    DIR            *handle;
    bool            ok = true;
    xc_rc_t         rc;
    struct dirent  *entry;

    files->dir = dir;

    rc = xcctl_files_begin(files, "audit.log", XCCTL_OPEN_FILE, &files->live);

    if (rc != XC_OK) {
        (void) xcctl_fail("%s/audit.log %s", dir, rc == XC_DENIED
                          ? "holds no record" : xcctl_open_error(rc));
        return false;
    }

    handle = opendir(dir);
    if (handle == NULL) {
        (void) xcctl_fail("can't read %s: %s", dir, strerror(errno));
        return false;
    }

    while (ok && (entry = readdir(handle)) != NULL) {
        if (xcctl_files_is_log(entry->d_name)) {
            ok = xcctl_files_add(files, entry->d_name);
        }
    }

    closedir(handle);

    qsort(files->files, files->n, sizeof(xcctl_file_t), xcctl_files_compare);

    return ok;
}


/* The file behind must go on exactly where this one ends, but for what it
 * gives up. */
static const char *
xcctl_files_fault(const xcctl_pass_t *pass, const xcctl_file_t *next)
{
    size_t  bytes = xc_merkle_count(next->first_seq) * XC_SHA256_SIZE;

    if (!next->has_frontier) {
        return "can't go: the next file has no frontier to begin with";
    }

    if (pass->begun && next->gives_up <= pass->next
        && pass->next <= next->first_seq
        && (next->gives_up < next->first_seq
            || (!pass->whole
                && memcmp(next->prev, pass->leaf, XC_SHA256_SIZE) == 0)))
    {
        return NULL;
    }

    if (!pass->begun || !pass->whole) {
        return "does not chain; \"xcctl audit verify\" tells where";
    }

    if (next->first_seq != pass->next
        || memcmp(next->prev, pass->leaf, XC_SHA256_SIZE) != 0)
    {
        return "is not followed by the next file";
    }

    if (!pass->has_tree
        || memcmp(next->frontier.hashes, pass->tree.hashes, bytes) != 0)
    {
        return "can't go: the next file's frontier is not that of its lines";
    }

    return NULL;
}


static xc_rc_t
xcctl_files_hash(FILE *in, xc_hash_t *hash, xcctl_file_t *file)
{
    char     buf[16384];
    size_t   n;
    xc_rc_t  rc = XC_OK;

    file->bytes = 0;

    while (rc == XC_OK && (n = fread(buf, 1, sizeof(buf), in)) != 0) {
        file->bytes += n;
        rc = xc_hash_update(hash, buf, n);
    }

    if (rc == XC_OK && ferror(in)) {
        return XC_EIO;
    }

    return rc == XC_OK ? xc_hash_final(hash, file->sha256) : rc;
}


/* Of the file's octets, whatever stands behind its last record. */
static const char *
xcctl_files_sum(const char *path, xcctl_file_t *file)
{
    int         fd;
    FILE       *in;
    xc_rc_t     rc;
    xc_heap_t   heap;
    xc_hash_t  *hash;

    rc = xcctl_open(path, XCCTL_OPEN_LISTED, &fd);
    if (rc != XC_OK) {
        return xcctl_open_error(rc);
    }

    in = fdopen(fd, "rb");
    if (in == NULL) {
        close(fd);
        return "out of memory";
    }

    xc_heap_init(&heap, 0);

    rc = xc_hash_new(&heap.arena, XC_HASH_SHA256, &hash);
    if (rc == XC_OK) {
        rc = xcctl_files_hash(in, hash, file);
    }

    xc_heap_free(&heap);
    fclose(in);

    return rc == XC_OK ? NULL : "can't be hashed";
}


xc_rc_t
xcctl_files_read(xcctl_files_t *files, size_t i, const xcctl_file_t *next,
    int64_t before_us)
{
    bool           young = false;
    char           path[4096];
    int64_t        newest_us;
    xc_rc_t        rc;
    const char    *fault = "out of memory";
    xcctl_file_t  *file = &files->files[i];
    xcctl_pass_t  *pass = calloc(1, sizeof(xcctl_pass_t));

    if (pass != NULL && xcctl_files_path(files, file->name, path, sizeof(path)))
    {
        rc = xcctl_log_read(path, XCCTL_OPEN_LISTED, xcctl_pass_line, pass);
        newest_us = pass->file.newest_us;

        /* what can't be read is older than what gives it up */
        if (!pass->whole) {
            newest_us = XC_MAX(newest_us, next->first_us);
        }

        young = newest_us >= before_us;
        fault = rc == XC_EIO || rc == XC_EINPUT ? xcctl_open_error(rc)
                : young ? NULL : xcctl_files_fault(pass, next);
    }

    if (fault == NULL && !young) {
        pass->file.name = file->name;
        *file = pass->file;
        fault = xcctl_files_sum(path, file);
    }

    free(pass);

    if (fault != NULL) {
        (void) xcctl_fail("%s/%s %s", files->dir, file->name, fault);
        return XC_EINPUT;
    }

    return young ? XC_DENIED : XC_OK;
}


void
xcctl_files_free(xcctl_files_t *files)
{
    size_t  i;

    for (i = 0; i < files->n; i++) {
        free(files->files[i].name);
    }
}
