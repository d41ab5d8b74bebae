/*
 * DER (ITU-T X.690), as much of it as keys and signatures need.  Strict: one
 * spelling for one value.  Pure, thread-safe, nothing allocated.
 */

#ifndef XC_DER_H
#define XC_DER_H

#include "xc_base.h"

#define XC_DER_INTEGER      0x02
#define XC_DER_BIT_STRING   0x03
#define XC_DER_OID          0x06
#define XC_DER_SEQUENCE     0x30
#define XC_DER_CONTEXT(n)   (0xa0 | (n))    /* constructed */

#define XC_DER_HALF_MAX     48              /* bytes of r or s */
#define XC_DER_SIG_MAX      (2 + 2 * (3 + XC_DER_HALF_MAX))

/* Takes the element at the start of *in, if it has that tag and at most
 * 65,535 bytes of content, and moves *in behind it.  Else nothing moves. */
bool xc_der_take(xc_str_t *in, uint8_t tag, xc_str_t *content) XC_WUR;

/* An INTEGER that is not negative, without leading zero octets: zero is
 * empty. */
bool xc_der_take_uint(xc_str_t *in, xc_str_t *out) XC_WUR;

/*
 * A signature's two numbers as one Ecdsa-Sig-Value (RFC 3279 2.2.3), and back.
 * r and s take half bytes each, at most XC_DER_HALF_MAX; der holds
 * XC_DER_SIG_MAX.  Reading fails on what is not exactly that, or longer.
 */
size_t xc_der_sig_write(uint8_t *der, const uint8_t *rs, size_t half);
bool xc_der_sig_read(xc_str_t der, uint8_t *rs, size_t half) XC_WUR;

#endif
