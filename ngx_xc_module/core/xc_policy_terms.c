#include "xc_policy_load.h"

#include "xc_ascii.h"

#include <arpa/inet.h>


#define XC_LOAD_TAG_MAX         128
#define XC_LOAD_HOST_MAX        253
#define XC_LOAD_HOSTS_MAX       256


/* Lower case, with the brackets of an IPv6 address. */
static bool
xc_load_is_host(xc_str_t host)
{
    char             text[INET6_ADDRSTRLEN];
    size_t           i;
    struct in6_addr  in6;

    if (host.len > 2 && host.data[0] == '[') {
        if (host.len - 2 >= sizeof(text) || host.data[host.len - 1] != ']') {
            return false;
        }

        memcpy(text, host.data + 1, host.len - 2);
        text[host.len - 2] = '\0';

        return inet_pton(AF_INET6, text, &in6) == 1;
    }

    for (i = 0; i < host.len; i++) {
        if (!xc_ascii_is_alpha(host.data[i])
            && !xc_ascii_is_digit(host.data[i])
            && host.data[i] != '-' && host.data[i] != '_'
            && (host.data[i] != '.' || i == 0 || i == host.len - 1
                || host.data[i - 1] == '.'))
        {
            return false;
        }
    }

    return host.len != 0 && host.len <= XC_LOAD_HOST_MAX;
}


/* host [ ":" port ]; text is the loader's own copy */
static bool
xc_load_split_authority(xc_str_t text, xc_authority_t *out)
{
    size_t    i;
    uint64_t  port = 0;
    xc_str_t  host = text;

    for (i = text.len; i != 0 && xc_ascii_is_digit(text.data[i - 1]); i--) {
        /* void */
    }

    if (i != 0 && text.data[i - 1] == ':'
        && (text.data[0] != '[' || (i > 1 && text.data[i - 2] == ']')))
    {
        host.len = i - 1;

        if (!xc_ascii_u64((xc_str_t) { text.data + i, text.len - i }, 65535,
                          &port)
            || port == 0)
        {
            return false;
        }
    }

    *out = (xc_authority_t) { host, (unsigned) port };

    return xc_load_is_host(host);
}


static bool
xc_load_authority(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_authority_t *out)
{
    char      *p;
    size_t     i;
    xc_str_t   text = xc_load_text(load, at, node, XC_LOAD_HOST_MAX + 6);

    if (text.data == NULL) {
        return false;
    }

    for (p = (char *) text.data, i = 0; i < text.len; i++) {
        p[i] = xc_ascii_lower(p[i]);
    }

    if (!xc_load_split_authority(text, out)) {
        xc_load_fault(load, at, XC_STR_FMT " is not host or host:port; an IPv6 "
                      "address stands in brackets",
                      XC_STR_ARG(xc_load_quote(load, text)));
        return false;
    }

    return true;
}


void
xc_load_authorities(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t           i, j, n = xc_json_size(node);
    xc_authority_t  *list, *one;

    if (node == NULL) {
        return;
    }

    if (n == 0 || n > XC_LOAD_HOSTS_MAX) {
        xc_load_fault(load, at, "must name 1 to 256 hosts, found %zu", n);
        return;
    }

    list = xc_load_array(load, n, sizeof(xc_authority_t));
    if (list == NULL) {
        return;
    }

    load->policy->authorities = list;

    for (i = 0; i < n; i++) {
        one = &list[load->policy->n_authorities];

        if (!xc_load_authority(load, XC_AT_I(at, i), xc_json_element(node, i),
                               one))
        {
            continue;
        }

        for (j = 0; j < load->policy->n_authorities; j++) {
            if (list[j].port == one->port
                && xc_str_eq(list[j].host, one->host))
            {
                xc_load_fault(load, XC_AT_I(at, i), "stands twice");
                break;
            }
        }

        load->policy->n_authorities++;
    }
}


