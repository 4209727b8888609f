/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_GOALS_GOAL_OPTIONS_H
#define ONIC_REWARD_SERVER_GOALS_GOAL_OPTIONS_H

/* goal_options.h - which goal, by annotator.goal, .domain and .goals_dir, and env.id for auto. */

#include "common/config/config.h"
#include "reward_server/goals/goal.h"

/* ONIC_ECONFIG when the folder of the goals that come with onic is not found. */
int goal_options(struct goal_choice *out, const struct config *cfg, struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_GOALS_GOAL_OPTIONS_H */
