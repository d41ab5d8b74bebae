/*
 * The signature base of HTTP Message Signatures (RFC 9421 2), which signer
 * and verifier share, and what of it a record has to keep.
 */

#ifndef XC_SIGBASE_H
#define XC_SIGBASE_H

#include "xc_component.h"

#define XC_SIGBASE_MAX           64     /* components of one signature */
#define XC_SIGBASE_REQUIRED_MAX  8
#define XC_SIGBASE_SCANS_MAX     32768  /* octets that components with
                                           parameters have read anew, of all
                                           signatures of a message: who sent it
                                           is not known yet */
#define XC_SIGBASE_COVERED_MAX   6144   /* bytes of the values that a record has
                                           to keep apart; they have to fit it */

/*
 * Is name among the first n components of the inner list, in its plain form?
 * With sf, key or bs it stands for something less than the field as it came,
 * and with name="…" for a part of the query: that does not count.
 */
bool xc_sigbase_covers(const xc_sfv_item_t *params, size_t n, xc_str_t name);

/* NULL where the i-th component is one that a request has a value for and
 * stands there for the first time; else what is wrong, to follow its name.
 * Static. */
const char *xc_sigbase_fault(const xc_sfv_item_t *params, size_t i);

/*
 * The octets that the components with parameters make whoever writes the base
 * read anew, each its whole query or field.
 */
size_t xc_sigbase_scans(const xc_msg_t *msg, const xc_sfv_item_t *params);

/*
 * What a signature of msg has to cover (docs/credentials): names, static,
 * has room for XC_SIGBASE_REQUIRED_MAX; their number.
 */
size_t xc_sigbase_required(const xc_msg_t *msg, xc_str_t *names);

typedef struct {
    xc_str_t  component;            /* content-type; one with parameters as
                                       the list spells it:
                                       "x-note";bs */
    xc_str_t  value;
} xc_covered_t;

/* Where the values come from. */
typedef struct {
    const xc_msg_t      *msg;
    xc_str_t             authority; /* normalised */

    /* Instead of the message's fields, from a record: what no other member of
     * it gives.  NULL: all from the message. */
    const xc_covered_t  *covered;
    size_t               n_covered;
} xc_sigbase_from_t;

/*
 * The base (RFC 9421 2.5) of the components that params, an inner list with
 * its parameters, names.  In the arena.  XC_DENIED: *component (may be NULL)
 * names a component that the message lacks, that is not supported or whose
 * value is not printable ASCII, spaces and tabs; empty where there are too
 * many.  XC_ENOMEM, XC_EINTERNAL.  Linear, but for the search of components
 * named twice.
 */
xc_rc_t xc_sig_base_from(xc_arena_t *arena, const xc_sigbase_from_t *from,
    const xc_sfv_item_t *params, xc_str_t *base, xc_str_t *component) XC_WUR;

/* The same, all from the message. */
xc_rc_t xc_sig_base(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_sfv_item_t *params, xc_str_t *base, xc_str_t *component) XC_WUR;

/*
 * The components covered by any of the n inner lists that no other member of a
 * record gives (xc_component_is_given()), each identifier once, with their
 * values; in the arena.  keep_query: @query too, since the record's uri will
 * be cut.  XC_ELIMIT: over XC_SIGBASE_COVERED_MAX.  XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xc_sigbase_covered(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_sfv_item_t *const *inputs, size_t n, bool keep_query,
    const xc_covered_t **out, size_t *n_out) XC_WUR;

#endif
