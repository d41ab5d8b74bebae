/* Checkpoints and proofs: what is made opens again, and each way in which one
 * can be malformed or untrue is found. */

#include "note_key.h"
#include "xc_tlog.h"

#define ROOT_0      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define V1          "c2sp.org/tlog-proof@v1\n"


static xc_note_key_t  signer, stranger;


static void
test_origins(void)
{
    size_t  i;
    char    text[XC_NOTE_NAME_MAX + 1];

    static const char *const  bad[] = {
        "", "https://platform.example/xc", "://", "a b", "a+b", "a\x7f",
        "a\r", "\xc0\x80"
    };

    memset(text, 'o', sizeof(text));

    xt_ok(xc_tlog_origin_ok(XC_STR(ORIGIN))
          && xc_tlog_origin_ok(XC_STR("host:8443/log"))
          && xc_tlog_origin_ok(XC_STR("\xe4\xb8\xad.example"))
          && xc_tlog_origin_ok((xc_str_t) { text, XC_NOTE_NAME_MAX }),
          "origins");
    xt_ok(!xc_tlog_origin_ok((xc_str_t) { text, XC_NOTE_NAME_MAX + 1 }),
          "a long one");

    for (i = 0; i < XC_COUNT(bad); i++) {
        xt_ok(!xc_tlog_origin_ok(xc_str_z(bad[i])), "not an origin: %zu", i);
    }
}


static const char  bad_origin[] = "the first line is not an origin";
static const char  bad_size[] = "the second line is not a size";
static const char  bad_root[] = "the third line is not base64 of a SHA-256";
static const char  bad_more[] = "an empty or unfinished extension line";

static const struct {
    const char  *text, *error;
} bodies[] = {
    { "", bad_origin },
    { "\n0\n" ROOT_0 "\n", bad_origin },
    { "a", bad_origin },
    { "a\n", bad_size },
    { "a\n0", bad_size },
    { "a\n\n" ROOT_0 "\n", bad_size },
    { "a\n00\n" ROOT_0 "\n", bad_size },
    { "a\n01\n" ROOT_0 "\n", bad_size },
    { "a\n-1\n" ROOT_0 "\n", bad_size },
    { "a\n+1\n" ROOT_0 "\n", bad_size },
    { "a\n 1\n" ROOT_0 "\n", bad_size },
    { "a\n1 \n" ROOT_0 "\n", bad_size },
    { "a\n0x1\n" ROOT_0 "\n", bad_size },
    { "a\n18446744073709551616\n" ROOT_0 "\n", bad_size },
    { "a\n0\n", bad_root },
    { "a\n0\n\n", bad_root },
    { "a\n0\n" ROOT_0, bad_root },
    { "a\n0\n" ROOT_0 "=\n", bad_root },
    { "a\n0\n " ROOT_0 "\n", bad_root },
    { "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n", bad_root },
    { "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n", bad_root },
    { "a\n0\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=\n", bad_root },
    { "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA\n", bad_root },
    { "a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==\n", bad_root },
    { "a\n0\nYmFuYW5hcw==\n", bad_root },
    { "a\n0\n" ROOT_0 "\n\n", bad_more },
    { "a\n0\n" ROOT_0 "\nx\n\ny\n", bad_more },
    { "a\n0\n" ROOT_0 "\nx", bad_more },
};


static void
test_checkpoint_read(void)
{
    size_t           i;
    xc_rc_t          rc;
    xc_str_t         text;
    const char      *error;
    xc_checkpoint_t  c, before;

    memset(&before, 0x5a, sizeof(before));

    for (i = 0; i < XC_COUNT(bodies); i++) {
        c = before;
        error = "";
        text = xt_guard(xc_str_z(bodies[i].text));
        rc = xc_checkpoint_read(text, &error, &c);
        xt_ok(rc == XC_EINPUT && strcmp(error, bodies[i].error) == 0
              && memcmp(&c, &before, sizeof(c)) == 0, "body %zu: %s", i,
              error);
        xt_unguard(text);
    }

    xt_ok(xc_checkpoint_read(XC_STR("any origin + all\n18446744073709551615\n"
                                    ROOT_0 "\nx\n y\n"), &error, &c) == XC_OK
          && xc_str_eq(c.origin, XC_STR("any origin + all"))
          && c.size == UINT64_MAX && c.root[0] == 0xe3 && c.root[31] == 0x55
          && xc_str_eq(c.extension, XC_STR("x\n y\n")), "one of all parts");
}


