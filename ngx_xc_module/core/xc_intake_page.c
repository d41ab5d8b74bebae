#include "xc_intake_page.h"


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
    const xc_policy_t *policy, const xc_auth_accept_t *accept,
    xc_intake_lang_t lang)
{
    const xc_intake_page_t  page = { b, intake, policy, accept, lang }, *p = &page;

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
        xc_page_terms(p);
    }

    xc_page_bases(p);
    xc_page_foot(p);
}
