/* The intake document: loading, negotiation. */

#define _GNU_SOURCE

#include "xt.h"
#include "xc_crypto.h"
#include "xc_intake.h"

#include <stdio.h>
#include <stdlib.h>

/* 2026-11-22 in Shanghai */
#define NOW     1795315200

#define DATES   ",\"updated\":\"2026-11-01\",\"expires\":\"2027-10-31\"}"
#define GOOD    "{\"platform\":{\"name\":\"示例<平台>\",\"role\":\"platform\"}," \
                "\"channels\":[{\"type\":\"phone\",\"address\":\"12315\"}]" DATES


static void
test_good(void)
{
    xc_heap_t            heap;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    static const char  whole[] =
        "{\"platform\":{\"name\":\"甲\",\"name_en\":\"A\",\"uscc\":"
        "\"91310000MA1FL0000N\",\"url\":\"https://p.example/\","
        "\"role\":\"auxiliary_service\"},\"channels\":["
        "{\"type\":\"api\",\"address\":\"https://p.example/xc\",\"hours\":\"h\","
        "\"hours_en\":\"he\",\"note\":\"n\",\"note_en\":\"ne\"},"
        "{\"type\":\"social_governance\",\"address\":\"a\"}],\"contacts\":["
        "{\"name\":\"c\",\"phone\":\"1\",\"email\":\"x@p.example\",\"address\":"
        "\"r\",\"note\":\"n\"}],\"legal_basis\":[\"l1\",\"l2\"],"
        "\"languages\":[\"zh-CN\"]" DATES;

    xc_heap_init(&heap, 0);

    if (!xt_ok(xc_intake_load(&heap.arena, xc_str_z(whole), NOW, &faults, &in)
               == XC_OK && faults.n == 0, "all members"))
    {
        xc_heap_free(&heap);
        return;
    }

    xt_ok(in->role == XC_INTAKE_AUXILIARY_SERVICE && in->n_channels == 2
          && in->channels[1].type == XC_INTAKE_SOCIAL_GOVERNANCE
          && in->n_contacts == 1 && in->n_legal_basis == 2
          && in->langs[XC_INTAKE_ZH] && !in->langs[XC_INTAKE_EN],
          "are where they belong");
    xt_is(in->channels[0].note.en, XC_STR("ne"), "an English note");
    xt_ok(in->channels[1].note.text.data == NULL, "an absent one");
    xt_ok(in->updated_s == 1793462400 && in->expires_s == 1825084800 - 86400,
          "dates begin and end in Shanghai");
    xc_heap_free(&heap);
}


