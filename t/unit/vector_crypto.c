/* Which signatures verify. */

#include "vector_ask.h"


/* The algorithm, the key's text, the message, the signature. */
static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc = XC_EINTERNAL;
    const char      *error = "";
    const xc_key_t  *key;

    if (strcmp(word, "verify") != 0) {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }

    rc = xc_key_public(&heap.arena, xc_alg_by_name(args[0]), args[1], &error,
                       &key);
    if (rc == XC_OK) {
        rc = xc_key_verify(key, args[2], args[3]);
    }

    printf("%s\t%s\n", rc == XC_OK ? "ok" : rc == XC_DENIED || rc == XC_EINPUT
           ? "refused" : "failed", error);
}


int
main(void)
{
    return ask_all(answer);
}
