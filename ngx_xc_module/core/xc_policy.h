/*
 * The policy (CONTRACT.md section 2): loaded, checked and indexed once, then
 * read only.  Everything lies in the arena given to xc_policy_load() and
 * borrows nothing from the file's text.  After load every reader takes a
 * const xc_policy_t * and all of them may read at the same time.
 */

#ifndef XC_POLICY_H
#define XC_POLICY_H

#include "xc_arena.h"
#include "xc_crypto.h"
#include "xc_index.h"
#include "xc_json.h"
#include "xc_pattern.h"

#define XC_POLICY_MAX_AGENCIES  16384   /* as many as the state file has places */
#define XC_POLICY_MAX_GROUPS    64      /* field groups: one bit each */
#define XC_POLICY_FIELD_MAX     64      /* bytes of a field's id */
#define XC_POLICY_FAULTS_MAX    64      /* as many are told at once */

typedef enum {
    XC_LEVEL_COUNTY,
    XC_LEVEL_CITY,
    XC_LEVEL_PROVINCE,
    XC_LEVEL_NATIONAL,
    XC_LEVEL_COUNT
} xc_level_t;

typedef struct {
    xc_str_t  id;                   /* "merchant.uscc" */
    xc_str_t  zh, en;
    unsigned  group;                /* index into xc_policy_t.groups */
    bool      standard;
} xc_field_t;

/* Members of a request that a policy can map, require or constrain; the names
 * of the "body" and "query" maps of an operation. */
typedef enum {
    XC_MEMBER_FIELDS,
    XC_MEMBER_REQUEST_NO,
    XC_MEMBER_PURPOSE,
    XC_MEMBER_CASE_NO,
    XC_MEMBER_LEGAL_BASIS,
    XC_MEMBER_OFFICERS,
    XC_MEMBER_SUBJECTS,
    XC_MEMBER_WINDOW,
    XC_MEMBER_CATEGORY,
    XC_MEMBER_REGION,
    XC_MEMBER_APPROVAL,
    XC_MEMBER_APPROVAL_TOKEN,
    XC_MEMBER_COUNT
} xc_member_t;

xc_str_t xc_member_name(xc_member_t member);

typedef struct {
    xc_str_t  id;
    bool      urgent;
    unsigned  requires;             /* bits 1 << XC_MEMBER_… */
} xc_purpose_t;

typedef struct {
    xc_str_t             id;
    bool                 check_uscc;    /* GB 32100 check character */
    const xc_pattern_t  *pattern;       /* NULL: any */
} xc_subject_type_t;

typedef enum {
    XC_OPERATION_SUBMIT,
    XC_OPERATION_QUERY,
    XC_OPERATION_RESULT,            /* of a submit: its ticket says what */
    XC_OPERATION_CHECK              /* decides as its `like` does, proxies
                                       nothing */
} xc_operation_kind_t;

typedef enum {
    XC_INPUT_NONE,
    XC_INPUT_BODY,                  /* map: JSON Pointers into the body */
    XC_INPUT_QUERY                  /* map: names in the query string */
} xc_input_t;

typedef struct xc_operation_s {
    xc_str_t                  id;
    xc_operation_kind_t       kind;
    xc_str_t                 *methods;          /* upper-case tokens */
    size_t                    n_methods;
    const xc_pattern_t       *path;
    xc_str_t                  path_source;      /* as the policy writes it */
    int                       capture_subject;  /* index of the named group
                                                   "subject", or -1 */
    const xc_subject_type_t  *subject_type;     /* of that capture; may be NULL */
    int                       capture_request;  /* of a result: "request" */
    xc_input_t                input;
    xc_str_t                  map[XC_MEMBER_COUNT];     /* data NULL: unmapped */
    xc_str_t                 *pass;             /* pointers or names forwarded
                                                   unread */
    size_t                    n_pass;
    const struct xc_operation_s  *like;         /* of a check: whose body it
                                                   has; NULL: a map of its own */
} xc_operation_t;

typedef struct {
    xc_str_t  id;
    uint64_t  groups;               /* bits 1 << index of group */
    unsigned  levels;               /* bits 1 << XC_LEVEL_… that may hold it */
    bool      sweep;                /* for sweeps (DOMAIN.md row 4), and only
                                       for them */
} xc_grant_t;

