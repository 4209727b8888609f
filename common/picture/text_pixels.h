/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_PICTURE_TEXT_PIXELS_H
#define ONIC_COMMON_PICTURE_TEXT_PIXELS_H

/* text_pixels.h - lines of text, with the colours of terminals, drawn in pixels.
 *
 * Of escape sequences only those for colours mean anything; the others, control characters and
 * damaged bytes are left out. A character that the font does not have is an empty box. */

#include <stdbool.h>

#include "common/picture/font.h"
#include "common/picture/pixels.h"

enum { TEXT_PIXELS_PLAIN = 7 }; /* colour of what has none */

/* Where lines go: a cell is FONT_WIDTH x FONT_HEIGHT pixels. */
struct text_area {
    int x, y;       /* pixels */
    int rows, cols; /* cells; what has no room is cut */
    bool fold;      /* a line that is too long goes on in the next row */
};

/* Returns how many rows were used. */
int text_pixels_draw(struct pixels *p, const struct text_area *area, const char *lines);
/* The rows and columns that lines take, unfolded. */
void text_pixels_measure(const char *lines, int *rows, int *cols);

#endif /* ONIC_COMMON_PICTURE_TEXT_PIXELS_H */
