/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_QUANTILE_H
#define ONIC_LEARNER_REWARD_QUANTILE_H

/* quantile.h - quantiles of rewards, linear between the two nearest ranks (definition 7 of Hyndman
 * and Fan, "Sample Quantiles in Statistical Packages", 1996; NumPy's default). Pure. */

#include <stddef.h>

/* x [n] in place, the smallest first; no NaN. */
void quantile_sort(float *x, size_t n);
/* Of x [n] as sorted, n >= 1, q in [0, 1]. */
float quantile_sorted(const float *x, size_t n, double q);

#endif /* ONIC_LEARNER_REWARD_QUANTILE_H */
