/* Which credentials end when: sorted once, so that a status page needs not walk
 * 100,000 of them. */

#include "xc_policy_load.h"

#include <stdlib.h>


static int
xc_expiry_compare(const void *a, const void *b)
{
    const xc_credential_t  *one = *(const xc_credential_t *const *) a;
    const xc_credential_t  *two = *(const xc_credential_t *const *) b;

    return (one->not_after_s > two->not_after_s)
           - (one->not_after_s < two->not_after_s);
}


void
xc_load_expiry(xc_load_t *load)
{
    size_t                   i, n;
    xc_policy_t             *policy = load->policy;
    const xc_agency_t       *agency;
    const xc_credential_t  **list;

    list = xc_load_array(load, policy->n_credentials,
                         sizeof(xc_credential_t *));
    if (list == NULL) {
        return;
    }

    for (i = 0; i < policy->n_agencies; i++) {
        agency = &policy->agencies[i];

        for (n = 0; n < agency->n_credentials; n++) {
            if (agency->credentials[n].not_after_s != INT64_MAX) {
                list[policy->n_ending++] = &agency->credentials[n];
            }
        }
    }

    qsort(list, policy->n_ending, sizeof(xc_credential_t *),
          xc_expiry_compare);
    policy->ending = list;
}


size_t
xc_policy_ended(const xc_policy_t *policy, int64_t now_s)
{
    size_t  middle, low = 0, high = policy->n_ending;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (policy->ending[middle]->not_after_s <= now_s) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}
