#include "xc_scope_read.h"

#include "xc_ascii.h"
#include "xc_json_read.h"
#include "xc_json_twin.h"


/* A walk stands at the member that pointer names; its buffer is as long as
 * the longest pointer of a policy, so what does not fit is not mapped. */
typedef struct {
    xc_scope_t  *s;
    char         pointer[XC_POLICY_POINTER_MAX];
    size_t       len;
} xc_scope_walk_t;

typedef enum {
    XC_SCOPE_UNMAPPED,
    XC_SCOPE_MAPPED,
    XC_SCOPE_PASSED,
    XC_SCOPE_ABOVE          /* of something mapped or passed */
} xc_scope_place_t;


static bool
xc_scope_push_char(xc_scope_walk_t *walk, char c)
{
    if (walk->len == sizeof(walk->pointer)) {
        return false;
    }

    walk->pointer[walk->len++] = c;

    return true;
}


/* RFC 6901 section 3: "~" and "/" of a name are written "~0" and "~1". */
static bool
xc_scope_push(xc_scope_walk_t *walk, xc_str_t key)
{
    bool    fits;
    size_t  i;

    fits = xc_scope_push_char(walk, '/');

    for (i = 0; fits && i < key.len; i++) {
        if (key.data[i] == '~' || key.data[i] == '/') {
            fits = xc_scope_push_char(walk, '~')
                   && xc_scope_push_char(walk, key.data[i] == '~' ? '0' : '1');

        } else {
            fits = xc_scope_push_char(walk, key.data[i]);
        }
    }

    return fits;
}


/* Is it pointer itself (MAPPED), above it (ABOVE), or neither? */
static xc_scope_place_t
xc_scope_relate(const xc_scope_walk_t *walk, xc_str_t pointer)
{
    if (pointer.len < walk->len
        || memcmp(pointer.data, walk->pointer, walk->len) != 0)
    {
        return XC_SCOPE_UNMAPPED;
    }

    if (pointer.len == walk->len) {
        return XC_SCOPE_MAPPED;
    }

    return pointer.data[walk->len] == '/' ? XC_SCOPE_ABOVE : XC_SCOPE_UNMAPPED;
}


static xc_scope_place_t
xc_scope_find(const xc_scope_walk_t *walk, xc_member_t *member)
{
    size_t                 i;
    xc_scope_place_t       place, above = XC_SCOPE_UNMAPPED;
    const xc_operation_t  *operation = walk->s->operation;

    if (operation->input != XC_INPUT_BODY) {
        return XC_SCOPE_UNMAPPED;
    }

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        place = xc_scope_relate(walk, operation->map[i]);

        if (place == XC_SCOPE_MAPPED) {
            *member = (xc_member_t) i;
            return place;
        }

        above = place == XC_SCOPE_ABOVE ? place : above;
    }

    for (i = 0; i < operation->n_pass; i++) {
        place = xc_scope_relate(walk, operation->pass[i]);

        if (place == XC_SCOPE_MAPPED) {
            return XC_SCOPE_PASSED;
        }

        above = place == XC_SCOPE_ABOVE ? place : above;
    }

    return above;
}


static bool
xc_scope_is(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node,
    xc_json_type_t type)
{
    static const char *const  names[][2] = {
        [XC_JSON_STRING] = { "a string", "字符串" },
        [XC_JSON_ARRAY] = { "an array", "数组" },
        [XC_JSON_OBJECT] = { "an object", "对象" }
    };

    if (xc_json_type(node) == type) {
        return true;
    }

    /* two formats over one list of arguments: each skips the other's word */
    xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                    "must be %s%.0s, found %s", "须为 JSON %.0s%s，实际为 %s",
                    names[type][0], names[type][1], xc_json_type_name(node));

    return false;
}


/* An object of exactly these members, all of them strings. */
static bool
xc_scope_exact(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node,
    const char *const *names, size_t n, xc_str_t *out)
{
    size_t            i, found = 0;
    const xc_json_t  *value;

    if (!xc_scope_is(s, at, node, XC_JSON_OBJECT)) {
        return false;
    }

    for (i = 0; i < n; i++) {
        value = xc_json_member(node, xc_str_z(names[i]));
        at.sub = names[i];

        if (value == NULL) {
            xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "not given",
                            "未填写");
            return false;
        }

        if (!xc_scope_is(s, at, value, XC_JSON_STRING)
            || !xc_scope_text_ok(s, at, xc_json_string(value)))
        {
            return false;
        }

        out[i] = xc_json_string(value);
        found++;
    }

    at.sub = NULL;

    if (xc_json_size(node) != found) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "has other members "
                        "than %s%s%s", "含有 %s%s%s 以外的成员", names[0],
                        n > 1 ? ", " : "", n > 1 ? names[1] : "");
        return false;
    }

    return true;
}


