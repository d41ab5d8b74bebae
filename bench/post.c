/*
 * The load of bench/compare: N POST requests with one body over C keep-alive
 * connections, every one with a nonce and a signature of its own (RFC 9421).
 * Signatures are made before the clock starts, by two threads.
 *
 *     post port=P n=N body=FILE keyid=K alg=A key=HEX-OR-PEM-FILE
 *          [connections=64] [rate=0] [credentials=0] [cpu=-1]
 *          [cert=PEM-FILE] [seconds=30]
 *
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

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#define POST_AUTHORITY  "platform.example"
#define POST_PATH       "/xc/v1/requests"
#define POST_MAX        1024        /* connections */
#define POST_BUFFER     16384
#define POST_B64        349         /* of 256 octets, NUL included */
#define POST_THREADS    2
#define POST_SM2_ID     "1234567812345678"

typedef struct {
    int       fd;
    SSL      *ssl;
    size_t    used;                 /* of in */
    int64_t   due_ns;
    char      in[POST_BUFFER];
} post_conn_t;

typedef struct {
    long             n, started, done, ok, other;
    int              port, n_conns, cpu, epoll, wait_ms;
    double           rate;
    long             credentials, created;
    const char      *alg, *keyid, *key, *cert;
    char             run[32];       /* in every nonce: tells runs apart */
    char             digest[EVP_MAX_MD_SIZE * 2];   /* base64 of the body's */
    char            *body;
    size_t           body_len, b64;
    unsigned char    secret[128];
    size_t           secret_len;
    EVP_PKEY        *pkey;
    char            *signatures;
    int64_t         *due;           /* since the beginning; rate != 0 */
    uint32_t        *us;
    post_conn_t     *idle[POST_MAX];
    int              n_idle;
    post_conn_t      conns[POST_MAX];
} post_t;

static post_t  post = { .n_conns = 64, .cpu = -1, .wait_ms = 30000,
                        .alg = "none", .keyid = "bench" };


static void
post_die(const char *what)
{
    fprintf(stderr, "post: %s: %s\n", what, strerror(errno));
    exit(1);
}


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


static bool
post_is(const char *alg)
{
    return strcmp(post.alg, alg) == 0;
}


/* The stride is a prime: the keys are met out of the policy's order. */
static void
post_keyid(char *out, size_t size, long i)
{
    if (post.credentials != 0) {
        snprintf(out, size, "%s-%ld", post.keyid,
                 i * 7919 % post.credentials);

    } else {
        snprintf(out, size, "%s", post.keyid);
    }
}


static void
post_params(char *out, size_t size, long i)
{
    char  keyid[128];

    post_keyid(keyid, sizeof(keyid), i);
    snprintf(out, size, "(\"@method\" \"@authority\" \"@path\" "
             "\"content-type\" \"content-digest\");created=%ld;keyid=\"%s\";"
             "nonce=\"%s-%ld\"", post.created, keyid, post.run, i);
}


/* Fixed length of r and s each, as RFC 9421 has them. */
static size_t
post_raw(unsigned char *sig, size_t len)
{
    unsigned char        raw[64];
    const unsigned char *p = sig;
    ECDSA_SIG           *pair = d2i_ECDSA_SIG(NULL, &p, (long) len);

    if (pair == NULL
        || BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32) != 32
        || BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32) != 32)
    {
        return 0;
    }

    ECDSA_SIG_free(pair);
    memcpy(sig, raw, sizeof(raw));

    return sizeof(raw);
}


