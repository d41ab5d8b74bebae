#include "xc_intake_write.h"

#include "xc_ascii.h"

typedef struct {
    xc_buf_t           *b;
    const xc_intake_t  *in;
    const xc_policy_t  *policy;         /* may be NULL */
    xc_intake_lang_t    lang;
} xc_intake_page_t;


static void
xc_page_z(const xc_intake_page_t *p, const char *markup)
{
    xc_buf_z(p->b, markup);
}


static void
xc_page_text(const xc_intake_page_t *p, xc_str_t text)
{
    xc_buf_html(p->b, text);
}


static const char *
xc_page_label(const xc_intake_page_t *p, xc_intake_label_t label)
{
    return xc_intake_labels[label][p->lang];
}


static void
xc_page_head(const xc_intake_page_t *p, xc_intake_label_t label)
{
    xc_page_z(p, "<h2>");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "</h2>\n");
}


/* What the document holds is Chinese unless it gives the English. */
static void
xc_page_own(const xc_intake_page_t *p, const xc_intake_text_t *text)
{
    if (p->lang == XC_INTAKE_ZH) {
        xc_page_text(p, text->text);
        return;
    }

    if (text->en.data != NULL) {
        xc_page_text(p, text->en);
        return;
    }

    xc_page_z(p, "<span lang=\"zh-CN\">");
    xc_page_text(p, text->text);
    xc_page_z(p, "</span>");
}


static void
xc_page_own_z(const xc_intake_page_t *p, xc_str_t text)
{
    xc_page_own(p, &(xc_intake_text_t) { text, XC_STR_NONE });
}


static bool
xc_page_all_of(xc_str_t s, const char *set)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (!xc_ascii_is_alpha(s.data[i]) && !xc_ascii_is_digit(s.data[i])
            && (s.data[i] == '\0' || strchr(set, s.data[i]) == NULL))
        {
            return false;
        }
    }

    return s.len != 0;
}


/* A link, where the text can be one as it stands; else the text. */
static void
xc_page_link(const xc_intake_page_t *p, const char *scheme, bool fits,
    xc_str_t text)
{
    if (!fits) {
        xc_page_own_z(p, text);
        return;
    }

    xc_page_z(p, "<a href=\"");
    xc_page_z(p, scheme);
    xc_page_text(p, text);
    xc_page_z(p, "\">");
    xc_page_text(p, text);
    xc_page_z(p, "</a>");
}


static void
xc_page_url(const xc_intake_page_t *p, xc_str_t url)
{
    xc_page_link(p, "", url.len > 8 && memcmp(url.data, "https://", 8) == 0,
                 url);
}


static void
xc_page_email(const xc_intake_page_t *p, xc_str_t email)
{
    xc_page_link(p, "mailto:", xc_page_all_of(email, "@._-")
                 && memchr(email.data, '@', email.len) != NULL, email);
}


static void
xc_page_phone(const xc_intake_page_t *p, xc_str_t phone)
{
    size_t  i;
    bool    fits = xc_page_all_of(phone, "+-");

    for (i = 0; i < phone.len; i++) {
        fits = fits && !xc_ascii_is_alpha(phone.data[i]);
    }

    xc_page_link(p, "tel:", fits, phone);
}


static void
xc_page_code(const xc_intake_page_t *p, xc_str_t text)
{
    xc_page_z(p, "<code>");
    xc_page_text(p, text);
    xc_page_z(p, "</code>");
}


/* A row of a table of two columns: its head, then what the caller writes. */
static void
xc_page_row(const xc_intake_page_t *p, xc_intake_label_t label)
{
    xc_page_z(p, "<tr><th scope=\"row\">");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "</th><td>");
}


static void
xc_page_row_end(const xc_intake_page_t *p)
{
    xc_page_z(p, "</td></tr>\n");
}


static void
xc_page_platform(const xc_intake_page_t *p)
{
    xc_page_head(p, XC_T_PLATFORM);
    xc_page_z(p, "<table><tbody>\n");

    xc_page_row(p, XC_T_NAME);
    xc_page_own(p, &p->in->name);
    xc_page_row_end(p);

    if (p->in->uscc.data != NULL) {
        xc_page_row(p, XC_T_USCC);
        xc_page_code(p, p->in->uscc);
        xc_page_row_end(p);
    }

    if (p->in->url.data != NULL) {
        xc_page_row(p, XC_T_URL);
        xc_page_url(p, p->in->url);
        xc_page_row_end(p);
    }

    xc_page_row(p, XC_T_ROLE);
    xc_page_text(p, xc_intake_roles[p->in->role].title[p->lang]);
    xc_page_row_end(p);
    xc_page_z(p, "</tbody></table>\n");
}


