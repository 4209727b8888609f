/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_STATS_H
#define ONIC_DEPLOY_CLI_COMPARE_STATS_H

/* compare_stats.h - the interquartile mean of runs and how sure it is, as rliable defines both
 * (Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021).
 *
 * The mean of the runs without the lowest and the highest quarter (rounded down). Its 95 % interval
 * is the percentile interval of a stratified bootstrap: runs are drawn again, with replacement,
 * within each stratum (an environment). The same draws are used for every number of a group, so a
 * band is made of whole runs. */

#include "common/base/err.h"

enum { COMPARE_REPS_TABLE = 5000, COMPARE_REPS_CURVE = 1000 };

struct compare_interval {
    double mid, lo, hi; /* lo = hi = mid of a single value */
};

struct compare_draws;

/* size [strata]: runs in each stratum; the values of a group stand in their order. The draws depend
 * on the sizes and nothing else. */
struct compare_draws *compare_draws_create(const int *size, int strata, int reps);
void compare_draws_free(struct compare_draws *d); /* NULL is allowed */
/* values [sum of sizes], all finite. */
void compare_bootstrap(const struct compare_draws *d, const double *values,
                       struct compare_interval *out);

#endif /* ONIC_DEPLOY_CLI_COMPARE_STATS_H */
