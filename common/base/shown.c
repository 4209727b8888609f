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

/* Nothing is drawn for these, so that two texts that differ in them look the same, and one can be
 * inside another: Unicode's Default_Ignorable_Code_Point without the 16 variants of signs (emoji)
 * and what turns_or_parts has. */
static bool is_unseen(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180f},   {0x200b, 0x200d},   {0x2060, 0x2065},   {0x206a, 0x206f},
        {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges && c >= ranges[i].first; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

bool shown_acts(const char *text, size_t len, size_t *bytes)
{
    size_t n = utf8_character(text, len);
    *bytes = n ? n : 1;
    if (!n)
        return true;
    uint32_t c = utf8_code(text, n);
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || turns_or_parts(c);
}

bool shown_as_is(const char *text, size_t len, size_t *bytes)
{
    return !shown_acts(text, len, bytes) && !is_unseen(utf8_code(text, *bytes));
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
