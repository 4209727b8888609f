/* SPDX-License-Identifier: MIT */
/* trainer.c - owns what train_step.c works on: weights, optimiser, reward model, workspaces; see
 * trainer.h.
 *
 * Checkpointed numbers are separate from options: a resumed run may change any option that does not
 * change the network. Random streams need no position here, because each is named by the update
 * that draws from it. */
#include "learner/train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/caption_totals.h"
#include "learner/train/batch.h"
#include "learner/train/stored_text.h"
#include "learner/train/train_step.h"

enum {
    KEPT_ROWS_MAX = 65536, /* of activations that survive between the phases */
    TEXT_MAX = 1 << 16
};

/* --- creation -------------------------------------------------------------------------------- */

static int check_exploration(const struct trainer *c, const struct policy_config *policy,
                             struct onic_err *err)
{
    if (!c->params.symmetric_kl || policy->actions.kind != ACTION_CONTINUOUS)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "train.exploration=symmetric_kl pulls towards all options being alike, and the "
                   "actions of %s are numbers: use train.exploration=entropy",
                   c->env.id);
}

static void take_params(struct trainer *c, const struct trainer_params *p)
{
    c->rule = (struct slice_rule){
        .gamma = {p->gamma[POLICY_EXT], p->gamma[POLICY_INT]},
        .lambda = p->lambda,
        .gae = p->gae,
        .rho_bar = p->rho_bar,
        .c_bar = p->c_bar,
        .coef = {p->coef[POLICY_EXT], p->coef[POLICY_INT]},
        .compat_oni = p->compat_oni,
    };
    c->loss = (struct loss_params){
        .clip = p->clip,
        .clip_value = p->clip_value,
        .value_coef = p->value_coef,
        .entropy_coef = (float)p->entropy,
        .symmetric_kl = p->symmetric_kl,
        .value_share = {1.0f, 1.0f},
        .value_unit = {1.0f, 1.0f},
    };
    c->value_norm.rate = p->value_norm;
    c->lr_adapted = p->lr;
    c->suspect = -1;
    c->state_max = REWARD_STATE_MAX;
    c->params = *p;
}

static void create_workspace(struct trainer *c, int threads)
{
    c->floats = policy_params(c->policy)->floats;
    c->weights = xaligned(c->floats * sizeof(float));
    c->m = xaligned(c->floats * sizeof(float));
    c->v = xaligned(c->floats * sizeof(float));
    c->team = thread_team_create(threads);
    c->batch = batch_create();
    c->grads = xcalloc((size_t)threads, sizeof *c->grads);
    for (int i = 0; i < threads; i++)
        c->grads[i] = xaligned(c->floats * sizeof(float));
    c->scratch = xcalloc((size_t)threads, sizeof *c->scratch);
    c->slice_columns = policy_slice(c->policy, c->params.rollout + 1);
    c->kept_max = KEPT_ROWS_MAX / ((c->params.rollout + 1) * c->slice_columns);
    c->kept_max = c->kept_max > threads ? c->kept_max : threads;
    c->kept = xcalloc((size_t)c->kept_max, sizeof *c->kept);
}

/* With normalised values a head has no unit before the first rewards, so it is 0 (value_norm.h).
 * And a stream that is always 0 has no part in the advantage: else `none` would follow the noise of
 * a head that nothing teaches. */
static void prepare_value_heads(struct trainer *c)
{
    value_head_find(policy_params(c->policy), c->head);
    if (c->value_norm.rate <= 0)
        return;
    for (int h = 0; h < POLICY_HEADS; h++)
        memset(c->weights + c->head[h].from, 0, c->head[h].count * sizeof *c->weights);
    if (reward_mix_type(c->reward)->traits.pays_nothing)
        c->rule.coef[POLICY_INT] = 0.0f;
}

/* Half of the cores; under `onic train` the other half is the actors'. Beyond 8 little is gained:
 * 12 made KeyCorridor 5 % faster on 16 cores. A deterministic run has the same number everywhere:
 * it decides in which order gradients are added. */
