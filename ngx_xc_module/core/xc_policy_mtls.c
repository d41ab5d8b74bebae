#include "xc_policy_load.h"

#include "xc_ascii.h"
#include "xc_x509.h"


#define XC_LOAD_HEX_LEN     (2 * XC_SHA256_SIZE)

/* In the order of xc_cert_match_t; then what all types of credentials have. */
enum {
    XC_MTLS_NOT_BEFORE = XC_CERT_COUNT,
    XC_MTLS_NOT_AFTER,
    XC_MTLS_SOURCES,
    XC_MTLS_TYPE,
    XC_MTLS_COUNT
};


/* The hash as the index holds it, in lower case. */
static xc_str_t
xc_load_cert_hash(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    char     *hex;
    uint8_t   hash[XC_SHA256_SIZE];

    if (!xc_hex_decode(hash, sizeof(hash), xc_json_string(node))) {
        xc_load_fault(load, at, "not a SHA-256 in %d hexadecimal digits "
                      "without separators", XC_LOAD_HEX_LEN);
        return XC_STR_NONE;
    }

    hex = xc_load_array(load, XC_LOAD_HEX_LEN, 1);
    if (hex == NULL) {
        return XC_STR_NONE;
    }

    xc_hex_encode(hex, hash, sizeof(hash));

    return (xc_str_t) { hex, XC_LOAD_HEX_LEN };
}


/* A comma parts the name (RFC 4514 2.1) unless a "\" stands before it; a space
 * behind it would have to be escaped and never comes from a certificate. */
static bool
xc_load_is_subject(xc_str_t subject)
{
    size_t  i;

    for (i = 0; i < subject.len; i++) {
        if (subject.data[i] == '\\') {
            i++;

        } else if (subject.data[i] == ',' && i + 1 < subject.len
                   && subject.data[i + 1] == ' ')
        {
            return false;
        }
    }

    return subject.data[0] != '/'
           && memchr(subject.data, '=', subject.len) != NULL;
}


static xc_str_t
xc_load_cert_subject(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_str_t  subject = xc_load_text(load, at, node, XC_X509_SUBJECT_MAX);

    if (subject.data != NULL && !xc_load_is_subject(subject)) {
        xc_load_fault(load, at, "not a subject such as \"CN=name,O=agency,"
                      "C=CN\" (RFC 4514); openssl x509 -noout -subject "
                      "-nameopt RFC2253,-esc_msb prints it");
        return XC_STR_NONE;
    }

    return subject;
}


/* Exactly one of the members that name a certificate: two could name two. */
static void
xc_load_cert_name(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_json_t **v, const xc_load_member_t *members,
    xc_credential_t *credential)
{
    size_t          i, n = 0;
    const xc_at_t  *member;

    for (i = 0; i < XC_CERT_COUNT; i++) {
        n += xc_json_member(node, members[i].name) != NULL;

        if (v[i] == NULL) {
            continue;
        }

        member = XC_AT_KEY(at, members[i].name);
        credential->match = (xc_cert_match_t) i;
        credential->keyid = i == XC_CERT_SUBJECT
                            ? xc_load_cert_subject(load, member, v[i])
                            : xc_load_cert_hash(load, member, v[i]);
    }

    if (n != 1) {
        xc_load_fault(load, at, "must have one of spki_sha256, cert_sha256, "
                      "subject, found %zu", n);
        credential->keyid = XC_STR_NONE;
    }
}


void
xc_load_mtls(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential)
{
    const xc_json_t  *v[XC_MTLS_COUNT];

    static const xc_load_member_t  members[XC_MTLS_COUNT] = {
        [XC_CERT_SPKI_SHA256] = XC_MEMBER("spki_sha256", XC_LOAD_STRING),
        [XC_CERT_SHA256] = XC_MEMBER("cert_sha256", XC_LOAD_STRING),
        [XC_CERT_SUBJECT] = XC_MEMBER("subject", XC_LOAD_STRING),
        [XC_MTLS_NOT_BEFORE] = XC_MEMBER("not_before", XC_LOAD_STRING),
        [XC_MTLS_NOT_AFTER] = XC_MEMBER("not_after", XC_LOAD_STRING),
        [XC_MTLS_SOURCES] = XC_MEMBER("sources", XC_LOAD_ARRAY),
        [XC_MTLS_TYPE] = XC_MEMBER("type", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    if (!xc_load_object(load, at, node, members, XC_MTLS_COUNT, v)) {
        return;
    }

    credential->scheme = XC_SCHEME_MTLS;

    if (!load->policy->tls_required) {
        xc_load_fault(load, XC_AT(at, "type"), "\"mtls\" needs "
                      "\"transport\": \"tls\": with \"any\" TLS may end in "
                      "front of nginx, which then sees no certificate");
    }

    xc_load_cert_name(load, at, node, v, members, credential);
    xc_load_validity(load, at, v[XC_MTLS_NOT_BEFORE], v[XC_MTLS_NOT_AFTER],
                     credential);
    xc_load_sources(load, XC_AT(at, "sources"), v[XC_MTLS_SOURCES],
                    credential);
}
