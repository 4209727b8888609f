/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_VALUE_NORM_H
#define ONIC_LEARNER_TRAIN_VALUE_NORM_H

/* value_norm.h - the scale on which each value head learns (PopArt, arXiv 1602.07714).
 *
 * A head's loss counts in units of the deviation sigma of its own value targets, so that neither
 * the size of a reward nor the other head decides how hard a head pulls at the shared trunk:
 *
 *   V = sigma n + mu,  n = w h + b      n: what the head learns; h: the trunk's output
 *   loss = sum over heads of share ((V - target) / sigma)^2
 *   share = |c| sigma, divided by the sum of it over the heads; 0 where the coefficient c is 0
 *
 * Weights are kept and published folded, W = sigma w and B = sigma b + mu: they are in reward
 * units, so outputs stay the same to the bit when mu and sigma move, and actors, evaluations and
 * older programs need to know nothing of this. What PopArt does to w and b is done to the step:
 *
 *   gradient for w, b = sigma (gradient for W, B)    what the clip and Adam see
 *   step of W, B      = sigma (step of w, b)
 *
 * Adam's moments belong to w and b. Loss and parameters are both normalised, so the moments keep
 * their size when sigma moves and are left as they are. mu cancels in the loss; it counts in sigma.
 * A head is 0 until it has seen a target that is not; then it starts from the network's initial
 * weights as w and b: what an untrained head says has the size of the rewards, too. Where the
 * targets are far from 0 in their unit (all 1, say), B starts at mu: a step is one unit times the
 * learning rate, and the way there would take thousands of them, with gradients that the clip makes
 * everybody else pay for.
 *
 * Pure functions on small structs; the training thread's. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/policy/policy.h"

/* Of one head over steps of weight 1. error: target - V. */
struct value_sums {
    double steps, value, target, target_squares, error, error_squares;
};
void value_sums_add(struct value_sums *to, const struct value_sums *part);
double value_sums_deviation(const struct value_sums *s); /* of the targets */
/* 1 - variance of the errors / variance of the targets; NAN where the targets do not vary. */
double value_sums_explained(const struct value_sums *s);

/* The statistics: moving sums of weight `mass`, which starts at 0 and tends to 1. Divided by it
 * they are means without a bias towards their start. */
struct value_norm {
    double rate; /* of the newest gradient step in them; 0 = off */
    double mass, mean[POLICY_HEADS], square[POLICY_HEADS];
};

/* The targets of a minibatch. Ignored when off, or without steps. */
void value_norm_see(struct value_norm *n, const struct value_sums sums[POLICY_HEADS]);
/* sigma of a head in reward units, at least 1e-4 of the size of the mean and 1e-5; 1 when off or
 * before anything was seen. */
double value_norm_sigma(const struct value_norm *n, int head);
/* Whether a head has seen targets that are not all 0. */
bool value_norm_knows(const struct value_norm *n, int head);
/* What its bias starts at, in reward units: the mean where that is over 3 sigma from 0, else 0. */
double value_norm_start(const struct value_norm *n, int head);
/* What each head's loss counts; 1 each when off. coef: of the heads in the advantage. */
void value_norm_shares(const struct value_norm *n, const float coef[POLICY_HEADS],
                       double share[POLICY_HEADS]);
/* The advantage's unit: sum of |c| sigma; 1 when off or when that is 0. */
double value_norm_advantage_unit(const struct value_norm *n, const float coef[POLICY_HEADS]);

/* The statistics as a fact of a checkpoint, and back; nothing but the exact numbers. ONIC_EDAMAGED
 * for a text that says none. */
enum { VALUE_NORM_TEXT_MAX = 160 };
void value_norm_write(const struct value_norm *n, char out[VALUE_NORM_TEXT_MAX]);
int value_norm_read(struct value_norm *n, const char *text, struct onic_err *err);

/* Where the parameters of a value head lie in a block: weights, bias and padding, in whole cache
 * lines; count 0 for a head that the network lacks. Heads follow each other. */
struct value_head {
    size_t from, count, bias;
};
void value_head_find(const struct params *p, struct value_head out[POLICY_HEADS]);

#endif /* ONIC_LEARNER_TRAIN_VALUE_NORM_H */
