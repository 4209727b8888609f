/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_BATCH_H
#define ONIC_LEARNER_TRAIN_BATCH_H

/* batch.h - trajectories side by side as one time-major block of C columns, without copying
 * observations.
 *
 * A column is one environment of one trajectory. Per-step numbers that rewards need are laid out
 * [T, C] with one table of distinct captions for the whole batch; everything else is read from the
 * trajectories (batch_column). Keeps its memory from batch to batch and grows only while batches
 * do. Training thread only. */

#include <stddef.h>
#include <stdint.h>

#include "common/data/trajectory.h"
#include "learner/reward/reward_model.h"

struct batch_column {
    const struct trajectory *t;
    int e; /* environment within t */
};

struct batch {
    int T, C;
    int trajectories;
    size_t steps;                /* T * C */
    struct batch_column *column; /* [C] */
    float *r_env;                /* [T, C] as the environments gave it */
    float *r_ext, *r_int;        /* [T, C] filled by the caller: reward_mix_bind */
    struct reward_batch reward;  /* n = steps, order [T, C] */
    uint64_t lag_max;            /* weights versions between acting and now */
    double lag_mean;
    struct batch_store *store; /* private: memory behind the above */
};

struct batch *batch_create(void);
void batch_free(struct batch *b); /* NULL is allowed */
enum {
    /* also fill reward.obs_after; where a step ended an episode, its last observation */
    BATCH_ROWS = 1,
    BATCH_BEFORE = 2 /* as ONI: captions, counts and rows of the observation before each action */
};
/* Lays out n >= 1 trajectories of equal T (asserted), which must stay alive as long as the batch is
 * used. now: the current weights version. what: a sum of the above. */
void batch_lay_out(struct batch *b, struct trajectory *const *trajectories, int n, uint64_t now,
                   unsigned what);

#endif /* ONIC_LEARNER_TRAIN_BATCH_H */
