#include "xc_heap.h"

#include <stdlib.h>


struct xc_heap_block_s {
    xc_heap_block_t  *next;
    max_align_t       data[];
};

struct xc_heap_defer_s {
    xc_heap_defer_t  *next;
    void            (*fn)(void *data);
    void             *data;
};


static bool
xc_heap_fails(xc_heap_t *heap)
{
    return heap->fail_at != 0 && --heap->fail_at == 0;
}


/* Each allocation is a block of its own, so that a sanitizer sees its end. */
static void *
xc_heap_alloc(void *ctx, size_t size)
{
    xc_heap_t        *heap = ctx;
    xc_heap_block_t  *block;

    if (xc_heap_fails(heap)) {
        return NULL;
    }

    block = malloc(sizeof(xc_heap_block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = heap->blocks;
    heap->blocks = block;

    return block->data;
}


static int
xc_heap_defer(void *ctx, void (*fn)(void *data), void *data)
{
    xc_heap_t        *heap = ctx;
    xc_heap_defer_t  *defer;

    defer = xc_heap_fails(heap) ? NULL : malloc(sizeof(xc_heap_defer_t));
    if (defer == NULL) {
        return -1;
    }

    *defer = (xc_heap_defer_t) { heap->defers, fn, data };
    heap->defers = defer;

    return 0;
}


void
xc_heap_init(xc_heap_t *heap, size_t limit)
{
    *heap = (xc_heap_t) {
        .arena = { xc_heap_alloc, xc_heap_defer, heap, limit, 0 }
    };
}


void
xc_heap_free(xc_heap_t *heap)
{
    xc_heap_block_t  *block;
    xc_heap_defer_t  *defer;

    while ((defer = heap->defers) != NULL) {
        heap->defers = defer->next;
        defer->fn(defer->data);
        free(defer);
    }

    while ((block = heap->blocks) != NULL) {
        heap->blocks = block->next;
        free(block);
    }

    xc_heap_init(heap, heap->arena.limit);
}
