/* The pipeline: order of checks, what each refusal costs, and that nothing
 * passes but what was signed. */

#include "gate_ask.h"
#include "xc_ascii.h"


#define MAX_AGE     200
#define MAX_SKEW    20
#define MUTATIONS   20000


static char  large[BODY_MAX + 2];


/* Which state a fault needs besides the request. */
typedef struct {
    bool  born, stepped, replayed, spent, full;
} state_t;

/* One of a group at a time: they set the same thing. */
typedef struct {
    const char   *name;
    int           group;
    xc_reason_t   reason;
    void        (*set)(ask_t *ask, state_t *state);
} fault_t;

#define FAULT(name, statement)                                                \
    static void                                                               \
    fault_##name(ask_t *ask, state_t *state)                                  \
    {                                                                         \
        (void) ask;                                                           \
        (void) state;                                                         \
        statement;                                                            \
    }

FAULT(no_tls, ask->tls = false)
FAULT(early, ask->early_data = true)
FAULT(host, ask->host = "other.example")
FAULT(path, ask->target = "/xc/v1//requests")
FAULT(reserved, ask->name = "X_XC.Agency"; ask->value = "310000")
FAULT(stepped, state->stepped = true)
FAULT(unsigned, ask->is_signed = false)
FAULT(unknown, ask->keyid = "nobody")
FAULT(old, ask->created_s -= MAX_AGE + 1)
FAULT(corrupt, ask->corrupt = true)
FAULT(method, ask->method = "PUT")
FAULT(announced, ask->content_length = BODY_MAX + 1)
FAULT(type, ask->type = "text/plain")
FAULT(encoding, ask->encoding = "gzip")
FAULT(empty, ask->body = XC_STR(""))
FAULT(large, ask->body = ((xc_str_t) { large, BODY_MAX + 1 }))
FAULT(digest, ask->digest_of = XC_STR("{}"))
FAULT(born, state->born = true)
FAULT(late, ask->late_s = MAX_AGE + MAX_SKEW + 1)
FAULT(replayed, state->replayed = true)
FAULT(spent, state->spent = true)
FAULT(full, state->full = true)
FAULT(json, ask->body = XC_STR("{"))
FAULT(scope, ask->body = XC_STR("{\"request_no\": \"沪〔2026〕1号\","
    "\"purpose\": \"product_recall\", \"fields\": [\"no.such\"], \"subjects\":"
    " [{\"type\": \"live_room\", \"id\": \"1\"}]}"))

/* CONTRACT.md section 3: the order of checks. */
static const fault_t  faults[] = {
    { "no TLS", 1, XC_REASON_TLS_REQUIRED, fault_no_tls },
    { "early data", 2, XC_REASON_EARLY_DATA, fault_early },
    { "another host", 3, XC_REASON_AUTHORITY_UNKNOWN, fault_host },
    { "//", 4, XC_REASON_PATH_INVALID, fault_path },
    { "X-XC-", 5, XC_REASON_HEADER_RESERVED, fault_reserved },
    { "clock back", 6, XC_REASON_STARTING, fault_stepped },
    { "unsigned", 7, XC_REASON_CREDENTIAL_MISSING, fault_unsigned },
    { "unknown key", 7, XC_REASON_CREDENTIAL_UNKNOWN, fault_unknown },
    { "too old", 8, XC_REASON_SIGNATURE_STALE, fault_old },
    { "another signature", 7, XC_REASON_SIGNATURE_INVALID, fault_corrupt },
    { "another method", 9, XC_REASON_OPERATION_UNKNOWN, fault_method },
    { "long announced", 10, XC_REASON_BODY_TOO_LARGE, fault_announced },
    { "a type", 11, XC_REASON_MEDIA_TYPE_UNSUPPORTED, fault_type },
    { "an encoding", 12, XC_REASON_MEDIA_TYPE_UNSUPPORTED, fault_encoding },
    { "no body came", 13, XC_REASON_BODY_MISSING, fault_empty },
    { "a long body", 13, XC_REASON_BODY_TOO_LARGE, fault_large },
    { "another digest", 14, XC_REASON_DIGEST_MISMATCH, fault_digest },
    { "after a restart", 6, XC_REASON_STARTING, fault_born },
    { "slow body", 15, XC_REASON_SIGNATURE_STALE, fault_late },
    { "replayed", 16, XC_REASON_SIGNATURE_REPLAYED, fault_replayed },
    { "rate", 17, XC_REASON_RATE_EXCEEDED, fault_spent },
    { "full store", 18, XC_REASON_REPLAY_STORE_FULL, fault_full },
    { "not JSON", 13, XC_REASON_BODY_INVALID, fault_json },
    { "no such field", 13, XC_REASON_FIELD_UNKNOWN, fault_scope },
};


