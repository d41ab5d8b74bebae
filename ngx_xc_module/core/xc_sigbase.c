#include "xc_sigbase.h"

#include "xc_buf.h"


#define XC_SIGBASE_PARAMS  "\"@signature-params\": "


bool
xc_sigbase_covers(const xc_sfv_item_t *params, size_t n, xc_str_t name)
{
    size_t                i;
    const xc_sfv_item_t  *item;

    for (i = 0; i < n; i++) {
        item = &params->items[i];

        if (item->n_params == 0 && item->bare.type == XC_SFV_STRING
            && xc_str_eq(item->bare.text, name))
        {
            return true;
        }
    }

    return false;
}


/* RFC 9421 2.5: each identifier once. */
static const char *
xc_sigbase_read(const xc_sfv_item_t *params, size_t i, xc_component_t *out)
{
    size_t       j;
    const char  *fault;

    fault = xc_component_read(&params->items[i], out);

    for (j = 0; fault == NULL && j < i; j++) {
        if (xc_component_same(&params->items[j], &params->items[i])) {
            fault = "is named twice";
        }
    }

    return fault;
}


const char *
xc_sigbase_fault(const xc_sfv_item_t *params, size_t i)
{
    xc_component_t  component;

    return xc_sigbase_read(params, i, &component);
}


size_t
xc_sigbase_scans(const xc_msg_t *msg, const xc_sfv_item_t *params)
{
    size_t          i, n = 0;
    xc_component_t  component;

    for (i = 0; i < params->n_items; i++) {

        /* without parameters nothing is read anew */
        if (params->items[i].n_params != 0
            && xc_component_read(&params->items[i], &component) == NULL)
        {
            n += xc_component_scans(msg, &component);
        }
    }

    return n;
}


size_t
xc_sigbase_required(const xc_msg_t *msg, xc_str_t *names)
{
    size_t  i, n = 0;

    static const xc_str_t  where_present[] = {
        { "xc-on-behalf-of", 15 }, { "xc-request", 10 }
    };

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

    for (i = 0; i < XC_COUNT(where_present); i++) {
        if (xc_msg_header(msg, where_present[i], NULL) != NULL) {
            names[n++] = where_present[i];
        }
    }

    return n;
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


/* How a record spells an identifier: plain names as they are. */
static xc_rc_t
xc_sigbase_spell(xc_arena_t *arena, const xc_sfv_item_t *item, xc_str_t *out)
{
    void      *mem;
    size_t     cap;
    xc_buf_t   b;

    if (item->n_params == 0) {
        *out = item->bare.text;
        return XC_OK;
    }

    cap = xc_sigbase_item_bound(item);

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&b, mem, cap);
    xc_sfv_write_item(&b, item);
    *out = xc_buf_view(&b);

    return b.overflow ? XC_EINTERNAL : XC_OK;
}


static const xc_covered_t *
xc_sigbase_find(const xc_covered_t *covered, size_t n, xc_str_t component)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (xc_str_eq(covered[i].component, component)) {
            return &covered[i];
        }
    }

    return NULL;
}


/*
 * A member of the record is the field as it was joined, to the byte: it may end
 * in a space, where the last of its lines was empty.
 */
static xc_rc_t
xc_sigbase_member(const xc_sigbase_from_t *from, xc_str_t name, xc_str_t *out)
{
    const xc_header_t  *line = xc_msg_header(from->msg, name, NULL);

    if (line == NULL || !xc_component_is_plain(line->value)) {
        return XC_DENIED;
    }

    *out = line->value;

    return XC_OK;
}


static xc_rc_t
xc_sigbase_kept(xc_arena_t *arena, const xc_sigbase_from_t *from,
    const xc_sfv_item_t *item, xc_str_t *out)
{
    xc_rc_t              rc;
    xc_str_t             spelled;
    const xc_covered_t  *kept;

    rc = xc_sigbase_spell(arena, item, &spelled);
    if (rc != XC_OK) {
        return rc;
    }

    kept = xc_sigbase_find(from->covered, from->n_covered, spelled);
    if (kept == NULL || !xc_component_is_plain(kept->value)) {
        return XC_DENIED;
    }

    *out = kept->value;

    return XC_OK;
}


