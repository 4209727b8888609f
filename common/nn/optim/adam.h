/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_OPTIM_ADAM_H
#define ONIC_COMMON_NN_OPTIM_ADAM_H

/* adam.h - Adam with bias correction (Kingma and Ba, arXiv 1412.6980, algorithm 1), on a whole
 * block.
 *
 * The moments are blocks of the parameters' layout, owned and saved by the caller together with the
 * step count. Not thread-safe on the same block; disjoint ranges may be stepped in parallel with
 * the same `step`. */

#include <stddef.h>
#include <stdint.h>

struct adam {
    double beta1, beta2, eps;
};

/* Step number `step` (the first is 1) of p [n] with g = grad_scale * grad; m, v [n] start at 0. */
void adam_step(const struct adam *a, float *p, float *m, float *v, const float *grad, size_t n,
               double grad_scale, double lr, uint64_t step);

#endif /* ONIC_COMMON_NN_OPTIM_ADAM_H */
