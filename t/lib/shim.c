/*
 * Preloaded into nginx by t/durable.t, t/powercut.t, t/clock.t, t/kill*.t,
 * t/observe.t, t/fleet.t and bench/run (XC::Shim): a disk that is slow, full or
 * broken, for files named audit.log only, and clocks that a test sets.
 *
 * XC_SHIM      a file of one page that the test and all processes map; its
 *              words are below
 * XC_SHIM_LOG  a file that gets the microseconds of each fdatasync, a line each
 *
 * Descriptors are looked up in /proc at each call, only where something may
 * have to be done: numbers are used again, so nothing is remembered of them.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SHIM_SHORT  0x10000     /* write_fault: half of it is written */

/* 32-bit words, in XC::Shim's order. */
typedef struct {
    _Atomic uint32_t  hold;             /* fdatasync waits for a permit */
    _Atomic uint32_t  permits;
    _Atomic uint32_t  pid;              /* that hold is for; 0: all */
    _Atomic uint32_t  sync_fails;       /* so many of them, with EIO */
    _Atomic uint32_t  write_fault;      /* an errno, or SHIM_SHORT */
    _Atomic uint32_t  write_fails;      /* so many of them */
    _Atomic uint32_t  truncate_fails;

    /* what happened */
    _Atomic uint32_t  held;             /* waiting now */
    _Atomic uint32_t  syncs;
    _Atomic uint32_t  writes;
    _Atomic uint32_t  failed;           /* calls of any kind */

    _Atomic uint32_t  hold_writes;      /* a write waits while it is set */
    _Atomic uint32_t  clock;            /* seconds ahead, as an int32_t */
    _Atomic uint32_t  boot_s;           /* CLOCK_BOOTTIME; 0: as it is */
} shim_t;

static shim_t     shim_none;
static shim_t    *shim = &shim_none;
static int        shim_log = -1;

static int      (*real_fdatasync)(int fd);
static ssize_t  (*real_pwrite)(int fd, const void *p, size_t n, off_t at);
static int      (*real_ftruncate)(int fd, off_t size);
static int      (*real_clock_gettime)(clockid_t id, struct timespec *ts);


/* dlsym() returns an object pointer. */
static void
shim_find(void *fn, const char *name)
{
    void  *p = dlsym(RTLD_NEXT, name);

    memcpy(fn, &p, sizeof(p));
}


__attribute__((constructor)) static void
shim_init(void)
{
    int    fd;
    void  *p;
    char  *name;

    shim_find(&real_fdatasync, "fdatasync");
    shim_find(&real_pwrite, "pwrite64");
    shim_find(&real_ftruncate, "ftruncate64");
    shim_find(&real_clock_gettime, "clock_gettime");

    name = getenv("XC_SHIM");
    fd = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC);

    if (fd != -1) {
        p = mmap(NULL, sizeof(shim_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                 0);
        if (p == MAP_FAILED) {
            abort();
        }

        shim = p;
        close(fd);
    }

    name = getenv("XC_SHIM_LOG");
    if (name != NULL) {
        shim_log = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    }
}


static bool
shim_is_log(int fd)
{
    char     link[64], path[4096];
    ssize_t  n;

    static const char  name[] = "/audit.log";

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, path, sizeof(path));

    return n >= (ssize_t) sizeof(name) - 1
           && memcmp(path + n - (sizeof(name) - 1), name, sizeof(name) - 1)
              == 0;
}


/* One of a number that somebody else may be taking from too. */
static bool
shim_take(_Atomic uint32_t *n)
{
    uint32_t  was = atomic_load(n);

    while (was != 0) {
        if (atomic_compare_exchange_weak(n, &was, was - 1)) {
            return true;
        }
    }

    return false;
}


static void
shim_wait(void)
{
    struct timespec  ms = { 0, 1000000 };

    atomic_fetch_add(&shim->held, 1);

    while (atomic_load(&shim->hold) != 0 && !shim_take(&shim->permits)) {
        (void) nanosleep(&ms, NULL);
    }

    atomic_fetch_sub(&shim->held, 1);
}


