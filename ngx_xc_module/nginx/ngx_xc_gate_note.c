
/*
 * What a decision leaves besides its record: counters, and one line of the
 * error log.
 */


#include "ngx_xc_module.h"


static void ngx_xc_gate_full(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);


void
ngx_xc_gate_note(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_xc_count_refused(ctx);

    if (ctx->gate.verdict.reason == XC_REASON_REPLAY_STORE_FULL) {
        ngx_xc_gate_full(r, ctx);
    }

    ngx_xc_gate_log(r, ctx, "refused");
}


/* Somebody has to act on it: said once a minute */

static void
ngx_xc_gate_full(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    static time_t  told;

    if (ngx_time() - told < 60) {
        return;
    }

    told = ngx_time();

    ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                  "xc: the replay store is full: requests are refused until "
                  "signatures expire; write a larger replay= than %uL in "
                  "xc_state and restart", ctx->conf->gate.map->replay);
}


void
ngx_xc_gate_log(ngx_http_request_t *r, ngx_xc_ctx_t *ctx, const char *what)
{
    xc_str_t                 agency;
    ngx_log_t               *log = r->connection->log;
    ngx_uint_t               level;
    const xc_reason_info_t  *info;

    info = xc_reason_info(ctx->gate.verdict.reason);
    level = info->fault == XC_FAULT_CLIENT ? NGX_LOG_INFO : NGX_LOG_ERR;

    if (log->log_level < level) {
        return;
    }

    agency = ctx->gate.authenticated ? ctx->gate.auth.agency->id
                                     : XC_STR("-");
    ngx_log_error(level, log, 0, "xc: %s: %*s (%ui), agency %*s", what,
                  info->code.len, info->code.data, (ngx_uint_t) info->status,
                  agency.len, agency.data);
}
