#include "xcctl_explain.h"

#include "xcctl_emit.h"

#include <stdio.h>


static xc_str_t
xcctl_request_basis(const xc_reason_info_t *info)
{
    return info->basis == XC_BASIS_LAW ? XC_STR("law") : XC_STR("platform");
}


/* As the answer has it: a remedy of its own before the reason's. */
static xc_str_t
xcctl_request_remedy(const xc_asked_t *asked)
{
    return asked->remedy_zh.len != 0
           ? asked->remedy_zh : xc_reason_info(asked->refused)->remedy_zh;
}


/* As the answer has it: the title where there is nothing more to say. */
static xc_str_t
xcctl_request_detail(xc_str_t detail, xc_str_t title)
{
    return detail.len != 0 ? detail : title;
}


static void
xcctl_request_line(const char *name, xc_str_t value)
{
    if (value.len != 0) {
        printf("  %-10s ", name);
        xcctl_emit_text(value);
        putchar('\n');
    }
}


static void
xcctl_request_rules(const char *indent, const xcctl_rules_t *rules)
{
    size_t  i;

    for (i = 0; i < rules->n; i++) {
        /* a path holds quotes, and nothing that needs an escape */
        printf("%s" XC_STR_FMT, i == 0 ? indent : ", ",
               XC_STR_ARG(rules->path[i]));
    }

    if (rules->n != 0) {
        putchar('\n');
    }
}


static void
xcctl_request_who(const char *name, const xc_agency_t *agency)
{
    if (agency != NULL) {
        printf("%-12s " XC_STR_FMT " ", name, XC_STR_ARG(agency->id));
        xcctl_emit_text(agency->name);
        printf(" (" XC_STR_FMT ")\n",
               XC_STR_ARG(xc_level_name(agency->level)));
    }
}


static void
xcctl_request_head(const xcctl_ask_t *ask)
{
    const xc_policy_t  *policy = ask->file->policy;

    printf("policy       " XC_STR_FMT " " XC_STR_FMT "\n",
           XC_STR_ARG(policy->id), XC_STR_ARG(policy->version));
    xcctl_request_who("agency", ask->agency);
    xcctl_request_who("via", ask->via);

    if (ask->operation != NULL) {
        printf("operation    " XC_STR_FMT " (operations[%zu])\n",
               XC_STR_ARG(ask->operation->id),
               (size_t) (ask->operation - policy->operations));
    }

    printf("at           ");
    xcctl_emit_time(ask->at_s);
    putchar('\n');
}


static void
xcctl_request_field(const xcctl_ask_t *ask, const xc_asked_t *asked)
{
    xcctl_rules_t            rules = xcctl_rule_field(ask, asked);
    const xc_reason_info_t  *info = xc_reason_info(asked->refused);

    if (asked->refused == XC_REASON_NONE) {
        printf("  granted  ");
        xcctl_emit_text(asked->name);
        xcctl_request_rules("\n             by      ", &rules);
        return;
    }

    printf("  refused  ");
    xcctl_emit_text(asked->name);
    printf("\n             reason  " XC_STR_FMT " (basis: " XC_STR_FMT ")\n",
           XC_STR_ARG(info->code), XC_STR_ARG(xcctl_request_basis(info)));
    xcctl_request_rules("             by      ", &rules);
    printf("             remedy  " XC_STR_FMT "\n",
           XC_STR_ARG(xcctl_request_remedy(asked)));
}


static void
xcctl_request_fields(const xcctl_ask_t *ask)
{
    int     granted;
    size_t  i;

    if (ask->request.n_fields == 0 || !ask->request.whole) {
        return;
    }

    puts("fields");

    for (granted = 0; granted < 2; granted++) {
        for (i = 0; i < ask->request.n_fields; i++) {
            if ((ask->request.fields[i].refused == XC_REASON_NONE)
                == (granted == 1))
            {
                xcctl_request_field(ask, &ask->request.fields[i]);
            }
        }
    }
}


