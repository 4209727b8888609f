/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_TRAIN_STEP_H
#define ONIC_LEARNER_TRAIN_TRAIN_STEP_H

/* train_step.h - one update of the weights from one batch; private to trainer.c and train_step.c.
 *
 * train_step.c is the algorithm on one page. Training thread. */

#include "learner/train/batch.h"
#include "learner/train/obs_stats.h"
#include "learner/train/slice.h"
#include "learner/train/thread_team.h"
#include "learner/train/trainer.h"

enum { NONFINITE_MAX = 3 }; /* gradients in a row */

struct minibatch_result { /* of one slice, added up in slice order */
    struct advantage_sums advantage;
    struct loss_sums loss;
    struct value_sums value[POLICY_HEADS];
    bool finite;
};

struct trainer {
    /* fixed */
    struct trainer_params params;
    struct policy *policy;
    struct env_description env;
    struct slice_rule rule;
    /* the scale of the value heads is the minibatch's at hand, entropy_coef the update's */
    struct loss_params loss;
    struct value_head head[POLICY_HEADS];
    void (*turns)(void *ctx); /* trainer_watch; NULL: nobody watches */
    void *turns_ctx;
    int slice_columns;
    size_t floats;    /* length of the blocks below */
    size_t state_max; /* bytes of the reward model's state in a checkpoint */
    /* state that a checkpoint holds */
    float *weights, *m, *v;
    struct learner_counters counters;
    struct reward_mix *reward;
    struct value_norm value_norm;
    struct obs_stats *obs_stats; /* NULL: no observations are normalised */
    double lr_adapted;           /* of SCHEDULE_KL_ADAPTIVE: of the next update */
    int nonfinite_in_row;
    int64_t suspect; /* of that row, not in a checkpoint; see trainer_suspect */
    uint64_t suspect_incarnation;
    /* workspace */
    struct thread_team *team;
    struct batch *batch;
    float **grads;       /* [members of team] blocks; the sum ends in grads[0] */
    struct slice **kept; /* [kept_count] slices whose activations survive between the two phases */
    int kept_count, kept_max;
    /* [members of team] for slices beyond kept_max: their forward pass is repeated */
    struct slice **scratch;
    int *order; /* [order_cap] columns, shuffled when there are several minibatches */
    int order_cap;
    struct minibatch_result *results; /* [results_cap] per slice */
    int results_cap;
    /* the minibatch at hand */
    const int *columns; /* its part of order */
    int column_count, slice_count;
    double steps, advantage_mean, advantage_factor, grad_scale, lr_now;
};

/* See trainer_update. */
int train_step(struct trainer *c, struct train_stats *out, struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_TRAIN_STEP_H */
