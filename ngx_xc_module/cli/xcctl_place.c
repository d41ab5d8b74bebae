#include "xcctl_place.h"

#include "../core/xc_ascii.h"


/* One step down: a member's name as it stands between quotes, or an index. */
typedef struct {
    xc_str_t  key;              /* data NULL: an index */
    uint64_t  i;
} xcctl_step_t;

typedef struct {
    const char  *p, *end;
} xcctl_walk_t;


static void
xcctl_place_space(xcctl_walk_t *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n'
                             || *w->p == '\r'))
    {
        w->p++;
    }
}


static bool
xcctl_place_char(xcctl_walk_t *w, char c)
{
    xcctl_place_space(w);

    if (w->p == w->end || *w->p != c) {
        return false;
    }

    w->p++;

    return true;
}


/* Between the quotes, escapes as they are. */
static bool
xcctl_place_string(xcctl_walk_t *w, xc_str_t *out)
{
    const char  *start;

    if (!xcctl_place_char(w, '"')) {
        return false;
    }

    for (start = w->p; w->p < w->end && *w->p != '"'; w->p++) {
        if (*w->p == '\\' && w->end - w->p > 1) {
            w->p++;
        }
    }

    *out = (xc_str_t) { start, (size_t) (w->p - start) };

    return xcctl_place_char(w, '"');
}


/* Behind the value, whatever it is. */
static void
xcctl_place_skip(xcctl_walk_t *w)
{
    char      c;
    size_t    depth = 0;
    xc_str_t  ignored;

    for (xcctl_place_space(w); w->p < w->end; /* void */) {
        c = *w->p;

        if (c == '"') {
            if (!xcctl_place_string(w, &ignored)) {
                return;
            }

            continue;
        }

        if (c == ',' || c == ']' || c == '}') {
            if (depth == 0) {
                return;
            }

            depth -= c != ',';
        }

        depth += c == '[' || c == '{';
        w->p++;
    }
}


/* Takes a step off a path; false: there is none, or it is not understood. */
static bool
xcctl_place_step(xcctl_walk_t *path, xcctl_step_t *out)
{
    const char  *start;

    if (path->p < path->end && *path->p == '[') {
        path->p++;

        if (path->p < path->end && *path->p == '"') {
            return xcctl_place_string(path, &out->key)
                   && xcctl_place_char(path, ']');
        }

        start = path->p;
        while (path->p < path->end && xc_ascii_is_digit(*path->p)) {
            path->p++;
        }

        out->key = XC_STR_NONE;

        return xc_ascii_u64((xc_str_t) { start, (size_t) (path->p - start) },
                            UINT64_MAX, &out->i)
               && xcctl_place_char(path, ']');
    }

    if (path->p < path->end && *path->p == '.') {
        path->p++;
    }

    start = path->p;
    while (path->p < path->end && *path->p != '.' && *path->p != '[') {
        path->p++;
    }

    out->key = (xc_str_t) { start, (size_t) (path->p - start) };

    return out->key.len != 0;
}


/* To the value that the step names; *at is where its name, or it, begins. */
static bool
xcctl_place_down(xcctl_walk_t *w, const xcctl_step_t *step, const char **at)
{
    bool         member = step->key.data != NULL;
    uint64_t     i;
    xc_str_t     key = XC_STR_NONE;
    const char  *start;

    if (!xcctl_place_char(w, member ? '{' : '[')) {
        return false;
    }

    for (i = 0; /* void */; i++) {
        xcctl_place_space(w);
        start = w->p;

        if (member && (!xcctl_place_string(w, &key)
                       || !xcctl_place_char(w, ':')))
        {
            return false;
        }

        if (member ? xc_str_eq(key, step->key) : i == step->i) {
            *at = start;
            return w->p < w->end && *start != ']';
        }

        xcctl_place_skip(w);

        if (!xcctl_place_char(w, ',')) {
            return false;
        }
    }
}


bool
xcctl_place(xc_str_t text, xc_str_t path, xcctl_place_t *out)
{
    const char    *p, *at = NULL;
    xcctl_step_t   step;
    xcctl_walk_t   w = { text.data, text.data + text.len };
    xcctl_walk_t   steps = { path.data, path.data + path.len };

    while (xcctl_place_step(&steps, &step)
           && xcctl_place_down(&w, &step, &at))
    {
        /* void */
    }

    if (at == NULL) {
        return false;
    }

    *out = (xcctl_place_t) { 1, 1 };

    for (p = text.data; p < at; p++) {
        out->column++;

        if (*p == '\n') {
            out->line++;
            out->column = 1;
        }
    }

    return true;
}
