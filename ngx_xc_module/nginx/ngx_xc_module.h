
/*
 * What the adapter's files share.  Everything runs in the worker's event loop
 * but what ngx_xc_audit.c hands to its thread.
 */


#ifndef _NGX_XC_MODULE_H_INCLUDED_
#define _NGX_XC_MODULE_H_INCLUDED_


#include "ngx_xc_compat.h"
#include <ngx_thread_pool.h>

#include "xc_count.h"
#include "xc_gate.h"
#include "xc_id.h"
#include "xc_intake.h"
#include "xc_journal.h"
#include "xc_note.h"
#include "xc_record.h"


#define NGX_XC_OFF          0
#define NGX_XC_ENFORCE      1
#define NGX_XC_OBSERVE      2


/* A policy file, loaded once however many locations name it */

typedef struct {
    ngx_str_t                    file;
    xc_arena_t                   arena;
    const xc_policy_t           *policy;
    xc_map_agency_t            **places;       /* by agency; set in init_module */
} ngx_xc_policy_t;


/* xc_fleet */

typedef struct {
    ngx_addr_t                   addr;         /* numeric: nothing is resolved
                                                  once nginx runs */
    ngx_uint_t                   db;
    ngx_str_t                    password;     /* empty: none; never logged */
    ngx_str_t                    prefix;
    ngx_msec_t                   timeout;
    uint64_t                     identity;     /* of address, db and prefix;
                                                  not 0 */
    int64_t                      window_s;     /* of the policies; set in
                                                  init_module */
} ngx_xc_fleet_conf_t;


/* A location with a gate, for the start record */

typedef struct ngx_xc_loc_conf_s  ngx_xc_loc_conf_t;
typedef struct ngx_xc_intake_doc_s  ngx_xc_intake_doc_t;
typedef struct ngx_xc_status_conf_s  ngx_xc_status_conf_t;

typedef struct {
    ngx_str_t                    server;
    ngx_str_t                    location;
    ngx_xc_loc_conf_t           *conf;
} ngx_xc_gate_info_t;


typedef struct {
    ngx_str_t                    state;        /* directory, NUL-terminated */
    ngx_uint_t                   replay;

    ngx_flag_t                   audit;        /* xc_audit was given */
    ngx_str_t                    node;
    ngx_flag_t                   sync;
    ngx_thread_pool_t           *pool;
    ngx_msec_t                   timeout;
    ngx_uint_t                   backlog;
    ngx_msec_t                   checkpoint;
    ngx_msec_t                   heartbeat;

    ngx_str_t                    origin;       /* of the log's checkpoints */
    const xc_key_t              *key;          /* signs them; NULL: none */
    ngx_str_t                    vkey;
    const xc_mac_t              *subject_key;  /* NULL: only types are recorded */

    ngx_xc_fleet_conf_t         *fleet;        /* NULL: limits of its own */

    ngx_array_t                  policies;     /* ngx_xc_policy_t * */
    ngx_array_t                  gates;        /* ngx_xc_gate_info_t */
    int64_t                      intake_expires_s; /* of the first document that
                                                  does; INT64_MAX: none */

    ngx_int_t                    upstream_addr_index;
    ngx_int_t                    upstream_status_index;

    ngx_str_t                    describe;     /* of the node, JSON members */
    char                         boot_id[XC_JOURNAL_BOOT_ID_SIZE + 1];
    xc_map_t                     map;
    unsigned                     map_open:1;
    uint64_t                     generation;   /* of this load, in the map */
} ngx_xc_main_conf_t;


struct ngx_xc_loc_conf_s {
    ngx_uint_t                   mode;
    int64_t                      observe_until_s;    /* as in the gate's */
    ngx_xc_policy_t             *policy;
    xc_auth_accept_t             accept;
    ngx_uint_t                   certificate;  /* accept may need the client's */
    size_t                       body_size;
    const xc_mac_t              *token_key;

    ngx_xc_intake_doc_t         *intake;
    ngx_xc_status_conf_t        *status;
    ngx_http_handler_pt          handler;      /* ours: such a location is not
                                                  gated by an outer level */

    /* where `xc` stands, for messages about what it lacks */
    u_char                      *mode_file;
    ngx_uint_t                   mode_line;

    /* likewise, where xc_credentials stands */
    u_char                      *accept_file;
    ngx_uint_t                   accept_line;

    xc_gate_conf_t               gate;         /* completed in init_module */
};


