/* Intermediaries: for whom a credential may ask, whose scope and whose rate
 * that takes, and what does not depend on a nonce. */

#define _GNU_SOURCE             /* memmem() */

#include "gate_ask.h"


#define NATION      "nat-1"
#define PROVINCE    "310000-2026"
#define COUNTY      "310115-2026a"
#define HEADER      "XC-On-Behalf-Of"
#define LIST        "['310000', '310115']"

/* The credential of 000000 with this on_behalf_of. */
#define WITH(behalf)                                                          \
    "'credentials': [{'type': 'httpsig', 'keyid': '" NATION "', 'alg':"       \
    " 'hmac-sha256', 'secret': '" SAMPLE_SECRET "', 'on_behalf_of': "         \
    behalf "}]"

typedef struct {
    const char   *name, *behalf;    /* with WITH() */
    const char   *keyid, *first, *second;   /* lines of the header, or NULL */
    bool          uncovered;
    xc_reason_t   reason;
    const char   *agency;           /* that asks; via 000000; NULL: its own */
    const char   *detail;
} case_t;

static const case_t  cases[] = {
    /* for whom */
    { "of a list", WITH(LIST), NATION, "310115", NULL, false,
      XC_REASON_NONE, "310115", NULL },
    { "of a list, the other", WITH(LIST), NATION, "310000", NULL, false,
      XC_REASON_NONE, "310000", NULL },
    { "not of the list", WITH("['310000']"), NATION, "310115", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "may not ask for the agency \"3101" },
    { "a level", WITH("{'level': 'county'}"), NATION, "310115", NULL, false,
      XC_REASON_NONE, "310115", NULL },
    { "another level", WITH("{'level': 'city'}"), NATION, "310115", NULL,
      false, XC_REASON_BEHALF_NOT_ALLOWED, NULL, "may not ask for" },
    { "a level and a prefix", WITH("{'level': 'county', 'region_prefix':"
      " '3101'}"), NATION, "310115", NULL, false, XC_REASON_NONE, "310115",
      NULL },
    { "a level and the whole region", WITH("{'level': 'county',"
      " 'region_prefix': '310115'}"), NATION, "310115", NULL, false,
      XC_REASON_NONE, "310115", NULL },
    { "an empty prefix", WITH("{'level': 'province', 'region_prefix': ''}"),
      NATION, "310000", NULL, false, XC_REASON_NONE, "310000", NULL },
    { "another prefix", WITH("{'level': 'county', 'region_prefix': '3102'}"),
      NATION, "310115", NULL, false, XC_REASON_BEHALF_NOT_ALLOWED, NULL,
      "may not ask for" },
    { "the level, not the prefix's", WITH("{'level': 'county',"
      " 'region_prefix': '31'}"), NATION, "310000", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "may not ask for" },
    { "for itself, by its level", WITH("{'level': 'national'}"), NATION,
      "000000", NULL, false, XC_REASON_BEHALF_NOT_ALLOWED, NULL,
      "may not ask for" },

    /* the field */
    { "absent", WITH(LIST), NATION, NULL, NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "send " HEADER " with" },
    { "empty", WITH(LIST), NATION, "", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "no agency's id" },
    { "no id", WITH(LIST), NATION, "310115, 310000", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "no agency's id" },
    { "quoted", WITH(LIST), NATION, "\"310115\"", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "no agency's id" },
    { "two lines", WITH(LIST), NATION, "310115", "310000", false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "more than one line" },
    { "two equal lines", WITH(LIST), NATION, "310115", "310115", false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "more than one line" },
    { "unknown", WITH(LIST), NATION, "320000", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "\"320000\" is not registered" },
    { "uncovered", WITH(LIST), NATION, "310115", NULL, true,
      XC_REASON_SIGNATURE_INCOMPLETE, NULL, "xc-on-behalf-of" },

    /* credentials without */
    { "another's credential", WITH(LIST), PROVINCE, "310115", NULL, false,
      XC_REASON_BEHALF_NOT_ALLOWED, NULL, "leave " HEADER " out" },
    { "another's credential, for itself", WITH(LIST), PROVINCE, "310000", NULL,
      false, XC_REASON_BEHALF_NOT_ALLOWED, NULL, "leave " HEADER " out" },
    { "another's credential, uncovered", WITH(LIST), PROVINCE, "310115", NULL,
      true, XC_REASON_SIGNATURE_INCOMPLETE, NULL, NULL },
    { "another's credential, without", WITH(LIST), PROVINCE, NULL, NULL, false,
      XC_REASON_NONE, NULL, NULL },
};


