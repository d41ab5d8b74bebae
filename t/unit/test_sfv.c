/* Structured fields: every type, what is refused, limits, writing. */

#include "xt.h"
#include "xc_sfv.h"

#include <stdio.h>
#include <stdlib.h>


typedef enum { ITEM, LIST, DICT } kind_t;


/* Parses and, where that works, writes again into text. */
static xc_rc_t
round_trip(kind_t kind, xc_str_t field, char *mem, size_t cap, xc_str_t *text)
{
    xc_rc_t        rc;
    xc_buf_t       b;
    xc_heap_t      heap;
    xc_str_t       in = xt_guard(field);
    xc_sfv_item_t  item;
    xc_sfv_list_t  list;

    xc_heap_init(&heap, 0);
    xc_buf_init(&b, mem, cap);

    switch (kind) {

    case ITEM:
        rc = xc_sfv_parse_item(&heap.arena, in, &item);
        if (rc == XC_OK) {
            xc_sfv_write_item(&b, &item);
        }

        break;

    case LIST:
        rc = xc_sfv_parse_list(&heap.arena, in, &list);
        if (rc == XC_OK) {
            xc_sfv_write_list(&b, &list);
        }

        break;

    default:
        rc = xc_sfv_parse_dict(&heap.arena, in, &list);
        if (rc == XC_OK) {
            xc_sfv_write_dict(&b, &list);
        }
    }

    xc_heap_free(&heap);
    xt_unguard(in);

    *text = b.overflow ? XC_STR("<overflow>") : xc_buf_view(&b);

    return rc;
}


static void
test_canonical(void)
{
    char      mem[512];
    size_t    i;
    xc_rc_t   rc;
    xc_str_t  text;

    static const struct {
        kind_t       kind;
        const char  *in, *out;          /* NULL: as it came */
    } cases[] = {
        { ITEM, "0", NULL },
        { ITEM, "-0", "0" },
        { ITEM, "00042", "42" },
        { ITEM, "999999999999999", NULL },
        { ITEM, "-999999999999999", NULL },
        { ITEM, "1.0", NULL },
        { ITEM, "-1.50", "-1.5" },
        { ITEM, "-0.004", NULL },
        { ITEM, "0.100", "0.1" },
        { ITEM, "999999999999.999", NULL },
        { ITEM, "  \"a\\\"b\\\\c\"  ", "\"a\\\"b\\\\c\"" },
        { ITEM, "\"\"", NULL },
        { ITEM, "*token/1:2!#$%&'*+-.^_`|~", NULL },
        { ITEM, ":Zm9vYg==:", NULL },
        { ITEM, "::", NULL },
        { ITEM, "?0", NULL },
        { ITEM, "?1", NULL },
        { ITEM, "@1659578233", NULL },
        { ITEM, "@-1", NULL },
        { ITEM, "%\"f%c3%bc%c3%bc%25%22 a\"", NULL },
        { ITEM, "a;b;  c=2;d=?1;e=?0;*=\"x\"", "a;b;c=2;d;e=?0;*=\"x\"" },
        { ITEM, "a;b=1;c=2;b=3", "a;b=3;c=2" },
        { LIST, "", NULL },
        { LIST, "   ", "" },
        { LIST, "a ,\t b,c", "a, b, c" },
        { LIST, "( \"a\"   b );x=1, (), (1;y 2.5);z",
          "(\"a\" b);x=1, (), (1;y 2.5);z" },
        { DICT, "", NULL },
        { DICT, "a=1, b, c;x=1, d=?1;y, e=?0, f=(1 2);z",
          "a=1, b, c;x=1, d;y, e=?0, f=(1 2);z" },
        { DICT, "a=1,b=2 , a=3", "a=3, b=2" },
        { DICT, "*a-b_c.d=:AA==:", NULL },
        { DICT, "sig1=(\"@method\" \"content-digest\";sf \"@query-param\""
          ";name=\"q\");created=1618884473;keyid=\"k\";alg=\"ed25519\"", NULL },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        rc = round_trip(cases[i].kind, xc_str_z(cases[i].in), mem, sizeof(mem),
                        &text);
        xt_ok(rc == XC_OK, "parse %s", cases[i].in);
        xt_is(text, xc_str_z(cases[i].out == NULL ? cases[i].in
                                                  : cases[i].out), "write it");
    }
}


