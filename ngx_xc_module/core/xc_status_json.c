#include "xc_status_write.h"


static void
xc_sj_number(xc_buf_t *out, const char *name, uint64_t value)
{
    xc_buf_char(out, ',');
    xc_buf_json(out, xc_str_z(name));
    xc_buf_char(out, ':');
    xc_buf_u64(out, value);
}


static bool
xc_sj_head(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_buf_z(out, "{\"version\":\"" XC_VERSION "\",\"node\":");
    xc_buf_json(out, s->node);
    xc_sj_number(out, "worker", s->worker);

    xc_buf_z(out, ",\"audit\":{\"writable\":");
    xc_buf_z(out, s->writable ? "true" : "false");
    xc_sj_number(out, "waiting", s->waiting);
    xc_sj_number(out, "queued", s->queued);

    if (s->head) {
        xc_sj_number(out, "records", s->records);
        xc_sj_number(out, "bytes", s->bytes);
        xc_buf_z(out, ",\"leaf\":\"");
        xc_buf_hex(out, s->leaf, XC_SHA256_SIZE);
        xc_buf_char(out, '"');
    }

    if (s->checkpoint) {
        xc_buf_z(out, ",\"checkpoint\":{\"records\":");
        xc_buf_u64(out, s->checkpoint_size);
        xc_buf_z(out, ",\"age\":");
        xc_buf_i64(out, s->checkpoint_age_s);
        xc_buf_char(out, '}');
    }

    xc_buf_char(out, '}');

    return false;
}


static void
xc_sj_levels(const xc_status_t *s, const char *name, unsigned counter,
    xc_buf_t *out)
{
    xc_level_t  level;

    xc_buf_z(out, name);

    for (level = 0; level < XC_LEVEL_COUNT; level++) {
        xc_buf_z(out, level == 0 ? "\"" : ",\"");
        xc_buf_str(out, xc_level_name(level));
        xc_buf_z(out, "\":");
        xc_buf_u64(out, s->counters[counter + level]);
    }

    xc_buf_char(out, '}');
}


static bool
xc_sj_counters(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t           i;
    const uint64_t  *c = s->counters;

    static const struct {
        const char  *name;
        unsigned     counter;
    } others[] = {
        { "observed", XC_COUNT_OBSERVED },
        { "outcomes", XC_COUNT_OUTCOMES },
        { "batches", XC_COUNT_BATCHES },
        { "lines", XC_COUNT_LINES },
        { "audit_failures", XC_COUNT_AUDIT_FAILURES },
        { "summarised", XC_COUNT_SUMMARISED },
        { "intake", XC_COUNT_INTAKE }
    };

    (void) row;

    if (!s->map) {
        return false;
    }

    xc_buf_z(out, ",\"nonces\":{\"used\":");
    xc_buf_u64(out, s->nonces_used);
    xc_sj_number(out, "slots", s->nonces_slots);
    xc_sj_number(out, "replay", s->nonces_promised);
    xc_buf_z(out, "},\"counters\":{\"admitted\":");
    xc_buf_u64(out, c[XC_COUNT_ADMITTED]);

    for (i = 0; i < XC_COUNT(others); i++) {
        xc_sj_number(out, others[i].name, c[others[i].counter]);
    }

    xc_sj_levels(s, "},\"admitted\":{", XC_COUNT_ADMITTED_BY, out);
    xc_sj_levels(s, ",\"observed\":{", XC_COUNT_OBSERVED_BY, out);

    return false;
}


/* Only what there was. */
static bool
xc_sj_refused(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    uint64_t     n = 0;
    xc_reason_t  reason;

    (void) row;

    if (!s->map) {
        return false;
    }

    xc_buf_z(out, ",\"refused\":{");

    for (reason = 1; reason < XC_REASON_COUNT; reason++) {
        if (s->counters[XC_COUNT_REASON + reason] == 0) {
            continue;
        }

        xc_buf_z(out, n++ == 0 ? "" : ",");
        xc_buf_json(out, xc_reason_info(reason)->code);
        xc_buf_char(out, ':');
        xc_buf_u64(out, s->counters[XC_COUNT_REASON + reason]);
    }

    xc_buf_char(out, '}');

    return false;
}


