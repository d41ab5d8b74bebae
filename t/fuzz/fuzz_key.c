/* Public keys of every algorithm: the first octet chooses it and whether the
 * rest is the text or what the text is base64 of. */

#include "fuzz.h"
#include "xc_b64.h"
#include "xc_crypto.h"
#include "xc_der.h"


/* What is read as a signature's two numbers is written as the same octets. */
static void
fuzz_der(xc_str_t in)
{
    size_t   n;
    uint8_t  rs[2 * XC_DER_HALF_MAX], der[XC_DER_SIG_MAX];

    if (xc_der_sig_read(in, rs, XC_DER_HALF_MAX)) {
        n = xc_der_sig_write(der, rs, XC_DER_HALF_MAX);
        FUZZ_CHECK(xc_str_eq(in, (xc_str_t) { (char *) der, n }));
    }
}


static xc_str_t
fuzz_base64(xc_arena_t *arena, xc_str_t bytes)
{
    char      *mem;
    size_t     size = bytes.len / 3 * 4 + 8;
    xc_buf_t   b;

    mem = xc_arena_alloc(arena, size);
    FUZZ_CHECK(mem != NULL);
    xc_buf_init(&b, mem, size);
    xc_b64_encode(XC_B64_STD, &b, (const uint8_t *) bytes.data, bytes.len);
    FUZZ_CHECK(!b.overflow);

    return xc_buf_view(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t          rc;
    xc_alg_t         alg;
    xc_str_t         text;
    xc_heap_t        heap;
    const char      *error = NULL;
    const xc_key_t  *key = NULL;

    FUZZ_CHECK(xc_crypto_init() == XC_OK);

    if (size == 0) {
        return 0;
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    alg = (xc_alg_t) (data[0] % (XC_ALG_PS256 + 1));
    text = (xc_str_t) { (const char *) data + 1, size - 1 };
    fuzz_der(text);

    if (data[0] >= 0x80) {
        text = fuzz_base64(&heap.arena, text);
    }

    rc = xc_key_public(&heap.arena, alg, text, &error, &key);

    if (rc == XC_OK) {
        FUZZ_CHECK(key != NULL && !xc_alg_is_symmetric(alg));
        FUZZ_CHECK(xc_key_verify(key, text, text) == XC_DENIED);

    } else {
        FUZZ_CHECK(key == NULL
                   && (rc == XC_ENOMEM || (rc == XC_EINPUT && error != NULL)));
    }

    xc_heap_free(&heap);

    return 0;
}
