/* Content-Digest: the figures are those of RFC 9530, sections 2 and B, D. */

#include "xt.h"
#include "xc_digest.h"


#define SHA256_JSON  "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
#define SHA256_LF    "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
#define SHA256_NONE  "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
#define SHA256_RANGE "sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:"
#define SHA512_JSON  "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm" \
                     "+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
#define MD5_JSON     "md5=:Sd/dVLAcvNLSq16eXua5uQ==:"
#define JSON         "{\"hello\": \"world\"}"

typedef struct {
    const char  *field, *body;
    xc_rc_t      parsed, checked;
} digest_case_t;

static const digest_case_t  cases[] = {
    { SHA256_JSON, JSON, XC_OK, XC_OK },
    { SHA512_JSON, JSON, XC_OK, XC_OK },
    { SHA256_LF, JSON "\n", XC_OK, XC_OK },
    { SHA256_NONE, "", XC_OK, XC_OK },
    { SHA256_RANGE, "\"world\"}\n", XC_OK, XC_OK },
    { SHA256_JSON ", " SHA512_JSON, JSON, XC_OK, XC_OK },
    { MD5_JSON ", " SHA256_JSON, JSON, XC_OK, XC_OK },
    { SHA256_JSON ", new=tok;a, unixsum=:GQU=:;b", JSON, XC_OK, XC_OK },

    { SHA256_JSON, JSON "\n", XC_OK, XC_DENIED },
    { SHA256_JSON, "", XC_OK, XC_DENIED },
    { SHA512_JSON, "{\"hello\": \"World\"}", XC_OK, XC_DENIED },
    { SHA256_LF ", " SHA512_JSON, JSON, XC_OK, XC_DENIED },
    { SHA256_LF ", " SHA512_JSON, JSON "\n", XC_OK, XC_DENIED },

    { "", JSON, XC_EINPUT, XC_OK },
    { MD5_JSON, JSON, XC_EINPUT, XC_OK },
    { SHA256_JSON ", " SHA256_JSON, JSON, XC_EINPUT, XC_OK },
    { SHA256_JSON ";a", JSON, XC_EINPUT, XC_OK },
    { SHA256_JSON ", sha-512=::", JSON, XC_EINPUT, XC_OK },
    { "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBA==:", JSON,
      XC_EINPUT, XC_OK },
    { "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", JSON,
      XC_EINPUT, XC_OK },
    { "sha-256=\"X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=\"", JSON,
      XC_EINPUT, XC_OK },
    { "sha-256=(" "), " SHA512_JSON, JSON, XC_EINPUT, XC_OK },
    { "sha-256", JSON, XC_EINPUT, XC_OK },
    { "SHA-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", JSON,
      XC_EINPUT, XC_OK },
    { SHA256_JSON ",", JSON, XC_EINPUT, XC_OK },
    { SHA256_JSON " x", JSON, XC_EINPUT, XC_OK },
};


static void
test_case(const digest_case_t *c)
{
    xc_rc_t      rc;
    xc_str_t     field, body;
    xc_heap_t    heap;
    xc_digest_t  digest;

    field = xt_guard(xc_str_z(c->field));
    body = xt_guard(xc_str_z(c->body));
    xc_heap_init(&heap, 0);

    rc = xc_digest_parse(&heap.arena, field, &digest);
    xt_ok(rc == c->parsed, "parses %s: %d", c->field, rc);

    if (rc == XC_OK) {
        rc = xc_digest_check(&digest, body);
        xt_ok(rc == c->checked, "against a body of %zu: %d", body.len, rc);
    }

    xc_heap_free(&heap);
    xt_unguard(field);
    xt_unguard(body);
}


static xc_rc_t
parse_both(xc_arena_t *arena, void *data)
{
    xc_digest_t  digest;

    (void) data;

    return xc_digest_parse(arena, XC_STR(SHA256_JSON ", " SHA512_JSON),
                           &digest);
}


int
main(void)
{
    size_t       i;
    xc_digest_t  none = { { false, false }, { { 0 } } };

    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    for (i = 0; i < XC_COUNT(cases); i++) {
        test_case(&cases[i]);
    }

    xt_oom("parsing two digests", parse_both, NULL);
    xt_ok(xc_digest_check(&none, XC_STR("")) == XC_DENIED,
          "no digest matches nothing");

    return xt_done();
}
