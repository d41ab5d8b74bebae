/* policy replay: a request made again from its record. */

#ifndef XCCTL_REPLAY_REQUEST_H
#define XCCTL_REPLAY_REQUEST_H

#include "xcctl_replay.h"

/* Of the record, not null, a string; data NULL: there is none. */
xc_str_t xcctl_replay_string(const xc_json_t *root, const char *name);

/* The verdict; XC_DENIED. */
xc_rc_t xcctl_replay_deny(xcctl_replayed_t *out, xc_reason_t reason) XC_WUR;

/* It can't be told; XC_EINPUT. */
xc_rc_t xcctl_replay_cannot(xcctl_replayed_t *out, const char *why) XC_WUR;

/*
 * xcctl_replay_headers.c.  What the gate finds before it reads: transport,
 * authority, credential and for whom, operation.  XC_OK with them in out->ask;
 * XC_DENIED with the verdict; XC_EINPUT: it can't be told; XC_ENOMEM,
 * XC_EINTERNAL.
 */
xc_rc_t xcctl_replay_headers(xcctl_replayed_t *out) XC_WUR;

/*
 * Makes out->ask.request for out->ask.operation, and reads it as the gate reads
 * a body.  XC_OK; XC_DENIED with the verdict; XC_ENOMEM, XC_EINTERNAL.
 */
xc_rc_t xcctl_replay_request(xcctl_replayed_t *out, size_t line_len) XC_WUR;

#endif
