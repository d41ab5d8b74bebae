/* What targets of signed notes share: one key, and text that it signs. */

#ifndef FUZZ_NOTE_H
#define FUZZ_NOTE_H

#include "fuzz.h"
#include "xc_tlog.h"


#define FUZZ_ORIGIN     "platform.example/xc/gate-1"

/* PKCS #8 (RFC 8410 7), of no use to anybody. */
#define FUZZ_PRIVATE                                                          \
    "-----BEGIN PRIVATE KEY-----\n"                                           \
    "MC4CAQAwBQYDK2VwBCIEICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/\n"      \
    "-----END PRIVATE KEY-----\n"


static inline const xc_note_key_t *
fuzz_signer(void)
{
    const char            *error;
    static xc_heap_t       heap;
    static xc_note_key_t   signer;
    const xc_key_t        *key;

    if (signer.key == NULL) {
        xc_heap_init(&heap, 0);
        FUZZ_CHECK(xc_crypto_init() == XC_OK);
        FUZZ_CHECK(xc_key_private(&heap.arena, XC_ALG_ED25519,
                                  XC_STR(FUZZ_PRIVATE), &error, &key)
                   == XC_OK);
        FUZZ_CHECK(xc_note_key_make(XC_STR(FUZZ_ORIGIN), key, &signer)
                   == XC_OK);
    }

    return &signer;
}


/* The text with the signature behind it; data NULL where it can't be a note's
 * text, which is no fault. */
static inline xc_str_t
fuzz_signed(xc_arena_t *arena, xc_str_t text)
{
    char      *mem;
    size_t     room = text.len + XC_NOTE_SIGNATURE_MAX;
    xc_rc_t    rc;
    xc_buf_t   b;

    mem = xc_arena_alloc(arena, room);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&b, mem, room);
    xc_buf_str(&b, text);

    rc = xc_note_sign(&b, 0, fuzz_signer());
    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT);

    return rc == XC_OK ? xc_buf_view(&b) : XC_STR_NONE;
}


/* Cuts off what stands before the first 0x1e; all of it where there is
 * none. */
static inline xc_str_t
fuzz_part(xc_str_t *rest)
{
    xc_str_t     part = *rest;
    const char  *end = rest->len == 0 ? NULL
                                      : memchr(rest->data, 0x1e, rest->len);

    if (end != NULL) {
        part.len = (size_t) (end - rest->data);
    }

    rest->data += part.len + (end != NULL);
    rest->len -= part.len + (end != NULL);

    return part;
}

#endif
