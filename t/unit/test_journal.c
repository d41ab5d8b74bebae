/*
 * The journal's file protocol: what it writes, and what it makes of every
 * state that a crash, a full disk, a rotation or a hand may leave.  After each
 * the chain, the tree and all checkpoints are read again by a slow verifier.
 */

#define _GNU_SOURCE

#include "journal_bed.h"


static void
test_chain(void)
{
    int                 i;
    bool                ok = true;
    uint64_t            seq;
    xc_journal_t        j;
    xc_journal_head_t   h;

    fresh();
    j = start();

    for (i = 0; i < 20; i++) {
        ok = ok && put(&j, 3, &seq) == XC_OK && seq == 3 * (uint64_t) i;
    }

    xt_ok(ok && report.text[0] == '\0', "seqs are given in order");
    xt_ok(syncs >= 20, "every append is synced");
    xt_ok(xc_journal_checkpoint(&j, &report) == XC_OK
          && slow(LOG, NULL) == 60 && has_checkpoint(60), "a checkpoint");
    xc_journal_close(&j);

    for (i = 0; i < 5; i++) {
        j = start();
        ok = ok && put(&j, 1, &seq) == XC_OK && seq == 60 + (uint64_t) i
             && report.text[0] == '\0';
        xc_journal_close(&j);
    }

    xt_ok(ok, "a reopened log goes on");
    xt_ok(slow(LOG, NULL) == 65, "and is one chain");
    xt_ok(size_of(HEAD) == 8192, "the head is preallocated");
    xt_ok(has(LOG, "{\"seq\":0,\"prev\":\"000000000000000000000000000000000000"
                   "0000000000000000000000000000\",\"time\":\"2026-11-22T"),
          "the first line's form");

    j = start();
    xt_ok(xc_journal_read_head(&j, &h) == XC_OK && h.seq == 65
          && h.size == (uint64_t) size_of(LOG) && h.first_seq == 0
          && strcmp(h.node, "n1") == 0, "the head as others read it");
    xc_journal_close(&j);
}


static void
test_limits(void)
{
    char                 *big = malloc(70000), *scratch = malloc(300000);
    off_t                 size;
    uint64_t              seq;
    xc_journal_t          j;
    xc_journal_entry_t    e;

    fresh();
    j = start();
    (void) !put(&j, 1, NULL);
    size = size_of(LOG);
    memset(big, 'x', 70000);
    memcpy(big, "\"event\":\"decision\",\"a\":\"", 24);
    big[65535] = '"';

    memset(&e, 0, sizeof(e));
    e.members = (xc_str_t) { big, 65536 };
    xt_ok(xc_journal_append(&j, &e, 1, scratch, 300000, &report) == XC_ELIMIT
          && size_of(LOG) == size, "a line over 64 KiB is not written");

    /* {"seq":1,"prev":"…64…","time":"…27…","node":"n1",  and  } */
    big[65536 - 133] = '"';
    e.members.len = 65536 - 132;
    xt_ok(xc_journal_append(&j, &e, 1, scratch, 300000, &report) == XC_ELIMIT,
          "nor one by a byte");
    big[65536 - 134] = '"';
    e.members.len = 65536 - 133;
    xt_ok(xc_journal_append(&j, &e, 1, scratch, 300000, &report) == XC_OK
          && size_of(LOG) == size + 65537 && know(1, e.leaf),
          "but one of 64 KiB is");

    e.members = XC_STR("\"event\":\"decision\",\n\"a\":1");
    xt_ok(xc_journal_append(&j, &e, 1, scratch, 300000, &report)
          == XC_EINTERNAL, "a line feed in the members");
    e.members = XC_STR("\"event\":\"stop\"");
    xt_ok(xc_journal_append(&j, &e, 1, scratch, 100, &report) == XC_ELIMIT,
          "scratch that is too small");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 2 && slow(LOG, NULL) == 3,
          "none of them spent a seq");

    xc_journal_close(&j);
    j = start();
    sh("rm -f " HEAD);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 4 && slow(LOG, NULL) == 5
          && report.alert, "a long line is read back");
    xc_journal_close(&j);

    free(big);
    free(scratch);
}


