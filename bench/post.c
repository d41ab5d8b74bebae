/*
 * The load of bench/run and bench/compare: N requests, all POST with one body
 * or all GET of one target, over C keep-alive connections, every one with a
 * nonce and a signature of its own (RFC 9421).  Signatures are made before the
 * clock starts (post_request.c).
 *
 *     post port=P n=N body=FILE|get=TARGET keyid=K alg=A key=HEX-OR-PEM-FILE
 *          [connections=64] [rate=0] [credentials=0] [cpu=-1]
 *          [cert=PEM-FILE] [seconds=30]
 *
 * get          the target, with a query
 * rate         0: one request outstanding on each connection, as many as are
 *              answered; else so many a second, with exponential gaps, and the
 *              time of a request counts from when it was due, also where no
 *              connection was free then
 * credentials  the request's key is "K-i" of so many in turn (a large stride
 *              apart), its secret SHA-256 of that name: for HMAC
 * alg          hmac-sha256, ed25519, ecdsa-p256-sha256, rsa-pss-sha512,
 *              sm2-sm3, or none: the requests are then not signed
 * cert         of the client: TLS; its key is in the same file
 * cpu          the one to run on, -1 for any
 * seconds      the longest wait for an answer
 *
 * Prints one line of JSON: answered with 200 (ok) and with another status
 * (other), ns from the first byte sent to the last one received, cpu_ns that
 * this process used meanwhile, p50, p99 and max of a request in microseconds.
 * A connection that is lost ends it with status 1.
 */

#define _GNU_SOURCE

#include "post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define POST_MAX        1024        /* connections */
#define POST_BUFFER     16384

typedef struct {
    int       fd;
    SSL      *ssl;
    size_t    used;                 /* of in */
    int64_t   due_ns;
    char      in[POST_BUFFER];
} post_conn_t;

typedef struct {
    post_requests_t  requests;
    long             started, done, ok, other;
    int              port, n_conns, cpu, epoll, wait_ms;
    double           rate;
    const char      *cert;
    int64_t         *due;           /* since the beginning; rate != 0 */
    uint32_t        *us;
    post_conn_t     *idle[POST_MAX];
    int              n_idle;
} post_t;

static post_t  post = { .n_conns = 64, .cpu = -1, .wait_ms = 30000,
                        .requests = { .alg = "none", .keyid = "bench" } };

static post_conn_t  post_conns[POST_MAX];


static int64_t
post_clock(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}


static int64_t
post_now(void)
{
    return post_clock(CLOCK_MONOTONIC);
}


/* The whole of it: what does not fit the socket's buffer is waited for. */
static void
post_write(post_conn_t *c, const char *data, size_t len)
{
    ssize_t        n;
    struct pollfd  fd = { .fd = c->fd, .events = POLLOUT };

    while (len != 0) {
        n = c->ssl == NULL ? write(c->fd, data, len)
                           : SSL_write(c->ssl, data, (int) len);

        if (n <= 0) {
            if (poll(&fd, 1, post.wait_ms) != 1) {
                post_die("write");
            }

            continue;
        }

        data += n;
        len -= (size_t) n;
    }
}


static void
post_send(post_conn_t *c, int64_t due_ns)
{
    size_t       len;
    static char  out[POST_REQUEST_MAX];

    len = post_request(&post.requests, post.started++, out);
    c->due_ns = due_ns;
    post_write(c, out, len);
}


static void
post_open(post_conn_t *c, SSL_CTX *tls)
{
    int                 on = 1;
    struct sockaddr_in  to = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t) post.port) };
    struct epoll_event  ev = { .events = EPOLLIN, .data.ptr = c };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) != 0
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
    {
        post_die("connect");
    }

    if (tls != NULL) {
        c->ssl = SSL_new(tls);

        if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1
            || SSL_set_tlsext_host_name(c->ssl, POST_AUTHORITY) != 1
            || SSL_connect(c->ssl) != 1)
        {
            post_die("TLS");
        }
    }

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(post.epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
    {
        post_die("epoll");
    }
}


/* Whether a whole answer stands in c->in; it is taken out. */
static bool
post_take(post_conn_t *c)
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
        fputs("post: an answer without Content-Length\n", stderr);
        exit(1);
    }

    end += 4 + strtoul(length + 17, NULL, 10);

    if (end > c->in + c->used) {
        return false;
    }

    ok = strncmp(c->in, "HTTP/1.1 200 ", 13) == 0;

    if (!ok && post.other == 0) {
        fprintf(stderr, "post: the first answer of another kind:\n%.*s\n",
                (int) (end - c->in), c->in);
    }

    c->used = 0;
    post.us[post.done++] = (uint32_t) ((post_now() - c->due_ns) / 1000);
    post.ok += ok;
    post.other += !ok;

    return true;
}


static void
post_read(post_conn_t *c)
{
    ssize_t  n;
    size_t   room = sizeof(c->in) - 1 - c->used;

    if (c->ssl != NULL) {
        n = SSL_read(c->ssl, c->in + c->used, (int) room);

        if (n <= 0 && SSL_get_error(c->ssl, (int) n) == SSL_ERROR_WANT_READ) {
            return;
        }

    } else {
        n = read(c->fd, c->in + c->used, room);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
    }

    if (n <= 0) {
        fprintf(stderr, "post: a connection was lost after %ld answers\n",
                post.done);
        exit(1);
    }

    c->used += (size_t) n;

    if (!post_take(c)) {
        return;
    }

    if (post.rate == 0 && post.started < post.requests.n) {
        post_send(c, post_now());

    } else {
        post.idle[post.n_idle++] = c;
    }
}


