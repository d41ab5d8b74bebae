/* Patterns: anchors, captures, limits, faults. */

#include "xt.h"
#include "xc_pattern.h"

#include <stdio.h>
#include <stdlib.h>


static const xc_pattern_t *
compile(xc_heap_t *heap, const char *source)
{
    const char          *error = "";
    xc_str_t             in = xt_guard(xc_str_z(source));
    const xc_pattern_t  *pattern = NULL;

    if (xc_pattern_compile(&heap->arena, in, &error, &pattern) != XC_OK) {
        printf("# %s: %s\n", source, error);
        exit(1);
    }

    xt_unguard(in);

    return pattern;
}


static xc_rc_t
match(const xc_pattern_t *pattern, xc_str_t subject, xc_str_t *captures)
{
    xc_rc_t   rc;
    xc_str_t  in = xt_guard(subject);

    rc = xc_pattern_match(pattern, in, captures);

    if (captures == NULL) {
        xt_unguard(in);
    }

    return rc;
}


#define REQUEST_NO  "\\p{Han}[^\\p{C}]{0,40}[\xe3\x80\x94\\[]20[0-9]{2}"     \
                    "[\xe3\x80\x95\\]] ?\xe7\xac\xac?[0-9]{1,6} ?\xe5\x8f\xb7"
#define HU          "\xe6\xb2\xaa"
#define NUMBER      "\xe3\x80\x94" "2026\xe3\x80\x95" "1182\xe5\x8f\xb7"


static void
test_match(void)
{
    size_t     i;
    xc_rc_t    rc;
    xc_heap_t  heap;

    static const struct {
        const char  *pattern;
        xc_str_t     subject;
        xc_rc_t      rc;
    } cases[] = {
        { "abc", { "abc", 3 }, XC_OK },
        { "abc", { "xabc", 4 }, XC_DENIED },
        { "abc", { "abcx", 4 }, XC_DENIED },
        { "abc", { "abc\n", 4 }, XC_DENIED },
        { "abc$", { "abc\n", 4 }, XC_DENIED },
        { "^abc$", { "abc", 3 }, XC_OK },
        { "(?m)abc$", { "abc\n", 4 }, XC_DENIED },
        { "(?m)abc$", { "abc\nd", 5 }, XC_DENIED },
        { "(?s).*", { "a\nb", 3 }, XC_OK },
        { "a|ab", { "ab", 2 }, XC_OK },
        { "a|ab", { "abc", 3 }, XC_DENIED },
        { "(*ACCEPT)b", { "a", 1 }, XC_DENIED },
        { "a\\Kb", { "ab", 2 }, XC_OK },
        { "a(?=b)", { "ab", 2 }, XC_DENIED },
        { "", { NULL, 0 }, XC_OK },
        { "", { "a", 1 }, XC_DENIED },
        { "a?", { NULL, 0 }, XC_OK },
        { "[^a]", { "\0", 1 }, XC_OK },
        { "a[^b]c", { "a\0c", 3 }, XC_OK },
        { ".", { HU, 3 }, XC_OK },
        { "..?.?", { "\xe6\xb2", 2 }, XC_DENIED },
        { ".*", { "\xff", 1 }, XC_DENIED },
        { "(?s).*", { "\xed\xa0\x80", 3 }, XC_DENIED },
        { "\\d+", { "\xef\xbc\x91", 3 }, XC_DENIED },
        { "[0-9A-Z]{18}", { "91310000MA1FL0000N", 18 }, XC_OK },
        { "[0-9A-Z]{18}", { "91310000MA1FL0000N\n", 19 }, XC_DENIED },
        { REQUEST_NO, { HU NUMBER, 20 }, XC_OK },
        { REQUEST_NO, { HU HU "A" NUMBER, 24 }, XC_OK },
        { REQUEST_NO, { HU "\n" NUMBER, 21 }, XC_DENIED },
        { REQUEST_NO, { "A" NUMBER, 18 }, XC_DENIED },
        { REQUEST_NO, { HU NUMBER "\n", 21 }, XC_DENIED },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_heap_init(&heap, 0);
        rc = match(compile(&heap, cases[i].pattern), cases[i].subject, NULL);
        xt_ok(rc == cases[i].rc, "pattern %zu: %d", i, (int) rc);
        xc_heap_free(&heap);
    }
}


