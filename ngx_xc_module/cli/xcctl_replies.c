#include "xcctl_replies.h"

#include "../core/xc_ascii.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


const char *const  xcctl_replies_words[XCCTL_REPLY_UNKNOWN] = {
    "-", "received", "interim", "final", "no-data", "declined"
};


static xc_str_t
xcctl_replies_member(const xcctl_record_t *record, const char *name)
{
    const xcctl_member_t  *member;

    member = xcctl_scan_find(&record->scan, xc_str_z(name));

    return member != NULL && member->type == '"' ? member->value
                                                 : XC_STR_NONE;
}


static void
xcctl_replies_copy(char *out, size_t size, xc_str_t text)
{
    /* not within an escape, which a cut would break */
    if (text.len >= size && memchr(text.data, '\\', size) != NULL) {
        text.len = 0;
    }

    text = xc_ascii_cut(text, size - 1);
    (void) snprintf(out, size, XC_STR_FMT, XC_STR_ARG(text));
}


/* Out stays NULL where there is no text; false: no memory. */
static bool
xcctl_replies_keep(char **out, xc_str_t text)
{
    if (text.data == NULL) {
        return true;
    }

    *out = malloc(XCCTL_REPLIES_TEXT);
    if (*out != NULL) {
        xcctl_replies_copy(*out, XCCTL_REPLIES_TEXT, text);
    }

    return *out != NULL;
}


static bool
xcctl_replies_name(xcctl_replies_t *r, const char **out, xc_str_t name)
{
    xcctl_count_t  *count;

    count = xcctl_tally_at(&r->names, name.len != 0 ? name : XC_STR("-"));
    if (count != NULL) {
        *out = count->key;
    }

    return count != NULL;
}


static xcctl_reply_t
xcctl_replies_word(xc_str_t word)
{
    xcctl_reply_t  i;

    if (word.data == NULL) {
        return XCCTL_REPLY_NONE;
    }

    for (i = XCCTL_REPLY_RECEIVED; i < XCCTL_REPLY_UNKNOWN; i++) {
        if (xc_str_eq(word, xc_str_z(xcctl_replies_words[i]))) {
            break;
        }
    }

    return i;
}


static bool
xcctl_replies_is_final(xcctl_reply_t reply)
{
    return reply == XCCTL_REPLY_FINAL || reply == XCCTL_REPLY_NO_DATA
           || reply == XCCTL_REPLY_DECLINED;
}


/* The request of that node:seq, made where there is none; NULL: no memory.
 * Good until the next one is made. */
static xcctl_request_t *
xcctl_replies_at(xcctl_replies_t *r, xc_str_t key)
{
    void             *more;
    size_t            room;
    xcctl_count_t    *slot = xcctl_tally_at(&r->open, key);
    xcctl_request_t  *request;

    if (slot == NULL) {
        return NULL;
    }

    if (slot->n[0] != 0) {
        return &r->requests[slot->n[0] - 1];
    }

    if (r->spare != 0) {
        slot->n[0] = r->spare;
        r->spare = (size_t) r->requests[r->spare - 1].seq;

    } else {
        if (r->n_requests == r->room) {
            room = r->room == 0 ? 256 : 2 * r->room;
            more = realloc(r->requests, room * sizeof(xcctl_request_t));
            if (more == NULL) {
                return NULL;
            }

            r->requests = more;
            r->room = room;
        }

        slot->n[0] = ++r->n_requests;
    }

    request = &r->requests[slot->n[0] - 1];
    *request = (xcctl_request_t) { .interim_us = XCCTL_REPLIES_NEVER,
                                   .final_us = XCCTL_REPLIES_NEVER };

    return request;
}


static void
xcctl_replies_drop(xcctl_replies_t *r, xc_str_t key)
{
    size_t            i;
    xcctl_count_t    *slot = xcctl_tally_find(&r->open, key);
    xcctl_request_t  *request;

    if (slot != NULL) {
        i = (size_t) slot->n[0];
        request = &r->requests[i - 1];
        free(request->request_no);
        free(request->ref);
        *request = (xcctl_request_t) { .seq = r->spare };
        r->spare = i;
        xcctl_tally_remove(&r->open, slot);
    }
}


