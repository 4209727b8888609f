/* SPDX-License-Identifier: MIT */
/* conv2d.c - patches as matrix rows, then one product per slice of frames; see conv2d.h.
 *
 * With channels last, a window row is KW*C floats side by side in the image, so unrolling copies KH
 * runs per patch, and the output of the product is already the next layer's input. */
#include "common/nn/layers/conv2d/conv2d.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/nn/blas.h"

enum { SLICE = 8 }; /* frames unrolled at a time */

int conv2d_out_h(const struct conv2d *s)
{
    return (s->H + 2 * s->pad - s->KH) / s->stride + 1;
}

int conv2d_out_w(const struct conv2d *s)
{
    return (s->W + 2 * s->pad - s->KW) / s->stride + 1;
}

size_t conv2d_scratch_floats(const struct conv2d *s)
{
    return (size_t)SLICE * (size_t)(conv2d_out_h(s) * conv2d_out_w(s)) *
           (size_t)(s->KH * s->KW * s->C);
}

/* Columns [from, to) of the window that lie inside an image row when the window starts at column
 * left. */
static void visible(const struct conv2d *s, int left, int *from, int *to)
{
    *from = left < 0 ? -left : 0;
    *to = left + s->KW > s->W ? s->W - left : s->KW;
    if (*to < *from)
        *to = *from;
}

/* One frame: patches [OH*OW, KH*KW*C] from image, or (back) image += patches. */
static void conv2d_unroll(const struct conv2d *s, float *patches, float *image, bool back)
{
    int oh = conv2d_out_h(s), ow = conv2d_out_w(s);
    size_t run = (size_t)(s->KW * s->C);
    const struct kernels *k = kernels();
    for (int y = 0; y < oh; y++)
        for (int x = 0; x < ow; x++) {
            int left = x * s->stride - s->pad, from, to;
            visible(s, left, &from, &to);
            for (int ky = 0; ky < s->KH; ky++, patches += run) {
                int iy = y * s->stride - s->pad + ky;
                bool in = iy >= 0 && iy < s->H && to > from;
                size_t n = in ? (size_t)((to - from) * s->C) : 0;
                float *src =
                    in ? image + ((size_t)iy * (size_t)s->W + (size_t)(left + from)) * (size_t)s->C
                       : NULL;
                float *dst = patches + (size_t)(from * s->C);
                if (back) {
                    if (in)
                        k->axpy(src, dst, 1.0f, n);
                    continue;
                }
                if (n < run)
                    memset(patches, 0, run * sizeof *patches);
                if (in)
                    memcpy(dst, src, n * sizeof *dst);
            }
        }
}

void conv2d_forward(float *y, const float *x, const float *w, const float *b,
                    const struct conv2d *s, int M, float *scratch)
{
    int pixels = conv2d_out_h(s) * conv2d_out_w(s), K = s->KH * s->KW * s->C;
    size_t frame = (size_t)(s->H * s->W * s->C), patch = (size_t)pixels * (size_t)K;
    for (int m = 0; m < M; m += SLICE) {
        int n = M - m < SLICE ? M - m : SLICE;
        for (int f = 0; f < n; f++)
            conv2d_unroll(s, scratch + (size_t)f * patch,
                          (float *)(uintptr_t)(x + (size_t)(m + f) * frame), false);
        float *out = y + (size_t)m * (size_t)pixels * (size_t)s->N;
        blas_nn(out, s->N, scratch, K, w, s->N, n * pixels, s->N, K, 0.0f);
        kernels()->bias_act(out, s->N, b, n * pixels, s->N, s->act);
    }
}

void conv2d_backward(float *dx, float *dw, float *db, float *dy, const float *x, const float *y,
                     const float *w, const struct conv2d *s, int M, float *scratch)
{
    int pixels = conv2d_out_h(s) * conv2d_out_w(s), K = s->KH * s->KW * s->C, N = s->N;
    size_t frame = (size_t)(s->H * s->W * s->C), patch = (size_t)pixels * (size_t)K;
    const struct kernels *k = kernels();
    k->act_backward(dy, N, y, N, M * pixels, N, s->act);
    k->add_columns(db, dy, N, M * pixels, N);
    if (dx)
        memset(dx, 0, (size_t)M * frame * sizeof *dx);
    for (int m = 0; m < M; m += SLICE) {
        int n = M - m < SLICE ? M - m : SLICE;
        const float *d = dy + (size_t)m * (size_t)pixels * (size_t)N;
        for (int f = 0; f < n; f++)
            conv2d_unroll(s, scratch + (size_t)f * patch,
                          (float *)(uintptr_t)(x + (size_t)(m + f) * frame), false);
        blas_tn(dw, N, scratch, K, d, N, K, N, n * pixels, 1.0f);
        if (!dx)
            continue;
        blas_nt(scratch, K, d, N, w, N, n * pixels, K, N, 0.0f);
        for (int f = 0; f < n; f++)
            conv2d_unroll(s, scratch + (size_t)f * patch, dx + (size_t)(m + f) * frame, true);
    }
}
