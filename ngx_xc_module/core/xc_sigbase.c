#include "xc_sigbase.h"

#include "xc_ascii.h"
#include "xc_buf.h"


#define XC_SIGBASE_PARAMS  "\"@signature-params\": "

/* RFC 9421 2.2: the derived components that this version builds. */
typedef enum {
    XC_SIGBASE_METHOD,
    XC_SIGBASE_TARGET_URI,
    XC_SIGBASE_AUTHORITY,
    XC_SIGBASE_SCHEME,
    XC_SIGBASE_REQUEST_TARGET,
    XC_SIGBASE_PATH,
    XC_SIGBASE_QUERY,
    XC_SIGBASE_DERIVED_COUNT
} xc_sigbase_derived_t;

static const char *const  xc_sigbase_derived[XC_SIGBASE_DERIVED_COUNT] = {
    [XC_SIGBASE_METHOD] = "@method",
    [XC_SIGBASE_TARGET_URI] = "@target-uri",
    [XC_SIGBASE_AUTHORITY] = "@authority",
    [XC_SIGBASE_SCHEME] = "@scheme",
    [XC_SIGBASE_REQUEST_TARGET] = "@request-target",
    [XC_SIGBASE_PATH] = "@path",
    [XC_SIGBASE_QUERY] = "@query",
};


static xc_sigbase_derived_t
xc_sigbase_find_derived(xc_str_t name)
{
    int  i;

    for (i = 0; i < XC_SIGBASE_DERIVED_COUNT; i++) {
        if (xc_str_eq(name, xc_str_z(xc_sigbase_derived[i]))) {
            break;
        }
    }

    return (xc_sigbase_derived_t) i;
}


/* RFC 9421 2.1: the field name in lower case. */
static bool
xc_sigbase_is_field_name(xc_str_t name)
{
    size_t  i;

    for (i = 0; i < name.len; i++) {
        if (!xc_ascii_is_tchar(name.data[i])
            || xc_ascii_lower(name.data[i]) != name.data[i])
        {
            return false;
        }
    }

    return name.len != 0;
}


bool
xc_sigbase_covers(const xc_sfv_item_t *params, size_t n, xc_str_t name)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (xc_str_eq(params->items[i].bare.text, name)) {
            return true;
        }
    }

    return false;
}


const char *
xc_sigbase_fault(const xc_sfv_item_t *params, size_t i)
{
    xc_str_t              name;
    const xc_sfv_item_t  *item = &params->items[i];

    if (item->bare.type != XC_SFV_STRING) {
        return "is not a string";
    }

    if (item->n_params != 0) {
        return "has a parameter, which is not supported by this version";
    }

    name = item->bare.text;

    /* RFC 9421 2.5: each identifier once. */
    if (xc_sigbase_covers(params, i, name)) {
        return "is named twice";
    }

    if (name.len != 0 && name.data[0] == '@') {
        return xc_sigbase_find_derived(name) != XC_SIGBASE_DERIVED_COUNT
               ? NULL : "is not supported by this version";
    }

    return xc_sigbase_is_field_name(name)
           ? NULL : "is not a field name in lower case";
}


static xc_rc_t
xc_sigbase_target_uri(xc_arena_t *arena, const xc_msg_t *msg,
    xc_str_t authority, xc_str_t *out)
{
    void      *mem;
    size_t     cap;
    xc_buf_t   uri;

    cap = sizeof("https://") + authority.len + msg->target.len;

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&uri, mem, cap);
    xc_buf_z(&uri, msg->tls ? "https://" : "http://");
    xc_buf_str(&uri, authority);
    xc_buf_str(&uri, msg->target);

    *out = xc_buf_view(&uri);

    return XC_OK;
}


static xc_rc_t
xc_sigbase_derived_value(xc_arena_t *arena, const xc_msg_t *msg,
    xc_str_t authority, xc_sigbase_derived_t derived, xc_str_t *out)
{
    size_t  path_len = msg->path.len;

    switch (derived) {

    case XC_SIGBASE_METHOD:
        *out = msg->method;
        return XC_OK;

    case XC_SIGBASE_TARGET_URI:
        return xc_sigbase_target_uri(arena, msg, authority, out);

    case XC_SIGBASE_AUTHORITY:
        *out = authority;
        return XC_OK;

    case XC_SIGBASE_SCHEME:
        *out = msg->tls ? XC_STR("https") : XC_STR("http");
        return XC_OK;

    case XC_SIGBASE_REQUEST_TARGET:
        *out = msg->target;
        return XC_OK;

    case XC_SIGBASE_PATH:
        /* RFC 9421 2.2.6 */
        *out = path_len != 0 ? msg->path : XC_STR("/");
        return XC_OK;

    case XC_SIGBASE_QUERY:
        /* RFC 9421 2.2.7: with its "?", which alone stands for no query. */
        *out = !msg->has_query ? XC_STR("?")
               : (xc_str_t) { msg->target.data + path_len,
                              msg->target.len - path_len };
        return XC_OK;

    default:
        return XC_DENIED;
    }
}


/*
 * RFC 9421 2.5: printable ASCII, spaces and tabs, no obs-text.  A line break
 * would let a value pose as further lines of the base, and a record could not
 * hold other bytes as they are.
 */
