/* SPDX-License-Identifier: MIT */
/* test_last_step.c - the step before as an input of the policy (policy.last_action,
 * policy.last_reward): actor and learner compute the same in every kind of world, and the programs
 * train, continue, measure and show such a policy. */
#include <jansson.h>
#include <stdlib.h>

#include "actor/envs/open.h"
#include "actor/rollout.h"
#include "common/base/xmalloc.h"
#include "common/run/policy_options.h"
#include "learner/train/slice.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"

/* --- actor and learner ----------------------------------------------------------------------- */

enum { T = 16, E = 6, ROLLOUTS = 4 };

struct pair {
    struct config cfg;
    struct vec_env *envs;
    struct policy *policy;
    struct rollout *rollout;
    struct trajectory *t;
    float *weights;
    struct batch *batch;
    struct slice *slice;
};

static void open_pair(struct pair *p, const char *env_id, enum config_policy_core core, int limit)
{
    memset(p, 0, sizeof *p);
    config_defaults(&p->cfg);
    snprintf(p->cfg.env_id, sizeof p->cfg.env_id, "%s", env_id);
    p->cfg.env_max_steps = limit;
    p->cfg.policy_core = core;
    p->cfg.policy_squash = limit % 2;
    p->cfg.policy_last_action = p->cfg.policy_last_reward = true;
    assert_ok(vec_env_open(&p->envs, &p->cfg, 3, E, &err));
    const struct env_spec *spec = vec_env_spec(p->envs);
    struct policy_config pc;
    policy_options(&pc, &p->cfg, spec->default_net, &spec->actions, &spec->obs);
    assert_ok(policy_create(&p->policy, &pc, &err));
    const struct params *table = policy_params(p->policy);
    p->weights = xaligned(table->floats * sizeof(float));
    params_init(table, p->weights, 7);
    const struct param *head = params_find(table, "policy.w");
    for (int i = 0; i < head->rows * head->cols; i++)
        p->weights[head->offset + (size_t)i] *=
            60.0f; /* at first nearly uniform, whatever it sees */
    struct rollout_params rp = {.policy = p->policy,
                                .envs = p->envs,
                                .seed = 11,
                                .actor_id = 3,
                                .T = T,
                                .warmup = 20,
                                .snapshot = true};
    assert_ok(rollout_create(&p->rollout, &rp, &err));
    struct trajectory_shape shape = rollout_shape(p->rollout);
    p->t = trajectory_create(&shape);
    p->batch = batch_create();
    p->slice = slice_create(p->policy, T, E);
    assert_ok(rollout_start(p->rollout, NULL, 0, &err));
}

static void close_pair(struct pair *p)
{
    slice_free(p->slice);
    batch_free(p->batch);
    trajectory_free(p->t);
    rollout_free(p->rollout);
    policy_free(p->policy);
    vec_env_free(p->envs);
    free(p->weights);
}

/* Plays a rollout and puts it through the learner's forward pass. */
static void play_and_learn(struct pair *p)
{
    static const int order[E] = {0, 1, 2, 3, 4, 5};
    const struct slice_rule rule = {.gamma = {0.99, 0.99}, .lambda = 1, .coef = {1, 0}};
    assert_ok(rollout_fill(p->rollout, p->weights, 1, p->t, NULL, NULL, &err));
    batch_lay_out(p->batch, &p->t, 1, 1, 0);
    memset(p->batch->r_ext, 0, p->batch->steps * sizeof(float));
    memset(p->batch->r_int, 0, p->batch->steps * sizeof(float));
    slice_gather(p->slice, p->batch, order, E, &rule);
    assert_true(slice_forward(p->slice, p->policy, p->weights, &rule));
}

/* Returns the episodes that ended. */
static int check_world(const char *env_id, enum config_policy_core core, int limit)
{
    struct pair p;
    int ended = 0;
    open_pair(&p, env_id, core, limit);
    for (int r = 0; r < ROLLOUTS; r++) {
        play_and_learn(&p);
        ended += p.t->nepisodes;
        for (int i = 0; i < T * E; i++) {
            assert_close(p.slice->logp[i], p.t->logp[i], 1e-4, 1e-4);
            assert_close(p.slice->value[2 * i], p.t->value[2 * i], 1e-3, 1e-4);
        }
    }
    close_pair(&p);
    return ended;
}

