/*
 * What the journal's tests share: calls that fail on demand, a directory, a
 * slow verifier of chain, tree and checkpoints that shares no code with the
 * journal's, and journals.  Each test program includes it once.
 */

#ifndef JOURNAL_BED_H
#define JOURNAL_BED_H

#include "xt.h"
#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_journal.h"
#include "xc_tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG     "audit.log"
#define HEAD    "audit.head"
#define LATEST  "audit.checkpoint"
#define KEPT    "audit.checkpoints"

#define BOOT_A  "6f1c0f52-0b7e-4d0c-9a53-1f3f0c1f2a01"
#define BOOT_B  "0d9be7c4-55a1-4a3e-8c7b-2e9a7d40c602"


/* What fails next; a count of calls, 0: nothing. */
static struct {
    int   log_write, log_short, log_torn, tip_write, log_sync, log_open;
    int   truncate;
    int   durable_write, kept_write, kept_short, kept_sync, new_open;
    int   err;
    int   die_at_tip, die_at_kept, die_at_new;
    long  fs_type;
} fail;

static int              syncs;          /* of audit.log */

/* Called once, when an append asks the time. */
static void           (*in_tick)(void);

static char             dir[64];
static const char      *origin = "example.com/n1";
static const char      *boot = "";
static const xc_key_t  *key, *signing_key;      /* key: NULL in some tests */


ssize_t __real_pwrite(int fd, const void *buf, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __real_openat(int at, const char *path, int flags, mode_t mode);
int __wrap_openat(int at, const char *path, int flags, mode_t mode);
int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);


static bool
due(int *counter)
{
    return *counter != 0 && --*counter == 0;
}


static bool
names(int fd, const char *name)
{
    char     link[64], path[256];
    ssize_t  n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    path[n < 0 ? 0 : n] = '\0';

    return strstr(path, name) != NULL;
}


ssize_t
__wrap_pwrite(int fd, const void *buf, size_t n, off_t at)
{
    if (names(fd, LOG)) {
        if (due(&fail.log_short)) {
            return __real_pwrite(fd, buf, n / 2, at);
        }

        if (due(&fail.log_torn)) {
            return __real_pwrite(fd, buf, XC_MIN(n, 20), at);
        }

        if (due(&fail.log_write)) {
            errno = fail.err;
            return -1;
        }
    }

    if (names(fd, KEPT)) {
        if (due(&fail.kept_short)) {
            return __real_pwrite(fd, buf, n / 2, at);
        }

        if (due(&fail.kept_write)) {
            errno = fail.err;
            return -1;
        }
    }

    if (names(fd, HEAD) && at != 0 && due(&fail.durable_write)) {
        errno = EIO;
        return -1;
    }

    if (names(fd, HEAD) && at == 0) {
        if (due(&fail.die_at_tip)) {
            kill(getpid(), SIGKILL);
        }

        if (due(&fail.tip_write)) {
            errno = EIO;
            return -1;
        }
    }

    return __real_pwrite(fd, buf, n, at);
}


int
__wrap_fdatasync(int fd)
{
    if (names(fd, KEPT)) {
        if (due(&fail.die_at_kept)) {
            kill(getpid(), SIGKILL);
        }

        if (due(&fail.kept_sync)) {
            errno = EIO;
            return -1;
        }

    } else if (!names(fd, HEAD)) {
        syncs++;

        if (due(&fail.log_sync)) {
            errno = EIO;
            return -1;
        }
    }

    return __real_fdatasync(fd);
}


int
__wrap_ftruncate(int fd, off_t size)
{
    if (due(&fail.truncate)) {
        errno = EIO;
        return -1;
    }

    return __real_ftruncate(fd, size);
}


int
__wrap_openat(int at, const char *path, int flags, mode_t mode)
{
    if (strcmp(path, LATEST ".new") == 0 && due(&fail.die_at_new)) {
        kill(getpid(), SIGKILL);
    }

    if ((strcmp(path, LOG) == 0 && due(&fail.log_open))
        || (strcmp(path, LATEST ".new") == 0 && due(&fail.new_open)))
    {
        errno = EROFS;
        return -1;
    }

    return __real_openat(at, path, flags, mode);
}


