
/*
 * Between the event loop and the journal: a queue, one thread task in flight,
 * what is queued meanwhile is the next batch (group commit).
 *
 * The thread touches the batch and the journal, nothing else; while a task is
 * in flight the event loop touches neither.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"


#define NGX_XC_BATCH_LINES      512
#define NGX_XC_BATCH_BYTES      (1024 * 1024)
#define NGX_XC_TICK             1000


typedef enum {
    NGX_XC_ENTRY_DECISION = 0,             /* of an admitted request */
    NGX_XC_ENTRY_REFUSAL,
    NGX_XC_ENTRY_OUTCOME
} ngx_xc_entry_e;


struct ngx_xc_entry_s {
    ngx_queue_t                queue;
    ngx_xc_entry_e             kind;

    /*
     * A decision's request: cleared by its log phase, or with its pool.
     * waiting: it is to be woken; cleared when it timed out or is ending
     */
    ngx_xc_ctx_t              *ctx;
    unsigned                   waiting:1;

    /* A decision's: reserved with it, so that the log phase can't fail */
    ngx_xc_entry_t            *outcome;
    unsigned                   outcome_ready:1;

    /* A decision's, once it is written */
    unsigned                   failed:1;
    uint64_t                   seq;
    u_char                     leaf[XC_SHA256_SIZE];

    size_t                     len;
    size_t                     size;
    char                       data[1];
};


/* Refusals that found the queue full, by reason */

typedef struct {
    uint64_t                   count;
    int64_t                    first_us;
    int64_t                    last_us;
} ngx_xc_dropped_t;


typedef struct {
    ngx_log_t                 *log;
    ngx_xc_main_conf_t        *conf;
    xc_journal_t               journal;
    unsigned                   open:1;         /* the journal */
    unsigned                   failing:1;
    unsigned                   dirty:1;        /* lines since the checkpoint */
    unsigned                   running:1;      /* a task is in flight */
    unsigned                   exiting:1;

    ngx_queue_t                queue;          /* waiting for a batch */
    ngx_queue_t                batch;          /* in flight */
    ngx_queue_t                done;           /* written, to be woken */
    ngx_uint_t                 queued;
    ngx_uint_t                 waiting;        /* decisions in queue and batch */

    ngx_thread_task_t         *task;
    ngx_event_t                tick;

    /* the batch's, written by the event loop before and read after the task */
    xc_journal_entry_t         lines[NGX_XC_BATCH_LINES];
    ngx_uint_t                 n;              /* 0: a checkpoint */
    xc_journal_report_t        report;
    xc_rc_t                    rc;
    u_char                    *scratch;
    size_t                     scratch_size;

    ngx_xc_dropped_t           dropped[XC_REASON_COUNT];
    ngx_uint_t                 any_dropped;

    char                       render[XC_RECORD_MAX];
} ngx_xc_audit_t;


