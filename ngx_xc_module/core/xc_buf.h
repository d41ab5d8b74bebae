/*
 * A writer over memory of fixed size.  Writes past the end are dropped whole
 * and remembered, so that a caller checks once, at the end.
 */

#ifndef XC_BUF_H
#define XC_BUF_H

#include "xc_base.h"

typedef struct {
    char    *data;
    size_t   len;           /* bytes written */
    size_t   cap;
    bool     overflow;      /* something did not fit: the content is unusable */
} xc_buf_t;

/* The memory stays the caller's. */
static inline void
xc_buf_init(xc_buf_t *b, void *mem, size_t cap)
{
    *b = (xc_buf_t) { mem, 0, cap, false };
}

static inline xc_str_t
xc_buf_view(const xc_buf_t *b)
{
    return (xc_str_t) { b->data, b->len };
}

/* Here, and so known in size where n is: records are made of short pieces. */
static inline void
xc_buf_bytes(xc_buf_t *b, const void *data, size_t n)
{
    if (b->overflow || n > b->cap - b->len) {
        b->overflow = true;
        return;
    }

    if (n != 0) {
        memcpy(b->data + b->len, data, n);
        b->len += n;
    }
}

static inline void
xc_buf_str(xc_buf_t *b, xc_str_t s)
{
    xc_buf_bytes(b, s.data, s.len);
}

static inline void
xc_buf_z(xc_buf_t *b, const char *z)
{
    xc_buf_bytes(b, z, strlen(z));
}

static inline void
xc_buf_char(xc_buf_t *b, char c)
{
    xc_buf_bytes(b, &c, 1);
}

/* Decimal. */
void xc_buf_u64(xc_buf_t *b, uint64_t n);
void xc_buf_i64(xc_buf_t *b, int64_t n);

/* Lower-case hexadecimal, two digits a byte. */
void xc_buf_hex(xc_buf_t *b, const uint8_t *src, size_t n);

/*
 * A JSON string literal with its quotes (RFC 8259 section 7).  Controls and
 * 0x7f become \u00XX, bytes that are not UTF-8 U+FFFD each: whatever a client
 * sends stays inside the literal and on one line.
 */
void xc_buf_json(xc_buf_t *b, xc_str_t s);

/* Printable ASCII stays, but '%'; all else becomes %XX. */
void xc_buf_pct(xc_buf_t *b, xc_str_t s);

/* A request target: printable ASCII stays, "%" too, since it is there as the
 * client's own encoding; all else becomes %XX. */
void xc_buf_target(xc_buf_t *b, xc_str_t s);

/* Text for HTML content and double-quoted attributes. */
void xc_buf_html(xc_buf_t *b, xc_str_t s);

#endif