static void
test_processes(void)
{
    fresh();
    xt_ok(together(50, 20, 20) == 0,
          "four processes append, and rotate twice meanwhile");
    xt_ok(slow(LOG ".10", LOG ".30", LOG, NULL) >= 398,
          "one chain without a gap");
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

    if (fork() == 0) {
        j = start();
        fail.die_at_tip = 1;
        (void) !put(&j, 3, NULL);
        _exit(0);
    }

    wait(&status);
    xt_ok(WIFSIGNALED(status), "killed before the tip is written");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 5 && slow(LOG, NULL) == 6
          && report.text[0] == '\0' && !has(LOG, "recover"),
          "its lines are adopted, and its lock is free");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_torn(void)
{
    char          nul[5000];
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    add(LOG, "{\"seq\":2,\"prev\":\"12", 18);

    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 3 && slow(LOG, NULL) == 4,
          "a torn tail");
    xt_ok(size_of(like("audit.torn-")) == 18 && !report.alert
          && strstr(report.text, "18 bytes") != NULL, "is set aside");
    xt_ok(has(LOG, "\"event\":\"recover\",\"cause\":\"torn-tail\","
                   "\"set_aside\":\"audit.torn-2026")
          && has(LOG, "\",\"bytes\":18,\"version\":\"1\""), "and named");

    memset(nul, 0, sizeof(nul));
    add(LOG, nul, sizeof(nul));
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 5 && slow(LOG, NULL) == 6,
          "a run of NULs");
    sh("test $(ls | grep -c '^audit.torn-') = 2");

    add(LOG, "{\"seq\":6}\n", 10);
    fail.log_write = 1;
    fail.err = ENOSPC;
    xt_ok(put(&j, 1, &seq) == XC_EIO && seq == 777777, "a disk that is full "
          "after the repair");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 7 && slow(LOG, NULL) == 8,
          "does not lose the record that it owes");
    sh("test $(grep -c torn-tail " LOG ") = 3");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_head(void)
{
    uint64_t      seq;
    xc_journal_t  j, k;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    (void) !xc_journal_checkpoint(&j, &report);
    (void) !put(&j, 2, NULL);

    flip(HEAD, 50);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 4 && slow(LOG, NULL) == 5
          && report.text[0] == '\0', "a damaged tip: durable stands in");

    flip(HEAD, 50);
    flip(HEAD, 4096 + 50);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6 && slow(LOG, NULL) == 7
          && report.alert && has(LOG, "\"cause\":\"head-lost\""),
          "both damaged: the log is read whole");
    xc_journal_close(&j);

    flip(HEAD, 50);
    flip(HEAD, 4096 + 50);
    add(LOG, "torn", 4);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 8 && slow(LOG, NULL) == 9
          && size_of(like("audit.torn-")) == 4, "with a torn tail");

    flip(HEAD, 50);
    flip(HEAD, 4096 + 50);
    flip(LOG, 400);
    xt_ok(put(&j, 1, NULL) == XC_EIO && strstr(report.text, " line 3 ") != NULL,
          "and a fault in the middle is refused by its line");
    flip(LOG, 400);
    xt_ok(put(&j, 1, NULL) == XC_OK, "until it is gone");

    k = start();
    sh("rm " HEAD);
    xt_ok(put(&j, 1, &seq) == XC_OK && report.alert
          && put(&k, 1, &seq) == XC_OK && put(&j, 1, &seq) == XC_OK
          && slow(LOG, NULL) == (long) seq + 1,
          "a deleted head: both processes find the new one");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&k);
    xc_journal_close(&j);

    xt_ok(start_as(&j, "n2", true) == XC_EINPUT
          && strstr(report.text, "n1") != NULL, "another node's head");
    sh("rm " HEAD);
    xt_ok(start_as(&j, "n2", true) == XC_OK
          && put(&j, 1, NULL) == XC_EINPUT
          && strstr(report.text, "another node") != NULL, "and log");
    xc_journal_close(&j);

    fresh();
    j = start();
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);
    sh("printf '\\001' | dd of=" HEAD " bs=1 seek=16 conv=notrunc status=none");
    xt_ok(start_as(&j, "n1", true) == XC_EINPUT
          && strstr(report.text, "another version") != NULL,
          "a head of another format");

    sh("head -c 9000 /dev/zero >" HEAD);
    xt_ok(start_as(&j, "n1", true) == XC_EINPUT, "no head at all");
}