int trainer_threads_for(const struct trainer_params *params, int cores)
{
    enum { FEWEST = 2, MOST = 8 };
    int half = cores / 2;
    if (params->threads > 0)
        return params->threads;
    if (params->deterministic)
        return FEWEST;
    if (cores < FEWEST)
        return 1;
    return half < FEWEST ? FEWEST : half > MOST ? MOST : half;
}

int trainer_create(struct trainer **out, const struct trainer_params *params,
                   const struct policy_config *policy, struct reward_mix *reward,
                   const struct env_description *env, struct onic_err *err)
{
    *out = NULL;
    struct trainer *c = xcalloc(1, sizeof *c);
    c->env = *env;
    c->reward = reward;
    take_params(c, params);
    c->rule.endless[POLICY_INT] = !params->compat_oni && !reward_mix_episodic(reward);
    int threads = trainer_threads_for(params, cpu_usable());
    int rc = check_exploration(c, policy, err);
    if (!rc)
        rc = policy_create(&c->policy, policy, err);
    if (!rc)
        rc = blas_reserve(threads + (params->reward_beside ? reward_mix_beside(reward) : 0), err);
    if (!rc) {
        create_workspace(c, threads);
        params_init(policy_params(c->policy), c->weights, c->params.seed);
        c->obs_stats = obs_stats_create(c->policy);
        prepare_value_heads(c);
        *out = c;
        c = NULL;
    }
    trainer_free(c);
    return rc;
}

void trainer_free(struct trainer *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->kept_count; i++)
        slice_free(c->kept[i]);
    for (int i = 0; c->team && i < thread_team_count(c->team); i++) {
        slice_free(c->scratch[i]);
        free(c->grads[i]);
    }
    thread_team_free(c->team);
    batch_free(c->batch);
    obs_stats_free(c->obs_stats);
    reward_mix_free(c->reward);
    policy_free(c->policy);
    free(c->kept);
    free(c->scratch);
    free(c->grads);
    free(c->order);
    free(c->results);
    free(c->weights);
    free(c->m);
    free(c->v);
    free(c);
}

/* --- access ---------------------------------------------------------------------------------- */

const struct policy *trainer_policy(const struct trainer *c)
{
    return c->policy;
}

struct reward_mix *trainer_reward(struct trainer *c)
{
    return c->reward;
}

const struct reward_mix *trainer_reward_const(const struct trainer *c)
{
    return c->reward;
}

const float *trainer_weights(const struct trainer *c)
{
    return c->weights;
}

int trainer_threads(const struct trainer *c)
{
    return thread_team_count(c->team);
}

const struct learner_counters *trainer_counters(const struct trainer *c)
{
    return &c->counters;
}

const struct batch *trainer_lay_out(struct trainer *c, struct trajectory *const *trajectories,
                                    int n)
{
    unsigned what = reward_mix_type(c->reward)->traits.reads_observations ? BATCH_ROWS : 0;
    if (c->rule.compat_oni)
        what |= BATCH_BEFORE;
    batch_lay_out(c->batch, trajectories, n, c->counters.version, what);
    return c->batch;
}

void trainer_watch(struct trainer *c, void (*turns)(void *ctx), void *ctx)
{
    c->turns = turns;
    c->turns_ctx = ctx;
}

int trainer_update(struct trainer *c, struct train_stats *out, struct onic_err *err)
{
    return train_step(c, out, err);
}

int trainer_nonfinite_in_row(const struct trainer *c)
{
    return c->nonfinite_in_row;
}

bool trainer_diverged(const struct trainer *c)
{
    return c->nonfinite_in_row >= NONFINITE_MAX;
}

int64_t trainer_suspect(const struct trainer *c, uint64_t *incarnation)
{
    *incarnation = c->suspect_incarnation;
    return c->suspect >= 0 ? c->suspect : -1;
}

