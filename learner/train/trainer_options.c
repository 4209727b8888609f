/* SPDX-License-Identifier: MIT */
/* trainer_options.c - see trainer_options.h. */
#include "learner/train/trainer_options.h"

#include "common/base/cpu.h"
#include "common/run/policy_options.h"
#include "learner/reward/reward_options.h"

/* A core that no training thread has is idle whenever the actors leave it so. In lock-step it is
 * the counts that say which labels a score has seen. */
static bool reward_beside(const struct config *cfg, const struct trainer_params *p)
{
    int cores = cpu_usable();
    if (cfg->reward_train_beside != CONFIG_reward_train_beside_auto)
        return cfg->reward_train_beside == CONFIG_reward_train_beside_yes;
    return !p->deterministic && cores > trainer_threads_for(p, cores);
}

void trainer_options(struct trainer_params *out, const struct config *cfg)
{
    static const enum schedule schedules[] = {
        [CONFIG_train_lr_schedule_constant] = SCHEDULE_CONSTANT,
        [CONFIG_train_lr_schedule_linear] = SCHEDULE_LINEAR,
        [CONFIG_train_lr_schedule_kl_adaptive] = SCHEDULE_KL_ADAPTIVE,
    };
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
        .entropy = cfg->train_entropy,
        .entropy_final =
            cfg->train_entropy_final < 0 ? cfg->train_entropy : cfg->train_entropy_final,
        .symmetric_kl = cfg->train_exploration == CONFIG_train_exploration_symmetric_kl,
        .lr_schedule = schedules[cfg->train_lr_schedule],
        .lr = cfg->train_lr,
        .kl_target = cfg->train_kl_target,
        .kl_stop = cfg->train_kl_stop,
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
    out->reward_beside = reward_beside(cfg, out);
}

static int check_beside(const struct trainer_params *p, struct onic_err *err)
{
    if (!p->deterministic || !p->reward_beside)
        return ONIC_OK;
    return err_set(
        err, ONIC_ECONFIG,
        "reward.train_beside=yes and run.deterministic do not go together: what a thread "
        "of its own has learned by an update depends on the machine; leave one of them "
        "out");
}

/* In lock-step the weights that acted are those of the first gradient step: with no other one there
 * is no divergence, and the learning rate would only rise. */
static int check_schedule(const struct trainer_params *p, struct onic_err *err)
{
    bool measures = !p->deterministic || p->epochs * p->minibatches > 1;
    if (p->lr_schedule != SCHEDULE_KL_ADAPTIVE || measures)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "train.lr_schedule=kl_adaptive has nothing to go by in a deterministic run with "
                   "one gradient step per batch: give --train.minibatches=2 or more, or another "
                   "--train.lr_schedule");
}

int trainer_rounds(const struct config *cfg, int default_count)
{
    int64_t envs = cfg->env_count ? cfg->env_count : default_count;
    int64_t each = cfg->actors_count * envs * cfg->train_rollout;
    return each < 1 ? 0 : (int)((cfg->train_batch + each - 1) / each);
}

float trainer_value_most(const struct config *cfg)
{
    double margin = 1000.0, ext = cfg->reward_clip / (1.0 - cfg->train_gamma),
           own = cfg->reward_int_clip / (1.0 - cfg->train_gamma_int);
    if (cfg->reward_clip <= 0 || cfg->reward_int_clip <= 0 || cfg->train_gamma >= 1 ||
        cfg->train_gamma_int >= 1)
        return 0.0f;
    return (float)(margin * (ext > own ? ext : own));
}

int trainer_of_options(struct trainer **out, const struct config *cfg,
                       const struct env_description *env, struct onic_err *err)
{
    struct trainer_params params;
    struct policy_config policy;
    struct reward_mix *reward;
    *out = NULL;
    trainer_options(&params, cfg);
    policy_options(&policy, cfg, env->default_net, &env->actions, &env->obs);
    int rc = check_schedule(&params, err);
    if (!rc)
        rc = check_beside(&params, err);
    if (!rc)
        rc = reward_options_open(&reward, cfg, &env->obs, err);
    return rc ? rc : trainer_create(out, &params, &policy, reward, env, err);
}
