/*
 * An approval token: the fuzzer may write header and claims, and the province's
 * key signs them; or it writes the whole token.
 *
 * The first octet says which, and who asks; of what is signed, 0x1e stands
 * between header and claims.
 */

#include "fuzz.h"
#include "xc_b64.h"
#include "xc_jws.h"


#define SEPARATOR   0x1e
#define TOKEN_MAX   (2 * XC_JWS_MAX)

enum {
    FLAG_WHOLE = 1,
    FLAG_OTHER = 2          /* asked by another agency than the token's */
};

/* The private half of SAMPLE_PUBLIC (RFC 9421 B.1.4). */
static const char  private_pem[] = "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n"
    "-----END PRIVATE KEY-----\n";


static const xc_key_t *
sealing_key(void)
{
    const char             *error;
    static xc_heap_t        heap;
    static const xc_key_t  *key;

    if (key == NULL) {
        xc_heap_init(&heap, 0);
        FUZZ_CHECK(xc_key_private(&heap.arena, XC_ALG_ED25519,
                                  XC_STR(private_pem), &error, &key) == XC_OK);
    }

    return key;
}


/* data NULL: over the longest token by far. */
static xc_str_t
sealed(char *mem, size_t n, xc_str_t text)
{
    size_t       len;
    uint8_t      sig[XC_SIGNATURE_MAX];
    xc_buf_t     out;
    xc_str_t     claims;
    const char  *end;

    end = text.len == 0 ? NULL : memchr(text.data, SEPARATOR, text.len);
    len = end == NULL ? text.len : (size_t) (end - text.data);
    claims = (xc_str_t) { text.data + len, text.len - len };

    if (end != NULL) {
        claims.data++;
        claims.len--;
    }

    xc_buf_init(&out, mem, n);
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) text.data, len);
    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) claims.data, claims.len);

    if (out.overflow) {
        return XC_STR_NONE;
    }

    FUZZ_CHECK(xc_key_sign(sealing_key(), xc_buf_view(&out), sig, &len)
               == XC_OK);
    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, sig, len);

    return out.overflow ? XC_STR_NONE : xc_buf_view(&out);
}


static void
check_held(const xc_policy_t *policy, const xc_agency_t *agency,
    const xc_request_t *request)
{
    size_t                i;
    const xc_approval_t  *rule = request->approval_rule;

    FUZZ_CHECK(request->approval_token.len <= XC_JWS_MAX);
    FUZZ_CHECK(xc_str_eq(request->approval_key->keyid, XC_STR("seal")));
    FUZZ_CHECK(xc_str_eq(rule->by, XC_STR("310000"))
               && xc_str_eq(rule->agency, agency->id)
               && rule->not_after_s > SAMPLE_NOW_S
               && rule->not_after_s
                  <= SAMPLE_NOW_S + policy->max_skew_s
                     + XC_APPROVAL_LIFETIME_MAX_S);
    FUZZ_CHECK(rule->case_no.len != 0 || rule->request_no.len != 0
               || rule->n_subjects != 0);
    fuzz_check_text(rule->no, (size_t) policy->limits.string);

    for (i = 1; i < rule->n_fields; i++) {
        FUZZ_CHECK(rule->fields[i - 1] < rule->fields[i]);
    }

    FUZZ_CHECK(rule->n_fields == 0
               || xc_approval_covers(rule, rule->fields[0]));
}


static void
try_token(xc_arena_t *arena, xc_str_t token, bool whole, bool other)
{
    xc_rc_t             rc;
    xc_request_t        request = { .approval_token = token };
    const xc_policy_t  *policy = fuzz_policy();
    const xc_agency_t  *agency = xc_policy_agency(policy, other
                                                  ? XC_STR("310000")
                                                  : XC_STR("310115"));
    xc_approval_in_t    in = { .arena = arena, .policy = policy,
                               .agency = agency,
                               .authority = XC_STR("platform.example"),
                               .now_s = SAMPLE_NOW_S };

    rc = xc_approval_resolve(&in, &request);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ENOMEM);

    if (rc == XC_ENOMEM) {
        return;
    }

    FUZZ_CHECK((request.token_fault == NULL)
               == (request.approval_rule != NULL));
    FUZZ_CHECK((request.token_fault == NULL)
               == (request.token_fault_zh == NULL));

    if (request.approval_rule == NULL) {
        FUZZ_CHECK(request.approval_key == NULL);
        return;
    }

    /* nobody who lacks the key can make one */
    FUZZ_CHECK(!whole);
    check_held(policy, agency, &request);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool       whole;
    char       mem[TOKEN_MAX];
    xc_str_t   text;
    xc_heap_t  heap;

    if (size == 0) {
        return 0;
    }

    (void) fuzz_policy();

    whole = (data[0] & FLAG_WHOLE) != 0;
    text = (xc_str_t) { (const char *) data + 1, size - 1 };

    if (!whole) {
        text = sealed(mem, sizeof(mem), text);
    }

    if (text.data == NULL) {
        return 0;
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);
    try_token(&heap.arena, text, whole, (data[0] & FLAG_OTHER) != 0);
    xc_heap_free(&heap);

    return 0;
}
