#include "xc_policy_load.h"

#include "xc_ascii.h"


#define XC_LOAD_NAME_MAX    256         /* bytes */
#define XC_LOAD_RATE_MAX    1000000     /* requests a second or minute */
#define XC_LOAD_BURST_MAX   1000000


typedef struct {
    uint64_t  requests;             /* so many */
    int64_t   per_s;                /* in so many seconds */
} xc_load_pace_t;


/* "10r/s" or "30r/m"; one a second with a node of NULL or a fault. */
static xc_load_pace_t
xc_load_pace(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    int64_t   per_s = 0;
    uint64_t  n;
    xc_str_t  text, number;

    if (!xc_load_is(load, at, node, XC_LOAD_STRING)) {
        return (xc_load_pace_t) { 1, 1 };
    }

    text = xc_json_string(node);
    number = (xc_str_t) { text.data, text.len > 3 ? text.len - 3 : 0 };

    if (number.len != 0) {
        text.data += number.len;
        text.len = 3;
        per_s = xc_str_eq(text, XC_STR("r/s")) ? 1
                : xc_str_eq(text, XC_STR("r/m")) ? 60 : 0;
    }

    if (per_s == 0 || !xc_ascii_u64(number, XC_LOAD_RATE_MAX, &n) || n == 0) {
        xc_load_fault(load, at, "must be a rate such as \"10r/s\" or "
                      "\"30r/m\", 1 to %d", XC_LOAD_RATE_MAX);
        return (xc_load_pace_t) { 1, 1 };
    }

    return (xc_load_pace_t) { n, per_s };
}


static int64_t
xc_load_interval_us(const xc_load_pace_t *pace)
{
    return pace->per_s * 1000000 / (int64_t) pace->requests;
}


static void
xc_load_cost(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_rate_t *rate)
{
    const xc_json_t  *v[2];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("subject", XC_LOAD_INT),
        XC_MEMBER("field", XC_LOAD_INT)
    };

    if (node == NULL
        || !xc_load_object(load, at, node, members, XC_COUNT(members), v))
    {
        return;
    }

    rate->cost_subject = xc_load_int(load, XC_AT(at, "subject"), v[0], 0,
                                     XC_POLICY_COST_MAX, 0, "");
    rate->cost_field = xc_load_int(load, XC_AT(at, "field"), v[1], 0,
                                   XC_POLICY_COST_MAX, 0, "");
}