static void actor_and_learner_see_the_same(void **state)
{
    (void)state;
    static const char *const worlds[] = {"cartpole", "tiles",    "tiles:colours",
                                         "pendulum", "corridor", "minigrid:DoorKey-5x5"};
    static const enum config_policy_core cores[] = {CONFIG_policy_core_lstm,
                                                    CONFIG_policy_core_none};
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++)
        for (int k = 0; k < 2; k++)
            assert_true(check_world(worlds[i], cores[k], 5 + k) > 2 * E);
}

/* What a time limit cuts off is valued after the step that led there, as the learner would. */
static void a_cut_is_valued_with_the_step_that_led_there(void **state)
{
    (void)state;
    enum { LIMIT = 3 };
    struct pair p;
    open_pair(&p, "pendulum", CONFIG_policy_core_none, LIMIT);
    play_and_learn(&p);
    struct policy_actor *w = policy_actor_create(p.policy, 1);
    int cut = 0;
    for (int i = 0; i < T * E; i++) {
        float st[16] = {0}, outputs[4], value[2];
        union action_cell done = {.number = p.t->number[i]};
        const uint8_t *row = p.t->final_obs + (size_t)cut * p.t->shape.obs_bytes;
        if (!(p.t->flags[i] & STEP_TRUNCATED))
            continue;
        action_dist_act(policy_actions(p.policy), &done, 1);
        policy_remember(p.policy, st, &done, p.t->reward[i]);
        policy_act(p.policy, w, p.weights, &row, 1, st, outputs, value);
        assert_close(p.t->final_value[2 * i], value[0], 1e-5, 1e-5);
        cut++;
    }
    assert_true(cut > 2 * E);
    policy_actor_free(w);
    close_pair(&p);
}

/* Environments that have taken random steps: the first trajectory knows the last of them, unless it
 * ended an episode. */
static int seen_after_warm_up(int limit)
{
    enum { INPUTS = 3 }; /* left, right, reward */
    struct pair p;
    int moved = 0;
    open_pair(&p, "cartpole", CONFIG_policy_core_none, limit);
    play_and_learn(&p);
    for (int e = 0; e < E; e++) {
        const float *last = p.t->state0 + e * INPUTS;
        bool runs = p.t->first_step[e] > 0;
        assert_close(last[0] + last[1], runs, 0, 0);
        assert_close(last[2], runs ? log(2) : 0, 1e-6, 0); /* each step pays 1 */
        moved += runs;
    }
    close_pair(&p);
    return moved;
}

static void random_steps_before_the_first_are_seen(void **state)
{
    (void)state;
    assert_in_range(seen_after_warm_up(0), 1, E - 1);
    assert_int_equal(seen_after_warm_up(4), 0); /* 0, 4, 8, ... 20 steps: each ended an episode */
}

/* A resumed actor goes on with the step before its resume point. */
static void a_snapshot_holds_the_step_before(void **state)
{
    (void)state;
    struct pair a, b;
    open_pair(&a, "cartpole", CONFIG_policy_core_none, 0);
    open_pair(&b, "cartpole", CONFIG_policy_core_none, 0);
    play_and_learn(&a);
    size_t len = a.t->shape.snapshot_bytes * E;
    assert_ok(rollout_start(b.rollout, a.t->snapshot, len, &err));
    play_and_learn(&a);
    play_and_learn(&b);
    assert_memory_equal(a.t->state0, b.t->state0, E * 3 * sizeof(float));
    assert_memory_equal(a.t->action, b.t->action, T * E * sizeof *a.t->action);
    assert_memory_equal(a.t->snapshot, b.t->snapshot, len);
    close_pair(&a);
    close_pair(&b);
}

/* --- programs -------------------------------------------------------------------------------- */

#define USUAL                                                                                      \
    "train --run-dir=run --deterministic --seed=1 --actors.count=1 --env.id=tiles:colours "        \
    "--reward.model=none --policy.core=none --replay.every_episodes=500 "

