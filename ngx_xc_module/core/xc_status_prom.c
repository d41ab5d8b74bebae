/* Prometheus' text exposition format, version 0.0.4. */

#include "xc_status_write.h"


static void
xc_sp_family(xc_buf_t *out, const char *name, const char *type,
    const char *help)
{
    xc_buf_z(out, "# HELP ");
    xc_buf_z(out, name);
    xc_buf_char(out, ' ');
    xc_buf_z(out, help);
    xc_buf_z(out, "\n# TYPE ");
    xc_buf_z(out, name);
    xc_buf_char(out, ' ');
    xc_buf_z(out, type);
    xc_buf_char(out, '\n');
}


/* Backslash, quote and line feed are escaped, all else is as it is. */
static void
xc_sp_label(xc_buf_t *out, const char *name, xc_str_t value)
{
    size_t  i;

    xc_buf_z(out, name);
    xc_buf_z(out, "=\"");

    for (i = 0; i < value.len; i++) {
        switch (value.data[i]) {

        case '\\':
            xc_buf_z(out, "\\\\");
            break;

        case '"':
            xc_buf_z(out, "\\\"");
            break;

        case '\n':
            xc_buf_z(out, "\\n");
            break;

        default:
            xc_buf_char(out, value.data[i]);
        }
    }

    xc_buf_char(out, '"');
}


static void
xc_sp_value(xc_buf_t *out, uint64_t value)
{
    xc_buf_char(out, ' ');
    xc_buf_u64(out, value);
    xc_buf_char(out, '\n');
}


/* A family of one series. */
static void
xc_sp_one(xc_buf_t *out, const char *name, const char *type, const char *help,
    int64_t value)
{
    xc_sp_family(out, name, type, help);
    xc_buf_z(out, name);
    xc_buf_char(out, ' ');
    xc_buf_i64(out, value);
    xc_buf_char(out, '\n');
}


static bool
xc_sp_node(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_sp_family(out, "xc_build_info", "gauge",
                 "The node's name and the module's version; always 1.");
    xc_buf_z(out, "xc_build_info{");
    xc_sp_label(out, "node", s->node);
    xc_buf_z(out, ",version=\"" XC_VERSION "\"} 1\n");

    return false;
}


static void
xc_sp_levels(const xc_status_t *s, const char *name, const char *help,
    unsigned counter, xc_buf_t *out)
{
    xc_level_t  level;

    xc_sp_family(out, name, "counter", help);

    for (level = 0; level < XC_LEVEL_COUNT; level++) {
        xc_buf_z(out, name);
        xc_buf_char(out, '{');
        xc_sp_label(out, "level", xc_level_name(level));
        xc_buf_char(out, '}');
        xc_sp_value(out, s->counters[counter + level]);
    }
}


static bool
xc_sp_gone_on(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    if (s->map) {
        xc_sp_levels(s, "xc_admitted_total",
                     "Requests decided allow, by the agency's level.",
                     XC_COUNT_ADMITTED_BY, out);
        xc_sp_levels(s, "xc_observed_total",
                     "Refusals that observe let go on, by the agency's level.",
                     XC_COUNT_OBSERVED_BY, out);
    }

    return false;
}


/* A reason a row, with a series for each level even where it can't be, so that
 * none appears later on. */
static bool
xc_sp_refused(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    unsigned                 who;
    xc_reason_t              reason = (xc_reason_t) (row + 1);
    const xc_reason_info_t  *info = xc_reason_info(reason);

    if (!s->map) {
        return false;
    }

    if (row == 0) {
        xc_sp_family(out, "xc_refused_total", "counter",
                     "Refusals, by reason, its HTTP status, and the agency's "
                     "level (none: before authentication).");
    }

    for (who = 0; who < XC_COUNT_WHO; who++) {
        xc_buf_z(out, "xc_refused_total{");
        xc_sp_label(out, "reason", info->code);
        xc_buf_z(out, ",status=\"");
        xc_buf_u64(out, info->status);
        xc_buf_z(out, "\",");
        xc_sp_label(out, "level", xc_status_who(who));
        xc_buf_char(out, '}');
        xc_sp_value(out, s->counters[xc_count_refused_by(who, reason)]);
    }

    return reason + 1 < XC_REASON_COUNT;
}


static void
xc_sp_bucket(xc_buf_t *out, const char *name, xc_histogram_kind_t kind,
    const xc_status_histogram_t *h, size_t i)
{
    xc_buf_z(out, name);
    xc_buf_z(out, "_bucket{le=\"");

    if (i == h->n) {
        xc_buf_z(out, "+Inf");

    } else if (xc_status_is_time(kind)) {
        xc_status_seconds(out, h->bounds[i]);

    } else {
        xc_buf_u64(out, h->bounds[i]);
    }

    xc_buf_z(out, "\"}");
    xc_sp_value(out, h->upto[i]);
}


