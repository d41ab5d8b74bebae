/*
 * The nodes of a JSON tree, and how a reader of JSON builds one; private to
 * xc_json*.c.  What xc_json.h reads of a node is in this unit's .c too.
 *
 * Children are a list in the document's order.  Where there are many, an
 * index stands beside it: an array's by position, an object's sorted by name,
 * so that no name a client picks makes a look-up slow, as a hash's would.
 */

#ifndef XC_JSON_NODE_H
#define XC_JSON_NODE_H

#include "xc_json.h"

/* Up to so many children a walk along the list beats an index. */
#define XC_JSON_FEW         16

struct xc_json_s {
    uint64_t                  type:8;
    uint64_t                  n:56;         /* children */
    xc_str_t                  key;          /* of a member */
    xc_json_t                *next;         /* sibling */

    union {
        bool                  boolean;
        int64_t               integer;
        double                real;
        xc_str_t              string;

        struct {
            xc_json_t        *first;
            const xc_json_t **index;        /* NULL: only few */
        };
    };
};

/* Nodes are taken from the arena by the block. */
typedef struct {
    xc_arena_t  *arena;
    xc_json_t   *nodes;
    size_t       left;
    size_t       block;         /* nodes in the next block, from 1 */
} xc_json_pool_t;

/* A null; NULL when memory is short. */
xc_json_t *xc_json_node(xc_json_pool_t *pool) XC_WUR;

/* Appends child; last is the one before, NULL for the first. */
void xc_json_append(xc_json_t *node, xc_json_t *last, xc_json_t *child);

/*
 * Makes the index of a node that has all its children.  XC_DENIED: of many
 * members two have one name, *twice is one of them (few are the reader's to
 * compare); XC_ENOMEM.
 */
xc_rc_t xc_json_index(xc_arena_t *arena, xc_json_t *node,
    const xc_json_t **twice) XC_WUR;

/* The object's members by xc_json_order(), in memory of their own; XC_ENOMEM.
 * O(n log n) comparisons, whatever the names. */
xc_rc_t xc_json_sorted(xc_arena_t *arena, const xc_json_t *object,
    const xc_json_t ***out) XC_WUR;

/* Of two members' names: the shorter first, then by bytes. */
int xc_json_order(xc_str_t a, xc_str_t b);

/* Says where in text the fault is; err may be NULL. */
void xc_json_locate(xc_str_t text, size_t at, const char *message,
    xc_json_error_t *err);

#endif