static void
test_power_loss(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 3, NULL);
    (void) !xc_journal_checkpoint(&j, &report);
    (void) !put(&j, 2, NULL);
    size = size_of(LOG);
    (void) !put(&j, 3, NULL);

    sh("truncate -s %ld " LOG, size + 5);
    forget(5);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6 && slow(LOG, NULL) == 7,
          "the log shorter than its tip");
    xt_ok(has(LOG, "\"cause\":\"power-loss\",\"set_aside\":\"audit.torn-")
          && has(LOG, "\"bytes\":5,\"lost\":{\"from\":5,\"to\":7}"),
          "what is lost is named");

    size = size_of(LOG);
    (void) !put(&j, 4, NULL);
    xc_journal_close(&j);
    sh("dd if=/dev/zero of=" LOG " bs=1 seek=%ld count=100 conv=notrunc "
       "status=none", size + 100);
    forget(7);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 8 && slow(LOG, NULL) == 9,
          "of the tip's size, but with a hole");

    size = size_of(LOG);
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);
    flip(LOG, size_of(LOG) - 5);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_EIO && report.alert
          && strstr(report.text, "altered") != NULL, "altered meanwhile");
    flip(LOG, size_of(LOG) - 5);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 10 && slow(LOG, NULL) == 11,
          "and as it was");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


/* In the same boot nothing that was written is lost: somebody took it. */
static void
test_boot(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    boot = BOOT_A;
    j = start();
    (void) !put(&j, 3, NULL);
    (void) !xc_journal_checkpoint(&j, &report);
    size = size_of(LOG);
    (void) !put(&j, 2, NULL);

    sh("truncate -s %ld " LOG, size);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6 && report.alert
          && slow(LOG, NULL) == 5
          && has(LOG, "\"cause\":\"log-truncated\",\"unsure\":{\"from\":3,"
                      "\"to\":4}"), "unsynced lines cut in the same boot");
    xc_journal_close(&j);

    size = size_of(LOG);
    j = start();
    (void) !xc_journal_checkpoint(&j, &report);
    (void) !put(&j, 1, NULL);
    (void) !put(&j, 1, NULL);
    xc_journal_close(&j);
    flip(LOG, size + 20);
    j = start();
    xt_ok(put(&j, 1, NULL) == XC_EIO && report.alert
          && strstr(report.text, "between seq 7 and 8") != NULL
          && like("audit.torn-")[0] == '\0', "altered: nothing is cut");
    xc_journal_close(&j);

    boot = BOOT_B;
    forget(7);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 8 && !report.alert
          && slow(LOG, NULL) == 7
          && has(LOG, "\"cause\":\"power-loss\",\"set_aside\":"),
          "in another boot the same is a power loss");

    (void) !put(&j, 1, NULL);
    sh("truncate -s %ld " LOG, size + 10);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 11 && report.alert
          && slow(LOG, NULL) == 7, "and that boot is known from then on");
    xc_journal_close(&j);

    boot = "x";
    xt_ok(start_as(&j, "n1", true) == XC_EINPUT, "no boot id");
}


