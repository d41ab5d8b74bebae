#include "xc_policy_load.h"

#include "xc_ascii.h"


/* As long as a pattern may be. */
#define XC_LOAD_PATH_MAX        4096


enum {
    XC_OPERATION_ID,
    XC_OPERATION_KIND,
    XC_OPERATION_METHODS,
    XC_OPERATION_PATH,
    XC_OPERATION_BODY_MAP,
    XC_OPERATION_QUERY_MAP,
    XC_OPERATION_PASS,
    XC_OPERATION_SUBJECT_TYPE,
    XC_OPERATION_COUNT
};

/* What a request can't be decided without, whatever its kind here. */
#define XC_OPERATION_NEEDS                                                    \
    (1u << XC_MEMBER_FIELDS | 1u << XC_MEMBER_REQUEST_NO                      \
     | 1u << XC_MEMBER_PURPOSE)

/* Not a plain string, so nothing that a query could hold. */
#define XC_OPERATION_STRUCTURED                                               \
    (1u << XC_MEMBER_OFFICERS | 1u << XC_MEMBER_SUBJECTS                      \
     | 1u << XC_MEMBER_WINDOW)


static void
xc_load_methods(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    size_t     i, j, n = xc_json_size(node);
    xc_str_t   method;

    if (node == NULL) {
        return;
    }

    if (n == 0) {
        xc_load_fault(load, at, "must name at least one method");
    }

    operation->methods = xc_load_array(load, n, sizeof(xc_str_t));

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        method = xc_load_text(load, XC_AT_I(at, i), xc_json_element(node, i),
                              32);

        for (j = 0; j < method.len; j++) {
            if (!xc_ascii_is_tchar(method.data[j])
                || (method.data[j] >= 'a' && method.data[j] <= 'z'))
            {
                xc_load_fault(load, XC_AT_I(at, i), "must be a method in "
                              "capital letters, such as POST");
                break;
            }
        }

        operation->methods[operation->n_methods++] = method;
    }
}


static void
xc_load_captures(xc_load_t *load, const xc_at_t *at, xc_operation_t *operation)
{
    size_t    i;
    xc_str_t  name;

    for (i = 0; i < xc_pattern_names(operation->path); i++) {
        name = xc_pattern_name(operation->path, i);

        if (xc_str_eq(name, XC_STR("subject"))) {
            operation->capture_subject = (int) i;

        } else if (xc_str_eq(name, XC_STR("request"))) {
            xc_load_fault(load, at, "the group \"request\" belongs to the kind "
                          "result, which " XC_LATER);

        } else {
            xc_load_fault(load, at, "the group " XC_STR_FMT " means nothing; "
                          "a path may capture \"subject\"",
                          XC_STR_ARG(xc_load_quote(load, name)));
        }
    }
}


