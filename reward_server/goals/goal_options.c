/* SPDX-License-Identifier: MIT */
/* goal_options.c - see goal_options.h. */
#include "reward_server/goals/goal_options.h"

#include <stdio.h>

#include "common/base/file_kind.h"
#include "common/base/paths.h"

int goal_options(struct goal_choice *out, const struct config *cfg, struct onic_err *err)
{
    snprintf(out->domain, sizeof out->domain, "%.63s", cfg->annotator_domain);
    snprintf(out->name, sizeof out->name, "%s", cfg->annotator_goal);
    snprintf(out->env_id, sizeof out->env_id, "%s", cfg->env_id);
    out->env_given = config_origin_of(cfg, "env.id") != CONFIG_DEFAULT;
    if (!*cfg->annotator_goals_dir)
        return paths_share("goals", out->dir, sizeof out->dir, err);
    snprintf(out->dir, sizeof out->dir, "%s", cfg->annotator_goals_dir);
    if (file_want_folder(out->dir, "a folder of goals", err) == ONIC_OK)
        return ONIC_OK;
    err_wrap(err, "annotator.goals_dir");
    err->code = ONIC_ECONFIG;
    return ONIC_ECONFIG;
}
