/*
 * What the audit log costs a request in CPU: both its records, rendered,
 * hashed into the chain and the tree, and written by xc_journal_append(), in
 * one thread.  ./xc bench audit builds and runs it:
 *
 *     bench_audit DIR [ROUNDS [REQUESTS]]
 *
 * DIR is made and removed; the file system that it is on is the one measured.
 */

#define _GNU_SOURCE

#include "xc_heap.h"
#include "xc_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BENCH_BATCH     64          /* records, two a request */
#define BENCH_ROUNDS    15
#define BENCH_RECORD    4096
#define BENCH_TARGET    4.0         /* us a request */

/* What is measured in each round; all but the last two without fdatasync. */
enum {
    BENCH_RENDER,
    BENCH_HASH,
    BENCH_BATCHES,
    BENCH_SINGLES,
    BENCH_SYNCED_BATCHES,
    BENCH_SYNCED_SINGLES,
    BENCH_KINDS
};

typedef struct {
    xc_asked_t            fields[2];
    xc_subject_type_t     type;
    xc_subject_t          subject;
    xc_str_t              officers[2];
    xc_operation_t        operation;
    xc_credential_t       credential;
    xc_agency_t           agency;
    xc_policy_t           policy;
    xc_msg_t              msg;
    xc_gate_t             gate;
    xc_record_decision_t  decision;
    xc_record_outcome_t   outcome;
    uint8_t               answer[XC_SHA256_SIZE];
} bench_request_t;

static const char         *dir;
static long                requests = 10000;
static bench_request_t     ask;
static char                records[BENCH_BATCH][BENCH_RECORD];
static xc_journal_entry_t  entries[BENCH_BATCH];
static char                scratch[1024 * 1024];


static void
bench_die(const char *what)
{
    fprintf(stderr, "audit: %s\n", what);
    exit(1);
}


static int64_t
bench_now_us(void *ctx)
{
    struct timespec  ts;

    (void) ctx;
    clock_gettime(CLOCK_REALTIME, &ts);

    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}


/* Of this process, user and system, in microseconds. */
static double
bench_cpu(void)
{
    struct rusage  u;

    (void) getrusage(RUSAGE_SELF, &u);

    return 1e6 * (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec)
           + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}


/* A query as agencies send it: signed with Ed25519, two fields of one merchant,
 * two officers. */
static void
bench_request_gate(void)
{
    ask.fields[0].name = XC_STR("merchant.name");
    ask.fields[1].name = XC_STR("merchant.uscc");
    ask.type.id = XC_STR("merchant");
    ask.subject.type = &ask.type;
    ask.subject.id = XC_STR("91310000MA1FL0000N");
    ask.officers[0] = XC_STR("31011500123");
    ask.officers[1] = XC_STR("31011500124");
    ask.operation.id = XC_STR("merchant");
    ask.credential.scheme = XC_SCHEME_HTTPSIG;
    ask.credential.keyid = XC_STR("310115-2026a");
    ask.agency.id = XC_STR("310115");
    ask.agency.level = XC_LEVEL_COUNTY;

    ask.gate.authority = XC_STR("platform.example");
    ask.gate.authenticated = true;
    ask.gate.operation = &ask.operation;
    ask.gate.auth.credential = &ask.credential;
    ask.gate.auth.agency = &ask.agency;
    ask.gate.auth.evidence.signature_input =
        XC_STR("sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");"
               "created=1795000000;keyid=\"310115-2026a\";"
               "nonce=\"b3k2pp5k7z-50gnwp.yemd\"");
    ask.gate.auth.evidence.signature =
        XC_STR("sig1=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9"
               "EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:");

    ask.gate.request = (xc_request_t) {
        .request_no = XC_STR("沪市监协查〔2026〕1182号"),
        .purpose = XC_STR("case_investigation"),
        .case_no = XC_STR("沪市监案〔2026〕310号"),
        .legal_basis = XC_STR("网络交易监督管理办法 第三十四条"),
        .officers = ask.officers, .n_officers = 2,
        .fields = ask.fields, .n_fields = 2,
        .subjects = &ask.subject, .n_subjects = 1
    };
}


