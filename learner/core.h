/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_CORE_H
#define ONIC_LEARNER_CORE_H

/* core.h - the learning part of a learner: trajectories in, better weights out. No sockets, no
 * files, no clock.
 *
 * onic-learner wraps it in links, checkpoints and metrics; tests and the in-process benchmark call
 * it directly. The algorithm itself is train_step.c.
 *
 * Threads: every call from one thread; learner_core_update uses the core's own shard threads
 * inside. After the first updates with batches of full size nothing is allocated. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/config.h"
#include "common/policy/env_describe.h"
#include "common/policy/policy.h"
#include "common/wire/trajectory.h"
#include "learner/reward/mix.h"

struct learner_core;
struct batch;

/* cfg: policy.*, train.*, reward.*, run.seed and run.frames are read and copied. ONIC_ECONFIG names
 * what to change. env: what the policy sees and does; policy.net=auto is its default_net. */
int learner_core_create(struct learner_core **out, const struct config *cfg,
                        const struct env_description *env, struct onic_err *err);
void learner_core_free(struct learner_core *c); /* NULL is allowed */

const struct policy *learner_core_policy(const struct learner_core *c);
struct reward_mix *learner_core_reward(struct learner_core *c);
const struct reward_mix *learner_core_reward_const(const struct learner_core *c);
const float *
learner_core_weights(const struct learner_core *c); /* [params floats], changes at updates */
/* How many training threads train.threads means on a machine with so many usable cores. */
int learner_threads(const struct config *cfg, int cores);
int learner_core_threads(const struct learner_core *c);

/* Counters that resume with the run. */
struct learner_counters {
    uint64_t version;   /* of the weights = batches consumed; 0 = initial weights */
    uint64_t env_steps; /* consumed by updates */
    uint64_t adam_steps;
    uint64_t nonfinite; /* gradient steps skipped because a number was not finite */
};
const struct learner_counters *learner_core_counters(const struct learner_core *c);

/* What one update saw; means are over its steps and gradient steps. */
struct train_stats {
    double policy_loss, value_loss, value_loss_int, entropy, kl, clipped, ratio;
    double grad_norm, lr;           /* grad_norm: before the clip */
    double lag_mean, lag_max;       /* train/version_diff_* */
    double value_mean, target_mean; /* extrinsic head */
    double steps;
    double epochs; /* passes made: fewer than train.epochs after an early stop */
    struct reward_mix_stats reward;
};

/* Lays a batch out so that its captions can be looked at; learner_core_update then trains on it.
 * The trajectories are borrowed until learner_core_update returns; all must have the same T and fit
 * the policy. */
const struct batch *learner_core_lay_out(struct learner_core *c,
                                         struct trajectory *const *trajectories, int n);
/* One update: train.epochs passes of train.minibatches gradient steps over the batch laid out last.
 * A gradient that is not finite is not applied. ONIC_EINTERNAL after three of those in a row. */
int learner_core_update(struct learner_core *c, struct train_stats *out, struct onic_err *err);

/* Everything an identical continuation needs, as tensors and facts of a checkpoint (names:
 * README.md), and back. load: ONIC_EINCOMPATIBLE when the stored network or observation differs
 * from this one (both named), ONIC_ECONFIG for another reward model, ONIC_EDAMAGED. */
void learner_core_save(struct learner_core *c, struct checkpoint *to);
int learner_core_load(struct learner_core *c, const struct checkpoint_file *from,
                      struct onic_err *err);

/* The weights of a checkpoint alone, for playing: weights [p->floats]. Version and steps may be
 * NULL. */
int learner_read_weights(const struct checkpoint_file *from, const struct params *p, float *weights,
                         uint64_t *version, uint64_t *env_steps, struct onic_err *err);

#endif /* ONIC_LEARNER_CORE_H */