/* A request whose body asks for fields. */
static void
make(request_t *r, const world_t *w, const ask_t *ask, const char *first,
    const char *second, bool uncovered)
{
    size_t  start;

    request_begin(r, w, ask);

    if (first != NULL) {
        request_line(r, HEADER, xc_str_z(first));
    }

    if (second != NULL) {
        request_line(r, "xc-on-behalf-of", xc_str_z(second));
    }

    start = r->mem.len;
    xc_buf_z(&r->mem, "sig=(\"@method\" \"@authority\" \"@path\""
                      " \"content-type\" \"content-digest\"");
    xc_buf_z(&r->mem, first != NULL && !uncovered ? " \"xc-on-behalf-of\""
                                                   : "");
    xc_buf_z(&r->mem, ");created=");
    xc_buf_i64(&r->mem, ask->created_s);
    xc_buf_z(&r->mem, ";keyid=\"");
    xc_buf_z(&r->mem, ask->keyid);
    xc_buf_z(&r->mem, "\";nonce=\"");
    xc_buf_z(&r->mem, ask->nonce);
    xc_buf_z(&r->mem, "\";tag=\"xc\"");
    request_sign(r, w, ask, request_since(r, start), "");
}


static ask_t
ask_as(const world_t *w, const char *keyid, const char *nonce)
{
    ask_t  ask = ask_default(w);

    ask.keyid = keyid;
    ask.nonce = nonce;

    return ask;
}


/* The nation asks for the agency. */
static xc_reason_t
ask_for(request_t *r, const world_t *w, const ask_t *ask, const char *agency)
{
    make(r, w, ask, agency, NULL, false);
    request_run(r, w);
    request_free(r);

    return (r->rc == XC_OK) == (r->gate.verdict.reason == XC_REASON_NONE)
           ? r->gate.verdict.reason : XC_REASON_COUNT;
}


static size_t
nonces(const world_t *w)
{
    return (size_t) xc_map_nonces_used(&w->map, w->clock.now_s);
}


static int64_t
tat(const world_t *w, size_t agency)
{
    return atomic_load(&w->places[agency]->tat_us);
}


static int64_t
refusals(const world_t *w, size_t agency)
{
    return atomic_load(&w->places[agency]->refusals_tat_us);
}


static void
check(const case_t *c, const world_t *w, const request_t *r)
{
    const xc_auth_t  *auth = &r->gate.auth;

    xt_is(reason_code(r->gate.verdict.reason), reason_code(c->reason), "%s",
          c->name);

    if (c->reason == XC_REASON_NONE) {
        xt_is(auth->agency->id, xc_str_z(c->agency == NULL ? "310000"
                                                           : c->agency),
              "%s: who asks", c->name);
        xt_ok((auth->via != NULL) == (c->agency != NULL)
              && (auth->via == NULL
                  || xc_str_eq(auth->via->id, XC_STR("000000"))),
              "%s: by whom", c->name);
        return;
    }

    xt_ok(auth->agency == NULL && auth->via == NULL && auth->n_once == 0
          && auth->credential == NULL && !r->gate.authenticated,
          "%s: nobody", c->name);
    xt_ok(auth->evidence.signature_input.len != 0
          && auth->evidence.signature.len != 0, "%s: with evidence", c->name);
    xt_ok(c->detail == NULL
          || memmem(r->gate.verdict.detail.data, r->gate.verdict.detail.len,
                    c->detail, strlen(c->detail)) != NULL, "%s: told: "
          XC_STR_FMT, c->name, XC_STR_ARG(r->gate.verdict.detail));
    xt_ok(nonces(w) == 0 && tat(w, 0) == 0 && tat(w, 1) == 0 && tat(w, 2) == 0,
          "%s: costs nothing", c->name);
}


static void
test_cases(void)
{
    size_t      i;
    ask_t       ask;
    world_t     w;
    request_t   r;

    for (i = 0; i < XC_COUNT(cases); i++) {
        world_open(&w, "'credentials': []", cases[i].behalf, false);
        ask = ask_as(&w, cases[i].keyid, "n-1");
        make(&r, &w, &ask, cases[i].first, cases[i].second,
             cases[i].uncovered);
        request_run(&r, &w);
        check(&cases[i], &w, &r);
        request_free(&r);
        world_close(&w);
    }
}


