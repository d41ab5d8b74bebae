/* What a fleet's store is asked, word by word, and which answers are believed.
 * "test_fleet script" prints the script, for t/fleet_script.t. */

#include "xt.h"
#include "xc_crypto.h"
#include "xc_fleet.h"

#include <stdio.h>
#include <stdlib.h>


#define SHA     "0123456789abcdef0123456789abcdef01234567"
#define RUN     "16b60f57b541dbf73da58d6d000a280c9ef96647"

static xc_heap_t  heap;

static const xc_fleet_store_t  store = {
    { "xc-1.a_B", 8 }, { SHA, 40 }, { RUN, 40 }, 330
};

static const xc_rate_t  rate = {
    .interval_us = 100000, .burst = 20, .refusals_interval_us = 1000000,
    .refusals_burst = 5, .per_day = 20000
};

/* As good as no limit. */
static const xc_rate_t  boundless = {
    .interval_us = INT64_MAX, .burst = UINT64_MAX,
    .refusals_interval_us = INT64_MAX, .refusals_burst = UINT64_MAX,
    .per_day = UINT64_MAX
};

static const xc_agency_t  county = { .id = { "310115", 6 }, .rate = &rate };
static const xc_agency_t  smart = { .id = { "smart", 5 }, .rate = &boundless };


static xc_once_t
once(const char *keyid, const char *value, int64_t created_s,
    int64_t expires_s, bool windowed)
{
    return (xc_once_t) {
        .keyid = xc_str_z(keyid), .value = xc_str_z(value),
        .created_s = created_s, .expires_s = expires_s, .windowed = windowed
    };
}


static xc_auth_t
auth_of(const xc_agency_t *via, size_t n_once)
{
    size_t     i;
    xc_auth_t  auth;

    memset(&auth, 0, sizeof(auth));
    auth.agency = &county;
    auth.via = via;
    auth.once[0] = once("310115-2026a", "n-1", 1700000000, 1700000330, true);
    auth.once[1] = once("smart-1", "n-2", -5, INT64_MAX, false);

    for (i = 2; i < XC_AUTH_ONCE_MAX; i++) {
        auth.once[i] = auth.once[i % 2];
    }

    auth.n_once = n_once;

    return auth;
}


/* The words of a call, a space between; as a command of so many. */
static xc_str_t
words(const xc_fleet_call_t *call)
{
    char      *mem;
    size_t     i;
    xc_buf_t   out;

    mem = xc_arena_alloc(&heap.arena, 4096);
    if (mem == NULL) {
        printf("Bail out! out of memory\n");
        exit(2);
    }

    xc_buf_init(&out, mem, 4096);
    xc_buf_u64(&out, call->argc);

    for (i = 0; i < call->argc; i++) {
        xc_buf_char(&out, ' ');
        xc_buf_bytes(&out, call->argv[i], call->len[i]);
    }

    return out.overflow ? XC_STR("too long") : xc_buf_view(&out);
}


static xc_str_t
asked(const xc_fleet_ask_t *ask)
{
    xc_fleet_call_t  call;

    return xc_fleet_call(&heap.arena, &store, ask, &call) == XC_OK
           ? words(&call) : XC_STR("refused");
}


#define HEAD(argc, keys)                                                      \
    argc " EVALSHA " SHA " " keys " {xc-1.a_B}:state "

static void
test_calls(void)
{
    xc_auth_t       auth = auth_of(NULL, 1);
    xc_fleet_ask_t  ask = { .auth = &auth, .max_skew_s = 30 };

    xt_is(asked(NULL), XC_STR(HEAD("10", "1") RUN " 330 300 0 0 0"),
          "a greeting");

    xt_is(asked(&ask),
          XC_STR(HEAD("21", "3")
                 "{xc-1.a_B}:a:310115 "
                 "{xc-1.a_B}:n:ed4fc61b3bee541b5b1fcc4764e22645 "
                 RUN " 330 30 1 0 0 "
                 "100000 2000000 1000000 5000000 20000 0 "
                 "1700000000 1700000330 1"),
          "one agency, one nonce");

    auth = auth_of(&smart, 2);
    ask.cost[0] = UINT64_MAX;
    ask.cost[1] = 7;
    ask.refusal = true;

    xt_is(asked(&ask),
          XC_STR(HEAD("32", "5")
                 "{xc-1.a_B}:a:smart {xc-1.a_B}:a:310115 "
                 "{xc-1.a_B}:n:ed4fc61b3bee541b5b1fcc4764e22645 "
                 "{xc-1.a_B}:n:0c0765b762f72529035666f06e0296b0 "
                 RUN " 330 30 2 1 0 "
                 "1125899906842624 1125899906842624 1125899906842624 "
                 "1125899906842624 1125899906842624 1125899906842624 "
                 "100000 2000000 1000000 5000000 20000 7 "
                 "1700000000 1700000330 1 -5 4398046511104 0"),
          "two agencies, the intermediary first; what is boundless is cut");

    auth = auth_of(NULL, 0);
    ask = (xc_fleet_ask_t) { .auth = &auth, .max_skew_s = 0, .observe = true };

    xt_is(asked(&ask),
          XC_STR(HEAD("17", "2") "{xc-1.a_B}:a:310115 " RUN " 330 0 1 0 1 "
                 "100000 2000000 1000000 5000000 20000 0"),
          "no nonce, and observed");
}


