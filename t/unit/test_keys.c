/* Keys and signatures of every algorithm: what is taken, what is refused. */

#include "xt.h"
#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_buf.h"
#include "xc_crypto.h"
#include "xc_der.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdio.h>
#include <stdlib.h>

#define DATA        XC_STR("\"@method\": POST\n\"@authority\": a.example")

/* The contents of AlgorithmIdentifiers */
#define OID_EC      "06072a8648ce3d0201"
#define ID_ED25519  "06032b6570"
#define ID_P256     OID_EC "06082a8648ce3d030107"
#define ID_P384     OID_EC "06052b81040022"
#define ID_SM2      OID_EC "06082a811ccf5501822d"
#define ID_RSA      "06092a864886f70d0101010500"
#define ID_PSS      "06092a864886f70d01010a"
#define SHA256      "300d06096086480165030402010500"
#define SHA512      "300d06096086480165030402030500"
#define SHA512_BARE "300b0609608648016503040203"
#define MGF1        "06092a864886f70d010108"

/* secp256r1's, secp384r1's order: SEC 2 2.4.2, 2.5.1 */
#define ORDER_P256                                                            \
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_P384                                                            \
    "ffffffffffffffffffffffffffffffffffffffffffffffff"                        \
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"

/* One fresh key of each algorithm; the RSA ones share one. */
typedef struct {
    xc_alg_t         alg;
    const char      *name, *id, *order;
    size_t           size;              /* of a signature */
    xc_str_t         private_text, public_text, pem;
    const xc_key_t  *private, *public;
} pair_t;

static xc_heap_t  heap;

static pair_t     pairs[] = {
    { .alg = XC_ALG_ED25519, .name = "ed25519", .id = ID_ED25519, .size = 64 },
    { .alg = XC_ALG_ECDSA_P256, .name = "ecdsa-p256-sha256", .id = ID_P256,
      .order = ORDER_P256, .size = 64 },
    { .alg = XC_ALG_ECDSA_P384, .name = "ecdsa-p384-sha384", .id = ID_P384,
      .order = ORDER_P384, .size = 96 },
    { .alg = XC_ALG_SM2_SM3, .name = "sm2-sm3", .id = ID_SM2, .size = 64 },
    { .alg = XC_ALG_RSA_PSS_SHA512, .name = "rsa-pss-sha512", .id = ID_RSA,
      .size = 384 },
    { .alg = XC_ALG_RSA_V15_SHA256, .name = "rsa-v1_5-sha256", .id = ID_RSA,
      .size = 384 },
    { .alg = XC_ALG_PS256, .name = "PS256", .id = ID_RSA, .size = 384 },
};

enum { ED25519, P256, P384, SM2, PSS, V15, PS256 };


static void
require(bool ok)
{
    if (!ok) {
        printf("Bail out! a helper failed\n");
        exit(2);
    }
}


static char *
room(size_t n)
{
    char  *p = xc_arena_alloc(&heap.arena, n);

    require(p != NULL);

    return p;
}


static xc_str_t
unhex(const char *hex)
{
    size_t   n = strlen(hex) / 2;
    char    *p = room(n);

    require(xc_hex_decode((uint8_t *) p, n, xc_str_z(hex)));

    return (xc_str_t) { p, n };
}


static xc_str_t
base64(xc_b64_t kind, xc_str_t bytes)
{
    size_t    n = bytes.len * 2 + 4;
    xc_buf_t  b;

    xc_buf_init(&b, room(n), n);
    xc_b64_encode(kind, &b, (const uint8_t *) bytes.data, bytes.len);

    return xc_buf_view(&b);
}


static xc_str_t
unbase64(xc_str_t text)
{
    size_t    n;
    uint8_t  *p = (uint8_t *) room(XC_B64_DECODED_MAX(text.len));

    require(xc_b64_decode(XC_B64_STD, text, p, &n) == XC_OK);

    return (xc_str_t) { (char *) p, n };
}


static xc_str_t
cat(xc_str_t a, xc_str_t b)
{
    char  *p = room(a.len + b.len + 1);

    if (a.len != 0) {
        memcpy(p, a.data, a.len);
    }
    if (b.len != 0) {
        memcpy(p + a.len, b.data, b.len);
    }

    return (xc_str_t) { p, a.len + b.len };
}


static xc_str_t
tlv(uint8_t tag, xc_str_t content)
{
    char    head[4] = { (char) tag, (char) content.len };
    size_t  n = 2;

    if (content.len >= 0x100) {
        head[1] = (char) 0x82;
        head[2] = (char) (content.len >> 8);
        head[3] = (char) content.len;
        n = 4;

    } else if (content.len >= 0x80) {
        head[1] = (char) 0x81;
        head[2] = (char) content.len;
        n = 3;
    }

    return cat((xc_str_t) { head, n }, content);
}


static xc_str_t
seq(xc_str_t content)
{
    return tlv(0x30, content);
}


