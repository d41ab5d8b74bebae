/* Seqs to be told in short: "3, 5 to 9, 12 and 40 more". */

#ifndef XCCTL_RANGES_H
#define XCCTL_RANGES_H

#include "../core/xc_base.h"

#define XCCTL_RANGES_MAX    24

typedef struct {
    uint64_t  n;                /* seqs added */
    size_t    used;
    uint64_t  shown;            /* of them, within the ranges */
    struct {
        uint64_t  from, to;     /* both included */
    } range[XCCTL_RANGES_MAX];
} xcctl_ranges_t;

/* In ascending order. */
void xcctl_ranges_add(xcctl_ranges_t *ranges, uint64_t seq);
void xcctl_ranges_print(const xcctl_ranges_t *ranges);

#endif