/* time is what the clock said; the order is seq's. */
static void
test_clock(void)
{
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 1, NULL);
    add(LOG, "torn", 4);
    (void) !put(&j, 1, NULL);
    now_us -= 86400LL * 1000000;
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 3 && report.text[0] == '\0'
          && has(LOG, "\"time\":\"2026-11-21T")
          && xc_journal_checkpoint(&j, &report) == XC_OK
          && slow(LOG, NULL) == 4, "a clock that steps back");
    now_us += 86400LL * 1000000;
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_truncated(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    size = size_of(LOG);
    (void) !put(&j, 2, NULL);
    (void) !xc_journal_checkpoint(&j, &report);
    (void) !put(&j, 1, NULL);

    sh("truncate -s %ld " LOG, size + 7);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6 && report.alert
          && slow(LOG, NULL) == 4, "cut below durable: seq goes on");
    xt_ok(has(LOG, "\"cause\":\"log-truncated\",\"set_aside\"")
          && has(LOG, "\"unsure\":{\"from\":2,\"to\":4}"), "the gap is named");

    (void) !xc_journal_checkpoint(&j, &report);
    sh(": >" LOG);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 8 && slow(LOG, NULL) == 2
          && has(LOG, "\"unsure\":{\"from\":0,\"to\":6}"), "cut to nothing");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_rotation(void)
{
    uint64_t      seq;
    xc_journal_t  j, idle, k;

    fresh();
    j = start();
    idle = start();
    (void) !put(&j, 2, NULL);
    (void) !put(&idle, 1, NULL);

    sh("mv " LOG " " LOG ".1");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 4
          && slow(LOG ".1", LOG, NULL) == 5 && report.text[0] == '\0',
          "rotated by rename");
    xt_ok(has(LOG, "{\"seq\":3,") && has(LOG, "\"event\":\"reopen\","
              "\"previous\":{\"seq_end\":2,\"bytes\":")
          && has(LOG, ",\"version\":\"1\",\"sync\":\"group\",\"frontier\":"
                      "{\"size\":3,\"hashes\":["),
          "the new file begins with its record");
    sh("test \"$(stat -c %%a " LOG ")\" = 600");

    sh("mv " LOG " " LOG ".2; touch " LOG "; chmod 640 " LOG);
    xt_ok(xc_journal_checkpoint(&idle, &report) == XC_OK
          && idle.log_ino != j.log_ino && size_of(LOG) == 0,
          "an idle process follows by its checkpoint");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6
          && slow(LOG ".1", LOG ".2", LOG, NULL) == 7,
          "the empty file that logrotate made is taken");
    xt_ok(has(LOG, "\"previous\":{\"seq_end\":4,"), "its record comes late, "
          "but comes");

    sh("mv " LOG " " LOG ".3");
    (void) !put(&j, 1, NULL);
    sh("mv " LOG " " LOG ".4");
    xt_ok(put(&idle, 1, &seq) == XC_OK && seq == 10
          && slow(LOG ".1", LOG ".2", LOG ".3", LOG ".4", LOG, NULL) == 11,
          "rotated twice behind an idle process");

    add(LOG, "torn", 4);
    sh("mv " LOG " " LOG ".5");
    k = start();
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 13
          && slow(LOG ".4", LOG ".5", LOG, NULL) == 7
          && has(LOG, "torn-tail") && has(LOG, "reopen"),
          "torn and rotated, seen by a new process");

    sh("mkdir away; mv " LOG " away/x");
    xt_ok(put(&k, 1, &seq) == XC_OK && !report.alert
          && slow(LOG ".5", "away/x", LOG, NULL) == 7,
          "moved out of the directory");

    xc_journal_close(&k);
    xc_journal_close(&idle);
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_deleted(void)
{
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    sh("mv " LOG " " LOG ".1");
    (void) !put(&j, 2, NULL);

    sh("rm " LOG);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6 && report.alert
          && slow(LOG ".1", LOG, NULL) == 4, "deleted: a new file goes on");
    xt_ok(has(LOG, "\"cause\":\"log-deleted\",\"unsure\":{\"from\":2,"
                   "\"to\":4}"), "and names what is gone");

    (void) !xc_journal_checkpoint(&j, &report);
    xc_journal_close(&j);
    sh("rm " LOG "; touch " LOG);
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && report.alert && seq == 8
          && slow(LOG, NULL) == 2 && has(LOG, "{\"from\":5,\"to\":6}"),
          "deleted while nobody held it, and an empty one put there");

    (void) !xc_journal_checkpoint(&j, &report);
    xc_journal_close(&j);
    sh("rm " LOG "; echo precious >a; echo precious >b; echo precious >c");
    j = start();
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 10 && size_of("a") == 9
          && size_of("b") == 9 && size_of("c") == 9
          && has(LOG, "log-deleted"), "another file that got its inode");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    xc_journal_close(&j);
}


