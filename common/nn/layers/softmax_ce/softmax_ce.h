/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_SOFTMAX_CE_H
#define ONIC_COMMON_NN_LAYERS_SOFTMAX_CE_H

/* softmax_ce.h - softmax and cross-entropy against a class index. Thread-safe. */

#include <stdint.h>

/* p [M,N] = softmax of logits [M,N]; loss [M] = -log p[m, target[m]], target [M] in [0,N). loss
 * NULL: not computed, and target is not read. */
void softmax_ce_forward(float *p, float *loss, const float *logits, const int32_t *target, int M,
                        int N);
/* dlogits [M,N] += dloss [M] (p - onehot(target)) */
void softmax_ce_backward(float *dlogits, const float *dloss, const float *p, const int32_t *target,
                         int M, int N);

#endif /* ONIC_COMMON_NN_LAYERS_SOFTMAX_CE_H */
