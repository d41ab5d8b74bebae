
/*
 * xc_intake: the published document.  Every variant is rendered when the
 * configuration loads; a request picks one.
 */


#include "ngx_xc_module.h"

#include "xc_ascii.h"
#include "xc_files.h"


/* Room for the log's member: an origin, a vkey and a checkpoint, each octet
 * escaped to six */
#define NGX_XC_INTAKE_LOG_MAX   16384

/* Seconds between a worker's warnings that a document has expired */
#define NGX_XC_INTAKE_WARN      86400


typedef struct {
    ngx_str_t                    text;
    ngx_str_t                    type;
    ngx_str_t                    lang;
    ngx_str_t                    etag;
    size_t                       type_len;     /* without its charset */
    time_t                       modified;     /* -1: newer than any date */
} ngx_xc_intake_variant_t;


/* Of a location; the handler finds it through the location's configuration */

struct ngx_xc_intake_doc_s {
    const xc_intake_t           *intake;
    ngx_str_t                    file;
    ngx_str_t                    csp;
    time_t                       loaded;
    time_t                       warned;       /* of this worker */

    /* whether it has expired, whether it is HTML, its language */
    ngx_xc_intake_variant_t      variants[2][2][XC_INTAKE_LANGS];
};


static ngx_int_t ngx_xc_intake_handler(ngx_http_request_t *r);
static ngx_int_t ngx_xc_intake_log(ngx_http_request_t *r,
    ngx_xc_intake_variant_t *answer);
static ngx_int_t ngx_xc_intake_log_etag(ngx_http_request_t *r,
    ngx_xc_intake_variant_t *answer, char *note, size_t len);
static ngx_xc_intake_variant_t *ngx_xc_intake_choose(ngx_http_request_t *r,
    ngx_xc_intake_doc_t *doc);
static ngx_uint_t ngx_xc_intake_expired(ngx_http_request_t *r,
    ngx_xc_intake_doc_t *doc);
static ngx_int_t ngx_xc_intake_joined(ngx_http_request_t *r, xc_msg_t *msg,
    const char *name, xc_str_t *value);
static ngx_int_t ngx_xc_intake_headers(ngx_http_request_t *r,
    ngx_xc_intake_doc_t *doc, ngx_xc_intake_variant_t *variant);
static ngx_int_t ngx_xc_intake_etag(ngx_http_request_t *r,
    ngx_xc_intake_variant_t *variant);
static ngx_int_t ngx_xc_intake_send(ngx_http_request_t *r,
    ngx_xc_intake_variant_t *variant);
static ngx_xc_intake_doc_t *ngx_xc_intake_load(ngx_conf_t *cf,
    ngx_str_t *name);
static ngx_int_t ngx_xc_intake_render_variant(ngx_conf_t *cf,
    ngx_xc_intake_doc_t *doc, const xc_intake_view_t *view);
static ngx_int_t ngx_xc_intake_variant(ngx_conf_t *cf,
    ngx_xc_intake_variant_t *v, const xc_intake_view_t *view, xc_str_t text);