/* Sends what is due; how long nothing else will be, in ns. */
static int64_t
post_due(int64_t began)
{
    int64_t  now = post_now();

    while (post.started < post.requests.n && post.n_idle != 0) {
        if (post.rate == 0) {
            post_send(post.idle[--post.n_idle], now);
            continue;
        }

        if (began + post.due[post.started] > now) {
            return began + post.due[post.started] - now;
        }

        post_send(post.idle[--post.n_idle], began + post.due[post.started]);
        now = post_now();
    }

    return post.wait_ms * INT64_C(1000000);
}


static void
post_run(int64_t began)
{
    int                 i, n;
    int64_t             wait;
    struct timespec     ts;
    struct epoll_event  events[POST_MAX];

    while (post.done < post.requests.n) {
        wait = post_due(began);
        ts.tv_sec = wait / 1000000000;
        ts.tv_nsec = wait % 1000000000;
        n = epoll_pwait2(post.epoll, events, POST_MAX, &ts, NULL);

        if (n == 0 && ts.tv_sec * 1000 >= post.wait_ms) {
            fputs("post: no answer\n", stderr);
            exit(1);
        }

        for (i = 0; i < n; i++) {
            post_read(events[i].data.ptr);
        }
    }
}


static void
post_make_due(void)
{
    long    i;
    double  at = 0;

    if (post.rate == 0) {
        return;
    }

    post.due = calloc((size_t) post.requests.n, sizeof(int64_t));

    if (post.due == NULL) {
        post_die("memory");
    }

    srand48(1);

    for (i = 0; i < post.requests.n; i++) {
        at += -log(1 - drand48()) / post.rate * 1e9;
        post.due[i] = (int64_t) at;
    }
}


static int
post_compare(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}


static void
post_arguments(int argc, char **argv)
{
    int               i;
    char             *v;
    post_requests_t  *r = &post.requests;

    for (i = 1; i < argc; i++) {
        v = strchr(argv[i], '=');

        if (v == NULL) {
            goto bad;
        }

        *v++ = '\0';

        if (strcmp(argv[i], "port") == 0) {
            post.port = atoi(v);
        } else if (strcmp(argv[i], "n") == 0) {
            r->n = atol(v);
        } else if (strcmp(argv[i], "body") == 0) {
            r->file = v;
        } else if (strcmp(argv[i], "get") == 0) {
            r->get = v;
        } else if (strcmp(argv[i], "keyid") == 0) {
            r->keyid = v;
        } else if (strcmp(argv[i], "alg") == 0) {
            r->alg = v;
        } else if (strcmp(argv[i], "key") == 0) {
            r->key = v;
        } else if (strcmp(argv[i], "connections") == 0) {
            post.n_conns = atoi(v);
        } else if (strcmp(argv[i], "rate") == 0) {
            post.rate = atof(v);
        } else if (strcmp(argv[i], "credentials") == 0) {
            r->credentials = atol(v);
        } else if (strcmp(argv[i], "cpu") == 0) {
            post.cpu = atoi(v);
        } else if (strcmp(argv[i], "cert") == 0) {
            post.cert = v;
        } else if (strcmp(argv[i], "seconds") == 0) {
            post.wait_ms = 1000 * atoi(v);
        } else {
            goto bad;
        }
    }

    if (post.port != 0 && r->n > 0 && (r->file != NULL) != (r->get != NULL)
        && (r->get == NULL || strchr(r->get, '?') != NULL)
        && post.n_conns > 0 && post.n_conns <= POST_MAX
        && (strcmp(r->alg, "none") == 0 || r->credentials != 0
            || r->key != NULL))
    {
        return;
    }

bad:

    fputs("post: bad arguments\n", stderr);
    exit(2);
}


static SSL_CTX *
post_tls(void)
{
    SSL_CTX  *tls;

    if (post.cert == NULL) {
        return NULL;
    }

    tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL
        || SSL_CTX_use_certificate_file(tls, post.cert, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(tls, post.cert, SSL_FILETYPE_PEM) != 1)
    {
        post_die(post.cert);
    }

    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE
                          | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    return tls;
}


static void
post_pin(void)
{
    cpu_set_t  cpu;

    (void) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);

    if (post.cpu >= 0) {
        CPU_ZERO(&cpu);
        CPU_SET((size_t) post.cpu, &cpu);

        if (sched_setaffinity(0, sizeof(cpu), &cpu) != 0) {
            post_die("sched_setaffinity");
        }
    }
}


int
main(int argc, char **argv)
{
    int       i;
    long      n;
    SSL_CTX  *tls;
    int64_t   began, ended, cpu;

    post_arguments(argc, argv);
    tls = post_tls();
    post_requests_make(&post.requests);
    n = post.requests.n;
    post.us = calloc((size_t) n, sizeof(uint32_t));
    post.epoll = epoll_create1(EPOLL_CLOEXEC);

    if (post.us == NULL || post.epoll == -1) {
        post_die("memory");
    }

    post_make_due();
    post_pin();

    for (i = 0; i < post.n_conns; i++) {
        post_open(&post_conns[i], tls);
        post.idle[post.n_idle++] = &post_conns[i];
    }

    began = post_now();
    cpu = post_clock(CLOCK_PROCESS_CPUTIME_ID);
    post_run(began);
    cpu = post_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    ended = post_now();

    qsort(post.us, (size_t) n, sizeof(uint32_t), post_compare);
    printf("{\"ok\":%ld,\"other\":%ld,\"ns\":%lld,\"cpu_ns\":%lld,\"p50\":%u,"
           "\"p99\":%u,\"max\":%u}\n", post.ok, post.other,
           (long long) (ended - began), (long long) cpu, post.us[n / 2],
           post.us[n - 1 - n / 100], post.us[n - 1]);

    return 0;
}
