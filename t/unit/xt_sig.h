/* A policy with three credentials of two agencies, and requests signed by
 * them: what the tests of signatures and of xc_auth share. */

#ifndef XT_SIG_H
#define XT_SIG_H

#include "xt.h"
#include "xc_b64.h"
#include "xc_sig.h"


#define NOW      1800000000
#define SIGNED   "(\"@method\" \"@authority\" \"@path\")"
#define BASIC    ";created=1800000000;keyid=\"a1\""
#define GOOD     SIGNED BASIC ";nonce=\"n1\""
#define GOOD_A2  SIGNED ";created=1800000000;keyid=\"a2\";nonce=\"n2\""
#define GOOD_B1  SIGNED ";created=1800000000;keyid=\"b1\";nonce=\"n3\""
#define PROXY    SIGNED ";created=1;keyid=\"proxy\""
#define ZERO     ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
#define X32      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X128     X32 X32 X32 X32

/* The keys of RFC 9421 B.1.4. */
static const char  ed_private[] = "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
    "-----END PRIVATE KEY-----\n";
static const char  ed_public[] = "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";

static xc_agency_t      agencies[2];
static xc_credential_t  credentials[] = {
    { .keyid = { "a1", 2 }, .alg = XC_ALG_ED25519, .agency = &agencies[0] },
    { .keyid = { "a2", 2 }, .alg = XC_ALG_HMAC_SHA256,
      .agency = &agencies[0] },
    { .keyid = { "b1", 2 }, .alg = XC_ALG_HMAC_SHA256,
      .agency = &agencies[1] },
};

static xc_heap_t        setup_heap;
static const xc_key_t  *signers[XC_COUNT(credentials)];
static xc_policy_t      policy;

typedef struct {
    const char  *name;
    const char  *input;         /* Signature-Input */
    int          reason;        /* XC_REASON_NONE: passes */
    const char  *detail;        /* part of it; may be NULL */
    const char  *signature;     /* NULL: made from input */
    const char  *target;        /* NULL: "/xc/v1" */
    const char  *tag;           /* that the policy asks for */
    bool         body, nonce_optional;
    const char  *changed;       /* method that arrives, after signing */
} sig_case_t;


static bool
set_up_keys(void)
{
    size_t       i;
    xc_rc_t      rc;
    xc_str_t     secret;
    const char  *error;
    xc_arena_t  *arena = &setup_heap.arena;

    rc = xc_key_private(arena, XC_ALG_ED25519, XC_STR(ed_private), &error,
                        &signers[0]);
    if (rc == XC_OK) {
        rc = xc_key_public(arena, XC_ALG_ED25519, XC_STR(ed_public), &error,
                           &credentials[0].key);
    }

    for (i = 1; rc == XC_OK && i < XC_COUNT(credentials); i++) {
        secret = i == 1 ? XC_STR("0123456789abcdef0123456789abcdef")
                        : XC_STR("fedcba9876543210fedcba9876543210");
        rc = xc_key_secret(arena, XC_ALG_HMAC_SHA256, secret, &error,
                           &signers[i]);
        credentials[i].key = signers[i];
    }

    return rc == XC_OK;
}


static bool
set_up(void)
{
    size_t  i;

    xc_heap_init(&setup_heap, 0);

    if (xc_crypto_init() != XC_OK || !set_up_keys()
        || xc_index_init(&policy.keyid_index, &setup_heap.arena, 8) != XC_OK)
    {
        return false;
    }

    for (i = 0; i < XC_COUNT(credentials); i++) {
        credentials[i].not_before_s = INT64_MIN;
        credentials[i].not_after_s = INT64_MAX;

        if (xc_index_add(&policy.keyid_index, credentials[i].keyid,
                         &credentials[i]) != XC_OK)
        {
            return false;
        }
    }

    policy.max_age_s = 300;
    policy.max_skew_s = 30;

    return true;
}


