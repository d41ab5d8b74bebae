
/*
 * What a worker does by the clock: it tries again, signs checkpoints, tells
 * floods, and shows that the node lives.  And what is read of the log's state.
 */


#include "ngx_xc_audit.h"


static void ngx_xc_checkpoint_post(ngx_xc_audit_t *audit);
static ngx_uint_t ngx_xc_audit_recent(int64_t now_us, int64_t last_us,
    int64_t old_us);
static void ngx_xc_audit_heartbeat(ngx_xc_audit_t *audit);


/* Tries again after a failure, keeps the checkpoint close behind, and says
 * now and then that the node lives */

void
ngx_xc_audit_tick(ngx_event_t *ev)
{
    ngx_xc_audit_t  *audit = ev->data;

    ngx_xc_summary_flush(audit, 0);
    ngx_xc_audit_heartbeat(audit);

    ngx_xc_audit_kick(audit);
    ngx_xc_checkpoint_post(audit);

    /* cancelable: an exit does not wait for it */
    ngx_add_timer(ev, ngx_min(audit->conf->checkpoint, NGX_XC_TICK));
}


static void
ngx_xc_checkpoint_post(ngx_xc_audit_t *audit)
{
    ngx_xc_checkpoint_t  *checkpoint = &audit->checkpoint;

    if (checkpoint->running || !audit->dirty
        || ngx_current_msec - checkpoint->done < audit->conf->checkpoint)
    {
        return;
    }

    checkpoint->report.text[0] = '\0';

    if (ngx_thread_task_post(audit->conf->pool, checkpoint->task) == NGX_OK) {
        checkpoint->running = 1;

        /* what is written from now on is for the next one */

        audit->dirty = 0;
    }
}


/* In the thread */

void
ngx_xc_checkpoint_thread(void *data, ngx_log_t *log)
{
    ngx_xc_audit_t       *audit = *(ngx_xc_audit_t **) data;
    ngx_xc_checkpoint_t  *checkpoint = &audit->checkpoint;

    (void) log;

    if (!checkpoint->opened) {
        checkpoint->rc = xc_journal_open(&checkpoint->journal, &audit->reader,
                                         &checkpoint->report);
        if (checkpoint->rc != XC_OK) {
            return;
        }

        checkpoint->opened = 1;
    }

    checkpoint->rc = xc_journal_checkpoint(&checkpoint->journal,
                                           &checkpoint->report);
}


void
ngx_xc_checkpoint_event(ngx_event_t *ev)
{
    ngx_xc_audit_t       *audit = ev->data;
    ngx_xc_checkpoint_t  *checkpoint = &audit->checkpoint;

    checkpoint->running = 0;
    checkpoint->done = ngx_current_msec;

    ngx_xc_audit_report(audit, checkpoint->rc, &checkpoint->report,
                        checkpoint->failing);

    checkpoint->failing = (checkpoint->rc != XC_OK);

    if (checkpoint->failing) {
        audit->dirty = 1;
        xc_map_count(&audit->conf->map, XC_COUNT_AUDIT_FAILURES);
    }
}


/* Of all workers the first that finds the log's last line old writes one */

/* A time that is still to come was written before the clock went back */

static ngx_uint_t
ngx_xc_audit_recent(int64_t now_us, int64_t last_us, int64_t old_us)
{
    return now_us >= last_us && now_us - last_us < old_us;
}


static void
ngx_xc_audit_heartbeat(ngx_xc_audit_t *audit)
{
    int64_t            now_us, old_us;
    ngx_xc_entry_t    *entry;
    xc_journal_head_t  head;

    static const char  members[] = "\"event\":\"heartbeat\"";

    now_us = ngx_xc_state_now_us(NULL);
    old_us = (int64_t) audit->conf->heartbeat * 1000;

    if (ngx_xc_audit_recent(now_us, audit->last_us, old_us)
        || audit->queued != 0 || audit->running)
    {
        return;
    }

    if (ngx_xc_audit_head(&head) == NGX_OK) {
        audit->last_us = head.last_us;

        if (ngx_xc_audit_recent(now_us, head.last_us, old_us)) {
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
