/*
 * How the policy's loader is put together; private to xc_policy_*.c.
 *
 * A loader of some part of the file takes the place it stands at and the JSON
 * node found there.  It collects faults and goes on, so that an operator sees
 * all of them at once; what fails for lack of memory is remembered in rc, and
 * everything after it may be garbage that xc_policy_load() throws away.
 */

#ifndef XC_POLICY_LOAD_H
#define XC_POLICY_LOAD_H

#include "xc_policy.h"

/* A place in the file, linked upwards; written out only for a fault. */
typedef struct xc_at_s xc_at_t;

struct xc_at_s {
    const xc_at_t  *up;             /* NULL: the file as a whole */
    xc_str_t        key;            /* data NULL: element i of an array */
    size_t          i;
};

#define XC_AT(up, literal)      (&(xc_at_t) { (up), XC_STR(literal), 0 })
#define XC_AT_KEY(up, key)      (&(xc_at_t) { (up), (key), 0 })
#define XC_AT_I(up, i)          (&(xc_at_t) { (up), XC_STR_NONE, (i) })

/* i of another file's whole; key is its name. */
#define XC_AT_FILE              SIZE_MAX

/* Levels of JSON in a policy, and in what it includes. */
#define XC_LOAD_DEPTH           32

#define XC_LOAD_FILE_MAX        4096        /* bytes of a file's name */

/* Where fields and subject types come from: the policy, then what it
 * includes. */
typedef struct {
    const xc_at_t    *root;         /* NULL: the policy itself */
    xc_at_t           at;           /* behind root */
    xc_str_t          file;
    const xc_json_t  *fields, *subject_types;       /* may be NULL */
    size_t            first_field, first_type;      /* in the policy's arrays */
} xc_load_dictionary_t;

typedef struct xc_load_behalf_s  xc_load_behalf_t;     /* xc_policy_behalf.c */

typedef struct {
    xc_arena_t               *arena;
    xc_arena_t               *scratch;      /* until the load ends */
    const xc_policy_files_t  *files;        /* NULL: none can be read */
    int64_t                   now_s;
    xc_policy_faults_t       *faults;
    xc_policy_t              *policy;
    xc_rc_t                   rc;           /* XC_OK until memory or a library
                                               fails; then it stays */
    xc_load_dictionary_t     *dictionaries;
    size_t                    n_dictionaries;
    xc_index_t                groups;       /* name → one of policy.groups */
    xc_index_t                grants;       /* id → xc_grant_t */
    xc_grant_t               *grant_list;   /* in the file's order */
    bool                     *grant_held;   /* likewise: by any agency? */
    xc_index_t                rates;        /* id → xc_rate_t */
    xc_rate_t                *rate_list;    /* in the file's order */
    xc_load_behalf_t         *behalf;       /* credentials of intermediaries */
    xc_load_behalf_t         *behalf_last;
    uint8_t                   material[XC_SHA256_SIZE];     /* a chain over the
                                               files that a credential names */
} xc_load_t;

#define XC_LOAD_BOOL        (1u << XC_JSON_BOOL)
#define XC_LOAD_INT         (1u << XC_JSON_INT)
#define XC_LOAD_STRING      (1u << XC_JSON_STRING)
#define XC_LOAD_ARRAY       (1u << XC_JSON_ARRAY)
#define XC_LOAD_OBJECT      (1u << XC_JSON_OBJECT)
#define XC_LOAD_TYPES       0x00ffu
#define XC_LOAD_REQUIRED    0x0100u

/* A member that an object may have: its name, and the types that it may be of
 * with the flags above. */
typedef struct {
    xc_str_t  name;
    unsigned  flags;
} xc_load_member_t;

#define XC_MEMBER(literal, flags)                                             \
    { { (literal), sizeof(literal) - 1 }, flags }

/* How texts of the policy are put into messages: quoted, at most 64 bytes. */
xc_str_t xc_load_quote(xc_load_t *load, xc_str_t text);

