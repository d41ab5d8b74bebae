
/*
 * Requests and the fleet's store: each asks once and waits, no longer than
 * xc_fleet allows.
 */


#include "ngx_xc_redis.h"


/* A question on its way.  It outlives its request: the store answers all */

struct ngx_xc_waiter_s {
    ngx_queue_t                  queue;        /* of the answered */
    ngx_xc_ctx_t                *ctx;          /* NULL: nobody waits any more */
    size_t                       agencies;     /* in the answer */
    xc_fleet_answer_t            answer;
    unsigned                     here:1;
    unsigned                     told:1;
};


typedef struct {
    const ngx_xc_fleet_conf_t   *conf;
    ngx_log_t                   *log;
    ngx_queue_t                  done;         /* ngx_xc_waiter_t */
    ngx_event_t                  event;        /* wakes them */
    ngx_xc_fleet_state_t         state;

    ngx_msec_t                   said;
    ngx_uint_t                   unsaid;       /* requests since then */
    ngx_msec_t                   clocks_said;
} ngx_xc_fleet_t;


static void ngx_xc_fleet_answer(void *data, const int64_t *values, size_t n);
static void ngx_xc_fleet_event(ngx_event_t *ev);
static void ngx_xc_fleet_clocks(ngx_xc_ctx_t *ctx);
static void ngx_xc_fleet_expired(ngx_xc_ctx_t *ctx);
static void ngx_xc_fleet_gone(void *data);
static void ngx_xc_fleet_failed(const char *why);


static ngx_xc_fleet_t  *ngx_xc_fleet;


ngx_int_t
ngx_xc_fleet_init_process(ngx_cycle_t *cycle)
{
    ngx_xc_fleet_t      *fleet;
    ngx_xc_main_conf_t  *xmcf;

    /* not in cache helpers, nor where nothing is gated */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    xmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_xc_module);

    if (xmcf == NULL || xmcf->fleet == NULL || xmcf->gates.nelts == 0) {
        return NGX_OK;
    }

    fleet = ngx_pcalloc(cycle->pool, sizeof(ngx_xc_fleet_t));
    if (fleet == NULL) {
        return NGX_ERROR;
    }

    fleet->conf = xmcf->fleet;
    fleet->log = cycle->log;
    fleet->said = ngx_current_msec - 1000;
    fleet->clocks_said = fleet->said;

    ngx_queue_init(&fleet->done);

    fleet->event.handler = ngx_xc_fleet_event;
    fleet->event.data = fleet;
    fleet->event.log = cycle->log;

    ngx_xc_fleet = fleet;

    return ngx_xc_redis_open(cycle, fleet->conf);
}


/* Who still waits is never answered */

void
ngx_xc_fleet_exit_process(ngx_cycle_t *cycle)
{
    ngx_queue_t      *q;
    ngx_xc_fleet_t   *fleet = ngx_xc_fleet;
    ngx_xc_waiter_t  *waiter;

    (void) cycle;

    if (fleet == NULL) {
        return;
    }

    ngx_xc_redis_close();

    if (fleet->event.posted) {
        ngx_delete_posted_event(&fleet->event);
    }

    while (!ngx_queue_empty(&fleet->done)) {
        q = ngx_queue_head(&fleet->done);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_xc_waiter_t, queue);

        if (waiter->ctx) {
            waiter->ctx->waiter = NULL;
        }

        ngx_free(waiter);
    }

    ngx_xc_fleet = NULL;
}


