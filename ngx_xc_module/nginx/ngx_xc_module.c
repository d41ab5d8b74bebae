
/*
 * ngx_xc_module: enforcement assistance at the platform's edge.  The module's
 * tables, and the request context.
 */


#include "ngx_xc_module.h"


static ngx_int_t ngx_xc_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_xc_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_xc_init_process(ngx_cycle_t *cycle);
static void ngx_xc_exit_process(ngx_cycle_t *cycle);
static void ngx_xc_ctx_cleanup(void *data);
static void *ngx_xc_pool_alloc(void *ctx, size_t size);
static int ngx_xc_pool_defer(void *ctx, void (*fn)(void *data), void *data);


static ngx_http_module_t  ngx_xc_module_ctx = {
    ngx_xc_preconfiguration,               /* preconfiguration */
    ngx_xc_postconfiguration,              /* postconfiguration */

    ngx_xc_create_main_conf,               /* create main configuration */
    ngx_xc_init_main_conf,                 /* init main configuration */

    ngx_xc_create_peer_conf,               /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_xc_create_loc_conf,                /* create location configuration */
    ngx_xc_merge_loc_conf                  /* merge location configuration */
};


ngx_module_t  ngx_xc_module = {
    NGX_MODULE_V1,
    &ngx_xc_module_ctx,                    /* module context */
    ngx_xc_commands,                       /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_xc_state_init_module,              /* init module */
    ngx_xc_init_process,                   /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_xc_exit_process,                   /* exit process */
    ngx_xc_state_exit_master,              /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_xc_preconfiguration(ngx_conf_t *cf)
{
    if (xc_crypto_init() != XC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "xc: OpenSSL lacks an algorithm that is needed");
        return NGX_ERROR;
    }

    return ngx_xc_vars_add(cf);
}


/*
 * PRECONTENT: access directives, `satisfy any` and auth_request have spoken by
 * then, and none of them can turn a refusal here into a pass.
 */

static ngx_int_t
ngx_xc_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_xc_gate_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_xc_gate_log_handler;

    if (ngx_xc_state_describe(cf, ngx_http_conf_get_module_main_conf(cf,
                                                       ngx_xc_module))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_xc_body_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_xc_peer_wrap(cf);

    return ngx_xc_filter_init(cf);
}


static ngx_int_t
ngx_xc_init_process(ngx_cycle_t *cycle)
{
    if (ngx_xc_audit_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_xc_fleet_init_process(cycle);
}


/* The log last: what ends before it may still leave a record */

static void
ngx_xc_exit_process(ngx_cycle_t *cycle)
{
    ngx_xc_fleet_exit_process(cycle);
    ngx_xc_audit_exit_process(cycle);
}


/* Marks the cleanup that holds the context, too */

static void
ngx_xc_ctx_cleanup(void *data)
{
    ngx_xc_fleet_forget(data);
    ngx_xc_audit_forget(data);
}


ngx_xc_ctx_t *
ngx_xc_get_ctx(ngx_http_request_t *r)
{
    ngx_xc_ctx_t        *ctx;
    ngx_pool_cleanup_t  *cln;

    ctx = ngx_http_get_module_ctx(r, ngx_xc_module);

    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect has zeroed the module contexts */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_xc_ctx_cleanup) {
            ctx = cln->data;

            /* a subrequest shares its parent's pool */

            if (ctx->request == r) {
                ngx_http_set_ctx(r, ctx, ngx_xc_module);
                return ctx;
            }
        }
    }

    return NULL;
}


ngx_xc_ctx_t *
ngx_xc_create_ctx(ngx_http_request_t *r)
{
    ngx_xc_ctx_t        *ctx;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_xc_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_xc_ctx_t));
    ctx->request = r;
    ctx->http_version = r->http_version;

    cln->handler = ngx_xc_ctx_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_xc_module);

    return ctx;
}


static void *
ngx_xc_pool_alloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}


static int
ngx_xc_pool_defer(void *ctx, void (*fn)(void *data), void *data)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(ctx, 0);
    if (cln == NULL) {
        return -1;
    }

    cln->handler = fn;
    cln->data = data;

    return 0;
}


xc_arena_t
ngx_xc_pool_arena(ngx_pool_t *pool, size_t limit)
{
    return (xc_arena_t) { ngx_xc_pool_alloc, ngx_xc_pool_defer, pool, limit,
                          0 };
}


/* A cycle of before load_module has no place for what the macro would read */

ngx_xc_main_conf_t *
ngx_xc_cycle_conf(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    if (ngx_is_init_cycle(cycle)) {
        return NULL;
    }

    for (i = 0; i < cycle->modules_n; i++) {
        if (cycle->modules[i] == &ngx_xc_module) {
            return ngx_http_cycle_get_module_main_conf(cycle, ngx_xc_module);
        }
    }

    return NULL;
}
