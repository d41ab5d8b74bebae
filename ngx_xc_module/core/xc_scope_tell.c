#include "xc_scope_tell.h"

#include "xc_ascii.h"
#include "xc_buf.h"
#include "xc_scope_read.h"

#include <stdio.h>


/* "上海市市场监督管理局 (310000)", or an id alone. */
#define XC_SCOPE_WHO_MAX    192

/* Of what stands behind a detail's first fault. */
#define XC_SCOPE_MORE_MAX   512

typedef struct {
    char  text[XC_SCOPE_WHO_MAX];
} xc_scope_who_t;

/* Refused fields that share a remedy. */
typedef enum {
    XC_REMEDY_NONE,                 /* the reason's own says all */
    XC_REMEDY_NOT_ASCII,
    XC_REMEDY_NOT_VIA,
    XC_REMEDY_APPROVAL,
    XC_REMEDY_NOT_COVERED,
    XC_REMEDY_NOT_HELD,             /* the approval does not hold at all */
    XC_REMEDY_NOT_SWEPT,
    XC_REMEDY_COUNT
} xc_scope_remedy_t;

/* What is wrong with an approval, and how it can be mended. */
typedef struct {
    const char  *en, *zh, *remedy_zh;
} xc_scope_unfit_t;

/* Numbers run on: nobody may find out by trying which of them are another's. */
#define XC_SCOPE_NOT_HELD                                                     \
    { "is not an approval that this platform holds for this agency",          \
      "未在本平台登记为对本机关的同意",                                       \
      "请核对同意文号；文号无误的，请由同意机关通过公布的联系方式"            \
      "向平台登记，或附其签发的 approval_token" }

static const xc_scope_unfit_t  xc_scope_unfit[XC_APPROVAL_COUNT] = {

    [XC_APPROVAL_UNKNOWN] = XC_SCOPE_NOT_HELD,
    [XC_APPROVAL_OTHER_AGENCY] = XC_SCOPE_NOT_HELD,

    [XC_APPROVAL_OTHER_PROVINCE] = {
        "was not given by the agency's own province",
        "不是本机关所属省级市场监督管理部门作出的同意",
        "请使用所属省级市场监督管理部门作出的同意文件" },

    [XC_APPROVAL_EARLY] = {
        "is not in force yet", "尚未生效", "请在同意文件生效后重新提出" },

    [XC_APPROVAL_ENDED] = {
        "has expired", "已过有效期", "同意文件已过有效期，请重新报请同意" },

    [XC_APPROVAL_OTHER_CASE] = {
        "was given for another case than case_no",
        "所列案号与本次请求的 case_no 不一致",
        "请核对 case_no；确属另案的，请就本案另行报请同意" },

    [XC_APPROVAL_OTHER_REQUEST] = {
        "was given for another request than request_no",
        "所列协查文号与本次请求的 request_no 不一致",
        "请核对 request_no；确属另一协查请求的，请另行报请同意" },

    [XC_APPROVAL_OTHER_SUBJECT] = {
        "was given for named subjects, and not for all that is asked about",
        "仅限所列协查对象，未包括本次请求的全部对象",
        "请在 subjects 中只列同意文件所列的协查对象，或就其余对象另行报请同意" }
};


/* Whose consent is needed, by name where the policy has it. */
static const char *
xc_scope_who(const xc_scope_case_t *c, xc_scope_who_t *who)
{
    xc_buf_t            b;
    xc_str_t            id = xc_approval_by(c->agency);
    const xc_agency_t  *agency = xc_policy_agency(c->policy, id);

    xc_buf_init(&b, who->text, sizeof(who->text) - 1);

    if (agency == NULL) {
        xc_buf_str(&b, id);

    } else {
        xc_buf_str(&b, xc_ascii_cut(agency->name, XC_SCOPE_QUOTE_MAX));
        xc_buf_z(&b, " (");
        xc_buf_str(&b, id);
        xc_buf_char(&b, ')');
    }

    who->text[b.len] = '\0';

    return who->text;
}


