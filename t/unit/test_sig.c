/* Message signatures against a policy: each reason for refusal, and what
 * passes.  The requests are signed here. */

#include "xt_sig.h"

#include <stdio.h>


static bool
holds(xc_str_t text, const char *part)
{
    size_t  i, n = strlen(part);

    for (i = 0; i + n <= text.len; i++) {
        if (memcmp(text.data + i, part, n) == 0) {
            return true;
        }
    }

    return false;
}


#define PASS      .reason = XC_REASON_NONE
#define INVALID   .reason = XC_REASON_SIGNATURE_INVALID
#define PARTIAL   .reason = XC_REASON_SIGNATURE_INCOMPLETE
#define STALE     .reason = XC_REASON_SIGNATURE_STALE
#define UNKNOWN   .reason = XC_REASON_CREDENTIAL_UNKNOWN
#define CONFLICT  .reason = XC_REASON_CREDENTIAL_CONFLICT

static const sig_case_t  cases[] = {
    { "ed25519", "sig=" GOOD, PASS },
    { "hmac-sha256", "sig=" GOOD_A2, PASS },
    { "another order, more components",
      "s=(\"x-note\" \"@path\" \"@target-uri\" \"@authority\" \"@method\")"
      ";nonce=\"n1\";keyid=\"a1\";created=1800000000", PASS },
    { "the same algorithm", "sig=" GOOD ";alg=\"ed25519\"", PASS },
    { "a parameter of no meaning here", "sig=" GOOD ";context=?1;z=1.5",
      PASS },
    { "expires now", "sig=" GOOD ";expires=1800000000", PASS },
    { "as old as allowed",
      "sig=" SIGNED ";created=1799999700;keyid=\"a1\";nonce=\"n\"", PASS },
    { "as new as allowed",
      "sig=" SIGNED ";created=1800000030;keyid=\"a1\";nonce=\"n\"", PASS },
    { "a nonce of 128 bytes", "sig=" SIGNED BASIC ";nonce=\"" X128 "\"",
      PASS },
    { "no nonce where none is asked for", "sig=" SIGNED BASIC, PASS,
      .nonce_optional = true },
    { "a query", "sig=(\"@query\" \"@method\" \"@authority\" \"@path\")" BASIC
      ";nonce=\"n\"", PASS, .target = "/xc/v1?a=1" },
    { "a body", "sig=(\"content-type\" \"@method\" \"@authority\" \"@path\""
      " \"content-digest\")" BASIC ";nonce=\"n\"", PASS, .body = true },
    { "beside a proxy's", "p=" PROXY ", sig=" GOOD, PASS },
    { "beside three of proxies", "p=" PROXY ", sig=" GOOD ", q=" PROXY
      ", r=" PROXY, PASS },
    { "with the tag", "sig=" GOOD ";tag=\"xc\"", PASS, .tag = "xc" },
    { "beside another tag's, keyid or none",
      "p=" GOOD_B1 ";tag=\"no\", q=();tag=\"x\", sig=" GOOD ";tag=\"xc\"",
      PASS, .tag = "xc" },
    { "any tag where none is asked for", "sig=" GOOD ";tag=\"xc\"", PASS },

    { "the method changed", "sig=" GOOD, INVALID, "does not verify",
      .changed = "GET" },
    { "no signature at all", "sig=" GOOD, INVALID, "does not verify",
      .signature = "sig=::" },
    { "another algorithm's length", "sig=" GOOD, INVALID, "does not verify",
      .signature = "sig=" ZERO },
    { "a MAC of zeros", "sig=" GOOD_A2, INVALID, "does not verify",
      .signature = "sig=" ZERO },

    { "a broken Signature-Input", "sig=(", INVALID, "Signature-Input is not" },
    { "an empty Signature-Input", "", INVALID, "Signature-Input is empty",
      .signature = "sig=" ZERO },
    { "a broken Signature", "sig=" GOOD, INVALID, "Signature is not",
      .signature = "sig=:A:" },
    { "a Signature with rubbish behind", "sig=" GOOD, INVALID,
      "Signature is not", .signature = "sig=" ZERO " x" },
    { "an empty Signature", "sig=" GOOD, INVALID, "Signature is empty",
      .signature = "" },
    { "no Signature-Input", NULL, INVALID, "Signature-Input is missing",
      .signature = "sig=" ZERO },
    { "a label twice", "sig=" GOOD ", sig=" GOOD, INVALID, "label twice" },
    { "a label twice in Signature", "sig=" GOOD, INVALID, "label twice",
      .signature = "sig=" ZERO ", sig=" ZERO },
    { "no label in common", "sig=" GOOD, INVALID, "same labels",
      .signature = "sag=" ZERO },
    { "a label too many", "sig=" GOOD, INVALID, "same labels",
      .signature = "sig=" ZERO ", p=" ZERO },
    { "a label too few", "sig=" GOOD ", p=" PROXY, INVALID, "same labels",
      .signature = "sig=" ZERO },
    { "a Signature that is a string", "sig=" GOOD, INVALID, "same labels",
      .signature = "sig=\"AAAA\"" },
    { "a Signature with a parameter", "sig=" GOOD, INVALID, "same labels",
      .signature = "sig=" ZERO ";a" },
    { "no inner list", "sig=\"@method\"" BASIC, INVALID, "same labels" },
    { "five labels", "a=" PROXY ", b=" PROXY ", c=" PROXY ", d=" PROXY
      ", sig=" GOOD, INVALID, "over 4 labels" },

    { "no keyid", "sig=" SIGNED ";created=1800000000;nonce=\"n\"", PARTIAL,
      "keyid" },
    { "no keyid in another label", "sig=" GOOD ", p=();created=1", PASS },
    { "no keyid beside an unknown one", "sig=" PROXY ", p=();created=1",
      PARTIAL, "keyid" },
    { "a keyid that is a token", "sig=" SIGNED ";created=1800000000"
      ";keyid=a1;nonce=\"n\"", INVALID, "keyid" },
    { "an unknown keyid", "sig=" PROXY, UNKNOWN,
      "\"proxy\"" },
    { "an empty keyid", "sig=" SIGNED ";created=1800000000;keyid=\"\"",
      UNKNOWN },
    { "a keyid in another case", "sig=" SIGNED ";created=1;keyid=\"A1\"",
      UNKNOWN },
    { "two agencies", "sig=" GOOD ", b=" GOOD_B1,
      CONFLICT },
    { "two agencies, before anything is verified",
      "sig=" GOOD ", b=" GOOD_B1, CONFLICT,
      .signature = "sig=" ZERO ", b=" ZERO },
    { "another agency's behind a proxy's and another tag's",
      "p=" PROXY ", q=" GOOD_B1 ";tag=\"no\", sig=" GOOD ";tag=\"xc\"", PASS,
      .tag = "xc" },
    { "two signatures of one agency", "sig=" GOOD ", b=" GOOD_A2, PASS },
    { "two signatures of one key", "sig=" GOOD ", b=" SIGNED BASIC
      ";nonce=\"n9\"", PASS },
    { "two signatures of one key and one nonce", "sig=" GOOD ", b=" SIGNED
      BASIC ";nonce=\"n1\";z", INVALID, "same nonce" },
    { "the same signature twice", "sig=" GOOD ", b=" GOOD, INVALID,
      "same nonce" },
    { "the same signature twice without a nonce", "sig=" SIGNED BASIC ", b="
      SIGNED BASIC, INVALID, "same nonce", .nonce_optional = true },
    { "two signatures of one key without a nonce", "sig=" SIGNED BASIC ", b="
      SIGNED BASIC ";z", PASS, .nonce_optional = true },
    { "one of two does not verify", "sig=" GOOD_A2 ", b=" GOOD, INVALID,
      "does not verify", .changed = "GET" },
    { "one of two is stale, the other no signature at all",
      "sig=" GOOD ", b=" SIGNED ";created=5;keyid=\"a2\";nonce=\"n\"", STALE,
      .signature = "sig=" ZERO ", b=" ZERO },
    { "one of two covers too little", "sig=" GOOD ", b=(\"@method\")"
      ";created=1800000000;keyid=\"a2\";nonce=\"n\"", PARTIAL,
      "not covered: @authority @path" },
    { "one of two expired", "sig=" GOOD ", b=" GOOD_A2 ";expires=1", STALE },

    { "no tag", "sig=" GOOD, PARTIAL, "tag", .tag = "xc" },
    { "another tag", "sig=" GOOD ";tag=\"xcx\"", PARTIAL, "tag",
      .tag = "xc" },
    { "a tag that is a token", "sig=" GOOD ";tag=xc", PARTIAL, "tag",
      .tag = "xc" },
    { "the tag on a stranger's", "sig=" GOOD ", p=" PROXY ";tag=\"xc\"",
      UNKNOWN, .tag = "xc" },

    { "no created", "sig=" SIGNED ";keyid=\"a1\";nonce=\"n\"", PARTIAL,
      "created" },
    { "created as a string", "sig=" SIGNED ";created=\"1800000000\""
      ";keyid=\"a1\";nonce=\"n\"", INVALID, "created" },
    { "created as a decimal", "sig=" SIGNED ";created=1800000000.0"
      ";keyid=\"a1\";nonce=\"n\"", INVALID, "created" },
    { "no nonce", "sig=" SIGNED BASIC, PARTIAL, "nonce is missing" },
    { "an empty nonce", "sig=" SIGNED BASIC ";nonce=\"\"", PARTIAL, "nonce" },
    { "a nonce as bytes", "sig=" SIGNED BASIC ";nonce=:AAAA:", INVALID,
      "nonce" },
    { "a nonce of 129 bytes", "sig=" SIGNED BASIC ";nonce=\"" X128 "x\"",
      INVALID, "128" },
    { "an optional nonce of 129 bytes",
      "sig=" SIGNED BASIC ";nonce=\"" X128 "x\"", INVALID, "128",
      .nonce_optional = true },
    { "another algorithm", "sig=" GOOD ";alg=\"hmac-sha256\"", INVALID,
      "alg" },
    { "an algorithm as a token", "sig=" GOOD ";alg=ed25519", INVALID, "alg" },
    { "expires as a string", "sig=" GOOD ";expires=\"1900000000\"", INVALID,
      "expires" },

    { "a component that is a token", "sig=(\"@method\" date)" BASIC
      ";nonce=\"n\"", INVALID, "date" },
    { "a component twice", "sig=(\"@method\" \"@authority\" \"@path\""
      " \"@method\")" BASIC ";nonce=\"n\"", INVALID, "@method" },
    { "a parameter of answers", "sig=(\"@method\";req \"@authority\""
      " \"@path\")" BASIC ";nonce=\"n\"", INVALID, "for answers" },
    { "@status", "sig=(\"@status\")" BASIC ";nonce=\"n\"", INVALID,
      "\"@status\" belongs to answers" },
    { "the parameters", "sig=(\"@signature-params\")" BASIC ";nonce=\"n\"",
      INVALID, "covers itself" },
    { "trailers", "sig=(\"x-note\";tr)" BASIC ";nonce=\"n\"", INVALID,
      "trailers" },
    { "sf of no known type", "sig=(\"x-note\";sf)" BASIC ";nonce=\"n\"",
      INVALID, "its type is not known" },
    { "bs and sf", "sig=(\"signature\";bs;sf)" BASIC ";nonce=\"n\"", INVALID,
      "beside sf" },
    { "key of an item", "sig=(\"client-cert\";key=\"a\")" BASIC
      ";nonce=\"n\"", INVALID, "no dictionary" },
    { "all kinds", "sig=(\"@method\" \"@authority\" \"@path\" \"@query\""
      " \"x-note\";bs \"x-note\" \"content-digest\";sf"
      " \"content-digest\";key=\"sha-256\" \"@query-param\";name=\"a\")" BASIC
      ";nonce=\"n\"", PASS, .target = "/xc/v1?a=+" },
    { "a parameter that occurs twice", "sig=(\"@method\" \"@authority\""
      " \"@path\" \"@query\" \"@query-param\";name=\"a\")" BASIC
      ";nonce=\"n\"", INVALID, "@query-param", .target = "/xc/v1?a=1&a=2" },
    { "a part of the query for all", "sig=(\"@method\" \"@authority\""
      " \"@path\" \"@query-param\";name=\"a\")" BASIC ";nonce=\"n\"", PARTIAL,
      "not covered: @query", .target = "/xc/v1?a=1" },
    { "the digest's bytes for the digest", "sig=(\"@method\" \"@authority\""
      " \"@path\" \"content-type\" \"content-digest\";bs"
      " \"content-digest\";sf \"content-digest\";key=\"sha-256\")" BASIC
      ";nonce=\"n\"", PARTIAL, "not covered: content-digest", .body = true },
    { "upper case", "sig=(\"@method\" \"@authority\" \"@path\" \"X-Note\")"
      BASIC ";nonce=\"n\"", INVALID, "lower case" },
    { "an absent field", "sig=(\"@method\" \"@authority\" \"@path\""
      " \"x-none\")" BASIC ";nonce=\"n\"", INVALID, "x-none" },

    { "nothing covered", "sig=()" BASIC ";nonce=\"n\"", PARTIAL,
      "not covered: @method @authority @path" },
    { "no @method", "sig=(\"@authority\" \"@path\")" BASIC ";nonce=\"n\"",
      PARTIAL, "not covered: @method" },
    { "no @authority", "sig=(\"@method\" \"@path\" \"host\")" BASIC
      ";nonce=\"n\"", PARTIAL, "not covered: @authority" },
    { "no @path", "sig=(\"@authority\" \"@method\" \"@target-uri\")" BASIC
      ";nonce=\"n\"", PARTIAL, "not covered: @path" },
    { "no @query", "sig=" GOOD, PARTIAL, "not covered: @query",
      .target = "/xc/v1?a" },
    { "no @query with an empty one", "sig=" GOOD, PARTIAL, "@query",
      .target = "/xc/v1?" },
    { "no digest of a body", "sig=(\"@method\" \"@authority\" \"@path\""
      " \"content-type\")" BASIC ";nonce=\"n\"", PARTIAL,
      "not covered: content-digest", .body = true },
    { "no type of a body", "sig=(\"@method\" \"@authority\" \"@path\""
      " \"content-digest\")" BASIC ";nonce=\"n\"", PARTIAL,
      "not covered: content-type", .body = true },

    { "too old", "sig=" SIGNED ";created=1799999699;keyid=\"a1\";nonce=\"n\"",
      STALE, "server's time is 2027-01-15T08:00:00Z" },
    { "too new", "sig=" SIGNED ";created=1800000031;keyid=\"a1\";nonce=\"n\"",
      STALE, "future" },
    { "created before all time", "sig=" SIGNED ";created=-999999999999999"
      ";keyid=\"a1\";nonce=\"n\"", STALE },
    { "created after all time", "sig=" SIGNED ";created=999999999999999"
      ";keyid=\"a1\";nonce=\"n\"", STALE },
    { "expired", "sig=" GOOD ";expires=1799999999", STALE, "expires" },
    { "stale before it is verified",
      "sig=" SIGNED ";created=5;keyid=\"a1\";nonce=\"n\"", STALE,
      .signature = "sig=" ZERO },
};


