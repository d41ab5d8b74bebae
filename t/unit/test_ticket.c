/* XC-Request: what is written is read again, and nothing else is. */

#include "xt.h"
#include "xc_b64.h"
#include "xc_crypto.h"
#include "xc_ticket.h"

#include <stdio.h>
#include <stdlib.h>


#define KEY     "0123456789abcdef0123456789abcdef"
#define ID      "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

static xc_heap_t        heap;
static const xc_mac_t  *key, *other_key;

static xc_str_t  fields[] = { { "merchant.name", 13 },
                              { "merchant.uscc", 13 } };

static xc_ticket_subject_t  subjects[2];

static size_t  covered[] = { 1, 0 };


static void
bail_out(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(2);
}


static xc_ticket_t
sample(void)
{
    return (xc_ticket_t) {
        .id = XC_STR(ID), .record = XC_STR("node-1:1234"),
        .policy = XC_STR("cn"), .authority = XC_STR("platform.example:8443"),
        .agency = XC_STR("310115"), .via = XC_STR("smart"),
        .purpose = XC_STR("case_investigation"),
        .request_no = XC_STR("沪市监协查〔2026〕1182号"),
        .case_no = XC_STR("a \"case\" \\ no"),
        .approval = XC_STR("沪市监协特〔2026〕7号"),
        .fields = fields, .n_fields = 2,
        .consent = { XC_STR("310000-2026"), { 1, 2, 255 }, covered, 2, 1900 },
        .asks = XC_TICKET_SUBJECTS,
        .subjects = subjects, .n_subjects = 2, .expires_s = 1800000000
    };
}


static xc_str_t
written(const xc_mac_t *under, const xc_ticket_t *ticket)
{
    char      mem[XC_TICKET_MAX];
    xc_buf_t  out;
    xc_str_t  text = XC_STR_NONE;

    xc_buf_init(&out, mem, sizeof(mem));

    if (xc_ticket_write(under, ticket, &out) != XC_OK
        || xc_arena_dup(&heap.arena, xc_buf_view(&out), &text) != XC_OK)
    {
        bail_out("a ticket can't be written");
    }

    return text;
}


static xc_rc_t
read_guarded(const xc_mac_t *under, xc_str_t text, xc_ticket_t *out)
{
    xc_rc_t   rc;
    xc_str_t  guarded = xt_guard(text);

    rc = xc_ticket_read(&heap.arena, under, guarded, out);
    xt_unguard(guarded);

    return rc;
}


static bool
same(const xc_ticket_t *a, const xc_ticket_t *b)
{
    size_t  i;

    if (a->n_fields != b->n_fields || a->n_subjects != b->n_subjects
        || a->consent.n_fields != b->consent.n_fields
        || a->consent.ends_s != b->consent.ends_s
        || memcmp(a->consent.key, b->consent.key, XC_TICKET_KEY_IDENTITY) != 0
        || a->asks != b->asks || a->expires_s != b->expires_s)
    {
        return false;
    }

    for (i = 0; i < a->n_fields; i++) {
        if (!xc_str_eq(a->fields[i], b->fields[i])) {
            return false;
        }
    }

    for (i = 0; i < a->consent.n_fields; i++) {
        if (a->consent.fields[i] != b->consent.fields[i]) {
            return false;
        }
    }

    for (i = 0; i < a->n_subjects; i++) {
        if (memcmp(a->subjects[i].mac, b->subjects[i].mac,
                   XC_TICKET_SUBJECT_SIZE) != 0)
        {
            return false;
        }
    }

#define SAME(m)                                                               \
    (xc_str_eq(a->m, b->m) && (a->m.data == NULL) == (b->m.data == NULL))

    return SAME(id) && SAME(record) && SAME(policy) && SAME(authority)
           && SAME(agency) && SAME(via)
           && SAME(purpose) && SAME(request_no) && SAME(case_no)
           && SAME(approval) && SAME(consent.kid);
}