static size_t
post_sign_key(EVP_MD_CTX *md, const char *base, size_t base_len,
    unsigned char *sig, size_t size)
{
    bool           ok;
    size_t         len = size;
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new(post.pkey, NULL), *own = ctx;
    const EVP_MD  *hash = post_is("ed25519") ? NULL
                          : post_is("sm2-sm3") ? EVP_sm3()
                          : post_is("rsa-pss-sha512") ? EVP_sha512()
                          : EVP_sha256();

    EVP_MD_CTX_reset(md);

    if (post_is("sm2-sm3")) {
        EVP_PKEY_CTX_set1_id(own, POST_SM2_ID, strlen(POST_SM2_ID));
        EVP_MD_CTX_set_pkey_ctx(md, own);
    }

    ok = EVP_DigestSignInit(md, &ctx, hash, NULL, post.pkey) == 1;

    if (ok && post_is("rsa-pss-sha512")) {
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    ok = ok && EVP_DigestSign(md, sig, &len, (const unsigned char *) base,
                              base_len)
               == 1;
    EVP_PKEY_CTX_free(own);

    if (!ok) {
        return 0;
    }

    return post_is("ed25519") || post_is("rsa-pss-sha512")
           ? len : post_raw(sig, len);
}


static size_t
post_sign_secret(long i, const char *base, size_t base_len,
    unsigned char *mac)
{
    char           keyid[128];
    size_t         key_len = post.secret_len;
    unsigned       len = 0;
    unsigned char  own[EVP_MAX_MD_SIZE], *key = post.secret;

    if (post.credentials != 0) {
        post_keyid(keyid, sizeof(keyid), i);
        EVP_Digest(keyid, strlen(keyid), own, &len, EVP_sha256(), NULL);
        key = own;
        key_len = len;
    }

    return HMAC(EVP_sha256(), key, (int) key_len,
                (const unsigned char *) base, base_len, mac, &len)
           == NULL ? 0 : len;
}


static void *
post_sign(void *arg)
{
    int            n;
    long           i, first = (long) (intptr_t) arg;
    char           params[512], base[2048];
    size_t         len;
    EVP_MD_CTX    *md = EVP_MD_CTX_new();
    unsigned char  sig[512];

    for (i = first; i < post.n; i += POST_THREADS) {
        post_params(params, sizeof(params), i);
        n = snprintf(base, sizeof(base), "\"@method\": POST\n"
                     "\"@authority\": " POST_AUTHORITY "\n"
                     "\"@path\": " POST_PATH "\n"
                     "\"content-type\": application/json\n"
                     "\"content-digest\": sha-256=:%s:\n"
                     "\"@signature-params\": %s", post.digest, params);
        len = post.pkey == NULL
              ? post_sign_secret(i, base, (size_t) n, sig)
              : post_sign_key(md, base, (size_t) n, sig, sizeof(sig));

        if (len == 0 || len > 256) {
            fputs("post: can't sign\n", stderr);
            exit(1);
        }

        EVP_EncodeBlock((unsigned char *) post.signatures
                        + (size_t) i * post.b64, sig, (int) len);
    }

    EVP_MD_CTX_free(md);

    return NULL;
}


static void
post_sign_all(void)
{
    int        i;
    pthread_t  threads[POST_THREADS];

    post.b64 = post.pkey == NULL ? 45
               : EVP_PKEY_get_base_id(post.pkey) == EVP_PKEY_RSA ? POST_B64
               : 89;
    post.signatures = calloc((size_t) post.n, post.b64);

    if (post.signatures == NULL) {
        post_die("memory");
    }

    for (i = 0; i < POST_THREADS; i++) {
        if (pthread_create(&threads[i], NULL, post_sign,
                           (void *) (intptr_t) i)
            != 0)
        {
            post_die("a thread");
        }
    }

    for (i = 0; i < POST_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
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
    int    len;
    long   i = post.started++;
    char   params[512];
    static char  out[1 << 17];

    post_params(params, sizeof(params), i);
    len = snprintf(out, sizeof(out), "POST " POST_PATH " HTTP/1.1\r\n"
                   "Host: " POST_AUTHORITY "\r\n"
                   "Content-Type: application/json\r\n"
                   "Content-Length: %zu\r\n"
                   "Content-Digest: sha-256=:%s:\r\n", post.body_len,
                   post.digest);

    if (post.signatures != NULL) {
        len += snprintf(out + len, sizeof(out) - (size_t) len,
                        "Signature-Input: sig1=%s\r\n"
                        "Signature: sig1=:%s:\r\n", params,
                        post.signatures + (size_t) i * post.b64);
    }

    memcpy(out + len, "\r\n", 2);
    memcpy(out + len + 2, post.body, post.body_len);

    c->due_ns = due_ns;
    post_write(c, out, (size_t) len + 2 + post.body_len);
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

    if (post.rate == 0 && post.started < post.n) {
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

    while (post.started < post.n && post.n_idle != 0) {
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

    while (post.done < post.n) {
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

    post.due = calloc((size_t) post.n, sizeof(int64_t));

    if (post.due == NULL) {
        post_die("memory");
    }

    srand48(1);

    for (i = 0; i < post.n; i++) {
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
post_read_key(void)
{
    FILE      *file;
    unsigned   octet;

    if (post_is("none") || post.credentials != 0) {
        return;
    }

    if (post_is("hmac-sha256")) {
        while (post.secret_len < sizeof(post.secret)
               && sscanf(post.key + 2 * post.secret_len, "%2x", &octet) == 1)
        {
            post.secret[post.secret_len++] = (unsigned char) octet;
        }

        return;
    }

    file = fopen(post.key, "re");
    post.pkey = file == NULL ? NULL
                             : PEM_read_PrivateKey(file, NULL, NULL, NULL);

    if (post.pkey == NULL) {
        post_die(post.key);
    }

    fclose(file);
}


static void
post_read_body(const char *name)
{
    FILE          *file = fopen(name, "re");
    unsigned       len;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    post.body = malloc(1 << 17);

    if (file == NULL || post.body == NULL) {
        post_die(name);
    }

    post.body_len = fread(post.body, 1, (1 << 17) - 4096, file);
    fclose(file);
    EVP_Digest(post.body, post.body_len, digest, &len, EVP_sha256(), NULL);
    EVP_EncodeBlock((unsigned char *) post.digest, digest, (int) len);
}


static void
post_arguments(int argc, char **argv)
{
    int          i;
    char        *v;
    const char  *body = NULL;

    for (i = 1; i < argc; i++) {
        v = strchr(argv[i], '=');

        if (v == NULL) {
            goto bad;
        }

        *v++ = '\0';

        if (strcmp(argv[i], "port") == 0) {
            post.port = atoi(v);
        } else if (strcmp(argv[i], "n") == 0) {
            post.n = atol(v);
        } else if (strcmp(argv[i], "body") == 0) {
            body = v;
        } else if (strcmp(argv[i], "keyid") == 0) {
            post.keyid = v;
        } else if (strcmp(argv[i], "alg") == 0) {
            post.alg = v;
        } else if (strcmp(argv[i], "key") == 0) {
            post.key = v;
        } else if (strcmp(argv[i], "connections") == 0) {
            post.n_conns = atoi(v);
        } else if (strcmp(argv[i], "rate") == 0) {
            post.rate = atof(v);
        } else if (strcmp(argv[i], "credentials") == 0) {
            post.credentials = atol(v);
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

    if (post.port != 0 && post.n > 0 && body != NULL && post.n_conns > 0
        && post.n_conns <= POST_MAX
        && (post_is("none") || post.credentials != 0 || post.key != NULL))
    {
        post_read_body(body);
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
    SSL_CTX  *tls;
    int64_t   began, ended, cpu;

    post_arguments(argc, argv);
    post_read_key();
    tls = post_tls();
    post.created = (long) time(NULL);
    snprintf(post.run, sizeof(post.run), "%llx",
             (unsigned long long) post_now() ^ (unsigned long long) getpid());
    post.us = calloc((size_t) post.n, sizeof(uint32_t));
    post.epoll = epoll_create1(EPOLL_CLOEXEC);

    if (post.us == NULL || post.epoll == -1) {
        post_die("memory");
    }

    if (!post_is("none")) {
        post_sign_all();
    }

    post_make_due();
    post_pin();

    for (i = 0; i < post.n_conns; i++) {
        post_open(&post.conns[i], tls);
        post.idle[post.n_idle++] = &post.conns[i];
    }

    began = post_now();
    cpu = post_clock(CLOCK_PROCESS_CPUTIME_ID);
    post_run(began);
    cpu = post_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    ended = post_now();

    qsort(post.us, (size_t) post.n, sizeof(uint32_t), post_compare);
    printf("{\"ok\":%ld,\"other\":%ld,\"ns\":%lld,\"cpu_ns\":%lld,\"p50\":%u,"
           "\"p99\":%u,\"max\":%u}\n", post.ok, post.other,
           (long long) (ended - began), (long long) cpu, post.us[post.n / 2],
           post.us[post.n - 1 - post.n / 100], post.us[post.n - 1]);

    return 0;
}
