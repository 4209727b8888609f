/* SPDX-License-Identifier: MIT */
/* test_trainer_schedule.c - what changes from update to update, and what ends one early: learning
 * rate, entropy coefficient, early stop, stop by divergence. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/xmalloc.h"
#include "learner/train/train_step.h"
#include "learner/train/trainer_options.h"
#include "tests/support/corridor_world.h"

enum { T = WORLD_T, E = WORLD_E, GROUPS = WORLD_GROUPS, STEPS = GROUPS * T * E };

static struct world fresh(void)
{
    struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    return w;
}

/* One update on what weights acted that were `far` (nats of noise in their log-probabilities) from
 * those of the core. */
static struct train_stats update_from_afar(struct world *w, float far)
{
    struct train_stats s;
    world_play(w);
    for (int g = 0; g < GROUPS; g++)
        for (int i = 0; i < T * E; i++)
            w->t[g]->logp[i] += far * (i % 2 ? 1 : -1);
    trainer_lay_out(w->core, w->t, GROUPS);
    assert_ok(trainer_update(w->core, &s, &err));
    return s;
}

/* --- learning rate --------------------------------------------------------------------------- */

static void a_linear_learning_rate_is_zero_at_the_end(void **state)
{
    (void)state;
    static struct world w;
    w = fresh();
    w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_linear;
    w.cfg.train_lr = 0.01;
    w.cfg.run_frames = 4 * STEPS;
    world_open(&w);
    for (int i = 0; i < 6; i++)
        assert_close(world_learn(&w, 1).lr, i < 4 ? 0.01 * (1 - i / 4.0) : 0, 1e-12, 0);
    world_close(&w);
}

/* exp(x) - 1 - x for the noise x of update_from_afar, half of it with each sign. */
static double divergence_of(double far)
{
    return ((exp(far) - 1 - far) + (exp(-far) - 1 + far)) / 2;
}

static void an_adaptive_learning_rate_follows_the_divergence_of_updates(void **state)
{
    (void)state;
    static struct world w;
    static const float far[] = {0.3f, 0.3f, 0.1f, 0.01f, 0.01f};
    static const double factor[] = {1 / 1.5, 1 / 1.5, 1, 1.5, 1.5}; /* targets: 0.005 */
    double lr = 1e-3;
    w = fresh();
    w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_kl_adaptive;
    w.cfg.train_lr = lr;
    w.cfg.train_kl_target = 0.005;
    world_open(&w);
    for (int i = 0; i < 5; i++) {
        struct train_stats s = update_from_afar(&w, far[i]);
        assert_close(s.kl, divergence_of((double)far[i]), 1e-3, 0);
        assert_close(s.lr, lr, 1e-12, 0);
        lr *= factor[i];
    }
    assert_close(world_learn(&w, 1).lr, lr, 1e-12, 0);
    world_close(&w);
}

/* In lock-step the first step of an update finds no divergence, whatever the rate: what ends the
 * update is all there is to go by. */
static void an_adaptive_learning_rate_falls_where_the_divergence_ends_updates(void **state)
{
    (void)state;
    static struct world w;
    double lr = 0.01;
    w = fresh();
    w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_kl_adaptive;
    w.cfg.train_lr = lr;
    w.cfg.train_minibatches = 4;
    w.cfg.train_kl_stop = 1e-4;
    w.cfg.train_kl_target = 4e-5;
    w.cfg.run_deterministic = true;
    world_open(&w);
    struct train_stats s = world_learn(&w, 1);
    assert_close(s.gradient_steps, 1, 0, 0);
    assert_close(s.kl, 0, 0, 1e-7);
    assert_true(s.kl_largest > 1e-4);
    for (int i = 0; i < 12 && s.gradient_steps < 4; i++) {
        s = world_learn(&w, 1);
        assert_close(s.lr, lr /= 1.5, 1e-9, 0);
    }
    assert_close(s.gradient_steps, 4, 0, 0); /* until it no longer does */
    assert_true(s.kl_largest <= 1e-4 && s.kl > 0 && s.kl < s.kl_largest);
    world_close(&w);
}

static void an_adaptive_learning_rate_needs_a_divergence(void **state)
{
    (void)state;
    static struct world w;
    w = fresh();
    w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_kl_adaptive;
    w.cfg.run_deterministic = true;
    assert_err(trainer_of_options(&w.core, &w.cfg, &w.env, &err), ONIC_ECONFIG,
               "--train.minibatches=2");
    assert_null(w.core);
    w.cfg.train_minibatches = 2;
    world_open(&w);
    world_close(&w);
    w.cfg.train_minibatches = 1;
    w.cfg.run_deterministic = false;
    world_open(&w);
    world_close(&w);
}

