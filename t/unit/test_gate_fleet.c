/* Where a fleet shares limits and nonces: the same verdicts at the same cost as
 * on one node; and what becomes of every answer that a store may give. */

#include "gate_ask.h"

#include "xc_revoke.h"


#define REQUESTS    4000
#define CHECK       "'pass': ['lang']},\n   {'id': 'check', 'kind': 'check',"  \
                    " 'methods': ['POST'], 'path': '/xc/v1/check',"            \
                    " 'body': {'like': 'submit'}}]"
#define REST        "\"purpose\": \"product_recall\", \"subjects\": [{\"type\":" \
                    " \"live_room\", \"id\": \"1\"}]"

static const char *const  bodies[] = {
    "{\"request_no\": \"沪〔2026〕1号\", \"fields\": [\"merchant.name\"]," REST "}",
    "{\"request_no\": \"沪〔2026〕1号\", \"fields\": [\"no.such\"]," REST "}",
    "{\"request_no\": \"沪〔2026〕1号\", \"fields\": [\"merchant.name\"],"
    " \"more\": 1," REST "}",
    "{",
};

/* A store: another node's map and limits stand for it. */
typedef struct {
    world_t            *w;
    xc_fleet_answer_t   answer;
    size_t              asked;
} store_t;


static xc_fleet_verdict_t
store_seen(store_t *s, const xc_auth_t *auth)
{
    size_t   i;
    uint8_t  key[XC_NONCE_KEY_SIZE];

    for (i = 0; i < auth->n_once; i++) {
        if (xc_nonce_key(&s->w->map, auth->once[i].keyid,
                         auth->once[i].value, key) != XC_OK
            || xc_nonce_seen(&s->w->map, key, s->w->clock.now_s) != XC_OK)
        {
            return XC_FLEET_REPLAYED;
        }
    }

    return XC_FLEET_PASS;
}


static void
store_burn(store_t *s, const xc_auth_t *auth)
{
    size_t   i;
    uint8_t  key[XC_NONCE_KEY_SIZE];

    for (i = 0; i < auth->n_once; i++) {
        if (xc_nonce_key(&s->w->map, auth->once[i].keyid,
                         auth->once[i].value, key) != XC_OK
            || xc_nonce_burn(&s->w->map, key, auth->once[i].expires_s,
                             s->w->clock.now_s) != XC_OK)
        {
            bail_out("the store does not burn");
        }
    }
}


/* What the script does, by the units that do it on one node. */
static void
store_decide(store_t *s, const xc_fleet_ask_t *ask)
{
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];
    xc_map_agency_t    *place;
    xc_gate_clock_t    *clock = &s->w->clock;

    s->asked++;
    s->answer = (xc_fleet_answer_t) {
        .verdict = store_seen(s, ask->auth), .now_s = clock->now_s
    };

    if (s->answer.verdict != XC_FLEET_PASS) {
        return;
    }

    (void) xc_auth_agencies(ask->auth, who);
    place = s->w->places[who[0]->index];

    if (xc_rate_take(place, who[0]->rate, clock->boot_us, clock->now_s,
                     &s->answer.limit, &s->answer.wait_us) != XC_OK)
    {
        s->answer.verdict = XC_FLEET_LIMITED;

        if (ask->observe) {
            store_burn(s, ask->auth);
        }

    } else {
        store_burn(s, ask->auth);
        xc_rate_debit(place, who[0]->rate, ask->cost[0], clock->boot_us,
                      clock->now_s);

        if (ask->refusal) {
            xc_rate_refused(place, who[0]->rate, clock->boot_us);
        }
    }

    s->answer.agencies[0].tat_us = atomic_load(&place->tat_us)
                                   - clock->boot_us;
    s->answer.agencies[0].refusals_us = atomic_load(&place->refusals_tat_us)
                                        - clock->boot_us;
}


/* As the adapter does it; told: what the store is to say, or its own answer. */
static void
fleet_run(request_t *r, world_t *w, store_t *s, const xc_fleet_answer_t *told,
    bool silent)
{
    xc_arena_t      *arena = &r->heap.arena;
    xc_fleet_ask_t   ask;

    r->decided = false;
    r->rc = xc_gate_headers(&w->conf, &r->msg, &r->clock, arena, &r->gate);

    if (r->rc == XC_OK) {
        r->rc = xc_gate_ask(&w->conf, &r->msg, r->body, &r->clock, arena,
                            &r->gate, &ask);
    }

    if (r->rc != XC_OK) {
        return;
    }

    r->decided = true;

    if (told == NULL && !silent) {
        store_decide(s, &ask);
        told = &s->answer;
    }

    r->rc = xc_gate_told(&w->conf, &r->clock, &r->gate, told);
}


