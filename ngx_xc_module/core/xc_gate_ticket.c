#include "xc_gate_impl.h"

#include "xc_approval.h"
#include "xc_revoke.h"
#include "xc_ticket.h"


#define XC_GATE_DAY_S   86400
#define XC_GATE_ID_LEN  32

typedef char xc_gate_identity_fits[XC_TICKET_KEY_IDENTITY
                                   == XC_CREDENTIAL_IDENTITY ? 1 : -1];


/* What a ticket says of its subjects where an approval is for some. */
static xc_rc_t
xc_gate_ticket_macs(const xc_gate_conf_t *conf, const xc_request_t *request,
    xc_arena_t *arena, xc_ticket_t *ticket)
{
    size_t                i;
    xc_rc_t               rc = XC_OK;
    const xc_subject_t   *subject;
    xc_ticket_subject_t  *macs;

    if (request->approval.data == NULL || request->approval_key != NULL) {
        return XC_OK;
    }

    macs = xc_arena_array(arena, request->n_subjects,
                          sizeof(xc_ticket_subject_t));
    if (macs == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < request->n_subjects && rc == XC_OK; i++) {
        subject = &request->subjects[i];
        rc = xc_ticket_subject(conf->token_key, subject->type->id, subject->id,
                               &macs[i]);
    }

    ticket->subjects = macs;
    ticket->n_subjects = request->n_subjects;

    return rc;
}


/* What a token has proved, once and for all but its end and its key: only of
 * one that held for the request, since the result does not look again. */
static xc_rc_t
xc_gate_ticket_consent(const xc_gate_t *gate, xc_arena_t *arena,
    xc_ticket_consent_t *consent)
{
    size_t               i;
    const xc_field_t    *field;
    const xc_request_t  *request = &gate->request;

    if (request->approval_key == NULL || !request->approval_holds) {
        return XC_OK;
    }

    consent->fields = xc_arena_array(arena, request->n_fields, sizeof(size_t));
    if (consent->fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < request->n_fields; i++) {
        field = request->fields[i].field;

        if (field != NULL && xc_approval_covers(request->approval_rule, field))
        {
            consent->fields[consent->n_fields++] = i;
        }
    }

    consent->kid = request->approval_key->keyid;
    consent->ends_s = request->approval_rule->not_after_s;
    memcpy(consent->key, request->approval_key->identity,
           XC_TICKET_KEY_IDENTITY);

    return XC_OK;
}


xc_rc_t
xc_gate_ticket(const xc_gate_conf_t *conf, const xc_gate_t *gate, xc_str_t id,
    xc_str_t record, int64_t now_s, xc_arena_t *arena, xc_buf_t *out)
{
    size_t               i;
    xc_rc_t              rc;
    xc_str_t            *fields;
    xc_ticket_t          ticket;
    const xc_request_t  *request = &gate->request;

    fields = xc_arena_array(arena, request->n_fields, sizeof(xc_str_t));
    if (fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < request->n_fields; i++) {
        fields[i] = request->fields[i].name;
    }

    ticket = (xc_ticket_t) {
        .id = id, .record = record, .policy = conf->policy->id,
        .authority = gate->authority, .agency = gate->auth.agency->id,
        .via = gate->auth.via == NULL ? XC_STR_NONE : gate->auth.via->id,
        .purpose = request->purpose, .request_no = request->request_no,
        .case_no = request->case_no, .approval = request->approval,
        .fields = fields, .n_fields = request->n_fields,
        .asks = request->sweep ? XC_TICKET_SWEEP
                : request->n_subjects != 0 ? XC_TICKET_SUBJECTS
                : XC_TICKET_NOTHING,
        .expires_s = now_s + (int64_t) conf->policy->limits.result_days
                             * XC_GATE_DAY_S
    };

    rc = xc_gate_ticket_macs(conf, request, arena, &ticket);
    if (rc == XC_OK) {
        rc = xc_gate_ticket_consent(gate, arena, &ticket.consent);
    }

    if (rc == XC_OK) {
        rc = xc_ticket_write(conf->token_key, &ticket, out);
    }

    return rc;
}