static ngx_xc_entry_t *ngx_xc_entry_create(ngx_xc_entry_e kind, size_t size);
static ngx_xc_entry_t *ngx_xc_entry_decision(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx, ngx_xc_entry_e kind);
static void ngx_xc_entry_free(ngx_xc_entry_t *entry);
static void ngx_xc_audit_push(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);
static ngx_int_t ngx_xc_audit_wait(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_wait_handler(ngx_http_request_t *r);
static void ngx_xc_audit_wait_cleanup(void *data);
static void ngx_xc_audit_drop(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_summarise(ngx_xc_audit_t *audit);
static void ngx_xc_audit_variable(ngx_http_request_t *r, ngx_int_t index,
    xc_str_t *value);
static void ngx_xc_audit_kick(ngx_xc_audit_t *audit);
static ngx_uint_t ngx_xc_audit_fill(ngx_xc_audit_t *audit);
static void ngx_xc_audit_thread(void *data, ngx_log_t *log);
static void ngx_xc_audit_event(ngx_event_t *ev);
static void ngx_xc_audit_report(ngx_xc_audit_t *audit);
static void ngx_xc_audit_settle(ngx_xc_audit_t *audit);
static void ngx_xc_audit_written(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry,
    xc_journal_entry_t *line);
static void ngx_xc_audit_unwritten(ngx_xc_audit_t *audit,
    ngx_xc_entry_t *entry, ngx_queue_t *again);
static void ngx_xc_audit_wake(ngx_xc_audit_t *audit);
static void ngx_xc_audit_hand_over(ngx_xc_entry_t *entry, ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_follow(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);
static void ngx_xc_audit_resume(ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_tick(ngx_event_t *ev);
static void ngx_xc_audit_discard_decisions(ngx_xc_audit_t *audit);


static ngx_xc_audit_t  *ngx_xc_audit;


/* Requests: admitted, refused, ended */


ngx_int_t
ngx_xc_audit_admit(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_xc_entry_t  *entry;
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    if (audit == NULL || audit->waiting >= audit->conf->backlog) {
        return NGX_ERROR;
    }

    entry = ngx_xc_entry_decision(r, ctx, NGX_XC_ENTRY_DECISION);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->outcome = ngx_xc_entry_create(NGX_XC_ENTRY_OUTCOME,
                                         XC_RECORD_OUTCOME_MAX);
    if (entry->outcome == NULL) {
        ngx_xc_entry_free(entry);
        return NGX_ERROR;
    }

    entry->ctx = ctx;
    entry->waiting = 1;
    ctx->decision = entry;

    if (ngx_xc_audit_wait(r, ctx) != NGX_OK) {
        ctx->decision = NULL;
        ngx_xc_entry_free(entry);
        return NGX_ERROR;
    }

    audit->waiting++;
    ngx_xc_audit_push(audit, entry);

    return NGX_AGAIN;
}


void
ngx_xc_audit_refuse(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_xc_entry_t  *entry;
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    if (audit == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xc: a refusal goes unrecorded: the audit log of this "
                      "process is not open");
        return;
    }

    if (audit->queued >= audit->conf->backlog) {
        ngx_xc_audit_drop(audit, ctx);
        return;
    }

    entry = ngx_xc_entry_decision(r, ctx, NGX_XC_ENTRY_REFUSAL);
    if (entry == NULL) {
        ngx_xc_audit_drop(audit, ctx);
        return;
    }

    ngx_xc_audit_push(audit, entry);
}


void
ngx_xc_audit_outcome(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    u_char                sha256[XC_SHA256_SIZE];
    xc_buf_t              out;
    xc_str_t              status;
    uint64_t              n;
    ngx_time_t           *tp;
    ngx_xc_entry_t       *entry;
    ngx_msec_int_t        ms;
    xc_record_outcome_t   in;

    entry = ctx->decision ? ctx->decision->outcome : ctx->outcome;

    ngx_memzero(&in, sizeof(xc_record_outcome_t));

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    in.id = ctx->id;
    in.status = r->err_status ? r->err_status : r->headers_out.status;
    in.bytes = ctx->bytes;
    in.reply = ngx_xc_str(&ctx->reply);
    in.ms = ngx_max(ms, 0);
    in.complete = ctx->answered && !r->connection->error && r->out == NULL;

    if (!ctx->hash_failed && xc_hash_final(ctx->hash, sha256) == XC_OK) {
        in.answer_sha256 = sha256;
    }

    ngx_xc_audit_variable(r, ngx_xc_audit->conf->upstream_addr_index, &in.upstream);
    ngx_xc_audit_variable(r, ngx_xc_audit->conf->upstream_status_index, &status);

    if (status.len >= 3 && xc_ascii_u64((xc_str_t) { status.data
                                                     + status.len - 3, 3 },
                                        999, &n))
    {
        in.upstream_status = n;
    }

    xc_buf_init(&out, entry->data, entry->size);
    xc_record_outcome(&out, &in);
    entry->len = out.len;

    if (ctx->decision) {

        /* its seq is not known yet: it is queued when the decision is done */

        ctx->decision->outcome_ready = 1;
        ctx->decision->ctx = NULL;
        ctx->decision = NULL;
        return;
    }

    xc_record_outcome_seq(&out, ctx->seq);
    entry->len = out.len;
    ctx->outcome = NULL;

    ngx_xc_audit_push(ngx_xc_audit, entry);
}


static void
ngx_xc_audit_variable(ngx_http_request_t *r, ngx_int_t index, xc_str_t *value)
{
    ngx_http_variable_value_t  *v;

    *value = XC_STR_NONE;

    v = ngx_http_get_indexed_variable(r, index);

    if (v && !v->not_found) {
        *value = (xc_str_t) { (char *) v->data, v->len };
    }
}


/* Waiting, as ngx_http_limit_req_module.c does: a timer on the write event,
 * not cancelable, so that a graceful exit waits for the request */

static ngx_int_t
ngx_xc_audit_wait(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_xc_audit_wait_cleanup;
    cln->data = ctx;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_xc_audit_wait_handler;
    ngx_add_timer(r->connection->write, ngx_xc_audit->conf->timeout);

    return NGX_OK;
}


static void
ngx_xc_audit_wait_handler(ngx_http_request_t *r)
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

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "xc: no stable storage for a decision within %M ms",
                  ngx_xc_audit->conf->timeout);

    /*
     * The record may yet be written and say allow; the outcome that follows it
     * says 503
     */

    ctx->decision->waiting = 0;
    ctx->audit_failed = 1;

    ngx_xc_audit_resume(ctx);
}


/* The request is going; the log phase, which follows, leaves the outcome */

static void
ngx_xc_audit_wait_cleanup(void *data)
{
    ngx_xc_ctx_t  *ctx = data;

    if (ctx->decision) {
        ctx->decision->waiting = 0;
    }
}


void
ngx_xc_audit_forget(ngx_xc_ctx_t *ctx)
{
    if (ctx->decision) {
        ctx->decision->ctx = NULL;
        ctx->decision = NULL;
    }

    if (ctx->outcome) {
        ngx_xc_entry_free(ctx->outcome);
        ctx->outcome = NULL;
    }
}


/* Entries and the queue */


static ngx_xc_entry_t *
ngx_xc_entry_create(ngx_xc_entry_e kind, size_t size)
{
    ngx_xc_entry_t  *entry;

    entry = ngx_alloc(offsetof(ngx_xc_entry_t, data) + size,
                      ngx_xc_audit->log);
    if (entry == NULL) {
        return NULL;
    }

    ngx_memzero(entry, offsetof(ngx_xc_entry_t, data));
    entry->kind = kind;
    entry->size = size;

    return entry;
}


static ngx_xc_entry_t *
ngx_xc_entry_decision(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_xc_entry_e kind)
{
    xc_buf_t               out;
    ngx_xc_entry_t        *entry;
    xc_record_decision_t   in;

    in.id = ctx->id;
    in.tls = ctx->tls;
    in.msg = &ctx->msg;
    in.policy = ctx->conf->policy->policy;
    in.gate = &ctx->gate;

    xc_buf_init(&out, ngx_xc_audit->render, sizeof(ngx_xc_audit->render));

    if (xc_record_decision(&out, &in) != XC_OK) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: a decision record does not fit its line");
        return NULL;
    }

    entry = ngx_xc_entry_create(kind, out.len);
    if (entry) {
        ngx_memcpy(entry->data, out.data, out.len);
        entry->len = out.len;
    }

    return entry;
}


