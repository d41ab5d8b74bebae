
/*
 * Connections to back ends.  What is still to come behind a 1xx would be the
 * next request's answer, so none of these is kept.  This stands before the
 * balancer of each upstream{}, not in a filter: nginx gives some answers up
 * before any filter sees them (X-Accel-Redirect, slice, post_action), and a
 * location without a gate may share its back end with one that has a gate.
 */


#include "ngx_xc_module.h"


/* What an upstream{}'s own balancer does, and ours stands before */

typedef struct {
    ngx_http_upstream_init_peer_pt  init;
    ngx_event_free_peer_pt          free;
} ngx_xc_peer_conf_t;


static void ngx_xc_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_int_t ngx_xc_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);


/* Not by headers_out.status, which error_page may have set.  0 with a line is
 * "000", without one there was no answer. */

ngx_uint_t
ngx_xc_peer_interim(ngx_http_upstream_t *u)
{
    return (u->headers_in.status_n != 0 || u->headers_in.status_line.len != 0)
           && u->headers_in.status_n < NGX_HTTP_OK;
}


static void
ngx_xc_peer_free(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_xc_peer_conf_t   *xpcf;
    ngx_http_upstream_t  *u;

    u = (ngx_http_upstream_t *) ((u_char *) pc
                                 - offsetof(ngx_http_upstream_t, peer));

    if (ngx_xc_peer_interim(u)) {
        u->keepalive = 0;
    }

    xpcf = ngx_http_conf_upstream_srv_conf(u->upstream, ngx_xc_module);
    xpcf->free(pc, data, state);
}


static ngx_int_t
ngx_xc_peer_init(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    ngx_xc_peer_conf_t     *xpcf;
    ngx_peer_connection_t  *pc;

    xpcf = ngx_http_conf_upstream_srv_conf(us, ngx_xc_module);

    if (xpcf->init(r, us) != NGX_OK) {
        return NGX_ERROR;
    }

    pc = &r->upstream->peer;

    if (xpcf->free == NULL) {
        xpcf->free = pc->free;
    }

    /* a balancer has one function for it; keepalive is outermost */

    if (pc->free != NULL && pc->free == xpcf->free) {
        pc->free = ngx_xc_peer_free;
    }

    return NGX_OK;
}


void *
ngx_xc_create_peer_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_xc_peer_conf_t));
}


void
ngx_xc_peer_wrap(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_xc_peer_conf_t              *xpcf;
    ngx_http_upstream_srv_conf_t   **us;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    us = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        /* only an upstream{} has a configuration, and keepalive */

        if (us[i]->srv_conf != NULL) {
            xpcf = ngx_http_conf_upstream_srv_conf(us[i], ngx_xc_module);
            xpcf->init = us[i]->peer.init;
            us[i]->peer.init = ngx_xc_peer_init;
        }
    }
}
