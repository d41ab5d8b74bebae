/*
 * Layer 0: the vocabulary that every unit of the core shares.
 *
 * Strings are borrowed pointer and length, never NUL-terminated unless a
 * function says so.  Times are int64_t: seconds or microseconds since
 * 1970-01-01T00:00:00Z as the name says (_s, _us).
 */

#ifndef XC_BASE_H
#define XC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XC_VERSION          "0.1.0"

/*
 * What every fallible function returns.  Whatever is not XC_OK admits nobody.
 * Out parameters are untouched unless the function returns XC_OK or says
 * otherwise.
 */
typedef enum {
    XC_OK = 0,
    XC_DENIED = 1,          /* a valid question; the answer is no */
    XC_EINPUT = -1,         /* the input breaks its grammar */
    XC_ELIMIT = -2,         /* a stated limit is passed */
    XC_ENOMEM = -3,
    XC_EIO = -4,            /* errno tells */
    XC_EINTERNAL = -5       /* an invariant or a library failed */
} xc_rc_t;

#define XC_WUR              __attribute__((warn_unused_result))

typedef struct {
    const char  *data;
    size_t       len;
} xc_str_t;

#define XC_STR(literal)     ((xc_str_t) { (literal), sizeof(literal) - 1 })
#define XC_STR_NONE         ((xc_str_t) { NULL, 0 })
#define XC_STR_FMT          "%.*s"
#define XC_STR_ARG(s)       (int) (s).len, (s).data

#define XC_COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define XC_MIN(a, b)        ((a) < (b) ? (a) : (b))
#define XC_MAX(a, b)        ((a) > (b) ? (a) : (b))

static inline bool
xc_str_eq(xc_str_t a, xc_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline xc_str_t
xc_str_z(const char *z)
{
    return (xc_str_t) { z, strlen(z) };
}

#endif