static uint64_t
next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


static const char *
compare(const request_t r[2], const world_t w[3])
{
    const xc_gate_t        *a = &r[0].gate, *b = &r[1].gate;
    const xc_map_agency_t  *one = w[0].places[1], *store = w[2].places[1];

    return r[0].rc != r[1].rc ? "another result"
           : a->verdict.reason != b->verdict.reason ? "another verdict"
           : a->observed != b->observed ? "observed by one"
           : a->nonce_burned != b->nonce_burned ? "burned by one"
           : a->retry_after_s != b->retry_after_s ? "another time to wait"
           : a->limited.limit != b->limited.limit ? "another limit"
           : atomic_load(&one->tat_us) != atomic_load(&store->tat_us)
             || atomic_load(&one->day) != atomic_load(&store->day)
             || atomic_load(&one->refusals_tat_us)
                != atomic_load(&store->refusals_tat_us) ? "another cost"
           : NULL;
}


/* One node by itself, and one that asks a store: request by request the same.
 * until_s: to which `observe` lasts. */
static void
test_same(const char *name, int64_t until_s)
{
    char         nonce[24];
    size_t       i, j, n, wrong = 0;
    ask_t        ask;
    store_t      store;
    world_t      w[3];
    uint64_t     seed = 20261122;
    request_t    r[2];
    const char  *fault;
    size_t       seen[XC_REASON_COUNT] = { 0 };

    for (i = 0; i < 3; i++) {
        world_open(&w[i], "'pass': ['lang']}]", CHECK, false);
        w[i].conf.observe_until_s = until_s;
    }

    w[1].conf.fleet = true;
    store = (store_t) { .w = &w[2] };

    for (n = 0; n < REQUESTS && wrong < 5; n++) {
        (void) snprintf(nonce, sizeof(nonce), "n-%zu",
                        next(&seed) % 16 == 0 ? n / 2 : n);
        i = next(&seed) % 3 != 0 ? 0 : next(&seed) % XC_COUNT(bodies);
        ask = ask_default(&w[0]);
        ask.nonce = nonce;
        ask.body = xc_str_z(bodies[i]);
        ask.target = next(&seed) % 8 == 0 ? "/xc/v1/check" : "/xc/v1/requests";

        for (j = 0; j < 2; j++) {
            request_make(&r[j], &w[j], &ask);
        }

        request_run(&r[0], &w[0]);
        fleet_run(&r[1], &w[1], &store, NULL, false);

        fault = compare(r, w);
        seen[r[0].gate.verdict.reason]++;

        if (fault != NULL) {
            printf("# request %zu, body %zu: %s\n", n, i, fault);
            wrong++;
        }

        request_free(&r[0]);
        request_free(&r[1]);

        for (j = 0; j < 3; j++) {
            w[j].clock.boot_us += n % 512 < 64 ? 40000 : 400000;
            w[j].clock.now_s++;
        }
    }

    xt_ok(wrong == 0 && n == REQUESTS, "%s: %zu requests, each as on one node",
          name, n);
    xt_ok(seen[XC_REASON_NONE] > 100 && seen[XC_REASON_RATE_EXCEEDED] > 50
          && seen[XC_REASON_SIGNATURE_REPLAYED] > 5
          && seen[XC_REASON_FIELD_UNKNOWN] > 50
          && seen[XC_REASON_BODY_INVALID] > 50, "%s: of many kinds", name);
    xt_ok(store.asked > REQUESTS / 2, "%s: the store was asked %zu times", name,
          store.asked);

    for (i = 0; i < 3; i++) {
        world_close(&w[i]);
    }
}


