#define _GNU_SOURCE             /* open file description locks */

#include "xc_map_impl.h"

#include "xc_crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XC_MAP_MAGIC            "XC MAP\r\n"
#define XC_MAP_FORMAT           2
#define XC_MAP_PAGE             4096
#define XC_MAP_BOOT_ID_LEN      36

/*
 * Octets of the file that locks are taken on (open file description locks:
 * the kernel drops them with the last descriptor, whatever ended the process).
 * LIFE is held shared as long as the map is open; exclusively while it is
 * made, hence never while anybody else uses it.  MAKER serialises looking and
 * making.
 */
#define XC_MAP_LOCK_LIFE        0
#define XC_MAP_LOCK_MAKER       1

typedef struct {
    size_t  stripes, counters, agencies, standing, nonces, size;
} xc_map_layout_t;

typedef enum {
    XC_MAP_GOOD,
    XC_MAP_BAD,
    XC_MAP_OTHER_REPLAY
} xc_map_state_t;


static size_t
xc_map_place(size_t *end, size_t n, size_t size)
{
    size_t  at = *end;

    *end = (at + n * size + XC_MAP_PAGE - 1) / XC_MAP_PAGE * XC_MAP_PAGE;

    return at;
}


static uint64_t
xc_map_buckets(uint64_t replay)
{
    return (replay * XC_MAP_SPARE + XC_MAP_BUCKET - 1) / XC_MAP_BUCKET;
}


static xc_map_layout_t
xc_map_layout(uint64_t replay)
{
    size_t           end = 0;
    xc_map_layout_t  l;

    (void) xc_map_place(&end, 1, sizeof(xc_map_header_t));
    l.stripes = xc_map_place(&end, XC_MAP_STRIPES, sizeof(pthread_mutex_t));
    l.counters = xc_map_place(&end, XC_MAP_COUNTERS, sizeof(uint64_t));
    l.agencies = xc_map_place(&end, XC_MAP_AGENCIES, sizeof(xc_map_agency_t));
    l.standing = xc_map_place(&end, XC_MAP_STANDING,
                              sizeof(xc_map_standing_t));
    l.nonces = xc_map_place(&end, xc_map_buckets(replay) * XC_MAP_BUCKET,
                            sizeof(xc_map_nonce_t));
    l.size = end;

    return l;
}


/* FNV-1a over what the maker wrote: against damage, not against malice, since
 * the file is its owner's. */
static uint64_t
xc_map_check(const xc_map_header_t *header)
{
    size_t          i;
    uint64_t        h = 0xcbf29ce484222325u;
    const uint8_t  *p = (const uint8_t *) header;

    for (i = 0; i < offsetof(xc_map_header_t, check); i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }

    return h;
}


static int
xc_map_lock(int fd, int octet, short type, bool wait)
{
    int           rc;
    struct flock  fl;

    memset(&fl, 0, sizeof(fl));
    fl.l_type = type;
    fl.l_whence = SEEK_SET;
    fl.l_start = octet;
    fl.l_len = 1;

    do {
        rc = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl);
    } while (rc == -1 && errno == EINTR);

    return rc;
}


static bool
xc_map_mutex_init(pthread_mutex_t *mutex)
{
    bool                 ok;
    pthread_mutexattr_t  attr;

    if (pthread_mutexattr_init(&attr) != 0) {
        return false;
    }

    ok = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0
         && pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0
         && pthread_mutex_init(mutex, &attr) == 0;

    (void) pthread_mutexattr_destroy(&attr);

    return ok;
}


static void
xc_map_view(xc_map_t *map, int fd, void *p, uint64_t replay)
{
    char             *base = p;
    xc_map_layout_t   l = xc_map_layout(replay);

    *map = (xc_map_t) {
        .fd = fd,
        .size = l.size,
        .replay = replay,
        .n_buckets = xc_map_buckets(replay),
        .header = p,
        .stripes = (pthread_mutex_t *) (base + l.stripes),
        .nonces = (xc_map_nonce_t *) (base + l.nonces),
        .agencies = (xc_map_agency_t *) (base + l.agencies),
        .agencies_lock = &((xc_map_header_t *) p)->agencies_lock,
        .standing = (xc_map_standing_t *) (base + l.standing),
        .published = &((xc_map_header_t *) p)->published,
        .window = &((xc_map_header_t *) p)->window,
        .counters = (_Atomic uint64_t *) (base + l.counters),
    };
}


/* What is there, read through the descriptor: nothing is mapped before its
 * size is known to be right. */
