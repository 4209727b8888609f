/* SPDX-License-Identifier: MIT */
/* test_obs_stats.c - what observations are normalised by: against sums in long double over all that
 * was seen, exact over a resume, and harmless where values are constant or no numbers. */
#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/policy/obs_norm.h"
#include "learner/train/obs_stats.h"
#include "learner/train/trainer.h"
#include "learner/train/trainer_options.h"
#include "tests/onic_test.h"

enum { T = 7, E = 5, ELEMENTS = 6, BATCHES = 4, SEEN_MAX = BATCHES * T * E };

struct fixture {
    struct policy_config c;
    struct policy *p;
    struct obs_stats *s;
    struct trajectory *t;
    struct batch *b;
    struct rng rng;
    float *weights;
    /* what counted, of each element */
    double seen[ELEMENTS][SEEN_MAX];
    int count[ELEMENTS];
};

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->c = (struct policy_config){
        .net = "mlp", .core = POLICY_CORE_NONE, .actions = {.n = 2}, .obs_norm = true};
    obs_spec_add(&f->c.obs, "id", OBS_U8, 1, (int[]){3});
    obs_spec_add(&f->c.obs, "a", OBS_F32, 1, (int[]){ELEMENTS - 1});
    obs_spec_add(&f->c.obs, "n", OBS_I32, 1, (int[]){1});
    obs_spec_add(&f->c.obs, "b", OBS_F32, 1, (int[]){1});
    assert_ok(policy_create(&f->p, &f->c, &err));
    f->s = obs_stats_create(f->p);
    assert_non_null(f->s);
    struct trajectory_shape shape = {
        .T = T, .E = E, .obs_bytes = f->c.obs.obs_bytes, .actions = {.n = 2}};
    f->t = trajectory_create(&shape);
    f->b = batch_create();
    f->rng = rng_stream(5, "test", 0, 0, 0);
    f->weights = xaligned(policy_params(f->p)->floats * sizeof(float));
}

static void close_fixture(struct fixture *f)
{
    obs_stats_free(f->s);
    trajectory_free(f->t);
    batch_free(f->b);
    policy_free(f->p);
    free(f->weights);
}

/* Ordinary, large with a small deviation, constant and large, constant but for rounding, with gaps,
 * tiny. */
static float draw(struct rng *r, int element)
{
    float z = rng_normal(r);
    float gap = rng_below(r, 3) ? z : rng_below(r, 2) ? NAN : INFINITY;
    const float value[ELEMENTS] = {2.0f + 3.0f * z,
                                   3e7f + 200.0f * z,
                                   8765432.1f,
                                   0.1f + 7.5e-9f * (float)rng_below(r, 2),
                                   gap,
                                   1e-3f * z};
    return value[element];
}

/* A batch of one trajectory; every fifth step failed and does not count. */
static void see_batch(struct fixture *f)
{
    trajectory_clear(f->t);
    for (int i = 0; i < (T + 1) * E; i++) {
        uint8_t *row = f->t->obs + (size_t)i * f->c.obs.obs_bytes;
        bool counts = i < T * E && i % 5 != 2;
        memset(row, 200, f->c.obs.obs_bytes); /* other fields must not leak in */
        if (i < T * E)
            f->t->flags[i] = counts ? 0 : STEP_FAILED;
        for (int k = 0; k < ELEMENTS; k++) {
            const struct obs_field *to = obs_spec_find(&f->c.obs, k < ELEMENTS - 1 ? "a" : "b");
            float v = draw(&f->rng, k);
            memcpy(row + to->offset + (k < ELEMENTS - 1 ? (size_t)k * 4 : 0), &v, sizeof v);
            if (counts && isfinite(v))
                f->seen[k][f->count[k]++] = (double)v;
        }
    }
    batch_lay_out(f->b, &f->t, 1, 0, 0);
    obs_stats_see(f->s, f->b);
    obs_stats_put(f->s, f->weights);
}

static void mean_and_deviation_are_those_of_all_that_was_seen(void **state)
{
    (void)state;
    static struct fixture f;
    open_fixture(&f);
    struct obs_norm n = obs_norm_find(policy_params(f.p));
    assert_int_equal(n.count, ELEMENTS);
    for (int batch = 0; batch < BATCHES; batch++) {
        see_batch(&f);
        for (int k = 0; k < ELEMENTS; k++) {
            long double mean = 0, squares = 0;
            for (int i = 0; i < f.count[k]; i++)
                mean += (long double)f.seen[k][i] / f.count[k];
            for (int i = 0; i < f.count[k]; i++)
                squares += powl((long double)f.seen[k][i] - mean, 2);
            double scale = (double)(1 / sqrtl(squares / f.count[k]));
            bool constant = k == 2 || k == 3;
            assert_close(f.weights[n.mean + (size_t)k], (double)mean, 1e-7, 1e-9);
            assert_close(f.weights[n.scale + (size_t)k], constant ? 1 : scale, 2e-7, 0);
        }
    }
    assert_int_equal(f.count[0], BATCHES * T * E * 4 / 5);
    close_fixture(&f);
}

