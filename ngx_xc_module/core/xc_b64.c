#include "xc_b64.h"

/* What a table holds for a byte outside the alphabet. */
#define XC_B64_BAD  64


static const char  xc_b64_alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
};


static unsigned
xc_b64_value(xc_b64_t kind, char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned) (c - 'A');
    }

    if (c >= 'a' && c <= 'z') {
        return (unsigned) (c - 'a') + 26;
    }

    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0') + 52;
    }

    if (c == xc_b64_alphabet[kind][62]) {
        return 62;
    }

    return c == xc_b64_alphabet[kind][63] ? 63 : XC_B64_BAD;
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
    size_t    i, n, used;
    unsigned  v, bits;
    uint32_t  acc;

    n = xc_b64_payload(kind, in);
    if (n == SIZE_MAX) {
        return XC_EINPUT;
    }

    acc = 0;
    bits = 0;
    used = 0;

    for (i = 0; i < n; i++) {
        v = xc_b64_value(kind, in.data[i]);
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