static xc_rc_t
xc_scope_tell_approval(const xc_scope_case_t *c, xc_verdict_t *verdict)
{
    xc_scope_at_t            at = { XC_STR("approval"), -1, NULL };
    const xc_request_t      *request = c->request;
    const xc_scope_unfit_t  *unfit = &xc_scope_unfit[c->fit];

    if (request->token_fault != NULL) {
        at.name = XC_STR("approval_token");

        return xc_scope_detail(c->arena, verdict, at, "%s%.0s", "%.0s%s",
                               request->token_fault, request->token_fault_zh);
    }

    /* two formats over one list of arguments: each skips the other's word */
    return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" %s%.0s",
                           "“%.*s%s”%.0s%s", XC_SCOPE_TEXT(request->approval),
                           unfit->en, unfit->zh);
}


static xc_rc_t
xc_scope_tell_sweep(const xc_scope_case_t *c, xc_verdict_t *verdict)
{
    xc_scope_at_t  at = { XC_STR("subjects"), -1, NULL };

    static const char *const  why[][2] = {
        [XC_SWEEP_NO_GRANT] = {
            "for which this agency has no authorisation",
            "须有市场监管总局授权，本机关未获授权或者授权已到期" },
        [XC_SWEEP_NO_AUTHORITY] = {
            "for which no authorisation by SAMR is registered",
            "须有市场监管总局授权，本平台未登记本机关的授权文号" },
        [XC_SWEEP_NOT_VIA] = {
            "for which the agency is authorised, but not the intermediary",
            "本机关已获授权，但代提交方未获授权" }
    };

    return xc_scope_detail(c->arena, verdict, at, "a category, a region, or a "
                           "window without subjects is a sweep, %s%.0s",
                           "按品类、区域或仅按时段查询的，%.0s%s",
                           why[c->sweep][0], why[c->sweep][1]);
}


/* A field that is refused for the verdict's reason. */
static xc_rc_t
xc_scope_tell_field(const xc_scope_case_t *c, const xc_asked_t *asked,
    xc_verdict_t *verdict)
{
    bool            only_via;
    xc_str_t        name = asked->name;
    xc_scope_at_t   at = { XC_STR("fields"), -1, NULL };
    xc_scope_who_t  who;

    switch (verdict->reason) {

    case XC_REASON_FIELD_UNKNOWN:
        return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" is not in "
                               "the dictionary", "“%.*s%s”不在字段目录中",
                               XC_SCOPE_TEXT(name));

    case XC_REASON_FIELD_NOT_GRANTED:
        only_via = (c->own & 1ull << asked->field->group) != 0;

        return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" is %s%.0s",
                               "“%.*s%s”%.0s%s", XC_SCOPE_TEXT(name),
                               only_via ? "granted to the agency, but not to "
                                          "the intermediary"
                                        : "not granted to this agency",
                               only_via ? "已授权给本机关，但未授权给代提交方"
                                        : "未授权给本机关");

    case XC_REASON_APPROVAL_REQUIRED:
        return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" is not a "
                               "standard field and needs an approval by %s",
                               "“%.*s%s”不是标准化字段，须经 %s 同意",
                               XC_SCOPE_TEXT(name), xc_scope_who(c, &who));

    case XC_REASON_APPROVAL_INVALID:
        return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" is not "
                               "among the fields that the approval covers",
                               "“%.*s%s”不在同意文件所列字段之内",
                               XC_SCOPE_TEXT(name));

    default:
        return xc_scope_detail(c->arena, verdict, at, "\"%.*s%s\" may be asked "
                               "about named subjects, but not in a sweep",
                               "“%.*s%s”不得按时段、品类、区域查询，"
                               "仅可就具体协查对象提出", XC_SCOPE_TEXT(name));
    }
}


/* ", " and each other reason that was found. */
static void
xc_scope_others(const xc_scope_case_t *c, xc_reason_t first, xc_buf_t *out)
{
    int   reason;
    bool  any = false;

    for (reason = 1; reason < XC_REASON_COUNT; reason++) {
        if ((c->faults & 1ull << reason) == 0 || reason == (int) first) {
            continue;
        }

        xc_buf_z(out, any ? ", " : "");
        xc_buf_str(out, xc_reason_info((xc_reason_t) reason)->code);
        any = true;
    }
}


