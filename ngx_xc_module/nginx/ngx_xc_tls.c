
/*
 * The connection's TLS state; the only file of the adapter that knows SSL.
 */


#include "ngx_xc_module.h"

#if (NGX_HTTP_SSL)
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#endif

#include <string.h>


#if (NGX_HTTP_SSL)

/*
 * What was read of the certificate that a connection presented; lies at the
 * SSL object, which all streams of HTTP/2 share, and goes with it.  Whether it
 * is verified is not among it: that is asked each time, as each request may be
 * for another server, and for a resumed session time goes on.
 */

typedef struct {
    X509                        *x509;         /* held, so that its address
                                                  stays its own */
    xc_certificate_t             certificate;
    ngx_uint_t                   trusted;       /* what a resumed session
                                                   brought leads to a CA of the
                                                   server as it is now */
    u_char                       subject[XC_X509_SUBJECT_MAX];
} ngx_xc_tls_peer_t;


static ngx_xc_tls_peer_t *ngx_xc_tls_get_peer(ngx_http_request_t *r, SSL *ssl,
    X509 *x509);
static ngx_int_t ngx_xc_tls_read(ngx_http_request_t *r, X509 *x509,
    xc_certificate_t *certificate);
static ngx_uint_t ngx_xc_tls_trusted(SSL *ssl, X509 *x509);
static ngx_uint_t ngx_xc_tls_verified(ngx_http_request_t *r, SSL *ssl,
    ngx_xc_tls_peer_t *peer);
static ngx_uint_t ngx_xc_tls_still(SSL *ssl, ngx_xc_tls_peer_t *peer);
static void ngx_xc_tls_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad,
    int idx, long argl, void *argp);


/*
 * Made by the worker that first needs it, never by the master: OpenSSL keeps
 * the callback for good, and workers of a later configuration without this
 * module would inherit one that is no longer there.
 */

static int  ngx_xc_tls_index = -1;

#endif


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


