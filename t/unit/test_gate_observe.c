/* `observe`: the same verdicts at the same cost as `enforce`; what goes on; and
 * when it ends. */

#include "gate_ask.h"


#define REQUESTS    4000
#define CHECK       "'pass': ['lang']},\n   {'id': 'check', 'kind': 'check',"  \
                    " 'methods': ['POST'], 'path': '/xc/v1/check',"            \
                    " 'body': {'like': 'submit'}}]"

#define BODY(rest)  "{\"request_no\": \"沪〔2026〕1号\"," rest "}"
#define RECALL      "\"purpose\": \"product_recall\","
#define NAME        "\"fields\": [\"merchant.name\"]"
#define UNKNOWN     "\"fields\": [\"no.such\", \"merchant.name\"]"
#define ROOM        "\"subjects\": [{\"type\": \"live_room\", \"id\": \"1\"}],"
#define NOBODY      "\"subjects\": [{\"type\": \"nobody\", \"id\": \"1\"}],"

/* What is asked; whole: nothing is wrong with it but what may be observed. */
static const struct {
    const char   *name, *body;
    xc_reason_t   reason;
    bool          whole;
} cases[] = {
    { "right", BODY(RECALL ROOM NAME), XC_REASON_NONE, true },
    { "a purpose", BODY("\"purpose\": \"x\"," ROOM NAME),
      XC_REASON_PURPOSE_NOT_ALLOWED, true },
    { "no purpose", BODY(ROOM UNKNOWN), XC_REASON_PURPOSE_NOT_ALLOWED, true },
    { "a field", BODY(RECALL ROOM UNKNOWN), XC_REASON_FIELD_UNKNOWN, true },
    { "a group", BODY(RECALL ROOM "\"fields\": [\"goods.title\"]"),
      XC_REASON_FIELD_NOT_GRANTED, true },
    { "a special one", BODY(RECALL ROOM "\"fields\": [\"buyer.phone\"]"),
      XC_REASON_APPROVAL_REQUIRED, true },
    { "an approval", BODY(RECALL ROOM NAME ",\"approval\": \"1\""),
      XC_REASON_APPROVAL_INVALID, true },
    { "a sweep", BODY(RECALL NAME ",\"category\": \"1\""),
      XC_REASON_SWEEP_NOT_AUTHORIZED, true },
    { "nobody", BODY(RECALL NAME), XC_REASON_SUBJECT_REQUIRED, true },
    { "no JSON", "{", XC_REASON_BODY_INVALID, false },
    { "a member", BODY(RECALL ROOM NAME ",\"more\": 1"),
      XC_REASON_REQUEST_INVALID, false },
    { "no fields", BODY(RECALL ROOM "\"fields\": []"),
      XC_REASON_FIELD_LIST_MISSING, false },
    { "a type", BODY(RECALL NOBODY UNKNOWN), XC_REASON_REQUEST_INVALID, false },
    { "a purpose and a type", BODY("\"purpose\": \"x\"," NOBODY NAME),
      XC_REASON_PURPOSE_NOT_ALLOWED, false },
    { "a purpose and no fields", BODY(ROOM "\"fields\": []"),
      XC_REASON_PURPOSE_NOT_ALLOWED, false },
    { "a purpose and a member", BODY(ROOM NAME ",\"more\": 1"),
      XC_REASON_REQUEST_INVALID, false },
};


static uint64_t
next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;

    return *state;
}


static void
worlds_open(world_t w[2])
{
    size_t  i;

    for (i = 0; i < 2; i++) {
        world_open(&w[i], "'pass': ['lang']}]", CHECK, false);
    }

    w[1].conf.observe_until_s = INT64_MAX;
}


static void
worlds_close(world_t w[2])
{
    world_close(&w[0]);
    world_close(&w[1]);
}


static ask_t
ask_case(const world_t *w, size_t i, const char *nonce)
{
    ask_t  ask = ask_default(w);

    ask.body = xc_str_z(cases[i].body);
    ask.nonce = nonce;

    return ask;
}


static bool
same_place(const world_t *a, const world_t *b, size_t i)
{
    return atomic_load(&a->places[i]->tat_us)
           == atomic_load(&b->places[i]->tat_us)
           && atomic_load(&a->places[i]->refusals_tat_us)
              == atomic_load(&b->places[i]->refusals_tat_us);
}


/* Nothing goes on whose fields were not decided. */
static bool
is_decided(const xc_request_t *request)
{
    size_t  i;

    for (i = 0; i < request->n_fields; i++) {
        if (request->fields[i].field == NULL
            && request->fields[i].refused != XC_REASON_FIELD_UNKNOWN)
        {
            return false;
        }
    }

    return request->n_fields != 0;
}


