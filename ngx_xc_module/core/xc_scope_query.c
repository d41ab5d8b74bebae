#include "xc_scope_read.h"

#include "xc_ascii.h"


/* One "name=value"; sources counts the mapped names, then the passed ones. */
typedef struct {
    xc_scope_t  *s;
    bool        *seen;          /* by source */
} xc_scope_query_t;


/* RFC 3986 3.4, but "+" (a space to some) and ";" (a separator to some). */
static bool
xc_scope_is_query_char(char c)
{
    return xc_ascii_is_alpha(c) || xc_ascii_is_digit(c)
           || (c != '\0' && strchr("-._~!$'()*,:@/?=", c) != NULL);
}


/* False: a byte that stands for itself in no query, or a broken %XX. */
static bool
xc_scope_decode(xc_str_t in, char *mem, size_t *len)
{
    size_t   i, n = 0;
    uint8_t  octet;

    for (i = 0; i < in.len; i++) {
        if (xc_scope_is_query_char(in.data[i])) {
            mem[n++] = in.data[i];
            continue;
        }

        if (in.data[i] != '%' || in.len - i < 3
            || !xc_hex_decode(&octet, 1,
                              (xc_str_t) { in.data + i + 1, 2 }))
        {
            return false;
        }

        mem[n++] = (char) octet;
        i += 2;
    }

    *len = n;

    return true;
}


/* data NULL: refused, or no memory. */
static xc_str_t
xc_scope_query_value(xc_scope_t *s, xc_scope_at_t at, xc_str_t raw)
{
    char    *mem = xc_scope_array(s, raw.len + 1, 1);
    size_t   len;

    if (mem == NULL) {
        return XC_STR_NONE;
    }

    if (!xc_scope_decode(raw, mem, &len)) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "must write all but "
                        "unreserved characters as %%XX; \"+\" and \";\" are "
                        "ambiguous", "保留字符须写作 %%XX；“+”和“;”含义不明");
        return XC_STR_NONE;
    }

    return (xc_str_t) { mem, len };
}


static size_t
xc_scope_count(xc_str_t text, char c)
{
    size_t  i, n = 0;

    for (i = 0; i < text.len; i++) {
        n += text.data[i] == c;
    }

    return n;
}


static void
xc_scope_query_fields(xc_scope_t *s, xc_scope_at_t at, xc_str_t text)
{
    size_t       i, n = text.len == 0 ? 0 : xc_scope_count(text, ',') + 1;
    bool         keep = n <= s->policy->limits.fields;
    xc_str_t     one;
    const char  *comma;

    s->given_fields = n;
    s->out->fields_present = true;

    if (keep) {
        s->fields = xc_scope_array(s, n, sizeof(xc_str_t));
    }

    for (i = 0; i < n && s->rc == XC_OK; i++) {
        comma = memchr(text.data, ',', text.len);
        one = (xc_str_t) { text.data, comma == NULL
                                      ? text.len
                                      : (size_t) (comma - text.data) };
        at.i = (int64_t) i;

        if (!xc_scope_text_ok(s, at, one)) {
            return;
        }

        if (keep) {
            s->fields[i] = one;
        }

        text.data += one.len + (comma != NULL);
        text.len -= one.len + (comma != NULL);
    }
}


static void
xc_scope_query_member(xc_scope_t *s, xc_member_t member, xc_str_t raw)
{
    xc_str_t       text;
    xc_scope_at_t  at = xc_scope_at(s, member);

    text = xc_scope_query_value(s, at, raw);
    if (text.data == NULL) {
        return;
    }

    if (!xc_ascii_is_utf8(text)) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "not UTF-8",
                        "不是 UTF-8 编码");

    } else if (member == XC_MEMBER_FIELDS) {
        xc_scope_query_fields(s, at, text);

    } else {
        xc_scope_take(s, member, text);
    }
}


/* The source of that name; XC_MEMBER_COUNT + n_pass where there is none. */
static size_t
xc_scope_query_source(const xc_operation_t *operation, xc_str_t name)
{
    size_t  i, n = XC_MEMBER_COUNT + operation->n_pass;

    if (operation->input != XC_INPUT_QUERY || name.len == 0) {
        return n;
    }

    for (i = 0; i < n; i++) {
        if (xc_str_eq(name, i < XC_MEMBER_COUNT
                            ? operation->map[i]
                            : operation->pass[i - XC_MEMBER_COUNT]))
        {
            break;
        }
    }

    return i;
}


static void
xc_scope_query_part(xc_scope_query_t *query, xc_str_t part)
{
    size_t                 i;
    xc_str_t               name, raw;
    const char            *equals = memchr(part.data, '=', part.len);
    xc_scope_at_t          at;
    const xc_operation_t  *operation = query->s->operation;

    name = (xc_str_t) { part.data, equals == NULL
                                   ? part.len
                                   : (size_t) (equals - part.data) };

    /* raw octets of a client's, and a detail is text */
    at = (xc_scope_at_t) { xc_ascii_is_utf8(name) ? name : XC_STR("query"),
                           -1, NULL };

    if (equals == NULL || name.len == 0) {
        xc_scope_refuse(query->s, XC_REASON_REQUEST_INVALID, at,
                        "the query must be name=value, joined by \"&\"",
                        "查询串须为以“&”连接的 名称=值");
        return;
    }

    i = xc_scope_query_source(operation, name);

    if (i == XC_MEMBER_COUNT + operation->n_pass) {
        xc_scope_refuse(query->s, XC_REASON_REQUEST_INVALID, at,
                        "this operation takes no such query name; a name is "
                        "written without %%XX",
                        "本接口不接受该查询参数；参数名不得使用 %%XX 编码");
        return;
    }

    if (query->seen[i]) {
        xc_scope_refuse(query->s, XC_REASON_REQUEST_INVALID, at,
                        "stands twice", "重复出现");
        return;
    }

    query->seen[i] = true;
    raw = (xc_str_t) { equals + 1, part.len - name.len - 1 };

    if (i < XC_MEMBER_COUNT) {
        xc_scope_query_member(query->s, (xc_member_t) i, raw);

    } else {
        /* forwarded unread, but no other reader may split it elsewhere */
        (void) xc_scope_query_value(query->s, at, raw);
    }
}


xc_rc_t
xc_scope_read_query(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation, xc_str_t query, xc_str_t path_subject,
    xc_request_t *out, xc_verdict_t *verdict)
{
    size_t             len;
    xc_scope_t         s;
    const char        *and;
    xc_scope_query_t   walk;

    xc_scope_begin(&s, arena, policy, operation, out, verdict);

    walk.s = &s;
    walk.seen = xc_scope_array(&s, XC_MEMBER_COUNT + operation->n_pass,
                               sizeof(bool));

    /* an empty query has no part, "a=1&" has an empty one at its end */
    while (query.len != 0 && s.rc == XC_OK) {
        and = memchr(query.data, '&', query.len);
        len = and == NULL ? query.len : (size_t) (and - query.data);

        xc_scope_query_part(&walk, (xc_str_t) { query.data, len });

        if (and != NULL && len + 1 == query.len) {
            xc_scope_query_part(&walk, (xc_str_t) { query.data, 0 });
        }

        len += and != NULL;
        query.data += len;
        query.len -= len;
    }

    return xc_scope_check(&s, path_subject);
}
