/* Hashes, MACs, keys: published figures, texts of keys, what is refused. */

#include "xt.h"
#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_buf.h"
#include "xc_crypto.h"

#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>

/* RFC 8032 7.1, TEST 2 */
#define TEST2_SEED                                                            \
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
#define TEST2_PUBLIC                                                          \
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define TEST2_SIGNATURE                                                       \
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"        \
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"

#define PEM(kind, body)                                                       \
    "-----BEGIN " kind "-----\n" body "\n-----END " kind "-----\n"


static xc_heap_t  heap;


static xc_str_t
unhex(const char *hex)
{
    size_t     n = strlen(hex) / 2;
    uint8_t   *p;

    p = xc_arena_alloc(&heap.arena, n);
    if (p == NULL || !xc_hex_decode(p, n, xc_str_z(hex))) {
        exit(2);
    }

    return (xc_str_t) { (char *) p, n };
}


static xc_str_t
base64(xc_b64_t kind, xc_str_t bytes)
{
    char      *p;
    xc_buf_t   b;

    p = xc_arena_alloc(&heap.arena, bytes.len * 2 + 4);
    if (p == NULL) {
        exit(2);
    }

    xc_buf_init(&b, p, bytes.len * 2 + 4);
    xc_b64_encode(kind, &b, (const uint8_t *) bytes.data, bytes.len);

    return xc_buf_view(&b);
}


static xc_str_t
join(const char *before, xc_str_t s, const char *after)
{
    return xc_arena_printf(&heap.arena, "%s" XC_STR_FMT "%s", before,
                           XC_STR_ARG(s), after);
}


static bool
is_hex(const uint8_t *got, size_t n, const char *hex)
{
    return n * 2 == strlen(hex) && memcmp(got, unhex(hex).data, n) == 0;
}


