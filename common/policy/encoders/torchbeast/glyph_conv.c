/* SPDX-License-Identifier: MIT */
/* glyph_conv.c - see glyph_conv.h. */
#include "common/policy/encoders/torchbeast/glyph_conv.h"

#include "common/nn/blas.h"
#include "common/nn/kernels.h"

int glyph_conv_out_h(const struct glyph_conv *c)
{
    return (c->H - 1) / c->stride + 1;
}

int glyph_conv_out_w(const struct glyph_conv *c)
{
    return (c->W - 1) / c->stride + 1;
}

void tap_table(const struct glyph_conv *c, float *table, const float *e, int count, const float *w)
{
    int N = c->N, D = c->D;
    for (int tap = 0; tap < GLYPH_TAPS; tap++)
        blas_nn(table + (size_t)tap * (size_t)N, GLYPH_TAPS * N, e, D,
                w + (size_t)tap * (size_t)D * (size_t)N, N, count, N, D, 0);
}

void tap_table_backward(const struct glyph_conv *c, float *de, float *dw, const float *dtable,
                        const float *e, int count, const float *w)
{
    int N = c->N, D = c->D;
    for (int tap = 0; tap < GLYPH_TAPS; tap++) {
        const float *dt = dtable + (size_t)tap * (size_t)N;
        size_t at = (size_t)tap * (size_t)D * (size_t)N;
        blas_nt(de, D, dt, GLYPH_TAPS * N, w + at, N, count, D, N, 1);
        blas_tn(dw + at, N, e, D, dt, GLYPH_TAPS * N, D, N, count, 1);
    }
}

/* Table rows of the window at output (oy, ox); returns how many, at most 9. */
static int glyph_conv_window(const struct glyph_conv *c, const int16_t *cells, int oy, int ox,
                             int32_t *rows)
{
    int n = 0, top = oy * c->stride - 1, left = ox * c->stride - 1;
    for (int tap = 0; tap < GLYPH_TAPS; tap++) {
        int y = top + tap / 3, x = left + tap % 3;
        if (y < 0 || y >= c->H || x < 0 || x >= c->W || cells[y * c->W + x] < 0)
            continue;
        rows[n++] = cells[y * c->W + x] * GLYPH_TAPS + tap;
    }
    return n;
}

void glyph_conv_forward(const struct glyph_conv *c, float *y, const int16_t *cells,
                        const float *table, const float *b)
{
    const struct kernels *k = kernels();
    int OH = glyph_conv_out_h(c), OW = glyph_conv_out_w(c);
    float *at = y;
    for (int oy = 0; oy < OH; oy++)
        for (int ox = 0; ox < OW; ox++, at += c->N) {
            int32_t rows[GLYPH_TAPS];
            int n = glyph_conv_window(c, cells, oy, ox, rows);
            k->gather_sum(at, b, table, rows, n, c->N);
        }
    k->bias_act(y, c->N, NULL, OH * OW, c->N, ACT_ELU);
}

void glyph_conv_backward(const struct glyph_conv *c, float *dtable, float *db, float *dy,
                         const float *y, const int16_t *cells)
{
    const struct kernels *k = kernels();
    int OH = glyph_conv_out_h(c), OW = glyph_conv_out_w(c);
    k->act_backward(dy, c->N, y, c->N, OH * OW, c->N, ACT_ELU);
    k->add_columns(db, dy, c->N, OH * OW, c->N);
    for (int oy = 0; oy < OH; oy++)
        for (int ox = 0; ox < OW; ox++, dy += c->N) {
            int32_t rows[GLYPH_TAPS];
            int n = glyph_conv_window(c, cells, oy, ox, rows);
            k->scatter_add(dtable, dy, rows, n, c->N);
        }
}