/* A reply to a submit, whichever record brought it. */
static void
xcctl_replies_apply(xcctl_replies_t *r, xcctl_request_t *submit,
    xcctl_reply_t reply, int64_t time_us, bool whole)
{
    if (!xcctl_replies_is_final(reply)) {
        if (reply == XCCTL_REPLY_INTERIM) {
            submit->interim_us = XC_MIN(submit->interim_us, time_us);
        }

        if (reply < XCCTL_REPLY_FINAL) {
            submit->last = XC_MAX(submit->last, reply);
        }

        return;
    }

    if (!whole) {
        /* the agency has not got it */
        r->faults[XCCTL_REPLIES_BROKEN]++;
        return;
    }

    if (submit->final_us != XCCTL_REPLIES_NEVER) {
        r->faults[XCCTL_REPLIES_AGAIN]++;
        submit->differs |= submit->last != reply;
    }

    if (time_us < submit->final_us) {
        submit->final_us = time_us;
        submit->last = reply;
    }
}


/* Decision and outcome of a request are both known: what need not be kept
 * goes. */
static bool
xcctl_replies_conclude(xcctl_replies_t *r, xc_str_t key,
    xcctl_request_t *request)
{
    bool              ok = true;
    xcctl_count_t    *operation;
    xcctl_request_t  *submit, was = *request;

    if (was.timed) {
        xcctl_replies_slow(&r->answers, was.ms, &was);
    }

    if (was.ref == NULL && !was.reads
        && (was.reached || was.reply != XCCTL_REPLY_NONE || was.failed
            || was.named))
    {
        operation = xcctl_tally_find(&r->names, xc_str_z(was.operation));
        operation->n[0] += was.reply != XCCTL_REPLY_NONE;

        xcctl_replies_apply(r, request, was.reply, was.outcome_us, was.whole);

        return true;
    }

    if (was.ref != NULL) {
        submit = xcctl_replies_at(r, xc_str_z(was.ref));
        ok = submit != NULL;

        if (ok) {
            submit->named = true;
            xcctl_replies_apply(r, submit, was.reply, was.outcome_us,
                                was.whole);
        }
    }

    xcctl_replies_drop(r, key);

    return ok;
}


static xc_str_t
xcctl_replies_key(char out[XCCTL_REPLIES_TEXT], const xcctl_record_t *record,
    uint64_t seq)
{
    int  n = snprintf(out, XCCTL_REPLIES_TEXT, XC_STR_FMT ":%" PRIu64,
                      XC_STR_ARG(record->node), seq);

    return (xc_str_t) { out, (size_t) n };
}


bool
xcctl_replies_decision(xcctl_replies_t *r, const xcctl_record_t *record)
{
    char              mem[XCCTL_REPLIES_TEXT], id[33];
    xc_str_t          key, method;
    xcctl_request_t  *request;

    key = xcctl_replies_key(mem, record, record->seq);
    request = xcctl_replies_at(r, key);
    if (request == NULL) {
        return false;
    }

    if (request->decided) {
        r->faults[XCCTL_REPLIES_TWICE]++;
        return true;
    }

    xcctl_replies_copy(id, sizeof(id), xcctl_replies_member(record, "id"));

    if (request->answered && strcmp(request->id, id) != 0) {
        r->faults[XCCTL_REPLIES_STRANGE]++;
        request->answered = false;
    }

    method = xcctl_replies_member(record, "method");

    memcpy(request->id, id, sizeof(id));
    request->decided = true;
    request->time_us = record->time_us;
    request->seq = record->seq;
    request->reads = xc_str_eq(method, XC_STR("GET"))
                     || xc_str_eq(method, XC_STR("HEAD"));

    if (!xcctl_replies_name(r, &request->node, record->node)
        || !xcctl_replies_name(r, &request->agency,
                               xcctl_replies_member(record, "agency"))
        || !xcctl_replies_name(r, &request->level,
                               xcctl_replies_member(record, "level"))
        || !xcctl_replies_name(r, &request->operation,
                               xcctl_replies_member(record, "operation"))
        || !xcctl_replies_keep(&request->request_no,
                               xcctl_replies_member(record, "request_no"))
        || !xcctl_replies_keep(&request->ref,
                               xcctl_replies_member(record, "ref")))
    {
        return false;
    }

    return !request->answered || xcctl_replies_conclude(r, key, request);
}


