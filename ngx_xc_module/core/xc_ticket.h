/*
 * The value of XC-Request (CONTRACT.md section 3): what an admitted submit
 * asked, in the hands of the agency until it comes for the result, and under a
 * MAC so that nobody else can have written it.
 *
 *     base64url(JSON) "." base64url(HMAC-SHA256(key, label || base64url(JSON)))
 *
 * It is no secret and no credential: the agency still proves who it is.  It
 * holds all that the fields need to be decided again, and no subject's id.
 */

#ifndef XC_TICKET_H
#define XC_TICKET_H

#include "xc_buf.h"
#include "xc_hash.h"

/*
 * Octets of the value.  With what else a signature covers it must fit a
 * record's `covered` (XC_SIGBASE_COVERED_MAX), and a header line nginx's own
 * buffer of 8 KiB.
 */
#define XC_TICKET_MAX           5120

#define XC_TICKET_KEY_SIZE      32

/* "node:seq" at its longest */
#define XC_TICKET_RECORD_MAX    (64 + 1 + 20)

/* A subject: a MAC under the same key, from which nobody else can try out
 * codes, cut to 96 bits. */
#define XC_TICKET_SUBJECT_SIZE  12

typedef enum {
    XC_TICKET_SUBJECTS,             /* named ones */
    XC_TICKET_SWEEP,
    XC_TICKET_NOTHING,              /* neither: let go on by `observe` */
    XC_TICKET_ASKS_COUNT
} xc_ticket_asks_t;

typedef struct {
    uint8_t   mac[XC_TICKET_SUBJECT_SIZE];
} xc_ticket_subject_t;

/*
 * What an approval_token has proved.  The token itself may name subjects, and
 * what a signature covers comes to stand in the log.
 */
#define XC_TICKET_KEY_IDENTITY  16

typedef struct {
    xc_str_t   kid;                 /* of the key that signed; data NULL: there
                                       was no token */
    uint8_t    key[XC_TICKET_KEY_IDENTITY];     /* xc_credential_t.identity */
    size_t    *fields;              /* that it covers: places in the ticket's */
    size_t     n_fields;
    int64_t    ends_s;
} xc_ticket_consent_t;

typedef struct {
    xc_str_t           id;                  /* of the submit's record */
    xc_str_t           record;              /* its node:seq */
    xc_str_t           policy;              /* the id of the one it was admitted
                                               by */
    xc_str_t           authority;           /* it was sent to, normalised */
    xc_str_t           agency;
    xc_str_t           via;                 /* this and the next: data NULL
                                               where there is none */
    xc_str_t           purpose, request_no, case_no, approval;
    xc_str_t          *fields;
    size_t             n_fields;
    xc_ticket_consent_t  consent;
    xc_ticket_asks_t   asks;

    /* Only where an approval is named that the policy holds: it may be for
     * some subjects. */
    const xc_ticket_subject_t  *subjects;
    size_t             n_subjects;
    int64_t            expires_s;           /* that second is out; over 0 */
} xc_ticket_t;

/* Appends the value to out.  XC_ELIMIT: over XC_TICKET_MAX, or no room in
 * out, whose content is unusable then.  XC_EINTERNAL. */
xc_rc_t xc_ticket_write(const xc_mac_t *key, const xc_ticket_t *ticket,
    xc_buf_t *out) XC_WUR;

/*
 * Reads the value; what out points to lies in the arena.  Whether it has
 * expired, and whose it is, is the caller's to see.  XC_DENIED: not written
 * under this key.  XC_ENOMEM, XC_EINTERNAL.  The MAC, compared in constant
 * time, stands before all else that is read.
 */
xc_rc_t xc_ticket_read(xc_arena_t *arena, const xc_mac_t *key, xc_str_t text,
    xc_ticket_t *out) XC_WUR;

/* A subject as tickets hold it.  XC_ELIMIT: over 2 KiB; XC_EINTERNAL. */
xc_rc_t xc_ticket_subject(const xc_mac_t *key, xc_str_t type, xc_str_t id,
    xc_ticket_subject_t *out) XC_WUR;

#endif
