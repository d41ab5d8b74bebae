/*
 * The components of a signature (RFC 9421 2): what a component identifier
 * asks for, and the value that a request has for it.
 *
 * Field names with nothing, sf, key="…" or bs, and the derived components of
 * requests: @method, @target-uri, @authority, @scheme, @request-target, @path,
 * @query, @query-param;name="…".  What belongs to answers (@status, req), to
 * trailers (tr) or to nobody is refused.
 */

#ifndef XC_COMPONENT_H
#define XC_COMPONENT_H

#include "xc_msg.h"
#include "xc_sfv_field.h"

typedef enum {
    XC_COMPONENT_METHOD,
    XC_COMPONENT_TARGET_URI,
    XC_COMPONENT_AUTHORITY,
    XC_COMPONENT_SCHEME,
    XC_COMPONENT_REQUEST_TARGET,
    XC_COMPONENT_PATH,
    XC_COMPONENT_QUERY,
    XC_COMPONENT_QUERY_PARAM,
    XC_COMPONENT_FIELD
} xc_component_kind_t;

typedef struct {
    xc_component_kind_t  kind;
    xc_str_t             name;
    bool                 sf, bs;
    xc_str_t             key;       /* of a dictionary's member; the name of
                                       @query-param; data NULL: none */
} xc_component_t;

/* NULL, or what is wrong with the identifier, to follow its name; static. */
const char *xc_component_read(const xc_sfv_item_t *item, xc_component_t *out);

/* The same name with the same parameters, in whatever order (RFC 9421 2). */
bool xc_component_same(const xc_sfv_item_t *a, const xc_sfv_item_t *b);

/*
 * The component's value, borrowed or in the arena: printable ASCII, spaces and
 * tabs.  authority: normalised.  XC_DENIED: the request lacks it, or it is not
 * of that structure, not one value or of other bytes.  XC_ENOMEM,
 * XC_EINTERNAL.
 */
xc_rc_t xc_component_value(xc_arena_t *arena, const xc_msg_t *msg,
    xc_str_t authority, const xc_component_t *component, xc_str_t *out)
    XC_WUR;

#define XC_COMPONENT_PARSED  4

/*
 * The octets that xc_component_value() reads anew because of the component's
 * parameters: of the query, or of the field's lines; of a field that is parsed
 * (sf, key) each counts as XC_COMPONENT_PARSED.  0 for a plain one, which a
 * signature can name but once.
 */
size_t xc_component_scans(const xc_msg_t *msg,
    const xc_component_t *component);

/* Printable ASCII, spaces and tabs. */
bool xc_component_is_plain(xc_str_t value);

/*
 * Can the value be had from a record's other members?  method, host, tls and
 * uri give what is derived; content_digest, signature_input and signature hold
 * their fields, joined, which is not enough for bs.
 */
bool xc_component_is_given(const xc_component_t *component);

#endif
