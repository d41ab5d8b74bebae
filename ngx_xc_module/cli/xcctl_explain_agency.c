#include "xcctl_explain.h"

#include "xcctl_emit.h"

#include "../core/xc_approval.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_AGENCY_FIELDS     4

static const char *const  xcctl_agency_fields[XCCTL_AGENCY_FIELDS][2] = {
    [XCCTL_FIELD_STANDARD] = { "may ask", "standard" },
    [XCCTL_FIELD_APPROVAL] = { "with an approval", "approval" },
    [XCCTL_FIELD_SWEEP] = { "in sweeps only", "sweep" },
    [XCCTL_FIELD_NONE] = { "not granted", "none" }
};

static const char *const  xcctl_agency_kinds[] = {
    [XC_OPERATION_SUBMIT] = "submit",
    [XC_OPERATION_QUERY] = "query",
    [XC_OPERATION_RESULT] = "result",
    [XC_OPERATION_CHECK] = "check"
};


/* "until 2027-01-01T00:00:00Z", and whether that has come. */
static void
xcctl_agency_until(const xcctl_ask_t *ask, int64_t from_s, int64_t to_s)
{
    if (from_s != INT64_MIN) {
        printf(", from ");
        xcctl_emit_time(from_s);
    }

    if (to_s != INT64_MAX) {
        printf(", until ");
        xcctl_emit_time(to_s);
    }

    if (ask->at_s < from_s) {
        printf(" (not yet)");
    }

    if (ask->at_s >= to_s) {
        printf(" (ENDED)");
    }
}


static void
xcctl_agency_head(const xcctl_ask_t *ask)
{
    xc_str_t            parent = xc_approval_by(ask->agency);
    const xc_policy_t  *policy = ask->file->policy;
    const xc_agency_t  *agency = ask->agency, *above;

    above = xc_policy_agency(policy, parent);

    printf("policy       " XC_STR_FMT " " XC_STR_FMT "\nat           ",
           XC_STR_ARG(policy->id), XC_STR_ARG(policy->version));
    xcctl_emit_time(ask->at_s);
    printf("\nagency       " XC_STR_FMT " ", XC_STR_ARG(agency->id));
    xcctl_emit_text(agency->name);
    printf(" (agencies[%zu])\nlevel        " XC_STR_FMT "\nregion       "
           XC_STR_FMT "\n", agency->index,
           XC_STR_ARG(xc_level_name(agency->level)),
           XC_STR_ARG(agency->region));

    if (agency->level == XC_LEVEL_NATIONAL) {
        puts("approvals by nobody: the national agency needs none");
        return;
    }

    printf("approvals by " XC_STR_FMT " ", XC_STR_ARG(parent));
    xcctl_emit_text(above != NULL ? above->name : XC_STR("(not listed)"));
    putchar('\n');
}


static void
xcctl_agency_grants(const xcctl_ask_t *ask)
{
    size_t            i, j;
    xcctl_held_t      held;
    const xc_json_t  *group;

    puts("grants");

    for (i = 0; xcctl_rule_held(ask->file, ask->agency, i, &held); i++) {
        printf("  " XC_STR_FMT "%s:", XC_STR_ARG(held.name),
               held.sweep ? " (for sweeps)" : "");

        for (j = 0; (group = xc_json_element(held.groups, j)) != NULL; j++) {
            printf(" " XC_STR_FMT, XC_STR_ARG(xc_json_string(group)));
        }

        if (held.authority_no.len != 0) {
            printf(", ");
            xcctl_emit_text(held.authority_no);
        }

        xcctl_agency_until(ask, INT64_MIN, held.not_after_s);
        putchar('\n');
    }

    printf("sweeps       %s\n", xcctl_explain_sweeps(ask)
                                ? "authorised" : "not authorised");
}


static void
xcctl_agency_list_fields(const xcctl_ask_t *ask)
{
    size_t              i, kind, n;
    const xc_policy_t  *policy = ask->file->policy;

    for (kind = 0; kind < XCCTL_AGENCY_FIELDS; kind++) {
        for (i = 0, n = 0; i < policy->n_fields; i++) {
            n += xcctl_explain_field(ask, &policy->fields[i]) == kind;
        }

        if (n != 0) {
            printf("fields, %s: %zu\n", xcctl_agency_fields[kind][0], n);
        }

        for (i = 0; i < policy->n_fields; i++) {
            if (xcctl_explain_field(ask, &policy->fields[i]) == kind) {
                printf("  %-28.*s ", XC_STR_ARG(policy->fields[i].id));
                xcctl_emit_text(policy->fields[i].zh);
                putchar('\n');
            }
        }
    }
}


static void
xcctl_agency_named(const char *name, xc_str_t value)
{
    if (value.data != NULL) {
        printf(", %s ", name);
        xcctl_emit_text(value);
    }
}