/* A grant as one agency holds it. */
typedef struct {
    const xc_grant_t  *grant;
    xc_str_t           authority_no;        /* SAMR's authorisation; empty: none */
    int64_t            not_after_s;         /* INT64_MAX: none */
} xc_agency_grant_t;

typedef struct {
    int64_t   interval_us;          /* between two requests at the full rate */
    uint64_t  burst;                /* as nginx's limit_req nodelay */
    uint64_t  requests;             /* as the policy says it: so many in */
    int64_t   per_s;                /* 1 or 60 seconds */
    int64_t   refusals_interval_us; /* the same for refusals after the nonce */
    uint64_t  refusals_burst;
    uint64_t  per_day;              /* units; 0: no quota */
    uint64_t  cost_subject;         /* units beyond the one of the request */
    uint64_t  cost_field;
} xc_rate_t;

#define XC_POLICY_PER_DAY_MAX   1000000000
#define XC_POLICY_COST_MAX      10000       /* units a subject or field */

typedef struct xc_agency_s xc_agency_t;

/* IPv4 lies in the last four octets of ::ffff:0:0/96. */
typedef struct {
    uint8_t   address[16];
} xc_address_t;

typedef struct {
    uint8_t   address[16];
    unsigned  bits;                 /* 0 to 128, counted in the mapped form */
} xc_cidr_t;

/* Schemes of xc_credentials. */
typedef enum {
    XC_SCHEME_HTTPSIG,
    XC_SCHEME_MTLS,
    XC_SCHEME_JWT,
    XC_SCHEME_COUNT
} xc_scheme_t;

xc_str_t xc_scheme_name(xc_scheme_t scheme);        /* "httpsig" */

/* What of a certificate names a credential. */
typedef enum {
    XC_CERT_SPKI_SHA256,                    /* its SubjectPublicKeyInfo */
    XC_CERT_SHA256,                         /* the whole of it */
    XC_CERT_SUBJECT,                        /* its name, under the operator's CA */
    XC_CERT_COUNT
} xc_cert_match_t;

/* For whom an intermediary may ask (DOMAIN.md row 2): agencies by name, or all
 * of one level whose region begins so. */
typedef struct {
    const xc_agency_t **agencies;           /* in the policy's order; NULL:
                                               level and prefix */
    size_t              n_agencies;
    xc_level_t          level;
    xc_str_t            region_prefix;      /* may be empty: everywhere */
} xc_behalf_t;

/* One key of an issuer's JWK set (RFC 7517). */
typedef struct {
    xc_str_t            kid;
    const xc_key_t     *key;
} xc_jwk_t;

#define XC_CREDENTIAL_IDENTITY  16      /* an agency's and an approval's,
                                           too */

typedef struct {
    xc_scheme_t         scheme;

    /* What names it, unique within its scheme (and match): the keyid; the
     * hash in lower-case hex, or the subject; the token's issuer. */
    xc_str_t            keyid;

    xc_alg_t            alg;                /* of httpsig and jwt */
    const xc_key_t     *key;                /* of httpsig */
    const xc_behalf_t  *behalf;             /* of httpsig; NULL: nobody */
    xc_cert_match_t     match;              /* of mtls */
    xc_str_t            aud;                /* of jwt */
    const xc_jwk_t     *jwks;
    size_t              n_jwks;
    bool                jti;                /* each token once */

    /* Of all that the policy says of it, key material included: an edit makes
     * it another one, so that a reload revokes the old. */
    uint8_t             identity[XC_CREDENTIAL_IDENTITY];

    int64_t             not_before_s;       /* INT64_MIN: none */
    int64_t             not_after_s;        /* INT64_MAX: none; that second is out */
    const xc_cidr_t    *sources;
    size_t              n_sources;          /* 0: from anywhere */
    const xc_agency_t  *agency;
} xc_credential_t;

struct xc_agency_s {
    xc_str_t                id, name, region, parent;
    xc_level_t              level;
    size_t                  index;          /* in xc_policy_t.agencies */
    uint64_t                groups;         /* of its grants without an end,
                                               sweeps apart */
    const xc_agency_grant_t *grants;        /* the others: with an end, or for
                                               sweeps */
    size_t                  n_grants;
    const xc_rate_t        *rate;
    const xc_credential_t  *credentials;
    size_t                  n_credentials;

