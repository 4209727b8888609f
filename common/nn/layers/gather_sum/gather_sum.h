/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_GATHER_SUM_H
#define ONIC_COMMON_NN_LAYERS_GATHER_SUM_H

/* gather_sum.h - a dense layer over one-hot inputs, computed as what it is: a sum of weight rows.
 *
 * y = act(b + sum of table rows). One-hot inputs of K classes at L places would be a [M, L K]
 * matrix of which one number in K is not zero; here a row costs its look-ups only. A look-up whose
 * row is wanted to be zero is simply left out of the list. Thread-safe. */

#include <stdint.h>

#include "common/nn/kernels.h"

/* y [M,N]; idx [M,L]: count[m] <= L rows of table [R,N] each; b [N] */
void gather_sum_forward(float *y, int ldy, const int32_t *idx, const int32_t *count, int L,
                        const float *table, const float *b, int M, int N, enum act act);
/* dy [M,N] becomes the gradient of the sum. dtable [R,N] and db [N] are added to. */
void gather_sum_backward(float *dtable, float *db, float *dy, int lddy, const float *y, int ldy,
                         const int32_t *idx, const int32_t *count, int L, int M, int N,
                         enum act act);

#endif /* ONIC_COMMON_NN_LAYERS_GATHER_SUM_H */
