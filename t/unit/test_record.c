/* Audit records and problems: their members, that nothing breaks out of
 * them, and that they fit. */

#define _GNU_SOURCE             /* memmem() */

#include "gate_ask.h"
#include "xc_ascii.h"
#include "xc_problem.h"
#include "xc_record.h"


#define ID      "0123456789abcdef0123456789abcdef"
#define X8      "xxxxxxxx"
#define X63     X8 X8 X8 X8 X8 X8 X8 "xxxxxxx"

/* Quotes, controls, what is not UTF-8, a surrogate, a lone continuation. */
static const char  nasty[] = "a\"b\\c\r\nd\0e\x1f\x7f\xc2\x85\xff\xfe\xed\xa0"
                             "\x80\xc3\",\"decision\":\"allow\" \xe4\xb8\xad";

/* The same as a JSON reader gives it back. */
static const char  nasty_read[] = "a\"b\\c\r\nd\0e\x1f\x7f\xc2\x85\xef\xbf\xbd"
    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"decision"
    "\":\"allow\" \xe4\xb8\xad";

/* HMAC-SHA256 of type, NUL, id under "key", by another implementation. */
#define MAC_OFFICER   "9f19218be935feb1bdf5e9ff61633ec8" \
                      "bbba6c07d8a3c4cedf35b2484b773caf"
#define MAC_MERCHANT  "edd28d4f6d85de359f1ec8e6f7cd0cbb" \
                      "f3867258abbb0e0ba1a6bc0a1d8c3647"
#define MAC_ORDER     "39deef832ea677c8aa2af61e6a24fd69" \
                      "46e1faa55ac446842d753a672c434f3d"

static char  room[XC_RECORD_MAX + 2];


/* A record taken apart. */
typedef struct {
    xc_heap_t         heap;
    const xc_json_t  *root;
} parsed_t;


/* members: without braces.  NUL is refused by the reader, so a record can't
 * be read back with one: as text it stays an escape. */
static bool
parse(parsed_t *p, xc_str_t members, bool braced)
{
    char      *mem;
    bool       line;
    xc_buf_t   out;

    xc_heap_init(&p->heap, 0);
    mem = xc_arena_alloc(&p->heap.arena, members.len + 2);
    if (mem == NULL) {
        bail_out("no memory");
    }

    xc_buf_init(&out, mem, members.len + 2);
    xc_buf_z(&out, braced ? "" : "{");
    xc_buf_str(&out, members);
    xc_buf_z(&out, braced ? "" : "}");

    line = memchr(members.data, '\n', members.len - braced) == NULL
           && memchr(members.data, '\r', members.len) == NULL
           && xc_ascii_no_controls((xc_str_t) { members.data,
                                                members.len - braced });

    return xc_json_parse(&p->heap.arena, xc_buf_view(&out), 8, NULL, &p->root)
           == XC_OK && line;
}


static xc_str_t
string(const parsed_t *p, const char *name)
{
    const xc_json_t  *node = xc_json_member(p->root, xc_str_z(name));

    return node == NULL ? XC_STR_NONE : xc_json_string(node);
}


/* The names of the members, in their order, with a space behind each. */
static xc_str_t
names(const parsed_t *p, char *mem, size_t size)
{
    xc_buf_t               out;
    const xc_json_iter_t  *it;

    xc_buf_init(&out, mem, size);

    for (it = xc_json_first(p->root); it != NULL;
         it = xc_json_next(p->root, it))
    {
        xc_buf_str(&out, xc_json_iter_key(it));
        xc_buf_char(&out, ' ');
    }

    return xc_buf_view(&out);
}


/* Written by hand: every member at once, which no request would have. */
typedef struct {
    xc_asked_t            fields[2];
    xc_subject_t          subjects[2];
    xc_str_t              officers[1];
    xc_covered_t          covered[2];
    xc_purpose_t          purpose;
    xc_header_t           host;
    xc_msg_t              msg;
    xc_gate_t             gate;
    xc_record_decision_t  in;
} whole_t;


static void
whole_init(whole_t *d, const xc_policy_t *policy)
{
    const xc_agency_t  *agency = &policy->agencies[0];

    memset(d, 0, sizeof(*d));

    d->fields[0] = (xc_asked_t) { .name = XC_STR("merchant.name") };
    d->fields[1] = (xc_asked_t) { .name = XC_STR("no.such"),
                                  .refused = XC_REASON_FIELD_UNKNOWN };
    d->subjects[0] = (xc_subject_t) { &policy->subject_types[0],
                                      XC_STR(USCC) };
    d->subjects[1] = (xc_subject_t) { &policy->subject_types[1],
                                      XC_STR("ORDER-1") };
    d->officers[0] = XC_STR("31000000017");
    d->covered[0] = (xc_covered_t) { XC_STR("content-type"),
                                     XC_STR("application/json") };
    d->covered[1] = (xc_covered_t) { XC_STR("x-note"), XC_STR("n") };
    d->purpose = (xc_purpose_t) { .id = XC_STR("urgent"), .urgent = true };
    d->host = (xc_header_t) { XC_STR("Host"), XC_STR("raw.example") };

    d->msg = (xc_msg_t) { .method = XC_STR("GET"), .headers = &d->host,
                          .n_headers = 1,
                          .client_text = XC_STR("203.0.113.7") };
    xc_msg_set_target(&d->msg, XC_STR("/xc/v1/merchants/" USCC "?a=%20"));

    d->gate = (xc_gate_t) {
        .authority = XC_STR(AUTHORITY), .authenticated = true,
        .operation = &policy->operations[1],
        .captures.subject = { d->msg.path.data + 17, 18 },
        .content_digest = XC_STR("sha-256=:x:"),
        .auth = { .credential = &agency->credentials[0], .agency = agency,
                  .evidence = { XC_STR("sig"), XC_STR("sig=(\"@method\")"),
                                XC_STR("sig=:x:"), d->covered, 2, NULL,
                                NULL } },
        .request = { .request_no = XC_STR("一号"),
                     .purpose = XC_STR("urgent"),
                     .purpose_rule = &d->purpose, .case_no = XC_STR("c"),
                     .legal_basis = XC_STR("l"), .approval = XC_STR("a"),
                     .category = XC_STR("k"), .region = XC_STR("r"),
                     .officers = d->officers, .n_officers = 1,
                     .fields = d->fields, .n_fields = 2,
                     .subjects = d->subjects, .n_subjects = 2,
                     .window = { true, XC_STR("2026-10-01"),
                                 XC_STR("2026-11-01") },
                     .sweep = true },
        .verdict = { .reason = XC_REASON_FIELD_UNKNOWN }
    };

    d->in = (xc_record_decision_t) {
        .id = XC_STR(ID), .tls = XC_STR("TLSv1.3"), .msg = &d->msg,
        .policy = policy, .gate = &d->gate
    };
}


