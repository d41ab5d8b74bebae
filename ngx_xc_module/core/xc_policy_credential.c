#include "xc_policy_load.h"

#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_time.h"

#include <arpa/inet.h>


#define XC_LOAD_SOON_S          (30 * 24 * 3600)
#define XC_LOAD_SOURCES_MAX     256     /* of one credential */
#define XC_LOAD_SECRET_MAX      2048    /* characters of base64 */

enum {
    XC_CREDENTIAL_TYPE,
    XC_CREDENTIAL_KEYID,
    XC_CREDENTIAL_ALG,
    XC_CREDENTIAL_PUBLIC_KEY,
    XC_CREDENTIAL_SECRET,
    XC_CREDENTIAL_NOT_BEFORE,
    XC_CREDENTIAL_NOT_AFTER,
    XC_CREDENTIAL_SOURCES,
    XC_CREDENTIAL_SM2_ID,
    XC_CREDENTIAL_ON_BEHALF_OF,
    XC_CREDENTIAL_COUNT
};

/* RFC 9421 names, and SM2's */
static const xc_str_t  xc_load_algs[] = {
    { "ed25519", 7 },
    { "hmac-sha256", 11 },
    { "ecdsa-p256-sha256", 17 },
    { "ecdsa-p384-sha384", 17 },
    { "rsa-pss-sha512", 14 },
    { "rsa-v1_5-sha256", 15 },
    { "sm2-sm3", 7 }
};


/* Editors and shells leave a newline behind base64. */
static xc_str_t
xc_load_trim(xc_str_t s)
{
    while (s.len != 0 && memchr(" \t\r\n", s.data[s.len - 1], 4) != NULL) {
        s.len--;
    }

    while (s.len != 0 && memchr(" \t\r\n", s.data[0], 4) != NULL) {
        s.data++;
        s.len--;
    }

    return s;
}


xc_str_t
xc_load_file(xc_load_t *load, const xc_at_t *at, xc_str_t path, bool secret)
{
    xc_rc_t      rc;
    xc_str_t     content = XC_STR_NONE;
    const char  *error = "no files can be read here";

    rc = load->files == NULL ? XC_EIO
         : load->files->read(load->files->ctx,
                             secret ? load->scratch : load->arena, path,
                             secret, &content, &error);

    if (rc == XC_EIO) {
        xc_load_fault(load, at, "%s", error);
        return XC_STR_NONE;
    }

    if (rc != XC_OK) {
        xc_load_fail(load, rc);
        return XC_STR_NONE;
    }

    return content.data == NULL ? XC_STR("") : content;
}


xc_str_t
xc_load_material(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    bool secret)
{
    xc_str_t          path, text;
    const xc_json_t  *v[1];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("file", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    if (xc_json_type(node) == XC_JSON_STRING) {
        if (secret) {
            xc_load_warn(load, at, "the secret stands in the policy itself, "
                         "where its reviewers can read it; write "
                         "{\"file\": \"path\"}");
        }

        return xc_load_trim(xc_json_string(node));
    }

    if (!xc_load_object(load, at, node, members, 1, v)) {
        return XC_STR_NONE;
    }

    path = xc_load_text(load, XC_AT(at, "file"), v[0], XC_LOAD_FILE_MAX);
    if (path.data == NULL) {
        return XC_STR_NONE;
    }

    text = xc_load_file(load, at, path, secret);

    if (text.data != NULL) {
        xc_load_material_seen(load, text);
    }

    return xc_load_trim(text);
}


void
xc_load_key_rc(xc_load_t *load, const xc_at_t *at, xc_rc_t rc,
    const char *error)
{
    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(load, at, "%s", error);

    } else if (rc != XC_OK) {
        xc_load_fail(load, rc);
    }
}


