
/*
 * The gate's own answers.  They are sent whole from here, so that error_page
 * never sees them and a refusal stays one.
 */


#include "ngx_xc_module.h"

#include "xc_problem.h"


static ngx_int_t ngx_xc_reply_headers(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_uint_t status);
static ngx_int_t ngx_xc_reply_challenge(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_reply_signature(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_reply_copied(ngx_http_request_t *r, const char *name,
    xc_buf_t *text);
static ngx_int_t ngx_xc_reply_limited(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_reply_retry(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_reply_body(ngx_http_request_t *r, xc_str_t text);


/* Shared by all requests of the worker: what it holds is copied before the
 * event loop goes on */
static char  ngx_xc_reply_buf[XC_PROBLEM_MAX];


ngx_int_t
ngx_xc_reply_problem(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    xc_buf_t                 out;
    xc_gate_clock_t          clock;
    const xc_reason_info_t  *info;

    info = xc_reason_info(ctx->gate.verdict.reason);

    ngx_xc_state_clock(&clock);
    xc_buf_init(&out, ngx_xc_reply_buf, sizeof(ngx_xc_reply_buf));

    if (xc_problem_write(&out, &ctx->gate, ctx->id, clock.now_s) != XC_OK) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: a refusal does not fit its buffer");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_xc_reply_headers(r, ctx, info->status) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_xc_reply_body(r, xc_buf_view(&out));
}


/* The fields as granted, which are all that were asked for */

ngx_int_t
ngx_xc_reply_check(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    size_t               i;
    xc_buf_t             out;
    ngx_str_t            text, type = ngx_string("application/json");
    const xc_request_t  *request = &ctx->gate.request;

    xc_buf_init(&out, ngx_xc_reply_buf, sizeof(ngx_xc_reply_buf));
    xc_buf_z(&out, "{\"decision\":\"allow\",\"fields\":[");

    for (i = 0; i < request->n_fields; i++) {
        xc_buf_z(&out, i == 0 ? "" : ",");
        xc_buf_json(&out, request->fields[i].name);
    }

    xc_buf_z(&out, "]}");

    if (out.overflow) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: a check's answer does not fit its buffer");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = (u_char *) out.data;
    text.len = out.len;

    return ngx_xc_reply_text(r, &type, &text);
}


ngx_int_t
ngx_xc_reply_text(ngx_http_request_t *r, ngx_str_t *type, ngx_str_t *text)
{
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_xc_reply_body(r, ngx_xc_str(text));
}


static ngx_int_t
ngx_xc_reply_headers(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_uint_t status)
{
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status = status;
    r->err_status = 0;
    r->allow_ranges = 0;

    if (status == NGX_HTTP_UNAUTHORIZED
        && ngx_xc_reply_challenge(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_TOO_MANY_REQUESTS
        && ngx_xc_reply_limited(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_xc_reply_retry(r, ctx);
}


static unsigned
ngx_xc_reply_schemes(const xc_auth_accept_t *accept)
{
    size_t    i;
    unsigned  schemes = 0;

    for (i = 0; i < accept->n; i++) {
        schemes |= accept->alternatives[i];
    }

    return schemes;
}


/* A header line for each scheme that is accepted here */

static ngx_int_t
ngx_xc_reply_challenge(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    char         mem[128];
    unsigned     schemes = ngx_xc_reply_schemes(&ctx->conf->accept);
    xc_buf_t     challenge;
    xc_scheme_t  scheme;

    for (scheme = 0; scheme < XC_SCHEME_COUNT; scheme++) {
        if ((schemes & 1u << scheme) == 0) {
            continue;
        }

        xc_buf_init(&challenge, mem, sizeof(mem));
        xc_problem_challenge(&challenge, scheme, ctx->gate.verdict.reason);

        if (ngx_xc_reply_copied(r, "WWW-Authenticate", &challenge) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return (schemes & 1u << XC_SCHEME_HTTPSIG) != 0
           ? ngx_xc_reply_signature(r, ctx) : NGX_OK;
}


/* What to sign, and with which digests */

static ngx_int_t
ngx_xc_reply_signature(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    char       mem[1024];
    xc_buf_t   accept;
    ngx_str_t  value;

    xc_buf_init(&accept, mem, sizeof(mem));
    xc_problem_accept_signature(&accept, ctx->conf->policy->policy, &ctx->msg,
                                ctx->id);

    if (ngx_xc_reply_copied(r, "Accept-Signature", &accept) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, XC_PROBLEM_WANT_DIGEST);

    return ngx_xc_reply_header(r, "Want-Content-Digest", &value);
}


static ngx_int_t
ngx_xc_reply_copied(ngx_http_request_t *r, const char *name, xc_buf_t *text)
{
    ngx_str_t  value;

    if (text->overflow) {
        return NGX_ERROR;
    }

    value.data = (u_char *) text->data;
    value.len = text->len;

    value.data = ngx_pstrdup(r->pool, &value);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_xc_reply_header(r, name, &value);
}


/* Of which limit, and what is left of all */

static ngx_int_t
ngx_xc_reply_limited(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    char                      mem[XC_PROBLEM_RATELIMIT_MAX];
    xc_buf_t                  value;
    const xc_gate_limited_t  *limited = &ctx->gate.limited;

    if (limited->limit == XC_LIMIT_NONE) {
        return NGX_OK;
    }

    xc_buf_init(&value, mem, sizeof(mem));
    xc_problem_ratelimit_policy(&value, limited);

    if (ngx_xc_reply_copied(r, "RateLimit-Policy", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    xc_buf_init(&value, mem, sizeof(mem));
    xc_problem_ratelimit(&value, limited);

    return ngx_xc_reply_copied(r, "RateLimit", &value);
}


static ngx_int_t
ngx_xc_reply_retry(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    int64_t     seconds = ctx->gate.retry_after_s;
    ngx_str_t   value;
    ngx_uint_t  status = r->headers_out.status;

    if (status != NGX_HTTP_TOO_MANY_REQUESTS
        && status != NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%L", seconds > 0 ? seconds : 1)
                - value.data;

    return ngx_xc_reply_header(r, "Retry-After", &value);
}


/* RFC 9110, 15.5.6 wants the methods named */

ngx_int_t
ngx_xc_reply_begin(ngx_http_request_t *r)
{
    ngx_str_t  allow = ngx_string("GET, HEAD");

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_discard_request_body(r);
    }

    if (ngx_xc_reply_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}


/* name is static; the value stays the caller's */

ngx_int_t
ngx_xc_reply_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    h->lowcase_key = NULL;
    ngx_xc_header_init(h);

    return NGX_OK;
}


static ngx_int_t
ngx_xc_reply_body(ngx_http_request_t *r, xc_str_t text)
{
    ngx_buf_t  *b;

    r->headers_out.content_length_n = text.len;

    b = ngx_create_temp_buf(r->pool, text.len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text.data, text.len);

    return ngx_xc_reply_send(r, b);
}


ngx_int_t
ngx_xc_reply_send(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