/* A constant is 0, also where its float is far from 0; what it later becomes is limited. */
static void a_constant_does_not_blow_up(void **state)
{
    (void)state;
    static struct fixture f;
    open_fixture(&f);
    struct obs_norm n = obs_norm_find(policy_params(f.p));
    for (int i = 0; i < 3; i++)
        see_batch(&f);
    for (size_t k = 2; k < 4; k++) {
        float mean = f.weights[n.mean + k], scale = f.weights[n.scale + k];
        assert_close(obs_norm_apply(draw(&f.rng, (int)k), mean, scale), 0, 0, k == 2 ? 0 : 2e-8);
        assert_in_range((int)fabsf(obs_norm_apply(1e30f, mean, scale)), 1, 10);
    }
    close_fixture(&f);
}

static void a_resume_is_exact(void **state)
{
    (void)state;
    static struct fixture f, g;
    struct buf saved, again;
    open_fixture(&f);
    open_fixture(&g);
    buf_init(&saved, 1 << 16);
    buf_init(&again, 1 << 16);
    see_batch(&f);
    obs_stats_save(f.s, &saved);
    assert_ok(obs_stats_load(g.s, saved.data, saved.len, &err));
    g.rng = f.rng;
    see_batch(&f);
    see_batch(&g);
    buf_reset(&saved);
    obs_stats_save(f.s, &saved);
    obs_stats_save(g.s, &again);
    assert_int_equal(saved.len, again.len);
    assert_memory_equal(saved.data, again.data, saved.len);
    /* what is none of them is refused, and what was there stays */
    double wrong = (double)NAN;
    assert_err(obs_stats_load(g.s, saved.data, saved.len - 8, &err), ONIC_EDAMAGED,
               "the statistics of the observations are malformed");
    memcpy(saved.data + 8, &wrong, sizeof wrong);
    assert_err(obs_stats_load(g.s, saved.data, saved.len, &err), ONIC_EDAMAGED,
               "the statistics of the observations are malformed");
    buf_reset(&saved);
    obs_stats_save(g.s, &saved);
    assert_memory_equal(saved.data, again.data, again.len);
    buf_release(&saved);
    buf_release(&again);
    close_fixture(&f);
    close_fixture(&g);
}

static double scale_of_batch(struct fixture *f, float absurd)
{
    struct obs_norm n = obs_norm_find(policy_params(f->p));
    const struct obs_field *a = obs_spec_find(&f->c.obs, "a");
    if (absurd != 0.0f)
        memcpy(f->t->obs + a->offset, &absurd, sizeof absurd); /* of step 0, which counts */
    obs_stats_see(f->s, f->b);
    obs_stats_put(f->s, f->weights);
    return (double)f->weights[n.scale];
}

/* It would be every later observation's measure, in every checkpoint. */
static void one_absurd_number_is_not_the_measure_of_all(void **state)
{
    (void)state;
    static struct fixture f;
    static const float absurd[] = {3e38f, -3e38f, 9e14f};
    open_fixture(&f);
    struct obs_norm n = obs_norm_find(policy_params(f.p));
    for (int i = 0; i < 100; i++) {
        f.count[0] = f.count[1] = f.count[2] = f.count[3] = f.count[4] = f.count[5] = 0;
        see_batch(&f);
    }
    double before = (double)f.weights[n.scale];
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++)
        scale_of_batch(&f, absurd[i]);
    assert_true((double)f.weights[n.scale] > before / 10);
    assert_close(f.weights[n.mean], 2, 0, 2);
    close_fixture(&f);
}

static void what_is_unseen_leaves_no_trace(void **state)
{
    (void)state;
    static struct fixture f;
    struct buf before, after;
    open_fixture(&f);
    buf_init(&before, 1 << 16);
    buf_init(&after, 1 << 16);
    see_batch(&f);
    obs_stats_save(f.s, &before);
    see_batch(&f);
    obs_stats_unsee(f.s);
    obs_stats_unsee(NULL);
    obs_stats_save(f.s, &after);
    assert_memory_equal(before.data, after.data, before.len);
    buf_release(&before);
    buf_release(&after);
    close_fixture(&f);
}

/* --- in a trainer ---------------------------------------------------------------------------- */

enum { UPDATES = 40, ROWS = 16 * 32 };

static struct trainer *open_trainer(bool norm, struct env_description *env)
{
    static struct config cfg;
    struct trainer *c;
    *env = (struct env_description){.actions = {.n = 2}, .max_steps = 1, .default_count = 32};
    config_defaults(&cfg);
    cfg.train_rollout = 16;
    cfg.train_threads = 1;
    cfg.train_lr = 0.01;
    cfg.policy_hidden = 16;
    cfg.policy_core = CONFIG_policy_core_none;
    cfg.policy_obs_norm = norm;
    cfg.reward_coef_int = 0;
    strcpy(cfg.reward_model, "none");
    strcpy(env->id, "test:Sign");
    strcpy(env->default_net, "mlp");
    obs_spec_add(&env->obs, "far", OBS_F32, 1, (int[]){2});
    assert_ok(trainer_of_options(&c, &cfg, env, &err));
    return c;
}

