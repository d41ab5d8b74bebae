#include "xc_scope_read.h"

#include "xc_ascii.h"
#include "xc_time.h"


static bool
xc_scope_has(xc_request_t *out, xc_member_t member)
{
    xc_str_t  *slot = xc_scope_slot(out, member);

    switch (member) {
    case XC_MEMBER_FIELDS:
        /* an empty list has a reason of its own */
        return true;
    case XC_MEMBER_OFFICERS:
        return out->n_officers != 0;
    case XC_MEMBER_SUBJECTS:
        return out->n_subjects != 0;
    case XC_MEMBER_WINDOW:
        return out->window.present;
    default:
        return slot != NULL && slot->data != NULL;
    }
}


static void
xc_scope_check_purpose(xc_scope_t *s)
{
    xc_request_t   *out = s->out;
    xc_scope_at_t   at = xc_scope_at(s, XC_MEMBER_PURPOSE);

    if (out->purpose.data == NULL) {
        xc_scope_refuse(s, XC_REASON_PURPOSE_NOT_ALLOWED, at, "not given",
                        "未填写");
        return;
    }

    out->purpose_rule = xc_policy_purpose(s->policy, out->purpose);

    if (out->purpose_rule == NULL) {
        xc_scope_refuse(s, XC_REASON_PURPOSE_NOT_ALLOWED, at,
                        "\"%.*s%s\" is not a purpose that this channel serves",
                        "“%.*s%s”不是本渠道受理的协查目的",
                        XC_SCOPE_TEXT(out->purpose));
    }
}


static void
xc_scope_check_required(xc_scope_t *s)
{
    unsigned       i;
    xc_request_t  *out = s->out;

    if (out->request_no.data == NULL) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID,
                        xc_scope_at(s, XC_MEMBER_REQUEST_NO), "not given",
                        "未填写");
    }

    if (out->purpose_rule == NULL) {
        return;
    }

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        if ((out->purpose_rule->requires & 1u << i) != 0
            && !xc_scope_has(out, (xc_member_t) i))
        {
            xc_scope_refuse(s, XC_REASON_REQUEST_INVALID,
                            xc_scope_at(s, (xc_member_t) i),
                            "required by the purpose %.*s",
                            "协查目的 %.*s 要求填写",
                            XC_STR_ARG(out->purpose_rule->id));
        }
    }
}


static bool
xc_scope_string_ok(xc_scope_t *s, xc_scope_at_t at, xc_str_t text)
{
    size_t  max = (size_t) s->policy->limits.string;

    if (text.len <= max) {
        return true;
    }

    xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                    "%zu bytes of UTF-8, over the limit string of %zu",
                    "UTF-8 编码长 %zu 字节，超过上限 string = %zu", text.len,
                    max);

    return false;
}


static bool
xc_scope_pattern_ok(xc_scope_t *s, const xc_pattern_t *pattern, xc_str_t text)
{
    xc_rc_t  rc;

    if (pattern == NULL) {
        return true;
    }

    rc = xc_pattern_match(pattern, text, NULL);

    if (rc != XC_OK && rc != XC_DENIED) {
        s->rc = s->rc == XC_OK ? rc : s->rc;
    }

    return rc == XC_OK;
}


static void
xc_scope_check_strings(xc_scope_t *s)
{
    unsigned        i;
    xc_str_t       *slot;
    xc_scope_at_t   at;

    for (i = 0; i < XC_MEMBER_COUNT; i++) {
        slot = xc_scope_slot(s->out, (xc_member_t) i);

        /* an unknown purpose has been refused as that, and a token has a
         * limit of its own */
        if (slot == NULL || slot->data == NULL || i == XC_MEMBER_PURPOSE
            || i == XC_MEMBER_APPROVAL_TOKEN)
        {
            continue;
        }

        at = xc_scope_at(s, (xc_member_t) i);

        if (xc_scope_string_ok(s, at, *slot)
            && !xc_scope_pattern_ok(s, s->policy->patterns[i], *slot))
        {
            xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                            "\"%.*s%s\" does not have the form that this "
                            "channel asks for",
                            "“%.*s%s”不符合本渠道要求的格式",
                            XC_SCOPE_TEXT(*slot));
        }
    }
}