    /* Of the policy, its id, and for whom it may be asked: a reload that drops
     * it, or changes these, revokes it for intermediaries too. */
    uint8_t                 identity[XC_CREDENTIAL_IDENTITY];
};

xc_str_t xc_level_name(xc_level_t level);           /* "county" */

/*
 * A province's consent to fields beyond the standard ones (DOMAIN.md row 8), from
 * the policy or from a token.  All that it names must match; at least one of
 * case_no, request_no and subjects is named.
 */
typedef struct {
    const xc_subject_type_t  *type;
    xc_str_t                  id;
} xc_approval_subject_t;

typedef struct {
    xc_str_t                 no;
    xc_str_t                 by;            /* an agency's id; it need not be
                                               listed */
    xc_str_t                 agency;        /* for whom, likewise */
    const xc_field_t       **fields;        /* sorted by address */
    size_t                   n_fields;
    xc_str_t                 case_no, request_no;   /* data NULL: not named */
    const xc_approval_subject_t *subjects;
    size_t                   n_subjects;    /* 0: not named */
    int64_t                  not_before_s, not_after_s;
    uint8_t                  identity[XC_CREDENTIAL_IDENTITY];  /* of one that
                                               the policy holds */
} xc_approval_t;

/*
 * The largest limits that a policy may set.  Together they keep the record of
 * an admitted request under 64 KiB: 256 fields of 64 bytes, 100 subjects of a
 * 64-byte type and a 64-digit HMAC, 32 officers' HMACs and seven strings of
 * which every byte may need an escape come to some 42 KiB, which leaves 22 for
 * the signature, what it covers, the URI and the rest.
 */
#define XC_POLICY_LIMIT_FIELDS          256
#define XC_POLICY_LIMIT_SUBJECTS        100
#define XC_POLICY_LIMIT_STRING          512     /* bytes of UTF-8 */
#define XC_POLICY_LIMIT_DEPTH           64
#define XC_POLICY_LIMIT_WINDOW_DAYS     3660
#define XC_POLICY_LIMIT_OFFICERS        32
#define XC_POLICY_LIMIT_RESULT_DAYS     3660

/* Of its signature's window, in seconds. */
#define XC_POLICY_AGE_MAX               3600
#define XC_POLICY_SKEW_MAX              300

#define XC_POLICY_POINTER_MAX           256     /* bytes of a mapped pointer */

typedef struct {
    uint64_t  fields, subjects, string, depth, window_days, officers;
    uint64_t  result_days;
} xc_limits_t;

typedef struct {
    xc_str_t  host;                 /* lower case, [] kept around IPv6 */
    unsigned  port;                 /* 0: any */
} xc_authority_t;

typedef struct {
    xc_str_t               id, version;
    bool                   tls_required;        /* "transport": "tls" */
    xc_authority_t        *authorities;
    size_t                 n_authorities;

    int64_t                max_age_s, max_skew_s;
    bool                   nonce_required;
    xc_str_t               tag;                 /* empty: none asked for */

    xc_limits_t            limits;
    const xc_pattern_t    *patterns[XC_MEMBER_COUNT];   /* NULL: none */

    xc_str_t              *groups;              /* names */
    size_t                 n_groups;
    xc_field_t            *fields;              /* in the file's order */
    size_t                 n_fields;
    xc_purpose_t          *purposes;
    size_t                 n_purposes;
    xc_subject_type_t     *subject_types;
    size_t                 n_subject_types;
    xc_operation_t        *operations;          /* first match decides */
    size_t                 n_operations;
    bool                   needs_token_key;     /* one is of the kind result */
    xc_agency_t           *agencies;
    size_t                 n_agencies;
    size_t                 n_credentials;
    const xc_credential_t **ending;             /* those with an end, by it */
    size_t                 n_ending;

    /* What a reviewer can keep: the same JSON in one line, files of public keys
     * taken in, secrets written "…"; and its hash, by which records name it. */
    xc_str_t               copy;
    uint8_t                copy_sha256[XC_SHA256_SIZE];

    xc_approval_t         *approvals;
    size_t                 n_approvals;

    xc_index_t             approval_index;      /* no → xc_approval_t */
    xc_index_t             field_index;         /* id → xc_field_t */
    xc_index_t             purpose_index;
    xc_index_t             subject_type_index;
    xc_index_t             agency_index;
    xc_index_t             keyid_index;         /* keyid → xc_credential_t */
    xc_index_t             cert_index[XC_CERT_COUNT];   /* likewise */
    xc_index_t             issuer_index;        /* iss → xc_credential_t */
} xc_policy_t;

