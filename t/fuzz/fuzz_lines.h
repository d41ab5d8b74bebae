/* Header lines, as the inputs of targets hold them. */

#ifndef FUZZ_LINES_H
#define FUZZ_LINES_H

#include "xc_ascii.h"
#include "xc_msg.h"


static xc_str_t
next_line(xc_str_t *rest)
{
    xc_str_t     line = *rest;
    const char  *lf = rest->len == 0 ? NULL
                                     : memchr(rest->data, '\n', rest->len);

    if (lf != NULL) {
        line.len = (size_t) (lf - rest->data);
        rest->data = lf + 1;
        rest->len -= line.len + 1;

    } else {
        rest->len = 0;
    }

    return line;
}


static xc_header_t
split(xc_str_t line)
{
    size_t       n;
    const char  *colon = line.len == 0 ? NULL
                                       : memchr(line.data, ':', line.len);

    n = colon == NULL ? line.len : (size_t) (colon - line.data);

    return (xc_header_t) {
        { line.data, n },
        xc_ascii_trim((xc_str_t) { line.data + n + (colon != NULL),
                                   line.len - n - (colon != NULL) })
    };
}

#endif
