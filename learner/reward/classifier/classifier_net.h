/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_CLASSIFIER_NET_H
#define ONIC_LEARNER_REWARD_CLASSIFIER_NET_H

/* classifier_net.h - caption -> probability that it is helpful: the message net and three dense
 * layers (oni-spec.md 2.3).
 *
 * The weights are the caller's blocks, because a model has two: those it trains and those it scores
 * with. Threads: one call at a time per object. */

#include <stdint.h>

#include "common/nn/params.h"

struct classifier_net;

struct classifier_net *classifier_net_create(void);
void classifier_net_free(struct classifier_net *c); /* NULL is allowed */
const struct params *classifier_net_params(const struct classifier_net *c);
void classifier_net_init(const struct classifier_net *c, float *weights, uint64_t seed);

/* p [n]. Each caption alone, so that its p has the same bits in whatever company it comes. */
void classifier_net_score(struct classifier_net *c, const float *weights,
                          const char *const *caption, const uint16_t *len, int n, float *p);
/* Mean cross-entropy of n captions against target [n] (0 or 1), with the dropout mask of this seed
 * and step; grads [params->floats] is overwritten with its gradient. */
double classifier_net_loss(struct classifier_net *c, const float *weights,
                           const char *const *caption, const uint16_t *len, const int32_t *target,
                           int n, uint64_t seed, uint64_t step, float *grads);

#endif /* ONIC_LEARNER_REWARD_CLASSIFIER_NET_H */
