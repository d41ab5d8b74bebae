/* The signature base: the figures are those of RFC 9421, sections 2 and B. */

#include "xt.h"
#include "xc_b64.h"
#include "xc_crypto.h"
#include "xc_sigbase.h"


#define H(n, v)  { { (n), sizeof(n) - 1 }, { (v), sizeof(v) - 1 } }
#define DIGEST   "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwA" \
                 "gBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
#define PUBLIC   "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
#define SECRET   "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjU" \
                 "kdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="

/* The request of RFC 9421 B.2. */
static const xc_header_t  b2_lines[] = {
    H("Host", "example.com"), H("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    H("Content-Type", "application/json"), H("Content-Digest", DIGEST),
    H("Content-Length", "18")
};

/* The request of RFC 9421 B.4. */
static const xc_header_t  b4_lines[] = {
    H("Host", "example.org"), H("Date", "Fri, 15 Jul 2022 14:24:55 GMT"),
    H("Accept", "application/json"), H("Accept", "*/*")
};

/* The lines of RFC 9421 2.1. */
static const xc_header_t  fields[] = {
    H("Host", "www.example.com"), H("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
    H("X-OWS-Header", "   Leading and trailing whitespace.   "),
    H("Cache-Control", "max-age=60"), H("Cache-Control", "   must-revalidate"),
    H("Example-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
    H("X-Empty-Header", ""), H("X-Break", "a\n\"@method\": GET"),
    H("X-Return", "a\rb"), H("X-Latin", "caf\xe9"), H("X-Control", "a\x01"),
    H("X-Delete", "\x7f"), H("X-Tab", "a\tb"),
    H("Example-Header", "value, with, lots"),
    H("Example-Header", "  of, commas\t"),
    H("Other-Dict", "a=1, b=2;x=1;y=2, c=(a   b    c), d"),
    H("Other-Dict", "e=?0,a=3"),
    H("Priority", "u=1 ,  i;  a=1.50"), H("Content-Digest", "sha-256=(a),b=:"),
    H("Client-Cert-Chain", ":AA==:  ,:AQ==:"), H("Client-Cert", ":AA==:;b"),
    H("Signature", "p=:AA==:,  q=:AQ==:")
};

static const xc_msg_t  b2 = {
    .method = { "POST", 4 }, .headers = b2_lines,
    .n_headers = XC_COUNT(b2_lines), .tls = true
};

static const xc_msg_t  b4 = {
    .method = { "GET", 3 }, .headers = b4_lines,
    .n_headers = XC_COUNT(b4_lines), .tls = true
};

static const xc_msg_t  plain = {
    .method = { "POST", 4 }, .headers = fields,
    .n_headers = XC_COUNT(fields), .tls = true
};

#define B2_TARGET  "/foo?param=Value&Pet=dog"
#define B4_TARGET  "/demo?name1=Value1&Name2=value2"

typedef struct {
    const char      *name;
    const xc_msg_t  *msg;
    const char      *target, *authority;
    const char      *params;
    const char      *base;          /* all but the last line; NULL: refused */
    const char      *component;     /* that is named where refused */
} base_case_t;

static const base_case_t  cases[] = {
    { "B.2.1", &b2, B2_TARGET, "example.com",
      "();created=1618884473;keyid=\"test-key-rsa-pss\""
      ";nonce=\"b3k2pp5k7z-50gnwp.yemd\"", "", NULL },
    { "B.2.3", &b2, B2_TARGET, "example.com",
      "(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\""
      " \"content-type\" \"content-digest\" \"content-length\")"
      ";created=1618884473;keyid=\"test-key-rsa-pss\"",
      "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n"
      "\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n"
      "\"@authority\": example.com\n\"content-type\": application/json\n"
      "\"content-digest\": " DIGEST "\n\"content-length\": 18\n", NULL },
    { "2.1", &plain, "/", "www.example.com",
      "(\"host\" \"date\" \"x-ows-header\" \"cache-control\" \"example-dict\""
      " \"x-empty-header\")",
      "\"host\": www.example.com\n\"date\": Tue, 20 Apr 2021 02:07:56 GMT\n"
      "\"x-ows-header\": Leading and trailing whitespace.\n"
      "\"cache-control\": max-age=60, must-revalidate\n"
      "\"example-dict\": a=1,    b=2;x=1;y=2,   c=(a   b   c)\n"
      "\"x-empty-header\": \n", NULL },
    { "2.2", &plain, "/path?param=value", "www.example.com",
      "(\"@method\" \"@target-uri\" \"@authority\" \"@scheme\""
      " \"@request-target\" \"@path\" \"@query\");a=1.5;b=?0;c=tok;d=:AQI=:",
      "\"@method\": POST\n"
      "\"@target-uri\": https://www.example.com/path?param=value\n"
      "\"@authority\": www.example.com\n\"@scheme\": https\n"
      "\"@request-target\": /path?param=value\n\"@path\": /path\n"
      "\"@query\": ?param=value\n", NULL },
    { "2.2.7, escaped", &plain, "/path?param=value&foo=bar&baz=bat%2Dman",
      "www.example.com", "(\"@query\")",
      "\"@query\": ?param=value&foo=bar&baz=bat%2Dman\n", NULL },
    { "2.2.7, no value", &plain, "/path?queryString", "www.example.com",
      "(\"@query\")", "\"@query\": ?queryString\n", NULL },
    { "2.2.7, absent", &plain, "/path", "www.example.com", "(\"@query\")",
      "\"@query\": ?\n", NULL },
    { "2.2.7, empty", &plain, "/path?", "www.example.com", "(\"@query\")",
      "\"@query\": ?\n", NULL },
    { "2.2.6, empty", &plain, "?q", "www.example.com", "(\"@path\")",
      "\"@path\": /\n", NULL },

    { "an absent field", &plain, "/", "x", "(\"date\" \"x-none\")", NULL,
      "x-none" },
    { "upper case", &plain, "/", "x", "(\"Date\")", NULL, "Date" },
    { "no name", &plain, "/", "x", "(\"\")", NULL, "" },
    { "no token", &plain, "/", "x", "(\"da te\")", NULL, "da te" },
    { "not a string", &plain, "/", "x", "(date)", NULL, "date" },
    { "twice", &plain, "/", "x", "(\"date\" \"@path\" \"date\")", NULL,
      "date" },
    { "derived, twice", &plain, "/", "x", "(\"@path\" \"@path\")", NULL,
      "@path" },
    { "req", &plain, "/", "x", "(\"@method\";req)", NULL, "@method" },
    { "req of a field", &plain, "/", "x", "(\"date\";req)", NULL, "date" },
    { "tr", &plain, "/", "x", "(\"date\";tr)", NULL, "date" },
    { "another parameter", &plain, "/", "x", "(\"date\";z)", NULL, "date" },
    { "sf of a derived one", &plain, "/", "x", "(\"@path\";sf)", NULL,
      "@path" },
    { "name of another", &plain, "/?a=1", "x", "(\"@query\";name=\"a\")",
      NULL, "@query" },
    { "name of a field", &plain, "/?a=1", "x", "(\"date\";name=\"a\")", NULL,
      "date" },
    { "the same twice, parameters in another order", &plain, "/", "x",
      "(\"signature\";sf;key=\"p\" \"signature\";key=\"p\";sf)", NULL,
      "signature" },
    { "the same name otherwise", &plain, "/", "x",
      "(\"signature\";key=\"q\";sf \"signature\";key=\"p\" \"signature\")",
      "\"signature\";key=\"q\";sf: :AQ==:\n"
      "\"signature\";key=\"p\": :AA==:\n"
      "\"signature\": p=:AA==:,  q=:AQ==:\n", NULL },

    { "2.1.1, a dictionary", &plain, "/", "x", "(\"priority\";sf)",
      "\"priority\";sf: u=1, i;a=1.5\n", NULL },
    { "2.1.1, a list", &plain, "/", "x", "(\"client-cert-chain\";sf)",
      "\"client-cert-chain\";sf: :AA==:, :AQ==:\n", NULL },
    { "2.1.1, an item", &plain, "/", "x", "(\"client-cert\";sf)",
      "\"client-cert\";sf: :AA==:;b\n", NULL },
    { "2.1.1, of no known type", &plain, "/", "x", "(\"example-dict\";sf)",
      NULL, "example-dict" },
    { "2.1.1, not of its type", &plain, "/", "x", "(\"content-digest\";sf)",
      NULL, "content-digest" },
    { "2.1.1, absent", &plain, "/", "x", "(\"repr-digest\";sf)", NULL,
      "repr-digest" },
    { "sf with a value", &plain, "/", "x", "(\"priority\";sf=1)", NULL,
      "priority" },
    { "sf that is false", &plain, "/", "x", "(\"priority\";sf=?0)", NULL,
      "priority" },

    { "2.1.2", &plain, "/", "x", "(\"other-dict\";key=\"d\""
      " \"other-dict\";key=\"b\" \"other-dict\";key=\"c\")",
      "\"other-dict\";key=\"d\": ?1\n\"other-dict\";key=\"b\": 2;x=1;y=2\n"
      "\"other-dict\";key=\"c\": (a b c)\n", NULL },
    { "2.1.2, of two lines, the last one counts", &plain, "/", "x",
      "(\"other-dict\";key=\"a\" \"other-dict\";key=\"e\")",
      "\"other-dict\";key=\"a\": 3\n\"other-dict\";key=\"e\": ?0\n", NULL },
    { "2.1.2, no such member", &plain, "/", "x",
      "(\"other-dict\";key=\"z\")", NULL, "other-dict" },
    { "2.1.2, no dictionary", &plain, "/", "x", "(\"date\";key=\"a\")", NULL,
      "date" },
    { "2.1.2, a list", &plain, "/", "x", "(\"client-cert-chain\";key=\"a\")",
      NULL, "client-cert-chain" },
    { "2.1.2, not a string", &plain, "/", "x", "(\"other-dict\";key=a)", NULL,
      "other-dict" },
    { "2.1.2, an empty one", &plain, "/", "x", "(\"other-dict\";key=\"\")",
      NULL, "other-dict" },

    { "2.1.3", &plain, "/", "x", "(\"example-header\";bs \"date\";bs"
      " \"x-empty-header\";bs)",
      "\"example-header\";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:\n"
      "\"date\";bs: :VHVlLCAyMCBBcHIgMjAyMSAwMjowNzo1NiBHTVQ=:\n"
      "\"x-empty-header\";bs: ::\n", NULL },
    { "2.1.3, obs-text", &plain, "/", "x", "(\"x-latin\";bs)",
      "\"x-latin\";bs: :Y2Fm6Q==:\n", NULL },
    { "2.1.3, absent", &plain, "/", "x", "(\"x-none\";bs)", NULL, "x-none" },
    { "bs and sf", &plain, "/", "x", "(\"priority\";bs;sf)", NULL,
      "priority" },
    { "bs and key", &plain, "/", "x", "(\"other-dict\";key=\"a\";bs)", NULL,
      "other-dict" },

    { "2.2.8", &plain, "/path?param=value&foo=bar&baz=batman&qux=", "x",
      "(\"@query-param\";name=\"baz\" \"@query-param\";name=\"qux\""
      " \"@query-param\";name=\"param\")",
      "\"@query-param\";name=\"baz\": batman\n"
      "\"@query-param\";name=\"qux\": \n"
      "\"@query-param\";name=\"param\": value\n", NULL },
    { "2.2.8, encoded", &plain, "/parameters?var=this%20is%20a%20big%0A"
      "multiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20="
      "something", "x", "(\"@query-param\";name=\"var\""
      " \"@query-param\";name=\"bar\""
      " \"@query-param\";name=\"fa%C3%A7ade%22%3A%20\")",
      "\"@query-param\";name=\"var\": "
      "this%20is%20a%20big%0Amultiline%20value\n"
      "\"@query-param\";name=\"bar\": with%20plus%20whitespace\n"
      "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\": something\n", NULL },
    { "2.2.8, encoded anew", &plain, "/?&&a=~*-._%41%7e%zz%2&b==c&d", "x",
      "(\"@query-param\";name=\"a\" \"@query-param\";name=\"b\""
      " \"@query-param\";name=\"d\")",
      "\"@query-param\";name=\"a\": %7E*-._A%7E%25zz%252\n"
      "\"@query-param\";name=\"b\": %3Dc\n"
      "\"@query-param\";name=\"d\": \n", NULL },
    { "2.2.8, twice", &plain, "/?a=1&b=2&a=1", "x",
      "(\"@query-param\";name=\"a\")", NULL, "@query-param" },
    { "2.2.8, twice in two spellings", &plain, "/?a=1&%61=2", "x",
      "(\"@query-param\";name=\"a\")", NULL, "@query-param" },
    { "2.2.8, absent", &plain, "/?ab=1", "x",
      "(\"@query-param\";name=\"a\")", NULL, "@query-param" },
    { "2.2.8, no query", &plain, "/", "x", "(\"@query-param\";name=\"a\")",
      NULL, "@query-param" },
    { "2.2.8, a name that is not encoded", &plain, "/?a%20b=1", "x",
      "(\"@query-param\";name=\"a b\")", NULL, "@query-param" },
    { "2.2.8, not UTF-8", &plain, "/?a=%ff", "x",
      "(\"@query-param\";name=\"a\")", NULL, "@query-param" },
    { "2.2.8, a name that is not UTF-8", &plain, "/?%ff=1", "x",
      "(\"@query-param\";name=\"%FF\")", NULL, "@query-param" },
    { "2.2.8, no name", &plain, "/?a=1", "x", "(\"@query-param\")", NULL,
      "@query-param" },
    { "2.2.8, name as a token", &plain, "/?a=1", "x",
      "(\"@query-param\";name=a)", NULL, "@query-param" },
    { "2.2.8, more than a name", &plain, "/?a=1", "x",
      "(\"@query-param\";name=\"a\";z)", NULL, "@query-param" },
    { "2.2.8, of a field's kind", &plain, "/?a=1", "x",
      "(\"@query-param\";name=\"a\";bs)", NULL, "@query-param" },

    { "@status", &plain, "/", "x", "(\"@status\")", NULL, "@status" },
    { "@signature-params", &plain, "/", "x", "(\"@signature-params\")", NULL,
      "@signature-params" },
    { "a line feed", &plain, "/", "x", "(\"x-break\")", NULL, "x-break" },
    { "a carriage return", &plain, "/", "x", "(\"x-return\")", NULL,
      "x-return" },
    { "obs-text", &plain, "/", "x", "(\"x-latin\")", NULL, "x-latin" },
    { "a control", &plain, "/", "x", "(\"x-control\")", NULL, "x-control" },
    { "DEL", &plain, "/", "x", "(\"x-delete\")", NULL, "x-delete" },
    { "a tab", &plain, "/", "x", "(\"x-tab\")", "\"x-tab\": a\tb\n", NULL },
    { "a line feed in the path", &plain, "/a\nb", "x", "(\"@path\")", NULL,
      "@path" },
};


/* The one member of the list is the inner list. */
static xc_rc_t
make_base(xc_arena_t *arena, const base_case_t *c, xc_str_t *base,
    xc_str_t *component)
{
    xc_rc_t        rc;
    xc_msg_t       msg = *c->msg;
    xc_sfv_list_t  list;

    xc_msg_set_target(&msg, xc_str_z(c->target));

    rc = xc_sfv_parse_list(arena, xc_str_z(c->params), &list);

    return rc != XC_OK ? rc
           : xc_sig_base(arena, &msg, xc_str_z(c->authority),
                         &list.members[0].item, base, component);
}


static void
test_case(const base_case_t *c)
{
    xc_rc_t    rc;
    xc_str_t   base, want, component = XC_STR("untouched");
    xc_heap_t  heap;

    xc_heap_init(&heap, 0);
    rc = make_base(&heap.arena, c, &base, &component);

    if (c->base == NULL) {
        xt_ok(rc == XC_DENIED, "%s: refused: %d", c->name, rc);
        xt_is(component, xc_str_z(c->component), "%s: named", c->name);

    } else {
        want = xc_arena_printf(&heap.arena, "%s\"@signature-params\": %s",
                               c->base, c->params);
        xt_is(rc == XC_OK ? base : XC_STR("refused"), want, "%s", c->name);
    }

    xc_heap_free(&heap);
}


static void
test_signature(const char *name, const base_case_t *c, xc_alg_t alg,
    const char *signature, xc_rc_t want)
{
    size_t           len = 0;
    uint8_t          bytes[128], secret[64];
    xc_rc_t          rc;
    xc_str_t         base = XC_STR("");
    xc_heap_t        heap;
    const char      *error;
    const xc_key_t  *key;

    xc_heap_init(&heap, 0);

    if (alg == XC_ALG_ED25519) {
        rc = xc_key_public(&heap.arena, alg, XC_STR(PUBLIC), &error, &key);

    } else {
        rc = xc_b64_decode(XC_B64_STD, XC_STR(SECRET), secret, &len);
        rc = rc != XC_OK ? rc
             : xc_key_secret(&heap.arena, alg,
                             (xc_str_t) { (char *) secret, len }, &error,
                             &key);
    }

    if (rc == XC_OK) {
        rc = xc_b64_decode(XC_B64_STD, xc_str_z(signature), bytes, &len);
    }

    if (rc == XC_OK) {
        rc = make_base(&heap.arena, c, &base, NULL);
    }

    if (rc == XC_OK) {
        rc = xc_key_verify(key, base, (xc_str_t) { (char *) bytes, len });
    }

    xt_ok(rc == want, "%s: %d", name, rc);
    xc_heap_free(&heap);
}


#define B25  "(\"date\" \"@authority\" \"content-type\")"                      \
             ";created=1618884473;keyid=\"test-shared-secret\""
#define B26  "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\"" \
             " \"content-length\");created=1618884473"                         \
             ";keyid=\"test-key-ed25519\""
#define B4   "(\"@method\" \"@path\" \"@authority\" \"accept\")"               \
             ";created=1618884473;keyid=\"test-key-ed25519\""

static void
test_signatures(void)
{
    base_case_t  c = { "", &b2, B2_TARGET, "example.com", B25, NULL, NULL };

    static const char  b25[] = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=";
    static const char  b26[] = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQC"
                               "K1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    static const char  b43[] = "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5J"
                               "Z1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==";

    test_signature("B.2.5", &c, XC_ALG_HMAC_SHA256, b25, XC_OK);
    test_signature("an Ed25519 key and a MAC", &c, XC_ALG_ED25519, b25,
                   XC_DENIED);
    c.authority = "example.org";
    test_signature("B.2.5, another authority", &c, XC_ALG_HMAC_SHA256, b25,
                   XC_DENIED);

    c = (base_case_t) { "", &b2, B2_TARGET, "example.com", B26, NULL, NULL };
    test_signature("B.2.6", &c, XC_ALG_ED25519, b26, XC_OK);
    c.target = "/fop?param=Value&Pet=dog";
    test_signature("B.2.6, another path", &c, XC_ALG_ED25519, b26, XC_DENIED);

    c = (base_case_t) { "", &b4, B4_TARGET, "example.org", B4, NULL, NULL };
    test_signature("B.4, as signed", &c, XC_ALG_ED25519, b43, XC_OK);
    c.authority = "example.com";
    test_signature("B.4, another host", &c, XC_ALG_ED25519, b43, XC_DENIED);
}


static xc_rc_t
base_in(xc_arena_t *arena, void *data)
{
    xc_str_t  base;

    return make_base(arena, data, &base, NULL);
}


/* Components a0, a1, ... all present: 64 of them pass, 65 do not. */
static void
test_many(void)
{
    size_t         i;
    char           names[XC_SIGBASE_MAX + 1][4];
    xc_str_t       base, component = XC_STR("x");
    xc_msg_t       msg = { .method = { "GET", 3 } };
    xc_heap_t      heap;
    xc_header_t    lines[XC_SIGBASE_MAX + 1];
    xc_sfv_item_t  items[XC_SIGBASE_MAX + 1], list = { .items = items };

    for (i = 0; i < XC_COUNT(items); i++) {
        names[i][0] = 'a';
        names[i][1] = (char) ('0' + i / 10);
        names[i][2] = (char) ('0' + i % 10);

        lines[i] = (xc_header_t) { { names[i], 3 }, XC_STR("v") };
        items[i] = (xc_sfv_item_t) {
            .bare = { XC_SFV_STRING, 0, lines[i].name }
        };
    }

    list.bare.type = XC_SFV_INNER_LIST;
    list.n_items = XC_SIGBASE_MAX;
    msg.headers = lines;
    msg.n_headers = XC_COUNT(lines);
    xc_msg_set_target(&msg, XC_STR("/"));

    xc_heap_init(&heap, 0);
    xt_ok(xc_sig_base(&heap.arena, &msg, XC_STR("x"), &list, &base, &component)
          == XC_OK, "64 components");
    list.n_items++;
    xt_ok(xc_sig_base(&heap.arena, &msg, XC_STR("x"), &list, &base, &component)
          == XC_DENIED && component.len == 0, "65 components");
    xc_heap_free(&heap);
}


/* Whatever a value needs when escaped, the base has room for it. */
static void
test_room(void)
{
    size_t               i, j;
    xc_str_t             base;
    xc_heap_t            heap;
    xc_sfv_param_t       params[] = {
        { XC_STR("quotes"), { .type = XC_SFV_STRING } },
        { XC_STR("display"), { .type = XC_SFV_DISPLAY } },
        { XC_STR("bytes"), { .type = XC_SFV_BYTES } },
        { XC_STR("least"), { XC_SFV_INTEGER, -999999999999999, XC_STR("") } },
    };
    const xc_sfv_item_t  list = {
        .bare = { .type = XC_SFV_INNER_LIST }, .params = params,
        .n_params = XC_COUNT(params)
    };

    static char  text[512];

    for (i = 0; i < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }

    params[1].value.text = (xc_str_t) { text, sizeof(text) };
    params[2].value.text = (xc_str_t) { text, sizeof(text) };

    static char  quotes[512];

    memset(quotes, '"', sizeof(quotes));
    params[0].value.text = (xc_str_t) { quotes, sizeof(quotes) };

    for (i = j = 0; i <= sizeof(text); i += 2) {
        params[0].value.text.len = params[1].value.text.len = i;
        params[2].value.text.len = i;

        xc_heap_init(&heap, 0);
        j += xc_sig_base(&heap.arena, &plain, XC_STR("x"), &list, &base, NULL)
             == XC_OK;
        xc_heap_free(&heap);
    }

    xt_ok(j == sizeof(text) / 2 + 1, "room for what is escaped");
}


/* What a record keeps of several signatures, and their bases from it alone. */
static void
test_kept(void)
{
    size_t               i, n;
    xc_msg_t             msg = plain, record = plain;
    xc_str_t             base, again, component;
    xc_heap_t            heap;
    xc_sfv_list_t        list;
    xc_sigbase_from_t    from = { &record, XC_STR("x"), NULL, 0 };
    const xc_covered_t  *covered;

    static const char         params[] =
        "(\"@path\" \"date\" \"example-header\";bs \"signature\";key=\"q\""
        " \"@query-param\";name=\"a\" \"@target-uri\"), "
        "(\"other-dict\";key=\"a\" \"date\" \"@query\" \"priority\";sf"
        " \"signature\";bs \"signature\");z";
    static const char *const  want[] = {
        "date", "\"example-header\";bs", "\"other-dict\";key=\"a\"",
        "\"priority\";sf", "\"signature\";bs"
    };
    static const xc_header_t  member[] = {
        H("signature", "p=:AA==:,  q=:AQ==:"), H("date", "another"),
        H("priority", "another")
    };

    xc_heap_init(&heap, 0);
    xc_msg_set_target(&msg, XC_STR("/a?a=%20"));
    xc_msg_set_target(&record, XC_STR("/a?a=%20"));
    record.headers = member;
    record.n_headers = XC_COUNT(member);

    if (xc_sfv_parse_list(&heap.arena, XC_STR(params), &list) != XC_OK) {
        xt_ok(false, "lists of components");
        return;
    }

    const xc_sfv_item_t *const  inputs[] = { &list.members[0].item,
                                             &list.members[1].item };

    xt_ok(xc_sigbase_covered(&heap.arena, &msg, inputs, 2, true, &covered, &n)
          == XC_OK && n == XC_COUNT(want) + 1, "kept with the query: %zu", n);
    xt_ok(xc_sigbase_covered(&heap.arena, &msg, inputs, 2, false, &covered, &n)
          == XC_OK && n == XC_COUNT(want), "kept: %zu", n);

    for (i = 0; i < n; i++) {
        xt_is(covered[i].component, xc_str_z(want[i]), "kept, %zu", i);
    }

    from.covered = covered;
    from.n_covered = n;

    for (i = 0; i < 2; i++) {
        base = again = XC_STR("");
        xt_ok(xc_sig_base(&heap.arena, &msg, XC_STR("x"), inputs[i], &base,
                          NULL) == XC_OK
              && xc_sig_base_from(&heap.arena, &from, inputs[i], &again, NULL)
                 == XC_OK, "two bases");
        xt_is(again, base, "the same one from the record");
    }

    from.n_covered--;
    xt_ok(xc_sig_base_from(&heap.arena, &from, inputs[1], &base, &component)
          == XC_DENIED, "one not kept");
    xt_is(component, XC_STR("signature"), "is named");

    /* a last line that is empty leaves a space at the end */
    record.headers = &(xc_header_t) { XC_STR("signature"), XC_STR("a, ") };
    record.n_headers = 1;
    xt_ok(xc_sfv_parse_list(&heap.arena, XC_STR("(\"signature\")"), &list)
          == XC_OK
          && xc_sig_base_from(&heap.arena, &from, &list.members[0].item, &base,
                              NULL) == XC_OK, "a member as it is");
    xt_is(base, XC_STR("\"signature\": a, \n\"@signature-params\": "
                       "(\"signature\")"), "to the byte");

    /* what a member gives is not taken from what was kept */
    from.covered = &(xc_covered_t) { XC_STR("signature"), XC_STR("x") };
    from.n_covered = 1;
    record.n_headers = 0;
    xt_ok(xc_sfv_parse_list(&heap.arena, XC_STR("(\"signature\")"), &list)
          == XC_OK
          && xc_sig_base_from(&heap.arena, &from, &list.members[0].item, &base,
                              NULL) == XC_DENIED, "no other source");
    xc_heap_free(&heap);
}


/* A field that is asked for many times is not read anew for long. */
static void
test_limits(void)
{
    char         text[XC_SFV_FIELD_MAX + 2], separators[2 * 66 + 1];
    size_t       i;
    xc_str_t     base;
    xc_heap_t    heap;
    xc_msg_t     msg = { .method = { "GET", 3 } };
    xc_header_t  line = { XC_STR("x"), XC_STR("") };
    base_case_t  c = { "", &msg, "/", "x", "(\"x\";key=\"a\")", NULL, NULL };

    memset(text, 'a', sizeof(text));
    msg.headers = &line;
    msg.n_headers = 1;
    xc_heap_init(&heap, 0);

    c.params = "(\"x\";key=\"a\")";
    memcpy(text, "a=1,", 4);
    line.value = (xc_str_t) { text, XC_SFV_FIELD_MAX };
    xt_ok(make_base(&heap.arena, &c, &base, NULL) == XC_OK, "2,048 bytes");
    line.value.len++;
    xt_ok(make_base(&heap.arena, &c, &base, NULL) == XC_DENIED, "one more");

    for (i = 0; i < sizeof(separators); i++) {
        separators[i] = i % 2 == 0 ? 'a' : ',';
    }

    line.value = (xc_str_t) { separators, 2 * 64 + 1 };
    xt_ok(make_base(&heap.arena, &c, &base, NULL) == XC_OK, "64 separators");
    line.value.len += 2;
    xt_ok(make_base(&heap.arena, &c, &base, NULL) == XC_DENIED, "one more");
    xc_heap_free(&heap);
}


/* Of components with parameters, whatever comes of them. */
static void
test_scans(void)
{
    size_t         i;
    xc_msg_t       msg;
    xc_heap_t      heap;
    xc_sfv_list_t  list;

    static const struct {
        const char  *params;
        size_t       scans;
    } rows[] = {
        { "()", 0 },
        { "(\"date\" \"@query\" \"@target-uri\" \"example-header\")", 0 },
        { "(\"@query-param\";name=\"a\")", 7 },
        { "(\"@query-param\";name=\"a\" \"@query-param\";name=\"z\")", 14 },
        { "(\"priority\";sf)", 68 },
        { "(\"priority\";key=\"u\")", 68 },
        { "(\"priority\";key=\"u\";sf)", 68 },
        { "(\"example-header\";bs)", 17 + 2 + 13 },
        { "(\"x-empty-header\";bs \"x-none\";bs)", 0 },
        { "(\"priority\" \"priority\";bs \"x-tab\";bs"
          " \"@query-param\";name=\"b\")", 17 + 3 + 7 },
    };

    xc_heap_init(&heap, 0);
    msg = plain;
    xc_msg_set_target(&msg, XC_STR("/?a=1&b=2"));

    for (i = 0; i < XC_COUNT(rows); i++) {
        xt_ok(xc_sfv_parse_list(&heap.arena, xc_str_z(rows[i].params), &list)
              == XC_OK
              && xc_sigbase_scans(&msg, &list.members[0].item)
                 == rows[i].scans, "%zu octets: %s", rows[i].scans,
              rows[i].params);
    }

    xc_heap_free(&heap);
}


static void
test_required(void)
{
    size_t    n;
    xc_msg_t  msg = plain;
    xc_str_t  names[XC_SIGBASE_REQUIRED_MAX];

    static const xc_header_t  behalf[] = {
        H("XC-On-Behalf-Of", "310115"), H("XC-Request", "x")
    };

    xc_msg_set_target(&msg, XC_STR("/a"));
    xt_ok(xc_sigbase_required(&msg, names) == 3, "three at least");

    xc_msg_set_target(&msg, XC_STR("/a?"));
    n = xc_sigbase_required(&msg, names);
    xt_is(names[n - 1], XC_STR("@query"), "a query");

    msg.body = true;
    n = xc_sigbase_required(&msg, names);
    xt_is(names[n - 1], XC_STR("content-digest"), "a body has a digest");

    msg.headers = behalf;
    msg.n_headers = 1;
    n = xc_sigbase_required(&msg, names);
    xt_ok(n == XC_SIGBASE_REQUIRED_MAX - 1, "a query, a body and an agency");
    xt_is(names[n - 1], XC_STR("xc-on-behalf-of"), "that is asked for");

    msg.n_headers = 2;
    n = xc_sigbase_required(&msg, names);
    xt_ok(n == XC_SIGBASE_REQUIRED_MAX, "and a request of before");
    xt_is(names[n - 1], XC_STR("xc-request"), "by its token");
}


/* RFC 9421 2.5: any octet at any place of a value. */
static void
test_plain(void)
{
    int       c;
    bool      ok = true;
    char      text[35];
    size_t    at;
    xc_str_t  s;

    memset(text, 'x', sizeof(text));
    s = xt_guard((xc_str_t) { text, sizeof(text) });

    for (at = 0; at < sizeof(text); at++) {
        for (c = 0; c < 256; c++) {
            ((char *) (uintptr_t) s.data)[at] = (char) c;
            ok = ok && xc_component_is_plain(s)
                       == (c == '\t' || (c >= 0x20 && c < 0x7f));
        }

        ((char *) (uintptr_t) s.data)[at] = 'x';
    }

    xt_unguard(s);
    xt_ok(ok && xc_component_is_plain(XC_STR_NONE),
          "which octets a value may hold");
}


int
main(void)
{
    size_t  i;

    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    for (i = 0; i < XC_COUNT(cases); i++) {
        test_case(&cases[i]);
    }

    test_signatures();
    test_many();
    test_room();
    test_scans();
    test_required();
    test_kept();
    test_limits();
    test_plain();
    xt_oom("a base of all kinds", base_in, &(base_case_t) {
        "", &plain, "/?a=1", "x", "(\"priority\";sf \"other-dict\";key=\"a\""
        " \"example-header\";bs \"@query-param\";name=\"a\")", NULL, NULL });
    xt_oom("a base", base_in, (void *) &cases[3]);

    return xt_done();
}
