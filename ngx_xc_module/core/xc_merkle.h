/*
 * The Merkle tree of RFC 6962 section 2 (RFC 9162 section 2.1) over SHA-256,
 * from leaf hashes (xc_hash_leaf()).  No tree is ever held: appending needs
 * the hashes of the perfect subtrees along its right edge (the frontier), a
 * proof one pass over the leaves.
 *
 * Everything is thread-safe as long as no two threads share an object, and
 * needs xc_crypto_init().  XC_EINTERNAL: OpenSSL failed.
 */

#ifndef XC_MERKLE_H
#define XC_MERKLE_H

#include "xc_hash.h"

#define XC_MERKLE_LEVELS    64

/* A path of a tree that 64 bits can count, from the leaf's sibling up. */
typedef uint8_t  xc_merkle_path_t[XC_MERKLE_LEVELS][XC_SHA256_SIZE];

/*
 * A tree by its frontier.  Each set bit of size is a perfect subtree of as
 * many leaves, the highest bit the leftmost; hashes has theirs from left to
 * right, xc_merkle_count(size) of them, and what lies behind is meaningless.
 * All zeros is the empty tree.  To take up a stored tree fill in size and
 * that many hashes: any values are legal.
 */
typedef struct {
    uint64_t  size;         /* leaves */
    uint8_t   hashes[XC_MERKLE_LEVELS][XC_SHA256_SIZE];
} xc_merkle_t;

/* The hashes in the frontier of a tree of so many leaves. */
static inline unsigned
xc_merkle_count(uint64_t size)
{
    return (unsigned) __builtin_popcountll(size);
}

/*
 * Adds a leaf.  One hash of 65 bytes on average (0.1 us), 64 at most.
 * XC_ELIMIT: the tree is full.  On an error the tree is as it was.
 */
xc_rc_t xc_merkle_append(xc_merkle_t *tree, const uint8_t leaf[XC_SHA256_SIZE])
    XC_WUR;

/* The root; of the empty tree SHA-256 of nothing. */
xc_rc_t xc_merkle_root(const xc_merkle_t *tree, uint8_t out[XC_SHA256_SIZE])
    XC_WUR;

/*
 * The root of the tree of size leaves that a path of n hashes makes of this
 * leaf at this index (RFC 9162 2.1.3.2).  XC_EINPUT: index is not below size,
 * or such a path has not n hashes.
 */
xc_rc_t xc_merkle_path_root(const uint8_t leaf[XC_SHA256_SIZE],
    uint64_t index, uint64_t size, const uint8_t (*path)[XC_SHA256_SIZE],
    size_t n, uint8_t out[XC_SHA256_SIZE]) XC_WUR;

/* XC_OK: the tree with this root has the leaf there.  XC_DENIED: the path does
 * not show it.  XC_EINPUT as above. */
xc_rc_t xc_merkle_verify_inclusion(const uint8_t leaf[XC_SHA256_SIZE],
    uint64_t index, uint64_t size, const uint8_t (*path)[XC_SHA256_SIZE],
    size_t n, const uint8_t root[XC_SHA256_SIZE]) XC_WUR;

/*
 * Makes the path of one leaf, in one pass over the leaves from any frontier
 * at or before it, in constant memory.
 */
typedef struct {
    uint64_t          index;        /* of the leaf to be proven */
    uint64_t          size;         /* leaves so far, the frontier's counted */
    unsigned          level;        /* whose right sibling is under way */
    xc_merkle_t       left;         /* the leaves before index */
    xc_merkle_t       right;        /* the sibling under way */
    xc_merkle_path_t  siblings;     /* right ones below level */
} xc_merkle_prover_t;

/* start: the tree before the first leaf that will be given; NULL: empty.
 * XC_EINPUT: index lies within it. */
xc_rc_t xc_merkle_prove_begin(xc_merkle_prover_t *prover,
    const xc_merkle_t *start, uint64_t index) XC_WUR;

/* The next leaf.  Costs and errors as xc_merkle_append(). */
xc_rc_t xc_merkle_prove_leaf(xc_merkle_prover_t *prover,
    const uint8_t leaf[XC_SHA256_SIZE]) XC_WUR;

/*
 * The path in the tree of all leaves given so far, *n hashes.  May be called
 * at any size, and again after more leaves.  XC_EINPUT: the leaf itself has
 * not come yet.
 */
xc_rc_t xc_merkle_prove_end(const xc_merkle_prover_t *prover,
    xc_merkle_path_t path, size_t *n) XC_WUR;

#endif
