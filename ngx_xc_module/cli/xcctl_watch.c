#include "xcctl_watch.h"

#include "../core/xc_ascii.h"
#include "../core/xc_json.h"
#include "../core/xc_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define XCCTL_WATCH_DEPTH   16
#define XCCTL_TIME_MAX      32


struct xcctl_gate_s {
    xc_str_t       server, location, mode, policy, sha256;
    bool           met;
    xcctl_gate_t  *next;
};


static const char *
xcctl_watch_time(char mem[XCCTL_TIME_MAX], int64_t time_us)
{
    xc_buf_t  out;

    xc_buf_init(&out, mem, XCCTL_TIME_MAX - 1);
    xc_time_format_us(&out, time_us);
    mem[out.len] = '\0';

    return mem;
}


/* A record every heartbeat is what a running gate owes. */
static void
xcctl_watch_gap(const xcctl_watch_t *watch, const xcctl_record_t *record)
{
    char     from[XCCTL_TIME_MAX];
    int64_t  gap_us = record->time_us - watch->time_us;

    if (gap_us < 0) {
        printf("%s:%" PRIu64 ": the clock went back by %" PRId64 ".%03d s\n",
               record->where.file, record->where.line, -gap_us / 1000000,
               (int) (-gap_us / 1000 % 1000));
        return;
    }

    if (watch->stopped || (uint64_t) gap_us / 2000000 < watch->heartbeat_s
        || (uint64_t) gap_us <= watch->heartbeat_s * 2000000)
    {
        return;
    }

    printf("%s:%" PRIu64 ": no record for %" PRId64 " s since %s, though a "
           "heartbeat is due every %" PRIu64 " s\n", record->where.file,
           record->where.line, gap_us / 1000000,
           xcctl_watch_time(from, watch->time_us), watch->heartbeat_s);
}


/* For a terminal: what an escape hid must not steer it. */
static xc_str_t
xcctl_watch_text(const xc_json_t *object, const char *key)
{
    xc_str_t          text;
    const xc_json_t  *member = xc_json_member(object, xc_str_z(key));

    text = member == NULL ? XC_STR("") : xc_json_string(member);

    return xc_ascii_no_controls(text) ? text : XC_STR("(unprintable)");
}


/* In whole seconds, rounded up; 0: not told. */
static uint64_t
xcctl_watch_interval(const xc_json_t *root)
{
    int64_t           ms;
    const xc_json_t  *member = xc_json_member(root, XC_STR("heartbeat_ms"));

    if (member == NULL || xc_json_type(member) != XC_JSON_INT) {
        return 0;
    }

    ms = xc_json_int(member);

    return ms > 0 ? ((uint64_t) ms + 999) / 1000 : 0;
}


/* "observe until 2026-12-01T00:00:00Z": another end is another mode. */
static xc_str_t
xcctl_watch_mode(xc_arena_t *arena, const xc_json_t *node)
{
    xc_str_t  mode = xcctl_watch_text(node, "mode");
    xc_str_t  until = xcctl_watch_text(node, "until");

    return until.len == 0
           ? mode
           : xc_arena_printf(arena, XC_STR_FMT " until " XC_STR_FMT,
                             XC_STR_ARG(mode), XC_STR_ARG(until));
}


static xc_rc_t
xcctl_watch_read_gate(xc_arena_t *arena, const xc_json_t *node,
    xcctl_gate_t **list)
{
    xc_str_t          id, version;
    xcctl_gate_t     *gate;
    const xc_json_t  *policy;

    gate = xc_arena_array(arena, 1, sizeof(xcctl_gate_t));
    if (gate == NULL) {
        return XC_ENOMEM;
    }

    gate->server = xcctl_watch_text(node, "server");
    gate->location = xcctl_watch_text(node, "location");
    gate->mode = xcctl_watch_mode(arena, node);
    gate->sha256 = xcctl_watch_text(node, "policy_sha256");

    policy = xc_json_member(node, XC_STR("policy"));

    if (policy != NULL && xc_json_type(policy) == XC_JSON_OBJECT) {
        id = xcctl_watch_text(policy, "id");
        version = xcctl_watch_text(policy, "version");
        gate->policy = xc_arena_printf(arena, XC_STR_FMT " " XC_STR_FMT,
                                       XC_STR_ARG(id), XC_STR_ARG(version));

    } else if (policy != NULL) {
        gate->policy = xcctl_watch_text(node, "policy");
    }

    gate->next = *list;
    *list = gate;

    return XC_OK;
}


static xc_rc_t
xcctl_watch_read_gates(xc_arena_t *arena, const xc_json_t *root,
    xcctl_gate_t **out)
{
    size_t            i, n;
    xc_rc_t           rc = XC_OK;
    const xc_json_t  *gates = xc_json_member(root, XC_STR("gates"));

    n = gates == NULL ? 0 : xc_json_size(gates);

    /* from the last one on, so that the list has the record's order */
    for (i = n; rc == XC_OK && i > 0; i--) {
        rc = xcctl_watch_read_gate(arena, xc_json_element(gates, i - 1), out);
    }

    return rc;
}


static void
xcctl_watch_say(const xcctl_record_t *record, const xcctl_gate_t *gate,
    const char *what, xc_str_t before, xc_str_t after)
{
    printf("%s:%" PRIu64 ": gate " XC_STR_FMT "%s" XC_STR_FMT ": %s",
           record->where.file, record->where.line, XC_STR_ARG(gate->server),
           gate->server.len == 0 ? "" : " ", XC_STR_ARG(gate->location), what);

    if (before.len != 0) {
        printf(" " XC_STR_FMT ", now", XC_STR_ARG(before));
    }

    printf(" " XC_STR_FMT "\n", XC_STR_ARG(after));
}


