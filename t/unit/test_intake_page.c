/* The intake document: what is rendered of it. */

#define _GNU_SOURCE

#include "xt.h"
#include "xc_b64.h"
#include "xc_crypto.h"
#include "xc_intake.h"

#include <stdio.h>

/* 2026-11-22 in Shanghai */
#define NOW     1795315200

#define DATES   ",\"updated\":\"2026-11-01\",\"expires\":\"2027-10-31\"}"
#define GOOD    "{\"platform\":{\"name\":\"示例<平台>\",\"role\":\"platform\"}," \
                "\"channels\":[{\"type\":\"phone\",\"address\":\"12315\"}]" DATES


/* A policy as small as rendering needs, with a title that must be escaped. */
static const xc_policy_t *
small_policy(void)
{
    static xc_str_t      groups[] = { { "own", 3 }, { "identity", 8 } };
    static xc_field_t    fields[] = {
        { { "merchant.name", 13 }, { "名称", 6 }, { "Na\"me", 5 }, 1, true },
        { { "buyer.phone", 11 }, { "电话", 6 }, { "Phone", 5 }, 0, false },
        { { "own.x", 5 }, { "自定", 6 }, { "Own", 3 }, 0, true },
    };
    static xc_purpose_t  purposes[] = {
        { { "own", 3 }, false, 0 }, { { "product_recall", 14 }, false, 0 }
    };
    static xc_policy_t   policy = {
        .id = { "p", 1 }, .version = { "v", 1 },
        .max_age_s = 300, .max_skew_s = 30, .nonce_required = true,
        .groups = groups, .n_groups = 2, .fields = fields, .n_fields = 3,
        .purposes = purposes, .n_purposes = 2,
    };

    return &policy;
}


static bool
has(xc_str_t text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}


static bool
before(xc_str_t text, const char *first, const char *second)
{
    char  *a = memmem(text.data, text.len, first, strlen(first));
    char  *b = memmem(text.data, text.len, second, strlen(second));

    return a != NULL && b != NULL && a < b;
}


static const xc_auth_accept_t  accepted = {
    { 1u << XC_SCHEME_HTTPSIG, 1u << XC_SCHEME_MTLS | 1u << XC_SCHEME_JWT }, 2
};


static bool
render(xc_heap_t *heap, const xc_intake_t *in, xc_intake_format_t format,
    xc_intake_lang_t lang, bool expired, xc_str_t *out)
{
    const xc_intake_view_t  view = {
        small_policy(), &accepted, format, lang, expired
    };

    return xc_intake_render(&heap->arena, in, &view, out) == XC_OK;
}


static bool
render_without(xc_heap_t *heap, const xc_intake_t *in,
    xc_intake_format_t format, xc_intake_lang_t lang, xc_str_t *out)
{
    const xc_intake_view_t  view = { NULL, &accepted, format, lang, false };

    return xc_intake_render(&heap->arena, in, &view, out) == XC_OK;
}


static void
test_json(const xc_intake_t *in)
{
    xc_heap_t         heap;
    xc_str_t          out;
    const xc_json_t  *root, *node;
    xc_json_error_t   error;

    xc_heap_init(&heap, 0);
    xt_ok(render(&heap, in, XC_INTAKE_JSON, XC_INTAKE_ZH, false, &out)
          && xc_json_parse(&heap.arena, out, 8, &error, &root) == XC_OK,
          "the JSON is strict JSON");

    node = xc_json_pointer(root, XC_STR("/platform/name"));
    xt_is(xc_json_string(node), XC_STR("示例<平台>"), "the platform's name");
    node = xc_json_pointer(root, XC_STR("/fields"));
    xt_ok(xc_json_size(node) == 2, "standard fields only");
    node = xc_json_pointer(root, XC_STR("/fields/1/group"));
    xt_is(xc_json_string(node), XC_STR("own"), "with their group");
    node = xc_json_pointer(root, XC_STR("/fields/0/en"));
    xt_is(xc_json_string(node), XC_STR("Na\"me"), "and titles");
    node = xc_json_pointer(root, XC_STR("/schemes/0"));
    xt_is(xc_json_string(node), XC_STR("httpsig"), "schemes");
    node = xc_json_pointer(root, XC_STR("/schemes/1"));
    xt_is(xc_json_string(node), XC_STR("mtls+jwt"), "and what goes together");
    node = xc_json_pointer(root, XC_STR("/signature/algorithms"));
    xt_ok(xc_json_size(node) == 7, "algorithms");
    node = xc_json_pointer(root, XC_STR("/purposes/1/zh"));
    xt_is(xc_json_string(node), XC_STR("缺陷消费品召回"), "purposes");
    xt_ok(xc_json_pointer(root, XC_STR("/not_for/zh")) != NULL
          && xc_json_pointer(root, XC_STR("/audience/en")) != NULL,
          "whom and what it is for");

    node = xc_json_pointer(root, XC_STR("/expired"));
    xt_ok(node != NULL && !xc_json_bool(node), "it has not expired");

    xt_ok(render_without(&heap, in, XC_INTAKE_JSON, XC_INTAKE_ZH, &out)
          && xc_json_parse(&heap.arena, out, 8, &error, &root) == XC_OK
          && xc_json_pointer(root, XC_STR("/fields")) == NULL,
          "without a policy: no fields");
    xt_ok(render(&heap, in, XC_INTAKE_JSON, XC_INTAKE_ZH, true, &out)
          && xc_json_parse(&heap.arena, out, 8, &error, &root) == XC_OK
          && xc_json_bool(xc_json_pointer(root, XC_STR("/expired"))),
          "one that has");
    xc_heap_free(&heap);
}


