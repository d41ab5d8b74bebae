#define _GNU_SOURCE             /* memmem() */

#include "xcctl_signed.h"

#include "xcctl.h"

#include "../core/xc_files.h"

#include <stdio.h>
#include <time.h>


static const xc_str_t  xcctl_signed_secret = { "\"secret\":\"\xe2\x80\xa6\"",
                                               14 };


xc_rc_t
xcctl_signed_redact(xc_arena_t *arena, xc_str_t *text, bool *redacted)
{
    char        *mem, *to;
    size_t       n = 0, room;
    const char  *at = text->data, *end = text->data + text->len, *hit;

    while ((hit = memmem(at, (size_t) (end - at), xcctl_signed_secret.data,
                         xcctl_signed_secret.len)) != NULL)
    {
        n++;
        at = hit + xcctl_signed_secret.len;
    }

    *redacted = n != 0;
    if (n == 0) {
        return XC_OK;
    }

    room = text->len + n * 64 + 1;
    mem = xc_arena_alloc(arena, room);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    to = mem;
    at = text->data;

    while ((hit = memmem(at, (size_t) (end - at), xcctl_signed_secret.data,
                         xcctl_signed_secret.len)) != NULL)
    {
        memcpy(to, at, (size_t) (hit - at));
        to += hit - at;
        to += snprintf(to, 64, "\"secret\":\"%08zu%035d=\"", n--, 0);
        at = hit + xcctl_signed_secret.len;
    }

    memcpy(to, at, (size_t) (end - at));
    *text = (xc_str_t) { mem, (size_t) (to - mem) + (size_t) (end - at) };

    return XC_OK;
}


static xc_rc_t
xcctl_signed_load(xcctl_signed_t *set, const char *path, const char **error)
{
    xc_rc_t              rc;
    xc_str_t             text, dir = xc_file_dir(xc_str_z(path));
    xc_arena_t          *arena = &set->heap.arena;
    xc_policy_files_t    files = xc_files_of(&dir);
    xc_policy_faults_t  *faults;

    faults = xc_arena_alloc(arena, sizeof(xc_policy_faults_t));
    if (faults == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_file_read(arena, XC_STR(""), xc_str_z(path), false, &text, error);

    if (rc == XC_OK) {
        rc = xcctl_signed_redact(arena, &text,
                                 &set->redacted[set->n_policies]);
    }

    if (rc == XC_OK) {
        rc = xc_policy_load(arena, text, &files, (int64_t) time(NULL), faults,
                            &set->policies[set->n_policies]);
        *error = "it does not load; \"xcctl policy check\" tells why";
    }

    return rc;
}


bool
xcctl_signed_policy(xcctl_signed_t *set, const char *path)
{
    xc_rc_t      rc;
    const char  *error = "out of memory";

    if (set->n_policies == XCCTL_SIGNED_POLICIES) {
        (void) xcctl_fail("over %d policies", XCCTL_SIGNED_POLICIES);
        return false;
    }

    if (set->n_policies == 0) {
        xc_heap_init(&set->heap, 0);
        xc_heap_init(&set->record, 0);
    }

    rc = xcctl_signed_load(set, path, &error);

    if (rc == XC_OK) {
        set->n_policies++;

    } else if (rc == XC_EIO) {
        (void) xcctl_fail("%s", error);

    } else {
        (void) xcctl_fail("%s: %s", path,
                          rc == XC_EINPUT ? error : "out of memory");
    }

    return rc == XC_OK;
}
