
/*
 * Floods: refusals of unauthenticated callers beyond a budget, refusals that
 * find the queue full, reads of the intake document.  They are counted by
 * network and reason, and told in one record each.
 */


#include "ngx_xc_audit.h"


/* Refusals of unauthenticated callers a second and node that get a record of
 * their own */
#define NGX_XC_SUMMARY_BUDGET   100

/* How long counts are gathered, in microseconds */
#define NGX_XC_SUMMARY_FLOOD    10000000
#define NGX_XC_SUMMARY_INTAKE   3600000000


static void ngx_xc_summary_add(ngx_xc_audit_t *audit, const uint8_t *network,
    xc_reason_t reason);
static void ngx_xc_summary_network(const uint8_t *client, uint8_t *network);
static size_t ngx_xc_summary_text(const uint8_t *network, u_char *text);
static ngx_int_t ngx_xc_summary_push(ngx_xc_audit_t *audit,
    const xc_record_summary_t *in);


ngx_uint_t
ngx_xc_summary_takes(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx)
{
    int64_t  now_s;

    if (audit->queued < audit->conf->backlog
        && audit->later_bytes < NGX_XC_LATER_MAX)
    {

        if (ctx->gate.authenticated) {
            return 0;
        }

        now_s = ngx_xc_state_now_us(NULL) / 1000000;

        if (xc_map_budget(&audit->conf->map, now_s, NGX_XC_SUMMARY_BUDGET)) {
            return 0;
        }
    }

    ngx_xc_summary_refusal(audit, ctx);

    return 1;
}


void
ngx_xc_summary_refusal(ngx_xc_audit_t *audit, ngx_xc_ctx_t *ctx)
{
    uint8_t  network[16];

    ngx_xc_summary_network(ctx->msg.client.address, network);
    ngx_xc_summary_add(audit, network, ctx->gate.verdict.reason);

    xc_map_count(&audit->conf->map, XC_COUNT_SUMMARISED);
}


static void
ngx_xc_summary_add(ngx_xc_audit_t *audit, const uint8_t *network,
    xc_reason_t reason)
{
    int64_t          now_us;
    ngx_uint_t       i;
    ngx_xc_flood_t  *flood;

    now_us = ngx_xc_state_now_us(NULL);

    for (i = 0; i < audit->n_floods; i++) {
        flood = &audit->floods[i];

        if (flood->reason == reason
            && ngx_memcmp(flood->network, network, 16) == 0)
        {
            flood->count++;
            flood->last_us = ngx_max(flood->last_us, now_us);
            return;
        }
    }

    /* the table is full of networks: what comes from yet another one is told
     * as from anywhere */

    if (audit->n_floods >= NGX_XC_FLOODS - XC_REASON_COUNT
        && network[0] != NGX_XC_ANYWHERE)
    {
        u_char  anywhere[16] = { NGX_XC_ANYWHERE };

        ngx_xc_summary_add(audit, anywhere, reason);
        return;
    }

    flood = &audit->floods[audit->n_floods++];

    ngx_memcpy(flood->network, network, 16);
    flood->reason = reason;
    flood->count = 1;
    flood->first_us = now_us;
    flood->last_us = now_us;
}


/* IPv4 by /24, IPv6 by /48 */

static void
ngx_xc_summary_network(const uint8_t *client, uint8_t *network)
{
    static const uint8_t  mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
                                         0xff };

    ngx_memzero(network, 16);
    ngx_memcpy(network, client,
               ngx_memcmp(client, mapped, sizeof(mapped)) == 0 ? 15 : 6);
}


static size_t
ngx_xc_summary_text(const uint8_t *network, u_char *text)
{
    u_char  *p;

    if (network[0] == NGX_XC_ANYWHERE) {
        return ngx_sprintf(text, "any") - text;
    }

    if (network[10] == 0xff && network[11] == 0xff) {
        return ngx_sprintf(text, "%ud.%ud.%ud.0/24", network[12], network[13],
                           network[14])
               - text;
    }

#if (NGX_HAVE_INET6)

    p = text + ngx_inet6_ntop((u_char *) network, text,
                              NGX_INET6_ADDRSTRLEN);

    return ngx_sprintf(p, "/48") - text;

#else

    return ngx_sprintf(text, "any") - text;

#endif
}


void
ngx_xc_summary_intake(ngx_uint_t html)
{
    int64_t          now_us;
    ngx_xc_flood_t  *read;

    if (ngx_xc_audit == NULL) {
        return;
    }

    read = &ngx_xc_audit->reads[html];
    now_us = ngx_xc_state_now_us(NULL);

    if (read->count++ == 0) {
        read->first_us = now_us;
        read->last_us = now_us;
    }

    read->last_us = ngx_max(read->last_us, now_us);

    xc_map_count(&ngx_xc_audit->conf->map, XC_COUNT_INTAKE);
}


/* What the clock went back behind may be of any age: it is told */

static ngx_uint_t
ngx_xc_summary_is_old(const ngx_xc_flood_t *flood, int64_t now_us,
    int64_t age_us)
{
    return now_us < flood->first_us || now_us - flood->first_us > age_us;
}


/* Counts become records when they are old enough, or all (at exit) */

void
ngx_xc_summary_flush(ngx_xc_audit_t *audit, ngx_uint_t all)
{
    u_char                text[64];
    int64_t               now_us;
    ngx_uint_t            i;
    ngx_xc_flood_t       *flood;
    xc_record_summary_t   in;

    if (!all && audit->queued >= audit->conf->backlog) {
        return;
    }

    now_us = ngx_xc_state_now_us(NULL);
    ngx_memzero(&in, sizeof(xc_record_summary_t));

    if (audit->n_floods != 0
        && (all || ngx_xc_summary_is_old(&audit->floods[0], now_us,
                                         NGX_XC_SUMMARY_FLOOD)))
    {
        while (audit->n_floods != 0) {
            flood = &audit->floods[audit->n_floods - 1];

            in.network.data = (char *) text;
            in.network.len = ngx_xc_summary_text(flood->network, text);
            in.reason = flood->reason;
            in.count = flood->count;
            in.first_us = flood->first_us;
            in.last_us = flood->last_us;

            if (ngx_xc_summary_push(audit, &in) != NGX_OK) {
                return;
            }

            audit->n_floods--;
        }
    }

    in.network.len = 0;

    for (i = 0; i < 2; i++) {
        flood = &audit->reads[i];

        if (flood->count == 0
            || (!all && !ngx_xc_summary_is_old(flood, now_us,
                                               NGX_XC_SUMMARY_INTAKE)))
        {
            continue;
        }

        in.format = i ? XC_STR("html") : XC_STR("json");
        in.count = flood->count;
        in.first_us = flood->first_us;
        in.last_us = flood->last_us;

        if (ngx_xc_summary_push(audit, &in) != NGX_OK) {
            return;
        }

        flood->count = 0;
    }
}


static ngx_int_t
ngx_xc_summary_push(ngx_xc_audit_t *audit, const xc_record_summary_t *in)
{
    xc_buf_t         out;
    ngx_xc_entry_t  *entry;

    entry = ngx_xc_entry_create(NGX_XC_ENTRY_REFUSAL, XC_RECORD_OUTCOME_MAX);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    xc_buf_init(&out, entry->data, entry->size);
    xc_record_summary(&out, in);
    entry->len = out.len;

    ngx_xc_audit_queue(audit, entry);

    return NGX_OK;
}
