/* SPDX-License-Identifier: MIT */
/* shown_print.c - printing what was cleaned; see shown.h. Apart, because sentences and buffers
 * stand on the cleaning. */
#include <stdarg.h>

#include "common/base/buf.h"
#include "common/base/shown.h"

enum { SHOWN_PRINTF_MAX = 1 << 20 };

bool shown_write(FILE *to, const char *text, size_t len)
{
    struct buf copy;
    buf_init(&copy, len + 1);
    buf_append(&copy, text, len);
    shown_clean_lines(copy.data, copy.len);
    bool whole = fwrite(copy.data, 1, copy.len, to) == copy.len;
    buf_release(&copy);
    return whole;
}

void shown_printf(FILE *to, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    buf_init(&text, SHOWN_PRINTF_MAX);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    shown_write(to, text.data, text.len);
    buf_release(&text);
}
