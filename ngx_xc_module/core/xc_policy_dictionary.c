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


/* Which dictionary has the i-th of all fields (or types), for a message. */
static xc_str_t
xc_load_home(xc_load_t *load, size_t i, bool field)
{
    size_t                       n;
    const xc_load_dictionary_t  *one;

    for (n = load->n_dictionaries - 1; n != 0; n--) {
        one = &load->dictionaries[n];

        if (i >= (field ? one->first_field : one->first_type)) {
            return xc_load_quote(load, one->file);
        }
    }

    return XC_STR("the policy itself");
}


static void
xc_load_fields_of(xc_load_t *load, const xc_load_dictionary_t *from)
{
    xc_at_t                here;
    xc_field_t            *field;
    xc_policy_t           *policy = load->policy;
    const xc_field_t      *other;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(from->fields); it != NULL && load->rc == XC_OK;
         it = xc_json_next(from->fields, it))
    {
        field = &policy->fields[policy->n_fields++];
        here = *XC_AT_KEY(XC_AT(from->root, "fields"), xc_json_iter_key(it));
        xc_load_field(load, &here, xc_json_iter_value(it), field);

        if (field->id.data == NULL
            || xc_load_enter(load, &policy->field_index, field->id, field))
        {
            continue;
        }

        other = xc_policy_field(policy, field->id);
        xc_load_fault(load, &here, "stands in " XC_STR_FMT " too; keep one of "
                      "the two",
                      XC_STR_ARG(xc_load_home(load,
                                              (size_t) (other - policy->fields),
                                              true)));
    }
}


void
xc_load_fields(xc_load_t *load)
{
    size_t                 i, n = 0;
    xc_policy_t           *policy = load->policy;
    xc_load_dictionary_t  *list = load->dictionaries;

    for (i = 0; i < load->n_dictionaries; i++) {
        n += xc_json_size(list[i].fields);
    }

    if (n == 0) {
        if (list != NULL && list[0].fields != NULL) {
            xc_load_fault(load, XC_AT(NULL, "fields"),
                          "must name at least one field");
        }

        return;
    }

    policy->fields = xc_load_array(load, n, sizeof(xc_field_t));
    policy->groups = xc_load_array(load, XC_POLICY_MAX_GROUPS,
                                   sizeof(xc_str_t));
    xc_load_index(load, &load->groups, XC_POLICY_MAX_GROUPS);
    xc_load_index(load, &policy->field_index, n);

    for (i = 0; i < load->n_dictionaries && load->rc == XC_OK; i++) {
        list[i].first_field = policy->n_fields;
        xc_load_fields_of(load, &list[i]);
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
                                        1) == 0;
        type->pattern = xc_load_pattern(load, XC_AT(at, "pattern"), v[1]);
    }
}


static void
xc_load_types_of(xc_load_t *load, const xc_load_dictionary_t *from)
{
    xc_at_t                   here;
    xc_policy_t              *policy = load->policy;
    xc_subject_type_t        *type;
    const xc_json_iter_t     *it;
    const xc_subject_type_t  *other;

    for (it = xc_json_first(from->subject_types);
         it != NULL && load->rc == XC_OK;
         it = xc_json_next(from->subject_types, it))
    {
        type = &policy->subject_types[policy->n_subject_types++];
        here = *XC_AT_KEY(XC_AT(from->root, "subject_types"),
                          xc_json_iter_key(it));
        xc_load_subject_type(load, &here, xc_json_iter_value(it), type);

        if (type->id.data == NULL
            || xc_load_enter(load, &policy->subject_type_index, type->id,
                             type))
        {
            continue;
        }

        other = xc_policy_subject_type(policy, type->id);
        xc_load_fault(load, &here, "stands in " XC_STR_FMT " too; keep one of "
                      "the two",
                      XC_STR_ARG(xc_load_home(load, (size_t)
                                              (other - policy->subject_types),
                                              false)));
    }
}


void
xc_load_subject_types(xc_load_t *load)
{
    size_t                 i, n = 0;
    xc_policy_t           *policy = load->policy;
    xc_load_dictionary_t  *list = load->dictionaries;

    for (i = 0; i < load->n_dictionaries; i++) {
        n += xc_json_size(list[i].subject_types);
    }

    policy->subject_types = xc_load_array(load, n, sizeof(xc_subject_type_t));
    xc_load_index(load, &policy->subject_type_index, n);

    for (i = 0; i < load->n_dictionaries && load->rc == XC_OK; i++) {
        list[i].first_type = policy->n_subject_types;
        xc_load_types_of(load, &list[i]);
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
