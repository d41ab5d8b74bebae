#include "xc_intake.h"

#include "xc_ascii.h"

/* Weights in thousandths: RFC 9110 12.4.2 */
#define XC_ACCEPT_FULL      1000

/* An element of a comma-separated field: what is named, and its weight. */
typedef struct {
    xc_str_t  name;
    int       weight;
} xc_accept_t;


/* The text up to the first c, which is taken off *rest with it. */
static xc_str_t
xc_accept_until(xc_str_t *rest, char c)
{
    xc_str_t     out = *rest;
    const char  *p;

    p = rest->len == 0 ? NULL : memchr(rest->data, c, rest->len);

    if (p == NULL) {
        *rest = XC_STR_NONE;
        return out;
    }

    out.len = (size_t) (p - rest->data);
    rest->data += out.len + 1;
    rest->len -= out.len + 1;

    return out;
}


/* -1: not a weight. */
static int
xc_accept_weight(xc_str_t s)
{
    int     weight, unit;
    size_t  i;

    if (s.len == 0 || s.len > 5 || (s.data[0] != '0' && s.data[0] != '1')
        || (s.len > 1 && s.data[1] != '.'))
    {
        return -1;
    }

    weight = s.data[0] == '1' ? XC_ACCEPT_FULL : 0;
    unit = 100;

    for (i = 2; i < s.len; i++) {
        if (!xc_ascii_is_digit(s.data[i])) {
            return -1;
        }

        weight += (s.data[i] - '0') * unit;
        unit /= 10;
    }

    return weight <= XC_ACCEPT_FULL ? weight : -1;
}


/* The next element that can be read; false at the end. */
static bool
xc_accept_next(xc_str_t *rest, xc_accept_t *out)
{
    xc_str_t  element, param, name;

    while (rest->len != 0) {
        element = xc_accept_until(rest, ',');
        out->name = xc_ascii_trim(xc_accept_until(&element, ';'));
        out->weight = XC_ACCEPT_FULL;

        while (element.len != 0) {
            param = xc_ascii_trim(xc_accept_until(&element, ';'));
            name = xc_accept_until(&param, '=');

            if (xc_ascii_ieq(name, XC_STR("q"))) {
                out->weight = xc_accept_weight(param);
            }
        }

        if (out->name.len != 0 && out->weight >= 0) {
            return true;
        }
    }

    return false;
}


/* The weight of a media type: of the most specific range that holds it, 0
 * where none does.  Parameters but q are passed over. */
static int
xc_accept_media(xc_str_t accept, xc_str_t type, xc_str_t any_subtype)
{
    int          weight = 0;
    unsigned     best = 0, now;
    xc_accept_t  a;

    while (xc_accept_next(&accept, &a)) {
        now = xc_ascii_ieq(a.name, type) ? 3
              : xc_ascii_ieq(a.name, any_subtype) ? 2
              : xc_str_eq(a.name, XC_STR("*/*")) ? 1 : 0;

        if (now > best) {
            best = now;
            weight = a.weight;
        }
    }

    return weight;
}


xc_intake_format_t
xc_intake_format(xc_str_t accept, xc_str_t query_format)
{
    int  json, html;

    if (xc_ascii_ieq(query_format, XC_STR("html"))) {
        return XC_INTAKE_HTML;
    }

    if (xc_ascii_ieq(query_format, XC_STR("json"))) {
        return XC_INTAKE_JSON;
    }

    json = xc_accept_media(accept, XC_STR("application/json"),
                           XC_STR("application/*"));
    html = xc_accept_media(accept, XC_STR("text/html"), XC_STR("text/*"));

    return html > json ? XC_INTAKE_HTML : XC_INTAKE_JSON;
}


/* XC_INTAKE_LANGS: another one. */
static xc_intake_lang_t
xc_accept_lang(xc_str_t tag)
{
    xc_str_t  primary = xc_accept_until(&tag, '-');

    if (xc_ascii_ieq(primary, XC_STR("zh"))) {
        return XC_INTAKE_ZH;
    }

    return xc_ascii_ieq(primary, XC_STR("en")) ? XC_INTAKE_EN
                                               : XC_INTAKE_LANGS;
}


/* Of equal weights the one named first: readers' programs list them so. */
xc_intake_lang_t
xc_intake_language(xc_str_t accept_language, xc_str_t query_lang)
{
    int               best;
    xc_accept_t       a;
    xc_intake_lang_t  lang, chosen;

    chosen = xc_accept_lang(query_lang);
    if (chosen != XC_INTAKE_LANGS) {
        return chosen;
    }

    best = 0;

    while (xc_accept_next(&accept_language, &a)) {
        lang = xc_str_eq(a.name, XC_STR("*")) ? XC_INTAKE_ZH
                                              : xc_accept_lang(a.name);

        if (lang != XC_INTAKE_LANGS && a.weight > best) {
            best = a.weight;
            chosen = lang;
        }
    }

    return chosen == XC_INTAKE_LANGS ? XC_INTAKE_ZH : chosen;
}
