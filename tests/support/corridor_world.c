/* SPDX-License-Identifier: MIT */
/* corridor_world.c - see corridor_world.h. */
#include "tests/support/corridor_world.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "learner/train/trainer_options.h"
#include "tests/onic_test.h"

enum { T = WORLD_T, E = WORLD_E, GROUPS = WORLD_GROUPS, CELLS = 6, LIMIT = WORLD_LIMIT, RIGHT = 1 };

void world_configure(struct world *w)
{
    config_defaults(&w->cfg);
    w->cfg.train_rollout = T;
    w->cfg.train_threads = 1;
    w->cfg.train_minibatches = 1; /* an update is one gradient step: what can be computed by hand */
    w->cfg.policy_hidden = 16;
    w->cfg.policy_core_size = 16;
    w->cfg.train_lr = 0.01;
    strcpy(w->cfg.reward_model, "none");
    w->cfg.reward_coef_int = 0;
    w->env = (struct env_description){.actions = {.n = 2}, .max_steps = LIMIT, .default_count = E};
    strcpy(w->env.id, "test:Corridor");
    strcpy(w->env.default_net, "mlp");
    obs_spec_add(&w->env.obs, "cell", OBS_U8, 1, (int[]){1});
    w->right_pays = 1.0f;
}

void world_open(struct world *w)
{
    assert_ok(trainer_of_options(&w->core, &w->cfg, &w->env, &err));
    const struct policy *p = trainer_policy(w->core);
    int S = policy_state_size(p);
    w->actor = policy_actor_create(p, E);
    w->state = xcalloc((size_t)(GROUPS * E * S + 1), sizeof(float));
    w->rng = rng_stream(3, "test", 0, 0, 0);
    struct trajectory_shape shape = {
        .T = T, .E = E, .obs_bytes = w->env.obs.obs_bytes, .actions = {.n = 2}, .state_size = S};
    for (int g = 0; g < GROUPS; g++) {
        w->t[g] = trajectory_create(&shape);
        for (int e = 0; e < E; e++)
            w->cell[g * E + e] = CELLS / 2;
    }
}

void world_close(struct world *w)
{
    for (int g = 0; g < GROUPS; g++)
        trajectory_free(w->t[g]);
    policy_actor_free(w->actor);
    trainer_free(w->core);
    free(w->state);
}

static void move(struct world *w, struct trajectory *t, int g, int step, int e, float *state)
{
    int *cell = &w->cell[g * E + e], *n = &w->step[g * E + e], i = step * E + e;
    bool right = t->action[i] == RIGHT;
    *cell += right ? 1 : -1;
    *cell = *cell < 0 ? 0 : *cell;
    bool end = *cell == CELLS - 1, limit = !end && ++*n >= LIMIT;
    t->reward[i] = end ? w->right_pays : 0.0f;
    t->flags[i] = (uint8_t)(end ? STEP_TERMINATED : limit ? STEP_TRUNCATED : 0);
    t->caption[i] = right ? trajectory_caption(t, "You go right.", 13) : 0;
    t->caption_count[i] = right ? 1 : 0;
    t->obs_caption[i + E] = end || limit ? 0 : t->caption[i];
    w->right += right;
    w->moves++;
    policy_remember(trainer_policy(w->core), state, &(union action_cell){.choice = t->action[i]},
                    t->reward[i]);
    if (end || limit) {
        memset(state, 0, (size_t)t->shape.state_size * sizeof(float));
        *cell = CELLS / 2;
        *n = 0;
        for (int h = 0; limit && h < 2; h++)
            t->final_value[2 * i + h] = 0.25f;
    }
}

static void observe(const struct world *w, struct trajectory *t, int g, int row)
{
    for (int e = 0; e < E; e++)
        t->obs[(size_t)(row * E + e) * t->shape.obs_bytes] = (uint8_t)w->cell[g * E + e];
}

void world_play(struct world *w)
{
    const struct policy *p = trainer_policy(w->core);
    size_t S = (size_t)policy_state_size(p);
    for (int g = 0; g < GROUPS; g++) {
        struct trajectory *t = w->t[g];
        float *state = w->state + (size_t)(g * E) * S;
        trajectory_clear(t);
        memset(t->final_value, 0, sizeof(float) * 2 * T * E);
        memcpy(t->state0, state, S * E * sizeof(float));
        t->weights_version = trainer_counters(w->core)->version;
        observe(w, t, g, 0);
        for (int step = 0; step < T; step++) {
            const uint8_t *rows[E];
            float logits[E * 2], u[E];
            union action_cell action[E];
            for (int e = 0; e < E; e++) {
                rows[e] = t->obs + (size_t)(step * E + e) * t->shape.obs_bytes;
                u[e] = rng_float(&w->rng);
            }
            policy_act(p, w->actor, trainer_weights(w->core), rows, E, state, logits,
                       t->value + (size_t)step * E * 2);
            action_dist_sample(policy_actions(p), logits, NULL, u, E, action,
                               t->logp + (size_t)step * E);
            for (int e = 0; e < E; e++) {
                t->action[step * E + e] = (int16_t)action[e].choice;
                move(w, t, g, step, e, state + (size_t)e * S);
            }
            observe(w, t, g, step + 1);
        }
    }
}

struct train_stats world_learn(struct world *w, int updates)
{
    struct train_stats stats = {0};
    for (int i = 0; i < updates; i++) {
        world_play(w);
        trainer_lay_out(w->core, w->t, GROUPS);
        assert_ok(trainer_update(w->core, &stats, &err));
    }
    return stats;
}

void world_save(struct world *w, const char *path)
{
    struct checkpoint *c = checkpoint_create();
    trainer_save(w->core, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
}

int world_load(struct trainer *core, const char *path, struct onic_err *err)
{
    struct checkpoint_file *f = NULL;
    int rc = checkpoint_open(&f, path, err);
    if (!rc)
        rc = trainer_load(core, f, err);
    checkpoint_close(f);
    return rc;
}

double world_share_of_right(struct world *w)
{
    w->right = w->moves = 0;
    for (int i = 0; i < 5; i++)
        world_play(w);
    return (double)w->right / w->moves;
}
