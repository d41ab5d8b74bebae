#include "xc_note.h"

#include "xc_ascii.h"
#include "xc_b64.h"

#define XC_NOTE_TYPE_ED25519    0x01

/* A type and a key, before base64 */
#define XC_NOTE_KEY_SIZE        (1 + XC_NOTE_PUBLIC_SIZE)

/* Of base64 with the padding */
#define XC_NOTE_B64_SIZE(n)     (((n) + 2) / 3 * 4)


/* em dash (U+2014) and space */
static const xc_str_t  xc_note_dash = { "\xe2\x80\x94 ", 4 };


typedef struct {
    xc_str_t        name;
    const uint8_t  *bytes;      /* the key id, then the signature */
    size_t          len;
} xc_note_signature_t;


bool
xc_note_next_line(xc_str_t *rest, xc_str_t *line)
{
    size_t       n;
    const char  *lf;

    lf = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (lf == NULL) {
        return false;
    }

    n = (size_t) (lf - rest->data);

    *line = (xc_str_t) { rest->data, n };
    rest->data += n + 1;
    rest->len -= n + 1;

    return true;
}


static xc_rc_t
xc_note_fault(const char **error, xc_rc_t rc, const char *what)
{
    *error = what;

    return rc;
}


/* White_Space of Unicode, of a well-formed character of n bytes. */
static bool
xc_note_is_space(const unsigned char *p, size_t n)
{
    unsigned  code;

    if (n == 1) {
        return p[0] == ' ' || (p[0] >= '\t' && p[0] <= '\r');
    }

    if (n == 2) {
        return p[0] == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0);
    }

    if (n != 3) {
        return false;
    }

    code = (unsigned) ((p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6
                       | (p[2] & 0x3f));

    return (code >= 0x2000 && code <= 0x200a) || code == 0x1680
           || code == 0x2028 || code == 0x2029 || code == 0x202f
           || code == 0x205f || code == 0x3000;
}


bool
xc_note_name_ok(xc_str_t name)
{
    size_t                n;
    const unsigned char  *p;

    if (name.len == 0) {
        return false;
    }

    while (name.len != 0) {
        p = (const unsigned char *) name.data;
        n = xc_ascii_utf8_len(name);

        if (n == 0 || p[0] < 0x20 || p[0] == '+' || xc_note_is_space(p, n)) {
            return false;
        }

        name.data += n;
        name.len -= n;
    }

    return true;
}


/* The first bytes of SHA-256(name || LF || type || public key). */
static xc_rc_t
xc_note_key_id(xc_note_key_t *key)
{
    char      mem[XC_NOTE_NAME_MAX + 1 + XC_NOTE_KEY_SIZE];
    xc_rc_t   rc;
    uint8_t   hash[XC_SHA256_SIZE];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_str(&b, key->name);
    xc_buf_char(&b, '\n');
    xc_buf_char(&b, XC_NOTE_TYPE_ED25519);
    xc_buf_bytes(&b, key->public, sizeof(key->public));

    rc = b.overflow ? XC_EINTERNAL
                    : xc_hash(XC_HASH_SHA256, b.data, b.len, hash);
    if (rc == XC_OK) {
        memcpy(key->id, hash, sizeof(key->id));
    }

    return rc;
}


xc_rc_t
xc_note_key_make(xc_str_t name, const xc_key_t *key, xc_note_key_t *out)
{
    xc_rc_t        rc;
    xc_note_key_t  made;

    if (name.len > XC_NOTE_NAME_MAX || !xc_note_name_ok(name)) {
        return XC_EINPUT;
    }

    made.name = name;
    made.key = key;

    rc = xc_key_public_raw(key, made.public);

    if (rc == XC_OK) {
        rc = xc_note_key_id(&made);
    }

    if (rc == XC_OK) {
        *out = made;
    }

    return rc;
}


static xc_rc_t
xc_note_key_public(xc_arena_t *arena, const uint8_t *raw, const char **error,
    const xc_key_t **out)
{
    char      mem[XC_NOTE_B64_SIZE(XC_NOTE_PUBLIC_SIZE)];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_b64_encode(XC_B64_STD, &b, raw, XC_NOTE_PUBLIC_SIZE);

    return xc_key_public(arena, XC_ALG_ED25519, xc_buf_view(&b), error, out);
}


