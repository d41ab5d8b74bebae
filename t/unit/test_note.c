/* Names, verifier keys, signed notes: what is made opens again, and each way in
 * which one can be malformed or untrue is found. */

#include "note_key.h"

#include <stdio.h>

#define DASH        "\xe2\x80\x94 "

/* From the tests of Go's note package: the key of this seed, a text,
 * its signature. */
#define NEUMANN_KEY                                                           \
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define NEUMANN_TEXT                                                          \
    "If you think cryptography is the answer to your problem,\n"              \
    "then you don't know what your problem is.\n"
#define NEUMANN_SIGNATURE                                                     \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"    \
    "qdngotpRZb6KE6RyyBwJnAM="
#define NEUMANN     DASH "PeterNeumann " NEUMANN_SIGNATURE "\n"

/* Of another key, which nobody here knows. */
#define ENOCH                                                                 \
    DASH "EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF" \
    "1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"


static xc_note_key_t  neumann, signer;


static void
prepare(void)
{
    const char  *error;

    xc_heap_init(&heap, 0);
    require(xc_crypto_init());
    require(xc_note_key_read(&heap.arena, XC_STR(NEUMANN_KEY), &error,
                             &neumann));
    require(xc_note_key_make(XC_STR(ORIGIN), private_key(NEUMANN_SEED),
                             &signer));
}


static void
test_names(void)
{
    size_t  i;
    char    spaced[8];

    static const char *const  good[] = {
        "a", ORIGIN, "sum.golang.org", "\xe4\xb8\xad", "a\xe2\x80\x8b!",
        "\xf0\x9f\x98\x80", "https://x", "a\x7f"
    };
    static const char *const  bad[] = {
        "", " ", "a b", "a+b", "+", "a\n", "\ta", "\x01", "\x1f", "\x80",
        "\xc3", "\xed\xa0\x80"
    };
    static const char *const  spaces[] = {
        "\x09", "\x0a", "\x0b", "\x0c", "\x0d", "\x20", "\xc2\x85",
        "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
        "\xe3\x80\x80"
    };

    for (i = 0; i < XC_COUNT(good); i++) {
        xt_ok(xc_note_name_ok(xc_str_z(good[i])), "a name: %zu", i);
    }

    for (i = 0; i < XC_COUNT(bad); i++) {
        xt_ok(!xc_note_name_ok(xc_str_z(bad[i])), "not a name: %zu", i);
    }

    for (i = 0; i < XC_COUNT(spaces); i++) {
        snprintf(spaced, sizeof(spaced), "a%sb", spaces[i]);
        xt_ok(!xc_note_name_ok(xc_str_z(spaced)), "a space: %zu", i);
    }
}


