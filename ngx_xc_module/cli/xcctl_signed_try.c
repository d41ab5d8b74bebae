#define _GNU_SOURCE             /* memmem() */

#include "xcctl_signed_impl.h"

#include "../core/xc_buf.h"


static const xc_str_t  xcctl_signed_mask = { "{subject}", 9 };


xc_str_t
xcctl_signed_text(const xc_json_t *object, const char *key)
{
    const xc_json_t  *member = xc_json_member(object, xc_str_z(key));

    return member == NULL ? XC_STR_NONE : xc_json_string(member);
}


static void
xcctl_signed_header(xcctl_signed_try_t *try, const char *name,
    const char *member)
{
    xc_str_t  value = xcctl_signed_text(try->root, member);

    if (value.data != NULL) {
        try->headers[try->msg.n_headers++] = (xc_header_t) { xc_str_z(name),
                                                             value };
    }
}


/* The fields that the record holds: those with a member of their own, and what
 * it kept apart. */
static xc_rc_t
xcctl_signed_fields(xcctl_signed_try_t *try)
{
    size_t                 n = 0;
    const xc_json_t       *object;
    const xc_json_iter_t  *it, *first;

    try->msg.headers = try->headers;
    try->msg.n_headers = 0;
    xcctl_signed_header(try, "content-digest", "content_digest");
    xcctl_signed_header(try, "signature-input", "signature_input");
    xcctl_signed_header(try, "signature", "signature");

    object = xc_json_member(try->root, XC_STR("covered"));
    first = object == NULL ? NULL : xc_json_first(object);

    for (it = first; it != NULL; it = xc_json_next(object, it)) {
        n++;
    }

    try->covered = xc_arena_array(try->arena, n, sizeof(xc_covered_t));
    if (try->covered == NULL) {
        return XC_ENOMEM;
    }

    try->n_covered = 0;

    for (it = first; it != NULL; it = xc_json_next(object, it)) {
        try->covered[try->n_covered++] = (xc_covered_t) {
            xc_json_iter_key(it), xc_json_string(xc_json_iter_value(it))
        };
    }

    return XC_OK;
}


/* The query of a uri that the record had to cut. */
static const xc_covered_t *
xcctl_signed_query(const xcctl_signed_try_t *try)
{
    size_t  i;

    for (i = 0; i < try->n_covered; i++) {
        if (xc_str_eq(try->covered[i].component, XC_STR("@query"))) {
            return &try->covered[i];
        }
    }

    return NULL;
}


static xc_rc_t
xcctl_signed_join(xc_arena_t *arena, xc_str_t a, xc_str_t b, xc_str_t c,
    xc_str_t *out)
{
    void      *mem;
    xc_buf_t   joined;

    mem = xc_arena_alloc(arena, a.len + b.len + c.len);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&joined, mem, a.len + b.len + c.len);
    xc_buf_str(&joined, a);
    xc_buf_str(&joined, b);
    xc_buf_str(&joined, c);
    *out = xc_buf_view(&joined);

    return XC_OK;
}


/* The target with the query whole, also where the record had to cut the uri. */
static xc_rc_t
xcctl_signed_whole(const xcctl_signed_try_t *try, xc_str_t uri, xc_str_t *out)
{
    const char          *mark;
    const xc_covered_t  *query = xcctl_signed_query(try);

    if (query == NULL) {
        *out = uri;
        return XC_OK;
    }

    mark = uri.len == 0 ? NULL : memchr(uri.data, '?', uri.len);
    uri.len = mark == NULL ? uri.len : (size_t) (mark - uri.data);

    return xcctl_signed_join(try->arena, uri, query->value, XC_STR(""), out);
}


static int
xcctl_signed_fail(xcctl_signed_try_t *try, const char *why)
{
    try->why = why;

    return XCCTL_SIGNED_FAILED;
}


