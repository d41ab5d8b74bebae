#include "xc_approval_token.h"

#include "xc_approval_claims.h"
#include "xc_ascii.h"
#include "xc_jws.h"
#include "xc_revoke.h"


#define XC_APPROVAL_TYP     "xc-approval+jwt"

typedef struct {
    const xc_approval_in_t  *in;
    const xc_request_t      *request;
    xc_jws_t                 jws;
    const xc_credential_t   *credential;
    xc_approval_t            rule;
    const char              *fault, *fault_zh;      /* where a check denies */
} xc_approval_token_t;


static xc_rc_t
xc_approval_deny(xc_approval_token_t *token, const char *fault,
    const char *fault_zh)
{
    token->fault = fault;
    token->fault_zh = fault_zh;

    return XC_DENIED;
}


static xc_rc_t
xc_approval_parse(xc_approval_token_t *token)
{
    xc_rc_t      rc;
    const char  *error = "not a token";

    rc = xc_jws_parse(token->in->arena, token->request->approval_token, &error,
                      &token->jws);

    return rc != XC_EINPUT ? rc
           : xc_approval_deny(token, error, "令牌过长，或者不是合规的 JWS");
}


static bool
xc_approval_is_closed(const xc_json_t *object, const char *const *names,
    size_t n)
{
    size_t                 i;
    xc_str_t               key;
    const xc_json_iter_t  *it;

    for (it = xc_json_first(object); it != NULL; it = xc_json_next(object, it))
    {
        key = xc_json_iter_key(it);

        for (i = 0; i < n && !xc_str_eq(key, xc_str_z(names[i])); i++) {
            /* void */
        }

        if (i == n) {
            return false;
        }
    }

    return true;
}


/* What brings a key, says where one lies, or has to be understood (crit, b64)
 * is none of these. */
static xc_rc_t
xc_approval_check_header(xc_approval_token_t *token)
{
    static const char *const  names[] = { "alg", "kid", "typ" };

    if (!xc_approval_is_closed(token->jws.header, names, XC_COUNT(names))) {
        return xc_approval_deny(token, "the token's header holds more than "
                                "alg, kid and typ",
                                "令牌头含有 alg、kid、typ 以外的成员");
    }

    /* RFC 8725 3.11: no token made for another purpose passes here, and this
     * one nowhere else. */
    if (!xc_ascii_ieq(xc_jws_string(token->jws.header, XC_STR("typ")),
                      XC_STR(XC_APPROVAL_TYP)))
    {
        return xc_approval_deny(token, "typ is not " XC_APPROVAL_TYP,
                                "typ 不是 " XC_APPROVAL_TYP);
    }

    return XC_OK;
}


static xc_rc_t
xc_approval_check_claims(xc_approval_token_t *token)
{
    static const char *const  names[] = {
        "iss", "sub", "aud", "iat", "nbf", "exp", "no", "fields", "case_no",
        "request_no", "subjects"
    };

    return xc_approval_is_closed(token->jws.claims, names, XC_COUNT(names))
           ? XC_OK
           : xc_approval_deny(token, "the token holds a claim that approvals "
                              "don't have", "令牌含有同意文件所没有的成员");
}


/* JOSE's names, and the policy's own for SM2, which has none there. */
static xc_alg_t
xc_approval_alg(xc_str_t name)
{
    if (xc_str_eq(name, XC_STR("PS512"))) {
        return XC_ALG_RSA_PSS_SHA512;               /* RFC 7518 3.5 */
    }

    if (xc_str_eq(name, XC_STR("sm2-sm3"))) {
        return XC_ALG_SM2_SM3;
    }

    return xc_alg_by_jose(name);
}


/* A shared secret proves nothing of a province: the platform could have made
 * the token. */
static xc_rc_t
xc_approval_check_key(xc_approval_token_t *token)
{
    const xc_credential_t  *credential;

    credential = xc_policy_keyid(token->in->policy,
                                 xc_jws_string(token->jws.header,
                                               XC_STR("kid")));

    if (credential == NULL || credential->scheme != XC_SCHEME_HTTPSIG) {
        return xc_approval_deny(token, "kid names no registered key",
                                "kid 不是已登记的密钥");
    }

    if (xc_alg_is_symmetric(credential->alg)) {
        return xc_approval_deny(token, "kid names a shared secret, which can't "
                                "sign approvals",
                                "kid 为共享密钥，不能用于签发同意文件");
    }

    /* It asks for others, and may do nothing else in its owner's name. */
    if (credential->behalf != NULL) {
        return xc_approval_deny(token, "kid names an intermediary's key, which "
                                "can't sign approvals",
                                "kid 为代提交方的密钥，不能用于签发同意文件");
    }

    if (xc_approval_alg(xc_jws_string(token->jws.header, XC_STR("alg")))
        != credential->alg)
    {
        return xc_approval_deny(token, "alg is not the algorithm of that key",
                                "alg 与所登记密钥的算法不符");
    }

    token->credential = credential;

    return XC_OK;
}