static bool
xc_sp_histograms(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t                 i;
    xc_histogram_kind_t    kind = (xc_histogram_kind_t) row;
    xc_status_histogram_t  h;

    static const struct {
        const char  *name, *help;
    } all[XC_HISTOGRAM_COUNT] = {
        [XC_HISTOGRAM_DECISION] = { "xc_decision_duration_seconds",
            "From the begin of a request at the gate to its decision, the "
            "body and the record of what goes on included." },
        [XC_HISTOGRAM_ANSWER] = { "xc_answer_duration_seconds",
            "From there to the end of the answer, of what goes on." },
        [XC_HISTOGRAM_COMMIT] = { "xc_audit_commit_duration_seconds",
            "Writing a batch of records and syncing it." },
        [XC_HISTOGRAM_BATCH] = { "xc_audit_batch_records",
            "Records that share one sync." }
    };

    if (!s->map) {
        return false;
    }

    xc_status_histogram(s, kind, &h);
    xc_sp_family(out, all[kind].name, "histogram", all[kind].help);

    for (i = 0; i <= h.n; i++) {
        xc_sp_bucket(out, all[kind].name, kind, &h, i);
    }

    xc_buf_z(out, all[kind].name);
    xc_buf_z(out, "_sum ");

    if (xc_status_is_time(kind)) {
        xc_status_seconds(out, h.sum);

    } else {
        xc_buf_u64(out, h.sum);
    }

    xc_buf_char(out, '\n');
    xc_buf_z(out, all[kind].name);
    xc_buf_z(out, "_count");
    xc_sp_value(out, h.upto[h.n]);

    return row + 1 < XC_HISTOGRAM_COUNT;
}


static bool
xc_sp_audit(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    xc_sp_one(out, "xc_audit_writable", "gauge",
              "Whether the answering worker's last attempt to write the audit "
              "log succeeded.", s->writable);
    xc_sp_one(out, "xc_audit_waiting_requests", "gauge",
              "Requests that wait for the audit log, of the answering worker.",
              (int64_t) s->waiting);
    xc_sp_one(out, "xc_audit_queued_records", "gauge",
              "Records not yet written, of the answering worker.",
              (int64_t) s->queued);

    if (s->head) {
        xc_sp_one(out, "xc_audit_records_total", "counter",
                  "Records of the audit log: the seq of the next one.",
                  (int64_t) s->records);
        xc_sp_one(out, "xc_audit_file_bytes", "gauge",
                  "Size of audit.log.", (int64_t) s->bytes);
    }

    xc_sp_one(out, "xc_audit_signing", "gauge",
              "Whether there is a key that signs checkpoints (key=).",
              s->signing);

    if (s->checkpoint) {
        xc_sp_one(out, "xc_audit_checkpoint_records", "gauge",
                  "Records that the latest signed checkpoint covers.",
                  (int64_t) s->checkpoint_size);
        xc_sp_one(out, "xc_audit_checkpoint_age_seconds", "gauge",
                  "Since the latest signed checkpoint.", s->checkpoint_age_s);
    }

    return false;
}


static bool
xc_sp_map(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    const uint64_t  *c = s->counters;

    (void) row;

    if (!s->map) {
        return false;
    }

    xc_sp_one(out, "xc_audit_failures_total", "counter",
              "Batches of records and checkpoints that were not made durable.",
              (int64_t) c[XC_COUNT_AUDIT_FAILURES]);
    xc_sp_one(out, "xc_audit_summarised_total", "counter",
              "Refusals that only a summary record counts.",
              (int64_t) c[XC_COUNT_SUMMARISED]);
    xc_sp_one(out, "xc_outcomes_total", "counter",
              "Outcome records.", (int64_t) c[XC_COUNT_OUTCOMES]);
    xc_sp_one(out, "xc_intake_reads_total", "counter",
              "Reads of the intake document.", (int64_t) c[XC_COUNT_INTAKE]);
    xc_sp_one(out, "xc_replay_store_used", "gauge",
              "Nonces in the replay store.", (int64_t) s->nonces_used);
    xc_sp_one(out, "xc_replay_store_capacity", "gauge",
              "Nonces that the replay store promises to hold (replay=).",
              (int64_t) s->nonces_promised);
    xc_sp_one(out, "xc_replay_store_slots", "gauge",
              "Places in the replay store.", (int64_t) s->nonces_slots);

    return false;
}


