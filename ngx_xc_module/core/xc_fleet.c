#include "xc_fleet.h"

#include "xc_buf.h"
#include "xc_hash.h"

/* The script counts in doubles, exact below 2^53: what goes in is cut far
 * beyond what a policy may say, so that the time (below 2^52 us until 2112) plus
 * two amounts still is. */
#define XC_FLEET_AMOUNT_MAX     ((int64_t) 1 << 50)
#define XC_FLEET_TIME_MAX       ((int64_t) 1 << 42)
#define XC_FLEET_VALUE_MAX      ((int64_t) 1 << 53)

#define XC_FLEET_NONCE_SIZE     16          /* octets of the hash */
#define XC_FLEET_NONCE_INPUT    4096

#define XC_FLEET_KEY_MAX        (XC_FLEET_PREFIX_MAX + sizeof("{}:a:") + 64)
#define XC_FLEET_NUMBER_MAX     20
#define XC_FLEET_TEXT_MAX                                                     \
    (XC_FLEET_KEYS_MAX * XC_FLEET_KEY_MAX + sizeof("EVALSHA")                 \
     + 2 * XC_FLEET_RUN_MAX + XC_FLEET_ARGS_MAX * XC_FLEET_NUMBER_MAX)

/* What stands before the agencies in an answer. */
#define XC_FLEET_ANSWER_HEAD    5
#define XC_FLEET_ANSWER_EACH    3


/* A call as it is written: the words follow each other in text. */
typedef struct {
    xc_buf_t                 text;
    size_t                   begun;     /* where the word under way begins */
    const xc_fleet_store_t  *store;
    const xc_fleet_ask_t    *ask;       /* NULL: a greeting */
    const xc_agency_t       *agencies[XC_AUTH_AGENCIES_MAX];
    size_t                   n_agencies;
    size_t                   n_once;
    xc_fleet_call_t          call;
} xc_fleet_write_t;


static void
xc_fleet_word_end(xc_fleet_write_t *w)
{
    xc_fleet_call_t  *call = &w->call;

    if (call->argc == XC_FLEET_ARGS_MAX) {
        w->text.overflow = true;
        return;
    }

    call->argv[call->argc] = w->text.data + w->begun;
    call->len[call->argc] = w->text.len - w->begun;
    call->argc++;

    w->begun = w->text.len;
}


static void
xc_fleet_word(xc_fleet_write_t *w, xc_str_t word)
{
    xc_buf_str(&w->text, word);
    xc_fleet_word_end(w);
}


static void
xc_fleet_number(xc_fleet_write_t *w, int64_t number)
{
    xc_buf_i64(&w->text, number);
    xc_fleet_word_end(w);
}


static void
xc_fleet_amount(xc_fleet_write_t *w, uint64_t amount)
{
    xc_buf_u64(&w->text, XC_MIN(amount, (uint64_t) XC_FLEET_AMOUNT_MAX));
    xc_fleet_word_end(w);
}


static void
xc_fleet_time(xc_fleet_write_t *w, int64_t time_s)
{
    xc_fleet_number(w, XC_MAX(XC_MIN(time_s, XC_FLEET_TIME_MAX),
                              -XC_FLEET_TIME_MAX));
}


static void
xc_fleet_key(xc_fleet_write_t *w, const char *kind, xc_str_t rest)
{
    xc_buf_char(&w->text, '{');
    xc_buf_str(&w->text, w->store->prefix);
    xc_buf_z(&w->text, kind);
    xc_buf_str(&w->text, rest);
    xc_fleet_word_end(w);
}


/* No secret goes into it: all nodes must come to the same one.  The octets
 * between occur in neither. */
static xc_rc_t
xc_fleet_nonce(xc_fleet_write_t *w, const xc_once_t *once)
{
    char      mem[XC_FLEET_NONCE_INPUT], hex[2 * XC_FLEET_NONCE_SIZE];
    uint8_t   hash[XC_SHA256_SIZE];
    xc_rc_t   rc;
    xc_buf_t  in, out;

    xc_buf_init(&in, mem, sizeof(mem));
    xc_buf_bytes(&in, "xc-nonce", sizeof("xc-nonce"));
    xc_buf_str(&in, once->keyid);
    xc_buf_char(&in, '\0');
    xc_buf_str(&in, once->value);

    if (in.overflow) {
        return XC_EINTERNAL;
    }

    rc = xc_hash(XC_HASH_SHA256, in.data, in.len, hash);
    if (rc != XC_OK) {
        return rc;
    }

    xc_buf_init(&out, hex, sizeof(hex));
    xc_buf_hex(&out, hash, XC_FLEET_NONCE_SIZE);
    xc_fleet_key(w, "}:n:", xc_buf_view(&out));

    return XC_OK;
}


static xc_rc_t
xc_fleet_keys(xc_fleet_write_t *w)
{
    size_t   i;
    xc_rc_t  rc = XC_OK;

    xc_fleet_number(w, (int64_t) (1 + w->n_agencies + w->n_once));
    xc_fleet_key(w, "}:state", XC_STR_NONE);

    for (i = 0; i < w->n_agencies; i++) {
        xc_fleet_key(w, "}:a:", w->agencies[i]->id);
    }

    for (i = 0; i < w->n_once && rc == XC_OK; i++) {
        rc = xc_fleet_nonce(w, &w->ask->auth->once[i]);
    }

    return rc;
}


