/*
 * What the parts of verify --policy share (xcctl_signed*.c).  No other unit
 * includes this.
 */

#ifndef XCCTL_SIGNED_IMPL_H
#define XCCTL_SIGNED_IMPL_H

#include "xcctl_signed.h"

#include "../core/xc_sig.h"

/* What comes of a record.  A better one of another policy wins. */
typedef enum {
    XCCTL_SIGNED_VERIFIED = XCCTL_SIGNED_REASONS,
    XCCTL_SIGNED_FAILED,
    XCCTL_SIGNED_NOBODY         /* nobody was authenticated */
} xcctl_signed_result_t;

/* A record and what it says of the request. */
typedef struct {
    xc_arena_t             *arena;
    const xcctl_signed_t   *set;
    const xc_json_t        *root;
    xc_str_t                keyid;
    const xc_credential_t  *credential;
    bool                    redacted;
    xc_sfv_list_t           inputs, values;
    const xc_sfv_item_t    *input;
    xc_str_t                value;
    xc_str_t                host;
    xc_header_t             headers[3];
    xc_covered_t           *covered;
    size_t                  n_covered;
    xc_msg_t                msg;
    xc_str_t               *bases;      /* of the signatures that verify */
    size_t                  n_bases;
    const char             *why;        /* where it fails */
} xcctl_signed_try_t;

/* Empty with data NULL where it is absent or no string. */
xc_str_t xcctl_signed_text(const xc_json_t *object, const char *key);

/* xcctl_signed_try.c.  All signatures of try->root by keys of the policy,
 * try->keyid's among them; *result as above, or a reason.  XC_ENOMEM,
 * XC_EINTERNAL. */
xc_rc_t xcctl_signed_one(xcctl_signed_try_t *try, const xc_policy_t *policy,
    int *result) XC_WUR;

#endif