int
__wrap_fstatfs(int fd, struct statfs *fs)
{
    int  rc = __real_fstatfs(fd, fs);

    if (fail.fs_type != 0) {
        fs->f_type = (__typeof__(fs->f_type)) fail.fs_type;
    }

    return rc;
}


/* What is known of the tree */

static struct {
    bool     known;
    uint8_t  hash[32];
} leaves[8192];

static struct {
    unsigned long  start, n;
    uint8_t        hash[32];
} given[8192];

static size_t  n_given;


/* Files */

static char *
in_dir(const char *name)
{
    static char  paths[4][384];
    static int   next;
    char        *p = paths[next++ % 4];

    snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);

    return p;
}


static void
sh(const char *fmt, ...)
{
    int      n;
    char     cmd[1024];
    va_list  args;

    n = snprintf(cmd, sizeof(cmd), "cd %s && ", dir);
    va_start(args, fmt);
    vsnprintf(cmd + n, sizeof(cmd) - (size_t) n, fmt, args);
    va_end(args);

    if (system(cmd) != 0) {
        printf("# failed: %s\n", cmd);
        exit(2);
    }
}


static void
fresh(void)
{
    memset(&fail, 0, sizeof(fail));
    memset(leaves, 0, sizeof(leaves));
    n_given = 0;
    key = signing_key;
    boot = "";

    if (dir[0] != '\0') {
        sh("rm -rf %s", dir);
    }

    strcpy(dir, "/tmp/xc-journal-XXXXXX");

    if (mkdtemp(dir) == NULL) {
        perror("mkdtemp");
        exit(2);
    }
}


static off_t
size_of(const char *name)
{
    struct stat  st;

    return stat(in_dir(name), &st) == 0 ? st.st_size : -1;
}


/* The first file whose name begins so, in the order of names. */
static const char *
like(const char *prefix)
{
    FILE         *f;
    char          cmd[256];
    static char   name[256];

    snprintf(cmd, sizeof(cmd), "cd %s && ls | grep '^%s' | head -1", dir,
             prefix);
    f = popen(cmd, "r");
    name[0] = '\0';

    if (f != NULL) {
        if (fgets(name, sizeof(name), f) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }

        pclose(f);
    }

    return name;
}


static char *
slurp(const char *name, size_t *len)
{
    FILE  *f;
    char  *p = calloc(1, 1 << 24);

    f = fopen(in_dir(name), "r");
    *len = f == NULL || p == NULL ? 0 : fread(p, 1, (1 << 24) - 1, f);

    if (f != NULL) {
        fclose(f);
    }

    return p;
}


static bool
has(const char *name, const char *text)
{
    bool    found;
    char   *p;
    size_t  len;

    p = slurp(name, &len);
    found = p != NULL && memmem(p, len, text, strlen(text)) != NULL;
    free(p);

    return found;
}


/* The slow verifier */

typedef struct {
    bool           begun, first;        /* first: of its file */
    unsigned long  next, lines;
    char           leaf[65];
} slow_t;


static void
sha256(const void *data, size_t len, uint8_t out[32])
{
    if (xc_hash(XC_HASH_SHA256, data, len, out) != XC_OK) {
        exit(2);
    }
}