/* How many fields are refused, and for what else the request would be. */
static xc_rc_t
xc_scope_tell_more(const xc_scope_case_t *c, xc_verdict_t *verdict)
{
    char      mem[2][XC_SCOPE_MORE_MAX], others[XC_SCOPE_MORE_MAX / 2];
    size_t    i, n = 0;
    xc_buf_t  also;

    for (i = 0; i < c->request->n_fields; i++) {
        n += c->request->fields[i].refused != XC_REASON_NONE;
    }

    mem[0][0] = mem[1][0] = '\0';

    if (n != 0) {
        (void) snprintf(mem[0], sizeof(mem[0]), "; %zu of %zu fields refused",
                        n, c->request->n_fields);
        (void) snprintf(mem[1], sizeof(mem[1]), "；共 %zu 项字段被拒（申请 "
                        "%zu 项）", n, c->request->n_fields);
    }

    xc_buf_init(&also, others, sizeof(others));
    xc_scope_others(c, verdict->reason, &also);

    verdict->detail = xc_arena_printf(c->arena, XC_STR_FMT "%s%s" XC_STR_FMT,
                                      XC_STR_ARG(verdict->detail), mem[0],
                                      also.len != 0 ? "; also: " : "",
                                      XC_STR_ARG(xc_buf_view(&also)));
    verdict->detail_zh = xc_arena_printf(c->arena, XC_STR_FMT "%s%s"
                                         XC_STR_FMT,
                                         XC_STR_ARG(verdict->detail_zh),
                                         mem[1],
                                         also.len != 0 ? "；另有：" : "",
                                         XC_STR_ARG(xc_buf_view(&also)));

    return verdict->detail.len != 0 && verdict->detail_zh.len != 0 ? XC_OK
                                                                   : XC_ENOMEM;
}


/* The first field refused for that reason; NULL: none. */
static const xc_asked_t *
xc_scope_first_refused(const xc_request_t *request, xc_reason_t reason)
{
    size_t  i;

    for (i = 0; i < request->n_fields; i++) {
        if (request->fields[i].refused == reason) {
            return &request->fields[i];
        }
    }

    return NULL;
}


static xc_rc_t
xc_scope_tell_first(const xc_scope_case_t *c, xc_verdict_t *verdict)
{
    const xc_request_t  *request = c->request;

    if (verdict->reason == XC_REASON_PURPOSE_NOT_ALLOWED) {
        return xc_scope_detail(c->arena, verdict,
                               (xc_scope_at_t) { XC_STR("purpose"), -1, NULL },
                               "\"%.*s%s\" is not a purpose that this channel "
                               "serves", "“%.*s%s”不是本渠道受理的协查目的",
                               XC_SCOPE_TEXT(request->purpose));
    }

    if (verdict->reason == XC_REASON_SUBJECT_REQUIRED) {
        return xc_scope_detail(c->arena, verdict,
                               (xc_scope_at_t) { XC_STR("subjects"), -1, NULL },
                               "names no subject", "未列明协查对象");
    }

    if (verdict->reason == XC_REASON_APPROVAL_INVALID
        && c->fit != XC_APPROVAL_HOLDS)
    {
        return xc_scope_tell_approval(c, verdict);
    }

    if (verdict->reason == XC_REASON_SWEEP_NOT_AUTHORIZED
        && c->sweep != XC_SWEEP_ALLOWED)
    {
        return xc_scope_tell_sweep(c, verdict);
    }

    return xc_scope_tell_field(c, xc_scope_first_refused(request,
                                                         verdict->reason),
                               verdict);
}


xc_rc_t
xc_scope_tell(const xc_scope_case_t *c, xc_verdict_t *verdict)
{
    xc_rc_t  rc;

    rc = xc_scope_tell_first(c, verdict);

    return rc == XC_OK ? xc_scope_tell_more(c, verdict) : rc;
}


static bool
xc_scope_is_ascii(xc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if ((unsigned char) s.data[i] >= 0x80) {
            return false;
        }
    }

    return true;
}


static xc_scope_remedy_t
xc_scope_remedy_of(const xc_scope_case_t *c, const xc_asked_t *asked)
{
    switch (asked->refused) {

    case XC_REASON_FIELD_UNKNOWN:
        return xc_scope_is_ascii(asked->name) ? XC_REMEDY_NONE
                                              : XC_REMEDY_NOT_ASCII;

    case XC_REASON_FIELD_NOT_GRANTED:
        return (c->own & 1ull << asked->field->group) != 0 ? XC_REMEDY_NOT_VIA
                                                           : XC_REMEDY_NONE;

    case XC_REASON_APPROVAL_REQUIRED:
        return XC_REMEDY_APPROVAL;

    case XC_REASON_APPROVAL_INVALID:
        return c->fit == XC_APPROVAL_HOLDS ? XC_REMEDY_NOT_COVERED
                                           : XC_REMEDY_NOT_HELD;

    case XC_REASON_SWEEP_NOT_AUTHORIZED:
        return c->sweep == XC_SWEEP_ALLOWED ? XC_REMEDY_NOT_SWEPT
                                            : XC_REMEDY_NONE;

    default:
        return XC_REMEDY_NONE;
    }
}


