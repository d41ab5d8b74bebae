#include "xc_buf.h"

#include "xc_ascii.h"


/* Eight octets that are looked at together. */
typedef signed char  xc_buf_octets_t __attribute__((vector_size(8)));


void
xc_buf_u64(xc_buf_t *b, uint64_t n)
{
    char   digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    xc_buf_bytes(b, digits + i, sizeof(digits) - i);
}


void
xc_buf_i64(xc_buf_t *b, int64_t n)
{
    if (n < 0) {
        xc_buf_char(b, '-');
        xc_buf_u64(b, 0 - (uint64_t) n);
        return;
    }

    xc_buf_u64(b, (uint64_t) n);
}


void
xc_buf_hex(xc_buf_t *b, const uint8_t *src, size_t n)
{
    if (b->overflow || n > (b->cap - b->len) / 2) {
        b->overflow = true;
        return;
    }

    xc_hex_encode(b->data + b->len, src, n);
    b->len += 2 * n;
}


/* How other octets than quotes and backslashes are written that can't stand for
 * themselves. */
static size_t
xc_buf_escape(char out[6], char c)
{
    const char         *p;
    static const char   plain[] = "\b\f\n\r\t";
    static const char   letter[] = "bfnrt";

    if ((c & 0x80) != 0) {
        memcpy(out, "\\ufffd", 6);
        return 6;
    }

    memcpy(out, "\\u00", 4);
    p = c == '\0' ? NULL : strchr(plain, c);

    if (p != NULL) {
        out[1] = letter[p - plain];
        return 2;
    }

    xc_hex_encode(out + 4, (const uint8_t *) &c, 1);

    return 6;
}


/* The place of the first octet that is not 0, all others being 0xff. */
static inline size_t
xc_buf_first(xc_buf_octets_t v)
{
    uint64_t  marks;

    memcpy(&marks, &v, sizeof(v));

    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
        marks = __builtin_bswap64(marks);
    }

    return marks != 0 ? (size_t) __builtin_ctzll(marks) / 8 : sizeof(v);
}


/*
 * Writes what s begins with of ASCII from low on but 0x7f, x and y, and returns
 * how much that was.  Inline, since low, x and y are known at each call.  Behind
 * b->len up to eight octets more may be overwritten, within the memory.
 */
static inline size_t
xc_buf_run(xc_buf_t *b, xc_str_t s, signed char low, char x, char y)
{
    size_t           at, n = 0;
    signed char      c;
    xc_buf_octets_t  v;

    while (s.len >= sizeof(v) && n < s.len && !b->overflow
           && b->cap - b->len >= sizeof(v))
    {
        /* The last eight, the first of which have been written. */
        if (s.len - n < sizeof(v)) {
            b->len -= sizeof(v) - (s.len - n);
            n = s.len - sizeof(v);
        }

        memcpy(&v, s.data + n, sizeof(v));
        memcpy(b->data + b->len, &v, sizeof(v));

        /* signed: those above 0x7f are below low, too */
        at = xc_buf_first((v < low) | (v == 0x7f) | (v == x) | (v == y));
        b->len += at;
        n += at;

        if (at != sizeof(v)) {
            return n;
        }
    }

    for (at = n; at < s.len; at++) {
        c = (signed char) s.data[at];
        if (c < low || c == 0x7f || c == x || c == y) {
            break;
        }
    }

    xc_buf_bytes(b, s.data + n, at - n);

    return at;
}


/* How much of what s begins with is UTF-8 and not ASCII. */
static size_t
xc_buf_utf8(xc_str_t s)
{
    size_t                i, n;
    const unsigned char  *p = (const unsigned char *) s.data;

    for (i = 0; i != s.len && p[i] >= 0x80; i += n) {

        /* Most of Chinese: three octets, of which any such two may follow. */
        if (s.len - i >= 3 && p[i] > 0xe0 && p[i] < 0xed
            && (p[i + 1] & 0xc0) == 0x80 && (p[i + 2] & 0xc0) == 0x80)
        {
            n = 3;
            continue;
        }

        n = xc_ascii_utf8_len((xc_str_t) { s.data + i, s.len - i });
        if (n == 0) {
            break;
        }
    }

    return i;
}


void
xc_buf_json(xc_buf_t *b, xc_str_t s)
{
    char      escape[6];
    size_t    n;
    xc_buf_t  w = *b;           /* stays in registers */

    xc_buf_char(&w, '"');

    for ( /* void */ ; s.len != 0; s.data += n, s.len -= n) {
        if ((s.data[0] & 0x80) != 0) {
            n = xc_buf_utf8(s);
            xc_buf_bytes(&w, s.data, n);

        } else {
            n = xc_buf_run(&w, s, 0x20, '"', '\\');
        }

        if (n != 0) {
            continue;
        }

        n = 1;

        if (s.data[0] == '"' || s.data[0] == '\\') {
            xc_buf_char(&w, '\\');
            xc_buf_char(&w, s.data[0]);

        } else {
            xc_buf_bytes(&w, escape, xc_buf_escape(escape, s.data[0]));
        }
    }

    xc_buf_char(&w, '"');
    *b = w;
}


static void
xc_buf_encode(xc_buf_t *b, xc_str_t s, char also)
{
    size_t  n;

    for ( /* void */ ; s.len != 0; s.data += n, s.len -= n) {
        n = xc_buf_run(b, s, 0x21, also, also);

        if (n == 0) {
            xc_buf_char(b, '%');
            xc_buf_hex(b, (const uint8_t *) s.data, 1);
            n = 1;
        }
    }
}


void
xc_buf_pct(xc_buf_t *b, xc_str_t s)
{
    xc_buf_encode(b, s, '%');
}


void
xc_buf_target(xc_buf_t *b, xc_str_t s)
{
    xc_buf_encode(b, s, '\0');
}


void
xc_buf_html(xc_buf_t *b, xc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        switch (s.data[i]) {
        case '&':
            xc_buf_z(b, "&amp;");
            break;
        case '<':
            xc_buf_z(b, "&lt;");
            break;
        case '>':
            xc_buf_z(b, "&gt;");
            break;
        case '"':
            xc_buf_z(b, "&quot;");
            break;
        case '\'':
            xc_buf_z(b, "&#39;");
            break;
        default:
            xc_buf_char(b, s.data[i]);
        }
    }
}
