
/*
 * Between the event loop and the journal: a queue, one thread task in flight,
 * what is queued meanwhile is the next batch (group commit).
 *
 * The thread touches the batch and the journal, nothing else; while a task is
 * in flight the event loop touches neither.
 */


#include "ngx_xc_audit.h"


/* Decisions and outcomes mostly fit one size, of which a worker keeps some 160
 * KB for the next ones: the allocator takes more time for such sizes */
#define NGX_XC_ENTRY_ROOM       XC_RECORD_OUTCOME_MAX

#if defined(__SANITIZE_ADDRESS__)

/* which would not see a use of what is only spare */
#define NGX_XC_ENTRIES_SPARE    0

#else
#define NGX_XC_ENTRIES_SPARE    96
#endif


static void ngx_xc_audit_refill(ngx_xc_audit_t *audit, ngx_queue_t *from);
static ngx_queue_t *ngx_xc_audit_next(ngx_xc_audit_t *audit,
    ngx_uint_t in_order);
static void ngx_xc_audit_written(ngx_xc_audit_t *audit,
    ngx_xc_entry_t *entry, xc_journal_entry_t *line);
static void ngx_xc_audit_unwritten(ngx_xc_audit_t *audit,
    ngx_xc_entry_t *entry, ngx_queue_t *again);


ngx_xc_entry_t *
ngx_xc_entry_create(ngx_xc_entry_e kind, size_t size)
{
    ngx_queue_t     *q;
    ngx_xc_entry_t  *entry;
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    /* not refusals, of which more may be queued than fit so large */

    if (kind != NGX_XC_ENTRY_REFUSAL && size < NGX_XC_ENTRY_ROOM) {
        size = NGX_XC_ENTRY_ROOM;
    }

    if (size == NGX_XC_ENTRY_ROOM && audit->n_spare != 0) {

        /* the last one freed, which the processor may still have at hand */

        q = ngx_queue_head(&audit->spare);
        ngx_queue_remove(q);
        audit->n_spare--;

        entry = ngx_queue_data(q, ngx_xc_entry_t, queue);

    } else {
        entry = ngx_alloc(offsetof(ngx_xc_entry_t, data) + size, audit->log);

        if (entry == NULL) {
            return NULL;
        }
    }

    ngx_memzero(entry, offsetof(ngx_xc_entry_t, data));
    entry->kind = kind;
    entry->size = size;

    return entry;
}


void
ngx_xc_entry_free(ngx_xc_entry_t *entry)
{
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    if (entry->outcome) {
        ngx_xc_entry_free(entry->outcome);
    }

    /* at exit requests may go after the audit */

    if (audit && entry->size == NGX_XC_ENTRY_ROOM
        && audit->n_spare != NGX_XC_ENTRIES_SPARE)
    {
        ngx_queue_insert_head(&audit->spare, &entry->queue);
        audit->n_spare++;
        return;
    }

    ngx_free(entry);
}


