/* SPDX-License-Identifier: MIT */
/* order_goal.c - the goal that an order of annotators goes by; see annotator.h. */
#include "reward_server/annotators/annotator.h"

/* Whether one of the order goes by what the goal file says, and by the pool. */
static bool any_needs_goal(const struct annotator_order *o, bool *reads_pool)
{
    bool needs = *reads_pool = false;
    for (int i = 0; i < o->n; i++) {
        needs |= o->member[i].v->needs_goal;
        *reads_pool |= o->member[i].v->reads_pool;
    }
    return needs;
}

int annotator_goal(struct goal **out, const struct annotator_order *o,
                   const struct goal_choice *choice, struct onic_err *err)
{
    struct goal_choice c = *choice;
    struct onic_err why = {0};
    int rc = goal_choose(&c, &why);
    bool reads_pool, needs_goal = any_needs_goal(o, &reads_pool);
    if (rc == ONIC_ENOTFOUND && !needs_goal) {
        *out = goal_unstated(c.domain);
        return ONIC_OK;
    }
    if (rc)
        return err_set(err, ONIC_ECONFIG, "%s", why.msg);
    rc = goal_load(out, c.dir, c.domain, c.name, err);
    if (rc || !reads_pool || !(*out)->pool_trouble[0])
        return rc;
    err_set(err, ONIC_ECONFIG, "%s", (*out)->pool_trouble);
    goal_free(*out);
    *out = NULL;
    return ONIC_ECONFIG;
}

bool annotator_goal_is_foreign(const struct annotator_order *o, const struct goal *g,
                               const struct goal_choice *choice, char why[ONIC_ERR_MSG_MAX])
{
    bool reads_pool;
    return any_needs_goal(o, &reads_pool) && goal_is_foreign(g, choice, why);
}
