
/*
 * Between ngx_xc_status.c, which answers, and ngx_xc_gather.c, which knows it.
 */


#ifndef _NGX_XC_STATUS_H_INCLUDED_
#define _NGX_XC_STATUS_H_INCLUDED_


#include "ngx_xc_module.h"

#include "xc_status.h"


/* As many credentials that end soon are named; of the rest the number */
#define NGX_XC_GATHER_ENDING  32


typedef struct {
    const xc_agency_t           *agency;
    const xc_map_agency_t       *place;        /* NULL: none yet */
} ngx_xc_gather_agency_t;


typedef struct {
    xc_status_t                  status;
    ngx_xc_main_conf_t          *conf;
    xc_gate_clock_t              clock;
    xc_status_ending_t           ending[NGX_XC_GATHER_ENDING];
    ngx_xc_gather_agency_t      *agencies;     /* those that are asked for */
} ngx_xc_gathered_t;


/* g->status lasts as long as g, the pool and the configuration do.  Reads
 * files of the state directory.  NGX_ERROR: no memory */
ngx_int_t ngx_xc_gather(ngx_xc_main_conf_t *conf, ngx_pool_t *pool,
    ngx_uint_t agencies, ngx_xc_gathered_t *g);


#endif /* _NGX_XC_STATUS_H_INCLUDED_ */
