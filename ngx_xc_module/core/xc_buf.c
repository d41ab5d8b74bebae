#include "xc_buf.h"

#include "xc_ascii.h"


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


static void
xc_buf_json_char(xc_buf_t *b, unsigned char c)
{
    char                escape[6] = "\\u00";
    const char         *p;
    static const char   plain[] = "\"\\\b\f\n\r\t";
    static const char   letter[] = "\"\\bfnrt";

    p = c == 0 ? NULL : strchr(plain, c);

    if (p != NULL) {
        escape[1] = letter[p - plain];
        xc_buf_bytes(b, escape, 2);
        return;
    }

    xc_hex_encode(escape + 4, &c, 1);
    xc_buf_bytes(b, escape, 6);
}


/* Not 0 where one of the eight octets can't stand for itself in a literal, or
 * is not ASCII; the lowest mark is exact. */
static uint64_t
xc_buf_json_marks(uint64_t x)
{
    return (x & 0x8080808080808080u)
           | xc_ascii_zero_octets(x & 0xe0e0e0e0e0e0e0e0u)
           | xc_ascii_zero_octets(x ^ 0x7f7f7f7f7f7f7f7fu)
           | xc_ascii_zero_octets(x ^ 0x2222222222222222u)
           | xc_ascii_zero_octets(x ^ 0x5c5c5c5c5c5c5c5cu);
}


/* How many octets from p on are ASCII and stand for themselves. */
static size_t
xc_buf_json_plain(const char *p, size_t n)
{
    size_t         i;
    uint64_t       x, marks;
    unsigned char  c;

    for (i = 0; i + sizeof(x) <= n; i += sizeof(x)) {
        memcpy(&x, p + i, sizeof(x));
        marks = xc_buf_json_marks(x);

        if (marks != 0) {
            if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
                return i + (size_t) __builtin_ctzll(marks) / 8;
            }

            break;
        }
    }

    for ( /* void */ ; i < n; i++) {
        c = (unsigned char) p[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            break;
        }
    }

    return i;
}


void
xc_buf_json(xc_buf_t *b, xc_str_t s)
{
    size_t         n, run;
    unsigned char  c;
    xc_str_t       rest;

    xc_buf_char(b, '"');

    for (run = 0; run < s.len; /* void */) {
        c = (unsigned char) s.data[run];
        rest = (xc_str_t) { s.data + run, s.len - run };
        n = c < 0x80 ? xc_buf_json_plain(rest.data, rest.len)
                     : xc_ascii_utf8_len(rest);

        if (n != 0) {
            run += n;
            continue;
        }

        xc_buf_bytes(b, s.data, run);

        if (c < 0x80) {
            xc_buf_json_char(b, c);

        } else {
            xc_buf_z(b, "\\ufffd");
        }

        s.data += run + 1;
        s.len -= run + 1;
        run = 0;
    }

    xc_buf_bytes(b, s.data, s.len);
    xc_buf_char(b, '"');
}


static void
xc_buf_encode(xc_buf_t *b, xc_str_t s, char also)
{
    size_t   i, run = 0;
    uint8_t  c;

    for (i = 0; i < s.len; i++) {
        c = (uint8_t) s.data[i];

        if (c <= 0x20 || c >= 0x7f || (char) c == also) {
            xc_buf_bytes(b, s.data + run, i - run);
            xc_buf_char(b, '%');
            xc_buf_hex(b, &c, 1);
            run = i + 1;
        }
    }

    xc_buf_bytes(b, s.data + run, s.len - run);
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