/* What a store may say, and what becomes of a good request then. */
static void
test_answers(void)
{
    size_t     i;
    ask_t      ask;
    world_t    w;
    store_t    store = { 0 };
    request_t  r;

    static const struct {
        const char         *name;
        bool                silent, observe;
        xc_fleet_answer_t   answer;
        int64_t             ahead_s;        /* the store's clock */
        xc_reason_t         reason;
        int64_t             retry_s;
    } cases[] = {
        { "none", true, false, { 0 }, 0, XC_REASON_FLEET_UNAVAILABLE, 0 },
        { "none, observed", true, true, { 0 }, 0, XC_REASON_FLEET_UNAVAILABLE,
          0 },
        { "replayed", false, true, { .verdict = XC_FLEET_REPLAYED }, 0,
          XC_REASON_SIGNATURE_REPLAYED, 0 },
        { "starting", false, true, { .verdict = XC_FLEET_STARTING,
          .wait_us = 1500000 }, 0, XC_REASON_STARTING, 2 },
        { "stale", false, true, { .verdict = XC_FLEET_STALE }, 20,
          XC_REASON_SIGNATURE_STALE, 0 },
        { "a clock ahead", false, true, { .verdict = XC_FLEET_STALE }, 21,
          XC_REASON_FLEET_UNAVAILABLE, 0 },
        { "a clock behind", false, true, { .verdict = XC_FLEET_STALE }, -21,
          XC_REASON_FLEET_UNAVAILABLE, 0 },
        { "the rate", false, false, { .verdict = XC_FLEET_LIMITED,
          .limit = XC_LIMIT_RATE, .wait_us = 1 }, 0, XC_REASON_RATE_EXCEEDED,
          1 },
        { "the refusals", false, false, { .verdict = XC_FLEET_LIMITED,
          .limit = XC_LIMIT_REFUSALS, .wait_us = 1000001 }, 0,
          XC_REASON_RATE_EXCEEDED, 2 },
        { "the day", false, false, { .verdict = XC_FLEET_LIMITED,
          .limit = XC_LIMIT_PER_DAY, .wait_us = 60000000 }, 0,
          XC_REASON_QUOTA_EXCEEDED, 60 },
        { "of nobody", false, true, { .verdict = XC_FLEET_LIMITED, .who = 1,
          .limit = XC_LIMIT_RATE, .wait_us = 1 }, 0,
          XC_REASON_INTERNAL_ERROR, 0 },
        { "something else", false, true, { .verdict = XC_FLEET_VERDICTS }, 0,
          XC_REASON_INTERNAL_ERROR, 0 },
    };

    world_open(&w, NULL, NULL, false);
    w.conf.fleet = true;

    for (i = 0; i < XC_COUNT(cases); i++) {
        xc_fleet_answer_t  answer = cases[i].answer;

        world_reset(&w);
        answer.now_s = w.clock.now_s + cases[i].ahead_s;
        w.conf.observe_until_s = cases[i].observe ? INT64_MAX : INT64_MIN;

        ask = ask_default(&w);
        request_make(&r, &w, &ask);
        fleet_run(&r, &w, &store, cases[i].silent ? NULL : &answer,
                  cases[i].silent);

        xt_ok(r.decided && r.rc != XC_OK && !r.gate.observed
              && r.gate.verdict.reason == cases[i].reason
              && r.gate.retry_after_s == cases[i].retry_s,
              "%s: " XC_STR_FMT, cases[i].name,
              XC_STR_ARG(reason_code(cases[i].reason)));
        xt_ok(!r.gate.nonce_burned && r.gate.request.n_fields == 0
              && (cases[i].answer.verdict == XC_FLEET_LIMITED)
                 >= (r.gate.limited.limit != XC_LIMIT_NONE),
              "%s: nothing is burned here, nothing told", cases[i].name);
        request_free(&r);
    }

    world_close(&w);
}


/* A node knows what it has let through itself, in a fleet or not. */
static void
test_join(void)
{
    ask_t              ask;
    world_t            w;
    store_t            store = { 0 };
    request_t          r;
    xc_fleet_answer_t  pass = { .verdict = XC_FLEET_PASS };

    world_open(&w, NULL, NULL, false);
    ask = ask_default(&w);
    pass.now_s = w.clock.now_s;

    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "by itself");

    xc_map_fleet(&w.map, 7, w.clock.now_s);
    w.conf.fleet = true;
    request_make(&r, &w, &ask);
    fleet_run(&r, &w, &store, &pass, false);
    xt_ok(r.rc == XC_DENIED && !r.decided
          && r.gate.verdict.reason == XC_REASON_SIGNATURE_REPLAYED,
          "again in a fleet");
    request_free(&r);

    ask.nonce = "n-2";
    request_make(&r, &w, &ask);
    fleet_run(&r, &w, &store, &pass, false);
    xt_ok(r.rc == XC_OK && r.gate.nonce_burned, "another passes there");
    request_free(&r);

    w.conf.fleet = false;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_SIGNATURE_REPLAYED,
          "and not again without the fleet");

    ask.nonce = "n-3";
    xc_map_fleet(&w.map, 0, w.clock.now_s);
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_STARTING,
          "who leaves does not know what others have burned");
    ask.created_s += w.policy->max_skew_s + 1;
    w.clock.now_s += w.policy->max_skew_s + 1;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "but what is newer passes");
    xc_map_fleet(&w.map, 0, w.clock.now_s);
    ask.nonce = "n-4";
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_NONE, "once is enough");

    world_close(&w);
}


