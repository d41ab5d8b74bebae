#include "xc_json_twin.h"

#include "xc_ascii.h"
#include "xc_json_node.h"


/* The next byte of a name as a careless reader sees it, or -1. */
static int
xc_json_fold(const char **p, const char *end)
{
    char  c;

    while (*p != end) {
        c = *(*p)++;

        if (c != '_' && c != '-') {
            return (unsigned char) xc_ascii_lower(c);
        }
    }

    return -1;
}


static bool
xc_json_is_twin(xc_str_t a, xc_str_t b)
{
    int          c, d;
    const char  *p = a.data, *q = b.data;

    do {
        c = xc_json_fold(&p, a.data + a.len);
        d = xc_json_fold(&q, b.data + b.len);
    } while (c == d && c != -1);

    return c == d;
}


/* Of two members the one behind the other. */
static const xc_json_t *
xc_json_later(const xc_json_t *a, const xc_json_t *b)
{
    const xc_json_t  *node;

    for (node = a; node != NULL; node = node->next) {
        if (node == b) {
            return b;
        }
    }

    return a;
}


static xc_rc_t
xc_json_twin_few(const xc_json_t *object, xc_str_t *twin)
{
    const xc_json_t  *a, *b;

    for (b = object->first; b != NULL; b = b->next) {
        for (a = object->first; a != b; a = a->next) {
            if (xc_json_is_twin(a->key, b->key)) {
                *twin = b->key;
                return XC_DENIED;
            }
        }
    }

    return XC_OK;
}


/* An object of the same members in the same order, each a string that holds
 * its name and is named as a careless reader sees it. */
static xc_rc_t
xc_json_twin_folded(xc_arena_t *arena, const xc_json_t *object, xc_json_t *out)
{
    int               c;
    char             *text;
    size_t            n = 0;
    xc_json_t        *node, *last = NULL;
    const char       *p;
    const xc_json_t  *child;

    for (child = object->first; child != NULL; child = child->next) {
        n += child->key.len;
    }

    node = xc_arena_array(arena, object->n, sizeof(xc_json_t));
    text = xc_arena_alloc(arena, n);

    if (node == NULL || text == NULL) {
        return XC_ENOMEM;
    }

    for (child = object->first; child != NULL; child = child->next, node++) {
        node->string = child->key;
        node->key.data = text;

        p = child->key.data;

        while ((c = xc_json_fold(&p, child->key.data + child->key.len)) != -1)
        {
            *text++ = (char) c;
        }

        node->key.len = (size_t) (text - node->key.data);
        xc_json_append(out, last, node);
        last = node;
    }

    return XC_OK;
}


static xc_rc_t
xc_json_twin_many(xc_arena_t *arena, const xc_json_t *object, xc_str_t *twin)
{
    size_t            i;
    xc_rc_t           rc;
    xc_json_t         folded = { .type = XC_JSON_OBJECT };
    const xc_json_t **sorted = NULL;

    rc = xc_json_twin_folded(arena, object, &folded);
    if (rc == XC_OK) {
        rc = xc_json_sorted(arena, &folded, &sorted);
    }

    if (rc != XC_OK) {
        return rc;
    }

    for (i = 1; i < folded.n; i++) {
        if (xc_str_eq(sorted[i - 1]->key, sorted[i]->key)) {
            *twin = xc_json_later(sorted[i - 1], sorted[i])->string;
            return XC_DENIED;
        }
    }

    return XC_OK;
}


/* As deep as the tree, which its reader has bounded. */
static xc_rc_t
xc_json_twin_node(xc_arena_t *arena, const xc_json_t *node, xc_str_t *twin)
{
    xc_rc_t           rc = XC_OK;
    const xc_json_t  *child;

    if (node->n == 0) {
        return XC_OK;
    }

    if (node->type == XC_JSON_OBJECT) {
        rc = node->n > XC_JSON_FEW ? xc_json_twin_many(arena, node, twin)
                                   : xc_json_twin_few(node, twin);
    }

    for (child = node->first; rc == XC_OK && child != NULL;
         child = child->next)
    {
        rc = xc_json_twin_node(arena, child, twin);
    }

    return rc;
}


xc_rc_t
xc_json_find_twin(xc_arena_t *arena, const xc_json_t *root, xc_str_t *twin)
{
    return xc_json_twin_node(arena, root, twin);
}