static void
xc_load_rate(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_rate_t *rate)
{
    xc_load_pace_t    pace, refusals;
    const xc_json_t  *v[5];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("rate", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("burst", XC_LOAD_INT),
        XC_MEMBER("refusals", XC_LOAD_STRING),
        XC_MEMBER("per_day", XC_LOAD_INT),
        XC_MEMBER("cost", XC_LOAD_OBJECT)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    pace = xc_load_pace(load, XC_AT(at, "rate"), v[0]);
    refusals = xc_load_pace(load, XC_AT(at, "refusals"), v[2]);

    rate->requests = pace.requests;
    rate->per_s = pace.per_s;
    rate->interval_us = xc_load_interval_us(&pace);
    rate->burst = xc_load_int(load, XC_AT(at, "burst"), v[1], 0,
                              XC_LOAD_BURST_MAX, 0, "");
    rate->refusals_interval_us = xc_load_interval_us(&refusals);
    rate->refusals_burst = rate->burst;
    rate->per_day = xc_load_int(load, XC_AT(at, "per_day"), v[3], 1,
                                XC_POLICY_PER_DAY_MAX, 0, "");
    xc_load_cost(load, XC_AT(at, "cost"), v[4], rate);
}


void
xc_load_rates(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_at_t                here;
    xc_str_t               id;
    xc_rate_t             *rate;
    const xc_json_iter_t  *it;

    if (node == NULL) {
        return;
    }

    rate = xc_load_array(load, xc_json_size(node), sizeof(xc_rate_t));
    load->rate_list = rate;
    xc_load_index(load, &load->rates, xc_json_size(node));

    for (it = xc_json_first(node); it != NULL && load->rc == XC_OK;
         it = xc_json_next(node, it), rate++)
    {
        here = *XC_AT_KEY(at, xc_json_iter_key(it));
        id = xc_load_key(load, &here, here.key);
        xc_load_rate(load, &here, xc_json_iter_value(it), rate);
        (void) xc_load_enter(load, &load->rates, id, rate);
    }
}


static void
xc_load_agency_rate(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_agency_t *agency)
{
    xc_str_t  id = node == NULL ? XC_STR("default") : xc_json_string(node);

    agency->rate = xc_index_find(&load->rates, id);

    if (agency->rate != NULL || load->rates.slots == NULL) {
        return;
    }

    if (node == NULL) {
        xc_load_fault(load, at, "not given, and rates has no \"default\"");

    } else {
        xc_load_fault(load, at, "no rate " XC_STR_FMT " in rates",
                      XC_STR_ARG(xc_load_quote(load, id)));
    }
}


/* GB/T 2260 codes have six digits; who has none there (the XPCC as a whole)
 * is given an id that begins with a letter. */
static bool
xc_load_is_code(xc_str_t region)
{
    size_t  i;

    for (i = 0; i < region.len && xc_ascii_is_digit(region.data[i]); i++) {
        /* void */
    }

    return i == region.len && region.len == 6;
}


static void
xc_load_region(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_agency_t *agency)
{
    agency->region = xc_load_id(load, at, node);

    if (agency->region.data != NULL && !xc_load_is_code(agency->region)
        && !xc_ascii_is_alpha(agency->region.data[0]))
    {
        xc_load_fault(load, at, "must be the six digits of GB/T 2260, or begin "
                      "with a letter where there is no code");
    }
}


/* The province of a county or city by its code, where parent is not given. */
static void
xc_load_default_parent(xc_load_t *load, const xc_at_t *at, xc_agency_t *agency)
{
    char  code[6] = { '0', '0', '0', '0', '0', '0' };

    if (!xc_load_is_code(agency->region)) {
        if (agency->region.data != NULL) {
            xc_load_fault(load, at, "required: the region has no code from "
                          "which the province could be told");
        }

        return;
    }

    memcpy(code, agency->region.data, 2);

    if (xc_arena_dup(load->arena, (xc_str_t) { code, sizeof(code) },
                     &agency->parent) != XC_OK)
    {
        xc_load_fail(load, XC_ENOMEM);
    }
}


static void
xc_load_parent(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_agency_t *agency)
{
    agency->parent = xc_load_id(load, at, node);

    switch (agency->level) {

    case XC_LEVEL_NATIONAL:
        if (node != NULL) {
            xc_load_fault(load, at, "nobody stands above the level national");
        }

        break;

    case XC_LEVEL_PROVINCE:
        if (node != NULL && !xc_str_eq(agency->parent, agency->id)) {
            xc_load_fault(load, at, "an agency of the level province is its "
                          "own parent; leave it out");
        }

        agency->parent = agency->id;
        break;

    default:
        if (node == NULL) {
            xc_load_default_parent(load, at, agency);
        }
    }
}


/* Where a credential's name has to be unique. */
static xc_index_t *
xc_load_credential_index(xc_policy_t *policy, const xc_credential_t *one)
{
    switch (one->scheme) {

    case XC_SCHEME_MTLS:
        return &policy->cert_index[one->match];

    case XC_SCHEME_JWT:
        return &policy->issuer_index;

    default:
        return &policy->keyid_index;
    }
}


static void
xc_load_credential_enter(xc_load_t *load, const xc_at_t *at,
    const xc_credential_t *one)
{
    xc_index_t             *index;
    const xc_credential_t  *other;

    static const char *const  members[XC_SCHEME_COUNT] = {
        "keyid", "certificate", "iss"
    };

    index = xc_load_credential_index(load->policy, one);

    if (one->keyid.data == NULL
        || xc_load_enter(load, index, one->keyid, one))
    {
        return;
    }

    other = xc_index_find(index, one->keyid);
    xc_load_fault(load, one->scheme == XC_SCHEME_MTLS ? at
                  : XC_AT_KEY(at, xc_str_z(members[one->scheme])), "the %s "
                  XC_STR_FMT " is that of agencies[%zu].credentials[%zu]",
                  members[one->scheme], XC_STR_ARG(one->keyid),
                  other->agency->index,
                  (size_t) (other - other->agency->credentials));
}


static void
xc_load_credentials(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_agency_t *agency)
{
    size_t            i, n = xc_json_size(node);
    xc_credential_t  *list, *one;

    list = xc_load_array(load, n, sizeof(xc_credential_t));
    agency->credentials = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        one = &list[i];
        one->agency = agency;
        memset(load->material, 0, sizeof(load->material));
        xc_load_credential(load, XC_AT_I(at, i), xc_json_element(node, i), one);
        xc_load_identity(load, xc_json_element(node, i), one);
        agency->n_credentials++;
        load->policy->n_credentials++;

        xc_load_credential_enter(load, XC_AT_I(at, i), one);
    }
}


