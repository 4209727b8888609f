/* SPDX-License-Identifier: MIT */
/* elementwise.c - see elementwise.h. */
#include "common/nn/layers/elementwise/elementwise.h"

#include <string.h>

void elementwise_forward(float *y, const float *x, size_t n, enum act act)
{
    const struct kernels *k = kernels();
    if (act == ACT_RELU)
        k->relu(y, x, n);
    else if (act == ACT_ELU)
        k->elu(y, x, n);
    else if (act == ACT_TANH)
        k->tanh(y, x, n);
    else if (y != x)
        memcpy(y, x, n * sizeof *y);
}

void elementwise_backward(float *dx, const float *dy, const float *y, size_t n, enum act act)
{
    enum { BLOCK = 1024 }; /* through a buffer in L1, so that the one kernel serves both forms */
    const struct kernels *k = kernels();
    float part[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t len = n - i < BLOCK ? n - i : BLOCK;
        memcpy(part, dy + i, len * sizeof *part);
        k->act_backward(part, (int)len, y + i, (int)len, 1, (int)len, act);
        k->axpy(dx + i, part, 1.0f, len);
    }
}
