
/*
 * Between the event loop and the journal: a queue, one thread task in flight,
 * what is queued meanwhile is the next batch (group commit).
 *
 * The thread touches the batch and the journal, nothing else; while a task is
 * in flight the event loop touches neither.
 */


#include "ngx_xc_audit.h"


#define NGX_XC_BATCH_BYTES      (1024 * 1024)
#define NGX_XC_TICK             1000


static void ngx_xc_audit_kick(ngx_xc_audit_t *audit);
static void ngx_xc_audit_refill(ngx_xc_audit_t *audit, ngx_queue_t *from);
static ngx_uint_t ngx_xc_audit_fill(ngx_xc_audit_t *audit);
static void ngx_xc_audit_thread(void *data, ngx_log_t *log);
static void ngx_xc_audit_event(ngx_event_t *ev);
static void ngx_xc_audit_report(ngx_xc_audit_t *audit);
static void ngx_xc_audit_settle(ngx_xc_audit_t *audit);
static void ngx_xc_audit_written(ngx_xc_audit_t *audit,
    ngx_xc_entry_t *entry, xc_journal_entry_t *line);
static void ngx_xc_audit_unwritten(ngx_xc_audit_t *audit,
    ngx_xc_entry_t *entry, ngx_queue_t *again);
static void ngx_xc_audit_tick(ngx_event_t *ev);
static void ngx_xc_audit_heartbeat(ngx_xc_audit_t *audit);
static ngx_int_t ngx_xc_audit_init_task(ngx_cycle_t *cycle,
    ngx_xc_audit_t *audit);
static void ngx_xc_audit_discard_decisions(ngx_xc_audit_t *audit);
static void ngx_xc_audit_leave(ngx_xc_audit_t *audit);


ngx_xc_audit_t  *ngx_xc_audit;


ngx_xc_entry_t *
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


void
ngx_xc_entry_free(ngx_xc_entry_t *entry)
{
    if (entry->outcome) {
        ngx_free(entry->outcome);
    }

    ngx_free(entry);
}


void
ngx_xc_audit_push(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry)
{
    ngx_xc_audit_queue(audit, entry);
    ngx_xc_audit_kick(audit);
}


void
ngx_xc_audit_queue(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry)
{
    if (entry->kind == NGX_XC_ENTRY_REFUSAL) {
        ngx_queue_insert_tail(&audit->later, &entry->queue);
        audit->later_bytes += entry->len;

    } else {
        ngx_queue_insert_tail(&audit->queue, &entry->queue);
    }

    entry->queued = 1;
    audit->queued++;
}


void
ngx_xc_audit_unqueue(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);

    if (entry->kind == NGX_XC_ENTRY_REFUSAL) {
        audit->later_bytes -= entry->len;
    }

    entry->queued = 0;
    audit->queued--;
}


static void
ngx_xc_audit_kick(ngx_xc_audit_t *audit)
{
    if (audit->running || audit->exiting) {
        return;
    }

    /* a checkpoint that is due goes first, or under load none ever would */

    audit->n = audit->due && audit->dirty ? 0 : ngx_xc_audit_fill(audit);
    audit->due = 0;

    if (audit->n == 0 && !audit->dirty && audit->open) {
        return;
    }

    audit->report.text[0] = '\0';

    if (ngx_thread_task_post(audit->conf->pool, audit->task) == NGX_OK) {
        audit->running = 1;
        return;
    }

    /* the pool's queue is full: the tick tries again.  Nobody is woken here,
     * which would be in the middle of somebody's phases */

    ngx_xc_audit_refill(audit, &audit->batch);
    audit->n = 0;
}


/* Puts entries back at the head of the queue, in their order */

static void
ngx_xc_audit_refill(ngx_xc_audit_t *audit, ngx_queue_t *from)
{
    ngx_queue_t     *q;
    ngx_xc_entry_t  *entry;

    while (!ngx_queue_empty(from)) {
        q = ngx_queue_last(from);
        ngx_queue_remove(q);

        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
        ngx_xc_audit_queue(audit, entry);

        /* to the head of the queue that it is in now */

        ngx_queue_remove(q);
        ngx_queue_insert_head(entry->kind == NGX_XC_ENTRY_REFUSAL
                              ? &audit->later : &audit->queue, q);
    }
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

    for (n = 0; n < NGX_XC_BATCH_LINES; n++) {

        if (!ngx_queue_empty(&audit->queue)) {
            q = ngx_queue_head(&audit->queue);

        } else if (!ngx_queue_empty(&audit->later)) {
            q = ngx_queue_head(&audit->later);

        } else {
            break;
        }

        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
        line = &audit->lines[n];

        line->members = (xc_str_t) { entry->data, entry->len };
        size += entry->len + XC_JOURNAL_PREFIX_MAX + XC_SHA256_SIZE;

        if (n != 0 && size > NGX_XC_BATCH_BYTES) {
            break;
        }

        ngx_xc_audit_unqueue(audit, entry);
        ngx_queue_insert_tail(&audit->batch, q);
    }

    return n;
}


/* In the thread, and at exit */