static void
test_case(const sig_case_t *c)
{
    xc_rc_t      rc;
    xc_str_t     detail = XC_STR("");
    xc_auth_t    auth;
    request_t    r;
    xc_reason_t  reason = XC_REASON_NONE;

    request_init(&r, c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    if (c->reason == XC_REASON_NONE) {
        xt_ok(rc == XC_OK && reason == XC_REASON_NONE, "%s: %d " XC_STR_FMT,
              c->name, rc, XC_STR_ARG(detail));
        xt_ok(rc == XC_OK && auth.agency == &agencies[0]
              && auth.credential->agency == auth.agency, "%s: whose it is",
              c->name);

    } else {
        xt_is(rc == XC_DENIED ? xc_reason_info(reason)->code : XC_STR("-"),
              xc_reason_info((xc_reason_t) c->reason)->code, "%s", c->name);
        xt_ok(detail.len != 0
              && (c->detail == NULL || holds(detail, c->detail)),
              "%s: " XC_STR_FMT, c->name, XC_STR_ARG(detail));
        xt_ok(auth.agency == NULL && auth.credential == NULL
              && auth.n_once == 0, "%s: nobody's", c->name);
    }

    request_free(&r);
}


/* What a verified request hands on, and what evidence a refused one leaves. */
static void
test_result(void)
{
    xc_rc_t      rc;
    xc_str_t     detail;
    xc_auth_t    auth;
    request_t    r;
    sig_case_t   c = { .input = "p=" PROXY ", s1=" GOOD_A2 };
    xc_reason_t  reason;

    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    xt_ok(rc == XC_OK && auth.credential == &credentials[1]
          && auth.once[0].created_s == NOW, "credential and time");
    xt_is(auth.once[0].value, XC_STR("n2"), "the nonce");
    xt_is(auth.evidence.label, XC_STR("s1"), "the label");
    xt_is(auth.evidence.signature_input, r.lines[5].value, "the input");
    xt_is(auth.evidence.signature, r.lines[6].value, "the signature");
    request_free(&r);

    c.changed = "PUT";
    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    xt_ok(rc == XC_DENIED, "does not verify");
    xt_is(auth.evidence.label, XC_STR("s1"), "but leaves the label");
    xt_is(auth.evidence.signature_input, r.lines[5].value, "the input");
    xt_is(auth.evidence.signature, r.lines[6].value, "the signature");
    request_free(&r);

    c = (sig_case_t) { .input = "sig=((", .signature = "rubbish=" };
    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    xt_ok(rc == XC_DENIED && auth.evidence.label.len == 0, "not parsed");
    xt_is(auth.evidence.signature, XC_STR("rubbish="), "evidence all the same");
    request_free(&r);
}


/* Both fields, in as many bytes as allowed and in one more. */
static xc_rc_t
verify_sized(int input_len, size_t value_len, xc_auth_t *auth,
    xc_str_t *input, xc_str_t *detail)
{
    char         text[XC_SIG_INPUT_MAX + 2], value[XC_SIG_SIGNATURE_MAX + 2];
    xc_rc_t      rc;
    request_t    r;
    sig_case_t   c = { .input = text };
    xc_reason_t  reason;

    static const char  rest[] = GOOD;

    snprintf(text, sizeof(text), "sig=(%*s%s",
             input_len - 5 - (int) (sizeof(rest) - 2), "", &rest[1]);

    if (value_len != 0) {
        memset(value, 'A', sizeof(value));
        memcpy(value, "sig=:", 5);
        value[value_len - 1] = ':';
        value[value_len] = '\0';
        c.signature = value;
    }

    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, auth, &reason, detail);

    input->len = auth->evidence.signature_input.len;
    rc = rc == XC_DENIED && reason != XC_REASON_SIGNATURE_INVALID
         ? XC_EINTERNAL : rc;
    *detail = holds(*detail, "over 2048 bytes") ? XC_STR("2048")
              : holds(*detail, "over 1536 bytes") ? XC_STR("1536")
              : XC_STR("");
    request_free(&r);

    return rc;
}


