
/*
 * What the status tells, gathered from the node's map, its log, its policies
 * and this worker.
 */


#include "ngx_xc_status.h"

#include "xc_ascii.h"


static void ngx_xc_gather_audit(ngx_xc_gathered_t *g);
static void ngx_xc_gather_checkpoint(ngx_xc_gathered_t *g);
static void ngx_xc_gather_map(ngx_xc_gathered_t *g);
static void ngx_xc_gather_credentials(ngx_xc_gathered_t *g);
static void ngx_xc_gather_ending(ngx_xc_gathered_t *g,
    const xc_policy_t *policy);
static void ngx_xc_gather_channel(ngx_xc_gathered_t *g);
static ngx_int_t ngx_xc_gather_agencies(ngx_xc_gathered_t *g,
    ngx_pool_t *pool);
static ngx_uint_t ngx_xc_gather_has(const ngx_xc_gathered_t *g, ngx_uint_t n,
    xc_str_t id);
static void ngx_xc_gather_agency(void *data, size_t i,
    xc_status_agency_t *agency);


ngx_int_t
ngx_xc_gather(ngx_xc_main_conf_t *conf, ngx_pool_t *pool, ngx_uint_t agencies,
    ngx_xc_gathered_t *g)
{
    xc_status_t  *s = &g->status;

    ngx_memzero(g, sizeof(ngx_xc_gathered_t));

    g->conf = conf;
    ngx_xc_state_clock(&g->clock);

    s->node = ngx_xc_str(&conf->node);
    s->worker = ngx_worker;
    s->agencies = agencies;
    s->agency = ngx_xc_gather_agency;
    s->ctx = g;

    ngx_xc_gather_audit(g);
    ngx_xc_gather_checkpoint(g);
    ngx_xc_gather_map(g);
    ngx_xc_gather_credentials(g);
    ngx_xc_gather_channel(g);

    return agencies ? ngx_xc_gather_agencies(g, pool) : NGX_OK;
}


static void
ngx_xc_gather_audit(ngx_xc_gathered_t *g)
{
    xc_status_t           *s = &g->status;
    xc_journal_head_t      head;
    ngx_xc_audit_state_t   state;

    ngx_xc_audit_state(&state);

    s->signing = g->conf->key != NULL;
    s->writable = !state.failing;
    s->waiting = state.waiting;
    s->queued = state.queued;

    if (ngx_xc_audit_head(&head) == NGX_OK) {
        s->head = 1;
        s->records = head.seq;
        s->bytes = head.size;
        ngx_memcpy(s->leaf, head.leaf, XC_SHA256_SIZE);
    }
}


/* Its size is its second line; when it was signed only its file knows */

static void
ngx_xc_gather_checkpoint(ngx_xc_gathered_t *g)
{
    char              note[XC_JOURNAL_CHECKPOINT_MAX];
    u_char            path[NGX_MAX_PATH], *p;
    size_t            len;
    xc_str_t          line;
    const char       *end;
    xc_status_t      *s = &g->status;
    ngx_file_info_t   fi;

    p = ngx_snprintf(path, sizeof(path) - 1, "%V/audit.checkpoint",
                     &g->conf->state);
    *p = '\0';

    if (ngx_xc_audit_checkpoint(note, &len) != NGX_OK
        || ngx_file_info(path, &fi) == NGX_FILE_ERROR)
    {
        return;
    }

    line.data = memchr(note, '\n', len);
    if (line.data == NULL) {
        return;
    }

    line.data++;
    end = memchr(line.data, '\n', note + len - line.data);
    if (end == NULL) {
        return;
    }

    line.len = end - line.data;

    if (xc_ascii_u64(line, INT64_MAX, &s->checkpoint_size)) {
        s->checkpoint = 1;
        s->checkpoint_age_s = ngx_max(g->clock.now_s
                                      - ngx_file_mtime(&fi), 0);
    }
}


static void
ngx_xc_gather_map(ngx_xc_gathered_t *g)
{
    xc_map_t     *map = &g->conf->map;
    ngx_uint_t    i;
    xc_status_t  *s = &g->status;

    if (!g->conf->map_open) {
        return;
    }

    s->map = 1;
    s->nonces_used = xc_map_nonces_used(map, g->clock.now_s);
    s->nonces_slots = map->n_buckets * XC_MAP_BUCKET;
    s->nonces_promised = map->replay;

    for (i = 0; i < XC_MAP_COUNTERS; i++) {
        s->counters[i] = atomic_load_explicit(&map->counters[i],
                                              memory_order_relaxed);
    }
}