static void
xcctl_agency_approvals(const xcctl_ask_t *ask)
{
    size_t                i, j;
    const xc_policy_t    *policy = ask->file->policy;
    const xc_approval_t  *one;

    puts("approvals held");

    for (i = 0; i < policy->n_approvals; i++) {
        one = &policy->approvals[i];

        if (!xcctl_explain_holds(ask, one)) {
            continue;
        }

        printf("  ");
        xcctl_emit_text(one->no);
        printf(" (approvals[%zu]):", i);

        for (j = 0; j < one->n_fields; j++) {
            printf(" " XC_STR_FMT, XC_STR_ARG(one->fields[j]->id));
        }

        xcctl_agency_named("for the case", one->case_no);
        xcctl_agency_named("for the request", one->request_no);

        if (one->n_subjects != 0) {
            printf(", for %zu subjects", one->n_subjects);
        }

        xcctl_agency_until(ask, one->not_before_s, one->not_after_s);
        putchar('\n');
    }
}


/* The policy's own words where it has some: the core keeps intervals. */
static xc_str_t
xcctl_agency_refusals(const xcctl_ask_t *ask, xc_str_t *id)
{
    const xc_json_t  *node;

    *id = XC_STR("default");

    node = xcctl_rule_agency(ask->file, ask->agency, "rate");
    if (node != NULL) {
        *id = xc_json_string(node);
    }

    node = xc_json_member(xc_json_member(ask->file->root, XC_STR("rates")),
                          *id);
    node = xc_json_member(node, XC_STR("refusals"));

    return node != NULL ? xc_json_string(node) : XC_STR("1r/s");
}


static void
xcctl_agency_rate(const xcctl_ask_t *ask)
{
    xc_str_t          id, refusals;
    const xc_rate_t  *rate = ask->agency->rate;

    refusals = xcctl_agency_refusals(ask, &id);
    printf("rate         " XC_STR_FMT ": %" PRIu64 "r/%s, burst %" PRIu64
           ", refusals " XC_STR_FMT, XC_STR_ARG(id), rate->requests,
           rate->per_s == 1 ? "s" : "m", rate->burst, XC_STR_ARG(refusals));

    if (rate->per_day != 0) {
        printf(", %" PRIu64 " a day", rate->per_day);
    }

    if ((rate->cost_subject | rate->cost_field) != 0) {
        printf("; a request costs 1, and %" PRIu64 " a subject, %" PRIu64
               " a field", rate->cost_subject, rate->cost_field);
    }

    putchar('\n');
}


static void
xcctl_agency_credentials(const xcctl_ask_t *ask)
{
    size_t                  i;
    const xc_credential_t  *one;

    puts("credentials");

    for (i = 0; i < ask->agency->n_credentials; i++) {
        one = &ask->agency->credentials[i];

        printf("  " XC_STR_FMT " ", XC_STR_ARG(xc_scheme_name(one->scheme)));
        xcctl_emit_text(one->keyid);

        if (one->behalf != NULL) {
            printf(", asks for others only");
        }

        if (one->n_sources != 0) {
            printf(", from %zu networks", one->n_sources);
        }

        xcctl_agency_until(ask, one->not_before_s, one->not_after_s);
        putchar('\n');
    }
}


static void
xcctl_agency_operations(const xcctl_ask_t *ask)
{
    size_t                 i, j;
    const xc_policy_t     *policy = ask->file->policy;
    const xc_operation_t  *one;

    puts("operations");

    for (i = 0; i < policy->n_operations; i++) {
        one = &policy->operations[i];

        printf("  " XC_STR_FMT " (%s):", XC_STR_ARG(one->id),
               xcctl_agency_kinds[one->kind]);

        for (j = 0; j < one->n_methods; j++) {
            printf(" " XC_STR_FMT, XC_STR_ARG(one->methods[j]));
        }

        printf(" " XC_STR_FMT "\n", XC_STR_ARG(one->path_source));
    }

    printf("purposes    ");

    for (i = 0; i < policy->n_purposes; i++) {
        printf(" " XC_STR_FMT, XC_STR_ARG(policy->purposes[i].id));
    }

    putchar('\n');
}


void
xcctl_explain_agency_text(const xcctl_ask_t *ask)
{
    xcctl_agency_head(ask);
    xcctl_agency_grants(ask);
    xcctl_agency_list_fields(ask);
    xcctl_agency_approvals(ask);
    xcctl_agency_rate(ask);
    xcctl_agency_credentials(ask);
    xcctl_agency_operations(ask);
}


static void
xcctl_agency_json_time(const char *name, int64_t t_s)
{
    if (t_s != INT64_MAX && t_s != INT64_MIN) {
        printf(", \"%s\": \"", name);
        xcctl_emit_time(t_s);
        putchar('"');
    }
}


