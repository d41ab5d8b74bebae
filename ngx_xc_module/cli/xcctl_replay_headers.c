#include "xcctl_replay_request.h"

#include "../core/xc_msg.h"

#include <arpa/inet.h>


/* "httpsig:310115-2026a" */
static const xc_credential_t *
xcctl_replay_credential(const xc_policy_t *policy, xc_str_t name)
{
    size_t                  i;
    xc_str_t                scheme = name, id;
    const char             *colon;
    const xc_credential_t  *found = NULL;

    colon = name.len == 0 ? NULL : memchr(name.data, ':', name.len);
    if (colon == NULL) {
        return NULL;
    }

    scheme.len = (size_t) (colon - name.data);
    id = (xc_str_t) { colon + 1, name.len - scheme.len - 1 };

    if (xc_str_eq(scheme, xc_scheme_name(XC_SCHEME_HTTPSIG))) {
        return xc_policy_keyid(policy, id);
    }

    if (xc_str_eq(scheme, xc_scheme_name(XC_SCHEME_JWT))) {
        return xc_policy_issuer(policy, id);
    }

    for (i = 0; i < XC_CERT_COUNT && found == NULL; i++) {
        found = xc_policy_cert(policy, (xc_cert_match_t) i, id);
    }

    return found;
}


/* False: not an address. */
static bool
xcctl_replay_address(xc_str_t text, xc_address_t *out)
{
    char  z[INET6_ADDRSTRLEN];

    static const uint8_t  mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (text.len >= sizeof(z)) {
        return false;
    }

    if (text.len != 0) {
        memcpy(z, text.data, text.len);
    }

    z[text.len] = '\0';
    memcpy(out->address, mapped, sizeof(mapped));

    return inet_pton(AF_INET, z, out->address + sizeof(mapped)) == 1
           || inet_pton(AF_INET6, z, out->address) == 1;
}


/* Who asks, as far as the record tells: does the credential stand, for whom,
 * at that time and from there? */
static xc_rc_t
xcctl_replay_who(xcctl_replayed_t *out)
{
    xc_str_t                via = xcctl_replay_string(out->root, "via");
    xcctl_ask_t            *ask = &out->ask;
    xc_address_t            client;
    const xc_policy_t      *policy = ask->file->policy;
    const xc_credential_t  *one;

    one = xcctl_replay_credential(policy,
                                  xcctl_replay_string(out->root,
                                                      "credential"));
    if (one == NULL) {
        return xcctl_replay_deny(out, XC_REASON_CREDENTIAL_UNKNOWN);
    }

    if (ask->at_s < one->not_before_s || ask->at_s >= one->not_after_s) {
        return xcctl_replay_deny(out, XC_REASON_CREDENTIAL_EXPIRED);
    }

    if (xcctl_replay_address(xcctl_replay_string(out->root, "client"), &client)
        && !xc_policy_source_ok(one, &client))
    {
        return xcctl_replay_deny(out, XC_REASON_SOURCE_NOT_ALLOWED);
    }

    ask->agency = one->agency;

    if (via.data == NULL) {
        return one->behalf == NULL
               ? XC_OK : xcctl_replay_deny(out, XC_REASON_BEHALF_NOT_ALLOWED);
    }

    ask->via = one->agency;
    ask->agency = xc_policy_agency(policy, out->agency);

    if (one->behalf == NULL || ask->agency == NULL
        || !xc_policy_behalf_ok(one, ask->agency))
    {
        return xcctl_replay_deny(out, XC_REASON_BEHALF_NOT_ALLOWED);
    }

    return XC_OK;
}


/* Transport and authority, which the gate looks at before all else. */
static xc_rc_t
xcctl_replay_transport(xcctl_replayed_t *out)
{
    xc_msg_t      msg = { .method = XC_STR("GET") };
    xc_str_t      text;
    xc_header_t   host = { XC_STR("Host"),
                           xcctl_replay_string(out->root, "host") };
    xcctl_ask_t  *ask = &out->ask;

    msg.tls = xcctl_replay_string(out->root, "tls").data != NULL;
    msg.headers = &host;
    msg.n_headers = 1;
    xc_msg_set_target(&msg, XC_STR("/"));

    return xc_msg_check(&msg, ask->file->policy, ask->arena, &text,
                        &ask->verdict.reason, &ask->verdict.detail);
}


/* Where the path holds a subject the operation of the same name is taken. */
static xc_rc_t
xcctl_replay_operation(xcctl_replayed_t *out)
{
    size_t              i;
    xc_rc_t             rc;
    xc_str_t            uri = xcctl_replay_string(out->root, "uri");
    xc_msg_t            msg = { .n_headers = 0 };
    xcctl_ask_t        *ask = &out->ask;
    xc_captures_t       captures;
    const xc_policy_t  *policy = ask->file->policy;

    static const xc_str_t  mask = { "{subject}", 9 };

    msg.method = xcctl_replay_string(out->root, "method");
    xc_msg_set_target(&msg, uri);

    for (i = 0; i + mask.len <= msg.path.len; i++) {
        if (memcmp(msg.path.data + i, mask.data, mask.len) == 0) {
            break;
        }
    }

    if (i + mask.len > msg.path.len) {
        rc = xc_policy_operation(policy, msg.method, msg.path,
                                 &ask->operation, &captures);

        return rc == XC_DENIED
               ? xcctl_replay_deny(out, XC_REASON_OPERATION_UNKNOWN) : rc;
    }

    for (i = 0; i < policy->n_operations; i++) {
        if (xc_str_eq(policy->operations[i].id, out->operation)
            && policy->operations[i].capture_subject >= 0)
        {
            ask->operation = &policy->operations[i];
            return XC_OK;
        }
    }

    return xcctl_replay_cannot(out, "its path holds a subject, and no "
                               "operation of the policy with one has its id");
}


xc_rc_t
xcctl_replay_headers(xcctl_replayed_t *out)
{
    xc_rc_t  rc;

    rc = xcctl_replay_transport(out);

    if (rc == XC_OK) {
        rc = xcctl_replay_who(out);
    }

    return rc == XC_OK ? xcctl_replay_operation(out) : rc;
}
