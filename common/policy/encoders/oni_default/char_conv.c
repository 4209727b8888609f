/* SPDX-License-Identifier: MIT */
/* char_conv.c - see char_conv.h.
 *
 * Along one axis output o begins at pixel 4 o. With o = 3 k + phase that is pixel START[phase] of
 * cell 2 k + (phase == 2): the window has the rest of that cell and the beginning of the next. Part
 * 2 * phase + 0 of the weights falls on the former, 2 * phase + 1 on the latter. */
#include "common/policy/encoders/oni_default/char_conv.h"

#include <stdbool.h>
#include <string.h>

#include "common/nn/kernels.h"

enum { WINDOW = 8, AXIS_PARTS = 6, OUTPUTS = CHAR_OUT * CHAR_OUT };

static const int START[3] = {0, 4, 2};

/* Tap of the window that pixel p of a cell meets in part a; false when it is outside the window. */
static bool tap_of(int a, int p, int *tap)
{
    *tap = a % 2 ? p + CHAR_PIXELS - START[a / 2] : p - START[a / 2];
    return *tap >= 0 && *tap < WINDOW;
}

/* Calls for each (row of spread, part, row of w) that belong together. */
static void each_weight(void (*f)(void *ctx, size_t spread, size_t w), void *ctx)
{
    for (int part = 0; part < CHAR_PARTS; part++)
        for (int y = 0; y < CHAR_PIXELS; y++)
            for (int x = 0; x < CHAR_PIXELS; x++) {
                int ty, tx;
                if (!tap_of(part / AXIS_PARTS, y, &ty) || !tap_of(part % AXIS_PARTS, x, &tx))
                    continue;
                for (int c = 0; c < 3; c++)
                    f(ctx,
                      (size_t)((y * CHAR_PIXELS + x) * 3 + c) * CHAR_ROW +
                          (size_t)part * CHAR_CHANNELS,
                      (size_t)((ty * WINDOW + tx) * 3 + c) * CHAR_CHANNELS);
            }
}

struct weights {
    float *to;
    const float *from;
};

static void spread_row(void *ctx, size_t spread, size_t w)
{
    struct weights *x = ctx;
    memcpy(x->to + spread, x->from + w, CHAR_CHANNELS * sizeof *x->to);
}

static void fold_row(void *ctx, size_t spread, size_t w)
{
    struct weights *x = ctx;
    kernels()->axpy(x->to + w, x->from + spread, 1.0f, CHAR_CHANNELS);
}

void char_conv_spread(float *spread, const float *w)
{
    memset(spread, 0, (size_t)CHAR_PICTURE * CHAR_ROW * sizeof *spread);
    each_weight(spread_row, &(struct weights){spread, w});
}

void char_conv_fold(float *dw, const float *dspread)
{
    each_weight(fold_row, &(struct weights){dw, dspread});
}

static int id_of(struct char_cell cell)
{
    return cell.colour * 256 + cell.character;
}

void char_conv_collect(struct id_set *set, const struct char_cell *cells)
{
    for (int i = 0; i < CHAR_CELLS * CHAR_CELLS; i++)
        if (cells[i].character)
            id_set_add(set, id_of(cells[i]));
}

void char_conv_pictures(float *out, const struct id_set *set, float top)
{
    for (int i = 0; i < set->count; i++, out += CHAR_PICTURE)
        char_view_picture(
            (struct char_cell){(uint8_t)(set->id[i] % 256), (uint8_t)(set->id[i] / 256)}, top, out);
}

/* Table rows of output (oy, ox); returns how many, at most 4. */
static int char_conv_window(const struct char_cell *cells, const struct id_set *set, int oy, int ox,
                            int32_t *rows)
{
    int n = 0, top = 4 * oy / CHAR_PIXELS, left = 4 * ox / CHAR_PIXELS;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            struct char_cell cell = cells[(top + i) * CHAR_CELLS + left + j];
            int part = (2 * (oy % 3) + i) * AXIS_PARTS + 2 * (ox % 3) + j;
            if (cell.character)
                rows[n++] = set->place[id_of(cell)] * CHAR_PARTS + part;
        }
    return n;
}

void char_conv_forward(float *y, const struct char_cell *cells, const struct id_set *set,
                       const float *table, const float *b)
{
    const struct kernels *k = kernels();
    float *at = y;
    for (int oy = 0; oy < CHAR_OUT; oy++)
        for (int ox = 0; ox < CHAR_OUT; ox++, at += CHAR_CHANNELS) {
            int32_t rows[4];
            k->gather_sum(at, b, table, rows, char_conv_window(cells, set, oy, ox, rows),
                          CHAR_CHANNELS);
        }
    k->bias_act(y, CHAR_CHANNELS, NULL, OUTPUTS, CHAR_CHANNELS, ACT_ELU);
}

void char_conv_backward(float *dtable, float *db, float *dy, const float *y,
                        const struct char_cell *cells, const struct id_set *set)
{
    const struct kernels *k = kernels();
    k->act_backward(dy, CHAR_CHANNELS, y, CHAR_CHANNELS, OUTPUTS, CHAR_CHANNELS, ACT_ELU);
    k->add_columns(db, dy, CHAR_CHANNELS, OUTPUTS, CHAR_CHANNELS);
    for (int oy = 0; oy < CHAR_OUT; oy++)
        for (int ox = 0; ox < CHAR_OUT; ox++, dy += CHAR_CHANNELS) {
            int32_t rows[4];
            k->scatter_add(dtable, dy, rows, char_conv_window(cells, set, oy, ox, rows),
                           CHAR_CHANNELS);
        }
}