static void
xcctl_watch_compare(const xcctl_watch_t *watch, const xcctl_record_t *record,
    const xcctl_gate_t *gate)
{
    xcctl_gate_t  *old;

    for (old = watch->gates; old != NULL; old = old->next) {
        if (!old->met && xc_str_eq(old->server, gate->server)
            && xc_str_eq(old->location, gate->location))
        {
            break;
        }
    }

    if (old == NULL) {
        if (watch->told) {
            xcctl_watch_say(record, gate, "new, mode", XC_STR(""), gate->mode);

        } else if (!xc_str_eq(gate->mode, XC_STR("enforce"))) {
            xcctl_watch_say(record, gate, "mode", XC_STR(""), gate->mode);
        }

        return;
    }

    old->met = true;

    if (!xc_str_eq(old->mode, gate->mode)) {
        xcctl_watch_say(record, gate, "mode was", old->mode, gate->mode);
    }

    if (!xc_str_eq(old->policy, gate->policy)) {
        xcctl_watch_say(record, gate, "policy was", old->policy, gate->policy);
    }

    if (!xc_str_eq(old->sha256, gate->sha256)) {
        xcctl_watch_say(record, gate, "policy_sha256 was", old->sha256,
                        gate->sha256);
    }
}


/* A record that describes the node: start, reload, and what begins a file. */
static xc_rc_t
xcctl_watch_describe(xcctl_watch_t *watch, const xcctl_record_t *record)
{
    xc_rc_t           rc;
    xc_heap_t         heap;
    uint64_t          heartbeat_s;
    xcctl_gate_t     *gates = NULL, *gate;
    const xc_json_t  *root;

    xc_heap_init(&heap, 0);

    rc = xc_json_parse(&heap.arena, record->line, XCCTL_WATCH_DEPTH, NULL,
                       &root);
    if (rc == XC_OK) {
        rc = xcctl_watch_read_gates(&heap.arena, root, &gates);
    }

    if (rc != XC_OK) {
        xc_heap_free(&heap);
        return rc == XC_ENOMEM ? rc : XC_OK;
    }

    heartbeat_s = xcctl_watch_interval(root);
    if (heartbeat_s != 0) {
        watch->heartbeat_s = heartbeat_s;
    }

    for (gate = gates; gate != NULL; gate = gate->next) {
        xcctl_watch_compare(watch, record, gate);
    }

    for (gate = watch->gates; gate != NULL; gate = gate->next) {
        if (!gate->met) {
            xcctl_watch_say(record, gate, "gone, mode was", XC_STR(""),
                            gate->mode);
        }
    }

    xc_heap_free(&watch->heap);
    watch->heap = heap;
    watch->heap.arena.ctx = &watch->heap;
    watch->gates = gates;
    watch->told = true;

    return XC_OK;
}


/* Every admitted request has an outcome; observe admits what it denies. */
static xc_rc_t
xcctl_watch_decision(xcctl_watch_t *watch, const xcctl_record_t *record)
{
    bool  allowed;

    if (!xcctl_record_admitted(record, &allowed)) {
        return XC_OK;
    }

    if (!allowed) {
        watch->observed_first = watch->observed++ == 0
                                ? record->seq : watch->observed_first;
        watch->observed_last = record->seq;
    }

    return xcctl_seqs_add(&watch->open, record->seq) ? XC_OK : XC_ENOMEM;
}


xc_rc_t
xcctl_watch_record(xcctl_watch_t *watch, xcctl_record_t *record)
{
    xc_rc_t   rc = XC_OK;
    uint64_t  decision;

    if (!watch->begun) {
        watch->begun = true;
        watch->heartbeat_s = XCCTL_WATCH_HEARTBEAT_S;
        xc_heap_init(&watch->heap, 0);

    } else {
        xcctl_watch_gap(watch, record);
    }

    watch->time_us = record->time_us;
    watch->stopped = xcctl_record_event(record, "stop");

    if (xcctl_record_event(record, "decision")) {
        return xcctl_watch_decision(watch, record);
    }

    if (xcctl_record_event(record, "outcome")) {
        if (xcctl_record_decision(record, &decision)) {
            xcctl_seqs_remove(&watch->open, decision);
        }

        return XC_OK;
    }

    if (record->scanned
        && xcctl_scan_find(&record->scan, XC_STR("gates")) != NULL)
    {
        rc = xcctl_watch_describe(watch, record);
    }

    return rc;
}


void
xcctl_watch_end(xcctl_watch_t *watch)
{
    size_t  i, n;

    if (watch->observed != 0) {
        printf("%" PRIu64 " refusals that observe let pass, seq %" PRIu64
               " to %" PRIu64 "\n", watch->observed, watch->observed_first,
               watch->observed_last);
    }

    n = xcctl_seqs_sort(&watch->open);
    if (n == 0) {
        return;
    }

    printf("%zu admitted decisions without an outcome:\n", n);

    for (i = 0; i < n; i++) {
        printf("  seq %" PRIu64 "\n", watch->open.slots[i] - 1);
    }
}


void
xcctl_watch_free(xcctl_watch_t *watch)
{
    free(watch->open.slots);

    if (watch->begun) {
        xc_heap_free(&watch->heap);
    }
}
