#include "xcctl.h"
#include "xcctl_sign_args.h"

#include "../core/xc_ascii.h"
#include "../core/xc_b64.h"
#include "../core/xc_crypto.h"
#include "../core/xc_msg.h"
#include "../core/xc_sigbase.h"

#include <errno.h>
#include <stdio.h>


#define XCCTL_SIGN_LABEL    "sig"
#define XCCTL_SIGN_LINES    (XCCTL_SIGN_HEADERS + 3)
#define XCCTL_SIGN_PARAMS   5
#define XCCTL_SIGN_OUT      65536       /* bytes of one field */

typedef struct {
    xc_heap_t                 heap;
    const xcctl_sign_args_t  *args;
    xc_msg_t                  msg;
    xc_header_t               lines[XCCTL_SIGN_LINES];  /* [0] is Host */
    bool                      print_host;
    xc_sfv_item_t             items[XCCTL_SIGN_LINES + XC_SIGBASE_REQUIRED_MAX];
    xc_sfv_param_t            params[XCCTL_SIGN_PARAMS];
    xc_sfv_item_t             input;
} xcctl_sign_t;


/* "https://authority/path?query" into the Host line and the target. */
static int
xcctl_sign_set_url(xcctl_sign_t *sign)
{
    size_t    len;
    xc_str_t  rest = xc_str_z(sign->args->url);

    if (strncmp(rest.data, "https://", 8) == 0) {
        sign->msg.tls = true;
        rest = xc_str_z(rest.data + 8);

    } else if (strncmp(rest.data, "http://", 7) == 0) {
        rest = xc_str_z(rest.data + 7);

    } else {
        return xcctl_usage("sign: --url begins with https:// or http://");
    }

    if (strpbrk(rest.data, "# \t\r\n") != NULL) {
        return xcctl_usage("sign: --url holds a space or a fragment");
    }

    len = strcspn(rest.data, "/?");
    sign->lines[0] = (xc_header_t) { XC_STR("Host"), { rest.data, len } };

    rest = xc_str_z(rest.data + len);

    if (rest.len == 0) {
        rest = XC_STR("/");

    } else if (rest.data[0] == '?') {
        rest = xc_arena_printf(&sign->heap.arena, "/%s", rest.data);
    }

    xc_msg_set_target(&sign->msg, rest);

    return XCCTL_OK;
}


static void
xcctl_sign_add(xcctl_sign_t *sign, xc_str_t name, xc_str_t value)
{
    sign->lines[sign->msg.n_headers++] = (xc_header_t) { name, value };
}


static int
xcctl_sign_set_headers(xcctl_sign_t *sign)
{
    size_t       i;
    xc_str_t     name, value;
    const char  *line, *colon;

    for (i = 0; i < sign->args->n_headers; i++) {
        line = sign->args->headers[i];
        colon = strchr(line, ':');

        if (colon == NULL) {
            return xcctl_usage("sign: --header is 'Name: value'");
        }

        name = (xc_str_t) { line, (size_t) (colon - line) };
        value = xc_ascii_trim(xc_str_z(colon + 1));

        if (!xcctl_sign_is_token(name) || !xc_ascii_no_controls(value)) {
            return xcctl_usage("sign: --header is 'Name: value', without"
                               " control characters");
        }

        if (xc_ascii_ieq(name, XC_STR("host"))) {
            sign->lines[0].value = value;
            sign->print_host = true;
            continue;
        }

        xcctl_sign_add(sign, name, value);
    }

    return XCCTL_OK;
}


static int
xcctl_sign_add_digest(xcctl_sign_t *sign, xc_str_t body)
{
    char      mem[128];
    uint8_t   hash[XC_SHA256_SIZE];
    xc_buf_t  value;
    xc_str_t  text;

    xc_buf_init(&value, mem, sizeof(mem));
    xc_buf_z(&value, "sha-256=:");

    if (xc_hash(XC_HASH_SHA256, body.data, body.len, hash) != XC_OK) {
        return xcctl_fail("sign: the body can't be hashed");
    }

    xc_b64_encode(XC_B64_STD, &value, hash, sizeof(hash));
    xc_buf_char(&value, ':');

    if (xc_arena_dup(&sign->heap.arena, xc_buf_view(&value), &text) != XC_OK) {
        return xcctl_fail("out of memory");
    }

    xcctl_sign_add(sign, XC_STR("Content-Digest"), text);

    return XCCTL_OK;
}


/* Content-Type and Content-Digest, unless the command line gave its own. */
static int
xcctl_sign_set_body(xcctl_sign_t *sign)
{
    xc_str_t     body;
    const char  *path = sign->args->body, *type = sign->args->content_type;

    sign->msg.body = path != NULL;

    if (type == NULL && path != NULL
        && xc_msg_header(&sign->msg, XC_STR("content-type"), NULL) == NULL)
    {
        type = "application/json";
    }

    if (type != NULL) {
        if (!xc_ascii_no_controls(xc_str_z(type))) {
            return xcctl_usage("sign: --content-type holds a control");
        }

        xcctl_sign_add(sign, XC_STR("Content-Type"),
                       xc_ascii_trim(xc_str_z(type)));
    }

    if (path == NULL
        || xc_msg_header(&sign->msg, XC_STR("content-digest"), NULL) != NULL)
    {
        return XCCTL_OK;
    }

    if (xcctl_read_file(&sign->heap, path, &body) != XC_OK) {
        return xcctl_fail("sign: can't read %s: %s", path, strerror(errno));
    }

    return xcctl_sign_add_digest(sign, body);
}


