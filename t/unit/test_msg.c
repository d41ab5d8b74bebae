/* The closed request's rules on request line and header lines. */

#include "xt.h"
#include "xc_msg.h"

#include <stdio.h>


#define H(n, v)  { { (n), sizeof(n) - 1 }, { (v), sizeof(v) - 1 } }

static xc_authority_t  authorities[] = {
    { { "platform.example", 16 }, 0 },
    { { "tls.example", 11 }, 443 },
    { { "odd.example", 11 }, 8443 },
    { { "[2001:db8::1]", 13 }, 0 },
};

static const xc_policy_t  policy = {
    .tls_required = true,
    .authorities = authorities,
    .n_authorities = XC_COUNT(authorities),
};


static void
test_target(void)
{
    size_t    i;
    xc_str_t  target;
    xc_msg_t  msg;

    static const struct {
        const char  *target, *path, *query;     /* query NULL: no "?" */
        bool         origin;
    } cases[] = {
        { "/", "/", NULL, true },
        { "/a?", "/a", "", true },
        { "/a?b=/?c", "/a", "b=/?c", true },
        { "?x", "", "x", false },
        { "*", "*", NULL, false },
        { "", "", NULL, false },
        { "https://platform.example/a", "https://platform.example/a", NULL,
          false },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        target = xt_guard(xc_str_z(cases[i].target));
        msg = (xc_msg_t) { .has_query = true };

        xc_msg_set_target(&msg, target);
        xt_is(msg.path, xc_str_z(cases[i].path), "path of \"%s\"",
              cases[i].target);
        xt_ok(msg.has_query == (cases[i].query != NULL)
              && msg.origin_form == cases[i].origin, "form of \"%s\"",
              cases[i].target);
        xt_is(msg.query, xc_str_z(cases[i].query == NULL ? ""
                                                         : cases[i].query),
              "query of \"%s\"", cases[i].target);

        xt_unguard(target);
    }
}


static xc_rc_t
join(xc_arena_t *arena, void *data)
{
    xc_str_t  joined;

    return xc_msg_joined(data, arena, XC_STR("x-list"), &joined);
}


static void
test_headers(void)
{
    size_t      n;
    xc_str_t    out;
    xc_heap_t   heap;

    static const xc_header_t  lines[] = {
        H("X-List", ""), H("x-one", " \tv "), H("X-LIST", " a, b"),
        H("x-list", "c\t"), H("X-Empty", ""),
    };

    xc_msg_t    msg = { .headers = lines, .n_headers = XC_COUNT(lines) };

    xc_heap_init(&heap, 0);

    xt_ok(xc_msg_header(&msg, XC_STR("X-Lis"), &n) == NULL && n == 0,
          "no header by a prefix");
    xt_ok(xc_msg_header(&msg, XC_STR("x-list"), &n) == &lines[0] && n == 3,
          "the first of three lines");
    xt_ok(xc_msg_header(&msg, XC_STR("X-ONE"), NULL) == &lines[1],
          "without the count");

    xt_ok(xc_msg_joined(&msg, &heap.arena, XC_STR("x-list"), &out) == XC_OK,
          "three lines join");
    xt_is(out, XC_STR(", a, b, c"), "in their order, trimmed");
    xt_ok(xc_msg_joined(&msg, &heap.arena, XC_STR("x-one"), &out) == XC_OK,
          "one line joins");
    xt_is(out, XC_STR("v"), "and is trimmed");
    xt_ok(xc_msg_joined(&msg, &heap.arena, XC_STR("x-empty"), &out) == XC_OK
          && out.len == 0, "an empty line is a line");
    xt_ok(xc_msg_joined(&msg, &heap.arena, XC_STR("x-none"), &out)
          == XC_DENIED, "no line");

    xc_heap_free(&heap);

    xt_oom("joining lines", join, &msg);
}


