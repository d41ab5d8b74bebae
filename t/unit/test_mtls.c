/* Certificates as credentials: what a policy may say of them, and which one a
 * request's certificate is. */

#include "policy_load.h"
#include "xc_auth.h"


#define HEX(c)      c c c c c c c c c c c c c c c c c c c c c c c c c c c c c \
                    c c c
#define MTLS(more)  "{'type': 'mtls', " more "}, "
#define SPKI(c)     MTLS("'spki_sha256': '" HEX(c) "'")
#define CERT(c)     MTLS("'cert_sha256': '" HEX(c) "'")
#define SUBJECT(s)  MTLS("'subject': '" s "'")
#define NAME        "CN=客户端,O=x\\\\, y,C=CN"

typedef struct {
    const char  *name;
    const char  *county, *province;     /* credentials, first of the list */
    const char  *path;                  /* of the fault, within agencies */
    const char  *message;
} fault_case_t;

typedef struct {
    const char  *name;
    const char  *county, *province;
    uint8_t      cert, spki;            /* each octet of the hashes */
    const char  *subject;
    int          reason;                /* XC_REASON_NONE: passes */
    const char  *keyid;                 /* of the credential that it is */
} match_case_t;


static xc_str_t
with_credentials(char *mem, const char *county, const char *province)
{
    char         text[TEXT_MAX];
    const char  *at[2], *c0 = "'rate': 'default', 'credentials': [",
                *c1 = "'grants': ['standard'], 'credentials': [";

    at[0] = strstr(sample_policy, c0);
    at[1] = strstr(sample_policy, c1);

    if (at[0] == NULL || at[1] == NULL || at[1] < at[0]) {
        printf("Bail out! the sample has changed\n");
        exit(2);
    }

    at[0] += strlen(c0);
    at[1] += strlen(c1);

    (void) snprintf(text, sizeof(text), "%.*s%s%.*s%s%s",
                    (int) (at[0] - sample_policy), sample_policy, county,
                    (int) (at[1] - at[0]), at[0], province, at[1]);

    return sample_json(mem, TEXT_MAX, text);
}


static const fault_case_t  faults[] = {
    { "none of the three", MTLS("'sources': ['::/0']"), "",
      "[0].credentials[0]", "one of spki_sha256, cert_sha256, "
      "subject, found 0" },
    { "two of the three", MTLS("'subject': 'CN=a', 'spki_sha256': '"
                               HEX("aa") "'"), "",
      "[0].credentials[0]", "one of spki_sha256, cert_sha256, "
      "subject, found 2" },
    { "a digit less", MTLS("'spki_sha256': '" HEX("aa") "a'"), "",
      "[0].credentials[0].spki_sha256", "not a SHA-256 in 64 hexadecimal" },
    { "no digit", MTLS("'cert_sha256': 'g" "a" "'"), "",
      "[0].credentials[0].cert_sha256", "not a SHA-256 in 64 hexadecimal" },
    { "with colons", MTLS("'cert_sha256': '" HEX("AA:") "'"), "",
      "[0].credentials[0].cert_sha256", "not a SHA-256 in 64 hexadecimal" },
    { "an empty subject", SUBJECT(""), "",
      "[0].credentials[0].subject", "must be 1 to 1024 bytes long" },
    { "a control in a subject", SUBJECT("CN=a\\n"), "",
      "[0].credentials[0].subject", "control character" },
    { "another way to write a subject", SUBJECT("CN=a, O=b"), "",
      "[0].credentials[0].subject", "not a subject such as" },
    { "and another", SUBJECT("/C=CN/CN=a"), "",
      "[0].credentials[0].subject", "-nameopt RFC2253,-esc_msb" },
    { "no subject", SUBJECT("agency"), "",
      "[0].credentials[0].subject", "not a subject such as" },
    { "a member of another type", MTLS("'spki_sha256': '" HEX("aa")
                                       "', 'keyid': 'a'"), "",
      "[0].credentials[0].keyid", "unknown member" },
    { "a number", MTLS("'subject': 1"), "",
      "[0].credentials[0].subject", "must be a string, found" },
    { "times the wrong way round", MTLS("'subject': 'CN=a', "
          "'not_before': '2027-01-01T00:00:00Z', "
          "'not_after': '2026-01-01T00:00:00Z'"), "",
      "[0].credentials[0].not_after", "must be later than not_before" },
    { "no network", MTLS("'subject': 'CN=a', 'sources': ['here']"), "",
      "[0].credentials[0].sources[0]", "not an address or a network" },
    { "a key of two agencies", SPKI("aA"), SPKI("Aa"),
      "[1].credentials[0]", "is that of agencies[0].credentials[0]" },
    { "a subject of two agencies", SUBJECT("CN=a"), SUBJECT("CN=a"),
      "[1].credentials[0]", "is that of agencies[0].credentials[0]" },
};


