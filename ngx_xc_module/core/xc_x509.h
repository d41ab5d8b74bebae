/*
 * What of an X.509 certificate names a credential, over OpenSSL 3.  Its
 * validity is not looked at here: the TLS library has checked the chain.
 */

#ifndef XC_X509_H
#define XC_X509_H

#include "xc_hash.h"

/* Bytes: as many as OpenSSL takes of a peer's whole chain by default, so that
 * no certificate gets through the handshake and not through here. */
#define XC_X509_DER_MAX         102400
#define XC_X509_SUBJECT_MAX     1024

/* A client's certificate, as the connection presented it. */
typedef struct {
    bool      verified;                     /* its chain leads to a CA that the
                                               operator trusts */
    uint8_t   sha256[XC_SHA256_SIZE];       /* of the DER: RFC 8705 x5t#S256 */
    uint8_t   spki_sha256[XC_SHA256_SIZE];  /* of its SubjectPublicKeyInfo */
    xc_str_t  subject;                      /* RFC 4514, the most specific part
                                               first, UTF-8 without escapes for
                                               it; empty where it has none,
                                               can't be written or is over the
                                               limit */
    bool      resumed;                      /* by a TLS session of an earlier
                                               connection */
} xc_certificate_t;

/*
 * Fills all, verified and resumed with false; subject in the arena.  XC_EINPUT: not exactly
 * one certificate in DER.  XC_ELIMIT, XC_ENOMEM, XC_EINTERNAL.  Some 150 us, most
 * of it for the key: the adapter does it once a connection.
 */
xc_rc_t xc_x509_read(xc_arena_t *arena, xc_str_t der, xc_certificate_t *out)
    XC_WUR;

#endif
