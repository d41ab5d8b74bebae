/*
 * What is asked, and may this agency ask it: the closed request's members
 * (CONTRACT.md section 3) and the rules of DOMAIN.md rows 3 to 8.
 *
 * Reading (body or query → xc_request_t) knows the policy and the operation;
 * deciding knows the agency as well.  Both are pure.
 */

#ifndef XC_SCOPE_H
#define XC_SCOPE_H

#include "xc_buf.h"
#include "xc_policy.h"
#include "xc_reason.h"

typedef struct {
    xc_str_t           name;        /* as asked */
    const xc_field_t  *field;       /* NULL: unknown */
    xc_reason_t        refused;     /* by xc_scope_decide(); NONE: granted */
    xc_str_t           remedy_zh;   /* what to ask of whom; empty: as the reason
                                       says */
} xc_asked_t;

typedef struct {
    const xc_subject_type_t  *type;
    xc_str_t                  id;
} xc_subject_t;

typedef struct {
    bool      present;
    xc_str_t  from, to;             /* dates as given, both included */
} xc_window_t;

typedef struct {
    xc_str_t             request_no, purpose, case_no, legal_basis, category,
                         region, approval;      /* data NULL: absent */
    const xc_purpose_t  *purpose_rule;          /* NULL: not in the policy */
    xc_str_t             approval_token;        /* data NULL: absent */
    const xc_approval_t *approval_rule;         /* that `approval` or the token
                                                   names; NULL: none known.  Set
                                                   before xc_scope_decide(), by
                                                   xc_approval_resolve() */
    const xc_credential_t *approval_key;        /* that signed the token, with
                                                   this request or its submit;
                                                   NULL: the rule is the
                                                   policy's */
    const char          *token_fault, *token_fault_zh;  /* why the token does
                                                   not hold; NULL: it does, or
                                                   none came */
    bool                 approval_holds;        /* the rule, for this request:
                                                   by xc_scope_decide() */
    xc_str_t            *officers;              /* certificate numbers */
    size_t               n_officers;
    xc_asked_t          *fields;                /* duplicates folded */
    size_t               n_fields;
    bool                 fields_present;
    xc_subject_t        *subjects;              /* duplicates folded */
    size_t               n_subjects;
    xc_window_t          window;
    bool                 sweep;                 /* CONTRACT.md section 2's rule */
    bool                 whole;         /* all was read and holds, the purpose
                                           apart: where reading refuses for
                                           purpose-not-allowed, observe may
                                           go on only with this */
} xc_request_t;

/* A refusal: data, not an error. */
typedef struct {
    xc_reason_t  reason;            /* NONE: allowed */
    xc_str_t     detail, detail_zh; /* name the member, limit or value; in the
                                       arena or static */
} xc_verdict_t;

/*
 * Reads a body: strict JSON, an object, no twins, every member mapped or
 * passed, types and limits and patterns, subjects by type.  path_subject: what
 * the path captured, empty for none.
 *
 * XC_OK: out is whole (its fields may still be refused).  XC_DENIED: verdict
 * says why (body-invalid, request-invalid, field-list-missing,
 * purpose-not-allowed); out holds what was read until then, for the record.
 * XC_ENOMEM, XC_EINTERNAL.  Linear in body.len.
 */
xc_rc_t xc_scope_read_body(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation, xc_str_t body, xc_str_t path_subject,
    xc_request_t *out, xc_verdict_t *verdict) XC_WUR;

/*
 * Reads a query string (application/x-www-form-urlencoded names and values,
 * UTF-8 by %XX; "+" is refused as ambiguous).  A repeated, unmapped or
 * needlessly encoded name is request-invalid.  Only "fields" is
 * comma-separated.  The rest as above.
 */
xc_rc_t xc_scope_read_query(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_operation_t *operation, xc_str_t query, xc_str_t path_subject,
    xc_request_t *out, xc_verdict_t *verdict) XC_WUR;

/*
 * Decides: fields (each gets its own reason), approval, sweep, subjects.  All
 * faults are found; the verdict's reason is the one that stands first in
 * xc_reason.def, its detail names the others.  via (may be NULL): the
 * intermediary that asks for the agency; only what is granted to both is
 * granted, and only what both may sweep is swept.  now_s: for what ends.
 *
 * Fields of a sweep are judged by the sweep grants where agency and
 * intermediary have one; where not, the sweep is refused and every field with
 * it: each for what would be wrong with it if subjects were named, so that one
 * answer tells all that has to be mended, else as sweep-not-authorized.
 *
 * XC_OK with verdict NONE: allowed; XC_DENIED: refused; XC_ENOMEM.  Linear in
 * the fields asked, and in agency->n_grants.
 */
xc_rc_t xc_scope_decide(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_agency_t *agency, const xc_agency_t *via, int64_t now_s,
    xc_request_t *request, xc_verdict_t *verdict) XC_WUR;

/* Of the list below, octets in which entries have their remedy. */
#define XC_SCOPE_REMEDIES_MAX   16384

/*
 * The refused fields, behind prefix, as a JSON array of {"field", "reason",
 * "basis", "remedy_zh"}; entries that begin behind XC_SCOPE_REMEDIES_MAX are without
 * remedy_zh, which those before have told.  False, nothing written: none is
 * refused.
 */
bool xc_scope_write_refused(xc_buf_t *out, const char *prefix,
    const xc_request_t *request);

#endif