static xc_rc_t
xc_sigbase_value(xc_arena_t *arena, const xc_sigbase_from_t *from,
    const xc_sfv_item_t *params, size_t i, xc_str_t *out)
{
    xc_component_t  component;

    if (xc_sigbase_read(params, i, &component) != NULL) {
        return XC_DENIED;
    }

    /* What another member gives must not be had from elsewhere. */
    if (from->covered != NULL && !xc_component_is_given(&component)) {
        return xc_sigbase_kept(arena, from, &params->items[i], out);
    }

    if (from->covered != NULL && component.kind == XC_COMPONENT_FIELD
        && !component.sf && component.key.data == NULL)
    {
        return xc_sigbase_member(from, component.name, out);
    }

    return xc_component_value(arena, from->msg, from->authority, &component,
                              out);
}


xc_rc_t
xc_sig_base_from(xc_arena_t *arena, const xc_sigbase_from_t *from,
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
        rc = xc_sigbase_value(arena, from, params, i, &values[i]);
    }

    if (rc == XC_DENIED && component != NULL) {
        *component = name;
    }

    if (rc != XC_OK) {
        return rc;
    }

    return xc_sigbase_write(arena, params, values, base);
}


xc_rc_t
xc_sig_base(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t authority,
    const xc_sfv_item_t *params, xc_str_t *base, xc_str_t *component)
{
    xc_sigbase_from_t  from = { msg, authority, NULL, 0 };

    return xc_sig_base_from(arena, &from, params, base, component);
}


/* One more component, unless it stands there already. */
static xc_rc_t
xc_sigbase_keep(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_sfv_item_t *item, xc_covered_t *covered, size_t *n)
{
    xc_rc_t         rc;
    xc_str_t        spelled;
    xc_component_t  component;

    if (xc_component_read(item, &component) != NULL) {
        return XC_EINTERNAL;
    }

    rc = xc_sigbase_spell(arena, item, &spelled);

    if (rc != XC_OK || xc_sigbase_find(covered, *n, spelled) != NULL) {
        return rc;
    }

    rc = xc_component_value(arena, msg, XC_STR(""), &component,
                            &covered[*n].value);
    if (rc == XC_OK) {
        covered[(*n)++].component = spelled;
    }

    return rc == XC_DENIED ? XC_EINTERNAL : rc;
}


static bool
xc_sigbase_is_kept(const xc_sfv_item_t *item, bool keep_query)
{
    xc_component_t  component;

    if (xc_component_read(item, &component) != NULL) {
        return true;
    }

    return !xc_component_is_given(&component)
           || (keep_query && component.kind == XC_COMPONENT_QUERY);
}


static size_t
xc_sigbase_items(const xc_sfv_item_t *const *inputs, size_t n)
{
    size_t  i, items = 0;

    for (i = 0; i < n; i++) {
        items += inputs[i]->n_items;
    }

    return items;
}


xc_rc_t
xc_sigbase_covered(xc_arena_t *arena, const xc_msg_t *msg,
    const xc_sfv_item_t *const *inputs, size_t n, bool keep_query,
    const xc_covered_t **out, size_t *n_out)
{
    size_t         i, j, found = 0, bytes = 0;
    xc_rc_t        rc = XC_OK;
    xc_covered_t  *covered;

    covered = xc_arena_array(arena, xc_sigbase_items(inputs, n),
                             sizeof(xc_covered_t));
    if (covered == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        for (j = 0; rc == XC_OK && j < inputs[i]->n_items; j++) {
            if (xc_sigbase_is_kept(&inputs[i]->items[j], keep_query)) {
                rc = xc_sigbase_keep(arena, msg, &inputs[i]->items[j], covered,
                                     &found);
            }
        }
    }

    for (i = 0; i < found; i++) {
        bytes += covered[i].component.len + covered[i].value.len;
    }

    if (rc == XC_OK && bytes > XC_SIGBASE_COVERED_MAX) {
        rc = XC_ELIMIT;
    }

    if (rc == XC_OK) {
        *out = covered;
        *n_out = found;
    }

    return rc;
}
