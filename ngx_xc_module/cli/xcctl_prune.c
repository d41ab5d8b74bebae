#include "xcctl_prune.h"

#include "xcctl.h"
#include "xcctl_audit.h"
#include "xcctl_options.h"

#include "../core/xc_journal.h"
#include "../core/xc_time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XCCTL_PRUNE_AT_ONCE     150     /* files that one record can name */


static int64_t
xcctl_prune_now(void *ctx)
{
    struct timespec  ts;

    (void) ctx;
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* A date is its beginning in Asia/Shanghai. */
static bool
xcctl_prune_before(const char *text, int64_t *out_s)
{
    int64_t  days;

    if (xc_time_parse_date(xc_str_z(text), &days) == XC_OK) {
        *out_s = days * 86400 - XC_TIME_SHANGHAI_S;
        return true;
    }

    return xc_time_parse(xc_str_z(text), out_s) == XC_OK;
}


/* How many of the oldest files may go. */
static bool
xcctl_prune_choose(xcctl_files_t *files, int64_t before_us, size_t *n)
{
    size_t               i;
    xc_rc_t              rc;
    const xcctl_file_t  *next;

    for (i = 0; i < files->n && i < XCCTL_PRUNE_AT_ONCE; i++) {
        next = i + 1 < files->n ? &files->files[i + 1] : &files->live;
        rc = xcctl_files_read(files, i, next, before_us);

        if (rc == XC_DENIED) {
            break;
        }

        if (rc != XC_OK) {
            return false;
        }
    }

    *n = i;

    return true;
}


static void
xcctl_prune_record(xc_buf_t *out, const xcctl_files_t *files, size_t n,
    int64_t before_s)
{
    size_t               i;
    const xcctl_file_t  *file;

    xc_buf_z(out, "\"event\":\"prune\",\"before\":\"");
    xc_time_format_s(out, before_s);
    xc_buf_z(out, "\",\"files\":[");

    for (i = 0; i < n; i++) {
        file = &files->files[i];

        xc_buf_z(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        xc_buf_json(out, xc_str_z(file->name));
        xc_buf_z(out, ",\"first_seq\":");
        xc_buf_u64(out, file->first_seq);
        xc_buf_z(out, ",\"last_seq\":");
        xc_buf_u64(out, file->last_seq);
        xc_buf_z(out, ",\"bytes\":");
        xc_buf_u64(out, file->bytes);
        xc_buf_z(out, ",\"sha256\":\"");
        xc_buf_hex(out, file->sha256, XC_SHA256_SIZE);
        xc_buf_z(out, "\"}");
    }

    xc_buf_char(out, ']');
}


/* The journal of a running gate may be written by others, too: its lock is
 * taken. */
static bool
xcctl_prune_append(const xcctl_files_t *files, xc_str_t members)
{
    int                  fd;
    char                 boot_id[XC_JOURNAL_BOOT_ID_SIZE];
    void                *scratch;
    size_t               size;
    xc_rc_t              rc;
    struct stat          st;
    xc_journal_t         journal;
    xc_journal_conf_t    conf = { .dir = files->dir, .sync = true,
                                  .node = xc_str_z(files->node),
                                  .now_us = xcctl_prune_now };
    xc_journal_entry_t   entry = { .members = members };
    xc_journal_report_t  report = { .alert = false };

    if (stat(files->dir, &st) != 0) {
        (void) xcctl_fail("%s: %s", files->dir, strerror(errno));
        return false;
    }

    conf.uid = geteuid() == 0 ? st.st_uid : (uid_t) -1;
    conf.gid = geteuid() == 0 ? st.st_gid : (gid_t) -1;

    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd != -1) {
        if (read(fd, boot_id, sizeof(boot_id)) == sizeof(boot_id)) {
            conf.boot_id = (xc_str_t) { boot_id, sizeof(boot_id) };
        }

        close(fd);
    }

    size = xc_journal_scratch(&entry, 1);
    scratch = malloc(size);
    rc = scratch == NULL ? XC_ENOMEM
                         : xc_journal_open(&journal, &conf, &report);

    if (rc == XC_OK) {
        rc = xc_journal_append(&journal, &entry, 1, scratch, size, &report);
        xc_journal_close(&journal);
    }

    free(scratch);

    if (report.text[0] != '\0' || rc != XC_OK) {
        (void) xcctl_fail("audit log: %s", report.text[0] != '\0'
                          ? report.text : "the record could not be written");
    }

    return rc == XC_OK;
}


/* The record stands before the first file goes: what is gone has been named. */
static int
xcctl_prune_remove(const xcctl_files_t *files, size_t n, int64_t before_s)
{
    int       fd, status = XCCTL_OK;
    char     *mem;
    bool      ok;
    size_t    i;
    xc_buf_t  out;

    mem = malloc(XC_JOURNAL_LINE_MAX);
    if (mem == NULL) {
        return xcctl_fail("out of memory");
    }

    xc_buf_init(&out, mem, XC_JOURNAL_LINE_MAX - XC_JOURNAL_PREFIX_MAX);
    xcctl_prune_record(&out, files, n, before_s);
    ok = !out.overflow && xcctl_prune_append(files, xc_buf_view(&out));
    free(mem);

    if (!ok) {
        return xcctl_fail("nothing was removed");
    }

    fd = open(files->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (i = 0; i < n && fd != -1; i++) {
        if (unlinkat(fd, files->files[i].name, 0) != 0) {
            status = xcctl_fail("can't remove %s/%s: %s", files->dir,
                                files->files[i].name, strerror(errno));
        }
    }

    if (fd == -1 || fsync(fd) != 0) {
        status = xcctl_fail("%s: %s", files->dir, strerror(errno));
    }

    if (fd != -1) {
        close(fd);
    }

    return status;
}


static int
xcctl_prune_run(xcctl_files_t *files, const char *dir, int64_t before_s,
    bool dry)
{
    int       status = XCCTL_OK;
    size_t    i, n;

    if (!xcctl_files_list(files, dir)
        || !xcctl_prune_choose(files, before_s * 1000000, &n))
    {
        return XCCTL_FAIL;
    }

    for (i = 0; i < n; i++) {
        printf("%s: seq %" PRIu64 " to %" PRIu64 ", %" PRIu64 " octets%s\n",
               files->files[i].name, files->files[i].first_seq,
               files->files[i].last_seq, files->files[i].bytes,
               dry ? " would go" : "");
    }

    if (n != 0 && !dry) {
        status = xcctl_prune_remove(files, n, before_s);
    }

    if (status == XCCTL_OK) {
        printf("audit: %zu files %s\n", n, dry ? "would be removed"
                                               : "removed");
    }

    return status;
}


int
xcctl_audit_prune(int argc, char **argv)
{
    int             at, status;
    int64_t         before_s;
    const char     *before[1];
    xcctl_files_t  *files;
    xcctl_option_t  options[] = {
        { "--before", false, before, 1, 0 },
        { "--dry-run", true, NULL, 1, 0 },
    };

    at = xcctl_options(argc, argv, options, XC_COUNT(options));
    if (at < 0) {
        return XCCTL_USAGE;
    }

    if (options[0].n == 0 || argc - at != 1) {
        return xcctl_usage("audit prune [--dry-run] --before DATE DIR");
    }

    if (!xcctl_prune_before(before[0], &before_s)) {
        return xcctl_usage("audit prune: \"%s\" is neither a date such as "
                           "2026-01-31 nor a time of RFC 3339", before[0]);
    }

    files = calloc(1, sizeof(xcctl_files_t));
    if (files == NULL) {
        return xcctl_fail("out of memory");
    }

    status = xcctl_prune_run(files, argv[at], before_s, options[1].n != 0);

    xcctl_files_free(files);
    free(files);

    return status;
}
