/*
 * What a decision costs: parsing the body, checking it by the policy, deciding
 * (xc_scope_read_body(), xc_approval_resolve(), xc_scope_decide()); no
 * signature, no log.  ./xc bench decide builds and runs it:
 *
 *     bench_decide [ROUNDS]
 *
 * CPU time of one thread.  The cases take turns within each round, so that what
 * else the machine does meets all of them; the figures are medians of the
 * rounds.  Agencies and fields change from request to request, so that a large
 * policy does not stay in the cache.
 */

#include "xc_approval_token.h"
#include "xc_heap.h"
#include "xc_json_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS        15
#define BENCH_ROUNDS_MAX    201
#define BENCH_REQUESTS      2000        /* of a case in a round */
#define BENCH_BODIES        64          /* different ones of a case */
#define BENCH_TARGET_US     12.0
#define BENCH_NOW_S         1795305600
#define BENCH_DEFERRED      16
#define BENCH_SPECIAL       60          /* the odd ones below are asked for */

typedef enum {
    BENCH_PLAIN,                        /* all is granted */
    BENCH_APPROVED,                     /* special fields, and an approval */
    BENCH_REFUSED,                      /* special fields without one */
    BENCH_PARSE,                        /* the body's JSON, no more */
    BENCH_ROUTE                         /* finding the operation, no more */
} bench_kind_t;

/* A policy of so many, and what is asked under it. */
typedef struct {
    const char         *name;
    unsigned            agencies, fields, operations, asked;
    bench_kind_t        kind;
} bench_case_t;

static const bench_case_t  cases[] = {
    { "10 fields, 12 agencies x 128 fields", 12, 128, 1, 10, BENCH_PLAIN },
    { "of which the parser of JSON", 12, 128, 1, 10, BENCH_PARSE },
    { "1 field", 12, 128, 1, 1, BENCH_PLAIN },
    { "60 fields", 12, 128, 1, 60, BENCH_PLAIN },
    { "10 fields, 3,200 agencies x 128 fields", 3200, 128, 1, 10, BENCH_PLAIN },
    { "10 fields, 12 agencies x 1,000 fields", 12, 1000, 1, 10, BENCH_PLAIN },
    { "10 fields, 3,200 agencies x 1,000 fields", 3200, 1000, 1, 10,
      BENCH_PLAIN },
    { "10 special fields, approved", 3200, 1000, 1, 10, BENCH_APPROVED },
    { "10 special fields, refused", 3200, 1000, 1, 10, BENCH_REFUSED },
    { "operation: the only one", 12, 128, 1, 1, BENCH_ROUTE },
    { "operation: the last of 10", 12, 128, 10, 1, BENCH_ROUTE },
    { "operation: the last of 100", 12, 128, 100, 1, BENCH_ROUTE },
};

enum { CASE_SMALL, CASE_PARSE, CASE_ONE, CASE_SIXTY, CASE_AGENCIES,
       CASE_FIELDS, CASE_BOTH, CASE_APPROVED, CASE_REFUSED, CASE_OP_1,
       CASE_OP_10, CASE_OP_100 };

static struct {
    xc_heap_t           heap;
    const xc_policy_t  *policy;
    char               *bodies[BENCH_BODIES];
    double              us[BENCH_ROUNDS_MAX];
} states[XC_COUNT(cases)];

/* Memory as nginx's pools give it: a pointer moves, all goes at once. */
typedef struct {
    xc_arena_t   arena;
    size_t       used, n;
    void       (*fn[BENCH_DEFERRED])(void *data);
    void        *data[BENCH_DEFERRED];
    char         mem[1 << 18] __attribute__((aligned(16)));
} bench_pool_t;

static bench_pool_t  pool;


__attribute__((noreturn)) static void
bench_die(const char *what)
{
    fprintf(stderr, "decide: %s\n", what);
    exit(1);
}


static double
bench_cpu_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}


static void *
bench_alloc(void *ctx, size_t size)
{
    bench_pool_t  *p = ctx;
    void          *mem = p->mem + p->used;

    size = (size + 15) & ~(size_t) 15;

    if (size > sizeof(p->mem) - p->used) {
        return NULL;
    }

    p->used += size;

    return mem;
}


