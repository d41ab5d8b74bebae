/* Structured fields: what has been read and written again reads the same, and
 * is written the same (RFC 9421 2.5 needs one spelling). */

#include "fuzz.h"
#include "xc_sfv.h"


typedef struct {
    xc_sfv_list_t  list;
    xc_sfv_item_t  item;
} value_t;


static xc_rc_t
parse(xc_arena_t *arena, unsigned kind, xc_str_t in, value_t *out)
{
    switch (kind) {
    case 0:
        return xc_sfv_parse_dict(arena, in, &out->list);
    case 1:
        return xc_sfv_parse_list(arena, in, &out->list);
    default:
        return xc_sfv_parse_item(arena, in, &out->item);
    }
}


/* Room enough: a Display String grows threefold, a short number or a missing
 * value to a few bytes. */
static xc_str_t
write(xc_arena_t *arena, unsigned kind, const value_t *value, size_t size)
{
    char      *mem;
    xc_buf_t   out;

    size = 8 * size + 64;
    mem = xc_arena_alloc(arena, size);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&out, mem, size);

    switch (kind) {
    case 0:
        xc_sfv_write_dict(&out, &value->list);
        break;
    case 1:
        xc_sfv_write_list(&out, &value->list);
        break;
    default:
        xc_sfv_write_item(&out, &value->item);
    }

    FUZZ_CHECK(!out.overflow);

    return xc_buf_view(&out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    value_t    first, second;
    xc_rc_t    rc;
    unsigned   kind;
    xc_str_t   in, once, twice;
    xc_heap_t  heap;

    if (size == 0) {
        return 0;
    }

    kind = data[0] % 3;
    in = (xc_str_t) { (const char *) data + 1, size - 1 };
    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = parse(&heap.arena, kind, in, &first);
    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT || rc == XC_ELIMIT
               || rc == XC_ENOMEM);

    if (rc == XC_OK) {
        once = write(&heap.arena, kind, &first, in.len);
        FUZZ_CHECK(parse(&heap.arena, kind, once, &second) == XC_OK);
        twice = write(&heap.arena, kind, &second, once.len);
        FUZZ_CHECK(xc_str_eq(once, twice));
        FUZZ_CHECK(xc_ascii_no_controls(once) && xc_ascii_is_utf8(once));
    }

    xc_heap_free(&heap);

    return 0;
}
