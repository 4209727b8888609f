/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_PAIR_LOSS_H
#define ONIC_LEARNER_REWARD_PAIR_LOSS_H

/* pair_loss.h - the Bradley-Terry loss of pairwise preferences with soft labels.
 *
 * P(second better) = sigma(r_b - r_a); the label is 0 (first better), 1 (second better) or 0.5
 * (tie). Pure. */

/* Mean cross-entropy over n >= 1 pairs; writes its gradients to da and db [n] each. */
double pair_loss(const float *a, const float *b, const float *label, int n, float *da, float *db);

#endif /* ONIC_LEARNER_REWARD_PAIR_LOSS_H */
