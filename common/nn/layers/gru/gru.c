/* SPDX-License-Identifier: MIT */
/* gru.c - the products of lstm.c with three gates; see gru.h (Cho et al. 2014, the variant that
 * resets after the product, so that h W_h is one product).
 *
 * The candidate needs its two parts apart, n = tanh(a_n + r u_n), so the recurrent products are not
 * added onto the input's as in lstm.c but have a block of their own. In backward that block
 * takes the gradient of h' W_h of all steps, and each weight gradient is one product. */
#include "common/nn/layers/gru/gru.h"

#include <string.h>

#include "common/nn/blas.h"
#include "common/nn/kernels.h"

size_t gru_cache_floats(int T, int B, int H)
{
    size_t t = (size_t)T, b = (size_t)B, h = (size_t)H;
    return t * b * 6 * h + (t + 1) * b * h + t * b * h + b * h + 3 * h * h;
}

void gru_cache_set(struct gru_cache *c, float *memory, int T, int B, int H)
{
    size_t t = (size_t)T, bh = (size_t)B * (size_t)H;
    c->gates = memory;
    c->rec = c->gates + t * bh * 3;
    c->h_in = c->rec + t * bh * 3;
    c->u_n = c->h_in + (t + 1) * bh;
    c->scratch = c->u_n + t * bh;
}

void gru_step(float *state, const float *x, const struct gru_weights *w, int B, int I, int H,
              float *gates, float *rec, float *u_n)
{
    blas_nn(gates, 3 * H, x, I, w->w_x, 3 * H, B, 3 * H, I, 0.0f);
    blas_nn(rec, 3 * H, state, H, w->w_h, 3 * H, B, 3 * H, H, 0.0f);
    kernels()->gru_cell(state, gates, u_n, rec, w->b_x, w->b_h, state, B, H);
}

static void zero_reset(float *rows, const uint8_t *reset, int B, int H)
{
    for (int b = 0; reset && b < B; b++)
        if (reset[b])
            memset(rows + (size_t)b * (size_t)H, 0, (size_t)H * sizeof *rows);
}

void gru_forward(float *h, struct gru_cache *c, const float *x, const float *state0,
                 const uint8_t *reset, const struct gru_weights *w, int T, int B, int I, int H)
{
    size_t bh = (size_t)B * (size_t)H;
    blas_nn(c->gates, 3 * H, x, I, w->w_x, 3 * H, T * B, 3 * H, I, 0.0f);
    memcpy(c->h_in, state0, bh * sizeof *h);
    for (int t = 0; t < T; t++) {
        size_t at = (size_t)t * bh;
        float *h_in = c->h_in + at, *rec = c->rec + 3 * at;
        zero_reset(h_in, reset ? reset + (size_t)t * (size_t)B : NULL, B, H);
        blas_nn(rec, 3 * H, h_in, H, w->w_h, 3 * H, B, 3 * H, H, 0.0f);
        kernels()->gru_cell(h + at, c->gates + 3 * at, c->u_n + at, rec, w->b_x, w->b_h, h_in, B,
                            H);
        memcpy(h_in + bh, h + at, bh * sizeof *h);
    }
}

void gru_backward(float *dx, const struct gru_weights *d, float *dh, struct gru_cache *c,
                  const float *x, const uint8_t *reset, const struct gru_weights *w, int T, int B,
                  int I, int H)
{
    const struct kernels *k = kernels();
    size_t bh = (size_t)B * (size_t)H;
    float *dh_prev = c->scratch, *w_h_t = dh_prev + bh; /* [3H, H] */
    blas_transpose(w_h_t, w->w_h, H, 3 * H);
    for (int t = T - 1; t >= 0; t--) {
        size_t at = (size_t)t * bh;
        float *rec = c->rec + 3 * at;
        k->gru_cell_backward(c->gates + 3 * at, rec, dh_prev, dh + at, c->u_n + at, c->h_in + at, B,
                             H);
        if (t == 0)
            break; /* truncated: nothing flows into state0 */
        blas_nn(dh_prev, H, rec, 3 * H, w_h_t, H, B, H, 3 * H, 1.0f);
        zero_reset(dh_prev, reset ? reset + (size_t)t * (size_t)B : NULL, B, H);
        k->axpy(dh + at - bh, dh_prev, 1.0f, bh);
    }
    blas_tn(d->w_x, 3 * H, x, I, c->gates, 3 * H, I, 3 * H, T * B, 1.0f);
    blas_tn(d->w_h, 3 * H, c->h_in, H, c->rec, 3 * H, H, 3 * H, T * B, 1.0f);
    k->add_columns(d->b_x, c->gates, 3 * H, T * B, 3 * H);
    k->add_columns(d->b_h, c->rec, 3 * H, T * B, 3 * H);
    if (dx)
        blas_nt(dx, I, c->gates, 3 * H, w->w_x, 3 * H, T * B, I, 3 * H, 0.0f);
}
