#include "xcctl_replay.h"

#include "xcctl.h"
#include "xcctl_options.h"
#include "xcctl_policy.h"

#include "../core/xc_buf.h"
#include "../core/xc_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define XCCTL_REPLAY_KEY    320

typedef struct {
    xcctl_replay_policy_t  policy;
    xcctl_replay_t         replay;
    xcctl_record_t         record;
    bool                   now;         /* decide as of now_s */
    int64_t                now_s;
} xcctl_replayer_t;


static bool
xcctl_replay_tally(xcctl_tally_t *tally, xc_str_t key, size_t which)
{
    xcctl_count_t  *count;

    count = xcctl_tally_at(tally, key.len == 0 ? XC_STR("-") : key);
    if (count != NULL) {
        count->n[which]++;
    }

    return count != NULL;
}


/* "merchant.name field-not-granted": refused now, or then and not so now. */
static bool
xcctl_replay_fields(xcctl_replay_t *replay, const xcctl_replayed_t *one,
    xc_buf_t *example)
{
    bool              ok = true;
    char              mem[XCCTL_REPLAY_KEY];
    size_t            i;
    xc_buf_t          key;
    xc_str_t          field, then, now;
    const xc_json_t  *list, *element;

    list = xc_json_member(one->root, XC_STR("fields"));

    for (i = 0; (element = xc_json_element(list, i)) != NULL && ok; i++) {
        field = xc_json_string(element);
        then = xcctl_replayed_field(one, field);
        now = xcctl_replayed_now(one, field);

        if (xc_str_eq(then, now)) {
            continue;
        }

        xc_buf_init(&key, mem, sizeof(mem));
        xc_buf_str(&key, field);
        xc_buf_char(&key, ' ');
        xc_buf_str(&key, now.data != NULL ? now : then);

        ok = xcctl_replay_tally(&replay->fields, xc_buf_view(&key),
                                now.data != NULL ? XCCTL_REPLAY_DENIES
                                                 : XCCTL_REPLAY_ALLOWS);

        /* what does not fit is dropped whole */
        if (example->len + key.len + 8 < example->cap) {
            xc_buf_z(example, example->len == 0 ? "" : ", ");
            xc_buf_z(example, now.data != NULL ? "+" : "-");
            xc_buf_str(example, xc_buf_view(&key));
        }
    }

    return ok;
}


static void
xcctl_replay_copy(char *out, size_t size, xc_str_t text)
{
    (void) snprintf(out, size, XC_STR_FMT, XC_STR_ARG(text));
}


static void
xcctl_replay_example(xcctl_replay_example_t *out, const xcctl_record_t *record,
    const xcctl_replayed_t *one, xc_str_t now, xc_str_t fields)
{
    xc_buf_t  b;

    out->seq = record->seq;
    xcctl_replay_copy(out->node, sizeof(out->node), record->node);
    xcctl_replay_copy(out->agency, sizeof(out->agency), one->agency);
    xcctl_replay_copy(out->operation, sizeof(out->operation), one->operation);
    xcctl_replay_copy(out->was, sizeof(out->was),
                      one->allowed ? XC_STR("allow") : one->reason);
    xcctl_replay_copy(out->now, sizeof(out->now), now);
    xcctl_replay_copy(out->fields, sizeof(out->fields), fields);

    xc_buf_init(&b, out->time, sizeof(out->time) - 1);
    xc_time_format_s(&b, record->time_us / 1000000);
    out->time[b.len] = '\0';
}


static bool
xcctl_replay_changed(xcctl_replay_t *replay, const xcctl_record_t *record,
    const xcctl_replayed_t *one)
{
    char       fields[XCCTL_REPLAY_TEXT], mem[XCCTL_REPLAY_KEY];
    size_t     which = one->change;
    xc_buf_t   differ, reason;
    xc_str_t   now = XC_STR("allow");
    uint64_t   nth = replay->changed[which]++;

    if (one->ask.verdict.reason != XC_REASON_NONE) {
        now = xc_reason_info(one->ask.verdict.reason)->code;
    }

    xc_buf_init(&reason, mem, sizeof(mem));
    xc_buf_str(&reason, one->allowed ? XC_STR("allow") : one->reason);
    xc_buf_z(&reason, " -> ");
    xc_buf_str(&reason, now);
    xc_buf_init(&differ, fields, sizeof(fields));

    if (!xcctl_replay_fields(replay, one, &differ)
        || !xcctl_replay_tally(&replay->agencies, one->agency, which)
        || !xcctl_replay_tally(&replay->operations, one->operation, which)
        || !xcctl_replay_tally(&replay->reasons, xc_buf_view(&reason), which))
    {
        return false;
    }

    if (nth < XCCTL_REPLAY_EXAMPLES) {
        xcctl_replay_example(&replay->examples[which][nth], record, one, now,
                             xc_buf_view(&differ));
    }

    return true;
}


static xc_str_t
xcctl_replay_version(const xcctl_replayed_t *one, xc_buf_t *out)
{
    const xc_json_t  *part, *policy;

    policy = xc_json_member(one->root, XC_STR("policy"));
    part = xc_json_member(policy, XC_STR("id"));
    xc_buf_str(out, part == NULL ? XC_STR("-") : xc_json_string(part));
    xc_buf_char(out, ' ');
    part = xc_json_member(policy, XC_STR("version"));
    xc_buf_str(out, part == NULL ? XC_STR("-") : xc_json_string(part));

    return xc_buf_view(out);
}


