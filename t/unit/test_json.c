/* JSON, by either reader: what is refused, reading, pointers, twins, memory
 * that runs short; and whether the two agree. */

#include "xt.h"
#include "json_same.h"

#include <stdio.h>
#include <stdlib.h>


typedef xc_rc_t (*reader_t)(xc_arena_t *arena, xc_str_t text, unsigned depth,
    xc_json_error_t *err, const xc_json_t **root);

static const struct {
    reader_t     read;
    const char  *name;
} readers[] = {
    { xc_json_parse, "parse" },
    { xc_json_read, "read" }
};

/* The one that the tests are about, and what its trees borrow. */
static reader_t  reader;
static xc_str_t  guarded[64];
static size_t    n_guarded;


static xc_rc_t
parse(xc_heap_t *heap, xc_str_t text, unsigned depth, xc_json_error_t *err,
    const xc_json_t **root)
{
    xc_str_t  in = xt_guard(text);

    if (n_guarded == XC_COUNT(guarded)) {
        abort();
    }

    guarded[n_guarded++] = in;

    return reader(&heap->arena, in, depth, err, root);
}


static void
finish(xc_heap_t *heap)
{
    while (n_guarded != 0) {
        xt_unguard(guarded[--n_guarded]);
    }

    xc_heap_free(heap);
}


static const struct {
    xc_str_t     in;
    xc_rc_t      rc;
    unsigned     line, column;      /* 0: not looked at */
    const char  *why;
} refused[] = {
    { { "", 0 }, XC_EINPUT, 1, 0, "nothing" },
    { { " \n ", 3 }, XC_EINPUT, 0, 0, "white space" },
    { { "{\"a\":1\0}", 8 }, XC_EINPUT, 1, 7, "NUL behind a number" },
    { { "{\"a\":true\0}", 11 }, XC_EINPUT, 1, 10, "NUL behind true" },
    { { "[1]\0", 4 }, XC_EINPUT, 1, 4, "NUL at the end" },
    { { "\"a\0b\"", 5 }, XC_EINPUT, 1, 3, "NUL in a string" },
    { { "\"\\u0000\"", 8 }, XC_EINPUT, 0, 0, "an escaped NUL" },
    { { "{\"a\\u0000b\":1}", 14 }, XC_EINPUT, 0, 0, "one in a name" },
    { { "{\"a\":1,\"a\":2}", 13 }, XC_EINPUT, 0, 0, "a name twice" },
    { { "{\"a\":1,\"\\u0061\":2}", 18 }, XC_EINPUT, 0, 0,
      "a name twice, one escaped" },
    { { "[{\"x\":{\"a\":1,\"a\":1}}]", 21 }, XC_EINPUT, 0, 0,
      "a name twice, inside" },
    { { "\xef\xbb\xbf{}", 5 }, XC_EINPUT, 1, 1, "a byte order mark" },
    { { "{} {}", 5 }, XC_EINPUT, 0, 0, "two values" },
    { { "{}x", 3 }, XC_EINPUT, 0, 0, "text behind" },
    { { "{}]", 3 }, XC_EINPUT, 0, 0, "a bracket behind" },
    { { "\"\xff\"", 3 }, XC_EINPUT, 0, 0, "a byte that is not UTF-8" },
    { { "\"\xc0\xaf\"", 4 }, XC_EINPUT, 0, 0, "an overlong form" },
    { { "\"\xed\xa0\x80\"", 5 }, XC_EINPUT, 0, 0, "a surrogate in UTF-8" },
    { { "\"\\ud800\"", 8 }, XC_EINPUT, 0, 0, "half a pair" },
    { { "\"\\udc00\\ud800\"", 14 }, XC_EINPUT, 0, 0, "a pair reversed" },
    { { "\"a\nb\"", 5 }, XC_EINPUT, 0, 0, "a line feed in a string" },
    { { "\"\\x41\"", 6 }, XC_EINPUT, 0, 0, "an unknown escape" },
    { { "\"abc", 4 }, XC_EINPUT, 0, 0, "an open string" },
    { { "\"abc\\", 5 }, XC_EINPUT, 0, 0, "an open escape" },
    { { "[1,]", 4 }, XC_EINPUT, 0, 0, "a comma too many" },
    { { "{'a':1}", 7 }, XC_EINPUT, 0, 0, "single quotes" },
    { { "[01]", 4 }, XC_EINPUT, 0, 0, "a leading zero" },
    { { "[NaN]", 5 }, XC_EINPUT, 0, 0, "NaN" },
    { { "[1e999]", 7 }, XC_EINPUT, 0, 0, "a number too large" },
    { { "[99999999999999999999]", 22 }, XC_EINPUT, 0, 0,
      "an integer too large" },
    { { "{\n \"a\": 1,\n  x}", 15 }, XC_EINPUT, 3, 0, "a line is named" },
    { { "[-9223372036854775809]", 22 }, XC_EINPUT, 0, 0,
      "an integer too small" },
    { { "[-]", 3 }, XC_EINPUT, 0, 0, "a minus alone" },
    { { "[1.]", 4 }, XC_EINPUT, 0, 0, "a point alone" },
    { { "[1e+]", 5 }, XC_EINPUT, 0, 0, "an exponent alone" },
    { { "[tru]", 5 }, XC_EINPUT, 0, 0, "a word too short" },
    { { "[nullx]", 7 }, XC_EINPUT, 0, 0, "a word too long" },
    { { "\"\\ud800\\ud800\"", 14 }, XC_EINPUT, 0, 0, "one half twice" },
    { { "\"\\u12g4\"", 8 }, XC_EINPUT, 0, 0, "no hexadecimal digit" },
    { { "\"\xf4\x90\x80\x80\"", 6 }, XC_EINPUT, 0, 0,
      "beyond U+10FFFF" },
    { { "{\"a\":1,}", 8 }, XC_EINPUT, 0, 0, "a member too few" },
    { { "{1:1}", 5 }, XC_EINPUT, 0, 0, "a name that is no string" },
    { { "{\"a\" 1}", 7 }, XC_EINPUT, 0, 0, "no colon" },
    { { "[[[[[]]]]]", 10 }, XC_ELIMIT, 1, 5, "five deep" },
    { { "{\"a\":[{\"b\":[{}]}]}", 18 }, XC_ELIMIT, 1, 13,
      "five deep, mixed" },
    { { "[\n[\n[\n[\n[\n", 10 }, XC_ELIMIT, 5, 1, "five deep, open" },
};