/* A SubjectPublicKeyInfo */
static xc_str_t
spki(const char *id, xc_str_t key)
{
    return seq(cat(seq(unhex(id)), tlv(0x03, cat((xc_str_t) { "", 1 }, key))));
}


/* An odd number of so many bits; and an RSAPublicKey of it. */
static xc_str_t
number(size_t bits)
{
    char  *p = room(bits / 8);

    memset(p, 0x5b, bits / 8);
    p[0] = (char) 0x85;

    return (xc_str_t) { p, bits / 8 };
}


static xc_str_t
rsa(xc_str_t n, const char *e)
{
    return seq(cat(tlv(0x02, cat((xc_str_t) { "", 1 }, n)),
                   tlv(0x02, unhex(e))));
}


static xc_str_t
pem(const char *label, xc_str_t der)
{
    xc_str_t  text = base64(XC_B64_STD, der);
    xc_str_t  out = xc_arena_printf(&heap.arena, "-----BEGIN %s-----", label);

    while (text.len != 0) {
        size_t  n = XC_MIN(text.len, 64);

        out = cat(out, cat(XC_STR("\n"), (xc_str_t) { text.data, n }));
        text.data += n;
        text.len -= n;
    }

    return cat(out, xc_arena_printf(&heap.arena, "\n-----END %s-----\n",
                                    label));
}


/* "" where the text is taken. */
static const char *
fault(xc_alg_t alg, xc_str_t text)
{
    xc_rc_t          rc;
    xc_str_t         in = xt_guard(text);
    const char      *error = "?";
    const xc_key_t  *key = NULL;

    rc = xc_key_public(&heap.arena, alg, in, &error, &key);
    xt_unguard(in);

    return rc == XC_OK ? "" : rc == XC_EINPUT && key == NULL ? error : "??";
}


static void
is_fault(xc_alg_t alg, xc_str_t text, const char *want, const char *name)
{
    xt_is(xc_str_z(fault(alg, text)), xc_str_z(want), "%s", name);
}


static void
make_pairs(void)
{
    size_t       i;
    pair_t      *p;
    const char  *error = "";

    for (i = 0; i < XC_COUNT(pairs); i++) {
        p = &pairs[i];

        if (i > PSS) {
            p->private_text = pairs[PSS].private_text;
            p->public_text = pairs[PSS].public_text;

        } else {
            require(xc_key_generate(&heap.arena, p->alg, &p->private_text,
                                    &p->public_text) == XC_OK);
        }

        p->pem = pem("PUBLIC KEY", i >= PSS ? unbase64(p->public_text)
                                   : spki(p->id, unbase64(p->public_text)));

        xt_ok(xc_key_private(&heap.arena, p->alg, p->private_text, &error,
                             &p->private) == XC_OK
              && xc_key_public(&heap.arena, p->alg, p->public_text, &error,
                               &p->public) == XC_OK,
              "%s: a fresh pair: %s", p->name, error);
    }
}


static xc_rc_t
verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t   rc;
    xc_str_t  d = xt_guard(data), s = xt_guard(signature);

    rc = xc_key_verify(key, d, s);
    xt_unguard(d);
    xt_unguard(s);

    return rc;
}


static xc_str_t
sign(const xc_key_t *key)
{
    size_t    n;
    uint8_t  *sig = (uint8_t *) room(XC_SIGNATURE_MAX);

    require(xc_key_sign(key, DATA, sig, &n) == XC_OK);

    return (xc_str_t) { (char *) sig, n };
}


/* One bit in every octet. */
static size_t
count_flipped(const pair_t *p, xc_str_t good)
{
    char    *bad = room(good.len);
    size_t   i, taken = 0;

    memcpy(bad, good.data, good.len);

    for (i = 0; i < good.len; i++) {
        bad[i] ^= (char) (1 << i % 8);
        taken += verify(p->public, DATA, (xc_str_t) { bad, good.len })
                 != XC_DENIED;
        bad[i] ^= (char) (1 << i % 8);
    }

    return taken;
}


static void
test_round_trip(const pair_t *p)
{
    size_t    i, taken = 0;
    uint8_t   sig[XC_SIGNATURE_MAX];
    xc_str_t  good = sign(p->private), text;

    xt_ok(good.len == p->size, "%s: %zu bytes", p->name, p->size);
    xt_ok(verify(p->public, DATA, good) == XC_OK, "%s: verifies", p->name);
    xt_ok(verify(p->public, DATA, good) == XC_OK, "%s: again", p->name);
    xt_ok(verify(p->private, DATA, good) == XC_OK,
          "%s: by the private half too", p->name);
    xt_ok(xc_key_sign(p->public, DATA, sig, &i) == XC_EINPUT,
          "%s: a public key signs nothing", p->name);

    text = cat(DATA, XC_STR("."));
    xt_ok(verify(p->public, text, good) == XC_DENIED
          && verify(p->public, XC_STR(""), good) == XC_DENIED,
          "%s: other data", p->name);

    xt_ok(count_flipped(p, good) == 0, "%s: no octet may differ", p->name);

    text = cat(good, (xc_str_t) { "", 1 });
    taken += verify(p->public, DATA, text) != XC_DENIED;
    taken += verify(p->public, DATA, cat((xc_str_t) { "", 1 }, good))
             != XC_DENIED;

    for (i = 0; i < good.len; i += good.len / 32) {
        taken += verify(p->public, DATA, (xc_str_t) { good.data, i })
                 != XC_DENIED;
    }

    xt_ok(taken == 0, "%s: nor may the length differ", p->name);

    memset(sig, 0, sizeof(sig));
    taken += verify(p->public, DATA, (xc_str_t) { (char *) sig, p->size })
             != XC_DENIED;
    memset(sig, 0xff, sizeof(sig));
    taken += verify(p->public, DATA, (xc_str_t) { (char *) sig, p->size })
             != XC_DENIED;
    xt_ok(taken == 0, "%s: zeros, ones", p->name);
}


