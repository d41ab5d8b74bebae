#include "xcctl_explain.h"

#include "xcctl.h"
#include "xcctl_ask.h"
#include "xcctl_options.h"

#include "../core/xc_approval.h"
#include "../core/xc_files.h"
#include "../core/xc_gate.h"
#include "../core/xc_ticket.h"

#include <stdio.h>

enum {
    XCCTL_EXPLAIN_AGENCY,
    XCCTL_EXPLAIN_VIA,
    XCCTL_EXPLAIN_AT,
    XCCTL_EXPLAIN_OPERATION,
    XCCTL_EXPLAIN_REQUEST,
    XCCTL_EXPLAIN_METHOD,
    XCCTL_EXPLAIN_URL,
    XCCTL_EXPLAIN_BODY,
    XCCTL_EXPLAIN_VALUES,           /* those before have one */
    XCCTL_EXPLAIN_JSON = XCCTL_EXPLAIN_VALUES,
    XCCTL_EXPLAIN_OPTIONS
};

typedef const char  *xcctl_values_t[XCCTL_EXPLAIN_VALUES];


bool
xcctl_explain_sweeps(const xcctl_ask_t *ask)
{
    size_t        i;
    xcctl_held_t  held;

    for (i = 0; xcctl_rule_held(ask->file, ask->agency, i, &held); i++) {
        if (held.sweep && ask->at_s < held.not_after_s) {
            return true;
        }
    }

    return false;
}


xcctl_field_t
xcctl_explain_field(const xcctl_ask_t *ask, const xc_field_t *field)
{
    bool          given = false, swept = false;
    size_t        i;
    xcctl_held_t  held;

    for (i = 0; xcctl_rule_held(ask->file, ask->agency, i, &held); i++) {
        if (ask->at_s < held.not_after_s
            && xcctl_rule_gives(ask->file, &held, field->group))
        {
            given |= !held.sweep;
            swept |= held.sweep;
        }
    }

    if (!given) {
        return swept ? XCCTL_FIELD_SWEEP : XCCTL_FIELD_NONE;
    }

    return field->standard || ask->agency->level == XC_LEVEL_NATIONAL
           ? XCCTL_FIELD_STANDARD : XCCTL_FIELD_APPROVAL;
}


bool
xcctl_explain_holds(const xcctl_ask_t *ask, const xc_approval_t *approval)
{
    return xc_str_eq(approval->agency, ask->agency->id)
           && xc_str_eq(approval->by, xc_approval_by(ask->agency))
           && ask->at_s < approval->not_after_s;
}


bool
xcctl_explain_signs(const xcctl_ask_t *ask)
{
    size_t                  i;
    const xc_agency_t      *who = ask->via != NULL ? ask->via : ask->agency;
    const xc_credential_t  *one;

    for (i = 0; i < who->n_credentials; i++) {
        one = &who->credentials[i];

        if (ask->at_s >= one->not_before_s && ask->at_s < one->not_after_s
            && (ask->via != NULL ? xc_policy_behalf_ok(one, ask->agency)
                                 : one->behalf == NULL))
        {
            return true;
        }
    }

    return false;
}


static const xc_agency_t *
xcctl_explain_find(const xcctl_policy_t *file, const char *id)
{
    const xc_agency_t  *agency = xc_policy_agency(file->policy, xc_str_z(id));

    if (agency == NULL) {
        (void) xcctl_usage("%s lists no agency \"%s\"", file->path, id);
    }

    return agency;
}


