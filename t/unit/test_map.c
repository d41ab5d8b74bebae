/* The shared map: making and keeping, the window, nonces, agencies. */

#include "xt.h"
#include "xc_crypto.h"
#include "xc_nonce.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW     1000000000
#define TODAY   11574               /* xc_rate_day(NOW) */


static char  dir[] = "/tmp/xc_test_map.XXXXXX";
static char  path[64];

static const char  boot_a[] = "01234567-89ab-cdef-0123-456789abcdef";
static const char  boot_b[] = "11234567-89ab-cdef-0123-456789abcdef";


static xc_map_conf_t
conf(void)
{
    return (xc_map_conf_t) {
        .path = path, .replay = 1000, .boot_id = boot_a, .now_s = NOW,
        .log_exists = true, .create = true,
        .uid = (uid_t) -1, .gid = (gid_t) -1,
    };
}


static xc_rc_t
open_map(xc_map_t *map, xc_map_conf_t c, xc_map_origin_t *origin)
{
    const char  *error = "untouched";
    xc_rc_t      rc;

    rc = xc_map_open(map, &c, origin, &error);
    if (rc != XC_OK && strcmp(error, "untouched") == 0) {
        printf("# an error without words\n");
        return XC_EINTERNAL;
    }

    return rc;
}


static void
fresh(xc_map_t *map)
{
    xc_map_origin_t  origin;

    (void) unlink(path);

    if (open_map(map, conf(), &origin) != XC_OK) {
        printf("Bail out! no map: %s\n", strerror(errno));
        exit(2);
    }
}


static void
key_of(const xc_map_t *map, unsigned n, uint8_t key[XC_NONCE_KEY_SIZE])
{
    char  nonce[16];
    int   len = snprintf(nonce, sizeof(nonce), "n%u", n);

    if (xc_nonce_key(map, XC_STR("310115-2026a"),
                     (xc_str_t) { nonce, (size_t) len }, key) != XC_OK)
    {
        abort();
    }
}


/* Flips one bit of the file. */
static void
poke(off_t at)
{
    char  c;
    int   fd = open(path, O_RDWR);

    if (fd == -1 || pread(fd, &c, 1, at) != 1) {
        abort();
    }

    c ^= 4;
    if (pwrite(fd, &c, 1, at) != 1) {
        abort();
    }

    (void) close(fd);
}


/* Opens after something was done to the file; it must be a new map. */
static void
reborn(const char *name, xc_map_conf_t c, bool burned)
{
    xc_map_t         map;
    uint8_t          key[XC_NONCE_KEY_SIZE];
    xc_map_origin_t  origin = XC_MAP_KEPT;

    c.now_s = NOW + 77;

    if (!xt_ok(open_map(&map, c, &origin) == XC_OK && origin == XC_MAP_BORN,
               "%s: born anew", name))
    {
        return;
    }

    xt_ok(xc_map_birth_s(&map) == NOW + 77, "%s: with a birth", name);

    if (burned) {
        key_of(&map, 1, key);
        xt_ok(xc_nonce_seen(&map, key, NOW) == XC_OK, "%s: and empty", name);
    }

    xc_map_close(&map);
}


