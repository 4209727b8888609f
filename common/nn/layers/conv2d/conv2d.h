/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_CONV2D_H
#define ONIC_COMMON_NN_LAYERS_CONV2D_H

/* conv2d.h - two-dimensional convolution, channels last.
 *
 * x [M, H, W, C] -> y [M, OH, OW, N], w [KH*KW*C, N] (input-major, tap-major, channel fastest),
 * zero padding. Works on slices of a few frames, so that the unrolled patches stay in L2.
 * Thread-safe with separate scratch. */

#include <stddef.h>

#include "common/nn/kernels.h"

struct conv2d {
    int H, W, C;   /* input */
    int KH, KW, N; /* window, output channels */
    int stride, pad;
    enum act act;
};

int conv2d_out_h(const struct conv2d *s);
int conv2d_out_w(const struct conv2d *s);
size_t conv2d_scratch_floats(const struct conv2d *s);
void conv2d_forward(float *y, const float *x, const float *w, const float *b,
                    const struct conv2d *s, int M, float *scratch);
/* dy is used up; dw, db are added to; dx [M,H,W,C] is overwritten (NULL: not computed). */
void conv2d_backward(float *dx, float *dw, float *db, float *dy, const float *x, const float *y,
                     const float *w, const struct conv2d *s, int M, float *scratch);

#endif /* ONIC_COMMON_NN_LAYERS_CONV2D_H */
