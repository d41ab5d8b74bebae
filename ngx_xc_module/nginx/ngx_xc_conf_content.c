
/*
 * Locations that answer by themselves (xc_intake, xc_status, xc_checkpoint):
 * what they hand down, and that nothing else answers beside them.
 */


#include "ngx_xc_module.h"


char *
ngx_xc_content_merge(ngx_conf_t *cf, ngx_xc_loc_conf_t *prev,
    ngx_xc_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->handler) {

        if (clcf->handler != conf->handler) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the location \"%V\" has xc_intake, xc_status or "
                          "xc_checkpoint and another handler such as "
                          "proxy_pass: remove one", &clcf->name);
            return NGX_CONF_ERROR;
        }

        return conf->intake && ngx_xc_intake_render(cf, conf) != NGX_OK
               ? NGX_CONF_ERROR : NGX_CONF_OK;
    }

    /*
     * "if" and limit_except are the location itself in other circumstances:
     * nginx keeps its handler where they bring none, but not its configuration
     */

    if (clcf->noname && clcf->handler == NULL && prev->handler) {
        conf->handler = prev->handler;
        conf->intake = prev->intake;
        conf->status = prev->status;

        if (clcf->lmt_excpt) {
            clcf->handler = conf->handler;
        }
    }

    return NGX_CONF_OK;
}
