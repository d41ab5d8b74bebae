
/*
 * A worker's connection to Redis, through hiredis on nginx's event loop:
 * pipelined, never blocking, made again with back-off.  Built without hiredis
 * (NGX_XC_HIREDIS is 0) there is none, and xc_fleet is refused by name.
 */


#ifndef _NGX_XC_REDIS_H_INCLUDED_
#define _NGX_XC_REDIS_H_INCLUDED_


#include "ngx_xc_module.h"


/*
 * An answer of integers: values as they came; n 0: there is none (an error, a
 * lost connection, nonsense), of which the log has been told.  Called once for
 * each command that was sent, from the connection's event: it only takes note.
 */
typedef void (*ngx_xc_redis_pt)(void *data, const int64_t *values, size_t n);

/* The connection is made now or later, and again; memory: the cycle's pool */
ngx_int_t ngx_xc_redis_open(ngx_cycle_t *cycle,
    const ngx_xc_fleet_conf_t *conf);
void ngx_xc_redis_close(void);

/* The store as xc_fleet_call() wants it; NULL: not connected and greeted */
const xc_fleet_store_t *ngx_xc_redis_store(void);

/* NGX_OK: handler is called, later.  NGX_ERROR: it is not */
ngx_int_t ngx_xc_redis_send(const xc_fleet_call_t *call,
    ngx_xc_redis_pt handler, void *data);


#endif /* _NGX_XC_REDIS_H_INCLUDED_ */
