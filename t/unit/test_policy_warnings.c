/* The policy: what is warned of, and where. */

#include "xt.h"
#include "policy_load.h"
#include "xc_crypto.h"

#include <stdio.h>


#define BEHALF  "agencies[0].credentials[0].on_behalf_of"

#define OPERATIONS  "'operations': [\n"
#define RESULT                                                                \
    "{'id': 'result', 'kind': 'result', 'methods': ['GET'], 'path':"          \
    " '/xc/v1/requests/(?<request>[0-9a-f]{32})'"

/* All warnings of an edit, beside the sample's three, a row each. */
static const struct {
    const char  *find, *with, *path, *message;
} warnings[] = {
    { "'nonce': 'required'", "'nonce': 'optional'", "signature.nonce",
      "replayed" },
    { "2027-01-01T00:00:00+08:00", "2026-11-21T23:59:59Z",
      "agencies[0].credentials[0].not_after",
      "310115-2026a expired at 2026-11-21T23:59:59Z" },
    { "2027-01-01T00:00:00+08:00", "2026-11-22T00:00:00Z",
      "agencies[0].credentials[0].not_after", "expired at" },
    { "2027-01-01T00:00:00+08:00", "2026-12-22T00:00:00Z",
      "agencies[0].credentials[0].not_after", "expires within 30 days" },
    { "2027-01-01T00:00:00+08:00", "2026-12-22T00:00:01Z", NULL, NULL },
    { "'region': '310115'", "'region': 'XPCC', 'parent': 'xpcc'", NULL, NULL },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'county', 'region_prefix': ''}", BEHALF, "no other agency has" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'province', 'region_prefix': '32'}", BEHALF, "no other agency has" },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of': {'level':"
      " 'province', 'region_prefix': '31'}", NULL, NULL },
    { "'alg': 'ed25519'", "'alg': 'ed25519', 'on_behalf_of':"
      " ['310000']", NULL, NULL },
    { "'region': '310115'", "'region': '310115', 'parent': '310000'", NULL,
      NULL },
    { "'203.0.113.0/24'", "'0.0.0.0/0', '::/0', '::ffff:1.2.3.0/120'", NULL,
      NULL },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'not_after':"
      " '2026-11-22T00:00:00Z'}]", "agencies[0].grants[0].not_after",
      "the grant standard expired at 2026-11-22T00:00:00Z" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'not_after':"
      " '2026-12-01T00:00:00Z'}]", "agencies[0].grants[0].not_after",
      "the grant standard expires within 30 days" },
    { "'grants': ['standard']", "'grants': [{'grant': 'standard', 'not_after':"
      " '2027-12-01T00:00:00Z'}]", NULL, NULL },

    /* legal but odd */
    { "'above': {", "'spare': {'groups': ['goods'], 'levels': ['city']},"
      " 'above': {", "grants.spare", "no agency holds this grant" },
    { "'national': {'rate'", "'spare': {'rate': '1r/s'}, 'national': {'rate'",
      "rates.spare", "no agency has this rate" },
    { "'burst': 20", "'burst': 20, 'per_day': 19, 'cost': {'subject': 1,"
      " 'field': 2}", "rates.default.per_day",
      "8 fields and 3 subjects costs 20, more than the day has" },
    { "'burst': 20", "'burst': 20, 'per_day': 20, 'cost': {'subject': 1,"
      " 'field': 2}", NULL, NULL },
    { "['officers', 'subjects', 'window']", "['window', 'approval_token']",
      "purposes.thorough.requires[1]", "no operation maps approval_token" },
    { "'subjects': '/subjects', ", "", "subject_types.order",
      "no operation maps subjects" },
    { "'subjects': '/subjects', ", "", "subject_types.live_room",
      "captures one of this type" },
    { OPERATIONS, OPERATIONS "{'id': 'first', 'kind': 'query', 'methods':"
      " ['GET', 'POST'], 'path': '/xc/v1/requests', 'query': {'fields': 'f',"
      " 'request_no': 'r', 'purpose': 'p'}},", "operations[1].methods[0]",
      "operations[0], first, has the same path and method" },
    { OPERATIONS, OPERATIONS "{'id': 'first', 'kind': 'query', 'methods':"
      " ['GET'], 'path': '/xc/v1/requests', 'query': {'fields': 'f',"
      " 'request_no': 'r', 'purpose': 'p'}},", NULL, NULL },
    { OPERATIONS, OPERATIONS RESULT "},", NULL, NULL },
    { OPERATIONS "   {'id': 'submit', 'kind': 'submit'", OPERATIONS RESULT "},"
      "{'id': 'submit', 'kind': 'query'", "operations[0].kind",
      "no operation is of the kind submit" },
};


/* Rows of the same edit. */
static size_t
warned(size_t row)
{
    size_t  i, n = 0;

    for (i = 0; i < XC_COUNT(warnings); i++) {
        n += strcmp(warnings[i].find, warnings[row].find) == 0
             && strcmp(warnings[i].with, warnings[row].with) == 0
             && warnings[i].path != NULL;
    }

    return n;
}


static void
test_warnings(void)
{
    char    mem[TEXT_MAX];
    size_t  i;
    load_t  load;

    for (i = 0; i < XC_COUNT(warnings); i++) {
        load_text(&load, edit(mem, warnings[i].find, warnings[i].with));

        if (!xt_ok(load.rc == XC_OK
                   && load.faults.warnings == 3 + warned(i)
                   && (warnings[i].path == NULL
                       || has(&load, true, warnings[i].path,
                              warnings[i].message)),
                   "%zu: %s", i, warnings[i].path == NULL ? "no warning"
                   : warnings[i].message))
        {
            show(&load);
        }

        xc_heap_free(&load.heap);
    }
}


/* Who has no key of its own may have an intermediary. */
static void
test_no_credentials(void)
{
    char    mem[TEXT_MAX];
    load_t  load;

    load_text(&load, edit(mem, "'alg': 'ed25519'", "'alg': 'ed25519',"
                          " 'on_behalf_of': ['000000']"));
    xt_ok(load.rc == XC_OK && load.faults.warnings == 2,
          "no warning of one whose intermediary asks");
    xc_heap_free(&load.heap);
}


int
main(void)
{
    if (xc_crypto_init() != XC_OK) {
        return 2;
    }

    test_warnings();
    test_no_credentials();

    return xt_done();
}
