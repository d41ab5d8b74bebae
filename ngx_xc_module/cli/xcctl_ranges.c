#include "xcctl_ranges.h"

#include <inttypes.h>
#include <stdio.h>


void
xcctl_ranges_add(xcctl_ranges_t *ranges, uint64_t seq)
{
    ranges->n++;

    if (ranges->used != 0 && ranges->range[ranges->used - 1].to + 1 == seq) {
        ranges->range[ranges->used - 1].to = seq;

    } else if (ranges->used < XCCTL_RANGES_MAX
               && ranges->shown == ranges->n - 1)
    {
        ranges->range[ranges->used].from = seq;
        ranges->range[ranges->used++].to = seq;

    } else {
        return;
    }

    ranges->shown++;
}


void
xcctl_ranges_print(const xcctl_ranges_t *ranges)
{
    size_t  i;

    for (i = 0; i < ranges->used; i++) {
        printf("%s%" PRIu64, i == 0 ? "" : ", ", ranges->range[i].from);

        if (ranges->range[i].to != ranges->range[i].from) {
            printf(" to %" PRIu64, ranges->range[i].to);
        }
    }

    if (ranges->shown != ranges->n) {
        printf(" and %" PRIu64 " more", ranges->n - ranges->shown);
    }
}