static void
xc_load_public_key(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    xc_rc_t      rc;
    xc_str_t     text;
    const char  *error = "not a key";

    text = xc_load_material(load, at, node, false);
    if (text.data == NULL) {
        return;
    }

    rc = xc_key_public(load->arena, credential->alg, text, &error,
                       &credential->key);
    xc_load_key_rc(load, at, rc, error);
}


/* Behind the key, which it makes another. */
static void
xc_load_sm2_id(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    xc_rc_t      rc;
    xc_str_t     id;
    const char  *error = "not an identifier";

    if (node == NULL) {
        return;
    }

    if (credential->alg != XC_ALG_SM2_SM3) {
        xc_load_fault(load, at, "belongs to the algorithm sm2-sm3 alone");
        return;
    }

    id = xc_load_text(load, at, node, XC_SM2_ID_MAX);
    if (id.data == NULL || credential->key == NULL) {
        return;
    }

    rc = xc_key_sm2_id(load->arena, credential->key, id, &error,
                       &credential->key);
    xc_load_key_rc(load, at, rc, error);
}


static void
xc_load_secret(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    size_t       len = 0;
    uint8_t      bytes[XC_B64_DECODED_MAX(XC_LOAD_SECRET_MAX)];
    xc_rc_t      rc;
    xc_str_t     text;
    const char  *error = "not a secret";

    text = xc_load_material(load, at, node, true);
    if (text.data == NULL) {
        return;
    }

    if (text.len > XC_LOAD_SECRET_MAX
        || xc_b64_decode(XC_B64_STD, text, bytes, &len) != XC_OK)
    {
        xc_load_fault(load, at, "not base64 (RFC 4648 section 4, with its "
                      "padding) of a secret of 32 to 1024 bytes");

    } else {
        rc = xc_key_secret(load->arena, credential->alg,
                           (xc_str_t) { (char *) bytes, len }, &error,
                           &credential->key);
        xc_load_key_rc(load, at, rc, error);
    }

    explicit_bzero(bytes, sizeof(bytes));
}


/* The algorithm says which of the two kinds of key belongs to it. */
static void
xc_load_key_of(xc_load_t *load, const xc_at_t *at, const xc_json_t **v,
    xc_credential_t *credential)
{
    bool              symmetric = xc_alg_is_symmetric(credential->alg);
    const xc_json_t  *node, *other;
    static const xc_str_t  names[] = { { "public_key", 10 }, { "secret", 6 } };

    node = v[symmetric ? XC_CREDENTIAL_SECRET : XC_CREDENTIAL_PUBLIC_KEY];
    other = v[symmetric ? XC_CREDENTIAL_PUBLIC_KEY : XC_CREDENTIAL_SECRET];

    if (other != NULL) {
        xc_load_fault(load, XC_AT_KEY(at, names[!symmetric]), "does not belong "
                      "to the algorithm " XC_STR_FMT,
                      XC_STR_ARG(xc_alg_name(credential->alg)));
    }

    if (node == NULL) {
        xc_load_fault(load, XC_AT_KEY(at, names[symmetric]), "required by the "
                      "algorithm " XC_STR_FMT,
                      XC_STR_ARG(xc_alg_name(credential->alg)));

    } else if (symmetric) {
        xc_load_warn(load, XC_AT(at, "alg"), "the platform, which holds the "
                     "same secret, could have made a request of the keyid "
                     XC_STR_FMT " itself; ed25519 proves more",
                     XC_STR_ARG(credential->keyid));
        xc_load_secret(load, XC_AT(at, "secret"), node, credential);

    } else {
        xc_load_public_key(load, XC_AT(at, "public_key"), node, credential);
    }
}


static int64_t
xc_load_time(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    int64_t fallback)
{
    int64_t  t;

    if (node == NULL) {
        return fallback;
    }

    if (xc_time_parse(xc_json_string(node), &t) != XC_OK) {
        xc_load_fault(load, at, XC_STR_FMT " is not a time such as "
                      "\"2026-01-01T00:00:00Z\" (RFC 3339)",
                      XC_STR_ARG(xc_load_quote(load, xc_json_string(node))));
        return fallback;
    }

    return t;
}