static void
test_checkpoint_sign(void)
{
    char             mem[XC_CHECKPOINT_MAX], name[XC_NOTE_NAME_MAX];
    xc_buf_t         b;
    const char      *error;
    xc_note_key_t    long_key;
    xc_checkpoint_t  made = { XC_STR(ORIGIN), 0, { 0 }, XC_STR_NONE }, c;

    require(xc_hash(XC_HASH_SHA256, "", 0, made.root));

    xc_buf_init(&b, mem, sizeof(mem));
    xc_checkpoint_write(&b, &made);
    xt_is(xc_buf_view(&b), XC_STR(ORIGIN "\n0\n" ROOT_0 "\n"), "written");

    made.size = 20852163;
    made.extension = XC_STR("x\n");
    xc_buf_init(&b, mem, sizeof(mem));
    require(xc_checkpoint_sign(&b, &made, &signer));
    xt_ok(xc_checkpoint_open(&heap.arena, xc_buf_view(&b), &signer, &error, &c)
          == XC_OK && xc_str_eq(c.origin, made.origin)
          && c.size == made.size && memcmp(c.root, made.root, 32) == 0
          && xc_str_eq(c.extension, made.extension), "signed and opened");
    xt_ok(xc_checkpoint_open(&heap.arena, xc_buf_view(&b), &stranger, &error,
                             &c) == XC_DENIED
          && strcmp(error, "no signature of the key") == 0, "not by another");

    xc_buf_init(&b, mem, sizeof(mem));
    xt_ok(xc_checkpoint_sign(&b, &made, &stranger) == XC_EINPUT && b.len == 0,
          "nor signed by it");

    made.extension = XC_STR("x\n\n");
    xt_ok(xc_checkpoint_sign(&b, &made, &signer) == XC_EINPUT && b.len == 0,
          "nor with an empty line");

    memset(name, 'n', sizeof(name));
    made = (xc_checkpoint_t) { { name, sizeof(name) }, UINT64_MAX, { 0 },
                               XC_STR_NONE };
    require(xc_note_key_make(made.origin, signer.key, &long_key));
    xt_ok(xc_checkpoint_sign(&b, &made, &long_key) == XC_OK
          && b.len == XC_CHECKPOINT_MAX, "the longest");

    b.cap--;
    b.len = 0;
    xt_ok(xc_checkpoint_sign(&b, &made, &long_key) == XC_ELIMIT,
          "which has to fit");
}


/* Signed, but not what a log of this name may say. */
static void
test_checkpoint_open(void)
{
    char             mem[512];
    size_t           i;
    xc_rc_t          rc;
    xc_buf_t         b;
    const char      *error;
    xc_checkpoint_t  c, before;

    static const struct {
        xc_rc_t      rc;
        const char  *text, *error;
    } cases[] = {
        { XC_DENIED, "a.example/other\n0\n" ROOT_0 "\n",
          "the origin is not the key's name" },
        { XC_EINPUT, ORIGIN "\n0\n",
          "the third line is not base64 of a SHA-256" },
        { XC_EINPUT, "\n" ORIGIN "\n0\n" ROOT_0 "\n",
          "the first line is not an origin" },
    };

    memset(&before, 0x5a, sizeof(before));

    for (i = 0; i < XC_COUNT(cases); i++) {
        c = before;
        error = "";
        xc_buf_init(&b, mem, sizeof(mem));
        xc_buf_z(&b, cases[i].text);
        require(xc_note_sign(&b, 0, &signer));
        rc = xc_checkpoint_open(&heap.arena, xc_buf_view(&b), &signer, &error,
                                &c);
        xt_ok(rc == cases[i].rc && strcmp(error, cases[i].error) == 0
              && memcmp(&c, &before, sizeof(c)) == 0, "checkpoint %zu: %s", i,
              error);
    }
}


