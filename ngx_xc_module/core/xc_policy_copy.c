#include "xc_policy_load.h"

#include "xc_buf.h"


/* Room beyond the policy's own text, for public keys that stand in files. */
#define XC_COPY_SPARE   65536

typedef struct {
    xc_load_t  *load;
    xc_buf_t    out;
} xc_copy_t;


static void xc_copy_node(xc_copy_t *copy, xc_str_t name,
    const xc_json_t *node);


/* Members behind what stands already. */
static void
xc_copy_members(xc_copy_t *copy, const xc_json_t *object, char before)
{
    const xc_json_iter_t  *it;

    for (it = xc_json_first(object); it != NULL;
         it = xc_json_next(object, it))
    {
        xc_buf_char(&copy->out, before);
        xc_buf_json(&copy->out, xc_json_iter_key(it));
        xc_buf_char(&copy->out, ':');
        xc_copy_node(copy, xc_json_iter_key(it), xc_json_iter_value(it));
        before = ',';
    }
}


static void
xc_copy_object(xc_copy_t *copy, const xc_json_t *object)
{
    if (xc_json_size(object) == 0) {
        xc_buf_char(&copy->out, '{');
    }

    xc_copy_members(copy, object, '{');
    xc_buf_char(&copy->out, '}');
}


static void
xc_copy_array(xc_copy_t *copy, const xc_json_t *array)
{
    size_t  i, n = xc_json_size(array);

    for (i = 0; i < n; i++) {
        xc_buf_char(&copy->out, i == 0 ? '[' : ',');
        xc_copy_node(copy, XC_STR(""), xc_json_element(array, i));
    }

    xc_buf_z(&copy->out, n == 0 ? "[]" : "]");
}


/* False: node names no file, or one that can't be read any more. */
static bool
xc_copy_read(xc_copy_t *copy, const xc_json_t *node, xc_str_t *content)
{
    xc_rc_t           rc;
    const char       *error;
    xc_load_t        *load = copy->load;
    const xc_json_t  *path = xc_json_member(node, XC_STR("file"));

    if (path == NULL || load->files == NULL) {
        return false;
    }

    rc = load->files->read(load->files->ctx, load->arena, xc_json_string(path),
                           false, content, &error);

    if (rc == XC_ENOMEM) {
        xc_load_fail(load, rc);
    }

    return rc == XC_OK;
}


/* The copy stands alone: whoever verifies a signature by it has the key. */
static bool
xc_copy_file(xc_copy_t *copy, const xc_json_t *node)
{
    xc_str_t  content;

    if (!xc_copy_read(copy, node, &content)) {
        return false;
    }

    xc_buf_json(&copy->out, content);

    return true;
}


/* A set is JSON of its own, which goes in as such, on the copy's one line. */
static bool
xc_copy_jwks(xc_copy_t *copy, const xc_json_t *node)
{
    xc_rc_t           rc;
    xc_str_t          text;
    xc_load_t        *load = copy->load;
    const xc_json_t  *set;

    if (!xc_copy_read(copy, node, &text)) {
        return false;
    }

    rc = xc_json_parse(load->arena, text, XC_LOAD_JWKS_DEPTH, NULL, &set);
    if (rc == XC_OK) {
        rc = xc_json_dump(load->arena, set, &text);
    }

    if (rc == XC_ENOMEM) {
        xc_load_fail(load, rc);
    }

    if (rc != XC_OK) {
        return false;
    }

    xc_buf_str(&copy->out, text);

    return true;
}


/* Is node a file that goes into the copy? */
static bool
xc_copy_taken_in(xc_copy_t *copy, xc_str_t name, const xc_json_t *node)
{
    return xc_str_eq(name, XC_STR("public_key")) ? xc_copy_file(copy, node)
           : xc_str_eq(name, XC_STR("jwks")) && xc_copy_jwks(copy, node);
}


/* A credential's, not a field or purpose of that name: its value is text, or
 * names a file. */
static bool
xc_copy_secret(xc_str_t name, const xc_json_t *node)
{
    return xc_str_eq(name, XC_STR("secret"))
           && (xc_json_type(node) != XC_JSON_OBJECT
               || xc_json_member(node, XC_STR("file")) != NULL);
}


