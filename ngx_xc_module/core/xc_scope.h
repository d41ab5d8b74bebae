/*
 * What is asked, and may this agency ask it: the closed request's members
 * (CONTRACT.md section 3) and the rules of DOMAIN.md rows 3 to 8.
 *
 * Reading (body or query → xc_request_t) knows the policy and the operation;
 * deciding knows the agency as well.  Both are pure.
 */

#ifndef XC_SCOPE_H
#define XC_SCOPE_H

#include "xc_policy.h"
#include "xc_reason.h"

typedef struct {
    xc_str_t           name;        /* as asked */
    const xc_field_t  *field;       /* NULL: unknown */
    xc_reason_t        refused;     /* by xc_scope_decide(); NONE: granted */
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
 * xc_reason.def.  via (may be NULL): the intermediary that asks for the agency;
 * only what is granted to both is granted.  XC_OK with verdict NONE: allowed;
 * XC_DENIED: refused; XC_ENOMEM.
 */
xc_rc_t xc_scope_decide(xc_arena_t *arena, const xc_policy_t *policy,
    const xc_agency_t *agency, const xc_agency_t *via, xc_request_t *request,
    xc_verdict_t *verdict) XC_WUR;

#endif
