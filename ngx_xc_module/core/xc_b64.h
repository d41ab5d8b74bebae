/* Base64, RFC 4648: sections 4 (standard) and 5 (URL and file name safe). */

#ifndef XC_B64_H
#define XC_B64_H

#include "xc_buf.h"

typedef enum {
    XC_B64_STD,             /* padded; decoding requires the padding */
    XC_B64_URL              /* unpadded; decoding refuses padding */
} xc_b64_t;

/* Bytes that decoding n characters can yield at most. */
#define XC_B64_DECODED_MAX(n)   (((n) + 3) / 4 * 3)

/*
 * Strict: no white space, no foreign alphabet, no non-zero trailing bits.
 * dst has room for XC_B64_DECODED_MAX(in.len); *len is set.  XC_EINPUT.
 * Linear, thread-safe.
 */
xc_rc_t xc_b64_decode(xc_b64_t kind, xc_str_t in, uint8_t *dst, size_t *len)
    XC_WUR;

void xc_b64_encode(xc_b64_t kind, xc_buf_t *out, const uint8_t *src, size_t n);

#endif
