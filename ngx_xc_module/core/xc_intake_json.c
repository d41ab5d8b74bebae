#include "xc_intake_write.h"

#include "xc_ascii.h"


/* A member; *sep is "" before the first of an object and "," from then on. */
static void
xc_intake_name(xc_buf_t *b, const char **sep, const char *name)
{
    xc_buf_z(b, *sep);
    xc_buf_json(b, xc_str_z(name));
    xc_buf_char(b, ':');
    *sep = ",";
}


static void
xc_intake_string(xc_buf_t *b, const char **sep, const char *name,
    xc_str_t value)
{
    if (value.data != NULL) {
        xc_intake_name(b, sep, name);
        xc_buf_json(b, value);
    }
}


static void
xc_intake_number(xc_buf_t *b, const char **sep, const char *name,
    int64_t value)
{
    xc_intake_name(b, sep, name);
    xc_buf_i64(b, value);
}


static void
xc_intake_element(xc_buf_t *b, const char **sep, xc_str_t value)
{
    xc_buf_z(b, *sep);
    xc_buf_json(b, value);
    *sep = ",";
}


/* "zh" and "en" of a word that people read; word NULL: none. */
static void
xc_intake_titles(xc_buf_t *b, const char **sep, const xc_intake_word_t *word)
{
    if (word != NULL) {
        xc_intake_string(b, sep, "zh", word->title[XC_INTAKE_ZH]);
        xc_intake_string(b, sep, "en", word->title[XC_INTAKE_EN]);
    }
}


static void
xc_intake_json_platform(xc_buf_t *b, const xc_intake_t *in)
{
    const char  *sep = "";

    xc_buf_char(b, '{');
    xc_intake_string(b, &sep, "name", in->name.text);
    xc_intake_string(b, &sep, "name_en", in->name.en);
    xc_intake_string(b, &sep, "uscc", in->uscc);
    xc_intake_string(b, &sep, "url", in->url);
    xc_intake_string(b, &sep, "role", xc_intake_roles[in->role].id);
    xc_buf_char(b, '}');
}


static void
xc_intake_json_say(xc_buf_t *b, const char **up, const char *name,
    xc_intake_say_t say)
{
    const char  *sep = "";

    xc_intake_name(b, up, name);
    xc_buf_char(b, '{');
    xc_intake_string(b, &sep, "zh", xc_intake_say[say][XC_INTAKE_ZH]);
    xc_intake_string(b, &sep, "en", xc_intake_say[say][XC_INTAKE_EN]);
    xc_buf_char(b, '}');
}


