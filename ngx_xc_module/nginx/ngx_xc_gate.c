
/*
 * The gate: a PRECONTENT handler that carries a request through the core's
 * stages, waits for its body and for its record, and holds the verdict.
 */


#include "ngx_xc_module.h"


/* Over the core's own needs, which are a small multiple of the body's size */
#define NGX_XC_ARENA_SPARE  (1024 * 1024)
#define NGX_XC_ARENA_BODY   32


static ngx_int_t ngx_xc_gate_off(ngx_http_request_t *r,
    ngx_xc_loc_conf_t *xlcf);
static ngx_int_t ngx_xc_gate_again(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_xc_loc_conf_t *xlcf);
static ngx_int_t ngx_xc_gate_stray(ngx_http_request_t *r,
    ngx_xc_loc_conf_t *xlcf);
static ngx_uint_t ngx_xc_gate_latched(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_xc_loc_conf_t *xlcf);
static ngx_int_t ngx_xc_gate_start(ngx_http_request_t *r,
    ngx_xc_loc_conf_t *xlcf);
static ngx_uint_t ngx_xc_gate_moved(ngx_http_request_t *r,
    const xc_msg_t *msg);
static ngx_xc_ctx_t *ngx_xc_gate_init(ngx_http_request_t *r,
    ngx_xc_loc_conf_t *xlcf);