static void
test_refused(void)
{
    size_t            i;
    xc_rc_t           rc;
    xc_heap_t         heap;
    const xc_json_t  *root;
    xc_json_error_t   err;

    for (i = 0; i < XC_COUNT(refused); i++) {
        xc_heap_init(&heap, 0);
        root = NULL;
        err = (xc_json_error_t) { 0, 0, NULL };
        rc = parse(&heap, refused[i].in, 4, &err, &root);

        xt_ok(rc == refused[i].rc && root == NULL && err.message != NULL
              && err.message[0] != '\0'
              && (refused[i].line == 0 || refused[i].line == err.line)
              && (refused[i].column == 0 || refused[i].column == err.column),
              "refused: %s (%u:%u %s)", refused[i].why, err.line, err.column,
              err.message == NULL ? "" : err.message);

        xt_ok(parse(&heap, refused[i].in, 4, NULL, &root) == refused[i].rc,
              "and with nobody to tell");
        finish(&heap);
    }
}


static void
test_depth(void)
{
    char              text[8192];
    xc_heap_t         heap;
    const xc_json_t  *root;

    xc_heap_init(&heap, 0);

    xt_ok(parse(&heap, XC_STR("1"), 0, NULL, &root) == XC_OK, "no depth");
    xt_ok(parse(&heap, XC_STR("{\"a\":1}"), 1, NULL, &root) == XC_OK,
          "depth 1");
    xt_ok(parse(&heap, XC_STR("{\"a\":1}"), 0, NULL, &root) == XC_ELIMIT,
          "over depth 0");
    xt_ok(parse(&heap, XC_STR("[[],[],{}]"), 2, NULL, &root) == XC_OK,
          "neighbours are not deeper");
    xt_ok(parse(&heap, XC_STR("[\"[[[\\\"[[[\",\"\\\\\",[]]"), 2, NULL, &root)
          == XC_OK, "brackets in strings don't count");

    memset(text, '[', sizeof(text));
    xt_ok(parse(&heap, (xc_str_t) { text, sizeof(text) }, 100000, NULL, &root)
          != XC_OK, "8,192 deep with a limit above what the parser takes");

    finish(&heap);
}