static void
nonce_key(const world_t *w, const ask_t *ask, uint8_t key[XC_NONCE_KEY_SIZE])
{
    if (xc_nonce_key(&w->map, xc_str_z(ask->keyid), xc_str_z(ask->nonce), key)
        != XC_OK)
    {
        bail_out("no nonce's key");
    }
}


static bool
is_burned(world_t *w, const ask_t *ask)
{
    uint8_t  key[XC_NONCE_KEY_SIZE];

    nonce_key(w, ask, key);

    return xc_nonce_seen(&w->map, key, w->clock.now_s) == XC_DENIED;
}


static size_t
nonces(const world_t *w)
{
    return (size_t) xc_map_nonces_used(&w->map, w->clock.now_s);
}


static void
fill(world_t *w)
{
    size_t  i;

    for (i = 0; i < w->map.n_buckets * XC_MAP_BUCKET; i++) {
        if (!xc_map_nonce_holds(&w->map.nonces[i], w->clock.now_s)) {
            memset(w->map.nonces[i].key, 0xff, XC_NONCE_KEY_SIZE);
            w->map.nonces[i].expires_s = INT64_MAX;
        }
    }
}


static void
set_state(world_t *w, const state_t *state, const ask_t *ask)
{
    uint8_t  key[XC_NONCE_KEY_SIZE];

    if (state->stepped) {
        (void) xc_map_clock_s(&w->map, w->clock.now_s + MAX_SKEW + 1);
    }

    if (state->replayed) {
        nonce_key(w, ask, key);
        if (xc_nonce_burn(&w->map, key, w->clock.now_s + 100000,
                          w->clock.now_s) != XC_OK)
        {
            bail_out("a nonce can't be burned");
        }
    }

    if (state->spent) {
        atomic_store(&world_place(w)->tat_us, INT64_MAX / 2);
    }

    if (state->full) {
        fill(w);
    }
}


/* With one fault (b NULL) or two. */
static xc_reason_t
run_faulty(world_t *shared, const fault_t *a, const fault_t *b)
{
    ask_t         ask;
    state_t       state = { .born = false };
    world_t       own, *w = shared;
    request_t     r;
    xc_reason_t   reason;

    ask = ask_default(w);
    a->set(&ask, &state);

    if (b != NULL) {
        b->set(&ask, &state);
    }

    if (state.born) {
        w = &own;
        world_open(w, NULL, NULL, true);

    } else {
        world_reset(w);
    }

    /* as before, but at this world's time */
    ask = ask_default(w);
    a->set(&ask, &state);

    if (b != NULL) {
        b->set(&ask, &state);
    }

    set_state(w, &state, &ask);
    reason = ask_run(&r, w, &ask);

    if (state.born) {
        world_close(w);
    }

    return reason;
}


