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
    bool      result = operation->kind == XC_OPERATION_RESULT;
    size_t    i;
    xc_str_t  name;

    for (i = 0; i < xc_pattern_names(operation->path); i++) {
        name = xc_pattern_name(operation->path, i);

        if (xc_str_eq(name, XC_STR("subject")) && !result) {
            operation->capture_subject = (int) i;

        } else if (xc_str_eq(name, XC_STR("request")) && result) {
            operation->capture_request = (int) i;

        } else if (xc_str_eq(name, XC_STR("request"))) {
            xc_load_fault(load, at, "the group \"request\" belongs to the kind "
                          "result");

        } else {
            xc_load_fault(load, at, "the group " XC_STR_FMT " means nothing "
                          "here; the path may capture \"%s\"",
                          XC_STR_ARG(xc_load_quote(load, name)),
                          result ? "request" : "subject");
        }
    }

    if (result && operation->capture_request < 0) {
        xc_load_fault(load, at, "must capture the id of the submit's record, "
                      "as in \"/xc/v1/requests/(?<request>[0-9a-f]{32})\"");
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


/* The submit's token says all, so the request has neither body nor query. */
static void
xc_load_result(xc_load_t *load, const xc_at_t *at, const xc_json_t **v,
    xc_operation_t *operation)
{
    size_t  i;

    static const xc_str_t  names[XC_OPERATION_COUNT] = {
        [XC_OPERATION_BODY_MAP] = { "body", 4 },
        [XC_OPERATION_QUERY_MAP] = { "query", 5 },
        [XC_OPERATION_PASS] = { "pass", 4 },
        [XC_OPERATION_SUBJECT_TYPE] = { "subject_type", 12 }
    };

    operation->input = XC_INPUT_NONE;
    load->policy->needs_token_key = true;

    for (i = 0; i < XC_OPERATION_COUNT; i++) {
        if (names[i].data != NULL && v[i] != NULL) {
            xc_load_fault(load, XC_AT_KEY(at, names[i]), "has no place in the "
                          "kind result, whose submit said what is asked; leave "
                          "it out");
        }
    }
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
    operation->capture_request = -1;

    if (!xc_load_object(load, at, node, members, XC_OPERATION_COUNT, v)) {
        return;
    }

    operation->id = xc_load_id(load, XC_AT(at, "id"), v[XC_OPERATION_ID]);

    kind = xc_load_word(load, XC_AT(at, "kind"), v[XC_OPERATION_KIND], kinds,
                        XC_COUNT(kinds));

    xc_load_methods(load, XC_AT(at, "methods"), v[XC_OPERATION_METHODS],
                    operation);

    operation->path = xc_load_pattern(load, XC_AT(at, "path"),
                                      v[XC_OPERATION_PATH]);

    if (kind == XC_COUNT(kinds)) {
        /* which of the rules below apply is not known */
        return;
    }

    operation->kind = (xc_operation_kind_t) kind;

    if (operation->path != NULL) {
        operation->path_source
            = xc_load_text(load, XC_AT(at, "path"), v[XC_OPERATION_PATH],
                           XC_LOAD_PATH_MAX);
        xc_load_captures(load, XC_AT(at, "path"), operation);
    }

    if (operation->kind == XC_OPERATION_RESULT) {
        xc_load_result(load, at, v, operation);
        return;
    }

    xc_load_subject_of(load, XC_AT(at, "subject_type"),
                       v[XC_OPERATION_SUBJECT_TYPE], operation);
    xc_load_input(load, at, v[XC_OPERATION_BODY_MAP],
                  v[XC_OPERATION_QUERY_MAP], v[XC_OPERATION_PASS], operation);
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

    if (load->rc == XC_OK) {
        xc_load_likes(load, at, node, &ids);
    }
}