xc_load_span_t
xc_load_span(xc_load_t *load, const xc_at_t *at, const xc_json_t *before,
    const xc_json_t *after, const char *what, xc_str_t name)
{
    xc_load_span_t  span;

    span.not_before_s = xc_load_time(load, XC_AT(at, "not_before"), before,
                                     INT64_MIN);
    span.not_after_s = xc_load_time(load, XC_AT(at, "not_after"), after,
                                    INT64_MAX);

    if (span.not_before_s >= span.not_after_s) {
        xc_load_fault(load, XC_AT(at, "not_after"), "must be later than "
                      "not_before");

    } else if (span.not_after_s <= load->now_s) {
        xc_load_warn(load, XC_AT(at, "not_after"), "%s " XC_STR_FMT
                     " expired at " XC_STR_FMT, what, XC_STR_ARG(name),
                     XC_STR_ARG(xc_json_string(after)));

    } else if (span.not_after_s - XC_LOAD_SOON_S <= load->now_s) {
        xc_load_warn(load, XC_AT(at, "not_after"), "%s " XC_STR_FMT
                     " expires within 30 days, at " XC_STR_FMT, what,
                     XC_STR_ARG(name), XC_STR_ARG(xc_json_string(after)));
    }

    return span;
}


void
xc_load_validity(xc_load_t *load, const xc_at_t *at, const xc_json_t *before,
    const xc_json_t *after, xc_credential_t *credential)
{
    xc_load_span_t  span = xc_load_span(load, at, before, after,
                                        "the credential", credential->keyid);

    credential->not_before_s = span.not_before_s;
    credential->not_after_s = span.not_after_s;
}


/* "203.0.113.0/24", "2001:db8::/32", or one address */
static bool
xc_load_parse_cidr(xc_str_t text, xc_cidr_t *out)
{
    char         address[INET6_ADDRSTRLEN];
    bool         v4;
    uint64_t     bits;
    const char  *slash = memchr(text.data, '/', text.len);
    xc_str_t     host = text, prefix = XC_STR_NONE;

    if (slash != NULL) {
        host.len = (size_t) (slash - text.data);
        prefix = (xc_str_t) { slash + 1, text.len - host.len - 1 };
    }

    if (host.len >= sizeof(address)) {
        return false;
    }

    memcpy(address, host.data, host.len);
    address[host.len] = '\0';

    *out = (xc_cidr_t) { .address = { [10] = 0xff, [11] = 0xff } };

    v4 = inet_pton(AF_INET, address, out->address + 12) == 1;
    if (!v4 && inet_pton(AF_INET6, address, out->address) != 1) {
        return false;
    }

    bits = v4 ? 32 : 128;

    if (slash != NULL && !xc_ascii_u64(prefix, bits, &bits)) {
        return false;
    }

    out->bits = (unsigned) bits + (v4 ? 96 : 0);

    return true;
}


static bool
xc_load_cidr_is_clean(const xc_cidr_t *cidr)
{
    unsigned  i;

    for (i = cidr->bits; i < 128; i++) {
        if ((cidr->address[i / 8] & 0x80 >> i % 8) != 0) {
            return false;
        }
    }

    return true;
}


static void
xc_load_source_of(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_cidr_t *out)
{
    xc_str_t  text = xc_load_text(load, at, node, 64);

    if (text.data == NULL) {
        return;
    }

    if (!xc_load_parse_cidr(text, out)) {
        xc_load_fault(load, at, XC_STR_FMT " is not an address or a network "
                      "such as 203.0.113.0/24 or 2001:db8::/32",
                      XC_STR_ARG(xc_load_quote(load, text)));

    } else if (!xc_load_cidr_is_clean(out)) {
        xc_load_fault(load, at, XC_STR_FMT " has bits set behind its prefix: a "
                      "network or an address?",
                      XC_STR_ARG(xc_load_quote(load, text)));
    }
}