static void
test_order(void)
{
    size_t       i, j, wrong = 0, pairs = 0;
    world_t      w;
    xc_reason_t  got;

    memset(large, ' ', sizeof(large));
    world_open(&w, NULL, NULL, false);

    for (i = 0; i < XC_COUNT(faults); i++) {
        xt_is(reason_code(run_faulty(&w, &faults[i], NULL)),
              reason_code(faults[i].reason), "%s", faults[i].name);
    }

    for (i = 0; i < XC_COUNT(faults); i++) {
        for (j = i + 1; j < XC_COUNT(faults); j++) {
            if (faults[i].group == faults[j].group) {
                continue;
            }

            pairs++;
            got = run_faulty(&w, &faults[i], &faults[j]);

            if (got != faults[i].reason) {
                printf("# %s, then %s: " XC_STR_FMT "\n", faults[i].name,
                       faults[j].name, XC_STR_ARG(reason_code(got)));
                wrong++;
            }
        }
    }

    xt_ok(wrong == 0 && pairs > 200, "of two faults the earlier one is told,"
          " %zu pairs", pairs);

    world_close(&w);
}


static void
test_admitted(void)
{
    ask_t       ask;
    world_t     w;
    request_t   r;
    xc_gate_t  *gate = &r.gate;

    world_open(&w, NULL, NULL, false);
    ask = ask_default(&w);

    request_make(&r, &w, &ask);
    request_run(&r, &w);

    xt_ok(r.rc == XC_OK && gate->verdict.reason == XC_REASON_NONE
          && gate->authenticated && gate->nonce_burned
          && gate->retry_after_s == 0, "a submit passes");
    xt_is(gate->authority, XC_STR(AUTHORITY), "its authority");
    xt_is(gate->auth.agency->id, XC_STR("310000"), "its agency");
    xt_is(gate->operation->id, XC_STR("submit"), "its operation");
    xt_is(gate->content_digest, r.lines[2].value, "its digest");
    xt_ok(gate->captures.subject.len == 0 && gate->request.whole
          && gate->request.n_fields == 2 && gate->request.n_subjects == 1,
          "its request");
    xt_ok(is_burned(&w, &ask), "its nonce is burned");
    request_free(&r);

    ask = ask_merchant(&w);
    ask.keyid = "310115-2026a";
    ask.host = "PLATFORM.example:443";
    request_make(&r, &w, &ask);
    request_run(&r, &w);

    xt_ok(r.rc == XC_OK && gate->request.n_fields == 1
          && gate->request.n_subjects == 1, "a query passes");
    xt_is(gate->operation->id, XC_STR("merchant"), "its operation");
    xt_is(gate->captures.subject, XC_STR(USCC), "its subject");
    xt_is(gate->authority, XC_STR(AUTHORITY), "its authority");
    xt_ok(gate->content_digest.data == NULL, "it has no digest");
    request_free(&r);

    world_close(&w);
}


/* What a refusal leaves behind. */
static void
test_costs(void)
{
    ask_t              ask;
    int64_t            tat;
    world_t            w;
    request_t          r;
    xc_map_agency_t   *place;

    world_open(&w, NULL, NULL, false);
    place = world_place(&w);
    ask = ask_default(&w);

    atomic_store(&place->tat_us, w.clock.boot_us + 22 * 100000);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_RATE_EXCEEDED
          && !r.gate.nonce_burned && !is_burned(&w, &ask) && nonces(&w) == 0,
          "a 429 burns no nonce");
    xt_ok(r.gate.retry_after_s == 1, "and says when: %lld",
          (long long) r.gate.retry_after_s);
    xt_ok(r.gate.authenticated && r.gate.operation != NULL
          && r.gate.request.n_fields == 0, "nor is its body looked at");

    atomic_store(&place->tat_us, w.clock.boot_us + 73 * 100000);
    (void) ask_run(&r, &w, &ask);
    xt_ok(r.gate.retry_after_s == 6, "rounded up: %lld",
          (long long) r.gate.retry_after_s);

    w.clock.boot_us += 10000000;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE,
          "the same signature passes later");

    tat = atomic_load(&place->tat_us);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_REPLAYED
          && atomic_load(&place->tat_us) == tat
          && atomic_load(&place->refusals_tat_us) == 0,
          "a replay spends neither rate nor refusals");

    world_reset(&w);
    fill(&w);
    ask = ask_default(&w);
    tat = atomic_load(&place->tat_us);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_REPLAY_STORE_FULL
          && r.gate.retry_after_s == MAX_AGE && !r.gate.nonce_burned,
          "a full store tells when to come again");
    xt_ok(atomic_load(&place->tat_us) <= w.clock.boot_us
          && atomic_load(&place->refusals_tat_us) == 0,
          "and costs the agency nothing");

    world_reset(&w);
    ask = ask_default(&w);
    ask.digest_of = XC_STR(good_body);
    ask.body = XC_STR("{}");
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_DIGEST_MISMATCH
          && nonces(&w) == 0 && atomic_load(&place->tat_us) == 0,
          "another body burns no nonce and spends no rate");
    ask.body = XC_STR(good_body);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE,
          "so that the right one passes under it");

    world_close(&w);
}


