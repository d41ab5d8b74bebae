/* An arena over malloc, for programs: the tool and the tests. */

#ifndef XC_HEAP_H
#define XC_HEAP_H

#include "../core/xc_arena.h"

typedef struct xc_heap_block_s xc_heap_block_t;
typedef struct xc_heap_defer_s xc_heap_defer_t;

typedef struct {
    xc_arena_t        arena;        /* hand out &heap.arena */
    xc_heap_block_t  *blocks;
    xc_heap_defer_t  *defers;
    long              fail_at;      /* the n-th allocation from now fails, once;
                                       0: none.  Deferring counts as one */
} xc_heap_t;

/* limit: bytes, 0 is none.  Not thread-safe, nor is the arena. */
void xc_heap_init(xc_heap_t *heap, size_t limit);

/* Runs what was deferred, newest first, frees everything; the heap is then as
 * after xc_heap_init(). */
void xc_heap_free(xc_heap_t *heap);

#endif
