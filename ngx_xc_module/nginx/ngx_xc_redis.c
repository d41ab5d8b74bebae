
/*
 * A worker's connection to Redis: made, kept, given up and made again.
 */


#include "ngx_xc_redis_impl.h"

#include <ngx_event_connect.h>


#define NGX_XC_REDIS_RETRY_MIN  100            /* ms */
#define NGX_XC_REDIS_RETRY_MAX  5000
#define NGX_XC_REDIS_TICK       250


static void ngx_xc_redis_timer_handler(ngx_event_t *ev);
static void ngx_xc_redis_tick(ngx_xc_redis_t *redis);
static void ngx_xc_redis_connect(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_established(ngx_xc_redis_t *redis);
static void ngx_xc_redis_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_xc_redis_take(ngx_xc_redis_t *redis, u_char *data,
    size_t len);
static ngx_int_t ngx_xc_redis_answer(ngx_xc_redis_t *redis);
static void ngx_xc_redis_write_handler(ngx_event_t *wev);
static void ngx_xc_redis_release(ngx_xc_redis_t *redis);
static void ngx_xc_redis_abandon(ngx_xc_redis_t *redis);
static void ngx_xc_redis_say(ngx_xc_redis_t *redis, u_char *reason,
    size_t len);
static ngx_msec_t ngx_xc_redis_delay(ngx_xc_redis_t *redis);
static ngx_msec_t ngx_xc_redis_patience(ngx_xc_redis_t *redis,
    ngx_uint_t times);


static ngx_xc_redis_t  *ngx_xc_redis;


ngx_int_t
ngx_xc_redis_open(ngx_cycle_t *cycle, const ngx_xc_fleet_conf_t *conf)
{
    ngx_xc_redis_t  *redis;

    redis = ngx_pcalloc(cycle->pool, sizeof(ngx_xc_redis_t));
    if (redis == NULL) {
        return NGX_ERROR;
    }

    redis->pending = ngx_palloc(cycle->pool, NGX_XC_REDIS_PENDING
                                             * sizeof(ngx_xc_redis_pending_t));
    if (redis->pending == NULL) {
        return NGX_ERROR;
    }

    redis->conf = conf;
    redis->log = cycle->log;
    redis->muted = *cycle->log;
    redis->muted.log_level = ngx_min(cycle->log->log_level, NGX_LOG_ALERT);
    redis->complained = ngx_current_msec - 1000;

    redis->timer.handler = ngx_xc_redis_timer_handler;
    redis->timer.data = redis;
    redis->timer.log = cycle->log;
    redis->timer.cancelable = 1;

    ngx_xc_redis = redis;
    ngx_xc_redis_connect(redis);

    return NGX_OK;
}


void
ngx_xc_redis_close(void)
{
    ngx_xc_redis_t  *redis = ngx_xc_redis;

    if (redis == NULL) {
        return;
    }

    ngx_xc_redis = NULL;

    ngx_xc_redis_release(redis);

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }
}


const xc_fleet_store_t *
ngx_xc_redis_store(void)
{
    return ngx_xc_redis && ngx_xc_redis->state == NGX_XC_REDIS_UP
           ? &ngx_xc_redis->store : NULL;
}


ngx_int_t
ngx_xc_redis_send(const xc_fleet_call_t *call, ngx_xc_redis_pt handler,
    void *data)
{
    ngx_xc_redis_pending_t  pending;

    if (ngx_xc_redis_store() == NULL) {
        return NGX_ERROR;
    }

    pending.own = NULL;
    pending.handler = handler;
    pending.data = data;

    return ngx_xc_redis_command(ngx_xc_redis, call, &pending);
}


void
ngx_xc_redis_up(ngx_xc_redis_t *redis)
{
    redis->state = NGX_XC_REDIS_UP;
    redis->said_len = 0;
    redis->beat = ngx_current_msec;
    redis->beating = 0;

    ngx_log_error(NGX_LOG_NOTICE, redis->log, 0,
                  "xc_fleet: the store %V is in use, its run is %*s",
                  &redis->conf->addr.name, redis->store.run.len,
                  redis->store.run.data);

    ngx_add_timer(&redis->timer, NGX_XC_REDIS_TICK);
}


void
ngx_xc_redis_down(ngx_xc_redis_t *redis, const char *reason, ...)
{
    u_char   text[NGX_XC_REDIS_REASON], *p;
    va_list  args;

    va_start(args, reason);
    p = ngx_vslprintf(text, text + sizeof(text), reason, args);
    va_end(args);

    ngx_xc_redis_say(redis, text, p - text);
    ngx_xc_redis_release(redis);

    ngx_add_timer(&redis->timer, ngx_xc_redis_delay(redis));
}


/* Once, not with each attempt that ends the same way */

