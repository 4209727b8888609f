/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_PICTURE_PIXELS_H
#define ONIC_COMMON_PICTURE_PIXELS_H

/* pixels.h - a picture of at most 256 colours.
 *
 * A pixel is the number of a colour of the table that terminals call "256 colours": 0 to 15 are the
 * colours of text, 16 to 231 a cube of 6 x 6 x 6, 232 to 255 greys. So text with colours and drawn
 * pictures share one table, which a GIF holds as it is. Single-threaded. */

#include <stddef.h>
#include <stdint.h>

enum { PIXELS_COLOURS = 256, PIXELS_SIDE_MAX = 4096 };

struct pixels {
    int width, height;
    uint8_t *at; /* [height, width]; owned, NULL = none yet */
    size_t bytes;
};

/* Makes it so large, all black; sides of 1 to PIXELS_SIDE_MAX. A struct of zeros is a picture
 * without pixels. */
void pixels_size(struct pixels *p, int width, int height);
void pixels_free(struct pixels *p);
/* What lies outside is left out. */
void pixels_fill(struct pixels *p, int x, int y, int width, int height, uint8_t colour);
void pixels_copy(struct pixels *to, int x, int y, const struct pixels *from);

/* Red, green and blue of a colour. */
void pixels_rgb(uint8_t colour, uint8_t rgb[3]);
/* The colour of the cube or the greys that is nearest to it. */
uint8_t pixels_nearest(int red, int green, int blue);

#endif /* ONIC_COMMON_PICTURE_PIXELS_H */
