#include "xc_x509.h"

#include "xc_ascii.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>


/* The subject as text in the BIO; empty where it can't be written. */
static xc_str_t
xc_x509_print(BIO *bio, X509 *x)
{
    int        printed;
    char      *data = NULL;
    long       n;
    xc_str_t   text;

    /* RFC 4514 2.1 to 2.4, where bytes over 0x7f need no escape. */
    printed = X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
                                 XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);

    n = BIO_get_mem_data(bio, &data);

    if (printed < 0 || n <= 0 || n > XC_X509_SUBJECT_MAX) {
        return XC_STR("");
    }

    text = (xc_str_t) { data, (size_t) n };

    /* The parser refuses other UTF8Strings; records and messages rely on it. */
    return xc_ascii_is_utf8(text) ? text : XC_STR("");
}


static xc_rc_t
xc_x509_spki(X509 *x, uint8_t out[XC_SHA256_SIZE])
{
    int             n;
    xc_rc_t         rc;
    unsigned char  *der = NULL;

    n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    if (n <= 0) {
        return XC_EINTERNAL;
    }

    rc = xc_hash(XC_HASH_SHA256, der, (size_t) n, out);
    OPENSSL_free(der);

    return rc;
}


static xc_rc_t
xc_x509_fill(xc_arena_t *arena, X509 *x, xc_certificate_t *out)
{
    BIO      *bio;
    xc_rc_t   rc;

    rc = xc_x509_spki(x, out->spki_sha256);
    if (rc != XC_OK) {
        return rc;
    }

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_arena_dup(arena, xc_x509_print(bio, x), &out->subject);
    BIO_free(bio);

    return rc;
}


static xc_rc_t
xc_x509_parse(xc_arena_t *arena, xc_str_t der, xc_certificate_t *out)
{
    X509                 *x;
    xc_rc_t               rc;
    const unsigned char  *p = (const unsigned char *) der.data;

    x = d2i_X509(NULL, &p, (long) der.len);
    if (x == NULL) {
        return XC_EINPUT;
    }

    /* What stands behind it would be hashed, but never looked at. */
    rc = p == (const unsigned char *) der.data + der.len
         ? xc_x509_fill(arena, x, out) : XC_EINPUT;

    X509_free(x);

    return rc;
}


xc_rc_t
xc_x509_read(xc_arena_t *arena, xc_str_t der, xc_certificate_t *out)
{
    xc_rc_t           rc;
    xc_certificate_t  result = { .verified = false };

    if (der.len == 0) {
        return XC_EINPUT;
    }

    if (der.len > XC_X509_DER_MAX) {
        return XC_ELIMIT;
    }

    rc = xc_hash(XC_HASH_SHA256, der.data, der.len, result.sha256);
    if (rc != XC_OK) {
        return rc;
    }

    ERR_set_mark();
    rc = xc_x509_parse(arena, der, &result);
    ERR_pop_to_mark();

    if (rc == XC_OK) {
        *out = result;
    }

    return rc;
}
