/*
 * The tree over the lines and its signed checkpoints: which are written, what
 * a crash or a full disk makes of them, and what they hold the log to.
 */

#define _GNU_SOURCE

#include "journal_bed.h"


static xc_rc_t
point(xc_journal_t *j)
{
    xc_rc_t  rc;

    rc = xc_journal_checkpoint(j, &report);

    if (report.text[0] != '\0') {
        printf("# %s%s\n", report.alert ? "ALERT " : "", report.text);
    }

    return rc;
}


/* A directory as it is now, and put back: as a backup is, by copies. */
static void
backup(const char *to)
{
    sh("rm -rf ../%s%s; cp -a . ../%s%s", strrchr(dir, '/') + 1, to,
       strrchr(dir, '/') + 1, to);
}


static void
restore(const char *from, const char *files)
{
    sh("for f in %s; do rm -f $f; cp -a ../%s%s/$f . 2>/dev/null; done; true",
       files, strrchr(dir, '/') + 1, from);
}


static void
drop(const char *name)
{
    sh("rm -rf ../%s%s", strrchr(dir, '/') + 1, name);
}


static void
test_tree(void)
{
    int           i;
    bool          ok = true;
    char          note[XC_JOURNAL_CHECKPOINT_MAX];
    off_t         size;
    size_t        len;
    xc_journal_t  j, k;

    fresh();
    j = start();
    xt_ok(point(&j) == XC_OK && size_of(KEPT) == -1
          && xc_journal_read_checkpoint(&j, note, &len) == XC_DENIED,
          "no checkpoint before the first line");

    ok = put(&j, 1, NULL) == XC_OK && point(&j) == XC_OK;
    xt_ok(ok && has(LOG, "\"id\":\"x\",\"frontier\":{\"size\":0,\"hashes\":[]}}"
                         "\n"), "the first line has the empty frontier");
    xt_ok(slow(LOG, NULL) == 1 && has_checkpoint(1)
          && xc_journal_read_checkpoint(&j, note, &len) == XC_OK
          && len == (size_t) size_of(LATEST) && memcmp(note, origin, 14) == 0,
          "the first checkpoint");

    for (i = 0; i < 40; i++) {
        ok = ok && put(&j, 1 + (size_t) i % 7, NULL) == XC_OK
             && (i % 3 != 0 || point(&j) == XC_OK);
    }

    xt_ok(ok && slow(LOG, NULL) == 156 && checkpoints() == 15,
          "each of many sizes has its root");

    size = size_of(KEPT);
    k = start();
    xt_ok(point(&j) == XC_OK && point(&j) == XC_OK && point(&k) == XC_OK
          && size_of(KEPT) == size, "nothing new: no checkpoint");
    (void) !put(&j, 1, NULL);
    xt_ok(point(&k) == XC_OK && point(&j) == XC_OK && checkpoints() == 16
          && has_checkpoint(157), "another process's stands");
    xc_journal_close(&k);
    xc_journal_close(&j);

    sh("printf x%%.0s $(seq 2000) >" LATEST);
    xt_ok(xc_journal_open(&k, &j.conf, &report) == XC_OK
          && xc_journal_read_checkpoint(&k, note, &len) == XC_EINPUT,
          "not a checkpoint");
    xc_journal_close(&k);
}


static void
test_rotation(void)
{
    uint64_t      seq;
    xc_journal_t  j, k;

    fresh();
    j = start();
    k = start();
    (void) !put(&j, 2, NULL);
    (void) !point(&j);
    (void) !put(&j, 3, NULL);

    sh("mv " LOG " " LOG ".1");
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 6 && has_checkpoint(5)
          && slow(LOG, NULL) == 2 && slow(LOG ".1", LOG, NULL) == 7,
          "rotation signs exactly what the new file begins with");

    sh("mv " LOG " " LOG ".2");
    xt_ok(point(&j) == XC_OK && has_checkpoint(7) && size_of(LOG) == 0,
          "an idle process's too");

    flip(HEAD, 50);
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 8
          && has(LOG, "{\"seq\":7,") && has(LOG, "\"previous\":{\"seq_end\":6,\"b")
          && slow(LOG ".1", LOG ".2", LOG, NULL) == 9,
          "with the tip lost before its record was written");

    sh("mv " LOG " " LOG ".3");
    fail.kept_write = 1;
    fail.err = ENOSPC;
    xt_ok(put(&j, 1, &seq) == XC_EIO && size_of(LOG) == -1,
          "no rotation without its checkpoint");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 10 && has_checkpoint(9)
          && slow(LOG ".2", LOG ".3", LOG, NULL) == 6, "until there can be");

    sh("mv " LOG " " LOG ".4");
    fail.log_sync = 1;
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 12 && !has_checkpoint(11)
          && point(&j) == XC_OK && slow(LOG ".4", LOG, NULL) == 4
          && has_checkpoint(13), "what may be lost is not signed");
    xc_journal_close(&j);
    xc_journal_close(&k);
}


