/*
 * The two readers of JSON on the same bytes: one verdict, one tree.
 *
 * What may differ: which of its faults a text is refused for, as XC_EINPUT or
 * XC_ELIMIT.  xc_json_parse() looks for NUL octets, then for the depth, then
 * for the rest; xc_json_read() tells the first in the text.
 */

#include "fuzz.h"
#include "../unit/json_same.h"


#define DEPTH   12


static void
check_error(xc_rc_t rc, xc_str_t text, const xc_json_error_t *error)
{
    FUZZ_CHECK(rc == XC_EINPUT || rc == XC_ELIMIT);
    FUZZ_CHECK(error->line >= 1 && error->column >= 1
               && error->line + error->column <= text.len + 2);
    FUZZ_CHECK(error->message != NULL && error->message[0] != '\0');
}


/* Either reader takes what is written of the tree, and makes it again. */
static void
check_dump(xc_arena_t *arena, const xc_json_t *root)
{
    xc_str_t          text;
    const xc_json_t  *again;

    if (xc_json_dump(arena, root, &text) != XC_OK) {
        return;
    }

    FUZZ_CHECK(xc_json_read(arena, text, DEPTH, NULL, &again) == XC_OK);
    FUZZ_CHECK(json_same(root, again));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t           rc, rc_read;
    xc_str_t          text = { (const char *) data, size }, twin, twin_read;
    xc_heap_t         heap;
    const xc_json_t  *root, *read;
    xc_json_error_t   error = { 0, 0, NULL };

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_json_parse(&heap.arena, text, DEPTH, NULL, &root);
    rc_read = xc_json_read(&heap.arena, text, DEPTH, &error, &read);

    FUZZ_CHECK((rc == XC_OK) == (rc_read == XC_OK));

    if (rc == XC_OK) {
        FUZZ_CHECK(json_same(root, read));

        rc = xc_json_find_twin(&heap.arena, root, &twin);
        FUZZ_CHECK(rc == xc_json_find_twin(&heap.arena, read, &twin_read));
        FUZZ_CHECK(rc != XC_DENIED || xc_str_eq(twin, twin_read));

        check_dump(&heap.arena, root);

    } else {
        check_error(rc_read, text, &error);
    }

    xc_heap_free(&heap);

    return 0;
}