static void
test_stranger(void)
{
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    sh("cp " LOG " x; mv " LOG " right; mv x " LOG);
    xt_ok(put(&j, 1, &seq) == XC_EIO && seq == 777777
          && strstr(report.text, "audit.log") != NULL
          && xc_journal_checkpoint(&j, &report) == XC_EIO,
          "a copy in the log's place is refused");
    xc_journal_close(&j);
    j = start();
    sh("cp right x; mv right y; mv y " LOG "; sed s/:0,/:7,/ x >" LOG);
    xt_ok(put(&j, 1, &seq) == XC_EIO, "so are other lines in its inode");
    sh("cat x >" LOG "; mv " LOG " right");
    sh("mv right " LOG);
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 2 && slow(LOG, NULL) == 3,
          "the right one put back");
    xt_ok(covered(&j, LOG, NULL), "signed for");
    sh("mv " LOG " right; ln -s right " LOG);
    xt_ok(put(&j, 1, &seq) == XC_EIO, "a symbolic link is refused");
    sh("rm " LOG "; mkdir " LOG);
    xt_ok(put(&j, 1, &seq) == XC_EIO, "a directory is refused");
    xc_journal_close(&j);
}


static void
test_failed_sync(void)
{
    uint64_t      seq;
    xc_journal_t  j, k;

    fresh();
    j = start();
    k = start();
    (void) !put(&j, 2, NULL);
    (void) !xc_journal_checkpoint(&j, &report);
    (void) !put(&k, 1, NULL);

    fail.log_sync = 1;
    xt_ok(put(&j, 2, NULL) == XC_DENIED, "a failed fdatasync");
    xt_ok(put(&k, 1, &seq) == XC_OK && seq == 6
          && strncmp(like("audit.failed-"), "audit.failed-2026", 17) == 0,
          "another process begins a new file");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 7
          && slow(like("audit.failed-"), LOG, NULL) == 8, "and both go on");
    xt_ok(has(LOG, "\"cause\":\"sync-failed\",\"set_aside\":\"audit.failed-")
          && has(LOG, "\"unsure\":{\"from\":2,\"to\":4}"),
          "the unsure range is named");

    fail.log_sync = 1;
    fail.tip_write = 2;         /* the append's own is the first */
    xt_ok(put(&j, 1, &seq) == XC_DENIED && put(&j, 1, &seq) == XC_OK,
          "though the head can't be told at once");
    sh("test $(ls | grep -c '^audit.failed-') = 2");

    fail.log_sync = 1;
    (void) !put(&j, 1, NULL);
    fail.log_sync = 1;
    xt_ok(put(&j, 1, NULL) == XC_DENIED && put(&k, 1, NULL) == XC_OK,
          "twice in a row");

    (void) !put(&j, 1, NULL);
    sh("mv " LOG " " LOG ".1");
    fail.log_sync = 1;
    xt_ok(put(&j, 1, NULL) == XC_OK && has(LOG, "\"set_aside\":\"audit.log.1"),
          "while the log is rotated");

    fail.log_sync = 1;
    (void) !put(&j, 1, NULL);
    sh("mv " LOG " " LOG ".2");
    xt_ok(put(&j, 1, NULL) == XC_OK && has(LOG, "\"set_aside\":\"audit.log.2"),
          "rotated after it failed");
    xt_ok(covered(&j, LOG ".2", LOG), "signed for");

    /* a second try, of whichever process, must not call the lines safe */
    (void) !put(&j, 1, NULL);
    sh("mv " LOG " " LOG ".3");
    fail.log_sync = 1;
    fail.log_open = 2;
    xt_ok(put(&j, 1, NULL) == XC_EIO, "while it is rotated, and no new file");
    xt_ok(put(&k, 1, NULL) == XC_OK
          && has(LOG, "\"cause\":\"sync-failed\",\"set_aside\":\"audit.log.3"),
          "another process still knows that lines may be lost");
    (void) !put(&k, 1, NULL);
    sh("mv " LOG " " LOG ".4");
    fail.log_sync = 1;
    fail.tip_write = 1;
    xt_ok(put(&k, 1, NULL) == XC_EIO && put(&k, 1, NULL) == XC_OK
          && has(LOG, "\"cause\":\"sync-failed\",\"set_aside\":\"audit.log.4"),
          "and this one, where the head could not be told");
    xc_journal_close(&j);
    xc_journal_close(&k);
}


