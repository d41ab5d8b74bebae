#include "xcctl_rule.h"

#include "../core/xc_approval.h"
#include "../core/xc_ascii.h"
#include "../core/xc_buf.h"
#include "../core/xc_time.h"

#define XCCTL_RULE_PATH     1024


static void
xcctl_rule_add(const xcctl_ask_t *ask, xcctl_rules_t *rules, xc_str_t path)
{
    size_t    i;
    xc_str_t  copy;

    for (i = 0; i < rules->n; i++) {
        if (xc_str_eq(rules->path[i], path)) {
            return;
        }
    }

    if (rules->n < XCCTL_RULES_MAX
        && xc_arena_dup(ask->arena, path, &copy) == XC_OK)
    {
        rules->path[rules->n++] = copy;
    }
}


static bool
xcctl_rule_is_word(xc_str_t key)
{
    size_t  i;

    for (i = 0; i < key.len; i++) {
        if (!xc_ascii_is_alpha(key.data[i]) && key.data[i] != '_'
            && (i == 0 || !xc_ascii_is_digit(key.data[i])))
        {
            return false;
        }
    }

    return key.len != 0;
}


/* top.key.last or top["key"].last, as the loader writes its paths. */
static void
xcctl_rule_keyed(const xcctl_ask_t *ask, xcctl_rules_t *rules,
    const char *top, xc_str_t key, const char *last)
{
    char      mem[XCCTL_RULE_PATH];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_z(&b, top);

    if (xcctl_rule_is_word(key)) {
        xc_buf_char(&b, '.');
        xc_buf_str(&b, key);

    } else {
        xc_buf_char(&b, '[');
        xc_buf_json(&b, key);
        xc_buf_char(&b, ']');
    }

    xc_buf_z(&b, last);
    xcctl_rule_add(ask, rules, xc_buf_view(&b));
}


/* top[i]last */
static void
xcctl_rule_indexed(const xcctl_ask_t *ask, xcctl_rules_t *rules,
    const char *top, size_t i, const char *last)
{
    char      mem[XCCTL_RULE_PATH];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_z(&b, top);
    xc_buf_char(&b, '[');
    xc_buf_u64(&b, i);
    xc_buf_char(&b, ']');
    xc_buf_z(&b, last);
    xcctl_rule_add(ask, rules, xc_buf_view(&b));
}


const xc_json_t *
xcctl_rule_agency(const xcctl_policy_t *file, const xc_agency_t *agency,
    const char *name)
{
    const xc_json_t  *all = xc_json_member(file->root, XC_STR("agencies"));

    return xc_json_member(xc_json_element(all, agency->index),
                          xc_str_z(name));
}


static xc_str_t
xcctl_rule_string(const xc_json_t *node)
{
    return node == NULL ? XC_STR_NONE : xc_json_string(node);
}


bool
xcctl_rule_held(const xcctl_policy_t *file, const xc_agency_t *agency,
    size_t i, xcctl_held_t *out)
{
    const xc_json_t  *one, *node;

    one = xc_json_element(xcctl_rule_agency(file, agency, "grants"), i);
    if (one == NULL) {
        return false;
    }

    *out = (xcctl_held_t) { .not_after_s = INT64_MAX, .index = i };

    if (xc_json_type(one) == XC_JSON_STRING) {
        out->name = xc_json_string(one);

    } else {
        node = xc_json_member(one, XC_STR("authority_no"));
        out->name = xcctl_rule_string(xc_json_member(one, XC_STR("grant")));
        out->authority_no = xcctl_rule_string(node);
        node = xc_json_member(one, XC_STR("not_after"));

        if (node != NULL
            && xc_time_parse(xc_json_string(node), &out->not_after_s) != XC_OK)
        {
            out->not_after_s = INT64_MIN;
        }
    }

    node = xc_json_member(xc_json_member(file->root, XC_STR("grants")),
                          out->name);
    out->groups = xc_json_member(node, XC_STR("groups"));
    node = xc_json_member(node, XC_STR("sweep"));
    out->sweep = node != NULL && xc_json_bool(node);

    return true;
}