static void
ngx_xc_entry_free(ngx_xc_entry_t *entry)
{
    if (entry->outcome) {
        ngx_free(entry->outcome);
    }

    ngx_free(entry);
}


static void
ngx_xc_audit_push(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry)
{
    ngx_queue_insert_tail(&audit->queue, &entry->queue);
    audit->queued++;

    ngx_xc_audit_kick(audit);
}


static void
ngx_xc_audit_drop(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx)
{
    ngx_xc_dropped_t  *dropped;

    dropped = &audit->dropped[ctx->gate.verdict.reason];

    dropped->last_us = ngx_xc_state_now_us(NULL);

    if (dropped->count++ == 0) {
        dropped->first_us = dropped->last_us;
    }

    audit->any_dropped = 1;
    xc_map_count(&audit->conf->map, XC_COUNT_SUMMARISED);
}


/* Counts become records as soon as the queue has room again */

static void
ngx_xc_audit_summarise(ngx_xc_audit_t *audit)
{
    xc_buf_t           out;
    ngx_uint_t         reason;
    ngx_xc_entry_t    *entry;
    ngx_xc_dropped_t  *dropped;

    if (!audit->any_dropped || audit->queued >= audit->conf->backlog) {
        return;
    }

    for (reason = 0; reason < XC_REASON_COUNT; reason++) {
        dropped = &audit->dropped[reason];

        if (dropped->count == 0) {
            continue;
        }

        entry = ngx_xc_entry_create(NGX_XC_ENTRY_REFUSAL,
                                    XC_RECORD_OUTCOME_MAX);
        if (entry == NULL) {
            return;
        }

        xc_buf_init(&out, entry->data, entry->size);
        xc_record_summary(&out, reason, dropped->count, dropped->first_us,
                          dropped->last_us);

        entry->len = out.len;
        dropped->count = 0;

        ngx_queue_insert_tail(&audit->queue, &entry->queue);
        audit->queued++;
    }

    audit->any_dropped = 0;
}


