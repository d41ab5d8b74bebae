
/*
 * xc_audit: its parameters, and the keys that they name.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"
#include "xc_files.h"
#include "xc_tlog.h"


/* HMAC-SHA256 wants a key of its own size; shorter ones can be guessed */
#define NGX_XC_SUBJECT_KEY_MIN  32


/* Returns NGX_CONF_OK, or what is wrong, to follow the parameter */

typedef struct {
    ngx_str_t    name;                         /* with its "=" */
    char      *(*set)(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
                      ngx_str_t *value);
} ngx_xc_parameter_t;


static char *ngx_xc_conf_parameter(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value, ngx_uint_t *given);
static char *ngx_xc_conf_node(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_sync(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_pool(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_timeout(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_checkpoint(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_heartbeat(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_time(ngx_str_t *value, ngx_msec_t *ms);
static char *ngx_xc_conf_backlog(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_key(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_origin(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_subject_key(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value);
static char *ngx_xc_conf_signer(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf);


static ngx_xc_parameter_t  ngx_xc_audit_parameters[] = {
    { ngx_string("node="), ngx_xc_conf_node },
    { ngx_string("sync="), ngx_xc_conf_sync },
    { ngx_string("pool="), ngx_xc_conf_pool },
    { ngx_string("timeout="), ngx_xc_conf_timeout },
    { ngx_string("backlog="), ngx_xc_conf_backlog },
    { ngx_string("key="), ngx_xc_conf_key },
    { ngx_string("origin="), ngx_xc_conf_origin },
    { ngx_string("subject_key="), ngx_xc_conf_subject_key },
    { ngx_string("checkpoint="), ngx_xc_conf_checkpoint },
    { ngx_string("heartbeat="), ngx_xc_conf_heartbeat },
    { ngx_null_string, NULL }
};


char *
ngx_xc_audit_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_main_conf_t *xmcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, given;

    (void) cmd;

    if (xmcf->audit) {
        return "is duplicate";
    }

    xmcf->audit = 1;
    value = cf->args->elts;
    given = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_xc_conf_parameter(cf, xmcf, &value[i], &given)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (xmcf->pool == NULL) {
        xmcf->pool = ngx_thread_pool_add(cf, NULL);

        if (xmcf->pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_xc_conf_signer(cf, xmcf);
}


/* given: a bit for each parameter of the table that has stood before */

static char *
ngx_xc_conf_parameter(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value, ngx_uint_t *given)
{
    char                *rv;
    ngx_str_t            rest;
    ngx_uint_t           bit;
    ngx_xc_parameter_t  *p;

    for (p = ngx_xc_audit_parameters; p->name.len; p++) {
        if (ngx_strncmp(value->data, p->name.data, p->name.len) == 0) {
            break;
        }
    }

    if (p->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": known are key=, origin=, "
                           "node=, subject_key=, sync=, checkpoint=, "
                           "heartbeat=, pool=, timeout= and backlog=", value);
        return NGX_CONF_ERROR;
    }

    rest.data = value->data + p->name.len;
    rest.len = value->len - p->name.len;

    bit = (ngx_uint_t) 1 << (p - ngx_xc_audit_parameters);

    rv = *given & bit ? "is given twice" : p->set(cf, xmcf, &rest);
    *given |= bit;

    if (rv != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": %s", value, rv);
    }

    return rv;
}


static char *
ngx_xc_conf_node(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf, ngx_str_t *value)
{
    (void) cf;

    if (!xc_ascii_is_id(ngx_xc_str(value))) {
        return "a node is 1 to 64 of 0-9 A-Z a-z . _ -";
    }

    xmcf->node = *value;

    return NGX_CONF_OK;
}


static char *
ngx_xc_conf_sync(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf, ngx_str_t *value)
{
    if (xc_str_eq(ngx_xc_str(value), XC_STR("group"))) {
        xmcf->sync = 1;
        return NGX_CONF_OK;
    }

    if (xc_str_eq(ngx_xc_str(value), XC_STR("off"))) {
        xmcf->sync = 0;
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "sync=off: after a power cut the log may lack "
                           "records of what was disclosed");
        return NGX_CONF_OK;
    }

    return "write sync=group or sync=off";
}


static char *
ngx_xc_conf_pool(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf, ngx_str_t *value)
{
    /* nginx itself refuses a pool that thread_pool does not make */

    xmcf->pool = ngx_thread_pool_add(cf, value);

    return xmcf->pool == NULL ? "no memory" : NGX_CONF_OK;
}


static char *
ngx_xc_conf_timeout(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    (void) cf;

    return ngx_xc_conf_time(value, &xmcf->timeout);
}


static char *
ngx_xc_conf_checkpoint(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    (void) cf;

    return ngx_xc_conf_time(value, &xmcf->checkpoint);
}


static char *
ngx_xc_conf_heartbeat(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    (void) cf;

    return ngx_xc_conf_time(value, &xmcf->heartbeat);
}


static char *
ngx_xc_conf_time(ngx_str_t *value, ngx_msec_t *ms)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n < 1) {
        return "write a time such as 5s or 500ms";
    }

    *ms = n;

    return NGX_CONF_OK;
}


static char *
ngx_xc_conf_backlog(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    uint64_t  n;

    (void) cf;

    if (!xc_ascii_u64(ngx_xc_str(value), 1000000, &n) || n < 1) {
        return "write a number from 1 to 1000000";
    }

    xmcf->backlog = n;

    return NGX_CONF_OK;
}


static char *
ngx_xc_conf_key(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf, ngx_str_t *value)
{
    char        *rv;
    xc_rc_t      rc;
    xc_str_t     pem;
    xc_arena_t   arena;
    const char  *error;

    arena = ngx_xc_pool_arena(cf->pool, 0);

    rv = ngx_xc_conf_secret(cf, value, &arena, &pem);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    error = "no memory";

    rc = xc_key_private(&arena, XC_ALG_ED25519, pem, &error, &xmcf->key);
    ngx_xc_conf_forget(&pem);

    return rc == XC_OK ? NGX_CONF_OK : (char *) error;
}


static char *
ngx_xc_conf_origin(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    (void) cf;

    if (!xc_tlog_origin_ok(ngx_xc_str(value))) {
        return "an origin is a URL without its scheme, such as "
               "platform.example/xc-log, without spaces and \"+\"";
    }

    xmcf->origin = *value;

    return NGX_CONF_OK;
}


static char *
ngx_xc_conf_subject_key(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_str_t *value)
{
    char        *rv;
    xc_rc_t      rc;
    xc_str_t     key;
    xc_arena_t   arena;

    arena = ngx_xc_pool_arena(cf->pool, 0);

    rv = ngx_xc_conf_secret(cf, value, &arena, &key);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rc = key.len < NGX_XC_SUBJECT_KEY_MIN
         ? XC_EINPUT : xc_mac_new(&arena, key, &xmcf->subject_key);

    ngx_xc_conf_forget(&key);

    if (rc == XC_EINPUT) {
        return "the file holds fewer than 32 bytes";
    }

    return rc == XC_OK ? NGX_CONF_OK : "no memory";
}


char *
ngx_xc_conf_secret(ngx_conf_t *cf, ngx_str_t *value, xc_arena_t *arena,
    xc_str_t *content)
{
    xc_rc_t      rc;
    ngx_str_t    file;
    const char  *error;

    file = *value;

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return "no memory";
    }

    rc = xc_file_read(arena, XC_STR(""), ngx_xc_str(&file), 1, content,
                      &error);

    if (rc == XC_OK) {
        return NGX_CONF_OK;
    }

    return rc == XC_EIO ? (char *) error : "no memory";
}


/* The pool gives back no page before the next reload */

void
ngx_xc_conf_forget(xc_str_t *content)
{
    ngx_explicit_memzero((char *) content->data, content->len);
}


/* A key without the log's name, or the other way round, signs nothing */

static char *
ngx_xc_conf_signer(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf)
{
    xc_buf_t        vkey;
    xc_note_key_t   signer;

    if ((xmcf->key == NULL) != (xmcf->origin.data == NULL)) {
        return xmcf->key ? "has a key= and no origin=: add origin=, the log's "
                           "name in its checkpoints"
                         : "has an origin= and no key=: add key=, which signs "
                           "the checkpoints";
    }

    if (xmcf->key == NULL) {
        return NGX_CONF_OK;
    }

    xmcf->vkey.data = ngx_pnalloc(cf->pool, XC_NOTE_VKEY_MAX);
    if (xmcf->vkey.data == NULL) {
        return NGX_CONF_ERROR;
    }

    if (xc_note_key_make(ngx_xc_str(&xmcf->origin), xmcf->key, &signer)
        != XC_OK)
    {
        return "can't sign with this key and origin";
    }

    xc_buf_init(&vkey, xmcf->vkey.data, XC_NOTE_VKEY_MAX);
    xc_note_key_write(&vkey, &signer);
    xmcf->vkey.len = vkey.len;

    return NGX_CONF_OK;
}
