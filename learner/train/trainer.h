/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_TRAINER_H
#define ONIC_LEARNER_TRAIN_TRAINER_H

/* trainer.h - the learning part of a learner: trajectories in, better weights out. No sockets, no
 * files, no clock.
 *
 * onic-learner wraps it in links, checkpoints and metrics; tests and the in-process benchmark call
 * it directly. The algorithm itself is train_step.c.
 *
 * Threads: every call from one thread; trainer_update uses the core's own shard threads inside, and
 * the reward model may have one of its own (reward_beside). After the first updates with batches of
 * full size nothing is allocated. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/data/trajectory.h"
#include "common/nn/optim/adam.h"
#include "common/nn/optim/schedule.h"
#include "common/policy/env_describe.h"
#include "common/policy/policy.h"
#include "learner/reward/mix.h"
#include "learner/train/value_norm.h"

struct trainer;
struct batch;

/* What a trainer is told. Plain values; trainer_options.c fills it from the options of a run. */
struct trainer_params {
    double gamma[POLICY_HEADS]; /* discount per step */
    float coef[POLICY_HEADS];   /* of the heads' advantages */
    double lambda;              /* how far rewards reach, 0..1 */
    bool gae;                   /* instead of V-trace */
    double rho_bar, c_bar;      /* V-trace clips */
    bool normalize_advantage;
    double value_norm; /* rate of value_norm.h per gradient step; 0 = off */
    float value_coef;
    float clip, clip_value;        /* PPO's: of ratios, of values; 0 = off */
    double entropy, entropy_final; /* coefficient of the exploration term: at first, at `frames` */
    bool symmetric_kl;             /* which is a divergence from uniform instead of the entropy */
    enum schedule lr_schedule;
    double lr;            /* with SCHEDULE_KL_ADAPTIVE the first */
    double kl_target;     /* nats, of SCHEDULE_KL_ADAPTIVE */
    double kl_stop;       /* nats; above it no further step is made with a batch; 0 = off */
    double max_grad_norm; /* 0 = no clip of gradients */
    struct adam adam;
    int epochs, minibatches; /* passes over a batch, gradient steps of a pass */
    double early_stop;       /* least change of the actor loss for a further pass */
    int rollout;             /* T, steps per trajectory */
    int threads;             /* that train; 0 = from the cores */
    bool reward_beside;      /* the reward model learns on a thread of its own */
    bool deterministic;      /* the same number of threads everywhere */
    bool compat_oni;         /* learner/reward/ONI.md */
    uint64_t seed;
    uint64_t frames; /* environment steps of the whole run, where schedules end */
};

/* policy: the network; copied. reward: owned by the trainer from here on, also on failure. env:
 * what the policy sees and does; copied. ONIC_ECONFIG names what to change. */
int trainer_create(struct trainer **out, const struct trainer_params *params,
                   const struct policy_config *policy, struct reward_mix *reward,
                   const struct env_description *env, struct onic_err *err);
void trainer_free(struct trainer *c); /* NULL is allowed */

const struct policy *trainer_policy(const struct trainer *c);
struct reward_mix *trainer_reward(struct trainer *c);
const struct reward_mix *trainer_reward_const(const struct trainer *c);
const float *trainer_weights(const struct trainer *c); /* [params floats], changes at updates */
/* How many training threads train.threads means on a machine with so many usable cores. */
int trainer_threads_for(const struct trainer_params *params, int cores);
int trainer_threads(const struct trainer *c);

/* Counters that resume with the run. */
struct learner_counters {
    uint64_t version;   /* of the weights = batches consumed; 0 = initial weights */
    uint64_t env_steps; /* consumed by updates */
    uint64_t adam_steps;
    uint64_t nonfinite;  /* gradient steps skipped because a number was not finite */
    uint64_t roll_backs; /* times that all but version and these two became older again */
};
const struct learner_counters *trainer_counters(const struct trainer *c);

/* What one update saw; means are over its steps and gradient steps. */
struct train_stats {
    double policy_loss, actor_loss; /* the second with the exploration term */
    double entropy, kl, clipped, ratio;
    double kl_largest; /* of one minibatch, also of the one with which no step was made */
    double value_loss, value_loss_int; /* in units of return_scale with train.value_norm */
    double grad_norm, lr;              /* grad_norm: before the clip */
    double entropy_coef;
    double gradient_steps;    /* made: fewer than planned after a stop or a number not finite */
    double lag_mean, lag_max; /* train/version_diff_* */
    /* values and targets, in reward units, over all gradient steps */
    struct value_sums values[POLICY_HEADS];
    /* deviation of a head's targets: the statistic it learns by, without one that of this update */
    double return_scale[POLICY_HEADS];
    double steps;
    double epochs; /* passes made: fewer than train.epochs after a stop, then maybe a part */
    struct reward_mix_stats reward;
};

/* Lays a batch out so that its captions can be looked at; trainer_update then trains on it.
 * The trajectories are borrowed until trainer_update returns; all must have the same T and fit
 * the policy. */
const struct batch *trainer_lay_out(struct trainer *c, struct trajectory *const *trajectories,
                                    int n);
/* Before the first update: `turns` is called during updates, with ctx, by the thread that called
 * trainer_update, after each slice of a batch that this thread has computed. An update of a large
 * batch takes minutes; this says that it goes on. */
void trainer_watch(struct trainer *c, void (*turns)(void *ctx), void *ctx);
/* One update: train.epochs passes of train.minibatches gradient steps over the batch laid out last.
 * A gradient that is not finite is not applied. ONIC_EINTERNAL after three of those in a row. */
int trainer_update(struct trainer *c, struct train_stats *out, struct onic_err *err);
/* Gradients that were not finite, since the last that was. */
int trainer_nonfinite_in_row(const struct trainer *c);
/* Whether the last update ended by that: three in a row. */
bool trainer_diverged(const struct trainer *c);
/* The actor whose numbers alone, of several actors, were far beyond the others' in each batch of
 * that row in which there were several, and its incarnation in the last; -1: there is none. */
int64_t trainer_suspect(const struct trainer *c, uint64_t *incarnation);

/* Everything an identical continuation needs, as tensors and facts of a checkpoint (names:
 * README.md), and back. load: ONIC_ECONFIG when the stored network or observation differs from this
 * one (both named), and for another reward model; ONIC_EDAMAGED. A reward model whose state is too
 * large makes a checkpoint that is not written (checkpoint_add_buf). */
void trainer_save(struct trainer *c, struct checkpoint *to);
int trainer_load(struct trainer *c, const struct checkpoint_file *from, struct onic_err *err);

/* trainer_load into a trainer that was `before`: versions go on to rise, what is counted stays
 * counted, and the row of bad gradients is over. */
void trainer_roll_back(struct trainer *c, const struct learner_counters *before);

/* The weights of a checkpoint alone, for playing: weights [p->floats]. Version and steps may be
 * NULL. */
int trainer_read_weights(const struct checkpoint_file *from, const struct params *p, float *weights,
                         uint64_t *version, uint64_t *env_steps, struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_TRAINER_H */
