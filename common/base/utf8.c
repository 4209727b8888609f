/* SPDX-License-Identifier: MIT */
/* utf8.c - see utf8.h. Editors and shells of Windows write UTF-16; ASCII text in it is every second
 * byte zero, with or without the mark that should stand first. */
#include "common/base/utf8.h"

#include <stdbool.h>
#include <string.h>

const char *utf8_wide_name(const char *text, size_t len)
{
    static const struct {
        const char *name;
        size_t marks;
        const char *mark;
        const char zero[4]; /* of ASCII without a mark: 1 where the byte is zero */
    } wide[] = {{"UTF-32", 4, "\xff\xfe\0\0", {0, 1, 1, 1}},
                {"UTF-32", 4, "\0\0\xfe\xff", {1, 1, 1, 0}},
                {"UTF-16", 2, "\xff\xfe", {0, 1, 0, 1}},
                {"UTF-16", 2, "\xfe\xff", {1, 0, 1, 0}}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        if (len >= wide[i].marks && memcmp(text, wide[i].mark, wide[i].marks) == 0)
            return wide[i].name;
        bool same = len >= 4;
        for (size_t b = 0; b < 4 && same; b++)
            same = (text[b] == 0) == (wide[i].zero[b] != 0);
        if (same)
            return wide[i].name;
    }
    return NULL;
}

/* Bytes that a character with this first one has, 0 = none begins so. */
static size_t utf8_length_by(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xc2 ? 0
           : first < 0xe0 ? 2
           : first < 0xf0 ? 3
           : first < 0xf5 ? 4
                          : 0;
}

size_t utf8_character(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = utf8_length_by(p[0]);
    if (!n || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* longer than needed, a surrogate, above U+10FFFF */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

uint32_t utf8_code(const char *text, size_t n)
{
    static const unsigned char head[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c = p[0] & head[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

size_t utf8_whole(const char *text, size_t len)
{
    size_t tail = 1; /* bytes from the last one that is not inside of a character */
    while (tail < 4 && tail < len && ((unsigned char)text[len - tail] & 0xc0) == 0x80)
        tail++;
    bool cut = len > 0 && utf8_length_by((unsigned char)text[len - tail]) > tail;
    return cut ? len - tail : len;
}
