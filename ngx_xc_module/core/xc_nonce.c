#include "xc_nonce.h"

#include "xc_crypto.h"

#define XC_NONCE_SECRET_SIZE    32
#define XC_NONCE_INPUT_MAX      4096


/* Where a nonce may lie: one bucket, under one lock. */
typedef struct {
    xc_map_nonce_t   *slots;
    pthread_mutex_t  *lock;
} xc_nonce_bucket_t;


static xc_nonce_bucket_t
xc_nonce_bucket(const xc_map_t *map, const uint8_t key[XC_NONCE_KEY_SIZE])
{
    uint64_t  n;

    memcpy(&n, key, sizeof(n));
    n %= map->n_buckets;

    return (xc_nonce_bucket_t) {
        &map->nonces[n * XC_MAP_BUCKET],
        &map->stripes[n % XC_MAP_STRIPES],
    };
}


static bool
xc_nonce_is(const xc_map_nonce_t *slot, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t now_s)
{
    return xc_map_nonce_holds(slot, now_s)
           && memcmp(slot->key, key, XC_NONCE_KEY_SIZE) == 0;
}


static xc_rc_t
xc_nonce_look(const xc_nonce_bucket_t *bucket,
    const uint8_t key[XC_NONCE_KEY_SIZE], int64_t now_s, xc_map_nonce_t **spare)
{
    size_t  i;

    *spare = NULL;

    for (i = 0; i < XC_MAP_BUCKET; i++) {
        if (xc_nonce_is(&bucket->slots[i], key, now_s)) {
            return XC_DENIED;
        }

        if (*spare == NULL && !xc_map_nonce_holds(&bucket->slots[i], now_s)) {
            *spare = &bucket->slots[i];
        }
    }

    return XC_OK;
}


/*
 * The key first: who dies in between has told nobody XC_OK and leaves a slot
 * that is still free.
 */
static void
xc_nonce_write(xc_map_nonce_t *slot, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t expires_s)
{
    memcpy(slot->key, key, XC_NONCE_KEY_SIZE);
    __atomic_store_n(&slot->expires_s, expires_s, __ATOMIC_RELEASE);
}


xc_rc_t
xc_nonce_key(const xc_map_t *map, xc_str_t keyid, xc_str_t nonce,
    uint8_t key[XC_NONCE_KEY_SIZE])
{
    size_t    n;
    uint8_t   in[XC_NONCE_INPUT_MAX], hash[XC_SHA256_SIZE];
    xc_rc_t   rc;

    static const uint8_t  none[XC_NONCE_KEY_SIZE];

    /* The octet between the two occurs in neither. */
    if (keyid.len > sizeof(in) || nonce.len > sizeof(in)
        || XC_NONCE_SECRET_SIZE + keyid.len + 1 + nonce.len > sizeof(in))
    {
        return XC_EINTERNAL;
    }

    n = XC_NONCE_SECRET_SIZE;
    memcpy(in, xc_map_secret(map), n);
    memcpy(in + n, keyid.data, keyid.len);
    n += keyid.len;
    in[n++] = 0;
    memcpy(in + n, nonce.data, nonce.len);
    n += nonce.len;

    rc = xc_hash(XC_HASH_SHA256, in, n, hash);
    if (rc != XC_OK) {
        return rc;
    }

    /* All zero marks a slot never used. */
    memcpy(key, hash, XC_NONCE_KEY_SIZE);
    if (memcmp(key, none, XC_NONCE_KEY_SIZE) == 0) {
        key[XC_NONCE_KEY_SIZE - 1] = 1;
    }

    return XC_OK;
}


xc_rc_t
xc_nonce_seen(xc_map_t *map, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t now_s)
{
    xc_rc_t            rc;
    xc_map_nonce_t    *spare;
    xc_nonce_bucket_t  bucket = xc_nonce_bucket(map, key);

    if (!xc_map_mutex_lock(bucket.lock)) {
        return XC_EINTERNAL;
    }

    rc = xc_nonce_look(&bucket, key, now_s, &spare);
    xc_map_mutex_unlock(bucket.lock);

    return rc;
}


xc_rc_t
xc_nonce_burn(xc_map_t *map, const uint8_t key[XC_NONCE_KEY_SIZE],
    int64_t expires_s, int64_t now_s)
{
    xc_rc_t            rc;
    xc_map_nonce_t    *spare;
    xc_nonce_bucket_t  bucket = xc_nonce_bucket(map, key);

    if (expires_s < now_s || expires_s <= 0) {
        return XC_EINPUT;
    }

    if (!xc_map_mutex_lock(bucket.lock)) {
        return XC_EINTERNAL;
    }

    rc = xc_nonce_look(&bucket, key, now_s, &spare);

    if (rc == XC_OK && spare == NULL) {
        rc = XC_ELIMIT;

    } else if (rc == XC_OK) {
        xc_nonce_write(spare, key, expires_s);
    }

    xc_map_mutex_unlock(bucket.lock);

    return rc;
}