/* out = a - b, big-endian of n bytes */
static void
subtract(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t n)
{
    int  d, borrow = 0;

    while (n-- != 0) {
        d = a[n] - b[n] - borrow;
        borrow = d < 0;
        out[n] = (uint8_t) (d + (borrow ? 256 : 0));
    }
}


/*
 * ECDSA's (r, n - s) is a signature as well: FIPS 186-5 6.4.2 takes either, as
 * does RFC 9421 3.3.4.  A nonce, not the signature's bytes, keeps a request
 * from being sent twice.
 */
static void
test_bounds(const pair_t *p)
{
    size_t    half = p->size / 2;
    xc_str_t  good = sign(p->private), order = unhex(p->order);
    uint8_t   other[96];

    memcpy(other, good.data, p->size);
    subtract((const uint8_t *) order.data, &other[half], &other[half], half);
    xt_ok(verify(p->public, DATA, (xc_str_t) { (char *) other, p->size })
          == XC_OK, "%s: the negated s", p->name);

    memcpy(&other[half], order.data, half);
    xt_ok(verify(p->public, DATA, (xc_str_t) { (char *) other, p->size })
          == XC_DENIED, "%s: s is the order", p->name);

    memset(&other[half], 0, half);
    xt_ok(verify(p->public, DATA, (xc_str_t) { (char *) other, p->size })
          == XC_DENIED, "%s: s is 0", p->name);

    memcpy(other, order.data, half);
    memcpy(&other[half], good.data + half, half);
    xt_ok(verify(p->public, DATA, (xc_str_t) { (char *) other, p->size })
          == XC_DENIED, "%s: r is the order", p->name);

    memset(other, 0, half);
    xt_ok(verify(p->public, DATA, (xc_str_t) { (char *) other, p->size })
          == XC_DENIED, "%s: r is 0", p->name);
}


/* r and s may be short: the shortest and longest Ecdsa-Sig-Value. */
static void
test_der(void)
{
    size_t    i, n;
    uint8_t   rs[96] = { 0 }, der[XC_DER_SIG_MAX], back[96];
    xc_str_t  in;

    static const char *const  bad[] = {
        "", "30", "3006", "3006020101020101ff", "300602010102010100",
        "310602010102010a", "30060201010201", "3080020101020101",
        "308106020101020101", "3006020181020101", "300702020001020101",
        "30050200020101", "3006040101020101", "300602010102",
        "3009020101020101020101", "308200060201010201", "3003020101",
    };

    rs[47] = 1;
    rs[95] = 0x80;
    n = xc_der_sig_write(der, rs, 48);
    xt_is((xc_str_t) { (char *) der, n }, unhex("300702010102020080"),
          "DER: short numbers");
    xt_ok(xc_der_sig_read((xc_str_t) { (char *) der, n }, back, 48)
          && memcmp(rs, back, 96) == 0, "DER: back");

    memset(rs, 0xff, sizeof(rs));
    n = xc_der_sig_write(der, rs, 48);
    xt_ok(n == XC_DER_SIG_MAX
          && xc_der_sig_read((xc_str_t) { (char *) der, n }, back, 48)
          && memcmp(rs, back, 96) == 0, "DER: long ones");
    xt_ok(!xc_der_sig_read((xc_str_t) { (char *) der, n }, back, 47),
          "DER: too long");

    memset(rs, 0, sizeof(rs));
    n = xc_der_sig_write(der, rs, 32);
    xt_is((xc_str_t) { (char *) der, n }, unhex("3006020100020100"),
          "DER: zeros");

    for (i = 0; i < XC_COUNT(bad); i++) {
        in = xt_guard(unhex(bad[i]));
        xt_ok(!xc_der_sig_read(in, back, 32), "DER: refused: %s", bad[i]);
        xt_unguard(in);
    }

    in = unhex("308180");
    xt_ok(!xc_der_take(&in, 0x30, &(xc_str_t) { NULL, 0 }) && in.len == 3,
          "DER: longer than it is");
    in = tlv(0x30, number(2048));
    xt_ok(xc_der_take(&in, 0x30, &(xc_str_t) { NULL, 0 }) && in.len == 0,
          "DER: a long form");
}


