/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RUNNING_NORM_H
#define ONIC_LEARNER_REWARD_RUNNING_NORM_H

/* running_norm.h - mean and variance of all rewards seen so far, batch by batch.
 *
 * Two sets are merged by the parallel-variance rule (Chan, Golub, LeVeque 1979), beginning as ONI
 * does with mean 0, variance 1 and count 1e-4; the variance of a batch is unbiased (n - 1). Three
 * doubles are the whole state: save and restore the struct. */

struct running_norm {
    double mean, var, count;
};

struct running_norm running_norm_start(void);
/* Merges n rewards; fewer than two have no variance and change nothing. */
void running_norm_update(struct running_norm *s, const float *x, int n);
/* (x - mean) / sqrt(var); 0 while every reward has been the same. */
double running_norm_apply(const struct running_norm *s, double x);

#endif /* ONIC_LEARNER_REWARD_RUNNING_NORM_H */