xc_rc_t
xcctl_replay_count(xcctl_replay_t *replay, const xcctl_record_t *record,
    const xcctl_replayed_t *one)
{
    bool      ok;
    char      mem[XCCTL_REPLAY_KEY];
    xc_buf_t  version;

    xc_buf_init(&version, mem, sizeof(mem));

    replay->decisions++;
    ok = xcctl_replay_tally(&replay->policies,
                            xcctl_replay_version(one, &version), 0);

    if (one->change == XCCTL_REPLAY_UNKNOWN) {
        replay->unknown++;
        ok = ok && xcctl_replay_tally(&replay->why, one->unknown, 0);

        return ok ? XC_OK : XC_ENOMEM;
    }

    replay->subjects += one->subjects;
    replay->allowed += one->change == XCCTL_REPLAY_SAME && one->allowed;
    replay->refused += one->change == XCCTL_REPLAY_SAME && !one->allowed;

    if (one->change != XCCTL_REPLAY_SAME) {
        ok = ok && xcctl_replay_changed(replay, record, one);
    }

    return ok ? XC_OK : XC_ENOMEM;
}


static xc_rc_t
xcctl_replay_record(xcctl_replayer_t *r)
{
    xc_rc_t           rc;
    xc_heap_t         heap;
    xcctl_replayed_t  one;

    xc_heap_init(&heap, 0);

    rc = xcctl_replay_decide(&r->policy, &heap.arena, r->record.line, r->now
                             ? r->now_s : r->record.time_us / 1000000, &one);
    if (rc == XC_OK) {
        rc = xcctl_replay_numbered(&r->policy, &r->record, &one);
    }

    if (rc == XC_OK) {
        rc = xcctl_replay_count(&r->replay, &r->record, &one);
    }

    xc_heap_free(&heap);

    return rc;
}


static xc_rc_t
xcctl_replay_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    char               error[160] = "not whole";
    xc_rc_t            rc = XC_EINPUT;
    xcctl_replayer_t  *r = ctx;

    if (kind == XCCTL_LOG_LINE
        && xcctl_record_read(&r->record, where, text, error, sizeof(error))
        && xcctl_record_scan(&r->record, error, sizeof(error)))
    {
        r->replay.records++;
        rc = xcctl_record_event(&r->record, "decision")
             ? xcctl_replay_record(r) : XC_OK;
    }

    if (rc == XC_EINPUT) {
        (void) xcctl_fail("%s:%" PRIu64 ": no record, passed over: %s",
                          where.file, where.line, error);
        r->replay.unreadable++;
        return XC_OK;
    }

    return rc;
}


static void
xcctl_replay_free(xcctl_replayer_t *r)
{
    xcctl_replay_close(&r->policy);
    xcctl_tally_free(&r->replay.agencies);
    xcctl_tally_free(&r->replay.operations);
    xcctl_tally_free(&r->replay.reasons);
    xcctl_tally_free(&r->replay.fields);
    xcctl_tally_free(&r->replay.policies);
    xcctl_tally_free(&r->replay.why);
    free(r);
}


static int
xcctl_replay_run(xcctl_replayer_t *r, int argc, char **argv, bool json)
{
    int              status;
    xcctl_replay_t  *replay = &r->replay;

    if (!xcctl_replay_open(&r->policy, argv[1])) {
        return XCCTL_USAGE;
    }

    status = xcctl_log_files(argv + 2, argc - 2, xcctl_replay_line, r);
    if (status != XCCTL_OK) {
        return XCCTL_USAGE;
    }

    xcctl_tally_sort(&replay->agencies, false);
    xcctl_tally_sort(&replay->operations, false);
    xcctl_tally_sort(&replay->reasons, false);
    xcctl_tally_sort(&replay->fields, false);
    xcctl_tally_sort(&replay->policies, true);
    xcctl_tally_sort(&replay->why, false);

    if (json) {
        xcctl_replay_json(replay, &r->policy.file);

    } else {
        xcctl_replay_text(replay, &r->policy.file);
    }

    if (replay->unreadable != 0) {
        return XCCTL_USAGE;
    }

    return replay->changed[XCCTL_REPLAY_DENIES]
           + replay->changed[XCCTL_REPLAY_ALLOWS]
           + replay->changed[XCCTL_REPLAY_OTHERWISE] == 0
           ? XCCTL_OK : XCCTL_FAIL;
}


int
xcctl_policy_replay(int argc, char **argv)
{
    int                n, status;
    const char        *at = "record";
    xcctl_replayer_t  *r;
    xcctl_option_t     options[] = {
        { "--at", false, &at, 1, 0 },
        { "--json", true, NULL, 1, 0 }
    };

    n = xcctl_options_any(argc, argv, options, XC_COUNT(options));
    if (n < 0) {
        return XCCTL_USAGE;
    }

    if (n < 3 || (strcmp(at, "now") != 0 && strcmp(at, "record") != 0)) {
        return xcctl_usage("policy replay FILE LOG... [--at now|record] "
                           "[--json]");
    }

    r = calloc(1, sizeof(xcctl_replayer_t));
    if (r == NULL) {
        (void) xcctl_fail("out of memory");
        return XCCTL_USAGE;
    }

    r->now = strcmp(at, "now") == 0;
    r->now_s = (int64_t) time(NULL);

    status = xcctl_replay_run(r, n, argv, options[1].n != 0);
    xcctl_replay_free(r);

    return status;
}