/* A record in room; data NULL where there is none. */
static xc_str_t
record(const xc_record_decision_t *in)
{
    xc_buf_t  out;

    xc_buf_init(&out, room, XC_RECORD_MAX);

    return xc_record_decision(&out, in) == XC_OK ? xc_buf_view(&out)
                                                 : XC_STR_NONE;
}


#define TYPES   "\"subjects\":[{\"type\":\"merchant\"},{\"type\":\"order\"}]"
#define LIMIT   "\"reason\":\"quota-exceeded\",\"limit\":{\"agency\":" \
                "\"310000\",\"name\":\"per_day\"},"
#define BEGIN   "event id client tls method host uri operation agency level " \
                "credential "

/* Some key for ids. */
static const xc_mac_t *
subject_key(xc_arena_t *arena)
{
    const xc_mac_t  *key;

    if (xc_mac_new(arena, XC_STR("key"), &key) != XC_OK) {
        bail_out("no key for ids");
    }

    return key;
}


#define ZEROS   "000000000000000000000000000000000000000000000000000000000000"

static void
test_members(const xc_policy_t *policy)
{
    char       mem[512];
    whole_t    d;
    parsed_t   p;
    xc_heap_t  heap;

    static const xc_certificate_t  certificate = {
        .sha256 = { 0xa1, [31] = 0x0f },
        .spki_sha256 = { 0xb2, [31] = 0xf0 }
    };
    static const xc_credential_t  subject = {
        .scheme = XC_SCHEME_MTLS, .keyid = { "CN=\"浦东\\, \",O=x", 18 }
    };

    whole_init(&d, policy);
    xc_heap_init(&heap, 0);
    d.in.subject_key = subject_key(&heap.arena);

    /* CONTRACT.md section 5, whole: nothing may be added or turned round
     * unseen */
    xt_is(record(&d.in), XC_STR(
        "\"event\":\"decision\",\"id\":\"" ID "\",\"client\":\"203.0.113.7\","
        "\"tls\":\"TLSv1.3\",\"method\":\"GET\",\"host\":\"" AUTHORITY "\","
        "\"uri\":\"/xc/v1/merchants/{subject}?a=%20\",\"operation\":"
        "\"merchant\",\"agency\":\"310115\",\"level\":\"county\","
        "\"credential\":\"httpsig:310115-2026a\",\"request_no\":\"一号\","
        "\"purpose\":\"urgent\",\"urgent\":true,\"case_no\":\"c\","
        "\"legal_basis\":\"l\",\"officers\":[\"" MAC_OFFICER "\"],"
        "\"fields\":[\"merchant.name\",\"no.such\"],\"approval\":\"a\","
        "\"subjects\":[{\"type\":\"merchant\",\"id\":\"" MAC_MERCHANT
        "\"},{\"type\":\"order\",\"id\":\"" MAC_ORDER "\"}],\"window\":"
        "{\"from\":\"2026-10-01\",\"to\":\"2026-11-01\"},"
        "\"category\":\"k\",\"region\":\"r\",\"sweep\":true,"
        "\"content_digest\":\"sha-256=:x:\",\"signature_input\":"
        "\"sig=(\\\"@method\\\")\",\"signature\":\"sig=:x:\",\"covered\":"
        "{\"content-type\":\"application/json\",\"x-note\":\"n\"},"
        "\"decision\":\"deny\",\"reason\":\"field-unknown\","
        "\"refused\":[{\"field\":\"no.such\",\"reason\":\"field-unknown\","
        "\"basis\":\"platform\",\"remedy_zh\":"
        "\"请按公布的标准化字段目录填写字段编号\"}],"
        "\"mode\":\"enforce\","
        "\"policy\":{\"id\":\"cn-samr-2025\",\"version\":\"2026-11-22\"}"),
        "every member");

    d.in.subject_key = NULL;
    xt_ok(parse(&p, record(&d.in), false)
          && xc_json_member(p.root, XC_STR("officers")) == NULL
          && memmem(room, sizeof(room), TYPES, sizeof(TYPES) - 1) != NULL,
          "without a key types only");
    xc_heap_free(&p.heap);

    d.fields[1].refused = XC_REASON_NONE;
    d.gate.verdict.reason = XC_REASON_NONE;
    d.gate.auth.evidence.n_covered = 0;
    d.gate.request.sweep = d.purpose.urgent = false;
    d.gate.request.window.present = false;
    xt_ok(parse(&p, record(&d.in), false), "an admission is JSON");
    xt_is(names(&p, mem, sizeof(mem)), XC_STR(BEGIN
          "request_no purpose case_no legal_basis fields approval subjects "
          "category region content_digest signature_input signature decision "
          "mode policy "), "it has no reason");
    xt_is(string(&p, "decision"), XC_STR("allow"), "it is one");
    xc_heap_free(&p.heap);

    d.gate.observing = true;
    xt_ok(parse(&p, record(&d.in), false), "so is one under observe");
    xt_is(string(&p, "mode"), XC_STR("observe"), "which it tells");
    xc_heap_free(&p.heap);

    d.gate.verdict.reason = XC_REASON_FIELD_UNKNOWN;
    xt_ok(parse(&p, record(&d.in), false), "and a refusal there");
    xt_is(string(&p, "mode"), XC_STR("enforce"), "which was refused");
    xc_heap_free(&p.heap);

    d.gate.observed = true;
    xt_ok(parse(&p, record(&d.in), false), "or that went on");
    xt_is(string(&p, "decision"), XC_STR("deny"), "it was decided so");
    xt_is(string(&p, "mode"), XC_STR("observe"), "and observed");
    xc_heap_free(&p.heap);

    /* a limit: which, and whose */
    d.gate.limited = (xc_gate_limited_t) { .limit = XC_LIMIT_PER_DAY,
                                           .agency = &policy->agencies[1] };
    xt_ok(parse(&p, record(&d.in), false)
          && xc_json_member(p.root, XC_STR("limit")) == NULL,
          "no limit where it was not that");
    xc_heap_free(&p.heap);

    d.gate.verdict.reason = XC_REASON_QUOTA_EXCEEDED;
    xt_ok(parse(&p, record(&d.in), false)
          && memmem(room, sizeof(room), LIMIT, sizeof(LIMIT) - 1) != NULL,
          "a limit stands behind the reason");
    xc_heap_free(&p.heap);

    /* the least that there can be */
    d.gate = (xc_gate_t) { .verdict = { .reason = XC_REASON_TLS_REQUIRED } };
    d.in.tls = XC_STR("");
    xt_ok(parse(&p, record(&d.in), false), "so is an early refusal");
    xt_is(names(&p, mem, sizeof(mem)), XC_STR("event id client tls method "
          "host uri decision reason mode policy "), "it names nobody");
    xt_is(string(&p, "host"), XC_STR("raw.example"), "its host is as it came");
    xt_is(string(&p, "uri"), XC_STR("/xc/v1/merchants/{subject}?a=%20"),
          "its subject is masked all the same");
    xt_ok(xc_json_type(xc_json_member(p.root, XC_STR("tls"))) == XC_JSON_NULL,
          "tls is null");
    xc_heap_free(&p.heap);

    /* an intermediary, and the other schemes' evidence */
    whole_init(&d, policy);
    d.gate.auth.via = &policy->agencies[1];
    d.gate.auth.evidence.certificate = &certificate;
    d.gate.auth.evidence.token_sha256 = certificate.spki_sha256;
    xt_ok(parse(&p, record(&d.in), false), "one with all evidence is JSON");
    xt_is(names(&p, mem, sizeof(mem)), XC_STR(BEGIN "via request_no purpose "
          "urgent case_no legal_basis fields approval subjects window category "
          "region sweep content_digest signature_input signature certificate "
          "token covered decision reason refused mode policy "),
          "its members");
    xt_is(string(&p, "agency"), XC_STR("310115"), "the agency that asks");
    xt_is(string(&p, "level"), XC_STR("county"), "of its level");
    xt_is(string(&p, "via"), XC_STR("310000"), "the intermediary");
    xt_is(string(&p, "certificate"), XC_STR("a1" ZEROS "0f"),
          "the certificate's hash");
    xt_is(string(&p, "token"), XC_STR("b2" ZEROS "f0"), "the token's");
    xc_heap_free(&p.heap);

    /* a certificate's subject has other characters than a keyid */
    d.gate.auth.credential = &subject;
    xt_ok(parse(&p, record(&d.in), false), "a subject stays within its string");
    xt_is(string(&p, "credential"), XC_STR("mtls:CN=\"浦东\\, \",O=x"),
          "and is whole");
    xc_heap_free(&p.heap);

    d.gate.authenticated = false;
    xt_ok(parse(&p, record(&d.in), false)
          && string(&p, "via").data == NULL
          && string(&p, "certificate").len == 64
          && string(&p, "token").len == 64,
          "no intermediary without authentication, but the evidence");
    xc_heap_free(&p.heap);

    /* a verified signature's key and agency, or none at all */
    whole_init(&d, policy);
    d.gate.authenticated = false;
    xt_ok(parse(&p, record(&d.in), false)
          && string(&p, "agency").data == NULL
          && string(&p, "level").data == NULL
          && string(&p, "credential").data == NULL
          && string(&p, "signature").len != 0,
          "no agency without authentication, but the evidence");
    xc_heap_free(&p.heap);
    xc_heap_free(&heap);
}