static void
test_sizes(void)
{
    xc_str_t   input, detail = XC_STR("");
    xc_auth_t  auth;

    xt_ok(verify_sized(XC_SIG_INPUT_MAX, 0, &auth, &input, &detail) == XC_OK
          && input.len == XC_SIG_INPUT_MAX, "2,048 bytes of Signature-Input");

    xt_ok(verify_sized(XC_SIG_INPUT_MAX + 1, 0, &auth, &input, &detail)
          == XC_DENIED && input.len == 0, "one more, which is no evidence");
    xt_is(detail, XC_STR("2048"), "with its limit");

    xt_ok(verify_sized(128, XC_SIG_SIGNATURE_MAX, &auth, &input, &detail)
          == XC_DENIED && auth.evidence.signature.len == XC_SIG_SIGNATURE_MAX,
          "1,536 bytes of Signature do not verify");
    xt_is(detail, XC_STR(""), "for another reason");

    xt_ok(verify_sized(128, XC_SIG_SIGNATURE_MAX + 1, &auth, &input, &detail)
          == XC_DENIED && input.len == 128
          && auth.evidence.signature.len == 0, "one more");
    xt_is(detail, XC_STR("1536"), "with its limit");
}


/* Two signatures with so many @query-param between them, of a query of that
 * length. */
