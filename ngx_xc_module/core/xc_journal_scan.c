#define _GNU_SOURCE             /* memmem() */

#include "xc_journal_impl.h"

#include "xc_ascii.h"
#include "xc_time.h"

#include <errno.h>


typedef bool (*xc_journal_line_fn)(void *ctx, xc_str_t line);

typedef struct {
    xc_journal_cursor_t  *cursor;
    xc_str_t              node;
    xc_rc_t               rc;
} xc_journal_follow_t;


static bool
xc_journal_skip(xc_str_t *in, xc_str_t literal)
{
    if (in->len < literal.len
        || memcmp(in->data, literal.data, literal.len) != 0)
    {
        return false;
    }

    in->data += literal.len;
    in->len -= literal.len;

    return true;
}


/* What stands before the character end, which is skipped too. */
static bool
xc_journal_until(xc_str_t *in, char end, xc_str_t *out)
{
    const char  *p;

    p = in->len == 0 ? NULL : memchr(in->data, end, in->len);
    if (p == NULL) {
        return false;
    }

    *out = (xc_str_t) { in->data, (size_t) (p - in->data) };
    in->data += out->len + 1;
    in->len -= out->len + 1;

    return true;
}


static bool
xc_journal_parse_seq(xc_str_t in, uint64_t *out)
{
    return xc_ascii_u64(in, UINT64_MAX, out)
           && (in.len == 1 || in.data[0] != '0');
}


static bool
xc_journal_parse_hash(xc_str_t in, uint8_t out[XC_SHA256_SIZE])
{
    char  again[2 * XC_SHA256_SIZE];

    if (!xc_hex_decode(out, XC_SHA256_SIZE, in)) {
        return false;
    }

    /* Lower case only: a line has one spelling. */
    xc_hex_encode(again, out, XC_SHA256_SIZE);

    return memcmp(again, in.data, sizeof(again)) == 0;
}


/* "2026-11-22T10:20:30.123456Z" */
static bool
xc_journal_parse_time(xc_str_t in, int64_t *out_us)
{
    int64_t   t_s;
    uint64_t  us;

    if (in.len != 27 || in.data[10] != 'T' || in.data[19] != '.'
        || in.data[26] != 'Z' || xc_time_parse(in, &t_s) != XC_OK
        || !xc_ascii_u64((xc_str_t) { in.data + 20, 6 }, 999999, &us))
    {
        return false;
    }

    *out_us = t_s * 1000000 + (int64_t) us;

    return true;
}


bool
xc_journal_parse(xc_str_t line, xc_journal_prefix_t *out)
{
    xc_str_t             seq, prev, time;
    xc_journal_prefix_t  p;

    if (!xc_journal_skip(&line, XC_STR("{\"seq\":"))
        || !xc_journal_until(&line, ',', &seq)
        || !xc_journal_parse_seq(seq, &p.seq)
        || !xc_journal_skip(&line, XC_STR("\"prev\":\""))
        || !xc_journal_until(&line, '"', &prev)
        || !xc_journal_parse_hash(prev, p.prev)
        || !xc_journal_skip(&line, XC_STR(",\"time\":\""))
        || !xc_journal_until(&line, '"', &time)
        || !xc_journal_parse_time(time, &p.time_us)
        || !xc_journal_skip(&line, XC_STR(",\"node\":\""))
        || !xc_journal_until(&line, '"', &p.node)
        || !xc_ascii_is_id(p.node)
        || !xc_journal_skip(&line, XC_STR(",\"event\":\"")))
    {
        return false;
    }

    *out = p;

    return true;
}


bool
xc_journal_line_prefix(xc_str_t line, uint64_t *seq,
    uint8_t prev[XC_SHA256_SIZE])
{
    xc_journal_prefix_t  p;

    if (!xc_journal_parse(line, &p)) {
        return false;
    }

    *seq = p.seq;
    memcpy(prev, p.prev, XC_SHA256_SIZE);

    return true;
}


/* A record, as far as can be seen without reading JSON: a page that a power
 * loss has zeroed in the middle of a line does not pass. */
static bool
xc_journal_is_record(xc_str_t line, xc_journal_prefix_t *prefix)
{
    return xc_journal_parse(line, prefix) && line.data[line.len - 1] == '}'
           && xc_ascii_no_controls(line) && xc_ascii_is_utf8(line);
}


/*
 * Hands out the whole lines of [from, limit) until fn returns false or a line
 * is too long, which skip passes over.  *end: behind the last line taken.
 */
static xc_rc_t
xc_journal_lines(int fd, uint64_t from, uint64_t limit, bool skip,
    xc_journal_line_fn fn, void *ctx, uint64_t *end)
{
    char      buf[XC_JOURNAL_LINE_MAX + 1];
    size_t    used;
    ssize_t   n;
    xc_str_t  rest, line;

    for (*end = from; *end < limit; *end += used) {
        n = xc_journal_pread(fd, buf, XC_MIN(sizeof(buf), limit - *end), *end);
        if (n < 0) {
            return XC_EIO;
        }

        rest = (xc_str_t) { buf, (size_t) n };
        used = 0;

        while (xc_journal_until(&rest, '\n', &line)) {
            if (!fn(ctx, line)) {
                *end += used;
                return XC_OK;
            }

            used += line.len + 1;
        }

        if (used == 0 && skip && n == (ssize_t) sizeof(buf)) {
            used = (size_t) n;
        }

        if (used == 0) {
            break;
        }
    }

    return XC_OK;
}


