/* SPDX-License-Identifier: MIT */
/* conv1d.c - windows as matrix rows, then one product per slice of sequences; see conv1d.h.
 *
 * With channels last a window is k*C floats side by side, except where it reaches past the last
 * stored row. Sequences are gathered until a slice is full, so that short ones share a product. */
#include "common/nn/layers/conv1d/conv1d.h"

#include <string.h>

#include "common/nn/blas.h"

enum { SLICE = 192 }; /* windows unrolled at a time, unless one sequence has more */

size_t conv1d_scratch_floats(const struct conv1d *s, int longest)
{
    return (size_t)(SLICE + longest) * (size_t)(s->k * s->C);
}

/* Windows [rows_out, k*C] of one sequence. */
static void conv1d_unroll(const struct conv1d *s, float *windows, const float *x, int rows_in,
                          int rows_out)
{
    size_t C = (size_t)s->C;
    for (int p = 0; p < rows_out; p++) {
        int stored = rows_in - p;
        stored = stored < 0 ? 0 : stored > s->k ? s->k : stored;
        if (stored)
            memcpy(windows, x + (size_t)p * C, (size_t)stored * C * sizeof *x);
        for (int t = stored; t < s->k; t++)
            memcpy(windows + (size_t)t * C, x + (size_t)(rows_in - 1) * C, C * sizeof *x);
        windows += (size_t)s->k * C;
    }
}

static void roll_back(const struct conv1d *s, const float *windows, float *dx, int rows_in,
                      int rows_out)
{
    size_t C = (size_t)s->C;
    const struct kernels *k = kernels();
    for (int p = 0; p < rows_out; p++) {
        int stored = rows_in - p;
        stored = stored < 0 ? 0 : stored > s->k ? s->k : stored;
        if (stored)
            k->axpy(dx + (size_t)p * C, windows, 1.0f, (size_t)stored * C);
        for (int t = stored; t < s->k; t++)
            k->axpy(dx + (size_t)(rows_in - 1) * C, windows + (size_t)t * C, 1.0f, C);
        windows += (size_t)s->k * C;
    }
}

/* The sequences of one slice: from `first`, at least one. */
struct slice {
    int first, end, rows_in, rows_out;
};

static struct slice next_slice(int first, int M, const int *rows_in, const int *rows_out)
{
    struct slice c = {.first = first, .end = first};
    while (c.end < M && (c.rows_out == 0 || c.rows_out + rows_out[c.end] <= SLICE)) {
        c.rows_in += rows_in[c.end];
        c.rows_out += rows_out[c.end++];
    }
    return c;
}

static void unroll_slice(const struct conv1d *s, const struct slice *c, float *windows,
                         const float *x, const int *rows_in, const int *rows_out)
{
    for (int m = c->first; m < c->end; m++) {
        conv1d_unroll(s, windows, x, rows_in[m], rows_out[m]);
        windows += (size_t)rows_out[m] * (size_t)(s->k * s->C);
        x += (size_t)rows_in[m] * (size_t)s->C;
    }
}

void conv1d_forward(float *y, const float *x, const float *w, const float *b,
                    const struct conv1d *s, int M, const int *rows_in, const int *rows_out,
                    float *scratch)
{
    int K = s->k * s->C;
    for (int m = 0; m < M;) {
        struct slice c = next_slice(m, M, rows_in, rows_out);
        unroll_slice(s, &c, scratch, x, rows_in, rows_out);
        blas_nn(y, s->N, scratch, K, w, s->N, c.rows_out, s->N, K, 0.0f);
        kernels()->bias_act(y, s->N, b, c.rows_out, s->N, s->act);
        x += (size_t)c.rows_in * (size_t)s->C;
        y += (size_t)c.rows_out * (size_t)s->N;
        m = c.end;
    }
}

void conv1d_backward(float *dx, float *dw, float *db, float *dy, const float *x, const float *y,
                     const float *w, const struct conv1d *s, int M, const int *rows_in,
                     const int *rows_out, float *scratch)
{
    int K = s->k * s->C, N = s->N;
    const struct kernels *k = kernels();
    for (int m = 0; m < M;) {
        struct slice c = next_slice(m, M, rows_in, rows_out);
        k->act_backward(dy, N, y, N, c.rows_out, N, s->act);
        k->add_columns(db, dy, N, c.rows_out, N);
        unroll_slice(s, &c, scratch, x, rows_in, rows_out);
        blas_tn(dw, N, scratch, K, dy, N, K, N, c.rows_out, 1.0f);
        x += (size_t)c.rows_in * (size_t)s->C;
        y += (size_t)c.rows_out * (size_t)N;
        if (dx) {
            blas_nt(scratch, K, dy, N, w, N, c.rows_out, K, N, 0.0f);
            memset(dx, 0, (size_t)c.rows_in * (size_t)s->C * sizeof *dx);
            const float *windows = scratch;
            for (int i = c.first; i < c.end; i++) {
                roll_back(s, windows, dx, rows_in[i], rows_out[i]);
                windows += (size_t)rows_out[i] * (size_t)K;
                dx += (size_t)rows_in[i] * (size_t)s->C;
            }
        }
        dy += (size_t)c.rows_out * (size_t)N;
        m = c.end;
    }
}
