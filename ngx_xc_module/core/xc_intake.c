#include "xc_intake.h"

#include "xc_ascii.h"
#include "xc_b64.h"
#include "xc_intake_write.h"
#include "xc_policy_load.h"
#include "xc_time.h"

#define XC_INTAKE_DEPTH         8
#define XC_INTAKE_DAY_S         86400
#define XC_INTAKE_SOON_DAYS     30
#define XC_INTAKE_START_SIZE    (32 * 1024)


static xc_str_t
xc_intake_load_text(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    return xc_load_text(load, at, node, XC_INTAKE_TEXT_MAX);
}


/* Only what a reader may follow safely: no other scheme becomes a link. */
static xc_str_t
xc_intake_load_url(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    size_t         i;
    xc_str_t       url = xc_intake_load_text(load, at, node);
    unsigned char  c;

    if (url.data == NULL) {
        return url;
    }

    for (i = 0; i < url.len; i++) {
        c = (unsigned char) url.data[i];
        if (c <= 0x20 || c >= 0x7f) {
            break;
        }
    }

    if (i < url.len || url.len < 9 || memcmp(url.data, "https://", 8) != 0) {
        xc_load_fault(load, at, "must be an https:// URL in ASCII, without "
                      "white space");
    }

    return url;
}


static xc_str_t
xc_intake_load_uscc(xc_load_t *load, const xc_at_t *at, const xc_json_t *node)
{
    xc_str_t  code = xc_intake_load_text(load, at, node);

    if (code.data != NULL && !xc_uscc_ok(code)) {
        xc_load_fault(load, at, "not a unified social credit code (GB 32100: "
                      "18 characters, the last a check character)");
    }

    return code;
}


static size_t
xc_intake_load_word(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    const xc_intake_word_t *words, size_t n)
{
    size_t    i;
    xc_str_t  ids[XC_INTAKE_TYPES];

    for (i = 0; i < n; i++) {
        ids[i] = words[i].id;
    }

    return xc_load_word(load, at, node, ids, n);
}


