#include "xc_ticket.h"

#include "xc_b64.h"
#include "xc_json_read.h"


/* What is computed under the key for other ends can't be taken for a ticket,
 * nor the other way round; the number is the format's. */
#define XC_TICKET_LABEL         "xc ticket 1\n"
#define XC_TICKET_SUBJECT_LABEL "xc ticket subject 1\n"

/* base64url of an HMAC-SHA256 */
#define XC_TICKET_MAC_LEN       43

#define XC_TICKET_TEXT_MAX      (XC_TICKET_MAX - XC_TICKET_MAC_LEN - 1)
#define XC_TICKET_JSON_MAX      (XC_TICKET_TEXT_MAX / 4 * 3)

#define XC_TICKET_SUBJECT_TEXT_MAX  2048
#define XC_TICKET_SUBJECT_LEN   16      /* its base64url */
#define XC_TICKET_KEY_LEN       22
#define XC_TICKET_DEPTH         3


typedef struct {
    xc_str_t  name;
    size_t    at;                       /* in xc_ticket_t */
    bool      required;
} xc_ticket_member_t;

#define XC_TICKET_STRING(member, required)                                    \
    { { #member, sizeof(#member) - 1 }, offsetof(xc_ticket_t, member),        \
      required }

static const xc_ticket_member_t  xc_ticket_strings[] = {
    XC_TICKET_STRING(id, true),
    XC_TICKET_STRING(record, true),
    XC_TICKET_STRING(policy, true),
    XC_TICKET_STRING(authority, true),
    XC_TICKET_STRING(agency, true),
    XC_TICKET_STRING(via, false),
    XC_TICKET_STRING(purpose, false),
    XC_TICKET_STRING(request_no, true),
    XC_TICKET_STRING(case_no, false),
    XC_TICKET_STRING(approval, false)
};

static const xc_str_t  xc_ticket_asks[XC_TICKET_ASKS_COUNT] = {
    { "subjects", 8 }, { "sweep", 5 }, { "nothing", 7 }
};


static const xc_str_t *
xc_ticket_slot(const xc_ticket_t *ticket, size_t i)
{
    return (const xc_str_t *) (const void *)
           ((const char *) ticket + xc_ticket_strings[i].at);
}


static void
xc_ticket_write_lists(const xc_ticket_t *ticket, xc_buf_t *json)
{
    size_t  i;

    xc_buf_z(json, ",\"fields\":[");

    for (i = 0; i < ticket->n_fields; i++) {
        xc_buf_z(json, i == 0 ? "" : ",");
        xc_buf_json(json, ticket->fields[i]);
    }

    xc_buf_char(json, ']');

    if (ticket->n_subjects == 0) {
        return;
    }

    xc_buf_z(json, ",\"subjects\":[\"");

    for (i = 0; i < ticket->n_subjects; i++) {
        xc_buf_z(json, i == 0 ? "" : "\",\"");
        xc_b64_encode(XC_B64_URL, json, ticket->subjects[i].mac,
                      XC_TICKET_SUBJECT_SIZE);
    }

    xc_buf_z(json, "\"]");
}


static void
xc_ticket_write_consent(const xc_ticket_consent_t *consent, xc_buf_t *json)
{
    size_t  i;

    if (consent->kid.data == NULL) {
        return;
    }

    xc_buf_z(json, ",\"consent\":{\"kid\":");
    xc_buf_json(json, consent->kid);
    xc_buf_z(json, ",\"key\":\"");
    xc_b64_encode(XC_B64_URL, json, consent->key, XC_TICKET_KEY_IDENTITY);
    xc_buf_z(json, "\",\"fields\":[");

    for (i = 0; i < consent->n_fields; i++) {
        xc_buf_z(json, i == 0 ? "" : ",");
        xc_buf_u64(json, consent->fields[i]);
    }

    xc_buf_z(json, "],\"ends\":");
    xc_buf_i64(json, consent->ends_s);
    xc_buf_char(json, '}');
}


static void
xc_ticket_write_json(const xc_ticket_t *ticket, xc_buf_t *json)
{
    size_t           i;
    const xc_str_t  *value;

    xc_buf_z(json, "{\"expires\":");
    xc_buf_i64(json, ticket->expires_s);

    for (i = 0; i < XC_COUNT(xc_ticket_strings); i++) {
        value = xc_ticket_slot(ticket, i);

        if (value->data != NULL) {
            xc_buf_z(json, ",\"");
            xc_buf_str(json, xc_ticket_strings[i].name);
            xc_buf_z(json, "\":");
            xc_buf_json(json, *value);
        }
    }

    xc_buf_z(json, ",\"asks\":");
    xc_buf_json(json, xc_ticket_asks[ticket->asks]);
    xc_ticket_write_lists(ticket, json);
    xc_ticket_write_consent(&ticket->consent, json);
    xc_buf_char(json, '}');
}


/* The MAC as it stands in the value.  text has the label in front. */
static xc_rc_t
xc_ticket_mac(const xc_mac_t *key, const xc_buf_t *text,
    char out[XC_TICKET_MAC_LEN])
{
    uint8_t   mac[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_buf_t  b;

    rc = xc_mac_compute(key, xc_buf_view(text), mac);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_init(&b, out, XC_TICKET_MAC_LEN);
    xc_b64_encode(XC_B64_URL, &b, mac, sizeof(mac));

    return b.overflow ? XC_EINTERNAL : XC_OK;
}


xc_rc_t
xc_ticket_write(const xc_mac_t *key, const xc_ticket_t *ticket, xc_buf_t *out)
{
    char      mem[XC_TICKET_JSON_MAX], mac[XC_TICKET_MAC_LEN];
    char      labelled[sizeof(XC_TICKET_LABEL) - 1 + XC_TICKET_TEXT_MAX];
    xc_rc_t   rc;
    xc_buf_t  json, text;

    xc_buf_init(&json, mem, sizeof(mem));
    xc_ticket_write_json(ticket, &json);

    xc_buf_init(&text, labelled, sizeof(labelled));
    xc_buf_z(&text, XC_TICKET_LABEL);
    xc_b64_encode(XC_B64_URL, &text, (const uint8_t *) json.data, json.len);

    if (json.overflow || text.overflow) {
        out->overflow = true;
        return XC_ELIMIT;
    }

    rc = xc_ticket_mac(key, &text, mac);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_bytes(out, labelled + sizeof(XC_TICKET_LABEL) - 1,
                 text.len - (sizeof(XC_TICKET_LABEL) - 1));
    xc_buf_char(out, '.');
    xc_buf_bytes(out, mac, sizeof(mac));

    return out->overflow ? XC_ELIMIT : XC_OK;
}


/* The part in front of the MAC, if the MAC is its own. */
static xc_rc_t
xc_ticket_open(const xc_mac_t *key, xc_str_t text, xc_str_t *part)
{
    char      labelled[sizeof(XC_TICKET_LABEL) - 1 + XC_TICKET_TEXT_MAX];
    char      mac[XC_TICKET_MAC_LEN];
    xc_rc_t   rc;
    xc_buf_t  b;

    if (text.len > XC_TICKET_MAX || text.len <= XC_TICKET_MAC_LEN + 1
        || text.data[text.len - XC_TICKET_MAC_LEN - 1] != '.')
    {
        return XC_DENIED;
    }

    *part = (xc_str_t) { text.data, text.len - XC_TICKET_MAC_LEN - 1 };

    xc_buf_init(&b, labelled, sizeof(labelled));
    xc_buf_z(&b, XC_TICKET_LABEL);
    xc_buf_str(&b, *part);

    rc = b.overflow ? XC_EINTERNAL : xc_ticket_mac(key, &b, mac);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_equal_ct(mac, part->data + part->len + 1, sizeof(mac))
           ? XC_OK : XC_DENIED;
}


static bool
xc_ticket_read_strings(const xc_json_t *root, xc_ticket_t *ticket)
{
    size_t            i;
    xc_str_t         *slot;
    const xc_json_t  *node;

    for (i = 0; i < XC_COUNT(xc_ticket_strings); i++) {
        node = xc_json_member(root, xc_ticket_strings[i].name);

        if (node == NULL ? xc_ticket_strings[i].required
                         : xc_json_type(node) != XC_JSON_STRING)
        {
            return false;
        }

        if (node != NULL) {
            slot = (xc_str_t *) (void *)
                   ((char *) ticket + xc_ticket_strings[i].at);
            *slot = xc_json_string(node);
        }
    }

    return true;
}


static bool
xc_ticket_read_asks(const xc_json_t *root, xc_ticket_t *ticket)
{
    size_t    i;
    xc_str_t  word = xc_json_string(xc_json_member(root, XC_STR("asks")));

    for (i = 0; i < XC_TICKET_ASKS_COUNT; i++) {
        if (xc_str_eq(word, xc_ticket_asks[i])) {
            ticket->asks = (xc_ticket_asks_t) i;
            return true;
        }
    }

    return false;
}


static xc_rc_t
xc_ticket_read_fields(xc_arena_t *arena, const xc_json_t *root,
    xc_ticket_t *ticket)
{
    size_t            i;
    const xc_json_t  *node, *list = xc_json_member(root, XC_STR("fields"));

    if (list == NULL || xc_json_type(list) != XC_JSON_ARRAY) {
        return XC_DENIED;
    }

    ticket->n_fields = xc_json_size(list);
    ticket->fields = xc_arena_array(arena, ticket->n_fields, sizeof(xc_str_t));
    if (ticket->fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < ticket->n_fields; i++) {
        node = xc_json_element(list, i);
        if (xc_json_type(node) != XC_JSON_STRING) {
            return XC_DENIED;
        }

        ticket->fields[i] = xc_json_string(node);
    }

    return XC_OK;
}


/* A string of n characters that are the base64url of size octets. */
static bool
xc_ticket_read_bytes(const xc_json_t *node, size_t n, uint8_t *out,
    size_t size)
{
    size_t    len;
    uint8_t   bytes[XC_B64_DECODED_MAX(XC_TICKET_KEY_LEN)];
    xc_str_t  text = xc_json_string(node);

    if (text.len != n || n > XC_TICKET_KEY_LEN
        || xc_b64_decode(XC_B64_URL, text, bytes, &len) != XC_OK || len != size)
    {
        return false;
    }

    memcpy(out, bytes, size);

    return true;
}


static xc_rc_t
xc_ticket_read_subjects(xc_arena_t *arena, const xc_json_t *root,
    xc_ticket_t *ticket)
{
    size_t                i;
    const xc_json_t      *list = xc_json_member(root, XC_STR("subjects"));
    xc_ticket_subject_t  *subjects;

    if (list == NULL) {
        return XC_OK;
    }

    ticket->n_subjects = xc_json_size(list);

    subjects = xc_arena_array(arena, ticket->n_subjects,
                              sizeof(xc_ticket_subject_t));
    if (subjects == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < ticket->n_subjects; i++) {
        if (!xc_ticket_read_bytes(xc_json_element(list, i),
                                  XC_TICKET_SUBJECT_LEN, subjects[i].mac,
                                  XC_TICKET_SUBJECT_SIZE))
        {
            return XC_DENIED;
        }
    }

    ticket->subjects = subjects;

    return i != 0 ? XC_OK : XC_DENIED;
}


static xc_rc_t
xc_ticket_read_covered(xc_arena_t *arena, const xc_json_t *list,
    xc_ticket_t *ticket)
{
    size_t                i;
    int64_t               at;
    const xc_json_t      *node;
    xc_ticket_consent_t  *consent = &ticket->consent;

    if (list == NULL || xc_json_type(list) != XC_JSON_ARRAY) {
        return XC_DENIED;
    }

    consent->n_fields = xc_json_size(list);
    consent->fields = xc_arena_array(arena, consent->n_fields, sizeof(size_t));
    if (consent->fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < consent->n_fields; i++) {
        node = xc_json_element(list, i);
        at = xc_json_int(node);

        if (xc_json_type(node) != XC_JSON_INT || at < 0
            || (uint64_t) at >= ticket->n_fields)
        {
            return XC_DENIED;
        }

        consent->fields[i] = (size_t) at;
    }

    return XC_OK;
}


static xc_rc_t
xc_ticket_read_consent(xc_arena_t *arena, const xc_json_t *root,
    xc_ticket_t *ticket)
{
    const xc_json_t      *kid, *node = xc_json_member(root, XC_STR("consent"));
    xc_ticket_consent_t  *consent = &ticket->consent;

    if (node == NULL) {
        return XC_OK;
    }

    kid = xc_json_member(node, XC_STR("kid"));
    consent->ends_s = xc_json_int(xc_json_member(node, XC_STR("ends")));

    if (xc_json_size(node) != 4 || kid == NULL
        || xc_json_type(kid) != XC_JSON_STRING || consent->ends_s <= 0
        || !xc_ticket_read_bytes(xc_json_member(node, XC_STR("key")),
                                 XC_TICKET_KEY_LEN, consent->key,
                                 XC_TICKET_KEY_IDENTITY))
    {
        return XC_DENIED;
    }

    consent->kid = xc_json_string(kid);

    return xc_ticket_read_covered(arena, xc_json_member(node,
                                                        XC_STR("fields")),
                                  ticket);
}


/* The MAC says that this was written here, but by which version it does not. */
static xc_rc_t
xc_ticket_read_json(xc_arena_t *arena, const xc_json_t *root,
    xc_ticket_t *ticket)
{
    size_t   i, known;
    xc_rc_t  rc;

    ticket->expires_s = xc_json_int(xc_json_member(root, XC_STR("expires")));

    if (ticket->expires_s <= 0 || !xc_ticket_read_strings(root, ticket)
        || !xc_ticket_read_asks(root, ticket))
    {
        return XC_DENIED;
    }

    rc = xc_ticket_read_fields(arena, root, ticket);
    if (rc == XC_OK) {
        rc = xc_ticket_read_subjects(arena, root, ticket);
    }

    if (rc == XC_OK) {
        rc = xc_ticket_read_consent(arena, root, ticket);
    }

    /* expires, asks, fields, and what may be */
    known = 3 + (ticket->n_subjects != 0) + (ticket->consent.kid.data != NULL);

    for (i = 0; i < XC_COUNT(xc_ticket_strings); i++) {
        known += xc_ticket_slot(ticket, i)->data != NULL;
    }

    return rc == XC_OK && xc_json_size(root) != known ? XC_DENIED : rc;
}


xc_rc_t
xc_ticket_read(xc_arena_t *arena, const xc_mac_t *key, xc_str_t text,
    xc_ticket_t *out)
{
    size_t            len;
    uint8_t          *bytes;
    xc_rc_t           rc;
    xc_str_t          part;
    xc_ticket_t       ticket = { .expires_s = 0 };
    const xc_json_t  *root;

    rc = xc_ticket_open(key, text, &part);
    if (rc != XC_OK) {
        return rc;
    }

    bytes = xc_arena_alloc(arena, XC_B64_DECODED_MAX(part.len));
    if (bytes == NULL) {
        return XC_ENOMEM;
    }

    if (xc_b64_decode(XC_B64_URL, part, bytes, &len) != XC_OK) {
        return XC_DENIED;
    }

    rc = xc_json_read(arena, (xc_str_t) { (const char *) bytes, len },
                      XC_TICKET_DEPTH, NULL, &root);
    if (rc != XC_OK) {
        return rc == XC_EINPUT || rc == XC_ELIMIT ? XC_DENIED : rc;
    }

    rc = xc_ticket_read_json(arena, root, &ticket);
    if (rc == XC_OK) {
        *out = ticket;
    }

    return rc;
}


xc_rc_t
xc_ticket_subject(const xc_mac_t *key, xc_str_t type, xc_str_t id,
    xc_ticket_subject_t *out)
{
    char      mem[XC_TICKET_SUBJECT_TEXT_MAX];
    uint8_t   mac[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_buf_t  text;

    xc_buf_init(&text, mem, sizeof(mem));
    xc_buf_z(&text, XC_TICKET_SUBJECT_LABEL);
    xc_buf_str(&text, type);
    xc_buf_char(&text, '\0');
    xc_buf_str(&text, id);

    if (text.overflow) {
        return XC_ELIMIT;
    }

    rc = xc_mac_compute(key, xc_buf_view(&text), mac);
    if (rc == XC_OK) {
        memcpy(out->mac, mac, XC_TICKET_SUBJECT_SIZE);
    }

    return rc;
}