/* Each string of a client in its turn. */
static void
test_nasty(const xc_policy_t *policy)
{
    char        mem[2][512];
    size_t      i;
    bool        ok = true;
    whole_t     d;
    parsed_t    p;
    xc_str_t    order, all = { nasty, sizeof(nasty) - 1 };

    static const char *const  members[] = {
        "method", "host", "request_no", "purpose", "case_no", "legal_basis",
        "approval", "category", "region", "content_digest", "signature_input",
        "signature", "client", "tls"
    };

    whole_init(&d, policy);
    ok = parse(&p, record(&d.in), false);
    order = names(&p, mem[0], sizeof(mem[0]));
    xc_heap_free(&p.heap);

    xt_ok(ok && order.len != 0, "a plain record");

    for (i = 0; i < 2; i++) {
        /* jansson refuses \u0000, so once without */
        if (i == 1) {
            all = (xc_str_t) { nasty + 10, all.len - 10 };
        }

        whole_init(&d, policy);
        d.msg.method = d.gate.authority = d.gate.request.request_no =
        d.gate.request.purpose = d.gate.request.case_no =
        d.gate.request.legal_basis = d.gate.request.approval =
        d.gate.request.category = d.gate.request.region =
        d.gate.request.window.from = d.gate.request.window.to =
        d.gate.content_digest = d.gate.auth.evidence.signature_input =
        d.gate.auth.evidence.signature = d.msg.client_text = d.in.tls =
        d.covered[0].component = d.covered[1].value =
        d.fields[0].name = d.fields[1].name = all;

        ok = parse(&p, record(&d.in), false);

        if (i == 0) {
            xt_ok(!ok && memchr(room, '\0', strlen(room)) == NULL
                  && strstr(room, "d\\u0000e") != NULL,
                  "a NUL stays an escape");
            xc_heap_free(&p.heap);
        }
    }

    xt_ok(ok, "a record of nasty strings is one line of JSON");
    xt_is(names(&p, mem[1], sizeof(mem[1])), order, "of the same members");

    for (i = 0; ok && i < XC_COUNT(members); i++) {
        ok = xc_str_eq(string(&p, members[i]),
                       (xc_str_t) { nasty_read + 10,
                                    sizeof(nasty_read) - 11 });
    }

    xt_ok(ok, "whose values are what was sent, but for what is not UTF-8");
    xt_is(string(&p, "decision"), XC_STR("deny"), "none is forged");
    xc_heap_free(&p.heap);
}


static void
uri_is(const xc_policy_t *policy, const xc_gate_t *gate, const char *target,
    const char *want, const char *name)
{
    char      mem[XC_RECORD_URI_MAX];
    xc_buf_t  out;
    xc_msg_t  msg = { .method = XC_STR("GET") };
    xc_str_t  guarded = xt_guard(xc_str_z(target));

    xc_msg_set_target(&msg, guarded);
    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_uri(&out, policy, &msg, gate);
    xt_is(xc_buf_view(&out), xc_str_z(want), "%s", name);
    xt_ok(!out.overflow, "%s: it fits", name);
    xt_unguard(guarded);
}


#define MASKED  "/xc/v1/merchants/{subject}"
#define PLAIN   "/xc/v1/merchants/" USCC
#define LONG    "/xc/v1/requests?"

