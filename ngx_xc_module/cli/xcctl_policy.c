#include "xcctl_policy.h"

#include "xcctl.h"
#include "xcctl_place.h"
#include "xcctl_signed.h"

#include "../core/xc_crypto.h"
#include "../core/xc_files.h"
#include "../core/xc_time.h"

#include <stdio.h>
#include <time.h>

#define XCCTL_POLICY_DEPTH  64      /* more than the loader lets in */


/* A line a fault, as compilers write them.  The path says the same as the line
 * for whoever did not write the file. */
static void
xcctl_policy_print(const char *file, xc_str_t text,
    const xc_policy_fault_t *fault)
{
    xcctl_place_t  place;

    printf("%s:", file);

    if (fault->path.len != 0 && xcctl_place(text, fault->path, &place)) {
        printf("%zu:%zu:", place.line, place.column);
    }

    printf(" %s", fault->warning ? "warning: " : "");

    if (fault->path.len != 0) {
        printf(XC_STR_FMT ": ", XC_STR_ARG(fault->path));
    }

    printf(XC_STR_FMT "\n", XC_STR_ARG(fault->message));
}


/* Why it does not load before what is merely odd. */
static void
xcctl_policy_list(const char *file, xc_str_t text,
    const xc_policy_faults_t *faults)
{
    int     warnings;
    size_t  i;

    for (warnings = 0; warnings < 2; warnings++) {
        for (i = 0; i < faults->n; i++) {
            if (faults->list[i].warning == (warnings == 1)) {
                xcctl_policy_print(file, text, &faults->list[i]);
            }
        }
    }
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
           "%zu, operations %zu, agencies %zu, credentials %zu, approvals "
           "%zu, warnings %zu\n", file, XC_STR_ARG(policy->id),
           XC_STR_ARG(policy->version), policy->n_fields,
           policy->n_operations, policy->n_agencies, policy->n_credentials,
           policy->n_approvals, faults->warnings);
}


static int
xcctl_policy_load(xc_heap_t *heap, const char *file, xc_str_t text)
{
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

    xcctl_policy_list(file, text, faults);
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
        status = XCCTL_USAGE;

    } else if (rc != XC_OK) {
        status = xcctl_fail("out of memory");

    } else {
        status = xcctl_policy_load(&heap, file, text);
    }

    xc_heap_free(&heap);

    return status;
}


static xc_rc_t
xcctl_policy_read(xcctl_policy_t *file, const char **error)
{
    bool                 redacted;
    xc_rc_t              rc;
    xc_str_t             text, dir = xc_file_dir(xc_str_z(file->path));
    xc_arena_t          *arena = &file->heap.arena;
    xc_policy_files_t    files = xc_files_of(&dir);
    xc_policy_faults_t  *faults;

    faults = xc_arena_alloc(arena, sizeof(xc_policy_faults_t));
    if (faults == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_file_read(arena, XC_STR(""), xc_str_z(file->path), false, &text,
                      error);

    if (rc == XC_OK) {
        rc = xcctl_signed_redact(arena, &text, &redacted);
    }

    if (rc == XC_OK) {
        rc = xc_policy_load(arena, text, &files, (int64_t) time(NULL), faults,
                            &file->policy);
    }

    if (rc == XC_OK) {
        rc = xc_json_parse(arena, file->policy->copy, XCCTL_POLICY_DEPTH, NULL,
                           &file->root);
    }

    return rc;
}


bool
xcctl_policy_open(xcctl_policy_t *file, const char *path)
{
    xc_rc_t      rc;
    const char  *error = "";

    *file = (xcctl_policy_t) { .path = path };
    xc_heap_init(&file->heap, 0);

    rc = xcctl_policy_read(file, &error);

    if (rc == XC_EIO) {
        (void) xcctl_fail("%s", error);

    } else if (rc == XC_EINPUT) {
        (void) xcctl_fail("%s: the policy does not load; \"xcctl policy "
                          "check\" tells why", path);

    } else if (rc != XC_OK) {
        (void) xcctl_fail("%s: %s", path, rc == XC_ENOMEM
                          ? "out of memory" : "a library failed");
    }

    return rc == XC_OK;
}


void
xcctl_policy_close(xcctl_policy_t *file)
{
    xc_heap_free(&file->heap);
}


bool
xcctl_policy_at(const char *text, int64_t *out_s)
{
    if (text == NULL) {
        *out_s = (int64_t) time(NULL);
        return true;
    }

    if (xc_time_parse(xc_str_z(text), out_s) != XC_OK) {
        (void) xcctl_usage("\"%s\" is no instant such as "
                           "2026-11-22T10:20:30Z", text);
        return false;
    }

    return true;
}


int
xcctl_policy(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return xcctl_policy_check(argv[2]);
    }

    if (argc >= 2 && strcmp(argv[1], "explain") == 0) {
        return xcctl_policy_explain(argc - 1, argv + 1);
    }

    if (argc >= 2 && strcmp(argv[1], "replay") == 0) {
        return xcctl_policy_replay(argc - 1, argv + 1);
    }

    return xcctl_usage("policy check|explain|replay FILE ...");
}
