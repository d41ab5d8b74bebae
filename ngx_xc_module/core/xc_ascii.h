/*
 * Byte classes and spellings that do not depend on a locale.  Everything here
 * is pure, thread-safe and linear in its input.
 */

#ifndef XC_ASCII_H
#define XC_ASCII_H

#include "xc_base.h"

static inline char
xc_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

static inline bool
xc_ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool
xc_ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110 5.6.2 */
bool xc_ascii_is_tchar(char c);

/* Of the same length: equal after ASCII case folding. */
bool xc_ascii_folds(const char *a, const char *b, size_t n);

/* Equal after ASCII case folding.  Here, since most header names differ in
 * their lengths or first letters. */
static inline bool
xc_ascii_ieq(xc_str_t a, xc_str_t b)
{
    return a.len == b.len
           && (a.len == 0
               || (xc_ascii_lower(a.data[0]) == xc_ascii_lower(b.data[0])
                   && xc_ascii_folds(a.data, b.data, a.len)));
}

/* Ids of the policy and node names: [0-9A-Za-z._-]{1,64} */
bool xc_ascii_is_id(xc_str_t s);

/* No byte below 0x20 and no 0x7f. */
bool xc_ascii_no_controls(xc_str_t s);

/* Well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms. */
bool xc_ascii_is_utf8(xc_str_t s);

/* Length in bytes of the well-formed UTF-8 character at the start of s, or 0. */
size_t xc_ascii_utf8_len(xc_str_t s);

/* The longest start of s of at most max bytes that ends between characters, for
 * messages.  Of bytes that are not UTF-8, at most max of them. */
xc_str_t xc_ascii_cut(xc_str_t s, size_t max);

/* s without leading and trailing SP and HTAB (RFC 9110 OWS). */
xc_str_t xc_ascii_trim(xc_str_t s);

/* A decimal number of digits only, no sign; false when empty, when another
 * byte is met or over max. */
bool xc_ascii_u64(xc_str_t s, uint64_t max, uint64_t *out);

/* Lower-case hexadecimal; dst holds 2 * n bytes, no NUL. */
void xc_hex_encode(char *dst, const uint8_t *src, size_t n);

/* Exactly 2 * n hexadecimal digits of either case into n bytes. */
bool xc_hex_decode(uint8_t *dst, size_t n, xc_str_t src);

#endif