static void
test_faults(void)
{
    off_t         size;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    (void) !point(&j);
    (void) !put(&j, 1, NULL);
    size = size_of(KEPT);

    fail.kept_write = 1;
    fail.err = ENOSPC;
    xt_ok(point(&j) == XC_EIO && strstr(report.text, KEPT) != NULL
          && size_of(KEPT) == size && checkpoints() == 1, "a full disk");
    fail.kept_short = 1;
    xt_ok(point(&j) == XC_EIO && size_of(KEPT) == size && checkpoints() == 1,
          "a short write");
    fail.kept_short = 1;
    fail.truncate = 1;
    xt_ok(point(&j) == XC_EIO && size_of(KEPT) > size,
          "one that can't be taken back");
    fail.kept_sync = 1;
    xt_ok(point(&j) == XC_EIO && size_of(KEPT) == size && checkpoints() == 1,
          "a failed fdatasync: nobody is shown it");
    xt_ok(put(&j, 1, NULL) == XC_OK, "appends go on");

    fail.new_open = 1;
    xt_ok(point(&j) == XC_EIO && strstr(report.text, "Read-only") != NULL,
          "kept, but not published");
    fail.kept_sync = 1;
    xt_ok(point(&j) == XC_EIO && size_of(KEPT) == size, "nor synced: cut");
    fail.new_open = 1;
    (void) !point(&j);
    xt_ok(point(&j) == XC_OK && checkpoints() == 2 && has_checkpoint(4),
          "it is later, and not signed twice");

    (void) !put(&j, 1, NULL);
    fail.log_sync = 1;
    xt_ok(point(&j) == XC_DENIED && checkpoints() == 2
          && put(&j, 1, NULL) == XC_OK
          && slow(like("audit.failed-"), LOG, NULL) == 7,
          "lines that can't be synced are not signed for");
    fail.durable_write = 1;
    xt_ok(point(&j) == XC_EIO && point(&j) == XC_OK && checkpoints() == 3,
          "nor where durable can't be written");

    add(KEPT, "example.com/n1\n9\nhalf", 21);
    (void) !put(&j, 1, NULL);
    xt_ok(point(&j) == XC_OK && checkpoints() == 4
          && strstr(report.text, "21 bytes of a torn checkpoint") != NULL,
          "a torn one is cut");

    (void) !put(&j, 1, NULL);
    sh("cat " LATEST " >>" KEPT "; head -c 9000 /dev/zero >>" KEPT);
    xc_journal_close(&j);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_OK && point(&j) == XC_OK
          && checkpoints() == 5 && slow(LOG, NULL) == 5,
          "one without its end, and a run of NULs");
    xc_journal_close(&j);
}


static void
test_killed(void)
{
    int           status;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    (void) !point(&j);
    (void) !put(&j, 2, NULL);

    if (fork() == 0) {
        j = start();
        fail.die_at_kept = 1;
        (void) !point(&j);
        _exit(0);
    }

    wait(&status);
    xt_ok(WIFSIGNALED(status) && put(&j, 1, NULL) == XC_OK
          && point(&j) == XC_OK && checkpoints() == 3 && has_checkpoint(5),
          "killed before the checkpoint is synced");

    (void) !put(&j, 1, NULL);

    if (fork() == 0) {
        j = start();
        fail.die_at_new = 1;
        (void) !point(&j);
        _exit(0);
    }

    wait(&status);
    xt_ok(WIFSIGNALED(status) && point(&j) == XC_OK && checkpoints() == 4
          && has_checkpoint(6), "before it is published");

    (void) !put(&j, 1, NULL);
    sh("mv " LOG " " LOG ".1");

    if (fork() == 0) {
        j = start();
        fail.die_at_kept = 1;
        (void) !put(&j, 1, NULL);
        _exit(0);
    }

    wait(&status);
    xt_ok(WIFSIGNALED(status) && put(&j, 1, &seq) == XC_OK && seq == 8
          && slow(LOG ".1", LOG, NULL) == 9 && has_checkpoint(7),
          "in a rotation, with both locks");

    if (fork() == 0) {
        j = start();
        fail.die_at_tip = 1;
        (void) !put(&j, 3, NULL);
        _exit(0);
    }

    wait(&status);
    xt_ok(WIFSIGNALED(status) && point(&j) == XC_OK
          && slow(LOG ".1", LOG, NULL) == 12 && has_checkpoint(12),
          "adopted lines are signed for");
    xc_journal_close(&j);
}


