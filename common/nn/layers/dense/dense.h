/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_DENSE_H
#define ONIC_COMMON_NN_LAYERS_DENSE_H

/* dense.h - Y = act(X W + b), W [K,N] input-major.
 *
 * Rows may be parts of wider rows (ldx, ldy: distance of two rows in floats), so layers write side
 * by side into one buffer instead of being copied together. Thread-safe. */

#include "common/nn/kernels.h"

/* y [M,N], x [M,K], w [K,N], b [N] (NULL: none) */
void dense_forward(float *y, int ldy, const float *x, int ldx, const float *w, const float *b,
                   int M, int K, int N, enum act act);
/* dy [M,N] is the gradient of y and becomes that of X W + b. dw [K,N], db [N] (NULL: none) are
 * added to; dx [M,K] is overwritten (NULL: not computed). x, y: of the forward call. */
void dense_backward(float *dx, int lddx, float *dw, float *db, float *dy, int lddy, const float *x,
                    int ldx, const float *y, int ldy, const float *w, int M, int K, int N,
                    enum act act);

#endif /* ONIC_COMMON_NN_LAYERS_DENSE_H */
