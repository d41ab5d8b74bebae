#include "xcctl.h"

#include "../core/xc_ascii.h"
#include "../core/xc_buf.h"
#include "../core/xc_crypto.h"
#include "../core/xc_time.h"

#include <stdio.h>
#include <time.h>


/* Unlike any other key's, so that a new key never takes over an old one's id:
 * the day and 32 random bits. */
static xc_rc_t
xcctl_keygen_id(xc_arena_t *arena, xc_str_t *out)
{
    char      mem[64];
    uint8_t   random[4];
    xc_buf_t  id;

    if (xc_random(random, sizeof(random)) != XC_OK) {
        return XC_EINTERNAL;
    }

    xc_buf_init(&id, mem, sizeof(mem));
    xc_time_format_name(&id, (int64_t) time(NULL));
    id.len = XC_MIN(id.len, sizeof("20261122") - 1);
    xc_buf_char(&id, '-');
    xc_buf_hex(&id, random, sizeof(random));

    return xc_arena_dup(arena, xc_buf_view(&id), out);
}


/* The private key goes to standard output alone, to be sent to a file. */
static int
xcctl_keygen_print(xc_alg_t alg, xc_str_t keyid, xc_str_t private_text,
    xc_str_t public_text)
{
    size_t    end;
    xc_str_t  name = xc_alg_name(alg);
    bool      secret = xc_alg_is_symmetric(alg);

    /* PEM ends with a line feed of its own. */
    end = private_text.len;
    while (end != 0 && private_text.data[end - 1] == '\n') {
        end--;
    }

    private_text.len = end;
    printf(XC_STR_FMT "\n", XC_STR_ARG(private_text));

    if (secret) {
        public_text = private_text;
    }

    fprintf(stderr, "{\"type\": \"httpsig\", \"keyid\": \"" XC_STR_FMT
            "\", \"alg\": \"" XC_STR_FMT "\", \"%s\": \"" XC_STR_FMT "\"}\n",
            XC_STR_ARG(keyid), XC_STR_ARG(name),
            secret ? "secret" : "public_key", XC_STR_ARG(public_text));

    return XCCTL_OK;
}


static int
xcctl_keygen_run(xc_heap_t *heap, xc_alg_t alg, const char *id)
{
    xc_str_t  keyid, private_text, public_text;

    if (id != NULL) {
        keyid = xc_str_z(id);

    } else if (xcctl_keygen_id(&heap->arena, &keyid) != XC_OK) {
        return xcctl_fail("no random bytes");
    }

    if (xc_key_generate(&heap->arena, alg, &private_text, &public_text)
        != XC_OK)
    {
        return xcctl_fail("the key can't be made");
    }

    return xcctl_keygen_print(alg, keyid, private_text, public_text);
}


int
xcctl_keygen(int argc, char **argv)
{
    int          i, status;
    xc_alg_t     alg;
    xc_heap_t    heap;
    const char  *name = NULL, *keyid = NULL;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--keyid") == 0 && i + 1 < argc) {
            keyid = argv[++i];

        } else if (argv[i][0] != '-' && name == NULL) {
            name = argv[i];

        } else {
            return xcctl_usage("keygen: \"%s\" is not expected here", argv[i]);
        }
    }

    if (name == NULL) {
        return xcctl_usage("keygen: name an algorithm: " XCCTL_ALGS);
    }

    alg = xc_alg_by_name(xc_str_z(name));
    if (alg == XC_ALG_NONE) {
        return xcctl_usage("keygen: no algorithm \"%s\" here; there are "
                           XCCTL_ALGS, name);
    }

    if (keyid != NULL && !xc_ascii_is_id(xc_str_z(keyid))) {
        return xcctl_usage("keygen: a key id is 1 to 64 of 0-9 A-Z a-z . _ -");
    }

    xc_heap_init(&heap, 0);
    status = xcctl_keygen_run(&heap, alg, keyid);
    xc_heap_free(&heap);

    return status;
}