static void
test_hash(void)
{
    size_t      i;
    uint8_t     out[XC_HASH_MAX], all[XC_HASH_MAX];
    xc_rc_t     rc = XC_OK;
    xc_hash_t  *hash;

    /* FIPS 180-4's message "abc" */
    xt_ok(xc_hash(XC_HASH_SHA256, "abc", 3, out) == XC_OK
          && is_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad"), "SHA-256");
    xt_ok(xc_hash(XC_HASH_SHA512, "abc", 3, out) == XC_OK
          && is_hex(out, 64, "ddaf35a193617abacc417349ae204131"
                             "12e6fa4e89a97ea20a9eeee64b55d39a"
                             "2192992a274fc1a836ba3c23a3feebbd"
                             "454d4423643ce80e2a9ac94fa54ca49f"), "SHA-512");
    xt_ok(xc_hash(XC_HASH_SHA256, NULL, 0, out) == XC_OK
          && is_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855"), "of nothing");

    /* RFC 6962 2.1.1: the leaf of no bytes */
    xt_ok(xc_hash_leaf(NULL, 0, out) == XC_OK
          && is_hex(out, 32, "6e340b9cffb37a989ca544e6bb780a2c"
                             "78901d3fb33738768511a30617afa01d"), "empty leaf");
    xt_ok(xc_hash_leaf("bc", 2, out) == XC_OK
          && xc_hash(XC_HASH_SHA256, "\0bc", 3, all) == XC_OK
          && memcmp(out, all, 32) == 0, "a leaf is 0x00 and the line");

    xt_ok(xc_hash(XC_HASH_SHA512, TEST2_SIGNATURE, 128, all) == XC_OK,
          "in one shot");

    if (!xt_ok(xc_hash_new(&heap.arena, XC_HASH_SHA512, &hash) == XC_OK,
               "and in pieces"))
    {
        exit(1);
    }

    for (i = 0; rc == XC_OK && i < 128; i++) {
        rc = xc_hash_update(hash, &TEST2_SIGNATURE[i], 1);
    }

    xt_ok(rc == XC_OK && xc_hash_final(hash, out) == XC_OK
          && memcmp(out, all, 64) == 0, "byte by byte");
    xt_ok(xc_hash_new(&heap.arena, XC_HASH_SHA256, &hash) == XC_OK,
          "one that is never finished");
}


static void
test_mac(void)
{
    size_t          i;
    uint8_t         out[XC_SHA256_SIZE];
    const xc_mac_t *mac;

    /* RFC 4231: cases 1, 2, 6, 7 */
    static const struct {
        const char  *key, *data, *mac;
    } cases[] = {
        { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b"
          "881dc200c9833da726e9376c2e32cff7" },
        { "4a656665", "what do ya want for nothing?",
          "5bdcc146bf60754e6a042426089575c7"
          "5a003f089d2739839dec58b964ec3843" },
        { NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f"
          "8e0bc6213728c5140546040f0ee37f54" },
        { NULL, "This is a test using a larger than block-size key and a "
          "larger than block-size data. The key needs to be hashed before "
          "being used by the HMAC algorithm.",
          "9b09ffa71b942fcb27635fbcd5b0e944"
          "bfdc63644f0713938a7f51535c3a35e2" },
    };

    char            long_key[131];

    memset(long_key, 0xaa, sizeof(long_key));

    for (i = 0; i < XC_COUNT(cases); i++) {
        xt_ok(xc_mac_new(&heap.arena,
                         cases[i].key != NULL ? unhex(cases[i].key)
                         : (xc_str_t) { long_key, sizeof(long_key) }, &mac)
              == XC_OK
              && xc_mac_compute(mac, xc_str_z(cases[i].data), out) == XC_OK
              && is_hex(out, 32, cases[i].mac), "HMAC-SHA256 %zu", i);
    }

    xt_ok(xc_mac_compute(mac, xc_str_z(cases[3].data), out) == XC_OK
          && is_hex(out, 32, cases[3].mac), "a prepared key lasts");
}


static void
test_secret(void)
{
    char             bytes[1025], flipped[32];
    size_t           len = 0;
    uint8_t          sig[XC_SIGNATURE_MAX];
    xc_str_t         mac;
    const char      *error = "";
    const xc_key_t  *key = NULL;

    memset(bytes, 'k', sizeof(bytes));

    xt_ok(xc_key_secret(&heap.arena, XC_ALG_HMAC_SHA256,
                        (xc_str_t) { bytes, 31 }, &error, &key) == XC_EINPUT
          && key == NULL, "31 bytes");
    xt_is(xc_str_z(error), XC_STR("not 32 to 1024 bytes"), "says so");
    xt_ok(xc_key_secret(&heap.arena, XC_ALG_HMAC_SHA256,
                        (xc_str_t) { bytes, 1025 }, &error, &key) == XC_EINPUT,
          "1,025 bytes");
    xt_ok(xc_key_secret(&heap.arena, XC_ALG_ED25519, (xc_str_t) { bytes, 32 },
                        &error, &key) == XC_EINPUT, "not for ed25519");
    xt_ok(xc_key_secret(&heap.arena, XC_ALG_HMAC_SHA256,
                        (xc_str_t) { bytes, 1024 }, &error, &key) == XC_OK,
          "1,024 bytes");

    xt_ok(xc_key_sign(key, XC_STR("data"), sig, &len) == XC_OK && len == 32,
          "signs");
    mac = (xc_str_t) { (char *) sig, len };
    xt_ok(xc_key_verify(key, XC_STR("data"), mac) == XC_OK, "verifies");
    xt_ok(xc_key_verify(key, XC_STR("datA"), mac) == XC_DENIED, "other data");
    memcpy(flipped, sig, 32);
    flipped[31] ^= 1;
    xt_ok(xc_key_verify(key, XC_STR("data"), (xc_str_t) { flipped, 32 })
          == XC_DENIED, "a bit flipped");
    mac.len = 31;
    xt_ok(xc_key_verify(key, XC_STR("data"), mac) == XC_DENIED, "cut");
    xt_ok(xc_key_verify(key, XC_STR("data"), XC_STR_NONE) == XC_DENIED,
          "no MAC");
}


/* "" where the text is taken. */
static const char *
fault(xc_str_t text)
{
    xc_rc_t          rc;
    xc_str_t         in = xt_guard(text);
    const char      *error = "?";
    const xc_key_t  *key = NULL;

    rc = xc_key_public(&heap.arena, XC_ALG_ED25519, in, &error, &key);
    xt_unguard(in);

    if (rc == XC_OK) {
        return xc_key_verify(key, XC_STR("\x72"), unhex(TEST2_SIGNATURE))
               == XC_OK ? "" : "another key";
    }

    return rc == XC_EINPUT && key == NULL ? error : "??";
}


static void
test_public_texts(void)
{
    char      text[64];
    size_t    i;
    xc_str_t  raw = unhex(TEST2_PUBLIC), std, url, der, body;

    std = base64(XC_B64_STD, raw);
    url = base64(XC_B64_URL, raw);
    der = base64(XC_B64_STD, unhex("302a300506032b6570032100" TEST2_PUBLIC));

    xt_is(xc_str_z(fault(std)), XC_STR(""), "base64");
    xt_is(xc_str_z(fault(url)), XC_STR(""), "base64url");
    xt_is(xc_str_z(fault(join("\n ", std, "\r\n"))), XC_STR(""),
          "white space around");
    xt_is(xc_str_z(fault(join("-----BEGIN PUBLIC KEY-----\n", der,
                              "\n-----END PUBLIC KEY-----\n"))), XC_STR(""),
          "PEM");
    xt_is(xc_str_z(fault(join("-----BEGIN PUBLIC KEY-----\r\n", der,
                              "\r\n-----END PUBLIC KEY-----"))), XC_STR(""),
          "PEM with CRLF");
    xt_is(xc_str_z(fault(join("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"kid\":\"k\",\"x\":\"", url, "\"}"))),
          XC_STR(""), "JWK");

    body = join("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"x\",\"x\":\"",
                url, "\"}");
    xt_is(xc_str_z(fault(body)), XC_STR("a private key, not a public one"),
          "a private JWK");

    const xc_str_t  other[] = {
        XC_STR(""), XC_STR("AAAA"), XC_STR("{\"kty\":\"OKP\"}"),
        XC_STR("{\"kty\":1,\"crv\":2,\"x\":3}"),
        join("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"", url, "\"}"),
        join("{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"", url, "\"}"),
        join("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"", std, "\"}"),
        join("", std, "="), join("", url, "A"), join("A", std, ""),
        XC_STR(PEM("PUBLIC KEY", "MCowBQYDK2VuAyEA4ehkdGL3FkHtSdNSaNo6/h9ZGP"
                   "gxehGIXxbYko/q4SA=")),
        XC_STR(PEM("PUBLIC KEY", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpJEcnG"
                   "YR7zgeIdNyxfvvsDP0HpdDYiJXMI/8phqZbaRzz0Rt00cLK4EGe+1OaI"
                   "vdaCHUnAvz5MjD8GLjyojSjA==")),
        XC_STR(PEM("PUBLIC KEY", "")),
        join("-----BEGIN PUBLIC KEY-----\n", join("", der, "AAAA"),
             "\n-----END PUBLIC KEY-----\n"),
    };

    for (i = 0; i < XC_COUNT(other); i++) {
        xt_is(xc_str_z(fault(other[i])), XC_STR("not an Ed25519 key"),
              "another key %zu", i);
    }

    xt_is(xc_str_z(fault(join("-----BEGIN PRIVATE KEY-----\n", der,
                              "\n-----END PRIVATE KEY-----\n"))),
          XC_STR("not one public key in PEM"), "another label");
    xt_is(xc_str_z(fault(join("-----BEGIN PUBLIC KEY-----\n", der,
                              "\n-----END PUBLIC KEY-----\nx"))),
          XC_STR("not one public key in PEM"), "text behind");
    xt_is(xc_str_z(fault(XC_STR("{\"x\":"))), XC_STR("not a JWK"),
          "half a JWK");

    xc_hex_encode(text, (const uint8_t *) raw.data, 32);
    xt_is(xc_str_z(fault((xc_str_t) { text, 64 })),
          XC_STR("not an Ed25519 key"), "hexadecimal");
}


/* RFC 8032 5.1: whoever registers one of these could deny what he signed. */
static void
test_small_order(void)
{
    size_t      i;
    const char *got;
    xc_str_t    raw;

    static const char *const  points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };

    for (i = 0; i < XC_COUNT(points); i++) {
        raw = unhex(points[i]);
        got = fault(base64(XC_B64_STD, raw));
        xt_ok(strstr(got, "small order") != NULL, "small order %zu: %s", i,
              got);
    }
}


/* RFC 8032 5.1.3: a y that no point has, or that is spelled beyond the prime.
 * Half of all typing errors make such a key, under which nothing verifies. */
static void
test_no_point(void)
{
    size_t  i;

    static const struct {
        const char  *raw, *want;
    } cases[] = {
        { "0200000000000000000000000000000000000000000000000000000000000000",
          "no point of Ed25519" },
        { "0200000000000000000000000000000000000000000000000000000000000080",
          "no point of Ed25519" },
        { "0300000000000000000000000000000000000000000000000000000000000000",
          "another key" },
        { "0300000000000000000000000000000000000000000000000000000000000080",
          "another key" },
        { "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
          "no point of Ed25519" },
        { "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660d",
          "no point of Ed25519" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xt_is(xc_str_z(fault(base64(XC_B64_STD, unhex(cases[i].raw)))),
              xc_str_z(cases[i].want), "a point? %zu", i);
    }
}


static void
test_ed25519(void)
{
    size_t           i, len = 0, bad = 0;
    uint8_t          sig[XC_SIGNATURE_MAX];
    char             flipped[64];
    xc_str_t         pem, good = unhex(TEST2_SIGNATURE);
    const char      *error = "";
    const xc_key_t  *private, *public;

    /* RFC 8410 7: a PrivateKeyInfo around the seed */
    pem = join("-----BEGIN PRIVATE KEY-----\n",
               base64(XC_B64_STD, unhex("302e020100300506032b657004220420"
                                        TEST2_SEED)),
               "\n-----END PRIVATE KEY-----\n");

    if (!xt_ok(xc_key_private(&heap.arena, XC_ALG_ED25519, pem, &error,
                              &private) == XC_OK, "a private key")
        || !xt_ok(xc_key_public(&heap.arena, XC_ALG_ED25519,
                                base64(XC_B64_STD, unhex(TEST2_PUBLIC)),
                                &error, &public) == XC_OK, "its public half"))
    {
        exit(1);
    }

    xt_ok(xc_key_sign(private, XC_STR("\x72"), sig, &len) == XC_OK
          && len == 64 && is_hex(sig, 64, TEST2_SIGNATURE), "RFC 8032 TEST 2");
    xt_ok(xc_key_verify(public, XC_STR("\x72"), good) == XC_OK, "verifies");
    xt_ok(xc_key_verify(private, XC_STR("\x72"), good) == XC_OK,
          "also by the private half");
    xt_ok(xc_key_sign(public, XC_STR("\x72"), sig, &len) == XC_EINPUT,
          "a public key signs nothing");

    for (i = 0; i < 512; i++) {
        memcpy(flipped, good.data, 64);
        flipped[i / 8] ^= (char) (1 << i % 8);
        bad += xc_key_verify(public, XC_STR("\x72"),
                             (xc_str_t) { flipped, 64 }) != XC_DENIED;
    }

    xt_ok(bad == 0, "no bit may flip");

    for (i = 0; i < 64; i++) {
        bad += xc_key_verify(public, XC_STR("\x72"),
                             (xc_str_t) { good.data, i }) != XC_DENIED;
    }

    xt_ok(bad == 0, "nor be missing");
    xt_ok(xc_key_verify(public, XC_STR(""), good) == XC_DENIED
          && xc_key_verify(public, XC_STR_NONE, good) == XC_DENIED,
          "other data");
}


static void
test_private_texts(void)
{
    size_t           i;
    xc_rc_t          rc;
    const char      *error;
    const xc_key_t  *key = NULL;

    static const char *const  bad[] = {
        "", "x", PEM("PRIVATE KEY", "AAAA"), PEM("PUBLIC KEY", "AAAA"),
        /* X25519, then an encrypted key */
        PEM("PRIVATE KEY", "MC4CAQAwBQYDK2VuBCIEIKDJy95SxMk3rOsh8z4xYjzktEJdH"
            "h2EWMjNry5zljpd"),
        PEM("ENCRYPTED PRIVATE KEY",
            "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiaSQGaDfwmpgICCAAw\n"
            "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEOS/OjnWSrik660xDUoOeM0EQHVq\n"
            "wYsuqp6wj6u08+tbTlpuuvgTwq6AsfATYKuDb2yeevELaxan5f/w9qZJYzZU7DUI\n"
            "jyW0NPSL4+aGa+dlQwk="),
    };

    for (i = 0; i < XC_COUNT(bad); i++) {
        error = "?";
        rc = xc_key_private(&heap.arena, XC_ALG_ED25519, xc_str_z(bad[i]),
                            &error, &key);
        xt_ok(rc == XC_EINPUT && key == NULL && error[0] == 'n',
              "not a private key %zu: %s", i, error);
    }

    xt_ok(xc_key_private(&heap.arena, XC_ALG_HMAC_SHA256, XC_STR("x"), &error,
                         &key) == XC_EINPUT
          && xc_key_public(&heap.arena, XC_ALG_HMAC_SHA256, XC_STR("x"),
                           &error, &key) == XC_EINPUT && key == NULL,
          "a secret has no halves");
}


static void
test_generate(void)
{
    size_t           n = 0, len;
    uint8_t          sig[XC_SIGNATURE_MAX], secret[48];
    xc_str_t         text, half;
    const char      *error;
    const xc_key_t  *private, *public;

    xt_ok(xc_key_generate(&heap.arena, XC_ALG_ED25519, &text, &half) == XC_OK
          && xc_key_private(&heap.arena, XC_ALG_ED25519, text, &error,
                            &private) == XC_OK
          && xc_key_public(&heap.arena, XC_ALG_ED25519, half, &error, &public)
             == XC_OK
          && xc_key_sign(private, XC_STR("x"), sig, &len) == XC_OK
          && xc_key_verify(public, XC_STR("x"),
                           (xc_str_t) { (char *) sig, len }) == XC_OK,
          "a fresh pair");

    xt_ok(xc_key_generate(&heap.arena, XC_ALG_HMAC_SHA256, &text, &half)
          == XC_OK && half.len == 0
          && xc_b64_decode(XC_B64_STD, text, secret, &n) == XC_OK && n == 32,
          "a fresh secret");
    xt_ok(xc_key_generate(&heap.arena, XC_ALG_NONE, &text, &half)
          == XC_EINPUT, "of no algorithm");
}


static void
test_names(void)
{
    xt_ok(xc_alg_by_name(XC_STR("ed25519")) == XC_ALG_ED25519
          && xc_alg_by_name(XC_STR("hmac-sha256")) == XC_ALG_HMAC_SHA256,
          "names");
    xt_ok(xc_alg_by_name(XC_STR("")) == XC_ALG_NONE
          && xc_alg_by_name(XC_STR("Ed25519")) == XC_ALG_NONE
          && xc_alg_by_name(XC_STR("none")) == XC_ALG_NONE, "that are none");
    xt_is(xc_alg_name(XC_ALG_HMAC_SHA256), XC_STR("hmac-sha256"), "back");
    xt_ok(xc_alg_is_symmetric(XC_ALG_HMAC_SHA256)
          && !xc_alg_is_symmetric(XC_ALG_ED25519), "symmetric");

    xt_ok(xc_equal_ct("abc", "abd", 2) && !xc_equal_ct("abc", "abd", 3),
          "constant time");
}


static xc_rc_t
make_keys(xc_arena_t *arena, void *data)
{
    xc_rc_t          rc;
    xc_hash_t       *hash;
    const char      *error;
    const xc_key_t  *key;

    rc = xc_key_public(arena, XC_ALG_ED25519, *(xc_str_t *) data, &error,
                       &key);

    if (rc == XC_OK) {
        rc = xc_key_secret(arena, XC_ALG_HMAC_SHA256,
                           XC_STR("0123456789abcdef0123456789abcdef"), &error,
                           &key);
    }

    return rc == XC_OK ? xc_hash_new(arena, XC_HASH_SHA256, &hash) : rc;
}


static xc_rc_t
generate(xc_arena_t *arena, void *data)
{
    xc_str_t  text, half;

    (void) data;

    return xc_key_generate(arena, XC_ALG_ED25519, &text, &half);
}


int
main(void)
{
    xc_str_t       jwk;
    uint8_t        a[16], b[16];
    unsigned long  before;

    xc_heap_init(&heap, 0);

    xt_ok(xc_hash(XC_HASH_SHA256, "", 0, a) == XC_EINTERNAL,
          "nothing works before the start");
    xt_ok(xc_crypto_init() == XC_OK && xc_crypto_init() == XC_OK, "twice");

    /* An error of somebody else's, which has to be all there is at the end. */
    ERR_raise(ERR_LIB_USER, 42);
    before = ERR_peek_last_error();

    test_hash();
    test_mac();
    test_secret();
    test_public_texts();
    test_small_order();
    test_no_point();
    test_ed25519();
    test_private_texts();
    test_generate();
    test_names();

    jwk = join("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"",
               base64(XC_B64_URL, unhex(TEST2_PUBLIC)), "\"}");
    xt_oom("keys", make_keys, &jwk);
    xt_oom("a fresh key", generate, NULL);

    xt_ok(xc_random(a, 16) == XC_OK && xc_random(b, 16) == XC_OK
          && memcmp(a, b, 16) != 0, "randomness");

    xt_ok(ERR_peek_last_error() == before && ERR_get_error() == before
          && ERR_get_error() == 0, "the error queue is as it was");

    xc_heap_free(&heap);

    return xt_done();
}
