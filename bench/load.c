/*
 * The load of bench/run: N GET requests over C keep-alive connections, one
 * outstanding on each, every one with a nonce and an HMAC-SHA256 signature of
 * its own (RFC 9421).  Signatures are made before the clock starts.
 *
 *     load PORT N C TARGET KEYID SECRET-IN-HEX CPU
 *
 * CPU: the one to run on, -1 for any.
 *
 * Prints a line: answered with 200, with another status, nanoseconds from the
 * first byte sent to the last one received, p50 and p99 of a request in
 * microseconds.  A connection that is lost ends it with status 1.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define LOAD_AUTHORITY  "platform.example"
#define LOAD_MAX        1024        /* connections */
#define LOAD_BUFFER     16384
#define LOAD_B64        45          /* of 32 octets, NUL included */

typedef struct {
    int       fd;
    size_t    used;                 /* of in */
    int64_t   sent_ns;
    char      in[LOAD_BUFFER];
} load_conn_t;

typedef struct {
    long         n, started, done;
    long         ok, other;
    const char  *target, *keyid;
    long         created;
    char        *run;               /* in every nonce: tells runs apart */
    char       (*signatures)[LOAD_B64];
    uint32_t    *us;
    int          epoll;
    load_conn_t  conns[LOAD_MAX];
} load_t;

static load_t  load;


static void
load_die(const char *what)
{
    perror(what);
    exit(1);
}


static int64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}


static int
load_params(char *out, size_t size, long i)
{
    return snprintf(out, size, "(\"@method\" \"@authority\" \"@path\" "
                    "\"@query\");created=%ld;keyid=\"%s\";nonce=\"%s-%ld\"",
                    load.created, load.keyid, load.run, i);
}


static void
load_sign(const unsigned char *key, size_t key_len)
{
    int            n, len;
    long           i;
    char           params[512], base[4096];
    unsigned       mac_len;
    const char    *query = strchr(load.target, '?');
    unsigned char  mac[EVP_MAX_MD_SIZE];

    for (i = 0; i < load.n; i++) {
        (void) load_params(params, sizeof(params), i);

        len = snprintf(base, sizeof(base), "\"@method\": GET\n"
                       "\"@authority\": " LOAD_AUTHORITY "\n"
                       "\"@path\": %.*s\n\"@query\": %s\n"
                       "\"@signature-params\": %s",
                       (int) (query - load.target), load.target, query,
                       params);

        if (len < 0 || (size_t) len >= sizeof(base)
            || HMAC(EVP_sha256(), key, (int) key_len, (unsigned char *) base,
                    (size_t) len, mac, &mac_len)
               == NULL)
        {
            fputs("load: can't sign\n", stderr);
            exit(1);
        }

        n = EVP_EncodeBlock((unsigned char *) load.signatures[i], mac,
                            (int) mac_len);
        load.signatures[i][n] = '\0';
    }
}


/* The next request, if there is one; the connection idles else. */
static void
load_send(load_conn_t *c)
{
    int   len;
    long  i = load.started;
    char  params[512], out[4096];

    if (i == load.n) {
        return;
    }

    load.started++;
    (void) load_params(params, sizeof(params), i);

    len = snprintf(out, sizeof(out), "GET %s HTTP/1.1\r\n"
                   "Host: " LOAD_AUTHORITY "\r\n"
                   "Signature-Input: sig1=%s\r\n"
                   "Signature: sig1=:%s:\r\n\r\n",
                   load.target, params, load.signatures[i]);

    c->sent_ns = load_now();

    /* It fits a socket's buffer, which is empty. */
    if (len >= (int) sizeof(out) || write(c->fd, out, (size_t) len) != len) {
        load_die("load: write");
    }
}


static void
load_open(load_conn_t *c, int port)
{
    int                 on = 1;
    struct sockaddr_in  to = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t) port) };
    struct epoll_event  ev = { .events = EPOLLIN, .data.ptr = c };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0
        || fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
    {
        load_die("load: connect");
    }
}


static void
load_answered(load_conn_t *c, bool ok)
{
    load.us[load.done++] = (uint32_t) ((load_now() - c->sent_ns) / 1000);

    if (ok) {
        load.ok++;

    } else {
        load.other++;
    }
}


