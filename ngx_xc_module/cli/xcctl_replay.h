/*
 * policy replay: recorded decisions decided again under another policy.  What
 * the record holds is decided by the gate's own functions; what it does not
 * hold is told, never guessed.
 */

#ifndef XCCTL_REPLAY_H
#define XCCTL_REPLAY_H

#include "xcctl_record.h"
#include "xcctl_rule.h"
#include "xcctl_tally.h"

#define XCCTL_REPLAY_EXAMPLES   10      /* of each change */
#define XCCTL_REPLAY_TEXT       320

typedef enum {
    XCCTL_REPLAY_DENIES,                /* allowed then, refused now */
    XCCTL_REPLAY_ALLOWS,
    XCCTL_REPLAY_OTHERWISE,             /* refused, for another reason or other
                                           fields */
    XCCTL_REPLAY_CHANGES,
    XCCTL_REPLAY_SAME = XCCTL_REPLAY_CHANGES,
    XCCTL_REPLAY_UNKNOWN
} xcctl_change_t;

/* The policy as replay uses it. */
typedef struct {
    xcctl_policy_t   file;
    xc_policy_t      lenient;           /* takes any subject's id */
    xcctl_policy_t   lenient_file;      /* file with that */
    xcctl_tally_t    numbered;          /* approvals that did not come as a
                                           token, by the records that results
                                           name: xcctl_replay_numbered() */
} xcctl_replay_policy_t;

/* One decision, then and now. */
typedef struct {
    const xc_json_t  *root;             /* the record */
    xc_str_t          agency, operation, reason;    /* as recorded; data NULL:
                                                       not there */
    bool              allowed;
    xcctl_ask_t       ask;              /* now: request and verdict */
    bool              numbered;         /* its approval, if it names one, is
                                           known not to have been a token */
    xcctl_change_t    change;
    xc_str_t          unknown;          /* why it can't be told */
    bool              subjects;         /* it names some, whose ids can't be
                                           checked */
} xcctl_replayed_t;

/* What the record of a decision says of a field; NONE: not refused. */
xc_str_t xcctl_replayed_field(const xcctl_replayed_t *one, xc_str_t field);

/* What is refused now of that name; data NULL: nothing. */
xc_str_t xcctl_replayed_now(const xcctl_replayed_t *one, xc_str_t field);

bool xcctl_replay_open(xcctl_replay_policy_t *policy, const char *path) XC_WUR;
void xcctl_replay_close(xcctl_replay_policy_t *policy);

/* Keeps of a decision what that of a result may come to need; XC_ENOMEM. */
xc_rc_t xcctl_replay_numbered(xcctl_replay_policy_t *policy,
    const xcctl_record_t *record, const xcctl_replayed_t *one) XC_WUR;

/* XC_EINPUT: the line is no JSON; XC_ENOMEM, XC_EINTERNAL. */
xc_rc_t xcctl_replay_decide(const xcctl_replay_policy_t *policy,
    xc_arena_t *arena, xc_str_t line, int64_t at_s, xcctl_replayed_t *out)
    XC_WUR;

/* The first of a change, as text. */
typedef struct {
    uint64_t        seq;
    char            node[65], time[32], agency[65], operation[65];
    char            was[65], now[65];
    char            fields[XCCTL_REPLAY_TEXT];  /* that differ */
} xcctl_replay_example_t;

/* Counters by change, as xcctl_change_t has them. */
typedef struct {
    uint64_t        records, decisions, allowed, refused, unknown, subjects;
    uint64_t        changed[XCCTL_REPLAY_CHANGES];
    uint64_t        unreadable;         /* lines */
    xcctl_tally_t   agencies, operations, reasons, fields, policies, why;
    xcctl_replay_example_t  examples[XCCTL_REPLAY_CHANGES]
                                    [XCCTL_REPLAY_EXAMPLES];
} xcctl_replay_t;

/* Counts one; XC_ENOMEM. */
xc_rc_t xcctl_replay_count(xcctl_replay_t *replay,
    const xcctl_record_t *record, const xcctl_replayed_t *one) XC_WUR;

/* xcctl_replay_out.c */
void xcctl_replay_text(const xcctl_replay_t *replay,
    const xcctl_policy_t *file);
void xcctl_replay_json(const xcctl_replay_t *replay,
    const xcctl_policy_t *file);

#endif