static void
xcctl_sign_cover(xcctl_sign_t *sign, xc_str_t name)
{
    if (!xc_sigbase_covers(&sign->input, sign->input.n_items, name)) {
        sign->items[sign->input.n_items++].bare =
            (xc_sfv_bare_t) { XC_SFV_STRING, 0, name };
    }
}


/* What the gate requires, and every header that the command line gave. */
static int
xcctl_sign_set_components(xcctl_sign_t *sign)
{
    char      *lower;
    size_t     i, j, n;
    xc_str_t   name, required[XC_SIGBASE_REQUIRED_MAX];

    sign->input.bare.type = XC_SFV_INNER_LIST;
    sign->input.items = sign->items;

    n = xc_sigbase_required(&sign->msg, required);
    for (i = 0; i < n; i++) {
        xcctl_sign_cover(sign, required[i]);
    }

    for (i = 1; i < sign->msg.n_headers; i++) {
        name = sign->lines[i].name;

        lower = xc_arena_alloc(&sign->heap.arena, name.len);
        if (lower == NULL) {
            return xcctl_fail("out of memory");
        }

        for (j = 0; j < name.len; j++) {
            lower[j] = xc_ascii_lower(name.data[j]);
        }

        xcctl_sign_cover(sign, (xc_str_t) { lower, name.len });
    }

    return XCCTL_OK;
}


static void
xcctl_sign_add_param(xcctl_sign_t *sign, xc_str_t name, xc_sfv_bare_t value)
{
    sign->params[sign->input.n_params++] = (xc_sfv_param_t) { name, value };
}


static void
xcctl_sign_add_text(xcctl_sign_t *sign, xc_str_t name, xc_str_t text)
{
    xcctl_sign_add_param(sign, name,
                         (xc_sfv_bare_t) { XC_SFV_STRING, 0, text });
}


static int
xcctl_sign_set_nonce(xcctl_sign_t *sign)
{
    char      mem[32];
    uint8_t   random[16];
    xc_buf_t  text;
    xc_str_t  nonce;

    if (xc_random(random, sizeof(random)) != XC_OK) {
        return xcctl_fail("no random bytes");
    }

    xc_buf_init(&text, mem, sizeof(mem));
    xc_b64_encode(XC_B64_URL, &text, random, sizeof(random));

    if (xc_arena_dup(&sign->heap.arena, xc_buf_view(&text), &nonce) != XC_OK) {
        return xcctl_fail("out of memory");
    }

    xcctl_sign_add_text(sign, XC_STR("nonce"), nonce);

    return XCCTL_OK;
}


/* An empty --nonce leaves the parameter out. */
static int
xcctl_sign_set_params(xcctl_sign_t *sign)
{
    int                       status = XCCTL_OK;
    const xcctl_sign_args_t  *args = sign->args;

    sign->input.params = sign->params;

    xcctl_sign_add_param(sign, XC_STR("created"),
                         (xc_sfv_bare_t) { XC_SFV_INTEGER, args->created_s,
                                           XC_STR_NONE });
    xcctl_sign_add_text(sign, XC_STR("keyid"), xc_str_z(args->keyid));

    if (args->nonce == NULL) {
        status = xcctl_sign_set_nonce(sign);

    } else if (args->nonce[0] != '\0') {
        xcctl_sign_add_text(sign, XC_STR("nonce"), xc_str_z(args->nonce));
    }

    if (args->expires != NULL) {
        xcctl_sign_add_param(sign, XC_STR("expires"),
                             (xc_sfv_bare_t) { XC_SFV_INTEGER,
                                               args->expires_s, XC_STR_NONE });
    }

    if (args->tag != NULL) {
        xcctl_sign_add_text(sign, XC_STR("tag"), xc_str_z(args->tag));
    }

    return status;
}


static xc_rc_t
xcctl_sign_secret(xc_arena_t *arena, xc_alg_t alg, xc_str_t text,
    const char **error, const xc_key_t **out)
{
    size_t    len;
    uint8_t  *bytes;

    while (text.len != 0 && strchr(" \t\r\n", text.data[text.len - 1])) {
        text.len--;
    }

    bytes = xc_arena_alloc(arena, XC_B64_DECODED_MAX(text.len));
    if (bytes == NULL) {
        return XC_ENOMEM;
    }

    if (xc_b64_decode(XC_B64_STD, text, bytes, &len) != XC_OK) {
        *error = "not base64";
        return XC_EINPUT;
    }

    return xc_key_secret(arena, alg, (xc_str_t) { (const char *) bytes, len },
                         error, out);
}


