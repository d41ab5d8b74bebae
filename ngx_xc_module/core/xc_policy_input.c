/* Where a request's members lie in its body or query. */

#include "xc_policy_load.h"

#include "xc_ascii.h"


/* What a request can't be decided without, whatever its kind here. */
#define XC_OPERATION_NEEDS                                                    \
    (1u << XC_MEMBER_FIELDS | 1u << XC_MEMBER_REQUEST_NO                      \
     | 1u << XC_MEMBER_PURPOSE)

/* Not a plain string, so nothing that a query could hold; or a token, which
 * may name subjects, and a query stands in records and logs. */
#define XC_OPERATION_BODY_ONLY                                                \
    (1u << XC_MEMBER_OFFICERS | 1u << XC_MEMBER_SUBJECTS                      \
     | 1u << XC_MEMBER_WINDOW | 1u << XC_MEMBER_APPROVAL_TOKEN)


/* Of the characters that a query needs no encoding for: RFC 3986 2.3 */
static bool
xc_load_is_name(xc_str_t name)
{
    size_t  i;

    for (i = 0; i < name.len; i++) {
        if (!xc_ascii_is_alpha(name.data[i])
            && !xc_ascii_is_digit(name.data[i])
            && memchr("-._~", name.data[i], 4) == NULL)
        {
            return false;
        }
    }

    return name.len != 0 && name.len <= 64;
}


/* A JSON Pointer or a query name; data NULL with a fault. */
static xc_str_t
xc_load_source(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_input_t input)
{
    xc_str_t  text = xc_load_text(load, at, node, XC_POLICY_POINTER_MAX);

    if (text.data == NULL) {
        return text;
    }

    if (input == XC_INPUT_BODY && !xc_json_pointer_ok(text)) {
        xc_load_fault(load, at, XC_STR_FMT " is not a JSON Pointer (RFC 6901) "
                      "such as \"/fields\"",
                      XC_STR_ARG(xc_load_quote(load, text)));
        return XC_STR_NONE;
    }

    if (input == XC_INPUT_QUERY && !xc_load_is_name(text)) {
        xc_load_fault(load, at, XC_STR_FMT " is not a query name: 1 to 64 of "
                      "0-9 A-Z a-z - . _ ~",
                      XC_STR_ARG(xc_load_quote(load, text)));
        return XC_STR_NONE;
    }

    return text;
}


static void
xc_load_mapped(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    xc_member_t  member = xc_load_member(at->key);

    if (xc_str_eq(at->key, XC_STR("like"))
        && operation->input == XC_INPUT_BODY)
    {
        xc_load_fault(load, at, "stands only with the kind check");

    } else if (member == XC_MEMBER_COUNT) {
        xc_load_fault(load, at, "unknown member; known: fields, request_no, "
                      "purpose, case_no, legal_basis, officers, subjects, "
                      "window, category, region, approval, approval_token");

    } else if (operation->input == XC_INPUT_QUERY
               && (1u << member & XC_OPERATION_BODY_ONLY) != 0)
    {
        xc_load_fault(load, at, XC_STR_FMT " can't stand in a query; %s",
                      XC_STR_ARG(at->key), member == XC_MEMBER_APPROVAL_TOKEN
                      ? "it may name subjects, and logs hold queries: map "
                        "approval"
                      : "a subject comes from the path");

    } else {
        operation->map[member] = xc_load_source(load, at, node,
                                                operation->input);
    }
}


static void
xc_load_map(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    unsigned               i;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(node); it != NULL; it = xc_json_next(node, it)) {
        xc_load_mapped(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                       xc_json_iter_value(it), operation);
    }

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        if ((1u << i & XC_OPERATION_NEEDS) != 0
            && xc_json_member(node, xc_member_name((xc_member_t) i)) == NULL)
        {
            xc_load_fault(load,
                          XC_AT_KEY(at, xc_member_name((xc_member_t) i)),
                          "required: a request can't be decided without it");
        }
    }
}


static void
xc_load_pass(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    size_t    i, n = xc_json_size(node);
    xc_str_t  source;

    if (node == NULL) {
        return;
    }

    if (n > 256) {
        xc_load_fault(load, at, "more than 256 members, found %zu", n);
        return;
    }

    operation->pass = xc_load_array(load, n, sizeof(xc_str_t));

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        source = xc_load_source(load, XC_AT_I(at, i), xc_json_element(node, i),
                                operation->input);
        if (source.data != NULL) {
            operation->pass[operation->n_pass++] = source;
        }
    }
}


/* As twins are compared (CONTRACT.md section 3): case folded, without "_" and
 * "-". */
static xc_str_t
xc_load_fold(xc_str_t source, char mem[XC_POLICY_POINTER_MAX])
{
    size_t  i, n = 0;

    for (i = 0; i < source.len; i++) {
        if (source.data[i] != '_' && source.data[i] != '-') {
            mem[n++] = xc_ascii_lower(source.data[i]);
        }
    }

    return (xc_str_t) { mem, n };
}


/* Are the two the same member, or is one inside the other? */
static bool
xc_load_overlap(xc_str_t a, xc_str_t b, xc_input_t input)
{
    char      mem_a[XC_POLICY_POINTER_MAX], mem_b[XC_POLICY_POINTER_MAX];
    xc_str_t  tmp;

    a = xc_load_fold(a, mem_a);
    b = xc_load_fold(b, mem_b);

    if (a.len > b.len) {
        tmp = a;
        a = b;
        b = tmp;
    }

    return memcmp(a.data, b.data, a.len) == 0
           && (a.len == b.len
               || (input == XC_INPUT_BODY && b.data[a.len] == '/'));
}


