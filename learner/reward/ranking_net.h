/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_NET_H
#define ONIC_LEARNER_REWARD_RANKING_NET_H

/* ranking_net.h - caption -> reward: a message head (message_head.h) with one output,
 * trained so that the better caption of a pair gets the higher reward. */

#include "learner/reward/message_head.h"

struct message_head *ranking_net_create(void);

/* reward [n]: of each caption the same bits in whatever company it comes. */
void ranking_net_score(struct message_head *net, const float *weights, const char *const *caption,
                       const uint16_t *len, int n, float *reward);

struct ranking_pairs {
    const char *const *caption; /* [ncaptions] those of all pairs, each once */
    const uint16_t *len;
    int ncaptions, n;
    const int *a, *b;   /* [n] captions of a pair */
    const float *label; /* [n] 0 (first better), 1 (second better) or 0.5 (tie) */
};
/* Mean Bradley-Terry loss; grads [params->floats] is overwritten with its gradient. What it costs
 * depends on the captions, not on how many pairs they are in. */
double ranking_net_loss(struct message_head *net, const float *weights,
                        const struct ranking_pairs *p, float *grads);

#endif /* ONIC_LEARNER_REWARD_RANKING_NET_H */
