/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_CLASSIFIER_NET_H
#define ONIC_LEARNER_REWARD_CLASSIFIER_NET_H

/* classifier_net.h - caption -> probability that it is helpful: a message head (message_head.h)
 * with two classes. */

#include "learner/reward/message_head.h"

struct message_head *classifier_net_create(void);

/* p [n]: of each caption the same bits in whatever company it comes. */
void classifier_net_score(struct message_head *net, const float *weights,
                          const char *const *caption, const uint16_t *len, int n, float *p);
/* Cross-entropy of n captions against target [n] (0 or 1), with the dropout mask of this seed and
 * step: the sum of each times weight[target] (two, or NULL: 1 / n, the mean); grads
 * [params->floats] is overwritten with its gradient. */
double classifier_net_loss(struct message_head *net, const float *weights,
                           const char *const *caption, const uint16_t *len, const int32_t *target,
                           int n, const float weight[2], uint64_t seed, uint64_t step,
                           float *grads);

#endif /* ONIC_LEARNER_REWARD_CLASSIFIER_NET_H */
