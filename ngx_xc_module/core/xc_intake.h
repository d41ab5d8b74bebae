/*
 * The intake document (CONTRACT.md section 6): what a platform publishes
 * about the ways by which it receives requests.  Loaded and rendered at
 * configuration time; the negotiation is for each request and pure.
 */

#ifndef XC_INTAKE_H
#define XC_INTAKE_H

#include "xc_auth.h"

#define XC_INTAKE_CHANNELS_MAX  64
#define XC_INTAKE_CONTACTS_MAX  64
#define XC_INTAKE_BASES_MAX     64
#define XC_INTAKE_TEXT_MAX      1024            /* bytes of a member */
#define XC_INTAKE_RENDERED_MAX  (8 * 1024 * 1024)

typedef enum {
    XC_INTAKE_ZH,
    XC_INTAKE_EN,
    XC_INTAKE_LANGS
} xc_intake_lang_t;

typedef enum {
    XC_INTAKE_JSON,
    XC_INTAKE_HTML
} xc_intake_format_t;

typedef enum {
    XC_INTAKE_PLATFORM,
    XC_INTAKE_PLATFORM_SERVICE,
    XC_INTAKE_AUXILIARY_SERVICE,
    XC_INTAKE_ROLES
} xc_intake_role_t;

typedef enum {
    XC_INTAKE_API,
    XC_INTAKE_WEB,
    XC_INTAKE_EMAIL,
    XC_INTAKE_PHONE,
    XC_INTAKE_FAX,
    XC_INTAKE_POST,
    XC_INTAKE_NATIONAL_PLATFORM,
    XC_INTAKE_12315,
    XC_INTAKE_SMART_COOPERATION,
    XC_INTAKE_SOCIAL_GOVERNANCE,
    XC_INTAKE_TYPES
} xc_intake_type_t;

/* A text and, where the document gives one ("note_en" beside "note"), its
 * English: data NULL where not. */
typedef struct {
    xc_str_t          text, en;
} xc_intake_text_t;

typedef struct {
    xc_intake_type_t  type;
    xc_str_t          address;
    xc_intake_text_t  hours, note;          /* data NULL: absent */
} xc_intake_channel_t;

typedef struct {
    xc_intake_text_t  name;
    xc_str_t          phone, email, address;
    xc_intake_text_t  note;
} xc_intake_contact_t;

typedef struct {
    xc_intake_text_t      name;
    xc_str_t              uscc, url;
    xc_intake_role_t      role;

    xc_intake_channel_t  *channels;
    size_t                n_channels;
    xc_intake_contact_t  *contacts;
    size_t                n_contacts;
    xc_str_t             *legal_basis;
    size_t                n_legal_basis;

    xc_str_t              schema;                   /* link to that of the
                                                       request; may be absent */
    bool                  langs[XC_INTAKE_LANGS];   /* zh-CN always */
    xc_str_t              updated, expires;         /* dates, both included */
    int64_t               updated_s, expires_s;     /* the first second of the
                                                       one and the first after
                                                       the other, in Shanghai */
} xc_intake_t;

/*
 * XC_OK: *out is whole, lies in the arena and borrows nothing from text;
 * faults may hold warnings (expired, expires within 30 days, updated in the
 * future).  XC_EINPUT: faults says what, with its path.  XC_ENOMEM,
 * XC_EINTERNAL.
 */
xc_rc_t xc_intake_load(xc_arena_t *arena, xc_str_t text, int64_t now_s,
    xc_policy_faults_t *faults, const xc_intake_t **out) XC_WUR;

/* What is rendered for whom. */
typedef struct {
    const xc_policy_t       *policy;    /* of the location; NULL: none */
    const xc_auth_accept_t  *accept;    /* of the location */
    xc_intake_format_t       format;
    xc_intake_lang_t         lang;      /* of HTML only; what the document does
                                           not offer gives zh-CN */
    bool                     expired;   /* the document says that it has */
} xc_intake_view_t;

/*
 * The document's bytes, in the arena; a policy adds the schemes, algorithms,
 * purposes and standard fields.  XC_ELIMIT: over XC_INTAKE_RENDERED_MAX.
 * XC_ENOMEM.
 */
xc_rc_t xc_intake_render(xc_arena_t *arena, const xc_intake_t *intake,
    const xc_intake_view_t *view, xc_str_t *out) XC_WUR;

/* "application/json" or "text/html; charset=utf-8". */
xc_str_t xc_intake_media_type(xc_intake_format_t format);

/* "zh-CN", "en": for Content-Language. */
xc_str_t xc_intake_lang_tag(xc_intake_lang_t lang);

/* A Content-Security-Policy under which the page is whole: its one style sheet
 * by hash, nothing else.  XC_ENOMEM, XC_EINTERNAL. */
xc_rc_t xc_intake_csp(xc_arena_t *arena, xc_str_t *out) XC_WUR;

/*
 * query_format, the value of ?format= as it stands there (empty: none), where
 * it is "json" or "html": a link can ask for either.  Else RFC 9110 12.5.1 over
 * the joined Accept field (empty: absent): JSON unless HTML is liked better.
 * What can't be parsed is passed over; where neither is acceptable, JSON.
 * Linear.
 */
xc_intake_format_t xc_intake_format(xc_str_t accept, xc_str_t query_format);

/*
 * query_lang, the value of ?lang= as it stands there (empty: none), where it
 * names one of the two; else RFC 9110 12.5.4 over the joined Accept-Language;
 * else zh-CN.  Any zh is zh-CN, any en is en.
 */
xc_intake_lang_t xc_intake_language(xc_str_t accept_language,
    xc_str_t query_lang);

#endif
