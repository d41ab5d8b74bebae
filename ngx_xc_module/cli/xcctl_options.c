#include "xcctl_options.h"

#include "xcctl.h"


static xcctl_option_t *
xcctl_options_find(xcctl_option_t *options, size_t n, const char *name)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }

    return NULL;
}


int
xcctl_options(int argc, char **argv, xcctl_option_t *options, size_t n)
{
    int              i;
    xcctl_option_t  *option;

    for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return i + 1;
        }

        option = xcctl_options_find(options, n, argv[i]);

        if (option == NULL) {
            (void) xcctl_usage("%s has no option %s", argv[0], argv[i]);
            return -1;
        }

        if (option->n == option->max) {
            (void) xcctl_usage("%s: %s stands too often", argv[0],
                               option->name);
            return -1;
        }

        if (!option->flag) {
            if (++i == argc) {
                (void) xcctl_usage("%s: %s lacks its value", argv[0],
                                   option->name);
                return -1;
            }

            option->values[option->n] = argv[i];
        }

        option->n++;
    }

    return i;
}


int
xcctl_options_any(int argc, char **argv, xcctl_option_t *options, size_t n)
{
    int    i = 0, at, out = 1;
    char  *taken;

    while (i < argc) {
        /* the command's word, for messages */
        taken = argv[i];
        argv[i] = argv[0];
        at = xcctl_options(argc - i, argv + i, options, n);
        argv[i] = taken;

        if (at < 0) {
            return -1;
        }

        i += at;

        if (i < argc) {
            argv[out++] = argv[i];
        }
    }

    return out;
}