static void
test_refused(void)
{
    char      mem[64];
    size_t    i;
    xc_rc_t   rc;
    xc_str_t  text;

    static const struct {
        kind_t    kind;
        xc_str_t  in;
    } cases[] = {
        { ITEM, XC_STR("") },
        { ITEM, XC_STR("\t1") },
        { ITEM, XC_STR("1\t") },
        { ITEM, XC_STR("1 2") },
        { ITEM, XC_STR("1,2") },
        { ITEM, XC_STR("1;") },
        { ITEM, XC_STR("1;A=1") },
        { ITEM, XC_STR("1 ;a") },
        { ITEM, XC_STR("1;a =1") },
        { ITEM, XC_STR("1;a= 1") },
        { ITEM, XC_STR("1;a=") },
        { ITEM, XC_STR("1;a=(1)") },
        { ITEM, XC_STR("(1)") },
        { ITEM, XC_STR("-") },
        { ITEM, XC_STR("--1") },
        { ITEM, XC_STR("+1") },
        { ITEM, XC_STR("1.") },
        { ITEM, XC_STR(".1") },
        { ITEM, XC_STR("1.2.3") },
        { ITEM, XC_STR("1.0001") },
        { ITEM, XC_STR("1000000000000000") },
        { ITEM, XC_STR("1000000000000.0") },
        { ITEM, XC_STR("\"a") },
        { ITEM, XC_STR("\"") },
        { ITEM, XC_STR("\"a\\") },
        { ITEM, XC_STR("\"a\\\"") },
        { ITEM, XC_STR("\"a\\n\"") },
        { ITEM, XC_STR("\"a\n\"") },
        { ITEM, XC_STR("\"a\x7f\"") },
        { ITEM, XC_STR("\"a\0\"") },
        { ITEM, XC_STR("\"\xc3\xbc\"") },
        { ITEM, XC_STR("t\xc3\xbc") },
        { ITEM, XC_STR("a(b") },
        { ITEM, XC_STR(":Zg==") },
        { ITEM, XC_STR(":") },
        { ITEM, XC_STR(":Zg:") },
        { ITEM, XC_STR(":Zh==:") },
        { ITEM, XC_STR(":Z g==:") },
        { ITEM, XC_STR(":_-8A:") },
        { ITEM, XC_STR("?") },
        { ITEM, XC_STR("?2") },
        { ITEM, XC_STR("?11") },
        { ITEM, XC_STR("@") },
        { ITEM, XC_STR("@1.5") },
        { ITEM, XC_STR("@ 1") },
        { ITEM, XC_STR("%") },
        { ITEM, XC_STR("%\"") },
        { ITEM, XC_STR("%a\"") },
        { ITEM, XC_STR("%\"a") },
        { ITEM, XC_STR("%\"%C3%BC\"") },
        { ITEM, XC_STR("%\"%c3\"") },
        { ITEM, XC_STR("%\"%2\"") },
        { ITEM, XC_STR("%\"%\"") },
        { ITEM, XC_STR("%\"%zz\"") },
        { ITEM, XC_STR("%\"\xc3\xbc\"") },
        { ITEM, XC_STR("%\"\t\"") },
        { LIST, XC_STR("a,") },
        { LIST, XC_STR(",a") },
        { LIST, XC_STR("a,,b") },
        { LIST, XC_STR("a, ") },
        { LIST, XC_STR("a b") },
        { LIST, XC_STR("(a") },
        { LIST, XC_STR("(") },
        { LIST, XC_STR("(a,b)") },
        { LIST, XC_STR("(a\tb)") },
        { LIST, XC_STR("(\"a\"\"b\")") },
        { LIST, XC_STR("((a))") },
        { LIST, XC_STR("a)") },
        { DICT, XC_STR("a=1,") },
        { DICT, XC_STR("a=") },
        { DICT, XC_STR("a =1") },
        { DICT, XC_STR("a= 1") },
        { DICT, XC_STR("A=1") },
        { DICT, XC_STR("1=1") },
        { DICT, XC_STR("a=1 b=2") },
        { DICT, XC_STR("a=1;b=2;") },
        { DICT, XC_STR("=1") },
        { DICT, XC_STR("\0") },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        rc = round_trip(cases[i].kind, cases[i].in, mem, sizeof(mem), &text);
        xt_ok(rc == XC_EINPUT, "refused %zu: " XC_STR_FMT, i,
              XC_STR_ARG(cases[i].in));
    }
}


