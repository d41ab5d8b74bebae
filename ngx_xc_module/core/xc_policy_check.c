#include "xc_policy_load.h"

#include "xc_ascii.h"
#include "xc_buf.h"

#include <stdarg.h>
#include <stdio.h>


#define XC_LOAD_QUOTE_MAX       64
#define XC_LOAD_PATH_MAX        2048
#define XC_LOAD_MESSAGE_MAX     1024

/* Warnings fill at most half of the list: they must not push out the faults
 * for which the policy does not load. */
#define XC_LOAD_WARNINGS_MAX    (XC_POLICY_FAULTS_MAX / 2)


void
xc_load_fail(xc_load_t *load, xc_rc_t rc)
{
    if (load->rc == XC_OK) {
        load->rc = rc;
    }
}


xc_str_t
xc_load_quote(xc_load_t *load, xc_str_t text)
{
    char      mem[6 * XC_LOAD_QUOTE_MAX + 16];
    xc_buf_t  b;
    xc_str_t  copy, cut = xc_ascii_cut(text, XC_LOAD_QUOTE_MAX);

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_json(&b, cut);

    if (cut.len < text.len) {
        xc_buf_z(&b, "...");
    }

    if (xc_arena_dup(load->arena, xc_buf_view(&b), &copy) != XC_OK) {
        xc_load_fail(load, XC_ENOMEM);
        return XC_STR("");
    }

    return copy;
}


static bool
xc_load_is_word(xc_str_t key)
{
    size_t  i;

    for (i = 0; i < key.len; i++) {
        if (!xc_ascii_is_alpha(key.data[i]) && key.data[i] != '_'
            && (i == 0 || !xc_ascii_is_digit(key.data[i])))
        {
            return false;
        }
    }

    return key.len != 0 && key.len <= XC_LOAD_QUOTE_MAX;
}


/* "a.b[0]"; in a file that is included: "its name: a.b[0]". */
static void
xc_load_write_path(xc_buf_t *b, const xc_at_t *at)
{
    bool  inside;

    if (at == NULL) {
        return;
    }

    if (at->i == XC_AT_FILE) {
        xc_buf_str(b, xc_ascii_cut(at->key, XC_LOAD_PATH_MAX / 2));
        return;
    }

    xc_load_write_path(b, at->up);
    inside = at->up != NULL && at->up->i == XC_AT_FILE;
    xc_buf_z(b, inside ? ": " : "");

    if (at->key.data != NULL && xc_load_is_word(at->key)) {
        xc_buf_z(b, b->len != 0 && !inside ? "." : "");
        xc_buf_str(b, at->key);
        return;
    }

    xc_buf_char(b, '[');

    if (at->key.data != NULL) {
        xc_buf_json(b, xc_ascii_cut(at->key, XC_LOAD_QUOTE_MAX));

    } else {
        xc_buf_u64(b, at->i);
    }

    xc_buf_char(b, ']');
}


static void
xc_load_store(xc_load_t *load, const xc_at_t *at, bool warning, xc_str_t text)
{
    char                 mem[XC_LOAD_PATH_MAX];
    xc_buf_t             b;
    xc_str_t             path, message;
    xc_policy_faults_t  *faults = load->faults;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_load_write_path(&b, at);

    if (xc_arena_dup(load->arena, xc_buf_view(&b), &path) != XC_OK
        || xc_arena_dup(load->arena, text, &message) != XC_OK)
    {
        xc_load_fail(load, XC_ENOMEM);
        return;
    }

    faults->list[faults->n++] = (xc_policy_fault_t) { path, message, warning };
}


static void
xc_load_tell(xc_load_t *load, const xc_at_t *at, bool warning, const char *fmt,
    va_list args)
{
    int                  n;
    char                 text[XC_LOAD_MESSAGE_MAX];
    size_t               len;
    xc_policy_faults_t  *faults = load->faults;

    if (warning) {
        faults->warnings++;

    } else {
        faults->faults++;
    }

    if (faults->n == XC_POLICY_FAULTS_MAX
        || (warning && faults->warnings > XC_LOAD_WARNINGS_MAX))
    {
        return;
    }

    n = vsnprintf(text, sizeof(text), fmt, args);
    len = n < 0 ? 0 : XC_MIN((size_t) n, sizeof(text) - 1);

    xc_load_store(load, at, warning, (xc_str_t) { text, len });
}


void
xc_load_fault(xc_load_t *load, const xc_at_t *at, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xc_load_tell(load, at, false, fmt, args);
    va_end(args);
}


