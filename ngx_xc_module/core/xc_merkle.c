#include "xc_merkle.h"


/* RFC 6962 2.1: SHA-256(0x01 || left || right).  out may be either. */
static xc_rc_t
xc_merkle_node(const uint8_t left[XC_SHA256_SIZE],
    const uint8_t right[XC_SHA256_SIZE], uint8_t out[XC_SHA256_SIZE])
{
    uint8_t  block[1 + 2 * XC_SHA256_SIZE];

    block[0] = 0x01;
    memcpy(&block[1], left, XC_SHA256_SIZE);
    memcpy(&block[1 + XC_SHA256_SIZE], right, XC_SHA256_SIZE);

    return xc_hash(XC_HASH_SHA256, block, sizeof(block), out);
}


xc_rc_t
xc_merkle_append(xc_merkle_t *tree, const uint8_t leaf[XC_SHA256_SIZE])
{
    xc_rc_t   rc;
    uint8_t   hash[XC_SHA256_SIZE];
    uint64_t  bits;
    unsigned  at = xc_merkle_count(tree->size);

    if (tree->size == UINT64_MAX) {
        return XC_ELIMIT;
    }

    memcpy(hash, leaf, sizeof(hash));

    /* Two perfect subtrees of one size become one: the carry of size + 1. */
    for (bits = tree->size; bits & 1; bits >>= 1) {
        rc = xc_merkle_node(tree->hashes[--at], hash, hash);
        if (rc != XC_OK) {
            return rc;
        }
    }

    memcpy(tree->hashes[at], hash, sizeof(hash));
    tree->size++;

    return XC_OK;
}


xc_rc_t
xc_merkle_root(const xc_merkle_t *tree, uint8_t out[XC_SHA256_SIZE])
{
    xc_rc_t   rc;
    uint8_t   hash[XC_SHA256_SIZE];
    unsigned  at = xc_merkle_count(tree->size);

    if (at == 0) {
        return xc_hash(XC_HASH_SHA256, NULL, 0, out);
    }

    memcpy(hash, tree->hashes[--at], sizeof(hash));

    while (at != 0) {
        rc = xc_merkle_node(tree->hashes[--at], hash, hash);
        if (rc != XC_OK) {
            return rc;
        }
    }

    memcpy(out, hash, sizeof(hash));

    return XC_OK;
}


xc_rc_t
xc_merkle_path_root(const uint8_t leaf[XC_SHA256_SIZE], uint64_t index,
    uint64_t size, const uint8_t (*path)[XC_SHA256_SIZE], size_t n,
    uint8_t out[XC_SHA256_SIZE])
{
    size_t    i = 0;
    xc_rc_t   rc;
    uint8_t   hash[XC_SHA256_SIZE];
    uint64_t  node, last;

    if (index >= size) {
        return XC_EINPUT;
    }

    memcpy(hash, leaf, sizeof(hash));

    /* node: the place of what hash covers on its level; last: the place of the
     * level's last.  Without a sibling it goes up as it is. */
    for (node = index, last = size - 1; last != 0; node >>= 1, last >>= 1) {
        if (node == last && (node & 1) == 0) {
            continue;
        }

        if (i == n) {
            return XC_EINPUT;
        }

        rc = (node & 1) != 0 ? xc_merkle_node(path[i], hash, hash)
                             : xc_merkle_node(hash, path[i], hash);
        if (rc != XC_OK) {
            return rc;
        }

        i++;
    }

    if (i != n) {
        return XC_EINPUT;
    }

    memcpy(out, hash, sizeof(hash));

    return XC_OK;
}


xc_rc_t
xc_merkle_verify_inclusion(const uint8_t leaf[XC_SHA256_SIZE], uint64_t index,
    uint64_t size, const uint8_t (*path)[XC_SHA256_SIZE], size_t n,
    const uint8_t root[XC_SHA256_SIZE])
{
    xc_rc_t  rc;
    uint8_t  hash[XC_SHA256_SIZE];

    rc = xc_merkle_path_root(leaf, index, size, path, n, hash);
    if (rc != XC_OK) {
        return rc;
    }

    return memcmp(hash, root, sizeof(hash)) == 0 ? XC_OK : XC_DENIED;
}