/* Whichever allocation fails: nothing is let through, and what the store was
 * asked for costs a refusal and the nonce, like any that a body provokes. */
static void
test_memory(const char *name, const char *body)
{
    int        bad = 0, charged = 0;
    long       n;
    bool       met;
    ask_t      ask;
    world_t    w[2];
    store_t    store = { .w = &w[1] };
    request_t  r;

    world_open(&w[0], NULL, NULL, false);
    world_open(&w[1], NULL, NULL, false);
    w[0].conf.fleet = true;

    for (n = 1, met = true; met && n < 10000; n++) {
        world_reset(&w[0]);
        world_reset(&w[1]);
        ask = ask_default(&w[0]);
        ask.body = xc_str_z(body);

        request_make(&r, &w[0], &ask);
        r.heap.fail_at = n;
        store.asked = 0;
        fleet_run(&r, &w[0], &store, NULL, false);
        met = r.heap.fail_at == 0;

        if (met && r.decided) {
            charged++;
            bad += store.asked != 1 || store.answer.verdict != XC_FLEET_PASS
                   || store.answer.agencies[0].tat_us <= 0
                   || store.answer.agencies[0].refusals_us <= 0
                   || store_seen(&store, &r.gate.auth)
                      != XC_FLEET_REPLAYED;
        }

        bad += met && (r.rc == XC_OK
                       || r.gate.verdict.reason != XC_REASON_INTERNAL_ERROR);
        bad += !met && r.rc == XC_ENOMEM;
        request_free(&r);
    }

    xt_ok(!met && bad == 0, "%s: each of %ld allocations may fail", name,
          n - 2);
    xt_ok(charged > 3, "%s: %d times what was asked, at a refusal's cost",
          name, charged);

    world_close(&w[0]);
    world_close(&w[1]);
}


/* One policy's nonces are another's too: who takes the longest max_skew is
 * waited for. */
static void
test_birth_skew(void)
{
    ask_t              ask;
    world_t            w;
    store_t            store = { 0 };
    request_t          r;
    xc_fleet_ask_t     question;
    xc_fleet_answer_t  pass = { .verdict = XC_FLEET_PASS };

    world_open(&w, NULL, NULL, false);
    xc_map_fleet(&w.map, 7, w.clock.now_s);
    xc_map_fleet(&w.map, 8, w.clock.now_s);
    w.conf.fleet = true;
    w.conf.birth_skew_s = w.policy->max_skew_s + 5;
    w.clock.now_s += w.conf.birth_skew_s;
    pass.now_s = w.clock.now_s;
    ask = ask_default(&w);

    request_make(&r, &w, &ask);
    fleet_run(&r, &w, &store, &pass, false);
    xt_ok(r.rc == XC_DENIED && !r.decided
          && r.gate.verdict.reason == XC_REASON_STARTING
          && r.gate.retry_after_s == 1,
          "another store: a birth by the longest max_skew");
    request_free(&r);

    ask.created_s++;
    request_make(&r, &w, &ask);
    xt_ok(xc_gate_headers(&w.conf, &r.msg, &r.clock, &r.heap.arena, &r.gate)
          == XC_OK
          && xc_gate_ask(&w.conf, &r.msg, r.body, &r.clock, &r.heap.arena,
                         &r.gate, &question) == XC_OK
          && question.max_skew_s == w.conf.birth_skew_s,
          "what is newer is asked for, by the longest, too");
    xt_ok(xc_gate_told(&w.conf, &w.clock, &r.gate, &pass) == XC_OK,
          "and passes");
    request_free(&r);

    w.conf.birth_skew_s = 0;
    ask.nonce = "n-2";
    request_make(&r, &w, &ask);
    xt_ok(xc_gate_headers(&w.conf, &r.msg, &r.clock, &r.heap.arena, &r.gate)
          == XC_OK
          && xc_gate_ask(&w.conf, &r.msg, r.body, &r.clock, &r.heap.arena,
                         &r.gate, &question) == XC_OK
          && question.max_skew_s == w.policy->max_skew_s,
          "never by less than the policy's own");
    request_free(&r);

    world_close(&w);
}