static void
test_reading(void)
{
    xc_heap_t             heap;
    const xc_json_t      *root, *node;
    const xc_json_iter_t *it;

    static const char  text[] =
        "{\"z\":null,\"b\":true,\"i\":-9223372036854775808,\"r\":1.5,"
        "\"s\":\"\xe6\xb2\xaa\\u6caa\\ud83d\\ude00\\n\",\"\":[10,[20]],"
        "\"o\":{}}";

    xc_heap_init(&heap, 0);

    if (!xt_ok(parse(&heap, xc_str_z(text), 4, NULL, &root) == XC_OK,
               "an object"))
    {
        exit(1);
    }

    xt_ok(xc_json_size(root) == 7, "its size");
    xt_is(xc_str_z(xc_json_type_name(root)), XC_STR("object"), "its type");

    it = xc_json_first(root);
    xt_is(xc_json_iter_key(it), XC_STR("z"), "the first member");
    xt_ok(xc_json_type(xc_json_iter_value(it)) == XC_JSON_NULL, "is null");
    it = xc_json_next(root, it);
    xt_is(xc_json_iter_key(it), XC_STR("b"), "the document's order");
    xt_ok(xc_json_bool(xc_json_iter_value(it)), "true");

    node = xc_json_member(root, XC_STR("i"));
    xt_ok(xc_json_type(node) == XC_JSON_INT && xc_json_int(node) == INT64_MIN,
          "the smallest integer");
    node = xc_json_member(root, XC_STR("r"));
    xt_ok(xc_json_type(node) == XC_JSON_REAL && xc_json_real(node) > 1.49
          && xc_json_real(node) < 1.51 && xc_json_int(node) == 0, "a real");
    node = xc_json_member(root, XC_STR("s"));
    xt_is(xc_json_string(node), XC_STR("\xe6\xb2\xaa\xe6\xb2\xaa"
                                       "\xf0\x9f\x98\x80\n"), "a string");
    xt_ok(xc_json_int(node) == 0 && !xc_json_bool(node)
          && xc_json_size(node) == 0 && xc_json_first(node) == NULL
          && xc_json_element(node, 0) == NULL
          && xc_json_member(node, XC_STR("a")) == NULL,
          "a string is nothing else");
    xt_ok(xc_json_string(root).len == 0, "an object is no string");

    node = xc_json_member(root, XC_STR_NONE);
    xt_ok(xc_json_type(node) == XC_JSON_ARRAY && xc_json_size(node) == 2
          && xc_json_element(node, 2) == NULL, "an array, its name empty");
    xt_ok(xc_json_member(root, (xc_str_t) { "sx", 1 }) != NULL
          && xc_json_member(root, XC_STR("S")) == NULL,
          "names have a length and a case");

    finish(&heap);
}