/* burst 20, refusals 30r/m: 21 at once, then one in two seconds. */
static void
test_refusals(void)
{
    char         nonce[16];
    ask_t        ask;
    world_t      w;
    unsigned     i, refused = 0;
    request_t    r;
    xc_reason_t  reason;

    world_open(&w, NULL, NULL, false);

    /* neither of these is behind the nonce */
    for (i = 0; i < 50; i++) {
        ask = ask_default(&w);
        ask.digest_of = i % 2 == 0 ? XC_STR("{}") : XC_STR_NONE;
        ask.method = i % 2 == 0 ? "POST" : "PUT";
        (void) ask_run(&r, &w, &ask);
    }

    xt_ok(atomic_load(&world_place(&w)->refusals_tat_us) == 0
          && atomic_load(&world_place(&w)->tat_us) == 0,
          "refusals before the nonce cost nothing");

    for (i = 0; i < 40; i++) {
        ask = ask_default(&w);
        ask.body = XC_STR("{}");
        (void) snprintf(nonce, sizeof(nonce), "r-%u", i);
        ask.nonce = nonce;
        reason = ask_run(&r, &w, &ask);

        if (reason == XC_REASON_RATE_EXCEEDED) {
            break;
        }

        refused += reason == XC_REASON_PURPOSE_NOT_ALLOWED
                   && r.gate.nonce_burned;
        w.clock.boot_us += 1000;
    }

    xt_ok(refused == 21 && i == 21, "%u refusals behind the nonce, then 429",
          refused);
    xt_ok(!r.gate.nonce_burned && !is_burned(&w, &ask)
          && r.gate.retry_after_s == 2, "which burns none and names %lld s",
          (long long) r.gate.retry_after_s);

    ask = ask_default(&w);
    ask.nonce = "good";
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_RATE_EXCEEDED,
          "a good request has to wait too");

    ask = ask_default(&w);
    ask.keyid = "310115-2026a";
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "another agency has not");

    ask = ask_default(&w);
    ask.nonce = "good";
    w.clock.boot_us += 2000000;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE,
          "after that time it passes under the same nonce");

    world_close(&w);
}


