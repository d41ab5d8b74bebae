#include "xc_component.h"

#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_buf.h"
#include "xc_query_param.h"


/* RFC 9421 2.2: those of requests. */
static const xc_str_t  xc_component_derived[] = {
    [XC_COMPONENT_METHOD] = { "@method", 7 },
    [XC_COMPONENT_TARGET_URI] = { "@target-uri", 11 },
    [XC_COMPONENT_AUTHORITY] = { "@authority", 10 },
    [XC_COMPONENT_SCHEME] = { "@scheme", 7 },
    [XC_COMPONENT_REQUEST_TARGET] = { "@request-target", 15 },
    [XC_COMPONENT_PATH] = { "@path", 5 },
    [XC_COMPONENT_QUERY] = { "@query", 6 },
    [XC_COMPONENT_QUERY_PARAM] = { "@query-param", 12 },
};


/* RFC 9421 2.1: the field name in lower case. */
static bool
xc_component_is_field(xc_str_t name)
{
    char    c;
    size_t  i;

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if ((c >= 'a' && c <= 'z') || c == '-') {
            continue;
        }

        if (!xc_ascii_is_tchar(c) || xc_ascii_lower(c) != c) {
            return false;
        }
    }

    return name.len != 0;
}


/* A record that proves a signature holds what it covers. */
static bool
xc_component_is_secret(xc_str_t name)
{
    return xc_str_eq(name, XC_STR("authorization"))
           || xc_str_eq(name, XC_STR("proxy-authorization"))
           || xc_str_eq(name, XC_STR("cookie"));
}


static const char *
xc_component_read_name(xc_str_t name, xc_component_t *out)
{
    size_t  i;

    out->name = name;
    out->kind = XC_COMPONENT_FIELD;

    if (xc_component_is_secret(name)) {
        return "is a secret, which the record would have to repeat";
    }

    if (name.len == 0 || name.data[0] != '@') {
        return xc_component_is_field(name)
               ? NULL : "is not a field name in lower case";
    }

    for (i = 0; i < XC_COUNT(xc_component_derived); i++) {
        if (xc_str_eq(name, xc_component_derived[i])) {
            out->kind = (xc_component_kind_t) i;
            return NULL;
        }
    }

    if (xc_str_eq(name, XC_STR("@status"))) {
        return "belongs to answers";
    }

    return xc_str_eq(name, XC_STR("@signature-params"))
           ? "covers itself" : "is not known";
}


static const char *
xc_component_read_flag(const xc_sfv_bare_t *value, bool *flag)
{
    *flag = value->type == XC_SFV_BOOLEAN && value->number != 0;

    return *flag ? NULL : "has a flag with a value";
}


static const char *
xc_component_read_key(const xc_sfv_bare_t *value, xc_component_t *out)
{
    if (value->type != XC_SFV_STRING) {
        return "has a parameter that is not a string";
    }

    out->key = value->text;

    return NULL;
}


static const char *
xc_component_read_param(const xc_sfv_param_t *param, xc_component_t *out)
{
    bool      field = out->kind == XC_COMPONENT_FIELD;
    xc_str_t  name = param->name;

    if (xc_str_eq(name, XC_STR("req"))) {
        return "has the parameter req, which is for answers";
    }

    if (field && xc_str_eq(name, XC_STR("tr"))) {
        return "has the parameter tr: trailers are not read";
    }

    if (field && xc_str_eq(name, XC_STR("sf"))) {
        return xc_component_read_flag(&param->value, &out->sf);
    }

    if (field && xc_str_eq(name, XC_STR("bs"))) {
        return xc_component_read_flag(&param->value, &out->bs);
    }

    if ((field && xc_str_eq(name, XC_STR("key")))
        || (out->kind == XC_COMPONENT_QUERY_PARAM
            && xc_str_eq(name, XC_STR("name"))))
    {
        return xc_component_read_key(&param->value, out);
    }

    return "has a parameter that is not known for it";
}