static void
xc_sj_who(const xc_status_t *s, unsigned who, xc_buf_t *out)
{
    uint64_t     n, seen = 0;
    xc_reason_t  reason;

    xc_buf_json(out, xc_status_who(who));
    xc_buf_z(out, ":{");

    for (reason = 1; reason < XC_REASON_COUNT; reason++) {
        n = s->counters[xc_count_refused_by(who, reason)];

        if (n != 0) {
            xc_buf_z(out, seen++ == 0 ? "" : ",");
            xc_buf_json(out, xc_reason_info(reason)->code);
            xc_buf_char(out, ':');
            xc_buf_u64(out, n);
        }
    }

    xc_buf_char(out, '}');
}


static bool
xc_sj_refused_by(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    if (!s->map) {
        return false;
    }

    xc_buf_z(out, row == 0 ? ",\"refused_by\":{" : ",");
    xc_sj_who(s, (unsigned) row, out);

    if (row + 1 < XC_COUNT_WHO) {
        return true;
    }

    xc_buf_char(out, '}');

    return false;
}


static void
xc_sj_value(xc_buf_t *out, xc_histogram_kind_t kind, uint64_t value)
{
    if (xc_status_is_time(kind)) {
        xc_status_seconds(out, value);

    } else {
        xc_buf_u64(out, value);
    }
}


/* Counts up to each bound, as Prometheus has them; `count` is up to any. */
static bool
xc_sj_histograms(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t                 i;
    xc_histogram_kind_t    kind = (xc_histogram_kind_t) row;
    xc_status_histogram_t  h;

    static const char *const  names[XC_HISTOGRAM_COUNT] = {
        [XC_HISTOGRAM_DECISION] = ",\"histograms\":{\"decision_seconds\"",
        [XC_HISTOGRAM_ANSWER] = ",\"answer_seconds\"",
        [XC_HISTOGRAM_COMMIT] = ",\"commit_seconds\"",
        [XC_HISTOGRAM_BATCH] = ",\"batch_records\""
    };

    if (!s->map) {
        return false;
    }

    xc_status_histogram(s, kind, &h);

    xc_buf_z(out, names[kind]);
    xc_buf_z(out, ":{\"count\":");
    xc_buf_u64(out, h.upto[h.n]);
    xc_buf_z(out, ",\"sum\":");
    xc_sj_value(out, kind, h.sum);
    xc_buf_z(out, ",\"upto\":{");

    for (i = 0; i < h.n; i++) {
        xc_buf_z(out, i == 0 ? "\"" : ",\"");
        xc_sj_value(out, kind, h.bounds[i]);
        xc_buf_z(out, "\":");
        xc_buf_u64(out, h.upto[i]);
    }

    xc_buf_z(out, row + 1 < XC_HISTOGRAM_COUNT ? "}}" : "}}}");

    return row + 1 < XC_HISTOGRAM_COUNT;
}


static bool
xc_sj_credentials(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t           i;
    const uint64_t  *n = s->credentials;

    (void) row;

    xc_buf_z(out, ",\"credentials\":{\"registered\":");
    xc_buf_u64(out, xc_status_registered(s));
    xc_sj_number(out, "expired", n[XC_STATUS_ENDED]);
    xc_sj_number(out, "within_30_days", n[XC_STATUS_DAY_1]
                                        + n[XC_STATUS_DAYS_7]
                                        + n[XC_STATUS_DAYS_30]);
    xc_buf_z(out, ",\"days\":{");

    for (i = 0; i < XC_STATUS_DAYS_COUNT; i++) {
        xc_buf_z(out, i == 0 ? "" : ",");
        xc_buf_json(out, xc_status_days[i]);
        xc_buf_char(out, ':');
        xc_buf_u64(out, n[i]);
    }

    xc_buf_z(out, "},\"expiring\":[");

    return false;
}


