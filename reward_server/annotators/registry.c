/* SPDX-License-Identifier: MIT */
/* registry.c - annotators.def as a table. */
#include <stdio.h>
#include <string.h>

#include "common/base/paths.h"
#include "reward_server/annotators/annotator.h"

#define ANNOTATOR(id) extern const struct annotator_vtable annotator_##id;
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR

static const struct annotator_vtable *const table[] = {
#define ANNOTATOR(id) &annotator_##id,
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR
};

enum { TABLE_COUNT = sizeof table / sizeof *table };

const struct annotator_vtable *annotator_at(int index)
{
    return index >= 0 && index < TABLE_COUNT ? table[index] : NULL;
}

enum annotator_health annotator_health_of(const struct annotator *a)
{
    return a->v->health ? a->v->health(a) : ANNOTATOR_WELL;
}

bool annotator_is_starting(const char *status)
{
    return strncmp(status, "warming up", 10) == 0 || strncmp(status, "asking ", 7) == 0;
}

const struct annotator_vtable *annotator_find(const char *id)
{
    for (int i = 0; i < TABLE_COUNT; i++)
        if (strcmp(table[i]->id, id) == 0)
            return table[i];
    return NULL;
}

int annotator_choose(const struct annotator_vtable **out, const struct config *config,
                     char note[ONIC_ERR_MSG_MAX], struct onic_err *err)
{
    note[0] = '\0';
    if (strcmp(config->annotator_id, "auto") == 0) {
        struct onic_err why = {0};
        *out = annotator_find("embedding");
        if ((*out)->available(config, &why) != ONIC_OK) {
            *out = annotator_find("rules");
            snprintf(note, ONIC_ERR_MSG_MAX, "annotator rules is used: %.900s", why.msg);
        }
        return annotator_check_wrappers(*out, config, err);
    }
    *out = annotator_find(config->annotator_id);
    if (*out) {
        int rc = (*out)->available(config, err);
        return rc == ONIC_OK ? annotator_check_wrappers(*out, config, err) : rc;
    }
    struct buf known;
    buf_init(&known, 4096);
    for (int i = 0; i < TABLE_COUNT; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", table[i]->id);
    int rc = err_set(err, ONIC_ECONFIG, "annotator.id is \"%.60s\", must be auto or one of: %s",
                     config->annotator_id, known.data);
    buf_release(&known);
    return rc;
}

/* Whether one of the order goes by what the goal file says, and by the pool. */
static bool any_needs_goal(const struct annotator_vtable *v, const struct config *config,
                           bool *reads_pool)
{
    const struct annotator_vtable *order[ANNOTATOR_ORDER_MAX];
    int n = annotator_order(order, v, config, NULL);
    bool needs = *reads_pool = false;
    for (int i = 0; i < n; i++) {
        needs |= order[i]->needs_goal;
        *reads_pool |= order[i]->reads_pool;
    }
    return needs;
}

int annotator_goal(struct goal **out, const struct annotator_vtable *v, const struct config *config,
                   struct onic_err *err)
{
    char goals[PATHS_MAX], domain[GOAL_NAME_MAX], name[CONFIG_STR_MAX];
    struct onic_err why = {0};
    int rc = ONIC_OK;
    if (*config->annotator_goals_dir)
        snprintf(goals, sizeof goals, "%s", config->annotator_goals_dir);
    else
        rc = paths_share("goals", goals, sizeof goals, err);
    if (rc != ONIC_OK)
        return rc;
    snprintf(domain, sizeof domain, "%.63s", config->annotator_domain);
    snprintf(name, sizeof name, "%s", config->annotator_goal);
    rc = goal_choose(goals, config->env_id, domain, name, &why);
    bool reads_pool, needs_goal = any_needs_goal(v, config, &reads_pool);
    if (rc == ONIC_ENOTFOUND && !needs_goal) {
        *out = goal_unstated(domain);
        return ONIC_OK;
    }
    if (rc != ONIC_OK)
        return err_set(err, ONIC_ECONFIG, "%s", why.msg);
    rc = goal_load(out, goals, domain, name, err);
    if (rc != ONIC_OK || !reads_pool || !(*out)->pool_trouble[0])
        return rc;
    err_set(err, ONIC_ECONFIG, "%s", (*out)->pool_trouble);
    goal_free(*out);
    *out = NULL;
    return ONIC_ECONFIG;
}
