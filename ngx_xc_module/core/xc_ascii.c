#include "xc_ascii.h"


/* A bit an octet: letters, digits and "!#$%&'*+-.^_`|~". */
static const uint32_t  xc_ascii_tchars[8] = {
    0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff
};


bool
xc_ascii_is_tchar(char c)
{
    unsigned char  u = (unsigned char) c;

    return (xc_ascii_tchars[u / 32] >> u % 32 & 1) != 0;
}


bool
xc_ascii_folds(const char *a, const char *b, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (xc_ascii_lower(a[i]) != xc_ascii_lower(b[i])) {
            return false;
        }
    }

    return true;
}


bool
xc_ascii_is_id(xc_str_t s)
{
    size_t  i;
    char    c;

    if (s.len == 0 || s.len > 64) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];
        if (!xc_ascii_is_alpha(c) && !xc_ascii_is_digit(c)
            && c != '.' && c != '_' && c != '-')
        {
            return false;
        }
    }

    return true;
}


/* Octets that are looked at together: a register of a processor that has such,
 * and code like any other where there is none. */
typedef uint8_t   xc_ascii_octets_t __attribute__((vector_size(16)));
typedef uint8_t   xc_ascii_eight_t __attribute__((vector_size(8)));
typedef uint16_t  xc_ascii_words_t __attribute__((vector_size(16)));


bool
xc_ascii_no_controls(xc_str_t s)
{
    size_t             i;
    uint64_t           marks[2];
    unsigned char      c;
    xc_ascii_octets_t  v, bad = { 0 };

    /* Every line of the log comes by here. */
    for (i = 0; s.len - i >= sizeof(v); i += sizeof(v)) {
        memcpy(&v, s.data + i, sizeof(v));
        bad |= (xc_ascii_octets_t) ((v < 0x20) | (v == 0x7f));
    }

    memcpy(marks, &bad, sizeof(bad));

    if ((marks[0] | marks[1]) != 0) {
        return false;
    }

    for ( /* void */ ; i < s.len; i++) {
        c = (unsigned char) s.data[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }

    return true;
}


size_t
xc_ascii_utf8_len(xc_str_t s)
{
    size_t               i, n;
    unsigned char        low, high;
    const unsigned char *p = (const unsigned char *) s.data;

    if (s.len == 0) {
        return 0;
    }

    if (p[0] < 0x80) {
        return 1;
    }

    /* Bounds of the second byte rule out overlong forms, surrogates and
     * what lies beyond U+10FFFF: RFC 3629 section 4 */
    low = 0x80;
    high = 0xbf;

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        low = p[0] == 0xe0 ? 0xa0 : 0x80;
        high = p[0] == 0xed ? 0x9f : 0xbf;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        low = p[0] == 0xf0 ? 0x90 : 0x80;
        high = p[0] == 0xf4 ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (s.len < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


bool
xc_ascii_is_utf8(xc_str_t s)
{
    size_t  n;

    while (s.len != 0) {
        n = (s.data[0] & 0x80) == 0 ? 1 : xc_ascii_utf8_len(s);
        if (n == 0) {
            return false;
        }

        s.data += n;
        s.len -= n;
    }

    return true;
}


xc_str_t
xc_ascii_cut(xc_str_t s, size_t max)
{
    size_t  i;

    if (s.len <= max) {
        return s;
    }

    s.len = max;

    /* at most three continuation bytes stand between two characters */
    for (i = 0; i < 3 && s.len != 0; i++) {
        if ((s.data[s.len] & 0xc0) != 0x80) {
            return s;
        }

        s.len--;
    }

    s.len = (s.data[s.len] & 0xc0) == 0x80 ? max : s.len;

    return s;
}


xc_str_t
xc_ascii_trim(xc_str_t s)
{
    while (s.len != 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len != 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


bool
xc_ascii_u64(xc_str_t s, uint64_t max, uint64_t *out)
{
    size_t    i;
    uint64_t  n, digit;

    if (s.len == 0) {
        return false;
    }

    n = 0;

    for (i = 0; i < s.len; i++) {
        if (!xc_ascii_is_digit(s.data[i])) {
            return false;
        }

        digit = (uint64_t) (s.data[i] - '0');
        if (n > max / 10 || n * 10 > max - digit) {
            return false;
        }

        n = n * 10 + digit;
    }

    *out = n;

    return true;
}


void
xc_hex_encode(char *dst, const uint8_t *src, size_t n)
{
    size_t             i;
    xc_ascii_octets_t  v;
    xc_ascii_eight_t   eight;
    xc_ascii_words_t   words;

    static const char  digits[] = "0123456789abcdef";

    for (i = 0; n - i >= sizeof(eight); i += sizeof(eight)) {
        memcpy(&eight, src + i, sizeof(eight));
        words = __builtin_convertvector(eight, xc_ascii_words_t);

        if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
            words = (words >> 4 | words << 8) & 0x0f0f;
        } else {
            words = (words << 4 | words) & 0x0f0f;
        }

        v = (xc_ascii_octets_t) words;
        v += '0' + ((xc_ascii_octets_t) (v > 9) & ('a' - '0' - 10));
        memcpy(dst + 2 * i, &v, sizeof(v));
    }

    for ( /* void */ ; i < n; i++) {
        dst[2 * i] = digits[src[i] >> 4];
        dst[2 * i + 1] = digits[src[i] & 0x0f];
    }
}


static int
xc_hex_value(char c)
{
    if (xc_ascii_is_digit(c)) {
        return c - '0';
    }

    c = xc_ascii_lower(c);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


bool
xc_hex_decode(uint8_t *dst, size_t n, xc_str_t src)
{
    size_t  i;
    int     high, low;

    if (src.len != 2 * n) {
        return false;
    }

    for (i = 0; i < n; i++) {
        high = xc_hex_value(src.data[2 * i]);
        low = xc_hex_value(src.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }

        dst[i] = (uint8_t) (high << 4 | low);
    }

    return true;
}
