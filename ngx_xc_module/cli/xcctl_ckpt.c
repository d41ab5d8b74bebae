#include "xcctl_ckpt.h"

#include "xcctl.h"
#include "xcctl_open.h"

#include "../core/xc_files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


xc_rc_t
xcctl_ckpt_open(xcctl_ckpt_t *ckpt, const char *path, const xcctl_keys_t *keys)
{
    int          fd;
    xc_rc_t      rc;
    struct stat  st;

    *ckpt = (xcctl_ckpt_t) { .path = path, .keys = keys };
    xc_heap_init(&ckpt->heap, 0);

    rc = xcctl_open(path, XCCTL_OPEN_FILE, &fd);
    if (rc != XC_OK) {
        return rc;
    }

    ckpt->file = fdopen(fd, "rb");
    if (ckpt->file == NULL) {
        close(fd);
        return XC_ENOMEM;
    }

    if (fstat(fileno(ckpt->file), &st) != 0) {
        return XC_EIO;
    }

    ckpt->left = (uint64_t) st.st_size;
    ckpt->mem = malloc(XC_NOTE_MAX);

    return ckpt->mem != NULL ? XC_OK : XC_ENOMEM;
}


void
xcctl_ckpt_close(xcctl_ckpt_t *ckpt)
{
    if (ckpt->file != NULL) {
        fclose(ckpt->file);
    }

    free(ckpt->line);
    free(ckpt->mem);
    xc_heap_free(&ckpt->heap);
    *ckpt = (xcctl_ckpt_t) { .path = NULL };
}


/* The octets up to the next separator, which may also stand behind the last
 * note.  XC_DENIED: there are none. */
static xc_rc_t
xcctl_ckpt_collect(xcctl_ckpt_t *ckpt)
{
    bool     whole = true, fits = true;
    size_t   len = 0;
    ssize_t  n;

    while (ckpt->left != 0) {
        errno = 0;
        n = getline(&ckpt->line, &ckpt->cap, ckpt->file);

        if (n <= 0) {
            if (ferror(ckpt->file)) {
                return errno == ENOMEM ? XC_ENOMEM : XC_EIO;
            }

            break;
        }

        if ((uint64_t) n > ckpt->left) {
            n = (ssize_t) ckpt->left;
        }

        ckpt->left -= (uint64_t) n;

        if (n == 3 && memcmp(ckpt->line, "--\n", 3) == 0) {
            if (len != 0) {
                break;
            }

            continue;
        }

        whole = ckpt->line[n - 1] == '\n';

        if ((size_t) n > XC_NOTE_MAX - len) {
            fits = false;
            continue;
        }

        memcpy(ckpt->mem + len, ckpt->line, (size_t) n);
        len += (size_t) n;
    }

    ckpt->text = (xc_str_t) { ckpt->mem, len };
    ckpt->note += len != 0;

    if (!fits) {
        ckpt->error = "longer than any signed note";
        return XC_EINPUT;
    }

    return len == 0 ? XC_DENIED : whole ? XC_OK : XC_ELIMIT;
}


/* Without a key: what stands before the signatures. */
static xc_rc_t
xcctl_ckpt_unsigned(xcctl_ckpt_t *ckpt)
{
    size_t    i;
    xc_str_t  text = ckpt->text;

    for (i = text.len; i >= 2; i--) {
        if (text.data[i - 1] == '\n' && text.data[i - 2] == '\n') {
            text.len = i - 1;
            return xc_checkpoint_read(text, &ckpt->error, &ckpt->checkpoint);
        }
    }

    ckpt->error = "not a signed note";

    return XC_EINPUT;
}


xc_rc_t
xcctl_ckpt_next(xcctl_ckpt_t *ckpt)
{
    size_t   i;
    xc_rc_t  rc;

    rc = xcctl_ckpt_collect(ckpt);
    if (rc != XC_OK) {
        return rc;
    }

    if (ckpt->keys->n == 0) {
        return xcctl_ckpt_unsigned(ckpt);
    }

    for (i = 0; i < ckpt->keys->n; i++) {
        rc = xc_checkpoint_open(&ckpt->heap.arena, ckpt->text,
                                &ckpt->keys->keys[i], &ckpt->error,
                                &ckpt->checkpoint);
        xc_heap_free(&ckpt->heap);

        if (rc == XC_OK || rc == XC_ENOMEM || rc == XC_EINTERNAL) {
            return rc;
        }
    }

    return XC_EINPUT;
}


xc_rc_t
xcctl_ckpt_keys(xc_arena_t *arena, char *const *vkeys, size_t n,
    xcctl_keys_t *out)
{
    size_t          i;
    xc_rc_t         rc;
    const char     *error = "";
    xc_note_key_t  *keys;

    keys = xc_arena_array(arena, n + 1, sizeof(xc_note_key_t));
    if (keys == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        rc = xc_note_key_read(arena, xc_str_z(vkeys[i]), &error, &keys[i]);

        if (rc == XC_EINPUT) {
            (void) xcctl_usage("\"%s\" is not a verifier key: %s", vkeys[i],
                               error);
        }

        if (rc != XC_OK) {
            return rc;
        }
    }

    *out = (xcctl_keys_t) { keys, n };

    return XC_OK;
}


const char *
xcctl_ckpt_beside(xc_arena_t *arena, const char *file, const char *name)
{
    xc_str_t  dir = xc_file_dir(xc_str_z(file)), path;

    path = xc_arena_printf(arena, XC_STR_FMT "%s%s", XC_STR_ARG(dir),
                           dir.len == 0 || dir.data[dir.len - 1] == '/'
                           ? "" : "/", name);

    return path.len != 0 ? path.data : NULL;
}
