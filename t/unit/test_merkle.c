/* The Merkle tree: published figures, then all small trees against the
 * recursion that RFC 6962 2.1 writes down, and the largest trees there are. */

#include "xt.h"
#include "xc_ascii.h"
#include "xc_merkle.h"

#include <stdlib.h>

#define LEAVES      130
#define PATH_LENGTH   8           /* of a tree of so many leaves */

typedef uint8_t  hash_t[XC_SHA256_SIZE];

typedef struct {
    size_t  n;
    hash_t  hashes[PATH_LENGTH];
} path_t;


static hash_t        leaves[LEAVES], slow_roots[LEAVES + 1];
static path_t        slow_paths[LEAVES + 1][LEAVES];
static xc_merkle_t   trees[LEAVES + 1];


static void
require(xc_rc_t rc)
{
    if (rc != XC_OK) {
        xt_ok(false, "a step that has to work: %d", rc);
        exit(1);
    }
}


static bool
is_hex(const uint8_t *got, const char *hex)
{
    hash_t  want;

    return xc_hex_decode(want, sizeof(want), xc_str_z(hex))
           && memcmp(got, want, sizeof(want)) == 0;
}


/* RFC 6962 2.1: the largest power of two below n */
static size_t
split(size_t n)
{
    size_t  k = 1;

    while (k * 2 < n) {
        k *= 2;
    }

    return k;
}


/* RFC 6962 2.1: MTH */
static void
slow_root(const hash_t *first, size_t n, hash_t out)
{
    size_t   k;
    uint8_t  both[1 + 2 * XC_SHA256_SIZE] = { 1 };

    if (n == 0) {
        require(xc_hash(XC_HASH_SHA256, "", 0, out));
        return;
    }

    if (n == 1) {
        memcpy(out, first[0], XC_SHA256_SIZE);
        return;
    }

    k = split(n);
    slow_root(first, k, &both[1]);
    slow_root(first + k, n - k, &both[33]);
    require(xc_hash(XC_HASH_SHA256, both, sizeof(both), out));
}


/* RFC 6962 2.1.1: PATH */
static void
slow_path(const hash_t *first, size_t n, size_t m, path_t *out)
{
    size_t  k;

    if (n == 1) {
        out->n = 0;
        return;
    }

    k = split(n);

    if (m < k) {
        slow_path(first, k, m, out);
        slow_root(first + k, n - k, out->hashes[out->n++]);

    } else {
        slow_path(first + k, n - k, m - k, out);
        slow_root(first, k, out->hashes[out->n++]);
    }
}


static void
prepare(void)
{
    size_t   n, m;
    uint8_t  byte;

    for (n = 0; n < LEAVES; n++) {
        byte = (uint8_t) n;
        require(xc_hash_leaf(&byte, 1, leaves[n]));
    }

    for (n = 0; n <= LEAVES; n++) {
        slow_root(leaves, n, slow_roots[n]);

        for (m = 0; m < n; m++) {
            slow_path(leaves, n, m, &slow_paths[n][m]);
        }

        if (n != 0) {
            trees[n] = trees[n - 1];
            require(xc_merkle_append(&trees[n], leaves[n - 1]));
        }
    }
}


/* The tree that the test suite of Certificate Transparency made known. */
static const xc_str_t  inputs[] = {
    { "", 0 }, { "\0", 1 }, { "\x10", 1 }, { "\x20\x21", 2 },
    { "\x30\x31", 2 }, { "\x40\x41\x42\x43", 4 }, { "PQRSTUVW", 8 },
    { "`abcdefghijklmno", 16 }
};

static const char *const  roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
};

static const struct {
    size_t       index, size, n;
    const char  *path[3];
} proofs[] = {
    { 0, 1, 0, { NULL } },
    { 0, 8, 3, {
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
    } },
    { 5, 8, 3, {
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
    } },
    { 2, 3, 1, {
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    } },
    { 1, 5, 3, {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
    } }
};


static void
test_published_roots(hash_t leaf[8])
{
    size_t       i;
    hash_t       root;
    xc_merkle_t  tree = { 0 };

    for (i = 0; i <= 8; i++) {
        xt_ok(xc_merkle_root(&tree, root) == XC_OK && is_hex(root, roots[i])
              && tree.size == i, "the published root of %zu leaves", i);

        if (i < 8) {
            require(xc_hash_leaf(inputs[i].data, inputs[i].len, leaf[i]));
            require(xc_merkle_append(&tree, leaf[i]));
        }
    }
}