static void
round_trips(void)
{
    size_t       i;
    xc_ticket_t  in = sample(), out;

    xt_ok(read_guarded(key, written(key, &in), &out) == XC_OK
          && same(&in, &out), "all members come back");

    in.via = in.case_no = in.approval = XC_STR_NONE;
    in.consent = (xc_ticket_consent_t) { .n_fields = 0 };
    in.subjects = NULL;
    in.n_subjects = 0;

    for (i = 0; i < XC_TICKET_ASKS_COUNT; i++) {
        in.asks = (xc_ticket_asks_t) i;
        xt_ok(read_guarded(key, written(key, &in), &out) == XC_OK
              && same(&in, &out), "none but the required members, asks %zu", i);
    }

    in.n_fields = 0;
    xt_ok(read_guarded(key, written(key, &in), &out) == XC_OK
          && same(&in, &out), "no fields");
}


/* A header's value, and one part of it in the clear. */
static void
shape(void)
{
    size_t       i, len, dots = 0;
    uint8_t      bytes[XC_TICKET_MAX];
    xc_str_t     text, json;
    xc_ticket_t  in = sample();

    text = written(key, &in);

    for (i = 0; i < text.len; i++) {
        dots += text.data[i] == '.';

        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789-_.", text.data[i]) == NULL)
        {
            break;
        }
    }

    xt_ok(i == text.len && dots == 1, "base64url, a dot, base64url");

    json = (xc_str_t) { text.data, text.len - 44 };

    if (xc_b64_decode(XC_B64_URL, json, bytes, &len) != XC_OK) {
        bail_out("the first part is no base64url");
    }

    json = (xc_str_t) { (char *) bytes, len };

    xt_is(json, XC_STR("{\"expires\":1800000000,\"id\":\"" ID "\",\"record\":"
                       "\"node-1:1234\",\"policy\":\"cn\",\"authority\":"
                       "\"platform.example:8443\","
                       "\"agency\":\"310115\",\"via\":\"smart\""
                       ",\"purpose\":\"case_investigation\",\"request_no\":"
                       "\"沪市监协查〔2026〕1182号\",\"case_no\":"
                       "\"a \\\"case\\\" \\\\ no\",\"approval\":"
                       "\"沪市监协特〔2026〕7号\",\"asks\":\"subjects\",\"fields\":"
                       "[\"merchant.name\",\"merchant.uscc\"],\"subjects\":"
                       "[\"AQIDBAUGBwgJCgsM\",\"__________79_P__\"],"
                       "\"consent\":{\"kid\":\"310000-2026\",\"key\":"
                       "\"AQL_AAAAAAAAAAAAAAAAAA\",\"fields\":[1,0],"
                       "\"ends\":1900}}"),
          "what anybody can read");
}


static void
every_octet(void)
{
    char         mem[XC_TICKET_MAX];
    size_t       i, bit, passed = 0, left = 0;
    xc_str_t     text, cut;
    xc_ticket_t  in = sample(), out, untouched = { .expires_s = 7 };

    text = written(key, &in);
    out = untouched;

    for (i = 0; i < text.len; i++) {
        for (bit = 0; bit < 8; bit++) {
            memcpy(mem, text.data, text.len);
            mem[i] = (char) (mem[i] ^ 1 << bit);
            passed += xc_ticket_read(&heap.arena, key,
                                     (xc_str_t) { mem, text.len }, &out)
                      != XC_DENIED;
        }
    }

    xt_ok(passed == 0, "no bit can be another (%zu)", passed);

    for (i = 0; i < text.len; i++) {
        cut = (xc_str_t) { text.data, i };
        left += read_guarded(key, cut, &out) != XC_DENIED;
        cut = (xc_str_t) { text.data + i + 1, text.len - i - 1 };
        left += read_guarded(key, cut, &out) != XC_DENIED;
    }

    xt_ok(left == 0, "nor one be missing at an end (%zu)", left);

    memcpy(mem, text.data, text.len);
    mem[text.len] = 'A';
    xt_ok(xc_ticket_read(&heap.arena, key, (xc_str_t) { mem, text.len + 1 },
                         &out) == XC_DENIED, "nor one be more");
    xt_ok(out.expires_s == 7 && out.id.data == NULL,
          "and what was to be set is as it was");

    xt_ok(read_guarded(other_key, text, &out) == XC_DENIED,
          "another key's is not one");
}


