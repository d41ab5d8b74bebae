#include "xcctl_scan.h"

#include "../core/xc_ascii.h"

#define XCCTL_ONES      UINT64_C(0x0101010101010101)
#define XCCTL_HIGHS     UINT64_C(0x8080808080808080)

/* Bits 0x80 of the octets of w that are below n; exact up to the first. */
#define XCCTL_BELOW(w, n)  (((w) - XCCTL_ONES * (n)) & ~(w) & XCCTL_HIGHS)


typedef struct {
    const char    *start, *p, *end;
    xcctl_scan_t  *out;
    uint64_t       met;         /* a bit a name of the top: most differ */
    xc_str_t       names[XCCTL_SCAN_NAMES];     /* of nested objects */
    size_t         n_names;
} xcctl_scanner_t;


static bool xcctl_scan_value(xcctl_scanner_t *s, unsigned depth, char *type);


static bool
xcctl_scan_fail(xcctl_scanner_t *s, const char *error)
{
    if (s->out->error == NULL) {
        s->out->error = error;
        s->out->at = (size_t) (s->p - s->start) + 1;
    }

    return false;
}


static void
xcctl_scan_space(xcctl_scanner_t *s)
{
    while (s->p < s->end
           && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
    {
        s->p++;
    }
}


/* Past what needs no look inside a string: eight octets at a time. */
static void
xcctl_scan_plain(xcctl_scanner_t *s)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t  w, stop;

    while (s->end - s->p >= 8) {
        memcpy(&w, s->p, 8);

        stop = (w & XCCTL_HIGHS) | XCCTL_BELOW(w, 0x20)
               | XCCTL_BELOW(w ^ XCCTL_ONES * '"', 1)
               | XCCTL_BELOW(w ^ XCCTL_ONES * '\\', 1);

        if (stop != 0) {
            s->p += __builtin_ctzll(stop) / 8;
            return;
        }

        s->p += 8;
    }
#endif

    while (s->p < s->end && (unsigned char) *s->p >= 0x20
           && (unsigned char) *s->p < 0x80 && *s->p != '"' && *s->p != '\\')
    {
        s->p++;
    }
}


static bool
xcctl_scan_escape(xcctl_scanner_t *s)
{
    uint8_t  unit[2];

    if (s->end - s->p >= 2 && s->p[1] != '\0'
        && strchr("\"\\/bfnrt", s->p[1]) != NULL)
    {
        s->p += 2;
        return true;
    }

    if (s->end - s->p >= 6 && s->p[1] == 'u'
        && xc_hex_decode(unit, 2, (xc_str_t) { s->p + 2, 4 }))
    {
        s->p += 6;
        return true;
    }

    return xcctl_scan_fail(s, "not an escape");
}


/* At the opening quote; out: between the quotes. */
static bool
xcctl_scan_string(xcctl_scanner_t *s, xc_str_t *out)
{
    size_t       n;
    const char  *from = ++s->p;

    for ( ;; ) {
        xcctl_scan_plain(s);

        if (s->p == s->end) {
            return xcctl_scan_fail(s, "a string without its end");
        }

        if (*s->p == '"') {
            *out = (xc_str_t) { from, (size_t) (s->p++ - from) };
            return true;
        }

        if (*s->p == '\\') {
            if (!xcctl_scan_escape(s)) {
                return false;
            }

            continue;
        }

        if ((unsigned char) *s->p < 0x20) {
            return xcctl_scan_fail(s, "a control character");
        }

        n = xc_ascii_utf8_len((xc_str_t) { s->p, (size_t) (s->end - s->p) });
        if (n == 0) {
            return xcctl_scan_fail(s, "not UTF-8");
        }

        s->p += n;
    }
}


static bool
xcctl_scan_digits(xcctl_scanner_t *s)
{
    const char  *from = s->p;

    while (s->p < s->end && xc_ascii_is_digit(*s->p)) {
        s->p++;
    }

    return s->p != from || xcctl_scan_fail(s, "not a number");
}


