#include "xc_json_number.h"

#include <math.h>
#include <stdlib.h>


/* Of a real number no more significant digits than these tell it from its
 * neighbours (767 do); a digit behind them only counts as not zero. */
#define XC_JSON_DIGITS      800

/* Beyond any double, whatever the digits. */
#define XC_JSON_EXPONENT    9999


static bool
xc_json_number_int(const char *p, const char *end, int64_t *out)
{
    int      digit;
    bool     minus = *p == '-';
    int64_t  n = 0;

    for (p += minus; p != end; p++) {
        digit = *p - '0';

        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_add_overflow(n, minus ? -digit : digit, &n))
        {
            return false;
        }
    }

    *out = n;

    return true;
}


/* What stands behind the "e", and shift for the point and the digits left out;
 * cut to what makes a difference. */
static long
xc_json_number_exponent(const char *p, const char *end, int64_t shift)
{
    bool     minus;
    int64_t  n = 0;

    minus = p != end && *p == '-';
    p += p != end && (*p == '-' || *p == '+');

    for ( /* void */ ; p != end; p++) {
        /* no text is so long that its digits make up for that */
        n = n > INT64_MAX / 100 ? n : n * 10 + (*p - '0');
    }

    n = (minus ? -n : n) + shift;

    return (long) XC_MAX(XC_MIN(n, XC_JSON_EXPONENT), -XC_JSON_EXPONENT);
}


static void
xc_json_number_end(char *out, long exponent)
{
    long  n = labs(exponent), unit;

    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';

    for (unit = 1000; unit != 0; unit /= 10) {
        *out++ = (char) ('0' + n / unit % 10);
    }

    *out = '\0';
}


/* strtod() gets it as digits and exponent: without a point, which differs by
 * locale, and in memory of known size. */
static bool
xc_json_number_real(const char *p, const char *end, double *out)
{
    char     digits[XC_JSON_DIGITS + 16];
    bool     behind = false, dropped = false;
    long     exponent;
    size_t   n = 0, first;
    int64_t  shift = 0;

    if (*p == '-') {
        digits[n++] = *p++;
    }

    first = n;
    digits[n++] = '0';

    for ( /* void */ ; p != end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            behind = true;
            continue;
        }

        if (n < XC_JSON_DIGITS) {
            /* zeros in front would use the room up */
            n -= n == first + 1 && digits[first] == '0';
            digits[n++] = *p;
            shift -= behind;

        } else {
            dropped = dropped || *p != '0';
            shift += !behind;
        }
    }

    if (dropped) {
        digits[n++] = '1';
        shift--;
    }

    exponent = xc_json_number_exponent(p == end ? p : p + 1, end, shift);
    xc_json_number_end(digits + n, exponent);

    *out = strtod(digits, NULL);

    return isfinite(*out);
}


bool
xc_json_number(xc_str_t text, bool real, xc_json_t *node)
{
    const char  *end = text.data + text.len;

    node->type = real ? XC_JSON_REAL : XC_JSON_INT;

    return real ? xc_json_number_real(text.data, end, &node->real)
                : xc_json_number_int(text.data, end, &node->integer);
}
