#include "xcctl_sign_args.h"

#include "../core/xc_ascii.h"
#include "xcctl.h"

#include <time.h>


#define XCCTL_SIGN_INT_MAX  999999999999999ull      /* RFC 9651 3.3.1 */


static const char **
xcctl_sign_option(xcctl_sign_args_t *args, const char *name)
{
    size_t  i;

    const struct {
        const char   *name;
        const char  **value;
    } options[] = {
        { "--key", &args->key },
        { "--keyid", &args->keyid },
        { "--alg", &args->alg },
        { "--method", &args->method },
        { "--url", &args->url },
        { "--body", &args->body },
        { "--content-type", &args->content_type },
        { "--created", &args->created },
        { "--nonce", &args->nonce },
        { "--expires", &args->expires },
        { "--tag", &args->tag },
        { "--sm2-id", &args->sm2_id },
    };

    for (i = 0; i < XC_COUNT(options); i++) {
        if (strcmp(options[i].name, name) == 0) {
            return options[i].value;
        }
    }

    return NULL;
}


static int
xcctl_sign_take_args(xcctl_sign_args_t *args, int argc, char **argv)
{
    int           i;
    const char  **value;

    for (i = 1; i < argc; i += 2) {
        value = xcctl_sign_option(args, argv[i]);

        if (strcmp(argv[i], "--header") == 0) {
            if (args->n_headers == XCCTL_SIGN_HEADERS) {
                return xcctl_usage("sign: more than %d --header",
                                   XCCTL_SIGN_HEADERS);
            }

            value = &args->headers[args->n_headers++];
        }

        if (value == NULL) {
            return xcctl_usage("sign: no option \"%s\"", argv[i]);
        }

        if (*value != NULL) {
            return xcctl_usage("sign: %s is given twice", argv[i]);
        }

        if (i + 1 == argc) {
            return xcctl_usage("sign: %s needs a value", argv[i]);
        }

        *value = argv[i + 1];
    }

    if (args->key == NULL || args->keyid == NULL || args->alg == NULL
        || args->method == NULL || args->url == NULL)
    {
        return xcctl_usage("sign: --key, --keyid, --alg, --method and --url"
                           " are needed");
    }

    return XCCTL_OK;
}


/* RFC 9651 3.3.3: what a String may hold. */
static bool
xcctl_sign_is_string(const char *text)
{
    xc_str_t  s = xc_str_z(text == NULL ? "" : text);

    for ( /* void */ ; s.len != 0; s.data++, s.len--) {
        if (s.data[0] < 0x20 || s.data[0] > 0x7e) {
            return false;
        }
    }

    return true;
}


bool
xcctl_sign_is_token(xc_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (!xc_ascii_is_tchar(s.data[i])) {
            return false;
        }
    }

    return s.len != 0;
}


static bool
xcctl_sign_integer(const char *text, int64_t missing, int64_t *out)
{
    uint64_t  n;

    if (text == NULL) {
        *out = missing;
        return true;
    }

    if (!xc_ascii_u64(xc_str_z(text), XCCTL_SIGN_INT_MAX, &n)) {
        return false;
    }

    *out = (int64_t) n;

    return true;
}


static int
xcctl_sign_check_args(xcctl_sign_args_t *args)
{
    args->alg_code = xc_alg_by_name(xc_str_z(args->alg));

    if (args->alg_code == XC_ALG_NONE) {
        return xcctl_usage("sign: no algorithm \"%s\" here; there are "
                           XCCTL_ALGS, args->alg);
    }

    if (!xcctl_sign_is_token(xc_str_z(args->method))) {
        return xcctl_usage("sign: --method is not a method's name");
    }

    if (!xcctl_sign_integer(args->created, (int64_t) time(NULL),
                            &args->created_s)
        || !xcctl_sign_integer(args->expires, 0, &args->expires_s))
    {
        return xcctl_usage("sign: --created and --expires are seconds since"
                           " 1970");
    }

    if (!xcctl_sign_is_string(args->keyid)
        || !xcctl_sign_is_string(args->nonce)
        || !xcctl_sign_is_string(args->tag))
    {
        return xcctl_usage("sign: --keyid, --nonce and --tag are printable"
                           " ASCII");
    }

    return XCCTL_OK;
}


int
xcctl_sign_parse_args(xcctl_sign_args_t *args, int argc, char **argv)
{
    int  status;

    status = xcctl_sign_take_args(args, argc, argv);

    return status != XCCTL_OK ? status : xcctl_sign_check_args(args);
}