static int
bench_defer(void *ctx, void (*fn)(void *data), void *data)
{
    bench_pool_t  *p = ctx;

    if (p->n == BENCH_DEFERRED) {
        return -1;
    }

    p->fn[p->n] = fn;
    p->data[p->n++] = data;

    return 0;
}


static void
bench_reset(void)
{
    while (pool.n != 0) {
        pool.n--;
        pool.fn[pool.n](pool.data[pool.n]);
    }

    pool.used = 0;
    pool.arena = (xc_arena_t) { bench_alloc, bench_defer, &pool, 0, 0 };
}


__attribute__((format(printf, 2, 3))) static void
bench_print(xc_buf_t *out, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(out->data + out->len, out->cap - out->len, fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= out->cap - out->len) {
        bench_die("no room");
    }

    out->len += (size_t) n;
}


/* Every other field is special. */
static void
bench_write_fields(xc_buf_t *out, unsigned n)
{
    unsigned  i;

    bench_print(out, "\"fields\": {");

    for (i = 0; i < n; i++) {
        bench_print(out, "%s\"group%u.field_%04u\": {\"group\": \"group%u\","
                    " \"zh\": \"字段\", \"en\": \"Field\", \"standard\": %s}",
                    i == 0 ? "" : ", ", i % 4, i, i % 4,
                    i % 2 == 0 ? "true" : "false");
    }
}


static void
bench_write_operations(xc_buf_t *out, unsigned n)
{
    unsigned  i;

    bench_print(out, "}, \"operations\": [");

    for (i = n; i-- != 0; /* void */) {
        bench_print(out, "{\"id\": \"o%u\", \"kind\": \"submit\", \"methods\":"
                    " [\"POST\"], \"path\": \"/xc/v1/requests%u/[0-9a-z]{1,9}\""
                    ", \"body\": {\"fields\": \"/fields\", \"request_no\":"
                    " \"/request_no\", \"purpose\": \"/purpose\","
                    " \"case_no\": \"/case_no\", \"legal_basis\":"
                    " \"/legal_basis\", \"officers\": \"/officers\","
                    " \"subjects\": \"/subjects\", \"window\": \"/window\","
                    " \"approval\": \"/approval\"}}%s", i, i,
                    i == 0 ? "], " : ", ");
    }
}


static void
bench_write_agencies(xc_buf_t *out, unsigned agencies)
{
    unsigned  i, j;

    bench_print(out, "\"rates\": {\"default\": {\"rate\": \"10r/s\", \"burst\":"
                " 20}}, \"grants\": {\"all\": {\"groups\": [\"group0\","
                " \"group1\", \"group2\", \"group3\"], \"levels\":"
                " [\"county\"]}}, \"agencies\": [");

    for (i = 0; i < agencies; i++) {
        bench_print(out, "%s{\"id\": \"a%u\", \"name\": \"市场监督管理局\","
                    " \"level\": \"county\", \"region\": \"310115\","
                    " \"grants\": [\"all\"], \"credentials\": []}",
                    i == 0 ? "" : ", ", i);
    }

    bench_print(out, "], \"approvals\": [");

    for (i = 0; i < agencies; i++) {
        bench_print(out, "%s{\"no\": \"%u号\", \"by\": \"310000\", \"agency\":"
                    " \"a%u\", \"case_no\": \"案310号\", \"not_after\":"
                    " \"2027-01-01T00:00:00Z\", \"fields\": [",
                    i == 0 ? "" : ", ", i, i);

        for (j = 1; j < BENCH_SPECIAL; j += 2) {
            bench_print(out, "%s\"group%u.field_%04u\"", j == 1 ? "" : ", ",
                        j % 4, j);
        }

        bench_print(out, "]}");
    }

    bench_print(out, "]}");
}


