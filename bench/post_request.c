/*
 * The requests of bench/post: all alike but for nonce and signature (RFC 9421),
 * which are made for all of them before the first is sent.
 */

#define _GNU_SOURCE

#include "post.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define POST_PATH       "/xc/v1/requests"
#define POST_B64        349         /* of 256 octets, NUL included */
#define POST_THREADS    2
#define POST_SM2_ID     "1234567812345678"

/* Every POST_THREADS-th request, from `first`. */
typedef struct {
    const post_requests_t  *r;
    long                    first;
} post_share_t;


void
post_die(const char *what)
{
    fprintf(stderr, "post: %s: %s\n", what, strerror(errno));
    exit(1);
}


static bool
post_is(const post_requests_t *r, const char *alg)
{
    return strcmp(r->alg, alg) == 0;
}


/* The stride is a prime: the keys are met out of the policy's order. */
static void
post_keyid(const post_requests_t *r, char *out, size_t size, long i)
{
    if (r->credentials != 0) {
        snprintf(out, size, "%s-%ld", r->keyid, i * 7919 % r->credentials);

    } else {
        snprintf(out, size, "%s", r->keyid);
    }
}


static void
post_params(const post_requests_t *r, char *out, size_t size, long i)
{
    char         keyid[128];
    const char  *content = r->get != NULL ? "\"@query\""
                           : "\"content-type\" \"content-digest\"";

    post_keyid(r, keyid, sizeof(keyid), i);
    snprintf(out, size, "(\"@method\" \"@authority\" \"@path\" %s)"
             ";created=%ld;keyid=\"%s\";nonce=\"%s-%ld\"", content, r->created,
             keyid, r->run, i);
}