static void
test_origin(void)
{
    xc_map_t         map, second;
    xc_map_conf_t    c;
    struct stat      st;
    uint8_t          key[XC_NONCE_KEY_SIZE], again[XC_NONCE_KEY_SIZE];
    xc_map_origin_t  origin = XC_MAP_KEPT;

    c = conf();
    c.create = false;
    xt_ok(open_map(&map, c, &origin) == XC_EIO && errno == ENOENT
          && access(path, F_OK) == -1, "absent and not to be made");

    c = conf();
    c.log_exists = false;
    xt_ok(open_map(&map, c, &origin) == XC_OK && origin == XC_MAP_FIRST
          && xc_map_birth_s(&map) == INT64_MIN, "first: no birth rule");
    xt_ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600
          && (size_t) st.st_size == map.size
          && (uint64_t) st.st_blocks * 512 >= map.size,
          "0600, and every block is allocated");

    key_of(&map, 1, key);
    xt_ok(xc_nonce_burn(&map, key, NOW + 330, NOW) == XC_OK, "a nonce burned");

    c = conf();
    c.create = false;
    xt_ok(open_map(&second, c, &origin) == XC_OK && origin == XC_MAP_KEPT,
          "a worker opens what stands");
    key_of(&second, 1, again);
    xt_ok(memcmp(key, again, sizeof(key)) == 0
          && xc_nonce_seen(&second, again, NOW) == XC_DENIED,
          "and sees the nonce");
    xc_map_close(&second);

    c = conf();
    c.replay = 2000;
    xt_ok(open_map(&second, c, &origin) == XC_ELIMIT,
          "another replay while in use");
    poke(100);
    xt_ok(open_map(&second, conf(), &origin) == XC_EIO && errno == EBUSY,
          "damage while in use makes no second store");
    xc_map_close(&map);

    reborn("a damaged header", conf(), true);

    xt_ok(open_map(&map, conf(), &origin) == XC_OK && origin == XC_MAP_KEPT
          && xc_map_birth_s(&map) == NOW + 77, "kept, with its birth");
    key_of(&map, 1, key);
    xt_ok(xc_nonce_burn(&map, key, NOW + 330, NOW) == XC_OK, "burned again");
    xc_map_close(&map);

    xt_ok(open_map(&map, conf(), &origin) == XC_OK
          && xc_nonce_seen(&map, key, NOW) == XC_DENIED,
          "a nonce outlives every process");
    xc_map_close(&map);

    c = conf();
    c.boot_id = boot_b;
    reborn("another boot", c, true);
    c.replay = 2000;
    reborn("another replay", c, false);
    reborn("back to the first boot and replay", conf(), false);

    if (truncate(path, 100) != 0) {
        abort();
    }
    reborn("a truncated file", conf(), false);

    if (truncate(path, 0) != 0) {
        abort();
    }
    c = conf();
    c.create = false;
    xt_ok(open_map(&map, c, &origin) == XC_EIO && stat(path, &st) == 0
          && st.st_size == 0, "an empty file is not a worker's to fill");
    reborn("an empty file", conf(), false);

    c = conf();
    c.replay = XC_MAP_REPLAY_MIN - 1;
    xt_ok(open_map(&map, c, &origin) == XC_EIO && errno == EINVAL,
          "too small a replay");
}


static void
test_links(void)
{
    char             link[80];
    xc_map_t         map;
    xc_map_conf_t    c = conf();
    xc_map_origin_t  origin;

    snprintf(link, sizeof(link), "%s/link", dir);
    if (symlink(path, link) != 0) {
        abort();
    }

    c.path = link;
    xt_ok(open_map(&map, c, &origin) == XC_EIO && errno == ELOOP,
          "a symbolic link is not followed");
    (void) unlink(link);
}


static void
test_clock(void)
{
    xc_map_t  map;

    fresh(&map);
    xt_ok(xc_map_clock_s(&map, NOW - 5) == NOW, "not before the map's making");
    xt_ok(xc_map_clock_s(&map, NOW + 9) == NOW + 9, "forwards");
    xt_ok(xc_map_clock_s(&map, NOW + 3) == NOW + 9, "never back");
    xt_ok(xc_map_next_generation(&map) == 1
          && xc_map_next_generation(&map) == 2, "generations grow");
    xc_map_close(&map);
}


