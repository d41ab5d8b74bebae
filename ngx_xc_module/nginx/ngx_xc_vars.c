
/*
 * $xc_*: what the verdict says, for proxy_set_header and log_format.  Printable
 * ASCII; other bytes as %XX.  Subrequests read their main request's.
 */


#include "ngx_xc_module.h"


/* Written in full, or an error: "" would be a statement */
#define NGX_XC_VAR_MAX  32768


/* Rendered here, then copied at its length */
static char  ngx_xc_var_buf[NGX_XC_VAR_MAX];


typedef void (*ngx_xc_var_pt)(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);


static ngx_int_t ngx_xc_var_get(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_xc_var_decision(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_reason(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_agency(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_level(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_credential(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_operation(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_request_no(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_fields(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_record(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_id(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_var_uri(xc_buf_t *out, ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);


static struct {
    ngx_str_t      name;
    ngx_xc_var_pt  write;
} ngx_xc_vars[] = {
    { ngx_string("xc_decision"), ngx_xc_var_decision },
    { ngx_string("xc_reason"), ngx_xc_var_reason },
    { ngx_string("xc_agency"), ngx_xc_var_agency },
    { ngx_string("xc_level"), ngx_xc_var_level },
    { ngx_string("xc_credential"), ngx_xc_var_credential },
    { ngx_string("xc_operation"), ngx_xc_var_operation },
    { ngx_string("xc_request_no"), ngx_xc_var_request_no },
    { ngx_string("xc_fields"), ngx_xc_var_fields },
    { ngx_string("xc_record"), ngx_xc_var_record },
    { ngx_string("xc_id"), ngx_xc_var_id },
    { ngx_string("xc_uri"), ngx_xc_var_uri },
    { ngx_null_string, NULL }
};


ngx_int_t
ngx_xc_vars_add(ngx_conf_t *cf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *var;

    for (i = 0; ngx_xc_vars[i].name.len; i++) {
        var = ngx_http_add_variable(cf, &ngx_xc_vars[i].name,
                                    NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_xc_var_get;
        var->data = i;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_xc_var_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    xc_buf_t       out;
    ngx_xc_ctx_t  *ctx;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->len = 0;
    v->data = (u_char *) "";

    ctx = ngx_xc_get_ctx(r->main);

    if (ctx == NULL) {
        return NGX_OK;
    }

    xc_buf_init(&out, ngx_xc_var_buf, NGX_XC_VAR_MAX);
    ngx_xc_vars[data].write(&out, r->main, ctx);

    if (out.overflow) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xc: the variable \"%V\" does not fit %d bytes",
                      &ngx_xc_vars[data].name, NGX_XC_VAR_MAX);
        return NGX_ERROR;
    }

    v->data = ngx_pnalloc(r->pool, out.len + 1);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->data, out.data, out.len);
    v->len = out.len;

    return NGX_OK;
}


static void
ngx_xc_var_decision(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->state == NGX_XC_ADMITTED && !ctx->gate.observed) {
        xc_buf_z(out, "allow");

    } else if (ctx->state == NGX_XC_DENIED || ctx->state == NGX_XC_ADMITTED) {
        xc_buf_z(out, "deny");
    }
}


static void
ngx_xc_var_reason(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->state == NGX_XC_DENIED
        || (ctx->state == NGX_XC_ADMITTED && ctx->gate.observed))
    {
        xc_buf_str(out, xc_reason_info(ctx->gate.verdict.reason)->code);
    }
}


static void
ngx_xc_var_agency(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->gate.authenticated) {
        xc_buf_str(out, ctx->gate.auth.agency->id);
    }
}


static void
ngx_xc_var_level(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->gate.authenticated) {
        xc_buf_str(out, xc_level_name(ctx->gate.auth.agency->level));
    }
}


static void
ngx_xc_var_credential(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->gate.authenticated) {
        xc_buf_str(out, xc_scheme_name(ctx->gate.auth.credential->scheme));
        xc_buf_char(out, ':');
        xc_buf_pct(out, ctx->gate.auth.credential->keyid);
    }
}


static void
ngx_xc_var_operation(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    if (ctx->gate.operation) {
        xc_buf_str(out, ctx->gate.operation->id);
    }
}


static void
ngx_xc_var_request_no(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    xc_buf_pct(out, ctx->gate.request.request_no);
}


/* As granted: nothing before the verdict, nothing of a refusal, and where that
 * is only observed, what is not refused */

static void
ngx_xc_var_fields(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    size_t               i, start = out->len;
    const xc_request_t  *request = &ctx->gate.request;

    (void) r;

    if (ctx->state != NGX_XC_ADMITTED) {
        return;
    }

    for (i = 0; i < request->n_fields; i++) {
        if (request->fields[i].refused != XC_REASON_NONE) {
            continue;
        }

        if (out->len != start) {
            xc_buf_char(out, ',');
        }

        xc_buf_pct(out, request->fields[i].name);
    }
}


static void
ngx_xc_var_record(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_xc_main_conf_t  *xmcf;

    if (ctx->state == NGX_XC_ADMITTED) {
        xmcf = ngx_http_get_module_main_conf(r, ngx_xc_module);

        xc_buf_str(out, ngx_xc_str(&xmcf->node));
        xc_buf_char(out, ':');
        xc_buf_u64(out, ctx->seq);
    }
}


static void
ngx_xc_var_id(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    xc_buf_str(out, ctx->id);
}


static void
ngx_xc_var_uri(xc_buf_t *out, ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    (void) r;

    xc_record_uri(out, ctx->conf->policy->policy, &ctx->msg, &ctx->gate);
}
