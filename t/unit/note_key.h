/* The seed that the tests of notes sign with, and how it becomes a key. */

#ifndef NOTE_KEY_H
#define NOTE_KEY_H

#include "xt.h"
#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_note.h"

#include <stdlib.h>

#define ORIGIN      "platform.example/xc/gate-1"

/* From the tests of Go's note package. */
#define NEUMANN_SEED                                                          \
    "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173"


static xc_heap_t  heap;


static void
require(xc_rc_t rc)
{
    if (rc != XC_OK) {
        xt_ok(false, "a step that has to work: %d", rc);
        exit(1);
    }
}


/* PKCS #8 (RFC 8410 7) around a seed in hexadecimal */
static const xc_key_t *
private_key(const char *seed)
{
    char             mem[80], prefix[] = "302e020100300506032b657004220420";
    uint8_t          der[48];
    xc_str_t         pem;
    xc_buf_t         b;
    const char      *error;
    const xc_key_t  *key;

    if (!xc_hex_decode(der, 16, xc_str_z(prefix))
        || !xc_hex_decode(&der[16], 32, xc_str_z(seed)))
    {
        exit(1);
    }

    xc_buf_init(&b, mem, sizeof(mem));
    xc_b64_encode(XC_B64_STD, &b, der, sizeof(der));
    pem = xc_arena_printf(&heap.arena, "-----BEGIN PRIVATE KEY-----\n"
                          XC_STR_FMT "\n-----END PRIVATE KEY-----\n",
                          XC_STR_ARG(xc_buf_view(&b)));
    require(xc_key_private(&heap.arena, XC_ALG_ED25519, pem, &error, &key));

    return key;
}

#endif