static void
test_keys(void)
{
    char      big[4096];
    xc_map_t  map, other;
    uint8_t   a[XC_NONCE_KEY_SIZE], b[XC_NONCE_KEY_SIZE];
    int       bad = 0;

    fresh(&map);
    memset(big, 'a', sizeof(big));

    bad += xc_nonce_key(&map, XC_STR("ab"), XC_STR("c"), a) != XC_OK;
    bad += xc_nonce_key(&map, XC_STR("a"), XC_STR("bc"), b) != XC_OK;
    xt_ok(bad == 0 && memcmp(a, b, sizeof(a)) != 0,
          "where the key id ends matters");
    xt_ok(xc_nonce_key(&map, XC_STR("a"), (xc_str_t) { big, 4096 - 34 }, b)
          == XC_OK, "the longest nonce");
    xt_ok(xc_nonce_key(&map, XC_STR("a"), (xc_str_t) { big, 4096 - 33 }, b)
          == XC_EINTERNAL, "and one octet more");

    (void) unlink(path);
    fresh(&other);
    xt_ok(xc_nonce_key(&other, XC_STR("ab"), XC_STR("c"), b) == XC_OK
          && memcmp(a, b, sizeof(a)) != 0, "every map has its own secret");
    xc_map_close(&other);
    xc_map_close(&map);
}


static void
test_nonces(void)
{
    unsigned  i, n, bad;
    xc_map_t  map;
    uint8_t   key[XC_NONCE_KEY_SIZE];

    fresh(&map);
    key_of(&map, 0, key);

    xt_ok(xc_nonce_burn(&map, key, NOW - 1, NOW) == XC_EINPUT
          && xc_nonce_seen(&map, key, NOW) == XC_OK, "past its time: not kept");
    xt_ok(xc_nonce_burn(&map, key, NOW + 10, NOW) == XC_OK, "once");
    xt_ok(xc_nonce_burn(&map, key, NOW + 10, NOW) == XC_DENIED, "not twice");
    xt_ok(xc_nonce_seen(&map, key, NOW + 10) == XC_DENIED,
          "held through the last second");
    xt_ok(xc_nonce_seen(&map, key, NOW + 11) == XC_OK, "and not longer");
    xt_ok(xc_nonce_burn(&map, key, NOW + 30, NOW + 11) == XC_OK
          && xc_map_nonces_used(&map, NOW + 11) == 1, "its slot is used again");

    for (n = 1; n < 4000; n++) {
        key_of(&map, n, key);
        if (xc_nonce_burn(&map, key, NOW + 100, NOW + 11) != XC_OK) {
            break;
        }
    }

    xt_ok(n > 1000 && n < 4000
          && xc_nonce_burn(&map, key, NOW + 100, NOW + 11) == XC_ELIMIT,
          "full after %u, not before the promised 1000", n);

    bad = 0;
    for (i = 0; i < n; i++) {
        key_of(&map, i, key);
        bad += xc_nonce_seen(&map, key, NOW + 11) != XC_DENIED;
    }
    xt_ok(bad == 0, "nothing that has not expired was evicted");

    key_of(&map, n, key);
    xt_ok(xc_nonce_burn(&map, key, NOW + 200, NOW + 101) == XC_OK
          && xc_map_nonces_used(&map, NOW + 101) == 1,
          "room again when they have expired");
    xc_map_close(&map);
}


#define RACERS  6
#define RACES   700


static void
race(unsigned salt, int out)
{
    unsigned          i, n;
    char              won[RACES];
    xc_map_t          map;
    uint8_t           key[XC_NONCE_KEY_SIZE];
    xc_map_conf_t     c = conf();
    xc_map_origin_t   origin;

    c.create = false;
    if (open_map(&map, c, &origin) != XC_OK) {
        _exit(3);
    }

    memset(won, 0, sizeof(won));
    for (i = 0; i < RACES; i++) {
        n = (i * 101 + salt * 7) % RACES;
        key_of(&map, n, key);
        won[n] = xc_nonce_burn(&map, key, NOW + 330, NOW) == XC_OK;
    }

    if (write(out, won, sizeof(won)) != (ssize_t) sizeof(won)) {
        _exit(4);
    }
    _exit(0);
}


static int
reap(pid_t pid)
{
    int  status;

    return waitpid(pid, &status, 0) == pid ? status : -1;
}


