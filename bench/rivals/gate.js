// A gate as gate.lua is one, for Debian's libnginx-mod-http-js (njs 0.7.9).
//
// What that version makes different: it has no memory that requests or workers
// share (js_shared_dict_zone came with 0.8.0), so nonces and rates are kept by
// limit_req, after the signature was verified, behind an internal redirect
// (njs.conf); its slowest rate remembers a nonce for one minute only, so that
// signatures hold one minute here.  There is no handler of the access phase, so
// the gate is the content handler and redirects to the location that proxies.
// All of this file runs anew in each request: hence the short tables.  The
// crypto module has no comparison in constant time.

import crypto from 'crypto';

const policy = {{policy}};
const required = ['@method', '@authority', '@path', 'content-type',
                  'content-digest'];
// as most signers list them: spelled out, since nothing can be kept of a list
// that was parsed
const usual = '"@method" "@authority" "@path" "content-type" "content-digest"';
const members = { request_no: 1, purpose: 1, case_no: 1, legal_basis: 1,
                  subjects: 1, fields: 1, salt: 1 };
const request_no = /^[\u4e00-\u9fff][^\x00-\x1f]{0,40}[〔\[]20[0-9]{2}[〕\]] ?第?[0-9]{1,6} ?号$/;
const input_form = /^([a-z][a-z0-9]*)=(\(([^)]*)\);created=([0-9]+);keyid="([^"]+)";nonce="([^"]+)")$/;
const signature_form = /^([a-z][a-z0-9]*)=:([^:]+):$/;


function finish(r, record) {
    r.variables.gate_record = JSON.stringify(record).slice(0, -1);
}


function refuse(r, record, status, reason) {
    record.decision = 'deny';
    record.reason = reason;
    finish(r, record);
    r.return(status);
}


// What the signature covers, a line each.
function signature_base(r, covered, params) {
    const h = r.headersIn;

    if (covered == usual) {
        return '"@method": ' + r.method + '\n"@authority": '
               + h.Host.toLowerCase() + '\n"@path": '
               + r.variables.request_uri.split('?')[0] + '\n"content-type": '
               + h['Content-Type'] + '\n"content-digest": '
               + h['Content-Digest'] + '\n"@signature-params": ' + params;
    }

    const names = covered.split(' ').map(n => n.slice(1, -1));
    const lines = [];

    for (let i = 0; i < required.length; i++) {
        if (names.indexOf(required[i]) < 0) {
            return undefined;
        }
    }
    for (let i = 0; i < names.length; i++) {
        const name = names[i];
        let value;

        switch (name) {
        case '@method': value = r.method; break;
        case '@authority': value = h.Host.toLowerCase(); break;
        case '@path': value = r.variables.request_uri.split('?')[0]; break;
        case '@query': value = '?' + r.variables.args; break;
        default: value = h[name];
        }
        if (value === undefined || names.indexOf(name) != i) {
            return undefined;
        }
        lines.push('"' + name + '": ' + value);
    }
    lines.push('"@signature-params": ' + params);
    return lines.join('\n');
}


function request_fault(body) {
    for (let name in body) {
        if (!members[name]) {
            return 'request-invalid';
        }
    }
    if (typeof body.request_no != 'string'
        || !request_no.test(body.request_no)
        || typeof body.case_no != 'string' || body.case_no.length > 256)
    {
        return 'request-invalid';
    }
    if (!policy.purposes[body.purpose]) {
        return 'purpose-not-allowed';
    }
    if (!Array.isArray(body.subjects) || !body.subjects.length) {
        return 'subject-required';
    }
    // the check digit is not computed
    return body.subjects.every(s => s.type == 'merchant'
                                    && /^[0-9A-Z]{18}$/.test(s.id))
           ? undefined : 'request-invalid';
}


function check(r) {
    const v = r.variables, h = r.headersIn;
    const input = h['Signature-Input'], signature = h['Signature'];
    const record = {
        time: new Date().toISOString(), node: 'bench', event: 'decision',
        id: v.request_id, client: v.remote_addr, tls: null, method: r.method,
        host: h.Host, uri: v.request_uri, operation: 'submit',
        policy: policy.id, mode: 'enforce', signature_input: input,
        signature: signature, content_digest: h['Content-Digest'] };
    const m = input_form.exec(input || '');
    const s = signature_form.exec(signature || '');

    if (!m || !s || m[1] != s[1]) {
        return refuse(r, record, 401, 'credential-missing');
    }
    const credential = policy.credentials[m[5]];
    if (!credential) {
        return refuse(r, record, 401, 'credential-unknown');
    }
    const age = Math.floor(Date.now() / 1000) - Number(m[4]);
    if (age > 60 || age < -30) {
        return refuse(r, record, 401, 'signature-stale');
    }
    const base = signature_base(r, m[3], m[2]);
    if (base === undefined) {
        return refuse(r, record, 401, 'signature-incomplete');
    }
    if (crypto.createHmac('sha256', Buffer.from(credential.secret, 'base64'))
        .update(base).digest('base64') != s[2])
    {
        return refuse(r, record, 401, 'signature-invalid');
    }
    const agency = policy.agencies[credential.agency];
    record.agency = credential.agency;
    record.level = agency.level;
    record.credential = 'httpsig:' + m[5];
    record.covered = { 'content-type': h['Content-Type'] };

    if (h['Content-Type'] != 'application/json') {
        return refuse(r, record, 415, 'media-type-unsupported');
    }
    const text = r.requestText;
    if (!text) {
        return refuse(r, record, 400, 'body-missing');
    }
    if (record.content_digest != 'sha-256=:' + crypto.createHash('sha256')
                                 .update(text).digest('base64') + ':')
    {
        return refuse(r, record, 401, 'digest-mismatch');
    }

    let body;
    try {
        body = JSON.parse(text);
    } catch (e) {
        return refuse(r, record, 400, 'body-invalid');
    }
    const fault = request_fault(body);
    if (fault) {
        return refuse(r, record, 403, fault);
    }
    if (!Array.isArray(body.fields) || !body.fields.length
        || body.fields.length > 64)
    {
        return refuse(r, record, 400, 'field-list-missing');
    }
    record.request_no = body.request_no;
    record.purpose = body.purpose;
    record.case_no = body.case_no;
    record.legal_basis = body.legal_basis;
    record.fields = body.fields;
    record.subjects = body.subjects.map(s => ({ type: s.type }));
    const refused = body.fields.filter(f => !agency.fields[f]);
    if (refused.length) {
        record.refused = refused.map(f => ({ field: f,
                                             reason: 'field-not-granted' }));
        return refuse(r, record, 403, 'field-not-granted');
    }

    record.decision = 'allow';
    finish(r, record);
    v.gate_nonce = m[5] + ' ' + m[6];
    v.gate_agency = credential.agency;
    v.gate_slow = agency.slow ? credential.agency : '';
    v.gate_level = agency.level;
    v.gate_request_no = encodeURIComponent(body.request_no);
    v.gate_fields = body.fields.join(',');
    r.internalRedirect('@admitted');
}


export default { check };
