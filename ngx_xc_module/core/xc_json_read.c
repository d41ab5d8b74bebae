#include "xc_json_read.h"

#include "xc_ascii.h"
#include "xc_json_number.h"


typedef struct {
    xc_arena_t       *arena;
    xc_str_t          text;
    const char       *p, *end;
    unsigned          max_depth;
    xc_json_error_t  *err;
    xc_json_pool_t    pool;
} xc_json_reader_t;

static xc_rc_t xc_json_read_value(xc_json_reader_t *r, unsigned depth,
    xc_json_t *node);


static xc_rc_t
xc_json_read_fault(const xc_json_reader_t *r, const char *at,
    const char *message)
{
    xc_json_locate(r->text, (size_t) (at - r->text.data), message, r->err);

    return XC_EINPUT;
}


/* What stands where something else should. */
static xc_rc_t
xc_json_read_unexpected(const xc_json_reader_t *r, const char *message)
{
    return xc_json_read_fault(r, r->p, r->p == r->end ? "the text ends too soon"
                                                      : message);
}


static bool
xc_json_read_is(const xc_json_reader_t *r, char c)
{
    return r->p != r->end && *r->p == c;
}


/* RFC 8259 section 2 */
static void
xc_json_read_space(xc_json_reader_t *r)
{
    while (r->p != r->end
           && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t'
               || *r->p == '\r'))
    {
        r->p++;
    }
}


/* Four hexadecimal digits behind "\u" at p, or -1. */
static int
xc_json_read_unit(const char *p, const char *end)
{
    uint8_t  unit[2];

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u'
        || !xc_hex_decode(unit, 2, (xc_str_t) { p + 2, 4 }))
    {
        return -1;
    }

    return unit[0] << 8 | unit[1];
}


/* The character that one "\u" or a pair of them at p names, and how long its
 * spelling is; -1 where there is none: RFC 8259 section 7. */
static int
xc_json_read_point(const char *p, const char *end, size_t *len)
{
    int  high, low;

    high = xc_json_read_unit(p, end);
    *len = 6;

    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }

    low = high < 0xdc00 ? xc_json_read_unit(p + 6, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }

    *len = 12;

    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}


/* Takes an escape whose backslash is at r->p. */
static xc_rc_t
xc_json_read_escape(xc_json_reader_t *r)
{
    int     point;
    size_t  len = 2;

    if (r->end - r->p > 1 && r->p[1] == 'u') {
        point = xc_json_read_point(r->p, r->end, &len);

        if (point == 0) {
            return xc_json_read_fault(r, r->p, "a NUL byte as \\u0000");
        }

        if (point < 0) {
            return xc_json_read_fault(r, r->p, "\\u names no character");
        }

    } else if (r->end - r->p < 2
               || memchr("\"\\/bfnrt", r->p[1], 8) == NULL)
    {
        return xc_json_read_fault(r, r->p, "no such escape");
    }

    r->p += len;

    return XC_OK;
}


/* Takes what a string may not hold as it is, at r->p. */
static xc_rc_t
xc_json_read_special(xc_json_reader_t *r, bool *escaped)
{
    size_t  n;

    if (*r->p == '\\') {
        *escaped = true;
        return xc_json_read_escape(r);
    }

    if ((unsigned char) *r->p < 0x20) {
        return xc_json_read_fault(r, r->p, "a control character in a string");
    }

    n = xc_ascii_utf8_len((xc_str_t) { r->p, (size_t) (r->end - r->p) });
    if (n == 0) {
        return xc_json_read_fault(r, r->p, "a byte that is not UTF-8");
    }

    r->p += n;

    return XC_OK;
}


/* RFC 3629 section 3 */
static char *
xc_json_read_encode(char *out, int point)
{
    if (point < 0x80) {
        *out++ = (char) point;
        return out;
    }

    if (point < 0x800) {
        *out++ = (char) (0xc0 | point >> 6);

    } else {
        if (point < 0x10000) {
            *out++ = (char) (0xe0 | point >> 12);

        } else {
            *out++ = (char) (0xf0 | point >> 18);
            *out++ = (char) (0x80 | (point >> 12 & 0x3f));
        }

        *out++ = (char) (0x80 | (point >> 6 & 0x3f));
    }

    *out++ = (char) (0x80 | (point & 0x3f));

    return out;
}


/* A copy of raw, whose escapes were found good, without them.  An escape is
 * never shorter than what it stands for. */
