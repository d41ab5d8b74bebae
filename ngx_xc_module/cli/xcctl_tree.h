/*
 * The Merkle tree of a log, built from its lines, and the checkpoints that
 * have to agree with it (CONTRACT.md 5, promise 4).
 */

#ifndef XCCTL_TREE_H
#define XCCTL_TREE_H

#include "xcctl_ckpt.h"
#include "xcctl_record.h"
#include "../core/xc_merkle.h"

/* The first of its kind; more are only counted. */
typedef struct {
    uint64_t  n;
    uint64_t  size;             /* of the tree that it is about */
    char      text[512];
} xcctl_trouble_t;

typedef struct {
    xcctl_ckpt_t  ckpt;
    bool          trusted;      /* it left the host: --expect */
    bool          open;         /* a checkpoint is at hand */
    uint64_t      last;         /* size of the one before */
} xcctl_source_t;

typedef struct {
    bool             begun;
    bool             known;     /* tree is that of the lines so far */
    xc_merkle_t      tree;
    uint64_t         start;     /* size at which it was taken up */
    uint64_t         end;       /* seq behind the last line */
    bool             rotated;   /* the last file is named like one that others
                                   follow */

    xcctl_source_t  *sources;
    size_t           n_sources;
    uint64_t         next;      /* size of the nearest checkpoint */
    char             origin[XC_NOTE_NAME_MAX + 1];

    /* By xcctl_source_t.trusted: what agreed last, what did not first. */
    bool             agreed[2];
    uint64_t         agreed_size[2];
    xcctl_trouble_t  differs[2];

    xcctl_trouble_t  broken;    /* a checkpoint file is not in order */
    xcctl_trouble_t  behind;    /* the log does not reach a checkpoint */
    xcctl_trouble_t  frontier;  /* a record's is not that of the lines */
    xcctl_trouble_t  given_up;  /* synced lines that a recover gave up */

    uint64_t         checked, before, unchecked;    /* checkpoints */
    uint64_t         missed;    /* trusted ones among before and unchecked */
    uint64_t         checked_size;  /* of the last that was checked */
    uint64_t         later;     /* of lines in files that were not given */
    uint64_t         later_size;    /* the largest of these */
} xcctl_tree_t;

/* tree: zeroed but for rotated; sources opened, and borrowed.  XC_EIO: errno;
 * XC_ENOMEM. */
xc_rc_t xcctl_tree_begin(xcctl_tree_t *tree, xcctl_source_t *sources, size_t n)
    XC_WUR;

/* A record, whether or not it chains.  recover: it gives up lines. */
xc_rc_t xcctl_tree_record(xcctl_tree_t *tree, xcctl_record_t *record,
    const uint8_t leaf[XC_SHA256_SIZE], bool recover) XC_WUR;

/*
 * No record follows.  first_fault: the lowest seq at which the chain is known
 * to be broken, UINT64_MAX for none: what follows from it is no fault more.
 * Prints, and returns the number of faults; *rc is of reading the sources.
 */
uint64_t xcctl_tree_end(xcctl_tree_t *tree, uint64_t first_fault, xc_rc_t *rc);

/* The member `frontier` of a record; true where it is there and is one. */
bool xcctl_tree_frontier(xcctl_record_t *record, xc_merkle_t *out);

#endif