/* The bytes that stand for one label; zeros where it can't be signed. */
static void
sign_label(xc_arena_t *arena, const xc_msg_t *msg, const xc_sfv_item_t *input,
    xc_buf_t *out)
{
    size_t                i, len = 64;
    uint8_t               bytes[XC_SIGNATURE_MAX] = { 0 };
    xc_str_t              base;
    const xc_sfv_bare_t  *keyid;

    keyid = xc_sfv_param(input, XC_STR("keyid"));

    for (i = 0; keyid != NULL && i < XC_COUNT(credentials); i++) {
        if (xc_str_eq(credentials[i].keyid, keyid->text)
            && xc_sig_base(arena, msg, XC_STR("platform.example"), input,
                           &base, NULL) == XC_OK
            && xc_key_sign(signers[i], base, bytes, &len) != XC_OK)
        {
            return;
        }
    }

    xc_buf_char(out, ':');
    xc_b64_encode(XC_B64_STD, out, bytes, len);
    xc_buf_char(out, ':');
}


static void
sign(xc_arena_t *arena, const xc_msg_t *msg, xc_str_t input, xc_buf_t *out)
{
    size_t         i;
    xc_sfv_list_t  dict;

    if (xc_sfv_parse_dict(arena, input, &dict) != XC_OK) {
        xc_buf_z(out, "sig=" ZERO);
        return;
    }

    for (i = 0; i < dict.n; i++) {
        xc_buf_z(out, i == 0 ? "" : ", ");
        xc_buf_str(out, dict.members[i].key);
        xc_buf_char(out, '=');
        sign_label(arena, msg, &dict.members[i].item, out);
    }
}


/* A request with its lines, ready to be verified. */
typedef struct {
    xc_heap_t        heap;
    char             memory[8192];
    xc_header_t      lines[8];
    xc_msg_t         msg;
    xc_policy_t      policy;
    xc_auth_input_t  in;
} request_t;

static const xc_auth_accept_t  httpsig = { { 1u << XC_SCHEME_HTTPSIG }, 1 };


static void
add_line(request_t *r, const char *name, xc_str_t value)
{
    r->lines[r->msg.n_headers++] = (xc_header_t) { xc_str_z(name), value };
}


static void
request_init(request_t *r, const sig_case_t *c)
{
    xc_buf_t  signature;

    *r = (request_t) { .policy = policy };
    xc_heap_init(&r->heap, 0);

    r->policy.nonce_required = !c->nonce_optional;
    r->policy.tag = c->tag == NULL ? XC_STR_NONE : xc_str_z(c->tag);

    r->msg = (xc_msg_t) { .method = XC_STR("POST"), .headers = r->lines,
                          .body = c->body };
    xc_msg_set_target(&r->msg,
                      xc_str_z(c->target == NULL ? "/xc/v1" : c->target));

    add_line(r, "Host", XC_STR("platform.example"));
    add_line(r, "Content-Type", XC_STR("application/json"));
    add_line(r, "Content-Digest", XC_STR("sha-256=" ZERO));
    add_line(r, "X-Note", XC_STR("a"));
    add_line(r, "X-Note", XC_STR("b"));

    xc_buf_init(&signature, r->memory, sizeof(r->memory));

    if (c->signature != NULL) {
        xc_buf_z(&signature, c->signature);

    } else if (c->input != NULL) {
        sign(&r->heap.arena, &r->msg, xc_str_z(c->input), &signature);
    }

    if (c->input != NULL) {
        add_line(r, "Signature-Input", xt_guard(xc_str_z(c->input)));
    }

    add_line(r, "SIGNATURE", xt_guard(xc_buf_view(&signature)));

    if (c->changed != NULL) {
        r->msg.method = xc_str_z(c->changed);
    }

    r->in = (xc_auth_input_t) { &r->policy, &r->msg,
                                XC_STR("platform.example"), NOW,
                                &r->heap.arena };
}


static void
request_free(request_t *r)
{
    size_t  i;

    for (i = 5; i < r->msg.n_headers; i++) {
        xt_unguard(r->lines[i].value);
    }

    xc_heap_free(&r->heap);
}

#endif
