#include "xcctl_ask.h"

#include "../core/xc_approval_token.h"
#include "../core/xc_ascii.h"
#include "../core/xc_msg.h"

#define XCCTL_ASK_HTTPS     "https://"
#define XCCTL_ASK_HTTP      "http://"


static xc_rc_t
xcctl_ask_deny(xcctl_ask_t *ask, xc_reason_t reason, const char *detail)
{
    ask->verdict = (xc_verdict_t) { reason, xc_str_z(detail), XC_STR("") };

    return XC_DENIED;
}


xc_str_t
xcctl_ask_authority(const xcctl_ask_t *ask)
{
    const xc_authority_t  *first = ask->file->policy->authorities;

    return first->port == 0
           ? first->host : xc_arena_printf(ask->arena, XC_STR_FMT ":%u",
                                           XC_STR_ARG(first->host),
                                           first->port);
}


/* No gate is at hand to know what was withdrawn since. */
xc_rc_t
xcctl_ask_resolve(xcctl_ask_t *ask)
{
    xc_approval_in_t  in = { .arena = ask->arena,
                             .policy = ask->file->policy,
                             .agency = ask->agency,
                             .authority = ask->authority,
                             .now_s = ask->at_s };

    return xc_approval_resolve(&in, &ask->request);
}


bool
xcctl_ask_readable(const xcctl_ask_t *ask, xc_rc_t read)
{
    return read == XC_OK
           || (read == XC_DENIED && ask->request.whole
               && ask->verdict.reason == XC_REASON_PURPOSE_NOT_ALLOWED);
}


xc_rc_t
xcctl_ask_decide(xcctl_ask_t *ask, xc_rc_t read)
{
    xc_rc_t       rc;
    xc_verdict_t  found;

    if (!xcctl_ask_readable(ask, read)) {
        return read;
    }

    rc = xc_scope_decide(ask->arena, ask->file->policy, ask->agency, ask->via,
                         ask->at_s, &ask->request, &found);

    if (rc != XC_OK && rc != XC_DENIED) {
        return rc;
    }

    /* what the reader says of the purpose is more to the point */
    if (read == XC_OK) {
        ask->verdict = found;
    }

    return ask->verdict.reason == XC_REASON_NONE ? rc : XC_DENIED;
}


xc_rc_t
xcctl_ask_read(xcctl_ask_t *ask, xc_str_t query, xc_str_t subject)
{
    if (ask->operation->input == XC_INPUT_BODY) {
        return xc_scope_read_body(ask->arena, ask->file->policy,
                                  ask->operation, ask->body, subject,
                                  &ask->request, &ask->verdict);
    }

    return xc_scope_read_query(ask->arena, ask->file->policy, ask->operation,
                               query, subject, &ask->request, &ask->verdict);
}


/* The scheme and the host off the URL; what is only a path comes over TLS. */
static bool
xcctl_ask_url(xcctl_ask_t *ask, xc_str_t url, xc_msg_t *msg, xc_header_t *host)
{
    size_t    i, skip;
    xc_str_t  rest;

    msg->tls = true;
    host->name = XC_STR("Host");

    if (url.len != 0 && url.data[0] == '/') {
        host->value = xcctl_ask_authority(ask);
        xc_msg_set_target(msg, url);
        return true;
    }

    msg->tls = url.len >= sizeof(XCCTL_ASK_HTTPS) - 1
               && xc_ascii_ieq((xc_str_t) { url.data,
                                            sizeof(XCCTL_ASK_HTTPS) - 1 },
                               XC_STR(XCCTL_ASK_HTTPS));
    skip = msg->tls ? sizeof(XCCTL_ASK_HTTPS) - 1
                    : sizeof(XCCTL_ASK_HTTP) - 1;

    if (!msg->tls
        && (url.len < skip || !xc_ascii_ieq((xc_str_t) { url.data, skip },
                                            XC_STR(XCCTL_ASK_HTTP))))
    {
        return false;
    }

    rest = (xc_str_t) { url.data + skip, url.len - skip };
    for (i = 0; i < rest.len && rest.data[i] != '/'; i++) { /* void */ }

    host->value = (xc_str_t) { rest.data, i };
    xc_msg_set_target(msg, i == rest.len
                           ? XC_STR("/")
                           : (xc_str_t) { rest.data + i, rest.len - i });

    return true;
}


/* What the gate says before it reads: the adapter's request has headers that
 * nobody names here. */
static xc_rc_t
xcctl_ask_input(xcctl_ask_t *ask, const xc_msg_t *msg, bool has_body)
{
    xc_input_t  input = ask->operation->input;

    if (input != XC_INPUT_QUERY && msg->has_query) {
        return xcctl_ask_deny(ask, XC_REASON_REQUEST_INVALID,
                              "this operation takes no query string");
    }

    if (input == XC_INPUT_BODY && !has_body) {
        return xcctl_ask_deny(ask, XC_REASON_BODY_MISSING, "");
    }

    if (input != XC_INPUT_BODY && has_body) {
        return xcctl_ask_deny(ask, XC_REASON_REQUEST_INVALID,
                              "this operation takes no body");
    }

    return XC_OK;
}


xc_rc_t
xcctl_ask_target(xcctl_ask_t *ask, const xcctl_target_t *target)
{
    xc_rc_t              rc;
    xc_msg_t             msg = { .method = target->method,
                                 .body = target->has_body };
    xc_header_t          host;
    xc_captures_t        captures;
    const xc_policy_t   *policy = ask->file->policy;

    if (!xcctl_ask_url(ask, target->url, &msg, &host)) {
        return xcctl_ask_deny(ask, XC_REASON_PATH_INVALID,
                              "neither a path nor an http URL");
    }

    msg.headers = &host;
    msg.n_headers = 1;

    rc = xc_msg_check(&msg, policy, ask->arena, &ask->authority,
                      &ask->verdict.reason, &ask->verdict.detail);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_policy_operation(policy, msg.method, msg.path, &ask->operation,
                             &captures);
    if (rc == XC_DENIED) {
        return xcctl_ask_deny(ask, XC_REASON_OPERATION_UNKNOWN, "");
    }

    if (rc == XC_OK && ask->operation->kind == XC_OPERATION_RESULT) {
        return XC_EINPUT;
    }

    if (rc == XC_OK) {
        rc = xcctl_ask_input(ask, &msg, target->has_body);
    }

    return rc == XC_OK ? xcctl_ask_read(ask, msg.query, captures.subject) : rc;
}


bool
xcctl_ask_behalf(xcctl_ask_t *ask)
{
    size_t                  i;
    const xc_credential_t  *one;

    if (ask->via == NULL) {
        return true;
    }

    for (i = 0; i < ask->via->n_credentials; i++) {
        one = &ask->via->credentials[i];

        if (one->behalf != NULL && xc_policy_behalf_ok(one, ask->agency)) {
            return true;
        }
    }

    (void) xcctl_ask_deny(ask, XC_REASON_BEHALF_NOT_ALLOWED, "no credential "
                          "of the intermediary may ask for this agency");

    return false;
}
