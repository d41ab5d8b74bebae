/* What the two renderings of the intake document share; private to
 * xc_intake*.c. */

#ifndef XC_INTAKE_WRITE_H
#define XC_INTAKE_WRITE_H

#include "xc_buf.h"
#include "xc_intake.h"

/* Words as the document and the policy spell them, with what people read. */
typedef struct {
    xc_str_t  id;
    xc_str_t  title[XC_INTAKE_LANGS];
} xc_intake_word_t;

extern const xc_intake_word_t  xc_intake_roles[XC_INTAKE_ROLES];
extern const xc_intake_word_t  xc_intake_types[XC_INTAKE_TYPES];

/* Titles of the purposes and field groups that the Measures name (DOMAIN.md
 * rows 5 and 6); NULL for what a policy calls otherwise. */
const xc_intake_word_t *xc_intake_purpose(xc_str_t id);
const xc_intake_word_t *xc_intake_group(xc_str_t id);

/* Where the Measures name it, from 0; how many they name, for another. */
#define XC_INTAKE_PURPOSES          4
#define XC_INTAKE_GROUPS            4
size_t xc_intake_purpose_rank(xc_str_t id);
size_t xc_intake_group_rank(xc_str_t id);

/* What the document says for every platform. */
typedef enum {
    XC_INTAKE_SAY_TITLE,
    XC_INTAKE_SAY_AUDIENCE,             /* for whom the channel is */
    XC_INTAKE_SAY_NO_TAKEDOWN,          /* what is not asked through it */
    XC_INTAKE_SAY_REGISTER,             /* how a key is registered */
    XC_INTAKE_SAY_BEYOND,               /* fields beyond the standard ones */
    XC_INTAKE_SAY_COUNT
} xc_intake_say_t;

extern const xc_str_t
    xc_intake_say[XC_INTAKE_SAY_COUNT][XC_INTAKE_LANGS];

/* The page's own words. */
typedef enum {
    XC_T_LANGUAGE, XC_T_OTHER_LANG,
    XC_T_COLON,
    XC_T_USCC, XC_T_URL, XC_T_ROLE,
    XC_T_EXPIRED_A, XC_T_EXPIRED_B, XC_T_EXPIRED_C,
    XC_T_CHANNELS, XC_T_HOURS, XC_T_HOW,
    XC_T_ON_PAGE,
    XC_T_ADDRESS, XC_T_NOTE,
    XC_T_CONTACTS, XC_T_PHONE, XC_T_EMAIL,
    XC_T_REGISTER,
    XC_T_SIGNATURE, XC_T_SCHEME, XC_T_SCHEME_HTTPSIG,
    XC_T_SCHEME_MTLS, XC_T_SCHEME_JWT, XC_T_AND, XC_T_OR,
    XC_T_ALGORITHMS,
    XC_T_COVERED, XC_T_COVERED_IF, XC_T_PARAMETERS,
    XC_T_NONCE, XC_T_NONCE_REQUIRED, XC_T_NONCE_OPTIONAL, XC_T_TAG,
    XC_T_WINDOW, XC_T_WINDOW_A, XC_T_WINDOW_B, XC_T_WINDOW_C,
    XC_T_PURPOSES, XC_T_FIELDS, XC_T_FIELD_ID, XC_T_FIELD_TITLE,
    XC_T_BASIS,
    XC_T_UPDATED, XC_T_EXPIRES, XC_T_POLICY,
    XC_T_MACHINES, XC_T_MACHINES_HOW, XC_T_JSON, XC_T_SCHEMA,
    XC_T_COUNT
} xc_intake_label_t;

extern const char *const  xc_intake_labels[XC_T_COUNT][XC_INTAKE_LANGS];

/* What a signature covers, in the order of CONTRACT.md section 3; those from
 * `always` on only where the request has them. */
#define XC_INTAKE_COVERED_ALWAYS    3
#define XC_INTAKE_COVERED           6
extern const xc_str_t  xc_intake_covered[XC_INTAKE_COVERED];

void xc_intake_write_json(xc_buf_t *b, const xc_intake_t *intake,
    const xc_intake_view_t *view);
void xc_intake_write_html(xc_buf_t *b, const xc_intake_t *intake,
    const xc_intake_view_t *view);

/* The page's style sheet: the text between <style> and </style>. */
xc_str_t xc_intake_style(void);

#endif
