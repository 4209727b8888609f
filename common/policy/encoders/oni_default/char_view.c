/* SPDX-License-Identifier: MIT */
/* char_view.c - see char_view.h. */
#include "common/policy/encoders/oni_default/char_view.h"

#include <stdbool.h>
#include <string.h>

#include "common/policy/nethack_obs.h"

enum { GREYS = CHAR_PIXELS * CHAR_PIXELS, COLOURS = 16, CHANNELS = 3 };

static const uint8_t atlas[256][GREYS] = {
#include "common/policy/encoders/oni_default/glyph_atlas.inc"
};

static const uint8_t palette[COLOURS][CHANNELS] = {
    {0, 0, 0},     {128, 0, 0},     {0, 128, 0},     {128, 128, 0},  {0, 0, 128}, {128, 0, 128},
    {0, 128, 128}, {128, 128, 128}, {192, 192, 192}, {255, 0, 0},    {0, 255, 0}, {255, 255, 0},
    {0, 0, 255},   {255, 0, 255},   {0, 255, 255},   {255, 255, 255}};

void char_view_crop(const uint8_t *chars, const uint8_t *colors, int64_t x, int64_t y, int hero_row,
                    struct char_cell *out)
{
    bool there = x >= 0 && x < NETHACK_COLS && y >= 0 && y < NETHACK_ROWS;
    if (!there) /* whatever a peer sent */
        x = y = 0;
    for (int i = 0; i < CHAR_CELLS; i++)
        for (int j = 0; j < CHAR_CELLS; j++, out++) {
            int64_t row = y - hero_row + i, col = x - CHAR_HERO + j;
            *out = (struct char_cell){0};
            if (!there || row < 0 || row >= NETHACK_ROWS || col < 0 || col >= NETHACK_COLS)
                continue;
            size_t at = (size_t)(row * NETHACK_COLS + col);
            if (chars[at] != ' ')
                *out = (struct char_cell){chars[at], colors[at] % COLOURS};
        }
}

void char_view_picture(struct char_cell cell, float top, float *out)
{
    const uint8_t *grey = atlas[cell.character], *rgb = palette[cell.colour];
    float unit = top / (255.0f * 255.0f);
    for (int p = 0; p < GREYS; p++)
        for (int c = 0; c < CHANNELS; c++)
            *out++ = (float)(grey[p] * rgb[c]) * unit;
}
