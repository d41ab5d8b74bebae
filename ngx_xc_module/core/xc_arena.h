/*
 * Memory that the caller owns and frees as a whole.  The core has no malloc
 * of its own: the adapter hands in nginx pools, the tool and the tests a heap.
 */

#ifndef XC_ARENA_H
#define XC_ARENA_H

#include "xc_base.h"

typedef struct {
    /* Returns size (> 0) bytes aligned for any type, or NULL. */
    void   *(*alloc)(void *ctx, size_t size);

    /*
     * Arranges fn(data) to run when the arena's memory goes, in reverse order
     * of registration.  0, or -1 when it can't.
     */
    int     (*defer)(void *ctx, void (*fn)(void *data), void *data);

    void     *ctx;
    size_t    limit;        /* bytes; 0 is none */
    size_t    used;         /* bytes handed out so far */
} xc_arena_t;

/* Uninitialised bytes; NULL when the allocator fails or the limit is passed.
 * A size of 0 counts as 1. */
void *xc_arena_alloc(xc_arena_t *arena, size_t size) XC_WUR;

/* The same, zeroed; n * size must not overflow, else NULL. */
void *xc_arena_array(xc_arena_t *arena, size_t n, size_t size) XC_WUR;

/*
 * Ties a foreign object (a key, a compiled pattern, a JSON tree) to the arena.
 * Where that fails fn(data) has already run, so the caller never leaks:
 * XC_ENOMEM.
 */
xc_rc_t xc_arena_defer(xc_arena_t *arena, void (*fn)(void *data), void *data)
    XC_WUR;

/* A copy of in, with a NUL behind it that len does not count. */
xc_rc_t xc_arena_dup(xc_arena_t *arena, xc_str_t in, xc_str_t *out) XC_WUR;

/* printf into the arena.  An empty string when memory is short: for messages
 * only, never for what is compared. */
xc_str_t xc_arena_printf(xc_arena_t *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