/* Batches */


static void
ngx_xc_audit_kick(ngx_xc_audit_t *audit)
{
    if (audit->running || audit->exiting || !audit->open) {
        return;
    }

    ngx_xc_audit_summarise(audit);

    audit->n = ngx_xc_audit_fill(audit);

    if (audit->n == 0 && !audit->dirty) {
        return;
    }

    audit->report.text[0] = '\0';

    if (ngx_thread_task_post(audit->conf->pool, audit->task) != NGX_OK) {

        /* the pool's queue is full: the tick tries again */

        audit->rc = XC_EIO;
        ngx_xc_audit_settle(audit);
        ngx_xc_audit_wake(audit);
        return;
    }

    audit->running = 1;
}


/* Moves what fits from the queue to the batch */

static ngx_uint_t
ngx_xc_audit_fill(ngx_xc_audit_t *audit)
{
    size_t               size;
    ngx_uint_t           n;
    ngx_queue_t         *q;
    ngx_xc_entry_t      *entry;
    xc_journal_entry_t  *line;

    size = 0;

    for (n = 0; n < NGX_XC_BATCH_LINES && !ngx_queue_empty(&audit->queue); n++)
    {
        q = ngx_queue_head(&audit->queue);
        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
        line = &audit->lines[n];

        line->members = (xc_str_t) { entry->data, entry->len };
        size += xc_journal_scratch(line, 1);

        if (n != 0 && size > NGX_XC_BATCH_BYTES) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&audit->batch, q);
        audit->queued--;
    }

    return n;
}


/* In the thread, and at exit */

static void
ngx_xc_audit_thread(void *data, ngx_log_t *log)
{
    ngx_xc_audit_t  *audit = *(ngx_xc_audit_t **) data;

    (void) log;

    if (audit->n == 0) {
        audit->rc = xc_journal_checkpoint(&audit->journal, &audit->report);
        return;
    }

    audit->rc = xc_journal_append(&audit->journal, audit->lines, audit->n,
                                  audit->scratch, audit->scratch_size,
                                  &audit->report);
}


