/* Which credentials stand: listing, publishing, reuse, overflow, two masters,
 * one that is killed; and what makes a credential or an
 * agency another one. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"
#include "xc_revoke.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW     1000000000


static char      dir[] = "/tmp/xc_test_revoke.XXXXXX";
static char      path[64];
static xc_map_t  map;


static void
open_map(void)
{
    const char       *error = "";
    xc_map_conf_t     conf = { .path = path, .replay = 1000, .now_s = NOW,
                               .boot_id =
                               "01234567-89ab-cdef-0123-456789abcdef",
                               .create = true, .uid = (uid_t) -1,
                               .gid = (gid_t) -1 };
    xc_map_origin_t   origin;

    (void) unlink(path);

    if (xc_map_open(&map, &conf, &origin, &error) != XC_OK) {
        printf("Bail out! %s\n", error);
        exit(1);
    }
}


/* Spread over the table as hashes are. */
static const uint8_t *
identity(uint64_t n)
{
    static uint8_t  id[XC_SHA256_SIZE];

    if (xc_hash(XC_HASH_SHA256, &n, sizeof(n), id) != XC_OK) {
        exit(1);
    }

    return id;
}


static bool
list(uint64_t n, uint64_t generation)
{
    return xc_revoke_list(&map, identity(n), generation);
}


static bool
stands(uint64_t n, uint64_t generation)
{
    return xc_revoke_stands(&map, identity(n), generation);
}


static void
test_life(void)
{
    uint64_t  first, second, third;

    open_map();
    first = xc_map_next_generation(&map);

    xt_ok(stands(1, first), "nothing is published: all stand");
    xt_ok(list(1, first) && list(2, first), "two are listed");
    xc_revoke_publish(&map, first);
    xt_ok(stands(1, first) && stands(3, first),
          "a worker of the latest load does not look");

    second = xc_map_next_generation(&map);
    xt_ok(list(2, second) && list(3, second), "the next load drops the first");
    xt_ok(stands(1, first) && stands(2, first),
          "which stands until that is published");

    xc_revoke_publish(&map, second);
    xt_ok(!stands(1, first), "then it has been withdrawn");
    xt_ok(stands(2, first), "what stays, stands");
    xt_ok(stands(3, first), "what is new stands for older workers too");
    xt_ok(stands(1, second), "newer workers have no such credential to ask");

    xc_revoke_publish(&map, first);
    xt_ok(!stands(1, first), "an earlier load does not come back by itself");

    third = xc_map_next_generation(&map);
    xt_ok(list(1, third), "the way back lists it again");
    xc_revoke_publish(&map, third);
    xt_ok(stands(1, first) && stands(1, second), "and it stands");
    xt_ok(!stands(2, first) && !stands(2, second) && !stands(3, second),
          "what it does not list is withdrawn, though listed before");
    xc_map_close(&map);
}


/* Two loads of 100,000 with no credential in common, then a third. */
static void
test_turnover(void)
{
    bool      ok = true;
    uint64_t  i, g, load;

    open_map();

    for (load = 1; load <= 3; load++) {
        g = xc_map_next_generation(&map);

        for (i = 0; i < 100000; i++) {
            ok &= list(load << 32 | i, g);
        }

        xc_revoke_publish(&map, g);
        xt_ok(ok, "load %d: 100000 new credentials are listed", (int) load);
    }

    for (i = 0; i < 100000; i++) {
        ok &= stands((uint64_t) 3 << 32 | i, 1)
              && !stands((uint64_t) 2 << 32 | i, 1)
              && !stands((uint64_t) 1 << 32 | i, 1);
    }

    xt_ok(ok, "of three loads the last one's stand");
    xc_map_close(&map);
}


static void
test_overflow(void)
{
    uint64_t  i, g, listed = 0;

    open_map();
    g = xc_map_next_generation(&map);

    for (i = 0; i < XC_MAP_STANDING; i++) {
        listed += list(i, g);
    }

    xt_ok(listed == XC_MAP_STANDING, "the table takes %d", XC_MAP_STANDING);
    xc_revoke_publish(&map, g);

    xt_ok(!list(XC_MAP_STANDING, g + 1), "and no more of loads in effect");
    xt_ok(list(7, g + 1), "but the same ones again");
    xc_revoke_publish(&map, g + 1);
    xt_ok(!stands(XC_MAP_STANDING, g),
          "what found no place is refused by older workers");
    xt_ok(stands(7, g) && !stands(8, g), "the rest as ever");
    xt_ok(list(XC_MAP_STANDING, g + 2), "there is room once a load has gone");
    xc_map_close(&map);
}


/* A master lists and lists; it is killed; a reader must never see anything but
 * what was published. */
static void
test_killed(void)
{
    int       round, status;
    bool      ok = true, killed = true;
    pid_t     pid;
    uint64_t  i, g;

    open_map();
    g = xc_map_next_generation(&map);
    ok &= list(1, g) && list(2, g);
    xc_revoke_publish(&map, g);

    g = xc_map_next_generation(&map);
    ok &= list(1, g);
    xc_revoke_publish(&map, g);

    for (round = 0; round < 20; round++) {
        pid = fork();

        if (pid == 0) {
            for (i = 10; ; i++) {
                (void) !list(i, g + 1 + i / XC_MAP_STANDING);
            }
        }

        for (i = 0; i < 2000; i++) {
            ok &= stands(1, 1) && !stands(2, 1);
        }

        killed &= pid > 0 && kill(pid, SIGKILL) == 0
                  && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
    }

    xt_ok(killed && ok, "while masters die amid their lists, readers see the "
          "published one");
    xt_ok(list(3, g + 1), "the next master lists on");
    xc_revoke_publish(&map, g + 1);
    xt_ok(stands(3, 1) && !stands(1, 1), "and publishes");
    xc_map_close(&map);
}


