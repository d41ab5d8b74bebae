#include "xcctl_replies.h"

#include <stdlib.h>

#define XCCTL_HOUR_MS   UINT64_C(3600000)


typedef int (*xcctl_replies_order_t)(const void *, const void *);

/* Submits, and room for as many times. */
typedef struct {
    const xcctl_request_t  **list;
    size_t                   n;
    uint64_t                *times;
} xcctl_submits_t;


/* No deadline is known to us: hours and days that people count in. */
static const uint64_t  xcctl_replies_bounds_ms[XCCTL_REPLIES_BUCKETS - 1] = {
    XCCTL_HOUR_MS, 24 * XCCTL_HOUR_MS, 72 * XCCTL_HOUR_MS,
    168 * XCCTL_HOUR_MS, 360 * XCCTL_HOUR_MS
};

const char *const  xcctl_replies_buckets[XCCTL_REPLIES_BUCKETS] = {
    "<= 1 h", "<= 1 d", "<= 3 d", "<= 7 d", "<= 15 d", "> 15 d"
};

const char *const  xcctl_replies_bucket_keys[XCCTL_REPLIES_BUCKETS] = {
    "1h", "1d", "3d", "7d", "15d", "more"
};


static int
xcctl_replies_by_number(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


static int
xcctl_replies_by_agency(const void *a, const void *b)
{
    const xcctl_request_t  *const *x = a, *const *y = b;

    return strcmp((*x)->agency, (*y)->agency);
}


/* Departments as they stand above each other, then what else there is. */
static int
xcctl_replies_rank(const char *level)
{
    int  i;

    static const char *const  levels[] = { "national", "province", "city",
                                           "county" };

    for (i = 0; i < (int) XC_COUNT(levels); i++) {
        if (strcmp(level, levels[i]) == 0) {
            break;
        }
    }

    return i;
}


static int
xcctl_replies_by_level(const void *a, const void *b)
{
    int                            i, j;
    const xcctl_request_t  *const *x = a, *const *y = b;

    i = xcctl_replies_rank((*x)->level);
    j = xcctl_replies_rank((*y)->level);

    return i != j ? i - j : strcmp((*x)->level, (*y)->level);
}


/* The oldest first; of one moment, by node and number. */
static int
xcctl_replies_by_time(const void *a, const void *b)
{
    int                            node;
    const xcctl_request_t  *const *x = a, *const *y = b;

    if ((*x)->time_us != (*y)->time_us) {
        return (*x)->time_us < (*y)->time_us ? -1 : 1;
    }

    node = strcmp((*x)->node, (*y)->node);

    return node != 0 ? node : ((*x)->seq > (*y)->seq)
                              - ((*x)->seq < (*y)->seq);
}


static int
xcctl_replies_by_submits(const void *a, const void *b)
{
    const xcctl_reply_group_t  *x = a, *y = b;

    return x->submits != y->submits
           ? (x->submits < y->submits) - (x->submits > y->submits)
           : strcmp(x->name, y->name);
}


static bool
xcctl_replies_is_answered(const xcctl_request_t *submit)
{
    return submit->final_us != XCCTL_REPLIES_NEVER;
}


/* Who got an error and nothing else has to submit anew. */
static bool
xcctl_replies_is_waiting(const xcctl_request_t *submit)
{
    return !xcctl_replies_is_answered(submit)
           && (!submit->failed || submit->named);
}


static size_t
xcctl_replies_bucket(uint64_t ms)
{
    size_t  i = 0;

    while (i < XCCTL_REPLIES_BUCKETS - 1 && ms > xcctl_replies_bounds_ms[i]) {
        i++;
    }

    return i;
}


/* Nearest rank: of n numbers in their order the one that p percent of them, or
 * more, do not exceed. */
static xcctl_times_t
xcctl_replies_times(uint64_t *times, size_t n)
{
    xcctl_times_t  out = { .n = n };

    if (n != 0) {
        qsort(times, n, sizeof(uint64_t), xcctl_replies_by_number);
        out.p50_ms = times[(n * 50 + 99) / 100 - 1];
        out.p90_ms = times[(n * 90 + 99) / 100 - 1];
        out.max_ms = times[n - 1];
    }

    return out;
}


static xcctl_reply_group_t
xcctl_replies_group(const xcctl_replies_t *r, const char *name,
    const xcctl_submits_t *submits)
{
    size_t                  i, bucket, interim = 0, final = 0;
    uint64_t                age;
    xcctl_reply_group_t     out = { .name = name, .submits = submits->n };
    const xcctl_request_t  *submit;

    for (i = 0; i < submits->n; i++) {
        submit = submits->list[i];

        if (submit->interim_us != XCCTL_REPLIES_NEVER) {
            submits->times[interim++] = xcctl_replies_ms(submit->time_us,
                                                         submit->interim_us);
        }

        if (xcctl_replies_is_waiting(submit)) {
            age = xcctl_replies_ms(submit->time_us, r->now_us);
            bucket = xcctl_replies_bucket(age);
            out.ages[bucket == 0 ? 0 : bucket - 1]++;
            out.waiting++;
        }

        out.no_data += submit->last == XCCTL_REPLY_NO_DATA;
        out.declined += submit->last == XCCTL_REPLY_DECLINED;
    }

    out.interim = xcctl_replies_times(submits->times, interim);

    for (i = 0; i < submits->n; i++) {
        submit = submits->list[i];

        if (xcctl_replies_is_answered(submit)) {
            submits->times[final++] = xcctl_replies_ms(submit->time_us,
                                                       submit->final_us);
        }
    }

    out.final = xcctl_replies_times(submits->times, final);
    out.failed = out.submits - out.waiting - final;

    return out;
}


/* Each run of what compares as equal is a group. */
static bool
xcctl_replies_groups(const xcctl_replies_t *r, xcctl_reply_groups_t *out,
    const xcctl_submits_t *submits, xcctl_replies_order_t by, bool level)
{
    size_t                  i, from;
    xcctl_submits_t         run = { .times = submits->times };
    const xcctl_request_t  *first;

    if (submits->n == 0) {
        return true;
    }

    qsort(submits->list, submits->n, sizeof(submits->list[0]), by);

    for (i = 1, out->n = 1; i < submits->n; i++) {
        out->n += by(&submits->list[i - 1], &submits->list[i]) != 0;
    }

    out->list = calloc(out->n, sizeof(xcctl_reply_group_t));
    if (out->list == NULL) {
        return false;
    }

    for (i = 1, from = 0, out->n = 0; i <= submits->n; i++) {
        if (i < submits->n
            && by(&submits->list[i - 1], &submits->list[i]) == 0)
        {
            continue;
        }

        run.list = submits->list + from;
        run.n = i - from;
        first = run.list[0];
        out->list[out->n++] = xcctl_replies_group(r, level ? first->level
                                                           : first->agency,
                                                  &run);
        from = i;
    }

    return true;
}


/* The first pass: what operations are tracked, and what does not fit. */
static void
xcctl_replies_operations(xcctl_replies_t *r)
{
    size_t                  i;
    xcctl_count_t          *operation;
    const xcctl_count_t    *slot;
    const xcctl_request_t  *request;

    for (i = 0; i < r->open.size; i++) {
        slot = &r->open.slots[i];

        if (slot->key == NULL || slot->n[0] == 0) {
            continue;
        }

        request = &r->requests[slot->n[0] - 1];

        if (!request->decided) {
            r->faults[XCCTL_REPLIES_ORPHANS]
                += request->answered && request->reply != XCCTL_REPLY_NONE;
            r->faults[XCCTL_REPLIES_ELSEWHERE]
                += !request->answered && request->named;

        } else if (request->named) {
            operation = xcctl_tally_find(&r->names,
                                         xc_str_z(request->operation));
            operation->n[0]++;
        }
    }
}


/* Into submits, with room for all that is open. */
static void
xcctl_replies_gather(xcctl_replies_t *r, xcctl_submits_t *submits)
{
    size_t                  i;
    const xcctl_count_t    *slot, *operation;
    const xcctl_request_t  *request;

    for (i = 0; i < r->open.size; i++) {
        slot = &r->open.slots[i];
        request = slot->key == NULL || slot->n[0] == 0
                  ? NULL : &r->requests[slot->n[0] - 1];

        if (request == NULL || !request->decided || request->reads
            || request->ref != NULL)
        {
            continue;
        }

        operation = xcctl_tally_find(&r->names, xc_str_z(request->operation));

        if (operation->n[0] == 0) {
            r->untracked++;
            continue;
        }

        submits->list[submits->n++] = request;
        r->faults[XCCTL_REPLIES_DIFFER] += request->differs;
        r->faults[XCCTL_REPLIES_BACKWARDS]
            += request->final_us < request->time_us
               || request->interim_us < request->time_us;
    }
}


/* Submits are in the order of their time. */
static void
xcctl_replies_lists(xcctl_replies_t *r, const xcctl_submits_t *submits)
{
    size_t                  i;
    uint64_t                ms;
    const xcctl_request_t  *submit;

    for (i = 0; i < submits->n; i++) {
        submit = submits->list[i];

        if (xcctl_replies_is_answered(submit)) {
            ms = xcctl_replies_ms(submit->time_us, submit->final_us);
            r->buckets[xcctl_replies_bucket(ms)]++;
            xcctl_replies_slow(&r->slowest, ms, submit);

        } else if (xcctl_replies_is_waiting(submit)
                   && r->n_oldest < XCCTL_REPLIES_OLDEST)
        {
            r->oldest[r->n_oldest++] = submit;
        }
    }
}


bool
xcctl_replies_finish(xcctl_replies_t *r, int64_t now_us)
{
    bool             ok;
    size_t           room = r->n_requests + 1;
    xcctl_submits_t  submits;

    submits.n = 0;
    submits.list = malloc(room * sizeof(submits.list[0]));
    submits.times = malloc(room * sizeof(uint64_t));
    ok = submits.list != NULL && submits.times != NULL;

    if (ok) {
        r->now_us = now_us;
        xcctl_tally_sort(&r->unknown, false);
        xcctl_replies_operations(r);
        xcctl_replies_gather(r, &submits);

        r->all = xcctl_replies_group(r, NULL, &submits);
        ok = xcctl_replies_groups(r, &r->levels, &submits,
                                  xcctl_replies_by_level, true)
             && xcctl_replies_groups(r, &r->agencies, &submits,
                                     xcctl_replies_by_agency, false);
    }

    if (ok && submits.n != 0) {
        qsort(r->agencies.list, r->agencies.n, sizeof(xcctl_reply_group_t),
              xcctl_replies_by_submits);
        qsort(submits.list, submits.n, sizeof(submits.list[0]),
              xcctl_replies_by_time);
        xcctl_replies_lists(r, &submits);
    }

    free(submits.list);
    free(submits.times);

    return ok;
}
