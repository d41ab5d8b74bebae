/*
 * The signature base of HTTP Message Signatures (RFC 9421 2), which signer
 * and verifier share.
 *
 * Components of this version: field names without parameters, and @method,
 * @target-uri, @authority, @scheme, @request-target, @path, @query.
 */

#ifndef XC_SIGBASE_H
#define XC_SIGBASE_H

#include "xc_msg.h"
#include "xc_sfv.h"

#define XC_SIGBASE_MAX           64     /* components of one signature */
#define XC_SIGBASE_REQUIRED_MAX  6
#define XC_SIGBASE_COVERED_MAX   6144   /* bytes of the values that a record has
                                           to keep apart; they have to fit it */

/* Is name among the first n components of the inner list? */
bool xc_sigbase_covers(const xc_sfv_item_t *params, size_t n, xc_str_t name);

/* NULL where the i-th component is one that this version builds and stands
 * there for the first time; else what is wrong, to follow its name.  Static. */
const char *xc_sigbase_fault(const xc_sfv_item_t *params, size_t i);

/*
 * What a signature of msg has to cover (docs/credentials): names, static,
 * has room for XC_SIGBASE_REQUIRED_MAX; their number.
 */
size_t xc_sigbase_required(const xc_msg_t *msg, xc_str_t *names);

/*
 * The base (RFC 9421 2.5) of the components that params, an inner list with
 * its parameters, names.  authority: normalised.  In the arena.  XC_DENIED:
 * *component (may be NULL) names a component that the message lacks, that is
 * not supported or whose value is not printable ASCII, spaces and tabs; empty
 * where there are too many.  XC_ENOMEM, XC_EINTERNAL.  Linear, but for the search of components
 * named twice.
 */
xc_rc_t xc_sig_base(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_sfv_item_t *params, xc_str_t *base, xc_str_t *component) XC_WUR;

typedef struct {
    xc_str_t  component;            /* "content-type" */
    xc_str_t  value;
} xc_covered_t;

/*
 * The covered components that no other member of a record gives (method, host,
 * uri and content_digest give @method, @authority, @scheme, @path, @query,
 * @target-uri, @request-target, content-digest), with their values; in the
 * arena.  keep_query: @query too, since the record's uri will be cut.
 * XC_ELIMIT: over XC_SIGBASE_COVERED_MAX.  XC_ENOMEM.
 */
xc_rc_t xc_sigbase_covered(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_sfv_item_t *params, bool keep_query, const xc_covered_t **out,
    size_t *n) XC_WUR;

#endif