/* A key of each kind for each algorithm: only RSA's share theirs. */
static void
test_every_pair(void)
{
    bool             same;
    size_t           i, j;
    xc_rc_t          rc;
    const char      *error;
    const xc_key_t  *key;

    for (i = 0; i < XC_COUNT(pairs); i++) {
        for (j = 0; j < XC_COUNT(pairs); j++) {
            same = i == j || (i >= PSS && j >= PSS);

            xt_ok((fault(pairs[j].alg, pairs[i].public_text)[0] == '\0')
                  == same, "%s%s with a key of %s", pairs[j].name,
                  same ? "" : " not", pairs[i].name);
            xt_ok((fault(pairs[j].alg, pairs[i].pem)[0] == '\0') == same,
                  "in PEM");
            xt_ok(strstr(fault(pairs[j].alg, pairs[i].private_text),
                         "not one public key") != NULL,
                  "never with a private one");

            error = "?";
            key = NULL;
            rc = xc_key_private(&heap.arena, pairs[j].alg,
                                pairs[i].private_text, &error, &key);
            xt_ok(same ? rc == XC_OK
                  : rc == XC_EINPUT && key == NULL
                    && strncmp(error, "not a", 5) == 0, "the private one");

            /* a signature of one under the same key of another */
            if (same && i != j) {
                xt_ok(verify(pairs[j].public, DATA, sign(pairs[i].private))
                      == XC_DENIED, "but its signature does not verify");
            }
        }

        xt_ok(xc_key_secret(&heap.arena, pairs[i].alg, number(256), &error,
                            &key) == XC_EINPUT, "%s takes no secret",
              pairs[i].name);
        xt_ok(fault(XC_ALG_HMAC_SHA256, pairs[i].public_text)[0] == 't',
              "hmac-sha256 takes no public key");
    }
}


static void
test_points(size_t which, const char *stranger)
{
    char           *off;
    size_t          half;
    xc_alg_t        alg = pairs[which].alg;
    xc_str_t        point = unbase64(pairs[which].public_text), text;
    const char     *id = pairs[which].id;

    half = point.len / 2;
    off = room(point.len);
    memcpy(off, point.data, point.len);
    off[point.len - 1] ^= 1;
    text = (xc_str_t) { off, point.len };
    is_fault(alg, base64(XC_B64_STD, text), "a point that is not on the curve",
             "off the curve");
    is_fault(alg, pem("PUBLIC KEY", spki(id, text)),
             "a point that is not on the curve", "in PEM");

    memset(off + 1, 0xff, point.len - 1);
    is_fault(alg, base64(XC_B64_STD, text), "a point that is not on the curve",
             "beyond the prime");
    memset(off + 1, 0, point.len - 1);
    is_fault(alg, base64(XC_B64_STD, text), "a point that is not on the curve",
             "the origin");

    /* SEC 1 2.3.3: infinity, compressed, hybrid */
    is_fault(alg, pem("PUBLIC KEY", spki(id, XC_STR(""))), stranger,
             "no point");
    is_fault(alg, pem("PUBLIC KEY", spki(id, (xc_str_t) { "", 1 })), stranger,
             "infinity");
    memcpy(off, point.data, point.len);
    off[0] = 0x02;
    is_fault(alg, pem("PUBLIC KEY", spki(id, (xc_str_t) { off, 1 + half })),
             "a compressed point; write it uncompressed", "compressed");
    off[0] = (char) (6 | (off[point.len - 1] & 1));
    is_fault(alg, base64(XC_B64_STD, text), stranger, "hybrid");

    is_fault(alg, base64(XC_B64_STD, spki(id, point)), "", "base64 of SPKI");
    is_fault(alg, base64(XC_B64_URL, point), "", "base64url");
    is_fault(alg, pem("PUBLIC KEY", cat(spki(id, point), XC_STR("x"))),
             stranger, "bytes behind it");
    is_fault(alg, pem("PUBLIC KEY", spki(id, cat(point, XC_STR("x")))),
             stranger, "in it");
}


static void
is_rsa_fault(xc_alg_t alg, xc_str_t key, const char *want, const char *name)
{
    is_fault(alg, pem("PUBLIC KEY", spki(ID_RSA, key)), want, name);
    is_fault(alg, pem("RSA PUBLIC KEY", key), want, "in PKCS #1");
}


