
/*
 * What the files of the connection to Redis share.  Of hiredis there are its
 * reader and its writer of commands; connection, queue and time are nginx's:
 * hiredis's own event interface asserts that a server says nothing unasked,
 * and a worker must survive a store that does.
 */


#ifndef _NGX_XC_REDIS_IMPL_H_INCLUDED_
#define _NGX_XC_REDIS_IMPL_H_INCLUDED_


#include "ngx_xc_redis.h"


/* Longest text of an answer: INFO's sections are a tenth of it */
#define NGX_XC_REDIS_TEXT_MAX   (32 * 1024)
#define NGX_XC_REDIS_REASON     400

/* Redis's ids are of 40 hexadecimal digits */
#define NGX_XC_REDIS_ID_MAX     63
#define NGX_XC_REDIS_PENDING    65536          /* commands in flight */


typedef enum {
    NGX_XC_REDIS_INTEGERS,                     /* of an array, or none in it */
    NGX_XC_REDIS_TEXT,
    NGX_XC_REDIS_ERROR,                        /* text says which */
    NGX_XC_REDIS_OTHER                         /* nothing that is waited for */
} ngx_xc_redis_type_e;


typedef struct {
    ngx_xc_redis_type_e          type;
    size_t                       n;
    int64_t                      values[XC_FLEET_ANSWER_MAX];
    size_t                       len;
    u_char                       text[NGX_XC_REDIS_TEXT_MAX];
} ngx_xc_redis_reply_t;


typedef struct ngx_xc_redis_s  ngx_xc_redis_t;


/* A command in flight, whose answer is own's or handler's */

typedef struct {
    void                       (*own)(ngx_xc_redis_t *redis,
                                      const ngx_xc_redis_reply_t *reply);
    ngx_xc_redis_pt              handler;
    void                        *data;
    ngx_msec_t                   sent;
} ngx_xc_redis_pending_t;


/*
 * Legal transitions: DOWN → CONNECTING → GREETING → UP, and from any to DOWN.
 * The timer always runs: it tries again, gives up, or beats.
 */

typedef enum {
    NGX_XC_REDIS_DOWN = 0,
    NGX_XC_REDIS_CONNECTING,
    NGX_XC_REDIS_GREETING,
    NGX_XC_REDIS_UP
} ngx_xc_redis_state_e;


struct ngx_xc_redis_s {
    const ngx_xc_fleet_conf_t   *conf;
    ngx_log_t                   *log;
    ngx_log_t                    muted;        /* nginx's own lines would come
                                                  with each attempt */
    ngx_event_t                  timer;
    ngx_connection_t            *connection;   /* NULL in DOWN alone */
    ngx_xc_redis_state_e         state;
    ngx_uint_t                   step;         /* of the greeting */

    void                        *reader;       /* hiredis's */
    ngx_xc_redis_reply_t         reply;        /* read last */

    u_char                      *out;          /* from out_pos to out_len
                                                  unsent */
    size_t                       out_pos;
    size_t                       out_len;
    size_t                       out_size;

    ngx_xc_redis_pending_t      *pending;      /* a ring */
    size_t                       first;
    size_t                       n;

    ngx_msec_t                   backoff;
    ngx_msec_t                   beat;         /* when it was sent */
    unsigned                     beating:1;    /* its answer is awaited */
    ngx_msec_t                   complained;

    u_char                       said[NGX_XC_REDIS_REASON];    /* of a DOWN */
    size_t                       said_len;

    char                         run[XC_FLEET_RUN_MAX];    /* run_id "."
                                                  master_replid */
    size_t                       run_len;      /* of the first and its dot */
    char                         script[64];
    xc_fleet_store_t             store;
};


/* ngx_xc_redis_protocol.c, the one file that knows hiredis */

void *ngx_xc_redis_reader_create(ngx_xc_redis_reply_t *reply);
void ngx_xc_redis_reader_free(void *reader);
ngx_int_t ngx_xc_redis_reader_feed(void *reader, u_char *data, size_t len);

/* NGX_OK: the next answer is in the reply given to create; NGX_AGAIN: it is
 * not whole yet; NGX_ERROR: nonsense, or more than anything asked for */
ngx_int_t ngx_xc_redis_reader_next(void *reader);

/* Heap bytes, for ngx_xc_redis_format_free(); NULL when memory is short */
char *ngx_xc_redis_format(const xc_fleet_call_t *call, size_t *len);
void ngx_xc_redis_format_free(char *command);

/* ngx_xc_redis_out.c */

/* As ngx_xc_redis_send(), in any state that has a connection */
ngx_int_t ngx_xc_redis_command(ngx_xc_redis_t *redis,
    const xc_fleet_call_t *call, const ngx_xc_redis_pending_t *pending);

/* ngx_xc_redis.c */

/* Ends the connection; whoever waits for an answer is told that there is none.
 * reason follows "the store <address>: " in the log */
void ngx_xc_redis_down(ngx_xc_redis_t *redis, const char *reason, ...);

/* Greeted: commands may come */
void ngx_xc_redis_up(ngx_xc_redis_t *redis);

/* ngx_xc_redis_greet.c */

void ngx_xc_redis_greet(ngx_xc_redis_t *redis);
void ngx_xc_redis_beat(ngx_xc_redis_t *redis);

/* ngx_xc_redis_error.c */

/* Another answer than what was asked for; over: the connection ends with it,
 * whichever error it is */
void ngx_xc_redis_refused(ngx_xc_redis_t *redis, const char *command,
    const ngx_xc_redis_reply_t *reply, ngx_uint_t over);


#endif /* _NGX_XC_REDIS_IMPL_H_INCLUDED_ */
