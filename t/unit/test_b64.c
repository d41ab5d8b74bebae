/* Base64: RFC 4648's figures, every length, and what is refused. */

#include "xt.h"
#include "xc_b64.h"

#include <stdio.h>


static xc_rc_t
decode(xc_b64_t kind, xc_str_t in, char *mem, xc_str_t *out)
{
    size_t    n = 0;
    xc_rc_t   rc;
    xc_str_t  guarded = xt_guard(in);

    rc = xc_b64_decode(kind, guarded, (uint8_t *) mem, &n);
    xt_unguard(guarded);
    *out = (xc_str_t) { mem, n };

    return rc;
}


static void
test_figures(void)
{
    char      mem[64];
    size_t    i;
    xc_buf_t  b;
    xc_str_t  out;

    /* RFC 4648 section 10 */
    static const struct {
        xc_str_t  plain, std, url;
    } cases[] = {
        { { "", 0 }, { "", 0 }, { "", 0 } },
        { { "f", 1 }, { "Zg==", 4 }, { "Zg", 2 } },
        { { "fo", 2 }, { "Zm8=", 4 }, { "Zm8", 3 } },
        { { "foo", 3 }, { "Zm9v", 4 }, { "Zm9v", 4 } },
        { { "foobar", 6 }, { "Zm9vYmFy", 8 }, { "Zm9vYmFy", 8 } },
        { { "\xfb\xff\0", 3 }, { "+/8A", 4 }, { "-_8A", 4 } },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_buf_init(&b, mem, sizeof(mem));
        xc_b64_encode(XC_B64_STD, &b, (const uint8_t *) cases[i].plain.data,
                      cases[i].plain.len);
        xt_is(xc_buf_view(&b), cases[i].std, "encode, standard %zu", i);

        xc_buf_init(&b, mem, sizeof(mem));
        xc_b64_encode(XC_B64_URL, &b, (const uint8_t *) cases[i].plain.data,
                      cases[i].plain.len);
        xt_is(xc_buf_view(&b), cases[i].url, "encode, URL %zu", i);

        xt_ok(decode(XC_B64_STD, cases[i].std, mem, &out) == XC_OK
              && xc_str_eq(out, cases[i].plain), "decode, standard %zu", i);
        xt_ok(decode(XC_B64_URL, cases[i].url, mem, &out) == XC_OK
              && xc_str_eq(out, cases[i].plain), "decode, URL %zu", i);
    }
}


static void
test_refused(void)
{
    char      mem[64];
    size_t    i;
    xc_str_t  out;

    static const struct {
        xc_b64_t     kind;
        const char  *in, *why;
    } cases[] = {
        { XC_B64_STD, "Zg", "no padding" },
        { XC_B64_STD, "Zg=", "half of the padding" },
        { XC_B64_STD, "Zg===", "too much padding" },
        { XC_B64_STD, "=", "padding alone" },
        { XC_B64_STD, "====", "four of padding" },
        { XC_B64_STD, "Z===", "three of padding" },
        { XC_B64_STD, "Zg==Zg==", "padding in the middle" },
        { XC_B64_STD, "Zm9v====", "a group of padding" },
        { XC_B64_STD, "Zh==", "bits left over, one byte" },
        { XC_B64_STD, "Zm9=", "bits left over, two bytes" },
        { XC_B64_STD, "-_8A", "the URL alphabet" },
        { XC_B64_STD, "Zm9v\n", "a line feed behind" },
        { XC_B64_STD, "Zm 9vA==", "a space" },
        { XC_B64_STD, "Zm9\xc3", "a byte over 0x7f" },
        { XC_B64_URL, "Zg==", "padding" },
        { XC_B64_URL, "Z", "one character" },
        { XC_B64_URL, "Zm9vZ", "one character behind a group" },
        { XC_B64_URL, "+/8A", "the standard alphabet" },
        { XC_B64_URL, "Zh", "bits left over" },
        { XC_B64_URL, "Zm9", "bits left over, two bytes" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xt_ok(decode(cases[i].kind, xc_str_z(cases[i].in), mem, &out)
              == XC_EINPUT && out.len == 0,
              "refused, %s: %s", cases[i].kind == XC_B64_STD ? "std" : "url",
              cases[i].why);
    }

    xt_ok(decode(XC_B64_STD, (xc_str_t) { "Zm\0v", 4 }, mem, &out)
          == XC_EINPUT, "refused: NUL");
}


/* Any octet at any place of whole groups and of what is behind them. */
static void
test_places(void)
{
    int       c;
    bool      ok = true, valid;
    char      text[10], mem[64];
    size_t    at;
    xc_str_t  out;
    xc_b64_t  kind;

    static const char  common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789";

    for (kind = XC_B64_STD; kind <= XC_B64_URL; kind++) {
        for (c = 0; c < 256; c++) {
            valid = c != 0
                    && (strchr(common, c) != NULL
                        || strchr(kind == XC_B64_STD ? "+/" : "-_", c) != NULL);

            for (at = 0; at < 8; at++) {
                memset(text, 'A', sizeof(text));
                text[at] = (char) c;

                ok = ok
                     && (decode(kind, (xc_str_t) { text, 8 }, mem, &out)
                         == XC_OK) == (valid || (kind == XC_B64_STD && c == '='
                                                 && at == 7));
                ok = ok
                     && (kind == XC_B64_STD
                         || (decode(kind, (xc_str_t) { text, 10 }, mem, &out)
                             == XC_OK) == valid);
            }
        }
    }

    xt_ok(ok, "any octet at any place");
}


/* Every byte value at every place of a group, and back. */
static void
test_round(void)
{
    int        bad = 0;
    char       text[400], back[400];
    size_t     i, n;
    uint8_t    bytes[256];
    xc_buf_t   b;
    xc_str_t   out;
    xc_b64_t   kind;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 167 + 13);
    }

    for (n = 0; n <= sizeof(bytes); n++) {
        for (kind = XC_B64_STD; kind <= XC_B64_URL; kind++) {
            xc_buf_init(&b, text, sizeof(text));
            xc_b64_encode(kind, &b, bytes, n);

            bad += decode(kind, xc_buf_view(&b), back, &out) != XC_OK
                   || out.len != n || memcmp(back, bytes, n) != 0
                   || out.len > XC_B64_DECODED_MAX(b.len);
        }
    }

    xt_ok(bad == 0, "every length comes back");

    xc_buf_init(&b, text, 7);
    xc_b64_encode(XC_B64_STD, &b, bytes, 4);
    xt_ok(b.overflow, "a buffer that is too short");
}


int
main(void)
{
    test_figures();
    test_refused();
    test_places();
    test_round();

    return xt_done();
}
