#include "xc_id.h"

#include "xc_ascii.h"
#include "xc_hash.h"


xc_rc_t
xc_id_next(xc_ids_t *ids, char out[XC_ID_SIZE])
{
    xc_rc_t   rc;
    uint8_t  *octets;

    if (ids->left == 0) {
        rc = xc_random(ids->octets, sizeof(ids->octets));
        if (rc != XC_OK) {
            return rc;
        }

        ids->left = XC_ID_DRAWN;
    }

    octets = ids->octets + --ids->left * XC_ID_OCTETS;

    xc_hex_encode(out, octets, XC_ID_OCTETS);
    explicit_bzero(octets, XC_ID_OCTETS);

    return XC_OK;
}