static size_t
post_base(const post_requests_t *r, char *out, size_t size, long i)
{
    int          n;
    char         params[512];
    const char  *query;

    post_params(r, params, sizeof(params), i);

    if (r->get != NULL) {
        query = strchr(r->get, '?');
        n = snprintf(out, size, "\"@method\": GET\n"
                     "\"@authority\": " POST_AUTHORITY "\n"
                     "\"@path\": %.*s\n\"@query\": %s\n"
                     "\"@signature-params\": %s", (int) (query - r->get),
                     r->get, query, params);

    } else {
        n = snprintf(out, size, "\"@method\": POST\n"
                     "\"@authority\": " POST_AUTHORITY "\n"
                     "\"@path\": " POST_PATH "\n"
                     "\"content-type\": application/json\n"
                     "\"content-digest\": sha-256=:%s:\n"
                     "\"@signature-params\": %s", r->digest, params);
    }

    return n < 0 || (size_t) n >= size ? 0 : (size_t) n;
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
post_sign_key(const post_requests_t *r, EVP_MD_CTX *md, const char *base,
    size_t base_len, unsigned char *sig, size_t size)
{
    bool           ok;
    size_t         len = size;
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new(r->pkey, NULL), *own = ctx;
    const EVP_MD  *hash = post_is(r, "ed25519") ? NULL
                          : post_is(r, "sm2-sm3") ? EVP_sm3()
                          : post_is(r, "rsa-pss-sha512") ? EVP_sha512()
                          : EVP_sha256();

    EVP_MD_CTX_reset(md);

    if (post_is(r, "sm2-sm3")) {
        EVP_PKEY_CTX_set1_id(own, POST_SM2_ID, strlen(POST_SM2_ID));
        EVP_MD_CTX_set_pkey_ctx(md, own);
    }

    ok = EVP_DigestSignInit(md, &ctx, hash, NULL, r->pkey) == 1;

    if (ok && post_is(r, "rsa-pss-sha512")) {
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

    return post_is(r, "ed25519") || post_is(r, "rsa-pss-sha512")
           ? len : post_raw(sig, len);
}


static size_t
post_sign_secret(const post_requests_t *r, long i, const char *base,
    size_t base_len, unsigned char *mac)
{
    char                  keyid[128];
    size_t                key_len = r->secret_len;
    unsigned              len = 0;
    unsigned char         own[EVP_MAX_MD_SIZE];
    const unsigned char  *key = r->secret;

    if (r->credentials != 0) {
        post_keyid(r, keyid, sizeof(keyid), i);
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
    long                    i;
    char                    base[POST_HEAD_MAX];
    size_t                  n, len;
    EVP_MD_CTX             *md = EVP_MD_CTX_new();
    unsigned char           sig[512];
    const post_share_t     *share = arg;
    const post_requests_t  *r = share->r;

    for (i = share->first; i < r->n; i += POST_THREADS) {
        n = post_base(r, base, sizeof(base), i);
        len = n == 0 ? 0
              : r->pkey == NULL ? post_sign_secret(r, i, base, n, sig)
              : post_sign_key(r, md, base, n, sig, sizeof(sig));

        if (len == 0 || len > 256) {
            fputs("post: can't sign\n", stderr);
            exit(1);
        }

        EVP_EncodeBlock((unsigned char *) r->signatures + (size_t) i * r->b64,
                        sig, (int) len);
    }

    EVP_MD_CTX_free(md);

    return NULL;
}


static void
post_sign_all(post_requests_t *r)
{
    int           i;
    pthread_t     threads[POST_THREADS];
    post_share_t  shares[POST_THREADS];

    r->b64 = r->pkey == NULL ? 45
             : EVP_PKEY_get_base_id(r->pkey) == EVP_PKEY_RSA ? POST_B64
             : 89;
    r->signatures = calloc((size_t) r->n, r->b64);

    if (r->signatures == NULL) {
        post_die("memory");
    }

    for (i = 0; i < POST_THREADS; i++) {
        shares[i] = (post_share_t) { .r = r, .first = i };

        if (pthread_create(&threads[i], NULL, post_sign, &shares[i]) != 0) {
            post_die("a thread");
        }
    }

    for (i = 0; i < POST_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}


static void
post_read_key(post_requests_t *r)
{
    FILE      *file;
    unsigned   octet;

    if (post_is(r, "none") || r->credentials != 0) {
        return;
    }

    if (post_is(r, "hmac-sha256")) {
        while (r->secret_len < sizeof(r->secret)
               && sscanf(r->key + 2 * r->secret_len, "%2x", &octet) == 1)
        {
            r->secret[r->secret_len++] = (unsigned char) octet;
        }

        return;
    }

    file = fopen(r->key, "re");
    r->pkey = file == NULL ? NULL
                           : PEM_read_PrivateKey(file, NULL, NULL, NULL);

    if (r->pkey == NULL) {
        post_die(r->key);
    }

    fclose(file);
}


static void
post_read_body(post_requests_t *r)
{
    FILE          *file = fopen(r->file, "re");
    unsigned       len;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    r->body = malloc(POST_REQUEST_MAX);

    if (file == NULL || r->body == NULL) {
        post_die(r->file);
    }

    r->body_len = fread(r->body, 1, POST_REQUEST_MAX - POST_HEAD_MAX, file);
    fclose(file);
    EVP_Digest(r->body, r->body_len, digest, &len, EVP_sha256(), NULL);
    EVP_EncodeBlock((unsigned char *) r->digest, digest, (int) len);
}


void
post_requests_make(post_requests_t *r)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    r->created = (long) time(NULL);
    snprintf(r->run, sizeof(r->run), "%llx",
             (ts.tv_sec * 1000000000ULL + (unsigned long long) ts.tv_nsec)
             ^ (unsigned long long) getpid());

    if (r->get == NULL) {
        post_read_body(r);
    }

    post_read_key(r);

    if (!post_is(r, "none")) {
        post_sign_all(r);
    }
}


size_t
post_request(const post_requests_t *r, long i, char *out)
{
    int   len;
    char  params[512];

    len = r->get != NULL
          ? snprintf(out, POST_HEAD_MAX, "GET %s HTTP/1.1\r\n"
                     "Host: " POST_AUTHORITY "\r\n", r->get)
          : snprintf(out, POST_HEAD_MAX, "POST " POST_PATH " HTTP/1.1\r\n"
                     "Host: " POST_AUTHORITY "\r\n"
                     "Content-Type: application/json\r\n"
                     "Content-Length: %zu\r\n"
                     "Content-Digest: sha-256=:%s:\r\n", r->body_len,
                     r->digest);

    if (r->signatures != NULL && len < POST_HEAD_MAX) {
        post_params(r, params, sizeof(params), i);
        len += snprintf(out + len, POST_HEAD_MAX - (size_t) len,
                        "Signature-Input: sig1=%s\r\n"
                        "Signature: sig1=:%s:\r\n", params,
                        r->signatures + (size_t) i * r->b64);
    }

    if (len > POST_HEAD_MAX - 2) {
        fputs("post: a request is too large\n", stderr);
        exit(1);
    }

    memcpy(out + len, "\r\n", 2);

    if (r->body_len != 0) {
        memcpy(out + len + 2, r->body, r->body_len);
    }

    return (size_t) len + 2 + r->body_len;
}