static void
test_rsa_numbers(void)
{
    char        *even = room(256);
    xc_str_t     n = number(2048);
    xc_alg_t     alg = XC_ALG_RSA_V15_SHA256;
    const char  *bits = "an RSA key not of 2048 to 4096 bits";
    const char  *exponent = "an RSA exponent that is even, under 65537 or over"
                            " 64 bits";

    is_rsa_fault(alg, rsa(n, "010001"), "", "2,048 bits");
    is_rsa_fault(alg, rsa(number(4096), "010001"), "", "4,096 bits");
    is_rsa_fault(alg, rsa(n, "7fffffffffffffff"), "", "63 bits of exponent");
    is_rsa_fault(alg, rsa(number(1024), "010001"), bits, "1,024 bits");
    is_rsa_fault(alg, rsa(number(2040), "010001"), bits, "2,040 bits");
    is_rsa_fault(alg, rsa(number(4104), "010001"), bits, "4,104 bits");
    is_rsa_fault(alg, rsa(number(8192), "010001"), bits, "8,192 bits");
    is_rsa_fault(alg, rsa(n, "03"), exponent, "3");
    is_rsa_fault(alg, rsa(n, "00ffff"), exponent, "65535");
    is_rsa_fault(alg, rsa(n, "010002"), exponent, "even");
    is_rsa_fault(alg, rsa(n, "01"), exponent, "1");
    is_rsa_fault(alg, rsa(n, "00"), exponent, "0");
    is_rsa_fault(alg, rsa(n, "010000000000010001"), exponent, "long");
    is_rsa_fault(alg, rsa(n, "81"), "not an RSA key", "negative");
    is_rsa_fault(alg, rsa(n, "00010001"), "not an RSA key", "zeros before");
    is_rsa_fault(alg, cat(rsa(n, "010001"), XC_STR("x")), "not an RSA key",
                 "bytes behind it");

    memcpy(even, n.data, 256);
    even[255] ^= 1;
    is_rsa_fault(alg, rsa((xc_str_t) { even, 256 }, "010001"),
                 "an RSA modulus that is even", "an even modulus");

    /* 2,047 bits */
    even[255] ^= 1;
    even[0] = 0x7f;
    is_rsa_fault(alg, seq(cat(tlv(0x02, (xc_str_t) { even, 256 }),
                              tlv(0x02, unhex("010001")))), bits,
                 "2,047 bits");
    is_rsa_fault(alg, seq(XC_STR("")), "not an RSA key", "nothing");
    is_fault(alg, pem("PUBLIC KEY", rsa(n, "010001")), "not an RSA key",
             "PKCS #1 under the other label");
}