static void
test_race(void)
{
    int        fds[2], bad;
    char       won[RACES];
    unsigned   i, k, wins[RACES] = { 0 };
    pid_t      pids[RACERS];
    xc_map_t   map;

    fresh(&map);
    if (pipe(fds) != 0) {
        abort();
    }

    for (k = 0; k < RACERS; k++) {
        pids[k] = fork();
        if (pids[k] == 0) {
            race(k, fds[1]);
        }
    }

    bad = 0;
    (void) close(fds[1]);
    for (k = 0; k < RACERS; k++) {
        bad += read(fds[0], won, sizeof(won)) != (ssize_t) sizeof(won);
        for (i = 0; i < RACES; i++) {
            wins[i] += won[i] != 0;
        }
    }
    for (k = 0; k < RACERS; k++) {
        bad += reap(pids[k]) != 0;
    }
    xt_ok(bad == 0, "%d processes of their own", RACERS);

    for (i = 0; i < RACES; i++) {
        bad += wins[i] != 1;
    }
    xt_ok(bad == 0, "each of %d nonces burned by exactly one", RACES);
    xc_map_close(&map);
    (void) close(fds[0]);
}


/* Holders of every lock of the map are killed; whoever comes next goes on. */
static void
test_robust(void)
{
    int              bad;
    pid_t            pid;
    unsigned         i;
    uint8_t          key[XC_NONCE_KEY_SIZE];
    xc_map_t         map;
    xc_map_origin_t  origin;

    fresh(&map);
    (void) fflush(stdout);

    pid = fork();
    if (pid == 0) {
        bad = 0;
        for (i = 0; i < XC_MAP_STRIPES; i++) {
            bad += !xc_map_mutex_lock(&map.stripes[i]);
        }
        if (bad == 0) {
            (void) raise(SIGKILL);
        }
        _exit(1);
    }

    xt_ok(WIFSIGNALED(reap(pid)), "a process dies with all stripes locked");

    bad = 0;
    for (i = 0; i < 300; i++) {
        key_of(&map, i, key);
        bad += xc_nonce_burn(&map, key, NOW + 9, NOW) != XC_OK;
        bad += xc_nonce_burn(&map, key, NOW + 9, NOW) != XC_DENIED;
    }
    xt_ok(bad == 0, "nonces burn on, each once");

    /* The other time: nobody is left, the next open finds the dead locks. */
    pid = fork();
    if (pid == 0) {
        (void) !xc_map_mutex_lock(&map.stripes[0]);
        (void) raise(SIGKILL);
    }
    (void) reap(pid);
    xc_map_close(&map);

    xt_ok(open_map(&map, conf(), &origin) == XC_OK && origin == XC_MAP_KEPT
          && xc_map_mutex_lock(&map.stripes[0]), "also after all have gone");
    xc_map_mutex_unlock(&map.stripes[0]);
    xc_map_close(&map);
}


/* Another master's load, by a mapping of its own. */
static void
raise_elsewhere(int64_t window_s, int64_t now_s)
{
    pid_t             pid;
    xc_map_t          map;
    xc_map_conf_t     c = conf();
    xc_map_origin_t   origin;

    pid = fork();
    if (pid == 0) {
        c.create = false;
        _exit(open_map(&map, c, &origin) == XC_OK
              && xc_map_window_raise(&map, window_s, now_s) ? 0 : 1);
    }

    xt_ok(reap(pid) == 0, "another process raises it to %lld",
          (long long) window_s);
}


