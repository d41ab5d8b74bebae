#include "xc_intake_page.h"

#include "xc_ascii.h"


void
xc_page_z(const xc_intake_page_t *p, const char *markup)
{
    xc_buf_z(p->b, markup);
}


void
xc_page_text(const xc_intake_page_t *p, xc_str_t text)
{
    xc_buf_html(p->b, text);
}


const char *
xc_page_label(const xc_intake_page_t *p, xc_intake_label_t label)
{
    return xc_intake_labels[label][p->lang];
}


void
xc_page_say(const xc_intake_page_t *p, xc_intake_say_t say)
{
    xc_page_z(p, "<p>");
    xc_page_text(p, xc_intake_say[say][p->lang]);
    xc_page_z(p, "</p>\n");
}


void
xc_page_section(const xc_intake_page_t *p, const char *id,
    xc_intake_label_t label)
{
    xc_page_z(p, "<section aria-labelledby=\"");
    xc_page_z(p, id);
    xc_page_z(p, "\">\n<h2 id=\"");
    xc_page_z(p, id);
    xc_page_z(p, "\">");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "</h2>\n");
}


void
xc_page_section_end(const xc_intake_page_t *p)
{
    xc_page_z(p, "</section>\n");
}


void
xc_page_menu(const xc_intake_page_t *p, const char *id,
    xc_intake_label_t label)
{
    xc_page_z(p, "<li><a href=\"#");
    xc_page_z(p, id);
    xc_page_z(p, "\">");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "</a></li>\n");
}


static bool
xc_page_is_ascii(xc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if ((unsigned char) s.data[i] >= 0x80) {
            return false;
        }
    }

    return true;
}


void
xc_page_own(const xc_intake_page_t *p, const xc_intake_text_t *text)
{
    if (p->lang != XC_INTAKE_ZH && text->en.data != NULL) {
        xc_page_text(p, text->en);
        return;
    }

    if (p->lang == XC_INTAKE_ZH || xc_page_is_ascii(text->text)) {
        xc_page_text(p, text->text);
        return;
    }

    xc_page_z(p, "<span lang=\"zh-CN\">");
    xc_page_text(p, text->text);
    xc_page_z(p, "</span>");
}


void
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


static void
xc_page_link(const xc_intake_page_t *p, const char *scheme, xc_str_t text)
{
    xc_page_z(p, "<a href=\"");
    xc_page_z(p, scheme);
    xc_page_text(p, text);
    xc_page_z(p, "\">");
    xc_page_text(p, text);
    xc_page_z(p, "</a>");
}


void
xc_page_url(const xc_intake_page_t *p, xc_str_t url)
{
    if (url.len > 8 && memcmp(url.data, "https://", 8) == 0
        && xc_page_is_ascii(url) && memchr(url.data, ' ', url.len) == NULL)
    {
        xc_page_link(p, "", url);

    } else {
        xc_page_own_z(p, url);
    }
}


void
xc_page_email(const xc_intake_page_t *p, xc_str_t email)
{
    if (xc_page_all_of(email, "@._-+")
        && memchr(email.data, '@', email.len) != NULL)
    {
        xc_page_link(p, "mailto:", email);

    } else {
        xc_page_own_z(p, email);
    }
}


void
xc_page_phone(const xc_intake_page_t *p, xc_str_t phone)
{
    size_t  i;
    bool    fits = xc_page_all_of(phone, "+-() ");

    for (i = 0; i < phone.len; i++) {
        fits = fits && !xc_ascii_is_alpha(phone.data[i]);
    }

    if (!fits) {
        xc_page_own_z(p, phone);
        return;
    }

    xc_page_z(p, "<a href=\"tel:");

    for (i = 0; i < phone.len; i++) {
        if (strchr("() ", phone.data[i]) == NULL) {
            xc_buf_char(p->b, phone.data[i]);
        }
    }

    xc_page_z(p, "\">");
    xc_page_text(p, phone);
    xc_page_z(p, "</a>");
}


void
xc_page_code(const xc_intake_page_t *p, xc_str_t text)
{
    xc_page_z(p, "<code>");
    xc_page_text(p, text);
    xc_page_z(p, "</code>");
}


void
xc_page_row(const xc_intake_page_t *p, xc_intake_label_t label)
{
    xc_page_z(p, "<div><dt>");
    xc_page_z(p, xc_page_label(p, label));
    xc_page_z(p, "</dt><dd>");
}


void
xc_page_row_end(const xc_intake_page_t *p)
{
    xc_page_z(p, "</dd></div>\n");
}