static xc_rc_t
xcctl_signed_parse(xcctl_signed_try_t *try, int *result)
{
    xc_rc_t   rc;
    xc_str_t  input, value;

    input = xcctl_signed_text(try->root, "signature_input");
    value = xcctl_signed_text(try->root, "signature");

    if (input.data == NULL || value.data == NULL) {
        *result = XCCTL_SIGNED_ABSENT;
        return XC_DENIED;
    }

    rc = xc_sfv_parse_dict(try->arena, input, &try->inputs);
    if (rc == XC_OK) {
        rc = xc_sfv_parse_dict(try->arena, value, &try->values);
    }

    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        *result = xcctl_signed_fail(try, "the signature is not written as "
                                    "RFC 9421 says");
        return XC_DENIED;
    }

    return rc;
}


static bool
xcctl_signed_complete(const xcctl_signed_try_t *try)
{
    size_t    i, n;
    xc_str_t  required[XC_SIGBASE_REQUIRED_MAX];

    n = xc_sigbase_required(&try->msg, required);

    for (i = 0; i < n; i++) {
        if (!xc_sigbase_covers(try->input, try->input->n_items, required[i])) {
            return false;
        }
    }

    return true;
}


static xc_rc_t
xcctl_signed_value(xcctl_signed_try_t *try, int *result)
{
    bool               symmetric = xc_alg_is_symmetric(try->credential->alg);
    xc_rc_t            rc;
    xc_str_t           base;
    xc_sigbase_from_t  from = { &try->msg, try->host, try->covered,
                                try->n_covered };

    if (!xcctl_signed_complete(try)) {
        *result = xcctl_signed_fail(try, "the signature does not cover what "
                                    "it has to");
        return XC_OK;
    }

    rc = xc_sig_base_from(try->arena, &from, try->input, &base, NULL);

    if (rc == XC_DENIED) {
        *result = XCCTL_SIGNED_COMPONENT;
        return XC_OK;
    }

    if (rc != XC_OK) {
        return rc;
    }

    rc = symmetric && try->redacted
         ? XC_OK : xc_key_verify(try->credential->key, base, try->value);

    if (rc == XC_DENIED) {
        *result = xcctl_signed_fail(try, "the signature does not verify");
        return XC_OK;
    }

    if (rc == XC_OK && !symmetric) {
        try->bases[try->n_bases++] = base;
    }

    *result = symmetric ? (int) XCCTL_SIGNED_SYMMETRIC
                        : (int) XCCTL_SIGNED_VERIFIED;

    return rc;
}


/* A target that no operation has is recorded as far as the policy names it. */
static bool
xcctl_signed_unread(xc_str_t uri)
{
    return memmem(uri.data, uri.len, "{unknown}", 9) != NULL
           || memmem(uri.data, uri.len, "{unread}", 8) != NULL;
}


/* With each subject in the masked place. */
static xc_rc_t
xcctl_signed_subjects(xcctl_signed_try_t *try, xc_str_t masked,
    const char *mask, int *result)
{
    int       with;
    size_t    i, before = (size_t) (mask - masked.data);
    xc_rc_t   rc;
    xc_str_t  target, head, tail;

    head = (xc_str_t) { masked.data, before };
    before += xcctl_signed_mask.len;
    tail = (xc_str_t) { masked.data + before, masked.len - before };

    *result = try->set->n_subjects == 0 ? XCCTL_SIGNED_MASKED
                                        : XCCTL_SIGNED_SUBJECT;

    for (i = 0; i < try->set->n_subjects; i++) {
        with = XCCTL_SIGNED_FAILED;

        rc = xcctl_signed_join(try->arena, head,
                               xc_str_z(try->set->subjects[i]), tail, &target);
        if (rc == XC_OK) {
            xc_msg_set_target(&try->msg, target);
            rc = xcctl_signed_value(try, &with);
        }

        if (rc != XC_OK || with != XCCTL_SIGNED_FAILED) {
            *result = with;
            return rc;
        }
    }

    return XC_OK;
}


