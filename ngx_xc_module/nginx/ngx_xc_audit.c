
/*
 * Requests and their records: admitted ones wait for theirs, refused ones do
 * not, ended ones leave an outcome.
 */


#include "ngx_xc_audit.h"

#include "xc_ascii.h"


static void ngx_xc_audit_answer(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    xc_record_outcome_t *in);
static void ngx_xc_audit_variable(ngx_http_request_t *r, ngx_int_t index,
    xc_str_t *value);
static void ngx_xc_audit_wait_expired(ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_withdraw(ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_wait_cleanup(void *data);
static ngx_xc_entry_t *ngx_xc_entry_decision(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx, ngx_xc_entry_e kind);
static void ngx_xc_audit_hand_over(ngx_xc_entry_t *entry, ngx_xc_ctx_t *ctx);
static void ngx_xc_audit_follow(ngx_xc_audit_t *audit, ngx_xc_entry_t *entry);


ngx_int_t
ngx_xc_audit_admit(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_xc_entry_t  *entry;
    ngx_xc_audit_t  *audit = ngx_xc_audit;

    if (audit == NULL || !audit->open
        || audit->waiting >= audit->conf->backlog)
    {
        return NGX_ERROR;
    }

    entry = ngx_xc_entry_decision(r, ctx, NGX_XC_ENTRY_DECISION);
    if (entry == NULL) {
        return ctx->gate.observed ? NGX_DECLINED : NGX_ERROR;
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

    if (ngx_xc_wait(r, ctx, audit->conf->timeout, ngx_xc_audit_wait_expired,
                    ngx_xc_audit_wait_cleanup)
        != NGX_OK)
    {
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

    if (ngx_xc_summary_takes(audit, ctx)) {
        return;
    }

    entry = ngx_xc_entry_decision(r, ctx, NGX_XC_ENTRY_REFUSAL);
    if (entry == NULL) {
        ngx_xc_summary_refusal(audit, ctx);
        return;
    }

    ngx_xc_audit_push(audit, entry);
}


void
ngx_xc_audit_outcome(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    u_char                sha256[XC_SHA256_SIZE];
    xc_buf_t              out;
    ngx_xc_entry_t       *entry;
    xc_record_outcome_t   in;

    entry = ctx->decision ? ctx->decision->outcome : ctx->outcome;

    ngx_xc_count_answered(ctx);

    ngx_xc_audit_answer(r, ctx, &in);

    if (!ctx->hash_failed && xc_hash_final(ctx->hash, sha256) == XC_OK) {
        in.answer_sha256 = sha256;
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
ngx_xc_audit_answer(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    xc_record_outcome_t *in)
{
    xc_str_t             status;
    uint64_t             n;
    ngx_time_t          *tp;
    ngx_msec_int_t       ms;
    ngx_xc_main_conf_t  *xmcf = ngx_xc_audit->conf;

    ngx_memzero(in, sizeof(xc_record_outcome_t));

    tp = ngx_timeofday();
    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (tp->msec - r->start_msec));

    in->id = ctx->id;
    in->status = r->err_status ? r->err_status : r->headers_out.status;

    if (r->post_action && ctx->status != 0) {

        /* by now the request is another one, of which the client saw nothing */

        in->status = ctx->status;
    }

    in->bytes = ctx->bytes;
    in->reply = ngx_xc_str(&ctx->reply);
    in->ms = ngx_max(ms, 0);
    in->complete = (ctx->answered || (r->header_sent && r->header_only))
                   && !ngx_xc_audit->exiting
                   && !r->connection->error && r->out == NULL;

    ngx_xc_audit_variable(r, xmcf->upstream_addr_index, &in->upstream);
    ngx_xc_audit_variable(r, xmcf->upstream_status_index, &status);

    /* of several attempts the last one's */

    if (status.len >= 3
        && xc_ascii_u64((xc_str_t) { status.data + status.len - 3, 3 }, 999,
                        &n))
    {
        in->upstream_status = n;
    }
}


static void
ngx_xc_audit_variable(ngx_http_request_t *r, ngx_int_t index, xc_str_t *value)
{
    ngx_http_variable_value_t  *v;

    *value = XC_STR_NONE;

    v = ngx_http_get_flushed_variable(r, index);

    if (v && !v->not_found) {
        *value = (xc_str_t) { (char *) v->data, v->len };
    }
}


static void
ngx_xc_audit_wait_expired(ngx_xc_ctx_t *ctx)
{
    /* not the connection's log, which would add the subject's id */

    ngx_log_error(NGX_LOG_ERR, ngx_xc_audit->log, 0,
                  "xc: no stable storage for a decision within %M ms",
                  ngx_xc_audit->conf->timeout);

    /*
     * A record that the thread has may yet be written and say allow; the
     * outcome that follows it says 503
     */

    ctx->decision->waiting = 0;
    ctx->audit_failed = 1;

    ngx_xc_audit_withdraw(ctx);
    ngx_xc_resume(ctx);
}


/* Takes back a decision that no batch has yet: it would only be written to be
 * contradicted */

static void
ngx_xc_audit_withdraw(ngx_xc_ctx_t *ctx)
{
    ngx_xc_entry_t  *entry = ctx->decision;

    if (entry->queued) {
        ngx_xc_audit_unqueue(ngx_xc_audit, entry);
        ngx_xc_audit->waiting--;

        ctx->decision = NULL;
        ngx_xc_entry_free(entry);
    }
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
    if (ctx->listed) {
        ngx_queue_remove(&ctx->admitted);
        ctx->listed = 0;
    }

    if (ctx->decision) {
        ctx->decision->ctx = NULL;
        ctx->decision = NULL;
    }

    if (ctx->outcome) {
        ngx_xc_entry_free(ctx->outcome);
        ctx->outcome = NULL;
    }
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
    in.subject_key = ngx_xc_audit->conf->subject_key;

    /* who is nobody yet does not fill the log with what it sends */

    xc_buf_init(&out, ngx_xc_audit->render,
                ctx->gate.authenticated ? XC_RECORD_MAX
                                        : XC_RECORD_ANONYMOUS_MAX);

    if (xc_record_decision(&out, &in) != XC_OK) {

        /* of a refusal, which may be of any length, only a cut one would fit */

        if (!ctx->gate.observed) {
            ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                          "xc: a decision record does not fit its line");
        }

        return NULL;
    }

    entry = ngx_xc_entry_create(kind, out.len);
    if (entry) {
        ngx_memcpy(entry->data, out.data, out.len);
        entry->len = out.len;
    }

    return entry;
}


/*
 * One request at a time, from the head: going on with one may end others, whose
 * cleanups then only clear entry->ctx
 */

void
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
            ngx_xc_resume(ctx);
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

    ngx_xc_count_decided(ctx, ngx_xc_audit->settled_us);

    ctx->seq = entry->seq;
    ngx_memcpy(ctx->leaf, entry->leaf, XC_SHA256_SIZE);

    ctx->outcome = entry->outcome;
    entry->outcome = NULL;

    ngx_queue_insert_tail(&ngx_xc_audit->admitted, &ctx->admitted);
    ctx->listed = 1;
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