static void
xc_load_agency(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_agency_t *agency)
{
    xc_level_t        level;
    const xc_json_t  *v[8];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("id", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("name", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("level", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("region", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("parent", XC_LOAD_STRING),
        XC_MEMBER("grants", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("rate", XC_LOAD_STRING),
        XC_MEMBER("credentials", XC_LOAD_ARRAY | XC_LOAD_REQUIRED)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    agency->id = xc_load_id(load, XC_AT(at, "id"), v[0]);
    agency->name = xc_load_text(load, XC_AT(at, "name"), v[1],
                                XC_LOAD_NAME_MAX);
    level = xc_load_level(load, XC_AT(at, "level"), v[2]);
    agency->level = level < XC_LEVEL_COUNT ? level : XC_LEVEL_COUNTY;
    xc_load_region(load, XC_AT(at, "region"), v[3], agency);

    if (level < XC_LEVEL_COUNT) {
        xc_load_parent(load, XC_AT(at, "parent"), v[4], agency);
    }

    xc_load_agency_grants(load, XC_AT(at, "grants"), v[5],
                          level < XC_LEVEL_COUNT, agency);
    xc_load_agency_rate(load, XC_AT(at, "rate"), v[6], agency);
    xc_load_agency_identity(load, agency);
    xc_load_credentials(load, XC_AT(at, "credentials"), v[7], agency);
}


/* A parent need not be listed, but one that is must be a province. */
static void
xc_load_check_parents(xc_load_t *load, const xc_at_t *at)
{
    size_t              i;
    const xc_agency_t  *agency, *parent;

    for (i = 0; i < load->policy->n_agencies; i++) {
        agency = &load->policy->agencies[i];
        parent = agency->parent.data == NULL
                 ? NULL : xc_policy_agency(load->policy, agency->parent);

        if (parent != NULL && parent->level != XC_LEVEL_PROVINCE) {
            xc_load_fault(load, XC_AT(XC_AT_I(at, i), "parent"), "the agency "
                          XC_STR_FMT " is not of the level province",
                          XC_STR_ARG(parent->id));
        }
    }
}


static size_t
xc_load_count_credentials(const xc_json_t *agencies)
{
    size_t  i, n = 0;

    for (i = 0; i < xc_json_size(agencies); i++) {
        n += xc_json_size(xc_json_member(xc_json_element(agencies, i),
                                         XC_STR("credentials")));
    }

    return n;
}


void
xc_load_agencies(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t        i, max, n = xc_json_size(node);
    xc_agency_t  *agency;
    xc_policy_t  *policy = load->policy;

    if (node == NULL) {
        return;
    }

    if (n > XC_POLICY_MAX_AGENCIES) {
        xc_load_fault(load, at, "at most %d agencies, found %zu",
                      XC_POLICY_MAX_AGENCIES, n);
        return;
    }

    policy->agencies = xc_load_array(load, n, sizeof(xc_agency_t));
    xc_load_index(load, &policy->agency_index, n);

    max = xc_load_count_credentials(node);
    xc_load_index(load, &policy->keyid_index, max);
    xc_load_index(load, &policy->issuer_index, max);

    for (i = 0; i < XC_CERT_COUNT; i++) {
        xc_load_index(load, &policy->cert_index[i], max);
    }

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        agency = &policy->agencies[i];
        agency->index = i;
        policy->n_agencies++;

        xc_load_agency(load, XC_AT_I(at, i), xc_json_element(node, i), agency);

        if (agency->id.data != NULL
            && !xc_load_enter(load, &policy->agency_index, agency->id, agency))
        {
            xc_load_fault(load, XC_AT(XC_AT_I(at, i), "id"), "the id "
                          XC_STR_FMT " is that of agencies[%zu]",
                          XC_STR_ARG(agency->id),
                          xc_policy_agency(policy, agency->id)->index);
        }
    }

    if (load->rc == XC_OK) {
        xc_load_check_parents(load, at);
        xc_load_behalves(load, at);
    }
}