static void
test_processes(void)
{
    fresh();
    xt_ok(together(30, 1, 10) == 0, "four processes append, sign and rotate");
    xt_ok(slow(LOG ".05", LOG ".15", LOG ".25", LOG, NULL) >= 240,
          "one chain and one tree");
    xt_ok(slow(LOG ".25", NULL) > 0 && checkpoints() >= 30,
          "with checkpoints in order");
}


/* Neither head nor log reaches what was signed. */
static void
test_rollback(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j, k;

    fresh();
    j = start();
    (void) !put(&j, 3, NULL);
    (void) !point(&j);
    backup(".old");
    (void) !put(&j, 3, NULL);
    (void) !point(&j);
    backup(".now");

    restore(".old", LOG " " HEAD);
    size = size_of(LOG);
    xt_ok(put(&j, 1, NULL) == XC_EIO && size_of(LOG) == size,
          "an older copy put under a running process is a stranger");

    /* As the tip's inode, so that nothing else can tell. */
    restore(".now", LOG " " HEAD);
    sh("rm " HEAD "; touch " HEAD "; chmod 600 " HEAD "; head -c %ld " LOG
       " >x; cat x >" LOG, size);
    xt_ok(put(&j, 1, NULL) == XC_EINPUT && report.alert
          && strstr(report.text, "3 records, but 6 were signed for") != NULL
          && strstr(report.text, "put the right audit.log back") != NULL
          && strstr(report.text, "another origin") != NULL,
          "the head lost and the log cut");
    k = start();
    xt_ok(put(&k, 1, NULL) == XC_EINPUT && size_of(LOG) == size
          && xc_journal_checkpoint(&k, &report) == XC_EINPUT
          && checkpoints() == 2, "nothing is written");

    sh("rm -f " LOG " " HEAD);
    xt_ok(put(&k, 1, NULL) == XC_EINPUT && size_of(LOG) == -1,
          "both deleted: no new chain");
    sh("rm " LATEST);
    xt_ok(put(&k, 1, NULL) == XC_EINPUT, "also without " LATEST);
    sh("rm " KEPT "; cp ../%s.now/" LATEST " .", strrchr(dir, '/') + 1);
    xt_ok(put(&k, 1, NULL) == XC_EINPUT, "or without " KEPT);

    key = NULL;
    xc_journal_close(&j);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT, "or without the key");
    xc_journal_close(&j);
    key = signing_key;

    restore(".now", LOG " " KEPT " " LATEST);
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 7 && report.alert
          && has(LOG, "\"cause\":\"head-lost\"") && slow(LOG, NULL) == 8,
          "the log put back: goes on without a restart");
    xt_ok(point(&k) == XC_OK && has_checkpoint(8), "and signs");

    sh("rm " LOG);
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 9 && report.alert
          && point(&k) == XC_OK && slow(LOG, NULL) == 2 && has_checkpoint(10),
          "a log deleted while the head stands: one tree");
    xc_journal_close(&k);

    drop(".old");
    drop(".now");
}


/* Other lines under the same seqs, put in the log's place with the head gone:
 * no two roots of one size may ever be signed. */
static void
test_fork(void)
{
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 4, NULL);
    (void) !point(&j);
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);

    sh("mkdir fork; mv " LOG " " KEPT " " LATEST " fork; rm " HEAD);
    forget(0);
    j = start();
    (void) !put(&j, 5, NULL);
    xc_journal_close(&j);
    sh("mv fork/" KEPT " fork/" LATEST " .");

    sh("rm " HEAD);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT && report.alert
          && strstr(report.text, "checkpoint of size 4 was signed") != NULL,
          "no head is made from another log");
    xc_journal_close(&j);

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    (void) !point(&j);
    sh("mkdir fork; mv " LOG " " KEPT " " LATEST " " HEAD " fork");
    xc_journal_close(&j);
    forget(0);
    j = start();
    (void) !put(&j, 2, NULL);
    sh("mv fork/" KEPT " fork/" LATEST " .");
    xt_ok(point(&j) == XC_EINPUT && report.alert, "nor is it signed over");
    xc_journal_close(&j);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT, "nor appended to");
    xc_journal_close(&j);
}


