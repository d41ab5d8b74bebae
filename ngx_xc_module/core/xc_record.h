/*
 * The members of audit records (CONTRACT.md section 5), from "event" on, as
 * xc_journal_append() takes them.  Pure; strings are escaped so that no
 * request can break a line or forge a member.
 */

#ifndef XC_RECORD_H
#define XC_RECORD_H

#include "xc_gate.h"
#include "xc_journal.h"

/* Room for the members of any record. */
#define XC_RECORD_MAX       (XC_JOURNAL_LINE_MAX - XC_JOURNAL_PREFIX_MAX)

/* The most that xc_record_outcome() writes. */
#define XC_RECORD_OUTCOME_MAX   1536

#define XC_RECORD_URI_MAX   1024        /* octets of `uri`; the rest is cut */

typedef struct {
    xc_str_t             id;            /* 32 hexadecimal digits */
    xc_str_t             tls;           /* "TLSv1.3"; empty without */
    const xc_msg_t      *msg;
    const xc_policy_t   *policy;
    const xc_gate_t     *gate;          /* verdict NONE: allow */
} xc_record_decision_t;

/*
 * The request target with what the path's group "subject" captured written
 * {subject}, whichever method or form of target was used and whether or not
 * the gate came so far; other bytes than printable ASCII as %XX.  Cut at
 * XC_RECORD_URI_MAX.
 */
void xc_record_uri(xc_buf_t *out, const xc_policy_t *policy,
    const xc_msg_t *msg, const xc_gate_t *gate);

/*
 * A decision record.  Allowed ones always fit XC_RECORD_MAX; a refusal's that
 * would not leaves out its longest members and names them in "cut".
 * XC_OK; XC_ELIMIT: it does not fit even so, or an allowed one does not.
 */
xc_rc_t xc_record_decision(xc_buf_t *out, const xc_record_decision_t *in)
    XC_WUR;

typedef struct {
    xc_str_t   id;
    unsigned   status;                  /* HTTP */
    uint64_t   bytes;                   /* of the answer's body */
    const uint8_t  *answer_sha256;      /* XC_SHA256_SIZE; NULL: not known */
    xc_str_t   reply;                   /* XC-Reply; empty: none */
    xc_str_t   upstream;                /* address; empty: none */
    unsigned   upstream_status;         /* 0: none */
    uint64_t   ms;                      /* since the request began */
    bool       complete;                /* the whole answer was handed to the
                                           connection */
} xc_record_outcome_t;

/*
 * An outcome record but its decision_seq, which is not known while the
 * decision is on its way: xc_record_outcome_seq() completes it.  Never fails
 * with XC_RECORD_OUTCOME_MAX octets, the seq included: strings are cut to 64.
 */
void xc_record_outcome(xc_buf_t *out, const xc_record_outcome_t *in);
void xc_record_outcome_seq(xc_buf_t *out, uint64_t decision_seq);

/* Refusals that were counted because the queue was full. */
void xc_record_summary(xc_buf_t *out, xc_reason_t reason, uint64_t count,
    int64_t first_us, int64_t last_us);

#endif
