/*
 * HTTP Message Signatures, RFC 9421: the verifying side, as the scheme
 * xc_sig_scheme of xc_auth.h.
 *
 * Of the labels in Signature-Input each whose keyid the policy registers, and
 * whose tag is the policy's where it names one, is verified, at the cost of at
 * most one public-key operation; labels of other keys (a proxy's) are passed
 * over.  Each that is verified must verify, all must be of one agency, and
 * each is burned by itself: no two share a nonce.
 */

#ifndef XC_SIG_H
#define XC_SIG_H

#include "xc_auth.h"
#include "xc_sigbase.h"

#define XC_SIG_MAX_LABELS       4       /* of one message; more: invalid */
#define XC_SIG_INPUT_MAX        2048    /* bytes of Signature-Input */
#define XC_SIG_SIGNATURE_MAX    1536    /* bytes of Signature */
#define XC_SIG_NONCE_MAX        128     /* bytes; over it signature-invalid */

#endif
