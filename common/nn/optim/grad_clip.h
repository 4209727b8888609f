/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_OPTIM_GRAD_CLIP_H
#define ONIC_COMMON_NN_OPTIM_GRAD_CLIP_H

/* grad_clip.h - global L2 norm of a gradient block, and the factor that bounds it. Thread-safe. */

#include <stdbool.h>
#include <stddef.h>

/* *norm = L2 norm of grad [n]; *scale = min(1, max_norm / norm), 1 when max_norm is 0 (off).
 * Returns false when the gradient holds a NaN or infinity: the caller must skip the step; *norm
 * then is not finite and *scale is 0. */
bool grad_clip(const float *grad, size_t n, double max_norm, double *norm, double *scale);

#endif /* ONIC_COMMON_NN_OPTIM_GRAD_CLIP_H */
