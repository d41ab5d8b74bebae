#include "xc_sfv.h"


static const xc_sfv_bare_t  xc_sfv_true = { XC_SFV_BOOLEAN, 1, { NULL, 0 } };


static size_t
xc_sfv_skip_sp(xc_sfv_in_t *in)
{
    const char  *start = in->p;

    while (xc_sfv_take(in, ' ')) { /* void */ }

    return (size_t) (in->p - start);
}


/* Optional white space: RFC 9110 5.6.3 */
static void
xc_sfv_skip_ows(xc_sfv_in_t *in)
{
    while (xc_sfv_take(in, ' ') || xc_sfv_take(in, '\t')) { /* void */ }
}


/*
 * Makes room for one more element behind n.  The capacity follows from n: 4,
 * then the powers of two, up to limit.
 */
static xc_rc_t
xc_sfv_grow(xc_arena_t *arena, void **array, size_t n, size_t size,
    size_t limit)
{
    void  *p;

    if (n >= limit) {
        return XC_ELIMIT;
    }

    if (n != 0 && (n < 4 || (n & (n - 1)) != 0)) {
        return XC_OK;
    }

    p = xc_arena_array(arena, n == 0 ? 4 : 2 * n, size);
    if (p == NULL) {
        return XC_ENOMEM;
    }

    if (n != 0) {
        memcpy(p, *array, n * size);
    }

    *array = p;

    return XC_OK;
}


/* The place of the parameter: the one it has already, or a new one. */
static xc_rc_t
xc_sfv_place_param(xc_sfv_in_t *in, xc_sfv_item_t *item, xc_str_t name,
    xc_sfv_param_t **out)
{
    size_t   i;
    void    *array = item->params;
    xc_rc_t  rc;

    for (i = 0; i < item->n_params; i++) {
        if (xc_str_eq(item->params[i].name, name)) {
            *out = &item->params[i];
            return XC_OK;
        }
    }

    rc = xc_sfv_grow(in->arena, &array, item->n_params,
                     sizeof(xc_sfv_param_t), XC_SFV_MAX_PARAMS);
    if (rc != XC_OK) {
        return rc;
    }

    item->params = array;
    *out = &item->params[item->n_params++];
    (*out)->name = name;

    return XC_OK;
}


/* RFC 9651 4.2.3.2 */
static xc_rc_t
xc_sfv_parse_params(xc_sfv_in_t *in, xc_sfv_item_t *item)
{
    xc_rc_t          rc;
    xc_str_t         name;
    xc_sfv_bare_t    value;
    xc_sfv_param_t  *param;

    while (xc_sfv_take(in, ';')) {
        xc_sfv_skip_sp(in);

        rc = xc_sfv_parse_key(in, &name);
        if (rc != XC_OK) {
            return rc;
        }

        value = xc_sfv_true;

        if (xc_sfv_take(in, '=')) {
            rc = xc_sfv_parse_bare(in, &value);
            if (rc != XC_OK) {
                return rc;
            }
        }

        rc = xc_sfv_place_param(in, item, name, &param);
        if (rc != XC_OK) {
            return rc;
        }

        param->value = value;
    }

    return XC_OK;
}


/* RFC 9651 4.2.3 */
static xc_rc_t
xc_sfv_parse_plain(xc_sfv_in_t *in, xc_sfv_item_t *out)
{
    xc_rc_t  rc;

    rc = xc_sfv_parse_bare(in, &out->bare);

    return rc == XC_OK ? xc_sfv_parse_params(in, out) : rc;
}


/* RFC 9651 4.2.1.2 */
static xc_rc_t
xc_sfv_parse_inner_list(xc_sfv_in_t *in, xc_sfv_item_t *out)
{
    void    *array;
    size_t   spaces;
    xc_rc_t  rc;

    out->bare.type = XC_SFV_INNER_LIST;
    in->p++;

    for ( ;; ) {
        spaces = xc_sfv_skip_sp(in);

        if (xc_sfv_take(in, ')')) {
            return xc_sfv_parse_params(in, out);
        }

        if (out->n_items != 0 && spaces == 0) {
            return XC_EINPUT;
        }

        array = out->items;
        rc = xc_sfv_grow(in->arena, &array, out->n_items,
                         sizeof(xc_sfv_item_t), XC_SFV_MAX_MEMBERS);
        if (rc != XC_OK) {
            return rc;
        }

        out->items = array;

        rc = xc_sfv_parse_plain(in, &out->items[out->n_items]);
        if (rc != XC_OK) {
            return rc;
        }

        out->n_items++;
    }
}