static void
ngx_xc_audit_event(ngx_event_t *ev)
{
    ngx_xc_audit_t  *audit = ev->data;

    audit->running = 0;

    ngx_xc_audit_settle(audit);

    /* the next batch writes while this one's requests go on; after a failure
     * only a new decision or the tick tries again */

    if (!audit->failing) {
        if (!ngx_queue_empty(&audit->queue)) {
            ngx_xc_audit_kick(audit);
        }
    }

    ngx_xc_audit_wake(audit);
}


static void
ngx_xc_audit_report(ngx_xc_audit_t *audit)
{
    ngx_uint_t  level;

    if (audit->report.text[0] != '\0') {
        level = audit->report.alert ? NGX_LOG_ALERT : NGX_LOG_ERR;

        ngx_log_error(level, audit->log, 0, "xc: audit log: %s",
                      audit->report.text);
    }

    if (audit->rc != XC_OK && !audit->failing) {
        ngx_log_error(NGX_LOG_ERR, audit->log, 0,
                      "xc: audit log: can't be written: nothing is disclosed "
                      "until it can");
    }

    if (audit->rc == XC_OK && audit->failing && audit->n != 0) {
        ngx_log_error(NGX_LOG_NOTICE, audit->log, 0,
                      "xc: audit log: is being written again");
    }
}


/* What became of the batch: its entries go to `done`, back to the queue, or
 * away */

static void
ngx_xc_audit_settle(ngx_xc_audit_t *audit)
{
    ngx_uint_t       i;
    ngx_queue_t     *q, again;
    ngx_xc_entry_t  *entry;

    ngx_xc_audit_report(audit);

    if (audit->n == 0) {
        audit->dirty = (audit->rc != XC_OK);
        return;
    }

    audit->failing = (audit->rc != XC_OK);

    if (audit->rc == XC_OK) {
        audit->dirty = 1;
        xc_map_count(&audit->conf->map, XC_COUNT_BATCHES);
        atomic_fetch_add_explicit(&audit->conf->map.counters[XC_COUNT_LINES],
                                  audit->n, memory_order_relaxed);

    } else {
        xc_map_count(&audit->conf->map, XC_COUNT_AUDIT_FAILURES);
    }

    ngx_queue_init(&again);

    for (i = 0; i < audit->n; i++) {
        q = ngx_queue_head(&audit->batch);
        ngx_queue_remove(q);

        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);

        if (audit->rc == XC_OK) {
            ngx_xc_audit_written(audit, entry, &audit->lines[i]);

        } else {
            ngx_xc_audit_unwritten(audit, entry, &again);
        }
    }

    audit->n = 0;

    /* what is to be tried again goes first */

    while (!ngx_queue_empty(&again)) {
        q = ngx_queue_last(&again);
        ngx_queue_remove(q);
        ngx_queue_insert_head(&audit->queue, q);
        audit->queued++;
    }
}


static void
ngx_xc_audit_written(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry,
    xc_journal_entry_t *line)
{
    if (entry->kind != NGX_XC_ENTRY_DECISION) {

        if (entry->kind == NGX_XC_ENTRY_OUTCOME) {
            xc_map_count(&audit->conf->map, XC_COUNT_OUTCOMES);
        }

        ngx_xc_entry_free(entry);
        return;
    }

    audit->waiting--;
    entry->seq = line->seq;
    ngx_memcpy(entry->leaf, line->leaf, XC_SHA256_SIZE);

    ngx_queue_insert_tail(&audit->done, &entry->queue);
}


static void
ngx_xc_audit_unwritten(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry,
    ngx_queue_t *again)
{
    if (entry->kind != NGX_XC_ENTRY_DECISION) {
        ngx_queue_insert_tail(again, &entry->queue);
        return;
    }

    audit->waiting--;
    entry->failed = 1;

    ngx_queue_insert_tail(&audit->done, &entry->queue);
}


