/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_REWARD_OPTIONS_H
#define ONIC_LEARNER_REWARD_REWARD_OPTIONS_H

/* reward_options.h - what the options say about rewards, read once. Below this and the create of a
 * reward model nothing sees the configuration. */

#include "learner/reward/mix.h"

/* The model cfg->reward_model with everything around it, and the shaping chain (reward.shaping)
 * checked against what the model declares. ONIC_ECONFIG names what to change. obs: the layout of
 * obs_after rows; copied if the model needs it; NULL is allowed for a model that does not read
 * observations. */
int reward_options_open(struct reward_mix **out, const struct config *cfg,
                        const struct obs_spec *obs, struct onic_err *err);

/* The same of a run that is only read, with the state that its checkpoint keeps; len 0: none. */
int reward_options_open_kept(struct reward_mix **out, const struct config *cfg,
                             const struct obs_spec *obs, const void *state, size_t len,
                             struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_REWARD_OPTIONS_H */
