/*
 * Ids of records: 16 octets of OpenSSL's generator each, which nobody can
 * guess.  Drawn for many at a time, since the generator takes some 1 us a call
 * however little it gives.
 */

#ifndef XC_ID_H
#define XC_ID_H

#include "xc_base.h"

#define XC_ID_SIZE          32      /* lower-case hexadecimal, no NUL */
#define XC_ID_OCTETS        16
#define XC_ID_DRAWN         256     /* at a time */

/*
 * Zeroed: the first call draws.  One thread's, and one process's: a copy would
 * give the same ids, so that it must not have been drawn before a fork.
 */
typedef struct {
    uint8_t  octets[XC_ID_DRAWN * XC_ID_OCTETS];
    size_t   left;                  /* ids that are still to be given */
} xc_ids_t;

/*
 * One more; its octets are wiped, so that none is given twice.  XC_EINTERNAL:
 * the generator failed; the next call asks it again.
 */
xc_rc_t xc_id_next(xc_ids_t *ids, char out[XC_ID_SIZE]) XC_WUR;

#endif
