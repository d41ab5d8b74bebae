#include "xc_msg.h"

#include "xc_ascii.h"
#include "xc_buf.h"


#define XC_MSG_PORT_HTTP   80
#define XC_MSG_PORT_HTTPS  443
#define XC_MSG_SHOWN       64       /* bytes of a client's name in a detail */

/* A Host line taken apart; the port is 0 where absent or the default. */
typedef struct {
    xc_str_t  host;                 /* in the client's spelling */
    unsigned  port;
} xc_msg_host_t;


void
xc_msg_set_target(xc_msg_t *msg, xc_str_t target)
{
    const char  *mark;

    mark = target.len == 0 ? NULL : memchr(target.data, '?', target.len);

    msg->target = target;
    msg->path = target;
    msg->query = XC_STR_NONE;
    msg->has_query = mark != NULL;
    msg->origin_form = target.len != 0 && target.data[0] == '/';

    if (mark != NULL) {
        msg->path.len = (size_t) (mark - target.data);
        msg->query = (xc_str_t) { mark + 1, target.len - msg->path.len - 1 };
    }
}


const xc_header_t *
xc_msg_header(const xc_msg_t *msg, xc_str_t name, size_t *n)
{
    size_t              i, count = 0;
    const xc_header_t  *first = NULL;

    for (i = 0; i < msg->n_headers; i++) {
        if (!xc_ascii_ieq(msg->headers[i].name, name)) {
            continue;
        }

        if (count++ == 0) {
            first = &msg->headers[i];
        }
    }

    if (n != NULL) {
        *n = count;
    }

    return first;
}


static size_t
xc_msg_joined_len(const xc_msg_t *msg, xc_str_t name)
{
    size_t  i, len = 0;

    for (i = 0; i < msg->n_headers; i++) {
        if (xc_ascii_ieq(msg->headers[i].name, name)) {
            len += msg->headers[i].value.len + 2;
        }
    }

    return len;
}


static void
xc_msg_join(const xc_msg_t *msg, xc_str_t name, xc_buf_t *out)
{
    size_t       i;
    const char  *separator = "";

    for (i = 0; i < msg->n_headers; i++) {
        if (xc_ascii_ieq(msg->headers[i].name, name)) {
            xc_buf_z(out, separator);
            xc_buf_str(out, xc_ascii_trim(msg->headers[i].value));
            separator = ", ";
        }
    }
}


xc_rc_t
xc_msg_joined(const xc_msg_t *msg, xc_arena_t *arena, xc_str_t name,
    xc_str_t *out)
{
    void               *mem;
    size_t              n, len;
    xc_buf_t            joined;
    const xc_header_t  *first;

    first = xc_msg_header(msg, name, &n);
    if (first == NULL) {
        return XC_DENIED;
    }

    if (n == 1) {
        *out = xc_ascii_trim(first->value);
        return XC_OK;
    }

    len = xc_msg_joined_len(msg, name);

    mem = xc_arena_alloc(arena, len);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&joined, mem, len);
    xc_msg_join(msg, name, &joined);

    *out = xc_buf_view(&joined);

    return XC_OK;
}


static bool
xc_msg_is_default_port(const xc_msg_t *msg, unsigned port)
{
    return port == XC_MSG_PORT_HTTPS || (port == XC_MSG_PORT_HTTP && !msg->tls);
}


/* RFC 3986 3.2.2: a registered name, an IPv4 address or an IP literal; no
 * percent-encoding, which the policy's authorities don't hold either. */
static bool
xc_msg_host_ok(xc_str_t host)
{
    char    c;
    size_t  i;
    bool    literal;

    literal = host.len > 2 && host.data[0] == '['
              && host.data[host.len - 1] == ']';

    if (literal) {
        host.data++;
        host.len -= 2;
    }

    for (i = 0; i < host.len; i++) {
        c = host.data[i];
        if (!xc_ascii_is_alpha(c) && !xc_ascii_is_digit(c) && c != '.'
            && (literal ? c != ':' : c != '-' && c != '_'))
        {
            return false;
        }
    }

    return host.len != 0;
}


static bool
xc_msg_port(const xc_msg_t *msg, xc_str_t text, unsigned *port)
{
    uint64_t  n;

    if (!xc_ascii_u64(text, 65535, &n) || text.data[0] == '0') {
        return false;
    }

    *port = xc_msg_is_default_port(msg, (unsigned) n) ? 0 : (unsigned) n;

    return true;
}