static void
test_uri(const xc_policy_t *policy)
{
    char       target[4096], want[XC_RECORD_URI_MAX + 1];
    size_t     i;
    xc_gate_t  unknown = { .operation = NULL };
    xc_gate_t  other = { .operation = &policy->operations[0],
                         .captures.subject = { "", 0 } };

    uri_is(policy, &unknown, PLAIN, MASKED, "at the end");
    uri_is(policy, &unknown, PLAIN "?x=1&y=%E4", MASKED "?x=1&y=%E4",
           "before a query");
    uri_is(policy, &unknown, PLAIN "?", MASKED "?", "before an empty one");
    uri_is(policy, &unknown, "http://" AUTHORITY PLAIN "?x",
           "http://" AUTHORITY MASKED "?x", "in absolute form");
    uri_is(policy, &unknown, "HTTPS://user@h:1" PLAIN,
           "HTTPS://user@h:1" MASKED, "with a port");
    uri_is(policy, &unknown, "/xc/v1/requests?", "/xc/v1/requests?",
           "a path without a subject");
    uri_is(policy, &other, "/xc/v1/requests", "/xc/v1/requests",
           "an operation without one");
    uri_is(policy, &unknown, "/xc/v1/requests?a b\xe4\x01\x7f\"<\\%41\n",
           "/xc/v1/requests?a%20b%e4%01%7f\"<\\%41%0a", "other bytes");

    /* of other paths only the words that a policy has, and no query */
    uri_is(policy, &unknown, PLAIN "/x?" USCC,
           "/xc/v1/merchants/{unknown}/{unknown}?{unread}", "one more segment");
    uri_is(policy, &unknown, "/xc/v1/merchants/" USCC "0",
           "/xc/v1/merchants/{unknown}", "one more character");
    uri_is(policy, &unknown, "/xc/v1/merchants/%39" USCC, "/xc/v1/merchants/"
           "{unknown}", "a needless encoding");
    uri_is(policy, &unknown, "//xc//v1/./merchants/" USCC "/", "//xc//v1/"
           "{unknown}/merchants/{unknown}/", "more slashes");
    uri_is(policy, &unknown, "/xc/v/" USCC, "/xc/{unknown}/{unknown}",
           "half a word");
    uri_is(policy, &unknown, "http://h", "{unknown}//{unknown}", "no path");
    uri_is(policy, &unknown, "://", "{unknown}//", "nothing at all");
    uri_is(policy, &unknown, USCC, "{unknown}", "no slash");
    uri_is(policy, &unknown, "", "", "no target");
    uri_is(policy, &unknown, "?" USCC, "?{unread}", "a query alone");

    /* 1 KiB is 1 KiB however it is reached */
    memset(target, 'x', sizeof(target));
    memcpy(target, LONG, sizeof(LONG) - 1);
    target[XC_RECORD_URI_MAX] = '\0';
    uri_is(policy, &unknown, target, target, "of 1 KiB");
    memcpy(want, target, sizeof(want));
    target[XC_RECORD_URI_MAX] = 'y';
    target[sizeof(target) - 1] = '\0';
    uri_is(policy, &unknown, target, want, "cut at 1 KiB");
    target[XC_RECORD_URI_MAX] = 'x';
    memcpy(target, PLAIN "?", sizeof(PLAIN));
    memcpy(want, MASKED "?", sizeof(MASKED));
    uri_is(policy, &unknown, target, want, "cut behind the mask");

    /* what is behind LONG divides by three */
    memset(target, 0xe4, sizeof(target));
    memcpy(target, LONG, sizeof(LONG) - 1);
    target[sizeof(target) - 1] = '\0';
    memcpy(want, LONG, sizeof(LONG) - 1);
    for (i = sizeof(LONG) - 1; i < XC_RECORD_URI_MAX; i += 3) {
        memcpy(want + i, "%e4", 3);
    }
    uri_is(policy, &unknown, target, want, "cut between two bytes");

    for (i = 0; i + 2 < sizeof(target); i += 2) {
        memcpy(target + i, "/y", 2);
    }

    memset(want, 0, sizeof(want));
    for (i = 0; i < XC_RECORD_URI_MAX; i++) {
        want[i] = "/{unknown}"[i % 10];
    }

    uri_is(policy, &unknown, target, want, "of many words");
}


/* A subject anywhere up to and over the cut. */
static void
test_uri_long(void)
{
    char       target[XC_RECORD_URI_MAX + 64], mem[XC_RECORD_URI_MAX];
    size_t     n;
    bool       ok = true;
    world_t    w;
    xc_buf_t   out;
    xc_msg_t   msg = { .method = XC_STR("PUT") };
    xc_gate_t  gate = { .operation = NULL };

    world_open(&w, "'/xc/v1/merchants/(?<subject>[0-9A-Z]{18})'",
               "'/x+/(?<subject>[0-9A-Z]{18})'", false);

    memset(target, 'x', sizeof(target));
    target[0] = '/';

    for (n = 2; n + 19 < sizeof(target); n++) {
        memset(target + 1, 'x', n - 1);
        target[n] = '/';
        memcpy(target + n + 1, USCC, 18);
        xc_msg_set_target(&msg, (xc_str_t) { target, n + 19 });

        xc_buf_init(&out, mem, sizeof(mem));
        xc_record_uri(&out, w.policy, &msg, &gate);

        ok = ok && !out.overflow
             && out.len == XC_MIN(n + 10, (size_t) XC_RECORD_URI_MAX)
             && memcmp(mem, target, XC_MIN(n + 1, out.len)) == 0
             && memchr(mem, '9', out.len) == NULL
             && (out.len < n + 10 || memcmp(mem + n + 1, "{subject}", 9) == 0);
    }

    xt_ok(ok, "a subject around the cut never shows");
    world_close(&w);
}


/* A policy of names as long and limits as high as the loader lets through. */
static xc_str_t
write_maxima(char *mem, size_t size)
{
    size_t     i;
    char       name[128];
    xc_buf_t   out;

    xc_buf_init(&out, mem, size);
    xc_buf_z(&out, "{'policy': 'p" X63 "', 'version': 'v" X63 "',"
             " 'authorities': ['h" X63 ".h" X63 ".h" X63 ".example:44443'],"
             " 'signature': {'tag': 'xc'},"
             " 'limits': {'fields': 256, 'subjects': 100, 'string': 512,"
             " 'officers': 32},"
             " 'purposes': {'u" X63 "': {'urgent': true}}, 'fields': {");

    for (i = 0; i < 256; i++) {
        (void) snprintf(name, sizeof(name), "%s'f" X8 X8 X8 X8 X8 X8 X8
                        "xxx.%03zu': {'group': 'g', 'zh': '字',",
                        i == 0 ? "" : ", ", i);
        xc_buf_z(&out, name);
        xc_buf_z(&out, " 'en': 'f', 'standard': true}");
    }

    xc_buf_z(&out, "}, 'subject_types': {'t" X63 "': {}}, 'operations': ["
             "{'id': 'o" X63 "', 'kind': 'submit', 'path': '/\\\\x22*',"
             " 'methods': ['M" "-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-" "'],"
             " 'body': {'fields': '/f', 'request_no': '/n', 'purpose': '/p',"
             " 'case_no': '/c', 'legal_basis': '/l', 'subjects': '/s',"
             " 'officers': '/o',"
             " 'window': '/w'}}], 'grants': {'all': {'groups': ['g'],"
             " 'levels': ['province']}}, 'rates': {'default': {'rate':"
             " '1000r/s'}}, 'agencies': [{'id': 'a" X63 "', 'name': '省',"
             " 'level': 'province', 'region': '310000', 'grants': ['all'],"
             " 'credentials': [{'type': 'httpsig', 'keyid': 'k" X63 "',"
             " 'alg': 'hmac-sha256', 'secret': '" SAMPLE_SECRET "'}]}]}");

    if (out.overflow) {
        bail_out("no room for the policy");
    }

    return sample_json(mem, out.len, mem);
}