static void
test_nonces(void)
{
    size_t           n;
    xc_rc_t          rc;
    xc_auth_t        auth;
    xc_fleet_ask_t   ask = { .auth = &auth, .max_skew_s = 30 };
    xc_fleet_call_t  call;

    for (n = 0; n <= XC_AUTH_ONCE_MAX; n++) {
        auth = auth_of(&smart, n);
        rc = xc_fleet_call(&heap.arena, &store, &ask, &call);

        xt_ok(rc == XC_OK && call.argc == 3 + 3 + 6 + 12 + 4 * n,
              "%zu nonces: a key and three arguments each", n);
    }

    xt_ok(call.argc == XC_FLEET_ARGS_MAX, "so many words are the most");

    auth.n_once = XC_AUTH_ONCE_MAX + 1;
    call.argc = 77;
    xt_ok(xc_fleet_call(&heap.arena, &store, &ask, &call) == XC_EINTERNAL
          && call.argc == 77, "more nonces than there may be");
}


/* The same nonce of another key is another one, wherever the border lies. */
static void
test_nonce_keys(void)
{
    size_t           i;
    xc_auth_t        auth = auth_of(NULL, 2);
    xc_fleet_ask_t   ask = { .auth = &auth, .max_skew_s = 30 };
    xc_fleet_call_t  call;
    char             far[4200];

    auth.once[0] = once("ab", "c", 1, 2, true);
    auth.once[1] = once("a", "bc", 1, 2, true);

    xt_ok(xc_fleet_call(&heap.arena, &store, &ask, &call) == XC_OK
          && call.len[5] == call.len[6]
          && memcmp(call.argv[5], call.argv[6], call.len[5]) != 0,
          "key id and nonce are kept apart");

    for (i = 0; i < sizeof(far); i++) {
        far[i] = 'n';
    }

    auth.once[1].value = (xc_str_t) { far, 4000 };
    xt_ok(xc_fleet_call(&heap.arena, &store, &ask, &call) == XC_OK,
          "a long nonce");

    auth.once[1].value = (xc_str_t) { far, sizeof(far) };
    xt_ok(xc_fleet_call(&heap.arena, &store, &ask, &call) == XC_EINTERNAL,
          "one longer than any header is refused");
}


/* Names at their longest fit, all at once. */
static void
test_longest(void)
{
    char              name[65];
    xc_rate_t         most = boundless;
    xc_agency_t       one, two;
    xc_auth_t         auth = auth_of(NULL, XC_AUTH_ONCE_MAX);
    xc_fleet_ask_t    ask = { .auth = &auth, .max_skew_s = INT64_MAX,
                              .cost = { UINT64_MAX, UINT64_MAX } };
    xc_fleet_call_t   call;
    xc_fleet_store_t  wide;

    memset(name, 'x', sizeof(name));
    memset(&one, 0, sizeof(one));
    one.id = (xc_str_t) { name, 64 };
    one.rate = &most;
    two = one;
    auth.agency = &one;
    auth.via = &two;
    wide = (xc_fleet_store_t) { one.id, one.id, one.id, INT64_MAX };

    xt_ok(xc_fleet_call(&heap.arena, &wide, &ask, &call) == XC_OK
          && call.argc == XC_FLEET_ARGS_MAX && call.len[1] == 64,
          "names of 64 bytes, and the largest numbers");
}


static xc_rc_t
call_once(xc_arena_t *arena, void *data)
{
    xc_auth_t        auth = auth_of(&smart, 2);
    xc_fleet_ask_t   ask = { .auth = &auth, .max_skew_s = 30 };
    xc_fleet_call_t  call;

    return xc_fleet_call(arena, data, &ask, &call);
}


/* Of an array that ends at a page that can't be read. */
static xc_rc_t
answer_of(const int64_t *values, size_t n, size_t n_agencies,
    xc_fleet_answer_t *answer)
{
    xc_rc_t   rc;
    xc_str_t  guarded;

    guarded = xt_guard((xc_str_t) { (const char *) values,
                                    n * sizeof(int64_t) });
    rc = xc_fleet_answer((const int64_t *) (const void *) guarded.data, n,
                         n_agencies, answer);
    xt_unguard(guarded);

    return rc;
}


