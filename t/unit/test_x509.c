/* Certificates made here, by the same library that reads them, but through its
 * other functions. */

#define _GNU_SOURCE                     /* memmem */

#include "xt.h"
#include "xc_crypto.h"
#include "xc_x509.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>


typedef struct {
    const char  *type;          /* "CN", or an OID */
    int          encoding;      /* MBSTRING_UTF8, V_ASN1_… */
    const char  *bytes;
    int          len;           /* -1: to the NUL */
    int          set;           /* -1: in the RDN of the one before */
} attribute_t;

typedef struct {
    const char   *name;
    attribute_t   attributes[5];
    const char   *want;
} subject_case_t;

static xc_heap_t  heap;


static void
need(bool ok)
{
    if (!ok) {
        printf("Bail out! the test's own certificate\n");
        exit(2);
    }
}


static X509_NAME *
make_name(const attribute_t *attributes)
{
    size_t      i;
    X509_NAME  *name = X509_NAME_new();

    need(name != NULL);

    for (i = 0; attributes[i].type != NULL; i++) {
        need(X509_NAME_add_entry_by_txt(name, attributes[i].type,
                 attributes[i].encoding,
                 (const unsigned char *) attributes[i].bytes,
                 attributes[i].len, -1, attributes[i].set));
    }

    return name;
}


/* A self-signed certificate of the key in DER, owned by the test's heap. */
static xc_str_t
make_cert(EVP_PKEY *key, const attribute_t *attributes)
{
    int             n;
    X509           *x = X509_new();
    xc_str_t        copy = XC_STR_NONE;
    X509_NAME      *name = make_name(attributes);
    unsigned char  *der = NULL;

    need(x != NULL && X509_set_version(x, 2)
         && ASN1_INTEGER_set(X509_get_serialNumber(x), 7)
         && X509_gmtime_adj(X509_getm_notBefore(x), 0)
         && X509_gmtime_adj(X509_getm_notAfter(x), 3600)
         && X509_set_subject_name(x, name) && X509_set_issuer_name(x, name)
         && X509_set_pubkey(x, key) && X509_sign(x, key, NULL));

    n = i2d_X509(x, &der);
    need(n > 0);
    need(xc_arena_dup(&heap.arena, (xc_str_t) { (char *) der, (size_t) n },
                      &copy)
         == XC_OK);
    OPENSSL_free(der);
    X509_NAME_free(name);
    X509_free(x);

    return copy;
}


#define U   MBSTRING_UTF8
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define Z50 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"               \
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static const subject_case_t  subjects[] = {
    { "one part", { { "CN", U, "agency", -1, 0 } }, "CN=agency" },
    { "the most specific part first", {
        { "C", U, "CN", -1, 0 }, { "O", U, "上海市市场监督管理局", -1, 0 },
        { "CN", U, "client 1", -1, 0 } },
      "CN=client 1,O=上海市市场监督管理局,C=CN" },
    { "two attributes in one part", {
        { "O", U, "x", -1, 0 }, { "CN", U, "a", -1, 0 },
        { "UID", U, "b", -1, -1 } },
      "UID=b+CN=a,O=x" },
    { "what would part a name is escaped", {
        { "CN", U, "a,O=b+c\"d\\e<f>;", -1, 0 } },
      "CN=a\\,O=b\\+c\\\"d\\\\e\\<f\\>\\;" },
    { "spaces at the ends, a number sign at the start", {
        { "CN", U, " a ", -1, 0 }, { "O", U, "#a", -1, 0 } },
      "O=\\#a,CN=\\ a\\ " },
    { "NUL and LF are escaped", {
        { "CN", V_ASN1_UTF8STRING, "a\0b\nc", 5, 0 } },
      "CN=a\\00b\\0Ac" },
    { "UTF-16 becomes UTF-8", {
        { "CN", V_ASN1_BMPSTRING, "\x4e\x0a\x6d\x77", 4, 0 } },
      "CN=上海" },
    { "Latin 1 becomes UTF-8", {
        { "CN", V_ASN1_T61STRING, "\xe9", 1, 0 } },
      "CN=é" },
    { "an attribute without a name", {
        { "1.3.6.1.4.1.99999.1", V_ASN1_UTF8STRING, "ab", 2, 0 } },
      "1.3.6.1.4.1.99999.1=#0C026162" },
    { "none", { { NULL, 0, NULL, 0, 0 } }, "" },
    { "an octet over 0x7f where none may be", {
        { "CN", V_ASN1_NUMERICSTRING, "\xff", 1, 0 } }, "CN=ÿ" },
    { "over the limit when written", {
        { "1.2.3.4", V_ASN1_UTF8STRING, A50 A50 A50 A50 A50 A50 A50, 350, 0 },
        { "CN", V_ASN1_UTF8STRING, Z50 Z50 A50 A50, 200, 0 } },
      "" },
};


static void
test_subjects(EVP_PKEY *key)
{
    size_t                 i;
    xc_rc_t                rc;
    xc_str_t               der;
    xc_certificate_t       cert = { .verified = true };
    const subject_case_t  *c;

    for (i = 0; i < XC_COUNT(subjects); i++) {
        c = &subjects[i];
        der = xt_guard(make_cert(key, c->attributes));

        rc = xc_x509_read(&heap.arena, der, &cert);
        xt_unguard(der);

        xt_ok(rc == XC_OK && !cert.verified, "read: %s", c->name);
        xt_is(cert.subject, xc_str_z(c->want), "subject: %s", c->name);
    }
}