/* A limit has its member's name, whatever the policy maps that to. */
static bool
xc_scope_count_ok(xc_scope_t *s, xc_member_t member, size_t given,
    uint64_t max)
{
    if (given <= max) {
        return true;
    }

    xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, xc_scope_at(s, member),
                    "%zu given, over the limit %.*s of %zu",
                    "共 %zu 项，超过上限 %.*s = %zu", given,
                    XC_STR_ARG(xc_member_name(member)), (size_t) max);

    return false;
}


static void
xc_scope_check_officers(xc_scope_t *s)
{
    size_t         i;
    xc_scope_at_t  at = xc_scope_at(s, XC_MEMBER_OFFICERS);

    (void) xc_scope_count_ok(s, XC_MEMBER_OFFICERS, s->given_officers,
                             s->policy->limits.officers);

    for (i = 0; i < s->out->n_officers; i++) {
        at.i = (int64_t) i;
        at.sub = "certificate";
        (void) xc_scope_string_ok(s, at, s->out->officers[i]);
    }
}


/* An id never stands in a detail: details reach logs, ids must not. */
static void
xc_scope_add_subject(xc_scope_t *s, xc_scope_at_t at,
    const xc_subject_type_t *type, xc_str_t id)
{
    size_t         i;
    xc_request_t  *out = s->out;

    if (!xc_scope_string_ok(s, at, id)) {
        return;
    }

    if (!xc_scope_pattern_ok(s, type->pattern, id)) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "does not have the "
                        "form of the subject type %.*s",
                        "不符合协查对象类型 %.*s 的格式", XC_STR_ARG(type->id));
        return;
    }

    if (type->check_uscc && !xc_uscc_ok(id)) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "not a unified "
                        "social credit code: 18 characters, the last a check "
                        "(%.*s)", "不是有效的统一社会信用代码（%.*s）",
                        XC_STR_ARG(type->id));
        return;
    }

    for (i = 0; i < out->n_subjects; i++) {
        if (out->subjects[i].type == type
            && xc_str_eq(out->subjects[i].id, id))
        {
            return;
        }
    }

    out->subjects[out->n_subjects++] = (xc_subject_t) { type, id };
}


static void
xc_scope_check_subjects(xc_scope_t *s, xc_str_t path_subject)
{
    size_t                    i, n;
    xc_scope_at_t             at = xc_scope_at(s, XC_MEMBER_SUBJECTS);
    const xc_subject_type_t  *type;

    n = s->given_subjects + (path_subject.len != 0);

    if (n == 0
        || !xc_scope_count_ok(s, XC_MEMBER_SUBJECTS, n,
                              s->policy->limits.subjects))
    {
        return;
    }

    s->out->subjects = xc_scope_array(s, n, sizeof(xc_subject_t));
    if (s->out->subjects == NULL) {
        return;
    }

    if (path_subject.len != 0 && s->operation->subject_type == NULL) {
        /* the policy's loader lets no such operation in */
        s->rc = XC_EINTERNAL;
        return;
    }

    if (path_subject.len != 0) {
        xc_scope_add_subject(s, (xc_scope_at_t) { XC_STR("path"), -1,
                                                  "subject" },
                             s->operation->subject_type, path_subject);
    }

    for (i = 0; i < s->given_subjects; i++) {
        at.i = (int64_t) i;
        at.sub = "type";
        type = xc_policy_subject_type(s->policy, s->subjects[i].type);

        if (type == NULL) {
            xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                            "\"%.*s%s\" is not a type of subject here",
                            "“%.*s%s”不是本渠道的协查对象类型",
                            XC_SCOPE_TEXT(s->subjects[i].type));
            continue;
        }

        at.sub = "id";
        xc_scope_add_subject(s, at, type, s->subjects[i].id);
    }
}


