/*
 * What processes and their threads share, all at once and for a while
 * (XC_STRESS_S seconds, default 1): whatever their order, each nonce is burned
 * once, no admission beyond the rate is given, no number twice, nothing that
 * stands falls.  Under ThreadSanitizer: ./xc tsan.
 */

#include "xt.h"
#include "xc_crypto.h"
#include "xc_nonce.h"
#include "xc_rate.h"
#include "xc_revoke.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOW         1000000000
#define PROCESSES   4
#define THREADS     3
#define NONCES      20000
#define AGENCIES    8
#define BURST       500
#define STANDING    64
#define BUDGET      300


/* Shared by all. */
typedef struct {
    _Atomic unsigned          wins[NONCES];
    _Atomic unsigned          taken[AGENCIES];
    _Atomic(uint64_t)         place[AGENCIES];  /* 1 + its index */
    _Atomic uint64_t          generations, generations_sum;
    _Atomic uint64_t          counted, budget, fell, moved, late;
    _Atomic int64_t           window;
} tally_t;

static char      path[] = "/tmp/xc_test_stress.XXXXXX";
static char      boot[] = "01234567-89ab-cdef-0123-456789abcdef";
static tally_t  *tally;
static xc_map_t  map;               /* of each process its own */
static time_t    until;


static xc_rc_t
open_map(bool create)
{
    xc_map_conf_t    conf = {
        .path = path, .replay = NONCES, .boot_id = boot, .now_s = NOW,
        .log_exists = false, .create = create, .uid = (uid_t) -1,
        .gid = (gid_t) -1
    };
    const char      *error;
    xc_map_origin_t  origin;

    return xc_map_open(&map, &conf, &origin, &error);
}


static void
burn(unsigned n)
{
    int      len;
    char     nonce[16];
    uint8_t  key[XC_NONCE_KEY_SIZE];

    len = snprintf(nonce, sizeof(nonce), "n%u", n);

    if (xc_nonce_key(&map, XC_STR("k"), (xc_str_t) { nonce, (size_t) len },
                     key) != XC_OK)
    {
        abort();
    }

    if (xc_nonce_burn(&map, key, NOW + 330, NOW) == XC_OK) {
        tally->wins[n]++;
    }

    if (xc_nonce_seen(&map, key, NOW) == XC_OK) {
        tally->fell++;
    }
}


static void
take(unsigned n)
{
    int               len;
    char              id[16];
    int64_t           retry;
    uint64_t          at, none = 0;
    xc_rate_t         rate = { .interval_us = 1000000, .burst = BURST,
                               .refusals_interval_us = 1000000,
                               .refusals_burst = BURST };
    xc_limit_t        limit;
    xc_map_agency_t  *agency;

    len = snprintf(id, sizeof(id), "agency-%u", n);
    agency = xc_map_agency(&map, (xc_str_t) { id, (size_t) len }, 1,
                           (int64_t) NOW * 1000000, xc_rate_day(NOW));
    if (agency == NULL) {
        abort();
    }

    at = 1 + (uint64_t) (agency - map.agencies);

    if (!atomic_compare_exchange_strong(&tally->place[n], &none, at)
        && none != at)
    {
        tally->moved++;
    }

    if (xc_rate_take(agency, &rate, (int64_t) NOW * 1000000, NOW, &limit,
                     &retry)
        == XC_OK)
    {
        tally->taken[n]++;
    }
}


static void
standing(unsigned n)
{
    uint8_t   identity[XC_CREDENTIAL_IDENTITY] = { 1, (uint8_t) n };
    uint64_t  generation;

    generation = xc_map_next_generation(&map);
    tally->generations++;
    tally->generations_sum += generation;

    /* Listed and published once, and never listed by another load. */
    if (!xc_revoke_stands(&map, identity, 1)) {
        tally->fell++;
    }
}


static void
window(unsigned n)
{
    int64_t  wanted = 300 + n % 40, seen;

    if (!xc_map_window_raise(&map, wanted, NOW)) {
        return;
    }

    for (seen = tally->window; seen < wanted; /* void */ ) {
        if (atomic_compare_exchange_weak(&tally->window, &seen, wanted)) {
            break;
        }
    }

    if (xc_map_window_kept_s(&map, NOW + 1) < NOW + 1 + wanted) {
        tally->late++;
    }
}


static void *
work(void *salt)
{
    unsigned  n = *(unsigned *) salt;

    do {
        n = n * 1103515245 + 12345;
        burn(n / 7 % NONCES);
        take(n / 11 % AGENCIES);
        window(n / 13);
        standing(n / 17 % STANDING);
        xc_map_count(&map, 3);
        tally->counted++;
        tally->budget += xc_map_budget(&map, NOW, BUDGET);
    } while (time(NULL) < until);

    return NULL;
}


static void
process(unsigned salt)
{
    unsigned   i, salts[THREADS];
    pthread_t  threads[THREADS];

    if (open_map(false) != XC_OK) {
        _exit(3);
    }

    for (i = 0; i < THREADS; i++) {
        salts[i] = salt * THREADS + i;

        if (pthread_create(&threads[i], NULL, work, &salts[i]) != 0) {
            _exit(4);
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    xc_map_close(&map);
    exit(0);
}


static void
prepare(void)
{
    int       fd;
    unsigned  i;

    if (xc_crypto_init() != XC_OK || (fd = mkstemp(path)) == -1) {
        abort();
    }

    (void) close(fd);
    (void) unlink(path);

    tally = mmap(NULL, sizeof(tally_t), PROT_READ|PROT_WRITE,
                 MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (tally == MAP_FAILED || open_map(true) != XC_OK) {
        abort();
    }

    for (i = 0; i < STANDING; i++) {
        uint8_t  identity[XC_CREDENTIAL_IDENTITY] = { 1, (uint8_t) i };

        if (!xc_revoke_list(&map, identity, 1)) {
            abort();
        }
    }

    xc_revoke_publish(&map, 1);
}


static void
check(void)
{
    unsigned  i, twice = 0, beyond = 0;
    uint64_t  n = tally->generations;

    for (i = 0; i < NONCES; i++) {
        twice += tally->wins[i] > 1;
    }

    for (i = 0; i < AGENCIES; i++) {
        beyond += tally->taken[i] > BURST + 1;
    }

    xt_ok(twice == 0, "no nonce is burned twice");
    xt_ok(tally->fell == 0, "what is burned or stands stays so");
    xt_ok(beyond == 0, "no admission beyond a rate's burst");
    xt_ok(tally->moved == 0, "an agency has one place");
    xt_ok(tally->budget <= BUDGET, "the node's budget is one");
    xt_ok(tally->generations_sum == n * (n + 1) / 2,
          "each load's number is its own");
    xt_ok(map.counters[3] == tally->counted, "nothing counted is lost");
    xt_ok(tally->late == 0 && map.window->seconds == tally->window,
          "the window is the widest asked for");
    printf("# %llu rounds\n", (unsigned long long) tally->counted);
}


int
main(void)
{
    int          bad = 0, status;
    unsigned     i;
    const char  *seconds = getenv("XC_STRESS_S");

    prepare();
    until = time(NULL) + (seconds == NULL ? 1 : atoi(seconds));

    /* what is buffered would be printed by each child */
    (void) fflush(stdout);

    for (i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            process(i + 1);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        bad += wait(&status) == -1 || status != 0;
    }

    xt_ok(bad == 0, "%d processes of %d threads each end well", PROCESSES,
          THREADS);
    check();
    xc_map_close(&map);
    (void) unlink(path);

    return xt_done();
}
