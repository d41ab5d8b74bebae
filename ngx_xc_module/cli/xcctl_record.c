#define _GNU_SOURCE             /* memmem() */

#include "xcctl_record.h"

#include "../core/xc_ascii.h"
#include "../core/xc_time.h"

#include <stdio.h>

/* Octets at a line's end that hold what a decision ends with, as a rule. */
#define XCCTL_RECORD_TAIL   256


/* Lower case only: a line has one spelling.  One more than the digit's value,
 * 0 for what is none; a table, since no branch on digits can be foretold. */
static const uint8_t  xcctl_record_hex[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};


static bool
xcctl_record_hash(xc_str_t in, uint8_t out[XC_SHA256_SIZE])
{
    bool      whole = in.len == 2 * XC_SHA256_SIZE;
    size_t    i;
    unsigned  high, low;

    for (i = 0; whole && i < XC_SHA256_SIZE; i++) {
        high = xcctl_record_hex[(unsigned char) in.data[2 * i]];
        low = xcctl_record_hex[(unsigned char) in.data[2 * i + 1]];
        whole = high != 0 && low != 0;
        out[i] = (uint8_t) ((high - 1) << 4 | (low - 1));
    }

    return whole;
}


static unsigned
xcctl_record_two(const char *p)
{
    return (unsigned) (p[0] - '0') * 10 + (unsigned) (p[1] - '0');
}


/* "2026-11-22T10:20:30.123456Z"; most records share their date with the one
 * before. */
static bool
xcctl_record_time(xcctl_record_t *record, xc_str_t in)
{
    size_t              i;
    char                start[20];
    int64_t             day_s;
    uint64_t            us;
    const char         *p = in.data;
    static const char   form[] = "0000-00-00T00:00:00.000000Z";

    if (in.len != sizeof(form) - 1) {
        return false;
    }

    for (i = 0; i < in.len; i++) {
        if (form[i] == '0' ? !xc_ascii_is_digit(p[i]) : p[i] != form[i]) {
            return false;
        }
    }

    if (memcmp(record->date, p, sizeof(record->date)) != 0) {
        memcpy(start, p, 10);
        memcpy(start + 10, "T00:00:00Z", 10);

        if (xc_time_parse((xc_str_t) { start, 20 }, &day_s) != XC_OK) {
            return false;
        }

        memcpy(record->date, p, sizeof(record->date));
        record->date_us = day_s * 1000000;
    }

    if (xcctl_record_two(p + 11) > 23 || xcctl_record_two(p + 14) > 59
        || xcctl_record_two(p + 17) > 59)
    {
        return false;
    }

    us = ((xcctl_record_two(p + 11) * 60 + xcctl_record_two(p + 14)) * 60
          + xcctl_record_two(p + 17)) * UINT64_C(1000000)
         + xcctl_record_two(p + 20) * 10000 + xcctl_record_two(p + 22) * 100
         + xcctl_record_two(p + 24);

    record->time_us = record->date_us + (int64_t) us;

    return true;
}


/* Characters at the start of s that no record holds unless it holds other than
 * printable ASCII: sixteen at a time. */
static size_t
xcctl_record_ascii(const char *p, size_t len)
{
    typedef signed char  octets_t __attribute__((vector_size(16)));

    size_t    i;
    octets_t  octets, odd;
    uint64_t  any[2];

    for (i = 0; len - i >= 16; i += 16) {
        memcpy(&octets, p + i, 16);

        /* as signed numbers what is not ASCII lies below, too */
        odd = (octets_t) (octets < 0x20);
        memcpy(any, &odd, 16);

        if ((any[0] | any[1]) != 0) {
            break;
        }
    }

    while (i < len && (signed char) p[i] >= 0x20) {
        i++;
    }

    return i;
}


/* NULL, or what is wrong; *at then is where. */
static const char *
xcctl_record_text(xc_str_t s, size_t *at)
{
    size_t  i = 0, n;

    for ( ;; ) {
        i += xcctl_record_ascii(s.data + i, s.len - i);
        *at = i;

        if (i == s.len) {
            return NULL;
        }

        if ((unsigned char) s.data[i] < 0x20) {
            return "a control character";
        }

        do {
            n = xc_ascii_utf8_len((xc_str_t) { s.data + i, s.len - i });
            i += n;
        } while (n > 1 && i < s.len);

        if (n == 0) {
            *at = i;
            return "not UTF-8";
        }
    }
}


static bool
xcctl_record_skip(const char **p, const char *end, const char *literal,
    size_t len)
{
    if ((size_t) (end - *p) < len || memcmp(*p, literal, len) != 0) {
        return false;
    }

    *p += len;

    return true;
}

#define XCCTL_RECORD_SKIP(p, end, literal)                                    \
    xcctl_record_skip(p, end, literal, sizeof(literal) - 1)


/* Up to a quote, which is skipped, too. */
static bool
xcctl_record_string(const char **p, const char *end, xc_str_t *out)
{
    const char  *quote = memchr(*p, '"', (size_t) (end - *p));

    if (quote == NULL) {
        return false;
    }

    *out = (xc_str_t) { *p, (size_t) (quote - *p) };
    *p = quote + 1;

    return true;
}


static bool
xcctl_record_seq(const char **p, const char *end, uint64_t *seq)
{
    const char  *from = *p;

    while (*p < end && xc_ascii_is_digit(**p)) {
        (*p)++;
    }

    return (*p - from == 1 || (*p > from && *from != '0'))
           && xc_ascii_u64((xc_str_t) { from, (size_t) (*p - from) },
                           UINT64_MAX, seq);
}