static void
bench_load(size_t k)
{
    xc_buf_t             out;
    const size_t         cap = 16 << 20;
    const bench_case_t  *c = &cases[k];
    xc_policy_faults_t  *faults = calloc(1, sizeof(*faults));

    xc_buf_init(&out, malloc(cap), cap);
    if (out.data == NULL || faults == NULL) {
        bench_die("no memory");
    }

    bench_print(&out, "{\"policy\": \"bench\", \"version\": \"1\","
                " \"authorities\": [\"a.example\"], \"purposes\": {\"case\":"
                " {\"requires\": [\"case_no\"]}}, \"subject_types\":"
                " {\"merchant\": {\"check\": \"uscc\"}}, ");
    bench_write_fields(&out, c->fields);
    bench_write_operations(&out, c->operations);
    bench_write_agencies(&out, c->agencies);

    xc_heap_init(&states[k].heap, 0);

    if (xc_policy_load(&states[k].heap.arena, xc_buf_view(&out), NULL,
                       BENCH_NOW_S, faults, &states[k].policy) != XC_OK)
    {
        fprintf(stderr, XC_STR_FMT ": " XC_STR_FMT "\n",
                XC_STR_ARG(faults->list[0].path),
                XC_STR_ARG(faults->list[0].message));
        bench_die("the policy does not load");
    }

    free(out.data);
    free(faults);
}


/* As long as the policy lets a string be. */
#define BENCH_PADDING   170

static const char  padding[] =
    "................................................................"
    "................................................................"
    "................................................................";


/* The n-th: other fields than the one before. */
static char *
bench_body(const bench_case_t *c, unsigned n)
{
    bool      special = c->kind == BENCH_APPROVED || c->kind == BENCH_REFUSED;
    unsigned  i, at;
    xc_buf_t  out;

    xc_buf_init(&out, malloc(4096), 4096);
    if (out.data == NULL) {
        bench_die("no memory");
    }

    bench_print(&out, "{\"request_no\": \"沪市监协查〔2026〕1182号\","
                " \"purpose\": \"case\", \"case_no\": \"案310号\", \"officers\":"
                " [{\"certificate\": \"31000000017\"}, {\"certificate\":"
                " \"31000000018\"}], \"subjects\": [{\"type\": \"merchant\","
                " \"id\": \"91310000MA1FL0000N\"}], \"window\": {\"from\":"
                " \"2026-10-01\", \"to\": \"2026-11-01\"}, \"fields\": [");

    for (i = 0; i < c->asked; i++) {
        at = special ? (2 * (7 * n + i) + 1) % BENCH_SPECIAL
                     : 2 * (61 * n + i) % c->fields;
        bench_print(&out, "%s\"group%u.field_%04u\"", i == 0 ? "" : ", ",
                    at % 4, at);
    }

    bench_print(&out, "]%s", c->kind != BENCH_APPROVED ? ""
                             : ", \"approval\": \"@\"");

    /* with 10 fields up to the length that the target is for */
    bench_print(&out, ", \"legal_basis\": \"%.*s\"}", c->kind ==
                BENCH_APPROVED ? BENCH_PADDING - 17 : BENCH_PADDING, padding);
    out.data[out.len] = '\0';

    return out.data;
}


static void
bench_decide(size_t k, unsigned n)
{
    xc_rc_t             rc;
    char                no[24];
    unsigned            at = n * 1009u % cases[k].agencies;
    xc_request_t        request;
    xc_verdict_t        verdict;
    xc_approval_in_t    in;
    const xc_policy_t  *policy = states[k].policy;
    const bench_case_t *c = &cases[k];

    in = (xc_approval_in_t) { .arena = &pool.arena, .policy = policy,
                              .agency = &policy->agencies[at],
                              .now_s = BENCH_NOW_S };

    rc = xc_scope_read_body(&pool.arena, policy, &policy->operations[0],
                            xc_str_z(states[k].bodies[n % BENCH_BODIES]),
                            XC_STR(""), &request, &verdict);

    if (c->kind == BENCH_APPROVED) {
        (void) snprintf(no, sizeof(no), "%u号", at);
        request.approval = xc_str_z(no);
    }

    if (rc == XC_OK) {
        rc = xc_approval_resolve(&in, &request);
    }

    if (rc == XC_OK) {
        rc = xc_scope_decide(&pool.arena, policy, in.agency, NULL, BENCH_NOW_S,
                             &request, &verdict);
    }

    if (rc != (c->kind == BENCH_REFUSED ? XC_DENIED : XC_OK)
        || request.n_fields != c->asked)
    {
        fprintf(stderr, "%s: rc %d, %zu fields: " XC_STR_FMT "\n", c->name,
                (int) rc, request.n_fields, XC_STR_ARG(verdict.detail));
        bench_die("not the decision that was to be measured");
    }

    bench_reset();
}


