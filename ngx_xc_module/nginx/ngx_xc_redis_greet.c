
/*
 * What a connection to Redis begins with: who it is, whether it keeps what it
 * is told, and the script; then a beat that shows that it is still there.
 */


#include "ngx_xc_redis_impl.h"

#include "xc_ascii.h"


/* send: NGX_DECLINED: not needed here.  take: NULL, or what is wrong */

typedef struct {
    const char    *name;
    ngx_int_t    (*send)(ngx_xc_redis_t *redis);
    const char  *(*take)(ngx_xc_redis_t *redis,
                         const ngx_xc_redis_reply_t *reply);
} ngx_xc_redis_step_t;


static ngx_int_t ngx_xc_redis_send_auth(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_select(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_server(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_memory(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_replication(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_script(ngx_xc_redis_t *redis);
static ngx_int_t ngx_xc_redis_send_greeting(ngx_xc_redis_t *redis);
static const char *ngx_xc_redis_take_ok(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static const char *ngx_xc_redis_take_server(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static const char *ngx_xc_redis_take_memory(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static const char *ngx_xc_redis_take_replication(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static const char *ngx_xc_redis_take_script(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static const char *ngx_xc_redis_take_greeting(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static void ngx_xc_redis_next(ngx_xc_redis_t *redis);
static void ngx_xc_redis_step_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static void ngx_xc_redis_memory_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static void ngx_xc_redis_replication_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static void ngx_xc_redis_beat_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static ngx_int_t ngx_xc_redis_checked(ngx_xc_redis_t *redis,
    const char *command, const char *error,
    const ngx_xc_redis_reply_t *reply);
static ngx_int_t ngx_xc_redis_ask(ngx_xc_redis_t *redis,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply));
static ngx_int_t ngx_xc_redis_info(ngx_xc_redis_t *redis, const char *section,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply));
static ngx_int_t ngx_xc_redis_words(ngx_xc_redis_t *redis, ngx_uint_t n,
    const xc_str_t *words,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply));
static const char *ngx_xc_redis_check_history(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply);
static xc_str_t ngx_xc_redis_history(const ngx_xc_redis_reply_t *reply);
static xc_str_t ngx_xc_redis_line(const ngx_xc_redis_reply_t *reply,
    xc_str_t name);


static const ngx_xc_redis_step_t  ngx_xc_redis_steps[] = {
    { "AUTH", ngx_xc_redis_send_auth, ngx_xc_redis_take_ok },
    { "SELECT", ngx_xc_redis_send_select, ngx_xc_redis_take_ok },
    { "INFO server", ngx_xc_redis_send_server, ngx_xc_redis_take_server },
    { "INFO memory", ngx_xc_redis_send_memory, ngx_xc_redis_take_memory },
    { "INFO replication", ngx_xc_redis_send_replication,
      ngx_xc_redis_take_replication },
    { "SCRIPT LOAD", ngx_xc_redis_send_script, ngx_xc_redis_take_script },
    { "EVALSHA", ngx_xc_redis_send_greeting, ngx_xc_redis_take_greeting }
};


void
ngx_xc_redis_greet(ngx_xc_redis_t *redis)
{
    redis->step = 0;
    redis->store.prefix = (xc_str_t) { (char *) redis->conf->prefix.data,
                                       redis->conf->prefix.len };
    redis->store.window_s = redis->conf->window_s;

    ngx_xc_redis_next(redis);
}


static void
ngx_xc_redis_next(ngx_xc_redis_t *redis)
{
    ngx_int_t  rc;

    for ( /* void */ ; redis->step < XC_COUNT(ngx_xc_redis_steps);
         redis->step++)
    {
        rc = ngx_xc_redis_steps[redis->step].send(redis);

        if (rc == NGX_OK) {
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_xc_redis_down(redis, "no memory to greet it");
            return;
        }
    }

    ngx_xc_redis_up(redis);
}


static void
ngx_xc_redis_step_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    const ngx_xc_redis_step_t  *step = &ngx_xc_redis_steps[redis->step];

    if (ngx_xc_redis_checked(redis, step->name,
                             reply->type == NGX_XC_REDIS_ERROR
                             ? NULL : step->take(redis, reply), reply)
        == NGX_OK)
    {
        redis->step++;
        ngx_xc_redis_next(redis);
    }
}


void
ngx_xc_redis_beat(ngx_xc_redis_t *redis)
{
    redis->beat = ngx_current_msec;
    redis->beating = 1;

    /* what the greeting has found may change while the connection lasts */

    if (ngx_xc_redis_info(redis, "memory", ngx_xc_redis_memory_handler)
        != NGX_OK
        || ngx_xc_redis_info(redis, "replication",
                             ngx_xc_redis_replication_handler)
           != NGX_OK
        || ngx_xc_redis_ask(redis, ngx_xc_redis_beat_handler) != NGX_OK)
    {
        ngx_xc_redis_down(redis, "no room for a beat");
    }
}


static void
ngx_xc_redis_memory_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    (void) ngx_xc_redis_checked(redis, "INFO memory",
                                ngx_xc_redis_take_memory(redis, reply), reply);
}


static void
ngx_xc_redis_replication_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    (void) ngx_xc_redis_checked(redis, "INFO replication",
                                ngx_xc_redis_check_history(redis, reply),
                                reply);
}


static void
ngx_xc_redis_beat_handler(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    redis->beating = 0;

    /* this connection has lasted */

    if (ngx_xc_redis_checked(redis, "EVALSHA",
                             ngx_xc_redis_take_greeting(redis, reply), reply)
        == NGX_OK)
    {
        redis->backoff = 0;
    }
}


/* NGX_ERROR: the connection is closed by now */

static ngx_int_t
ngx_xc_redis_checked(ngx_xc_redis_t *redis, const char *command,
    const char *error, const ngx_xc_redis_reply_t *reply)
{
    if (reply->type == NGX_XC_REDIS_ERROR) {
        ngx_xc_redis_refused(redis, command, reply, 1);
        return NGX_ERROR;
    }

    if (error) {
        ngx_xc_redis_down(redis, "%s", error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_xc_redis_send_auth(ngx_xc_redis_t *redis)
{
    ngx_str_t  password = redis->conf->password;

    if (password.len == 0) {
        return NGX_DECLINED;
    }

    return ngx_xc_redis_words(redis, 2, (xc_str_t[]) {
        XC_STR("AUTH"), { (char *) password.data, password.len } },
        ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_select(ngx_xc_redis_t *redis)
{
    u_char  db[NGX_INT_T_LEN], *p;

    if (redis->conf->db == 0) {
        return NGX_DECLINED;
    }

    p = ngx_sprintf(db, "%ui", redis->conf->db);

    return ngx_xc_redis_words(redis, 2, (xc_str_t[]) {
        XC_STR("SELECT"), { (char *) db, p - db } }, ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_server(ngx_xc_redis_t *redis)
{
    return ngx_xc_redis_info(redis, "server", ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_memory(ngx_xc_redis_t *redis)
{
    return ngx_xc_redis_info(redis, "memory", ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_replication(ngx_xc_redis_t *redis)
{
    return ngx_xc_redis_info(redis, "replication", ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_script(ngx_xc_redis_t *redis)
{
    return ngx_xc_redis_words(redis, 3, (xc_str_t[]) {
        XC_STR("SCRIPT"), XC_STR("LOAD"), xc_str_z(xc_fleet_script) },
        ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_send_greeting(ngx_xc_redis_t *redis)
{
    return ngx_xc_redis_ask(redis, ngx_xc_redis_step_handler);
}


static ngx_int_t
ngx_xc_redis_info(ngx_xc_redis_t *redis, const char *section,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply))
{
    return ngx_xc_redis_words(redis, 2, (xc_str_t[]) {
        XC_STR("INFO"), xc_str_z(section) }, own);
}


static ngx_int_t
ngx_xc_redis_words(ngx_xc_redis_t *redis, ngx_uint_t n, const xc_str_t *words,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply))
{
    ngx_uint_t              i;
    xc_fleet_call_t         call;
    ngx_xc_redis_pending_t  pending;

    call.argc = n;

    for (i = 0; i < n; i++) {
        call.argv[i] = words[i].data;
        call.len[i] = words[i].len;
    }

    ngx_memzero(&pending, sizeof(ngx_xc_redis_pending_t));
    pending.own = own;

    return ngx_xc_redis_command(redis, &call, &pending);
}


/* A call of the script that asks nothing */

static ngx_int_t
ngx_xc_redis_ask(ngx_xc_redis_t *redis,
    void (*own)(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply))
{
    ngx_int_t               rc;
    xc_arena_t              arena;
    ngx_pool_t             *pool;
    xc_fleet_call_t         call;
    ngx_xc_redis_pending_t  pending;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, redis->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    arena = ngx_xc_pool_arena(pool, 0);

    ngx_memzero(&pending, sizeof(ngx_xc_redis_pending_t));
    pending.own = own;

    rc = xc_fleet_call(&arena, &redis->store, NULL, &call) == XC_OK
         ? ngx_xc_redis_command(redis, &call, &pending) : NGX_ERROR;

    ngx_destroy_pool(pool);

    return rc;
}


static const char *
ngx_xc_redis_take_ok(ngx_xc_redis_t *redis, const ngx_xc_redis_reply_t *reply)
{
    (void) redis;

    return reply->type == NGX_XC_REDIS_TEXT && reply->len == 2
           && memcmp(reply->text, "OK", 2) == 0
           ? NULL : "AUTH or SELECT is not answered with OK: is it Redis?";
}


static const char *
ngx_xc_redis_take_server(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  run;

    run = ngx_xc_redis_line(reply, XC_STR("run_id:"));

    if (run.len == 0 || run.len > NGX_XC_REDIS_ID_MAX || !xc_ascii_is_id(run)) {
        return "it has no run_id, by which a store that has forgotten is told: "
               "is it Redis?";
    }

    memcpy(redis->run, run.data, run.len);
    redis->run[run.len] = '.';
    redis->run_len = run.len + 1;

    return NULL;
}


/* A nonce that is evicted can be used once more */

static const char *
ngx_xc_redis_take_memory(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  max, policy;

    (void) redis;

    max = ngx_xc_redis_line(reply, XC_STR("maxmemory:"));
    policy = ngx_xc_redis_line(reply, XC_STR("maxmemory_policy:"));

    if (max.len == 0 || policy.len == 0) {
        return "it does not tell its maxmemory and maxmemory_policy: is it "
               "Redis?";
    }

    if (xc_str_eq(max, XC_STR("0")) || xc_str_eq(policy, XC_STR("noeviction")))
    {
        return NULL;
    }

    return "it may evict keys, and forget what has been used: give it "
           "\"maxmemory-policy noeviction\"";
}


/*
 * A primary that was a replica meanwhile has taken another's data, in which
 * what it had burned last may be missing: that is another run of the store,
 * and known by its replication id, which changes with each primary.
 */

static const char *
ngx_xc_redis_take_replication(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  role, history;

    role = ngx_xc_redis_line(reply, XC_STR("role:"));
    history = ngx_xc_redis_history(reply);

    if (!xc_str_eq(role, XC_STR("master"))) {
        return "it is a replica: name the primary";
    }

    if (history.len == 0) {
        return "it has no master_replid, by which a store that has forgotten "
               "is told: is it Redis?";
    }

    memcpy(redis->run + redis->run_len, history.data, history.len);
    redis->store.run = (xc_str_t) { redis->run, redis->run_len + history.len };

    return NULL;
}


static const char *
ngx_xc_redis_check_history(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  known, history = ngx_xc_redis_history(reply);

    known = redis->store.run;
    known.data += redis->run_len;
    known.len -= redis->run_len;

    return xc_str_eq(history, known)
           ? NULL : "another primary has been, or is, in its place";
}


/* Empty: none, or none that fits */

static xc_str_t
ngx_xc_redis_history(const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  history;

    history = ngx_xc_redis_line(reply, XC_STR("master_replid:"));

    return history.len <= NGX_XC_REDIS_ID_MAX && xc_ascii_is_id(history)
           ? history : XC_STR_NONE;
}


static const char *
ngx_xc_redis_take_script(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_str_t  hash;

    hash = (xc_str_t) { (const char *) reply->text, reply->len };

    if (reply->type != NGX_XC_REDIS_TEXT || hash.len > sizeof(redis->script)
        || !xc_ascii_is_id(hash))
    {
        return "it does not name the script that it was given: is it Redis?";
    }

    memcpy(redis->script, hash.data, hash.len);
    redis->store.script = (xc_str_t) { redis->script, hash.len };

    return NULL;
}


static const char *
ngx_xc_redis_take_greeting(ngx_xc_redis_t *redis,
    const ngx_xc_redis_reply_t *reply)
{
    xc_fleet_answer_t  answer;

    (void) redis;

    return reply->type == NGX_XC_REDIS_INTEGERS
           && xc_fleet_answer(reply->values, reply->n, 0, &answer) == XC_OK
           ? NULL : "its answer is not the script's: is it Redis?";
}


/* What INFO says of name, which ends with its colon; empty: nothing */

static xc_str_t
ngx_xc_redis_line(const ngx_xc_redis_reply_t *reply, xc_str_t name)
{
    const char  *p, *end, *last;

    if (reply->type != NGX_XC_REDIS_TEXT) {
        return XC_STR_NONE;
    }

    last = (const char *) reply->text + reply->len;

    for (p = (const char *) reply->text; p < last; p = end + 1) {
        end = memchr(p, '\n', last - p);

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) > name.len
            && memcmp(p, name.data, name.len) == 0)
        {
            p += name.len;

            if (end > p && end[-1] == '\r') {
                end--;
            }

            return (xc_str_t) { p, end - p };
        }
    }

    return XC_STR_NONE;
}
