/*
 * The leaves of structured fields (RFC 9651 3.3): keys and bare items, read
 * and written.  Whoever reads whole fields uses xc_sfv.h.
 */

#ifndef XC_SFV_BARE_H
#define XC_SFV_BARE_H

#include "xc_arena.h"
#include "xc_buf.h"

typedef enum {
    XC_SFV_INTEGER,
    XC_SFV_DECIMAL,
    XC_SFV_STRING,
    XC_SFV_TOKEN,
    XC_SFV_BYTES,
    XC_SFV_BOOLEAN,
    XC_SFV_DATE,
    XC_SFV_DISPLAY,
    XC_SFV_INNER_LIST               /* of an item only */
} xc_sfv_type_t;

typedef struct {
    xc_sfv_type_t  type;
    int64_t        number;  /* integer; decimal in thousandths; boolean 0 or 1;
                               date in seconds */
    xc_str_t       text;    /* string unescaped, token, bytes decoded, display
                               string in UTF-8 */
} xc_sfv_bare_t;

/* What is left of a field, and where to put what is found. */
typedef struct {
    xc_arena_t    *arena;
    const char    *p, *end;
} xc_sfv_in_t;

static inline bool
xc_sfv_at(const xc_sfv_in_t *in, char c)
{
    return in->p != in->end && *in->p == c;
}

static inline bool
xc_sfv_take(xc_sfv_in_t *in, char c)
{
    if (!xc_sfv_at(in, c)) {
        return false;
    }

    in->p++;

    return true;
}

/*
 * Both leave in behind what they took, and anywhere on an error.  XC_EINPUT;
 * bare items also XC_ENOMEM.  A key and a text without escapes borrow from the
 * input.
 */
xc_rc_t xc_sfv_parse_key(xc_sfv_in_t *in, xc_str_t *key) XC_WUR;
xc_rc_t xc_sfv_parse_bare(xc_sfv_in_t *in, xc_sfv_bare_t *out) XC_WUR;

/* RFC 9651 4.1.3.1.  What the grammar can't say sets out->overflow. */
void xc_sfv_write_bare(xc_buf_t *out, const xc_sfv_bare_t *bare);

#endif