/* Faults (the policy does not load) and warnings (it does). */
typedef struct {
    xc_str_t  path;                 /* "agencies[17].credentials[0].public_key";
                                       empty: the file as a whole */
    xc_str_t  message;              /* says what is wrong and what to write */
    bool      warning;
} xc_policy_fault_t;

typedef struct {
    xc_policy_fault_t  list[XC_POLICY_FAULTS_MAX];
    size_t             n;           /* stored */
    size_t             faults;      /* all, warnings apart; may exceed n */
    size_t             warnings;
} xc_policy_faults_t;

/*
 * How the policy reaches the files that it names ({"file": …}, include).
 * path: as written in the policy; the callee resolves it against the policy's
 * folder.  secret: refuse what others can read (mode & 0007).
 * XC_OK, XC_ENOMEM, or XC_EIO with *error (in the arena or static) saying why.
 */
typedef struct {
    xc_rc_t  (*read)(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
                     xc_str_t *content, const char **error);
    void      *ctx;
} xc_policy_files_t;

/*
 * XC_OK: *out is whole; faults may hold warnings.  XC_EINPUT: faults says
 * what, as many as are found.  XC_ENOMEM, XC_EINTERNAL.  now_s: for warnings
 * about what expires within 30 days.  Linear; keys are built here.
 */
xc_rc_t xc_policy_load(xc_arena_t *arena, xc_str_t text,
    const xc_policy_files_t *files, int64_t now_s, xc_policy_faults_t *faults,
    const xc_policy_t **out) XC_WUR;

/* O(1); NULL when absent. */
const xc_field_t *xc_policy_field(const xc_policy_t *policy, xc_str_t id);
const xc_purpose_t *xc_policy_purpose(const xc_policy_t *policy, xc_str_t id);
const xc_subject_type_t *xc_policy_subject_type(const xc_policy_t *policy,
    xc_str_t id);
const xc_agency_t *xc_policy_agency(const xc_policy_t *policy, xc_str_t id);
const xc_approval_t *xc_policy_approval(const xc_policy_t *policy, xc_str_t no);
const xc_credential_t *xc_policy_keyid(const xc_policy_t *policy,
    xc_str_t keyid);
const xc_credential_t *xc_policy_cert(const xc_policy_t *policy,
    xc_cert_match_t match, xc_str_t name);
const xc_credential_t *xc_policy_issuer(const xc_policy_t *policy,
    xc_str_t iss);

/*
 * The operation whose method and whole raw path match, first in the policy's
 * order.  captures is set to what the path's groups "subject" and "request"
 * hold, empty where it has none.  XC_OK; XC_DENIED: none; XC_ENOMEM,
 * XC_EINTERNAL.  Cost: a pattern match an operation of that method.
 */
typedef struct {
    xc_str_t  subject, request;
} xc_captures_t;

xc_rc_t xc_policy_operation(const xc_policy_t *policy, xc_str_t method,
    xc_str_t path, const xc_operation_t **out, xc_captures_t *captures) XC_WUR;

/* How many of policy->ending have ended by now; they come first.  O(log n). */
size_t xc_policy_ended(const xc_policy_t *policy, int64_t now_s);

/* Is address within one of the credential's sources?  True with none. */
bool xc_policy_source_ok(const xc_credential_t *credential,
    const xc_address_t *address);

/* May a request under the credential be made for that agency?  Never for its
 * own; of a list O(log n). */
bool xc_policy_behalf_ok(const xc_credential_t *credential,
    const xc_agency_t *agency);

/* Where in the list the agency stands, or would stand. */
size_t xc_behalf_at(const xc_behalf_t *behalf, const xc_agency_t *agency);

/* The unified social credit code (GB 32100): 18 characters, the last a check. */
bool xc_uscc_ok(xc_str_t code);

#endif
