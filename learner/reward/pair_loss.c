/* SPDX-License-Identifier: MIT */
/* pair_loss.c - see pair_loss.h. With d = r_b - r_a the loss of a pair is log(1 + e^d) - label * d,
 * written so that no exponential overflows. */
#include "learner/reward/pair_loss.h"

#include <math.h>

double pair_loss(const float *a, const float *b, const float *label, int n, float *da, float *db)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double d = (double)b[i] - (double)a[i], e = exp(-fabs(d)), l = (double)label[i];
        sum += (d > 0 ? d : 0) + log1p(e) - l * d;
        double p = d > 0 ? 1 / (1 + e) : e / (1 + e);
        db[i] = (float)((p - l) / n);
        da[i] = -db[i];
    }
    return sum / n;
}