static void
test_authority(void)
{
    size_t       i;
    xc_rc_t      rc;
    xc_str_t     out, host;
    xc_msg_t     msg;
    xc_heap_t    heap;
    xc_header_t  line = H("hOST", "");

    static const struct {
        const char  *host;
        bool         tls;
        const char  *want;                      /* NULL: refused */
    } cases[] = {
        { "Platform.EXAMPLE", true, "platform.example" },
        { "platform.example:443", true, "platform.example" },
        { "platform.example:443", false, "platform.example" },
        { "platform.example:80", false, "platform.example" },
        { "platform.example:80", true, "platform.example:80" },
        { "platform.example:8443", true, "platform.example:8443" },
        { "a_b.example:1", true, "a_b.example:1" },
        { "192.0.2.1:65535", true, "192.0.2.1:65535" },
        { "[2001:DB8::1]", true, "[2001:db8::1]" },
        { "[2001:db8::1]:443", true, "[2001:db8::1]" },
        { "[::ffff:192.0.2.1]:9", true, "[::ffff:192.0.2.1]:9" },
        { "", true, NULL },
        { ":443", true, NULL },
        { "platform.example:", true, NULL },
        { "platform.example:0", true, NULL },
        { "platform.example:0443", true, NULL },
        { "platform.example:65536", true, NULL },
        { "platform.example:4 43", true, NULL },
        { "platform.example:443:443", true, NULL },
        { "u@platform.example", true, NULL },
        { "platform.example/", true, NULL },
        { "platform.example, other.example", true, NULL },
        { "plat%66orm.example", true, NULL },
        { "platform\xc3\xa9.example", true, NULL },
        { "2001:db8::1", true, NULL },
        { "[]", true, NULL },
        { "[a/b]", true, NULL },
        { "[fe80::1%25eth0]", true, NULL },
        { "[", true, NULL },
        { "]", true, NULL },
        { "[::1", true, NULL },
        { "[::1]x", true, NULL },
        { "[::1]443", true, NULL },
    };

    xc_heap_init(&heap, 0);

    for (i = 0; i < XC_COUNT(cases); i++) {
        host = xt_guard(xc_str_z(cases[i].host));
        line.value = host;
        msg = (xc_msg_t) { .headers = &line, .n_headers = 1,
                           .tls = cases[i].tls };

        rc = xc_msg_authority(&msg, &heap.arena, &out);

        if (cases[i].want == NULL) {
            xt_ok(rc == XC_EINPUT, "Host \"%s\" is none", cases[i].host);

        } else {
            xt_is(rc == XC_OK ? out : XC_STR("refused"),
                  xc_str_z(cases[i].want), "Host \"%s\"%s", cases[i].host,
                  cases[i].tls ? " over TLS" : "");
        }

        xt_unguard(host);
    }

    xc_heap_free(&heap);
}


/* A request that passes; each case changes one thing. */
typedef struct {
    const char  *name;
    const char  *host, *target, *header;
    int          reason;
    bool         clear, early;
} check_t;

