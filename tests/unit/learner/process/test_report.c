/* SPDX-License-Identifier: MIT */
/* test_report.c - what metrics say of an update. */
#include "learner/process/report.h"

#include "tests/onic_test.h"
#include "tests/support/corridor_world.h"

static double variance(double steps, double sum, double squares)
{
    return squares / steps - sum / steps * (sum / steps);
}

static void value_heads_are_reported(void **state)
{
    static struct world w;
    struct metrics *m = NULL;
    (void)state;
    for (int normalised = 0; normalised < 2; normalised++) {
        memset(&w, 0, sizeof w);
        world_configure(&w);
        w.cfg.train_value_norm = normalised ? 0.1 : 0;
        world_open(&w);
        assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
        struct train_stats s = world_learn(&w, 3);
        report_update(m, w.core, &s);
        const struct value_sums *x = &s.values[POLICY_EXT];
        double targets = variance(x->steps, x->target, x->target_squares);
        double errors = variance(x->steps, x->error, x->error_squares);
        double scale = metrics_get(m, "train/return_scale_ext");
        assert_true(x->steps == WORLD_GROUPS * WORLD_T * WORLD_E);
        assert_true(targets > 0.001 && targets < 1 && errors > 0); /* rewards of 1 */
        assert_close(metrics_get(m, "train/explained_variance_ext"), 1 - errors / targets, 1e-9, 0);
        assert_close(metrics_get(m, "train/value"), x->value / x->steps, 1e-9, 0);
        assert_close(metrics_get(m, "train/value_target"), x->target / x->steps, 1e-9, 0);
        assert_close(x->target - x->value, x->error, 1e-6, 1e-6);
        if (normalised)
            assert_close(scale, value_norm_sigma(&w.core->value_norm, POLICY_EXT), 0, 0);
        else
            assert_close(scale, sqrt(targets), 1e-9, 0);
        metrics_free(m);
        world_close(&w);
    }
}

static void schedules_are_reported(void **state)
{
    static struct world w;
    struct metrics *m = NULL;
    (void)state;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    w.cfg.train_lr = 0.01;
    w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_linear;
    w.cfg.train_entropy = 0.02;
    w.cfg.train_entropy_final = 0.01;
    w.cfg.train_minibatches = 4;
    w.cfg.run_frames = 2 * WORLD_GROUPS * WORLD_T * WORLD_E;
    world_open(&w);
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    struct train_stats s = world_learn(&w, 2);
    report_update(m, w.core, &s);
    assert_close(metrics_get(m, "train/lr"), 0.005, 1e-9, 0);
    assert_close(metrics_get(m, "train/entropy_coef"), 0.015, 1e-9, 0);
    assert_close(metrics_get(m, "train/gradient_steps"), 4, 0, 0);
    assert_close(metrics_get(m, "train/kl_divergence"), s.kl, 0, 0);
    assert_close(metrics_get(m, "train/kl_largest"), s.kl_largest, 0, 0);
    assert_true(s.kl_largest > s.kl && s.kl > 0);
    metrics_free(m);
    world_close(&w);
}

/* Until something is paid, and for a stream that does not exist. */
static void targets_that_do_not_vary_have_no_explained_variance(void **state)
{
    static struct world w;
    struct metrics *m = NULL;
    struct train_stats s = {0};
    (void)state;
    world_configure(&w);
    world_open(&w);
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    report_update(m, w.core, &s);
    assert_true(isnan(metrics_get(m, "train/explained_variance_ext")));
    assert_true(isnan(metrics_get(m, "train/explained_variance_int")));
    assert_close(metrics_get(m, "train/return_scale_int"), 0, 0, 0);
    metrics_free(m);
    world_close(&w);
}

/* Beside each other on the page: a mean of many updates could be above the most of one. */
static void mean_and_most_of_the_lag_are_of_the_same_update(void **state)
{
    static struct world w;
    struct metrics *m = NULL;
    struct train_stats s = {.lag_mean = 5.5, .lag_max = 7};
    (void)state;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    world_open(&w);
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    report_update(m, w.core, &s);
    s.lag_mean = 0.25;
    s.lag_max = 1;
    report_update(m, w.core, &s);
    assert_close(metrics_get(m, "train/version_diff_avg"), 0.25, 0, 0);
    assert_close(metrics_get(m, "train/version_diff_max"), 1, 0, 0);
    metrics_free(m);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_heads_are_reported),
        cmocka_unit_test(schedules_are_reported),
        cmocka_unit_test(targets_that_do_not_vary_have_no_explained_variance),
        cmocka_unit_test(mean_and_most_of_the_lag_are_of_the_same_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