static void
test_types(void)
{
    size_t     i;
    ask_t      ask;
    world_t    w;
    request_t  r;

    static const struct {
        const char  *type, *encoding;
        bool         ok;
    } cases[] = {
        { "application/json", NULL, true },
        { "Application/JSON", NULL, true },
        { "application/json;charset=utf-8", NULL, true },
        { "application/json ; charset=UTF-8", NULL, true },
        { "application/json; charset=\"utf-8\"", NULL, true },
        { "application/json", "identity", true },
        { "application/json", "Identity", true },
        { "", NULL, false },
        { "application/json;", NULL, false },
        { "application/json; charset=gbk", NULL, false },
        { "application/json; charset=utf-8; x=1", NULL, false },
        { "application/json; x=1", NULL, false },
        { "application/json; charset =utf-8", NULL, false },
        { "application/json, application/json", NULL, false },
        { "application/problem+json", NULL, false },
        { "application/jsonx", NULL, false },
        { "text/json", NULL, false },
        { "application/json", "", false },
        { "application/json", "gzip", false },
        { "application/json", "identity, gzip", false },
    };

    world_open(&w, NULL, NULL, false);

    for (i = 0; i < XC_COUNT(cases); i++) {
        world_reset(&w);
        ask = ask_default(&w);
        ask.type = cases[i].type;
        ask.encoding = cases[i].encoding;

        xt_is(reason_code(ask_run(&r, &w, &ask)),
              cases[i].ok ? XC_STR("admitted")
                          : XC_STR("media-type-unsupported"), "\"%s\"%s%s",
              cases[i].type, cases[i].encoding == NULL ? "" : ", encoding ",
              cases[i].encoding == NULL ? "" : cases[i].encoding);
    }

    /* two lines of either: which one would the back end read? */
    for (i = 0; i < 2; i++) {
        world_reset(&w);
        ask = ask_default(&w);
        ask.encoding = "identity";
        ask.name = i == 0 ? "content-type" : "content-ENCODING";
        ask.value = i == 0 ? "application/json" : "identity";
        xt_is(reason_code(ask_run(&r, &w, &ask)),
              XC_STR("media-type-unsupported"), "%s twice", ask.name);
    }

    world_close(&w);
}


static void
test_bodies(void)
{
    char         more[1200];
    ask_t        ask;
    world_t      w;
    request_t    r;

    world_open(&w, NULL, NULL, false);

    ask = ask_default(&w);
    ask.announced = false;
    ask.body = XC_STR_NONE;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_BODY_MISSING && !r.decided,
          "no body announced");

    ask = ask_default(&w);
    ask.content_length = BODY_MAX + 1;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_BODY_TOO_LARGE && !r.decided,
          "too long by its header");

    memcpy(large, good_body, sizeof(good_body) - 1);
    ask = ask_default(&w);
    ask.body = (xc_str_t) { large, BODY_MAX + 1 };
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_BODY_TOO_LARGE && r.decided,
          "too long as it came");

    ask.body.len = BODY_MAX;
    ask.content_length = BODY_MAX;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "as long as may be");

    ask = ask_merchant(&w);
    ask.announced = true;
    ask.type = "application/json";
    ask.body = XC_STR("{}");
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_REQUEST_INVALID && !r.decided,
          "a body where none is taken");

    ask = ask_merchant(&w);
    ask.body = XC_STR("{}");
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_INTERNAL_ERROR && nonces(&w) == 1,
          "a body that nobody announced");

    ask = ask_default(&w);
    ask.target = "/xc/v1/requests?";
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_REQUEST_INVALID && !r.decided,
          "a query where none is taken");

    ask = ask_default(&w);
    ask.digest = "sha-256=?1";
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_DIGEST_MISMATCH, "no digest");

    (void) snprintf(more, sizeof(more), "x=\"%1100s\"", "");
    ask = ask_default(&w);
    ask.nonce = "long";
    ask.name = "content-digest";
    ask.value = more;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_DIGEST_MISMATCH,
          "a digest field of over a KiB");
    more[900] = '"';
    more[901] = '\0';
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "of less than that");

    world_close(&w);
}


static void
test_birth(void)
{
    ask_t      ask;
    world_t    w;
    int64_t    birth;
    request_t  r;

    world_open(&w, NULL, NULL, true);
    birth = w.clock.now_s;

    w.clock.now_s = birth + 5;
    ask = ask_default(&w);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_STARTING && r.decided
          && nonces(&w) == 0, "starting");
    xt_ok(r.gate.retry_after_s == MAX_SKEW + 1 - 5, "with the rest: %lld",
          (long long) r.gate.retry_after_s);

    w.clock.now_s = birth + MAX_SKEW + 100;
    ask.created_s = birth + MAX_SKEW;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_STARTING
          && r.gate.retry_after_s == 1, "a signature of that time, later on");

    ask.created_s++;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "a newer one passes");

    world_close(&w);
}


