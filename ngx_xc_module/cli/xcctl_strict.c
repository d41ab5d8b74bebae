#include "xcctl_strict.h"

#include "../core/xc_ascii.h"
#include "../core/xc_time.h"

#include <stdio.h>

typedef enum {
    XCCTL_TEXT,
    XCCTL_TEXT_OR_NULL,
    XCCTL_COUNT,
    XCCTL_FLAG,
    XCCTL_HASH,                 /* 64 lower-case hexadecimal digits */
    XCCTL_MOMENT,               /* RFC 3339 */
    XCCTL_TEXTS,
    XCCTL_HASHES,
    XCCTL_OBJECT,
    XCCTL_OBJECTS
} xcctl_kind_t;

/* Events as bits. */
enum {
    XCCTL_START = 1,
    XCCTL_RELOAD = 2,
    XCCTL_DECISION = 4,
    XCCTL_OUTCOME = 8,
    XCCTL_SUMMARY = 16,
    XCCTL_REOPEN = 32,
    XCCTL_RECOVER = 64,
    XCCTL_STOP = 128,
    XCCTL_HEARTBEAT = 256,
    XCCTL_PRUNE = 512,
};

static const char *const  xcctl_strict_events[] = {
    "start", "reload", "decision", "outcome", "summary", "reopen", "recover",
    "stop", "heartbeat", "prune"
};

typedef struct {
    xc_str_t       name;
    xcctl_kind_t   kind;
    unsigned       required;    /* of which events */
} xcctl_rule_t;

/* A name has one meaning in all events; those not listed are not looked at,
 * since later versions add some. */
static const xcctl_rule_t  xcctl_strict_rules[] = {
    { { "seq", 3 }, XCCTL_COUNT, 0 },
    { { "prev", 4 }, XCCTL_HASH, 0 },
    { { "time", 4 }, XCCTL_MOMENT, 0 },
    { { "node", 4 }, XCCTL_TEXT, 0 },
    { { "event", 5 }, XCCTL_TEXT, 0 },
    { { "id", 2 }, XCCTL_TEXT, XCCTL_DECISION | XCCTL_OUTCOME },
    { { "client", 6 }, XCCTL_TEXT, XCCTL_DECISION },
    { { "tls", 3 }, XCCTL_TEXT_OR_NULL, 0 },
    { { "method", 6 }, XCCTL_TEXT, 0 },
    { { "host", 4 }, XCCTL_TEXT, 0 },
    { { "uri", 3 }, XCCTL_TEXT, 0 },
    { { "operation", 9 }, XCCTL_TEXT, 0 },
    { { "agency", 6 }, XCCTL_TEXT, 0 },
    { { "level", 5 }, XCCTL_TEXT, 0 },
    { { "credential", 10 }, XCCTL_TEXT, 0 },
    { { "via", 3 }, XCCTL_TEXT, 0 },
    { { "request_no", 10 }, XCCTL_TEXT, 0 },
    { { "purpose", 7 }, XCCTL_TEXT, 0 },
    { { "urgent", 6 }, XCCTL_FLAG, 0 },
    { { "case_no", 7 }, XCCTL_TEXT, 0 },
    { { "legal_basis", 11 }, XCCTL_TEXT, 0 },
    { { "officers", 8 }, XCCTL_HASHES, 0 },
    { { "fields", 6 }, XCCTL_TEXTS, 0 },
    { { "approval", 8 }, XCCTL_TEXT, 0 },
    { { "subjects", 8 }, XCCTL_OBJECTS, 0 },
    { { "window", 6 }, XCCTL_OBJECT, 0 },
    { { "category", 8 }, XCCTL_TEXT, 0 },
    { { "region", 6 }, XCCTL_TEXT, 0 },
    { { "sweep", 5 }, XCCTL_FLAG, 0 },
    { { "content_digest", 14 }, XCCTL_TEXT, 0 },
    { { "signature_input", 15 }, XCCTL_TEXT, 0 },
    { { "signature", 9 }, XCCTL_TEXT, 0 },
    { { "certificate", 11 }, XCCTL_HASH, 0 },
    { { "token", 5 }, XCCTL_HASH, 0 },
    { { "covered", 7 }, XCCTL_OBJECT, 0 },
    { { "decision", 8 }, XCCTL_TEXT, XCCTL_DECISION },
    { { "reason", 6 }, XCCTL_TEXT, 0 },
    { { "limit", 5 }, XCCTL_OBJECT, 0 },
    { { "refused", 7 }, XCCTL_OBJECTS, 0 },
    { { "mode", 4 }, XCCTL_TEXT, XCCTL_DECISION },
    { { "policy", 6 }, XCCTL_OBJECT, XCCTL_DECISION },
    { { "ref", 3 }, XCCTL_TEXT, 0 },
    { { "cut", 3 }, XCCTL_TEXTS, 0 },
    { { "decision_seq", 12 }, XCCTL_COUNT, XCCTL_OUTCOME },
    { { "status", 6 }, XCCTL_COUNT, XCCTL_OUTCOME },
    { { "bytes", 5 }, XCCTL_COUNT, XCCTL_OUTCOME },
    { { "answer_sha256", 13 }, XCCTL_HASH, 0 },
    { { "reply", 5 }, XCCTL_TEXT, 0 },
    { { "upstream", 8 }, XCCTL_TEXT, 0 },
    { { "upstream_status", 15 }, XCCTL_COUNT, 0 },
    { { "ms", 2 }, XCCTL_COUNT, XCCTL_OUTCOME },
    { { "complete", 8 }, XCCTL_FLAG, XCCTL_OUTCOME },
    { { "count", 5 }, XCCTL_COUNT, XCCTL_SUMMARY },
    { { "first", 5 }, XCCTL_MOMENT, XCCTL_SUMMARY },
    { { "last", 4 }, XCCTL_MOMENT, XCCTL_SUMMARY },
    { { "version", 7 }, XCCTL_TEXT, 0 },
    { { "origin", 6 }, XCCTL_TEXT, 0 },
    { { "vkey", 4 }, XCCTL_TEXT, 0 },
    { { "sync", 4 }, XCCTL_TEXT, 0 },
    { { "gates", 5 }, XCCTL_OBJECTS, 0 },
    { { "frontier", 8 }, XCCTL_OBJECT, 0 },
    { { "cause", 5 }, XCCTL_TEXT, XCCTL_RECOVER },
    { { "previous", 8 }, XCCTL_OBJECT, 0 },
    { { "unsure", 6 }, XCCTL_OBJECT, 0 },
    { { "lost", 4 }, XCCTL_OBJECT, 0 },
    { { "set_aside", 9 }, XCCTL_TEXT, 0 },
    { { "before", 6 }, XCCTL_MOMENT, XCCTL_PRUNE },
    { { "files", 5 }, XCCTL_OBJECTS, XCCTL_PRUNE },
};


