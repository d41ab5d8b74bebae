/* How the tests of the gate ask: a policy, a map, and requests signed with
 * the keys of the sample. */

#ifndef GATE_ASK_H
#define GATE_ASK_H

#include "xt.h"
#include "sample_policy.h"
#include "xc_b64.h"
#include "xc_gate.h"
#include "xc_sigbase.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


#define USCC        "91310000MA1FL0000N"
#define AUTHORITY   "platform.example"
#define BODY_MAX    4096
#define LINES_MAX   24
#define MERCHANT    "/xc/v1/merchants/" USCC "?fields=merchant.name"          \
                    "&request_no=%E6%B2%AA%E3%80%942026%E3%80%951%E5%8F%B7"   \
                    "&purpose=product_recall"

static const char  good_body[] =
    "{\"request_no\": \"沪市监协查〔2026〕1182号\", \"purpose\":"
    " \"product_recall\", \"subjects\": [{\"type\": \"merchant\", \"id\": \""
    USCC "\"}], \"fields\": [\"merchant.name\", \"merchant.uscc\"]}";

/* The private half of SAMPLE_PUBLIC, the key of 310115-2026a. */
static const char  sample_private[] = "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
    "-----END PRIVATE KEY-----\n";

typedef struct {
    xc_heap_t           heap;
    const xc_policy_t  *policy;
    const xc_key_t     *ed25519;
    xc_map_t            map;
    char                path[64];
    xc_map_agency_t    *places[8];
    xc_gate_conf_t      conf;
    xc_gate_clock_t     clock;
} world_t;

/* What a client sends; ask_default() fills it.  NULL: left out. */
typedef struct {
    const char  *method, *target, *host, *type, *encoding, *keyid, *nonce,
                *digest;            /* NULL: made of digest_of */
    const char  *name, *value;      /* one more header line */
    xc_str_t     body, digest_of;
    bool         announced, tls, early_data, is_signed, corrupt;
    int64_t      content_length, created_s, back_s, late_s;
    uint8_t      client;            /* last octet of 203.0.113.0/24 */
} ask_t;

typedef struct {
    xc_heap_t        heap;
    char             text[4096];
    xc_buf_t         mem;
    xc_header_t      lines[LINES_MAX];
    xc_msg_t         msg;
    xc_str_t         body;
    xc_gate_clock_t  clock;
    int64_t          late_s;
    xc_rc_t          rc;
    bool             decided;       /* the headers passed */
    xc_gate_t        gate;
} request_t;


static inline void
bail_out(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(2);
}


/* The sample with find replaced; ' for " in both. */
static inline void
world_policy(world_t *w, const char *find, const char *with)
{
    char                text[sizeof(sample_policy) + 512];
    char                json[sizeof(text)];
    xc_buf_t            out;
    const char         *at, *error;
    xc_policy_faults_t  faults;

    find = find == NULL ? "" : find;
    at = strstr(sample_policy, find);
    if (at == NULL) {
        bail_out("the sample has no such text");
    }

    xc_buf_init(&out, text, sizeof(text) - 1);
    xc_buf_bytes(&out, sample_policy, (size_t) (at - sample_policy));
    xc_buf_z(&out, with == NULL ? "" : with);
    xc_buf_z(&out, at + strlen(find));
    text[out.len] = '\0';

    if (xc_policy_load(&w->heap.arena, sample_json(json, sizeof(json), text),
                       NULL, SAMPLE_NOW_S, &faults, &w->policy) != XC_OK
        || xc_key_private(&w->heap.arena, XC_ALG_ED25519,
                          XC_STR(sample_private), &error, &w->ed25519)
           != XC_OK)
    {
        bail_out("the policy does not load");
    }
}


/* born: after a restart, so that the birth rule holds. */
static inline void
world_map(world_t *w, bool born)
{
    int              fd;
    size_t           i;
    const char      *error = "";
    xc_map_conf_t    conf;
    xc_map_origin_t  origin;

    (void) snprintf(w->path, sizeof(w->path), "/tmp/xc_test_gate.XXXXXX");

    fd = mkstemp(w->path);
    if (fd == -1) {
        bail_out("no temporary file");
    }

    (void) close(fd);

    conf = (xc_map_conf_t) {
        .path = w->path, .replay = XC_MAP_REPLAY_MIN,
        .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
        .now_s = w->clock.now_s, .log_exists = born, .create = true,
        .uid = (uid_t) -1, .gid = (gid_t) -1,
    };

    if (xc_map_open(&w->map, &conf, &origin, &error) != XC_OK) {
        bail_out(error);
    }

    /* it lives as long as it is mapped */
    (void) unlink(w->path);

    for (i = 0; i < w->policy->n_agencies; i++) {
        w->places[i] = xc_map_agency(&w->map, w->policy->agencies[i].id, 1, 0,
                                     0);
    }
}


