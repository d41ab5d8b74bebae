
/*
 * A worker's audit: begun with it, and ended so that what it knows reaches the
 * log.
 */


#include "ngx_xc_audit.h"


static ngx_int_t ngx_xc_audit_init_task(ngx_cycle_t *cycle,
    ngx_xc_audit_t *audit);
static ngx_thread_task_t *ngx_xc_audit_task(ngx_cycle_t *cycle,
    ngx_xc_audit_t *audit, void (*handler)(void *data, ngx_log_t *log),
    ngx_event_handler_pt event);
static void ngx_xc_audit_discard_decisions(ngx_xc_audit_t *audit);
static void ngx_xc_audit_leave(ngx_xc_audit_t *audit);
static void ngx_xc_audit_write_out(ngx_xc_audit_t *audit);


ngx_xc_audit_t  *ngx_xc_audit;


ngx_int_t
ngx_xc_audit_init_process(ngx_cycle_t *cycle)
{
    ngx_xc_audit_t      *audit;
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
    audit->checkpoint.done = ngx_current_msec;

    if (ngx_xc_audit_init_task(cycle, audit) != NGX_OK
        || ngx_xc_pace_init(audit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    audit->start.handler = ngx_xc_audit_start;
    audit->start.data = audit;
    audit->start.log = cycle->log;

    audit->tick.handler = ngx_xc_audit_tick;
    audit->tick.data = audit;
    audit->tick.log = cycle->log;
    audit->tick.cancelable = 1;
    ngx_add_timer(&audit->tick, ngx_min(xmcf->checkpoint, NGX_XC_TICK));

    ngx_xc_state_journal_conf(cycle, xmcf, &audit->reader);

    audit->rc = xc_journal_open(&audit->journal, &audit->reader,
                                &audit->report);
    audit->opened = (audit->rc == XC_OK);
    audit->open = audit->opened;

    ngx_xc_audit_report(audit, audit->rc, &audit->report, 0);
    audit->failing = !audit->open;

    ngx_xc_audit = audit;

    return NGX_OK;
}


static ngx_int_t
ngx_xc_audit_init_task(ngx_cycle_t *cycle, ngx_xc_audit_t *audit)
{
    ngx_queue_init(&audit->queue);
    ngx_queue_init(&audit->later);
    ngx_queue_init(&audit->admitted);
    ngx_queue_init(&audit->batch);
    ngx_queue_init(&audit->done);
    ngx_queue_init(&audit->spare);

    /* a line longer than the batch's bytes goes alone */

    audit->scratch_size = xc_journal_scratch(NULL, 0) + NGX_XC_BATCH_BYTES
                          + XC_JOURNAL_LINE_MAX + XC_JOURNAL_PREFIX_MAX
                          + XC_SHA256_SIZE;
    audit->scratch = ngx_palloc(cycle->pool, audit->scratch_size);

    audit->task = ngx_xc_audit_task(cycle, audit, ngx_xc_audit_thread,
                                    ngx_xc_audit_event);
    audit->checkpoint.task = ngx_xc_audit_task(cycle, audit,
                                               ngx_xc_checkpoint_thread,
                                               ngx_xc_checkpoint_event);

    return audit->scratch && audit->task && audit->checkpoint.task
           ? NGX_OK : NGX_ERROR;
}


static ngx_thread_task_t *
ngx_xc_audit_task(ngx_cycle_t *cycle, ngx_xc_audit_t *audit,
    void (*handler)(void *data, ngx_log_t *log), ngx_event_handler_pt event)
{
    ngx_thread_task_t  *task;

    task = ngx_thread_task_alloc(cycle->pool, sizeof(ngx_xc_audit_t *));

    if (task) {
        *(ngx_xc_audit_t **) task->ctx = audit;
        task->handler = handler;
        task->event.handler = event;
        task->event.data = audit;
        task->event.log = cycle->log;
    }

    return task;
}


/*
 * nginx has joined the thread pool by now: a batch that was in flight is
 * written, but nobody has heard.  Outcomes and refusals are written out;
 * admitted requests that still wait were never answered.
 */

void
ngx_xc_audit_exit_process(ngx_cycle_t *cycle)
{
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    (void) cycle;

    if (audit == NULL) {
        return;
    }

    audit->exiting = 1;

    if (audit->start.posted) {
        ngx_delete_posted_event(&audit->start);
    }

    if (audit->running) {
        audit->running = 0;
        ngx_xc_audit_settle(audit);
    }

    ngx_xc_audit_discard_decisions(audit);
    ngx_xc_audit_leave(audit);
    ngx_xc_summary_flush(audit, 1);

    ngx_xc_audit_write_out(audit);

    if (audit->open) {
        audit->checkpoint.report.text[0] = '\0';
        ngx_xc_checkpoint_thread(&audit, audit->log);
        ngx_xc_audit_report(audit, audit->checkpoint.rc,
                            &audit->checkpoint.report, 0);
    }

    if (audit->opened) {
        xc_journal_close(&audit->journal);
    }

    if (audit->checkpoint.opened) {
        xc_journal_close(&audit->checkpoint.journal);
    }

    if (audit->queued != 0) {
        ngx_log_error(NGX_LOG_ALERT, audit->log, 0,
                      "xc: audit log: %ui records could not be written at "
                      "exit", audit->queued);
    }

    ngx_xc_pace_done(audit);
    ngx_xc_entry_spill(audit);
    ngx_xc_audit = NULL;
}


/* What is queued, in this thread; a failure is tried once more */

static void
ngx_xc_audit_write_out(ngx_xc_audit_t *audit)
{
    ngx_uint_t  tries;

    for (tries = 0; audit->open && tries < 2; /* void */) {

        audit->n = ngx_xc_audit_fill(audit);

        if (audit->n == 0) {
            break;
        }

        audit->report.text[0] = '\0';
        ngx_xc_audit_thread(&audit, audit->log);
        ngx_xc_audit_settle(audit);

        tries += audit->failing;
    }
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
            ngx_xc_audit_unqueue(audit, entry);

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


/* Answers that this exit cuts short have their outcomes, too */

static void
ngx_xc_audit_leave(ngx_xc_audit_t *audit)
{
    ngx_queue_t   *q;
    ngx_xc_ctx_t  *ctx;

    while (!ngx_queue_empty(&audit->admitted)) {
        q = ngx_queue_head(&audit->admitted);
        ngx_queue_remove(q);

        ctx = ngx_queue_data(q, ngx_xc_ctx_t, admitted);
        ctx->listed = 0;

        if (ctx->outcome) {
            ngx_xc_audit_outcome(ctx->request, ctx);
        }
    }
}
