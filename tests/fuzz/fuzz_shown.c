/* links: onic_base */
/* SPDX-License-Identifier: MIT */
/* fuzz_shown.c - text of anybody on its way to a terminal: nothing of what comes out can act there,
 * its length is that of what went in, and cleaning it again changes nothing. */
#include "common/base/shown.h"
#include "tests/fuzz/fuzz.h"

/* Written apart from shown.c: control characters, C1 as UTF-8, bidi controls, separators, the most
 * of what nobody sees. */
static int acts(const uint8_t *s, size_t n, int lines)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s[i], d = i + 1 < n ? s[i + 1] : 0, e = i + 2 < n ? s[i + 2] : 0;
        if ((c < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
            return 1;
        if (c == 0xc2 && d >= 0x80 && d <= 0x9f)
            return 1;
        if (c == 0xd8 && d == 0x9c) /* U+061C */
            return 1;
        if (c == 0xe2 && d == 0x80 && ((e >= 0x8b && e <= 0x8f) || (e >= 0xa8 && e <= 0xae)))
            return 1;
        if (c == 0xe2 && d == 0x81 && e >= 0xa0 && e <= 0xaf)
            return 1;
        if ((c == 0xf3 && d == 0xa0) || (c == 0xc2 && d == 0xad)) /* tags, a soft hyphen */
            return 1;
        if (c >= 0x80 && c < 0xc0 && (i == 0 || s[i - 1] < 0x80)) /* a lone byte that C1 may be */
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    int lines = data[0] & 1;
    size_t n = size - 1;
    char *text = fuzz_text(data + 1, n), *again = NULL;
    (lines ? shown_clean_lines : shown_clean_line)(text, n);
    if (acts((const uint8_t *)text, n, lines))
        abort();
    again = fuzz_text((const uint8_t *)text, n);
    (lines ? shown_clean_lines : shown_clean_line)(again, n);
    if (memcmp(text, again, n) != 0)
        abort();
    free(text);
    free(again);
    return 0;
}