bool
xcctl_rule_gives(const xcctl_policy_t *file, const xcctl_held_t *held,
    unsigned group)
{
    size_t            i;
    const xc_json_t  *one;

    for (i = 0; (one = xc_json_element(held->groups, i)) != NULL; i++) {
        if (xc_str_eq(xc_json_string(one), file->policy->groups[group])) {
            return true;
        }
    }

    return false;
}


/* Of those that the agency holds, for sweeps or not, and for the group unless
 * it is negative: one that stands, else one that has ended. */
static bool
xcctl_rule_find(const xcctl_ask_t *ask, const xc_agency_t *agency, bool sweep,
    int group, xcctl_held_t *out)
{
    bool          found = false;
    size_t        i;
    xcctl_held_t  held;

    for (i = 0; xcctl_rule_held(ask->file, agency, i, &held); i++) {
        if (held.sweep != sweep
            || (group >= 0
                && !xcctl_rule_gives(ask->file, &held, (unsigned) group)))
        {
            continue;
        }

        *out = held;
        found = true;

        if (ask->at_s < held.not_after_s) {
            return true;
        }
    }

    return found;
}


/* Is the agency's part there?  Else its path: an end that has come, or the
 * list in which there is none. */
static bool
xcctl_rule_stands(const xcctl_ask_t *ask, const xc_agency_t *agency,
    bool sweep, int group, xcctl_rules_t *rules)
{
    char          last[64];
    xc_buf_t      b;
    xcctl_held_t  held;

    if (!xcctl_rule_find(ask, agency, sweep, group, &held)) {
        xcctl_rule_indexed(ask, rules, "agencies", agency->index, ".grants");
        return false;
    }

    if (ask->at_s < held.not_after_s) {
        return true;
    }

    xc_buf_init(&b, last, sizeof(last) - 1);
    xc_buf_z(&b, ".grants[");
    xc_buf_u64(&b, held.index);
    xc_buf_z(&b, "].not_after");
    last[b.len] = '\0';
    xcctl_rule_indexed(ask, rules, "agencies", agency->index, last);

    return false;
}


/* Whose fields a sweep grant decides: where all who ask have one. */
static bool
xcctl_rule_sweeps(const xcctl_ask_t *ask)
{
    xcctl_rules_t  ignored = { .n = 0 };

    return ask->request.sweep
           && xcctl_rule_stands(ask, ask->agency, true, -1, &ignored)
           && (ask->via == NULL
               || xcctl_rule_stands(ask, ask->via, true, -1, &ignored));
}


static void
xcctl_rule_granted(const xcctl_ask_t *ask, const xc_agency_t *agency,
    const xc_field_t *field, xcctl_rules_t *rules)
{
    xcctl_held_t  held;

    if (xcctl_rule_find(ask, agency, xcctl_rule_sweeps(ask),
                        (int) field->group, &held))
    {
        xcctl_rule_keyed(ask, rules, "grants", held.name, ".groups");
    }
}


static void
xcctl_rule_not_granted(const xcctl_ask_t *ask, const xc_field_t *field,
    xcctl_rules_t *rules)
{
    bool  sweep = xcctl_rule_sweeps(ask);

    (void) xcctl_rule_stands(ask, ask->agency, sweep, (int) field->group,
                             rules);

    if (ask->via != NULL) {
        (void) xcctl_rule_stands(ask, ask->via, sweep, (int) field->group,
                                 rules);
    }
}


/* The groups of the sweep grants that stand: the field's is none of them. */
static void
xcctl_rule_not_swept(const xcctl_ask_t *ask, const xc_agency_t *agency,
    unsigned group, xcctl_rules_t *rules)
{
    bool          given = false;
    size_t        i;
    xcctl_held_t  held;

    for (i = 0; xcctl_rule_held(ask->file, agency, i, &held); i++) {
        given |= held.sweep && ask->at_s < held.not_after_s
                 && xcctl_rule_gives(ask->file, &held, group);
    }

    for (i = 0; !given && xcctl_rule_held(ask->file, agency, i, &held); i++) {
        if (held.sweep && ask->at_s < held.not_after_s) {
            xcctl_rule_keyed(ask, rules, "grants", held.name, ".groups");
        }
    }
}


