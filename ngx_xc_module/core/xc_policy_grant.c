#include "xc_policy_load.h"


#define XC_LOAD_GRANTS_MAX      64      /* of one agency */
#define XC_LOAD_AUTHORITY_MAX   256     /* bytes of a document's number */

/* Sweeps are for SAMR and the provinces that it authorised, and for goods or
 * service information only (DOMAIN.md row 4). */
#define XC_LOAD_SWEEP_LEVELS                                                  \
    (1u << XC_LEVEL_PROVINCE | 1u << XC_LEVEL_NATIONAL)
#define XC_LOAD_SWEEP_GROUP     "goods"


static void
xc_load_grant_groups(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_grant_t *grant)
{
    size_t           i;
    xc_str_t         name;
    const xc_str_t  *group;

    if (node != NULL && xc_json_size(node) == 0) {
        xc_load_fault(load, at, "must name at least one group");
    }

    for (i = 0; i < xc_json_size(node); i++) {
        if (!xc_load_is(load, XC_AT_I(at, i), xc_json_element(node, i),
                        XC_LOAD_STRING))
        {
            continue;
        }

        name = xc_json_string(xc_json_element(node, i));
        group = xc_index_find(&load->groups, name);

        if (group != NULL) {
            grant->groups |= 1ull << (group - load->policy->groups);

        } else if (load->groups.slots != NULL) {
            xc_load_fault(load, XC_AT_I(at, i), "no field has the group "
                          XC_STR_FMT, XC_STR_ARG(xc_load_quote(load, name)));
        }

        if (grant->sweep && !xc_str_eq(name, XC_STR(XC_LOAD_SWEEP_GROUP))) {
            xc_load_fault(load, XC_AT_I(at, i), "a sweep is for the group "
                          XC_LOAD_SWEEP_GROUP " only, found " XC_STR_FMT,
                          XC_STR_ARG(xc_load_quote(load, name)));
        }
    }
}


static void
xc_load_grant_levels(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_grant_t *grant)
{
    size_t      i;
    xc_level_t  level;

    if (node != NULL && xc_json_size(node) == 0) {
        xc_load_fault(load, at, "must name at least one level");
    }

    for (i = 0; i < xc_json_size(node); i++) {
        level = xc_load_level(load, XC_AT_I(at, i), xc_json_element(node, i));

        if (level == XC_LEVEL_COUNT) {
            continue;
        }

        grant->levels |= 1u << level;

        if (grant->sweep && (1u << level & XC_LOAD_SWEEP_LEVELS) == 0) {
            xc_load_fault(load, XC_AT_I(at, i), "a sweep is for the levels "
                          "province and national only");
        }
    }
}


