
/*
 * xc_status: counters and health, as JSON.
 */


#include "ngx_xc_module.h"


#define NGX_XC_STATUS_MAX     65536

#define NGX_XC_STATUS_SOON    (30 * 24 * 3600)

/* As many credentials that end soon are named; of the rest the number */
#define NGX_XC_STATUS_ENDING  32


static ngx_int_t ngx_xc_status_handler(ngx_http_request_t *r);
static void ngx_xc_status_audit(xc_buf_t *out);
static void ngx_xc_status_map(xc_buf_t *out, xc_map_t *map);
static void ngx_xc_status_credentials(xc_buf_t *out,
    ngx_xc_main_conf_t *xmcf);
static void ngx_xc_status_ending(xc_buf_t *out, ngx_xc_main_conf_t *xmcf,
    int64_t now_s);
static void ngx_xc_status_number(xc_buf_t *out, const char *name,
    uint64_t value);


static ngx_int_t
ngx_xc_status_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    xc_buf_t             out;
    ngx_str_t            text, no_store = ngx_string("no-store"),
                         type = ngx_string("application/json");
    ngx_xc_main_conf_t  *xmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    text.data = ngx_palloc(r->pool, NGX_XC_STATUS_MAX);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_xc_module);

    xc_buf_init(&out, text.data, NGX_XC_STATUS_MAX);
    xc_buf_z(&out, "{\"version\":\"" XC_VERSION "\",\"node\":");
    xc_buf_json(&out, ngx_xc_str(&xmcf->node));
    xc_buf_z(&out, ",\"worker\":");
    xc_buf_u64(&out, ngx_worker);

    ngx_xc_status_audit(&out);

    if (xmcf->map_open) {
        ngx_xc_status_map(&out, &xmcf->map);
    }

    ngx_xc_status_credentials(&out, xmcf);

    xc_buf_z(&out, "}\n");

    if (out.overflow
        || ngx_xc_reply_header(r, "Cache-Control", &no_store) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.len = out.len;

    return ngx_xc_reply_text(r, &type, &text);
}


static void
ngx_xc_status_audit(xc_buf_t *out)
{
    xc_journal_head_t     head;
    ngx_xc_audit_state_t  state;

    ngx_xc_audit_state(&state);

    xc_buf_z(out, ",\"audit\":{\"writable\":");
    xc_buf_z(out, state.failing ? "false" : "true");
    ngx_xc_status_number(out, "waiting", state.waiting);
    ngx_xc_status_number(out, "queued", state.queued);

    if (ngx_xc_audit_head(&head) == NGX_OK) {
        ngx_xc_status_number(out, "records", head.seq);
        ngx_xc_status_number(out, "bytes", head.size);
        xc_buf_z(out, ",\"leaf\":\"");
        xc_buf_hex(out, head.leaf, XC_SHA256_SIZE);
        xc_buf_char(out, '"');
    }

    xc_buf_char(out, '}');
}


static void
ngx_xc_status_map(xc_buf_t *out, xc_map_t *map)
{
    uint64_t         n;
    ngx_uint_t       reason;
    xc_gate_clock_t  clock;

    ngx_xc_state_clock(&clock);

    xc_buf_z(out, ",\"nonces\":{\"used\":");
    xc_buf_u64(out, xc_map_nonces_used(map, clock.now_s));
    ngx_xc_status_number(out, "slots", map->n_buckets * XC_MAP_BUCKET);
    ngx_xc_status_number(out, "replay", map->replay);
    xc_buf_z(out, "},\"counters\":{\"admitted\":");
    xc_buf_u64(out, map->counters[XC_COUNT_ADMITTED]);
    ngx_xc_status_number(out, "observed", map->counters[XC_COUNT_OBSERVED]);
    ngx_xc_status_number(out, "outcomes", map->counters[XC_COUNT_OUTCOMES]);
    ngx_xc_status_number(out, "batches", map->counters[XC_COUNT_BATCHES]);
    ngx_xc_status_number(out, "lines", map->counters[XC_COUNT_LINES]);
    ngx_xc_status_number(out, "audit_failures",
                         map->counters[XC_COUNT_AUDIT_FAILURES]);
    ngx_xc_status_number(out, "summarised",
                         map->counters[XC_COUNT_SUMMARISED]);
    xc_buf_z(out, "},\"refused\":{");

    for (reason = 1, n = 0; reason < XC_REASON_COUNT; reason++) {
        if (map->counters[XC_COUNT_REASON + reason] == 0) {
            continue;
        }

        if (n++ != 0) {
            xc_buf_char(out, ',');
        }

        xc_buf_json(out, xc_reason_info(reason)->code);
        xc_buf_char(out, ':');
        xc_buf_u64(out, map->counters[XC_COUNT_REASON + reason]);
    }

    xc_buf_char(out, '}');
}


