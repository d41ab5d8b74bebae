/*
 * The head of the journal, two blocks, and what an append makes of it.  The
 * input is one octet of flags, then the first block, and behind octet 4096 of
 * the rest the second; what is short is zero.  Unless the flags say otherwise,
 * magic, version, length, number of hashes and check sum are put right first,
 * so that what stands between them is met.
 */

#include "fuzz.h"
#include "xc_journal_impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define NODE    "n1"

enum {
    FLAG_RAW = 1,
    FLAG_NODE = 2,              /* the node is as the file says */
    FLAG_LOG = 4                /* the head's file is the log that is there */
};

static char  dir[64];


static void
clean(void)
{
    char  cmd[128];

    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
    (void) !system(cmd);
}


static void
begin(void)
{
    if (dir[0] == '\0') {
        FUZZ_CHECK(xc_crypto_init() == XC_OK);
        strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/xc-head-XXXXXX"
                                                  : "/tmp/xc-head-XXXXXX");
        FUZZ_CHECK(mkdtemp(dir) != NULL);
        atexit(clean);
    }
}


static void
put(uint8_t *p, uint64_t n, size_t width)
{
    size_t  i;

    for (i = 0; i < width; i++) {
        p[i] = (uint8_t) (n >> 8 * i);
    }
}


static uint64_t
get(const uint8_t *p, size_t width)
{
    size_t    i;
    uint64_t  n = 0;

    for (i = 0; i < width; i++) {
        n |= (uint64_t) p[i] << 8 * i;
    }

    return n;
}


static void
mend(uint8_t *p, unsigned flags, const struct stat *log)
{
    uint8_t   hash[XC_SHA256_SIZE];
    uint64_t  notes = get(p + 216, 4) % (XC_JOURNAL_NOTES_MAX + 1);
    uint64_t  hashes, length;

    if ((flags & FLAG_LOG) != 0) {
        put(p + 32, log->st_dev, 8);
        put(p + 40, log->st_ino, 8);
    }

    if ((flags & FLAG_NODE) == 0) {
        memset(p + 112, 0, 64);
        memcpy(p + 112, NODE, sizeof(NODE));
    }

    hashes = xc_merkle_count(get(p + 56, 8));
    length = 224 + 32 * hashes + 160 * notes;

    memcpy(p, "xc-head\n", 8);
    put(p + 12, length, 4);
    put(p + 16, 2, 4);
    put(p + 212, hashes, 4);
    put(p + 216, notes, 4);
    FUZZ_CHECK(xc_hash(XC_HASH_SHA256, p + 12, length - 12, hash) == XC_OK);
    memcpy(p + 8, hash, 4);
}


/* What was decoded is encoded and decoded as the same. */
static void
check_block(const uint8_t *p)
{
    xc_rc_t                    rc;
    uint8_t                    again[2][XC_JOURNAL_BLOCK_SIZE];
    static xc_journal_block_t  block[2];

    rc = xc_journal_head_decode(p, &block[0]);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED || rc == XC_EINPUT);

    if (rc == XC_OK) {
        FUZZ_CHECK(block[0].n_notes <= XC_JOURNAL_NOTES_MAX);
        FUZZ_CHECK(xc_journal_head_encode(&block[0], again[0]) == XC_OK);
        FUZZ_CHECK(xc_journal_head_decode(again[0], &block[1]) == XC_OK);
        FUZZ_CHECK(xc_journal_head_encode(&block[1], again[1]) == XC_OK);
        FUZZ_CHECK(memcmp(again[0], again[1], sizeof(again[0])) == 0);
    }
}


static int64_t
now_us(void *ctx)
{
    (void) ctx;

    return 1795343430123456;
}


static void
check_report(const xc_journal_report_t *report)
{
    xc_str_t  text = { report->text,
                       strnlen(report->text, sizeof(report->text)) };

    FUZZ_CHECK(text.len < sizeof(report->text));
    FUZZ_CHECK(xc_ascii_no_controls(text));
}


static void
check_journal(void)
{
    char                 scratch[1 << 18];
    xc_rc_t              rc;
    xc_journal_t         journal;
    xc_journal_head_t    head;
    xc_journal_entry_t   entry = { .members = XC_STR("\"event\":\"x\"") };
    xc_journal_report_t  report = { .text = "" };
    xc_journal_conf_t    conf = {
        .dir = dir, .node = XC_STR(NODE), .sync = false, .uid = (uid_t) -1,
        .gid = (gid_t) -1, .describe = XC_STR("\"version\":\"1\""),
        .boot_id = XC_STR(""), .now_us = now_us
    };

    rc = xc_journal_open(&journal, &conf, &report);
    check_report(&report);

    if (rc != XC_OK) {
        FUZZ_CHECK(report.text[0] != '\0');
        return;
    }

    rc = xc_journal_read_head(&journal, &head);
    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT);

    rc = xc_journal_append(&journal, &entry, 1, scratch, sizeof(scratch),
                           &report);
    check_report(&report);
    FUZZ_CHECK(rc == XC_OK || report.text[0] != '\0' || rc == XC_ELIMIT
               || rc == XC_EINTERNAL);

    /* What was written stands as the head says. */
    if (rc == XC_OK) {
        FUZZ_CHECK(xc_journal_read_head(&journal, &head) == XC_OK);
        FUZZ_CHECK(head.seq == entry.seq + 1
                   && memcmp(head.leaf, entry.leaf, sizeof(head.leaf)) == 0);
    }

    xc_journal_close(&journal);
}


static void
store(const char *name, const void *data, size_t n, struct stat *st)
{
    int   fd;
    char  path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data, n) == (ssize_t) n
               && fstat(fd, st) == 0);
    close(fd);
}


/* Whatever an append has set aside goes, too. */
static void
empty(void)
{
    char            path[384];
    DIR            *folder = opendir(dir);
    struct dirent  *entry;

    FUZZ_CHECK(folder != NULL);

    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
            FUZZ_CHECK(unlink(path) == 0);
        }
    }

    closedir(folder);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i;
    uint8_t      p[2 * XC_JOURNAL_BLOCK_SIZE] = { 0 };
    struct stat  log, head;

    static const char  line[] =
        "{\"seq\":0,\"prev\":\"00000000000000000000000000000000000000000000000"
        "00000000000000000\",\"time\":\"2026-11-22T10:20:30.123456Z\",\"node\":"
        "\"" NODE "\",\"event\":\"decision\",\"id\":\"x\"}\n";

    if (size == 0) {
        return 0;
    }

    begin();
    empty();
    memcpy(p, data + 1, XC_MIN(size - 1, sizeof(p)));
    store("audit.log", line, sizeof(line) - 1, &log);

    for (i = 0; i < sizeof(p); i += XC_JOURNAL_BLOCK_SIZE) {
        if ((data[0] & FLAG_RAW) == 0
            && (i == 0 || size - 1 > XC_JOURNAL_BLOCK_SIZE))
        {
            mend(p + i, data[0], &log);
        }

        check_block(p + i);
    }

    store("audit.head", p, sizeof(p), &head);
    check_journal();

    return 0;
}