/* The numbers of a batch of which no gradient can be made may be of somebody who means harm. */
static void a_batch_that_is_refused_is_not_in_the_statistics(void **state)
{
    (void)state;
    struct env_description env;
    struct train_stats stats;
    struct trainer *c = open_trainer(true, &env);
    struct obs_norm n = obs_norm_find(policy_params(trainer_policy(c)));
    struct trajectory_shape shape = {
        .T = 16, .E = 32, .obs_bytes = env.obs.obs_bytes, .actions = {.n = 2}};
    struct trajectory *t = trajectory_create(&shape);
    float mean[3], scale[3];
    for (int update = 0; update < 3; update++) {
        trajectory_clear(t);
        for (int i = 0; i < ROWS; i++) {
            float seen[2] = {(float)(i % 7 + 100 * update), 1};
            memcpy(t->obs + (size_t)i * env.obs.obs_bytes, seen, sizeof seen);
            t->logp[i] = -0.7f;
            t->flags[i] = STEP_TERMINATED;
        }
        if (update == 1) {
            t->flags[5] = STEP_TRUNCATED;
            t->final_value[10] = NAN;
        }
        trainer_lay_out(c, &t, 1);
        assert_ok(trainer_update(c, &stats, &err));
        mean[update] = trainer_weights(c)[n.mean];
        scale[update] = trainer_weights(c)[n.scale];
    }
    assert_int_equal(trainer_counters(c)->nonfinite, 1);
    assert_true(mean[0] == mean[1] && scale[0] == scale[1]);
    assert_true(mean[2] > mean[1] + 50);
    trajectory_free(t);
    trainer_free(c);
}

/* One step per episode: the right one of two actions goes by the sign of 0.01 about 2000, which is
 * beyond what mlp reads as it is. Returns the share of right actions in the last update. */
static double right_after_learning(bool norm)
{
    struct env_description env;
    struct train_stats stats;
    struct trainer *c = open_trainer(norm, &env);
    struct trajectory_shape shape = {
        .T = 16, .E = 32, .obs_bytes = env.obs.obs_bytes, .actions = {.n = 2}};
    struct trajectory *t = trajectory_create(&shape);
    struct policy_actor *w = policy_actor_create(trainer_policy(c), ROWS);
    struct rng r = rng_stream(9, "test", 0, 0, 0);
    double right = 0;
    for (int update = 0; update < UPDATES; update++) {
        static const uint8_t *rows[ROWS];
        static float logits[ROWS * 2], u[ROWS];
        static union action_cell action[ROWS];
        trajectory_clear(t);
        for (int i = 0; i < ROWS; i++) {
            float seen[2] = {rng_below(&r, 2) ? 2000.01f : 1999.99f, NAN};
            rows[i] = memcpy(t->obs + (size_t)i * env.obs.obs_bytes, seen, sizeof seen);
            u[i] = rng_float(&r);
        }
        policy_act(trainer_policy(c), w, trainer_weights(c), rows, ROWS, NULL, logits, t->value);
        action_dist_sample(policy_actions(trainer_policy(c)), logits, NULL, u, ROWS, action,
                           t->logp);
        right = 0;
        for (int i = 0; i < ROWS; i++) {
            float seen;
            memcpy(&seen, rows[i], sizeof seen);
            t->action[i] = (int16_t)action[i].choice;
            t->reward[i] = t->action[i] == (seen > 2000.0f);
            t->flags[i] = STEP_TERMINATED;
            right += (double)t->reward[i] / ROWS;
        }
        trainer_lay_out(c, &t, 1);
        assert_ok(trainer_update(c, &stats, &err));
        assert_true(isfinite(stats.policy_loss));
    }
    policy_actor_free(w);
    trajectory_free(t);
    trainer_free(c);
    return right;
}

static void what_is_far_from_0_is_learned_from_only_when_normalised(void **state)
{
    (void)state;
    double with = right_after_learning(true), without = right_after_learning(false);
    if (!(with > 0.95 && without < 0.6))
        fail_msg("right actions: %g with, %g without", with, without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_deviation_are_those_of_all_that_was_seen),
        cmocka_unit_test(a_constant_does_not_blow_up),
        cmocka_unit_test(a_resume_is_exact),
        cmocka_unit_test(one_absurd_number_is_not_the_measure_of_all),
        cmocka_unit_test(what_is_unseen_leaves_no_trace),
        cmocka_unit_test(a_batch_that_is_refused_is_not_in_the_statistics),
        cmocka_unit_test(what_is_far_from_0_is_learned_from_only_when_normalised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
