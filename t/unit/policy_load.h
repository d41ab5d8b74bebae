/* How the tests of the policy load the sample, as it is or with an edit. */

#ifndef POLICY_LOAD_H
#define POLICY_LOAD_H

#include "xt.h"
#include "sample_policy.h"
#include "xc_policy.h"

#include <stdio.h>
#include <stdlib.h>


#define TEXT_MAX    (sizeof(sample_policy) + 4096)

typedef struct {
    xc_heap_t            heap;
    xc_rc_t              rc;
    xc_policy_faults_t   faults;
    const xc_policy_t   *policy;
} load_t;

/* Where the loads of a test read; none until it sets them. */
static xc_policy_files_t  files;


static inline void
load_text(load_t *load, xc_str_t text)
{
    xc_str_t  in = xt_guard(text);

    xc_heap_init(&load->heap, 0);
    load->policy = NULL;
    load->rc = xc_policy_load(&load->heap.arena, in,
                              files.read == NULL ? NULL : &files,
                              SAMPLE_NOW_S, &load->faults, &load->policy);

    /* the policy borrows nothing of its text */
    xt_unguard(in);
}


/* A text with the first occurrence of find replaced; ' for " in all. */
static inline xc_str_t
edit_of(char *mem, const char *sample, const char *find, const char *with)
{
    char         text[TEXT_MAX];
    const char  *at = strstr(sample, find);

    if (at == NULL) {
        printf("# the sample has no %s\n", find);
        exit(2);
    }

    (void) snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - sample),
                    sample, with, at + strlen(find));

    return sample_json(mem, TEXT_MAX, text);
}


static inline xc_str_t
edit(char *mem, const char *find, const char *with)
{
    return edit_of(mem, sample_policy, find, with);
}


static inline bool
has(const load_t *load, bool warning, const char *path, const char *message)
{
    size_t                    i;
    char                      text[1200];
    const xc_policy_fault_t  *fault;

    for (i = 0; i < load->faults.n; i++) {
        fault = &load->faults.list[i];
        (void) snprintf(text, sizeof(text), XC_STR_FMT,
                        XC_STR_ARG(fault->message));

        if (fault->warning == warning
            && xc_str_eq(fault->path, xc_str_z(path))
            && strstr(text, message) != NULL)
        {
            return true;
        }
    }

    return false;
}


static inline void
show(const load_t *load)
{
    size_t                    i;
    const xc_policy_fault_t  *fault;

    for (i = 0; i < load->faults.n; i++) {
        fault = &load->faults.list[i];
        printf("# %s " XC_STR_FMT ": " XC_STR_FMT "\n",
               fault->warning ? "warning" : "fault", XC_STR_ARG(fault->path),
               XC_STR_ARG(fault->message));
    }
}

/* For xt_oom(): a policy whose faults are found unless memory is short. */
static inline xc_rc_t
load_bad(xc_arena_t *arena, void *data)
{
    xc_str_t             *text = data;
    const xc_policy_t    *policy = NULL;
    xc_policy_faults_t    found;
    xc_rc_t               rc;

    rc = xc_policy_load(arena, *text, NULL, SAMPLE_NOW_S, &found, &policy);

    return rc == XC_EINPUT ? XC_OK : rc;
}

#endif