/* The member of the approval named that does not fit; field: NULL, or one that
 * it may lack. */
static void
xcctl_rule_approval(const xcctl_ask_t *ask, const xc_field_t *field,
    xcctl_rules_t *rules)
{
    const char           *member;
    const xc_policy_t    *policy = ask->file->policy;
    xc_approval_fit_t     fit;
    const xc_approval_t  *approval = ask->request.approval_rule;

    static const char *const  members[XC_APPROVAL_COUNT] = {
        [XC_APPROVAL_OTHER_AGENCY] = ".agency",
        [XC_APPROVAL_OTHER_PROVINCE] = ".by",
        [XC_APPROVAL_EARLY] = ".not_before",
        [XC_APPROVAL_ENDED] = ".not_after",
        [XC_APPROVAL_OTHER_CASE] = ".case_no",
        [XC_APPROVAL_OTHER_REQUEST] = ".request_no",
        [XC_APPROVAL_OTHER_SUBJECT] = ".subjects"
    };

    /* what a token says is in no policy, only that one is taken */
    if (ask->request.approval_token.data != NULL) {
        if (ask->operation != NULL) {
            xcctl_rule_indexed(ask, rules, "operations",
                               (size_t) (ask->operation - policy->operations),
                               ".body.approval_token");
        }

        return;
    }

    if (approval == NULL) {
        xcctl_rule_add(ask, rules, XC_STR("approvals"));
        return;
    }

    fit = xc_approval_fit(approval, ask->agency, &ask->request, ask->at_s);
    member = members[fit];

    if (member == NULL) {
        member = field != NULL ? ".fields" : "";
    }

    xcctl_rule_indexed(ask, rules, "approvals",
                       (size_t) (approval - policy->approvals), member);
}


static void
xcctl_rule_consent(const xcctl_ask_t *ask, const xc_field_t *field,
    xcctl_rules_t *rules)
{
    if (field->standard) {
        return;
    }

    if (ask->request.approval_rule != NULL
        && xc_approval_covers(ask->request.approval_rule, field))
    {
        xcctl_rule_approval(ask, field, rules);

    } else {
        xcctl_rule_indexed(ask, rules, "agencies", ask->agency->index,
                           ".level");
    }
}


static void
xcctl_rule_no_sweep(const xcctl_ask_t *ask, xcctl_rules_t *rules)
{
    if (xcctl_rule_stands(ask, ask->agency, true, -1, rules)
        && ask->via != NULL)
    {
        (void) xcctl_rule_stands(ask, ask->via, true, -1, rules);
    }
}


xcctl_rules_t
xcctl_rule_field(const xcctl_ask_t *ask, const xc_asked_t *asked)
{
    xcctl_rules_t  rules = { .n = 0 };

    switch (asked->refused) {

    case XC_REASON_NONE:
        xcctl_rule_granted(ask, ask->agency, asked->field, &rules);

        if (ask->via != NULL) {
            xcctl_rule_granted(ask, ask->via, asked->field, &rules);
        }

        xcctl_rule_consent(ask, asked->field, &rules);
        break;

    case XC_REASON_FIELD_UNKNOWN:
        xcctl_rule_add(ask, &rules, XC_STR("fields"));
        break;

    case XC_REASON_FIELD_NOT_GRANTED:
        xcctl_rule_not_granted(ask, asked->field, &rules);
        break;

    case XC_REASON_SWEEP_NOT_AUTHORIZED:
        xcctl_rule_no_sweep(ask, &rules);

        if (rules.n == 0) {
            xcctl_rule_not_swept(ask, ask->agency, asked->field->group,
                                 &rules);
        }

        if (rules.n == 0 && ask->via != NULL) {
            xcctl_rule_not_swept(ask, ask->via, asked->field->group, &rules);
        }

        break;

    case XC_REASON_APPROVAL_INVALID:
        xcctl_rule_approval(ask, asked->field, &rules);
        break;

    default:
        xcctl_rule_keyed(ask, &rules, "fields", asked->name, ".standard");
    }

    return rules;
}