static void
xc_load_tag(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t    i;
    xc_str_t  tag = xc_load_text(load, at, node, XC_LOAD_TAG_MAX);

    for (i = 0; i < tag.len; i++) {
        if ((unsigned char) tag.data[i] >= 0x80) {
            xc_load_fault(load, at, "must be ASCII, as RFC 9421 has it");
            return;
        }
    }

    load->policy->tag = tag.data != NULL ? tag : XC_STR("");
}


void
xc_load_signature(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    const xc_json_t  *v[4];
    xc_policy_t      *policy = load->policy;

    static const xc_str_t  nonce[] = { { "required", 8 }, { "optional", 8 } };

    static const xc_load_member_t  members[] = {
        XC_MEMBER("max_age", XC_LOAD_INT),
        XC_MEMBER("max_skew", XC_LOAD_INT),
        XC_MEMBER("nonce", XC_LOAD_STRING),
        XC_MEMBER("tag", XC_LOAD_STRING)
    };

    policy->max_age_s = 300;
    policy->max_skew_s = 30;
    policy->nonce_required = true;
    policy->tag = XC_STR("");

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    policy->max_age_s = (int64_t) xc_load_int(load, XC_AT(at, "max_age"), v[0],
                                              1, XC_POLICY_AGE_MAX, 300,
                                              " seconds");
    policy->max_skew_s = (int64_t) xc_load_int(load, XC_AT(at, "max_skew"),
                                               v[1], 0, XC_POLICY_SKEW_MAX,
                                               30, " seconds");

    if (xc_load_word(load, XC_AT(at, "nonce"), v[2], nonce, 2) == 1) {
        policy->nonce_required = false;
        xc_load_warn(load, XC_AT(at, "nonce"), "a request without a nonce "
                     "is known by its signature base: the same one signed "
                     "again within a second counts as replayed; write "
                     "\"required\"");
    }

    xc_load_tag(load, XC_AT(at, "tag"), v[3]);
}


void
xc_load_limits(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t            i;
    uint64_t         *limit;
    const xc_json_t  *v[7];

    static const char  why[] = " (a record of all maxima must fit in 64 KiB)";

    static const xc_load_member_t  members[] = {
        XC_MEMBER("fields", XC_LOAD_INT),
        XC_MEMBER("subjects", XC_LOAD_INT),
        XC_MEMBER("string", XC_LOAD_INT),
        XC_MEMBER("depth", XC_LOAD_INT),
        XC_MEMBER("window_days", XC_LOAD_INT),
        XC_MEMBER("officers", XC_LOAD_INT),
        XC_MEMBER("result_days", XC_LOAD_INT)
    };

    static const struct {
        size_t       offset;
        uint64_t     fallback, max;
        const char  *why;
    } limits[] = {
        { offsetof(xc_limits_t, fields), 64, XC_POLICY_LIMIT_FIELDS, why },
        { offsetof(xc_limits_t, subjects), 50, XC_POLICY_LIMIT_SUBJECTS, why },
        { offsetof(xc_limits_t, string), 256, XC_POLICY_LIMIT_STRING, why },
        { offsetof(xc_limits_t, depth), 8, XC_POLICY_LIMIT_DEPTH, "" },
        { offsetof(xc_limits_t, window_days), 366,
          XC_POLICY_LIMIT_WINDOW_DAYS, "" },
        { offsetof(xc_limits_t, officers), 8, XC_POLICY_LIMIT_OFFICERS, why },
        { offsetof(xc_limits_t, result_days), 90,
          XC_POLICY_LIMIT_RESULT_DAYS, " days" }
    };

    memset(v, 0, sizeof(v));

    if (node != NULL
        && !xc_load_object(load, at, node, members, XC_COUNT(members), v))
    {
        return;
    }

    for (i = 0; i < XC_COUNT(limits); i++) {
        limit = (uint64_t *) (void *) ((char *) &load->policy->limits
                                       + limits[i].offset);
        *limit = xc_load_int(load, XC_AT_KEY(at, members[i].name), v[i], 1,
                             limits[i].max, limits[i].fallback, limits[i].why);
    }
}