/* A log is written under the journal's lock. */
static void
shim_wait_write(void)
{
    struct timespec  ms = { 0, 1000000 };

    atomic_fetch_add(&shim->held, 1);

    while (atomic_load(&shim->hold_writes) != 0) {
        (void) nanosleep(&ms, NULL);
    }

    atomic_fetch_sub(&shim->held, 1);
}


static bool
shim_is_for_me(void)
{
    uint32_t  pid = atomic_load(&shim->pid);

    return pid == 0 || pid == (uint32_t) getpid();
}


static int
shim_timed_sync(int fd)
{
    int              rc, err, n;
    char             line[32];
    struct timespec  from, to;

    (void) clock_gettime(CLOCK_MONOTONIC, &from);
    rc = real_fdatasync(fd);
    err = errno;
    (void) clock_gettime(CLOCK_MONOTONIC, &to);

    n = snprintf(line, sizeof(line), "%lld\n",
                 (long long) (to.tv_sec - from.tv_sec) * 1000000
                 + (to.tv_nsec - from.tv_nsec) / 1000);
    (void) !write(shim_log, line, (size_t) n);

    errno = err;

    return rc;
}


int
fdatasync(int fd)
{
    int  rc;

    if (!shim_is_log(fd)) {
        return real_fdatasync(fd);
    }

    if (atomic_load(&shim->hold) != 0 && shim_is_for_me()) {
        shim_wait();
    }

    if (shim_take(&shim->sync_fails)) {
        atomic_fetch_add(&shim->failed, 1);
        errno = EIO;
        return -1;
    }

    rc = shim_log == -1 ? real_fdatasync(fd) : shim_timed_sync(fd);
    atomic_fetch_add(&shim->syncs, 1);

    return rc;
}


static ssize_t
shim_pwrite(int fd, const void *p, size_t n, off_t at)
{
    uint32_t  fault;

    if (shim == &shim_none || !shim_is_log(fd)) {
        return real_pwrite(fd, p, n, at);
    }

    if (atomic_load(&shim->hold_writes) != 0 && shim_is_for_me()) {
        shim_wait_write();
    }

    fault = atomic_load(&shim->write_fault);

    if (fault == 0 || !shim_take(&shim->write_fails)) {
        atomic_fetch_add(&shim->writes, 1);
        return real_pwrite(fd, p, n, at);
    }

    atomic_fetch_add(&shim->failed, 1);

    if (fault == SHIM_SHORT) {
        return real_pwrite(fd, p, n / 2, at);
    }

    errno = (int) fault;

    return -1;
}


/* One of each pair is what a program calls, depending on how it was built. */

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    return shim_pwrite(fd, p, n, at);
}


ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return shim_pwrite(fd, p, n, at);
}


static int
shim_ftruncate(int fd, off_t size)
{
    if (atomic_load(&shim->truncate_fails) != 0 && shim_is_log(fd)
        && shim_take(&shim->truncate_fails))
    {
        atomic_fetch_add(&shim->failed, 1);
        errno = EIO;
        return -1;
    }

    return real_ftruncate(fd, size);
}


int
ftruncate(int fd, off_t size)
{
    return shim_ftruncate(fd, size);
}


int
ftruncate64(int fd, off_t size)
{
    return shim_ftruncate(fd, size);
}


/* What nginx keeps its own time by is left alone.  Libraries that begin before
 * this one may ask. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int       rc;
    uint32_t  boot_s = atomic_load(&shim->boot_s);

    if (real_clock_gettime == NULL) {
        shim_find(&real_clock_gettime, "clock_gettime");
    }

    if (id == CLOCK_BOOTTIME && boot_s != 0) {
        *ts = (struct timespec) { .tv_sec = boot_s };
        return 0;
    }

    rc = real_clock_gettime(id, ts);

    if (rc == 0 && id == CLOCK_REALTIME) {
        ts->tv_sec += (int32_t) atomic_load(&shim->clock);
    }

    return rc;
}