static ngx_int_t ngx_xc_gate_read_body(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_gate_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_xc_gate_decide(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_gate_ask(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    xc_gate_clock_t *clock);
static ngx_int_t ngx_xc_gate_told(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_gate_admit(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);


/* The worker's: only requests draw, and no master has any to leave to those
 * that it forks */
static xc_ids_t  ngx_xc_gate_ids;


ngx_int_t
ngx_xc_gate_handler(ngx_http_request_t *r)
{
    ngx_xc_ctx_t       *ctx;
    ngx_xc_loc_conf_t  *xlcf;

    xlcf = ngx_http_get_module_loc_conf(r, ngx_xc_module);

    if (xlcf->mode == NGX_XC_OFF) {
        return ngx_xc_gate_off(r, xlcf);
    }

    /* what answers by itself is free to be read, and nothing else there is */

    if (xlcf->handler && r->content_handler == xlcf->handler) {
        return NGX_DECLINED;
    }

    if (r != r->main) {

        /* nginx serves parts of what was decided (slice) by subrequests */

        ctx = ngx_xc_get_ctx(r->main);

        if (ctx && ctx->state == NGX_XC_ADMITTED
            && ngx_xc_gate_latched(r, ctx, xlcf))
        {
            return NGX_DECLINED;
        }

        return ngx_xc_gate_stray(r, xlcf);
    }

    ctx = ngx_xc_get_ctx(r);

    if (ctx) {
        return ngx_xc_gate_again(r, ctx, xlcf);
    }

    if (r->internal) {
        return ngx_xc_gate_stray(r, xlcf);
    }

    return ngx_xc_gate_start(r, xlcf);
}


/*
 * No gate here.  But where one did not admit the request and error_page leads
 * on, a page may be served, and no back end asked, for its parts neither.  A
 * post_action's answer is for nobody.
 */

static ngx_int_t
ngx_xc_gate_off(ngx_http_request_t *r, ngx_xc_loc_conf_t *xlcf)
{
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_get_ctx(r);

    if (ctx == NULL && r != r->main) {
        ctx = ngx_xc_get_ctx(r->main);
    }

    if (ctx == NULL || ctx->state == NGX_XC_ADMITTED || r->main->post_action
        || r->content_handler == NULL || r->content_handler == xlcf->handler)
    {
        return NGX_DECLINED;
    }

    return ctx->request == r ? ngx_xc_gate_again(r, ctx, xlcf)
                             : NGX_HTTP_FORBIDDEN;
}


/* The handler runs again: woken, for nothing, or sent on inside nginx */

static ngx_int_t
ngx_xc_gate_again(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_xc_loc_conf_t *xlcf)
{
    switch (ctx->state) {

    case NGX_XC_BODY_WAIT:

        if (r->internal) {

            /* nginx has ended the body, and error_page leads here */

            return ngx_xc_gate_fail(r, ctx, ngx_xc_gate_ended_by(r));
        }

        return NGX_DONE;

    case NGX_XC_FLEET_WAIT:

        return ctx->waiter != NULL ? NGX_AGAIN : ngx_xc_gate_told(r, ctx);

    case NGX_XC_AUDIT_WAIT:

        if (ctx->audit_failed) {
            return ngx_xc_gate_fail(r, ctx, XC_REASON_AUDIT_UNAVAILABLE);
        }

        if (ctx->decision != NULL) {
            return NGX_AGAIN;
        }

        ctx->state = NGX_XC_ADMITTED;
        ngx_xc_count_gone_on(ctx);

        if (ctx->gate.observed) {
            ngx_xc_gate_log(r, ctx, "observed");
        }

        if (ctx->gate.operation->kind == XC_OPERATION_CHECK) {
            ngx_http_finalize_request(r, ngx_xc_reply_check(r, ctx));
            return NGX_DONE;
        }

        /* fall through */

    case NGX_XC_ADMITTED:

        if (ngx_xc_gate_latched(r, ctx, xlcf)) {
            return NGX_DECLINED;
        }

        return ngx_xc_gate_fail(r, ctx, XC_REASON_SUBREQUEST_REFUSED);

    default: /* NGX_XC_START, NGX_XC_DENIED */

        /* sent on after a refusal: a denial stays a denial */

        return NGX_HTTP_FORBIDDEN;
    }
}


/*
 * A subrequest, or a request that an ungated location has sent on: whatever it
 * asks, no decision of its own stands behind it.
 */

static ngx_int_t
ngx_xc_gate_stray(ngx_http_request_t *r, ngx_xc_loc_conf_t *xlcf)
{
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_gate_init(r, xlcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r == r->main) {
        return ngx_xc_gate_fail(r, ctx, XC_REASON_SUBREQUEST_REFUSED);
    }

    /* its answer would be a part of another one: a bare status will do */

    ctx->gate.verdict.reason = XC_REASON_SUBREQUEST_REFUSED;
    ctx->state = NGX_XC_DENIED;

    ngx_xc_gate_note(r, ctx);
    ngx_xc_audit_refuse(r, ctx);

    return NGX_HTTP_FORBIDDEN;
}


static ngx_uint_t
ngx_xc_gate_latched(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_xc_loc_conf_t *xlcf)
{
    ngx_str_t  *method = &r->method_name;

    /* what was only observed does not go on where more is enforced */

    if (ctx->gate.observed
        && xlcf->gate.observe_until_s < ctx->conf->gate.observe_until_s)
    {
        return 0;
    }

    return xlcf->policy == ctx->conf->policy
           && ngx_memcmp(&xlcf->accept, &ctx->conf->accept,
                         sizeof(xc_auth_accept_t))
              == 0
           && xc_str_eq(ngx_xc_str(&r->uri), ngx_xc_str(&ctx->uri))
           && xc_str_eq(ngx_xc_str(&r->args), ngx_xc_str(&ctx->args))
           && xc_str_eq(ngx_xc_str(method), ngx_xc_str(&ctx->method));
}


static ngx_int_t
ngx_xc_gate_start(ngx_http_request_t *r, ngx_xc_loc_conf_t *xlcf)
{
    xc_rc_t           rc;
    ngx_xc_ctx_t     *ctx;
    xc_gate_clock_t   clock;

    ngx_xc_state_clock(&clock);

    ctx = ngx_xc_gate_init(r, xlcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->begin_us = clock.boot_us;

    if (xlcf->gate.map == NULL) {

        /* a reload could not open the state: nothing can be vouched for */

        return ngx_xc_gate_fail(r, ctx, XC_REASON_AUDIT_UNAVAILABLE);
    }

    rc = xc_gate_headers(&xlcf->gate, &ctx->msg, &clock, &ctx->arena,
                         &ctx->gate);
    if (rc != XC_OK) {
        return ngx_xc_gate_refuse(r, ctx);
    }

    if (ngx_xc_gate_moved(r, &ctx->msg)) {
        return ngx_xc_gate_fail(r, ctx, XC_REASON_SUBREQUEST_REFUSED);
    }

    if (ctx->msg.body) {
        return ngx_xc_gate_read_body(r, ctx);
    }

    return ngx_xc_gate_decide(r, ctx);
}


/*
 * "rewrite" makes a request internal, but "set $args" (and other modules) put
 * something else in place of what was signed without a trace.  Only a path in
 * its plain form, as it is by now, is the same to nginx and to the gate.
 */

static ngx_uint_t
ngx_xc_gate_moved(ngx_http_request_t *r, const xc_msg_t *msg)
{
    return !xc_str_eq(ngx_xc_str(&r->uri), msg->path)
           || !xc_str_eq(ngx_xc_str(&r->args), msg->query);
}


static ngx_xc_ctx_t *
ngx_xc_gate_init(ngx_http_request_t *r, ngx_xc_loc_conf_t *xlcf)
{
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_create_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    ctx->conf = xlcf;
    r->log_handler = ngx_xc_log_handler;
    ctx->arena = ngx_xc_pool_arena(r->pool, NGX_XC_ARENA_BODY * xlcf->body_size
                                            + NGX_XC_ARENA_SPARE);

    ctx->uri = r->uri;
    ctx->args = r->args;
    ctx->method = r->method_name;

    if (ngx_xc_msg_init(r, &ctx->msg) != NGX_OK) {
        return NULL;
    }

    ngx_xc_tls_describe(r->connection, &ctx->msg, &ctx->tls);

    if (xlcf->certificate
        && ngx_xc_tls_certificate(r, &ctx->msg) != NGX_OK)
    {
        return NULL;
    }

    if (xc_id_next(&ngx_xc_gate_ids, ctx->id_text) != XC_OK) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: no randomness for a record's id");
        return NULL;
    }

    ctx->id = (xc_str_t) { ctx->id_text, XC_ID_SIZE };

    return ctx;
}


static ngx_int_t
ngx_xc_gate_read_body(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_int_t  rc;

    ctx->state = NGX_XC_BODY_WAIT;

    rc = ngx_http_read_client_request_body(r, ngx_xc_gate_body_handler);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_xc_gate_body_handler(ngx_http_request_t *r)
{
    ngx_int_t      rc;
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_get_ctx(r);

    /* the body is gone after the first upstream attempt otherwise */
    r->preserve_body = 1;

    rc = ngx_xc_body_collect(r, ctx->conf->body_size, &ctx->body);

    if (rc == NGX_OK) {
        rc = ngx_xc_gate_decide(r, ctx);

    } else if (rc == NGX_DECLINED) {
        xc_gate_too_large(&ctx->conf->gate, &ctx->arena, &ctx->gate);
        rc = ngx_xc_gate_refuse(r, ctx);

    } else {
        rc = ngx_xc_gate_fail(r, ctx, XC_REASON_INTERNAL_ERROR);
    }

    if (rc == NGX_AGAIN || rc == NGX_DONE) {
        return;
    }

    if (rc != NGX_DECLINED) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_xc_gate_decide(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    xc_rc_t           rc;
    xc_gate_clock_t   clock;

    ngx_xc_state_clock(&clock);

    if (ctx->conf->gate.fleet) {
        return ngx_xc_gate_ask(r, ctx, &clock);
    }

    rc = xc_gate_decide(&ctx->conf->gate, &ctx->msg, ctx->body, &clock,
                        &ctx->arena, &ctx->gate);
    if (rc != XC_OK) {
        return ngx_xc_gate_refuse(r, ctx);
    }

    return ngx_xc_gate_admit(r, ctx);
}


static ngx_int_t
ngx_xc_gate_ask(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    xc_gate_clock_t *clock)
{
    xc_rc_t         rc;
    xc_fleet_ask_t  ask;

    rc = xc_gate_ask(&ctx->conf->gate, &ctx->msg, ctx->body, clock,
                     &ctx->arena, &ctx->gate, &ask);
    if (rc != XC_OK) {
        return ngx_xc_gate_refuse(r, ctx);
    }

    ctx->state = NGX_XC_FLEET_WAIT;

    return ngx_xc_fleet_ask(r, ctx, &ask) == NGX_AGAIN
           ? NGX_AGAIN : ngx_xc_gate_told(r, ctx);
}


static ngx_int_t
ngx_xc_gate_told(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    xc_rc_t          rc;
    xc_gate_clock_t  clock;

    ngx_xc_state_clock(&clock);
    xc_map_count(ctx->conf->gate.map, ctx->told ? XC_COUNT_FLEET_ANSWERS
                                                : XC_COUNT_FLEET_FAILURES);

    rc = xc_gate_told(&ctx->conf->gate, &clock, &ctx->gate,
                      ctx->told ? &ctx->answer : NULL);
    if (rc != XC_OK) {
        return ngx_xc_gate_refuse(r, ctx);
    }

    return ngx_xc_gate_admit(r, ctx);
}


/* What goes on: allowed, or refused and only observed */

static ngx_int_t
ngx_xc_gate_admit(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (xc_hash_new(&ctx->arena, XC_HASH_SHA256, &ctx->hash) != XC_OK) {
        return ngx_xc_gate_fail(r, ctx, XC_REASON_INTERNAL_ERROR);
    }

    ctx->state = NGX_XC_AUDIT_WAIT;

    rc = ngx_xc_audit_admit(r, ctx);

    if (rc == NGX_DECLINED) {

        /* what is not recorded whole is not disclosed */

        ctx->gate.observed = 0;
        return ngx_xc_gate_refuse(r, ctx);
    }

    if (rc != NGX_AGAIN) {
        return ngx_xc_gate_fail(r, ctx, XC_REASON_AUDIT_UNAVAILABLE);
    }

    return NGX_AGAIN;
}