static void
test_clock(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, NULL, NULL, false);
    (void) xc_map_clock_s(&w.map, w.clock.now_s + 1000);
    w.clock.now_s += 1000;

    ask = ask_default(&w);
    ask.back_s = MAX_SKEW;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "back by the skew");

    ask.nonce = "n-2";
    ask.back_s = MAX_SKEW + 1;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_STARTING && !r.decided
          && !r.gate.authenticated && r.gate.retry_after_s == MAX_SKEW + 1,
          "back by more");

    ask.back_s = 0;
    ask.late_s = -MAX_SKEW - 1;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_STARTING && r.decided
          && r.gate.retry_after_s == MAX_SKEW + 1 && !r.gate.nonce_burned,
          "back while the body came");

    /* what was too old stays too old */
    ask.late_s = 0;
    ask.created_s = w.clock.now_s - MAX_AGE - 1;
    ask.back_s = MAX_SKEW;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_STALE, "an old one");

    ask.created_s++;
    ask.back_s = 0;
    ask.late_s = MAX_SKEW + 1;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_STALE && r.decided
          && !is_burned(&w, &ask), "a body that took too long");

    w.clock.now_s += MAX_SKEW + 1;
    ask.created_s = w.clock.now_s - MAX_AGE;
    ask.late_s = MAX_SKEW;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "one that nearly did");
    w.clock.now_s += MAX_SKEW;
    xt_ok(is_burned(&w, &ask), "is kept to its last second");

    world_close(&w);
}


static void
test_without_nonce(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, NULL, NULL, false);
    ask = ask_default(&w);
    ask.nonce = NULL;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_INCOMPLETE,
          "a nonce is required");
    world_close(&w);

    world_open(&w, "'nonce': 'required'", "'nonce': 'optional'", false);
    ask = ask_default(&w);
    ask.nonce = NULL;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "or optional");
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_REPLAYED,
          "not to be replayed");
    ask.created_s++;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "a newer one passes");
    world_close(&w);
}


static void
test_invariants(void)
{
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, NULL, NULL, false);
    ask = ask_default(&w);

    w.places[1] = NULL;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_INTERNAL_ERROR && nonces(&w) == 0,
          "an agency without a place");
    w.places[1] = w.places[0];

    request_make(&r, &w, &ask);
    r.gate = (xc_gate_t) { .operation = &w.policy->operations[0] };
    xt_ok(xc_gate_decide(&w.conf, &r.msg, r.body, &w.clock, &r.heap.arena,
                         &r.gate) == XC_EINTERNAL
          && r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR,
          "nothing is decided for a stranger");
    request_free(&r);

    /* validity and source belong to the credential's step */
    ask = ask_default(&w);
    ask.keyid = "310115-2026a";
    ask.client = 7;
    ask.method = "PUT";
    request_make(&r, &w, &ask);
    r.msg.client.address[15] ^= 1;
    r.msg.client.address[12] ^= 1;
    request_run(&r, &w);
    xt_ok(r.gate.verdict.reason == XC_REASON_SOURCE_NOT_ALLOWED
          && !r.gate.authenticated, "another source");
    request_free(&r);

    w.clock.now_s = SAMPLE_NOW_S + 60 * 86400;
    ask.created_s = w.clock.now_s;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_CREDENTIAL_EXPIRED,
          "an expired credential");

    w.conf.accept.n = 0;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_CREDENTIAL_MISSING,
          "no scheme is accepted");

    world_close(&w);
}


/* Each allocation fails in its turn: a refusal, however far the gate came. */
static void
oom(world_t *w, const char *name, const ask_t *ask)
{
    bool       met = true, ok = true;
    long       n;
    request_t  r;

    for (n = 1; met && ok; n++) {
        world_reset(w);
        request_make(&r, w, ask);
        r.heap.fail_at = n;
        request_run(&r, w);
        met = r.heap.fail_at == 0;

        ok = (r.rc != XC_OK || !met)
             && (r.rc != XC_ENOMEM
                 || r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR)
             && (r.rc == XC_OK) == (r.gate.verdict.reason == XC_REASON_NONE);
        request_free(&r);

        w->clock.now_s -= 10000;
    }

    xt_ok(ok && n > 2, "%s: each of %ld allocations may fail", name, n - 2);
}