/* Of a check that is like a submit, the one that the submit would have. */
static bool
xc_gate_has_ticket(const xc_operation_t *operation)
{
    return operation->kind == XC_OPERATION_SUBMIT
           || (operation->like != NULL
               && operation->like->kind == XC_OPERATION_SUBMIT);
}


/*
 * Whatever goes on gets its ticket, so one that would have none is refused
 * while it still can be: with the longest record that a ticket may name.
 */
xc_rc_t
xc_gate_ticket_fits(const xc_gate_conf_t *conf, int64_t now_s,
    xc_arena_t *arena, xc_gate_t *gate)
{
    char      mem[XC_TICKET_MAX], longest[XC_TICKET_RECORD_MAX];
    xc_rc_t   rc;
    xc_buf_t  out;

    if (conf->token_key == NULL || !xc_gate_has_ticket(gate->operation)) {
        return XC_OK;
    }

    memset(longest, '0', sizeof(longest));
    xc_buf_init(&out, mem, sizeof(mem));

    rc = xc_gate_ticket(conf, gate, (xc_str_t) { longest, XC_GATE_ID_LEN },
                        (xc_str_t) { longest, sizeof(longest) }, now_s, arena,
                        &out);
    if (rc != XC_ELIMIT) {
        return xc_gate_result(gate, rc);
    }

    return xc_gate_deny(gate, XC_REASON_REQUEST_INVALID,
                        XC_STR("fields: so many that XC-Request, by which the "
                               "result is asked for, can't hold them; ask for "
                               "fewer at a time"),
                        XC_STR("fields：字段过多，领取结果所用的 XC-Request "
                               "无法容纳，请分次请求"));
}


static xc_rc_t
xc_gate_not_yours(xc_gate_t *gate, xc_str_t detail, xc_str_t detail_zh)
{
    return xc_gate_deny(gate, XC_REASON_REQUEST_NOT_YOURS, detail, detail_zh);
}


/* The field's one line, and a ticket in it. */
static xc_rc_t
xc_gate_ticket_read(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    xc_arena_t *arena, xc_gate_t *gate, xc_ticket_t *ticket)
{
    size_t              n;
    xc_rc_t             rc;
    const xc_header_t  *line;

    line = xc_msg_header(msg, XC_STR("xc-request"), &n);

    if (line == NULL) {
        return xc_gate_not_yours(gate,
                   XC_STR("XC-Request is missing: send back the one that the "
                          "answer to the submit held"),
                   XC_STR("缺少 XC-Request：请原样带回提交请求时应答中的该标头"));
    }

    if (n != 1) {
        return xc_gate_not_yours(gate,
                                 XC_STR("XC-Request stands more than once"),
                                 XC_STR("XC-Request 出现多次"));
    }

    /* nothing of the kind gets past nginx -t */
    rc = conf->token_key == NULL
         ? XC_EINTERNAL
         : xc_ticket_read(arena, conf->token_key, line->value, ticket);

    if (rc == XC_DENIED) {
        return xc_gate_not_yours(gate,
                   XC_STR("XC-Request is not one that this platform made, or "
                          "its key has changed since"),
                   XC_STR("XC-Request 不是本平台签发的，或签发密钥已更换"));
    }

    return xc_gate_result(gate, rc);
}


/* Whose it is comes first: of others' requests nothing is told.  Platforms may
 * share a key, and the same id be two agencies' in two policies. */