static xc_str_t
xc_scope_remedy_text(const xc_scope_case_t *c, xc_scope_remedy_t remedy)
{
    xc_scope_who_t  who;

    switch (remedy) {

    case XC_REMEDY_NOT_ASCII:
        return XC_STR("字段编号含有 ASCII 以外的字符（形近字母、全角字符等），"
                      "请按公布的标准化字段目录填写");

    case XC_REMEDY_NOT_VIA:
        return XC_STR("请由本机关直接提出，或删去该字段");

    case XC_REMEDY_APPROVAL:
        return xc_arena_printf(c->arena, "请先报 %s 同意，并在 approval 中写明"
                               "同意文号（或附 approval_token）；或删去该字段",
                               xc_scope_who(c, &who));

    case XC_REMEDY_NOT_COVERED:
        return xc_arena_printf(c->arena, "所引同意文件未列此字段，请报 %s "
                               "补充同意，或删去该字段", xc_scope_who(c, &who));

    case XC_REMEDY_NOT_HELD:
        return c->request->token_fault != NULL
               ? xc_arena_printf(c->arena, "%s；请由 %s 重新签发",
                                 c->request->token_fault_zh,
                                 xc_scope_who(c, &who))
               : xc_str_z(xc_scope_unfit[c->fit].remedy_zh);

    case XC_REMEDY_NOT_SWEPT:
        return XC_STR("按时段、品类、区域只能查询商品或者服务信息；"
                      "请删去该字段，或列明具体协查对象后另行提出");

    default:
        return XC_STR("");
    }
}


xc_rc_t
xc_scope_remedy(const xc_scope_case_t *c)
{
    size_t              i;
    xc_str_t            texts[XC_REMEDY_COUNT];
    xc_asked_t         *asked;
    xc_scope_remedy_t   remedy;

    memset(texts, 0, sizeof(texts));

    for (i = 0; i < c->request->n_fields; i++) {
        asked = &c->request->fields[i];
        remedy = xc_scope_remedy_of(c, asked);

        if (remedy == XC_REMEDY_NONE) {
            continue;
        }

        if (texts[remedy].len == 0) {
            texts[remedy] = xc_scope_remedy_text(c, remedy);
        }

        /* what can't be told is not told: never an empty remedy */
        if (texts[remedy].len == 0) {
            return XC_ENOMEM;
        }

        asked->remedy_zh = texts[remedy];
    }

    return XC_OK;
}


static void
xc_scope_write_one(xc_buf_t *out, const xc_asked_t *asked, bool remedy)
{
    const xc_reason_info_t  *info = xc_reason_info(asked->refused);

    xc_buf_z(out, "{\"field\":");
    xc_buf_json(out, asked->name);
    xc_buf_z(out, ",\"reason\":");
    xc_buf_json(out, info->code);
    xc_buf_z(out, info->basis == XC_BASIS_LAW ? ",\"basis\":\"law\""
                                              : ",\"basis\":\"platform\"");

    if (remedy) {
        xc_buf_z(out, ",\"remedy_zh\":");
        xc_buf_json(out, asked->remedy_zh.len != 0 ? asked->remedy_zh
                                                   : info->remedy_zh);
    }

    xc_buf_char(out, '}');
}


bool
xc_scope_write_refused(xc_buf_t *out, const char *prefix,
    const xc_request_t *request)
{
    bool               any = false;
    size_t             i, start = out->len;
    const xc_asked_t  *asked;

    for (i = 0; i < request->n_fields; i++) {
        asked = &request->fields[i];

        if (asked->refused == XC_REASON_NONE) {
            continue;
        }

        xc_buf_z(out, any ? "" : prefix);
        xc_buf_char(out, any ? ',' : '[');
        xc_scope_write_one(out, asked,
                           out->len - start < XC_SCOPE_REMEDIES_MAX);
        any = true;
    }

    if (any) {
        xc_buf_char(out, ']');
    }

    return any;
}
