#include "xcctl.h"

#include "../core/xc_crypto.h"
#include "../core/xc_files.h"

#include <stdio.h>
#include <time.h>


#define XCCTL_POLICY_UNREADABLE     2


/* A line a fault, as compilers write them. */
static void
xcctl_policy_print(const char *file, const xc_policy_fault_t *fault)
{
    printf("%s: ", file);

    if (fault->path.len != 0) {
        printf(XC_STR_FMT ": ", XC_STR_ARG(fault->path));
    }

    printf("%s" XC_STR_FMT "\n", fault->warning ? "warning: " : "",
           XC_STR_ARG(fault->message));
}


static void
xcctl_policy_summary(const char *file, const xc_policy_faults_t *faults,
    const xc_policy_t *policy)
{
    if (faults->n < faults->faults + faults->warnings) {
        printf("%s: %zu more not shown\n", file,
               faults->faults + faults->warnings - faults->n);
    }

    if (policy == NULL) {
        printf("%s: does not load: faults %zu, warnings %zu\n", file,
               faults->faults, faults->warnings);
        return;
    }

    printf("%s: loads: policy " XC_STR_FMT " version " XC_STR_FMT ", fields "
           "%zu, operations %zu, agencies %zu, credentials %zu, warnings "
           "%zu\n", file, XC_STR_ARG(policy->id), XC_STR_ARG(policy->version),
           policy->n_fields, policy->n_operations, policy->n_agencies,
           policy->n_credentials, faults->warnings);
}


static int
xcctl_policy_load(xc_heap_t *heap, const char *file, xc_str_t text)
{
    size_t               i;
    xc_rc_t              rc;
    xc_str_t             dir = xc_file_dir(xc_str_z(file));
    xc_policy_files_t    files = xc_files_of(&dir);
    const xc_policy_t   *policy = NULL;
    xc_policy_faults_t  *faults;

    faults = xc_arena_alloc(&heap->arena, sizeof(xc_policy_faults_t));

    if (faults == NULL) {
        return xcctl_fail("out of memory");
    }

    rc = xc_policy_load(&heap->arena, text, &files, (int64_t) time(NULL),
                        faults, &policy);

    if (rc != XC_OK && rc != XC_EINPUT) {
        return xcctl_fail("%s: %s", file, rc == XC_ENOMEM
                          ? "out of memory" : "the crypto library failed");
    }

    for (i = 0; i < faults->n; i++) {
        xcctl_policy_print(file, &faults->list[i]);
    }

    xcctl_policy_summary(file, faults, policy);

    return rc == XC_OK ? XCCTL_OK : XCCTL_FAIL;
}


static int
xcctl_policy_check(const char *file)
{
    int          status;
    xc_rc_t      rc;
    xc_str_t     text;
    xc_heap_t    heap;
    const char  *error = "";

    xc_heap_init(&heap, 0);

    rc = xc_file_read(&heap.arena, XC_STR(""), xc_str_z(file), false, &text,
                      &error);

    if (rc == XC_EIO) {
        (void) xcctl_fail("%s", error);
        status = XCCTL_POLICY_UNREADABLE;

    } else if (rc != XC_OK || xc_crypto_init() != XC_OK) {
        status = xcctl_fail("out of memory");

    } else {
        status = xcctl_policy_load(&heap, file, text);
    }

    xc_heap_free(&heap);

    return status;
}


int
xcctl_policy(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return xcctl_policy_check(argv[2]);
    }

    if (argc >= 2 && (strcmp(argv[1], "explain") == 0
                      || strcmp(argv[1], "replay") == 0))
    {
        return xcctl_usage("policy %s is not supported by this version",
                           argv[1]);
    }

    return xcctl_usage("policy check FILE");
}