static void
hex(const uint8_t *hash, char out[65])
{
    int  i;

    for (i = 0; i < 32; i++) {
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}


/* A leaf is the same wherever and whenever it is seen. */
static bool
know(unsigned long seq, const uint8_t hash[32])
{
    if (seq >= XC_COUNT(leaves)) {
        exit(2);
    }

    if (leaves[seq].known && memcmp(leaves[seq].hash, hash, 32) != 0) {
        printf("# seq %lu was another line before\n", seq);
        return false;
    }

    leaves[seq].known = true;
    memcpy(leaves[seq].hash, hash, 32);

    return true;
}


/* Lines that a power loss took: their seqs are given anew. */
static void
forget(unsigned long from)
{
    for ( /* void */ ; from < XC_COUNT(leaves); from++) {
        leaves[from].known = false;
    }
}


/* MTH of RFC 6962 2.1 by its recursive definition.  Where leaves are gone for
 * good, a subtree's hash that a record gave stands in. */
static bool
mth(unsigned long start, unsigned long n, uint8_t out[32])
{
    size_t         i;
    uint8_t        block[65];
    unsigned long  k;

    if (n == 0) {
        sha256("", 0, out);
        return true;
    }

    if (n == 1 && leaves[start].known) {
        memcpy(out, leaves[start].hash, 32);
        return true;
    }

    for (k = 1; 2 * k < n; k *= 2) { /* void */ }

    if (n > 1 && mth(start, k, block + 1)
        && mth(start + k, n - k, block + 33))
    {
        block[0] = 1;
        sha256(block, 65, out);
        return true;
    }

    for (i = 0; i < n_given; i++) {
        if (given[i].start == start && given[i].n == n) {
            memcpy(out, given[i].hash, 32);
            return true;
        }
    }

    return false;
}


/* A record's frontier: of all before it, and right wherever that can be
 * computed. */
static bool
slow_frontier(const char *line, unsigned long seq)
{
    int            used;
    char           got[65], want[65];
    uint8_t        hash[32];
    const char    *p = strstr(line, ",\"frontier\":");
    unsigned long  size, n, start = 0;

    if (p == NULL
        || sscanf(p, ",\"frontier\":{\"size\":%lu,\"hashes\":[%n", &size,
                  &used) != 1
        || size != seq)
    {
        printf("# no frontier: %.200s\n", line);
        return false;
    }

    for (n = 1UL << 32, p += used; n != 0; n /= 2) {
        if ((size & n) == 0) {
            continue;
        }

        p += start != 0 && *p == ',';

        if (sscanf(p, "\"%64[0-9a-f]\"%n", got, &used) != 1
            || strlen(got) != 64
            || !xc_hex_decode(given[n_given].hash, 32, xc_str_z(got)))
        {
            return false;
        }

        p += used;

        if (mth(start, n, hash)) {
            hex(hash, want);

            if (strcmp(got, want) != 0) {
                printf("# frontier of seq %lu: %lu+%lu is %s, not %s\n", seq,
                       start, n, want, got);
                return false;
            }

        } else {
            given[n_given].start = start;
            given[n_given++].n = n;
        }

        start += n;
    }

    return strcmp(p, "]}}") == 0;
}


static bool
slow_line(slow_t *s, char *line)
{
    char           prev[65], *p, *bytes;
    bool           owned;
    size_t         len = strlen(line);
    uint8_t        sum[32];
    unsigned long  seq, from = 0, to = 0;

    if (sscanf(line, "{\"seq\":%lu,\"prev\":\"%64[0-9a-f]\",\"time\":\"",
               &seq, prev) != 2 || line[len - 1] != '}')
    {
        printf("# no record: %.100s\n", line);
        return false;
    }

    p = strstr(line, "\"event\":\"recover\"") == NULL
        ? NULL : strstr(line, "\"unsure\":");

    if (p != NULL) {
        sscanf(p, "\"unsure\":{\"from\":%lu,\"to\":%lu}", &from, &to);
    }

    if (s->begun && (seq != s->next || strcmp(prev, s->leaf) != 0)
        && !(p != NULL && from <= s->next && seq == to + 1))
    {
        printf("# seq %lu where %lu follows: %.160s\n", seq, s->next, line);
        return false;
    }

    if (!s->begun && seq == 0 && strspn(prev, "0") != 64) {
        return false;
    }

    owned = strstr(line, "\"event\":\"reopen\"") != NULL
            || strstr(line, "\"event\":\"recover\"") != NULL;

    if ((s->first || owned) && !slow_frontier(line, seq)) {
        return false;
    }

    bytes = malloc(len + 1);
    bytes[0] = '\0';
    memcpy(bytes + 1, line, len);
    sha256(bytes, len + 1, sum);
    free(bytes);
    hex(sum, s->leaf);

    s->begun = true;
    s->first = false;
    s->next = seq + 1;
    s->lines++;

    return know(seq, sum);
}


/* The note at p, of len bytes; its size. */
static bool
slow_note(const char *p, size_t len, unsigned long *size)
{
    bool             ok;
    char             name[256];
    size_t           n;
    uint8_t          want[32], got[48];
    xc_heap_t        heap;
    const char      *error = "", *root, *end;
    xc_note_key_t    signer;
    xc_checkpoint_t  checkpoint;

    root = memchr(p, '\n', len);
    end = root == NULL ? NULL : memmem(p, len, "\n\n", 2);

    if (end == NULL || sscanf(p, "%255[^\n]\n%lu\n", name, size) != 2
        || strcmp(name, origin) != 0)
    {
        return false;
    }

    for (root = end; root[-1] != '\n'; root--) { /* void */ }

    if (xc_b64_decode(XC_B64_STD, (xc_str_t) { root, (size_t) (end - root) },
                      got, &n) != XC_OK || n != 32
        || !mth(0, *size, want) || memcmp(got, want, 32) != 0)
    {
        printf("# checkpoint %lu has not the root of the lines\n", *size);
        return false;
    }

    xc_heap_init(&heap, 0);
    ok = xc_note_key_make(xc_str_z(origin), signing_key, &signer) == XC_OK
         && xc_checkpoint_open(&heap.arena, (xc_str_t) { p, len }, &signer,
                               &error, &checkpoint) == XC_OK
         && checkpoint.size == *size;
    xc_heap_free(&heap);

    if (!ok) {
        printf("# checkpoint %lu: %s\n", *size, error);
    }

    return ok;
}


/* All checkpoints: of one tree, each larger than the one before, the last one
 * published.  Their number; -1. */
static long
checkpoints(void)
{
    bool           ok = true;
    char          *text, *latest, *p, *end;
    long           count = 0;
    size_t         len, len2;
    struct stat    st;
    unsigned long  size, before = 0;

    text = slurp(KEPT, &len);
    latest = slurp(LATEST, &len2);

    for (p = text; ok && p < text + len; p = end + 3) {
        end = memmem(p, (size_t) (text + len - p), "\n--\n", 4);

        if (end == NULL) {
            printf("# a torn checkpoint\n");
            ok = false;
            break;
        }

        end++;
        ok = slow_note(p, (size_t) (end - p), &size) && size > before;
        before = size;
        count++;

        if (end + 3 == text + len) {
            ok = ok && len2 == (size_t) (end - p)
                 && memcmp(p, latest, len2) == 0
                 && stat(in_dir(KEPT), &st) == 0 && (st.st_mode & 077) == 0
                 && stat(in_dir(LATEST), &st) == 0 && (st.st_mode & 077) == 0;
        }
    }

    free(text);
    free(latest);

    return ok ? count : -1;
}


/* Is there a checkpoint of exactly this size? */
static bool
has_checkpoint(unsigned long size)
{
    char  text[300];

    snprintf(text, sizeof(text), "%s\n%lu\n", origin, size);

    return checkpoints() > 0 && has(KEPT, text);
}


/* The chain over files, given in order; -1 where it is broken or a checkpoint
 * is not of its tree, else the number of lines. */
static long
slow(const char *name, ...)
{
    bool      ok = true;
    char     *text, *line, *end;
    size_t    len;
    slow_t    s = { .begun = false };
    va_list   args;

    va_start(args, name);

    for ( /* void */ ; name != NULL; name = va_arg(args, const char *)) {
        text = slurp(name, &len);
        s.first = true;

        for (line = text; ok && line < text + len; line = end + 1) {
            end = memchr(line, '\n', (size_t) (text + len - line));

            if (end == NULL) {
                printf("# %s does not end with LF\n", name);
                ok = false;
                break;
            }

            *end = '\0';
            ok = slow_line(&s, line);
        }

        free(text);
    }

    va_end(args);

    return ok && checkpoints() >= 0 ? (long) s.lines : -1;
}


/* Journals */

static int64_t  now_us = 1795343430123456;      /* 2026-11-22T10:30:30 */


static int64_t
tick(void *ctx)
{
    void  (*fn)(void) = in_tick;

    (void) ctx;
    in_tick = NULL;

    if (fn != NULL) {
        fn();
    }

    return now_us += 10;
}


static xc_journal_report_t  report;


static xc_rc_t
start_as(xc_journal_t *j, const char *node, bool sync)
{
    xc_journal_conf_t  conf = {
        .dir = dir, .node = xc_str_z(node), .sync = sync,
        .uid = (uid_t) -1, .gid = (gid_t) -1,
        .describe = XC_STR("\"version\":\"1\",\"sync\":\"group\""),
        .origin = xc_str_z(origin), .key = key, .boot_id = xc_str_z(boot),
        .now_us = tick
    };

    return xc_journal_open(j, &conf, &report);
}


static xc_journal_t
start(void)
{
    xc_journal_t  j;

    if (start_as(&j, "n1", true) != XC_OK) {
        printf("# open: %s\n", report.text);
        exit(2);
    }

    return j;
}


/* Appends n entries as one batch; the first one's seq is left in *seq. */
static xc_rc_t
put(xc_journal_t *j, size_t n, uint64_t *seq)
{
    size_t              i;
    xc_rc_t             rc;
    static char         scratch[1 << 18];
    xc_journal_entry_t  entries[64];

    for (i = 0; i < n; i++) {
        memset(&entries[i], 0, sizeof(entries[i]));
        entries[i].members = XC_STR("\"event\":\"decision\",\"id\":\"x\"");
        entries[i].seq = 777777;
    }

    rc = xc_journal_append(j, entries, n, scratch, sizeof(scratch), &report);

    for (i = 0; i < n && (rc == XC_OK || rc == XC_DENIED); i++) {
        rc = know(entries[i].seq, entries[i].leaf) ? rc : XC_EINTERNAL;
    }

    if (seq != NULL) {
        *seq = entries[0].seq;
    }

    if (report.text[0] != '\0') {
        printf("# %s%s\n", report.alert ? "ALERT " : "", report.text);
    }

    return rc;
}


/* One of those who write at once: in so many rounds it signs every so many, and
 * the first of them rotates. */
static void
take_part(int p, int rounds, int sign_every, int rotate_every)
{
    int           i;
    xc_journal_t  j = start();

    for (i = 0; i < rounds; i++) {
        if (put(&j, 1 + (size_t) (i + p) % 3, NULL) != XC_OK
            || (i % sign_every == sign_every / 3
                && xc_journal_checkpoint(&j, &report) != XC_OK))
        {
            printf("# %s\n", report.text);
            _exit(1);
        }

        if (p == 0 && i % rotate_every == rotate_every / 2) {
            sh("mv " LOG " " LOG ".%02d", i);
        }
    }

    _exit(0);
}


/* How many of four such processes failed. */
static int
together(int rounds, int sign_every, int rotate_every)
{
    int  p, status, bad = 0;

    for (p = 0; p < 4; p++) {
        if (fork() == 0) {
            take_part(p, rounds, sign_every, rotate_every);
        }
    }

    for (p = 0; p < 4; p++) {
        wait(&status);
        bad += status != 0;
    }

    return bad;
}


/* After all that: the next checkpoint covers every line, and the lines are one
 * chain and one tree. */
static bool
covered(xc_journal_t *j, const char *first, const char *last)
{
    xc_journal_head_t  h;

    if (xc_journal_checkpoint(j, &report) != XC_OK) {
        printf("# %s\n", report.text);
        return false;
    }

    return slow(first, last, NULL) > 0
           && xc_journal_read_head(j, &h) == XC_OK && has_checkpoint(h.seq);
}


static void
flip(const char *name, off_t at)
{
    int   fd = open(in_dir(name), O_RDWR);
    char  c;

    if (pread(fd, &c, 1, at) != 1) {
        exit(2);
    }

    c ^= 1;

    if (__real_pwrite(fd, &c, 1, at) != 1) {
        exit(2);
    }

    close(fd);
}


static void
add(const char *name, const char *bytes, size_t n)
{
    int  fd = open(in_dir(name), O_WRONLY | O_APPEND);

    if (write(fd, bytes, n) != (ssize_t) n) {
        exit(2);
    }

    close(fd);
}


static int
bed_init(xc_heap_t *heap)
{
    xc_str_t     private, public;
    const char  *error;

    xc_heap_init(heap, 0);

    return xc_crypto_init() == XC_OK
           && xc_key_generate(&heap->arena, XC_ALG_ED25519, &private, &public)
              == XC_OK
           && xc_key_private(&heap->arena, XC_ALG_ED25519, private, &error,
                             &signing_key) == XC_OK
           ? 0 : -1;
}

#endif
