
/*
 * The directive xc_credentials, and what its schemes need of the server and of
 * the policy.
 */


#include "ngx_xc_module.h"


static unsigned ngx_xc_credentials_alternative(ngx_conf_t *cf,
    ngx_str_t *value);
static unsigned ngx_xc_credentials_scheme(xc_str_t name);
static ngx_uint_t ngx_xc_credentials_asked(ngx_conf_t *cf);
static char *ngx_xc_credentials_lack(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf,
    const char *what);


char *
ngx_xc_credentials_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    size_t       n;
    unsigned     schemes;
    ngx_str_t   *value;
    ngx_uint_t   i;

    (void) cmd;

    if (xlcf->accept.n != 0) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts - 1 > XC_COUNT(xlcf->accept.alternatives)) {
        return "names more than 4 alternatives";
    }

    for (i = 1; i < cf->args->nelts; i++) {

        schemes = ngx_xc_credentials_alternative(cf, &value[i]);
        if (schemes == 0) {
            return NGX_CONF_ERROR;
        }

        for (n = 0; n < xlcf->accept.n; n++) {
            if (xlcf->accept.alternatives[n] == schemes) {
                return "names an alternative twice";
            }
        }

        xlcf->accept.alternatives[xlcf->accept.n++] = schemes;
    }

    xlcf->accept_file = cf->conf_file->file.name.data;
    xlcf->accept_line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* "mtls+httpsig" as bits; 0 once told what is wrong */

static unsigned
ngx_xc_credentials_alternative(ngx_conf_t *cf, ngx_str_t *value)
{
    u_char     *p, *start, *last;
    unsigned    bit, schemes;

    schemes = 0;
    last = value->data + value->len;

    for (start = value->data; start <= last; start = p + 1) {

        p = ngx_strlchr(start, last, '+');
        if (p == NULL) {
            p = last;
        }

        bit = ngx_xc_credentials_scheme((xc_str_t) { (char *) start,
                                                     (size_t) (p - start) });
        if (bit == 0 || (schemes & bit) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\": write httpsig, mtls or "
                               "jwt, or several of them joined by \"+\"",
                               value);
            return 0;
        }

        schemes |= bit;
    }

    return schemes;
}


static unsigned
ngx_xc_credentials_scheme(xc_str_t name)
{
    unsigned  i;

    for (i = 0; i < XC_SCHEME_COUNT; i++) {
        if (xc_str_eq(name, xc_scheme_name(i))) {
            return 1u << i;
        }
    }

    return 0;
}


/*
 * A scheme that can never be presented is a mistake of the configuration.  A
 * token alone has to be bound to the client's certificate, so it needs what
 * mtls needs; beside a signature it does not.
 */

char *
ngx_xc_credentials_check(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf)
{
    size_t      i;
    unsigned    schemes;
    ngx_uint_t  mtls, jwt;

    mtls = 0;
    jwt = 0;

    for (i = 0; i < conf->accept.n; i++) {
        schemes = conf->accept.alternatives[i];

        if (schemes & (1u << XC_SCHEME_MTLS | 1u << XC_SCHEME_JWT)) {
            conf->certificate = 1;
        }

        if (schemes & 1u << XC_SCHEME_MTLS) {
            mtls = 1;

        } else if (schemes == 1u << XC_SCHEME_JWT) {
            jwt = 1;
        }
    }

    if (!mtls && !jwt) {
        return NGX_CONF_OK;
    }

    if (!conf->policy->policy->tls_required) {
        return ngx_xc_credentials_lack(cf, conf, mtls
                   ? "mtls needs a policy with \"transport\": \"tls\": with "
                     "\"any\" TLS may end in front of nginx, which then sees "
                     "no certificate"
                   : "jwt alone needs a policy with \"transport\": \"tls\", as "
                     "the token has to be bound to the client's certificate: "
                     "write httpsig+jwt");
    }

    if (!ngx_xc_credentials_asked(cf)) {
        return ngx_xc_credentials_lack(cf, conf, mtls
                   ? "mtls needs the client's certificate: add "
                     "\"ssl_verify_client optional;\" and "
                     "\"ssl_client_certificate file;\" to the server"
                   : "jwt alone needs the client's certificate, as the token "
                     "has to be bound to it: add \"ssl_verify_client\" to the "
                     "server, or write httpsig+jwt");
    }

    return NGX_CONF_OK;
}


/* Does the server ask clients for a certificate?  The modules of nginx itself
 * have merged their settings before this one does. */

static ngx_uint_t
ngx_xc_credentials_asked(ngx_conf_t *cf)
{
#if (NGX_HTTP_SSL)
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module);

    return sscf->verify != 0;
#else
    (void) cf;

    return 0;
#endif
}


static char *
ngx_xc_credentials_lack(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf,
    const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "\"xc_credentials\": %s in %s:%ui",
                  what, conf->accept_file, conf->accept_line);

    return NGX_CONF_ERROR;
}
