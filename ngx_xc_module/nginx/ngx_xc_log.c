
/*
 * What stands behind a line of the error log while a gated request is under
 * way, nginx's own lines included.
 */


#include "ngx_xc_module.h"


u_char *
ngx_xc_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr, u_char *buf,
    size_t len)
{
    char           mem[XC_RECORD_URI_MAX];
    u_char        *p;
    xc_buf_t       uri;
    ngx_xc_ctx_t  *ctx;

    (void) sr;

    ctx = ngx_xc_get_ctx(r);

    if (ctx == NULL) {
        return buf;
    }

    xc_buf_init(&uri, mem, sizeof(mem));
    xc_record_uri(&uri, ctx->conf->policy->policy, &ctx->msg, &ctx->gate);

    p = ngx_snprintf(buf, len, ", id: %*s, request: \"%*s %*s\"",
                     ctx->id.len, ctx->id.data,
                     ngx_min(ctx->msg.method.len, 32), ctx->msg.method.data,
                     uri.len, uri.data);
    len -= p - buf;
    buf = p;

    if (r->upstream && r->upstream->peer.name) {
        buf = ngx_snprintf(buf, len, ", upstream: %V",
                           r->upstream->peer.name);
    }

    return buf;
}