void
xc_load_warn(xc_load_t *load, const xc_at_t *at, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xc_load_tell(load, at, true, fmt, args);
    va_end(args);
}


void *
xc_load_array(xc_load_t *load, size_t n, size_t size)
{
    void  *p = xc_arena_array(load->arena, n, size);

    if (p == NULL) {
        xc_load_fail(load, XC_ENOMEM);
    }

    return p;
}


void
xc_load_index(xc_load_t *load, xc_index_t *index, size_t max)
{
    xc_rc_t  rc = xc_index_init(index, load->arena, max);

    if (rc != XC_OK) {
        xc_load_fail(load, rc);
    }
}


bool
xc_load_enter(xc_load_t *load, xc_index_t *index, xc_str_t key,
    const void *value)
{
    xc_rc_t  rc = xc_index_add(index, key, value);

    if (rc == XC_ELIMIT) {
        xc_load_fail(load, XC_EINTERNAL);
    }

    return rc != XC_DENIED;
}


bool
xc_load_is(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    unsigned types)
{
    size_t    i;
    char      mem[128];
    xc_buf_t  b;

    static const struct {
        unsigned     type;
        const char  *name;
    } names[] = {
        { XC_LOAD_BOOL, "true or false" },
        { XC_LOAD_INT, "a whole number" },
        { XC_LOAD_STRING, "a string" },
        { XC_LOAD_ARRAY, "an array" },
        { XC_LOAD_OBJECT, "an object" }
    };

    if (node == NULL) {
        return false;
    }

    if ((types & 1u << xc_json_type(node)) != 0) {
        return true;
    }

    xc_buf_init(&b, mem, sizeof(mem));

    for (i = 0; i < XC_COUNT(names); i++) {
        if ((types & names[i].type) != 0) {
            xc_buf_z(&b, b.len != 0 ? " or " : "");
            xc_buf_z(&b, names[i].name);
        }
    }

    xc_load_fault(load, at, "must be " XC_STR_FMT ", found %s",
                  XC_STR_ARG(xc_buf_view(&b)), xc_json_type_name(node));

    return false;
}


/* Edits (insert, delete, replace) that make b of a; both under 24 bytes. */
static unsigned
xc_load_distance(xc_str_t a, xc_str_t b)
{
    size_t    i, j;
    unsigned  row[25], diagonal, up;

    for (j = 0; j <= b.len; j++) {
        row[j] = (unsigned) j;
    }

    for (i = 0; i < a.len; i++) {
        diagonal = row[0];
        row[0] = (unsigned) i + 1;

        for (j = 0; j < b.len; j++) {
            up = row[j + 1];
            row[j + 1] = XC_MIN(diagonal + (a.data[i] != b.data[j]),
                                XC_MIN(up, row[j]) + 1);
            diagonal = up;
        }
    }

    return row[b.len];
}


static void
xc_load_unknown(xc_load_t *load, const xc_at_t *at,
    const xc_load_member_t *members, size_t n)
{
    size_t    i;
    char      mem[512];
    xc_buf_t  known;
    xc_str_t  near = XC_STR_NONE, name;

    xc_buf_init(&known, mem, sizeof(mem));

    for (i = 0; i < n; i++) {
        name = members[i].name;

        xc_buf_z(&known, known.len != 0 ? ", " : "");
        xc_buf_str(&known, name);

        if (at->key.len < 24 && name.len < 24 && name.len > 2
            && xc_load_distance(at->key, name) <= 2)
        {
            near = name;
        }
    }

    if (near.data != NULL) {
        xc_load_fault(load, at, "unknown member; did you mean " XC_STR_FMT
                      "? known: " XC_STR_FMT, XC_STR_ARG(near),
                      XC_STR_ARG(xc_buf_view(&known)));
        return;
    }

    xc_load_fault(load, at, "unknown member; known: " XC_STR_FMT,
                  XC_STR_ARG(xc_buf_view(&known)));
}


static void
xc_load_one(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_load_member_t *members, size_t n, const xc_json_t **values)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (xc_str_eq(members[i].name, at->key)) {
            break;
        }
    }

    if (i == n) {
        xc_load_unknown(load, at, members, n);

    } else if (xc_load_is(load, at, node, members[i].flags & XC_LOAD_TYPES)) {
        values[i] = node;
    }
}


