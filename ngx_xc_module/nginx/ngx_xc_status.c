
/*
 * xc_status: counters and health.  A node with many agencies tells them in
 * slices, one a turn of the event loop.
 */


#include "ngx_xc_status.h"


/* What is written at a time */
#define NGX_XC_STATUS_SLICE   65536

#define NGX_XC_STATUS_CSP     256


/* Of a location */

struct ngx_xc_status_conf_s {
    xc_status_format_t           format;
    ngx_uint_t                   agencies;
    ngx_str_t                    type;
    ngx_str_t                    csp;
};


/* Of a request */

typedef struct {
    ngx_xc_gathered_t            gathered;
    xc_status_format_t           format;
    xc_status_at_t               at;
    ngx_uint_t                   more;         /* to be written yet */
    ngx_buf_t                   *buf;
    ngx_chain_t                  out;
} ngx_xc_status_ctx_t;


static ngx_int_t ngx_xc_status_handler(ngx_http_request_t *r);
static ngx_xc_status_ctx_t *ngx_xc_status_create(ngx_http_request_t *r,
    ngx_xc_status_conf_t *conf);
static void ngx_xc_status_cleanup(void *data);
static ngx_xc_status_ctx_t *ngx_xc_status_get_ctx(ngx_http_request_t *r);
static ngx_int_t ngx_xc_status_headers(ngx_http_request_t *r,
    ngx_xc_status_conf_t *conf);
static ngx_int_t ngx_xc_status_fill(ngx_xc_status_ctx_t *ctx);
static void ngx_xc_status_send(ngx_http_request_t *r,
    ngx_xc_status_ctx_t *ctx);
static void ngx_xc_status_writer(ngx_http_request_t *r);
static ngx_uint_t ngx_xc_status_blocked(ngx_http_request_t *r);
static void ngx_xc_status_wait(ngx_http_request_t *r);
static void ngx_xc_status_yield(ngx_http_request_t *r);
static ngx_int_t ngx_xc_status_params(ngx_conf_t *cf,
    ngx_xc_status_conf_t *status);
static ngx_int_t ngx_xc_status_describe(ngx_conf_t *cf,
    ngx_xc_status_conf_t *status);


static ngx_int_t
ngx_xc_status_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_xc_loc_conf_t    *xlcf;
    ngx_xc_status_ctx_t  *ctx;

    /* nginx asks allow and deny of requests only, not of subrequests */

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_xc_reply_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_xc_module);

    if (xlcf->status == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_xc_status_create(r, xlcf->status);

    if (ctx == NULL || ngx_xc_status_fill(ctx) != NGX_OK
        || ngx_xc_status_headers(r, xlcf->status) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ctx->more) {
        r->headers_out.content_length_n = ngx_buf_size(ctx->buf);
    }

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    r->main->count++;
    r->write_event_handler = ngx_xc_status_writer;

    ngx_xc_status_send(r, ctx);

    return NGX_DONE;
}


/* In a cleanup, since the module's context is the gate's */

static ngx_xc_status_ctx_t *
ngx_xc_status_create(ngx_http_request_t *r, ngx_xc_status_conf_t *conf)
{
    ngx_pool_cleanup_t   *cln;
    ngx_xc_status_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_xc_status_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_xc_status_ctx_t));

    ctx->buf = ngx_create_temp_buf(r->pool, NGX_XC_STATUS_SLICE);
    if (ctx->buf == NULL) {
        return NULL;
    }

    cln->handler = ngx_xc_status_cleanup;
    ctx->format = conf->format;

    if (ngx_xc_gather(ngx_http_get_module_main_conf(r, ngx_xc_module),
                      r->pool, conf->agencies, &ctx->gathered)
        != NGX_OK)
    {
        return NULL;
    }

    return ctx;
}


/* What it marks goes with the pool */

static void
ngx_xc_status_cleanup(void *data)
{
    (void) data;
}