/* RFC 9421 2.1: which of sf, key and bs may stand together, and where. */
static const char *
xc_component_check(const xc_component_t *component)
{
    bool            keyed = component->key.data != NULL;
    xc_sfv_field_t  type;

    if (component->kind == XC_COMPONENT_QUERY_PARAM) {
        return keyed ? NULL : "lacks the parameter name";
    }

    if (component->bs && (component->sf || keyed)) {
        return "has the parameter bs beside sf or key";
    }

    if (!component->sf && !keyed) {
        return NULL;
    }

    type = xc_sfv_field_type(component->name);

    if (component->sf && type == XC_SFV_FIELD_UNKNOWN) {
        return "has the parameter sf, and its type is not known here";
    }

    return keyed && type != XC_SFV_FIELD_UNKNOWN && type != XC_SFV_FIELD_DICT
           ? "has the parameter key and is no dictionary" : NULL;
}


const char *
xc_component_read(const xc_sfv_item_t *item, xc_component_t *out)
{
    size_t           i;
    const char      *fault;
    xc_component_t   component = { .sf = false, .bs = false };

    if (item->bare.type != XC_SFV_STRING) {
        return "is not a string";
    }

    fault = xc_component_read_name(item->bare.text, &component);

    for (i = 0; fault == NULL && i < item->n_params; i++) {
        fault = xc_component_read_param(&item->params[i], &component);
    }

    if (fault == NULL) {
        fault = xc_component_check(&component);
    }

    if (fault == NULL) {
        *out = component;
    }

    return fault;
}


static bool
xc_component_same_bare(const xc_sfv_bare_t *a, const xc_sfv_bare_t *b)
{
    return a->type == b->type && a->number == b->number
           && xc_str_eq(a->text, b->text);
}


bool
xc_component_same(const xc_sfv_item_t *a, const xc_sfv_item_t *b)
{
    size_t                i;
    const xc_sfv_bare_t  *other;

    if (a->n_params != b->n_params
        || !xc_component_same_bare(&a->bare, &b->bare))
    {
        return false;
    }

    for (i = 0; i < a->n_params; i++) {
        other = xc_sfv_param(b, a->params[i].name);

        if (other == NULL
            || !xc_component_same_bare(&a->params[i].value, other))
        {
            return false;
        }
    }

    return true;
}


static xc_rc_t
xc_component_target_uri(xc_arena_t *arena, const xc_msg_t *msg,
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


/* RFC 9421 2.1.3: each line's bytes by themselves, so that obs-text and commas
 * keep their places. */
static xc_rc_t
xc_component_bytes(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t name,
    xc_str_t *out)
{
    void        *mem;
    size_t       i, cap = 0;
    xc_str_t     value;
    xc_buf_t     b;

    for (i = 0; i < msg->n_headers; i++) {
        if (xc_ascii_ieq(msg->headers[i].name, name)) {
            cap += (msg->headers[i].value.len + 2) / 3 * 4 + 4;
        }
    }

    if (cap == 0) {
        return XC_DENIED;
    }

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&b, mem, cap);

    for (i = 0; i < msg->n_headers; i++) {
        if (!xc_ascii_ieq(msg->headers[i].name, name)) {
            continue;
        }

        value = xc_ascii_trim(msg->headers[i].value);
        xc_buf_z(&b, b.len == 0 ? ":" : ", :");
        xc_b64_encode(XC_B64_STD, &b, (const uint8_t *) value.data, value.len);
        xc_buf_char(&b, ':');
    }

    *out = xc_buf_view(&b);

    return b.overflow ? XC_EINTERNAL : XC_OK;
}


