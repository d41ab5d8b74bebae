
/*
 * A build without hiredis: there is no store, and xc_fleet is refused by name
 * before anybody asks for one.
 */


#include "ngx_xc_redis.h"


ngx_int_t
ngx_xc_redis_open(ngx_cycle_t *cycle, const ngx_xc_fleet_conf_t *conf)
{
    (void) cycle;
    (void) conf;

    return NGX_ERROR;
}


void
ngx_xc_redis_close(void)
{
}


const xc_fleet_store_t *
ngx_xc_redis_store(void)
{
    return NULL;
}


ngx_int_t
ngx_xc_redis_send(const xc_fleet_call_t *call, ngx_xc_redis_pt handler,
    void *data)
{
    (void) call;
    (void) handler;
    (void) data;

    return NGX_ERROR;
}