/* Whoever holds the key, of another version say, and what it makes. */
static xc_rc_t
read_signed(const char *json)
{
    char         mem[XC_TICKET_MAX * 2], labelled[sizeof(mem)];
    uint8_t      mac[XC_SHA256_SIZE];
    xc_buf_t     out, text;
    xc_ticket_t  ticket;

    xc_buf_init(&out, mem, sizeof(mem));
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) json, strlen(json));

    xc_buf_init(&text, labelled, sizeof(labelled));
    xc_buf_z(&text, "xc ticket 1\n");
    xc_buf_str(&text, xc_buf_view(&out));

    if (text.overflow
        || xc_mac_compute(key, xc_buf_view(&text), mac) != XC_OK)
    {
        bail_out("no MAC");
    }

    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, mac, sizeof(mac));

    return read_guarded(key, xc_buf_view(&out), &ticket);
}


#define WHERE   "\"policy\":\"p\",\"authority\":\"h\""

/* of the field "f" */
#define CONSENT(fields)                                                       \
    "{" WHERE ",\"expires\":1,\"id\":\"i\",\"record\":\"r\","                 \
    "\"agency\":\"a\","                                                       \
    "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\",\"fields\":"    \
    "[\"f\"],\"consent\":{\"kid\":\"k\",\"ends\":1,\"key\":"                  \
    "\"AQL_AAAAAAAAAAAAAAAAAA\",\"fields\":" fields "}}"

#define WHOLE   WHERE "," PART

#define PART                                                                  \
    "\"expires\":1,\"id\":\"i\",\"record\":\"r\",\"agency\":\"a\","           \
    "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\",\"fields\":[]"

static void
other_content(void)
{
    size_t  i;

    static const char *const  refused[] = {
        "", "{", "[]", "1", "{" WHOLE "}x",
        "{" WHOLE ",\"more\":1}",
        "{" WHOLE ",\"via\":1}",
        "{" WHOLE ",\"via\":null}",
        "{" WHOLE ",\"id\":\"j\"}",
        "{" WHOLE ",\"subjects\":[]}",
        "{" WHOLE ",\"subjects\":{\"a\":\"AQIDBAUGBwgJCgsM\"}}",
        "{" WHOLE ",\"subjects\":[\"AQIDBAUGBwgJCgs\"]}",
        "{" WHOLE ",\"subjects\":[\"AQIDBAUGBwgJCgs=\"]}",
        "{" WHOLE ",\"subjects\":[12]}",
        "{" WHOLE ",\"subjects\":[[\"AQIDBAUGBwgJCgsM\"]]}",
        CONSENT("[1]"), CONSENT("[-1]"), CONSENT("[\"f\"]"), CONSENT("[0.0]"),
        CONSENT("{}"), CONSENT("[0],\"more\":1"), CONSENT("[[0]]"),
        "{" WHOLE ",\"consent\":{}}", "{" WHOLE ",\"consent\":null}",
        "{" WHOLE ",\"consent\":{\"kid\":\"k\",\"ends\":1,\"key\":"
            "\"AQL_AAAAAAAAAAAAAAAAA\",\"fields\":[]}}",
        "{" WHOLE ",\"consent\":{\"kid\":\"k\",\"ends\":0,\"key\":"
            "\"AQL_AAAAAAAAAAAAAAAAAA\",\"fields\":[]}}",
        "{" WHOLE ",\"consent\":{\"kid\":1,\"ends\":1,\"key\":"
            "\"AQL_AAAAAAAAAAAAAAAAAA\",\"fields\":[]}}",
        "{" WHERE ",\"expires\":0,\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\","
            "\"fields\":[]}",
        "{" WHERE ",\"expires\":\"1\",\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\","
            "\"fields\":[]}",
        "{" WHERE ",\"expires\":1,\"id\":\"i\","
            "\"record\":\"r\",\"purpose\":\"p\","
            "\"request_no\":\"n\",\"asks\":\"sweep\",\"fields\":[]}",
        "{" WHERE ",\"expires\":1,\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"all\","
            "\"fields\":[]}",
        "{" WHERE ",\"expires\":1,\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\","
            "\"fields\":[1]}",
        "{" WHERE ",\"expires\":1,\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\","
            "\"fields\":{}}",
        "{" WHERE ",\"expires\":1,\"id\":\"i\","
            "\"record\":\"r\",\"agency\":\"a\","
            "\"purpose\":\"p\",\"request_no\":\"n\",\"asks\":\"sweep\"}",
        "{\"policy\":\"p\"," PART "}", "{\"authority\":\"h\"," PART "}",
        "{\"policy\":1,\"authority\":\"h\"," PART "}",
        "{\"policy\":\"p\",\"authority\":null," PART "}",
    };

    xt_ok(read_signed("{" WHOLE "}") == XC_OK, "the same in another order");
    xt_ok(read_signed(CONSENT("[0]")) == XC_OK
          && read_signed(CONSENT("[]")) == XC_OK, "with a token's consent");

    for (i = 0; i < XC_COUNT(refused); i++) {
        xt_ok(read_signed(refused[i]) == XC_DENIED, "content %zu: %s", i,
              refused[i]);
    }
}