static bool
xcctl_strict_hash(const xcctl_member_t *node)
{
    size_t    i;
    xc_str_t  text = node->value;

    for (i = 0; i < text.len; i++) {
        if (!xc_ascii_is_digit(text.data[i])
            && (text.data[i] < 'a' || text.data[i] > 'f'))
        {
            return false;
        }
    }

    return node->type == '"' && text.len == 64;
}


static bool
xcctl_strict_all(const xcctl_member_t *array, xcctl_kind_t kind)
{
    xc_str_t        rest = array->value;
    xcctl_member_t  element;

    if (array->type != '[') {
        return false;
    }

    while (xcctl_scan_next(&rest, &element)) {
        if (element.type != (kind == XCCTL_OBJECTS ? '{' : '"')
            || (kind == XCCTL_HASHES && !xcctl_strict_hash(&element)))
        {
            return false;
        }
    }

    return true;
}


static bool
xcctl_strict_kind(const xcctl_member_t *node, xcctl_kind_t kind)
{
    int64_t   t_s;
    uint64_t  n;

    switch (kind) {

    case XCCTL_TEXT:
        return node->type == '"';

    case XCCTL_TEXT_OR_NULL:
        return node->type == '"' || node->type == 'n';

    case XCCTL_COUNT:
        return node->type == '0' && xc_ascii_u64(node->value, UINT64_MAX, &n);

    case XCCTL_FLAG:
        return node->type == 't' || node->type == 'f';

    case XCCTL_HASH:
        return xcctl_strict_hash(node);

    case XCCTL_MOMENT:
        return node->type == '"' && xc_time_parse(node->value, &t_s) == XC_OK;

    case XCCTL_OBJECT:
        return node->type == '{';

    default:
        return xcctl_strict_all(node, kind);
    }
}


static unsigned
xcctl_strict_event(xc_str_t event)
{
    size_t  i;

    for (i = 0; i < XC_COUNT(xcctl_strict_events); i++) {
        if (xc_str_eq(event, xc_str_z(xcctl_strict_events[i]))) {
            return 1u << i;
        }
    }

    return 0;
}


static const xcctl_rule_t *
xcctl_strict_rule(xc_str_t name, size_t from)
{
    size_t               i, n = XC_COUNT(xcctl_strict_rules);
    const xcctl_rule_t  *rule;

    /* Records have the table's order, mostly: from the last one found on. */
    for (i = 0; i < n; i++) {
        rule = &xcctl_strict_rules[(from + i) % n];

        if (xc_str_eq(name, rule->name)) {
            return rule;
        }
    }

    return NULL;
}


static bool
xcctl_strict_missing(const xcctl_record_t *record, unsigned event, char *error,
    size_t size)
{
    size_t               i;
    const xcctl_rule_t  *rule;

    for (i = 0; i < XC_COUNT(xcctl_strict_rules); i++) {
        rule = &xcctl_strict_rules[i];

        if ((rule->required & event) != 0
            && xcctl_scan_find(&record->scan, rule->name) == NULL)
        {
            (void) snprintf(error, size, "the member \"" XC_STR_FMT "\" is "
                            "missing", XC_STR_ARG(rule->name));
            return true;
        }
    }

    return false;
}


bool
xcctl_strict(xcctl_record_t *record, char *error, size_t size)
{
    size_t                 i, at = 0;
    unsigned               event = xcctl_strict_event(record->event);
    const xcctl_rule_t    *rule;
    const xcctl_member_t  *member;

    if (!xcctl_record_scan(record, error, size)) {
        return false;
    }

    if (event == 0) {
        (void) snprintf(error, size, "no event of this version");
        return false;
    }

    for (i = 0; i < record->scan.n; i++) {
        member = &record->scan.member[i];
        rule = xcctl_strict_rule(member->key, at);
        at = rule == NULL ? at : (size_t) (rule - xcctl_strict_rules) + 1;

        if (rule != NULL && !xcctl_strict_kind(member, rule->kind)) {
            (void) snprintf(error, size, "the member \"" XC_STR_FMT "\" has a"
                            " wrong type or form", XC_STR_ARG(rule->name));
            return false;
        }
    }

    return !xcctl_strict_missing(record, event, error, size);
}