/* Of that id, or the first submit. */
static bool
xcctl_explain_operation(xcctl_ask_t *ask, const char *id)
{
    size_t                 i;
    const xc_policy_t     *policy = ask->file->policy;
    const xc_operation_t  *one;

    for (i = 0; i < policy->n_operations; i++) {
        one = &policy->operations[i];

        if (id != NULL ? xc_str_eq(one->id, xc_str_z(id))
                       : one->kind == XC_OPERATION_SUBMIT)
        {
            ask->operation = one;
            break;
        }
    }

    if (ask->operation == NULL) {
        (void) xcctl_usage("%s has no operation %s%s", ask->file->path,
                           id == NULL ? "of the kind submit" : "", id == NULL
                           ? "; --operation names another" : id);
        return false;
    }

    if (ask->operation->input != XC_INPUT_BODY) {
        (void) xcctl_usage("the operation " XC_STR_FMT " has no body; use "
                           "--method and --url",
                           XC_STR_ARG(ask->operation->id));
        return false;
    }

    return true;
}


/* XC_EINPUT: what is wrong was said. */
static xc_rc_t
xcctl_explain_put(xcctl_ask_t *ask, const xcctl_values_t values)
{
    xcctl_target_t  target;

    if (values[XCCTL_EXPLAIN_URL] == NULL) {
        return xcctl_explain_operation(ask, values[XCCTL_EXPLAIN_OPERATION])
               ? xcctl_ask_read(ask, XC_STR_NONE, XC_STR("")) : XC_EINPUT;
    }

    target = (xcctl_target_t) {
        xc_str_z(values[XCCTL_EXPLAIN_METHOD] != NULL
                 ? values[XCCTL_EXPLAIN_METHOD]
                 : ask->body.data != NULL ? "POST" : "GET"),
        xc_str_z(values[XCCTL_EXPLAIN_URL]), ask->body.data != NULL
    };

    return xcctl_ask_target(ask, &target);
}


/* Would the answer to the submit hold its XC-Request?  A gate whose policy has
 * a result has a key for it, and the length is the same under any. */
static xc_rc_t
xcctl_explain_ticket(xcctl_ask_t *ask)
{
    xc_rc_t         rc;
    xc_gate_t       gate = { .authority = ask->authority,
                             .auth = { .agency = ask->agency, .via = ask->via },
                             .operation = ask->operation,
                             .request = ask->request };
    xc_gate_conf_t  conf = { .policy = ask->file->policy };

    static const char  any[XC_TICKET_KEY_SIZE];

    if (!ask->file->policy->needs_token_key) {
        return XC_OK;
    }

    rc = xc_mac_new(ask->arena, (xc_str_t) { any, sizeof(any) },
                    &conf.token_key);
    if (rc == XC_OK) {
        rc = xc_gate_ticket_fits(&conf, ask->at_s, ask->arena, &gate);
    }

    if (rc == XC_DENIED) {
        ask->verdict = gate.verdict;
    }

    return rc;
}


static int
xcctl_explain_request(xcctl_ask_t *ask, const xcctl_values_t values, bool json)
{
    xc_rc_t  found, rc = XC_DENIED;

    if (xcctl_ask_behalf(ask)) {
        rc = xcctl_explain_put(ask, values);

        if (rc == XC_EINPUT && ask->operation != NULL
            && ask->operation->kind == XC_OPERATION_RESULT)
        {
            return xcctl_usage("a result is decided as its submit was: "
                               "explain that one's body");
        }

        if (xcctl_ask_readable(ask, rc)) {
            found = xcctl_ask_resolve(ask);
            rc = found == XC_OK ? xcctl_ask_decide(ask, rc) : found;
        }

        if (rc == XC_OK) {
            rc = xcctl_explain_ticket(ask);
        }
    }

    if (rc == XC_EINPUT) {
        return XCCTL_USAGE;
    }

    if (rc != XC_OK && rc != XC_DENIED) {
        (void) xcctl_fail(rc == XC_ENOMEM ? "out of memory"
                                          : "the gate would fail inside");
        return XCCTL_USAGE;
    }

    if (json) {
        xcctl_explain_request_json(ask);

    } else {
        xcctl_explain_request_text(ask);
    }

    return rc == XC_OK ? XCCTL_OK : XCCTL_FAIL;
}


