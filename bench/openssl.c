/*
 * What OpenSSL's own verification costs, for bench/compare:
 *
 *     openssl CPU [ALG KEY-FILE]...
 *
 * prints for each algorithm "ALG MICROSECONDS": CPU of one verification of a
 * signature over 400 bytes on that CPU, the median of five rounds.  The key is
 * parsed and its algorithm fetched before; each verification has a context of its
 * own, as requests have.
 */

#define _GNU_SOURCE

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define COST_ROUNDS  5
#define COST_NS      60000000       /* of a round */
#define COST_SM2_ID  "1234567812345678"

static const unsigned char  cost_message[400] = "message";


static int64_t
cost_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}


static int
cost_compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


/* Signs where sign is true, else verifies. */
static bool
cost_do(bool sign, const char *alg, const EVP_MD *hash, EVP_PKEY *key,
    unsigned char *sig, size_t *len)
{
    bool           ok;
    EVP_MD_CTX    *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX  *ctx = NULL, *own = NULL;

    if (strcmp(alg, "sm2-sm3") == 0) {
        own = EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_CTX_set1_id(own, COST_SM2_ID, strlen(COST_SM2_ID));
        EVP_MD_CTX_set_pkey_ctx(md, own);
        ctx = own;
    }

    ok = (sign ? EVP_DigestSignInit(md, &ctx, hash, NULL, key)
               : EVP_DigestVerifyInit(md, &ctx, hash, NULL, key))
         == 1;

    if (ok && strncmp(alg, "rsa-pss", 7) == 0) {
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    ok = ok
         && (sign ? EVP_DigestSign(md, sig, len, cost_message,
                                   sizeof(cost_message))
                  : EVP_DigestVerify(md, sig, *len, cost_message,
                                     sizeof(cost_message)))
            == 1;

    EVP_PKEY_CTX_free(own);
    EVP_MD_CTX_free(md);

    return ok;
}


static double
cost_round(const char *alg, const EVP_MD *hash, EVP_PKEY *key,
    unsigned char *sig, size_t len)
{
    int      i, n = 0;
    int64_t  began = cost_now(), ns;

    do {
        for (i = 0; i < 50; i++) {
            if (!cost_do(false, alg, hash, key, sig, &len)) {
                fprintf(stderr, "openssl: %s does not verify\n", alg);
                exit(1);
            }
        }

        n += 50;
        ns = cost_now() - began;
    } while (ns < COST_NS);

    return (double) ns / 1000 / n;
}


static bool
cost_measure(const char *alg, const char *name)
{
    int            i;
    FILE          *file = fopen(name, "re");
    double         us[COST_ROUNDS];
    size_t         len = 512;
    EVP_MD        *hash = NULL;
    EVP_PKEY      *key;
    const char    *md;
    unsigned char  sig[512];

    key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    md = strstr(alg, "sm2") != NULL ? "SM3"
         : strstr(alg, "sha512") != NULL ? "SHA512" : "SHA256";

    if (strcmp(alg, "ed25519") != 0) {
        hash = EVP_MD_fetch(NULL, md, NULL);
    }

    if (key == NULL || !cost_do(true, alg, hash, key, sig, &len)) {
        return false;
    }

    fclose(file);

    for (i = 0; i < COST_ROUNDS; i++) {
        us[i] = cost_round(alg, hash, key, sig, len);
    }

    qsort(us, COST_ROUNDS, sizeof(double), cost_compare);
    printf("%s %.2f\n", alg, us[COST_ROUNDS / 2]);
    EVP_PKEY_free(key);
    EVP_MD_free(hash);

    return true;
}


int
main(int argc, char **argv)
{
    int        i;
    cpu_set_t  cpu;

    if (argc < 2 || argc % 2 != 0) {
        fputs("openssl CPU [ALG KEY-FILE]...\n", stderr);
        return 2;
    }

    CPU_ZERO(&cpu);
    CPU_SET((size_t) atoi(argv[1]), &cpu);
    (void) sched_setaffinity(0, sizeof(cpu), &cpu);

    for (i = 2; i < argc; i += 2) {
        if (!cost_measure(argv[i], argv[i + 1])) {
            fprintf(stderr, "openssl: %s: no key that signs\n", argv[i + 1]);
            return 1;
        }
    }

    return 0;
}
