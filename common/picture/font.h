/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_PICTURE_FONT_H
#define ONIC_COMMON_PICTURE_FONT_H

/* font.h - the characters of pictures, in pixels. */

#include <stdint.h>

enum { FONT_WIDTH = 8, FONT_HEIGHT = 13 };

/* The rows [FONT_HEIGHT] of a Unicode character, the leftmost pixel in the highest bit; NULL: the
 * font does not have it. Borrowed, constant. */
const uint8_t *font_glyph(uint32_t character);

#endif /* ONIC_COMMON_PICTURE_FONT_H */
