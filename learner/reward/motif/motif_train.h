/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_MOTIF_MOTIF_TRAIN_H
#define ONIC_LEARNER_REWARD_MOTIF_MOTIF_TRAIN_H

/* motif_train.h - the reward network of Motif (arXiv 2310.00166), trained offline on labelled
 * pairs: 80/20 split of the pairs, Bradley-Terry loss, Adam, no clipping.
 *
 * Which pairs are held out is a property of the two captions alone (heldout.h), in whatever order
 * they come: labels may be added, and the split stays. The network of the last epoch is kept.
 * Deterministic for a seed on one machine. Single-threaded. */

#include "learner/reward/heldout.h"
#include "learner/reward/motif/motif_file.h"
#include "learner/reward/ranking/pair_data.h"

struct motif_options {
    int epochs, batch;
    double lr, holdout;
    uint64_t seed;
};

struct motif_epoch {
    int epoch, epochs;
    double train_loss;              /* mean over the epoch's steps */
    uint64_t steps;                 /* gradient steps so far */
    struct heldout_measure heldout; /* of the held-out pairs that are no ties */
    const struct motif_reward *reward;
};

/* data: made with a holdout of 0. each (may be NULL) is told after every epoch; a value
 * other than 0 ends training after it. ONIC_ECONFIG when there is nothing to train on. out->weights
 * is owned by the caller. */
int motif_train(struct motif_reward *out, const struct pair_data *data,
                const struct motif_options *o, int (*each)(void *ctx, const struct motif_epoch *e),
                void *ctx, struct onic_err *err);

/* How well a trained reward predicts pairs that are no ties; held_only: only those that it was not
 * trained on. */
struct heldout_measure motif_measure(const struct motif_reward *r, const struct pair_data *data,
                                     bool held_only);

/* Normalised reward of each caption of data [pair_data_captions]. */
void motif_scores(const struct motif_reward *r, const struct pair_data *data, float *out);

#endif /* ONIC_LEARNER_REWARD_MOTIF_MOTIF_TRAIN_H */
