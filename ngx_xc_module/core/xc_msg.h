/*
 * A request as it came over the wire, and the rules of the closed request
 * that need nothing but its request line and header lines (CONTRACT.md
 * section 3).  Everything is borrowed from the connection's memory.
 */

#ifndef XC_MSG_H
#define XC_MSG_H

#include "xc_policy.h"
#include "xc_reason.h"
#include "xc_x509.h"

/* Over this many header lines a request is refused: request-invalid. */
#define XC_MSG_MAX_HEADERS  200

typedef struct {
    xc_str_t  name;                 /* in the client's spelling; :authority
                                       arrives as "Host" */
    xc_str_t  value;                /* without surrounding white space */
} xc_header_t;

typedef struct {
    xc_str_t            method;
    xc_str_t            target;     /* raw, origin form: path [ "?" query ] */
    xc_str_t            path;       /* raw, up to the "?" */
    xc_str_t            query;      /* behind the "?" */
    bool                has_query;  /* a "?" stands in the target */
    bool                origin_form;    /* false: absolute form, "*" */
    const xc_header_t  *headers;    /* in the order of arrival */
    size_t              n_headers;
    bool                tls;
    bool                early_data;
    const xc_certificate_t  *certificate;   /* the client's; NULL: none */
    bool                body;       /* announced: a length over 0, chunked, or
                                       an HTTP/2 stream still open */
    int64_t             content_length;     /* -1: not announced */
    xc_address_t        client;
    xc_str_t            client_text;        /* for the record */
} xc_msg_t;

/* Splits target; sets path, query, has_query, origin_form. */
void xc_msg_set_target(xc_msg_t *msg, xc_str_t target);

/* The first line of that name, compared without case; *n counts the lines
 * (may be NULL): whoever needs the only one looks at it.  NULL: none. */
const xc_header_t *xc_msg_header(const xc_msg_t *msg, xc_str_t name, size_t *n);

/*
 * All lines of that name joined with ", " (RFC 9421 2.1), in the arena; one
 * line is borrowed as it is.  XC_DENIED: there is none.  XC_ENOMEM.
 */
xc_rc_t xc_msg_joined(const xc_msg_t *msg, xc_arena_t *arena, xc_str_t name,
    xc_str_t *out) XC_WUR;

/*
 * @authority (RFC 9421 2.2.3): the only Host line, lower case, the default
 * port removed (443 with TLS; without, 80 and 443: TLS may have ended in front
 * of nginx).  In the arena.  XC_EINPUT: none, several, empty, user info, not a
 * host.
 */
xc_rc_t xc_msg_authority(const xc_msg_t *msg, xc_arena_t *arena, xc_str_t *out)
    XC_WUR;

/*
 * Transport, authority, path, reserved headers, in this order; the first
 * steps of CONTRACT.md section 3's order of checks.  XC_OK sets *authority
 * (normalised); XC_DENIED sets *reason and *detail (static or in the arena);
 * XC_ENOMEM.
 *
 * A Host with a port matches an authority of the policy that has none or the
 * same; a Host without a port one whose port is the default.
 */
xc_rc_t xc_msg_check(const xc_msg_t *msg, const xc_policy_t *policy,
    xc_arena_t *arena, xc_str_t *authority, xc_reason_t *reason,
    xc_str_t *detail) XC_WUR;

#endif
