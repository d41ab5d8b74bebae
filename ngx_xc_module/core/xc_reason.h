/*
 * The reasons for refusal (CONTRACT.md section 4), as data.  Constant and
 * thread-safe.
 */

#ifndef XC_REASON_H
#define XC_REASON_H

#include "xc_base.h"

typedef enum {
    XC_REASON_NONE = 0,             /* nothing was refused */
#define XC_REASON(symbol, ...)  XC_REASON_##symbol,
#include "xc_reason.def"
#undef XC_REASON
    XC_REASON_COUNT
} xc_reason_t;

typedef enum {
    XC_FAULT_CLIENT,                /* error log: info */
    XC_FAULT_OPERATOR               /* error log: err */
} xc_fault_of_t;

typedef enum {
    XC_BASIS_LAW,
    XC_BASIS_PLATFORM
} xc_basis_t;

typedef struct {
    xc_str_t       code;            /* "field-unknown" */
    unsigned       status;          /* HTTP */
    xc_fault_of_t  fault;
    xc_basis_t     basis;
    xc_str_t       title, title_zh, remedy_zh;      /* UTF-8 */
} xc_reason_info_t;

/* For XC_REASON_NONE and what is out of range: the row of internal-error, so
 * that a slip refuses. */
const xc_reason_info_t *xc_reason_info(xc_reason_t reason);

#endif
