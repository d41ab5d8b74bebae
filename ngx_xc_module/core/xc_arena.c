#include "xc_arena.h"

#include <stdarg.h>
#include <stdio.h>


void *
xc_arena_alloc(xc_arena_t *arena, size_t size)
{
    void  *p;

    if (size == 0) {
        size = 1;
    }

    if (arena->limit != 0 && size > arena->limit - arena->used) {
        return NULL;
    }

    p = arena->alloc(arena->ctx, size);
    if (p != NULL) {
        arena->used += size;
    }

    return p;
}


void *
xc_arena_array(xc_arena_t *arena, size_t n, size_t size)
{
    void   *p;
    size_t  total;

    if (__builtin_mul_overflow(n, size, &total)) {
        return NULL;
    }

    p = xc_arena_alloc(arena, total);
    if (p != NULL) {
        memset(p, 0, total);
    }

    return p;
}


xc_rc_t
xc_arena_defer(xc_arena_t *arena, void (*fn)(void *data), void *data)
{
    if (arena->defer(arena->ctx, fn, data) != 0) {
        fn(data);
        return XC_ENOMEM;
    }

    return XC_OK;
}


xc_rc_t
xc_arena_dup(xc_arena_t *arena, xc_str_t in, xc_str_t *out)
{
    char  *p;

    p = xc_arena_alloc(arena, in.len + 1);
    if (p == NULL) {
        return XC_ENOMEM;
    }

    if (in.len != 0) {
        memcpy(p, in.data, in.len);
    }

    p[in.len] = '\0';
    *out = (xc_str_t) { p, in.len };

    return XC_OK;
}


xc_str_t
xc_arena_printf(xc_arena_t *arena, const char *fmt, ...)
{
    int      n;
    char    *p;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    p = n < 0 ? NULL : xc_arena_alloc(arena, (size_t) n + 1);
    if (p == NULL) {
        return XC_STR("");
    }

    va_start(args, fmt);
    (void) vsnprintf(p, (size_t) n + 1, fmt, args);
    va_end(args);

    return (xc_str_t) { p, (size_t) n };
}