static xc_map_state_t
xc_map_examine(int fd, const xc_map_conf_t *conf)
{
    struct stat      st;
    xc_map_header_t  h;

    if (fstat(fd, &st) == -1
        || pread(fd, &h, sizeof(h), 0) != (ssize_t) sizeof(h)
        || memcmp(h.magic, XC_MAP_MAGIC, sizeof(h.magic)) != 0
        || h.format != XC_MAP_FORMAT
        || h.mutex_size != sizeof(pthread_mutex_t)
        || h.check != xc_map_check(&h)
        || h.replay < XC_MAP_REPLAY_MIN || h.replay > XC_MAP_REPLAY_MAX
        || h.size != xc_map_layout(h.replay).size
        || h.n_buckets != xc_map_buckets(h.replay)
        || (uint64_t) st.st_size != h.size
        || strncmp(h.boot_id, conf->boot_id, sizeof(h.boot_id)) != 0)
    {
        return XC_MAP_BAD;
    }

    return h.replay == conf->replay ? XC_MAP_GOOD : XC_MAP_OTHER_REPLAY;
}


static void *
xc_map_mmap(int fd, size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}


static xc_rc_t
xc_map_fill(xc_map_t *map, const xc_map_conf_t *conf, const char **error)
{
    size_t            i;
    xc_map_header_t  *h = map->header;

    memcpy(h->magic, XC_MAP_MAGIC, sizeof(h->magic));
    memcpy(h->boot_id, conf->boot_id, XC_MAP_BOOT_ID_LEN);
    h->format = XC_MAP_FORMAT;
    h->mutex_size = sizeof(pthread_mutex_t);
    h->size = map->size;
    h->replay = map->replay;
    h->n_buckets = map->n_buckets;
    h->birth_s = conf->log_exists ? conf->now_s : INT64_MIN;
    atomic_store(&h->clock_s, conf->now_s);

    if (xc_random(h->secret, sizeof(h->secret)) != XC_OK) {
        *error = "no randomness for the state file";
        return XC_EINTERNAL;
    }

    if (!xc_map_mutex_init(&h->agencies_lock)) {
        *error = "no robust mutex on this system";
        return XC_EINTERNAL;
    }

    for (i = 0; i < XC_MAP_STRIPES; i++) {
        if (!xc_map_mutex_init(&map->stripes[i])) {
            *error = "no robust mutex on this system";
            return XC_EINTERNAL;
        }
    }

    atomic_thread_fence(memory_order_release);
    h->check = xc_map_check(h);

    return XC_OK;
}


/*
 * Made in place, never by rename: whoever comes meanwhile waits on the same
 * inode, so two stores can't come to be.
 */
static xc_rc_t
xc_map_make(xc_map_t *map, int fd, const xc_map_conf_t *conf,
    const char **error)
{
    int      err;
    void    *p;
    size_t   size = xc_map_layout(conf->replay).size;
    xc_rc_t  rc;

    if (ftruncate(fd, 0) == -1) {
        *error = "the state file can't be emptied";
        return XC_EIO;
    }

    do {
        err = posix_fallocate(fd, 0, (off_t) size);
    } while (err == EINTR);

    if (err != 0) {
        (void) !ftruncate(fd, 0);
        errno = err;
        *error = "no room for the state file";
        return XC_EIO;
    }

    p = xc_map_mmap(fd, size);
    if (p == NULL) {
        *error = "the state file can't be mapped";
        return XC_EIO;
    }

    xc_map_view(map, fd, p, conf->replay);

    rc = xc_map_fill(map, conf, error);
    if (rc != XC_OK) {
        (void) munmap(p, size);
    }

    return rc;
}


/* Also of a file that stands: its owner changes with nginx's `user`. */
static bool
xc_map_own(int fd, const xc_map_conf_t *conf)
{
    struct stat  st;

    if (conf->uid == (uid_t) -1) {
        return true;
    }

    if (fstat(fd, &st) == -1) {
        return false;
    }

    if (st.st_uid == conf->uid && st.st_gid == conf->gid) {
        return true;
    }

    /* A second name may be in a place that is not the worker's. */
    if (st.st_nlink > 1) {
        errno = EMLINK;
        return false;
    }

    return fchown(fd, conf->uid, conf->gid) == 0;
}