/* --- checkpoint ------------------------------------------------------------------------------ */

static void tensor_name(char out[CHECKPOINT_NAME_MAX], const char *param)
{
    snprintf(out, CHECKPOINT_NAME_MAX, "policy/%s", param);
}

static void describe_env_and_net(const struct trainer *c, struct buf *env, struct buf *net)
{
    buf_init(env, TEXT_MAX);
    buf_init(net, TEXT_MAX);
    env_describe_write(&c->env, env);
    policy_text(c->policy, net);
}

static void save_lr(const struct trainer *c, struct checkpoint *to)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", c->lr_adapted);
    checkpoint_add_meta(to, "lr", text);
}

/* Absent: trained with another schedule; the options then say where it begins. */
static int load_lr(struct trainer *c, const struct checkpoint_file *f, struct onic_err *err)
{
    const char *text = checkpoint_meta(f, "lr");
    double lr = 0;
    char rest;
    c->lr_adapted = c->params.lr;
    if (!text || c->params.lr_schedule != SCHEDULE_KL_ADAPTIVE)
        return ONIC_OK;
    if (sscanf(text, "%lf%c", &lr, &rest) != 1 || !(lr >= 0 && lr <= 1))
        return err_set(err, ONIC_EDAMAGED, "the learning rate is '%.32s', must be from 0 to 1",
                       text);
    c->lr_adapted = lr;
    return ONIC_OK;
}

void trainer_save(struct trainer *c, struct checkpoint *to)
{
    const struct params *p = policy_params(c->policy);
    char name[CHECKPOINT_NAME_MAX];
    for (int i = 0; i < p->count; i++) {
        const struct param *t = &p->param[i];
        tensor_name(name, t->name);
        checkpoint_add_f32(to, name, t->rows, t->cols, c->weights + t->offset);
    }
    checkpoint_add_f32(to, "adam/m", 1, (int)c->floats, c->m);
    checkpoint_add_f32(to, "adam/v", 1, (int)c->floats, c->v);
    struct buf env, net, reward;
    describe_env_and_net(c, &env, &net);
    buf_init(&reward, c->state_max);
    reward_mix_save(c->reward, &reward);
    checkpoint_add_buf(to, "env", &env);
    checkpoint_add_buf(to, "net", &net);
    checkpoint_add_buf(to, "reward", &reward);
    buf_reset(&reward);
    caption_totals_save(reward_mix_paid(c->reward), &reward);
    checkpoint_add_buf(to, "paid", &reward);
    buf_reset(&reward);
    if (c->obs_stats) {
        obs_stats_save(c->obs_stats, &reward);
        checkpoint_add_buf(to, "obs_norm", &reward);
    }
    buf_release(&env);
    buf_release(&net);
    buf_release(&reward);
    const struct learner_counters *n = &c->counters;
    checkpoint_add_meta_u64(to, "weights_version", n->version);
    checkpoint_add_meta_u64(to, "env_steps", n->env_steps);
    checkpoint_add_meta_u64(to, "adam_steps", n->adam_steps);
    checkpoint_add_meta_u64(to, "nonfinite", n->nonfinite);
    checkpoint_add_meta_u64(to, "nonfinite_in_row", (uint64_t)c->nonfinite_in_row);
    checkpoint_add_meta_u64(to, "roll_backs", n->roll_backs);
    char statistics[VALUE_NORM_TEXT_MAX];
    value_norm_write(&c->value_norm, statistics);
    if (c->value_norm.rate > 0)
        checkpoint_add_meta(to, "value_norm", statistics);
    if (c->params.lr_schedule == SCHEDULE_KL_ADAPTIVE)
        save_lr(c, to);
}