void
xc_load_sources(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    size_t      i, n = xc_json_size(node);
    xc_cidr_t  *list;

    if (node == NULL) {
        return;
    }

    if (n == 0 || n > XC_LOAD_SOURCES_MAX) {
        xc_load_fault(load, at, "must name 1 to %d networks, found %zu; leave "
                      "it out to allow any", XC_LOAD_SOURCES_MAX, n);
        return;
    }

    list = xc_load_array(load, n, sizeof(xc_cidr_t));
    credential->sources = list;

    for (i = 0; i < n && load->rc == XC_OK; i++) {
        xc_load_source_of(load, XC_AT_I(at, i), xc_json_element(node, i),
                          &list[i]);
        credential->n_sources++;
    }
}


static void
xc_load_httpsig(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    size_t            alg;
    const xc_json_t  *v[XC_CREDENTIAL_COUNT];

    static const xc_load_member_t  members[XC_CREDENTIAL_COUNT] = {
        XC_MEMBER("type", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("keyid", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("alg", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("public_key", XC_LOAD_STRING | XC_LOAD_OBJECT),
        XC_MEMBER("secret", XC_LOAD_STRING | XC_LOAD_OBJECT),
        XC_MEMBER("not_before", XC_LOAD_STRING),
        XC_MEMBER("not_after", XC_LOAD_STRING),
        XC_MEMBER("sources", XC_LOAD_ARRAY),
        XC_MEMBER("sm2_id", XC_LOAD_STRING),
        XC_MEMBER("on_behalf_of", XC_LOAD_ARRAY | XC_LOAD_OBJECT)
    };

    if (!xc_load_object(load, at, node, members, XC_CREDENTIAL_COUNT, v)) {
        return;
    }

    credential->scheme = XC_SCHEME_HTTPSIG;
    credential->keyid = xc_load_id(load, XC_AT(at, "keyid"),
                                   v[XC_CREDENTIAL_KEYID]);

    alg = xc_load_word(load, XC_AT(at, "alg"), v[XC_CREDENTIAL_ALG],
                       xc_load_algs, XC_COUNT(xc_load_algs));

    if (alg < XC_COUNT(xc_load_algs)) {
        credential->alg = xc_alg_by_name(xc_load_algs[alg]);
        xc_load_key_of(load, at, v, credential);
        xc_load_sm2_id(load, XC_AT(at, "sm2_id"), v[XC_CREDENTIAL_SM2_ID],
                       credential);
    }

    xc_load_validity(load, at, v[XC_CREDENTIAL_NOT_BEFORE],
                     v[XC_CREDENTIAL_NOT_AFTER], credential);
    xc_load_sources(load, XC_AT(at, "sources"), v[XC_CREDENTIAL_SOURCES],
                    credential);
    xc_load_behalf(load, v[XC_CREDENTIAL_ON_BEHALF_OF], credential);
}


void
xc_load_credential(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    size_t                  i = 0;
    const xc_json_t        *type = xc_json_member(node, XC_STR("type"));
    static const xc_str_t   types[] = { { "httpsig", 7 }, { "mtls", 4 },
                                        { "jwt", 3 } };

    static void (*const  loaders[])(xc_load_t *, const xc_at_t *,
                                    const xc_json_t *, xc_credential_t *) = {
        xc_load_httpsig,
        xc_load_mtls,
        xc_load_jwt
    };

    credential->not_before_s = INT64_MIN;
    credential->not_after_s = INT64_MAX;

    /* The type comes first: each has members of its own. */
    if (type != NULL && xc_json_type(type) == XC_JSON_STRING) {
        i = xc_load_word(load, XC_AT(at, "type"), type, types, 3);
    }

    if (i < XC_COUNT(loaders)) {
        loaders[i](load, at, node, credential);
    }
}