/* False: no memory. */
static bool
xcctl_replies_read(xcctl_replies_t *r, xcctl_request_t *request,
    const xcctl_record_t *record)
{
    char                   word[XCCTL_REPLIES_TEXT];
    uint64_t               status = 200;
    xc_str_t               reply = xcctl_replies_member(record, "reply");
    xcctl_count_t         *count;
    const xcctl_member_t  *complete;

    complete = xcctl_scan_find(&record->scan, XC_STR("complete"));
    (void) xcctl_scan_u64(&record->scan, XC_STR("status"), &status);

    request->answered = true;
    request->outcome_us = record->time_us;
    request->timed = xcctl_scan_u64(&record->scan, XC_STR("ms"), &request->ms);
    /* an error of the server's is no reply, whatever it calls itself */
    request->whole = status < 500
                     && (complete == NULL || complete->type != 'f');
    request->reached = xcctl_scan_find(&record->scan, XC_STR("upstream"))
                       != NULL;
    request->reply = xcctl_replies_word(reply);
    request->failed = status >= 300 && reply.data == NULL;

    if (request->reply != XCCTL_REPLY_UNKNOWN) {
        return true;
    }

    xcctl_replies_copy(word, sizeof(word), reply);
    count = xcctl_tally_at(&r->unknown, xc_str_z(word));
    if (count != NULL) {
        count->n[0]++;
    }

    return count != NULL;
}


bool
xcctl_replies_outcome(xcctl_replies_t *r, const xcctl_record_t *record)
{
    char              mem[XCCTL_REPLIES_TEXT], id[33];
    uint64_t          seq;
    xc_str_t          key;
    xcctl_request_t  *request;

    if (!xcctl_scan_u64(&record->scan, XC_STR("decision_seq"), &seq)) {
        r->faults[XCCTL_REPLIES_ORPHANS]++;
        return true;
    }

    key = xcctl_replies_key(mem, record, seq);
    request = xcctl_replies_at(r, key);
    if (request == NULL) {
        return false;
    }

    if (request->answered) {
        r->faults[XCCTL_REPLIES_TWICE]++;
        return true;
    }

    xcctl_replies_copy(id, sizeof(id), xcctl_replies_member(record, "id"));

    if (request->decided && strcmp(request->id, id) != 0) {
        r->faults[XCCTL_REPLIES_STRANGE]++;
        return true;
    }

    memcpy(request->id, id, sizeof(id));

    return xcctl_replies_read(r, request, record)
           && (!request->decided || xcctl_replies_conclude(r, key, request));
}


void
xcctl_replies_free(xcctl_replies_t *r)
{
    size_t  i;

    for (i = 0; i < r->n_requests; i++) {
        free(r->requests[i].request_no);
        free(r->requests[i].ref);
    }

    free(r->requests);
    free(r->levels.list);
    free(r->agencies.list);
    xcctl_tally_free(&r->open);
    xcctl_tally_free(&r->names);
    xcctl_tally_free(&r->unknown);
}


void
xcctl_replies_slow(xcctl_slowest_t *slowest, uint64_t ms,
    const xcctl_request_t *request)
{
    size_t        i, n = XC_MIN(slowest->n, (uint64_t) XCCTL_REPLIES_SLOW);
    xcctl_slow_t  slow = { .ms = ms };

    slowest->n++;

    for (i = n; i > 0 && slowest->slow[i - 1].ms < ms; i--) {
        if (i < XCCTL_REPLIES_SLOW) {
            slowest->slow[i] = slowest->slow[i - 1];
        }
    }

    if (i < XCCTL_REPLIES_SLOW) {
        (void) snprintf(slow.record, sizeof(slow.record), "%s:%" PRIu64,
                        request->node, request->seq);
        xcctl_replies_copy(slow.agency, sizeof(slow.agency),
                           xc_str_z(request->agency));
        xcctl_replies_copy(slow.request_no, sizeof(slow.request_no),
                           xc_str_z(request->request_no != NULL
                                    ? request->request_no : ""));
        slowest->slow[i] = slow;
    }
}


uint64_t
xcctl_replies_ms(int64_t from_us, int64_t to_us)
{
    return to_us > from_us ? (uint64_t) (to_us - from_us) / 1000 : 0;
}
