/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_PAIR_BATCH_H
#define ONIC_LEARNER_REWARD_RANKING_PAIR_BATCH_H

/* pair_batch.h - the pairs of one gradient step, each of their captions once: what a step costs
 * depends on its captions (ranking_net.h). Single-threaded. */

#include "learner/reward/ranking/pair_data.h"
#include "learner/reward/ranking_net.h"

struct pair_batch {
    const struct pair_data *data;
    const char **text; /* [2 size] captions of the step */
    uint16_t *len;
    uint32_t *number; /* [2 size] of each in data */
    int *a, *b;       /* [size] */
    float *label;
    uint32_t *where; /* [where_cap] number -> index in text + 1, 0 between steps */
    size_t where_cap;
    int n, ncaptions;
};

/* Room for steps of at most `size` pairs of data, which is borrowed and may grow. */
void pair_batch_init(struct pair_batch *b, const struct pair_data *data, int size);
void pair_batch_release(struct pair_batch *b);

/* Begins the next step. */
void pair_batch_begin(struct pair_batch *b);
void pair_batch_add(struct pair_batch *b, const struct labelled_pair *p);
/* Borrowed until the next step; data must not grow before. */
struct ranking_pairs pair_batch_pairs(const struct pair_batch *b);

#endif /* ONIC_LEARNER_REWARD_RANKING_PAIR_BATCH_H */
