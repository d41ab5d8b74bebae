/* The policy: what it includes, how faults in there are named, and the copy
 * that holds it all. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"

#include <stdio.h>


/* Two files, each with ' for ". */
static struct {
    const char  *name, *text;
} stored[2];


static xc_rc_t
read_stored(void *ctx, xc_arena_t *arena, xc_str_t path, bool secret,
    xc_str_t *content, const char **error)
{
    char    mem[TEXT_MAX];
    size_t  i;

    (void) ctx;

    for (i = 0; i < XC_COUNT(stored); i++) {
        if (!secret && stored[i].name != NULL
            && xc_str_eq(path, xc_str_z(stored[i].name)))
        {
            return xc_arena_dup(arena, sample_json(mem, sizeof(mem),
                                                   stored[i].text), content);
        }
    }

    *error = "no such file";

    return XC_EIO;
}


static const char  base[] =
    "{'policy': 'p', 'version': '1', 'authorities': ['a'], 'purposes': {'x':"
    " {}}, 'include': ['one.json', 'sub/two.json'],"
    " 'fields': {'f': {'group': 'g', 'zh': '中', 'en': 'e', 'standard':"
    " true}}, 'operations': [{'id': 's', 'kind': 'submit', 'methods': ['POST'],"
    " 'path': '/', 'body': {'fields': '/f', 'request_no': '/r', 'purpose':"
    " '/p', 'subjects': '/s'}}], 'grants': {'all': {'groups': ['g', 'h'],"
    " 'levels': ['county']}}, 'rates': {'default': {'rate': '1r/s'}},"
    " 'agencies': [{'id': '310115', 'name': 'n', 'level': 'county', 'region':"
    " '310115', 'grants': ['all'], 'credentials': [{'type': 'httpsig', 'keyid':"
    " 'k', 'alg': 'hmac-sha256', 'secret': '" SAMPLE_SECRET "'}]}]}";

static const char  one[] =
    "{'about': 'ours', 'version': '2026-11-22', 'fields': {'one.a': {'group':"
    " 'g', 'zh': '一', 'en': 'one', 'standard': true}, 'secret': {'group': 'h',"
    " 'zh': '密', 'en': 'secret', 'standard': false}}, 'subject_types':"
    " {'website': {'pattern': '[a-z.]+'}}}";

static const char  two[] =
    "{'about': 'ours', 'fields': {'two.a': {'group': 'h', 'zh': '二', 'en':"
    " 'two', 'standard': true}}}";


/* The one place in the policy (n: 0) or a file that an edit changes. */
static void
load_edited(load_t *load, size_t n, const char *find, const char *with)
{
    char         mem[TEXT_MAX], file[TEXT_MAX];
    xc_str_t     text;
    const char  *plain[] = { base, one, two };

    stored[0].name = "one.json";
    stored[0].text = one;
    stored[1].name = "sub/two.json";
    stored[1].text = two;

    text = edit_of(file, plain[n], find, with);

    if (n == 0) {
        load_text(load, text);
        return;
    }

    file[text.len] = '\0';
    stored[n - 1].text = file;
    load_text(load, sample_json(mem, sizeof(mem), base));
}


/* The same policy in one file. */
static void
test_copy(const xc_policy_t *p)
{
    load_t  load;

    load_text(&load, p->copy);

    if (!xt_ok(load.rc == XC_EINPUT && load.faults.faults == 1
               && has(&load, false, "agencies[0].credentials[0].secret",
                      "base64"),
               "the copy loads by itself, but for the secret"))
    {
        show(&load);
    }

    xt_ok(strstr(p->copy.data, "include") == NULL
          && strstr(p->copy.data, "\"fields\":{\"f\":{\"group\":\"g\"") != NULL
          && strstr(p->copy.data, "\"one.a\":{") != NULL
          && strstr(p->copy.data, "\"secret\":{\"group\":\"h\"") != NULL
          && strstr(p->copy.data, "\"two.a\":{") != NULL
          && strstr(p->copy.data, ",\"subject_types\":{\"website\":{") != NULL,
          "with what was included, a field named secret as well");
    xt_ok(strstr(p->copy.data, SAMPLE_SECRET) == NULL
          && strstr(p->copy.data, "\"secret\":\"…\"") != NULL,
          "and not the secret itself");
    xc_heap_free(&load.heap);
}


