#include "xc_der.h"


bool
xc_der_take(xc_str_t *in, uint8_t tag, xc_str_t *content)
{
    size_t          head = 2, len;
    const uint8_t  *p = (const uint8_t *) in->data;

    if (in->len < head || p[0] != tag) {
        return false;
    }

    len = p[1];

    /* X.690 10.1: definite, and the shortest */
    if (len == 0x81 && in->len >= 3 && p[2] >= 0x80) {
        head = 3;
        len = p[2];

    } else if (len == 0x82 && in->len >= 4 && p[2] != 0) {
        head = 4;
        len = (size_t) p[2] << 8 | p[3];

    } else if (len >= 0x80) {
        return false;
    }

    if (len > in->len - head) {
        return false;
    }

    *content = (xc_str_t) { in->data + head, len };
    *in = (xc_str_t) { in->data + head + len, in->len - head - len };

    return true;
}


bool
xc_der_take_uint(xc_str_t *in, xc_str_t *out)
{
    xc_str_t        rest = *in, n;
    const uint8_t  *p;

    if (!xc_der_take(&rest, XC_DER_INTEGER, &n) || n.len == 0) {
        return false;
    }

    p = (const uint8_t *) n.data;

    if (p[0] >= 0x80) {
        return false;
    }

    if (p[0] == 0) {
        /* X.690 8.3.2: a zero octet stands only before a set bit */
        if (n.len > 1 && p[1] < 0x80) {
            return false;
        }

        n.data++;
        n.len--;
    }

    *in = rest;
    *out = n;

    return true;
}


static size_t
xc_der_write_uint(uint8_t *dst, const uint8_t *n, size_t len)
{
    size_t  pad;

    while (len > 1 && n[0] == 0) {
        n++;
        len--;
    }

    pad = n[0] >= 0x80;
    dst[0] = XC_DER_INTEGER;
    dst[1] = (uint8_t) (len + pad);
    dst[2] = 0;
    memcpy(&dst[2 + pad], n, len);

    return 2 + pad + len;
}


size_t
xc_der_sig_write(uint8_t *der, const uint8_t *rs, size_t half)
{
    size_t  len = 2;

    len += xc_der_write_uint(&der[len], rs, half);
    len += xc_der_write_uint(&der[len], &rs[half], half);

    /* under 128 by XC_DER_HALF_MAX: one octet */
    der[0] = XC_DER_SEQUENCE;
    der[1] = (uint8_t) (len - 2);

    return len;
}


bool
xc_der_sig_read(xc_str_t der, uint8_t *rs, size_t half)
{
    xc_str_t  pair, r, s;

    if (!xc_der_take(&der, XC_DER_SEQUENCE, &pair) || der.len != 0
        || !xc_der_take_uint(&pair, &r) || r.len > half
        || !xc_der_take_uint(&pair, &s) || s.len > half || pair.len != 0)
    {
        return false;
    }

    memset(rs, 0, 2 * half);
    memcpy(rs + half - r.len, r.data, r.len);
    memcpy(rs + 2 * half - s.len, s.data, s.len);

    return true;
}
