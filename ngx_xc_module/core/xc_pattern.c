#include "xc_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define XC_PATTERN_MAX_SOURCE   4096
#define XC_PATTERN_HEAP_KIB     1024

/*
 * Anchored at both ends, and "$" the very end: a value can't carry a line of
 * its own behind what the pattern allows.  \C would split characters.
 */
#define XC_PATTERN_OPTIONS                                                    \
    (PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY    \
     | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE)


struct xc_pattern_s {
    pcre2_code           *code;
    pcre2_match_context  *limits;
    size_t                n;
    xc_str_t              names[XC_PATTERN_MAX_CAPTURES];
    uint32_t              groups[XC_PATTERN_MAX_CAPTURES];
};


static void
xc_pattern_free(void *data)
{
    xc_pattern_t  *pattern = data;

    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
}


static xc_rc_t
xc_pattern_fault(xc_arena_t *arena, int code, size_t offset,
    const char **error)
{
    PCRE2_UCHAR  text[120];

    /* A longer message comes cut, but with its NUL. */
    (void) pcre2_get_error_message(code, text, sizeof(text));

    *error = xc_arena_printf(arena, "%s at offset %zu", (char *) text, offset)
             .data;

    return XC_EINPUT;
}


static xc_rc_t
xc_pattern_code(xc_arena_t *arena, xc_str_t source, const char **error,
    pcre2_code **out)
{
    int          fault;
    size_t       offset;
    pcre2_code  *code;

    code = pcre2_compile((PCRE2_SPTR) (source.len == 0 ? "" : source.data),
                         source.len, XC_PATTERN_OPTIONS, &fault, &offset,
                         NULL);
    if (code == NULL) {
        return fault == PCRE2_ERROR_HEAP_FAILED
               ? XC_ENOMEM : xc_pattern_fault(arena, fault, offset, error);
    }

    /* Without JIT the interpreter gives the same answers, only later. */
    (void) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);

    *out = code;

    return XC_OK;
}


static xc_rc_t
xc_pattern_limit(xc_pattern_t *pattern)
{
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->limits == NULL) {
        return XC_ENOMEM;
    }

    (void) pcre2_set_match_limit(pattern->limits, XC_PATTERN_MATCH_LIMIT);
    (void) pcre2_set_depth_limit(pattern->limits, XC_PATTERN_DEPTH_LIMIT);
    (void) pcre2_set_heap_limit(pattern->limits, XC_PATTERN_HEAP_KIB);

    return XC_OK;
}


/* Keeps names and groups in the order of the groups' numbers. */
static xc_rc_t
xc_pattern_add_name(xc_pattern_t *pattern, uint32_t group, xc_str_t name,
    const char **error)
{
    size_t  i;

    if (pattern->n == XC_PATTERN_MAX_CAPTURES) {
        *error = "more than 8 named groups";
        return XC_EINPUT;
    }

    for (i = 0; i < pattern->n; i++) {
        if (xc_str_eq(pattern->names[i], name)) {
            *error = "two groups of one name";
            return XC_EINPUT;
        }
    }

    for (i = pattern->n++; i > 0 && pattern->groups[i - 1] > group; i--) {
        pattern->groups[i] = pattern->groups[i - 1];
        pattern->names[i] = pattern->names[i - 1];
    }

    pattern->groups[i] = group;
    pattern->names[i] = name;

    return XC_OK;
}


/* The table is sorted by name; an entry is the group's number in two bytes,
 * then the name with a NUL. */
static xc_rc_t
xc_pattern_read_names(xc_pattern_t *pattern, const char **error)
{
    xc_rc_t     rc = XC_OK;
    uint32_t    i, count, size;
    PCRE2_SPTR  entry;

    (void) pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    (void) pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    (void) pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &entry);

    for (i = 0; rc == XC_OK && i < count; i++, entry += size) {
        rc = xc_pattern_add_name(pattern,
                                 (uint32_t) entry[0] << 8 | entry[1],
                                 xc_str_z((const char *) entry + 2), error);
    }

    return rc;
}


xc_rc_t
xc_pattern_compile(xc_arena_t *arena, xc_str_t source, const char **error,
    const xc_pattern_t **out)
{
    xc_rc_t        rc;
    xc_pattern_t  *pattern;

    if (source.len > XC_PATTERN_MAX_SOURCE) {
        *error = "longer than 4096 bytes";
        return XC_EINPUT;
    }

    pattern = xc_arena_array(arena, 1, sizeof(xc_pattern_t));
    if (pattern == NULL) {
        return XC_ENOMEM;
    }

    /* Registered before there is anything to free, so that no step below has
     * to clean up; freeing NULL is harmless. */
    rc = xc_arena_defer(arena, xc_pattern_free, pattern);

    if (rc == XC_OK) {
        rc = xc_pattern_code(arena, source, error, &pattern->code);
    }

    if (rc == XC_OK) {
        rc = xc_pattern_limit(pattern);
    }

    if (rc == XC_OK) {
        rc = xc_pattern_read_names(pattern, error);
    }

    if (rc == XC_OK) {
        *out = pattern;
    }

    return rc;
}


size_t
xc_pattern_names(const xc_pattern_t *pattern)
{
    return pattern->n;
}


xc_str_t
xc_pattern_name(const xc_pattern_t *pattern, size_t i)
{
    return pattern->names[i];
}


static void
xc_pattern_read_captures(const xc_pattern_t *pattern, const char *subject,
    const size_t *ends, xc_str_t captures[XC_PATTERN_MAX_CAPTURES])
{
    size_t  i, from, to;

    for (i = 0; i < pattern->n; i++) {
        from = ends[2 * pattern->groups[i]];
        to = ends[2 * pattern->groups[i] + 1];

        /* "\K" in a lookbehind can put the end before the start. */
        captures[i] = from == PCRE2_UNSET || to < from
                      ? XC_STR("") : (xc_str_t) { subject + from, to - from };
    }
}


static xc_rc_t
xc_pattern_outcome(int rc)
{
    switch (rc) {

    case PCRE2_ERROR_NOMEMORY:
        return XC_ENOMEM;

    case PCRE2_ERROR_NOMATCH:
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_JIT_STACKLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
        return XC_DENIED;
    }

    return rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21
           ? XC_DENIED : XC_EINTERNAL;
}


xc_rc_t
xc_pattern_match(const xc_pattern_t *pattern, xc_str_t subject,
    xc_str_t captures[XC_PATTERN_MAX_CAPTURES])
{
    int                rc;
    xc_rc_t            outcome;
    const size_t      *ends;
    pcre2_match_data  *match;

    match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    if (match == NULL) {
        return XC_ENOMEM;
    }

    if (subject.len == 0) {
        subject = XC_STR("");
    }

    rc = pcre2_match(pattern->code, (PCRE2_SPTR) subject.data, subject.len, 0,
                     0, match, pattern->limits);

    if (rc < 0) {
        outcome = xc_pattern_outcome(rc);

    } else {
        ends = pcre2_get_ovector_pointer(match);
        outcome = ends[1] == subject.len ? XC_OK : XC_DENIED;

        if (outcome == XC_OK && captures != NULL) {
            xc_pattern_read_captures(pattern, subject.data, ends, captures);
        }
    }

    pcre2_match_data_free(match);

    return outcome;
}
