/* SPDX-License-Identifier: MIT */
/* test_last_step_learns.c - a task without memory that only a policy can solve which sees the step
 * before: a machine with two arms, one of which pays in an episode. Nothing is to be seen. Who sees
 * what was done and what it gave plays on with what paid and takes the other arm after a loss. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "learner/train/trainer.h"
#include "learner/train/trainer_options.h"
#include "tests/onic_test.h"

enum { T = 16, E = 32, ARMS = 2, LENGTH = 8, UPDATES = 60 };

struct bandit {
    struct config cfg;
    struct env_description env;
    struct trainer *trainer;
    struct policy_actor *actor;
    struct trajectory *t;
    struct rng rng;
    float *state; /* [E, S] */
    int good[E], step[E];
    double paid, pulls;
};

static void bandit_open(struct bandit *b, bool action, bool reward, enum config_policy_core core)
{
    memset(b, 0, sizeof *b);
    config_defaults(&b->cfg);
    b->cfg.train_rollout = T;
    b->cfg.train_threads = 1;
    b->cfg.train_lr = 0.01;
    b->cfg.train_gamma = 0; /* each pull is its own task */
    b->cfg.policy_hidden = b->cfg.policy_core_size = 16;
    b->cfg.policy_core = core;
    b->cfg.policy_last_action = action;
    b->cfg.policy_last_reward = reward;
    b->cfg.reward_coef_int = 0;
    strcpy(b->cfg.reward_model, "none");
    b->env = (struct env_description){
        .actions = {.n = ARMS}, .max_steps = LENGTH, .default_count = E, .default_net = "mlp"};
    strcpy(b->env.id, "test:Bandit");
    obs_spec_add(&b->env.obs, "nothing", OBS_U8, 1, (int[]){1});
    assert_ok(trainer_of_options(&b->trainer, &b->cfg, &b->env, &err));
    const struct policy *p = trainer_policy(b->trainer);
    struct trajectory_shape shape = {.T = T,
                                     .E = E,
                                     .obs_bytes = b->env.obs.obs_bytes,
                                     .actions = {.n = ARMS},
                                     .state_size = policy_state_size(p)};
    b->t = trajectory_create(&shape);
    b->actor = policy_actor_create(p, E);
    b->state = xcalloc((size_t)(E * shape.state_size) + 1, sizeof *b->state);
    b->rng = rng_stream(1, "test", 0, 0, 0);
    for (int e = 0; e < E; e++)
        b->good[e] = (int)rng_below(&b->rng, ARMS);
}

static void bandit_close(struct bandit *b)
{
    trajectory_free(b->t);
    policy_actor_free(b->actor);
    trainer_free(b->trainer);
    free(b->state);
}

static void pull(struct bandit *b, int at, int e, int arm)
{
    const struct policy *p = trainer_policy(b->trainer);
    size_t S = (size_t)policy_state_size(p);
    float *state = b->state + (size_t)e * S, reward = arm == b->good[e] ? 1.0f : 0.0f;
    b->t->action[at] = (int16_t)arm;
    b->t->reward[at] = reward;
    b->t->flags[at] = 0;
    b->paid += (double)reward;
    b->pulls++;
    policy_remember(p, state, &(union action_cell){.choice = arm}, reward);
    if (++b->step[e] < LENGTH)
        return;
    b->t->flags[at] = STEP_TERMINATED;
    memset(state, 0, S * sizeof *state);
    b->good[e] = (int)rng_below(&b->rng, ARMS);
    b->step[e] = 0;
}

static void bandit_play(struct bandit *b)
{
    const struct policy *p = trainer_policy(b->trainer);
    trajectory_clear(b->t);
    memcpy(b->t->state0, b->state, (size_t)(E * policy_state_size(p)) * sizeof *b->state);
    b->t->weights_version = trainer_counters(b->trainer)->version;
    for (int step = 0; step < T; step++) {
        const uint8_t *rows[E];
        float logits[E * ARMS], u[E];
        union action_cell action[E];
        for (int e = 0; e < E; e++) {
            rows[e] = b->t->obs; /* zeros */
            u[e] = rng_float(&b->rng);
        }
        policy_act(p, b->actor, trainer_weights(b->trainer), rows, E, b->state, logits,
                   b->t->value + (size_t)(step * E * POLICY_HEADS));
        action_dist_sample(policy_actions(p), logits, NULL, u, E, action,
                           b->t->logp + (size_t)(step * E));
        for (int e = 0; e < E; e++)
            pull(b, step * E + e, e, action[e].choice);
    }
}

/* The share of pulls that pay after learning. */
static double paid_after_learning(bool action, bool reward, enum config_policy_core core)
{
    static struct bandit b;
    struct train_stats stats;
    bandit_open(&b, action, reward, core);
    for (int i = 0; i < UPDATES; i++) {
        bandit_play(&b);
        trainer_lay_out(b.trainer, &b.t, 1);
        assert_ok(trainer_update(b.trainer, &stats, &err));
    }
    b.paid = b.pulls = 0;
    for (int i = 0; i < 5; i++)
        bandit_play(&b);
    bandit_close(&b);
    return b.paid / b.pulls;
}

/* The first pull of eight is a guess: (0.5 + 7) / 8 = 0.9375 at best. */
static void without_memory_the_step_before_is_enough(void **state)
{
    (void)state;
    double share = paid_after_learning(true, true, CONFIG_policy_core_none);
    if (!(share > 0.88))
        fail_msg("a share of %g pays, should be nearly 0.94", share);
}

/* What was done and what it gave are both needed: each alone leaves a guess. */
static void half_of_it_is_not(void **state)
{
    (void)state;
    for (int one = 0; one < 3; one++) {
        double share = paid_after_learning(one == 1, one == 2, CONFIG_policy_core_none);
        if (!(share > 0.4 && share < 0.6))
            fail_msg("a share of %g pays with inputs %d, should be a half", share, one);
    }
}

static void cores_with_memory_read_it_too(void **state)
{
    (void)state;
    static const enum config_policy_core cores[] = {CONFIG_policy_core_lstm, CONFIG_policy_core_gru,
                                                    CONFIG_policy_core_mingru};
    for (int i = 0; i < 3; i++) {
        double share = paid_after_learning(true, true, cores[i]);
        if (!(share > 0.88))
            fail_msg("core %d: a share of %g pays, should be nearly 0.94", i, share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_the_step_before_is_enough),
        cmocka_unit_test(half_of_it_is_not),
        cmocka_unit_test(cores_with_memory_read_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
