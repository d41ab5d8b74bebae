
/*
 * Between ngx_xc_audit.c, which knows requests, and ngx_xc_batch.c, which knows
 * the thread and the journal.
 */


#ifndef _NGX_XC_AUDIT_H_INCLUDED_
#define _NGX_XC_AUDIT_H_INCLUDED_


#include "ngx_xc_module.h"


#define NGX_XC_BATCH_LINES      512
#define NGX_XC_BATCH_BYTES      (1024 * 1024)
#define NGX_XC_TICK             1000

/* Refusals' bytes that may wait; more are summarised */
#define NGX_XC_LATER_MAX        (8 * 1024 * 1024)


typedef enum {
    NGX_XC_ENTRY_DECISION = 0,             /* of an admitted request */
    NGX_XC_ENTRY_REFUSAL,
    NGX_XC_ENTRY_OUTCOME
} ngx_xc_entry_e;


struct ngx_xc_entry_s {
    ngx_queue_t                queue;
    ngx_xc_entry_e             kind;
    uint64_t                   number;         /* in order of arrival; 0: not
                                                  queued yet */

    /*
     * A decision's request: cleared by its log phase, or with its pool.
     * waiting: it is to be woken; cleared when it timed out or is ending
     */
    ngx_xc_ctx_t              *ctx;
    unsigned                   waiting:1;

    /* A decision's: reserved with it, so that the log phase can't fail */
    ngx_xc_entry_t            *outcome;
    unsigned                   outcome_ready:1;
    unsigned                   queued:1;       /* in `queue` or `later` */

    /* A decision's, once it is written */
    unsigned                   failed:1;
    uint64_t                   seq;
    u_char                     leaf[XC_SHA256_SIZE];

    size_t                     len;
    size_t                     size;
    char                       data[1];
};


/* Refusals without records of their own, by network and reason */

#define NGX_XC_FLOODS           256

/* A network's first octet that no address has: multicast */
#define NGX_XC_ANYWHERE         0xff

typedef struct {
    uint8_t                    network[16];    /* masked; IPv4 mapped */
    xc_reason_t                reason;
    uint64_t                   count;
    int64_t                    first_us;
    int64_t                    last_us;
} ngx_xc_flood_t;


/*
 * A task of its own with a journal of its own: batches do not wait while it
 * syncs
 */

typedef struct {
    xc_journal_t               journal;
    ngx_uint_t                 opened;         /* the task's */
    unsigned                   running:1;
    unsigned                   failing:1;
    ngx_msec_t                 done;           /* when the last one was */

    ngx_thread_task_t         *task;
    xc_journal_report_t        report;
    xc_rc_t                    rc;
} ngx_xc_checkpoint_t;


typedef struct {
    ngx_log_t                 *log;
    ngx_xc_main_conf_t        *conf;
    ngx_xc_checkpoint_t        checkpoint;
    xc_journal_t               journal;
    xc_journal_conf_t          reader;         /* of status */
    unsigned                   open:1;         /* the journal, as told */
    unsigned                   failing:1;
    unsigned                   dirty:1;        /* lines since the checkpoint */
    unsigned                   running:1;      /* a task is in flight */
    unsigned                   exiting:1;

    ngx_queue_t                queue;          /* decisions and outcomes,
                                                  waiting for a batch */
    ngx_queue_t                later;          /* what nobody waits for: goes
                                                  when there is room */
    size_t                     later_bytes;
    ngx_queue_t                admitted;       /* contexts with outcomes due */
    ngx_queue_t                batch;          /* in flight */
    ngx_queue_t                done;           /* written, to be woken */
    ngx_queue_t                spare;          /* free entries, of one size */
    ngx_uint_t                 n_spare;
    ngx_uint_t                 queued;
    uint64_t                   numbers;        /* entries that have come */
    ngx_uint_t                 waiting;        /* decisions in queue and batch */

    ngx_thread_task_t         *task;
    ngx_event_t                tick;
    ngx_event_t                start;          /* of a batch: posted */
    ngx_connection_t          *alarm;          /* that starts one later */
    int64_t                    alarm_us;       /* it is set to; 0: it is not */
    int64_t                    next_us;        /* no batch before */
    int64_t                    last_us;        /* of the last line, as known */

    /* the batch's, written by the event loop before and read after the task */
    xc_journal_entry_t         lines[NGX_XC_BATCH_LINES];
    ngx_uint_t                 n;
    ngx_uint_t                 opened;         /* the journal; the thread's */
    xc_journal_report_t        report;
    int64_t                    commit_us;      /* how long it took */
    int64_t                    settled_us;     /* CLOCK_BOOTTIME, when it was
                                                  known */
    xc_rc_t                    rc;
    u_char                    *scratch;
    size_t                     scratch_size;

    ngx_xc_flood_t             floods[NGX_XC_FLOODS];
    ngx_uint_t                 n_floods;
    ngx_xc_flood_t             reads[2];       /* of the intake: JSON, HTML */

    char                       render[XC_RECORD_MAX];
} ngx_xc_audit_t;