/* Mean return of 50 games; of the same seed and weights always the same. */
static double measured(struct scene *s, const char *run)
{
    char args[200];
    snprintf(args, sizeof args, "eval %s --episodes=50 --seed=5 --json=-", run);
    scene_succeeds(s, args);
    json_t *o = json_loads(program_text(s->a.out), 0, NULL);
    double mean = json_number_value(json_object_get(json_object_get(o, "return"), "mean"));
    assert_non_null(o);
    json_decref(o);
    return mean;
}

static void a_run_is_continued_measured_and_shown_but_not_with_another_network(void **state)
{
    struct scene *s = *state;
#define BOTH "--policy.last_action=true --policy.last_reward=true "
    scene_succeeds(s, USUAL BOTH "--frames=30000");
    scene_succeeds(s, USUAL BOTH "--frames=60000");
    double continued = measured(s, "run");
    scene_succeeds(s, "play run --episodes=1 --seed=3");
    scene_succeeds(s, "replay run --explain=1");
    scene_succeeds(s, USUAL "--frames=70000"); /* the run's own options */
    continued = measured(s, "run");
    scene_fails_within(s, "onic", USUAL "--policy.last_reward=false --frames=90000", 64,
                       "another network: \"last action reward\" then, "
                       "\"last action\" now",
                       3);
    scene_fails_within(s, "onic",
                       USUAL "--policy.last_action=false --policy.last_reward=false --frames=90000",
                       64, "\"last action reward\" then, \"actions multi 6,3 masked\" now", 4);
    scene_fails_within(s, "onic", "eval run --episodes=1 --policy.last_reward=false", 64,
                       "last action reward", 3);
    assert_close(measured(s, "run"), continued, 0, 0); /* nothing was lost */
    scene_succeeds(s, USUAL BOTH "--frames=70000 --on-exists=overwrite");
    assert_close(measured(s, "run"), continued, 0, 0); /* in one life as in two */
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

/* Of 20 episodes with 8 pulls each. */
static void is_played_as_well(struct scene *s, const char *run)
{
    char args[400];
    snprintf(args, sizeof args, "play %s --episodes=20 --seed=3", run);
    scene_succeeds(s, args);
    int paid = count_of(program_text(s->a.out), "reward ext +1.000");
    if (paid < 20 * 6.5)
        fail_msg("onic play: %d of 160 pulls pay", paid);
}

/* Of eight pulls one is a guess: 7.5 pay at best, 4 without the inputs. `onic eval` and `play` get
 * them only if they give their policy the step before as the actors do. */
static void arms_are_learned_by_choice_and_by_number(void **state)
{
    struct scene *s = *state;
    static const char *const worlds[] = {"arms", "arms:sign"};
    char args[900], run[300];
    for (int i = 0; i < 4; i++) {
        const char *with = i % 2 ? "true" : "false";
        snprintf(args, sizeof args,
                 "train --run-dir=run%d --deterministic --seed=1 --actors.count=1 "
                 "--env.plugin=%s/tests/plugin_arms.so --env.id=%s --reward.model=none "
                 "--policy.core=none --policy.hidden=16 --train.gamma=0 --train.lr=0.01 "
                 "--policy.last_action=%s --policy.last_reward=%s --frames=250000",
                 i, getenv("ONIC_BUILD"), worlds[i / 2], with, with);
        scene_succeeds(s, args);
        snprintf(run, sizeof run, "run%d --env.plugin=%s/tests/plugin_arms.so", i,
                 getenv("ONIC_BUILD"));
        double paid = measured(s, run);
        if (i % 2 ? paid < 6.5 : paid > 5.2)
            fail_msg("%s with the step before %s: %g of 8 pay", worlds[i / 2], with, paid);
        if (i == 1)
            is_played_as_well(s, run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actor_and_learner_see_the_same),
        cmocka_unit_test(a_cut_is_valued_with_the_step_that_led_there),
        cmocka_unit_test(random_steps_before_the_first_are_seen),
        cmocka_unit_test(a_snapshot_holds_the_step_before),
        cmocka_unit_test_setup_teardown(
            a_run_is_continued_measured_and_shown_but_not_with_another_network, scene_setup,
            scene_teardown),
        cmocka_unit_test_setup_teardown(arms_are_learned_by_choice_and_by_number, scene_setup,
                                        scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