/* As it stands first: the mask's text may be what was sent. */
static xc_rc_t
xcctl_signed_targets(xcctl_signed_try_t *try, int *result)
{
    xc_rc_t      rc;
    xc_str_t     uri, whole;
    const char  *mask;

    uri = xcctl_signed_text(try->root, "uri");
    try->msg.method = xcctl_signed_text(try->root, "method");
    try->host = xcctl_signed_text(try->root, "host");

    rc = xcctl_signed_whole(try, uri, &whole);
    if (rc != XC_OK) {
        return rc;
    }

    if (whole.len == 0 || uri.len == 0 || try->msg.method.len == 0
        || try->host.len == 0
        || (xcctl_signed_query(try) != NULL
            && memchr(uri.data, '?', uri.len) == NULL))
    {
        *result = XCCTL_SIGNED_ABSENT;
        return XC_OK;
    }

    xc_msg_set_target(&try->msg, whole);

    rc = xcctl_signed_value(try, result);
    if (rc != XC_OK || *result != XCCTL_SIGNED_FAILED) {
        return rc;
    }

    if (xcctl_signed_unread(uri)) {
        *result = XCCTL_SIGNED_ABSENT;
        return XC_OK;
    }

    /* not of the uri: of what was cut off it the query holds the rest */
    mask = memmem(whole.data, whole.len, xcctl_signed_mask.data,
                  xcctl_signed_mask.len);

    return mask == NULL ? XC_OK
           : xcctl_signed_subjects(try, whole, mask, result);
}


/*
 * The gate knows an agency that a signature asks for only with an intermediary
 * (xc_auth_behalf()), and an intermediary's signature names its agency.
 */
static const char *
xcctl_signed_asked(const xcctl_signed_try_t *try, xc_str_t agency, bool via)
{
    bool              named;
    const xc_json_t  *covered, *value;
    const xc_str_t    field = XC_STR("xc-on-behalf-of");

    covered = xc_json_member(try->root, XC_STR("covered"));
    value = covered == NULL ? NULL : xc_json_member(covered, field);
    named = xc_sigbase_covers(try->input, try->input->n_items, field);

    if (!via) {
        return named || value != NULL
               ? "the signature asks for another, and the record names no "
                 "intermediary" : NULL;
    }

    return named && value != NULL && xc_str_eq(xc_json_string(value), agency)
           ? NULL : "the signature does not cover the agency that is asked for";
}


/* Is the key the agency's or, where the record names an intermediary, that
 * one's, which may ask for the agency and did so? */
static const char *
xcctl_signed_whose(const xcctl_signed_try_t *try, const xc_policy_t *policy)
{
    bool                via;
    xc_str_t            agency = xcctl_signed_text(try->root, "agency"), owner;
    const char         *fault;
    const xc_agency_t  *acting;

    via = xc_json_member(try->root, XC_STR("via")) != NULL;
    owner = via ? xcctl_signed_text(try->root, "via") : agency;

    if (!xc_str_eq(try->credential->agency->id, owner)) {
        return "the key is another agency's in the policy";
    }

    fault = xcctl_signed_asked(try, agency, via);
    if (fault != NULL || !via) {
        return fault;
    }

    acting = xc_policy_agency(policy, agency);

    return acting != NULL && xc_policy_behalf_ok(try->credential, acting)
           ? NULL : "the key may not ask for this agency in the policy";
}


/* Did the gate look at the label?  Of another key or without the policy's tag
 * it is a proxy's, say. */
