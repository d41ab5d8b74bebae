/*
 * What is legal but odd: parts of a policy that do nothing, most often for a
 * slip of the pen elsewhere.  Told only of a policy without faults, for a fault
 * makes such parts as well.
 */

#include "xc_policy_load.h"


/* Can a request give it at all? */
static bool
xc_odd_mapped(const xc_policy_t *policy, xc_member_t member)
{
    size_t                 i;
    const xc_operation_t  *operation;

    for (i = 0; i < policy->n_operations; i++) {
        operation = &policy->operations[i];

        if (operation->map[member].data != NULL
            || (member == XC_MEMBER_SUBJECTS
                && operation->capture_subject >= 0))
        {
            return true;
        }
    }

    return false;
}


static void
xc_odd_requires(xc_load_t *load, const xc_at_t *at, const xc_json_t *list)
{
    size_t    i;
    xc_str_t  name;

    for (i = 0; i < xc_json_size(list); i++) {
        name = xc_json_string(xc_json_element(list, i));

        if (!xc_odd_mapped(load->policy, xc_load_member(name))) {
            xc_load_warn(load, XC_AT_I(at, i), "no operation maps "
                         XC_STR_FMT ", so every request for this purpose is "
                         "refused", XC_STR_ARG(name));
        }
    }
}


static void
xc_odd_purposes(xc_load_t *load, const xc_json_t *purposes)
{
    const xc_at_t         *at = XC_AT(NULL, "purposes");
    const xc_json_iter_t  *it;

    for (it = xc_json_first(purposes); it != NULL;
         it = xc_json_next(purposes, it))
    {
        xc_odd_requires(load, XC_AT(XC_AT_KEY(at, xc_json_iter_key(it)),
                                    "requires"),
                        xc_json_member(xc_json_iter_value(it),
                                       XC_STR("requires")));
    }
}


static bool
xc_odd_type_used(const xc_policy_t *policy, const xc_subject_type_t *type)
{
    size_t                 i;
    const xc_operation_t  *operation;

    for (i = 0; i < policy->n_operations; i++) {
        operation = &policy->operations[i];

        /* a list of subjects may hold any type */
        if (operation->map[XC_MEMBER_SUBJECTS].data != NULL
            || operation->subject_type == type)
        {
            return true;
        }
    }

    return false;
}


static void
xc_odd_types(xc_load_t *load)
{
    size_t                       i, n, next;
    const xc_policy_t           *policy = load->policy;
    const xc_load_dictionary_t  *from;

    for (n = 0; n < load->n_dictionaries; n++) {
        from = &load->dictionaries[n];
        next = from->first_type + xc_json_size(from->subject_types);

        for (i = from->first_type; i < next; i++) {
            if (!xc_odd_type_used(policy, &policy->subject_types[i])) {
                xc_load_warn(load, XC_AT_KEY(XC_AT(from->root,
                                                   "subject_types"),
                                             policy->subject_types[i].id),
                             "no operation maps subjects or captures one of "
                             "this type");
            }
        }
    }
}


/* An earlier operation that takes all requests of that method and path; NULL:
 * none.  Paths are compared as they are written. */
static const xc_operation_t *
xc_odd_earlier(const xc_policy_t *policy, const xc_operation_t *operation,
    xc_str_t method)
{
    size_t                 i;
    const xc_operation_t  *earlier;

    for (earlier = policy->operations; earlier < operation; earlier++) {
        if (!xc_str_eq(earlier->path_source, operation->path_source)) {
            continue;
        }

        for (i = 0; i < earlier->n_methods; i++) {
            if (xc_str_eq(earlier->methods[i], method)) {
                return earlier;
            }
        }
    }

    return NULL;
}


static void
xc_odd_methods(xc_load_t *load, const xc_at_t *at,
    const xc_operation_t *operation)
{
    size_t                 i;
    const xc_operation_t  *earlier;

    for (i = 0; i < operation->n_methods; i++) {
        earlier = xc_odd_earlier(load->policy, operation,
                                 operation->methods[i]);
        if (earlier != NULL) {
            xc_load_warn(load, XC_AT_I(at, i), "operations[%zu], " XC_STR_FMT
                         ", has the same path and method and comes first",
                         (size_t) (earlier - load->policy->operations),
                         XC_STR_ARG(earlier->id));
        }
    }
}


static void
xc_odd_operations(xc_load_t *load)
{
    bool                submit = false;
    size_t              i;
    const xc_at_t      *at = XC_AT(NULL, "operations");
    const xc_policy_t  *policy = load->policy;

    for (i = 0; i < policy->n_operations; i++) {
        submit = submit || policy->operations[i].kind == XC_OPERATION_SUBMIT;
    }

    for (i = 0; i < policy->n_operations; i++) {
        xc_odd_methods(load, XC_AT(XC_AT_I(at, i), "methods"),
                       &policy->operations[i]);

        if (policy->operations[i].kind == XC_OPERATION_RESULT && !submit) {
            xc_load_warn(load, XC_AT(XC_AT_I(at, i), "kind"), "a result is "
                         "that of a submit, and no operation is of the kind "
                         "submit");
        }
    }
}


