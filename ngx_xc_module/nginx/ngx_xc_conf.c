
/*
 * Directives: parsing, inheritance, and what nginx -t refuses.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"
#include "xc_files.h"


static char *ngx_xc_conf_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_xc_conf_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_xc_policy_t *ngx_xc_conf_policy_load(ngx_conf_t *cf,
    ngx_str_t *file);
static ngx_int_t ngx_xc_conf_policy_twin(ngx_conf_t *cf,
    ngx_xc_main_conf_t *xmcf, ngx_xc_policy_t *policy);
static char *ngx_xc_conf_gate(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf);
static char *ngx_xc_conf_list(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_xc_loc_conf_t *conf);
static const char *ngx_xc_conf_moved(ngx_conf_t *cf, ngx_xc_main_conf_t *mcf);
static char *ngx_xc_conf_parent(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf,
    ngx_str_t *path);
static char *ngx_xc_conf_incomplete(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf,
    const char *what);


ngx_command_t  ngx_xc_commands[] = {

    { ngx_string("xc_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_xc_conf_state,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_audit"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_ANY,
      ngx_xc_audit_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_policy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_xc_conf_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_xc_mode_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_credentials"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_xc_credentials_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_body_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_xc_loc_conf_t, body_size),
      NULL },

    { ngx_string("xc_intake"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_xc_intake,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_xc_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_checkpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_xc_checkpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_fleet"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_xc_fleet_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("xc_token_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_xc_token_key_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static char *
ngx_xc_conf_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_main_conf_t *xmcf = conf;

    uint64_t    n;
    ngx_str_t  *value;

    (void) cmd;

    if (xmcf->state.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    xmcf->state = value[1];

    if (ngx_conf_full_name(cf->cycle, &xmcf->state, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (xmcf->state.len > 1 && xmcf->state.data[xmcf->state.len - 1] == '/')
    {
        xmcf->state.data[--xmcf->state.len] = '\0';
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "replay=", 7) != 0
        || !xc_ascii_u64((xc_str_t) { (char *) value[2].data + 7,
                                      value[2].len - 7 },
                         XC_MAP_REPLAY_MAX, &n)
        || n < XC_MAP_REPLAY_MIN)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": write replay=N, N from "
                           "%d to %d", &value[2], XC_MAP_REPLAY_MIN,
                           XC_MAP_REPLAY_MAX);
        return NGX_CONF_ERROR;
    }

    xmcf->replay = n;

    return NGX_CONF_OK;
}


static char *
ngx_xc_conf_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    ngx_str_t             file, *value;
    ngx_uint_t            i;
    ngx_xc_policy_t     **known;
    ngx_xc_main_conf_t   *xmcf;

    (void) cmd;

    if (xlcf->policy != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    file = value[1];

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_xc_module);
    known = xmcf->policies.elts;

    for (i = 0; i < xmcf->policies.nelts; i++) {
        if (xc_str_eq(ngx_xc_str(&known[i]->file), ngx_xc_str(&file))) {
            xlcf->policy = known[i];
            return NGX_CONF_OK;
        }
    }

    xlcf->policy = ngx_xc_conf_policy_load(cf, &file);

    return xlcf->policy == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}


void
ngx_xc_conf_faults(ngx_conf_t *cf, ngx_str_t *file,
    const xc_policy_faults_t *faults)
{
    size_t                    i;
    const xc_policy_fault_t  *fault;

    for (i = 0; i < faults->n; i++) {
        fault = &faults->list[i];

        ngx_conf_log_error(fault->warning ? NGX_LOG_WARN : NGX_LOG_EMERG, cf,
                           0, "%V: %*s%s%*s", file, fault->path.len,
                           fault->path.data, fault->path.len ? ": " : "",
                           fault->message.len, fault->message.data);
    }
}


static ngx_xc_policy_t *
ngx_xc_conf_policy_load(ngx_conf_t *cf, ngx_str_t *file)
{
    xc_rc_t               rc;
    xc_str_t              dir, text;
    const char           *error;
    ngx_xc_policy_t      *policy, **slot;
    xc_policy_files_t     files;
    xc_policy_faults_t   *faults;
    ngx_xc_main_conf_t   *xmcf;

    policy = ngx_pcalloc(cf->pool, sizeof(ngx_xc_policy_t));
    faults = ngx_pcalloc(cf->temp_pool, sizeof(xc_policy_faults_t));

    if (policy == NULL || faults == NULL) {
        return NULL;
    }

    policy->file = *file;
    policy->arena = ngx_xc_pool_arena(cf->pool, 0);

    rc = xc_file_read(&policy->arena, XC_STR(""), ngx_xc_str(file), 0, &text,
                      &error);
    if (rc != XC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "xc_policy: %s",
                           rc == XC_EIO ? error : "no memory");
        return NULL;
    }

    dir = xc_file_dir(ngx_xc_str(file));
    files = xc_files_of(&dir);

    rc = xc_policy_load(&policy->arena, text, &files,
                        ngx_xc_state_now_us(NULL) / 1000000, faults,
                        &policy->policy);

    ngx_xc_conf_forget(&text);
    ngx_xc_conf_faults(cf, file, faults);

    if (rc != XC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: the policy does not load: faults: %uz", file,
                           faults->faults);
        return NULL;
    }

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_xc_module);

    if (ngx_xc_conf_policy_twin(cf, xmcf, policy) != NGX_OK) {
        return NULL;
    }

    slot = ngx_array_push(&xmcf->policies);
    if (slot == NULL) {
        return NULL;
    }

    *slot = policy;

    return policy;
}


/* Of two files with one id the one would keep up what the other withdraws */

