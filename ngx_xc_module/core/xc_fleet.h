/*
 * Limits and nonces that a fleet shares (CONTRACT.md section 1, xc_fleet): one
 * atomic call of a script in the store, whose time is the fleet's.  This unit
 * writes the call and reads the answer; who carries them is the adapter's
 * business.  Pure.
 *
 * What the script relies on: nothing is evicted, and what was written stays as
 * long as one run of the store lasts.  A store that has forgotten (another run
 * id, no state) is born anew, and signatures created not after its birth +
 * max_skew are refused: the birth rule of the map (DESIGN.md section 5), which
 * holds since no signature is burned whose created lies over max_skew ahead of
 * the store's time.
 *
 * Keys, of one hash slot:
 *   {prefix}:state      hash: run, birth, clock (the latest second seen),
 *                       window, mark, kept (as xc_map_window_t)
 *   {prefix}:a:<agency> hash: tat, refusals (us), day, used
 *   {prefix}:n:<hex>    a nonce, until nobody would accept its signature
 */

#ifndef XC_FLEET_H
#define XC_FLEET_H

#include "xc_arena.h"
#include "xc_auth.h"
#include "xc_rate.h"

#define XC_FLEET_PREFIX_MAX     64      /* bytes of [0-9A-Za-z._-] */
#define XC_FLEET_RUN_MAX        127     /* bytes of what names the store's run */

/* EVALSHA, its hash, the number of keys; the keys; the arguments: six, six an
 * agency, three a nonce. */
#define XC_FLEET_KEYS_MAX       (1 + XC_AUTH_AGENCIES_MAX + XC_AUTH_ONCE_MAX)
#define XC_FLEET_ARGS_MAX                                                     \
    (3 + XC_FLEET_KEYS_MAX + 6 + 6 * XC_AUTH_AGENCIES_MAX                     \
     + 3 * XC_AUTH_ONCE_MAX)

/* Integers of an answer: code, who, limit, wait, now, and three an agency. */
#define XC_FLEET_ANSWER_MAX     (5 + 3 * XC_AUTH_AGENCIES_MAX)

extern const char  xc_fleet_script[];   /* Lua, for SCRIPT LOAD */

typedef struct {
    xc_str_t  prefix;
    xc_str_t  script;               /* its hash, as the store named it */
    xc_str_t  run;                  /* the store's run id */
    int64_t   window_s;             /* the longest of this node's policies:
                                       max_age + max_skew */
} xc_fleet_store_t;

/* A question but for the store: what the gate knows (xc_gate_ask()). */
typedef struct {
    const xc_auth_t  *auth;         /* agencies, and what may pass once */
    int64_t           max_skew_s;
    uint64_t          cost[XC_AUTH_AGENCIES_MAX];   /* units beyond one, in the
                                                       order of
                                                       xc_auth_agencies() */
    bool              refusal;      /* decided so: spends the refusals budget */
    bool              observe;      /* over a limit it goes on all the same:
                                       nonces are burned, nothing is debited */
} xc_fleet_ask_t;

/* A command as the store reads it, in the arena. */
typedef struct {
    size_t       argc;
    const char  *argv[XC_FLEET_ARGS_MAX];
    size_t       len[XC_FLEET_ARGS_MAX];
} xc_fleet_call_t;

/* ask NULL: a greeting, which keeps birth, clock and window, and asks nothing.
 * XC_OK, XC_ENOMEM, XC_EINTERNAL. */
xc_rc_t xc_fleet_call(xc_arena_t *arena, const xc_fleet_store_t *store,
    const xc_fleet_ask_t *ask, xc_fleet_call_t *call) XC_WUR;

typedef enum {
    XC_FLEET_PASS,
    XC_FLEET_REPLAYED,
    XC_FLEET_LIMITED,
    XC_FLEET_STARTING,
    XC_FLEET_STALE,             /* by the store's time */
    XC_FLEET_VERDICTS
} xc_fleet_verdict_t;

typedef struct {
    xc_fleet_verdict_t  verdict;
    size_t              who;            /* of the agencies, whose limit */
    xc_limit_t          limit;
    int64_t             wait_us;        /* LIMITED, STARTING: until it may be
                                           tried again, > 0 */
    int64_t             now_s;          /* the store's */
    struct {
        int64_t         tat_us;         /* from now; < 0: at rest */
        int64_t         refusals_us;
        uint64_t        day_used;
    } agencies[XC_AUTH_AGENCIES_MAX];
} xc_fleet_answer_t;

/* Integers as they came, n_agencies as asked for.  XC_EINPUT: not an answer of
 * this script. */
xc_rc_t xc_fleet_answer(const int64_t *values, size_t n, size_t n_agencies,
    xc_fleet_answer_t *answer) XC_WUR;

#endif