static xc_rc_t
xc_gate_ticket_bound(const xc_gate_conf_t *conf, const xc_ticket_t *ticket,
    int64_t now_s, xc_gate_t *gate)
{
    xc_str_t  via = gate->auth.via == NULL ? XC_STR_NONE : gate->auth.via->id;

    if (!xc_str_eq(ticket->policy, conf->policy->id)
        || !xc_str_eq(ticket->authority, gate->authority))
    {
        return xc_gate_not_yours(gate,
                   XC_STR("XC-Request was made at another authority, or under "
                          "another policy"),
                   XC_STR("XC-Request 不是在本域名、依本策略签发的，"
                          "请在提交请求的域名查收"));
    }

    if (!xc_str_eq(ticket->agency, gate->auth.agency->id)
        || !xc_str_eq(ticket->via, via))
    {
        return xc_gate_not_yours(gate,
                   XC_STR("XC-Request was made for another agency, or came "
                          "through another intermediary"),
                   XC_STR("XC-Request 属于其他机关，或经由其他代提交方提出"));
    }

    if (now_s >= ticket->expires_s) {
        return xc_gate_not_yours(gate, XC_STR("XC-Request has expired"),
                                 XC_STR("XC-Request 已过期，请重新提出请求"));
    }

    if (!xc_str_eq(ticket->id, gate->captures.request)) {
        return xc_gate_not_yours(gate,
                   XC_STR("XC-Request is of another request than the path "
                          "names"),
                   XC_STR("XC-Request 与路径中的请求编号不符"));
    }

    return XC_OK;
}


static xc_rc_t
xc_gate_ticket_fields(const xc_policy_t *policy, const xc_ticket_t *ticket,
    xc_arena_t *arena, xc_request_t *request)
{
    size_t  i;

    request->fields = xc_arena_array(arena, ticket->n_fields,
                                     sizeof(xc_asked_t));
    if (request->fields == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < ticket->n_fields; i++) {
        request->fields[i] = (xc_asked_t) {
            .name = ticket->fields[i],
            .field = xc_policy_field(policy, ticket->fields[i])
        };
    }

    request->n_fields = ticket->n_fields;
    request->fields_present = true;

    return XC_OK;
}


/*
 * As many subjects as were named then.  One that the approval of today names
 * stands as there; who the others were nobody here can tell, and that is the
 * same as not being named by it.
 */
static xc_rc_t
xc_gate_ticket_subjects(const xc_gate_conf_t *conf, const xc_ticket_t *ticket,
    xc_arena_t *arena, xc_request_t *request)
{
    size_t                        i, j;
    xc_rc_t                       rc;
    xc_ticket_subject_t           mac;
    const xc_approval_t          *rule = request->approval_rule;
    const xc_approval_subject_t  *known;

    static const xc_subject_type_t  unnamed = { .id = { "", 0 } };

    request->n_subjects = XC_MAX(ticket->n_subjects, 1);
    request->subjects = xc_arena_array(arena, request->n_subjects,
                                       sizeof(xc_subject_t));
    if (request->subjects == NULL) {
        return XC_ENOMEM;
    }

    for (i = 0; i < request->n_subjects; i++) {
        request->subjects[i] = (xc_subject_t) { &unnamed, XC_STR("") };
    }

    for (j = 0; rule != NULL && j < rule->n_subjects; j++) {
        known = &rule->subjects[j];

        rc = xc_ticket_subject(conf->token_key, known->type->id, known->id,
                               &mac);
        if (rc != XC_OK) {
            return rc;
        }

        for (i = 0; i < ticket->n_subjects; i++) {
            if (memcmp(&mac, &ticket->subjects[i], sizeof(mac)) == 0) {
                request->subjects[i] = (xc_subject_t) { known->type,
                                                        known->id };
            }
        }
    }

    return XC_OK;
}


/* The key that signed the token, as it was then, in force now. */
static const xc_credential_t *
xc_gate_consent_key(const xc_gate_conf_t *conf,
    const xc_ticket_consent_t *consent, int64_t now_s)
{
    const xc_credential_t  *key = xc_policy_keyid(conf->policy, consent->kid);

    if (key == NULL || key->behalf != NULL
        || memcmp(key->identity, consent->key, XC_TICKET_KEY_IDENTITY) != 0
        || now_s < key->not_before_s || now_s >= key->not_after_s
        || !xc_revoke_stands(conf->map, key->identity, conf->generation))
    {
        return NULL;
    }

    return key;
}


