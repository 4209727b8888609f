/* SPDX-License-Identifier: MIT */
/* adam.c - see adam.h. The bias corrections are two scalars per step: m/(1-b1^t) goes into the
 * learning rate and sqrt(v/(1-b2^t)) = sqrt(v) * v_scale, so the kernel reads and writes each array
 * once. */
#include "common/nn/optim/adam.h"

#include <math.h>

#include "common/nn/denormals.h"
#include "common/nn/kernels.h"

static const double eps_min =
    1e-30; /* padding has m = v = 0: 0 / eps must be 0, also for eps = 0 */

void adam_step(const struct adam *a, float *p, float *m, float *v, const float *grad, size_t n,
               double grad_scale, double lr, uint64_t step)
{
    double lr_t = lr / (1.0 - pow(a->beta1, (double)step));
    double v_scale = 1.0 / sqrt(1.0 - pow(a->beta2, (double)step));
    unsigned mode = denormals_off();
    kernels()->adam(p, m, v, grad, n, (float)grad_scale, (float)lr_t, (float)a->beta1,
                    (float)a->beta2, (float)v_scale, (float)(a->eps > eps_min ? a->eps : eps_min));
    denormals_restore(mode);
}