/* The common members, in their order and without a space between them. */
static bool
xcctl_record_begin(xcctl_record_t *record)
{
    xc_str_t     prev, moment;
    const char  *p = record->line.data, *end = p + record->line.len;

    return XCCTL_RECORD_SKIP(&p, end, "{\"seq\":")
           && xcctl_record_seq(&p, end, &record->seq)
           && XCCTL_RECORD_SKIP(&p, end, ",\"prev\":\"")
           && xcctl_record_string(&p, end, &prev)
           && xcctl_record_hash(prev, record->prev)
           && XCCTL_RECORD_SKIP(&p, end, ",\"time\":\"")
           && xcctl_record_string(&p, end, &moment)
           && xcctl_record_time(record, moment)
           && XCCTL_RECORD_SKIP(&p, end, ",\"node\":\"")
           && xcctl_record_string(&p, end, &record->node)
           && xc_ascii_is_id(record->node)
           && XCCTL_RECORD_SKIP(&p, end, ",\"event\":\"")
           && xcctl_record_string(&p, end, &record->event)
           && p < end && (*p == ',' || *p == '}');
}


bool
xcctl_record_scan(xcctl_record_t *record, char *error, size_t size)
{
    if (record->scanned) {
        return true;
    }

    record->scanned = xcctl_scan(record->line, &record->scan);

    if (!record->scanned) {
        (void) snprintf(error, size, "not JSON: %s at octet %zu",
                        record->scan.error, record->scan.at);
    }

    return record->scanned;
}


bool
xcctl_record_read(xcctl_record_t *record, xcctl_where_t where, xc_str_t line,
    char *error, size_t size)
{
    bool         begins;
    size_t       at;
    const char  *fault;

    record->where = where;
    record->line = line;
    record->scanned = false;

    begins = xcctl_record_begin(record);

    if (!begins || (!xcctl_record_event(record, "decision")
                    && !xcctl_record_event(record, "outcome")))
    {
        if (!xcctl_record_scan(record, error, size)) {
            return false;
        }

    } else {
        fault = xcctl_record_text(line, &at);

        if (fault == NULL && line.data[line.len - 1] != '}') {
            fault = "} is missing";
        }

        if (fault != NULL) {
            (void) snprintf(error, size, "not JSON: %s at octet %zu", fault,
                            at + 1);
            return false;
        }
    }

    if (!begins) {
        (void) snprintf(error, size, "does not begin as a record does: seq, "
                        "prev, time, node, event");
    }

    return begins;
}


static const char *
xcctl_record_last_in(const char *p, const char *end, xc_str_t member)
{
    const char  *last = NULL;

    while ((p = memmem(p, (size_t) (end - p), member.data, member.len))
           != NULL)
    {
        p += member.len;
        last = p;
    }

    return last;
}


/* Behind the last occurrence of a member's beginning; NULL: there is none.  A
 * quote inside a string has a backslash before it, so that none is there. */
static const char *
xcctl_record_last(const xcctl_record_t *record, xc_str_t member)
{
    const char  *start = record->line.data, *end = start + record->line.len;
    const char  *last = NULL;

    if (record->line.len > XCCTL_RECORD_TAIL) {
        last = xcctl_record_last_in(end - XCCTL_RECORD_TAIL, end, member);
    }

    return last != NULL ? last : xcctl_record_last_in(start, end, member);
}


static bool
xcctl_record_says(const xcctl_record_t *record, xc_str_t member, xc_str_t value)
{
    const char  *p = xcctl_record_last(record, member);
    const char  *end = record->line.data + record->line.len;

    return p != NULL && XCCTL_RECORD_SKIP(&p, end, "\"")
           && xcctl_record_skip(&p, end, value.data, value.len)
           && XCCTL_RECORD_SKIP(&p, end, "\"");
}


bool
xcctl_record_admitted(const xcctl_record_t *record, bool *allowed)
{
    if (!xcctl_record_event(record, "decision")) {
        return false;
    }

    *allowed = xcctl_record_says(record, XC_STR(",\"decision\":"),
                                 XC_STR("allow"));

    return *allowed || xcctl_record_says(record, XC_STR(",\"mode\":"),
                                         XC_STR("observe"));
}


bool
xcctl_record_decision(xcctl_record_t *record, uint64_t *seq)
{
    const char  *p = xcctl_record_last(record, XC_STR(",\"decision_seq\":"));

    return xcctl_record_event(record, "outcome") && p != NULL
           && xcctl_record_seq(&p, record->line.data + record->line.len, seq);
}


bool
xcctl_record_gives_up(const xcctl_record_t *record, uint64_t *from,
    uint64_t *to)
{
    xcctl_scan_t           scan;
    const xcctl_member_t  *range;

    range = xcctl_scan_find(&record->scan, XC_STR("unsure"));
    if (range == NULL) {
        range = xcctl_scan_find(&record->scan, XC_STR("lost"));
    }

    if (range == NULL) {
        *from = record->seq;
        *to = record->seq - 1;
        return true;
    }

    return range->type == '{'
           && xcctl_scan(range->value, &scan)
           && xcctl_scan_u64(&scan, XC_STR("from"), from)
           && xcctl_scan_u64(&scan, XC_STR("to"), to)
           && *from <= *to;
}
