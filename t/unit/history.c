/*
 * A random, honest history of an audit log: what disks, power cuts, operators
 * and killed workers do to it, one after another, and nothing that a tool may
 * call a fault.  `history SEED DIR KEYED` prints what happened ("# ..."), and
 * then the log's files, oldest first.
 */

#define _GNU_SOURCE             /* memmem() */

#pragma GCC diagnostic ignored "-Wunused-function"

#include "journal_bed.h"

#include <dirent.h>

#define FILES   256


static struct {
    ino_t  ino;
    off_t  synced, length;      /* length: when it was last seen */
} files[FILES];

static int           n_files;
static xc_journal_t  journals[2];
static unsigned      state;

/* A file may be given up: what is done to it by hand then nobody tells.  Nor
 * is what a record says that is gone itself. */
static bool          given_up, ruined, told;


static unsigned
any(unsigned n)
{
    state = state * 1103515245 + 12345;

    return (state >> 16) % n;
}


/* What is new by the name of audit.log, and what is known to be synced. */
static void
look(bool synced)
{
    struct stat  st;

    if (stat(in_dir(LOG), &st) != 0) {
        return;
    }

    if (n_files == 0 || files[n_files - 1].ino != st.st_ino) {
        if (n_files == FILES) {
            exit(2);
        }

        files[n_files].synced = 0;
        files[n_files++].ino = st.st_ino;
    }

    files[n_files - 1].length = st.st_size;

    if (synced) {
        files[n_files - 1].synced = st.st_size;
    }
}


static const char *
name_of(ino_t ino)
{
    DIR            *d = opendir(dir);
    struct stat     st;
    struct dirent  *e;
    static char     name[256];

    name[0] = '\0';

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strncmp(e->d_name, "audit.torn", 10) != 0
            && strncmp(e->d_name, "audit.", 6) == 0
            && stat(in_dir(e->d_name), &st) == 0 && st.st_ino == ino)
        {
            strcpy(name, e->d_name);
        }
    }

    closedir(d);

    return name;
}


static void
open_both(void)
{
    journals[0] = start();

    if (start_as(&journals[1], "n1", any(2) == 0) != XC_OK) {
        exit(2);
    }
}


static void
close_both(void)
{
    xc_journal_close(&journals[0]);
    xc_journal_close(&journals[1]);
}


/* A worker that dies before it could say what it wrote, or within that. */
static void
killed(void)
{
    off_t         cut;
    pid_t         pid = fork();
    xc_journal_t  j;

    if (pid == 0) {
        memset(&fail, 0, sizeof(fail));
        fail.die_at_tip = 1;
        j = start();
        (void) !put(&j, 1 + any(3), NULL);
        _exit(0);
    }

    (void) any(3);
    waitpid(pid, NULL, 0);

    if (any(2) == 0 && n_files != 0 && size_of(LOG) > files[n_files - 1].length)
    {
        cut = files[n_files - 1].length + (off_t) any(150);
        sh("truncate -s '<%ld' " LOG, (long) cut);
    }
}


/* Of what was never synced some octets from a point on are gone, or zeros. */
static void
power_cut(void)
{
    off_t        lost, at;
    static bool  other;

    printf("# power cut\n");
    close_both();
    look(false);
    other = !other;
    boot = other ? BOOT_B : BOOT_A;

    if (n_files != 0 && size_of(LOG) > files[n_files - 1].synced) {
        at = files[n_files - 1].synced;
        lost = size_of(LOG) - at;
        at += (off_t) any((unsigned) lost + 1);
        sh("truncate -s %ld " LOG, (long) at);
        printf("# %ld of %ld octets\n", (long) (lost + files[n_files - 1].synced
               - at), (long) lost);
    }

    open_both();
}


static void
forget_last(void)
{
    if (n_files != 0) {
        n_files--;
    }
}