/* The head of a table of several columns. */
static void
xc_page_columns(const xc_intake_page_t *p, const xc_intake_label_t *labels,
    size_t n)
{
    size_t  i;

    xc_page_z(p, "<thead><tr>");

    for (i = 0; i < n; i++) {
        xc_page_z(p, "<th scope=\"col\">");
        xc_page_z(p, xc_page_label(p, labels[i]));
        xc_page_z(p, "</th>");
    }

    xc_page_z(p, "</tr></thead>\n<tbody>\n");
}


/* A cell that can say its column's name where columns can't be seen. */
static void
xc_page_cell(const xc_intake_page_t *p, xc_intake_label_t label)
{
    xc_page_z(p, "<td data-c=\"");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "\">");
}


static void
xc_page_cell_own(const xc_intake_page_t *p, xc_intake_label_t label,
    const xc_intake_text_t *text)
{
    if (text->text.data == NULL) {
        xc_page_z(p, "<td></td>");
        return;
    }

    xc_page_cell(p, label);
    xc_page_own(p, text);
    xc_page_z(p, "</td>");
}


static void
xc_page_channel_address(const xc_intake_page_t *p,
    const xc_intake_channel_t *channel)
{
    switch (channel->type) {

    case XC_INTAKE_EMAIL:
        xc_page_email(p, channel->address);
        break;

    case XC_INTAKE_PHONE:
        xc_page_phone(p, channel->address);
        break;

    default:
        xc_page_url(p, channel->address);
    }
}


static void
xc_page_channels(const xc_intake_page_t *p)
{
    size_t                      i;
    const xc_intake_channel_t  *c;

    static const xc_intake_label_t  columns[] = {
        XC_T_TYPE, XC_T_ADDRESS, XC_T_HOURS, XC_T_NOTE
    };

    xc_page_head(p, XC_T_CHANNELS);
    xc_page_z(p, "<table class=\"c\">");
    xc_page_columns(p, columns, XC_COUNT(columns));

    for (i = 0; i < p->in->n_channels; i++) {
        c = &p->in->channels[i];

        xc_page_z(p, "<tr><th scope=\"row\">");
        xc_page_text(p, xc_intake_types[c->type].title[p->lang]);
        xc_page_z(p, "</th>");
        xc_page_cell(p, XC_T_ADDRESS);
        xc_page_channel_address(p, c);
        xc_page_z(p, "</td>");
        xc_page_cell_own(p, XC_T_HOURS, &c->hours);
        xc_page_cell_own(p, XC_T_NOTE, &c->note);
        xc_page_z(p, "</tr>\n");
    }

    xc_page_z(p, "</tbody></table>\n");
}


static void
xc_page_contact(const xc_intake_page_t *p, const xc_intake_contact_t *c)
{
    xc_page_z(p, "<table><caption>");
    xc_page_own(p, &c->name);
    xc_page_z(p, "</caption><tbody>\n");

    if (c->phone.data != NULL) {
        xc_page_row(p, XC_T_PHONE);
        xc_page_phone(p, c->phone);
        xc_page_row_end(p);
    }

    if (c->email.data != NULL) {
        xc_page_row(p, XC_T_EMAIL);
        xc_page_email(p, c->email);
        xc_page_row_end(p);
    }

    if (c->address.data != NULL) {
        xc_page_row(p, XC_T_ADDRESS);
        xc_page_own_z(p, c->address);
        xc_page_row_end(p);
    }

    if (c->note.text.data != NULL) {
        xc_page_row(p, XC_T_NOTE);
        xc_page_own(p, &c->note);
        xc_page_row_end(p);
    }

    xc_page_z(p, "</tbody></table>\n");
}


static void
xc_page_contacts(const xc_intake_page_t *p)
{
    size_t  i;

    if (p->in->n_contacts == 0) {
        return;
    }

    xc_page_head(p, XC_T_CONTACTS);

    for (i = 0; i < p->in->n_contacts; i++) {
        xc_page_contact(p, &p->in->contacts[i]);
    }
}


static void
xc_page_codes(const xc_intake_page_t *p, const xc_str_t *list, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        xc_page_z(p, i == 0 ? "" : " ");
        xc_page_code(p, list[i]);
    }
}


static void
xc_page_window(const xc_intake_page_t *p)
{
    xc_page_row(p, XC_T_WINDOW);
    xc_page_z(p, xc_page_label(p, XC_T_WINDOW_A));
    xc_buf_i64(p->b, p->policy->max_age_s);
    xc_page_z(p, xc_page_label(p, XC_T_WINDOW_B));
    xc_buf_i64(p->b, p->policy->max_skew_s);
    xc_page_z(p, xc_page_label(p, XC_T_WINDOW_C));
    xc_page_row_end(p);
}