#define BODY(field)                                                           \
    "{\"request_no\": \"沪市监协查〔2026〕1182号\", \"purpose\":"             \
    " \"product_recall\", \"subjects\": [{\"type\": \"merchant\", \"id\": \"" \
    USCC "\"}], \"fields\": [\"merchant.name\", \"" field "\"]}"

/* What is granted to one of the two is not granted. */
static void
test_scope(void)
{
    ask_t       ask;
    world_t     w;
    request_t   r;

    /* the nation has goods, the province has not */
    world_open(&w, "'credentials': []", WITH(LIST), false);
    ask = ask_as(&w, NATION, "n-1");
    ask.body = XC_STR(BODY("goods.title"));
    make(&r, &w, &ask, "310000", NULL, false);
    request_run(&r, &w);
    xt_ok(r.gate.verdict.reason == XC_REASON_FIELD_NOT_GRANTED
          && r.gate.request.fields[0].refused == XC_REASON_NONE
          && r.gate.request.fields[1].refused == XC_REASON_FIELD_NOT_GRANTED,
          "granted to the intermediary alone");
    xt_ok(memmem(r.gate.verdict.detail.data, r.gate.verdict.detail.len,
                 "to this agency", 14) != NULL, "the agency lacks it");
    request_free(&r);
    world_close(&w);

    /* and the other way round */
    world_open(&w, "'secret': '" SAMPLE_SECRET "'}", "'secret': '"
               SAMPLE_SECRET "', 'on_behalf_of': ['000000']}", false);
    ask = ask_as(&w, PROVINCE, "n-1");
    ask.body = XC_STR(BODY("goods.title"));
    make(&r, &w, &ask, "000000", NULL, false);
    request_run(&r, &w);
    xt_ok(r.gate.verdict.reason == XC_REASON_FIELD_NOT_GRANTED
          && r.gate.request.fields[1].refused == XC_REASON_FIELD_NOT_GRANTED,
          "granted to the agency alone");
    xt_ok(memmem(r.gate.verdict.detail.data, r.gate.verdict.detail.len,
                 "not to the intermediary", 23) != NULL
          && r.gate.verdict.detail_zh.len != 0, "the intermediary lacks it");
    request_free(&r);

    w.clock.boot_us += 1000000;
    ask = ask_as(&w, PROVINCE, "n-2");
    xt_ok(ask_for(&r, &w, &ask, "000000") == XC_REASON_NONE,
          "granted to both");
    world_close(&w);
}


/* The nation has 100r/s without a burst, the province 10r/s and 20. */
static void
test_rates(void)
{
    size_t     i;
    int64_t    now;
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, "'credentials': []", WITH(LIST), false);
    now = w.clock.boot_us;

    ask = ask_as(&w, NATION, "n-1");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_NONE
          && tat(&w, 1) == now + 100000 && tat(&w, 2) == now + 10000
          && tat(&w, 0) == 0, "both pay");

    ask = ask_as(&w, NATION, "n-2");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_RATE_EXCEEDED
          && tat(&w, 1) == now + 100000 && tat(&w, 2) == now + 10000
          && nonces(&w) == 1, "the intermediary's rate is spent: none pays");
    xt_ok(r.gate.verdict.detail.len != 0 && r.gate.authenticated, "as is told");
    ask = ask_as(&w, PROVINCE, "n-3");
    xt_ok(ask_for(&r, &w, &ask, NULL) == XC_REASON_NONE,
          "the agency itself may go on");

    world_reset(&w);
    now = w.clock.boot_us;
    atomic_store(&w.places[1]->tat_us, now + 21 * 100000);
    ask = ask_as(&w, NATION, "n-1");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_RATE_EXCEEDED
          && tat(&w, 1) == now + 21 * 100000 && tat(&w, 2) <= now
          && nonces(&w) == 0, "the agency's rate is spent: none pays");
    xt_ok(r.gate.verdict.detail.len == 0 && r.gate.retry_after_s == 1,
          "as is told");
    xt_ok(ask_for(&r, &w, &ask, "310115") == XC_REASON_NONE,
          "the intermediary may go on, under the same nonce");
    xt_ok(ask_for(&r, &w, &ask, "310115") == XC_REASON_SIGNATURE_REPLAYED
          && tat(&w, 0) == now + 100000 && tat(&w, 2) == now + 10000,
          "a replay costs neither");

    world_reset(&w);
    memset(w.map.nonces, 0xff,
           w.map.n_buckets * XC_MAP_BUCKET * sizeof(xc_map_nonce_t));
    for (i = 0; i < w.map.n_buckets * XC_MAP_BUCKET; i++) {
        w.map.nonces[i].expires_s = INT64_MAX;
    }

    now = w.clock.boot_us;
    ask = ask_as(&w, NATION, "n-1");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_REPLAY_STORE_FULL
          && tat(&w, 1) <= now && tat(&w, 2) <= now,
          "a full store costs neither");
    world_close(&w);
}


