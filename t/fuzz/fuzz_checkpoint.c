/*
 * Signed notes, checkpoints and verifier keys.  The first octet says what the
 * rest is: a note as it is, a text that the key signs first, or a verifier
 * key.
 */

#include "fuzz_note.h"
#include "xc_ascii.h"

enum {
    KIND_NOTE,
    KIND_SIGNED,
    KIND_KEY,
    KIND_COUNT
};


static void
check_checkpoint(xc_arena_t *arena, const xc_checkpoint_t *checkpoint,
    xc_str_t text)
{
    char      *mem;
    xc_buf_t   b;

    FUZZ_CHECK(checkpoint->origin.len != 0);

    /* a checkpoint has one spelling */
    mem = xc_arena_alloc(arena, text.len + 1);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&b, mem, text.len + 1);
    xc_checkpoint_write(&b, checkpoint);
    FUZZ_CHECK(!b.overflow && xc_str_eq(xc_buf_view(&b), text));
}


/* honest: the key has signed this text. */
static void
check_note(xc_arena_t *arena, xc_str_t note, xc_str_t honest)
{
    xc_rc_t          rc, opened;
    xc_str_t         text;
    const char      *error = NULL;
    xc_checkpoint_t  checkpoint;

    rc = xc_note_open(arena, note, fuzz_signer(), &error, &text);
    FUZZ_CHECK(rc == XC_OK || (error != NULL
               && (rc == XC_DENIED || rc == XC_EINPUT || rc == XC_ELIMIT)));

    /* Nobody who lacks the key makes one; a seed may hold one that it made. */
    if (honest.data != NULL) {
        FUZZ_CHECK(rc == XC_OK ? xc_str_eq(text, honest)
                               : rc == XC_ELIMIT && note.len > XC_NOTE_MAX);
    }

    error = NULL;
    opened = xc_checkpoint_open(arena, note, fuzz_signer(), &error,
                                &checkpoint);
    FUZZ_CHECK(opened == XC_OK || error != NULL);

    if (rc != XC_OK) {
        FUZZ_CHECK(opened == rc);

    } else if (opened == XC_OK) {
        FUZZ_CHECK(xc_str_eq(checkpoint.origin, XC_STR(FUZZ_ORIGIN)));
        check_checkpoint(arena, &checkpoint, text);

    } else {
        FUZZ_CHECK(opened == XC_EINPUT || opened == XC_DENIED);
    }

    /* and without the signature's rules around it */
    rc = xc_checkpoint_read(note, &error, &checkpoint);
    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT);

    if (rc == XC_OK) {
        check_checkpoint(arena, &checkpoint, note);
    }
}


static void
check_key(xc_arena_t *arena, xc_str_t vkey)
{
    char           *mem;
    xc_rc_t         rc;
    xc_buf_t        b;
    const char     *error = NULL;
    xc_note_key_t   key;

    rc = xc_note_key_read(arena, vkey, &error, &key);
    FUZZ_CHECK(rc == XC_OK || (rc == XC_EINPUT && error != NULL));

    if (rc != XC_OK) {
        return;
    }

    FUZZ_CHECK(xc_note_name_ok(key.name)
               && memchr(key.name.data, '+', key.name.len) == NULL);

    mem = xc_arena_alloc(arena, vkey.len + 1);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&b, mem, vkey.len + 1);
    xc_note_key_write(&b, &key);
    FUZZ_CHECK(!b.overflow && xc_str_eq(xc_buf_view(&b), vkey));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_str_t   text, note;
    xc_heap_t  heap;

    if (size == 0) {
        return 0;
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);
    (void) fuzz_signer();
    text = (xc_str_t) { (const char *) data + 1, size - 1 };

    switch (data[0] % KIND_COUNT) {

    case KIND_NOTE:
        check_note(&heap.arena, text, XC_STR_NONE);
        break;

    case KIND_SIGNED:
        note = fuzz_signed(&heap.arena, text);

        if (note.data != NULL) {
            check_note(&heap.arena, note, text);
        }

        break;

    default:
        check_key(&heap.arena, text);
    }

    xc_heap_free(&heap);

    return 0;
}