static xc_rc_t
verify_scans(int n, size_t len, xc_reason_t *reason, bool *budget)
{
    int         i;
    char        input[XC_SIG_INPUT_MAX + 1], target[4096], all[256] = "";
    xc_rc_t     rc;
    xc_str_t    detail = XC_STR("");
    xc_auth_t   auth;
    request_t   r;
    size_t      at = 0, pad;
    sig_case_t  c = { .input = input, .target = target };

    for (i = 0; i < n; i++) {
        if (i == 0 || i == n / 2) {
            at += (size_t) snprintf(input + at, sizeof(input) - at,
                                    "%s=(\"@method\" \"@authority\" \"@path\""
                                    " \"@query\"", i == 0 ? "a" : ", b");
        }

        at += (size_t) snprintf(input + at, sizeof(input) - at,
                                " \"@query-param\";name=\"%d\"", i);

        if (i == n / 2 - 1 || i == n - 1) {
            at += (size_t) snprintf(input + at, sizeof(input) - at,
                                    ")" BASIC ";nonce=\"n%d\"", i);
        }

        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%d&", i);
    }

    pad = len - strlen(all);
    snprintf(target, sizeof(target), "/?%s", all);
    memset(target + 2 + strlen(all), '&', pad);
    target[2 + len] = '\0';

    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, reason, &detail);
    *budget = holds(detail, "read over 32768 octets");
    request_free(&r);

    return rc;
}