/* Somebody deletes the log, or cuts it off. */
static void
ruin(bool deletes)
{
    if (deletes && size_of(LOG) >= 0) {
        look(false);
        sh("rm -f " LOG);
        forget_last();

    } else if (!deletes && size_of(LOG) > 0) {
        sh("truncate -s %ld " LOG, (long) any((unsigned) size_of(LOG)));
    }
}


static void
happen(bool keyed)
{
    static unsigned  rotated;
    unsigned         what = any(keyed ? 13 : 17);

    look(false);

    /* Whole lines of a failed write can't be told from lines put in. */
    if (given_up && what >= 6 && what <= 8) {
        return;
    }

    if (what >= 14) {
        if (given_up || told) {
            return;
        }

        ruined = true;
    }

    given_up = given_up || (what >= 2 && what <= 4);
    printf("# event %u, log of %ld\n", what, (long) size_of(LOG));

    switch (what) {
    case 0: fail.log_write = 1; fail.err = ENOSPC; break;
    case 1: fail.log_short = fail.truncate == 0; break;
    case 2: fail.log_torn = 1; /* fall through */
    case 3:
        fail.log_write = what == 3;
        fail.err = EIO;
        fail.log_short = 0;
        fail.truncate = 1;
        break;
    case 4: fail.log_sync = 1; break;
    case 5: fail.tip_write = 1; break;
    case 6: case 7: case 8: killed(); break;
    case 9: power_cut(); break;
    case 10:
        if (size_of(LOG) > 0) {
            sh("mv " LOG " " LOG ".%u", ++rotated);
        }
        break;
    case 11: now_us -= 5000000; break;
    case 12: close_both(); open_both(); break;
    case 13:
        if (has(LOG, "}\n")) {         /* else seq 0 begins anew */
            memset(&fail, 0, sizeof(fail));
            close_both();
            sh("rm -f " HEAD);
            open_both();
            look(xc_journal_checkpoint(&journals[0], &report) == XC_OK);
        }
        break;
    default: ruin(what == 14); break;
    }
}


static void
go_on(bool keyed)
{
    unsigned       i, n;
    xc_rc_t        rc;
    xc_journal_t  *j;

    for (n = 0; n < 6 + any(10); n++) {
        j = &journals[any(2)];

        for (i = any(4); i != 0; i--) {
            happen(keyed);

            if (any(3) == 0) {
                look(xc_journal_checkpoint(j, &report) == XC_OK);
            }
        }

        if (any(3) != 0) {
            memset(&fail, 0, sizeof(fail));
        }

        forget(0);
        rc = put(j, 1 + any(6), NULL);
        look(rc == XC_OK && j->conf.sync);

        if (rc == XC_OK) {
            given_up = false;
            told = ruined;
        }

        if (any(4) == 0) {
            rc = xc_journal_checkpoint(j, &report);
            look(rc == XC_OK);
        }
    }

    memset(&fail, 0, sizeof(fail));
    forget(0);
    rc = put(&journals[0], 3, NULL);
    look(true);
    rc = rc == XC_OK ? xc_journal_checkpoint(&journals[0], &report) : rc;
    printf("# the end: %d %s\n", (int) rc, report.text);
}


int
main(int argc, char **argv)
{
    int        i;
    bool       keyed = argc == 4 && argv[3][0] == '1';
    xc_heap_t  heap;

    if (argc != 4 || bed_init(&heap) != 0) {
        return 2;
    }

    setvbuf(stdout, NULL, _IONBF, 0);
    state = (unsigned) strtoul(argv[1], NULL, 10);
    snprintf(dir, sizeof(dir), "%s", argv[2]);
    key = keyed ? signing_key : NULL;
    boot = BOOT_A;

    open_both();
    go_on(keyed);
    close_both();

    for (i = 0; i < n_files; i++) {
        if (name_of(files[i].ino)[0] != '\0') {
            printf("%s\n", name_of(files[i].ino));
        }
    }

    xc_heap_free(&heap);

    return 0;
}
