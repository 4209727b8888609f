/* SPDX-License-Identifier: MIT */
/* quantile.c - see quantile.h. */
#include "learner/reward/quantile.h"

#include <stdlib.h>

static int rising_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void quantile_sort(float *x, size_t n)
{
    qsort(x, n, sizeof *x, rising_float);
}

float quantile_sorted(const float *x, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return (float)((double)x[low] + (at - (double)low) * ((double)x[high] - (double)x[low]));
}