/* As long as a policy may name, and a byte more. */
static void
test_subject_limit(EVP_PKEY *key)
{
    int               n;
    char              text[XC_X509_SUBJECT_MAX];
    xc_rc_t           rc;
    attribute_t       list[] = { { "1.2.3.4", V_ASN1_PRINTABLESTRING, text, 0,
                                   0 },
                                 { "O", V_ASN1_UTF8STRING, text, 0, 0 },
                                 { NULL, 0, NULL, 0, 0 } };
    xc_certificate_t  cert;

    memset(text, 'a', sizeof(text));

    /* "O=" n ",1.2.3.4=#13" length in one octet, value, in hex */
    list[0].len = 100;
    n = XC_X509_SUBJECT_MAX - 2 - (int) sizeof(",1.2.3.4=#1364") + 1 - 200;

    list[1].len = n;
    rc = xc_x509_read(&heap.arena, make_cert(key, list), &cert);
    xt_ok(rc == XC_OK && cert.subject.len == XC_X509_SUBJECT_MAX,
          "a subject at the limit: %zu", cert.subject.len);

    list[1].len = n + 1;
    rc = xc_x509_read(&heap.arena, make_cert(key, list), &cert);
    xt_ok(rc == XC_OK && cert.subject.len == 0, "a subject over the limit");
}


static void
test_hashes(EVP_PKEY *key, const char *name)
{
    xc_str_t              der;
    int                   len;
    unsigned              n = 0;
    unsigned char        *spki = NULL, want[EVP_MAX_MD_SIZE];
    xc_certificate_t      cert = { .verified = false };
    static const attribute_t  attributes[] = { { "CN", U, "a", -1, 0 },
                                               { NULL, 0, NULL, 0, 0 } };

    der = make_cert(key, attributes);
    xt_ok(xc_x509_read(&heap.arena, der, &cert) == XC_OK, "%s", name);

    need(EVP_Digest(der.data, der.len, want, &n, EVP_sha256(), NULL));
    xt_ok(memcmp(cert.sha256, want, n) == 0, "%s: of the whole", name);

    len = i2d_PUBKEY(key, &spki);
    need(len > 0 && EVP_Digest(spki, (size_t) len, want, &n, EVP_sha256(),
                               NULL));
    xt_ok(memcmp(cert.spki_sha256, want, n) == 0, "%s: of the key", name);

    OPENSSL_free(spki);
}


static bool
refused(xc_str_t der, xc_rc_t want)
{
    xc_rc_t           rc;
    xc_str_t          in = xt_guard(der);
    xc_certificate_t  cert = { .verified = true };

    rc = xc_x509_read(&heap.arena, in, &cert);
    xt_unguard(in);

    return rc == want && cert.verified;
}


static void
test_garbage(xc_str_t der)
{
    bool      ok = true;
    char     *copy;
    size_t    i;
    xc_str_t  cut = der;

    for (cut.len = 0; cut.len < der.len; cut.len++) {
        ok = ok && refused(cut, XC_EINPUT);
    }

    xt_ok(ok, "cut at every length");

    copy = xc_arena_array(&heap.arena, 1, XC_X509_DER_MAX + 1);
    need(copy != NULL);
    memcpy(copy, der.data, der.len);

    xt_ok(refused((xc_str_t) { copy, der.len + 1 }, XC_EINPUT),
          "a byte behind it");

    memcpy(copy + der.len, der.data, der.len);
    xt_ok(refused((xc_str_t) { copy, 2 * der.len }, XC_EINPUT), "two of them");
    xt_ok(refused((xc_str_t) { copy, XC_X509_DER_MAX }, XC_EINPUT),
          "as long as may be");
    xt_ok(refused((xc_str_t) { copy, XC_X509_DER_MAX + 1 }, XC_ELIMIT),
          "longer than may be");
    xt_ok(refused(XC_STR("-----BEGIN CERTIFICATE-----\nMIIB"), XC_EINPUT),
          "PEM");

    /* what a changed octet makes of it is any answer but a crash */
    for (i = 0; i < der.len; i++) {
        xc_certificate_t  cert;

        copy[i] = (char) (copy[i] ^ 0xff);
        ok = xc_x509_read(&heap.arena, (xc_str_t) { copy, der.len }, &cert)
             != XC_EINTERNAL && ok;
        copy[i] = der.data[i];
    }

    xt_ok(ok, "each octet changed");
}


/* The certificate with its first occurrence of two octets replaced. */
static void
test_not_utf8(EVP_PKEY *key, const char *octets)
{
    char                     *at;
    xc_str_t                  der;
    static const attribute_t  attributes[] = {
        { "CN", V_ASN1_UTF8STRING, "QZ", 2, 0 }, { NULL, 0, NULL, 0, 0 }
    };

    /* issuer first, then the subject: both */
    der = make_cert(key, attributes);

    while ((at = memmem(der.data, der.len, "\x0c\x02QZ", 4)) != NULL) {
        memcpy(at + 2, octets, 2);
    }

    xt_ok(refused(der, XC_EINPUT), "a name that is not UTF-8");
}


static xc_rc_t
read_once(xc_arena_t *arena, void *data)
{
    xc_certificate_t  cert;

    return xc_x509_read(arena, *(xc_str_t *) data, &cert);
}


int
main(void)
{
    xc_str_t   der;
    EVP_PKEY  *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");

    xc_heap_init(&heap, 0);
    need(rsa != NULL && ec != NULL && xc_crypto_init() == XC_OK);

    test_hashes(rsa, "RSA");
    test_hashes(ec, "P-256");
    test_subjects(ec);
    test_subject_limit(ec);

    der = make_cert(ec, subjects[1].attributes);
    test_garbage(der);
    test_not_utf8(ec, "a\xff");
    test_not_utf8(ec, "\xc0\xaf");
    xt_oom("memory", read_once, &der);

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    xc_heap_free(&heap);

    return xt_done();
}
