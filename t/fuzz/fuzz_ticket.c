/*
 * A ticket (XC-Request).  The first octet says what the rest is: the value as
 * a client sends it, or what stands under the MAC, as another version of the
 * module may have written it.
 */

#include "fuzz.h"
#include "xc_b64.h"
#include "xc_ticket.h"


#define LABEL       "xc ticket 1\n"     /* xc_ticket.c's */
#define VALUE_MAX   (2 * XC_TICKET_MAX)

enum {
    FLAG_WHOLE = 1
};


static const xc_mac_t *
ticket_key(void)
{
    static xc_heap_t        heap;
    static const xc_mac_t  *key;

    if (key == NULL) {
        xc_heap_init(&heap, 0);
        FUZZ_CHECK(xc_crypto_init() == XC_OK);
        FUZZ_CHECK(xc_mac_new(&heap.arena,
                              XC_STR("0123456789abcdef0123456789abcdef"),
                              &key) == XC_OK);
    }

    return key;
}


/* data NULL: over the longest value by far. */
static xc_str_t
sealed(char *mem, size_t n, xc_str_t json)
{
    uint8_t   mac[XC_SHA256_SIZE];
    xc_buf_t  out;

    xc_buf_init(&out, mem, n);
    xc_buf_z(&out, LABEL);
    xc_b64_encode(XC_B64_URL, &out, (const uint8_t *) json.data, json.len);

    if (out.overflow) {
        return XC_STR_NONE;
    }

    FUZZ_CHECK(xc_mac_compute(ticket_key(), xc_buf_view(&out), mac) == XC_OK);
    xc_buf_char(&out, '.');
    xc_b64_encode(XC_B64_URL, &out, mac, sizeof(mac));

    return out.overflow ? XC_STR_NONE
           : (xc_str_t) { mem + sizeof(LABEL) - 1,
                          out.len - (sizeof(LABEL) - 1) };
}


static void
check_read(const xc_ticket_t *ticket)
{
    size_t  i;

    FUZZ_CHECK(ticket->id.data != NULL && ticket->record.data != NULL
               && ticket->policy.data != NULL
               && ticket->authority.data != NULL
               && ticket->agency.data != NULL
               && ticket->request_no.data != NULL);
    FUZZ_CHECK(ticket->expires_s > 0 && ticket->asks < XC_TICKET_ASKS_COUNT);
    FUZZ_CHECK((ticket->n_subjects == 0) == (ticket->subjects == NULL));
    FUZZ_CHECK(ticket->consent.kid.data != NULL
               || ticket->consent.n_fields == 0);

    for (i = 0; i < ticket->n_fields; i++) {
        FUZZ_CHECK(xc_ascii_is_utf8(ticket->fields[i]));
    }

    for (i = 0; i < ticket->consent.n_fields; i++) {
        FUZZ_CHECK(ticket->consent.fields[i] < ticket->n_fields);
    }
}


/* What was read is written, and read as the same again: the second value is
 * the first's normal form. */
static void
check_again(xc_arena_t *arena, const xc_ticket_t *ticket)
{
    char         mem[2][XC_TICKET_MAX];
    xc_rc_t      rc;
    xc_buf_t     out[2];
    xc_ticket_t  again;

    xc_buf_init(&out[0], mem[0], sizeof(mem[0]));
    rc = xc_ticket_write(ticket_key(), ticket, &out[0]);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ELIMIT);

    if (rc != XC_OK) {
        return;
    }

    rc = xc_ticket_read(arena, ticket_key(), xc_buf_view(&out[0]), &again);
    FUZZ_CHECK(rc == XC_OK || rc == XC_ENOMEM);

    if (rc != XC_OK) {
        return;
    }

    check_read(&again);
    xc_buf_init(&out[1], mem[1], sizeof(mem[1]));
    FUZZ_CHECK(xc_ticket_write(ticket_key(), &again, &out[1]) == XC_OK);
    FUZZ_CHECK(xc_str_eq(xc_buf_view(&out[0]), xc_buf_view(&out[1])));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool         whole;
    char         mem[VALUE_MAX];
    xc_rc_t      rc;
    xc_str_t     text;
    xc_heap_t    heap;
    xc_ticket_t  ticket;

    if (size == 0) {
        return 0;
    }

    whole = (data[0] & FLAG_WHOLE) != 0;
    text = (xc_str_t) { (const char *) data + 1, size - 1 };

    if (!whole) {
        text = sealed(mem, sizeof(mem), text);
    }

    if (text.data == NULL) {
        return 0;
    }

    xc_heap_init(&heap, FUZZ_ARENA_MAX);

    rc = xc_ticket_read(&heap.arena, ticket_key(), text, &ticket);
    FUZZ_CHECK(rc == XC_OK || rc == XC_DENIED || rc == XC_ENOMEM);

    /* nobody who lacks the key can make one */
    FUZZ_CHECK(rc != XC_OK || !whole);

    if (rc == XC_OK) {
        FUZZ_CHECK(text.len <= XC_TICKET_MAX);
        check_read(&ticket);
        check_again(&heap.arena, &ticket);
    }

    xc_heap_free(&heap);

    return 0;
}
