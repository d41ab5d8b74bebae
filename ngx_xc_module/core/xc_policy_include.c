/*
 * Dictionaries: the policy's own fields and subject types, and those of the
 * files that it includes, so that one file can be replaced by an official annex
 * while the policy stays as it is.
 */

#include "xc_policy_load.h"


#define XC_LOAD_INCLUDES_MAX    64
#define XC_LOAD_ABOUT_MAX       4096    /* bytes */


static void
xc_load_include_top(xc_load_t *load, const xc_json_t *root,
    xc_load_dictionary_t *dictionary)
{
    const xc_at_t    *at = dictionary->root;
    const xc_json_t  *v[4];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("about", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("version", XC_LOAD_STRING),
        XC_MEMBER("fields", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("subject_types", XC_LOAD_OBJECT)
    };

    if (!xc_load_object(load, at, root, members, XC_COUNT(members), v)) {
        return;
    }

    (void) xc_load_text(load, XC_AT(at, "about"), v[0], XC_LOAD_ABOUT_MAX);
    (void) xc_load_id(load, XC_AT(at, "version"), v[1]);

    if (v[2] != NULL && xc_json_size(v[2]) == 0) {
        xc_load_fault(load, XC_AT(at, "fields"),
                      "must name at least one field");
    }

    dictionary->fields = v[2];
    dictionary->subject_types = v[3];
}


static void
xc_load_include_file(xc_load_t *load, const xc_at_t *at, xc_str_t file,
    xc_load_dictionary_t *dictionary)
{
    xc_rc_t           rc;
    xc_str_t          text = xc_load_file(load, at, file, false);
    xc_json_error_t   error = { 0, 0, "" };
    const xc_json_t  *root;

    if (text.data == NULL) {
        return;
    }

    dictionary->file = file;
    dictionary->at = (xc_at_t) { NULL, file, XC_AT_FILE };
    dictionary->root = &dictionary->at;

    rc = xc_json_parse(load->scratch, text, XC_LOAD_DEPTH, &error, &root);

    if (rc == XC_OK) {
        xc_load_include_top(load, root, dictionary);

    } else if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(load, dictionary->root, "not strict JSON: line %u, "
                      "column %u: %s", error.line, error.column,
                      error.message);

    } else {
        xc_load_fail(load, rc);
    }
}


static void
xc_load_include(xc_load_t *load, const xc_at_t *at, const xc_json_t *list,
    size_t i)
{
    size_t    j;
    xc_str_t  file = xc_load_text(load, at, xc_json_element(list, i),
                                  XC_LOAD_FILE_MAX);

    if (file.data == NULL) {
        return;
    }

    for (j = 0; j < i; j++) {
        if (xc_str_eq(xc_json_string(xc_json_element(list, j)), file)) {
            xc_load_fault(load, at, "stands twice");
            return;
        }
    }

    xc_load_include_file(load, at, file,
                         &load->dictionaries[load->n_dictionaries]);
    load->n_dictionaries++;
}


void
xc_load_dictionaries(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *include, const xc_json_t *fields,
    const xc_json_t *subject_types)
{
    size_t  i, n = xc_json_size(include);

    if (include != NULL && (n == 0 || n > XC_LOAD_INCLUDES_MAX)) {
        xc_load_fault(load, at, "must name 1 to %d files, found %zu; leave it "
                      "out where there is none", XC_LOAD_INCLUDES_MAX, n);
        n = 0;
    }

    load->dictionaries = xc_load_array(load, n + 1,
                                       sizeof(xc_load_dictionary_t));
    if (load->dictionaries == NULL) {
        return;
    }

    load->dictionaries[0].fields = fields;
    load->dictionaries[0].subject_types = subject_types;
    load->n_dictionaries = 1;

    for (i = 1; i <= n; i++) {
        /* none is there before it is loaded */
        load->dictionaries[i].first_field = SIZE_MAX;
        load->dictionaries[i].first_type = SIZE_MAX;
    }

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_include(load, XC_AT_I(at, i), include, i);
    }
}