/* All else of these requests is right. */
static void
test_budget(void)
{
    bool         budget;
    xc_reason_t  reason = XC_REASON_NONE;

    xt_ok(verify_scans(32, 1024, &reason, &budget) == XC_OK,
          "32,768 octets are read anew");
    xt_ok(verify_scans(33, 993, &reason, &budget) == XC_DENIED && budget
          && reason == XC_REASON_SIGNATURE_INVALID, "one more");
}


/* Two keys of one agency: each counts, and each is burned. */
static void
test_several(void)
{
    xc_rc_t      rc;
    xc_str_t     detail;
    xc_auth_t    auth;
    request_t    r;
    xc_reason_t  reason;
    sig_case_t   c = {
        .input = "p=" PROXY ", s1=" GOOD_A2 ", s2=(\"@method\" \"@path\""
                 " \"@authority\" \"x-note\";bs)" BASIC ";nonce=\"n7\""
                 ";expires=1800000010, s3=" SIGNED BASIC ";nonce=\"n8\""
    };

    request_init(&r, &c);
    rc = xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail);

    xt_ok(rc == XC_OK && auth.n_credentials == 2
          && auth.credential == &credentials[1]
          && auth.credentials[0] == &credentials[1]
          && auth.credentials[1] == &credentials[0],
          "both credentials, each once, the first one first");
    xt_ok(auth.n_once == 3, "three nonces");
    xt_is(auth.once[0].value, XC_STR("n2"), "the first");
    xt_is(auth.once[0].keyid, XC_STR("a2"), "of its key");
    xt_is(auth.once[1].value, XC_STR("n7"), "the second");
    xt_is(auth.once[1].keyid, XC_STR("a1"), "of its key");
    xt_is(auth.once[2].value, XC_STR("n8"), "the third");
    xt_ok(auth.expires_s == NOW + 10, "the earliest end");
    xt_is(auth.evidence.label, XC_STR("s1"), "the first label");
    xt_ok(auth.evidence.n_covered == 1, "one component is kept");
    xt_is(auth.evidence.covered[0].component, XC_STR("\"x-note\";bs"),
          "as it was spelled");
    xt_is(auth.evidence.covered[0].value, XC_STR(":YQ==:, :Yg==:"),
          "with its value");
    request_free(&r);
}


