
/*
 * What Redis's errors ask of an operator, and which of them end the connection.
 */


#include "ngx_xc_redis_impl.h"


#define NGX_XC_REDIS_WORDS  200                /* of an error, in the log */


typedef struct {
    const char    *word;                       /* an error begins with it */
    ngx_uint_t     over;                       /* the connection is of no more
                                                  use */
    const char    *hint;
} ngx_xc_redis_hint_t;


static const ngx_xc_redis_hint_t *ngx_xc_redis_hint(xc_str_t error);
static xc_str_t ngx_xc_redis_printable(xc_str_t error, u_char *buf);


static const ngx_xc_redis_hint_t  ngx_xc_redis_hints[] = {
    { "NOAUTH", 1, "it wants a password: add password_file= to xc_fleet" },
    { "WRONGPASS", 1, "the password of password_file= is not its own" },
    { "NOPERM", 1, "allow its user the commands and keys that "
                   "docs/operations.md lists" },
    { "NOSCRIPT", 1, "it has lost the script, which is loaded again" },
    { "READONLY", 1, "it is a replica: name the primary" },
    { "MASTERDOWN", 1, "it is a replica: name the primary" },
    { "MOVED", 1, "it is one of a cluster: name a store of its own" },
    { "ASK", 1, "it is one of a cluster: name a store of its own" },
    { "CLUSTERDOWN", 1, "it is one of a cluster: name a store of its own" },
    { "DENIED", 1, "it takes no connections but local ones: give it a password "
                   "and password_file= to xc_fleet" },
    { "LOADING", 0, "it still reads its data: wait" },
    { "OOM", 0, "its memory is full: raise its maxmemory" },
    { "MISCONF", 0, "it can't save its data: see its own log" },
    { "BUSY", 0, "a script of somebody else's holds it: see its SLOWLOG" },
    { "NOREPLICAS", 0, "it misses its replicas: see min-replicas-to-write" },
    { "WRONGTYPE", 0, "somebody else writes keys of this prefix: give each "
                      "fleet its own prefix=" },
    { NULL, 0, "see its own log" }
};


void
ngx_xc_redis_refused(ngx_xc_redis_t *redis, const char *command,
    const ngx_xc_redis_reply_t *reply, ngx_uint_t over)
{
    u_char                      buf[NGX_XC_REDIS_WORDS];
    xc_str_t                    error;
    const char                 *space;
    const ngx_xc_redis_hint_t  *hint;

    if (reply->type != NGX_XC_REDIS_ERROR) {
        ngx_xc_redis_down(redis, "its answer is not one to what was asked: is "
                          "it Redis?");
        return;
    }

    error = (xc_str_t) { (const char *) reply->text, reply->len };
    hint = ngx_xc_redis_hint(error);

    /* an AUTH that is not known comes back with its argument */

    if (ngx_strcmp(command, "AUTH") == 0) {
        if (hint->word == NULL) {
            ngx_xc_redis_down(redis, "AUTH: it refuses the password, or has "
                              "none: see password_file= of xc_fleet");
            return;
        }

        space = memchr(error.data, ' ', error.len);
        error.len = space ? (size_t) (space - error.data) : error.len;
    }

    error = ngx_xc_redis_printable(error, buf);

    if (over || hint->over) {
        ngx_xc_redis_down(redis, "%s: %*s: %s", command, error.len, error.data,
                          hint->hint);
        return;
    }

    if (ngx_current_msec - redis->complained < 1000) {
        return;
    }

    redis->complained = ngx_current_msec;

    ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                  "xc_fleet: the store %V: %s: %*s: %s",
                  &redis->conf->addr.name, command, error.len, error.data,
                  hint->hint);
}


static const ngx_xc_redis_hint_t *
ngx_xc_redis_hint(xc_str_t error)
{
    size_t                      len;
    const ngx_xc_redis_hint_t  *hint;

    for (hint = ngx_xc_redis_hints; hint->word; hint++) {
        len = strlen(hint->word);

        if (error.len >= len && memcmp(error.data, hint->word, len) == 0
            && (error.len == len || error.data[len] == ' '))
        {
            break;
        }
    }

    return hint;
}


static xc_str_t
ngx_xc_redis_printable(xc_str_t error, u_char *buf)
{
    size_t  i, len;

    len = ngx_min(error.len, NGX_XC_REDIS_WORDS);

    for (i = 0; i < len; i++) {
        buf[i] = error.data[i] >= ' ' && error.data[i] <= '~' ? error.data[i]
                                                              : '?';
    }

    return (xc_str_t) { (char *) buf, len };
}
