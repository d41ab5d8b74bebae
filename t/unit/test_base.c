/* Layer 0: arena, ASCII, writer, index, reasons. */

#include "xt.h"
#include "xc_ascii.h"
#include "xc_buf.h"
#include "xc_index.h"
#include "xc_reason.h"

#include <stdio.h>


static void
test_json_string(void)
{
    size_t     i;
    char       mem[128];
    xc_buf_t   b;
    xc_str_t   in;

    static const struct {
        xc_str_t  in, out;
    } cases[] = {
        { { "", 0 }, { "\"\"", 2 } },
        { { "a\"\\\n\0z", 6 }, { "\"a\\\"\\\\\\n\\u0000z\"", 16 } },
        { { "\x7f\x1b", 2 }, { "\"\\u007f\\u001b\"", 14 } },
        { { "\xe6\xb2\xaa", 3 }, { "\"\xe6\xb2\xaa\"", 5 } },
        { { "\xe6\xb2", 2 }, { "\"\\ufffd\\ufffd\"", 14 } },
        { { "\xed\xa0\x80", 3 }, { "\"\\ufffd\\ufffd\\ufffd\"", 20 } },
        { { "\xc0\xaf", 2 }, { "\"\\ufffd\\ufffd\"", 14 } },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        in = xt_guard(cases[i].in);
        xc_buf_init(&b, mem, sizeof(mem));
        xc_buf_json(&b, in);
        xt_is(xc_buf_view(&b), cases[i].out, "JSON string %zu", i);
        xt_unguard(in);
    }

    for (i = 0; i < 16; i++) {
        xc_buf_init(&b, mem, i);
        xc_buf_json(&b, cases[1].in);
        if (!b.overflow) {
            break;
        }
    }

    xt_ok(i == 16, "every shorter buffer is an overflow");
}


/* Octets are looked at eight at a time: each one, at each place. */
static void
test_json_places(void)
{
    int        c;
    bool       ok = true;
    char       text[17], mem[64], one[16], want_mem[64];
    size_t     at;
    xc_buf_t   b, alone, want;

    for (c = 0; c < 256; c++) {
        text[0] = (char) c;
        xc_buf_init(&alone, one, sizeof(one));
        xc_buf_json(&alone, (xc_str_t) { text, 1 });

        for (at = 0; at < sizeof(text); at++) {
            memset(text, 'x', sizeof(text));
            text[at] = (char) c;

            xc_buf_init(&want, want_mem, sizeof(want_mem));
            xc_buf_char(&want, '"');
            xc_buf_bytes(&want, "xxxxxxxxxxxxxxxxx", at);
            xc_buf_bytes(&want, alone.data + 1, alone.len - 2);
            xc_buf_bytes(&want, "xxxxxxxxxxxxxxxxx", sizeof(text) - at - 1);
            xc_buf_char(&want, '"');

            xc_buf_init(&b, mem, sizeof(mem));
            xc_buf_json(&b, (xc_str_t) { text, sizeof(text) });
            ok = ok && xc_str_eq(xc_buf_view(&b), xc_buf_view(&want));
        }
    }

    xt_ok(ok, "any octet at any place of a JSON string");
}


/* Whatever room there is, nothing is written behind it, and only what fits
 * whole is no overflow. */
static void
test_json_room(void)
{
    bool       ok = true;
    char       mem[128];
    size_t     n, cap, whole;
    xc_buf_t   b;

    static const char  text[] = "0123456789abcdef\"sig1\\=(0123456)"
                                "\xe6\xb2\xaa\xed\xa0\xe9\x9f\xb3"
                                "01234\n0123456789";

    for (n = 0; n < sizeof(text); n++) {
        xc_buf_init(&b, mem, sizeof(mem));
        xc_buf_json(&b, (xc_str_t) { text, n });
        whole = b.len;

        for (cap = 0; cap <= whole; cap++) {
            memset(mem, '#', sizeof(mem));
            xc_buf_init(&b, mem, cap);
            xc_buf_json(&b, (xc_str_t) { text, n });
            ok = ok && b.overflow == (cap < whole) && b.len <= cap
                 && mem[cap] == '#';
        }
    }

    xt_ok(ok, "a JSON string in memory of any size");
}