/* Every element that is opened is closed, in order. */
static bool
balanced(xc_str_t html)
{
    char         name[16];
    size_t       i, n, depth;
    bool         close;
    char         open[32][16];

    static const char  *void_of[] = { "meta", "link", "wbr",
                                      "!DOCTYPE" };

    depth = 0;

    for (i = 0; i < html.len; i++) {
        if (html.data[i] != '<') {
            continue;
        }

        close = html.data[++i] == '/';
        i += close;

        for (n = 0; n < 15 && html.data[i] != ' ' && html.data[i] != '>'; i++) {
            name[n++] = html.data[i];
        }
        name[n] = '\0';

        if (strcmp(name, void_of[0]) == 0 || strcmp(name, void_of[1]) == 0
            || strcmp(name, void_of[2]) == 0 || strcmp(name, void_of[3]) == 0)
        {
            continue;
        }

        if (close) {
            if (depth == 0 || strcmp(open[--depth], name) != 0) {
                printf("# </%s> closes something else\n", name);
                return false;
            }

        } else if (depth < 32) {
            memcpy(open[depth++], name, sizeof(name));
        }
    }

    return depth == 0;
}


/* The style sheet that stands in the page is the one that browsers are told
 * to trust. */
static void
test_csp(xc_heap_t *heap, xc_str_t page)
{
    char      want[128];
    uint8_t   hash[XC_SHA256_SIZE];
    xc_buf_t  b;
    xc_str_t  csp = XC_STR("");
    char     *from = memmem(page.data, page.len, "<style>", 7);
    char     *to = memmem(page.data, page.len, "</style>", 8);

    if (!xt_ok(from != NULL && to != NULL
               && xc_hash(XC_HASH_SHA256, from + 7,
                          (size_t) (to - from) - 7, hash) == XC_OK
               && xc_intake_csp(&heap->arena, &csp) == XC_OK,
               "a policy for browsers"))
    {
        return;
    }

    xc_buf_init(&b, want, sizeof(want) - 1);
    xc_buf_z(&b, "default-src 'none'; style-src 'sha256-");
    xc_b64_encode(XC_B64_STD, &b, hash, sizeof(hash));
    xc_buf_z(&b, "';");
    want[b.len] = '\0';
    xt_ok(has(csp, want), "with the style sheet's hash");
}


static void
test_html(const xc_intake_t *in)
{
    unsigned   lang;
    xc_heap_t  heap;
    xc_str_t   out = XC_STR("");

    static const struct {
        const char  *lang, *title, *no, *group, *label, *schemes, *past;
    } want[XC_INTAKE_LANGS] = {
        { "<html lang=\"zh-CN\">", "<h1>接收协查方式</h1>", "不通过本渠道提出",
          "平台内经营者身份信息", "有效期至",
          "（RFC 9421），或者 客户端证书（TLS） 与 令牌（JWT）",
          "本页内容的有效期已于 <time datetime=\"2027-10-31\">" },
        { "<html lang=\"en\">", "<h1>How enforcement-assistance",
          "not made through this channel", "Merchant identity",
          "Valid until",
          "(RFC 9421), or client certificate (TLS) and token (JWT)",
          "This page was valid until <time datetime=\"2027-10-31\">" },
    };

    xc_heap_init(&heap, 0);

    for (lang = 0; lang < XC_INTAKE_LANGS; lang++) {
        if (!xt_ok(render(&heap, in, XC_INTAKE_HTML, (xc_intake_lang_t) lang,
                          false, &out), "a page"))
        {
            continue;
        }

        xt_ok(has(out, want[lang].lang) && has(out, want[lang].title)
              && has(out, want[lang].no) && has(out, want[lang].group)
              && has(out, want[lang].label)
              && has(out, want[lang].schemes), "in its language");
        xt_ok(balanced(out), "every element is closed");
        xt_ok(has(out, "示例&lt;平台&gt;") && !has(out, "示例<"),
              "what the document holds is text");
        xt_ok(!has(out, "<script") && !has(out, "src=") && !has(out, "url(")
              && !has(out, "stylesheet") && !has(out, "@import")
              && !has(out, " style=") && !has(out, "onload=")
              && !has(out, "onclick="), "nothing foreign");
        xt_ok(has(out, "<code>merchant.<wbr>name</code>")
              && !has(out, "buyer."),
              "standard fields only");
        xt_ok(!has(out, want[lang].past)
              && render(&heap, in, XC_INTAKE_HTML, (xc_intake_lang_t) lang,
                        true, &out)
              && has(out, want[lang].past) && balanced(out),
              "which says that it has expired, where it has");
    }

    xt_ok(before(out, "Merchant identity", "<caption>own<")
          && before(out, ">product_recall<", "<code>own</code>"),
          "what the Measures name comes first");
    xt_ok(has(out, "Na&quot;me") && has(out, "<span lang=\"zh-CN\">示例"),
          "English titles; Chinese is marked as such");
    test_csp(&heap, out);
    xc_heap_free(&heap);
}