static void
xc_odd_grants(xc_load_t *load, const xc_json_t *grants)
{
    size_t                 i = 0;
    const xc_at_t         *at = XC_AT(NULL, "grants");
    const xc_json_iter_t  *it;

    for (it = xc_json_first(grants); it != NULL;
         it = xc_json_next(grants, it), i++)
    {
        if (!load->grant_held[i]) {
            xc_load_warn(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                         "no agency holds this grant");
        }
    }
}


/* Every such request is let through, and the day is over. */
static void
xc_odd_rate(xc_load_t *load, const xc_at_t *at, const xc_rate_t *rate)
{
    uint64_t            most;
    const xc_limits_t  *limits = &load->policy->limits;

    most = 1 + rate->cost_subject * limits->subjects
           + rate->cost_field * limits->fields;

    if (rate->per_day != 0 && most > rate->per_day) {
        xc_load_warn(load, XC_AT(at, "per_day"), "one request of %llu fields "
                     "and %llu subjects costs %llu, more than the day has",
                     (unsigned long long) limits->fields,
                     (unsigned long long) limits->subjects,
                     (unsigned long long) most);
    }
}


/* The rate "default" is there for agencies to come. */
static void
xc_odd_rates(xc_load_t *load, const xc_json_t *rates)
{
    bool                  *used;
    size_t                 i;
    const xc_at_t         *at = XC_AT(NULL, "rates");
    const xc_policy_t     *policy = load->policy;
    const xc_json_iter_t  *it;

    used = xc_load_array(load, xc_json_size(rates), sizeof(bool));
    if (used == NULL) {
        return;
    }

    for (i = 0; i < policy->n_agencies; i++) {
        used[policy->agencies[i].rate - load->rate_list] = true;
    }

    for (i = 0, it = xc_json_first(rates); it != NULL;
         it = xc_json_next(rates, it), i++)
    {
        xc_odd_rate(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                    &load->rate_list[i]);

        if (!used[i] && !xc_str_eq(xc_json_iter_key(it), XC_STR("default"))) {
            xc_load_warn(load, XC_AT_KEY(at, xc_json_iter_key(it)),
                         "no agency has this rate");
        }
    }
}


/* Such an agency can ask through an intermediary only. */
static void
xc_odd_agencies(xc_load_t *load)
{
    size_t              i;
    const xc_at_t      *at = XC_AT(NULL, "agencies");
    const xc_agency_t  *agency;

    for (i = 0; i < load->policy->n_agencies; i++) {
        agency = &load->policy->agencies[i];

        if (agency->n_credentials == 0 && !xc_load_behalf_any(load, agency)) {
            xc_load_warn(load, XC_AT(XC_AT_I(at, i), "credentials"),
                         "none, and no intermediary may ask for " XC_STR_FMT
                         ": it can't make a request", XC_STR_ARG(agency->id));
        }
    }
}


static bool
xc_odd_holds(const xc_agency_t *agency, const xc_field_t *field)
{
    size_t    i;
    uint64_t  groups = agency->groups;

    for (i = 0; i < agency->n_grants; i++) {
        groups |= agency->grants[i].grant->sweep
                  ? 0 : agency->grants[i].grant->groups;
    }

    return (groups & 1ull << field->group) != 0;
}


/* An approval goes with a grant, it does not replace one. */
static void
xc_odd_approval(xc_load_t *load, const xc_at_t *at, const xc_json_t *fields,
    const xc_agency_t *agency)
{
    size_t             i;
    const xc_field_t  *field;

    for (i = 0; i < xc_json_size(fields); i++) {
        field = xc_policy_field(load->policy,
                                xc_json_string(xc_json_element(fields, i)));

        if (!xc_odd_holds(agency, field)) {
            xc_load_warn(load, XC_AT_I(at, i), XC_STR_FMT " holds no grant for "
                         "the group " XC_STR_FMT " of " XC_STR_FMT
                         ", which no approval replaces",
                         XC_STR_ARG(agency->id),
                         XC_STR_ARG(load->policy->groups[field->group]),
                         XC_STR_ARG(field->id));
        }
    }
}


static void
xc_odd_approvals(xc_load_t *load, const xc_json_t *approvals)
{
    size_t                i;
    const xc_at_t        *at = XC_AT(NULL, "approvals");
    const xc_policy_t    *policy = load->policy;

    if (policy->n_approvals != 0
        && !xc_odd_mapped(policy, XC_MEMBER_APPROVAL))
    {
        xc_load_warn(load, at, "no operation maps approval, so no request can "
                     "name one of these");
    }

    for (i = 0; i < policy->n_approvals; i++) {
        xc_odd_approval(load, XC_AT(XC_AT_I(at, i), "fields"),
                        xc_json_member(xc_json_element(approvals, i),
                                       XC_STR("fields")),
                        xc_policy_agency(policy, policy->approvals[i].agency));
    }
}


void
xc_load_odd(xc_load_t *load, const xc_json_t *root)
{
    if (load->rc != XC_OK || load->faults->faults != 0) {
        return;
    }

    xc_odd_purposes(load, xc_json_member(root, XC_STR("purposes")));
    xc_odd_types(load);
    xc_odd_operations(load);
    xc_odd_grants(load, xc_json_member(root, XC_STR("grants")));
    xc_odd_rates(load, xc_json_member(root, XC_STR("rates")));
    xc_odd_agencies(load);
    xc_odd_approvals(load, xc_json_member(root, XC_STR("approvals")));
}
