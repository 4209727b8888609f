/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_HOSTILE_TEXT_H
#define ONIC_TESTS_SUPPORT_HOSTILE_TEXT_H

/* hostile_text.h - text that acts on a terminal, and a judge of its own of whether some is left. */

#include <stddef.h>

/* ESC, C1 as UTF-8 and as a byte, bidi controls, DEL, what nobody sees (a zero-width space, a tag),
 * bytes that are no UTF-8. */
/* clang-format off */
static const char hostile_text[] = "a\x1b[2Jb\x1b]0;t\x07" "c\xc2\x9b" "31md\x9b" "2Je\xe2\x80\xae"
                                   "f\xe2\x81\xa6g\x7f\xe2\x80\x8bh\xf3\xa0\x81\x81\xff\xc3";
/* clang-format on */

/* U+c in UTF-8, also a surrogate; how many bytes. */
static inline size_t hostile_text_encode(unsigned c, char out[5])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned head[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(head[n] | c);
    out[n] = '\0';
    return n;
}

/* Where the first byte stands that a terminal would act on, or hide, or that is no UTF-8; NULL:
 * none. */
static inline const char *hostile_text_in(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = *p < 0x80   ? 1
                   : *p < 0xc2 ? 0
                   : *p < 0xe0 ? 2
                   : *p < 0xf0 ? 3
                   : *p < 0xf5 ? 4
                               : 0;
        unsigned c = n == 1 ? *p : n ? *p & (0x7fu >> n) : 0;
        for (size_t i = 1; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return (const char *)p;
            c = c << 6 | (p[i] & 0x3f);
        }
        if (!n || c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c ||
            (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
            (c >= 0x2060 && c <= 0x206f) || c == 0xad || c == 0xfeff ||
            (c >= 0xe0000 && c <= 0xe0fff))
            return (const char *)p;
        p += n;
    }
    return NULL;
}

#endif /* ONIC_TESTS_SUPPORT_HOSTILE_TEXT_H */
