
/*
 * What differs between nginx versions; the only tests of nginx_version.
 */


#ifndef _NGX_XC_COMPAT_H_INCLUDED_
#define _NGX_XC_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* 1.23.0 links lines of one name; a pushed header has to end its list */

#if (nginx_version >= 1023000)
#define ngx_xc_header_init(h)  (h)->next = NULL
#else
#define ngx_xc_header_init(h)
#endif


#endif /* _NGX_XC_COMPAT_H_INCLUDED_ */
