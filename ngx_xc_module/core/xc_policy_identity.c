/*
 * What makes a credential that one: a hash over everything that the policy
 * says of it.  One changed octet makes another credential, so that a reload
 * withdraws the old one (xc_revoke.h).  Likewise an approval; and an agency, by
 * what names it and tells for whom an intermediary may ask.
 */

#include "xc_policy_load.h"

#include "xc_buf.h"

#define XC_IDENTITY_BUFFER  4096

/* Text is hashed in pieces of a buffer, each chained to those before. */
typedef struct {
    xc_load_t  *load;
    xc_buf_t    out;
} xc_identity_t;


void
xc_load_material_seen(xc_load_t *load, xc_str_t text)
{
    uint8_t  both[2 * XC_SHA256_SIZE];
    xc_rc_t  rc;

    memcpy(both, load->material, XC_SHA256_SIZE);
    rc = xc_hash(XC_HASH_SHA256, text.data, text.len, both + XC_SHA256_SIZE);

    if (rc == XC_OK) {
        rc = xc_hash(XC_HASH_SHA256, both, sizeof(both), load->material);
    }

    if (rc != XC_OK) {
        xc_load_fail(load, rc);
    }
}


static void
xc_identity_flush(xc_identity_t *identity)
{
    xc_load_material_seen(identity->load, xc_buf_view(&identity->out));
    identity->out.len = 0;
}


/* The length in front keeps neighbours apart. */
static void
xc_identity_text(xc_identity_t *identity, xc_str_t text)
{
    if (text.len + 32 > identity->out.cap - identity->out.len) {
        xc_identity_flush(identity);
    }

    xc_buf_u64(&identity->out, text.len);
    xc_buf_char(&identity->out, ':');

    if (text.len + 32 > identity->out.cap) {
        xc_identity_flush(identity);
        xc_load_material_seen(identity->load, text);

    } else {
        xc_buf_str(&identity->out, text);
    }
}


static void
xc_identity_node(xc_identity_t *identity, const xc_json_t *node)
{
    size_t                 i;
    xc_json_type_t         type = xc_json_type(node);
    const xc_json_iter_t  *it;

    if (identity->out.cap - identity->out.len < 64) {
        xc_identity_flush(identity);
    }

    xc_buf_char(&identity->out, (char) ('a' + type));

    switch (type) {

    case XC_JSON_STRING:
        xc_identity_text(identity, xc_json_string(node));
        break;

    case XC_JSON_INT:
        xc_buf_i64(&identity->out, xc_json_int(node));
        xc_buf_char(&identity->out, ';');
        break;

    case XC_JSON_BOOL:
        xc_buf_char(&identity->out, xc_json_bool(node) ? '1' : '0');
        break;

    case XC_JSON_ARRAY:
        xc_buf_u64(&identity->out, xc_json_size(node));
        xc_buf_char(&identity->out, ';');

        for (i = 0; i < xc_json_size(node); i++) {
            xc_identity_node(identity, xc_json_element(node, i));
        }

        break;

    case XC_JSON_OBJECT:
        xc_buf_u64(&identity->out, xc_json_size(node));
        xc_buf_char(&identity->out, ';');

        for (it = xc_json_first(node); it != NULL;
             it = xc_json_next(node, it))
        {
            xc_identity_text(identity, xc_json_iter_key(it));
            xc_identity_node(identity, xc_json_iter_value(it));
        }

        break;

    default:
        break;
    }
}


/* Of what the policy says of it in node, and of what load->material holds. */
static void
xc_identity_of(xc_load_t *load, xc_str_t agency, const xc_json_t *node,
    uint8_t out[XC_CREDENTIAL_IDENTITY])
{
    char           mem[XC_IDENTITY_BUFFER];
    xc_identity_t  identity = { .load = load };

    xc_buf_init(&identity.out, mem, sizeof(mem));
    xc_identity_text(&identity, load->policy->id);
    xc_identity_text(&identity, agency);
    xc_identity_node(&identity, node);
    xc_identity_flush(&identity);
    explicit_bzero(mem, sizeof(mem));

    memcpy(out, load->material, XC_CREDENTIAL_IDENTITY);
}


void
xc_load_identity(xc_load_t *load, const xc_json_t *node,
    xc_credential_t *credential)
{
    xc_identity_of(load, credential->agency->id, node, credential->identity);
}


void
xc_load_agency_identity(xc_load_t *load, xc_agency_t *agency)
{
    char           mem[XC_IDENTITY_BUFFER];
    xc_identity_t  identity = { .load = load };

    memset(load->material, 0, sizeof(load->material));
    xc_buf_init(&identity.out, mem, sizeof(mem));

    xc_identity_text(&identity, load->policy->id);
    xc_identity_text(&identity, agency->id);
    xc_identity_text(&identity, xc_level_name(agency->level));
    xc_identity_text(&identity, agency->region);
    xc_identity_text(&identity, agency->parent);
    xc_identity_flush(&identity);

    memcpy(agency->identity, load->material, XC_CREDENTIAL_IDENTITY);
}


/* In the place of a credential's agency stands what is no agency's id. */
void
xc_load_approval_identity(xc_load_t *load, const xc_json_t *node,
    xc_approval_t *approval)
{
    memset(load->material, 0, sizeof(load->material));
    xc_identity_of(load, XC_STR(""), node, approval->identity);
}
