#include "xc_json_node.h"

#include "xc_ascii.h"
#include "xc_buf.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>


/* What a tree of jansson's takes as one of ours, and where it goes. */
typedef struct {
    xc_arena_t  *arena;
    size_t       n, bytes;
    xc_json_t   *nodes;
    char        *text;
} xc_json_copy_t;


/* The byte behind the string whose opening quote stands before at.  A quote
 * behind an odd number of backslashes does not end it. */
static size_t
xc_json_skip_string(xc_str_t text, size_t at)
{
    size_t       end, n;
    const char  *quote;

    while (at < text.len) {
        quote = memchr(text.data + at, '"', text.len - at);
        if (quote == NULL) {
            break;
        }

        end = (size_t) (quote - text.data);

        for (n = 0; end - n > at && text.data[end - n - 1] == '\\'; n++) {
            /* void */
        }

        if (n % 2 == 0) {
            return end + 1;
        }

        at = end + 1;
    }

    return text.len + 1;
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
            if (message.len == 0) {
                return XC_ENOMEM;
            }

            xc_json_locate(text, (size_t) XC_MAX(fault->position, 0),
                           message.data, err);
        }

        return XC_EINPUT;
    }
}


/* The tree is as deep as xc_json_scan_depth() has allowed. */
static void
xc_json_measure(xc_json_copy_t *copy, json_t *in)
{
    void    *it;
    size_t   i;
    json_t  *child;

    copy->n++;

    if (json_is_string(in)) {
        copy->bytes += json_string_length(in) + 1;
    }

    json_array_foreach(in, i, child) {
        xc_json_measure(copy, child);
    }

    for (it = json_object_iter(in); it != NULL;
         it = json_object_iter_next(in, it))
    {
        copy->bytes += json_object_iter_key_len(it) + 1;
        xc_json_measure(copy, json_object_iter_value(it));
    }
}


static xc_str_t
xc_json_copy_text(xc_json_copy_t *copy, const char *text, size_t len)
{
    xc_str_t  out = { copy->text, len };

    memcpy(copy->text, text, len);
    copy->text[len] = '\0';
    copy->text += len + 1;

    return out;
}


static xc_rc_t xc_json_copy_node(xc_json_copy_t *copy, json_t *in,
    xc_json_t *out);


static xc_rc_t
xc_json_copy_array(xc_json_copy_t *copy, json_t *in, xc_json_t *out)
{
    size_t            i;
    xc_rc_t           rc;
    json_t           *value;
    xc_json_t        *child, *last = NULL;
    const xc_json_t  *twice;

    json_array_foreach(in, i, value) {
        child = copy->nodes++;

        rc = xc_json_copy_node(copy, value, child);
        if (rc != XC_OK) {
            return rc;
        }

        xc_json_append(out, last, child);
        last = child;
    }

    return xc_json_index(copy->arena, out, &twice);
}


static xc_rc_t
xc_json_copy_object(xc_json_copy_t *copy, json_t *in, xc_json_t *out)
{
    void             *it;
    xc_rc_t           rc;
    xc_json_t        *child, *last = NULL;
    const xc_json_t  *twice;

    for (it = json_object_iter(in); it != NULL;
         it = json_object_iter_next(in, it))
    {
        child = copy->nodes++;

        rc = xc_json_copy_node(copy, json_object_iter_value(it), child);
        if (rc != XC_OK) {
            return rc;
        }

        child->key = xc_json_copy_text(copy, json_object_iter_key(it),
                                       json_object_iter_key_len(it));
        xc_json_append(out, last, child);
        last = child;
    }

    rc = xc_json_index(copy->arena, out, &twice);

    return rc == XC_DENIED ? XC_EINTERNAL : rc;
}


/* out is all zeros. */
static xc_rc_t
xc_json_copy_node(xc_json_copy_t *copy, json_t *in, xc_json_t *out)
{
    switch (json_typeof(in)) {

    case JSON_OBJECT:
        out->type = XC_JSON_OBJECT;
        return xc_json_copy_object(copy, in, out);

    case JSON_ARRAY:
        out->type = XC_JSON_ARRAY;
        return xc_json_copy_array(copy, in, out);

    case JSON_STRING:
        out->type = XC_JSON_STRING;
        out->string = xc_json_copy_text(copy, json_string_value(in),
                                        json_string_length(in));
        return XC_OK;

    case JSON_INTEGER:
        out->type = XC_JSON_INT;
        out->integer = json_integer_value(in);
        return XC_OK;

    case JSON_REAL:
        out->type = XC_JSON_REAL;
        out->real = json_real_value(in);
        return XC_OK;

    case JSON_TRUE:
    case JSON_FALSE:
        out->type = XC_JSON_BOOL;
        out->boolean = json_is_true(in);
        return XC_OK;

    default:
        out->type = XC_JSON_NULL;
        return XC_OK;
    }
}