static xc_journal_t  other;

static void
replace_head(void)
{
    sh("mv audit.head audit.head.old");
    other = start();
    (void) !put(&other, 2, NULL);
}


/* Between its look at the head and its write somebody else locks another. */
static void
test_head_replaced(void)
{
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    in_tick = replace_head;
    xt_ok(put(&j, 1, NULL) == XC_EIO, "the head is replaced before the write");
    xt_ok(slow(LOG, NULL) >= 4, "nothing is written over what another wrote");
    xt_ok(put(&j, 1, NULL) == XC_OK && slow(LOG, NULL) >= 5, "and it goes on");
    xc_journal_close(&j);
    xc_journal_close(&other);
}


static void
test_failed_write(void)
{
    long          size;
    uint64_t      seq;
    xc_journal_t  j;

    fresh();
    j = start();
    (void) !put(&j, 2, NULL);
    size = size_of(LOG);

    fail.log_write = 1;
    fail.err = ENOSPC;
    xt_ok(put(&j, 2, &seq) == XC_EIO && seq == 777777 && size_of(LOG) == size
          && strstr(report.text, "No space left") != NULL, "a full disk");
    fail.log_short = 1;
    xt_ok(put(&j, 2, &seq) == XC_EIO && size_of(LOG) == size, "a short write");
    fail.log_write = 1;
    fail.err = EIO;
    xt_ok(put(&j, 2, &seq) == XC_EIO && size_of(LOG) == size
          && covered(&j, LOG, NULL), "an error");
    fail.log_write = 1;
    fail.err = EINTR;
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 2 && slow(LOG, NULL) == 3,
          "an interrupted one goes through; no seq was spent");

    size = size_of(LOG);
    fail.tip_write = 1;
    xt_ok(put(&j, 1, &seq) == XC_EIO && size_of(LOG) == size,
          "a tip that can't be written takes the lines back");

    fail.log_short = 1;
    fail.truncate = 1;
    xt_ok(put(&j, 2, &seq) == XC_EIO && size_of(LOG) > size,
          "a short write that can't be taken back");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 4 && slow(LOG, NULL) == 2
          && has(LOG, "\"cause\":\"write-failed\""), "gives the file up");

    sh("mv " LOG " " LOG ".1");
    fail.log_open = 2;
    xt_ok(put(&j, 1, &seq) == XC_EIO
          && strstr(report.text, "Read-only") != NULL, "no new file");
    xt_ok(put(&j, 1, &seq) == XC_OK && seq == 6
          && slow(LOG ".1", LOG, NULL) == 4, "until there can be one");
    xt_ok(covered(&j, LOG ".1", LOG), "signed for");
    xc_journal_close(&j);
}


