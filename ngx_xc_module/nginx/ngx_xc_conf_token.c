
/*
 * xc_token_key: the key that binds a result to its submit.
 */


#include "ngx_xc_module.h"

#include "xc_b64.h"
#include "xc_ticket.h"


static ngx_int_t ngx_xc_token_key_bytes(xc_str_t text,
    u_char key[XC_TICKET_KEY_SIZE]);


char *
ngx_xc_token_key_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    char        *rv;
    u_char       key[XC_TICKET_KEY_SIZE];
    xc_rc_t      rc;
    xc_str_t     text;
    ngx_int_t    ok;
    ngx_str_t   *value;
    xc_arena_t   arena;

    (void) cmd;

    if (xlcf->token_key != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    arena = ngx_xc_pool_arena(cf->pool, 0);

    rv = ngx_xc_conf_secret(cf, &value[1], &arena, &text);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ok = ngx_xc_token_key_bytes(text, key);
    ngx_xc_conf_forget(&text);

    if (ok != NGX_OK) {
        return "must name a file of exactly 32 random bytes, as they are or "
               "in base64";
    }

    rc = xc_mac_new(&arena, (xc_str_t) { (char *) key, sizeof(key) },
                    &xlcf->token_key);

    ngx_explicit_memzero(key, sizeof(key));

    return rc == XC_OK ? NGX_CONF_OK : "no memory";
}


/* Tickets without a key can't be told from anybody's own */

char *
ngx_xc_token_key_check(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf)
{
    if (!conf->policy->policy->needs_token_key || conf->token_key != NULL) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"xc\": the policy has an operation of the kind result: "
                  "add \"xc_token_key file;\" in %s:%ui", conf->mode_file,
                  conf->mode_line);

    return NGX_CONF_ERROR;
}


/* A last newline belongs to base64 alone: of raw bytes it is one */

static ngx_int_t
ngx_xc_token_key_bytes(xc_str_t text, u_char key[XC_TICKET_KEY_SIZE])
{
    size_t  len;
    u_char  bytes[XC_B64_DECODED_MAX(44)];

    if (text.len == XC_TICKET_KEY_SIZE) {
        ngx_memcpy(key, text.data, XC_TICKET_KEY_SIZE);
        return NGX_OK;
    }

    while (text.len != 0
           && (text.data[text.len - 1] == LF || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    if (text.len != 44
        || xc_b64_decode(XC_B64_STD, text, bytes, &len) != XC_OK
        || len != XC_TICKET_KEY_SIZE)
    {
        ngx_explicit_memzero(bytes, sizeof(bytes));
        return NGX_ERROR;
    }

    ngx_memcpy(key, bytes, XC_TICKET_KEY_SIZE);
    ngx_explicit_memzero(bytes, sizeof(bytes));

    return NGX_OK;
}
