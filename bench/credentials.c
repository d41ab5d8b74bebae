/*
 * What keys cost.  ./xc bench credentials builds and runs it:
 *
 *     bench_credentials FILE
 *
 * Policies with 10, 1,000 and 100,000 credentials (60 % Ed25519, 30 % P-256,
 * 10 % RSA-2048; in base64 as xcctl keygen prints them, in PEM, as JWK), each
 * written to FILE and loaded by a process of its own: time and memory of the
 * load, and time of a lookup.  Then what xc_key_verify() takes beside OpenSSL's
 * own verification of the same signature, done as its manual shows.  CPU time;
 * FILE is removed.  The moduli of RSA are odd numbers, which nothing here
 * factors.
 */

#define _GNU_SOURCE

#include "xc_b64.h"
#include "xc_buf.h"
#include "xc_heap.h"
#include "xc_policy.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BENCH_AGENCY        10          /* credentials of one */
#define BENCH_LOOKUPS       200000
#define BENCH_ROUNDS        9           /* of verifying, the best counts */
#define BENCH_ROUND_US      60000.0
#define BENCH_DATA          400         /* bytes of a signature base */
#define BENCH_LOAD_S        4.0         /* the targets */
#define BENCH_LOAD_MB       400.0
#define BENCH_BEYOND_US     2.0

enum { BENCH_BASE64, BENCH_PEM, BENCH_JWK, BENCH_FORMS };

static const char *const  forms[] = { "base64", "PEM", "JWK" };

static const char  head[] =
    "{\"policy\": \"bench\", \"version\": \"1\","
    " \"authorities\": [\"a.example\"], \"purposes\": {\"p\": {}},"
    " \"fields\": {\"f\": {\"group\": \"g\", \"zh\": \"f\", \"en\": \"f\","
    " \"standard\": true}}, \"operations\": [{\"id\": \"q\","
    " \"kind\": \"query\", \"methods\": [\"GET\"], \"path\": \"/q\","
    " \"query\": {\"fields\": \"fields\", \"request_no\": \"no\","
    " \"purpose\": \"purpose\"}}], \"grants\": {\"g\":"
    " {\"groups\": [\"g\"], \"levels\": [\"county\"]}}, \"rates\":"
    " {\"default\": {\"rate\": \"10r/s\", \"burst\": 20}}, \"agencies\": [";


__attribute__((noreturn)) static void
bench_die(const char *what)
{
    fprintf(stderr, "credentials: %s\n", what);
    exit(1);
}


static double
bench_cpu_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}


/* Into mem of 2,048 bytes. */
static const char *
bench_encode(char *mem, xc_b64_t kind, const uint8_t *bytes, size_t n)
{
    xc_buf_t  b;

    xc_buf_init(&b, mem, 2047);
    xc_b64_encode(kind, &b, bytes, n);
    mem[b.len] = '\0';

    return mem;
}


static EVP_PKEY *
bench_rsa(void)
{
    BIGNUM        *n, *e;
    uint8_t        bytes[256];
    EVP_PKEY      *pkey = EVP_PKEY_new();
    RSA           *rsa;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        bench_die("no random bytes");
    }

    bytes[0] |= 0x80;
    bytes[255] |= 1;
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    e = BN_new();

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    rsa = RSA_new();
    if (pkey == NULL || n == NULL || e == NULL || rsa == NULL
        || BN_set_word(e, 65537) != 1 || RSA_set0_key(rsa, n, e, NULL) != 1
        || EVP_PKEY_assign_RSA(pkey, rsa) != 1)
    {
        bench_die("an RSA key can't be made");
    }
#pragma GCC diagnostic pop

    return pkey;
}


