#include "xc_keytext_impl.h"

#include "xc_b64.h"

/* Room for base64 of an RSA key four times the largest that is taken, so that
 * such a one is told its length. */
#define XC_KEYTEXT_PACKED_MAX   4096


static bool
xc_keytext_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static xc_str_t
xc_keytext_trim(xc_str_t text)
{
    while (text.len != 0 && xc_keytext_is_space(text.data[0])) {
        text.data++;
        text.len--;
    }

    while (text.len != 0 && xc_keytext_is_space(text.data[text.len - 1])) {
        text.len--;
    }

    return text;
}


/* The text between the lines that begin and end a key: RFC 7468 3 */
static bool
xc_keytext_unwrap(xc_str_t text, xc_str_t label, xc_str_t *body)
{
    const size_t  line = label.len + 16;
    const char   *tail = text.data + text.len - line + 2;

    if (text.len < 2 * line
        || memcmp(text.data, "-----BEGIN ", 11) != 0
        || memcmp(text.data + 11, label.data, label.len) != 0
        || memcmp(text.data + 11 + label.len, "-----", 5) != 0
        || memcmp(tail, "-----END ", 9) != 0
        || memcmp(tail + 9, label.data, label.len) != 0
        || memcmp(tail + 9 + label.len, "-----", 5) != 0)
    {
        return false;
    }

    *body = (xc_str_t) { text.data + line, text.len - 2 * line + 2 };

    return true;
}


/* Base64 with line ends in it.  der holds XC_B64_DECODED_MAX of
 * XC_KEYTEXT_PACKED_MAX. */
static bool
xc_keytext_decode_body(xc_str_t body, uint8_t *der, xc_str_t *out)
{
    char    packed[XC_KEYTEXT_PACKED_MAX];
    size_t  i, len, n = 0;

    for (i = 0; i < body.len; i++) {
        if (xc_keytext_is_space(body.data[i])) {
            continue;
        }

        if (n == sizeof(packed)) {
            return false;
        }

        packed[n++] = body.data[i];
    }

    if (xc_b64_decode(XC_B64_STD, (xc_str_t) { packed, n }, der, &len)
        != XC_OK)
    {
        return false;
    }

    *out = (xc_str_t) { (const char *) der, len };

    return true;
}


/* Ours, as a general reader takes some 300 us a key. */
static xc_rc_t
xc_keytext_from_pem(const xc_keytext_want_t *want, xc_str_t text,
    const char **error, xc_keytext_t *out)
{
    bool      spki;
    uint8_t   bytes[XC_B64_DECODED_MAX(XC_KEYTEXT_PACKED_MAX)];
    xc_str_t  body, der;

    spki = xc_keytext_unwrap(text, XC_STR("PUBLIC KEY"), &body);

    if (!spki && !xc_keytext_unwrap(text, XC_STR("RSA PUBLIC KEY"), &body)) {
        return xc_keytext_fault(error, "not one public key in PEM");
    }

    if (!xc_keytext_decode_body(body, bytes, &der)) {
        return xc_keytext_stranger(want, error);
    }

    return spki ? xc_keytext_spki(want, der, error, out)
                : xc_keytext_pkcs1(want, der, error, out);
}


/* Raw bytes or SubjectPublicKeyInfo, in either alphabet, padded or not. */
static xc_rc_t
xc_keytext_from_base64(const xc_keytext_want_t *want, xc_str_t text,
    const char **error, xc_keytext_t *out)
{
    char      url[XC_KEYTEXT_PACKED_MAX];
    size_t    i, len, size = xc_keytext_known[want->kind].size;
    uint8_t   bytes[XC_B64_DECODED_MAX(sizeof(url))];
    xc_str_t  der;

    for (i = 0; i < 2 && text.len != 0 && (text.len + i) % 4 == 0
                && text.data[text.len - 1] == '='; i++)
    {
        text.len--;
    }

    if (text.len > sizeof(url)) {
        return xc_keytext_stranger(want, error);
    }

    for (i = 0; i < text.len; i++) {
        url[i] = text.data[i] == '+' ? '-'
                 : text.data[i] == '/' ? '_' : text.data[i];
    }

    if (xc_b64_decode(XC_B64_URL, (xc_str_t) { url, text.len }, bytes, &len)
        != XC_OK)
    {
        return xc_keytext_stranger(want, error);
    }

    der = (xc_str_t) { (const char *) bytes, len };

    return len > 2 * size + 1 || want->kind == XC_KEYTEXT_RSA
           || (want->kind == XC_KEYTEXT_ED25519 && len != size)
           ? xc_keytext_spki(want, der, error, out)
           : xc_keytext_set_point(want, bytes, len, error, out);
}


/* The tree of a JWK is several times the key: with 100,000 of them it must not
 * stay as long as the arena.  Parsing defers once, for the tree. */
typedef struct {
    xc_arena_t   arena;
    xc_arena_t  *parent;
    void       (*fn)(void *data);
    void        *data;
} xc_keytext_scratch_t;


static void *
xc_keytext_scratch_alloc(void *ctx, size_t size)
{
    xc_keytext_scratch_t  *scratch = ctx;

    return xc_arena_alloc(scratch->parent, size);
}


static int
xc_keytext_scratch_defer(void *ctx, void (*fn)(void *data), void *data)
{
    xc_keytext_scratch_t  *scratch = ctx;

    if (scratch->fn != NULL) {
        return -1;
    }

    scratch->fn = fn;
    scratch->data = data;

    return 0;
}


static xc_rc_t
xc_keytext_from_jwk(xc_arena_t *arena, const xc_keytext_want_t *want,
    xc_str_t text, const char **error, xc_keytext_t *out)
{
    xc_rc_t                rc;
    const xc_json_t       *jwk;
    xc_keytext_scratch_t   scratch = {
        { xc_keytext_scratch_alloc, xc_keytext_scratch_defer, &scratch, 0, 0 },
        arena, NULL, NULL
    };

    rc = xc_json_parse(&scratch.arena, text, 8, NULL, &jwk);

    if (rc == XC_OK) {
        rc = xc_keytext_jwk(want, jwk, error, out);

    } else if (rc != XC_ENOMEM) {
        rc = xc_keytext_fault(error, "not a JWK");
    }

    if (scratch.fn != NULL) {
        scratch.fn(scratch.data);
    }

    return rc;
}


xc_rc_t
xc_keytext_read(xc_arena_t *arena, const xc_keytext_want_t *want,
    xc_str_t text, const char **error, xc_keytext_t *out)
{
    text = xc_keytext_trim(text);

    if (text.len > XC_KEYTEXT_MAX) {
        return xc_keytext_fault(error, "longer than 16 KiB");
    }

    if (text.len > 5 && memcmp(text.data, "-----", 5) == 0) {
        return xc_keytext_from_pem(want, text, error, out);
    }

    if (text.len == 0 || text.data[0] != '{') {
        return xc_keytext_from_base64(want, text, error, out);
    }

    return xc_keytext_from_jwk(arena, want, text, error, out);
}