/* n times a quote, as JSON or a structured field writes it. */
static void
write_quotes(xc_buf_t *out, size_t n)
{
    for ( /* void */ ; n != 0; n--) {
        xc_buf_z(out, "\\\"");
    }
}


static xc_str_t
write_body(char *mem, size_t size)
{
    size_t    i;
    char      name[128];
    xc_buf_t  out;

    xc_buf_init(&out, mem, size);
    xc_buf_z(&out, "{\"p\": \"u" X63 "\", \"w\": {\"from\": \"2026-10-01\","
             " \"to\": \"2026-10-02\"}, \"n\": \"");
    write_quotes(&out, 512);
    xc_buf_z(&out, "\", \"c\": \"");
    write_quotes(&out, 512);
    xc_buf_z(&out, "\", \"l\": \"");
    write_quotes(&out, 512);
    xc_buf_z(&out, "\", \"f\": [");

    for (i = 0; i < 256; i++) {
        (void) snprintf(name, sizeof(name), "%s\"f" X8 X8 X8 X8 X8 X8 X8
                        "xxx.%03zu\"", i == 0 ? "" : ", ", i);
        xc_buf_z(&out, name);
    }

    xc_buf_z(&out, "], \"o\": [");

    for (i = 0; i < 32; i++) {
        xc_buf_z(&out, i == 0 ? "" : ", ");
        xc_buf_z(&out, "{\"certificate\": \"1\"}");
    }

    xc_buf_z(&out, "], \"s\": [");

    for (i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof(name), "%s{\"type\": \"t" X63
                        "\", \"id\"", i == 0 ? "" : ", ");
        xc_buf_z(&out, name);
        (void) snprintf(name, sizeof(name), ": \"%zu\"}", i);
        xc_buf_z(&out, name);
    }

    xc_buf_z(&out, "]}");

    if (out.overflow) {
        bail_out("no room for the body");
    }

    return xc_buf_view(&out);
}


/* Signature-Input and Signature of all the room that they may take, most of
 * it a proxy's label of quotes. */
static void
sign_maxima(request_t *r, const xc_key_t *key, char *input_mem, char *value_mem)
{
    size_t          len = 32;
    uint8_t         bytes[XC_SIGNATURE_MAX];
    xc_str_t        base;
    xc_buf_t        input, value;
    xc_sfv_list_t   dict;

    xc_buf_init(&input, input_mem, 2048);
    xc_buf_z(&input, "sig=(\"@method\" \"@authority\" \"@path\" "
             "\"content-type\" \"content-digest\" \"x-note\");created=");
    xc_buf_i64(&input, r->clock.now_s);
    xc_buf_z(&input, ";keyid=\"k" X63 "\";nonce=\"");
    write_quotes(&input, 128);
    xc_buf_z(&input, "\";tag=\"xc\"");

    if (xc_sfv_parse_dict(&r->heap.arena, xc_buf_view(&input), &dict) != XC_OK
        || xc_sig_base(&r->heap.arena, &r->msg, r->lines[0].value,
                       &dict.members[0].item, &base, NULL) != XC_OK
        || xc_key_sign(key, base, bytes, &len) != XC_OK)
    {
        bail_out("no signature");
    }

    xc_buf_z(&input, ", p=();a=\"");
    write_quotes(&input, (2048 - input.len - 1) / 2);
    xc_buf_char(&input, '"');

    xc_buf_init(&value, value_mem, 1536);
    xc_buf_z(&value, "sig=:");
    xc_b64_encode(XC_B64_STD, &value, bytes, len);
    xc_buf_z(&value, ":, p=:");

    while (value.len + 5 <= 1536) {
        xc_buf_z(&value, "////");
    }

    xc_buf_char(&value, ':');

    request_line(r, "Signature-Input", xc_buf_view(&input));
    request_line(r, "Signature", xc_buf_view(&value));
}


typedef struct {
    char  policy[65536], body[65536], target[2048], digest[XC_GATE_DIGEST_MAX],
          input[2048], value[1536], host[256],
          note[XC_SIGBASE_COVERED_MAX - sizeof("x-notecontent-type"
                                               "application/json") + 1];
} maxima_t;

/* The world of a policy of its own. */
static void
maxima_world(world_t *w, maxima_t *m)
{
    xc_str_t             text = write_maxima(m->policy, sizeof(m->policy));
    xc_policy_faults_t   faults;

    *w = (world_t) { .clock = { SAMPLE_NOW_S, 1000000 } };
    xc_heap_init(&w->heap, 0);

    if (xc_policy_load(&w->heap.arena, text, NULL, SAMPLE_NOW_S, &faults,
                       &w->policy) != XC_OK)
    {
        printf("# " XC_STR_FMT ": " XC_STR_FMT "\n",
               XC_STR_ARG(faults.list[0].path),
               XC_STR_ARG(faults.list[0].message));
        bail_out("the policy of maxima does not load");
    }

    world_map(w, false);
    w->conf = (xc_gate_conf_t) {
        .policy = w->policy, .places = w->places, .map = &w->map,
        .accept = { { 1u << XC_SCHEME_HTTPSIG }, 1 }, .body_max = 1 << 20,
        .observe_until_s = INT64_MIN,
    };
}


