/* What signatures and digests make of a message: RFC 9421, RFC 9530. */

#include "vector_ask.h"
#include "xc_b64.h"
#include "xc_digest.h"
#include "xc_sig.h"


#define MAX_LINES   64

/* A message, as printed: a request's line or none, and header lines. */
typedef struct {
    xc_msg_t     msg;
    xc_header_t  lines[MAX_LINES];
    xc_str_t     authority;
} message_t;


static xc_str_t
next_line(xc_str_t *rest)
{
    size_t    n;
    xc_str_t  line = *rest;

    /* a line that is folded goes on behind its line break */
    for (n = 0; n < rest->len; n++) {
        if (rest->data[n] == '\n'
            && (n + 1 == rest->len
                || (rest->data[n + 1] != ' ' && rest->data[n + 1] != '\t')))
        {
            break;
        }
    }

    line.len = n != 0 && n < rest->len && line.data[n - 1] == '\r' ? n - 1 : n;
    n = XC_MIN(n + 1, rest->len);
    rest->data += n;
    rest->len -= n;

    return line;
}


static xc_str_t
cut(xc_str_t *line, char at)
{
    size_t       n;
    xc_str_t     word;
    const char  *p = line->len == 0 ? NULL : memchr(line->data, at, line->len);

    n = p == NULL ? line->len : (size_t) (p - line->data);
    word = (xc_str_t) { line->data, n };
    n = XC_MIN(n + 1, line->len);
    line->data += n;
    line->len -= n;

    return word;
}


static void
read_message(xc_str_t text, xc_str_t scheme, message_t *out)
{
    xc_str_t  line, name;

    *out = (message_t) { .msg = { .content_length = -1 } };
    out->msg.tls = xc_str_eq(scheme, XC_STR("https"));
    out->msg.headers = out->lines;

    while (text.len != 0 && out->msg.n_headers < MAX_LINES) {
        line = next_line(&text);

        if (line.len == 0) {
            break;
        }

        name = line;
        name = cut(&name, ':');

        if (memchr(name.data, ' ', name.len) != NULL) {
            out->msg.method = cut(&line, ' ');
            xc_msg_set_target(&out->msg, cut(&line, ' '));
            continue;
        }

        name = cut(&line, ':');
        out->lines[out->msg.n_headers++] = (xc_header_t) {
            name, xc_ascii_trim(line)
        };
    }

    out->msg.body = text.len != 0;

    if (xc_msg_authority(&out->msg, &heap.arena, &out->authority) != XC_OK) {
        out->authority = XC_STR("");
    }
}


/* The message, the scheme, Signature-Input, the label: the base. */
static void
answer_base(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t               rc;
    xc_str_t              base, component;
    message_t             m;
    xc_sfv_list_t         dict;
    const xc_sfv_item_t  *input;

    read_message(args[0], args[1], &m);

    rc = xc_sfv_parse_dict(&heap.arena, args[2], &dict);
    input = rc == XC_OK ? xc_sfv_member(&dict, args[3]) : NULL;

    if (input == NULL
        || xc_sig_base(&heap.arena, &m.msg, m.authority, input, &base,
                       &component) != XC_OK)
    {
        printf("refused\n");
        return;
    }

    printf("ok\t");
    print_hex(base);
    printf("\n");
}


/* The algorithm, the key, the base, the signature. */
static void
answer_verify(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    xc_alg_t         alg = xc_alg_by_name(args[0]);
    const char      *error = "";
    const xc_key_t  *key;

    rc = xc_alg_is_symmetric(alg)
         ? xc_key_secret(&heap.arena, alg, args[1], &error, &key)
         : xc_key_public(&heap.arena, alg, args[1], &error, &key);

    if (rc == XC_OK) {
        rc = xc_key_verify(key, args[2], args[3]);
    }

    printf("%s\t%s\n", rc == XC_OK ? "ok" : "refused", error);
}


/* The message, the scheme, "alg keyid created", the key: by the gate's rules,
 * with a clock of the vector's time and no nonce asked for. */
static void
answer_gate(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t          rc;
    uint64_t         now;
    xc_str_t         rest = args[2], alg, keyid, detail;
    message_t        m;
    xc_auth_t        auth;
    xc_policy_t      policy = { .max_age_s = 60, .max_skew_s = 0 };
    xc_agency_t      agency = { .id = XC_STR("a") };
    xc_reason_t      reason = XC_REASON_NONE;
    const char      *error;
    xc_auth_input_t  in;
    xc_credential_t  credential = { .scheme = XC_SCHEME_HTTPSIG,
                                    .not_before_s = INT64_MIN,
                                    .not_after_s = INT64_MAX };

    static const xc_auth_accept_t  accept = { { 1u << XC_SCHEME_HTTPSIG }, 1 };

    alg = cut(&rest, ' ');
    keyid = cut(&rest, ' ');
    credential.alg = xc_alg_by_name(alg);
    credential.keyid = keyid;
    credential.agency = &agency;

    rc = xc_alg_is_symmetric(credential.alg)
         ? xc_key_secret(&heap.arena, credential.alg, args[3], &error,
                         &credential.key)
         : xc_key_public(&heap.arena, credential.alg, args[3], &error,
                         &credential.key);

    if (rc != XC_OK || !xc_ascii_u64(rest, INT64_MAX, &now)
        || xc_index_init(&policy.keyid_index, &heap.arena, 1) != XC_OK
        || xc_index_add(&policy.keyid_index, keyid, &credential) != XC_OK)
    {
        printf("refused\tno key\n");
        return;
    }

    read_message(args[0], args[1], &m);
    in = (xc_auth_input_t) { &policy, &m.msg, m.authority, (int64_t) now,
                             &heap.arena };

    rc = xc_auth_verify(&in, &accept, &auth, &reason, &detail);
    printf("%s\t" XC_STR_FMT "\n", rc == XC_OK ? "ok" : "refused",
           XC_STR_ARG(xc_reason_info(reason)->code));
}


static void
answer_digest(const xc_str_t args[MAX_ARGS])
{
    xc_rc_t      rc;
    xc_digest_t  digest;

    rc = xc_digest_parse(&heap.arena, args[0], &digest);
    if (rc == XC_OK) {
        rc = xc_digest_check(&digest, args[1]);
    }

    printf("%s\n", rc == XC_OK ? "ok" : "refused");
}


static void
answer(const char *word, const xc_str_t args[MAX_ARGS])
{
    if (strcmp(word, "base") == 0) {
        answer_base(args);

    } else if (strcmp(word, "verify") == 0) {
        answer_verify(args);

    } else if (strcmp(word, "gate") == 0) {
        answer_gate(args);

    } else if (strcmp(word, "digest") == 0) {
        answer_digest(args);

    } else {
        fprintf(stderr, "unknown question: %s\n", word);
        exit(2);
    }
}


int
main(void)
{
    return ask_all(answer);
}
