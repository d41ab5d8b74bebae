/* The policy: whatever is at fault in it, the fault's path leads there. */

#include "xt.h"
#include "policy_full.h"
#include "xc_ascii.h"
#include "xc_buf.h"
#include "xc_crypto.h"
#include "xc_json.h"

#include <stdio.h>


/* The sample written anew, with one node (or member more) of another kind. */
typedef struct {
    xc_buf_t  out;
    size_t    n, target;        /* nodes so far; the one to spoil */
    bool      extra;            /* not the node: a member more in it */
    char      path[512];        /* of what was spoiled; empty: none yet */
} walk_t;


static bool
is_word(xc_str_t key)
{
    size_t  i;

    for (i = 0; i < key.len; i++) {
        if (!xc_ascii_is_alpha(key.data[i]) && key.data[i] != '_') {
            return false;
        }
    }

    return true;
}


static void
path_of(char path[512], const char *up, xc_str_t key)
{
    (void) snprintf(path, 512, is_word(key) ? "%s%s" XC_STR_FMT "%s"
                    : "%s%s[\"" XC_STR_FMT "\"]%s", up,
                    is_word(key) && up[0] != '\0' ? "." : "", XC_STR_ARG(key),
                    "");
}


static void walk(walk_t *w, const xc_json_t *node, const char *path);


static void
walk_object(walk_t *w, const xc_json_t *node, const char *path, bool spoil)
{
    char                   below[512];
    const xc_json_iter_t  *it;

    xc_buf_char(&w->out, '{');

    for (it = xc_json_first(node); it != NULL; it = xc_json_next(node, it)) {
        path_of(below, path, xc_json_iter_key(it));
        xc_buf_json(&w->out, xc_json_iter_key(it));
        xc_buf_char(&w->out, ':');
        walk(w, xc_json_iter_value(it), below);
        xc_buf_z(&w->out, xc_json_next(node, it) != NULL ? "," : "");
    }

    if (spoil) {
        path_of(w->path, path, XC_STR("zzz"));
        xc_buf_z(&w->out, xc_json_size(node) != 0 ? "," : "");
        xc_buf_z(&w->out, "\"zzz\":7");
    }

    xc_buf_char(&w->out, '}');
}


static void
walk_array(walk_t *w, const xc_json_t *node, const char *path)
{
    char    below[512];
    size_t  i;

    xc_buf_char(&w->out, '[');

    for (i = 0; i < xc_json_size(node); i++) {
        (void) snprintf(below, sizeof(below), "%s[%zu]", path, i);
        xc_buf_z(&w->out, i != 0 ? "," : "");
        walk(w, xc_json_element(node, i), below);
    }

    xc_buf_char(&w->out, ']');
}


static void
walk(walk_t *w, const xc_json_t *node, const char *path)
{
    bool  here = w->n++ == w->target;

    if (here && !w->extra) {
        (void) snprintf(w->path, sizeof(w->path), "%s", path);
        xc_buf_z(&w->out, "null");
        return;
    }

    switch (xc_json_type(node)) {

    case XC_JSON_OBJECT:
        walk_object(w, node, path, here);
        break;

    case XC_JSON_ARRAY:
        walk_array(w, node, path);
        break;

    case XC_JSON_STRING:
        xc_buf_json(&w->out, xc_json_string(node));
        break;

    case XC_JSON_INT:
        xc_buf_i64(&w->out, xc_json_int(node));
        break;

    default:
        xc_buf_z(&w->out, xc_json_bool(node) ? "true" : "false");
    }
}


/* All that a path names but its last step is there. */
static bool
leads(const xc_json_t *node, xc_str_t path)
{
    char        key[512];
    size_t      n, i;
    const char *p = path.data, *end = p + path.len;

    while (p < end && node != NULL) {
        if (p[0] == '[' && p[1] != '"') {
            for (i = 0, p++; *p != ']'; p++) {
                i = i * 10 + (size_t) (*p - '0');
            }

            node = xc_json_element(node, i);
            p++;
            continue;
        }

        if (*p == '[') {
            for (n = 0, p += 2; *p != '"'; p++) {
                key[n++] = *p;
            }

            p += 2;

        } else {
            for (n = 0, p += *p == '.'; p < end && *p != '.' && *p != '[';
                 p++)
            {
                key[n++] = *p;
            }
        }

        node = xc_json_member(node, (xc_str_t) { key, n });
    }

    return p == end;
}


static size_t
astray(const load_t *load, xc_str_t text)
{
    size_t            i, n = 0;
    xc_heap_t         heap;
    const xc_json_t  *root;

    xc_heap_init(&heap, 0);

    if (xc_json_parse(&heap.arena, text, 32, NULL, &root) != XC_OK) {
        exit(2);
    }

    for (i = 0; i < load->faults.n; i++) {
        if (!leads(root, load->faults.list[i].path)) {
            printf("# astray: " XC_STR_FMT "\n",
                   XC_STR_ARG(load->faults.list[i].path));
            n++;
        }
    }

    xc_heap_free(&heap);

    return n;
}


/* Spoils every node of the sample, one after the other. */
static void
test_paths(const xc_json_t *root, bool extra)
{
    char    mem[4 * TEXT_MAX];
    bool    more;
    size_t  spoiled = 0, missed = 0, lost = 0;
    walk_t  w = { .extra = extra };
    load_t  load;

    for (w.target = 0, more = true; more; w.target++) {
        w.n = 0;
        w.path[0] = '\0';
        xc_buf_init(&w.out, mem, sizeof(mem));
        walk(&w, root, "");
        more = w.n > w.target;

        if (w.path[0] == '\0') {
            continue;
        }

        load_text(&load, xc_buf_view(&w.out));
        spoiled++;

        if (!has(&load, false, w.path, extra ? "" : "must be ")) {
            printf("# no fault at %s\n", w.path);
            show(&load);
            missed++;
        }

        lost += astray(&load, xc_buf_view(&w.out));
        xc_heap_free(&load.heap);
    }

    printf("# %zu %s\n", spoiled, extra ? "objects" : "nodes");
    xt_ok(spoiled > (extra ? 30 : 200) && missed == 0, "%s found by its path",
          extra ? "each unknown member" : "each value of another kind");
    xt_ok(lost == 0, "every path told leads to where something stands");
}


int
main(void)
{
    char              mem[TEXT_MAX];
    xc_heap_t         heap;
    const xc_json_t  *root;

    make_sample();
    xc_heap_init(&heap, 0);

    if (xc_crypto_init() != XC_OK
        || xc_json_parse(&heap.arena, sample_json(mem, sizeof(mem), sample),
                         32, NULL, &root) != XC_OK)
    {
        return 2;
    }

    test_paths(root, false);
    test_paths(root, true);
    xc_heap_free(&heap);

    return xt_done();
}