/* The worker's; NULL where nothing is gated */
extern ngx_xc_audit_t  *ngx_xc_audit;


/* ngx_xc_batch.c */

/* The event loop's.  size: room for data, at least */
ngx_xc_entry_t *ngx_xc_entry_create(ngx_xc_entry_e kind, size_t size);
void ngx_xc_entry_free(ngx_xc_entry_t *entry);

/* The spare ones, to the allocator */
void ngx_xc_entry_spill(ngx_xc_audit_t *audit);

/* Queues the entry and starts a batch soon, where none is in flight */
void ngx_xc_audit_push(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);

/* The queue alone */
void ngx_xc_audit_queue(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);
void ngx_xc_audit_unqueue(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);

/* Fills the batch from the queues; runs it (in the thread, and at exit); says
 * what there is to say of it; deals out what became of its entries */
ngx_uint_t ngx_xc_audit_fill(ngx_xc_audit_t *audit);
void ngx_xc_audit_thread(void *data, ngx_log_t *log);

void ngx_xc_audit_settle(ngx_xc_audit_t *audit);
void ngx_xc_audit_report(ngx_xc_audit_t *audit, xc_rc_t rc,
    xc_journal_report_t *report, ngx_uint_t failing);
void ngx_xc_audit_event(ngx_event_t *ev);
void ngx_xc_audit_start(ngx_event_t *ev);

/* ngx_xc_pace.c */

ngx_int_t ngx_xc_pace_init(ngx_xc_audit_t *audit);
void ngx_xc_pace_done(ngx_xc_audit_t *audit);

/* Starts a batch when it is time, where none is in flight */
void ngx_xc_audit_kick(ngx_xc_audit_t *audit);

/* A batch of so many decisions has ended; it took commit_us */
void ngx_xc_pace_rest(ngx_xc_audit_t *audit, ngx_uint_t decisions);

/* CLOCK_MONOTONIC */
int64_t ngx_xc_pace_now_us(void);

/* ngx_xc_tick.c */

void ngx_xc_audit_tick(ngx_event_t *ev);
void ngx_xc_checkpoint_thread(void *data, ngx_log_t *log);
void ngx_xc_checkpoint_event(ngx_event_t *ev);

/* ngx_xc_audit.c */

/* Goes on with the requests of the batch that `done` holds */
void ngx_xc_audit_wake(ngx_xc_audit_t *audit);

/* ngx_xc_summary.c */

/* Is the refusal one of a flood?  Then it is counted, and has no record */
ngx_uint_t ngx_xc_summary_takes(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx);
void ngx_xc_summary_refusal(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx);

/* Queues records of the counts that are old enough, or of all */
void ngx_xc_summary_flush(ngx_xc_audit_t *audit, ngx_uint_t all);


#endif /* _NGX_XC_AUDIT_H_INCLUDED_ */
