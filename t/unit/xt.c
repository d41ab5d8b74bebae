#include "xt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>


static int  xt_run, xt_failed;


static bool
xt_line(bool ok, const char *fmt, va_list args)
{
    printf("%sok %d - ", ok ? "" : "not ", ++xt_run);
    vprintf(fmt, args);
    printf("\n");
    fflush(stdout);

    xt_failed += !ok;

    return ok;
}


bool
xt_ok(bool ok, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xt_line(ok, fmt, args);
    va_end(args);

    return ok;
}


bool
xt_is(xc_str_t got, xc_str_t want, const char *fmt, ...)
{
    bool     ok = xc_str_eq(got, want);
    va_list  args;

    va_start(args, fmt);
    xt_line(ok, fmt, args);
    va_end(args);

    if (!ok) {
        printf("#  got: " XC_STR_FMT "\n# want: " XC_STR_FMT "\n",
               XC_STR_ARG(got), XC_STR_ARG(want));
    }

    return ok;
}


int
xt_done(void)
{
    printf("1..%d\n", xt_run);

    return xt_failed != 0;
}


static size_t
xt_guard_pages(size_t len)
{
    size_t  page = (size_t) sysconf(_SC_PAGESIZE);

    return (len + page - 1) / page * page;
}


xc_str_t
xt_guard(xc_str_t in)
{
    char    *p;
    size_t   size = xt_guard_pages(in.len), page = xt_guard_pages(1);

    p = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE) != 0) {
        perror("xt_guard");
        exit(2);
    }

    p += size - in.len;

    if (in.len != 0) {
        memcpy(p, in.data, in.len);
    }

    return (xc_str_t) { p, in.len };
}


void
xt_unguard(xc_str_t guarded)
{
    size_t  size = xt_guard_pages(guarded.len), page = xt_guard_pages(1);

    munmap((char *) guarded.data + guarded.len - size, size + page);
}


void
xt_oom(const char *name, xc_rc_t (*fn)(xc_arena_t *arena, void *data),
    void *data)
{
    long       n;
    bool       met;
    xc_rc_t    rc;
    xc_heap_t  heap;

    for (n = 1; /* void */; n++) {
        xc_heap_init(&heap, 0);
        heap.fail_at = n;

        rc = fn(&heap.arena, data);
        met = heap.fail_at == 0;

        xc_heap_free(&heap);

        if (!met || rc != XC_ENOMEM) {
            break;
        }
    }

    xt_ok(!met && rc == XC_OK, "%s: each of %ld allocations may fail", name,
          n - 1);
}