static xc_rc_t
xc_map_keep(xc_map_t *map, int fd, const xc_map_conf_t *conf,
    const char **error)
{
    void    *p;
    size_t   size = xc_map_layout(conf->replay).size;

    if (xc_map_lock(fd, XC_MAP_LOCK_LIFE, F_RDLCK, false) == -1) {
        *error = "the state file can't be locked";
        return XC_EIO;
    }

    p = xc_map_mmap(fd, size);
    if (p == NULL) {
        *error = "the state file can't be mapped";
        return XC_EIO;
    }

    xc_map_view(map, fd, p, conf->replay);

    return XC_OK;
}


/*
 * In place of one that can't be used.  While another process works with it,
 * it stays as it is: a second store beside it would let each nonce through
 * twice.
 */
static xc_rc_t
xc_map_replace(xc_map_t *map, int fd, const xc_map_conf_t *conf,
    xc_map_state_t state, const char **error)
{
    xc_rc_t  rc;

    if (!conf->create
        || xc_map_lock(fd, XC_MAP_LOCK_LIFE, F_WRLCK, false) == -1)
    {
        if (state == XC_MAP_OTHER_REPLAY) {
            *error = "the state file was made for another replay= and is in "
                     "use: restart to change it";
            return XC_ELIMIT;
        }

        *error = conf->create ? "the state file is damaged and in use: restart"
                              : "the state file is damaged";
        errno = EBUSY;
        return XC_EIO;
    }

    rc = xc_map_make(map, fd, conf, error);
    if (rc != XC_OK) {
        return rc;
    }

    if (xc_map_lock(fd, XC_MAP_LOCK_LIFE, F_RDLCK, false) == -1) {
        (void) munmap(map->header, map->size);
        *error = "the state file can't be locked";
        return XC_EIO;
    }

    return XC_OK;
}


static xc_rc_t
xc_map_attach(xc_map_t *map, int fd, const xc_map_conf_t *conf,
    xc_map_origin_t *origin, const char **error)
{
    xc_rc_t         rc;
    xc_map_state_t  state;

    if (conf->create && !xc_map_own(fd, conf)) {
        *error = "the state file can't be given to the worker's user";
        return XC_EIO;
    }

    if (xc_map_lock(fd, XC_MAP_LOCK_MAKER, F_WRLCK, true) == -1) {
        *error = "the state file can't be locked";
        return XC_EIO;
    }

    state = xc_map_examine(fd, conf);

    rc = state == XC_MAP_GOOD ? xc_map_keep(map, fd, conf, error)
                              : xc_map_replace(map, fd, conf, state, error);
    if (rc != XC_OK) {
        return rc;
    }

    *origin = state == XC_MAP_GOOD ? XC_MAP_KEPT
              : conf->log_exists ? XC_MAP_BORN : XC_MAP_FIRST;

    (void) xc_map_lock(fd, XC_MAP_LOCK_MAKER, F_UNLCK, false);

    return XC_OK;
}


xc_rc_t
xc_map_open(xc_map_t *map, const xc_map_conf_t *conf, xc_map_origin_t *origin,
    const char **error)
{
    int       fd, err;
    xc_rc_t   rc;
    xc_map_t  out;

    if (conf->replay < XC_MAP_REPLAY_MIN || conf->replay > XC_MAP_REPLAY_MAX
        || strlen(conf->boot_id) != XC_MAP_BOOT_ID_LEN)
    {
        *error = "replay out of range, or no boot id";
        errno = EINVAL;
        return XC_EIO;
    }

    fd = open(conf->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW
              | (conf->create ? O_CREAT : 0), 0600);
    if (fd == -1) {
        *error = "the state file can't be opened";
        return XC_EIO;
    }

    rc = xc_map_attach(&out, fd, conf, origin, error);
    if (rc != XC_OK) {
        err = errno;
        (void) close(fd);
        errno = err;
        return rc;
    }

    *map = out;

    return XC_OK;
}


/* Locks go with the descriptor; none is undone here, since a description that
 * a fork shares would lose them for the other process too. */
void
xc_map_close(xc_map_t *map)
{
    if (map->header != NULL) {
        (void) munmap(map->header, map->size);
        (void) close(map->fd);
    }

    *map = (xc_map_t) { .fd = -1 };
}


bool
xc_map_mutex_lock(pthread_mutex_t *mutex)
{
    int  err;

    err = pthread_mutex_lock(mutex);

    if (err == EOWNERDEAD) {
        err = pthread_mutex_consistent(mutex);
    }

    return err == 0;
}


void
xc_map_mutex_unlock(pthread_mutex_t *mutex)
{
    (void) pthread_mutex_unlock(mutex);
}