int trainer_read_weights(const struct checkpoint_file *from, const struct params *p, float *weights,
                         uint64_t *version, uint64_t *env_steps, struct onic_err *err)
{
    char name[CHECKPOINT_NAME_MAX];
    int rc = ONIC_OK;
    memset(weights, 0, p->floats * sizeof *weights); /* the padding too */
    for (int i = 0; !rc && i < p->count; i++) {
        const struct param *t = &p->param[i];
        tensor_name(name, t->name);
        rc = checkpoint_get_f32(from, name, t->rows, t->cols, weights + t->offset, err);
    }
    if (!rc && version)
        rc = checkpoint_meta_u64(from, "weights_version", version, err);
    if (!rc && env_steps)
        rc = checkpoint_meta_u64(from, "env_steps", env_steps, err);
    return rc;
}

static int load_numbers(struct trainer *c, const struct checkpoint_file *f, struct onic_err *err)
{
    struct learner_counters *n = &c->counters;
    uint64_t in_row = 0;
    int rc = trainer_read_weights(f, policy_params(c->policy), c->weights, &n->version,
                                  &n->env_steps, err);
    if (!rc)
        rc = checkpoint_get_f32(f, "adam/m", 1, (int)c->floats, c->m, err);
    if (!rc)
        rc = checkpoint_get_f32(f, "adam/v", 1, (int)c->floats, c->v, err);
    if (!rc)
        rc = checkpoint_meta_u64(f, "adam_steps", &n->adam_steps, err);
    if (!rc)
        rc = checkpoint_meta_u64(f, "nonfinite", &n->nonfinite, err);
    if (!rc)
        rc = checkpoint_meta_u64(f, "nonfinite_in_row", &in_row, err);
    c->nonfinite_in_row = (int)in_row;
    n->roll_backs = 0; /* absent in older ones */
    if (!rc && checkpoint_meta(f, "roll_backs"))
        rc = checkpoint_meta_u64(f, "roll_backs", &n->roll_backs, err);
    /* Absent: trained without; the statistics then begin with the next batch. */
    const char *statistics = checkpoint_meta(f, "value_norm");
    c->value_norm = (struct value_norm){.rate = c->value_norm.rate};
    if (!rc && statistics && c->value_norm.rate > 0)
        rc = value_norm_read(&c->value_norm, statistics, err);
    return rc ? rc : load_lr(c, f, err);
}

static int load_obs_stats(struct trainer *c, const struct checkpoint_file *f, struct onic_err *err)
{
    const void *data;
    size_t len;
    if (!c->obs_stats)
        return ONIC_OK;
    int rc = checkpoint_get_bytes(f, "obs_norm", &data, &len, err);
    return rc ? rc : obs_stats_load(c->obs_stats, data, len, err);
}

void trainer_roll_back(struct trainer *c, const struct learner_counters *before)
{
    c->counters.version = before->version;
    c->counters.nonfinite = before->nonfinite;
    c->counters.roll_backs = before->roll_backs + 1;
    c->nonfinite_in_row = 0;
}

int trainer_load(struct trainer *c, const struct checkpoint_file *from, struct onic_err *err)
{
    struct buf env, net;
    const void *data;
    size_t len;
    describe_env_and_net(c, &env, &net);
    static const char remedy[] = "give the old options or another --run-dir";
    int rc = stored_text_check(from, "env", &env, "environment", remedy, err);
    if (!rc)
        rc = stored_text_check(from, "net", &net, "network", remedy, err);
    if (!rc)
        rc = load_numbers(c, from, err);
    if (!rc)
        rc = load_obs_stats(c, from, err);
    if (!rc)
        rc = checkpoint_get_bytes(from, "reward", &data, &len, err);
    if (!rc)
        rc = reward_mix_load(c->reward, data, len, err);
    if (!rc && checkpoint_find(from, "paid")) {
        rc = checkpoint_get_bytes(from, "paid", &data, &len, err);
        rc = rc ? rc : reward_mix_load_paid(c->reward, data, len, err);
    }
    buf_release(&env);
    buf_release(&net);
    return rc ? err_wrap(err, "%s", checkpoint_path(from)) : ONIC_OK;
}
