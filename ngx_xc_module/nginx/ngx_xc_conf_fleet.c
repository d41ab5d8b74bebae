
/*
 * xc_fleet: the store that a fleet shares.  Nothing of its URL is repeated in
 * an error: it may hold a secret that does not belong there.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"


#define NGX_XC_FLEET_PORT         6379
#define NGX_XC_FLEET_DB_MAX       65535
#define NGX_XC_FLEET_TIMEOUT_MAX  10000

#define NGX_XC_FLEET_WRITE        "write redis://host[:port][/db]"


/* Both return NGX_CONF_OK, or what is wrong */

typedef struct {
    ngx_str_t    name;                         /* with its "=" */
    char      *(*set)(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
                      ngx_str_t *value);
} ngx_xc_fleet_parameter_t;


typedef struct {
    xc_str_t     scheme;
    char        *error;
} ngx_xc_fleet_scheme_t;


static char *ngx_xc_fleet_parse(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet);
static char *ngx_xc_fleet_parameter(ngx_conf_t *cf,
    ngx_xc_fleet_conf_t *fleet, ngx_str_t *value, ngx_uint_t *given);
static char *ngx_xc_fleet_url(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value);
static char *ngx_xc_fleet_scheme(xc_str_t *rest);
static char *ngx_xc_fleet_db(ngx_xc_fleet_conf_t *fleet, xc_str_t *rest);
static char *ngx_xc_fleet_host_port(xc_str_t host);
static char *ngx_xc_fleet_resolve(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    xc_str_t host);
static uint64_t ngx_xc_fleet_identity(const ngx_xc_fleet_conf_t *fleet);
static ngx_uint_t ngx_xc_fleet_is_loopback(struct sockaddr *sa);
static char *ngx_xc_fleet_password_file(ngx_conf_t *cf,
    ngx_xc_fleet_conf_t *fleet, ngx_str_t *value);
static char *ngx_xc_fleet_prefix(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value);
static char *ngx_xc_fleet_timeout(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value);


static ngx_xc_fleet_parameter_t  ngx_xc_fleet_parameters[] = {
    { ngx_string("password_file="), ngx_xc_fleet_password_file },
    { ngx_string("prefix="), ngx_xc_fleet_prefix },
    { ngx_string("timeout="), ngx_xc_fleet_timeout },
    { ngx_null_string, NULL }
};


#define NGX_XC_FLEET_NO_TLS                                                   \
    "TLS to the store is not supported: tunnel it, see docs/operations.md, "  \
    "and write redis://127.0.0.1[:port][/db]"

#define NGX_XC_FLEET_NO_SENTINEL                                              \
    "Sentinel is not asked: write redis://host[:port][/db], an address that " \
    "leads to the primary"

#define NGX_XC_FLEET_NO_SOCKET                                                \
    "the store is reached by TCP alone: " NGX_XC_FLEET_WRITE


static ngx_xc_fleet_scheme_t  ngx_xc_fleet_schemes[] = {
    { XC_STR("redis"), NGX_CONF_OK },
    { XC_STR("rediss"), NGX_XC_FLEET_NO_TLS },
    { XC_STR("redis+tls"), NGX_XC_FLEET_NO_TLS },
    { XC_STR("redis+ssl"), NGX_XC_FLEET_NO_TLS },
    { XC_STR("valkeys"), NGX_XC_FLEET_NO_TLS },
    { XC_STR("sentinel"), NGX_XC_FLEET_NO_SENTINEL },
    { XC_STR("redis-sentinel"), NGX_XC_FLEET_NO_SENTINEL },
    { XC_STR("redis+sentinel"), NGX_XC_FLEET_NO_SENTINEL },
    { XC_STR("unix"), NGX_XC_FLEET_NO_SOCKET },
    { XC_STR("redis+unix"), NGX_XC_FLEET_NO_SOCKET },
    { XC_STR("redis-socket"), NGX_XC_FLEET_NO_SOCKET },
    { XC_STR("redis+socket"), NGX_XC_FLEET_NO_SOCKET }
};


char *
ngx_xc_fleet_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_main_conf_t *xmcf = conf;

    (void) cmd;

#if !(NGX_XC_HIREDIS)

    (void) xmcf;
    (void) ngx_xc_fleet_parse;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "xc_fleet is not supported by this build: it has no "
                       "hiredis");
    return NGX_CONF_ERROR;

#else

    if (xmcf->fleet != NULL) {
        return "is duplicate";
    }

    xmcf->fleet = ngx_pcalloc(cf->pool, sizeof(ngx_xc_fleet_conf_t));
    if (xmcf->fleet == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_xc_fleet_parse(cf, xmcf->fleet);

#endif
}


