/*
 * Which member of the policy stands behind a decision.  Only told: the core has
 * decided before, and nothing here changes that.
 */

#ifndef XCCTL_RULE_H
#define XCCTL_RULE_H

#include "xcctl_policy.h"

#include "../core/xc_scope.h"

#define XCCTL_RULES_MAX     4

typedef struct {
    const xcctl_policy_t  *file;
    xc_arena_t            *arena;       /* of the answer */
    int64_t                at_s;
    const xc_agency_t     *agency;
    const xc_agency_t     *via;         /* NULL: none */
    const xc_operation_t  *operation;   /* NULL: not known, or not asked */
    xc_str_t               body;        /* data NULL: none */
    xc_str_t               authority;   /* asked at */
    xc_request_t           request;
    xc_verdict_t           verdict;
} xcctl_ask_t;

/* Paths as faults of the loader have them, "grants.standard.groups". */
typedef struct {
    xc_str_t  path[XCCTL_RULES_MAX];
    size_t    n;                        /* 0: the rule is no member */
} xcctl_rules_t;

xcctl_rules_t xcctl_rule_field(const xcctl_ask_t *ask,
    const xc_asked_t *asked);

/* Of a refusal. */
xcctl_rules_t xcctl_rule_verdict(const xcctl_ask_t *ask);

/* One of the grants that an agency holds. */
typedef struct {
    xc_str_t          name, authority_no;   /* data NULL: none */
    int64_t           not_after_s;          /* INT64_MAX: none */
    bool              sweep;
    const xc_json_t  *groups;
    size_t            index;                /* in the agency's grants */
} xcctl_held_t;

/* The i-th; false: there is none. */
bool xcctl_rule_held(const xcctl_policy_t *file, const xc_agency_t *agency,
    size_t i, xcctl_held_t *out);

/* Does it give the group? */
bool xcctl_rule_gives(const xcctl_policy_t *file, const xcctl_held_t *held,
    unsigned group);

/* A member of one of the policy's agencies, as the policy writes it. */
const xc_json_t *xcctl_rule_agency(const xcctl_policy_t *file,
    const xc_agency_t *agency, const char *name);

#endif
