#include "xc_digest.h"


static const struct {
    xc_str_t  name;                 /* RFC 9530 5: key of the dictionary */
    size_t    size;
} xc_digest_algs[] = {
    [XC_HASH_SHA256] = { { "sha-256", 7 }, XC_SHA256_SIZE },
    [XC_HASH_SHA512] = { { "sha-512", 7 }, XC_SHA512_SIZE },
};


static xc_rc_t
xc_digest_take(const xc_sfv_item_t *item, size_t alg, xc_digest_t *out)
{
    if (item->bare.type != XC_SFV_BYTES || item->n_params != 0
        || item->bare.text.len != xc_digest_algs[alg].size)
    {
        return XC_EINPUT;
    }

    memcpy(out->value[alg], item->bare.text.data, item->bare.text.len);
    out->has[alg] = true;

    return XC_OK;
}


xc_rc_t
xc_digest_parse(xc_arena_t *arena, xc_str_t field, xc_digest_t *out)
{
    size_t                i;
    xc_rc_t               rc;
    xc_digest_t           digest = { { false, false }, { { 0 } } };
    xc_sfv_list_t         dict;
    const xc_sfv_item_t  *item;

    rc = xc_sfv_parse_dict(arena, field, &dict);
    if (rc != XC_OK) {
        return rc == XC_ELIMIT ? XC_EINPUT : rc;
    }

    if (dict.repeated) {
        return XC_EINPUT;
    }

    for (i = 0; i < XC_COUNT(xc_digest_algs); i++) {
        item = xc_sfv_member(&dict, xc_digest_algs[i].name);

        if (item != NULL && xc_digest_take(item, i, &digest) != XC_OK) {
            return XC_EINPUT;
        }
    }

    if (!digest.has[XC_HASH_SHA256] && !digest.has[XC_HASH_SHA512]) {
        return XC_EINPUT;
    }

    *out = digest;

    return XC_OK;
}


xc_rc_t
xc_digest_check(const xc_digest_t *digest, xc_str_t body)
{
    size_t   i, checked = 0;
    uint8_t  hash[XC_HASH_MAX];

    for (i = 0; i < XC_COUNT(xc_digest_algs); i++) {
        if (!digest->has[i]) {
            continue;
        }

        if (xc_hash((xc_hash_alg_t) i, body.data, body.len, hash) != XC_OK) {
            return XC_EINTERNAL;
        }

        if (!xc_equal_ct(hash, digest->value[i], xc_digest_algs[i].size)) {
            return XC_DENIED;
        }

        checked++;
    }

    return checked != 0 ? XC_OK : XC_DENIED;
}
