
/*
 * What requests leave in the counters of the node's map: lock-free, and some
 * nanoseconds each.
 */


#include "ngx_xc_module.h"


static void ngx_xc_count_agencies(ngx_xc_ctx_t *ctx);
static void ngx_xc_count_until(ngx_xc_ctx_t *ctx, xc_histogram_kind_t kind,
    int64_t boot_us);


void
ngx_xc_count_refused(ngx_xc_ctx_t *ctx)
{
    unsigned   who;
    xc_map_t  *map = ctx->conf->gate.map;

    if (map == NULL) {
        return;
    }

    who = ctx->gate.authenticated ? 1 + ctx->gate.auth.agency->level
                                  : XC_COUNT_NOBODY;

    xc_count_refused(map, who, ctx->gate.verdict.reason);

    if (ctx->gate.authenticated) {
        ngx_xc_count_agencies(ctx);
    }
}


void
ngx_xc_count_gone_on(ngx_xc_ctx_t *ctx)
{
    xc_count_gone_on(ctx->conf->gate.map, ctx->gate.auth.agency->level,
                     ctx->gate.observed);
    ngx_xc_count_agencies(ctx);
}


/* The counters of the agency, and of an intermediary that asks for it */

static void
ngx_xc_count_agencies(ngx_xc_ctx_t *ctx)
{
    size_t              i, n;
    xc_reason_t         reason = ctx->gate.verdict.reason;
    xc_map_agency_t    *place;
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(&ctx->gate.auth, who);

    for (i = 0; i < n; i++) {
        place = ctx->conf->gate.places[who[i]->index];

        if (place == NULL) {
            continue;
        }

        atomic_fetch_add_explicit(reason == XC_REASON_NONE ? &place->admitted
                                  : ctx->gate.limited.limit != XC_LIMIT_NONE
                                  ? &place->limited : &place->refused,
                                  1, memory_order_relaxed);
    }
}


/* Once: what was admitted may still be refused */

void
ngx_xc_count_decided(ngx_xc_ctx_t *ctx, int64_t boot_us)
{
    if (!ctx->decided) {
        ctx->decided = 1;
        ngx_xc_count_until(ctx, XC_HISTOGRAM_DECISION, boot_us);
    }
}


void
ngx_xc_count_answered(ngx_xc_ctx_t *ctx)
{
    ngx_xc_count_until(ctx, XC_HISTOGRAM_ANSWER, ngx_xc_state_boot_us());
}


static void
ngx_xc_count_until(ngx_xc_ctx_t *ctx, xc_histogram_kind_t kind,
    int64_t boot_us)
{
    xc_map_t  *map = ctx->conf->gate.map;

    if (map && ctx->begin_us != 0) {
        xc_count_value(map, kind, boot_us - ctx->begin_us);
    }
}
