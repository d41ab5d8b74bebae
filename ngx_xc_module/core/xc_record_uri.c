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


/*
 * Does an operation have this path?  Then *subject is what it captures, also
 * for requests that were refused before their operation was known, and with
 * another method: an id must not reach the log that way.
 */
static bool
xc_record_path_known(const xc_policy_t *policy, const xc_msg_t *msg,
    const xc_gate_t *gate, xc_str_t *subject)
{
    size_t                 i;
    xc_str_t               path = xc_record_path(msg);
    xc_str_t               captures[XC_PATTERN_MAX_CAPTURES];
    const xc_operation_t  *operation;

    *subject = gate->captures.subject;

    if (gate->operation != NULL) {
        return true;
    }

    for (i = 0; i < policy->n_operations; i++) {
        operation = &policy->operations[i];

        if (xc_pattern_match(operation->path, path, captures) == XC_OK) {
            *subject = operation->capture_subject < 0
                       ? XC_STR_NONE : captures[operation->capture_subject];
            return true;
        }
    }

    return false;
}


/* Is the segment, with its slash, literally a part of an operation's path? */
static bool
xc_record_segment_known(const xc_policy_t *policy, xc_str_t segment)
{
    char         next;
    size_t       i, left;
    xc_str_t     source;
    const char  *at;

    for (i = 0; i < policy->n_operations; i++) {
        source = policy->operations[i].path_source;

        for (left = source.len; left != 0; left--) {
            at = memmem(source.data + source.len - left, left, segment.data,
                        segment.len);
            if (at == NULL) {
                break;
            }

            left = (size_t) (source.data + source.len - at);
            next = left == segment.len ? '/' : at[segment.len];

            if (next == '/') {
                return true;
            }
        }
    }

    return false;
}


/*
 * A path that no operation has may still hold a subject's id, mistyped by one
 * character: only what the policy's own paths hold is written.
 */
static void
xc_record_unmatched(xc_buf_t *out, const xc_policy_t *policy,
    const xc_msg_t *msg)
{
    size_t    i, start;
    xc_str_t  path = msg->path, segment;

    for (i = start = 0; i <= path.len; i++) {
        if (i == 0 || (i < path.len && path.data[i] != '/')) {
            continue;
        }

        segment = (xc_str_t) { path.data + start, i - start };
        start = i;

        if (xc_str_eq(segment, XC_STR("/"))
            || (segment.data[0] == '/'
                && xc_record_segment_known(policy, segment)))
        {
            xc_buf_target(out, segment);

        } else {
            xc_buf_z(out, segment.data[0] == '/' ? "/{unknown}"
                                                 : "{unknown}");
        }

        if (out->len >= XC_RECORD_URI_MAX) {
            return;
        }
    }

    xc_buf_z(out, msg->has_query ? "?{unread}" : "");
}


void
xc_record_uri(xc_buf_t *out, const xc_policy_t *policy, const xc_msg_t *msg,
    const xc_gate_t *gate)
{
    size_t    before;
    char      mem[XC_RECORD_URI_MAX * 3 + 16];
    xc_buf_t  uri;
    xc_str_t  target = msg->target, subject;

    xc_buf_init(&uri, mem, sizeof(mem));

    if (!xc_record_path_known(policy, msg, gate, &subject)) {
        xc_record_unmatched(&uri, policy, msg);
        xc_buf_bytes(out, mem, XC_MIN(uri.len, XC_RECORD_URI_MAX));
        return;
    }

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
