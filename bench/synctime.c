/*
 * Preloaded into the gates of bench/compare: the time and the CPU time of each
 * fdatasync, into the file SYNCTIME_FILE that the benchmark reads.  It costs the
 * gate two readings of two clocks a call, and no call to the kernel to write.
 *
 * The file: a word of 64 bits, how many calls there were; then of each, modulo
 * SYNCTIME_MAX, two words of 32: microseconds, and nanoseconds of the thread's
 * CPU.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SYNCTIME_MAX  (1 << 17)

typedef struct {
    _Atomic uint64_t  n;
    struct {
        uint32_t      us, cpu_ns;
    } calls[SYNCTIME_MAX];
} synctime_t;

static synctime_t  *synctime;
static int        (*synctime_real)(int fd);


__attribute__((constructor)) static void
synctime_init(void)
{
    int          fd;
    void        *map;
    const char  *name = getenv("SYNCTIME_FILE");

    synctime_real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    fd = name == NULL ? -1 : open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd == -1 || ftruncate(fd, sizeof(synctime_t)) != 0) {
        return;
    }

    map = mmap(NULL, sizeof(synctime_t), PROT_READ | PROT_WRITE, MAP_SHARED,
               fd, 0);
    close(fd);
    synctime = map == MAP_FAILED ? NULL : map;
}


static int64_t
synctime_clock(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}


int
fdatasync(int fd)
{
    int       rc;
    int64_t   wall = synctime_clock(CLOCK_MONOTONIC);
    int64_t   cpu = synctime_clock(CLOCK_THREAD_CPUTIME_ID);
    uint64_t  i;

    rc = synctime_real(fd);

    if (synctime != NULL) {
        cpu = synctime_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
        wall = synctime_clock(CLOCK_MONOTONIC) - wall;
        i = atomic_fetch_add(&synctime->n, 1) % SYNCTIME_MAX;
        synctime->calls[i].us = (uint32_t) (wall / 1000);
        synctime->calls[i].cpu_ns = (uint32_t) cpu;
    }

    return rc;
}