static xc_rc_t
xc_json_read_unescape(xc_arena_t *arena, xc_str_t raw, xc_str_t *out)
{
    char        *copy, *to;
    size_t       len;
    const char  *p, *end = raw.data + raw.len;

    static const char  names[] = "bfnrt", values[] = "\b\f\n\r\t";

    copy = xc_arena_alloc(arena, raw.len);
    if (copy == NULL) {
        return XC_ENOMEM;
    }

    for (p = raw.data, to = copy; p < end; p += len) {
        len = 1;

        if (*p != '\\') {
            *to++ = *p;

        } else if (p[1] == 'u') {
            to = xc_json_read_encode(to, xc_json_read_point(p, end, &len));

        } else {
            len = 2;
            *to++ = p[1] >= 'b' ? values[strchr(names, p[1]) - names] : p[1];
        }
    }

    *out = (xc_str_t) { copy, (size_t) (to - copy) };

    return XC_OK;
}


/* From the opening quote to behind the closing one. */
static xc_rc_t
xc_json_read_string(xc_json_reader_t *r, xc_str_t *out)
{
    bool                  escaped = false;
    xc_rc_t               rc;
    xc_str_t              raw;
    const unsigned char  *p, *end = (const unsigned char *) r->end;

    raw.data = ++r->p;

    for ( ;; ) {
        p = (const unsigned char *) r->p;

        while (p != end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        {
            p++;
        }

        r->p = (const char *) p;

        if (p == end) {
            return xc_json_read_fault(r, r->p, "a string without its end");
        }

        if (*p == '"') {
            break;
        }

        rc = xc_json_read_special(r, &escaped);
        if (rc != XC_OK) {
            return rc;
        }
    }

    raw.len = (size_t) (r->p++ - raw.data);

    if (escaped) {
        return xc_json_read_unescape(r->arena, raw, out);
    }

    *out = raw;

    return XC_OK;
}


/* Passes over digits; false where there are none. */
static bool
xc_json_read_digits(xc_json_reader_t *r)
{
    const char  *from = r->p;

    while (r->p != r->end && xc_ascii_is_digit(*r->p)) {
        r->p++;
    }

    return r->p != from;
}


/* RFC 8259 section 6 */
static xc_rc_t
xc_json_read_number(xc_json_reader_t *r, xc_json_t *node)
{
    bool         real = false;
    const char  *from = r->p;

    r->p += *r->p == '-';

    if (xc_json_read_is(r, '0')) {
        r->p++;

    } else if (!xc_json_read_digits(r)) {
        return xc_json_read_unexpected(r, "no digit behind the minus");
    }

    if (xc_json_read_is(r, '.')) {
        r->p++;
        real = true;

        if (!xc_json_read_digits(r)) {
            return xc_json_read_unexpected(r, "no digit behind the point");
        }
    }

    if (xc_json_read_is(r, 'e') || xc_json_read_is(r, 'E')) {
        r->p++;
        real = true;
        r->p += xc_json_read_is(r, '+') || xc_json_read_is(r, '-');

        if (!xc_json_read_digits(r)) {
            return xc_json_read_unexpected(r, "no digit in the exponent");
        }
    }

    if (!xc_json_number((xc_str_t) { from, (size_t) (r->p - from) }, real,
                        node))
    {
        return xc_json_read_fault(r, from, "a number too large");
    }

    return XC_OK;
}


static xc_rc_t
xc_json_read_word(xc_json_reader_t *r, xc_json_t *node)
{
    size_t  i;

    static const struct {
        xc_str_t        text;
        xc_json_type_t  type;
        bool            value;
    } words[] = {
        { { "true", 4 }, XC_JSON_BOOL, true },
        { { "false", 5 }, XC_JSON_BOOL, false },
        { { "null", 4 }, XC_JSON_NULL, false }
    };

    for (i = 0; i < XC_COUNT(words); i++) {
        if ((size_t) (r->end - r->p) >= words[i].text.len
            && memcmp(r->p, words[i].text.data, words[i].text.len) == 0)
        {
            node->type = words[i].type;
            node->boolean = words[i].value;
            r->p += words[i].text.len;
            return XC_OK;
        }
    }

    return xc_json_read_unexpected(r, "no value of JSON");
}


/* Many are looked through at the object's end: xc_json_index(). */
static bool
xc_json_read_twice(const xc_json_t *object, xc_str_t key)
{
    const xc_json_t  *child;

    if (object->n > XC_JSON_FEW) {
        return false;
    }

    for (child = object->first; child != NULL; child = child->next) {
        if (xc_str_eq(child->key, key)) {
            return true;
        }
    }

    return false;
}


/* A name and the colon behind it. */
static xc_rc_t
xc_json_read_name(xc_json_reader_t *r, const xc_json_t *object,
    xc_json_t *child)
{
    xc_rc_t      rc;
    const char  *from = r->p;

    if (!xc_json_read_is(r, '"')) {
        return xc_json_read_unexpected(r, "no name of a member");
    }

    rc = xc_json_read_string(r, &child->key);
    if (rc != XC_OK) {
        return rc;
    }

    if (xc_json_read_twice(object, child->key)) {
        return xc_json_read_fault(r, from, "duplicate object key");
    }

    xc_json_read_space(r);

    if (!xc_json_read_is(r, ':')) {
        return xc_json_read_unexpected(r, "no colon behind a name");
    }

    r->p++;
    xc_json_read_space(r);

    return XC_OK;
}


/* Behind the last child. */
static xc_rc_t
xc_json_read_close(xc_json_reader_t *r, xc_json_t *node)
{
    xc_rc_t           rc;
    const char       *at = r->p;
    const xc_json_t  *twice;

    r->p++;

    rc = xc_json_index(r->arena, node, &twice);
    if (rc != XC_DENIED) {
        return rc;
    }

    /* an unescaped name stands elsewhere: the object's end is told then */
    if ((uintptr_t) twice->key.data >= (uintptr_t) r->text.data
        && (uintptr_t) twice->key.data < (uintptr_t) r->end)
    {
        at = twice->key.data - 1;
    }

    return xc_json_read_fault(r, at, "duplicate object key");
}


/* Members or elements, from the bracket to behind the one that closes. */
static xc_rc_t
xc_json_read_children(xc_json_reader_t *r, unsigned depth, xc_json_t *node)
{
    char        close = node->type == XC_JSON_OBJECT ? '}' : ']';
    xc_rc_t     rc;
    xc_json_t  *child, *last = NULL;

    node->first = NULL;
    node->index = NULL;

    r->p++;
    xc_json_read_space(r);

    if (xc_json_read_is(r, close)) {
        r->p++;
        return XC_OK;
    }

    for ( ;; ) {
        child = xc_json_node(&r->pool);
        if (child == NULL) {
            return XC_ENOMEM;
        }

        rc = close == '}' ? xc_json_read_name(r, node, child) : XC_OK;
        if (rc == XC_OK) {
            rc = xc_json_read_value(r, depth, child);
        }

        if (rc != XC_OK) {
            return rc;
        }

        xc_json_append(node, last, child);
        last = child;
        xc_json_read_space(r);

        if (xc_json_read_is(r, close)) {
            return xc_json_read_close(r, node);
        }

        if (!xc_json_read_is(r, ',')) {
            return xc_json_read_unexpected(r, close == '}'
                                              ? "no comma or } here"
                                              : "no comma or ] here");
        }

        r->p++;
        xc_json_read_space(r);
    }
}


static xc_rc_t
xc_json_read_value(xc_json_reader_t *r, unsigned depth, xc_json_t *node)
{
    char  c = r->p == r->end ? '\0' : *r->p;

    if (c == '"') {
        node->type = XC_JSON_STRING;
        return xc_json_read_string(r, &node->string);
    }

    if (c == '{' || c == '[') {
        if (depth == r->max_depth) {
            (void) xc_json_read_fault(r, r->p, "nested too deeply");
            return XC_ELIMIT;
        }

        node->type = c == '{' ? XC_JSON_OBJECT : XC_JSON_ARRAY;
        return xc_json_read_children(r, depth + 1, node);
    }

    if (c == '-' || xc_ascii_is_digit(c)) {
        return xc_json_read_number(r, node);
    }

    return xc_json_read_word(r, node);
}


xc_rc_t
xc_json_read(xc_arena_t *arena, xc_str_t text, unsigned max_depth,
    xc_json_error_t *err, const xc_json_t **root)
{
    xc_rc_t           rc;
    xc_json_t        *node;
    xc_json_reader_t  r;

    if (text.data == NULL) {
        text = XC_STR("");
    }

    r = (xc_json_reader_t) {
        .arena = arena, .text = text, .p = text.data,
        .end = text.data + text.len,
        .max_depth = XC_MIN(max_depth, XC_JSON_READ_DEPTH_MAX), .err = err,
        /* of a request's text one value takes some 16 bytes */
        .pool = { arena, NULL, 0, XC_MAX(XC_MIN(text.len / 16, 64), 4) }
    };

    node = xc_json_node(&r.pool);
    if (node == NULL) {
        return XC_ENOMEM;
    }

    xc_json_read_space(&r);

    rc = xc_json_read_value(&r, 0, node);
    if (rc != XC_OK) {
        return rc;
    }

    xc_json_read_space(&r);

    if (r.p != r.end) {
        return xc_json_read_fault(&r, r.p, "text behind the value");
    }

    *root = node;

    return XC_OK;
}