/*
 * What would be read twice, or is a twin of another and so refused at every
 * request.  At most 12 + 256 sources, so comparing each pair is cheap.
 */
static void
xc_load_distinct(xc_load_t *load, const xc_at_t *at,
    const xc_operation_t *operation)
{
    size_t    i, j, n = 0;
    xc_str_t  all[XC_MEMBER_COUNT + 256];

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        if (operation->map[i].data != NULL) {
            all[n++] = operation->map[i];
        }
    }

    for (i = 0; i < operation->n_pass; i++) {
        all[n++] = operation->pass[i];
    }

    for (i = 1; i < n; i++) {
        for (j = 0; j < i; j++) {
            if (xc_load_overlap(all[j], all[i], operation->input)) {
                xc_load_fault(load, at, XC_STR_FMT " and " XC_STR_FMT
                              " are the same member, or one lies in the "
                              "other, or they differ only in case, _ and -",
                              XC_STR_ARG(xc_load_quote(load, all[j])),
                              XC_STR_ARG(xc_load_quote(load, all[i])));
                break;
            }
        }
    }
}


/* Of a check: its body is that of another operation, which may stand behind
 * it, so that it is looked up when all have been read. */
static void
xc_load_like(xc_load_t *load, const xc_at_t *at, const xc_json_t *body,
    const xc_json_t *pass, xc_operation_t *operation)
{
    const xc_json_t  *like[1];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("like", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    operation->input = XC_INPUT_BODY;

    if (!xc_load_object(load, XC_AT(at, "body"), body, members, 1, like)
        || like[0] == NULL)
    {
        return;
    }

    if (pass != NULL) {
        xc_load_fault(load, XC_AT(at, "pass"), "comes from the operation "
                      XC_STR_FMT "; leave it out",
                      XC_STR_ARG(xc_load_quote(load,
                                               xc_json_string(like[0]))));
    }
}


void
xc_load_input(xc_load_t *load, const xc_at_t *at, const xc_json_t *body,
    const xc_json_t *query, const xc_json_t *pass, xc_operation_t *operation)
{
    if (body != NULL && query != NULL) {
        xc_load_fault(load, at, "has both a body and a query; choose one");

    } else if (operation->kind == XC_OPERATION_CHECK
               && xc_json_member(body, XC_STR("like")) != NULL)
    {
        xc_load_like(load, at, body, pass, operation);
        return;

    } else if (body != NULL) {
        operation->input = XC_INPUT_BODY;
        xc_load_map(load, XC_AT(at, "body"), body, operation);

    } else if (query != NULL) {
        operation->input = XC_INPUT_QUERY;
        xc_load_map(load, XC_AT(at, "query"), query, operation);

    } else {
        xc_load_fault(load, at, "needs a body or a query that maps fields, "
                      "request_no and purpose");
        return;
    }

    xc_load_pass(load, XC_AT(at, "pass"), pass, operation);
    xc_load_distinct(load, at, operation);
}


/* What the operation of that name maps and passes, for a check. */
static void
xc_load_like_of(xc_load_t *load, const xc_at_t *at, xc_str_t id,
    const xc_operation_t *other, const xc_json_t *other_body,
    xc_operation_t *operation)
{
    xc_str_t  quoted = xc_load_quote(load, id);

    if (other != NULL && other->input == XC_INPUT_NONE
        && other->kind != XC_OPERATION_RESULT)
    {
        /* it has a fault of its own */
        return;
    }

    if (other == NULL) {
        xc_load_fault(load, at, "no operation " XC_STR_FMT " in operations",
                      XC_STR_ARG(quoted));

    } else if (other->input != XC_INPUT_BODY) {
        xc_load_fault(load, at, "the operation " XC_STR_FMT " has no body",
                      XC_STR_ARG(quoted));

    } else if (xc_json_member(other_body, XC_STR("like")) != NULL) {
        xc_load_fault(load, at, "the operation " XC_STR_FMT " is itself like "
                      "another; name that one", XC_STR_ARG(quoted));

    } else {
        memcpy(operation->map, other->map, sizeof(operation->map));
        operation->pass = other->pass;
        operation->n_pass = other->n_pass;
        operation->like = other;
    }
}


void
xc_load_likes(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_index_t *ids)
{
    size_t                 i;
    const xc_json_t       *like, *body;
    xc_operation_t        *list = load->policy->operations;
    const xc_operation_t  *other;

    for (i = 0; i < load->policy->n_operations; i++) {
        if (list[i].kind != XC_OPERATION_CHECK) {
            continue;
        }

        body = xc_json_member(xc_json_element(node, i), XC_STR("body"));
        like = xc_json_member(body, XC_STR("like"));

        if (like == NULL || xc_json_type(like) != XC_JSON_STRING) {
            continue;
        }

        other = xc_index_find(ids, xc_json_string(like));
        body = other == NULL ? NULL
               : xc_json_member(xc_json_element(node, (size_t) (other - list)),
                                XC_STR("body"));

        xc_load_like_of(load, XC_AT(XC_AT(XC_AT_I(at, i), "body"), "like"),
                        xc_json_string(like), other, body, &list[i]);
    }
}