static void
xcctl_agency_json_grants(const xcctl_ask_t *ask)
{
    size_t        i;
    xcctl_held_t  held;

    printf(", \"grants\": [");

    for (i = 0; xcctl_rule_held(ask->file, ask->agency, i, &held); i++) {
        printf("%s{", i == 0 ? "" : ", ");
        xcctl_emit_member("grant", held.name, true);

        if (held.authority_no.data != NULL) {
            xcctl_emit_member("authority_no", held.authority_no, false);
        }

        xcctl_agency_json_time("not_after", held.not_after_s);
        printf(", \"sweep\": %s, \"stands\": %s}", held.sweep ? "true"
               : "false", ask->at_s < held.not_after_s ? "true" : "false");
    }

    printf("], \"sweeps\": %s", xcctl_explain_sweeps(ask) ? "true" : "false");
}


static void
xcctl_agency_json_fields(const xcctl_ask_t *ask)
{
    bool                first;
    size_t              i, kind;
    const xc_policy_t  *policy = ask->file->policy;

    printf(", \"fields\": {");

    for (kind = 0; kind < XCCTL_AGENCY_FIELDS; kind++) {
        printf("%s\"%s\": [", kind == 0 ? "" : ", ",
               xcctl_agency_fields[kind][1]);
        first = true;

        for (i = 0; i < policy->n_fields; i++) {
            if (xcctl_explain_field(ask, &policy->fields[i]) == kind) {
                printf("%s", first ? "" : ", ");
                xcctl_emit_json(policy->fields[i].id);
                first = false;
            }
        }

        putchar(']');
    }

    putchar('}');
}


static void
xcctl_agency_json_approvals(const xcctl_ask_t *ask)
{
    bool                first = true;
    size_t              i;
    const xc_policy_t  *policy = ask->file->policy;

    printf(", \"approvals\": [");

    for (i = 0; i < policy->n_approvals; i++) {
        if (xcctl_explain_holds(ask, &policy->approvals[i])) {
            printf("%s", first ? "" : ", ");
            xcctl_emit_json(policy->approvals[i].no);
            first = false;
        }
    }

    putchar(']');
}


static void
xcctl_agency_json_rate(const xcctl_ask_t *ask)
{
    xc_str_t          id, refusals;
    const xc_rate_t  *rate = ask->agency->rate;

    refusals = xcctl_agency_refusals(ask, &id);
    printf(", \"rate\": {");
    xcctl_emit_member("id", id, true);
    printf(", \"rate\": \"%" PRIu64 "r/%s\", \"burst\": %" PRIu64,
           rate->requests, rate->per_s == 1 ? "s" : "m", rate->burst);
    xcctl_emit_member("refusals", refusals, false);

    if (rate->per_day != 0) {
        printf(", \"per_day\": %" PRIu64, rate->per_day);
    }

    printf(", \"cost\": {\"subject\": %" PRIu64 ", \"field\": %" PRIu64
           "}}", rate->cost_subject, rate->cost_field);
}


static void
xcctl_agency_json_credentials(const xcctl_ask_t *ask)
{
    size_t                  i;
    const xc_credential_t  *one;

    printf(", \"credentials\": [");

    for (i = 0; i < ask->agency->n_credentials; i++) {
        one = &ask->agency->credentials[i];

        printf("%s{", i == 0 ? "" : ", ");
        xcctl_emit_member("type", xc_scheme_name(one->scheme), true);
        xcctl_emit_member("name", one->keyid, false);
        xcctl_agency_json_time("not_before", one->not_before_s);
        xcctl_agency_json_time("not_after", one->not_after_s);
        printf(", \"stands\": %s}", ask->at_s >= one->not_before_s
               && ask->at_s < one->not_after_s ? "true" : "false");
    }

    putchar(']');
}


void
xcctl_explain_agency_json(const xcctl_ask_t *ask)
{
    size_t              i;
    const xc_policy_t  *policy = ask->file->policy;

    putchar('{');
    xcctl_emit_member("policy", policy->id, true);
    xcctl_emit_member("version", policy->version, false);
    xcctl_emit_member("agency", ask->agency->id, false);
    xcctl_emit_member("name", ask->agency->name, false);
    xcctl_emit_member("level", xc_level_name(ask->agency->level), false);
    xcctl_emit_member("region", ask->agency->region, false);
    xcctl_emit_member("approvals_by", xc_approval_by(ask->agency), false);
    xcctl_agency_json_grants(ask);
    xcctl_agency_json_fields(ask);
    xcctl_agency_json_approvals(ask);
    xcctl_agency_json_rate(ask);
    xcctl_agency_json_credentials(ask);
    printf(", \"operations\": [");

    for (i = 0; i < policy->n_operations; i++) {
        printf("%s", i == 0 ? "" : ", ");
        xcctl_emit_json(policy->operations[i].id);
    }

    puts("]}");
}