static void
test_faults(void)
{
    size_t               i;
    char                 text[512];
    xc_rc_t              rc;
    xc_heap_t            heap;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    /* Replaced in GOOD: the first text by the second; then the fault's path. */
    static const struct {
        const char  *from, *to, *path;
    } cases[] = {
        { "\"platform\":{\"name\":\"示例<平台>\",\"role\":\"platform\"},", "",
          "platform" },
        { "\"name\":\"示例<平台>\",", "", "platform.name" },
        { "示例<平台>", "", "platform.name" },
        { "示例<平台>", "\\u0007", "platform.name" },
        { "\"role\":\"platform\"", "\"role\":\"seller\"", "platform.role" },
        { "\"role\":", "\"uscc\":\"91310000MA1FL0000P\",\"role\":",
          "platform.uscc" },
        { "\"role\":", "\"url\":\"http://p.example/\",\"role\":",
          "platform.url" },
        { "\"role\":", "\"url\":\"https://p.example/a b\",\"role\":",
          "platform.url" },
        { "\"role\":", "\"url\":\"https://例.example/\",\"role\":",
          "platform.url" },
        { "\"role\":", "\"rolle\":1,\"role\":", "platform.rolle" },
        { "{\"type\":\"phone\",\"address\":\"12315\"}", "", "channels" },
        { "\"channels\":[{\"type\":\"phone\",\"address\":\"12315\"}],", "",
          "channels" },
        { "\"type\":\"phone\"", "\"type\":\"pigeon\"", "channels[0].type" },
        { "\"type\":\"phone\"", "\"type\":\"web\"", "channels[0].address" },
        { ",\"address\":\"12315\"", "", "channels[0].address" },
        { "\"type\":", "\"note_en\":\"x\",\"type\":", "channels[0].note_en" },
        { "2026-11-01", "2026-11-31", "updated" },
        { "2026-11-01", "2026-11-01T00:00:00Z", "updated" },
        { "2027-10-31", "2026-10-31", "expires" },
        { ",\"expires\":\"2027-10-31\"", "", "expires" },
        { ",\"updated\"", ",\"languages\":[\"en\"],\"updated\"", "languages" },
        { ",\"updated\"", ",\"languages\":[\"fr\"],\"updated\"",
          "languages[0]" },
        { ",\"updated\"", ",\"contacts\":[{\"name\":\"x\"}],\"updated\"",
          "contacts[0]" },
        { ",\"updated\"", ",\"contacts\":{},\"updated\"", "contacts" },
        { ",\"updated\"", ",\"legal_basis\":[1],\"updated\"",
          "legal_basis[0]" },
        { ",\"updated\"", ",\"contact\":[],\"updated\"", "contact" },
        { ",\"updated\"", ",\"schema\":\"request.json\",\"updated\"",
          "schema" },
        { "{\"platform\"", "{\"updated\":\"2026-11-01\",\"platform\"", "" },
        { "\"channels\":[", "\"channels\":[,", "" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        const char  *at = strstr(GOOD, cases[i].from);

        if (at == NULL) {
            xt_ok(false, "case %zu is about nothing", i);
            continue;
        }

        snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - GOOD), GOOD,
                 cases[i].to, at + strlen(cases[i].from));

        xc_heap_init(&heap, 0);
        in = NULL;
        rc = xc_intake_load(&heap.arena, xc_str_z(text), NOW, &faults, &in);

        if (xt_ok(rc == XC_EINPUT && in == NULL && faults.faults > 0,
                  "refused: %s", text))
        {
            xt_is(faults.list[0].path, xc_str_z(cases[i].path),
                  "and the path is named: " XC_STR_FMT,
                  XC_STR_ARG(faults.list[0].message));
        }

        xc_heap_free(&heap);
    }
}


static void
test_many(void)
{
    int                  n;
    char                *text;
    size_t               i, cap = 8192;
    xc_heap_t            heap;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    text = malloc(cap);
    if (text == NULL) {
        abort();
    }

    n = snprintf(text, cap, "{\"platform\":{\"name\":\"x\",\"role\":"
                 "\"platform\"},\"channels\":[");
    for (i = 0; i <= XC_INTAKE_CHANNELS_MAX; i++) {
        n += snprintf(text + n, cap - (size_t) n,
                      "%s{\"type\":\"phone\",\"address\":\"1\"}",
                      i == 0 ? "" : ",");
    }
    snprintf(text + n, cap - (size_t) n, "]" DATES);

    xc_heap_init(&heap, 0);
    xt_ok(xc_intake_load(&heap.arena, xc_str_z(text), NOW, &faults, &in)
          == XC_EINPUT, "too many channels");
    xc_heap_free(&heap);
    free(text);
}


static void
test_warnings(void)
{
    size_t               i;
    xc_heap_t            heap;
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    static const struct {
        int64_t      now;
        const char  *path;
    } cases[] = {
        { NOW, NULL },
        { 1793462400 - 1, "updated" },
        { 1824998400 - 30 * 86400 - 1, NULL },
        { 1824998400 - 30 * 86400, "expires" },
        { 1824998400 - 1, "expires" },
        { 1824998400, "expires" },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_heap_init(&heap, 0);
        xt_ok(xc_intake_load(&heap.arena, XC_STR(GOOD), cases[i].now, &faults,
                             &in) == XC_OK
              && faults.warnings == (cases[i].path != NULL)
              && (cases[i].path == NULL
                  || xc_str_eq(faults.list[0].path, xc_str_z(cases[i].path))),
              "warnings %zu: %s", i,
              cases[i].path == NULL ? "none" : cases[i].path);
        xc_heap_free(&heap);
    }
}


static xc_rc_t
load_good(xc_arena_t *arena, void *data)
{
    const xc_intake_t   *in;
    xc_policy_faults_t   faults;

    (void) data;

    return xc_intake_load(arena, XC_STR(GOOD), NOW, &faults, &in);
}