static char *
ngx_xc_fleet_parse(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet)
{
    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i, given;

    ngx_str_set(&fleet->prefix, "xc");
    fleet->timeout = 50;

    value = cf->args->elts;

    rv = ngx_xc_fleet_url(cf, fleet, &value[1]);

    if (rv != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL of xc_fleet: %s", rv);
        return NGX_CONF_ERROR;
    }

    given = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_xc_fleet_parameter(cf, fleet, &value[i], &given)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    fleet->identity = ngx_xc_fleet_identity(fleet);

    if (!ngx_xc_fleet_is_loopback(fleet->addr.sockaddr)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "xc_fleet: the link to %V is not encrypted: who is "
                           "on it can let anything pass twice: tunnel it, see "
                           "docs/operations.md", &fleet->addr.name);
    }

    return NGX_CONF_OK;
}


/* given: a bit for each parameter of the table that has stood before */

static char *
ngx_xc_fleet_parameter(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value, ngx_uint_t *given)
{
    char                      *rv;
    ngx_str_t                  rest;
    ngx_uint_t                 bit;
    ngx_xc_fleet_parameter_t  *p;

    for (p = ngx_xc_fleet_parameters; p->name.len; p++) {
        if (ngx_strncmp(value->data, p->name.data, p->name.len) == 0) {
            break;
        }
    }

    if (p->name.len == 0) {

        /* its name alone: "password=" would show one */

        rest = *value;
        rest.len = strcspn((char *) value->data, "=");

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of xc_fleet: known are "
                           "password_file=, prefix= and timeout=", &rest);
        return NGX_CONF_ERROR;
    }

    rest.data = value->data + p->name.len;
    rest.len = value->len - p->name.len;

    bit = (ngx_uint_t) 1 << (p - ngx_xc_fleet_parameters);

    rv = *given & bit ? "is given twice" : p->set(cf, fleet, &rest);
    *given |= bit;

    if (rv != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": %s", value, rv);
    }

    return rv;
}


static char *
ngx_xc_fleet_url(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet, ngx_str_t *value)
{
    char      *rv;
    xc_str_t   rest;

    rest = ngx_xc_str(value);

    rv = ngx_xc_fleet_scheme(&rest);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (memchr(rest.data, '@', rest.len) != NULL) {
        return "a secret does not belong in it: put the password in a file "
               "that others can't read, and write password_file=file";
    }

    if (memchr(rest.data, '?', rest.len) != NULL
        || memchr(rest.data, '#', rest.len) != NULL)
    {
        return "it takes no query: " NGX_XC_FLEET_WRITE
               ", and parameters after a space";
    }

    rv = ngx_xc_fleet_db(fleet, &rest);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_xc_fleet_host_port(rest);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_xc_fleet_resolve(cf, fleet, rest);
}


/* rest goes on behind it */

static char *
ngx_xc_fleet_scheme(xc_str_t *rest)
{
    size_t                  i;
    xc_str_t                scheme;
    const char             *end;
    ngx_xc_fleet_scheme_t  *known;

    end = memmem(rest->data, rest->len, "://", 3);
    if (end == NULL) {
        return NGX_XC_FLEET_WRITE;
    }

    scheme = (xc_str_t) { rest->data, end - rest->data };
    rest->data = end + 3;
    rest->len -= scheme.len + 3;

    for (i = 0; i < XC_COUNT(ngx_xc_fleet_schemes); i++) {
        known = &ngx_xc_fleet_schemes[i];

        if (xc_ascii_ieq(scheme, known->scheme)) {
            return known->error;
        }
    }

    return NGX_XC_FLEET_WRITE;
}


/* rest ends before it */

static char *
ngx_xc_fleet_db(ngx_xc_fleet_conf_t *fleet, xc_str_t *rest)
{
    uint64_t     n;
    xc_str_t     db;
    const char  *slash;

    slash = memchr(rest->data, '/', rest->len);
    if (slash == NULL) {
        return NGX_CONF_OK;
    }

    db = (xc_str_t) { slash + 1, rest->data + rest->len - slash - 1 };
    rest->len = slash - rest->data;

    if (!xc_ascii_u64(db, NGX_XC_FLEET_DB_MAX, &n)) {
        return "a database is a number such as 0: " NGX_XC_FLEET_WRITE;
    }

    fleet->db = n;

    return NGX_CONF_OK;
}


/* What nginx's own parser would read in ways of its own */

