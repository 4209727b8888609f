/* SPDX-License-Identifier: MIT */
/* gather_sum.c - sums kept in registers, one pass per 64 columns; see gather_sum.h. */
#include "common/nn/layers/gather_sum/gather_sum.h"

void gather_sum_forward(float *y, int ldy, const int32_t *idx, const int32_t *count, int L,
                        const float *table, const float *b, int M, int N, enum act act)
{
    const struct kernels *k = kernels();
    for (int m = 0; m < M; m++)
        k->gather_sum(y + (size_t)m * (size_t)ldy, b, table, idx + (size_t)m * (size_t)L, count[m],
                      N);
    k->bias_act(y, ldy, NULL, M, N, act);
}

void gather_sum_backward(float *dtable, float *db, float *dy, int lddy, const float *y, int ldy,
                         const int32_t *idx, const int32_t *count, int L, int M, int N,
                         enum act act)
{
    const struct kernels *k = kernels();
    k->act_backward(dy, lddy, y, ldy, M, N, act);
    k->add_columns(db, dy, lddy, M, N);
    for (int m = 0; m < M; m++)
        k->scatter_add(dtable, dy + (size_t)m * (size_t)lddy, idx + (size_t)m * (size_t)L, count[m],
                       N);
}