/* What becomes a link, and where to; the rest is text. */
static void
test_links(void)
{
    size_t               i;
    char                 text[512];
    xc_str_t             out;
    xc_heap_t            heap;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    static const struct {
        const char  *type, *address, *want;
    } cases[] = {
        { "phone", "12315", "<a href=\"tel:12315\">12315</a>" },
        { "phone", "+86 (21) 0000-0000",
          "<a href=\"tel:+86210000-0000\">+86 (21) 0000-0000</a>" },
        { "phone", "021-1234 转 5", "<p class=\"to\">021-1234 转 5</p>" },
        { "phone", "0 & 1", "<p class=\"to\">0 &amp; 1</p>" },
        { "phone", "CALL", "<p class=\"to\">CALL</p>" },
        { "fax", "12315", "<p class=\"to\">12315</p>" },
        { "email", "a+b@p.example",
          "<a href=\"mailto:a+b@p.example\">a+b@p.example</a>" },
        { "email", "a@p.example?cc=b@q.example",
          "<p class=\"to\">a@p.example?cc=b@q.example</p>" },
        { "email", "nobody", "<p class=\"to\">nobody</p>" },
        { "web", "https://p.example/?a=1&b='2'",
          "<a href=\"https://p.example/?a=1&amp;b=" },
        { "api", "https://p.example/xc",
          "<p class=\"to\"><code>https://p.example/xc</code></p>" },
        { "12315", "https://p.example/x",
          "<a href=\"https://p.example/x\">" },
        { "12315", "https://p.example/x y",
          "<p class=\"to\">https://p.example/x y</p>" },
        { "12315", "javascript:alert(1)",
          "<p class=\"to\">javascript:alert(1)</p>" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        snprintf(text, sizeof(text), "{\"platform\":{\"name\":\"x\",\"role\":"
                 "\"platform\"},\"channels\":[{\"type\":\"%s\",\"address\":"
                 "\"%s\"}]" DATES, cases[i].type, cases[i].address);
        xc_heap_init(&heap, 0);
        xt_ok(xc_intake_load(&heap.arena, xc_str_z(text), NOW, &faults, &in)
              == XC_OK
              && render_without(&heap, in, XC_INTAKE_HTML, XC_INTAKE_ZH, &out)
              && has(out, cases[i].want), "%s: %s", cases[i].type,
              cases[i].address);
        xc_heap_free(&heap);
    }
}


static void
test_render(void)
{
    xc_heap_t            heap;
    xc_str_t             zh, en;
    xc_intake_t          only_zh;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    xc_heap_init(&heap, 0);
    if (xc_intake_load(&heap.arena, XC_STR(GOOD), NOW, &faults, &in) != XC_OK) {
        xt_ok(false, "the document");
        return;
    }

    test_json(in);
    test_html(in);

    only_zh = *in;
    only_zh.langs[XC_INTAKE_EN] = false;
    xt_ok(render_without(&heap, &only_zh, XC_INTAKE_HTML, XC_INTAKE_EN, &en)
          && render_without(&heap, &only_zh, XC_INTAKE_HTML, XC_INTAKE_ZH, &zh)
          && xc_str_eq(en, zh) && !has(zh, "?lang="),
          "a language that is not offered");
    xc_heap_free(&heap);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        printf("Bail out! no crypto\n");
        return 2;
    }

    test_render();
    test_links();

    return xt_done();
}
