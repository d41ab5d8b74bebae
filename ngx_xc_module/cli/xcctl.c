#include "xcctl.h"

#include "../core/xc_crypto.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


#define XCCTL_FILE_MAX  ((size_t) 1 << 30)

typedef struct {
    const char  *word;
    int        (*run)(int argc, char **argv);
    const char  *synopsis;
} xcctl_command_t;


static int xcctl_version(int argc, char **argv);
static int xcctl_help(int argc, char **argv);

static const xcctl_command_t  xcctl_commands[] = {
    { "keygen", xcctl_keygen, "keygen ALG [--keyid K]" },
    { "sign", xcctl_sign,
      "sign --key F --keyid K --alg A --method M --url U [--body F]\n"
      "             [--header 'N: v']... [--content-type T] [--created T]\n"
      "             [--nonce N] [--expires T] [--tag T] [--sm2-id ID]" },
    { "policy", xcctl_policy,
      "policy check FILE\n"
      "  xcctl policy explain FILE --agency A [--via B] [--at T] [--json]\n"
      "             [--request F [--operation ID]"
      " | --url U [--method M] [--body F]]\n"
      "  xcctl policy replay FILE LOG... [--at now|record] [--json]" },
    { "audit", xcctl_audit,
      "audit verify [--key VKEY]... [--expect NOTE]... [--strict]\n"
      "             [--policy FILE]... [--subject ID]... FILE...\n"
      "  xcctl audit prove [--key VKEY] FILE... SEQ\n"
      "  xcctl audit check PROOF LINE VKEY\n"
      "  xcctl audit match --subject-key KEYFILE --type TYPE ID FILE...\n"
      "  xcctl audit report [--json|--html] FILE...\n"
      "  xcctl audit prune [--dry-run] --before DATE DIR" },
    { "version", xcctl_version, "version" },
    { "help", xcctl_help, "help" },
};


static void
xcctl_message(const char *fmt, va_list args)
{
    fputs("xcctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}


int
xcctl_usage(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xcctl_message(fmt, args);
    va_end(args);

    fputs("\"xcctl help\" tells how to call it\n", stderr);

    return XCCTL_USAGE;
}


int
xcctl_fail(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    xcctl_message(fmt, args);
    va_end(args);

    return XCCTL_FAIL;
}


/* Reads to the end: the size that a file claims is not to be trusted. */
static xc_rc_t
xcctl_read_stream(xc_heap_t *heap, FILE *file, xc_str_t *out)
{
    char    *data = NULL, *more;
    size_t   len = 0, cap = 4096;

    for ( ;; ) {
        more = xc_arena_alloc(&heap->arena, cap);
        if (more == NULL) {
            return XC_ENOMEM;
        }

        if (len != 0) {
            memcpy(more, data, len);
        }

        data = more;
        len += fread(data + len, 1, cap - len - 1, file);

        if (ferror(file)) {
            return XC_EIO;
        }

        if (len < cap - 1) {
            break;
        }

        if (cap >= XCCTL_FILE_MAX) {
            errno = EFBIG;
            return XC_EIO;
        }

        cap *= 4;
    }

    data[len] = '\0';
    *out = (xc_str_t) { data, len };

    return XC_OK;
}


xc_rc_t
xcctl_read_file(xc_heap_t *heap, const char *path, xc_str_t *out)
{
    int       error;
    FILE     *file;
    xc_rc_t   rc;

    file = fopen(path, "rbe");
    if (file == NULL) {
        return XC_EIO;
    }

    errno = 0;
    rc = xcctl_read_stream(heap, file, out);

    error = errno;
    fclose(file);
    errno = error;

    return rc;
}


static int
xcctl_version(int argc, char **argv)
{
    if (argc != 1) {
        return xcctl_usage("%s takes no arguments", argv[0]);
    }

    puts("xcctl " XC_VERSION);

    return XCCTL_OK;
}


static int
xcctl_help(int argc, char **argv)
{
    size_t  i;

    (void) argc;
    (void) argv;

    puts("usage:");

    for (i = 0; i < XC_COUNT(xcctl_commands); i++) {
        printf("  xcctl %s\n", xcctl_commands[i].synopsis);
    }

    puts("exit status: 0 done, 1 failed, 2 called wrongly; but\n"
         "  policy check    0 loads, with warnings or not, 1 faults, "
         "2 can't be read\n"
         "  policy explain  0 allowed, 1 refused, 2 can't be told\n"
         "  policy replay   0 nothing changes, 1 decisions change, 2 a file or "
         "a line\n"
         "                  can't be read\n"
         "  audit verify    0 whole, 1 altered, 2 a file can't be read");

    return XCCTL_OK;
}


static const xcctl_command_t *
xcctl_find(const char *word)
{
    size_t  i;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        word = "help";
    }

    if (strcmp(word, "--version") == 0) {
        word = "version";
    }

    for (i = 0; i < XC_COUNT(xcctl_commands); i++) {
        if (strcmp(xcctl_commands[i].word, word) == 0) {
            return &xcctl_commands[i];
        }
    }

    return NULL;
}


int
main(int argc, char **argv)
{
    int                     status;
    const xcctl_command_t  *command;

    if (argc < 2) {
        return xcctl_usage("a command is missing");
    }

    command = xcctl_find(argv[1]);
    if (command == NULL) {
        return xcctl_usage("no command \"%s\"", argv[1]);
    }

    if (xc_crypto_init() != XC_OK) {
        return xcctl_fail("the cryptographic library does not start");
    }

    status = command->run(argc - 1, argv + 1);

    /* A full disk must not pass for a whole key or policy. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return xcctl_fail("can't write to standard output: %s",
                          strerror(errno));
    }

    return status;
}
