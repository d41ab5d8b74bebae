#include "xc_keytext_impl.h"

#include "xc_der.h"

/* Behind its tag and length, as an element's content. */
#define XC_KEYTEXT_MGF1         "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"


/* RFC 8017 A.1.1 */
xc_rc_t
xc_keytext_pkcs1(const xc_keytext_want_t *want, xc_str_t der,
    const char **error, xc_keytext_t *out)
{
    xc_str_t  key, n, e;

    if (want->kind != XC_KEYTEXT_RSA
        || !xc_der_take(&der, XC_DER_SEQUENCE, &key) || der.len != 0
        || !xc_der_take_uint(&key, &n) || !xc_der_take_uint(&key, &e)
        || key.len != 0)
    {
        return xc_keytext_stranger(want, error);
    }

    return xc_keytext_set_rsa(n, e, error, out);
}


/* The hash in an AlgorithmIdentifier, its parameters NULL or absent (RFC 4055
 * 2.1): SHA-256 or SHA-512, whose sizes are those of the salts. */
static bool
xc_keytext_is_hash(xc_str_t *in, unsigned size)
{
    xc_str_t     id, oid;
    const char  *want = size == 64 ? "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
                                   : "\x60\x86\x48\x01\x65\x03\x04\x02\x01";

    return xc_der_take(in, XC_DER_SEQUENCE, &id)
           && xc_der_take(&id, XC_DER_OID, &oid)
           && xc_str_eq(oid, (xc_str_t) { want, 9 })
           && (id.len == 0 || xc_str_eq(id, (xc_str_t) { "\x05\x00", 2 }));
}


/*
 * RSASSA-PSS-params (RFC 4055 3.1) that allow what the algorithm does: its
 * hash, MGF1 with the same, and no longer a salt than its own.
 */
static bool
xc_keytext_pss_allows(xc_str_t params, unsigned salt)
{
    xc_str_t  part, mgf, oid, n;

    if (!xc_der_take(&params, XC_DER_CONTEXT(0), &part)
        || !xc_keytext_is_hash(&part, salt) || part.len != 0
        || !xc_der_take(&params, XC_DER_CONTEXT(1), &part)
        || !xc_der_take(&part, XC_DER_SEQUENCE, &mgf) || part.len != 0
        || !xc_der_take(&mgf, XC_DER_OID, &oid)
        || !xc_str_eq(oid, (xc_str_t) XC_STR(XC_KEYTEXT_MGF1))
        || !xc_keytext_is_hash(&mgf, salt) || mgf.len != 0)
    {
        return false;
    }

    /* absent: 20 bytes */
    if (params.len != 0
        && (!xc_der_take(&params, XC_DER_CONTEXT(2), &part)
            || !xc_der_take_uint(&part, &n) || part.len != 0 || n.len > 1
            || (n.len == 1 && (uint8_t) n.data[0] > salt)))
    {
        return false;
    }

    return params.len == 0;
}


/* A key bound to RSASSA-PSS: its AlgorithmIdentifier's content. */
static xc_rc_t
xc_keytext_check_pss(const xc_keytext_want_t *want, xc_str_t algorithm,
    const char **error)
{
    xc_str_t              params;
    static const xc_str_t  pss = { XC_KEYTEXT_PKCS1_HEAD "\x0a", 11 };

    if (want->kind != XC_KEYTEXT_RSA || algorithm.len < pss.len
        || memcmp(algorithm.data, pss.data, pss.len) != 0)
    {
        return xc_keytext_stranger(want, error);
    }

    algorithm = (xc_str_t) { algorithm.data + pss.len,
                             algorithm.len - pss.len };

    if (want->pss_salt == 0
        || (algorithm.len != 0
            && (!xc_der_take(&algorithm, XC_DER_SEQUENCE, &params)
                || algorithm.len != 0
                || !xc_keytext_pss_allows(params, want->pss_salt))))
    {
        return xc_keytext_fault(error, "an RSA key bound to another scheme,"
                                       " hash or salt");
    }

    return XC_OK;
}


/* RFC 5280 4.1 */
xc_rc_t
xc_keytext_spki(const xc_keytext_want_t *want, xc_str_t der,
    const char **error, xc_keytext_t *out)
{
    xc_rc_t   rc;
    xc_str_t  spki, algorithm, bits;

    if (!xc_der_take(&der, XC_DER_SEQUENCE, &spki) || der.len != 0
        || !xc_der_take(&spki, XC_DER_SEQUENCE, &algorithm)
        || !xc_der_take(&spki, XC_DER_BIT_STRING, &bits) || spki.len != 0
        || bits.len == 0 || bits.data[0] != 0)
    {
        return xc_keytext_stranger(want, error);
    }

    /* behind the number of unused bits */
    bits.data++;
    bits.len--;

    if (!xc_str_eq(algorithm, xc_keytext_known[want->kind].algorithm)) {
        rc = xc_keytext_check_pss(want, algorithm, error);
        if (rc != XC_OK) {
            return rc;
        }
    }

    return want->kind == XC_KEYTEXT_RSA
           ? xc_keytext_pkcs1(want, bits, error, out)
           : xc_keytext_set_point(want, (const uint8_t *) bits.data, bits.len,
                                  error, out);
}
