#include "xc_query_param.h"

#include "xc_ascii.h"


static const char  xc_query_param_digits[] = "0123456789ABCDEF";


/* URL Standard, application/x-www-form-urlencoded percent-encode set. */
static bool
xc_query_param_is_plain(uint8_t c)
{
    return xc_ascii_is_alpha((char) c) || xc_ascii_is_digit((char) c)
           || c == '*' || c == '-' || c == '.' || c == '_';
}


/* Decodes one octet; a "%" without two digits behind stays itself. */
static uint8_t
xc_query_param_octet(xc_str_t *in)
{
    char      c = in->data[0];
    size_t    n = 1;
    uint8_t   octet = c == '+' ? ' ' : (uint8_t) c, decoded;

    if (c == '%' && in->len > 2
        && xc_hex_decode(&decoded, 1, (xc_str_t) { in->data + 1, 2 }))
    {
        octet = decoded;
        n = 3;
    }

    in->data += n;
    in->len -= n;

    return octet;
}


/* Encodes one octet onto three bytes. */
static size_t
xc_query_param_encode(uint8_t c, char *out)
{
    if (xc_query_param_is_plain(c)) {
        out[0] = (char) c;
        return 1;
    }

    out[0] = '%';
    out[1] = xc_query_param_digits[c >> 4];
    out[2] = xc_query_param_digits[c & 15];

    return 3;
}


/* Is the name, decoded and encoded again, that one? */
static bool
xc_query_param_is(xc_str_t name, xc_str_t wanted)
{
    char    c[3];
    size_t  n;

    while (name.len != 0) {
        n = xc_query_param_encode(xc_query_param_octet(&name), c);

        if (n > wanted.len || memcmp(c, wanted.data, n) != 0) {
            return false;
        }

        wanted.data += n;
        wanted.len -= n;
    }

    return wanted.len == 0;
}


/* Decoded and encoded again.  XC_DENIED: what is not UTF-8 would be replaced
 * before it is encoded (URL Standard 5.1), and not tell what was sent. */
static xc_rc_t
xc_query_param_canonical(xc_arena_t *arena, xc_str_t in, xc_str_t *out)
{
    char      *mem;
    size_t     i, n, len;
    uint8_t   *raw;

    mem = xc_arena_alloc(arena, 4 * in.len);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    raw = (uint8_t *) mem + 3 * in.len;

    for (n = 0; in.len != 0; n++) {
        raw[n] = xc_query_param_octet(&in);
    }

    if (!xc_ascii_is_utf8((xc_str_t) { (char *) raw, n })) {
        return XC_DENIED;
    }

    for (i = len = 0; i < n; i++) {
        len += xc_query_param_encode(raw[i], mem + len);
    }

    *out = (xc_str_t) { mem, len };

    return XC_OK;
}


/* The next pair between "&", split at its first "="; false at the end. */
static bool
xc_query_param_next(xc_str_t *rest, xc_str_t *name, xc_str_t *value)
{
    size_t       n;
    const char  *p;

    do {
        if (rest->len == 0) {
            return false;
        }

        p = memchr(rest->data, '&', rest->len);
        n = p == NULL ? rest->len : (size_t) (p - rest->data);
        *name = (xc_str_t) { rest->data, n };
        n = XC_MIN(n + 1, rest->len);
        rest->data += n;
        rest->len -= n;
    } while (name->len == 0);

    *value = XC_STR("");
    p = memchr(name->data, '=', name->len);

    if (p != NULL) {
        n = (size_t) (p - name->data);
        *value = (xc_str_t) { p + 1, name->len - n - 1 };
        name->len = n;
    }

    return true;
}


xc_rc_t
xc_query_param(xc_arena_t *arena, xc_str_t query, xc_str_t name,
    xc_str_t *out)
{
    size_t    found = 0;
    xc_rc_t   rc;
    xc_str_t  rest = query, key, text, sent = XC_STR_NONE, value = XC_STR_NONE;

    while (found < 2 && xc_query_param_next(&rest, &key, &text)) {
        if (xc_query_param_is(key, name)) {
            sent = key;
            value = text;
            found++;
        }
    }

    if (found != 1) {
        return XC_DENIED;
    }

    rc = xc_query_param_canonical(arena, sent, &key);

    return rc != XC_OK ? rc : xc_query_param_canonical(arena, value, out);
}