static void
bench_request(xc_arena_t *arena, const xc_mac_t **key)
{
    bench_request_gate();

    ask.policy.id = XC_STR("cn-samr-2025");
    ask.policy.version = XC_STR("2026-11-22");

    ask.msg.method = XC_STR("GET");
    ask.msg.client_text = XC_STR("203.0.113.7");
    xc_msg_set_target(&ask.msg,
        XC_STR("/xc/v1/merchants/91310000MA1FL0000N?fields=merchant.name,"
               "merchant.uscc&request_no=%E6%B2%AA%E5%B8%82%E7%9B%91%E5%8D%8F"
               "%E6%9F%A5%E3%80%942026%E3%80%951182%E5%8F%B7"
               "&purpose=case_investigation"));
    ask.gate.captures.subject = (xc_str_t) { ask.msg.path.data + 17, 18 };

    if (xc_mac_new(arena, XC_STR("0123456789abcdef0123456789abcdef"), key)
        != XC_OK)
    {
        bench_die("no key");
    }

    ask.decision = (xc_record_decision_t) {
        .id = XC_STR("6f1c0f520b7e4d0c9a531f3f0c1f2a01"),
        .tls = XC_STR("TLSv1.3"), .msg = &ask.msg, .policy = &ask.policy,
        .gate = &ask.gate, .subject_key = *key
    };

    memset(ask.answer, 0xc3, sizeof(ask.answer));
    ask.outcome = (xc_record_outcome_t) {
        .id = ask.decision.id, .status = 200, .bytes = 1873,
        .answer_sha256 = ask.answer, .upstream = XC_STR("127.0.0.1:9000"),
        .upstream_status = 200, .ms = 14, .complete = true
    };
}


/* The one that ./xc bench run sends: nothing that the policy does not ask for,
 * an HMAC, no subject_key. */
static void
bench_request_least(void)
{
    xc_request_t  *request = &ask.gate.request;

    request->case_no = request->legal_basis = XC_STR_NONE;
    request->n_officers = 0;
    ask.credential.keyid = XC_STR("bench");
    ask.decision.tls = XC_STR("");
    ask.decision.subject_key = NULL;

    ask.gate.auth.evidence.signature_input =
        XC_STR("sig1=(\"@method\" \"@authority\" \"@path\" \"@query\");"
               "created=1795000000;keyid=\"bench\";"
               "nonce=\"7a5c1e0b42d-199999\"");
    ask.gate.auth.evidence.signature =
        XC_STR("sig1=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
}


/* Records from i on: decisions at even places, their outcomes behind them. */
static void
bench_render(long i, size_t n)
{
    size_t    k;
    xc_buf_t  out;

    for (k = 0; k < n; k++) {
        xc_buf_init(&out, records[k], BENCH_RECORD);

        if ((i + (long) k) % 2 != 0) {
            xc_record_outcome(&out, &ask.outcome);
            xc_record_outcome_seq(&out, (uint64_t) i + k - 1);

        } else if (xc_record_decision(&out, &ask.decision) != XC_OK) {
            bench_die("a record does not fit");
        }

        entries[k].members = xc_buf_view(&out);
    }
}


static void
bench_render_all(void)
{
    long  i;

    for (i = 0; i < 2 * requests; i += BENCH_BATCH) {
        bench_render(i, BENCH_BATCH);
    }
}


/* The leaf and the tree of what has been rendered last. */
static void
bench_hash_all(void)
{
    long         i;
    uint8_t      leaf[XC_SHA256_SIZE];
    xc_str_t     s;
    xc_merkle_t  tree = { .size = 0 };

    for (i = 0; i < 2 * requests; i++) {
        s = entries[i % BENCH_BATCH].members;

        if (xc_hash_leaf(s.data, s.len, leaf) != XC_OK
            || xc_merkle_append(&tree, leaf) != XC_OK)
        {
            bench_die("a hash failed");
        }
    }
}


static void
bench_remove(void)
{
    size_t  i;
    char    path[4096];

    static const char *const  names[] = { "audit.log", "audit.head" };

    for (i = 0; i < XC_COUNT(names); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void) unlink(path);
    }
}


/* What opening and removing the files costs is no request's. */
static double
bench_journal(size_t batch, bool sync, long n)
{
    long                 i;
    double               before, after;
    xc_journal_t         j;
    xc_journal_conf_t    conf = { .dir = dir, .node = XC_STR("gate1"),
                                  .sync = sync, .uid = (uid_t) -1,
                                  .gid = (gid_t) -1, .now_us = bench_now_us };
    xc_journal_report_t  report;

    if (xc_journal_open(&j, &conf, &report) != XC_OK) {
        bench_die(report.text);
    }

    before = bench_cpu();

    for (i = 0; i < 2 * n; i += (long) batch) {
        bench_render(i, batch);

        if (xc_journal_append(&j, entries, batch, scratch, sizeof(scratch),
                              &report)
            != XC_OK)
        {
            bench_die(report.text);
        }
    }

    after = bench_cpu();
    xc_journal_close(&j);
    bench_remove();

    return after - before;
}


