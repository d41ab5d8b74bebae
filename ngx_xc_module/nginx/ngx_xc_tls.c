
/*
 * The connection's TLS state; the only file of the adapter that knows SSL.
 */


#include "ngx_xc_module.h"


void
ngx_xc_tls_describe(ngx_connection_t *c, xc_msg_t *msg, xc_str_t *version)
{
    msg->tls = 0;
    msg->early_data = 0;
    *version = XC_STR_NONE;

#if (NGX_HTTP_SSL)

    if (c->ssl == NULL) {
        return;
    }

    msg->tls = 1;

    /* data read before the handshake is done may be a replay */
    msg->early_data = !SSL_is_init_finished(c->ssl->connection);

    *version = xc_str_z(SSL_get_version(c->ssl->connection));

#endif
}