/* As far as both were decided, field by field. */
static bool
same_fields(const xc_request_t *a, const xc_request_t *b)
{
    size_t  i;

    if (a->n_fields != b->n_fields) {
        return false;
    }

    for (i = 0; i < a->n_fields; i++) {
        if (a->fields[i].refused != b->fields[i].refused) {
            return false;
        }
    }

    return true;
}


/* Of an enforced and an observed request: what is wrong with the pair. */
static const char *
compare(const request_t r[2], bool whole, bool check)
{
    const xc_gate_t  *a = &r[0].gate, *b = &r[1].gate;
    xc_reason_t       reason = a->verdict.reason;
    bool              goes_on = whole && !check;

    if (b->verdict.reason != reason) {
        return "another verdict";
    }

    if (a->observed || a->observing) {
        return "observed where it is enforced";
    }

    if (reason == XC_REASON_NONE) {
        return r[0].rc == XC_OK && r[1].rc == XC_OK && !b->observed
               ? NULL : "not admitted";
    }

    if (r[0].rc != XC_DENIED) {
        return "not refused";
    }

    if (b->observed != goes_on || (r[1].rc == XC_OK) != goes_on) {
        return goes_on ? "it does not go on" : "it goes on";
    }

    if (goes_on && !is_decided(&b->request)) {
        return "undecided fields go on";
    }

    return reason != XC_REASON_RATE_EXCEEDED
           && !same_fields(&a->request, &b->request)
           ? "other fields are refused" : NULL;
}


static void
test_same(void)
{
    bool          check;
    char          nonce[24];
    size_t        i, j, n, wrong = 0;
    ask_t         ask;
    world_t       w[2];
    uint64_t      seed = 20261122;
    request_t     r[2];
    const char   *fault;
    size_t        seen[XC_REASON_COUNT] = { 0 };

    worlds_open(w);

    for (n = 0; n < REQUESTS && wrong < 5; n++) {
        i = next(&seed) % 3 != 0 ? 0 : next(&seed) % XC_COUNT(cases);
        check = next(&seed) % 8 == 0;
        (void) snprintf(nonce, sizeof(nonce), "n-%zu", n);

        for (j = 0; j < 2; j++) {
            ask = ask_case(&w[j], i, nonce);
            ask.target = check ? "/xc/v1/check" : "/xc/v1/requests";
            request_make(&r[j], &w[j], &ask);
            request_run(&r[j], &w[j]);
        }

        fault = compare(r, cases[i].whole, check);
        seen[r[0].gate.verdict.reason]++;

        if (fault == NULL && !same_place(&w[0], &w[1], 1)) {
            fault = "another cost";
        }

        if (fault != NULL) {
            printf("# request %zu, %s: %s\n", n, cases[i].name, fault);
            wrong++;
        }

        for (j = 0; j < 2; j++) {
            request_free(&r[j]);
            w[j].clock.boot_us += n % 512 < 64 ? 40000 : 400000;
            w[j].clock.now_s++;
        }
    }

    xt_ok(wrong == 0 && n == REQUESTS, "%zu requests: verdict, fields and cost "
          "are those of enforce", n);

    for (i = 0; i < XC_COUNT(cases); i++) {
        xt_ok(seen[cases[i].reason] != 0, "among them %s", cases[i].name);
    }

    xt_ok(seen[XC_REASON_RATE_EXCEEDED] > 50
          && seen[XC_REASON_NONE] > REQUESTS / 4,
          "and over the rate: %zu", seen[XC_REASON_RATE_EXCEEDED]);

    worlds_close(w);
}


/* The body may have come by then. */
static void
test_until(void)
{
    size_t     i;
    ask_t      ask;
    world_t    w;
    request_t  r;

    static const struct {
        const char  *name;
        int64_t      until_s, late_s, back_s;   /* from now */
        bool         goes_on;
    } times[] = {
        { "the last second", 1, 0, 0, true },
        { "that second", 0, 0, 0, false },
        { "long ago", -1000, 0, 0, false },
        { "never", INT64_MIN, 0, 0, false },
        { "a body in the last second", 6, 5, 0, true },
        { "a body that came after it", 5, 5, 0, false },
        { "a clock that has stepped back", 0, 0, 15, false },
    };

    world_open(&w, NULL, NULL, false);

    for (i = 0; i < XC_COUNT(times); i++) {
        world_reset(&w);
        (void) xc_map_clock_s(&w.map, w.clock.now_s);

        ask = ask_case(&w, 3, "n");
        ask.late_s = times[i].late_s;
        ask.back_s = times[i].back_s;
        ask.created_s -= ask.back_s;
        w.conf.observe_until_s = times[i].until_s == INT64_MIN
                                 ? INT64_MIN
                                 : w.clock.now_s + times[i].until_s;

        request_make(&r, &w, &ask);
        request_run(&r, &w);
        xt_ok(r.gate.verdict.reason == XC_REASON_FIELD_UNKNOWN
              && r.gate.observed == times[i].goes_on
              && (r.rc == XC_OK) == times[i].goes_on, "%s", times[i].name);
        request_free(&r);
    }

    world_close(&w);
}


