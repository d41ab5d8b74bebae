
/*
 * What a configuration finds in the mapped file: a place for each agency, and
 * the list of the credentials and agencies that stand from then on; and how
 * long it keeps nonces.
 */


#include "ngx_xc_module.h"

#include "xc_revoke.h"


static ngx_int_t ngx_xc_places_window(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, int64_t now_s);
static ngx_int_t ngx_xc_places_agencies(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, ngx_xc_policy_t *policy, int64_t boot_us,
    int64_t day);
static void ngx_xc_places_credentials(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, const xc_policy_t *policy);


ngx_int_t
ngx_xc_places_init(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    int64_t               day, birth_skew_s;
    ngx_uint_t            i;
    xc_gate_clock_t       clock;
    ngx_xc_policy_t     **policies;
    ngx_xc_gate_info_t   *gates;

    ngx_xc_state_clock(&clock);
    xmcf->generation = xc_map_next_generation(&xmcf->map);
    xc_map_fleet(&xmcf->map, xmcf->fleet ? xmcf->fleet->identity : 0,
                 clock.now_s);
    day = xc_rate_day(xc_map_clock_s(&xmcf->map, clock.now_s));
    policies = xmcf->policies.elts;

    if (ngx_xc_places_window(cycle, xmcf, clock.now_s) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < xmcf->policies.nelts; i++) {

        if (ngx_xc_places_agencies(cycle, xmcf, policies[i], clock.boot_us,
                                   day)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_xc_places_credentials(cycle, xmcf, policies[i]->policy);
    }

    birth_skew_s = 0;

    for (i = 0; i < xmcf->policies.nelts; i++) {
        birth_skew_s = ngx_max(birth_skew_s, policies[i]->policy->max_skew_s);
    }

    gates = xmcf->gates.elts;

    for (i = 0; i < xmcf->gates.nelts; i++) {
        gates[i].conf->gate.birth_skew_s = birth_skew_s;
        gates[i].conf->gate.places = gates[i].conf->policy->places;
        gates[i].conf->gate.map = &xmcf->map;
        gates[i].conf->gate.fleet = xmcf->fleet != NULL;
        gates[i].conf->gate.generation = xmcf->generation;
    }

    return NGX_OK;
}


/* Older workers stop admitting what this configuration does not list */

void
ngx_xc_places_publish(ngx_xc_main_conf_t *xmcf)
{
    xc_revoke_publish(&xmcf->map, xmcf->generation);
}


/* Once, with the longest: a fresh map has no shorter one before it */

static ngx_int_t
ngx_xc_places_window(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    int64_t now_s)
{
    int64_t             window_s;
    ngx_uint_t          i;
    ngx_xc_policy_t   **policies;
    const xc_policy_t  *policy;

    window_s = 1;
    policies = xmcf->policies.elts;

    for (i = 0; i < xmcf->policies.nelts; i++) {
        policy = policies[i]->policy;
        window_s = XC_MAX(window_s, policy->max_age_s + policy->max_skew_s);
    }

    if (xmcf->fleet) {
        xmcf->fleet->window_s = window_s;
    }

    if (xc_map_window_raise(&xmcf->map, window_s, now_s)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                  "xc_state: can't note the signatures' window of %L seconds "
                  "in xc.map: remove the file and restart", window_s);

    return NGX_ERROR;
}


static ngx_int_t
ngx_xc_places_agencies(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    ngx_xc_policy_t *policy, int64_t boot_us, int64_t day)
{
    ngx_uint_t          n;
    const xc_policy_t  *p = policy->policy;

    policy->places = ngx_pcalloc(cycle->pool, (p->n_agencies + 1)
                                             * sizeof(xc_map_agency_t *));
    if (policy->places == NULL) {
        return NGX_ERROR;
    }

    for (n = 0; n < p->n_agencies; n++) {
        policy->places[n] = xc_map_agency(&xmcf->map, p->agencies[n].id,
                                          xmcf->generation, boot_us, day);

        if (policy->places[n] == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "xc_state: there are more than %d agencies in the "
                          "policies", XC_MAP_AGENCIES);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* One that finds no place serves all the same, but not over old workers */

static void
ngx_xc_places_credentials(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf,
    const xc_policy_t *policy)
{
    ngx_uint_t          i, n, left;
    const xc_agency_t  *agency;

    left = 0;

    for (i = 0; i < policy->n_agencies; i++) {
        agency = &policy->agencies[i];

        left += !xc_revoke_list(&xmcf->map, agency->identity,
                                xmcf->generation);

        for (n = 0; n < agency->n_credentials; n++) {
            left += !xc_revoke_list(&xmcf->map,
                                    agency->credentials[n].identity,
                                    xmcf->generation);
        }
    }

    for (i = 0; i < policy->n_approvals; i++) {
        left += !xc_revoke_list(&xmcf->map, policy->approvals[i].identity,
                                xmcf->generation);
    }

    if (left) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "xc_state: %ui credentials, agencies and approvals of "
                      "the policy \"%*s\" find no place in the list of those "
                      "that stand: workers of the old configuration refuse "
                      "them while they drain",
                      left, policy->id.len, policy->id.data);
    }
}