static void
test_window(void)
{
    xc_map_t         map;
    xc_map_origin_t  origin;

    fresh(&map);
    xt_ok(xc_map_window_kept_s(&map, NOW) == NOW
          && xc_map_window_last_s(&map, NOW) == INT64_MAX,
          "a new map has no window");
    xt_ok(!xc_map_window_raise(&map, 0, NOW)
          && !xc_map_window_raise(&map, XC_MAP_WINDOW_MAX + 1, NOW)
          && xc_map_window_kept_s(&map, NOW) == NOW, "none, or over 65535");

    xt_ok(xc_map_window_raise(&map, 330, NOW)
          && xc_map_window_raise(&map, 20, NOW + 1)
          && xc_map_window_kept_s(&map, NOW) == NOW + 330,
          "it never shrinks");
    xt_ok(xc_map_window_last_s(&map, NOW - 9) == INT64_MAX,
          "nothing was burned before the first");

    raise_elsewhere(600, NOW + 100);
    xt_ok(xc_map_window_kept_s(&map, NOW) == NOW + 600, "seen here");
    xt_ok(xc_map_window_last_s(&map, NOW - 200) == NOW + 130
          && xc_map_window_last_s(&map, NOW + 430) == NOW + 760,
          "what is created by then keeps the old one");
    xt_ok(xc_map_window_last_s(&map, NOW + 431) == INT64_MAX,
          "but what is created later");

    xc_map_close(&map);
    xt_ok(open_map(&map, conf(), &origin) == XC_OK && origin == XC_MAP_KEPT
          && xc_map_window_kept_s(&map, NOW) == NOW + 600
          && xc_map_window_last_s(&map, NOW) == NOW + 330,
          "a restart changes nothing");

    raise_elsewhere(3900, NOW + 1030);
    xt_ok(xc_map_window_last_s(&map, NOW + 1630) == NOW + 1630 + 330
          && xc_map_window_last_s(&map, NOW + 1631) == INT64_MAX,
          "again while the oldest may still come: its window");
    xc_map_close(&map);

    fresh(&map);
    xt_ok(xc_map_window_raise(&map, 330, NOW)
          && xc_map_window_raise(&map, 600, NOW + 100)
          && xc_map_window_raise(&map, 3900, NOW + 1031)
          && xc_map_window_last_s(&map, NOW + 1031) == NOW + 1631,
          "again when it can't: the last one");
    xc_map_close(&map);
}


/* As a master leaves it that dies within a change. */
static void
test_window_half(void)
{
    xc_map_t  map;

    fresh(&map);
    xt_ok(xc_map_window_raise(&map, 330, NOW), "a window");
    atomic_store(&map.window->before,
                 (uint64_t) (INT64_MAX >> 16) << 16 | 330);

    xt_ok(xc_map_window_last_s(&map, NOW + 999999) == NOW + 999999 + 330,
          "half a change: all keep the old window");
    xt_ok(xc_map_window_raise(&map, 330, NOW + 50)
          && xc_map_window_last_s(&map, NOW + 380) == NOW + 710
          && xc_map_window_last_s(&map, NOW + 381) == INT64_MAX,
          "the next load ends it");
    xc_map_close(&map);
}


/* The lock is shared by forks and lives as long as one of them. */
static void
test_holder(void)
{
    int              fds[2];
    char             c;
    pid_t            pid;
    xc_map_t         map;
    xc_map_conf_t    other = conf();
    xc_map_origin_t  origin;

    other.replay = 3000;
    fresh(&map);
    if (pipe(fds) != 0) {
        abort();
    }

    pid = fork();
    if (pid == 0) {
        (void) close(fds[1]);
        _exit(read(fds[0], &c, 1) != 0);
    }

    xc_map_close(&map);
    xt_ok(open_map(&map, other, &origin) == XC_ELIMIT,
          "a forked worker still holds it");

    (void) close(fds[1]);
    xt_ok(reap(pid) == 0 && open_map(&map, other, &origin) == XC_OK
          && origin == XC_MAP_BORN && map.replay == 3000,
          "and lets go when it ends");
    xc_map_close(&map);
    (void) close(fds[0]);
}


static xc_map_agency_t *
agency_of(xc_map_t *map, unsigned n, uint64_t generation, int64_t now_us)
{
    char  id[16];
    int   len = snprintf(id, sizeof(id), "a%u", n);

    return xc_map_agency(map, (xc_str_t) { id, (size_t) len }, generation,
                         now_us, TODAY);
}


