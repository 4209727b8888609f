/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_ELEMENTWISE_H
#define ONIC_COMMON_NN_LAYERS_ELEMENTWISE_H

/* elementwise.h - an activation as a layer of its own (dense and gather_sum fuse theirs).
 * Thread-safe. */

#include "common/nn/kernels.h"

/* y [n] = act(x [n]); y may be x. */
void elementwise_forward(float *y, const float *x, size_t n, enum act act);
/* dx [n] += dy [n] act'(x), written in terms of the output y [n] */
void elementwise_backward(float *dx, const float *dy, const float *y, size_t n, enum act act);

#endif /* ONIC_COMMON_NN_LAYERS_ELEMENTWISE_H */
