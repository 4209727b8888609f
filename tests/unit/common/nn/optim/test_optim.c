/* SPDX-License-Identifier: MIT */
/* test_optim.c - Adam's steps, clipping and its refusal of bad gradients, schedules. */
#include "common/nn/optim/adam.h"
#include "common/nn/optim/grad_clip.h"
#include "common/nn/optim/schedule.h"
#include "tests/onic_test.h"

/* With a constant gradient the bias-corrected moments are g and g^2: every step is lr * sign(g). */
static void bias_correction_makes_the_first_steps_full_size(void **state)
{
    (void)state;
    const struct adam a = {0.9, 0.999, 1e-8};
    float p[2] = {1, 1}, m[2] = {0}, v[2] = {0};
    const float g[2] = {0.001f, -40.0f};
    for (uint64_t step = 1; step <= 20; step++) {
        adam_step(&a, p, m, v, g, 2, 1.0, 0.01, step);
        assert_close(p[0], 1 - 0.01 * (double)step, 1e-4, 0);
        assert_close(p[1], 1 + 0.01 * (double)step, 1e-4, 0);
    }
}

static void grad_scale_multiplies_the_gradient(void **state)
{
    (void)state;
    const struct adam a = {0.9, 0.99, 0.1};
    float p[1] = {0}, m[1] = {0}, v[1] = {0}, q[1] = {0}, n[1] = {0}, w[1] = {0};
    const float g[1] = {8}, half[1] = {4};
    adam_step(&a, p, m, v, g, 1, 0.5, 0.1, 1);
    adam_step(&a, q, n, w, half, 1, 1.0, 0.1, 1);
    assert_close(p[0], (double)q[0], 0, 0);
    assert_close(v[0], 0.01 * 16, 1e-6, 0);
}

static void adam_finds_the_minimum_of_a_parabola(void **state)
{
    (void)state;
    const struct adam a = {0.9, 0.999, 1e-6};
    float p[1] = {3}, m[1] = {0}, v[1] = {0};
    for (uint64_t step = 1; step <= 2000; step++) {
        float g = 2 * (p[0] - 1.25f);
        adam_step(&a, p, m, v, &g, 1, 1.0, 0.01, step);
    }
    assert_close(p[0], 1.25, 0, 1e-3);
}

static void a_long_gradient_is_scaled_to_the_bound(void **state)
{
    (void)state;
    const float g[3] = {3, 0, -4};
    double norm, scale;
    assert_true(grad_clip(g, 3, 2.0, &norm, &scale));
    assert_close(norm, 5, 1e-7, 0);
    assert_close(scale, 0.4, 1e-7, 0);
    assert_true(grad_clip(g, 3, 5.5, &norm, &scale));
    assert_close(scale, 1, 0, 0);
    assert_true(grad_clip(g, 3, 0.0, &norm, &scale)); /* off */
    assert_close(scale, 1, 0, 0);
}

static void a_gradient_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    float g[50] = {1};
    double norm, scale;
    g[49] = NAN;
    assert_false(grad_clip(g, 50, 4.0, &norm, &scale));
    assert_close(scale, 0, 0, 0);
    g[49] = -INFINITY;
    assert_false(grad_clip(g, 50, 0.0, &norm, &scale));
}

static void a_linear_schedule_goes_from_start_to_end(void **state)
{
    (void)state;
    assert_close(schedule_linear(0.5, 0, 0.25), 0.375, 1e-12, 0);
    assert_close(schedule_linear(0.5, 0, 1.5), 0, 0, 0);
    assert_close(schedule_linear(0.5, 0, -1), 0.5, 0, 0);
    assert_close(schedule_linear(0.02, 0.01, 0.25), 0.0175, 1e-12, 0);
    assert_close(schedule_linear(0.01, 0.05, 2), 0.05, 0, 0);
    for (double progress = 0; progress < 1; progress += 0.001)
        assert_true(schedule_linear(0.0123, 0.0123, progress) == 0.0123);
}

static void the_learning_rate_follows_the_divergence(void **state)
{
    (void)state;
    static const double want[][3] = {
        {3e-4, 0.0161, 2e-4},   {3e-4, 0.0159, 3e-4}, {3e-4, 0.008, 3e-4}, {3e-4, 0.0041, 3e-4},
        {3e-4, 0.0039, 4.5e-4}, {3e-4, 0, 4.5e-4},    {8e-3, 0, 1e-2},     {1e-2, 0, 1e-2},
        {1.2e-6, 1, 1e-6},      {1e-6, 1, 1e-6},      {0.05, 0, 0.05},     {0.06, 1, 0.04},
        {5e-7, 1, 5e-7},        {4e-7, 0, 6e-7},      {0, 0, 0},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_close(schedule_kl_adaptive(want[i][0], want[i][1], 0.008), want[i][2], 1e-12, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bias_correction_makes_the_first_steps_full_size),
        cmocka_unit_test(grad_scale_multiplies_the_gradient),
        cmocka_unit_test(adam_finds_the_minimum_of_a_parabola),
        cmocka_unit_test(a_long_gradient_is_scaled_to_the_bound),
        cmocka_unit_test(a_gradient_that_is_not_finite_is_refused),
        cmocka_unit_test(a_linear_schedule_goes_from_start_to_end),
        cmocka_unit_test(the_learning_rate_follows_the_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