static xc_rc_t
xc_component_field(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_component_t *component, xc_str_t *out)
{
    xc_rc_t   rc;
    xc_str_t  joined;

    if (component->bs) {
        return xc_component_bytes(arena, msg, component->name, out);
    }

    rc = xc_msg_joined(msg, arena, component->name, &joined);
    if (rc != XC_OK) {
        return rc;
    }

    if (component->key.data != NULL) {
        return xc_sfv_field_member(arena, joined, component->key, out);
    }

    if (component->sf) {
        return xc_sfv_field_strict(arena, xc_sfv_field_type(component->name),
                                   joined, out);
    }

    *out = joined;

    return XC_OK;
}


static xc_rc_t
xc_component_any(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_component_t *component, xc_str_t *out)
{
    size_t  path_len = msg->path.len;

    switch (component->kind) {

    case XC_COMPONENT_METHOD:
        *out = msg->method;
        return XC_OK;

    case XC_COMPONENT_TARGET_URI:
        return xc_component_target_uri(arena, msg, authority, out);

    case XC_COMPONENT_AUTHORITY:
        *out = authority;
        return XC_OK;

    case XC_COMPONENT_SCHEME:
        *out = msg->tls ? XC_STR("https") : XC_STR("http");
        return XC_OK;

    case XC_COMPONENT_REQUEST_TARGET:
        *out = msg->target;
        return XC_OK;

    case XC_COMPONENT_PATH:
        /* RFC 9421 2.2.6 */
        *out = path_len != 0 ? msg->path : XC_STR("/");
        return XC_OK;

    case XC_COMPONENT_QUERY:
        /* RFC 9421 2.2.7: with its "?", which alone stands for no query. */
        *out = !msg->has_query ? XC_STR("?")
               : (xc_str_t) { msg->target.data + path_len,
                              msg->target.len - path_len };
        return XC_OK;

    case XC_COMPONENT_QUERY_PARAM:
        return xc_query_param(arena, msg->query, component->key, out);

    default:
        return xc_component_field(arena, msg, component, out);
    }
}


/*
 * RFC 9421 2.5: printable ASCII, spaces and tabs, no obs-text.  A line break
 * would let a value pose as further lines of the base, and a record could not
 * hold other bytes as they are.
 */
bool
xc_component_is_plain(xc_str_t value)
{
    size_t         i;
    unsigned       bad = 0;
    unsigned char  c;

    /* no way out of it: values are short, and nearly all are plain */
    for (i = 0; i < value.len; i++) {
        c = (unsigned char) value.data[i];
        bad |= (unsigned) (c >= 0x7f) | ((unsigned) (c < 0x20) & (c != '\t'));
    }

    return bad == 0;
}


xc_rc_t
xc_component_value(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_component_t *component, xc_str_t *out)
{
    xc_rc_t   rc;
    xc_str_t  value;

    rc = xc_component_any(arena, msg, authority, component, &value);
    if (rc != XC_OK) {
        return rc;
    }

    if (!xc_component_is_plain(value)) {
        return XC_DENIED;
    }

    *out = value;

    return XC_OK;
}


size_t
xc_component_scans(const xc_msg_t *msg, const xc_component_t *component)
{
    size_t  i, n = 0, lines = 0;

    if (component->kind == XC_COMPONENT_QUERY_PARAM) {
        return msg->query.len;
    }

    if (!component->sf && !component->bs && component->key.data == NULL) {
        return 0;
    }

    for (i = 0; i < msg->n_headers; i++) {
        if (xc_ascii_ieq(msg->headers[i].name, component->name)) {
            /* joined by ", " */
            n += msg->headers[i].value.len + (lines == 0 ? 0 : 2);
            lines++;
        }
    }

    return component->bs ? n : XC_COMPONENT_PARSED * n;
}


bool
xc_component_is_given(const xc_component_t *component)
{
    xc_str_t  name = component->name;

    if (component->kind != XC_COMPONENT_FIELD) {
        return true;
    }

    return !component->bs
           && (xc_str_eq(name, XC_STR("content-digest"))
               || xc_str_eq(name, XC_STR("signature-input"))
               || xc_str_eq(name, XC_STR("signature")));
}