static void
ngx_xc_gather_credentials(ngx_xc_gathered_t *g)
{
    uint64_t            before, upto;
    xc_status_t        *s = &g->status;
    ngx_uint_t          i, day;
    const xc_policy_t  *policy;
    ngx_xc_policy_t   **policies = g->conf->policies.elts;

    s->ending = g->ending;

    for (i = 0; i < g->conf->policies.nelts; i++) {
        policy = policies[i]->policy;

        for (day = XC_STATUS_ENDED, before = 0;
             day <= XC_STATUS_DAYS_90;
             day++, before = upto)
        {
            upto = xc_policy_ended(policy, g->clock.now_s
                                           + xc_status_days_s[day]);
            s->credentials[day] += upto - before;
        }

        s->credentials[XC_STATUS_LATER] += policy->n_ending - before;
        s->credentials[XC_STATUS_ENDLESS] += policy->n_credentials
                                             - policy->n_ending;

        ngx_xc_gather_ending(g, policy);
    }
}


/* Who is to be asked for a new key, the most urgent of each policy first */

static void
ngx_xc_gather_ending(ngx_xc_gathered_t *g, const xc_policy_t *policy)
{
    size_t                  k;
    int64_t                 now_s = g->clock.now_s;
    xc_status_t            *s = &g->status;
    xc_status_ending_t     *ending;
    const xc_credential_t  *credential;

    for (k = xc_policy_ended(policy, now_s); k < policy->n_ending; k++) {
        credential = policy->ending[k];

        if (credential->not_after_s
            > now_s + xc_status_days_s[XC_STATUS_DAYS_30]
            || s->n_ending == NGX_XC_GATHER_ENDING)
        {
            break;
        }

        ending = &g->ending[s->n_ending++];
        ending->agency = credential->agency->id;
        ending->scheme = xc_scheme_name(credential->scheme);
        ending->keyid = credential->keyid;
        ending->days = (credential->not_after_s - now_s) / 86400;
    }
}


static void
ngx_xc_gather_channel(ngx_xc_gathered_t *g)
{
    int64_t                now_s = g->clock.now_s;
    xc_status_t           *s = &g->status;
    ngx_uint_t             i;
    ngx_xc_loc_conf_t     *gate;
    ngx_xc_main_conf_t    *conf = g->conf;
    ngx_xc_gate_info_t    *gates = conf->gates.elts;
    ngx_xc_fleet_state_t   fleet;

    if (conf->intake_expires_s != INT64_MAX) {
        s->intake = 1;
        s->intake_s = conf->intake_expires_s - now_s;
    }

    s->observe_s = INT64_MAX;

    for (i = 0; i < conf->gates.nelts; i++) {
        gate = gates[i].conf;

        if (gate->mode != NGX_XC_OBSERVE || gate->observe_until_s <= now_s) {
            continue;
        }

        s->observe_gates++;

        if (gate->observe_until_s != INT64_MAX) {
            s->observe_s = ngx_min(s->observe_s,
                                   gate->observe_until_s - now_s);
        }
    }

    if (conf->fleet) {
        ngx_xc_fleet_state(&fleet);

        s->fleet = 1;
        s->fleet_connected = fleet.connected;
        s->fleet_waiting = fleet.waiting;
    }
}


/* An agency of several policies has one place, and is told once: as the first
 * of them has it */

static ngx_int_t
ngx_xc_gather_agencies(ngx_xc_gathered_t *g, ngx_pool_t *pool)
{
    size_t                   n, all;
    ngx_uint_t               i;
    xc_status_t             *s = &g->status;
    const xc_policy_t       *policy;
    ngx_xc_policy_t        **policies = g->conf->policies.elts;
    ngx_xc_gather_agency_t  *next;

    for (i = 0, all = 0; i < g->conf->policies.nelts; i++) {
        all += policies[i]->policy->n_agencies;
    }

    g->agencies = ngx_palloc(pool, (all + 1) * sizeof(ngx_xc_gather_agency_t));
    if (g->agencies == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < g->conf->policies.nelts; i++) {
        policy = policies[i]->policy;

        for (n = 0; n < policy->n_agencies; n++) {
            if (ngx_xc_gather_has(g, i, policy->agencies[n].id)) {
                continue;
            }

            next = &g->agencies[s->n_agencies++];
            next->agency = &policy->agencies[n];
            next->place = policies[i]->places ? policies[i]->places[n] : NULL;
        }
    }

    return NGX_OK;
}


/* Does one of the first n policies? */

static ngx_uint_t
ngx_xc_gather_has(const ngx_xc_gathered_t *g, ngx_uint_t n, xc_str_t id)
{
    ngx_uint_t         i;
    ngx_xc_policy_t  **policies = g->conf->policies.elts;

    for (i = 0; i < n; i++) {
        if (xc_policy_agency(policies[i]->policy, id) != NULL) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_xc_gather_agency(void *data, size_t i, xc_status_agency_t *agency)
{
    ngx_xc_gathered_t *g = data;

    const xc_agency_t      *a = g->agencies[i].agency;
    const xc_map_agency_t  *place = g->agencies[i].place;

    ngx_memzero(agency, sizeof(xc_status_agency_t));

    agency->id = a->id;
    agency->name = a->name;
    agency->level = a->level;

    if (place) {
        agency->admitted = place->admitted;
        agency->refused = place->refused;
        agency->limited = place->limited;

        xc_rate_state(place, a->rate, g->clock.boot_us, g->clock.now_s,
                      &agency->state);
    }
}