static const struct {
    const char  *vkey, *error;
} bad_keys[] = {
    { "", "not name+id+key" },
    { "PeterNeumann", "not name+id+key" },
    { "PeterNeumann+c74f20a3", "not name+id+key" },
    { "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "not a key's name" },
    { "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy"
      "10TW", "not a key's name" },
    { "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T"
      "W", "the id is not 8 hexadecimal digits" },
    { "PeterNeumann+c74f20ag+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"
      "TW", "the id is not 8 hexadecimal digits" },
    { "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"
      "TW", "the id is not that of the name and the key" },
    { "peterneumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"
      "TW", "the id is not that of the name and the key" },
    { NEUMANN_KEY "\n", "the key is not base64 of 33 bytes" },
    { NEUMANN_KEY "=", "the key is not base64 of 33 bytes" },
    { "PeterNeumann+c74f20a3+", "the key is not base64 of 33 bytes" },
    { "PeterNeumann+c74f20a3+AQ==", "the key is not base64 of 33 bytes" },
    { "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"
      "Q=", "the key is not base64 of 33 bytes" },
    { "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq_LDE4izWy10"
      "TW", "the key is not base64 of 33 bytes" },
    { "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10"
      "TW", "the key is not of type 1, Ed25519" },
};


static void
test_vkeys(void)
{
    char             mem[XC_NOTE_VKEY_MAX];
    size_t           i;
    xc_rc_t          rc;
    xc_buf_t         b;
    xc_str_t         vkey;
    const char      *error;
    xc_note_key_t    key, before;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_note_key_write(&b, &neumann);
    xt_is(xc_buf_view(&b), XC_STR(NEUMANN_KEY), "a key read and written");

    memset(&before, 0x5a, sizeof(before));

    for (i = 0; i < XC_COUNT(bad_keys); i++) {
        key = before;
        error = "";
        vkey = xt_guard(xc_str_z(bad_keys[i].vkey));
        rc = xc_note_key_read(&heap.arena, vkey, &error, &key);
        xt_ok(rc == XC_EINPUT && strcmp(error, bad_keys[i].error) == 0
              && memcmp(&key, &before, sizeof(key)) == 0,
              "refused: %zu: %s", i, error);
        xt_unguard(vkey);
    }

    /* a point of small order, whose id is right */
    xt_ok(xc_note_key_read(&heap.arena, XC_STR("x+30b4a9e1+AQEAAAAAAAAAAAAAAAAA"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAA"), &error, &key)
          == XC_EINPUT, "refused: %s", error);
}


static void
test_key_make(void)
{
    char             name[XC_NOTE_NAME_MAX + 1];
    char             mem[XC_NOTE_VKEY_MAX];
    xc_buf_t         b;
    xc_str_t         text;
    const char      *error = "";
    xc_note_key_t    key, again;
    const xc_key_t  *secret;

    memset(name, 'n', sizeof(name));

    xt_ok(xc_note_key_make(XC_STR("PeterNeumann"), signer.key, &key) == XC_OK
          && memcmp(key.id, neumann.id, sizeof(key.id)) == 0
          && memcmp(key.public, neumann.public, sizeof(key.public)) == 0,
          "the private key has the same public half and id");
    xt_ok(memcmp(signer.id, neumann.id, sizeof(signer.id)) != 0,
          "another name, another id");

    require(xc_note_key_make((xc_str_t) { name, XC_NOTE_NAME_MAX },
                             signer.key, &key));
    xc_buf_init(&b, mem, sizeof(mem));
    xc_note_key_write(&b, &key);
    xt_ok(!b.overflow && b.len == XC_NOTE_VKEY_MAX
          && xc_note_key_read(&heap.arena, xc_buf_view(&b), &error, &again)
             == XC_OK
          && memcmp(again.id, key.id, sizeof(key.id)) == 0,
          "the longest name");

    xt_ok(xc_note_key_make((xc_str_t) { name, sizeof(name) }, signer.key,
                           &key) == XC_EINPUT
          && xc_note_key_make(XC_STR("a b"), signer.key, &key) == XC_EINPUT,
          "not under such names");

    text = xc_arena_printf(&heap.arena, XC_STR_FMT "+00000000+x",
                           (int) sizeof(name), name);
    xt_ok(xc_note_key_read(&heap.arena, text, &error, &key) == XC_EINPUT
          && strcmp(error, "not a key's name") == 0, "nor read");

    require(xc_key_secret(&heap.arena, XC_ALG_HMAC_SHA256,
                          XC_STR("0123456789abcdef0123456789abcdef"), &error,
                          &secret));
    xt_ok(xc_note_key_make(XC_STR("a"), secret, &key) == XC_EINPUT,
          "nor a secret");
}


static xc_rc_t
open_note(const xc_note_key_t *key, xc_str_t note, const char **error,
    xc_str_t *text)
{
    xc_rc_t    rc;
    xc_str_t   guarded = xt_guard(note), found = XC_STR("untouched");
    xc_heap_t  own;

    xc_heap_init(&own, 0);
    *error = "";
    rc = xc_note_open(&own.arena, guarded, key, error, &found);

    *text = rc == XC_OK ? (xc_str_t) { note.data, found.len } : found;
    if (rc == XC_OK && found.data != guarded.data) {
        *text = XC_STR("not a part of the note");
    }

    xc_heap_free(&own);
    xt_unguard(guarded);

    return rc;
}


static const struct {
    xc_rc_t      rc;
    const char  *note, *error;
} notes[] = {
    { XC_OK, NEUMANN_TEXT "\n" NEUMANN, "" },
    { XC_OK, NEUMANN_TEXT "\n" ENOCH NEUMANN, "" },
    { XC_OK, NEUMANN_TEXT "\n" NEUMANN ENOCH NEUMANN, "" },

    /* of the same name and of the same id: others' */
    { XC_OK, NEUMANN_TEXT "\n" NEUMANN DASH "PeterNeumann AAAAAAA=\n",
      "" },
    { XC_OK, NEUMANN_TEXT "\n" DASH "Else x08go/ZJkuA=\n" NEUMANN, "" },
    { XC_OK, NEUMANN_TEXT "\n" DASH "E\xe2\x80\x8b! AAAAAAA=\n" NEUMANN,
      "" },

    { XC_DENIED, NEUMANN_TEXT "\n" ENOCH, "no signature of the key" },
    { XC_DENIED, NEUMANN_TEXT "\n" DASH "Peter" NEUMANN_SIGNATURE
      " " NEUMANN_SIGNATURE "\n", "no signature of the key" },
    { XC_DENIED, "I" NEUMANN_TEXT "\n" NEUMANN,
      "the signature does not verify" },
    { XC_DENIED, NEUMANN_TEXT "\n\n" NEUMANN,
      "the signature does not verify" },
    { XC_DENIED, NEUMANN_TEXT "\n" NEUMANN
      DASH "PeterNeumann x08go/ZJkuA=\n", "the signature does not verify" },
    { XC_DENIED, NEUMANN_TEXT "\n" DASH "PeterNeumann x08go/ZJkuA=\n"
      NEUMANN, "the signature does not verify" },

    { XC_EINPUT, "", "not lines of UTF-8 without controls" },
    { XC_EINPUT, "\n", "no blank line" },
    { XC_EINPUT, "\n" NEUMANN, "no blank line" },
    { XC_EINPUT, NEUMANN_TEXT, "no blank line" },
    { XC_EINPUT, NEUMANN_TEXT NEUMANN, "no blank line" },
    { XC_EINPUT, "\n\n", "no signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n", "no signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN "\n", "no signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN ENOCH "x",
      "not lines of UTF-8 without controls" },
    { XC_EINPUT, NEUMANN_TEXT "\t\n\n" NEUMANN,
      "not lines of UTF-8 without controls" },
    { XC_EINPUT, NEUMANN_TEXT "\r\n\n" NEUMANN,
      "not lines of UTF-8 without controls" },
    { XC_EINPUT, NEUMANN_TEXT "\xff\n\n" NEUMANN,
      "not lines of UTF-8 without controls" },

    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN "\n" NEUMANN_TEXT,
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN "\xe2\x80\x94\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E \n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH " AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN "- E AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN "\xe2\x80\x94" "E AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN " " DASH "E AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E+e AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E AAAA AAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E  AAAAAAA=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E AAAAAAA\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E AAAAAA==\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E AAAAAAB=\n",
      "a line is not a signature" },
    { XC_EINPUT, NEUMANN_TEXT "\n" NEUMANN DASH "E AAAAAAA= \n",
      "a line is not a signature" },
};


static void
test_open(void)
{
    size_t       i;
    xc_rc_t      rc;
    xc_str_t     text;
    const char  *error;

    for (i = 0; i < XC_COUNT(notes); i++) {
        rc = open_note(&neumann, xc_str_z(notes[i].note), &error, &text);
        xt_ok(rc == notes[i].rc && strcmp(error, notes[i].error) == 0
              && xc_str_eq(text, rc == XC_OK ? XC_STR(NEUMANN_TEXT)
                                             : XC_STR("untouched")),
              "note %zu: %d %s", i, rc, error);
    }
}


/* Every byte of it counts. */
static void
test_flips(void)
{
    char         note[] = NEUMANN_TEXT "\n" NEUMANN;
    size_t       i, opened = 0;
    unsigned     bit;
    xc_str_t     text, in = { note, sizeof(note) - 1 };
    const char  *error;

    for (i = 0; i < in.len; i++) {
        for (bit = 0; bit < 8; bit += i < 90 ? 1 : 3) {
            note[i] ^= (char) (1 << bit);
            opened += open_note(&neumann, in, &error, &text) == XC_OK;
            note[i] ^= (char) (1 << bit);
        }
    }

    xt_ok(opened == 0, "no flipped bit passes");

    for (i = 0; i < in.len; i++) {
        opened += open_note(&neumann, (xc_str_t) { note, i }, &error, &text)
                  == XC_OK;
    }

    xt_ok(opened == 0, "nor a note cut short");
}


static void
test_size(void)
{
    char        *mem;
    size_t       n = 0;
    xc_str_t     text, in;
    xc_buf_t     b;
    const char  *error;

    mem = xc_arena_alloc(&heap.arena, XC_NOTE_MAX + 4096);
    if (mem == NULL) {
        exit(1);
    }

    xc_buf_init(&b, mem, XC_NOTE_MAX + 4096);
    xc_buf_z(&b, NEUMANN_TEXT "\n" NEUMANN);

    while (b.len + sizeof(ENOCH) <= XC_NOTE_MAX) {
        xc_buf_z(&b, ENOCH);
        n++;
    }

    in = xc_buf_view(&b);
    xt_ok(open_note(&neumann, in, &error, &text) == XC_OK,
          "%zu signatures of others", n);

    while (b.len <= XC_NOTE_MAX) {
        xc_buf_z(&b, ENOCH);
    }

    in = xc_buf_view(&b);
    xt_ok(open_note(&neumann, in, &error, &text) == XC_ELIMIT
          && strcmp(error, "longer than 256 KiB") == 0, "too many");
}


static void
test_sign(void)
{
    char           mem[512], before[512];
    size_t         i;
    xc_buf_t       b;
    xc_note_key_t  key;

    static const xc_str_t  bad[] = {
        { "", 0 }, { "x", 1 }, { "a\nb", 3 }, { "a\r\n", 3 }, { "\0\n", 2 },
        { "\xff\n", 2 }
    };

    /* Ed25519 knows one signature only */
    require(xc_note_key_make(XC_STR("PeterNeumann"), signer.key, &key));
    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_z(&b, "before:" NEUMANN_TEXT);
    require(xc_note_sign(&b, 7, &key));
    xt_is(xc_buf_view(&b), XC_STR("before:" NEUMANN_TEXT "\n" NEUMANN),
          "the published signature");

    for (i = 0; i < XC_COUNT(bad); i++) {
        xc_buf_init(&b, mem, sizeof(mem));
        xc_buf_str(&b, bad[i]);
        xt_ok(xc_note_sign(&b, 0, &key) == XC_EINPUT && b.len == bad[i].len,
              "no text to sign: %zu", i);
    }

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_z(&b, NEUMANN_TEXT);
    xt_ok(xc_note_sign(&b, 0, &neumann) == XC_EINPUT
          && xc_str_eq(xc_buf_view(&b), XC_STR(NEUMANN_TEXT)),
          "a public key does not sign");

    memcpy(before, NEUMANN_TEXT, sizeof(NEUMANN_TEXT));
    xc_buf_init(&b, before, sizeof(NEUMANN_TEXT NEUMANN) - 1);
    xc_buf_z(&b, NEUMANN_TEXT);
    xt_ok(xc_note_sign(&b, 0, &key) == XC_ELIMIT && b.overflow
          && xc_note_sign(&b, 0, &key) == XC_ELIMIT, "too little room");
}


static void
test_lines(void)
{
    xc_str_t  rest = XC_STR("a\n\nb"), line = XC_STR("?");

    xt_ok(xc_note_next_line(&rest, &line) && xc_str_eq(line, XC_STR("a"))
          && xc_note_next_line(&rest, &line) && line.len == 0
          && xc_str_eq(rest, XC_STR("b")), "lines");

    line = XC_STR("?");
    xt_ok(!xc_note_next_line(&rest, &line) && xc_str_eq(rest, XC_STR("b"))
          && xc_str_eq(line, XC_STR("?")), "the rest is none");

    rest = XC_STR_NONE;
    xt_ok(!xc_note_next_line(&rest, &line), "nor is nothing");
}


static xc_rc_t
open_all(xc_arena_t *arena, void *data)
{
    xc_rc_t        rc;
    xc_str_t       text;
    const char    *error;
    xc_note_key_t  key;

    rc = xc_note_key_read(arena, XC_STR(NEUMANN_KEY), &error, &key);

    return rc == XC_OK ? xc_note_open(arena, *(xc_str_t *) data, &key, &error,
                                      &text) : rc;
}


int
main(void)
{
    xc_str_t  note = XC_STR(NEUMANN_TEXT "\n" NEUMANN);

    prepare();
    test_names();
    test_vkeys();
    test_key_make();
    test_open();
    test_flips();
    test_size();
    test_sign();
    test_lines();
    xt_oom("a key and a note", open_all, &note);

    xc_heap_free(&heap);

    return xt_done();
}