static bool
xc_sj_ending(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    const xc_status_ending_t  *e = &s->ending[row];

    if (row < s->n_ending) {
        xc_buf_z(out, row == 0 ? "{\"agency\":" : ",{\"agency\":");
        xc_buf_json(out, e->agency);
        xc_buf_z(out, ",\"scheme\":");
        xc_buf_json(out, e->scheme);
        xc_buf_z(out, ",\"keyid\":");
        xc_buf_json(out, e->keyid);
        xc_buf_z(out, ",\"days\":");
        xc_buf_i64(out, e->days);
        xc_buf_char(out, '}');
    }

    if (row + 1 < s->n_ending) {
        return true;
    }

    xc_buf_z(out, "]}");

    return false;
}


/* Members of what there is none of are null. */
static bool
xc_sj_channel(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_buf_z(out, ",\"intake\":");

    if (s->intake) {
        xc_buf_z(out, "{\"expires_in\":");
        xc_buf_i64(out, s->intake_s);
        xc_buf_char(out, '}');

    } else {
        xc_buf_z(out, "null");
    }

    xc_buf_z(out, ",\"observe\":{\"gates\":");
    xc_buf_u64(out, s->observe_gates);
    xc_buf_z(out, ",\"ends_in\":");

    if (s->observe_gates != 0 && s->observe_s != INT64_MAX) {
        xc_buf_i64(out, s->observe_s);

    } else {
        xc_buf_z(out, "null");
    }

    xc_buf_z(out, "},\"fleet\":");

    if (s->fleet) {
        xc_buf_z(out, "{\"connected\":");
        xc_buf_z(out, s->fleet_connected ? "true" : "false");
        xc_sj_number(out, "waiting", s->fleet_waiting);
        xc_sj_number(out, "answers", s->counters[XC_COUNT_FLEET_ANSWERS]);
        xc_sj_number(out, "failures", s->counters[XC_COUNT_FLEET_FAILURES]);
        xc_buf_char(out, '}');

    } else {
        xc_buf_z(out, "null");
    }

    return false;
}


static void
xc_sj_agency(const xc_status_agency_t *a, xc_buf_t *out)
{
    xc_buf_z(out, "{\"agency\":");
    xc_buf_json(out, a->id);
    xc_buf_z(out, ",\"level\":\"");
    xc_buf_str(out, xc_level_name(a->level));
    xc_buf_z(out, "\",\"admitted\":");
    xc_buf_u64(out, a->admitted);
    xc_sj_number(out, "refused", a->refused);
    xc_sj_number(out, "limited", a->limited);
    xc_sj_number(out, "day_used", a->state.day_used);
    xc_buf_z(out, ",\"day_left\":");

    if (a->state.day_left == UINT64_MAX) {
        xc_buf_z(out, "null");

    } else {
        xc_buf_u64(out, a->state.day_left);
    }

    xc_sj_number(out, "rate_left", a->state.rate_left);
    xc_buf_char(out, '}');
}


static bool
xc_sj_agencies(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    xc_status_agency_t  agency;

    if (!s->agencies) {
        return false;
    }

    xc_buf_z(out, row == 0 ? ",\"agencies\":[" : ",");

    if (row < s->n_agencies) {
        s->agency(s->ctx, row, &agency);
        xc_sj_agency(&agency, out);
    }

    if (row + 1 < s->n_agencies) {
        return true;
    }

    xc_buf_char(out, ']');

    return false;
}


static bool
xc_sj_end(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) s;
    (void) row;

    xc_buf_z(out, "}\n");

    return false;
}


const xc_status_part_pt  xc_status_json_parts[] = {
    xc_sj_head,
    xc_sj_counters,
    xc_sj_refused,
    xc_sj_refused_by,
    xc_sj_histograms,
    xc_sj_credentials,
    xc_sj_ending,
    xc_sj_channel,
    xc_sj_agencies,
    xc_sj_end
};

const size_t  xc_status_json_n = XC_COUNT(xc_status_json_parts);