static void
test_pointer(void)
{
    size_t            i;
    xc_heap_t         heap;
    const xc_json_t  *root, *node;

    /* RFC 6901 section 5 */
    static const char  text[] =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
        "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,"
        "\"0\":10}";

    static const struct {
        const char  *pointer;
        int64_t      n;
    } cases[] = {
        { "/", 0 }, { "/a~1b", 1 }, { "/c%d", 2 }, { "/e^f", 3 },
        { "/g|h", 4 }, { "/i\\j", 5 }, { "/k\"l", 6 }, { "/ ", 7 },
        { "/m~0n", 8 }, { "/~01", 9 }, { "/0", 10 },
    };

    static const char *const  nothing[] = {
        "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/foo/1x",
        "/foo/", "/foo/0/", "/foo/0/x", "/bar", "/a/b", "/m~n", "foo", "/foo~",
        "/foo/18446744073709551616", "/foo/18446744073709551615", "/~1~1",
    };

    xc_heap_init(&heap, 0);

    if (!xt_ok(parse(&heap, xc_str_z(text), 4, NULL, &root) == XC_OK,
               "the RFC's document"))
    {
        exit(1);
    }

    xt_ok(xc_json_pointer(root, XC_STR("")) == root, "the whole");
    xt_is(xc_json_string(xc_json_pointer(root, XC_STR("/foo/1"))),
          XC_STR("baz"), "/foo/1");

    for (i = 0; i < XC_COUNT(cases); i++) {
        node = xc_json_pointer(root, xc_str_z(cases[i].pointer));
        xt_ok(node != NULL && xc_json_type(node) == XC_JSON_INT
              && xc_json_int(node) == cases[i].n, "%s", cases[i].pointer);
    }

    for (i = 0; i < XC_COUNT(nothing); i++) {
        xt_ok(xc_json_pointer(root, xc_str_z(nothing[i])) == NULL,
              "nothing at %s", nothing[i]);
    }

    xt_ok(xc_json_pointer_ok(XC_STR("")) && xc_json_pointer_ok(XC_STR("/~0~1"))
          && !xc_json_pointer_ok(XC_STR("a"))
          && !xc_json_pointer_ok(XC_STR("/~"))
          && !xc_json_pointer_ok(XC_STR("/~2")), "what a pointer is");

    finish(&heap);
}


static void
test_twin(void)
{
    size_t            i;
    xc_rc_t           rc;
    xc_str_t          twin;
    xc_heap_t         heap;
    const xc_json_t  *root;

    static const struct {
        const char  *text, *twin;
    } cases[] = {
        { "{\"case_no\":1,\"request_no\":2}", NULL },
        { "{\"case_no\":1,\"caseNo\":2}", "caseNo" },
        { "{\"fields\":1,\"FIELDS\":2}", "FIELDS" },
        { "{\"a\":1,\"_a\":2}", "_a" },
        { "{\"a-b\":1,\"x\":0,\"ab\":2}", "ab" },
        { "{\"_\":1,\"-\":2}", "-" },
        { "{\"_\":1}", NULL },
        { "[{\"a\":1},{\"A\":1}]", NULL },
        { "{\"a\":{\"A\":1}}", NULL },
        { "[1,{\"x\":[{\"b\":1,\"c\":{\"d\":1,\"D\":2}}]}]", "D" },
        { "{\"\xc3\xa9\":1,\"\xc3\x89\":2}", NULL },
        { "\"a\"", NULL },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_heap_init(&heap, 0);
        twin = XC_STR("untouched");

        rc = parse(&heap, xc_str_z(cases[i].text), 8, NULL, &root);
        if (rc == XC_OK) {
            rc = xc_json_find_twin(&heap.arena, root, &twin);
        }

        xt_ok(rc == (cases[i].twin == NULL ? XC_OK : XC_DENIED),
              "twins in %s", cases[i].text);
        xt_is(twin, cases[i].twin == NULL ? XC_STR("untouched")
                                          : xc_str_z(cases[i].twin),
              "the second is named");
        finish(&heap);
    }
}


/* 20,000 members whose names differ, the last a twin with a long name. */
static void
test_many(void)
{
    int               i;
    char              name[600], *text;
    size_t            len;
    xc_str_t          twin = XC_STR_NONE;
    xc_heap_t         heap;
    const xc_json_t  *root;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';

    text = malloc(1024 * 1024);
    len = (size_t) sprintf(text, "{\"%s\":0", name);

    for (i = 0; i < 20000; i++) {
        len += (size_t) sprintf(text + len, ",\"m%d\":%d", i, i);
    }

    name[300] = 'N';
    len += (size_t) sprintf(text + len, ",\"%s\":0}", name);

    xc_heap_init(&heap, 0);
    xt_ok(parse(&heap, (xc_str_t) { text, len }, 1, NULL, &root) == XC_OK
          && xc_json_find_twin(&heap.arena, root, &twin) == XC_DENIED,
          "a twin among 20,000");
    xt_is(twin, xc_str_z(name), "with a long name");
    finish(&heap);
    free(text);
}