/* CPU a request, in microseconds. */
static double
bench_measure(int kind)
{
    long    n = requests;
    double  before = bench_cpu();

    switch (kind) {
    case BENCH_RENDER:
        bench_render_all();
        return (bench_cpu() - before) / (double) n;
    case BENCH_HASH:
        bench_hash_all();
        return (bench_cpu() - before) / (double) n;
    case BENCH_BATCHES:
        return bench_journal(BENCH_BATCH, false, n) / (double) n;
    case BENCH_SINGLES:
        return bench_journal(1, false, n) / (double) n;
    case BENCH_SYNCED_BATCHES:
        return bench_journal(BENCH_BATCH, true, n) / (double) n;
    default:
        n = n < 40 ? 1 : n / 40;        /* each waits for the disk twice */
        return bench_journal(1, true, n) / (double) n;
    }
}


static int
bench_compare(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


static void
bench_report(const double median[BENCH_KINDS],
    const double lowest[BENCH_KINDS])
{
    printf("                            median   lowest   CPU us a request\n");
    printf("both records, batches of %d %7.2f  %7.2f\n", BENCH_BATCH,
           median[BENCH_BATCHES], lowest[BENCH_BATCHES]);
    printf("  of it rendering          %7.2f  %7.2f\n", median[BENCH_RENDER],
           lowest[BENCH_RENDER]);
    printf("  of it leaves and tree    %7.2f  %7.2f\n", median[BENCH_HASH],
           lowest[BENCH_HASH]);
    printf("both records, one by one   %7.2f  %7.2f\n",
           median[BENCH_SINGLES], lowest[BENCH_SINGLES]);
    printf("fdatasync's own, beside: batches of %d %.2f, one by one %.2f\n",
           BENCH_BATCH, median[BENCH_SYNCED_BATCHES] - median[BENCH_BATCHES],
           median[BENCH_SYNCED_SINGLES] - median[BENCH_SINGLES]);
    printf("target: at most %.1f in batches, fdatasync apart: %s in this "
           "run\n", BENCH_TARGET,
           median[BENCH_BATCHES] <= BENCH_TARGET ? "met" : "not met");
}


static void
bench_rounds(const char *title, int rounds)
{
    int      kind, round;
    double  *us[BENCH_KINDS], median[BENCH_KINDS], lowest[BENCH_KINDS];

    bench_render(0, BENCH_BATCH);
    printf("\n%s: %zu and %zu bytes, prefixes apart\n", title,
           entries[0].members.len, entries[1].members.len);

    for (kind = 0; kind < BENCH_KINDS; kind++) {
        us[kind] = calloc((size_t) rounds, sizeof(double));
        if (us[kind] == NULL) {
            bench_die("no memory");
        }
    }

    for (round = 0; round < rounds; round++) {
        for (kind = 0; kind < BENCH_KINDS; kind++) {
            us[kind][round] = bench_measure(kind);
        }
    }

    for (kind = 0; kind < BENCH_KINDS; kind++) {
        qsort(us[kind], (size_t) rounds, sizeof(double), bench_compare);
        median[kind] = us[kind][rounds / 2];
        lowest[kind] = us[kind][0];
        free(us[kind]);
    }

    bench_report(median, lowest);
}


int
main(int argc, char **argv)
{
    int              rounds;
    xc_heap_t        heap;
    const xc_mac_t  *key;

    rounds = argc > 2 ? atoi(argv[2]) : BENCH_ROUNDS;
    requests = argc > 3 ? atol(argv[3]) : requests;

    if (argc < 2 || rounds < 1 || requests < 1) {
        fputs("bench_audit DIR [ROUNDS [REQUESTS]]\n", stderr);
        return 2;
    }

    dir = argv[1];
    xc_heap_init(&heap, 0);

    if (mkdir(dir, 0700) != 0 || xc_crypto_init() != XC_OK) {
        bench_die("can't begin: does the directory exist?");
    }

    bench_request(&heap.arena, &key);
    printf("%d rounds of %ld requests, sync=off but where fdatasync is named\n",
           rounds, requests);

    bench_rounds("Ed25519, two officers, subject_key", rounds);
    bench_request_least();
    bench_rounds("as ./xc bench run sends", rounds);

    xc_heap_free(&heap);

    return rmdir(dir) == 0 ? 0 : 1;
}