/* Keys bound to RSASSA-PSS: RFC 4055 3.1 */
static void
test_pss(void)
{
    size_t       i;
    xc_str_t     key = rsa(number(2048), "010001"), text;
    const char  *other = "an RSA key bound to another scheme, hash or salt";

    static const struct {
        const char  *params;
        bool         sha512, sha256;
        const char  *name;
    } cases[] = {
        { "", true, true, "no parameters" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a203020140", true, false,
          "SHA-512 and 64" },
        { "a00d" SHA512_BARE "a11a3018" MGF1 SHA512_BARE "a203020140", true,
          false, "without NULL" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a203020120", true, false,
          "SHA-512 and at least 32" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512, true, false,
          "SHA-512 and at least 20" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a203020141", false, false,
          "a longer salt" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a20402020140", false, false,
          "a much longer salt" },
        { "a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120", false, true,
          "SHA-256 and 32" },
        { "a00f" SHA256 "a11c301a" MGF1 SHA512 "a203020120", false, false,
          "two hashes" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA256 "a203020140", false, false,
          "two others" },
        { "a203020140", false, false, "SHA-1" },
        { "a00f" SHA512 "a203020140", false, false, "MGF1 with SHA-1" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a203020140a303020102", false,
          false, "another trailer" },
        { "a00f" SHA512 "a11c301a" MGF1 SHA512 "a2030201", false, false,
          "cut" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        text = unhex(ID_PSS);

        if (i != 0) {
            text = cat(text, seq(unhex(cases[i].params)));
        }

        text = seq(cat(seq(text), tlv(0x03, cat((xc_str_t) { "", 1 }, key))));
        text = pem("PUBLIC KEY", text);

        is_fault(XC_ALG_RSA_PSS_SHA512, text, cases[i].sha512 ? "" : other,
                 cases[i].name);
        is_fault(XC_ALG_PS256, text, cases[i].sha256 ? "" : other, "PS256");
        is_fault(XC_ALG_RSA_V15_SHA256, text, other, "never PKCS #1 v1.5");
    }

    text = seq(cat(unhex(ID_PSS), XC_STR("x")));
    text = seq(cat(text, tlv(0x03, cat((xc_str_t) { "", 1 }, key))));
    is_fault(XC_ALG_RSA_PSS_SHA512, pem("PUBLIC KEY", text), other,
             "no parameters but something");
}


static void
is_jwk(xc_alg_t alg, const char *members, xc_str_t x, xc_str_t y,
    const char *want, const char *name)
{
    xc_str_t          text;
    const char       *error = "";
    const xc_key_t   *key;
    const xc_json_t  *jwk;

    text = xc_arena_printf(&heap.arena, "{%s,\"%s\":\"" XC_STR_FMT
                           "\",\"%s\":\"" XC_STR_FMT "\"}", members,
                           strstr(members, "RSA") ? "n" : "x", XC_STR_ARG(x),
                           strstr(members, "RSA") ? "e" : "y", XC_STR_ARG(y));
    is_fault(alg, text, want, name);

    require(xc_json_parse(&heap.arena, text, 8, NULL, &jwk) == XC_OK);
    xt_ok((xc_key_jwk(&heap.arena, alg, jwk, &error, &key) == XC_OK)
          == (want[0] == '\0') && strcmp(error, want) == 0, "and parsed: %s",
          error);
}


static void
test_jwk_points(size_t which, const char *crv, const char *jose,
    const char *stranger)
{
    xc_alg_t     alg = pairs[which].alg;
    xc_str_t     point = unbase64(pairs[which].public_text), x, y, cut;
    const char  *m, *contradicts = "a JWK whose \"alg\", \"use\" or"
                                   " \"key_ops\" is for something else";
    size_t       half = point.len / 2;

#define JWK(...)    xc_arena_printf(&heap.arena, __VA_ARGS__).data
    x = base64(XC_B64_URL, (xc_str_t) { point.data + 1, half });
    y = base64(XC_B64_URL, (xc_str_t) { point.data + 1 + half, half });
    cut = base64(XC_B64_URL, (xc_str_t) { point.data + 2, half - 1 });
    m = JWK("\"kty\":\"EC\",\"crv\":\"%s\"", crv);

    is_jwk(alg, m, x, y, "", "a JWK");
    is_jwk(alg, m, y, x, "a point that is not on the curve", "x for y");
    is_jwk(alg, m, cut, y, stranger, "a short x");
    is_jwk(alg, m, x, cut, stranger, "a short y");
    is_jwk(alg, m, cat(x, XC_STR("AAAA")), y, stranger, "a long x");
    is_jwk(alg, m, x, XC_STR(""), stranger, "no y");
    is_jwk(alg, m, x, cat(y, XC_STR("=")), stranger, "padding");
    is_jwk(alg, JWK("%s,\"alg\":\"%s\",\"use\":\"sig\",\"kid\":\"k\","
                    "\"key_ops\":[\"sign\",\"verify\"]", m, jose), x, y, "",
           "with its use");
    is_jwk(alg, JWK("%s,\"d\":\"AAAA\"", m), x, y,
           "a private key, not a public one", "a private one");
    is_jwk(alg, JWK("%s,\"alg\":\"HS256\"", m), x, y, contradicts, "alg");
    is_jwk(alg, JWK("%s,\"alg\":1", m), x, y, contradicts, "alg, a number");
    is_jwk(alg, JWK("%s,\"use\":\"enc\"", m), x, y, contradicts, "use");
    is_jwk(alg, JWK("%s,\"key_ops\":[\"sign\"]", m), x, y, contradicts,
           "key_ops");
    is_jwk(alg, JWK("%s,\"key_ops\":\"verify\"", m), x, y, contradicts,
           "key_ops, a string");
    is_jwk(alg, "\"kty\":\"EC\",\"crv\":\"P-521\"", x, y, stranger,
           "another curve");
    is_jwk(alg, JWK("\"kty\":\"OKP\",\"crv\":\"%s\"", crv), x, y, stranger,
           "another type");
}


static void
test_jwk_rsa(void)
{
    xc_str_t     n = base64(XC_B64_URL, number(2048));
    xc_str_t     zero = base64(XC_B64_URL,
                               cat((xc_str_t) { "", 1 }, number(2048)));
    const char  *leading = "an RSA number that begins with a zero octet";

    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\"", n, XC_STR("AQAB"), "", "RSA");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\",\"alg\":\"PS256\"", n,
           XC_STR("AQAB"), "", "PS256");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\",\"alg\":\"RS256\"", n,
           XC_STR("AQAB"), "a JWK whose \"alg\", \"use\" or \"key_ops\" is for"
           " something else", "for RS256");
    is_jwk(XC_ALG_RSA_V15_SHA256, "\"kty\":\"RSA\",\"alg\":\"RS256\"", n,
           XC_STR("AQAB"), "", "RS256");
    is_jwk(XC_ALG_RSA_PSS_SHA512, "\"kty\":\"RSA\",\"alg\":\"PS512\"", n,
           XC_STR("AQAB"), "", "PS512");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\"", zero, XC_STR("AQAB"), leading,
           "a zero before n");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\"", n, XC_STR("AAEAAQ"), leading,
           "before e");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\"", n, XC_STR("Aw"),
           "an RSA exponent that is even, under 65537 or over 64 bits", "3");
    is_jwk(XC_ALG_PS256, "\"kty\":\"RSA\",\"p\":\"AQAB\"", n, XC_STR("AQAB"),
           "a private key, not a public one", "with a prime");
    is_jwk(XC_ALG_PS256, "\"kty\":\"oct\",\"k\":\"AQAB\"", n, XC_STR("AQAB"),
           "a private key, not a public one", "a secret");
    is_jwk(XC_ALG_SM2_SM3, "\"kty\":\"EC\",\"crv\":\"SM2\"", n, n,
           "not an SM2 key", "there is no JWK of SM2");
    is_fault(XC_ALG_PS256, XC_STR("{\"kty\":\"RSA\"}"), "not an RSA key",
             "no numbers");
}


