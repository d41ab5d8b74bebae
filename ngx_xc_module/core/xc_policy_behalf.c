#include "xc_policy_load.h"

#include "xc_ascii.h"


#define XC_LOAD_BEHALF_MAX  4096        /* agencies that one may ask for */
#define XC_LOAD_PREFIX_MAX  6           /* a code of GB/T 2260 has so many */


/* Agencies may stand behind their intermediary: names are looked up when all
 * have been read. */
struct xc_load_behalf_s {
    const xc_json_t   *node;
    xc_credential_t   *credential;
    xc_load_behalf_t  *next;
};


void
xc_load_behalf(xc_load_t *load, const xc_json_t *node,
    xc_credential_t *credential)
{
    xc_load_behalf_t  *one;

    if (node == NULL) {
        return;
    }

    one = xc_load_array(load, 1, sizeof(xc_load_behalf_t));
    if (one == NULL) {
        return;
    }

    *one = (xc_load_behalf_t) { node, credential, NULL };

    if (load->behalf == NULL) {
        load->behalf = one;

    } else {
        load->behalf_last->next = one;
    }

    load->behalf_last = one;
}


/* The list is in the order of the agencies, for xc_behalf_at(). */
static void
xc_load_behalf_enter(xc_load_t *load, const xc_at_t *at,
    const xc_agency_t *agency, xc_behalf_t *behalf)
{
    size_t  i = xc_behalf_at(behalf, agency);

    if (i < behalf->n_agencies && behalf->agencies[i] == agency) {
        xc_load_fault(load, at, "the agency " XC_STR_FMT " is named twice",
                      XC_STR_ARG(agency->id));
        return;
    }

    memmove(&behalf->agencies[i + 1], &behalf->agencies[i],
            (behalf->n_agencies - i) * sizeof(xc_agency_t *));
    behalf->agencies[i] = agency;
    behalf->n_agencies++;
}


static void
xc_load_behalf_agency(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, const xc_agency_t *self, xc_behalf_t *behalf)
{
    xc_str_t            id;
    const xc_agency_t  *agency;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return;
    }

    id = xc_json_string(node);
    agency = xc_policy_agency(load->policy, id);

    if (agency == NULL) {
        xc_load_fault(load, at, "no agency " XC_STR_FMT " in agencies",
                      XC_STR_ARG(xc_load_quote(load, id)));

    } else if (agency == self) {
        xc_load_fault(load, at, XC_STR_FMT " is the agency of the credential"
                      " itself", XC_STR_ARG(xc_load_quote(load, id)));

    } else {
        xc_load_behalf_enter(load, at, agency, behalf);
    }
}


static void
xc_load_behalf_list(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_agency_t *self, xc_behalf_t *behalf)
{
    size_t  i, n = xc_json_size(node);

    if (n == 0 || n > XC_LOAD_BEHALF_MAX) {
        xc_load_fault(load, at, "must name 1 to %d agencies, found %zu",
                      XC_LOAD_BEHALF_MAX, n);
        return;
    }

    behalf->agencies = xc_load_array(load, n, sizeof(xc_agency_t *));

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_behalf_agency(load, XC_AT_I(at, i), xc_json_element(node, i),
                              self, behalf);
    }
}


static xc_str_t
xc_load_behalf_prefix(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node)
{
    size_t    i;
    xc_str_t  prefix;

    if (node == NULL || xc_json_string(node).len == 0) {
        return XC_STR("");
    }

    prefix = xc_load_text(load, at, node, XC_LOAD_PREFIX_MAX);

    for (i = 0; i < prefix.len; i++) {
        if (!xc_ascii_is_digit(prefix.data[i])
            && !xc_ascii_is_alpha(prefix.data[i]))
        {
            xc_load_fault(load, at, "must be the first 0 to %d digits or "
                          "letters of a region", XC_LOAD_PREFIX_MAX);
            break;
        }
    }

    return prefix.data == NULL ? XC_STR("") : prefix;
}


/* A prefix with a slip of the pen lets nobody in, which is safe, but is seen
 * only on the day of the first request. */
static void
xc_load_behalf_warn(xc_load_t *load, const xc_at_t *at,
    const xc_credential_t *credential)
{
    size_t              i;
    const xc_policy_t  *policy = load->policy;

    for (i = 0; i < policy->n_agencies; i++) {
        if (xc_policy_behalf_ok(credential, &policy->agencies[i])) {
            return;
        }
    }

    xc_load_warn(load, at, "no other agency has this level and such a region");
}


static void
xc_load_behalf_level(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, const xc_credential_t *credential,
    xc_behalf_t *behalf)
{
    xc_level_t        level;
    const xc_json_t  *v[2];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("level", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("region_prefix", XC_LOAD_STRING)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    level = xc_load_level(load, XC_AT(at, "level"), v[0]);
    behalf->region_prefix = xc_load_behalf_prefix(load,
                                                  XC_AT(at, "region_prefix"),
                                                  v[1]);

    if (level < XC_LEVEL_COUNT) {
        behalf->level = level;
        xc_load_behalf_warn(load, at, credential);
    }
}


static void
xc_load_behalf_of(xc_load_t *load, const xc_at_t *at,
    const xc_load_behalf_t *one)
{
    xc_behalf_t      *behalf;
    xc_credential_t  *credential = one->credential;

    behalf = xc_load_array(load, 1, sizeof(xc_behalf_t));
    if (behalf == NULL) {
        return;
    }

    behalf->region_prefix = XC_STR("");
    credential->behalf = behalf;

    if (xc_json_type(one->node) == XC_JSON_ARRAY) {
        xc_load_behalf_list(load, at, one->node, credential->agency, behalf);

    } else {
        xc_load_behalf_level(load, at, one->node, credential, behalf);
    }
}


void
xc_load_behalves(xc_load_t *load, const xc_at_t *at)
{
    size_t                    i;
    const xc_agency_t        *agency;
    const xc_load_behalf_t   *one;

    for (one = load->behalf; one != NULL && load->rc == XC_OK;
         one = one->next)
    {
        agency = one->credential->agency;
        i = (size_t) (one->credential - agency->credentials);

        xc_load_behalf_of(load,
                          XC_AT(XC_AT_I(XC_AT(XC_AT_I(at, agency->index),
                                              "credentials"), i),
                                "on_behalf_of"), one);
    }
}


bool
xc_load_behalf_any(const xc_load_t *load, const xc_agency_t *agency)
{
    const xc_load_behalf_t  *one;

    for (one = load->behalf; one != NULL; one = one->next) {
        if (xc_policy_behalf_ok(one->credential, agency)) {
            return true;
        }
    }

    return false;
}