static inline void
world_open(world_t *w, const char *find, const char *with, bool born)
{
    *w = (world_t) { .clock = { SAMPLE_NOW_S, 1000000 } };
    xc_heap_init(&w->heap, 0);

    if (xc_crypto_init() != XC_OK) {
        bail_out("no cryptography");
    }

    world_policy(w, find, with);
    world_map(w, born);

    w->conf = (xc_gate_conf_t) {
        w->policy, w->places, &w->map, { { 1u << XC_SCHEME_HTTPSIG }, 1 },
        BODY_MAX, 0, INT64_MIN, 0, false, NULL
    };
}


static inline void
world_close(world_t *w)
{
    xc_map_close(&w->map);
    xc_heap_free(&w->heap);
}


/* The place of 310000, the agency of ask_default(). */
static inline xc_map_agency_t *
world_place(world_t *w)
{
    return w->places[1];
}


/* Forgets nonces and debts; time goes on, as it must. */
static inline void
world_reset(world_t *w)
{
    size_t  i;

    memset(w->map.nonces, 0,
           w->map.n_buckets * XC_MAP_BUCKET * sizeof(xc_map_nonce_t));

    for (i = 0; i < w->policy->n_agencies; i++) {
        atomic_store(&w->places[i]->tat_us, 0);
        atomic_store(&w->places[i]->refusals_tat_us, 0);
    }

    w->clock.now_s += 10000;
    w->clock.boot_us += 10000 * (int64_t) 1000000;
}


static inline ask_t
ask_default(const world_t *w)
{
    return (ask_t) {
        .method = "POST", .target = "/xc/v1/requests", .host = AUTHORITY,
        .type = "application/json", .keyid = "310000-2026", .nonce = "n-1",
        .body = XC_STR(good_body), .announced = true, .tls = true,
        .is_signed = true, .content_length = -1,
        .created_s = w->clock.now_s, .client = 7,
    };
}


static inline ask_t
ask_merchant(const world_t *w)
{
    ask_t  ask = ask_default(w);

    ask.method = "GET";
    ask.target = MERCHANT;
    ask.type = NULL;
    ask.body = XC_STR_NONE;
    ask.announced = false;

    return ask;
}


/* What was written to r->mem since start. */
static inline xc_str_t
request_since(const request_t *r, size_t start)
{
    if (r->mem.overflow) {
        bail_out("a request has no room");
    }

    return (xc_str_t) { r->mem.data + start, r->mem.len - start };
}


static inline void
request_line(request_t *r, const char *name, xc_str_t value)
{
    if (r->msg.n_headers == LINES_MAX) {
        bail_out("too many header lines");
    }

    r->lines[r->msg.n_headers++] = (xc_header_t) { xc_str_z(name), value };
}


static inline void
request_digest(request_t *r, const ask_t *ask)
{
    size_t    start = r->mem.len;
    uint8_t   hash[XC_SHA256_SIZE];
    xc_str_t  of = ask->digest_of.data != NULL ? ask->digest_of : ask->body;

    if (ask->digest != NULL) {
        request_line(r, "Content-Digest", xc_str_z(ask->digest));
        return;
    }

    if (xc_hash(XC_HASH_SHA256, of.data, of.len, hash) != XC_OK) {
        bail_out("no hash");
    }

    xc_buf_z(&r->mem, "sha-256=:");
    xc_b64_encode(XC_B64_STD, &r->mem, hash, sizeof(hash));
    xc_buf_char(&r->mem, ':');
    request_line(r, "Content-Digest", request_since(r, start));
}


static inline const xc_key_t *
world_key(const world_t *w, const char *keyid)
{
    const xc_credential_t  *credential;

    credential = xc_policy_keyid(w->policy, xc_str_z(keyid));

    return credential == NULL ? NULL
           : credential->alg == XC_ALG_ED25519 ? w->ed25519 : credential->key;
}


/* Signature-Input as given; the bytes of its label "sig" (zeros without a
 * key), and more, which may be empty, behind them. */