void xc_load_fault(xc_load_t *load, const xc_at_t *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void xc_load_warn(xc_load_t *load, const xc_at_t *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Remembers a failure that is not the file's. */
void xc_load_fail(xc_load_t *load, xc_rc_t rc);

/* n zeroed elements in the arena; NULL (remembered) where memory is short. */
void *xc_load_array(xc_load_t *load, size_t n, size_t size);

/* Room for max keys; and a key.  False: it stands already. */
void xc_load_index(xc_load_t *load, xc_index_t *index, size_t max);
bool xc_load_enter(xc_load_t *load, xc_index_t *index, xc_str_t key,
    const void *value);

/* Is node (NULL: no) of one of the types?  A fault where not. */
bool xc_load_is(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    unsigned types);

/*
 * Checks an object's members against the n that are known and sets values[]
 * to those that stand there with the right type, the others to NULL.  False:
 * not an object at all.
 */
bool xc_load_object(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_load_member_t *members, size_t n, const xc_json_t **values);

/* Text without controls, 1 to max bytes, copied into the arena; data NULL with
 * a node of NULL or a fault. */
xc_str_t xc_load_text(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, size_t max);

/* An id (xc_ascii_is_id), likewise; and one that is an object's key. */
xc_str_t xc_load_id(xc_load_t *load, const xc_at_t *at, const xc_json_t *node);
xc_str_t xc_load_key(xc_load_t *load, const xc_at_t *at, xc_str_t key);

/* why (may be empty) is said behind the bounds. */
uint64_t xc_load_int(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    uint64_t min, uint64_t max, uint64_t fallback, const char *why);

bool xc_load_bool(const xc_json_t *node, bool fallback);

/* The index of the word that node holds; n with a node of NULL or a fault. */
size_t xc_load_word(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_str_t *words, size_t n);

/* A level by its name; XC_LEVEL_COUNT with a node of NULL or a fault. */
xc_level_t xc_load_level(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* XC_MEMBER_COUNT: no such name. */
xc_member_t xc_load_member(xc_str_t name);

/* Compiles; NULL with a fault. */
const xc_pattern_t *xc_load_pattern(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* xc_policy_terms.c */
void xc_load_authorities(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);
void xc_load_signature(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);
void xc_load_limits(xc_load_t *load, const xc_at_t *at, const xc_json_t *node);

/* xc_policy_include.c: reads what is included; sets load->dictionaries. */
void xc_load_dictionaries(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *include, const xc_json_t *fields,
    const xc_json_t *subject_types);

/* xc_policy_dictionary.c: the fields and subject types of all dictionaries */
void xc_load_purposes(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);
void xc_load_fields(xc_load_t *load);
void xc_load_subject_types(xc_load_t *load);
void xc_load_patterns(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* xc_policy_input.c: body, query and pass of an operation; and, when all stand,
 * those of the checks that are like another (ids: id → xc_operation_t). */
void xc_load_input(xc_load_t *load, const xc_at_t *at, const xc_json_t *body,
    const xc_json_t *query, const xc_json_t *pass, xc_operation_t *operation);
void xc_load_likes(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_index_t *ids);

/* xc_policy_operation.c: after the subject types. */
void xc_load_operations(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* xc_policy_grant.c: grants after the fields; and those that an agency holds,
 * whose level is known or not. */
void xc_load_grants(xc_load_t *load, const xc_at_t *at, const xc_json_t *node);
void xc_load_agency_grants(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, bool level_known, xc_agency_t *agency);

/* xc_policy_agency.c: agencies after the grants and rates. */
void xc_load_rates(xc_load_t *load, const xc_at_t *at, const xc_json_t *node);
void xc_load_agencies(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* xc_policy_approval.c: after the agencies. */
void xc_load_approvals(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node);

/* xc_policy_credential.c: fills *credential, but for its agency. */
void xc_load_credential(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_credential_t *credential);

/* A file that the policy names; data NULL with a fault. */
xc_str_t xc_load_file(xc_load_t *load, const xc_at_t *at, xc_str_t path,
    bool secret);

/* What the types of credentials share.  Key material is given in place or as
 * {"file": path}; data NULL: a fault. */
xc_str_t xc_load_material(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, bool secret);

/* xc_policy_identity.c: the text of a file that the credential names (its
 * material starts as zeros); and, once it is loaded, its identity. */
void xc_load_material_seen(xc_load_t *load, xc_str_t text);
void xc_load_identity(xc_load_t *load, const xc_json_t *node,
    xc_credential_t *credential);
void xc_load_agency_identity(xc_load_t *load, xc_agency_t *agency);
void xc_load_approval_identity(xc_load_t *load, const xc_json_t *node,
    xc_approval_t *approval);

/* Of a key's constructor: a fault of the file, or of the machine. */
void xc_load_key_rc(xc_load_t *load, const xc_at_t *at, xc_rc_t rc,
    const char *error);

/* From not_before to not_after; warns of what ended, or soon will.  what:
 * "the credential", "the grant"; name: which. */
typedef struct {
    int64_t  not_before_s, not_after_s;
} xc_load_span_t;

xc_load_span_t xc_load_span(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *before, const xc_json_t *after, const char *what,
    xc_str_t name);

void xc_load_validity(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *before, const xc_json_t *after,
    xc_credential_t *credential);
void xc_load_sources(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential);

/* xc_policy_behalf.c: keeps the member on_behalf_of (NULL: none) until all
 * agencies stand; then reads those that were kept. */
void xc_load_behalf(xc_load_t *load, const xc_json_t *node,
    xc_credential_t *credential);
void xc_load_behalves(xc_load_t *load, const xc_at_t *at);

/* May any intermediary ask for that agency? */
bool xc_load_behalf_any(const xc_load_t *load, const xc_agency_t *agency);

/* A JWK set in a file: set, keys, key, members. */
#define XC_LOAD_JWKS_DEPTH  8

/* xc_policy_mtls.c, xc_policy_jwt.c: credentials of these types. */
void xc_load_mtls(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential);
void xc_load_jwt(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    xc_credential_t *credential);

/* xc_policy_expiry.c: after the agencies. */
void xc_load_expiry(xc_load_t *load);

/* xc_policy_odd.c: warns, when all has been loaded. */
void xc_load_odd(xc_load_t *load, const xc_json_t *root);

/* xc_policy_copy.c: sets policy->copy and its hash.  XC_ENOMEM, XC_EINTERNAL */
xc_rc_t xc_load_copy(xc_load_t *load, const xc_json_t *root, size_t text_len)
    XC_WUR;

#endif
