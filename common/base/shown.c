/* SPDX-License-Identifier: MIT */
/* shown.c - see shown.h. */
#include "common/base/shown.h"

#include <stdint.h>
#include <string.h>

#include "common/base/utf8.h"

/* Unicode's controls of direction, and its separators of lines and paragraphs. */
static bool turns_or_parts(uint32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The character of n bytes, which are UTF-8. */
static uint32_t shown_decode(const unsigned char *p, size_t n)
{
    static const unsigned char head[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = p[0] & head[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

bool shown_as_is(const char *text, size_t len, size_t *bytes)
{
    size_t n = utf8_character(text, len);
    *bytes = n ? n : 1;
    if (!n)
        return false;
    uint32_t c = shown_decode((const unsigned char *)text, n);
    return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && !turns_or_parts(c);
}

static void shown_clean(char *text, size_t len, const char *stay)
{
    for (size_t at = 0, n; at < len; at += n) {
        if (shown_as_is(text + at, len - at, &n) || (text[at] && strchr(stay, text[at])))
            continue;
        bool damaged = n == 1 && (unsigned char)text[at] >= 0x80;
        memset(text + at, damaged ? '?' : ' ', n);
    }
}

void shown_clean_line(char *text, size_t len)
{
    shown_clean(text, len, "");
}

void shown_clean_lines(char *text, size_t len)
{
    shown_clean(text, len, "\t\n");
}
