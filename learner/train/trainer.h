/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_TRAINER_H
#define ONIC_LEARNER_TRAIN_TRAINER_H

/* trainer.h - the learning part of a learner: trajectories in, better weights out. No sockets, no
 * files, no clock.
 *
 * onic-learner wraps it in links, checkpoints and metrics; tests and the in-process benchmark call
 * it directly. The algorithm itself is train_step.c.
 *
 * Threads: every call from one thread; trainer_update uses the core's own shard threads
 * inside. After the first updates with batches of full size nothing is allocated. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/config.h"
#include "common/data/trajectory.h"
#include "common/policy/env_describe.h"
#include "common/policy/policy.h"
#include "learner/reward/mix.h"
#include "learner/train/value_norm.h"

struct trainer;
struct batch;

/* cfg: policy.*, train.*, reward.*, run.seed and run.frames are read and copied. ONIC_ECONFIG names
 * what to change. env: what the policy sees and does; policy.net=auto is its default_net. */
int trainer_create(struct trainer **out, const struct config *cfg,
                   const struct env_description *env, struct onic_err *err);
void trainer_free(struct trainer *c); /* NULL is allowed */

const struct policy *trainer_policy(const struct trainer *c);
struct reward_mix *trainer_reward(struct trainer *c);
const struct reward_mix *trainer_reward_const(const struct trainer *c);
const float *trainer_weights(const struct trainer *c); /* [params floats], changes at updates */
/* How many training threads train.threads means on a machine with so many usable cores. */
int trainer_threads_for(const struct config *cfg, int cores);
int trainer_threads(const struct trainer *c);

/* Counters that resume with the run. */
struct learner_counters {
    uint64_t version;   /* of the weights = batches consumed; 0 = initial weights */
    uint64_t env_steps; /* consumed by updates */
    uint64_t adam_steps;
    uint64_t nonfinite; /* gradient steps skipped because a number was not finite */
};
const struct learner_counters *trainer_counters(const struct trainer *c);

/* What one update saw; means are over its steps and gradient steps. */
struct train_stats {
    double policy_loss, entropy, kl, clipped, ratio;
    double value_loss, value_loss_int; /* in units of return_scale with train.value_norm */
    double grad_norm, lr;              /* grad_norm: before the clip */
    double lag_mean, lag_max;          /* train/version_diff_* */
    /* values and targets, in reward units, over all gradient steps */
    struct value_sums values[POLICY_HEADS];
    /* deviation of a head's targets: the statistic it learns by, without one that of this update */
    double return_scale[POLICY_HEADS];
    double steps;
    double epochs; /* passes made: fewer than train.epochs after an early stop */
    struct reward_mix_stats reward;
};

/* Lays a batch out so that its captions can be looked at; trainer_update then trains on it.
 * The trajectories are borrowed until trainer_update returns; all must have the same T and fit
 * the policy. */
const struct batch *trainer_lay_out(struct trainer *c, struct trajectory *const *trajectories,
                                    int n);
/* One update: train.epochs passes of train.minibatches gradient steps over the batch laid out last.
 * A gradient that is not finite is not applied. ONIC_EINTERNAL after three of those in a row. */
int trainer_update(struct trainer *c, struct train_stats *out, struct onic_err *err);

/* Everything an identical continuation needs, as tensors and facts of a checkpoint (names:
 * README.md), and back. load: ONIC_EINCOMPATIBLE when the stored network or observation differs
 * from this one (both named), ONIC_ECONFIG for another reward model, ONIC_EDAMAGED. */
void trainer_save(struct trainer *c, struct checkpoint *to);
int trainer_load(struct trainer *c, const struct checkpoint_file *from, struct onic_err *err);

/* The weights of a checkpoint alone, for playing: weights [p->floats]. Version and steps may be
 * NULL. */
int trainer_read_weights(const struct checkpoint_file *from, const struct params *p, float *weights,
                         uint64_t *version, uint64_t *env_steps, struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_TRAINER_H */