/* Elements are read while there are no more than the policy's limit. */
static void
xc_scope_body_fields(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node)
{
    size_t            i, n = xc_json_size(node);
    bool              keep = n <= s->policy->limits.fields;
    const xc_json_t  *one;

    s->given_fields = n;
    s->out->fields_present = true;

    if (keep) {
        s->fields = xc_scope_array(s, n, sizeof(xc_str_t));
    }

    for (i = 0; i < n && s->rc == XC_OK; i++) {
        one = xc_json_element(node, i);
        at.i = (int64_t) i;

        if (!xc_scope_is(s, at, one, XC_JSON_STRING)
            || !xc_scope_text_ok(s, at, xc_json_string(one)))
        {
            return;
        }

        if (keep) {
            s->fields[i] = xc_json_string(one);
        }
    }
}


static void
xc_scope_body_officers(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node)
{
    size_t    i, n = xc_json_size(node);
    bool      keep = n <= s->policy->limits.officers;
    xc_str_t  one;

    static const char *const  names[] = { "certificate" };

    s->given_officers = n;

    if (keep) {
        s->out->officers = xc_scope_array(s, n, sizeof(xc_str_t));
    }

    for (i = 0; i < n && s->rc == XC_OK; i++) {
        at.i = (int64_t) i;

        if (!xc_scope_exact(s, at, xc_json_element(node, i), names, 1, &one)) {
            return;
        }

        if (keep) {
            s->out->officers[s->out->n_officers++] = one;
        }
    }
}


static void
xc_scope_body_subjects(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node)
{
    size_t    i, n = xc_json_size(node);
    bool      keep = n <= s->policy->limits.subjects;
    xc_str_t  one[2];

    static const char *const  names[] = { "type", "id" };

    s->given_subjects = n;

    if (keep) {
        s->subjects = xc_scope_array(s, n, sizeof(xc_scope_subject_t));
    }

    for (i = 0; i < n && s->rc == XC_OK; i++) {
        at.i = (int64_t) i;

        if (!xc_scope_exact(s, at, xc_json_element(node, i), names, 2, one)) {
            return;
        }

        if (keep) {
            s->subjects[i] = (xc_scope_subject_t) { one[0], one[1] };
        }
    }
}


static void
xc_scope_body_window(xc_scope_t *s, xc_scope_at_t at, const xc_json_t *node)
{
    xc_str_t  dates[2];

    static const char *const  names[] = { "from", "to" };

    if (xc_scope_exact(s, at, node, names, 2, dates)) {
        s->out->window = (xc_window_t) { true, dates[0], dates[1] };
    }
}


static void
xc_scope_body_member(xc_scope_t *s, xc_member_t member, const xc_json_t *node)
{
    size_t         i;
    xc_scope_at_t  at = xc_scope_at(s, member);

    static const struct {
        xc_member_t      member;
        xc_json_type_t   type;
        void           (*read)(xc_scope_t *s, xc_scope_at_t at,
                               const xc_json_t *node);
    } readers[] = {
        { XC_MEMBER_FIELDS, XC_JSON_ARRAY, xc_scope_body_fields },
        { XC_MEMBER_OFFICERS, XC_JSON_ARRAY, xc_scope_body_officers },
        { XC_MEMBER_SUBJECTS, XC_JSON_ARRAY, xc_scope_body_subjects },
        { XC_MEMBER_WINDOW, XC_JSON_OBJECT, xc_scope_body_window }
    };

    for (i = 0; i < XC_COUNT(readers); i++) {
        if (readers[i].member == member) {
            if (xc_scope_is(s, at, node, readers[i].type)) {
                readers[i].read(s, at, node);
            }

            return;
        }
    }

    if (xc_scope_is(s, at, node, XC_JSON_STRING)) {
        xc_scope_take(s, member, xc_json_string(node));
    }
}