static void
test_format(void)
{
    size_t    i;
    xc_str_t  in, query;

    static const struct {
        const char          *accept, *query;
        xc_intake_format_t   want;
    } cases[] = {
        { "", "", XC_INTAKE_JSON },
        { "*/*", "", XC_INTAKE_JSON },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,"
          "image/avif,image/webp,*/*;q=0.8", "", XC_INTAKE_HTML },
        { "application/json", "", XC_INTAKE_JSON },
        { "text/html", "", XC_INTAKE_HTML },
        { "TEXT/HTML ; q=0.5 , Application/JSON ; Q=0.4", "", XC_INTAKE_HTML },
        { "text/html, application/json", "", XC_INTAKE_JSON },
        { "text/html;q=0.9, application/json;q=0.901", "", XC_INTAKE_JSON },
        { "text/html;q=0.902, application/json;q=0.901", "", XC_INTAKE_HTML },
        { "text/*", "", XC_INTAKE_HTML },
        { "text/*;q=0.5, */*;q=0.6", "", XC_INTAKE_JSON },
        { "text/html;q=0, */*", "", XC_INTAKE_JSON },
        { "application/json;q=0, */*;q=0.1", "", XC_INTAKE_HTML },
        { "application/json;q=0, text/html;q=0", "", XC_INTAKE_JSON },
        { "image/png", "", XC_INTAKE_JSON },
        { "text/html;q=2", "", XC_INTAKE_JSON },
        { "text/html;q=1.001", "", XC_INTAKE_JSON },
        { "text/html;q=0.1234", "", XC_INTAKE_JSON },
        { "text/html;q=", "", XC_INTAKE_JSON },
        { "text/html;q=-1, text/html;q=0.2", "", XC_INTAKE_HTML },
        { ",,;,=,text/html;level=1;q=1.000,", "", XC_INTAKE_HTML },
        { "text/html;q=1.", "", XC_INTAKE_HTML },
        { ";q=1", "", XC_INTAKE_JSON },
        { "text", "", XC_INTAKE_JSON },
        { "text/html", "json", XC_INTAKE_JSON },
        { "application/json", "HTML", XC_INTAKE_HTML },
        { "text/html", "jso", XC_INTAKE_HTML },
        { "text/html", "jsonp", XC_INTAKE_HTML },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        in = xt_guard(xc_str_z(cases[i].accept));
        query = xt_guard(xc_str_z(cases[i].query));
        xt_ok(xc_intake_format(in, query) == cases[i].want,
              "Accept: %s, format=%s", cases[i].accept, cases[i].query);
        xt_unguard(query);
        xt_unguard(in);
    }
}


static void
test_language(void)
{
    size_t    i;
    xc_str_t  accept, query;

    static const struct {
        const char        *accept, *query;
        xc_intake_lang_t   want;
    } cases[] = {
        { "", "", XC_INTAKE_ZH },
        { "en", "", XC_INTAKE_EN },
        { "en-GB,en;q=0.9", "", XC_INTAKE_EN },
        { "zh-CN,zh;q=0.9,en;q=0.8", "", XC_INTAKE_ZH },
        { "en;q=0.8, zh-Hant-TW;q=0.9", "", XC_INTAKE_ZH },
        { "en, zh", "", XC_INTAKE_EN },
        { "de, fr;q=0.5", "", XC_INTAKE_ZH },
        { "de, en;q=0.1", "", XC_INTAKE_EN },
        { "*", "", XC_INTAKE_ZH },
        { "en;q=0", "", XC_INTAKE_ZH },
        { "zh;q=0, en;q=0", "", XC_INTAKE_ZH },
        { "english, zhuang", "", XC_INTAKE_ZH },
        { "zh", "en", XC_INTAKE_EN },
        { "en", "zh-CN", XC_INTAKE_ZH },
        { "en", "ZH", XC_INTAKE_ZH },
        { "en", "fr", XC_INTAKE_EN },
        { "zh", "EN-us", XC_INTAKE_EN },
    };

    for (i = 0; i < XC_COUNT(cases); i++) {
        accept = xt_guard(xc_str_z(cases[i].accept));
        query = xt_guard(xc_str_z(cases[i].query));
        xt_ok(xc_intake_language(accept, query) == cases[i].want,
              "Accept-Language: %s, lang=%s", cases[i].accept, cases[i].query);
        xt_unguard(accept);
        xt_unguard(query);
    }
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        printf("Bail out! no crypto\n");
        return 2;
    }

    test_good();
    test_faults();
    test_many();
    test_warnings();
    xt_oom("loading", load_good, NULL);
    test_format();
    test_language();

    return xt_done();
}
