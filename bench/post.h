/* What bench/post sends (post_request.c), for what sends it (post.c). */

#ifndef POST_H
#define POST_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#define POST_AUTHORITY      "platform.example"
#define POST_REQUEST_MAX    (1 << 17)
#define POST_HEAD_MAX       4096        /* of it: what is before the body */

typedef struct {
    long           n;
    const char    *alg, *keyid, *key;   /* as post.c's head has them */
    long           credentials;
    const char    *file;                /* of the body; NULL: GET */
    const char    *get;                 /* the target, with a query */

    /* post_requests_make()'s */
    long           created;
    char           run[32];             /* in every nonce: tells runs apart */
    char           digest[EVP_MAX_MD_SIZE * 2];     /* base64 of the body's */
    char          *body;
    size_t         body_len, b64;
    unsigned char  secret[128];
    size_t         secret_len;
    EVP_PKEY      *pkey;
    char          *signatures;          /* b64 octets each; NULL: none */
} post_requests_t;

/* Ends the program. */
void post_die(const char *what);

/* Reads body and key, and signs all. */
void post_requests_make(post_requests_t *r);

/* The octets of one; out has room for POST_REQUEST_MAX. */
size_t post_request(const post_requests_t *r, long i, char *out);

#endif