static inline void
request_sign(request_t *r, const world_t *w, const ask_t *ask, xc_str_t input,
    const char *more)
{
    size_t                start, len = 64;
    uint8_t               bytes[XC_SIGNATURE_MAX] = { 0 };
    xc_str_t              base;
    xc_heap_t             heap;
    xc_sfv_list_t         dict;
    const xc_key_t       *key = world_key(w, ask->keyid);
    const xc_sfv_item_t  *item;

    xc_heap_init(&heap, 0);

    if (xc_sfv_parse_dict(&heap.arena, input, &dict) != XC_OK
        || (item = xc_sfv_member(&dict, XC_STR("sig"))) == NULL
        || xc_sig_base(&heap.arena, &r->msg, XC_STR(AUTHORITY), item, &base,
                       NULL) != XC_OK
        || (key != NULL && xc_key_sign(key, base, bytes, &len) != XC_OK))
    {
        bail_out("a request can't be signed");
    }

    xc_heap_free(&heap);

    bytes[len - 1] ^= ask->corrupt;

    start = r->mem.len;
    xc_buf_z(&r->mem, "sig=:");
    xc_b64_encode(XC_B64_STD, &r->mem, bytes, len);
    xc_buf_char(&r->mem, ':');
    xc_buf_z(&r->mem, more);

    request_line(r, "Signature-Input", input);
    request_line(r, "Signature", request_since(r, start));
}


static inline xc_str_t
request_input(request_t *r, const ask_t *ask)
{
    size_t  start = r->mem.len;

    xc_buf_z(&r->mem, "sig=(\"@method\" \"@authority\" \"@path\"");
    xc_buf_z(&r->mem, r->msg.has_query ? " \"@query\"" : "");
    xc_buf_z(&r->mem, ask->announced ? " \"content-type\" \"content-digest\""
                                     : "");
    xc_buf_z(&r->mem, ");created=");
    xc_buf_i64(&r->mem, ask->created_s);
    xc_buf_z(&r->mem, ";keyid=\"");
    xc_buf_z(&r->mem, ask->keyid);

    if (ask->nonce != NULL) {
        xc_buf_z(&r->mem, "\";nonce=\"");
        xc_buf_z(&r->mem, ask->nonce);
    }

    xc_buf_z(&r->mem, "\";tag=\"xc\"");

    return request_since(r, start);
}


/* All but the signature's two lines. */
static inline void
request_begin(request_t *r, const world_t *w, const ask_t *ask)
{
    *r = (request_t) { .clock = w->clock, .late_s = ask->late_s };
    xc_heap_init(&r->heap, 0);
    xc_buf_init(&r->mem, r->text, sizeof(r->text));

    r->clock.now_s -= ask->back_s;
    r->body = ask->body;
    r->msg = (xc_msg_t) {
        .method = xc_str_z(ask->method), .headers = r->lines,
        .tls = ask->tls, .early_data = ask->early_data,
        .body = ask->announced, .content_length = ask->content_length,
        .client = { { [10] = 0xff, 0xff, 203, 0, 113, ask->client } },
        .client_text = XC_STR("203.0.113.7")
    };

    xc_msg_set_target(&r->msg, xc_str_z(ask->target));

    request_line(r, "Host", xc_str_z(ask->host));

    if (ask->type != NULL) {
        request_line(r, "Content-Type", xc_str_z(ask->type));
    }

    if (ask->announced) {
        request_digest(r, ask);
    }

    if (ask->encoding != NULL) {
        request_line(r, "Content-Encoding", xc_str_z(ask->encoding));
    }

    if (ask->name != NULL) {
        request_line(r, ask->name, xc_str_z(ask->value));
    }
}


static inline void
request_make(request_t *r, const world_t *w, const ask_t *ask)
{
    request_begin(r, w, ask);

    if (ask->is_signed) {
        request_sign(r, w, ask, request_input(r, ask), "");
    }
}


/* As the adapter does it. */
static inline void
request_run(request_t *r, const world_t *w)
{
    xc_arena_t       *arena = &r->heap.arena;
    xc_gate_clock_t   clock = r->clock;

    r->decided = false;
    r->rc = xc_gate_headers(&w->conf, &r->msg, &clock, arena, &r->gate);

    if (r->rc == XC_OK) {
        clock.now_s += r->late_s;
        clock.boot_us += r->late_s * 1000000;
        r->decided = true;
        r->rc = xc_gate_decide(&w->conf, &r->msg, r->body, &clock, arena,
                               &r->gate);
    }
}


static inline void
request_free(request_t *r)
{
    xc_heap_free(&r->heap);
}


/* Makes, runs, frees; what remains is what does not lie in the arena. */
static inline xc_reason_t
ask_run(request_t *r, const world_t *w, const ask_t *ask)
{
    request_make(r, w, ask);
    request_run(r, w);
    request_free(r);

    /* an admission and a reason exclude each other */
    return (r->rc == XC_OK) == (r->gate.verdict.reason == XC_REASON_NONE)
           ? r->gate.verdict.reason : XC_REASON_COUNT;
}


static inline xc_str_t
reason_code(xc_reason_t reason)
{
    return reason == XC_REASON_NONE ? XC_STR("admitted")
           : reason == XC_REASON_COUNT ? XC_STR("a contradiction")
           : xc_reason_info(reason)->code;
}

#endif
