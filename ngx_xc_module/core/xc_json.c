#include "xc_json.h"

#include "xc_ascii.h"

#include <jansson.h>


typedef struct {
    xc_arena_t  *arena;
    char        *name;          /* room for a folded name */
    size_t       cap;
    xc_str_t     twin;
} xc_json_twin_t;


static const json_t *
xc_json_in(const xc_json_t *node)
{
    return (const json_t *) node;
}


static const xc_json_t *
xc_json_out(const json_t *node)
{
    return (const xc_json_t *) node;
}


static void
xc_json_free(void *data)
{
    json_decref(data);
}


static void
xc_json_locate(xc_str_t text, size_t at, const char *message,
    xc_json_error_t *err)
{
    size_t    i;
    unsigned  line, column;

    if (err == NULL) {
        return;
    }

    line = 1;
    column = 1;

    for (i = 0; i < at && i < text.len; i++) {
        column++;
        if (text.data[i] == '\n') {
            line++;
            column = 1;
        }
    }

    *err = (xc_json_error_t) { line, column, message };
}


/* The byte behind the string whose opening quote stands before at. */
static size_t
xc_json_skip_string(xc_str_t text, size_t at)
{
    while (at < text.len && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }

    return at + 1;
}


/*
 * Finds the depth, so that no text however nested costs memory.  Text that is
 * not JSON may be measured wrongly, but jansson refuses that anyway.
 */
static xc_rc_t
xc_json_scan_depth(xc_str_t text, unsigned max_depth, xc_json_error_t *err)
{
    size_t    i;
    unsigned  depth = 0;

    for (i = 0; i < text.len; i++) {
        switch (text.data[i]) {

        case '"':
            i = xc_json_skip_string(text, i + 1) - 1;
            break;

        case '[':
        case '{':
            if (++depth > max_depth) {
                xc_json_locate(text, i, "nested too deeply", err);
                return XC_ELIMIT;
            }

            break;

        case ']':
        case '}':
            depth -= depth != 0;
            break;
        }
    }

    return XC_OK;
}


static xc_rc_t
xc_json_fault(xc_arena_t *arena, xc_str_t text, const json_error_t *fault,
    xc_json_error_t *err)
{
    xc_str_t  message;

    switch (json_error_code(fault)) {

    case json_error_out_of_memory:
        return XC_ENOMEM;

    case json_error_stack_overflow:
        xc_json_locate(text, (size_t) fault->position, "nested too deeply",
                       err);
        return XC_ELIMIT;

    default:
        if (err != NULL) {
            message = xc_arena_printf(arena, "%s", fault->text);
            xc_json_locate(text, (size_t) XC_MAX(fault->position, 0),
                           message.data, err);
        }

        return XC_EINPUT;
    }
}