/* The frontier that ends a file's first line.  Within a string its quotes
 * would be escaped, so that no member can forge one. */
static bool
xc_journal_parse_frontier(xc_str_t line, uint64_t seq, xc_merkle_t *tree)
{
    unsigned           i;
    uint64_t           size;
    xc_str_t           text, n;
    xc_merkle_t        parsed;
    static const char  begin[] = ",\"frontier\":{\"size\":";

    text.data = memmem(line.data, line.len, begin, sizeof(begin) - 1);
    if (text.data == NULL) {
        return false;
    }

    text.data += sizeof(begin) - 1;
    text.len = (size_t) (line.data + line.len - text.data);

    if (!xc_journal_until(&text, ',', &n) || !xc_journal_parse_seq(n, &size)
        || size != seq || !xc_journal_skip(&text, XC_STR("\"hashes\":[")))
    {
        return false;
    }

    for (i = 0; i < xc_merkle_count(size); i++) {
        if ((i != 0 && !xc_journal_skip(&text, XC_STR(",")))
            || !xc_journal_skip(&text, XC_STR("\""))
            || !xc_journal_until(&text, '"', &n)
            || !xc_journal_parse_hash(n, parsed.hashes[i]))
        {
            return false;
        }
    }

    if (!xc_str_eq(text, XC_STR("]}}"))) {
        return false;
    }

    parsed.size = size;
    *tree = parsed;

    return true;
}


static xc_rc_t
xc_journal_grow(xc_journal_cursor_t *c)
{
    xc_rc_t  rc;

    rc = xc_merkle_append(&c->tree, c->leaf);

    if (rc == XC_OK && c->tree.size == c->mark) {
        c->marked = true;
        rc = xc_merkle_root(&c->tree, c->root);
    }

    return rc;
}


/* A record that goes on, in the same file, behind lines that were cut off. */
static bool
xc_journal_is_gap(xc_str_t line, const xc_journal_prefix_t *p,
    xc_journal_cursor_t *c)
{
    static const char  begin[] = "\"event\":\"recover\","
                                 "\"cause\":\"log-truncated\",";

    return p->seq > c->seq
           && memmem(line.data, line.len, begin, sizeof(begin) - 1) != NULL
           && xc_journal_parse_frontier(line, p->seq, &c->tree);
}


static bool
xc_journal_follow(void *ctx, xc_str_t line)
{
    xc_journal_prefix_t   p;
    xc_journal_follow_t  *follow = ctx;
    xc_journal_cursor_t  *c = follow->cursor;

    if (!xc_journal_is_record(line, &p)) {
        return false;
    }

    if (!xc_str_eq(p.node, follow->node)) {
        follow->rc = c->any ? XC_EINPUT : XC_OK;
        return false;
    }

    if (c->any) {
        c->first_seq = p.seq;
        c->any = false;
        c->lost = p.seq != 0
                  && !xc_journal_parse_frontier(line, p.seq, &c->tree);

    } else if ((p.seq != c->seq
                || memcmp(p.prev, c->leaf, XC_SHA256_SIZE) != 0)
               && !xc_journal_is_gap(line, &p, c))
    {
        return false;
    }

    follow->rc = xc_hash_leaf(line.data, line.len, c->leaf);
    if (follow->rc == XC_OK && !c->lost) {
        follow->rc = xc_journal_grow(c);
    }

    if (follow->rc != XC_OK) {
        return false;
    }

    c->seq = p.seq + 1;
    c->last_us = p.time_us;
    c->lines++;

    return true;
}


xc_rc_t
xc_journal_scan(xc_journal_op_t *op, int fd, uint64_t limit,
    xc_journal_cursor_t *cursor)
{
    uint64_t             end;
    xc_journal_t        *journal = op->journal;
    xc_journal_follow_t  follow = { cursor, journal->conf.node, XC_OK };

    if (xc_journal_lines(fd, cursor->size, limit, false, xc_journal_follow,
                         &follow, &end)
        != XC_OK)
    {
        return xc_journal_eio(journal, op->report, "read", XC_JOURNAL_LOG,
                              "requests are refused until it can be");
    }

    if (follow.rc == XC_EINPUT) {
        xc_journal_say(op->report, false, "%s/" XC_JOURNAL_LOG " is another "
                       "node's, not \"" XC_STR_FMT "\"'s; move it away",
                       journal->conf.dir, XC_STR_ARG(journal->conf.node));
    }

    cursor->size = end;

    return follow.rc;
}


static bool
xc_journal_no_record(void *ctx, xc_str_t line)
{
    bool                 *found = ctx;
    xc_journal_prefix_t   prefix;

    *found = xc_journal_is_record(line, &prefix);

    return !*found;
}


xc_rc_t
xc_journal_scan_rest(xc_journal_op_t *op, int fd, uint64_t from)
{
    bool      found = false;
    uint64_t  end;

    if (xc_journal_lines(fd, from, UINT64_MAX, true, xc_journal_no_record,
                         &found, &end)
        != XC_OK)
    {
        return xc_journal_eio(op->journal, op->report, "read", XC_JOURNAL_LOG,
                              "requests are refused until it can be");
    }

    return found ? XC_DENIED : XC_OK;
}
