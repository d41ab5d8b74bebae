#include "xc_intake_page.h"


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


/* The alternatives, and in each what it needs together. */
static void
xc_page_schemes(const xc_intake_page_t *p)
{
    size_t       i, scheme;
    const char  *between;

    static const xc_intake_label_t  labels[XC_SCHEME_COUNT] = {
        XC_T_SCHEME_HTTPSIG, XC_T_SCHEME_MTLS, XC_T_SCHEME_JWT
    };

    xc_page_row(p, XC_T_SCHEME);

    for (i = 0; i < p->accept->n; i++) {
        between = i == 0 ? "" : xc_page_label(p, XC_T_OR);

        for (scheme = 0; scheme < XC_SCHEME_COUNT; scheme++) {
            if ((p->accept->alternatives[i] & 1u << scheme) != 0) {
                xc_page_z(p, between);
                xc_page_z(p, xc_page_label(p, labels[scheme]));
                between = xc_page_label(p, XC_T_AND);
            }
        }
    }

    xc_page_row_end(p);
}


static void
xc_page_signature(const xc_intake_page_t *p)
{
    static const xc_str_t  parameters[] = { { "created", 7 }, { "keyid", 5 } };

    xc_page_section(p, "sign", XC_T_SIGNATURE);
    xc_page_z(p, "<dl class=\"kv\">\n");

    xc_page_schemes(p);
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
    xc_page_z(p, "</dl>\n");
    xc_page_section_end(p);
}


static void
xc_page_purpose(const xc_intake_page_t *p, xc_str_t id)
{
    const xc_intake_word_t  *word = xc_intake_purpose(id);

    xc_page_z(p, "<li>");

    if (word != NULL) {
        xc_page_text(p, word->title[p->lang]);
        xc_page_z(p, " ");
    }

    xc_page_code(p, id);
    xc_page_z(p, "</li>\n");
}


/* In the order of the Measures, then the policy's own. */
static void
xc_page_purposes(const xc_intake_page_t *p)
{
    size_t    i, rank;
    xc_str_t  id;

    xc_page_section(p, "purposes", XC_T_PURPOSES);
    xc_page_z(p, "<ul>\n");

    for (rank = 0; rank <= XC_INTAKE_PURPOSES; rank++) {
        for (i = 0; i < p->policy->n_purposes; i++) {
            id = p->policy->purposes[i].id;

            if (xc_intake_purpose_rank(id) == rank) {
                xc_page_purpose(p, id);
            }
        }
    }

    xc_page_z(p, "</ul>\n");
    xc_page_section_end(p);
}


/* On a narrow screen it may be broken behind its group. */
static void
xc_page_field_id(const xc_intake_page_t *p, xc_str_t id)
{
    size_t       head;
    const char  *dot = memchr(id.data, '.', id.len);

    head = dot == NULL ? id.len : (size_t) (dot - id.data) + 1;

    xc_page_z(p, "<code>");
    xc_page_text(p, (xc_str_t) { id.data, head });

    if (head < id.len) {
        xc_page_z(p, "<wbr>");
        xc_page_text(p, (xc_str_t) { id.data + head, id.len - head });
    }

    xc_page_z(p, "</code>");
}


/* The title in the page's language; the English one may lack. */
static void
xc_page_field(const xc_intake_page_t *p, const xc_field_t *field)
{
    xc_page_z(p, "<tr><th scope=\"row\">");
    xc_page_own(p, &(xc_intake_text_t) { field->zh, field->en });
    xc_page_z(p, "</th><td>");
    xc_page_field_id(p, field->id);
    xc_page_z(p, "</td></tr>\n");
}


static void
xc_page_group_head(const xc_intake_page_t *p, xc_str_t group)
{
    const xc_intake_word_t  *word = xc_intake_group(group);

    xc_page_z(p, "<table><caption>");
    xc_page_text(p, word != NULL ? word->title[p->lang] : group);
    xc_page_z(p, "</caption>\n<thead><tr><th scope=\"col\">");
    xc_page_z(p, xc_page_label(p, XC_T_FIELD_TITLE));
    xc_page_z(p, "</th><th scope=\"col\">");
    xc_page_z(p, xc_page_label(p, XC_T_FIELD_ID));
    xc_page_z(p, "</th></tr></thead>\n<tbody>\n");
}


static void
xc_page_group(const xc_intake_page_t *p, unsigned group)
{
    size_t  i;
    bool    any = false;

    for (i = 0; i < p->policy->n_fields; i++) {
        if (!p->policy->fields[i].standard
            || p->policy->fields[i].group != group)
        {
            continue;
        }

        if (!any) {
            xc_page_group_head(p, p->policy->groups[group]);
            any = true;
        }

        xc_page_field(p, &p->policy->fields[i]);
    }

    if (any) {
        xc_page_z(p, "</tbody></table>\n");
    }
}


static void
xc_page_fields(const xc_intake_page_t *p)
{
    size_t    rank;
    unsigned  group;

    xc_page_section(p, "fields", XC_T_FIELDS);
    xc_page_say(p, XC_INTAKE_SAY_BEYOND);

    for (rank = 0; rank <= XC_INTAKE_GROUPS; rank++) {
        for (group = 0; group < p->policy->n_groups; group++) {
            if (xc_intake_group_rank(p->policy->groups[group]) == rank) {
                xc_page_group(p, group);
            }
        }
    }

    xc_page_section_end(p);
}


void
xc_page_terms_menu(const xc_intake_page_t *p)
{
    xc_page_menu(p, "sign", XC_T_SIGNATURE);
    xc_page_menu(p, "purposes", XC_T_PURPOSES);
    xc_page_menu(p, "fields", XC_T_FIELDS);
}


void
xc_page_terms(const xc_intake_page_t *p)
{
    xc_page_signature(p);
    xc_page_purposes(p);
    xc_page_fields(p);
}
