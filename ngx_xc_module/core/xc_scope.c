#include "xc_scope_read.h"

#include "xc_ascii.h"


static bool
xc_scope_is_granted(const xc_agency_t *agency, const xc_field_t *field)
{
    return (agency->groups & 1ull << field->group) != 0;
}


/* By the rules of DOMAIN.md rows 6 to 8; NONE: granted. */
static xc_reason_t
xc_scope_decide_field(const xc_agency_t *agency, const xc_agency_t *via,
    const xc_request_t *request, const xc_field_t *field)
{
    if (field == NULL) {
        return XC_REASON_FIELD_UNKNOWN;
    }

    if (!xc_scope_is_granted(agency, field)
        || (via != NULL && !xc_scope_is_granted(via, field)))
    {
        return XC_REASON_FIELD_NOT_GRANTED;
    }

    if (field->standard || agency->level == XC_LEVEL_NATIONAL) {
        return XC_REASON_NONE;
    }

    /* No approval is known to this version, so one that is named holds for
     * nothing. */
    return request->approval.data == NULL ? XC_REASON_APPROVAL_REQUIRED
                                          : XC_REASON_APPROVAL_INVALID;
}


/* The first reason in the order of xc_reason.def: "within the fields step in
 * this table's order" (CONTRACT.md section 4). */
static void
xc_scope_worsen(xc_reason_t *worst, xc_reason_t reason)
{
    if (reason != XC_REASON_NONE
        && (*worst == XC_REASON_NONE || reason < *worst))
    {
        *worst = reason;
    }
}


static xc_reason_t
xc_scope_decide_fields(const xc_agency_t *agency, const xc_agency_t *via,
    xc_request_t *request)
{
    size_t       i;
    xc_asked_t  *asked;
    xc_reason_t  worst = XC_REASON_NONE;

    for (i = 0; i < request->n_fields; i++) {
        asked = &request->fields[i];
        asked->refused = xc_scope_decide_field(agency, via, request,
                                               asked->field);
        xc_scope_worsen(&worst, asked->refused);
    }

    return worst;
}


static xc_rc_t
xc_scope_tell_field(xc_arena_t *arena, const xc_agency_t *agency,
    const xc_request_t *request, xc_verdict_t *verdict)
{
    size_t             i, n = 0;
    xc_str_t           name = XC_STR("");
    xc_scope_at_t      at = { XC_STR("fields"), -1, NULL };
    const xc_field_t  *field = NULL;

    for (i = request->n_fields; i-- != 0; /* void */) {
        if (request->fields[i].refused == verdict->reason) {
            name = request->fields[i].name;
            field = request->fields[i].field;
        }

        n += request->fields[i].refused != XC_REASON_NONE;
    }

    if (verdict->reason == XC_REASON_FIELD_NOT_GRANTED && field != NULL
        && xc_scope_is_granted(agency, field))
    {
        return xc_scope_detail(arena, verdict, at, "\"%.*s%s\" is granted to "
                               "the agency, but not to the intermediary; %zu "
                               "of %zu refused",
                               "“%.*s%s”已授权给本机关，但未授权给代提交方；共 "
                               "%zu 项被拒（申请 %zu 项）",
                               XC_SCOPE_TEXT(name), n, request->n_fields);
    }

    switch (verdict->reason) {

    case XC_REASON_FIELD_UNKNOWN:
        return xc_scope_detail(arena, verdict, at, "\"%.*s%s\" is not in the "
                               "dictionary; %zu of %zu refused",
                               "“%.*s%s”不在字段目录中；共 %zu 项被拒（申请 "
                               "%zu 项）", XC_SCOPE_TEXT(name), n,
                               request->n_fields);

    case XC_REASON_FIELD_NOT_GRANTED:
        return xc_scope_detail(arena, verdict, at, "\"%.*s%s\" is not granted "
                               "to this agency; %zu of %zu refused",
                               "“%.*s%s”未授权给本机关；共 %zu 项被拒（申请 "
                               "%zu 项）", XC_SCOPE_TEXT(name), n,
                               request->n_fields);

    default:
        return xc_scope_detail(arena, verdict, at, "\"%.*s%s\" is not a "
                               "standard field and needs an approval; %zu of "
                               "%zu refused",
                               "“%.*s%s”不是标准化字段，须有省级同意；共 %zu "
                               "项被拒（申请 %zu 项）", XC_SCOPE_TEXT(name), n,
                               request->n_fields);
    }
}


static xc_rc_t
xc_scope_tell(xc_arena_t *arena, const xc_agency_t *agency,
    const xc_request_t *request, xc_verdict_t *verdict)
{
    switch (verdict->reason) {

    case XC_REASON_PURPOSE_NOT_ALLOWED:
        return xc_scope_detail(arena, verdict,
                               (xc_scope_at_t) { XC_STR("purpose"), -1, NULL },
                               "\"%.*s%s\" is not a purpose that this channel "
                               "serves", "“%.*s%s”不是本渠道受理的协查目的",
                               XC_SCOPE_TEXT(request->purpose));

    case XC_REASON_APPROVAL_INVALID:
        return xc_scope_detail(arena, verdict,
                               (xc_scope_at_t) { XC_STR("approval"), -1, NULL },
                               "\"%.*s%s\" is not an approval that this "
                               "platform holds",
                               "本平台没有“%.*s%s”号省级同意文件的登记",
                               XC_SCOPE_TEXT(request->approval));

    case XC_REASON_SWEEP_NOT_AUTHORIZED:
        return xc_scope_detail(arena, verdict,
                               (xc_scope_at_t) { XC_STR("subjects"), -1, NULL },
                               "a category, a region, or a window without "
                               "subjects is a sweep, for which this agency "
                               "has no authorisation",
                               "按品类、区域或仅按时段查询须有总局授权，"
                               "本机关未获授权");

    case XC_REASON_SUBJECT_REQUIRED:
        return xc_scope_detail(arena, verdict,
                               (xc_scope_at_t) { XC_STR("subjects"), -1, NULL },
                               "names no subject", "未列明协查对象");

    default:
        return xc_scope_tell_field(arena, agency, request, verdict);
    }
}


xc_rc_t
xc_scope_decide(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_agency_t *agency, const xc_agency_t *via, xc_request_t *request,
    xc_verdict_t *verdict)
{
    xc_rc_t       rc;
    xc_verdict_t  found = { XC_REASON_NONE, XC_STR(""), XC_STR("") };

    (void) policy;

    found.reason = xc_scope_decide_fields(agency, via, request);

    if (request->purpose_rule == NULL) {
        xc_scope_worsen(&found.reason, XC_REASON_PURPOSE_NOT_ALLOWED);
    }

    /* needed or not, one that is named must hold */
    if (request->approval.data != NULL) {
        xc_scope_worsen(&found.reason, XC_REASON_APPROVAL_INVALID);
    }

    if (request->sweep) {
        xc_scope_worsen(&found.reason, XC_REASON_SWEEP_NOT_AUTHORIZED);

    } else if (request->n_subjects == 0) {
        xc_scope_worsen(&found.reason, XC_REASON_SUBJECT_REQUIRED);
    }

    if (found.reason != XC_REASON_NONE) {
        rc = xc_scope_tell(arena, agency, request, &found);
        if (rc != XC_OK) {
            return rc;
        }
    }

    *verdict = found;

    return found.reason == XC_REASON_NONE ? XC_OK : XC_DENIED;
}
