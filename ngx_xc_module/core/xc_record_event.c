#include "xc_record.h"

#include "xc_time.h"


/* Strings in an outcome: escaped they grow sixfold at most, so that three of
 * them and the fixed part stay under XC_RECORD_OUTCOME_MAX. */
#define XC_RECORD_OUTCOME_STR   64


static xc_str_t
xc_record_short(xc_str_t s)
{
    return (xc_str_t) { s.data, XC_MIN(s.len, XC_RECORD_OUTCOME_STR) };
}


void
xc_record_outcome(xc_buf_t *out, const xc_record_outcome_t *in)
{
    xc_buf_z(out, "\"event\":\"outcome\",\"id\":");
    xc_buf_json(out, xc_record_short(in->id));
    xc_buf_z(out, ",\"status\":");
    xc_buf_u64(out, in->status);
    xc_buf_z(out, ",\"bytes\":");
    xc_buf_u64(out, in->bytes);

    if (in->answer_sha256 != NULL) {
        xc_buf_z(out, ",\"answer_sha256\":\"");
        xc_buf_hex(out, in->answer_sha256, XC_SHA256_SIZE);
        xc_buf_char(out, '"');
    }

    if (in->reply.len != 0) {
        xc_buf_z(out, ",\"reply\":");
        xc_buf_json(out, xc_record_short(in->reply));
    }

    if (in->upstream.len != 0) {
        xc_buf_z(out, ",\"upstream\":");
        xc_buf_json(out, xc_record_short(in->upstream));
    }

    if (in->upstream_status != 0) {
        xc_buf_z(out, ",\"upstream_status\":");
        xc_buf_u64(out, in->upstream_status);
    }

    xc_buf_z(out, ",\"ms\":");
    xc_buf_u64(out, in->ms);
    xc_buf_z(out, in->complete ? ",\"complete\":true" : ",\"complete\":false");
}


void
xc_record_outcome_seq(xc_buf_t *out, uint64_t decision_seq)
{
    xc_buf_z(out, ",\"decision_seq\":");
    xc_buf_u64(out, decision_seq);
}


void
xc_record_summary(xc_buf_t *out, const xc_record_summary_t *in)
{
    xc_buf_z(out, "\"event\":\"summary\"");

    if (in->network.len != 0) {
        xc_buf_z(out, ",\"client\":");
        xc_buf_json(out, in->network);
        xc_buf_z(out, ",\"reason\":");
        xc_buf_json(out, xc_reason_info(in->reason)->code);

    } else {
        xc_buf_z(out, ",\"format\":");
        xc_buf_json(out, in->format);
    }

    xc_buf_z(out, ",\"count\":");
    xc_buf_u64(out, in->count);
    xc_buf_z(out, ",\"first\":\"");
    xc_time_format_us(out, in->first_us);
    xc_buf_z(out, "\",\"last\":\"");
    xc_time_format_us(out, in->last_us);
    xc_buf_char(out, '"');
}