static void
test_oom(void)
{
    size_t   i;
    ask_t    ask;
    world_t  w;
    state_t  state;

    world_open(&w, NULL, NULL, false);
    world_reset(&w);

    ask = ask_default(&w);
    ask.name = "content-digest";
    ask.value = "x=?1";
    w.clock.now_s -= 10000;
    oom(&w, "submit", &ask);

    ask = ask_merchant(&w);
    ask.created_s += 10000;
    ask.keyid = "310115-2026a";
    oom(&w, "query", &ask);

    for (i = 0; i < XC_COUNT(faults); i++) {
        state = (state_t) { .born = false };
        ask = ask_default(&w);
        ask.created_s += 10000;
        faults[i].set(&ask, &state);
        if (faults[i].reason == XC_REASON_BODY_TOO_LARGE
            || faults[i].reason == XC_REASON_FIELD_UNKNOWN
            || faults[i].reason == XC_REASON_HEADER_RESERVED
            || faults[i].reason == XC_REASON_BODY_INVALID)
        {
            oom(&w, faults[i].name, &ask);
        }
    }

    world_close(&w);
}


/* The mutations */

static uint64_t  seed = 0x9e3779b97f4a7c15;


static size_t
some(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return n == 0 ? 0 : (size_t) (seed % n);
}


/* One of the texts that a request consists of. */
static xc_str_t *
some_text(request_t *r)
{
    size_t  i, n = 2 + r->msg.body;

    i = some(n + 2 * r->msg.n_headers);

    if (i < n) {
        return i == 0 ? &r->msg.method : i == 1 ? &r->msg.target : &r->body;
    }

    i -= n;

    return i % 2 == 0 ? &r->lines[i / 2].name : &r->lines[i / 2].value;
}


static void
mutate_text(request_t *r, xc_str_t *text)
{
    char    *mem;
    size_t   at;

    static const char  salt[] = " \t\"',;:=()?/#%&\n\r\0ab0{}[]AB@-_.";

    mem = xc_arena_alloc(&r->heap.arena, text->len + 2);
    if (mem == NULL) {
        bail_out("no memory");
    }

    at = some(text->len + 1);
    memcpy(mem, text->data, at);

    switch (some(5)) {

    case 0:                             /* insert */
        mem[at] = salt[some(sizeof(salt))];
        memcpy(mem + at + 1, text->data + at, text->len - at);
        *text = (xc_str_t) { mem, text->len + 1 };
        return;

    case 1:                             /* cut off */
        *text = (xc_str_t) { mem, at };
        return;

    case 2:                             /* leave out */
        at = some(text->len);
        memcpy(mem, text->data, text->len);
        if (text->len != 0) {
            memmove(mem + at, mem + at + 1, text->len - at - 1);
            *text = (xc_str_t) { mem, text->len - 1 };
        }

        return;

    default:                            /* change */
        at = some(text->len);
        memcpy(mem, text->data, text->len);
        if (text->len != 0) {
            mem[at] = some(2) == 0 ? salt[some(sizeof(salt))]
                                   : (char) (mem[at] ^ 1 << some(8));
            *text = (xc_str_t) { mem, text->len };
        }
    }
}


static void
mutate_line(request_t *r)
{
    size_t       i = some(r->msg.n_headers), j = some(r->msg.n_headers);
    xc_header_t  line = r->lines[i];

    switch (some(4)) {

    case 0:
        r->lines[i] = r->lines[j];
        r->lines[j] = line;
        return;

    case 1:
        if (r->msg.n_headers < LINES_MAX) {
            r->lines[r->msg.n_headers++] = line;
        }

        return;

    case 2:
        r->msg.n_headers--;
        r->lines[i] = r->lines[r->msg.n_headers];
        return;

    default:
        if (r->msg.n_headers < LINES_MAX) {
            request_line(r, some(2) == 0 ? "X-Note" : "X-XC-Note",
                         XC_STR("n"));
        }
    }
}