static void
test_included(void)
{
    load_t              load;
    const xc_policy_t  *p;
    uint8_t             sha256[XC_SHA256_SIZE];

    load_edited(&load, 0, "'p'", "'p'");
    p = load.policy;

    if (!xt_ok(load.rc == XC_OK && p->n_fields == 4
               && p->n_subject_types == 1 && p->n_groups == 2,
               "a policy with two files"))
    {
        show(&load);
        exit(1);
    }

    xt_ok(xc_policy_field(p, XC_STR("f")) == &p->fields[0]
          && xc_policy_field(p, XC_STR("one.a")) == &p->fields[1]
          && xc_policy_field(p, XC_STR("two.a")) == &p->fields[3],
          "its own fields first, then those of the files in their order");
    xt_ok(xc_policy_subject_type(p, XC_STR("website")) != NULL,
          "a file's subject type");
    test_copy(p);
    memcpy(sha256, p->copy_sha256, sizeof(sha256));
    xc_heap_free(&load.heap);

    load_edited(&load, 2, "'en': 'two'", "'en': 'zwei'");
    xt_ok(load.rc == XC_OK
          && memcmp(sha256, load.policy->copy_sha256, sizeof(sha256)) != 0,
          "the copy's hash tells an edit of a file");
    xc_heap_free(&load.heap);

    load_edited(&load, 2, "'about': 'ours'", "'about': 'theirs'");
    xt_ok(load.rc == XC_OK
          && memcmp(sha256, load.policy->copy_sha256, sizeof(sha256)) == 0,
          "and not one of its header, which decides nothing");
    xc_heap_free(&load.heap);

    load_edited(&load, 0, "{'f': {'group': 'g', 'zh': '中', 'en': 'e',"
                " 'standard': true}}", "{}");
    xt_ok(load.rc == XC_OK && load.policy->n_fields == 3
          && strstr(load.policy->copy.data, "\"fields\":{\"one.a\"") != NULL,
          "all fields in files");
    xc_heap_free(&load.heap);

    load_edited(&load, 0, "'operations'",
                "'subject_types': {'shop': {}}, 'operations'");
    xt_ok(load.rc == XC_OK && load.policy->n_subject_types == 2
          && strstr(load.policy->copy.data,
                    "\"subject_types\":{\"shop\":{},\"website\":{") != NULL,
          "subject types in both");
    xc_heap_free(&load.heap);
}


/* { in which text, replace this, by this, path of the fault, message } */
static const struct {
    size_t       n;
    const char  *find, *with, *path, *message;
} faults[] = {
    { 0, "['one.json', 'sub/two.json']", "[]", "include", "1 to 64 files" },
    { 0, "'one.json'", "7", "include[0]", "must be a string" },
    { 0, "'one.json'", "''", "include[0]", "1 to 4096 bytes" },
    { 0, "'one.json'", "'none.json'", "include[0]", "no such file" },
    { 0, "'sub/two.json'", "'one.json'", "include[1]", "stands twice" },
    { 0, "'f': {", "'one.a': {", "one.json: fields[\"one.a\"]",
      "stands in the policy itself too; keep one" },
    { 0, "'operations'", "'subject_types': {'website': {}}, 'operations'",
      "one.json: subject_types.website", "stands in the policy itself too" },
    { 2, "'two.a'", "'one.a'", "sub/two.json: fields[\"one.a\"]",
      "stands in \"one.json\" too; keep one" },
    { 2, "'about': 'ours'", "'about': 'ours', 'subject_types': {'website':"
      " {}}", "sub/two.json: subject_types.website",
      "stands in \"one.json\" too" },
    { 1, "'about': 'ours'", "'abuot': 'ours'", "one.json: abuot",
      "did you mean about? known: about, version, fields, subject_types" },
    { 1, "'about': 'ours', ", "", "one.json: about", "required" },
    { 1, "'about': 'ours'", "'about': ''", "one.json: about", "1 to 4096" },
    { 1, "'2026-11-22'", "'1 2'", "one.json: version", "is not an id" },
    { 1, "'fields': {", "'felder': {", "one.json: fields", "required" },
    { 2, "{'two.a': {'group': 'h', 'zh': '二', 'en': 'two', 'standard': true}}",
      "{}", "sub/two.json: fields", "at least one field" },
    { 2, "'zh'", "'cn'", "sub/two.json: fields[\"two.a\"].cn",
      "unknown member; known: group, zh" },
    { 1, "[a-z.]+", "[a-z", "one.json: subject_types.website.pattern",
      "not a usable pattern" },
    { 1, "{'about'", "{{'about'", "one.json", "not strict JSON: line 1" },
    { 1, "{'about'", "[] {'about'", "one.json", "not strict JSON: line 1" },
    { 2, two, "[]", "sub/two.json", "must be an object, found array" },
};


static void
test_faults(void)
{
    size_t  i;
    load_t  load;

    for (i = 0; i < XC_COUNT(faults); i++) {
        load_edited(&load, faults[i].n, faults[i].find, faults[i].with);

        if (!xt_ok(load.rc == XC_EINPUT
                   && has(&load, false, faults[i].path, faults[i].message),
                   "%s: %s", faults[i].path, faults[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


/* A type in a file that nobody uses is found there. */
static void
test_warning(void)
{
    load_t  load;

    load_edited(&load, 0, ", 'subjects': '/s'", "");
    xt_ok(load.rc == XC_OK
          && has(&load, true, "one.json: subject_types.website",
                 "no operation maps subjects"), "a file's unused type");
    xc_heap_free(&load.heap);
}


static xc_rc_t
load_base(xc_arena_t *arena, void *data)
{
    xc_rc_t               rc;
    xc_str_t             *text = data;
    const xc_policy_t    *policy = NULL;
    xc_policy_faults_t    found;

    rc = xc_policy_load(arena, *text, &files, SAMPLE_NOW_S, &found, &policy);

    return rc != XC_OK && policy != NULL ? XC_EINTERNAL : rc;
}


static void
test_memory(void)
{
    char      mem[TEXT_MAX];
    load_t    load;
    xc_str_t  text;

    load_edited(&load, 0, "'p'", "'p'");
    xc_heap_free(&load.heap);

    text = sample_json(mem, sizeof(mem), base);
    xt_oom("loading what is included", load_base, &text);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    files.read = read_stored;

    test_included();
    test_faults();
    test_warning();
    test_memory();

    return xt_done();
}
