/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_VIEW_H
#define ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_VIEW_H

/* char_view.h - what ONI's policy sees of NetHack: the characters around the hero as a picture.
 *
 * Each of 12x12 cells is 6x6 pixels of the glyph in its colour on black; outside the map is black.
 * Values are in [0, 1], the Motif command's scale, and the hero stands in cell (6, 6). ONI's code
 * feeds 0..255 and, mixing up terminal and map rows, has the hero one cell lower. Pure functions.
 */

#include <stdint.h>

enum {
    CHAR_CELLS = 12,
    CHAR_PIXELS = 6, /* of a cell */
    CHAR_SIDE = CHAR_CELLS * CHAR_PIXELS,
    CHAR_HERO = CHAR_CELLS / 2,   /* row and column of the hero */
    CHAR_HERO_ONI = CHAR_HERO + 1 /* row of the hero in ONI's code */
};

struct char_cell {
    uint8_t character, colour; /* 0: nothing to draw */
};
/* chars, colors [21, 79]; x, y: the hero, anything; hero_row: where in the view. out [12, 12]. */
void char_view_crop(const uint8_t *chars, const uint8_t *colors, int64_t x, int64_t y, int hero_row,
                    struct char_cell *out);
/* One cell that is not black: out [6, 6, 3] in 0..top */
void char_view_picture(struct char_cell cell, float top, float *out);

#endif /* ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_VIEW_H */