void
ngx_xc_entry_spill(ngx_xc_audit_t *audit)
{
    ngx_queue_t  *q;

    while (audit->n_spare != 0) {
        q = ngx_queue_head(&audit->spare);
        ngx_queue_remove(q);
        audit->n_spare--;

        ngx_free(ngx_queue_data(q, ngx_xc_entry_t, queue));
    }
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

    if (entry->number == 0) {
        entry->number = ++audit->numbers;
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


void
ngx_xc_audit_start(ngx_event_t *ev)
{
    ngx_xc_audit_t  *audit = ev->data;

    if (audit->running || audit->exiting) {
        return;
    }

    audit->n = ngx_xc_audit_fill(audit);

    if (audit->n == 0 && audit->open) {
        return;
    }

    audit->report.text[0] = '\0';

    if (ngx_thread_task_post(audit->conf->pool, audit->task) == NGX_OK) {
        audit->running = 1;
        return;
    }

    /* the pool's queue is full: the tick tries again */

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


/* Where not all has room, what requests wait for goes first; else as it came */

static ngx_queue_t *
ngx_xc_audit_next(ngx_xc_audit_t *audit, ngx_uint_t in_order)
{
    ngx_queue_t     *q, *later;
    ngx_xc_entry_t  *entry, *other;

    if (ngx_queue_empty(&audit->later)) {
        return ngx_queue_empty(&audit->queue) ? NULL
                                              : ngx_queue_head(&audit->queue);
    }

    later = ngx_queue_head(&audit->later);

    if (ngx_queue_empty(&audit->queue)) {
        return later;
    }

    q = ngx_queue_head(&audit->queue);
    entry = ngx_queue_data(q, ngx_xc_entry_t, queue);
    other = ngx_queue_data(later, ngx_xc_entry_t, queue);

    return in_order && other->number < entry->number ? later : q;
}


/* Moves what fits from the queue to the batch */

ngx_uint_t
ngx_xc_audit_fill(ngx_xc_audit_t *audit)
{
    size_t               size;
    ngx_uint_t           n, in_order;
    ngx_queue_t         *q;
    ngx_xc_entry_t      *entry;
    xc_journal_entry_t  *line;

    size = 0;
    in_order = audit->queued <= NGX_XC_BATCH_LINES
               && audit->later_bytes <= NGX_XC_BATCH_BYTES / 2;

    for (n = 0; n < NGX_XC_BATCH_LINES; n++) {

        q = ngx_xc_audit_next(audit, in_order);
        if (q == NULL) {
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

void
ngx_xc_audit_thread(void *data, ngx_log_t *log)
{
    int64_t          began_us;
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
        audit->rc = XC_OK;
        return;
    }

    began_us = ngx_xc_pace_now_us();

    audit->rc = xc_journal_append(&audit->journal, audit->lines, audit->n,
                                  audit->scratch, audit->scratch_size,
                                  &audit->report);

    audit->commit_us = ngx_xc_pace_now_us() - began_us;
}


void
ngx_xc_audit_event(ngx_event_t *ev)
{
    ngx_uint_t       waiting;
    ngx_xc_audit_t  *audit = ev->data;

    audit->running = 0;
    waiting = audit->waiting;

    ngx_xc_audit_settle(audit);

    ngx_xc_pace_rest(audit, waiting - audit->waiting);

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


void
ngx_xc_audit_report(ngx_xc_audit_t *audit, xc_rc_t rc,
    xc_journal_report_t *report, ngx_uint_t failing)
{
    ngx_uint_t  level;

    if (report->text[0] != '\0') {
        level = report->alert ? NGX_LOG_ALERT : NGX_LOG_ERR;

        ngx_log_error(level, audit->log, 0, "xc: audit log: %s", report->text);
    }

    if (rc != XC_OK && !failing) {
        ngx_log_error(NGX_LOG_ERR, audit->log, 0,
                      "xc: audit log: can't be written: nothing is disclosed "
                      "until it can");
    }

    if (rc == XC_OK && failing) {
        ngx_log_error(NGX_LOG_NOTICE, audit->log, 0,
                      "xc: audit log: is being written again");
    }
}


/* What became of the batch: its entries go to `done`, back to the queue, or
 * away */

void
ngx_xc_audit_settle(ngx_xc_audit_t *audit)
{
    ngx_uint_t       i;
    ngx_queue_t     *q, again;
    ngx_xc_entry_t  *entry;

    ngx_xc_audit_report(audit, audit->rc, &audit->report, audit->failing);

    audit->open = audit->opened;
    audit->failing = (audit->rc != XC_OK);

    if (audit->n == 0) {
        return;
    }

    if (audit->rc == XC_OK) {
        audit->dirty = 1;
        audit->last_us = ngx_xc_state_now_us(NULL);
        audit->settled_us = ngx_xc_state_boot_us();
        xc_map_count(&audit->conf->map, XC_COUNT_BATCHES);
        atomic_fetch_add_explicit(&audit->conf->map.counters[XC_COUNT_LINES],
                                  audit->n, memory_order_relaxed);
        xc_count_value(&audit->conf->map, XC_HISTOGRAM_COMMIT,
                       audit->commit_us);
        xc_count_value(&audit->conf->map, XC_HISTOGRAM_BATCH,
                       (int64_t) audit->n);

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
