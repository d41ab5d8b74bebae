
/*
 * ngx_http_request_t → xc_msg_t: the raw header list and the target as the
 * client sent it, nothing that nginx has normalised.
 */


#include "ngx_xc_module.h"


static ngx_int_t ngx_xc_msg_headers(ngx_http_request_t *r, xc_msg_t *msg);
static void ngx_xc_msg_client(ngx_http_request_t *r, xc_msg_t *msg);
static ngx_uint_t ngx_xc_msg_has_body(ngx_http_request_t *r);


ngx_int_t
ngx_xc_msg_init(ngx_http_request_t *r, xc_msg_t *msg)
{
    ngx_str_t  target;

    if (ngx_xc_msg_headers(r, msg) != NGX_OK) {
        return NGX_ERROR;
    }

    target = r->unparsed_uri;

    /*
     * nginx cuts scheme and host off an absolute-form target; HTTP/2 has the
     * scheme apart
     */

    if (r->http_version < NGX_HTTP_VERSION_20 && r->schema_start != NULL) {
        target.data = r->schema_start;
        target.len = r->request_line.data + r->request_line.len
                     - r->schema_start;
    }

    msg->method = ngx_xc_str(&r->method_name);
    xc_msg_set_target(msg, ngx_xc_str(&target));

    msg->body = ngx_xc_msg_has_body(r);
    msg->content_length = r->headers_in.content_length_n;

    ngx_xc_msg_client(r, msg);

    return NGX_OK;
}


static ngx_int_t
ngx_xc_msg_headers(ngx_http_request_t *r, xc_msg_t *msg)
{
    ngx_uint_t        i, n;
    xc_header_t      *headers;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    headers = ngx_palloc(r->pool, (n + 1) * sizeof(xc_header_t));
    if (headers == NULL) {
        return NGX_ERROR;
    }

    msg->headers = headers;
    msg->n_headers = n;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            headers->name = ngx_xc_str(&h[i].key);
            headers->value = ngx_xc_str(&h[i].value);
            headers++;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_xc_msg_has_body(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        return 1;
    }

#if (NGX_HTTP_V2)

    /* without a length the end of an HTTP/2 body is only known when it came */

    if (r->stream && !r->stream->in_closed
        && r->headers_in.content_length_n < 0)
    {
        return 1;
    }

#endif

    return 0;
}


static void
ngx_xc_msg_client(ngx_http_request_t *r, xc_msg_t *msg)
{
    struct sockaddr      *sa = r->connection->sockaddr;
    struct sockaddr_in   *sin;

#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    msg->client_text = ngx_xc_str(&r->connection->addr_text);
    ngx_memzero(msg->client.address, 16);

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        msg->client.address[10] = 0xff;
        msg->client.address[11] = 0xff;
        ngx_memcpy(msg->client.address + 12, &sin->sin_addr, 4);
        break;

#if (NGX_HAVE_INET6)

    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        ngx_memcpy(msg->client.address, &sin6->sin6_addr, 16);
        break;

#endif

    default: /* a UNIX-domain socket has no address: in no source but ::/0 */
        break;
    }
}