bool
xc_load_object(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_load_member_t *members, size_t n, const xc_json_t **values)
{
    size_t                 i;
    const xc_json_iter_t  *it;

    for (i = 0; i < n; i++) {
        values[i] = NULL;
    }

    if (!xc_load_is(load, at, node, XC_LOAD_OBJECT)) {
        return false;
    }

    for (it = xc_json_first(node); it != NULL; it = xc_json_next(node, it)) {
        xc_load_one(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                    xc_json_iter_value(it), members, n, values);
    }

    for (i = 0; i < n; i++) {
        if ((members[i].flags & XC_LOAD_REQUIRED) != 0
            && xc_json_member(node, members[i].name) == NULL)
        {
            xc_load_fault(load, XC_AT_KEY(at, members[i].name),
                          "required, but not given");
        }
    }

    return true;
}


static xc_str_t
xc_load_dup(xc_load_t *load, xc_str_t text)
{
    xc_str_t  copy = XC_STR_NONE;

    if (xc_arena_dup(load->arena, text, &copy) != XC_OK) {
        xc_load_fail(load, XC_ENOMEM);
    }

    return copy;
}


xc_str_t
xc_load_text(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    size_t max)
{
    xc_str_t  text;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return XC_STR_NONE;
    }

    text = xc_json_string(node);

    if (text.len == 0 || text.len > max) {
        xc_load_fault(load, at, "must be 1 to %zu bytes long, found %zu", max,
                      text.len);
        return XC_STR_NONE;
    }

    if (!xc_ascii_no_controls(text)) {
        xc_load_fault(load, at, "holds a control character");
        return XC_STR_NONE;
    }

    return xc_load_dup(load, text);
}


xc_str_t
xc_load_key(xc_load_t *load, const xc_at_t *at, xc_str_t key)
{
    if (xc_ascii_is_id(key)) {
        return xc_load_dup(load, key);
    }

    xc_load_fault(load, at, XC_STR_FMT " is not an id: 1 to 64 of 0-9 A-Z a-z "
                  ". _ -", XC_STR_ARG(xc_load_quote(load, key)));

    return XC_STR_NONE;
}


xc_str_t
xc_load_id(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return XC_STR_NONE;
    }

    return xc_load_key(load, at, xc_json_string(node));
}


uint64_t
xc_load_int(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    uint64_t min, uint64_t max, uint64_t fallback, const char *why)
{
    int64_t  n;

    if (!xc_load_is(load, at, node, XC_LOAD_INT)) {
        return fallback;
    }

    n = xc_json_int(node);

    if (n < 0 || (uint64_t) n < min || (uint64_t) n > max) {
        xc_load_fault(load, at, "must be %llu to %llu%s, found %lld",
                      (unsigned long long) min, (unsigned long long) max, why,
                      (long long) n);
        return fallback;
    }

    return (uint64_t) n;
}


bool
xc_load_bool(const xc_json_t *node, bool fallback)
{
    return node == NULL ? fallback : xc_json_bool(node);
}


size_t
xc_load_word(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_str_t *words, size_t n)
{
    size_t    i;
    char      mem[256];
    xc_buf_t  known;
    xc_str_t  text;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return n;
    }

    text = xc_json_string(node);
    xc_buf_init(&known, mem, sizeof(mem));

    for (i = 0; i < n; i++) {
        if (xc_str_eq(text, words[i])) {
            return i;
        }

        xc_buf_z(&known, i != 0 ? ", " : "");
        xc_buf_str(&known, words[i]);
    }

    xc_load_fault(load, at, XC_STR_FMT " is unknown; write one of " XC_STR_FMT,
                  XC_STR_ARG(xc_load_quote(load, text)),
                  XC_STR_ARG(xc_buf_view(&known)));

    return n;
}


xc_level_t
xc_load_level(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t    i;
    xc_str_t  levels[XC_LEVEL_COUNT];

    for (i = 0; i < XC_LEVEL_COUNT; i++) {
        levels[i] = xc_level_name((xc_level_t) i);
    }

    return (xc_level_t) xc_load_word(load, at, node, levels,
                                     XC_LEVEL_COUNT);
}


xc_member_t
xc_load_member(xc_str_t name)
{
    unsigned  i;

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        if (xc_str_eq(xc_member_name((xc_member_t) i), name)) {
            break;
        }
    }

    return (xc_member_t) i;
}


const xc_pattern_t *
xc_load_pattern(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_rc_t              rc;
    const char          *error = "";
    const xc_pattern_t  *pattern = NULL;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return NULL;
    }

    rc = xc_pattern_compile(load->arena, xc_json_string(node), &error,
                            &pattern);

    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(load, at, "not a usable pattern: %s", error);

    } else if (rc != XC_OK) {
        xc_load_fail(load, rc);
    }

    return pattern;
}