static const check_t  checks[] = {
    { .name = "a plain request" },
    { .name = "an authority of any port", .host = "platform.example:9" },
    { .name = "the default port", .host = "tls.example" },
    { .name = "the default port written", .host = "TLS.example:443" },
    { .name = "another port", .host = "odd.example:8443" },
    { .name = "an IP literal", .host = "[2001:DB8::1]:77" },
    { .name = "a path with dots", .target = "/a/.../b.c/..d/e../" },
    { .name = "a query with anything", .target = "/a?%2e/../;\\//" },
    { .name = "x-xc itself", .header = "X-XC" },
    { .name = "x-xcellent", .header = "X-Xcellent" },

    { .name = "no TLS", .clear = true, .reason = XC_REASON_TLS_REQUIRED },
    { .name = "early data", .early = true, .reason = XC_REASON_EARLY_DATA },
    { .name = "no TLS goes before a wrong authority", .clear = true,
      .host = "x", .reason = XC_REASON_TLS_REQUIRED },

    { .name = "absolute form", .target = "https://platform.example/a",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "asterisk form", .target = "*",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "another authority", .host = "other.example",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "a suffix of an authority", .host = "xplatform.example",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "a trailing dot", .host = "platform.example.",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "another port than 443", .host = "tls.example:8443",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "another port than 8443", .host = "odd.example",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "an empty Host", .host = "",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "a second Host", .header = "Host",
      .reason = XC_REASON_AUTHORITY_UNKNOWN },
    { .name = "a wrong authority goes before a wrong path", .host = "x",
      .target = "//", .reason = XC_REASON_AUTHORITY_UNKNOWN },

    { .name = "a percent sign", .target = "/a%2Fb",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a semicolon", .target = "/a;b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a backslash", .target = "/a\\b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "two slashes", .target = "/a//b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "two slashes first", .target = "//",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "two slashes last", .target = "/a//",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a dot", .target = "/./a", .reason = XC_REASON_PATH_INVALID },
    { .name = "a dot last", .target = "/a/.?b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "two dots", .target = "/a/../b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "two dots last", .target = "/a/..",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "UTF-8", .target = "/\xe6\xb2\xaa",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a high byte", .target = "/a\xff",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a space", .target = "/a b", .reason = XC_REASON_PATH_INVALID },
    { .name = "a tab", .target = "/a\t", .reason = XC_REASON_PATH_INVALID },
    { .name = "a line feed", .target = "/a\n",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a delete", .target = "/a\x7f",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a fragment", .target = "/a#b",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a fragment behind a query", .target = "/a?b#c",
      .reason = XC_REASON_PATH_INVALID },
    { .name = "a wrong path goes before a reserved header", .target = "/a;",
      .header = "Upgrade", .reason = XC_REASON_PATH_INVALID },

    { .name = "X-XC-Agency", .header = "X-XC-Agency",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "x_xc_agency", .header = "x_xc_agency",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X.Xc_Id", .header = "X.Xc_Id",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X~XC!Fields", .header = "X~XC!Fields",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "x xc with a blank", .header = "x xc fields",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "x-xc-", .header = "x-xc-",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "Upgrade", .header = "UPGRADE",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X-HTTP-Method-Override", .header = "X-HTTP-Method-Override",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X_HTTP.Method-Override", .header = "X_HTTP.Method-Override",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X-Original-URL", .header = "X-Original-URL",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X-Rewrite-URL", .header = "x-rewrite_url",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "XC-Request", .header = "xC-Request" },
    { .name = "XC_Request", .header = "XC_Request",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "xc.request", .header = "xc.request",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "XC-On-Behalf-Of", .header = "xc-On-Behalf-of" },
    { .name = "xc*request", .header = "xc*request",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "x'rewrite|url", .header = "x'rewrite|url",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "XC_On_Behalf_Of", .header = "XC_On_Behalf_Of",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "xc-on.behalf-of", .header = "xc-on.behalf-of",
      .reason = XC_REASON_HEADER_RESERVED },
    { .name = "X-XC-On-Behalf-Of", .header = "X-XC-On-Behalf-Of",
      .reason = XC_REASON_HEADER_RESERVED },
};


static void
test_check(const check_t *c)
{
    xc_rc_t      rc;
    xc_str_t     target, authority = XC_STR("untouched"), detail;
    xc_msg_t     msg;
    xc_heap_t    heap;
    xc_reason_t  reason = XC_REASON_NONE;
    xc_header_t  lines[] = { H("Host", "platform.example"), H("Accept", "*"),
                             H("X-Last", "1") };

    lines[0].value = c->host == NULL ? lines[0].value : xc_str_z(c->host);
    lines[2].name = c->header == NULL ? lines[2].name : xc_str_z(c->header);

    target = xt_guard(xc_str_z(c->target == NULL ? "/xc/v1" : c->target));
    msg = (xc_msg_t) { .headers = lines, .n_headers = 3, .tls = !c->clear,
                       .early_data = c->early };
    xc_msg_set_target(&msg, target);

    xc_heap_init(&heap, 0);
    rc = xc_msg_check(&msg, &policy, &heap.arena, &authority, &reason,
                      &detail);

    if (c->reason == 0) {
        xt_ok(rc == XC_OK && reason == XC_REASON_NONE
              && !xc_str_eq(authority, XC_STR("untouched")), "%s", c->name);

    } else {
        xt_is(rc == XC_DENIED ? xc_reason_info(reason)->code : XC_STR("-"),
              xc_reason_info((xc_reason_t) c->reason)->code, "%s", c->name);
        xt_ok(detail.len != 0 && xc_str_eq(authority, XC_STR("untouched")),
              "%s: a detail, no authority", c->name);
    }

    xc_heap_free(&heap);
    xt_unguard(target);
}


static xc_rc_t
check_many(xc_arena_t *arena, void *data)
{
    xc_str_t     authority, detail = XC_STR("");
    xc_reason_t  reason = XC_REASON_NONE;

    return xc_msg_check(data, &policy, arena, &authority, &reason, &detail);
}


static void
test_many(void)
{
    size_t       i;
    xc_str_t     authority, detail;
    xc_msg_t     msg;
    xc_heap_t    heap;
    xc_reason_t  reason = XC_REASON_NONE;
    xc_header_t  lines[XC_MSG_MAX_HEADERS + 1] = { H("Host", "tls.example") };

    for (i = 1; i < XC_COUNT(lines); i++) {
        lines[i] = (xc_header_t) H("X-Many", "1");
    }

    msg = (xc_msg_t) { .headers = lines, .n_headers = XC_MSG_MAX_HEADERS,
                       .tls = true };
    xc_msg_set_target(&msg, XC_STR("/"));

    xt_oom("as many headers as allowed", check_many, &msg);

    xc_heap_init(&heap, 0);
    msg.n_headers++;
    xt_ok(xc_msg_check(&msg, &policy, &heap.arena, &authority, &reason,
                       &detail) == XC_DENIED
          && reason == XC_REASON_REQUEST_INVALID, "one header more");
    xt_is(detail, XC_STR("more than 200 header lines"), "says the limit");

    /* The name that a client gives does not make a detail long. */
    lines[1].name = XC_STR("x-xc-0123456789012345678901234567890123456789"
                           "0123456789012345678901234567890123456789");
    msg.n_headers--;
    xt_ok(xc_msg_check(&msg, &policy, &heap.arena, &authority, &reason,
                       &detail) == XC_DENIED && detail.len == 64 + 23,
          "a long name is cut");
    xc_heap_free(&heap);
}


static void
test_clear(void)
{
    xc_str_t           authority, detail;
    xc_msg_t           msg;
    xc_heap_t          heap;
    xc_reason_t        reason;
    xc_policy_t        any = policy;
    const xc_header_t  line = H("Host", "tls.example:80");

    any.tls_required = false;
    msg = (xc_msg_t) { .headers = &line, .n_headers = 1 };
    xc_msg_set_target(&msg, XC_STR("/"));

    xc_heap_init(&heap, 0);
    xt_ok(xc_msg_check(&msg, &any, &heap.arena, &authority, &reason, &detail)
          == XC_OK, "TLS ended in front of nginx: any default port");
    xt_is(authority, XC_STR("tls.example"), "the port is gone");
    xc_heap_free(&heap);
}


int
main(void)
{
    size_t  i;

    test_target();
    test_headers();
    test_authority();

    for (i = 0; i < XC_COUNT(checks); i++) {
        test_check(&checks[i]);
    }

    test_many();
    test_clear();

    return xt_done();
}
