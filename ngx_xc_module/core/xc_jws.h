/*
 * A signed token's parts: the compact form of RFC 7515 around a header and
 * claims in JSON.  Nothing is verified here, and no member is looked at.
 */

#ifndef XC_JWS_H
#define XC_JWS_H

#include "xc_json.h"

/* Octets as written.  The first is looked at before anything is read. */
#define XC_JWS_MAX              8192
#define XC_JWS_HEADER_MAX       2048
#define XC_JWS_SIGNATURE_MAX    1366    /* 1,024 bytes */

#define XC_JWS_DEPTH_MAX        8       /* of header and claims */

typedef struct {
    xc_str_t          content;          /* what is signed, borrowed */
    xc_str_t          signature;        /* bytes, in the arena */
    const xc_json_t  *header;           /* objects, in the arena */
    const xc_json_t  *claims;
} xc_jws_t;

/*
 * XC_EINPUT: *error (static) says what is wrong: too long, not three parts of
 * base64url without padding, a header or claims that are not an object in
 * strict JSON.  XC_ENOMEM.  Linear in the token; the JSON takes up to some
 * 40 times its length.
 */
xc_rc_t xc_jws_parse(xc_arena_t *arena, xc_str_t token, const char **error,
    xc_jws_t *out) XC_WUR;

/* A member that is a string; data NULL: absent or of another type. */
xc_str_t xc_jws_string(const xc_json_t *object, xc_str_t name);

/*
 * Is one of the names in `aud` ours, as is() says of each?  RFC 7519 4.1.3: a
 * string or a list of strings; false where it is anything else.
 */
bool xc_jws_audience(const xc_json_t *claims,
    bool (*is)(const void *ctx, xc_str_t name), const void *ctx);

/*
 * NumericDate (RFC 7519 2), from 1970 to the year 9999.  A fraction is allowed
 * and dropped: an end comes less than a second early, a beginning lies within
 * the leeway anyway.  False: anything else.
 */
bool xc_jws_date(const xc_json_t *node, int64_t *out);

#endif
