
/*
 * When a batch starts.  What a batch costs beside its records, two switches of
 * threads, a write and a sync, is the same for one record and for sixty.  If
 * each began as soon as the last one ended, a worker at half of what it can do
 * would spend more on batches than on requests.
 */


#include "ngx_xc_audit.h"

#include <sys/timerfd.h>


/*
 * After a batch, a pause of twice what it took, so that those who share the disk
 * have most of it, within bounds: at least some times what a batch costs that
 * syncs nothing, at most what latency it may cost.  A decision that comes later
 * than that starts its batch at once, and so does one after a batch of one: who
 * asks one thing after the other would wait for company that does not come.
 */
#define NGX_XC_PAUSE_TIMES      2
#define NGX_XC_PAUSE_MIN_US     200
#define NGX_XC_PAUSE_MAX_US     1000

/* Records that no request waits for go with a decision's, or after so long */
#define NGX_XC_LINGER_US        5000


static ngx_int_t ngx_xc_pace_set(ngx_xc_audit_t *audit, int64_t at_us);
static void ngx_xc_pace_alarm(ngx_event_t *ev);


/* A timer of its own, since nginx's count milliseconds */

ngx_int_t
ngx_xc_pace_init(ngx_xc_audit_t *audit)
{
    int                fd;
    ngx_connection_t  *c;

    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, audit->log, ngx_errno,
                      "xc: timerfd_create() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, audit->log);

    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->data = audit;
    c->read->handler = ngx_xc_pace_alarm;
    c->read->log = audit->log;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    audit->alarm = c;

    return NGX_OK;
}


void
ngx_xc_pace_done(ngx_xc_audit_t *audit)
{
    if (audit->alarm) {
        ngx_close_connection(audit->alarm);
        audit->alarm = NULL;
    }
}


int64_t
ngx_xc_pace_now_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_xc_pace_rest(ngx_xc_audit_t *audit, ngx_uint_t decisions)
{
    int64_t  pause_us;

    if (decisions <= 1) {
        return;
    }

    pause_us = ngx_min(audit->commit_us * NGX_XC_PAUSE_TIMES,
                       NGX_XC_PAUSE_MAX_US);
    pause_us = ngx_max(pause_us, NGX_XC_PAUSE_MIN_US);

    audit->next_us = ngx_xc_pace_now_us() + pause_us;
}


/* Not at once: what the event loop has ready now shares the batch.  The event
 * runs after one more pass, which waits for nothing */

void
ngx_xc_audit_kick(ngx_xc_audit_t *audit)
{
    int64_t  now_us, at_us;

    if (audit->running || audit->exiting || audit->start.posted) {
        return;
    }

    now_us = ngx_xc_pace_now_us();
    at_us = audit->next_us;

    if (audit->waiting == 0) {
        at_us = ngx_max(at_us, now_us + NGX_XC_LINGER_US);
    }

    if (at_us <= now_us || audit->queued >= NGX_XC_BATCH_LINES
        || ngx_xc_pace_set(audit, at_us) != NGX_OK)
    {
        ngx_post_event(&audit->start, &ngx_posted_next_events);
    }
}


static ngx_int_t
ngx_xc_pace_set(ngx_xc_audit_t *audit, int64_t at_us)
{
    struct itimerspec  at;

    if (audit->alarm_us != 0 && audit->alarm_us <= at_us) {
        return NGX_OK;
    }

    ngx_memzero(&at, sizeof(struct itimerspec));
    at.it_value.tv_sec = at_us / 1000000;
    at.it_value.tv_nsec = at_us % 1000000 * 1000;

    if (timerfd_settime(audit->alarm->fd, TFD_TIMER_ABSTIME, &at, NULL) != 0) {
        ngx_log_error(NGX_LOG_ALERT, audit->log, ngx_errno,
                      "xc: timerfd_settime() failed");
        return NGX_ERROR;
    }

    audit->alarm_us = at_us;

    return NGX_OK;
}


/* After a batch began without it, it may come early for the next one: no
 * record then waits longer */

static void
ngx_xc_pace_alarm(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c = ev->data;
    ngx_xc_audit_t    *audit = c->data;

    if (read(c->fd, &n, sizeof(n)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, audit->log, ngx_errno,
                      "xc: a timer can't be read");
    }

    /* whatever was read: else no alarm would be set again */

    audit->alarm_us = 0;

    ngx_post_event(&audit->start, &ngx_posted_events);
}