static void
test_agencies(void)
{
    int               bad;
    char              longest[65];
    unsigned          i;
    xc_map_t          map;
    xc_map_agency_t  *a, *b, *c;

    fresh(&map);
    memset(longest, 'x', sizeof(longest));

    xt_ok(xc_map_agency(&map, XC_STR(""), 1, 0, TODAY) == NULL
          && xc_map_agency(&map, (xc_str_t) { longest, 65 }, 1, 0, TODAY)
             == NULL,
          "ids that are none");
    xt_ok(xc_map_agency_find(&map, XC_STR("a0")) == NULL, "absent");

    bad = 0;
    for (i = 0; i < XC_MAP_AGENCIES; i++) {
        bad += agency_of(&map, i, 1, 0) == NULL;
    }
    xt_ok(bad == 0, "%d places", XC_MAP_AGENCIES);
    xt_ok(agency_of(&map, i, 1, 0) == NULL, "the next has none");

    a = agency_of(&map, 5, 2, 0);
    xt_ok(a != NULL && a == xc_map_agency_find(&map, XC_STR("a5"))
          && atomic_load(&a->generation) == 2, "the same place every time");
    xt_ok(agency_of(&map, 5, 1, 0) == a && atomic_load(&a->generation) == 2,
          "an older load does not age it");
    xt_ok(agency_of(&map, i, 2, 0) == NULL,
          "those of the last load are not taken");

    /* Of all the others, one may go: the rest is busy. */
    for (i = 0; i < XC_MAP_AGENCIES; i++) {
        atomic_store(&map.agencies[i].tat_us, 500);
        atomic_store(&map.agencies[i].admitted, 3);
    }
    b = xc_map_agency_find(&map, XC_STR("a77"));
    atomic_store(&a->tat_us, 0);
    atomic_store(&b->tat_us, 100);

    /* nor is a quota forgiven before its day is over */
    c = xc_map_agency_find(&map, XC_STR("a78"));
    atomic_store(&c->tat_us, 0);
    atomic_store(&c->day, ((uint64_t) TODAY << XC_MAP_DAY_SHIFT) + 1);
    atomic_store(&b->day, ((uint64_t) TODAY << XC_MAP_DAY_SHIFT) - 1);

    xt_ok(agency_of(&map, 90000, 3, 99) == NULL, "nor those not at rest");
    xt_ok(agency_of(&map, 90000, 3, 100) == b
          && xc_map_agency_find(&map, XC_STR("a77")) == NULL
          && xc_map_agency_find(&map, XC_STR("a90000")) == b
          && atomic_load(&b->admitted) == 0 && atomic_load(&b->tat_us) == 0
          && atomic_load(&b->day) == 0,
          "an idle one of an older load is, and begins anew");
    xt_ok(agency_of(&map, 90001, 3, 100) == NULL
          && c == xc_map_agency_find(&map, XC_STR("a78")),
          "not one with a day's use");
    xt_ok(xc_map_agency(&map, XC_STR("a90001"), 3, 100, TODAY + 1) == c,
          "which is free on the next");
    xt_ok(a == xc_map_agency_find(&map, XC_STR("a5")),
          "and nobody else moved");

    b = xc_map_agency(&map, (xc_str_t) { longest, 64 }, 4, 1000, TODAY);
    xt_ok(b != NULL
          && b == xc_map_agency_find(&map, (xc_str_t) { longest, 64 })
          && xc_map_agency_find(&map, (xc_str_t) { longest, 63 }) == NULL,
          "an id of 64 octets");
    xc_map_close(&map);
}


int
main(void)
{
    if (mkdtemp(dir) == NULL || xc_crypto_init() != XC_OK) {
        printf("Bail out! no directory\n");
        return 2;
    }

    snprintf(path, sizeof(path), "%s/xc.map", dir);

    test_origin();
    test_links();
    test_clock();
    test_keys();
    test_nonces();
    test_race();
    test_window();
    test_window_half();
    test_robust();
    test_holder();
    test_agencies();

    (void) unlink(path);
    (void) rmdir(dir);

    return xt_done();
}