static void
xcctl_request_refusal(const xcctl_ask_t *ask)
{
    xcctl_rules_t            rules = xcctl_rule_verdict(ask);
    const xc_reason_info_t  *info = xc_reason_info(ask->verdict.reason);

    printf("decision     refused: " XC_STR_FMT " (%u, basis: " XC_STR_FMT
           ")\n", XC_STR_ARG(info->code), info->status,
           XC_STR_ARG(xcctl_request_basis(info)));
    xcctl_request_line("", info->title);
    xcctl_request_line("", info->title_zh);
    xcctl_request_line("detail", ask->verdict.detail);
    xcctl_request_line("detail_zh", ask->verdict.detail_zh);
    xcctl_request_line("remedy", info->remedy_zh);

    if (rules.n == 0) {
        puts("  by         the rule itself, in no member of the policy");
    }

    xcctl_request_rules("  by         ", &rules);
}


void
xcctl_explain_request_text(const xcctl_ask_t *ask)
{
    xcctl_request_head(ask);

    if (ask->verdict.reason == XC_REASON_NONE) {
        puts("decision     allowed");

    } else {
        xcctl_request_refusal(ask);
    }

    if (ask->request.whole) {
        xcctl_request_fields(ask);
    }

    if (!xcctl_explain_signs(ask)) {
        puts("note         no credential for this stands at that time: the "
             "gate refuses before it decides");
    }
}


static void
xcctl_request_json_rules(const xcctl_rules_t *rules)
{
    size_t  i;

    printf(", \"by\": [");

    for (i = 0; i < rules->n; i++) {
        printf("%s", i == 0 ? "" : ", ");
        xcctl_emit_json(rules->path[i]);
    }

    putchar(']');
}


static void
xcctl_request_json_field(const xcctl_ask_t *ask, const xc_asked_t *asked)
{
    xcctl_rules_t            rules = xcctl_rule_field(ask, asked);
    const xc_reason_info_t  *info = xc_reason_info(asked->refused);

    putchar('{');
    xcctl_emit_member("field", asked->name, true);
    printf(", \"granted\": %s", asked->refused == XC_REASON_NONE ? "true"
                                                                 : "false");

    if (asked->refused != XC_REASON_NONE) {
        xcctl_emit_member("reason", info->code, false);
        xcctl_emit_member("basis", xcctl_request_basis(info), false);
        xcctl_emit_member("remedy_zh", xcctl_request_remedy(asked), false);
    }

    xcctl_request_json_rules(&rules);
    putchar('}');
}


static void
xcctl_request_json_refusal(const xcctl_ask_t *ask)
{
    xcctl_rules_t            rules = xcctl_rule_verdict(ask);
    const xc_reason_info_t  *info = xc_reason_info(ask->verdict.reason);

    xcctl_emit_member("reason", info->code, false);
    printf(", \"status\": %u", info->status);
    xcctl_emit_member("basis", xcctl_request_basis(info), false);
    xcctl_emit_member("title", info->title, false);
    xcctl_emit_member("title_zh", info->title_zh, false);
    xcctl_emit_member("detail", xcctl_request_detail(ask->verdict.detail,
                                                     info->title), false);
    xcctl_emit_member("detail_zh", xcctl_request_detail(ask->verdict.detail_zh,
                                                        info->title_zh), false);
    xcctl_emit_member("remedy_zh", info->remedy_zh, false);
    xcctl_request_json_rules(&rules);
}


void
xcctl_explain_request_json(const xcctl_ask_t *ask)
{
    size_t               i;
    const xc_policy_t   *policy = ask->file->policy;

    putchar('{');
    xcctl_emit_member("policy", policy->id, true);
    xcctl_emit_member("version", policy->version, false);
    xcctl_emit_member("agency", ask->agency->id, false);

    if (ask->via != NULL) {
        xcctl_emit_member("via", ask->via->id, false);
    }

    if (ask->operation != NULL) {
        xcctl_emit_member("operation", ask->operation->id, false);
    }

    printf(", \"at\": \"");
    xcctl_emit_time(ask->at_s);
    printf("\", \"credential_stands\": %s",
           xcctl_explain_signs(ask) ? "true" : "false");

    if (ask->verdict.reason == XC_REASON_NONE) {
        xcctl_emit_member("decision", XC_STR("allow"), false);

    } else {
        xcctl_emit_member("decision", XC_STR("deny"), false);
        xcctl_request_json_refusal(ask);
    }

    printf(", \"fields\": [");

    for (i = 0; ask->request.whole && i < ask->request.n_fields; i++) {
        printf("%s", i == 0 ? "" : ", ");
        xcctl_request_json_field(ask, &ask->request.fields[i]);
    }

    puts("]}");
}
