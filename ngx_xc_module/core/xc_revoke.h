/*
 * Withdrawn credentials, agencies and approvals: what a reload drops stops
 * working in older workers too, which may serve for hours yet.
 *
 * The map lists what stands, not what was dropped: a credential that an older
 * worker does not find was withdrawn, whoever made the newer configuration (the
 * new master of a binary upgrade does not know the old one's policy) and
 * whatever went wrong while it was listed.
 */

#ifndef XC_REVOKE_H
#define XC_REVOKE_H

#include "xc_map.h"
#include "xc_policy.h"

/*
 * Lists a credential, an agency or an approval of a load that is about to be
 * published; its generation is that of xc_map_next_generation().  False: no
 * place was free or no lock to be had, so that older workers will refuse it.
 * Only masters call this; the map's lock is held for about 0.1 us.
 */
bool xc_revoke_list(xc_map_t *map,
    const uint8_t identity[XC_CREDENTIAL_IDENTITY], uint64_t generation)
    XC_WUR;

/* From now on workers of older generations admit what is listed by this one or
 * a later one, and nothing else. */
void xc_revoke_publish(xc_map_t *map, uint64_t generation);

/*
 * May a worker of this generation still admit it?  Lock-free: one atomic load
 * where no newer generation is published, else a look at the table, some
 * 0.1 us.
 */
bool xc_revoke_stands(const xc_map_t *map,
    const uint8_t identity[XC_CREDENTIAL_IDENTITY], uint64_t generation);

#endif