static void
maxima_request(request_t *r, const world_t *w, maxima_t *m)
{
    uint8_t    hash[XC_SHA256_SIZE];
    xc_buf_t   digest, host;

    *r = (request_t) { .clock = w->clock };
    xc_heap_init(&r->heap, 0);
    r->body = write_body(m->body, sizeof(m->body));
    r->msg = (xc_msg_t) {
        .method = w->policy->operations[0].methods[0], .headers = r->lines,
        .tls = true, .body = true, .content_length = -1,
        .client_text = XC_STR("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
    };

    memset(m->target, '"', sizeof(m->target));
    m->target[0] = '/';
    xc_msg_set_target(&r->msg, (xc_str_t) { m->target, sizeof(m->target) });

    xc_buf_init(&host, m->host, sizeof(m->host));
    xc_buf_str(&host, w->policy->authorities[0].host);
    xc_buf_z(&host, ":44443");
    request_line(r, "Host", xc_buf_view(&host));
    request_line(r, "Content-Type", XC_STR("application/json"));

    xc_buf_init(&digest, m->digest, sizeof(m->digest));
    xc_buf_z(&digest, "sha-256=:");
    if (xc_hash(XC_HASH_SHA256, r->body.data, r->body.len, hash) != XC_OK) {
        bail_out("no hash");
    }
    xc_b64_encode(XC_B64_STD, &digest, hash, sizeof(hash));
    xc_buf_z(&digest, ":, x=\"");
    write_quotes(&digest, (sizeof(m->digest) - digest.len - 1) / 2);
    xc_buf_char(&digest, '"');
    request_line(r, "Content-Digest", xc_buf_view(&digest));

    memset(m->note, '"', sizeof(m->note));
    request_line(r, "X-Note", (xc_str_t) { m->note, sizeof(m->note) });

    sign_maxima(r, w->policy->agencies[0].credentials[0].key, m->input,
                m->value);
}


static void
test_maxima(void)
{
    world_t               w;
    request_t             r;
    maxima_t             *m = malloc(sizeof(maxima_t));
    parsed_t              p;
    char                  subject[XC_X509_SUBJECT_MAX];
    xc_str_t              line;
    xc_agency_t           via = { .index = 0 };
    xc_credential_t       mtls = { .scheme = XC_SCHEME_MTLS };
    xc_certificate_t      certificate = { .verified = true };
    xc_record_decision_t  in;

    if (m == NULL) {
        bail_out("no memory");
    }

    maxima_world(&w, m);
    maxima_request(&r, &w, m);
    request_run(&r, &w);

    if (!xt_ok(r.rc == XC_OK, "a request of all maxima is admitted")) {
        printf("# " XC_STR_FMT ": " XC_STR_FMT "\n",
               XC_STR_ARG(reason_code(r.gate.verdict.reason)),
               XC_STR_ARG(r.gate.verdict.detail));
    }

    in = (xc_record_decision_t) {
        .id = XC_STR(ID), .tls = XC_STR("TLSv1.3"), .msg = &r.msg,
        .policy = w.policy, .gate = &r.gate,
        .subject_key = subject_key(&w.heap.arena)
    };
    line = record(&in);
    xt_ok(line.len != 0 && parse(&p, line, false), "its record of %zu bytes"
          " fits %d", line.len, XC_RECORD_MAX);

    xt_ok(r.gate.request.n_fields == 256 && r.gate.request.n_subjects == 100
          && string(&p, "signature_input").len >= 2047
          && string(&p, "signature").len > 1530
          && string(&p, "content_digest").len > XC_GATE_DIGEST_MAX - 2
          && string(&p, "uri").len == XC_RECORD_URI_MAX
          && string(&p, "legal_basis").len == 512
          && xc_json_size(xc_json_member(p.root, XC_STR("officers"))) == 32
          && xc_json_size(xc_json_member(p.root, XC_STR("covered"))) == 2
          && string(&p, "host").len > 200, "and holds all of them");
    xt_ok(xc_json_member(p.root, XC_STR("cut")) == NULL, "nothing is cut");
    xc_heap_free(&p.heap);

    /* what other schemes and an intermediary add */
    memset(subject, '"', sizeof(subject));
    via.id = (xc_str_t) { subject, 64 };
    mtls.keyid = (xc_str_t) { subject, sizeof(subject) };
    r.gate.auth.via = &via;
    r.gate.auth.credential = &mtls;
    r.gate.auth.evidence.certificate = &certificate;
    r.gate.auth.evidence.token_sha256 = certificate.sha256;
    line = record(&in);
    xt_ok(line.len != 0 && parse(&p, line, false)
          && string(&p, "credential").len == sizeof("mtls:") - 1
                                             + XC_X509_SUBJECT_MAX
          && string(&p, "token").len == 64
          && xc_json_member(p.root, XC_STR("cut")) == NULL,
          "all credentials and an intermediary: %zu bytes", line.len);
    xc_heap_free(&p.heap);

    request_free(&r);
    world_close(&w);
    free(m);
}


/* Which members a refusal has to leave out. */
static void
cut_is(const xc_record_decision_t *in, const char *want, const char *name)
{
    size_t            i;
    char              mem[512];
    xc_str_t          line = record(in);
    xc_buf_t          out;
    parsed_t          p;
    const xc_json_t  *cut;

    if (!xt_ok(line.data != NULL && parse(&p, line, false),
               "%s: a record of %zu bytes", name, line.len))
    {
        return;
    }

    cut = xc_json_member(p.root, XC_STR("cut"));
    xc_buf_init(&out, mem, sizeof(mem));

    for (i = 0; cut != NULL && i < xc_json_size(cut); i++) {
        xc_buf_str(&out, xc_json_string(xc_json_element(cut, i)));
        xc_buf_char(&out, ' ');

        if (xc_json_member(p.root, xc_json_string(xc_json_element(cut, i)))
            != NULL)
        {
            xc_buf_z(&out, "(is there) ");
        }
    }

    xt_is(xc_buf_view(&out), xc_str_z(want), "%s: cut", name);
    xt_is(string(&p, "reason"), XC_STR("field-unknown"), "%s: reason", name);
    xc_heap_free(&p.heap);
}


static void
test_cut(const xc_policy_t *policy)
{
    char        *big = malloc(262144);
    size_t       i;
    whole_t      d;
    xc_buf_t     out;
    xc_asked_t  *asked = calloc(256, sizeof(xc_asked_t));

    if (big == NULL || asked == NULL) {
        bail_out("no memory");
    }

    memset(big, '"', 262144);

    whole_init(&d, policy);
    cut_is(&d.in, "", "a small one");

    d.gate.request.case_no = (xc_str_t) { big, 262144 };
    cut_is(&d.in, "case_no ", "a body of one string");

    /* not what did not fit, but what is long */
    whole_init(&d, policy);
    d.gate.authority = (xc_str_t) { big, 32500 };
    d.gate.auth.evidence.signature = XC_STR(X63 X63 X63 X63 X63 X63 X63);
    cut_is(&d.in, "host ", "a long host");

    whole_init(&d, policy);
    d.gate.content_digest = (xc_str_t) { big, 20000 };
    d.gate.authority = (xc_str_t) { big, 20000 };
    d.msg.method = (xc_str_t) { big, 10000 };
    cut_is(&d.in, "content_digest ", "the longest of three");

    whole_init(&d, policy);
    d.msg.method = d.gate.authority = d.gate.request.request_no =
    d.gate.request.purpose = d.gate.request.case_no =
    d.gate.request.legal_basis = d.gate.request.approval =
    d.gate.request.category = d.gate.request.region =
    d.gate.content_digest = (xc_str_t) { big, 262144 };
    cut_is(&d.in, "method host request_no purpose case_no legal_basis approval"
           " category region content_digest ", "a lot of long ones");

    /* 256 names of 64 quotes, all of them refused */
    whole_init(&d, policy);
    for (i = 0; i < 256; i++) {
        asked[i] = (xc_asked_t) { .name = { big, 64 },
                                  .refused = XC_REASON_FIELD_UNKNOWN };
    }
    d.gate.request.fields = asked;
    d.gate.request.n_fields = 256;
    cut_is(&d.in, "refused ", "a long list of refused fields");

    /* an admission is never cut */
    whole_init(&d, policy);
    d.gate.verdict.reason = XC_REASON_NONE;
    d.gate.request.case_no = (xc_str_t) { big, 262144 };
    xc_buf_init(&out, room, XC_RECORD_MAX);
    xt_ok(xc_record_decision(&out, &d.in) == XC_ELIMIT,
          "an admission is not cut");

    d.gate.verdict.reason = XC_REASON_PURPOSE_NOT_ALLOWED;
    d.gate.observed = true;
    xt_ok(xc_record_decision(&out, &d.in) == XC_ELIMIT,
          "nor what observe would let go on");

    /* whatever the room: whole JSON or nothing */
    whole_init(&d, policy);
    for (i = 0; i < 1200; i++) {
        parsed_t  p;

        xc_buf_init(&out, room, i);
        if (xc_record_decision(&out, &d.in) != XC_OK) {
            continue;
        }

        if (out.len > i || !parse(&p, xc_buf_view(&out), false)) {
            break;
        }

        xc_heap_free(&p.heap);
    }

    xt_ok(i == 1200, "a record fits its room or is none, whatever the room");

    free(asked);
    free(big);
}


static void
test_outcome(void)
{
    char                 mem[XC_RECORD_OUTCOME_MAX], worst[128];
    xc_buf_t             out;
    parsed_t             p;
    xc_record_outcome_t  in;

    static const uint8_t  sha256[XC_SHA256_SIZE] = { 0xab, [31] = 0x01 };

    in = (xc_record_outcome_t) {
        XC_STR(ID), 200, 17, sha256, XC_STR("final"), XC_STR("127.0.0.1:80"),
        200, 5, true
    };

    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_outcome(&out, &in);
    xc_record_outcome_seq(&out, 41);
    xt_is(xc_buf_view(&out), XC_STR("\"event\":\"outcome\",\"id\":\"" ID "\","
          "\"status\":200,\"bytes\":17,\"answer_sha256\":\"ab"
          "000000000000000000000000000000"
          "00000000000000000000000000000001\",\"reply\":\"final"
          "\",\"upstream\":\"127.0.0.1:80\",\"upstream_status\":200,\"ms\":5,"
          "\"complete\":true,\"decision_seq\":41"), "an outcome");

    in = (xc_record_outcome_t) { .id = XC_STR(ID), .status = 499 };
    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_outcome(&out, &in);
    xt_is(xc_buf_view(&out), XC_STR("\"event\":\"outcome\",\"id\":\"" ID "\","
          "\"status\":499,\"bytes\":0,\"ms\":0,\"complete\":false"),
          "one of nothing");

    memset(worst, 0xff, sizeof(worst));
    in = (xc_record_outcome_t) {
        { worst, sizeof(worst) }, UINT32_MAX, UINT64_MAX, sha256,
        { worst, sizeof(worst) }, { worst, sizeof(worst) }, UINT32_MAX,
        UINT64_MAX, false
    };

    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_outcome(&out, &in);
    xc_record_outcome_seq(&out, UINT64_MAX);
    xt_ok(!out.overflow && memcmp(mem + out.len - 20, "18446744073709551615",
                                  20) == 0,
          "the worst of outcomes takes %zu bytes", out.len);

    memset(worst, '\n', sizeof(worst));
    in.bytes = in.ms = 1;
    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_outcome(&out, &in);
    xc_record_outcome_seq(&out, 2);
    xt_ok(parse(&p, xc_buf_view(&out), false) && string(&p, "reply").len == 64
          && string(&p, "upstream").len == 64, "a nasty one is one line");
    xc_heap_free(&p.heap);

    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_summary(&out, &(xc_record_summary_t) {
        .network = XC_STR("203.0.113.0/24"), .count = 7,
        .reason = XC_REASON_CREDENTIAL_MISSING, .last_us = 1500000 });
    xt_is(xc_buf_view(&out), XC_STR("\"event\":\"summary\",\"client\":"
          "\"203.0.113.0/24\",\"reason\":\"credential-missing\",\"count\":"
          "7,\"first\":\"1970-01-01T00:00:00.000000Z\",\"last\":"
          "\"1970-01-01T00:00:01.500000Z\""), "a summary of refusals");

    xc_buf_init(&out, mem, sizeof(mem));
    xc_record_summary(&out, &(xc_record_summary_t) {
        .format = XC_STR("html"), .count = 1 });
    xt_is(xc_buf_view(&out), XC_STR("\"event\":\"summary\",\"format\":\"html"
          "\",\"count\":1,\"first\":\"1970-01-01T00:00:00.000000Z\","
          "\"last\":\"1970-01-01T00:00:00.000000Z\""), "a summary of reads");
}


/* Into room of size; its names or what went wrong. */
static xc_str_t
problem(parsed_t *p, const xc_gate_t *gate, size_t size, char *mem,
    size_t mem_size)
{
    xc_rc_t   rc;
    xc_buf_t  out;

    xc_buf_init(&out, room, size);
    rc = xc_problem_write(&out, gate, XC_STR(ID), SAMPLE_NOW_S);

    if (rc != XC_OK) {
        xc_heap_init(&p->heap, 0);
        return rc == XC_ELIMIT ? XC_STR("too long") : XC_STR("failed");
    }

    return parse(p, xc_buf_view(&out), true) ? names(p, mem, mem_size)
                                             : XC_STR("not JSON");
}


#define ALWAYS  "type title title_zh status detail detail_zh instance contact "

static void
test_problem(const xc_policy_t *policy)
{
    char      mem[512];
    whole_t   d;
    parsed_t  p;

    whole_init(&d, policy);
    d.gate.verdict.detail = (xc_str_t) { nasty + 10, sizeof(nasty) - 11 };
    d.fields[1].name = d.gate.verdict.detail;

    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem)),
          XC_STR(ALWAYS "basis remedy_zh fields "), "a problem's members");
    xt_is(string(&p, "type"), XC_STR("urn:xc:field-unknown"), "type");
    xt_is(string(&p, "instance"), XC_STR("urn:xc:request:" ID), "instance");
    xt_is(string(&p, "contact"), XC_STR("/.well-known/xc-intake"), "contact");
    xt_is(string(&p, "basis"), XC_STR("platform"), "basis");
    xt_is(string(&p, "detail"), (xc_str_t) { nasty_read + 10,
                                             sizeof(nasty_read) - 11 },
          "detail, nasty");
    xt_ok(xc_json_int(xc_json_member(p.root, XC_STR("status"))) == 403
          && string(&p, "title").len != 0 && string(&p, "title_zh").len != 0
          && string(&p, "detail_zh").len != 0
          && string(&p, "remedy_zh").len != 0, "status and texts");
    xt_ok(xc_json_size(xc_json_member(p.root, XC_STR("fields"))) == 1
          && xc_json_pointer(p.root, XC_STR("/fields/0/field")) != NULL
          && xc_str_eq(xc_json_string(xc_json_pointer(p.root,
                                              XC_STR("/fields/0/reason"))),
                       XC_STR("field-unknown")), "only what is refused");
    xc_heap_free(&p.heap);

    d.gate.authenticated = false;
    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem)),
          XC_STR(ALWAYS), "nothing more for a stranger");
    xc_heap_free(&p.heap);

    d.gate.verdict.reason = XC_REASON_SIGNATURE_STALE;
    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem)),
          XC_STR(ALWAYS "server_time "), "but the time, to a stale one");
    xt_is(string(&p, "server_time"), XC_STR("2026-11-22T00:00:00Z"), "in UTC");
    xc_heap_free(&p.heap);

    d.gate.verdict.reason = XC_REASON_STARTING;
    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem)),
          XC_STR(ALWAYS "retry "), "a 503 asks for a new nonce");
    xt_is(string(&p, "retry"), XC_STR("new nonce"), "in these words");
    xc_heap_free(&p.heap);

    d.gate.authenticated = true;
    d.gate.verdict = (xc_verdict_t) { .reason = XC_REASON_SUBJECT_REQUIRED };
    (void) problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem));
    xt_is(string(&p, "basis"), XC_STR("law"), "the law's own rule");
    xt_is(string(&p, "detail"), string(&p, "title"), "no detail: the title");
    xc_heap_free(&p.heap);

    d.gate.verdict.reason = XC_REASON_NONE;
    (void) problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem));
    xt_is(string(&p, "type"), XC_STR("urn:xc:internal-error"),
          "no reason is no admission");
    xc_heap_free(&p.heap);
}