static void
xc_scope_unmapped(xc_scope_walk_t *walk, size_t above, xc_str_t key)
{
    xc_str_t  where = { walk->pointer, above };

    if (above == 0) {
        xc_scope_refuse(walk->s, XC_REASON_REQUEST_INVALID,
                        (xc_scope_at_t) { key, -1, NULL },
                        "this operation takes no such member",
                        "本接口不接受该成员");
        return;
    }

    where.data++;
    where.len--;

    xc_scope_refuse(walk->s, XC_REASON_REQUEST_INVALID,
                    (xc_scope_at_t) { where, -1, NULL },
                    "this operation takes no member \"%.*s%s\" there",
                    "本接口在此处不接受成员“%.*s%s”", XC_SCOPE_TEXT(key));
}


/* Goes down only where something mapped or passed lies below, so no deeper
 * than the policy's longest pointer. */
static void
xc_scope_walk(xc_scope_walk_t *walk, const xc_json_t *object)
{
    bool                   fits;
    size_t                 above = walk->len;
    xc_str_t               key;
    xc_member_t            member = XC_MEMBER_COUNT;
    xc_scope_at_t          at;
    xc_scope_place_t       place;
    const xc_json_t       *node;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(object); it != NULL && walk->s->rc == XC_OK;
         it = xc_json_next(object, it))
    {
        key = xc_json_iter_key(it);
        node = xc_json_iter_value(it);

        fits = xc_scope_push(walk, key);
        place = fits ? xc_scope_find(walk, &member) : XC_SCOPE_UNMAPPED;

        if (place == XC_SCOPE_UNMAPPED) {
            xc_scope_unmapped(walk, above, key);

        } else if (place == XC_SCOPE_MAPPED) {
            xc_scope_body_member(walk->s, member, node);

        } else if (place == XC_SCOPE_ABOVE) {
            at = (xc_scope_at_t) { { walk->pointer + 1, walk->len - 1 }, -1,
                                   NULL };
            if (xc_scope_is(walk->s, at, node, XC_JSON_OBJECT)) {
                xc_scope_walk(walk, node);
            }
        }

        walk->len = above;
    }
}


static xc_rc_t
xc_scope_parse(xc_scope_t *s, xc_str_t body, const xc_json_t **root)
{
    xc_rc_t          rc;
    xc_scope_at_t    whole = { XC_STR(""), -1, NULL };
    xc_json_error_t  error = { 0, 0, "" };

    rc = xc_json_read(s->arena, body, (unsigned) s->policy->limits.depth,
                      &error, root);

    if (rc == XC_OK && xc_json_type(*root) != XC_JSON_OBJECT) {
        xc_scope_refuse(s, XC_REASON_BODY_INVALID, whole,
                        "line 1, column 1: must be an object, found %s",
                        "第 1 行第 1 列：须为 JSON 对象，实际为 %s",
                        xc_json_type_name(*root));

    } else if (rc == XC_ELIMIT) {
        xc_scope_refuse(s, XC_REASON_BODY_INVALID, whole,
                        "line %u, column %u: nested deeper than the limit "
                        "depth of %u",
                        "第 %u 行第 %u 列：嵌套超过上限 depth = %u", error.line,
                        error.column, (unsigned) s->policy->limits.depth);

    } else if (rc == XC_EINPUT) {
        xc_scope_refuse(s, XC_REASON_BODY_INVALID, whole,
                        "line %u, column %u: %s", "第 %u 行第 %u 列：%s",
                        error.line, error.column, error.message);

    } else if (rc != XC_OK) {
        s->rc = rc;
    }

    return s->rc == XC_OK && s->refused == 0 ? XC_OK : XC_DENIED;
}


static void
xc_scope_check_twins(xc_scope_t *s, const xc_json_t *root)
{
    xc_rc_t   rc;
    xc_str_t  twin = XC_STR("");

    rc = xc_json_find_twin(s->arena, root, &twin);

    if (rc == XC_DENIED) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID,
                        (xc_scope_at_t) { twin, -1, NULL },
                        "another member of the same object has this name but "
                        "for case, _ and -",
                        "同一对象中另有仅大小写或 _、- 不同的成员");

    } else if (rc != XC_OK) {
        s->rc = rc;
    }
}


xc_rc_t
xc_scope_read_body(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation, xc_str_t body, xc_str_t path_subject,
    xc_request_t *out, xc_verdict_t *verdict)
{
    xc_scope_t        s;
    xc_scope_walk_t   walk;
    const xc_json_t  *root = NULL;

    xc_scope_begin(&s, arena, policy, operation, out, verdict);

    if (xc_scope_parse(&s, body, &root) == XC_OK) {
        xc_scope_check_twins(&s, root);

        walk.s = &s;
        walk.len = 0;
        xc_scope_walk(&walk, root);
    }

    return xc_scope_check(&s, path_subject);
}