static void
ngx_xc_redis_say(ngx_xc_redis_t *redis, u_char *reason, size_t len)
{
    if (len == redis->said_len && ngx_memcmp(reason, redis->said, len) == 0) {
        return;
    }

    ngx_memcpy(redis->said, reason, len);
    redis->said_len = len;

    ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                  "xc_fleet: the store %V: %*s; what needs it is refused with "
                  "fleet-unavailable until it is back",
                  &redis->conf->addr.name, len, reason);
}


/* Doubled while a connection does not last; a random half, so that the workers
 * of a fleet do not all come back at once */

static ngx_msec_t
ngx_xc_redis_delay(ngx_xc_redis_t *redis)
{
    redis->backoff = redis->backoff == 0 ? NGX_XC_REDIS_RETRY_MIN
                     : ngx_min(redis->backoff * 2, NGX_XC_REDIS_RETRY_MAX);

    return redis->backoff / 2
           + (ngx_msec_t) ngx_random() % (redis->backoff / 2);
}


/* Leaves DOWN behind */

static void
ngx_xc_redis_release(ngx_xc_redis_t *redis)
{
    redis->state = NGX_XC_REDIS_DOWN;

    if (redis->connection) {
        ngx_close_connection(redis->connection);
        redis->connection = NULL;
    }

    if (redis->reader) {
        ngx_xc_redis_reader_free(redis->reader);
        redis->reader = NULL;
    }

    if (redis->out) {
        ngx_explicit_memzero(redis->out, redis->out_size);
        ngx_free(redis->out);
        redis->out = NULL;
    }

    redis->out_pos = 0;
    redis->out_len = 0;
    redis->out_size = 0;

    ngx_xc_redis_abandon(redis);
}


static void
ngx_xc_redis_abandon(ngx_xc_redis_t *redis)
{
    ngx_xc_redis_pending_t  *pending;

    while (redis->n != 0) {
        pending = &redis->pending[redis->first];

        redis->first = (redis->first + 1) % NGX_XC_REDIS_PENDING;
        redis->n--;

        if (pending->handler) {
            pending->handler(pending->data, NULL, 0);
        }
    }
}


static void
ngx_xc_redis_timer_handler(ngx_event_t *ev)
{
    ngx_xc_redis_t  *redis = ev->data;

    switch (redis->state) {

    case NGX_XC_REDIS_DOWN:
        ngx_xc_redis_connect(redis);
        break;

    case NGX_XC_REDIS_CONNECTING:
        ngx_xc_redis_down(redis, "no connection within %M ms: is it there, "
                          "and does a firewall let this host to it?",
                          ngx_xc_redis_patience(redis, 1));
        break;

    case NGX_XC_REDIS_GREETING:
        ngx_xc_redis_down(redis, "connected, but not greeted within %M ms",
                          ngx_xc_redis_patience(redis, 1));
        break;

    default: /* NGX_XC_REDIS_UP */
        ngx_xc_redis_tick(redis);
    }
}


/* A connection of which the other end is gone looks as one that is idle */

static void
ngx_xc_redis_tick(ngx_xc_redis_t *redis)
{
    ngx_msec_t               patience;
    ngx_xc_redis_pending_t  *oldest;

    patience = ngx_xc_redis_patience(redis, 4);
    oldest = &redis->pending[redis->first];

    if (redis->n != 0 && ngx_current_msec - oldest->sent > patience) {
        ngx_xc_redis_down(redis, "no answer within %M ms", patience);
        return;
    }

    ngx_add_timer(&redis->timer, NGX_XC_REDIS_TICK);

    if (!redis->beating && ngx_current_msec - redis->beat >= 1000) {
        ngx_xc_redis_beat(redis);
    }
}


static ngx_msec_t
ngx_xc_redis_patience(ngx_xc_redis_t *redis, ngx_uint_t times)
{
    return ngx_max(times * redis->conf->timeout, 1000);
}


static void
ngx_xc_redis_connect(ngx_xc_redis_t *redis)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   peer;

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = redis->conf->addr.sockaddr;
    peer.socklen = redis->conf->addr.socklen;
    peer.name = (ngx_str_t *) &redis->conf->addr.name;
    peer.get = ngx_event_get_peer;
    peer.log = &redis->muted;
    peer.log_error = NGX_ERROR_ERR;

    ngx_set_socket_errno(0);

    rc = ngx_event_connect_peer(&peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_xc_redis_down(redis, "can't connect (%d: %s)", ngx_socket_errno,
                          strerror(ngx_socket_errno));
        return;
    }

    c = peer.connection;
    c->data = redis;
    c->read->handler = ngx_xc_redis_read_handler;
    c->write->handler = ngx_xc_redis_write_handler;

    redis->connection = c;
    redis->state = NGX_XC_REDIS_CONNECTING;
    redis->reader = ngx_xc_redis_reader_create(&redis->reply);

    if (redis->reader == NULL || fcntl(c->fd, F_SETFD, FD_CLOEXEC) == -1) {
        ngx_xc_redis_down(redis, "no memory for a connection");
        return;
    }

    ngx_add_timer(&redis->timer, ngx_xc_redis_patience(redis, 1));

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}


