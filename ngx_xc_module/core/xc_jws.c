#include "xc_jws.h"

#include "xc_b64.h"
#include "xc_json_read.h"


/* 9999-12-31T23:59:59Z: what is later is no time, and sums stay small. */
#define XC_JWS_DATE_MAX     INT64_C(253402300799)


static xc_rc_t
xc_jws_fault(const char **error, const char *what)
{
    *error = what;

    return XC_EINPUT;
}


/* RFC 7515 7.1: three parts; five would be an encrypted one.  A fourth stays
 * in the last, whose dot is not base64url. */
static bool
xc_jws_split(xc_str_t token, xc_str_t parts[3])
{
    size_t       i;
    const char  *dot;

    for (i = 0; i < 2; i++) {
        dot = token.len == 0 ? NULL : memchr(token.data, '.', token.len);
        if (dot == NULL) {
            return false;
        }

        parts[i] = (xc_str_t) { token.data, (size_t) (dot - token.data) };
        token.data = dot + 1;
        token.len -= parts[i].len + 1;
    }

    parts[2] = token;

    return true;
}


static xc_rc_t
xc_jws_decode(xc_arena_t *arena, xc_str_t part, const char **error,
    xc_str_t *out)
{
    size_t    len;
    uint8_t  *bytes;

    bytes = xc_arena_alloc(arena, XC_B64_DECODED_MAX(part.len));
    if (bytes == NULL) {
        return XC_ENOMEM;
    }

    if (xc_b64_decode(XC_B64_URL, part, bytes, &len) != XC_OK) {
        return xc_jws_fault(error, "a part of the token is not base64url"
                                   " without padding");
    }

    *out = (xc_str_t) { (char *) bytes, len };

    return XC_OK;
}


static xc_rc_t
xc_jws_read_object(xc_arena_t *arena, xc_str_t part, const char **error,
    const xc_json_t **out)
{
    xc_rc_t           rc;
    xc_str_t          text;
    const xc_json_t  *root;

    rc = xc_jws_decode(arena, part, error, &text);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_json_read(arena, text, XC_JWS_DEPTH_MAX, NULL, &root);

    if (rc == XC_EINPUT || rc == XC_ELIMIT
        || (rc == XC_OK && xc_json_type(root) != XC_JSON_OBJECT))
    {
        return xc_jws_fault(error, "a part of the token is not an object in"
                                   " strict JSON");
    }

    if (rc == XC_OK) {
        *out = root;
    }

    return rc;
}


xc_rc_t
xc_jws_parse(xc_arena_t *arena, xc_str_t token, const char **error,
    xc_jws_t *out)
{
    xc_rc_t   rc;
    xc_str_t  parts[3];
    xc_jws_t  jws = { .header = NULL };

    if (token.len > XC_JWS_MAX) {
        return xc_jws_fault(error, "the token is over 8192 bytes");
    }

    if (!xc_jws_split(token, parts)) {
        return xc_jws_fault(error, "the token is not a JWS of three parts");
    }

    if (parts[0].len > XC_JWS_HEADER_MAX
        || parts[2].len > XC_JWS_SIGNATURE_MAX)
    {
        return xc_jws_fault(error, "the token's header or signature is too"
                                   " long");
    }

    jws.content = (xc_str_t) { token.data, token.len - parts[2].len - 1 };

    rc = xc_jws_read_object(arena, parts[0], error, &jws.header);

    if (rc == XC_OK) {
        rc = xc_jws_read_object(arena, parts[1], error, &jws.claims);
    }

    if (rc == XC_OK) {
        rc = xc_jws_decode(arena, parts[2], error, &jws.signature);
    }

    if (rc == XC_OK) {
        *out = jws;
    }

    return rc;
}


xc_str_t
xc_jws_string(const xc_json_t *object, xc_str_t name)
{
    const xc_json_t  *member = xc_json_member(object, name);

    return member != NULL && xc_json_type(member) == XC_JSON_STRING
           ? xc_json_string(member) : XC_STR_NONE;
}


bool
xc_jws_audience(const xc_json_t *claims,
    bool (*is)(const void *ctx, xc_str_t name), const void *ctx)
{
    bool              list, found = false;
    size_t            i, n;
    const xc_json_t  *aud, *one;

    aud = xc_json_member(claims, XC_STR("aud"));
    list = aud != NULL && xc_json_type(aud) == XC_JSON_ARRAY;
    n = list ? xc_json_size(aud) : aud != NULL;

    for (i = 0; i < n; i++) {
        one = list ? xc_json_element(aud, i) : aud;

        if (xc_json_type(one) != XC_JSON_STRING) {
            return false;
        }

        found = found || is(ctx, xc_json_string(one));
    }

    return found;
}


bool
xc_jws_date(const xc_json_t *node, int64_t *out)
{
    double   real;
    int64_t  t = -1;

    if (xc_json_type(node) == XC_JSON_INT) {
        t = xc_json_int(node);

    } else if (xc_json_type(node) == XC_JSON_REAL) {
        real = xc_json_real(node);

        if (real >= 0 && real <= (double) XC_JWS_DATE_MAX) {
            t = (int64_t) real;
        }
    }

    if (t < 0 || t > XC_JWS_DATE_MAX) {
        return false;
    }

    *out = t;

    return true;
}
