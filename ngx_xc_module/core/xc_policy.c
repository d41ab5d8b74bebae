#include "xc_policy.h"

#include "xc_ascii.h"


#define XC_USCC_LENGTH  18


xc_str_t
xc_member_name(xc_member_t member)
{
    static const xc_str_t  names[XC_MEMBER_COUNT] = {
        [XC_MEMBER_FIELDS] = { "fields", 6 },
        [XC_MEMBER_REQUEST_NO] = { "request_no", 10 },
        [XC_MEMBER_PURPOSE] = { "purpose", 7 },
        [XC_MEMBER_CASE_NO] = { "case_no", 7 },
        [XC_MEMBER_LEGAL_BASIS] = { "legal_basis", 11 },
        [XC_MEMBER_OFFICERS] = { "officers", 8 },
        [XC_MEMBER_SUBJECTS] = { "subjects", 8 },
        [XC_MEMBER_WINDOW] = { "window", 6 },
        [XC_MEMBER_CATEGORY] = { "category", 8 },
        [XC_MEMBER_REGION] = { "region", 6 },
        [XC_MEMBER_APPROVAL] = { "approval", 8 },
        [XC_MEMBER_APPROVAL_TOKEN] = { "approval_token", 14 }
    };

    return (unsigned) member < XC_MEMBER_COUNT ? names[member] : XC_STR("");
}


xc_str_t
xc_scheme_name(xc_scheme_t scheme)
{
    static const xc_str_t  names[XC_SCHEME_COUNT] = {
        [XC_SCHEME_HTTPSIG] = { "httpsig", 7 },
        [XC_SCHEME_MTLS] = { "mtls", 4 },
        [XC_SCHEME_JWT] = { "jwt", 3 }
    };

    return names[scheme];
}


xc_str_t
xc_level_name(xc_level_t level)
{
    static const xc_str_t  names[XC_LEVEL_COUNT] = {
        [XC_LEVEL_COUNTY] = { "county", 6 },
        [XC_LEVEL_CITY] = { "city", 4 },
        [XC_LEVEL_PROVINCE] = { "province", 8 },
        [XC_LEVEL_NATIONAL] = { "national", 8 }
    };

    return (unsigned) level < XC_LEVEL_COUNT ? names[level] : XC_STR("");
}


const xc_field_t *
xc_policy_field(const xc_policy_t *policy, xc_str_t id)
{
    return xc_index_find(&policy->field_index, id);
}


const xc_purpose_t *
xc_policy_purpose(const xc_policy_t *policy, xc_str_t id)
{
    return xc_index_find(&policy->purpose_index, id);
}


const xc_subject_type_t *
xc_policy_subject_type(const xc_policy_t *policy, xc_str_t id)
{
    return xc_index_find(&policy->subject_type_index, id);
}


const xc_agency_t *
xc_policy_agency(const xc_policy_t *policy, xc_str_t id)
{
    return xc_index_find(&policy->agency_index, id);
}


const xc_approval_t *
xc_policy_approval(const xc_policy_t *policy, xc_str_t no)
{
    return xc_index_find(&policy->approval_index, no);
}


const xc_credential_t *
xc_policy_keyid(const xc_policy_t *policy, xc_str_t keyid)
{
    return xc_index_find(&policy->keyid_index, keyid);
}


const xc_credential_t *
xc_policy_cert(const xc_policy_t *policy, xc_cert_match_t match, xc_str_t name)
{
    return xc_index_find(&policy->cert_index[match], name);
}


const xc_credential_t *
xc_policy_issuer(const xc_policy_t *policy, xc_str_t iss)
{
    return xc_index_find(&policy->issuer_index, iss);
}


static bool
xc_policy_has_method(const xc_operation_t *operation, xc_str_t method)
{
    size_t  i;

    for (i = 0; i < operation->n_methods; i++) {
        if (xc_str_eq(operation->methods[i], method)) {
            return true;
        }
    }

    return false;
}


xc_rc_t
xc_policy_operation(const xc_policy_t *policy, xc_str_t method, xc_str_t path,
    const xc_operation_t **out, xc_captures_t *found)
{
    size_t                 i;
    xc_rc_t                rc;
    xc_str_t               captures[XC_PATTERN_MAX_CAPTURES];
    const xc_operation_t  *operation;

    for (i = 0; i < policy->n_operations; i++) {
        operation = &policy->operations[i];

        if (!xc_policy_has_method(operation, method)) {
            continue;
        }

        rc = xc_pattern_match(operation->path, path, captures);

        if (rc == XC_DENIED) {
            continue;
        }

        if (rc != XC_OK) {
            return rc;
        }

        *out = operation;

        found->subject = operation->capture_subject < 0
                         ? XC_STR("") : captures[operation->capture_subject];
        found->request = operation->capture_request < 0
                         ? XC_STR("") : captures[operation->capture_request];

        return XC_OK;
    }

    return XC_DENIED;
}


static bool
xc_policy_in_cidr(const xc_cidr_t *cidr, const xc_address_t *address)
{
    unsigned  whole = cidr->bits / 8, rest = cidr->bits % 8, mask;

    if (memcmp(cidr->address, address->address, whole) != 0) {
        return false;
    }

    mask = 0xff00u >> rest & 0xff;

    return rest == 0
           || ((cidr->address[whole] ^ address->address[whole]) & mask) == 0;
}


bool
xc_policy_source_ok(const xc_credential_t *credential,
    const xc_address_t *address)
{
    size_t  i;

    for (i = 0; i < credential->n_sources; i++) {
        if (xc_policy_in_cidr(&credential->sources[i], address)) {
            return true;
        }
    }

    return credential->n_sources == 0;
}


size_t
xc_behalf_at(const xc_behalf_t *behalf, const xc_agency_t *agency)
{
    size_t  low = 0, high = behalf->n_agencies, middle;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (behalf->agencies[middle]->index < agency->index) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


bool
xc_policy_behalf_ok(const xc_credential_t *credential,
    const xc_agency_t *agency)
{
    size_t              i;
    xc_str_t            prefix;
    const xc_behalf_t  *behalf = credential->behalf;

    if (behalf == NULL || agency == credential->agency) {
        return false;
    }

    if (behalf->agencies != NULL) {
        i = xc_behalf_at(behalf, agency);
        return i < behalf->n_agencies && behalf->agencies[i] == agency;
    }

    prefix = behalf->region_prefix;

    return agency->level == behalf->level && agency->region.len >= prefix.len
           && (prefix.len == 0
               || memcmp(agency->region.data, prefix.data, prefix.len) == 0);
}


bool
xc_uscc_ok(xc_str_t code)
{
    size_t             i;
    unsigned           sum = 0, weight = 1;
    const char        *p;
    static const char  alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

    if (code.len != XC_USCC_LENGTH) {
        return false;
    }

    /* GB 32100: weights 3^(i-1) mod 31, the check character makes the weighted
     * sum a multiple of 31; its own weight is 1 */
    for (i = 0; i < XC_USCC_LENGTH; i++) {
        p = memchr(alphabet, code.data[i], sizeof(alphabet) - 1);
        if (p == NULL) {
            return false;
        }

        sum += (unsigned) (p - alphabet)
               * (i == XC_USCC_LENGTH - 1 ? 1 : weight);
        weight = weight * 3 % 31;
    }

    return sum % 31 == 0;
}
