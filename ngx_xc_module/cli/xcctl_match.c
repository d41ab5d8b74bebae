#define _GNU_SOURCE             /* memmem() */

#include "xcctl_audit.h"

#include "xcctl.h"
#include "xcctl_options.h"
#include "xcctl_record.h"

#include "../core/xc_files.h"
#include "../core/xc_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>


typedef struct {
    xc_str_t        type;
    bool            officer;
    char            hex[XC_RECORD_ID_SIZE];
    uint64_t        found, skipped;
    xcctl_record_t  record;
} xcctl_match_t;


/* Does the array `subjects` name it, with its type, or `officers`? */
static bool
xcctl_match_is(const xcctl_match_t *match)
{
    xc_str_t               rest, hex = { match->hex, sizeof(match->hex) };
    xcctl_scan_t           subject;
    xcctl_member_t         element;
    const xcctl_member_t  *array;

    array = xcctl_scan_find(&match->record.scan, match->officer
                            ? XC_STR("officers") : XC_STR("subjects"));
    if (array == NULL || array->type != '[') {
        return false;
    }

    rest = array->value;

    while (xcctl_scan_next(&rest, &element)) {
        if (match->officer) {
            if (element.type == '"' && xc_str_eq(element.value, hex)) {
                return true;
            }

        } else if (element.type == '{'
                   && xcctl_scan(element.value, &subject)
                   && xcctl_scan_is(&subject, XC_STR("type"), match->type)
                   && xcctl_scan_is(&subject, XC_STR("id"), hex))
        {
            return true;
        }
    }

    return false;
}


/* The text as the record has it, escapes and all: no control gets out. */
static void
xcctl_match_member(const xcctl_record_t *record, const char *name)
{
    const xcctl_member_t  *member;

    member = xcctl_scan_find(&record->scan, xc_str_z(name));

    if (member != NULL && member->type == '"') {
        printf(" %s=" XC_STR_FMT, name, XC_STR_ARG(member->value));
    }
}


static void
xcctl_match_print(const xcctl_record_t *record)
{
    size_t                    i;
    static const char *const  members[] = {
        "id", "agency", "via", "operation", "request_no", "case_no", "purpose",
        "decision", "reason"
    };

    printf("%s:%" PRIu64 ": seq %" PRIu64, record->where.file,
           record->where.line, record->seq);
    xcctl_match_member(record, "time");

    for (i = 0; i < XC_COUNT(members); i++) {
        xcctl_match_member(record, members[i]);
    }

    putchar('\n');
}


static xc_rc_t
xcctl_match_line(void *ctx, xcctl_log_kind_t kind, xcctl_where_t where,
    xc_str_t text)
{
    char            error[160];
    xcctl_match_t  *match = ctx;

    if (kind == XCCTL_LOG_LINE
        && memmem(text.data, text.len, match->hex, sizeof(match->hex)) == NULL)
    {
        return XC_OK;
    }

    if (kind != XCCTL_LOG_LINE
        || !xcctl_record_read(&match->record, where, text, error,
                              sizeof(error))
        || !xcctl_record_scan(&match->record, error, sizeof(error)))
    {
        (void) xcctl_fail("%s:%" PRIu64 ": not a record, passed over",
                          where.file, where.line);
        match->skipped++;
        return XC_OK;
    }

    if (xcctl_match_is(match)) {
        xcctl_match_print(&match->record);
        match->found++;
    }

    return XC_OK;
}


static int
xcctl_match_run(xcctl_match_t *match, const char *key_file, char **argv,
    int argc)
{
    int              status = XCCTL_USAGE;
    xc_rc_t          rc;
    xc_str_t         key;
    xc_heap_t        heap;
    const char      *error = "out of memory";
    const xc_mac_t  *mac;

    xc_heap_init(&heap, 0);

    rc = xc_file_read(&heap.arena, XC_STR(""), xc_str_z(key_file), true, &key,
                      &error);

    if (rc == XC_OK) {
        rc = xc_mac_new(&heap.arena, key, &mac);
    }

    if (rc == XC_OK) {
        rc = xc_record_mac(mac, match->type, xc_str_z(argv[0]), match->hex);
        error = "the type or the id is too long";
    }

    if (rc != XC_OK) {
        (void) xcctl_fail("%s", error);

    } else {
        status = xcctl_log_files(argv + 1, argc - 1, xcctl_match_line, match);
    }

    xc_heap_free(&heap);

    if (status == XCCTL_OK) {
        printf("audit: %" PRIu64 " records match\n", match->found);
    }

    return status == XCCTL_OK && match->skipped != 0 ? XCCTL_FAIL : status;
}


int
xcctl_audit_match(int argc, char **argv)
{
    int             at, status;
    const char     *key[1], *type[1];
    xcctl_match_t  *match;
    xcctl_option_t  options[] = {
        { "--subject-key", false, key, 1, 0 },
        { "--type", false, type, 1, 0 },
    };

    at = xcctl_options(argc, argv, options, XC_COUNT(options));
    if (at < 0) {
        return XCCTL_USAGE;
    }

    if (options[0].n == 0 || options[1].n == 0 || argc - at < 2) {
        return xcctl_usage("audit match --subject-key KEYFILE --type TYPE ID "
                           "FILE...");
    }

    match = calloc(1, sizeof(xcctl_match_t));
    if (match == NULL) {
        return xcctl_fail("out of memory");
    }

    match->type = xc_str_z(type[0]);
    match->officer = strcmp(type[0], "officer") == 0;

    status = xcctl_match_run(match, key[0], argv + at, argc - at);
    free(match);

    return status;
}
