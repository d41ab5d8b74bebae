
/*
 * How a request ends: refused by the gate, or before the gate could decide.
 */


#include "ngx_xc_module.h"


ngx_int_t
ngx_xc_gate_fail(ngx_http_request_t *r, ngx_xc_ctx_t *ctx, xc_reason_t reason)
{
    ctx->gate.verdict = (xc_verdict_t) { reason, XC_STR_NONE, XC_STR_NONE };
    ctx->gate.observed = 0;

    return ngx_xc_gate_refuse(r, ctx);
}


/* The one way to say no: latch, count, record, answer */

ngx_int_t
ngx_xc_gate_refuse(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ctx->state = NGX_XC_DENIED;

    if (ctx->gate.verdict.reason == XC_REASON_NONE) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: a refusal without a reason");
        ctx->gate.verdict.reason = XC_REASON_INTERNAL_ERROR;
    }

    ngx_xc_count_decided(ctx, ngx_xc_state_boot_us());
    ngx_xc_gate_note(r, ctx);

    /* what could not be recorded as allowed is itself unrecorded */

    if (ctx->gate.verdict.reason != XC_REASON_AUDIT_UNAVAILABLE) {
        ngx_xc_audit_refuse(r, ctx);
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {

        /* what is no body has no end; its own 400 would go by error_page */

        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, ngx_xc_reply_problem(r, ctx));

    return NGX_DONE;
}


/*
 * The log phase: an outcome for what was admitted; a decision for what ended
 * before the gate could decide.
 */

ngx_int_t
ngx_xc_gate_log_handler(ngx_http_request_t *r)
{
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_get_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    if (ctx->decision != NULL || ctx->outcome != NULL) {
        ngx_xc_audit_outcome(r, ctx);
        return NGX_OK;
    }

    if (ctx->state < NGX_XC_AUDIT_WAIT) {
        ctx->gate.verdict.reason = ngx_xc_gate_ended_by(r);
        ctx->state = NGX_XC_DENIED;

        ngx_xc_gate_note(r, ctx);
        ngx_xc_audit_refuse(r, ctx);
    }

    return NGX_OK;
}


/*
 * What nginx, or the client, ended while the gate waited for the body;
 * error_page may have overwritten the status
 */

xc_reason_t
ngx_xc_gate_ended_by(ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->err_status ? r->err_status : r->headers_out.status;

    if (r->connection->error || status == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || (status == 0 && !r->internal))
    {
        return XC_REASON_CLIENT_GONE;
    }

    if (status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return XC_REASON_BODY_TOO_LARGE;
    }

    return status >= NGX_HTTP_INTERNAL_SERVER_ERROR ? XC_REASON_INTERNAL_ERROR
                                                    : XC_REASON_BODY_INVALID;
}
