
/*
 * The state opened by every cycle; the mapped file's places handed to the
 * policies; the node's own records.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"
#include "xc_files.h"
#include "xc_time.h"

#include <time.h>


#define NGX_XC_DESCRIBE_MAX  32768


static ngx_int_t ngx_xc_state_prepare(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf);
static ngx_int_t ngx_xc_state_boot_id(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf);
static ngx_int_t ngx_xc_state_copies(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf);
static ngx_int_t ngx_xc_state_copy(ngx_cycle_t *cycle,
    ngx_xc_policy_t *policy, int fd, uid_t uid, gid_t gid);
static ngx_uint_t ngx_xc_state_has_log(ngx_xc_main_conf_t *xmcf);
static ngx_int_t ngx_xc_state_map(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf);
static void ngx_xc_state_unmap(void *data);
static ngx_int_t ngx_xc_state_event(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, const char *event);
static xc_rc_t ngx_xc_state_append(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, ngx_pool_t *pool, xc_journal_entry_t *entry,
    xc_journal_report_t *report);
static void ngx_xc_state_mode(xc_buf_t *out, ngx_xc_loc_conf_t *xlcf);


/*
 * nginx exits where an init_module fails, at a reload the running master too:
 * there a fault is logged, and the new workers refuse everything.
 */

ngx_int_t
ngx_xc_state_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t           starting;
    ngx_core_conf_t     *ccf;
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_xc_module);

    if (xmcf == NULL || xmcf->gates.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_test_config) {
        return ngx_xc_state_test(cycle, xmcf);
    }

    starting = ngx_is_init_cycle(cycle->old_cycle);
    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (starting && !ccf->master) {

        /* then a reload starts no process, and nobody ends the old one's audit */

        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "xc: gates need \"master_process on\"");
        return NGX_ERROR;
    }

    if (ngx_xc_state_prepare(cycle, xmcf) == NGX_OK) {

        /* where only a reload's record fails, the workers try for themselves */

        if (ngx_xc_state_event(cycle, xmcf, starting ? "start" : "reload")
            != NGX_OK && starting)
        {
            return NGX_ERROR;
        }

        ngx_xc_places_publish(xmcf);

        return NGX_OK;
    }

    if (starting) {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                  "xc: the gates of this configuration refuse everything "
                  "until the fault above is mended and nginx reloaded");

    return NGX_OK;
}


static ngx_int_t
ngx_xc_state_prepare(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    if (ngx_xc_state_directory(cycle, xmcf) != NGX_OK
        || ngx_xc_state_boot_id(cycle, xmcf) != NGX_OK
        || ngx_xc_state_map(cycle, xmcf) != NGX_OK
        || ngx_xc_state_copies(cycle, xmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_xc_places_init(cycle, xmcf);
}


static ngx_int_t
ngx_xc_state_boot_id(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    int      fd;
    ssize_t  n;

    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    n = fd == -1 ? -1 : read(fd, xmcf->boot_id, XC_JOURNAL_BOOT_ID_SIZE);

    if (n != XC_JOURNAL_BOOT_ID_SIZE) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "xc_state: can't read the kernel's boot id, without "
                      "which nobody can tell old state from new");
    }

    if (fd != -1) {
        (void) close(fd);
    }

    xmcf->boot_id[XC_JOURNAL_BOOT_ID_SIZE] = '\0';

    return n == XC_JOURNAL_BOOT_ID_SIZE ? NGX_OK : NGX_ERROR;
}


/*
 * A copy of each policy in effect, under the hash by which records name it.
 * The state directory is the workers': what stands in it may be their doing.
 */

static ngx_int_t
ngx_xc_state_copies(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    int                fd;
    uid_t              uid;
    gid_t              gid;
    u_char             dir[NGX_MAX_PATH], *p;
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_xc_policy_t  **policies;

    ngx_xc_state_owner(cycle, &uid, &gid);

    p = ngx_snprintf(dir, NGX_MAX_PATH - 1, "%V/policies", &xmcf->state);
    *p = '\0';

    if (xc_folder_make((char *) dir, uid, gid) != XC_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "xc_state: can't make the directory \"%s\"", dir);
        return NGX_ERROR;
    }

    if (xc_folder_open((char *) dir, &fd) != XC_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "xc_state: \"%s\" is not a directory, or a link to one",
                      dir);
        return NGX_ERROR;
    }

    policies = xmcf->policies.elts;
    rc = NGX_OK;

    for (i = 0; i < xmcf->policies.nelts && rc == NGX_OK; i++) {
        rc = ngx_xc_state_copy(cycle, policies[i], fd, uid, gid);
    }

    (void) close(fd);

    return rc;
}