/* Of leaf 2 in a tree of 5. */
static void
make_proof(char *note, size_t size, uint8_t leaf[XC_SHA256_SIZE],
    xc_tlog_proof_t *proof)
{
    size_t              i;
    uint8_t             hash[XC_SHA256_SIZE];
    xc_buf_t            b;
    xc_merkle_t         tree = { 0 };
    xc_checkpoint_t     c = { XC_STR(ORIGIN), 5, { 0 }, XC_STR_NONE };
    xc_merkle_prover_t  prover;

    require(xc_merkle_prove_begin(&prover, NULL, 2));

    for (i = 0; i < 5; i++) {
        require(xc_hash_leaf(&"abcde"[i], 1, hash));
        require(xc_merkle_append(&tree, hash));
        require(xc_merkle_prove_leaf(&prover, hash));

        if (i == 2) {
            memcpy(leaf, hash, sizeof(hash));
        }
    }

    require(xc_merkle_root(&tree, c.root));
    xc_buf_init(&b, note, size);
    require(xc_checkpoint_sign(&b, &c, &signer));

    proof->extra = XC_STR("");
    proof->index = 2;
    proof->checkpoint = xc_buf_view(&b);
    require(xc_merkle_prove_end(&prover, proof->path, &proof->n));
}


static void
test_proof_round(void)
{
    char             mem[4096], note[XC_CHECKPOINT_MAX];
    size_t           extra;
    uint8_t          leaf[XC_SHA256_SIZE];
    xc_buf_t         b;
    xc_str_t         text;
    const char      *error = "";
    xc_checkpoint_t  c;
    xc_tlog_proof_t  made, got;

    make_proof(note, sizeof(note), leaf, &made);

    for (extra = 0; extra < 4; extra++) {
        made.extra = (xc_str_t) { "\xff\0x", extra };
        xc_buf_init(&b, mem, sizeof(mem));
        xc_tlog_proof_write(&b, &made);
        text = xt_guard(xc_buf_view(&b));

        xt_ok(xc_tlog_proof_read(&heap.arena, text, &error, &got) == XC_OK
              && xc_str_eq(got.extra, made.extra) && got.index == 2
              && got.n == 3
              && memcmp(got.path, made.path, 3 * XC_SHA256_SIZE) == 0
              && xc_str_eq(got.checkpoint, made.checkpoint),
              "a proof with %zu bytes of extra %s", extra, error);
        xt_ok(xc_tlog_proof_check(&heap.arena, &got, &signer, leaf, &error, &c)
              == XC_OK && c.size == 5 && xc_str_eq(c.origin, XC_STR(ORIGIN)),
              "which holds");
        xt_unguard(text);
    }

    made.extra = XC_STR("");
    made.n = 0;
    made.checkpoint = XC_STR("C\n");
    xc_buf_init(&b, mem, sizeof(mem));
    xc_tlog_proof_write(&b, &made);
    xt_is(xc_buf_view(&b), XC_STR("c2sp.org/tlog-proof@v1\nindex 2\n\nC\n"),
          "its form, without a path");
    xt_ok(xc_tlog_proof_read(&heap.arena, xc_buf_view(&b), &error, &got)
          == XC_OK && got.n == 0, "and back");

    made.extra = XC_STR("abc");
    made.n = 1;
    require(xc_hash(XC_HASH_SHA256, "", 0, made.path[0]));
    xc_buf_init(&b, mem, sizeof(mem));
    xc_tlog_proof_write(&b, &made);
    xt_is(xc_buf_view(&b), XC_STR("c2sp.org/tlog-proof@v1\nextra YWJj\n"
                                  "index 2\n" ROOT_0 "\n\nC\n"), "with both");
}


