#define _GNU_SOURCE             /* memmem() */

#include "xc_record.h"


/* The path of a target in any form (RFC 9112 3.2): of the absolute one what
 * follows the authority. */
static xc_str_t
xc_record_path(const xc_msg_t *msg)
{
    const char  *at;
    xc_str_t     path = msg->path;

    at = msg->origin_form || path.len == 0
         ? NULL : memmem(path.data, path.len, "://", 3);

    if (at != NULL) {
        path.len -= (size_t) (at + 3 - path.data);
        path.data = at + 3;

        at = memchr(path.data, '/', path.len);
        path.len -= at == NULL ? path.len : (size_t) (at - path.data);
        path.data = at == NULL ? path.data : at;
    }

    return path;
}


/* The subject as the path holds it, also for requests that were refused before
 * their operation was known: an id must not reach the log that way. */
static xc_str_t
xc_record_path_subject(const xc_policy_t *policy, const xc_msg_t *msg,
    const xc_gate_t *gate)
{
    size_t                 i;
    xc_str_t               path = xc_record_path(msg);
    xc_str_t               captures[XC_PATTERN_MAX_CAPTURES];
    const xc_operation_t  *operation;

    if (gate->operation != NULL) {
        return gate->path_subject;
    }

    for (i = 0; i < policy->n_operations; i++) {
        operation = &policy->operations[i];

        if (operation->capture_subject >= 0
            && xc_pattern_match(operation->path, path, captures) == XC_OK)
        {
            return captures[operation->capture_subject];
        }
    }

    return XC_STR_NONE;
}


void
xc_record_uri(xc_buf_t *out, const xc_policy_t *policy, const xc_msg_t *msg,
    const xc_gate_t *gate)
{
    size_t    before;
    char      mem[XC_RECORD_URI_MAX * 3 + 16];
    xc_buf_t  uri;
    xc_str_t  target = msg->target, subject;

    subject = xc_record_path_subject(policy, msg, gate);
    xc_buf_init(&uri, mem, sizeof(mem));

    if (subject.len != 0) {
        before = (size_t) (subject.data - msg->path.data);

        xc_buf_target(&uri, (xc_str_t) { target.data,
                                      XC_MIN(before, XC_RECORD_URI_MAX) });
        xc_buf_z(&uri, "{subject}");

        target.data += before + subject.len;
        target.len -= before + subject.len;
    }

    if (uri.len < XC_RECORD_URI_MAX) {
        target.len = XC_MIN(target.len, XC_RECORD_URI_MAX - uri.len);
        xc_buf_target(&uri, target);
    }

    xc_buf_bytes(out, mem, XC_MIN(uri.len, XC_RECORD_URI_MAX));
}