static ngx_int_t
ngx_xc_state_copy(ngx_cycle_t *cycle, ngx_xc_policy_t *policy, int fd,
    uid_t uid, gid_t gid)
{
    char  name[2 * XC_SHA256_SIZE + sizeof(".json")];

    xc_hex_encode(name, policy->policy->copy_sha256, XC_SHA256_SIZE);
    ngx_memcpy(name + 2 * XC_SHA256_SIZE, ".json", sizeof(".json"));

    if (xc_file_keep(fd, name, policy->policy->copy, uid, gid) == XC_OK) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                  "xc_state: can't keep a copy of \"%V\" in policies/ of the "
                  "state directory", &policy->file);

    return NGX_ERROR;
}


static ngx_uint_t
ngx_xc_state_has_log(ngx_xc_main_conf_t *xmcf)
{
    u_char           path[NGX_MAX_PATH], *p;
    ngx_uint_t       i;
    ngx_file_info_t  fi;

    static const char  *names[] = { "audit.head", "audit.log" };

    for (i = 0; i < 2; i++) {
        p = ngx_snprintf(path, NGX_MAX_PATH - 1, "%V/%s", &xmcf->state,
                         names[i]);
        *p = '\0';

        if (ngx_file_info(path, &fi) != NGX_FILE_ERROR) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_xc_state_map(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    u_char               path[NGX_MAX_PATH], *p;
    const char          *error;
    xc_map_conf_t        conf;
    xc_map_origin_t      origin;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    p = ngx_snprintf(path, NGX_MAX_PATH - 1, "%V/xc.map", &xmcf->state);
    *p = '\0';

    ngx_memzero(&conf, sizeof(xc_map_conf_t));

    conf.path = (char *) path;
    conf.replay = xmcf->replay;
    conf.boot_id = xmcf->boot_id;
    conf.now_s = ngx_xc_state_now_us(NULL) / 1000000;
    conf.log_exists = ngx_xc_state_has_log(xmcf);
    conf.create = 1;
    ngx_xc_state_owner(cycle, &conf.uid, &conf.gid);

    if (xc_map_open(&xmcf->map, &conf, &origin, &error) != XC_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "xc_state: \"%s\": %s", path, error);
        return NGX_ERROR;
    }

    xmcf->map_open = 1;

    cln->handler = ngx_xc_state_unmap;
    cln->data = xmcf;

    if (origin == XC_MAP_BORN) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "xc_state: \"%s\" was made anew beside an older log: "
                      "signatures of before now are refused (starting)", path);
    }

    return NGX_OK;
}


static void
ngx_xc_state_unmap(void *data)
{
    ngx_xc_main_conf_t  *xmcf = data;

    xmcf->map_open = 0;
    xc_map_close(&xmcf->map);
}


/* `start`, `reload`, `stop`: the master's records */

static ngx_int_t
ngx_xc_state_event(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    const char *event)
{
    xc_rc_t              rc;
    xc_buf_t             out;
    ngx_uint_t           level;
    ngx_pool_t          *pool;
    xc_journal_entry_t   entry;
    xc_journal_report_t  report;

    pool = ngx_create_pool(4096, cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = XC_ENOMEM;
    ngx_memzero(&report, sizeof(xc_journal_report_t));

    xc_buf_init(&out, ngx_palloc(pool, NGX_XC_DESCRIBE_MAX + 64),
                NGX_XC_DESCRIBE_MAX + 64);

    if (out.data != NULL) {
        xc_buf_z(&out, "\"event\":\"");
        xc_buf_z(&out, event);
        xc_buf_z(&out, "\",");
        xc_buf_str(&out, ngx_xc_str(&xmcf->describe));

        entry.members = xc_buf_view(&out);

        rc = ngx_xc_state_append(cycle, xmcf, pool, &entry, &report);
    }

    level = report.alert ? NGX_LOG_ALERT : NGX_LOG_ERR;

    if (rc != XC_OK) {
        level = NGX_LOG_EMERG;
    }

    if (report.text[0] != '\0') {
        ngx_log_error(level, cycle->log, 0, "xc: audit log: %s", report.text);

    } else if (rc != XC_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "xc: audit log: the record \"%s\" could not be written",
                      event);
    }

    ngx_destroy_pool(pool);

    return rc == XC_OK ? NGX_OK : NGX_ERROR;
}


static xc_rc_t
ngx_xc_state_append(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    ngx_pool_t *pool, xc_journal_entry_t *entry, xc_journal_report_t *report)
{
    void               *scratch;
    size_t              size;
    xc_rc_t             rc;
    xc_journal_t        journal;
    xc_journal_conf_t   conf;
    xc_journal_report_t  told;

    size = xc_journal_scratch(entry, 1);

    scratch = ngx_palloc(pool, size);
    if (scratch == NULL) {
        return XC_ENOMEM;
    }

    ngx_xc_state_journal_conf(cycle, xmcf, &conf);

    rc = xc_journal_open(&journal, &conf, report);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_journal_append(&journal, entry, 1, scratch, size, report);

    if (rc == XC_OK) {
        told = *report;

        rc = xc_journal_checkpoint(&journal, report);

        /* what a repair had to say is not lost in a good checkpoint */

        if (rc == XC_OK && report->text[0] == '\0') {
            *report = told;
        }
    }

    xc_journal_close(&journal);

    return rc;
}