static ngx_xc_status_ctx_t *
ngx_xc_status_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_xc_status_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_xc_status_headers(ngx_http_request_t *r, ngx_xc_status_conf_t *conf)
{
    ngx_uint_t  i;

    struct {
        const char  *name;
        ngx_str_t    value;
    } headers[] = {
        { "Cache-Control", ngx_string("no-store") },
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "Referrer-Policy", ngx_string("no-referrer") },
        { "Content-Security-Policy", conf->csp }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (headers[i].value.len != 0
            && ngx_xc_reply_header(r, headers[i].name, &headers[i].value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = conf->type;
    r->headers_out.content_type_len = conf->type.len;
    r->headers_out.content_type_lowcase = NULL;

    /* gzip_types and the like are asked for the type alone */

    for (i = 0; i < conf->type.len; i++) {
        if (conf->type.data[i] == ';') {
            r->headers_out.content_type_len = i;
            break;
        }
    }

    return NGX_OK;
}


/* The next slice, in the same buffer */

static ngx_int_t
ngx_xc_status_fill(ngx_xc_status_ctx_t *ctx)
{
    xc_buf_t    out;
    ngx_buf_t  *b = ctx->buf;

    xc_buf_init(&out, b->start, b->end - b->start);

    ctx->more = xc_status_write(&ctx->gathered.status, ctx->format, &ctx->at,
                                &out);

    if (out.overflow || out.len == 0) {
        return NGX_ERROR;
    }

    b->pos = b->start;
    b->last = b->start + out.len;
    b->last_buf = !ctx->more;
    b->last_in_chain = 1;

    /* a filter that kept it for more would keep the buffer */
    b->flush = ctx->more;

    return NGX_OK;
}


static void
ngx_xc_status_send(ngx_http_request_t *r, ngx_xc_status_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->out.buf = ctx->buf;
    ctx->out.next = NULL;

    rc = ngx_http_output_filter(r, &ctx->out);

    if (rc == NGX_ERROR || !ctx->more) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (r->connection->write->delayed || ngx_xc_status_blocked(r)) {
        ngx_xc_status_wait(r);
        return;
    }

    ngx_xc_status_yield(r);
}


static void
ngx_xc_status_writer(ngx_http_request_t *r)
{
    ngx_event_t          *wev = r->connection->write;
    ngx_xc_status_ctx_t  *ctx;

    /* the turn that it was to have comes late: not the client's fault */

    if (wev->timedout && wev->posted) {
        wev->timedout = 0;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        ngx_xc_status_wait(r);
        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (ngx_xc_status_blocked(r)) {
        ngx_xc_status_wait(r);
        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    ctx = ngx_xc_status_get_ctx(r);

    if (ctx == NULL || ngx_xc_status_fill(ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_xc_status_send(r, ctx);
}


/* Is the last slice still on its way? */

static ngx_uint_t
ngx_xc_status_blocked(ngx_http_request_t *r)
{
    return r->buffered || r->postponed || r->connection->buffered;
}


static void
ngx_xc_status_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev = r->connection->write;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * Others come first.  The timer is what a worker that shuts down waits for: it
 * does not look for posted events before it exits.
 */

static void
ngx_xc_status_yield(ngx_http_request_t *r)
{
    ngx_event_t               *wev = r->connection->write;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_add_timer(wev, clcf->send_timeout);
    ngx_post_event(wev, &ngx_posted_next_events);
}


char *
ngx_xc_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    ngx_xc_status_conf_t      *status;
    ngx_http_core_loc_conf_t  *clcf;

    (void) cmd;

    if (xlcf->handler) {
        return "is duplicate";
    }

    status = ngx_pcalloc(cf->pool, sizeof(ngx_xc_status_conf_t));

    if (status == NULL || ngx_xc_status_params(cf, status) != NGX_OK
        || ngx_xc_status_describe(cf, status) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    xlcf->status = status;
    xlcf->handler = ngx_xc_status_handler;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_xc_status_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_xc_status_params(ngx_conf_t *cf, ngx_xc_status_conf_t *status)
{
    ngx_str_t           *value = cf->args->elts;
    xc_status_format_t   i;

    static const char *const  formats[XC_STATUS_FORMATS] = {
        [XC_STATUS_JSON] = "json",
        [XC_STATUS_PROMETHEUS] = "prometheus",
        [XC_STATUS_HTML] = "html"
    };

    if (cf->args->nelts > 1) {
        for (i = 0; i < XC_STATUS_FORMATS; i++) {
            if (ngx_strcmp(value[1].data, formats[i]) == 0) {
                break;
            }
        }

        if (i == XC_STATUS_FORMATS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"xc_status %V\" is not known: write json, "
                               "prometheus or html", &value[1]);
            return NGX_ERROR;
        }

        status->format = i;
    }

    if (cf->args->nelts > 2) {
        if (ngx_strcmp(value[2].data, "agencies") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": behind the format "
                               "only \"agencies\" may stand", &value[2]);
            return NGX_ERROR;
        }

        status->agencies = 1;
    }

    return NGX_OK;
}


/* What its answers' headers say */

static ngx_int_t
ngx_xc_status_describe(ngx_conf_t *cf, ngx_xc_status_conf_t *status)
{
    xc_buf_t  csp;
    xc_str_t  type;

    type = xc_status_media_type(status->format);
    status->type.data = (u_char *) type.data;
    status->type.len = type.len;

    if (status->format != XC_STATUS_HTML) {
        return NGX_OK;
    }

    xc_buf_init(&csp, ngx_palloc(cf->pool, NGX_XC_STATUS_CSP),
                NGX_XC_STATUS_CSP);

    if (csp.data == NULL || xc_status_csp(&csp) != XC_OK) {
        return NGX_ERROR;
    }

    status->csp.data = (u_char *) csp.data;
    status->csp.len = csp.len;

    return NGX_OK;
}