/* NGX_ERROR: it is not, and has been closed */

static ngx_int_t
ngx_xc_redis_established(ngx_xc_redis_t *redis)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(redis->connection->fd, SOL_SOCKET, SO_ERROR, (void *) &err,
                   &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_xc_redis_down(redis, "can't connect (%d: %s)", err, strerror(err));
        return NGX_ERROR;
    }

    if (ngx_tcp_nodelay(redis->connection) != NGX_OK) {
        ngx_xc_redis_down(redis, "the connection refuses TCP_NODELAY");
        return NGX_ERROR;
    }

    redis->state = NGX_XC_REDIS_GREETING;
    ngx_xc_redis_greet(redis);

    return redis->connection ? NGX_OK : NGX_ERROR;
}


static void
ngx_xc_redis_read_handler(ngx_event_t *rev)
{
    u_char             buf[16 * 1024];
    ssize_t            n;
    ngx_connection_t  *c = rev->data;
    ngx_xc_redis_t    *redis = c->data;

    /* worker_shutdown_timeout ends all connections of a worker */

    if (c->close) {
        ngx_xc_redis_down(redis, "the worker ends its connections");
        return;
    }

    if (redis->state == NGX_XC_REDIS_CONNECTING
        && ngx_xc_redis_established(redis) != NGX_OK)
    {
        return;
    }

    for ( ;; ) {
        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_xc_redis_down(redis, "the connection is lost (%d: %s)",
                              ngx_socket_errno, strerror(ngx_socket_errno));
            return;
        }

        if (n == 0) {
            ngx_xc_redis_down(redis, "it has closed the connection");
            return;
        }

        if (ngx_xc_redis_take(redis, buf, n) != NGX_OK) {
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_xc_redis_down(redis, "the connection can't be watched");
    }
}


/* NGX_ERROR: the connection is closed by now, here and below */

static ngx_int_t
ngx_xc_redis_take(ngx_xc_redis_t *redis, u_char *data, size_t len)
{
    ngx_int_t  rc;

    if (ngx_xc_redis_reader_feed(redis->reader, data, len) != NGX_OK) {
        ngx_xc_redis_down(redis, "no memory for its answers");
        return NGX_ERROR;
    }

    for ( ;; ) {
        rc = ngx_xc_redis_reader_next(redis->reader);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_ERROR) {
            ngx_xc_redis_down(redis, "what it answers is not Redis's "
                              "protocol, or too much of it: is it Redis?");
            return NGX_ERROR;
        }

        if (ngx_xc_redis_answer(redis) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_xc_redis_answer(ngx_xc_redis_t *redis)
{
    ngx_xc_redis_reply_t    *reply = &redis->reply;
    ngx_xc_redis_pending_t   pending;

    if (redis->n == 0) {

        /* "max number of clients reached", or nonsense */

        ngx_xc_redis_refused(redis, "connection", reply, 1);
        return NGX_ERROR;
    }

    pending = redis->pending[redis->first];
    redis->first = (redis->first + 1) % NGX_XC_REDIS_PENDING;
    redis->n--;

    if (pending.own) {
        pending.own(redis, reply);

    } else if (reply->type == NGX_XC_REDIS_INTEGERS && reply->n != 0) {
        pending.handler(pending.data, reply->values, reply->n);

    } else {
        pending.handler(pending.data, NULL, 0);
        ngx_xc_redis_refused(redis, "EVALSHA", reply, 0);
    }

    return redis->connection ? NGX_OK : NGX_ERROR;
}


static void
ngx_xc_redis_write_handler(ngx_event_t *wev)
{
    ssize_t            n;
    ngx_connection_t  *c = wev->data;
    ngx_xc_redis_t    *redis = c->data;

    if (redis->state == NGX_XC_REDIS_CONNECTING
        && ngx_xc_redis_established(redis) != NGX_OK)
    {
        return;
    }

    while (redis->out_pos < redis->out_len && wev->ready) {
        n = c->send(c, redis->out + redis->out_pos,
                    redis->out_len - redis->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_xc_redis_down(redis, "the connection is lost (%d: %s)",
                              ngx_socket_errno, strerror(ngx_socket_errno));
            return;
        }

        redis->out_pos += n;
    }

    if (redis->out_pos == redis->out_len) {
        redis->out_pos = 0;
        redis->out_len = 0;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_xc_redis_down(redis, "the connection can't be watched");
    }
}