/* "+" ends the name and the id, but may stand in base64. */
static bool
xc_note_key_split(xc_str_t vkey, xc_str_t parts[3])
{
    size_t       i, n;
    const char  *plus;

    for (i = 0; i < 2; i++) {
        plus = vkey.len == 0 ? NULL : memchr(vkey.data, '+', vkey.len);
        if (plus == NULL) {
            return false;
        }

        n = (size_t) (plus - vkey.data);
        parts[i] = (xc_str_t) { vkey.data, n };
        vkey.data += n + 1;
        vkey.len -= n + 1;
    }

    parts[2] = vkey;

    return true;
}


/* The type and the public key. */
static bool
xc_note_key_bytes(xc_str_t text, uint8_t out[XC_NOTE_KEY_SIZE])
{
    size_t   n;
    uint8_t  bytes[XC_B64_DECODED_MAX(XC_NOTE_B64_SIZE(XC_NOTE_KEY_SIZE))];

    if (text.len != XC_NOTE_B64_SIZE(XC_NOTE_KEY_SIZE)
        || xc_b64_decode(XC_B64_STD, text, bytes, &n) != XC_OK
        || n != XC_NOTE_KEY_SIZE)
    {
        return false;
    }

    memcpy(out, bytes, XC_NOTE_KEY_SIZE);

    return true;
}


/* What is wrong with the parts of a verifier key as such, or NULL. */
static const char *
xc_note_key_parts(const xc_str_t parts[3], uint8_t id[XC_NOTE_KEY_ID_SIZE],
    uint8_t bytes[XC_NOTE_KEY_SIZE])
{
    if (parts[0].len > XC_NOTE_NAME_MAX || !xc_note_name_ok(parts[0])) {
        return "not a key's name";
    }

    if (!xc_hex_decode(id, XC_NOTE_KEY_ID_SIZE, parts[1])) {
        return "the id is not 8 hexadecimal digits";
    }

    if (!xc_note_key_bytes(parts[2], bytes)) {
        return "the key is not base64 of 33 bytes";
    }

    if (bytes[0] != XC_NOTE_TYPE_ED25519) {
        return "the key is not of type 1, Ed25519";
    }

    return NULL;
}


xc_rc_t
xc_note_key_read(xc_arena_t *arena, xc_str_t vkey, const char **error,
    xc_note_key_t *out)
{
    xc_rc_t          rc;
    uint8_t          id[XC_NOTE_KEY_ID_SIZE], bytes[XC_NOTE_KEY_SIZE];
    xc_str_t         parts[3];
    const char      *fault = "not name+id+key";
    xc_note_key_t    made;
    const xc_key_t  *key;

    if (xc_note_key_split(vkey, parts)) {
        fault = xc_note_key_parts(parts, id, bytes);
    }

    if (fault != NULL) {
        return xc_note_fault(error, XC_EINPUT, fault);
    }

    rc = xc_note_key_public(arena, &bytes[1], error, &key);

    if (rc == XC_OK) {
        rc = xc_note_key_make(parts[0], key, &made);
    }

    if (rc != XC_OK) {
        return rc;
    }

    if (memcmp(made.id, id, sizeof(id)) != 0) {
        return xc_note_fault(error, XC_EINPUT,
                             "the id is not that of the name and the key");
    }

    *out = made;

    return XC_OK;
}


void
xc_note_key_write(xc_buf_t *b, const xc_note_key_t *key)
{
    uint8_t  bytes[XC_NOTE_KEY_SIZE];

    bytes[0] = XC_NOTE_TYPE_ED25519;
    memcpy(&bytes[1], key->public, sizeof(key->public));

    xc_buf_str(b, key->name);
    xc_buf_char(b, '+');
    xc_buf_hex(b, key->id, sizeof(key->id));
    xc_buf_char(b, '+');
    xc_b64_encode(XC_B64_STD, b, bytes, sizeof(bytes));
}


/* What holds for a text as for the whole note. */
static bool
xc_note_text_ok(xc_str_t text)
{
    size_t         i;
    unsigned char  c;

    if (text.len == 0 || text.data[text.len - 1] != '\n') {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];
        if (c < 0x20 && c != '\n') {
            return false;
        }
    }

    return xc_ascii_is_utf8(text);
}


xc_rc_t
xc_note_sign(xc_buf_t *b, size_t start, const xc_note_key_t *key)
{
    size_t    len;
    xc_rc_t   rc;
    uint8_t   bytes[XC_NOTE_KEY_ID_SIZE + XC_SIGNATURE_MAX];
    xc_str_t  text;

    if (b->overflow) {
        return XC_ELIMIT;
    }

    text = (xc_str_t) { b->data + start, b->len - start };
    if (!xc_note_text_ok(text)) {
        return XC_EINPUT;
    }

    memcpy(bytes, key->id, sizeof(key->id));

    rc = xc_key_sign(key->key, text, &bytes[sizeof(key->id)], &len);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_char(b, '\n');
    xc_buf_str(b, xc_note_dash);
    xc_buf_str(b, key->name);
    xc_buf_char(b, ' ');
    xc_b64_encode(XC_B64_STD, b, bytes, sizeof(key->id) + len);
    xc_buf_char(b, '\n');

    return b->overflow ? XC_ELIMIT : XC_OK;
}


