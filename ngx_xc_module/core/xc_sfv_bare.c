#include "xc_sfv_bare.h"

#include "xc_ascii.h"
#include "xc_b64.h"

#define XC_SFV_INTEGER_MAX  999999999999999     /* RFC 9651 3.3.1 */


static xc_str_t
xc_sfv_since(const xc_sfv_in_t *in, const char *start)
{
    return (xc_str_t) { start, (size_t) (in->p - start) };
}


static bool
xc_sfv_is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || c == '*';
}


static bool
xc_sfv_is_key_char(char c)
{
    return xc_sfv_is_key_start(c) || xc_ascii_is_digit(c)
           || c == '_' || c == '-' || c == '.';
}


/* RFC 9651 4.2.3.3 */
xc_rc_t
xc_sfv_parse_key(xc_sfv_in_t *in, xc_str_t *key)
{
    const char  *start = in->p;

    if (in->p == in->end || !xc_sfv_is_key_start(*in->p)) {
        return XC_EINPUT;
    }

    while (in->p != in->end && xc_sfv_is_key_char(*in->p)) {
        in->p++;
    }

    *key = xc_sfv_since(in, start);

    return XC_OK;
}


/* Reads digits onto *n; how many there were, or SIZE_MAX over max. */
static size_t
xc_sfv_digits(xc_sfv_in_t *in, size_t max, int64_t *n)
{
    size_t  count;

    for (count = 0; in->p != in->end && xc_ascii_is_digit(*in->p); count++) {
        if (count == max) {
            return SIZE_MAX;
        }

        *n = *n * 10 + (*in->p++ - '0');
    }

    return count;
}


/* RFC 9651 4.2.4 */
static xc_rc_t
xc_sfv_parse_number(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    bool     minus;
    size_t   whole, places;
    int64_t  n = 0;

    minus = xc_sfv_take(in, '-');

    whole = xc_sfv_digits(in, 15, &n);
    if (whole == 0 || whole == SIZE_MAX) {
        return XC_EINPUT;
    }

    out->type = XC_SFV_INTEGER;

    if (xc_sfv_take(in, '.')) {
        places = xc_sfv_digits(in, 3, &n);
        if (whole > 12 || places == 0 || places == SIZE_MAX) {
            return XC_EINPUT;
        }

        for (/* void */; places < 3; places++) {
            n *= 10;
        }

        out->type = XC_SFV_DECIMAL;
    }

    out->number = minus ? -n : n;

    return XC_OK;
}


static xc_rc_t
xc_sfv_unescape(xc_sfv_in_t *in, xc_str_t raw, xc_str_t *out)
{
    char    *p;
    size_t   i, n;

    p = xc_arena_alloc(in->arena, raw.len);
    if (p == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0, n = 0; i < raw.len; i++) {
        if (raw.data[i] == '\\') {
            i++;
        }

        p[n++] = raw.data[i];
    }

    *out = (xc_str_t) { p, n };

    return XC_OK;
}


/* RFC 9651 4.2.5 */
static xc_rc_t
xc_sfv_parse_string(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    char         c;
    bool         escaped = false;
    xc_str_t     raw;
    const char  *start;

    start = ++in->p;

    for (/* void */; in->p != in->end; in->p++) {
        c = *in->p;

        if (c == '"') {
            raw = xc_sfv_since(in, start);
            in->p++;
            out->type = XC_SFV_STRING;

            if (escaped) {
                return xc_sfv_unescape(in, raw, &out->text);
            }

            out->text = raw;

            return XC_OK;
        }

        if (c == '\\') {
            escaped = true;

            if (++in->p == in->end || (*in->p != '"' && *in->p != '\\')) {
                return XC_EINPUT;
            }

        } else if (c < 0x20 || c > 0x7e) {
            return XC_EINPUT;
        }
    }

    return XC_EINPUT;
}


static bool
xc_sfv_is_token_char(char c)
{
    return xc_ascii_is_tchar(c) || c == ':' || c == '/';
}


/* RFC 9651 4.2.6 */
static xc_rc_t
xc_sfv_parse_token(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    const char  *start = in->p;

    while (in->p != in->end && xc_sfv_is_token_char(*in->p)) {
        in->p++;
    }

    out->type = XC_SFV_TOKEN;
    out->text = xc_sfv_since(in, start);

    return XC_OK;
}


/* RFC 9651 4.2.7.  Padding is required and what is left over must be zero:
 * one value has one spelling. */