static void
test_proof_untrue(void)
{
    char             note[XC_CHECKPOINT_MAX];
    uint8_t          leaf[XC_SHA256_SIZE];
    const char      *error = "";
    xc_checkpoint_t  c;
    xc_tlog_proof_t  made, p;

    make_proof(note, sizeof(note), leaf, &made);

    p = made;
    p.index = 3;
    xt_ok(xc_tlog_proof_check(&heap.arena, &p, &signer, leaf, &error, &c)
          == XC_DENIED
          && strcmp(error, "the path does not lead to the root") == 0,
          "another index: %s", error);

    p.index = 5;
    xt_ok(xc_tlog_proof_check(&heap.arena, &p, &signer, leaf, &error, &c)
          == XC_EINPUT
          && strcmp(error, "index and path don't fit the tree's size") == 0,
          "beyond the tree: %s", error);

    p = made;
    p.n = 2;
    xt_ok(xc_tlog_proof_check(&heap.arena, &p, &signer, leaf, &error, &c)
          == XC_EINPUT, "a path too short");

    p = made;
    p.path[2][31] ^= 1;
    xt_ok(xc_tlog_proof_check(&heap.arena, &p, &signer, leaf, &error, &c)
          == XC_DENIED, "another path");

    leaf[0] ^= 1;
    xt_ok(xc_tlog_proof_check(&heap.arena, &made, &signer, leaf, &error, &c)
          == XC_DENIED, "another line");
    leaf[0] ^= 1;

    xt_ok(xc_tlog_proof_check(&heap.arena, &made, &stranger, leaf, &error, &c)
          == XC_DENIED && strcmp(error, "no signature of the key") == 0,
          "another log");

    note[sizeof(ORIGIN)] = '6';
    xt_ok(xc_tlog_proof_check(&heap.arena, &made, &signer, leaf, &error, &c)
          == XC_DENIED && strcmp(error, "the signature does not verify") == 0,
          "another size");
}


static void
test_proof_malformed(void)
{
    size_t           i;
    xc_rc_t          rc;
    xc_str_t         text;
    const char      *error;
    xc_tlog_proof_t  p;

    static const char  head[] = "the first line is not "
                                "c2sp.org/tlog-proof@v1";
    static const char  index[] = "no line with the index";
    static const char  path[] = "the path is not 64 hashes at most";

    static const struct {
        const char  *text, *error;
    } bad[] = {
        { "", head },
        { "c2sp.org/tlog-proof@v1", head },
        { "c2sp.org/tlog-proof@v2\nindex 0\n\nC\n", head },
        { "c2sp.org/tlog-proof@v1\r\nindex 0\n\nC\n", head },
        { "\n" V1 "index 0\n\nC\n", head },
        { V1, index },
        { V1 "index 0", index },
        { V1 "index \n\nC\n", index },
        { V1 "index  0\n\nC\n", index },
        { V1 "index 00\n\nC\n", index },
        { V1 "index 18446744073709551616\n\nC\n", index },
        { V1 "Index 0\n\nC\n", index },
        { V1 "extra YWJj", index },
        { V1 "extra YWJj\n", index },
        { V1 "extra YWJj\nextra YWJj\nindex 0\n\nC\n", index },
        { V1 "index 0\nextra YWJj\n\nC\n", path },
        { V1 "extra YWJ\nindex 0\n\nC\n", "extra is not base64" },
        { V1 "extra  YWJj\nindex 0\n\nC\n", "extra is not base64" },
        { V1 "index 0\n" ROOT_0 "=\n\nC\n", path },
        { V1 "index 0\nYWJj\n\nC\n", path },
        { V1 "index 0\n" ROOT_0 " \n\nC\n", path },
        { V1 "index 0\n" ROOT_0 "\nC\n", path },
        { V1 "index 0\n", "the path has no end" },
        { V1 "index 0\n" ROOT_0 "\n", "the path has no end" },
        { V1 "index 0\n" ROOT_0 "\n\n", "no checkpoint" },
        { V1 "index 0\n\n", "no checkpoint" },
    };

    for (i = 0; i < XC_COUNT(bad); i++) {
        error = "";
        p.n = 77;
        text = xt_guard(xc_str_z(bad[i].text));
        rc = xc_tlog_proof_read(&heap.arena, text, &error, &p);
        xt_ok(rc == XC_EINPUT && strcmp(error, bad[i].error) == 0
              && p.n == 77, "proof %zu: %s", i, error);
        xt_unguard(text);
    }

    xt_ok(xc_tlog_proof_read(&heap.arena,
                             XC_STR(V1 "extra \nindex 0\n\nC\n"), &error, &p)
          == XC_OK && p.extra.len == 0, "an empty extra is none");
}