static int
xcctl_sign_read_key(xcctl_sign_t *sign, const xc_key_t **key)
{
    xc_rc_t      rc;
    xc_str_t     text;
    const char  *error = "can't be used", *path = sign->args->key;
    xc_arena_t  *arena = &sign->heap.arena;

    if (xcctl_read_file(&sign->heap, path, &text) != XC_OK) {
        return xcctl_fail("sign: can't read %s: %s", path, strerror(errno));
    }

    rc = xc_alg_is_symmetric(sign->args->alg_code)
         ? xcctl_sign_secret(arena, sign->args->alg_code, text, &error, key)
         : xc_key_private(arena, sign->args->alg_code, text, &error, key);

    if (rc == XC_OK && sign->args->sm2_id != NULL) {
        path = "--sm2-id";
        rc = xc_key_sm2_id(arena, *key, xc_str_z(sign->args->sm2_id), &error,
                           key);
    }

    return rc == XC_OK ? XCCTL_OK : xcctl_fail("sign: %s: %s", path, error);
}


static int
xcctl_sign_print_field(xcctl_sign_t *sign, const char *name,
    const xc_sfv_item_t *item)
{
    void             *mem;
    xc_buf_t          out;
    xc_sfv_member_t   member = { XC_STR(XCCTL_SIGN_LABEL), *item };
    xc_sfv_list_t     dict = { &member, 1, false };

    mem = xc_arena_alloc(&sign->heap.arena, XCCTL_SIGN_OUT);
    if (mem == NULL) {
        return xcctl_fail("out of memory");
    }

    xc_buf_init(&out, mem, XCCTL_SIGN_OUT);
    xc_sfv_write_dict(&out, &dict);

    if (out.overflow) {
        return xcctl_fail("sign: %s would be over %d bytes", name,
                          XCCTL_SIGN_OUT);
    }

    printf("%s: " XC_STR_FMT "\n", name, XC_STR_ARG(xc_buf_view(&out)));

    return XCCTL_OK;
}


static int
xcctl_sign_print(xcctl_sign_t *sign, xc_str_t signature)
{
    int            status;
    size_t         i;
    xc_sfv_item_t  value = { .bare = { XC_SFV_BYTES, 0, signature } };

    for (i = sign->print_host ? 0 : 1; i < sign->msg.n_headers; i++) {
        printf(XC_STR_FMT ": " XC_STR_FMT "\n",
               XC_STR_ARG(sign->lines[i].name),
               XC_STR_ARG(sign->lines[i].value));
    }

    status = xcctl_sign_print_field(sign, "Signature-Input", &sign->input);

    return status != XCCTL_OK ? status
           : xcctl_sign_print_field(sign, "Signature", &value);
}


static int
xcctl_sign_finish(xcctl_sign_t *sign)
{
    int              status;
    size_t           len;
    uint8_t          bytes[XC_SIGNATURE_MAX];
    xc_str_t         authority, base;
    xc_arena_t      *arena = &sign->heap.arena;
    const xc_key_t  *key;

    status = xcctl_sign_read_key(sign, &key);
    if (status != XCCTL_OK) {
        return status;
    }

    if (xc_msg_authority(&sign->msg, arena, &authority) != XC_OK) {
        return xcctl_usage("sign: the URL or Host names no host[:port]");
    }

    if (xc_sig_base(arena, &sign->msg, authority, &sign->input, &base, NULL)
        != XC_OK
        || xc_key_sign(key, base, bytes, &len) != XC_OK)
    {
        return xcctl_fail("sign: the request can't be signed");
    }

    return xcctl_sign_print(sign, (xc_str_t) { (const char *) bytes, len });
}


static int
xcctl_sign_run(xcctl_sign_t *sign)
{
    int     status = XCCTL_OK;
    size_t  i;

    static int (*const  steps[])(xcctl_sign_t *) = {
        xcctl_sign_set_url,
        xcctl_sign_set_headers,
        xcctl_sign_set_body,
        xcctl_sign_set_components,
        xcctl_sign_set_params,
        xcctl_sign_finish
    };

    for (i = 0; status == XCCTL_OK && i < XC_COUNT(steps); i++) {
        status = steps[i](sign);
    }

    return status;
}


int
xcctl_sign(int argc, char **argv)
{
    int                status;
    xcctl_sign_t       sign = { .msg = { .content_length = -1 } };
    xcctl_sign_args_t  args = { .n_headers = 0 };

    status = xcctl_sign_parse_args(&args, argc, argv);
    if (status != XCCTL_OK) {
        return status;
    }

    xc_heap_init(&sign.heap, 0);

    sign.args = &args;
    sign.msg.method = xc_str_z(args.method);
    sign.msg.headers = sign.lines;
    sign.msg.n_headers = 1;

    status = xcctl_sign_run(&sign);

    xc_heap_free(&sign.heap);

    return status;
}
