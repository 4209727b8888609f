/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_TRAINER_OPTIONS_H
#define ONIC_LEARNER_TRAIN_TRAINER_OPTIONS_H

/* trainer_options.h - a trainer of the options of a run: what train.*, run.seed, run.frames and the
 * coefficients of reward.* mean for it. */

#include "common/config/config.h"
#include "learner/train/trainer.h"

void trainer_options(struct trainer_params *out, const struct config *cfg);
/* Trajectories of each actor in a batch of a deterministic run: as many as reach
 * train.batch. default_count: environments per actor for env.count=0; 0: actors.count
 * is no fixed number. */
int trainer_rounds(const struct config *cfg, int default_count);
/* What a value of the policy may be at most, in either direction. Returns are sums of clipped
 * rewards; a network may err by a lot before it is an absurd number. 0: nothing is clipped, or
 * nothing discounted. */
float trainer_value_most(const struct config *cfg);
/* A trainer with the network (policy.*; policy.net=auto is the environment's default_net) and the
 * reward model (reward.*) that the options ask for. ONIC_ECONFIG names what to change. */
int trainer_of_options(struct trainer **out, const struct config *cfg,
                       const struct env_description *env, struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_TRAINER_OPTIONS_H */
