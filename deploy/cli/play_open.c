/* SPDX-License-Identifier: MIT */
/* play_open.c - see play_open.h. */
#include "deploy/cli/play_open.h"

#include "actor/envs/open.h"
#include "deploy/cli/play_keys.h"
#include "learner/reward/reward_options.h"

enum { PLAY_ACTOR_ID = 65534 };

/* What the policy was paid, with the reward model as the run left it. */
static int open_kept_reward(struct play_agent *a, const struct loaded_run *run, const char *path,
                            struct onic_err *err)
{
    const void *state = NULL;
    size_t len = 0;
    checkpoint_get_bytes(run->file, "reward", &state, &len, NULL); /* it may have none */
    int rc = reward_options_open_kept(&a->mix, &run->cfg, &policy_config(run->policy)->obs, state,
                                      len, err);
    if (!rc)
        a->explain = explain_open(path, run->cfg.labels_path);
    return rc;
}

/* Without a run there is a reward model only where one was chosen, and one without labels: nobody
 * is there to give them. */
static int open_chosen_reward(struct play_agent *a, const struct config *cfg, struct onic_err *err)
{
    const struct reward_model_type *type;
    enum config_origin from = cfg->origin[CONFIG_I_reward_model];
    if (from == CONFIG_DEFAULT)
        return ONIC_OK;
    int rc = reward_model_find(cfg->reward_model, &type, err);
    if (!rc && type->traits.wants_labels && from == CONFIG_FILE)
        return ONIC_OK;
    if (!rc && type->traits.wants_labels)
        return err_set(err, ONIC_ECONFIG,
                       "reward.model=%s pays by labels, and only a run has some: give a run "
                       "directory or a checkpoint, or a model without labels such as counts",
                       type->name);
    return rc ? rc
              : reward_options_open_kept(&a->mix, cfg, &vec_env_spec(a->envs)->obs, NULL, 0, err);
}

int play_open(struct play_agent *a, struct loaded_run *run, const struct play_source *from,
              struct config *given, struct onic_err *err)
{
    int rc = ONIC_OK;
    bool all = given->origin[CONFIG_I_env_obs] == CONFIG_DEFAULT; /* what a picture needs */
    if (from->path)
        rc = loaded_run_open(run, from->path, given, all, err);
    else if (all)
        rc = config_set(given, "env.obs", "all", CONFIG_CLI, "onic", err);
    if (!from->path)
        run->cfg = *given;
    if (rc)
        return rc;
    run->cfg.run_seed = given->run_seed;
    a->seed = (uint64_t)given->run_seed;
    a->greedy = from->greedy;
    a->human = from->human;
    a->episodes = from->episodes;
    a->policy = from->human ? NULL : run->policy;
    a->weights = run->weights;
    rc = vec_env_open(&a->envs, &run->cfg, PLAY_ACTOR_ID, 1, err);
    if (!rc && from->human)
        rc = play_keys_check(vec_env_spec(a->envs), err);
    if (!rc)
        rc = from->path ? open_kept_reward(a, run, from->path, err)
                        : open_chosen_reward(a, &run->cfg, err);
    return rc;
}
