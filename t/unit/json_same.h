/* Are two trees of JSON one, node by node, through what xc_json.h reads? */

#ifndef JSON_SAME_H
#define JSON_SAME_H

#include "xc_json_read.h"
#include "xc_json_twin.h"


static inline bool
json_same_scalar(const xc_json_t *a, const xc_json_t *b)
{
    double  x = xc_json_real(a), y = xc_json_real(b);

    /* by bytes: -0.0 is not 0.0 */
    return xc_json_int(a) == xc_json_int(b)
           && memcmp(&x, &y, sizeof(x)) == 0
           && xc_json_bool(a) == xc_json_bool(b)
           && xc_str_eq(xc_json_string(a), xc_json_string(b));
}


static inline bool
json_same(const xc_json_t *a, const xc_json_t *b)
{
    size_t                 i;
    const xc_json_iter_t  *p, *q;

    if (xc_json_type(a) != xc_json_type(b)
        || xc_json_size(a) != xc_json_size(b) || !json_same_scalar(a, b))
    {
        return false;
    }

    if (xc_json_type(a) == XC_JSON_ARRAY) {
        for (i = 0; i < xc_json_size(a); i++) {
            if (!json_same(xc_json_element(a, i), xc_json_element(b, i))) {
                return false;
            }
        }

        return xc_json_element(b, i) == NULL;
    }

    p = xc_json_first(a);
    q = xc_json_first(b);

    for (i = 0; p != NULL && q != NULL; i++) {
        if (!xc_str_eq(xc_json_iter_key(p), xc_json_iter_key(q))
            || xc_json_member(b, xc_json_iter_key(p)) != xc_json_iter_value(q)
            || !json_same(xc_json_iter_value(p), xc_json_iter_value(q)))
        {
            return false;
        }

        p = xc_json_next(a, p);
        q = xc_json_next(b, q);
    }

    return p == NULL && q == NULL && i == xc_json_size(a);
}

#endif