/*
 * One request at a time, from the head: going on with one may end others, whose
 * cleanups then only clear entry->ctx
 */

static void
ngx_xc_audit_wake(ngx_xc_audit_t *audit)
{
    ngx_uint_t       waiting;
    ngx_queue_t     *q;
    ngx_xc_ctx_t    *ctx;
    ngx_xc_entry_t  *entry;

    while (!ngx_queue_empty(&audit->done)) {
        q = ngx_queue_head(&audit->done);
        ngx_queue_remove(q);

        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
        ctx = entry->ctx;
        waiting = entry->waiting;

        if (ctx) {
            ngx_xc_audit_hand_over(entry, ctx);

        } else if (!entry->failed && entry->outcome_ready) {
            ngx_xc_audit_follow(audit, entry);
        }

        ngx_xc_entry_free(entry);

        if (ctx && waiting) {
            ngx_xc_audit_resume(ctx);
        }
    }
}


/* The request learns what became of its record */

static void
ngx_xc_audit_hand_over(ngx_xc_entry_t *entry, ngx_xc_ctx_t *ctx)
{
    ctx->decision = NULL;

    if (entry->failed) {
        ctx->audit_failed = 1;
        return;
    }

    ctx->seq = entry->seq;
    ngx_memcpy(ctx->leaf, entry->leaf, XC_SHA256_SIZE);

    ctx->outcome = entry->outcome;
    entry->outcome = NULL;
}


/* The request has ended meanwhile and left its outcome */

static void
ngx_xc_audit_follow(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry)
{
    xc_buf_t         out;
    ngx_xc_entry_t  *outcome;

    outcome = entry->outcome;
    entry->outcome = NULL;

    out = (xc_buf_t) { outcome->data, outcome->len, outcome->size, 0 };
    xc_record_outcome_seq(&out, entry->seq);
    outcome->len = out.len;

    ngx_xc_audit_push(audit, outcome);
}


/* Touches neither the request nor its context after it has run */

static void
ngx_xc_audit_resume(ngx_xc_ctx_t *ctx)
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


/* Tries again after a failure, and keeps the checkpoint close behind */

static void
ngx_xc_audit_tick(ngx_event_t *ev)
{
    ngx_xc_audit_t  *audit = ev->data;

    if (!audit->open) {
        audit->open = (xc_journal_open(&audit->journal,
                                       &audit->journal.conf, &audit->report)
                       == XC_OK);
    }

    ngx_xc_audit_kick(audit);

    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_add_timer(ev, NGX_XC_TICK);
    }
}


void
ngx_xc_audit_state(ngx_xc_audit_state_t *state)
{
    ngx_memzero(state, sizeof(ngx_xc_audit_state_t));

    if (ngx_xc_audit) {
        state->waiting = ngx_xc_audit->waiting;
        state->queued = ngx_xc_audit->queued;
        state->failing = ngx_xc_audit->failing || !ngx_xc_audit->open;
    }
}


ngx_int_t
ngx_xc_audit_head(xc_journal_head_t *head)
{
    if (ngx_xc_audit == NULL || !ngx_xc_audit->open) {
        return NGX_ERROR;
    }

    return xc_journal_read_head(&ngx_xc_audit->journal, head) == XC_OK
           ? NGX_OK : NGX_ERROR;
}


/* The process */