static void
bench_write_jwk(FILE *out, const char *alg, const uint8_t *der, size_t n)
{
    char  a[2048], b[2048];

    /* what a SubjectPublicKeyInfo of each kind ends with */
    if (alg[0] == 'e' && alg[1] == 'd') {
        fprintf(out, "{\\\"kty\\\":\\\"OKP\\\",\\\"crv\\\":\\\"Ed25519\\\","
                "\\\"x\\\":\\\"%s\\\"}",
                bench_encode(a, XC_B64_URL, der + n - 32, 32));

    } else if (alg[0] == 'e') {
        fprintf(out, "{\\\"kty\\\":\\\"EC\\\",\\\"crv\\\":\\\"P-256\\\","
                "\\\"x\\\":\\\"%s\\\",\\\"y\\\":\\\"%s\\\"}",
                bench_encode(a, XC_B64_URL, der + n - 64, 32),
                bench_encode(b, XC_B64_URL, der + n - 32, 32));

    } else {
        fprintf(out, "{\\\"kty\\\":\\\"RSA\\\",\\\"e\\\":\\\"AQAB\\\","
                "\\\"n\\\":\\\"%s\\\"}",
                bench_encode(a, XC_B64_URL, der + n - 5 - 256, 256));
    }
}


static void
bench_write_key(FILE *out, int form, const char *alg, EVP_PKEY *pkey)
{
    int          n;
    char         text[2048];
    size_t       skip;
    uint8_t     *der = NULL;
    const char  *base64;

    n = i2d_PUBKEY(pkey, &der);
    if (n <= 0 || n > 1024) {
        bench_die("a key can't be written");
    }

    if (form == BENCH_JWK) {
        bench_write_jwk(out, alg, der, (size_t) n);
        OPENSSL_free(der);
        return;
    }

    /* raw: 32 bytes, 65 bytes; of RSA all */
    skip = form == BENCH_PEM || alg[0] == 'r' ? 0
           : (size_t) n - (alg[1] == 'd' ? 32 : 65);
    base64 = bench_encode(text, XC_B64_STD, der + skip, (size_t) n - skip);
    OPENSSL_free(der);

    if (form == BENCH_BASE64) {
        fputs(base64, out);
        return;
    }

    fputs("-----BEGIN PUBLIC KEY-----", out);
    for ( /* void */ ; *base64 != '\0'; base64 += strnlen(base64, 64)) {
        fprintf(out, "\\n%.64s", base64);
    }
    fputs("\\n-----END PUBLIC KEY-----\\n", out);
}


static void
bench_write_credential(FILE *out, int form, size_t i)
{
    const char  *alg;
    EVP_PKEY    *pkey;

    if (i % 10 < 6) {
        alg = "ed25519";
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    } else if (i % 10 < 9) {
        alg = "ecdsa-p256-sha256";
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    } else {
        alg = "rsa-pss-sha512";
        pkey = bench_rsa();
    }

    if (pkey == NULL) {
        bench_die("a key can't be made");
    }

    fprintf(out, "%s\n{\"type\": \"httpsig\", \"keyid\": \"k%zu\","
            " \"alg\": \"%s\", \"public_key\": \"", i % BENCH_AGENCY != 0
            ? "," : "", i, alg);
    bench_write_key(out, form, alg, pkey);
    fputs("\"}", out);
    EVP_PKEY_free(pkey);
}


static void
bench_write_policy(const char *path, int form, size_t n)
{
    FILE    *out = fopen(path, "w");
    size_t   i;

    if (out == NULL) {
        bench_die("the policy can't be written");
    }

    fputs(head, out);

    for (i = 0; i < n; i++) {
        if (i % BENCH_AGENCY == 0) {
            fprintf(out, "%s{\"id\": \"a%zu\", \"name\": \"a\", \"level\":"
                    " \"county\", \"region\": \"310115\", \"grants\": [\"g\"],"
                    " \"rate\": \"default\", \"credentials\": [",
                    i != 0 ? "]}," : "", i / BENCH_AGENCY);
        }

        bench_write_credential(out, form, i);
    }

    fputs("]}]}\n", out);
    if (fclose(out) != 0) {
        bench_die("the policy can't be written");
    }
}