static void
test_problem_long(const xc_policy_t *policy)
{
    char         mem[512], quotes[64];
    bool         with = true;
    size_t       i, least, whole, bad = 0;
    whole_t      d;
    parsed_t     p;
    xc_str_t     got;
    xc_asked_t  *asked = calloc(600, sizeof(xc_asked_t));

    if (asked == NULL) {
        bail_out("no memory");
    }

    memset(quotes, '"', sizeof(quotes));

    for (i = 0; i < 600; i++) {
        asked[i] = (xc_asked_t) { .name = { quotes, sizeof(quotes) },
                                  .refused = XC_REASON_APPROVAL_REQUIRED };
    }

    whole_init(&d, policy);
    d.gate.request.fields = asked;

    /* as many as a policy may allow */
    d.gate.request.n_fields = XC_POLICY_LIMIT_FIELDS;
    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem)),
          XC_STR(ALWAYS "basis remedy_zh fields "), "256 refused fields");
    xt_ok(xc_json_size(xc_json_member(p.root, XC_STR("fields"))) == 256,
          "are all told");
    xc_heap_free(&p.heap);

    d.gate.request.n_fields = 600;
    xt_is(problem(&p, &d.gate, XC_PROBLEM_MAX - 256, mem, sizeof(mem)),
          XC_STR(ALWAYS "basis remedy_zh "), "600 are left out");
    xc_heap_free(&p.heap);

    /* in every room between nothing and all: without the list, or whole */
    d.gate.request.n_fields = 2;
    memset(room, 0, sizeof(room));
    (void) problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem));
    xc_heap_free(&p.heap);
    whole = strlen(room);

    d.gate.request.n_fields = 0;
    memset(room, 0, sizeof(room));
    (void) problem(&p, &d.gate, XC_PROBLEM_MAX, mem, sizeof(mem));
    xc_heap_free(&p.heap);
    least = strlen(room);

    d.gate.request.n_fields = 2;

    for (i = least - 20; i < whole + 20; i++) {
        got = problem(&p, &d.gate, i, mem, sizeof(mem));
        with = xc_str_eq(got, XC_STR(ALWAYS "basis remedy_zh fields "));
        bad += i < least ? !xc_str_eq(got, XC_STR("too long"))
               : i < whole ? !xc_str_eq(got,
                                        XC_STR(ALWAYS "basis remedy_zh "))
               : !with;
        xc_heap_free(&p.heap);
    }

    xt_ok(bad == 0 && whole > least + 100, "a problem in %zu to %zu bytes",
          least, whole);

    free(asked);
}


