
/*
 * Requests that wait for something outside the event loop, as
 * ngx_http_limit_req_module.c does: a timer on the write event, not cancelable,
 * so that a graceful exit waits for the request.
 */


#include "ngx_xc_module.h"


static void ngx_xc_wait_handler(ngx_http_request_t *r);


ngx_int_t
ngx_xc_wait(ngx_http_request_t *r, ngx_xc_ctx_t *ctx, ngx_msec_t timeout,
    void (*expired)(ngx_xc_ctx_t *ctx), ngx_http_cleanup_pt gone)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = gone;
    cln->data = ctx;

    ctx->expired = expired;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_xc_wait_handler;
    ngx_add_timer(r->connection->write, timeout);

    return NGX_OK;
}


static void
ngx_xc_wait_handler(ngx_http_request_t *r)
{
    ngx_event_t   *wev = r->connection->write;
    ngx_xc_ctx_t  *ctx;

    if (!wev->timedout) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    wev->timedout = 0;

    ctx = ngx_xc_get_ctx(r);
    ctx->expired(ctx);
}


void
ngx_xc_resume(ngx_xc_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else {
        ngx_http_core_run_phases(r);
    }

    ngx_http_run_posted_requests(c);
}
