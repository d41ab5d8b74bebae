#include "xcctl_replay_request.h"

#include "../core/xc_buf.h"

#include <stdio.h>

#define XCCTL_REPLAY_ROOM   4096


xc_str_t
xcctl_replay_string(const xc_json_t *root, const char *name)
{
    const xc_json_t  *node = xc_json_member(root, xc_str_z(name));

    return node != NULL && xc_json_type(node) == XC_JSON_STRING
           ? xc_json_string(node) : XC_STR_NONE;
}


static void
xcctl_replay_name(xc_buf_t *b, xc_str_t name)
{
    xc_buf_char(b, b->len == 1 ? ' ' : ',');
    xc_buf_json(b, name);
    xc_buf_char(b, ':');
}


/* A list whose elements are told apart by a number, since the record has only
 * MACs of them. */
static void
xcctl_replay_list(xc_buf_t *b, const xc_json_t *list, xc_member_t member)
{
    size_t            i;
    const xc_json_t  *one, *type;

    xcctl_replay_name(b, xc_member_name(member));

    for (i = 0; (one = xc_json_element(list, i)) != NULL; i++) {
        xc_buf_char(b, i == 0 ? '[' : ',');
        type = xc_json_member(one, XC_STR("type"));

        if (member == XC_MEMBER_FIELDS) {
            xc_buf_json(b, xc_json_string(one));

        } else if (member == XC_MEMBER_OFFICERS) {
            xc_buf_z(b, "{\"certificate\":\"");
            xc_buf_u64(b, i);
            xc_buf_z(b, "\"}");

        } else {
            xc_buf_z(b, "{\"type\":");
            xc_buf_json(b, type == NULL ? XC_STR("") : xc_json_string(type));
            xc_buf_z(b, ",\"id\":\"");
            xc_buf_u64(b, i);
            xc_buf_z(b, "\"}");
        }
    }

    xc_buf_z(b, i == 0 ? "[]" : "]");
}


static void
xcctl_replay_window(xc_buf_t *b, const xc_json_t *window)
{
    xcctl_replay_name(b, XC_STR("window"));
    xc_buf_z(b, "{\"from\":");
    xc_buf_json(b, xcctl_replay_string(window, "from"));
    xc_buf_z(b, ",\"to\":");
    xc_buf_json(b, xcctl_replay_string(window, "to"));
    xc_buf_char(b, '}');
}


/* The body under the names that records have. */
static void
xcctl_replay_body(xc_buf_t *b, const xcctl_replayed_t *one)
{
    bool              token;
    unsigned          i;
    xc_str_t          name;
    const xc_json_t  *node;

    /* the number behind a token was not in the request */
    token = xcctl_replay_string(one->root, "approval_token").data != NULL;

    xc_buf_char(b, '{');

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        name = xc_member_name((xc_member_t) i);
        node = xc_json_member(one->root, name);

        if (node == NULL || i == XC_MEMBER_APPROVAL_TOKEN
            || (token && i == XC_MEMBER_APPROVAL))
        {
            continue;
        }

        if (xc_json_type(node) == XC_JSON_ARRAY) {
            xcctl_replay_list(b, node, (xc_member_t) i);

        } else if (xc_json_type(node) == XC_JSON_OBJECT) {
            xcctl_replay_window(b, node);

        } else {
            xcctl_replay_name(b, name);
            xc_buf_json(b, xc_json_string(node));
        }
    }

    xc_buf_char(b, '}');
}


/*
 * The operation as if its members stood under the records' names: where in the
 * body they stood the record does not say.  What it does not map stays
 * unmapped, and is refused as in the gate.
 */
static bool
xcctl_replay_operation(const xcctl_ask_t *ask, xc_operation_t *out)
{
    size_t       i;
    bool         path;
    xc_input_t   input = ask->operation->input;

    *out = *ask->operation;
    out->input = XC_INPUT_BODY;

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        path = i == XC_MEMBER_SUBJECTS && ask->operation->capture_subject >= 0;

        if (out->map[i].data != NULL || path) {
            out->map[i] = xc_arena_printf(ask->arena, "/" XC_STR_FMT,
                              XC_STR_ARG(xc_member_name((xc_member_t) i)));
        }
    }

    if (input != XC_INPUT_QUERY) {
        return true;
    }

    out->pass = xc_arena_array(ask->arena, out->n_pass + 1, sizeof(xc_str_t));

    for (i = 0; out->pass != NULL && i < out->n_pass; i++) {
        out->pass[i] = xc_arena_printf(ask->arena, "/" XC_STR_FMT,
                                       XC_STR_ARG(ask->operation->pass[i]));
    }

    return out->pass != NULL;
}


/* Of a result: what its ticket held.  Whether that was of subjects, where it
 * is no sweep: of one that was allowed, yes. */
static xc_rc_t
xcctl_replay_result(xcctl_replayed_t *one)
{
    size_t             i, n;
    xc_asked_t        *asked;
    xcctl_ask_t       *ask = &one->ask;
    const xc_json_t   *list, *sweep;
    const xc_policy_t *policy = ask->file->policy;

    static xc_subject_t             somebody;
    static const xc_subject_type_t  unnamed = { .id = { "", 0 } };

    list = xc_json_member(one->root, XC_STR("fields"));
    sweep = xc_json_member(one->root, XC_STR("sweep"));
    n = xc_json_size(list);
    asked = xc_arena_array(ask->arena, n + 1, sizeof(xc_asked_t));

    if (asked == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        asked[i].name = xc_json_string(xc_json_element(list, i));
        asked[i].field = xc_policy_field(policy, asked[i].name);
    }

    somebody.type = &unnamed;

    ask->request = (xc_request_t) {
        .request_no = xcctl_replay_string(one->root, "request_no"),
        .purpose = xcctl_replay_string(one->root, "purpose"),
        .case_no = xcctl_replay_string(one->root, "case_no"),
        .approval = xcctl_replay_string(one->root, "approval"),
        .fields = asked, .n_fields = n, .fields_present = true, .whole = true,
        .sweep = sweep != NULL && xc_json_bool(sweep)
    };

    ask->request.purpose_rule = xc_policy_purpose(policy,
                                                  ask->request.purpose);

    if (!ask->request.sweep
        && !xc_str_eq(one->reason,
                      xc_reason_info(XC_REASON_SUBJECT_REQUIRED)->code))
    {
        ask->request.subjects = &somebody;
        ask->request.n_subjects = 1;
    }

    return XC_OK;
}


xc_rc_t
xcctl_replay_request(xcctl_replayed_t *out, size_t line_len)
{
    char            *mem;
    xc_rc_t          rc;
    xc_buf_t         b;
    xcctl_ask_t     *ask = &out->ask;
    xc_operation_t   operation;

    if (ask->operation->kind == XC_OPERATION_RESULT) {
        rc = xcctl_replay_result(out);

    } else {
        mem = xc_arena_alloc(ask->arena, line_len + XCCTL_REPLAY_ROOM);

        if (mem == NULL || !xcctl_replay_operation(ask, &operation)) {
            return XC_ENOMEM;
        }

        xc_buf_init(&b, mem, line_len + XCCTL_REPLAY_ROOM);
        xcctl_replay_body(&b, out);

        if (b.overflow) {
            return XC_EINTERNAL;
        }

        rc = xc_scope_read_body(ask->arena, ask->file->policy, &operation,
                                xc_buf_view(&b), XC_STR(""), &ask->request,
                                &ask->verdict);
    }

    ask->request.approval = xcctl_replay_string(out->root, "approval");
    ask->request.approval_token = xcctl_replay_string(out->root,
                                                      "approval_token");

    return rc;
}
