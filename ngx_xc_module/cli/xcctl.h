/*
 * The tool's command groups.  Each is called with argv[0] the group's word
 * and returns the program's exit status.
 */

#ifndef XCCTL_H
#define XCCTL_H

#include "xc_heap.h"

#define XCCTL_OK     0
#define XCCTL_FAIL   1
#define XCCTL_USAGE  2      /* the command line itself is wrong */

/* The algorithms of this version, for messages. */
#define XCCTL_ALGS   "ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, "       \
                     "rsa-pss-sha512, rsa-v1_5-sha256, sm2-sm3, hmac-sha256"

int xcctl_keygen(int argc, char **argv);
int xcctl_sign(int argc, char **argv);
int xcctl_policy(int argc, char **argv);
int xcctl_audit(int argc, char **argv);

/* "xcctl: " and the message on stderr, then a pointer to the usage;
 * XCCTL_USAGE. */
int xcctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "xcctl: " and the message on stderr; XCCTL_FAIL. */
int xcctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A whole file into the heap, with a NUL behind it that len does not count.
 * XC_EIO: errno tells; XC_ENOMEM. */
xc_rc_t xcctl_read_file(xc_heap_t *heap, const char *path, xc_str_t *out)
    XC_WUR;

#endif