ngx_int_t
ngx_xc_audit_init_process(ngx_cycle_t *cycle)
{
    ngx_xc_audit_t      *audit;
    xc_journal_conf_t    conf;
    ngx_xc_main_conf_t  *xmcf;

    /* not in cache helpers, nor where nothing is gated */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    xmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_xc_module);

    if (xmcf == NULL || xmcf->gates.nelts == 0 || !xmcf->map_open) {
        return NGX_OK;
    }

    audit = ngx_pcalloc(cycle->pool, sizeof(ngx_xc_audit_t));
    if (audit == NULL) {
        return NGX_ERROR;
    }

    audit->log = cycle->log;
    audit->conf = xmcf;

    ngx_queue_init(&audit->queue);
    ngx_queue_init(&audit->batch);
    ngx_queue_init(&audit->done);

    /* a line longer than the batch's bytes goes alone */

    audit->scratch_size = NGX_XC_BATCH_BYTES + XC_JOURNAL_LINE_MAX
                          + XC_JOURNAL_PREFIX_MAX;
    audit->scratch = ngx_palloc(cycle->pool, audit->scratch_size);
    audit->task = ngx_thread_task_alloc(cycle->pool, sizeof(ngx_xc_audit_t *));

    if (audit->scratch == NULL || audit->task == NULL) {
        return NGX_ERROR;
    }

    *(ngx_xc_audit_t **) audit->task->ctx = audit;
    audit->task->handler = ngx_xc_audit_thread;
    audit->task->event.handler = ngx_xc_audit_event;
    audit->task->event.data = audit;

    audit->tick.handler = ngx_xc_audit_tick;
    audit->tick.data = audit;
    audit->tick.log = cycle->log;
    audit->tick.cancelable = 1;
    ngx_add_timer(&audit->tick, NGX_XC_TICK);

    ngx_xc_state_journal_conf(cycle, xmcf, &conf);

    audit->open = (xc_journal_open(&audit->journal, &conf, &audit->report)
                   == XC_OK);

    if (!audit->open) {
        audit->journal.conf = conf;
        audit->rc = XC_EIO;
        ngx_xc_audit_report(audit);
    }

    ngx_xc_audit = audit;

    return NGX_OK;
}


/*
 * nginx has joined the thread pool by now: a batch that was in flight is
 * written, but nobody has heard.  Outcomes and refusals are written out;
 * admitted requests that still wait were never answered.
 */

void
ngx_xc_audit_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t       tries;
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    (void) cycle;

    if (audit == NULL) {
        return;
    }

    audit->exiting = 1;

    if (audit->running) {
        audit->running = 0;
        ngx_xc_audit_settle(audit);
    }

    ngx_xc_audit_discard_decisions(audit);

    for (tries = 0; audit->open && tries < 2; /* void */) {

        ngx_xc_audit_summarise(audit);
        audit->n = ngx_xc_audit_fill(audit);

        if (audit->n == 0) {
            break;
        }

        audit->report.text[0] = '\0';
        ngx_xc_audit_thread(&audit, audit->log);
        ngx_xc_audit_settle(audit);

        tries += audit->failing;
    }

    if (audit->open) {
        audit->n = 0;
        audit->report.text[0] = '\0';
        ngx_xc_audit_thread(&audit, audit->log);
        ngx_xc_audit_report(audit);
        xc_journal_close(&audit->journal);
    }

    if (audit->queued != 0) {
        ngx_log_error(NGX_LOG_ALERT, audit->log, 0,
                      "xc: audit log: %ui records could not be written at "
                      "exit", audit->queued);
    }

    ngx_xc_audit = NULL;
}


static void
ngx_xc_audit_discard_decisions(ngx_xc_audit_t *audit)
{
    ngx_queue_t     *q, *next;
    ngx_xc_entry_t  *entry;

    for (q = ngx_queue_head(&audit->queue);
         q != ngx_queue_sentinel(&audit->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);

        if (entry->kind == NGX_XC_ENTRY_DECISION) {
            ngx_queue_remove(q);
            audit->queued--;

            if (entry->ctx) {
                entry->ctx->decision = NULL;
            }

            ngx_xc_entry_free(entry);
        }
    }

    /* written, not yet woken: nobody wakes any more */

    for (q = ngx_queue_head(&audit->done);
         q != ngx_queue_sentinel(&audit->done);
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
        entry->waiting = 0;
    }

    ngx_xc_audit_wake(audit);
}