static void
test_published(void)
{
    size_t              i, j, n;
    hash_t              leaf[8];
    xc_merkle_path_t    path;
    xc_merkle_prover_t  prover;

    test_published_roots(leaf);

    for (i = 0; i < XC_COUNT(proofs); i++) {
        require(xc_merkle_prove_begin(&prover, NULL, proofs[i].index));

        for (j = 0; j < proofs[i].size; j++) {
            require(xc_merkle_prove_leaf(&prover, leaf[j]));
        }

        require(xc_merkle_prove_end(&prover, path, &n));

        for (j = 0; n == proofs[i].n && j < n; j++) {
            if (!is_hex(path[j], proofs[i].path[j])) {
                break;
            }
        }

        xt_ok(n == proofs[i].n && j == n, "the published path of %zu in %zu",
              proofs[i].index, proofs[i].size);
    }
}


static void
test_roots(void)
{
    hash_t    root;
    size_t    n, bad = 0;
    unsigned  i, bit;

    for (n = 0; n <= LEAVES; n++) {
        bad += xc_merkle_root(&trees[n], root) != XC_OK
               || memcmp(root, slow_roots[n], sizeof(root)) != 0;
    }

    xt_ok(bad == 0, "roots of 0 to %d leaves", LEAVES);

    for (n = 0, bad = 0; n <= LEAVES; n++) {
        const hash_t  *at = leaves;

        for (i = 0, bit = 8; bit-- != 0; /* void */) {
            if ((n >> bit & 1) != 0) {
                slow_root(at, (size_t) 1 << bit, root);
                bad += memcmp(root, trees[n].hashes[i++], sizeof(root)) != 0;
                at += (size_t) 1 << bit;
            }
        }

        bad += i != xc_merkle_count(n) || trees[n].size != n;
    }

    xt_ok(bad == 0, "the frontier is the perfect subtrees, left to right");
}


/* From this start the path of this leaf, in trees of every size. */
static size_t
prove_all(size_t start, size_t index)
{
    size_t              n, used, bad = 0;
    const path_t       *want;
    xc_merkle_path_t    path;
    xc_merkle_prover_t  prover;

    require(xc_merkle_prove_begin(&prover, start == 0 ? NULL : &trees[start],
                                  index));

    for (n = start; n < LEAVES; n++) {
        used = 99;

        if (n <= index) {
            bad += xc_merkle_prove_end(&prover, path, &used) != XC_EINPUT
                   || used != 99;
        }

        require(xc_merkle_prove_leaf(&prover, leaves[n]));

        if (n >= index) {
            want = &slow_paths[n + 1][index];
            require(xc_merkle_prove_end(&prover, path, &used));
            bad += used != want->n
                   || memcmp(path, want->hashes, used * sizeof(hash_t)) != 0;
        }
    }

    return bad;
}


static void
test_proofs(void)
{
    size_t              start, index, bad = 0, passes = 0;
    xc_merkle_prover_t  prover;

    for (start = 0; start < LEAVES; start++) {
        for (index = start; index < LEAVES; index++) {
            bad += prove_all(start, index);
            passes++;
        }
    }

    xt_ok(bad == 0, "%zu passes: every leaf of every tree, from every start",
          passes);

    xt_ok(xc_merkle_prove_begin(&prover, &trees[6], 5) == XC_EINPUT,
          "a leaf before the start can't be proven");
}


/* What has to fail once this proof is changed. */
static size_t
verify_changed(size_t n, size_t m)
{
    size_t         i, bad = 0;
    hash_t         leaf, root;
    path_t         path = slow_paths[n][m];
    const uint8_t *r = slow_roots[n];

    memcpy(leaf, leaves[m], sizeof(leaf));
    leaf[31] ^= 1;
    bad += xc_merkle_verify_inclusion(leaf, m, n, path.hashes, path.n, r)
           != XC_DENIED;

    memcpy(root, r, sizeof(root));
    root[0] ^= 0x80;
    bad += xc_merkle_verify_inclusion(leaves[m], m, n, path.hashes, path.n,
                                      root) != XC_DENIED;

    for (i = 0; i < path.n; i++) {
        path.hashes[i][i] ^= 4;
        bad += xc_merkle_verify_inclusion(leaves[m], m, n, path.hashes,
                                          path.n, r) != XC_DENIED;
        path.hashes[i][i] ^= 4;
    }

    /* too short, too long */
    if (path.n != 0) {
        bad += xc_merkle_verify_inclusion(leaves[m], m, n, path.hashes,
                                          path.n - 1, r) != XC_EINPUT;
    }

    memset(path.hashes[XC_MIN(path.n, (size_t) PATH_LENGTH - 1)], 0, 32);
    bad += path.n < PATH_LENGTH
           && xc_merkle_verify_inclusion(leaves[m], m, n, path.hashes,
                                         path.n + 1, r) != XC_EINPUT;

    return bad;
}


