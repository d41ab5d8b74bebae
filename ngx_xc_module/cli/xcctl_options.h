/* Options of a command, before its other arguments. */

#ifndef XCCTL_OPTIONS_H
#define XCCTL_OPTIONS_H

#include "../core/xc_base.h"

typedef struct {
    const char   *name;         /* "--key" */
    bool          flag;         /* takes no value */
    const char  **values;       /* room for max; of a flag not looked at */
    size_t        max;          /* of a flag 1 */
    size_t        n;            /* out: given so often */
} xcctl_option_t;

/*
 * Takes the options off; "--" ends them.  Returns the index in argv of the
 * first argument, or -1 after saying on stderr what is wrong.
 */
int xcctl_options(int argc, char **argv, xcctl_option_t *options, size_t n)
    XC_WUR;

/* The same, but options may stand anywhere; the arguments move to argv[1] and
 * on.  Returns how many words there are then, argv[0] counted, or -1. */
int xcctl_options_any(int argc, char **argv, xcctl_option_t *options, size_t n)
    XC_WUR;

#endif
