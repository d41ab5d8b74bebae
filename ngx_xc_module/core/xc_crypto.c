#include "xc_crypto.h"

#include "xc_b64.h"
#include "xc_keytext.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define XC_ED25519_SIG_SIZE     64
#define XC_SECRET_MIN           32
#define XC_SECRET_MAX           1024


struct xc_key_s {
    xc_alg_t         alg;
    bool             can_sign;
    EVP_PKEY        *pkey;          /* NULL in a secret */
    const xc_mac_t  *mac;           /* of a secret; the arena frees it */
};


xc_rc_t
xc_crypto_init(void)
{
    return xc_hash_init();
}


static const xc_str_t  xc_alg_names[] = {
    [XC_ALG_NONE] = { "", 0 },
    [XC_ALG_ED25519] = { "ed25519", 7 },
    [XC_ALG_HMAC_SHA256] = { "hmac-sha256", 11 }
};


xc_alg_t
xc_alg_by_name(xc_str_t name)
{
    size_t  i;

    for (i = 1; i < XC_COUNT(xc_alg_names); i++) {
        if (xc_str_eq(name, xc_alg_names[i])) {
            return (xc_alg_t) i;
        }
    }

    return XC_ALG_NONE;
}


xc_str_t
xc_alg_name(xc_alg_t alg)
{
    return xc_alg_names[alg];
}


bool
xc_alg_is_symmetric(xc_alg_t alg)
{
    return alg == XC_ALG_HMAC_SHA256;
}


static void
xc_key_free(void *data)
{
    xc_key_t  *key = data;

    EVP_PKEY_free(key->pkey);
}


/* A key with nothing in it yet, whose contents the arena frees. */
static xc_rc_t
xc_key_new(xc_arena_t *arena, xc_alg_t alg, bool can_sign, xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    key = xc_arena_array(arena, 1, sizeof(xc_key_t));
    if (key == NULL) {
        return XC_ENOMEM;
    }

    key->alg = alg;
    key->can_sign = can_sign;

    rc = xc_arena_defer(arena, xc_key_free, key);
    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}


static xc_rc_t
xc_key_fault(const char **error, const char *what)
{
    *error = what;

    return XC_EINPUT;
}


xc_rc_t
xc_key_public(xc_arena_t *arena, xc_alg_t alg, xc_str_t text,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    uint8_t    raw[XC_ED25519_KEY_SIZE];
    xc_key_t  *key;

    if (alg != XC_ALG_ED25519) {
        return xc_key_fault(error, "the algorithm has no public key");
    }

    rc = xc_keytext_ed25519(arena, text, error, raw);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_key_new(arena, alg, false, &key);
    if (rc != XC_OK) {
        return rc;
    }

    ERR_set_mark();
    key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw,
                                               sizeof(raw));
    ERR_pop_to_mark();

    if (key->pkey == NULL) {
        return XC_EINTERNAL;
    }

    *out = key;

    return XC_OK;
}


xc_rc_t
xc_key_secret(xc_arena_t *arena, xc_alg_t alg, xc_str_t bytes,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    if (alg != XC_ALG_HMAC_SHA256) {
        return xc_key_fault(error, "the algorithm takes no shared secret");
    }

    if (bytes.len < XC_SECRET_MIN || bytes.len > XC_SECRET_MAX) {
        return xc_key_fault(error, "not 32 to 1024 bytes");
    }

    rc = xc_key_new(arena, alg, true, &key);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_mac_new(arena, bytes, &key->mac);
    if (rc == XC_OK) {
        *out = key;
    }

    return rc;
}


/* OpenSSL would else ask at the terminal. */
static int
xc_key_no_password(char *buf, int size, int rwflag, void *data)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) data;

    return -1;
}


static EVP_PKEY *
xc_key_read_private(xc_str_t pem)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return NULL;
    }

    pkey = PEM_read_bio_PrivateKey(bio, NULL, xc_key_no_password, NULL);
    BIO_free(bio);

    return pkey;
}


xc_rc_t
xc_key_private(xc_arena_t *arena, xc_alg_t alg, xc_str_t pem,
    const char **error, const xc_key_t **out)
{
    xc_rc_t    rc;
    xc_key_t  *key;

    if (alg != XC_ALG_ED25519) {
        return xc_key_fault(error, "the algorithm has no private key");
    }

    if (pem.len == 0 || pem.len > XC_KEYTEXT_MAX) {
        return xc_key_fault(error, "not 1 byte to 16 KiB of PEM");
    }

    rc = xc_key_new(arena, alg, true, &key);
    if (rc != XC_OK) {
        return rc;
    }

    ERR_set_mark();
    key->pkey = xc_key_read_private(pem);
    ERR_pop_to_mark();

    if (key->pkey == NULL) {
        return xc_key_fault(error, "not an unencrypted private key in PEM");
    }

    if (!EVP_PKEY_is_a(key->pkey, "ED25519")) {
        return xc_key_fault(error, "not an Ed25519 key");
    }

    *out = key;

    return XC_OK;
}


static xc_rc_t
xc_hmac_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t  rc;
    uint8_t  mac[XC_SHA256_SIZE];

    if (signature.len != sizeof(mac)) {
        return XC_DENIED;
    }

    rc = xc_mac_compute(key->mac, data, mac);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_equal_ct(mac, signature.data, sizeof(mac)) ? XC_OK : XC_DENIED;
}