static bool
xcctl_signed_take(xcctl_signed_try_t *try, const xc_policy_t *policy,
    const xc_sfv_member_t *label)
{
    const xc_sfv_item_t  *bytes = xc_sfv_member(&try->values, label->key);
    const xc_sfv_bare_t  *keyid, *tag;

    keyid = xc_sfv_param(&label->item, XC_STR("keyid"));
    tag = xc_sfv_param(&label->item, XC_STR("tag"));

    if (label->item.bare.type != XC_SFV_INNER_LIST
        || keyid == NULL || keyid->type != XC_SFV_STRING
        || bytes == NULL || bytes->bare.type != XC_SFV_BYTES
        || (policy->tag.len != 0
            && (tag == NULL || tag->type != XC_SFV_STRING
                || !xc_str_eq(tag->text, policy->tag))))
    {
        return false;
    }

    try->credential = xc_policy_keyid(policy, keyid->text);
    try->input = &label->item;
    try->value = bytes->bare.text;

    return try->credential != NULL;
}


/* Of two signatures of one record: what fails or can't be proved tells; a MAC
 * takes nothing from another's proof. */
static int
xcctl_signed_both(int one, int other)
{
    size_t  i;

    static const int  order[] = {
        XCCTL_SIGNED_SYMMETRIC, XCCTL_SIGNED_VERIFIED, XCCTL_SIGNED_COMPONENT,
        XCCTL_SIGNED_SUBJECT, XCCTL_SIGNED_MASKED, XCCTL_SIGNED_ABSENT
    };

    for (i = 0; i < XC_COUNT(order); i++) {
        if (one == order[i]) {
            return other;
        }

        if (other == order[i]) {
            return one;
        }
    }

    return XCCTL_SIGNED_FAILED;
}


static xc_rc_t
xcctl_signed_labels(xcctl_signed_try_t *try, const xc_policy_t *policy,
    int *result)
{
    int          one, all = XCCTL_SIGNED_SYMMETRIC;
    bool         named = false;
    size_t       i;
    xc_rc_t      rc;
    const char  *fault;

    try->n_bases = 0;
    try->bases = xc_arena_array(try->arena, try->inputs.n, sizeof(xc_str_t));
    if (try->bases == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < try->inputs.n; i++) {
        if (!xcctl_signed_take(try, policy, &try->inputs.members[i])) {
            continue;
        }

        fault = xcctl_signed_whose(try, policy);
        if (fault != NULL) {
            *result = xcctl_signed_fail(try, fault);
            return XC_OK;
        }

        rc = xcctl_signed_targets(try, &one);
        if (rc != XC_OK) {
            return rc;
        }

        named = named || xc_str_eq(try->credential->keyid, try->keyid);
        all = xcctl_signed_both(all, one);
    }

    *result = named ? all
              : xcctl_signed_fail(try, "no signature by the key that the "
                                  "record names");

    return XC_OK;
}


/* What a body needs covered is only asked where the policy says that there was
 * one: a record does not tell an empty body's digest from another's. */
static bool
xcctl_signed_has_body(const xcctl_signed_try_t *try,
    const xc_policy_t *policy)
{
    size_t    i;
    xc_str_t  operation = xcctl_signed_text(try->root, "operation");

    if (xc_str_eq(xcctl_signed_text(try->root, "reason"),
                  XC_STR("body-missing")))
    {
        return false;
    }

    for (i = 0; i < policy->n_operations; i++) {
        if (xc_str_eq(policy->operations[i].id, operation)) {
            return policy->operations[i].input == XC_INPUT_BODY;
        }
    }

    return false;
}


xc_rc_t
xcctl_signed_one(xcctl_signed_try_t *try, const xc_policy_t *policy,
    int *result)
{
    xc_rc_t  rc;

    if (xc_policy_keyid(policy, try->keyid) == NULL) {
        *result = XCCTL_SIGNED_UNKNOWN;
        return XC_OK;
    }

    rc = xcctl_signed_parse(try, result);
    if (rc != XC_OK) {
        return rc == XC_DENIED ? XC_OK : rc;
    }

    rc = xcctl_signed_fields(try);
    if (rc != XC_OK) {
        return rc;
    }

    try->msg.body = xcctl_signed_has_body(try, policy);

    return xcctl_signed_labels(try, policy, result);
}