static bool
xcctl_scan_number(xcctl_scanner_t *s)
{
    if (*s->p == '-') {
        s->p++;
    }

    if (s->p < s->end && *s->p == '0') {
        s->p++;

    } else if (!xcctl_scan_digits(s)) {
        return false;
    }

    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!xcctl_scan_digits(s)) {
            return false;
        }
    }

    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        s->p += s->p < s->end && (*s->p == '+' || *s->p == '-');

        return xcctl_scan_digits(s);
    }

    return true;
}


static bool
xcctl_scan_literal(xcctl_scanner_t *s, xc_str_t literal)
{
    if ((size_t) (s->end - s->p) < literal.len
        || memcmp(s->p, literal.data, literal.len) != 0)
    {
        return xcctl_scan_fail(s, "not a value");
    }

    s->p += literal.len;

    return true;
}


static bool
xcctl_scan_twice(xcctl_scanner_t *s, xc_str_t key)
{
    size_t    i;
    uint64_t  hash, bit;

    hash = (key.len == 0 ? 0 : (unsigned char) key.data[0] * UINT64_C(131)
            + (unsigned char) key.data[key.len - 1]) * UINT64_C(31) + key.len;
    bit = UINT64_C(1) << ((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 58);

    if ((s->met & bit) == 0) {
        s->met |= bit;
        return false;
    }

    for (i = 0; i < s->out->n; i++) {
        if (xc_str_eq(s->out->member[i].key, key)) {
            return true;
        }
    }

    return false;
}


/* first: of the names of this object. */
static bool
xcctl_scan_name(xcctl_scanner_t *s, bool top, size_t first, xc_str_t key)
{
    size_t  i;

    if (top) {
        return !xcctl_scan_twice(s, key)
               || xcctl_scan_fail(s, "a member stands twice");
    }

    for (i = first; i < s->n_names; i++) {
        if (xc_str_eq(s->names[i], key)) {
            return xcctl_scan_fail(s, "a member stands twice");
        }
    }

    if (s->n_names == XCCTL_SCAN_NAMES) {
        return xcctl_scan_fail(s, "too many members");
    }

    s->names[s->n_names++] = key;

    return true;
}


/* A name, its colon, its value. */
static bool
xcctl_scan_member(xcctl_scanner_t *s, unsigned depth, size_t first)
{
    char             type;
    bool             top = depth == 1;
    xc_str_t         key;
    const char      *from;
    xcctl_member_t  *member;

    if (s->p == s->end || *s->p != '"') {
        return xcctl_scan_fail(s, "a name is missing");
    }

    if (!xcctl_scan_string(s, &key) || !xcctl_scan_name(s, top, first, key)) {
        return false;
    }

    xcctl_scan_space(s);

    if (s->p == s->end || *s->p != ':') {
        return xcctl_scan_fail(s, "a colon is missing");
    }

    s->p++;
    xcctl_scan_space(s);
    from = s->p;

    if (!xcctl_scan_value(s, depth, &type)) {
        return false;
    }

    if (!top) {
        return true;
    }

    if (s->out->n == XCCTL_SCAN_MEMBERS) {
        return xcctl_scan_fail(s, "too many members");
    }

    member = &s->out->member[s->out->n++];
    *member = (xcctl_member_t) {
        key, { from, (size_t) (s->p - from) }, type
    };

    if (type == '"') {
        member->value.data++;
        member->value.len -= 2;
    }

    return true;
}


/* At the opening bracket. */
static bool
xcctl_scan_nested(xcctl_scanner_t *s, unsigned depth)
{
    bool    object = *s->p++ == '{';
    char    type, close = object ? '}' : ']';
    size_t  first = s->n_names;

    if (depth > XCCTL_SCAN_DEPTH) {
        return xcctl_scan_fail(s, "nested too deeply");
    }

    xcctl_scan_space(s);

    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }

    for ( ;; ) {
        xcctl_scan_space(s);

        if (!(object ? xcctl_scan_member(s, depth, first)
                     : xcctl_scan_value(s, depth, &type)))
        {
            return false;
        }

        xcctl_scan_space(s);

        if (s->p == s->end || (*s->p != ',' && *s->p != close)) {
            return xcctl_scan_fail(s, object ? "} or , is missing"
                                             : "] or , is missing");
        }

        if (*s->p++ == close) {
            s->n_names = first;
            return true;
        }
    }
}