ngx_int_t
ngx_xc_tls_certificate(ngx_http_request_t *r, xc_msg_t *msg)
{
#if (NGX_HTTP_SSL)
    SSL                *ssl;
    X509               *x509;
    xc_str_t            subject;
    xc_arena_t          arena;
    xc_certificate_t   *certificate;
    ngx_xc_tls_peer_t  *peer;
#endif

    msg->certificate = NULL;

#if (NGX_HTTP_SSL)

    if (r->connection->ssl == NULL) {
        return NGX_OK;
    }

    ssl = r->connection->ssl->connection;

    x509 = SSL_get0_peer_certificate(ssl);
    if (x509 == NULL) {
        return NGX_OK;
    }

    peer = ngx_xc_tls_get_peer(r, ssl, x509);
    certificate = ngx_palloc(r->pool, sizeof(xc_certificate_t));

    if (peer == NULL || certificate == NULL) {
        return NGX_ERROR;
    }

    *certificate = peer->certificate;
    certificate->verified = ngx_xc_tls_verified(r, ssl, peer);
    certificate->resumed = SSL_session_reused(ssl) == 1;

    arena = ngx_xc_pool_arena(r->pool, 0);
    subject = peer->certificate.subject;

    if (xc_arena_dup(&arena, subject, &certificate->subject) != XC_OK) {
        return NGX_ERROR;
    }

    msg->certificate = certificate;

#else
    (void) r;
#endif

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_xc_tls_peer_t *
ngx_xc_tls_get_peer(ngx_http_request_t *r, SSL *ssl, X509 *x509)
{
    xc_certificate_t    certificate;
    ngx_xc_tls_peer_t  *peer, *old;

    if (ngx_xc_tls_index == -1) {
        ngx_xc_tls_index = SSL_get_ex_new_index(0, NULL, NULL, NULL,
                                                ngx_xc_tls_free);
        if (ngx_xc_tls_index == -1) {
            return NULL;
        }
    }

    old = SSL_get_ex_data(ssl, ngx_xc_tls_index);

    if (old && old->x509 == x509) {
        return old;
    }

    if (ngx_xc_tls_read(r, x509, &certificate) != NGX_OK) {
        return NULL;
    }

    peer = ngx_alloc(sizeof(ngx_xc_tls_peer_t), r->connection->log);
    if (peer == NULL) {
        return NULL;
    }

    ngx_memcpy(peer->subject, certificate.subject.data,
               certificate.subject.len);
    certificate.subject.data = (char *) peer->subject;

    peer->certificate = certificate;
    peer->x509 = x509;
    peer->trusted = SSL_session_reused(ssl) && ngx_xc_tls_trusted(ssl, x509);

    if (SSL_set_ex_data(ssl, ngx_xc_tls_index, peer) == 0) {
        ngx_free(peer);
        return NULL;
    }

    X509_up_ref(x509);
    ngx_xc_tls_free(NULL, old, NULL, 0, 0, NULL);

    return peer;
}


static ngx_int_t
ngx_xc_tls_read(ngx_http_request_t *r, X509 *x509,
    xc_certificate_t *certificate)
{
    int          len;
    u_char      *der;
    xc_rc_t      rc;
    xc_arena_t   arena;

    der = NULL;

    ERR_set_mark();
    len = i2d_X509(x509, &der);
    ERR_pop_to_mark();

    if (len <= 0) {
        return NGX_ERROR;
    }

    arena = ngx_xc_pool_arena(r->pool, 0);

    rc = xc_x509_read(&arena, (xc_str_t) { (char *) der, (size_t) len },
                      certificate);
    OPENSSL_free(der);

    if (rc != XC_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xc: the client's certificate of %d bytes can't be read",
                      len);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The chain of a resumed session, once more.  A session holds that its own
 * handshake verified, but not by whose CAs: with TLS 1.3 the server is chosen
 * after the session, and servers share sessions wherever they share a cache or
 * a ticket's key.  Nor does it end: each resumption hands out another ticket,
 * beyond what was revoked or taken from the CAs since.  As in the handshake,
 * but that intermediate certificates are not kept in a session.
 */

static ngx_uint_t
ngx_xc_tls_trusted(SSL *ssl, X509 *x509)
{
    ngx_uint_t          trusted;
    X509_STORE         *store;
    X509_STORE_CTX     *ctx;
    X509_VERIFY_PARAM  *param;

    ERR_set_mark();

    trusted = 0;
    store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));

    ctx = X509_STORE_CTX_new();
    if (ctx == NULL) {
        goto done;
    }

    if (X509_STORE_CTX_init(ctx, store, x509, SSL_get_peer_cert_chain(ssl)) == 0
        || X509_STORE_CTX_set_default(ctx, "ssl_client") == 0)
    {
        goto done;
    }

    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));

    trusted = X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl)) == 1
              && X509_verify_cert(ctx) == 1;

done:

    X509_STORE_CTX_free(ctx);
    ERR_pop_to_mark();

    return trusted;
}


/*
 * By this server's own CAs: a client that sends no server name does its
 * handshake with the default server, and its Host may name another
 */

static ngx_uint_t
ngx_xc_tls_verified(ngx_http_request_t *r, SSL *ssl, ngx_xc_tls_peer_t *peer)
{
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

    if (SSL_get_verify_result(ssl) != X509_V_OK
        || SSL_get_SSL_CTX(ssl) != sscf->ssl.ctx)
    {
        return 0;
    }

    /* OCSP is not asked here: nginx does, for resumed sessions, too */
    return !SSL_session_reused(ssl) || ngx_xc_tls_still(ssl, peer);
}


/*
 * A resumed session: begun with the server of this very name, and its
 * certificate good as of now.  OpenSSL keeps the first handshake's name through
 * all resumptions, and none where the client sent none.
 */

static ngx_uint_t
ngx_xc_tls_still(SSL *ssl, ngx_xc_tls_peer_t *peer)
{
    const char  *name, *first;

    name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    first = SSL_SESSION_get0_hostname(SSL_get0_session(ssl));

    if ((name == NULL) != (first == NULL)
        || (name != NULL && strcmp(name, first) != 0))
    {
        return 0;
    }

    return peer->trusted
           && X509_cmp_current_time(X509_get0_notBefore(peer->x509)) < 0
           && X509_cmp_current_time(X509_get0_notAfter(peer->x509)) > 0;
}


static void
ngx_xc_tls_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
    long argl, void *argp)
{
    ngx_xc_tls_peer_t *peer = ptr;

    (void) parent;
    (void) ad;
    (void) idx;
    (void) argl;
    (void) argp;

    if (peer) {
        X509_free(peer->x509);
        ngx_free(peer);
    }
}

#endif
