#include "xcctl.h"
#include "xcctl_chain.h"
#include "xcctl_seqs.h"

#include "../core/xc_ascii.h"
#include "../core/xc_journal.h"
#include "../core/xc_json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define XCCTL_JSON_DEPTH    32
#define XCCTL_AUDIT_BUFFER  (2 * (XC_JOURNAL_LINE_MAX + 1))


typedef struct {
    xcctl_chain_t   chain;
    xc_heap_t       heap;       /* of one line */
    xcctl_where_t   where;
    uint64_t        records;
    char            node[65];
    xcctl_seqs_t    open;
    bool            memory;     /* is short */
    bool            skipping;   /* the rest of a line that is too long */
} xcctl_audit_t;


static bool
xcctl_audit_is(const xc_json_t *root, const char *key, const char *value)
{
    const xc_json_t  *member = xc_json_member(root, xc_str_z(key));

    return member != NULL
           && xc_str_eq(xc_json_string(member), xc_str_z(value));
}


static bool
xcctl_audit_seq(const xc_json_t *object, const char *key, uint64_t *out)
{
    const xc_json_t  *member = xc_json_member(object, xc_str_z(key));

    if (member == NULL || xc_json_type(member) != XC_JSON_INT
        || xc_json_int(member) < 0)
    {
        return false;
    }

    *out = (uint64_t) xc_json_int(member);

    return true;
}


static void
xcctl_audit_node(xcctl_audit_t *audit, const xc_json_t *root)
{
    xc_str_t          node;
    const xc_json_t  *member = xc_json_member(root, XC_STR("node"));

    if (member == NULL) {
        return;
    }

    node = xc_json_string(member);

    if (audit->node[0] == '\0') {
        snprintf(audit->node, sizeof(audit->node), XC_STR_FMT,
                 XC_STR_ARG(node));

    } else if (!xc_str_eq(node, xc_str_z(audit->node))) {
        xcctl_chain_fault(&audit->chain, audit->where, "node \"" XC_STR_FMT
                          "\" in the log of \"%s\"", XC_STR_ARG(node),
                          audit->node);
    }
}


/* Every admitted request has an outcome; observe admits what it denies. */
static void
xcctl_audit_outcome(xcctl_audit_t *audit, const xc_json_t *root, uint64_t seq)
{
    uint64_t  decision;

    if (xcctl_audit_is(root, "event", "decision")
        && (xcctl_audit_is(root, "decision", "allow")
            || xcctl_audit_is(root, "mode", "observe")))
    {
        audit->memory = !xcctl_seqs_add(&audit->open, seq) || audit->memory;

    } else if (xcctl_audit_is(root, "event", "outcome")
               && xcctl_audit_seq(root, "decision_seq", &decision))
    {
        xcctl_seqs_remove(&audit->open, decision);
    }
}


static void
xcctl_audit_recover(xcctl_audit_t *audit, const xc_json_t *root,
    xcctl_line_t *line)
{
    xc_str_t          cause;
    const xc_json_t  *range, *member;

    if (!xcctl_audit_is(root, "event", "recover")) {
        return;
    }

    member = xc_json_member(root, XC_STR("cause"));
    cause = member == NULL ? XC_STR("no cause") : xc_json_string(member);

    range = xc_json_member(root, XC_STR("unsure"));
    if (range == NULL) {
        range = xc_json_member(root, XC_STR("lost"));
    }

    if (range != NULL && xcctl_audit_seq(range, "from", &line->from)
        && xcctl_audit_seq(range, "to", &line->to) && line->from <= line->to)
    {
        line->excuses = true;
        printf("%s:%" PRIu64 ": recover (" XC_STR_FMT "): seq %" PRIu64
               " to %" PRIu64 " may be lost\n", audit->where.file,
               audit->where.line, XC_STR_ARG(cause), line->from, line->to);
        return;
    }

    /* The half of a record that could not be taken back ends the file before;
     * it never had a seq. */
    if (range == NULL && xc_str_eq(cause, XC_STR("write-failed"))) {
        line->excuses = true;
        line->from = line->seq;
        line->to = line->seq - 1;
    }

    printf("%s:%" PRIu64 ": recover (" XC_STR_FMT ")\n", audit->where.file,
           audit->where.line, XC_STR_ARG(cause));
}