void
xc_load_grants(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t                 n = xc_json_size(node);
    xc_at_t                here;
    xc_grant_t            *grant;
    const xc_json_t       *v[3];
    const xc_json_iter_t  *it;

    static const xc_load_member_t  members[] = {
        XC_MEMBER("groups", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("levels", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("sweep", XC_LOAD_BOOL)
    };

    if (node == NULL) {
        return;
    }

    grant = xc_load_array(load, n, sizeof(xc_grant_t));
    load->grant_list = grant;
    load->grant_held = xc_load_array(load, n, sizeof(bool));
    xc_load_index(load, &load->grants, n);

    for (it = xc_json_first(node); it != NULL && load->rc == XC_OK;
         it = xc_json_next(node, it), grant++)
    {
        here = *XC_AT_KEY(at, xc_json_iter_key(it));
        grant->id = xc_load_key(load, &here, here.key);

        if (xc_load_object(load, &here, xc_json_iter_value(it), members,
                           XC_COUNT(members), v))
        {
            grant->sweep = xc_load_bool(v[2], false);
            xc_load_grant_groups(load, XC_AT(&here, "groups"), v[0], grant);
            xc_load_grant_levels(load, XC_AT(&here, "levels"), v[1], grant);
        }

        (void) xc_load_enter(load, &load->grants, grant->id, grant);
    }
}


static const xc_grant_t *
xc_load_grant_named(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_str_t           id = xc_json_string(node);
    const xc_grant_t  *grant = xc_index_find(&load->grants, id);

    if (node != NULL && grant == NULL && load->grants.slots != NULL) {
        xc_load_fault(load, at, "no grant " XC_STR_FMT " in grants",
                      XC_STR_ARG(xc_load_quote(load, id)));
    }

    return grant;
}


/* A name, or {"grant": name} with what limits it; grant NULL with a fault. */
static xc_agency_grant_t
xc_load_held(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    const xc_json_t    *v[3];
    xc_agency_grant_t   held = { NULL, XC_STR(""), INT64_MAX };

    static const xc_load_member_t  members[] = {
        XC_MEMBER("grant", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("authority_no", XC_LOAD_STRING),
        XC_MEMBER("not_after", XC_LOAD_STRING)
    };

    if (!xc_load_is(load, at, node, XC_LOAD_STRING | XC_LOAD_OBJECT)) {
        return held;
    }

    if (xc_json_type(node) == XC_JSON_STRING) {
        held.grant = xc_load_grant_named(load, at, node);
        return held;
    }

    (void) xc_load_object(load, at, node, members, XC_COUNT(members), v);

    held.grant = xc_load_grant_named(load, XC_AT(at, "grant"), v[0]);
    held.not_after_s = xc_load_span(load, at, NULL, v[2], "the grant",
                                    held.grant == NULL ? XC_STR("")
                                    : held.grant->id).not_after_s;

    if (v[1] != NULL) {
        held.authority_no = xc_load_text(load, XC_AT(at, "authority_no"), v[1],
                                         XC_LOAD_AUTHORITY_MAX);
    }

    if (v[1] != NULL && held.grant != NULL && !held.grant->sweep) {
        xc_load_fault(load, XC_AT(at, "authority_no"), "belongs to a sweep; "
                      "the grant " XC_STR_FMT " is for none",
                      XC_STR_ARG(held.grant->id));
    }

    return held;
}


/* May an agency of that level hold it, and so? */
static void
xc_load_held_check(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_level_t level, const xc_agency_grant_t *held)
{
    bool               object = xc_json_type(node) == XC_JSON_OBJECT;
    const xc_grant_t  *grant = held->grant;

    if ((grant->levels & 1u << level) == 0) {
        xc_load_fault(load, object ? XC_AT(at, "grant") : at,
                      "the grant " XC_STR_FMT " is not for the level "
                      XC_STR_FMT, XC_STR_ARG(grant->id),
                      XC_STR_ARG(xc_level_name(level)));

    } else if (grant->sweep && level == XC_LEVEL_PROVINCE
               && xc_json_member(node, XC_STR("authority_no")) == NULL)
    {
        xc_load_fault(load, object ? XC_AT(at, "authority_no") : at,
                      "a province makes sweeps by SAMR's authorisation; write "
                      "{\"grant\": \"" XC_STR_FMT "\", \"authority_no\": "
                      "\"its number\"}", XC_STR_ARG(grant->id));
    }
}


/* Named twice, the one without an end would undo the other's. */
static void
xc_load_held_once(xc_load_t *load, const xc_at_t *at, const xc_json_t *list,
    size_t i, const xc_grant_t *grant)
{
    size_t            j;
    const xc_json_t  *node, *name;

    for (j = 0; j < i; j++) {
        node = xc_json_element(list, j);
        name = xc_json_member(node, XC_STR("grant"));

        if (xc_str_eq(xc_json_string(name != NULL ? name : node), grant->id)) {
            xc_load_fault(load, at, "the grant " XC_STR_FMT " is named twice",
                          XC_STR_ARG(grant->id));
            return;
        }
    }
}


static void
xc_load_held_add(xc_load_t *load, size_t max, xc_agency_grant_t **list,
    const xc_agency_grant_t *held, xc_agency_t *agency)
{
    load->grant_held[held->grant - load->grant_list] = true;

    if (!held->grant->sweep && held->not_after_s == INT64_MAX) {
        agency->groups |= held->grant->groups;
        return;
    }

    /* most agencies have none of these */
    if (*list == NULL) {
        *list = xc_load_array(load, max, sizeof(xc_agency_grant_t));
        agency->grants = *list;
    }

    if (*list != NULL) {
        (*list)[agency->n_grants++] = *held;
    }
}


void
xc_load_agency_grants(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, bool level_known, xc_agency_t *agency)
{
    size_t              i, n = xc_json_size(node);
    const xc_json_t    *one;
    xc_agency_grant_t   held, *list = NULL;

    if (n > XC_LOAD_GRANTS_MAX) {
        xc_load_fault(load, at, "at most %d grants, found %zu",
                      XC_LOAD_GRANTS_MAX, n);
        return;
    }

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        one = xc_json_element(node, i);
        held = xc_load_held(load, XC_AT_I(at, i), one);

        if (held.grant == NULL) {
            continue;
        }

        if (level_known) {
            xc_load_held_check(load, XC_AT_I(at, i), one, agency->level,
                               &held);
        }

        xc_load_held_once(load, XC_AT_I(at, i), node, i, held.grant);
        xc_load_held_add(load, n, &list, &held, agency);
    }
}
