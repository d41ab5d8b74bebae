/*
 * What became of the submits in a log: when their replies came, and which of
 * them wait for one.
 *
 * A submit is an admitted request without `ref` and by another method than GET
 * and HEAD, of an operation of which any record has a reply or is named by a
 * `ref`: the log does not say of which kind an operation is.  Its reply comes
 * with its own outcome, or with that of a result whose `ref` names it.  Records
 * may come in any order, from several nodes.
 */

#ifndef XCCTL_REPLIES_H
#define XCCTL_REPLIES_H

#include "xcctl_record.h"
#include "xcctl_tally.h"

#define XCCTL_REPLIES_TEXT      96      /* octets of a text of a record */
#define XCCTL_REPLIES_SLOW      10
#define XCCTL_REPLIES_OLDEST    20
#define XCCTL_REPLIES_BUCKETS   6
#define XCCTL_REPLIES_AGES      (XCCTL_REPLIES_BUCKETS - 1)
#define XCCTL_REPLIES_NEVER     INT64_MAX

typedef enum {
    XCCTL_REPLY_NONE,
    XCCTL_REPLY_RECEIVED,
    XCCTL_REPLY_INTERIM,
    XCCTL_REPLY_FINAL,
    XCCTL_REPLY_NO_DATA,
    XCCTL_REPLY_DECLINED,
    XCCTL_REPLY_UNKNOWN
} xcctl_reply_t;

/* What does not fit, in counts. */
typedef enum {
    XCCTL_REPLIES_ORPHANS,      /* replies whose request is in no file */
    XCCTL_REPLIES_ELSEWHERE,    /* submits in no file that results name */
    XCCTL_REPLIES_AGAIN,        /* final replies after the first */
    XCCTL_REPLIES_DIFFER,       /* submits whose final replies differ */
    XCCTL_REPLIES_BROKEN,       /* final, but not handed over whole */
    XCCTL_REPLIES_BACKWARDS,    /* dated before their submit */
    XCCTL_REPLIES_STRANGE,      /* outcomes with another id than the decision */
    XCCTL_REPLIES_TWICE,        /* records that were given before */
    XCCTL_REPLIES_FAULTS
} xcctl_replies_fault_t;

/* The slowest of something; texts as they stand in the records, escapes and
 * all, so that they fit into JSON. */
typedef struct {
    uint64_t  ms;
    char      record[XCCTL_REPLIES_TEXT];       /* node:seq */
    char      agency[XCCTL_REPLIES_TEXT];
    char      request_no[XCCTL_REPLIES_TEXT];
} xcctl_slow_t;

typedef struct {
    uint64_t      n;
    xcctl_slow_t  slow[XCCTL_REPLIES_SLOW];     /* the slowest first */
} xcctl_slowest_t;

/* An admitted request.  Names are the tallies' own. */
typedef struct {
    int64_t         time_us;    /* of its decision */
    int64_t         outcome_us;
    int64_t         interim_us, final_us;   /* the first; or ..._NEVER */
    uint64_t        seq, ms;
    const char     *node, *agency, *level, *operation;
    char           *request_no, *ref;       /* its own; NULL: none */
    char            id[33];
    xcctl_reply_t   reply;      /* of its own outcome */
    xcctl_reply_t   last;       /* of all: the first final one, else the one
                                   that says most */
    bool            decided, answered, named, reads, reached, failed, timed,
                    whole, differs;
} xcctl_request_t;

/* Of so many replies; 0 without any. */
typedef struct {
    size_t    n;
    uint64_t  p50_ms, p90_ms, max_ms;
} xcctl_times_t;

/* Submits of an agency, a level, or all: final.n + waiting + failed. */
typedef struct {
    const char     *name;
    uint64_t        submits;
    uint64_t        failed;     /* ended with an error and without a reply */
    uint64_t        waiting;    /* without a final reply */
    uint64_t        no_data, declined;          /* of the final ones */
    uint64_t        ages[XCCTL_REPLIES_AGES];   /* of the waiting ones */
    xcctl_times_t   interim, final;
} xcctl_reply_group_t;

typedef struct {
    xcctl_reply_group_t  *list;
    size_t                n;
} xcctl_reply_groups_t;

/* Zeroed, it is empty.  The members below `finish` are set by it. */
typedef struct {
    xcctl_tally_t          open;    /* by node:seq; n[0]: index in requests,
                                       from 1 */
    xcctl_request_t       *requests;
    size_t                 n_requests, room;
    size_t                 spare;   /* of those given back, from 1; linked by
                                       seq; 0: none */
    xcctl_tally_t          names;   /* of nodes, agencies, levels; operations,
                                       n[0]: their records with a reply */
    xcctl_tally_t          unknown; /* replies that are none */
    uint64_t               faults[XCCTL_REPLIES_FAULTS];
    xcctl_slowest_t        answers; /* by `ms` of their outcome */

    /* finish */

    int64_t                now_us;
    uint64_t               untracked;   /* requests of operations that no reply
                                           is known of */
    uint64_t               buckets[XCCTL_REPLIES_BUCKETS];  /* to final */
    xcctl_slowest_t        slowest;     /* to final */
    xcctl_reply_group_t    all;
    xcctl_reply_groups_t   levels;      /* the highest first */
    xcctl_reply_groups_t   agencies;    /* with most submits first */
    const xcctl_request_t *oldest[XCCTL_REPLIES_OLDEST];    /* that wait */
    size_t                 n_oldest;
} xcctl_replies_t;

/* What the buckets are called, for people and in JSON; ages have all but the
 * first.  Replies in words of XC-Reply, "-" for none. */
extern const char *const  xcctl_replies_buckets[XCCTL_REPLIES_BUCKETS];
extern const char *const  xcctl_replies_bucket_keys[XCCTL_REPLIES_BUCKETS];
extern const char *const  xcctl_replies_words[XCCTL_REPLY_UNKNOWN];

/* Of a scanned record; false: no memory. */
bool xcctl_replies_decision(xcctl_replies_t *r, const xcctl_record_t *record)
    XC_WUR;
bool xcctl_replies_outcome(xcctl_replies_t *r, const xcctl_record_t *record)
    XC_WUR;

/* After the last record; ages are those at now. */
bool xcctl_replies_finish(xcctl_replies_t *r, int64_t now_us) XC_WUR;

void xcctl_replies_free(xcctl_replies_t *r);

/* Enters a request among the slowest. */
void xcctl_replies_slow(xcctl_slowest_t *slowest, uint64_t ms,
    const xcctl_request_t *request);

/* From one moment to a later one; 0 where the clock went back. */
uint64_t xcctl_replies_ms(int64_t from_us, int64_t to_us);

#endif
