#include "xc_json_node.h"


xc_json_t *
xc_json_node(xc_json_pool_t *pool)
{
    xc_json_t  *node;

    if (pool->left == 0) {
        pool->nodes = xc_arena_alloc(pool->arena,
                                     pool->block * sizeof(xc_json_t));
        if (pool->nodes == NULL) {
            return NULL;
        }

        pool->left = pool->block;
    }

    pool->left--;
    node = pool->nodes++;

    node->type = XC_JSON_NULL;
    node->n = 0;
    node->key = XC_STR_NONE;
    node->next = NULL;

    return node;
}


void
xc_json_append(xc_json_t *node, xc_json_t *last, xc_json_t *child)
{
    if (last == NULL) {
        node->first = child;

    } else {
        last->next = child;
    }

    node->n++;
}


int
xc_json_order(xc_str_t a, xc_str_t b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }

    return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}


static const xc_json_t **
xc_json_list(xc_arena_t *arena, const xc_json_t *node)
{
    size_t            i = 0;
    const xc_json_t  *child, **list;

    list = xc_arena_array(arena, node->n, sizeof(xc_json_t *));
    if (list == NULL) {
        return NULL;
    }

    for (child = node->first; child != NULL; child = child->next) {
        list[i++] = child;
    }

    return list;
}


/* Lets list[i] down to where no child of it in the heap is greater. */
static void
xc_json_sift(const xc_json_t **list, size_t i, size_t n)
{
    size_t            child;
    const xc_json_t  *node = list[i];

    for ( /* void */ ; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n
            && xc_json_order(list[child]->key, list[child + 1]->key) < 0)
        {
            child++;
        }

        if (xc_json_order(node->key, list[child]->key) >= 0) {
            break;
        }

        list[i] = list[child];
    }

    list[i] = node;
}


xc_rc_t
xc_json_sorted(xc_arena_t *arena, const xc_json_t *object,
    const xc_json_t ***out)
{
    size_t            i;
    const xc_json_t  *greatest, **list;

    list = xc_json_list(arena, object);
    if (list == NULL) {
        return XC_ENOMEM;
    }

    for (i = object->n / 2; i-- != 0; /* void */) {
        xc_json_sift(list, i, object->n);
    }

    for (i = object->n; i-- > 1; /* void */) {
        greatest = list[0];
        list[0] = list[i];
        list[i] = greatest;
        xc_json_sift(list, 0, i);
    }

    *out = list;

    return XC_OK;
}


xc_rc_t
xc_json_index(xc_arena_t *arena, xc_json_t *node, const xc_json_t **twice)
{
    size_t            i;
    xc_rc_t           rc;
    const xc_json_t **sorted;

    if (node->n <= XC_JSON_FEW) {
        return XC_OK;
    }

    if (node->type == XC_JSON_ARRAY) {
        node->index = xc_json_list(arena, node);
        return node->index == NULL ? XC_ENOMEM : XC_OK;
    }

    rc = xc_json_sorted(arena, node, &sorted);
    if (rc != XC_OK) {
        return rc;
    }

    for (i = 1; i < node->n; i++) {
        if (xc_str_eq(sorted[i - 1]->key, sorted[i]->key)) {
            *twice = sorted[i];
            return XC_DENIED;
        }
    }

    node->index = sorted;

    return XC_OK;
}


void
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


xc_json_type_t
xc_json_type(const xc_json_t *node)
{
    return (xc_json_type_t) node->type;
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


static bool
xc_json_is(const xc_json_t *node, xc_json_type_t type)
{
    return node != NULL && node->type == type;
}


xc_str_t
xc_json_string(const xc_json_t *node)
{
    return xc_json_is(node, XC_JSON_STRING) ? node->string : XC_STR("");
}


int64_t
xc_json_int(const xc_json_t *node)
{
    return xc_json_is(node, XC_JSON_INT) ? node->integer : 0;
}


double
xc_json_real(const xc_json_t *node)
{
    return xc_json_is(node, XC_JSON_REAL) ? node->real : 0;
}


bool
xc_json_bool(const xc_json_t *node)
{
    return xc_json_is(node, XC_JSON_BOOL) && node->boolean;
}


size_t
xc_json_size(const xc_json_t *node)
{
    return node == NULL ? 0 : node->n;
}


static const xc_json_t *
xc_json_search(const xc_json_t *object, xc_str_t key)
{
    int     order;
    size_t  low = 0, high = object->n, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = xc_json_order(object->index[middle]->key, key);

        if (order == 0) {
            return object->index[middle];
        }

        if (order < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return NULL;
}


const xc_json_t *
xc_json_member(const xc_json_t *object, xc_str_t key)
{
    const xc_json_t  *child;

    if (!xc_json_is(object, XC_JSON_OBJECT)) {
        return NULL;
    }

    if (object->index != NULL) {
        return xc_json_search(object, key);
    }

    for (child = object->first; child != NULL; child = child->next) {
        if (xc_str_eq(child->key, key)) {
            return child;
        }
    }

    return NULL;
}


const xc_json_t *
xc_json_element(const xc_json_t *array, size_t i)
{
    const xc_json_t  *child;

    if (!xc_json_is(array, XC_JSON_ARRAY) || i >= array->n) {
        return NULL;
    }

    if (array->index != NULL) {
        return array->index[i];
    }

    for (child = array->first; i != 0; i--) {
        child = child->next;
    }

    return child;
}


const xc_json_iter_t *
xc_json_first(const xc_json_t *object)
{
    return xc_json_is(object, XC_JSON_OBJECT) ? object->first : NULL;
}


const xc_json_iter_t *
xc_json_next(const xc_json_t *object, const xc_json_iter_t *it)
{
    (void) object;

    return it->next;
}


xc_str_t
xc_json_iter_key(const xc_json_iter_t *it)
{
    return it->key;
}


const xc_json_t *
xc_json_iter_value(const xc_json_iter_t *it)
{
    return it;
}