void
ngx_xc_state_exit_master(ngx_cycle_t *cycle)
{
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_xc_module);

    if (xmcf && xmcf->map_open) {
        (void) ngx_xc_state_event(cycle, xmcf, "stop");
    }
}


void
ngx_xc_state_journal_conf(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    xc_journal_conf_t *conf)
{
    ngx_memzero(conf, sizeof(xc_journal_conf_t));

    conf->dir = (char *) xmcf->state.data;
    conf->node = ngx_xc_str(&xmcf->node);
    conf->sync = xmcf->sync;
    conf->origin = ngx_xc_str(&xmcf->origin);
    conf->key = xmcf->key;
    conf->boot_id = (xc_str_t) { xmcf->boot_id, XC_JOURNAL_BOOT_ID_SIZE };
    conf->describe = ngx_xc_str(&xmcf->describe);
    conf->now_us = ngx_xc_state_now_us;

    ngx_xc_state_owner(cycle, &conf->uid, &conf->gid);
}


static void
ngx_xc_state_mode(xc_buf_t *out, ngx_xc_loc_conf_t *xlcf)
{
    int64_t  until_s = xlcf->observe_until_s;

    if (until_s <= ngx_xc_state_now_us(NULL) / 1000000) {
        xc_buf_z(out, ",\"mode\":\"enforce\"");
        return;
    }

    xc_buf_z(out, ",\"mode\":\"observe\"");

    if (until_s != INT64_MAX) {
        xc_buf_z(out, ",\"until\":\"");
        xc_time_format_s(out, until_s);
        xc_buf_char(out, '"');
    }
}


/* What the node is, for records that begin a life or a file */

ngx_int_t
ngx_xc_state_describe(ngx_conf_t *cf, ngx_xc_main_conf_t *xmcf)
{
    xc_buf_t             out, before;
    ngx_uint_t           i;
    const xc_policy_t   *policy;
    ngx_xc_gate_info_t  *gates;

    xmcf->describe.data = ngx_palloc(cf->pool, NGX_XC_DESCRIBE_MAX);
    if (xmcf->describe.data == NULL) {
        return NGX_ERROR;
    }

    xc_buf_init(&out, xmcf->describe.data, NGX_XC_DESCRIBE_MAX - 64);

    xc_buf_z(&out, "\"version\":\"" XC_VERSION "\",\"sync\":");
    xc_buf_z(&out, xmcf->sync ? "\"group\"" : "\"off\"");

    if (xmcf->key) {
        xc_buf_z(&out, ",\"origin\":");
        xc_buf_json(&out, ngx_xc_str(&xmcf->origin));
        xc_buf_z(&out, ",\"vkey\":");
        xc_buf_json(&out, ngx_xc_str(&xmcf->vkey));
    }

    xc_buf_z(&out, ",\"heartbeat_ms\":");
    xc_buf_u64(&out, xmcf->heartbeat);

    before = out;
    gates = xmcf->gates.elts;

    for (i = 0; i < xmcf->gates.nelts; i++) {
        xc_buf_z(&out, i == 0 ? ",\"gates\":[{\"server\":" : ",{\"server\":");
        xc_buf_json(&out, ngx_xc_str(&gates[i].server));
        xc_buf_z(&out, ",\"location\":");
        xc_buf_json(&out, ngx_xc_str(&gates[i].location));
        ngx_xc_state_mode(&out, gates[i].conf);
        xc_buf_z(&out, ",\"policy\":{\"id\":");
        policy = gates[i].conf->policy->policy;
        xc_buf_json(&out, policy->id);
        xc_buf_z(&out, ",\"version\":");
        xc_buf_json(&out, policy->version);
        xc_buf_z(&out, "},\"policy_sha256\":\"");
        xc_buf_hex(&out, policy->copy_sha256, XC_SHA256_SIZE);
        xc_buf_z(&out, "\"}");
    }

    xc_buf_char(&out, ']');

    if (out.overflow) {

        /* hundreds of gates: their number has to do */

        out = before;
        out.cap = NGX_XC_DESCRIBE_MAX;
        xc_buf_z(&out, ",\"gates_count\":");
        xc_buf_u64(&out, xmcf->gates.nelts);
    }

    xmcf->describe.len = out.len;

    return NGX_OK;
}


void
ngx_xc_state_clock(xc_gate_clock_t *clock)
{
    clock->now_s = ngx_xc_state_now_us(NULL) / 1000000;
    clock->boot_us = ngx_xc_state_boot_us();
}


int64_t
ngx_xc_state_now_us(void *data)
{
    struct timespec  ts;

    (void) data;
    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


int64_t
ngx_xc_state_boot_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_BOOTTIME, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