static void
xc_copy_node(xc_copy_t *copy, xc_str_t name, const xc_json_t *node)
{
    if (xc_copy_secret(name, node)) {
        xc_buf_z(&copy->out, "\"…\"");
        return;
    }

    switch (xc_json_type(node)) {

    case XC_JSON_OBJECT:
        if (!xc_copy_taken_in(copy, name, node)) {
            xc_copy_object(copy, node);
        }

        break;

    case XC_JSON_ARRAY:
        xc_copy_array(copy, node);
        break;

    case XC_JSON_STRING:
        xc_buf_json(&copy->out, xc_json_string(node));
        break;

    case XC_JSON_INT:
        xc_buf_i64(&copy->out, xc_json_int(node));
        break;

    case XC_JSON_BOOL:
        xc_buf_z(&copy->out, xc_json_bool(node) ? "true" : "false");
        break;

    default:
        /* neither null nor a fraction stands in a policy that loads */
        xc_buf_z(&copy->out, "null");
    }
}


static const xc_json_t *
xc_copy_part(const xc_load_dictionary_t *dictionary, bool fields)
{
    return fields ? dictionary->fields : dictionary->subject_types;
}


/* The fields (or subject types) of all dictionaries as one object. */
static void
xc_copy_merged(xc_copy_t *copy, bool fields)
{
    bool              first = true;
    size_t            i;
    xc_load_t        *load = copy->load;
    const xc_json_t  *part;

    for (i = 0; i < load->n_dictionaries; i++) {
        part = xc_copy_part(&load->dictionaries[i], fields);
        xc_copy_members(copy, part, first ? '{' : ',');
        first = first && xc_json_size(part) == 0;
    }

    xc_buf_z(&copy->out, first ? "{}" : "}");
}


/* The policy with what it includes, as if it had stood there: the copy loads
 * alone and means the same. */
static void
xc_copy_root(xc_copy_t *copy, const xc_json_t *root)
{
    bool                   fields, types;
    char                   before = '{';
    xc_str_t               key;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(root); it != NULL; it = xc_json_next(root, it)) {
        key = xc_json_iter_key(it);
        fields = xc_str_eq(key, XC_STR("fields"));
        types = xc_str_eq(key, XC_STR("subject_types"));

        if (xc_str_eq(key, XC_STR("include"))) {
            continue;
        }

        xc_buf_char(&copy->out, before);
        xc_buf_json(&copy->out, key);
        xc_buf_char(&copy->out, ':');
        before = ',';

        if (fields || types) {
            xc_copy_merged(copy, fields);

        } else {
            xc_copy_node(copy, key, xc_json_iter_value(it));
        }
    }

    if (xc_json_member(root, XC_STR("subject_types")) == NULL
        && copy->load->policy->n_subject_types != 0)
    {
        xc_buf_z(&copy->out, ",\"subject_types\":");
        xc_copy_merged(copy, false);
    }

    xc_buf_char(&copy->out, '}');
}


xc_rc_t
xc_load_copy(xc_load_t *load, const xc_json_t *root, size_t text_len)
{
    void       *mem;
    size_t      cap;
    xc_copy_t   copy = { .load = load };

    /* A policy's text bounds its copy, but for DEL octets, which grow to six,
     * and files. */
    for (cap = text_len + XC_COPY_SPARE; /* void */; cap *= 2) {
        mem = xc_arena_alloc(load->arena, cap);
        if (mem == NULL) {
            return XC_ENOMEM;
        }

        xc_buf_init(&copy.out, mem, cap);
        xc_copy_root(&copy, root);
        xc_buf_char(&copy.out, '\n');

        if (!copy.out.overflow || load->rc != XC_OK) {
            break;
        }
    }

    if (load->rc != XC_OK) {
        return load->rc;
    }

    load->policy->copy = xc_buf_view(&copy.out);

    return xc_hash(XC_HASH_SHA256, copy.out.data, copy.out.len,
                   load->policy->copy_sha256);
}