/* RFC 9651 4.2.1.1 */
static xc_rc_t
xc_sfv_parse_any(xc_sfv_in_t *in, xc_sfv_item_t *out)
{
    memset(out, 0, sizeof(xc_sfv_item_t));

    return xc_sfv_at(in, '(') ? xc_sfv_parse_inner_list(in, out)
                              : xc_sfv_parse_plain(in, out);
}


/* A dictionary's member behind its key: RFC 9651 4.2.2 */
static xc_rc_t
xc_sfv_parse_value(xc_sfv_in_t *in, xc_sfv_item_t *out)
{
    if (xc_sfv_take(in, '=')) {
        return xc_sfv_parse_any(in, out);
    }

    *out = (xc_sfv_item_t) { .bare = xc_sfv_true };

    return xc_sfv_parse_params(in, out);
}


/* Puts the member in its place: behind the others, but a repeated key where
 * it stood first. */
static xc_rc_t
xc_sfv_put(xc_sfv_in_t *in, xc_sfv_list_t *list, const xc_sfv_member_t *member)
{
    void    *array = list->members;
    size_t   i;
    xc_rc_t  rc;

    for (i = 0; member->key.len != 0 && i < list->n; i++) {
        if (xc_str_eq(list->members[i].key, member->key)) {
            list->members[i] = *member;
            list->repeated = true;
            return XC_OK;
        }
    }

    rc = xc_sfv_grow(in->arena, &array, list->n, sizeof(xc_sfv_member_t),
                     XC_SFV_MAX_MEMBERS);
    if (rc != XC_OK) {
        return rc;
    }

    list->members = array;
    list->members[list->n++] = *member;

    return XC_OK;
}


/* RFC 9651 4.2.1 and 4.2.2: they differ in the key alone. */
static xc_rc_t
xc_sfv_parse_members(xc_sfv_in_t *in, bool keyed, xc_sfv_list_t *list)
{
    xc_rc_t          rc;
    xc_sfv_member_t  member;

    while (in->p != in->end) {
        member.key = XC_STR_NONE;
        rc = keyed ? xc_sfv_parse_key(in, &member.key) : XC_OK;

        if (rc == XC_OK) {
            rc = keyed ? xc_sfv_parse_value(in, &member.item)
                       : xc_sfv_parse_any(in, &member.item);
        }

        if (rc == XC_OK) {
            rc = xc_sfv_put(in, list, &member);
        }

        if (rc != XC_OK) {
            return rc;
        }

        xc_sfv_skip_ows(in);

        if (in->p == in->end) {
            return XC_OK;
        }

        if (!xc_sfv_take(in, ',')) {
            return XC_EINPUT;
        }

        xc_sfv_skip_ows(in);

        if (in->p == in->end) {
            return XC_EINPUT;
        }
    }

    return XC_OK;
}


/* RFC 9651 4.2: spaces around the whole are dropped, tabs are not. */
static xc_sfv_in_t
xc_sfv_open(xc_arena_t *arena, xc_str_t field)
{
    xc_sfv_in_t  in;

    while (field.len != 0 && field.data[field.len - 1] == ' ') {
        field.len--;
    }

    if (field.len == 0) {
        field = XC_STR("");
    }

    in = (xc_sfv_in_t) { arena, field.data, field.data + field.len };
    xc_sfv_skip_sp(&in);

    return in;
}