static ngx_int_t
ngx_xc_conf_policy_twin(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_xc_policy_t *policy)
{
    ngx_uint_t         i;
    ngx_xc_policy_t  **known;

    known = xmcf->policies.elts;

    for (i = 0; i < xmcf->policies.nelts; i++) {

        if (xc_str_eq(known[i]->policy->id, policy->policy->id)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "xc_policy: \"%V\" and \"%V\" have one id, "
                               "\"policy\": \"%*s\": give each its own",
                               &known[i]->file, &policy->file,
                               policy->policy->id.len, policy->policy->id.data);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void *
ngx_xc_create_main_conf(ngx_conf_t *cf)
{
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_pcalloc(cf->pool, sizeof(ngx_xc_main_conf_t));
    if (xmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&xmcf->policies, cf->pool, 4, sizeof(ngx_xc_policy_t *))
        != NGX_OK
        || ngx_array_init(&xmcf->gates, cf->pool, 4,
                          sizeof(ngx_xc_gate_info_t))
           != NGX_OK)
    {
        return NULL;
    }

    xmcf->replay = 100000;
    xmcf->sync = 1;
    xmcf->timeout = 5000;
    xmcf->backlog = 4096;
    xmcf->checkpoint = 1000;
    xmcf->heartbeat = 600000;
    xmcf->intake_expires_s = INT64_MAX;

    return xmcf;
}


char *
ngx_xc_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_xc_main_conf_t *xmcf = conf;

    ngx_uint_t  i;
    ngx_str_t   names[] = { ngx_string("upstream_addr"),
                            ngx_string("upstream_status") };
    ngx_int_t  *indices[] = { &xmcf->upstream_addr_index,
                              &xmcf->upstream_status_index };

    if (xmcf->state.data == NULL) {
        ngx_str_set(&xmcf->state, "/var/lib/nginx-xc");
    }

    if (xmcf->node.data == NULL) {
        xmcf->node = cf->cycle->hostname;
    }

    for (i = 0; i < 2; i++) {
        *indices[i] = ngx_http_get_variable_index(cf, &names[i]);

        if (*indices[i] == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


void *
ngx_xc_create_loc_conf(ngx_conf_t *cf)
{
    ngx_xc_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_xc_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->mode = NGX_CONF_UNSET_UINT;
    conf->body_size = NGX_CONF_UNSET_SIZE;

    return conf;
}


char *
ngx_xc_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_xc_loc_conf_t *prev = parent;
    ngx_xc_loc_conf_t *conf = child;

    ngx_uint_t  own;

    own = (conf->mode != NGX_CONF_UNSET_UINT);

    if (conf->mode == NGX_CONF_UNSET_UINT) {
        conf->observe_until_s = prev->observe_until_s;
        conf->mode_file = prev->mode_file;
        conf->mode_line = prev->mode_line;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode, NGX_XC_OFF);
    ngx_conf_merge_size_value(conf->body_size, prev->body_size, 256 * 1024);

    if (conf->policy == NULL) {
        conf->policy = prev->policy;
    }

    if (conf->token_key == NULL) {
        conf->token_key = prev->token_key;
    }

    if (conf->accept.n == 0) {
        conf->accept = prev->accept;
        conf->accept_file = prev->accept_file;
        conf->accept_line = prev->accept_line;
    }

    if (conf->accept.n == 0) {
        conf->accept.alternatives[0] = 1u << XC_SCHEME_HTTPSIG;
        conf->accept.n = 1;
    }

    if (ngx_xc_content_merge(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* a gate of an outer level does not cover what is to be read freely, but
     * is inherited by what lies within */

    if (conf->mode == NGX_XC_OFF || (conf->handler && !own)) {
        return NGX_CONF_OK;
    }

    return ngx_xc_conf_gate(cf, conf);
}


/* A gate has all that it needs, or the configuration does not load */

static char *
ngx_xc_conf_gate(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf)
{
    const char          *what;
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_xc_module);

    if (conf->handler) {
        return ngx_xc_conf_incomplete(cf, conf, "a location with xc_intake or "
                                      "xc_status can't be gated: remove one");
    }

    if (conf->policy == NULL) {
        return ngx_xc_conf_incomplete(cf, conf, "a gate needs a policy: add "
                                      "\"xc_policy file;\"");
    }

    if (!xmcf->audit) {
        return ngx_xc_conf_incomplete(cf, conf, "a gate needs an audit log: "
                                      "add \"xc_audit;\" at the http level");
    }

    if (!xc_ascii_is_id(ngx_xc_str(&xmcf->node))) {
        return ngx_xc_conf_incomplete(cf, conf, "the host name is no node "
                                      "name: add node=name to xc_audit");
    }

    if (ngx_xc_conf_parent(cf, conf, &xmcf->state) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    what = ngx_xc_conf_moved(cf, xmcf);

    if (what != NULL) {
        return ngx_xc_conf_incomplete(cf, conf, what);
    }

    if (ngx_xc_credentials_check(cf, conf) != NGX_CONF_OK
        || ngx_xc_token_key_check(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_xc_conf_list(cf, xmcf, conf);
}


/* The core's side of a gate, and its line in the start record */

static char *
ngx_xc_conf_list(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf,
    ngx_xc_loc_conf_t *conf)
{
    ngx_xc_gate_info_t        *info;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_core_srv_conf_t  *cscf;

    conf->gate.policy = conf->policy->policy;
    conf->gate.accept = conf->accept;
    conf->gate.body_max = conf->body_size;
    conf->gate.token_key = conf->token_key;
    conf->gate.observe_until_s = conf->observe_until_s;

    info = ngx_array_push(&xmcf->gates);
    if (info == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    info->server = cscf->server_name;
    info->location = clcf->name;
    info->conf = conf;

    return NGX_CONF_OK;
}


/* Another store does not know the nonces that the running one has burned, and
 * with another name the log takes no line: new workers refused everything. */

static const char *
ngx_xc_conf_moved(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf)
{
    ngx_xc_main_conf_t  *old;

    old = ngx_xc_cycle_conf(cf->cycle->old_cycle);

    if (old == NULL || !old->map_open) {
        return NULL;
    }

    if (old->replay != xmcf->replay
        || !xc_str_eq(ngx_xc_str(&old->state), ngx_xc_str(&xmcf->state)))
    {
        return "a changed directory or replay= of xc_state needs a restart";
    }

    if (!xc_str_eq(ngx_xc_str(&old->node), ngx_xc_str(&xmcf->node))
        || (old->origin.len != 0 && xmcf->origin.len != 0
            && !xc_str_eq(ngx_xc_str(&old->origin),
                          ngx_xc_str(&xmcf->origin))))
    {
        return "another node= (or host name) or origin= of xc_audit needs "
               "another directory in xc_state, and a restart";
    }

    return NULL;
}


static char *
ngx_xc_conf_parent(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf, ngx_str_t *path)
{
    char              what[NGX_MAX_CONF_ERRSTR];
    u_char           *parent, *p;
    ngx_file_info_t   fi;

    parent = ngx_pnalloc(cf->temp_pool, path->len + 1);
    if (parent == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(parent, path->data, path->len);

    while (p > parent + 1 && p[-1] != '/') {
        p--;
    }

    *p = '\0';

    if (ngx_file_info(parent, &fi) != NGX_FILE_ERROR && ngx_is_dir(&fi)) {
        return NGX_CONF_OK;
    }

    p = ngx_snprintf((u_char *) what, sizeof(what) - 1,
                     "the state directory \"%V\" can't be made: there is no "
                     "directory \"%s\": make it, or name another by xc_state",
                     path, parent);
    *p = '\0';

    return ngx_xc_conf_incomplete(cf, conf, what);
}


static char *
ngx_xc_conf_incomplete(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf,
    const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"xc %s\": %s in %s:%ui",
                  conf->mode == NGX_XC_OBSERVE ? "observe" : "enforce", what,
                  conf->mode_file, conf->mode_line);

    return NGX_CONF_ERROR;
}
