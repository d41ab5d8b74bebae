/*
 * Signed tokens (RFC 7519 in the compact form of RFC 7515), presented as
 * RFC 6750 says: the verifying side, as the scheme xc_jwt_scheme of xc_auth.h.
 *
 * What names a key is the claim iss and the policy; of the header only the
 * algorithm, which has to be the credential's, and kid, which chooses among
 * the keys that the policy lists.  Nothing that a token says is fetched, looked
 * up as a path, or repeated in a detail.  At most one public-key operation,
 * after every other check.
 *
 * A token does not prove who sends it.  It counts where cnf.x5t#S256 (RFC 8705)
 * is the hash of the connection's certificate, or beside another credential
 * that the same request has proven.
 */

#ifndef XC_JWT_H
#define XC_JWT_H

#include "xc_auth.h"

#define XC_JWT_JTI_MAX          128     /* bytes */
#define XC_JWT_LIFETIME_MAX_S   86400   /* from iat, or from now, to exp */

#endif