static void
xc_intake_json_channels(xc_buf_t *b, const xc_intake_t *in)
{
    size_t                      i;
    const char                 *sep;
    const xc_intake_channel_t  *c;

    xc_buf_char(b, '[');

    for (i = 0; i < in->n_channels; i++) {
        c = &in->channels[i];
        sep = "";

        xc_buf_z(b, i == 0 ? "{" : ",{");
        xc_intake_string(b, &sep, "type", xc_intake_types[c->type].id);
        xc_intake_titles(b, &sep, &xc_intake_types[c->type]);
        xc_intake_string(b, &sep, "address", c->address);
        xc_intake_string(b, &sep, "hours", c->hours.text);
        xc_intake_string(b, &sep, "hours_en", c->hours.en);
        xc_intake_string(b, &sep, "note", c->note.text);
        xc_intake_string(b, &sep, "note_en", c->note.en);
        xc_buf_char(b, '}');
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_contacts(xc_buf_t *b, const xc_intake_t *in)
{
    size_t                      i;
    const char                 *sep;
    const xc_intake_contact_t  *c;

    xc_buf_char(b, '[');

    for (i = 0; i < in->n_contacts; i++) {
        c = &in->contacts[i];
        sep = "";

        xc_buf_z(b, i == 0 ? "{" : ",{");
        xc_intake_string(b, &sep, "name", c->name.text);
        xc_intake_string(b, &sep, "name_en", c->name.en);
        xc_intake_string(b, &sep, "phone", c->phone);
        xc_intake_string(b, &sep, "email", c->email);
        xc_intake_string(b, &sep, "address", c->address);
        xc_intake_string(b, &sep, "note", c->note.text);
        xc_intake_string(b, &sep, "note_en", c->note.en);
        xc_buf_char(b, '}');
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_strings(xc_buf_t *b, const xc_str_t *list, size_t n)
{
    size_t       i;
    const char  *sep = "";

    xc_buf_char(b, '[');

    for (i = 0; i < n; i++) {
        xc_intake_element(b, &sep, list[i]);
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_languages(xc_buf_t *b, const xc_intake_t *in)
{
    unsigned     lang;
    const char  *sep = "";

    xc_buf_char(b, '[');

    for (lang = 0; lang < XC_INTAKE_LANGS; lang++) {
        if (in->langs[lang]) {
            xc_intake_element(b, &sep,
                              xc_intake_lang_tag((xc_intake_lang_t) lang));
        }
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_algorithms(xc_buf_t *b)
{
    xc_alg_t     alg;
    const char  *sep = "";

    xc_buf_char(b, '[');

    for (alg = XC_ALG_NONE + 1; alg < XC_ALG_COUNT; alg++) {
        xc_intake_element(b, &sep, xc_alg_name(alg));
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_signature(xc_buf_t *b, const xc_policy_t *policy)
{
    const char  *sep = "";

    xc_buf_char(b, '{');
    xc_intake_name(b, &sep, "algorithms");
    xc_intake_json_algorithms(b);
    xc_intake_name(b, &sep, "covered");
    xc_intake_json_strings(b, xc_intake_covered, XC_INTAKE_COVERED_ALWAYS);
    xc_intake_name(b, &sep, "covered_where_present");
    xc_intake_json_strings(b, xc_intake_covered + XC_INTAKE_COVERED_ALWAYS,
                           XC_INTAKE_COVERED - XC_INTAKE_COVERED_ALWAYS);
    xc_intake_string(b, &sep, "nonce", policy->nonce_required
                                       ? XC_STR("required")
                                       : XC_STR("optional"));
    xc_intake_number(b, &sep, "max_age", policy->max_age_s);
    xc_intake_number(b, &sep, "max_skew", policy->max_skew_s);

    if (policy->tag.len != 0) {
        xc_intake_string(b, &sep, "tag", policy->tag);
    }

    xc_buf_char(b, '}');
}


static void
xc_intake_json_purposes(xc_buf_t *b, const xc_policy_t *policy)
{
    size_t       i;
    const char  *sep;

    xc_buf_char(b, '[');

    for (i = 0; i < policy->n_purposes; i++) {
        sep = "";
        xc_buf_z(b, i == 0 ? "{" : ",{");
        xc_intake_string(b, &sep, "id", policy->purposes[i].id);
        xc_intake_titles(b, &sep, xc_intake_purpose(policy->purposes[i].id));
        xc_buf_char(b, '}');
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_fields(xc_buf_t *b, const xc_policy_t *policy)
{
    size_t             i;
    const char        *sep, *between = "";
    const xc_field_t  *f;

    xc_buf_char(b, '[');

    for (i = 0; i < policy->n_fields; i++) {
        f = &policy->fields[i];
        if (!f->standard) {
            continue;
        }

        sep = "";
        xc_buf_z(b, between);
        xc_buf_char(b, '{');
        xc_intake_string(b, &sep, "id", f->id);
        xc_intake_string(b, &sep, "group", policy->groups[f->group]);
        xc_intake_string(b, &sep, "zh", f->zh);
        xc_intake_string(b, &sep, "en", f->en);
        xc_buf_char(b, '}');
        between = ",";
    }

    xc_buf_char(b, ']');
}


/* Alternatives as the directive xc_credentials writes them. */
static void
xc_intake_json_schemes(xc_buf_t *b, const xc_auth_accept_t *accept)
{
    size_t       i, scheme;
    const char  *sep;

    xc_buf_char(b, '[');

    for (i = 0; i < accept->n; i++) {
        sep = i == 0 ? "\"" : ",\"";

        for (scheme = 0; scheme < XC_SCHEME_COUNT; scheme++) {
            if ((accept->alternatives[i] & 1u << scheme) != 0) {
                xc_buf_z(b, sep);
                xc_buf_str(b, xc_scheme_name((xc_scheme_t) scheme));
                sep = "+";
            }
        }

        xc_buf_char(b, '"');
    }

    xc_buf_char(b, ']');
}


static void
xc_intake_json_policy(xc_buf_t *b, const char **up, const xc_policy_t *policy,
    const xc_auth_accept_t *accept)
{
    const char  *sep = "";

    xc_intake_name(b, up, "policy");
    xc_buf_char(b, '{');
    xc_intake_string(b, &sep, "id", policy->id);
    xc_intake_string(b, &sep, "version", policy->version);
    xc_buf_char(b, '}');

    xc_intake_name(b, up, "schemes");
    xc_intake_json_schemes(b, accept);
    xc_intake_name(b, up, "signature");
    xc_intake_json_signature(b, policy);
    xc_intake_name(b, up, "purposes");
    xc_intake_json_purposes(b, policy);
    xc_intake_name(b, up, "fields");
    xc_intake_json_fields(b, policy);
}


void
xc_intake_write_json(xc_buf_t *b, const xc_intake_t *intake,
    const xc_intake_view_t *view)
{
    const char  *sep = "";

    xc_buf_char(b, '{');
    xc_intake_name(b, &sep, "platform");
    xc_intake_json_platform(b, intake);
    xc_intake_json_say(b, &sep, "audience", XC_INTAKE_SAY_AUDIENCE);
    xc_intake_json_say(b, &sep, "not_for", XC_INTAKE_SAY_NO_TAKEDOWN);
    xc_intake_name(b, &sep, "channels");
    xc_intake_json_channels(b, intake);
    xc_intake_name(b, &sep, "contacts");
    xc_intake_json_contacts(b, intake);
    xc_intake_name(b, &sep, "legal_basis");
    xc_intake_json_strings(b, intake->legal_basis, intake->n_legal_basis);
    xc_intake_name(b, &sep, "languages");
    xc_intake_json_languages(b, intake);
    xc_intake_string(b, &sep, "updated", intake->updated);
    xc_intake_string(b, &sep, "expires", intake->expires);
    xc_intake_name(b, &sep, "expired");
    xc_buf_z(b, view->expired ? "true" : "false");
    xc_intake_string(b, &sep, "schema", intake->schema);

    if (view->policy != NULL) {
        xc_intake_json_policy(b, &sep, view->policy, view->accept);
    }

    xc_buf_z(b, "}\n");
}