static xc_rc_t
xc_ed25519_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t      rc = XC_EINTERNAL;
    EVP_MD_CTX  *ctx;

    if (signature.len != XC_ED25519_SIG_SIZE) {
        return XC_DENIED;
    }

    ctx = EVP_MD_CTX_new();

    if (ctx != NULL
        && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey,
                                   NULL) == 1)
    {
        rc = EVP_DigestVerify(ctx, (const uint8_t *) signature.data,
                              signature.len, (const uint8_t *) data.data,
                              data.len) == 1
             ? XC_OK : XC_DENIED;
    }

    EVP_MD_CTX_free(ctx);

    return rc;
}


xc_rc_t
xc_key_verify(const xc_key_t *key, xc_str_t data, xc_str_t signature)
{
    xc_rc_t  rc;

    ERR_set_mark();
    rc = xc_alg_is_symmetric(key->alg)
         ? xc_hmac_verify(key, data, signature)
         : xc_ed25519_verify(key, data, signature);
    ERR_pop_to_mark();

    return rc;
}


static xc_rc_t
xc_ed25519_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig, size_t *len)
{
    bool         ok;
    size_t       n = XC_SIGNATURE_MAX;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL)
            == 1
         && EVP_DigestSign(ctx, sig, &n, (const uint8_t *) data.data, data.len)
            == 1;

    EVP_MD_CTX_free(ctx);

    if (!ok) {
        return XC_EINTERNAL;
    }

    *len = n;

    return XC_OK;
}


xc_rc_t
xc_key_sign(const xc_key_t *key, xc_str_t data, uint8_t *sig, size_t *len)
{
    xc_rc_t  rc;

    if (!key->can_sign) {
        return XC_EINPUT;
    }

    if (xc_alg_is_symmetric(key->alg)) {
        rc = xc_mac_compute(key->mac, data, sig);
        if (rc == XC_OK) {
            *len = XC_SHA256_SIZE;
        }

        return rc;
    }

    ERR_set_mark();
    rc = xc_ed25519_sign(key, data, sig, len);
    ERR_pop_to_mark();

    return rc;
}


xc_rc_t
xc_key_public_raw(const xc_key_t *key, uint8_t out[32])
{
    int      ok;
    size_t   n = XC_ED25519_KEY_SIZE;
    uint8_t  raw[XC_ED25519_KEY_SIZE];

    if (key->alg != XC_ALG_ED25519) {
        return XC_EINPUT;
    }

    ERR_set_mark();
    ok = EVP_PKEY_get_raw_public_key(key->pkey, raw, &n);
    ERR_pop_to_mark();

    if (ok != 1 || n != sizeof(raw)) {
        return XC_EINTERNAL;
    }

    memcpy(out, raw, sizeof(raw));

    return XC_OK;
}


static xc_rc_t
xc_key_to_base64(xc_arena_t *arena, const uint8_t *bytes, size_t n,
    xc_str_t *out)
{
    char      mem[64];
    xc_rc_t   rc;
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_b64_encode(XC_B64_STD, &b, bytes, n);

    rc = b.overflow ? XC_EINTERNAL : xc_arena_dup(arena, xc_buf_view(&b), out);
    OPENSSL_cleanse(mem, sizeof(mem));

    return rc;
}


static xc_rc_t
xc_key_to_pem(xc_arena_t *arena, EVP_PKEY *pkey, xc_str_t *out)
{
    BIO      *bio;
    char     *data;
    long      n;
    xc_rc_t   rc = XC_EINTERNAL;

    bio = BIO_new(BIO_s_secmem());

    if (bio != NULL
        && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
           == 1)
    {
        n = BIO_get_mem_data(bio, &data);
        rc = xc_arena_dup(arena, (xc_str_t) { data, (size_t) n }, out);
    }

    BIO_free(bio);

    return rc;
}


static xc_rc_t
xc_ed25519_write(xc_arena_t *arena, EVP_PKEY *pkey, xc_str_t *private_text,
    xc_str_t *public_text)
{
    size_t    n = XC_ED25519_KEY_SIZE;
    xc_rc_t   rc;
    uint8_t   raw[XC_ED25519_KEY_SIZE];
    xc_str_t  pem;

    if (EVP_PKEY_get_raw_public_key(pkey, raw, &n) != 1) {
        return XC_EINTERNAL;
    }

    rc = xc_key_to_pem(arena, pkey, &pem);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_key_to_base64(arena, raw, n, public_text);
    if (rc == XC_OK) {
        *private_text = pem;
    }

    return rc;
}


static xc_rc_t
xc_ed25519_generate(xc_arena_t *arena, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t    rc;
    EVP_PKEY  *pkey;

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pkey == NULL) {
        return XC_EINTERNAL;
    }

    rc = xc_ed25519_write(arena, pkey, private_text, public_text);
    EVP_PKEY_free(pkey);

    return rc;
}


static xc_rc_t
xc_hmac_generate(xc_arena_t *arena, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t  rc;
    uint8_t  secret[XC_SECRET_MIN];

    rc = xc_random(secret, sizeof(secret));

    if (rc == XC_OK) {
        rc = xc_key_to_base64(arena, secret, sizeof(secret), private_text);
    }

    if (rc == XC_OK) {
        *public_text = XC_STR("");
    }

    OPENSSL_cleanse(secret, sizeof(secret));

    return rc;
}


xc_rc_t
xc_key_generate(xc_arena_t *arena, xc_alg_t alg, xc_str_t *private_text,
    xc_str_t *public_text)
{
    xc_rc_t  rc;

    ERR_set_mark();

    switch (alg) {

    case XC_ALG_ED25519:
        rc = xc_ed25519_generate(arena, private_text, public_text);
        break;

    case XC_ALG_HMAC_SHA256:
        rc = xc_hmac_generate(arena, private_text, public_text);
        break;

    default:
        rc = XC_EINPUT;
    }

    ERR_pop_to_mark();

    return rc;
}