static bool
xc_sigbase_is_plain(xc_str_t value)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < value.len; i++) {
        c = (unsigned char) value.data[i];

        if ((c < 0x20 && c != '\t') || c >= 0x7f) {
            return false;
        }
    }

    return true;
}


static xc_rc_t
xc_sigbase_value(xc_arena_t *arena, const xc_msg_t *msg,
    xc_str_t authority, xc_str_t name, xc_str_t *out)
{
    xc_rc_t   rc;
    xc_str_t  value;

    if (name.data[0] == '@') {
        rc = xc_sigbase_derived_value(arena, msg, authority,
                                  xc_sigbase_find_derived(name), &value);
    } else {
        rc = xc_msg_joined(msg, arena, name, &value);
    }

    if (rc != XC_OK) {
        return rc;
    }

    if (!xc_sigbase_is_plain(value)) {
        return XC_DENIED;
    }

    *out = value;

    return XC_OK;
}


/* At least what an item takes when serialised: a Display String triples. */
static size_t
xc_sigbase_item_bound(const xc_sfv_item_t *item)
{
    size_t  i, len = item->bare.text.len * 3 + 32;

    for (i = 0; i < item->n_params; i++) {
        len += item->params[i].name.len + item->params[i].value.text.len * 3
               + 32;
    }

    return len;
}


static size_t
xc_sigbase_bound(const xc_sfv_item_t *params, const xc_str_t *values)
{
    size_t  i, len;

    len = sizeof(XC_SIGBASE_PARAMS) + xc_sigbase_item_bound(params);

    for (i = 0; i < params->n_items; i++) {
        len += 2 * xc_sigbase_item_bound(&params->items[i]) + values[i].len;
    }

    return len;
}


static xc_rc_t
xc_sigbase_write(xc_arena_t *arena, const xc_sfv_item_t *params,
    const xc_str_t *values, xc_str_t *base)
{
    void      *mem;
    size_t     i, cap;
    xc_buf_t   out;

    cap = xc_sigbase_bound(params, values);

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&out, mem, cap);

    for (i = 0; i < params->n_items; i++) {
        xc_sfv_write_item(&out, &params->items[i]);
        xc_buf_z(&out, ": ");
        xc_buf_str(&out, values[i]);
        xc_buf_char(&out, '\n');
    }

    xc_buf_z(&out, XC_SIGBASE_PARAMS);
    xc_sfv_write_item(&out, params);

    if (out.overflow) {
        return XC_EINTERNAL;
    }

    *base = xc_buf_view(&out);

    return XC_OK;
}


size_t
xc_sigbase_required(const xc_msg_t *msg, xc_str_t *names)
{
    size_t  n = 0;

    names[n++] = XC_STR("@method");
    names[n++] = XC_STR("@authority");
    names[n++] = XC_STR("@path");

    if (msg->has_query) {
        names[n++] = XC_STR("@query");
    }

    if (msg->body) {
        names[n++] = XC_STR("content-type");
        names[n++] = XC_STR("content-digest");
    }

    return n;
}


xc_rc_t
xc_sig_base(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_sfv_item_t *params, xc_str_t *base, xc_str_t *component)
{
    size_t     i;
    xc_rc_t    rc;
    xc_str_t  *values, name;

    rc = params->n_items > XC_SIGBASE_MAX ? XC_DENIED : XC_OK;
    name = XC_STR("");

    values = xc_arena_array(arena, params->n_items, sizeof(xc_str_t));
    if (values == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; rc == XC_OK && i < params->n_items; i++) {
        name = params->items[i].bare.text;
        rc = xc_sigbase_fault(params, i) == NULL
             ? xc_sigbase_value(arena, msg, authority, name, &values[i])
             : XC_DENIED;
    }

    if (rc == XC_DENIED && component != NULL) {
        *component = name;
    }

    if (rc != XC_OK) {
        return rc;
    }

    return xc_sigbase_write(arena, params, values, base);
}


static bool
xc_sigbase_is_given(xc_str_t name, bool keep_query)
{
    if (keep_query && xc_str_eq(name, XC_STR("@query"))) {
        return false;
    }

    return name.data[0] == '@' || xc_str_eq(name, XC_STR("content-digest"));
}


xc_rc_t
xc_sigbase_covered(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_sfv_item_t *params, bool keep_query, const xc_covered_t **out,
    size_t *n)
{
    size_t         i, found = 0, bytes = 0;
    xc_rc_t        rc;
    xc_str_t       name;
    xc_covered_t  *covered;

    covered = xc_arena_array(arena, params->n_items, sizeof(xc_covered_t));
    if (covered == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < params->n_items; i++) {
        name = params->items[i].bare.text;

        if (xc_sigbase_is_given(name, keep_query)) {
            continue;
        }

        rc = xc_sigbase_value(arena, msg, XC_STR(""), name,
                              &covered[found].value);
        if (rc != XC_OK) {
            return rc;
        }

        covered[found].component = name;
        bytes += name.len + covered[found].value.len;

        if (bytes > XC_SIGBASE_COVERED_MAX) {
            return XC_ELIMIT;
        }

        found++;
    }

    *out = covered;
    *n = found;

    return XC_OK;
}