static void
test_good(void)
{
    size_t             i;
    xc_fleet_answer_t  a;

    static const int64_t  limited[] = {
        XC_FLEET_LIMITED, 1, XC_LIMIT_PER_DAY, 77, 1700000000,
        -1, 0, 5, 2000000, 1, 6
    };
    static const int64_t  heads[][5] = {
        { XC_FLEET_PASS, 0, 0, 0, 1700000000 },
        { XC_FLEET_REPLAYED, 0, 0, 0, 1700000000 },
        { XC_FLEET_STARTING, 0, 0, 1, 1700000000 },
        { XC_FLEET_STALE, 0, 0, 0, 1700000000 }
    };

    xt_ok(answer_of(limited, XC_COUNT(limited), 2, &a) == XC_OK
          && a.verdict == XC_FLEET_LIMITED && a.who == 1
          && a.limit == XC_LIMIT_PER_DAY && a.wait_us == 77
          && a.now_s == 1700000000
          && a.agencies[0].tat_us == -1 && a.agencies[0].refusals_us == 0
          && a.agencies[0].day_used == 5
          && a.agencies[1].tat_us == 2000000
          && a.agencies[1].refusals_us == 1 && a.agencies[1].day_used == 6,
          "an answer about two agencies");

    for (i = 0; i < XC_COUNT(heads); i++) {
        xt_ok(answer_of(heads[i], 5, 0, &a) == XC_OK
              && a.verdict == (xc_fleet_verdict_t) heads[i][0]
              && a.wait_us == heads[i][3],
              "verdict %d about nobody", (int) heads[i][0]);
    }
}


/* One value of a good answer replaced. */
typedef struct {
    const char  *what;
    size_t       at;
    int64_t      value;
} odd_t;

static void
refuses(const int64_t good[8], const odd_t *odd, size_t n_odd)
{
    size_t             i;
    int64_t            values[8];
    xc_fleet_answer_t  a;

    for (i = 0; i < n_odd; i++) {
        memcpy(values, good, sizeof(values));
        values[odd[i].at] = odd[i].value;
        memset(&a, 0x5a, sizeof(a));

        xt_ok(answer_of(values, 8, 1, &a) == XC_EINPUT
              && a.now_s == 0x5a5a5a5a5a5a5a5a, "%s", odd[i].what);
    }
}


static void
test_odd(void)
{
    static const int64_t  pass[8] = { XC_FLEET_PASS, 0, 0, 0, 1700000000,
                                      1, 1, 1 };
    static const int64_t  limited[8] = { XC_FLEET_LIMITED, 0, XC_LIMIT_RATE, 9,
                                         1700000000, 1, 1, 1 };

    static const odd_t  of_pass[] = {
        { "a verdict below", 0, -1 },
        { "a verdict beyond", 0, XC_FLEET_VERDICTS },
        { "a verdict that only ends like one", 0, (int64_t) 1 << 32 },
        { "who, though nobody is over a limit", 1, 1 },
        { "a limit, though nobody is over it", 2, XC_LIMIT_RATE },
        { "a wait that is none", 3, 1 },
        { "starting, and no wait", 0, XC_FLEET_STARTING },
        { "limited by nothing", 0, XC_FLEET_LIMITED },
        { "no time", 4, 0 },
        { "a time of before 1970", 4, -1 },
        { "a time too far off to count with", 4, INT64_MAX },
        { "an arrival below rest", 5, -2 },
        { "one too far off", 5, INT64_MAX },
        { "refusals below rest", 6, INT64_MIN },
        { "refusals too far off", 6, INT64_MAX },
        { "a day used below nothing", 7, -1 },
        { "a day used beyond counting", 7, INT64_MAX }
    };
    static const odd_t  of_limited[] = {
        { "limited: an agency that was not asked for", 1, 1 },
        { "limited: one below", 1, -1 },
        { "limited: a limit below", 2, -1 },
        { "limited: by none", 2, XC_LIMIT_NONE },
        { "limited: a limit beyond", 2, XC_LIMIT_COUNT },
        { "limited: no wait", 3, 0 },
        { "limited: a wait that is over", 3, -1 },
        { "limited: a wait too long to count with", 3, INT64_MAX }
    };

    refuses(pass, of_pass, XC_COUNT(of_pass));
    refuses(limited, of_limited, XC_COUNT(of_limited));
}


static void
test_lengths(void)
{
    size_t             n;
    bool               ok = true;
    xc_fleet_answer_t  a;

    static const int64_t  pass[XC_FLEET_ANSWER_MAX + 1] = {
        XC_FLEET_PASS, 0, 0, 0, 1700000000
    };

    for (n = 0; n <= XC_COUNT(pass); n++) {
        ok = ok && (answer_of(pass, n, 1, &a) == XC_OK) == (n == 8);
        ok = ok && (answer_of(pass, n, 2, &a) == XC_OK) == (n == 11);
        ok = ok && (answer_of(pass, n, 0, &a) == XC_OK) == (n == 5);
    }

    xt_ok(ok, "shorter or longer than asked for is no answer");
    xt_ok(answer_of(pass, XC_COUNT(pass), 3, &a) == XC_EINPUT,
          "nor is one about more agencies than there may be");
}


int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "script") == 0) {
        return fputs(xc_fleet_script, stdout) < 0;
    }

    if (xc_crypto_init() != XC_OK) {
        printf("Bail out! no cryptography\n");
        return 2;
    }

    xc_heap_init(&heap, 0);

    test_calls();
    test_nonces();
    test_nonce_keys();
    test_longest();
    xt_oom("a call", call_once, (void *) (uintptr_t) &store);
    test_good();
    test_odd();
    test_lengths();

    xc_heap_free(&heap);

    return xt_done();
}
