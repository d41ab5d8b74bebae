#include "xc_approval_claims.h"

#include "xc_ascii.h"
#include "xc_jws.h"


typedef struct {
    xc_arena_t           *arena;
    const xc_policy_t    *policy;
    const xc_json_t      *claims;
    xc_approval_t        *rule;
    xc_approval_fault_t  *fault;
} xc_claims_t;


static xc_rc_t
xc_claims_deny(xc_claims_t *c, const char *en, const char *zh)
{
    *c->fault = (xc_approval_fault_t) { en, zh };

    return XC_DENIED;
}


/* The form that every number of an approval has here. */
static xc_rc_t
xc_claims_no(xc_claims_t *c)
{
    xc_rc_t              rc = XC_OK;
    xc_str_t             no = xc_jws_string(c->claims, XC_STR("no"));
    const xc_pattern_t  *pattern = c->policy->patterns[XC_MEMBER_APPROVAL];

    if (no.len == 0 || no.len > c->policy->limits.string
        || !xc_ascii_no_controls(no))
    {
        rc = XC_DENIED;

    } else if (pattern != NULL) {
        rc = xc_pattern_match(pattern, no, NULL);
    }

    if (rc == XC_DENIED) {
        return xc_claims_deny(c, "no is missing or not an approval's number",
                              "no 缺失或不是合规的同意文号");
    }

    c->rule->no = no;

    return rc;
}


/* One that the dictionary does not have covers nothing. */
static void
xc_claims_add_field(xc_claims_t *c, xc_str_t name)
{
    size_t               i = c->rule->n_fields;
    const xc_field_t    *field = xc_policy_field(c->policy, name);
    const xc_field_t   **fields = c->rule->fields;

    if (field == NULL || xc_approval_covers(c->rule, field)) {
        return;
    }

    for ( /* void */ ; i > 0 && fields[i - 1] > field; i--) {
        fields[i] = fields[i - 1];
    }

    fields[i] = field;
    c->rule->n_fields++;
}


static xc_rc_t
xc_claims_fields(xc_claims_t *c)
{
    size_t            i, n;
    const xc_json_t  *list, *one;

    list = xc_json_member(c->claims, XC_STR("fields"));
    n = list != NULL && xc_json_type(list) == XC_JSON_ARRAY
        ? xc_json_size(list) : 0;

    if (n == 0 || n > XC_POLICY_LIMIT_FIELDS) {
        return xc_claims_deny(c, "fields is not a list of 1 to 256 fields",
                              "fields 须列明 1 至 256 个字段");
    }

    c->rule->fields = xc_arena_array(c->arena, n, sizeof(xc_field_t *));
    if (c->rule->fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        one = xc_json_element(list, i);

        if (xc_json_type(one) != XC_JSON_STRING) {
            return xc_claims_deny(c, "fields holds something else than strings",
                                  "fields 含有字符串以外的内容");
        }

        xc_claims_add_field(c, xc_json_string(one));
    }

    return XC_OK;
}


/* False: a member that is no string, or empty. */
static bool
xc_claims_number(const xc_claims_t *c, const char *name, xc_str_t *out)
{
    if (xc_json_member(c->claims, xc_str_z(name)) == NULL) {
        return true;
    }

    *out = xc_jws_string(c->claims, xc_str_z(name));

    return out->len != 0;
}


static bool
xc_claims_subject(const xc_policy_t *policy, const xc_json_t *node,
    xc_approval_subject_t *out)
{
    xc_str_t                  type, id;
    const xc_subject_type_t  *known;

    static const xc_subject_type_t  unknown = { .id = { "", 0 } };

    type = xc_jws_string(node, XC_STR("type"));
    id = xc_jws_string(node, XC_STR("id"));

    if (xc_json_size(node) != 2 || type.len == 0 || id.len == 0) {
        return false;
    }

    /* left out, it would widen the approval; so, it matches nothing */
    known = xc_policy_subject_type(policy, type);
    *out = (xc_approval_subject_t) { known != NULL ? known : &unknown, id };

    return true;
}


static xc_rc_t
xc_claims_subjects(xc_claims_t *c)
{
    size_t                  i, n;
    bool                    ok;
    const xc_json_t        *list;
    xc_approval_subject_t  *subjects;

    list = xc_json_member(c->claims, XC_STR("subjects"));
    if (list == NULL) {
        return XC_OK;
    }

    n = xc_json_type(list) == XC_JSON_ARRAY ? xc_json_size(list) : 0;
    ok = n != 0 && n <= XC_POLICY_LIMIT_SUBJECTS;

    subjects = xc_arena_array(c->arena, ok ? n : 1, sizeof(*subjects));
    if (subjects == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < n && ok; i++) {
        ok = xc_claims_subject(c->policy, xc_json_element(list, i),
                               &subjects[i]);
    }

    if (!ok) {
        return xc_claims_deny(c, "subjects is not a list of 1 to 100 objects "
                              "of type and id",
                              "subjects 须列明 1 至 100 个 {type, id} 对象");
    }

    c->rule->subjects = subjects;
    c->rule->n_subjects = n;

    return XC_OK;
}


/* For the case at hand: a consent for all cases is none. */
static xc_rc_t
xc_claims_case(xc_claims_t *c)
{
    xc_rc_t         rc;
    xc_approval_t  *rule = c->rule;

    if (!xc_claims_number(c, "case_no", &rule->case_no)
        || !xc_claims_number(c, "request_no", &rule->request_no))
    {
        return xc_claims_deny(c, "case_no or request_no is empty or not a "
                              "string",
                              "case_no 或 request_no 为空或不是字符串");
    }

    rc = xc_claims_subjects(c);

    if (rc == XC_OK && rule->case_no.data == NULL
        && rule->request_no.data == NULL && rule->n_subjects == 0)
    {
        return xc_claims_deny(c, "the token names none of case_no, request_no "
                              "and subjects", "令牌未列明 case_no、request_no、"
                              "subjects 中的任何一项");
    }

    return rc;
}


xc_rc_t
xc_approval_claims_read(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_json_t *claims, xc_approval_t *rule, xc_approval_fault_t *fault)
{
    xc_rc_t      rc;
    xc_claims_t  c = { arena, policy, claims, rule, fault };

    rc = xc_claims_no(&c);
    if (rc == XC_OK) {
        rc = xc_claims_fields(&c);
    }

    return rc == XC_OK ? xc_claims_case(&c) : rc;
}