static xc_str_t
bench_read(const char *path)
{
    FILE    *in = fopen(path, "r");
    char    *text;
    long     n;

    if (in == NULL || fseek(in, 0, SEEK_END) != 0 || (n = ftell(in)) < 0
        || fseek(in, 0, SEEK_SET) != 0 || (text = malloc((size_t) n)) == NULL
        || fread(text, 1, (size_t) n, in) != (size_t) n)
    {
        bench_die("the policy can't be read");
    }

    fclose(in);

    return (xc_str_t) { text, (size_t) n };
}


/* In an order that no cache foresees. */
static double
bench_lookup_ns(const xc_policy_t *policy, size_t n)
{
    int        len;
    char       id[32];
    size_t     i, k = 0, found = 0;
    double     t, best[2] = { 1e9, 1e9 };
    unsigned   round;

    /* every second round is without looking up */
    for (round = 0; round < 10; round++) {
        t = bench_cpu_us();

        for (i = 0; i < BENCH_LOOKUPS; i++) {
            k = (k * 48271 + 11) % n;
            len = snprintf(id, sizeof(id), "k%zu", k);
            found += round % 2 == 1
                     || xc_policy_keyid(policy, (xc_str_t) { id, (size_t) len })
                        != NULL;
        }

        t = bench_cpu_us() - t;
        best[round % 2] = XC_MIN(best[round % 2], t);
    }

    if (found != 10 * BENCH_LOOKUPS) {
        bench_die("a credential is not found");
    }

    return (best[0] - best[1]) * 1000 / BENCH_LOOKUPS;
}


/* A process of its own, so that the peak of its memory is that of one load. */
static int
bench_load(const char *path, const char *form)
{
    bool                 met;
    double               t;
    xc_str_t             text;
    xc_heap_t            heap;
    struct rusage        usage;
    xc_policy_faults_t   faults;
    const xc_policy_t   *policy;

    text = bench_read(path);
    xc_heap_init(&heap, 0);

    t = bench_cpu_us();
    if (xc_policy_load(&heap.arena, text, NULL, (int64_t) time(NULL), &faults,
                       &policy) != XC_OK)
    {
        bench_die(faults.n != 0
                  ? xc_arena_printf(&heap.arena, XC_STR_FMT ": " XC_STR_FMT,
                                    XC_STR_ARG(faults.list[0].path),
                                    XC_STR_ARG(faults.list[0].message)).data
                  : "the policy does not load");
    }
    t = (bench_cpu_us() - t) / 1e6;

    (void) getrusage(RUSAGE_SELF, &usage);
    met = t < BENCH_LOAD_S && (double) usage.ru_maxrss / 1024 < BENCH_LOAD_MB;

    printf("%7zu  %-6s  %5.1f MB  %6.3f s  %4ld MB  %4.0f ns%s\n",
           policy->n_credentials, form, (double) text.len / 1e6, t,
           usage.ru_maxrss / 1024,
           bench_lookup_ns(policy, policy->n_credentials),
           met ? "" : "  over the target");
    xc_heap_free(&heap);
    free((char *) text.data);

    return met ? 0 : 1;
}


static bool
bench_spawn(const char *path, int form)
{
    int    status;
    pid_t  pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "bench_credentials", path, forms[form],
              (char *) NULL);
        _exit(127);
    }

    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)
        || WEXITSTATUS(status) > 1)
    {
        bench_die("a load ended ill");
    }

    return WEXITSTATUS(status) == 0;
}


static bool
bench_loads(const char *path)
{
    int                  form;
    bool                 met = true;
    size_t               i;
    static const size_t  sizes[] = { 10, 1000, 100000 };

    printf("credentials, keys as, policy, load (CPU), peak memory, lookup\n");

    for (form = 0; form < BENCH_FORMS; form++) {
        for (i = 0; i < XC_COUNT(sizes); i++) {
            bench_write_policy(path, form, sizes[i]);
            met = bench_spawn(path, form) && met;
            unlink(path);
        }
    }

    printf("target: under %.0f s and %.0f MB: %s\n\n", BENCH_LOAD_S,
           BENCH_LOAD_MB, met ? "met" : "not met");

    return met;
}


/* --- verifying --- */