static xc_rc_t
run_case(request_t *r, world_t *w, size_t i, const char *nonce)
{
    ask_t  ask = ask_case(w, i, nonce);

    request_make(r, w, &ask);
    request_run(r, w);

    return r->rc;
}


static void
fill(world_t *w)
{
    size_t  i;

    for (i = 0; i < w->map.n_buckets * XC_MAP_BUCKET; i++) {
        memset(w->map.nonces[i].key, 0xff, XC_NONCE_KEY_SIZE);
        w->map.nonces[i].expires_s = INT64_MAX;
    }
}


/* Over the rate: nothing is debited, the nonce burns, the fields are known. */
static void
test_rate(void)
{
    int64_t           tat;
    world_t           w;
    request_t         r;
    const xc_gate_t  *gate = &r.gate;

    world_open(&w, NULL, NULL, false);
    w.conf.observe_until_s = INT64_MAX;

    tat = w.clock.boot_us + 1000 * (int64_t) 1000000;
    atomic_store(&world_place(&w)->tat_us, tat);

    xt_ok(run_case(&r, &w, 3, "n-1") == XC_OK && gate->observed
          && gate->verdict.reason == XC_REASON_RATE_EXCEEDED
          && gate->nonce_burned, "it goes on");
    xt_ok(gate->request.n_fields == 2
          && gate->request.fields[0].refused == XC_REASON_FIELD_UNKNOWN
          && gate->request.fields[1].refused == XC_REASON_NONE,
          "with its fields decided");
    xt_ok(atomic_load(&world_place(&w)->tat_us) == tat
          && atomic_load(&world_place(&w)->refusals_tat_us) == 0,
          "it costs nothing");
    request_free(&r);

    xt_ok(run_case(&r, &w, 0, "n-1") == XC_DENIED
          && gate->verdict.reason == XC_REASON_SIGNATURE_REPLAYED,
          "and comes but once");
    request_free(&r);

    xt_ok(run_case(&r, &w, 9, "n-2") == XC_DENIED && !gate->observed
          && gate->verdict.reason == XC_REASON_RATE_EXCEEDED
          && gate->retry_after_s > 0, "with no JSON it is refused as that");
    xt_ok(atomic_load(&world_place(&w)->tat_us) == tat
          && atomic_load(&world_place(&w)->refusals_tat_us) == 0,
          "which costs nothing either");
    request_free(&r);

    fill(&w);
    xt_ok(run_case(&r, &w, 0, "n-3") == XC_DENIED && !gate->observed
          && gate->verdict.reason == XC_REASON_RATE_EXCEEDED
          && !gate->nonce_burned, "without room for its nonce, too");
    xt_ok(atomic_load(&world_place(&w)->tat_us) == tat,
          "and nothing is given back that was not taken");
    request_free(&r);

    world_close(&w);
}


/* Each allocation fails in its turn: then nothing goes on. */
static void
test_oom(void)
{
    bool       met, ok;
    long       n;
    size_t     i;
    ask_t      ask;
    world_t    w;
    request_t  r;

    world_open(&w, NULL, NULL, false);
    w.conf.observe_until_s = INT64_MAX;

    for (i = 0; i < XC_COUNT(cases); i++) {
        met = ok = true;

        for (n = 1; met && ok; n++) {
            world_reset(&w);
            ask = ask_case(&w, i, "n");
            request_make(&r, &w, &ask);
            r.heap.fail_at = n;
            request_run(&r, &w);
            met = r.heap.fail_at == 0;

            ok = (r.rc != XC_OK || !met)
                 && (r.rc == XC_OK)
                    == (r.gate.observed
                        || r.gate.verdict.reason == XC_REASON_NONE);
            request_free(&r);
        }

        xt_ok(ok && n > 2, "%s: each of %ld allocations may fail",
              cases[i].name, n - 2);
    }

    world_close(&w);
}


int
main(void)
{
    test_same();
    test_until();
    test_rate();
    test_oom();

    return xt_done();
}