static void
test_split(void)
{
    size_t       i;
    xc_str_t     detail;
    xc_auth_t    auth;
    request_t    r;
    sig_case_t   c = { .input = "p=" PROXY ", sig=" GOOD };
    xc_reason_t  reason;

    request_init(&r, &c);

    /* The same two labels, each on a line of its own. */
    i = sizeof("p=" PROXY) - 1;
    r.lines[7] = r.lines[5];
    r.lines[5].value = XC_STR("p=" PROXY);
    r.lines[7].value.data += i + 2;
    r.lines[7].value.len -= i + 2;
    r.msg.n_headers++;

    xt_ok(xc_auth_verify(&r.in, &httpsig, &auth, &reason, &detail) == XC_OK,
          "Signature-Input in two lines");
    xt_is(auth.evidence.signature_input, xc_str_z(c.input), "joined");

    r.msg.n_headers = 5;
    xc_heap_free(&r.heap);
}


static xc_rc_t
verify_in(xc_arena_t *arena, void *data)
{
    xc_str_t         detail;
    xc_auth_t        auth;
    xc_reason_t      reason;
    xc_auth_input_t  in = *(xc_auth_input_t *) data;

    in.arena = arena;

    return xc_auth_verify(&in, &httpsig, &auth, &reason, &detail);
}


static void
test_memory(void)
{
    request_t   r;
    sig_case_t  c = {
        .input = "p=" PROXY ", sig=(\"x-note\" \"@query\" \"@path\""
                 " \"@target-uri\" \"@authority\" \"@method\")" BASIC
                 ";nonce=\"n\"",
        .target = "/a?b"
    };

    request_init(&r, &c);
    xt_oom("verifying", verify_in, &r.in);
    request_free(&r);
}


int
main(void)
{
    size_t  i;

    if (!set_up()) {
        return 2;
    }

    for (i = 0; i < XC_COUNT(cases); i++) {
        test_case(&cases[i]);
    }

    test_result();
    test_sizes();
    test_budget();
    test_several();
    test_split();
    test_memory();

    xc_heap_free(&setup_heap);

    return xt_done();
}