static xc_rc_t
xc_sfv_parse_whole(xc_arena_t *arena, xc_str_t field, bool keyed,
    xc_sfv_list_t *out)
{
    xc_rc_t        rc;
    xc_sfv_in_t    in = xc_sfv_open(arena, field);
    xc_sfv_list_t  list = { NULL, 0, false };

    rc = xc_sfv_parse_members(&in, keyed, &list);
    if (rc == XC_OK) {
        *out = list;
    }

    return rc;
}


xc_rc_t
xc_sfv_parse_dict(xc_arena_t *arena, xc_str_t in, xc_sfv_list_t *out)
{
    return xc_sfv_parse_whole(arena, in, true, out);
}


xc_rc_t
xc_sfv_parse_list(xc_arena_t *arena, xc_str_t in, xc_sfv_list_t *out)
{
    return xc_sfv_parse_whole(arena, in, false, out);
}


xc_rc_t
xc_sfv_parse_item(xc_arena_t *arena, xc_str_t in, xc_sfv_item_t *out)
{
    xc_rc_t        rc;
    xc_sfv_in_t    rest = xc_sfv_open(arena, in);
    xc_sfv_item_t  item = { .n_items = 0 };

    rc = xc_sfv_parse_plain(&rest, &item);
    if (rc != XC_OK) {
        return rc;
    }

    if (rest.p != rest.end) {
        return XC_EINPUT;
    }

    *out = item;

    return XC_OK;
}


const xc_sfv_item_t *
xc_sfv_member(const xc_sfv_list_t *dict, xc_str_t key)
{
    size_t  i;

    for (i = 0; i < dict->n; i++) {
        if (xc_str_eq(dict->members[i].key, key)) {
            return &dict->members[i].item;
        }
    }

    return NULL;
}


const xc_sfv_bare_t *
xc_sfv_param(const xc_sfv_item_t *item, xc_str_t name)
{
    size_t  i;

    for (i = 0; i < item->n_params; i++) {
        if (xc_str_eq(item->params[i].name, name)) {
            return &item->params[i].value;
        }
    }

    return NULL;
}


/* RFC 9651 4.1.1.2 */
static void
xc_sfv_write_params(xc_buf_t *out, const xc_sfv_item_t *item)
{
    size_t                 i;
    const xc_sfv_param_t  *param;

    for (i = 0; i < item->n_params; i++) {
        param = &item->params[i];

        xc_buf_char(out, ';');
        xc_buf_str(out, param->name);

        if (param->value.type != XC_SFV_BOOLEAN || param->value.number == 0) {
            xc_buf_char(out, '=');
            xc_sfv_write_bare(out, &param->value);
        }
    }
}


void
xc_sfv_write_item(xc_buf_t *out, const xc_sfv_item_t *item)
{
    size_t  i;

    if (item->bare.type != XC_SFV_INNER_LIST) {
        xc_sfv_write_bare(out, &item->bare);
        xc_sfv_write_params(out, item);
        return;
    }

    xc_buf_char(out, '(');

    for (i = 0; i < item->n_items; i++) {
        if (i != 0) {
            xc_buf_char(out, ' ');
        }

        xc_sfv_write_bare(out, &item->items[i].bare);
        xc_sfv_write_params(out, &item->items[i]);
    }

    xc_buf_char(out, ')');
    xc_sfv_write_params(out, item);
}


void
xc_sfv_write_list(xc_buf_t *out, const xc_sfv_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->n; i++) {
        if (i != 0) {
            xc_buf_z(out, ", ");
        }

        xc_sfv_write_item(out, &list->members[i].item);
    }
}


void
xc_sfv_write_dict(xc_buf_t *out, const xc_sfv_list_t *dict)
{
    size_t                i;
    const xc_sfv_item_t  *item;

    for (i = 0; i < dict->n; i++) {
        item = &dict->members[i].item;

        if (i != 0) {
            xc_buf_z(out, ", ");
        }

        xc_buf_str(out, dict->members[i].key);

        if (item->bare.type == XC_SFV_BOOLEAN && item->bare.number != 0) {
            xc_sfv_write_params(out, item);
            continue;
        }

        xc_buf_char(out, '=');
        xc_sfv_write_item(out, item);
    }
}
