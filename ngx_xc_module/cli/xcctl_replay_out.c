#include "xcctl_replay.h"

#include "xcctl_emit.h"

#include <inttypes.h>
#include <stdio.h>

#define XCCTL_REPLAY_TOP    20      /* rows of a table of text */

static const char *const  xcctl_replay_names[XCCTL_REPLAY_CHANGES][2] = {
    [XCCTL_REPLAY_DENIES] = { "allow -> deny", "denies" },
    [XCCTL_REPLAY_ALLOWS] = { "deny -> allow", "allows" },
    [XCCTL_REPLAY_OTHERWISE] = { "deny -> deny, otherwise", "otherwise" }
};

/* What no log can tell, of whatever policy. */
static const char *const  xcctl_replay_limits[] = {
    "subjects' ids are HMACs: whether they fit the patterns and checks of "
    "subject_types is taken for granted",
    "of a credential its name, validity and sources are looked at, not its "
    "key, nor a second one that was presented with it",
    "rates, signatures, and the place of members in a body are not in the log"
};


static void
xcctl_replay_table(const char *title, const xcctl_tally_t *tally)
{
    size_t                i;
    const xcctl_count_t  *one;

    if (tally->used == 0) {
        return;
    }

    printf("\n  %10s %10s %10s  %s\n", "denies", "allows", "otherwise", title);

    for (i = 0; i < tally->used && i < XCCTL_REPLAY_TOP; i++) {
        one = &tally->slots[i];
        printf("  %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "  ",
               one->n[XCCTL_REPLAY_DENIES], one->n[XCCTL_REPLAY_ALLOWS],
               one->n[XCCTL_REPLAY_OTHERWISE]);
        xcctl_emit_text((xc_str_t) { one->key, one->len });
        putchar('\n');
    }

    if (i < tally->used) {
        printf("  and %zu more\n", tally->used - i);
    }
}


static void
xcctl_replay_list(const char *title, const xcctl_tally_t *tally)
{
    size_t  i;

    if (tally->used != 0) {
        printf("\n%s\n", title);
    }

    for (i = 0; i < tally->used && i < XCCTL_REPLAY_TOP; i++) {
        printf("  %10" PRIu64 "  ", tally->slots[i].n[0]);
        xcctl_emit_text((xc_str_t) { tally->slots[i].key,
                                     tally->slots[i].len });
        putchar('\n');
    }
}


static void
xcctl_replay_examples(const xcctl_replay_t *replay)
{
    size_t                         i, change;
    const xcctl_replay_example_t  *one;

    for (change = 0; change < XCCTL_REPLAY_CHANGES; change++) {
        if (replay->changed[change] == 0) {
            continue;
        }

        printf("\nfirst of %s\n", xcctl_replay_names[change][0]);

        for (i = 0; i < XCCTL_REPLAY_EXAMPLES && i < replay->changed[change];
             i++)
        {
            one = &replay->examples[change][i];
            printf("  seq %" PRIu64 " of %s at %s, agency ", one->seq,
                   one->node, one->time);
            xcctl_emit_text(xc_str_z(one->agency));
            printf(", ");
            xcctl_emit_text(xc_str_z(one->operation));
            printf(": ");
            xcctl_emit_text(xc_str_z(one->was));
            printf(" -> %s%s", one->now, one->fields[0] == '\0' ? "" : ": ");
            xcctl_emit_text(xc_str_z(one->fields));
            putchar('\n');
        }
    }
}


void
xcctl_replay_text(const xcctl_replay_t *replay, const xcctl_policy_t *file)
{
    size_t  i;

    printf("policy %s: " XC_STR_FMT " " XC_STR_FMT "\n", file->path,
           XC_STR_ARG(file->policy->id), XC_STR_ARG(file->policy->version));
    printf("records %" PRIu64 ", decisions %" PRIu64 "\n"
           "unchanged: allowed %" PRIu64 ", refused %" PRIu64 "\n"
           "changed: %s %" PRIu64 ", %s %" PRIu64 ", %s %" PRIu64 "\n"
           "can't be told: %" PRIu64 "\n", replay->records,
           replay->decisions, replay->allowed, replay->refused,
           xcctl_replay_names[0][0], replay->changed[0],
           xcctl_replay_names[1][0], replay->changed[1],
           xcctl_replay_names[2][0], replay->changed[2], replay->unknown);

    if (replay->unreadable != 0) {
        printf("LINES THAT ARE NO RECORDS: %" PRIu64 "\n",
               replay->unreadable);
    }

    xcctl_replay_table("by decision", &replay->reasons);
    xcctl_replay_table("by field (refused now, refused no longer)",
                       &replay->fields);
    xcctl_replay_table("by agency", &replay->agencies);
    xcctl_replay_table("by operation", &replay->operations);
    xcctl_replay_examples(replay);
    xcctl_replay_list("can't be told", &replay->why);
    xcctl_replay_list("policies that decided then", &replay->policies);

    puts("\nnot looked at");

    for (i = 0; i < XC_COUNT(xcctl_replay_limits); i++) {
        printf("  %s\n", xcctl_replay_limits[i]);
    }

    printf("  (decisions that name subjects: %" PRIu64 ")\n",
           replay->subjects);
}


