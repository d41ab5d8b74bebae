/* The command line of "xcctl sign". */

#ifndef XCCTL_SIGN_ARGS_H
#define XCCTL_SIGN_ARGS_H

#include "../core/xc_crypto.h"

#define XCCTL_SIGN_HEADERS  16          /* that the command line may give */

/* As given; NULL where not. */
typedef struct {
    const char  *key, *keyid, *alg, *method, *url;
    const char  *body, *content_type, *created, *nonce, *expires, *tag;
    const char  *sm2_id;
    const char  *headers[XCCTL_SIGN_HEADERS];
    size_t       n_headers;
    xc_alg_t     alg_code;
    int64_t      created_s, expires_s;      /* expires_s: 0 where not given */
} xcctl_sign_args_t;

/* args: zeroed.  XCCTL_OK, or XCCTL_USAGE with a message on stderr. */
int xcctl_sign_parse_args(xcctl_sign_args_t *args, int argc, char **argv);

/* RFC 9110 5.6.2: a method's or field's name. */
bool xcctl_sign_is_token(xc_str_t s);

#endif
