#include "xc_b64.h"

/* Over any value, and a bit that none has. */
#define XC_B64_BAD  64

/* Eight digits from that octet on. */
#define XC_B64_RUN(octet, value)                                              \
    [(octet)] = (value) + 1, (value) + 2, (value) + 3, (value) + 4,           \
    (value) + 5, (value) + 6, (value) + 7, (value) + 8

#define XC_B64_TABLE(digit_62, digit_63)                                      \
    XC_B64_RUN('A', 0), XC_B64_RUN('I', 8), XC_B64_RUN('Q', 16),              \
    ['Y'] = 25, 26,                                                           \
    XC_B64_RUN('a', 26), XC_B64_RUN('i', 34), XC_B64_RUN('q', 42),            \
    ['y'] = 51, 52,                                                           \
    XC_B64_RUN('0', 52), ['8'] = 61, 62,                                      \
    [(digit_62)] = 63, [(digit_63)] = 64


static const char  xc_b64_alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
};

/* The value of an octet and one more; 0: outside the alphabet. */
static const uint8_t  xc_b64_values[2][256] = {
    { XC_B64_TABLE('+', '/') },
    { XC_B64_TABLE('-', '_') }
};


static inline unsigned
xc_b64_value(const uint8_t *values, char c)
{
    unsigned  v = values[(uint8_t) c];

    return v != 0 ? v - 1 : XC_B64_BAD;
}


/* Whole groups of four, up to the first that has an octet outside the alphabet;
 * how many characters that was. */
static size_t
xc_b64_groups(const uint8_t *values, xc_str_t in, uint8_t *dst)
{
    size_t    i;
    unsigned  a, b, c, d;

    for (i = 0; in.len - i >= 4; i += 4, dst += 3) {
        a = xc_b64_value(values, in.data[i]);
        b = xc_b64_value(values, in.data[i + 1]);
        c = xc_b64_value(values, in.data[i + 2]);
        d = xc_b64_value(values, in.data[i + 3]);

        if (((a | b | c | d) & XC_B64_BAD) != 0) {
            break;
        }

        dst[0] = (uint8_t) (a << 2 | b >> 4);
        dst[1] = (uint8_t) (b << 4 | c >> 2);
        dst[2] = (uint8_t) (c << 6 | d);
    }

    return i;
}


/* The number of characters that carry data, or SIZE_MAX. */
static size_t
xc_b64_payload(xc_b64_t kind, xc_str_t in)
{
    size_t  n = in.len;

    if (kind == XC_B64_STD) {
        if (n % 4 != 0) {
            return SIZE_MAX;
        }

        if (n != 0 && in.data[n - 1] == '=') {
            n -= in.data[n - 2] == '=' ? 2 : 1;
        }
    }

    /* One character alone is less than a byte. */
    return n % 4 == 1 ? SIZE_MAX : n;
}


xc_rc_t
xc_b64_decode(xc_b64_t kind, xc_str_t in, uint8_t *dst, size_t *len)
{
    size_t          i, n, used;
    unsigned        v, bits;
    uint32_t        acc;
    const uint8_t  *values = xc_b64_values[kind];

    n = xc_b64_payload(kind, in);
    if (n == SIZE_MAX) {
        return XC_EINPUT;
    }

    acc = 0;
    bits = 0;

    i = xc_b64_groups(values, (xc_str_t) { in.data, n }, dst);
    used = i / 4 * 3;

    for ( /* void */ ; i < n; i++) {
        v = xc_b64_value(values, in.data[i]);
        if (v == XC_B64_BAD) {
            return XC_EINPUT;
        }

        acc = acc << 6 | v;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            dst[used++] = (uint8_t) (acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }

    /* RFC 4648 3.5: the bits that are left over have to be zero, or one value
     * would have several spellings. */
    if (acc != 0) {
        return XC_EINPUT;
    }

    *len = used;

    return XC_OK;
}


void
xc_b64_encode(xc_b64_t kind, xc_buf_t *out, const uint8_t *src, size_t n)
{
    size_t       i, take, used;
    char         group[4];
    uint32_t     v;
    const char  *alphabet = xc_b64_alphabet[kind];

    for (i = 0; i < n; i += 3) {
        take = XC_MIN(n - i, (size_t) 3);

        v = (uint32_t) src[i] << 16;
        v |= take > 1 ? (uint32_t) src[i + 1] << 8 : 0;
        v |= take > 2 ? src[i + 2] : 0;

        group[0] = alphabet[v >> 18];
        group[1] = alphabet[v >> 12 & 63];
        group[2] = take > 1 ? alphabet[v >> 6 & 63] : '=';
        group[3] = take > 2 ? alphabet[v & 63] : '=';

        used = kind == XC_B64_STD ? 4 : take + 1;
        xc_buf_bytes(out, group, used);
    }
}