/* RFC 9421 3.3.1: 64 octets of salt.  Some clients take as many as there is
 * room for; the library itself, asked for nothing, takes any number. */
static void
test_salts(void)
{
    int               i;
    BIO              *bio;
    size_t            n;
    uint8_t           sig[XC_SIGNATURE_MAX];
    EVP_PKEY         *pkey;
    EVP_MD_CTX       *ctx;
    EVP_PKEY_CTX     *pctx;
    xc_str_t          text = pairs[PSS].private_text;
    static const int  salts[] = { 64, 0, 20, 32, 63, 65, 318 };

    bio = BIO_new_mem_buf(text.data, (int) text.len);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    require(pkey != NULL);

    for (i = 0; i < (int) XC_COUNT(salts); i++) {
        ctx = EVP_MD_CTX_new();
        n = sizeof(sig);

        require(EVP_DigestSignInit_ex(ctx, &pctx, "SHA512", NULL, NULL, pkey,
                                      NULL) == 1
                && EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING)
                   == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salts[i]) == 1
                && EVP_DigestSign(ctx, sig, &n, (const uint8_t *) DATA.data,
                                  DATA.len) == 1);
        EVP_MD_CTX_free(ctx);

        xt_ok(verify(pairs[PSS].public, DATA, (xc_str_t) { (char *) sig, n })
              == (salts[i] == 64 ? XC_OK : XC_DENIED), "a salt of %d",
              salts[i]);
    }

    EVP_PKEY_free(pkey);
    BIO_free(bio);
}


/* What OpenSSL makes when asked for it, in PEM. */
static xc_str_t
weak_rsa(unsigned bits, BN_ULONG e)
{
    BIO           *bio = BIO_new(BIO_s_mem());
    char          *data;
    long           n;
    BIGNUM        *exponent = BN_new();
    xc_str_t       text;
    EVP_PKEY      *pkey = NULL;
    EVP_PKEY_CTX  *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

    require(BN_set_word(exponent, e) == 1 && EVP_PKEY_keygen_init(ctx) == 1
            && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int) bits) == 1
            && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, exponent) == 1
            && EVP_PKEY_generate(ctx, &pkey) == 1
            && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
               == 1);
    n = BIO_get_mem_data(bio, &data);
    text = cat((xc_str_t) { data, (size_t) n }, XC_STR(""));

    BIO_free(bio);
    BN_free(exponent);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(ctx);

    return text;
}


static void
test_weak_private(void)
{
    const char      *error = "";
    const xc_key_t  *key = NULL;

    xt_ok(xc_key_private(&heap.arena, XC_ALG_RSA_PSS_SHA512,
                         weak_rsa(2048, 3), &error, &key) == XC_EINPUT
          && key == NULL && strstr(error, "exponent") != NULL,
          "a private key with the exponent 3: %s", error);
    xt_ok(xc_key_private(&heap.arena, XC_ALG_RSA_PSS_SHA512,
                         weak_rsa(1024, 65537), &error, &key) == XC_EINPUT
          && key == NULL && strstr(error, "2048") != NULL,
          "one of 1,024 bits: %s", error);
    xt_ok(xc_key_private(&heap.arena, XC_ALG_RSA_PSS_SHA512,
                         weak_rsa(2048, 65537), &error, &key) == XC_OK,
          "one that is well");
}


/* GB/T 32918.5 Annex A, as printed: the key, and a signature of it. */
static void
test_sm2(void)
{
    xc_str_t         sig, id;
    const char      *error = "";
    const xc_key_t  *key, *alice, *same;

    static const char  point[] =
        "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
        "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
    static const char  rs[] =
        "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
        "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

    require(xc_key_public(&heap.arena, XC_ALG_SM2_SM3,
                          base64(XC_B64_STD, unhex(point)), &error, &key)
            == XC_OK);
    xt_ok(verify(key, XC_STR("message digest"), unhex(rs)) == XC_OK,
          "GB/T 32918.5 Annex A");
    xt_ok(xc_key_sm2_id(&heap.arena, key, XC_STR("1234567812345678"), &error,
                        &same) == XC_OK
          && verify(same, XC_STR("message digest"), unhex(rs)) == XC_OK,
          "the identifier that is the usual one");
    xt_ok(xc_key_sm2_id(&heap.arena, key, XC_STR("ALICE123@YAHOO.COM"), &error,
                        &alice) == XC_OK
          && verify(alice, XC_STR("message digest"), unhex(rs)) == XC_DENIED,
          "another one");

    require(xc_key_sm2_id(&heap.arena, pairs[SM2].private, XC_STR("id"),
                          &error, &key) == XC_OK
            && xc_key_sm2_id(&heap.arena, pairs[SM2].public, XC_STR("id"),
                             &error, &same) == XC_OK);
    sig = sign(key);
    xt_ok(verify(same, DATA, sig) == XC_OK
          && verify(pairs[SM2].public, DATA, sig) == XC_DENIED
          && verify(same, DATA, sign(pairs[SM2].private)) == XC_DENIED,
          "signer and verifier name the same");

    key = NULL;
    id = number(8 * (XC_SM2_ID_MAX + 1));
    xt_ok(xc_key_sm2_id(&heap.arena, same, XC_STR(""), &error, &key)
          == XC_EINPUT
          && xc_key_sm2_id(&heap.arena, same, id, &error, &key) == XC_EINPUT
          && key == NULL, "too short, too long");
    id.len--;
    xt_ok(xc_key_sm2_id(&heap.arena, same, id, &error, &key) == XC_OK,
          "128 bytes");
    xt_ok(xc_key_sm2_id(&heap.arena, pairs[P256].public, XC_STR("id"), &error,
                        &key) == XC_EINPUT, "a P-256 key has none");
}