/* The content of "the.key", wherever a policy names it. */
static xc_str_t  file_text;

static xc_rc_t
read_file(void *ctx, xc_arena_t *arena, xc_str_t name, bool secret,
    xc_str_t *content, const char **error)
{
    (void) ctx;
    (void) arena;
    (void) secret;
    *error = "no such file";

    if (!xc_str_eq(name, XC_STR("the.key"))) {
        return XC_EIO;
    }

    *content = file_text;

    return XC_OK;
}


/* Of the first credential, or the second agency's, after an edit. */
static void
identity_of(const char *find, const char *with, size_t agency,
    uint8_t out[XC_CREDENTIAL_IDENTITY])
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit(mem, find, with));

    if (load.rc != XC_OK) {
        show(&load);
        exit(1);
    }

    memcpy(out, load.policy->agencies[agency].credentials[0].identity,
           XC_CREDENTIAL_IDENTITY);
    xc_heap_free(&load.heap);
}


static void
test_identity(void)
{
    size_t         i;
    uint8_t        was[XC_CREDENTIAL_IDENTITY], is[XC_CREDENTIAL_IDENTITY];
    const uint8_t  none[XC_CREDENTIAL_IDENTITY] = { 0 };

    static const struct {
        const char  *name, *find, *with;
        bool         same;
    } edits[] = {
        { "white space", "'keyid': ", "'keyid':   ", true },
        { "the policy's version", "'2026-11-22'", "'2026-11-23'", true },
        { "the agency's name", "上海市浦东新区", "浦东新区", true },
        { "the policy's id", "'cn-samr-2025'", "'cn-samr-2026'", false },
        { "the agency's id", "'id': '310115'", "'id': '310116'", false },
        { "the keyid", "310115-2026a", "310115-2026b", false },
        { "the public key", SAMPLE_PUBLIC,
          "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", false },
        { "the end", "2027-01-01T", "2027-01-02T", false },
        { "a source", "198.51.100.7", "198.51.100.8", false }
    };

    identity_of("", "", 0, was);
    xt_ok(memcmp(was, none, sizeof(none)) != 0, "a credential has an identity");

    for (i = 0; i < XC_COUNT(edits); i++) {
        identity_of(edits[i].find, edits[i].with, 0, is);
        xt_ok((memcmp(was, is, sizeof(is)) == 0) == edits[i].same, "%s: %s",
              edits[i].name, edits[i].same ? "the same" : "another");
    }
}


/* Of the first agency, after an edit. */
static void
agency_of(const char *find, const char *with,
    uint8_t out[XC_CREDENTIAL_IDENTITY])
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit(mem, find, with));

    if (load.rc != XC_OK) {
        show(&load);
        exit(1);
    }

    memcpy(out, load.policy->agencies[0].identity, XC_CREDENTIAL_IDENTITY);
    xc_heap_free(&load.heap);
}


static void
test_identity_agency(void)
{
    size_t   i;
    uint8_t  was[XC_CREDENTIAL_IDENTITY], is[XC_CREDENTIAL_IDENTITY];

    static const struct {
        const char  *name, *find, *with;
        bool         same;
    } edits[] = {
        { "nothing", "", "", true },
        { "a keyid", "310115-2026a", "310115-2026b", true },
        { "the policy's id", "'cn-samr-2025'", "'cn-samr-2026'", false },
        { "the id", "'id': '310115'", "'id': '310116'", false },
        { "the level", "'level': 'county'", "'level': 'city'", false },
        { "the region", "'region': '310115'", "'region': '310116'", false },
        { "a parent", "'region': '310115', 'grants'",
          "'region': '310115', 'parent': '320000', 'grants'", false }
    };

    agency_of("", "", was);

    for (i = 0; i < XC_COUNT(edits); i++) {
        agency_of(edits[i].find, edits[i].with, is);
        xt_ok((memcmp(was, is, sizeof(is)) == 0) == edits[i].same,
              "an agency, %s: %s", edits[i].name,
              edits[i].same ? "the same" : "another");
    }
}


static void
test_identity_file(void)
{
    uint8_t  was[XC_CREDENTIAL_IDENTITY], is[XC_CREDENTIAL_IDENTITY];

    files = (xc_policy_files_t) { read_file, NULL };

    file_text = XC_STR(SAMPLE_SECRET);
    identity_of("'" SAMPLE_SECRET "'", "{'file': 'the.key'}", 1, was);
    identity_of("'" SAMPLE_SECRET "'", "{'file': 'the.key'}", 1, is);
    xt_ok(memcmp(was, is, sizeof(is)) == 0, "a file as it was: the same");

    file_text = XC_STR("dGVyY2Vzc2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");
    identity_of("'" SAMPLE_SECRET "'", "{'file': 'the.key'}", 1, is);
    xt_ok(memcmp(was, is, sizeof(is)) != 0, "another secret in it: another");
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK || mkdtemp(dir) == NULL) {
        printf("Bail out! no cryptography or no directory\n");
        return 1;
    }

    (void) snprintf(path, sizeof(path), "%s/xc.map", dir);

    test_life();
    test_turnover();
    test_overflow();
    test_killed();
    test_identity();
    test_identity_agency();
    test_identity_file();

    (void) unlink(path);
    (void) rmdir(dir);

    return xt_done();
}
