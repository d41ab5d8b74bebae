#include "xc_scope_read.h"

#include "xc_ascii.h"
#include "xc_buf.h"

#include <stdarg.h>
#include <stdio.h>


#define XC_SCOPE_DETAIL_MAX     1024


void
xc_scope_begin(xc_scope_t *s, xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation, xc_request_t *out, xc_verdict_t *verdict)
{
    memset(out, 0, sizeof(*out));
    memset(verdict, 0, sizeof(*verdict));

    *s = (xc_scope_t) { .arena = arena, .policy = policy,
                        .operation = operation, .out = out,
                        .verdict = verdict, .rc = XC_OK };
}


static xc_rc_t
xc_scope_write(xc_arena_t *arena, xc_scope_at_t at, const char *colon,
    const char *fmt, va_list args, xc_str_t *out)
{
    int       n;
    char      mem[XC_SCOPE_DETAIL_MAX], text[XC_SCOPE_DETAIL_MAX - 128];
    xc_buf_t  b;
    xc_str_t  cut = xc_ascii_cut(at.name, XC_SCOPE_QUOTE_MAX);

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_str(&b, cut);
    xc_buf_z(&b, cut.len < at.name.len ? "..." : "");

    if (at.i >= 0) {
        xc_buf_char(&b, '[');
        xc_buf_i64(&b, at.i);
        xc_buf_char(&b, ']');
    }

    if (at.sub != NULL) {
        xc_buf_char(&b, '.');
        xc_buf_z(&b, at.sub);
    }

    xc_buf_z(&b, b.len != 0 ? colon : "");

    n = vsnprintf(text, sizeof(text), fmt, args);
    xc_buf_z(&b, n < 0 ? "" : text);

    return xc_arena_dup(arena, xc_buf_view(&b), out);
}


static xc_rc_t
xc_scope_write_both(xc_arena_t *arena, xc_verdict_t *verdict,
    xc_scope_at_t at, const char *en, const char *zh, va_list args)
{
    va_list  again;
    xc_rc_t  rc;

    va_copy(again, args);

    rc = xc_scope_write(arena, at, ": ", en, args, &verdict->detail);

    if (rc == XC_OK) {
        rc = xc_scope_write(arena, at, "：", zh, again, &verdict->detail_zh);
    }

    va_end(again);

    return rc;
}


void
xc_scope_refuse(xc_scope_t *s, xc_reason_t reason, xc_scope_at_t at,
    const char *en, const char *zh, ...)
{
    xc_rc_t  rc;
    va_list  args;

    s->refused++;

    if (s->verdict->reason != XC_REASON_NONE) {
        return;
    }

    s->verdict->reason = reason;

    va_start(args, zh);
    rc = xc_scope_write_both(s->arena, s->verdict, at, en, zh, args);
    va_end(args);

    s->rc = s->rc == XC_OK ? rc : s->rc;
}


xc_rc_t
xc_scope_detail(xc_arena_t *arena, xc_verdict_t *verdict, xc_scope_at_t at,
    const char *en, const char *zh, ...)
{
    xc_rc_t  rc;
    va_list  args;

    va_start(args, zh);
    rc = xc_scope_write_both(arena, verdict, at, en, zh, args);
    va_end(args);

    return rc;
}


xc_scope_at_t
xc_scope_at(const xc_scope_t *s, xc_member_t member)
{
    xc_str_t  name = s->operation->map[member];

    if (name.len > 1 && name.data[0] == '/') {
        name.data++;
        name.len--;
    }

    return (xc_scope_at_t) { name.len != 0 ? name : xc_member_name(member), -1,
                             NULL };
}


static bool
xc_scope_has_control(xc_str_t text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];

        /* U+0080 to U+009F are C2 80 to C2 9F */
        if (c < 0x20 || c == 0x7f
            || (c == 0xc2 && i + 1 < text.len
                && (unsigned char) text.data[i + 1] < 0xa0))
        {
            return true;
        }
    }

    return false;
}


bool
xc_scope_text_ok(xc_scope_t *s, xc_scope_at_t at, xc_str_t text)
{
    if (text.len == 0) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at, "must not be empty",
                        "不得为空");
        return false;
    }

    if (xc_scope_has_control(text)) {
        xc_scope_refuse(s, XC_REASON_REQUEST_INVALID, at,
                        "holds a control character", "含有控制字符");
        return false;
    }

    return true;
}


xc_str_t *
xc_scope_slot(xc_request_t *out, xc_member_t member)
{
    switch (member) {
    case XC_MEMBER_REQUEST_NO:
        return &out->request_no;
    case XC_MEMBER_PURPOSE:
        return &out->purpose;
    case XC_MEMBER_CASE_NO:
        return &out->case_no;
    case XC_MEMBER_LEGAL_BASIS:
        return &out->legal_basis;
    case XC_MEMBER_CATEGORY:
        return &out->category;
    case XC_MEMBER_REGION:
        return &out->region;
    case XC_MEMBER_APPROVAL:
        return &out->approval;
    case XC_MEMBER_APPROVAL_TOKEN:
        return &out->approval_token;
    default:
        return NULL;
    }
}


void
xc_scope_take(xc_scope_t *s, xc_member_t member, xc_str_t text)
{
    xc_str_t  *slot = xc_scope_slot(s->out, member);

    if (slot == NULL) {
        /* the policy's loader maps nothing of the kind */
        s->rc = XC_EINTERNAL;
        return;
    }

    *slot = text.data != NULL ? text : XC_STR("");
    (void) xc_scope_text_ok(s, xc_scope_at(s, member), text);
}


void *
xc_scope_array(xc_scope_t *s, size_t n, size_t size)
{
    void  *p = xc_arena_array(s->arena, n, size);

    if (p == NULL && s->rc == XC_OK) {
        s->rc = XC_ENOMEM;
    }

    return p;
}