/* The last empty line is between the text and the signatures, since the text
 * may have empty lines of its own. */
static xc_rc_t
xc_note_split(xc_str_t note, const char **error, xc_str_t *text,
    xc_str_t *lines)
{
    size_t  i;

    if (note.len > XC_NOTE_MAX) {
        return xc_note_fault(error, XC_ELIMIT, "longer than 256 KiB");
    }

    if (!xc_note_text_ok(note)) {
        return xc_note_fault(error, XC_EINPUT,
                             "not lines of UTF-8 without controls");
    }

    for (i = note.len - 1; i != 0; i--) {
        if (note.data[i - 1] == '\n' && note.data[i] == '\n') {
            break;
        }
    }

    if (i == 0) {
        return xc_note_fault(error, XC_EINPUT, "no blank line");
    }

    if (i + 1 == note.len) {
        return xc_note_fault(error, XC_EINPUT, "no signature");
    }

    *text = (xc_str_t) { note.data, i };
    *lines = (xc_str_t) { note.data + i + 1, note.len - i - 1 };

    return XC_OK;
}


/* "— name base64"; scratch has room for what the line decodes to. */
static bool
xc_note_signature(xc_str_t line, uint8_t *scratch, xc_note_signature_t *out)
{
    xc_str_t     name;
    const char  *space;

    if (line.len <= xc_note_dash.len
        || memcmp(line.data, xc_note_dash.data, xc_note_dash.len) != 0)
    {
        return false;
    }

    line.data += xc_note_dash.len;
    line.len -= xc_note_dash.len;

    space = memchr(line.data, ' ', line.len);
    if (space == NULL) {
        return false;
    }

    name = (xc_str_t) { line.data, (size_t) (space - line.data) };
    line.data += name.len + 1;
    line.len -= name.len + 1;

    if (!xc_note_name_ok(name)
        || xc_b64_decode(XC_B64_STD, line, scratch, &out->len) != XC_OK)
    {
        return false;
    }

    out->name = name;
    out->bytes = scratch;

    return out->len > XC_NOTE_KEY_ID_SIZE;
}


/* Both count: another key may share either. */
static bool
xc_note_is_by(const xc_note_signature_t *signature, const xc_note_key_t *key)
{
    return xc_str_eq(signature->name, key->name)
           && memcmp(signature->bytes, key->id, sizeof(key->id)) == 0;
}


/* XC_OK: verified by at least one signature, contradicted by none. */
static xc_rc_t
xc_note_verify(xc_str_t text, xc_str_t lines, const xc_note_key_t *key,
    uint8_t *scratch, const char **error)
{
    bool                 found = false;
    xc_rc_t              rc;
    xc_str_t             line, bytes;
    xc_note_signature_t  signature;

    while (xc_note_next_line(&lines, &line)) {
        if (!xc_note_signature(line, scratch, &signature)) {
            return xc_note_fault(error, XC_EINPUT,
                                 "a line is not a signature");
        }

        if (!xc_note_is_by(&signature, key)) {
            continue;
        }

        found = true;
        bytes = (xc_str_t) { (const char *) signature.bytes
                             + XC_NOTE_KEY_ID_SIZE,
                             signature.len - XC_NOTE_KEY_ID_SIZE };

        rc = xc_key_verify(key->key, text, bytes);
        if (rc != XC_OK) {
            return xc_note_fault(error, rc, "the signature does not verify");
        }
    }

    return found ? XC_OK
                 : xc_note_fault(error, XC_DENIED, "no signature of the key");
}


xc_rc_t
xc_note_open(xc_arena_t *arena, xc_str_t note, const xc_note_key_t *key,
    const char **error, xc_str_t *text)
{
    xc_rc_t   rc;
    uint8_t  *scratch;
    xc_str_t  body, lines;

    rc = xc_note_split(note, error, &body, &lines);
    if (rc != XC_OK) {
        return rc;
    }

    scratch = xc_arena_alloc(arena, XC_B64_DECODED_MAX(lines.len));
    if (scratch == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_note_verify(body, lines, key, scratch, error);
    if (rc == XC_OK) {
        *text = body;
    }

    return rc;
}