ngx_int_t
ngx_xc_fleet_ask(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    const xc_fleet_ask_t *ask)
{
    const xc_agency_t       *agencies[XC_AUTH_AGENCIES_MAX];
    ngx_xc_waiter_t         *waiter;
    xc_arena_t               arena;
    xc_fleet_call_t          call;
    const xc_fleet_store_t  *store;

    ctx->told = 0;

    store = ngx_xc_redis_store();

    if (ngx_xc_fleet == NULL || store == NULL) {
        ngx_xc_fleet_failed("the store is not connected");
        return NGX_ERROR;
    }

    /* the body has no say in whether there is room for the question */

    arena = ngx_xc_pool_arena(r->pool, 0);

    if (xc_fleet_call(&arena, store, ask, &call) != XC_OK) {
        ngx_xc_fleet_failed("a question to the store could not be built");
        return NGX_ERROR;
    }

    waiter = ngx_calloc(sizeof(ngx_xc_waiter_t), ngx_xc_fleet->log);
    if (waiter == NULL) {
        return NGX_ERROR;
    }

    waiter->agencies = xc_auth_agencies(ask->auth, agencies);

    if (ngx_xc_redis_send(&call, ngx_xc_fleet_answer, waiter) != NGX_OK) {
        ngx_free(waiter);
        ngx_xc_fleet_failed("too many questions to the store are unanswered");
        return NGX_ERROR;
    }

    if (ngx_xc_wait(r, ctx, ngx_xc_fleet->conf->timeout, ngx_xc_fleet_expired,
                    ngx_xc_fleet_gone)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    waiter->ctx = ctx;
    ctx->waiter = waiter;
    ngx_xc_fleet->state.waiting++;

    return NGX_AGAIN;
}


/* From the connection's event, and from its end: only notes */

static void
ngx_xc_fleet_answer(void *data, const int64_t *values, size_t n)
{
    ngx_xc_waiter_t  *waiter = data;

    if (waiter->ctx == NULL) {
        ngx_free(waiter);
        return;
    }

    waiter->here = 1;
    waiter->told = (n != 0
                    && xc_fleet_answer(values, n, waiter->agencies,
                                       &waiter->answer)
                       == XC_OK);

    ngx_queue_insert_tail(&ngx_xc_fleet->done, &waiter->queue);
    ngx_post_event(&ngx_xc_fleet->event, &ngx_posted_events);
}


/* One request at a time, from the head: going on with one may end others,
 * whose waiters then have no context any more */

static void
ngx_xc_fleet_event(ngx_event_t *ev)
{
    ngx_queue_t      *q;
    ngx_xc_ctx_t     *ctx;
    ngx_xc_fleet_t   *fleet = ev->data;
    ngx_xc_waiter_t  *waiter;

    while (!ngx_queue_empty(&fleet->done)) {
        q = ngx_queue_head(&fleet->done);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_xc_waiter_t, queue);
        ctx = waiter->ctx;

        if (ctx == NULL) {
            ngx_free(waiter);
            continue;
        }

        ctx->told = waiter->told;

        if (waiter->told) {
            ctx->answer = waiter->answer;
            fleet->state.answers++;
            ngx_xc_fleet_clocks(ctx);

        } else {
            ngx_xc_fleet_failed("the store has no answer");
        }

        ngx_xc_fleet_forget(ctx);
        ngx_free(waiter);

        ngx_xc_resume(ctx);
    }
}


/* Fresh by one clock and stale by the other: which of them is wrong only who
 * runs them can tell */

static void
ngx_xc_fleet_clocks(ngx_xc_ctx_t *ctx)
{
    int64_t          ahead, skew;
    ngx_xc_fleet_t  *fleet = ngx_xc_fleet;
    xc_gate_clock_t  clock;

    if (ctx->answer.verdict != XC_FLEET_STALE
        || ngx_current_msec - fleet->clocks_said < 1000)
    {
        return;
    }

    ngx_xc_state_clock(&clock);
    ahead = ctx->answer.now_s - clock.now_s;
    skew = ctx->conf->gate.policy->max_skew_s;

    if (ahead >= -skew && ahead <= skew) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, fleet->log, 0,
                  "xc_fleet: the clocks of this host (%L) and of the store %V "
                  "(%L) differ by more than max_skew: refused for that with "
                  "fleet-unavailable", clock.now_s, &fleet->conf->addr.name,
                  ctx->answer.now_s);

    fleet->clocks_said = ngx_current_msec;
}


static void
ngx_xc_fleet_expired(ngx_xc_ctx_t *ctx)
{
    /* an answer that came in this round of the loop came in time */

    if (ctx->waiter->here) {
        return;
    }

    ngx_xc_fleet_forget(ctx);
    ctx->told = 0;

    ngx_xc_fleet_failed("the store has not answered in time");
    ngx_xc_resume(ctx);
}


static void
ngx_xc_fleet_gone(void *data)
{
    ngx_xc_fleet_forget(data);
}


void
ngx_xc_fleet_forget(ngx_xc_ctx_t *ctx)
{
    if (ctx->waiter == NULL) {
        return;
    }

    ctx->waiter->ctx = NULL;
    ctx->waiter = NULL;

    if (ngx_xc_fleet) {
        ngx_xc_fleet->state.waiting--;
    }
}


/* Not a line a request: a store that is gone is asked thousands of times */

static void
ngx_xc_fleet_failed(const char *why)
{
    ngx_xc_fleet_t  *fleet = ngx_xc_fleet;

    if (fleet == NULL) {
        return;
    }

    fleet->state.failures++;
    fleet->unsaid++;

    if (ngx_current_msec - fleet->said < 1000) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, fleet->log, 0,
                  "xc_fleet: %s: refused for that, since the last such line: "
                  "%ui", why, fleet->unsaid);

    fleet->said = ngx_current_msec;
    fleet->unsaid = 0;
}


void
ngx_xc_fleet_state(ngx_xc_fleet_state_t *state)
{
    if (ngx_xc_fleet == NULL) {
        ngx_memzero(state, sizeof(ngx_xc_fleet_state_t));
        return;
    }

    *state = ngx_xc_fleet->state;
    state->connected = (ngx_xc_redis_store() != NULL);
}