static ngx_int_t
ngx_xc_intake_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_xc_loc_conf_t        *xlcf;
    ngx_xc_intake_variant_t  *variant, answer;

    rc = ngx_xc_reply_begin(r);
    if (rc != NGX_OK) {
        return rc;
    }

    xlcf = ngx_http_get_module_loc_conf(r, ngx_xc_module);

    if (xlcf->intake == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    variant = ngx_xc_intake_choose(r, xlcf->intake);

    if (variant == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer = *variant;

    if (variant->lang.len == 0 && ngx_xc_intake_log(r, &answer) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_xc_intake_headers(r, xlcf->intake, &answer) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_xc_intake_send(r, &answer);
}


/* The JSON has the audit log's name and verifier key, and its latest
 * checkpoint: whoever reads it can keep that, and hold the log to it */

static ngx_int_t
ngx_xc_intake_log(ngx_http_request_t *r, ngx_xc_intake_variant_t *answer)
{
    char                 note[XC_JOURNAL_CHECKPOINT_MAX];
    size_t               len, size;
    xc_buf_t             out;
    ngx_int_t            rc;
    ngx_xc_main_conf_t  *xmcf;

    xmcf = ngx_http_get_module_main_conf(r, ngx_xc_module);

    if (xmcf->key == NULL) {
        return NGX_OK;
    }

    /* the channel's document is there whatever has befallen the log */

    rc = ngx_xc_audit_checkpoint(note, &len);

    if (rc != NGX_OK || !xc_ascii_is_utf8((xc_str_t) { note, len })) {
        if (rc != NGX_DECLINED) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "xc_intake: the latest checkpoint can't be read");
        }

        len = 0;
    }

    size = answer->text.len + NGX_XC_INTAKE_LOG_MAX;

    xc_buf_init(&out, ngx_palloc(r->pool, size), size);
    if (out.data == NULL) {
        return NGX_ERROR;
    }

    /* in front of the document's last brace */

    xc_buf_bytes(&out, answer->text.data,
                 answer->text.len - (sizeof("}\n") - 1));
    xc_buf_z(&out, ",\"log\":{\"origin\":");
    xc_buf_json(&out, ngx_xc_str(&xmcf->origin));
    xc_buf_z(&out, ",\"vkey\":");
    xc_buf_json(&out, ngx_xc_str(&xmcf->vkey));
    xc_buf_z(&out, ",\"checkpoint\":");

    if (len != 0) {
        xc_buf_json(&out, (xc_str_t) { note, len });

    } else {
        xc_buf_z(&out, "null");
    }

    xc_buf_z(&out, "}}\n");

    if (out.overflow) {
        return NGX_ERROR;
    }

    answer->text.data = (u_char *) out.data;
    answer->text.len = out.len;

    return ngx_xc_intake_log_etag(r, answer, note, len);
}


static ngx_int_t
ngx_xc_intake_log_etag(ngx_http_request_t *r, ngx_xc_intake_variant_t *answer,
    char *note, size_t len)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, answer->etag.len + 9);
    if (p == NULL) {
        return NGX_ERROR;
    }

    answer->etag.len = ngx_sprintf(p, "%*s-%08xD\"", answer->etag.len - 1,
                                   answer->etag.data,
                                   ngx_crc32_short((u_char *) note, len))
                       - p;
    answer->etag.data = p;
    answer->modified = -1;

    return NGX_OK;
}


static ngx_xc_intake_variant_t *
ngx_xc_intake_choose(ngx_http_request_t *r, ngx_xc_intake_doc_t *doc)
{
    xc_msg_t            msg;
    xc_str_t            accept, language;
    ngx_str_t           lang, format;
    ngx_uint_t          html;
    xc_intake_lang_t    chosen;

    ngx_memzero(&msg, sizeof(xc_msg_t));

    if (ngx_xc_msg_init(r, &msg) != NGX_OK
        || ngx_xc_intake_joined(r, &msg, "accept", &accept) != NGX_OK
        || ngx_xc_intake_joined(r, &msg, "accept-language", &language)
           != NGX_OK)
    {
        return NULL;
    }

    if (ngx_http_arg(r, (u_char *) "lang", 4, &lang) != NGX_OK) {
        ngx_str_null(&lang);
    }

    if (ngx_http_arg(r, (u_char *) "format", 6, &format) != NGX_OK) {
        ngx_str_null(&format);
    }

    html = xc_intake_format(accept, ngx_xc_str(&format)) == XC_INTAKE_HTML;
    chosen = xc_intake_language(language, ngx_xc_str(&lang));

    if (!doc->intake->langs[chosen]) {
        chosen = XC_INTAKE_ZH;
    }

    ngx_xc_summary_intake(html);

    return &doc->variants[ngx_xc_intake_expired(r, doc)][html][chosen];
}


/* A worker may live on past the document: it says so from then on */

static ngx_uint_t
ngx_xc_intake_expired(ngx_http_request_t *r, ngx_xc_intake_doc_t *doc)
{
    int64_t  now_s = ngx_xc_state_now_us(NULL) / 1000000;

    if (now_s < doc->intake->expires_s) {
        return 0;
    }

    if (now_s - doc->warned >= NGX_XC_INTAKE_WARN) {
        doc->warned = now_s;
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "xc_intake: \"%V\" has expired: check its content and "
                      "write new dates", &doc->file);
    }

    return 1;
}


