
/*
 * xc_checkpoint: the latest signed checkpoint of this node's log, for whoever
 * keeps it elsewhere.
 */


#include "ngx_xc_module.h"


static ngx_int_t ngx_xc_checkpoint_handler(ngx_http_request_t *r);


static ngx_int_t
ngx_xc_checkpoint_handler(ngx_http_request_t *r)
{
    char        buf[XC_JOURNAL_CHECKPOINT_MAX];
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t   text, no_store = ngx_string("no-store"),
                type = ngx_string("text/plain; charset=utf-8");

    rc = ngx_xc_reply_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_xc_audit_checkpoint(buf, &len);

    if (rc == NGX_DECLINED) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (rc != NGX_OK
        || ngx_xc_reply_header(r, "Cache-Control", &no_store) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = (u_char *) buf;
    text.len = len;

    return ngx_xc_reply_text(r, &type, &text);
}


char *
ngx_xc_checkpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    (void) cmd;

    if (xlcf->handler) {
        return "is duplicate";
    }

    xlcf->handler = ngx_xc_checkpoint_handler;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_xc_checkpoint_handler;

    return NGX_CONF_OK;
}
