/* SPDX-License-Identifier: MIT */
/* pixels.c - see pixels.h. */
#include "common/picture/pixels.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

enum { CUBE = 16, GREYS = 232, CUBE_SIDE = 6 };

static const uint8_t cube_level[CUBE_SIDE] = {0, 95, 135, 175, 215, 255};

/* What xterm shows for the colours of text. */
static const uint8_t text_colour[CUBE][3] = {
    {0, 0, 0},     {205, 0, 0},     {0, 205, 0},     {205, 205, 0},   {0, 0, 238}, {205, 0, 205},
    {0, 205, 205}, {229, 229, 229}, {127, 127, 127}, {255, 0, 0},     {0, 255, 0}, {255, 255, 0},
    {92, 92, 255}, {255, 0, 255},   {0, 255, 255},   {255, 255, 255},
};

void pixels_size(struct pixels *p, int width, int height)
{
    ONIC_ASSERT(width > 0 && height > 0 && width <= PIXELS_SIDE_MAX && height <= PIXELS_SIDE_MAX);
    size_t bytes = (size_t)width * (size_t)height;
    if (bytes > p->bytes) {
        p->at = xrealloc(p->at, bytes);
        p->bytes = bytes;
    }
    p->width = width;
    p->height = height;
    memset(p->at, 0, bytes);
}

void pixels_free(struct pixels *p)
{
    free(p->at);
    *p = (struct pixels){.at = NULL};
}

static int pixels_between(int x, int low, int high)
{
    return x < low ? low : x > high ? high : x;
}

void pixels_fill(struct pixels *p, int x, int y, int width, int height, uint8_t colour)
{
    int left = pixels_between(x, 0, p->width), right = pixels_between(x + width, 0, p->width);
    int top = pixels_between(y, 0, p->height), bottom = pixels_between(y + height, 0, p->height);
    for (int row = top; row < bottom && right > left; row++)
        memset(p->at + (size_t)row * (size_t)p->width + left, colour, (size_t)(right - left));
}

void pixels_copy(struct pixels *to, int x, int y, const struct pixels *from)
{
    int left = pixels_between(x, 0, to->width),
        right = pixels_between(x + from->width, 0, to->width);
    int top = pixels_between(y, 0, to->height);
    int bottom = pixels_between(y + from->height, 0, to->height);
    for (int row = top; row < bottom && right > left; row++)
        memcpy(to->at + (size_t)row * (size_t)to->width + left,
               from->at + (size_t)(row - y) * (size_t)from->width + (left - x),
               (size_t)(right - left));
}

void pixels_rgb(uint8_t colour, uint8_t rgb[3])
{
    if (colour < CUBE) {
        memcpy(rgb, text_colour[colour], 3);
    } else if (colour < GREYS) {
        int at = colour - CUBE;
        rgb[0] = cube_level[at / (CUBE_SIDE * CUBE_SIDE)];
        rgb[1] = cube_level[at / CUBE_SIDE % CUBE_SIDE];
        rgb[2] = cube_level[at % CUBE_SIDE];
    } else {
        memset(rgb, 8 + 10 * (colour - GREYS), 3);
    }
}

uint8_t pixels_nearest(int red, int green, int blue)
{
    uint8_t best = CUBE;
    int least = 3 * 255 * 255 + 1;
    for (int i = CUBE; i < PIXELS_COLOURS; i++) {
        uint8_t c[3];
        pixels_rgb((uint8_t)i, c);
        int dr = red - c[0], dg = green - c[1], db = blue - c[2];
        int distance = dr * dr + dg * dg + db * db;
        if (distance < least) {
            least = distance;
            best = (uint8_t)i;
        }
    }
    return best;
}
