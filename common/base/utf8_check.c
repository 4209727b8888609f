/* SPDX-License-Identifier: MIT */
/* utf8_check.c - utf8_check of utf8.h, apart from the characters themselves: sentences (err.h) are
 * made of these. */
#include "common/base/utf8.h"

int utf8_check(const char *text, size_t len, const char *name, struct onic_err *err)
{
    const char *wide = utf8_wide_name(text, len);
    if (wide)
        return err_set(err, ONIC_ECONFIG, "%s is %s text; save it as UTF-8", name, wide);
    int line = 1;
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_character(text + i, len - i);
        if (!n)
            return err_set(err, ONIC_ECONFIG,
                           "%s:%d: the byte 0x%02x is not UTF-8 text; save the file as UTF-8", name,
                           line, (unsigned)(unsigned char)text[i]);
        line += text[i] == '\n';
    }
    return ONIC_OK;
}