static void
xc_load_subject_of(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    xc_str_t  id;

    if (operation->path == NULL) {
        return;
    }

    if (operation->capture_subject >= 0 && node == NULL) {
        xc_load_fault(load, at, "required, for the path captures a subject");
        return;
    }

    if (operation->capture_subject < 0 && node != NULL) {
        xc_load_fault(load, at, "stands only with a path that captures "
                      "\"subject\"");
        return;
    }

    if (node == NULL) {
        return;
    }

    id = xc_json_string(node);
    operation->subject_type = xc_policy_subject_type(load->policy, id);

    if (operation->subject_type == NULL) {
        xc_load_fault(load, at, "no subject type " XC_STR_FMT " in "
                      "subject_types", XC_STR_ARG(xc_load_quote(load, id)));
    }
}


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
        xc_load_fault(load, at, "like " XC_LATER);

    } else if (member == XC_MEMBER_COUNT) {
        xc_load_fault(load, at, "unknown member; known: fields, request_no, "
                      "purpose, case_no, legal_basis, officers, subjects, "
                      "window, category, region, approval");

    } else if (member == XC_MEMBER_APPROVAL_TOKEN) {
        xc_load_fault(load, at, "approval_token " XC_LATER);

    } else if (operation->input == XC_INPUT_QUERY
               && (1u << member & XC_OPERATION_STRUCTURED) != 0)
    {
        xc_load_fault(load, at, XC_STR_FMT " can't stand in a query; a subject "
                      "comes from the path", XC_STR_ARG(at->key));

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


static void
xc_load_input(xc_load_t *load, const xc_at_t *at, const xc_json_t **v,
    xc_operation_t *operation)
{
    if (v[XC_OPERATION_BODY_MAP] != NULL && v[XC_OPERATION_QUERY_MAP] != NULL) {
        xc_load_fault(load, at, "has both a body and a query; choose one");

    } else if (v[XC_OPERATION_BODY_MAP] != NULL) {
        operation->input = XC_INPUT_BODY;
        xc_load_map(load, XC_AT(at, "body"), v[XC_OPERATION_BODY_MAP],
                    operation);

    } else if (v[XC_OPERATION_QUERY_MAP] != NULL) {
        operation->input = XC_INPUT_QUERY;
        xc_load_map(load, XC_AT(at, "query"), v[XC_OPERATION_QUERY_MAP],
                    operation);

    } else {
        xc_load_fault(load, at, "needs a body or a query that maps fields, "
                      "request_no and purpose");
        return;
    }

    xc_load_pass(load, XC_AT(at, "pass"), v[XC_OPERATION_PASS], operation);
    xc_load_distinct(load, at, operation);
}


static void
xc_load_operation(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_operation_t *operation)
{
    size_t            kind;
    const xc_json_t  *v[XC_OPERATION_COUNT];

    static const xc_str_t  kinds[] = { { "submit", 6 }, { "query", 5 },
                                       { "result", 6 }, { "check", 5 } };

    static const xc_load_member_t  members[XC_OPERATION_COUNT] = {
        XC_MEMBER("id", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("kind", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("methods", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("path", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("body", XC_LOAD_OBJECT),
        XC_MEMBER("query", XC_LOAD_OBJECT),
        XC_MEMBER("pass", XC_LOAD_ARRAY),
        XC_MEMBER("subject_type", XC_LOAD_STRING)
    };

    operation->capture_subject = -1;

    if (!xc_load_object(load, at, node, members, XC_OPERATION_COUNT, v)) {
        return;
    }

    operation->id = xc_load_id(load, XC_AT(at, "id"), v[XC_OPERATION_ID]);

    kind = xc_load_word(load, XC_AT(at, "kind"), v[XC_OPERATION_KIND], kinds,
                        2, 4);
    operation->kind = kind == 1 ? XC_OPERATION_QUERY : XC_OPERATION_SUBMIT;

    xc_load_methods(load, XC_AT(at, "methods"), v[XC_OPERATION_METHODS],
                    operation);

    if (kind == 2 && v[XC_OPERATION_KIND] != NULL) {
        /* of another kind, to which other rules than those below apply */
        return;
    }

    operation->path = xc_load_pattern(load, XC_AT(at, "path"),
                                      v[XC_OPERATION_PATH]);

    if (operation->path != NULL) {
        operation->path_source
            = xc_load_text(load, XC_AT(at, "path"), v[XC_OPERATION_PATH],
                           XC_LOAD_PATH_MAX);
        xc_load_captures(load, XC_AT(at, "path"), operation);
    }

    xc_load_subject_of(load, XC_AT(at, "subject_type"),
                       v[XC_OPERATION_SUBJECT_TYPE], operation);
    xc_load_input(load, at, v, operation);
}


void
xc_load_operations(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t           i, n = xc_json_size(node);
    xc_index_t       ids;
    xc_operation_t  *list;

    if (node == NULL) {
        return;
    }

    if (n == 0) {
        xc_load_fault(load, at, "must hold at least one operation");
    }

    list = xc_load_array(load, n, sizeof(xc_operation_t));
    xc_load_index(load, &ids, n);
    load->policy->operations = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_operation(load, XC_AT_I(at, i), xc_json_element(node, i),
                          &list[i]);
        load->policy->n_operations++;

        if (list[i].id.data != NULL
            && !xc_load_enter(load, &ids, list[i].id, &list[i]))
        {
            xc_load_fault(load, XC_AT(XC_AT_I(at, i), "id"), XC_STR_FMT
                          " stands twice",
                          XC_STR_ARG(xc_load_quote(load, list[i].id)));
        }
    }
}
