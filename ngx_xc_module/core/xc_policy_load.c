#include "xc_policy_load.h"


/*
 * The JSON tree is several times the file and is not needed behind the load,
 * so what it registers with the arena is run at the end of the load already.
 * Secrets stand in it: what was taken is wiped then.
 */

typedef struct xc_scratch_block_s xc_scratch_block_t;

struct xc_scratch_block_s {
    xc_scratch_block_t  *next;
    size_t               size;
    uint64_t             data[];        /* aligned as what the parent gives */
};

typedef struct xc_scratch_defer_s xc_scratch_defer_t;

struct xc_scratch_defer_s {
    xc_scratch_defer_t  *next;
    void               (*fn)(void *data);
    void                *data;
};

typedef struct {
    xc_arena_t           arena;
    xc_arena_t          *parent;
    xc_scratch_block_t  *blocks;
    xc_scratch_defer_t  *defers;
} xc_scratch_t;


static void *
xc_scratch_alloc(void *ctx, size_t size)
{
    xc_scratch_t        *scratch = ctx;
    xc_scratch_block_t  *block;

    if (size > SIZE_MAX - sizeof(xc_scratch_block_t)) {
        return NULL;
    }

    block = xc_arena_alloc(scratch->parent, sizeof(xc_scratch_block_t) + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = scratch->blocks;
    block->size = size;
    scratch->blocks = block;

    return block->data;
}


static int
xc_scratch_defer(void *ctx, void (*fn)(void *data), void *data)
{
    xc_scratch_t        *scratch = ctx;
    xc_scratch_defer_t  *defer;

    defer = xc_arena_alloc(scratch->parent, sizeof(xc_scratch_defer_t));
    if (defer == NULL) {
        return -1;
    }

    *defer = (xc_scratch_defer_t) { scratch->defers, fn, data };
    scratch->defers = defer;

    return 0;
}


static void
xc_scratch_init(xc_scratch_t *scratch, xc_arena_t *parent)
{
    *scratch = (xc_scratch_t) {
        .arena = { xc_scratch_alloc, xc_scratch_defer, scratch, 0, 0 },
        .parent = parent
    };
}


static void
xc_scratch_free(xc_scratch_t *scratch)
{
    for ( /* void */ ; scratch->defers != NULL;
         scratch->defers = scratch->defers->next)
    {
        scratch->defers->fn(scratch->defers->data);
    }

    for ( /* void */ ; scratch->blocks != NULL;
         scratch->blocks = scratch->blocks->next)
    {
        explicit_bzero(scratch->blocks->data, scratch->blocks->size);
    }
}


enum {
    XC_TOP_POLICY,
    XC_TOP_VERSION,
    XC_TOP_TRANSPORT,
    XC_TOP_AUTHORITIES,
    XC_TOP_SIGNATURE,
    XC_TOP_LIMITS,
    XC_TOP_PURPOSES,
    XC_TOP_FIELDS,
    XC_TOP_SUBJECT_TYPES,
    XC_TOP_OPERATIONS,
    XC_TOP_PATTERNS,
    XC_TOP_GRANTS,
    XC_TOP_RATES,
    XC_TOP_AGENCIES,
    XC_TOP_INCLUDE,
    XC_TOP_APPROVALS,
    XC_TOP_COUNT
};


static void
xc_load_transport(xc_load_t *load, const xc_json_t *node)
{
    static const xc_str_t  words[] = { { "tls", 3 }, { "any", 3 } };

    load->policy->tls_required = xc_load_word(load, XC_AT(NULL, "transport"),
                                              node, words, 2) != 1;
}


/* In the order in which one part refers to another. */
static void
xc_load_top(xc_load_t *load, const xc_json_t *root)
{
    const xc_json_t  *v[XC_TOP_COUNT];

    static const xc_load_member_t  members[XC_TOP_COUNT] = {
        XC_MEMBER("policy", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("version", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("transport", XC_LOAD_STRING),
        XC_MEMBER("authorities", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("signature", XC_LOAD_OBJECT),
        XC_MEMBER("limits", XC_LOAD_OBJECT),
        XC_MEMBER("purposes", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("fields", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("subject_types", XC_LOAD_OBJECT),
        XC_MEMBER("operations", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("patterns", XC_LOAD_OBJECT),
        XC_MEMBER("grants", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("rates", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("agencies", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("include", XC_LOAD_ARRAY),
        XC_MEMBER("approvals", XC_LOAD_ARRAY)
    };

    if (!xc_load_object(load, NULL, root, members, XC_TOP_COUNT, v)) {
        return;
    }

    load->policy->id = xc_load_id(load, XC_AT(NULL, "policy"),
                                  v[XC_TOP_POLICY]);
    load->policy->version = xc_load_id(load, XC_AT(NULL, "version"),
                                       v[XC_TOP_VERSION]);
    xc_load_transport(load, v[XC_TOP_TRANSPORT]);
    xc_load_authorities(load, XC_AT(NULL, "authorities"),
                        v[XC_TOP_AUTHORITIES]);
    xc_load_signature(load, XC_AT(NULL, "signature"), v[XC_TOP_SIGNATURE]);
    xc_load_limits(load, XC_AT(NULL, "limits"), v[XC_TOP_LIMITS]);
    xc_load_purposes(load, XC_AT(NULL, "purposes"), v[XC_TOP_PURPOSES]);
    xc_load_dictionaries(load, XC_AT(NULL, "include"), v[XC_TOP_INCLUDE],
                         v[XC_TOP_FIELDS], v[XC_TOP_SUBJECT_TYPES]);
    xc_load_fields(load);
    xc_load_subject_types(load);
    xc_load_operations(load, XC_AT(NULL, "operations"), v[XC_TOP_OPERATIONS]);
    xc_load_patterns(load, XC_AT(NULL, "patterns"), v[XC_TOP_PATTERNS]);
    xc_load_grants(load, XC_AT(NULL, "grants"), v[XC_TOP_GRANTS]);
    xc_load_rates(load, XC_AT(NULL, "rates"), v[XC_TOP_RATES]);
    xc_load_agencies(load, XC_AT(NULL, "agencies"), v[XC_TOP_AGENCIES]);
    xc_load_approvals(load, XC_AT(NULL, "approvals"), v[XC_TOP_APPROVALS]);
    xc_load_expiry(load);
    xc_load_odd(load, root);
}


static xc_rc_t
xc_load_text_whole(xc_load_t *load, xc_str_t text)
{
    xc_rc_t           rc;
    xc_json_error_t   error = { 0, 0, "" };
    const xc_json_t  *root;

    rc = xc_json_parse(load->scratch, text, XC_LOAD_DEPTH, &error, &root);

    if (rc == XC_OK) {
        xc_load_top(load, root);

    } else if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(load, NULL, "not strict JSON: line %u, column %u: %s",
                      error.line, error.column, error.message);

    } else {
        xc_load_fail(load, rc);
    }

    if (load->rc != XC_OK) {
        return load->rc;
    }

    return load->faults->faults == 0 ? xc_load_copy(load, root, text.len)
                                     : XC_EINPUT;
}


xc_rc_t
xc_policy_load(xc_arena_t *arena, xc_str_t text,
    const xc_policy_files_t *files, int64_t now_s, xc_policy_faults_t *faults,
    const xc_policy_t **out)
{
    xc_rc_t       rc;
    xc_load_t     load = { .arena = arena, .files = files, .now_s = now_s,
                           .faults = faults, .rc = XC_OK };
    xc_scratch_t  scratch;

    *faults = (xc_policy_faults_t) { .n = 0 };

    load.policy = xc_load_array(&load, 1, sizeof(xc_policy_t));
    if (load.policy == NULL) {
        return XC_ENOMEM;
    }

    xc_scratch_init(&scratch, arena);
    load.scratch = &scratch.arena;
    rc = xc_load_text_whole(&load, text);
    xc_scratch_free(&scratch);

    if (rc == XC_OK) {
        *out = load.policy;
    }

    return rc;
}