typedef struct {
    xc_alg_t         alg;
    const xc_key_t  *key;
    xc_str_t         secret;            /* of HMAC */
    xc_str_t         data, signature;   /* ours */
    EVP_PKEY        *pkey;
    const char      *md;
    int              salt;              /* of PSS, else 0 */
    bool             pair;              /* r and s */
    uint8_t          theirs[1024];      /* as OpenSSL makes it */
    size_t           theirs_len;
} bench_verify_t;


/* One after the other, so that a disturbance meets both. */
static bool
bench_ours(bench_verify_t *v)
{
    return xc_key_verify(v->key, v->data, v->signature) == XC_OK;
}


/* A ready key, a new EVP_MD_CTX: EVP_DigestVerifyInit(3) and
 * EVP_PKEY_CTX_ctrl(3), EVP_MAC(3). */
static bool
bench_bare(bench_verify_t *v)
{
    bool           ok;
    size_t         n;
    uint8_t        mac[32];
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;

    if (v->pkey == NULL) {
        return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, v->secret.data,
                         v->secret.len, (const uint8_t *) v->data.data,
                         v->data.len, mac, sizeof(mac), &n) != NULL
               && memcmp(mac, v->theirs, sizeof(mac)) == 0;
    }

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestVerifyInit_ex(ctx, &pctx, v->md, NULL, NULL, v->pkey,
                                    NULL) == 1
         && (v->salt == 0
             || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
                 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, v->salt) == 1))
         && (v->alg != XC_ALG_SM2_SM3
             || EVP_PKEY_CTX_set1_id(pctx, "1234567812345678", 16) == 1)
         && EVP_DigestVerify(ctx, v->theirs, v->theirs_len,
                             (const uint8_t *) v->data.data, v->data.len) == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


/* As a program gets it from a file of a public key. */
static EVP_PKEY *
bench_public(xc_str_t pem)
{
    int             n;
    BIO            *bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    uint8_t        *der = NULL;
    EVP_PKEY       *private, *public;
    const uint8_t  *p;

    private = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    n = i2d_PUBKEY(private, &der);
    p = der;
    public = d2i_PUBKEY(NULL, &p, n);
    if (public == NULL) {
        bench_die("a public key can't be read");
    }

    BIO_free(bio);
    EVP_PKEY_free(private);
    OPENSSL_free(der);

    return public;
}


/* The same signature as OpenSSL's users have it: r and s in DER. */
static void
bench_theirs(bench_verify_t *v)
{
    int         n;
    size_t      half = v->signature.len / 2;
    BIGNUM     *r, *s;
    uint8_t    *p = v->theirs;
    ECDSA_SIG  *pair = ECDSA_SIG_new();

    memcpy(v->theirs, v->signature.data, v->signature.len);
    v->theirs_len = v->signature.len;

    if (v->pkey == NULL || !v->pair) {
        ECDSA_SIG_free(pair);
        return;
    }

    r = BN_bin2bn(v->theirs, (int) half, NULL);
    s = BN_bin2bn(&v->theirs[half], (int) half, NULL);

    if (r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1
        || (n = i2d_ECDSA_SIG(pair, &p)) <= 0)
    {
        bench_die("a signature can't be written");
    }

    v->theirs_len = (size_t) n;
    ECDSA_SIG_free(pair);
}


/* One key and one signature for both sides: no two take the same time. */
static void
bench_verify_keys(xc_arena_t *arena, bench_verify_t *v)
{
    size_t           n = 0;
    xc_rc_t          rc;
    uint8_t         *sig = xc_arena_alloc(arena, XC_SIGNATURE_MAX);
    xc_str_t         private = XC_STR_NONE, public = XC_STR_NONE;
    const char      *error = "";
    const xc_key_t  *signer = NULL;

    if (sig == NULL
        || xc_key_generate(arena, v->alg, &private, &public) != XC_OK)
    {
        bench_die("a key can't be made");
    }

    if (xc_alg_is_symmetric(v->alg)) {
        v->secret = private;
        rc = xc_key_secret(arena, v->alg, private, &error, &v->key);
        signer = v->key;

    } else {
        rc = xc_key_private(arena, v->alg, private, &error, &signer);
        if (rc == XC_OK) {
            rc = xc_key_public(arena, v->alg, public, &error, &v->key);
        }
        v->pkey = bench_public(private);
    }

    if (rc != XC_OK || xc_key_sign(signer, v->data, sig, &n) != XC_OK) {
        bench_die("a key can't be used");
    }

    v->signature = (xc_str_t) { (char *) sig, n };
    bench_theirs(v);
}