/* The rule octet by octet, to compare runs with. */
static void
json_plainly(xc_buf_t *out, xc_str_t s)
{
    char         escape[8];
    size_t       i, n;
    const char  *letter;

    static const char  plain[] = "\b\f\n\r\t";

    xc_buf_char(out, '"');

    for (i = 0; i < s.len; i += n) {
        n = xc_ascii_utf8_len((xc_str_t) { s.data + i, s.len - i });

        if (n > 1) {
            xc_buf_bytes(out, s.data + i, n);
            continue;
        }

        if (n == 0) {
            xc_buf_z(out, "\\ufffd");
            n = 1;

        } else if (s.data[i] == '"' || s.data[i] == '\\') {
            xc_buf_char(out, '\\');
            xc_buf_char(out, s.data[i]);

        } else if (memchr(plain, s.data[i], 5) != NULL) {
            letter = memchr(plain, s.data[i], 5);
            xc_buf_char(out, '\\');
            xc_buf_char(out, "bfnrt"[letter - plain]);

        } else if (s.data[i] < 0x20 || s.data[i] == 0x7f) {
            (void) snprintf(escape, sizeof(escape), "\\u%04x",
                            (unsigned) s.data[i]);
            xc_buf_z(out, escape);

        } else {
            xc_buf_char(out, s.data[i]);
        }
    }

    xc_buf_char(out, '"');
}


/* Any octets, at least every other of them from those that matter. */
static void
test_json_plainly(void)
{
    bool      ok = true;
    char      text[80], mem[512], want_mem[512];
    size_t    i, n;
    uint32_t  random = 1;
    unsigned  round;
    xc_buf_t  b, want;
    xc_str_t  s;

    static const char  odd[] = "\"\\\n\x7f\x1f \xe6\xb2\xaa\xc2\xed\xa0"
                               "\xf0\x9f";

    for (round = 0; round < 40; round++) {
        for (n = 0; n <= sizeof(text); n++) {
            for (i = 0; i < n; i++) {
                random = random * 1664525 + 1013904223;
                text[i] = (random >> 30) < round % 4
                          ? odd[(random >> 8) % (sizeof(odd) - 1)]
                          : (random >> 29 & 1) != 0 ? (char) (random >> 16)
                                                    : 'x';
            }

            s = xt_guard((xc_str_t) { text, n });
            xc_buf_init(&b, mem, sizeof(mem));
            xc_buf_json(&b, s);
            xc_buf_init(&want, want_mem, sizeof(want_mem));
            json_plainly(&want, s);
            xt_unguard(s);

            ok = ok && !want.overflow && !b.overflow
                 && xc_str_eq(xc_buf_view(&b), xc_buf_view(&want));
        }
    }

    xt_ok(ok, "JSON strings of any octets, as the rule has them one by one");
}


static void
test_letters(void)
{
    int   a, b;
    bool  tchars = true, folds = true, behind = true;
    char  x[2] = "-", y[2] = "-";

    for (a = 0; a < 256; a++) {
        /* RFC 9110 5.6.2 */
        tchars = tchars
                 && xc_ascii_is_tchar((char) a)
                    == (a != 0 && strchr("!#$%&'*+-.^_`|~0123456789"
                                         "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ", a)
                                  != NULL);

        for (b = 0; b < 256; b++) {
            x[0] = x[1] = (char) a;
            y[0] = y[1] = (char) b;
            folds = folds
                    && xc_ascii_ieq((xc_str_t) { x, 1 }, (xc_str_t) { y, 1 })
                       == (xc_ascii_lower((char) a)
                           == xc_ascii_lower((char) b));
            x[0] = y[0] = '-';
            behind = behind
                     && xc_ascii_ieq((xc_str_t) { x, 2 }, (xc_str_t) { y, 2 })
                        == (xc_ascii_lower((char) a)
                            == xc_ascii_lower((char) b));
        }
    }

    xt_ok(tchars, "the characters of tokens");
    xt_ok(folds && behind, "case is folded, of the first letter and others");
    xt_ok(xc_ascii_ieq(XC_STR(""), XC_STR_NONE)
          && !xc_ascii_ieq(XC_STR("a"), XC_STR("ab")), "lengths");
}