/* The rule's fields by address, as xc_approval_covers() looks for them; those
 * that the policy has still. */
static void
xc_gate_consent_fields(const xc_ticket_consent_t *consent,
    const xc_request_t *request, xc_approval_t *rule)
{
    size_t             i, j;
    const xc_field_t  *field;

    for (i = 0; i < consent->n_fields; i++) {
        field = request->fields[consent->fields[i]].field;

        if (field == NULL) {
            continue;
        }

        for (j = rule->n_fields; j != 0 && rule->fields[j - 1] > field; j--) {
            rule->fields[j] = rule->fields[j - 1];
        }

        rule->fields[j] = field;
        rule->n_fields++;
    }
}


/*
 * What a token said of the case, the request and its subjects held for the
 * submit, of which nothing has changed since: here it names none.
 */
static xc_rc_t
xc_gate_consent(const xc_gate_conf_t *conf, const xc_ticket_t *ticket,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_approval_t          *rule;
    xc_request_t           *request = &gate->request;
    const xc_credential_t  *key;

    key = xc_gate_consent_key(conf, &ticket->consent, now_s);

    if (key == NULL) {
        request->token_fault = "the key that signed it has been changed or "
                               "withdrawn, or is outside its validity";
        request->token_fault_zh = "签发所用的密钥已变更、已撤销或不在有效期内";
        return XC_OK;
    }

    rule = xc_arena_array(arena, 1, sizeof(xc_approval_t));
    if (rule == NULL) {
        return XC_ENOMEM;
    }

    rule->fields = xc_arena_array(arena, ticket->consent.n_fields,
                                  sizeof(const xc_field_t *));
    if (rule->fields == NULL) {
        return XC_ENOMEM;
    }

    rule->no = ticket->approval;
    rule->by = key->agency->id;
    rule->agency = ticket->agency;
    rule->not_before_s = INT64_MIN;
    rule->not_after_s = ticket->consent.ends_s;
    xc_gate_consent_fields(&ticket->consent, request, rule);

    request->approval_rule = rule;
    request->approval_key = key;

    return XC_OK;
}


static xc_rc_t
xc_gate_ticket_request(const xc_gate_conf_t *conf, const xc_ticket_t *ticket,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t        rc;
    xc_request_t  *request = &gate->request;

    *request = (xc_request_t) {
        .request_no = ticket->request_no, .purpose = ticket->purpose,
        .case_no = ticket->case_no, .approval = ticket->approval,
        .purpose_rule = xc_policy_purpose(conf->policy, ticket->purpose),
        .sweep = ticket->asks == XC_TICKET_SWEEP, .whole = true
    };

    rc = xc_gate_ticket_fields(conf->policy, ticket, arena, request);
    if (rc == XC_OK) {
        rc = ticket->consent.kid.data != NULL
             ? xc_gate_consent(conf, ticket, now_s, arena, gate)
             : xc_gate_approval(conf, now_s, arena, gate);
    }

    if (rc == XC_OK && ticket->asks == XC_TICKET_SUBJECTS) {
        rc = xc_gate_ticket_subjects(conf, ticket, arena, request);
    }

    return rc;
}


xc_rc_t
xc_gate_result_read(const xc_gate_conf_t *conf, const xc_msg_t *msg,
    int64_t now_s, xc_arena_t *arena, xc_gate_t *gate)
{
    xc_rc_t      rc;
    xc_ticket_t  ticket;

    rc = xc_gate_ticket_read(conf, msg, arena, gate, &ticket);
    if (rc == XC_OK) {
        rc = xc_gate_ticket_bound(conf, &ticket, now_s, gate);
    }

    if (rc != XC_OK) {
        return rc;
    }

    gate->ref = ticket.record;

    return xc_gate_ticket_request(conf, &ticket, now_s, arena, gate);
}


void
xc_gate_result_forget(xc_gate_t *gate)
{
    if (gate->operation->kind == XC_OPERATION_RESULT) {
        gate->request.subjects = NULL;
        gate->request.n_subjects = 0;
    }
}
