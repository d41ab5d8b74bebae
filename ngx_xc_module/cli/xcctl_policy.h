/* xcctl policy: what its commands share. */

#ifndef XCCTL_POLICY_H
#define XCCTL_POLICY_H

#include "xc_heap.h"

#include "../core/xc_policy.h"

/* A policy that loads, and the JSON of which it was made (includes taken in),
 * for the words that the loader leaves behind. */
typedef struct {
    xc_heap_t           heap;
    const char         *path;
    const xc_policy_t  *policy;
    const xc_json_t    *root;
} xcctl_policy_t;

/* Copies that a gate keeps, with "…" for secrets, do as well.  False: what is
 * wrong was said.  To be closed in both cases. */
bool xcctl_policy_open(xcctl_policy_t *file, const char *path) XC_WUR;
void xcctl_policy_close(xcctl_policy_t *file);

/* An option's instant, RFC 3339; without the option, now.  False: said. */
bool xcctl_policy_at(const char *text, int64_t *out_s) XC_WUR;

int xcctl_policy_explain(int argc, char **argv);
int xcctl_policy_replay(int argc, char **argv);

#endif