/* The same for what is percent-encoded, and for controls. */
static void
test_octet_places(void)
{
    int        c;
    bool       target = true, controls = true, plain;
    char       text[35], mem[128], want_mem[128];
    size_t     at;
    xc_buf_t   b, want;

    for (c = 0; c < 256; c++) {
        for (at = 0; at < sizeof(text); at++) {
            memset(text, 'x', sizeof(text));
            text[at] = (char) c;
            plain = c > 0x20 && c < 0x7f;

            (void) snprintf(want_mem, sizeof(want_mem),
                            plain ? "%.*s%c%.*s" : "%.*s%%%02x%.*s", (int) at,
                            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", c,
                            (int) (sizeof(text) - at - 1),
                            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
            xc_buf_init(&want, want_mem, sizeof(want_mem));
            want.len = strlen(want_mem);

            xc_buf_init(&b, mem, sizeof(mem));
            xc_buf_target(&b, (xc_str_t) { text, sizeof(text) });
            target = target && xc_str_eq(xc_buf_view(&b), xc_buf_view(&want));

            controls = controls
                       && xc_ascii_no_controls((xc_str_t) { text,
                                                            sizeof(text) })
                          == (c >= 0x20 && c != 0x7f);
        }
    }

    xt_ok(target, "any octet at any place of a target");
    xt_ok(controls, "any octet at any place, a control or not");
}


static void
test_hex(void)
{
    int        i;
    bool       ok = true;
    char       hex[512], want[513];
    size_t     n;
    uint8_t    bytes[256];

    for (i = 0; i < 256; i++) {
        bytes[i] = (uint8_t) i;
        (void) snprintf(want + 2 * i, 3, "%02x", (unsigned) i);
    }

    for (n = 0; n <= sizeof(bytes); n++) {
        memset(hex, '#', sizeof(hex));
        xc_hex_encode(hex, bytes + sizeof(bytes) - n, n);
        ok = ok && memcmp(hex, want + 2 * (sizeof(bytes) - n), 2 * n) == 0
             && (n == sizeof(bytes) || hex[2 * n] == '#');
    }

    xt_ok(ok, "hexadecimal of any octet, of any length");
}


static void
test_numbers(void)
{
    char      mem[32];
    uint64_t  n = 7;
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_u64(&b, UINT64_MAX);
    xt_is(xc_buf_view(&b), XC_STR("18446744073709551615"), "largest number");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_i64(&b, INT64_MIN);
    xt_is(xc_buf_view(&b), XC_STR("-9223372036854775808"), "smallest number");

    xt_ok(xc_ascii_u64(XC_STR("18446744073709551615"), UINT64_MAX, &n)
          && n == UINT64_MAX, "reads the largest number");
    n = 7;
    xt_ok(!xc_ascii_u64(XC_STR("18446744073709551616"), UINT64_MAX, &n)
          && n == 7, "and not one more");
    xt_ok(!xc_ascii_u64(XC_STR("100"), 99, &n), "a stated limit");
    xt_ok(!xc_ascii_u64(XC_STR(""), 99, &n), "nothing is no number");
    xt_ok(!xc_ascii_u64(XC_STR("+1"), 99, &n), "a sign is no digit");
}


static void
test_text(void)
{
    int       i, bad = 0;
    char      mem[64];
    uint8_t   bytes[2];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_pct(&b, XC_STR("a b%\xe6\r"));
    xt_is(xc_buf_view(&b), XC_STR("a%20b%25%e6%0d"), "percent-encoding");

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_html(&b, XC_STR("<a href=\"'&'\">"));
    xt_is(xc_buf_view(&b), XC_STR("&lt;a href=&quot;&#39;&amp;&#39;&quot;&gt;"),
          "HTML");

    xt_ok(xc_hex_decode(bytes, 2, XC_STR("fFa0")) && bytes[0] == 0xff
          && bytes[1] == 0xa0, "hexadecimal of both cases");
    xt_ok(!xc_hex_decode(bytes, 2, XC_STR("fFa")), "an odd digit");
    xt_ok(!xc_hex_decode(bytes, 2, XC_STR("fFag")), "no digit");

    xt_ok(xc_ascii_is_id(XC_STR("310115-2026a_x.Y")), "an id");
    xt_ok(!xc_ascii_is_id(XC_STR("")), "an empty id");
    xt_ok(!xc_ascii_is_id(XC_STR("a b")), "an id with a space");
    xt_ok(xc_ascii_ieq(XC_STR("X-Xc-Id"), XC_STR("x-xC-iD")), "case folds");
    for (i = 0; i < 256 * 24; i++) {
        memset(mem, 'a' + (int) (i % 7), sizeof(mem));
        mem[i % 24] = (char) (i / 24);
        bad += xc_ascii_no_controls((xc_str_t) { mem, 24 })
               == (i / 24 < 0x20 || i / 24 == 0x7f);
    }

    xt_ok(bad == 0, "controls, each octet in each of 24 places");

    xt_is(xc_ascii_trim(XC_STR(" \ta b\t ")), XC_STR("a b"), "white space");
    xt_ok(!xc_ascii_is_tchar('\0') && !xc_ascii_is_tchar('(')
          && xc_ascii_is_tchar('~'), "token characters");
}


static xc_rc_t
index_many(xc_arena_t *arena, void *data)
{
    size_t      i;
    xc_rc_t     rc;
    xc_str_t   *keys = data;
    xc_index_t  index;

    rc = xc_index_init(&index, arena, 1000);
    if (rc != XC_OK) {
        return rc;
    }

    for (i = 0; i < 1000; i++) {
        if (xc_index_add(&index, keys[i], &keys[i]) != XC_OK) {
            return XC_EINTERNAL;
        }
    }

    for (i = 0; i < 1000; i++) {
        if (xc_index_find(&index, keys[i]) != &keys[i]) {
            return XC_EINTERNAL;
        }
    }

    return xc_index_find(&index, XC_STR("absent")) == NULL
           && xc_index_add(&index, keys[3], keys) == XC_DENIED
           ? XC_OK : XC_EINTERNAL;
}


static void
test_index(void)
{
    int              i;
    static char      text[1000][8];
    static xc_str_t  keys[1000];
    xc_index_t       none = { NULL, 0, 0 };

    for (i = 0; i < 1000; i++) {
        keys[i] = (xc_str_t) { text[i],
                       (size_t) snprintf(text[i], sizeof(text[i]), "k%d", i) };
    }

    xt_oom("an index of 1,000", index_many, keys);
    xt_ok(xc_index_find(&none, XC_STR("k")) == NULL, "an index never made");
    xt_ok(xc_index_add(&none, XC_STR("k"), &none) == XC_ELIMIT, "is full");
}


static void
test_arena(void)
{
    xc_str_t   s = XC_STR("abc"), copy;
    xc_heap_t  heap;

    xc_heap_init(&heap, 10);
    xt_ok(xc_arena_dup(&heap.arena, s, &copy) == XC_OK && copy.data[3] == '\0',
          "a copy with its NUL");
    xt_ok(xc_arena_alloc(&heap.arena, 7) == NULL, "over the arena's limit");
    xt_ok(xc_arena_alloc(&heap.arena, 6) != NULL, "to the arena's limit");
    xt_ok(xc_arena_array(&heap.arena, SIZE_MAX, 2) == NULL, "no overflow");
    xc_heap_free(&heap);
}


static void
test_reasons(void)
{
    int                      i, bad = 0;
    const xc_reason_info_t  *info;

    for (i = 1; i < XC_REASON_COUNT; i++) {
        info = xc_reason_info((xc_reason_t) i);
        bad += info->code.len == 0 || info->status < 400 || info->title.len == 0
               || !xc_ascii_is_utf8(info->title_zh)
               || info->remedy_zh.len == 0;
    }

    xt_ok(bad == 0, "every reason is whole");
    xt_is(xc_reason_info(XC_REASON_NONE)->code, XC_STR("internal-error"),
          "no reason is no pass");
}


int
main(void)
{
    test_json_string();
    test_json_places();
    test_json_room();
    test_json_plainly();
    test_letters();
    test_octet_places();
    test_hex();
    test_numbers();
    test_text();
    test_index();
    test_arena();
    test_reasons();

    return xt_done();
}
