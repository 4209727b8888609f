/* SPDX-License-Identifier: MIT */
/* order_goal.c - the goal that an order of annotators goes by; see annotator.h. */
#include <stdio.h>

#include "common/base/paths.h"
#include "reward_server/annotators/annotator.h"

/* Whether one of the order goes by what the goal file says, and by the pool. */
static bool any_needs_goal(const struct annotator_order *o, bool *reads_pool)
{
    bool needs = *reads_pool = false;
    for (int i = 0; i < o->n; i++) {
        needs |= o->member[i]->needs_goal;
        *reads_pool |= o->member[i]->reads_pool;
    }
    return needs;
}

int annotator_goal(struct goal **out, const struct annotator_order *o, const struct config *config,
                   struct onic_err *err)
{
    char goals[PATHS_MAX], domain[GOAL_NAME_MAX], name[CONFIG_STR_MAX];
    struct onic_err why = {0};
    int rc = ONIC_OK;
    if (*config->annotator_goals_dir)
        snprintf(goals, sizeof goals, "%s", config->annotator_goals_dir);
    else
        rc = paths_share("goals", goals, sizeof goals, err);
    if (rc)
        return rc;
    snprintf(domain, sizeof domain, "%.63s", config->annotator_domain);
    snprintf(name, sizeof name, "%s", config->annotator_goal);
    rc = goal_choose(goals, config->env_id, domain, name, &why);
    bool reads_pool, needs_goal = any_needs_goal(o, &reads_pool);
    if (rc == ONIC_ENOTFOUND && !needs_goal) {
        *out = goal_unstated(domain);
        return ONIC_OK;
    }
    if (rc)
        return err_set(err, ONIC_ECONFIG, "%s", why.msg);
    rc = goal_load(out, goals, domain, name, err);
    if (rc || !reads_pool || !(*out)->pool_trouble[0])
        return rc;
    err_set(err, ONIC_ECONFIG, "%s", (*out)->pool_trouble);
    goal_free(*out);
    *out = NULL;
    return ONIC_ECONFIG;
}