static xc_rc_t
xc_json_copy(xc_arena_t *arena, json_t *tree, const xc_json_t **root)
{
    xc_rc_t         rc;
    xc_json_t      *nodes;
    xc_json_copy_t  copy = { .arena = arena };

    xc_json_measure(&copy, tree);

    nodes = xc_arena_array(arena, copy.n, sizeof(xc_json_t));
    copy.text = xc_arena_alloc(arena, copy.bytes);

    if (nodes == NULL || copy.text == NULL) {
        return XC_ENOMEM;
    }

    copy.nodes = nodes + 1;

    rc = xc_json_copy_node(&copy, tree, nodes);
    if (rc == XC_OK) {
        *root = nodes;
    }

    return rc;
}


static void
xc_json_wipe(void *p)
{
    if (p != NULL) {
        explicit_bzero(p, malloc_usable_size(p));
        free(p);
    }
}


/* Secrets stand in policies, and jansson gives back what held them as it is.
 * Where it has an allocator of somebody else's, that one is left alone. */
static xc_rc_t
xc_json_load(xc_arena_t *arena, xc_str_t text, xc_json_error_t *err,
    const xc_json_t **root)
{
    json_t         *tree;
    xc_rc_t         rc;
    json_free_t     give;
    json_error_t    fault;
    json_malloc_t   take;

    json_get_alloc_funcs(&take, &give);

    if (give == free) {
        json_set_alloc_funcs(take, xc_json_wipe);
    }

    /* json_loadb() asks for a pointer even where there is nothing. */
    tree = json_loadb(text.len == 0 ? "" : text.data, text.len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);

    rc = tree == NULL ? xc_json_fault(arena, text, &fault, err)
                      : xc_json_copy(arena, tree, root);

    json_decref(tree);
    json_set_alloc_funcs(take, give);

    return rc;
}


xc_rc_t
xc_json_parse(xc_arena_t *arena, xc_str_t text, unsigned max_depth,
    xc_json_error_t *err, const xc_json_t **root)
{
    xc_rc_t      rc;
    const char  *nul;

    nul = text.len == 0 ? NULL : memchr(text.data, '\0', text.len);

    if (nul != NULL) {
        xc_json_locate(text, (size_t) (nul - text.data), "a NUL octet", err);
        return XC_EINPUT;
    }

    /* RFC 8259 8.1; jansson's own message shows the mark, which nobody sees */

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        xc_json_locate(text, 0, "a byte order mark; UTF-8 goes without", err);
        return XC_EINPUT;
    }

    rc = xc_json_scan_depth(text, max_depth, err);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_json_load(arena, text, err, root);
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


/* jansson's spelling is one that it reads back to the same value. */
static void
xc_json_dump_real(xc_buf_t *out, double value)
{
    char     mem[64];
    json_t  *real = json_real(value);
    size_t   n = json_dumpb(real, mem, sizeof(mem), JSON_ENCODE_ANY);

    json_decref(real);

    if (n == 0 || n > sizeof(mem)) {
        out->overflow = true;
        return;
    }

    xc_buf_bytes(out, mem, n);
}


static void xc_json_dump_node(xc_buf_t *out, const xc_json_t *node);


static void
xc_json_dump_children(xc_buf_t *out, const xc_json_t *node)
{
    bool              object = node->type == XC_JSON_OBJECT;
    const xc_json_t  *child;

    xc_buf_char(out, object ? '{' : '[');

    for (child = node->first; child != NULL; child = child->next) {
        if (child != node->first) {
            xc_buf_char(out, ',');
        }

        if (object) {
            xc_buf_json(out, child->key);
            xc_buf_char(out, ':');
        }

        xc_json_dump_node(out, child);
    }

    xc_buf_char(out, object ? '}' : ']');
}


static void
xc_json_dump_node(xc_buf_t *out, const xc_json_t *node)
{
    switch (xc_json_type(node)) {

    case XC_JSON_OBJECT:
    case XC_JSON_ARRAY:
        xc_json_dump_children(out, node);
        break;

    case XC_JSON_STRING:
        xc_buf_json(out, node->string);
        break;

    case XC_JSON_INT:
        xc_buf_i64(out, node->integer);
        break;

    case XC_JSON_REAL:
        xc_json_dump_real(out, node->real);
        break;

    case XC_JSON_BOOL:
        xc_buf_z(out, node->boolean ? "true" : "false");
        break;

    case XC_JSON_NULL:
        xc_buf_z(out, "null");
        break;
    }
}


static size_t
xc_json_dump_bound(const xc_json_t *node)
{
    size_t            n = 32;       /* a number, punctuation */
    const xc_json_t  *child;

    if (node->type == XC_JSON_STRING) {
        return n + 6 * node->string.len;
    }

    if (node->n != 0) {
        for (child = node->first; child != NULL; child = child->next) {
            n += 6 * child->key.len + xc_json_dump_bound(child);
        }
    }

    return n;
}


xc_rc_t
xc_json_dump(xc_arena_t *arena, const xc_json_t *root, xc_str_t *out)
{
    char      *mem;
    size_t     n = xc_json_dump_bound(root);
    xc_buf_t   text;

    mem = xc_arena_alloc(arena, n);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&text, mem, n - 1);
    xc_json_dump_node(&text, root);

    if (text.overflow) {
        return XC_ENOMEM;
    }

    mem[text.len] = '\0';
    *out = xc_buf_view(&text);

    return XC_OK;
}