static void
xc_scope_check_window(xc_scope_t *s)
{
    int64_t         from = 0, to = 0, max;
    xc_window_t    *window = &s->out->window;
    xc_scope_at_t   at = xc_scope_at(s, XC_MEMBER_WINDOW);

    if (!window->present) {
        return;
    }

    max = (int64_t) s->policy->limits.window_days;

    if (xc_time_parse_date(window->from, &from) != XC_OK) {
        at.sub = "from";

    } else if (xc_time_parse_date(window->to, &to) != XC_OK) {
        at.sub = "to";
    }

    if (at.sub != NULL) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                        "not a date such as 2026-10-01",
                        "不是 2026-10-01 形式的日期");

    } else if (to < from) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                        "ends before it begins", "截止日期早于起始日期");

    } else if (to - from + 1 > max) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                        "%lld days, over the limit window_days of %lld",
                        "共 %lld 天，超过上限 window_days = %lld",
                        (long long) (to - from + 1), (long long) max);
    }
}


static void
xc_scope_check_fields(xc_scope_t *s)
{
    size_t         i;
    xc_scope_at_t  at = xc_scope_at(s, XC_MEMBER_FIELDS);

    if (!xc_scope_count_ok(s, XC_MEMBER_FIELDS, s->given_fields,
                           s->policy->limits.fields))
    {
        return;
    }

    for (i = 0; i < s->given_fields; i++) {
        if (s->fields[i].len > XC_POLICY_FIELD_MAX) {
            at.i = (int64_t) i;
            xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                            "%zu bytes, over the limit of %d",
                            "长 %zu 字节，超过上限 %d", s->fields[i].len,
                            XC_POLICY_FIELD_MAX);
        }
    }
}


/* Looks each field up, once where it was asked for twice. */
static void
xc_scope_resolve_fields(xc_scope_t *s)
{
    size_t        i;
    xc_rc_t       rc;
    xc_asked_t   *asked;
    xc_index_t    seen;

    if (s->given_fields == 0) {
        xc_scope_refuse(s, XC_REASON_FIELD_LIST_MISSING,
                        xc_scope_at(s, XC_MEMBER_FIELDS),
                        "names no field", "未列明任何字段");
        return;
    }

    asked = xc_scope_array(s, s->given_fields, sizeof(xc_asked_t));
    rc = asked == NULL ? XC_ENOMEM
                       : xc_index_init(&seen, s->arena, s->given_fields);
    if (rc != XC_OK) {
        s->rc = rc;
        return;
    }

    s->out->fields = asked;

    for (i = 0; i < s->given_fields; i++) {
        if (xc_index_add(&seen, s->fields[i], s) == XC_DENIED) {
            continue;
        }

        asked[s->out->n_fields++] = (xc_asked_t) {
            .name = s->fields[i],
            .field = xc_policy_field(s->policy, s->fields[i])
        };
    }
}


/* CONTRACT.md section 2: a category, a region, or a window without subjects. */
static bool
xc_scope_is_sweep(const xc_request_t *out)
{
    return out->category.data != NULL || out->region.data != NULL
           || (out->window.present && out->n_subjects == 0);
}


static void
xc_scope_check_rules(xc_scope_t *s, xc_str_t path_subject)
{
    size_t  before;

    xc_scope_check_purpose(s);

    /* A refusal for the purpose may be observed only, so that what comes
     * behind it is looked at as well: out->whole. */
    before = s->refused;

    xc_scope_check_subjects(s, path_subject);
    xc_scope_check_required(s);
    xc_scope_check_strings(s);
    xc_scope_check_officers(s);
    xc_scope_check_window(s);
    xc_scope_check_fields(s);

    s->out->sweep = xc_scope_is_sweep(s->out);

    if (s->refused == before && s->rc == XC_OK) {
        xc_scope_resolve_fields(s);
    }

    s->out->whole = s->refused == before && s->rc == XC_OK;
}


xc_rc_t
xc_scope_check(xc_scope_t *s, xc_str_t path_subject)
{
    if (s->rc == XC_OK && s->refused == 0) {
        xc_scope_check_rules(s, path_subject);
    }

    if (s->rc != XC_OK) {
        return s->rc;
    }

    return s->refused == 0 ? XC_OK : XC_DENIED;
}
