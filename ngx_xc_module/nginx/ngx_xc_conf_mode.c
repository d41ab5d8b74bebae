
/*
 * xc: whether a location is gated, and how.
 */


#include "ngx_xc_module.h"

#include "xc_time.h"


/* What goes on, by the names under which the records have it */

#define NGX_XC_OBSERVED                                                       \
    "purpose-not-allowed, field-unknown, field-not-granted, "                 \
    "approval-required, approval-invalid, sweep-not-authorized, "             \
    "subject-required, rate-exceeded and quota-exceeded are recorded, and "   \
    "the requests go on"


static char *ngx_xc_mode_plain(ngx_conf_t *cf, ngx_xc_loc_conf_t *xlcf);
static char *ngx_xc_mode_observe(ngx_conf_t *cf, ngx_xc_loc_conf_t *xlcf);


char *
ngx_xc_mode_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    char       *rv;
    ngx_str_t  *value;

    (void) cmd;

    if (xlcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rv = xc_str_eq(ngx_xc_str(&value[1]), XC_STR("observe"))
         ? ngx_xc_mode_observe(cf, xlcf) : ngx_xc_mode_plain(cf, xlcf);

    xlcf->mode_file = cf->conf_file->file.name.data;
    xlcf->mode_line = cf->conf_file->line;

    return rv;
}


static char *
ngx_xc_mode_plain(ngx_conf_t *cf, ngx_xc_loc_conf_t *xlcf)
{
    ngx_str_t  *value = cf->args->elts;

    if (xc_str_eq(ngx_xc_str(&value[1]), XC_STR("enforce"))) {
        xlcf->mode = NGX_XC_ENFORCE;

    } else if (xc_str_eq(ngx_xc_str(&value[1]), XC_STR("off"))) {
        xlcf->mode = NGX_XC_OFF;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": write off, enforce or "
                           "observe", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"xc %V\" takes none",
                           &value[2], &value[1]);
        return NGX_CONF_ERROR;
    }

    xlcf->observe_until_s = INT64_MIN;

    return NGX_CONF_OK;
}


static char *
ngx_xc_mode_observe(ngx_conf_t *cf, ngx_xc_loc_conf_t *xlcf)
{
    int64_t     until_s;
    ngx_str_t  *value = cf->args->elts;

    xlcf->mode = NGX_XC_OBSERVE;
    xlcf->observe_until_s = INT64_MAX;

    if (cf->args->nelts == 2) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"xc observe\" is on, without an end (until=): "
                           NGX_XC_OBSERVED);
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "until=", 6) != 0
        || xc_time_parse((xc_str_t) { (char *) value[2].data + 6,
                                      value[2].len - 6 }, &until_s) != XC_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": write until= and a time "
                           "such as 2026-12-01T00:00:00Z", &value[2]);
        return NGX_CONF_ERROR;
    }

    xlcf->observe_until_s = until_s;

    if (until_s <= ngx_xc_state_now_us(NULL) / 1000000) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"xc observe %V\" is over: it is \"xc enforce\"",
                           &value[2]);
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"xc observe %V\" is on: until then "
                       NGX_XC_OBSERVED, &value[2]);

    return NGX_CONF_OK;
}