static void
test_faults(void)
{
    char                 mem[TEXT_MAX], path[128];
    size_t               i;
    load_t               load;
    const fault_case_t  *c;

    for (i = 0; i < XC_COUNT(faults); i++) {
        c = &faults[i];
        load_text(&load, with_credentials(mem, c->county, c->province));
        (void) snprintf(path, sizeof(path), "agencies%s", c->path);

        if (!xt_ok(load.rc == XC_EINPUT && load.faults.faults == 1
                   && has(&load, false, path, c->message), "fault: %s",
                   c->name))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


static void
test_transport(void)
{
    char      mem[TEXT_MAX];
    char     *tls;
    load_t    load;
    xc_str_t  text = with_credentials(mem, SPKI("aa"), "");

    tls = strstr(mem, "\"tls\"");
    xt_ok(tls != NULL, "the sample's transport");
    if (tls == NULL) {
        return;
    }

    memcpy(tls, "\"any\"", 5);
    load_text(&load, text);
    xt_ok(load.rc == XC_EINPUT && load.faults.faults == 1
          && has(&load, false, "agencies[0].credentials[0].type",
                 "\"mtls\" needs \"transport\": \"tls\""),
          "no certificate is seen with any transport");
    xc_heap_free(&load.heap);
}


static void
test_loaded(void)
{
    char                    mem[TEXT_MAX];
    load_t                  load;
    const xc_credential_t  *c;

    load_text(&load, with_credentials(mem,
        SPKI("aB") CERT("aB") MTLS("'subject': '" NAME "', 'sources': "
        "['::1'], 'not_before': '2026-01-01T00:00:00Z', "
        "'not_after': '2028-01-01T00:00:00Z'"), ""));

    if (!xt_ok(load.rc == XC_OK, "all three of one agency")) {
        show(&load);
        return;
    }

    c = xc_policy_cert(load.policy, XC_CERT_SPKI_SHA256, XC_STR(HEX("ab")));
    xt_ok(c != NULL && c->scheme == XC_SCHEME_MTLS
          && c->match == XC_CERT_SPKI_SHA256 && c->not_before_s == INT64_MIN
          && c->not_after_s == INT64_MAX && c->n_sources == 0
          && xc_str_eq(c->agency->id, XC_STR("310115")), "the key's hash");

    c = xc_policy_cert(load.policy, XC_CERT_SHA256, XC_STR(HEX("ab")));
    xt_ok(c != NULL && c->match == XC_CERT_SHA256, "the same as a whole one's");

    c = xc_policy_cert(load.policy, XC_CERT_SUBJECT,
                       XC_STR("CN=客户端,O=x\\, y,C=CN"));
    xt_ok(c != NULL && c->match == XC_CERT_SUBJECT && c->n_sources == 1
          && c->not_before_s == 1767225600 && c->not_after_s == 1830297600,
          "the subject, its validity and its sources");

    xt_ok(xc_policy_cert(load.policy, XC_CERT_SUBJECT, XC_STR(HEX("ab")))
          == NULL && xc_policy_keyid(load.policy, XC_STR(HEX("ab"))) == NULL,
          "one name is not taken for another's");

    xc_heap_free(&load.heap);
}


static const match_case_t  matches[] = {
    { "by its key", SPKI("11"), "", 0x22, 0x11, "CN=z", XC_REASON_NONE,
      HEX("11") },
    { "by itself", CERT("22"), "", 0x22, 0x11, "", XC_REASON_NONE,
      HEX("22") },
    { "by its subject", SUBJECT("CN=a"), "", 0x22, 0x11, "CN=a",
      XC_REASON_NONE, "CN=a" },
    { "by nothing", SPKI("22") CERT("11") SUBJECT("CN=a"), "", 0x22, 0x11,
      "CN=b", XC_REASON_CREDENTIAL_UNKNOWN, NULL },
    { "a subject is not matched in part", SUBJECT("CN=a"), "", 0x22, 0x11,
      "CN=a,O=b", XC_REASON_CREDENTIAL_UNKNOWN, NULL },
    { "nor without case", SUBJECT("CN=a"), "", 0x22, 0x11, "CN=A",
      XC_REASON_CREDENTIAL_UNKNOWN, NULL },
    { "itself before its key and subject",
      SUBJECT("CN=a") SPKI("11") CERT("22"), "", 0x22, 0x11, "CN=a",
      XC_REASON_NONE, HEX("22") },
    { "its key before its subject", SUBJECT("CN=a") SPKI("11"), "", 0x22,
      0x11, "CN=a", XC_REASON_NONE, HEX("11") },
    { "itself and its key, of two", CERT("22"), SPKI("11"), 0x22, 0x11, "",
      XC_REASON_CREDENTIAL_CONFLICT, NULL },
    { "its key and its subject, of two", SUBJECT("CN=a"), SPKI("11"), 0x22,
      0x11, "CN=a", XC_REASON_CREDENTIAL_CONFLICT, NULL },
};


static xc_auth_input_t
make_input(load_t *load, xc_msg_t *msg)
{
    return (xc_auth_input_t) {
        load->policy, msg, XC_STR_NONE, SAMPLE_NOW_S, &load->heap.arena
    };
}


static void
match_one(const match_case_t *c)
{
    char              mem[TEXT_MAX];
    load_t            load;
    xc_rc_t           rc;
    xc_msg_t          msg = { .tls = true };
    xc_str_t          detail = XC_STR_NONE;
    xc_auth_t         auth = { .expires_s = INT64_MAX };
    xc_reason_t       reason = XC_REASON_NONE;
    xc_auth_input_t   in;
    xc_certificate_t  cert = { .verified = true };

    load_text(&load, with_credentials(mem, c->county, c->province));
    xt_ok(load.rc == XC_OK, "policy: %s", c->name);

    memset(cert.sha256, c->cert, sizeof(cert.sha256));
    memset(cert.spki_sha256, c->spki, sizeof(cert.spki_sha256));
    cert.subject = xc_str_z(c->subject);
    msg.certificate = &cert;
    in = make_input(&load, &msg);

    rc = xc_mtls_scheme.verify(&in, &auth, &reason, &detail);

    xt_ok(rc == (c->reason == XC_REASON_NONE ? XC_OK : XC_DENIED)
          && reason == (xc_reason_t) c->reason
          && (rc == XC_OK) == (detail.len == 0)
          && auth.n_credentials == (rc == XC_OK) && auth.n_once == 0
          && auth.expires_s == INT64_MAX, "%s", c->name);
    xt_ok(auth.evidence.certificate == &cert, "evidence: %s", c->name);

    if (c->keyid != NULL && rc == XC_OK) {
        xt_is(auth.credential->keyid, xc_str_z(c->keyid), "which: %s", c->name);
    }

    xc_heap_free(&load.heap);
}


/* What is not the policy's: the chain, and who else is named. */
static void
test_verify(void)
{
    char              mem[TEXT_MAX];
    load_t            load;
    xc_msg_t          msg = { .tls = true };
    xc_str_t          detail;
    xc_auth_t         auth = { .expires_s = INT64_MAX };
    xc_reason_t       reason = XC_REASON_NONE;
    xc_auth_input_t   in;
    xc_certificate_t  cert = { .subject = XC_STR("CN=a") };

    load_text(&load, with_credentials(mem, SUBJECT("CN=a"), ""));
    xt_ok(load.rc == XC_OK, "policy");
    in = make_input(&load, &msg);

    xt_ok(xc_mtls_scheme.scheme == XC_SCHEME_MTLS
          && !xc_mtls_scheme.presented(&msg), "no certificate");
    msg.certificate = &cert;
    xt_ok(xc_mtls_scheme.presented(&msg), "one that is not verified is there");
    xt_ok(xc_mtls_scheme.verify(&in, &auth, &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_UNKNOWN && auth.credential == NULL
          && auth.evidence.certificate == &cert, "and refused");
    xt_is(detail, XC_STR("the client's certificate does not lead to a CA that "
                         "this server trusts"), "for its chain");

    cert.verified = true;
    auth = (xc_auth_t) { .n_credentials = 0 };
    xt_ok(xc_auth_add(&auth, &load.policy->agencies[1].credentials[0], &reason,
                      &detail) == XC_OK, "a signature of another agency");
    xt_ok(xc_mtls_scheme.verify(&in, &auth, &reason, &detail) == XC_DENIED
          && reason == XC_REASON_CREDENTIAL_CONFLICT
          && auth.n_credentials == 1, "both are refused");

    auth = (xc_auth_t) { .n_credentials = 0 };
    xt_ok(xc_auth_add(&auth, &load.policy->agencies[0].credentials[1], &reason,
                      &detail) == XC_OK, "a signature of the same");
    xt_ok(xc_mtls_scheme.verify(&in, &auth, &reason, &detail) == XC_OK
          && auth.n_credentials == 2
          && auth.credentials[1] == &load.policy->agencies[0].credentials[0]
          && auth.credential == &load.policy->agencies[0].credentials[1],
          "both are kept, the signature first");

    xc_heap_free(&load.heap);
}


static xc_rc_t
load_once(xc_arena_t *arena, void *data)
{
    xc_policy_faults_t  found;
    const xc_policy_t  *out;

    return xc_policy_load(arena, *(xc_str_t *) data, NULL, SAMPLE_NOW_S,
                          &found, &out);
}


int
main(void)
{
    char      mem[TEXT_MAX];
    size_t    i;
    xc_str_t  text;

    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_faults();
    test_transport();
    test_loaded();

    for (i = 0; i < XC_COUNT(matches); i++) {
        match_one(&matches[i]);
    }

    test_verify();

    text = with_credentials(mem, SPKI("aa") SUBJECT("CN=a"), CERT("bb"));
    xt_oom("memory", load_once, &text);

    return xt_done();
}
