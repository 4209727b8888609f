/* SPDX-License-Identifier: MIT */
/* train_options.c - see train_options.h. */
#include "deploy/cli/train_options.h"

#include <stdio.h>
#include <string.h>

#include "actor/envs/env.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/policy/policy.h"
#include "common/run/run_dir.h"
#include "learner/process/learner_options.h"
#include "learner/process/resume_options.h"
#include "reward_server/annotators/annotator_options.h"
#include "reward_server/goals/goal_options.h"
#include "reward_server/label_identity.h"

/* A name that no part knows should fail here and at once, not in the first actor. */
int train_options_check_environment(const struct config *cfg, struct onic_err *err)
{
    const struct env_family *family;
    const char *name;
    int rc = env_plugin_load(cfg->env_plugin, err);
    if (!rc)
        rc = env_find(cfg->env_id, &family, &name, err);
    if (!rc && family->available)
        rc = family->available(cfg, err);
    return rc;
}

/* An environment of others (family->open) that gives no captions; false when it cannot be made. */
static bool is_silent(const struct config *cfg)
{
    const struct env_family *family;
    const char *name;
    struct env *e;
    if (env_find(cfg->env_id, &family, &name, NULL) != ONIC_OK || !family->open ||
        env_create(&e, cfg->env_id, cfg, 0, NULL) != ONIC_OK)
        return false;
    bool silent = e->spec.no_captions;
    env_free(e);
    return silent;
}

int train_options_language(struct config *given, struct onic_err *err)
{
    const struct env_family *family;
    const char *name;
    int rc = env_plugin_load(given->env_plugin, err);
    if (!rc)
        rc = env_find(given->env_id, &family, &name, err);
    if (rc || !family->open || given->origin[CONFIG_I_reward_model] != CONFIG_DEFAULT)
        return rc;
    char run_dir[CONFIG_STR_MAX];
    rc = run_dir_name(given, run_dir, sizeof run_dir, err);
    if (rc || run_dir_resumes(run_dir, given)) /* its own options say */
        return rc;
    bool goal = given->origin[CONFIG_I_annotator_goal] != CONFIG_DEFAULT ||
                given->origin[CONFIG_I_annotator_domain] != CONFIG_DEFAULT;
    if (goal && !is_silent(given))
        return ONIC_OK;
    log_say(LOG_INFO, "onic train",
            "%s has no %s: language feedback is off (reward.model=none); it needs captions, "
            "info[\"caption\"] or an observation that is a Text, and --annotator.goal=FILE",
            given->env_id, goal ? "captions" : "goal");
    return config_set(given, "reward.model", "none", CONFIG_CLI, "reward.model", err);
}

static int check_network(const char *net, struct onic_err *err)
{
    struct buf known;
    bool found = strcmp(net, "auto") == 0;
    buf_init(&known, 4096);
    for (int i = 0; policy_net_name(i, NULL); i++) {
        found |= strcmp(net, policy_net_name(i, NULL)) == 0;
        buf_printf(&known, ", %s", policy_net_name(i, NULL));
    }
    int rc = found ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG, "policy.net is \"%.60s\", must be auto%s", net,
                             known.data);
    buf_release(&known);
    return rc;
}

static int train_options_annotator(const struct config *cfg, const struct reward_model_type *model,
                                   char identity[192], struct onic_err *err)
{
    struct annotator_order order;
    struct goal_choice goal;
    char note[ONIC_ERR_MSG_MAX];
    int rc = annotator_choose(&order, cfg, note, err);
    if (rc)
        return rc;
    char who[96];
    snprintf(who, sizeof who, "reward.model=%s", model->name);
    rc = annotator_check_kind(&order, model->traits.asks, who, err);
    if (!rc)
        rc = goal_options(&goal, cfg, err);
    return rc ? rc : label_identity_expected(identity, &order, &goal, err);
}

static bool starts_reward_server(const struct config *cfg, const struct reward_model_type *model)
{
    return model->traits.wants_labels && !cfg->reward_server[0];
}

struct seen {
    struct env_description env;
    char identity[192]; /* as what the reward server will answer; "" = not ours to start */
};

static int check_parts(const struct config *cfg, const struct reward_model_type *model,
                       struct seen *seen, struct onic_err *err)
{
    struct reward_model *probe = NULL;
    seen->identity[0] = '\0';
    int rc = env_query_of_options(cfg, &seen->env, err);
    if (!rc)
        rc = check_network(cfg->policy_net, err);
    if (!rc)
        rc = model->create(&probe, cfg, &seen->env.obs, err);
    model->free(probe);
    if (!rc && model->traits.wants_labels && is_silent(cfg))
        log_say(LOG_WARN, "onic train",
                "%s gave no caption in its first steps; reward.model=%s has nothing to judge "
                "until one comes",
                cfg->env_id, cfg->reward_model);
    if (!rc && starts_reward_server(cfg, model))
        rc = train_options_annotator(cfg, model, seen->identity, err);
    return rc;
}

/* A key file or an address that nobody looks at is more often a slip than meant. */
static void train_say_idle_options(const struct config *cfg, const struct reward_model_type *model)
{
    struct annotator_order order;
    struct buf names;
    char note[ONIC_ERR_MSG_MAX];
    bool asked = starts_reward_server(cfg, model);
    if (asked && annotator_choose(&order, cfg, note, NULL) != ONIC_OK)
        return;
    buf_init(&names, 8192);
    if (annotator_idle_options(cfg, asked ? &order : NULL, true, &names))
        log_say(LOG_WARN, "onic train", "no effect: %s; %s%s", names.data,
                asked                        ? "the annotator is "
                : model->traits.wants_labels ? "labels come from "
                                             : "there are no labels with reward.model=",
                asked                        ? order.member[0].v->id
                : model->traits.wants_labels ? cfg->reward_server
                                             : model->name);
    buf_release(&names);
}

int train_options_check_parts(const struct config *cfg, const struct reward_model_type *model,
                              struct onic_err *err)
{
    static struct seen seen;
    int rc = check_parts(cfg, model, &seen, err);
    if (!rc)
        train_say_idle_options(cfg, model);
    return rc;
}

/* Checkpoints that are all damaged end the run here with one sentence, and not after five restarts
 * of a learner that cannot read them either. */
int train_options_check_resume(const struct config *cfg, const struct reward_model_type *model,
                               const char *run_dir, struct onic_err *err)
{
    static struct seen seen;
    int rc = check_parts(cfg, model, &seen, err);
    if (rc)
        return rc;
    rc = resume_check(cfg, &seen.env, run_dir, seen.identity, err);
    if ((rc == ONIC_EINCOMPATIBLE || rc == ONIC_ECONFIG) && !run_dir_trained(run_dir)) {
        run_dir_drop_untrained(run_dir); /* nothing ties the run to the options of its first life */
        rc = ONIC_OK;
    }
    return rc == ONIC_EDAMAGED
               ? err_wrap(err, "the run cannot be resumed (--on-exists=overwrite starts afresh)")
               : rc;
}

const char *train_options_local(int i)
{
    static const char *const keys[] = {"env.nle",
                                       "env.plugin",
                                       "gym.python",
                                       "gym.modules",
                                       "gym.memory_mb",
                                       "gym.restarts",
                                       "env.options", /* may hold a path, which no peer may give */
                                       "actors.orphan_timeout_s",
                                       "actors.step_timeout_s",
                                       "security.allow_insecure",
                                       "security.keys",
                                       "log.level",
                                       "log.format"};
    return i < (int)(sizeof keys / sizeof keys[0]) ? keys[i] : NULL;
}