static bool
xcctl_scan_value(xcctl_scanner_t *s, unsigned depth, char *type)
{
    xc_str_t  text;

    if (s->p == s->end) {
        return xcctl_scan_fail(s, "a value is missing");
    }

    *type = *s->p;

    switch (*s->p) {

    case '"':
        return xcctl_scan_string(s, &text);

    case '{':
    case '[':
        return xcctl_scan_nested(s, depth + 1);

    case 't':
        return xcctl_scan_literal(s, XC_STR("true"));

    case 'f':
        return xcctl_scan_literal(s, XC_STR("false"));

    case 'n':
        return xcctl_scan_literal(s, XC_STR("null"));

    default:
        *type = '0';
        return xcctl_scan_number(s);
    }
}


/* Not zeroed as a whole: the names are many. */
static void
xcctl_scan_begin(xcctl_scanner_t *s, xc_str_t text, xcctl_scan_t *out)
{
    s->start = text.data;
    s->p = text.data;
    s->end = text.data + text.len;
    s->out = out;
    s->met = 0;
    s->n_names = 0;
}


bool
xcctl_scan(xc_str_t text, xcctl_scan_t *out)
{
    xcctl_scanner_t  s;

    xcctl_scan_begin(&s, text, out);
    out->n = 0;
    out->error = NULL;
    out->at = 0;

    if (text.len == 0 || text.data[0] != '{') {
        return xcctl_scan_fail(&s, "an object is missing");
    }

    if (!xcctl_scan_nested(&s, 1)) {
        return false;
    }

    return s.p == s.end || xcctl_scan_fail(&s, "something behind the object");
}


const xcctl_member_t *
xcctl_scan_find(const xcctl_scan_t *scan, xc_str_t key)
{
    size_t  i;

    for (i = 0; i < scan->n; i++) {
        if (xc_str_eq(scan->member[i].key, key)) {
            return &scan->member[i];
        }
    }

    return NULL;
}


bool
xcctl_scan_is(const xcctl_scan_t *scan, xc_str_t key, xc_str_t value)
{
    const xcctl_member_t  *member = xcctl_scan_find(scan, key);

    return member != NULL && member->type == '"'
           && xc_str_eq(member->value, value);
}


bool
xcctl_scan_u64(const xcctl_scan_t *scan, xc_str_t key, uint64_t *out)
{
    const xcctl_member_t  *member = xcctl_scan_find(scan, key);

    return member != NULL && member->type == '0'
           && xc_ascii_u64(member->value, UINT64_MAX, out);
}


bool
xcctl_scan_next(xc_str_t *rest, xcctl_member_t *out)
{
    char              type;
    const char       *from;
    xcctl_scan_t      none = { .n = 0, .error = NULL };
    xcctl_scanner_t   s;

    xcctl_scan_begin(&s, *rest, &none);

    /* the bracket or comma before it */
    s.p += s.p < s.end;
    xcctl_scan_space(&s);

    from = s.p;

    /* as deep as a member's value, so that no name counts as the top's */
    if (s.p == s.end || *s.p == ']' || !xcctl_scan_value(&s, 1, &type)) {
        return false;
    }

    *out = (xcctl_member_t) {
        XC_STR_NONE, { from, (size_t) (s.p - from) }, type
    };

    if (type == '"') {
        out->value.data++;
        out->value.len -= 2;
    }

    xcctl_scan_space(&s);
    *rest = (xc_str_t) { s.p, (size_t) (s.end - s.p) };

    return true;
}