static void
test_origin(void)
{
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    (void) !point(&j);
    xc_journal_close(&j);

    origin = "example.com/n2";
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT
          && strstr(report.text, "\"example.com/n1\", not \"example.com/n2\"")
             != NULL, "another origin's checkpoints");
    xc_journal_close(&j);
    sh("rm " KEPT);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT, "the last one alone");
    xc_journal_close(&j);

    origin = "https://example.com/n1";
    xt_ok(start_as(&j, "n1", true) == XC_EINPUT, "an origin that is none");
    origin = "";
    xt_ok(start_as(&j, "n1", true) == XC_EINPUT, "a key without an origin");
    origin = "example.com/n1";

    sh("echo x >" LATEST);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EINPUT
          && strstr(report.text, "move it away") != NULL,
          "a damaged checkpoint, and no other");
    sh("rm " LATEST);
    xt_ok(put(&j, 1, NULL) == XC_OK && point(&j) == XC_OK
          && checkpoints() == 1, "away");
    sh("echo x >" LATEST);
    xt_ok(put(&j, 1, NULL) == XC_OK && point(&j) == XC_OK
          && checkpoints() == 2, "what was kept makes up for it");
    sh("printf 'x\\n\\nx\\n--\\n' >>" KEPT);
    (void) !put(&j, 1, NULL);
    xt_ok(point(&j) == XC_EINPUT && strstr(report.text, KEPT) != NULL,
          "but not for what was not one");
    xc_journal_close(&j);
}


/* A disk that lied: synced lines are gone, and their seqs were signed for. */
static void
test_lying_disk(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    boot = BOOT_A;
    j = start();
    (void) !put(&j, 3, NULL);
    (void) !point(&j);
    size = size_of(LOG);
    (void) !put(&j, 3, NULL);
    fail.durable_write = 1;
    (void) !point(&j);
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);

    boot = BOOT_B;
    sh("truncate -s %ld " LOG, size);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 8 && report.alert
          && has(LOG, "\"cause\":\"log-truncated\",\"unsure\":{\"from\":3,"
                      "\"to\":6}") && point(&j) == XC_OK
          && slow(LOG, NULL) == 5 && has_checkpoint(9),
          "no seq that was signed for is given twice");
    xc_journal_close(&j);
}


/* A key that comes later signs what stands. */
static void
test_late_key(void)
{
    xc_journal_t  j;

    fresh();
    key = NULL;
    j = start();
    (void) !put(&j, 3, NULL);
    xt_ok(point(&j) == XC_OK && size_of(KEPT) == -1 && size_of(LATEST) == -1,
          "without a key none is written");
    sh("mv " LOG " " LOG ".1");
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);

    key = signing_key;
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_OK && covered(&j, LOG ".1", LOG)
          && has_checkpoint(6) && checkpoints() == 1,
          "with one all lines are covered");
    xc_journal_close(&j);
}


/* What stands in the way of the new file is not written through, nor waited
 * for. */
static void
test_strange_new(void)
{
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    sh("printf other >other && ln other " LATEST ".new");
    xt_ok(point(&j) == XC_OK && checkpoints() == 1 && size_of(LATEST) > 5
          && size_of("other") == 5, "a second name of another file");

    (void) !put(&j, 1, NULL);
    sh("mkfifo " LATEST ".new");
    xt_ok(point(&j) == XC_OK && checkpoints() == 2, "a FIFO");
    xc_journal_close(&j);
}


int
main(void)
{
    xc_heap_t  heap;

    if (bed_init(&heap) != 0) {
        return 2;
    }

    test_tree();
    test_rotation();
    test_faults();
    test_killed();
    test_processes();
    test_rollback();
    test_fork();
    test_origin();
    test_lying_disk();
    test_late_key();
    test_strange_new();

    sh("rm -rf %s", dir);
    xc_heap_free(&heap);

    return xt_done();
}
