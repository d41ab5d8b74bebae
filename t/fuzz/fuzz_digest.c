/* Content-Digest: the input is the field, LF, the body.  A field of the body's
 * own digests passes, and with one bit of the body changed it does not. */

#include "fuzz.h"
#include "xc_b64.h"
#include "xc_digest.h"


static const struct {
    const char  *name;
    size_t       size;
} algs[] = {
    [XC_HASH_SHA256] = { "sha-256", XC_SHA256_SIZE },
    [XC_HASH_SHA512] = { "sha-512", XC_SHA512_SIZE }
};


/* The field that stands for the same algorithms, over body. */
static xc_str_t
own_field(char *mem, size_t size, const xc_digest_t *digest, xc_str_t body)
{
    size_t    i;
    uint8_t   hash[XC_HASH_MAX];
    xc_buf_t  out;

    xc_buf_init(&out, mem, size);

    for (i = 0; i < XC_COUNT(algs); i++) {
        if (!digest->has[i]) {
            continue;
        }

        FUZZ_CHECK(xc_hash((xc_hash_alg_t) i, body.data, body.len, hash)
                   == XC_OK);
        xc_buf_z(&out, out.len == 0 ? "" : ",");
        xc_buf_z(&out, algs[i].name);
        xc_buf_z(&out, "=:");
        xc_b64_encode(XC_B64_STD, &out, hash, algs[i].size);
        xc_buf_char(&out, ':');
    }

    FUZZ_CHECK(!out.overflow && out.len != 0);

    return xc_buf_view(&out);
}


static void
check_own(xc_arena_t *arena, const xc_digest_t *digest, xc_str_t body)
{
    char         mem[512], *changed;
    xc_str_t     field = own_field(mem, sizeof(mem), digest, body);
    xc_digest_t  own;

    FUZZ_CHECK(xc_digest_parse(arena, field, &own) == XC_OK);
    FUZZ_CHECK(own.has[0] == digest->has[0] && own.has[1] == digest->has[1]);
    FUZZ_CHECK(xc_digest_check(&own, body) == XC_OK);

    if (body.len != 0) {
        changed = xc_arena_alloc(arena, body.len);
        FUZZ_CHECK(changed != NULL);
        memcpy(changed, body.data, body.len);
        changed[body.len / 2] ^= 1;
        FUZZ_CHECK(xc_digest_check(&own, (xc_str_t) { changed, body.len })
                   == XC_DENIED);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    xc_rc_t      rc;
    xc_str_t     field = { (const char *) data, size }, body = XC_STR("");
    xc_heap_t    heap;
    const char  *lf = size == 0 ? NULL : memchr(data, '\n', size);
    xc_digest_t  digest;

    if (lf != NULL) {
        field.len = (size_t) (lf - field.data);
        body = (xc_str_t) { lf + 1, size - field.len - 1 };
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);
    FUZZ_CHECK(xc_crypto_init() == XC_OK);

    rc = xc_digest_parse(&heap.arena, field, &digest);
    FUZZ_CHECK(rc == XC_OK || rc == XC_EINPUT);

    if (rc == XC_OK) {
        FUZZ_CHECK(digest.has[0] || digest.has[1]);
        rc = xc_digest_check(&digest, body);
        FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED);
        check_own(&heap.arena, &digest, body);
    }

    xc_heap_free(&heap);

    return 0;
}
