
/*
 * Commands on their way to Redis: those in flight, and the bytes that are
 * still unsent.
 */


#include "ngx_xc_redis_impl.h"


#define NGX_XC_REDIS_OUT_MAX    (4 * 1024 * 1024)    /* bytes unsent */
#define NGX_XC_REDIS_OUT_MIN    (64 * 1024)    /* bytes kept for more */


static ngx_int_t ngx_xc_redis_append(ngx_xc_redis_t *redis, char *data,
    size_t len);
static ngx_int_t ngx_xc_redis_room(ngx_xc_redis_t *redis, size_t len);


/* The bytes go out when the loop's round ends, those of many requests at
 * once; so no handler runs before its sender has returned */

ngx_int_t
ngx_xc_redis_command(ngx_xc_redis_t *redis, const xc_fleet_call_t *call,
    const ngx_xc_redis_pending_t *pending)
{
    char                    *command;
    size_t                   len;
    ngx_int_t                rc;
    ngx_event_t             *wev;
    ngx_xc_redis_pending_t  *slot;

    if (redis->connection == NULL || redis->n == NGX_XC_REDIS_PENDING) {
        return NGX_ERROR;
    }

    command = ngx_xc_redis_format(call, &len);
    if (command == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_xc_redis_append(redis, command, len);
    ngx_explicit_memzero(command, len);    /* a password, at first */
    ngx_xc_redis_format_free(command);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    slot = &redis->pending[(redis->first + redis->n) % NGX_XC_REDIS_PENDING];
    *slot = *pending;
    slot->sent = ngx_current_msec;
    redis->n++;

    wev = redis->connection->write;

    if (wev->ready) {
        ngx_post_event(wev, &ngx_posted_events);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_xc_redis_append(ngx_xc_redis_t *redis, char *data, size_t len)
{
    if (redis->out_size - redis->out_len < len
        && ngx_xc_redis_room(redis, len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(redis->out + redis->out_len, data, len);
    redis->out_len += len;

    return NGX_OK;
}


/* What is unsent moves into a buffer with room for len more */

static ngx_int_t
ngx_xc_redis_room(ngx_xc_redis_t *redis, size_t len)
{
    size_t   size, unsent;
    u_char  *out;

    unsent = redis->out_len - redis->out_pos;

    if (len > NGX_XC_REDIS_OUT_MAX - unsent) {
        return NGX_ERROR;
    }

    size = ngx_max(2 * (unsent + len), NGX_XC_REDIS_OUT_MIN);

    out = ngx_alloc(size, redis->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    if (redis->out) {
        ngx_memcpy(out, redis->out + redis->out_pos, unsent);

        /* a password may have been there */

        ngx_explicit_memzero(redis->out, redis->out_size);
        ngx_free(redis->out);
    }

    redis->out = out;
    redis->out_pos = 0;
    redis->out_len = unsent;
    redis->out_size = size;

    return NGX_OK;
}