static void
test_captures(void)
{
    xc_str_t             got[XC_PATTERN_MAX_CAPTURES];
    xc_heap_t            heap;
    const xc_pattern_t  *p;

    xc_heap_init(&heap, 0);

    p = compile(&heap, "/xc/(v1|v2)/(?<what>[a-z]+)(?:/(?<opt>[0-9]+))?"
                       "/(?<alpha>.*)");
    xt_ok(xc_pattern_names(p) == 3, "three names");
    xt_is(xc_pattern_name(p, 0), XC_STR("what"), "in their order, 0");
    xt_is(xc_pattern_name(p, 1), XC_STR("opt"), "in their order, 1");
    xt_is(xc_pattern_name(p, 2), XC_STR("alpha"), "in their order, 2");

    xt_ok(match(p, XC_STR("/xc/v1/merchants/7/x"), got) == XC_OK, "a match");
    xt_is(got[0], XC_STR("merchants"), "what");
    xt_is(got[1], XC_STR("7"), "opt");
    xt_is(got[2], XC_STR("x"), "alpha");

    xt_ok(match(p, XC_STR("/xc/v2/merchants/"), got) == XC_OK, "another");
    xt_ok(got[1].len == 0 && got[1].data != NULL, "a group not taken");
    xt_ok(got[2].len == 0, "an empty group");

    got[0] = XC_STR("untouched");
    xt_ok(match(p, XC_STR("/xc/v3/merchants/"), got) == XC_DENIED, "none");
    xt_is(got[0], XC_STR("untouched"), "leaves all as it was");

    p = compile(&heap, "(?<h>1)(?<g>2)(?<f>3)(?<e>4)(?<d>5)(?<c>6)(?<b>7)"
                       "(?<a>8)");
    xt_ok(xc_pattern_names(p) == 8
          && match(p, XC_STR("12345678"), got) == XC_OK, "eight groups");
    xt_ok(xc_str_eq(xc_pattern_name(p, 7), XC_STR("a"))
          && xc_str_eq(got[7], XC_STR("8"))
          && xc_str_eq(xc_pattern_name(p, 0), XC_STR("h"))
          && xc_str_eq(got[0], XC_STR("1")), "sorted by number, not by name");

    xc_heap_free(&heap);
}


static void
test_faults(void)
{
    char                 source[4098];
    size_t               i;
    xc_rc_t              rc;
    xc_heap_t            heap;
    const char          *error;
    const xc_pattern_t  *p = NULL;

    static const char *const  bad[] = {
        "(", "[a", "a{2,1}", "(?<n>a)(?<n>b)", "(?J)(?<n>a)(?<n>b)", "\\C",
        "\\p{Nothing}", "*", "\xff", "(?<=a*)b",
        "(?<a>1)(?<b>2)(?<c>3)(?<d>4)(?<e>5)(?<f>6)(?<g>7)(?<h>8)(?<i>9)",
    };

    xc_heap_init(&heap, 0);

    for (i = 0; i < XC_COUNT(bad); i++) {
        error = "";
        rc = xc_pattern_compile(&heap.arena, xc_str_z(bad[i]), &error, &p);
        xt_ok(rc == XC_EINPUT && p == NULL && error[0] != '\0',
              "refused %zu: %s", i, error);
    }

    memset(source, 'a', sizeof(source));
    xt_ok(xc_pattern_compile(&heap.arena, (xc_str_t) { source, 4097 }, &error,
                             &p) == XC_EINPUT, "4,097 bytes");
    xt_ok(xc_pattern_compile(&heap.arena, (xc_str_t) { source, 4096 }, &error,
                             &p) == XC_OK, "4,096 bytes");

    error = NULL;
    p = NULL;
    xt_ok(xc_pattern_compile(&heap.arena, XC_STR("ab("), &error, &p)
          == XC_EINPUT && strstr(error, "offset 3") != NULL,
          "the offset is named");

    xc_heap_free(&heap);
}


/* Patterns that would take ages or all memory refuse instead. */
static void
test_limits(void)
{
    char        subject[20000];
    size_t      i;
    xc_heap_t   heap;

    static const char *const  slow[] = {
        "(a+)+b", "(?:a|a)*b", "(?:(?:a*)*)*b", "(a|aa)+?b",
    };

    xc_heap_init(&heap, 0);
    memset(subject, 'a', sizeof(subject));

    for (i = 0; i < XC_COUNT(slow); i++) {
        xt_ok(match(compile(&heap, slow[i]), (xc_str_t) { subject, 200 }, NULL)
              == XC_DENIED, "a limit for %s", slow[i]);
    }

    xt_ok(match(compile(&heap, "(?<n>x|(?1)a)"), XC_STR("aa"), NULL)
          == XC_DENIED, "a pattern that calls itself");
    xt_ok(match(compile(&heap, "(?<n>(?:a|b|c)*)z"),
                (xc_str_t) { subject, sizeof(subject) }, NULL) == XC_DENIED,
          "20,000 bytes");
    xt_ok(match(compile(&heap, "[a-c]{0,20000}"),
                (xc_str_t) { subject, sizeof(subject) }, NULL) == XC_OK,
          "20,000 bytes that match");

    xc_heap_free(&heap);
}


static xc_rc_t
compile_and_match(xc_arena_t *arena, void *data)
{
    xc_rc_t              rc;
    const char          *error;
    const xc_pattern_t  *p;

    (void) data;

    rc = xc_pattern_compile(arena, XC_STR("(?<a>x)y"), &error, &p);

    return rc == XC_OK ? xc_pattern_match(p, XC_STR("xy"), NULL) : rc;
}


int
main(void)
{
    test_match();
    test_captures();
    test_faults();
    test_limits();
    xt_oom("compile and match", compile_and_match, NULL);

    return xt_done();
}