/*
 * Legal transitions: START → BODY_WAIT → FLEET_WAIT → AUDIT_WAIT → ADMITTED,
 * where there is a body and a fleet to wait for, and from any of them to
 * DENIED.  ADMITTED may still become DENIED, when the request is
 * sent on inside nginx to anything but what was decided.
 */

typedef enum {
    NGX_XC_START = 0,
    NGX_XC_BODY_WAIT,
    NGX_XC_FLEET_WAIT,
    NGX_XC_AUDIT_WAIT,
    NGX_XC_ADMITTED,
    NGX_XC_DENIED
} ngx_xc_state_e;


typedef struct ngx_xc_entry_s  ngx_xc_entry_t;
typedef struct ngx_xc_waiter_s  ngx_xc_waiter_t;
typedef struct ngx_xc_ctx_s  ngx_xc_ctx_t;


/* Lies in a pool cleanup, so that it outlives internal redirects */

struct ngx_xc_ctx_s {
    ngx_http_request_t          *request;
    ngx_xc_loc_conf_t           *conf;         /* of the location that decided */
    ngx_xc_state_e               state;
    int64_t                      begin_us;     /* CLOCK_BOOTTIME; 0: the gate
                                                  did not begin */

    xc_arena_t                   arena;        /* the request's pool, limited */
    xc_msg_t                     msg;
    xc_gate_t                    gate;
    xc_str_t                     body;
    xc_str_t                     id;           /* of the record, for $xc_id */
    char                         id_text[XC_ID_SIZE];
    xc_str_t                     tls;

    /* the latch: what was decided, besides conf->policy and the operation */
    ngx_str_t                    uri;
    ngx_str_t                    args;
    ngx_str_t                    method;

    void                       (*expired)(ngx_xc_ctx_t *ctx);  /* the wait */

    ngx_xc_waiter_t             *waiter;       /* at the fleet's store */
    xc_fleet_answer_t            answer;       /* told */

    ngx_xc_entry_t              *decision;     /* on its way to the log */
    ngx_xc_entry_t              *outcome;      /* reserved; set once admitted */
    uint64_t                     seq;
    u_char                       leaf[XC_SHA256_SIZE];

    xc_hash_t                   *hash;         /* of the answer */
    uint64_t                     bytes;
    ngx_str_t                    reply;        /* XC-Reply */

    ngx_queue_t                  admitted;     /* of the worker's, by which
                                                  an exit finds them */
    uint64_t                     body_read;
    ngx_http_upstream_t         *foreign;      /* whose answer is refused */
    ngx_uint_t                   http_version; /* of the request */
    ngx_uint_t                   status;       /* of the first header sent */

    unsigned                     listed:1;     /* in that queue */
    unsigned                     decided:1;    /* and the time to it counted */
    unsigned                     audit_failed:1;
    unsigned                     answered:1;   /* the answer's last buffer */
    unsigned                     hash_failed:1;
    unsigned                     told:1;       /* the fleet's answer is here */
};


extern ngx_module_t  ngx_xc_module;


/* ngx_xc_module.c */

static ngx_inline xc_str_t
ngx_xc_str(ngx_str_t *s)
{
    return (xc_str_t) { (char *) s->data, s->len };
}

/* NULL where the gate has not met the request */
ngx_xc_ctx_t *ngx_xc_get_ctx(ngx_http_request_t *r);
ngx_xc_ctx_t *ngx_xc_create_ctx(ngx_http_request_t *r);
xc_arena_t ngx_xc_pool_arena(ngx_pool_t *pool, size_t limit);

/* NULL where the cycle is none yet, or runs without the module */
ngx_xc_main_conf_t *ngx_xc_cycle_conf(ngx_cycle_t *cycle);

/* ngx_xc_conf.c */

extern ngx_command_t  ngx_xc_commands[];

void *ngx_xc_create_main_conf(ngx_conf_t *cf);
char *ngx_xc_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_xc_create_loc_conf(ngx_conf_t *cf);
char *ngx_xc_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

/* ngx_xc_conf_mode.c */
char *ngx_xc_mode_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_xc_conf_content.c */
char *ngx_xc_content_merge(ngx_conf_t *cf, ngx_xc_loc_conf_t *prev,
    ngx_xc_loc_conf_t *conf);

/* ngx_xc_conf_audit.c */
char *ngx_xc_audit_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_xc_conf_credentials.c */
char *ngx_xc_credentials_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_xc_credentials_check(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf);

/* ngx_xc_conf_token.c */
char *ngx_xc_token_key_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

char *ngx_xc_token_key_check(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf);

