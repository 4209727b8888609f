/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_KEPT_PAIRS_H
#define ONIC_LEARNER_REWARD_RANKING_KEPT_PAIRS_H

/* kept_pairs.h - a copy of the pairs of one step (pair_batch.h), captions and all: the data they
 * were drawn from may go on changing. Single-threaded. */

#include "learner/reward/caption_copies.h"
#include "learner/reward/ranking/pair_batch.h"

struct kept_pairs { /* zeros: none yet; grown to what it has to hold */
    const char **text;
    uint16_t *len;
    int *a, *b;
    float *label;
    int n, ncaptions, pairs_cap, captions_cap;
    struct caption_copies copies;
};

void kept_pairs_take(struct kept_pairs *k, const struct pair_batch *from);
struct ranking_pairs
kept_pairs_pairs(const struct kept_pairs *k); /* borrowed until the next take */
void kept_pairs_release(struct kept_pairs *k);

#endif /* ONIC_LEARNER_REWARD_RANKING_KEPT_PAIRS_H */
