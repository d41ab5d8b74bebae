
/*
 * The request's body, wherever nginx has put it, as one run of bytes.
 */


#include "ngx_xc_module.h"


static ngx_int_t ngx_xc_body_filter(ngx_http_request_t *r, ngx_chain_t *in);
static ngx_int_t ngx_xc_body_copy(ngx_http_request_t *r, ngx_buf_t *buf,
    u_char *p, size_t size);
static size_t ngx_xc_body_size(ngx_buf_t *buf);


static ngx_http_request_body_filter_pt  ngx_xc_next_request_body_filter;


/*
 * The gate's limit and nginx's client_max_body_size bound it; a file is read
 * blockingly, which for some hundred kilobytes just written is a copy from the
 * page cache.
 */

ngx_int_t
ngx_xc_body_collect(ngx_http_request_t *r, size_t max, xc_str_t *body)
{
    u_char       *p;
    size_t        size, n;
    ngx_chain_t  *cl;

    *body = XC_STR("");

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_xc_body_size(cl->buf);
    }

    if (size > max) {
        return NGX_DECLINED;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && ngx_buf_in_memory(cl->buf)) {
        *body = (xc_str_t) { (char *) cl->buf->pos, size };
        return NGX_OK;
    }

    p = ngx_palloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *body = (xc_str_t) { (char *) p, size };

    for ( /* void */ ; cl; cl = cl->next) {
        n = ngx_xc_body_size(cl->buf);

        if (ngx_xc_body_copy(r, cl->buf, p, n) != NGX_OK) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static size_t
ngx_xc_body_size(ngx_buf_t *buf)
{
    return ngx_buf_in_memory(buf) ? (size_t) (buf->last - buf->pos)
                                  : (size_t) (buf->file_last - buf->file_pos);
}


static ngx_int_t
ngx_xc_body_copy(ngx_http_request_t *r, ngx_buf_t *buf, u_char *p, size_t size)
{
    ssize_t  n;
    size_t   done;

    if (ngx_buf_in_memory(buf)) {
        ngx_memcpy(p, buf->pos, size);
        return NGX_OK;
    }

    for (done = 0; done < size; done += n) {
        n = ngx_read_file(buf->file, p + done, size - done,
                          buf->file_pos + (off_t) done);

        if (n == NGX_ERROR || n == 0) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "xc: the buffered request body ends at %uz of %uz "
                          "bytes", done, size);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A body whose length was not announced is ended by nginx at
 * client_max_body_size, which may be far over the gate's own limit, or none.
 * What is a little over is left to the gate, which says so properly.
 */

static ngx_int_t
ngx_xc_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t   *cl;
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_xc_module);

    if (ctx && ctx->state == NGX_XC_BODY_WAIT) {

        for (cl = in; cl; cl = cl->next) {
            ctx->body_read += ngx_xc_body_size(cl->buf);
        }

        if (ctx->body_read / 2 > ctx->conf->body_size) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
    }

    return ngx_xc_next_request_body_filter(r, in);
}


ngx_int_t
ngx_xc_body_init(ngx_conf_t *cf)
{
    (void) cf;

    ngx_xc_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_xc_body_filter;

    return NGX_OK;
}
