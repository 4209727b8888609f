/* SPDX-License-Identifier: MIT */
/* running_norm.c - see running_norm.h. */
#include "learner/reward/running_norm.h"

#include <math.h>

struct running_norm running_norm_start(void)
{
    return (struct running_norm){.mean = 0, .var = 1, .count = 1e-4};
}

void running_norm_update(struct running_norm *s, const float *x, int n)
{
    if (n < 2)
        return;
    double mean = 0, squares = 0;
    for (int i = 0; i < n; i++)
        mean += (double)x[i] / n;
    for (int i = 0; i < n; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    double var = squares / (n - 1), total = s->count + n, delta = mean - s->mean;
    s->var = (s->var * s->count + var * n + delta * delta * s->count * n / total) / total;
    s->mean += delta * n / total;
    s->count = total;
}

double running_norm_apply(const struct running_norm *s, double x)
{
    return s->var > 0 ? (x - s->mean) / sqrt(s->var) : 0;
}