/* A greeting asks nothing that a clock a little behind would keep it from. */
static void
xc_fleet_args(xc_fleet_write_t *w)
{
    const xc_fleet_ask_t  *ask = w->ask;

    xc_fleet_word(w, w->store->run);
    xc_fleet_time(w, w->store->window_s);
    xc_fleet_time(w, ask == NULL ? XC_POLICY_SKEW_MAX : ask->max_skew_s);
    xc_fleet_number(w, (int64_t) w->n_agencies);
    xc_fleet_number(w, ask != NULL && ask->refusal);
    xc_fleet_number(w, ask != NULL && ask->observe);
}


static void
xc_fleet_args_agency(xc_fleet_write_t *w, const xc_rate_t *rate, uint64_t cost)
{
    int64_t  reach, refusals_reach;

    reach = xc_rate_reach_us(rate->interval_us, rate->burst);
    refusals_reach = xc_rate_reach_us(rate->refusals_interval_us,
                                      rate->refusals_burst);

    xc_fleet_amount(w, (uint64_t) rate->interval_us);
    xc_fleet_amount(w, (uint64_t) reach);
    xc_fleet_amount(w, (uint64_t) rate->refusals_interval_us);
    xc_fleet_amount(w, (uint64_t) refusals_reach);
    xc_fleet_amount(w, rate->per_day);
    xc_fleet_amount(w, cost);
}


static void
xc_fleet_args_once(xc_fleet_write_t *w, const xc_once_t *once)
{
    xc_fleet_time(w, once->created_s);
    xc_fleet_time(w, once->expires_s);
    xc_fleet_number(w, once->windowed);
}


static xc_rc_t
xc_fleet_write(xc_fleet_write_t *w)
{
    size_t   i;
    xc_rc_t  rc;

    xc_fleet_word(w, XC_STR("EVALSHA"));
    xc_fleet_word(w, w->store->script);

    rc = xc_fleet_keys(w);
    if (rc != XC_OK) {
        return rc;
    }

    xc_fleet_args(w);

    for (i = 0; i < w->n_agencies; i++) {
        xc_fleet_args_agency(w, w->agencies[i]->rate, w->ask->cost[i]);
    }

    for (i = 0; i < w->n_once; i++) {
        xc_fleet_args_once(w, &w->ask->auth->once[i]);
    }

    return w->text.overflow ? XC_EINTERNAL : XC_OK;
}


xc_rc_t
xc_fleet_call(xc_arena_t *arena, const xc_fleet_store_t *store,
    const xc_fleet_ask_t *ask, xc_fleet_call_t *call)
{
    void              *text;
    xc_rc_t            rc;
    xc_fleet_write_t   w;

    text = xc_arena_alloc(arena, XC_FLEET_TEXT_MAX);
    if (text == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&w.text, text, XC_FLEET_TEXT_MAX);
    w.begun = 0;
    w.store = store;
    w.ask = ask;
    w.n_agencies = ask == NULL ? 0 : xc_auth_agencies(ask->auth, w.agencies);
    w.n_once = ask == NULL ? 0 : ask->auth->n_once;
    w.call.argc = 0;

    if (w.n_once > XC_AUTH_ONCE_MAX) {
        return XC_EINTERNAL;
    }

    rc = xc_fleet_write(&w);

    if (rc == XC_OK) {
        *call = w.call;
    }

    return rc;
}


/* Is v from min on, and small enough to be counted with? */
static bool
xc_fleet_is(int64_t v, int64_t min)
{
    return v >= min && v <= XC_FLEET_VALUE_MAX;
}


/* Verdict, who, limit, wait: what one says the others must go with. */
static bool
xc_fleet_head_ok(const int64_t *v, size_t n_agencies)
{
    bool  limited = v[0] == XC_FLEET_LIMITED;
    bool  waits = limited || v[0] == XC_FLEET_STARTING;

    if (v[0] < 0 || v[0] >= XC_FLEET_VERDICTS) {
        return false;
    }

    if (limited ? v[1] < 0 || (uint64_t) v[1] >= n_agencies : v[1] != 0) {
        return false;
    }

    if (limited ? v[2] <= XC_LIMIT_NONE || v[2] >= XC_LIMIT_COUNT
                : v[2] != XC_LIMIT_NONE)
    {
        return false;
    }

    return (waits ? xc_fleet_is(v[3], 1) : v[3] == 0)
           && v[4] > 0 && v[4] <= XC_FLEET_TIME_MAX;
}


xc_rc_t
xc_fleet_answer(const int64_t *values, size_t n, size_t n_agencies,
    xc_fleet_answer_t *answer)
{
    size_t             i;
    const int64_t     *v;
    xc_fleet_answer_t  told;

    if (n_agencies > XC_AUTH_AGENCIES_MAX
        || n != XC_FLEET_ANSWER_HEAD + XC_FLEET_ANSWER_EACH * n_agencies
        || !xc_fleet_head_ok(values, n_agencies))
    {
        return XC_EINPUT;
    }

    told = (xc_fleet_answer_t) {
        .verdict = (xc_fleet_verdict_t) values[0],
        .who = (size_t) values[1],
        .limit = (xc_limit_t) values[2],
        .wait_us = values[3],
        .now_s = values[4]
    };

    for (i = 0; i < n_agencies; i++) {
        v = values + XC_FLEET_ANSWER_HEAD + XC_FLEET_ANSWER_EACH * i;

        if (!xc_fleet_is(v[0], -1) || !xc_fleet_is(v[1], -1)
            || !xc_fleet_is(v[2], 0))
        {
            return XC_EINPUT;
        }

        told.agencies[i].tat_us = v[0];
        told.agencies[i].refusals_us = v[1];
        told.agencies[i].day_used = (uint64_t) v[2];
    }

    *answer = told;

    return XC_OK;
}
