#include "xc_sfv_field.h"


/* The IANA Hypertext Transfer Protocol (HTTP) Field Name Registry. */
static const struct {
    xc_str_t        name;
    xc_sfv_field_t  type;
} xc_sfv_fields[] = {
    { { "accept-signature", 16 }, XC_SFV_FIELD_DICT },      /* RFC 9421 5.1 */
    { { "available-dictionary", 20 }, XC_SFV_FIELD_ITEM },  /* RFC 9842 2.2 */
    { { "capsule-protocol", 16 }, XC_SFV_FIELD_ITEM },      /* RFC 9297 3.4 */
    { { "client-cert", 11 }, XC_SFV_FIELD_ITEM },           /* RFC 9440 2.2 */
    { { "client-cert-chain", 17 }, XC_SFV_FIELD_LIST },     /* RFC 9440 2.3 */
    { { "content-digest", 14 }, XC_SFV_FIELD_DICT },        /* RFC 9530 2 */
    { { "dictionary-id", 13 }, XC_SFV_FIELD_ITEM },         /* RFC 9842 2.3 */
    { { "priority", 8 }, XC_SFV_FIELD_DICT },               /* RFC 9218 5 */
    { { "repr-digest", 11 }, XC_SFV_FIELD_DICT },           /* RFC 9530 3 */
    { { "signature", 9 }, XC_SFV_FIELD_DICT },              /* RFC 9421 4.2 */
    { { "signature-input", 15 }, XC_SFV_FIELD_DICT },       /* RFC 9421 4.1 */
    { { "want-content-digest", 19 }, XC_SFV_FIELD_DICT },   /* RFC 9530 4 */
    { { "want-repr-digest", 16 }, XC_SFV_FIELD_DICT },      /* RFC 9530 4 */
};


xc_sfv_field_t
xc_sfv_field_type(xc_str_t name)
{
    size_t  i;

    for (i = 0; i < XC_COUNT(xc_sfv_fields); i++) {
        if (xc_str_eq(xc_sfv_fields[i].name, name)) {
            return xc_sfv_fields[i].type;
        }
    }

    return XC_SFV_FIELD_UNKNOWN;
}


static bool
xc_sfv_field_fits(xc_str_t value)
{
    size_t  i, n;

    for (i = n = 0; i < value.len && value.len <= XC_SFV_FIELD_MAX; i++) {
        n += value.data[i] == ',' || value.data[i] == ';';
    }

    return i == value.len && n <= XC_SFV_FIELD_SEPARATORS;
}


/*
 * Room for what was parsed from len bytes: nothing but a separator grows, from
 * one byte to two, and a member without a value gets "?1".
 */
static bool
xc_sfv_field_room(xc_arena_t *arena, size_t len, xc_buf_t *out)
{
    void    *mem;
    size_t   cap = 2 * len + 16;

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return false;
    }

    xc_buf_init(out, mem, cap);

    return true;
}


static xc_rc_t
xc_sfv_field_written(const xc_buf_t *b, xc_str_t *out)
{
    if (b->overflow) {
        return XC_EINTERNAL;
    }

    *out = xc_buf_view(b);

    return XC_OK;
}


static xc_rc_t
xc_sfv_field_refused(xc_rc_t rc)
{
    return rc == XC_EINPUT || rc == XC_ELIMIT ? XC_DENIED : rc;
}


static xc_rc_t
xc_sfv_field_item(xc_arena_t *arena, xc_str_t value, xc_buf_t *out)
{
    xc_rc_t        rc;
    xc_sfv_item_t  item;

    rc = xc_sfv_parse_item(arena, value, &item);
    if (rc == XC_OK) {
        xc_sfv_write_item(out, &item);
    }

    return rc;
}


static xc_rc_t
xc_sfv_field_members(xc_arena_t *arena, bool keyed, xc_str_t value,
    xc_buf_t *out)
{
    xc_rc_t        rc;
    xc_sfv_list_t  list;

    rc = keyed ? xc_sfv_parse_dict(arena, value, &list)
               : xc_sfv_parse_list(arena, value, &list);
    if (rc != XC_OK) {
        return rc;
    }

    if (keyed) {
        xc_sfv_write_dict(out, &list);

    } else {
        xc_sfv_write_list(out, &list);
    }

    return XC_OK;
}


xc_rc_t
xc_sfv_field_strict(xc_arena_t *arena, xc_sfv_field_t type, xc_str_t value,
    xc_str_t *out)
{
    xc_rc_t   rc;
    xc_buf_t  b;

    if (type == XC_SFV_FIELD_UNKNOWN || !xc_sfv_field_fits(value)) {
        return XC_DENIED;
    }

    if (!xc_sfv_field_room(arena, value.len, &b)) {
        return XC_ENOMEM;
    }

    rc = type == XC_SFV_FIELD_ITEM
         ? xc_sfv_field_item(arena, value, &b)
         : xc_sfv_field_members(arena, type == XC_SFV_FIELD_DICT, value, &b);

    return rc == XC_OK ? xc_sfv_field_written(&b, out)
                       : xc_sfv_field_refused(rc);
}


xc_rc_t
xc_sfv_field_member(xc_arena_t *arena, xc_str_t value, xc_str_t key,
    xc_str_t *out)
{
    xc_rc_t               rc;
    xc_buf_t              b;
    xc_sfv_list_t         dict;
    const xc_sfv_item_t  *item;

    if (!xc_sfv_field_fits(value)) {
        return XC_DENIED;
    }

    rc = xc_sfv_parse_dict(arena, value, &dict);
    if (rc != XC_OK) {
        return xc_sfv_field_refused(rc);
    }

    item = xc_sfv_member(&dict, key);
    if (item == NULL) {
        return XC_DENIED;
    }

    if (!xc_sfv_field_room(arena, value.len, &b)) {
        return XC_ENOMEM;
    }

    xc_sfv_write_item(&b, item);

    return xc_sfv_field_written(&b, out);
}