/* --- the reward model's thread --------------------------------------------------------------- */

static bool is_beside(const struct config *cfg)
{
    struct trainer_params p;
    trainer_options(&p, cfg);
    return p.reward_beside;
}

static void a_reward_model_trains_beside_where_a_core_is_left(void **state)
{
    (void)state;
    static struct world w;
    int cores = cpu_usable();
    w = fresh();
    w.cfg.train_threads = cores;
    assert_false(is_beside(&w.cfg));
    w.cfg.reward_train_beside = CONFIG_reward_train_beside_yes;
    assert_true(is_beside(&w.cfg));
    w.cfg.reward_train_beside = CONFIG_reward_train_beside_auto;
    w.cfg.train_threads = 1;
    assert_int_equal(is_beside(&w.cfg), cores > 1);
    w.cfg.reward_train_beside = CONFIG_reward_train_beside_no;
    assert_false(is_beside(&w.cfg));
}

static void a_deterministic_run_trains_between_updates(void **state)
{
    (void)state;
    static struct world w;
    w = fresh();
    w.cfg.train_threads = 1;
    w.cfg.run_deterministic = true;
    assert_false(is_beside(&w.cfg));
    w.cfg.reward_train_beside = CONFIG_reward_train_beside_yes;
    assert_err(trainer_of_options(&w.core, &w.cfg, &w.env, &err), ONIC_ECONFIG,
               "reward.train_beside=yes and run.deterministic do not go together");
    assert_null(w.core);
}

/* --- exploration ----------------------------------------------------------------------------- */

static float *weights_of(const struct world *w)
{
    size_t bytes = w->core->floats * sizeof(float);
    return memcpy(xmalloc(bytes), w->core->weights, bytes);
}

/* The second update of a run of two, half way from 0.02 to 0, is one with 0.01. */
static void the_entropy_coefficient_moves_linearly_and_is_the_one_of_the_loss(void **state)
{
    (void)state;
    static struct world w;
    float *weights[2];
    size_t floats = 0;
    for (int scheduled = 0; scheduled < 2; scheduled++) {
        w = fresh();
        w.cfg.train_entropy = 0.02;
        w.cfg.train_entropy_final = scheduled ? 0 : -1;
        w.cfg.run_frames = 2 * STEPS;
        world_open(&w);
        assert_close(world_learn(&w, 1).entropy_coef, 0.02, 0, 0);
        if (!scheduled)
            w.core->params.entropy = w.core->params.entropy_final = 0.01;
        assert_close(world_learn(&w, 1).entropy_coef, 0.01, 1e-12, 0);
        weights[scheduled] = weights_of(&w);
        floats = w.core->floats;
        if (scheduled)
            assert_close(world_learn(&w, 1).entropy_coef, 0, 0, 0);
        world_close(&w);
    }
    assert_memory_equal(weights[0], weights[1], floats * sizeof(float));
    free(weights[0]);
    free(weights[1]);
}

/* --- ends of an update ----------------------------------------------------------------------- */

static void passes_end_early_when_the_loss_stands_still(void **state)
{
    (void)state;
    const struct {
        double early_stop, lr;
        int epochs;
    } want[] = {{0, 0, 5}, {1e-6, 0, 2}, {1e-6, 0.05, 5}}; /* with lr 0 every pass is the same */
    for (int i = 0; i < 3; i++) {
        static struct world w;
        struct train_stats s[2];
        w = fresh();
        w.cfg.train_lr = want[i].lr;
        w.cfg.train_epochs = 5;
        w.cfg.train_early_stop = want[i].early_stop;
        world_open(&w);
        s[0] = world_learn(&w, 1);
        assert_int_equal((int)s[0].epochs, want[i].epochs);
        assert_int_equal(trainer_counters(w.core)->adam_steps, want[i].epochs);
        world_close(&w);
        w.cfg.train_epochs = 1; /* means are per pass, however many there were */
        w.core = NULL;
        memset(w.step, 0, sizeof w.step);
        world_open(&w);
        s[1] = world_learn(&w, 1);
        if (want[i].lr == 0)
            assert_close(s[0].entropy, s[1].entropy, 1e-9, 0);
        world_close(&w);
    }
}