/* On this level the leaf's ancestor is a right child: its sibling is on the
 * left. */
static bool
xc_merkle_is_right(uint64_t index, unsigned level)
{
    return (index >> level & 1) != 0;
}


/* The lowest level from this one up where the sibling is on the right. */
static unsigned
xc_merkle_next_right(uint64_t index, unsigned level)
{
    while (level < XC_MERKLE_LEVELS && xc_merkle_is_right(index, level)) {
        level++;
    }

    return level;
}


xc_rc_t
xc_merkle_prove_begin(xc_merkle_prover_t *prover, const xc_merkle_t *start,
    uint64_t index)
{
    if (start != NULL && index < start->size) {
        return XC_EINPUT;
    }

    prover->index = index;
    prover->size = 0;
    prover->level = xc_merkle_next_right(index, 0);
    prover->left.size = 0;
    prover->right.size = 0;

    if (start != NULL) {
        prover->left = *start;
        prover->size = start->size;
    }

    return XC_OK;
}


/*
 * The right siblings, from the lowest up, cover the leaves behind index
 * without a gap, 2^level of them each: a tree of that size is one of them,
 * and the next begins.
 */
static xc_rc_t
xc_merkle_prove_right(xc_merkle_prover_t *prover,
    const uint8_t leaf[XC_SHA256_SIZE])
{
    xc_rc_t  rc;

    rc = xc_merkle_append(&prover->right, leaf);

    if (rc == XC_OK && prover->right.size == (uint64_t) 1 << prover->level) {
        memcpy(prover->siblings[prover->level], prover->right.hashes[0],
               XC_SHA256_SIZE);
        prover->right.size = 0;
        prover->level = xc_merkle_next_right(prover->index, prover->level + 1);
    }

    return rc;
}


xc_rc_t
xc_merkle_prove_leaf(xc_merkle_prover_t *prover,
    const uint8_t leaf[XC_SHA256_SIZE])
{
    xc_rc_t  rc = XC_OK;

    /* so that level stays below 64 where a leaf is taken */
    if (prover->size == UINT64_MAX) {
        return XC_ELIMIT;
    }

    if (prover->size < prover->index) {
        rc = xc_merkle_append(&prover->left, leaf);

    } else if (prover->size > prover->index) {
        rc = xc_merkle_prove_right(prover, leaf);
    }

    if (rc == XC_OK) {
        prover->size++;
    }

    return rc;
}


xc_rc_t
xc_merkle_prove_end(const xc_merkle_prover_t *prover, xc_merkle_path_t path,
    size_t *n)
{
    size_t    used = 0;
    xc_rc_t   rc;
    unsigned  level, left = xc_merkle_count(prover->index);
    uint8_t   ragged[XC_SHA256_SIZE];

    if (prover->size <= prover->index) {
        return XC_EINPUT;
    }

    rc = xc_merkle_root(&prover->right, ragged);
    if (rc != XC_OK) {
        return rc;
    }

    /* The frontier of the leaves before index is exactly the left siblings,
     * the lowest last: RFC 6962 2.1.1 */
    for (level = 0; level < XC_MERKLE_LEVELS; level++) {
        if (xc_merkle_is_right(prover->index, level)) {
            memcpy(path[used++], prover->left.hashes[--left], XC_SHA256_SIZE);

        } else if (level < prover->level) {
            memcpy(path[used++], prover->siblings[level], XC_SHA256_SIZE);

        } else if (level == prover->level && prover->right.size != 0) {
            memcpy(path[used++], ragged, XC_SHA256_SIZE);
        }
    }

    *n = used;

    return XC_OK;
}
