/* Submit, result and check in the gate: what t/result.t and t/check.t can't
 * reach, the clock's edges and memory that runs out. */

#include "gate_ask.h"
#include "xc_revoke.h"
#include "xc_ticket.h"


#define ID          "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define RECORD      "n1:7"
#define RESULT      "/xc/v1/requests/" ID
#define DAYS        90
#define LAST        "'pass': ['lang']}],"

static const char  more[] =
    "'pass': ['lang']},"
    " {'id': 'result', 'kind': 'result', 'methods': ['GET'],"
    "  'path': '/xc/v1/requests/(?<request>[0-9a-f]{32})'},"
    " {'id': 'check', 'kind': 'check', 'methods': ['POST'],"
    "  'path': '/xc/v1/check', 'body': {'like': 'submit'}}],";

static char  ticket[XC_TICKET_MAX + 1];     /* of the default submit */


static void
open_world(world_t *w)
{
    world_open(w, LAST, more, false);

    if (xc_mac_new(&w->heap.arena, XC_STR("0123456789abcdef0123456789abcdef"),
                   &w->conf.token_key) != XC_OK)
    {
        bail_out("no key");
    }
}


static void
make_ticket(const world_t *w)
{
    ask_t      ask = ask_default(w);
    xc_buf_t   out;
    request_t  r;

    request_make(&r, w, &ask);
    request_run(&r, w);
    xc_buf_init(&out, ticket, sizeof(ticket) - 1);

    if (r.rc != XC_OK
        || xc_gate_ticket(&w->conf, &r.gate, XC_STR(ID), XC_STR(RECORD),
                          w->clock.now_s, &r.heap.arena, &out) != XC_OK)
    {
        bail_out("no ticket");
    }

    ticket[out.len] = '\0';
    request_free(&r);
}


static ask_t
ask_result(const world_t *w)
{
    ask_t  ask = ask_merchant(w);

    ask.target = RESULT;
    ask.name = "XC-Request";
    ask.value = ticket;

    return ask;
}


/* The signature covers the ticket. */
static void
result_sign(request_t *r, const world_t *w, const ask_t *ask)
{
    size_t  start;

    request_begin(r, w, ask);
    start = r->mem.len;

    xc_buf_z(&r->mem, "sig=(\"@method\" \"@authority\" \"@path\"");
    xc_buf_z(&r->mem, ask->name == NULL ? "" : " \"xc-request\"");
    xc_buf_z(&r->mem, ");created=");
    xc_buf_i64(&r->mem, ask->created_s);
    xc_buf_z(&r->mem, ";keyid=\"");
    xc_buf_z(&r->mem, ask->keyid);
    xc_buf_z(&r->mem, "\";nonce=\"");
    xc_buf_z(&r->mem, ask->nonce);
    xc_buf_z(&r->mem, "\";tag=\"xc\"");

    request_sign(r, w, ask, request_since(r, start), "");
}


static xc_reason_t
run(request_t *r, const world_t *w, const ask_t *ask)
{
    result_sign(r, w, ask);
    request_run(r, w);
    request_free(r);

    return (r->rc == XC_OK) == (r->gate.verdict.reason == XC_REASON_NONE)
           ? r->gate.verdict.reason : XC_REASON_COUNT;
}


static void
is_reason(xc_reason_t got, xc_reason_t want, const char *name)
{
    xt_is(reason_code(got), reason_code(want), "%s", name);
}


static void
test_result(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    open_world(&w);
    make_ticket(&w);
    world_reset(&w);

    ask = ask_result(&w);
    result_sign(&r, &w, &ask);
    request_run(&r, &w);

    xt_ok(r.rc == XC_OK, "a result");
    xt_is(r.gate.ref, XC_STR(RECORD), "of that submit");
    xt_ok(r.gate.request.n_fields == 2 && r.gate.request.fields[1].field != NULL
          && r.gate.request.purpose_rule != NULL && !r.gate.request.sweep,
          "with its fields and purpose");
    xt_ok(r.gate.request.n_subjects == 0, "and no subject for the record");
    xt_ok(r.gate.nonce_burned, "its nonce is burned");
    request_free(&r);

    is_reason(run(&r, &w, &ask), XC_REASON_SIGNATURE_REPLAYED, "the same again");

    world_reset(&w);
    ask = ask_result(&w);
    ask.name = NULL;
    is_reason(run(&r, &w, &ask), XC_REASON_REQUEST_NOT_YOURS, "no ticket");
    xt_ok(r.gate.nonce_burned && r.gate.ref.data == NULL
          && r.gate.request.n_fields == 0, "of which nothing is taken");

    world_reset(&w);
    ask = ask_result(&w);
    w.conf.token_key = NULL;
    is_reason(run(&r, &w, &ask), XC_REASON_INTERNAL_ERROR,
              "a gate without a key admits nobody");

    world_close(&w);
}


