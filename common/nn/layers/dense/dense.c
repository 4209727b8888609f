/* SPDX-License-Identifier: MIT */
/* dense.c - one product per direction; see dense.h.
 *
 * All supported activations have derivatives that follow from their output, so the input of the
 * activation is never kept: forward runs in place, and backward turns dy into the gradient of X W +
 * b in place. */
#include "common/nn/layers/dense/dense.h"

#include "common/nn/blas.h"

void dense_forward(float *y, int ldy, const float *x, int ldx, const float *w, const float *b,
                   int M, int K, int N, enum act act)
{
    blas_nn(y, ldy, x, ldx, w, N, M, N, K, 0.0f);
    kernels()->bias_act(y, ldy, b, M, N, act);
}

void dense_backward(float *dx, int lddx, float *dw, float *db, float *dy, int lddy, const float *x,
                    int ldx, const float *y, int ldy, const float *w, int M, int K, int N,
                    enum act act)
{
    const struct kernels *k = kernels();
    k->act_backward(dy, lddy, y, ldy, M, N, act);
    if (db)
        k->add_columns(db, dy, lddy, M, N);
    blas_tn(dw, N, x, ldx, dy, lddy, K, N, M, 1.0f);
    if (dx)
        blas_nt(dx, lddx, dy, lddy, w, N, M, K, N, 0.0f);
}