static void
xc_page_algorithms(const xc_intake_page_t *p)
{
    xc_alg_t     alg;
    const char  *sep = "";

    xc_page_row(p, XC_T_ALGORITHMS);

    for (alg = XC_ALG_NONE + 1; alg < XC_ALG_COUNT; alg++) {
        xc_page_z(p, sep);
        xc_page_code(p, xc_alg_name(alg));
        sep = " ";
    }

    xc_page_row_end(p);
}


static void
xc_page_signature(const xc_intake_page_t *p)
{
    static const xc_str_t  parameters[] = { { "created", 7 }, { "keyid", 5 } };

    xc_page_head(p, XC_T_SIGNATURE);
    xc_page_z(p, "<table><tbody>\n");

    xc_page_row(p, XC_T_SCHEME);
    xc_page_z(p, xc_page_label(p, XC_T_SCHEME_HTTPSIG));
    xc_page_row_end(p);

    xc_page_algorithms(p);

    xc_page_row(p, XC_T_COVERED);
    xc_page_codes(p, xc_intake_covered, XC_INTAKE_COVERED_ALWAYS);
    xc_page_row_end(p);
    xc_page_row(p, XC_T_COVERED_IF);
    xc_page_codes(p, xc_intake_covered + XC_INTAKE_COVERED_ALWAYS,
                  XC_INTAKE_COVERED - XC_INTAKE_COVERED_ALWAYS);
    xc_page_row_end(p);

    xc_page_row(p, XC_T_PARAMETERS);
    xc_page_codes(p, parameters, XC_COUNT(parameters));
    xc_page_row_end(p);
    xc_page_row(p, XC_T_NONCE);
    xc_page_z(p, xc_page_label(p, p->policy->nonce_required
                                  ? XC_T_NONCE_REQUIRED
                                  : XC_T_NONCE_OPTIONAL));
    xc_page_row_end(p);

    if (p->policy->tag.len != 0) {
        xc_page_row(p, XC_T_TAG);
        xc_page_code(p, p->policy->tag);
        xc_page_row_end(p);
    }

    xc_page_window(p);
    xc_page_z(p, "</tbody></table>\n");
}


static void
xc_page_purposes(const xc_intake_page_t *p)
{
    size_t                   i;
    const xc_intake_word_t  *word;

    xc_page_head(p, XC_T_PURPOSES);
    xc_page_z(p, "<ul>\n");

    for (i = 0; i < p->policy->n_purposes; i++) {
        word = xc_intake_purpose(p->policy->purposes[i].id);

        xc_page_z(p, "<li>");
        if (word != NULL) {
            xc_page_text(p, word->title[p->lang]);
            xc_page_z(p, " ");
        }
        xc_page_code(p, p->policy->purposes[i].id);
        xc_page_z(p, "</li>\n");
    }

    xc_page_z(p, "</ul>\n");
}


/* The title in the page's language; the English one may lack. */
static void
xc_page_field(const xc_intake_page_t *p, const xc_field_t *field)
{
    xc_page_z(p, "<tr><td>");
    xc_page_code(p, field->id);
    xc_page_z(p, "</td><td>");
    xc_page_own(p, &(xc_intake_text_t) { field->zh, field->en });
    xc_page_z(p, "</td></tr>\n");
}


static void
xc_page_group(const xc_intake_page_t *p, unsigned group)
{
    size_t                   i;
    bool                     any = false;
    const xc_intake_word_t  *word = xc_intake_group(p->policy->groups[group]);

    static const xc_intake_label_t  columns[] = {
        XC_T_FIELD_ID, XC_T_FIELD_TITLE
    };

    for (i = 0; i < p->policy->n_fields; i++) {
        if (!p->policy->fields[i].standard
            || p->policy->fields[i].group != group)
        {
            continue;
        }

        if (!any) {
            xc_page_z(p, "<table class=\"f\"><caption>");
            xc_page_text(p, word != NULL ? word->title[p->lang]
                                         : p->policy->groups[group]);
            xc_page_z(p, "</caption>");
            xc_page_columns(p, columns, XC_COUNT(columns));
            any = true;
        }

        xc_page_field(p, &p->policy->fields[i]);
    }

    if (any) {
        xc_page_z(p, "</tbody></table>\n");
    }
}


static void
xc_page_say(const xc_intake_page_t *p, xc_intake_say_t say)
{
    xc_page_z(p, "<p>");
    xc_page_text(p, xc_intake_say[say][p->lang]);
    xc_page_z(p, "</p>\n");
}


static void
xc_page_fields(const xc_intake_page_t *p)
{
    unsigned  group;

    xc_page_head(p, XC_T_FIELDS);
    xc_page_say(p, XC_INTAKE_SAY_BEYOND);

    for (group = 0; group < p->policy->n_groups; group++) {
        xc_page_group(p, group);
    }
}