/* As many members as the list of few takes, and more; one name twice. */
static void
test_twice(void)
{
    int               i, j, n;
    char              text[1024];
    size_t            len;
    xc_heap_t         heap;
    const xc_json_t  *root;
    xc_json_error_t   err;

    for (n = 14; n < 40; n++) {
        for (j = 0; j < 3; j++) {
            /* none; spelled the same; escaped */
            len = (size_t) sprintf(text, "{\"a\":0");

            for (i = 0; i < n; i++) {
                len += (size_t) sprintf(text + len, ",\"m%d\":%d", i, i);
            }

            len += (size_t) sprintf(text + len, ",%s:0}",
                                    j == 0 ? "\"b\""
                                           : j == 1 ? "\"a\"" : "\"\\u0061\"");

            xc_heap_init(&heap, 0);
            err = (xc_json_error_t) { 0, 0, "" };
            xt_ok(parse(&heap, (xc_str_t) { text, len }, 4, &err, &root)
                  == (j == 0 ? XC_OK : XC_EINPUT)
                  && (j == 0 || strncmp(err.message, "duplicate object key",
                                        20) == 0),
                  "%d members, %s", n + 2,
                  j == 0 ? "no name twice" : "a name twice");
            finish(&heap);
        }
    }
}


/* Each start of a text that has everything, up to an unreadable page. */
static void
test_prefixes(void)
{
    bool              same = true;
    size_t            i;
    xc_rc_t           rc[2];
    xc_str_t          in;
    xc_heap_t         heap;
    const xc_json_t  *root[2];

    static const char  text[] =
        " {\"a\":[-1,20,3.5,-0.25e-3,1E5,true,false,null,{},[]],\"\\\"\\/\\b\":"
        "\"\\u6caa\\ud83d\\ude00\xe6\xb2\xaa\xf0\x9f\x98\x80\xc3\xa9\"} ";

    for (i = 0; i < sizeof(text); i++) {
        xc_heap_init(&heap, 0);
        in = xt_guard((xc_str_t) { text, i });
        rc[0] = xc_json_parse(&heap.arena, in, 4, NULL, &root[0]);
        rc[1] = xc_json_read(&heap.arena, in, 4, NULL, &root[1]);

        same = same && rc[0] == rc[1]
               && rc[0] == (i < sizeof(text) - 2 ? XC_EINPUT : XC_OK)
               && (rc[0] != XC_OK || json_same(root[0], root[1]));

        xt_unguard(in);
        xc_heap_free(&heap);
    }

    xt_ok(same, "no start of a text is a text, and the readers agree");
}