static xc_rc_t
xc_sfv_parse_bytes(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    size_t       n;
    xc_rc_t      rc;
    uint8_t     *bytes;
    xc_str_t     raw;
    const char  *start, *colon;

    start = ++in->p;

    colon = start == in->end
            ? NULL : memchr(start, ':', (size_t) (in->end - start));
    if (colon == NULL) {
        return XC_EINPUT;
    }

    in->p = colon;
    raw = xc_sfv_since(in, start);
    in->p++;

    bytes = xc_arena_alloc(in->arena, XC_B64_DECODED_MAX(raw.len));
    if (bytes == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_b64_decode(XC_B64_STD, raw, bytes, &n);
    if (rc == XC_OK) {
        out->type = XC_SFV_BYTES;
        out->text = (xc_str_t) { (const char *) bytes, n };
    }

    return rc;
}


/* RFC 9651 4.2.8 */
static xc_rc_t
xc_sfv_parse_boolean(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    in->p++;

    if (in->p == in->end || (*in->p != '0' && *in->p != '1')) {
        return XC_EINPUT;
    }

    out->type = XC_SFV_BOOLEAN;
    out->number = *in->p++ == '1';

    return XC_OK;
}


/* RFC 9651 4.2.9 */
static xc_rc_t
xc_sfv_parse_date(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    xc_rc_t  rc;

    in->p++;

    rc = xc_sfv_parse_number(in, out);
    if (rc == XC_OK && out->type != XC_SFV_INTEGER) {
        return XC_EINPUT;
    }

    out->type = XC_SFV_DATE;

    return rc;
}


/* Two digits of lower-case hexadecimal, behind a "%". */
static bool
xc_sfv_pct(xc_sfv_in_t *in, char *out)
{
    size_t    i;
    uint8_t   byte;
    xc_str_t  digits;

    if (in->end - in->p < 2) {
        return false;
    }

    digits = (xc_str_t) { in->p, 2 };

    for (i = 0; i < 2; i++) {
        if (digits.data[i] >= 'A' && digits.data[i] <= 'F') {
            return false;
        }
    }

    if (!xc_hex_decode(&byte, 1, digits)) {
        return false;
    }

    in->p += 2;
    *out = (char) byte;

    return true;
}


/* Decodes into dst, which has room, up to the closing quote. */
static bool
xc_sfv_parse_display_text(xc_sfv_in_t *in, char *dst, size_t *len)
{
    char    c;
    size_t  n;

    for (n = 0; in->p != in->end; n++) {
        c = *in->p++;

        if (c == '"') {
            *len = n;
            return xc_ascii_is_utf8((xc_str_t) { dst, n });
        }

        if (c < 0x20 || c > 0x7e || (c == '%' && !xc_sfv_pct(in, &c))) {
            return false;
        }

        dst[n] = c;
    }

    return false;
}


/* RFC 9651 4.2.10 */
static xc_rc_t
xc_sfv_parse_display(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    char         *text;
    size_t        n, room;
    const char   *quote;

    in->p++;

    if (!xc_sfv_take(in, '"')) {
        return XC_EINPUT;
    }

    /* A quote inside is spelled %22, so the next one ends the text. */
    quote = in->p == in->end
            ? NULL : memchr(in->p, '"', (size_t) (in->end - in->p));
    if (quote == NULL) {
        return XC_EINPUT;
    }

    room = (size_t) (quote - in->p);

    text = xc_arena_alloc(in->arena, room);
    if (text == NULL) {
        return XC_ENOMEM;
    }

    if (!xc_sfv_parse_display_text(in, text, &n)) {
        return XC_EINPUT;
    }

    out->type = XC_SFV_DISPLAY;
    out->text = (xc_str_t) { text, n };

    return XC_OK;
}


/* RFC 9651 4.2.3.1 */
xc_rc_t
xc_sfv_parse_bare(xc_sfv_in_t *in, xc_sfv_bare_t *out)
{
    if (in->p == in->end) {
        return XC_EINPUT;
    }

    *out = (xc_sfv_bare_t) { XC_SFV_INTEGER, 0, XC_STR_NONE };

    switch (*in->p) {

    case '"':
        return xc_sfv_parse_string(in, out);

    case ':':
        return xc_sfv_parse_bytes(in, out);

    case '?':
        return xc_sfv_parse_boolean(in, out);

    case '@':
        return xc_sfv_parse_date(in, out);

    case '%':
        return xc_sfv_parse_display(in, out);
    }

    if (*in->p == '-' || xc_ascii_is_digit(*in->p)) {
        return xc_sfv_parse_number(in, out);
    }

    if (*in->p == '*' || xc_ascii_is_alpha(*in->p)) {
        return xc_sfv_parse_token(in, out);
    }

    return XC_EINPUT;
}


/* An invalid value has no spelling: whoever checks the writer at the end finds
 * its content unusable. */
static void
xc_sfv_write_nothing(xc_buf_t *out)
{
    out->overflow = true;
}


/* RFC 9651 4.1.4 */
static void
xc_sfv_write_integer(xc_buf_t *out, int64_t n)
{
    if (n > XC_SFV_INTEGER_MAX || n < -XC_SFV_INTEGER_MAX) {
        xc_sfv_write_nothing(out);
        return;
    }

    xc_buf_i64(out, n);
}


/* RFC 9651 4.1.5: at least one digit behind the point, and no more zeros */
static void
xc_sfv_write_decimal(xc_buf_t *out, int64_t thousandths)
{
    char      places[3];
    size_t    len;
    uint64_t  n;

    if (thousandths > XC_SFV_INTEGER_MAX || thousandths < -XC_SFV_INTEGER_MAX) {
        xc_sfv_write_nothing(out);
        return;
    }

    if (thousandths < 0) {
        xc_buf_char(out, '-');
        thousandths = -thousandths;
    }

    n = (uint64_t) thousandths;
    places[0] = (char) ('0' + n / 100 % 10);
    places[1] = (char) ('0' + n / 10 % 10);
    places[2] = (char) ('0' + n % 10);

    for (len = 3; len > 1 && places[len - 1] == '0'; len--) { /* void */ }

    xc_buf_u64(out, n / 1000);
    xc_buf_char(out, '.');
    xc_buf_bytes(out, places, len);
}


/* RFC 9651 4.1.6 */
static void
xc_sfv_write_string(xc_buf_t *out, xc_str_t s)
{
    char    c;
    size_t  i, begun = 0;

    xc_buf_char(out, '"');

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < 0x20 || c > 0x7e) {
            xc_sfv_write_nothing(out);
            return;
        }

        if (c == '"' || c == '\\') {
            xc_buf_bytes(out, s.data + begun, i - begun);
            xc_buf_char(out, '\\');
            begun = i;
        }
    }

    xc_buf_bytes(out, s.data + begun, s.len - begun);
    xc_buf_char(out, '"');
}