static void
test_verify(void)
{
    size_t         n, m, i, good = 0, bad = 0, elsewhere = 0;
    const path_t  *path;

    for (n = 1; n <= LEAVES; n++) {
        for (m = 0; m < n; m++) {
            path = &slow_paths[n][m];
            good += xc_merkle_verify_inclusion(leaves[m], m, n, path->hashes,
                                               path->n, slow_roots[n])
                    == XC_OK;
            bad += verify_changed(n, m);

            for (i = 0; n <= 33 && i < n; i++) {
                elsewhere += i != m
                             && xc_merkle_verify_inclusion(leaves[m], i, n,
                                    path->hashes, path->n, slow_roots[n])
                                == XC_OK;
            }
        }
    }

    xt_ok(good == LEAVES * (LEAVES + 1) / 2, "%zu proofs verify", good);
    xt_ok(bad == 0, "none of them once changed");
    xt_ok(elsewhere == 0, "nor at another index");

    path = &slow_paths[8][3];
    xt_ok(xc_merkle_verify_inclusion(leaves[3], 8, 8, path->hashes, path->n,
                                     slow_roots[8]) == XC_EINPUT
          && xc_merkle_verify_inclusion(leaves[3], UINT64_MAX, 8,
                 path->hashes, path->n, slow_roots[8]) == XC_EINPUT
          && xc_merkle_verify_inclusion(leaves[3], 0, 0, NULL, 0,
                                        slow_roots[0]) == XC_EINPUT,
          "an index that the tree has not");
}


/* Trees that nobody builds leaf by leaf: their frontiers are made up. */
static void
test_largest(void)
{
    size_t              i, n;
    hash_t              root, again;
    xc_merkle_t         tree = { UINT64_MAX - 4, { { 0 } } }, before;
    xc_merkle_path_t    path;
    xc_merkle_prover_t  prover;

    for (i = 0; i < XC_MERKLE_LEVELS; i++) {
        memset(tree.hashes[i], (int) i, XC_SHA256_SIZE);
    }

    require(xc_merkle_prove_begin(&prover, &tree, tree.size + 1));

    for (i = 0; i < 4; i++) {
        require(xc_merkle_append(&tree, leaves[i]));
        require(xc_merkle_prove_leaf(&prover, leaves[i]));
    }

    require(xc_merkle_root(&tree, root));
    require(xc_merkle_prove_end(&prover, path, &n));

    xt_ok(xc_merkle_path_root(leaves[1], UINT64_MAX - 3, UINT64_MAX,
                              path, n,
                              again) == XC_OK
          && memcmp(root, again, sizeof(root)) == 0,
          "a path of %zu in the largest tree", n);

    before = tree;
    xt_ok(tree.size == UINT64_MAX
          && xc_merkle_append(&tree, leaves[0]) == XC_ELIMIT
          && xc_merkle_prove_leaf(&prover, leaves[0]) == XC_ELIMIT
          && memcmp(&tree, &before, sizeof(tree)) == 0, "which is full");

    /* as if 2^63 - 1 leaves had followed the first: a full left half */
    require(xc_merkle_prove_begin(&prover, NULL, 0));
    require(xc_merkle_prove_leaf(&prover, leaves[0]));
    prover.level = 63;
    prover.size = (uint64_t) 1 << 63;
    prover.right.size = 0;
    memset(prover.siblings, 7, sizeof(prover.siblings));
    require(xc_merkle_prove_leaf(&prover, leaves[1]));
    require(xc_merkle_prove_end(&prover, path, &n));

    xt_ok(n == 64 && memcmp(path[63], leaves[1], sizeof(hash_t)) == 0
          && xc_merkle_path_root(leaves[0], 0, prover.size,
                                 path, n,
                                 root) == XC_OK, "64 levels");
}


static void
test_unready(void)
{
    hash_t       root = { 9 };
    xc_merkle_t  tree = { 0 }, before;

    /* the first leaf needs no hash */
    require(xc_merkle_append(&tree, leaves[0]));
    before = tree;

    xt_ok(xc_merkle_append(&tree, leaves[1]) == XC_EINTERNAL
          && memcmp(&tree, &before, sizeof(tree)) == 0,
          "where hashing fails the tree stays");

    tree.size = 3;
    xt_ok(xc_merkle_root(&tree, root) == XC_EINTERNAL && root[0] == 9,
          "and no root is told");
}


int
main(void)
{
    test_unready();
    require(xc_hash_init());
    prepare();
    test_published();
    test_roots();
    test_proofs();
    test_verify();
    test_largest();

    return xt_done();
}
