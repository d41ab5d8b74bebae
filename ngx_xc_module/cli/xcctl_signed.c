#include "xcctl_signed_impl.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_SIGNED_DEPTH  32


/* Verified by one policy is verified; else what the last one that knows the
 * key says. */
static xc_rc_t
xcctl_signed_any(xcctl_signed_try_t *try, int *result)
{
    int      one;
    size_t   i;
    xc_rc_t  rc;

    *result = XCCTL_SIGNED_UNKNOWN;

    for (i = 0; i < try->set->n_policies; i++) {
        try->redacted = try->set->redacted[i];
        one = XCCTL_SIGNED_UNKNOWN;

        rc = xcctl_signed_one(try, try->set->policies[i], &one);
        if (rc != XC_OK) {
            return rc;
        }

        if (one != XCCTL_SIGNED_UNKNOWN) {
            *result = one;
        }

        if (one == XCCTL_SIGNED_VERIFIED) {
            break;
        }
    }

    return XC_OK;
}


static xc_rc_t
xcctl_signed_examine(xcctl_signed_try_t *try, const xcctl_record_t *record,
    int *result)
{
    xc_rc_t            rc;
    xc_str_t           credential;
    const xc_json_t   *tls;
    static const char  scheme[] = "httpsig:";

    rc = xc_json_parse(try->arena, record->line, XCCTL_SIGNED_DEPTH, NULL,
                       &try->root);
    if (rc != XC_OK) {
        *result = XCCTL_SIGNED_ABSENT;
        return rc == XC_ENOMEM ? rc : XC_OK;
    }

    if (xc_json_member(try->root, XC_STR("agency")) == NULL) {
        *result = XCCTL_SIGNED_NOBODY;

        /* observe admits what it denies */
        if (xc_str_eq(xcctl_signed_text(try->root, "decision"),
                      XC_STR("allow"))
            || xc_str_eq(xcctl_signed_text(try->root, "mode"),
                         XC_STR("observe")))
        {
            *result = XCCTL_SIGNED_FAILED;
            try->why = "admits somebody and names no agency";
        }

        return XC_OK;
    }

    credential = xcctl_signed_text(try->root, "credential");

    if (credential.len < sizeof(scheme)
        || memcmp(credential.data, scheme, sizeof(scheme) - 1) != 0)
    {
        *result = XCCTL_SIGNED_OTHER;
        return XC_OK;
    }

    try->keyid = (xc_str_t) { credential.data + sizeof(scheme) - 1,
                              credential.len - sizeof(scheme) + 1 };
    tls = xc_json_member(try->root, XC_STR("tls"));
    try->msg.tls = tls != NULL && xc_json_type(tls) == XC_JSON_STRING;

    return xcctl_signed_any(try, result);
}


/*
 * The gate lets a signature pass once (its nonce or its base is burned), so two
 * admitted records with one have one too many.  What is compared is the base:
 * an ECDSA signature has a twin that anybody can make.  Refusals repeat
 * honestly, also where observe lets them go on.
 */
static xc_rc_t
xcctl_signed_once(xcctl_signed_t *set, xcctl_signed_try_t *try,
    const xcctl_record_t *record, int *result)
{
    size_t    i;
    xc_rc_t   rc = XC_OK;
    uint64_t  first;

    if (!xc_str_eq(xcctl_signed_text(try->root, "decision"), XC_STR("allow"))) {
        return XC_OK;
    }

    for (i = 0; i < try->n_bases && rc == XC_OK; i++) {
        rc = xcctl_once_use(&set->once, &set->heap, try->bases[i], record->seq,
                            &first);

        if (rc == XC_OK && first != record->seq) {
            *result = XCCTL_SIGNED_FAILED;
            try->why = NULL;
            printf("%s:%" PRIu64 ": the signature of seq %" PRIu64 " again at "
                   "seq %" PRIu64 "\n", record->where.file,
                   record->where.line, first, record->seq);
            return XC_OK;
        }
    }

    return rc;
}


xc_rc_t
xcctl_signed_record(xcctl_signed_t *set, const xcctl_record_t *record)
{
    int                 result = XCCTL_SIGNED_ABSENT;
    xc_rc_t             rc;
    xcctl_signed_try_t  try = { .arena = &set->record.arena, .set = set };

    if (!xcctl_record_event(record, "decision")) {
        return XC_OK;
    }

    rc = xcctl_signed_examine(&try, record, &result);

    if (rc == XC_OK && result == XCCTL_SIGNED_VERIFIED) {
        rc = xcctl_signed_once(set, &try, record, &result);
    }

    xc_heap_free(&set->record);

    if (rc != XC_OK) {
        return rc;
    }

    if (result == XCCTL_SIGNED_VERIFIED) {
        set->verified++;

    } else if (result == XCCTL_SIGNED_FAILED) {
        set->failed++;

        if (try.why != NULL) {
            printf("%s:%" PRIu64 ": seq %" PRIu64 ": %s\n",
                   record->where.file, record->where.line, record->seq,
                   try.why);
        }

    } else if (result != XCCTL_SIGNED_NOBODY) {
        xcctl_ranges_add(&set->unprovable[result], record->seq);
    }

    return XC_OK;
}


void
xcctl_signed_end(const xcctl_signed_t *set)
{
    size_t                    i;
    uint64_t                  unprovable = 0;
    static const char *const  reasons[XCCTL_SIGNED_REASONS] = {
        [XCCTL_SIGNED_SYMMETRIC] = "HMAC, whose secret the platform has too",
        [XCCTL_SIGNED_OTHER] = "the credential is no signature over the "
                               "request",
        [XCCTL_SIGNED_ABSENT] = "the record lacks a part of the evidence",
        [XCCTL_SIGNED_UNKNOWN] = "no policy given has the key",
        [XCCTL_SIGNED_MASKED] = "the path held a subject: give it by "
                                "--subject",
        [XCCTL_SIGNED_SUBJECT] = "the path held a subject, and none given "
                                 "fits",
        [XCCTL_SIGNED_COMPONENT] = "it covers what the record does not hold",
    };

    for (i = 0; i < XCCTL_SIGNED_REASONS; i++) {
        unprovable += set->unprovable[i].n;
    }

    printf("signatures: %" PRIu64 " verified, %" PRIu64 " failed, %" PRIu64
           " can't be proved\n", set->verified, set->failed, unprovable);

    if (set->once.forgotten != 0) {
        printf("  one used again would not be found more than %d signatures "
               "later\n", XCCTL_ONCE_MAX);
    }

    for (i = 0; i < XCCTL_SIGNED_REASONS; i++) {
        if (set->unprovable[i].n != 0) {
            printf("  %s: seq ", reasons[i]);
            xcctl_ranges_print(&set->unprovable[i]);
            putchar('\n');
        }
    }
}


void
xcctl_signed_free(xcctl_signed_t *set)
{
    if (set->n_policies != 0 || set->heap.arena.ctx != NULL) {
        xcctl_once_free(&set->once);
        xc_heap_free(&set->record);
        xc_heap_free(&set->heap);
    }
}
