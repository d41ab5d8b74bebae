#include "xcctl_emit.h"

#include "../core/xc_ascii.h"
#include "../core/xc_time.h"

#include <stdio.h>

#define XCCTL_EMIT_PIECE    512


/* Between the quotes of a literal; plain: quotes need no escape. */
static void
xcctl_emit(xc_str_t s, bool plain)
{
    char      mem[6 * XCCTL_EMIT_PIECE + 2];
    size_t    i;
    xc_buf_t  b;
    xc_str_t  piece;

    while (s.len != 0) {
        piece = xc_ascii_cut(s, XCCTL_EMIT_PIECE);

        xc_buf_init(&b, mem, sizeof(mem));
        xc_buf_json(&b, piece);

        for (i = 1; i < b.len - 1; i++) {
            if (mem[i] == '\\' && (!plain || mem[i + 1] != '"')) {
                putchar(mem[i++]);

            } else if (mem[i] == '\\') {
                i++;
            }

            putchar(mem[i]);
        }

        s.data += piece.len;
        s.len -= piece.len;
    }
}


void
xcctl_emit_text(xc_str_t s)
{
    xcctl_emit(s, true);
}


void
xcctl_emit_json(xc_str_t s)
{
    putchar('"');
    xcctl_emit(s, false);
    putchar('"');
}


void
xcctl_emit_member(const char *name, xc_str_t value, bool first)
{
    printf("%s\"%s\": ", first ? "" : ", ", name);
    xcctl_emit_json(value);
}


void
xcctl_emit_time(int64_t t_s)
{
    char      mem[40];
    xc_buf_t  b;

    xc_buf_init(&b, mem, sizeof(mem));
    xc_time_format_s(&b, t_s);
    printf(XC_STR_FMT, XC_STR_ARG(xc_buf_view(&b)));
}
