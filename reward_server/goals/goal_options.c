/* SPDX-License-Identifier: MIT */
/* goal_options.c - see goal_options.h. */
#include "reward_server/goals/goal_options.h"

#include <stdio.h>

#include "common/base/paths.h"

int goal_options(struct goal_choice *out, const struct config *cfg, struct onic_err *err)
{
    snprintf(out->domain, sizeof out->domain, "%.63s", cfg->annotator_domain);
    snprintf(out->name, sizeof out->name, "%s", cfg->annotator_goal);
    snprintf(out->env_id, sizeof out->env_id, "%s", cfg->env_id);
    if (!*cfg->annotator_goals_dir)
        return paths_share("goals", out->dir, sizeof out->dir, err);
    snprintf(out->dir, sizeof out->dir, "%s", cfg->annotator_goals_dir);
    return ONIC_OK;
}
