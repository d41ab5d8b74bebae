/* Which tokens' signatures verify. */

#include "vector_ask.h"
#include "xc_jws.h"


/* JOSE's name of the algorithm, the key as a JWK: pinned to each other. */
static xc_rc_t
key_of(const xc_str_t args[MAX_ARGS], const char **error, const xc_key_t **key)
{
    xc_rc_t           rc;
    xc_alg_t          alg = xc_alg_by_jose(args[0]);
    const xc_json_t  *jwk;

    if (alg == XC_ALG_NONE) {
        *error = "not an algorithm of tokens";
        return XC_EINPUT;
    }

    rc = xc_json_parse(&heap.arena, args[1], 8, NULL, &jwk);

    return rc != XC_OK ? rc : xc_key_jwk(&heap.arena, alg, jwk, error, key);
}


static void
print_verdict(xc_rc_t rc, const char *error)
{
    printf("%s\t%s\n", rc == XC_OK ? "ok" : rc == XC_DENIED || rc == XC_EINPUT
           ? "refused" : "failed", error);
}


/* What is signed, and the signature. */
static void
answer_verify(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    const char      *error = "";
    const xc_key_t  *key;

    rc = key_of(args, &error, &key);
    if (rc == XC_OK) {
        rc = xc_key_verify(key, args[2], args[3]);
    }

    print_verdict(rc, error);
}


/* The whole token, whose header has to name the algorithm. */
static void
answer_token(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    xc_jws_t         jws;
    const char      *error = "";
    const xc_key_t  *key;

    rc = key_of(args, &error, &key);

    if (rc == XC_OK) {
        rc = xc_jws_parse(&heap.arena, args[2], &error, &jws);
    }

    if (rc == XC_OK) {
        rc = xc_str_eq(xc_jws_string(jws.header, XC_STR("alg")), args[0])
             ? xc_key_verify(key, jws.content, jws.signature) : XC_DENIED;
    }

    print_verdict(rc, error);
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    if (strcmp(word, "verify") == 0) {
        answer_verify(args);

    } else if (strcmp(word, "token") == 0) {
        answer_token(args);

    } else {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }
}


int
main(void)
{
    return ask_all(answer);
}
