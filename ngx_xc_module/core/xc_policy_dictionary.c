#include "xc_policy_load.h"

#include "xc_ascii.h"


#define XC_LOAD_TITLE_MAX       256     /* bytes */


static void
xc_load_requires(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_purpose_t *purpose)
{
    size_t       i;
    xc_str_t     name;
    xc_member_t  member;

    for (i = 0; i < xc_json_size(node); i++) {
        if (!xc_load_is(load, XC_AT_I(at, i), xc_json_element(node, i),
                        XC_LOAD_STRING))
        {
            continue;
        }

        name = xc_json_string(xc_json_element(node, i));
        member = xc_load_member(name);

        if (member == XC_MEMBER_COUNT) {
            xc_load_fault(load, XC_AT_I(at, i), XC_STR_FMT " is not a member "
                          "of a request that a policy knows, such as case_no",
                          XC_STR_ARG(xc_load_quote(load, name)));

        } else if (member == XC_MEMBER_APPROVAL_TOKEN) {
            xc_load_fault(load, XC_AT_I(at, i), "approval_token " XC_LATER);

        } else {
            purpose->requires |= 1u << member;
        }
    }
}


void
xc_load_purposes(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_at_t                here;
    xc_purpose_t          *purpose;
    const xc_json_t       *v[2];
    const xc_json_iter_t  *it;

    static const xc_load_member_t  members[] = {
        XC_MEMBER("requires", XC_LOAD_ARRAY),
        XC_MEMBER("urgent", XC_LOAD_BOOL)
    };

    if (node == NULL) {
        return;
    }

    if (xc_json_size(node) == 0) {
        xc_load_fault(load, at, "must name at least one purpose");
    }

    purpose = xc_load_array(load, xc_json_size(node), sizeof(xc_purpose_t));
    xc_load_index(load, &load->policy->purpose_index, xc_json_size(node));
    load->policy->purposes = purpose;

    for (it = xc_json_first(node); it != NULL && load->rc == XC_OK;
         it = xc_json_next(node, it), purpose++)
    {
        here = *XC_AT_KEY(at, xc_json_iter_key(it));
        purpose->id = xc_load_key(load, &here, here.key);
        load->policy->n_purposes++;

        if (xc_load_object(load, &here, xc_json_iter_value(it), members,
                           XC_COUNT(members), v))
        {
            xc_load_requires(load, XC_AT(&here, "requires"), v[0], purpose);
            purpose->urgent = xc_load_bool(v[1], false);
        }

        (void) xc_load_enter(load, &load->policy->purpose_index, purpose->id,
                             purpose);
    }
}


static unsigned
xc_load_group(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_str_t         id = xc_load_id(load, at, node);
    xc_policy_t     *policy = load->policy;
    const xc_str_t  *found = xc_index_find(&load->groups, id);

    if (id.data == NULL) {
        return 0;
    }

    if (found != NULL) {
        return (unsigned) (found - policy->groups);
    }

    if (policy->n_groups == XC_POLICY_MAX_GROUPS) {
        xc_load_fault(load, at, "more than %d groups", XC_POLICY_MAX_GROUPS);
        return 0;
    }

    policy->groups[policy->n_groups] = id;
    (void) xc_load_enter(load, &load->groups, id,
                         &policy->groups[policy->n_groups]);

    return (unsigned) policy->n_groups++;
}


static void
xc_load_field(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_field_t *field)
{
    const xc_json_t  *v[4];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("group", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("zh", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("en", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("standard", XC_LOAD_BOOL | XC_LOAD_REQUIRED)
    };

    field->id = xc_load_key(load, at, at->key);

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    field->group = xc_load_group(load, XC_AT(at, "group"), v[0]);
    field->zh = xc_load_text(load, XC_AT(at, "zh"), v[1], XC_LOAD_TITLE_MAX);
    field->en = xc_load_text(load, XC_AT(at, "en"), v[2], XC_LOAD_TITLE_MAX);
    field->standard = xc_load_bool(v[3], false);
}


void
xc_load_fields(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_field_t            *field;
    const xc_json_iter_t  *it;

    if (node == NULL) {
        return;
    }

    if (xc_json_size(node) == 0) {
        xc_load_fault(load, at, "must name at least one field");
    }

    field = xc_load_array(load, xc_json_size(node), sizeof(xc_field_t));
    load->policy->groups = xc_load_array(load, XC_POLICY_MAX_GROUPS,
                                         sizeof(xc_str_t));
    xc_load_index(load, &load->groups, XC_POLICY_MAX_GROUPS);
    xc_load_index(load, &load->policy->field_index, xc_json_size(node));
    load->policy->fields = field;

    for (it = xc_json_first(node); it != NULL && load->rc == XC_OK;
         it = xc_json_next(node, it), field++)
    {
        xc_load_field(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                      xc_json_iter_value(it), field);
        load->policy->n_fields++;
        (void) xc_load_enter(load, &load->policy->field_index, field->id,
                             field);
    }
}


static void
xc_load_subject_type(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_subject_type_t *type)
{
    const xc_json_t  *v[2];

    static const xc_str_t  checks[] = { { "uscc", 4 } };

    static const xc_load_member_t  members[] = {
        XC_MEMBER("check", XC_LOAD_STRING),
        XC_MEMBER("pattern", XC_LOAD_STRING)
    };

    type->id = xc_load_key(load, at, at->key);

    if (xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        type->check_uscc = xc_load_word(load, XC_AT(at, "check"), v[0], checks,
                                        1, 1) == 0;
        type->pattern = xc_load_pattern(load, XC_AT(at, "pattern"), v[1]);
    }
}


void
xc_load_subject_types(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node)
{
    xc_subject_type_t     *type;
    const xc_json_iter_t  *it;

    if (node == NULL) {
        return;
    }

    type = xc_load_array(load, xc_json_size(node), sizeof(xc_subject_type_t));
    xc_load_index(load, &load->policy->subject_type_index, xc_json_size(node));
    load->policy->subject_types = type;

    for (it = xc_json_first(node); it != NULL && load->rc == XC_OK;
         it = xc_json_next(node, it), type++)
    {
        xc_load_subject_type(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                             xc_json_iter_value(it), type);
        load->policy->n_subject_types++;
        (void) xc_load_enter(load, &load->policy->subject_type_index, type->id,
                             type);
    }
}


void
xc_load_patterns(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t            i;
    const xc_json_t  *v[5];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("request_no", XC_LOAD_STRING),
        XC_MEMBER("case_no", XC_LOAD_STRING),
        XC_MEMBER("legal_basis", XC_LOAD_STRING),
        XC_MEMBER("category", XC_LOAD_STRING),
        XC_MEMBER("approval", XC_LOAD_STRING)
    };

    if (node == NULL
        || !xc_load_object(load, at, node, members, XC_COUNT(members), v))
    {
        return;
    }

    for (i = 0; i < XC_COUNT(members); i++) {
        load->policy->patterns[xc_load_member(members[i].name)] =
            xc_load_pattern(load, XC_AT_KEY(at, members[i].name), v[i]);
    }
}