static bool
xc_msg_split_host(const xc_msg_t *msg, xc_str_t value, xc_msg_host_t *out)
{
    size_t         i;
    xc_str_t       port;
    xc_msg_host_t  host = { value, 0 };

    /* The port's colon is the last one, unless that is inside an IP literal. */
    for (i = value.len; i != 0 && value.data[i - 1] != ']'; i--) {
        if (value.data[i - 1] != ':') {
            continue;
        }

        port = (xc_str_t) { value.data + i, value.len - i };
        if (!xc_msg_port(msg, port, &host.port)) {
            return false;
        }

        host.host.len = i - 1;
        break;
    }

    if (!xc_msg_host_ok(host.host)) {
        return false;
    }

    *out = host;

    return true;
}


static xc_rc_t
xc_msg_host(const xc_msg_t *msg, xc_msg_host_t *out)
{
    size_t              n;
    const xc_header_t  *line;

    line = xc_msg_header(msg, XC_STR("host"), &n);

    if (line == NULL || n != 1 || !xc_msg_split_host(msg, line->value, out)) {
        return XC_EINPUT;
    }

    return XC_OK;
}


static xc_rc_t
xc_msg_write_authority(const xc_msg_host_t *host, xc_arena_t *arena,
    xc_str_t *out)
{
    char      *mem;
    size_t     i, cap;
    xc_buf_t   text;

    cap = host->host.len + sizeof(":65535");

    mem = xc_arena_alloc(arena, cap);
    if (mem == NULL) {
        return XC_ENOMEM;
    }

    xc_buf_init(&text, mem, cap);

    for (i = 0; i < host->host.len; i++) {
        xc_buf_char(&text, xc_ascii_lower(host->host.data[i]));
    }

    if (host->port != 0) {
        xc_buf_char(&text, ':');
        xc_buf_u64(&text, host->port);
    }

    *out = xc_buf_view(&text);

    return XC_OK;
}


xc_rc_t
xc_msg_authority(const xc_msg_t *msg, xc_arena_t *arena, xc_str_t *out)
{
    xc_rc_t        rc;
    xc_msg_host_t  host;

    rc = xc_msg_host(msg, &host);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_msg_write_authority(&host, arena, out);
}


static bool
xc_msg_is_ours(const xc_msg_t *msg, const xc_policy_t *policy,
    const xc_msg_host_t *host)
{
    size_t                 i;
    unsigned               port;
    const xc_authority_t  *ours;

    for (i = 0; i < policy->n_authorities; i++) {
        ours = &policy->authorities[i];
        port = xc_msg_is_default_port(msg, ours->port) ? 0 : ours->port;

        if ((ours->port == 0 || port == host->port)
            && xc_ascii_ieq(ours->host, host->host))
        {
            return true;
        }
    }

    return false;
}


/* Bytes that another server may read as something else than the gate does. */
static const char *
xc_msg_path_byte_fault(char c)
{
    unsigned char  u = (unsigned char) c;

    if (u <= 0x20 || u >= 0x7f) {
        return "the path holds a space, a control or a non-ASCII byte";
    }

    switch (c) {
    case '%':
        return "the path holds a percent sign";
    case ';':
        return "the path holds a semicolon";
    case '\\':
        return "the path holds a backslash";
    default:
        return NULL;
    }
}


static const char *
xc_msg_segment_fault(xc_str_t segment, bool last)
{
    if (segment.len == 0 && !last) {
        return "the path holds two slashes in a row";
    }

    if (xc_str_eq(segment, XC_STR(".")) || xc_str_eq(segment, XC_STR(".."))) {
        return "the path holds a dot segment";
    }

    return NULL;
}


/* NULL: the path, which begins with a slash, is in its plain form. */
static const char *
xc_msg_path_fault(const xc_msg_t *msg)
{
    size_t       i, start;
    xc_str_t     segment, path = msg->path;
    const char  *fault = NULL;

    /* nginx ends the query at a fragment, but passes the fragment on. */
    if (memchr(msg->target.data, '#', msg->target.len) != NULL) {
        return "the request target holds a number sign";
    }

    for (i = 0; i < path.len && fault == NULL; i++) {
        fault = xc_msg_path_byte_fault(path.data[i]);
    }

    for (i = start = 1; i <= path.len && fault == NULL; i++) {
        if (i == path.len || path.data[i] == '/') {
            segment = (xc_str_t) { path.data + start, i - start };
            fault = xc_msg_segment_fault(segment, i == path.len);
            start = i + 1;
        }
    }

    return fault;
}


/* Servers behind the gate may hold any other sign for "-": CGI's variables have
 * "_" for "-", and with some servers for all that is no letter or digit. */
