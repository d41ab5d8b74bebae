
/*
 * The state directory: made by the master at start, and looked at by each
 * cycle and by `nginx -t`.
 */


#include "ngx_xc_module.h"

#include "xc_files.h"


static ngx_int_t ngx_xc_state_fit(ngx_cycle_t *cycle,
    ngx_xc_main_conf_t *xmcf, uid_t uid);


ngx_int_t
ngx_xc_state_directory(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    uid_t  uid;
    gid_t  gid;

    ngx_xc_state_owner(cycle, &uid, &gid);

    if (xc_folder_make((char *) xmcf->state.data, uid, gid) != XC_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "xc_state: can't make the directory \"%V\" for the "
                      "worker user", &xmcf->state);
        return NGX_ERROR;
    }

    return ngx_xc_state_fit(cycle, xmcf, uid);
}


/* `nginx -t` looks at what stands there, and makes nothing */

ngx_int_t
ngx_xc_state_test(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf)
{
    uid_t            uid;
    gid_t            gid;
    ngx_file_info_t  fi;

    if (lstat((char *) xmcf->state.data, &fi) != 0) {
        return NGX_OK;
    }

    ngx_xc_state_owner(cycle, &uid, &gid);

    return ngx_xc_state_fit(cycle, xmcf, uid);
}


static ngx_int_t
ngx_xc_state_fit(ngx_cycle_t *cycle, ngx_xc_main_conf_t *xmcf, uid_t uid)
{
    ngx_err_t        err;
    ngx_file_info_t  fi;

    err = ngx_file_info(xmcf->state.data, &fi) == NGX_FILE_ERROR ? ngx_errno
          : ngx_is_dir(&fi) ? 0 : NGX_ENOTDIR;

    if (err != 0) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, err,
                      "xc_state: \"%V\" is not a directory", &xmcf->state);
        return NGX_ERROR;
    }

    if (uid != (uid_t) -1 && fi.st_uid != uid) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "xc_state: \"%V\" belongs to user %d, not to the worker "
                      "user %d: run chown %d \"%V\"", &xmcf->state,
                      (int) fi.st_uid, (int) uid, (int) uid, &xmcf->state);
        return NGX_ERROR;
    }

    if (fi.st_mode & 0007) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "xc_state: \"%V\" is open to everybody: run chmod 0750 "
                      "\"%V\"", &xmcf->state, &xmcf->state);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_xc_state_owner(ngx_cycle_t *cycle, uid_t *uid, gid_t *gid)
{
    ngx_core_conf_t  *ccf;

    *uid = (uid_t) -1;
    *gid = (gid_t) -1;

    /* a worker has no business in changing owners */

    if (geteuid() == 0 && ngx_process != NGX_PROCESS_WORKER) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                               ngx_core_module);
        *uid = ccf->user;
        *gid = ccf->group;
    }
}