static void
test_names(void)
{
    size_t  i;

    static const char *const  strangers[] = {
        "", "none", "HS256", "HS384", "HS512", "ES512", "ES256K", "PS384",
        "PS512", "RS384", "RS512", "RS1", "eddsa", "ED25519", "Ed448",
        "ed25519", "hmac-sha256", "sm2-sm3", "EdDSA "
    };

    for (i = 0; i < XC_COUNT(pairs); i++) {
        xt_is(xc_alg_name(pairs[i].alg), xc_str_z(pairs[i].name), "name");
        xt_ok(xc_alg_by_name(xc_str_z(pairs[i].name))
              == (i == PS256 ? XC_ALG_NONE : pairs[i].alg), "%s",
              pairs[i].name);
    }

    xt_ok(xc_alg_by_jose(XC_STR("EdDSA")) == XC_ALG_ED25519
          && xc_alg_by_jose(XC_STR("Ed25519")) == XC_ALG_ED25519
          && xc_alg_by_jose(XC_STR("ES256")) == XC_ALG_ECDSA_P256
          && xc_alg_by_jose(XC_STR("ES384")) == XC_ALG_ECDSA_P384
          && xc_alg_by_jose(XC_STR("PS256")) == XC_ALG_PS256
          && xc_alg_by_jose(XC_STR("RS256")) == XC_ALG_RSA_V15_SHA256,
          "JOSE's names");

    for (i = 0; i < XC_COUNT(strangers); i++) {
        xt_ok(xc_alg_by_jose(xc_str_z(strangers[i])) == XC_ALG_NONE,
              "not \"%s\"", strangers[i]);
    }
}


static xc_rc_t
make_all(xc_arena_t *arena, void *data)
{
    size_t           i;
    xc_rc_t          rc = XC_OK;
    const char      *error;
    const xc_key_t  *key = NULL;

    for (i = 0; rc == XC_OK && i < XC_COUNT(pairs); i++) {
        rc = xc_key_public(arena, pairs[i].alg, pairs[i].pem, &error, &key);

        if (rc == XC_OK) {
            rc = xc_key_private(arena, pairs[i].alg, pairs[i].private_text,
                                &error, &key);
        }

        if (rc == XC_OK && i == SM2) {
            rc = xc_key_sm2_id(arena, key, XC_STR("id"), &error, &key);
        }
    }

    return rc != XC_OK ? rc
           : xc_key_public(arena, XC_ALG_PS256, *(xc_str_t *) data, &error,
                           &key);
}


static xc_rc_t
generate(xc_arena_t *arena, void *data)
{
    xc_str_t  text, half;

    return xc_key_generate(arena, *(xc_alg_t *) data, &text, &half);
}


int
main(void)
{
    size_t         i;
    xc_alg_t       alg = XC_ALG_SM2_SM3;
    xc_str_t       jwk;
    unsigned long  before;

    xc_heap_init(&heap, 0);
    require(xc_crypto_init() == XC_OK);

    /* An error of somebody else's, which has to be all there is at the end. */
    ERR_raise(ERR_LIB_USER, 42);
    before = ERR_peek_last_error();

    make_pairs();

    for (i = 0; i < XC_COUNT(pairs); i++) {
        test_round_trip(&pairs[i]);
    }

    test_bounds(&pairs[P256]);
    test_bounds(&pairs[P384]);
    test_der();
    test_every_pair();
    test_points(P256, "not a P-256 key");
    test_points(P384, "not a P-384 key");
    test_points(SM2, "not an SM2 key");
    test_rsa_numbers();
    test_pss();
    test_jwk_points(P256, "P-256", "ES256", "not a P-256 key");
    test_jwk_points(P384, "P-384", "ES384", "not a P-384 key");
    test_jwk_rsa();
    test_salts();
    test_weak_private();
    test_sm2();
    test_names();

    jwk = xc_arena_printf(&heap.arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\","
                          "\"n\":\"" XC_STR_FMT "\"}",
                          XC_STR_ARG(base64(XC_B64_URL, number(2048))));
    xt_oom("keys", make_all, &jwk);
    xt_oom("a fresh key", generate, &alg);

    xt_ok(ERR_peek_last_error() == before && ERR_get_error() == before
          && ERR_get_error() == 0, "the error queue is as it was");

    xc_heap_free(&heap);

    return xt_done();
}