/* As of any credential; where it is sent from says nothing, since the agency
 * that asks sends it. */
static xc_rc_t
xc_approval_check_standing(xc_approval_token_t *token)
{
    const xc_approval_in_t  *in = token->in;
    const xc_credential_t   *credential = token->credential;

    if (in->now_s < credential->not_before_s
        || in->now_s >= credential->not_after_s)
    {
        return xc_approval_deny(token, "the key that signed is outside its "
                                "validity", "签发所用的密钥不在有效期内");
    }

    if (in->map != NULL
        && !xc_revoke_stands(in->map, credential->identity, in->generation))
    {
        return xc_approval_deny(token, "the key that signed has been withdrawn",
                                "签发所用的密钥已被撤销");
    }

    return XC_OK;
}


/* Between whom: the key's owner, which has to be the province above, and the
 * agency that asks. */
static xc_rc_t
xc_approval_check_parties(xc_approval_token_t *token)
{
    xc_str_t            iss, sub;
    const xc_agency_t  *agency = token->in->agency;

    iss = xc_jws_string(token->jws.claims, XC_STR("iss"));
    sub = xc_jws_string(token->jws.claims, XC_STR("sub"));

    if (iss.data == NULL || !xc_str_eq(iss, token->credential->agency->id)) {
        return xc_approval_deny(token, "iss is not the agency whose key signed",
                                "iss 与签发密钥所属机关不符");
    }

    if (!xc_str_eq(iss, xc_approval_by(agency))) {
        return xc_approval_deny(token, "the token was not issued by the "
                                "agency's own province",
                                "令牌不是本机关所属省级市场监督管理部门签发的");
    }

    if (sub.data == NULL || !xc_str_eq(sub, agency->id)) {
        return xc_approval_deny(token, "sub is not the agency that asks",
                                "sub 不是本机关");
    }

    token->rule.by = iss;
    token->rule.agency = sub;

    return XC_OK;
}


/* "platform.example" names the platform at all ports where the policy names
 * none. */
static bool
xc_approval_is_authority(const void *ctx, xc_str_t aud)
{
    size_t                   i;
    const xc_authority_t    *ours;
    const xc_approval_in_t  *in = ctx;

    if (xc_ascii_ieq(aud, in->authority)) {
        return true;
    }

    for (i = 0; i < in->policy->n_authorities; i++) {
        ours = &in->policy->authorities[i];

        if (ours->port == 0 && xc_ascii_ieq(ours->host, aud)
            && in->authority.len > aud.len
            && in->authority.data[aud.len] == ':'
            && xc_ascii_ieq((xc_str_t) { in->authority.data, aud.len }, aud))
        {
            return true;
        }
    }

    return false;
}


static xc_rc_t
xc_approval_check_audience(xc_approval_token_t *token)
{
    bool  found;

    found = xc_jws_audience(token->jws.claims, xc_approval_is_authority,
                            token->in);

    return found ? XC_OK
           : xc_approval_deny(token, "aud does not name this platform",
                              "aud 不是本平台");
}


/* False: absent, where it must not be, or no time. */
static bool
xc_approval_date(const xc_approval_token_t *token, xc_str_t name, bool needed,
    int64_t *out)
{
    const xc_json_t  *node = xc_json_member(token->jws.claims, name);

    return node == NULL ? !needed : xc_jws_date(node, out);
}


/* A beginning has the leeway that signatures have; an end is an end, as that of
 * an approval in the policy. */