static void
test_proof_limits(void)
{
    char            *mem;
    unsigned         i;
    xc_buf_t         b;
    const char      *error = "";
    xc_tlog_proof_t  p;

    mem = xc_arena_array(&heap.arena, XC_TLOG_PROOF_MAX + 1, 1);
    if (mem == NULL) {
        exit(1);
    }

    xc_buf_init(&b, mem, XC_TLOG_PROOF_MAX);
    xc_buf_z(&b, V1 "index 18446744073709551615\n");

    for (i = 0; i < XC_MERKLE_LEVELS; i++) {
        xc_buf_z(&b, ROOT_0 "\n");
    }

    xc_buf_z(&b, "\nC\n");
    xt_ok(xc_tlog_proof_read(&heap.arena, xc_buf_view(&b), &error, &p)
          == XC_OK && p.n == 64 && p.index == UINT64_MAX, "64 hashes");

    b.len -= 3;
    xc_buf_z(&b, ROOT_0 "\n\nC\n");
    xt_ok(xc_tlog_proof_read(&heap.arena, xc_buf_view(&b), &error, &p)
          == XC_EINPUT, "but not 65");

    xt_ok(xc_tlog_proof_read(&heap.arena,
                             (xc_str_t) { mem, XC_TLOG_PROOF_MAX + 1 }, &error,
                             &p) == XC_ELIMIT
          && strcmp(error, "longer than 320 KiB") == 0, "nor so long a text");
}


static xc_rc_t
check_all(xc_arena_t *arena, void *data)
{
    char                   mem[4096], note[XC_CHECKPOINT_MAX];
    uint8_t                leaf[XC_SHA256_SIZE];
    xc_rc_t                rc;
    xc_buf_t               b;
    const char            *error;
    xc_note_key_t          key;
    xc_checkpoint_t        c;
    xc_tlog_proof_t        made, got;

    make_proof(note, sizeof(note), leaf, &made);
    made.extra = XC_STR("abc");
    xc_buf_init(&b, mem, sizeof(mem));
    xc_tlog_proof_write(&b, &made);

    rc = xc_note_key_read(arena, *(xc_str_t *) data, &error, &key);

    if (rc == XC_OK) {
        rc = xc_tlog_proof_read(arena, xc_buf_view(&b), &error, &got);
    }

    return rc == XC_OK ? xc_tlog_proof_check(arena, &got, &key, leaf, &error,
                                             &c) : rc;
}


int
main(void)
{
    char             mem[XC_NOTE_VKEY_MAX];
    xc_buf_t         b;
    xc_str_t         vkey;
    const xc_key_t  *key;

    xc_heap_init(&heap, 0);
    require(xc_crypto_init());
    key = private_key(NEUMANN_SEED);
    require(xc_note_key_make(XC_STR(ORIGIN), key, &signer));
    require(xc_note_key_make(XC_STR("a.example/other"), key, &stranger));

    test_origins();
    test_checkpoint_read();
    test_checkpoint_sign();
    test_checkpoint_open();
    test_proof_round();
    test_proof_untrue();
    test_proof_malformed();
    test_proof_limits();

    xc_buf_init(&b, mem, sizeof(mem));
    xc_note_key_write(&b, &signer);
    vkey = xc_buf_view(&b);
    xt_oom("key, proof, checkpoint", check_all, &vkey);

    xc_heap_free(&heap);

    return xt_done();
}
