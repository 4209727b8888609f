/* SPDX-License-Identifier: MIT */
/* reward_options.c - see reward_options.h. */
#include "learner/reward/reward_options.h"

static int reward_options_mix(struct reward_mix_params *out, const struct config *cfg,
                              const struct reward_model_type *type, struct onic_err *err)
{
    enum config_reward_episodic episodic = cfg->reward_episodic;
    if (episodic == CONFIG_reward_episodic_auto)
        episodic = type->traits.endless && !cfg->compat_oni ? CONFIG_reward_episodic_no
                                                            : CONFIG_reward_episodic_yes;
    if (cfg->compat_oni && episodic == CONFIG_reward_episodic_no)
        return err_set(err, ONIC_ECONFIG,
                       "reward.episodic=no and compat.oni do not go together: ONI adds both "
                       "rewards up before it forms one return; leave one of them out");
    *out = (struct reward_mix_params){
        .coef_ext = (float)cfg->reward_coef_ext,
        .coef_int = (float)cfg->reward_coef_int,
        .scale = (float)cfg->reward_scale,
        .clip = (float)cfg->reward_clip,
        .episodic = episodic == CONFIG_reward_episodic_yes,
    };
    return ONIC_OK;
}

static int reward_options_make(struct reward_mix **out, const struct config *cfg,
                               const struct obs_spec *obs, bool begins, struct onic_err *err)
{
    const struct shaping_values values = {.clip = (float)cfg->reward_int_clip,
                                          .count = (float)cfg->reward_count_power};
    const struct reward_model_type *type;
    struct reward_model *model;
    struct reward_mix_params p;
    *out = NULL;
    int rc = reward_model_find(cfg->reward_model, &type, err);
    if (!rc)
        rc = reward_options_mix(&p, cfg, type, err);
    if (!rc)
        rc = shaping_parse(&p.shaping, cfg->reward_shaping, &values, type, err);
    if (!rc && begins && type->begins_with)
        rc = type->begins_with(cfg, err);
    if (!rc)
        rc = type->create(&model, cfg, obs, err);
    if (!rc)
        rc = reward_mix_create(out, &p, type, model, err);
    return rc;
}

int reward_options_open(struct reward_mix **out, const struct config *cfg,
                        const struct obs_spec *obs, struct onic_err *err)
{
    return reward_options_make(out, cfg, obs, true, err);
}

int reward_options_open_kept(struct reward_mix **out, const struct config *cfg,
                             const struct obs_spec *obs, const void *state, size_t len,
                             struct onic_err *err)
{
    int rc = reward_options_make(out, cfg, obs, false, err);
    return rc || !len ? rc : reward_mix_load(*out, state, len, err);
}
