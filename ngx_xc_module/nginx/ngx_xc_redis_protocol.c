
/*
 * Redis's protocol, by hiredis.  Answers are built in one place that has room
 * for what is asked for and no more: what a store announces, gigabytes or
 * thousands of millions of elements, is never allocated.
 */


#include "ngx_xc_redis_impl.h"

#include <hiredis/hiredis.h>


/* hiredis 1.0 counts an array's elements in size_t */
#if (HIREDIS_MAJOR > 0)
typedef size_t  ngx_xc_redis_count_t;
#else
typedef int     ngx_xc_redis_count_t;
#endif


static void *ngx_xc_redis_string(const redisReadTask *task, char *data,
    size_t len);
static void *ngx_xc_redis_array(const redisReadTask *task,
    ngx_xc_redis_count_t n);
static void *ngx_xc_redis_integer(const redisReadTask *task,
    long long value);
static void *ngx_xc_redis_nil(const redisReadTask *task);
static void ngx_xc_redis_discard(void *reply);


/* A double, a boolean of a later protocol, which nobody asks for, is not
 * built: the reader then puts a number in its place */

static redisReplyObjectFunctions  ngx_xc_redis_objects = {
    .createString = ngx_xc_redis_string,
    .createArray = ngx_xc_redis_array,
    .createInteger = ngx_xc_redis_integer,
    .createNil = ngx_xc_redis_nil,
    .freeObject = ngx_xc_redis_discard
};


void *
ngx_xc_redis_reader_create(ngx_xc_redis_reply_t *reply)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(&ngx_xc_redis_objects);

    if (reader) {
        reader->privdata = reply;
    }

    return reader;
}


void
ngx_xc_redis_reader_free(void *reader)
{
    redisReaderFree(reader);
}


ngx_int_t
ngx_xc_redis_reader_feed(void *reader, u_char *data, size_t len)
{
    return redisReaderFeed(reader, (char *) data, len) == REDIS_OK
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_xc_redis_reader_next(void *data)
{
    void                  *object;
    redisReader           *reader = data;
    ngx_xc_redis_reply_t  *reply = reader->privdata;

    object = NULL;

    if (redisReaderGetReply(reader, &object) != REDIS_OK) {
        return NGX_ERROR;
    }

    if (object == NULL) {

        /* an answer that is not whole waits in the reader's memory */

        return reader->len - reader->pos > 2 * NGX_XC_REDIS_TEXT_MAX
               ? NGX_ERROR : NGX_AGAIN;
    }

    /* an array's integers are counted in len */

    if (object != reply
        || (reply->type == NGX_XC_REDIS_INTEGERS && reply->len != reply->n))
    {
        reply->type = NGX_XC_REDIS_OTHER;
    }

    return NGX_OK;
}


char *
ngx_xc_redis_format(const xc_fleet_call_t *call, size_t *len)
{
    char         *command;
    long long     n;
    const char  **argv = (const char **) call->argv;

    command = NULL;

    n = redisFormatCommandArgv(&command, (int) call->argc, argv, call->len);
    if (n < 0) {
        return NULL;
    }

    *len = (size_t) n;

    return command;
}


void
ngx_xc_redis_format_free(char *command)
{
    redisFreeCommand(command);
}


static void *
ngx_xc_redis_string(const redisReadTask *task, char *data, size_t len)
{
    ngx_xc_redis_reply_t  *reply = task->privdata;

    if (task->parent != NULL) {
        reply->type = NGX_XC_REDIS_OTHER;
        return reply;
    }

    if (len > NGX_XC_REDIS_TEXT_MAX) {
        return NULL;
    }

    reply->type = task->type == REDIS_REPLY_ERROR ? NGX_XC_REDIS_ERROR
                                                  : NGX_XC_REDIS_TEXT;
    reply->len = len;
    ngx_memcpy(reply->text, data, len);

    return reply;
}


/* NULL, as if memory were short, ends the connection */

static void *
ngx_xc_redis_array(const redisReadTask *task, ngx_xc_redis_count_t n)
{
    ngx_xc_redis_reply_t  *reply = task->privdata;

    /* where it is an int, one below zero is over the limit, too */

    if ((size_t) n > XC_FLEET_ANSWER_MAX || task->parent != NULL) {
        return NULL;
    }

    /* what stands in it may yet take this back */

    reply->type = NGX_XC_REDIS_INTEGERS;
    reply->n = (size_t) n;
    reply->len = 0;

    return reply;
}


static void *
ngx_xc_redis_integer(const redisReadTask *task, long long value)
{
    ngx_xc_redis_reply_t  *reply = task->privdata;

    if (task->parent == NULL || task->idx < 0
        || (size_t) task->idx >= XC_FLEET_ANSWER_MAX)
    {
        reply->type = NGX_XC_REDIS_OTHER;
        return reply;
    }

    reply->values[task->idx] = value;
    reply->len++;

    return reply;
}


static void *
ngx_xc_redis_nil(const redisReadTask *task)
{
    ngx_xc_redis_reply_t  *reply = task->privdata;

    reply->type = NGX_XC_REDIS_OTHER;

    return reply;
}


static void
ngx_xc_redis_discard(void *reply)
{
    (void) reply;
}