/* Another load's list, from which one may be missing. */
static void
publish(world_t *w, const xc_auth_t *auth, const uint8_t *consent)
{
    bool                ok = true;
    size_t              i, n;
    uint64_t            generation = xc_map_next_generation(&w->map);
    const xc_agency_t  *who[XC_AUTH_AGENCIES_MAX];

    n = xc_auth_agencies(auth, who);

    for (i = 0; i < n; i++) {
        ok = ok && xc_revoke_list(&w->map, who[i]->identity, generation);
    }

    for (i = 0; i < auth->n_credentials; i++) {
        ok = ok && xc_revoke_list(&w->map, auth->credentials[i]->identity,
                                  generation);
    }

    if (consent != NULL) {
        ok = ok && xc_revoke_list(&w->map, consent, generation);
    }

    if (!ok) {
        bail_out("nothing is listed");
    }

    xc_revoke_publish(&w->map, generation);
}


/* While the store is asked, a reload withdraws the approval, or the key that
 * signed it. */
static void
test_withdrawn(void)
{
    bool               kept, token;
    int                i;
    ask_t              ask;
    world_t            w;
    request_t          r;
    xc_approval_t      rule = { .identity = { 4, 5, 6 } };
    xc_fleet_ask_t     question;
    xc_credential_t    key = { .identity = { 1, 2, 3 } };
    xc_fleet_answer_t  pass = { .verdict = XC_FLEET_PASS };

    static const char *const  nonces[] = { "n-1", "n-2", "n-3", "n-4" };

    world_open(&w, NULL, NULL, false);
    w.conf.fleet = true;
    pass.now_s = w.clock.now_s;

    for (i = 0; i < 4; i++) {
        kept = i % 2 == 0;
        token = i < 2;

        /* what a request withdrew is a later one's no more */
        w.conf.generation = xc_map_next_generation(&w.map);
        xc_revoke_publish(&w.map, w.conf.generation);

        ask = ask_default(&w);
        ask.nonce = nonces[i];
        request_make(&r, &w, &ask);

        xt_ok(xc_gate_headers(&w.conf, &r.msg, &r.clock, &r.heap.arena,
                              &r.gate) == XC_OK
              && xc_gate_ask(&w.conf, &r.msg, r.body, &r.clock, &r.heap.arena,
                             &r.gate, &question) == XC_OK,
              "a good request asks");

        r.gate.request.approval_rule = &rule;
        r.gate.request.approval_key = token ? &key : NULL;
        publish(&w, &r.gate.auth, !kept ? NULL
                                  : token ? key.identity : rule.identity);
        r.rc = xc_gate_told(&w.conf, &w.clock, &r.gate, &pass);

        xt_ok(r.rc == (kept ? XC_OK : XC_DENIED)
              && r.gate.verdict.reason
                 == (kept ? XC_REASON_NONE : XC_REASON_APPROVAL_INVALID)
              && r.gate.nonce_burned == kept,
              "the approval%s is %s meanwhile", token ? "'s key" : "",
              kept ? "kept" : "withdrawn");
        request_free(&r);
    }

    world_close(&w);
}


/* The two ways do not mix. */
static void
test_invariants(void)
{
    ask_t            ask;
    world_t          w;
    request_t        r;
    xc_fleet_ask_t   question;

    world_open(&w, NULL, NULL, false);
    ask = ask_default(&w);

    request_make(&r, &w, &ask);
    xt_ok(xc_gate_headers(&w.conf, &r.msg, &r.clock, &r.heap.arena, &r.gate)
          == XC_OK, "a good request");
    xt_ok(xc_gate_ask(&w.conf, &r.msg, r.body, &r.clock, &r.heap.arena,
                      &r.gate, &question) == XC_EINTERNAL
          && r.gate.verdict.reason == XC_REASON_INTERNAL_ERROR,
          "nothing is asked without a fleet");
    request_free(&r);

    w.conf.fleet = true;
    xt_ok(ask_run(&r, &w, &ask) == XC_REASON_INTERNAL_ERROR,
          "nor decided alone in one");

    world_close(&w);
}


int
main(void)
{
    test_same("enforce", INT64_MIN);
    test_same("observe", INT64_MAX);
    test_answers();
    test_join();
    test_memory("a good request", good_body);
    test_memory("an unknown field", bodies[1]);
    test_birth_skew();
    test_withdrawn();
    test_invariants();

    return xt_done();
}
