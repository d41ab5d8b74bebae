/* The page's building blocks, over a buffer; private to xc_intake_*.c. */

#ifndef XC_INTAKE_PAGE_H
#define XC_INTAKE_PAGE_H

#include "xc_intake_write.h"

typedef struct {
    xc_buf_t                *b;
    const xc_intake_t       *in;
    const xc_policy_t       *policy;        /* may be NULL */
    const xc_auth_accept_t  *accept;
    xc_intake_lang_t         lang;
} xc_intake_page_t;

/* Markup as it is; and text, escaped. */
void xc_page_z(const xc_intake_page_t *p, const char *markup);
void xc_page_text(const xc_intake_page_t *p, xc_str_t text);

const char *xc_page_label(const xc_intake_page_t *p, xc_intake_label_t label);
void xc_page_say(const xc_intake_page_t *p, xc_intake_say_t say);

/* A section, which its heading names and links lead to by its id. */
void xc_page_section(const xc_intake_page_t *p, const char *id,
    xc_intake_label_t label);
void xc_page_section_end(const xc_intake_page_t *p);

/* An element of the page's menu. */
void xc_page_menu(const xc_intake_page_t *p, const char *id,
    xc_intake_label_t label);

/* What the document holds is Chinese unless it gives the English, and is
 * marked so on an English page; ASCII is of no language. */
void xc_page_own(const xc_intake_page_t *p, const xc_intake_text_t *text);
void xc_page_own_z(const xc_intake_page_t *p, xc_str_t text);

/* Links, where the text can be one as it stands; else the text. */
void xc_page_url(const xc_intake_page_t *p, xc_str_t url);
void xc_page_email(const xc_intake_page_t *p, xc_str_t email);
void xc_page_phone(const xc_intake_page_t *p, xc_str_t phone);

void xc_page_code(const xc_intake_page_t *p, xc_str_t text);

/* An entry of a <dl>: its name, then what the caller writes. */
void xc_page_row(const xc_intake_page_t *p, xc_intake_label_t label);
void xc_page_row_end(const xc_intake_page_t *p);

/* xc_intake_terms.c: what the policy says: signature, purposes, fields. */
void xc_page_terms_menu(const xc_intake_page_t *p);
void xc_page_terms(const xc_intake_page_t *p);

#endif