/* A file that others can't read; NGX_CONF_OK, or what is wrong */
char *ngx_xc_conf_secret(ngx_conf_t *cf, ngx_str_t *value, xc_arena_t *arena,
    xc_str_t *content);

/* Wipes what was read of a file, once it is used */
void ngx_xc_conf_forget(xc_str_t *content);

/* One line of the error log a fault (emerg) or warning of a document */
void ngx_xc_conf_faults(ngx_conf_t *cf, ngx_str_t *file,
    const xc_policy_faults_t *faults);

/* ngx_xc_gate.c */

ngx_int_t ngx_xc_gate_handler(ngx_http_request_t *r);

/* ngx_xc_gate_end.c: fail is refuse for this reason; both return NGX_DONE */

ngx_int_t ngx_xc_gate_fail(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    xc_reason_t reason);
ngx_int_t ngx_xc_gate_refuse(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
ngx_int_t ngx_xc_gate_log_handler(ngx_http_request_t *r);

/* What ended a request that the gate had not decided */
xc_reason_t ngx_xc_gate_ended_by(ngx_http_request_t *r);

/* ngx_xc_gate_note.c: of a refusal, also what it counts; "refused", "observed" */

void ngx_xc_gate_note(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
void ngx_xc_gate_log(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    const char *what);

/* ngx_xc_count.c: a refusal; what goes on; the time to the decision, once a
 * request, and to the end of the answer */

void ngx_xc_count_refused(ngx_xc_ctx_t *ctx);
void ngx_xc_count_gone_on(ngx_xc_ctx_t *ctx);
void ngx_xc_count_decided(ngx_xc_ctx_t *ctx, int64_t boot_us);
void ngx_xc_count_answered(ngx_xc_ctx_t *ctx);

/* ngx_xc_body.c */

/* The request's body as one run of bytes.  NGX_DECLINED: more than max, and
 * nothing was read; NGX_ERROR */
ngx_int_t ngx_xc_body_collect(ngx_http_request_t *r, size_t max,
    xc_str_t *body);
ngx_int_t ngx_xc_body_init(ngx_conf_t *cf);

/* ngx_xc_msg.c */

/* Borrows from the request; NGX_ERROR when memory is short */
ngx_int_t ngx_xc_msg_init(ngx_http_request_t *r, xc_msg_t *msg);

/* ngx_xc_log.c */

/* What the error log says of a request behind a gate: no request line, no
 * upstream URI, which hold the subject's id */
u_char *ngx_xc_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len);

/* ngx_xc_tls.c */

/* Sets msg->tls and early_data, and the protocol's name */
void ngx_xc_tls_describe(ngx_connection_t *c, xc_msg_t *msg, xc_str_t *version);

/* Sets msg->certificate, in the request's pool; NGX_ERROR */
ngx_int_t ngx_xc_tls_certificate(ngx_http_request_t *r, xc_msg_t *msg);

/* ngx_xc_state.c */

ngx_int_t ngx_xc_state_init_module(ngx_cycle_t *cycle);
void ngx_xc_state_exit_master(ngx_cycle_t *cycle);
ngx_int_t ngx_xc_state_describe(ngx_conf_t *cf, ngx_xc_main_conf_t *mcf);
void ngx_xc_state_journal_conf(ngx_cycle_t *cycle, ngx_xc_main_conf_t *mcf,
    xc_journal_conf_t *conf);
void ngx_xc_state_clock(xc_gate_clock_t *clock);
int64_t ngx_xc_state_now_us(void *data);
int64_t ngx_xc_state_boot_us(void);        /* CLOCK_BOOTTIME */

/* ngx_xc_state_dir.c */

ngx_int_t ngx_xc_state_directory(ngx_cycle_t *cycle, ngx_xc_main_conf_t *mcf);
ngx_int_t ngx_xc_state_test(ngx_cycle_t *cycle, ngx_xc_main_conf_t *mcf);
void ngx_xc_state_owner(ngx_cycle_t *cycle, uid_t *uid, gid_t *gid);

/* ngx_xc_places.c */

ngx_int_t ngx_xc_places_init(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf);
void ngx_xc_places_publish(ngx_xc_main_conf_t *xmcf);

/* ngx_xc_wait.c */

/*
 * The request waits for something: gone(ctx) when it goes meanwhile,
 * expired(ctx) after timeout; ngx_xc_resume() ends it.  NGX_ERROR.
 */
ngx_int_t ngx_xc_wait(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_msec_t timeout, void (*expired)(ngx_xc_ctx_t *ctx),
    ngx_http_cleanup_pt gone);

/* Runs the gate's handler again; touches neither the request nor its context
 * after it has run */
void ngx_xc_resume(ngx_xc_ctx_t *ctx);

/* ngx_xc_conf_fleet.c */

char *ngx_xc_fleet_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_xc_fleet.c */

ngx_int_t ngx_xc_fleet_init_process(ngx_cycle_t *cycle);
void ngx_xc_fleet_exit_process(ngx_cycle_t *cycle);

/*
 * Asks the store, for which the request waits: NGX_AGAIN.  The gate's handler
 * is run again when ctx->waiter is NULL; ctx->told says whether ctx->answer
 * came in time.  NGX_ERROR: there is no store to ask.
 */
ngx_int_t ngx_xc_fleet_ask(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    const xc_fleet_ask_t *ask);

/* The request's pool is going */
void ngx_xc_fleet_forget(ngx_xc_ctx_t *ctx);

/* For status */
typedef struct {
    ngx_uint_t                   connected;
    ngx_uint_t                   waiting;      /* requests */
    uint64_t                     answers;
    uint64_t                     failures;     /* asked in vain, by this worker */
} ngx_xc_fleet_state_t;

void ngx_xc_fleet_state(ngx_xc_fleet_state_t *state);

/* ngx_xc_audit.c */

ngx_int_t ngx_xc_audit_init_process(ngx_cycle_t *cycle);
void ngx_xc_audit_exit_process(ngx_cycle_t *cycle);

/*
 * Queues the decision record of an admitted request, which then waits:
 * NGX_AGAIN.  The gate's handler is run again when ctx->decision is NULL, and
 * ctx->audit_failed tells.  NGX_ERROR: the record can't even be queued.
 * NGX_DECLINED: only observed, and there is no whole record of it.
 */
ngx_int_t ngx_xc_audit_admit(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);

/* Queues a refusal's record; over the backlog it is counted */
void ngx_xc_audit_refuse(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);

/* The request's pool is going */
void ngx_xc_audit_forget(ngx_xc_ctx_t *ctx);

/* Fills and queues the outcome that was reserved; for the log phase */
void ngx_xc_audit_outcome(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);

/* A copy of the log's head, for status; NGX_ERROR */
ngx_int_t ngx_xc_audit_head(xc_journal_head_t *head);

/* The latest signed checkpoint; buf holds XC_JOURNAL_CHECKPOINT_MAX bytes.
 * NGX_DECLINED: none yet; NGX_ERROR */
ngx_int_t ngx_xc_audit_checkpoint(char *buf, size_t *len);

typedef struct {
    ngx_uint_t                   waiting;      /* decisions queued */
    ngx_uint_t                   queued;       /* records queued, of all kinds */
    ngx_uint_t                   failing;      /* the last batch failed */
} ngx_xc_audit_state_t;

void ngx_xc_audit_state(ngx_xc_audit_state_t *state);

/* ngx_xc_summary.c */

/* A read of the intake document */
void ngx_xc_summary_intake(ngx_uint_t html);

/* ngx_xc_reply.c */

/* Sends the problem; what it returns goes to ngx_http_finalize_request() */
ngx_int_t ngx_xc_reply_problem(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);

/* Sends the decision of a check that is allowed; likewise */
ngx_int_t ngx_xc_reply_check(ngx_http_request_t *r, ngx_xc_ctx_t *ctx);
ngx_int_t ngx_xc_reply_text(ngx_http_request_t *r, ngx_str_t *type,
    ngx_str_t *text);

/* For what is only to be read, by GET or HEAD; likewise where not NGX_OK */
ngx_int_t ngx_xc_reply_begin(ngx_http_request_t *r);

/* The header and b, which is all of the body */
ngx_int_t ngx_xc_reply_send(ngx_http_request_t *r, ngx_buf_t *b);
ngx_int_t ngx_xc_reply_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* ngx_xc_filter.c */

ngx_int_t ngx_xc_filter_init(ngx_conf_t *cf);

/* ngx_xc_peer.c */

void *ngx_xc_create_peer_conf(ngx_conf_t *cf);
void ngx_xc_peer_wrap(ngx_conf_t *cf);
ngx_uint_t ngx_xc_peer_interim(ngx_http_upstream_t *u);

/* ngx_xc_intake.c, ngx_xc_status.c */

char *ngx_xc_intake(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_xc_intake_render(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf);
char *ngx_xc_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_xc_checkpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_xc_vars.c */

ngx_int_t ngx_xc_vars_add(ngx_conf_t *cf);


#endif /* _NGX_XC_MODULE_H_INCLUDED_ */