/* Nothing counts, so every advantage and with it the policy loss is 0 in every pass; the
 * exploration term is not. */
static void passes_do_not_end_early_while_the_exploration_term_moves(void **state)
{
    (void)state;
    static const enum config_train_exploration terms[] = {CONFIG_train_exploration_entropy,
                                                          CONFIG_train_exploration_symmetric_kl};
    for (int i = 0; i < 2; i++) {
        static struct world w;
        w = fresh();
        w.cfg.reward_coef_ext = 0;
        w.cfg.train_exploration = terms[i];
        w.cfg.train_entropy = 1;
        w.cfg.train_epochs = 4;
        w.cfg.train_early_stop = 1e-7;
        world_open(&w);
        struct train_stats s = world_learn(&w, 1);
        assert_close(s.policy_loss, 0, 0, 1e-7);
        assert_close(s.epochs, 4, 0, 0);
        world_close(&w);
    }
}

static void a_diverged_policy_makes_no_further_step_with_a_batch(void **state)
{
    (void)state;
    static const struct {
        double kl_stop;
        float far;
        double lr;
        int steps;
    } want[] = {
        {0, 0.3f, 1e-4, 8},    /* off */
        {0.1, 0.3f, 1e-4, 8},  /* the divergence is 0.045 */
        {0.02, 0.3f, 1e-4, 1}, /* the first step is always made */
        {0.02, 0, 0.3, 1},     /* and is what led too far */
        {0, 0, 0.3, 8},
    };
    for (int i = 0; i < 5; i++) {
        static struct world w;
        w = fresh();
        w.cfg.train_lr = want[i].lr;
        w.cfg.train_epochs = 2;
        w.cfg.train_minibatches = 4;
        w.cfg.train_kl_stop = want[i].kl_stop;
        world_open(&w);
        struct train_stats s = update_from_afar(&w, want[i].far);
        assert_int_equal(trainer_counters(w.core)->adam_steps, want[i].steps);
        assert_close(s.gradient_steps, want[i].steps, 0, 0);
        assert_close(s.epochs, want[i].steps / 4.0, 0, 0);
        if (want[i].lr < 0.3 || want[i].steps == 1) /* a mean of the steps made */
            assert_close(s.kl, divergence_of((double)want[i].far), 0.05, 1e-6);
        assert_true(s.kl_largest > 0.02);
        assert_int_equal(trainer_counters(w.core)->env_steps, STEPS);
        world_close(&w);
    }
}

/* --- a long update ---------------------------------------------------------------------------- */

static void count_a_turn(void *turns)
{
    ++*(int *)turns;
}

/* With both passes over each slice of each step, of which the calling thread has every second. */
static void an_update_says_that_it_goes_on(void **state)
{
    enum { EPOCHS = 3, MINIBATCHES = 2 };
    (void)state;
    static struct world w;
    for (int threads = 1; threads <= 2; threads++) {
        int turns = 0;
        w = fresh();
        w.cfg.train_threads = threads;
        w.cfg.train_epochs = EPOCHS;
        w.cfg.train_minibatches = MINIBATCHES;
        world_open(&w);
        trainer_watch(w.core, count_a_turn, &turns);
        assert_true(world_learn(&w, 1).gradient_steps == EPOCHS * MINIBATCHES);
        assert_int_equal(turns, EPOCHS * MINIBATCHES * 2 * (w.core->slice_count / threads));
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_learning_rate_is_zero_at_the_end),
        cmocka_unit_test(an_adaptive_learning_rate_follows_the_divergence_of_updates),
        cmocka_unit_test(an_adaptive_learning_rate_falls_where_the_divergence_ends_updates),
        cmocka_unit_test(an_adaptive_learning_rate_needs_a_divergence),
        cmocka_unit_test(a_reward_model_trains_beside_where_a_core_is_left),
        cmocka_unit_test(a_deterministic_run_trains_between_updates),
        cmocka_unit_test(the_entropy_coefficient_moves_linearly_and_is_the_one_of_the_loss),
        cmocka_unit_test(passes_end_early_when_the_loss_stands_still),
        cmocka_unit_test(passes_do_not_end_early_while_the_exploration_term_moves),
        cmocka_unit_test(a_diverged_policy_makes_no_further_step_with_a_batch),
        cmocka_unit_test(an_update_says_that_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