static void
ngx_xc_status_credentials(xc_buf_t *out, ngx_xc_main_conf_t *xmcf)
{
    int64_t             now_s;
    uint64_t            n, expired, soon;
    ngx_uint_t          i;
    ngx_xc_policy_t   **policies;

    n = expired = soon = 0;
    now_s = ngx_xc_state_now_us(NULL) / 1000000;
    policies = xmcf->policies.elts;

    for (i = 0; i < xmcf->policies.nelts; i++) {
        n += policies[i]->policy->n_credentials;
        expired += xc_policy_ended(policies[i]->policy, now_s);
        soon += xc_policy_ended(policies[i]->policy,
                                now_s + NGX_XC_STATUS_SOON);
    }

    xc_buf_z(out, ",\"credentials\":{\"registered\":");
    xc_buf_u64(out, n);
    ngx_xc_status_number(out, "expired", expired);
    ngx_xc_status_number(out, "within_30_days", soon - expired);
    xc_buf_z(out, ",\"expiring\":[");
    ngx_xc_status_ending(out, xmcf, now_s);
    xc_buf_z(out, "]}");
}


/* Who is to be asked for a new key, the most urgent of each policy first */

static void
ngx_xc_status_ending(xc_buf_t *out, ngx_xc_main_conf_t *xmcf, int64_t now_s)
{
    size_t                  k;
    ngx_uint_t              i, n;
    ngx_xc_policy_t       **policies;
    const xc_policy_t      *policy;
    const xc_credential_t  *credential;

    n = 0;
    policies = xmcf->policies.elts;

    for (i = 0; i < xmcf->policies.nelts; i++) {
        policy = policies[i]->policy;

        for (k = xc_policy_ended(policy, now_s); k < policy->n_ending; k++) {
            credential = policy->ending[k];

            if (credential->not_after_s > now_s + NGX_XC_STATUS_SOON
                || n == NGX_XC_STATUS_ENDING)
            {
                break;
            }

            xc_buf_z(out, n++ == 0 ? "{\"agency\":" : ",{\"agency\":");
            xc_buf_json(out, credential->agency->id);
            xc_buf_z(out, ",\"scheme\":");
            xc_buf_json(out, xc_scheme_name(credential->scheme));
            xc_buf_z(out, ",\"keyid\":");
            xc_buf_json(out, credential->keyid);
            ngx_xc_status_number(out, "days",
                                 (credential->not_after_s - now_s) / 86400);
            xc_buf_char(out, '}');
        }
    }
}


static void
ngx_xc_status_number(xc_buf_t *out, const char *name, uint64_t value)
{
    xc_buf_char(out, ',');
    xc_buf_json(out, xc_str_z(name));
    xc_buf_char(out, ':');
    xc_buf_u64(out, value);
}


char *
ngx_xc_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    (void) cmd;

    if (xlcf->handler) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2
        && !xc_str_eq(ngx_xc_str(&value[1]), XC_STR("json")))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"xc_status %V\" is not supported by this "
                           "version: write json", &value[1]);
        return NGX_CONF_ERROR;
    }

    xlcf->handler = ngx_xc_status_handler;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_xc_status_handler;

    return NGX_CONF_OK;
}
