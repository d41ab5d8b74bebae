/* The files of a log, for prune: what is in them, and whether they chain. */

#ifndef XCCTL_PRUNE_H
#define XCCTL_PRUNE_H

#include "xcctl_tree.h"

#define XCCTL_PRUNE_FILES   4096

typedef struct {
    char         *name;             /* in the directory */
    uint64_t      first_seq, last_seq, bytes;
    int64_t       first_us;         /* time of the first record */
    int64_t       newest_us;        /* the latest time in it */
    uint8_t       sha256[XC_SHA256_SIZE];
    bool          has_frontier;     /* in the first record */
    xc_merkle_t   frontier;
    uint8_t       prev[XC_SHA256_SIZE];     /* of the first record */
    uint64_t      gives_up;         /* seq from which it gives up lines before
                                       it; UINT64_MAX: none */
} xcctl_file_t;

typedef struct {
    const char     *dir;
    char            node[65];
    xcctl_file_t    files[XCCTL_PRUNE_FILES];   /* rotated, oldest first */
    size_t          n;
    xcctl_file_t    live;           /* audit.log: only what begins it */
} xcctl_files_t;

/* Lists the directory.  False, said on stderr. */
bool xcctl_files_list(xcctl_files_t *files, const char *dir) XC_WUR;

/*
 * Reads the i-th file whole: all but its name and what begins it is set.
 * next: what the file behind it begins with has to follow.  XC_DENIED: a record
 * in it is not older than before_us.  XC_EINPUT, said on stderr: it does not
 * chain, or can't be read.
 */
xc_rc_t xcctl_files_read(xcctl_files_t *files, size_t i,
    const xcctl_file_t *next, int64_t before_us) XC_WUR;

void xcctl_files_free(xcctl_files_t *files);

#endif