static void
xc_intake_load_platform(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_intake_t *out)
{
    size_t            role;
    const xc_json_t  *v[5];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("name", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("name_en", XC_LOAD_STRING),
        XC_MEMBER("uscc", XC_LOAD_STRING),
        XC_MEMBER("url", XC_LOAD_STRING),
        XC_MEMBER("role", XC_LOAD_STRING | XC_LOAD_REQUIRED)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    out->name.text = xc_intake_load_text(load, XC_AT(at, "name"), v[0]);
    out->name.en = xc_intake_load_text(load, XC_AT(at, "name_en"), v[1]);
    out->uscc = xc_intake_load_uscc(load, XC_AT(at, "uscc"), v[2]);
    out->url = xc_intake_load_url(load, XC_AT(at, "url"), v[3]);

    role = xc_intake_load_word(load, XC_AT(at, "role"), v[4], xc_intake_roles,
                               XC_INTAKE_ROLES);
    out->role = (xc_intake_role_t) role;
}


/* An English text beside none would be read by nobody else. */
static void
xc_intake_check_pair(xc_load_t *load, const xc_at_t *at,
    const xc_intake_text_t *text)
{
    if (text->en.data != NULL && text->text.data == NULL) {
        xc_load_fault(load, at, "stands without its Chinese");
    }
}


static void
xc_intake_load_channel(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_intake_channel_t *out)
{
    const xc_json_t  *v[6];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("type", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("address", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("hours", XC_LOAD_STRING),
        XC_MEMBER("hours_en", XC_LOAD_STRING),
        XC_MEMBER("note", XC_LOAD_STRING),
        XC_MEMBER("note_en", XC_LOAD_STRING)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    out->type = (xc_intake_type_t)
        xc_intake_load_word(load, XC_AT(at, "type"), v[0], xc_intake_types,
                            XC_INTAKE_TYPES);

    out->address = out->type == XC_INTAKE_API || out->type == XC_INTAKE_WEB
        ? xc_intake_load_url(load, XC_AT(at, "address"), v[1])
        : xc_intake_load_text(load, XC_AT(at, "address"), v[1]);

    out->hours.text = xc_intake_load_text(load, XC_AT(at, "hours"), v[2]);
    out->hours.en = xc_intake_load_text(load, XC_AT(at, "hours_en"), v[3]);
    out->note.text = xc_intake_load_text(load, XC_AT(at, "note"), v[4]);
    out->note.en = xc_intake_load_text(load, XC_AT(at, "note_en"), v[5]);
    xc_intake_check_pair(load, XC_AT(at, "hours_en"), &out->hours);
    xc_intake_check_pair(load, XC_AT(at, "note_en"), &out->note);
}


static void
xc_intake_load_contact(xc_load_t *load, const xc_at_t *at,
    const xc_json_t *node, xc_intake_contact_t *out)
{
    const xc_json_t  *v[7];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("name", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("name_en", XC_LOAD_STRING),
        XC_MEMBER("phone", XC_LOAD_STRING),
        XC_MEMBER("email", XC_LOAD_STRING),
        XC_MEMBER("address", XC_LOAD_STRING),
        XC_MEMBER("note", XC_LOAD_STRING),
        XC_MEMBER("note_en", XC_LOAD_STRING)
    };

    if (!xc_load_object(load, at, node, members, XC_COUNT(members), v)) {
        return;
    }

    out->name.text = xc_intake_load_text(load, XC_AT(at, "name"), v[0]);
    out->name.en = xc_intake_load_text(load, XC_AT(at, "name_en"), v[1]);
    out->phone = xc_intake_load_text(load, XC_AT(at, "phone"), v[2]);
    out->email = xc_intake_load_text(load, XC_AT(at, "email"), v[3]);
    out->address = xc_intake_load_text(load, XC_AT(at, "address"), v[4]);
    out->note.text = xc_intake_load_text(load, XC_AT(at, "note"), v[5]);
    out->note.en = xc_intake_load_text(load, XC_AT(at, "note_en"), v[6]);
    xc_intake_check_pair(load, XC_AT(at, "note_en"), &out->note);

    if (v[2] == NULL && v[3] == NULL && v[4] == NULL) {
        xc_load_fault(load, at, "needs a phone, an email or an address");
    }
}


/* n elements, or NULL: absent, empty, too many (a fault). */
static void *
xc_intake_load_array(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    size_t max, size_t size, size_t *n)
{
    void  *p;

    *n = 0;

    if (xc_json_size(node) > max) {
        xc_load_fault(load, at, "at most %zu, found %zu", max,
                      xc_json_size(node));
        return NULL;
    }

    if (node == NULL || xc_json_size(node) == 0) {
        return NULL;
    }

    p = xc_load_array(load, xc_json_size(node), size);
    if (p != NULL) {
        *n = xc_json_size(node);
    }

    return p;
}


static void
xc_intake_load_channels(xc_load_t *load, const xc_json_t *node,
    xc_intake_t *out)
{
    size_t          i;
    const xc_at_t  *at = XC_AT(NULL, "channels");

    if (node != NULL && xc_json_size(node) == 0) {
        xc_load_fault(load, at, "name at least one channel");
    }

    out->channels = xc_intake_load_array(load, at, node,
                                         XC_INTAKE_CHANNELS_MAX,
                                         sizeof(xc_intake_channel_t),
                                         &out->n_channels);

    for (i = 0; i < out->n_channels; i++) {
        xc_intake_load_channel(load, XC_AT_I(at, i),
                               xc_json_element(node, i), &out->channels[i]);
    }
}


static void
xc_intake_load_contacts(xc_load_t *load, const xc_json_t *node,
    xc_intake_t *out)
{
    size_t          i;
    const xc_at_t  *at = XC_AT(NULL, "contacts");

    out->contacts = xc_intake_load_array(load, at, node,
                                         XC_INTAKE_CONTACTS_MAX,
                                         sizeof(xc_intake_contact_t),
                                         &out->n_contacts);

    for (i = 0; i < out->n_contacts; i++) {
        xc_intake_load_contact(load, XC_AT_I(at, i),
                               xc_json_element(node, i), &out->contacts[i]);
    }
}


static void
xc_intake_load_bases(xc_load_t *load, const xc_json_t *node, xc_intake_t *out)
{
    size_t          i;
    const xc_at_t  *at = XC_AT(NULL, "legal_basis");

    out->legal_basis = xc_intake_load_array(load, at, node,
                                            XC_INTAKE_BASES_MAX,
                                            sizeof(xc_str_t),
                                            &out->n_legal_basis);

    for (i = 0; i < out->n_legal_basis; i++) {
        out->legal_basis[i] =
            xc_intake_load_text(load, XC_AT_I(at, i),
                                xc_json_element(node, i));
    }
}


static void
xc_intake_load_languages(xc_load_t *load, const xc_json_t *node,
    xc_intake_t *out)
{
    size_t          i, lang;
    const xc_at_t  *at = XC_AT(NULL, "languages");

    static const xc_str_t  tags[] = { { "zh-CN", 5 }, { "en", 2 } };

    out->langs[XC_INTAKE_ZH] = node == NULL;
    out->langs[XC_INTAKE_EN] = node == NULL;

    for (i = 0; i < xc_json_size(node); i++) {
        lang = xc_load_word(load, XC_AT_I(at, i), xc_json_element(node, i),
                            tags, XC_COUNT(tags));
        if (lang < XC_INTAKE_LANGS) {
            out->langs[lang] = true;
        }
    }

    if (!out->langs[XC_INTAKE_ZH]) {
        xc_load_fault(load, at, "must hold \"zh-CN\": those who read this "
                      "document are Chinese authorities");
    }
}


/* The first second of that day, in Shanghai. */
static xc_str_t
xc_intake_load_date(xc_load_t *load, const xc_at_t *at, const xc_json_t *node,
    int64_t *start_s)
{
    int64_t   days;
    xc_str_t  date = xc_intake_load_text(load, at, node);

    if (date.data == NULL) {
        return date;
    }

    if (xc_time_parse_date(date, &days) != XC_OK) {
        xc_load_fault(load, at, "must be a date as \"2026-11-22\"");
        return XC_STR_NONE;
    }

    *start_s = days * XC_INTAKE_DAY_S - XC_TIME_SHANGHAI_S;

    return date;
}


static void
xc_intake_load_dates(xc_load_t *load, const xc_json_t *updated,
    const xc_json_t *expires, xc_intake_t *out)
{
    const xc_at_t  *at = XC_AT(NULL, "expires");

    out->updated = xc_intake_load_date(load, XC_AT(NULL, "updated"), updated,
                                       &out->updated_s);
    out->expires = xc_intake_load_date(load, at, expires, &out->expires_s);

    if (out->updated.data == NULL || out->expires.data == NULL) {
        return;
    }

    out->expires_s += XC_INTAKE_DAY_S;

    if (out->expires_s <= out->updated_s) {
        xc_load_fault(load, at, "lies before \"updated\"");

    } else if (out->expires_s <= load->now_s) {
        xc_load_warn(load, at, "the document has expired: check its content "
                     "and write new dates");

    } else if (out->expires_s - load->now_s
               <= XC_INTAKE_SOON_DAYS * XC_INTAKE_DAY_S)
    {
        xc_load_warn(load, at, "the document expires within %d days",
                     XC_INTAKE_SOON_DAYS);
    }

    if (out->updated_s > load->now_s) {
        xc_load_warn(load, XC_AT(NULL, "updated"), "lies in the future");
    }
}


static void
xc_intake_load_root(xc_load_t *load, const xc_json_t *root, xc_intake_t *out)
{
    const xc_json_t  *v[8];

    static const xc_load_member_t  members[] = {
        XC_MEMBER("platform", XC_LOAD_OBJECT | XC_LOAD_REQUIRED),
        XC_MEMBER("channels", XC_LOAD_ARRAY | XC_LOAD_REQUIRED),
        XC_MEMBER("contacts", XC_LOAD_ARRAY),
        XC_MEMBER("legal_basis", XC_LOAD_ARRAY),
        XC_MEMBER("languages", XC_LOAD_ARRAY),
        XC_MEMBER("updated", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("expires", XC_LOAD_STRING | XC_LOAD_REQUIRED),
        XC_MEMBER("schema", XC_LOAD_STRING)
    };

    if (!xc_load_object(load, NULL, root, members, XC_COUNT(members), v)) {
        return;
    }

    if (v[0] != NULL) {
        xc_intake_load_platform(load, XC_AT(NULL, "platform"), v[0], out);
    }

    xc_intake_load_channels(load, v[1], out);
    xc_intake_load_contacts(load, v[2], out);
    xc_intake_load_bases(load, v[3], out);
    xc_intake_load_languages(load, v[4], out);
    xc_intake_load_dates(load, v[5], v[6], out);
    out->schema = xc_intake_load_url(load, XC_AT(NULL, "schema"), v[7]);
}


xc_rc_t
xc_intake_load(xc_arena_t *arena, xc_str_t text, int64_t now_s,
    xc_policy_faults_t *faults, const xc_intake_t **out)
{
    xc_rc_t           rc;
    xc_load_t         load = { .arena = arena, .now_s = now_s,
                               .faults = faults, .rc = XC_OK };
    xc_intake_t      *intake;
    xc_json_error_t   error = { 0, 0, "" };
    const xc_json_t  *root;

    *faults = (xc_policy_faults_t) { .n = 0 };

    intake = xc_load_array(&load, 1, sizeof(xc_intake_t));
    if (intake == NULL) {
        return XC_ENOMEM;
    }

    rc = xc_json_parse(arena, text, XC_INTAKE_DEPTH, &error, &root);

    if (rc == XC_OK) {
        xc_intake_load_root(&load, root, intake);

    } else if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xc_load_fault(&load, NULL, "not strict JSON: line %u, column %u: %s",
                      error.line, error.column, error.message);

    } else {
        return rc;
    }

    if (load.rc != XC_OK || faults->faults != 0) {
        return load.rc != XC_OK ? load.rc : XC_EINPUT;
    }

    *out = intake;

    return XC_OK;
}


xc_rc_t
xc_intake_render(xc_arena_t *arena, const xc_intake_t *intake,
    const xc_intake_view_t *view, xc_str_t *out)
{
    void      *mem;
    size_t     size;
    xc_buf_t   b;

    for (size = XC_INTAKE_START_SIZE; size <= XC_INTAKE_RENDERED_MAX; size *= 2)
    {
        mem = xc_arena_alloc(arena, size);
        if (mem == NULL) {
            return XC_ENOMEM;
        }

        xc_buf_init(&b, mem, size);

        if (view->format == XC_INTAKE_HTML) {
            xc_intake_write_html(&b, intake, view);

        } else {
            xc_intake_write_json(&b, intake, view);
        }

        if (!b.overflow) {
            *out = xc_buf_view(&b);
            return XC_OK;
        }
    }

    return XC_ELIMIT;
}


xc_str_t
xc_intake_media_type(xc_intake_format_t format)
{
    return format == XC_INTAKE_HTML ? XC_STR("text/html; charset=utf-8")
                                    : XC_STR("application/json");
}


xc_str_t
xc_intake_lang_tag(xc_intake_lang_t lang)
{
    return lang == XC_INTAKE_EN ? XC_STR("en") : XC_STR("zh-CN");
}


xc_rc_t
xc_intake_csp(xc_arena_t *arena, xc_str_t *out)
{
    char      mem[256];
    uint8_t   hash[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_buf_t  b;
    xc_str_t  style = xc_intake_style();

    rc = xc_hash(XC_HASH_SHA256, style.data, style.len, hash);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_init(&b, mem, sizeof(mem));
    xc_buf_z(&b, "default-src 'none'; style-src 'sha256-");
    xc_b64_encode(XC_B64_STD, &b, hash, sizeof(hash));
    xc_buf_z(&b, "'; base-uri 'none'; form-action 'none'; "
                 "frame-ancestors 'none'");

    return b.overflow ? XC_EINTERNAL
                      : xc_arena_dup(arena, xc_buf_view(&b), out);
}
