
/*
 * Answers that leave a gated location: the headers that the contract promises,
 * and the digest of what was disclosed.
 */


#include "ngx_xc_module.h"

#include "xc_ticket.h"


static ngx_int_t ngx_xc_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_xc_header_foreign(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static void ngx_xc_header_keep_none(ngx_http_request_t *r);
static ngx_int_t ngx_xc_header_no_store(ngx_http_request_t *r);
static void ngx_xc_header_take(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_list_part_t *part);
static void ngx_xc_header_reply(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_str_t *value);
static ngx_int_t ngx_xc_header_record(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_header_ticket(ngx_http_request_t *r,
    ngx_xc_ctx_t *ctx);
static ngx_int_t ngx_xc_body_filter(ngx_http_request_t *r, ngx_chain_t *in);
static ngx_int_t ngx_xc_body_hash(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_buf_t *b);


static ngx_http_output_header_filter_pt  ngx_xc_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_xc_next_body_filter;


static ngx_int_t
ngx_xc_header_filter(ngx_http_request_t *r)
{
    ngx_xc_ctx_t       *ctx;
    ngx_xc_loc_conf_t  *xlcf;

    ctx = ngx_xc_get_ctx(r->main);

    if (ctx && ngx_xc_header_foreign(r, ctx)) {
        return NGX_HTTP_BAD_GATEWAY;
    }

    if (ctx && r->upstream) {
        ngx_xc_header_keep_none(r);
    }

    /* a part of another answer has no headers that anybody sees */

    if (r != r->main) {
        return ngx_xc_next_header_filter(r);
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_xc_module);

    if (ctx == NULL && (xlcf->mode == NGX_XC_OFF || xlcf->handler)) {
        return ngx_xc_next_header_filter(r);
    }

    if (ctx) {
        ngx_xc_header_take(r, ctx, &r->headers_out.headers.part);

        if (ctx->status == 0) {
            ctx->status = r->headers_out.status;
        }
    }

    if (ngx_xc_header_no_store(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx && ctx->state == NGX_XC_ADMITTED
        && (ngx_xc_header_record(r, ctx) != NGX_OK
            || ngx_xc_header_ticket(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_xc_next_header_filter(r);
}


/*
 * What a back end says where nginx would send it on as it stands, without our
 * headers and with any that it makes up: what is no HTTP, which nginx takes
 * for an answer of HTTP/0.9, and what follows an answer that is not the last
 * (RFC 9110 section 15.2), which nginx takes for that answer's body.
 */

static ngx_uint_t
ngx_xc_header_foreign(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    ngx_http_upstream_t  *u = r->upstream;

    /* its refusal, nginx's own page, comes by here, too */

    if (u == NULL || u == ctx->foreign) {
        return 0;
    }

    if (r->http_version < NGX_HTTP_VERSION_10) {
        r->http_version = ctx->http_version;

    } else if (ngx_xc_peer_interim(u)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "xc: the back end's answer %ui is not the last: it is "
                      "not passed on", u->headers_in.status_n);

    } else {
        return 0;
    }

    ctx->foreign = u;

    return 1;
}


/*
 * What was decided for one request is not kept for others: proxy_cache would
 * give it to another agency, and, as proxy_store, to whoever asks a location
 * without a gate.  nginx looks at both when the header has been sent.
 */

static void
ngx_xc_header_keep_none(ngx_http_request_t *r)
{
#if (NGX_HTTP_CACHE)
    r->upstream->cacheable = 0;
#endif
    r->upstream->store = 0;
}


static ngx_int_t
ngx_xc_header_no_store(ngx_http_request_t *r)
{
    ngx_str_t  value = ngx_string("no-store");

    ngx_http_clear_last_modified(r);

    r->headers_out.expires = NULL;

    return ngx_xc_reply_header(r, "Cache-Control", &value);
}


/* What a back end says that the client must not read, or not from it */

static void
ngx_xc_header_take(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_list_part_t *part)
{
    ngx_uint_t        i, n;
    ngx_table_elt_t  *h;

    static ngx_str_t  names[] = {
        ngx_string("XC-Reply"), ngx_string("XC-Record"),
        ngx_string("XC-Request"), ngx_string("Cache-Control"),
        ngx_string("Expires"), ngx_string("Pragma"), ngx_null_string
    };

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (n = 0; names[n].len; n++) {
                if (h[i].hash != 0 && h[i].key.len == names[n].len
                    && ngx_strncasecmp(h[i].key.data, names[n].data,
                                       names[n].len)
                       == 0)
                {
                    h[i].hash = 0;

                    if (n == 0) {
                        ngx_xc_header_reply(r, ctx, &h[i].value);
                    }

                    break;
                }
            }
        }
    }
}


/* What the answer is, in the back end's own word; another word is not one */

static void
ngx_xc_header_reply(ngx_http_request_t *r, ngx_xc_ctx_t *ctx,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    static ngx_str_t  words[] = {
        ngx_string("received"), ngx_string("interim"), ngx_string("final"),
        ngx_string("no-data"), ngx_string("declined"), ngx_null_string
    };

    for (i = 0; words[i].len; i++) {
        if (xc_str_eq(ngx_xc_str(&words[i]), ngx_xc_str(value))) {
            ctx->reply = words[i];
            return;
        }
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "xc: the back end's XC-Reply is none of received, interim, "
                  "final, no-data, declined: it is not recorded");
}


static ngx_int_t
ngx_xc_header_record(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    char                 mem[256];
    xc_buf_t             out;
    ngx_str_t            value;
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_xc_module);

    xc_buf_init(&out, mem, sizeof(mem));
    xc_buf_str(&out, ngx_xc_str(&xmcf->node));
    xc_buf_char(&out, ':');
    xc_buf_u64(&out, ctx->seq);
    xc_buf_z(&out, ";leaf=");
    xc_buf_hex(&out, ctx->leaf, XC_SHA256_SIZE);

    value.data = (u_char *) out.data;
    value.len = out.len;

    value.data = ngx_pstrdup(r->pool, &value);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_xc_reply_header(r, "XC-Record", &value);
}


/* To the answer of a submit, by which its result will be asked for */

static ngx_int_t
ngx_xc_header_ticket(ngx_http_request_t *r, ngx_xc_ctx_t *ctx)
{
    char                 mem[XC_TICKET_MAX], record[XC_TICKET_RECORD_MAX];
    xc_buf_t             out, name;
    ngx_str_t            value;
    xc_gate_clock_t      clock;
    ngx_xc_main_conf_t  *xmcf;

    if (ctx->gate.operation->kind != XC_OPERATION_SUBMIT
        || ctx->conf->gate.token_key == NULL)
    {
        return NGX_OK;
    }

    xmcf = ngx_http_get_module_main_conf(r, ngx_xc_module);

    xc_buf_init(&name, record, sizeof(record));
    xc_buf_str(&name, ngx_xc_str(&xmcf->node));
    xc_buf_char(&name, ':');
    xc_buf_u64(&name, ctx->seq);

    ngx_xc_state_clock(&clock);
    xc_buf_init(&out, mem, sizeof(mem));

    if (name.overflow
        || xc_gate_ticket(&ctx->conf->gate, &ctx->gate, ctx->id,
                          xc_buf_view(&name), clock.now_s, &ctx->arena, &out)
           != XC_OK)
    {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "xc: XC-Request can't be made");
        return NGX_ERROR;
    }

    value.data = (u_char *) out.data;
    value.len = out.len;

    value.data = ngx_pstrdup(r->pool, &value);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_xc_reply_header(r, "XC-Request", &value);
}


static ngx_int_t
ngx_xc_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t   *cl;
    ngx_xc_ctx_t  *ctx;

    ctx = ngx_xc_get_ctx(r->main);

    if (ctx == NULL || ctx->hash == NULL) {
        return ngx_xc_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {

        if (!ctx->hash_failed && ngx_xc_body_hash(r, ctx, cl->buf) != NGX_OK) {
            ctx->hash_failed = 1;
        }

        if (cl->buf->last_buf) {
            ctx->answered = 1;

            /* which a back end's gRPC adds after the header */

            ngx_xc_header_take(r, ctx, &r->headers_out.trailers.part);
        }
    }

    return ngx_xc_next_body_filter(r, in);
}


static ngx_int_t
ngx_xc_body_hash(ngx_http_request_t *r, ngx_xc_ctx_t *ctx, ngx_buf_t *b)
{
    off_t    pos;
    size_t   size;
    u_char   chunk[4096];
    ssize_t  n;

    if (ngx_buf_in_memory(b)) {
        size = b->last - b->pos;
        ctx->bytes += size;

        return xc_hash_update(ctx->hash, b->pos, size) == XC_OK ? NGX_OK
                                                                : NGX_ERROR;
    }

    if (!b->in_file) {
        return NGX_OK;
    }

    ctx->bytes += b->file_last - b->file_pos;

    for (pos = b->file_pos; pos < b->file_last; pos += n) {
        size = (size_t) ngx_min(b->file_last - pos, (off_t) sizeof(chunk));

        n = ngx_read_file(b->file, chunk, size, pos);

        if (n <= 0 || xc_hash_update(ctx->hash, chunk, n) != XC_OK) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "xc: the answer could not be read for its digest");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_xc_filter_init(ngx_conf_t *cf)
{
    (void) cf;

    ngx_xc_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_xc_header_filter;

    ngx_xc_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_xc_body_filter;

    return NGX_OK;
}