/* The first member that breaks its pattern, the purpose's demands or a limit.
 * What the body's reader refused by itself is behind the operation's map. */
static void
xcctl_rule_form(const xcctl_ask_t *ask, xcctl_rules_t *rules)
{
    size_t               i;
    const xc_policy_t   *policy = ask->file->policy;
    const xc_request_t  *request = &ask->request;
    const struct {
        xc_member_t  member;
        xc_str_t     text;
    } texts[] = {
        { XC_MEMBER_REQUEST_NO, request->request_no },
        { XC_MEMBER_CASE_NO, request->case_no },
        { XC_MEMBER_LEGAL_BASIS, request->legal_basis },
        { XC_MEMBER_CATEGORY, request->category },
        { XC_MEMBER_REGION, request->region },
        { XC_MEMBER_APPROVAL, request->approval }
    };

    for (i = 0; i < XC_COUNT(texts); i++) {
        if (texts[i].text.data == NULL) {
            if (request->purpose_rule != NULL
                && (request->purpose_rule->requires
                    & 1u << texts[i].member) != 0)
            {
                xcctl_rule_keyed(ask, rules, "purposes", request->purpose,
                                 ".requires");
            }

        } else if (texts[i].text.len > policy->limits.string) {
            xcctl_rule_add(ask, rules, XC_STR("limits.string"));

        } else if (policy->patterns[texts[i].member] != NULL
                   && xc_pattern_match(policy->patterns[texts[i].member],
                                       texts[i].text, NULL) == XC_DENIED)
        {
            xcctl_rule_keyed(ask, rules, "patterns",
                             xc_member_name(texts[i].member), "");
        }
    }

    if (rules->n == 0 && ask->operation != NULL) {
        xcctl_rule_indexed(ask, rules, "operations",
                           (size_t) (ask->operation - policy->operations),
                           ask->operation->input == XC_INPUT_QUERY
                           ? ".query" : ".body");
    }
}


static xcctl_rules_t
xcctl_rule_of_fields(const xcctl_ask_t *ask)
{
    size_t  i;

    for (i = 0; i < ask->request.n_fields; i++) {
        if (ask->request.fields[i].refused == ask->verdict.reason) {
            return xcctl_rule_field(ask, &ask->request.fields[i]);
        }
    }

    return (xcctl_rules_t) { .n = 0 };
}


xcctl_rules_t
xcctl_rule_verdict(const xcctl_ask_t *ask)
{
    xcctl_rules_t  rules = xcctl_rule_of_fields(ask);

    if (rules.n != 0) {
        return rules;
    }

    switch (ask->verdict.reason) {

    case XC_REASON_OPERATION_UNKNOWN:
        xcctl_rule_add(ask, &rules, XC_STR("operations"));
        break;

    case XC_REASON_AUTHORITY_UNKNOWN:
        xcctl_rule_add(ask, &rules, XC_STR("authorities"));
        break;

    case XC_REASON_TLS_REQUIRED:
        xcctl_rule_add(ask, &rules, XC_STR("transport"));
        break;

    case XC_REASON_BEHALF_NOT_ALLOWED:
        xcctl_rule_indexed(ask, &rules, "agencies", ask->via->index,
                           ".credentials");
        break;

    case XC_REASON_PURPOSE_NOT_ALLOWED:
        xcctl_rule_add(ask, &rules, XC_STR("purposes"));
        break;

    case XC_REASON_APPROVAL_INVALID:
        xcctl_rule_approval(ask, NULL, &rules);
        break;

    case XC_REASON_SWEEP_NOT_AUTHORIZED:
        xcctl_rule_no_sweep(ask, &rules);
        break;

    case XC_REASON_REQUEST_INVALID:
    case XC_REASON_FIELD_LIST_MISSING:
    case XC_REASON_BODY_MISSING:
        xcctl_rule_form(ask, &rules);
        break;

    default:
        break;
    }

    return rules;
}