static void
xc_page_bases(const xc_intake_page_t *p)
{
    size_t  i;

    if (p->in->n_legal_basis == 0) {
        return;
    }

    xc_page_head(p, XC_T_BASIS);
    xc_page_z(p, "<ul>\n");

    for (i = 0; i < p->in->n_legal_basis; i++) {
        xc_page_z(p, "<li>");
        xc_page_own_z(p, p->in->legal_basis[i]);
        xc_page_z(p, "</li>\n");
    }

    xc_page_z(p, "</ul>\n");
}


static void
xc_page_date(const xc_intake_page_t *p, xc_intake_label_t label, xc_str_t date)
{
    xc_page_z(p, "<p>");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, xc_page_label(p, XC_T_COLON));
    xc_page_z(p, "<time datetime=\"");
    xc_page_text(p, date);
    xc_page_z(p, "\">");
    xc_page_text(p, date);
    xc_page_z(p, "</time></p>\n");
}


static void
xc_page_top(const xc_intake_page_t *p)
{
    xc_str_t          tag = xc_intake_lang_tag(p->lang), other;
    xc_intake_lang_t  to = p->lang == XC_INTAKE_ZH ? XC_INTAKE_EN
                                                   : XC_INTAKE_ZH;

    xc_page_z(p, "<!DOCTYPE html>\n<html lang=\"");
    xc_page_text(p, tag);
    xc_page_z(p, "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\""
                 "viewport\" content=\"width=device-width, initial-scale=1\">"
                 "\n<title>");
    xc_page_text(p, xc_intake_say[XC_INTAKE_SAY_TITLE][p->lang]);
    xc_page_z(p, " - ");
    xc_page_text(p, p->lang == XC_INTAKE_EN && p->in->name.en.data != NULL
                    ? p->in->name.en : p->in->name.text);
    xc_page_z(p, "</title>\n<style>");
    xc_buf_str(p->b, xc_intake_style());
    xc_page_z(p, "</style>\n</head>\n<body>\n<header>\n");

    if (p->in->langs[to]) {
        other = xc_intake_lang_tag(to);
        xc_page_z(p, "<p class=\"lang\"><a href=\"?lang=");
        xc_page_text(p, other);
        xc_page_z(p, "\" hreflang=\"");
        xc_page_text(p, other);
        xc_page_z(p, "\" lang=\"");
        xc_page_text(p, other);
        xc_page_z(p, "\">");
        xc_page_z(p, xc_page_label(p, XC_T_OTHER_LANG));
        xc_page_z(p, "</a></p>\n");
    }

    xc_page_z(p, "<h1>");
    xc_page_text(p, xc_intake_say[XC_INTAKE_SAY_TITLE][p->lang]);
    xc_page_z(p, "</h1>\n<p class=\"of\">");
    xc_page_own(p, &p->in->name);
    xc_page_z(p, "</p>\n</header>\n");
}


static void
xc_page_foot(const xc_intake_page_t *p)
{
    xc_page_z(p, "</main>\n<footer>\n");
    xc_page_date(p, XC_T_UPDATED, p->in->updated);
    xc_page_date(p, XC_T_EXPIRES, p->in->expires);

    if (p->policy != NULL) {
        xc_page_z(p, "<p>");
        xc_page_z(p, xc_page_label(p, XC_T_POLICY));
        xc_page_z(p, xc_page_label(p, XC_T_COLON));
        xc_page_code(p, p->policy->id);
        xc_page_z(p, " ");
        xc_page_code(p, p->policy->version);
        xc_page_z(p, "</p>\n");
    }

    xc_page_z(p, "<p>");
    xc_page_z(p, xc_page_label(p, XC_T_MACHINE));
    xc_page_z(p, "</p>\n</footer>\n</body>\n</html>\n");
}


void
xc_intake_write_html(xc_buf_t *b, const xc_intake_t *intake,
    const xc_policy_t *policy, xc_intake_lang_t lang)
{
    const xc_intake_page_t  page = { b, intake, policy, lang }, *p = &page;

    xc_page_top(p);
    xc_page_z(p, "<main>\n<div class=\"say\">\n");
    xc_page_say(p, XC_INTAKE_SAY_AUDIENCE);
    xc_page_say(p, XC_INTAKE_SAY_NO_TAKEDOWN);
    xc_page_z(p, "</div>\n");

    xc_page_platform(p);
    xc_page_channels(p);
    xc_page_head(p, XC_T_REGISTER);
    xc_page_say(p, XC_INTAKE_SAY_REGISTER);
    xc_page_contacts(p);

    if (policy != NULL) {
        xc_page_signature(p);
        xc_page_purposes(p);
        xc_page_fields(p);
    }

    xc_page_bases(p);
    xc_page_foot(p);
}