/* XC_DENIED: it is no record, and that has been said. */
static xc_rc_t
xcctl_audit_json(xcctl_audit_t *audit, xc_str_t text, const xc_json_t **root)
{
    xc_rc_t          rc;
    xc_json_error_t  error = { 0, 0, "" };

    if (!xc_ascii_is_utf8(text)) {
        xcctl_chain_garbled(&audit->chain, audit->where, "not UTF-8");
        return XC_DENIED;
    }

    rc = xc_json_parse(&audit->heap.arena, text, XCCTL_JSON_DEPTH, &error,
                       root);

    if (rc == XC_EINPUT || rc == XC_ELIMIT) {
        xcctl_chain_garbled(&audit->chain, audit->where, "not JSON: %s at "
                            "octet %u", error.message, error.column);
        return XC_DENIED;
    }

    return rc;
}


static xc_rc_t
xcctl_audit_record(xcctl_audit_t *audit, xc_str_t text)
{
    xc_rc_t           rc;
    xcctl_line_t      line = { .where = audit->where };
    const xc_json_t  *root;

    rc = xcctl_audit_json(audit, text, &root);
    if (rc != XC_OK) {
        return rc;
    }

    if (!xc_journal_line_prefix(text, &line.seq, line.prev)) {
        xcctl_chain_garbled(&audit->chain, audit->where, "does not begin as a "
                            "record does: seq, prev, time, node, event");
        return XC_DENIED;
    }

    rc = xc_hash_leaf(text.data, text.len, line.leaf);
    if (rc != XC_OK) {
        return rc;
    }

    xcctl_audit_recover(audit, root, &line);
    xcctl_chain_line(&audit->chain, &line);
    xcctl_audit_node(audit, root);
    xcctl_audit_outcome(audit, root, line.seq);
    audit->records++;

    return XC_OK;
}


static void
xcctl_audit_first(xcctl_audit_t *audit, xc_str_t text)
{
    uint64_t              seq;
    uint8_t               prev[XC_SHA256_SIZE];
    static const uint8_t  zeros[XC_SHA256_SIZE];

    if (audit->chain.begun || !xc_journal_line_prefix(text, &seq, prev)) {
        return;
    }

    if (seq != 0) {
        printf("%s:%" PRIu64 ": begins at seq %" PRIu64 ": what stood before "
               "it was not given\n", audit->where.file, audit->where.line,
               seq);

    } else if (memcmp(prev, zeros, sizeof(zeros)) != 0) {
        xcctl_chain_fault(&audit->chain, audit->where, "altered: prev of seq 0"
                          " is not 64 zeros");
    }
}


static xc_rc_t
xcctl_audit_line(xcctl_audit_t *audit, xc_str_t text)
{
    xc_rc_t  rc;

    audit->where.line++;

    if (text.len > XC_JOURNAL_LINE_MAX) {
        xcctl_chain_garbled(&audit->chain, audit->where, "longer than %d "
                            "octets", XC_JOURNAL_LINE_MAX);
        return XC_OK;
    }

    xcctl_audit_first(audit, text);
    rc = xcctl_audit_record(audit, text);
    xc_heap_free(&audit->heap);

    if (rc == XC_OK || rc == XC_DENIED) {
        return audit->memory ? XC_ENOMEM : XC_OK;
    }

    return rc;
}


/* Takes the whole lines out of buf; returns the octets used up. */
static size_t
xcctl_audit_lines(xcctl_audit_t *audit, const char *buf, size_t len,
    xc_rc_t *rc)
{
    size_t       used = 0;
    xc_str_t     text;
    const char  *end;

    while (*rc == XC_OK) {
        end = memchr(buf + used, '\n', len - used);
        if (end == NULL) {
            break;
        }

        text = (xc_str_t) { buf + used, (size_t) (end - buf) - used };

        /* The end of what was reported as too long already. */
        if (audit->skipping) {
            audit->skipping = false;

        } else {
            *rc = xcctl_audit_line(audit, text);
        }

        used += text.len + 1;
    }

    return used;
}


/* What is left at the end of a file has no LF. */
static void
xcctl_audit_tail(xcctl_audit_t *audit, size_t len)
{
    if (len != 0 && !audit->skipping) {
        audit->where.line++;
        xcctl_chain_garbled(&audit->chain, audit->where, "torn: the file ends "
                            "within this line, after %zu octets", len);
    }

    audit->skipping = false;
}


static xc_rc_t
xcctl_audit_stream(xcctl_audit_t *audit, int fd, char *buf)
{
    size_t   len = 0, used;
    ssize_t  n;
    xc_rc_t  rc = XC_OK;

    for ( ;; ) {
        n = read(fd, buf + len, XCCTL_AUDIT_BUFFER - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            break;
        }

        len += (size_t) n;
        used = xcctl_audit_lines(audit, buf, len, &rc);

        if (rc != XC_OK) {
            return rc;
        }

        len -= used;
        memmove(buf, buf + used, len);

        if (len > XC_JOURNAL_LINE_MAX) {
            if (!audit->skipping) {
                rc = xcctl_audit_line(audit, (xc_str_t) { buf, len });
            }

            audit->skipping = true;
            len = 0;
        }
    }

    if (n == 0) {
        xcctl_audit_tail(audit, len);
    }

    return n < 0 ? XC_EIO : XC_OK;
}