static double
bench_time(bench_verify_t *v, bool (*verify)(bench_verify_t *), unsigned times)
{
    bool      ok = true;
    double    t = bench_cpu_us();
    unsigned  i;

    for (i = 0; i < times; i++) {
        ok = verify(v) && ok;
    }

    if (!ok) {
        bench_die("a signature does not verify");
    }

    return (bench_cpu_us() - t) / times;
}


/* Returns what ours takes beyond the bare one. */
static double
bench_verify_one(bench_verify_t *v, const char *name)
{
    double    ours = 1e9, bare = 1e9, t;
    unsigned  round, times;

    t = bench_time(v, bench_bare, 20);
    times = (unsigned) (BENCH_ROUND_US / t) + 1;

    for (round = 0; round < BENCH_ROUNDS; round++) {
        t = bench_time(v, bench_ours, times);
        ours = XC_MIN(ours, t);
        t = bench_time(v, bench_bare, times);
        bare = XC_MIN(bare, t);
    }

    printf("%-18s %8.2f us %8.2f us %+8.2f us", name, ours, bare, ours - bare);

    return ours - bare;
}


static bool
bench_verifies(void)
{
    bool       met = true;
    char       data[BENCH_DATA];
    size_t     i;
    double     beyond, hmac = 0;
    xc_heap_t  heap;

    static const struct {
        xc_alg_t     alg;
        const char  *md;
        int          salt;
        bool         pair;
    } algs[] = {
        { XC_ALG_HMAC_SHA256, NULL, 0, false },
        { XC_ALG_ED25519, NULL, 0, false },
        { XC_ALG_ECDSA_P256, "SHA256", 0, true },
        { XC_ALG_ECDSA_P384, "SHA384", 0, true },
        { XC_ALG_RSA_PSS_SHA512, "SHA512", 64, false },
        { XC_ALG_RSA_V15_SHA256, "SHA256", 0, false },
        { XC_ALG_PS256, "SHA256", 32, false },
        { XC_ALG_SM2_SM3, "SM3", 0, true }
    };

    memset(data, 'x', sizeof(data));
    xc_heap_init(&heap, 0);

    printf("%d bytes verified by     xc_key_verify     OpenSSL      beyond\n",
           BENCH_DATA);

    for (i = 0; i < XC_COUNT(algs); i++) {
        bench_verify_t  v = {
            .alg = algs[i].alg, .data = { data, sizeof(data) },
            .md = algs[i].md, .salt = algs[i].salt, .pair = algs[i].pair
        };

        bench_verify_keys(&heap.arena, &v);
        beyond = bench_verify_one(&v, xc_alg_name(v.alg).data);
        hmac = i == 0 ? beyond : hmac;
        printf("%s\n", beyond <= hmac + BENCH_BEYOND_US ? ""
                       : "  over the target");
        met = met && beyond <= hmac + BENCH_BEYOND_US;
        EVP_PKEY_free(v.pkey);
    }

    xc_heap_free(&heap);
    printf("target: for none more than for HMAC and %.0f us: %s\n",
           BENCH_BEYOND_US, met ? "met" : "not met");

    return met;
}


int
main(int argc, char **argv)
{
    bool  loads;

    if (xc_crypto_init() != XC_OK) {
        bench_die("OpenSSL lacks an algorithm");
    }

    if (argc == 3) {
        return bench_load(argv[1], argv[2]);
    }

    if (argc != 2) {
        bench_die("usage: bench_credentials FILE");
    }

    loads = bench_loads(argv[1]);

    return bench_verifies() && loads ? 0 : 1;
}