static void
test_refusals(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, "'credentials': []", WITH(LIST), false);
    ask = ask_as(&w, NATION, "n-1");
    ask.body = XC_STR("{}");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_PURPOSE_NOT_ALLOWED
          && r.gate.nonce_burned && refusals(&w, 1) > w.clock.boot_us
          && refusals(&w, 2) > w.clock.boot_us && refusals(&w, 0) == 0,
          "a refusal is counted against both");

    world_reset(&w);
    w.places[2] = NULL;
    ask = ask_as(&w, NATION, "n-1");
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_INTERNAL_ERROR
          && tat(&w, 1) == 0 && nonces(&w) == 0,
          "an intermediary without a place");
    w.places[2] = w.places[1];
    w.places[1] = NULL;
    xt_ok(ask_for(&r, &w, &ask, "310000") == XC_REASON_INTERNAL_ERROR
          && nonces(&w) == 0, "an agency without a place");
    w.places[1] = w.places[2];
    world_close(&w);
}


/* As a scheme leaves it that vouches by the connection alone. */
static xc_rc_t
decide_with(request_t *r, const world_t *w, const ask_t *ask,
    const xc_credential_t *credential)
{
    xc_rc_t  rc;

    request_begin(r, w, ask);
    r->gate = (xc_gate_t) {
        .authority = XC_STR(AUTHORITY), .authenticated = true,
        .operation = &w->policy->operations[0],
        .auth = { .credentials = { credential }, .n_credentials = 1,
                  .credential = credential, .agency = credential->agency,
                  .expires_s = INT64_MAX }
    };

    if (ask->announced && ask->digest != NULL) {
        r->gate.content_digest = xc_str_z(ask->digest);
    }

    rc = xc_gate_decide(&w->conf, &r->msg, r->body, &w->clock,
                        &r->heap.arena, &r->gate);
    request_free(r);

    return rc;
}


static void
test_connection(void)
{
    ask_t            ask;
    world_t          w;
    request_t        r;
    xc_credential_t  mtls = { .scheme = XC_SCHEME_MTLS,
                              .not_after_s = INT64_MAX };
    xc_credential_t  sig = { .scheme = XC_SCHEME_HTTPSIG,
                             .not_after_s = INT64_MAX };

    world_open(&w, NULL, NULL, false);
    mtls.agency = sig.agency = &w.policy->agencies[1];
    ask = ask_default(&w);

    xt_ok(decide_with(&r, &w, &ask, &mtls) == XC_OK && nonces(&w) == 0
          && !r.gate.nonce_burned && tat(&w, 1) > w.clock.boot_us,
          "a certificate alone burns nothing, and pays");
    xt_ok(decide_with(&r, &w, &ask, &mtls) == XC_OK, "twice if need be");
    xt_ok(decide_with(&r, &w, &ask, &sig) == XC_EINTERNAL
          && r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR,
          "but a signature without a digest is none");

    ask.digest = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    xt_ok(decide_with(&r, &w, &ask, &mtls) == XC_DENIED
          && r.gate.verdict.reason == XC_REASON_DIGEST_MISMATCH,
          "a digest that is there is looked at");

    ask.digest = NULL;
    ask.body = XC_STR("{}");
    xt_ok(decide_with(&r, &w, &ask, &mtls) == XC_DENIED
          && refusals(&w, 1) > w.clock.boot_us,
          "and a refusal spends its budget");

    world_reset(&w);
    mtls.not_after_s = w.clock.now_s;
    ask = ask_default(&w);
    xt_ok(decide_with(&r, &w, &ask, &mtls) == XC_DENIED
          && r.gate.verdict.reason == XC_REASON_CREDENTIAL_EXPIRED,
          "it may expire while the body is on its way");
    world_close(&w);
}


int
main(void)
{
    test_cases();
    test_scope();
    test_rates();
    test_refusals();
    test_connection();

    return xt_done();
}