static xc_rc_t
xcctl_audit_file(xcctl_audit_t *audit, const char *path, char *buf)
{
    int      fd, err;
    xc_rc_t  rc;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return XC_EIO;
    }

    audit->where = (xcctl_where_t) { path, 0 };
    rc = xcctl_audit_stream(audit, fd, buf);

    err = errno;
    close(fd);
    errno = err;

    return rc;
}


static void
xcctl_audit_list_open(xcctl_seqs_t *open)
{
    size_t  i, n;

    n = xcctl_seqs_sort(open);
    if (n == 0) {
        return;
    }

    printf("%zu admitted decisions without an outcome:\n", n);

    for (i = 0; i < n; i++) {
        printf("  seq %" PRIu64 "\n", open->slots[i] - 1);
    }
}


static int
xcctl_audit_conclude(xcctl_audit_t *audit)
{
    size_t                i;
    const xcctl_chain_t  *chain = &audit->chain;

    xcctl_chain_end(&audit->chain);
    xcctl_audit_list_open(&audit->open);

    for (i = 0; i < chain->kept; i++) {
        puts(chain->fault[i].text);
    }

    if (chain->faults > chain->kept) {
        printf("%zu more faults\n", chain->faults - chain->kept);
    }

    if (chain->faults != 0) {
        printf("audit: %" PRIu64 " records, %zu faults\n", audit->records,
               chain->faults);
        return XCCTL_FAIL;
    }

    printf("audit: %" PRIu64 " records, chain whole\n", audit->records);

    return XCCTL_OK;
}


/* A file that can't be read ends it: what follows would only seem broken. */
static int
xcctl_audit_files(xcctl_audit_t *audit, char **files, int n, char *buf)
{
    int      i;
    xc_rc_t  rc;

    for (i = 0; i < n; i++) {
        rc = xcctl_audit_file(audit, files[i], buf);

        if (rc == XC_EIO) {
            (void) xcctl_fail("can't read %s: %s", files[i], strerror(errno));
            return XCCTL_USAGE;
        }

        if (rc != XC_OK) {
            (void) xcctl_fail("%s:%" PRIu64 ": %s", files[i],
                              audit->where.line,
                              rc == XC_ENOMEM ? "out of memory"
                                              : "the hash library failed");
            return XCCTL_USAGE;
        }
    }

    return xcctl_audit_conclude(audit);
}


static int
xcctl_audit_option(const char *option)
{
    size_t                    i;
    static const char *const  later[] = { "--key", "--expect", "--policy",
                                          "--subject", "--strict" };

    for (i = 0; i < XC_COUNT(later); i++) {
        if (strcmp(option, later[i]) == 0) {
            return xcctl_usage("audit verify %s is not supported by this "
                               "version", option);
        }
    }

    return xcctl_usage("audit verify has no option %s", option);
}


static int
xcctl_audit_verify(int argc, char **argv)
{
    int             i, status;
    char           *buf;
    xcctl_audit_t  *audit;

    for (i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            return xcctl_audit_option(argv[i]);
        }
    }

    if (argc < 2) {
        return xcctl_usage("audit verify: name the files, oldest first");
    }

    audit = calloc(1, sizeof(xcctl_audit_t));
    buf = malloc(XCCTL_AUDIT_BUFFER);

    if (audit == NULL || buf == NULL) {
        (void) xcctl_fail("out of memory");
        status = XCCTL_USAGE;

    } else {
        xc_heap_init(&audit->heap, 0);
        status = xcctl_audit_files(audit, argv + 1, argc - 1, buf);
        free(audit->open.slots);
    }

    free(audit);
    free(buf);

    return status;
}


int
xcctl_audit(int argc, char **argv)
{
    size_t                    i;
    static const char *const  later[] = { "prove", "check", "match", "report",
                                          "prune" };

    if (argc < 2) {
        return xcctl_usage("audit: a command is missing: verify");
    }

    if (strcmp(argv[1], "verify") == 0) {
        return xcctl_audit_verify(argc - 1, argv + 1);
    }

    for (i = 0; i < XC_COUNT(later); i++) {
        if (strcmp(argv[1], later[i]) == 0) {
            return xcctl_usage("audit %s is not supported by this version",
                               argv[1]);
        }
    }

    return xcctl_usage("no command \"audit %s\"", argv[1]);
}