/* RFC 9651 4.1.7 */
static void
xc_sfv_write_token(xc_buf_t *out, xc_str_t s)
{
    size_t  i;

    if (s.len == 0 || (s.data[0] != '*' && !xc_ascii_is_alpha(s.data[0]))) {
        xc_sfv_write_nothing(out);
        return;
    }

    for (i = 0; i < s.len; i++) {
        if (!xc_sfv_is_token_char(s.data[i])) {
            xc_sfv_write_nothing(out);
            return;
        }
    }

    xc_buf_str(out, s);
}


/* RFC 9651 4.1.8 */
static void
xc_sfv_write_bytes(xc_buf_t *out, xc_str_t s)
{
    xc_buf_char(out, ':');
    xc_b64_encode(XC_B64_STD, out, (const uint8_t *) s.data, s.len);
    xc_buf_char(out, ':');
}


/* RFC 9651 4.1.11 */
static void
xc_sfv_write_display(xc_buf_t *out, xc_str_t s)
{
    size_t   i;
    uint8_t  c;

    if (!xc_ascii_is_utf8(s)) {
        xc_sfv_write_nothing(out);
        return;
    }

    xc_buf_z(out, "%\"");

    for (i = 0; i < s.len; i++) {
        c = (uint8_t) s.data[i];

        if (c < 0x20 || c > 0x7e || c == '%' || c == '"') {
            xc_buf_char(out, '%');
            xc_buf_hex(out, &c, 1);

        } else {
            xc_buf_char(out, (char) c);
        }
    }

    xc_buf_char(out, '"');
}


void
xc_sfv_write_bare(xc_buf_t *out, const xc_sfv_bare_t *bare)
{
    switch (bare->type) {

    case XC_SFV_INTEGER:
        xc_sfv_write_integer(out, bare->number);
        break;

    case XC_SFV_DECIMAL:
        xc_sfv_write_decimal(out, bare->number);
        break;

    case XC_SFV_STRING:
        xc_sfv_write_string(out, bare->text);
        break;

    case XC_SFV_TOKEN:
        xc_sfv_write_token(out, bare->text);
        break;

    case XC_SFV_BYTES:
        xc_sfv_write_bytes(out, bare->text);
        break;

    case XC_SFV_BOOLEAN:
        xc_buf_z(out, bare->number != 0 ? "?1" : "?0");
        break;

    case XC_SFV_DATE:
        xc_buf_char(out, '@');
        xc_sfv_write_integer(out, bare->number);
        break;

    case XC_SFV_DISPLAY:
        xc_sfv_write_display(out, bare->text);
        break;

    default:
        xc_sfv_write_nothing(out);
    }
}