xc_rc_t
xc_json_parse(xc_arena_t *arena, xc_str_t text, unsigned max_depth,
    xc_json_error_t *err, const xc_json_t **root)
{
    json_t        *tree;
    xc_rc_t        rc;
    const char    *nul;
    json_error_t   fault;

    nul = text.len == 0 ? NULL : memchr(text.data, '\0', text.len);

    if (nul != NULL) {
        xc_json_locate(text, (size_t) (nul - text.data), "a NUL octet", err);
        return XC_EINPUT;
    }

    rc = xc_json_scan_depth(text, max_depth, err);
    if (rc != XC_OK) {
        return rc;
    }

    /* json_loadb() asks for a pointer even where there is nothing. */
    tree = json_loadb(text.len == 0 ? "" : text.data, text.len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (tree == NULL) {
        return xc_json_fault(arena, text, &fault, err);
    }

    rc = xc_arena_defer(arena, xc_json_free, tree);
    if (rc != XC_OK) {
        return rc;
    }

    *root = xc_json_out(tree);

    return XC_OK;
}


xc_json_type_t
xc_json_type(const xc_json_t *node)
{
    switch (json_typeof(xc_json_in(node))) {

    case JSON_OBJECT:
        return XC_JSON_OBJECT;

    case JSON_ARRAY:
        return XC_JSON_ARRAY;

    case JSON_STRING:
        return XC_JSON_STRING;

    case JSON_INTEGER:
        return XC_JSON_INT;

    case JSON_REAL:
        return XC_JSON_REAL;

    case JSON_TRUE:
    case JSON_FALSE:
        return XC_JSON_BOOL;

    default:
        return XC_JSON_NULL;
    }
}


const char *
xc_json_type_name(const xc_json_t *node)
{
    static const char *const  names[] = {
        [XC_JSON_NULL] = "null",
        [XC_JSON_BOOL] = "boolean",
        [XC_JSON_INT] = "integer",
        [XC_JSON_REAL] = "real number",
        [XC_JSON_STRING] = "string",
        [XC_JSON_ARRAY] = "array",
        [XC_JSON_OBJECT] = "object"
    };

    return names[xc_json_type(node)];
}


xc_str_t
xc_json_string(const xc_json_t *node)
{
    const json_t  *in = xc_json_in(node);

    if (!json_is_string(in)) {
        return XC_STR("");
    }

    return (xc_str_t) { json_string_value(in), json_string_length(in) };
}


int64_t
xc_json_int(const xc_json_t *node)
{
    return json_integer_value(xc_json_in(node));
}


double
xc_json_real(const xc_json_t *node)
{
    return json_real_value(xc_json_in(node));
}


bool
xc_json_bool(const xc_json_t *node)
{
    return json_is_true(xc_json_in(node));
}


size_t
xc_json_size(const xc_json_t *node)
{
    const json_t  *in = xc_json_in(node);

    return json_is_object(in) ? json_object_size(in) : json_array_size(in);
}


const xc_json_t *
xc_json_member(const xc_json_t *object, xc_str_t key)
{
    if (key.data == NULL) {
        key = XC_STR("");
    }

    return xc_json_out(json_object_getn(xc_json_in(object), key.data,
                                        key.len));
}


const xc_json_t *
xc_json_element(const xc_json_t *array, size_t i)
{
    return xc_json_out(json_array_get(xc_json_in(array), i));
}


/*
 * jansson's iteration reads only, but its signatures lack the const; hence
 * the casts below.
 */

const xc_json_iter_t *
xc_json_first(const xc_json_t *object)
{
    return json_object_iter((json_t *) xc_json_in(object));
}


const xc_json_iter_t *
xc_json_next(const xc_json_t *object, const xc_json_iter_t *it)
{
    return json_object_iter_next((json_t *) xc_json_in(object), (void *) it);
}


xc_str_t
xc_json_iter_key(const xc_json_iter_t *it)
{
    return (xc_str_t) { json_object_iter_key((void *) it),
                        json_object_iter_key_len((void *) it) };
}


const xc_json_t *
xc_json_iter_value(const xc_json_iter_t *it)
{
    return xc_json_out(json_object_iter_value((void *) it));
}


bool
xc_json_pointer_ok(xc_str_t pointer)
{
    size_t  i;

    if (pointer.len != 0 && pointer.data[0] != '/') {
        return false;
    }

    for (i = 0; i < pointer.len; i++) {
        if (pointer.data[i] == '~'
            && (i + 1 == pointer.len
                || (pointer.data[i + 1] != '0' && pointer.data[i + 1] != '1')))
        {
            return false;
        }
    }

    return true;
}


/* Is the pointer's token, in its escaping, this name?  RFC 6901 4 */
static bool
xc_json_token_is(xc_str_t token, xc_str_t name)
{
    char    c;
    size_t  i, j;

    for (i = 0, j = 0; i < token.len; i++, j++) {
        c = token.data[i];

        if (c == '~' && i + 1 < token.len) {
            c = token.data[++i] == '0' ? '~' : '/';
        }

        if (j == name.len || name.data[j] != c) {
            return false;
        }
    }

    return j == name.len;
}


static const xc_json_t *
xc_json_pointer_member(const xc_json_t *object, xc_str_t token)
{
    const xc_json_iter_t  *it;

    if (token.len == 0 || memchr(token.data, '~', token.len) == NULL) {
        return xc_json_member(object, token);
    }

    for (it = xc_json_first(object); it != NULL; it = xc_json_next(object, it))
    {
        if (xc_json_token_is(token, xc_json_iter_key(it))) {
            return xc_json_iter_value(it);
        }
    }

    return NULL;
}


static const xc_json_t *
xc_json_pointer_element(const xc_json_t *array, xc_str_t token)
{
    uint64_t  i;

    if ((token.len > 1 && token.data[0] == '0')
        || !xc_ascii_u64(token, SIZE_MAX, &i))
    {
        return NULL;
    }

    return xc_json_element(array, i);
}


const xc_json_t *
xc_json_pointer(const xc_json_t *root, xc_str_t pointer)
{
    const char       *slash;
    xc_str_t          token;
    const xc_json_t  *node = root;

    if (!xc_json_pointer_ok(pointer)) {
        return NULL;
    }

    while (node != NULL && pointer.len != 0) {
        token = (xc_str_t) { pointer.data + 1, pointer.len - 1 };

        slash = memchr(token.data, '/', token.len);
        if (slash != NULL) {
            token.len = (size_t) (slash - token.data);
        }

        pointer.data += token.len + 1;
        pointer.len -= token.len + 1;

        node = xc_json_type(node) == XC_JSON_ARRAY
               ? xc_json_pointer_element(node, token)
               : xc_json_pointer_member(node, token);
    }

    return node;
}


/* The name as a careless reader would see it, in walk->name. */
static xc_rc_t
xc_json_fold(xc_json_twin_t *walk, xc_str_t name, size_t *len)
{
    size_t  i, n;

    if (name.len > walk->cap) {
        walk->name = xc_arena_alloc(walk->arena, 2 * name.len);
        if (walk->name == NULL) {
            return XC_ENOMEM;
        }

        walk->cap = 2 * name.len;
    }

    for (i = 0, n = 0; i < name.len; i++) {
        if (name.data[i] != '_' && name.data[i] != '-') {
            walk->name[n++] = xc_ascii_lower(name.data[i]);
        }
    }

    *len = n;

    return XC_OK;
}


/* Adds the object's names to seen, a jansson object: its hash is seeded, so a
 * client can't choose names that collide. */
static xc_rc_t
xc_json_twin_names(xc_json_twin_t *walk, const xc_json_t *object, json_t *seen)
{
    size_t                 n;
    xc_rc_t                rc;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(object); it != NULL; it = xc_json_next(object, it))
    {
        rc = xc_json_fold(walk, xc_json_iter_key(it), &n);
        if (rc != XC_OK) {
            return rc;
        }

        if (json_object_getn(seen, walk->name, n) != NULL) {
            walk->twin = xc_json_iter_key(it);
            return XC_DENIED;
        }

        if (json_object_setn_new_nocheck(seen, walk->name, n, json_null())
            != 0)
        {
            return XC_ENOMEM;
        }
    }

    return XC_OK;
}