/* The second that the ticket names is out. */
static void
test_expiry(void)
{
    ask_t      ask;
    int64_t    made_s;
    world_t    w;
    request_t  r;

    open_world(&w);
    make_ticket(&w);
    made_s = w.clock.now_s;
    world_reset(&w);

    w.clock.now_s = made_s + DAYS * 86400 - 1;
    ask = ask_result(&w);
    is_reason(run(&r, &w, &ask), XC_REASON_NONE, "in its last second");

    w.clock.now_s++;
    ask = ask_result(&w);
    ask.nonce = "n-2";
    is_reason(run(&r, &w, &ask), XC_REASON_REQUEST_NOT_YOURS, "behind it");

    w.clock.now_s -= 10;
    ask = ask_result(&w);
    ask.nonce = "n-3";
    is_reason(run(&r, &w, &ask), XC_REASON_REQUEST_NOT_YOURS,
              "and where the clock steps back to before it");

    world_close(&w);
}


/* A ticket of 310115 with its province's consent. */
static void
make_consented(const world_t *w, const xc_credential_t *key)
{
    size_t       covered = 0;
    xc_buf_t     out;
    xc_str_t     field = XC_STR("buyer.phone");
    xc_ticket_t  in;

    in = (xc_ticket_t) {
        .id = XC_STR(ID), .record = XC_STR(RECORD), .policy = w->policy->id,
        .authority = XC_STR(AUTHORITY), .agency = XC_STR("310115"),
        .purpose = XC_STR("product_recall"), .request_no = XC_STR("n"),
        .approval = XC_STR("a"), .fields = &field, .n_fields = 1,
        .asks = XC_TICKET_SUBJECTS, .expires_s = INT32_MAX,
        .consent = { .kid = key->keyid, .fields = &covered, .n_fields = 1,
                     .ends_s = INT32_MAX }
    };

    memcpy(in.consent.key, key->identity, XC_TICKET_KEY_IDENTITY);
    xc_buf_init(&out, ticket, sizeof(ticket) - 1);

    if (xc_ticket_write(w->conf.token_key, &in, &out) != XC_OK) {
        bail_out("no ticket");
    }

    ticket[out.len] = '\0';
}


static void
test_consent(void)
{
    ask_t             ask;
    world_t           w;
    request_t         r;
    xc_credential_t  *key;

    static const xc_behalf_t  others = { .level = XC_LEVEL_COUNTY };

    open_world(&w);
    key = (xc_credential_t *) (uintptr_t)
          xc_policy_keyid(w.policy, XC_STR("310000-2026"));
    make_consented(&w, key);

    ask = ask_result(&w);
    ask.keyid = "310115-2026a";
    is_reason(run(&r, &w, &ask), XC_REASON_NONE, "with a consent");

    key->behalf = &others;
    ask.nonce = "n-2";
    is_reason(run(&r, &w, &ask), XC_REASON_APPROVAL_INVALID,
              "by an intermediary's key");
    key->behalf = NULL;

    world_reset(&w);
    key->not_after_s = w.clock.now_s;
    ask = ask_result(&w);
    ask.keyid = "310115-2026a";
    is_reason(run(&r, &w, &ask), XC_REASON_APPROVAL_INVALID,
              "by a key that has ended");

    w.clock.now_s -= 10;
    ask = ask_result(&w);
    ask.keyid = "310115-2026a";
    ask.nonce = "n-2";
    is_reason(run(&r, &w, &ask), XC_REASON_APPROVAL_INVALID,
              "also where the clock steps back");

    world_close(&w);
}


