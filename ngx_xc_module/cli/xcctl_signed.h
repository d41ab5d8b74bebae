/*
 * verify --policy: the agencies' signatures once more, from the records alone
 * (CONTRACT.md 5): method, host, uri, content_digest and covered make the
 * signature base, the policy has the key.
 */

#ifndef XCCTL_SIGNED_H
#define XCCTL_SIGNED_H

#include "xcctl_once.h"
#include "xcctl_ranges.h"
#include "xcctl_record.h"
#include "../core/xc_policy.h"

#define XCCTL_SIGNED_POLICIES   64

/* Why a record can't prove who wrote the request. */
typedef enum {
    XCCTL_SIGNED_SYMMETRIC,     /* the platform holds the secret too */
    XCCTL_SIGNED_OTHER,         /* not a signature over the request */
    XCCTL_SIGNED_ABSENT,        /* left out of the record */
    XCCTL_SIGNED_UNKNOWN,       /* no policy at hand has the key */
    XCCTL_SIGNED_MASKED,        /* a subject stood in the path, none given */
    XCCTL_SIGNED_SUBJECT,       /* none of those given fits */
    XCCTL_SIGNED_COMPONENT,     /* covers what the record does not hold */
    XCCTL_SIGNED_REASONS
} xcctl_signed_reason_t;

typedef struct {
    xc_heap_t           heap;   /* of the policies */
    xc_heap_t           record; /* of one record */
    const xc_policy_t  *policies[XCCTL_SIGNED_POLICIES];
    bool                redacted[XCCTL_SIGNED_POLICIES];    /* no secrets */
    size_t              n_policies;
    char *const        *subjects;
    size_t              n_subjects;

    xcctl_once_t        once;   /* what admitted decisions were signed by */

    uint64_t            verified, failed;
    xcctl_ranges_t      unprovable[XCCTL_SIGNED_REASONS];
} xcctl_signed_t;

/* xcctl_signed_policy.c.  set: zeroed.  False: what is wrong was said. */
bool xcctl_signed_policy(xcctl_signed_t *set, const char *path) XC_WUR;

/*
 * The copy that the gate keeps of a policy has "…" for each secret; as many
 * different ones in their place make it load, and are never used.  XC_ENOMEM.
 */
xc_rc_t xcctl_signed_redact(xc_arena_t *arena, xc_str_t *text, bool *redacted)
    XC_WUR;

/* A record of any event; prints where a signature fails.  XC_ENOMEM,
 * XC_EINTERNAL. */
xc_rc_t xcctl_signed_record(xcctl_signed_t *set, const xcctl_record_t *record)
    XC_WUR;

void xcctl_signed_end(const xcctl_signed_t *set);
void xcctl_signed_free(xcctl_signed_t *set);

#endif