static xc_rc_t
xc_json_twin_object(xc_json_twin_t *walk, const xc_json_t *object)
{
    json_t   *seen;
    xc_rc_t   rc;

    if (xc_json_size(object) < 2) {
        return XC_OK;
    }

    seen = json_object();
    if (seen == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_json_twin_names(walk, object, seen);
    json_decref(seen);

    return rc;
}


/* As deep as the tree, which xc_json_parse() has bounded. */
static xc_rc_t
xc_json_twin_node(xc_json_twin_t *walk, const xc_json_t *node)
{
    size_t                 i, n;
    xc_rc_t                rc = XC_OK;
    const xc_json_iter_t  *it;

    switch (xc_json_type(node)) {

    case XC_JSON_ARRAY:
        n = xc_json_size(node);

        for (i = 0; rc == XC_OK && i < n; i++) {
            rc = xc_json_twin_node(walk, xc_json_element(node, i));
        }

        return rc;

    case XC_JSON_OBJECT:
        rc = xc_json_twin_object(walk, node);

        for (it = xc_json_first(node); rc == XC_OK && it != NULL;
             it = xc_json_next(node, it))
        {
            rc = xc_json_twin_node(walk, xc_json_iter_value(it));
        }

        return rc;

    default:
        return XC_OK;
    }
}


xc_rc_t
xc_json_find_twin(xc_arena_t *arena, const xc_json_t *root, xc_str_t *twin)
{
    char            name[256];
    xc_rc_t         rc;
    xc_json_twin_t  walk = { arena, name, sizeof(name), XC_STR_NONE };

    rc = xc_json_twin_node(&walk, root);

    if (rc == XC_DENIED) {
        *twin = walk.twin;
    }

    return rc;
}


xc_rc_t
xc_json_dump(xc_arena_t *arena, const xc_json_t *root, xc_str_t *out)
{
    char     *p;
    size_t    n;
    xc_str_t  text;
    const int flags = JSON_COMPACT | JSON_ENCODE_ANY;

    n = json_dumpb(xc_json_in(root), NULL, 0, flags);

    p = n == 0 ? NULL : xc_arena_alloc(arena, n + 1);
    if (p == NULL) {
        return XC_ENOMEM;
    }

    text = (xc_str_t) { p, json_dumpb(xc_json_in(root), p, n, flags) };
    p[n] = '\0';

    if (text.len != n) {
        return XC_ENOMEM;
    }

    *out = text;

    return XC_OK;
}