static int
xcctl_explain_run(xcctl_policy_t *file, const xcctl_values_t values, bool json)
{
    const char   *error = "out of memory";
    const char   *body = values[XCCTL_EXPLAIN_REQUEST];
    xcctl_ask_t   ask = { .file = file, .arena = &file->heap.arena };

    body = body != NULL ? body : values[XCCTL_EXPLAIN_BODY];

    if (!xcctl_policy_at(values[XCCTL_EXPLAIN_AT], &ask.at_s)) {
        return XCCTL_USAGE;
    }

    ask.authority = xcctl_ask_authority(&ask);
    ask.agency = xcctl_explain_find(file, values[XCCTL_EXPLAIN_AGENCY]);

    if (values[XCCTL_EXPLAIN_VIA] != NULL && ask.agency != NULL) {
        ask.via = xcctl_explain_find(file, values[XCCTL_EXPLAIN_VIA]);
    }

    if (ask.agency == NULL
        || (values[XCCTL_EXPLAIN_VIA] != NULL && ask.via == NULL))
    {
        return XCCTL_USAGE;
    }

    if (body != NULL
        && xc_file_read(ask.arena, XC_STR(""), xc_str_z(body), false,
                        &ask.body, &error) != XC_OK)
    {
        (void) xcctl_fail("%s", error);
        return XCCTL_USAGE;
    }

    if (body != NULL || values[XCCTL_EXPLAIN_URL] != NULL) {
        return xcctl_explain_request(&ask, values, json);
    }

    if (json) {
        xcctl_explain_agency_json(&ask);

    } else {
        xcctl_explain_agency_text(&ask);
    }

    return XCCTL_OK;
}


/* Do the options that were given make sense together? */
static bool
xcctl_explain_fits(const xcctl_values_t values)
{
    bool  url = values[XCCTL_EXPLAIN_URL] != NULL;
    bool  request = values[XCCTL_EXPLAIN_REQUEST] != NULL;

    return values[XCCTL_EXPLAIN_AGENCY] != NULL && !(url && request)
           && (url || (values[XCCTL_EXPLAIN_METHOD] == NULL
                       && values[XCCTL_EXPLAIN_BODY] == NULL))
           && (request || values[XCCTL_EXPLAIN_OPERATION] == NULL);
}


int
xcctl_policy_explain(int argc, char **argv)
{
    int             n, status = XCCTL_USAGE;
    xcctl_policy_t  file;
    xcctl_values_t  values = { NULL };
    xcctl_option_t  options[XCCTL_EXPLAIN_OPTIONS] = {
        { "--agency", false, &values[XCCTL_EXPLAIN_AGENCY], 1, 0 },
        { "--via", false, &values[XCCTL_EXPLAIN_VIA], 1, 0 },
        { "--at", false, &values[XCCTL_EXPLAIN_AT], 1, 0 },
        { "--operation", false, &values[XCCTL_EXPLAIN_OPERATION], 1, 0 },
        { "--request", false, &values[XCCTL_EXPLAIN_REQUEST], 1, 0 },
        { "--method", false, &values[XCCTL_EXPLAIN_METHOD], 1, 0 },
        { "--url", false, &values[XCCTL_EXPLAIN_URL], 1, 0 },
        { "--body", false, &values[XCCTL_EXPLAIN_BODY], 1, 0 },
        { "--json", true, NULL, 1, 0 }
    };

    n = xcctl_options_any(argc, argv, options, XCCTL_EXPLAIN_OPTIONS);
    if (n < 0) {
        return XCCTL_USAGE;
    }

    if (n != 2 || !xcctl_explain_fits(values)) {
        return xcctl_usage("policy explain FILE --agency A [--via B] [--at T] "
                           "[--json] [--request F [--operation ID] | "
                           "--url U [--method M] [--body F]]");
    }

    if (xcctl_policy_open(&file, argv[1])) {
        status = xcctl_explain_run(&file, values,
                                   options[XCCTL_EXPLAIN_JSON].n != 0);
    }

    xcctl_policy_close(&file);

    return status;
}