static ngx_int_t
ngx_xc_intake_joined(ngx_http_request_t *r, xc_msg_t *msg, const char *name,
    xc_str_t *value)
{
    xc_rc_t     rc;
    xc_arena_t  arena;

    arena = ngx_xc_pool_arena(r->pool, 0);

    rc = xc_msg_joined(msg, &arena, xc_str_z(name), value);

    if (rc == XC_DENIED) {
        *value = XC_STR("");
        return NGX_OK;
    }

    return rc == XC_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_xc_intake_headers(ngx_http_request_t *r, ngx_xc_intake_doc_t *doc,
    ngx_xc_intake_variant_t *variant)
{
    ngx_uint_t  i;

    struct {
        const char  *name;
        ngx_str_t    value;
    } headers[] = {
        { "Vary", ngx_string("Accept, Accept-Language, Accept-Encoding") },
        { "Cache-Control", ngx_string("public, max-age=300") },
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "X-Frame-Options", ngx_string("DENY") },
        { "Referrer-Policy", ngx_string("no-referrer") },
        { "Content-Security-Policy", doc->csp },
        { "Content-Language", variant->lang }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (headers[i].value.len != 0
            && ngx_xc_reply_header(r, headers[i].name, &headers[i].value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_out.last_modified_time = variant->modified;

    return ngx_xc_intake_etag(r, variant);
}


static ngx_int_t
ngx_xc_intake_etag(ngx_http_request_t *r, ngx_xc_intake_variant_t *variant)
{
    ngx_table_elt_t  *etag;

    etag = ngx_list_push(&r->headers_out.headers);
    if (etag == NULL) {
        return NGX_ERROR;
    }

    etag->hash = 1;
    ngx_str_set(&etag->key, "ETag");
    etag->value = variant->etag;
    etag->lowcase_key = NULL;
    ngx_xc_header_init(etag);

    r->headers_out.etag = etag;

    /*
     * RFC 9110 13.1.3: beside If-None-Match the date is not looked at.  It
     * is that of a node's last reload, while the tag is every node's
     */

    if (r->headers_in.if_none_match != NULL) {
        r->headers_in.if_modified_since = NULL;
    }

    return NGX_OK;
}


/* The text is the cycle's or the request's: it is sent as it lies there */

static ngx_int_t
ngx_xc_intake_send(ngx_http_request_t *r, ngx_xc_intake_variant_t *variant)
{
    ngx_buf_t  *b;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = variant->text.len;
    r->headers_out.content_type = variant->type;
    r->headers_out.content_type_len = variant->type_len;
    r->headers_out.content_type_lowcase = NULL;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = variant->text.data;
    b->last = b->pos + variant->text.len;
    b->memory = 1;

    return ngx_xc_reply_send(r, b);
}


char *
ngx_xc_intake(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_xc_loc_conf_t *xlcf = conf;

    ngx_str_t                 *value;
    ngx_xc_main_conf_t        *xmcf;
    ngx_xc_intake_doc_t       *doc;
    ngx_http_core_loc_conf_t  *clcf;

    (void) cmd;

    if (xlcf->handler) {
        return "is duplicate";
    }

    value = cf->args->elts;

    doc = ngx_xc_intake_load(cf, &value[1]);
    if (doc == NULL) {
        return NGX_CONF_ERROR;
    }

    xmcf = ngx_http_conf_get_module_main_conf(cf, ngx_xc_module);
    xmcf->intake_expires_s = ngx_min(xmcf->intake_expires_s,
                                     doc->intake->expires_s);

    xlcf->intake = doc;
    xlcf->handler = ngx_xc_intake_handler;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_xc_intake_handler;

    return NGX_CONF_OK;
}


static ngx_xc_intake_doc_t *
ngx_xc_intake_load(ngx_conf_t *cf, ngx_str_t *name)
{
    int64_t               now_s;
    xc_rc_t               rc;
    xc_str_t              text;
    ngx_str_t             file = *name;
    xc_arena_t            arena;
    const char           *error;
    xc_policy_faults_t   *faults;
    ngx_xc_intake_doc_t  *doc;

    doc = ngx_pcalloc(cf->pool, sizeof(ngx_xc_intake_doc_t));
    faults = ngx_pcalloc(cf->temp_pool, sizeof(xc_policy_faults_t));

    if (doc == NULL || faults == NULL
        || ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK)
    {
        return NULL;
    }

    arena = ngx_xc_pool_arena(cf->pool, 0);

    rc = xc_file_read(&arena, XC_STR(""), ngx_xc_str(&file), 0, &text, &error);
    if (rc != XC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "xc_intake: %s",
                           rc == XC_EIO ? error : "no memory");
        return NULL;
    }

    now_s = ngx_xc_state_now_us(NULL) / 1000000;

    rc = xc_intake_load(&arena, text, now_s, faults, &doc->intake);

    ngx_xc_conf_faults(cf, &file, faults);

    if (rc != XC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: the intake document does not load: faults: %uz",
                           &file, faults->faults);
        return NULL;
    }

    doc->file = file;
    doc->loaded = ngx_time();

    return doc;
}


/* After inheritance, when the location's policy is known */

ngx_int_t
ngx_xc_intake_render(ngx_conf_t *cf, ngx_xc_loc_conf_t *conf)
{
    xc_str_t          csp;
    ngx_uint_t        i;
    xc_arena_t        arena;
    xc_intake_view_t  view;

    arena = ngx_xc_pool_arena(cf->pool, 0);

    if (xc_intake_csp(&arena, &csp) != XC_OK) {
        return NGX_ERROR;
    }

    conf->intake->csp.data = (u_char *) csp.data;
    conf->intake->csp.len = csp.len;

    view.policy = conf->policy ? conf->policy->policy : NULL;
    view.accept = &conf->accept;

    for (i = 0; i < 2 * 2 * XC_INTAKE_LANGS; i++) {
        view.expired = i & 1;
        view.format = i & 2 ? XC_INTAKE_HTML : XC_INTAKE_JSON;
        view.lang = (xc_intake_lang_t) (i / 4);

        if (ngx_xc_intake_render_variant(cf, conf->intake, &view) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "xc_intake: the document can't be "
                               "rendered: too large, or no memory");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_xc_intake_render_variant(ngx_conf_t *cf, ngx_xc_intake_doc_t *doc,
    const xc_intake_view_t *view)
{
    xc_str_t                  text;
    xc_arena_t                arena;
    ngx_xc_intake_variant_t  *v;

    arena = ngx_xc_pool_arena(cf->pool, 0);

    if (xc_intake_render(&arena, doc->intake, view, &text) != XC_OK) {
        return NGX_ERROR;
    }

    v = &doc->variants[view->expired][view->format == XC_INTAKE_HTML]
                      [view->lang];

    v->modified = doc->loaded;

    if (view->expired) {
        v->modified = ngx_max(v->modified, (time_t) doc->intake->expires_s);
    }

    return ngx_xc_intake_variant(cf, v, view, text);
}


static ngx_int_t
ngx_xc_intake_variant(ngx_conf_t *cf, ngx_xc_intake_variant_t *v,
    const xc_intake_view_t *view, xc_str_t text)
{
    uint8_t   sha256[XC_SHA256_SIZE];
    xc_str_t  type, tag;

    if (xc_hash(XC_HASH_SHA256, text.data, text.len, sha256) != XC_OK) {
        return NGX_ERROR;
    }

    v->text.data = (u_char *) text.data;
    v->text.len = text.len;

    /* gzip_types names it without a charset */

    type = xc_intake_media_type(view->format);
    v->type.data = (u_char *) type.data;
    v->type.len = type.len;
    v->type_len = strcspn(type.data, ";");

    if (view->format == XC_INTAKE_HTML) {
        tag = xc_intake_lang_tag(view->lang);
        v->lang.data = (u_char *) tag.data;
        v->lang.len = tag.len;
    }

    v->etag.len = 2 + 32;
    v->etag.data = ngx_pnalloc(cf->pool, v->etag.len);
    if (v->etag.data == NULL) {
        return NGX_ERROR;
    }

    v->etag.data[0] = '"';
    ngx_hex_dump(v->etag.data + 1, sha256, 16);
    v->etag.data[33] = '"';

    return NGX_OK;
}