static void
test_numbers(void)
{
    size_t            i;
    xc_rc_t           rc[2];
    xc_str_t          in;
    xc_heap_t         heap;
    const xc_json_t  *root[2];

    static const struct {
        const char  *text;
        xc_rc_t      rc;
    } cases[] = {
        { "0", XC_OK }, { "-0", XC_OK }, { "-0.0", XC_OK }, { "0e9", XC_OK },
        { "105", XC_OK }, { "10.05", XC_OK }, { "0.1", XC_OK },
        { "0.00105", XC_OK }, { "-10.50e-1", XC_OK },
        { "9223372036854775807", XC_OK }, { "-9223372036854775808", XC_OK },
        { "9223372036854775808", XC_EINPUT },
        { "-9223372036854775809", XC_EINPUT },
        { "9007199254740993.0", XC_OK },
        { "9007199254740993.00000000000000000000000000000000001", XC_OK },
        { "1.7976931348623157e308", XC_OK },
        { "1.7976931348623159e308", XC_EINPUT }, { "1e309", XC_EINPUT },
        { "-1e309", XC_EINPUT }, { "4.9406564584124654e-324", XC_OK },
        { "2.2250738585072011e-308", XC_OK }, { "1e-400", XC_OK },
        { "0e99999999999999999999999", XC_OK },
        { "1e99999999999999999999999", XC_EINPUT },
        { "1e-99999999999999999999999", XC_OK }
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_heap_init(&heap, 0);
        in = xt_guard(xc_str_z(cases[i].text));
        rc[0] = xc_json_parse(&heap.arena, in, 4, NULL, &root[0]);
        rc[1] = xc_json_read(&heap.arena, in, 4, NULL, &root[1]);

        xt_ok(rc[0] == cases[i].rc && rc[1] == cases[i].rc
              && (rc[0] != XC_OK || json_same(root[0], root[1])),
              "%s", cases[i].text);

        xt_unguard(in);
        xc_heap_free(&heap);
    }
}


/* Digits in number around what the reader keeps of them. */
static void
test_digits(void)
{
    int               n;
    char              text[4096], digits[1024];
    bool              same = true;
    size_t            i, j;
    xc_str_t          in = { text, 0 };
    xc_heap_t         heap;
    const xc_json_t  *root[2];

    static const char *const  around[][2] = {
        { "5", ".5e-700" }, { "-1", "1e-900" }, { "0.", "7e+300" },
        { "1.", "1" }, { "1", ".0e-1100" }, { "0.000", "1e2" },
        { "9007199254740993.", "1" }
    };

    for (n = 780; n < 820; n++) {
        for (i = 0; i < 3 * XC_COUNT(around); i++) {
            j = i / 3;
            memset(digits, "039"[i % 3], sizeof(digits));
            in.len = (size_t) sprintf(text, "%s%.*s%s", around[j][0], n,
                                      digits, around[j][1]);

            xc_heap_init(&heap, 0);
            same = same
                   && xc_json_parse(&heap.arena, in, 4, NULL, &root[0])
                      == XC_OK
                   && xc_json_read(&heap.arena, in, 4, NULL, &root[1]) == XC_OK
                   && json_same(root[0], root[1]);
            xc_heap_free(&heap);
        }
    }

    xt_ok(same, "reals of some 800 digits");
}


static xc_rc_t
parse_all(xc_arena_t *arena, void *data)
{
    xc_rc_t           rc;
    xc_str_t          twin, text, *in = data;
    const xc_json_t  *root;

    rc = reader(arena, *in, 8, NULL, &root);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_json_find_twin(arena, root, &twin);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_json_dump(arena, root, &text);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_str_eq(text, *in) && text.data[text.len] == '\0'
           ? XC_OK : XC_EINTERNAL;
}


/* An object of many members, an array, escapes: all that allocates. */
static xc_str_t
sample_all(char *text)
{
    int     i;
    size_t  len;

    len = (size_t) sprintf(text, "{\"a\":[1,{\"b\":\"\xe6\xb2\xaa\\\"\"}],"
                                 "\"c\":1.5");

    for (i = 0; i < 40; i++) {
        len += (size_t) sprintf(text + len, ",\"m%d\":[%d,0,0,0,0,0,0,0,0,0,0,"
                                            "0,0,0,0,0,0,0,0]", i, i);
    }

    text[len++] = '}';

    return (xc_str_t) { text, len };
}


int
main(void)
{
    char      mem[4096];
    size_t    i;
    xc_str_t  text = sample_all(mem);

    for (i = 0; i < XC_COUNT(readers); i++) {
        reader = readers[i].read;
        printf("# xc_json_%s\n", readers[i].name);

        test_refused();
        test_depth();
        test_reading();
        test_pointer();
        test_twin();
        test_many();
        test_twice();
        xt_oom("read, look for twins, dump", parse_all, &text);
    }

    test_prefixes();
    test_numbers();
    test_digits();

    return xt_done();
}
