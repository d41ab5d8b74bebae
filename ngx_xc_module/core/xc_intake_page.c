#include "xc_intake_page.h"


static void
xc_page_channel_address(const xc_intake_page_t *p,
    const xc_intake_channel_t *channel)
{
    switch (channel->type) {

    case XC_INTAKE_API: /* for programs: nothing opens there in a browser */
        xc_page_code(p, channel->address);
        break;

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
xc_page_channel(const xc_intake_page_t *p, const xc_intake_channel_t *channel)
{
    xc_page_z(p, "<li>\n<h3>");
    xc_page_text(p, xc_intake_types[channel->type].title[p->lang]);
    xc_page_z(p, "</h3>\n<p class=\"to\">");
    xc_page_channel_address(p, channel);
    xc_page_z(p, "</p>\n");

    if (channel->note.text.data != NULL) {
        xc_page_z(p, "<p>");
        xc_page_own(p, &channel->note);
        xc_page_z(p, "</p>\n");
    }

    if (channel->hours.text.data != NULL) {
        xc_page_z(p, "<p class=\"at\">");
        xc_page_z(p, xc_page_label(p, XC_T_HOURS));
        xc_page_z(p, xc_page_label(p, XC_T_COLON));
        xc_page_own(p, &channel->hours);
        xc_page_z(p, "</p>\n");
    }

    if (channel->type == XC_INTAKE_API && p->policy != NULL) {
        xc_page_z(p, "<p class=\"how\"><a href=\"#register\">");
        xc_page_z(p, xc_page_label(p, XC_T_HOW));
        xc_page_z(p, "</a></p>\n");
    }

    xc_page_z(p, "</li>\n");
}


static void
xc_page_channels(const xc_intake_page_t *p)
{
    size_t  i;

    xc_page_section(p, "channels", XC_T_CHANNELS);
    xc_page_z(p, "<ol>\n");

    for (i = 0; i < p->in->n_channels; i++) {
        xc_page_channel(p, &p->in->channels[i]);
    }

    xc_page_z(p, "</ol>\n<div class=\"say\">\n");
    xc_page_say(p, XC_INTAKE_SAY_AUDIENCE);
    xc_page_say(p, XC_INTAKE_SAY_NO_TAKEDOWN);
    xc_page_z(p, "</div>\n");
    xc_page_section_end(p);
}


static void
xc_page_on_page(const xc_intake_page_t *p)
{
    xc_page_z(p, "<nav class=\"on\" aria-label=\"");
    xc_page_z(p, xc_page_label(p, XC_T_ON_PAGE));
    xc_page_z(p, "\">\n<ul>\n");

    if (p->in->n_contacts != 0) {
        xc_page_menu(p, "contacts", XC_T_CONTACTS);
    }

    if (p->policy != NULL) {
        xc_page_menu(p, "register", XC_T_REGISTER);
        xc_page_terms_menu(p);
    }

    if (p->in->n_legal_basis != 0) {
        xc_page_menu(p, "basis", XC_T_BASIS);
    }

    xc_page_menu(p, "machines", XC_T_MACHINES);
    xc_page_z(p, "</ul>\n</nav>\n");
}


static void
xc_page_contact(const xc_intake_page_t *p, const xc_intake_contact_t *c)
{
    xc_page_z(p, "<h3>");
    xc_page_own(p, &c->name);
    xc_page_z(p, "</h3>\n<dl class=\"kv\">\n");

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

    xc_page_z(p, "</dl>\n");
}


static void
xc_page_contacts(const xc_intake_page_t *p)
{
    size_t  i;

    if (p->in->n_contacts == 0) {
        return;
    }

    xc_page_section(p, "contacts", XC_T_CONTACTS);

    for (i = 0; i < p->in->n_contacts; i++) {
        xc_page_contact(p, &p->in->contacts[i]);
    }

    xc_page_section_end(p);
}


static void
xc_page_bases(const xc_intake_page_t *p)
{
    size_t  i;

    if (p->in->n_legal_basis == 0) {
        return;
    }

    xc_page_section(p, "basis", XC_T_BASIS);
    xc_page_z(p, "<ul>\n");

    for (i = 0; i < p->in->n_legal_basis; i++) {
        xc_page_z(p, "<li>");
        xc_page_own_z(p, p->in->legal_basis[i]);
        xc_page_z(p, "</li>\n");
    }

    xc_page_z(p, "</ul>\n");
    xc_page_section_end(p);
}


static void
xc_page_machines(const xc_intake_page_t *p)
{
    xc_page_section(p, "machines", XC_T_MACHINES);
    xc_page_z(p, "<ul class=\"links\">\n<li><a href=\"?format=json\">");
    xc_page_z(p, xc_page_label(p, XC_T_JSON));
    xc_page_z(p, "</a></li>\n");

    if (p->in->schema.data != NULL) {
        xc_page_z(p, "<li><a href=\"");
        xc_page_text(p, p->in->schema);
        xc_page_z(p, "\">");
        xc_page_z(p, xc_page_label(p, XC_T_SCHEMA));
        xc_page_z(p, "</a></li>\n");
    }

    xc_page_z(p, "</ul>\n<p>");
    xc_page_z(p, xc_page_label(p, XC_T_MACHINES_HOW));
    xc_page_z(p, "</p>\n");
    xc_page_section_end(p);
}


static void
xc_page_time(const xc_intake_page_t *p, xc_str_t date)
{
    xc_page_z(p, "<time datetime=\"");
    xc_page_text(p, date);
    xc_page_z(p, "\">");
    xc_page_text(p, date);
    xc_page_z(p, "</time>");
}


static void
xc_page_date(const xc_intake_page_t *p, xc_intake_label_t label, xc_str_t date)
{
    xc_page_row(p, label);
    xc_page_time(p, date);
    xc_page_row_end(p);
}


/* XC_INTAKE_LANGS: there is no other. */
static xc_intake_lang_t
xc_page_other(const xc_intake_page_t *p)
{
    xc_intake_lang_t  to = p->lang == XC_INTAKE_ZH ? XC_INTAKE_EN
                                                   : XC_INTAKE_ZH;

    return p->in->langs[to] ? to : XC_INTAKE_LANGS;
}


/* To the page in another language: its address, and what language that is. */
static void
xc_page_to_other(const xc_intake_page_t *p)
{
    xc_str_t  tag = xc_intake_lang_tag(xc_page_other(p));

    xc_page_z(p, " href=\"?lang=");
    xc_page_text(p, tag);
    xc_page_z(p, "\" hreflang=\"");
    xc_page_text(p, tag);
    xc_page_z(p, "\"");
}


static void
xc_page_head(const xc_intake_page_t *p)
{
    xc_page_z(p, "<!DOCTYPE html>\n<html lang=\"");
    xc_page_text(p, xc_intake_lang_tag(p->lang));
    xc_page_z(p, "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\""
                 "viewport\" content=\"width=device-width, initial-scale=1\">"
                 "\n<title>");
    xc_page_text(p, xc_intake_say[XC_INTAKE_SAY_TITLE][p->lang]);
    xc_page_z(p, " - ");
    xc_page_text(p, p->lang == XC_INTAKE_EN && p->in->name.en.data != NULL
                    ? p->in->name.en : p->in->name.text);
    xc_page_z(p, "</title>\n<link rel=\"alternate\" type=\"application/json\" "
                 "href=\"?format=json\">\n");

    if (xc_page_other(p) != XC_INTAKE_LANGS) {
        xc_page_z(p, "<link rel=\"alternate\" type=\"text/html\"");
        xc_page_to_other(p);
        xc_page_z(p, ">\n");
    }

    xc_page_z(p, "<style>");
    xc_buf_str(p->b, xc_intake_style());
    xc_page_z(p, "</style>\n</head>\n");
}


static void
xc_page_languages(const xc_intake_page_t *p)
{
    if (xc_page_other(p) == XC_INTAKE_LANGS) {
        return;
    }

    xc_page_z(p, "<nav class=\"lang\" aria-label=\"");
    xc_page_z(p, xc_page_label(p, XC_T_LANGUAGE));
    xc_page_z(p, "\"><a");
    xc_page_to_other(p);
    xc_page_z(p, " lang=\"");
    xc_page_text(p, xc_intake_lang_tag(xc_page_other(p)));
    xc_page_z(p, "\">");
    xc_page_z(p, xc_page_label(p, XC_T_OTHER_LANG));
    xc_page_z(p, "</a></nav>\n");
}


static void
xc_page_top(const xc_intake_page_t *p)
{
    xc_page_z(p, "<header>\n");
    xc_page_languages(p);

    xc_page_z(p, "<p class=\"of\">");
    xc_page_own(p, &p->in->name);
    xc_page_z(p, "</p>\n<h1>");
    xc_page_text(p, xc_intake_say[XC_INTAKE_SAY_TITLE][p->lang]);
    xc_page_z(p, "</h1>\n<dl>\n");

    if (p->in->uscc.data != NULL) {
        xc_page_row(p, XC_T_USCC);
        xc_page_code(p, p->in->uscc);
        xc_page_row_end(p);
    }

    xc_page_row(p, XC_T_ROLE);
    xc_page_text(p, xc_intake_roles[p->in->role].title[p->lang]);
    xc_page_row_end(p);

    if (p->in->url.data != NULL) {
        xc_page_row(p, XC_T_URL);
        xc_page_url(p, p->in->url);
        xc_page_row_end(p);
    }

    xc_page_date(p, XC_T_UPDATED, p->in->updated);
    xc_page_date(p, XC_T_EXPIRES, p->in->expires);
    xc_page_z(p, "</dl>\n</header>\n");
}


static void
xc_page_expired(const xc_intake_page_t *p)
{
    xc_page_z(p, "<p class=\"past\"><strong>");
    xc_page_z(p, xc_page_label(p, XC_T_EXPIRED_A));
    xc_page_time(p, p->in->expires);
    xc_page_z(p, xc_page_label(p, XC_T_EXPIRED_B));
    xc_page_z(p, "</strong>");
    xc_page_z(p, xc_page_label(p, XC_T_EXPIRED_C));
    xc_page_z(p, "</p>\n");
}


static void
xc_page_foot(const xc_intake_page_t *p)
{
    if (p->policy == NULL) {
        return;
    }

    xc_page_z(p, "<footer>\n<p>");
    xc_page_z(p, xc_page_label(p, XC_T_POLICY));
    xc_page_z(p, xc_page_label(p, XC_T_COLON));
    xc_page_code(p, p->policy->id);
    xc_page_z(p, " ");
    xc_page_code(p, p->policy->version);
    xc_page_z(p, "</p>\n</footer>\n");
}


void
xc_intake_write_html(xc_buf_t *b, const xc_intake_t *intake,
    const xc_intake_view_t *view)
{
    const xc_intake_page_t  page = {
        b, intake, view->policy, view->accept,
        intake->langs[view->lang] ? view->lang : XC_INTAKE_ZH
    }, *p = &page;

    xc_page_head(p);
    xc_page_z(p, "<body>\n");
    xc_page_top(p);
    xc_page_z(p, "<main>\n");

    if (view->expired) {
        xc_page_expired(p);
    }

    xc_page_channels(p);
    xc_page_on_page(p);
    xc_page_contacts(p);

    if (p->policy != NULL) {
        xc_page_section(p, "register", XC_T_REGISTER);
        xc_page_say(p, XC_INTAKE_SAY_REGISTER);
        xc_page_section_end(p);
        xc_page_terms(p);
    }

    xc_page_bases(p);
    xc_page_machines(p);
    xc_page_z(p, "</main>\n");
    xc_page_foot(p);
    xc_page_z(p, "</body>\n</html>\n");
}