static bool
xc_msg_folds_to(xc_str_t name, xc_str_t lower)
{
    char    c;
    bool    sign;
    size_t  i;

    if (name.len != lower.len) {
        return false;
    }

    for (i = 0; i < name.len; i++) {
        c = xc_ascii_lower(name.data[i]);
        sign = !xc_ascii_is_alpha(c) && !xc_ascii_is_digit(c);

        if ((sign ? '-' : c) != lower.data[i]) {
            return false;
        }
    }

    return true;
}


static bool
xc_msg_is_reserved(xc_str_t name)
{
    size_t                 i;
    static const xc_str_t  prefix = { "x-xc-", 5 };

    static const xc_str_t  names[] = {
        { "upgrade", 7 }, { "x-http-method-override", 22 },
        { "x-original-url", 14 }, { "x-rewrite-url", 13 }
    };

    /* The gate reads one spelling; others could pass for it behind the gate. */
    static const xc_str_t  read[] = {
        { "xc-on-behalf-of", 15 }, { "xc-request", 10 }
    };

    if (name.len >= prefix.len
        && xc_msg_folds_to((xc_str_t) { name.data, prefix.len }, prefix))
    {
        return true;
    }

    for (i = 0; i < XC_COUNT(names); i++) {
        if (xc_msg_folds_to(name, names[i])) {
            return true;
        }
    }

    for (i = 0; i < XC_COUNT(read); i++) {
        if (xc_msg_folds_to(name, read[i])) {
            return !xc_ascii_ieq(name, read[i]);
        }
    }

    return false;
}


static xc_rc_t
xc_msg_check_transport(const xc_msg_t *msg, const xc_policy_t *policy,
    xc_reason_t *reason, xc_str_t *detail)
{
    if (policy->tls_required && !msg->tls) {
        *reason = XC_REASON_TLS_REQUIRED;
        *detail = XC_STR("the connection is not encrypted");
        return XC_DENIED;
    }

    if (msg->early_data) {
        *reason = XC_REASON_EARLY_DATA;
        *detail = XC_STR("the request came as TLS early data");
        return XC_DENIED;
    }

    return XC_OK;
}


static xc_rc_t
xc_msg_check_authority(const xc_msg_t *msg, const xc_policy_t *policy,
    xc_msg_host_t *host, xc_reason_t *reason, xc_str_t *detail)
{
    xc_str_t  fault;

    if (!msg->origin_form) {
        fault = XC_STR("the request target is not in origin form");

    } else if (xc_msg_host(msg, host) != XC_OK) {
        fault = XC_STR("the request needs exactly one well-formed Host");

    } else if (!xc_msg_is_ours(msg, policy, host)) {
        fault = XC_STR("Host names an authority that this gate does not"
                       " answer for");

    } else {
        return XC_OK;
    }

    *reason = XC_REASON_AUTHORITY_UNKNOWN;
    *detail = fault;

    return XC_DENIED;
}


static xc_rc_t
xc_msg_check_headers(const xc_msg_t *msg, xc_arena_t *arena,
    xc_reason_t *reason, xc_str_t *detail)
{
    size_t    i;
    xc_str_t  name;

    if (msg->n_headers > XC_MSG_MAX_HEADERS) {
        *reason = XC_REASON_REQUEST_INVALID;
        *detail = xc_arena_printf(arena, "more than %d header lines",
                                  XC_MSG_MAX_HEADERS);
        return XC_DENIED;
    }

    for (i = 0; i < msg->n_headers; i++) {
        name = msg->headers[i].name;

        if (xc_msg_is_reserved(name)) {
            name.len = XC_MIN(name.len, (size_t) XC_MSG_SHOWN);
            *reason = XC_REASON_HEADER_RESERVED;
            *detail = xc_arena_printf(arena, "the header " XC_STR_FMT
                                      " is reserved", XC_STR_ARG(name));
            return XC_DENIED;
        }
    }

    return XC_OK;
}


xc_rc_t
xc_msg_check(const xc_msg_t *msg, const xc_policy_t *policy,
    xc_arena_t *arena, xc_str_t *authority, xc_reason_t *reason,
    xc_str_t *detail)
{
    xc_rc_t        rc;
    const char    *fault;
    xc_msg_host_t  host;

    rc = xc_msg_check_transport(msg, policy, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    rc = xc_msg_check_authority(msg, policy, &host, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    fault = xc_msg_path_fault(msg);
    if (fault != NULL) {
        *reason = XC_REASON_PATH_INVALID;
        *detail = xc_str_z(fault);
        return XC_DENIED;
    }

    rc = xc_msg_check_headers(msg, arena, reason, detail);
    if (rc != XC_OK) {
        return rc;
    }

    return xc_msg_write_authority(&host, arena, authority);
}