static void
xcctl_replay_json_tally(const char *name, const char *key,
    const xcctl_tally_t *tally, bool changes)
{
    size_t                i;
    const xcctl_count_t  *one;

    printf(",\n \"%s\": [", name);

    for (i = 0; i < tally->used; i++) {
        one = &tally->slots[i];
        printf("%s{", i == 0 ? "" : ", ");
        xcctl_emit_member(key, (xc_str_t) { one->key, one->len }, true);

        if (changes) {
            printf(", \"denies\": %" PRIu64 ", \"allows\": %" PRIu64
                   ", \"otherwise\": %" PRIu64 "}",
                   one->n[XCCTL_REPLAY_DENIES], one->n[XCCTL_REPLAY_ALLOWS],
                   one->n[XCCTL_REPLAY_OTHERWISE]);

        } else {
            printf(", \"count\": %" PRIu64 "}", one->n[0]);
        }
    }

    putchar(']');
}


static void
xcctl_replay_json_examples(const xcctl_replay_t *replay)
{
    bool                           first = true;
    size_t                         i, change;
    const xcctl_replay_example_t  *one;

    printf(",\n \"examples\": [");

    for (change = 0; change < XCCTL_REPLAY_CHANGES; change++) {
        for (i = 0; i < XCCTL_REPLAY_EXAMPLES && i < replay->changed[change];
             i++)
        {
            one = &replay->examples[change][i];
            printf("%s{\"seq\": %" PRIu64, first ? "" : ",\n  ", one->seq);
            xcctl_emit_member("change",
                              xc_str_z(xcctl_replay_names[change][1]), false);
            xcctl_emit_member("node", xc_str_z(one->node), false);
            xcctl_emit_member("time", xc_str_z(one->time), false);
            xcctl_emit_member("agency", xc_str_z(one->agency), false);
            xcctl_emit_member("operation", xc_str_z(one->operation), false);
            xcctl_emit_member("was", xc_str_z(one->was), false);
            xcctl_emit_member("now", xc_str_z(one->now), false);
            xcctl_emit_member("fields", xc_str_z(one->fields), false);
            putchar('}');
            first = false;
        }
    }

    putchar(']');
}


void
xcctl_replay_json(const xcctl_replay_t *replay, const xcctl_policy_t *file)
{
    size_t  i;

    putchar('{');
    xcctl_emit_member("policy", file->policy->id, true);
    xcctl_emit_member("version", file->policy->version, false);
    printf(",\n \"records\": %" PRIu64 ", \"decisions\": %" PRIu64
           ", \"unreadable\": %" PRIu64 ", \"subjects\": %" PRIu64
           ",\n \"unchanged\": {\"allowed\": %" PRIu64 ", \"refused\": %"
           PRIu64 "}, \"changed\": {", replay->records, replay->decisions,
           replay->unreadable, replay->subjects, replay->allowed,
           replay->refused);

    for (i = 0; i < XCCTL_REPLAY_CHANGES; i++) {
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ",
               xcctl_replay_names[i][1], replay->changed[i]);
    }

    printf("}, \"unknown\": %" PRIu64, replay->unknown);
    xcctl_replay_json_tally("reasons", "reason", &replay->reasons, true);
    xcctl_replay_json_tally("fields", "field", &replay->fields, true);
    xcctl_replay_json_tally("agencies", "agency", &replay->agencies, true);
    xcctl_replay_json_tally("operations", "operation", &replay->operations,
                            true);
    xcctl_replay_json_examples(replay);
    xcctl_replay_json_tally("why_unknown", "why", &replay->why, false);
    xcctl_replay_json_tally("policies", "policy", &replay->policies, false);
    printf(",\n \"not_looked_at\": [");

    for (i = 0; i < XC_COUNT(xcctl_replay_limits); i++) {
        printf("%s", i == 0 ? "" : ",\n  ");
        xcctl_emit_json(xc_str_z(xcctl_replay_limits[i]));
    }

    puts("]}");
}
