/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h. */
#include "common/nn/optim/schedule.h"

static const double lr_factor = 1.5, lr_least = 1e-6, lr_most = 1e-2;

double schedule_linear(double start, double end, double progress)
{
    if (start == end)
        return start; /* to the bit */
    progress = progress < 0.0 ? 0.0 : progress > 1.0 ? 1.0 : progress;
    return start * (1.0 - progress) + end * progress;
}

double schedule_kl_adaptive(double lr, double kl, double target)
{
    if (kl > 2.0 * target && lr > lr_least)
        return lr / lr_factor > lr_least ? lr / lr_factor : lr_least;
    if (kl < 0.5 * target && lr < lr_most)
        return lr * lr_factor < lr_most ? lr * lr_factor : lr_most;
    return lr;
}