static void
ngx_xc_audit_thread(void *data, ngx_log_t *log)
{
    ngx_xc_audit_t  *audit = *(ngx_xc_audit_t **) data;

    (void) log;

    if (!audit->opened) {

        /* here, since it waits for whoever holds the log's lock */

        audit->rc = xc_journal_open(&audit->journal, &audit->reader,
                                    &audit->report);
        if (audit->rc != XC_OK) {
            return;
        }

        audit->opened = 1;
    }

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
     * only a new decision or the tick tries again, once a checkpoint that the
     * tick put first is done */

    if (!audit->failing || audit->rc == XC_OK) {
        if (audit->queued != 0) {
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

    if (audit->rc == XC_OK && audit->failing) {
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

    audit->open = audit->opened;
    audit->failing = (audit->rc != XC_OK);

    if (audit->n == 0) {
        audit->dirty = audit->dirty && audit->failing;
        audit->checked = ngx_current_msec;
        return;
    }

    if (audit->rc == XC_OK) {
        audit->dirty = 1;
        audit->last_us = ngx_xc_state_now_us(NULL);
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

    ngx_xc_audit_refill(audit, &again);
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


/* Tries again after a failure, keeps the checkpoint close behind, and says
 * now and then that the node lives */

static void
ngx_xc_audit_tick(ngx_event_t *ev)
{
    ngx_xc_audit_t  *audit = ev->data;

    ngx_xc_summary_flush(audit, 0);
    ngx_xc_audit_heartbeat(audit);

    if (ngx_current_msec - audit->checked >= audit->conf->checkpoint) {
        audit->due = 1;
    }

    ngx_xc_audit_kick(audit);

    /* cancelable: an exit does not wait for it */
    ngx_add_timer(ev, ngx_min(audit->conf->checkpoint, NGX_XC_TICK));
}


/* Of all workers the first that finds the log's last line old writes one */

static void
ngx_xc_audit_heartbeat(ngx_xc_audit_t *audit)
{
    int64_t            now_us, old_us;
    ngx_xc_entry_t    *entry;
    xc_journal_head_t  head;

    static const char  members[] = "\"event\":\"heartbeat\"";

    now_us = ngx_xc_state_now_us(NULL);
    old_us = (int64_t) audit->conf->heartbeat * 1000;

    if (now_us - audit->last_us < old_us || audit->queued != 0
        || audit->running)
    {
        return;
    }

    if (ngx_xc_audit_head(&head) == NGX_OK) {
        audit->last_us = head.last_us;

        if (now_us - head.last_us < old_us) {
            return;
        }
    }

    entry = ngx_xc_entry_create(NGX_XC_ENTRY_REFUSAL, sizeof(members));

    if (entry) {
        entry->len = sizeof(members) - 1;
        ngx_memcpy(entry->data, members, entry->len);
        audit->last_us = now_us;

        ngx_xc_audit_push(audit, entry);
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


/* The thread may be using the journal, and wait for its lock: this one does
 * neither */

ngx_int_t
ngx_xc_audit_head(xc_journal_head_t *head)
{
    xc_rc_t       rc;
    xc_journal_t  reader;

    if (ngx_xc_audit == NULL
        || xc_journal_open_reader(&reader, &ngx_xc_audit->reader) != XC_OK)
    {
        return NGX_ERROR;
    }

    rc = xc_journal_read_head(&reader, head);
    xc_journal_close(&reader);

    return rc == XC_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_xc_audit_checkpoint(char *buf, size_t *len)
{
    xc_rc_t       rc;
    xc_journal_t  reader;

    if (ngx_xc_audit == NULL || ngx_xc_audit->conf->key == NULL) {
        return NGX_DECLINED;
    }

    if (xc_journal_open_reader(&reader, &ngx_xc_audit->reader) != XC_OK) {
        return NGX_ERROR;
    }

    rc = xc_journal_read_checkpoint(&reader, buf, len);
    xc_journal_close(&reader);

    if (rc == XC_DENIED) {
        return NGX_DECLINED;
    }

    return rc == XC_OK ? NGX_OK : NGX_ERROR;
}


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

    if (ngx_xc_audit_init_task(cycle, audit) != NGX_OK) {
        return NGX_ERROR;
    }

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

    ngx_xc_audit_report(audit);
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

    /* a line longer than the batch's bytes goes alone */

    audit->scratch_size = xc_journal_scratch(NULL, 0) + NGX_XC_BATCH_BYTES
                          + XC_JOURNAL_LINE_MAX + XC_JOURNAL_PREFIX_MAX
                          + XC_SHA256_SIZE;
    audit->scratch = ngx_palloc(cycle->pool, audit->scratch_size);
    audit->task = ngx_thread_task_alloc(cycle->pool, sizeof(ngx_xc_audit_t *));

    if (audit->scratch == NULL || audit->task == NULL) {
        return NGX_ERROR;
    }

    *(ngx_xc_audit_t **) audit->task->ctx = audit;
    audit->task->handler = ngx_xc_audit_thread;
    audit->task->event.handler = ngx_xc_audit_event;
    audit->task->event.data = audit;
    audit->task->event.log = cycle->log;

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
    ngx_xc_audit_leave(audit);
    ngx_xc_summary_flush(audit, 1);

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
