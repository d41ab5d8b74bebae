/* What a policy's load leaves in memory of the secrets that it read: nothing
 * in the arena, nothing on the heap, and no fault that quotes one. */

#define _GNU_SOURCE             /* memmem() */

#include "policy_load.h"
#include "xc_crypto.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM        (4 * 1024 * 1024)
#define DEFERRED    64


static char    room[ROOM];
static size_t  used;
static bool    with_files;

static struct {
    void  (*fn)(void *data);
    void   *data;
} deferred[DEFERRED];

static size_t  n_deferred;


static void *
bump(void *ctx, size_t size)
{
    char  *p = room + used;

    (void) ctx;
    used += (size + 15) / 16 * 16;

    return used > ROOM ? NULL : p;
}


static int
defer(void *ctx, void (*fn)(void *data), void *data)
{
    (void) ctx;

    if (n_deferred == DEFERRED) {
        return -1;
    }

    deferred[n_deferred].fn = fn;
    deferred[n_deferred].data = data;
    n_deferred++;

    return 0;
}


/* What the arena's owner does at its end, in nginx the pool. */
static void
clean_up(void)
{
    while (n_deferred != 0) {
        n_deferred--;
        deferred[n_deferred].fn(deferred[n_deferred].data);
    }
}


/* The secret as a file, which the arena comes to hold. */
static xc_rc_t
read_secret(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    (void) ctx;
    (void) path;
    *error = "not asked as a secret";

    return secret ? xc_arena_dup(arena, XC_STR(SAMPLE_SECRET "\n"), content)
                  : XC_EIO;
}


static bool
in_heap(const char *text)
{
    int      fd;
    char     line[512], *p;
    bool     found = false;
    FILE    *maps = fopen("/proc/self/maps", "re");
    size_t   n, from, to;

    fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

    while (maps != NULL && fd >= 0 && fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, "[heap]") == NULL
            || sscanf(line, "%zx-%zx", &from, &to) != 2)
        {
            continue;
        }

        n = to - from;
        p = mmap(NULL, n, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1,
                 0);
        found = p == MAP_FAILED || pread(fd, p, n, (off_t) from) <= 0
                || memmem(p, n, text, strlen(text)) != NULL;
        (void) munmap(p, n);
    }

    if (maps != NULL) {
        (void) fclose(maps);
    }

    (void) close(fd);

    return found;
}


/* find and with: an edit of the sample. */
static void
test_load(const char *name, xc_rc_t want, const char *find, const char *with)
{
    size_t               i;
    xc_rc_t              rc;
    static char          text[TEXT_MAX];
    xc_arena_t           arena = { bump, defer, NULL, 0, 0 };
    xc_policy_files_t    stored = { read_secret, NULL };
    xc_policy_faults_t   faults;
    const xc_policy_t   *policy;
    char                 half[sizeof(SAMPLE_SECRET) / 2] = "";

    memcpy(half, SAMPLE_SECRET, sizeof(half) - 1);
    memset(room, 0, sizeof(room));
    used = 0;

    rc = xc_policy_load(&arena, edit(text, find, with),
                        with_files ? &stored : NULL, SAMPLE_NOW_S, &faults,
                        &policy);
    memset(text, 0, sizeof(text));

    xt_ok(rc == want, "%s: %d", name, rc);
    xt_ok(memmem(room, used, half, strlen(half)) == NULL,
          "%s: not in the arena", name);
    xt_ok(!in_heap(half), "%s: not on the heap", name);

    for (i = 0; i < faults.n; i++) {
        if (memmem(faults.list[i].message.data, faults.list[i].message.len,
                   half, strlen(half)) != NULL)
        {
            break;
        }
    }

    xt_ok(i == faults.n, "%s: no fault quotes it", name);

    clean_up();
}


#define MEMBER  "'secret': '" SAMPLE_SECRET "'"

int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_load("in the policy", XC_OK, MEMBER, MEMBER);
    test_load("not base64", XC_EINPUT, MEMBER,
              "'secret': '" SAMPLE_SECRET "!'");
    test_load("of another kind", XC_EINPUT, MEMBER,
              "'public_key': '" SAMPLE_SECRET "'");
    test_load("without its colon", XC_EINPUT, MEMBER,
              "'secret' '" SAMPLE_SECRET "'");
    test_load("without quotes", XC_EINPUT, MEMBER, "'secret': " SAMPLE_SECRET);
    test_load("as a name", XC_EINPUT, MEMBER, "'" SAMPLE_SECRET "'");
    test_load("never ended", XC_EINPUT, MEMBER, "'secret': '" SAMPLE_SECRET);

    with_files = true;
    test_load("in a file", XC_OK, MEMBER, "'secret': {'file': 'x'}");

    return xt_done();
}