static xc_rc_t
xc_approval_check_times(xc_approval_token_t *token)
{
    int64_t  iat_s = 0, nbf_s = 0, exp_s = 0, latest_s;

    latest_s = token->in->now_s + token->in->policy->max_skew_s;

    if (!xc_approval_date(token, XC_STR("iat"), true, &iat_s)
        || !xc_approval_date(token, XC_STR("exp"), true, &exp_s)
        || !xc_approval_date(token, XC_STR("nbf"), false, &nbf_s))
    {
        return xc_approval_deny(token, "iat, exp or nbf is missing or not a "
                                "NumericDate",
                                "iat、exp 或 nbf 缺失或格式不符");
    }

    if (iat_s > latest_s || nbf_s > latest_s) {
        return xc_approval_deny(token, "the token is not in force yet",
                                "令牌尚未生效");
    }

    if (token->in->now_s >= exp_s) {
        return xc_approval_deny(token, "the token has expired",
                                "令牌已过有效期");
    }

    if (exp_s - iat_s > XC_APPROVAL_LIFETIME_MAX_S) {
        return xc_approval_deny(token, "the token lasts over 366 days",
                                "令牌有效期超过 366 天");
    }

    token->rule.not_before_s = INT64_MIN;
    token->rule.not_after_s = exp_s;

    return XC_OK;
}


static xc_rc_t
xc_approval_read_claims(xc_approval_token_t *token)
{
    xc_rc_t              rc;
    xc_str_t             asked = token->request->approval;
    xc_approval_fault_t  fault = { "", "" };

    rc = xc_approval_claims_read(token->in->arena, token->in->policy,
                                 token->jws.claims, &token->rule, &fault);

    if (rc == XC_DENIED) {
        return xc_approval_deny(token, fault.en, fault.zh);
    }

    if (rc == XC_OK && asked.data != NULL
        && !xc_str_eq(asked, token->rule.no))
    {
        return xc_approval_deny(token, "no is another number than approval",
                                "no 与 approval 所列文号不一致");
    }

    return rc;
}


static xc_rc_t
xc_approval_check_signature(xc_approval_token_t *token)
{
    xc_rc_t  rc;

    rc = xc_key_verify(token->credential->key, token->jws.content,
                       token->jws.signature);

    return rc != XC_DENIED ? rc
           : xc_approval_deny(token, "the token's signature does not verify",
                              "令牌签名验证未通过");
}


static xc_rc_t
xc_approval_examine(xc_approval_token_t *token)
{
    size_t   i;
    xc_rc_t  rc = XC_OK;

    /* What is cheap comes first: the last one costs a public-key operation. */
    static xc_rc_t (*const  checks[])(xc_approval_token_t *) = {
        xc_approval_parse,
        xc_approval_check_header,
        xc_approval_check_claims,
        xc_approval_check_key,
        xc_approval_check_standing,
        xc_approval_check_parties,
        xc_approval_check_audience,
        xc_approval_check_times,
        xc_approval_read_claims,
        xc_approval_check_signature
    };

    for (i = 0; i < XC_COUNT(checks) && rc == XC_OK; i++) {
        rc = checks[i](token);
    }

    return rc;
}


static xc_rc_t
xc_approval_read(const xc_approval_in_t *in, xc_request_t *request)
{
    xc_rc_t              rc;
    xc_approval_t       *rule;
    xc_approval_token_t  token = { .in = in, .request = request };

    rc = xc_approval_examine(&token);

    if (rc == XC_DENIED) {
        request->token_fault = token.fault;
        request->token_fault_zh = token.fault_zh;

        return XC_OK;
    }

    if (rc != XC_OK) {
        return rc;
    }

    rule = xc_arena_alloc(in->arena, sizeof(*rule));
    if (rule == NULL) {
        return XC_ENOMEM;
    }

    *rule = token.rule;
    request->approval_rule = rule;
    request->approval_key = token.credential;
    request->approval = rule->no;

    return XC_OK;
}


/* One that a later load does not hold, or not as it was, is none: what an old
 * worker began under it must not outlive it. */
static const xc_approval_t *
xc_approval_named(const xc_approval_in_t *in, xc_str_t no)
{
    const xc_approval_t  *rule = xc_policy_approval(in->policy, no);

    return rule != NULL && in->map != NULL
           && !xc_revoke_stands(in->map, rule->identity, in->generation)
           ? NULL : rule;
}


xc_rc_t
xc_approval_resolve(const xc_approval_in_t *in, xc_request_t *request)
{
    request->approval_rule = NULL;
    request->approval_key = NULL;
    request->token_fault = NULL;
    request->token_fault_zh = NULL;

    if (request->approval_token.data != NULL) {
        return xc_approval_read(in, request);
    }

    if (request->approval.data != NULL) {
        request->approval_rule = xc_approval_named(in, request->approval);
    }

    return XC_OK;
}