static void
test_values(void)
{
    xc_heap_t             heap;
    xc_sfv_item_t         item = { .n_items = 77 };
    xc_sfv_list_t         dict;
    const xc_sfv_item_t  *member;

    xc_heap_init(&heap, 0);

    if (!xt_ok(xc_sfv_parse_dict(&heap.arena,
                                 XC_STR("a=-2.25, b=(1 \"x\\\"y\");p=:AAE=:;q,"
                                        " c=%\"%e6%b2%aa\";d=@5, e=t"), &dict)
               == XC_OK && dict.n == 4 && !dict.repeated, "a dictionary"))
    {
        exit(1);
    }

    member = xc_sfv_member(&dict, XC_STR("a"));
    xt_ok(member->bare.type == XC_SFV_DECIMAL && member->bare.number == -2250,
          "thousandths");

    member = xc_sfv_member(&dict, XC_STR("b"));
    xt_ok(member->bare.type == XC_SFV_INNER_LIST && member->n_items == 2
          && member->n_params == 2, "an inner list");
    xt_is(member->items[1].bare.text, XC_STR("x\"y"), "a string unescaped");
    xt_is(xc_sfv_param(member, XC_STR("p"))->text, XC_STR("\0\1"), "bytes");
    xt_ok(xc_sfv_param(member, XC_STR("q"))->type == XC_SFV_BOOLEAN
          && xc_sfv_param(member, XC_STR("q"))->number == 1, "true");
    xt_ok(xc_sfv_param(member, XC_STR("r")) == NULL, "no such parameter");

    member = xc_sfv_member(&dict, XC_STR("c"));
    xt_is(member->bare.text, XC_STR("\xe6\xb2\xaa"), "a display string");
    xt_ok(xc_sfv_param(member, XC_STR("d"))->type == XC_SFV_DATE
          && xc_sfv_param(member, XC_STR("d"))->number == 5, "a date");
    xt_ok(xc_sfv_member(&dict, XC_STR("f")) == NULL, "no such member");

    xt_ok(xc_sfv_parse_dict(&heap.arena, XC_STR("a=1, b=2, a"), &dict)
          == XC_OK && dict.repeated && dict.n == 2, "a repeated key is told");
    xt_ok(xc_sfv_parse_dict(&heap.arena, XC_STR("a=1, b=("), &dict)
          == XC_EINPUT && dict.n == 2, "an error leaves all as it was");
    xt_ok(xc_sfv_parse_item(&heap.arena, XC_STR("1;a b"), &item) == XC_EINPUT
          && item.n_items == 77, "so for an item");

    xc_heap_free(&heap);
}


/* n times text, in an allocation of its own. */
static xc_str_t
repeat(size_t n, const char *open, const char *fmt, const char *close)
{
    char    *p = malloc(n * 16 + 16);
    size_t   i, len;

    len = (size_t) sprintf(p, "%s", open);

    for (i = 0; i < n; i++) {
        len += (size_t) sprintf(p + len, "%s%c%zu",
                                i == 0 && *fmt != ';' ? "" : fmt, 'a', i);
    }

    len += (size_t) sprintf(p + len, "%s", close);

    return (xc_str_t) { p, len };
}


static void
test_limits(void)
{
    char      mem[32768];
    size_t    i;
    xc_rc_t   rc;
    xc_str_t  in, text;

    static const struct {
        kind_t       kind;
        size_t       n;
        const char  *open, *between, *close;
    } cases[] = {
        { LIST, XC_SFV_MAX_MEMBERS, "", ", ", "" },
        { DICT, XC_SFV_MAX_MEMBERS, "", ", ", "" },
        { LIST, XC_SFV_MAX_MEMBERS, "(", " ", ")" },
        { ITEM, XC_SFV_MAX_PARAMS, "t", ";", "" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        in = repeat(cases[i].n, cases[i].open, cases[i].between,
                    cases[i].close);
        rc = round_trip(cases[i].kind, in, mem, sizeof(mem), &text);
        xt_ok(rc == XC_OK, "%zu are taken", cases[i].n);
        xt_is(text, in, "and written");
        free((char *) in.data);

        in = repeat(cases[i].n + 1, cases[i].open, cases[i].between,
                    cases[i].close);
        rc = round_trip(cases[i].kind, in, mem, sizeof(mem), &text);
        xt_ok(rc == XC_ELIMIT, "one more is not");
        free((char *) in.data);
    }
}


static void
test_unwritable(void)
{
    char      mem[64];
    size_t    i;
    xc_buf_t  b;

    static const xc_sfv_bare_t  cases[] = {
        { XC_SFV_INTEGER, 1000000000000000, { NULL, 0 } },
        { XC_SFV_DECIMAL, -1000000000000000, { NULL, 0 } },
        { XC_SFV_DATE, INT64_MIN, { NULL, 0 } },
        { XC_SFV_STRING, 0, { "a\n", 2 } },
        { XC_SFV_STRING, 0, { "\xc3\xbc", 2 } },
        { XC_SFV_TOKEN, 0, { "", 0 } },
        { XC_SFV_TOKEN, 0, { "1a", 2 } },
        { XC_SFV_TOKEN, 0, { "a b", 3 } },
        { XC_SFV_DISPLAY, 0, { "\xc3", 1 } },
        { XC_SFV_INNER_LIST, 0, { NULL, 0 } },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_buf_init(&b, mem, sizeof(mem));
        xc_sfv_write_bare(&b, &cases[i]);
        xt_ok(b.overflow, "no spelling %zu", i);
    }
}


static xc_rc_t
parse_all(xc_arena_t *arena, void *data)
{
    xc_rc_t        rc;
    xc_sfv_list_t  list;

    (void) data;

    rc = xc_sfv_parse_dict(arena, XC_STR("a=(1 2 3 4 5);x;y=\"\\\\\", b=:AA==:,"
                                         " c=%\"%25\", d, e, f"), &list);
    if (rc == XC_OK && list.n != 6) {
        rc = XC_EINTERNAL;
    }

    return rc;
}


int
main(void)
{
    test_canonical();
    test_refused();
    test_values();
    test_limits();
    test_unwritable();
    xt_oom("a dictionary", parse_all, NULL);

    return xt_done();
}