/* While the store is asked, a reload withdraws the consent's key. */
static void
test_consent_withdrawn(void)
{
    ask_t                   ask;
    world_t                 w;
    uint64_t                generation;
    request_t               r;
    xc_fleet_ask_t          question;
    xc_fleet_answer_t       pass = { .verdict = XC_FLEET_PASS };
    const xc_credential_t  *key;

    open_world(&w);
    w.conf.fleet = true;
    pass.now_s = w.clock.now_s;
    key = xc_policy_keyid(w.policy, XC_STR("310000-2026"));
    make_consented(&w, key);

    ask = ask_result(&w);
    ask.keyid = "310115-2026a";
    result_sign(&r, &w, &ask);

    xt_ok(xc_gate_headers(&w.conf, &r.msg, &r.clock, &r.heap.arena, &r.gate)
          == XC_OK
          && xc_gate_ask(&w.conf, &r.msg, r.body, &r.clock, &r.heap.arena,
                         &r.gate, &question) == XC_OK
          && r.gate.asked_rc == XC_OK, "with a consent, the store is asked");

    generation = xc_map_next_generation(&w.map);

    if (!xc_revoke_list(&w.map, r.gate.auth.agency->identity, generation)
        || !xc_revoke_list(&w.map, r.gate.auth.credential->identity,
                           generation))
    {
        bail_out("nothing is listed");
    }

    xc_revoke_publish(&w.map, generation);

    xt_ok(xc_gate_told(&w.conf, &w.clock, &r.gate, &pass) == XC_DENIED
          && r.gate.verdict.reason == XC_REASON_APPROVAL_INVALID
          && !r.gate.nonce_burned, "and its key is withdrawn meanwhile");

    request_free(&r);
    world_close(&w);
}


static void
test_check(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    open_world(&w);

    ask = ask_default(&w);
    ask.target = "/xc/v1/check";
    is_reason(ask_run(&r, &w, &ask), XC_REASON_NONE, "a check");
    xt_ok(r.gate.nonce_burned && r.gate.request.n_fields == 2,
          "decided as the submit");
    is_reason(ask_run(&r, &w, &ask), XC_REASON_SIGNATURE_REPLAYED,
              "whose nonce is burned");
    ask.target = "/xc/v1/requests";
    is_reason(ask_run(&r, &w, &ask), XC_REASON_SIGNATURE_REPLAYED,
              "for the submit, too");

    world_reset(&w);
    ask = ask_default(&w);
    ask.target = "/xc/v1/check";
    ask.name = "xc-request";
    ask.value = "x";
    ask.is_signed = false;
    is_reason(ask_run(&r, &w, &ask), XC_REASON_CREDENTIAL_MISSING,
              "who it is comes before what it brings");

    world_close(&w);
}


/* Each allocation fails in its turn: a refusal, however far the gate came. */
static void
oom(world_t *w, const char *name, const ask_t *ask,
    void (*make)(request_t *r, const world_t *w, const ask_t *ask))
{
    bool       met = true, ok = true;
    long       n;
    request_t  r;

    for (n = 1; met && ok; n++) {
        world_reset(w);
        w->clock.now_s -= 10000;
        make(&r, w, ask);
        r.heap.fail_at = n;
        request_run(&r, w);
        met = r.heap.fail_at == 0;

        ok = met ? r.rc == XC_ENOMEM
                   && r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR
                 : r.rc == XC_OK;
        request_free(&r);
    }

    xt_ok(ok && n > 2, "%s: each of %ld allocations may fail", name, n - 2);
}


static void
test_oom(void)
{
    ask_t    ask;
    world_t  w;

    open_world(&w);
    make_ticket(&w);

    ask = ask_result(&w);
    oom(&w, "a result", &ask, result_sign);

    ask = ask_default(&w);
    oom(&w, "a submit that gets a ticket", &ask, request_make);

    ask.target = "/xc/v1/check";
    oom(&w, "a check", &ask, request_make);

    world_close(&w);
}


int
main(void)
{
    test_result();
    test_expiry();
    test_consent();
    test_consent_withdrawn();
    test_check();
    test_oom();

    return xt_done();
}