static void
accept_is(const xc_policy_t *policy, const char *target, bool body,
    const char *want)
{
    char      mem[512];
    xc_buf_t  out;
    xc_msg_t  msg = { .body = body };

    xc_msg_set_target(&msg, xc_str_z(target));
    xc_buf_init(&out, mem, sizeof(mem));
    xc_problem_accept_signature(&out, policy, &msg, XC_STR("a1"));
    xt_is(xc_buf_view(&out), xc_str_z(want), "Accept-Signature of %s", target);
}


int
main(void)
{
    world_t  w;

    world_open(&w, NULL, NULL, false);

    test_members(w.policy);
    test_nasty(w.policy);
    test_uri(w.policy);
    test_uri_long();
    test_maxima();
    test_cut(w.policy);
    test_outcome();
    test_problem(w.policy);
    test_problem_long(w.policy);

    accept_is(w.policy, "/a", false, "sig=(\"@method\" \"@authority\""
              " \"@path\");created;nonce=\"a1\";tag=\"xc\"");
    accept_is(w.policy, "/a?", true, "sig=(\"@method\" \"@authority\""
              " \"@path\" \"@query\" \"content-type\" \"content-digest\")"
              ";created;nonce=\"a1\";tag=\"xc\"");

    world_close(&w);

    return xt_done();
}
