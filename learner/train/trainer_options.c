/* SPDX-License-Identifier: MIT */
/* trainer_options.c - see trainer_options.h. */
#include "learner/train/trainer_options.h"

#include "common/run/policy_options.h"
#include "learner/reward/reward_options.h"

void trainer_options(struct trainer_params *out, const struct config *cfg)
{
    *out = (struct trainer_params){
        .gamma = {cfg->train_gamma, cfg->train_gamma_int},
        .coef = {(float)cfg->reward_coef_ext, (float)cfg->reward_coef_int},
        .lambda = cfg->compat_oni ? 1.0 : cfg->train_lambda,
        .gae = !cfg->compat_oni && cfg->train_advantage == CONFIG_train_advantage_gae,
        .rho_bar = cfg->train_rho_bar,
        .c_bar = cfg->train_c_bar,
        .normalize_advantage = cfg->train_normalize_advantage,
        .value_norm = cfg->compat_oni ? 0.0 : cfg->train_value_norm,
        .value_coef = (float)cfg->train_value_coef,
        .clip = (float)cfg->train_clip,
        .clip_value = (float)cfg->train_clip_value,
        .entropy_coef = (float)cfg->train_entropy,
        .symmetric_kl = cfg->train_exploration == CONFIG_train_exploration_symmetric_kl,
        .lr_schedule = cfg->train_lr_schedule == CONFIG_train_lr_schedule_linear
                           ? SCHEDULE_LINEAR
                           : SCHEDULE_CONSTANT,
        .lr = cfg->train_lr,
        .max_grad_norm = cfg->train_max_grad_norm,
        .adam = {cfg->train_adam_beta1, cfg->train_adam_beta2, cfg->train_adam_eps},
        .epochs = (int)cfg->train_epochs,
        .minibatches = (int)cfg->train_minibatches,
        .early_stop = cfg->train_early_stop,
        .rollout = (int)cfg->train_rollout,
        .threads = (int)cfg->train_threads,
        .deterministic = cfg->run_deterministic,
        .compat_oni = cfg->compat_oni,
        .seed = (uint64_t)cfg->run_seed,
        .frames = (uint64_t)cfg->run_frames,
    };
}

int trainer_of_options(struct trainer **out, const struct config *cfg,
                       const struct env_description *env, struct onic_err *err)
{
    struct trainer_params params;
    struct policy_config policy;
    struct reward_mix *reward;
    *out = NULL;
    trainer_options(&params, cfg);
    policy_options(&policy, cfg, env->default_net, env->actions, &env->obs);
    int rc = reward_options_open(&reward, cfg, &env->obs, err);
    return rc ? rc : trainer_create(out, &params, &policy, reward, env, err);
}
