/*
 * A program that answers questions about published vectors, line by line: a
 * question is a word and arguments in hexadecimal, "-" for an empty one; the
 * answer is one line.  t/conformance.t asks.
 */

#ifndef VECTOR_ASK_H
#define VECTOR_ASK_H

#include "xt.h"
#include "xc_ascii.h"
#include "xc_crypto.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ARGS    4


static xc_heap_t  heap;         /* emptied after each question */


static inline void
print_hex(xc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        printf("%02x", (unsigned char) s.data[i]);
    }
}


/* At a guard page, so that the vectors also find what reads too far. */
static xc_str_t
argument(const char *hex)
{
    size_t    n = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    uint8_t  *p;
    xc_str_t  guarded;

    p = malloc(n + 1);
    if (p == NULL
        || !xc_hex_decode(p, n, (xc_str_t) { hex, n == 0 ? 0 : strlen(hex) }))
    {
        fprintf(stderr, "not hexadecimal\n");
        exit(2);
    }

    guarded = xt_guard((xc_str_t) { (char *) p, n });
    free(p);

    return guarded;
}


static void
ask_one(char *line,
    void (*answer)(const char *word, const xc_str_t args[MAX_ARGS]))
{
    int        n;
    char      *word, *arg, *save;
    xc_str_t   args[MAX_ARGS];

    word = strtok_r(line, " \n", &save);
    if (word == NULL) {
        return;
    }

    for (n = 0; n < MAX_ARGS; n++) {
        arg = strtok_r(NULL, " \n", &save);
        args[n] = argument(arg == NULL ? "-" : arg);
    }

    answer(word, args);

    for (n = 0; n < MAX_ARGS; n++) {
        xt_unguard(args[n]);
    }

    xc_heap_free(&heap);
}


/* Questions from the standard input; the program's exit status. */
static int
ask_all(void (*answer)(const char *word, const xc_str_t args[MAX_ARGS]))
{
    char    *line = NULL;
    size_t   size = 0;

    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    xc_heap_init(&heap, 0);

    while (getline(&line, &size, stdin) > 0) {
        ask_one(line, answer);
    }

    free(line);

    return 0;
}

#endif