static void
sizes(void)
{
    char         mem[XC_TICKET_MAX], no[XC_TICKET_MAX];
    size_t       n, longest = 0;
    xc_buf_t     out;
    xc_ticket_t  in = sample(), back;

    memset(no, 'n', sizeof(no));

    for (n = 1; n < sizeof(no); n++) {
        in.request_no = (xc_str_t) { no, n };
        xc_buf_init(&out, mem, sizeof(mem));

        if (xc_ticket_write(key, &in, &out) != XC_OK) {
            break;
        }

        longest = out.len;
    }

    xt_ok(longest <= XC_TICKET_MAX && longest > XC_TICKET_MAX - 8,
          "the longest has %zu octets", longest);
    xt_ok(out.overflow, "and one more is told by its buffer, too");

    in.request_no.len = n - 1;
    xt_ok(read_guarded(key, written(key, &in), &back) == XC_OK
          && same(&in, &back), "the longest is read");

    xc_buf_init(&out, mem, longest - 1);
    xt_ok(xc_ticket_write(key, &in, &out) == XC_ELIMIT,
          "a buffer too small by an octet");

    memset(mem, 'A', sizeof(mem));
    mem[sizeof(mem) - 44] = '.';
    xt_ok(read_guarded(key, (xc_str_t) { mem, sizeof(mem) }, &back)
          == XC_DENIED, "as long, and not one");
}


static void
subject_macs(void)
{
    char                 mem[2100];
    xc_ticket_subject_t  a, b, c, d, e, none;

    memset(mem, 'x', sizeof(mem));

    xt_ok(xc_ticket_subject(key, XC_STR("merchant"), XC_STR("1"), &a) == XC_OK
          && xc_ticket_subject(key, XC_STR("merchant"), XC_STR("1"), &b)
             == XC_OK
          && xc_ticket_subject(key, XC_STR("merchant1"), XC_STR(""), &c)
             == XC_OK
          && xc_ticket_subject(key, XC_STR("merchant"), XC_STR("2"), &d)
             == XC_OK
          && xc_ticket_subject(other_key, XC_STR("merchant"), XC_STR("1"), &e)
             == XC_OK, "subjects");
    xt_ok(memcmp(&a, &b, sizeof(a)) == 0, "the same one again");
    xt_ok(memcmp(&a, &c, sizeof(a)) != 0, "type and id don't run together");
    xt_ok(memcmp(&a, &d, sizeof(a)) != 0, "another id");
    xt_ok(memcmp(&a, &e, sizeof(a)) != 0, "another key");
    xt_ok(xc_ticket_subject(key, XC_STR("merchant"),
                            (xc_str_t) { mem, sizeof(mem) }, &none)
          == XC_ELIMIT, "an id that no policy allows");
}


static xc_rc_t
read_in(xc_arena_t *arena, void *data)
{
    xc_ticket_t  out;

    return xc_ticket_read(arena, key, *(xc_str_t *) data, &out);
}


int
main(void)
{
    xc_str_t     text;
    xc_ticket_t  in;

    static const uint8_t  low[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    static const uint8_t  high[] = { 255, 255, 255, 255, 255, 255, 255, 254,
                                     253, 252, 255, 255 };

    xc_heap_init(&heap, 0);
    memcpy(subjects[0].mac, low, sizeof(low));
    memcpy(subjects[1].mac, high, sizeof(high));

    if (xc_crypto_init() != XC_OK
        || xc_mac_new(&heap.arena, XC_STR(KEY), &key) != XC_OK
        || xc_mac_new(&heap.arena, XC_STR(KEY "x"), &other_key) != XC_OK)
    {
        bail_out("no cryptography");
    }

    in = sample();
    text = written(key, &in);

    round_trips();
    shape();
    every_octet();
    other_content();
    sizes();
    subject_macs();
    xt_oom("reading", read_in, &text);

    xc_heap_free(&heap);

    return xt_done();
}
