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

/* Room that a refusal of a caller who is not authenticated gets: enough for the
 * longest signature headers; other members are cut. */
#define XC_RECORD_ANONYMOUS_MAX 12288

/* The most that xc_record_outcome() writes. */
#define XC_RECORD_OUTCOME_MAX   1536

#define XC_RECORD_URI_MAX   XC_AUTH_URI_MAX     /* octets of `uri`; the rest is
                                                   cut */

typedef struct {
    xc_str_t             id;            /* 32 hexadecimal digits */
    xc_str_t             tls;           /* "TLSv1.3"; empty without */
    const xc_msg_t      *msg;
    const xc_policy_t   *policy;
    const xc_gate_t     *gate;          /* verdict NONE: allow; observed: deny,
                                           and it goes on */
    const xc_mac_t      *subject_key;   /* of subjects' and officers' ids; NULL:
                                           only types are recorded */
} xc_record_decision_t;

/*
 * How an id stands in the log: HMAC-SHA256(key, type || 0x00 || id), lower-case
 * hexadecimal.  type is "officer" for certificate numbers.  XC_EINTERNAL.
 */
#define XC_RECORD_ID_SIZE   (2 * XC_SHA256_SIZE)
xc_rc_t xc_record_mac(const xc_mac_t *key, xc_str_t type, xc_str_t id,
    char out[XC_RECORD_ID_SIZE]) XC_WUR;

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
 * would not leaves out its longest members and names them in "cut".  "mode" is
 * "observe" on what `observe` let go on or allowed, "enforce" on all that was
 * refused, wherever that was.
 * XC_OK; XC_ELIMIT: it does not fit even so, or one that goes on does not.
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

/*
 * A flood, told in one line: refusals of one reason from one network, or reads
 * of the intake document in one format ("json", "html").
 */
typedef struct {
    xc_str_t     network;               /* "203.0.113.0/24"; empty: of a format */
    xc_reason_t  reason;
    xc_str_t     format;
    uint64_t     count;
    int64_t      first_us, last_us;
} xc_record_summary_t;

/* Never fails with XC_RECORD_OUTCOME_MAX octets. */
void xc_record_summary(xc_buf_t *out, const xc_record_summary_t *in);

#endif