static xc_str_t
joined(const request_t *r, const char *name, char *mem, size_t size)
{
    size_t    i;
    bool      any = false;
    xc_buf_t  out;

    xc_buf_init(&out, mem, size);

    for (i = 0; i < r->msg.n_headers; i++) {
        if (xc_ascii_ieq(r->lines[i].name, xc_str_z(name))) {
            xc_buf_z(&out, any ? ", " : "");
            xc_buf_str(&out, xc_ascii_trim(r->lines[i].value));
            any = true;
        }
    }

    return xc_buf_view(&out);
}


/* All that the signature covers, by value, and the body. */
static bool
is_the_same(const request_t *r, const request_t *was)
{
    char      mem[2][4096], *c;
    size_t    i, len;
    xc_str_t  host;

    static const char *const  covered[] = { "content-type", "content-digest" };

    for (i = 0; i < XC_COUNT(covered); i++) {
        if (!xc_str_eq(joined(r, covered[i], mem[0], sizeof(mem[0])),
                       joined(was, covered[i], mem[1], sizeof(mem[1]))))
        {
            return false;
        }
    }

    host = joined(r, "host", mem[0], sizeof(mem[0]));
    len = sizeof(AUTHORITY) - 1;

    for (i = 0, c = mem[0]; i < host.len; i++) {
        c[i] = xc_ascii_lower(c[i]);
    }

    return xc_str_eq(r->msg.method, was->msg.method)
           && xc_str_eq(r->msg.target, was->msg.target)
           && xc_str_eq(r->body, was->body)
           && host.len >= len && memcmp(host.data, AUTHORITY, len) == 0
           && (host.len == len || xc_str_eq((xc_str_t) { host.data + len,
                                                         host.len - len },
                                            XC_STR(":443")));
}


static void
test_mutations(void)
{
    size_t     i, n, passed = 0, refused = 0, wrong = 0;
    ask_t      ask;
    world_t    w;
    request_t  was, r;

    world_open(&w, NULL, NULL, false);

    for (i = 0; i < MUTATIONS; i++) {
        ask = i % 4 == 0 ? ask_merchant(&w) : ask_default(&w);
        ask.name = "X-Case";
        ask.value = "12";
        request_make(&was, &w, &ask);

        r = was;
        r.msg.headers = r.lines;
        xc_heap_init(&r.heap, 0);

        for (n = some(3) + 1; n != 0; n--) {
            if (some(6) == 0) {
                mutate_line(&r);

            } else {
                mutate_text(&r, some_text(&r));
            }
        }

        xc_msg_set_target(&r.msg, r.msg.target);
        request_run(&r, &w);

        if (r.rc == XC_OK) {
            passed++;
            wrong += !is_the_same(&r, &was)
                     || r.gate.verdict.reason != XC_REASON_NONE;

        } else {
            refused++;
            wrong += r.gate.verdict.reason == XC_REASON_NONE
                     || r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR;
        }

        if (wrong != 0) {
            break;
        }

        if (r.gate.nonce_burned) {
            world_reset(&w);
        }

        request_free(&r);
        request_free(&was);
    }

    if (!xt_ok(wrong == 0 && passed > MUTATIONS / 100
               && refused > MUTATIONS / 2,
               "of %d mutations %zu passed, with all that is covered as it "
               "was", MUTATIONS, passed))
    {
        printf("# mutation %zu: rc %d, " XC_STR_FMT "\n", i, (int) r.rc,
               XC_STR_ARG(reason_code(r.gate.verdict.reason)));
    }

    world_close(&w);
}


int
main(void)
{
    test_admitted();
    test_order();
    test_costs();
    test_refusals();
    test_types();
    test_bodies();
    test_birth();
    test_clock();
    test_without_nonce();
    test_invariants();
    test_oom();
    test_mutations();

    return xt_done();
}