static char *
ngx_xc_fleet_host_port(xc_str_t host)
{
    uint64_t     n;
    xc_str_t     port;
    const char  *colon, *last;

    last = host.data + host.len;

    if (host.len != 0 && host.data[0] == '[') {
        colon = memchr(host.data, ']', host.len);

        if (colon == NULL) {
            return "\"[\" without \"]\": " NGX_XC_FLEET_WRITE;
        }

        colon++;

        if (colon < last && *colon != ':') {
            return "behind \"]\" stands the port: write redis://[address]:port";
        }

    } else {
        colon = memchr(host.data, ':', host.len);
        colon = colon ? colon : last;

        if (colon < last && memchr(colon + 1, ':', last - colon - 1) != NULL) {
            return "an IPv6 address stands in brackets: write redis://[::1]";
        }
    }

    if (colon == host.data) {
        return "it names no host: " NGX_XC_FLEET_WRITE;
    }

    if (colon == last) {
        return NGX_CONF_OK;
    }

    port = (xc_str_t) { colon + 1, last - colon - 1 };

    if (!xc_ascii_u64(port, 65535, &n) || n < 1) {
        return "a port is a number from 1 to 65535";
    }

    return NGX_CONF_OK;
}


static char *
ngx_xc_fleet_resolve(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet, xc_str_t host)
{
    ngx_url_t   url;
    ngx_uint_t  i;

    ngx_memzero(&url, sizeof(ngx_url_t));

    url.url.data = (u_char *) host.data;
    url.url.len = host.len;
    url.default_port = NGX_XC_FLEET_PORT;

    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.naddrs == 0) {
        return url.err ? url.err : "it names no address";
    }

    fleet->addr = url.addrs[0];

    /* a store that is local by one address is so by the others */

    for (i = 1; i < url.naddrs; i++) {

        if (!ngx_xc_fleet_is_loopback(url.addrs[i].sockaddr)) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "xc_fleet: %V has %ui addresses: only %V is "
                               "used: write an address",
                               &url.host, url.naddrs, &fleet->addr.name);
            break;
        }
    }

    return NGX_CONF_OK;
}


/* FNV-1a: two fleets of one name by chance are none of one operator's */

static uint64_t
ngx_xc_fleet_identity(const ngx_xc_fleet_conf_t *fleet)
{
    u_char    text[NGX_SOCKADDR_STRLEN + NGX_INT_T_LEN + 80], *p, *last;
    uint64_t  h;

    last = ngx_snprintf(text, sizeof(text), "%V/%ui/%V", &fleet->addr.name,
                        fleet->db, &fleet->prefix);

    for (h = 0xcbf29ce484222325u, p = text; p < last; p++) {
        h = (h ^ *p) * 0x100000001b3u;
    }

    return h | 1;
}


static ngx_uint_t
ngx_xc_fleet_is_loopback(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;

    if (sa->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
    }
#endif

    sin = (struct sockaddr_in *) sa;

    return sa->sa_family == AF_INET
           && (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
}


static char *
ngx_xc_fleet_password_file(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value)
{
    char        *rv;
    size_t       i;
    xc_str_t     text;
    xc_arena_t   arena;

    arena = ngx_xc_pool_arena(cf->pool, 0);

    rv = ngx_xc_conf_secret(cf, value, &arena, &text);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (text.len != 0 && text.data[text.len - 1] == LF) {
        text.len--;

        if (text.len != 0 && text.data[text.len - 1] == CR) {
            text.len--;
        }
    }

    if (text.len == 0) {
        return "the file is empty";
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] == LF || text.data[i] == CR || text.data[i] == '\0') {
            return "the file holds more than a line: it is the password and "
                   "nothing else";
        }
    }

    fleet->password.data = (u_char *) text.data;
    fleet->password.len = text.len;

    return NGX_CONF_OK;
}


static char *
ngx_xc_fleet_prefix(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value)
{
    (void) cf;

    if (!xc_ascii_is_id(ngx_xc_str(value))) {
        return "a prefix is 1 to 64 of 0-9 A-Z a-z . _ -";
    }

    fleet->prefix = *value;

    return NGX_CONF_OK;
}


static char *
ngx_xc_fleet_timeout(ngx_conf_t *cf, ngx_xc_fleet_conf_t *fleet,
    ngx_str_t *value)
{
    ngx_int_t  n;

    (void) cf;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n < 1 || n > NGX_XC_FLEET_TIMEOUT_MAX) {
        return "write a time from 1ms to 10s";
    }

    fleet->timeout = n;

    return NGX_CONF_OK;
}
