/* SPDX-License-Identifier: MIT */
/* grad_clip.c - see grad_clip.h.
 *
 * The factor is handed to Adam instead of being multiplied into the block: one pass less over
 * memory. Products and sums carry NaN and infinity through, so one look at the norm finds a bad
 * value anywhere; that look must stay in this file, which is compiled without -ffast-math. */
#include "common/nn/optim/grad_clip.h"

#include <math.h>

#include "common/nn/kernels.h"

bool grad_clip(const float *grad, size_t n, double max_norm, double *norm, double *scale)
{
    *norm = sqrt(kernels()->sum_squares(grad, n));
    *scale = 0.0;
    if (!isfinite(*norm))
        return false;
    *scale = max_norm > 0.0 && *norm > max_norm ? max_norm / *norm : 1.0;
    return true;
}