static void
bench_parse(size_t k, unsigned n)
{
    const xc_json_t  *root;

    if (xc_json_read(&pool.arena, xc_str_z(states[k].bodies[n % BENCH_BODIES]),
                     8, NULL, &root) != XC_OK)
    {
        bench_die("a body that is not JSON");
    }

    bench_reset();
}


static void
bench_route(size_t k, unsigned n)
{
    char                   path[64];
    xc_captures_t          captures;
    const xc_operation_t  *operation;

    (void) snprintf(path, sizeof(path), "/xc/v1/requests0/%u", n);

    if (xc_policy_operation(states[k].policy, XC_STR("POST"), xc_str_z(path),
                            &operation, &captures) != XC_OK)
    {
        bench_die("no operation");
    }
}


static void
bench_round(size_t k, unsigned round)
{
    double    begun = bench_cpu_us();
    unsigned  i;

    for (i = 0; i < BENCH_REQUESTS; i++) {
        if (cases[k].kind == BENCH_ROUTE) {
            bench_route(k, i);

        } else if (cases[k].kind == BENCH_PARSE) {
            bench_parse(k, i);

        } else {
            bench_decide(k, i);
        }
    }

    states[k].us[round] = (bench_cpu_us() - begun) / BENCH_REQUESTS;
}


static int
bench_order(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


static double
bench_median(size_t k, unsigned rounds)
{
    qsort(states[k].us, rounds, sizeof(double), bench_order);

    return states[k].us[rounds / 2];
}


static void
bench_report(const double us[XC_COUNT(cases)], size_t length)
{
    size_t  i;

    for (i = 0; i < XC_COUNT(cases); i++) {
        printf("%-44s %8.2f us\n", cases[i].name, us[i]);
    }

    printf("\nbody of %zu bytes with 10 fields: %.2f us, target %.0f: %s; of"
           " it %.2f us without the parser\n", length, us[CASE_SMALL],
           BENCH_TARGET_US,
           us[CASE_SMALL] <= BENCH_TARGET_US ? "met" : "missed",
           us[CASE_SMALL] - us[CASE_PARSE]);
    printf("a field more: %.3f us from 1 to 10, %.3f us from 10 to 60\n",
           (us[CASE_SMALL] - us[CASE_ONE]) / 9,
           (us[CASE_SIXTY] - us[CASE_SMALL]) / 50);
    printf("3,200 x 1,000 beside 12 x 128: %.2f times (agencies alone %.2f,"
           " fields alone %.2f)\n", us[CASE_BOTH] / us[CASE_SMALL],
           us[CASE_AGENCIES] / us[CASE_SMALL],
           us[CASE_FIELDS] / us[CASE_SMALL]);
    printf("an operation more in front: %.3f us\n",
           (us[CASE_OP_100] - us[CASE_OP_1]) / 99);
}


int
main(int argc, char **argv)
{
    int       rounds = argc > 1 ? atoi(argv[1]) : BENCH_ROUNDS;
    double    us[XC_COUNT(cases)];
    size_t    i;
    unsigned  j;

    if (rounds < 1 || rounds > BENCH_ROUNDS_MAX || xc_crypto_init() != XC_OK) {
        bench_die("usage: bench_decide [ROUNDS]");
    }

    bench_reset();

    for (i = 0; i < XC_COUNT(cases); i++) {
        bench_load(i);

        for (j = 0; j < BENCH_BODIES; j++) {
            states[i].bodies[j] = bench_body(&cases[i], j);
        }

        bench_round(i, 0);      /* a first one, to warm up */
    }

    for (j = 0; j < (unsigned) rounds; j++) {
        for (i = 0; i < XC_COUNT(cases); i++) {
            bench_round(i, j);
        }
    }

    for (i = 0; i < XC_COUNT(cases); i++) {
        us[i] = bench_median(i, (unsigned) rounds);
    }

    bench_report(us, strlen(states[CASE_SMALL].bodies[0]));

    for (i = 0; i < XC_COUNT(cases); i++) {
        for (j = 0; j < BENCH_BODIES; j++) {
            free(states[i].bodies[j]);
        }

        xc_heap_free(&states[i].heap);
    }

    return 0;
}
