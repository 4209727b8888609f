/* SPDX-License-Identifier: MIT */
/* mingru.c - see mingru.h. The products of all steps are one; what is sequential is a blend. */
#include "common/nn/layers/mingru/mingru.h"

#include <string.h>

#include "common/nn/blas.h"
#include "common/nn/kernels.h"

enum { STRIP = 512 }; /* gates of a row at a time */

size_t mingru_cache_floats(int T, int B, int H)
{
    size_t t = (size_t)T, bh = (size_t)B * (size_t)H;
    return t * bh * 2 + (t + 1) * bh + bh;
}

void mingru_cache_set(struct mingru_cache *c, float *memory, int T, int B, int H)
{
    size_t t = (size_t)T, bh = (size_t)B * (size_t)H;
    c->gates = memory;
    c->h_in = c->gates + t * bh * 2;
    c->scratch = c->h_in + (t + 1) * bh;
}

/* One row of products becomes z and c. */
static void mingru_activate(float *row, const float *b, int H)
{
    float s[STRIP];
    const struct kernels *k = kernels();
    for (int j = 0; j < 2 * H; j++)
        row[j] += b[j];
    k->sigmoid(row, row, (size_t)H);
    for (int from = 0; from < H; from += STRIP) {
        int n = H - from < STRIP ? H - from : STRIP;
        float *c = row + H + from;
        k->sigmoid(s, c, (size_t)n);
        for (int j = 0; j < n; j++)
            c[j] = c[j] >= 0.0f ? c[j] + 0.5f : s[j];
    }
}

/* h may be h_in. */
static void mingru_blend(float *h, const float *gates, const float *h_in, int B, int H)
{
    for (int b = 0; b < B; b++) {
        const float *z = gates + (size_t)b * 2 * (size_t)H, *c = z + H;
        const float *before = h_in + (size_t)b * (size_t)H;
        float *after = h + (size_t)b * (size_t)H;
        for (int j = 0; j < H; j++)
            after[j] = before[j] + z[j] * (c[j] - before[j]);
    }
}

static void mingru_gates(float *gates, const float *x, const struct mingru_weights *w, int rows,
                         int I, int H)
{
    blas_nn(gates, 2 * H, x, I, w->w, 2 * H, rows, 2 * H, I, 0.0f);
    for (int i = 0; i < rows; i++)
        mingru_activate(gates + (size_t)i * 2 * (size_t)H, w->b, H);
}

void mingru_step(float *state, const float *x, const struct mingru_weights *w, int B, int I, int H,
                 float *gates)
{
    mingru_gates(gates, x, w, B, I, H);
    mingru_blend(state, gates, state, B, H);
}

static void mingru_zero_reset(float *rows, const uint8_t *reset, int B, int H)
{
    for (int b = 0; reset && b < B; b++)
        if (reset[b])
            memset(rows + (size_t)b * (size_t)H, 0, (size_t)H * sizeof *rows);
}

void mingru_forward(float *h, struct mingru_cache *c, const float *x, const float *state0,
                    const uint8_t *reset, const struct mingru_weights *w, int T, int B, int I,
                    int H)
{
    size_t bh = (size_t)B * (size_t)H;
    mingru_gates(c->gates, x, w, T * B, I, H);
    memcpy(c->h_in, state0, bh * sizeof *h);
    for (int t = 0; t < T; t++) {
        size_t at = (size_t)t * bh;
        float *h_in = c->h_in + at;
        mingru_zero_reset(h_in, reset ? reset + (size_t)t * (size_t)B : NULL, B, H);
        mingru_blend(h + at, c->gates + 2 * at, h_in, B, H);
        memcpy(h_in + bh, h + at, bh * sizeof *h);
    }
}

/* One step of B rows: gates become their gradients before activation, dh_prev [B,H] = dh (1-z). */
static void mingru_step_backward(float *gates, float *dh_prev, const float *dh, const float *h_in,
                                 int B, int H)
{
    for (int b = 0; b < B; b++) {
        size_t at = (size_t)b * (size_t)H;
        float *z = gates + 2 * at, *c = z + H;
        for (int j = 0; j < H; j++) {
            float d = dh[at + (size_t)j], gate = z[j], value = c[j];
            /* g'(a) from g(a): 1 from 1/2 on, else that of the sigmoid */
            float slope = value >= 0.5f ? 1.0f : value * (1.0f - value);
            dh_prev[at + (size_t)j] = d * (1.0f - gate);
            z[j] = d * (value - h_in[at + (size_t)j]) * gate * (1.0f - gate);
            c[j] = d * gate * slope;
        }
    }
}

void mingru_backward(float *dx, const struct mingru_weights *d, float *dh, struct mingru_cache *c,
                     const float *x, const uint8_t *reset, const struct mingru_weights *w, int T,
                     int B, int I, int H)
{
    const struct kernels *k = kernels();
    size_t bh = (size_t)B * (size_t)H;
    for (int t = T - 1; t >= 0; t--) {
        size_t at = (size_t)t * bh;
        mingru_step_backward(c->gates + 2 * at, c->scratch, dh + at, c->h_in + at, B, H);
        if (t == 0)
            break; /* truncated: nothing flows into state0 */
        mingru_zero_reset(c->scratch, reset ? reset + (size_t)t * (size_t)B : NULL, B, H);
        k->axpy(dh + at - bh, c->scratch, 1.0f, bh);
    }
    blas_tn(d->w, 2 * H, x, I, c->gates, 2 * H, I, 2 * H, T * B, 1.0f);
    k->add_columns(d->b, c->gates, 2 * H, T * B, 2 * H);
    if (dx)
        blas_nt(dx, I, c->gates, 2 * H, w->w, 2 * H, T * B, I, 2 * H, 0.0f);
}
