/* SPDX-License-Identifier: MIT */
/* lstm.c - three large products and T small ones; see lstm.h (Hochreiter and Schmidhuber 1997;
 * gates as in Gers 2000).
 *
 * Only h W_h depends on the step before. The products with x of all steps are one product before
 * the loop, and the gradients of both weight matrices are one product each after it, over T B rows.
 * The states that enter each step are kept already masked by the resets, so that those products
 * need no special case.
 *
 * Backward needs dgates W_h^T once per step with few rows, where a transposed operand halves the
 * speed of the library: W_h is transposed once per call. */
#include "common/nn/layers/lstm/lstm.h"

#include <string.h>

#include "common/nn/blas.h"
#include "common/nn/kernels.h"

size_t lstm_cache_floats(int T, int B, int H)
{
    size_t t = (size_t)T, b = (size_t)B, h = (size_t)H;
    return t * b * 4 * h + 2 * (t + 1) * b * h + t * b * h + 2 * b * h + 4 * h * h;
}

void lstm_cache_set(struct lstm_cache *c, float *memory, int T, int B, int H)
{
    size_t t = (size_t)T, bh = (size_t)B * (size_t)H;
    c->gates = memory;
    c->h_in = c->gates + t * bh * 4;
    c->c_in = c->h_in + (t + 1) * bh;
    c->tanh_c = c->c_in + (t + 1) * bh;
    c->scratch = c->tanh_c + t * bh;
}

void lstm_step(float *state, const float *x, const struct lstm_weights *w, int B, int I, int H,
               float *gates, float *tanh_c)
{
    blas_nn(gates, 4 * H, x, I, w->w_x, 4 * H, B, 4 * H, I, 0.0f);
    blas_nn(gates, 4 * H, state, 2 * H, w->w_h, 4 * H, B, 4 * H, H, 1.0f);
    kernels()->lstm_cell(state, 2 * H, state + H, 2 * H, tanh_c, gates, w->b, state + H, 2 * H, B,
                         H);
}

void lstm_forward(float *h, struct lstm_cache *c, const float *x, const float *state0,
                  const uint8_t *reset, const struct lstm_weights *w, int T, int B, int I, int H)
{
    const struct kernels *k = kernels();
    size_t bh = (size_t)B * (size_t)H, row = (size_t)H * sizeof(float);
    blas_nn(c->gates, 4 * H, x, I, w->w_x, 4 * H, T * B, 4 * H, I, 0.0f);
    for (int b = 0; b < B; b++) {
        const float *s = state0 + (size_t)b * 2 * (size_t)H;
        memcpy(c->h_in + (size_t)b * (size_t)H, s, row);
        memcpy(c->c_in + (size_t)b * (size_t)H, s + H, row);
    }
    for (int t = 0; t < T; t++) {
        size_t at = (size_t)t * bh;
        float *h_in = c->h_in + at, *c_in = c->c_in + at, *gates = c->gates + 4 * at;
        for (int b = 0; reset && b < B; b++)
            if (reset[(size_t)t * (size_t)B + (size_t)b]) {
                memset(h_in + (size_t)b * (size_t)H, 0, row);
                memset(c_in + (size_t)b * (size_t)H, 0, row);
            }
        blas_nn(gates, 4 * H, h_in, H, w->w_h, 4 * H, B, 4 * H, H, 1.0f);
        k->lstm_cell(h + at, H, c_in + bh, H, c->tanh_c + at, gates, w->b, c_in, H, B, H);
        memcpy(h_in + bh, h + at, bh * sizeof *h);
    }
}

void lstm_backward(float *dx, const struct lstm_weights *d, float *dh, struct lstm_cache *c,
                   const float *x, const uint8_t *reset, const struct lstm_weights *w, int T, int B,
                   int I, int H)
{
    const struct kernels *k = kernels();
    size_t bh = (size_t)B * (size_t)H, row = (size_t)H * sizeof(float);
    float *dc = c->scratch, *dh_prev = dc + bh, *w_h_t = dh_prev + bh; /* [4H, H] */
    blas_transpose(w_h_t, w->w_h, H, 4 * H);
    memset(dc, 0, bh * sizeof *dc);
    for (int t = T - 1; t >= 0; t--) {
        size_t at = (size_t)t * bh;
        float *gates = c->gates + 4 * at;
        k->lstm_cell_backward(gates, dc, dh + at, c->tanh_c + at, c->c_in + at, B, H);
        if (t == 0)
            break; /* truncated: nothing flows into state0 */
        blas_nn(dh_prev, H, gates, 4 * H, w_h_t, H, B, H, 4 * H, 0.0f);
        for (int b = 0; reset && b < B; b++)
            if (reset[(size_t)t * (size_t)B + (size_t)b]) {
                memset(dh_prev + (size_t)b * (size_t)H, 0, row);
                memset(dc + (size_t)b * (size_t)H, 0, row);
            }
        k->axpy(dh + at - bh, dh_prev, 1.0f, bh);
    }
    blas_tn(d->w_x, 4 * H, x, I, c->gates, 4 * H, I, 4 * H, T * B, 1.0f);
    blas_tn(d->w_h, 4 * H, c->h_in, H, c->gates, 4 * H, H, 4 * H, T * B, 1.0f);
    k->add_columns(d->b, c->gates, 4 * H, T * B, 4 * H);
    if (dx)
        blas_nt(dx, I, c->gates, 4 * H, w->w_x, 4 * H, T * B, I, 4 * H, 0.0f);
}