static void
test_checkpoint(void)
{
    int           before;
    xc_journal_t  j, k;

    fresh();
    start_as(&j, "n1", false) == XC_OK ? (void) 0 : exit(2);
    k = start();
    xt_ok(xc_journal_checkpoint(&j, &report) == XC_OK && size_of(LOG) == -1,
          "a checkpoint makes no log");

    before = syncs;
    (void) !put(&j, 2, NULL);
    xt_ok(syncs == before, "sync off: no fdatasync");
    xt_ok(xc_journal_checkpoint(&k, &report) == XC_OK && syncs == before + 1,
          "any process's checkpoint syncs");
    xt_ok(xc_journal_checkpoint(&j, &report) == XC_OK && syncs == before + 1,
          "and nobody does it again");

    (void) !put(&j, 1, NULL);
    fail.log_sync = 1;
    xt_ok(xc_journal_checkpoint(&k, &report) == XC_DENIED
          && put(&j, 1, NULL) == XC_OK
          && slow(like("audit.failed-"), LOG, NULL) == 5,
          "one that fails gives the file up");
    xc_journal_close(&j);
    xc_journal_close(&k);

    fail.fs_type = 0x6969;
    xt_ok(start_as(&j, "n1", true) == XC_EIO
          && strstr(report.text, "NFS") != NULL, "NFS is refused");
}


static void
test_prefix(void)
{
    size_t       i;
    uint8_t      prev[32];
    uint64_t     seq;
    xc_str_t     line;
    char         text[256];

#define ZEROS  "00000000000000000000000000000000"                             \
               "00000000000000000000000000000000"
#define REST   "\"time\":\"2026-11-22T10:20:30.123456Z\",\"node\":\"n1\"," \
               "\"event\":\""

    static const char *const  bad[] = {
        "{\"seq\":01,\"prev\":\"" ZEROS "\"," REST,
        "{\"seq\":-1,\"prev\":\"" ZEROS "\"," REST,
        "{\"seq\":18446744073709551616,\"prev\":\"" ZEROS "\"," REST,
        "{ \"seq\":1,\"prev\":\"" ZEROS "\"," REST,
        "{\"seq\":1,\"prev\":\"" ZEROS "0\"," REST,
        "{\"seq\":1,\"prev\":\"A" ZEROS "\"," REST,
        "{\"prev\":\"" ZEROS "\",\"seq\":1," REST,
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"2026-11-22T10:20:30Z\","
            "\"node\":\"n1\",\"event\":\"",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"2026-13-22T10:20:30."
            "123456Z\",\"node\":\"n1\",\"event\":\"",
        "{\"seq\":1,\"prev\":\"" ZEROS "\",\"time\":\"2026-11-22T10:20:30."
            "123456Z\",\"node\":\"n 1\",\"event\":\"",
        ""
    };

    line = xt_guard(XC_STR("{\"seq\":18446744073709551615,\"prev\":\"a" ZEROS));
    xt_ok(!xc_journal_line_prefix(line, &seq, prev), "cut behind prev");
    xt_unguard(line);

    for (i = 0; i < XC_COUNT(bad); i++) {
        line = xt_guard(xc_str_z(bad[i]));
        xt_ok(!xc_journal_line_prefix(line, &seq, prev), "no prefix %zu", i);
        xt_unguard(line);
    }

    snprintf(text, sizeof(text), "{\"seq\":18446744073709551615,\"prev\":\"%s"
             "\",%s", ZEROS, REST);
    text[36] = 'f';
    line = xt_guard(xc_str_z(text));
    xt_ok(xc_journal_line_prefix(line, &seq, prev) && seq == UINT64_MAX
          && prev[0] == 0xf0, "a prefix");

    for (i = 0; i < line.len; i++) {
        if (xc_journal_line_prefix((xc_str_t) { line.data, i }, &seq, prev)) {
            break;
        }
    }

    xt_ok(i == line.len, "and none that is shorter");
    xt_unguard(line);
}


int
main(void)
{
    xc_heap_t  heap;

    if (bed_init(&heap) != 0) {
        return 2;
    }

    test_prefix();
    test_chain();
    test_limits();
    test_processes();
    test_killed();
    test_torn();
    test_head();
    test_power_loss();
    test_boot();
    test_clock();
    test_truncated();
    test_rotation();
    test_deleted();
    test_stranger();
    test_failed_sync();
    test_head_replaced();
    test_failed_write();
    test_checkpoint();

    sh("rm -rf %s", dir);
    xc_heap_free(&heap);

    return xt_done();
}