/* Whether a whole answer stands in c->in; it is taken out. */
static bool
load_take(load_conn_t *c)
{
    char  *end, *length;
    bool   ok;

    c->in[c->used] = '\0';
    end = strstr(c->in, "\r\n\r\n");

    if (end == NULL) {
        return false;
    }

    length = strcasestr(c->in, "\r\nContent-Length:");

    if (length == NULL || length > end) {
        fputs("load: an answer without Content-Length\n", stderr);
        exit(1);
    }

    end += 4 + strtoul(length + 17, NULL, 10);

    if (end > c->in + c->used) {
        return false;
    }

    ok = strncmp(c->in, "HTTP/1.1 200 ", 13) == 0;

    if (!ok && load.other == 0) {
        fprintf(stderr, "load: the first answer of another kind:\n%.*s\n",
                (int) (end - c->in), c->in);
    }

    c->used = 0;
    load_answered(c, ok);

    return true;
}


static void
load_read(load_conn_t *c)
{
    ssize_t  n;

    n = read(c->fd, c->in + c->used, sizeof(c->in) - 1 - c->used);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        fprintf(stderr, "load: a connection was lost: %s\n",
                n == 0 ? "closed" : strerror(errno));
        exit(1);
    }

    c->used += (size_t) n;

    if (load_take(c)) {
        load_send(c);
    }
}


static int
load_compare(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}


static void
load_run(int n_conns)
{
    int                 i, n;
    struct epoll_event  events[LOAD_MAX];

    for (i = 0; i < n_conns; i++) {
        load_send(&load.conns[i]);
    }

    while (load.done < load.n) {
        n = epoll_wait(load.epoll, events, LOAD_MAX, 30000);

        if (n == 0) {
            fputs("load: no answer for 30 seconds\n", stderr);
            exit(1);
        }

        for (i = 0; i < n; i++) {
            load_read(events[i].data.ptr);
        }
    }
}


static size_t
load_unhex(const char *hex, unsigned char *out, size_t size)
{
    size_t    n;
    unsigned  octet;

    for (n = 0; n < size && sscanf(hex + 2 * n, "%2x", &octet) == 1; n++) {
        out[n] = (unsigned char) octet;
    }

    return n;
}


int
main(int argc, char **argv)
{
    int            i, n_conns, port;
    char           run[32];
    int64_t        began, ended;
    cpu_set_t      cpu;
    unsigned char  key[128];

    if (argc != 8) {
        fputs("load PORT N C TARGET KEYID SECRET-IN-HEX CPU\n", stderr);
        return 2;
    }

    port = atoi(argv[1]);
    load.n = atol(argv[2]);
    n_conns = atoi(argv[3]);
    load.target = argv[4];
    load.keyid = argv[5];
    load.created = (long) time(NULL);
    snprintf(run, sizeof(run), "%llx",
             (unsigned long long) load_now() ^ (unsigned long long) getpid());
    load.run = run;

    if (atoi(argv[7]) >= 0) {
        CPU_ZERO(&cpu);
        CPU_SET((size_t) atoi(argv[7]), &cpu);
        if (sched_setaffinity(0, sizeof(cpu), &cpu) != 0) {
            load_die("load: sched_setaffinity");
        }
    }

    load.signatures = calloc((size_t) load.n, LOAD_B64);
    load.us = calloc((size_t) load.n, sizeof(uint32_t));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);

    if (load.n < 1 || n_conns < 1 || n_conns > LOAD_MAX
        || strchr(load.target, '?') == NULL || load.signatures == NULL
        || load.us == NULL || load.epoll == -1)
    {
        fputs("load: bad arguments\n", stderr);
        return 2;
    }

    load_sign(key, load_unhex(argv[6], key, sizeof(key)));

    for (i = 0; i < n_conns; i++) {
        load_open(&load.conns[i], port);
    }

    began = load_now();
    load_run(n_conns);
    ended = load_now();

    qsort(load.us, (size_t) load.n, sizeof(uint32_t), load_compare);
    printf("%ld %ld %lld %u %u\n", load.ok, load.other,
           (long long) (ended - began), load.us[load.n / 2],
           load.us[load.n - 1 - load.n / 100]);

    return 0;
}
