/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_OPTIONS_H
#define ONIC_DEPLOY_CLI_TRAIN_OPTIONS_H

/* train_options.h - which options `onic train` refuses by itself, before a run directory is made or
 * changed and before a part is started: with one sentence, and without a trace. */

#include "common/config/config.h"
#include "learner/reward/reward_model.h"

/* env.id, env.plugin, and what the environment needs on this machine. */
int train_options_check_environment(const struct config *cfg, struct onic_err *err);
/* An environment of others that has no goal, or no captions, is trained without language unless
 * reward.model was given; says so. */
int train_options_language(struct config *given, struct onic_err *err);
/* What a part would refuse at its start. */
int train_options_check_parts(const struct config *cfg, const struct reward_model_type *model,
                              struct onic_err *err);
/* train_options_check_parts, and what the learner would refuse of an existing run: checkpoints that
 * are all damaged, another environment, network, reward model or origin of labels. */
int train_options_check_resume(const struct config *cfg, const struct reward_model_type *model,
                               const char *run_dir, struct onic_err *err);

/* The i'th option that an actor is given on its command line, because only its own machine can know
 * it: everything else comes from the learner. NULL behind the last. */
const char *train_options_local(int i);

#endif /* ONIC_DEPLOY_CLI_TRAIN_OPTIONS_H */