static bool
xc_sp_credentials(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    size_t  i;

    (void) row;

    xc_sp_family(out, "xc_credentials", "gauge",
                 "Registered credentials by the days that they last: expired, "
                 "at most 1, 7, 30, 90, more, none (without an end).");

    for (i = 0; i < XC_STATUS_DAYS_COUNT; i++) {
        xc_buf_z(out, "xc_credentials{");
        xc_sp_label(out, "days", xc_status_days[i]);
        xc_buf_char(out, '}');
        xc_sp_value(out, s->credentials[i]);
    }

    return false;
}


static bool
xc_sp_channel(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    (void) row;

    if (s->intake) {
        xc_sp_one(out, "xc_intake_expires_in_seconds", "gauge",
                  "Until the first intake document expires; negative: it has.",
                  s->intake_s);
    }

    xc_sp_one(out, "xc_observe_gates", "gauge",
              "Gates that observe.", (int64_t) s->observe_gates);

    if (s->observe_gates != 0 && s->observe_s != INT64_MAX) {
        xc_sp_one(out, "xc_observe_ends_in_seconds", "gauge",
                  "Until the first of them enforces.", s->observe_s);
    }

    if (!s->fleet) {
        return false;
    }

    xc_sp_one(out, "xc_fleet_connected", "gauge",
              "Whether the answering worker is connected to the fleet's store.",
              s->fleet_connected);
    xc_sp_one(out, "xc_fleet_waiting_requests", "gauge",
              "Requests that wait for the fleet's store, of the answering "
              "worker.", (int64_t) s->fleet_waiting);
    xc_sp_one(out, "xc_fleet_answers_total", "counter",
              "Answers of the fleet's store that came in time.",
              (int64_t) s->counters[XC_COUNT_FLEET_ANSWERS]);
    xc_sp_one(out, "xc_fleet_failures_total", "counter",
              "Requests for which the fleet's store gave no answer in time.",
              (int64_t) s->counters[XC_COUNT_FLEET_FAILURES]);

    return false;
}


/* One family of the agencies'; left: UINT64_MAX where there is none. */
static bool
xc_sp_agency(const xc_status_t *s, size_t row, xc_buf_t *out,
    const char *name, const char *type, const char *help, size_t member)
{
    uint64_t            value;
    xc_status_agency_t  agency;

    if (!s->agencies || s->n_agencies == 0) {
        return false;
    }

    if (row == 0) {
        xc_sp_family(out, name, type, help);
    }

    s->agency(s->ctx, row, &agency);
    memcpy(&value, (const char *) &agency + member, sizeof(value));

    if (value != UINT64_MAX) {
        xc_buf_z(out, name);
        xc_buf_char(out, '{');
        xc_sp_label(out, "agency", agency.id);
        xc_sp_label(out, ",level", xc_level_name(agency.level));
        xc_buf_char(out, '}');
        xc_sp_value(out, value);
    }

    return row + 1 < s->n_agencies;
}


static bool
xc_sp_agency_admitted(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_admitted_total", "counter",
                        "Requests of the agency decided allow.",
                        offsetof(xc_status_agency_t, admitted));
}


static bool
xc_sp_agency_refused(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_refused_total", "counter",
                        "Refusals of the agency, but for its limits.",
                        offsetof(xc_status_agency_t, refused));
}


static bool
xc_sp_agency_limited(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_limited_total", "counter",
                        "Refusals of the agency over its limits.",
                        offsetof(xc_status_agency_t, limited));
}


static bool
xc_sp_agency_used(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_day_used_units", "gauge",
                        "Units that the agency has used today (Asia/Shanghai).",
                        offsetof(xc_status_agency_t, state.day_used));
}


static bool
xc_sp_agency_left(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_day_left_units", "gauge",
                        "Units left of the agency's quota of today.",
                        offsetof(xc_status_agency_t, state.day_left));
}


static bool
xc_sp_agency_rate(const xc_status_t *s, size_t row, xc_buf_t *out)
{
    return xc_sp_agency(s, row, out, "xc_agency_rate_left_units", "gauge",
                        "Units that may come at once now.",
                        offsetof(xc_status_agency_t, state.rate_left));
}


const xc_status_part_pt  xc_status_prom_parts[] = {
    xc_sp_node,
    xc_sp_gone_on,
    xc_sp_refused,
    xc_sp_histograms,
    xc_sp_audit,
    xc_sp_map,
    xc_sp_credentials,
    xc_sp_channel,
    xc_sp_agency_admitted,
    xc_sp_agency_refused,
    xc_sp_agency_limited,
    xc_sp_agency_used,
    xc_sp_agency_left,
    xc_sp_agency_rate
};

const size_t  xc_status_prom_n = XC_COUNT(xc_status_prom_parts);
