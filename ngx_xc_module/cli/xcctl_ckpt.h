/*
 * Checkpoints as files keep them: signed notes, one behind the other, with a
 * line "--" between them.  Read in turn, in constant memory, up to where the
 * file ended when it was opened: a log that is being written stays consistent
 * with what was read of it before.
 */

#ifndef XCCTL_CKPT_H
#define XCCTL_CKPT_H

#include "xc_heap.h"
#include "../core/xc_tlog.h"

#include <stdio.h>

typedef struct {
    const xc_note_key_t  *keys;     /* any of them will do */
    size_t                n;        /* 0: signatures are not looked at */
} xcctl_keys_t;

typedef struct {
    const char          *path;
    const xcctl_keys_t  *keys;
    FILE                *file;
    uint64_t             left;      /* octets not read */
    char                *line;
    size_t               cap;
    char                *mem;       /* XC_NOTE_MAX */
    xc_heap_t            heap;      /* of one note */

    uint64_t             note;      /* number of the one at hand, from 1 */
    xc_str_t             text;      /* of it, whole */
    xc_checkpoint_t      checkpoint;
    const char          *error;
} xcctl_ckpt_t;

/* XC_EIO: errno tells; XC_ENOMEM.  keys is borrowed. */
xc_rc_t xcctl_ckpt_open(xcctl_ckpt_t *ckpt, const char *path,
    const xcctl_keys_t *keys) XC_WUR;
void xcctl_ckpt_close(xcctl_ckpt_t *ckpt);

/*
 * The next one, valid until the next call.  XC_OK; XC_DENIED: there is none;
 * XC_EINPUT: it is no checkpoint, or no key's signature verifies, error says
 * why; the one behind it may be asked for.  XC_ELIMIT: the file ends within
 * this one.  XC_EIO, XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xcctl_ckpt_next(xcctl_ckpt_t *ckpt) XC_WUR;

/* Reads verifier keys; says on stderr what is wrong. */
xc_rc_t xcctl_ckpt_keys(xc_arena_t *arena, char *const *vkeys, size_t n,
    xcctl_keys_t *out) XC_WUR;

/* "audit.checkpoints" in the folder of a file, in the arena, NUL-terminated;
 * NULL: no memory. */
const char *xcctl_ckpt_beside(xc_arena_t *arena, const char *file,
    const char *name);

#endif
