/* SPDX-License-Identifier: MIT */
/* softmax_ce.c - see softmax_ce.h.
 *
 * The loss is taken from the logits (log-sum-exp), not from p: log of a probability that has become
 * 0 would be infinite where the loss is merely large. */
#include "common/nn/layers/softmax_ce/softmax_ce.h"

#include <math.h>
#include <stddef.h>

#include "common/nn/kernels.h"

void softmax_ce_forward(float *p, float *loss, const float *logits, const int32_t *target, int M,
                        int N)
{
    kernels()->softmax_rows(p, logits, M, N);
    for (int m = 0; loss && m < M; m++) {
        const float *x = logits + (size_t)m * (size_t)N;
        float top = x[0];
        double sum = 0;
        for (int j = 1; j < N; j++)
            top = x[j] > top ? x[j] : top;
        for (int j = 0; j < N; j++)
            sum += exp((double)(x[j] - top));
        loss[m] = (float)(log(sum) - (double)(x[target[m]] - top));
    }
}

void softmax_ce_backward(float *dlogits, const float *dloss, const float *p, const int32_t *target,
                         int M, int N)
{
    for (int m = 0; m < M; m++) {
        float *d = dlogits + (size_t)m * (size_t)N;
        const float *q = p + (size_t)m * (size_t)N;
        for (int j = 0; j < N; j++)
            d[j] += dloss[m] * q[j];
        d[target[m]] -= dloss[m];
    }
}
